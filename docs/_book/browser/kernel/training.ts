// A step of Adam, as `sn.train` takes it.

const BETA1: f64 = 0.9,
  BETA2: f64 = 0.999,
  EPSILON: f64 = 1e-8

// A step of `count` weights, an even number, along their gradient G; M and V are its running means, at first 0. What these
// lack after t steps comes as factors, `rate / (1 - BETA1 ** t)` and `1 / (1 - BETA2 ** t)`: a power takes much code.
export function adam(W: usize, G: usize, M: usize, V: usize, count: usize, first: f64, second: f64): void {
  const end = count << 3
  for (let i: usize = 0; i < end; i += 16) {
    const g = v128.load(G + i)
    let m = f64x2.mul(f64x2.splat(BETA1), v128.load(M + i))
    m = f64x2.add(m, f64x2.mul(f64x2.splat(1 - BETA1), g))
    let v = f64x2.mul(f64x2.splat(BETA2), v128.load(V + i))
    v = f64x2.add(v, f64x2.mul(f64x2.splat(1 - BETA2), f64x2.mul(g, g)))
    v128.store(M + i, m)
    v128.store(V + i, v)
    const size = f64x2.add(f64x2.sqrt(f64x2.mul(v, f64x2.splat(second))), f64x2.splat(EPSILON))
    v128.store(W + i, f64x2.sub(v128.load(W + i), f64x2.div(f64x2.mul(m, f64x2.splat(first)), size)))
  }
}
