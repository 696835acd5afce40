// NumPy for WebAssembly comes without a BLAS. Its own interface lets the inner loops of `matmul` be replaced, as makers of
// other number libraries do: with those of numpy/matmul.ts, which work in the same memory. The results are matmul's.

const FLOAT32 = 11 // NumPy's numbers of its types
const FLOAT64 = 12
const REPLACE = 30 // where PyUFunc_ReplaceLoopBySignature stands in the table of its interface

// An id is an address. What the loops need of memory is an array that is kept for ever.
const look = size => `
import numpy
numpy._room = numpy.zeros(${size}, numpy.uint8)
[id(numpy.matmul), id(numpy._core._multiarray_umath._UFUNC_API), numpy._room.__array_interface__["data"][0]]
`

export const quicken = (python, memory, compiled) => {
  const { exports } = new WebAssembly.Instance(compiled, { env: { memory } })
  const [matmul, capsule, room] = python.runPython(look(exports.SIZE.value)).toJs()
  const words = new Uint32Array(memory.buffer)
  // A capsule holds the count of its references, its type, and the pointer.
  const table = words[capsule / 4 + 2] / 4
  const { wasmTable } = python._module
  const replace = wasmTable.get(words[table + REPLACE])
  for (const [type, loop] of [[FLOAT32, exports.float32], [FLOAT64, exports.float64]]) {
    const at = wasmTable.grow(1)
    wasmTable.set(at, loop)
    words.fill(type, room / 4, room / 4 + 3)
    if (replace(matmul, at, room, room + 12)) throw new Error("NumPy refused the loop for matmul")
  }
  exports.room.value = room
}
