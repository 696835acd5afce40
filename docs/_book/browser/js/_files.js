// The files of the live parts: `manifest-HASH.json`, which each page names, has their addresses by the names they had
// before they were hashed.

export const manifest = () => {
  /** @type {HTMLMetaElement | null} */
  const named = document.querySelector("meta[name=live]")
  return new URL(named?.content ?? "", document.baseURI)
}

// By name, the address of each.
/** @returns {Promise<Record<string, string>>} */
export const files = async () => {
  const from = manifest()
  const answer = await fetch(from)
  if (!answer.ok) throw new Error(`the server says ${answer.status}`)
  return Object.fromEntries(Object.entries(await answer.json()).map(([name, file]) => [name, new URL(file, from).href]))
}
