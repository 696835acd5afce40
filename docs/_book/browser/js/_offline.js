// Keep the site for readers without a network; called once Python runs, so that nobody downloads it unasked.

import { files, manifest } from "./_files.js"

// Of each run and each edit: Python, its worker, what they import, and the editor, which no page has asked for yet.
const NEEDED = /^(runtime\/|worker\.js|chunk-|manifest)/

// Resolves when this page, what it loaded, Python and the editor are kept.
export const keep = async () => {
  if (!navigator.serviceWorker) return
  await navigator.serviceWorker.register(new URL("../../sw.js", manifest()))
  const { active } = await navigator.serviceWorker.ready
  /** @type {Record<string, string>} */
  const current = { ...(await files()), manifest: manifest().href }
  const loaded = performance.getEntriesByType("resource").map(entry => entry.name)
  const needed = Object.keys(current).filter(name => NEEDED.test(name))
  const page = location.origin + location.pathname
  const wanted = [page, ...loaded.filter(url => url.startsWith(location.origin)), ...needed.map(name => current[name])]
  const kept = new Promise(resolve =>
    navigator.serviceWorker.addEventListener("message", ({ data }) => data.type === "kept" && resolve(undefined)),
  )
  navigator.serviceWorker.startMessages()
  active?.postMessage({ type: "keep", files: [...new Set(wanted)], current: Object.values(current) })
  await kept
}

// Whether Python could start without the network: then a page may start it while nobody waits.
export const isKept = async () => {
  if (!navigator.serviceWorker?.controller) return false
  const wasm = await files().then(
    found => found["runtime/python.wasm.gz"],
    () => "",
  )
  return !!wasm && !!(await caches.match(wasm))
}
