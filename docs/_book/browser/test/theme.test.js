// The script that mends the theme, against a document of our own.

import assert from "node:assert/strict"
import { test } from "node:test"

const sent = []
class Request {
  open(method, url, ...rest) {
    this.asked = [method, url, ...rest]
  }
  send(...body) {
    sent.push([...this.asked, ...body])
  }
}
const listeners = new Map()
const root = { dataset: {} }
let container
const refused = {
  get() {
    throw new DOMException("no", "SecurityError")
  },
}
Object.defineProperty(globalThis, "sessionStorage", { configurable: true, ...refused })
Object.defineProperty(globalThis, "localStorage", { configurable: true, value: { getItem: () => "there" } })
const heard = {}
let active = null
let changed
const element = more => {
  const set = {}
  const setAttribute = (name, value) => {
    set[name] = value
  }
  return { set, setAttribute, ...more }
}
const found = {}
// Tags, as far as the script asks for them.
class Node {
  appendChild(node) {
    this.held = [...(this.held ?? []), node]
    node.isConnected = true
    return node
  }
  append(node) {
    Node.prototype.appendChild.call(this, node)
  }
}
class Element {
  constructor(selector) {
    this.selector = selector
  }
  setAttribute(name, value) {
    this[name] = value
  }
  matches(selector) {
    return selector === this.selector
  }
  closest(selector) {
    return selector === this.selector ? this : null
  }
}
class Meta extends Node {
  constructor(name, content) {
    super()
    Object.assign(this, { name, content, isConnected: false })
  }
}
class Link extends Node {
  #href = "../a.css"
  get href() {
    return `https://book.example/${this.#href.replace("../", "")}`
  }
  set href(address) {
    this.#href = address
  }
  get outerHTML() {
    return `<link href="${this.#href}">`
  }
  cloneNode() {
    return new Link()
  }
}
const head = new Node()
const link = new Link()
found["link[rel=stylesheet]"] = [link]
const idle = []
const seen = { observed: [], told: [] }
class Seen {
  constructor(callback) {
    this.callback = callback
  }
  observe(target) {
    seen.observed.push(target)
  }
  unobserve(target) {
    seen.observed.splice(seen.observed.indexOf(target), 1)
  }
}
const workers = []
class Process {
  constructor(...given) {
    this.given = given
    this.posted = []
    workers.push(this)
  }
  postMessage(message) {
    this.posted.push(message)
  }
}
let sized
let left = 0
const watched = new Map()
Object.assign(globalThis, {
  Node,
  HTMLMetaElement: Meta,
  Worker: Process,
  IntersectionObserver: Seen,
  ResizeObserver: class {
    constructor(callback) {
      sized = callback
    }
    observe(box) {
      box.watched = (box.watched ?? 0) + 1
    }
    disconnect() {
      left++
    }
  },
  requestIdleCallback: callback => idle.push(callback),
  matchMedia: () => ({ matches: false }),
  window: globalThis,
  Element,
  addEventListener: (name, listener) => {
    heard[name] = listener
  },
  XMLHttpRequest: Request,
  location: new URL("https://book.example/chapters/one/"),
  document: {
    get activeElement() {
      return active && { matches: selector => selector === active }
    },
    addEventListener: (name, listener) => listeners.set(name, listener),
    removeEventListener: (name, listener) => listeners.get(name) === listener && listeners.delete(name),
    documentElement: root,
    head,
    body: new Element("body"),
    querySelector: () => container,
    querySelectorAll: selector => found[selector.split(":")[0]] ?? [],
  },
  MutationObserver: class {
    constructor(callback) {
      this.callback = callback
    }
    observe(target) {
      if (target === document) changed = this.callback
      else watched.set(target, this.callback)
    }
  },
})
await import("../../site/theme.js")

const asked = url => {
  sent.length = 0
  const request = new Request()
  request.open("GET", url)
  request.send()
  return sent.length
}

test("the search index waits until somebody searches", () => {
  assert.equal(asked("search/search_index.json"), 0)
  active = "[name=other]"
  listeners.get("focusin")()
  assert.equal(sent.length, 0)
  active = "[name=query]"
  listeners.get("focusin")()

  assert.deepEqual(sent, [["GET", "search/search_index.json"]])
  assert.equal(listeners.size, 0)
})

test("who is searching waits for nothing, nor does any other file", () => {
  active = "[name=query]"
  assert.equal(asked(new URL("https://book.example/search/search_index.json")), 1)
  active = null
  assert.equal(asked("sitemap.xml"), 1)
  location.search = "?q=he"
  assert.equal(asked("search/search_index.json"), 1)
})

test("what the theme adds to a page later is mended", () => {
  const nav = element()
  const wide = element({ scrollWidth: 9, clientWidth: 5 })
  const narrow = element({ scrollWidth: 5, clientWidth: 5 })
  found[".md-code__nav"] = [nav]
  found[".md-typeset__scrollwrap"] = [wide, narrow]
  changed()
  changed()
  assert.deepEqual([wide.watched, narrow.watched], [1, 1])
  sized([{ target: wide }, { target: narrow }])

  assert.deepEqual([nav.set, wide.set, narrow.set], [{ role: "none" }, { tabindex: "0" }, {}])
})

test("where a browser keeps nothing, a store lasts as long as the page", () => {
  assert.equal(localStorage.getItem("x"), "there")
  assert.equal(sessionStorage.getItem("x"), null)
  sessionStorage.setItem("x", 1)
  assert.deepEqual([sessionStorage.getItem("x"), sessionStorage.length, sessionStorage.key(0)], ["1", 1, "x"])
  sessionStorage.removeItem("x")
  assert.equal(sessionStorage.getItem("x"), null)
  sessionStorage.setItem("y", "")
  sessionStorage.clear()
  assert.equal(sessionStorage.length, 0)
})

test("a page is laid out as a whole where somebody goes to a place in it, and the next one is not", () => {
  assert.equal(root.dataset.whole, undefined)
  heard.click({ target: new Element("button") })
  assert.equal(root.dataset.whole, undefined)
  heard.click({ target: new Element("a[href*='#']") })
  assert.equal(root.dataset.whole, "")
  container = { querySelectorAll: () => [] }
  location.search = ""
  changed()
  container = { querySelectorAll: () => [] }
  changed()
  assert.equal(root.dataset.whole, undefined)
  location.hash = "#there"
  heard.hashchange()
  assert.equal(root.dataset.whole, "")
})

test("a page that was left is taken apart, since the theme holds on to it", () => {
  const removed = []
  container = { querySelectorAll: names => [{ remove: () => removed.push(names) }] }
  changed()
  changed()
  assert.deepEqual(removed, [])
  const before = left

  container = { querySelectorAll: () => [] }
  changed()
  assert.deepEqual(removed, ["article, nav"])
  assert.equal(left, before + 1)
})

test("a block of code has its button when it is seen, or else when nobody waits", () => {
  const blocks = [1, 2, 3].map(at => Object.assign(new Element("pre > code"), { at, isConnected: at !== 3 }))
  const told = []
  const observer = new IntersectionObserver(entries => {
    for (const entry of entries) told.push([entry.target.at, entry.isIntersecting])
  })
  for (const block of blocks) observer.observe(block)
  observer.observe(new Element("figure"))
  assert.equal(seen.observed.length, 4)
  assert.deepEqual([told, idle.length], [[], 1])

  observer.unobserve(blocks[0]) // it was seen
  idle.shift()()

  assert.deepEqual(told, [[2, true]]) // the third is on a page that was left
  assert.equal(idle.length, 0)
})

test("that a page is light is not said where it holds anyway, and what is dark is said", () => {
  const meta = new Meta("color-scheme", "")
  assert.equal(head.appendChild(meta), meta)
  for (const content of ["light", "dark", "light", "dark"]) {
    meta.content = content
    watched.get(meta)()
  }
  const other = new Meta("theme-color", "")
  assert.equal(head.appendChild(other), other)

  assert.deepEqual(head.held, [meta, other])
})

test("where nothing switches its colours, nothing is styled for it; from then on it is", () => {
  const { body } = document
  const set = name => {
    delete body[name]
    body.setAttribute(name, "")
    return body[name]
  }
  assert.equal(set("data-md-color-media"), "")
  assert.equal(set("data-md-color-switching"), undefined)
  assert.equal(set("data-md-color-switching"), "")
})

test("a style sheet is not told its address, and says that it was", () => {
  const { href } = link
  link.href = href

  assert.equal(Link.prototype.__lookupGetter__("outerHTML").call(link), '<link href="../a.css">')
  assert.equal(link.outerHTML, '<link href="https://book.example/a.css">')
})

test("the worker that searches starts when it is sent something, and hands on what it answers", () => {
  const searcher = new Worker("https://book.example/assets/javascripts/workers/search.0.min.js")
  const answers = []
  searcher.addEventListener("message", ({ data }) => answers.push(data))
  assert.equal(workers.length, 0)

  searcher.postMessage("index")
  searcher.postMessage("words")
  workers[0].onmessage({ data: "found" })

  assert.deepEqual(workers[0].posted, ["index", "words"])
  assert.deepEqual(answers, ["found"])
})

test("any other worker starts at once", () => {
  const worker = new Worker("assets/live/worker.js", { type: "module" })

  assert.ok(worker instanceof Process)
  assert.deepEqual(worker.given, ["assets/live/worker.js", { type: "module" }])
})
