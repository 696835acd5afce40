// At the root of the site: what was read once can be read and run without a network. A file that is named by its
// content never changes and comes from the cache; all else comes from the network while there is one.

/** @typedef {Event & { waitUntil(promise: Promise<unknown>): void }} Lasting */
/** @typedef {Lasting & { request: Request, respondWith(response: Promise<Response>): void }} Fetching */
/** @typedef {{ type: string, files: string[], current: string[] }} Wish */
/** @typedef {Lasting & { data: Wish, source?: { postMessage(message: unknown): void } }} Telling */

// The types of a service worker are not among those of workers.
const scope = /**
 * @type {{
 *   registration: { scope: string },
 *   skipWaiting(): Promise<void>,
 *   clients: { claim(): Promise<void> },
 *   addEventListener(name: string, listener: (event: any) => void): void,
 * }}
 */ (/** @type {unknown} */ (self))
const NAME = "shallownet"
const LIVE = new URL("assets/live/", scope.registration.scope).href
const HASHED = /\.[0-9a-f]{8}\.min\.\w+$/ // as the theme names its own

/** @type {(request: Request | string, response: Response) => Promise<void>} */
const store = async (request, response) => {
  if (response.status === 200 && !response.redirected) await (await caches.open(NAME)).put(request, response)
}

/** @type {(request: Request | string) => Promise<Response | undefined>} */
const found = request => caches.match(request, { ignoreSearch: true, ignoreVary: true, cacheName: NAME })

/** @type {(event: Fetching) => Promise<Response>} */
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
/** @type {(wish: Wish) => Promise<void>} */
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

scope.addEventListener("install", () => scope.skipWaiting())
scope.addEventListener("activate", (/** @type {Lasting} */ event) => event.waitUntil(scope.clients.claim()))
scope.addEventListener("fetch", (/** @type {Fetching} */ event) => {
  const { method, url, headers } = event.request
  if (method === "GET" && url.startsWith(scope.registration.scope) && !headers.has("range"))
    event.respondWith(answer(event))
})
scope.addEventListener("message", (/** @type {Telling} */ event) => {
  if (event.data.type === "keep")
    event.waitUntil(keep(event.data).then(() => event.source?.postMessage({ type: "kept" })))
})
