"""Training against its own loop in the clear, and what it promises about its history."""

import tracemalloc
import warnings
from itertools import chain

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import shallownet as sn
from shallownet import residual
from shallownet.activations import Activation
from shallownet.network import Layer
from shallownet.training import Run, by_hand, descend, prepare

ACTIVATIONS = [getattr(sn.activations, n) for n in sn.activations.__all__ if n != "Activation"]
OPTIMIZERS = ["sgd", "momentum", "adam"]
BCE, CE = sn.losses.binary_cross_entropy, sn.losses.softmax_cross_entropy
SE = sn.losses.squared_error


def problem(seed=0, sizes=(2, 4, 1), ensemble=(), m=12, dtype=float):
    rng = np.random.default_rng(seed)
    X, Y = sn.datasets.moons(m, rng)
    params = sn.init_params(list(sizes), sn.initializers.glorot, rng, ensemble=ensemble, dtype=dtype)
    return params, X, np.repeat(Y, sizes[-1], axis=0)


def flat(params):
    return [np.asarray(a) for layer in params for a in layer]


def in_the_clear(params, X, Y, **settings):
    """What `train` is measured against: the loop that is written out."""
    return by_hand(prepare(params, X, Y, **settings))


def assert_same(run, clear, rtol=1e-12):
    assert list(run.history) == list(clear.history)
    for name, values in clear.history.items():
        np.testing.assert_allclose(run.history[name], values, rtol=rtol, atol=1e-12, strict=True)
    for found, expected in zip(flat(run.params), flat(clear.params), strict=True):
        np.testing.assert_allclose(found, expected, rtol=10 * rtol, atol=1e-12, strict=True)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_clear_loop_is_the_published_rule(optimizer):
    """One weight and one bias, one example, in plain numbers: no code of the library decides what is right here."""
    w, b, x, y, lr = 0.7, -0.2, 1.5, 0.25, 0.1
    first, second, losses = [0.0, 0.0], [0.0, 0.0], []
    for t in range(1, 8):
        error = w * x + b - y
        losses.append(error**2 / 2)
        moves = []
        for i, g in enumerate((error * x, error)):
            if optimizer == "momentum":
                first[i] = 0.9 * first[i] + g
            elif optimizer == "adam":
                first[i] = 0.9 * first[i] + 0.1 * g
                second[i] = 0.999 * second[i] + 0.001 * g**2
            mean, square = first[i] / (1 - 0.9**t), second[i] / (1 - 0.999**t)
            moves.append({"sgd": g, "momentum": first[i], "adam": mean / (square**0.5 + 1e-8)}[optimizer])
        w, b = w - lr * moves[0], b - lr * moves[1]

    start = [([[0.7]], [[-0.2]])]
    found = in_the_clear(start, [[1.5]], [[0.25]], steps=7, lr=lr, loss=SE, optimizer=optimizer)

    np.testing.assert_allclose(found.history["loss"][:-1], losses, rtol=1e-12)
    np.testing.assert_allclose([a.item() for a in flat(found.params)], [w, b], rtol=1e-12)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("activation", ACTIVATIONS, ids=repr)
def test_training_is_the_loop_a_reader_would_write(optimizer, activation):
    """`train` may take short cuts: they change nothing in the first twelve digits."""
    params, X, Y = problem(1, (2, 5, 3, 1), ensemble=(2,))
    how = {"steps": 40, "lr": 0.01 if optimizer == "adam" else 0.1, "optimizer": optimizer, "activation": activation}

    assert_same(sn.train(params, X, Y, **how), in_the_clear(params, X, Y, **how))


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "relu"])
def test_saturated_units_train_as_in_the_clear_path(name):
    """The slope from A rounds to 0 where the exact one is 1e-17: not a difference that a weight can show."""
    params, X, Y = problem(2, (2, 6, 1))
    params = [Layer(30 * W, b) for W, b in params]
    how = {"steps": 100, "lr": 0.05, "activation": getattr(sn.activations, name)}

    assert_same(sn.train(params, X, Y, **how), in_the_clear(params, X, Y, **how), rtol=1e-11)


def test_what_is_recorded_is_what_the_clear_loop_records():
    """A record sees the parameters and the trace of its step, and may write to them; the order of names stays."""
    params, X, Y = problem(ensemble=(2,))

    def spoil(params, trace):
        for array in (*flat(params), *trace.Z[1:], *trace.A):
            array[...] = np.nan
        return 0.0

    record = {"W": lambda p, t: p[0].W, "Z": lambda p, t: t.Z[1], "spoil": spoil}
    how = {"steps": 5, "lr": 0.1, "record": record, "batch_size": 6}

    run, clear = (f(params, X, Y, **how, rng=np.random.default_rng(0)) for f in (sn.train, in_the_clear))

    assert_same(run, clear)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_model_trains_as_in_the_clear_loop(optimizer):
    """Residual blocks have a parameter more than a layer: the rules are the same for each of them."""
    rng = np.random.default_rng(0)
    X, Y = sn.datasets.xor(20, rng)
    params = residual.init_residual([2, 5, 1], 2, sn.initializers.he, rng, ensemble=(3,))
    rates = [0.01, np.array([0.01, 0.02, 0.03]), 0.02, 0.01]
    how = {"steps": 6, "lr": rates, "optimizer": optimizer, "model": residual.model(residual.layer_norm)}
    how["activation"] = sn.activations.relu

    assert_same(sn.train(params, X, Y, **how), in_the_clear(params, X, Y, **how))


def test_a_diverging_network_ends_the_clear_loop_and_not_the_fast_one():
    """`descend` says nothing: who trains a thousand networks wants one warning and not a thousand."""
    params, X, Y = problem(sizes=(2, 1))
    job = prepare(params, 10 * X, 3 * Y, steps=400, lr=90.0, loss=SE)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run = descend(job)
        with pytest.raises(ValueError, match=r"^forward: "), np.errstate(all="ignore"):
            by_hand(job)

    assert not np.isfinite(run.history["loss"][-1])


def test_a_reader_s_own_activation_is_used_with_its_own_slope():
    """A short cut by name would train with the wrong derivative, silently."""
    own = Activation("tanh", np.tanh, lambda Z: np.zeros_like(Z))
    params, X, Y = problem()

    run = sn.train(params, X, Y, steps=3, lr=0.1, activation=own)

    np.testing.assert_array_equal(run.params[0].W, params[0].W)
    assert (run.params[1].W != params[1].W).all()


@given(
    seed=st.integers(0, 2**32),
    optimizer=st.sampled_from(OPTIMIZERS),
    batch_size=st.sampled_from([None, 1, 5, 12]),
    ensemble=st.sampled_from([(1,), (3,), (2, 2)]),
    dtype=st.sampled_from([np.float64, np.float32]),
)
@settings(max_examples=40, deadline=None)
def test_an_ensemble_is_a_loop_over_its_members(seed, optimizer, batch_size, ensemble, dtype):
    """Networks side by side must not feel each other, whatever the optimizer or the batches."""
    params, X, Y = problem(seed, ensemble=ensemble, dtype=dtype)
    settings_ = {"steps": 6, "lr": 0.05, "optimizer": optimizer, "batch_size": batch_size}
    tolerance = {"rtol": 1e-9, "atol": 1e-11} if dtype == np.float64 else {"rtol": 1e-2, "atol": 1e-3}

    run = sn.train(params, X, Y, **settings_, rng=np.random.default_rng(seed))

    assert run.history["loss"].shape == (7, *ensemble)
    assert run.history["loss"].dtype == dtype
    assert all(a.dtype == dtype for a in flat(run.params))
    for index in np.ndindex(ensemble):
        one = [Layer(W[index], b[index]) for W, b in params]
        alone = sn.train(one, X, Y, **settings_, rng=np.random.default_rng(seed))
        np.testing.assert_allclose(run.history["loss"][(slice(None), *index)], alone.history["loss"], **tolerance)
        for together, single in zip(flat(run.params), flat(alone.params), strict=True):
            np.testing.assert_allclose(together[index], single, **tolerance)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_each_network_may_have_its_own_learning_rate(optimizer):
    """A curve over learning rates is one ensemble."""
    params, X, Y = problem(ensemble=(3,))
    rates = np.array([0.01, 0.1, 0.5])

    run = sn.train(params, X, Y, steps=8, lr=rates, optimizer=optimizer)

    for i, lr in enumerate(rates):
        alone = sn.train([Layer(W[i], b[i]) for W, b in params], X, Y, steps=8, lr=lr, optimizer=optimizer)
        np.testing.assert_allclose(run.history["loss"][:, i], alone.history["loss"], rtol=1e-11)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(("lr", "ensemble"), [(0.1, ()), (0.1, (3,)), (np.array([0.01, 0.1, 0.5]), (3,))])
def test_a_list_of_equal_rates_is_the_rate(optimizer, lr, ensemble):
    """Bit for bit: a list says which layer has which rate, and nothing else."""
    params, X, Y = problem(sizes=(2, 5, 3, 1), ensemble=ensemble)

    one, each = (sn.train(params, X, Y, steps=8, lr=rate, optimizer=optimizer) for rate in (lr, [lr] * 3))

    for a, b in zip(flat(one.params), flat(each.params), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(one.history["loss"], each.history["loss"])


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_each_layer_may_have_its_own_learning_rate(optimizer):
    """The first step of each layer is its rate times what a rate of one would do, weights and biases alike."""
    params, X, Y = problem(sizes=(2, 5, 3, 1), ensemble=(3,))
    rates = [0.1, np.array([0.5, 0.2, 0.01]), 0.003]

    unit = sn.train(params, X, Y, steps=1, lr=1.0, optimizer=optimizer).params
    run = sn.train(params, X, Y, steps=1, lr=rates, optimizer=optimizer)

    for layer, full, moved, rate in zip(params, unit, run.params, rates, strict=True):
        for before, far, after in zip(layer, full, moved, strict=True):
            step = np.reshape(rate, (-1, 1, 1)) * (far - before)
            np.testing.assert_allclose(after - before, step, rtol=1e-9, atol=1e-12)


def test_rates_by_layer_keep_float32():
    """A rate in double precision must not promote the weights."""
    params, X, Y = problem(ensemble=(2,), dtype=np.float32)

    run = sn.train(params, X, Y, steps=2, lr=[0.1, np.array([0.1, 0.2])], optimizer="adam")

    assert all(array.dtype == np.float32 for array in flat(run.params))


@pytest.mark.parametrize(("m", "batch_size"), [(12, 4), (12, 5), (12, 12), (7, 1), (5, 3)])
def test_mini_batches_partition_the_data_in_each_epoch(m, batch_size):
    """Without replacement: every example has its turn before one comes again."""
    X, Y = np.arange(float(m))[None], np.zeros((1, m))
    params = sn.init_params([1, 1], sn.initializers.zeros, np.random.default_rng(0))
    seen = []
    per_epoch = -(-m // batch_size)

    def note(params, trace):
        seen.append(trace.A[0][0].astype(int).tolist())
        return 0.0

    sn.train(
        params,
        X,
        Y,
        steps=4 * per_epoch - 1,
        lr=1e-3,
        batch_size=batch_size,
        rng=np.random.default_rng(0),
        record={"seen": note},
    )

    epochs = [list(chain(*seen[k : k + per_epoch])) for k in range(0, len(seen), per_epoch)]
    assert len(epochs) == 4
    assert all(sorted(epoch) == list(range(m)) for epoch in epochs)
    assert m == 1 or len({tuple(epoch) for epoch in epochs}) > 1
    assert all(len(batch) == batch_size for batch in seen[: per_epoch - 1])


def test_mini_batch_updates_use_the_recorded_batch():
    """Entry k is measured on the batch that update k + 1 uses."""
    params, X, Y = problem(m=10)
    order = np.random.default_rng(4).permutation(10)

    run = sn.train(params, X, Y, steps=1, lr=0.3, batch_size=4, rng=np.random.default_rng(4))
    clear = in_the_clear(params, X[:, order[:4]], Y[:, order[:4]], steps=1, lr=0.3)

    assert run.history["loss"][0] == pytest.approx(clear.history["loss"][0], rel=1e-12)
    np.testing.assert_allclose(run.params[0].W, clear.params[0].W, rtol=1e-12)
    after = sn.forward(run.params, X[:, order[4:8]]).A[-1]
    assert run.history["loss"][1] == pytest.approx(BCE.f(after, Y[:, order[4:8]]), rel=1e-12)


def test_history_entry_k_is_measured_after_k_updates():
    """Off by one here shifts every curve of the book."""
    params, X, Y = problem()

    long = sn.train(params, X, Y, steps=5, lr=0.2)

    assert long.history["loss"].shape == (6,)
    assert long.history["loss"][0] == pytest.approx(BCE.f(sn.forward(params, X).A[-1], Y), rel=1e-14)
    for k in range(6):
        stopped = sn.train(params, X, Y, steps=k, lr=0.2)
        at_k = BCE.f(sn.forward(stopped.params, X).A[-1], Y)
        assert long.history["loss"][k] == pytest.approx(at_k, rel=1e-13)


def test_record_is_called_at_every_step_with_that_step_s_network():
    """A record must be a snapshot: later updates may not write into it."""
    params, X, Y = problem(ensemble=(3,))

    run = sn.train(
        params,
        X,
        Y,
        steps=4,
        lr=0.2,
        record={
            "W1": lambda p, t: p[0].W,
            "A1": lambda p, t: t.A[1],
            "rms": lambda p, t: sn.diagnostics.rms(t.Z[1]),
        },
    )

    assert {name: values.shape for name, values in run.history.items()} == {
        "loss": (5, 3),
        "W1": (5, 3, 4, 2),
        "A1": (5, 3, 4, 12),
        "rms": (5, 3),
    }
    np.testing.assert_array_equal(run.history["W1"][0], params[0].W)
    np.testing.assert_array_equal(run.history["W1"][-1], run.params[0].W)
    for k in range(5):
        trace = sn.forward(sn.train(params, X, Y, steps=k, lr=0.2).params, X)
        np.testing.assert_allclose(run.history["A1"][k], trace.A[1], rtol=1e-12)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("steps", [0, 3])
def test_inputs_are_left_as_they_were(optimizer, steps):
    """The same start must serve several runs, and a result may be changed without changing it."""
    params, X, Y = problem()
    kept = [a.copy() for a in (X, Y, *flat(params))]

    run = sn.train(params, X, Y, steps=steps, lr=0.1, optimizer=optimizer)
    for array in flat(run.params):
        array += 100

    for before, after in zip(kept, (X, Y, *flat(params)), strict=True):
        np.testing.assert_array_equal(before, after)


def test_read_only_arrays_can_be_trained_on():
    """Whoever protects data should be able to use it."""
    params, X, Y = problem()
    for array in (X, Y, *flat(params)):
        array.flags.writeable = False

    run = sn.train(params, X, Y, steps=3, lr=0.1, optimizer="adam")

    assert np.isfinite(run.history["loss"]).all()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_same_rng_gives_the_same_run_and_the_global_state_stays(optimizer):
    """Reproducible by what is handed in, and by nothing else."""
    params, X, Y = problem()
    legacy = np.random.get_state()[1].copy()

    first, second = (
        sn.train(params, X, Y, steps=9, lr=0.1, optimizer=optimizer, batch_size=5, rng=np.random.default_rng(3))
        for _ in range(2)
    )

    np.testing.assert_array_equal(first.history["loss"], second.history["loss"])
    np.testing.assert_array_equal(first.params[0].W, second.params[0].W)
    np.testing.assert_array_equal(np.random.get_state()[1], legacy)


def test_logistic_regression_starts_at_zero_and_finds_the_optimum():
    """No hidden layer: convex, so zero is as good a start as any, and the gradient vanishes at the end."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((2, 400))
    Y = (rng.random((1, 400)) < 1 / (1 + np.exp(-(2 * X[:1] - X[1:] + 0.5)))).astype(float)
    starts = [
        sn.init_params([2, 1], f, rng)
        for f in (sn.initializers.zeros, lambda s, r, dtype: 3 * sn.initializers.he(s, r))
    ]

    runs = [sn.train(params, X, Y, steps=3000, lr=1.0) for params in starts]

    np.testing.assert_allclose(runs[0].params[0].W, runs[1].params[0].W, rtol=1e-6)
    logits = sn.forward(runs[0].params, X).A[-1]
    assert np.abs(BCE.df(logits, Y) @ X.T).max() < 1e-8
    assert (np.diff(runs[0].history["loss"]) < 1e-15).all()


def test_divergence_warns_once_names_the_step_and_keeps_the_history():
    """A NaN without a word is what costs beginners most."""
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((2, 20)), rng.standard_normal((1, 20))
    params = sn.init_params([2, 1], sn.initializers.he, rng, ensemble=(4,))
    rates = np.array([0.1, 0.2, 50.0, 90.0])

    with pytest.warns(RuntimeWarning) as caught:
        run = sn.train(params, X, Y, steps=400, lr=rates, loss=SE)

    loss = run.history["loss"]
    first = int(np.argmax(~np.isfinite(loss).all(axis=1)))
    assert [str(w.message).startswith("train: ") for w in caught] == [True]
    assert f"at step {first} in 1 of 4 networks" in str(caught[0].message)
    assert caught[0].filename == __file__
    assert loss.shape == (401, 4)
    assert np.isfinite(loss[:first]).all()
    assert np.isfinite(loss[:, :2]).all()
    assert not np.isfinite(loss[-1, 2:]).any()


def test_a_single_network_s_divergence_is_not_counted_in_networks():
    """'1 of 1 networks' would only puzzle."""
    params, X, Y = problem(sizes=(2, 1))

    with pytest.warns(RuntimeWarning, match=r"^train: the loss stopped being finite at step \d+; ") as caught:
        sn.train(params, 10 * X, 3 * Y, steps=400, lr=90.0, loss=SE)

    assert "\n" not in str(caught[0].message)


def test_a_healthy_run_warns_of_nothing():
    """Warnings are errors in the book: a spurious one breaks a page."""
    params, X, Y = problem(ensemble=(50,))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run = sn.train(params, 1000 * X, Y, steps=50, lr=5.0, optimizer="momentum")

    assert np.isfinite(run.history["loss"]).all()


def test_a_progress_bar_on_request_only(capsys):
    """tqdm counts the steps and changes nothing."""
    params, X, Y = problem()

    quiet = sn.train(params, X, Y, steps=7, lr=0.1)
    silence = capsys.readouterr()
    shown = sn.train(params, X, Y, steps=7, lr=0.1, progress=True)
    bar = capsys.readouterr()

    assert silence.out == silence.err == ""
    assert "train: 100%" in bar.err
    assert "7/7" in bar.err
    np.testing.assert_array_equal(quiet.history["loss"], shown.history["loss"])


def test_zero_steps_measure_the_start():
    """The loss at the start is the first thing to look at."""
    params, X, Y = problem(ensemble=(3,))

    run = sn.train(params, X, Y, steps=0, lr=0.1)

    assert isinstance(run, Run)
    assert run.history["loss"].shape == (1, 3)
    np.testing.assert_array_equal(run.params[0].W, params[0].W)


def test_integers_and_lists_are_numbers():
    """Weights and data typed by hand are lists of integers."""
    run = sn.train([([[1, 1]], [[0]])], [[0, 1], [1, 0]], [[0, 1]], steps=1, lr=1)

    assert run.params[0].W.tolist() == [[1 - (1 / (1 + np.exp(-1)) - 1) / 2, 1 - 1 / (1 + np.exp(-1)) / 2]]


@pytest.mark.parametrize("loss", [BCE, CE, SE], ids=repr)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_loss_falls_with_every_optimizer(loss, optimizer):
    """The last check before the reader's: it learns."""
    rng = np.random.default_rng(0)
    X, y = sn.datasets.xor(100, rng)
    params = sn.init_params([2, 8, 2], sn.initializers.glorot, rng, ensemble=(5,))

    run = sn.train(params, X, np.concatenate([1 - y, y]), steps=200, lr=0.05, loss=loss, optimizer=optimizer)

    assert (run.history["loss"][-1] < run.history["loss"][0]).all()


LOSSES = {"binary": BCE, "softmax": CE, "squared": SE}


@given(
    seed=st.integers(0, 2**32),
    optimizer=st.sampled_from(OPTIMIZERS),
    loss=st.sampled_from(sorted(LOSSES)),
    activation=st.sampled_from(ACTIVATIONS),
    ensemble=st.sampled_from([(), (1,), (3,), (2, 2)]),
    sizes=st.sampled_from([(2, 2), (2, 5, 2), (2, 1, 4, 2), (2, 6, 1, 3, 2)]),
    batch_size=st.sampled_from([None, 5]),
)
@settings(max_examples=150, deadline=None)
def test_the_fast_path_is_the_clear_path(seed, optimizer, loss, activation, ensemble, sizes, batch_size):
    """To twelve digits over everything that takes another way inside."""
    params, X, Y = problem(seed, sizes, ensemble)
    Y = np.concatenate([Y[:1], 1 - Y[:1]])
    lr = 0.01 if optimizer == "adam" else 0.05
    settings_ = {"lr": lr, "optimizer": optimizer, "loss": LOSSES[loss], "activation": activation}
    # Where all units are dead and classes balance, the output bias rests: Adam divides the rounding of a zero
    # gradient by itself, and makes whole steps of it, in either path others.
    trace = sn.forward(params, X, activation)
    rest = np.abs(LOSSES[loss].df(trace.A[-1], Y).sum(axis=-1)).min() < 1e-6
    assume(optimizer != "adam" or not rest)

    run = sn.train(params, X, Y, steps=8, **settings_, batch_size=batch_size, rng=np.random.default_rng(seed))

    clear = in_the_clear(params, X, Y, steps=8, **settings_, batch_size=batch_size, rng=np.random.default_rng(seed))

    assert_same(run, clear)


@pytest.mark.parametrize("shared", ["W1", "b1", "W2", "b2", "X"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_what_networks_share_moves_by_the_sum_of_their_gradients(shared, optimizer):
    """An ensemble axis may be missing anywhere: the buffers must have the shapes that broadcasting gives."""
    (layer1, layer2), X, Y = problem(3, (2, 4, 1), ensemble=(3,))
    arrays = {"W1": layer1.W, "b1": layer1.b, "W2": layer2.W, "b2": layer2.b, "X": np.stack([X, 2 * X, 3 * X])}
    arrays[shared] = arrays[shared][0]
    params = [Layer(arrays["W1"], arrays["b1"]), Layer(arrays["W2"], arrays["b2"])]
    how = {"lr": 0.05, "optimizer": optimizer, "loss": BCE, "activation": sn.activations.tanh}

    run, clear = (f(params, arrays["X"], Y, steps=4, **how) for f in (sn.train, in_the_clear))

    assert_same(run, clear)


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=repr)
@pytest.mark.parametrize("batch_size", [None, 4])
def test_single_precision_stays_single(activation, batch_size):
    """Half the memory and twice the speed are lost by one double among the arrays."""
    params, X, Y = problem(dtype=np.float32)
    dtypes = set()

    def look(params, trace):
        dtypes.update(array.dtype for array in (*flat(params), *trace.Z[1:], *trace.A))
        return trace.A[1]

    rng = np.random.default_rng(0)
    how = {"optimizer": "adam", "activation": activation, "batch_size": batch_size, "rng": rng}
    run = sn.train(params, X, Y, steps=3, lr=0.01, **how, record={"look": look} if batch_size != 4 else None)

    assert dtypes <= {np.dtype(np.float32)}
    assert {array.dtype for array in (*flat(run.params), *run.history.values())} == {np.dtype(np.float32)}


@pytest.mark.parametrize("batch_size", [None, 5])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("activation", [sn.activations.tanh, sn.activations.relu, sn.activations.silu], ids=repr)
def test_what_record_is_handed_may_be_kept_and_written_to(activation, optimizer, batch_size):
    """The loop uses its arrays again: what leaves it must be no part of it, nor of what came in."""
    params, X, Y = problem(ensemble=(2,))
    how = {"steps": 5, "lr": 0.1, "optimizer": optimizer, "activation": activation, "batch_size": batch_size}
    before = [array.copy() for array in (X, Y, *flat(params))]
    kept, copies = [], []

    def keep(params, trace):
        arrays = [*flat(params), *trace.Z[1:], *trace.A]
        kept.append(arrays)
        copies.append([array.copy() for array in arrays])
        return 0.0

    def spoil(params, trace):
        for array in (*flat(params), *trace.Z[1:], *trace.A):
            array[...] = np.nan
        return 0.0

    plain = sn.train(params, X, Y, **how, rng=np.random.default_rng(1))
    run = sn.train(params, X, Y, **how, rng=np.random.default_rng(1), record={"keep": keep})
    spoiled = sn.train(params, X, Y, **how, rng=np.random.default_rng(1), record={"spoil": spoil})

    for arrays, as_they_were in zip(kept, copies, strict=True):
        for array, as_it_was in zip(arrays, as_they_were, strict=True):
            np.testing.assert_array_equal(array, as_it_was)
    for other in (run, spoiled):
        np.testing.assert_array_equal(other.history["loss"], plain.history["loss"])
        for found, expected in zip(flat(other.params), flat(plain.params), strict=True):
            np.testing.assert_array_equal(found, expected)
    for array, as_it_was in zip((X, Y, *flat(params)), before, strict=True):
        np.testing.assert_array_equal(array, as_it_was)


@pytest.mark.parametrize("ensemble", [(), (3,)])
@pytest.mark.parametrize(("loss", "outputs"), [(BCE, 1), (CE, 2)])
@pytest.mark.parametrize("steps", [0, 1, 2, 7, 8, 16, 40])
def test_losses_that_are_taken_several_at_once_are_those_of_each_step(steps, loss, outputs, ensemble):
    """So small a network takes the losses of 2 to 16 steps at once; the last ones need not fill a block."""
    params, X, _ = problem(sizes=(2, 4, outputs), ensemble=ensemble, m=500)
    Y = np.random.default_rng(1).random((*ensemble, outputs, 500))
    Y = Y / Y.sum(axis=-2, keepdims=True) if outputs > 1 else np.round(Y * 2) / 2  # soft targets, too
    params = [(3 * W, b) for W, b in params]

    run, clear = (f(params, X, Y, steps=steps, lr=0.5, loss=loss) for f in (sn.train, in_the_clear))

    np.testing.assert_allclose(run.history["loss"], clear.history["loss"], rtol=1e-12, strict=True)


def test_a_loss_of_one_s_own_is_handed_arrays_to_keep():
    """It may store the logits, and return the same array each time."""
    params, X, Y = problem()
    kept, fixed = [], np.full(Y.shape, 0.01)

    def f(logits, Y):
        kept.append(logits)
        return logits.mean()

    run = sn.train(params, X, Y, steps=3, lr=0.5, loss=sn.losses.Loss("own", f, lambda logits, Y: fixed))

    assert (fixed == 0.01).all()
    np.testing.assert_allclose([logits.mean() for logits in kept[-4:]], run.history["loss"], rtol=1e-14)


def test_a_step_needs_no_more_memory_than_twice_its_activations():
    """Deep nets run out of memory first: beyond the parameters there are the activations, and little else."""
    params = sn.init_params([50, *[50] * 30, 1], sn.initializers.glorot, np.random.default_rng(0))
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((50, 4000)), np.zeros((1, 4000))
    activations = 30 * 50 * 2000 * 8
    tracemalloc.start()

    start = tracemalloc.get_traced_memory()[0]
    sn.train(params, X, Y, steps=3, lr=0.1, batch_size=2000, rng=rng)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    data, parameters = X.nbytes + Y.nbytes, 2 * sum(array.nbytes for array in flat(params))
    assert peak - start - data - parameters < 2 * activations


@pytest.mark.parametrize("batch_size", [None, 7])
@pytest.mark.parametrize("flat", [True, False])
def test_integer_labels_train_like_one_hot_columns(batch_size, flat):
    """The same run, in the clear loop and in the fast one, with batches and without."""
    rng = np.random.default_rng(0)
    X, labels = rng.standard_normal((4, 30)), rng.integers(0, 3, 30)
    params = sn.init_params([4, 6, 3], sn.initializers.glorot, rng, ensemble=(2,))
    settings = {"steps": 9, "lr": 0.3, "loss": sn.losses.softmax_cross_entropy, "batch_size": batch_size}

    runs = [
        train(params, X, Y, **settings, rng=np.random.default_rng(1))
        for train in (sn.train, lambda *args, **keywords: by_hand(prepare(*args, **keywords)))
        for Y in (np.eye(3)[:, labels], labels if flat else labels[None])
    ]

    for run in runs[1:]:
        np.testing.assert_allclose(run.history["loss"], runs[0].history["loss"], rtol=1e-12)
    assert (runs[0].history["loss"][-1] != runs[0].history["loss"][0]).all()
