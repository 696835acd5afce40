r"""Activation functions and their exact derivatives.

Each is an `Activation(name, f, df)`: `f` and `df` act entrywise on an array of any shape and keep
its dtype. At a kink, `df` takes the value of the left side (`relu.df(0) == 0`), as the frameworks do.
"""

from collections.abc import Callable
from math import erfc, pi, sqrt
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Activation", "elu", "gelu", "identity", "leaky_relu", "relu", "scaled_tanh", "selu", "sigmoid", "silu",
    "softplus", "tanh"]  # fmt: skip


class Activation(NamedTuple):
    """An entrywise function `f` and its derivative `df`, both of `Z` (not of `A`)."""

    name: str
    f: Callable[[np.ndarray], np.ndarray]
    df: Callable[[np.ndarray], np.ndarray]

    def __repr__(self) -> str:
        return f"Activation({self.name})"

    def __reduce__(self) -> Any:
        # the book's own travel to another process by name: there, too, `tanh` is `tanh`
        return self.name if globals().get(self.name) is self else (Activation, tuple(self))


def _sigmoid(Z: np.ndarray) -> Any:
    # exp of a non-positive number only: the textbook formula overflows for Z below -709.
    E = np.exp(-np.abs(Z))
    return np.where(Z >= 0, 1, E) / (1 + E)


def _dsigmoid(Z: np.ndarray) -> Any:
    E = np.exp(-np.abs(Z))
    return E / (1 + E) ** 2


def _dtanh(Z: np.ndarray) -> Any:
    # 1 / cosh**2 written with a decaying exponential: 1 - tanh**2 rounds to 0 from |Z| = 19 on.
    E = np.exp(-2 * np.abs(Z))
    return 4 * E / (1 + E) ** 2


LEAKY_SLOPE = 0.01  # PyTorch's and Maas et al.'s (2013) default

# Klambauer et al. (2017), eq. 14: the pair for which (mean, variance) = (0, 1) is a fixed point.
SELU_LAMBDA = 1.0507009873554805
SELU_ALPHA = 1.6732632423543772


_erfc: Any = np.frompyfunc(erfc, 1, 1)  # NumPy has none; this one is slow and exact


def _normal_cdf(Z: np.ndarray) -> Any:
    # erfc and not 1 + erf, which rounds to 0 from Z = -8.3 down
    return np.asarray(_erfc(-Z / sqrt(2)) / 2, dtype=Z.dtype)


def _expm1(Z: np.ndarray) -> Any:
    # of the negative part only: np.where evaluates both sides, and exp of a large Z overflows
    return np.expm1(np.minimum(Z, 0))


def _entrywise(name: str, f: Callable[..., np.ndarray], df: Callable[..., np.ndarray]) -> Activation:
    def on_floats(g: Callable[..., Any]) -> Callable[[np.ndarray], np.ndarray]:
        def apply(Z: np.ndarray) -> Any:
            Z = np.asarray(Z)
            if Z.dtype.kind not in "fiub":
                raise TypeError(f"{name}: Z must hold numbers, got dtype {Z.dtype}")
            # integers would truncate A or df to 0 and 1 further on
            return g(Z if Z.dtype.kind == "f" else Z.astype(float))

        apply.__name__ = apply.__qualname__ = name
        return apply

    return Activation(name, on_floats(f), on_floats(df))


tanh = _entrywise("tanh", np.tanh, _dtanh)
sigmoid = _entrywise("sigmoid", _sigmoid, _dsigmoid)
relu = _entrywise("relu", lambda Z: np.maximum(Z, 0), lambda Z: (Z > 0).astype(Z.dtype))
leaky_relu = _entrywise(
    "leaky_relu",
    lambda Z: np.where(Z > 0, Z, LEAKY_SLOPE * Z),
    lambda Z: np.where(Z > 0, 1, LEAKY_SLOPE).astype(Z.dtype),
)
# alpha = 1
elu = _entrywise("elu", lambda Z: np.where(Z > 0, Z, _expm1(Z)), lambda Z: np.where(Z > 0, 1, 1 + _expm1(Z)))
selu = _entrywise(
    "selu",
    lambda Z: SELU_LAMBDA * np.where(Z > 0, Z, SELU_ALPHA * _expm1(Z)),
    lambda Z: SELU_LAMBDA * np.where(Z > 0, 1, SELU_ALPHA * np.exp(np.minimum(Z, 0))),
)
gelu = _entrywise(  # Z Phi(Z) with the exact Phi, not the tanh formula
    "gelu", lambda Z: Z * _normal_cdf(Z), lambda Z: _normal_cdf(Z) + Z * np.exp(-Z * Z / 2) / sqrt(2 * pi)
)
# also called swish
silu = _entrywise("silu", lambda Z: Z * _sigmoid(Z), lambda Z: _sigmoid(Z) + Z * _dsigmoid(Z))
softplus = _entrywise("softplus", lambda Z: np.maximum(Z, 0) + np.log1p(np.exp(-np.abs(Z))), _sigmoid)
identity = _entrywise("identity", np.positive, np.ones_like)
scaled_tanh = _entrywise(  # LeCun et al. (1998)
    "scaled_tanh", lambda Z: 1.7159 * np.tanh(2 / 3 * Z), lambda Z: 1.7159 * 2 / 3 * _dtanh(2 / 3 * Z)
)
