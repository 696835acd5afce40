import assert from "node:assert/strict"
import { test } from "node:test"
import { train } from "../js/explore/_network.js"
import { apart, numbers } from "./_made.js"

const { w, v, x, y, lr, losses } = numbers.training

test("a network learns as with sn.train", () => {
  const found = train({ w, v }, { x, y }, losses.length - 1, lr)

  assert.ok(apart(found.losses, losses) < 1e-13)
  assert.ok(losses.at(-1) < 0.9 * losses[0])
  assert.equal(found.path.length, losses.length)
  assert.deepEqual([...found.path[0]], w)
})

test("what it starts from is left as it was", () => {
  const start = { w: [...w], v: [...v] }
  train(start, { x, y }, 5, lr)

  assert.deepEqual(start, { w, v })
})

test("a loss that overflows in a naive sigmoid stays finite", () => {
  const { losses } = train({ w: [900, 0], v: [900] }, { x: [1, -1, 0, 0], y: [0, 1] }, 1, 0)

  assert.deepEqual([...losses], [900, 900])
})
