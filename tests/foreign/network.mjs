// Prints, for each of some settings of "Your network here", the picture's numbers from several seeds, and a framework's code
// for several others: node network.mjs FOLDER KERNEL SETTINGS COUNT FRAMEWORK COUNT.

import { readFileSync } from "node:fs"
import { pathToFileURL } from "node:url"

const [folder, kernel, settings, draws, framework, codes] = process.argv.slice(2)
const load = name => import(pathToFileURL(`${folder}/${name}`))
const [{ face }, { stack }, { snippets }] = await Promise.all(["_kernel.js", "_stack.js", "_snippets.js"].map(load))
const pass = stack(await face(readFileSync(kernel)))
const seeded = (count, make) => Array.from({ length: +count }, (_, seed) => make(seed))

console.log(
  JSON.stringify(
    JSON.parse(settings).map(chosen => ({
      numbers: seeded(draws, seed => pass(64, { ...chosen, seed })),
      codes: seeded(codes, seed => snippets({ ...chosen, seed })[framework]),
    })),
  ),
)
