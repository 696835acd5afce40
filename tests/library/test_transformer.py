"""Transformers: the equation, exact gradients in every variant, ensembles, training, and what published starts give."""

import itertools
import re
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from parts import assert_each_has_its_own_rate, flat, member

import shallownet as sn
from shallownet import transformer
from shallownet.network import Layer
from shallownet.residual import layer_norm
from shallownet.training import by_hand, prepare
from shallownet.transformer import Block, Embedding

lecun, normal = sn.initializers.lecun, sn.initializers.normal
relu, tanh = sn.activations.relu, sn.activations.tanh
CE = sn.losses.softmax_cross_entropy
NAMES = ("E", "P", "W_Q", "W_K", "W_V", "W_O", "W1", "W2", "W")
V, T, D, H = 5, 4, 6, 7  # vocabulary, positions, stream, hidden units
VARIANTS = [
    {"heads": heads, "norm": norm, "alpha": alpha, "qk_norm": qk_norm, "causal": causal, "scale": scale}
    for (heads, norm, alpha), (qk_norm, causal, scale) in itertools.product(
        [(1, "pre", 1.0), (2, "pre", 0.7), (3, "post", 1.0), (2, "post", 1.3), (2, None, 1.0)],
        [(False, True, None), (True, True, 0.9), (False, False, 0.3)],
    )
]
SHAPES = st.sampled_from([(), (1,), (3,), (2, 3)])


def problem(seed=0, depth=2, tied=True, ensemble=(), dtype=float, m=3, length=T):
    """A transformer in general position: biases off zero, no two columns alike."""
    rng = np.random.default_rng(seed)
    params = transformer.init_transformer([V, T, D, H], depth, lecun, rng, tied=tied, ensemble=ensemble, dtype=dtype)
    params = [type(p)(*(a + 0.3 * rng.standard_normal(a.shape).astype(dtype) for a in p)) for p in params]
    return params, rng.integers(0, V, (length, m)), rng.integers(0, V, (length, m))


def gradients(params, X, Y, activation=tanh, **options):
    trace = transformer.forward(params, X, activation, **options)
    return transformer.backward(params, trace, CE.df(trace.A[-1], Y.ravel()), activation)


# the list and its start


def test_a_transformer_is_a_list():
    """Embedding, blocks, and a head of its own only if it is not tied."""
    rng = np.random.default_rng(0)

    tied = transformer.init_transformer([10, 4, 6, 24], 3, lecun, rng, ensemble=(7,))
    untied = transformer.init_transformer([10, 4, 6, 24], 3, lecun, rng, tied=False)

    assert [type(part) for part in tied] == [Embedding, Block, Block, Block]
    assert [type(part) for part in untied] == [Embedding, Block, Block, Block, Layer]
    assert [a.shape for a in tied[0]] == [(7, 6, 10), (7, 6, 4)]
    square, rest = [(7, 6, 6)] * 4, [(7, 24, 6), (7, 24, 1), (7, 6, 24), (7, 6, 1)]
    assert [a.shape for a in tied[2]] == square + rest
    assert [a.shape for a in untied[-1]] == [(10, 6), (10, 1)]
    assert len(transformer.init_transformer([10, 4, 6, 24], 0, lecun, rng)) == 1


def test_each_matrix_may_have_its_own_initializer():
    """DeepNet draws four of six with a gain."""
    draws = {name: partial(sn.initializers.constant, value=float(i)) for i, name in enumerate(NAMES)}

    params = transformer.init_transformer([3, 2, 2, 4], 2, draws, np.random.default_rng(0), tied=False)

    for part in params:
        for name, array in zip(part._fields, part, strict=True):
            assert np.unique(array) == (NAMES.index(name) if name in NAMES else 0), name


@pytest.mark.parametrize("projection", [0.0, 1.0, 6**-0.5])
def test_projections_are_plain_scaled_or_zero(projection):
    """One factor, of the two matrices with which a branch ends, and of no other; 32 bits stay 32 bits."""
    plain, scaled = (
        transformer.init_transformer(
            [9, 5, 8, 16], 3, lecun, np.random.default_rng(0), projection=factor, dtype=np.float32
        )
        for factor in (1.0, projection)
    )

    for one, other in zip(plain, scaled, strict=True):
        for name, a, b in zip(one._fields, one, other, strict=True):
            expected = a * np.float32(projection) if name in ("W_O", "W2") else a
            np.testing.assert_allclose(b, expected, rtol=1e-6)
            assert b.dtype == np.float32


@pytest.mark.parametrize(("depth", "alpha", "beta"), [(12, 2.213, 0.319), (100, 3.761, 0.188)])
def test_deepnet_has_the_published_factors(depth, alpha, beta):
    """For 12 and for 100 blocks."""
    assert transformer.deepnet(depth) == pytest.approx((alpha, beta), abs=5e-4)


# forward


def attended(block, N, heads, qk_norm, causal, scale):
    """Attention as it is told: one sequence, one head, one query at a time. N is (d, T)."""
    d, length = N.shape
    k = d // heads
    norm = (lambda x: layer_norm.f(x[:, None])[:, 0]) if qk_norm else (lambda x: x)
    out = np.zeros((d, length))
    for h in range(heads):
        rows = slice(h * k, (h + 1) * k)
        q, key, v = (W[rows] @ N for W in (block.W_Q, block.W_K, block.W_V))
        for j in range(length):
            heard = range(j + 1) if causal else range(length)
            product = np.array([norm(key[:, i]) @ norm(q[:, j]) for i in heard])
            share = np.exp(product * (k**-0.5 if scale is None else scale))
            out[rows, j] = sum(s * v[:, i] for s, i in zip(share / share.sum(), heard, strict=True))
    return block.W_O @ out


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_forward_is_the_equation(options, tied):
    """Each sequence alone, written out; columns are position by position."""
    params, X, _ = problem(1, tied=tied)
    norm, alpha = options["norm"], options["alpha"]
    how = {name: options[name] for name in ("heads", "qk_norm", "causal", "scale")}
    before, behind = (layer_norm.f if norm == name else np.positive for name in ("pre", "post"))

    trace = transformer.forward(params, X, tanh, **options)

    assert len(trace.A) == 2 + 2 * 2 + 1
    for i in range(X.shape[1]):
        x = params[0].E[:, X[:, i]] + params[0].P
        stream = [x]
        for block in params[1:3]:
            x = behind(alpha * x + attended(block, before(x), **how))
            stream.append(x)
            x = behind(alpha * x + block.W2 @ tanh.f(block.W1 @ before(x) + block.b1) + block.b2)
            stream.append(x)
        stream.append(params[0].E.T @ before(x) if tied else params[-1].W @ before(x) + params[-1].b)
        for found, expected in zip(trace.A[1:], stream, strict=True):
            np.testing.assert_allclose(found.reshape(-1, *X.shape)[:, :, i], expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_attention_shares_add_up_and_look_back_only(options):
    """A column is a query; with the mask no key behind it gets anything."""
    params, X, _ = problem(2, ensemble=(2,))

    trace = transformer.forward(params, X, **options)

    assert trace.attention[0] is None
    for P in trace.attention[1:]:
        assert P.shape == (2, 3, options["heads"], T, T)
        np.testing.assert_allclose(P.sum(axis=-2), 1)
        later = np.tril(np.ones((T, T), bool), -1)
        assert (P[..., later] == 0).all() == options["causal"]


def test_what_comes_later_changes_nothing_before():
    """Causality, in the logits: else a loss would be won by reading the answer."""
    params, X, _ = problem(3)
    other = X.copy()
    other[2:] = (other[2:] + 1) % V

    a, b = (transformer.forward(params, tokens, heads=2).A[-1].reshape(V, *X.shape) for tokens in (X, other))
    seen = transformer.forward(params, other, heads=2, causal=False).A[-1].reshape(V, *X.shape)

    np.testing.assert_allclose(a[:, :2], b[:, :2], rtol=1e-12)
    assert np.abs(a[:, 2:] - b[:, 2:]).max() > 1e-3
    assert np.abs(a[:, :2] - seen[:, :2]).max() > 1e-3


def test_without_positions_and_mask_order_is_not_seen():
    """Attention is a sum over a set: the positions say what comes first."""
    params, X, _ = problem(4)
    params[0] = params[0]._replace(P=np.zeros((D, T)))

    one, other = (
        transformer.forward(params, tokens, heads=2, causal=False).A[-1].reshape(V, *X.shape) for tokens in (X, X[::-1])
    )

    np.testing.assert_allclose(one, other[:, ::-1], rtol=1e-10, atol=1e-12)


def test_a_shorter_sequence_is_the_beginning_of_a_longer_one():
    """A causal stack answers position by position."""
    params, X, _ = problem(5)

    long, short = (transformer.forward(params, tokens, heads=3).A[-1] for tokens in (X, X[:2]))

    np.testing.assert_allclose(short, long[:, : short.shape[-1]], rtol=1e-12)


@pytest.mark.parametrize("factor", [0.01, 100.0])
def test_qk_norm_divides_the_scale_of_queries_and_keys_out(factor):
    """Attention's logits no longer depend on how large W_Q and W_K were drawn."""
    rng = np.random.default_rng(6)
    params = transformer.init_transformer([9, 6, 32, 32], 1, lecun, rng)
    X = rng.integers(0, 9, (6, 4))
    scaled = [params[0], params[1]._replace(W_Q=factor * params[1].W_Q, W_K=factor * params[1].W_K)]

    with_norm = [transformer.forward(p, X, heads=2, qk_norm=True).attention[1] for p in (params, scaled)]
    without = [transformer.forward(p, X, heads=2).attention[1] for p in (params, scaled)]

    # of the variance, 1e-5 is added to it before the root
    np.testing.assert_allclose(*with_norm, atol=0.05 if factor < 1 else 1e-4)
    assert np.abs(without[0] - without[1]).max() > 0.1


# backward


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("activation", [tanh, relu], ids=repr)
@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_backward_is_the_gradient_in_random_directions(options, activation, tied):
    """Through both norms, the softmax, the stream's factor and the two uses of a tied embedding."""
    params, X, Y = problem(7, tied=tied, ensemble=(2,), length=3)

    error = sn.diagnostics.check_gradients(
        params, X, Y.ravel(), activation, CE, model=transformer.model(**options), directions=3
    )

    assert error.shape == (2,)
    assert (error < 1e-6).all()


def test_a_wrong_gradient_is_found():
    """The check itself, with one factor of one part left out."""
    params, X, Y = problem(8)
    grads = gradients(params, X, Y)
    grads[1] = grads[1]._replace(W_Q=grads[1].W_Q * 2**0.5)

    error = sn.diagnostics.check_gradients(params, X, Y.ravel(), tanh, CE, grads=grads, model=transformer.model())

    assert error > 1e-3


@given(
    seed=st.integers(0, 2**32),
    ensemble=SHAPES,
    options=st.sampled_from(VARIANTS),
    tied=st.booleans(),
    dtype=st.sampled_from([float, np.float32]),
)
@settings(max_examples=30, deadline=None)
def test_an_ensemble_is_a_loop_over_its_members(seed, ensemble, options, tied, dtype):
    """Ten thousand networks are the same code as one; float32 stays float32."""
    params, X, Y = problem(seed, tied=tied, ensemble=ensemble, dtype=dtype)
    rtol, atol = (1e-2, 3e-3) if dtype == np.float32 else (1e-7, 1e-9)

    trace = transformer.forward(params, X, tanh, **options)
    grads = gradients(params, X, Y, **options)

    assert all(a.dtype == dtype for a in [*trace.A[1:], *trace.attention[1:], *flat(grads)])
    assert [a.shape for a in flat(grads)] == [a.shape for a in flat(params)]
    assert [type(part) for part in grads] == [type(part) for part in params]
    for index in np.ndindex(ensemble):
        one = member(params, index)
        alone = transformer.forward(one, X, tanh, **options)
        np.testing.assert_allclose(trace.A[-1][index], alone.A[-1], rtol, atol)
        for together, single in zip(flat(member(grads, index)), flat(gradients(one, X, Y, **options)), strict=True):
            np.testing.assert_allclose(together, single, rtol, atol)


def test_networks_may_read_sequences_of_their_own():
    """Leading axes of X are networks too, and broadcast with those of the parameters."""
    params, _, _ = problem(9)
    X = np.random.default_rng(10).integers(0, V, (2, T, 3))

    together = transformer.forward(params, X, heads=2)
    stacked = [part._replace(**{f: np.stack([a] * 2) for f, a in part._asdict().items()}) for part in params]

    for i in range(2):
        np.testing.assert_allclose(together.A[-1][i], transformer.forward(params, X[i], heads=2).A[-1], rtol=1e-10)
    np.testing.assert_allclose(transformer.forward(stacked, X, heads=2).A[-1], together.A[-1], rtol=1e-10)


@pytest.mark.parametrize("name", ["E", "P", "W_K", "b1"])
def test_a_shared_array_collects_the_gradient_of_all_networks(name):
    """What several networks ask of a parameter that they share adds up."""
    params, X, Y = problem(11, ensemble=(3,))
    l = next(l for l, part in enumerate(params) if name in part._fields)
    one = getattr(params[l], name)[0]
    shared = [*params[:l], params[l]._replace(**{name: one}), *params[l + 1 :]]
    copies = [*params[:l], params[l]._replace(**{name: np.stack([one] * 3)}), *params[l + 1 :]]

    found, each = (getattr(gradients(p, X, Y)[l], name) for p in (shared, copies))

    np.testing.assert_allclose(found, each.sum(axis=0), rtol=1e-9, atol=1e-12)


def test_inputs_are_never_changed():
    """Pure functions, as everywhere."""
    params, X, Y = problem(12, tied=False)
    for array in (X, Y, *flat(params)):
        array.flags.writeable = False

    for options in VARIANTS:
        gradients(params, X, Y, **options)
        sn.train(params, X, Y, steps=2, lr=0.01, loss=CE, model=transformer.model(**options))


# what published starts give


@pytest.mark.parametrize(
    ("std", "tied", "positions", "expected"),
    [
        (1.0, True, 0.0, 768),
        (1.0, True, 1.0, 768 / 2**0.5),  # a position as long as the token takes half of the square
        (1.0, False, 0.0, 102),  # the largest of 5,000 normal numbers, times the root of 768
        (0.02, True, 0.0, 0.02 * 768),
        (0.02, True, 1.0, 0.02 * 768 / 2**0.5),
        (0.02, False, 0.0, 8.517 + 0.02**2 * 768 / 2),  # ln V, and half the logits' variance
    ],
)
def test_the_first_loss_of_embeddings_alone(std, tied, positions, expected):
    """V = 5,000 and d = 768, without blocks: a tied token's logit for itself is std times d."""
    rng = np.random.default_rng(13)
    draws = dict.fromkeys(NAMES if not tied else NAMES[:-1], partial(normal, std=std))
    draws["P"] = partial(normal, std=std * positions) if positions else sn.initializers.zeros
    params = transformer.init_transformer([5000, 64, 768, 1], 0, draws, rng, tied=tied)
    X, Y = rng.integers(0, 5000, (2, 64, 16))

    loss = CE.f(transformer.forward(params, X).A[-1], Y.ravel())

    assert loss == pytest.approx(expected, rel=0.03)


def test_the_scaled_start_keeps_the_stream_of_gpt2_together():
    """Twelve blocks of width 768: 2 * 12 branches with 1/sqrt(24) each, against the same without."""
    rng = np.random.default_rng(14)
    X = rng.integers(0, 1000, (64, 1))
    plain = transformer.init_transformer([1000, 64, 768, 3072], 12, partial(normal, std=0.02), rng, dtype=np.float32)
    factor = np.float32(24**-0.5)
    scaled = [plain[0], *(part._replace(W_O=factor * part.W_O, W2=factor * part.W2) for part in plain[1:])]

    traces = [transformer.forward(params, X, sn.activations.gelu, heads=12) for params in (plain, scaled)]
    (first, end), (_, scaled_end) = ([float(trace.A[i].var()) for i in (1, -2)] for trace in traces)

    assert first == pytest.approx(0.0008, rel=0.02)
    assert end == pytest.approx(2.4, rel=0.05)
    assert scaled_end == pytest.approx(0.091, rel=0.05)


# training


@pytest.mark.parametrize("options", VARIANTS[::4], ids=str)
@pytest.mark.parametrize("batch_size", [None, 5])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_training_is_the_loop_in_the_clear(options, batch_size, optimizer):
    """Sequences are what a batch is made of, and every position counts alike."""
    params, X, Y = problem(15, ensemble=(2,), m=8, tied=False)
    how = {"steps": 6, "lr": 0.02, "loss": CE, "activation": relu, "optimizer": optimizer, "batch_size": batch_size}
    how["model"] = transformer.model(**options)

    clear = by_hand(prepare(params, X, Y, rng=np.random.default_rng(0), **how))
    quick = sn.train(params, X, Y, rng=np.random.default_rng(0), **how)

    assert quick.history["loss"].shape == (7, 2)
    np.testing.assert_allclose(quick.history["loss"], clear.history["loss"], rtol=1e-10)
    for found, expected in zip(flat(quick.params), flat(clear.params), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


def test_the_loss_is_the_mean_over_positions_and_labels_are_targets():
    """Three ways to say the same targets."""
    params, X, Y = problem(16, m=6)
    how = {"steps": 3, "lr": 0.1, "loss": CE, "model": transformer.model(heads=2)}
    shares = np.moveaxis(np.eye(V)[Y], -1, 0)  # (V, T, m)

    labels, targets = (sn.train(params, X, target, **how).history["loss"] for target in (Y, shares))

    logits = transformer.forward(params, X, tanh, heads=2).A[-1].reshape(V, *X.shape)
    each = [CE.f(logits[:, t, i : i + 1], Y[t, i : i + 1]) for t in range(T) for i in range(6)]
    assert labels[0] == pytest.approx(np.mean(each), rel=1e-12)
    np.testing.assert_array_equal(labels, targets)


@pytest.mark.parametrize("norm", ["pre", "post", None])
def test_a_transformer_learns_to_copy(norm):
    """What a network without memory cannot: it pays ln 4 for each second token."""
    rng = np.random.default_rng(17)
    X, Y = sn.datasets.copying(300, rng, length=3, symbols=4)
    draws = dict.fromkeys(NAMES[:-1], lecun) | dict.fromkeys(("E", "P"), partial(normal, std=0.3))
    params = transformer.init_transformer([5, 6, 16, 32], 1, draws, rng, ensemble=(3,))

    run = sn.train(
        params,
        X,
        Y,
        steps=250,
        lr=0.01,
        loss=CE,
        activation=relu,
        optimizer="adam",
        batch_size=100,
        rng=rng,
        model=transformer.model(heads=2, norm=norm),
        record={"attention": lambda params, trace: trace.attention[1].mean(axis=-4)},
    )

    assert np.median(run.history["loss"][-1]) < 0.1 * np.log(4) / 2
    assert run.history["attention"].shape == (251, 3, 2, 6, 6)


def test_zero_projections_train():
    """Each branch says nothing at first, and learns what to say: one zero costs a step (chapter 8)."""
    _, X, Y = problem(18, m=20)
    zero = transformer.init_transformer([V, T, D, H], 2, lecun, np.random.default_rng(0), projection=0.0)

    run = sn.train(zero, X, Y, steps=60, lr=0.05, loss=CE, optimizer="adam", model=transformer.model())

    assert (gradients(zero, X, Y)[1].W_Q == 0).all()
    assert (gradients(zero, X, Y)[1].W_O != 0).any()
    assert (run.params[1].W_Q != zero[1].W_Q).any()
    assert run.history["loss"][-1] < run.history["loss"][0] - 0.3


def test_each_network_may_have_its_own_learning_rate():
    """As everywhere."""
    params, X, Y = problem(19, ensemble=(2,))
    train = partial(sn.train, X=X, Y=Y, steps=4, loss=CE, model=transformer.model(heads=2))

    assert_each_has_its_own_rate(params, train)


def test_one_network_that_diverges_leaves_the_others_alone():
    """NaN goes through the passes, and the warning names the step."""
    params, X, Y = problem(20, ensemble=(2,))

    with pytest.warns(RuntimeWarning, match=r"train: the loss stopped being finite at step \d+ in 1 of 2"):
        run = sn.train(params, X, Y, steps=40, lr=np.array([0.01, 1e150]), loss=CE, model=transformer.model(norm=None))

    assert np.isfinite(run.history["loss"][:, 0]).all()


# what does not fit

NET, XS, YS = problem(21, tied=False)
TRACE = transformer.forward(NET, XS, tanh)
DZ = CE.df(TRACE.A[-1], YS.ravel())
RNG = np.random.default_rng(0)


def init(**changes):
    options = {"sizes": [5, 4, 6, 7], "depth": 2, "initializers": lecun, "rng": np.random.default_rng(0), **changes}
    return transformer.init_transformer(**options)


def forward(params=NET, X=XS, activation=tanh, **options):
    return transformer.forward(params, X, activation, **options)


def backward(params=NET, trace=TRACE, dZ=DZ):
    return transformer.backward(params, trace, dZ, tanh)


def broken(l, **arrays):
    return [part._replace(**arrays) if i == l else part for i, part in enumerate(NET, start=1)]


def train(**changes):
    options = {"steps": 1, "lr": 0.1, "loss": CE, "model": transformer.model(), **changes}
    return sn.train(options.pop("params", NET), options.pop("X", XS), options.pop("Y", YS), **options)


def check(**changes):
    options = {"model": transformer.model(), **changes}
    params = options.pop("params", NET)
    return sn.diagnostics.check_gradients(params, XS, YS.ravel(), options.pop("activation", tanh), CE, **options)


BAD = [
    (lambda: init(sizes=[5, 4, 6]), ValueError, r"init_transformer: sizes must be four .*got \[5, 4, 6\]"),
    (lambda: init(sizes=[5, 4, 0, 7]), ValueError, r"init_transformer: sizes .*got \[5, 4, 0"),
    (lambda: init(sizes=6), ValueError, r"init_transformer: sizes .*got 6"),
    (lambda: init(depth=-1), ValueError, r"init_transformer: depth must be an integer of at least 0, got -1"),
    (lambda: init(depth=2.0), ValueError, r"init_transformer: depth .*got 2.0"),
    (lambda: init(projection=np.nan), ValueError, r"init_transformer: projection must be a finite number, got nan"),
    (lambda: init(projection="scaled"), ValueError, r"init_transformer: projection .*got 'scaled'"),
    (
        lambda: init(initializers=None),
        ValueError,
        r"init_transformer: initializers must be one function, or .*got None",
    ),
    (lambda: init(initializers={"E": lecun}), ValueError, r"init_transformer: initializers .* E, P, .*W2, got \{'E'"),
    (
        lambda: init(initializers=dict.fromkeys(NAMES[:-1], lecun), tied=False),
        ValueError,
        r"init_transformer: initializers .*W1, W2, W, got",
    ),
    (lambda: init(initializers=lambda shape, rng, dtype: np.ones(3)), ValueError, r"init_transformer: the initializer"),
    (lambda: init(rng=0), TypeError, r"init_transformer: rng must be a numpy Generator, got 0"),
    (lambda: init(dtype=np.float16), TypeError, r"init_transformer: dtype .*got"),
    (lambda: init(ensemble=0), ValueError, r"init_transformer: ensemble .*got 0"),
    (lambda: transformer.deepnet(0), ValueError, r"deepnet: depth must be an integer of at least 1, got 0"),
    (lambda: forward(None), TypeError, r"transformer.forward: params must be \[Embedding, Block.*got None"),
    (lambda: forward([]), TypeError, r"transformer.forward: params .*got \[\]"),
    (lambda: forward(NET[1:]), TypeError, r"transformer.forward: params .*got \[Block"),
    (lambda: forward(NET[-1:]), TypeError, r"transformer.forward: params .*got \[Layer"),
    (lambda: forward([*NET, NET[-1]]), TypeError, r"transformer.forward: params .*got \[Embedding"),
    (
        lambda: forward(broken(1, P=np.zeros((5, 4)))),
        ValueError,
        r"P\[1\] must be floats .*6, 4\), got float64 \(5, 4\)",
    ),
    (lambda: forward(broken(1, E=np.zeros(6))), ValueError, r"E\[1\] must be floats .*got float64 \(6,\)"),
    (lambda: forward(broken(2, W_Q=np.zeros((5, 6)))), ValueError, r"W_Q\[2\] .*6, 6\), got float64 \(5, 6\)"),
    (lambda: forward(broken(3, b1=np.zeros(7))), ValueError, r"b1\[3\] .*7, 1\), got float64 \(7,\)"),
    (lambda: forward(broken(3, W2=np.zeros((6, 7), int))), ValueError, r"W2\[3\] .*got int64"),
    (lambda: forward(broken(4, W=np.zeros((4, 6)))), ValueError, r"W\[4\] .*5, 6\), got float64 \(4, 6\)"),
    (
        lambda: forward(broken(2, b2=np.zeros((2, 6, 1))), np.stack([XS] * 3)),
        ValueError,
        r"ensemble axes must broadcast",
    ),
    (lambda: forward(X=XS * 1.0), TypeError, r"transformer.forward: X must hold integers, got dtype\('float64'\)"),
    (lambda: forward(X=XS[0]), ValueError, r"transformer.forward: X must be \(..., T, m\) .*T <= 4.*got \(3,\)"),
    (lambda: forward(X=np.zeros((5, 3), int)), ValueError, r"transformer.forward: X .*got \(5, 3\)"),
    (lambda: forward(X=XS[:, :0]), ValueError, r"transformer.forward: X .*got \(4, 0\)"),
    (lambda: forward(X=XS + 5), ValueError, r"transformer.forward: tokens of X must lie in 0..4, got \[5, 9\]"),
    (lambda: forward(X=XS - 1), ValueError, r"transformer.forward: tokens of X .*got \[-1"),
    (lambda: forward(activation="relu"), TypeError, r"transformer.forward: activation .*got 'relu'"),
    (lambda: forward(heads=4), ValueError, r"transformer.forward: heads must be .* divides the width 6, got 4"),
    (lambda: forward(heads=0), ValueError, r"transformer.forward: heads .*got 0"),
    (lambda: forward(norm="middle"), ValueError, r"transformer.forward: norm must be 'pre', 'post' or None, got 'mid"),
    (lambda: forward(norm=layer_norm), ValueError, r"transformer.forward: norm .*got Normalization"),
    (lambda: forward(alpha=np.inf), ValueError, r"transformer.forward: alpha must be a finite number, got inf"),
    (
        lambda: forward(scale="1/k"),
        ValueError,
        r"transformer.forward: scale must be a finite number or None, got '1/k'",
    ),
    (lambda: forward(qk_norm=1), TypeError, r"transformer.forward: qk_norm must be True or False, got 1"),
    (lambda: forward(causal="yes"), TypeError, r"transformer.forward: causal must be True or False, got 'yes'"),
    (lambda: backward(dZ=DZ[:4]), ValueError, r"transformer.backward: dZ must be numbers .*\(5, 12\), got .*\(4, 12\)"),
    (lambda: backward(dZ=DZ * 1j), ValueError, r"transformer.backward: dZ .*got complex"),
    (lambda: backward(trace=TRACE.A), TypeError, r"transformer.backward: trace must be a StreamTrace, got \["),
    (
        lambda: backward([*NET[:2], NET[-1]]),
        ValueError,
        r"transformer.backward: trace must come from these 1 blocks, got 2",
    ),
    (
        lambda: backward(init(sizes=[5, 4, 6, 9], tied=False)),
        ValueError,
        r"transformer.backward: trace must come from parts of sizes \(6, 5, 9, 9\), got \(6, 5, 7, 7\)",
    ),
    (lambda: backward(init(ensemble=2, tied=False)), ValueError, r"transformer.backward: trace must have the ensemble"),
    (
        lambda: train(Y=YS[:2]),
        ValueError,
        r"train: Y must be \(..., 5, 4, 3\), as .*labels \(..., 4, 3\), got int64 .*\(2, 3\)",
    ),
    (lambda: train(Y=YS.T), ValueError, r"train: Y must be .*got int64 of shape \(3, 4\)"),
    (lambda: train(Y=YS + 5), ValueError, r"softmax_cross_entropy: labels must lie in 0..4, got values"),
    (lambda: train(Y=YS * 1.5), ValueError, r"train: Y must be .* labels \(..., 4, 3\), got float64"),
    (lambda: train(X=XS * 1.0), TypeError, r"transformer.forward: X must hold integers"),
    (lambda: train(X=XS[0, 0]), ValueError, r"train: X must be \(..., n_0, m\) with m >= 1, got \(\)"),
    (
        lambda: check(model="transformer"),
        TypeError,
        r"check_gradients: model must be two functions .*got 'transformer'",
    ),
    (lambda: check(params=[tuple(p) for p in NET]), TypeError, r"check_gradients: params must be a list of named"),
    (lambda: check(activation="tanh"), TypeError, r"check_gradients: activation .*got 'tanh'"),
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
