// The library's activations and their slopes, one number at a time: for averages, which take a slope at z. Whole layers, and
// slopes by the value that a layer holds, are the kernel's.

/** @typedef {{ f(z: number): number, df(z: number): number }} Activation */

const [LAMBDA, ALPHA] = [1.0507009873554805, 1.6732632423543772]
const LECUN = 1.7159

// exp of a number that is not positive: a sigmoid without an overflow.
const sigmoid = (/** @type {number} */ z) => {
  const e = Math.exp(-Math.abs(z))
  return (z < 0 ? e : 1) / (1 + e)
}
const bell = (/** @type {number} */ z) => {
  const e = Math.exp(-Math.abs(z))
  return e / (1 + e) ** 2
}
const steep = (/** @type {number} */ z) => 4 * bell(2 * z) // of tanh

// The normal distribution function: a series of positive terms, and a continued fraction far out (Abramowitz and Stegun, 26.2.11, 14).
const below = (/** @type {number} */ z) => {
  const x = Math.abs(z)
  const density = Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)
  let tail = 0
  if (x < 4) {
    let [term, sum] = [x, x]
    for (let k = 3; term > 1e-17 * sum; k += 2) {
      term *= (x * x) / k
      sum += term
    }
    tail = 0.5 - density * sum
  } else {
    let under = x
    for (let k = 60; k > 0; k--) under = x + k / under
    tail = density / under
  }
  return z < 0 ? tail : 1 - tail
}

/** @type {Record<string, Activation>} */
export const ACTIVATIONS = {
  identity: { f: z => z, df: () => 1 },
  tanh: { f: Math.tanh, df: steep },
  sigmoid: { f: sigmoid, df: bell },
  relu: { f: z => Math.max(z, 0), df: z => +(z > 0) },
  leaky_relu: { f: z => (z > 0 ? z : 0.01 * z), df: z => (z > 0 ? 1 : 0.01) },
  elu: { f: z => (z > 0 ? z : Math.expm1(z)), df: z => (z > 0 ? 1 : Math.exp(z)) },
  selu: {
    f: z => LAMBDA * (z > 0 ? z : ALPHA * Math.expm1(z)),
    df: z => LAMBDA * (z > 0 ? 1 : ALPHA * Math.exp(z)),
  },
  gelu: {
    f: z => z * below(z),
    df: z => below(z) + (z * Math.exp((-z * z) / 2)) / Math.sqrt(2 * Math.PI),
  },
  silu: { f: z => z * sigmoid(z), df: z => sigmoid(z) + z * bell(z) },
  softplus: { f: z => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z))), df: sigmoid },
  scaled_tanh: { f: z => LECUN * Math.tanh((2 / 3) * z), df: z => ((LECUN * 2) / 3) * steep((2 / 3) * z) },
}
