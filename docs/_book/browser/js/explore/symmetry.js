// Chapter 1: where the incoming weights of four units go, from starts that tell the units apart and starts that do not.

import { axes, path, svg, text } from "./_draw.js"
import { train } from "./_network.js"
import { generator } from "./_random.js"

/** @import { Explorable } from "../types" */
/** @import { Data, Network } from "./_network.js" */
/** @typedef {{ start: string, seed: number, step: number }} Settings */
/** @typedef {{ losses: Float64Array, path: Float64Array[], limit: number }} Numbers */

const STEPS = 1000
const COLOURS = ["var(--c0)", "var(--c1)", "var(--c2)", "var(--c3)"]

// sn.datasets.xor(100, np.random.default_rng(0)), the data of the chapter.
/** @type {(m: number) => Data} */
const xor = m => {
  const rng = generator(0)
  const y = rng.permutation(Array.from({ length: m }, (_, j) => j % 2))
  const size = rng.randoms(2 * m).map(u => 1 - u)
  const sign = rng.randoms(m).map(u => (u < 0.5 ? -1 : 1))
  return { x: size.map((s, at) => s * (at < m || !y[at - m] ? sign[at % m] : -sign[at % m])), y }
}

/** @type {(seed: number) => Network} */
const drawn = seed => {
  const rng = generator(seed)
  return { w: rng.normals(8), v: rng.normals(4) }
}

/** @type {Record<string, { net(settings: Settings): Network, code: string | ((seed: number) => string) }>} */
const STARTS = {
  zero: {
    net: () => ({ w: Array(8).fill(0), v: Array(4).fill(0) }),
    code: "W1, W2 = np.zeros((4, 2)), np.zeros((1, 4))\n",
  },
  constant: {
    net: () => ({ w: Array(8).fill(0.5), v: Array(4).fill(0.5) }),
    code: "W1, W2 = np.full((4, 2), 0.5), np.full((1, 4), 0.5)\n",
  },
  nudged: {
    net: () => ({ w: [0.5 + 0.1, ...Array(7).fill(0.5)], v: Array(4).fill(0.5) }),
    code: "W1, W2 = np.full((4, 2), 0.5), np.full((1, 4), 0.5)\nW1[0, 0] += 0.1\n",
  },
  random: {
    net: ({ seed }) => drawn(seed),
    code: seed =>
      `rng = np.random.default_rng(${seed})\nW1, W2 = rng.standard_normal((4, 2)), rng.standard_normal((1, 4))\n`,
  },
}

// Which units stand at one point, up to rounding: lists of numbers from 1.
/** @type {(w: Float64Array) => number[][]} */
const together = w => {
  /** @type {number[][]} */
  const groups = []
  for (let i = 0; i < 4; i++) {
    const same = groups.find(([k]) => Math.hypot(w[2 * i] - w[2 * k - 2], w[2 * i + 1] - w[2 * k - 1]) < 1e-6)
    if (same) same.push(i + 1)
    else groups.push([i + 1])
  }
  return groups
}

/** @type {(w: Float64Array) => number[][]} */
const rows = w => [0, 1, 2, 3].map(i => [w[2 * i], w[2 * i + 1]])

const data = xor(100)

/** @type {Explorable<Settings, Numbers>} */
const explorable = {
  title: "The weights of four units while they train, and the loss",
  controls: [
    {
      name: "start",
      label: "Start",
      options: { zero: "all zero", constant: "all one half", nudged: "one weight nudged", random: "random" },
      value: "nudged",
    },
    { name: "seed", label: "Seed", min: 0, max: 99, value: 0, when: ({ start }) => start === "random" },
    { name: "step", label: "Step", min: 0, max: STEPS, step: 10, value: STEPS, view: true, play: true },
  ],

  compute(settings) {
    const run = train(STARTS[settings.start].net(settings), data, STEPS, 0.5)
    const largest = Math.max(...run.path.map(w => Math.max(...w.map(Math.abs))))
    return { ...run, limit: Math.max(1, Math.ceil(largest + 0.2)) }
  },

  height: width => (width < 480 ? width + 175 : Math.min(0.56 * width, 400)),

  draw({ losses, path: weights, limit }, { step }, { width, height }) {
    const stacked = width < 480
    const left = 34
    const side = stacked ? width - left - 8 : height - 66
    const plane = axes({
      box: { left, top: 24, width: side, height: side },
      x: [-limit, limit],
      y: [-limit, limit],
      xticks: [-limit, 0, limit],
      yticks: [-limit, 0, limit],
      xlabel: "weight of input 1",
      ylabel: "weight of input 2",
    })
    const lossBox = stacked
      ? { left, top: side + 88, width: side, height: height - side - 130 }
      : { left: left + side + 58, top: 24, width: width - left - side - 58 - 14, height: side }
    const loss = axes({
      box: lossBox,
      x: [0, STEPS],
      y: [0, 1],
      xticks: [0, STEPS / 2, STEPS],
      yticks: [0, 0.5, 1],
      xlabel: "step",
      ylabel: "loss",
    })
    const parts = [plane.node, loss.node]
    const zero = `M${plane.x(-limit)} ${plane.y(0)}H${plane.x(limit)}M${plane.x(0)} ${plane.y(-limit)}V${plane.y(limit)}`
    parts.push(svg("path", { d: zero, stroke: "var(--grid)", "stroke-width": 0.5, "stroke-dasharray": "2 4" }))
    const shown = weights.slice(0, step + 1)
    // Wide lines first: equal paths show as stripes, equal points as rings.
    for (let unit = 0; unit < 4; unit++) {
      const xs = shown.map(w => plane.x(w[2 * unit]))
      const ys = shown.map(w => plane.y(w[2 * unit + 1]))
      const line = { d: path(xs, ys), fill: "none", stroke: COLOURS[unit], "stroke-width": 8 - 2 * unit }
      parts.push(svg("path", { ...line, "stroke-linecap": "round", "stroke-linejoin": "round" }))
    }
    for (let unit = 0; unit < 4; unit++) {
      const [x, y] = [weights[step][2 * unit], weights[step][2 * unit + 1]]
      parts.push(svg("circle", { cx: plane.x(x), cy: plane.y(y), r: 10 - 2 * unit, fill: COLOURS[unit] }))
    }
    for (const group of together(weights[step])) {
      const unit = group[0] - 1
      const [from, to] = [weights[0], weights[step]].map(w => [plane.x(w[2 * unit]), plane.y(w[2 * unit + 1])])
      // Beside the way it came, to the right where there is room.
      const way = Math.hypot(to[0] - from[0], to[1] - from[1])
      const aside = way > 1 ? [-(to[1] - from[1]) / way, (to[0] - from[0]) / way] : [1, 0]
      /** @type {(turn: number) => [number, number]} */
      const place = turn => [to[0] + turn * aside[0], to[1] + turn * aside[1] + 5]
      const right = aside[0] < 0 ? -15 : 15
      const [rightX, rightY] = place(right)
      const room =
        rightX < plane.x(limit) - 12 * group.length && rightY > plane.y(limit) + 14 && rightY < plane.y(-limit) - 6
      const turn = room ? right : -right
      const look = { class: "halo", "text-anchor": aside[0] * turn < 0 ? "end" : "start" }
      parts.push(text(...place(turn), group.join(", "), look))
    }
    const ts = Array.from({ length: step + 1 }, (_, t) => loss.x(t))
    const curve = { d: path(ts, Array.from(losses.slice(0, step + 1), loss.y)), fill: "none" }
    parts.push(svg("path", { ...curve, stroke: "currentColor", "stroke-width": 1.8 }))
    parts.push(svg("circle", { cx: loss.x(step), cy: loss.y(losses[step]), r: 4, fill: "currentColor" }))
    return parts
  },

  says({ losses, path }, { step }) {
    const groups = together(path[step])
    const named = groups.map(group =>
      group.length > 1
        ? `units ${group.slice(0, -1).join(", ")} and ${group.at(-1)} together`
        : `unit ${group[0]} alone`,
    )
    const where = {
      1: "all four units stand at one point, tied",
      4: "the four units stand at four different points",
    }[groups.length]
    const sentence = where ?? `the four units stand at ${groups.length} points: ${named.join(", ")}`
    return `After ${step} steps ${sentence}. The loss is ${losses[step].toFixed(2)}.`
  },

  code({ start, seed, step }) {
    const { code } = STARTS[start]
    return `import numpy as np
import shallownet as sn

X, Y = sn.datasets.xor(100, np.random.default_rng(0))
${typeof code === "string" ? code : code(seed)}start = [(W1, np.zeros((4, 1))), (W2, np.zeros((1, 1)))]
keep = {"W1": lambda params, trace: params[0].W}
history = sn.train(start, X, Y, steps=${step}, lr=0.5, record=keep).history

W1, loss = history["W1"][-1], history["loss"][-1]  # the points, the loss
paths, losses = history["W1"][::50], history["loss"][::50]  # every 50 steps
print(W1.round(3).tolist(), round(float(loss), 3))
`
  },

  numbers({ losses, path }, { step }) {
    const every = path.slice(0, step + 1).filter((_, t) => t % 50 === 0)
    return {
      W1: rows(path[step]),
      loss: losses[step],
      paths: every.map(rows),
      losses: Array.from(losses.slice(0, step + 1)).filter((_, t) => t % 50 === 0),
    }
  },
}

export default explorable
