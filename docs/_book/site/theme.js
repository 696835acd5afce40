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
// It wraps every copy button in a <nav>: dozens of landmarks without a name, of no use to those who go by landmarks.
// And every table in a box that scrolls, which a keyboard must be able to reach where there is something to scroll.
new MutationObserver(() => {
  for (const nav of document.querySelectorAll(".md-code__nav:not([role])")) nav.setAttribute("role", "none")
  for (const box of document.querySelectorAll(".md-typeset__scrollwrap:not([tabindex])"))
    if (box.scrollWidth > box.clientWidth) box.setAttribute("tabindex", "0")
}).observe(document, { childList: true, subtree: true })
