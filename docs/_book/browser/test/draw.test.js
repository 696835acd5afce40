import assert from "node:assert/strict"
import { test } from "node:test"
import { path, said } from "../js/explore/_draw.js"

test("a path is interrupted where a number is not finite", () => {
  assert.equal(path([0, 1, 2.06], [3, 4, 5]), "M0.0 3.0L1.0 4.0L2.1 5.0")
  assert.equal(path([0, 1, 2, 3], [0, Number.NaN, 2, 3]), "M0.0 0.0M2.0 2.0L3.0 3.0")
  assert.equal(path([Number.POSITIVE_INFINITY, 1], [0, 1]), "M1.0 1.0")
  assert.equal(path([], []), "")
})

test("a number has a minus sign that is one, and zero has none", () => {
  assert.equal(said(-0.5), "\u22120.5")
  assert.equal(said(-0.004, 2), "0.00")
  assert.equal(said(-0.006, 2), "\u22120.01")
  assert.equal(said(12), "12")
})
