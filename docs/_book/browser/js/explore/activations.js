// Chapter 7: an activation's two averages, where its layers come to rest, and what each then does to the gradient.

import { ACTIVATIONS } from "./_activations.js"
import { axes, path, said, svg, text } from "./_draw.js"
import { mean, settled, size, slopes } from "./_normal.js"

/** @import { Explorable } from "../types" */
/** @import { Box, Tick } from "./_draw.js" */
/**
 * @typedef {{ activation: string, gain: string, sigma_w: number, sigma_b: number, layer: number }} Settings
 * @typedef {{ w: number, b: number, q: number[], sizes: number[], slopes: number[], rest?: number, chi: number }} Numbers
 * @typedef {{ q: number, size: number, slope: number, stretch: number }} Averages
 */

const LAYERS = 30
const [LOW, HIGH] = [-3, 2] // the picture shows mean squares from 10^-3 to 10^2
const SPAN = 4 // and z from -4 to 4
const END = 1000 // a length at which a run ends: it has left the picture

/** @type {Record<string, string>} */
const NAMES = {
  tanh: "tanh",
  relu: "ReLU",
  leaky_relu: "leaky ReLU",
  elu: "ELU",
  selu: "SELU",
  gelu: "GELU",
  silu: "SiLU",
  softplus: "softplus",
  sigmoid: "sigmoid",
  scaled_tanh: "LeCun\u2019s tanh",
  identity: "none (linear)",
}
/** @type {Record<string, { label: string, w: number, code: string }>} */
const GAINS = {
  lecun: { label: "1 (LeCun)", w: 1, code: "1.0" },
  he: { label: "\u221a2 (He)", w: Math.SQRT2, code: "2**0.5" },
  tanh: { label: "5/3", w: 5 / 3, code: "5 / 3" },
  selu: { label: "3/4", w: 3 / 4, code: "3 / 4" },
}

// The averages of an activation over normal z of many mean squares: they hold for every gain and every bias.
/** @type {Record<string, Averages[]>} */
const tables = {}
/** @type {(activation: string) => Averages[]} */
const table = activation => {
  const g = ACTIVATIONS[activation]
  tables[activation] ??= Array.from({ length: 81 }, (_, i) => {
    const q = 10 ** (LOW + ((HIGH - LOW) * i) / 80)
    return { q, size: size(g, q), slope: slopes(g, q), stretch: mean(z => g.f(z) * g.df(z) * z, q) / q }
  })
  return tables[activation]
}

const digits = (/** @type {number} */ value) => {
  if (value < 1e-6) return "less than a millionth"
  if (value < 0.0995) return said(value, 1 - Math.floor(Math.log10(value)))
  return value < 99.5 ? said(value, value < 9.95 ? 2 : 0) : `${Math.round(+value.toPrecision(2))}`
}

const factor = (/** @type {number} */ chi) => (Math.abs(chi - 1) < 0.02 ? said(chi, 4) : digits(chi))
const short = (/** @type {number} */ value) => digits(value).replace("less than a millionth", "0.000000")

// Of the squared gradient, on its way back through so many layers.
/** @type {(w: number, slopes: number[], layers: number) => number} */
const grown = (w, slopes, layers) => slopes.slice(0, layers).reduce((product, slope) => product * w * w * slope, 1)

/** @type {Explorable<Settings, Numbers>} */
const explorable = {
  title: "An activation, the length of what its layers hold, and what they do to the gradient",
  controls: [
    { name: "activation", label: "Activation", options: NAMES, value: "tanh" },
    {
      name: "gain",
      label: "Gain",
      options: {
        own: "your own",
        ...Object.fromEntries(Object.entries(GAINS).map(([name, { label }]) => [name, label])),
      },
      value: "own",
    },
    {
      name: "sigma_w",
      label: "\u03c3w, the gain",
      min: 0.2,
      max: 3,
      step: 0.05,
      value: 1.65,
      show: value => value.toFixed(2),
      when: ({ gain }) => gain === "own",
    },
    {
      name: "sigma_b",
      label: "\u03c3b, of biases",
      min: 0,
      max: 1,
      step: 0.05,
      value: 0,
      show: value => value.toFixed(2),
    },
    { name: "layer", label: "Layers", min: 0, max: LAYERS, value: 20, view: true, play: true },
  ],

  compute({ activation, gain, sigma_w, sigma_b: b }) {
    const g = ACTIVATIONS[activation]
    const w = GAINS[gain]?.w ?? sigma_w
    const q = [1]
    const sizes = [size(g, 1)]
    const steep = [slopes(g, 1)]
    for (let l = 0; l < LAYERS && q[l] < END; l++) {
      q.push(w * w * sizes[l] + b * b)
      sizes.push(size(g, q[l + 1]))
      steep.push(slopes(g, q[l + 1]))
    }
    const rest = settled(g, w, b)
    return { w, b, q, sizes, slopes: steep, rest, chi: rest === undefined ? 0 : w * w * slopes(g, rest) }
  },

  height: width => (width < 520 ? 500 : 300),

  draw(state, { activation, layer }, { width, height }) {
    const phone = width < 520
    const left = 34
    const gap = phone ? 40 : 48
    const wide = phone ? width - left - 10 : (width - left - 2 * gap - 10) / 3
    const first = { left, top: 24, width: wide, height: phone ? 170 : height - 66 }
    const half = phone ? (width - left - gap - 10) / 2 : wide
    const top = phone ? 282 : 24
    const second = {
      left: phone ? left : left + wide + gap,
      top,
      width: half,
      height: phone ? height - 324 : first.height,
    }
    const averages = table(activation)
    const last = Math.min(layer, state.q.length - 1)
    return [
      ...bend(activation, state, last, first),
      ...lengths(state, averages, last, second),
      ...bargain(state, averages, { ...second, left: second.left + half + gap }),
    ]
  },

  says({ w, b, q, slopes, rest, chi, sizes }, { activation, layer }) {
    const last = Math.min(layer, q.length - 1)
    const name = activation === "identity" ? "No activation" : NAMES[activation]
    const start = `${name} with \u03c3w = ${said(w, 2)} and \u03c3b = ${said(b, 2)}`
    const now = `After ${last} layer${last === 1 ? "" : "s"} a mean square of 1 is ${digits(q[last])}`
    const averages = `There g\u00b2 is ${digits(sizes[last])} on average, and g\u2032\u00b2 ${digits(slopes[last])}`
    const back = `On the way back the squared gradient is multiplied by ${digits(grown(w, slopes, last))}`
    const tail = `${now}. ${averages}. ${back}.`
    if (rest === undefined) return `${start}: lengths grow for ever. ${tail}`
    const pace = `a layer multiplies the squared gradient by ${factor(chi)}`
    if (rest < 1e-9) return `${start}: the signal fades to nothing, and in the end ${pace}. ${tail}`
    const size = Math.sqrt(Math.max(rest - b * b, 0)) / w
    return `${start}: z comes to rest at a mean square of ${digits(rest)}. At rest the activations have an rms of ${digits(size)}, and ${pace}. ${tail}`
  },

  code: ({ activation, gain, sigma_w, sigma_b, layer }) => `import numpy as np
import shallownet as sn
from shallownet.meanfield import chi, q_map, q_star

g = sn.activations.${activation}
sigma_w, sigma_b = ${GAINS[gain]?.code ?? sigma_w}, ${sigma_b}

# A normal variable on a grid that is finest at 0, where a curve may have a kink.
xi = np.exp(np.arange(-20, 2.3, 0.02))
xi = np.concatenate([-xi, xi])
density = 0.02 * abs(xi) * np.exp(-(xi**2) / 2) / np.sqrt(2 * np.pi)


def mean(f, q):
    """The average of f(z)**2 over a normal z with mean square q."""
    return (f(max(q, 1e-30) ** 0.5 * xi) ** 2 @ density).item()


q, growth = [1.0], 1.0
while len(q) <= ${layer} and q[-1] < ${END}:  # as many layers
    growth *= sigma_w**2 * mean(g.df, q[-1])  # of the squared gradient, on the way back
    q.append(q_map(g, sigma_w, sigma_b, q[-1]))
size, slope = mean(g.f, q[-1]), mean(g.df, q[-1])  # the two averages

try:
    rest = [q_star(g, sigma_w, sigma_b)]  # where lengths settle
    factor = [chi(g, sigma_w, sigma_b)]  # of the squared gradient, each layer
except ValueError:
    rest = factor = []  # nowhere: the length grows for ever
print(q[-1], growth, size, slope, rest, factor)
`,

  numbers({ w, q, sizes, slopes, rest, chi }, { layer }) {
    const last = Math.min(layer, q.length - 1)
    return {
      q: q.slice(0, last + 1),
      growth: grown(w, slopes, last),
      size: sizes[last],
      slope: slopes[last],
      rest: rest === undefined ? [] : [rest],
      factor: rest === undefined ? [] : [chi],
    }
  },
}

export default explorable

// The curve and its slope, and under them the z over which both are averaged.
/** @type {(activation: string, state: Numbers, last: number, box: Box) => SVGElement[]} */
const bend = (activation, { q, sizes, slopes }, last, box) => {
  const { f, df } = ACTIVATIONS[activation]
  const { node, x, y } = axes({
    box,
    x: [-SPAN, SPAN],
    y: [-2, 3],
    xticks: [-4, 0, 4],
    yticks: [-1, 0, 1, 2],
    xlabel: "z",
    ylabel: "activation and slope",
  })
  const points = Array.from({ length: 161 }, (_, i) => -SPAN + (i / 160) * 2 * SPAN)
  const xs = points.map(x)
  const bottom = box.top + box.height
  const high = 0.36 * box.height
  const spread = Math.sqrt(Math.max(q[last], 1e-8))
  // As high whatever its width, so that a narrow one can be seen: 0 is a point of it.
  const under = [...points, 0].sort((a, b) => a - b)
  const bell = under.map(z => bottom - high * Math.exp(-((z / spread) ** 2) / 2))
  const inside = (/** @type {number} */ value) => (value > 3 || value < -2 ? Number.NaN : y(value))
  const label = (/** @type {string} */ name, /** @type {number} */ value, /** @type {string} */ fill) =>
    text(x(2.2), Math.max(y(value), box.top + 22) - 7, name, {
      class: "halo",
      "text-anchor": "middle",
      style: `fill: ${fill}`,
    })
  return [
    svg("path", { d: `${path(under.map(x), bell)}V${bottom}H${box.left}z`, fill: "var(--c0)", opacity: 0.22 }),
    node,
    svg("path", {
      d: `M${box.left} ${y(0).toFixed(1)}h${box.width}M${x(0).toFixed(1)} ${box.top}v${box.height}`,
      stroke: "var(--grid)",
      "stroke-dasharray": "2 3",
    }),
    svg("path", { d: path(xs, points.map(df).map(inside)), fill: "none", stroke: "var(--c1)", "stroke-width": 2 }),
    svg("path", { d: path(xs, points.map(f).map(inside)), fill: "none", stroke: "currentColor", "stroke-width": 2.5 }),
    label("g", f(2.2), "currentColor"),
    label("g\u2032", df(2.2), "var(--c1)"),
    text(box.left + 8, box.top + 18, `E g\u00b2 = ${short(sizes[last])}`, { class: "halo" }),
    text(box.left + 8, box.top + 35, `E g\u2032\u00b2 = ${short(slopes[last])}`, { class: "halo" }),
  ]
}

/** @type {Tick[]} */
const POWERS = [
  [-2, "0.01"],
  [0, "1"],
  [2, "100"],
]

// The length map, both ways in powers of ten, and the staircase from 1.
/** @type {(state: Numbers, averages: Averages[], layer: number, box: Box) => SVGElement[]} */
const lengths = ({ w, b, q, rest }, averages, layer, box) => {
  const { node, x, y } = axes({
    box,
    x: [LOW, HIGH],
    y: [LOW, HIGH],
    xticks: POWERS,
    yticks: POWERS,
    xlabel: "length",
    ylabel: "next length",
  })
  const fits = (/** @type {number} */ value) => value >= 10 ** LOW && value <= 10 ** HIGH
  const curve = averages.map(({ q, size }) => ({ q, next: w * w * size + b * b }))
  const stairs = []
  for (let l = 0; l < layer && fits(q[l + 1]); l++) stairs.push([q[l], q[l + 1]], [q[l + 1], q[l + 1]])
  const left = layer > 0 && stairs.length < 2 * layer // it leaves the picture
  const end = stairs[stairs.length - 1]?.[1] ?? 1
  const way = [[1, 1], ...stairs]
  const place = rest === undefined ? "grows for ever" : rest < 1e-9 ? "fades to 0" : `rests at ${digits(rest)}`
  return [
    node,
    svg("path", { d: `M${x(LOW)} ${y(LOW)}L${x(HIGH)} ${y(HIGH)}`, stroke: "var(--gray)" }),
    svg("path", {
      d: path(
        curve.map(({ q }) => x(Math.log10(q))),
        curve.map(({ next }) => (fits(next) ? y(Math.log10(next)) : Number.NaN)),
      ),
      fill: "none",
      stroke: "currentColor",
      "stroke-width": 2.5,
    }),
    svg("path", {
      d: path(
        way.map(([at]) => x(Math.log10(at))),
        way.map(([, next]) => y(Math.log10(next))),
      ),
      fill: "none",
      stroke: "var(--c1)",
      "stroke-width": 1.6,
    }),
    svg("circle", { cx: x(0), cy: y(0), r: 4, fill: "var(--paper)", stroke: "var(--c1)", "stroke-width": 2 }),
    ...(layer > 0 && !left
      ? [
          svg("circle", {
            cx: x(Math.log10(end)).toFixed(1),
            cy: y(Math.log10(end)).toFixed(1),
            r: 4.5,
            fill: "var(--c1)",
          }),
        ]
      : []),
    text(box.left + 8, box.top + 18, place, { class: "halo" }),
  ]
}

// All gains at once: where activations rest, and what a layer then does to the squared gradient. Dashed where nothing rests, because
// the map pushes lengths away.
/** @type {(state: Numbers, averages: Averages[], box: Box) => SVGElement[]} */
const bargain = ({ w, b, rest, chi }, averages, box) => {
  const { node, x, y } = axes({
    box,
    x: [0, 1.5],
    y: [0, 2],
    xticks: [0, 0.5, 1, 1.5],
    yticks: [0, 1, 2],
    xlabel: "rest, rms",
    ylabel: "gradient factor",
  })
  /** @type {Record<string, [number[], number[]]>} */
  const lines = { holds: [[], []], pushes: [[], []] }
  for (const { q, size, slope, stretch } of averages) {
    const w2 = (q - b * b) / size
    const rests = w2 * stretch <= 1 + 1e-9
    const [across, up] = [Math.sqrt(size), w2 * slope]
    const fits = w2 > 0 && across <= 1.5 && up <= 2
    for (const [name, [xs, ys]] of Object.entries(lines)) {
      xs.push(x(across))
      ys.push(fits && rests === (name === "holds") ? y(up) : Number.NaN)
    }
  }
  const dot = rest === undefined ? undefined : [Math.sqrt(Math.max(rest - b * b, 0)) / w, chi]
  const shown = dot && dot[0] <= 1.5 && dot[1] <= 2
  return [
    node,
    svg("path", { d: `M${box.left} ${y(1).toFixed(1)}h${box.width}`, stroke: "var(--gray)" }),
    svg("path", { d: path(...lines.holds), fill: "none", stroke: "currentColor", "stroke-width": 2.5 }),
    svg("path", {
      d: path(...lines.pushes),
      fill: "none",
      stroke: "currentColor",
      "stroke-width": 1.6,
      "stroke-dasharray": "3 4",
    }),
    text(box.left + 6, y(1) + 16, "kept", { class: "halo" }),
    ...(shown
      ? [
          svg("circle", {
            ...{ cx: x(dot[0]).toFixed(1), cy: y(dot[1]).toFixed(1) },
            ...{ r: 6.5, fill: "var(--c1)", stroke: "var(--paper)", "stroke-width": 2 },
          }),
        ]
      : []),
    text(
      box.left + box.width - 6,
      box.top + box.height - 10,
      shown ? `factor ${factor(chi)}` : dot ? "outside" : "no rest",
      {
        "text-anchor": "end",
        class: shown ? "explorable__strong" : "halo",
      },
    ),
  ]
}
