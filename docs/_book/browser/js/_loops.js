// NumPy for WebAssembly comes without a BLAS, and computes `tanh` one value after the other. Its own interface lets the
// inner loops of its functions be replaced, as makers of other number libraries do: with those of numpy/index.ts, which
// work in the same memory. The results are NumPy's, but for a last bit.

const TYPES = { 32: 11, 64: 12 } // NumPy's numbers of float32 and float64
const REPLACE = 30 // where PyUFunc_ReplaceLoopBySignature stands in the table of its interface

/** @import { Interpreter } from "./types" */

// An id is an address. What the loops need of memory is an array that is kept for ever.
/** @type {(size: number) => string} */
const look = size => `
import numpy
numpy._room = numpy.zeros(${size}, numpy.uint8)
[id(numpy.matmul), id(numpy.tanh), id(numpy._core._multiarray_umath._UFUNC_API), numpy._room.__array_interface__["data"][0]]
`

/** @type {(python: Interpreter, memory: WebAssembly.Memory, compiled: WebAssembly.Module) => void} */
export const quicken = (python, memory, compiled) => {
  const made = new WebAssembly.Instance(compiled, { env: { memory } })
  const exports = /** @type {Record<string, WebAssembly.Global>} */ (made.exports)
  const [matmul, tanh, capsule, room] = python.runPython(look(exports.SIZE.value)).toJs()
  const words = new Uint32Array(memory.buffer)
  // A capsule holds the count of its references, its type, and the pointer.
  const table = words[capsule / 4 + 2] / 4
  const { wasmTable } = python._module
  const replace = wasmTable.get(words[table + REPLACE])
  for (const [name, ufunc, operands] of [
    ["matmul", matmul, 3],
    ["tanh", tanh, 2],
  ]) {
    for (const [bits, type] of Object.entries(TYPES)) {
      const at = wasmTable.grow(1)
      wasmTable.set(at, exports[name + bits])
      words.fill(type, room / 4, room / 4 + operands)
      if (replace(ufunc, at, room, room + 12)) throw new Error(`NumPy refused the loop for ${name}`)
    }
  }
  exports.room.value = room
}
