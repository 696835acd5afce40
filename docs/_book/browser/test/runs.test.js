import assert from "node:assert/strict"
import { beforeEach, test } from "node:test"
import { exercise, forget, needed, payload, ran, recalled, settle, verdict } from "../js/_runs.js"

const OK = { state: "ok", output: "", message: null, traceback: null, figures: [], seconds: 0, line: null }

let page

const block = (number, more = {}) => ({
  ...{ key: `${number}`, name: `block ${number}`, space: "/page/", text: `x = ${number}`, edited: null },
  check: undefined,
  ...more,
  data: { number, language: "python", standalone: false, lab: false, shown: null, saves: {}, ...more.data },
})
const answer = number => ({
  ...block(number, { data: { check: { assertions: ["assert twice(2) == 4"], names: ["twice"] } } }),
  ...{ key: "answer", check: { assertions: ["assert twice(2) == 4"], names: ["twice"] } },
})
const names = cells => cells.map(cell => cell.key)

beforeEach(() => {
  page = { space: "/page/", cells: [block(1), block(2), answer(3), block(3), block(4, { data: { standalone: true } })] }
  recalled(page).clear()
})

test("what runs before a block is all above it that has not run", () => {
  const [first, second, check, third, alone] = page.cells

  assert.deepEqual(names(needed(page, third)), ["1", "2", "3"])
  assert.deepEqual(names(needed(page, check)), ["1", "2", "answer"])
  assert.deepEqual(names(needed(page, alone)), ["4"])
  settle(page, first, OK)
  assert.deepEqual(names(needed(page, third)), ["2", "3"])
  settle(page, second, { ...OK, state: "differs" })
  assert.deepEqual(names(needed(page, third)), ["3"])
  assert.deepEqual(names(needed(page, second)), ["2"])
})

test("a block that fails, or is edited after it ran, has not run", () => {
  const [first, second] = page.cells
  settle(page, first, { ...OK, state: "error" })
  assert.ok(!ran(page, first))
  settle(page, first, OK)
  assert.ok(ran(page, first))
  first.edited = "x = 7"
  assert.ok(!ran(page, first))
  assert.deepEqual(names(needed(page, second)), ["1", "2"])
})

test("what runs again makes those below it run again, and nothing else", () => {
  const [first, second, check, third, alone] = page.cells
  for (const cell of [first, second, third]) settle(page, cell, OK)

  settle(page, check, OK)
  settle(page, alone, OK)
  assert.deepEqual(
    [first, second, third].map(cell => ran(page, cell)),
    [true, true, true],
  )
  settle(page, second, OK)
  assert.deepEqual(
    [first, second, third].map(cell => ran(page, cell)),
    [true, true, false],
  )
})

test("the examples of a docstring share no names with the page", () => {
  page.cells.push(block(5, { space: "/page/#0" }), block(6, { space: "/page/#0" }))
  const [first, , , , , fifth, sixth] = page.cells

  assert.deepEqual(names(needed(page, sixth)), ["5", "6"])
  settle(page, fifth, OK)
  settle(page, first, OK)
  assert.ok(ran(page, fifth))
})

test("who stops Python has to run all again, on every page of the visit", () => {
  const other = { space: "/other/", cells: [block(1, { space: "/other/" })] }
  settle(page, page.cells[0], OK)
  settle(other, other.cells[0], OK)
  forget()

  assert.ok(!ran(page, page.cells[0]) && !ran(other, other.cells[0]))
  assert.equal(recalled(page).get("1").outcome, OK)
})

test("a verdict says what a reader can rely on", () => {
  const [plain] = page.cells
  const printing = block(1, { data: { shown: "1" } })

  assert.equal(verdict(plain, OK), "Ran")
  assert.equal(verdict(printing, OK), "As printed")
  assert.equal(verdict(printing, { ...OK, seconds: 2.345 }), "As printed, 2.3 s")
  assert.equal(verdict(plain, { ...OK, seconds: 12.6 }), "Ran, 13 s")
  assert.equal(verdict(printing, { ...OK, state: "differs" }), "Not as printed")
  assert.equal(verdict(plain, { ...OK, state: "error" }), "Stopped by an error")
  assert.equal(verdict(plain, { ...OK, state: "stopped" }), "Stopped")
  assert.equal(verdict(plain, { ...OK, state: "failed", message: "no network" }), "no network")
  assert.equal(verdict(answer(3), OK), "Right: all that the solution asserts holds")
  assert.equal(verdict(answer(3), { ...OK, state: "error" }), "Not yet")
})

test("the worker gets a block as the page has it", () => {
  const session = block(2, { text: ">>> 1\n1", data: { language: "pycon", shown: "1", lab: true } })

  // Prompt by prompt, by the engine's own parser.
  assert.deepEqual(payload(session), {
    ...{ language: "pycon", code: ">>> 1\n1\n", output: null, standalone: false, path: "page.ipynb" },
    ...{ name: "block 2", line: 0, number: 2, figures: {} },
  })
  // Once it is edited, as one piece.
  const edited = payload({ ...session, edited: "1" })
  assert.deepEqual([edited.language, edited.code, edited.output], ["edited", "1\n", "1"])
  const drawing = payload(block(1, { data: { shown: "2", saves: { "a.svg": "two points" } } }))
  assert.deepEqual([drawing.language, drawing.output, drawing.figures], ["python", "2", { "a.svg": "two points" }])
  assert.equal(drawing.path, "page.md")
})

test("an answer is checked by its solution's assertions, where the solution stands", () => {
  assert.deepEqual(exercise({ ...answer(3), edited: "def twice(x): ..." }), {
    ...{ code: "def twice(x): ...\n", assertions: ["assert twice(2) == 4"], names: ["twice"], number: 3 },
  })
  assert.equal(exercise(answer(3)).code, "\n")
})

test("a block whose names are gone runs after those above it, from the nearest whose names are there", () => {
  const [first, second, , third] = page.cells
  for (const cell of [first, second]) settle(page, cell, OK)
  settle(page, third, { ...OK, lost: [2, 3] })

  assert.deepEqual(names(needed(page, third)), ["1", "2", "3"])
  assert.deepEqual(names(needed(page, second)), ["1", "2"])
  settle(page, first, { ...OK, lost: [] })
  settle(page, second, { ...OK, lost: [] })
  assert.deepEqual(names(needed(page, third)), ["3"])
})

test("the names of other pages go, with those of their docstrings", () => {
  const other = { space: "/other/", cells: [block(1, { space: "/other/" }), block(2, { space: "/other/#0" })] }
  forget()
  for (const cell of other.cells) settle(other, cell, OK)
  settle(page, page.cells[0], OK)

  assert.deepEqual(forget(page.space), ["/other/", "/other/#0"])
  assert.deepEqual(forget(page.space), [])
  assert.ok(ran(page, page.cells[0]))
  assert.ok(!ran(other, other.cells[0]))
})
