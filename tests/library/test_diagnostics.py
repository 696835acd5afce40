"""Diagnostics against naive computations, one network at a time."""

import tracemalloc
from decimal import Decimal
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shallownet as sn
from shallownet import diagnostics as diag
from shallownet.activations import Activation
from shallownet.network import Layer, Trace

ACTIVATIONS = [getattr(sn.activations, n) for n in sn.activations.__all__ if n != "Activation"]
LOSSES = [sn.losses.binary_cross_entropy, sn.losses.softmax_cross_entropy, sn.losses.squared_error]


def naive_spread(W):
    return max(abs(W[i, k] - W[j, k]) for i in range(len(W)) for j in range(len(W)) for k in range(W.shape[1]))


def naive_cosines(A):
    m = A.shape[1]
    return np.array(
        [[A[:, i] @ A[:, j] / np.sqrt(A[:, i] @ A[:, i] * (A[:, j] @ A[:, j])) for j in range(m)] for i in range(m)]
    )


def naive_angles(A):
    return np.arccos(np.clip(naive_cosines(A), -1, 1))


NAIVE = {
    "unit_spread": (diag.unit_spread, naive_spread),
    "unit_rank": (diag.unit_rank, lambda W: np.linalg.matrix_rank(W, tol=1e-8 * np.linalg.norm(W, 2))),
    "saturation": (
        lambda A: diag.saturation(A, threshold=0.5),
        lambda A: np.mean([abs(a) > 0.5 for a in A.ravel()]),
    ),
    "dead_units": (diag.dead_units, lambda A: np.mean([not row.any() for row in A])),
    "rms": (diag.rms, lambda A: np.sqrt(sum(a * a for a in A.ravel()) / A.size)),
    "angles": (diag.angles, naive_angles),
    "correlations": (diag.correlations, naive_cosines),
    "lengths": (diag.lengths, lambda A: [sum(a * a for a in column) / len(column) for column in A.T]),
    "grad_norms": (
        lambda A: np.moveaxis(diag.grad_norms([(A, None), (2 * A, None)]), 0, -1),
        lambda A: np.array([1, 2]) * np.sqrt(sum(a * a for a in A.ravel())),
    ),
    "update_ratio": (
        lambda A: np.moveaxis(diag.update_ratio([(A, None)], [(A + 0.01, None)]), 0, -1),
        lambda A: [0.01 / np.sqrt((A * A).mean())],
    ),
    "coordinate_change": (
        lambda A: np.moveaxis(diag.coordinate_change(Trace([None, A, A], []), Trace([None, 2 * A, A + 1], [])), 0, -1),
        lambda A: [np.sqrt(sum(a * a for a in A.ravel()) / A.size), 1],
    ),
}


@pytest.mark.parametrize("name", sorted(NAIVE))
@given(
    seed=st.integers(0, 2**32),
    ensemble=st.sampled_from([(), (1,), (3,), (2, 3)]),
    n=st.integers(1, 5),
    m=st.integers(1, 5),
    dtype=st.sampled_from([np.float64, np.float32]),
)
@settings(max_examples=25, deadline=None)
def test_each_is_the_naive_computation_for_each_network(name, seed, ensemble, n, m, dtype):
    """The last axes are reduced and the leading ones kept: a diagnosis of the wrong network is worse than none."""
    fast, naive = NAIVE[name]
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((*ensemble, n, m)).astype(dtype)
    A[..., 0, :] = rng.choice([0.0, 1.0])  # a dead unit, or a constant one
    if n == 1:
        A[A == 0] = 1.0  # a column of zeros has no direction
    A.flags.writeable = False

    found = fast(A)

    assert isinstance(found, np.ndarray)
    assert found.shape[: len(ensemble)] == ensemble
    for index in np.ndindex(ensemble):
        np.testing.assert_allclose(found[index], naive(A[index].astype(float)), rtol=1e-3, atol=2e-3)
        if dtype == np.float64 and name != "angles":
            np.testing.assert_allclose(found[index], naive(A[index]), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", sorted(set(NAIVE) - {"update_ratio", "coordinate_change"}))  # these two: below
@pytest.mark.parametrize("size", [1e-4, 1.0, 300.0])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, "bfloat16"])
def test_each_measures_in_float64_what_comes_in_fewer_bits(name, size, dtype):
    """In half precision the square of 1e-4 is 0 and that of 300 infinite, partly without a warning."""
    dtype = pytest.importorskip("ml_dtypes").bfloat16 if dtype == "bfloat16" else dtype
    low = (size * np.random.default_rng(0).standard_normal((2, 3, 4))).astype(dtype)
    measure = NAIVE[name][0]

    found = measure(low)

    np.testing.assert_array_equal(found, measure(low.astype(float)))
    assert found.dtype == (int if name == "unit_rank" else float)
    assert np.isfinite(found).all()


def test_the_difference_of_two_half_precision_networks_is_taken_in_float64():
    """Two weights of 1 that differ by their last bit, and two of the largest size with opposite signs."""
    before = np.array([[1.0, -60000.0]], np.float16)
    after = np.array([[1.0009765625, 60000.0]], np.float16)

    change = diag.coordinate_change(Trace([None, before], []), Trace([None, after], []))
    ratio = diag.update_ratio([(before, None)], [(after, None)])

    assert change == pytest.approx(np.sqrt((0.0009765625**2 + 60000.0**2 * 4) / 2), rel=1e-12)
    assert ratio == pytest.approx(change / np.sqrt((1 + 60000.0**2) / 2), rel=1e-12)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_jacobians_and_gradients_are_measured_in_float64(dtype):
    """Central differences in half precision are rounding alone."""
    params, X, Y = nudged([3, 4, 2], (3,))
    low = [Layer(W.astype(dtype), b.astype(dtype)) for W, b in params]
    same = [Layer(W.astype(float), b.astype(float)) for W, b in low]
    tanh, x = sn.activations.tanh, X.astype(dtype)

    found = diag.jacobian_singular_values(low, x, tanh)
    error = diag.check_gradients(low, x, Y, tanh, LOSSES[0])

    assert found.dtype == error.dtype == float
    np.testing.assert_array_equal(found, diag.jacobian_singular_values(same, x.astype(float), tanh))
    assert (error < 1e-6).all()


def test_the_first_step_away_from_zeros_is_infinitely_large():
    """A warning of NumPy from inside a record would stop a page."""
    zeros = [(np.zeros((3, 2)), None), (np.zeros((1, 3)), None)]
    moved = [(np.ones((3, 2)), None), (np.zeros((1, 3)), None)]

    ratio = diag.update_ratio(zeros, moved)

    assert ratio[0] == np.inf
    assert np.isnan(ratio[1])


def exact_distance(W):
    """The nearest pair in rational numbers, one subtraction at a time."""
    rows = [[Fraction(float(w)) for w in row] for row in W]
    squares = [sum((a - b) ** 2 for a, b in zip(u, v, strict=True)) for u, v in combinations(rows, 2)]
    nearest = min(squares)
    return float((Decimal(nearest.numerator) / nearest.denominator).sqrt())  # no square underflows there


@pytest.mark.parametrize("size", [1e-150, 1e-3, 1.0, 1e3, 1e150])
@pytest.mark.parametrize("nudge", [0.0, 1e-15, 1e-9, 1e-6, 1.0])
@given(
    seed=st.integers(0, 2**32),
    ensemble=st.sampled_from([(), (1,), (3,), (2, 3)]),
    n=st.integers(2, 7),
    n_in=st.integers(1, 6),
    tied=st.integers(2, 7),
)
@settings(max_examples=15, deadline=None)
def test_unit_distance_is_that_of_the_nearest_pair(size, nudge, seed, ensemble, n, n_in, tied):
    """|x|^2 + |y|^2 - 2xy is fast and has half the digits: a pair 1e-6 apart at 1e3 would be noise."""
    rng = np.random.default_rng(seed)
    W = rng.standard_normal((*ensemble, n, n_in))
    W[..., :tied, :] = W[..., :1, :] + nudge * rng.standard_normal(W[..., :tied, :].shape)
    W = size * W
    W.flags.writeable = False

    found = diag.unit_distance(W)

    assert found.shape == ensemble
    for index in np.ndindex(ensemble):
        np.testing.assert_allclose(found[index], exact_distance(W[index]), rtol=1e-14, atol=0)


@pytest.mark.parametrize("nudge", [0.0, 1e-6, 1.0])
def test_unit_distance_of_a_wide_layer(nudge):
    """A thousand units of a thousand weights, of which two are (almost) tied: found, without a cube of numbers."""
    W = 1e3 * np.random.default_rng(0).standard_normal((1000, 1000))
    W[700] = W[20]
    W[700, 3] += nudge
    tracemalloc.start()

    found = diag.unit_distance(W)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert found == pytest.approx(W[700, 3] - W[20, 3], rel=1e-14, abs=0)
    assert peak < 16 * W.nbytes


@pytest.mark.parametrize("spread", [0.0, 1e-15])
def test_unit_distance_sees_what_one_free_unit_hides(spread):
    """Chapter 1's nudged start: the spread is large, and all units but one are one unit, up to rounding."""
    rng = np.random.default_rng(0)
    W = np.full((100, 50), 0.3) + spread * rng.standard_normal((100, 50))
    W[17] += 1e-3 * rng.standard_normal(50)

    assert diag.unit_spread(W) > 1e-3
    assert diag.unit_distance(W) < 1e-13
    assert (diag.unit_distance(W) == 0) == (spread == 0)


def test_unit_distance_among_many_pairs_that_are_almost_as_near():
    """Two crowds far from each other: the product says nothing about 870 pairs, more than are subtracted at a time."""
    rng = np.random.default_rng(0)
    W = np.repeat([[0.0], [1.0]], 30, axis=0) + 1e-10 * rng.standard_normal((60, 2000))
    W[59] = W[58] + 1e-12 * rng.standard_normal(2000)
    assert diag.PAIRS // 2000 < 870

    found = diag.unit_distance(np.stack([W, 2 * W]))

    expected = min(np.linalg.norm(W[i] - W[j]) for i, j in combinations(range(60), 2))
    np.testing.assert_allclose(found, [expected, 2 * expected], rtol=1e-12)


def test_unit_distance_of_networks_that_diverged():
    """Neither a tie nor a distance: NaN, beside neighbours with their numbers."""
    W = np.stack([np.eye(3)] * 3)
    W[0, 1, 1], W[2, 0, 0] = np.nan, np.inf

    np.testing.assert_allclose(diag.unit_distance(W), [np.nan, 2**0.5, np.nan])


def test_unit_rank_counts_independent_units():
    """Four distinct rows of rank one are still one unit (catalogue 1.4)."""
    row = np.array([1.0, -2.0, 3.0])
    W = np.stack([np.outer([1, 2, 3, 4], row), np.zeros((4, 3)), np.eye(4, 3)])

    rank = diag.unit_rank(W)

    assert rank.tolist() == [1, 0, 3]
    assert diag.unit_rank(np.diag([1.0, 1e-6]), tolerance=1e-3) == 1
    assert rank.dtype.kind == "i"


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, bool])
def test_small_integers_do_not_wrap_around(dtype):
    """Pixels are uint8, and 16 * 16 is 0 there."""
    A = np.array([[16, 0], [16, 16]]).astype(dtype)

    assert diag.rms(A) == pytest.approx(np.sqrt((A.astype(float) ** 2).mean()))
    assert diag.unit_spread(A) == A.max()
    np.testing.assert_allclose(diag.lengths(A), (A.astype(float) ** 2).mean(axis=0))


SHARES = {"saturation", "dead_units"}


@pytest.mark.parametrize("name", sorted(set(NAIVE) - {"unit_rank"} | {"unit_distance"}))
@pytest.mark.parametrize("bad", [[np.nan], [np.inf], [np.inf, -np.inf, np.inf], [1e200, -1e200]])
def test_a_diverged_network_gives_nan_or_infinity_and_its_neighbours_their_numbers(name, bad):
    """NaN compares as not saturated and not dead: a share of 0 would look like health. Nor is it a warning's matter."""
    measure = NAIVE[name][0] if name in NAIVE else diag.unit_distance
    A = np.random.default_rng(0).standard_normal((2, 3, 4))
    whole = measure(A)
    A[0, 1, : len(bad)] = bad

    found = measure(A)

    np.testing.assert_array_equal(found[1], whole[1])
    if bad[0] != 1e200:
        assert not np.isfinite(found[0]).all()
        assert name not in SHARES or np.isnan(found[0])


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e300])
@pytest.mark.parametrize("activation", [sn.activations.tanh, sn.activations.relu], ids=repr)
def test_a_jacobian_of_a_network_that_diverged_is_nan(bad, activation):
    """LAPACK's search for the singular values of NaN does not converge; the other networks have theirs."""
    params, X, _ = nudged([3, 4, 4, 2], (3,))
    whole = diag.jacobian_singular_values(params, X, activation)
    for layer in params[:2]:
        layer.W[1] = bad

    found = diag.jacobian_singular_values(params, X, activation)

    np.testing.assert_allclose(found[[0, 2]], whole[[0, 2]], rtol=1e-12)
    assert bad == 1e300 or np.isnan(found[1]).any()


@pytest.mark.parametrize("size", [1e-200, 1e200])
def test_sizes_that_a_float_holds_are_found_although_their_squares_are_not(size):
    """A gradient of 1e-200 is vanishing and not zero: the deep nets of chapter 4 have smaller ones."""
    A = size * np.array([[[3.0, 0.0], [0.0, 4.0]], [[0.0, 0.0], [0.0, 0.0]]])

    assert diag.rms(A) == pytest.approx([2.5 * size, 0], rel=1e-15, abs=0)
    assert diag.grad_norms([(A, None)])[0] == pytest.approx([5 * size, 0], rel=1e-15, abs=0)
    assert diag.update_ratio([(A[0], None)], [(3 * A[0], None)]) == pytest.approx(2)


def test_layers_that_networks_share_are_measured_once_for_all():
    """The first axis is the layer, the others the ensemble's, also where one layer lacks them."""
    params, _, _ = nudged([3, 4, 2], (5,))
    shared = [Layer(params[0].W[0], params[0].b[0]), params[1]]

    assert diag.grad_norms(shared).shape == (2, 5)
    assert diag.update_ratio(shared, [Layer(2 * W, b) for W, b in shared]) == pytest.approx(np.ones((2, 5)))


def test_angles_of_known_vectors():
    """Right, opposite, equal, and so close that an arccos would lose them."""
    tiny = 1e-9
    A = np.array([[1.0, 0.0, -2.0, 1.0], [0.0, 3.0, 0.0, tiny]])

    found = diag.angles(A)

    expected = np.array(
        [
            [0, np.pi / 2, np.pi, tiny],
            [np.pi / 2, 0, np.pi / 2, np.pi / 2 - tiny],
            [np.pi, np.pi / 2, 0, np.pi - tiny],
            [tiny, np.pi / 2 - tiny, np.pi - tiny, 0],
        ]
    )
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-15)


def test_angles_of_a_faint_signal_and_of_none():
    """At depth 200 of the 0.01 rule an activation's square underflows; a column of zeros has no angle."""
    A = np.array([[1e-200, 0.0, 0.0], [0.0, 1e-200, 0.0]])

    found = diag.angles(A)

    assert found[0, 1] == pytest.approx(np.pi / 2)
    assert np.isnan(found[2]).all()
    assert np.isnan(found[:, 2]).all()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_correlations_are_cosines_to_the_last_digit(dtype):
    """Equal inputs stay equal: a correlation of 1.0000001 would have no angle, and the theory no meaning."""
    rng = np.random.default_rng(0)
    A = rng.standard_normal((200, 7, 1)).astype(dtype)
    scales = np.array([1, 3, -1, 1e-15]).astype(dtype)

    found = diag.correlations(A * scales)

    exact = np.sign(scales[:, None] * scales)
    np.testing.assert_allclose(found, np.broadcast_to(exact, (200, 4, 4)), rtol=0, atol=4 * np.finfo(dtype).eps)
    assert np.abs(found).max() <= 1
    assert (found[:, range(4), range(4)] == 1).all()


def test_correlations_of_none():
    """A column of zeros, as dead units make it, points nowhere."""
    found = diag.correlations(np.array([[1.0, 0.0], [0.0, 0.0]]))

    assert found[0, 0] == 1
    assert np.isnan(found[[0, 1, 1], [1, 0, 1]]).all()


def test_lengths_and_correlations_follow_the_maps_of_the_theory():
    """What they measure in a wide layer is what `meanfield` computes for an infinite one."""
    rng = np.random.default_rng(0)
    tanh, n, seeds, sigma_w, sigma_b = sn.activations.tanh, 400, 100, 1.7, 0.3
    q = sn.meanfield.q_star(tanh, sigma_w, sigma_b)
    U = np.linalg.qr(rng.standard_normal((seeds, n, 2)))[0] * np.sqrt(n * q)  # at a right angle, of length q
    Z = U @ np.array([[1, 0.6], [0, 0.8]])
    W = rng.standard_normal((seeds, n, n)) * sigma_w / np.sqrt(n)

    after = W @ tanh.f(Z) + sigma_b * rng.standard_normal((seeds, n, 1))

    assert diag.lengths(Z) == pytest.approx(np.full((seeds, 2), q))
    assert diag.correlations(Z)[:, 0, 1] == pytest.approx(np.full(seeds, 0.6))
    # one layer strays by about sqrt(2 / n) = 0.07, so the mean of 100 by 0.007
    assert diag.lengths(after).mean() == pytest.approx(q, rel=0.03)
    expected = sn.meanfield.c_map(tanh, sigma_w, sigma_b, 0.6)
    assert diag.correlations(after)[:, 0, 1].mean() == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=repr)
@pytest.mark.parametrize("sizes", [[2, 3], [3, 5, 2], [2, 4, 4, 3], [4, 1, 3]])
def test_jacobian_singular_values_are_those_of_the_finite_difference_jacobian(activation, sizes):
    """Depth's whole theory is in these numbers."""
    rng = np.random.default_rng(5)
    params = sn.init_params(sizes, sn.initializers.lecun, rng, ensemble=(2,))
    params = [Layer(W, rng.standard_normal(b.shape)) for W, b in params]
    X = rng.standard_normal((sizes[0], 3))
    h = 1e-6

    found = diag.jacobian_singular_values(params, X, activation)

    assert found.shape == (2, 3, min(sizes[0], sizes[-1]))
    for k, i in np.ndindex(2, 3):
        one = [Layer(W[k], b[k]) for W, b in params]

        def logits(x, one=one):
            return sn.forward(one, x[:, None], activation).A[-1][:, 0]

        x = X[:, i]
        J = np.stack([(logits(x + h * e) - logits(x - h * e)) / (2 * h) for e in np.eye(sizes[0])], axis=1)
        np.testing.assert_allclose(found[k, i], np.linalg.svd(J, compute_uv=False), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=repr)
@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_check_gradients_passes_what_is_right(activation, loss):
    """Of every activation and loss, by the chain rule and for what `backward` returns."""
    params, X, Y = nudged([3, 4, 2], (3,))

    trace = sn.forward(params, X, activation)
    grads = sn.backward(params, trace, loss.df(trace.A[-1], Y), activation)

    for given_ in (None, grads):
        error = diag.check_gradients(params, X, Y, activation, loss, grads=given_)
        assert error.shape == (3,)
        assert (error < 1e-6).all()


def nudged(sizes, ensemble=()):
    """A network with biases off zero, and targets that are distributions."""
    rng = np.random.default_rng(2)
    params = sn.init_params(sizes, sn.initializers.lecun, rng, ensemble=ensemble)
    params = [Layer(W, rng.standard_normal(b.shape)) for W, b in params]
    return params, rng.standard_normal((sizes[0], 6)), rng.dirichlet(np.ones(sizes[-1]), size=6).T


@pytest.mark.parametrize(
    "wrong",
    [
        Activation("tanh", np.tanh, lambda Z: 1 - np.tanh(Z)),
        Activation("tanh", np.tanh, np.ones_like),
        Activation("tanh", np.tanh, lambda Z: -1 / np.cosh(Z) ** 2),
        Activation("relu", lambda Z: np.maximum(Z, 0), np.ones_like),
        Activation("sigmoid", sn.activations.sigmoid.f, lambda Z: 0.9 * sn.activations.sigmoid.df(Z)),
    ],
)
def test_check_gradients_finds_a_wrong_slope(wrong):
    """A ReLU derivative that is always 1 passes other people's CI."""
    params, X, Y = nudged([3, 4, 2], (3,))

    error = diag.check_gradients(params, X, Y, wrong, sn.losses.squared_error)

    assert (error > 1e-3).all()


@pytest.mark.parametrize(
    "change",
    {
        "sign": lambda g: [Layer(-g[0].W, g[0].b), g[1]],
        "missing bias": lambda g: [g[0], Layer(g[1].W, 0 * g[1].b)],
        "sum for mean": lambda g: [Layer(6 * dW, 6 * db) for dW, db in g],
        "two percent": lambda g: [g[0], Layer(1.02 * g[1].W, g[1].b)],
        "zero": lambda g: [Layer(0 * dW, 0 * db) for dW, db in g],
    }.items(),
    ids=lambda item: item[0],
)
def test_check_gradients_finds_a_wrong_backward(change):
    """Each slip that a reader's own backward pass may make."""
    params, X, Y = nudged([3, 4, 2], (3,))
    loss = sn.losses.binary_cross_entropy
    trace = sn.forward(params, X)
    grads = sn.backward(params, trace, loss.df(trace.A[-1], Y))

    error = diag.check_gradients(params, X, Y, sn.activations.tanh, loss, grads=change[1](grads))

    assert (error > 1e-3).all()


def test_check_gradients_finds_a_loss_without_its_mean():
    """A `df` that forgets 1 / m."""
    right = sn.losses.squared_error
    wrong = sn.losses.Loss("wrong", right.f, lambda A, Y: A - Y)
    params, X, Y = nudged([3, 4, 2])

    assert diag.check_gradients(params, X, Y, sn.activations.tanh, wrong) > 0.5


def test_check_gradients_accepts_a_gradient_of_zero():
    """All weights zero and balanced classes: chapter 1's first network. Rounding is no mistake."""
    rng = np.random.default_rng(0)
    X, Y = sn.datasets.xor(200, rng)
    params = sn.init_params([2, 4, 1], sn.initializers.zeros, rng)

    error = diag.check_gradients(params, X, Y, sn.activations.tanh, sn.losses.binary_cross_entropy)

    assert error < 1e-6


def test_update_ratio_and_grad_norms_follow_training():
    """The first axis is the layer, for records of a run."""
    rng = np.random.default_rng(0)
    X, Y = sn.datasets.xor(50, rng)
    params = sn.init_params([2, 4, 3, 1], sn.initializers.glorot, rng, ensemble=(5,))
    trace = sn.forward(params, X)
    grads = sn.backward(params, trace, sn.losses.binary_cross_entropy.df(trace.A[-1], Y))

    run = sn.train(params, X, Y, steps=1, lr=0.5)

    ratio = diag.update_ratio(params, run.params)
    expected = 0.5 * diag.grad_norms(grads) / diag.grad_norms(params)
    assert ratio.shape == (3, 5)
    np.testing.assert_allclose(ratio, expected, rtol=1e-10)


def test_coordinate_change_compares_one_start_with_many_ends():
    """A rate for each network and one start for all: the ensemble axes broadcast, in layers that share weights too."""
    rng = np.random.default_rng(0)
    X, Y = sn.datasets.xor(20, rng)
    start = sn.init_params([2, 4, 3, 1], sn.initializers.glorot, rng)
    many = [(np.stack([W] * 5), np.stack([b] * 5)) for W, b in start]
    ends = sn.train(many, X, Y, steps=3, lr=np.geomspace(0.01, 1, 5)).params
    shared = [start[0], *ends[1:]]  # the first layer did not move

    change = diag.coordinate_change(sn.forward(start, X), sn.forward(ends, X))
    still = diag.coordinate_change(sn.forward(start, X), sn.forward(shared, X))

    assert change.shape == still.shape == (3, 5)
    assert (np.diff(change, axis=1) > 0).all()
    assert not still[0].any()
    assert still[1:].all()


def test_nothing_is_changed_and_no_global_random_state_is_touched():
    """`check_gradients` draws directions of its own."""
    params, X, Y = nudged([3, 4, 2])
    kept = [a.copy() for layer in params for a in layer]
    legacy = np.random.get_state()[1].copy()

    first, second = (diag.check_gradients(params, X, Y, sn.activations.tanh, LOSSES[2]) for _ in range(2))

    assert first == second
    for before, after in zip(kept, [a for layer in params for a in layer], strict=True):
        np.testing.assert_array_equal(before, after)
    np.testing.assert_array_equal(np.random.get_state()[1], legacy)
