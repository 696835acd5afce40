import assert from "node:assert/strict"
import { test } from "node:test"
import { face } from "../js/explore/_kernel.js"
import { apart, made, numbers } from "./_made.js"

const { activations, z, draws, adam } = numbers
const kernel = await face(made("kernel.wasm"))

for (const name of numbers.kernel) {
  const { f, df } = activations[name]
  test(`${name} and its slope are the library's`, () => {
    const found = kernel.curve(kernel.kind(name), z)

    assert.ok(apart(found.a, f) < 1e-15, `${apart(found.a, f)}`)
    // From the value and not from z, so it has the digits that the value leaves.
    assert.ok(apart(found.df, df) < 1e-15, `${apart(found.df, df)}`)
  })

  test(`${name} in float32`, () => {
    const [from, to] = kernel.place([4 * z.length, 4 * z.length])
    const view = at => new Float32Array(kernel.memory.buffer, at, z.length)
    view(from).set(z)
    kernel.activate32(from, to, z.length, kernel.kind(name))

    assert.ok(apart(view(to), f) < 3e-7, `${apart(view(to), f)}`)
  })
}

test("a curve may have an odd number of points", () => {
  assert.deepEqual([...kernel.curve(kernel.kind("relu"), [-1, 0, 2]).a], [0, 0, 2])
  assert.deepEqual([...kernel.curve(kernel.kind("relu"), [-1, 0, 2]).df], [0, 0, 1])
})

test("a curve lies beside what an explorable has placed", () => {
  const [at] = kernel.place([80])
  kernel.values(at, 10).fill(7)
  const { a, df } = kernel.curve(kernel.kind("identity"), Array(512).fill(3))

  assert.deepEqual([...kernel.values(at, 10)], Array(10).fill(7))
  assert.deepEqual([...a, ...df], [...Array(512).fill(3), ...Array(512).fill(1)])
  assert.throws(() => kernel.curve(0, Array(513).fill(0)), /at most 512 points, got 513/)
})

test("draws are NumPy's, also with a seed of more than 32 bits", () => {
  for (const [seed, { normals }] of Object.entries(draws)) {
    const [at] = kernel.place([8 * normals.length])
    kernel.seed(+seed)
    kernel.normals(at, normals.length)

    assert.ok(apart(kernel.values(at, normals.length), normals) < 4e-16)
  }
})

test("a step of Adam is the library's", () => {
  const { slopes, moved, lr } = adam
  const bytes = 8 * moved.length
  const [W, G, M, V] = kernel.place([bytes, bytes, bytes, bytes])
  for (const at of [W, M, V]) kernel.values(at, moved.length).fill(0)
  slopes.forEach((row, i) => {
    kernel.values(G, row.length).set(row)
    kernel.adam(W, G, M, V, row.length, lr, i + 1)
  })

  assert.ok(apart(kernel.values(W, moved.length), moved) < 1e-15)
  assert.ok(moved.every(value => Math.abs(value) > 0.001))
})
