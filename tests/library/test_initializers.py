"""Initializers: tested by the distribution they draw from, not by a draw."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import shallownet as sn
from shallownet import initializers as init
from shallownet.activations import Activation

TAU = stats.truncnorm(-2, 2).std()
DISTRIBUTIONS = ["normal", "uniform", "truncated_normal"]
FANS = [(100, 400), (400, 100), (200, 200), (30, 2000)]

# name, initializer, variance by (fan_in, fan_out): the catalogue's table
SCALED = [
    ("lecun", init.lecun, lambda i, o: 1 / i),
    ("lecun gain", partial(init.lecun, gain=5 / 3), lambda i, o: (5 / 3) ** 2 / i),
    ("glorot", init.glorot, lambda i, o: 2 / (i + o)),
    ("glorot gain", partial(init.glorot, gain=5 / 3), lambda i, o: (5 / 3) ** 2 * 2 / (i + o)),
    ("he", init.he, lambda i, o: 2 / i),
    ("he fan_out", partial(init.he, mode="fan_out"), lambda i, o: 2 / o),
    ("he leaky", partial(init.he, gain=np.sqrt(2 / (1 + 0.01**2))), lambda i, o: 2 / (1.0001 * i)),
    ("fan_in", partial(init.variance_scaling, scale=3.0, mode="fan_in"), lambda i, o: 3 / i),
    ("fan_out", partial(init.variance_scaling, scale=1 / 3, mode="fan_out"), lambda i, o: 1 / (3 * o)),
    ("fan_avg", partial(init.variance_scaling, mode="fan_avg"), lambda i, o: 2 / (i + o)),
    ("fan_geo_avg", partial(init.variance_scaling, mode="fan_geo_avg"), lambda i, o: 1 / np.sqrt(i * o)),
]
RANDOM = {
    "normal": partial(init.normal, std=0.3),
    "uniform": partial(init.uniform, limit=0.3),
    "truncated_normal": partial(init.truncated_normal, std=0.3),
    "orthogonal": init.orthogonal,
    "sparse": partial(init.sparse, sparsity=0.3, std=1.0),
    **{f"mup {role}": partial(init.mup, role=role, base_width=3) for role in ("input", "hidden", "output")},
    **{name: f for name, f, _ in SCALED},
}
FIXED = {"zeros": init.zeros, "constant": partial(init.constant, value=0.5), "identity": init.identity}


def law(distribution, std):
    """The stated distribution with that standard deviation, from scipy."""
    return {
        "normal": stats.norm(scale=std),
        "uniform": stats.uniform(-np.sqrt(3) * std, 2 * np.sqrt(3) * std),
        "truncated_normal": stats.truncnorm(-2, 2, scale=std / TAU),
    }[distribution]


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
@pytest.mark.parametrize(("name", "initializer", "variance"), SCALED, ids=[name for name, *_ in SCALED])
def test_every_scheme_draws_from_the_distribution_it_states(name, initializer, variance, distribution):
    """Three fans, three shapes, one law each: a swapped fan or a forgotten square root shows at once."""
    for seed, (n_in, n_out) in enumerate(FANS):
        W = initializer((n_out, n_in), np.random.default_rng(seed), distribution=distribution)
        expected = law(distribution, np.sqrt(variance(n_in, n_out)))
        # the sampling error of a variance: sqrt((kurtosis - 1) / N), of a mean: std / sqrt(N)
        relative = np.sqrt((expected.stats("k") + 2) / W.size)

        assert stats.kstest(W.ravel(), expected.cdf).pvalue > 1e-4, name
        assert abs(W.var() / expected.var() - 1) < 5 * relative
        assert abs(W.mean()) < 5 * expected.std() / np.sqrt(W.size)


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_float32_draws_from_the_same_distribution(distribution):
    """NumPy draws float32 by another algorithm."""
    W = init.he((300, 200), np.random.default_rng(0), distribution=distribution, dtype=np.float32)

    assert W.dtype == np.float32
    assert stats.kstest(W.ravel(), law(distribution, 0.1).cdf).pvalue > 1e-4


@pytest.mark.parametrize(
    ("initializer", "expected"),
    [
        (partial(init.normal, std=0.7), stats.norm(scale=0.7)),
        (partial(init.uniform, limit=0.7), stats.uniform(-0.7, 1.4)),
        (partial(init.truncated_normal, std=0.7), stats.truncnorm(-2, 2, scale=0.7 / TAU)),
    ],
    ids=DISTRIBUTIONS,
)
def test_the_plain_distributions(initializer, expected):
    """`std` is that of what comes out, also for the truncated normal."""
    W = initializer((3, 200, 100), np.random.default_rng(4))

    assert stats.kstest(W.ravel(), expected.cdf).pvalue > 1e-4
    assert abs(W.std() / expected.std() - 1) < 5 * np.sqrt((expected.stats("k") + 2) / W.size) / 2


@pytest.mark.parametrize("base", [1.0, 64.0])
@pytest.mark.parametrize("role", ["input", "hidden", "output"])
def test_mup_draws_the_variances_of_tensor_programs_v(role, base):
    """Table 3: 1 / fan-in, and 1 / fan-in squared at the output, where the base width is where LeCun's is."""
    for seed, (n_in, n_out) in enumerate(FANS):
        W = init.mup((n_out, n_in), np.random.default_rng(seed), role=role, base_width=base, gain=1.5)
        variance = 1.5**2 / n_in * (base / n_in if role == "output" else 1)

        assert stats.kstest(W.ravel(), stats.norm(scale=np.sqrt(variance)).cdf).pvalue > 1e-4
        assert abs(W.var() / variance - 1) < 5 * np.sqrt(2 / W.size)


@pytest.mark.parametrize(
    ("optimizer", "powers"),
    [("adam", [0, -1, -1, -1]), ("sgd", [1, 0, 0, -1]), ("momentum", [1, 0, 0, -1])],
)
def test_mup_rates_scale_as_in_tensor_programs_v(optimizer, powers):
    """Table 3: by fan-in for Adam; for gradient descent by fan-out at the input and by fan-in at the output."""
    for n in (8, 32, 320):
        rates = init.mup_rates([7, n, n, n, 5], 0.3, optimizer, base_width=32)

        np.testing.assert_allclose(rates, [0.3 * (n / 32) ** power for power in powers])
        assert all(type(rate) is float for rate in rates)


def test_mup_rates_of_unequal_widths_and_of_ensembles():
    """Fan-in is the width below; a bare classifier has no width; each network may have its own rate."""
    lr = np.array([0.1, 0.2])

    assert init.mup_rates((7, 64, 16, 5), 1.0, base_width=32) == [1.0, 0.5, 2.0]
    assert init.mup_rates(np.array([7, 64, 16, 5]), 1.0, "sgd", base_width=32) == [2.0, 0.25, 2.0]
    assert init.mup_rates([7, 5], 0.1) == [0.1]
    np.testing.assert_allclose(init.mup_rates([7, 64, 5], lr, base_width=32), [lr, lr / 2])


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "momentum"])
def test_under_mup_a_step_moves_every_layer_alike_at_every_width(optimizer):
    """The law itself, by a coordinate check: no layer's movement depends on the width."""
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((20, 8)), np.eye(3)[:, rng.integers(0, 3, 8)]
    layers = [partial(init.mup, role="input"), partial(init.mup, role="hidden"), init.zeros]
    widths, changes = [64, 128, 256], []

    for n in widths:
        params = sn.init_params([20, n, n, 3], layers, rng, ensemble=(12,))
        lr = init.mup_rates([20, n, n, 3], 0.002 if optimizer == "adam" else 0.05, optimizer, base_width=64)
        loss = sn.losses.softmax_cross_entropy
        run = sn.train(params, X, Y, steps=4, lr=lr, loss=loss, optimizer=optimizer)
        change = sn.diagnostics.coordinate_change(sn.forward(params, X), sn.forward(run.params, X))
        changes.append(np.median(change, axis=1))

    slopes = np.polyfit(np.log(widths), np.log(changes), 1)[0]
    assert np.all(np.abs(slopes) < 0.2), slopes


def test_truncation_is_at_two_deviations_of_the_uncut_normal():
    """The bound is +-2 std / tau, and draws come close to it; tau is the catalogue's constant."""
    W = init.truncated_normal((500, 500), np.random.default_rng(0), std=0.1)

    assert pytest.approx(0.87962566103423978, rel=1e-14) == TAU == pytest.approx(init.TRUNCATED_STD, rel=1e-14)
    assert np.abs(W).max() <= 0.2 / TAU
    assert np.abs(W).max() > 0.1999 / TAU


def test_uniform_stays_within_its_limit():
    """Glorot's eq. 16 is the half-width sqrt(6 / (n_in + n_out))."""
    W = init.glorot((200, 400), np.random.default_rng(0), distribution="uniform")

    assert np.abs(W).max() <= 0.1
    assert np.abs(W).max() > 0.0999


def test_pytorchs_linear_default_is_a_third_of_lecuns_variance():
    """Catalogue 1.9: kaiming_uniform with a = sqrt(5) is U(+-1/sqrt(n)), not He's."""
    gain = np.sqrt(2 / (1 + 5))
    W = init.he((100, 400), np.random.default_rng(0), gain=gain, distribution="uniform")

    assert stats.kstest(W.ravel(), stats.uniform(-0.05, 0.1).cdf).pvalue > 1e-4


@pytest.mark.parametrize("gain", [1.0, 0.5, 2.0])
@pytest.mark.parametrize("shape", [(5, 5), (7, 3), (3, 7), (1, 4), (4, 1), (2, 3, 6, 4)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_orthogonal_rows_or_columns(shape, gain, dtype):
    """Every singular value is the gain: lengths survive any depth."""
    W = init.orthogonal(shape, np.random.default_rng(0), gain=gain, dtype=dtype)

    s = np.linalg.svd(W, compute_uv=False)

    assert (W.shape, W.dtype) == (shape, dtype)
    np.testing.assert_allclose(s, gain, rtol=1e-12 if dtype == np.float64 else 1e-5)
    assert (W**2).mean() == pytest.approx(gain**2 / max(shape[-2:]), rel=1e-4)  # the table's variance


def test_orthogonal_is_uniform_over_rotations_and_reflections():
    """Without the sign correction, QR's factor is not: its determinant and its diagonal give it away."""
    W = init.orthogonal((4000, 4, 4), np.random.default_rng(0))
    # an entry of a uniform unit vector in R^4: (x + 1) / 2 is Beta(3/2, 3/2)
    entry = stats.beta(1.5, 1.5, loc=-1, scale=2)

    positive = (np.linalg.det(W) > 0).mean()
    traces = np.trace(W, axis1=-2, axis2=-1)

    assert abs(positive - 0.5) < 5 * 0.5 / np.sqrt(4000)
    assert abs(traces.mean()) < 5 / np.sqrt(4000)  # E tr = 0 and E tr^2 = 1 under Haar measure
    assert abs((traces**2).mean() - 1) < 5 * np.sqrt(2 / 4000)
    for i, j in np.ndindex(4, 4):
        assert stats.kstest(W[:, i, j], entry.cdf).pvalue > 1e-5


@pytest.mark.parametrize("sparsity", [0.0, 0.1, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("shape", [(10, 7), (3, 20, 4)])
def test_sparse_zeros_per_column(sparsity, shape):
    """PyTorch's rule: ceil(sparsity * n_out) zeros in each column, anywhere in it."""
    W = init.sparse(shape, np.random.default_rng(0), sparsity=sparsity, std=1.0)

    zeros = (W == 0).sum(axis=-2)

    assert (zeros == int(np.ceil(sparsity * shape[-2]))).all()


def test_sparse_chooses_every_row_alike_and_draws_the_rest_from_the_normal():
    """Variance (1 - p) std^2, as in the table."""
    W = init.sparse((3000, 10, 4), np.random.default_rng(0), sparsity=0.3, std=0.2)

    share = (W == 0).mean(axis=(0, 2))

    assert np.abs(share - 0.3).max() < 5 * np.sqrt(0.3 * 0.7 / 12000)
    assert stats.kstest(W[W != 0], stats.norm(scale=0.2).cdf).pvalue > 1e-4
    assert W.var() == pytest.approx(0.7 * 0.04, rel=0.03)


def test_the_fixed_ones():
    """Zero, a constant, and the identity padded by zeros."""
    rng = np.random.default_rng(0)

    assert (init.zeros((2, 3, 4), rng) == 0).all()
    assert (init.constant((2, 3, 4), rng, value=-0.5) == -0.5).all()
    for shape in [(3, 3), (2, 4), (4, 2)]:
        np.testing.assert_array_equal(init.identity((5, *shape), rng)[3], np.eye(*shape))
    assert rng.bit_generator.state == np.random.default_rng(0).bit_generator.state


def test_identity_members_do_not_share_memory():
    """A broadcast view would change every network when one is changed."""
    W = init.identity((3, 2, 2), np.random.default_rng(0))

    W[0, 0, 0] = 7

    assert W[1, 0, 0] == 1


@pytest.mark.parametrize("name", sorted(RANDOM))
def test_networks_of_an_ensemble_are_independent_draws_of_the_same_law(name):
    """Leading axes never change the variance, and two networks never share weights."""
    f = RANDOM[name]

    W = f((300, 8, 6), np.random.default_rng(0))
    alone = np.stack([f((8, 6), np.random.default_rng(seed)) for seed in range(300)])

    flat = W.reshape(300, -1)
    assert len(np.unique(flat.round(12), axis=0)) == 300
    assert abs(np.corrcoef(flat[:, 0], flat[:, 7])[0, 1]) < 5 / np.sqrt(300)
    assert abs(np.corrcoef(flat[0], flat[1])[0, 1]) < 0.75
    assert stats.ks_2samp(W[W != 0], alone[alone != 0]).pvalue > 1e-4
    assert W.var() == pytest.approx(alone.var(), rel=0.05)


@pytest.mark.parametrize("name", sorted(RANDOM | FIXED))
@given(
    ensemble=st.sampled_from([(), (2,), (2, 3)]),
    n=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    dtype=st.sampled_from([np.float64, np.float32]),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=12, deadline=None)
def test_shape_dtype_and_seed_decide(name, ensemble, n, dtype, seed):
    """The same generator state gives the same weights; a list is as good a shape as a tuple."""
    f = (RANDOM | FIXED)[name]
    legacy = np.random.get_state()[1].copy()

    W, again = (f(shape, np.random.default_rng(seed), dtype=dtype) for shape in ((*ensemble, *n), [*ensemble, *n]))

    assert (W.shape, W.dtype) == ((*ensemble, *n), dtype)
    assert W.flags.writeable
    np.testing.assert_array_equal(W, again)
    np.testing.assert_array_equal(np.random.get_state()[1], legacy)


@pytest.mark.parametrize(
    ("f", "argument"), [(init.normal, "std"), (init.uniform, "limit"), (init.truncated_normal, "std")]
)
def test_each_network_may_have_its_own_scale(f, argument):
    """One ensemble draws a whole curve of scales."""
    scales = np.array([0.0, 0.1, 10.0])[:, None, None]

    W = f((3, 40, 30), np.random.default_rng(0), **{argument: scales})
    unit = f((3, 40, 30), np.random.default_rng(0), **{argument: 1})

    np.testing.assert_allclose(W, scales * unit, rtol=1e-12)


def test_layers_of_a_network_are_independent():
    """Reseeding per layer would correlate them."""
    (W1, _), (W2, _) = sn.init_params([50, 50, 50], init.glorot, np.random.default_rng(0))

    assert abs(np.corrcoef(W1.ravel(), W2.ravel())[0, 1]) < 0.1


def test_gains_are_pytorchs_table():
    """Catalogue 3, `calculate_gain`."""
    expected = {
        "identity": 1,
        "sigmoid": 1,
        "tanh": 5 / 3,
        "relu": 2**0.5,
        "leaky_relu": (2 / 1.0001) ** 0.5,
        "selu": 0.75,
    }

    found = {name: init.gain(getattr(sn.activations, name)) for name in expected}

    assert found == pytest.approx(expected, rel=1e-15)
    assert all(type(value) is float for value in found.values())


def bent(left, right, name="leaky_relu"):
    """A function that is straight on each side of 0."""
    return Activation(name, lambda Z: np.where(Z > 0, right * Z, left * Z), lambda Z: np.where(Z > 0, right, left))


@pytest.mark.parametrize("slopes", [(0.2, 1), (0.01, 1), (0, 3), (-1, 1), (1, 1), (0.25, 1e-3), (5, 0)])
@pytest.mark.parametrize("name", ["leaky_relu", "relu", "mine"])
def test_gain_is_measured_of_what_the_function_does(slopes, name):
    """By name, a leaky ReLU of slope 0.2 would get the gain of slope 0.01."""
    found = init.gain(bent(*slopes, name))

    assert found == pytest.approx((2 / (slopes[0] ** 2 + slopes[1] ** 2)) ** 0.5, rel=1e-12)
    assert type(found) is float


@pytest.mark.parametrize("slopes", [(0.5, 1), (-1, 1), (0, 0.1)])
@pytest.mark.parametrize("length", [1e-2, 1e2])
def test_the_measured_gain_keeps_the_mean_square_at_every_length(slopes, length):
    """From one layer to the next, in 200 networks: what the docstring promises."""
    rng, g = np.random.default_rng(0), bent(*slopes)
    draw = partial(init.lecun, gain=init.gain(g))
    params = sn.init_params([200, 200, 200], draw, rng, ensemble=(200,))

    Z = sn.forward(params, length * rng.standard_normal((200, 1)), g).Z

    # a layer's mean square strays by at most sqrt(5 / 200), the mean of 200 of them by 0.011
    assert (Z[2] ** 2).mean() / (Z[1] ** 2).mean() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(
    "f",
    [
        lambda Z: np.clip(Z, 0, 6),
        lambda Z: np.maximum(Z, 0) + 1e-9,
        lambda Z: np.where(Z > 0, Z, np.expm1(np.minimum(Z, 0))),
        lambda Z: np.sign(Z),
        lambda Z: Z * np.abs(Z),
        lambda Z: np.full_like(Z, np.nan),
        sn.activations.scaled_tanh.f,
        np.tanh,
    ],
)
def test_of_a_function_that_bends_there_is_no_gain(f):
    """Whatever number were returned, it would hold at one length only: the message says where to read on."""
    with pytest.raises(ValueError, match="chapter 7 and meanfield, got 'relu'"):
        init.gain(Activation("relu", f, np.ones_like))


@given(st.lists(st.integers(1, 50), min_size=2, max_size=5))
@settings(max_examples=20, deadline=None)
def test_fans_are_the_last_two_axes_swapped(shape):
    """`(n_out, n_in)` is the other way round than `(fan_in, fan_out)`: the usual slip."""
    assert init.fans(tuple(shape)) == (shape[-1], shape[-2])


# What layers of PyTorch 2.13, Keras 3.15 (on JAX 0.10) and Flax 0.12 did with kernels of ones: the mean of the outputs
# for inputs of ones, and the mean gradient of their sum, far from the border. 6 inputs and 8 outputs.
LAYERS = {
    "Conv2d(6, 8, 3)": ((8, 6, 3, 3), "oikk", {}, (54, 72)),
    "Conv2d(6, 8, 3, groups=2)": ((8, 3, 3, 3), "oikk", {"groups": 2}, (27, 36)),
    "Conv2d(6, 6, 3, groups=6)": ((6, 1, 3, 3), "oikk", {"groups": 6}, (9, 9)),
    "Conv2d(6, 8, 4, stride=2)": ((8, 6, 4, 4), "oikk", {"stride": 2}, (96, 32)),
    "Conv2d(6, 8, 3, stride=2, groups=2)": ((8, 3, 3, 3), "oikk", {"stride": 2, "groups": 2}, (27, 9)),
    "ConvTranspose2d(6, 8, 3)": ((6, 8, 3, 3), "iokk", {"transposed": True}, (54, 72)),
    "ConvTranspose2d(6, 8, 3, stride=2)": ((6, 8, 3, 3), "iokk", {"transposed": True, "stride": 2}, (13.5, 72)),
    "ConvTranspose2d(6, 8, 4, stride=2)": ((6, 8, 4, 4), "iokk", {"transposed": True, "stride": 2}, (24, 128)),
    "ConvTranspose2d(6, 8, 4, stride=2, groups=2)": (
        (6, 4, 4, 4),
        "iokk",
        {"transposed": True, "stride": 2, "groups": 2},
        (12, 64),
    ),
    "Keras Conv2D(8, 3)": ((3, 3, 6, 8), "kkio", {}, (54, 72)),
    "Keras Conv2D(8, 3, groups=2)": ((3, 3, 3, 8), "kkio", {"groups": 2}, (27, 36)),
    "Keras Conv2D(8, 4, strides=2)": ((4, 4, 6, 8), "kkio", {"stride": 2}, (96, 32)),
    "Keras DepthwiseConv2D(3, depth_multiplier=2)": ((3, 3, 6, 2), "kkno", {}, (9, 18)),
    "Keras Conv2DTranspose(8, 4, strides=2)": ((4, 4, 8, 6), "kkoi", {"transposed": True, "stride": 2}, (24, 128)),
    "Flax Conv(6, 8, (3, 3))": ((3, 3, 6, 8), "kkio", {}, (54, 72)),
    "Flax Conv, feature_group_count=2": ((3, 3, 3, 8), "kkio", {"groups": 2}, (27, 36)),
    "Flax ConvTranspose, (4, 4), strides=2": ((4, 4, 6, 8), "kkio", {"transposed": True, "stride": 2}, (24, 128)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_fans_are_what_the_frameworks_layers_do(name):
    """The count that decides the variance is that of the layer, not what a framework's initializer reads."""
    shape, layout, settings, measured = LAYERS[name]

    assert init.fans(shape, layout, **settings) == measured
    assert init.fans((7, 2, *shape), layout, **settings) == measured  # fourteen networks


def heard(n_in, n_out, k, stride, groups, transposed):
    """Each weight of a one-dimensional convolution on a ring, as the pair of the output and the input that it joins."""
    places = 4 * k * stride
    for i in range(n_in):
        for o in range(n_out):
            if i * groups // n_in != o * groups // n_out:
                continue  # of another group
            for tap in range(k):
                for p in range(places):
                    if transposed:  # an input spreads over the outputs
                        yield (o, (p * stride + tap) % (places * stride)), (i, p)
                    elif p % stride == 0:  # an output gathers inputs
                        yield (o, p // stride), (i, (p + tap) % places)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("stride", [1, 2, 3, 5])
@pytest.mark.parametrize("k", [1, 3, 4])
def test_fans_are_a_count_of_the_weights_that_join(k, stride, groups, transposed):
    """By brute force: who hears whom. A stride longer than the kernel leaves inputs that nobody hears."""
    n_in, n_out = 4, 8
    joined = list(heard(n_in, n_out, k, stride, groups, transposed))
    places = 4 * k * stride
    outputs = n_out * (places * stride if transposed else places // stride)
    stored = (n_in, n_out // groups, k) if transposed else (n_out, n_in // groups, k)

    fan_in, fan_out = init.fans(
        stored, "iok" if transposed else "oik", groups=groups, stride=stride, transposed=transposed
    )

    assert fan_in == pytest.approx(len(joined) / outputs, rel=1e-15)
    assert fan_out == pytest.approx(len(joined) / (n_in * places), rel=1e-15)
    assert all(type(fan) is (int if fan == int(fan) else float) for fan in (fan_in, fan_out))


@pytest.mark.parametrize(
    ("shape", "layout", "expected"),
    [
        ((768, 12, 64), "ioo", (768, 768)),
        ((12, 64, 768), "iio", (768, 768)),
        ((8, 32, 64), "nio", (32, 64)),
        ((5, 300), "io", (5, 300)),
        ((50257, 768), "no", (1, 768)),
        ((3, 5, 7, 6, 8), "kkkio", (3 * 5 * 7 * 6, 3 * 5 * 7 * 8)),
        ([8, 6, np.int64(3)], "oik", (18, 24)),
    ],
)
def test_fans_of_other_kernels(shape, layout, expected):
    """Heads multiply, experts do not, and a look-up hears one input, however many words there are."""
    found = init.fans(shape, layout)

    assert found == expected
    assert all(type(fan) is int for fan in found)


def test_strides_may_differ_by_axis():
    """A kernel of 3 by 6, moved by 1 and by 2: half of its width counts in the fan-out."""
    assert init.fans((8, 6, 3, 6), "oikk", stride=(1, 2)) == (6 * 18, 8 * 9)
    assert init.fans((6, 8, 3, 6), "iokk", stride=(1, 2), transposed=True) == (6 * 9, 8 * 18)


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
@pytest.mark.parametrize(("name", "initializer", "variance"), SCALED, ids=[name for name, *_ in SCALED])
def test_fans_that_are_handed_in_replace_those_of_the_shape(name, initializer, variance, distribution):
    """A kernel (64, 32, 3, 3), read by its last two axes, would get weights ten times too large."""
    shape = 64, 32, 3, 3
    fan_in, fan_out = init.fans(shape, "oikk", stride=2)

    W = initializer(shape, np.random.default_rng(0), distribution=distribution, fans=(fan_in, fan_out))

    expected = law(distribution, np.sqrt(variance(fan_in, fan_out)))
    assert W.shape == shape
    assert stats.kstest(W.ravel(), expected.cdf).pvalue > 1e-4
    assert abs(W.var() / expected.var() - 1) < 5 * np.sqrt((expected.stats("k") + 2) / W.size)


@pytest.mark.parametrize("scheme", [init.lecun, init.glorot, init.he, init.variance_scaling])
def test_the_shape_s_own_fans_change_nothing(scheme):
    """The same draw, to the last bit."""
    draws = [scheme((5, 40, 30), np.random.default_rng(0), fans=f) for f in (None, (30, 40), [30.0, 40.0])]

    np.testing.assert_array_equal(draws[0], draws[1])
    np.testing.assert_array_equal(draws[0], draws[2])


def convolution(W, n):
    """The matrix of a convolution with W (n_out, n_in, k) on a ring of n places, built entry by entry."""
    n_out, n_in, k = W.shape
    matrix = np.zeros((n_out, n, n_in, n))
    for place in range(n):
        for tap in range(k):
            matrix[:, place, :, (place + tap - (k - 1) // 2) % n] += W[:, :, tap]
    return matrix.reshape(n_out * n, n_in * n)


@pytest.mark.parametrize(("n_out", "n_in"), [(4, 4), (6, 3), (3, 6), (1, 1)])
@pytest.mark.parametrize("k", [1, 2, 3, 5])
@pytest.mark.parametrize("gain", [1.0, 2.5])
def test_a_delta_orthogonal_convolution_is_an_isometry(n_out, n_in, k, gain):
    """Every singular value of the whole operator is the gain, which an orthogonal flattened kernel does not give."""
    rng = np.random.default_rng(0)

    W = init.delta_orthogonal((n_out, n_in, k), rng, gain=gain, layout="oik")
    s = np.linalg.svd(convolution(W, 7), compute_uv=False)

    rank = 7 * min(n_out, n_in)
    np.testing.assert_allclose(s[:rank], gain, rtol=1e-12)
    assert np.abs(s[rank:]).max(initial=0) < 1e-12
    if k == 3 and n_out == n_in == 4:
        flat = init.orthogonal((4, 12), rng).reshape(4, 4, 3)
        assert np.ptp(np.linalg.svd(convolution(flat, 7), compute_uv=False)) > 0.5  # the check itself


def test_a_delta_orthogonal_kernel_is_uniform_over_rotations_and_reflections():
    """Its centre is what `orthogonal` draws: an entry of a uniform unit vector in R^4 is a stretched beta."""
    W = init.delta_orthogonal((3000, 4, 4, 3, 3), np.random.default_rng(0))
    entry = stats.beta(1.5, 1.5, loc=-1, scale=2)

    centre = W[:, :, :, 1, 1]

    assert np.count_nonzero(W) == np.count_nonzero(centre) == centre.size
    assert abs((np.linalg.det(centre) > 0).mean() - 0.5) < 5 * 0.5 / np.sqrt(3000)
    for i, j in np.ndindex(4, 4):
        assert stats.kstest(centre[:, i, j], entry.cdf).pvalue > 1e-5


@pytest.mark.parametrize(
    ("shape", "layout", "centre"),
    [
        ((6, 5, 3, 3), "oikk", lambda W: W[:, :, 1, 1]),
        ((3, 3, 5, 6), "kkio", lambda W: W[1, 1].T),
        ((3, 4, 6, 5), "kkoi", lambda W: W[1, 1]),
        ((5, 6, 2, 5), "iokk", lambda W: W[:, :, 0, 2].T),
        ((5, 3, 2, 3), "ikok", lambda W: W[:, 1, :, 1].T),
        ((3, 5, 2, 3), "kioo", lambda W: W[1].reshape(5, 6).T),
    ],
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_delta_orthogonal_in_every_layout(shape, layout, centre, dtype):
    """The matrix stands where the layout says, for one network and for the members of an ensemble."""
    W = init.delta_orthogonal(shape, np.random.default_rng(0), layout=layout, dtype=dtype)
    many = init.delta_orthogonal((2, *shape), np.random.default_rng(0), layout=layout, dtype=dtype)

    assert (W.shape, W.dtype, W.flags.writeable) == (shape, dtype, True)
    assert many.shape == (2, *shape)
    for kernel in (W, *many):
        s = np.linalg.svd(centre(kernel), compute_uv=False)
        np.testing.assert_allclose(s, 1, rtol=1e-12 if dtype == np.float64 else 1e-5)
        assert np.count_nonzero(kernel) == centre(kernel).size
    assert (many[0] != many[1]).any()


def test_independent_copies_have_matrices_of_their_own():
    """Stacked experts with kernels: one draw each."""
    W = init.delta_orthogonal((4, 3, 3, 5), np.random.default_rng(0), layout="niko")

    for copy in W:
        np.testing.assert_allclose(np.linalg.svd(copy[:, 1], compute_uv=False), 1, rtol=1e-12)
    assert np.abs(W[0] - W[1]).max() > 0.1


def variances(params, X, g):
    """The variance over units and examples of each layer's output, `(L, ...)`."""
    return np.stack([Z.var(axis=(-2, -1)) for Z in sn.forward(params, X, g).Z[1:]])


@pytest.mark.parametrize("g", [sn.activations.relu, sn.activations.tanh, sn.activations.softplus])
@pytest.mark.parametrize(("dtype", "error"), [(np.float64, 1e-12), (np.float32, 1e-4)])
def test_lsuv_leaves_every_layer_of_every_network_with_variance_one(g, dtype, error):
    """Whatever the inputs' scale and mean; each network by itself, so not only on average."""
    rng = np.random.default_rng(0)
    X = 3 + 10 * rng.standard_normal((6, 50))
    params = sn.init_params([6, 20, 30, 4], init.zeros, rng, ensemble=(7, 2), dtype=dtype)

    found = init.lsuv(params, X, g, rng, tolerance=0.0)

    np.testing.assert_allclose(variances(found, X, g), 1, atol=error)
    assert [(W.shape, W.dtype, b.shape, b.dtype) for W, b in found] == [
        (W.shape, dtype, b.shape, dtype) for W, b in params
    ]
    assert all(not b.any() for _, b in found)
    assert all(not W.any() for W, _ in params), "the layers handed in were changed"


def test_lsuv_rescales_an_orthogonal_draw_and_nothing_else():
    """All singular values of a layer are one number, another one for each network."""
    rng = np.random.default_rng(0)
    params = sn.init_params([5, 9, 9, 3], init.he, rng, ensemble=(4,))

    found = init.lsuv(params, rng.standard_normal((5, 40)), sn.activations.tanh, rng)

    for W, _ in found:
        s = np.linalg.svd(W, compute_uv=False)
        np.testing.assert_allclose(s, np.broadcast_to(s[:, :1], s.shape), rtol=1e-12)
    assert len(np.unique(np.linalg.svd(found[1].W, compute_uv=False)[:, 0].round(6))) == 4


def test_lsuv_of_an_ensemble_is_lsuv_of_each_network():
    """A loop over the members, each with its own batch: the same draw, scaled by hand."""
    rng = np.random.default_rng(1)
    X = rng.standard_normal((3, 5, 40)) * np.array([0.1, 1, 10])[:, None, None]
    params = sn.init_params([5, 8, 2], init.he, rng, ensemble=(3,))

    found = init.lsuv(params, X, sn.activations.silu, np.random.default_rng(2))

    for k in range(3):
        one = [(W[k], b[k]) for W, b in found]
        assert (np.abs(variances(one, X[k], sn.activations.silu) - 1) < 0.1).all()
        A = X[k]
        for W, _ in one:
            Q = W / np.linalg.norm(W, 2)
            s = (Q @ A).std()
            expected = Q if abs(s**2 - 1) < 0.1 else Q / s
            np.testing.assert_allclose(W, expected, rtol=1e-9, atol=1e-12)
            A = sn.activations.silu.f(W @ A)


def test_lsuv_rescales_at_most_once_and_only_beyond_the_tolerance():
    """Orthogonal weights on white inputs have variance 1 already: they keep their draw."""
    rng = np.random.default_rng(3)
    X = np.linalg.qr(rng.standard_normal((400, 8)))[0].T * 20  # white: X @ X.T = 400 I
    state = rng.bit_generator.state
    drawn = init.orthogonal((8, 8), rng)
    for scale, kept in ((1.0, True), (1.04, True), (1.06, False), (0.94, False)):
        rng.bit_generator.state = state
        ((W, _),) = init.lsuv([(np.ones((8, 8)), np.ones((8, 1)))], scale * X, sn.activations.relu, rng)
        np.testing.assert_allclose(W, drawn if kept else drawn / (scale * (drawn @ X).std()), rtol=1e-12)


def test_lsuv_does_not_see_the_units_of_its_inputs():
    """Pixels from 0 to 1 and from 0 to 16 give the same network; only the first layer takes the factor up."""
    X = np.random.default_rng(0).random((6, 30))
    params = sn.init_params([6, 7, 7, 2], init.zeros, np.random.default_rng(0))

    a, b = (init.lsuv(params, s * X, sn.activations.silu, np.random.default_rng(1), 0.0) for s in (1, 16))

    np.testing.assert_allclose(a[0].W, 16 * b[0].W, rtol=1e-9)
    for (W, _), (V, _) in zip(a[1:], b[1:], strict=True):
        np.testing.assert_allclose(W, V, rtol=1e-9)


@pytest.mark.parametrize("kind", [sn.network.Layer, lambda W, b: (W, b), lambda W, b: [W, b]])
def test_lsuv_keeps_the_type_of_the_layers(kind):
    """Named layers stay named; plain pairs need no import."""
    params = [kind(np.ones((4, 3)), np.ones((4, 1))), kind(np.ones((2, 4)), np.ones((2, 1)))]

    rng = np.random.default_rng(0)
    found = init.lsuv(iter(params), rng.random((3, 9)), sn.activations.tanh, rng)

    assert [type(layer) for layer in found] == [type(layer) for layer in params]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_lsuv_does_not_take_rounding_for_a_signal(dtype):
    """One unit that puts out the same number for every example: blown up to variance 1 it would be noise."""
    params = [(np.ones((1, 3), dtype), np.ones((1, 1), dtype))]
    X = np.full((3, 1), 0.1) * np.ones(7) * 1.7

    with pytest.raises(ValueError, match="layer 1 must vary"):
        init.lsuv(params, X, sn.activations.tanh, np.random.default_rng(0))


WIDTHS = st.integers(2, 30)


@given(WIDTHS, WIDTHS, st.sampled_from([(), (3,), (2, 2)]), st.sampled_from([float, np.float32]))
@settings(max_examples=20, deadline=None)
def test_lsuv_leaves_every_layer_with_variance_one(n, width, ensemble, dtype):
    """Mishkin & Matas's promise, for each network by itself and whatever the inputs' scale and mean."""
    rng = np.random.default_rng(n * width)
    params = sn.init_params([n, width, width, 5], init.zeros, rng, ensemble=ensemble, dtype=dtype)
    X = 7 + 100 * rng.standard_normal((n, 40))

    found = init.lsuv(params, X, sn.activations.softplus, rng)

    for Z in sn.forward(found, X, sn.activations.softplus).Z[1:]:
        assert Z.dtype == dtype
        np.testing.assert_allclose(Z.var(axis=(-2, -1)), 1, atol=0.1)
    assert all(W.shape == old.W.shape and not b.any() for (W, b), old in zip(found, params, strict=True))
    assert not any(W.any() for W, _ in params)


def test_lsuv_leaves_alone_what_is_within_the_tolerance():
    """A network of an ensemble gets the weights that it would get alone, near 1 or not."""
    rng = np.random.default_rng(1)
    X = np.stack([s * rng.standard_normal((40, 200)) for s in (1.0, 3.0)])
    params = sn.init_params([40, 40], init.zeros, rng, ensemble=(2,))

    both = init.lsuv(params, X, sn.activations.tanh, np.random.default_rng(2))[0].W

    plain = init.orthogonal((2, 40, 40), np.random.default_rng(2))
    np.testing.assert_array_equal(both[0], plain[0])
    np.testing.assert_allclose(both[1], plain[1] / (plain[1] @ X[1]).std(), rtol=1e-12)
