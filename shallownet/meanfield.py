r"""The theory of depth: what a wide random network does to lengths and correlations, layer after layer.

Weights have variance $\sigma_w^2 / n_{\text{in}}$ and biases $\sigma_b^2$. In a wide layer the pre-activations of two
inputs are then jointly normal, so two numbers say all there is: their mean square $q$ (the length) and their
correlation $c$. One layer maps

$$
q \mapsto \sigma_w^2\, \mathbb{E}\,\phi(\sqrt q\, z)^2 + \sigma_b^2, \qquad
c \mapsto \big(\sigma_w^2\, \mathbb{E}\,\phi(u_1)\,\phi(u_2) + \sigma_b^2\big) / q^*,
$$

with $z$ standard normal and $u_1, u_2$ normal with variance $q^*$ and correlation $c$.

Every function takes numbers or arrays that broadcast, returns a float or an array of their shape, and holds for any
activation whose only kink is at 0. The averages are Gauss-Legendre quadratures, good to about 1e-7 of the length for
lengths up to 100, and to about 1e-3 beyond, where a curve that saturates is nearly a step.
`simulate` alone draws a network, of finite width, to compare with.

Source:
    Poole et al. (2016), "Exponential expressivity in deep neural networks through transient chaos", for the maps;
    Schoenholz et al. (2017), "Deep information propagation", for the depth scale.
"""

from collections.abc import Callable
from itertools import pairwise
from math import inf, log, pi, sqrt

import numpy as np
from numpy.typing import ArrayLike

from shallownet._checks import Array, common, generator, instance, is_integer, require
from shallownet.activations import Activation

__all__ = ["c_map", "c_star", "chi", "critical_sigma_w", "depth_scale", "q_map", "q_star", "simulate"]

Function = Callable[[np.ndarray], np.ndarray]

FAINT = 1e-30  # stands for a length of 0: at exactly 0 a kink's two slopes could not be told apart
CLOSE = 1e-9  # a change of a length, relative to it, that no longer counts


def _panels(edges: ArrayLike, degree: int) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights of a Gauss-Legendre rule on each interval between `edges`."""
    x, w = np.polynomial.legendre.leggauss(degree)
    edges = np.asarray(edges)
    half = np.diff(edges)[:, None] / 2
    return (edges[:-1, None] + half * (1 + x)).ravel(), (half * w).ravel()


# Halving towards 0, where a large length makes a sigmoid steep; beyond 9 a normal variable has no mass.
_POSITIVE, _MASS = _panels([0.0, *9 * 0.5 ** np.arange(9, -1, -1)], 20)
_NORMAL = np.concatenate([-_POSITIVE[::-1], _POSITIVE])
_DENSITY = np.concatenate([_MASS[::-1], _MASS]) * np.exp(-(_NORMAL**2) / 2) / sqrt(2 * pi)
_RADIUS, _RADIAL = _panels([0.0, *9 * 0.5 ** np.arange(5, -1, -1)], 12)
_RADIAL = _RADIAL * _RADIUS * np.exp(-(_RADIUS**2) / 2) / (2 * pi)


def _mean(f: Function, q: float) -> float:
    """E f(u) for a normal u with variance q."""
    return float(f(sqrt(q) * _NORMAL) @ _DENSITY)


def _mean_of_pair(f: Function, q: float, c: float) -> float:
    """E f(u1) f(u2) for normal u1, u2 with variance q and correlation c.

    In polar coordinates u1 and u2 are projections on two directions at the angle arccos c; between the four rays on
    which one of them is 0 the integrand is smooth, kinks or not.
    """
    between = float(np.arccos(np.clip(c, -1, 1)))
    rays = np.sort(np.array([pi / 2, 3 * pi / 2, pi / 2 + between, 3 * pi / 2 + between]) % (2 * pi))
    angle, arc = _panels([*rays, rays[0] + 2 * pi], 32)
    r = sqrt(q) * _RADIUS[:, None]
    return float(_RADIAL @ (f(r * np.cos(angle)) * f(r * np.cos(angle - between))) @ arc)


def _length(activation: Activation, w2: float, b2: float, q: float) -> float:
    return w2 * _mean(lambda u: activation.f(u) ** 2, q) + b2


def _slope(activation: Activation, w2: float, q: float) -> float:
    """How a small change of the length grows in one layer."""
    return w2 * _mean(lambda u: activation.f(u) * activation.df(u) * u, q) / q


def _fixed_length(name: str, activation: Activation, sigma_w: float, sigma_b: float) -> float:
    """The length that layers settle at, from a length of 1: Newton where the map contracts, else the map itself."""
    w2, b2, q = sigma_w**2, sigma_b**2, 1.0
    for _ in range(2000):
        step = _length(activation, w2, b2, q) - q
        if abs(step) <= 1e-14 * q:
            return q
        slope = _slope(activation, w2, q)
        new = q + step / (1 - slope) if slope < 1 else q + step
        new = new if new > 0 else q / 2
        if new > 1e9:
            break
        if abs(new - q) <= CLOSE * q and slope < 1 - 1e-3:
            return new
        if new < FAINT:
            return 0.0
        q = new
    else:
        if abs(step) <= CLOSE * q:  # a fixed point that repels on one side is reached slowly, and reached
            return q
        if (q := _ahead(activation, w2, b2, q)) < inf:
            return q
    raise ValueError(f"{name}: no fixed length at sigma_w {sigma_w:g}, sigma_b {sigma_b:g} for {activation.name}")


def _ahead(activation: Activation, w2: float, b2: float, q: float) -> float:
    """The next fixed length on the way of a `q` that creeps past one that almost holds it; infinity if none is."""

    def drift(q: float) -> float:
        return _length(activation, w2, b2, q) - q

    factor = 1.01 if drift(q) > 0 else 1 / 1.01
    while FAINT < q < 1e9:
        low, high = q, q * factor
        if drift(low) * drift(high) <= 0:
            for _ in range(60):
                q = (low + high) / 2
                low, high = (q, high) if drift(low) * drift(q) > 0 else (low, q)
            return q
        q = high
    return inf if factor > 1 else 0.0


def _settled(name: str, activation: Activation, sigma_w: float, sigma_b: float) -> float:
    """The fixed length, or a faint one where it is 0."""
    return max(_fixed_length(name, activation, sigma_w, sigma_b), FAINT)


def _fixed_correlation(name: str, activation: Activation, sigma_w: float, sigma_b: float) -> tuple[float, float]:
    """The length and the correlation that two inputs settle at."""
    w2, b2 = sigma_w**2, sigma_b**2
    q = _settled(name, activation, sigma_w, sigma_b)
    if w2 * _mean_of_slopes(activation, q, 1.0) <= 1 + CLOSE:
        return q, 1.0
    # The map is convex and above the diagonal at 0, so below 1 it crosses the diagonal once.
    low, high = 0.0, 1 - 1e-7
    for _ in range(40):
        c = (low + high) / 2
        new = (w2 * _mean_of_pair(activation.f, q, c) + b2) / q
        low, high = (c, high) if new > c + 1e-15 else (low, c)
    return q, 0.0 if high < 1e-9 else (low + high) / 2


def q_map(activation: Activation, sigma_w: ArrayLike, sigma_b: ArrayLike, q: ArrayLike) -> float | np.ndarray:
    """Return the length after one more layer.

    Args:
        activation: Of the layer that has length `q`.
        sigma_w: At least 0, a number or an array `(...)`.
        sigma_b: At least 0, broadcasts.
        q: Mean square of the pre-activations, at least 0, broadcasts.

    Raises:
        ValueError: If a number is negative or not finite.
        TypeError: If `activation` is none.
    """
    return _each("q_map", activation, _length_of, sigma_w=sigma_w, sigma_b=sigma_b, q=q)


def q_star(activation: Activation, sigma_w: ArrayLike, sigma_b: ArrayLike) -> float | np.ndarray:
    """Return the length that deep layers settle at when the first has length 1.

    Args:
        activation: Of every layer.
        sigma_w: At least 0, a number or an array `(...)`.
        sigma_b: At least 0, broadcasts.

    Raises:
        ValueError: If the length grows for ever, or a number is negative or not finite.
        TypeError: If `activation` is none.

    Examples:
        >>> import shallownet as sn
        >>> round(sn.meanfield.q_star(sn.activations.tanh, 1.3, 0.3), 3)
        0.607
    """
    return _each("q_star", activation, _fixed_length, sigma_w=sigma_w, sigma_b=sigma_b)


def c_map(activation: Activation, sigma_w: ArrayLike, sigma_b: ArrayLike, c: ArrayLike) -> float | np.ndarray:
    """Return the correlation of two inputs after one more layer, at the fixed length.

    Args:
        activation: Of the layer in which the two have correlation `c`.
        sigma_w: At least 0, a number or an array `(...)`.
        sigma_b: At least 0, broadcasts.
        c: In [-1, 1], broadcasts.

    Raises:
        ValueError: If there is no fixed length, or a number is out of its range.
        TypeError: If `activation` is none.
    """

    def mapped(name: str, activation: Activation, sigma_w: float, sigma_b: float, c: float) -> float:
        q = _settled(name, activation, sigma_w, sigma_b)
        # a length that fades shrinks from layer to layer, so divide by the next one: equal inputs stay equal
        after = _length(activation, sigma_w**2, sigma_b**2, q) or 1.0
        # rounding may leave a correlation that the next layer would refuse
        return min(1.0, max(-1.0, (sigma_w**2 * _mean_of_pair(activation.f, q, c) + sigma_b**2) / after))

    return _each("c_map", activation, mapped, sigma_w=sigma_w, sigma_b=sigma_b, c=c)


def c_star(activation: Activation, sigma_w: ArrayLike, sigma_b: ArrayLike) -> float | np.ndarray:
    """Return the correlation that deep layers drive any two different inputs to.

    It is 1 where `chi` is at most 1 (order), and less where small differences grow (chaos). Without biases an ordered
    length fades to 0, where a smooth activation is linear: there 1 says that distances fade, although angles do not.

    Args:
        activation: Of every layer.
        sigma_w: At least 0, a number or an array `(...)`.
        sigma_b: At least 0, broadcasts.

    Raises:
        ValueError: If there is no fixed length, or a number is negative or not finite.
        TypeError: If `activation` is none.

    Examples:
        >>> import shallownet as sn
        >>> round(sn.meanfield.c_star(sn.activations.tanh, 2.5, 0.3), 3)
        0.122
    """

    def found(name: str, activation: Activation, sigma_w: float, sigma_b: float) -> float:
        return _fixed_correlation(name, activation, sigma_w, sigma_b)[1]

    return _each("c_star", activation, found, sigma_w=sigma_w, sigma_b=sigma_b)


def chi(activation: Activation, sigma_w: ArrayLike, sigma_b: ArrayLike, c: ArrayLike = 1.0) -> float | np.ndarray:
    r"""Return $\chi_c = \sigma_w^2\, \mathbb{E}\,\phi'(u_1)\phi'(u_2)$ at the fixed length.

    At `c = 1` it is $\chi_1$: the factor that one layer puts on a small distance between two inputs, squared, and
    on the mean square of a gradient.

    Args:
        activation: Of every layer.
        sigma_w: At least 0, a number or an array `(...)`.
        sigma_b: At least 0, broadcasts.
        c: Correlation of the two, in [-1, 1], broadcasts.

    Raises:
        ValueError: If there is no fixed length, or a number is out of its range.
        TypeError: If `activation` is none.
    """

    def factor(name: str, activation: Activation, sigma_w: float, sigma_b: float, c: float) -> float:
        q = _settled(name, activation, sigma_w, sigma_b)
        return sigma_w**2 * _mean_of_slopes(activation, q, c)

    return _each("chi", activation, factor, sigma_w=sigma_w, sigma_b=sigma_b, c=c)


def critical_sigma_w(activation: Activation, sigma_b: ArrayLike = 0.0) -> float | np.ndarray:
    r"""Return the `sigma_w` at which $\chi_1 = 1$: the edge between order and chaos.

    Every length $q$ has one: $\sigma_w^2 = 1 / \mathbb{E}\,\phi'^2$, and the $\sigma_b^2$ that holds $q$ fixed. The
    search is for the smallest length whose $\sigma_b$ is the given one. Layers need not settle at it: they leave
    GELU's, which is 0.

    Args:
        activation: Of every layer.
        sigma_b: At least 0, a number or an array `(...)`.

    Raises:
        ValueError: If there is none (ReLU with biases), or `sigma_b` is negative or not finite.
        TypeError: If `activation` is none.

    Examples:
        >>> import shallownet as sn
        >>> round(sn.meanfield.critical_sigma_w(sn.activations.tanh, 0.3), 4)
        1.3956
    """
    return _each("critical_sigma_w", activation, _edge, sigma_b=sigma_b)


def depth_scale(activation: Activation, sigma_w: ArrayLike, sigma_b: ArrayLike) -> float | np.ndarray:
    r"""Return $\xi_c$, the number of layers in which a correlation comes nearer to its fixed point by a factor e.

    $\xi_c = -1 / \ln \chi_{c^*}$, with $\chi_1$ in the ordered phase; infinite at the edge.

    Args:
        activation: Of every layer.
        sigma_w: At least 0, a number or an array `(...)`.
        sigma_b: At least 0, broadcasts.

    Raises:
        ValueError: If there is no fixed length, or a number is negative or not finite.
        TypeError: If `activation` is none.

    Examples:
        >>> import shallownet as sn
        >>> round(sn.meanfield.depth_scale(sn.activations.tanh, 1.0, 0.05**0.5), 2)
        3.63
    """

    def scale(name: str, activation: Activation, sigma_w: float, sigma_b: float) -> float:
        q, c = _fixed_correlation(name, activation, sigma_w, sigma_b)
        shrinks = sigma_w**2 * _mean_of_slopes(activation, q, c)
        if shrinks >= 1 - CLOSE:
            return inf
        return 0.0 if shrinks <= 0 else -1 / log(shrinks)

    return _each("depth_scale", activation, scale, sigma_w=sigma_w, sigma_b=sigma_b)


def simulate(
    activation: Activation, sigma_w: ArrayLike, sigma_b: ArrayLike, X: Array, depth: int, rng: np.random.Generator
) -> np.ndarray:
    r"""Send examples through a random network of `depth` layers, for many `sigma_w` and `sigma_b` in one pass.

    All of them share their draws (common random numbers), $W = \sigma_w G / \sqrt n$: what differs between two that are
    not chaotic is not noise, and one matrix product takes a layer's step for all. A thousand layers hold no more memory
    than one.

    Args:
        activation: Of every layer.
        sigma_w: At least 0, a number or an array `(...)`.
        sigma_b: At least 0, broadcasts.
        X: `(n, m)`, the first layer's pre-activations: `n` units, as in every layer, by examples.
        depth: Number of layers that follow, at least 0.
        rng: A numpy Generator, advanced in place.

    Returns:
        Shape `(depth + 1, ..., m, m)`: the mean over units of $z_i z_j$ for each two examples. On the diagonal stand
        the lengths $q$; divided by them, the others are the correlations $c$.

    Raises:
        ValueError: If a number is negative or not finite, or `X` is no matrix.
        TypeError: If `activation` or `rng` is none.

    Examples:
        >>> import numpy as np
        >>> import shallownet as sn
        >>> rng = np.random.default_rng(0)
        >>> X = rng.standard_normal((500, 1))
        >>> q = sn.meanfield.simulate(sn.activations.tanh, [1.0, 1.3, 2.0], 0.3, X, 50, rng)[-1, :, 0, 0]
        >>> bool(np.allclose(q, sn.meanfield.q_star(sn.activations.tanh, [1.0, 1.3, 2.0], 0.3), rtol=0.2))
        True
    """
    shape, (scale, shift) = _checked("simulate", activation, sigma_w=sigma_w, sigma_b=sigma_b)
    generator("simulate", rng)
    require(is_integer(depth), "simulate: depth must be an integer of at least 0", depth)
    matrix = isinstance(X, np.ndarray) and X.ndim == 2 and X.size and X.dtype.kind == "f" and np.isfinite(X).all()
    require(matrix, "simulate: X must be finite floats (n, m)", X)
    n, m = X.shape
    scale, shift = (sigma.reshape(-1, 1).astype(X.dtype) for sigma in (scale / sqrt(n), shift))
    Z = np.repeat(X[:, None], len(scale), axis=1)  # (n, settings, m): the columns of one matrix
    found = np.empty((depth + 1, len(scale), m, m), X.dtype)
    for l in range(depth + 1):
        if l:
            G, b = (rng.standard_normal((n, k), dtype=X.dtype) for k in (n, 1))
            Z = scale * (G @ activation.f(Z).reshape(n, -1)).reshape(Z.shape) + shift * b[..., None]
        found[l] = np.moveaxis(Z, 0, -1) @ np.moveaxis(Z, 0, -2) / n
    return found.reshape(depth + 1, *shape, m, m)


def _length_of(name: str, activation: Activation, sigma_w: float, sigma_b: float, q: float) -> float:
    return _length(activation, sigma_w**2, sigma_b**2, q)


def _mean_of_slopes(activation: Activation, q: float, c: float) -> float:
    if c == 1:  # one variable: the narrow sectors between two equal directions are empty
        return _mean(lambda u: activation.df(u) ** 2, q)
    return _mean_of_pair(activation.df, q, c)


def _edge(name: str, activation: Activation, sigma_b: float) -> float:
    def variances(q: float) -> tuple[float, float]:
        w2 = 1 / _mean_of_slopes(activation, q, 1.0)
        return w2, q - _length(activation, w2, 0.0, q)

    lengths = np.concatenate([[FAINT], np.logspace(-6, 3, 91)])
    for low, high in pairwise(lengths):
        w2, b2 = variances(low)
        if abs(b2 - sigma_b**2) <= 1e-12:
            return sqrt(w2)
        if b2 < sigma_b**2 < variances(high)[1]:
            for _ in range(60):
                q = (low + high) / 2
                w2, b2 = variances(q)
                low, high = (q, high) if b2 < sigma_b**2 else (low, q)
            return sqrt(w2)
    raise ValueError(f"{name}: no critical sigma_w at sigma_b {sigma_b:g} for {activation.name}")


def _each(name: str, activation: Activation, f: Callable[..., float], **numbers: ArrayLike) -> float | np.ndarray:
    """Call `f` with each combination of the broadcast numbers; a float if all of them are numbers."""
    shape, arrays = _checked(name, activation, **numbers)
    found = [f(name, activation, *map(float, each)) for each in zip(*map(np.ravel, arrays), strict=True)]
    return np.reshape(found, shape) if shape else found[0]


def _checked(name: str, activation: Activation, **numbers: ArrayLike) -> tuple[tuple[int, ...], list[np.ndarray]]:
    """Return the shape that the numbers have together, and each of them broadcast to it."""
    instance(name, "activation", activation, Activation)
    for argument, value in numbers.items():
        array = np.asarray(value)
        low, high = (-1.0, 1.0) if argument == "c" else (0.0, inf)
        within = "in [-1, 1]" if argument == "c" else "finite and at least 0"
        fits = array.dtype.kind in "fiu" and np.all(np.isfinite(array) & (array >= low) & (array <= high))
        require(fits, f"{name}: {argument} must be {within}", value)
    shapes = [np.shape(value) for value in numbers.values()]
    if (shape := common(*shapes)) is None:
        raise ValueError(f"{name}: {', '.join(numbers)} must broadcast, got shapes {shapes}")
    return shape, [np.broadcast_to(np.asarray(value, dtype=float), shape) for value in numbers.values()]
