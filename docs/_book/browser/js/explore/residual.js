// Chapter 8: what a stack of residual blocks does to signal and gradient, by its kind and its depth.

import { axes, decades, path, said, size, svg, text } from "./_draw.js"
import { load } from "./_kernel.js"

/** @import { Explorable, Kernel } from "../types" */
/** @import { Box } from "./_draw.js" */
/**
 * @typedef {{ skip: string, norm: string, factor: string, alpha: number, last: string, depth: number, examples: string, seed: number }} Settings
 * @typedef {{ skip: boolean, norm: string, alpha: number, silent: boolean }} Kind
 * @typedef {Kind & { stream: number[], cosine: number[], W1: number[], W2: number[], factors: number[], theory: number[] }} Numbers
 */

const N = 64 // units of the inputs, of the stream and of a branch
const SQUARE = N * N
const CLASSES = 10
const DEEPEST = 64
const MOST = 32 // examples
const EPSILON = 1e-5 // what the library adds to a variance

// What a setting comes to: without skips there is no factor, and no branch that may be silent.
/** @type {(settings: Settings) => Kind} */
const kindOf = ({ skip, norm, factor, alpha, last, depth }) => {
  if (skip === "without") return { skip: false, norm, alpha: 1, silent: false }
  const factors = /** @type {Record<string, number>} */ ({ one: 1, root: depth ** -0.5, zero: 0, own: alpha })
  return { skip: true, norm, alpha: factors[factor], silent: last === "zero" }
}

/** @type {Kernel} */
let kernel
let at = { draws: 0, ends: 0, x: 0, n: 0, a: 0, scale: 0, d: 0, s: 0, h: 0, gram: 0 } // addresses
let key = ""
let drawn = 0

// X and what the head sends back, then W after W as they are asked for; the head's are the last that are drawn, so they
// lie where a deeper stack has its next weights.
/** @type {(seed: number, m: number, matrices: number) => void} */
const prepare = (seed, m, matrices) => {
  const wanted = [seed, m].join()
  if (wanted !== key) {
    key = wanted
    drawn = 0
    kernel.seed(seed)
    kernel.normals(at.ends, (N + CLASSES) * m)
  }
  if (matrices > drawn) {
    kernel.normals(at.draws + 8 * SQUARE * drawn, SQUARE * (matrices - drawn))
    drawn = matrices
  }
}

const dot = (/** @type {Float64Array} */ a, /** @type {Float64Array} */ b) => {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i]
  return sum
}

// Subtracts a mean and divides by a deviation: of each unit over the examples, or of each example over the units.
// Keeps what it multiplied by, for the way back.
/** @type {(kind: string, x: Float64Array, n: Float64Array, scale: Float64Array, m: number) => void} */
const normalise = (kind, x, n, scale, m) => {
  const [groups, count, group, step] = kind === "batch" ? [N, m, m, 1] : [m, N, 1, m]
  for (let i = 0; i < groups; i++) {
    const [from, to] = [i * group, i * group + count * step]
    let mean = 0
    for (let j = from; j < to; j += step) mean += x[j]
    mean /= count
    let variance = 0
    for (let j = from; j < to; j += step) variance += (x[j] - mean) ** 2
    scale[i] = 1 / Math.sqrt(variance / count + EPSILON)
    for (let j = from; j < to; j += step) n[j] = (x[j] - mean) * scale[i]
  }
}

// The gradient in x, into d, of the gradient in n that it holds: what only shifts or stretches x changes nothing.
/** @type {(kind: string, n: Float64Array, scale: Float64Array, d: Float64Array, m: number) => void} */
const denormalise = (kind, n, scale, d, m) => {
  const [groups, count, group, step] = kind === "batch" ? [N, m, m, 1] : [m, N, 1, m]
  for (let i = 0; i < groups; i++) {
    const [from, to] = [i * group, i * group + count * step]
    let [mean, along] = [0, 0]
    for (let j = from; j < to; j += step) {
      mean += d[j]
      along += d[j] * n[j]
    }
    mean /= count
    along /= count
    for (let j = from; j < to; j += step) d[j] = scale[i] * (d[j] - mean - along * n[j])
  }
}

/** @type {(settings: Settings) => Omit<Numbers, keyof Kind | "theory">} */
const passes = settings => {
  const { skip, norm, alpha, silent } = kindOf(settings)
  const { depth, seed } = settings
  const m = +settings.examples
  const column = N * m
  const each = silent ? 1 : 2 // matrices drawn of a block: zeros are not
  prepare(seed, m, each * depth + 2)
  const relu = kernel.kind("relu")
  const W1 = (/** @type {number} */ l) => at.draws + 8 * SQUARE * (1 + each * (l - 1))
  const W2 = (/** @type {number} */ l) => W1(l) + 8 * SQUARE
  const head = at.draws + 8 * SQUARE * (1 + each * depth)
  // The stream and what a branch reads, of block 1 and up; without a norm they are the same.
  const x = (/** @type {number} */ l) => at.x + 8 * column * l
  const n = (/** @type {number} */ l) => (norm === "none" ? x(l - 1) : at.n + 8 * column * (l - 1))
  const a = (/** @type {number} */ l) => at.a + 8 * column * (l - 1)
  const scale = (/** @type {number} */ l) => kernel.values(at.scale + 8 * N * (l - 1), N)
  const values = (/** @type {number} */ address) => kernel.values(address, column)
  const [he, lecun] = [Math.sqrt(2 / N), Math.sqrt(1 / N)]
  /** @type {(from: number, to: number) => Float64Array} */
  const gram = (from, to) => {
    kernel.product64(from, 1, m, from, to, m, N, m, 1)
    return kernel.values(to, m * m)
  }
  const [one, other] = [at.gram, at.gram + 8 * MOST * MOST]

  kernel.product64(at.draws, N, 1, at.ends, x(0), N, N, m, lecun)
  for (let l = 1; l <= depth; l++) {
    if (norm !== "none") normalise(norm, values(x(l - 1)), values(n(l)), scale(l), m)
    kernel.product64(W1(l), N, 1, n(l), a(l), N, N, m, he)
    kernel.activate64(a(l), a(l), column, relu)
    if (silent) values(x(l)).fill(0)
    else kernel.product64(W2(l), N, 1, a(l), x(l), N, N, m, alpha * lecun)
    if (!skip) continue
    const [before, after] = [values(x(l - 1)), values(x(l))]
    for (let i = 0; i < column; i++) after[i] += before[i]
  }
  const stream = []
  const cosine = []
  for (let l = 0; l <= depth; l++) {
    stream.push(kernel.square64(x(l), column))
    const products = gram(x(l), one)
    const length = Array.from({ length: m }, (_, i) => Math.sqrt(products[i * m + i]))
    let all = 0
    for (let i = 0; i < m; i++) for (let j = 0; j < m; j++) all += products[i * m + j] / (length[i] * length[j])
    cosine.push((all / (m * m) - 1 / m) / (1 - 1 / m))
  }

  // Back: d is the gradient in the stream, h that in a branch's activations, s that in their z.
  const d = values(at.d)
  const s = values(at.s)
  kernel.product64(head, 1, N, at.ends + 8 * column, at.d, N, CLASSES, m, lecun)
  if (norm !== "none") {
    normalise(norm, values(x(depth)), values(n(depth + 1)), scale(depth + 1), m)
    denormalise(norm, values(n(depth + 1)), scale(depth + 1), d, m)
  }
  /** @type {{ W1: number[], W2: number[], factors: number[] }} */
  const gradients = { W1: [], W2: [], factors: [] }
  // The root mean square of u v^T, from the products of their columns.
  /** @type {(u: number, v: number) => number} */
  const outer = (u, v) => Math.sqrt(Math.max(dot(gram(u, one), gram(v, other)), 0)) / N
  for (let l = depth; l >= 1; l--) {
    gradients.W2.unshift(alpha * outer(at.d, a(l)))
    if (silent) {
      gradients.factors.unshift(0)
      s.fill(0)
    } else {
      kernel.product64(W2(l), N, 1, a(l), at.h, N, N, m, lecun)
      gradients.factors.unshift(Math.abs(dot(d, values(at.h))))
      kernel.product64(W2(l), 1, N, at.d, at.s, N, N, m, alpha * lecun)
      kernel.damp64(at.s, a(l), column, relu)
    }
    gradients.W1.unshift(outer(at.s, n(l)))
    kernel.product64(W1(l), 1, N, at.s, at.h, N, N, m, he)
    const h = values(at.h)
    if (norm !== "none") denormalise(norm, values(n(l)), scale(l), h, m)
    if (skip) for (let i = 0; i < column; i++) d[i] += h[i]
    else d.set(h)
  }
  return { stream, cosine, ...gradients }
}

// Equations 8.2 and 8.5: the mean square of the stream after each block, on average over all weights.
/** @type {(kind: Kind, depth: number) => number[]} */
const expected = ({ skip, norm, alpha, silent }, depth) => {
  const gain = silent ? 0 : alpha ** 2
  return Array.from({ length: depth + 1 }, (_, l) => {
    if (!skip) return 1
    return norm === "none" ? (1 + gain) ** l : 1 + gain * l
  })
}

const LONG = 1e6 // sizes below are written out

/** @type {Explorable<Settings, Numbers>} */
const explorable = {
  title: "Stream, gradients and angles, block by block",
  controls: [
    { name: "depth", label: "Blocks", min: 1, max: DEEPEST, value: 16, play: true },
    { name: "skip", label: "Skips", options: { with: "with", without: "without" }, value: "with" },
    { name: "norm", label: "Norm", options: { none: "none", layer: "layer norm", batch: "batch norm" }, value: "none" },
    {
      name: "factor",
      label: "Factor \u03b1",
      options: { one: "1", root: "1/\u221aL", zero: "0 (ReZero)", own: "your own" },
      value: "one",
      when: ({ skip }) => skip === "with",
    },
    {
      name: "alpha",
      label: "\u03b1",
      min: 0,
      max: 1.5,
      step: 0.05,
      value: 0.5,
      show: alpha => alpha.toFixed(2),
      when: ({ skip, factor }) => skip === "with" && factor === "own",
    },
    {
      name: "last",
      label: "W\u2082 starts",
      options: { random: "random", zero: "at zero (Fixup)" },
      value: "random",
      when: ({ skip }) => skip === "with",
    },
    { name: "examples", label: "Examples", options: { 8: "8", 32: "32" }, value: "32" },
    { name: "seed", label: "Seed", min: 0, max: 99, value: 0 },
  ],

  async ready() {
    kernel ??= await load()
    const column = 8 * N * MOST
    const sizes = {
      draws: 8 * SQUARE * (2 * DEEPEST + 2),
      ends: 8 * (N + CLASSES) * MOST,
      ...{ x: column * (DEEPEST + 1), n: column * (DEEPEST + 1), a: column * DEEPEST, scale: 8 * N * (DEEPEST + 1) },
      ...{ d: column, s: column, h: column, gram: 16 * MOST * MOST },
    }
    const addresses = kernel.place(Object.values(sizes))
    at = /** @type {typeof at} */ (Object.fromEntries(Object.keys(sizes).map((name, i) => [name, addresses[i]])))
  },

  compute(settings) {
    const kind = kindOf(settings)
    return { ...kind, ...passes(settings), theory: expected(kind, settings.depth) }
  },

  height: width => (width < 560 ? 560 : 330),

  draw(state, { depth }, { width, height }) {
    const phone = width < 560
    const left = 48
    const gap = phone ? 58 : 66
    const across = phone ? width - left - 12 : (width - left - 2 * gap - 10) / 3
    const half = (width - left - gap - 12) / 2
    const tall = phone ? 200 : height - 76
    const lower = { top: tall + 104, height: height - tall - 154 }
    const first = { left, top: 26, width: across, height: tall }
    const second = phone ? { ...first, ...lower, width: half } : { ...first, left: left + across + gap }
    const third = phone ? { ...second, left: left + half + gap } : { ...first, left: left + 2 * (across + gap) }
    return [...streams(state, depth, first), ...gradients(state, depth, second), ...angles(state, depth, third)]
  },

  says(state, settings) {
    const { stream, theory, W1, W2, factors, cosine, norm } = state
    const { depth } = settings
    const [q, last] = [stream[depth], depth - 1]
    const average = size(theory[depth], LONG)
    const grown = `After ${depth === 1 ? "one block" : `${depth} blocks`} the stream's mean square is ${size(q, LONG)}, from ${size(stream[0])} after the stem; the average over all weights is ${norm === "none" || theory[depth] === 1 ? "" : "about "}${average}`
    const asleep = [...(W1[0] ? [] : ["W\u2081"]), ...(W2[0] ? [] : ["W\u2082"]), ...(factors[0] ? [] : ["\u03b1"])]
    const waits =
      asleep.length === 3
        ? "No gradient in a branch is other than 0: each zero waits for the other"
        : asleep.length
          ? `At the first step ${asleep.join(" and ")} get no gradient, ${W2[0] ? "W\u2082 does" : "\u03b1 does"}`
          : `From the first block to the last the gradient of W\u2081 goes from ${size(W1[0])} to ${size(W1[last])}`
    const angle = `Two examples have a cosine of ${said(cosine[depth], 2)} on average`
    return `${grown}. ${waits}. ${angle}.`
  },

  code: settings => {
    const { skip, norm, silent } = kindOf(settings)
    const { depth, examples: m, seed, factor, alpha } = settings
    const factors = /** @type {Record<string, string>} */ ({
      one: "1.0",
      root: `${depth}**-0.5`,
      zero: "0.0",
      own: alpha.toFixed(2),
    })
    const a = skip ? factors[factor] : "1.0"
    const average = !skip || silent ? "1.0" : norm === "none" ? "(1 + alpha**2) ** l" : "1 + alpha**2 * l"
    const model = [...(norm === "none" ? [] : [`residual.${norm}_norm`]), ...(skip ? [] : ["skip=False"])].join(", ")
    return `import numpy as np
from shallownet import residual
from shallownet.diagnostics import rms
from shallownet.initializers import he, lecun${silent ? ", zeros" : ""}

depth, alpha = ${depth}, ${a}
rng = np.random.default_rng(${seed})
X, dz = rng.standard_normal((64, ${m})), rng.standard_normal((10, ${m}))
draws = [lecun, he, ${silent ? "zeros" : "lecun"}, lecun]  # stem, W1, W2, head
params = residual.init_residual([64, 64, 10], depth, draws, rng, alpha=alpha)
forward, backward = residual.model(${model})
trace = forward(params, X)
grads = backward(params, trace, dz)[1:-1]  # of the blocks

stream = [np.mean(A**2).item() for A in trace.A[1:-1]]
average = [${average} for l in range(depth + 1)]  # over all weights
W1 = [rms(G.W1).item() for G in grads]
W2 = [rms(G.W2).item() for G in grads]
${skip ? "factors = [abs(G.alpha).item() for G in grads]\n" : ""}unit = [A / np.linalg.norm(A, axis=0) for A in trace.A[1:-1]]
cosine = [((np.mean(U.T @ U) - 1 / ${m}) / (1 - 1 / ${m})).item() for U in unit]
print(stream[-1], W1[0], W1[-1], W2[0], cosine[-1])
`
  },

  numbers: ({ skip, stream, theory, W1, W2, factors, cosine }) => ({
    ...{ stream, average: theory, W1, W2, cosine },
    ...(skip ? { factors } : {}),
  }),
}

export default explorable

const blocks = (/** @type {number} */ depth) => [...new Set([0, Math.floor(depth / 2), depth])]

/** @type {(state: Numbers, depth: number, box: Box) => SVGElement[]} */
const streams = ({ stream, theory }, depth, box) => {
  const { range, ticks } = decades([...stream, ...theory])
  const { node, x, y } = axes({
    box,
    x: [0, depth],
    y: range,
    xticks: blocks(depth),
    yticks: ticks,
    xlabel: "block",
    ylabel: "stream: mean square",
  })
  /** @type {(values: number[]) => string} */
  const line = values =>
    path(
      values.map((_, l) => x(l)),
      values.map(value => y(Math.log10(value))),
    )
  const end = y(Math.log10(theory[depth]))
  return [
    node,
    svg("path", { d: line(stream), fill: "none", stroke: "var(--c0)", "stroke-width": 2.5 }),
    svg("path", { d: line(theory), fill: "none", stroke: "currentColor", "stroke-dasharray": "5 4" }),
    text(box.left + 8, end > box.top + 60 ? end - 12 : box.top + 18, "dashed: the average", { class: "halo" }),
  ]
}

/** @type {(state: Numbers, depth: number, box: Box) => SVGElement[]} */
const gradients = ({ skip, W1, W2, factors }, depth, box) => {
  const { range, ticks } = decades([...W1, ...W2, ...(skip ? factors : [])])
  const { node, x, y } = axes({
    box,
    x: [1, Math.max(depth, 2)],
    y: range,
    xticks: [...new Set([1, depth])],
    yticks: ticks,
    xlabel: "block",
    ylabel: "gradients (rms)",
  })
  const parts = [node]
  const lines = /** @type {[string, number[], string][]} */ ([
    ...(skip ? [["\u03b1", factors, "var(--c2)"]] : []),
    ["W\u2082", W2, "var(--c1)"],
    ["W\u2081", W1, "var(--c0)"],
  ])
  const asleep = lines.filter(([, values]) => !values[0]).map(([name]) => name)
  const labels = lines
    .filter(([, values]) => values[0])
    .map(([name, values, colour]) => {
      const xs = values.map((_, i) => x(i + 1))
      const ys = values.map(value => y(Math.log10(value)))
      const single = depth === 1 || name === "\u03b1"
      parts.push(
        single
          ? svg("path", {
              d: xs.map((at, i) => `M${(at - 2).toFixed(1)} ${(ys[i] - 2).toFixed(1)}h4v4h-4z`).join(""),
              fill: colour,
            })
          : svg("path", { d: path(xs, ys), fill: "none", stroke: colour, "stroke-width": 2.5 }),
      )
      return { name, colour, y: ys[depth - 1] }
    })
  // The names beside the right ends, apart from one another.
  labels.sort((a, b) => a.y - b.y)
  labels.forEach((label, i) => {
    label.y = Math.max(label.y + 4, i ? labels[i - 1].y + 16 : 0)
    parts.push(text(box.left + box.width + 5, label.y, label.name, { style: `fill: ${label.colour}` }))
  })
  if (asleep.length)
    parts.push(text(box.left + 8, box.top + box.height - 10, `0: ${asleep.reverse().join(", ")}`, { class: "halo" }))
  return parts
}

/** @type {(state: Numbers, depth: number, box: Box) => SVGElement[]} */
const angles = ({ cosine }, depth, box) => {
  const { node, x, y } = axes({
    box,
    x: [0, depth],
    y: [0, 1],
    xticks: blocks(depth),
    yticks: [0, [0.5, "0.5"], 1],
    xlabel: "block",
    ylabel: "cosine",
  })
  const d = path(
    cosine.map((_, l) => x(l)),
    cosine.map(value => y(Math.max(value, 0))),
  )
  return [node, svg("path", { d, fill: "none", stroke: "var(--c0)", "stroke-width": 2.5 })]
}
