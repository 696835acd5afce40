// On every page with cells: small, since every reader gets it. What it needs to run comes on the first Run or Edit.

const meta = document.querySelector("meta[name=live]")

// The address of a file by the name it had before it was hashed.
export const manifest = async () => {
  const url = new URL(meta.content, document.baseURI)
  const names = await (await fetch(url)).json()
  return Object.fromEntries(Object.entries(names).map(([name, file]) => [name, new URL(file, url).href]))
}

document.documentElement.dataset.runtime = "off"
