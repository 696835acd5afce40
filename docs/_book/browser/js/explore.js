// On every page with a figure that can be explored: small, since every reader gets it. The figure stands as the page
// drew it until its button is pressed, or until the address of the page holds settings for it.

const prepare = () => {
  // On the page that holds all chapters, which is for paper, figures stay as they are.
  /** @type {NodeListOf<HTMLElement>} */
  const hosts = document.querySelectorAll("[data-explore]:not(.part *, .explorable--ready)")
  for (const host of hosts) {
    const name = host.dataset.explore ?? ""
    const button = document.createElement("button")
    button.type = "button"
    button.className = "explorable__open"
    button.textContent = "Explore this figure"
    host.classList.add("explorable--ready")
    host.prepend(button)
    /** @type {(pressed: boolean) => Promise<void>} */
    const open = async pressed => {
      button.disabled = true
      button.textContent = "Loading\u2026"
      try {
        const [{ open }, { default: explorable }] = await Promise.all([
          import("./explore/_frame.js"),
          import(`./explore/${name}.js`),
        ])
        await open(host, name, explorable, pressed)
      } catch (error) {
        console.warn(error)
        button.disabled = false
        button.textContent = "This could not be loaded. Try again"
      }
    }
    button.addEventListener("click", () => open(true))
    if (new URLSearchParams(location.search).has(name)) open(false)
  }
}

// The theme changes pages without loading them anew, and says so here.
if (window.document$) window.document$.subscribe(prepare)
else prepare()
