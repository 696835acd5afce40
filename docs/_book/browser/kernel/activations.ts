// The activation functions of the library and their slopes: what the explorables draw is computed here as well.
// Two float64 or four float32 at once.

// By its name in capitals, a page asks for the number of each.
export const IDENTITY: i32 = 0
export const TANH: i32 = 1
export const SIGMOID: i32 = 2
export const RELU: i32 = 3
export const LEAKY_RELU: i32 = 4
export const SCALED_TANH: i32 = 5
export const SELU: i32 = 6

const LEAK = 0.01,
  LECUN = 1.7159,
  LAMBDA = 1.0507009873554805,
  ALPHA = 1.6732632423543772

// tanh, of four float32 at once: below 1 Lambert's continued fraction, which keeps the digits of a small z; else by way of exp(2z).
// @inline
function tanh32(z: v128): v128 {
  const one = f32x4.splat(1),
    size = f32x4.min(f32x4.abs(z), f32x4.splat(10))
  const q = f32x4.mul(size, size)
  let p = f32x4.add(f32x4.mul(q, f32x4.splat(21)), f32x4.splat(1260))
  p = f32x4.mul(size, f32x4.add(f32x4.mul(p, q), f32x4.splat(10395)))
  let d = f32x4.add(q, f32x4.splat(210))
  d = f32x4.add(f32x4.mul(d, q), f32x4.splat(4725))
  d = f32x4.add(f32x4.mul(d, q), f32x4.splat(10395))

  const x = f32x4.add(size, size)
  const n = f32x4.nearest(f32x4.mul(x, f32x4.splat(1.4426950408889634)))
  // ln 2 in two parts, the first of few digits, so that n times it is exact
  const r = f32x4.sub(
    f32x4.sub(x, f32x4.mul(n, f32x4.splat(0.693359375))),
    f32x4.mul(n, f32x4.splat(-0.00021219444005469057)),
  )
  let e = f32x4.add(f32x4.mul(r, f32x4.splat(1.0 / 5040)), f32x4.splat(1.0 / 720))
  e = f32x4.add(f32x4.mul(e, r), f32x4.splat(1.0 / 120))
  e = f32x4.add(f32x4.mul(e, r), f32x4.splat(1.0 / 24))
  e = f32x4.add(f32x4.mul(e, r), f32x4.splat(1.0 / 6))
  e = f32x4.add(f32x4.mul(e, r), f32x4.splat(0.5))
  e = f32x4.add(f32x4.mul(e, r), one)
  e = f32x4.add(f32x4.mul(e, r), one)
  e = i32x4.add(e, i32x4.shl(i32x4.trunc_sat_f32x4_s(n), 23))

  const small = f32x4.lt(size, one)
  const t = f32x4.div(v128.bitselect(p, f32x4.sub(e, one), small), v128.bitselect(d, f32x4.add(e, one), small))
  return v128.bitselect(z, t, i32x4.splat(0x80000000)) // with the sign of z
}

// @inline
function squash<T>(z: v128): v128 {
  if (sizeof<T>() === 4) return tanh32(z)
  return f64x2(Math.tanh(f64x2.extract_lane(z, 0)), Math.tanh(f64x2.extract_lane(z, 1)))
}

// @inline
export function activation<T>(z: v128, kind: i32): v128 {
  const one = v128.splat<T>(1),
    zero = v128.splat<T>(0),
    half = v128.splat<T>(<T>0.5)
  if (kind === TANH) return squash<T>(z)
  if (kind === SIGMOID) return v128.add<T>(half, v128.mul<T>(half, squash<T>(v128.mul<T>(half, z))))
  if (kind === RELU) return v128.max<T>(z, zero)
  if (kind === LEAKY_RELU) return v128.max<T>(z, v128.mul<T>(v128.splat<T>(<T>LEAK), z))
  if (kind === SCALED_TANH)
    return v128.mul<T>(v128.splat<T>(<T>LECUN), squash<T>(v128.mul<T>(v128.splat<T>(<T>(2.0 / 3)), z)))
  if (kind === SELU) {
    // exp(z) - 1 by way of tanh(z / 2), which keeps the digits of a small z
    const t = squash<T>(v128.mul<T>(half, v128.min<T>(z, zero)))
    const left = v128.mul<T>(v128.splat<T>(<T>(2 * LAMBDA * ALPHA)), v128.div<T>(t, v128.sub<T>(one, t)))
    return v128.add<T>(left, v128.mul<T>(v128.splat<T>(<T>LAMBDA), v128.max<T>(z, zero)))
  }
  return z
}

// The slope of each at the point where it has the value a.
// @inline
export function slope<T>(a: v128, kind: i32): v128 {
  const one = v128.splat<T>(1),
    positive = v128.gt<T>(a, v128.splat<T>(0))
  if (kind === TANH) return v128.sub<T>(one, v128.mul<T>(a, a))
  if (kind === SIGMOID) return v128.mul<T>(a, v128.sub<T>(one, a))
  if (kind === RELU) return v128.and(one, positive)
  if (kind === LEAKY_RELU) return v128.bitselect(one, v128.splat<T>(<T>LEAK), positive)
  if (kind === SCALED_TANH) {
    const curve = v128.mul<T>(v128.splat<T>(<T>(2.0 / 3 / LECUN)), v128.mul<T>(a, a))
    return v128.sub<T>(v128.splat<T>(<T>((LECUN * 2) / 3)), curve)
  }
  if (kind === SELU)
    return v128.bitselect(v128.splat<T>(<T>LAMBDA), v128.add<T>(a, v128.splat<T>(<T>(LAMBDA * ALPHA))), positive)
  return one
}
