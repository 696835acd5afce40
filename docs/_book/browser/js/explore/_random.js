// `np.random.default_rng(seed)`, number for number: NumPy's SeedSequence feeds PCG64, and a ziggurat makes normals of it.
// In BigInt, so about a microsecond a draw: for small networks, and to test faster kernels against.

const M64 = (1n << 64n) - 1n
const M128 = (1n << 128n) - 1n

// SeedSequence (M. E. O'Neill's seed_seq_fe): a pool of four words, each hashed and mixed into the others.
/** @type {(seed: number, count: number) => bigint[]} */
const words = (seed, count) => {
  let hash = 0x43b0d7e5
  /** @type {(value: number) => number} */
  const hashed = value => {
    value ^= hash
    hash = Math.imul(hash, 0x931e8875)
    value = Math.imul(value, hash)
    return (value ^ (value >>> 16)) >>> 0
  }
  /** @type {(x: number, y: number) => number} */
  const mixed = (x, y) => {
    const result = Math.imul(0xca01f9dd, x) - Math.imul(0x4973f715, y)
    return (result ^ (result >>> 16)) >>> 0
  }
  const pool = [seed % 2 ** 32, Math.floor(seed / 2 ** 32), 0, 0].map(hashed)
  for (let from = 0; from < 4; from++)
    for (let to = 0; to < 4; to++) if (from !== to) pool[to] = mixed(pool[to], hashed(pool[from]))
  let out = 0x8b51f9dd
  return Array.from({ length: count }, (_, i) => {
    let value = pool[i % 4] ^ out
    out = Math.imul(out, 0x58f38ded)
    value = Math.imul(value, out)
    return BigInt((value ^ (value >>> 16)) >>> 0)
  })
}

// The generator with a seed from 0 to 2**53 - 1.
/** @param {number} seed */
export const generator = seed => {
  // PCG64 is O'Neill's PCG XSL RR 128/64.
  const [a, b, c, d, e, f, g, h] = words(seed, 8)
  const start = (b << 96n) | (a << 64n) | (d << 32n) | c
  const step = ((((f << 96n) | (e << 64n) | (h << 32n) | g) << 1n) | 1n) & M128
  const next = (/** @type {bigint} */ state) => (state * 0x2360ed051fc65da44385df649fccf645n + step) & M128
  let state = next((step + start) & M128)
  /** @type {bigint | undefined} */
  let half // of a 64-bit draw, kept for the next time 32 bits are asked for

  const uint64 = () => {
    state = next(state)
    const folded = (state >> 64n) ^ (state & M64)
    const turn = state >> 122n
    return ((folded >> turn) | (folded << (64n - turn))) & M64
  }
  const uint32 = () => {
    if (half !== undefined) {
      const kept = half
      half = undefined
      return kept
    }
    const drawn = uint64()
    half = drawn >> 32n
    return drawn & 0xffffffffn
  }
  // Uniform over 0 ... limit: as many bits as it has, until they fit.
  /** @type {(limit: number) => number} */
  const upTo = limit => {
    const mask = 2 ** Math.ceil(Math.log2(limit + 1)) - 1
    for (;;) {
      const drawn = Number(uint32() & BigInt(mask))
      if (drawn <= limit) return drawn
    }
  }
  const random = () => Number(uint64() >> 11n) / 2 ** 53
  const normal = () => {
    tables ??= ziggurat()
    const { k, w, f } = tables
    for (;;) {
      const drawn = uint64()
      const layer = Number(drawn & 0xffn)
      const size = Number((drawn >> 9n) & 0xfffffffffffffn)
      const x = size * w[layer] * ((drawn >> 8n) & 1n ? -1 : 1)
      if (size < k[layer]) return x
      if (layer === 0) {
        for (;;) {
          const past = -Math.log1p(-random()) / R
          const other = -Math.log1p(-random())
          if (2 * other > past * past) return (drawn >> 17n) & 1n ? -(R + past) : R + past
        }
      }
      if ((f[layer - 1] - f[layer]) * random() + f[layer] < Math.exp(-0.5 * x * x)) return x
    }
  }
  return {
    uint64,
    random,
    normal,
    randoms: (/** @type {number} */ count) => Float64Array.from({ length: count }, random),
    normals: (/** @type {number} */ count) => Float64Array.from({ length: count }, normal),
    permutation: (/** @type {number[]} */ values) => {
      const found = [...values]
      for (let i = found.length - 1; i > 0; i--) {
        const j = upTo(i)
        ;[found[i], found[j]] = [found[j], found[i]]
      }
      return found
    },
  }
}

// The ziggurat of Marsaglia & Tsang (2000): 256 layers of equal area under exp(-x^2 / 2), the lowest with the tail beyond
// r. Layer i is as wide as x[i] and reaches from the height f(x[i]) to f(x[i - 1]), so each follows from the one below:
//     f(x[i]) = f(x[i + 1]) + area / x[i + 1].
// An engine's exp may be off in its last bit, and an error grows from layer to layer: our draws have 13 digits of NumPy's.
const R = 3.6541528853610088
const AREA = 0.004928673233974655 // r f(r) + the tail
/** @type {ReturnType<typeof ziggurat> | undefined} */
let tables
const ziggurat = () => {
  const [k, w, f] = [new Float64Array(256), new Float64Array(256), new Float64Array(256)]
  const size = 2 ** 52
  const height = (/** @type {number} */ x) => Math.exp(-0.5 * x * x)
  const base = AREA / height(R) // as wide as the lowest layer would be without its tail
  k[0] = Math.floor((R / base) * size)
  w[0] = base / size
  f[0] = 1
  let x = R
  for (let i = 255; i > 0; i--) {
    w[i] = x / size
    f[i] = height(x)
    const above = i > 1 ? Math.sqrt(-2 * Math.log(AREA / x + f[i])) : 0
    k[i] = Math.floor((above / x) * size)
    x = above
  }
  return { k, w, f }
}
