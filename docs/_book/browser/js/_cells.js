// What the buttons of the cells do: loaded when the first of them is pressed, and kept while the reader turns pages.
//
// The blocks of a page share their names, so a block runs after those above it that have not run yet. What has run is
// always the page down to some block: one that runs again finds the names as it found them first, and those below it
// have to run again. One job runs at a time; Stop ends them all, and with them the names of every page.

import { isKept, keep as keepOffline } from "./_offline.js"
import { python } from "./_python.js"

const SAVES = /\.savefig\(\s*["']([^"']+)["']/g
// By page and block: what came of it, also after the page was left and found again.
const memory = new Map()
let jobs = Promise.resolve()
let generation = 0
let pictures = 0
let kept = false

const recalled = page => memory.get(page.space) ?? memory.set(page.space, new Map()).get(page.space)
const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`
const element = (tag, className, text) => {
  const made = document.createElement(tag)
  made.className = className
  if (text !== undefined) made.textContent = text
  return made
}

// ---------------------------------------------------------------------------------------------------------- what is seen

const set = (cell, state, says = "") => {
  cell.box.dataset.state = state
  cell.says.textContent = says
  const busy = state === "loading" || state === "running"
  for (const button of cell.bar.querySelectorAll("[data-action=run], [data-action=check]"))
    button.setAttribute("aria-disabled", busy)
}

const announce = (page, text) => {
  page.live.textContent = text
}

// Keep what the reader sees on leaving: the theme takes a page away and brings a new one on coming back.
const settle = (page, cell, outcome) => {
  const ran = outcome.state === "ok" || outcome.state === "differs"
  recalled(page).set(cell.key, { ran, outcome, text: cell.edited })
  if (!cell.solution && !alone(cell))
    for (const below of page.cells.slice(page.cells.indexOf(cell) + 1)) {
      const found = below.space === cell.space && recalled(page).get(below.key)
      if (found) found.ran = false
    }
  render(cell, outcome)
}

const ran = (page, cell) => {
  const found = recalled(page).get(cell.key)
  return Boolean(found?.ran) && found.text === cell.edited
}

const verdict = (cell, { state, message, seconds }) => {
  if (state === "stopped") return "Stopped"
  if (state === "failed") return message
  if (cell.solution) return state === "ok" ? "Right: all that the solution asserts holds" : "Not yet"
  if (state === "error") return "Stopped by an error"
  if (state === "differs") return "Not as printed"
  const time = seconds >= 1 ? `, ${seconds.toFixed(seconds < 10 ? 1 : 0)} s` : ""
  return (expected(cell) ? "As printed" : "Ran") + time
}

const render = (cell, outcome) => {
  clear(cell)
  const { output, message, traceback, figures = [], failed, state } = outcome
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
  if (!cell.solution) rename(cell, "run", state === "failed" ? "Retry" : "Run")
}

const rename = (cell, action, text) => {
  const button = cell.bar.querySelector(`[data-action=${action}]`)
  button.textContent = text
  button.setAttribute("aria-label", `${text} ${cell.name}`)
}

const clear = cell => cell.box.querySelector(".cell__result")?.remove()

// In a box of its own that scrolls, and that a keyboard reaches.
const scrolling = (className, text, label) => {
  const made = element("pre", className)
  made.append(element("samp", "", text.replace(/\n$/, "")))
  made.tabIndex = 0
  made.setAttribute("role", "group")
  made.setAttribute("aria-label", label)
  return made
}

// The figure's ids are those of the one in the book, which stands on the same page.
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

// ---------------------------------------------------------------------------------------------------------- what is run

// The text that the book shows as printed, or nothing.
const printed = box => {
  const next = box.nextElementSibling
  return next?.matches(".output, .language-output") ? next.querySelector("code").textContent : ""
}

const expected = cell => {
  if (!cell.session) return printed(cell.box)
  const shown = []
  let within = false
  for (const line of cell.text.split("\n")) {
    const prompt = /^(>>>|\.\.\.)( |$)/.test(line)
    if (prompt || !line.trim()) within = prompt
    else if (within) shown.push(line)
  }
  // What raises cannot be compared once the prompts around it are gone.
  return shown.some(line => line.startsWith("Traceback ")) ? "" : shown.join("\n")
}

// What a figure of the book shows is said there.
const described = name => [
  name,
  document.querySelector(`article a[href$="/${CSS.escape(name)}"] > svg`)?.ariaLabel ?? name,
]

const payload = (page, cell) => {
  const edited = cell.edited !== null
  const code = `${cell.edited ?? cell.text}\n`
  return {
    language: edited ? "edited" : cell.session ? "pycon" : "python",
    code,
    output: cell.session && !edited ? null : expected(cell) || null,
    standalone: alone(cell),
    path: cell.space.includes("/labs/") ? "page.ipynb" : "page.md", // a lab's cell shows its last value
    name: cell.name, // in tracebacks; lines are counted from the block's first
    line: 0,
    number: page.cells.indexOf(cell),
    figures: Object.fromEntries([...code.matchAll(SAVES)].map(([, name]) => described(name))),
  }
}

// Follow the runtime while a cell waits for it, or for what the cell draws with.
const follow =
  cell =>
  ({ state, done, total }) => {
    const share = total && done < total ? ` ${Math.floor((100 * done) / total)} %` : ""
    if (state === "loading") set(cell, "loading", `Loading Python\u2026${share}`)
    else if (state === "ready") set(cell, "running", share ? `Loading\u2026${share}` : "Running\u2026")
  }

// Returns whether the blocks below may run.
const execute = async (page, cell) => {
  clear(cell)
  const ready = python.state === "ready"
  set(cell, ready ? "running" : "loading", ready ? "Running\u2026" : "Loading Python\u2026")
  const unsubscribe = python.subscribe(follow(cell))
  let outcome
  if (cell.solution) {
    const number = page.cells.findIndex(({ code }) => code === cell.solution)
    const [lines, names] = [[], []]
    for (const part of cell.checked.split(" ")) (/^\d/.test(part) ? lines : names).push(part)
    const source = cell.solution.textContent.split("\n")
    const assertions = lines.map(range => {
      const [first, last] = range.split("-")
      return source.slice(first - 1, last).join("\n")
    })
    outcome = await python.check(cell.space, { code: `${cell.edited ?? ""}\n`, assertions, names, number })
  } else {
    outcome = await python.run(cell.space, payload(page, cell))
  }
  unsubscribe()
  settle(page, cell, outcome)
  // What has run once can be read and run without a network from now on.
  if (python.state === "ready" && !kept) {
    kept = true
    keepOffline().catch(() => {})
  }
  return outcome.state === "ok" || outcome.state === "differs"
}

// One job after the other: a job is a list of cells, computed when its turn has come.
const enqueue = (page, asked, cells, done) => {
  const mine = generation
  const before = asked?.box.dataset.state
  if (asked) set(asked, "loading", "Waiting\u2026")
  jobs = jobs.then(async () => {
    if (mine !== generation) {
      for (const cell of asked ? [asked] : cells()) set(cell, "stopped", "Stopped")
      return
    }
    const list = cells()
    const first = asked ? list.length - 1 : 0
    if (first) {
      announce(page, `First, ${plural(first, "block")} above that ${first === 1 ? "has" : "have"} not run yet`)
      asked.says.textContent = `First, ${plural(first, "block")} above\u2026`
    }
    document.documentElement.dataset.cells = "busy"
    let at = 0
    try {
      while (at < list.length && (await execute(page, list[at]))) {
        if (mine !== generation) break
        at++
        if (!asked) page.says.textContent = `${at} of ${list.length} blocks`
        else if (at < first) asked.says.textContent = `First, ${plural(first - at, "more block")} above\u2026`
      }
      const failed = list[at]
      if (asked && failed && failed !== asked) {
        const stopped = mine !== generation
        set(asked, stopped ? "stopped" : before, stopped ? "Stopped" : `Not run: ${failed.name} above failed`)
        announce(page, `${asked.name} not run: ${failed.name} above: ${failed.says.textContent}`)
      } else if (asked) announce(page, `${asked.name}: ${asked.says.textContent}`)
      done?.(at, list)
    } catch (error) {
      console.warn(error)
      if (asked) set(asked, "error", "This could not be run")
    } finally {
      delete document.documentElement.dataset.cells
    }
  })
}

const above = (page, cell) =>
  page.cells
    .slice(0, page.cells.indexOf(cell))
    .filter(each => !each.solution && each.space === cell.space && !alone(each))
const alone = cell => cell.box.classList.contains("standalone")

const run = (page, cell) => {
  if (["loading", "running"].includes(cell.box.dataset.state)) return
  enqueue(page, cell, () => [...(alone(cell) ? [] : above(page, cell).filter(each => !ran(page, each))), cell])
}

const runAll = page => {
  if (document.documentElement.dataset.cells) return
  const all = page.cells.filter(cell => !cell.solution)
  for (const space of new Set(all.map(cell => cell.space))) python.forget(space)
  recalled(page).clear()
  page.says.textContent = `0 of ${all.length} blocks`
  announce(page, "Running all blocks")
  for (const cell of all) {
    clear(cell)
    set(cell, "loading", "Waiting\u2026")
  }
  enqueue(
    page,
    undefined,
    () => all,
    at => {
      for (const cell of all.slice(at + 1)) set(cell, "idle", "")
      const differ = all.filter(cell => cell.box.dataset.state === "differs").length
      const end =
        at < all.length ? `${all[at].name}: ${all[at].says.textContent}` : `all ${plural(all.length, "block")} ran`
      page.says.textContent = end + (differ ? `, ${differ} not as printed` : at < all.length ? "" : ", as printed")
      announce(page, page.says.textContent)
      // An exercise that nobody has begun has nothing to run.
      for (const cell of page.cells) if (at === all.length && cell.solution && !cell.edited) set(cell, "ok", "")
    },
  )
}

const stop = page => {
  generation++
  python.stop()
  // The names went with the worker: what has run has to run again.
  for (const cells of memory.values()) for (const found of cells.values()) found.ran = false
  announce(page, "Stopped. Names are forgotten: the blocks above will run again")
}

// ------------------------------------------------------------------------------------------------------- what is edited

const keep = cell => {
  try {
    if (cell.edited === null) localStorage.removeItem(cell.key)
    else localStorage.setItem(cell.key, cell.edited)
  } catch {
    // A reader who forbids it has edits until the page is left.
  }
}

const edit = async (page, cell) => {
  const button = cell.bar.querySelector("[data-action=edit]")
  if (cell.editor) {
    close(page, cell)
    button.focus()
    return
  }
  if (cell.opening) return
  cell.opening = true
  python.start().catch(() => {}) // by the time the reader has edited, it is there; if it fails, Run says so
  const { open } = await import("./_editor.js").finally(() => (cell.opening = false))
  const pre = cell.code.closest("pre")
  pre.hidden = true
  cell.box.dataset.editing = ""
  rename(cell, "edit", "Done")
  cell.editor = open(pre, cell.edited ?? cell.source, {
    label: `Code of ${cell.name}`,
    change(text) {
      cell.edited = text.trimEnd() === cell.source ? null : text
      cell.box.toggleAttribute("data-edited", cell.edited !== null)
      cell.box.dataset.copy = cell.edited ?? cell.copy
      keep(cell)
      if (!["loading", "running"].includes(cell.box.dataset.state))
        set(cell, "idle", cell.edited === null ? "" : "Edited")
    },
    run: () => run(page, cell),
  })
}

const close = (page, cell) => {
  cell.editor?.destroy()
  cell.editor = undefined
  delete cell.box.dataset.editing
  cell.code.closest("pre").hidden = false
  rename(cell, "edit", cell.solution ? "Write" : "Edit")
  const says = cell.says.textContent
  page.show(cell, cell.edited)
  if (says) cell.says.textContent = says
}

const reset = (page, cell) => {
  cell.edited = null
  keep(cell)
  close(page, cell)
  clear(cell)
  recalled(page).delete(cell.key)
  set(cell, "idle", "")
  page.show(cell, null)
  announce(page, `${cell.name} is as in the book again`)
  cell.bar.querySelector("[data-action=edit]").focus()
}

export const act = (action, page, cell) => {
  if (action === "stop") stop(page)
  else if (!cell) return runAll(page)
  else return { run, check: run, edit, reset }[action](page, cell)
}

// Where nothing has to be fetched for it, Python starts while nobody waits.
export const warm = async () => {
  if (await isKept()) python.start().catch(() => {})
}

// A page that was left, and is back: what came of its blocks is shown again.
export const restore = page => {
  for (const cell of page.cells) {
    const found = recalled(page).get(cell.key)
    if (found && found.text === cell.edited) render(cell, found.outcome)
  }
}
