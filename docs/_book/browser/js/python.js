// The client of the runtime by an address of its own, for those who are not bundled with it, such as the tests.

export { isKept, keep } from "./_offline.js"
export { python } from "./_python.js"
