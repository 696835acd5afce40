// The service worker against a cache and a network of our own.

import assert from "node:assert/strict"
import { beforeEach, test } from "node:test"

const SITE = "https://book.example/shallownet/"
const LIVE = `${SITE}assets/live/`
const listeners = {}
const stored = new Map() // the cache, by address
let online = true
let fetched = []

const bare = url => url.split("?")[0]
const cache = {
  put: async (request, response) => void stored.set(request.url ?? request, response),
  keys: async () => [...stored.keys()].map(url => ({ url })),
  match: async ({ url }) => stored.get(url)?.clone(),
  delete: async url => stored.delete(url),
}
globalThis.caches = {
  open: async () => cache,
  match: async request => stored.get(bare(request.url ?? request)),
}
globalThis.fetch = async request => {
  const url = request.url ?? request
  fetched.push(url)
  if (!online) throw new TypeError("no network")
  return url.includes("missing") ? new Response("", { status: 404 }) : new Response(`fresh ${url}`)
}
globalThis.self = {
  registration: { scope: SITE },
  addEventListener: (name, listener) => {
    listeners[name] = listener
  },
}
await import("../js/sw.js")

// What a page gets for an address; undefined where the worker leaves the request to the browser.
const asked = async (url, { method = "GET", headers = {}, mode = "cors" } = {}) => {
  const waiting = []
  let answer
  listeners.fetch({
    request: { url, method, mode, headers: new Headers(headers), clone: () => ({ url }) },
    respondWith: response => {
      answer = response
    },
    waitUntil: promise => waiting.push(promise),
  })
  const response = await answer
  await Promise.all(waiting)
  return response
}

const told = async data => {
  let done
  const answers = []
  listeners.message({
    data,
    source: { postMessage: message => answers.push(message) },
    waitUntil: promise => {
      done = promise
    },
  })
  await done
  return answers
}

beforeEach(() => {
  stored.clear()
  online = true
  fetched = []
})

test("a file that is named by its content comes from the cache", async () => {
  for (const url of [`${LIVE}live-ABC.js`, `${SITE}assets/main.0123abcd.min.css`]) {
    stored.set(url, new Response("kept"))

    assert.equal(await (await asked(url)).text(), "kept")
  }
  assert.deepEqual(fetched, [])
})

test("a page comes from the network and is kept for when there is none", async () => {
  const url = `${SITE}chapters/one/`
  stored.set(url, new Response("old"))

  assert.equal(await (await asked(url)).text(), `fresh ${url}`)
  online = false
  assert.equal(await (await asked(`${url}?symmetry=seed:1`)).text(), `fresh ${url}`)
})

test("without a network, what was never read is an error", async () => {
  online = false

  await assert.rejects(asked(`${SITE}chapters/two/`), /no network/)
})

test("without a network, a page that was never read names those that are there", async () => {
  const type = { headers: { "Content-Type": "text/html; charset=utf-8" } }
  stored.set(`${SITE}chapters/one/?a="&b`, new Response("<title>\n1. One &amp; all</title>", type))
  stored.set(`${SITE}assets/book.css`, new Response("p {}", { headers: { "Content-Type": "text/css" } }))
  online = false

  const answer = await asked(`${SITE}chapters/two/`, { mode: "navigate" })
  const text = await answer.text()

  assert.equal(answer.status, 503)
  assert.equal(text.split("<li>").length, 2)
  assert.match(text, /<li><a href="[^"]*chapters\/one\/\?a=&#34;&#38;b">1. One &amp; all<\/a>/)
})

test("where the browser keeps nothing, all comes from the network", async () => {
  const { match } = caches
  caches.match = () => {
    throw new DOMException("forbidden", "SecurityError")
  }
  const url = `${LIVE}live-ABC.js`

  assert.equal(await (await asked(url)).text(), `fresh ${url}`)
  caches.match = match
})

test("an error of the server is not kept", async () => {
  assert.equal((await asked(`${SITE}missing/`)).status, 404)
  assert.equal(stored.size, 0)
})

test("other sites, other methods and parts of files are left to the browser", async () => {
  assert.equal(await asked("https://other.example/a.js"), undefined)
  assert.equal(await asked(SITE, { method: "POST" }), undefined)
  assert.equal(await asked(`${SITE}long.mp4`, { headers: { range: "bytes=0-9" } }), undefined)
})

test("a page asks to keep files: what is there stays, what an older version kept goes", async () => {
  const [there, old, page] = [`${LIVE}a-1.js`, `${LIVE}b-1.js`, `${SITE}read/`]
  for (const url of [there, old, page]) stored.set(url, new Response("kept"))

  const answers = await told({ type: "keep", files: [there, `${LIVE}c-2.js`], current: [`${LIVE}d-2.js`] })

  assert.deepEqual([...stored.keys()].sort(), [there, `${LIVE}c-2.js`, page].sort())
  assert.deepEqual(fetched, [`${LIVE}c-2.js`])
  assert.deepEqual(answers, [{ type: "kept" }])
})

test("a file that cannot be had holds up no other", async () => {
  await told({ type: "keep", files: [`${LIVE}missing.js`, `${LIVE}c-2.js`], current: [] })

  assert.deepEqual([...stored.keys()], [`${LIVE}c-2.js`])
})
