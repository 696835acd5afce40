// Chapter 3: one layer under the curve of its activation, and how much of it lies where the curve is flat.

import { path, said, svg, text } from "./_draw.js"
import { load } from "./_kernel.js"

/** @import { Explorable, Kernel } from "../types" */
/** @typedef {{ activation: string, scale: number, inputs: number }} Settings */
/** @typedef {{ s: number, saturated: number, slope: number, z: number[], a: number[], outside: number }} Numbers */

const UNITS = 400
const EXAMPLES = 40
const SPAN = 8 // the picture shows z from -8 to 8
const BINS = 64
const FLAT = Math.atanh(0.97)

// Where each begins to be flat; a sigmoid is a tanh of half its argument.
/** @type {Record<string, { low: number, high: number, flat: number, tanh(a: number): number }>} */
const CURVES = {
  tanh: { low: -1, high: 1, flat: FLAT, tanh: a => a },
  sigmoid: { low: 0, high: 1, flat: 2 * FLAT, tanh: a => 2 * a - 1 },
}

/** @type {Kernel} */
let kernel
let at = { X: 0, W: 0, Z: 0, A: 0, slopes: 0, bins: 0 } // the addresses of the layer's arrays
let drawn = 0 // the fan-in that they hold draws for

/** @type {(inputs: number) => void} */
const prepare = inputs => {
  if (drawn === inputs) return
  const layer = UNITS * EXAMPLES
  const sizes = [inputs * EXAMPLES, UNITS * inputs, layer, layer, layer].map(count => 8 * count)
  const [X, W, Z, A, slopes, bins] = kernel.place([...sizes, 4 * BINS])
  at = { X, W, Z, A, slopes, bins }
  kernel.seed(0)
  kernel.normals(X, inputs * EXAMPLES)
  const signs = kernel.values(X, inputs * EXAMPLES)
  signs.set(signs.map(Math.sign))
  kernel.normals(W, UNITS * inputs)
  drawn = inputs
}

/** @type {(exponent: number) => string} */
const amount = exponent =>
  (10 ** exponent)
    .toPrecision(3)
    .replace(/(\..*?)0+$/, "$1")
    .replace(/\.$/, "")
/** @type {(share: number) => string} */
const percent = share => `${said(100 * share, share < 0.0995 ? 1 : 0)} percent`

/** @type {Explorable<Settings, Numbers>} */
const explorable = {
  title: "One layer under the curve of its activation",
  controls: [
    { name: "activation", label: "Curve", options: { tanh: "tanh", sigmoid: "sigmoid" }, value: "tanh" },
    { name: "scale", label: "Weights' std", min: -3, max: 0.5, step: 0.05, value: -1.5, show: amount },
    { name: "inputs", label: "Fan-in", min: 10, max: 1000, step: 10, value: 1000 },
  ],

  async ready() {
    kernel ??= await load()
  },

  compute({ activation, scale, inputs }) {
    prepare(inputs)
    const { low, high, tanh } = CURVES[activation]
    const { X, W, Z, A, slopes, bins } = at
    const count = UNITS * EXAMPLES
    const kind = kernel.kind(activation)
    kernel.product64(W, inputs, 1, X, Z, UNITS, inputs, EXAMPLES, 10 ** scale)
    kernel.activate64(Z, A, count, kind)
    kernel.values(slopes, count).fill(1)
    kernel.damp64(slopes, A, count, kind)
    kernel.histogram(Z, count, bins, BINS, -SPAN, SPAN)
    const z = kernel.counts(bins, BINS)
    kernel.histogram(A, count, bins, BINS, low, high)
    const a = kernel.counts(bins, BINS)
    let flat = 0
    let steep = 0
    for (const value of kernel.values(A, count)) flat += +(Math.abs(tanh(value)) > 0.97)
    for (const slope of kernel.values(slopes, count)) steep += slope
    const s = Math.sqrt(kernel.square64(Z, count))
    return { s, saturated: flat / count, slope: steep / count, z, a, outside: 1 - z.reduce((x, y) => x + y) / count }
  },

  height: width => Math.min(Math.max(0.62 * width, 300), 420),

  draw({ z, a, s, saturated, outside }, { activation }, { width, height }) {
    const { low, high, flat } = CURVES[activation]
    const left = 34
    const side = Math.max(0.2 * width, 66)
    const below = 0.3 * height
    const main = { left, top: 24, width: width - left - side - 14, height: height - below - 72 }
    const right = main.left + main.width
    const bottom = main.top + main.height
    const under = bottom + 10 // where the histogram of z begins
    const x = (/** @type {number} */ value) => main.left + ((value + SPAN) / (2 * SPAN)) * main.width
    const y = (/** @type {number} */ value) => bottom - ((value - low) / (high - low)) * main.height
    /** @type {SVGElement[]} */
    const parts = []
    /** @type {(d: string, look: Record<string, string | number>) => void} */
    const line = (d, look) => parts.push(svg("path", { d, fill: "none", ...look }))
    /** @type {(from: number, to: number) => void} */
    const shade = (from, to) =>
      parts.push(
        svg("rect", {
          x: x(from),
          y: main.top,
          width: x(to) - x(from),
          height: under + below - main.top,
          fill: "var(--c1)",
          opacity: 0.1,
        }),
      )
    shade(-SPAN, -flat)
    shade(flat, SPAN)

    // Under the curve lies z, and beside it a: a bin of one is carried over to the other.
    /** @type {(counts: number[], place: (bin: number, share: number) => [boolean, string]) => void} */
    const bars = (counts, place) => {
      const most = Math.max(...counts, 1)
      let steep = ""
      let level = ""
      counts.forEach((count, bin) => {
        if (!count) return
        const [isFlat, d] = place(bin, count / most)
        if (isFlat) level += d
        else steep += d
      })
      parts.push(svg("path", { d: steep, fill: "var(--c0)" }), svg("path", { d: level, fill: "var(--c1)" }))
    }
    const wide = main.width / BINS
    bars(z, (bin, share) => {
      const middle = ((bin + 0.5) / BINS) * 2 * SPAN - SPAN
      const from = main.left + bin * wide
      return [
        Math.abs(middle) > flat,
        `M${from.toFixed(1)} ${under}h${(wide - 0.5).toFixed(1)}v${(share * below).toFixed(1)}h${(0.5 - wide).toFixed(1)}z`,
      ]
    })
    const tall = main.height / BINS
    bars(a, (bin, share) => {
      const middle = ((bin + 0.5) / BINS) * 2 - 1
      const from = bottom - (bin + 1) * tall
      return [
        Math.abs(middle) > 0.97,
        `M${right + 10} ${from.toFixed(1)}h${(share * (side - 10)).toFixed(1)}v${(tall - 0.3).toFixed(1)}h${(-share * (side - 10)).toFixed(1)}z`,
      ]
    })

    line(`M${main.left} ${under}H${right}M${right + 10} ${main.top}V${bottom}`, { stroke: "var(--grid)" })
    line(`M${main.left} ${y((low + high) / 2).toFixed(1)}H${right}M${x(0).toFixed(1)} ${main.top}V${bottom}`, {
      stroke: "var(--grid)",
      "stroke-dasharray": "2 3",
    })
    const points = Array.from({ length: 161 }, (_, i) => -SPAN + (i / 160) * 2 * SPAN)
    const curve = path(points.map(x), Array.from(kernel.curve(kernel.kind(activation), points).a, y))
    line(curve, { stroke: "currentColor", "stroke-width": 2.5 })

    for (const value of [low, (low + high) / 2, high])
      parts.push(text(main.left - 7, y(value) + 4, said(value), { "text-anchor": "end" }))
    for (const value of [-8, -4, 0, 4, 8])
      parts.push(text(x(value), under + below + 16, said(value), { "text-anchor": "middle" }))
    parts.push(text(x(0), under + below + 32, "z", { "text-anchor": "middle", "font-style": "italic" }))
    parts.push(text(main.left, 14, `a = ${activation}(z)`))
    parts.push(text(right + 10, 14, "a", { "font-style": "italic" }))
    // What lies beyond the picture, on both sides alike.
    if (outside > 0.005) {
      const beyond = `${Math.round(50 * outside)} %`
      const y = under + below + 32
      parts.push(text(main.left, y, `\u2190 ${beyond}`), text(right, y, `${beyond} \u2192`, { "text-anchor": "end" }))
    }
    parts.push(text(right + 12, under + 22, `s = ${s < 0.095 ? s.toPrecision(2) : s.toFixed(s < 9.95 ? 2 : 1)}`))
    const share = `${said(100 * saturated, saturated < 0.0995 ? 1 : 0)} %`
    parts.push(
      text(right + 12, under + 44, share, { class: "explorable__strong" }),
      text(right + 12, under + 61, "saturated"),
    )
    return parts
  },

  says({ s, saturated, slope }, { activation, scale, inputs }) {
    const weights = `Weights of standard deviation ${amount(scale)} on ${inputs} inputs of size 1 spread z by s = ${said(s, s < 0.0995 ? 3 : 2)}`
    const most = activation === "tanh" ? "1" : "0.25"
    return `${weights}: ${percent(saturated)} of the layer is saturated, and its mean slope is ${said(slope, 3)}, of at most ${most}.`
  },

  code: ({ activation, scale, inputs }) => `import numpy as np
import shallownet as sn

rng = np.random.default_rng(0)
X = np.sign(rng.standard_normal((${inputs}, ${EXAMPLES})))
W = sn.initializers.normal((${UNITS}, ${inputs}), rng, std=10 ** ${scale})
Z = W @ X
A = sn.activations.${activation}.f(Z)

s = sn.diagnostics.rms(Z).item()
saturated = sn.diagnostics.saturation(${activation === "tanh" ? "A" : "2 * A - 1"}).item()
slope = sn.activations.${activation}.df(Z).mean().item()
z = np.histogram(Z, ${BINS}, (-${SPAN}, ${SPAN}))[0].tolist()  # the bars under the curve
a = np.histogram(A, ${BINS}, (${CURVES[activation].low}, 1))[0].tolist()  # the bars beside it
print(round(s, 3), round(saturated, 4), round(slope, 3))
`,

  numbers: ({ s, saturated, slope, z, a }) => ({ s, saturated, slope, z, a }),
}

export default explorable
