// Chapter 6: a start as a point between order and chaos, and the two staircases that it leads to.

import { ACTIVATIONS } from "./_activations.js"
import { axes, path, said, svg, text } from "./_draw.js"
import { settled, size, slopes } from "./_normal.js"

/** @import { Explorable, Size } from "../types" */
/** @import { Box } from "./_draw.js" */
/**
 * @typedef {{ start: string, sigma_w: number, sigma_b: number, length: number, correlation: number, layer: number }} Settings
 * @typedef {{ w: number, b: number, q: number[], c: number[], rest: number, meet: number, chi: number, rate: number, edge: number, map: CMap }} Numbers
 * @typedef {{ at(c: number): number, slope(c: number): number }} CMap
 */

const LAYERS = 40
const LONGEST = 8
const FAINT = 1e-30 // stands for a length of 0, as in sn.meanfield
const tanh = ACTIVATIONS.tanh

// The plane of the starts, and where it lies: beside the staircases, or above them on a phone.
/** @type {[number, number]} */
const WEIGHTS = [0.4, 2.8]
/** @type {[number, number]} */
const BIASES = [0, 0.8]
const GAP = 48
/** @type {(size: Size) => Box} */
const planeOf = ({ width, height }) =>
  width < 520
    ? { left: 34, top: 24, width: width - 44, height: 170 }
    : { left: 34, top: 24, width: (width - 44 - 2 * GAP) / 3, height: height - 66 }

// The starts of the chapter's figure, as points of the plane; `code` says the first number in Python.
/** @type {Record<string, { label: string, short: string, w: number, b: number, code: string }>} */
const PLACES = {
  linear: {
    label: "PyTorch\u2019s Linear, 100 inputs",
    short: "PyTorch",
    w: 3 ** -0.5,
    b: 300 ** -0.5,
    code: "3**-0.5, 300**-0.5",
  },
  lecun: { label: "LeCun, Glorot", short: "LeCun", w: 1, b: 0, code: "1.0, 0.0" },
  he: { label: "He", short: "He", w: Math.SQRT2, b: 0, code: "2**0.5, 0.0" },
  gain: { label: "gain 5/3", short: "5/3", w: 5 / 3, b: 0, code: "5 / 3, 0.0" },
}

// A correlation after one more layer: E g(z) g(z') is a power series in c, whose coefficients are the squares of the curve's own in
// Hermite's polynomials. What lies beyond the last term is put there, so that c = 1 stays where it is.
const TERMS = 240
const STEP = 0.05
const GRID = Array.from({ length: 200 }, (_, i) => (i + 0.5) * STEP) // tanh is odd: half of it will do
/** @type {(w: number, b: number, q: number) => CMap} */
const correlations = (w, b, q) => {
  const spread = Math.sqrt(q)
  const values = GRID.map(z => (2 * STEP * Math.exp((-z * z) / 4) * Math.tanh(spread * z)) / (2 * Math.PI) ** 0.25)
  // Of each degree the polynomial times the root of the density, which never overflows.
  let before = GRID.map(() => 0)
  let now = GRID.map(z => Math.exp((-z * z) / 4) / (2 * Math.PI) ** 0.25)
  /** @type {number[]} */
  const odd = []
  for (let k = 1; k < TERMS; k++) {
    const last = before
    before = now
    now = now.map((value, i) => (GRID[i] * value - Math.sqrt(k - 1) * last[i]) / Math.sqrt(k))
    if (k % 2) odd.push(now.reduce((sum, value, i) => sum + value * values[i], 0) ** 2)
  }
  const whole = size(tanh, q)
  odd[odd.length - 1] += whole - odd.reduce((sum, square) => sum + square, 0)
  const after = w * w * whole + b * b
  return {
    at: c => (w * w * c * odd.reduceRight((sum, square) => sum * c * c + square, 0) + b * b) / after,
    slope: c => (w * w * odd.reduceRight((sum, square, i) => sum * c * c + (2 * i + 1) * square, 0)) / q,
  }
}

// sn.meanfield.critical_sigma_w: the length that is at rest on the edge follows from its own sigma_b.
/** @type {(q: number) => [number, number]} */
const onEdge = q => {
  const w2 = 1 / slopes(tanh, q)
  return [Math.sqrt(w2), Math.sqrt(Math.max(q - w2 * size(tanh, q), 0))]
}
/** @type {(b: number) => number} */
const critical = b => {
  if (b === 0) return 1
  let [low, high] = [1e-8, 1e3]
  for (let turn = 0; turn < 60; turn++) {
    const q = Math.sqrt(low * high)
    if (onEdge(q)[1] < b) low = q
    else high = q
  }
  return onEdge(Math.sqrt(low * high))[0]
}

// What does not depend on the settings is computed once.
/** @type {{ line: [number, number][], lengths: number[] } | undefined} */
let fixed
const drawnOnce = () => {
  fixed ??= {
    line: Array.from({ length: 130 }, (_, i) => onEdge(i ? 1e-4 * 10 ** (i / 30) : FAINT)),
    lengths: Array.from({ length: 81 }, (_, i) => size(tanh, (i / 80) * LONGEST)),
  }
  return fixed
}

/** @type {(settings: Settings) => { w: number, b: number }} */
const place = ({ start, sigma_w, sigma_b }) => {
  if (start === "edge") return { w: critical(sigma_b), b: sigma_b }
  return PLACES[start] ?? { w: sigma_w, b: sigma_b }
}

const near = (/** @type {number} */ chi) => Math.abs(chi - 1) < 0.001
const number = (/** @type {number} */ value) => {
  if (Math.abs(value) < 0.00005) return "0"
  return said(value, Math.abs(value) < 0.0095 ? 4 : 2)
}

/** @type {Explorable<Settings, Numbers>} */
const explorable = {
  title: "Order and chaos: a start, and what its layers do to a length and to a correlation",
  controls: [
    {
      name: "start",
      label: "Start",
      options: {
        own: "your own",
        edge: "on the edge",
        ...Object.fromEntries(Object.entries(PLACES).map(([name, { label }]) => [name, label])),
      },
      value: "own",
    },
    {
      name: "sigma_w",
      label: "\u03c3w",
      min: WEIGHTS[0],
      max: WEIGHTS[1],
      step: 0.05,
      value: 2.5,
      show: value => value.toFixed(2),
      when: ({ start }) => start === "own",
    },
    {
      name: "sigma_b",
      label: "\u03c3b",
      min: BIASES[0],
      max: BIASES[1],
      step: 0.05,
      value: 0.3,
      show: value => value.toFixed(2),
      when: ({ start }) => start === "own" || start === "edge",
    },
    {
      name: "length",
      label: "First length",
      min: 0,
      max: LONGEST,
      step: 0.25,
      value: 7,
      show: value => value.toFixed(2),
    },
    {
      name: "correlation",
      label: "First correlation",
      min: -0.95,
      max: 0.95,
      step: 0.05,
      value: 0.7,
      show: value => said(value, 2),
    },
    { name: "layer", label: "Layers", min: 0, max: LAYERS, value: LAYERS, view: true, play: true },
  ],

  compute(settings) {
    const { w, b } = place(settings)
    const rest = settled(tanh, w, b) ?? 0 // tanh has one, whatever the weights
    const q = [settings.length]
    const c = [settings.correlation]
    const map = correlations(w, b, Math.max(rest, FAINT))
    for (let l = 0; l < LAYERS; l++) {
      q.push(w * w * size(tanh, q[l]) + b * b)
      c.push(Math.min(1, Math.max(-1, map.at(c[l]))))
    }
    const chi = w * w * slopes(tanh, rest)
    let meet = 1
    if (chi > 1 + 1e-9) {
      let [low, high] = [0, 1 - 1e-7]
      for (let turn = 0; turn < 40; turn++) {
        meet = (low + high) / 2
        if (map.at(meet) > meet + 1e-15) low = meet
        else high = meet
      }
      meet = high < 1e-9 ? 0 : (low + high) / 2
    }
    return { w, b, q, c, rest, meet, chi, rate: meet === 1 ? chi : map.slope(meet), edge: critical(b), map }
  },

  height: width => (width < 520 ? 500 : 300),

  draw(state, settings, { width, height }) {
    const { w, b, q, c, map } = state
    const { layer } = settings
    const phone = width < 520
    const plane = planeOf({ width, height })
    const { left, width: wide } = plane
    const gap = phone ? 36 : GAP
    const half = phone ? (width - left - gap - 10) / 2 : wide
    const top = phone ? 282 : 24
    const first = {
      left: phone ? left : left + wide + gap,
      top,
      width: half,
      height: phone ? height - 324 : plane.height,
    }
    const second = { ...first, left: first.left + half + gap }
    const { lengths } = drawnOnce()
    const from = settings.correlation < 0 ? -1 : 0
    const points = Array.from({ length: 81 }, (_, i) => i / 80)
    return [
      ...phases(state, plane),
      ...staircase({
        box: first,
        range: [0, LONGEST],
        ticks: [0, 4, 8],
        name: "length",
        curve: points.map((t, i) => [t * LONGEST, w * w * lengths[i] + b * b]),
        values: q.slice(0, layer + 1),
      }),
      ...staircase({
        box: second,
        range: [from, 1],
        ticks: from ? [-1, 0, 1] : [0, 0.5, 1],
        name: "correlation",
        curve: points.map(t => from + (1 - from) * t).map(t => [t, map.at(t)]),
        values: c.slice(0, layer + 1),
      }),
    ]
  },

  pick(_, { x, y }, size) {
    const { left, top, width, height } = planeOf(size)
    const [across, up] = [(x - left) / width, (top + height - y) / height]
    if (across < 0 || across > 1 || up < 0 || up > 1) return
    return {
      start: "own",
      sigma_w: WEIGHTS[0] + across * (WEIGHTS[1] - WEIGHTS[0]),
      sigma_b: BIASES[0] + up * (BIASES[1] - BIASES[0]),
    }
  },

  says({ w, b, q, c, rest, meet, chi, rate }, { layer }) {
    const kind = near(chi) ? "the edge" : chi < 1 ? "order" : "chaos"
    const start = `At \u03c3w = ${said(w, 2)} and \u03c3b = ${said(b, 2)}, \u03c7\u2081 is ${said(chi, Math.abs(chi - 1) < 0.02 ? 3 : 2)}: ${kind}`
    const layers = `${layer} layer${layer === 1 ? "" : "s"}`
    const way = `After ${layers} a length of ${number(q[0])} is ${number(q[layer])}, and a correlation of ${number(c[0])} is ${number(c[layer])}`
    if (rest < 1e-9)
      return `${start}. ${way}. Without biases the length fades to 0, where tanh is a straight line and angles stay.`
    const goal = `They come to rest at ${number(rest)} and ${number(meet)}`
    const scale = -1 / Math.log(rate)
    const pace = near(rate)
      ? ""
      : `; the correlation comes nearer by a factor e in ${said(scale, scale < 9.95 ? 1 : 0)} layers`
    return `${start}. ${way}. ${goal}${pace}.`
  },

  code: ({ start, sigma_w, sigma_b, length, correlation, layer }) => `import shallownet as sn
from shallownet.meanfield import c_map, c_star, chi, critical_sigma_w, q_map, q_star

tanh = sn.activations.tanh
${
  start === "edge"
    ? `sigma_b = ${sigma_b}\nsigma_w = critical_sigma_w(tanh, sigma_b)`
    : `sigma_w, sigma_b = ${PLACES[start]?.code ?? `${sigma_w}, ${sigma_b}`}`
}

q, c = [${length}], [${correlation}]
for _ in range(${layer}):
    q.append(q_map(tanh, sigma_w, sigma_b, q[-1]))
    c.append(c_map(tanh, sigma_w, sigma_b, c[-1]))

rest = q_star(tanh, sigma_w, sigma_b)
meet = c_star(tanh, sigma_w, sigma_b)
chi_1 = chi(tanh, sigma_w, sigma_b)  # above 1: chaos
rate = chi(tanh, sigma_w, sigma_b, meet)  # by which the correlation comes nearer in a layer
edge = critical_sigma_w(tanh, sigma_b)
print(round(q[-1], 3), round(c[-1], 3), round(rest, 3), round(meet, 3), round(chi_1, 3))
`,

  numbers: ({ q, c, rest, meet, chi, rate, edge }, { layer }) => ({
    q: q.slice(0, layer + 1),
    c: c.slice(0, layer + 1),
    rest,
    meet,
    chi_1: chi,
    rate,
    edge,
  }),
}

export default explorable

// The plane of all starts, and where this one lies.
/** @type {(state: Numbers, box: Box) => SVGElement[]} */
const phases = ({ w, b, chi }, box) => {
  const { node, x, y } = axes({
    box,
    x: WEIGHTS,
    y: BIASES,
    xticks: [1, 2],
    yticks: [0, 0.4, 0.8],
    xlabel: "\u03c3w",
    ylabel: "\u03c3b",
  })
  const inside = drawnOnce().line.filter(([, biases]) => biases < 0.8)
  const xs = [...inside.map(([weights]) => x(weights)), x(critical(0.8))]
  const ys = [...inside.map(([, biases]) => y(biases)), y(0.8)]
  const line = path(xs, ys)
  const [right, bottom] = [box.left + box.width, box.top + box.height]
  const here = { cx: x(w).toFixed(1), cy: y(b).toFixed(1) }
  const colour = near(chi) ? "var(--c2)" : chi < 1 ? "var(--c0)" : "var(--c1)"
  /** @type {(fill: string, d: string) => SVGElement} */
  const shade = (fill, d) => svg("path", { d: `${line}${d}z`, fill, opacity: 0.16, style: "cursor: crosshair" })
  return [
    shade("var(--c0)", `L${box.left} ${box.top}V${bottom}`),
    shade("var(--c1)", `L${right} ${box.top}V${bottom}`),
    node,
    svg("path", { d: line, fill: "none", stroke: "currentColor", "stroke-width": 2 }),
    text(box.left + 8, box.top + 18, "order"),
    text(right - 8, box.top + 18, "chaos", { "text-anchor": "end" }),
    ...Object.values(PLACES).flatMap(({ w, b, short }) => [
      svg("circle", { cx: x(w).toFixed(1), cy: y(b).toFixed(1), r: 3, fill: "var(--paper)", stroke: "currentColor" }),
      // Upright, since they stand close to one another.
      svg("text", { transform: `translate(${(x(w) + 4).toFixed(1)} ${(y(b) - 9).toFixed(1)}) rotate(-90)` }, short),
    ]),
    svg("circle", { ...here, r: 6.5, fill: colour, stroke: "var(--paper)", "stroke-width": 2 }),
    text(right - 8, bottom - 10, `\u03c7\u2081 = ${said(chi, 2)}`, { "text-anchor": "end", class: "halo" }),
  ]
}

// Up to the curve, across to the diagonal, and so on: as many layers as are shown.
/**
 * @typedef {{ box: Box, range: [number, number], ticks: number[], name: string, curve: number[][], values: number[] }} Staircase
 * @type {(staircase: Staircase) => SVGElement[]}
 */
const staircase = ({ box, range, ticks, name, curve, values }) => {
  const { node, x, y } = axes({
    box,
    x: range,
    y: range,
    xticks: ticks,
    yticks: ticks,
    xlabel: name,
    ylabel: `next ${name}`,
  })
  const inside = curve.filter(([, value]) => value <= range[1] * 1.0001 && value >= range[0])
  const stairs = values.flatMap((value, l) => (l ? [value, value] : [value]))
  const xs = stairs.map(value => x(value)).slice(0, -1)
  const ys = stairs.map(value => y(value)).slice(1)
  const start = values[0]
  const end = values[values.length - 1]
  return [
    node,
    svg("path", { d: `M${x(range[0])} ${y(range[0])}L${x(range[1])} ${y(range[1])}`, stroke: "var(--gray)" }),
    svg("path", {
      d: path(
        inside.map(([value]) => x(value)),
        inside.map(([, value]) => y(value)),
      ),
      fill: "none",
      stroke: "currentColor",
      "stroke-width": 2.5,
    }),
    svg("path", {
      d: `M${x(start).toFixed(1)} ${y(start).toFixed(1)}${xs.map((at, i) => `L${at.toFixed(1)} ${ys[i].toFixed(1)}`).join("")}`,
      fill: "none",
      stroke: "var(--c1)",
      "stroke-width": 1.6,
    }),
    svg("circle", {
      cx: x(start).toFixed(1),
      cy: y(start).toFixed(1),
      r: 4,
      fill: "var(--paper)",
      stroke: "var(--c1)",
      "stroke-width": 2,
    }),
    svg("circle", { cx: x(end).toFixed(1), cy: y(end).toFixed(1), r: 4.5, fill: "var(--c1)" }),
  ]
}
