import assert from "node:assert/strict"
import { beforeEach, test } from "node:test"
import { files, manifest } from "../js/_files.js"

let status = 200

beforeEach(() => {
  status = 200
  globalThis.document = {
    baseURI: "https://book.example/shallownet/chapters/one/",
    querySelector: name => name === "meta[name=live]" && { content: "../../assets/live/manifest-12.json" },
  }
  globalThis.fetch = async () => new Response(JSON.stringify({ "runtime/a.gz": "runtime/a-34.gz" }), { status })
})

test("the manifest is found from any page", () => {
  assert.equal(manifest().href, "https://book.example/shallownet/assets/live/manifest-12.json")
})

test("a file is found by the name it had before it was hashed", async () => {
  assert.deepEqual(await files(), { "runtime/a.gz": "https://book.example/shallownet/assets/live/runtime/a-34.gz" })
})

test("a server that has no manifest is quoted", async () => {
  status = 503

  await assert.rejects(files(), /503/)
})
