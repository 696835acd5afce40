import assert from "node:assert/strict"
import { test } from "node:test"
import { entries } from "../js/_zip.js"
import { made } from "./_made.js"

test("an archive is read as the build writes it", () => {
  const found = new Map(entries(new Uint8Array(made("some.zip"))))

  assert.deepEqual([...found.keys()], ["a.py", "b/c.bin", "empty"])
  assert.equal(new TextDecoder().decode(found.get("a.py")), "x = 1\n")
  assert.deepEqual([...found.get("b/c.bin")], [...Array(256).keys()])
  assert.equal(found.get("empty").length, 0)
})

test("an archive may lie anywhere in a buffer", () => {
  const bytes = made("some.zip")
  const larger = new Uint8Array(bytes.length + 7)
  larger.set(bytes, 7)

  assert.equal([...entries(larger.subarray(7))].length, 3)
})
