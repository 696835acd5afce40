// What NumPy's matmul runs in the browser for float32 and float64, in place of its own loop: its build for WebAssembly
// has no BLAS, and that loop adds one product after the other in memory. See js/_loops.js for how it gets there.

const DEPTH: i32 = 1024 // inner products are summed in pieces, so that a panel of B stays in the cache
const WIDTH: i32 = 32 // bytes of a row of C that are summed at once

// Where a panel of B can be laid side by side, and behind it a row of C: the page says.
// biome-ignore lint/style/useConst: the page sets it
export let room: usize = 0
export const SIZE: i32 = (DEPTH + 1) * WIDTH

// The signature is that of every inner loop of NumPy: where the arrays are, how large, how far from one to the next.
export function matmul32(args: usize, dimensions: usize, steps: usize, _data: usize): void {
  loop<f32>(args, dimensions, steps)
}

export function matmul64(args: usize, dimensions: usize, steps: usize, _data: usize): void {
  loop<f64>(args, dimensions, steps)
}

// @inline
function loop<T>(args: usize, dimensions: usize, steps: usize): void {
  let A = load<usize>(args),
    B = load<usize>(args, 4),
    C = load<usize>(args, 8)
  let m = load<i32>(dimensions, 4),
    n = load<i32>(dimensions, 8),
    p = load<i32>(dimensions, 12)
  let Am = load<usize>(steps, 12),
    An = load<usize>(steps, 16),
    Bn = load<usize>(steps, 20),
    Bp = load<usize>(steps, 24)
  let Cm = load<usize>(steps, 28),
    Cp = load<usize>(steps, 32)
  let dA = load<usize>(steps),
    dB = load<usize>(steps, 4)
  const dC = load<usize>(steps, 8)
  if (p < m && p < WIDTH / <i32>sizeof<T>()) {
    // A few columns: the transpose, B'A', has as few rows, and its columns fill whole panels.
    let t = A
    A = B
    B = t
    t = dA
    dA = dB
    dB = t
    t = Am
    Am = Bp
    Bp = t
    t = An
    An = Bn
    Bn = t
    t = Cm
    Cm = Cp
    Cp = t
    const s = m
    m = p
    p = s
  }
  for (let count = load<i32>(dimensions); count > 0; count--) {
    for (let from = 0; from === 0 || from < n; from += DEPTH) {
      const depth = min(n - from, DEPTH),
        a = A + usize(from) * An,
        b = B + usize(from) * Bn
      for (let at = 0; at < p; at += WIDTH / <i32>sizeof<T>()) {
        const columns = min(p - at, WIDTH / <i32>sizeof<T>())
        gather<T>(b + usize(at) * Bp, Bn, Bp, depth, columns)
        const c = C + usize(at) * Cp
        let i = 0
        for (; i + 4 <= m; i += 4)
          rows<T>(4, a + usize(i) * Am, Am, An, depth, c + usize(i) * Cm, Cm, Cp, columns, from > 0)
        for (; i < m; i++) rows<T>(1, a + usize(i) * Am, Am, An, depth, c + usize(i) * Cm, Cm, Cp, columns, from > 0)
      }
    }
    A += dA
    B += dB
    C += dC
  }
}

// Lay a panel of B side by side; what it lacks in columns is zero.
// @inline
function gather<T>(from: usize, Bn: usize, Bp: usize, depth: i32, columns: i32): void {
  const size = sizeof<T>(),
    end = room + usize(depth) * WIDTH
  if (columns * <i32>size === WIDTH && Bp === size) {
    for (let to = room; to < end; to += WIDTH, from += Bn) {
      v128.store(to, v128.load(from))
      v128.store(to, v128.load(from, 16), 16)
    }
    return
  }
  if (columns * <i32>size < WIDTH) memory.fill(room, 0, usize(depth) * WIDTH)
  for (let j = 0; j < columns; j++) {
    let at = from + usize(j) * Bp
    for (let to = room + usize(j) * size; to < end; to += WIDTH, at += Bn) store<T>(to, load<T>(at))
  }
}

// Some rows of A, 4 or 1, times the panel: the sums stay in registers.
// @inline
function rows<T>(
  count: i32,
  a: usize,
  Am: usize,
  An: usize,
  depth: i32,
  c: usize,
  Cm: usize,
  Cp: usize,
  columns: i32,
  more: bool,
): void {
  const none = v128.splat<T>(0),
    end = room + usize(depth) * WIDTH
  let a1 = a + Am,
    a2 = a1 + Am,
    a3 = a2 + Am
  let c00 = none,
    c01 = none,
    c10 = none,
    c11 = none,
    c20 = none,
    c21 = none,
    c30 = none,
    c31 = none
  for (let b = room; b < end; b += WIDTH) {
    const b0 = v128.load(b),
      b1 = v128.load(b, 16)
    let w = v128.load_splat<T>(a)
    c00 = v128.add<T>(c00, v128.mul<T>(w, b0))
    c01 = v128.add<T>(c01, v128.mul<T>(w, b1))
    a += An
    if (count === 4) {
      w = v128.load_splat<T>(a1)
      c10 = v128.add<T>(c10, v128.mul<T>(w, b0))
      c11 = v128.add<T>(c11, v128.mul<T>(w, b1))
      w = v128.load_splat<T>(a2)
      c20 = v128.add<T>(c20, v128.mul<T>(w, b0))
      c21 = v128.add<T>(c21, v128.mul<T>(w, b1))
      w = v128.load_splat<T>(a3)
      c30 = v128.add<T>(c30, v128.mul<T>(w, b0))
      c31 = v128.add<T>(c31, v128.mul<T>(w, b1))
      a1 += An
      a2 += An
      a3 += An
    }
  }
  put<T>(c, Cp, columns, c00, c01, more)
  if (count === 4) {
    put<T>(c + Cm, Cp, columns, c10, c11, more)
    put<T>(c + 2 * Cm, Cp, columns, c20, c21, more)
    put<T>(c + 3 * Cm, Cp, columns, c30, c31, more)
  }
}

// @inline
function put<T>(c: usize, Cp: usize, columns: i32, x: v128, y: v128, more: bool): void {
  const size = sizeof<T>()
  if (columns * <i32>size === WIDTH && Cp === size) {
    v128.store(c, more ? v128.add<T>(v128.load(c), x) : x)
    v128.store(c, more ? v128.add<T>(v128.load(c, 16), y) : y, 16)
    return
  }
  const sums = room + DEPTH * WIDTH
  v128.store(sums, x)
  v128.store(sums, y, 16)
  for (let j = 0; j < columns; j++, c += Cp) {
    const sum = load<T>(sums + usize(j) * size)
    store<T>(c, more ? <T>(load<T>(c) + sum) : sum)
  }
}
