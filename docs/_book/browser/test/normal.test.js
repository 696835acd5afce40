import assert from "node:assert/strict"
import { test } from "node:test"
import { ACTIVATIONS } from "../js/explore/_activations.js"
import { mean, settled, size, slopes } from "../js/explore/_normal.js"
import { apart, numbers } from "./_made.js"

const { activations, rests, z } = numbers

test("all activations of the library are there", () => {
  assert.deepEqual(Object.keys(ACTIVATIONS).sort(), Object.keys(activations).sort())
})

for (const [name, { f, df }] of Object.entries(activations)) {
  test(`${name} and its slope at z are the library's`, () => {
    const g = ACTIVATIONS[name]

    assert.ok(apart(z.map(g.f), f) < 1e-14, `${apart(z.map(g.f), f)}`)
    assert.ok(apart(z.map(g.df), df) < 1e-14, `${apart(z.map(g.df), df)}`)
  })
}

for (const [name, starts] of Object.entries(rests)) {
  test(`lengths of ${name} settle where the library's do, or grow where they do`, () => {
    for (const { w, b, rest, chi } of starts) {
      const found = settled(ACTIVATIONS[name], w, b)

      assert.equal(found === undefined, rest === null, `${w} ${b}`)
      if (found === undefined) continue
      assert.ok(apart([found], [rest]) < 1e-9, `${w} ${b}: ${found} and not ${rest}`)
      assert.ok(apart([w * w * slopes(ACTIVATIONS[name], found)], [chi]) < 1e-9, `${w} ${b}`)
    }
  })
}

test("averages over a normal variable are those that are known", () => {
  const known = [1, 2, 12] // of 1, z^2 and z^4 at a mean square of 2

  assert.ok(
    apart(
      [0, 2, 4].map(power => mean(z => z ** power, 2)),
      known,
    ) < 1e-12,
  )
  assert.ok(Math.abs(size(ACTIVATIONS.relu, 3) - 1.5) < 1e-12)
  assert.ok(Math.abs(slopes(ACTIVATIONS.relu, 0) - 0.5) < 1e-12)
})
