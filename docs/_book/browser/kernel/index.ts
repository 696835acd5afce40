// The kernel of the explorables: all that js/explore/_kernel.js calls.

export { IDENTITY, LEAKY_RELU, RELU, SCALED_TANH, SELU, SIGMOID, TANH } from "./activations"
export * from "./layers"
export { normals, seed, tables, uniforms } from "./random"
export { adam } from "./training"
export { free }

// Where the page's own arrays may begin.
function free(): usize {
  return __heap_base
}
