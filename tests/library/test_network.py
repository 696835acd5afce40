"""A network and its two passes: shapes, dtypes, ensembles, exact gradients."""

from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shallownet as sn
from shallownet.network import Layer, Trace

ACTIVATIONS = [getattr(sn.activations, n) for n in sn.activations.__all__ if n != "Activation"]
LOSSES = [sn.losses.binary_cross_entropy, sn.losses.softmax_cross_entropy, sn.losses.squared_error]
SIZES = st.lists(st.integers(1, 5), min_size=2, max_size=5)
SHAPES = st.sampled_from([(), (1,), (3,), (2, 3)])
SEEDS = st.integers(0, 2**32)
DTYPES = st.sampled_from([np.float64, np.float32])


def problem(seed, sizes, *, ensemble=(), m=4, dtype=float):
    """A network with random weights and biases, data and targets that every loss accepts."""
    rng = np.random.default_rng(seed)
    params = [
        Layer(layer.W, rng.standard_normal(layer.b.shape).astype(dtype))
        for layer in sn.init_params(sizes, sn.initializers.lecun, rng, ensemble=ensemble, dtype=dtype)
    ]
    Y = rng.dirichlet(np.ones(sizes[-1]), size=m).T
    return params, rng.standard_normal((sizes[0], m)).astype(dtype), Y


def member(params, index):
    return [Layer(W[index], b[index]) for W, b in params]


@given(seed=SEEDS, sizes=SIZES, ensemble=SHAPES, dtype=DTYPES)
@settings(max_examples=40, deadline=None)
def test_init_params_draws_the_shapes_it_says(seed, sizes, ensemble, dtype):
    """`W` is (n_out, n_in), `b` a column of zeros: a row of biases would broadcast along the examples."""
    params = sn.init_params(sizes, sn.initializers.he, np.random.default_rng(seed), ensemble=ensemble, dtype=dtype)

    assert [W.shape for W, _ in params] == [(*ensemble, o, i) for i, o in pairwise(sizes)]
    assert [b.shape for _, b in params] == [(*ensemble, o, 1) for o in sizes[1:]]
    assert all(a.dtype == dtype for layer in params for a in layer)
    assert all((b == 0).all() for _, b in params)
    assert isinstance(params, list)
    assert all(isinstance(layer, Layer) for layer in params)


def test_init_params_takes_one_initializer_a_layer():
    """Chapter 1 sets one layer to zero and draws the other."""
    normal = partial(sn.initializers.normal, std=1.0)

    (W1, _), (W2, _) = sn.init_params([2, 3, 1], [sn.initializers.zeros, normal], np.random.default_rng(0))

    assert (W1 == 0).all()
    assert (W2 != 0).all()


def test_an_ensemble_may_be_counted_by_one_integer():
    """`ensemble=200` and `ensemble=(200,)` are the same networks."""
    draws = [
        sn.init_params([2, 3, 1], sn.initializers.he, np.random.default_rng(0), ensemble=e)
        for e in (5, (5,), np.int64(5), [5])
    ]

    for params in draws:
        np.testing.assert_array_equal(params[0].W, draws[0][0].W)


@given(seed=SEEDS, sizes=SIZES, ensemble=SHAPES, dtype=DTYPES)
@settings(max_examples=20, deadline=None)
def test_biases_are_what_was_asked_for(seed, sizes, ensemble, dtype):
    """A number, or one entry a layer; the weights are drawn as they are without."""
    rng = np.random.default_rng(seed)
    shared = [rng.standard_normal((n, 1)) for n in sizes[1:]]
    each = [rng.standard_normal((*ensemble, n, 1)) for n in sizes[1:]]
    numbers = [float(l) for l in range(1, len(sizes))]

    def drawn(biases):
        initializer, rng = sn.initializers.he, np.random.default_rng(seed)
        return sn.init_params(sizes, initializer, rng, ensemble=ensemble, dtype=dtype, biases=biases)

    plain = drawn(None)
    for given_, expected in ((0.5, [0.5] * len(numbers)), (numbers, numbers), (shared, shared), (tuple(each), each)):
        params = drawn(given_)
        for (W, b), (V, c), wanted in zip(params, plain, expected, strict=True):
            np.testing.assert_array_equal(W, V)
            assert (b.shape, b.dtype) == (c.shape, dtype)
            np.testing.assert_array_equal(b, np.broadcast_to(np.asarray(wanted, dtype), b.shape))
            b[...] = 7  # the networks' own, not the caller's
    assert all((array != 7).all() for array in (*shared, *each))


def test_an_honest_last_bias_makes_the_first_loss_the_entropy():
    """One example in a hundred is positive: the first loss is .056, and ln 2 with a bias of zero."""
    rng = np.random.default_rng(0)
    loss, Y = sn.losses.binary_cross_entropy, (np.arange(1000) < 10).astype(float)[None]
    X, small = rng.standard_normal((5, 1000)), partial(sn.initializers.normal, std=1e-6)
    draws = [sn.initializers.he, small]

    first = [
        loss.f(sn.forward(sn.init_params([5, 8, 1], draws, rng, ensemble=(4,), biases=b), X).A[-1], Y)
        for b in (None, [0, loss.best_constant(Y)])
    ]

    np.testing.assert_allclose(first[0], np.log(2), rtol=1e-4)
    np.testing.assert_allclose(first[1], -(0.01 * np.log(0.01) + 0.99 * np.log(0.99)), rtol=1e-4)


@given(seed=SEEDS, sizes=SIZES, ensemble=SHAPES, dtype=DTYPES, activation=st.sampled_from(ACTIVATIONS))
@settings(max_examples=60, deadline=None)
def test_an_ensemble_is_a_loop_over_its_members(seed, sizes, ensemble, dtype, activation):
    """Ten thousand networks must be the same code and the same numbers as one, in float32 as well."""
    params, X, Y = problem(seed, sizes, ensemble=ensemble, dtype=dtype)
    rtol, atol = (2e-4, 1e-5) if dtype == np.float32 else (1e-10, 1e-12)

    trace = sn.forward(params, X, activation)
    grads = sn.backward(params, trace, sn.losses.squared_error.df(trace.A[-1], Y), activation)

    assert all(a.dtype == dtype for a in [*trace.A, *trace.Z[1:], *(g for layer in grads for g in layer)])
    assert [(g.W.shape, g.b.shape) for g in grads] == [(p.W.shape, p.b.shape) for p in params]
    for index in np.ndindex(ensemble):
        one = member(params, index)
        alone = sn.forward(one, X, activation)
        np.testing.assert_allclose(trace.A[-1][index], alone.A[-1], rtol, atol)
        alone_grads = sn.backward(one, alone, sn.losses.squared_error.df(alone.A[-1], Y), activation)
        for together, single in zip(member(grads, index), alone_grads, strict=True):
            np.testing.assert_allclose(together.W, single.W, rtol, atol)
            np.testing.assert_allclose(together.b, single.b, rtol, atol)


@given(seed=SEEDS, sizes=SIZES, activation=st.sampled_from(ACTIVATIONS))
@settings(max_examples=40, deadline=None)
def test_forward_is_the_equation(seed, sizes, activation):
    """Z = W A + b, A = g(Z), the last layer linear; indices equal the book's superscripts."""
    params, X, _ = problem(seed, sizes)

    Z, A = trace = sn.forward(params, X, activation)

    assert isinstance(trace, Trace)
    assert Z[0] is None
    assert A[-1] is Z[-1]
    np.testing.assert_array_equal(A[0], X)
    for l, (W, b) in enumerate(params, start=1):
        for i in range(X.shape[1]):
            np.testing.assert_allclose(Z[l][:, i], [w @ A[l - 1][:, i] + c for w, c in zip(W, b[:, 0], strict=True)])
        if l < len(params):
            np.testing.assert_array_equal(A[l], activation.f(Z[l]))


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=repr)
@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_backward_is_the_gradient_in_random_directions(activation, loss):
    """Every activation with every loss, at random biases: zero ones put ReLU on its kink."""
    params, X, Y = problem(7, [3, 4, 5, 2], ensemble=(3,), m=6)
    rng = np.random.default_rng(8)
    V = [Layer(rng.standard_normal(W.shape), rng.standard_normal(b.shape)) for W, b in params]
    h = 1e-6

    def J(t):
        moved = [Layer(W + t * dW, b + t * db) for (W, b), (dW, db) in zip(params, V, strict=True)]
        return loss.f(sn.forward(moved, X, activation).A[-1], Y)

    trace = sn.forward(params, X, activation)
    grads = sn.backward(params, trace, loss.df(trace.A[-1], Y), activation)
    claimed = sum((g * v).sum(axis=(-2, -1)) for G, D in zip(grads, V, strict=True) for g, v in zip(G, D, strict=True))

    np.testing.assert_allclose(claimed, (J(h) - J(-h)) / (2 * h), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("which", ["W", "b", "X", "both"])
def test_a_shared_array_collects_the_gradient_of_all_networks(which):
    """Where one array serves several networks, its gradient is their sum and has its own shape."""
    params, X, Y = problem(3, [2, 3, 1], ensemble=(4,))
    if which in ("W", "both"):
        params[0] = Layer(params[0].W[0], params[0].b if which == "W" else params[0].b[:1])
    if which == "b":
        params[1] = Layer(params[1].W, params[1].b[0])
    X = np.stack([X, 2 * X, -X, X]) if which == "X" else X
    V = np.random.default_rng(0).standard_normal(params[0].W.shape)
    loss = sn.losses.squared_error

    def J(h):
        moved = [Layer(params[0].W + h * V, params[0].b), params[1]]
        return loss.f(sn.forward(moved, X).A[-1], Y).sum()

    trace = sn.forward(params, X)
    grads = sn.backward(params, trace, loss.df(trace.A[-1], Y))

    assert [(g.W.shape, g.b.shape) for g in grads] == [(p.W.shape, p.b.shape) for p in params]
    assert (grads[0].W * V).sum() == pytest.approx((J(1e-6) - J(-1e-6)) / 2e-6, rel=1e-6, abs=1e-8)


@given(seed=SEEDS, ensemble=SHAPES)
@settings(max_examples=10, deadline=None)
def test_inputs_are_never_changed(seed, ensemble):
    """Pure functions: a block that is run twice must give the same."""
    params, X, Y = problem(seed, [2, 3, 1], ensemble=ensemble)
    kept = [Layer(W.copy(), b.copy()) for W, b in params]
    for array in (X, Y, *(a for layer in params for a in layer)):
        array.flags.writeable = False

    trace = sn.forward(params, X)
    dZ = sn.losses.squared_error.df(trace.A[-1], Y)
    snapshot = [A.copy() for A in trace.A], dZ.copy()
    sn.backward(params, trace, dZ)

    for before, after in zip(kept, params, strict=True):
        np.testing.assert_array_equal(before.W, after.W)
    for before, after in zip(snapshot[0], trace.A, strict=True):
        np.testing.assert_array_equal(before, after)
    np.testing.assert_array_equal(snapshot[1], dZ)


def test_the_same_seed_gives_the_same_network_and_the_global_state_stays():
    """A reader's `np.random` is not ours."""
    before = np.random.get_state()[1].copy()

    first, second = (
        sn.init_params([2, 4, 1], sn.initializers.he, np.random.default_rng(5), ensemble=(3,)) for _ in range(2)
    )

    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.W, other.W)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_layers_may_be_tuples_lists_or_integers():
    """The first pages have no `Layer` yet, and weights typed by hand are often integers."""
    X = [[0, 1, 2], [1, 1, 1]]

    trace = sn.forward([([[1, 0], [0, 1]], [[0], [1]]), ([[1, 1]], [[0]])], X, sn.activations.relu)
    grads = sn.backward([([[1, 0], [0, 1]], [[0], [1]]), ([[1, 1]], [[0]])], trace, [[1, 1, 1]], sn.activations.relu)

    assert trace.A[-1].tolist() == [[2.0, 3.0, 4.0]]
    assert grads[1].W.tolist() == [[3.0, 6.0]]


def test_logits_gradient_in_float64_does_not_widen_a_float32_network():
    """`np.ones(...)` as a hand-made dZ is float64."""
    params, X, _ = problem(0, [2, 3, 1], dtype=np.float32)
    trace = sn.forward(params, X)

    grads = sn.backward(params, trace, np.ones(trace.A[-1].shape))

    assert {a.dtype for layer in grads for a in layer} == {np.dtype(np.float32)}


def test_layer_and_trace_unpack_as_the_book_writes_them():
    """`(W1, b1), (W2, b2) = params` and `Z, A = forward(...)`."""
    assert Layer._fields == ("W", "b")
    assert Trace._fields == ("Z", "A")
