r"""What to look at: are units tied, is anything saturated or dead, how large is each layer's signal?

Every function reduces the last axes of plain arrays and keeps the leading ones, so it takes one network
or an ensemble; most fit `train(..., record={"name": lambda params, trace: ...})`. All measure in float64, whatever
comes in: the square of 300 is infinite in half precision, and that of 1e-4 is 0. A network that diverged gives NaN or
infinity, not a share or a size that looks right, and no warning; of `unit_rank`, which is an integer, an error.

Each raises `ValueError` if an array is not numeric, has too few axes or does not fit the others, `TypeError` if an
argument is of another kind.
"""

from collections.abc import Callable, Sequence
from math import sqrt
from numbers import Real

import numpy as np

from shallownet._checks import Array, Curve, Traced, chain, common, is_integer, matrix, require, unnamed

__all__ = [
    "angles",
    "check_gradients",
    "coordinate_change",
    "correlations",
    "dead_units",
    "grad_norms",
    "jacobian_singular_values",
    "lengths",
    "rms",
    "saturation",
    "unit_distance",
    "unit_rank",
    "unit_spread",
    "update_ratio",
]

Layers = Sequence[tuple[Array, Array]]
Networks = Sequence[Sequence[np.ndarray]]  # the same, in float64
Passes = tuple[Callable[..., Array], Callable[..., Array]]


PAIRS = 2**20  # pairs of units, or weights of pairs, that are looked at together: a few megabytes


def unit_spread(W: Array) -> np.ndarray:
    """Return the largest difference between two units (rows) in any one weight; 0 if all are equal.

    Compare it with a small number, never with 0: matrix products may round equal rows differently,
    by about 1e-15 of their size.

    Args:
        W: `(..., n_out, n_in)`.

    Returns:
        Shape `(...)`.

    Examples:
        >>> import numpy as np
        >>> from shallownet.diagnostics import unit_spread
        >>> float(unit_spread(np.array([[1.0, 2.0], [1.0, 5.0]])))
        3.0
    """
    W = matrix("unit_spread", "W", W)
    with np.errstate(invalid="ignore"):  # the difference of two infinities is NaN
        return np.asarray((W.max(axis=-2) - W.min(axis=-2)).max(axis=-1))


def unit_distance(W: Array) -> np.ndarray:
    r"""Return the smallest distance between two units (rows): 0 if any two are tied, whatever the others do.

    `unit_spread` is a maximum: one free unit hides all that are tied. Here one tie shows among a thousand free units.
    As with `unit_spread`, compare with a small number: matrix products may round equal rows differently.

    Args:
        W: `(..., n_out, n_in)`, with two units or more.

    Returns:
        Shape `(...)`: the Euclidean distance of the nearest pair, right to about the last digit of a difference of
        two weights, however near the two and however large the weights. NaN for a network that is not finite.

    Raises:
        ValueError: If `W` is not a numeric array with two axes or more, or has one unit only.

    Examples:
        >>> import numpy as np
        >>> from shallownet.diagnostics import unit_distance, unit_spread
        >>> W = np.array([[1000.0, 2.0], [1000.0, 2.0 + 2**-20], [7.0, 0.0]])
        >>> float(unit_distance(W)) == 2**-20, float(unit_spread(W))
        (True, 993.0)
    """
    W = matrix("unit_distance", "W", W)
    n, n_in = W.shape[-2:]
    require(n >= 2, "unit_distance: W must have two units or more", W.shape)
    networks = W.reshape(-1, n, n_in)
    finite = np.isfinite(networks).all(axis=(-2, -1))
    at_once = max(1, PAIRS // (n * n))
    parts = [networks[k : k + at_once] for k in range(0, len(networks), at_once)]
    found = [_nearest(np.where(np.isfinite(part), part, 0)) for part in parts]
    return np.where(finite, np.concatenate([*found, np.empty(0)]), np.nan).reshape(W.shape[:-2])


def unit_rank(W: np.ndarray, tolerance: float = 1e-8) -> np.ndarray:
    """Return how many linearly independent units (rows) a layer has: the numerical rank of `W`.

    Args:
        W: `(..., n_out, n_in)`.
        tolerance: Singular values up to this share of the largest count as 0.

    Returns:
        Integers of shape `(...)`.
    """
    W = matrix("unit_rank", "W", W)
    require(isinstance(tolerance, Real) and tolerance >= 0, "unit_rank: tolerance must be at least 0", tolerance)
    if not np.isfinite(W).all():
        raise ValueError("unit_rank: W must be finite, got NaN or infinity")
    s = np.linalg.svd(W, compute_uv=False)
    return np.asarray((s > tolerance * s[..., :1]).sum(axis=-1))


def saturation(A: np.ndarray, threshold: float = 0.97) -> np.ndarray:
    """Return the share of activations beyond `threshold` in absolute value.

    For tanh; for a sigmoid give `2 * A - 1`, which is tanh of half its argument.

    Args:
        A: `(..., n, m)`, units by examples.
        threshold: In [0, 1). At 0.97, tanh's slope is 0.06.

    Returns:
        Shape `(...)`, each in [0, 1].
    """
    A = matrix("saturation", "A", A)
    share = isinstance(threshold, Real) and 0 <= threshold < 1
    require(share, "saturation: threshold must lie in [0, 1)", threshold)
    return _or_nan((np.abs(A) > threshold).mean(axis=(-2, -1)), A)


def dead_units(A: Array) -> np.ndarray:
    """Return the share of units that are exactly 0 for every example, as a dead ReLU is.

    Args:
        A: `(..., n, m)`, units by examples.

    Returns:
        Shape `(...)`, each in [0, 1].
    """
    A = matrix("dead_units", "A", A)
    return _or_nan((A == 0).all(axis=-1).mean(axis=-1), A)


def rms(A: Array) -> np.ndarray:
    """Return the root of the mean square over the last two axes.

    Unlike the standard deviation, it counts a mean that is not zero, and so does the next layer.

    Args:
        A: `(..., n, m)`.

    Returns:
        Shape `(...)`.
    """
    A = matrix("rms", "A", A)
    return np.asarray(_norm(A) / sqrt(A.shape[-2] * A.shape[-1]))


def angles(A: Array) -> np.ndarray:
    """Return the angle in radians between every two columns (examples); NaN for a column of zeros.

    Args:
        A: `(..., n, m)`.

    Returns:
        Shape `(..., m, m)`, each in [0, pi].
    """
    A = matrix("angles", "A", A)
    with np.errstate(invalid="ignore"):
        U = A / np.abs(A).max(axis=-2, keepdims=True)  # or the squares of a faint signal underflow
        U = U / np.linalg.norm(U, axis=-2, keepdims=True)
        # arccos of the inner product loses half the digits of a small angle
        return np.asarray(2 * np.arctan2(_distances(U, 1), _distances(U, -1)))


def correlations(A: Array) -> np.ndarray:
    """Return the cosine between every two columns (examples); NaN for a column of zeros.

    No mean is taken off first: of pre-activations, this is what `meanfield.c_map` carries from layer to layer.

    Args:
        A: `(..., n, m)`.

    Returns:
        Shape `(..., m, m)`, each in [-1, 1], and exactly 1 for equal columns.

    Raises:
        ValueError: If `A` is not a numeric array with two axes or more.

    Examples:
        >>> import numpy as np
        >>> from shallownet.diagnostics import correlations
        >>> correlations(np.array([[1.0, 0.0, -2.0], [0.0, 3.0, 0.0]])).round(9).tolist()
        [[1.0, 0.0, -1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 1.0]]

    Source:
        Poole et al. (2016), "Exponential expressivity in deep neural networks through transient chaos".
    """
    # The cosine of an exact angle is right to the last digit that a cosine has; the other way round is not.
    return np.asarray(np.cos(angles(matrix("correlations", "A", A))))


def lengths(A: Array) -> np.ndarray:
    """Return the mean square of each column (example).

    Of pre-activations, this is the length $q$ that `meanfield.q_map` carries from layer to layer.

    Args:
        A: `(..., n, m)`, units by examples.

    Returns:
        Shape `(..., m)`.

    Raises:
        ValueError: If `A` is not a numeric array with two axes or more.

    Examples:
        >>> import numpy as np
        >>> from shallownet.diagnostics import lengths
        >>> lengths(np.array([[3.0, 0.0], [1.0, 2.0]])).tolist()
        [5.0, 2.0]

    Source:
        Poole et al. (2016), "Exponential expressivity in deep neural networks through transient chaos".
    """
    A = matrix("lengths", "A", A)
    with np.errstate(over="ignore"):
        return np.asarray((A * A).mean(axis=-2))


def grad_norms(grads: Layers) -> np.ndarray:
    """Return the Frobenius norm of each layer's weight gradient.

    Args:
        grads: From `backward`, `L` layers `(dW, db)`.

    Returns:
        Shape `(L, ...)`: the first axis is the layer; ensemble axes broadcast.
    """
    norms = [_norm(dW) for dW in _weights("grad_norms", "grads", grads)]
    return np.stack(np.broadcast_arrays(*norms))


def update_ratio(before: Layers, after: Layers) -> np.ndarray:
    """Return the size of an update against the size of the weights, layer by layer.

    Args:
        before: Layers before a step.
        after: The same layers after it.

    Returns:
        Shape `(L, ...)`: rms of the change of `W` over rms of `W`. About 1e-3 is a usual step. Where all weights of a
        layer are 0 the first step away is infinite, and NaN if there is none. Ensemble axes broadcast.
    """
    olds, news = _weights("update_ratio", "before", before), _weights("update_ratio", "after", after)
    if len(olds) != len(news):
        raise ValueError(f"update_ratio: before and after must have as many layers, got {len(olds)} and {len(news)}")
    ratios = []
    for W, V in zip(olds, news, strict=True):
        if W.shape != V.shape:
            raise ValueError(f"update_ratio: before and after must have the same shapes, got {W.shape} and {V.shape}")
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios.append(rms(V - W) / rms(W))
    return np.stack(np.broadcast_arrays(*ratios))


def coordinate_change(before: Traced, after: Traced) -> np.ndarray:
    """Return how far each layer's pre-activations moved: the coordinate check of wide networks.

    Train a few steps at several widths: if some layer moves further (or less) the wider it is, its
    learning rate does not fit its width.

    Args:
        before: `Trace` of a network.
        after: `Trace` of the same inputs after some steps; ensemble axes broadcast.

    Returns:
        Shape `(L, ...)`: rms over units and examples of the change of `Z[l]`; the last row is the
        output's. Divide by the rms of `Z[l]` for a relative change.

    Source:
        Yang et al. (2022), "Tensor programs V", appendix D.1, as a change, as in their figure 5.
    """
    traces = {"before": before, "after": after}
    for argument, trace in traces.items():
        is_trace = isinstance(getattr(trace, "Z", None), list)
        require(is_trace, f"coordinate_change: {argument} must be a Trace", trace, TypeError)
    if len(before.Z) != len(after.Z):
        counts = f"{len(before.Z) - 1} and {len(after.Z) - 1}"
        raise ValueError(f"coordinate_change: before and after must have as many layers, got {counts}")
    moves = []
    for l in range(1, len(before.Z)):
        Z, V = (matrix("coordinate_change", f"{name}.Z[{l}]", trace.Z[l]) for name, trace in traces.items())
        if Z.shape[-2:] != V.shape[-2:] or common(Z.shape, V.shape) is None:
            raise ValueError(f"coordinate_change: Z[{l}] must fit before and after, got {Z.shape} and {V.shape}")
        with np.errstate(invalid="ignore"):
            moves.append(rms(V - Z))
    return np.stack(np.broadcast_arrays(*moves))


def jacobian_singular_values(params: Layers, X: np.ndarray, activation: Curve) -> np.ndarray:
    r"""Return the singular values of $\partial A^{[L]} / \partial x$ at every example.

    They say by which factors the network stretches a small change of its input.

    Args:
        params: Layers `(W, b)`.
        X: `(..., n_0, m)`.
        activation: Of the hidden layers.

    Returns:
        Shape `(..., m, min(n_0, n_L))`: largest first, at each example; NaN where the Jacobian is not finite.
    """
    layers, X = _network("jacobian_singular_values", params, X, activation)
    with np.errstate(over="ignore", invalid="ignore"):
        Z = _pre_activations(layers, X, activation)
        J = layers[0][0][..., None, :, :]  # (..., 1 for the example, n_1, n_0)
        for l in range(1, len(layers)):
            slope = np.moveaxis(activation.df(Z[l - 1]), -1, -2)[..., None]  # (..., m, n_l, 1)
            J = layers[l][0][..., None, :, :] @ (slope * J)
    J = np.broadcast_to(J, (*Z[-1].shape[:-2], Z[-1].shape[-1], *J.shape[-2:]))
    finite = np.asarray(np.isfinite(J).all(axis=(-2, -1)))
    s = np.linalg.svd(np.where(finite[..., None, None], J, 0), compute_uv=False)  # of NaN it would not come to an end
    return np.where(finite[..., None], s, np.nan)


def check_gradients(
    params: Layers,
    X: np.ndarray,
    Y: np.ndarray,
    activation: Curve,
    loss: Curve,
    *,
    grads: Layers | None = None,
    directions: int = 5,
    step: float = 1e-5,
    model: Passes | None = None,
) -> np.ndarray:
    r"""Compare gradients with central differences of the loss along random directions.

    For a direction $V$ of one parameter, $\langle \nabla J, V \rangle$ should equal
    $(J(W + hV) - J(W - hV)) / 2h$ up to $h^2$ and rounding.

    Args:
        params: Layers `(W, b)`. For ReLU keep biases off zero: at its kink the two differ.
        X: `(..., n_0, m)`.
        Y: `(..., n_L, m)`.
        activation: Of the hidden layers.
        loss: On the logits.
        grads: The gradients to check, from `backward`. If None, the chain rule with `activation.df`
            and `loss.df`, written out here apart from `backward`, so that it checks those two.
        directions: How many for each parameter; always the same ones.
        step: $h$.
        model: `(forward, backward)` of a network that is no stack of layers, as for `sn.train`: `params` is then a list
            of named tuples of arrays `(..., a, b)`, `X` what the model reads, `Y` has a column for each column of the
            logits, and the gradients, unless given, are the model's own.

    Returns:
        Shape `(...)`: the largest difference, over all parameters and directions, relative to the
        gradient's norm, or to 0.001 of the loss if that is larger. Below 1e-6 is right; above 1e-3 is
        a mistake.
    """

    def J(network: Networks) -> np.ndarray:
        if model is None:
            return np.asarray(loss.f(_pre_activations(network, X, activation)[-1], Y))
        kinds: list[Array] = list(map(type, params))
        parts = [kind(*arrays) for kind, arrays in zip(kinds, network, strict=True)]
        return np.asarray(loss.f(model[0](parts, X, activation=activation).A[-1], Y))

    layers, X = _network("check_gradients", params, X, activation, model)
    require(callable(getattr(loss, "df", None)), "check_gradients: loss must be a Loss", loss, TypeError)
    require(is_integer(directions, 1), "check_gradients: directions must be at least 1", directions)
    require(isinstance(step, Real) and float(step) > 0, "check_gradients: step must be positive", step)
    if grads is None and model is not None:
        trace = model[0](params, X, activation=activation)
        grads = model[1](params, trace, loss.df(trace.A[-1], Y), activation=activation)
    grads = _chain_rule(layers, X, Y, activation, loss) if grads is None else grads
    if len(grads) != len(layers):
        raise ValueError(f"check_gradients: grads must have {len(layers)} layers, got {len(grads)}")
    slopes = [tuple(matrix("check_gradients", "a gradient", G) for G in part) for part in grads]
    rng = np.random.default_rng(0)  # any directions do, and the same ones make failures repeat
    norm = np.sqrt(sum(np.square(g).sum(axis=(-2, -1)) for part in slopes for g in part))
    worst = np.zeros(np.shape(norm))
    for l, layer in enumerate(layers):
        for i, P in enumerate(layer):
            for _ in range(directions):
                V = rng.standard_normal(P.shape)
                V /= np.linalg.norm(V, axis=(-2, -1), keepdims=True)
                ends = []
                for h in (step, -step):
                    moved = [list(other) for other in layers]
                    moved[l][i] = P + h * V
                    ends.append(J(moved))
                slope = (ends[0] - ends[1]) / (2 * step)
                claimed = (slopes[l][i] * V).sum(axis=(-2, -1))
                worst = np.maximum(worst, np.abs(slope - claimed))
    # at a gradient of 0 the difference is rounding, about 1e-11 of the loss: no reason to fail
    return np.asarray(worst / np.maximum(np.maximum(norm, 1e-3 * J(layers)), np.finfo(float).tiny))


def _pre_activations(params: Networks, X: np.ndarray, activation: Curve) -> list[np.ndarray]:
    Z = []
    A = np.asarray(X)
    for W, b in params:
        Z.append(W @ A + b)
        A = activation.f(Z[-1])
    return Z


def _chain_rule(params: Networks, X: np.ndarray, Y: np.ndarray, activation: Curve, loss: Curve) -> Layers:
    Z = _pre_activations(params, X, activation)
    A = [np.asarray(X), *(activation.f(z) for z in Z[:-1])]
    dZ = loss.df(Z[-1], Y)
    grads = []
    for l in reversed(range(len(params))):
        grads.append((dZ @ A[l].mT, dZ.sum(axis=-1, keepdims=True)))
        if l > 0:
            dZ = params[l][0].mT @ dZ * activation.df(Z[l - 1])
    return grads[::-1]


def _nearest(W: np.ndarray) -> np.ndarray:
    """Return the smallest distance between two rows of each matrix `(N, n, n_in)`.

    A matrix product gives all squared distances quickly and with a rounding error that hides the small ones. So it
    only rules out the pairs that are certainly not the nearest; the others are subtracted, entry by entry.
    """
    n, n_in = W.shape[-2:]
    # the median: if most rows are almost equal they become almost 0, and so does the error of their product
    U = W - np.median(W, axis=-2, keepdims=True)
    size = np.abs(U).max(axis=(-2, -1), keepdims=True)
    U = U / np.where(size > 0, size, 1)  # squares neither overflow nor underflow
    squares = (U * U).sum(axis=-1)
    sums = squares[:, :, None] + squares[:, None, :]
    error = (2 * n_in + 16) * (np.finfo(float).eps * sums + np.finfo(float).tiny)
    product = sums - 2 * (U @ U.mT)
    at_most = np.where(np.eye(n, dtype=bool), np.inf, product + error).min(axis=(-2, -1), keepdims=True)
    which, i, j = np.nonzero(np.triu(product - error <= at_most, k=1))
    best = np.full(len(W), np.inf)
    few = max(1, PAIRS // n_in)
    while len(which):
        D = np.abs(W[which[:few], i[:few]] - W[which[:few], j[:few]])
        largest = D.max(axis=-1)
        D /= np.where(largest > 0, largest, 1)[:, None]
        np.minimum.at(best, which[:few], largest * np.sqrt((D * D).sum(axis=-1)))
        left = np.flatnonzero(best[which[few:]] > 0) + few  # a tie is a tie: nothing is nearer
        which, i, j = which[left], i[left], j[left]
    return best


def _distances(U: np.ndarray, sign: int) -> np.ndarray:
    # column by column: all pairs of all entries at once need (..., n, m, m) numbers
    columns = np.moveaxis(U, -1, 0)[..., None]
    return np.stack([np.linalg.norm(U - sign * u, axis=-2) for u in columns], axis=-1)


def _norm(A: np.ndarray) -> np.ndarray:
    """Return the root of the sum of squares over the last two axes."""
    with np.errstate(over="ignore"):
        norm = np.sqrt((A * A).sum(axis=(-2, -1)))
    lost = ~((norm > 1e-140) & (norm < 1e140))  # here squares underflow or overflow, although their root need not
    if lost.any():
        largest = np.abs(A).max(axis=(-2, -1), keepdims=True)
        scale = np.where((largest > 0) & (largest < np.inf), largest, 1)
        norm = np.where(lost, scale[..., 0, 0] * np.sqrt(np.square(A / scale).sum(axis=(-2, -1))), norm)
    return np.asarray(norm)


def _or_nan(share: np.ndarray, A: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(A).all(axis=(-2, -1)), share, np.nan)


def _weights(name: str, argument: str, layers: Layers) -> list[np.ndarray]:
    """Return the weights, or their gradients, of a list of layers."""
    unnamed(name, argument, layers)
    try:
        weights = [W for W, _ in layers]
        fits = np.ndim(layers[0][0]) > 0 if weights else True
    except (TypeError, ValueError):
        fits = False
    require(fits, f"{name}: {argument} must be a list of layers (W, b)", layers, TypeError)
    if not weights:
        raise ValueError(f"{name}: {argument} must hold at least one layer, got none")
    return [matrix(name, "dW" if argument == "grads" else "W", W) for W in weights]


def _network(
    name: str, params: Layers, X: Array, activation: Curve, model: Passes | None = None
) -> tuple[Networks, np.ndarray]:
    """Return layers and inputs in float64; parameters of a network that diverged need not be finite.

    Of a model the inputs are what it says they are.
    """
    unnamed(name, "params", params)
    known = callable(getattr(activation, "df", None))
    require(known, f"{name}: activation must be an Activation", activation, TypeError)
    if model is not None:
        pair = isinstance(model, tuple | list) and len(model) == 2 and all(map(callable, model))
        require(pair, f"{name}: model must be two functions (forward, backward)", model, TypeError)
        named = isinstance(params, list | tuple) and all(hasattr(part, "_make") for part in params)
        require(named, f"{name}: params must be a list of named tuples of arrays", params, TypeError)
        return [tuple(matrix(name, f"part {l}", P) for P in part) for l, part in enumerate(params, start=1)], X
    X = matrix(name, "X", X)
    if not np.isfinite(X).all():
        raise ValueError(f"{name}: X must be finite, got NaN or infinity")
    chain(name, params, X)
    numbered = enumerate(params, start=1)
    return [(matrix(name, f"W[{l}]", W), matrix(name, f"b[{l}]", b)) for l, (W, b) in numbered], X
