"""Residual networks: shapes, dtypes, ensembles, exact gradients, and what a normalisation promises."""

import re
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from parts import assert_each_has_its_own_rate, flat, member

import shallownet as sn
from shallownet import residual
from shallownet.network import Layer, Trace
from shallownet.residual import Block, batch_norm, layer_norm

he, lecun, zeros = sn.initializers.he, sn.initializers.lecun, sn.initializers.zeros
relu, tanh = sn.activations.relu, sn.activations.tanh
SE, CE = sn.losses.squared_error, sn.losses.softmax_cross_entropy
NORMS = [None, batch_norm, layer_norm]
SETTINGS = [{"normalize": n, "skip": s} for n in NORMS for s in (True, False)]
SHAPES = st.sampled_from([(), (1,), (3,), (2, 3)])


def problem(seed=0, depth=3, ensemble=(), dtype=float, m=7):
    """A network in general position: no bias at zero, where ReLU has its kink, and no two factors alike."""
    rng = np.random.default_rng(seed)
    params = residual.init_residual(
        [3, 5, 4], depth, [lecun, he, lecun, lecun], rng, alpha=0.7, ensemble=ensemble, dtype=dtype
    )
    params = [type(p)(*(a + 0.3 * rng.standard_normal(a.shape).astype(dtype) for a in p)) for p in params]
    Y = np.eye(4)[:, rng.integers(0, 4, m)]
    return params, rng.standard_normal((3, m)).astype(dtype), Y


def gradients(params, X, Y, activation=relu, loss=SE, **options):
    trace = residual.forward(params, X, activation, **options)
    return residual.backward(params, trace, loss.df(trace.A[-1], Y), activation, **options)


def test_a_residual_network_is_a_list():
    """Stem, blocks and head, so that a loop over the list is the equation."""
    params = residual.init_residual([2, 6, 3], 4, he, np.random.default_rng(0), alpha=0.5, ensemble=(7,))

    assert [type(part) for part in params] == [Layer, *[Block] * 4, Layer]
    assert [a.shape for a in params[0]] == [(7, 6, 2), (7, 6, 1)]
    assert [a.shape for a in params[1]] == [(7, 6, 6), (7, 6, 1), (7, 6, 6), (7, 6, 1), (7, 1, 1)]
    assert [a.shape for a in params[-1]] == [(7, 3, 6), (7, 3, 1)]
    assert all((part.alpha == 0.5).all() for part in params[1:-1])
    assert not np.shares_memory(params[1].alpha, params[2].alpha)


def test_each_place_has_its_own_initializer():
    """Fixup draws the first weights of a branch and sets the last to zero."""
    draws = [partial(sn.initializers.constant, value=v) for v in (1.0, 2.0, 3.0, 4.0)]

    stem, *blocks, head = residual.init_residual([2, 3, 1], 2, draws, np.random.default_rng(0))

    assert np.unique(stem.W) == 1
    assert all(np.unique(b.W1) == 2 and np.unique(b.W2) == 3 for b in blocks)
    assert np.unique(head.W) == 4


@pytest.mark.parametrize("activation", [relu, tanh], ids=repr)
@pytest.mark.parametrize("options", SETTINGS, ids=str)
def test_forward_is_the_equation(options, activation):
    """Each part written out, with the indices of the book."""
    params, X, _ = problem(1)
    N = options["normalize"].f if options["normalize"] else np.positive

    trace = residual.forward(params, X, activation, **options)

    assert isinstance(trace, Trace)
    assert trace.Z[0] is None
    x = params[0].W @ X + params[0].b
    np.testing.assert_allclose(trace.A[1], x)
    for l, block in enumerate(params[1:-1], start=2):
        Z = block.W1 @ N(x) + block.b1
        branch = block.alpha * (block.W2 @ activation.f(Z) + block.b2)
        x = x + branch if options["skip"] else branch
        np.testing.assert_allclose(trace.Z[l], Z)
        np.testing.assert_allclose(trace.A[l], x)
    np.testing.assert_allclose(trace.A[-1], params[-1].W @ N(x) + params[-1].b)
    assert trace.A[-1] is trace.Z[-1]


def test_without_normalisation_and_skips_it_is_a_stack_of_layers():
    """With factor 1 the two libraries' passes agree, activation by activation."""
    params, X, Y = problem(2, depth=1)
    params[1] = params[1]._replace(alpha=np.ones((1, 1)))
    stem, block, head = params
    stack = [Layer(block.W1 @ stem.W, block.W1 @ stem.b + block.b1)]
    stack.append(Layer(head.W @ block.W2, head.W @ block.b2 + head.b))

    found = residual.forward(params, X, tanh, skip=False).A[-1]

    np.testing.assert_allclose(found, sn.forward(stack, X, tanh).A[-1])
    grads = gradients(params, X, Y, tanh, skip=False)
    theirs = sn.backward(stack, trace := sn.forward(stack, X, tanh), SE.df(trace.A[-1], Y), tanh)
    np.testing.assert_allclose(grads[1].b1, theirs[0].b)
    np.testing.assert_allclose(grads[2].b, theirs[1].b)


@pytest.mark.parametrize("loss", [SE, CE], ids=repr)
@pytest.mark.parametrize("activation", [relu, tanh], ids=repr)
@pytest.mark.parametrize("options", SETTINGS, ids=str)
def test_backward_is_the_gradient_in_random_directions(options, activation, loss):
    """Through skips, factors and both normalisations, and in every parameter apart."""
    params, X, Y = problem(3, ensemble=(2,))
    rng = np.random.default_rng(4)
    grads = gradients(params, X, Y, activation, loss, **options)

    for l, part in enumerate(params):
        for name in part._fields:
            P, G = getattr(part, name), getattr(grads[l], name)
            V = rng.standard_normal(P.shape)

            def J(h, l=l, part=part, name=name, P=P, V=V):
                moved = [*params[:l], part._replace(**{name: P + h * V}), *params[l + 1 :]]
                return loss.f(residual.forward(moved, X, activation, **options).A[-1], Y)

            slope = (J(1e-6) - J(-1e-6)) / 2e-6
            np.testing.assert_allclose((G * V).sum(axis=(-2, -1)), slope, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("normalize", [batch_norm, layer_norm], ids=repr)
def test_a_normalisation_has_its_own_exact_chain_rule(normalize):
    """Mean and deviation move with what they are taken from."""
    rng = np.random.default_rng(5)
    X, dN, V = rng.standard_normal((3, 2, 5, 6))
    h = 1e-6

    slope = ((normalize.f(X + h * V) - normalize.f(X - h * V)) / (2 * h) * dN).sum()

    assert (normalize.df(X, dN) * V).sum() == pytest.approx(slope, rel=1e-6)


@given(
    seed=st.integers(0, 2**32),
    ensemble=SHAPES,
    options=st.sampled_from(SETTINGS),
    dtype=st.sampled_from([float, np.float32]),
)
@settings(max_examples=40, deadline=None)
def test_an_ensemble_is_a_loop_over_its_members(seed, ensemble, options, dtype):
    """Batch normalisation too looks at its own network only; float32 stays float32."""
    params, X, Y = problem(seed, ensemble=ensemble, dtype=dtype)
    rtol, atol = (1e-2, 1e-3) if dtype == np.float32 else (1e-8, 1e-10)

    trace = residual.forward(params, X, tanh, **options)
    grads = gradients(params, X, Y, tanh, **options)

    assert all(a.dtype == dtype for a in [*trace.A, *trace.Z[1:], *flat(grads)])
    assert [a.shape for a in flat(grads)] == [a.shape for a in flat(params)]
    for index in np.ndindex(ensemble):
        one = member(params, index)
        np.testing.assert_allclose(trace.A[-1][index], residual.forward(one, X, tanh, **options).A[-1], rtol, atol)
        alone = gradients(one, X, Y, tanh, **options)
        for together, single in zip(flat(member(grads, index)), flat(alone), strict=True):
            np.testing.assert_allclose(together, single, rtol, atol)


def test_a_shared_array_collects_the_gradient_of_all_networks():
    """One factor for an ensemble has one gradient, the sum of its members'."""
    params, X, Y = problem(6, ensemble=(4,))
    shared = params[1].alpha[0]

    def J(h):
        moved = [params[0], params[1]._replace(alpha=shared + h), *params[2:]]
        return SE.f(residual.forward(moved, X, tanh).A[-1], Y).sum()

    found = gradients([params[0], params[1]._replace(alpha=shared), *params[2:]], X, Y, tanh)

    assert found[1].alpha.shape == (1, 1)
    assert found[1].alpha.item() == pytest.approx((J(1e-6) - J(-1e-6)) / 2e-6, rel=1e-6)
    assert found[2].alpha.shape == (4, 1, 1)


@given(seed=st.integers(0, 2**32), scale=st.floats(1.0, 1e3), shift=st.floats(-10, 10))
@settings(max_examples=30, deadline=None)
def test_normalisations_divide_scale_and_shift_out(seed, scale, shift):
    """Mean 0 and mean square 1 along their own axis, whatever came in."""
    X = np.random.default_rng(seed).standard_normal((2, 6, 9))
    for normalize, axis in ((batch_norm, -1), (layer_norm, -2)):
        N = normalize.f(scale * X + shift)

        np.testing.assert_allclose(N.mean(axis=axis), 0, atol=1e-9)
        np.testing.assert_allclose((N * N).mean(axis=axis), 1, atol=1e-3)
        np.testing.assert_allclose(N, normalize.f(X), atol=1e-3)


def test_a_unit_that_is_constant_stays_finite():
    """A dead unit has no deviation to divide by."""
    X = np.vstack([np.full((1, 4), 3.0), np.arange(4.0)[None]]).astype(np.float32)

    N, dX = batch_norm.f(X), batch_norm.df(X, np.ones((2, 4), np.float32))

    assert np.abs(N[0]).max() < 1e-3
    assert np.isfinite(dX).all()


def test_inputs_are_never_changed():
    """Pure functions, as everywhere."""
    params, X, Y = problem(7)
    for array in (X, Y, *flat(params)):
        array.flags.writeable = False

    for options in SETTINGS:
        gradients(params, X, Y, **options)
        sn.train(params, X, Y, steps=2, lr=0.01, loss=SE, model=residual.model(**options))


def test_squared_length_doubles_in_a_plain_stack_and_adds_up_behind_a_norm():
    """The two laws of chapter 8, on average over the draws of the weights."""
    rng = np.random.default_rng(8)
    params = residual.init_residual([50, 50, 1], 10, [lecun, he, lecun, lecun], rng, ensemble=(300,))
    x = rng.choice([-1.0, 1.0], (50, 1))

    plain = [np.mean(A**2) for A in residual.forward(params, x).A[1:-1]]
    normed = [np.mean(A**2) for A in residual.forward(params, x, normalize=layer_norm).A[1:-1]]

    assert (plain[10] / plain[0]) ** 0.1 == pytest.approx(2, rel=0.02)
    assert normed[10] / normed[0] == pytest.approx(11, rel=0.05)


# training with a model


def by_hand(params, X, Y, steps, lr, **options):
    for _ in range(steps):
        grads = gradients(params, X, Y, loss=CE, **options)
        params = [type(p)(*(a - lr * g for a, g in zip(p, G, strict=True))) for p, G in zip(params, grads, strict=True)]
    return params


@pytest.mark.parametrize("options", SETTINGS, ids=str)
def test_training_is_the_loop_a_reader_would_write(options):
    """Factors learn like weights."""
    params, X, Y = problem(9, ensemble=(2,))

    run = sn.train(params, X, Y, steps=5, lr=0.05, activation=relu, loss=CE, model=residual.model(**options))

    for found, expected in zip(flat(run.params), flat(by_hand(params, X, Y, 5, 0.05, **options)), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    assert [type(part) for part in run.params] == [type(part) for part in params]


@pytest.mark.parametrize(("optimizer", "lr"), [("sgd", 0.2), ("momentum", 0.03), ("adam", 0.01)])
@pytest.mark.parametrize("normalize", NORMS, ids=repr)
def test_a_residual_network_learns(normalize, optimizer, lr):
    """Twenty layers deep, from branches that start at zero."""
    rng = np.random.default_rng(10)
    X, Y = sn.datasets.moons(60, rng)
    params = residual.init_residual([2, 12, 1], 10, [lecun, he, zeros, lecun], rng, ensemble=(4,))

    run = sn.train(
        params,
        X,
        Y,
        steps=150,
        lr=lr,
        activation=relu,
        optimizer=optimizer,
        batch_size=30,
        rng=rng,
        model=residual.model(normalize),
        record={"alpha": lambda params, trace: params[3].alpha},
    )

    assert np.median(run.history["loss"][-10:]) < 0.15
    assert run.history["alpha"].shape == (151, 4, 1, 1)
    assert (run.history["alpha"][-1] != 1).all()


def test_each_network_may_have_its_own_learning_rate():
    """Section 8.6 compares six in one call."""
    params, X, Y = problem(11, ensemble=(2,))
    train = partial(sn.train, X=X, Y=Y, steps=4, activation=relu, loss=CE, model=residual.model())

    assert_each_has_its_own_rate(params, train)


def test_one_network_that_diverges_leaves_the_others_alone():
    """NaN goes through the passes, and the warning names the step."""
    params, X, Y = problem(12, ensemble=(2,))

    with pytest.warns(RuntimeWarning, match=r"train: the loss stopped being finite at step \d+ in 1 of 2"):
        run = sn.train(
            params, X, Y, steps=60, lr=np.array([0.01, 1e4]), activation=relu, loss=SE, model=residual.model()
        )

    assert np.isfinite(run.history["loss"][:, 0]).all()
    assert not np.isfinite(run.history["loss"][-1, 1])


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
def test_a_model_of_the_library_s_own_passes_changes_nothing(optimizer):
    """`model` only says which functions to call: the clear ones agree with the fast path to twelve digits."""
    rng = np.random.default_rng(13)
    X, Y = sn.datasets.moons(40, rng)
    params = sn.init_params([2, 7, 5, 1], he, rng, ensemble=(3,))
    options = {"steps": 20, "lr": 0.02, "activation": relu, "optimizer": optimizer, "batch_size": 9}

    one, other = (
        sn.train(params, X, Y, **options, rng=np.random.default_rng(0), model=model)
        for model in (None, (sn.forward, sn.backward))
    )

    np.testing.assert_allclose(one.history["loss"], other.history["loss"], rtol=1e-12)
    for a, b in zip(flat(one.params), flat(other.params), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-13)


# what does not fit

NET, XS, YS = problem(14)
TRACE = residual.forward(NET, XS)
RNG = np.random.default_rng(0)


def init(**changes):
    options = {"sizes": [2, 3, 1], "depth": 2, "initializers": he, "rng": np.random.default_rng(0), **changes}
    return residual.init_residual(**options)


def broken(l, **arrays):
    return [part._replace(**arrays) if i == l else part for i, part in enumerate(NET, start=1)]


def train(**changes):
    options = {"steps": 1, "lr": 0.1, "loss": SE, "model": residual.model(), **changes}
    return sn.train(options.pop("params", NET), options.pop("X", XS), YS, **options)


with_nan = np.where(np.arange(7) == 3, np.nan, XS)
BAD = [
    (lambda: init(sizes=[2, 1]), ValueError, r"init_residual: sizes must be three positive integers, got \[2, 1\]"),
    (lambda: init(sizes=5), ValueError, r"init_residual: sizes .*got 5"),
    (lambda: init(sizes=[2, 0, 1]), ValueError, r"init_residual: sizes .*got \[2, 0"),
    (lambda: init(sizes=[2, [3], 1]), ValueError, r"init_residual: sizes .*got \[2, \[3\]"),
    (lambda: init(depth=0), ValueError, r"init_residual: depth must be an integer of at least 1, got 0"),
    (lambda: init(depth=2.0), ValueError, r"init_residual: depth .*got 2.0"),
    (lambda: init(depth=True), ValueError, r"init_residual: depth .*got True"),
    (lambda: init(initializers=[he, he]), ValueError, r"init_residual: initializers .*a list of 4, got \[<func"),
    (lambda: init(initializers=None), ValueError, r"init_residual: initializers .*got None"),
    (lambda: init(initializers=[he, he, 1, he]), ValueError, r"init_residual: initializers .*got \[<func"),
    (lambda: init(alpha=np.nan), ValueError, r"init_residual: alpha must be a finite number, got nan"),
    (lambda: init(alpha="1"), ValueError, r"init_residual: alpha .*got '1'"),
    (lambda: init(alpha=[1, 2]), ValueError, r"init_residual: alpha .*got \[1, 2\]"),
    (lambda: init(rng=0), TypeError, r"init_residual: rng must be a numpy Generator, got 0"),
    (lambda: init(dtype=int), TypeError, r"init_residual: dtype .*got <class 'int'>"),
    (lambda: init(ensemble=-1), ValueError, r"init_residual: ensemble .*got -1"),
    (lambda: residual.forward(NET[:1], XS), TypeError, r"residual.forward: params must be \[Layer, Block, .*got"),
    (lambda: residual.forward(None, XS), TypeError, r"residual.forward: params .*got None"),
    (lambda: residual.forward(NET[1:], XS), TypeError, r"residual.forward: params .*got \[Block"),
    (lambda: residual.forward(sn.init_params([3, 5, 5, 4], he, RNG), XS), TypeError, r"residual.forward: params .*got"),
    (lambda: residual.forward(NET, XS.T), ValueError, r"residual.forward: X must be .*\(..., 3, m\).*got .*\(7, 3\)"),
    (lambda: residual.forward(NET, XS[0]), ValueError, r"residual.forward: X .*got .*\(7,\)"),
    (lambda: residual.forward(NET, XS[:, :0]), ValueError, r"residual.forward: X .*got .*\(3, 0\)"),
    (lambda: residual.forward(NET, with_nan), ValueError, r"residual.forward: X must be finite numbers.*got"),
    (lambda: residual.forward(NET, XS.astype(str)), ValueError, r"residual.forward: X .*got <U"),
    (lambda: residual.forward(NET, XS, "relu"), TypeError, r"residual.forward: activation .*got 'relu'"),
    (lambda: residual.forward(NET, XS, normalize="batch"), TypeError, r"residual.forward: normalize .*got 'batch'"),
    (
        lambda: residual.forward(broken(2, b1=np.zeros(5)), XS),
        ValueError,
        r"residual.forward: b1\[2\] must be floats of shape \(..., 5, 1\), got float64 \(5,\)",
    ),
    (lambda: residual.forward(broken(3, W2=np.zeros((4, 5))), XS), ValueError, r"W2\[3\] .*5, 5\), got .*\(4, 5\)"),
    (lambda: residual.forward(broken(3, W1=np.zeros((5, 4))), XS), ValueError, r"W1\[3\] .*5, 5\), got .*\(5, 4\)"),
    (lambda: residual.forward(broken(2, W1=np.zeros(5)), XS), ValueError, r"W1\[2\] .*got .*\(5,\)"),
    (lambda: residual.forward(broken(2, alpha=np.float64(1)), XS), ValueError, r"alpha\[2\] .*1, 1\), got .*\(\)"),
    (lambda: residual.forward(broken(2, alpha=np.ones((1, 1), int)), XS), ValueError, r"alpha\[2\] .*got int64"),
    (lambda: residual.forward(broken(5, W=np.zeros((4, 3))), XS), ValueError, r"W\[5\] .*4, 5\), got .*\(4, 3\)"),
    (
        lambda: residual.forward(broken(2, alpha=np.ones((2, 1, 1))), np.stack([XS] * 3)),
        ValueError,
        r"residual.forward: ensemble axes must broadcast, got",
    ),
    (lambda: residual.backward(NET, TRACE, YS[:2]), ValueError, r"residual.backward: dZ .*\(4, 7\), got .*\(2, 7\)"),
    (lambda: residual.backward(NET, TRACE, YS * 1j), ValueError, r"residual.backward: dZ must be numbers.*complex"),
    (lambda: residual.backward(NET[:3] + NET[-1:], TRACE, YS), ValueError, r"residual.backward: trace .*these 4 parts"),
    (
        lambda: residual.backward(residual.init_residual([3, 6, 4], 3, he, RNG), TRACE, YS),
        ValueError,
        r"residual.backward: trace must fit part 1 of params, got \(5, 7\), \(5, 7\)",
    ),
    (
        lambda: residual.backward(residual.init_residual([3, 5, 4], 3, he, RNG, ensemble=2), TRACE, YS),
        ValueError,
        r"residual.backward: trace must fit part 1 of params, got",
    ),
    (lambda: residual.backward(NET, TRACE.A, YS), ValueError, r"residual.backward: trace must come .*got \[array"),
    (lambda: train(model=residual.forward), TypeError, r"train: model must be two functions .*got <function"),
    (lambda: train(model=(residual.forward,)), TypeError, r"train: model .*got \(<function"),
    (lambda: train(model=(residual.forward, None)), TypeError, r"train: model .*got \(<function"),
    (lambda: train(model="residual"), TypeError, r"train: model .*got 'residual'"),
    (lambda: train(params=[tuple(part) for part in NET]), TypeError, r"train: params .*named tuples .*got \[\(array"),
    (lambda: train(params=None), TypeError, r"train: params .*got None"),
    (lambda: train(params=broken(2, W2=np.full((5, 5), np.nan))), ValueError, r"train: W2\[2\] must be finite, got"),
    (lambda: train(X=with_nan), ValueError, r"train: X must be finite, got"),
    (lambda: train(X=XS.T), ValueError, r"residual.forward: X .*got"),
    (lambda: train(lr=np.array([0.1, 0.2])), ValueError, r"train: lr .*got array"),
]


@pytest.mark.parametrize(("call", "kind", "message"), BAD, ids=[f"{i}-{b[2][:40]}" for i, b in enumerate(BAD)])
def test_bad_input_is_answered_in_one_line(call, kind, message):
    """The function, what was wanted, what came."""
    with pytest.raises(kind) as caught:
        call()

    said = str(caught.value)
    assert type(caught.value) is kind
    assert re.search(message, said), said
    assert "\n" not in said
    assert len(said) < 250, said
