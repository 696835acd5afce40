"""What functions ask of their arguments: the ground floor, which imports no other module and which all may import.

A check that fails says in one line which function was called, what it expected and what arrived.
"""

import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from fractions import Fraction
from math import prod
from types import ModuleType
from typing import Any, Protocol, TypeAlias, cast

import numpy as np

__all__ = [
    "Array",
    "Curve",
    "Traced",
    "axes",
    "chain",
    "chained",
    "common",
    "drawn",
    "fan_counts",
    "finite",
    "float_dtype",
    "floats",
    "generator",
    "instance",
    "integers",
    "is_integer",
    "layers",
    "matrix",
    "matrix_shape",
    "namespace",
    "one_hot",
    "positive_integers",
    "require",
    "shown",
    "to_numpy",
    "unnamed",
    "whole",
]

Array: TypeAlias = Any  # of NumPy, JAX or PyTorch
Shape = tuple[int, ...]


class Curve(Protocol):
    """What has a function `f` and its derivative `df`: an Activation, a Loss."""

    @property
    def f(self) -> Callable[..., Array]: ...

    @property
    def df(self) -> Callable[..., Array]: ...


class Traced(Protocol):
    """What a forward pass leaves behind: `Z[l]` for l = 1..L."""

    @property
    def Z(self) -> list[Array]: ...


def require(fits: object, expected: str, value: object, kind: type[Exception] = ValueError) -> None:
    """Raise `kind` unless something fits, in one line: what was expected, and what arrived."""
    if not fits:
        raise kind(f"{expected}, got {shown(value)}")


def shown(value: object) -> str:
    """Return a value as a message shows it: an array's repr has many lines."""
    return " ".join(repr(value).split())[:80]


# What readers call things elsewhere, and this library does not.
NAMES = {"linear": "identity", "swish": "silu", "logistic": "sigmoid", "mse": "squared_error"}


def instance(function: str, argument: str, value: object, kind: type) -> None:
    """Require an argument of a kind of ours, such as an Activation."""
    if not isinstance(value, kind):
        article = "an" if kind.__name__[0] in "AEIOU" else "a"
        here = NAMES.get(value) if isinstance(value, str) else None
        hint = f", which is {kind.__module__.removeprefix('shallownet.')}.{here} here" if here else ""
        raise TypeError(f"{function}: {argument} must be {article} {kind.__name__}, got {shown(value)}{hint}")


def generator(function: str, rng: object) -> None:
    """Require a generator of random numbers: a seed in its place would give every layer the same draws."""
    require(isinstance(rng, np.random.Generator), f"{function}: rng must be a numpy Generator", rng, TypeError)


def is_integer(value: object, least: int = 0) -> bool:
    """Say whether a value is a whole number, and not True or False, of at least `least`."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and bool(value >= least)


def integers(values: object) -> Shape | None:
    """Return positive integers as a tuple, or None if a value is of another kind."""
    if not isinstance(values, Collection) or isinstance(values, str) or getattr(values, "shape", None) == ():
        return None
    return tuple(int(n) for n in values) if all(is_integer(n, 1) for n in values) else None


def matrix_shape(function: str, shape: object) -> Shape:
    """Return the shape of a matrix, `(..., n_out, n_in)`, as a tuple."""
    found = integers(shape)
    if found is None or len(found) < 2:
        raise ValueError(f"{function}: shape must be (..., n_out, n_in) with n_in >= 1, got {shown(shape)}")
    return found


def axes(function: str, shape: object, layout: object) -> dict[str, list[int]]:
    """Return the sizes of the axes of each kind, `o`, `i`, `k` and `n`, of the last axes of a shape."""
    known = isinstance(layout, str) and set(layout) <= set("oikn") and bool({"o", "i"} & set(layout))
    require(known, f"{function}: layout must be made of o, i, k and n, such as 'oikk', with an o or an i", layout)
    if layout == "oi":
        matrix_shape(function, shape)
    letters, found = str(layout), integers(shape)
    if found is None or len(found) < len(letters):
        raise ValueError(
            f"{function}: shape must have a positive size for each letter of {layout!r}, got {shown(shape)}"
        )
    pairs = list(zip(letters, found[len(found) - len(letters) :], strict=True))
    return {letter: [n for kind, n in pairs if kind == letter] for letter in "oikn"}


def fan_counts(
    function: str, shape: object, layout: str, groups: object = 1, stride: object = 1, transposed: object = False
) -> tuple[float, float]:
    """Return how many weights one output hears and how many outputs one input feeds, as `initializers.fans` does."""
    sizes, strides = axes(function, shape, layout), _strides(function, layout, stride)
    require(isinstance(transposed, bool | np.bool_), f"{function}: transposed must be True or False", transposed)
    require(is_integer(groups, 1), f"{function}: groups must be a positive integer", groups)
    count, name = (prod(sizes["i"]), "inputs") if transposed else (prod(sizes["o"]), "outputs")
    parts = int(cast(int, groups))
    require(count % parts == 0, f"{function}: groups must divide the {count} {name}", groups)
    n_in, n_out, kernel = (prod(sizes[letter]) for letter in "iok")
    fan_in, fan_out = Fraction(n_in * kernel), Fraction(n_out * kernel)
    if transposed:
        fan_in /= parts * strides
    else:
        fan_out /= parts * strides
    return _plain(fan_in), _plain(fan_out)


def _strides(function: str, layout: str, stride: object) -> int:
    """Return the product of a convolution's strides, one for each kernel axis."""
    count = layout.count("k")
    found = (stride,) * count if is_integer(stride, 1) else integers(stride)
    fits = found is not None and len(found) == count and (count > 0 or stride == 1)
    require(fits, f"{function}: stride must be a positive integer, or one for each of the {count} kernel axes", stride)
    return int(prod(cast(Shape, found)))


def _plain(fan: Fraction) -> float:
    return int(fan) if fan.denominator == 1 else float(fan)


def positive_integers(function: str, argument: str, values: object, *, at_least: int = 0) -> Shape:
    """Return one or several positive integers as a tuple, of at least 0 or 2 of them."""
    number = {0: "positive integers", 2: "at least two positive integers"}[at_least]
    found = integers([values] if is_integer(values) else values)
    if found is None or len(found) < at_least:
        raise ValueError(f"{function}: {argument} must be {number}, got {shown(values)}")
    return found


def float_dtype(function: str, dtype: object) -> np.dtype:
    """Return a dtype of 64 or 32 bits: NumPy draws random numbers in these two."""
    try:
        found: np.dtype = np.dtype(dtype)  # type: ignore[call-overload]
    except TypeError:
        found = np.dtype(object)
    if found not in (np.float64, np.float32):
        # NumPy's, and the bfloat16 and float8 types of other libraries
        few = any(name in f"{found} {dtype}" for name in ("float16", "float8"))
        hint = "; for fewer bits draw in float32 and cast" if few else ""
        raise TypeError(f"{function}: dtype must be float64 or float32, got {shown(dtype)}{hint}")
    return found


def common(*shapes: Shape) -> Shape | None:
    """Return the shape that these broadcast to, or None if they do not."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        return None


def namespace(array: Array) -> ModuleType:
    """Return the module whose functions take this array: NumPy, or what JAX or PyTorch have in its place."""
    if type(array).__module__.startswith("torch"):  # it does not answer the array standard's question
        return sys.modules["torch"]
    found: ModuleType = array.__array_namespace__() if hasattr(array, "__array_namespace__") else np
    return found


def to_numpy(array: Array) -> np.ndarray:
    """Return an array of any library as one of NumPy: without its gradient, off its device, bfloat16 as float32."""
    if type(array).__module__.startswith("torch") and hasattr(array, "detach"):
        array = array.detach().cpu()
        if "bfloat16" in str(array.dtype) or "float8" in str(array.dtype):  # NumPy has none
            array = array.float()
        array = array.numpy()
    return np.asarray(array)


def unnamed(function: str, argument: str, value: object) -> None:
    """Require that a list of layers is no mapping of names to arrays, as frameworks keep their parameters."""
    if isinstance(value, Mapping):
        expected = "must be a list of layers (W, b), not arrays by name, which sn.report takes"
        names = ", ".join(repr(str(name)) for name in list(value)[:2])
        raise TypeError(f"{function}: {argument} {expected}, got {type(value).__name__} of {names or 'nothing'}")


def floats(function: str, argument: str, values: Array) -> Array:
    """Return numbers as an array of floats; an array of another library as it is."""
    if namespace(values) is not np:
        return values
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{function}: {argument} must hold numbers, got dtype {array.dtype}")
    # integers would truncate what is computed from them, such as an activation, to 0 and 1
    return array if array.dtype.kind == "f" else array.astype(float)


def whole(array: Array) -> bool:
    """Say whether an array of NumPy, JAX or PyTorch holds integers; True and False are the labels 1 and 0."""
    return str(array.dtype).removeprefix("torch.").startswith(("int", "uint", "bool"))


def one_hot(function: str, labels: Array, n: int) -> Array:
    """Return integer labels, `(m,)` or `(..., 1, m)`, as columns with a single 1, `(..., n, m)`."""
    xp = namespace(labels)
    labels = np.asarray(labels) if xp is np else labels
    if not (labels.ndim == 1 or (labels.ndim >= 2 and labels.shape[-2] == 1)) or 0 in labels.shape:
        raise ValueError(f"{function}: labels must be (m,) or (..., 1, m), not empty, got {tuple(labels.shape)}")
    if not whole(labels):
        raise TypeError(f"{function}: labels must be integers, got dtype {labels.dtype}")
    # under `jax.jit` there are no values yet to look at
    if xp is np and (labels.min() < 0 or labels.max() >= n):
        raise ValueError(f"{function}: labels must lie in 0..{n - 1}, got values from {labels.min()} to {labels.max()}")
    row = labels if labels.ndim > 1 else labels[None, :]
    return (row == xp.arange(n)[:, None]) * xp.ones(())


def finite(function: str, argument: str, values: Array) -> Array:
    """Return numbers as `floats` does, and require that none is NaN or infinite."""
    array = floats(function, argument, values)
    # under `jax.jit` there are no values yet to look at
    if namespace(array) is np and not np.isfinite(array).all():
        raise ValueError(f"{function}: {argument} must be finite, got NaN or infinity")
    return array


def drawn(function: str, l: int, W: object, shape: Shape, dtype: np.dtype) -> np.ndarray:
    """Return what an initializer drew for layer `l`: a reader's own may return another shape, dtype or NaN."""
    array = np.asarray(W)
    if array.shape != shape or array.dtype != dtype or not np.isfinite(array).all():
        infinite = "" if array.dtype != dtype or np.isfinite(array).all() else " with NaN or infinity"
        wanted = f"the initializer of layer {l} must return finite {dtype} of shape {shape}"
        raise ValueError(f"{function}: {wanted}, got {array.dtype} of shape {array.shape}{infinite}")
    return array


def matrix(function: str, argument: str, array: Array) -> np.ndarray:
    """Return an array of two axes or more in float64, whatever reals it holds."""
    array = to_numpy(array)
    # "same_kind" are all reals, the half-precision types of other libraries included: no complex numbers, no text
    if not np.can_cast(array.dtype, float, "same_kind") or array.ndim < 2 or 0 in array.shape[-2:]:
        got = f"got {array.dtype} of shape {array.shape}"
        raise ValueError(f"{function}: {argument} must be a numeric array with two axes or more, {got}")
    return np.asarray(array, dtype=float)


def layers(function: str, params: object) -> list[tuple[Array, Array]]:
    """Return layers `(W, b)` as pairs of finite arrays."""
    unnamed(function, "params", params)
    try:
        pairs = [(W, b) for W, b in params]  # type: ignore[attr-defined]
        lists = [np.ndim(W) > 0 for W, _ in pairs]
    except (TypeError, ValueError):
        lists = [False]
    require(all(lists), f"{function}: params must be a list of layers (W, b)", params, TypeError)
    numbered = enumerate(pairs, start=1)
    return [(finite(function, f"W[{l}]", W), finite(function, f"b[{l}]", b)) for l, (W, b) in numbered]


def chain(function: str, params: Iterable[tuple[Array, Array]], X: Array) -> None:
    """Require that each layer takes what the one before puts out."""
    n_in = X.shape[-2]
    for l, (W, b) in enumerate(params, start=1):
        rows, columns = np.shape(W)[-2:] if np.ndim(W) > 1 else (0, 0)
        require(columns == n_in, f"{function}: W[{l}] must be (..., n_{l}, {n_in})", np.shape(W))
        # a bias of shape (n,) would broadcast along the examples, silently
        require(np.shape(b)[-2:] == (rows, 1), f"{function}: b[{l}] must be (..., {rows}, 1)", np.shape(b))
        n_in = rows


def chained(function: str, params: object, X: Array) -> tuple[list[tuple[Array, Array]], Array]:
    """Return `params` as pairs and `X` in their dtype, or say which of them does not fit the one before."""
    pairs = layers(function, params)
    if not pairs:
        raise ValueError(f"{function}: params must hold at least one layer, got none")
    X = floats(function, "X", X)
    with np.errstate(over="ignore"):  # what is too large for float32 is infinite, and told as such
        X = finite(function, "X", X.astype(pairs[0][0].dtype, copy=False) if namespace(X) is np else X)
    require(X.ndim >= 2 and X.shape[-1] >= 1, f"{function}: X must be (..., n_0, m) with m >= 1", X.shape)
    chain(function, pairs, X)
    fits = common(X.shape[:-2], *(array.shape[:-2] for pair in pairs for array in pair)) is not None
    require(fits, f"{function}: ensemble axes must broadcast", [X.shape, *(W.shape for W, _ in pairs)])
    return pairs, X
