r"""Residual networks: blocks that add to what they were given, with or without a normalisation.

A residual network is still a list, `[Layer stem, Block, ..., Block, Layer head]`. The stem brings the inputs to
the width $n$ of the stream $x$, each block adds its branch to the stream, and the head reads the logits from it:

$$
x \leftarrow x + \alpha \big( W_2\, g(W_1 N(x) + b_1) + b_2 \big), \qquad \text{logits} = W N(x) + b.
$$

$N$ is `batch_norm`, `layer_norm` or, by default, nothing. It has no parameters of its own and keeps no running
averages: with `batch_norm` an example's logits depend on its batch, whenever they are computed.

Import it by name (`from shallownet import residual`), and train with `sn.train(..., model=residual.model())`.
A network that diverged gives NaN, which `sn.train` reports.

Source:
    He, Zhang, Ren & Sun (2016), "Identity mappings in deep residual networks", for the order inside a block.
"""

from collections.abc import Callable, Sequence
from functools import partial
from math import isfinite
from numbers import Real
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from shallownet._checks import (
    Array,
    common,
    drawn,
    float_dtype,
    generator,
    instance,
    is_integer,
    positive_integers,
    require,
    shown,
)
from shallownet.activations import Activation, relu
from shallownet.network import Initializer, Layer, Trace, sum_to

__all__ = ["Block", "Normalization", "backward", "batch_norm", "forward", "init_residual", "layer_norm", "model"]

EPSILON = 1e-5  # added to a variance before its root is divided by; the frameworks' number


class Block(NamedTuple):
    """The parameters of one residual block, or the gradients with respect to them."""

    W1: np.ndarray  # (..., h, n): h units in the branch, n in the stream
    b1: np.ndarray  # (..., h, 1)
    W2: np.ndarray  # (..., n, h)
    b2: np.ndarray  # (..., n, 1)
    alpha: np.ndarray  # (..., 1, 1), the factor of the branch


class Normalization(NamedTuple):
    """A function `f(X)` and its chain rule: `df(X, dN)` is the gradient in `X`, given the one in `N = f(X)`."""

    name: str
    f: Callable[[np.ndarray], np.ndarray]
    df: Callable[[np.ndarray, np.ndarray], np.ndarray]

    def __repr__(self) -> str:
        return f"Normalization({self.name})"


def _normalization(name: str, axis: int) -> Normalization:
    def parts(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        centred = X - X.mean(axis=axis, keepdims=True)
        scale = 1 / np.sqrt((centred * centred).mean(axis=axis, keepdims=True) + EPSILON)
        return centred * scale, scale

    def df(X: np.ndarray, dN: np.ndarray) -> np.ndarray:
        N, scale = parts(X)
        # mean and deviation depend on X as well: what would only shift or stretch it changes nothing
        along = N * (dN * N).mean(axis=axis, keepdims=True)
        return np.asarray(scale * (dN - dN.mean(axis=axis, keepdims=True) - along))

    return Normalization(name, lambda X: parts(X)[0], df)


batch_norm = _normalization("batch_norm", -1)  # each unit over the examples: Ioffe & Szegedy (2015)
layer_norm = _normalization("layer_norm", -2)  # each example over the units: Ba, Kiros & Hinton (2016)

Parts = Sequence[Layer | Block]
Normalize = Normalization | None
Backward = Callable[..., list[Layer | Block]]


def init_residual(
    sizes: Sequence[int],
    depth: int,
    initializers: Initializer | Sequence[Initializer],
    rng: np.random.Generator,
    *,
    alpha: float = 1.0,
    ensemble: int | tuple[int, ...] = (),
    dtype: DTypeLike = float,
) -> list[Layer | Block]:
    r"""Draw the weights of a residual network and set its biases to zero.

    Args:
        sizes: `[n_0, n, n_L]`, units of the input, of the stream and of the output.
        depth: Number of blocks, at least 1; a branch has two layers.
        initializers: One `(shape, rng, dtype=...) -> W`, or four: for the stem, for the first and for the last
            weights of every branch, for the head.
        rng: Advanced in place.
        alpha: The factor of every branch at the start.
        ensemble: Leading axes of independent networks, for example `(200,)`.
        dtype: `float` (64 bits) or `np.float32`.

    Returns:
        `[Layer, Block, ..., Block, Layer]`, `depth` blocks, weights of shape `(*ensemble, n_out, n_in)`.

    Raises:
        ValueError: If `sizes`, `depth`, `alpha`, `ensemble` or the number of initializers is wrong.
        TypeError: If `rng` is no Generator, or `dtype` neither float64 nor float32.

    Examples:
        >>> import numpy as np
        >>> from shallownet import initializers, residual
        >>> he, lecun = initializers.he, initializers.lecun
        >>> rng = np.random.default_rng(0)
        >>> params = residual.init_residual([2, 8, 1], 3, [lecun, he, lecun, lecun], rng, alpha=3**-0.5)
        >>> [type(part).__name__ for part in params], params[1].W1.shape, params[1].alpha.shape
        (['Layer', 'Block', 'Block', 'Block', 'Layer'], (8, 8), (1, 1))
    """
    three = positive_integers("init_residual", "sizes", sizes, at_least=2)
    require(len(three) == 3, "init_residual: sizes must be three positive integers", sizes)
    require(is_integer(depth, 1), "init_residual: depth must be an integer of at least 1", depth)
    ensemble = positive_integers("init_residual", "ensemble", ensemble)
    generator("init_residual", rng)
    dtype = float_dtype("init_residual", dtype)
    four = [initializers] * 4 if callable(initializers) else initializers
    fits = isinstance(four, list | tuple) and len(four) == 4 and all(map(callable, four))
    require(fits, "init_residual: initializers must be one function or a list of 4", initializers)
    finite = isinstance(alpha, Real) and isfinite(alpha)
    require(finite, "init_residual: alpha must be a finite number", alpha)
    n_0, n, n_L = three
    draws = [four[0], *[four[1], four[2]] * depth, four[3]]
    layers = []
    for l, draw in enumerate(draws, start=1):
        shape = (*ensemble, n_L if l == len(draws) else n, n_0 if l == 1 else n)
        W = drawn("init_residual", l, draw(shape, rng, dtype=dtype), shape, dtype)
        layers.append(Layer(W, np.zeros((*shape[:-1], 1), dtype)))
    stem, *inside, head = layers
    alphas = np.full((*ensemble, 1, 1), alpha, dtype)
    blocks = [Block(*one, *two, alphas.copy()) for one, two in zip(inside[::2], inside[1::2], strict=True)]
    return [stem, *blocks, head]


def forward(
    params: Parts, X: np.ndarray, activation: Activation = relu, *, normalize: Normalize = None, skip: bool = True
) -> Trace:
    r"""Compute the stream after every part, and the logits.

    Args:
        params: From `init_residual`.
        X: `(..., n_0, m)`, one example a column; cast to the weights' dtype.
        activation: Of the branches.
        normalize: Applied to the stream before each branch and before the head.
        skip: If False, a block passes its branch on alone: the same network without its skips.

    Returns:
        `Trace(Z, A)`: `A[0]` is `X`, `A[l]` the stream `(..., n, m)` after part `l`, `A[-1]` the logits;
        `Z[l]` is what the units of block `l` add up, and equals `A[l]` for stem and head.

    Raises:
        ValueError: If shapes do not chain, or `X` is not finite.
        TypeError: If `params` is no residual network, or a setting is of the wrong kind.
    """
    parts = _checked("residual.forward", params, activation, normalize)
    X, n_in = np.asarray(X), parts[0].W.shape[-1]
    if X.dtype.kind not in "fiub" or X.shape[-2:-1] != (n_in,) or not X.shape[-1] or not np.isfinite(X).all():
        expected = f"finite numbers (..., {n_in}, m) with m >= 1"
        raise ValueError(f"residual.forward: X must be {expected}, got {X.dtype} of shape {X.shape}")
    X = X.astype(parts[0].W.dtype, copy=False)
    ensembles = [array.shape[:-2] for part in (*parts, (X,)) for array in part]
    fits = common(*ensembles) is not None
    require(fits, "residual.forward: ensemble axes must broadcast", sorted(set(ensembles)))
    Z: list[Array] = [None]
    A = [X]
    for l, part in enumerate(parts, start=1):
        N = A[-1] if normalize is None or l == 1 else normalize.f(A[-1])
        S = part[0] @ N + part[1]
        Z.append(S)
        if isinstance(part, Block):
            S = part.alpha * (part.W2 @ activation.f(S) + part.b2)
            S = A[-1] + S if skip else S
        A.append(S)
    return Trace(Z, A)


def backward(
    params: Parts,
    trace: Trace,
    dZ: np.ndarray,
    activation: Activation = relu,
    *,
    normalize: Normalize = None,
    skip: bool = True,
) -> list[Layer | Block]:
    r"""Compute the gradient of a loss in every parameter: from the head through branches and skips to the stem.

    Args:
        params: The parts that made `trace`.
        trace: From `forward` with the same settings.
        dZ: `(..., n_L, m)`, the loss's gradient in the logits: `loss.df(trace.A[-1], Y)`.
        activation: The one that made `trace`.
        normalize: The one that made `trace`.
        skip: As for `trace`.

    Returns:
        A list of `Layer` and `Block`, shaped like `params`.

    Raises:
        ValueError: If `trace` or `dZ` does not fit `params`.
        TypeError: If an argument is of the wrong kind.
    """
    parts = _checked("residual.backward", params, activation, normalize)
    if not isinstance(trace, Trace) or len(trace.A) != len(parts) + 1:
        raise ValueError(f"residual.backward: trace must come from these {len(parts)} parts, got {shown(trace)}")
    _check_trace(parts, trace)
    dX = np.asarray(dZ)
    if dX.shape != trace.A[-1].shape or dX.dtype.kind not in "fiub":
        expected = f"numbers of the logits' shape {trace.A[-1].shape}"
        raise ValueError(f"residual.backward: dZ must be {expected}, got {dX.dtype} of shape {dX.shape}")
    dX = dX.astype(trace.A[-1].dtype, copy=False)
    grads = []
    for l in range(len(parts), 0, -1):
        part, X = parts[l - 1], trace.A[l - 1]
        N = X if normalize is None or l == 1 else normalize.f(X)
        dS, outer = dX, []
        if isinstance(part, Block):
            H = activation.f(trace.Z[l])
            dW2, db2 = dX @ H.mT, dX.sum(axis=-1, keepdims=True)
            # the branch times its gradient, summed over examples, without computing the branch again
            dalpha = sum((g * p).sum(axis=(-2, -1), keepdims=True) for g, p in ((dW2, part.W2), (db2, part.b2)))
            outer = [part.alpha * dW2, part.alpha * db2, dalpha]
            dS = part.W2.mT @ (part.alpha * dX) * activation.df(trace.Z[l])
        found = [dS @ N.mT, dS.sum(axis=-1, keepdims=True), *outer]
        grads.append(type(part)(*(sum_to(g, p.shape) for g, p in zip(found, part, strict=True))))
        if l > 1:
            dN = part[0].mT @ dS
            dN = dN if normalize is None else normalize.df(X, dN)
            dX = dX + dN if skip and isinstance(part, Block) else dN
    return grads[::-1]


def _check_trace(parts: list[Layer | Block], trace: Trace) -> None:
    """Require that a trace has the units and the ensemble axes of these parts."""
    n = parts[0][0].shape[-2]
    for l, part in enumerate(parts, start=1):
        units, stream = part[0].shape[-2], (n if l < len(parts) else part[0].shape[-2])
        Z, A = trace.Z[l], trace.A[l]
        fits = (Z.shape[-2], A.shape[-2]) == (units, stream)
        fits = fits and all(common(lead, A.shape[:-2]) == A.shape[:-2] for lead in {array.shape[:-2] for array in part})
        if not fits:
            raise ValueError(f"residual.backward: trace must fit part {l} of params, got {Z.shape}, {A.shape}")


def model(normalize: Normalize = None, skip: bool = True) -> tuple[Callable[..., Trace], Backward]:
    """Return `(forward, backward)` with the same settings, for `sn.train(..., model=...)`.

    Args:
        normalize: Applied to the stream, of shape `(..., n, m)`, before each branch and before the head.
        skip: If False, a block passes its branch on alone.
    """
    return tuple(partial(f, normalize=normalize, skip=skip) for f in (forward, backward))  # type: ignore


def _checked(function: str, params: Parts, activation: Activation, normalize: Normalize) -> list[Array]:
    """Return `params` as parts, or say which of them does not fit."""
    instance(function, "activation", activation, Activation)
    known = isinstance(normalize, Normalize)
    require(known, f"{function}: normalize must be a Normalization or None", normalize, TypeError)
    try:
        kinds = [Layer, *[Block] * (len(params) - 2), Layer]
        parts: list[Array] = [kind(*map(np.asarray, part)) for kind, part in zip(kinds, params, strict=True)]
    except (TypeError, ValueError):
        expected = "[Layer, Block, ..., Block, Layer]"
        raise TypeError(f"{function}: params must be {expected}, got {shown(params)}") from None
    n = parts[0].W.shape[-2:-1]
    for l, part in enumerate(parts, start=1):
        units, inputs = part[0].shape[-2:-1], part[0].shape[-1:] if l == 1 else n
        shapes = ((*units, *inputs), (*units, 1), (*n, *units), (*n, 1), (1, 1))
        for name, array, shape in zip(part._fields, part, shapes, strict=False):  # a Layer has the first two
            if array.dtype.kind != "f" or array.ndim < 2 or array.shape[-2:] != shape:
                expected = f"floats of shape (..., {', '.join(map(str, shape))})"
                raise ValueError(f"{function}: {name}[{l}] must be {expected}, got {array.dtype} {array.shape}")
    return parts
