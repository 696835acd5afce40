// What a reader sees of a cell: its state, and what came of it.

import { plural, verdict } from "./_runs.js"

/** @import { Cell, LivePage, Outcome, Status } from "./types" */

let pictures = 0

/** @type {(tag: string, className: string, text?: string) => HTMLElement} */
const element = (tag, className, text) => {
  const made = document.createElement(tag)
  made.className = className
  if (text !== undefined) made.textContent = text
  return made
}

/** @type {(cell: Cell) => boolean} */
export const busy = ({ box }) => box.dataset.state === "loading" || box.dataset.state === "running"

/** @type {(cell: Cell, state: string, says?: string) => void} */
export const set = (cell, state, says = "") => {
  cell.box.dataset.state = state
  cell.says.textContent = says
  for (const button of cell.bar.querySelectorAll("[data-action=run], [data-action=check]"))
    button.setAttribute("aria-disabled", `${busy(cell)}`)
  if (!busy(cell)) refocus(cell.bar)
}

// Stop is there only while something runs: who has reached it by the keyboard goes back to where they came from.
/** @type {(bar: Element | null) => void} */
export const refocus = bar => {
  if (!bar?.querySelector("[data-action=stop]:focus")) return
  const back = /** @type {HTMLElement | null} */ (bar.querySelector("[data-action=run], [data-action=check]"))
  back?.focus()
}

/** @type {(page: LivePage, text: string | null) => void} */
export const announce = (page, text) => {
  page.live.textContent = text
}

/** @type {(cell: Cell, action: string) => HTMLElement} */
export const button = (cell, action) => /** @type {HTMLElement} */ (cell.bar.querySelector(`[data-action=${action}]`))

/** @type {(cell: Cell, action: string, text: string) => void} */
export const rename = (cell, action, text) => {
  const renamed = button(cell, action)
  renamed.textContent = text
  renamed.setAttribute("aria-label", `${text} ${cell.name}`)
}

/** @type {(cell: Cell) => void} */
export const clear = cell => cell.box.querySelector(".cell__result")?.remove()

/** @type {(cell: Cell, outcome: Outcome) => void} */
export const render = (cell, outcome) => {
  clear(cell)
  const { output, message, traceback, figures, failed, state } = outcome
  const result = element("div", "cell__result")
  if (output) result.append(scrolling("cell__output", output, `Output of ${cell.name}`))
  for (const { svg } of figures) result.append(...picture(svg))
  if (failed) {
    result.append(element("p", "cell__message", "This does not hold:"))
    result.append(scrolling("cell__failed", failed, "Assertion that fails"))
  }
  if (state === "differs" && message && !failed)
    result.append(element("p", "cell__message", `Compared with the book: ${message}`))
  if (message && !message.startsWith("this does not hold") && (failed || (state === "error" && !traceback)))
    result.append(element("p", "cell__message", message))
  if (traceback && !failed) result.append(scrolling("cell__traceback", traceback, `Error of ${cell.name}`))
  if (result.childNodes.length) cell.box.append(result)
  set(cell, state === "failed" ? "error" : state, verdict(cell, outcome))
  if (!cell.check) rename(cell, "run", state === "failed" ? "Retry" : "Run")
}

/** @type {(bytes: number) => string} */
const megabytes = bytes => (bytes / 1e6).toFixed(1)

// Follow the runtime while a cell waits for it, or for what the cell draws with.
/** @type {(cell: Cell) => (status: Status) => void} */
export const follow =
  cell =>
  ({ state, done, total }) => {
    const share = done < total ? ` ${megabytes(done)} of ${megabytes(total)} MB` : ""
    if (state === "loading") set(cell, "loading", `Loading Python\u2026${share}`)
    else if (state === "ready") set(cell, "running", share ? `Loading\u2026${share}` : "Running\u2026")
  }

// Which blocks run first.
/** @type {(page: LivePage, cell: Cell, first: number) => void} */
export const first = (page, cell, count) => {
  const blocks = plural(count, "block")
  announce(page, `First, ${blocks} above that ${count === 1 ? "has" : "have"} not run yet`)
  cell.says.textContent = `First, ${blocks} above\u2026`
}

// In a box of its own that scrolls, and that a keyboard reaches.
/** @type {(className: string, text: string, label: string) => HTMLElement} */
const scrolling = (className, text, label) => {
  const made = element("pre", className)
  made.append(element("samp", "", text.replace(/\n$/, "")))
  made.tabIndex = 0
  made.setAttribute("role", "group")
  made.setAttribute("aria-label", label)
  return made
}

// The figure's ids are those of the one in the book, which stands on the same page.
/** @type {(svg: string) => HTMLElement[]} */
const picture = svg => {
  const own = `-live${++pictures}`
  const text = svg.replace(/\b(id="|url\(#|href="#)([^")]+)/g, `$1$2${own}`)
  const named = text.includes("xmlns:xlink")
    ? text
    : text.replace("<svg", '<svg xmlns:xlink="http://www.w3.org/1999/xlink"')
  const whole = /<svg[^>]*\sxmlns=/.test(named)
    ? named
    : named.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"')
  const { documentElement: root } = new DOMParser().parseFromString(whole, "image/svg+xml")
  if (root.localName !== "svg" || root.querySelector("parsererror")) return []
  for (const each of root.querySelectorAll("script, foreignObject")) each.remove()
  for (const each of [root, ...root.querySelectorAll("*")])
    for (const { name } of [...each.attributes]) if (/^on/i.test(name)) each.removeAttribute(name)
  const frame = element("div", "cell__figure")
  frame.append(document.importNode(root, true))
  return [frame]
}
