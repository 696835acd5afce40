import assert from "node:assert/strict"
import { test } from "node:test"
import { parse, written } from "../js/explore/_frame.js"

const controls = [
  { name: "start", label: "Start", options: { zero: "all zero", random: "random" }, value: "zero" },
  { name: "scale", label: "Scale", min: -1, max: 1, step: 0.1, value: 0.3 },
]
const defaults = { start: "zero", scale: 0.3 }

test("settings survive their way through the address", () => {
  for (const settings of [defaults, { start: "random", scale: 0.3 }, { start: "random", scale: -0.7 }])
    assert.deepEqual(parse(controls, written(controls, settings)), settings)
  assert.equal(written(controls, defaults), "")
})

test("what does not fit is left at its default", () => {
  for (const text of [null, "", "start:toString", "scale:", "scale:x", "other:1", ",,:", "start"])
    assert.deepEqual(parse(controls, text), defaults)
})

test("a number is brought to a step within the range", () => {
  assert.equal(parse(controls, "scale:0.34").scale, 0.3)
  assert.equal(parse(controls, "scale:7").scale, 1)
  assert.equal(parse(controls, "scale:-7").scale, -1)
})
