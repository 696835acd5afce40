// A layer of a network forward and backward, and counts of what is in it; each in float32 and in float64.
// Arrays lie row by row at addresses that the page chooses; rows, units, come in multiples of 4, examples of 8.

import { activation, slope } from "./activations"

const panel = memory.data(32 * 1024, 16) // 32 bytes of examples, of up to 1024 inputs

// Z = scale * W X: four units by a panel of examples at a time, whose sums stay in registers. W[i, j] lies at i * down + j * across.
// @inline
function product<T>(
  W: usize,
  down: usize,
  across: usize,
  X: usize,
  Z: usize,
  rows: i32,
  inner: i32,
  m: usize,
  scale: T,
): void {
  const size = sizeof<T>(),
    stride = m * size,
    s = v128.splat<T>(scale)
  const d = down * size,
    a = across * size
  for (let at: usize = 0; at < stride; at += 32) {
    // Side by side, since a cache holds few numbers that lie a power of two apart.
    for (let j = 0; j < inner; j++) {
      const from = X + usize(j) * stride + at,
        to = panel + (usize(j) << 5)
      v128.store(to, v128.load(from))
      v128.store(to, v128.load(from, 16), 16)
    }
    const end = panel + (usize(inner) << 5)
    for (let i = 0; i < rows; i += 4) {
      let w0 = W + usize(i) * d,
        w1 = w0 + d,
        w2 = w1 + d,
        w3 = w2 + d
      const to = Z + usize(i) * stride + at
      // Sums of 32 terms are summed up: a long sum in float32 forgets what it adds.
      for (let p = panel; p < end; ) {
        const first = p === panel,
          stop = min(p + 1024, end)
        let z00 = v128.splat<T>(0),
          z01 = z00,
          z10 = z00,
          z11 = z00,
          z20 = z00,
          z21 = z00,
          z30 = z00,
          z31 = z00
        for (; p < stop; p += 32) {
          const x0 = v128.load(p),
            x1 = v128.load(p, 16)
          let w = v128.load_splat<T>(w0)
          z00 = v128.add<T>(z00, v128.mul<T>(w, x0))
          z01 = v128.add<T>(z01, v128.mul<T>(w, x1))
          w = v128.load_splat<T>(w1)
          z10 = v128.add<T>(z10, v128.mul<T>(w, x0))
          z11 = v128.add<T>(z11, v128.mul<T>(w, x1))
          w = v128.load_splat<T>(w2)
          z20 = v128.add<T>(z20, v128.mul<T>(w, x0))
          z21 = v128.add<T>(z21, v128.mul<T>(w, x1))
          w = v128.load_splat<T>(w3)
          z30 = v128.add<T>(z30, v128.mul<T>(w, x0))
          z31 = v128.add<T>(z31, v128.mul<T>(w, x1))
          w0 += a
          w1 += a
          w2 += a
          w3 += a
        }
        add<T>(to, z00, z01, s, first)
        add<T>(to + stride, z10, z11, s, first)
        add<T>(to + 2 * stride, z20, z21, s, first)
        add<T>(to + 3 * stride, z30, z31, s, first)
      }
    }
  }
}

// @inline
function add<T>(to: usize, x: v128, y: v128, scale: v128, first: bool): void {
  const none = v128.splat<T>(0)
  v128.store(to, v128.add<T>(first ? none : v128.load(to), v128.mul<T>(scale, x)))
  v128.store(to, v128.add<T>(first ? none : v128.load(to, 16), v128.mul<T>(scale, y)), 16)
}

// @inline
function each<T>(from: usize, to: usize, count: usize, kind: i32): void {
  const end = count * sizeof<T>()
  for (let i: usize = 0; i < end; i += 16) v128.store(to + i, activation<T>(v128.load(from + i), kind))
}

// @inline
function damp<T>(delta: usize, A: usize, count: usize, kind: i32): void {
  const end = count * sizeof<T>()
  for (let i: usize = 0; i < end; i += 16)
    v128.store(delta + i, v128.mul<T>(v128.load(delta + i), slope<T>(v128.load(A + i), kind)))
}

// @inline
function square<T>(from: usize, count: usize): f64 {
  let sum: f64 = 0
  for (let i: usize = 0; i < count; i++) {
    const value = f64(load<T>(from + i * sizeof<T>()))
    sum += value * value
  }
  return sum / f64(count)
}

// np.histogram(x, bins, (low, high)), into 32-bit integers.
export function histogram(from: usize, count: usize, to: usize, bins: i32, low: f64, high: f64): void {
  memory.fill(to, 0, usize(bins) << 2)
  const per = f64(bins) / (high - low)
  for (let i: usize = 0; i < count; i++) {
    const value = load<f64>(from + (i << 3))
    if (!(value >= low && value <= high)) continue
    const at = to + (usize(min(i32((value - low) * per), bins - 1)) << 2)
    store<i32>(at, load<i32>(at) + 1)
  }
}

// np.histogram(abs(x), 2.0 ** np.arange(first, first + bins + 1)): the exponent of a number is its bin.
// @inline
function octaves<T>(from: usize, count: usize, to: usize, bins: u32, first: i32): void {
  memory.fill(to, 0, usize(bins) << 2)
  for (let i: usize = 0; i < count; i++) {
    const exponent =
      sizeof<T>() === 4
        ? i32((load<u32>(from + (i << 2)) >> 23) & 255) - 127
        : i32((load<u64>(from + (i << 3)) >> 52) & 2047) - 1023
    const bin = u32(exponent - first)
    if (bin >= bins) continue
    const at = to + (usize(bin) << 2)
    store<i32>(at, load<i32>(at) + 1)
  }
}

// Of an n x n matrix of normal draws the factor Q of its QR decomposition whose R has a positive diagonal: orthogonal, and uniform
// among all such (Mezzadri, 2007). By modified Gram-Schmidt, which on such a matrix is good to 11 digits.
export function orthogonalise(W: usize, n: i32, scratch: usize): void {
  const row = usize(n) << 3
  for (let k = 0; k < n; k++) {
    const column = W + (usize(k) << 3),
      left = (usize(k) << 3) & ~15
    // How much of each later column lies along this one, all of them at once, since rows are what is contiguous.
    memory.fill(scratch, 0, row)
    for (let i: usize = 0; i < usize(n) * row; i += row) {
      const q = f64x2.splat(load<f64>(column + i))
      for (let j = left; j < row; j += 16)
        v128.store(scratch + j, f64x2.add(v128.load(scratch + j), f64x2.mul(q, v128.load(W + i + j))))
    }
    const square = load<f64>(scratch + (usize(k) << 3))
    const size = Math.sqrt(square)
    if (left < usize(k) << 3) store<f64>(scratch + left, 0) // the column before, which is done
    for (let i: usize = 0; i < usize(n) * row; i += row) {
      const q = load<f64>(column + i)
      const share = f64x2.splat(q / square)
      for (let j = left; j < row; j += 16)
        v128.store(W + i + j, f64x2.sub(v128.load(W + i + j), f64x2.mul(share, v128.load(scratch + j))))
      store<f64>(column + i, q / size)
    }
  }
}

export function narrow(from: usize, to: usize, count: usize): void {
  for (let i: usize = 0; i < count; i++) store<f32>(to + (i << 2), f32(load<f64>(from + (i << 3))))
}

export function product32(
  W: usize,
  down: usize,
  across: usize,
  X: usize,
  Z: usize,
  rows: i32,
  inner: i32,
  m: usize,
  scale: f64,
): void {
  product<f32>(W, down, across, X, Z, rows, inner, m, f32(scale))
}
export function product64(
  W: usize,
  down: usize,
  across: usize,
  X: usize,
  Z: usize,
  rows: i32,
  inner: i32,
  m: usize,
  scale: f64,
): void {
  product<f64>(W, down, across, X, Z, rows, inner, m, scale)
}
export function activate32(from: usize, to: usize, count: usize, kind: i32): void {
  each<f32>(from, to, count, kind)
}
export function activate64(from: usize, to: usize, count: usize, kind: i32): void {
  each<f64>(from, to, count, kind)
}
export function damp32(delta: usize, A: usize, count: usize, kind: i32): void {
  damp<f32>(delta, A, count, kind)
}
export function damp64(delta: usize, A: usize, count: usize, kind: i32): void {
  damp<f64>(delta, A, count, kind)
}
export function square32(from: usize, count: usize): f64 {
  return square<f32>(from, count)
}
export function square64(from: usize, count: usize): f64 {
  return square<f64>(from, count)
}
export function octaves32(from: usize, count: usize, to: usize, bins: u32, first: i32): void {
  octaves<f32>(from, count, to, bins, first)
}
export function octaves64(from: usize, count: usize, to: usize, bins: u32, first: i32): void {
  octaves<f64>(from, count, to, bins, first)
}
