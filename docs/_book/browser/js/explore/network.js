// "Your network here": a network of the reader's own family and size, its start, and what chapter 11 asks of it.

import { axes, decades, path, said, size, svg, text } from "./_draw.js"
import { load } from "./_kernel.js"
import { snippets } from "./_snippets.js"
import { attends, CLASSES, DEEPEST, depthOf, HEAD, MOST, POSITIONS, stack, startOf, streams, TOKENS } from "./_stack.js"

/** @import { Explorable } from "../types" */
/** @import { Box } from "./_draw.js" */
/** @import { Settings, Sizes } from "./_stack.js" */
/** @typedef {Sizes & { exact?: boolean }} Numbers */
/** @typedef {{ asks: string, answer: boolean | undefined, why: string }} Check */

const LONG = 1e6 // sizes below are written out
const FLAT = 0.3 // of a layer, for check 3
const SLOW = 3e-5 // and
const FAST = 2e-2 // the limits of check 4

/** @type {ReturnType<typeof stack>} */
let pass

// In float32 while a slider moves; in float64, as NumPy computes, once it rests.
/** @type {(state: Numbers, settings: Settings) => Numbers} */
const exact = (state, settings) => (state.exact ? state : Object.assign(state, pass(64, settings), { exact: true }))

const WORDS = /** @type {Record<string, [string, string, string]>} */ ({
  plain: ["layer", "layers", "sums z"],
  convolution: ["layer", "layers", "sums z"],
  recurrent: ["step", "steps", "sums z"],
  residual: ["block", "blocks", "stream"],
  pre: ["block", "blocks", "stream"],
  post: ["block", "blocks", "stream"],
})

// The five checks of chapter 11.
/** @type {(state: Sizes, settings: Settings) => Check[]} */
const checks = ({ up, down, quiet, steps, loss, differ }, settings) => {
  const { family, activation, branch, post, sigma } = settings
  // Where weights are 0 on purpose, the others may have to wait for them.
  const ending = family === "post" ? post : branch
  const silent = (streams(family) && ending === "zero") || (startOf(settings) === "own" && !sigma)
  const finite = [...up, ...down, loss].every(Number.isFinite)
  // From the first layer to the last; in a stream, from behind the first block.
  const lowest = streams(family) ? 1 : 0
  const [grown, sent] = [(up.at(-1) ?? 0) / up[lowest], down[lowest] / (down.at(-1) ?? 0)]
  const limit = streams(family) ? 10 : 3
  const within = (/** @type {number} */ ratio) => ratio > 1 / limit && ratio < limit
  const most = Math.max(...quiet)
  const flat = activation === "tanh" || activation === "sigmoid" ? "is flat" : "is 0"
  const [low, high] = [Math.min(...steps), Math.max(...steps)]
  const honest = Math.log(attends(family) ? TOKENS : CLASSES)
  const times = (/** @type {number} */ ratio) => (Number.isFinite(ratio) ? `\u00d7 ${size(ratio, LONG)}` : "nothing")
  /** @type {(answer: boolean) => boolean | undefined} */
  const asked = answer => (finite ? answer : undefined)
  return [
    { asks: "Do the weights differ?", answer: differ, why: "" },
    {
      asks: "Does the signal arrive?",
      answer: asked(within(grown) && within(sent)),
      why: `up ${times(grown)}, down ${times(sent)}`,
    },
    {
      asks: "Is nobody deaf?",
      answer: asked(most < FLAT),
      why: `at most ${Math.round(100 * most)}% of a layer ${flat}`,
    },
    {
      asks: "How far does a step go?",
      answer: steps.length ? asked(low > SLOW && high < FAST) : silent ? undefined : asked(false),
      why: steps.length
        ? `${size(low)} to ${size(high)} of the weights`
        : silent
          ? "no weight that is not 0 moves"
          : "no weight moves",
    },
    {
      asks: "Is the first loss honest?",
      answer: asked(loss < honest + 1),
      why: `${loss < 100 ? loss.toFixed(2) : size(loss, LONG)}; a guess costs ${honest.toFixed(2)}`,
    },
  ]
}

/** @type {(settings: Settings) => boolean} */
const skips = ({ family }) => streams(family)

/** @type {Explorable<Settings, Numbers>} */
const explorable = {
  title: "Signal, gradient and angles of your network, and five checks of its start",
  controls: [
    {
      name: "family",
      label: "Family",
      options: {
        plain: "plain",
        residual: "residual",
        convolution: "convolution",
        recurrent: "recurrent",
        pre: "transformer, pre-norm",
        post: "transformer, post-norm",
      },
      value: "plain",
    },
    {
      name: "activation",
      label: "Activation",
      options: {
        relu: "ReLU",
        leaky_relu: "leaky ReLU",
        selu: "SELU",
        tanh: "tanh",
        sigmoid: "sigmoid",
        identity: "none",
      },
      value: "relu",
    },
    { name: "width", label: "Width", min: HEAD, max: 256, step: HEAD, value: 128 },
    { name: "depth", label: "Depth", min: 1, max: DEEPEST, value: 10, when: settings => !skips(settings) },
    { name: "blocks", label: "Blocks", min: 1, max: MOST, value: 6, when: skips },
    {
      name: "start",
      label: "Start",
      options: {
        he: "He, 2/n",
        lecun: "LeCun, 1/n",
        glorot: "Glorot",
        orthogonal: "orthogonal",
        small: "std 0.02",
        own: "your own",
      },
      value: "he",
      when: settings => !skips(settings),
    },
    {
      name: "draw",
      label: "Start",
      options: { lecun: "LeCun, 1/n", he: "He, 2/n", glorot: "Glorot", small: "std 0.02", own: "your own" },
      value: "lecun",
      when: skips,
    },
    {
      name: "sigma",
      label: "std \u00d7 \u221an",
      min: 0,
      max: 3,
      step: 0.05,
      value: 1,
      show: value => value.toFixed(2),
      when: settings => (skips(settings) ? settings.draw : settings.start) === "own",
    },
    {
      name: "norm",
      label: "Norm",
      options: { none: "none", layer: "layer norm" },
      value: "none",
      when: ({ family }) => family === "residual",
    },
    {
      name: "branch",
      label: "Branches end",
      options: { drawn: "as drawn", root: "scaled by depth", zero: "at zero" },
      value: "drawn",
      when: ({ family }) => family === "residual" || family === "pre",
    },
    {
      name: "post",
      label: "Branches end",
      options: { drawn: "as drawn", deepnet: "as in DeepNet", zero: "at zero" },
      value: "drawn",
      when: ({ family }) => family === "post",
    },
    {
      name: "attention",
      label: "Logits",
      options: { root: "q\u00b7k / \u221ak", inverse: "q\u00b7k / k", one: "q\u00b7k", qk: "QK-norm" },
      value: "root",
      when: ({ family }) => attends(family),
    },
    {
      name: "embedding",
      label: "Embedding",
      options: { unit: "std 1", small: "std 0.02", root: "std 1/\u221ad" },
      value: "small",
      when: ({ family }) => attends(family),
    },
    {
      name: "head",
      label: "Head",
      options: { own: "of its own", tied: "tied" },
      value: "own",
      when: ({ family }) => attends(family),
    },
    {
      name: "precision",
      label: "Numbers",
      options: { full: "all digits", bfloat16: "bfloat16", float16: "float16" },
      value: "full",
      when: settings => !skips(settings),
    },
    { name: "seed", label: "Seed", min: 0, max: 99, value: 0 },
  ],

  async ready() {
    pass ??= stack(await load())
  },

  compute: settings => pass(32, settings),

  height: width => (width < 560 ? 724 : 404),

  draw(state, settings, { width, height }) {
    const depth = depthOf(settings)
    const [one, , what] = WORDS[settings.family]
    const phone = width < 560
    const from = streams(settings.family) ? 0 : 1 // the stream is there before its first block
    const keyed = attends(settings.family)
    const count = keyed ? 4 : 3
    const left = 46
    const gap = 60
    const across = phone ? (width - 2 * left - 14) / 2 : (width - left - (count - 1) * gap - 8) / count
    const tall = phone ? 170 : 186
    /** @type {(k: number) => Box} */
    const box = k => {
      if (!phone) return { left: left + k * (across + gap), top: 30, width: across, height: tall }
      const wide = k === 2 && !keyed
      return {
        left: left + (k % 2) * (across + left + 6),
        top: 30 + Math.floor(k / 2) * (tall + 70),
        width: wide ? width - left - 8 : across,
        height: tall,
      }
    }
    const layers = { from, depth, label: one }
    const parts = [
      ...powers(state.up, layers, box(0), `${what}, rms`, "var(--c0)"),
      ...powers(state.down, layers, box(1), "gradient, rms", "var(--c1)"),
      ...plain(
        state.cosine,
        layers,
        box(2),
        [Math.min(0, ...state.cosine.filter(Number.isFinite)) < -0.1 ? -1 : 0, 1],
        "cosine",
        "var(--c2)",
      ),
    ]
    if (keyed)
      parts.push(
        ...plain(
          state.keys,
          { ...layers, from: 1 },
          box(3),
          [0, POSITIONS],
          phone ? "keys heard" : "effective keys",
          "var(--c4)",
        ),
      )
    const rows = checks(state, settings)
    const high = phone ? 42 : 24
    const top = height - rows.length * high + 6
    for (const [k, { asks, answer, why }] of rows.entries()) {
      const y = top + k * high
      const word = answer === undefined ? "?" : answer ? "yes" : "NO"
      const look = {
        style: `fill: ${answer === undefined ? "currentColor" : answer ? "var(--c2)" : "var(--c3)"}; font-weight: 700`,
      }
      parts.push(
        text(0, y, `${k + 1}. ${asks}`),
        text(phone ? width - 4 : 196, y, word, { ...look, "text-anchor": phone ? "end" : "start" }),
      )
      parts.push(text(phone ? 16 : 240, phone ? y + 17 : y, why, { opacity: 0.85 }))
    }
    return parts
  },

  says(state, settings) {
    const { up, down, cosine, keys } = exact(state, settings)
    const depth = depthOf(settings)
    const [one, many, what] = WORDS[settings.family]
    const through = depth === 1 ? `one ${one}` : `${depth} ${many}`
    const last = up.length - 1
    const failed = checks(state, settings).flatMap(({ answer }, k) => (answer === false ? [k + 1] : []))
    const open = checks(state, settings).flatMap(({ answer }, k) => (answer === undefined ? [k + 1] : []))
    const list = (/** @type {number[]} */ found) =>
      `${found.length > 1 ? "checks" : "check"} ${found.join(", ").replace(/, (\d)$/, " and $1")}`
    const verdict = failed.length
      ? `It fails ${list(failed)}`
      : `It passes ${open.length ? "all checks that can be asked" : "all five checks"}`
    const unasked = open.length ? `; ${list(open)} cannot be asked` : ""
    const heard = keys.length
      ? ` The last of ${POSITIONS} positions hears ${keys[0].toFixed(1)} keys in the first block and ${(keys.at(-1) ?? 0).toFixed(1)} in the last.`
      : ""
    return `Through ${through} the ${what === "stream" ? "stream goes" : "sums z go"} from ${size(up[0], LONG)} to ${size(up[last], LONG)}, and on the way back the gradient from ${size(down[last], LONG)} to ${size(down[0], LONG)}; two columns have a cosine of ${said(cosine[last], 2)} at the end.${heard} ${verdict}${unasked}.`
  },

  code: snippets,

  numbers(state, settings) {
    const { up, down, cosine, keys, quiet, steps, loss, differ } = exact(state, settings)
    return {
      ...{ up, down, cosine, quiet, differ, first: loss },
      steps: steps.length ? [Math.min(...steps), Math.max(...steps)] : [],
      ...(keys.length ? { keys } : {}),
    }
  },
}

export default explorable

/** @typedef {{ from: number, depth: number, label: string }} Layers */

/** @type {(layers: Layers) => number[]} */
const ends = ({ from, depth }) =>
  depth === from ? [from] : [from, ...(depth - from > 4 ? [Math.round((from + depth) / 2)] : []), depth]

/** @type {(values: number[], layers: Layers, box: Box, ylabel: string, colour: string) => SVGElement[]} */
const powers = (values, layers, box, ylabel, colour) => {
  const { range, ticks } = decades(values.filter(Number.isFinite))
  const logs = values.map(value => (value > 0 ? Math.log10(value) : Number.NaN))
  return curve(logs, layers, { box, y: range, yticks: ticks, ylabel }, colour)
}

/** @type {(values: number[], layers: Layers, box: Box, y: [number, number], ylabel: string, colour: string) => SVGElement[]} */
const plain = (values, layers, box, y, ylabel, colour) =>
  curve(values, layers, { box, y, yticks: y[0] < 0 ? [-1, 0, 1] : [y[0], y[1] / 2, y[1]], ylabel }, colour)

/** @type {(values: number[], layers: Layers, how: { box: Box, y: [number, number], yticks: import("./_draw.js").Tick[], ylabel: string }, colour: string) => SVGElement[]} */
const curve = (values, layers, { box, y: range, yticks, ylabel }, colour) => {
  const { from, depth, label } = layers
  const { node, x, y } = axes({
    ...{ box, y: range, yticks, ylabel },
    x: [from, Math.max(depth, from + 1)],
    xticks: ends(layers),
    xlabel: label,
  })
  const [xs, ys] = [values.map((_, l) => x(from + l)), values.map(value => y(Math.max(value, range[0])))]
  const line = svg("path", { d: path(xs, ys), fill: "none", stroke: colour, "stroke-width": 2.5 })
  const dots = values.flatMap((value, l) =>
    Number.isFinite(value)
      ? [svg("circle", { cx: xs[l].toFixed(1), cy: ys[l].toFixed(1), r: values.length > 16 ? 1.5 : 3, fill: colour })]
      : [],
  )
  return [node, line, ...dots]
}
