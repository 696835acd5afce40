// Chapter 5: what a stack of random layers makes of a circle, and of all directions at once.

import { ACTIVATIONS } from "./_activations.js"
import { axes, said, svg, text } from "./_draw.js"
import { load } from "./_kernel.js"

/** @import { Explorable, Kernel } from "../types" */
/** @import { Box } from "./_draw.js" */
/**
 * @typedef {{ weights: string, activation: string, signal: number, width: number, seed: number, depth: number }} Settings
 * @typedef {{ n: number, lengths(depth: number): Float64Array, known: Map<number, Float64Array>, predicted: number[] }} Numbers
 */

const DEEPEST = 32
const DEPTHS = [1, 2, 4, 8, 16, 32] // at which all directions are measured, whatever is shown
const FLOOR = -6 // lengths from 10^-6
const CEILING = 1.8 // to 10 and some room; none is above 8, the root of the largest width
const DOTS = 24

const WEIGHTS = { gaussian: "Gaussian", orthogonal: "orthogonal" }
/** @type {Record<string, string>} */
const NAMES = { identity: "none (linear)", tanh: "tanh", relu: "ReLU" }

// Averages over a normal z, as sums over a grid: chapter 4 uses the same.
const GRID = Array.from({ length: 320 }, (_, i) => (i - 159.5) / 20)
const MASS = GRID.map(z => Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI) / 20)
/** @type {(f: (z: number) => number) => number} */
const mean = f => GRID.reduce((sum, z, i) => sum + MASS[i] * f(z), 0)

// Equation 5.8: the relative variance of s^2 after 1, 2, ... wide layers, a sum over their factors.
/** @type {(settings: Settings) => number[]} */
const account = ({ weights, activation, signal }) => {
  const { f, df } = ACTIVATIONS[activation]
  const sums = []
  let q = 100 ** signal
  let sum = 0
  for (let l = 0; l < DEEPEST; l++) {
    sum += weights === "gaussian" ? 1 : 0
    sums.push(sum)
    const spread = Math.sqrt(q)
    sum += mean(z => df(spread * z) ** 4) / mean(z => df(spread * z) ** 2) ** 2 - 1
    q = mean(z => f(spread * z) ** 2)
  }
  return sums
}

/** @type {Kernel} */
let kernel

/** @type {(matrix: Float64Array, wide: number, n: number) => Float64Array} */
const corner = (matrix, wide, n) =>
  Float64Array.from({ length: n * n }, (_, i) => matrix[Math.floor(i / n) * wide + (i % n)])

// The products of the weights, and of the slopes between them, after 1, 2, ... layers: equation 5.4. The kernel multiplies matrices
// of at least 8 rows; smaller ones lie in the corner of such a one.
/** @type {(settings: Settings) => Float64Array[]} */
const products = ({ weights, activation, signal, width, seed }) => {
  const n = 2 ** width
  const wide = Math.max(n, 8)
  const std = weights === "orthogonal" ? 1 : 1 / Math.sqrt(n)
  const { f, df } = ACTIVATIONS[activation]
  const square = 8 * wide * wide
  const [x, draws, W, before, after, scratch] = kernel.place([8 * n, 8 * n * n, square, square, square, 8 * n])
  const [drawn, weight] = [kernel.values(draws, n * n), kernel.values(W, wide * wide).fill(0)]
  const [from, to] = [kernel.values(before, wide * wide).fill(0), kernel.values(after, wide * wide)]
  kernel.seed(seed)
  kernel.normals(x, n)
  let a = kernel.values(x, n).slice()
  const scale = 10 ** signal / Math.sqrt(a.reduce((sum, value) => sum + value * value, 0) / n)
  a = a.map(value => value * scale)
  for (let i = 0; i < n; i++) from[i * wide + i] = 1
  const found = []
  for (let l = 0; l < DEEPEST; l++) {
    kernel.normals(draws, n * n)
    if (weights === "orthogonal") kernel.orthogonalise(draws, n, scratch)
    for (let i = 0; i < n; i++) weight.set(drawn.subarray(i * n, i * n + n), i * wide)
    kernel.product64(W, wide, 1, before, after, wide, wide, wide, std)
    found.push(n === wide ? to.slice() : corner(to, wide, n))
    const z = new Float64Array(n)
    for (let i = 0; i < n; i++) for (let k = 0; k < n; k++) z[i] += std * drawn[i * n + k] * a[k]
    const slope = z.map(df)
    for (let i = 0; i < n; i++) for (let k = 0; k < n; k++) from[i * wide + k] = slope[i] * to[i * wide + k]
    a = z.map(f)
  }
  return found
}

// The singular values of an n x n matrix, largest first. Reflections leave two diagonals of it (Golub and Kahan, 1965), and of such
// a matrix Sturm's sequence counts how many values lie below a number: then halve.
/** @type {(matrix: Float64Array, n: number) => Float64Array} */
const singular = (matrix, n) => {
  const A = matrix.slice()
  /** @type {number[]} */
  const squares = [] // of both diagonals, in the order in which they meet
  const dots = new Float64Array(n)
  for (let k = 0; k < n; k++) {
    let square = 0
    for (let i = k; i < n; i++) square += A[i * n + k] ** 2
    squares.push(square)
    if (square > 0) {
      const first = A[k * n + k]
      A[k * n + k] += Math.sign(first || 1) * Math.sqrt(square)
      const half = square + Math.abs(first) * Math.sqrt(square) // of the reflected vector's square
      dots.fill(0)
      for (let row = k * n; row < n * n; row += n) {
        const value = A[row + k]
        for (let j = k + 1; j < n; j++) dots[j] += value * A[row + j]
      }
      for (let row = k * n; row < n * n; row += n) {
        const share = A[row + k] / half
        for (let j = k + 1; j < n; j++) A[row + j] -= share * dots[j]
      }
    }
    if (k === n - 1) break
    square = 0
    for (let j = k + 1; j < n; j++) square += A[k * n + j] ** 2
    squares.push(square)
    if (square > 0) {
      const first = A[k * n + k + 1]
      A[k * n + k + 1] += Math.sign(first || 1) * Math.sqrt(square)
      const half = square + Math.abs(first) * Math.sqrt(square)
      const across = A.subarray(k * n, k * n + n)
      for (let row = k * n + n; row < n * n; row += n) {
        let dot = 0
        for (let j = k + 1; j < n; j++) dot += across[j] * A[row + j]
        const share = dot / half
        for (let j = k + 1; j < n; j++) A[row + j] -= share * across[j]
      }
    }
  }
  // The eigenvalues of the symmetric matrix with 0 on its diagonal and the two of A beside it are the values and their negatives.
  const below = (/** @type {number} */ x) => {
    let pivot = -x
    let count = 1 - n
    for (const square of squares) {
      pivot = -x - square / (pivot || 1e-300)
      if (pivot < 0) count++
    }
    return count
  }
  const found = new Float64Array(n)
  const bound = Math.sqrt(squares.reduce((sum, square) => sum + square, 0)) * 1.000001
  /** @type {(low: number, high: number, from: number, to: number) => void} */
  const halve = (low, high, from, to) => {
    if (from === to) return
    const middle = (low + high) / 2
    if (high - low < 1e-11 * bound) return void found.fill(middle, n - to, n - from)
    const here = below(middle)
    halve(low, middle, from, here)
    halve(middle, high, here, to)
  }
  if (bound > 0) halve(0, bound, 0, n)
  return found
}

// Relative to their root mean square; all are 0 where some layer of ReLU is off.
/** @type {(s: Float64Array) => Float64Array} */
const relative = s => {
  const rms = Math.sqrt(s.reduce((sum, value) => sum + value * value, 0) / s.length)
  return s.map(value => value / Math.max(rms, 1e-300))
}

/** @type {(s: Float64Array) => number} */
const spread = s => s.reduce((sum, value) => sum + value ** 4, 0) / s.length - 1

const kept = (/** @type {Float64Array} */ s) => s.filter(value => value > 0.5 && value < 2).length

const amount = (/** @type {number} */ value) => {
  if (value < 1e-6) return "less than a millionth"
  return said(value, value < 0.0995 ? -Math.floor(Math.log10(value)) : 2)
}
const brief = (/** @type {number} */ value) => (value < 1e-6 ? "< 0.000001" : amount(value))
const rounded = (/** @type {number} */ value) => said(value, value < 0.95 ? 2 : value < 9.95 ? 1 : 0)

// The other half-axis of the ellipse: of two directions there is none in the middle.
const second = (/** @type {number} */ n) => (n > 2 ? "middle" : "shortest")

/** @type {Explorable<Settings, Numbers>} */
const explorable = {
  title: "A circle after some random layers, and the lengths of all directions by depth",
  controls: [
    { name: "weights", label: "Weights", options: WEIGHTS, value: "gaussian" },
    { name: "activation", label: "Activation", options: NAMES, value: "identity" },
    {
      name: "signal",
      label: "Input\u2019s rms",
      min: -2,
      max: 0.5,
      step: 0.25,
      value: 0,
      show: exponent => `${+(10 ** exponent).toPrecision(2)}`,
      when: ({ activation }) => activation === "tanh",
    },
    { name: "width", label: "Width", min: 1, max: 6, value: 6, show: exponent => `${2 ** exponent}` },
    { name: "seed", label: "Seed", min: 0, max: 99, value: 0 },
    { name: "depth", label: "Layers", min: 1, max: DEEPEST, value: 4, view: true, play: true },
  ],

  async ready() {
    kernel ??= await load()
  },

  compute(settings) {
    const n = 2 ** settings.width
    const found = products(settings)
    /** @type {Map<number, Float64Array>} */
    const known = new Map()
    const lengths = (/** @type {number} */ depth) => {
      const s = known.get(depth) ?? relative(singular(found[depth - 1], n))
      known.set(depth, s)
      return s
    }
    // Small ones cost little, so their lines bend where they do.
    for (let depth = 1; depth <= DEEPEST; depth++) if (n <= 16 || DEPTHS.includes(depth)) lengths(depth)
    return { n, lengths, known, predicted: account(settings) }
  },

  height: width => (width < 520 ? width + 260 : Math.min(0.56 * width, 380)),

  draw({ n, lengths, known }, { depth }, { width, height }) {
    const stacked = width < 520
    const s = lengths(depth)
    const left = 34
    const side = stacked ? width - left - 10 : height - 66
    const round = { left, top: 24, width: side, height: side }
    const fan = stacked
      ? { left: left + 10, top: side + 92, width: side - 10, height: height - side - 134 }
      : { left: left + side + 62, top: 24, width: width - left - side - 74, height: side }
    return [...ellipse(s[0], s[n >> 1], second(n), round), ...spectrum(n, known, depth, fan)]
  },

  says({ n, lengths, predicted }, { weights, activation, depth }) {
    const s = lengths(depth)
    const layers = `${depth} ${weights === "gaussian" ? "Gaussian" : "orthogonal"} layer${depth > 1 ? "s" : ""} of ${n} units`
    if (!s[0]) return `In ${layers} some layer of ReLU is off as a whole: no direction gets through.`
    const between = activation === "identity" ? "" : ` with ${NAMES[activation]} between them`
    const axes = `Its half-axes are ${amount(s[0])}, the longest, and ${amount(s[n >> 1])}, the ${n > 2 ? "one in the middle" : second(n)}`
    const share = `${kept(s)} of ${n} directions have a length between half and twice the root mean square`
    const theory = `The variance of s\u00b2 is ${rounded(spread(s))}; for much wider layers (5.8) says ${rounded(predicted[depth - 1])}`
    return `After ${layers}${between} a circle is an ellipse. ${axes}. ${share}. ${theory}.`
  },

  code: ({ weights, activation, signal, width, seed, depth }) => `import numpy as np
import shallownet as sn

n, L, q = ${2 ** width}, ${depth}, ${signal ? `100 ** ${signal}` : "1.0"}
g, scheme = sn.activations.${activation}, sn.initializers.${weights === "gaussian" ? "lecun" : "orthogonal"}
rng = np.random.default_rng(${seed})
x = rng.standard_normal((n, 1))
x *= np.sqrt(q / np.mean(x**2))
params = sn.init_params([n] * ${DEEPEST + 1}, scheme, rng)


def lengths(layers):
    """The singular values of the first layers, relative to their root mean square."""
    s = sn.diagnostics.jacobian_singular_values(params[:layers], x, g)[0]
    return s / max(np.mean(s**2) ** 0.5, 1e-300)


s = lengths(L)
longest, middle = s[0].item(), s[n // 2].item()  # the half-axes of the ellipse
kept = int(np.sum((s > 0.5) & (s < 2)))
spread = np.mean(s**4).item() - 1  # the variance of s**2, whose mean is 1
fan = [lengths(layers).tolist() for layers in ${`[${DEPTHS}]`.replaceAll(",", ", ")}]

# Equation 5.8: what each factor adds to the variance, in wide layers.
xi = (np.arange(320) - 159.5) / 20
density = np.exp(-(xi**2) / 2) / np.sqrt(2 * np.pi) / 20
predicted = ${weights === "gaussian" ? "float(L)" : "0.0"}  # of the matrices
for _ in range(L - 1):
    z = q**0.5 * xi
    slopes, q = g.df(z) ** 2, (g.f(z) ** 2 @ density).item()
    predicted += (slopes**2 @ density / (slopes @ density) ** 2).item() - 1
print(round(longest, 2), round(middle, 4), kept, round(spread, 1), round(predicted, 1))
`,

  numbers({ n, lengths, predicted }, { depth }) {
    const s = lengths(depth)
    return {
      s: [...s],
      longest: s[0],
      middle: s[n >> 1],
      kept: kept(s),
      spread: spread(s),
      predicted: predicted[depth - 1],
      fan: DEPTHS.map(layers => [...lengths(layers)]),
    }
  },
}

export default explorable

// The circle as it was, dashed, and what became of it, with points that lay on it at equal distances.
/** @type {(long: number, short: number, other: string, box: Box) => SVGElement[]} */
const ellipse = (long, short, other, box) => {
  const limit = Math.max(1.5, 1.12 * long)
  const tick = limit < 2.2 ? 1 : limit < 5 ? 2 : 5
  const { node, x, y } = axes({
    box,
    x: [-limit, limit],
    y: [-limit, limit],
    xticks: [-tick, 0, tick],
    yticks: [-tick, 0, tick],
    xlabel: "direction stretched most",
    ylabel: other === "middle" ? "direction in the middle" : "direction stretched least",
  })
  const [middleX, middleY] = [x(0), y(0)]
  const unit = x(1) - middleX
  const dots = Array.from({ length: DOTS }, (_, i) => {
    const angle = (2 * Math.PI * i) / DOTS
    const place = { cx: x(long * Math.cos(angle)).toFixed(1), cy: y(short * Math.sin(angle)).toFixed(1) }
    return svg("circle", { ...place, r: 3.2, fill: "var(--c0)" })
  })
  const round = { cx: middleX.toFixed(1), cy: middleY.toFixed(1) }
  const half = { stroke: "var(--c1)", "stroke-width": 2.5 }
  return [
    node,
    svg("circle", {
      ...round,
      r: unit.toFixed(1),
      fill: "none",
      stroke: "currentColor",
      "stroke-dasharray": "4 4",
      opacity: 0.7,
    }),
    svg("ellipse", {
      ...round,
      rx: (unit * long).toFixed(1),
      ry: (unit * short).toFixed(1),
      fill: "var(--c0)",
      "fill-opacity": 0.14,
      stroke: "var(--c0)",
      "stroke-width": 2,
    }),
    svg("path", { d: `M${middleX.toFixed(1)} ${middleY.toFixed(1)}H${x(long).toFixed(1)}`, ...half }),
    svg("path", { d: `M${middleX.toFixed(1)} ${middleY.toFixed(1)}V${y(short).toFixed(1)}`, ...half }),
    ...dots,
    text(box.left + 8, box.top + 18, `longest ${brief(long)}`, { class: "halo" }),
    text(box.left + 8, box.top + 36, `${other} ${brief(short)}`, { class: "halo" }),
    text(box.left + 8, box.top + box.height - 10, "dashed: the circle before", { class: "halo" }),
  ]
}

/** @type {[number, string][]} */
const POWERS = [
  [-6, "10\u207b\u2076"],
  [-4, "10\u207b\u2074"],
  [-2, "10\u207b\u00b2"],
  [0, "1"],
]

// The length of each direction as layers are added: as many lines as can be told apart.
/** @type {(n: number, known: Map<number, Float64Array>, depth: number, box: Box) => SVGElement[]} */
const spectrum = (n, known, depth, box) => {
  const { node, x, y } = axes({
    box,
    x: [0, DEEPEST],
    y: [FLOOR, CEILING],
    xticks: [0, 8, 16, 24, 32],
    yticks: POWERS,
    xlabel: "layers",
    ylabel: "lengths of all directions",
  })
  const depths = [...known.keys()].sort((a, b) => a - b)
  const count = Math.min(n, 17)
  const ranks = Array.from({ length: count }, (_, i) => Math.round((i * (n - 1)) / (count - 1)))
  const parts = [
    node,
    svg("path", {
      d: `M${x(depth).toFixed(1)} ${box.top}v${box.height}`,
      stroke: "var(--grid)",
      "stroke-dasharray": "2 3",
    }),
  ]
  /** @type {(rank: number, look: Record<string, string | number>) => void} */
  const line = (rank, look) => {
    let d = `M${x(0).toFixed(1)} ${y(0).toFixed(1)}`
    let [fromX, fromY] = [0, 0]
    for (const l of depths) {
      const log = Math.log10(Math.max(known.get(l)?.[rank] ?? 0, 1e-300))
      const cut = log < FLOOR ? (FLOOR - fromY) / (log - fromY) : 1 // where it leaves the picture
      d += `L${x(fromX + cut * (l - fromX)).toFixed(1)} ${y(fromY + cut * (log - fromY)).toFixed(1)}`
      if (cut < 1) break
      fromX = l
      fromY = log
    }
    parts.push(svg("path", { d, fill: "none", ...look }))
    const here = Math.log10(Math.max(known.get(depth)?.[rank] ?? 0, 1e-300))
    if (here >= FLOOR)
      parts.push(svg("circle", { cx: x(depth).toFixed(1), cy: y(here).toFixed(1), r: 2.6, fill: look.stroke }))
  }
  for (const rank of ranks) line(rank, { stroke: "var(--c0)", opacity: 0.65 })
  for (const rank of new Set([0, n >> 1])) line(rank, { stroke: "var(--c1)", "stroke-width": 2.5 })
  parts.push(text(x(DEEPEST) - 6, y(1.25), "longest", { "text-anchor": "end", class: "halo" }))
  // Below its line, at the last depth that leaves room for it.
  const middle = (/** @type {number} */ l) => Math.log10(Math.max(known.get(l)?.[n >> 1] ?? 0, 1e-300))
  const last = depths.filter(l => l >= 8 && middle(l) > FLOOR + 0.9).pop() ?? 8
  const low = Math.max(middle(last), FLOOR + 0.9)
  parts.push(text(x(last) - 6, y(low) + 18, second(n), { "text-anchor": "end", class: "halo" }))
  return parts
}
