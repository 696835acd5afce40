// On every page with blocks that run: small, since every reader gets it. It puts the buttons there and shows what the
// reader has edited; what they do is loaded when the first of them is pressed.

import { changed, differs, tell } from "./_edition.js"

/** @import { Cell, CellData, LivePage } from "./types" */

/** @type {LivePage | undefined} */
let page
/** @type {Promise<typeof import("./_cells.js")> | undefined} */
let module

/** @type {(text: string) => string} */
const hash = text => {
  let found = 5381
  for (let at = 0; at < text.length; at++) found = ((found * 33) ^ text.charCodeAt(at)) >>> 0
  return found.toString(36)
}

/** @type {(action: string, text: string, what: string) => HTMLButtonElement} */
const button = (action, text, what) => {
  const made = document.createElement("button")
  made.type = "button"
  made.dataset.action = action
  made.textContent = text
  made.setAttribute("aria-label", `${text} ${what}`)
  return made
}

/** @type {(className: string) => HTMLElement} */
const span = className => {
  const made = document.createElement("span")
  made.className = className
  return made
}

/** @type {(box: Element) => HTMLElement} */
const listing = box => /** @type {HTMLElement} */ (box.querySelector("code"))

// A block of the book, or the place for an answer; `answer` is the answer's number, else 0.
/** @type {(page: LivePage, box: HTMLElement, data: CellData, answer: number, book: string) => Cell} */
const cell = (page, box, data, answer, book) => {
  const name = answer ? `your answer${answer > 1 ? ` ${answer}` : ""}` : `block ${data.number}`
  const code = listing(box)
  const text = code.textContent.trimEnd()
  const copy = box.dataset.copy ?? code.textContent
  // The block's own text is in the key: one that the book has changed since is not replaced by what was edited before.
  const base = `${location.pathname} ${hash(book)}`
  const key = page.keys.has(base) ? `${base} ${answer || data.number}` : base
  page.keys.add(key)
  // The examples of a docstring start from no names.
  const docstring = box.closest(".doc-contents")
  const made = {
    ...{ box, code, name, data, text, copy, key },
    check: answer ? data.check : undefined,
    // What the reader starts from: a session without its prompts.
    source: data.language === "pycon" ? copy.trimEnd() : text,
    space: docstring
      ? `${page.space}#${[...document.querySelectorAll(".doc-contents")].indexOf(docstring)}`
      : page.space,
    bar: document.createElement("div"),
    says: span("cell__says"),
    edited: null,
  }
  made.bar.className = "cell__bar"
  made.bar.append(
    answer ? button("check", "Check", name) : button("run", "Run", name),
    button("stop", "Stop", name),
    button("edit", answer ? "Write" : "Edit", name),
    button("reset", answer ? "Clear" : "Reset", name),
    made.says,
  )
  box.append(made.bar)
  box.dataset.state = "idle"
  show(made, localStorage.getItem(key))
  return made
}

// An empty cell before the solution of an exercise.
/** @type {(solution: HTMLElement) => HTMLElement} */
const blank = solution => {
  const box = document.createElement("div")
  box.className = "language-python highlight answer"
  box.dataset.cell = box.dataset.copy = ""
  const pre = document.createElement("pre")
  pre.append(document.createElement("code"))
  box.append(pre)
  solution.closest("details")?.before(box)
  return box
}

// Show the reader's text in a cell, or, without one, the book's: of its thousands of spans none is made a second time.
/** @type {(cell: Cell, edited: string | null) => void} */
const show = (cell, edited) => {
  cell.edited = edited
  cell.box.toggleAttribute("data-edited", edited !== null)
  if (edited !== null) {
    cell.book ??= [...cell.code.childNodes]
    cell.code.textContent = edited
  } else if (cell.book) cell.code.replaceChildren(...cell.book)
  cell.box.dataset.copy = edited ?? cell.copy
  cell.says.textContent = edited === null || cell.check ? "" : "Edited"
}

const prepare = () => {
  /** @type {NodeListOf<HTMLElement>} */
  const boxes = document.querySelectorAll("article [data-cell]:not([data-state])")
  document.documentElement.dataset.runtime ??= "off"
  page = undefined
  if (!boxes.length) return
  // Its scripts are not these, and a page has room for one set of buttons.
  if (differs()) return tell()
  /** @type {LivePage} */
  const here = {
    ...{ space: location.pathname, keys: new Set(), cells: [], show },
    ...{ top: document.querySelector("article .tools"), live: span("cell__live"), says: span("cell__says") },
  }
  page = here
  let answers = 0
  for (const box of boxes) {
    /** @type {CellData} */
    const data = JSON.parse(box.dataset.cell ?? "")
    const book = listing(box).textContent
    if (data.check) here.cells.push(cell(here, blank(box), data, ++answers, book))
    here.cells.push(cell(here, box, data, 0, book.trimEnd()))
  }
  here.live.setAttribute("role", "status")
  if (here.top) {
    here.top.prepend(
      button("run", "Run all", `${boxes.length} blocks`),
      button("stop", "Stop", "all blocks"),
      here.says,
    )
    here.top.append(here.live)
    here.says.textContent = price()
  }
  module?.then(cells => cells.restore(here))
  // Who has run something on an earlier visit has it all; a first visit downloads nothing unasked.
  if (!module && kept() && !navigator.connection?.saveData)
    (window.requestIdleCallback ?? setTimeout)(() =>
      load()
        .then(cells => cells.warm())
        .catch(() => {}),
    )
}

// Where the browser keeps what it takes to run without a network.
const kept = () => {
  try {
    return Boolean(navigator.serviceWorker?.controller)
  } catch {
    return false // a reader may have forbidden it
  }
}

// What the first run costs, for who has not paid it yet.
const price = () => {
  const size = document.querySelector("meta[name=live]")?.getAttribute("data-megabytes")
  const first = !kept() && document.documentElement.dataset.runtime === "off"
  return Number(size) && first ? `Run fetches Python: ${size} MB, once` : ""
}

const load = () => {
  module ??= import("./_cells.js").catch(error => {
    module = undefined
    throw error
  })
  return module
}

document.addEventListener("click", async event => {
  const pressed = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest("[data-action]"))
  if (!pressed || !page) return
  const here = page
  const found = here.cells.find(({ bar }) => bar.contains(pressed))
  const says = found?.says ?? here.says
  try {
    const cells = await load()
    await cells.act(pressed.dataset.action ?? "", here, found)
  } catch (error) {
    console.warn(error)
    says.textContent = (await changed()) ? "The book has changed" : "This could not be loaded. Try again"
  }
})

// The theme changes pages without loading them anew, and says so here. It runs the scripts of the new page, also those of
// another edition: the first one stays.
if (window.shallownetLive) tell()
else if (window.document$) window.document$.subscribe(prepare)
else prepare()
window.shallownetLive = true
