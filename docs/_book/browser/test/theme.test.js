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
Object.assign(globalThis, {
  window: globalThis,
  Element: class {
    constructor(selector) {
      this.selector = selector
    }
    closest(selector) {
      return selector === this.selector ? this : null
    }
  },
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
    querySelector: () => container,
    querySelectorAll: selector => found[selector.split(":")[0]] ?? [],
  },
  MutationObserver: class {
    constructor(callback) {
      changed = callback
    }
    observe() {}
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

  container = { querySelectorAll: () => [] }
  changed()
  assert.deepEqual(removed, ["article, nav"])
})
