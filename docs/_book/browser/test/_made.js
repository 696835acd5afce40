// What _book/browser/check.py has written beside this folder: numbers of NumPy and of the library, and what is compiled.

import { readFileSync } from "node:fs"

export const made = name => readFileSync(new URL(`../../made/${name}`, import.meta.url))
export const numbers = JSON.parse(made("numbers.json").toString())

// How far two lists of numbers are apart at most, relative to the size of the numbers, or to 1 where they are smaller.
export const apart = (found, expected) => {
  if (found.length !== expected.length) return Number.NaN
  return expected.reduce(
    (most, value, i) => Math.max(most, Math.abs(found[i] - value) / Math.max(Math.abs(value), 1)),
    0,
  )
}
