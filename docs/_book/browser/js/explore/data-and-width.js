// Chapter 9: how far the mean square of one network strays from the average over many, by width and depth.

import { axes, path, power, said, size, svg, text } from "./_draw.js"
import { load } from "./_kernel.js"

/** @import { Explorable, Kernel } from "../types" */
/** @import { Box, Tick } from "./_draw.js" */
/**
 * @typedef {{ activation: string, shape: string, width: number, depth: number, neck: number, seed: number }} Settings
 * @typedef {{ share: number, median: number }} Summary
 * @typedef {Summary & { beta: number, quantiles: number[][], mean: number, luckiest: number, zero: number, below: number }} Found
 * @typedef {Found & { counts: number[], theory: Summary, rule: number[] }} Numbers
 */

const NETWORKS = 1000
const WIDEST = 100
const WIDER = 1.6 // the first layer of a funnel, in average widths
const LOWEST = -8 // powers of ten of the mean square that are shown
const HIGHEST = 2
const BINS = 80
const LEVELS = [0.1, 0.25, 0.5, 0.75, 0.9]
const RATIOS = Array.from({ length: 61 }, (_, i) => 10 ** (-1 + i / 20)) // of 1 / beta

// `moment`: the variance of g(z)^2 over normal z, where its mean is 1; `gain` makes it 1. So the constant of equation 9.3.
/** @type {Record<string, { label: string, gain: number, moment: number }>} */
const CURVES = {
  relu: { label: "ReLU, weights by He", gain: 2, moment: 5 },
  identity: { label: "none (linear), by LeCun", gain: 1, moment: 2 },
}

// Of each layer, in integers, so that Python finds the same.
/** @type {(settings: Settings) => number[]} */
const widthsOf = ({ shape, width, depth, neck }) =>
  Array.from({ length: depth }, (_, l) => {
    if (shape === "neck" && l === Math.floor(depth / 2)) return Math.min(neck, width)
    if (shape === "funnel" && depth > 1)
      return Math.max(1, Math.floor((width * (16 * (depth - 1) - 12 * l)) / (10 * (depth - 1))))
    return width
  })

// Of a normal variable with mean -s^2 / 2: how much lies within ln 2 of 0. By Simpson's rule.
/** @type {(variance: number) => number} */
const within = variance => {
  const steps = 400
  const h = (2 * Math.LN2) / steps
  let sum = 0
  for (let i = 0; i <= steps; i++) {
    const u = -Math.LN2 + i * h + variance / 2
    sum += (i === 0 || i === steps ? 1 : 2 + 2 * (i % 2)) * Math.exp((-u * u) / (2 * variance))
  }
  return ((h / 3) * sum) / Math.sqrt(2 * Math.PI * variance)
}
/** @type {Record<string, number[]>} */
const rules = {}
/** @type {(activation: string) => number[]} */
const rule = activation => {
  rules[activation] ??= RATIOS.map(ratio => within(CURVES[activation].moment / ratio))
  return rules[activation]
}

/** @type {Kernel} */
let kernel
let [draws, logs, bins] = [0, 0, 0] // addresses
// The layers that the generator has drawn: it goes on where it stopped, as long as the first layers stay as they are.
let key = ""
/** @type {{ n: number, M: Float64Array, sorted: Float64Array }[]} */
let layers = []

/** @type {(settings: Settings, widths: number[]) => void} */
const prepare = ({ activation, seed }, widths) => {
  const { gain } = CURVES[activation]
  const same = key === [activation, seed].join() && widths.every((n, l) => l >= layers.length || layers[l].n === n)
  if (!same) {
    key = [activation, seed].join()
    layers = []
    kernel.seed(seed)
  }
  // ReLU's a is half of z + |z|, which takes a fifth of the time of a comparison.
  const fold = activation === "relu" ? 1 : 0
  for (let l = layers.length; l < widths.length; l++) {
    const n = widths[l]
    kernel.normals(draws, NETWORKS * n)
    const z = kernel.values(draws, NETWORKS * n)
    const M = new Float64Array(NETWORKS)
    for (let i = 0; i < NETWORKS; i++) {
      let sum = 0
      for (let j = i * n; j < (i + 1) * n; j++) {
        const a = z[j] + fold * Math.abs(z[j])
        sum += a * a
      }
      M[i] = ((l ? layers[l - 1].M[i] : 1) * gain * sum) / (n * (1 + fold) ** 2)
    }
    layers.push({ n, M, sorted: M.slice().sort() })
  }
}

/** @type {(sorted: Float64Array, level: number) => number} */
const quantile = (sorted, level) => {
  const at = level * (sorted.length - 1)
  const low = Math.floor(at)
  const high = Math.min(low + 1, sorted.length - 1)
  return sorted[low] + (at - low) * (sorted[high] - sorted[low])
}

const sum = (/** @type {ArrayLike<number>} */ values) => Array.from(values).reduce((all, value) => all + value, 0)

const percent = (/** @type {number} */ share) => {
  const rare = (share > 0.0005 && share < 0.0095) || (share > 0.9905 && share < 0.9995)
  return `${said(100 * share, rare ? 1 : 0)}\u00a0%`
}
const units = (/** @type {number} */ count) => (count === 1 ? "one unit" : `${count} units`)

/** @type {(settings: Settings) => string} */
const built = ({ shape, width, depth, neck }) => {
  const layers = depth === 1 ? "one layer" : `${depth} layers`
  if (shape === "neck" && depth === 1) return `one layer of ${units(Math.min(neck, width))}`
  if (shape === "neck") return `${layers} of ${width} units, one of them squeezed to ${Math.min(neck, width)}`
  return shape === "funnel" && depth > 1 ? `${layers}, ${width} units wide on average` : `${layers} of ${width} units`
}

/** @type {Explorable<Settings, Numbers>} */
const explorable = {
  title: "The mean square of a thousand networks, layer by layer",
  controls: [
    { name: "width", label: "Width", min: 4, max: WIDEST, step: 2, value: 10 },
    { name: "depth", label: "Depth", min: 1, max: 50, value: 10, play: true },
    {
      name: "shape",
      label: "Shape",
      options: { equal: "equal widths", neck: "one bottleneck", funnel: "a funnel" },
      value: "equal",
    },
    { name: "neck", label: "Its width", min: 1, max: 20, value: 5, when: ({ shape }) => shape === "neck" },
    {
      name: "activation",
      label: "Activation",
      options: Object.fromEntries(Object.entries(CURVES).map(([name, { label }]) => [name, label])),
      value: "relu",
    },
    { name: "seed", label: "Seed", min: 0, max: 99, value: 0 },
  ],

  async ready() {
    kernel ??= await load()
    const most = Math.ceil(NETWORKS * WIDEST * WIDER)
    ;[draws, logs, bins] = kernel.place([8 * most, 8 * NETWORKS, 4 * BINS])
  },

  compute(settings) {
    const widths = widthsOf(settings)
    prepare(settings, widths)
    const { M, sorted } = layers[widths.length - 1]
    const { moment } = CURVES[settings.activation]
    const beta = sum(widths.map(n => 1 / n))
    const log = kernel.values(logs, NETWORKS)
    M.forEach((value, i) => {
      log[i] = Math.log10(value)
    })
    kernel.histogram(logs, NETWORKS, bins, BINS, LOWEST, HIGHEST)
    return {
      beta,
      quantiles: layers.slice(0, widths.length).map(({ sorted }) => LEVELS.map(level => quantile(sorted, level))),
      mean: sum(M) / NETWORKS,
      median: quantile(sorted, 0.5),
      share: M.filter(value => value > 0.5 && value < 2).length / NETWORKS,
      luckiest: sum(sorted.subarray(0.9 * NETWORKS)) / sum(M),
      zero: M.filter(value => value === 0).length / NETWORKS,
      below: log.filter(value => value < LOWEST).length / NETWORKS,
      counts: kernel.counts(bins, BINS),
      theory: { median: Math.exp((-moment * beta) / 2), share: within(moment * beta) },
      rule: rule(settings.activation),
    }
  },

  height: width => (width < 560 ? 590 : 372),

  draw(state, { activation, depth }, { width, height }) {
    const phone = width < 560
    const left = phone ? 48 : 42
    const side = phone ? 78 : 92
    const whole = phone ? width - left - side - 14 : 0.62 * width - left - side
    const fan = { left, top: 26, width: whole, height: phone ? 290 : height - 76 }
    const beside = { ...fan, left: left + whole + 8, width: side }
    const map = phone
      ? { left, top: fan.height + 122, width: width - left - 12, height: height - fan.height - 172 }
      : { left: beside.left + side + 62, top: 26, width: width - beside.left - side - 74, height: height - 76 }
    return [...strays(state, depth, fan), ...heap(state, activation, beside), ...kept(state, map)]
  },

  says(state, settings) {
    const { share, median, luckiest, beta, theory, zero } = state
    const nets = `Of ${NETWORKS.toLocaleString("en")} networks with ${built(settings)} (\u03b2 = ${said(beta, 2)})`
    const luck = `the median is ${size(median)}, and the luckiest tenth hold ${percent(luckiest)} of the total`
    const dead = zero ? ` In ${percent(zero)} a layer has no unit that is on.` : ""
    const normal = `The log-normal says ${percent(theory.share)} and a median of ${size(theory.median)}.`
    return `${nets}, ${percent(share)} keep the mean square to within a factor of two; ${luck}.${dead} ${normal}`
  },

  code: ({ activation, shape, width, depth, neck, seed }) => `from statistics import NormalDist

import numpy as np
from shallownet.activations import ${activation}

n, depth, networks = ${width}, ${depth}, ${NETWORKS}
widths = [n] * depth
${
  shape === "neck"
    ? `widths[depth // 2] = min(${neck}, n)\n`
    : shape === "funnel" && depth > 1
      ? "widths = [max(1, n * (16 * (depth - 1) - 12 * l) // (10 * (depth - 1))) for l in range(depth)]\n"
      : ""
}rng = np.random.default_rng(${seed})
M, quantiles = np.ones(networks), []
for n in widths:  # equation 9.2: ${activation === "relu" ? "ReLU is the coin, which keeps z or not" : "without the coin"}
    z = rng.standard_normal((networks, n))
    M = M * ${CURVES[activation].gain} * np.mean(${activation}.f(z) ** 2, axis=1)
    quantiles.append(np.quantile(M, ${`[${LEVELS.join(", ")}]`}).tolist())

mean, median = M.mean().item(), np.median(M).item()
share = np.mean((M > 0.5) & (M < 2)).item()
luckiest = (np.sort(M)[-networks // 10 :].sum() / M.sum()).item()
zero = np.mean(M == 0).item()
counts = np.histogram(np.log10(M[M > 0]), ${BINS}, (${LOWEST}, ${HIGHEST}))[0].tolist()

# Equation 9.4: the logarithm of M is nearly normal, and its variance ${CURVES[activation].moment} times beta.
beta = sum(1 / n for n in widths)
normal = NormalDist(-${CURVES[activation].moment} / 2 * beta, (${CURVES[activation].moment} * beta) ** 0.5)
normal_median = np.exp(normal.mean).item()
normal_share = normal.cdf(np.log(2)) - normal.cdf(-np.log(2))
print(round(beta, 2), share, normal_share, median, normal_median)
`,

  numbers: ({ beta, quantiles, mean, median, share, luckiest, zero, counts, theory }) => ({
    ...{ beta, quantiles, mean, median, share, luckiest, zero, counts },
    normal_median: theory.median,
    normal_share: theory.share,
  }),
}

export default explorable

/** @type {Tick[]} */
const TICKS = Array.from({ length: 6 }, (_, i) => [2 * i - 8, power(2 * i - 8)])

// How the networks part, layer by layer.
/** @type {(state: Numbers, depth: number, box: Box) => SVGElement[]} */
const strays = ({ quantiles }, depth, box) => {
  const every = [1, 2, 5, 10].find(step => depth / step <= 5) ?? 10
  const ticks = Array.from({ length: Math.floor(depth / every) + 1 }, (_, i) => i * every)
  const { node, x, y } = axes({
    box,
    x: [0, depth],
    y: [LOWEST, HIGHEST],
    xticks: ticks,
    yticks: TICKS,
    xlabel: "layer",
    ylabel: "mean square M",
  })
  const log = (/** @type {number} */ value) => Math.min(Math.max(Math.log10(value), LOWEST), HIGHEST) // also of 0
  const xs = Array.from({ length: depth + 1 }, (_, l) => x(l))
  const line = (/** @type {number} */ i) => [0, ...quantiles.map(row => log(row[i]))].map(y)
  const band = (/** @type {number} */ i) => {
    const [low, high] = [line(i), line(LEVELS.length - 1 - i)]
    return `${path([...xs, ...xs.slice().reverse()], [...low, ...high.reverse()])}z`
  }
  const middle = line(2)
  const from = Math.max(1, Math.floor(depth * 0.6)) // where there is room for a word
  return [
    svg("path", { d: band(0), fill: "var(--c0)", opacity: 0.16 }),
    svg("path", { d: band(1), fill: "var(--c0)", opacity: 0.22 }),
    node,
    svg("path", {
      d: `M${box.left} ${y(0).toFixed(1)}h${box.width}`,
      stroke: "currentColor",
      "stroke-dasharray": "5 4",
    }),
    svg("path", { d: path(xs, middle), fill: "none", stroke: "var(--c0)", "stroke-width": 2.5 }),
    text(box.left + 6, y(0) - 7, "average of all", { class: "halo" }),
    text(xs[from] - 8, Math.min(middle[from] + 20, y(LOWEST) - 8), "median", { class: "halo", "text-anchor": "end" }),
    text(box.left + 6, y(LOWEST) - 8, "bands: half, and 8 in 10", { class: "halo" }),
  ]
}

// The last layer's, as a heap on its side, and the log-normal that theory puts there.
/** @type {(state: Numbers, activation: string, box: Box) => SVGElement[]} */
const heap = ({ counts, beta, below }, activation, box) => {
  const variance = CURVES[activation].moment * beta
  const tall = box.height / BINS
  const bin = ((HIGHEST - LOWEST) / BINS) * Math.LN10
  const density = (/** @type {number} */ log) => {
    const u = log * Math.LN10 + variance / 2
    return (NETWORKS * bin * Math.exp((-u * u) / (2 * variance))) / Math.sqrt(2 * Math.PI * variance)
  }
  const points = Array.from({ length: 161 }, (_, i) => LOWEST + (i / 160) * (HIGHEST - LOWEST))
  const curve = points.map(density)
  const most = Math.max(...counts, ...curve)
  const y = (/** @type {number} */ log) => box.top + ((HIGHEST - log) / (HIGHEST - LOWEST)) * box.height
  let bars = ""
  counts.forEach((count, i) => {
    const long = (count / most) * box.width
    if (count)
      bars += `M${box.left} ${(box.top + box.height - (i + 1) * tall).toFixed(1)}h${long.toFixed(1)}v${(tall - 0.4).toFixed(1)}h${(-long).toFixed(1)}z`
  })
  const parts = [
    svg("path", { d: bars, fill: "var(--c0)", opacity: 0.6 }),
    svg("path", { d: `M${box.left} ${box.top}v${box.height}`, stroke: "var(--grid)" }),
    svg("path", {
      d: path(
        curve.map(value => box.left + (value / most) * box.width),
        points.map(y),
      ),
      fill: "none",
      stroke: "var(--c1)",
      "stroke-width": 2,
    }),
    text(box.left, box.top - 9, "last layer"),
    text(box.left + box.width, box.top + 16, "log-normal", { "text-anchor": "end", style: "fill: var(--c1)" }),
  ]
  if (below > 0.005) parts.push(text(box.left + 8, box.top + box.height - 8, `\u2193 ${percent(below)}`))
  return parts
}

// The rule: how many stay near, by one over beta, which is width over depth if all widths are equal.
/** @type {(state: Numbers, box: Box) => SVGElement[]} */
const kept = ({ beta, share, rule }, box) => {
  const { node, x, y } = axes({
    box,
    x: [-1, 2],
    y: [0, 1],
    xticks: [
      [-1, "0.1"],
      [0, "1"],
      [1, "10"],
      [2, "100"],
    ],
    yticks: [
      [0, "0"],
      [0.5, "50 %"],
      [1, "100 %"],
    ],
    xlabel: "1/\u03b2: width over depth",
    ylabel: "within a factor of two",
  })
  const here = [x(Math.min(Math.max(-Math.log10(beta), -1), 2)), y(share)]
  const aside = beta > 0.2 ? { dx: -10, anchor: "end" } : { dx: 10, anchor: "start" }
  const right = here[0] + aside.dx
  const fits = right - box.left > 44 && box.left + box.width - right > 44
  return [
    node,
    svg("path", {
      d: path(
        RATIOS.map(ratio => x(Math.log10(ratio))),
        rule.map(y),
      ),
      fill: "none",
      stroke: "var(--c1)",
      "stroke-width": 2,
    }),
    svg("circle", {
      cx: here[0].toFixed(1),
      cy: here[1].toFixed(1),
      r: 6,
      fill: "var(--c0)",
      stroke: "var(--paper)",
      "stroke-width": 2,
    }),
    text(fits ? right : here[0] + (aside.dx > 0 ? -10 : 10), here[1] - 9, percent(share), {
      "text-anchor": fits === aside.dx > 0 ? "start" : "end",
      class: "halo",
    }),
  ]
}
