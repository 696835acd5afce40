"""The kernel of the explorables against NumPy: the same draws, the same layers, the same counts."""

import base64

import numpy as np
import pytest
import served

import shallownet as sn
from shallownet.network import Layer

N, M, DEPTH = 256, 256, 10
EDGES = 2.0 ** np.arange(-30, 11)
NAMES = ("identity", "tanh", "sigmoid", "relu", "leaky_relu", "scaled_tanh", "selu")

LOAD = """async address => {
  const bytes = await (await fetch(address)).arrayBuffer()
  const { instance: { exports: kernel } } = await WebAssembly.instantiate(bytes)
  kernel.tables()
  kernel.memory.grow(1200)
  const start = Math.ceil(kernel.free() / 64) * 64
  const get = (at, length) => new Promise(resolve => {
    const reader = new FileReader()
    reader.onload = () => resolve(reader.result.split(",")[1])
    reader.readAsDataURL(new Blob([new Uint8Array(kernel.memory.buffer, at, length)]))
  })
  Object.assign(window, { kernel, start, get })
}"""


@pytest.fixture(scope="module")
def page(browser, server):
    page = browser.new_page()
    page.goto(server.url + "chapters/deep-scaling/")
    yield page
    page.close()


@pytest.fixture
def kernel(page):
    """`kernel(script, argument)` runs in a page with a kernel of its own, as bytes back."""
    (file,) = served.site().glob("assets/live/kernel-*.wasm")
    page.evaluate(LOAD, f"{served.base()}assets/live/{file.name}")

    def run(script, argument=None):
        return base64.b64decode(page.evaluate(script, argument))

    return run


def drawn(kernel, what, seed, count):
    script = """([what, low, high, count]) => {
      kernel.seed(low, high); kernel[what](start, count); return get(start, 8 * count) }"""
    return np.frombuffer(kernel(script, [what, seed % 2**32, seed >> 32, count]))


@pytest.mark.parametrize("seed", [0, 1, 42, 123_456_789_012])
def test_normals_are_numpys(kernel, seed):
    """The picture shows the book's own numbers, which begin with the draws."""
    expected = np.random.default_rng(seed).standard_normal(200_000)

    found = drawn(kernel, "normals", seed, 200_000)

    tail = abs(expected) > 3.6541528853610088
    assert tail.sum() > 20
    assert (found[~tail] == expected[~tail]).all()
    # The tail takes a logarithm, whose last bit each C library rounds as it likes.
    assert np.allclose(found[tail], expected[tail], rtol=4e-16, atol=0)


def test_uniforms_are_numpys(kernel):
    """One of the schemes is uniform."""
    found = drawn(kernel, "uniforms", 7, 10_000)

    assert (found == 2 * np.random.default_rng(7).random(10_000) - 1).all()


@pytest.mark.parametrize("n", [20, 100, 256])
def test_orthogonal_matrices_are_the_librarys(kernel, n):
    """Gram-Schmidt against LAPACK's reflections."""
    script = """n => {
      kernel.seed(3, 0); kernel.normals(start, n * n); kernel.orthogonalise(start, n, start + 8 * n * n)
      return get(start, 8 * n * n) }"""

    found = np.frombuffer(kernel(script, n)).reshape(n, n)

    assert abs(found - sn.initializers.orthogonal((n, n), np.random.default_rng(3))).max() < 1e-10


# Forward through all layers, one after the other in memory, then backward; the counts of each last.
PASSES = """([bits, curve, scale, n, m, depth]) => {
  const kind = kernel[curve.toUpperCase()].value
  const bytes = bits / 8, column = bytes * n * m, square = n * n
  const draws = start, ends = draws + 8 * (2 * n * m + (depth + 1) * square), W = ends + 2 * column
  const A = W + bytes * (depth + 1) * square, deltas = A + depth * column, bins = deltas + depth * column
  const all = 2 * n * m + (depth + 1) * square
  kernel.memory.grow(Math.ceil((bins + 1000 - start) / 65536))
  kernel.seed(11, 0)
  kernel.normals(draws, all)
  if (bits === 32) kernel.narrow(draws, ends, all)
  else new Uint8Array(kernel.memory.buffer).copyWithin(ends, draws, draws + 8 * all)
  const call = (name, ...values) => kernel[name + bits](...values)
  let from = ends, delta = ends + column
  const counts = []
  const count = at => {
    call("octaves", at, n * m, bins, 40, -30)
    counts.push(...new Uint32Array(kernel.memory.buffer, bins, 40))
  }
  for (let l = 0; l < depth; l++) {
    const to = A + l * column
    call("product", W + bytes * l * square, n, 1, from, to, n, n, m, scale)
    call("activate", to, to, n * m, kind)
    count(to)
    from = to
  }
  for (let l = depth - 1; l >= 0; l--) {
    const to = deltas + l * column
    call("product", W + bytes * (l + 1) * square, 1, n, delta, to, n, n, m, scale)
    call("damp", to, A + l * column, n * m, kind)
    delta = to
  }
  for (let l = 0; l < depth; l++) count(deltas + l * column)
  new Uint32Array(kernel.memory.buffer, bins, counts.length).set(counts)
  return get(A, bins + 4 * counts.length - A)
}"""


@pytest.mark.parametrize(("bits", "tolerance"), [(32, 1e-6), (64, 1e-13)])
@pytest.mark.parametrize("curve", NAMES)
def test_layers_are_the_librarys(kernel, measured, curve, bits, tolerance):
    """Ten layers of 256 units and 256 examples: every value, and every bar of the picture."""
    g = getattr(sn.activations, curve)
    gain = {"relu": 2**0.5, "leaky_relu": 2**0.5, "sigmoid": 4.0}.get(curve, 1.0)
    rng = np.random.default_rng(11)
    X, delta = rng.standard_normal((2, N, M))
    W = rng.standard_normal((DEPTH + 1, N, N)) * (gain / N**0.5)
    trace = sn.forward([Layer(w, np.zeros((N, 1))) for w in W], X, g)
    deltas = []
    for l in range(DEPTH, 0, -1):
        delta = W[l].T @ delta * g.df(trace.Z[l])
        deltas.insert(0, delta)
    expected = np.array([*trace.A[1:-1], *deltas])

    data = kernel(PASSES, [bits, curve, gain / N**0.5, N, M, DEPTH])

    size = expected.size * bits // 8
    found = np.frombuffer(data[:size], f"f{bits // 8}").reshape(expected.shape)
    counts = np.frombuffer(data[size:], np.uint32).reshape(len(expected), -1)
    scale = np.sqrt((expected**2).mean(axis=(1, 2)))
    error = np.sqrt(((found - expected) ** 2).mean(axis=(1, 2))) / scale
    assert error.max() < tolerance
    assert (abs(found - expected).max(axis=(1, 2)) / scale).max() < 20 * tolerance
    wanted = [np.histogram(abs(layer), EDGES)[0] for layer in expected]
    assert abs(counts - np.array(wanted, int)).sum(axis=1).max() < 0.001 * N * M
    measured(f"kernel, {curve}, float{bits}: values to {error.max():.1e} of the layer's scale")


def test_histograms_are_numpys(kernel):
    """Both edges included, as NumPy has it."""
    script = """() => {
      kernel.seed(5, 0); kernel.normals(start, 50000)
      new Float64Array(kernel.memory.buffer, start, 2).set([-2, 2])
      kernel.histogram(start, 50000, start + 400000, 64, -2, 2); return get(start + 400000, 256) }"""
    values = np.random.default_rng(5).standard_normal(50_000)
    values[:2] = -2, 2

    found = np.frombuffer(kernel(script), np.uint32)

    assert found.tolist() == np.histogram(values, 64, (-2, 2))[0].tolist()


def test_the_kernel_is_small(measured):
    """Compressed, as it is sent; the reader gets it with the first figure that is explored."""
    (file,) = served.site().glob("assets/live/kernel-*.wasm")
    size = len(served.gzip.compress(file.read_bytes(), 9))

    measured(f"kernel: {size / 1000:.1f} kB compressed")
    assert size < 12_000
