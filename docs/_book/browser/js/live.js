// On every page with blocks that run: small, since every reader gets it. It puts the buttons there and shows what the
// reader has edited; what they do is loaded when the first of them is pressed.

let page
let module

const hash = text => {
  let found = 5381
  for (let at = 0; at < text.length; at++) found = ((found * 33) ^ text.charCodeAt(at)) >>> 0
  return found.toString(36)
}

const button = (action, text, what) => {
  const made = document.createElement("button")
  made.type = "button"
  made.dataset.action = action
  made.textContent = text
  made.setAttribute("aria-label", `${text} ${what}`)
  return made
}

const span = className => {
  const made = document.createElement("span")
  made.className = className
  return made
}

// A reader may have forbidden it.
const stored = key => {
  try {
    return localStorage.getItem(key)
  } catch {
    return null
  }
}

const cell = (box, number, solution) => {
  const code = box.querySelector("code")
  const text = code.textContent.trimEnd()
  const session = box.classList.contains("language-pycon")
  const name = solution ? `your answer${number > 1 ? ` ${number}` : ""}` : `block ${number}`
  const made = { box, code, number, name, text, session, solution }
  // What the reader starts from: a session without its prompts.
  made.source = session ? box.dataset.copy.trimEnd() : text
  made.html = code.innerHTML
  made.copy = box.dataset.copy
  // The block's own text is in the key: one that the book has changed since is not replaced by what was edited before.
  const base = `${location.pathname} ${hash(solution ? solution.textContent : text)}`
  made.key = page.keys.has(base) ? `${base} ${number}` : base
  page.keys.add(made.key)
  // The examples of a docstring start from no names.
  const docstring = box.closest(".doc-contents")
  made.space = docstring
    ? `${page.space}#${[...document.querySelectorAll(".doc-contents")].indexOf(docstring)}`
    : page.space
  made.bar = document.createElement("div")
  made.bar.className = "cell__bar"
  made.says = span("cell__says")
  made.bar.append(
    solution ? button("check", "Check", name) : button("run", "Run", name),
    button("stop", "Stop", name),
    button("edit", solution ? "Write" : "Edit", name),
    button("reset", solution ? "Clear" : "Reset", name),
    made.says,
  )
  box.append(made.bar)
  box.dataset.state = "idle"
  show(made, stored(made.key))
  return made
}

// An exercise whose solution says how it is checked: an empty cell before the solution.
const answer = solution => {
  const box = document.createElement("div")
  box.className = "language-python highlight answer"
  box.dataset.cell = box.dataset.copy = ""
  box.append(document.createElement("pre"))
  box.firstChild.append(document.createElement("code"))
  solution.closest("details").before(box)
  return box
}

// Show the reader's text in a cell, or, without one, the book's.
export const show = (cell, edited) => {
  cell.edited = edited
  cell.box.toggleAttribute("data-edited", edited !== null)
  if (edited === null) cell.code.innerHTML = cell.html
  else cell.code.textContent = edited
  cell.box.dataset.copy = edited ?? cell.copy
  cell.says.textContent = edited === null || cell.solution ? "" : "Edited"
}

const prepare = () => {
  const boxes = [...document.querySelectorAll("article [data-cell]:not([data-state])")]
  document.documentElement.dataset.runtime ??= "off"
  if (!boxes.length) return
  page = { space: location.pathname, keys: new Set(), show }
  let [number, answers] = [0, 0]
  page.cells = boxes.flatMap(box => {
    const code = box.querySelector("code")
    const found = box.dataset.check ? [cell(answer(box), ++answers, code)] : []
    if (found.length) found[0].checked = box.dataset.check
    return [...found, cell(box, ++number)]
  })
  page.top = document.querySelector("article .tools")
  page.live = span("cell__live")
  page.live.setAttribute("role", "status")
  page.says = span("cell__says")
  if (page.top) {
    page.top.prepend(button("run", "Run all", `${number} blocks`), button("stop", "Stop", "all blocks"), page.says)
    page.top.append(page.live)
  }
  const here = page
  module?.then(cells => cells.restore(here))
  // Who has run something on an earlier visit has it all; a first visit downloads nothing unasked.
  if (!module && navigator.serviceWorker?.controller && !navigator.connection?.saveData)
    (window.requestIdleCallback ?? setTimeout)(() =>
      load()
        .then(cells => cells.warm())
        .catch(() => {}),
    )
}

const load = () =>
  (module ??= import("./_cells.js").catch(error => {
    module = undefined
    throw error
  }))

document.addEventListener("click", async event => {
  const pressed = event.target.closest("[data-action]")
  if (!pressed || !page) return
  const here = page
  const found = here.cells.find(({ bar }) => bar.contains(pressed))
  const says = found?.says ?? here.says
  try {
    const cells = await load()
    await cells.act(pressed.dataset.action, here, found)
  } catch (error) {
    console.warn(error)
    says.textContent = "This could not be loaded. Try again"
  }
})

// The theme changes pages without loading them anew, and says so here.
if (window.document$) window.document$.subscribe(prepare)
else prepare()
