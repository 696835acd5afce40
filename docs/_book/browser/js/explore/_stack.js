// The networks of "Your network here", forward and backward: what is drawn, in the order in which the library draws it, and
// the sizes that follow. All draws are one stream of NumPy's normal numbers, of which each matrix takes the next ones: so
// only another seed is drawn anew, and all else multiplies.

/** @import { Kernel } from "../types" */
/**
 * @typedef {{ family: string, activation: string, width: number, depth: number, blocks: number, start: string, draw: string, sigma: number, norm: string, branch: string, post: string, attention: string, embedding: string, head: string, precision: string, seed: number }} Settings
 * @typedef {{ name: string, rows: number, inner: number, std: number, at: number, last?: boolean }} Matrix `at` in the stream of draws; `last` of a branch
 * @typedef {{ family: string, kind: string, depth: number, width: number, m: number, matrices: Matrix[], count: number, alpha: number, factor: number, orthogonal: boolean, classes: number }} Plan
 * @typedef {{ up: number[], down: number[], cosine: number[], keys: number[], quiet: number[], steps: number[], loss: number, differ: boolean }} Sizes
 * @typedef {{ at: number, rows: number, inner: number, std: number }} Weights
 */

export const CLASSES = 10
export const TOKENS = 256 // in the vocabulary
export const POSITIONS = 16
export const HEAD = 32 // units of one head of attention
export const EXAMPLES = 64
export const IMAGES = 8 // of a convolution, each of so many places in a ring
export const PLACES = 8
export const BATCH = 16 // sequences of a recurrence
export const DEEPEST = 30 // layers without skips
export const MOST = 12 // blocks
const RATE = 0.01 // of check 4
const EPSILON = 1e-5 // what the library adds to a variance
const FAINT = 1e-20 // below it float32 would soon compute with numbers that no processor is fast at: call it 0
const ARENA = 112e6 // bytes for what a pass leaves behind

export const streams = (/** @type {string} */ family) => family === "residual" || attends(family)
export const attends = (/** @type {string} */ family) => family === "pre" || family === "post"
// Without skips, each layer can be rounded in few lines of code.
export const narrows = (/** @type {Settings} */ { family, precision }) => !streams(family) && precision !== "full"
export const startOf = (/** @type {Settings} */ { family, start, draw }) => (streams(family) ? draw : start)
export const depthOf = (/** @type {Settings} */ { family, depth, blocks }) => (streams(family) ? blocks : depth)

// How the last matrix of each branch starts, and the stream's factor.
/** @type {(settings: Settings) => { alpha: number, beta: number, factor: number }} */
const branchOf = ({ family, branch, post, blocks }) => {
  if (family === "post" && post === "deepnet")
    return { alpha: (2 * blocks) ** 0.25, beta: (8 * blocks) ** -0.25, factor: 1 }
  if (family === "post") return { alpha: 1, beta: 1, factor: post === "zero" ? 0 : 1 }
  const root = family === "residual" ? blocks : 2 * blocks
  return { alpha: 1, beta: 1, factor: branch === "zero" ? 0 : branch === "root" ? root ** -0.5 : 1 }
}

// What a setting draws: all matrices in order, behind the inputs.
/** @type {(settings: Settings) => Plan} */
export const plan = settings => {
  const { family, width: n, sigma } = settings
  const depth = depthOf(settings)
  const start = startOf(settings)
  const { alpha, beta, factor } = branchOf(settings)
  const m = attends(family) ? POSITIONS : family === "recurrent" ? BATCH : EXAMPLES
  let count = attends(family) ? 0 : n * m * (family === "recurrent" ? depth : 1)
  /** @type {Matrix[]} */
  const matrices = []
  /** @type {(name: string, rows: number, inner: number, std: number) => void} */
  const add = (name, rows, inner, std) => {
    matrices.push({ name, rows, inner, std, at: count })
    count += rows * inner
  }
  const std = (/** @type {number} */ fan_out, /** @type {number} */ fan_in) => {
    if (start === "he") return Math.sqrt(2 / fan_in)
    if (start === "glorot") return Math.sqrt(2 / (fan_in + fan_out))
    if (start === "small") return 0.02
    if (start === "orthogonal") return 1
    return (start === "own" ? sigma : 1) / Math.sqrt(fan_in)
  }
  const lecun = Math.sqrt(1 / n)
  if (family === "plain") for (let l = 1; l <= depth; l++) add("W", n, n, std(n, n))
  // Of a kernel with orthogonal columns only the centre is not 0, and only that is drawn.
  if (family === "convolution")
    for (let l = 1; l <= depth; l++) start === "orthogonal" ? add("W", n, n, 1) : add("W", n, 3 * n, std(3 * n, 3 * n))
  if (family === "recurrent") {
    add("U", n, n, lecun)
    add("W", n, n, std(n, n))
  }
  if (family === "residual") {
    add("stem", n, n, lecun)
    for (let l = 1; l <= depth; l++) {
      add("W1", n, n, std(n, n))
      if (factor) add("W2", n, n, std(n, n))
      else matrices.push({ name: "W2", rows: n, inner: n, std: 0, at: 0 }) // zeros are not drawn
    }
  }
  if (attends(family)) {
    const size = { unit: 1, small: 0.02, root: lecun }[settings.embedding] ?? 1
    add("E", n, TOKENS, size)
    add("P", n, POSITIONS, size)
    for (let l = 1; l <= depth; l++) {
      add("W_Q", n, n, std(n, n))
      add("W_K", n, n, std(n, n))
      add("W_V", n, n, beta * std(n, n))
      add("W_O", n, n, beta * factor * std(n, n))
      add("W1", 4 * n, n, beta * std(4 * n, n))
      add("W2", n, 4 * n, beta * factor * std(n, 4 * n))
    }
    if (settings.head === "own") add("head", TOKENS, n, lecun)
  } else add("head", CLASSES, n, lecun)
  return {
    ...{ family, kind: settings.activation, depth, width: n, m, matrices, count, alpha, factor },
    ...{ orthogonal: start === "orthogonal", classes: attends(family) ? TOKENS : CLASSES },
  }
}

/** @type {(kernel: Kernel) => (bits: 32 | 64, settings: Settings) => Sizes} */
export const stack = kernel => {
  let capacity = 0
  let at = { 64: 0, 32: 0, turned: 0, narrowed: 0, scratch: 0, arena: 0 }
  let seeded = -1
  let drawn = 0
  let turned = "" // what the orthogonal matrices that are kept were made of
  let turns = 0 // how many of them there are
  let free = 0
  let bytes = 8
  let known = fresh()
  let knownOf = ""

  /** @type {(plan: Plan, seed: number) => void} */
  const prepare = ({ count, width, matrices, orthogonal, family }, seed) => {
    const wanted = count + 4 * width // a product reads rows by fours
    if (wanted > capacity) {
      capacity = Math.ceil(wanted * 1.2)
      const [f64, f32, turned64, turned32, scratch, arena] = kernel.place([
        ...[8 * capacity, 4 * capacity, 8 * DEEPEST * 65536, 4 * DEEPEST * 65536, 8 * 256, ARENA],
      ])
      at = { 64: f64, 32: f32, turned: turned64, narrowed: turned32, scratch, arena }
      seeded = -1
      turned = ""
    }
    if (seeded !== seed) {
      kernel.seed(seed)
      seeded = seed
      drawn = 0
    }
    if (wanted > drawn) {
      kernel.normals(at[64] + 8 * drawn, wanted - drawn)
      kernel.narrow(at[64] + 8 * drawn, at[32] + 4 * drawn, wanted - drawn)
      drawn = wanted
    }
    const drawing = [seed, width, orthogonal, family].join()
    if (knownOf !== drawing) known = fresh()
    knownOf = drawing
    if (!orthogonal) return
    const square = width * width
    const hidden = matrices.filter(({ name }) => name === "W")
    const key = [seed, width, family, hidden[0].at].join()
    if (turned !== key) {
      turned = key
      turns = 0
    }
    for (; turns < hidden.length; turns++) {
      const to = at.turned + 8 * square * turns
      kernel.values(to, square).set(kernel.values(at[64] + 8 * hidden[turns].at, square))
      kernel.orthogonalise(to, width, at.scratch)
      kernel.narrow(to, at.narrowed + 4 * square * turns, square)
    }
  }

  /** @type {(address: number, count: number) => Float64Array | Float32Array} */
  const view = (address, count) =>
    bytes === 8 ? kernel.values(address, count) : new Float32Array(kernel.memory.buffer, address, count)
  // Room for so many numbers, and for the two rows more that a product of ten rows writes.
  /** @type {(count: number) => number} */
  const take = count => {
    const address = free
    free += Math.ceil((bytes * (count + 2 * EXAMPLES)) / 64) * 64
    if (free > at.arena + ARENA) throw new RangeError("stack: more numbers than there is room for")
    return address
  }

  return (bits, settings) => {
    const p = plan(settings)
    prepare(p, settings.seed)
    bytes = bits / 8
    free = at.arena
    const { product, activate, damp, square } = precision(kernel, bits)
    const kind = kernel.kind(p.kind)
    const { width: n, m, depth, classes } = p
    const cast = rounding(settings.precision)
    const narrow = narrows(settings)
    /** @type {(address: number, count: number) => number} */
    const rounded = (address, count) => {
      if (narrow) cast(view(address, count))
      return address
    }

    // Weights as a pass multiplies by them: where they lie, and what they are multiplied with.
    let turn = 0
    /** @type {(matrix: Matrix) => Weights} */
    const weights = ({ name, rows, inner, std, at: from }) => {
      const own = p.orthogonal && name === "W"
      const kept = bits === 64 ? at.turned : at.narrowed
      const address = own ? kept + bytes * rows * inner * turn++ : at[bits] + bytes * from
      if (!narrow) return { at: address, rows, inner, std }
      const to = take(rows * inner)
      const source = view(address, rows * inner)
      const copy = view(to, rows * inner)
      for (let i = 0; i < copy.length; i++) copy[i] = std * source[i]
      return { at: rounded(to, rows * inner), rows, inner, std: 1 }
    }
    const all = p.matrices.map(weights)
    // Rounded weights lie where they happen to, and are another matrix with another scale.
    const kept = narrow ? fresh() : known
    const of = (/** @type {string} */ name) => all.filter((_, i) => p.matrices[i].name === name)

    // W X, and W^T D.
    /** @type {(W: Weights, X: number, columns?: number) => number} */
    const times = (W, X, columns = m) => {
      const to = take(W.rows * columns)
      product(W.at, W.inner, 1, X, to, W.rows, W.inner, columns, W.std)
      return rounded(to, W.rows * columns)
    }
    /** @type {(W: Weights, D: number, columns?: number) => number} */
    const back = (W, D, columns = m) => {
      const to = take(W.inner * columns)
      product(W.at, 1, W.inner, D, to, W.inner, W.rows, columns, W.std)
      return rounded(to, W.inner * columns)
    }
    /** @type {(address: number, count: number) => number} */
    const size = (address, count) => {
      const rms = Math.sqrt(square(address, count))
      if (bits === 32 && rms < FAINT) view(address, count).fill(0)
      return bits === 32 && rms < FAINT ? 0 : rms
    }
    // Of the columns, on average over all pairs.
    /** @type {(address: number, rows: number, columns: number) => number} */
    const cosine = (address, rows, columns) => {
      const x = view(address, rows * columns)
      const lengths = new Float64Array(columns)
      for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) lengths[j] += x[i * columns + j] ** 2
      let seen = 0 // columns that are not 0
      for (let j = 0; j < columns; j++) {
        if (lengths[j] > 0) seen++
        lengths[j] = lengths[j] > 0 ? 1 / Math.sqrt(lengths[j]) : 0
      }
      let sum = 0
      for (let i = 0; i < rows; i++) {
        let row = 0
        for (let j = 0; j < columns; j++) row += x[i * columns + j] * lengths[j]
        sum += row * row
      }
      return (sum - seen) / (columns * columns - columns)
    }
    // The root mean square of D X^T, over the examples, by way of the products of their columns.
    /** @type {Map<number, Float64Array | Float32Array>} */
    const grams = new Map() // three matrices may read the same
    /** @type {(address: number, rows: number, columns: number) => Float64Array | Float32Array} */
    const gram = (address, rows, columns) => {
      let found = grams.get(address)
      if (!found) {
        const to = take(columns * columns)
        product(address, 1, columns, address, to, columns, rows, columns, 1)
        found = view(to, columns * columns)
        grams.set(address, found)
      }
      return found
    }
    /** @type {(D: number, rows: number, X: number, inner: number, columns: number, examples: number) => number} */
    const gradient = (D, rows, X, inner, columns, examples) => {
      const [one, other] = [gram(D, rows, columns), gram(X, inner, columns)]
      let sum = 0
      for (let i = 0; i < one.length; i++) sum += one[i] * other[i]
      return Math.sqrt(Math.max(sum, 0) / (rows * inner)) / examples
    }
    // An update over its weights, of their gradient's size and their own; none where either is 0.
    /** @type {number[]} */
    const steps = []
    const stepped = (/** @type {number} */ slope, /** @type {number} */ here) => {
      const moved = RATE * slope
      if (moved > 0 && here > 0) steps.push(moved / here)
    }
    /** @type {(W: Weights, D: number, X: number, columns?: number, examples?: number) => void} */
    const step = (W, D, X, columns = m, examples = m) => {
      const unscaled = kept.lengths.get(W.at) ?? Math.sqrt(square(W.at, W.rows * W.inner))
      kept.lengths.set(W.at, unscaled)
      stepped(gradient(D, W.rows, X, W.inner, columns, examples), W.std * unscaled)
    }
    // The share of units that are 0, or for tanh and sigmoid flat, for every example.
    /** @type {(address: number, rows: number, columns: number) => number} */
    const deaf = (address, rows, columns) => {
      const x = view(address, rows * columns)
      let found = 0
      if (p.kind === "tanh" || p.kind === "sigmoid") {
        const [middle, far] = p.kind === "tanh" ? [0, 0.97] : [0.5, 0.485]
        for (let k = 0; k < x.length; k++) if (Math.abs(x[k] - middle) > far) found++
        return found / x.length
      }
      for (let from = 0; from < x.length; from += columns) {
        let j = from
        while (j < from + columns && x[j] === 0) j++
        if (j === from + columns) found++
      }
      return found / rows
    }
    // Softmax and cross-entropy: the mean loss, and each example's own gradient in its logits. The class of example j is j, and so on.
    /** @type {(Z: number, columns: number, shift: number) => { loss: number, dZ: number }} */
    const guess = (Z, columns, shift) => {
      const z = view(Z, classes * columns)
      const dZ = take(classes * columns)
      const d = view(dZ, classes * columns)
      let loss = 0
      for (let j = 0; j < columns; j++) {
        let most = -Infinity
        for (let i = j; i < z.length; i += columns) most = Math.max(most, z[i])
        let sum = 0
        for (let i = j; i < z.length; i += columns) {
          d[i] = Math.exp(z[i] - most)
          sum += d[i]
        }
        for (let i = j; i < z.length; i += columns) d[i] /= sum
        const right = ((j + shift) % classes) * columns + j
        loss += most + Math.log(sum) - z[right]
        d[right] -= 1
      }
      rounded(dZ, classes * columns)
      return { loss: loss / columns, dZ }
    }
    /** @type {number[]} */
    const up = []
    /** @type {number[]} */
    const down = []
    /** @type {number[]} */
    const angles = []
    /** @type {number[]} */
    const keys = []
    /** @type {number[]} */
    const quiet = []
    /** @type {Map<number, number>} */
    const exact = new Map() // activations before they are rounded, by where the rounded ones lie: slopes are read off these
    /** @type {(Z: number) => number} */
    const active = Z => {
      const A = take(n * m)
      activate(Z, A, n * m, kind)
      const seen = narrow ? rounded(copied(tools, A, n * m), n * m) : A
      exact.set(seen, A)
      quiet.push(deaf(seen, n, m))
      return seen
    }
    /** @type {(D: number, A: number) => void} */
    const sloped = (D, A) => {
      damp(D, exact.get(A) ?? A, n * m, kind)
      rounded(D, n * m)
    }
    const tools = { view, take, rounded }
    let first = 0
    // What the picture shows of a layer, or of the stream behind a block.
    const show = (/** @type {number} */ address) => {
      up.push(size(address, n * m))
      angles.push(cosine(address, n, m))
    }

    if (p.family === "plain") {
      const W = of("W")
      const [head] = of("head")
      const A = [rounded(copied(tools, at[bits], n * m), n * m)]
      for (let l = 1; l <= depth; l++) {
        const Z = times(W[l - 1], A[l - 1])
        show(Z)
        A.push(active(Z))
      }
      const { loss, dZ } = guess(times(head, A[depth]), m, 0)
      first = loss
      let D = back(head, dZ)
      for (let l = depth; l >= 1; l--) {
        sloped(D, A[l])
        down.unshift(size(D, n * m))
        step(W[l - 1], D, A[l - 1])
        if (l > 1) D = back(W[l - 1], D)
      }
    }

    if (p.family === "convolution") {
      const [W, [head]] = ["W", "head"].map(of)
      const column = n * m
      // Of each place its own and its two neighbours' channels, around the ends; and the way back.
      /** @type {(from: number) => number} */
      const unfolded = from => {
        const to = take(3 * column)
        const [x, y] = [view(from, column), view(to, 3 * column)]
        for (let i = 0, k = 0; i < n; i++)
          for (let tap = 0; tap < 3; tap++) for (let j = 0; j < m; j++, k++) y[k] = x[i * m + beside(j, tap - 1)]
        return to
      }
      // A kernel whose centre alone is not 0 reads no neighbours.
      const unfold = (/** @type {number} */ from) => (p.orthogonal ? from : unfolded(from))
      /** @type {(from: number) => number} */
      const fold = from => {
        if (p.orthogonal) return from
        const to = take(column)
        const [y, x] = [view(from, 3 * column), view(to, column).fill(0)]
        for (let i = 0, k = 0; i < n; i++)
          for (let tap = 0; tap < 3; tap++) for (let j = 0; j < m; j++, k++) x[i * m + beside(j, tap - 1)] += y[k]
        return rounded(to, column)
      }
      const seen = [rounded(copied(tools, at[bits], column), column)]
      const folds = []
      for (let l = 0; l < depth; l++) {
        folds.push(unfold(seen[l]))
        const Z = times(W[l], folds[l])
        show(Z)
        seen.push(active(Z))
      }
      // The mean over the places of each image goes to the head.
      const pooled = take(n * IMAGES)
      const [mean, x] = [view(pooled, n * IMAGES).fill(0), view(seen[depth], column)]
      for (let i = 0; i < n; i++)
        for (let j = 0; j < m; j++) mean[i * IMAGES + Math.floor(j / PLACES)] += x[i * m + j] / PLACES
      const { loss, dZ } = guess(times(head, rounded(pooled, n * IMAGES), IMAGES), IMAGES, 0)
      first = loss
      const above = view(back(head, dZ, IMAGES), n * IMAGES)
      let D = take(column)
      const d = view(D, column)
      for (let i = 0; i < n; i++)
        for (let j = 0; j < m; j++) d[i * m + j] = above[i * IMAGES + Math.floor(j / PLACES)] / PLACES
      for (let l = depth - 1; l >= 0; l--) {
        sloped(D, seen[l + 1])
        down.unshift(size(D, column))
        if (p.orthogonal) whole(W[l], D, seen[l])
        else step(W[l], D, folds[l], m, IMAGES)
        if (l) D = fold(back(W[l], D))
      }
      // Of a kernel whose centre alone is not 0 all three taps move: three times the gradients, of neighbours that are as large.
      /** @type {(W: Weights, D: number, A: number) => void} */
      function whole(W, D, A) {
        stepped(gradient(D, n, unfolded(A), 3 * n, m, IMAGES), W.std * Math.sqrt(square(W.at, n * n) / 3))
      }
    }

    if (p.family === "recurrent") {
      const [[U], [W], [head]] = ["U", "W", "head"].map(of)
      const column = n * m
      const states = [take(column)]
      view(states[0], column).fill(0)
      /** @type {number[]} */
      const read = []
      for (let t = 0; t < depth; t++) {
        const X = rounded(copied(tools, at[bits] + bytes * column * t, column), column)
        read.push(X)
        const Z = t ? sum(tools, times(W, states[t]), times(U, X), 1, column) : times(U, X)
        show(Z)
        states.push(active(Z))
      }
      const { loss, dZ } = guess(times(head, states[depth]), m, 0)
      first = loss
      let D = back(head, dZ)
      // The gradients of the two matrices add up over the steps: their columns side by side.
      const long = depth * m
      const [side, before, inputs] = [take(n * long), take(n * long), take(n * long)]
      for (let t = depth - 1; t >= 0; t--) {
        sloped(D, states[t + 1])
        down.unshift(size(D, column))
        const [d, a, x] = [D, states[t], read[t]].map(from => view(from, column))
        const [ds, as, xs] = [side, before, inputs].map(to => view(to, n * long))
        for (let i = 0, k = 0; i < n; i++)
          for (let j = 0; j < m; j++, k++) {
            ds[i * long + t * m + j] = d[k]
            as[(t * m + j) * n + i] = a[k]
            xs[(t * m + j) * n + i] = x[k]
          }
        if (t) D = back(W, D)
      }
      for (const [matrix, other] of /** @type {[Weights, number][]} */ ([
        [U, inputs],
        [W, before],
      ])) {
        const G = take(n * n)
        product(side, long, 1, other, G, n, long, n, 1 / m)
        stepped(Math.sqrt(square(G, n * n)), matrix.std * Math.sqrt(square(matrix.at, n * n)))
      }
    }

    if (p.family === "residual") {
      const [[stem], [head], W1, W2] = ["stem", "head", "W1", "W2"].map(of)
      const last = W2.map(W => ({ ...W, std: p.factor * W.std })) // with the factor of the branch
      const normed = settings.norm === "layer"
      /** @type {(x: number) => Normed} */
      const norm = x => (normed ? normalise(tools, x, n, m) : { at: x, scale: new Float64Array() })
      /** @type {(of: Normed, D: number) => number} */
      const unnorm = (of, D) => (normed ? denormalise(tools, of, D, n, m) : D)
      let x = times(stem, rounded(copied(tools, at[bits], n * m), n * m))
      show(x)
      /** @type {{ N: Normed, A: number }[]} */
      const kept = []
      for (let l = 0; l < depth; l++) {
        const N = norm(x)
        const A = active(times(W1[l], N.at))
        kept.push({ N, A })
        x = sum(tools, x, times(last[l], A), 1, n * m)
        show(x)
      }
      const N = norm(x)
      const { loss, dZ } = guess(times(head, N.at), m, 0)
      first = loss
      let D = unnorm(N, back(head, dZ))
      down.unshift(size(D, n * m))
      for (let l = depth - 1; l >= 0; l--) {
        if (p.factor) step(W2[l], scaled(tools, D, p.factor, n * m), kept[l].A)
        const inner = back(last[l], D)
        sloped(inner, kept[l].A)
        step(W1[l], inner, kept[l].N.at)
        D = sum(tools, D, unnorm(kept[l].N, back(W1[l], inner)), 1, n * m)
        down.unshift(size(D, n * m))
      }
    }

    if (attends(p.family)) {
      const T = POSITIONS
      const [E, P] = [of("E")[0], of("P")[0]]
      const [W_Q, W_K, W_V, W_O, W1, W2] = ["W_Q", "W_K", "W_V", "W_O", "W1", "W2"].map(of)
      const [head] = of("head")
      const heads = n / HEAD
      const pre = p.family === "pre"
      const { attention } = settings
      const scale = { one: 1, inverse: 1 / HEAD }[attention] ?? HEAD ** -0.5
      const inHead = HEAD * T
      const column = n * T
      /** @type {(from: number) => number} */
      const flip = from => {
        const to = take(T * T)
        const [a, b] = [view(from, T * T), view(to, T * T)]
        for (let i = 0; i < T; i++) for (let j = 0; j < T; j++) b[j * T + i] = a[i * T + j]
        return to
      }
      let x = take(column)
      const [e, place, tokens] = [view(E.at, n * TOKENS), view(P.at, column), view(x, column)]
      for (let i = 0; i < n; i++)
        for (let t = 0; t < T; t++) tokens[i * T + t] = E.std * e[i * TOKENS + t] + P.std * place[i * T + t]
      rounded(x, column)
      show(x)

      /** @type {{ enter: Normed, leave: Normed, q: Normed[], k: Normed[], Q: number, K: number, V: number, shares: number[], O: number }[]} */
      const hears = []
      /** @type {{ enter: Normed, leave: Normed, A: number }[]} */
      const thinks = []
      const bare = new Float64Array() // of no norm
      // What a branch hears, and what the stream is behind its addition: one of the two is normalised.
      /** @type {(x: number) => Normed} */
      const entering = x => (pre ? normalise(tools, x, n, T) : { at: x, scale: bare })
      /** @type {(x: number) => Normed} */
      const leaving = x => (pre ? { at: x, scale: bare } : normalise(tools, x, n, T))
      for (let l = 0; l < depth; l++) {
        let enter = entering(x)
        let [Q, K] = [times(W_Q[l], enter.at), times(W_K[l], enter.at)]
        const V = times(W_V[l], enter.at)
        /** @type {Normed[]} */
        const q = []
        /** @type {Normed[]} */
        const k = []
        if (attention === "qk") {
          const [normedQ, normedK] = [take(column), take(column)]
          for (let h = 0; h < heads; h++) {
            q.push(normalise(tools, Q + bytes * h * inHead, HEAD, T, normedQ + bytes * h * inHead))
            k.push(normalise(tools, K + bytes * h * inHead, HEAD, T, normedK + bytes * h * inHead))
          }
          Q = normedQ
          K = normedK
        }
        const O = take(column)
        const shares = []
        let heard = 0
        for (let h = 0; h < heads; h++) {
          const S = take(T * T)
          product(K + bytes * h * inHead, 1, T, Q + bytes * h * inHead, S, T, HEAD, T, scale)
          const s = view(S, T * T)
          let squares = 0
          for (let j = 0; j < T; j++) {
            let most = -Infinity
            for (let i = 0; i <= j; i++) most = Math.max(most, s[i * T + j])
            let total = 0
            for (let i = 0; i <= j; i++) {
              s[i * T + j] = Math.exp(s[i * T + j] - most)
              total += s[i * T + j]
            }
            for (let i = 0; i < T; i++) s[i * T + j] = i <= j ? s[i * T + j] / total : 0
          }
          for (let i = 0; i < T; i++) squares += s[i * T + T - 1] ** 2
          heard += 1 / squares / heads
          product(V + bytes * h * inHead, T, 1, S, O + bytes * h * inHead, HEAD, T, T, 1)
          shares.push(S)
        }
        rounded(O, column)
        keys.push(heard)
        let leave = leaving(sum(tools, x, times(W_O[l], O), p.alpha, column))
        x = leave.at
        hears.push({ enter, leave, q, k, Q, K, V, shares, O })
        enter = entering(x)
        const A = times(W1[l], enter.at)
        activate(A, A, 4 * column, kind)
        rounded(A, 4 * column)
        quiet.push(deaf(A, 4 * n, T))
        leave = leaving(sum(tools, x, times(W2[l], A), p.alpha, column))
        x = leave.at
        thinks.push({ enter, leave, A })
        show(x)
      }
      const out = entering(x)
      let Z = 0
      if (head) Z = times(head, out.at)
      else {
        Z = take(TOKENS * T)
        product(E.at, 1, TOKENS, out.at, Z, TOKENS, n, T, E.std)
        rounded(Z, TOKENS * T)
      }
      const { loss, dZ } = guess(Z, T, 1)
      first = loss
      let D = take(column)
      if (head) D = back(head, dZ)
      else {
        product(E.at, TOKENS, 1, dZ, D, n, TOKENS, T, E.std)
        rounded(D, column)
      }
      if (pre) D = denormalise(tools, out, D, n, T)
      down.unshift(size(D, column))
      for (let l = depth - 1; l >= 0; l--) {
        const { enter, leave, A } = thinks[l]
        let G = pre ? D : denormalise(tools, leave, D, n, T)
        if (p.factor) step(W2[l], G, A)
        const inner = back(W2[l], G)
        damp(inner, A, 4 * column, kind)
        rounded(inner, 4 * column)
        step(W1[l], inner, enter.at)
        let N = back(W1[l], inner)
        D = sum(tools, pre ? denormalise(tools, enter, N, n, T) : N, G, p.alpha, column, true)

        const one = hears[l]
        G = pre ? D : denormalise(tools, one.leave, D, n, T)
        if (p.factor) step(W_O[l], G, one.O)
        const dO = back(W_O[l], G)
        let [dQ, dK] = [take(column), take(column)]
        const dV = take(column)
        for (let h = 0; h < heads; h++) {
          const from = bytes * h * inHead
          const dS = take(T * T)
          product(one.V + from, 1, T, dO + from, dS, T, HEAD, T, 1)
          const [d, s] = [view(dS, T * T), view(one.shares[h], T * T)]
          for (let j = 0; j < T; j++) {
            let along = 0
            for (let i = j; i < T * T; i += T) along += s[i] * d[i]
            for (let i = j; i < T * T; i += T) d[i] = scale * s[i] * (d[i] - along)
          }
          product(one.K + from, T, 1, dS, dQ + from, HEAD, T, T, 1)
          product(one.Q + from, T, 1, flip(dS), dK + from, HEAD, T, T, 1)
          product(dO + from, T, 1, flip(one.shares[h]), dV + from, HEAD, T, T, 1)
        }
        if (attention === "qk") {
          const [outerQ, outerK] = [take(column), take(column)]
          for (let h = 0; h < heads; h++) {
            const from = bytes * h * inHead
            denormalise(tools, one.q[h], dQ + from, HEAD, T, outerQ + from)
            denormalise(tools, one.k[h], dK + from, HEAD, T, outerK + from)
          }
          dQ = outerQ
          dK = outerK
        }
        for (const d of [dQ, dK, dV]) rounded(d, column)
        step(W_Q[l], dQ, one.enter.at)
        step(W_K[l], dK, one.enter.at)
        step(W_V[l], dV, one.enter.at)
        N = sum(tools, back(W_Q[l], dQ), back(W_K[l], dK), 1, column)
        N = sum(tools, N, back(W_V[l], dV), 1, column)
        D = sum(tools, pre ? denormalise(tools, one.enter, N, n, T) : N, G, p.alpha, column, true)
        down.unshift(size(D, column))
      }
    }

    return { up, down, cosine: angles, keys, quiet, steps, loss: first, differ: differs(p, all, view, kept) }
  }
}

// The column beside column j, of the same image.
/** @type {(j: number, by: number) => number} */
const beside = (j, by) => j - (j % PLACES) + ((j + by + PLACES) % PLACES)

/** @typedef {{ at: number, scale: Float64Array }} Normed what is left of a stream, and what each column was multiplied with */
/** @typedef {{ view(address: number, count: number): Float64Array | Float32Array, take(count: number): number, rounded(address: number, count: number): number }} Tools */

/** @type {() => Kept} */
const fresh = () => ({ orders: new Map(), lengths: new Map(), alike: "", most: 0 })

/** @type {(tools: Tools, from: number, count: number) => number} */
const copied = ({ view, take }, from, count) => {
  const to = take(count)
  view(to, count).set(view(from, count))
  return to
}
/** @type {(tools: Tools, from: number, factor: number, count: number) => number} */
const scaled = (tools, from, factor, count) => {
  const to = copied(tools, from, count)
  const x = tools.view(to, count)
  for (let i = 0; i < count; i++) x[i] *= factor
  return to
}

// factor * x + y; `swapped`: x + factor * y.
/** @type {(tools: Tools, x: number, y: number, factor: number, count: number, swapped?: boolean) => number} */
const sum = ({ view, take, rounded }, x, y, factor, count, swapped = false) => {
  const to = take(count)
  const [one, other, both] = [view(x, count), view(y, count), view(to, count)]
  const [f, g] = swapped ? [1, factor] : [factor, 1]
  for (let i = 0; i < count; i++) both[i] = f * one[i] + g * other[i]
  return rounded(to, count)
}

// Layer norm: each column gets a mean of 0 and a variance of 1.
/** @type {(tools: Tools, from: number, rows: number, columns: number, to?: number) => Normed} */
const normalise = ({ view, take, rounded }, from, rows, columns, to = take(rows * columns)) => {
  const [x, y] = [view(from, rows * columns), view(to, rows * columns)]
  const mean = new Float64Array(columns)
  const scale = new Float64Array(columns)
  for (let i = 0, k = 0; i < rows; i++) for (let j = 0; j < columns; j++, k++) mean[j] += x[k]
  for (let j = 0; j < columns; j++) mean[j] /= rows
  for (let i = 0, k = 0; i < rows; i++) for (let j = 0; j < columns; j++, k++) scale[j] += (x[k] - mean[j]) ** 2
  for (let j = 0; j < columns; j++) scale[j] = 1 / Math.sqrt(scale[j] / rows + EPSILON)
  for (let i = 0, k = 0; i < rows; i++) for (let j = 0; j < columns; j++, k++) y[k] = (x[k] - mean[j]) * scale[j]
  return { at: rounded(to, rows * columns), scale }
}
// The gradient in front of a norm, of the one behind it: what only shifts or stretches a column changes nothing.
/** @type {(tools: Tools, of: Normed, D: number, rows: number, columns: number, to?: number) => number} */
const denormalise = ({ view, take, rounded }, { at, scale }, D, rows, columns, to = take(rows * columns)) => {
  const [x, d, y] = [at, D, to].map(address => view(address, rows * columns))
  const mean = new Float64Array(columns)
  const along = new Float64Array(columns)
  for (let i = 0, k = 0; i < rows; i++)
    for (let j = 0; j < columns; j++, k++) {
      mean[j] += d[k]
      along[j] += d[k] * x[k]
    }
  for (let j = 0; j < columns; j++) {
    mean[j] /= rows
    along[j] /= rows
  }
  for (let i = 0, k = 0; i < rows; i++)
    for (let j = 0; j < columns; j++, k++) y[k] = scale[j] * (d[k] - mean[j] - along[j] * x[k])
  return rounded(to, rows * columns)
}

const SEEN = 256 // numbers of each matrix that are laid side by side

/** @typedef {{ orders: Map<number, { rows: Int32Array, firsts: Float64Array }>, lengths: Map<number, number>, alike: string, most: number }} Kept what only another draw changes */

// Check 1, of the matrices that are not 0 on purpose: whether all units of each differ, and all matrices from one another.
/** @type {(plan: Plan, all: Weights[], view: Tools["view"], kept: Kept) => boolean} */
const differs = ({ matrices, factor }, all, view, kept) => {
  const hidden = all.filter((_, i) => {
    const { name } = matrices[i]
    return /^[UW]/.test(name) && !(factor === 0 && (name === "W_O" || name === "W2"))
  })
  for (const { at, rows, inner, std } of hidden) {
    const W = view(at, rows * inner)
    // Two rows that are closer than a millionth are so in their first column: only neighbours there need a look.
    let order = kept.orders.get(at)
    if (order?.rows.length !== rows) {
      const sorted = Int32Array.from({ length: rows }, (_, i) => i).sort((i, j) => W[i * inner] - W[j * inner])
      order = { rows: sorted, firsts: Float64Array.from(sorted, i => W[i * inner]) }
      kept.orders.set(at, order)
    }
    const { rows: sorted, firsts } = order
    for (let a = 0; a < rows; a++)
      for (let b = a + 1; b < rows && std * (firsts[b] - firsts[a]) <= 1e-6; b++) {
        let square = 0
        for (let k = 0; k < inner; k++) square += (std * (W[sorted[a] * inner + k] - W[sorted[b] * inner + k])) ** 2
        if (Math.sqrt(square) <= 1e-6) return false
      }
  }
  const key = hidden.map(({ at }) => at).join()
  if (kept.alike !== key) {
    kept.alike = key
    kept.most = 0
    const parts = hidden.map(({ at, rows, inner }) => {
      const part = Float64Array.from(view(at, Math.min(SEEN, rows * inner)))
      const size = Math.sqrt(part.reduce((sum, value) => sum + value * value, 0))
      return part.map(value => value / size)
    })
    for (let a = 0; a < parts.length; a++)
      for (let b = a + 1; b < parts.length; b++) {
        let cosine = 0
        for (let k = 0; k < SEEN; k++) cosine += parts[a][k] * parts[b][k]
        kept.most = Math.max(kept.most, Math.abs(cosine))
      }
  }
  return kept.most < 0.5
}

// To the numbers that a format has, the nearer one, and of two equally near ones the even: by its significant bits and
// its least exponent. What is beyond its range is infinite.
/** @type {(format: string) => (x: Float64Array | Float32Array) => void} */
export const rounding = format => {
  const [digits, least, most] = format === "float16" ? [10, -14, 65520] : [7, -126, Infinity]
  const number = new Float64Array(1)
  const words = new Uint32Array(number.buffer)
  return x => {
    for (let i = 0; i < x.length; i++) {
      number[0] = x[i]
      const exponent = Math.max(((words[1] >>> 20) & 2047) - 1023, least)
      if (exponent === 1024) continue
      // A number so large that what is added to it ends at the last digit that is kept.
      const large = 1.5 * 2 ** (52 + exponent - digits)
      const found = x[i] + large - large
      x[i] = Math.abs(x[i]) >= most ? Math.sign(x[i]) * Infinity : found
    }
  }
}

// The kernel's functions of one precision.
/** @param {Kernel} kernel @param {32 | 64} bits */
const precision = (kernel, bits) => {
  if (bits === 32) {
    const { product32, activate32, damp32, square32 } = kernel
    return { product: product32, activate: activate32, damp: damp32, square: square32 }
  }
  const { product64, activate64, damp64, square64 } = kernel
  return { product: product64, activate: activate64, damp: damp64, square: square64 }
}
