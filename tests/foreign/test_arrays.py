"""Arrays of PyTorch, JAX, Flax and Keras, asked of these packages themselves.

`.ci/run` installs them for a step of its own (`pip install -e ".[frameworks]"`); a plain `pytest` leaves this folder
out.
"""

import os

os.environ["KERAS_BACKEND"] = "jax"  # read when Keras is imported

import jax
import keras
import numpy as np
import pytest
import torch
from flax import nnx

import shallownet as sn
from shallownet import diagnostics as diag
from shallownet import initializers as init
from shallownet import losses


@pytest.mark.parametrize("xp", [jax.numpy, torch], ids=["jax", "torch"])
def test_integer_labels_of_other_libraries(xp):
    """The one-hot columns are made by that library's own functions."""
    loss, logits, labels = losses.softmax_cross_entropy, np.eye(3, 4), np.array([2, 0, 1, 2])

    found = loss.f(xp.asarray(logits), xp.asarray(labels))

    assert float(found) == pytest.approx(loss.f(logits, labels), rel=1e-6)
    np.testing.assert_allclose(loss.best_constant(xp.asarray(labels)), loss.best_constant(labels), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_tensors_of_pytorch_are_measured_too(dtype):
    """With their gradient, and in types that NumPy does not have; natively where PyTorch is installed."""
    W = torch.randn(4, 3, generator=torch.Generator().manual_seed(0)).to(getattr(torch, dtype)).requires_grad_()

    plain = W.detach().double().numpy()

    for name in ("unit_spread", "unit_distance", "rms", "saturation"):
        measure = getattr(diag, name)
        assert measure(W) == measure(plain)
        assert measure(W).dtype == float
    np.testing.assert_array_equal(diag.grad_norms([(W, None)]), diag.grad_norms([(plain, None)]))


def test_channels_of_pytorch_s_images_are_units():
    """(examples, channels, y, x): a dead channel is one unit, wherever the framework keeps it."""
    A = np.random.default_rng(0).random((8, 50, 5, 5)) + 0.1
    A[:, :49] = 0

    (found,) = sn.report({"w": np.ones((1, 1))}, activations={"conv": torch.tensor(A)}).problems
    (same,) = sn.report({"w": np.ones((1, 1))}, activations={"conv": np.moveaxis(A, 1, -1)}).problems

    assert found == same
    assert found.startswith("conv: 98% of its units are 0")


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_tensors_of_pytorch(dtype):
    """With gradients, in half precision, on the meta device, and shared memory."""
    W = torch.tensor(init.he((90, 90), np.random.default_rng(0))).to(getattr(torch, dtype)).requires_grad_()

    found = sn.report({"fc": {"weight": W, "again": W}, "step": torch.tensor(3)})

    assert found.problems == []
    assert (found.rows[0].dtype, found.rows[0].scheme) == (dtype, "He, normal")
    (lost,) = sn.report({"a.weight": torch.empty(3, 4, device="meta")}).problems
    assert lost.startswith("a.weight: has no values")


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_arrays_of_jax(dtype):
    """JAX's bfloat16 is NumPy's by ml_dtypes; a key is no parameter."""
    W = jax.numpy.asarray(init.he((90, 90), np.random.default_rng(0)), dtype)

    found = sn.report({"fc": {"kernel": W}, "other": {"kernel": W}, "key": jax.random.key(0)})

    assert found.problems == []
    assert [row.name for row in found.rows] == ["fc/kernel", "other/kernel"]
    assert (found.rows[0].dtype, found.rows[0].scheme) == (dtype, "He, normal")


def test_shapes_of_jax_without_values():
    """As `nnx.eval_shape` makes them, for a checkpoint to fill."""
    empty = nnx.state(nnx.eval_shape(lambda: nnx.Linear(3, 4, rngs=nnx.Rngs(0))))

    for state in (empty, {"kernel": jax.ShapeDtypeStruct((3, 4), "float32")}):
        found = sn.report(state).problems

        assert "kernel: has no values, only a shape: it is still to be drawn" in found[-1]


def test_one_key_in_layers_of_different_shapes():
    """JAX draws the same numbers, as many as the shape takes."""
    layers = {str(n): nnx.state(nnx.Linear(n, 50, rngs=nnx.Rngs(0))) for n in (30, 40)}

    (found,) = sn.report(layers).problems

    assert found.startswith("30/kernel, 40/kernel: begin with the same numbers")


def test_variables_of_keras_and_flax():
    """By their paths, and as nested states."""
    keras.utils.set_random_seed(0)  # Python's, NumPy's and its own
    model = keras.Sequential([keras.Input((400,)), keras.layers.Dense(100), keras.layers.Dense(300)])
    state = nnx.state(nnx.Linear(30, 40, rngs=nnx.Rngs(0)))

    kept, listed, nested = sn.report({v.path: v for v in model.variables}), sn.report(model.variables), sn.report(state)

    assert kept.problems == listed.problems == nested.problems == []
    assert [row.scheme for row in kept.rows[::2]] == ["Glorot, uniform"] * 2
    assert kept.rows == listed.rows
    assert [row.layout for row in nested.rows] == ["", "io"]
