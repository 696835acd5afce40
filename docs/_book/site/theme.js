// Some browsers are told to keep nothing, and then throw where the theme asks: a store that lasts as long as the page.
for (const name of /** @type {const} */ (["localStorage", "sessionStorage"])) {
  try {
    window[name].getItem("")
  } catch {
    /** @type {Map<string, string>} */
    const kept = new Map()
    /** @type {Storage} */
    const value = {
      getItem: key => kept.get(`${key}`) ?? null,
      setItem: (key, text) => void kept.set(`${key}`, `${text}`),
      removeItem: key => void kept.delete(`${key}`),
      clear: () => kept.clear(),
      key: at => [...kept.keys()][at] ?? null,
      get length() {
        return kept.size
      },
    }
    Object.defineProperty(window, name, { configurable: true, value })
  }
}
// A page that is opened at some place in it is laid out as a whole: what is off the screen has no height of its own until
// then, and that place would move as soon as it has.
const placed = () => {
  if (location.hash.length > 1 || location.search.length > 1) document.documentElement.dataset.whole = ""
}
placed()
addEventListener("hashchange", placed)
addEventListener(
  "click",
  ({ target }) => {
    if (target instanceof Element && target.closest("a[href*='#']")) document.documentElement.dataset.whole = ""
  },
  true,
)
// The theme fetches the search index, by far the heaviest file of the site, on every visit: wait for the first search.
{
  const { open, send } = XMLHttpRequest.prototype
  const searching = () =>
    document.activeElement?.matches("[name=query]") || new URL(location.href).searchParams.has("q")
  const waiting = new WeakSet()
  XMLHttpRequest.prototype.open = new Proxy(open, {
    apply(open, request, rest) {
      if (`${rest[1]}`.endsWith("search_index.json")) waiting.add(request)
      return Reflect.apply(open, request, rest)
    },
  })
  XMLHttpRequest.prototype.send = function (...rest) {
    if (!waiting.has(this) || searching()) return send.apply(this, rest)
    const ready = () => {
      if (!searching()) return
      document.removeEventListener("focusin", ready)
      send.apply(this, rest)
    }
    document.addEventListener("focusin", ready)
  }
}
// Nor is there anything to do for the worker that searches before it is sent the index.
{
  const { Worker } = window
  /** @param {string} address */
  const searcher = address => {
    const face = new EventTarget()
    /** @type {Worker | undefined} */
    let worker
    const start = () => {
      const started = new Worker(address)
      started.onmessage = ({ data }) => face.dispatchEvent(new MessageEvent("message", { data }))
      return started
    }
    /** @param {unknown} message */
    const postMessage = message => {
      worker ??= start()
      worker.postMessage(message)
    }
    return Object.assign(face, { postMessage })
  }
  window.Worker = new Proxy(Worker, {
    construct: (Worker, given, target) =>
      /\/workers\/search\.[^/]*$/.test(`${given[0]}`)
        ? searcher(`${given[0]}`)
        : Reflect.construct(Worker, given, target),
  })
}
// It says at once in which colours it shows a page, also where they are those that the page came in. Each of two ways to
// say so has the browser style all of the page anew, while a slow phone has enough to do.
{
  const { head } = document
  /** @type {typeof head.appendChild} */
  head.appendChild = node => {
    if (node instanceof HTMLMetaElement && node.name === "color-scheme") {
      // "light" is what holds without it.
      const say = () => {
        if (node.content !== "light" && !node.isConnected) head.append(node)
      }
      new MutationObserver(say).observe(node, { attributes: true })
    } else Node.prototype.appendChild.call(head, node)
    return node
  }
}
const calm = () => {
  const { body } = document
  if (matchMedia("(prefers-color-scheme: dark)").matches) return
  body.setAttribute = (name, value) => {
    if (name === "data-md-color-switching") Reflect.deleteProperty(body, "setAttribute")
    else Element.prototype.setAttribute.call(body, name, value)
  }
}
// It writes every address of a page out, so that it holds on other pages as well. A style sheet that is told its address,
// even if it is the same, is read, and the page is styled and laid out, once more: so it only says that it was told.
for (const link of /** @type {NodeListOf<HTMLLinkElement>} */ (document.querySelectorAll("link[rel=stylesheet]"))) {
  const address = link.href
  Object.defineProperties(link, {
    href: { configurable: true, get: () => address, set() {} },
    outerHTML: {
      configurable: true,
      get() {
        const told = /** @type {HTMLLinkElement} */ (link.cloneNode())
        told.href = address
        return told.outerHTML
      },
    },
  })
}
// When it changes pages without loading them anew, listeners of its own hold on to the old page's list of contents, and
// with it to all of that page. So the old page is taken apart.
let shown = /** @type {Element | null} */ (null)
const leave = () => {
  const now = document.querySelector("[data-md-component=container]")
  if (!now || now === shown) return
  if (shown) {
    delete document.documentElement.dataset.whole
    placed()
  } else calm()
  for (const part of shown?.querySelectorAll("article, nav") ?? []) part.remove()
  boxes.disconnect()
  shown = now
}
// It gives a block of code its copy button, and what scrolls there a place among those that a keyboard reaches, when the
// block is first seen (content.lazy); all at once is what a slow phone is busy with longest. Those who go on by the
// keyboard get ahead of what is seen, so the others have theirs soon too, a few at a time.
{
  /** @type {Map<Element, (target: Element) => void>} */
  const waiting = new Map()
  const later = window.requestIdleCallback ?? setTimeout
  const some = () => {
    const until = performance.now() + 6
    for (const [target, tell] of waiting) {
      waiting.delete(target)
      if (target.isConnected) tell(target)
      if (performance.now() > until) break
    }
    if (waiting.size) later(some)
  }
  window.IntersectionObserver = class extends IntersectionObserver {
    /** @type {ConstructorParameters<typeof IntersectionObserver>[0]} */
    #callback
    /** @param {ConstructorParameters<typeof IntersectionObserver>} given */
    constructor(...given) {
      super(...given)
      this.#callback = given[0]
    }
    /** @param {Element} target */
    observe(target) {
      super.observe(target)
      if (!target.matches("pre > code")) return
      if (!waiting.size) later(some)
      waiting.set(target, () => {
        const entry = /** @type {IntersectionObserverEntry} */ ({ target, isIntersecting: true })
        this.#callback([entry], this)
      })
    }
    /** @param {Element} target */
    unobserve(target) {
      super.unobserve(target)
      waiting.delete(target)
    }
  }
}
// It wraps every copy button in a <nav>: dozens of landmarks without a name, of no use to those who go by landmarks.
// And every table in a box that scrolls, which a keyboard must be able to reach where there is something to scroll: that
// is looked at after a layout, since to ask for it before would be one more.
const watched = new WeakSet()
const boxes = new ResizeObserver(entries => {
  for (const { target } of entries) if (target.scrollWidth > target.clientWidth) target.setAttribute("tabindex", "0")
})
new MutationObserver(() => {
  leave()
  for (const nav of document.querySelectorAll(".md-code__nav:not([role])")) nav.setAttribute("role", "none")
  for (const box of document.querySelectorAll(".md-typeset__scrollwrap")) {
    if (!watched.has(box)) boxes.observe(box)
    watched.add(box)
  }
}).observe(document, { childList: true, subtree: true })
