r"""Activation functions and their exact derivatives.

Each is an `Activation(name, f, df)`: `f` and `df` act entrywise on an array of any shape and keep
its dtype. At a kink, `df` takes the value of the left side (`relu.df(0) == 0`), as the frameworks do.
Arrays of JAX and PyTorch are taken, too, and their own functions used on them; all but `gelu` can do that.
"""

from collections.abc import Callable
from math import erfc, pi, sqrt
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from shallownet._checks import NAMES, Array, floats, namespace

__all__ = [
    "Activation",
    "elu",
    "gelu",
    "identity",
    "leaky_relu",
    "relu",
    "scaled_tanh",
    "selu",
    "sigmoid",
    "silu",
    "softplus",
    "tanh",
]


class Activation(NamedTuple):
    """An entrywise function `f` and its derivative `df`, both of `Z` (not of `A`)."""

    name: str
    f: Callable[[np.ndarray], np.ndarray]
    df: Callable[[np.ndarray], np.ndarray]

    def __repr__(self) -> str:
        return f"Activation({self.name})"

    def __reduce__(self) -> str | tuple[object, ...]:
        # the book's own travel to another process by name: there, too, `tanh` is `tanh`
        return self.name if globals().get(self.name) is self else (Activation, tuple(self))


# Each formula takes that module as `xp`.


def _sigmoid(xp: ModuleType, Z: Array) -> Array:
    # exp of a non-positive number only: the textbook formula overflows for Z below -709.
    E = xp.exp(-xp.abs(Z))
    return xp.where(Z >= 0, 1, E) / (1 + E)


def _dsigmoid(xp: ModuleType, Z: Array) -> Array:
    E = xp.exp(-xp.abs(Z))
    return E / (1 + E) ** 2


def _dtanh(xp: ModuleType, Z: Array) -> Array:
    # 1 / cosh**2 written with a decaying exponential: 1 - tanh**2 rounds to 0 from |Z| = 19 on.
    E = xp.exp(-2 * xp.abs(Z))
    return 4 * E / (1 + E) ** 2


LEAKY_SLOPE = 0.01  # PyTorch's and Maas et al.'s (2013) default

# Klambauer et al. (2017), eq. 14: the pair for which (mean, variance) = (0, 1) is a fixed point.
SELU_LAMBDA = 1.0507009873554805
SELU_ALPHA = 1.6732632423543772


_erfc = np.frompyfunc(erfc, 1, 1)  # NumPy has none; this one is slow and exact


def _normal_cdf(xp: ModuleType, Z: Array) -> Array:
    if xp is not np:
        raise TypeError(f"gelu: Z must be a NumPy array, got one of {xp.__name__}")
    # erfc and not 1 + erf, which rounds to 0 from Z = -8.3 down
    return np.asarray(_erfc(-Z / sqrt(2)) / 2, dtype=Z.dtype)


def _expm1(xp: ModuleType, Z: Array) -> Array:
    # of the negative part only: where() evaluates both sides, and exp of a large Z overflows
    return xp.expm1(xp.clip(Z, None, 0))


def _entrywise(name: str, f: Callable[..., Array], df: Callable[..., Array]) -> Activation:
    def on_floats(g: Callable[..., Array]) -> Callable[[np.ndarray], np.ndarray]:
        def apply(Z: Array) -> Array:
            Z = floats(name, "Z", Z)
            return g(namespace(Z), Z)

        apply.__name__ = apply.__qualname__ = name
        return apply

    return Activation(name, on_floats(f), on_floats(df))


tanh = _entrywise("tanh", lambda xp, Z: xp.tanh(Z), _dtanh)
sigmoid = _entrywise("sigmoid", _sigmoid, _dsigmoid)
relu = _entrywise("relu", lambda xp, Z: xp.clip(Z, 0, None), lambda xp, Z: xp.ones_like(Z) * (Z > 0))
leaky_relu = _entrywise(
    "leaky_relu",
    lambda xp, Z: xp.where(Z > 0, Z, LEAKY_SLOPE * Z),
    lambda xp, Z: xp.where(Z > 0, xp.ones_like(Z), LEAKY_SLOPE),
)
elu = _entrywise(  # alpha = 1
    "elu", lambda xp, Z: xp.where(Z > 0, Z, _expm1(xp, Z)), lambda xp, Z: xp.where(Z > 0, 1, 1 + _expm1(xp, Z))
)
selu = _entrywise(
    "selu",
    lambda xp, Z: SELU_LAMBDA * xp.where(Z > 0, Z, SELU_ALPHA * _expm1(xp, Z)),
    lambda xp, Z: SELU_LAMBDA * xp.where(Z > 0, 1, SELU_ALPHA * xp.exp(xp.clip(Z, None, 0))),
)
gelu = _entrywise(  # Z Phi(Z) with the exact Phi, not the tanh formula
    "gelu",
    lambda xp, Z: Z * _normal_cdf(xp, Z),
    lambda xp, Z: _normal_cdf(xp, Z) + Z * xp.exp(-Z * Z / 2) / sqrt(2 * pi),
)
silu = _entrywise(  # also called swish
    "silu", lambda xp, Z: Z * _sigmoid(xp, Z), lambda xp, Z: _sigmoid(xp, Z) + Z * _dsigmoid(xp, Z)
)
softplus = _entrywise("softplus", lambda xp, Z: xp.clip(Z, 0, None) + xp.log1p(xp.exp(-xp.abs(Z))), _sigmoid)
identity = _entrywise("identity", lambda xp, Z: +Z, lambda xp, Z: xp.ones_like(Z))
scaled_tanh = _entrywise(  # LeCun et al. (1998)
    "scaled_tanh", lambda xp, Z: 1.7159 * xp.tanh(2 / 3 * Z), lambda xp, Z: 1.7159 * 2 / 3 * _dtanh(xp, 2 / 3 * Z)
)

if not TYPE_CHECKING:  # a type checker should see what is there, and nothing else

    def __getattr__(name: str) -> object:
        hint = f"; it is {NAMES[name]} here" if NAMES.get(name) in __all__ else ""
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}{hint}")
