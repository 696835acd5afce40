// Chapter 10: the coordinate check. How far a few steps move each layer, by width, under the standard start and under a rule.

import { axes, path, power, said, size, svg, text } from "./_draw.js"
import { load } from "./_kernel.js"

/** @import { Explorable, Kernel } from "../types" */
/** @import { Box, Scale, Tick } from "./_draw.js" */
/**
 * @typedef {{ width: number, steps: number, rule: string, last: string, optimizer: string, rate: number, activation: string, seed: number }} Settings
 * @typedef {{ changes: number[][], logits: number[] }} Run of one network: the change of each layer's Z and the size of the
 *   logits, after 0, 1, ... steps
 * @typedef {{ standard: Run[], ruled: Run[] }} Numbers a network a width
 */

const WIDTHS = [16, 24, 32, 48, 64, 96, 128, 192, 256]
const STEPS = 8
const [INPUTS, CLASSES, M, BASE] = [64, 10, 8, 32] // M examples, of as many classes
const ROWS = 12 // of the output's arrays: the kernel takes four units at a time
const PAD = 8 // rows below a layer's inputs: one of ones, for the bias, and seven of zeros
const WIDEST = WIDTHS[WIDTHS.length - 1]
const LAYERS = ["input", "hidden", "output"]
const COLOURS = ["var(--c0)", "var(--c1)", "var(--c2)"]

// Of each rule the rates of the three layers, by n / 32 and the optimizer, and the last layer's weights as a share of LeCun's.
/** @type {Record<string, { label: string, name: string, rates(wide: number, optimizer: string): number[], share(wide: number): number, code: (settings: Settings) => string, draws: string }>} */
const RULES = {
  mup: {
    label: "muP",
    name: "muP",
    rates: (wide, optimizer) => (optimizer === "adam" ? [1, 1 / wide, 1 / wide] : [wide, 1, 1 / wide]),
    share: wide => wide ** -0.5,
    code: ({ optimizer }) => `mup_rates([64, n, n, 10], lr, "${optimizer}", base_width=32)`,
    draws: 'partial(mup, role="output", base_width=32)',
  },
  tangent: {
    label: "neural tangent",
    name: "the neural tangent rule",
    rates: wide => [1, 1 / wide, 1 / wide],
    share: () => 1,
    code: () => "[lr, lr * 32 / n, lr * 32 / n]",
    draws: "lecun",
  },
  divided: {
    label: "all rates / n",
    name: "one rate divided by the width",
    rates: wide => [1 / wide, 1 / wide, 1 / wide],
    share: () => 1,
    code: () => "lr * 32 / n",
    draws: "lecun",
  },
}
const standard = { rates: () => [1, 1, 1], share: () => 1 }

/** @type {Kernel} */
let kernel
/** @typedef {{ W: number, G: number, first: number, second: number, A: number, across: number, Z: number, delta: number, rows: number, inputs: number, row: number }} Part */
/** @type {Part[]} */
let parts = [] // addresses of the three layers' arrays, as large as the widest network's
let drawn = { inputs: 0, weights: 0 }
let key = ""

/** @type {(n: number) => number} */
const count = n => INPUTS * n + n * n + CLASSES * n
const before = WIDTHS.map((_, i) => WIDTHS.slice(0, i).reduce((sum, n) => sum + count(n), 0))

// Every width has a generator of its own, and both rules its draws.
/** @type {(seed: number) => void} */
const prepare = seed => {
  if (key === `${seed}`) return
  key = `${seed}`
  kernel.seed(seed)
  kernel.normals(drawn.inputs, INPUTS * M)
  WIDTHS.forEach((n, i) => {
    kernel.seed(seed + n * 2 ** 32)
    kernel.normals(drawn.weights + 8 * before[i], count(n))
  })
}

// The root mean square of a, or of what it differs by from b.
/** @type {(a: Float64Array, b?: Float64Array) => number} */
const rms = (a, b) => {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += (b ? a[i] - b[i] : a[i]) ** 2
  return Math.sqrt(sum / a.length)
}

// Trains the network of one width. Each layer's weights have its bias beside them, in a column of their own.
/** @type {(at: number, settings: Settings, rule: { rates(wide: number, optimizer: string): number[], share: number }) => Run} */
const trained = (at, { optimizer, rate, activation }, rule) => {
  const n = WIDTHS[at]
  const kind = kernel.kind(activation)
  const rates = rule.rates(n / BASE, optimizer).map(factor => 10 ** rate * factor)
  const { values } = kernel
  let from = drawn.weights + 8 * before[at]
  const sizes = [INPUTS, n, n, CLASSES]
  parts.forEach((part, l) => {
    part.inputs = sizes[l]
    part.row = sizes[l] + PAD
    part.rows = l === 2 ? ROWS : n
    const length = part.rows * part.row
    const W = values(part.W, length).fill(0)
    for (const address of [part.first, part.second]) values(address, length).fill(0)
    const scale = sizes[l] ** -0.5 * (l === 2 ? rule.share : 1)
    const draws = values(from, sizes[l] * sizes[l + 1])
    for (let i = 0, k = 0; i < sizes[l + 1]; i++) {
      const begin = i * part.row
      for (let j = begin; j < begin + part.inputs; j++) W[j] = scale * draws[k++]
    }
    from += 8 * draws.length
    // The inputs, above a row of ones.
    const A = values(part.A, part.row * M).fill(0)
    A.fill(1, sizes[l] * M, (sizes[l] + 1) * M)
    if (l === 0) A.set(values(drawn.inputs, INPUTS * M))
  })

  /** @type {(part: Part, l: number) => Float64Array} */
  const Z = (part, l) => values(part.Z, sizes[l + 1] * M)
  const forward = () => {
    parts.forEach((part, l) => {
      kernel.product64(part.W, part.row, 1, part.A, part.Z, part.rows, part.row, M, 1)
      if (l < 2) kernel.activate64(part.Z, parts[l + 1].A, n * M, kind)
    })
    return parts.map(Z)
  }
  const start = forward().map(values => values.slice())
  const run = { changes: [[0, 0, 0]], logits: [rms(start[2])] }
  for (let t = 1; t <= STEPS; t++) {
    softmax(values(parts[2].Z, CLASSES * M), values(parts[2].delta, ROWS * M))
    for (let l = 2; l >= 1; l--) {
      const { W, delta, rows, row } = parts[l]
      kernel.product64(W, 1, row, delta, parts[l - 1].delta, n, rows, M, 1)
      kernel.damp64(parts[l - 1].delta, parts[l].A, n * M, kind)
    }
    parts.forEach((part, l) => {
      const { W, G, A, across, delta, rows, row, first, second } = part
      const [inputs, turned] = [values(A, row * M), values(across, row * M)]
      for (let j = 0; j < row; j++) for (let k = 0; k < M; k++) turned[k * row + j] = inputs[j * M + k]
      kernel.product64(delta, M, 1, across, G, rows, M, row, 1)
      if (optimizer === "adam") kernel.adam(W, G, first, second, rows * row, rates[l], t)
      else {
        const [weights, slopes] = [values(W, rows * row), values(G, rows * row)]
        for (let i = 0; i < weights.length; i++) weights[i] -= rates[l] * slopes[i]
      }
    })
    const now = forward()
    run.changes.push(now.map((values, l) => rms(values, start[l])))
    run.logits.push(rms(now[2]))
  }
  return run
}

// The gradient of the mean cross-entropy in the logits, where example k is of class k.
/** @type {(z: Float64Array, delta: Float64Array) => void} */
const softmax = (z, delta) => {
  for (let k = 0; k < M; k++) {
    let [most, sum] = [-Infinity, 0]
    for (let i = 0; i < CLASSES; i++) most = Math.max(most, z[i * M + k])
    for (let i = 0; i < CLASSES; i++) sum += Math.exp(z[i * M + k] - most)
    for (let i = 0; i < CLASSES; i++) delta[i * M + k] = (Math.exp(z[i * M + k] - most) / sum - (i === k ? 1 : 0)) / M
  }
}

// What was computed last, so that the standard networks stay while the rule changes.
/** @type {Record<string, { asked: string, runs: Run[] }>} */
const kept = {}
/** @type {(name: string, asked: string, make: () => Run[]) => Run[]} */
const once = (name, asked, make) => {
  if (kept[name]?.asked !== asked) kept[name] = { asked, runs: make() }
  return kept[name].runs
}

// How the change grows with the width: the slope of a line through the logarithms; 0 of a layer that has not moved.
/** @type {(runs: Run[], steps: number) => number[]} */
const slopes = (runs, steps) => {
  const xs = WIDTHS.map(Math.log)
  const mean = (/** @type {number[]} */ values) => values.reduce((sum, value) => sum + value, 0) / values.length
  return LAYERS.map((_, l) => {
    const changes = runs.map(({ changes }) => changes[steps][l])
    if (!changes.every(change => change > 0)) return 0
    const ys = changes.map(Math.log)
    const [x, y] = [mean(xs), mean(ys)]
    return mean(xs.map((value, i) => (value - x) * (ys[i] - y))) / mean(xs.map(value => (value - x) ** 2))
  })
}

/** @type {Explorable<Settings, Numbers>} */
const explorable = {
  title: "How far a few steps move each layer, by width",
  controls: [
    {
      name: "width",
      label: "Width",
      min: 0,
      max: WIDTHS.length - 1,
      value: 6,
      view: true,
      show: width => `${WIDTHS[width]}`,
    },
    { name: "steps", label: "Steps", min: 1, max: STEPS, value: 4, view: true, play: true },
    {
      name: "rule",
      label: "Rule",
      options: Object.fromEntries(Object.entries(RULES).map(([name, { label }]) => [name, label])),
      value: "mup",
    },
    {
      name: "last",
      label: "Its output layer",
      options: { zero: "starts at zero", random: "starts random" },
      value: "zero",
    },
    { name: "optimizer", label: "Optimizer", options: { adam: "Adam", sgd: "gradient descent" }, value: "adam" },
    {
      name: "rate",
      label: "Rate",
      min: -4,
      max: -1,
      step: 0.25,
      value: -3,
      show: rate => `${+(10 ** rate).toPrecision(2)}`,
    },
    { name: "activation", label: "Activation", options: { tanh: "tanh", relu: "ReLU" }, value: "tanh" },
    { name: "seed", label: "Seed", min: 0, max: 99, value: 0 },
  ],

  async ready() {
    kernel ??= await load()
    const shapes = [
      [WIDEST, INPUTS + PAD],
      [WIDEST, WIDEST + PAD],
      [ROWS, WIDEST + PAD],
    ]
    const sizes = shapes.flatMap(([rows, row]) => [
      ...Array(4).fill(8 * rows * row),
      ...Array(2).fill(8 * row * M),
      ...Array(2).fill(8 * rows * M),
    ])
    const all = WIDTHS.reduce((sum, n) => sum + count(n), 0)
    const [inputs, weights, ...rest] = kernel.place([8 * INPUTS * M, 8 * all, ...sizes])
    drawn = { inputs, weights }
    parts = shapes.map((_, l) => {
      const [W, G, first, second, A, across, Z, delta] = rest.slice(8 * l, 8 * l + 8)
      kernel.values(delta, shapes[l][0] * M).fill(0)
      return { W, G, first, second, A, across, Z, delta, rows: 0, inputs: 0, row: 0 }
    })
  },

  compute(settings) {
    const { rule, last, optimizer, rate, activation, seed } = settings
    prepare(seed)
    const shared = [optimizer, rate, activation, seed].join()
    /** @type {(chosen: { rates(wide: number, optimizer: string): number[], share(wide: number): number }, zero: boolean) => Run[]} */
    const all = ({ rates, share }, zero) =>
      WIDTHS.map((n, i) => trained(i, settings, { rates, share: zero ? 0 : share(n / BASE) }))
    return {
      standard: once("standard", shared, () => all(standard, false)),
      ruled: once("ruled", [shared, rule, last].join(), () => all(RULES[rule], last === "zero")),
    }
  },

  height: width => (width < 560 ? 560 : 340),

  draw(state, { width: at, steps, rule }, { width, height }) {
    const phone = width < 560
    const left = 44
    const { range, ticks } = decades(state)
    const across = phone ? (width - left - 48) / 2 : (width - left - 36 - 66) / 3
    const first = { left, top: 44, width: across, height: (phone ? 270 : height) - 94 + (phone ? 60 : 0) }
    const second = { ...first, left: left + across + 36 }
    const third = phone
      ? { left, top: first.height + 134, width: width - left - 12, height: height - first.height - 184 }
      : { ...first, left: second.left + across + 56 }
    const scale = { range, ticks }
    return [
      ...lines("standard", state.standard, steps, at, first, scale),
      ...lines(RULES[rule].label, state.ruled, steps, at, second, { range, ticks: [] }),
      text(left, 14, `change of Z in ${steps === 1 ? "one step" : `${steps} steps`}`),
      ...logits(state, rule, steps, at, third),
    ]
  },

  says(state, { width: at, steps, rule }) {
    const n = WIDTHS[at]
    const after = steps === 1 ? "one step" : `${steps} steps`
    const [was, is] = [state.standard, state.ruled].map(runs => runs[at].logits[steps])
    const told = [state.standard, state.ruled].map(runs => slopes(runs, steps).map(slope => said(slope, 1)))
    const [a, b] = told.map(slopes => `${slopes[0]}, ${slopes[1]} and ${slopes[2]}`)
    const still = state.ruled[at].changes[steps].map((change, l) => (change ? "" : LAYERS[l])).filter(Boolean)
    const rest = still.length
      ? ` There the ${still.join(" and ")} layer${still.length > 1 ? "s have" : " has"} not moved.`
      : ""
    return `After ${after} the changes of input, hidden and output layer grow with the width to the powers ${a} under the standard start, and ${b} under ${RULES[rule].name}.${rest} At width ${n} the logits have the sizes ${size(was)} and ${size(is)}.`
  },

  code(settings) {
    const { width, steps, rule, last, optimizer, rate, activation, seed } = settings
    const names = [
      "lecun",
      ...(rule === "mup" ? (last === "zero" ? ["mup_rates"] : ["mup", "mup_rates"]) : []),
      ...(last === "zero" ? ["zeros"] : []),
    ]
    const output = last === "zero" ? "zeros" : RULES[rule].draws
    return `${output.startsWith("partial") ? "from functools import partial\n\n" : ""}import numpy as np
import shallownet as sn
from shallownet.diagnostics import coordinate_change, rms
from shallownet.initializers import ${names.join(", ")}

seed, steps, lr, g = ${seed}, ${steps}, 10 ** ${rate}, sn.activations.${activation}
widths = [${WIDTHS.join(", ")}]
X = np.random.default_rng(seed).standard_normal((64, 8))
Y = np.eye(10)[:, :8]  # eight examples of eight classes


def moved(n, draws, rates):
    """Train width n: how far each layer's Z moves, and the logits' size by step."""
    rng = np.random.default_rng([seed, n])
    params = sn.init_params([64, n, n, 10], draws, rng)
    settings = {"steps": steps, "lr": rates, "activation": g, "optimizer": "${optimizer}"}
    run = sn.train(
        params, X, Y, loss=sn.losses.softmax_cross_entropy,
        record={"logits": lambda params, trace: rms(trace.A[-1])}, **settings,
    )
    change = coordinate_change(sn.forward(params, X, g), sn.forward(run.params, X, g))
    return change.tolist(), run.history["logits"].tolist()


def slopes(runs):
    changes = np.array([change for change, _ in runs])
    logs = np.log(np.where(changes > 0, changes, 1))
    return np.where((changes > 0).all(axis=0), np.polyfit(np.log(widths), logs, 1)[0], 0).tolist()


standard = [moved(n, lecun, lr) for n in widths]
draws = [lecun, lecun, ${output}]
ruled = [moved(n, draws, ${RULES[rule].code(settings)}) for n in widths]

standard_changes, ruled_changes = ([change for change, _ in runs] for runs in (standard, ruled))
standard_slopes, ruled_slopes = slopes(standard), slopes(ruled)
standard_logits, ruled_logits = (runs[widths.index(${WIDTHS[width]})][1] for runs in (standard, ruled))
print(standard_slopes, ruled_slopes)
`
  },

  numbers({ standard, ruled }, { width, steps }) {
    const changes = (/** @type {Run} */ run) => run.changes[steps]
    const logits = (/** @type {Run} */ run) => run.logits.slice(0, steps + 1)
    return {
      standard_changes: standard.map(changes),
      ruled_changes: ruled.map(changes),
      standard_slopes: slopes(standard, steps),
      ruled_slopes: slopes(ruled, steps),
      standard_logits: logits(standard[width]),
      ruled_logits: logits(ruled[width]),
    }
  },
}

export default explorable

// The powers of ten that all changes lie between, at any step: the axis stays while the steps go on.
/** @type {(state: Numbers) => { range: [number, number], ticks: Tick[] }} */
const decades = ({ standard, ruled }) => {
  const logs = [...standard, ...ruled]
    .flatMap(({ changes }) => changes.flat())
    .filter(change => change > 0 && Number.isFinite(change))
    .map(Math.log10)
  const low = Math.max(Math.floor(Math.min(...logs)), -12)
  const high = Math.max(Math.ceil(Math.max(...logs)), low + 2)
  const step = Math.ceil((high - low) / 5)
  /** @type {Tick[]} */
  const ticks = []
  for (let exponent = low; exponent <= high; exponent += step) ticks.push([exponent, power(exponent)])
  return { range: [low, high], ticks }
}

/** @type {(label: string, runs: Run[], steps: number, at: number, box: Box, vertical: { range: [number, number], ticks: Tick[] }) => SVGElement[]} */
const lines = (label, runs, steps, at, box, { range, ticks }) => {
  const { node, x, y } = axes({
    box,
    x: [4, 8],
    y: range,
    xticks: [
      [4, "16"],
      [6, "64"],
      [8, "256"],
    ],
    yticks: ticks,
    xlabel: "width",
    ylabel: label,
  })
  const xs = WIDTHS.map(n => x(Math.log2(n)))
  const found = [
    node,
    svg("path", {
      d: `M${xs[at].toFixed(1)} ${box.top}v${box.height}`,
      stroke: "currentColor",
      "stroke-dasharray": "2 3",
    }),
  ]
  /** @type {{ name: string, y: number, colour: string }[]} */
  const ends = []
  LAYERS.forEach((name, l) => {
    const ys = runs.map(({ changes }) => y(Math.log10(changes[steps][l])))
    if (!ys.every(Number.isFinite)) return
    found.push(
      svg("path", { d: path(xs, ys), fill: "none", stroke: COLOURS[l], "stroke-width": 2.5 }),
      svg("circle", { cx: xs[at].toFixed(1), cy: ys[at].toFixed(1), r: 4.5, fill: COLOURS[l], stroke: "var(--paper)" }),
    )
    ends.push({ name, y: ys[ys.length - 1], colour: COLOURS[l] })
  })
  // A name at the end of each line: above the highest, below the lowest, and on the roomier side of the one between.
  ends.sort((a, b) => a.y - b.y)
  let free = box.top + 14 // below the name before
  ends.forEach(({ name, y, colour }, i) => {
    const above = i === 0 || (i < ends.length - 1 && y - ends[i - 1].y > ends[i + 1].y - y)
    const base = Math.max(Math.min(above ? y - 8 : y + 18, box.top + box.height - 7), free)
    const look = { "text-anchor": "end", class: "halo", style: `fill: ${colour}` }
    found.push(text(box.left + box.width - 6, base, name, look))
    free = base + 16
  })
  return found
}

/** @type {(state: Numbers, rule: string, steps: number, at: number, box: Box) => SVGElement[]} */
const logits = ({ standard, ruled }, rule, steps, at, box) => {
  const both = [standard[at].logits, ruled[at].logits]
  const most = Math.max(...both.flat().filter(Number.isFinite))
  const unit = 10 ** Math.floor(Math.log10(most))
  const top = unit * ([1, 2, 5, 10].find(factor => factor * unit >= most) ?? 10)
  const { node, x, y } = axes({
    box,
    x: [0, STEPS],
    y: [0, top],
    xticks: [0, 2, 4, 6, 8],
    yticks: [
      [0, "0"],
      [top / 2, size(top / 2)],
      [top, size(top)],
    ],
    xlabel: "step",
    ylabel: `logits at width ${WIDTHS[at]}`,
  })
  const found = [
    node,
    svg("path", {
      d: `M${x(steps).toFixed(1)} ${box.top}v${box.height}`,
      stroke: "currentColor",
      "stroke-dasharray": "2 3",
    }),
  ]
  const ends = both.map(sizes => y(sizes[STEPS]))
  // The upper line's name stands above it and the lower one's below, where there is room; else on the other side.
  const bases = ends.map((end, i) => {
    const upper = end < ends[1 - i] || (end === ends[1 - i] && i === 0)
    if (upper) return end - 9 > box.top + 12 ? end - 9 : end + 19
    return end + 19 < box.top + box.height - 4 ? end + 19 : end - 9
  })
  if (Math.abs(bases[0] - bases[1]) < 16) bases[ends[0] < ends[1] ? 0 : 1] = Math.max(...bases) - 16
  both.forEach((sizes, i) => {
    const colour = i ? "var(--c4)" : "var(--c3)"
    found.push(
      svg("path", {
        d: path(
          sizes.map((_, t) => x(t)),
          sizes.map(y),
        ),
        fill: "none",
        stroke: colour,
        "stroke-width": 2.5,
        "stroke-dasharray": i ? "7 3" : "none",
      }),
      svg("circle", {
        cx: x(steps).toFixed(1),
        cy: y(sizes[steps]).toFixed(1),
        r: 4.5,
        fill: colour,
        stroke: "var(--paper)",
      }),
      text(x(STEPS) - 6, bases[i], i ? RULES[rule].label : "standard", {
        "text-anchor": "end",
        class: "halo",
        style: `fill: ${colour}`,
      }),
    )
  })
  return found
}
