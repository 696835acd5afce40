r"""A fully connected network as a list of layers, its forward pass and its backward pass.

For $l = 1, \dots, L$, with $A^{[0]} = X$ and examples as columns,

$$
Z^{[l]} = W^{[l]} A^{[l-1]} + b^{[l]}, \qquad A^{[l]} = g(Z^{[l]}),
$$

except that the last layer is linear: $A^{[L]} = Z^{[L]}$, the logits, which a loss turns into
probabilities.

`forward` and `backward` take arrays of NumPy, JAX (also under `jax.jit`) or PyTorch. Shapes are always checked,
values only in NumPy.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from shallownet.activations import Activation, _common, _floats, _namespace, tanh

__all__ = ["Layer", "Trace", "backward", "forward", "init_params"]

Initializer = Callable[..., np.ndarray]


class Layer(NamedTuple):
    """The parameters of one layer, or the gradients with respect to them."""

    W: np.ndarray  # (..., n_out, n_in)
    b: np.ndarray  # (..., n_out, 1)


class Trace(NamedTuple):
    """What a forward pass leaves behind, indexed like the book's superscripts."""

    Z: list[Any]  # Z[l] for l = 1..L; Z[0] is None
    A: list[np.ndarray]  # A[l] for l = 0..L; A[0] is X, A[L] the logits


def init_params(
    sizes: Sequence[int],
    initializer: Initializer | Sequence[Initializer],
    rng: np.random.Generator,
    *,
    ensemble: int | tuple[int, ...] = (),
    dtype: Any = float,
) -> list[Layer]:
    r"""Draw the weights of a network and set its biases to zero.

    Biases need no draw: unequal weights already make the units unequal.

    Args:
        sizes: `[n_0, n_1, ..., n_L]`, units of the input, of each hidden layer and of the output.
        initializer: `(shape, rng, dtype=...) -> W`, or a list of `L` of them, one a layer.
        rng: Advanced in place; layers draw from it in order, so they are independent.
        ensemble: Leading axes of independent networks, for example `(200,)`.
        dtype: `float` (64 bits) or `np.float32`.

    Returns:
        `L` layers, `W` of shape `(*ensemble, n_l, n_{l-1})` and `b` of shape `(*ensemble, n_l, 1)`.

    Raises:
        ValueError: If `sizes`, `ensemble`, the number of initializers or a drawn shape is wrong.
        TypeError: If `rng` is no Generator, or `dtype` neither float64 nor float32.

    Examples:
        >>> import numpy as np
        >>> import shallownet as sn
        >>> rng = np.random.default_rng(0)
        >>> (W1, b1), (W2, b2) = sn.init_params([2, 4, 1], sn.initializers.glorot, rng)
        >>> W1.shape, b1.shape, W2.shape, b2.shape
        ((4, 2), (4, 1), (1, 4), (1, 1))
    """
    sizes = _positive_integers("sizes", sizes, at_least=2)
    ensemble = _positive_integers("ensemble", ensemble, at_least=0)
    _require(isinstance(rng, np.random.Generator), "init_params: rng must be a numpy Generator", rng, TypeError)
    dtype = _float_dtype("init_params", dtype)
    shapes = [(*ensemble, n_out, n_in) for n_in, n_out in pairwise(sizes)]
    initializers: Any = [initializer] * len(shapes) if callable(initializer) else initializer
    fits = np.shape(initializers) == (len(shapes),) and all(map(callable, initializers))
    _require(fits, f"init_params: initializer must be one function or a list of {len(shapes)}", initializer)
    params = []
    for l, (draw, shape) in enumerate(zip(initializers, shapes, strict=True), start=1):
        W = np.asarray(draw(shape, rng, dtype=dtype))
        if W.shape != shape or W.dtype != dtype or not np.isfinite(W).all():
            infinite = "" if W.dtype != dtype or np.isfinite(W).all() else " with NaN or infinity"
            wanted = f"the initializer of layer {l} must return finite {dtype} of shape {shape}"
            raise ValueError(f"init_params: {wanted}, got {W.dtype} of shape {W.shape}{infinite}")
        params.append(Layer(W, np.zeros((*shape[:-1], 1), dtype)))
    return params


def forward(params: Sequence[tuple[np.ndarray, np.ndarray]], X: np.ndarray, activation: Activation = tanh) -> Trace:
    r"""Compute every layer's pre-activations and activations.

    Args:
        params: Layers `(W, b)` with `W` of shape `(..., n_l, n_{l-1})`, `b` of shape `(..., n_l, 1)`.
        X: `(..., n_0, m)`, one example a column; cast to the first weights' dtype.
            Row-wise data, as scikit-learn has it, comes as `X.T`.
        activation: Applied after every layer but the last.

    Returns:
        `Trace(Z, A)`: `A[0]` is `X`, `A[-1]` the logits `(..., n_L, m)`.

    Raises:
        ValueError: If shapes do not chain, or `X` or a parameter is not finite.
        TypeError: If an array does not hold numbers, `params` no layers, or `activation` is none.

    Examples:
        >>> import numpy as np
        >>> import shallownet as sn
        >>> rng = np.random.default_rng(0)
        >>> params = sn.init_params([2, 4, 1], sn.initializers.zeros, rng)
        >>> sn.forward(params, np.ones((2, 3))).A[-1].tolist()
        [[0.0, 0.0, 0.0]]
    """
    layers, X = _checked("forward", params, X)
    _check_activation("forward", activation)
    Z: list[Any] = [None]
    A = [X]
    for l, (W, b) in enumerate(layers, start=1):
        Z.append(W @ A[l - 1] + b)
        A.append(activation.f(Z[l]) if l < len(layers) else Z[l])
    return Trace(Z, A)


def backward(
    params: Sequence[tuple[np.ndarray, np.ndarray]], trace: Trace, dZ: np.ndarray, activation: Activation = tanh
) -> list[Layer]:
    r"""Compute the gradient of a loss in every parameter, by the chain rule from the last layer.

    With $\delta^{[L]}$ given,

    $$
    \delta^{[l]} = W^{[l+1]\top} \delta^{[l+1]} \odot g'(Z^{[l]}), \qquad
    \frac{\partial J}{\partial W^{[l]}} = \delta^{[l]} A^{[l-1]\top}, \qquad
    \frac{\partial J}{\partial b^{[l]}} = \sum_{i} \delta^{[l]}_{\cdot i}.
    $$

    Args:
        params: The layers that made `trace`.
        trace: From `forward(params, X, activation)`.
        dZ: `(..., n_L, m)`, the loss's gradient in the logits: `loss.df(trace.A[-1], Y)`.
        activation: The one that made `trace`.

    Returns:
        A list of `Layer(dW, db)`, shaped like `params`.

    Raises:
        ValueError: If `trace` or `dZ` does not fit `params`, or `dZ` is not finite.
        TypeError: If an argument is of the wrong kind.

    Source:
        Rumelhart, Hinton & Williams (1986), "Learning representations by back-propagating errors".

    Examples:
        >>> import numpy as np
        >>> import shallownet as sn
        >>> rng = np.random.default_rng(0)
        >>> X, Y = sn.datasets.xor(50, rng)
        >>> params = sn.init_params([2, 4, 1], sn.initializers.glorot, rng)
        >>> trace = sn.forward(params, X)
        >>> dZ = sn.losses.binary_cross_entropy.df(trace.A[-1], Y)
        >>> [dW.shape for dW, db in sn.backward(params, trace, dZ)]
        [(4, 2), (1, 4)]
    """
    layers = _layers("backward", params)
    _check_activation("backward", activation)
    _check_trace(layers, trace)
    dZ = _numbers("backward", "dZ", dZ)
    _require(dZ.shape == trace.A[-1].shape, f"backward: dZ must have the logits' shape {trace.A[-1].shape}", dZ.shape)
    dZ = dZ.astype(trace.A[-1].dtype, copy=False) if _namespace(dZ) is np else dZ
    grads = []
    for l in range(len(layers), 0, -1):
        W, b = layers[l - 1]
        dW = dZ @ trace.A[l - 1].mT
        db = dZ.sum(axis=-1, keepdims=True)
        # X or dZ may carry more ensemble axes than W: a gradient has the shape of its parameter
        grads.append(Layer(_sum_to(dW, W.shape), _sum_to(db, b.shape)))
        if l > 1:
            dZ = W.mT @ dZ * activation.df(trace.Z[l - 1])
    return grads[::-1]


def _sum_to(array: Any, shape: tuple[int, ...]) -> Any:
    if array.shape == shape:
        return array
    grown = (*[0] * (array.ndim - len(shape)), *shape)
    return array.sum(axis=tuple(i for i, n in enumerate(grown) if n != array.shape[i]), keepdims=True).reshape(shape)


def _positive_integers(name: str, values: Any, *, at_least: int) -> tuple[int, ...]:
    as_tuple = (values,) if isinstance(values, (int, np.integer)) else values
    number = {0: "positive integers", 2: "at least two positive integers"}[at_least]
    try:
        integers = all(isinstance(n, (int, np.integer)) and n > 0 for n in as_tuple)
        fits = integers and len(as_tuple) >= at_least and not isinstance(as_tuple, str)
    except TypeError:
        fits = False
    _require(fits and bool not in map(type, as_tuple), f"init_params: {name} must be {number}", values)
    return tuple(int(n) for n in as_tuple)


def _float_dtype(function: str, dtype: Any) -> np.dtype[Any]:
    try:
        found: np.dtype[Any] = np.dtype(dtype)
    except TypeError:
        found = np.dtype(object)
    _require(found in (np.float64, np.float32), f"{function}: dtype must be float64 or float32", dtype, TypeError)
    return found


def _numbers(function: str, argument: str, values: Any) -> Any:
    array = _floats(function, argument, values)
    # under `jax.jit` there are no values yet to look at
    if _namespace(array) is np and not np.isfinite(array).all():
        raise ValueError(f"{function}: {argument} must be finite, got NaN or infinity")
    return array


def _layers(function: str, params: Any) -> list[Layer]:
    try:
        pairs = [(W, b) for W, b in params]
        lists = [np.ndim(W) > 0 for W, b in pairs]
    except (TypeError, ValueError):
        lists = [False]
    _require(all(lists), f"{function}: params must be a list of layers (W, b)", params, TypeError)
    named = [zip(("W", "b"), pair, strict=True) for pair in pairs]
    return [Layer(*(_numbers(function, f"{n}[{l}]", a) for n, a in pair)) for l, pair in enumerate(named, start=1)]


def _checked(function: str, params: Any, X: Any) -> tuple[list[Layer], np.ndarray]:
    """Return `params` as layers and `X` in their dtype, or say which one does not fit."""
    layers = _layers(function, params)
    if not layers:
        raise ValueError(f"{function}: params must hold at least one layer, got none")
    X = _floats(function, "X", X)
    with np.errstate(over="ignore"):  # what is too large for float32 is infinite, and told as such
        X = _numbers(function, "X", X.astype(layers[0].W.dtype, copy=False) if _namespace(X) is np else X)
    _require(X.ndim >= 2 and X.shape[-1] >= 1, f"{function}: X must be (..., n_0, m) with m >= 1", X.shape)
    n_in = X.shape[-2]
    for l, (W, b) in enumerate(layers, start=1):
        _require(W.ndim >= 2 and W.shape[-1] == n_in, f"{function}: W[{l}] must be (..., n_{l}, {n_in})", W.shape)
        # a bias of shape (n,) would broadcast along the examples, silently
        _require(b.shape[-2:] == (W.shape[-2], 1), f"{function}: b[{l}] must be (..., {W.shape[-2]}, 1)", b.shape)
        n_in = W.shape[-2]
    fits = _common(X.shape[:-2], *(a.shape[:-2] for layer in layers for a in layer)) is not None
    _require(fits, f"{function}: ensemble axes must broadcast", [X.shape, *(layer.W.shape for layer in layers)])
    return layers, X


def _check_activation(function: str, activation: Any) -> None:
    _require(isinstance(activation, Activation), f"{function}: activation must be an Activation", activation, TypeError)


def _check_trace(layers: list[Layer], trace: Any) -> None:
    _require(isinstance(trace, Trace), "backward: trace must be a Trace", trace, TypeError)
    count = len(trace.A) - 1
    _require(count == len(layers), f"backward: trace must come from these {len(layers)} layers", count)
    expected = [layers[0].W.shape[-1], *(W.shape[-2] for W, _ in layers)]
    found = [A.shape[-2] for A in trace.A]
    _require(found == expected, f"backward: trace must come from layers of sizes {expected}", found)
    leads = [(layer.W.shape[:-2], Z.shape[:-2]) for layer, Z in zip(layers, trace.Z[1:], strict=True)]
    fits = all(_common(ensemble, lead) == lead for ensemble, lead in leads)
    _require(fits, "backward: trace must have the ensemble axes of params", [lead for _, lead in leads])


def _shown(value: Any) -> str:
    return " ".join(repr(value).split())[:80]  # an array's repr has many lines


def _require(fits: Any, expected: str, value: Any, kind: type[Exception] = ValueError) -> None:
    if not fits:
        raise kind(f"{expected}, got {_shown(value)}")
