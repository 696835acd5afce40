// The kernel of the explorables: all that src/explore/_kernel.js calls.
export { seed, tables, normals, uniforms } from "./random"
export * from "./layers"
export { free }

// Where the page's own arrays may begin.
function free(): usize {
  return __heap_base
}
