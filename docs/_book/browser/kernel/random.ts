// NumPy's `np.random.default_rng(seed)`: SeedSequence, PCG64 and the ziggurat, so that a picture shows the book's own draws.

// PCG64: a state of 128 bits in two halves.
let high: u64 = 0
let low: u64 = 0
let incrementHigh: u64 = 0
let incrementLow: u64 = 0

const MULTIPLIER_HIGH: u64 = 0x2360ed051fc65da4
const MULTIPLIER_LOW: u64 = 0x4385df649fccf645

// The upper half of a product of 64 bits by 64 bits, which WebAssembly does not have.
// @inline
function upper(a: u64, b: u64): u64 {
  const a0 = a & 0xffffffff,
    a1 = a >> 32,
    b0 = b & 0xffffffff,
    b1 = b >> 32
  const middle = a1 * b0 + ((a0 * b0) >> 32)
  const other = a0 * b1 + (middle & 0xffffffff)
  return a1 * b1 + (middle >> 32) + (other >> 32)
}

// @inline
function step(): void {
  const product = low * MULTIPLIER_LOW
  high = upper(low, MULTIPLIER_LOW) + low * MULTIPLIER_HIGH + high * MULTIPLIER_LOW
  low = product + incrementLow
  high += incrementHigh + u64(low < product)
}

function next(): u64 {
  step()
  return rotr<u64>(high ^ low, high >> 58)
}

// @inline
function random(): f64 {
  return f64(next() >> 11) * (1.0 / 9007199254740992.0)
}

// SeedSequence: a seed of up to 64 bits, stirred into a pool of four words.
let constant: u32 = 0

function stirred(value: u32, multiplier: u32): u32 {
  value ^= constant
  constant *= multiplier
  value *= constant
  return value ^ (value >> 16)
}

const pool = memory.data(16)
const words = memory.data(32)

export function seed(first: u32, second: u32): void {
  constant = 0x43b0d7e5
  for (let i = 0; i < 4; i++) store<u32>(pool + 4 * i, stirred(i === 0 ? first : i === 1 ? second : 0, 0x931e8875))
  for (let from = 0; from < 4; from++) {
    for (let to = 0; to < 4; to++) {
      if (from === to) continue
      const value = 0xca01f9dd * load<u32>(pool + 4 * to) - 0x4973f715 * stirred(load<u32>(pool + 4 * from), 0x931e8875)
      store<u32>(pool + 4 * to, value ^ (value >> 16))
    }
  }
  constant = 0x8b51f9dd
  for (let i = 0; i < 8; i++) store<u32>(words + 4 * i, stirred(load<u32>(pool + 4 * (i & 3)), 0x58f38ded))
  const stream = load<u64>(words + 24)
  incrementHigh = (load<u64>(words + 16) << 1) | (stream >> 63)
  incrementLow = (stream << 1) | 1
  high = incrementHigh
  low = incrementLow
  const sum = low + load<u64>(words + 8)
  high += load<u64>(words) + u64(sum < low)
  low = sum
  step()
}

// The ziggurat (Marsaglia and Tsang, 2000): 256 layers of equal area under exp(-x^2 / 2), the lowest of which ends at R.
const R: f64 = 3.6541528853610088
const AREA: f64 = 0.004928673233974652
const SCALE: f64 = 4503599627370496.0 // 2^52: the part of a draw that says where in its layer it lies
const widths = memory.data(2048)
const inside = memory.data(2048)
const heights = memory.data(2048)

// To the last bit as NumPy's own tables are, each layer from the rounded one below it; whoever made those had an exp that
// rounded up at layer 38.
export function tables(): void {
  let x = R
  for (let i: usize = 255; i > 0; i--) {
    let y = Math.exp(-0.5 * x * x)
    if (i === 38) y = reinterpret<f64>(reinterpret<u64>(y) + 1)
    store<f64>(widths + 8 * i, x / SCALE)
    store<f64>(heights + 8 * i, y)
    const inner = i > 1 ? Math.sqrt(-2 * Math.log(y + AREA / x)) : 0
    store<u64>(inside + 8 * i, u64((inner / x) * SCALE))
    x = inner
  }
  const y = load<f64>(heights + 8 * 255)
  store<f64>(widths, AREA / y / SCALE)
  store<u64>(inside, u64(((R * y) / AREA) * SCALE))
  store<f64>(heights, 1)
}

function normal(): f64 {
  while (true) {
    let bits = next()
    const layer = usize(bits & 255) << 3
    bits >>= 8
    const place = (bits >> 1) & 0xfffffffffffff
    let x = f64(place) * load<f64>(widths + layer)
    if (bits & 1) x = -x
    if (place < load<u64>(inside + layer)) return x
    if (layer === 0) {
      while (true) {
        const beyond = -Math.log1p(-random()) / R
        const other = -Math.log1p(-random())
        if (other + other > beyond * beyond) return (place >> 8) & 1 ? -(R + beyond) : R + beyond
      }
    }
    const above = load<f64>(heights + layer - 8),
      below = load<f64>(heights + layer)
    if ((above - below) * random() + below < Math.exp(-0.5 * x * x)) return x
  }
}

// rng.standard_normal(count)
export function normals(to: usize, count: i32): void {
  for (let i = 0; i < count; i++) store<f64>(to + (usize(i) << 3), normal())
}

// 2 * rng.random(count) - 1
export function uniforms(to: usize, count: i32): void {
  for (let i = 0; i < count; i++) store<f64>(to + (usize(i) << 3), 2 * random() - 1)
}
