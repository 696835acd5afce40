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
// When it changes pages without loading them anew, listeners of its own hold on to the old page's list of contents, and
// with it to all of that page. So the old page is taken apart.
let shown = /** @type {Element | null} */ (null)
const leave = () => {
  const now = document.querySelector("[data-md-component=container]")
  if (!now || now === shown) return
  for (const part of shown?.querySelectorAll("article, nav") ?? []) part.remove()
  shown = now
}
// It wraps every copy button in a <nav>: dozens of landmarks without a name, of no use to those who go by landmarks.
// And every table in a box that scrolls, which a keyboard must be able to reach where there is something to scroll.
new MutationObserver(() => {
  leave()
  for (const nav of document.querySelectorAll(".md-code__nav:not([role])")) nav.setAttribute("role", "none")
  for (const box of document.querySelectorAll(".md-typeset__scrollwrap:not([tabindex])"))
    if (box.scrollWidth > box.clientWidth) box.setAttribute("tabindex", "0")
}).observe(document, { childList: true, subtree: true })
