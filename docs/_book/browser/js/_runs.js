// What has run on the pages of a visit, and what has to run before a block can: no page is needed to know it.
//
// The blocks of a page share their names. What has run is always the page down to some block: one that runs again finds
// the names as it found them first, and those below it have to run again.

/** @import { Cell, Exercise, LivePage, Outcome, Payload } from "./types" */

// By page and cell: what came of it, also after the page was left and found again.
/** @type {Map<string, Map<string, { ran: boolean, outcome: Outcome, text: string | null }>>} */
const memory = new Map()

/** @param {{ space: string }} page */
export const recalled = ({ space }) => {
  const found = memory.get(space) ?? new Map()
  memory.set(space, found)
  return found
}

/** @param {number} count @param {string} word */
export const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`

/** @type {(outcome: Outcome) => boolean} */
export const passed = ({ state }) => state === "ok" || state === "differs"

// Keep what came of a cell; those below it that share its names have to run again.
/** @type {(page: LivePage, cell: Cell, outcome: Outcome) => void} */
export const settle = (page, cell, outcome) => {
  recalled(page).set(cell.key, { ran: passed(outcome), outcome, text: cell.edited })
  if (cell.check || cell.data.standalone) return
  for (const below of page.cells.slice(page.cells.indexOf(cell) + 1)) {
    const found = below.space === cell.space && recalled(page).get(below.key)
    if (found) found.ran = false
  }
}

/** @type {(page: LivePage, cell: Cell) => boolean} */
export const ran = (page, cell) => {
  const found = recalled(page).get(cell.key)
  return Boolean(found?.ran) && found.text === cell.edited
}

// What runs where a cell is asked for: those above that have not run, and the cell itself.
/** @type {(page: LivePage, cell: Cell) => Cell[]} */
export const needed = (page, cell) => {
  const shares = (/** @type {Cell} */ each) => !each.check && !each.data.standalone && each.space === cell.space
  const above = cell.data.standalone ? [] : page.cells.slice(0, page.cells.indexOf(cell)).filter(shares)
  return [...above.filter(each => !ran(page, each)), cell]
}

// The names are gone: all that has run has to run again.
export const forget = () => {
  for (const cells of memory.values()) for (const found of cells.values()) found.ran = false
}

// What is said of a cell that ran.
/** @type {(cell: Cell, outcome: Outcome) => string} */
export const verdict = (cell, { state, message, seconds }) => {
  if (state === "stopped") return "Stopped"
  if (state === "failed") return message ?? ""
  if (cell.check) return state === "ok" ? "Right: all that the solution asserts holds" : "Not yet"
  if (state === "error") return "Stopped by an error"
  if (state === "differs") return "Not as printed"
  const time = seconds >= 1 ? `, ${seconds.toFixed(seconds < 10 ? 1 : 0)} s` : ""
  return (cell.data.shown === null ? "Ran" : "As printed") + time
}

// A block as the worker wants it. A session that nobody has edited is compared prompt by prompt.
/** @type {(cell: Cell) => Payload} */
export const payload = ({ data, edited, text, name }) => ({
  language: edited === null ? data.language : "edited",
  code: `${edited ?? text}\n`,
  output: data.language === "pycon" && edited === null ? null : data.shown,
  standalone: data.standalone,
  path: data.lab ? "page.ipynb" : "page.md", // a lab's cell shows its last value
  name, // in tracebacks; lines are counted from the block's first
  line: 0,
  number: data.number,
  figures: data.saves,
})

// An answer as the worker wants it: it is checked where its solution stands.
/** @type {(cell: Cell) => Exercise} */
export const exercise = ({ data, check, edited }) => ({
  code: `${edited ?? ""}\n`,
  assertions: check?.assertions ?? [],
  names: check?.names ?? [],
  number: data.number,
})
