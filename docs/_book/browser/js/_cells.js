// What the buttons of the cells do: loaded when the first of them is pressed, and kept while the reader turns pages.
// One job runs at a time; Stop ends them all, and with them the names of every page.

import { changed } from "./_edition.js"
import { isKept, keep as keepOffline } from "./_offline.js"
import { python } from "./_python.js"
import { exercise, forget, needed, passed, payload, plural, recalled, settle } from "./_runs.js"
import { announce, busy, button, clear, first, follow, refocus, rename, render, set } from "./_shown.js"

/** @import { Cell, LivePage } from "./types" */

let jobs = Promise.resolve()
let generation = 0
let kept = false
let entered = "" // the page that runs
// Bytes: what Python was once given for its arrays never comes back, so one that has more starts anew on the next page.
const LARGE = 128 << 20

// A page that the reader has left gives its memory back as soon as another runs.
/** @type {(page: LivePage) => void} */
const enter = ({ space }) => {
  if (space === entered) return
  entered = space
  const left = forget(space)
  if (left.length && python.heap > LARGE) python.stop()
  else for (const each of left) python.forget(each)
}

// Returns whether the blocks below may run.
/** @type {(page: LivePage, cell: Cell) => Promise<boolean>} */
const execute = async (page, cell) => {
  clear(cell)
  enter(page)
  const ready = python.state === "ready"
  set(cell, ready ? "running" : "loading", ready ? "Running\u2026" : "Loading Python\u2026")
  const unsubscribe = python.subscribe(follow(cell))
  const outcome = cell.check
    ? await python.check(cell.space, exercise(cell))
    : await python.run(cell.space, payload(cell))
  unsubscribe()
  settle(page, cell, outcome)
  if (outcome.state === "failed") changed().catch(() => {})
  render(cell, outcome)
  // What has run once can be read and run without a network from now on.
  if (python.state === "ready" && !kept) {
    kept = true
    keepOffline().catch(() => {})
  }
  return passed(outcome)
}

// One job after the other. Some cells wait for it: if it is stopped first, it does not begin.
/** @type {(waiting: Cell[], job: (stopped: () => boolean) => Promise<void>) => void} */
const enqueue = (waiting, job) => {
  for (const cell of waiting) set(cell, "loading", "Waiting\u2026")
  const mine = generation
  jobs = jobs.then(async () => {
    if (mine !== generation) {
      for (const cell of waiting) set(cell, "stopped", "Stopped")
      return
    }
    document.documentElement.dataset.cells = "busy"
    try {
      await job(() => mine !== generation)
    } catch (error) {
      console.warn(error)
      for (const cell of waiting.filter(busy)) set(cell, "error", "This could not be run")
    } finally {
      delete document.documentElement.dataset.cells
      refocus(document.querySelector(".tools"))
    }
  })
}

// A cell, and before it those above that have not run yet: which, is known when its turn has come.
/** @type {(page: LivePage, cell: Cell) => void} */
const run = (page, cell) => {
  if (busy(cell)) return
  const before = cell.box.dataset.state ?? "idle"
  enqueue([cell], async stopped => {
    const above = needed(page, cell).slice(0, -1)
    if (above.length) first(page, cell, above.length)
    for (const [at, each] of above.entries()) {
      const went = await execute(page, each)
      if (!went || stopped()) {
        if (stopped()) set(cell, "stopped", "Stopped")
        else set(cell, before, `Not run: ${each.name} above failed`)
        announce(page, `${cell.name} not run: ${each.name} above: ${each.says.textContent}`)
        return
      }
      const left = above.length - at - 1
      if (left) cell.says.textContent = `First, ${plural(left, "more block")} above\u2026`
    }
    await execute(page, cell)
    announce(page, `${cell.name}: ${cell.says.textContent}`)
  })
}

/** @type {(page: LivePage) => void} */
const runAll = page => {
  if (document.documentElement.dataset.cells) return
  const all = page.cells.filter(cell => !cell.check)
  for (const space of new Set(all.map(cell => cell.space))) python.forget(space)
  recalled(page).clear()
  page.says.textContent = `0 of ${all.length} blocks`
  announce(page, "Running all blocks")
  for (const cell of all) clear(cell)
  enqueue(all, async stopped => {
    let at = 0
    while (at < all.length && (await execute(page, all[at])) && !stopped()) {
      at++
      page.says.textContent = `${at} of ${all.length} blocks`
    }
    for (const cell of all.slice(at + 1)) set(cell, "idle")
    const differ = all.filter(cell => cell.box.dataset.state === "differs").length
    const whole = at === all.length
    const end = whole ? `all ${plural(all.length, "block")} ran` : `${all[at].name}: ${all[at].says.textContent}`
    page.says.textContent = end + (differ ? `, ${differ} not as printed` : whole ? ", as printed" : "")
    announce(page, page.says.textContent)
    // An exercise that nobody has begun has nothing to run.
    for (const cell of page.cells) if (whole && cell.check && !cell.edited) set(cell, "ok")
  })
}

/** @type {(page: LivePage) => void} */
const stop = page => {
  generation++
  python.stop()
  forget() // the names went with the worker
  announce(page, "Stopped. Names are forgotten: the blocks above will run again")
}

// ------------------------------------------------------------------------------------------------------- what is edited

/** @type {(cell: Cell) => void} */
const keep = cell => {
  try {
    if (cell.edited === null) localStorage.removeItem(cell.key)
    else localStorage.setItem(cell.key, cell.edited)
  } catch {
    // It is full: the edit is there until the page is left.
  }
}

/** @type {(cell: Cell) => HTMLElement} */
const listing = cell => /** @type {HTMLElement} */ (cell.code.closest("pre"))

/** @type {(page: LivePage, cell: Cell) => Promise<void>} */
const edit = async (page, cell) => {
  if (cell.editor) {
    close(page, cell)
    button(cell, "edit").focus()
    return
  }
  if (cell.opening) return
  cell.opening = true
  python.start().catch(() => {}) // by the time the reader has edited, it is there; if it fails, Run says so
  const { open } = await import("./_editor.js").finally(() => {
    cell.opening = false
  })
  listing(cell).hidden = true
  cell.box.dataset.editing = ""
  rename(cell, "edit", "Done")
  cell.editor = open(listing(cell), cell.edited ?? cell.source, {
    label: `Code of ${cell.name}`,
    change(text) {
      cell.edited = text.trimEnd() === cell.source ? null : text
      cell.box.toggleAttribute("data-edited", cell.edited !== null)
      cell.box.dataset.copy = cell.edited ?? cell.copy
      keep(cell)
      if (!busy(cell)) set(cell, "idle", cell.edited === null ? "" : "Edited")
    },
    run: () => run(page, cell),
  })
}

/** @type {(page: LivePage, cell: Cell) => void} */
const close = (page, cell) => {
  cell.editor?.destroy()
  cell.editor = undefined
  delete cell.box.dataset.editing
  listing(cell).hidden = false
  rename(cell, "edit", cell.check ? "Write" : "Edit")
  const says = cell.says.textContent
  page.show(cell, cell.edited)
  if (says) cell.says.textContent = says
}

/** @type {(page: LivePage, cell: Cell) => void} */
const reset = (page, cell) => {
  cell.edited = null
  keep(cell)
  close(page, cell)
  clear(cell)
  recalled(page).delete(cell.key)
  set(cell, "idle")
  page.show(cell, null)
  announce(page, `${cell.name} is as in the book again`)
  button(cell, "edit").focus()
}

/** @type {Record<string, (page: LivePage, cell: Cell) => unknown>} */
const ACTIONS = { run, check: run, edit, reset }

// What a button asks for: of a cell, or of all of the page.
/** @type {(action: string, page: LivePage, cell: Cell | undefined) => unknown} */
export const act = (action, page, cell) => {
  if (action === "stop") return stop(page)
  return cell ? ACTIONS[action](page, cell) : runAll(page)
}

// Where nothing has to be fetched for it, Python starts while nobody waits.
export const warm = async () => {
  if (await isKept()) python.start().catch(() => {})
}

// A page that was left, and is back: what came of its blocks is shown again.
/** @type {(page: LivePage) => void} */
export const restore = page => {
  for (const cell of page.cells) {
    const found = recalled(page).get(cell.key)
    if (found && found.text === cell.edited) render(cell, found.outcome)
  }
}
