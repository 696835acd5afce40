// Chapter 4: what each layer of a deep network does to the sizes of activations and of what comes back.

import { axes, power, size, svg, text } from "./_draw.js"
import { load, network } from "./_kernel.js"

/** @import { Explorable, Kernel, Layer } from "../types" */
/** @import { Box } from "./_draw.js" */
/** @import { Passes } from "./_kernel.js" */
/**
 * @typedef {{ activation: string, scheme: string, sigma: number }} Start
 * @typedef {Start & { depth: number, width: number, examples: string, seed: number }} Settings
 * @typedef {{ forward: number, backward: number, sigma: number, learns: boolean }} Theory
 * @typedef {Passes & Theory & { exact?: boolean, redraw?(): void }} Numbers
 */

const FIRST = -30 // sizes from 2^-30, about 10^-9,
const BINS = 40 // to 2^10
const DEEPEST = 50
const WIDEST = 3 // the map's largest sigma_w

// A scheme: how it draws, and the sigma_w it comes to, the standard deviation of a weight times the root of the fan-in;
// `theory` says the latter in Python.
/** @type {Record<string, { label: string, draws?: string, sigma(settings: Settings): number, theory: string, code: string }>} */
const SCHEMES = {
  small: {
    label: "std 0.01",
    sigma: ({ width }) => 0.01 * Math.sqrt(width),
    theory: "0.01 * width**0.5",
    code: "partial(sn.initializers.normal, std=0.01)",
  },
  lecun: { label: "1/n (LeCun, Glorot)", sigma: () => 1, theory: "1.0", code: "sn.initializers.lecun" },
  he: { label: "2/n (He)", sigma: () => Math.SQRT2, theory: "2**0.5", code: "sn.initializers.he" },
  gain: {
    label: "(5/3)\u00b2/n",
    sigma: () => 5 / 3,
    theory: "5 / 3",
    code: "partial(sn.initializers.lecun, gain=5 / 3)",
  },
  habit: {
    label: "uniform \u00b11/\u221an",
    draws: "uniform",
    sigma: () => 3 ** -0.5,
    theory: "3**-0.5",
    code: 'partial(sn.initializers.lecun, gain=3**-0.5, distribution="uniform")',
  },
  orthogonal: {
    label: "orthogonal",
    draws: "orthogonal",
    sigma: () => 1,
    theory: "1.0",
    code: "sn.initializers.orthogonal",
  },
  own: {
    label: "your own \u03c3",
    sigma: ({ sigma }) => sigma,
    theory: "sigma",
    code: "partial(sn.initializers.lecun, gain=sigma)",
  },
}
const NAMES = {
  relu: "ReLU",
  tanh: "tanh",
  sigmoid: "sigmoid",
  leaky_relu: "leaky ReLU",
  selu: "SELU",
  scaled_tanh: "LeCun's tanh",
  identity: "none (linear)",
}

// Equations 4.1 and 4.2: averages over a normal z, as sums over a grid.
const GRID = Array.from({ length: 320 }, (_, i) => (i - 159.5) / 20)
const MASS = GRID.map(z => Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI) / 20)

// By how much a wide network changes the size of the activations from its first hidden layer to layer 1, 2, ..., and of what comes
// back from layer 1, 2, ... to the first.
/** @type {(activation: string, sigma: number, depth: number) => { forward: number[], backward: number[] }} */
const expected = (activation, sigma, depth) => {
  const kind = kernel.kind(activation)
  const mean = (/** @type {Float64Array} */ values) => MASS.reduce((sum, mass, i) => sum + mass * values[i] ** 2, 0)
  const q = [1]
  const back = [1]
  for (let l = 1; l <= depth; l++) {
    const spread = sigma * Math.sqrt(q[l - 1])
    const { a, df } = kernel.curve(
      kind,
      GRID.map(z => spread * z),
    )
    q.push(mean(a))
    back.push(back[l - 1] * sigma * Math.sqrt(mean(df)))
  }
  return { forward: q.slice(1).map(length => Math.sqrt(length / q[1])), backward: back.slice(0, depth) }
}

// A network learns, the map says, whose signals change less than a hundredfold in both directions: tests/browser/test_explore_deep.py
// trains some on either side.
const arrives = (/** @type {number} */ ratio) => ratio > 0.01 && ratio < 100
/** @type {Record<string, number[]>} */
const edges = {}
/** @type {(activation: string) => number[]} */
const edge = activation => {
  edges[activation] ??= Array.from({ length: WIDEST * 20 }, (_, i) => {
    const { forward, backward } = expected(activation, (i + 1) / 20, DEEPEST)
    const first = forward.findIndex((ratio, l) => !arrives(ratio) || !arrives(backward[l]))
    return first < 0 ? DEEPEST : first
  })
  return edges[activation]
}

/** @type {[number, string][]} */
const TICKS = [-8, -4, 0].map(exponent => [exponent / Math.log10(2), power(exponent)])

/** @type {Kernel} */
let kernel
/** @type {ReturnType<typeof network>} */
let run

// In float32 while a slider moves; in float64, as NumPy computes, once it rests: deep in chaos the first drowns in rounding.
/** @type {(bits: 32 | 64, settings: Settings) => Passes} */
const passes = (bits, settings) => {
  const scheme = SCHEMES[settings.scheme]
  const draws = scheme.draws ?? "normal"
  const { width } = settings
  // A uniform draw has a third of the variance of a normal one; an orthogonal matrix comes with its scale.
  const unit = draws === "uniform" ? Math.sqrt(3 / width) : draws === "orthogonal" ? 1 : 1 / Math.sqrt(width)
  const data = { ...settings, draws, examples: +settings.examples }
  return run(bits, data, scheme.sigma(settings) * unit, { first: FIRST, bins: BINS })
}

/** @type {(state: Numbers, settings: Settings) => Numbers} */
const exact = (state, settings) => {
  if (!state.exact) {
    Object.assign(state, passes(64, settings), { exact: true })
    state.redraw?.()
  }
  return state
}

/** @type {Explorable<Settings, Numbers>} */
const explorable = {
  title: "Sizes of activations and deltas, layer by layer",
  controls: [
    { name: "activation", label: "Activation", options: NAMES, value: "relu" },
    {
      name: "scheme",
      label: "Variance",
      options: Object.fromEntries(Object.entries(SCHEMES).map(([name, { label }]) => [name, label])),
      value: "lecun",
    },
    {
      name: "sigma",
      label: "\u03c3 = std \u221an",
      min: 0.05,
      max: WIDEST,
      step: 0.05,
      value: 1,
      show: sigma => sigma.toFixed(2),
      when: ({ scheme }) => scheme === "own",
    },
    { name: "depth", label: "Depth", min: 2, max: DEEPEST, value: 30 },
    { name: "width", label: "Width", min: 20, max: 256, step: 4, value: 100 },
    { name: "examples", label: "Examples", options: { 16: "16", 64: "64", 256: "256" }, value: "64" },
    { name: "seed", label: "Seed", min: 0, max: 99, value: 0 },
  ],

  async ready() {
    kernel ??= await load()
    run ??= network(kernel)
  },

  compute(settings) {
    const { activation, scheme, depth } = settings
    const sigma = SCHEMES[scheme].sigma(settings)
    const { forward, backward } = expected(activation, sigma, depth)
    const ratios = { forward: forward[depth - 1], backward: backward[depth - 1] }
    return { ...passes(32, settings), ...ratios, sigma, learns: arrives(ratios.forward) && arrives(ratios.backward) }
  },

  height: width => (width < 560 ? 640 : 420),

  draw(state, { activation, depth }, { width, height }) {
    const phone = width < 560
    const left = 30
    const tall = phone ? 340 : height - 66
    const across = phone ? (width - left - 20) / 2 : (width - left - 74) / 3
    const ridges = svg("g")
    state.redraw = () => {
      const box = { left, top: 24, width: across, height: tall }
      ridges.replaceChildren(
        ...ridge("activations", state.up, box, true),
        ...ridge("deltas", state.down, { ...box, left: left + across + 14 }, false),
      )
    }
    state.redraw()
    const box = phone
      ? { left, top: tall + 112, width: width - left - 6, height: height - tall - 154 }
      : { left: width - across - 6, top: 24, width: across, height: tall }
    return [ridges, ...map(state, edge(activation), depth, box)]
  },

  says(state, settings) {
    const { up, down, forward, backward, learns } = exact(state, settings)
    const { depth } = settings
    const last = depth - 1
    const there = `From layer 1 to layer ${depth} the activations go from ${size(up[0].rms)} to ${size(up[last].rms)}`
    const back = `on the way back the deltas go from ${size(down[last].rms)} to ${size(down[0].rms)}`
    const theory = `A wide network multiplies the two by ${size(forward)} and ${size(backward)}`
    const verdict = learns
      ? "no more than a hundredfold, so it learns"
      : "more than a hundredfold, so it does not learn"
    return `${there}; ${back}. ${theory}: ${verdict}.`
  },

  code: ({ activation, scheme, sigma, depth, width, examples, seed }) => `from functools import partial

import numpy as np
import shallownet as sn

g, depth, width = sn.activations.${activation}, ${depth}, ${width}${scheme === "own" ? `\nsigma = ${sigma}` : ""}
scheme = ${SCHEMES[scheme].code}
rng = np.random.default_rng(${seed})
X, delta = rng.standard_normal((2, width, ${examples}))
params = sn.init_params([width] * (depth + 2), scheme, rng)
trace = sn.forward(params, X, g)
deltas = []
for l in range(depth, 0, -1):  # equation 4.2, from a random delta at the output
    delta = params[l].W.T @ delta * g.df(trace.Z[l])
    deltas.insert(0, delta)

rms, edges = sn.diagnostics.rms, 2.0 ** np.arange(${FIRST}, ${FIRST + BINS + 1})
up = [rms(A).item() for A in trace.A[1:-1]]
down = [rms(delta).item() for delta in deltas]
up_counts = [np.histogram(abs(A), edges)[0].tolist() for A in trace.A[1:-1]]
down_counts = [np.histogram(abs(delta), edges)[0].tolist() for delta in deltas]

# The map: equations 4.1 and 4.2 for a wide network, whose first layer gets inputs of size 1.
xi = (np.arange(320) - 159.5) / 20
density = np.exp(-(xi**2) / 2) / np.sqrt(2 * np.pi) / 20
sigma, q, backward = ${SCHEMES[scheme].theory}, [1.0], 1.0
for l in range(depth):
    z = sigma * q[-1] ** 0.5 * xi
    q.append((g.f(z) ** 2 @ density).item())
    if l < depth - 1:
        backward *= sigma * (g.df(z) ** 2 @ density).item() ** 0.5
forward = (q[-1] / q[1]) ** 0.5
learns = 0.01 < forward < 100 and 0.01 < backward < 100
print(up[0], up[-1], down[-1], down[0], learns)
`,

  numbers(state, settings) {
    const { up, down, forward, backward, learns } = exact(state, settings)
    const rms = (/** @type {Layer} */ layer) => layer.rms
    const counts = (/** @type {Layer} */ layer) => layer.counts
    return {
      up: up.map(rms),
      down: down.map(rms),
      up_counts: up.map(counts),
      down_counts: down.map(counts),
      forward,
      backward,
      learns,
    }
  },
}

export default explorable

// One histogram above the other, the first layer at the top, each to the same height; a line through their root mean squares.
/** @type {(label: string, layers: Layer[], box: Box, numbered: boolean) => SVGElement[]} */
const ridge = (label, layers, box, numbered) => {
  const step = (box.height - 8) / layers.length
  const high = Math.min(Math.max(2.6 * step, 14), box.height / 6, 46)
  const x = (/** @type {number} */ exponent) => box.left + ((exponent - FIRST) / BINS) * box.width
  const base = (/** @type {number} */ i) =>
    box.top + box.height - 8 - (layers.length - 1 - i) * ((box.height - 8 - high) / Math.max(layers.length - 1, 1))
  const { node } = axes({
    box,
    x: [FIRST, FIRST + BINS],
    y: [0, 1],
    xticks: TICKS,
    yticks: [],
    xlabel: "size",
    ylabel: label,
  })
  const parts = [node]
  let line = ""
  layers.forEach(({ rms, counts }, i) => {
    const y = base(i)
    const most = Math.max(...counts, 1)
    let d = ""
    const low = most / 100 // lower bars than that would not be seen, and only make the line ragged
    counts.forEach((count, bin) => {
      if (count > low || counts[bin - 1] > low || counts[bin + 1] > low)
        d += `${d ? "L" : "M"}${x(FIRST + bin + 0.5).toFixed(1)} ${(y - (count / most) * high).toFixed(1)}`
    })
    parts.push(svg("path", { d, fill: "var(--paper)", "fill-opacity": 0.8, stroke: "var(--c0)" }))
    const at = Math.log2(rms)
    if (at > FIRST && at < FIRST + BINS) line += `${line ? "L" : "M"}${x(at).toFixed(1)} ${y.toFixed(1)}`
    if (numbered && (i === 0 || (i + 1) % (layers.length > 12 ? 10 : 5) === 0))
      parts.push(text(box.left - 6, y + 4, `${i + 1}`, { "text-anchor": "end" }))
  })
  if (line) parts.push(svg("path", { d: line, fill: "none", stroke: "var(--c1)", "stroke-width": 2.5 }))
  return parts
}

/** @type {(theory: Theory, edge: number[], depth: number, box: Box) => SVGElement[]} */
const map = ({ sigma, learns }, edge, depth, box) => {
  const { node, x, y } = axes({
    box,
    x: [0, WIDEST],
    y: [0, DEEPEST],
    xticks: [0, 1, 2, 3],
    yticks: [10, 20, 30, 40, 50],
    xlabel: "\u03c3 = std \u221an",
    ylabel: "depths that learn",
  })
  let d = `M${x(0.05).toFixed(1)} ${y(0).toFixed(1)}`
  for (const [i, deepest] of edge.entries()) d += `L${x((i + 1) / 20).toFixed(1)} ${y(deepest).toFixed(1)}`
  d += `L${x(WIDEST).toFixed(1)} ${y(0).toFixed(1)}z`
  const here = { cx: x(Math.min(sigma, WIDEST)).toFixed(1), cy: y(depth).toFixed(1) }
  const beside = sigma < 1.6 ? { dx: 10, anchor: "start" } : { dx: -10, anchor: "end" }
  return [
    svg("path", { d, fill: "var(--c2)", opacity: 0.22 }),
    node,
    svg("circle", {
      ...here,
      r: 6,
      fill: learns ? "var(--c2)" : "var(--c3)",
      stroke: "var(--paper)",
      "stroke-width": 2,
    }),
    text(+here.cx + beside.dx, Math.max(+here.cy - 8, box.top + 14), learns ? "learns" : "does not", {
      "text-anchor": beside.anchor,
    }),
  ]
}
