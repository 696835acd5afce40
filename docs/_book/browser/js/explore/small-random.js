// Chapter 2: what a start of another scale does to the loss, and how long a small one waits.

import { axes, path, said, svg, text } from "./_draw.js"
import { train } from "./_network.js"
import { generator } from "./_random.js"

/** @import { Explorable } from "../types" */
/** @typedef {{ scale: number, seed: number }} Settings */
/** @typedef {{ runs: Float64Array[], middle: number[], wait: number, others: number[][] }} Numbers */

const STEPS = 100
const NETWORKS = 9
const DECADES = [-4, -3, -2, -1, 0, 1]

// The sixty points of the chapter, and whether each is above the V.
const x = generator(2).normals(120)
const data = { x, y: Array.from({ length: 60 }, (_, j) => (x[60 + j] > Math.abs(x[j]) - 1 ? 1 : 0)) }

/** @type {(values: number[]) => number} */
const median = values => Float64Array.from(values).sort()[(values.length - 1) / 2]

// The losses of nine networks, and their median, step by step.
/** @type {(exponent: number, seed: number) => Omit<Numbers, "others">} */
const trained = (exponent, seed) => {
  // As init_params draws an ensemble: all of W1, then all of W2.
  const draws = generator(seed)
    .normals(6 * NETWORKS)
    .map(z => z * 10 ** exponent)
  const runs = Array.from({ length: NETWORKS }, (_, k) => {
    const v = draws.slice(4 * NETWORKS + 2 * k, 4 * NETWORKS + 2 * k + 2)
    return train({ w: draws.slice(4 * k, 4 * k + 4), v }, data, STEPS, 1).losses
  })
  const middle = Array.from({ length: STEPS + 1 }, (_, t) => median(runs.map(losses => losses[t])))
  return {
    runs,
    middle,
    wait: Math.max(
      middle.findIndex(loss => loss < 0.5),
      0,
    ),
  }
}

/** @type {(exponent: number) => number} */
const amount = exponent => +(10 ** exponent).toPrecision(2)

// The curves of the powers of ten stand behind the reader's: they change with the seed only.
/** @type {{ seed: number | undefined, curves: number[][] }} */
let others = { seed: undefined, curves: [] }

/** @type {Explorable<Settings, Numbers>} */
const explorable = {
  title: "The loss of nine networks while they train",
  controls: [
    { name: "scale", label: "Scale", min: -4, max: 1, step: 0.25, value: -2, show: exponent => `${amount(exponent)}` },
    { name: "seed", label: "Seed", min: 0, max: 99, value: 0 },
  ],

  compute({ scale, seed }) {
    if (others.seed !== seed) others = { seed, curves: DECADES.map(exponent => trained(exponent, seed).middle) }
    return { ...trained(scale, seed), others: others.curves }
  },

  height: width => Math.min(Math.max(0.6 * width, 300), 420),

  draw({ runs, middle, wait, others }, _settings, { width, height }) {
    const top = 1
    const { node, x, y } = axes({
      box: { left: 34, top: 48, width: width - 50, height: height - 90 },
      x: [0, STEPS],
      y: [0, top],
      xticks: [0, 20, 40, 60, 80, 100],
      yticks: [0, 0.5, 1],
      xlabel: "step",
      ylabel: "loss",
    })
    const steps = Array.from({ length: STEPS + 1 }, (_, t) => x(t))
    // Losses of a start that is far too large begin far above the picture.
    /** @type {(losses: ArrayLike<number>, look: Record<string, string | number>) => SVGElement} */
    const curve = (losses, look) =>
      svg("path", {
        d: path(
          steps,
          Array.from(losses, loss => (loss > top ? NaN : y(loss))),
        ),
        fill: "none",
        ...look,
      })
    const parts = [node]
    for (const losses of others) parts.push(curve(losses, { stroke: "var(--gray)", "stroke-dasharray": "3 3" }))
    for (const losses of runs) parts.push(curve(losses, { stroke: "var(--c0)", "stroke-width": 0.8, opacity: 0.55 }))
    parts.push(curve(middle, { stroke: "var(--c0)", "stroke-width": 3 }))
    if (wait) {
      parts.push(
        svg("path", { d: `M${x(wait).toFixed(1)} ${y(0)}V${y(0.5)}`, stroke: "var(--c1)", "stroke-width": 1.5 }),
      )
      parts.push(svg("circle", { cx: x(wait).toFixed(1), cy: y(middle[wait]).toFixed(1), r: 5, fill: "var(--c1)" }))
      parts.push(text(x(wait) + 9, y(0.5) - 2, `${wait} steps`, { class: "halo" }))
    }
    const legend = ["thick: median, thin: each network", "dashed: medians at 10\u207b\u2074, 10\u207b\u00b3 \u2026 10"]
    parts.push(...legend.map((string, at) => text(x(STEPS), 14 + 18 * at, string, { "text-anchor": "end" })))
    return parts
  },

  says({ middle, wait }, { scale }) {
    const start = `Weights of scale ${amount(scale)}: the median loss starts at ${said(middle[0], 2)}`
    const fall = wait ? `needs ${wait} steps to fall below 0.5` : "does not fall below 0.5"
    return `${start}, ${fall}, and is ${said(middle[STEPS], 2)} after ${STEPS}.`
  },

  code: ({ scale, seed }) => `from functools import partial

import numpy as np
import shallownet as sn

X = np.random.default_rng(2).standard_normal((2, 60))
Y = (X[1:] > np.abs(X[:1]) - 1).astype(float)
scaled = partial(sn.initializers.normal, std=10.0 ** ${scale})
start = sn.init_params([2, 2, 1], scaled, np.random.default_rng(${seed}), ensemble=(${NETWORKS},))
losses = sn.train(start, X, Y, steps=${STEPS}, lr=1.0).history["loss"]

median = np.median(losses, axis=1)
wait = int((median < 0.5).argmax())  # the first step below one half
print(wait, median[[0, 10, 20, 40, ${STEPS}]].round(3).tolist())
`,

  numbers({ runs, middle, wait }) {
    const losses = Array.from({ length: STEPS + 1 }, (_, t) => runs.map(run => run[t]))
    return { losses, median: middle, wait }
  },
}

export default explorable
