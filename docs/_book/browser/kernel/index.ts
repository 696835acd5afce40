// The kernel of the explorables: all that src/explore/_kernel.js calls.

export * from "./layers"
export { normals, seed, tables, uniforms } from "./random"
export { free }

// Where the page's own arrays may begin.
function free(): usize {
  return __heap_base
}
