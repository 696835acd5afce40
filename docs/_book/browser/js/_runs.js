// What has run on the pages of a visit, and what has to run before a block can: no page is needed to know it.
//
// The blocks of a page share their names. What has run is always the page down to some block: one that runs again finds
// the names as it found them first, and those below it have to run again.

/** @import { Cell, Exercise, LivePage, Outcome, Payload } from "./types" */

// By page and cell: what came of it, also after the page was left and found again.
/** @type {Map<string, Map<string, { ran: boolean, outcome: Outcome, text: string | null }>>} */
const memory = new Map()
// By namespace: the numbers of the blocks that cannot run again by themselves, since their names took too much memory.
/** @type {Map<string, number[]>} */
const lost = new Map()
/** @type {Set<string>} */
const used = new Set() // the namespaces in which something has run

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
  used.add(cell.space)
  if (outcome.lost) lost.set(cell.space, outcome.lost)
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

// What runs where a cell is asked for: those above that have not run, and the cell itself. Where the names that it found
// are gone, so does all from the nearest above whose names are there; those of a page's first are none, and always there.
/** @type {(page: LivePage, cell: Cell) => Cell[]} */
export const needed = (page, cell) => {
  const shares = (/** @type {Cell} */ each) => !each.check && !each.data.standalone && each.space === cell.space
  const above = cell.data.standalone ? [] : page.cells.slice(0, page.cells.indexOf(cell)).filter(shares)
  const gone = lost.get(cell.space) ?? []
  let from = above.length
  for (let back = gone.includes(cell.data.number); back && from > 0; ) back = gone.includes(above[--from].data.number)
  return [...above.filter((each, at) => at >= from || !ran(page, each)), cell]
}

// The names are gone, of all pages but one: what has run there has to run again. Returns which namespaces they were.
/** @type {(but?: string) => string[]} */
export const forget = but => {
  const others = [...memory.keys()].filter(page => page !== but)
  for (const page of others) for (const found of recalled({ space: page }).values()) found.ran = false
  const spaces = [...used].filter(space => space.split("#")[0] !== but)
  for (const space of spaces) {
    used.delete(space)
    lost.delete(space)
  }
  return spaces
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
