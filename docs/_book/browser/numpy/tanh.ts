// What NumPy's tanh runs in the browser for float32 and float64, in place of its own loop: its build for WebAssembly
// computes one value after the other. See js/_loops.js for how it gets there. Four or two values at once, with
//     tanh(x) = -t / (t + 2)  where  t = exp(-2 |x|) - 1  and the sign of x,
// in which nothing is lost near zero; with exp(-2 |x|) = 2^k exp(r) and |r| <= log(2) / 2, exp(r) - 1 is its series.

// The signature is that of every inner loop of NumPy: where the arrays are, how large, how far from one to the next.
export function tanh32(args: usize, dimensions: usize, steps: usize, _data: usize): void {
  loop<f32>(args, dimensions, steps)
}

export function tanh64(args: usize, dimensions: usize, steps: usize, _data: usize): void {
  loop<f64>(args, dimensions, steps)
}

// @inline
function loop<T>(args: usize, dimensions: usize, steps: usize): void {
  let from = load<usize>(args),
    to = load<usize>(args, 4)
  const apart = load<usize>(steps),
    step = load<usize>(steps, 4),
    size = sizeof<T>(),
    end = load<i32>(dimensions)
  let i = 0
  if (apart === size && step === size) {
    for (; i + 16 / <i32>size <= end; i += 16 / <i32>size, from += 16, to += 16)
      v128.store(to, tanh<T>(v128.load(from)))
  }
  for (; i < end; i++, from += apart, to += step) {
    store<T>(to, v128.extract_lane<T>(tanh<T>(v128.load_splat<T>(from)), 0))
  }
}

// @inline
function tanh<T>(x: v128): v128 {
  const sign = v128.splat<T>(<T>-0.0),
    one = v128.splat<T>(<T>1)
  // From 10 or 20 on it is 1; a NaN stays one.
  const y = v128.mul<T>(
    v128.splat<T>(<T>-2),
    v128.min<T>(v128.andnot(x, sign), v128.splat<T>(<T>(sizeof<T>() === 4 ? 10 : 20))),
  )
  const k = v128.nearest<T>(v128.mul<T>(y, v128.splat<T>(<T>1.4426950408889634)))
  // log(2) in two parts, of which the first has zeros at its end, so that its product with k is exact.
  const high = v128.splat<T>(<T>(sizeof<T>() === 4 ? 0.693359375 : 0.6931471803691238))
  const low = v128.splat<T>(<T>(sizeof<T>() === 4 ? -2.1219444e-4 : 1.9082149292705877e-10))
  const r = v128.sub<T>(v128.sub<T>(y, v128.mul<T>(k, high)), v128.mul<T>(k, low))
  const p = v128.add<T>(r, v128.mul<T>(v128.mul<T>(r, r), series<T>(r)))
  const power = two<T>(k)
  const t = v128.add<T>(v128.mul<T>(power, p), v128.sub<T>(power, one))
  const size = v128.div<T>(t, v128.add<T>(t, v128.splat<T>(<T>2)))
  return v128.or(v128.andnot(size, sign), v128.and(x, sign))
}

// (exp(r) - 1 - r) / r^2
// @inline
function series<T>(r: v128): v128 {
  let s = v128.splat<T>(<T>(sizeof<T>() === 4 ? 1.0 / 40320 : 1.0 / 6227020800))
  if (sizeof<T>() === 8) {
    s = term<T>(s, r, 1.0 / 479001600)
    s = term<T>(s, r, 1.0 / 39916800)
    s = term<T>(s, r, 1.0 / 3628800)
    s = term<T>(s, r, 1.0 / 362880)
    s = term<T>(s, r, 1.0 / 40320)
  }
  s = term<T>(s, r, 1.0 / 5040)
  s = term<T>(s, r, 1.0 / 720)
  s = term<T>(s, r, 1.0 / 120)
  s = term<T>(s, r, 1.0 / 24)
  s = term<T>(s, r, 1.0 / 6)
  return term<T>(s, r, 0.5)
}

// @inline
function term<T>(s: v128, r: v128, next: f64): v128 {
  return v128.add<T>(v128.mul<T>(s, r), v128.splat<T>(<T>next))
}

// 2^k for whole k: added to a number of which the last bit counts ones, k stands in the last bits; shifted, it is the exponent.
// @inline
function two<T>(k: v128): v128 {
  if (sizeof<T>() === 4) return v128.shl<i32>(v128.add<T>(k, v128.splat<T>(<T>(8388608 + 127))), 23)
  return v128.shl<i64>(v128.add<T>(k, v128.splat<T>(<T>(4503599627370496 + 1023))), 52)
}
