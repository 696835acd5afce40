r"""Losses on logits, each with its exact gradient.

A `Loss(name, f, df)` takes logits of shape `(..., n_L, m)` and targets `Y` of shape `(n_L, m)` or with
the same leading axes. `f` is the mean over the `m` examples and keeps the leading axes; `df` is the
gradient of `f` in the logits, so it carries the factor `1 / m`.

Taking logits, not probabilities, keeps both finite: a saturated output unit costs its logit.
Arrays of JAX and PyTorch are taken, too; of these, shapes are checked and values are not.
"""

from collections.abc import Callable
from types import ModuleType
from typing import NamedTuple

import numpy as np

from shallownet._checks import Array, common, floats, namespace
from shallownet.activations import sigmoid, softplus

__all__ = ["Loss", "binary_cross_entropy", "softmax_cross_entropy", "squared_error"]


class Loss(NamedTuple):
    """A mean loss `f(logits, Y) -> (...,)` and its gradient `df(logits, Y) -> like logits`."""

    name: str
    f: Callable[[np.ndarray, np.ndarray], np.ndarray]
    df: Callable[[np.ndarray, np.ndarray], np.ndarray]

    def __repr__(self) -> str:
        return f"Loss({self.name})"


def _fitting(name: str, logits: Array, Y: Array, *, probabilities: bool = False) -> tuple[Array, Array]:
    logits, Y = floats(name, "logits", logits), floats(name, "Y", Y)
    # a mean over no examples is NaN
    if logits.ndim < 2 or Y.ndim < 2 or logits.shape[-2:] != Y.shape[-2:] or 0 in Y.shape[-2:]:
        got = f"got {logits.shape} and {Y.shape}"
        raise ValueError(f"{name}: logits (..., n, m) and Y (n, m) must end in the same two axes, not empty, {got}")
    if common(logits.shape, Y.shape) != logits.shape:
        got = f"got {logits.shape} and {Y.shape}"
        raise ValueError(f"{name}: Y's leading axes must broadcast to those of the logits, {got}")
    if namespace(Y) is not np:  # under `jax.jit` there are no values yet to look at
        return logits, Y
    if not np.isfinite(Y).all():
        raise ValueError(f"{name}: Y must be finite, got NaN or infinity")
    low, high = Y.min(initial=0), Y.max(initial=0)
    if probabilities and (low < 0 or high > 1):
        raise ValueError(f"{name}: Y must lie in [0, 1], got values from {low:g} to {high:g}")
    return logits, Y.astype(logits.dtype, copy=False)


def _binary_f(logits: Array, Y: Array) -> Array:
    Z, Y = _fitting("binary_cross_entropy", logits, Y, probabilities=True)
    # -Y log s(Z) - (1 - Y) log(1 - s(Z)), with log s(Z) = Z - softplus(Z)
    return (softplus.f(Z) - Y * Z).sum(axis=-2).mean(axis=-1)


def _binary_df(logits: Array, Y: Array) -> Array:
    Z, Y = _fitting("binary_cross_entropy", logits, Y, probabilities=True)
    return (sigmoid.f(Z) - Y) / Z.shape[-1]


def _softmax_targets(logits: Array, Y: Array) -> tuple[ModuleType, Array, Array]:
    Z, Y = _fitting("softmax_cross_entropy", logits, Y, probabilities=True)
    if (xp := namespace(Y)) is np and np.abs((sums := Y.sum(axis=-2)) - 1).max(initial=0) > 1e-5:
        got = f"got sums from {sums.min():g} to {sums.max():g}"
        raise ValueError(f"softmax_cross_entropy: each column of Y must sum to 1, {got}")
    # the same shift of every logit in a column changes nothing and keeps exp below 1
    return xp, Z - xp.amax(Z, axis=-2, keepdims=True), Y


def _softmax_f(logits: Array, Y: Array) -> Array:
    xp, Z, Y = _softmax_targets(logits, Y)
    log_sum = xp.log(xp.exp(Z).sum(axis=-2))
    return (log_sum - (Y * Z).sum(axis=-2)).mean(axis=-1)


def _softmax_df(logits: Array, Y: Array) -> Array:
    xp, Z, Y = _softmax_targets(logits, Y)
    E = xp.exp(Z)
    # the gradient is softmax - Y because each column of Y sums to 1
    return (E / E.sum(axis=-2, keepdims=True) - Y) / Z.shape[-1]


def _squared_f(logits: Array, Y: Array) -> Array:
    Z, Y = _fitting("squared_error", logits, Y)
    return ((Z - Y) ** 2).sum(axis=-2).mean(axis=-1) / 2


def _squared_df(logits: Array, Y: Array) -> Array:
    Z, Y = _fitting("squared_error", logits, Y)
    return (Z - Y) / Z.shape[-1]


# Y in [0, 1]; outputs are independent yes-or-no questions and their losses add up
binary_cross_entropy = Loss("binary_cross_entropy", _binary_f, _binary_df)
# each column of Y is a distribution over the n_L classes, usually one 1
softmax_cross_entropy = Loss("softmax_cross_entropy", _softmax_f, _softmax_df)
# half the squared distance, so that the gradient is the plain difference
squared_error = Loss("squared_error", _squared_f, _squared_df)
