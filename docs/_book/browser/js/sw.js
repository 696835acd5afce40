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

// A browser that was told to keep nothing has no caches.
/** @type {(request: Request | string) => Promise<Response | undefined>} */
const found = async request => {
  try {
    return await caches.match(request, { ignoreSearch: true, ignoreVary: true, cacheName: NAME })
  } catch {
    return undefined
  }
}

/** @type {(text: string) => string} */
const escaped = text => text.replace(/[&<>"]/g, sign => `&#${sign.charCodeAt(0)};`)

// In the place of a page that nobody has visited: which ones there are.
const missing = async () => {
  /** @type {string[]} */
  const items = []
  const cache = await caches.open(NAME)
  for (const request of await cache.keys()) {
    const page = request.url.startsWith(LIVE) ? undefined : await cache.match(request)
    if (!page?.headers.get("content-type")?.startsWith("text/html")) continue
    const title = /<title>([^<]*)/.exec(await page.text())?.[1] ?? request.url // its entities are as they were
    items.push(`<li><a href="${escaped(request.url)}">${title.trim()}</a></li>`)
  }
  const text = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Not kept for reading offline</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<style>body{max-width:34rem;margin:3rem auto;padding:0 1rem;font:1rem/1.6 system-ui,sans-serif}li{margin:.5rem 0}</style>
<h1>There is no network, and this page is not kept</h1>
<p>A page that you have read is there without a network once you have run a block of the book. These are:</p>
<ul>${items.join("")}</ul><p><a href="">Try again</a></p></html>`
  return new Response(text, { status: 503, headers: { "Content-Type": "text/html; charset=utf-8" } })
}

/** @type {(event: Fetching) => Promise<Response>} */
const answer = async event => {
  const { request } = event
  const kept = request.url.startsWith(LIVE) || HASHED.test(request.url)
  const old = kept && (await found(request))
  if (old) return old
  try {
    const response = await fetch(request)
    event.waitUntil(store(request, response.clone()).catch(() => {}))
    return response
  } catch (error) {
    const old = await found(request)
    if (old) return old
    if (request.mode === "navigate") return missing()
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
