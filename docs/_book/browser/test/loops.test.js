// NumPy's loops for the browser, in a memory of our own: laid out as NumPy would, called as NumPy calls them.

import assert from "node:assert/strict"
import { test } from "node:test"
import { quicken } from "../js/_loops.js"
import { made } from "./_made.js"

const compiled = new WebAssembly.Module(made("numpy.wasm"))
const memory = new WebAssembly.Memory({ initial: 64 })
const words = new Uint32Array(memory.buffer)
const KINDS = { 32: Float32Array, 64: Float64Array }

const { exports } = new WebAssembly.Instance(compiled, { env: { memory } })
exports.room.value = 4096
const START = 4096 + exports.SIZE.value + 4096

// Call a loop on lists of numbers; the strides are in elements, as many as it wants.
const called = (name, bits, inputs, size, dimensions, strides) => {
  const bytes = bits / 8
  let at = START
  const places = [...inputs, Array(size).fill(0)].map(values => {
    const place = at
    new KINDS[bits](memory.buffer, place, values.length).set(values)
    at += bytes * values.length
    return place
  })
  words.set(places, 0)
  words.set(dimensions, 16)
  words.set(
    strides.map(stride => bytes * stride),
    32,
  )
  exports[name + bits](0, 64, 128, 0)
  return [...new KINDS[bits](memory.buffer, places.at(-1), size)]
}

const matmul = (A, B, m, n, p) =>
  Array.from({ length: m * p }, (_, at) => {
    const [i, j] = [Math.floor(at / p), at % p]
    let sum = 0
    for (let k = 0; k < n; k++) sum += A[i * n + k] * B[k * p + j]
    return sum
  })

// Whole numbers, whose products have no rounding.
const whole = (count, from) => Array.from({ length: count }, (_, i) => ((i * 7 + from) % 11) - 5)

const unsigned = values => values.map(value => value + 0) // no zero has a sign

for (const bits of [32, 64]) {
  for (const [m, n, p] of [
    [1, 1, 1],
    [2, 3, 4],
    [5, 2, 9],
    [9, 4, 2],
    [8, 1030, 17],
    [3, 0, 2],
  ]) {
    test(`matmul of ${m} x ${n} by ${n} x ${p} in float${bits}`, () => {
      const [A, B] = [whole(m * n, 1), whole(n * p, 3)]

      const found = called("matmul", bits, [A, B], m * p, [1, m, n, p], [0, 0, 0, n, 1, p, 1, p, 1])

      assert.deepEqual(unsigned(found), unsigned(matmul(A, B, m, n, p)))
    })
  }

  test(`matmul of a stack, the second factor transposed, in float${bits}`, () => {
    const [A, B] = [whole(2 * 6, 1), whole(2 * 12, 2)] // 2 x (2, 3), and 2 x (4, 3) read as 2 x (3, 4)

    const found = called("matmul", bits, [A, B], 16, [2, 2, 3, 4], [6, 12, 8, 3, 1, 1, 3, 4, 1])

    const turned = b => Array.from({ length: 12 }, (_, at) => b[(at % 4) * 3 + Math.floor(at / 4)])
    const expected = [0, 1].flatMap(s =>
      matmul(A.slice(6 * s, 6 * s + 6), turned(B.slice(12 * s, 12 * s + 12)), 2, 3, 4),
    )
    assert.deepEqual(unsigned(found), unsigned(expected))
  })

  test(`tanh in float${bits}`, () => {
    const z = [...Array.from({ length: 101 }, (_, i) => (i - 50) / 5), 1e-30, -1e-30, 300, -300, Number.NaN]
    const near = bits === 32 ? 3e-7 : 5e-16

    const found = called("tanh", bits, [z], z.length, [z.length], [1, 1])
    const spread = called("tanh", bits, [z.flatMap(value => [value, 9])], z.length, [z.length], [2, 1])

    assert.ok(Number.isNaN(found.pop()) && Number.isNaN(spread.pop()))
    for (const [i, value] of found.entries()) {
      const expected = Math.tanh(KINDS[bits].of(z[i])[0])
      assert.ok(Math.abs(value - expected) <= near * Math.abs(expected), `${z[i]}: ${value}, not ${expected}`)
    }
    assert.deepEqual(spread, found)
  })
}

test("each loop is handed to NumPy once, by its types", () => {
  const handed = []
  const table = new WebAssembly.Table({ element: "anyfunc", initial: 4 })
  const replace = (ufunc, at, types, old) => {
    handed.push([ufunc, table.get(at) !== null, [...words.slice(types / 4, types / 4 + (ufunc === 1000 ? 3 : 2))], old])
    return 0
  }
  words[2000 / 4 + 2] = 2400 // the capsule points to the table of NumPy's functions, ...
  words[2400 / 4 + 30] = 1 // ... the one at 30 of which replaces a loop
  const wasmTable = {
    get: at => (at === 1 ? replace : undefined),
    grow: n => table.grow(n),
    set: (at, f) => table.set(at, f),
  }
  const python = { runPython: () => ({ toJs: () => [1000, 1100, 2000, 8192] }), _module: { wasmTable } }

  quicken(python, memory, compiled)

  assert.deepEqual(handed, [
    [1000, true, [11, 11, 11], 8204],
    [1000, true, [12, 12, 12], 8204],
    [1100, true, [11, 11], 8204],
    [1100, true, [12, 12], 8204],
  ])
  assert.throws(
    () => quicken({ ...python, _module: { wasmTable: { ...wasmTable, get: () => () => -1 } } }, memory, compiled),
    /NumPy refused the loop for matmul/,
  )
})
