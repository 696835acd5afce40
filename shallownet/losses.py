r"""Losses on logits, each with its exact gradient.

A `Loss(name, f, df)` takes logits of shape `(..., n_L, m)` and targets `Y` of shape `(n_L, m)` or with
the same leading axes. `f` is the mean over the `m` examples and keeps the leading axes; `df` is the
gradient of `f` in the logits, so it carries the factor `1 / m`. `best_constant(Y)` are the logits that cost
least of those that are the same for every example: the honest start of the last bias. For
`softmax_cross_entropy`, `Y` may also be integer labels from 0, of shape `(m,)` or `(..., 1, m)`.

Taking logits, not probabilities, keeps both finite: a saturated output unit costs its logit.
Arrays of JAX and PyTorch are taken, too; of these, shapes are checked and values are not.
"""

from collections.abc import Callable
from types import ModuleType
from typing import NamedTuple

import numpy as np

from shallownet._checks import Array, common, floats, namespace, one_hot, to_numpy, whole
from shallownet.activations import sigmoid, softplus

__all__ = ["Loss", "binary_cross_entropy", "softmax_cross_entropy", "squared_error"]


class Loss(NamedTuple):
    """A mean loss `f(logits, Y) -> (...,)` and its gradient `df(logits, Y) -> like logits`."""

    name: str
    f: Callable[[np.ndarray, np.ndarray], np.ndarray]
    df: Callable[[np.ndarray, np.ndarray], np.ndarray]

    def __repr__(self) -> str:
        return f"Loss({self.name})"

    def best_constant(self, Y: Array) -> np.ndarray:
        r"""Return the logits that cost least of all that are the same for every example.

        Of `binary_cross_entropy` the log-odds of each output's share, of `softmax_cross_entropy` the logarithms of the
        classes' shares, centred, of `squared_error` the mean. A network that starts with them as its last biases, and
        with small last weights, does not spend its first steps learning how often each class occurs.

        Args:
            Y: `(..., n_L, m)`, or integer labels where the loss takes them: then there are as many classes as the
                largest label says.

        Returns:
            Logits of shape `(..., n_L, 1)` in float64: a last bias of `sn.init_params(..., biases=[0, logits])`.

        Raises:
            ValueError: If `Y` does not fit; if a class does not occur, or an output is always 0 or always 1: its
                logit would be infinite; or if the loss is none of these three.
            TypeError: If `Y` does not hold numbers.

        Examples:
            >>> import numpy as np
            >>> from shallownet import losses
            >>> Y = np.array([[0, 0, 0, 1]])
            >>> losses.binary_cross_entropy.best_constant(Y).round(4).tolist()  # the logarithm of 1/3
            [[-1.0986]]
            >>> losses.softmax_cross_entropy.best_constant(np.array([0, 0, 0, 1])).round(4).tolist()
            [[0.5493], [-0.5493]]
        """
        if self.f not in _CONSTANTS:
            known = ", ".join(loss.name for loss in (binary_cross_entropy, softmax_cross_entropy, squared_error))
            raise ValueError(f"best_constant: the loss must be one of {known}, got {self!r}")
        return _CONSTANTS[self.f](Y)


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


def _softmax_targets(logits: Array, Y: Array, name: str = "softmax_cross_entropy") -> tuple[ModuleType, Array, Array]:
    Z, Y = floats(name, "logits", logits), Y if namespace(Y) is not np else np.asarray(Y)
    # one number a column, where a distribution over the classes would have as many as there are classes
    if Z.ndim >= 2 and (Y.ndim == 1 or (Y.ndim >= 2 and Y.shape[-2] == 1 != Z.shape[-2])):
        Y = one_hot(name, Y, Z.shape[-2])
    Z, Y = _fitting(name, logits, Y, probabilities=True)
    if (xp := namespace(Y)) is np and np.abs((sums := Y.sum(axis=-2)) - 1).max(initial=0) > 1e-5:
        got = f"got sums from {sums.min():g} to {sums.max():g}"
        raise ValueError(f"{name}: each column of Y must sum to 1, {got}")
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


def _shares(name: str, Y: Array) -> np.ndarray:
    """Return the mean of each output's targets, `(..., n_L, 1)`, in float64."""
    Y = floats(name, "Y", to_numpy(Y))
    if Y.ndim < 2 or 0 in Y.shape:
        raise ValueError(f"{name}: Y must be (..., n, m), not empty, got shape {Y.shape}")
    if not np.isfinite(Y).all():
        raise ValueError(f"{name}: Y must be finite, got NaN or infinity")
    return np.asarray(Y.mean(axis=-1, keepdims=True, dtype=float))


def _binary_constant(Y: Array) -> np.ndarray:
    name = "best_constant"
    p = _shares(name, Y)
    _fitting(name, to_numpy(Y).astype(float), to_numpy(Y), probabilities=True)
    if not ((p > 0) & (p < 1)).all():
        output, share = _first(p, (p <= 0) | (p >= 1))
        raise ValueError(f"{name}: no output may be always 0 or always 1, got {share:g} throughout in output {output}")
    return np.asarray(np.log(p) - np.log1p(-p))


def _softmax_constant(Y: Array) -> np.ndarray:
    name = "best_constant"
    Y = to_numpy(Y)
    if Y.ndim == 1 or (Y.ndim >= 2 and Y.shape[-2] == 1 and whole(Y)):
        Y = one_hot(name, Y, int(Y.max(initial=0)) + 1 if whole(Y) else 1)
    p = _shares(name, Y)
    _softmax_targets(np.zeros(Y.shape), Y, name)
    if not (p > 0).all():
        output, _ = _first(p, p <= 0)
        raise ValueError(f"{name}: each class must occur, got no example of class {output}")
    logits = np.log(p)
    # any shift is as good; this one keeps the logits small
    return np.asarray(logits - logits.mean(axis=-2, keepdims=True))


def _first(p: np.ndarray, which: np.ndarray) -> tuple[int, float]:
    """Return the output, counted from 0, and the share of the first of those that do not fit."""
    index = tuple(np.argwhere(which)[0])
    return int(index[-2]), float(p[index])


# Y in [0, 1]; outputs are independent yes-or-no questions and their losses add up
binary_cross_entropy = Loss("binary_cross_entropy", _binary_f, _binary_df)
# each column of Y is a distribution over the n_L classes, usually one 1
softmax_cross_entropy = Loss("softmax_cross_entropy", _softmax_f, _softmax_df)
# half the squared distance, so that the gradient is the plain difference
squared_error = Loss("squared_error", _squared_f, _squared_df)

_CONSTANTS: dict[Callable[..., Array], Callable[[Array], np.ndarray]] = {
    _binary_f: _binary_constant,
    _softmax_f: _softmax_constant,
    _squared_f: lambda Y: _shares("best_constant", Y),
}
