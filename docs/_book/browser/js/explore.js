// On every page with a figure that can be explored: small, since every reader gets it. The figure stands as the page
// drew it until its button is pressed, or until the address of the page holds settings for it. A figure with `data-play`
// opens and plays when it is first seen, unless the reader wants no motion, or no bytes that were not asked for.

const moving = () => !matchMedia("(prefers-reduced-motion: reduce)").matches && !navigator.connection?.saveData

import { changed, differs, tell } from "./_edition.js"

// A link with settings shows them where it leads; who comes back is where they were.
let arrives = performance.getEntriesByType("navigation").some(entry => "type" in entry && entry.type === "navigate")

const prepare = () => {
  // On the page that holds all chapters, which is for paper, figures stay as they are.
  /** @type {NodeListOf<HTMLElement>} */
  const hosts = document.querySelectorAll("[data-explore]:not(.part *, .explorable--ready)")
  if (hosts.length && differs()) return tell()
  const arrived = arrives || !history.state
  arrives = false
  for (const host of hosts) {
    const name = host.dataset.explore ?? ""
    const button = document.createElement("button")
    button.type = "button"
    button.className = "explorable__open"
    button.textContent = "Explore this figure: move its sliders"
    host.classList.add("explorable--ready")
    host.prepend(button)
    /** @type {(come: "pressed" | "linked" | "back" | "seen") => Promise<void>} */
    const open = async come => {
      button.disabled = true
      button.textContent = "Loading\u2026"
      try {
        const [{ open }, { default: explorable }] = await Promise.all([
          import("./explore/_frame.js"),
          import(`./explore/${name}.js`),
        ])
        await open(host, name, explorable, come)
      } catch (error) {
        console.warn(error)
        button.hidden = button.disabled = false
        button.textContent = (await changed()) ? "The book has changed" : "This could not be loaded. Try again"
      }
    }
    button.addEventListener("click", () => open("pressed"))
    if (new URLSearchParams(location.search).has(name)) open(arrived ? "linked" : "back")
    else if ("play" in host.dataset && moving()) {
      button.hidden = true // it would push the figure down, and go
      const seen = new IntersectionObserver(
        entries => {
          if (!entries.some(entry => entry.isIntersecting)) return
          seen.disconnect()
          open("seen")
        },
        { threshold: 0.3 },
      )
      seen.observe(host)
    }
  }
}

// The theme changes pages without loading them anew, and says so here: see live.js.
if (window.shallownetExplore) tell()
else if (window.document$) window.document$.subscribe(prepare)
else prepare()
window.shallownetExplore = true
