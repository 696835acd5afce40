// The theme fetches the search index, by far the heaviest file of the site, on every visit: wait for the first search.
{
  const { open, send } = XMLHttpRequest.prototype
  const searching = () => document.activeElement?.matches("[name=query]") || new URL(location).searchParams.has("q")
  XMLHttpRequest.prototype.open = function (method, url, ...rest) {
    this.isIndex = `${url}`.endsWith("search_index.json")
    return open.call(this, method, url, ...rest)
  }
  XMLHttpRequest.prototype.send = function (...rest) {
    if (!this.isIndex || searching()) return send.apply(this, rest)
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
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0
}).observe(document, { childList: true, subtree: true })
