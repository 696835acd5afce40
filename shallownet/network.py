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
from numbers import Real
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from shallownet._checks import (
    Array,
    chained,
    common,
    drawn,
    finite,
    float_dtype,
    generator,
    instance,
    layers,
    namespace,
    positive_integers,
    require,
    to_numpy,
)
from shallownet.activations import Activation, tanh

__all__ = ["Layer", "Trace", "backward", "forward", "in_columns", "init_params", "sum_to"]

Initializer = Callable[..., np.ndarray]
Layers = Sequence[tuple[Array, Array]]
Biases = float | Sequence[ArrayLike] | None


class Layer(NamedTuple):
    """The parameters of one layer, or the gradients with respect to them."""

    W: np.ndarray  # (..., n_out, n_in)
    b: np.ndarray  # (..., n_out, 1)


class Trace(NamedTuple):
    """What a forward pass leaves behind, indexed like the book's superscripts."""

    Z: list[Array]  # Z[l] for l = 1..L; Z[0] is None
    A: list[Array]  # A[l] for l = 0..L; A[0] is X, A[L] the logits


def init_params(
    sizes: Sequence[int],
    initializer: Initializer | Sequence[Initializer],
    rng: np.random.Generator,
    *,
    ensemble: int | tuple[int, ...] = (),
    dtype: DTypeLike = float,
    biases: Biases = None,
) -> list[Layer]:
    r"""Draw the weights of a network and set its biases, to zero if nothing else is asked for.

    Biases need no draw: unequal weights already make the units unequal.

    Args:
        sizes: `[n_0, n_1, ..., n_L]`, units of the input, of each hidden layer and of the output.
        initializer: `(shape, rng, dtype=...) -> W`, or a list of `L` of them, one a layer.
        rng: Advanced in place; layers draw from it in order, so they are independent.
        ensemble: Leading axes of independent networks, for example `(200,)`.
        dtype: `float` (64 bits) or `np.float32`; for fewer bits draw in float32 and cast.
        biases: None for zeros, a number for all layers, or `L` entries, one a layer: a number, or an array
            `(..., n_l, 1)` whose leading axes broadcast to `ensemble`. The honest start of the last one is
            `loss.best_constant(Y)`.

    Returns:
        `L` layers, `W` of shape `(*ensemble, n_l, n_{l-1})` and `b` of shape `(*ensemble, n_l, 1)`.

    Raises:
        ValueError: If `sizes`, `ensemble`, the number of initializers or of biases, a drawn shape or the shape of a
            bias is wrong, or a bias is not finite.
        TypeError: If `rng` is no Generator, or `dtype` neither float64 nor float32.

    Examples:
        >>> import numpy as np
        >>> import shallownet as sn
        >>> rng = np.random.default_rng(0)
        >>> (W1, b1), (W2, b2) = sn.init_params([2, 4, 1], sn.initializers.glorot, rng)
        >>> W1.shape, b1.shape, W2.shape, b2.shape
        ((4, 2), (4, 1), (1, 4), (1, 1))
        >>> rare = np.array([[0, 0, 0, 1]])  # one example of four is positive
        >>> honest = sn.losses.binary_cross_entropy.best_constant(rare)
        >>> params = sn.init_params([2, 4, 1], sn.initializers.glorot, rng, biases=[0, honest])
        >>> params[-1].b.round(4).tolist()
        [[-1.0986]]
    """
    sizes = positive_integers("init_params", "sizes", sizes, at_least=2)
    ensemble = positive_integers("init_params", "ensemble", ensemble)
    generator("init_params", rng)
    dtype = float_dtype("init_params", dtype)
    draws = [initializer] * (len(sizes) - 1) if callable(initializer) else initializer
    fits = isinstance(draws, list | tuple) and len(draws) == len(sizes) - 1 and all(map(callable, draws))
    require(fits, f"init_params: initializer must be one function or a list of {len(sizes) - 1}", initializer)
    constants = _biases(biases, sizes, ensemble, dtype)
    params = []
    for l, (draw, n_in, n_out) in enumerate(zip(draws, sizes, sizes[1:], strict=False), start=1):
        shape = (*ensemble, n_out, n_in)
        W = drawn("init_params", l, draw(shape, rng, dtype=dtype), shape, dtype)
        params.append(Layer(W, constants[l - 1]))
    return params


def forward(params: Layers, X: Array, activation: Activation = tanh) -> Trace:
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
    params, X = chained("forward", params, X)
    instance("forward", "activation", activation, Activation)
    Z: list[Array] = [None]
    A = [X]
    for l, (W, b) in enumerate(params, start=1):
        Z.append(W @ A[l - 1] + b)
        A.append(activation.f(Z[l]) if l < len(params) else Z[l])
    return Trace(Z, A)


def backward(params: Layers, trace: Trace, dZ: Array, activation: Activation = tanh) -> list[Layer]:
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
    params = layers("backward", params)
    instance("backward", "activation", activation, Activation)
    _check_trace(params, trace)
    dZ = finite("backward", "dZ", dZ)
    require(dZ.shape == trace.A[-1].shape, f"backward: dZ must have the logits' shape {trace.A[-1].shape}", dZ.shape)
    dZ = dZ.astype(trace.A[-1].dtype, copy=False) if namespace(dZ) is np else dZ
    grads = []
    for l in range(len(params), 0, -1):
        W, b = params[l - 1]
        dW = dZ @ trace.A[l - 1].mT
        db = dZ.sum(axis=-1, keepdims=True)
        # X or dZ may carry more ensemble axes than W: a gradient has the shape of its parameter
        grads.append(Layer(sum_to(dW, W.shape), sum_to(db, b.shape)))
        if l > 1:
            dZ = W.mT @ dZ * activation.df(trace.Z[l - 1])
    return grads[::-1]


def sum_to(array: Array, shape: tuple[int, ...]) -> Array:
    """Sum over the axes that broadcasting added: what several networks ask of a parameter that they share adds up.

    Args:
        array: `(...)`, for example a gradient for each network.
        shape: Of the parameter; broadcasts to the shape of `array`.

    Returns:
        An array of the given shape, `array` itself if that is its shape.
    """
    if array.shape == shape:
        return array
    grown = (*[0] * (array.ndim - len(shape)), *shape)
    return array.sum(axis=tuple(i for i, n in enumerate(grown) if n != array.shape[i]), keepdims=True).reshape(shape)


def in_columns(Y: Array, m: int) -> Array:
    """Return targets with one column for each of the logits: those of a network that answers an example more than once.

    Args:
        Y: `(..., n_L, m)`, or `(..., n_L, T, k)` with `T * k = m`: `T` answers to each of `k` examples.
        m: The number of columns of the logits.

    Returns:
        `(..., n_L, m)`, `Y` itself if that is its shape; column `t * k + i` is answer `t` to example `i`.
    """
    return Y if Y.shape[-1] == m else Y.reshape(*Y.shape[:-2], m)


def _biases(biases: Biases, sizes: Sequence[int], ensemble: tuple[int, ...], dtype: np.dtype) -> list[np.ndarray]:
    """Return each layer's bias, `(*ensemble, n_l, 1)`, of numbers and arrays that broadcast to it."""
    count = len(sizes) - 1
    value: Array = 0 if biases is None else biases
    number = isinstance(value, Real | np.ndarray) and not isinstance(value, bool) and getattr(value, "ndim", 0) == 0
    given = [value] * count if number else value
    fits = isinstance(given, list | tuple) and len(given) == count
    require(fits, f"init_params: biases must be None, a number, or a list of {count}, one a layer", biases)
    found = []
    for l, (b, n) in enumerate(zip(given, sizes[1:], strict=True), start=1):
        array = finite("init_params", f"bias {l}", to_numpy(b))
        shape = (*ensemble, n, 1)
        # a bias of shape (n,) would broadcast along the examples, silently
        fits = array.ndim == 0 or (array.shape[-2:] == (n, 1) and common(array.shape, shape) == shape)
        require(fits, f"init_params: bias {l} must be a number or {shape}, or broadcast to it as (..., {n}, 1)", b)
        with np.errstate(over="ignore"):  # what is too large for float32 is infinite, and told as such
            found.append(finite("init_params", f"bias {l}", np.broadcast_to(array, shape).astype(dtype)))
    return found


def _check_trace(params: list[tuple[Array, Array]], trace: Trace) -> None:
    instance("backward", "trace", trace, Trace)
    count = len(trace.A) - 1
    require(count == len(params), f"backward: trace must come from these {len(params)} layers", count)
    expected = [params[0][0].shape[-1], *(W.shape[-2] for W, _ in params)]
    found = [A.shape[-2] for A in trace.A]
    require(found == expected, f"backward: trace must come from layers of sizes {expected}", found)
    leads = [Z.shape[:-2] for Z in trace.Z[1:]]
    fits = all(common(W.shape[:-2], lead) == lead for (W, _), lead in zip(params, leads, strict=True))
    require(fits, "backward: trace must have the ensemble axes of params", leads)
