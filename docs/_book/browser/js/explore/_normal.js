// Averages over a normal variable: what a wide random layer does to lengths and slopes. The rule and the search are those of
// shallownet/meanfield.py, so that a picture shows the library's own numbers.

/** @import { Activation } from "./_activations.js" */

const FAINT = 1e-30 // stands for a length of 0, where the two slopes of a kink could not be told apart
const CLOSE = 1e-9 // a relative change of a length that no longer counts

// Nodes and weights on [-1, 1] of Gauss and Legendre's rule, by Newton's method.
/** @type {(degree: number) => { x: number[], w: number[] }} */
const legendre = degree => {
  const x = []
  const w = []
  for (let i = 0; i < degree; i++) {
    let at = -Math.cos((Math.PI * (i + 0.75)) / (degree + 0.5))
    let slope = 0
    for (let turn = 0; turn < 20; turn++) {
      let [before, value] = [1, at]
      for (let k = 2; k <= degree; k++) [before, value] = [value, ((2 * k - 1) * at * value - (k - 1) * before) / k]
      slope = (degree * (at * value - before)) / (at * at - 1)
      const step = value / slope
      at -= step
      if (Math.abs(step) < 1e-16) break
    }
    x.push(at)
    w.push(2 / ((1 - at * at) * slope * slope))
  }
  return { x, w }
}

// Panels that halve towards 0, where a long z makes a curve steep, on both sides of it, where a curve may have a kink; beyond 9
// a normal variable has no mass.
const { nodes, masses } = (() => {
  const { x, w } = legendre(20)
  const nodes = []
  const masses = []
  for (let panel = 0; panel < 10; panel++) {
    const [from, to] = [panel ? 9 * 0.5 ** (10 - panel) : 0, 9 * 0.5 ** (9 - panel)]
    for (const [i, at] of x.entries()) {
      const node = from + ((to - from) / 2) * (1 + at)
      const mass = (((to - from) / 2) * w[i] * Math.exp((-node * node) / 2)) / Math.sqrt(2 * Math.PI)
      nodes.push(node, -node)
      masses.push(mass, mass)
    }
  }
  return { nodes, masses }
})()

// E f(z) for a normal z with mean square q.
/** @type {(f: (z: number) => number, q?: number) => number} */
export const mean = (f, q = 1) => {
  const spread = Math.sqrt(q)
  let sum = 0
  for (let i = 0; i < nodes.length; i++) sum += masses[i] * f(spread * nodes[i])
  return sum
}

// The two averages of the book: E g(z)^2 and E g'(z)^2.
/** @type {(g: Activation, q: number) => number} */
export const size = (g, q) => mean(z => g.f(z) ** 2, q)
/** @type {(g: Activation, q: number) => number} */
export const slopes = (g, q) => mean(z => g.df(z) ** 2, Math.max(q, FAINT))

// sn.meanfield.q_star: the length that layers settle at, from a length of 1; undefined where it grows for ever.
/** @type {(g: Activation, w: number, b: number) => number | undefined} */
export const settled = (g, w, b) => {
  const after = (/** @type {number} */ q) => w * w * size(g, q) + b * b
  let q = 1
  let step = 0
  for (let turn = 0; turn < 2000; turn++) {
    step = after(q) - q
    if (Math.abs(step) <= 1e-14 * q) return q
    const slope = (w * w * mean(z => g.f(z) * g.df(z) * z, q)) / q
    let next = slope < 1 ? q + step / (1 - slope) : q + step
    if (next <= 0) next = q / 2
    if (next > 1e9) return
    if (Math.abs(next - q) <= CLOSE * q && slope < 1 - 1e-3) return next
    if (next < FAINT) return 0
    q = next
  }
  if (Math.abs(step) <= CLOSE * q) return q
  return ahead(q => after(q) - q, q)
}

// The next fixed length on the way of one that creeps past another that almost holds it.
/** @type {(drift: (q: number) => number, q: number) => number | undefined} */
const ahead = (drift, q) => {
  const factor = drift(q) > 0 ? 1.01 : 1 / 1.01
  for (let at = q; at > FAINT && at < 1e9; at *= factor) {
    let [low, high] = [at, at * factor]
    if (drift(low) * drift(high) > 0) continue
    for (let turn = 0; turn < 60; turn++) {
      const middle = (low + high) / 2
      if (drift(low) * drift(middle) > 0) low = middle
      else high = middle
    }
    return (low + high) / 2
  }
  return factor > 1 ? undefined : 0
}
