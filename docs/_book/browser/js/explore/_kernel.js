// The kernel's JavaScript face. Each explorable has an instance of its own: it lays out the memory as it needs.

import { files } from "../_files.js"

/** @import { Kernel, KernelExports, Layer } from "../types" */

const POINTS = 512 // at most, of a curve

export const load = async () => face(await (await fetch((await files())["kernel.wasm"])).arrayBuffer())

/** @type {(bytes: BufferSource) => Promise<Kernel>} */
export const face = async bytes => {
  const { instance } = await WebAssembly.instantiate(bytes)
  const kernel = /** @type {KernelExports} */ (/** @type {unknown} */ (instance.exports))
  kernel.tables()
  // Addresses of arrays of so many bytes each, from some address on.
  /** @type {(from: number, sizes: number[]) => number[]} */
  const laid = (from, sizes) => {
    let end = from
    const addresses = sizes.map(size => {
      const at = Math.ceil(end / 64) * 64
      end = at + size
      return at
    })
    const missing = Math.ceil((end - kernel.memory.buffer.byteLength) / 65536)
    if (missing > 0) kernel.memory.grow(missing)
    return addresses
  }
  const [a, df, others] = laid(kernel.free(), [8 * POINTS, 8 * POINTS, 0])
  // The memory moves when it grows.
  /** @type {Kernel["values"]} */
  const values = (at, length) => new Float64Array(kernel.memory.buffer, at, length)
  return {
    ...kernel,
    seed: seed => kernel.seed(seed % 2 ** 32, Math.floor(seed / 2 ** 32)),
    // Step t = 1, 2, ... of weights along their gradient G, whose running means are M and V.
    adam: (W, G, M, V, count, rate, t) => kernel.adam(W, G, M, V, count, rate / (1 - 0.9 ** t), 1 / (1 - 0.999 ** t)),
    // What an earlier layout holds is lost.
    place: sizes => laid(others, sizes),
    counts: (at, length) => [...new Uint32Array(kernel.memory.buffer, at, length)],
    values,
    // The number of an activation, by its name in the library.
    kind: name => /** @type {WebAssembly.Global} */ (instance.exports[name.toUpperCase()]).value,
    // An activation and its slope at some points; valid until the next call.
    curve(kind, z) {
      if (z.length > POINTS) throw new RangeError(`curve: expected at most ${POINTS} points, got ${z.length}`)
      const even = z.length + (z.length % 2)
      values(a, even).fill(0).set(z)
      values(df, even).fill(1)
      kernel.activate64(a, a, even, kind)
      kernel.damp64(df, a, even, kind)
      return { a: values(a, z.length), df: values(df, z.length) }
    },
  }
}

const DEEPEST = 50
const SENT = 64 // examples that are sent back while the picture moves
const FAINT = 1e-20 // below it float32 would soon compute with numbers that no processor is fast at: call it 0

// A deep network of `width` units in each layer, on `examples` columns of normal numbers, whose last layer sends normal
// numbers back. Its draws are kept, and only multiplied by a scale when that moves:
//     X, delta = rng.standard_normal((2, width, examples)); params = sn.init_params([width] * (depth + 2), ..., rng)
/**
 * @typedef {{ seed: number, draws: string, width: number, depth: number, examples: number }} Draws
 * @typedef {{ up: Layer[], down: Layer[] }} Passes
 * @typedef {(bits: 32 | 64, settings: Draws & { activation: string }, scale: number, sizes: Sizes) => Passes} Pass
 * @typedef {{ first: number, bins: number }} Sizes the octaves that are counted
 * @type {(kernel: Kernel) => Pass}
 */
export const network = kernel => {
  const nowhere = { 32: 0, 64: 0 } // addresses of what is kept in both precisions
  let layout = { ends: nowhere, W: nowhere, sent: 0, A: 0, back: 0, forth: 0, bins: 0, scratch: 0 }
  let key = ""
  let drawn = 0

  /** @type {(settings: Draws) => void} */
  const prepare = ({ seed, draws, width, depth, examples }) => {
    const wanted = [seed, draws, width, examples].join()
    const square = width * width
    const column = width * examples
    if (wanted !== key) {
      key = wanted
      const sizes = [2 * column, (DEEPEST + 1) * square].flatMap(count => [8 * count, 4 * count])
      const [ends64, ends32, W64, W32, sent32, A, back, forth, bins] = kernel.place([
        ...sizes,
        4 * width * SENT,
        8 * DEEPEST * column,
        8 * column,
        8 * column,
        256,
        8 * width,
      ])
      const [ends, W] = [
        { 32: ends32, 64: ends64 },
        { 32: W32, 64: W64 },
      ]
      layout = { ends, W, sent: sent32, A, back, forth, bins, scratch: bins + 256 }
      kernel.seed(seed)
      kernel.normals(ends64, 2 * column)
      kernel.narrow(ends64, ends32, 2 * column)
      const sent = Math.min(examples, SENT)
      for (let i = 0; i < width; i++) kernel.narrow(ends64 + 8 * (column + i * examples), sent32 + 4 * i * sent, sent)
      drawn = 0
    }
    // Deeper networks go on where the generator stopped.
    for (; drawn <= depth; drawn++) {
      const at = layout.W[64] + 8 * square * drawn
      kernel[draws === "uniform" ? "uniforms" : "normals"](at, square)
      if (draws === "orthogonal") kernel.orthogonalise(at, width, layout.scratch)
      kernel.narrow(at, layout.W[32] + 4 * square * drawn, square)
    }
  }

  // Forward and backward: for each layer the root mean square and the counts of sizes, by octave. In float64, or in float32 for
  // a picture that moves; that one sends only some of the examples back.
  return (bits, settings, scale, { first, bins }) => {
    prepare(settings)
    const { width, depth, examples, activation } = settings
    const bytes = bits / 8
    const kind = kernel.kind(activation)
    const column = width * examples
    const sent = bits === 32 ? Math.min(examples, SENT) : examples
    const { A, back, forth } = layout
    const W = (/** @type {number} */ l) => layout.W[bits] + bytes * width * width * (l - 1) // of layer 1, 2, ...
    const { product, activate, damp, square, octaves } = precision(kernel, bits)
    /** @type {(at: number, count: number) => Layer} */
    const seen = (at, count) => {
      const rms = Math.sqrt(square(at, count))
      if (bits === 32 && rms < FAINT) new Uint8Array(kernel.memory.buffer, at, bytes * count).fill(0)
      octaves(at, count, layout.bins, bins, first)
      return { rms, counts: kernel.counts(layout.bins, bins) }
    }
    const up = []
    let from = layout.ends[bits]
    let delta = bits === 32 ? layout.sent : from + bytes * column
    for (let l = 1; l <= depth; l++) {
      const to = A + bytes * column * (l - 1)
      product(W(l), width, 1, from, to, width, width, examples, scale)
      activate(to, to, column, kind)
      up.push(seen(to, column))
      from = to
    }
    /** @type {Layer[]} */
    const down = []
    for (let l = depth; l >= 1; l--) {
      const to = l % 2 ? forth : back
      product(W(l + 1), 1, width, delta, to, width, width, sent, scale)
      for (let i = 0; i < width; i++)
        damp(to + bytes * i * sent, A + bytes * (column * (l - 1) + i * examples), sent, kind)
      down.unshift(seen(to, width * sent))
      delta = to
    }
    return { up, down }
  }
}

// The kernel's functions of one precision.
/** @param {Kernel} kernel @param {32 | 64} bits */
const precision = (kernel, bits) => {
  if (bits === 32) {
    const { product32, activate32, damp32, square32, octaves32 } = kernel
    return { product: product32, activate: activate32, damp: damp32, square: square32, octaves: octaves32 }
  }
  const { product64, activate64, damp64, square64, octaves64 } = kernel
  return { product: product64, activate: activate64, damp: damp64, square: square64, octaves: octaves64 }
}
