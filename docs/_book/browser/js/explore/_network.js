// The 2-h-1 networks of the first chapters, trained as `sn.train` trains them: tanh, cross-entropy, plain full-batch descent.

// A network is {w: [2h numbers, a row a unit], v: [h numbers]}, with zero biases; `data` is {x: [2m numbers, a row an
// input], y: [m numbers]}. Gives, after 0 ... `steps` updates: the losses, W1 as it was, and in `rest` b1, W2 and b2
// (h + h + 1 numbers).
/**
 * @typedef {{ w: ArrayLike<number>, v: ArrayLike<number> }} Network
 * @typedef {{ x: ArrayLike<number>, y: ArrayLike<number> }} Data
 * @typedef {{ losses: Float64Array, path: Float64Array[], rest: Float64Array[] }} Trained
 * @type {(network: Network, data: Data, steps: number, lr: number) => Trained}
 */
export const train = (network, { x, y }, steps, lr) => {
  const [units, m] = [network.v.length, y.length]
  const [w, v] = [Float64Array.from(network.w), Float64Array.from(network.v)]
  const b = new Float64Array(units)
  let c = 0
  const a = new Float64Array(units)
  const [dw, db, dv] = [new Float64Array(2 * units), new Float64Array(units), new Float64Array(units)]
  const losses = new Float64Array(steps + 1)
  /** @type {Float64Array[]} */
  const path = []
  /** @type {Float64Array[]} */
  const rest = []
  for (let t = 0; t <= steps; t++) {
    path.push(w.slice())
    rest.push(Float64Array.of(...b, ...v, c))
    dw.fill(0)
    db.fill(0)
    dv.fill(0)
    let [dc, loss] = [0, 0]
    for (let j = 0; j < m; j++) {
      let z = 0
      for (let i = 0; i < units; i++) {
        a[i] = Math.tanh(w[2 * i] * x[j] + w[2 * i + 1] * x[m + j] + b[i])
        z += v[i] * a[i]
      }
      z += c
      // log(1 + e^z), and its slope 1 / (1 + e^-z), without an overflow.
      const e = Math.exp(-Math.abs(z))
      loss += Math.max(z, 0) + Math.log1p(e) - y[j] * z
      const delta = ((z < 0 ? e : 1) / (1 + e) - y[j]) / m
      dc += delta
      for (let i = 0; i < units; i++) {
        dv[i] += delta * a[i]
        const back = v[i] * delta * (1 - a[i] * a[i])
        db[i] += back
        dw[2 * i] += back * x[j]
        dw[2 * i + 1] += back * x[m + j]
      }
    }
    losses[t] = loss / m
    for (let i = 0; i < units; i++) {
      v[i] -= lr * dv[i]
      b[i] -= lr * db[i]
      w[2 * i] -= lr * dw[2 * i]
      w[2 * i + 1] -= lr * dw[2 * i + 1]
    }
    c -= lr * dc
  }
  return { losses, path, rest }
}
