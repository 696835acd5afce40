import assert from "node:assert/strict"
import { test } from "node:test"
import { generator } from "../js/explore/_random.js"
import { apart, numbers } from "./_made.js"

for (const [seed, draws] of Object.entries(numbers.draws)) {
  test(`default_rng(${seed}) is NumPy's`, () => {
    const rng = generator(+seed)
    assert.deepEqual(
      draws.integers.map(() => `${rng.uint64()}`),
      draws.integers,
    )
    assert.deepEqual([...generator(+seed).randoms(100)], draws.randoms)
    assert.deepEqual(generator(+seed).permutation(Array.from({ length: 50 }, (_, i) => i)), draws.permutation)
    // The last digits of a normal are those of the engine's exp and log.
    assert.ok(apart(generator(+seed).normals(5000), draws.normals) < 1e-12)
  })
}

test("the tail of the normals is drawn as well", () => {
  const normals = Object.values(numbers.draws).flatMap(draws => draws.normals)

  assert.ok(normals.filter(x => Math.abs(x) > 3.6541528853610088).length > 2)
})
