// The first page: one draw of the weights, four sizes of it, and what four units make of each.

import { axes, path, svg, text } from "./_draw.js"
import { train } from "./_network.js"
import { generator } from "./_random.js"

/** @import { Explorable } from "../types" */
/** @import { Data, Network, Trained } from "./_network.js" */
/** @typedef {{ start: string, seed: number, step: number }} Settings */
/** @typedef {Record<string, Trained>} Numbers */

const STEPS = 600
const LIMIT = 1.25 // of the plane, to each side
const ACROSS = 60 // places in a row, between which the border is drawn straight
const SURE = 2 // the logit from which on the shade is darker: nearly nine in ten

/** @type {Record<string, { label: string, sizes: [number, number], code: string }>} */
const STARTS = {
  zero: { label: "zero", sizes: [0, 0], code: "sn.initializers.zeros" },
  tiny: { label: "tiny", sizes: [0.01, 0.01], code: "partial(sn.initializers.normal, std=0.01)" },
  good: { label: "good", sizes: [0.5 ** 0.5, 0.5], code: "sn.initializers.lecun" },
  huge: { label: "huge", sizes: [10, 10], code: "partial(sn.initializers.normal, std=10.0)" },
}

// sn.datasets.circles(60, np.random.default_rng(0)).
/** @type {(m: number) => Data} */
const circles = m => {
  const rng = generator(0)
  const y = rng.permutation(Array.from({ length: m }, (_, j) => j % 2))
  const t = rng.randoms(m).map(u => 2 * Math.PI * u)
  const noise = rng.normals(2 * m)
  /** @type {(at: number) => number} */
  const radius = at => (y[at] ? 0.5 : 1)
  const x = noise.map((z, at) => radius(at % m) * (at < m ? Math.cos(t[at]) : Math.sin(t[at - m])) + 0.1 * z)
  return { x, y }
}

const data = circles(60)

/** @type {(seed: number, sizes: [number, number]) => Network} */
const drawn = (seed, [inner, outer]) => {
  const rng = generator(seed)
  return { w: rng.normals(8).map(z => inner * z), v: rng.normals(4).map(z => outer * z) }
}

/** @type {(run: Trained, step: number) => (x: number, y: number) => number} */
const logit = ({ path, rest }, step) => {
  const [w, r] = [path[step], rest[step]]
  return (x, y) => {
    let z = r[8]
    for (let i = 0; i < 4; i++) z += r[4 + i] * Math.tanh(w[2 * i] * x + w[2 * i + 1] * y + r[i])
    return z
  }
}

// Where values along a row lie above a level: pairs of places, between two of them by a straight line.
/** @type {(values: Float64Array, level: number) => [number, number][]} */
const runs = (values, level) => {
  /** @type {[number, number][]} */
  const found = []
  let from = values[0] > level ? 0 : -1
  for (let k = 1; k < values.length; k++) {
    if (values[k - 1] > level === values[k] > level) continue
    const at = k - 1 + (level - values[k - 1]) / (values[k] - values[k - 1])
    if (values[k] > level) from = at
    else found.push([from, at])
  }
  if (values[values.length - 1] > level) found.push([from, values.length - 1])
  return found
}

// The line on which a unit's sum is zero, cut to the plane: two points, or none for a unit without weights.
/** @type {(w0: number, w1: number, b: number) => [number, number][]} */
const line = (w0, w1, b) => {
  const size = Math.hypot(w0, w1)
  if (!size) return []
  const [nx, ny, off] = [w0 / size, w1 / size, -b / size]
  /** @type {[number, number][]} */
  const ends = []
  for (const edge of [-LIMIT, LIMIT]) {
    const [y, x] = [(off - nx * edge) / ny, (off - ny * edge) / nx]
    if (Math.abs(y) <= LIMIT) ends.push([edge, y])
    if (Math.abs(x) < LIMIT) ends.push([x, edge])
  }
  return ends.slice(0, 2)
}

/** @type {(run: Trained, step: number) => number} */
const right = (run, step) => {
  const z = logit(run, step)
  return Array.from(data.y).filter((y, j) => z(data.x[j], data.x[60 + j]) > 0 === y > 0).length
}

/** @type {Explorable<Settings, Numbers>} */
const explorable = {
  title: "Four units learn to fence in a cluster, and the loss from four starts",
  controls: [
    {
      name: "start",
      label: "Start",
      options: Object.fromEntries(Object.entries(STARTS).map(([name, { label }]) => [name, label])),
      value: "good",
      side: true,
    },
    { name: "seed", label: "Draw", min: 0, max: 99, value: 21 },
    { name: "step", label: "Step", min: 0, max: STEPS, step: 5, value: STEPS, view: true, play: true },
  ],

  compute: ({ seed }) =>
    Object.fromEntries(
      Object.entries(STARTS).map(([name, { sizes }]) => [name, train(drawn(seed, sizes), data, STEPS, 2)]),
    ),

  height: width => Math.min(Math.max(0.46 * width, 190), 320),

  draw(found, { start, step }, { width, height }) {
    const side = Math.min(height - 28, width * 0.48)
    const [left, top] = [1, 4]
    const plane = axes({
      box: { left, top, width: side, height: side },
      x: [-LIMIT, LIMIT],
      y: [-LIMIT, LIMIT],
      xticks: [],
      yticks: [],
    })
    const from = left + side + 34
    const loss = axes({
      box: { left: from, top: 22, width: width - from - 42, height: side - 18 },
      x: [0, STEPS],
      y: [0, 1],
      xticks: width < 480 ? [0, STEPS] : [0, STEPS / 2, STEPS],
      yticks: [0, 0.5, 1],
      ylabel: "loss",
    })
    const run = found[start]
    /** @type {SVGElement[]} */
    const parts = []

    const z = logit(run, step)
    /** @type {[string, number, number][]} */
    const shades = [
      ["var(--c1)", 1, 1e-9],
      ["var(--c1)", 1, SURE],
      ["var(--c0)", -1, 1e-9],
      ["var(--c0)", -1, SURE],
    ]
    const areas = shades.map(() => "")
    const rows = Math.round(side / 2)
    const [cell, high] = [side / ACROSS, side / rows]
    for (let row = 0; row < rows; row++) {
      const y = LIMIT - ((row + 0.5) / rows) * 2 * LIMIT
      const values = Float64Array.from({ length: ACROSS + 1 }, (_, k) => z(-LIMIT + (k / ACROSS) * 2 * LIMIT, y))
      for (const [at, [, sign, level]] of shades.entries())
        for (const [a, b] of runs(
          values.map(value => sign * value),
          level,
        ))
          areas[at] +=
            `M${(left + a * cell).toFixed(1)} ${(top + row * high).toFixed(1)}h${((b - a) * cell).toFixed(1)}v${high.toFixed(2)}h${((a - b) * cell).toFixed(1)}z`
    }
    for (const [at, [fill]] of shades.entries()) parts.push(svg("path", { d: areas[at], fill, opacity: 0.22 }))
    parts.push(plane.node, loss.node)

    for (let j = 0; j < 60; j++) {
      const [x, y] = [plane.x(data.x[j]), plane.y(data.x[60 + j])]
      // Two shapes, for whom two colours are one.
      const look = { fill: data.y[j] ? "var(--c1)" : "var(--c0)" }
      if (!data.y[j]) parts.push(svg("circle", { cx: x.toFixed(1), cy: y.toFixed(1), r: 3, ...look }))
      else
        parts.push(svg("rect", { x: (x - 2.6).toFixed(1), y: (y - 2.6).toFixed(1), width: 5.2, height: 5.2, ...look }))
    }
    const [w, rest] = [run.path[step], run.rest[step]]
    for (let i = 0; i < 4; i++) {
      const ends = line(w[2 * i], w[2 * i + 1], rest[i])
      const d = path(
        ends.map(([x]) => plane.x(x)),
        ends.map(([, y]) => plane.y(y)),
      )
      if (ends.length) parts.push(svg("path", { d, stroke: "currentColor", "stroke-width": 1.8, fill: "none" }))
    }
    if (start === "zero")
      parts.push(
        text(left + side / 2, top + side - 8, "no unit has a line", { class: "halo", "text-anchor": "middle" }),
      )

    // The chosen curve last, above the others; labels at the ends, none on another.
    const ts = Array.from({ length: step + 1 }, (_, t) => loss.x(t))
    const names = Object.keys(STARTS).filter(name => name !== start)
    for (const name of [...names, start]) {
      const chosen = name === start
      const ys = Array.from(found[name].losses.slice(0, step + 1), value => (value > 1 ? NaN : loss.y(value)))
      const look = chosen
        ? { stroke: "var(--c3)", "stroke-width": 2.6 }
        : { stroke: "var(--gray)", "stroke-width": 1.4 }
      parts.push(svg("path", { d: path(ts, ys), fill: "none", ...look }))
    }
    const ends = Object.keys(STARTS)
      .map(name => ({ name, y: loss.y(Math.min(found[name].losses[step], 1)) + 4 }))
      .sort((a, b) => a.y - b.y)
    for (let k = 1; k < ends.length; k++) ends[k].y = Math.max(ends[k].y, ends[k - 1].y + 14)
    const over = Math.max(0, (ends.at(-1)?.y ?? 0) - (top + side + 4))
    for (let k = ends.length - 1; k >= 0; k--) {
      ends[k].y = Math.min(
        ends[k].y - (k === ends.length - 1 ? over : 0),
        k < ends.length - 1 ? ends[k + 1].y - 14 : ends[k].y,
      )
      const chosen = ends[k].name === start
      const look = { class: "halo", ...(chosen ? { style: "fill: var(--c3); font-weight: 600" } : {}) }
      parts.push(text(loss.x(step) + 5, ends[k].y, STARTS[ends[k].name].label, look))
    }
    parts.push(text(loss.x(STEPS / 2), top + side + 21, width < 480 ? "step" : "", { "text-anchor": "middle" }))
    return parts
  },

  says(found, { start, step }) {
    const last = Object.keys(STARTS)
      .filter(name => name !== start)
      .map(name => `${STARTS[name].label} ${found[name].losses[step].toFixed(2)}`)
    const run = found[start]
    const hits = `${right(run, step)} of 60 points are on the right side`
    const own = `the ${STARTS[start].label} start has a loss of ${run.losses[step].toFixed(2)}`
    return `After ${step} steps ${own}, and ${start === "zero" ? "each unit is still zero" : hits}. The others: ${last.join(", ")}.`
  },

  code: ({ start, seed, step }) => `from functools import partial

import numpy as np
import shallownet as sn

X, Y = sn.datasets.circles(60, np.random.default_rng(0))
starts = {
${Object.entries(STARTS)
  .map(([name, { code }]) => `    "${name}": ${code},`)
  .join("\n")}
}
keep, runs = {"W1": lambda params, trace: params[0].W}, {}
for name, start in starts.items():
    params = sn.init_params([2, 4, 1], start, np.random.default_rng(${seed}))
    runs[name] = sn.train(params, X, Y, steps=${step}, lr=2.0, record=keep)

(W1, b1), (W2, b2) = runs["${start}"].params  # a unit's line is where W1 @ x + b1 is 0
losses = [run.history["loss"][::50] for run in runs.values()]  # every 50 steps
print(dict(zip(starts, np.array(losses)[:, -1].round(3).tolist())))
`,

  numbers(found, { start, step }) {
    const [w, rest] = [found[start].path[step], found[start].rest[step]]
    return {
      W1: [0, 1, 2, 3].map(i => [w[2 * i], w[2 * i + 1]]),
      b1: [0, 1, 2, 3].map(i => [rest[i]]),
      W2: [[...rest.slice(4, 8)]],
      b2: [[rest[8]]],
      losses: Object.keys(STARTS).map(name =>
        Array.from(found[name].losses.slice(0, step + 1)).filter((_, t) => t % 50 === 0),
      ),
    }
  },
}

export default explorable
