"""The clear step on arrays of JAX: the same source, the same numbers. For PyTorch see benchmarks/test_torch.py."""

from functools import partial

import numpy as np
import pytest

import shallownet as sn
from shallownet.training import step

ACTIVATIONS = [getattr(sn.activations, n) for n in sn.activations.__all__ if n not in ("Activation", "gelu")]
LOSSES = [getattr(sn.losses, n) for n in sn.losses.__all__ if n != "Loss"]
CASES = [(activation, LOSSES[i % len(LOSSES)]) for i, activation in enumerate(ACTIVATIONS)]
TOLERANCE = {"rtol": 1e-11, "atol": 1e-14}


def problem(loss, ensemble=(), dtype=float):
    """A network with biases off zero, since at its kink a ReLU has a slope that nobody agrees on."""
    rng = np.random.default_rng(0)
    classes = 1 if loss is sn.losses.binary_cross_entropy else 3
    params = sn.init_params([2, 5, 4, classes], sn.initializers.glorot, rng, ensemble=ensemble, dtype=dtype)
    params = [layer._replace(b=0.1 * rng.standard_normal(layer.b.shape).astype(dtype)) for layer in params]
    X = rng.standard_normal((2, 30)).astype(dtype)
    Y = np.eye(3)[rng.integers(0, 3, 30)].T[:classes].astype(dtype)
    return params, X, Y


def same(found, expected, tolerance=None):
    for layer, other in zip(found, expected, strict=True):
        for array, wanted in zip(layer, other, strict=True):
            np.testing.assert_allclose(np.asarray(array), wanted, **tolerance or TOLERANCE)


@pytest.fixture
def jax():
    """JAX in double precision; without it (extra `jax`) there is nothing to compare."""
    jax = pytest.importorskip("jax")
    with jax.enable_x64(True):
        yield jax


@pytest.mark.parametrize(("activation", "loss"), CASES, ids=repr)
def test_a_step_under_jit_is_the_step_in_numpy(activation, loss, jax):
    """Whoever needs XLA has it, from the source that the book shows; and `jax.grad` finds the same gradient."""
    params, X, Y = problem(loss, (3,))
    one = partial(step, lr=0.1, activation=activation, loss=loss)

    def both(params, X, Y):
        gradient = jax.grad(lambda params: loss.f(sn.forward(params, X, activation).A[-1], Y).sum())
        return one(params, X, Y), gradient(params)

    moved, J = one(params, X, Y)
    (compiled, K), gradient = jax.jit(both)(*jax.device_put((params, X, Y)))

    assert all(isinstance(array, jax.Array) for layer in compiled for array in layer)
    np.testing.assert_allclose(K, J, **TOLERANCE)
    same(compiled, moved)
    trace = sn.forward(params, X, activation)
    same(gradient, sn.backward(params, trace, loss.df(trace.A[-1], Y), activation))


def test_a_run_can_be_one_compiled_loop(jax):
    """The same losses as `train`, step by step."""
    params, X, Y = problem(sn.losses.binary_cross_entropy)

    def scan(params, X, Y):
        return jax.lax.scan(lambda params, _: step(params, X, Y, lr=0.5), params, length=50)

    found, losses = jax.jit(scan)(*jax.device_put((params, X, Y)))
    run = sn.train(params, X, Y, steps=50, lr=0.5)

    np.testing.assert_allclose(losses, run.history["loss"][:-1], rtol=1e-10)
    same(found, run.params, {"rtol": 1e-9})


def test_parameters_that_networks_share_get_one_gradient(jax):
    """An ensemble of data sets, one network: what each of them adds is summed up, on every kind of array."""
    params, X, Y = problem(sn.losses.squared_error)
    X = np.stack([X, 2 * X])
    params = [params[0], params[1]._replace(b=np.stack([params[1].b] * 2)), params[2]]
    one = partial(step, lr=0.1, loss=sn.losses.squared_error)

    moved, J = one(params, X, Y)
    found, K = jax.jit(one)(*jax.device_put((params, X, Y)))

    assert [W.shape for W, _ in moved] == [W.shape for W, _ in params]
    np.testing.assert_allclose(K, J, **TOLERANCE)
    same(found, moved)


def test_shapes_are_checked_under_jit_too(jax):
    """A bias that broadcasts along the examples is as wrong there as in NumPy."""
    params, X, Y = problem(sn.losses.squared_error)
    params[0] = params[0]._replace(b=params[0].b[:, 0])

    with pytest.raises(ValueError, match=r"^forward: b\[1\] must be \(\.\.\., 5, 1\), got \(5,\)"):
        jax.jit(partial(step, lr=0.1, loss=sn.losses.squared_error))(params, X, Y)


def test_gelu_says_that_it_needs_numpy(jax):
    """Its error function comes from Python's `math`."""
    with pytest.raises(TypeError, match=r"^gelu: Z must be a NumPy array, got one of jax\.numpy"):
        sn.activations.gelu.f(jax.numpy.ones(3))
