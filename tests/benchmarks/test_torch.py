"""The clear step on tensors of PyTorch. Not run by default: it needs what the benchmarks need, the extra `peers`."""

from functools import partial

import numpy as np
import pytest
import torch

import shallownet as sn
from shallownet.training import step

ACTIVATIONS = [getattr(sn.activations, n) for n in sn.activations.__all__ if n not in ("Activation", "gelu")]
LOSSES = [getattr(sn.losses, n) for n in sn.losses.__all__ if n != "Loss"]


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
@pytest.mark.parametrize("activation", ACTIVATIONS, ids=repr)
def test_a_step_on_torch_is_the_step_in_numpy(activation, loss):
    """PyTorch has no `__array_namespace__`, but the same functions."""
    rng = np.random.default_rng(0)
    classes = 1 if loss is sn.losses.binary_cross_entropy else 3
    params = sn.init_params([2, 5, 4, classes], sn.initializers.glorot, rng, ensemble=(3,))
    X, Y = rng.standard_normal((2, 30)), np.eye(3)[rng.integers(0, 3, 30)].T[:classes].copy()
    one = partial(step, lr=0.1, activation=activation, loss=loss)

    moved, J = one(params, X, Y)
    found, K = one([tuple(map(torch.from_numpy, layer)) for layer in params], torch.from_numpy(X), torch.from_numpy(Y))

    np.testing.assert_allclose(K, J, rtol=1e-12)
    for layer, other in zip(found, moved, strict=True):
        for tensor, wanted in zip(layer, other, strict=True):
            assert isinstance(tensor, torch.Tensor)
            np.testing.assert_allclose(tensor, wanted, rtol=1e-11, atol=1e-14)


def test_autograd_finds_the_gradient_of_backward():
    """The forward pass is a chain of PyTorch's own functions, so its engine can differentiate it."""
    rng = np.random.default_rng(0)
    params = sn.init_params([2, 5, 1], sn.initializers.glorot, rng)
    X, Y = sn.datasets.circles(40, rng)
    tensors = [tuple(torch.from_numpy(a).requires_grad_() for a in layer) for layer in params]
    loss = sn.losses.binary_cross_entropy

    loss.f(sn.forward(tensors, torch.from_numpy(X)).A[-1], torch.from_numpy(Y)).backward()
    trace = sn.forward(params, X)
    grads = sn.backward(params, trace, loss.df(trace.A[-1], Y))

    for layer, other in zip(tensors, grads, strict=True):
        for tensor, wanted in zip(layer, other, strict=True):
            np.testing.assert_allclose(tensor.grad, wanted, rtol=1e-11, atol=1e-14)
