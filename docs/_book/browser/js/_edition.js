// A page that stays open while the book is published anew: its scripts have names by their content, and those names are
// gone from the server. The manifest's own name, which each page has, says of which edition a page is.

/** @type {(content: string | null | undefined) => string} */
const named = content => (content ?? "").split("/").pop() ?? ""

const current = () => named(document.querySelector("meta[name=live]")?.getAttribute("content"))

// Of the page that brought this script: the theme changes pages without loading them anew.
const mine = current()

// Whether the page on the screen is of another edition than the scripts that run.
export const differs = () => current() !== "" && current() !== mine

// Ask the server whether the page on the screen has changed since; if so, say it.
export const changed = async () => {
  const answer = await fetch(location.pathname, { cache: "no-store" }).catch(() => undefined)
  if (!answer?.ok) return false
  const there = new DOMParser().parseFromString(await answer.text(), "text/html")
  const now = named(there.querySelector("meta[name=live]")?.getAttribute("content"))
  if (now === mine) return false
  tell()
  return true
}

export const tell = () => {
  if (document.querySelector(".edition")) return
  const box = document.createElement("div")
  const text = document.createElement("p")
  const button = document.createElement("button")
  box.className = "edition"
  box.setAttribute("role", "alert")
  text.textContent = `The book has changed since you opened it. ${
    localStorage instanceof Storage
      ? "What you have edited is kept."
      : "Copy what you have edited first: this browser keeps nothing."
  }`
  button.type = "button"
  button.textContent = "Load it anew"
  button.addEventListener("click", () => location.reload())
  box.append(text, button)
  document.body.append(box)
}
