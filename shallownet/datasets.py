r"""Small two-class problems in the plane, generated: nothing is downloaded.

Each takes the number of examples `m`, at least 2, an `rng` to draw from, and in `noise` the standard
deviation of what is added to the points. It returns `X` of shape `(2, m)` and `Y` of shape `(1, m)` with
values 0 and 1, examples as columns in random order; classes differ in size by at most one.
"""

from numbers import Real

import numpy as np

from shallownet._checks import generator, is_integer, require

__all__ = ["circles", "flower", "moons", "spirals", "xor"]

Dataset = tuple[np.ndarray, np.ndarray]


def xor(m: int, rng: np.random.Generator, *, noise: float = 0.0) -> Dataset:
    """Points of the square [-1, 1] x [-1, 1]; class 1 where exactly one coordinate is positive.

    No line separates the classes, so a network without hidden units fails.

    Examples:
        >>> import numpy as np
        >>> from shallownet.datasets import xor
        >>> X, Y = xor(200, np.random.default_rng(0))
        >>> X.shape, Y.shape, float(Y.mean())
        ((2, 200), (1, 200), 0.5)
    """
    Y = _labels("xor", m, rng, noise)
    size = 1 - rng.random((2, m))  # in (0, 1]: no point lies on an axis
    sign = np.where(rng.random(m) < 0.5, -1, 1)
    return _noisy(size * np.stack([sign, np.where(Y[0] == 1, -sign, sign)]), Y, noise, rng)


def moons(m: int, rng: np.random.Generator, *, noise: float = 0.1) -> Dataset:
    """Two half circles of radius 1 that reach into each other."""
    Y = _labels("moons", m, rng, noise)
    t = np.pi * rng.random(m)
    upper = np.stack([np.cos(t), np.sin(t)])
    lower = np.stack([1 - np.cos(t), 0.5 - np.sin(t)])
    return _noisy(np.where(Y == 1, lower, upper), Y, noise, rng)


def circles(m: int, rng: np.random.Generator, *, noise: float = 0.1, factor: float = 0.5) -> Dataset:
    """A circle of radius `factor` (class 1) inside a circle of radius 1 (class 0).

    Args:
        factor: Radius of the inner circle, between 0 and 1.
    """
    Y = _labels("circles", m, rng, noise)
    require(isinstance(factor, Real) and 0 < factor < 1, "circles: factor must lie between 0 and 1", factor)
    t = 2 * np.pi * rng.random(m)
    return _noisy(np.where(Y == 1, factor, 1) * np.stack([np.cos(t), np.sin(t)]), Y, noise, rng)


def spirals(m: int, rng: np.random.Generator, *, noise: float = 0.02, turns: float = 1.5) -> Dataset:
    """Two arms of a spiral, each half a turn from the other.

    Args:
        turns: Full turns of an arm, above 0.
    """
    Y = _labels("spirals", m, rng, noise)
    require(isinstance(turns, Real) and 0 < turns < np.inf, "spirals: turns must be positive", turns)
    radius = np.sqrt(rng.random(m))  # the root spreads points evenly along the arm
    t = 2 * np.pi * turns * radius + np.pi * Y[0]
    return _noisy(radius * np.stack([np.cos(t), np.sin(t)]), Y, noise, rng)


def flower(m: int, rng: np.random.Generator, *, noise: float = 0.05) -> Dataset:
    """Eight petals in alternating classes, in the spirit of the planar data of Ng's course."""
    Y = _labels("flower", m, rng, noise)
    petal = 2 * rng.integers(4, size=m) + Y[0]
    t = (petal + rng.random(m)) * np.pi / 4
    radius = np.abs(np.sin(4 * t)) * np.sqrt(rng.random(m))
    return _noisy(radius * np.stack([np.cos(t), np.sin(t)]), Y, noise, rng)


def _labels(name: str, m: int, rng: np.random.Generator, noise: float) -> np.ndarray:
    require(is_integer(m, 2), f"{name}: m must be an integer of at least 2", m)
    generator(name, rng)
    require(isinstance(noise, Real) and 0 <= float(noise) < np.inf, f"{name}: noise must be at least 0", noise)
    Y: np.ndarray = rng.permutation(np.arange(m) % 2).astype(float)[None]
    return Y


def _noisy(X: np.ndarray, Y: np.ndarray, noise: float, rng: np.random.Generator) -> Dataset:
    return X + noise * rng.standard_normal(X.shape), Y
