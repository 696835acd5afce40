// At the root of the site: what was read once can be read and run without a network. A file that is named by its
// content never changes and comes from the cache; all else comes from the network while there is one.

const NAME = "shallownet"
const LIVE = new URL("assets/live/", self.registration.scope).href
const HASHED = /\.[0-9a-f]{8}\.min\.\w+$/ // as the theme names its own

const store = async (request, response) => {
  if (response.status === 200 && !response.redirected) await (await caches.open(NAME)).put(request, response)
}

const found = request => caches.match(request, { ignoreSearch: true, ignoreVary: true, cacheName: NAME })

const answer = async event => {
  const { request } = event
  const kept = request.url.startsWith(LIVE) || HASHED.test(request.url)
  const old = kept && (await found(request))
  if (old) return old
  try {
    const response = await fetch(request)
    event.waitUntil(store(request, response.clone()))
    return response
  } catch (error) {
    const old = await found(request)
    if (old) return old
    throw error
  }
}

// A page whose first visit this is asks to keep what it has loaded already; what an older version kept goes.
const keep = async ({ files, current }) => {
  const cache = await caches.open(NAME)
  await Promise.all(
    files.map(async file => {
      if (await found(file)) return
      const response = await fetch(file).catch(() => undefined)
      if (response) await store(file, response)
    }),
  )
  const fresh = new Set([...files, ...current])
  for (const { url } of await cache.keys()) if (url.startsWith(LIVE) && !fresh.has(url)) await cache.delete(url)
}

self.addEventListener("install", () => self.skipWaiting())
self.addEventListener("activate", event => event.waitUntil(self.clients.claim()))
self.addEventListener("fetch", event => {
  const { method, url, headers } = event.request
  if (method === "GET" && url.startsWith(self.registration.scope) && !headers.has("range"))
    event.respondWith(answer(event))
})
self.addEventListener("message", event => {
  if (event.data.type === "keep")
    event.waitUntil(keep(event.data).then(() => event.source?.postMessage({ type: "kept" })))
})
