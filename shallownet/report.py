r"""What a start looks like: the parameters of any framework as a table, and a list of what is wrong with them.

`report(params)` looks at parameters before the first step: their shapes, fans, spread and the scheme that they were
drawn by, and at activations, gradients and a first loss if it is handed those. It imports no framework.

What counts as a problem is decided by the constants below, each with its reason. They are set so that a sound start is
silent: a report that cries wolf is not read. A report without problems says that none of these was found, no more.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from itertools import pairwise
from math import isfinite, log, prod, sqrt
from numbers import Real
from typing import NamedTuple

import numpy as np

from shallownet._checks import Array, fan_counts, floats, require, shown, to_numpy

__all__ = ["Report", "Row", "report"]

# How many standard errors a statistic may be off by chance: one matrix in two million is further.
ERRORS = 5.0
# Below this many entries the variance is known to a quarter at best (5 sqrt(2 / N)), and no scheme is named.
FEW = 400
# Two matrices follow one rule if their standard deviations, times the root of what the rule divides by, agree to this
# factor: the sampling error of 400 entries is 4 %, and Glorot, PyTorch's default and a packed kernel differ by 1.22.
ALIKE = 1.35
# A matrix deviates if its standard deviation is off by more than this. PyTorch's default among He's weights is, by
# sqrt(6) = 2.45; torchvision's VGG, with 0.01 in 4096 inputs among convolutions by fan-out, is off by 2.21 and trains.
DEVIATES = 2.3
# No draw of the schemes below is as large against the median of a matrix: of N normal entries the chance to have one
# beyond 14 medians, 9.4 standard deviations, is N * 4e-21.
OUTLIER = 14.0
# float16 ends at 65504, and no parameter starts near it; memory that nobody initialised often does.
HUGE = 1e4
# A mean against the standard deviation. All schemes have mean zero; `rand` in place of `randn` has 1.73.
MEAN = 0.3
# A loss is far from the honest one if it is worse by 2: the odds that the network gives to what is right are then
# exp(2) = 7.4 times worse than the shares of the classes, and He's weights in the last layer, where their variance is
# twice too large, cost about 1. Where classes are rare, so that equal shares already cost twice the honest loss, that
# is far, too.
TIMES, WORSE = 2.0, 2.0
# From the first layer to the last, as rms. PyTorch's default, which is sound in a few layers, takes 0.41 a ReLU layer.
FADES, GROWS = 1e-3, 1e3
# The part of a signal that differs between examples, against all of it, as rms. He's weights leave a tenth in sixty
# layers; what is below a thousandth is lost in the rounding of half precision.
SAME = 1e-3
# Between the norms of two layers' gradients. Queries and keys have small ones at any start.
GRADIENTS = 1e4
# Of tanh units beyond 0.97: the well-started have 5 to 10 %, and with a third the slope is mostly lost.
SATURATED = 0.3

LINKS = {
    "finite": "choosing.md#114-five-checks-on-any-start",
    "huge": "reference/report.md#values-that-no-draw-gives",
    "tied": "chapters/symmetry.md#11-equal-rows-get-equal-gradients",
    "constant": "chapters/symmetry.md#13-four-ways-to-start-at-zero",
    "equal": "choosing.md#114-five-checks-on-any-start",
    "fan": "reference/initializers.md#kernels-of-frameworks",
    "deviates": "chapters/deep-scaling.md#41-what-one-layer-does-to-the-mean-square",
    "mean": "reference/report.md#values-that-no-draw-gives",
    "stream": "chapters/residual.md#81-a-block-that-adds-doubles",
    "alike": "chapters/deep-scaling.md#47-what-even-he-does-not-fix",
    "signal": "chapters/deep-scaling.md#41-what-one-layer-does-to-the-mean-square",
    "gradient": "chapters/deep-scaling.md#43-backward-glorots-compromise",
    "saturated": "chapters/saturation.md#34-how-much-saturation-is-bad",
    "dead": "chapters/saturation.md#37-relu-flat-on-one-side-and-for-ever",
    "loss": "reference/losses.md#the-honest-start-of-the-last-bias",
}

# Modules that write to the residual stream of a block, by the names that they have in public code.
WRITERS = {"c_proj", "proj", "out_proj", "o_proj", "down_proj", "wo", "w_o", "to_out", "out", "down", "fc2", "w2"}
PACKED = re.compile(r"in_proj|qkv|c_attn", re.IGNORECASE)
VECTORS = re.compile(r"bias|^b\d*$|beta|gamma|scale|mean|var", re.IGNORECASE)
IDLE = re.compile(r"bias|(^|[/._])b\d*$|beta|mean|pos|cls|token", re.IGNORECASE)
LOOKUP = re.compile(r"embed|wte|wpe|lookup|(^|[/._])emb", re.IGNORECASE)
ATTENTION = re.compile(r"attention|attn|mha", re.IGNORECASE)


class Row(NamedTuple):
    """One parameter, as the table shows it; what an entry cannot have is None."""

    name: str
    shape: tuple[int, ...]
    layout: str  # as for `initializers.fans`; empty for biases, scales and other vectors
    fan_in: float | None
    fan_out: float | None
    mean: float
    std: float
    n_var: float | None  # fan-in times the variance: 1 is LeCun's, 2 is He's
    scheme: str  # the nearest one
    dtype: str
    guessed: bool  # whether the layout is a guess, from the name and the number of axes


@dataclass(frozen=True)
class Report:
    """What `report` found: `rows`, one a parameter, and `problems`, one line each."""

    rows: list[Row]
    problems: list[str]

    def __str__(self) -> str:
        head = ("name", "shape", "layout", "fans", "mean", "std", "n Var", "nearest scheme", "dtype")
        table = [head, *map(_cells, self.rows)]
        widths = [max(len(row[i]) for row in table) for i in range(len(head))]
        lines = ["  ".join(cell.ljust(n) for cell, n in zip(row, widths, strict=True)).rstrip() for row in table]
        if any(row.guessed for row in self.rows):
            lines += ["", "? a guess from name and shape; layouts={...} says what it is"]
        count = len(self.problems)
        lines += ["", "no problems" if not count else f"{count} problem{'s' * (count > 1)}:", *self.problems]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, list[object]]:
        """Return plain lists, numbers and strings, ready for JSON; a number that is not finite becomes None."""

        def plain(value: object) -> object:
            if isinstance(value, tuple):
                return list(value)
            return None if isinstance(value, float) and not isfinite(value) else value

        rows = [{key: plain(value) for key, value in row._asdict().items()} for row in self.rows]
        return {"rows": list(rows), "problems": list(self.problems)}


def report(
    params: Array,
    *,
    layouts: Mapping[str, Array] | None = None,
    activations: Array = None,
    grads: Array = None,
    loss: float | None = None,
    targets: Array = None,
) -> Report:
    r"""Report what a start looks like, and what is wrong with it.

    Args:
        params: Arrays by name, `{name: array}` or nested, then joined by "/"; or a list of layers `(W, b)`, with any
            leading ensemble axes. The arrays are of NumPy, PyTorch (with gradients, in half precision, on any
            device), JAX or Keras, of any shape: `model.state_dict()`, `nnx.state(model)`,
            `{v.path: v for v in model.variables}`.
        layouts: `{name or pattern: layout}`, where a pattern may hold `*` and `?`, and a layout is that of
            `initializers.fans`, such as `"oikk"`, or a mapping `{"layout": "oikk", "groups": 8}` with what else `fans`
            takes. `"iokk"` and `"kkoi"` are read as those of a transposed convolution. Where none is given it is
            guessed from name and number of axes, and the table says so.
        activations: Arrays by name in the order of the layers, each `(examples, ...)`; or a `Trace` of this book.
        grads: Gradients by the names of the parameters, or as a list like `params`.
        loss: The first loss, a mean over examples.
        targets: Labels `(m,)` or one-hot, `(m, n)` or `(n, m)`, for the honest loss that `loss` is compared with; zeros
            and ones of independent outputs; or numbers.

    Returns:
        `Report(rows, problems)`: `str` of it is a table, `to_dict()` is ready for JSON. Each problem is one line that
        begins with the parameter and ends with the section of the book that explains it.

    Raises:
        ValueError: If a layout does not fit a shape, a pattern fits no name, or there are no parameters.
        TypeError: If `params` holds something else than arrays.

    Examples:
        >>> import numpy as np
        >>> import shallownet as sn
        >>> rng = np.random.default_rng(0)
        >>> params = {"fc1": {"weight": sn.initializers.he((30, 40), rng)}, "fc2": {"weight": np.full((10, 30), 0.1)}}
        >>> print(sn.report(params).problems[0].split(";")[0])
        fc2/weight: all its entries are 0.1, so its units are tied
    """
    arrays = list(_named("report", params))
    require(arrays, "report: params must hold at least one array", params)
    read = _layouts(layouts, [name for name, _ in arrays])
    pytorch = any(type(array).__module__.startswith("torch") for _, array in arrays)
    columns = _stored_in_columns(arrays)
    parts = [_part(name, array, read, pytorch, columns) for name, array in arrays]
    matrices = [part for part in parts if part.kind != "vector" and part.sound]
    slopes = dict(_named("report", grads)) if grads is not None else {}
    found = [*_entries(parts), *_ties(matrices, slopes), *_twins(matrices), *_beginnings(matrices)]
    found += [*_fans(matrices), *_unscaled(matrices)]
    known = {name for _, names, _ in found for name in names}
    found += _deviating([part for part in matrices if part.row.name not in known])
    # behind a zero weight nothing arrives in the first step, and that is how branches are made to start
    quiet = any(part.values.size and not part.values.any() and not IDLE.search(part.row.name) for part in parts)
    found += _gradients(slopes, matrices, quiet) if slopes else []
    found += _signals(activations, quiet) if activations is not None else []
    found += _first_loss(loss, targets) if loss is not None else []
    return Report([part.row for part in parts], [_line(*problem) for problem in found])


Problem = tuple[str, list[str], str]  # a key of LINKS, the parameters, and what is wrong with them
Fans = tuple[float, float]


@dataclass(frozen=True)
class _Part:
    """One parameter, ready to be looked at."""

    row: Row
    kind: str  # "matrix", "lookup" or "vector"
    values: np.ndarray  # as it is stored, in float64; empty if it has none
    W: np.ndarray  # (networks, units, weights), for a look-up (networks, words, features)
    settings: Mapping[str, Array]  # for `fans`: groups, stride, transposed
    sound: bool  # whether there are finite floats to look at
    place: tuple[int, tuple[int, ...]]  # where it lies in memory: what is shared has one place
    raw: np.ndarray  # keeps that memory

    @property
    def error(self) -> float:
        """The relative sampling error of the variance of as many normal entries."""
        return sqrt(2 / max(1, self.values.size))


def _named(function: str, value: Array, prefix: str = "") -> Iterator[tuple[str, Array]]:
    """Yield name and array of what is nested in mappings, named tuples and lists."""
    if isinstance(value, Mapping):
        items: Iterable[tuple[object, Array]] = value.items()
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        items = zip(value._fields, value, strict=True)
    elif isinstance(value, list | tuple) and len(value) == 2 and all(getattr(item, "ndim", 0) > 1 for item in value):
        items = zip("Wb", value, strict=True)  # a layer without its name
    elif isinstance(value, list | tuple):
        items = ((getattr(item, "path", None) or str(i), item) for i, item in enumerate(value, start=1))
    elif value is None or str(getattr(value, "dtype", "")).startswith("key"):  # no gradient; a key of JAX
        return
    elif hasattr(value, "shape") or isinstance(value, Real):
        yield prefix.rstrip("/") or "1", value
        return
    else:
        raise TypeError(f"{function}: parameters must be arrays by name, got {shown(value)} as {prefix.rstrip('/')!r}")
    for key, item in items:
        yield from _named(function, item, f"{prefix}{key}/")


def _components(name: str) -> list[str]:
    return re.split(r"[/.]", name)


def _pattern(name: str) -> str:
    return re.sub(r"\d+", "*", name)


def _layouts(layouts: Mapping[str, Array] | None, names: list[str]) -> Callable[[str], Mapping[str, Array] | None]:
    """Return what tells a parameter's layout, by its name or the first pattern that fits it."""
    given = {} if layouts is None else layouts
    require(isinstance(given, Mapping), "report: layouts must map names to layouts", layouts, TypeError)
    read = {}
    for pattern, value in given.items():
        layout = {"layout": value} if isinstance(value, str) else value
        fits = isinstance(layout, Mapping) and set(layout) <= {"layout", "groups", "stride", "transposed"}
        expected = "must be a layout such as 'oikk', or a mapping with layout, groups, stride, transposed"
        fits = fits and isinstance(layout.get("layout"), str)
        require(fits, f"report: layouts[{pattern!r}] {expected}", value)
        require(any(fnmatchcase(name, pattern) for name in names), "report: layouts must fit a parameter", pattern)
        swapped = re.fullmatch(r"iok+|k+oi", layout["layout"])
        read[pattern] = {"transposed": True, **layout} if swapped else layout
    return lambda name: next((read[p] for p in [name, *read] if p in read and fnmatchcase(name, p)), None)


def _stored_in_columns(arrays: list[tuple[str, Array]]) -> bool:
    """Say whether GPT-2's linear layers are stored as (inputs, outputs): the shape of q, k and v gives it away."""
    shapes = [np.shape(array) for name, array in arrays if "c_attn" in name]
    return any(len(shape) == 2 and shape[1] == 3 * shape[0] for shape in shapes)


def _guess(name: str, shape: tuple[int, ...], pytorch: bool, columns: bool) -> dict[str, Array] | None:
    """Return the likely layout of a parameter, or None for what is no weight."""
    *above, leaf = _components(name)
    parent, path, n = (above or [""])[-1], name.lower(), len(shape)
    if n < 2 or VECTORS.search(leaf) or (n > 2 and sum(size > 1 for size in shape) < 2):
        return None
    if n <= 3 and (LOOKUP.search(leaf) or (leaf == "weight" and LOOKUP.search(parent))):
        return {"layout": "no"}
    experts = "n" if n == 3 and re.search(r"expert|moe", path) else ""
    kernel, transposed = "k" * (n - 2 - len(experts)), bool(re.search(r"transpose|deconv", path))
    if leaf.endswith("kernel"):
        if n == 3 and ATTENTION.search(path):
            return {"layout": "iio" if re.search(r"out", parent) else "ioo"}
        if "depthwise" in path or (shape[-1] == 1 and re.search(r"(^|[/._])dw", path)):
            return {"layout": f"{kernel}no"}
        keras = re.search(r"conv\dd_transpose", path)
        return {"layout": experts + kernel + ("oi" if keras else "io"), "transposed": transposed}
    if leaf.endswith("weight") or leaf.startswith("weight_") or pytorch:
        if columns and n == 2 and re.search(r"c_(attn|fc|proj)", path):
            return {"layout": "io"}
        order = "io" if transposed and n > 2 else "oi"
        return {"layout": experts + order + kernel, "transposed": transposed and n > 2}
    if n >= 3 and shape[-1] <= 11 < shape[0] and leaf != "W":
        return {"layout": "oi" + "k" * (n - 2)}
    if n == 4 and shape[0] == shape[1] <= 11 and leaf != "W":
        return {"layout": "kkio"}
    return {"layout": "oi"}  # axes before the last two are networks


def _part(
    name: str, array: Array, read: Callable[[str], Mapping[str, Array] | None], pytorch: bool, columns: bool
) -> _Part:
    """Return one parameter, measured in float64."""
    shape, dtype = tuple(int(n) for n in np.shape(array)), str(getattr(array, "dtype", "float")).removeprefix("torch.")
    try:
        stored = to_numpy(array)
    except (NotImplementedError, TypeError):  # PyTorch's meta device and Flax's eval_shape have shapes only
        stored = np.empty(0)
    if stored.dtype == object and stored.shape != shape:  # a bare jax.ShapeDtypeStruct
        stored = np.empty(0)
    if stored.dtype == bool or not np.can_cast(stored.dtype, float, "same_kind"):
        require(stored.dtype == bool, f"report: {name} must hold real numbers", stored.dtype, TypeError)
    values = np.asarray(stored, dtype=float)
    told = read(name)
    settings = dict(told or _guess(name, shape, pytorch, columns) or {}) if dtype[0] in "fb" and dtype != "bool" else {}
    layout = settings.pop("layout", "")
    real = layout and values.size and not _is_mask(values)
    kind = "vector" if not real else "matrix" if "i" in layout or "k" in layout else "lookup"
    fan_in, fan_out = fan_counts("report", shape, layout, **settings) if layout and values.size else (None, None)
    finite = bool(values.size and np.isfinite(values).all())
    W = _arranged(values, layout) if finite and kind != "vector" else np.empty((0, 0, 0))
    with np.errstate(invalid="ignore", over="ignore"):
        mean, std = (float(values.mean()), float(values.std())) if values.size else (float("nan"), float("nan"))
    if finite and values.min() == values.max():
        mean, std = float(values.flat[0]), 0.0  # and not what rounding leaves
    n_var = None if fan_in is None else fan_in * std**2
    row = Row(name, shape, layout, fan_in, fan_out, mean, std, n_var, "", dtype, bool(layout) and told is None)
    part = _Part(row, kind, values, W, settings, finite and kind != "vector", _place(array, stored), stored)
    return _with_scheme(part)


def _is_mask(values: np.ndarray) -> bool:
    """Say whether this is an additive mask of attention: zeros, and minus infinity."""
    return bool(((values == 0) | (values == -np.inf)).all() and (values == -np.inf).any())


def _place(array: Array, stored: np.ndarray) -> tuple[int, tuple[int, ...]]:
    pointer = array.data_ptr() if hasattr(array, "data_ptr") else stored.__array_interface__["data"][0]
    return pointer, stored.shape


def _arranged(values: np.ndarray, layout: str) -> np.ndarray:
    """Return a parameter as (networks, units, weights)."""
    first = values.ndim - len(layout)
    units, weights = ("n", "o") if not {"i", "k"} & set(layout) else ("no", "ik")
    order = [first + i for kind in units + weights for i, letter in enumerate(layout) if letter == kind]
    count = prod(values.shape[first + i] for i, letter in enumerate(layout) if letter in units)
    networks = prod(values.shape[:first])
    return np.asarray(values.transpose(*range(first), *order).reshape(networks, count, -1))


def _with_scheme(part: _Part) -> _Part:
    return replace(part, row=part.row._replace(scheme=_scheme(part)))


def _scheme(part: _Part) -> str:
    """Return the nearest of the known schemes, with a factor if it is not near, or what else a parameter is."""
    values = part.values
    if not values.size or not np.isfinite(values).all():
        return ""
    if values.min() == values.max():
        return {0.0: "zeros", 1.0: "ones"}.get(float(values.flat[0]), f"constant {values.flat[0]:.3g}")
    if part.kind == "vector" or not part.sound:
        return ""
    if structure := _structure(part):
        return structure
    if values.size < FEW:
        return "too few to say"
    shape = _distribution(values)
    if part.kind == "lookup":
        return f"{shape}, std {part.row.std:.2g}".removeprefix(", ")
    # of equal ones the first; a square matrix is Glorot's as well as LeCun's, and only Glorot's is usually uniform
    known = (
        sorted(_candidates(part), key=lambda known: known[0] != "Glorot") if shape == "uniform" else _candidates(part)
    )
    label, variance = min(known, key=lambda known: abs(log(part.row.std**2 / known[1])))
    if abs(part.row.std**2 / variance - 1) > ERRORS * part.error + 0.02:
        label = f"{part.row.std * sqrt(_fans_of(part.row)[0]):.2g} x LeCun"
    return ", ".join(filter(None, [label, shape]))


def _structure(part: _Part) -> str:
    """Say whether a matrix is the identity, orthogonal or sparse; empty if it is none of these."""
    W = part.W[0]
    kernel = prod(n for n, letter in _axes(part.row) if letter == "k")
    if kernel > 1 and part.kind == "matrix":
        taps = W.reshape(len(W), -1, kernel).any(axis=(0, 1))
        if taps.sum() == 1 and (gain := _gain(W.reshape(len(W), -1, kernel)[:, :, taps.argmax()])):
            return _times("delta-orthogonal", gain)
    if part.kind == "matrix" and (W[0, 0] * np.eye(*W.shape) == W).all():
        return _times("identity", float(W[0, 0]))
    if part.kind == "matrix" and (gain := _gain(W)):
        return _times("orthogonal", gain)
    zeros = float((W == 0).mean())
    return f"sparse, {zeros:.0%} zeros" if zeros > 0.05 else ""


def _times(scheme: str, gain: float) -> str:
    return scheme if abs(gain - 1) < 1e-3 else f"{scheme}, gain {gain:.3g}"


def _gain(W: np.ndarray) -> float:
    """Return the length of a matrix's rows or columns, the fewer, if they are orthogonal and alike, or else 0."""
    V = W if W.shape[0] <= W.shape[1] else W.T
    V = V[:64]  # a few tell
    G = V @ V.T
    size = float(G.diagonal().mean())
    # rounding of float32, or of half precision where so many random vectors would not be as orthogonal by chance
    tolerance = 1e-2 if len(V) >= 16 and V.shape[1] < 30_000 else 1e-5
    fits = len(V) >= 2 and size > 0 and float(np.abs(G / size - np.eye(len(V))).max()) < tolerance
    return sqrt(size) if fits else 0.0


def _distribution(values: np.ndarray) -> str:
    """Name the distribution by its fourth moment: 1.8, 2.37 and 3, each known to 0.25 from 400 entries."""
    squares = ((values - values.mean()) / values.std()) ** 2
    moment = float((squares * squares).mean())
    return "uniform" if moment < 2.08 else "truncated normal" if moment < 2.68 else "normal" if moment < 4 else ""


def _candidates(part: _Part) -> list[tuple[str, float]]:
    """Return the variances of the known schemes; of equal ones the first is named."""
    a, b = _fans_of(part.row)
    name = part.row.name
    gates = [("PyTorch's default", g / (3 * b)) for g in (4, 3, 1) if re.search(r"weight_[ih]h", name)]
    return [
        *gates,
        ("LeCun", 1 / a),
        ("He", 2 / a),
        ("Glorot", 2 / (a + b)),
        ("PyTorch's default", 1 / (3 * a)),
        ("std 0.02", 0.02**2),
        ("std 0.01", 0.01**2),
        ("He by fan-out", 2 / b),
        ("LeCun by fan-out", 1 / b),
        ("std 1", 1.0),
    ]


def _fans_of(row: Row) -> Fans:
    return row.fan_in or 1.0, row.fan_out or 1.0


def _entries(parts: list[_Part]) -> list[Problem]:
    """Look for values that no draw gives."""
    found: list[Problem] = []
    for part in parts:
        name, values = part.row.name, part.values
        if not values.size:
            found.append(("finite", [name], "has no values, only a shape: it is still to be drawn"))
            continue
        if part.row.dtype[0] not in "fb" or part.row.dtype == "bool" or _is_mask(values):
            continue
        lost = int((~np.isfinite(values)).sum())
        largest = float(np.abs(values).max()) if not lost else 0.0
        if lost:
            found.append(("finite", [name], f"{lost} of {values.size} entries are NaN or infinite"))
        elif largest > HUGE and values.size > 1:
            found.append(("huge", [name], f"an entry of size {largest:.3g}, as in memory that nobody initialised"))
        elif part.sound and values.size >= 32:
            found += _strays(part, largest)
    return _grouped(found)


def _strays(part: _Part, largest: float) -> list[Problem]:
    """Look for entries far larger than the others, and for a mean that is not zero."""
    name, values = part.row.name, part.values
    sizes = np.abs(values[values != 0])
    usual = float(np.median(sizes)) if sizes.size else 0.0
    if usual and largest > OUTLIER * usual:
        count = int((sizes > OUTLIER * usual).sum())
        what = f"{count} of {values.size} entries are up to {largest / usual:.0f} times as large as the median"
        return [("huge", [name], f"{what}: a draw in half precision, or memory that nobody initialised")]
    mean, std = part.row.mean, part.row.std
    if std > 0 and abs(mean) / std > MEAN + ERRORS / sqrt(values.size):
        return [("mean", [name], f"its mean is {mean:.3g}, and its standard deviation {std:.3g}")]
    return []


def _ties(parts: list[_Part], slopes: Mapping[str, Array]) -> list[Problem]:
    """Look for weights that are constant, and for units of one layer that are equal."""
    found: list[Problem] = []
    for part in parts:
        name, value = part.row.name, float(part.values.flat[0])
        if part.values.size == 1 or (part.kind == "lookup" and re.search("pos|cls|token", name) and value == 0):
            continue
        if (part.values == value).all():
            if value == 0 and _learns(slopes.get(name)):
                continue  # the gradient tells its units apart: the last layer of a branch, or of a network
            tied = ", so its units are tied" if part.W.shape[1] > 1 else ""
            aside = "; right in the last layer of a branch or of the network, nowhere else" if value == 0 else ""
            found.append(("constant", [name], f"all its entries are {value:.3g}{tied}{aside}"))
        elif count := max(_tied(M) for M in part.W):
            units = "words" if part.kind == "lookup" else "units"
            found.append(("tied", [name], f"{count} of its {part.W.shape[1]} {units} equal another one"))
    return _grouped(found)


def _learns(slope: Array) -> bool:
    if slope is None:
        return False
    G = np.asarray(to_numpy(slope), dtype=float)
    return bool(np.isfinite(G).all() and (G != 0).any() and G.size > 1 and (G.flat[0] != G).any())


def _tied(M: np.ndarray) -> int:
    """Return how many rows equal another one, up to rounding, if chance does not explain it."""
    M = M[M.any(axis=1)]  # the identity, and sparse weights, may leave units that hear nothing
    n, n_in = M.shape if M.size else (0, 0)
    if n < 2:
        return 0
    # how likely two entries are equal: certain in few bits, never in 64
    some = M.flat[(np.arange(min(M.size, 20_000)) * 0.6180339887498949 % 1 * M.size).astype(int)]
    repeats = np.unique(some, return_counts=True)[1].astype(float)
    chance = float((repeats * (repeats - 1)).sum() / (len(some) * (len(some) - 1)))
    if n * n / 2 * chance**n_in > 1e-3 or n_in == 1:
        return _tied_scalars(M) if n_in == 1 else 0
    order = np.argsort(
        M @ np.cos(1.0 + np.arange(n_in) ** 2)
    )  # equal rows have equal projections, so they are neighbours
    sizes = np.abs(M).max(axis=1)[order]
    near = np.abs(np.diff(M[order], axis=0)).max(axis=1) <= 1e-6 * np.minimum(sizes[1:], sizes[:-1])
    return int(np.append(near, False).__or__(np.append(False, near)).sum())


def _tied_scalars(M: np.ndarray) -> int:
    """Of units with one weight each a few may be equal by chance: more than half are not."""
    values, repeats = np.unique(M, return_counts=True)
    count = int(repeats[repeats > 1].sum())
    return count if 2 * count > len(M) and len(values) < 3 else 0


def _twins(parts: list[_Part]) -> list[Problem]:
    """Look for parameters that are one draw: equal, or multiples of each other, entry by entry."""
    drawn = [part for part in parts if part.values.size >= 16 and part.row.std > 0 and not _is_plain(part)]
    found: list[Problem] = []
    for size in Counter(part.values.size for part in drawn):
        alike = [part for part in drawn if part.values.size == size]
        flat = [part.values.ravel() for part in alike]
        at = (np.arange(min(size, 64)) * 0.6180339887498949 % 1 * size).astype(int)
        prints = np.array([f[at] for f in flat])
        prints = prints / np.maximum(np.linalg.norm(prints, axis=1, keepdims=True), np.finfo(float).tiny)
        likeness = prints @ prints.T
        seen: set[int] = set()
        for i in range(len(alike)):
            if i in seen:
                continue
            same = [
                j for j in range(i + 1, len(alike)) if abs(likeness[i, j]) > 0.999 and _one_draw(alike[i], alike[j])
            ]
            seen.update(same)
            for exact, word in ((True, "equal"), (False, "a multiple, entry by entry,")):
                names = [alike[j].row.name for j in same if np.array_equal(flat[i], flat[j]) == exact]
                if names:
                    which = f"{word} of" if not exact else f"{word} to"
                    found.append(("equal", [alike[i].row.name, *names], f"{which} each other: one draw was used again"))
    return found


def _beginnings(parts: list[_Part]) -> list[Problem]:
    """Look for draws of one seed in several shapes: the smaller is then the beginning of the larger, but for its scale.

    JAX draws so for one key, PyTorch and NumPy for one seed; also all copies in a stack can be one draw.
    """
    drawn = [p for p in parts if p.kind == "matrix" and p.values.size >= 64 and p.row.std > 0 and not _is_plain(p)]
    found: list[Problem] = [
        (
            "equal",
            [p.row.name],
            f"its {p.row.shape[0]} slices along the first axis are equal: one draw was used for all",
        )
        for p in drawn
        if p.values.ndim == len(p.row.layout) > 2
        and p.row.shape[0] > 1
        and (p.values == p.values[:1]).all()
        and not any(_tied(M) for M in p.W)
    ]
    heads = np.array([p.values.flat[:64] for p in drawn]).reshape(-1, 64)
    heads = heads / np.maximum(np.linalg.norm(heads, axis=1, keepdims=True), np.finfo(float).tiny)
    near = np.abs(heads @ heads.T) > 0.999
    seen: set[int] = set()
    for i in range(len(drawn)):
        same = [
            j
            for j in range(i + 1, len(drawn))
            if near[i, j] and not {i, j} <= seen and drawn[i].values.size != drawn[j].values.size
        ]
        same = [j for j in same if _begins(drawn[i].values, drawn[j].values)]
        seen.update([i, *same])
        if same:
            what = "begin with the same numbers, but for a factor: one seed or key was used again"
            found.append(("equal", [drawn[i].row.name, *(drawn[j].row.name for j in same)], what))
    return found


def _begins(one: np.ndarray, other: np.ndarray) -> bool:
    """Say whether the smaller of two arrays is the beginning of the other, as they are stored, but for a factor."""
    size = min(one.size, other.size)
    u, v = one.ravel()[:size], other.ravel()[:size]
    return bool(abs(u @ v) > 0.999 * np.linalg.norm(u) * np.linalg.norm(v))


def _is_plain(part: _Part) -> bool:
    return part.row.scheme.startswith(("identity", "zeros", "ones", "constant"))


def _one_draw(one: _Part, other: _Part) -> bool:
    """Say whether two parameters are the same numbers and not the same memory, nor a head tied to its look-up."""
    head = {one.kind, other.kind} == {"lookup", "matrix"} and sorted(one.row.shape) == sorted(other.row.shape)
    if one.place == other.place or head:
        return False
    u, v = one.values.ravel(), other.values.ravel()
    return bool(abs(u @ v) > 0.999 * np.linalg.norm(u) * np.linalg.norm(v))


def _grouped(problems: list[Problem]) -> list[Problem]:
    """Say once what is alike in parameters whose names differ by a number only."""
    found: dict[tuple[str, str, str], Problem] = {}
    for kind, names, text in problems:
        key = kind, _pattern(names[0]), re.sub(r"[-\d.e+]+", "*", text)
        if key in found:
            found[key][1].extend(names)
        else:
            found[key] = (kind, list(names), text)
    return list(found.values())


def _line(kind: str, names: list[str], text: str) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more}: {text}; see {LINKS[kind]}"


def _cells(row: Row) -> tuple[str, ...]:
    def number(value: float | None) -> str:
        return "" if value is None else f"{value:.3g}"

    fans = "" if row.fan_in is None else f"{_size(row.fan_in)}, {_size(row.fan_out)}"
    shape = " x ".join(map(str, row.shape)) or "scalar"
    layout = f"{row.layout}{'?' if row.guessed else ''}"
    return row.name, shape, layout, fans, number(row.mean), number(row.std), number(row.n_var), row.scheme, row.dtype


def _size(fan: float | None) -> str:
    return "" if fan is None else str(fan) if isinstance(fan, int) else f"{fan:.4g}"


def _fans(parts: list[_Part]) -> list[Problem]:
    """Look for variances that are a known scheme's, of fans that are not those of the layer."""
    found: list[Problem] = []
    before = 0  # outputs of the last convolution
    for part in parts:
        row, tolerance = part.row, ERRORS * part.error + 0.01
        if part.values.size >= FEW and row.std > 0 and not _structure(part):
            right, wrong = _readings(part, before)
            as_read = [label for label, variance in wrong.items() if abs(row.std**2 / variance - 1) < tolerance]
            if as_read and all(abs(row.std**2 / variance - 1) > tolerance for variance in right):
                # of those that the sampling error does not tell apart, the first
                steps = [int(abs(row.std**2 / wrong[label] - 1) / (2 * part.error)) for label in as_read]
                found.append(("fan", [row.name], f"its variance is {as_read[steps.index(min(steps))]}"))
        before = prod(n for n, letter in _axes(row) if letter in "on") if "k" in row.layout else before
    return _grouped(found)


def _axes(row: Row) -> list[tuple[int, str]]:
    """Return size and letter of each axis that the layout names."""
    return list(zip(row.shape[len(row.shape) - len(row.layout) :], row.layout, strict=True))


def _readings(part: _Part, before: int) -> tuple[list[float], dict[str, float]]:
    """Return the variances of the known schemes by the layer's fans, and by others, each with what it says of them."""
    row, axes = part.row, _axes(part.row)
    a, b = _fans_of(row)
    sizes = [n for n, _ in axes]
    pytorch = sizes[1] * prod(sizes[2:]), sizes[0] * prod(sizes[2:])
    keras = sizes[-2] * prod(sizes[:-2]), sizes[-1] * prod(sizes[:-2])
    if part.kind == "lookup":
        text = f"a look-up has one active input, and its {sizes[0]} words are no fan"
        return [], {
            f"{label}; {text}": v for label, v in _schemes(sizes[0], sizes[1]).items() if "fan-out" not in label
        }
    inputs, outputs = (prod(n for n, letter in axes if letter == which) for which in "io")
    depthwise = row.guessed and "k" in row.layout and inputs == 1 < outputs == before
    special = part.settings.get("groups", 1) != 1 or part.settings.get("transposed") or "n" in row.layout
    if depthwise:
        b = b / outputs
    elif PACKED.search(row.name) and row.layout in ("oi", "io") and b == 3 * a:
        pytorch, b = (int(a), int(b)), a
        keras = pytorch
    elif not (special or row.layout.count("o") > 1 or row.layout.count("i") > 1):
        return [], {}
    text = f"one output hears {_size(a)} weights, one input feeds {_size(b)} outputs"
    if PACKED.search(row.name):
        text = f"packed queries, keys and values have fans of {_size(a)} and {_size(b)} each"
    wrong = {
        f"{label}; {text}": v for fans in (pytorch, keras) if fans != (a, b) for label, v in _schemes(*fans).items()
    }
    # a transposed kernel is stored the other way round, so its fan-out is what PyTorch takes for the fan-in
    forward = [v for label, v in _schemes(a, b).items() if not (part.settings.get("transposed") and "fan-out" in label)]
    return forward, wrong


def _schemes(a: float, b: float) -> dict[str, float]:
    of = f"of fans ({_size(a)}, {_size(b)})"
    return {
        f"Glorot's {of}": 2 / (a + b),
        f"LeCun's {of}": 1 / a,
        f"He's {of}": 2 / a,
        f"PyTorch's default {of}": 1 / (3 * a),
        f"He's by fan-out {of}": 2 / b,
        f"LeCun's by fan-out {of}": 1 / b,
    }


def _unscaled(parts: list[_Part]) -> list[Problem]:
    """Look for GPT-2's start without its second half: one std everywhere, also in what writes to the stream."""
    blocks: dict[str, list[_Part]] = {}
    for part in parts:
        if part.kind == "matrix" and part.row.std > 0 and re.search(r"(^|[/._])\d+([/._]|$)|_\d+/", part.row.name):
            blocks.setdefault(_pattern(part.row.name), []).append(part)
    blocks = {pattern: some for pattern, some in blocks.items() if len(some) > 1}
    writers = {pattern for pattern in blocks if _module(pattern) in WRITERS}
    readers = [part.row for pattern, some in blocks.items() if pattern not in writers for part in some]
    rows = [part.row for pattern in sorted(writers) for part in blocks[pattern]]
    if not rows or not readers:
        return []
    usual = float(np.median([row.std for row in readers]))
    drawn = [row for row in (*rows, *readers) if abs(row.std / usual - 1) < 0.1]
    inputs = [_fans_of(row)[0] for row in drawn]
    tables = [part.row for part in parts if part.kind == "lookup" and len(part.row.shape) == 2]
    words = [row for row in tables if abs(row.std / usual - 1) < 0.1]
    ours = words or any("c_proj" in row.name for row in rows)
    # one std for matrices of different fans is a rule of its own, and no framework's default
    if not ours or len(drawn) < len(rows) + len(readers) or max(inputs) < 2 * min(inputs):
        return []
    branches = len(rows)
    names = [part.row.name for pattern in sorted(writers) for part in blocks[pattern]]
    what = f"drawn with the std of all others, {usual:.2g}; GPT-2's start divides what writes to the stream"
    return [("stream", names, f"{what} by the root of its {branches} branches, {sqrt(branches):.3g}")]


def _module(name: str) -> str:
    """Return the name of the module that a parameter belongs to."""
    return (["", *_components(name)])[-2]


RULES: dict[str, Callable[[float, float], float]] = {
    "fan-in": lambda a, b: a,
    "fan-out": lambda a, b: b,
    "both fans": lambda a, b: (a + b) / 2,
    "the larger fan": max,
    "one std": lambda a, b: 1.0,
}


def _deviating(parts: list[_Part]) -> list[Problem]:
    """Look for a matrix that is drawn by no rule that the others follow."""
    words = {p.place for p in parts if p.kind == "lookup"}
    matrices = [p for p in parts if p.kind == "matrix" and p.values.size >= FEW and p.row.std > 0 and not _is_plain(p)]
    matrices = [p for p in matrices if p.place not in words]  # a head that is tied to its look-up is no second draw
    found, blocks = _unlike(matrices)
    # what writes to a stream of blocks has a smaller scale of its own
    matrices = [p for p in matrices if p.row.name not in blocks] or matrices
    logs = {
        rule: np.array([log(p.row.std) + log(divisor(*_fans_of(p.row))) / 2 for p in matrices])
        for rule, divisor in RULES.items()
    }
    inside = {rule: _cluster(scales) for rule, scales in logs.items()}
    count = max((int(which.sum()) for which in inside.values()), default=0)
    if count < 3 or count < 0.6 * len(matrices):
        return _grouped(found)
    best = min((rule for rule in logs if inside[rule].sum() == count), key=lambda rule: logs[rule][inside[rule]].std())
    gaps = logs[best] - np.median(logs[best][inside[best]])
    far = {i: float(gap) for i, gap in enumerate(gaps) if abs(gap) > log(DEVIATES)}
    for i, gap in far.items():
        if not _meant(matrices, i, far):
            what = f"its std is {np.exp(gap):.2g} times what {count} of {len(matrices)} matrices have by {best}"
            found.append(("deviates", [matrices[i].row.name], what))
    one = [p.row for p, which in zip(matrices, inside["one std"], strict=True) if which]
    if inside["one std"].sum() == count and all(row.scheme.startswith("std 0") for row in one):
        found += _words(parts, float(np.median([row.std for row in one])))
    return _grouped(found)


def _unlike(matrices: list[_Part]) -> tuple[list[Problem], set[str]]:
    """Look for a matrix that differs from those of its name in other blocks; return also what writes to the stream."""
    blocks: dict[tuple[str, tuple[int, ...]], list[Row]] = {}
    for part in matrices:
        blocks.setdefault((_pattern(part.row.name), part.row.shape), []).append(part.row)
    found: list[Problem] = []
    writers: set[str] = set()
    for (pattern, _), rows in blocks.items():
        if len(rows) < 3 or _module(pattern) not in WRITERS:
            continue
        writers |= {row.name for row in rows}
        usual = float(np.median([row.std for row in rows]))
        for row in rows:
            if abs(log(row.std / usual)) > log(DEVIATES):
                what = f"its std is {row.std / usual:.2g} times that of its likes in other blocks"
                found.append(("deviates", [row.name], what))
    return found, writers


def _cluster(scales: np.ndarray) -> np.ndarray:
    """Say which of the logarithms lie in the interval of length log(ALIKE) that holds most of them."""
    best = np.zeros(len(scales), bool)
    for low in scales:
        inside = (scales >= low) & (scales <= low + log(ALIKE))
        best = inside if inside.sum() > best.sum() else best
    return best


def _words(parts: list[_Part], std: float) -> list[Problem]:
    """Look for a look-up that has its framework's default where all matrices have one small std."""
    what = f"where the matrices have {std:.2g}, whatever their fans: was the start applied to it"
    large = [p.row for p in parts if p.kind == "lookup" and p.row.std > 10 * std and std < 0.05]
    return [("deviates", [row.name], f"its std is {row.std:.2g} {what}") for row in large]


def _meant(matrices: list[_Part], i: int, far: Mapping[int, float]) -> bool:
    """Say whether a deviation is a known kind of start."""
    row = matrices[i].row
    if i == 0:  # the first layer answers for the units of the data: LSUV's, or that of sine units
        siren = abs(3 * row.std**2 * (row.fan_in or 1) ** 2 - 1) < ERRORS * matrices[i].error + 0.02
        return siren or row.scheme.startswith("orthogonal")
    if far[i] > 0:
        return False
    following = matrices[i + 1].row.fan_in or 1 if i + 1 < len(matrices) else 0
    if not following or (_head(row.name) != _head(matrices[i + 1].row.name) and following % (row.fan_out or 1)):
        return True  # a last layer may start small, or at zero
    likes = [j for j in range(len(matrices)) if _pattern(matrices[j].row.name) == _pattern(row.name)]
    return len(likes) > 1 and all(j in far and abs(far[j] - far[i]) < log(ALIKE) for j in likes)  # the end of a branch


def _head(name: str) -> str:
    return _pattern(_components(name)[0])


def _gradients(slopes: Mapping[str, Array], parts: list[_Part], quiet: bool) -> list[Problem]:
    """Look for gradients that are not finite, missing, or of very different sizes."""
    matrices = {part.row.name: part for part in parts if part.kind == "matrix"}
    known = [name for name in slopes if name in matrices]
    require(known or not matrices, "report: grads must have the names of params", list(slopes)[:3])
    values = {name: np.asarray(to_numpy(G), dtype=float) for name, G in slopes.items()}
    norms = {name: float(np.linalg.norm(G.ravel())) for name, G in values.items()}
    lost = [name for name, G in values.items() if not np.isfinite(G).all()]
    found: list[Problem] = [("gradient", [name], "its gradient has NaN or infinity") for name in lost]
    dead = [name for name in known if norms[name] == 0 and not quiet]
    found += [("dead", [name], "its gradient is 0: it will not move") for name in dead]
    sizes = {name: size for name, size in norms.items() if 0 < size < np.inf}
    weights = [name for name in known if name in sizes]
    if weights:
        # the last bias has the gradient of the loss itself, whatever the signal
        low, high = min(weights, key=lambda name: sizes[name]), max(sizes, key=lambda name: sizes[name])
        if sizes[high] > GRADIENTS * sizes[low]:
            first = list(sizes).index(low) < list(sizes).index(high)
            what = "vanish" if first else "explode"
            gap = f"{sizes[low]:.1g} here and {sizes[high]:.1g} in {high}"
            found.append(("gradient", [low], f"gradients {what} on their way down: their norm is {gap}"))
    return _grouped(found)


def _signals(activations: Array, quiet: bool) -> list[Problem]:
    """Look for layers that are dead, saturated, or whose signal fades or grows on its way."""
    found: list[Problem] = []
    sizes: dict[str, float] = {}
    for name, A in _examples_first(activations):
        if not np.isfinite(A).all():
            found.append(("signal", [name], "its activations have NaN or infinity"))
            continue
        sizes[name] = _rms(A)
        if not (quiet and sizes[name] == 0):
            found += _silent(name, A)
        # what is exactly the same belongs to no example, such as a table of positions
        varies = sizes[name] > 0 and not (A[:1] == A).all()
        share = float(np.sqrt(A.var(axis=0).mean())) / sizes[name] if varies else 1.0
        if share < SAME and not any(kind == "alike" for kind, *_ in found):
            what = f"its activations are the same for all examples, but for {share:.1g} of their size"
            found.append(("alike", [name], what))
    names = [name for name, size in sizes.items() if size > 0]
    for one, other in pairwise(names):
        largest = max(sizes[name] for name in names[: names.index(other)])
        if sizes[other] < FADES * largest and other != names[-1]:
            what = f"its signal has vanished: rms {sizes[other]:.1g}, after {largest:.1g}"
        elif sizes[other] > GROWS * sizes[names[0]]:
            what = f"its signal has exploded: rms {sizes[other]:.1g}, after {sizes[names[0]]:.1g} in {names[0]}"
        else:
            continue
        found.append(("signal", [other], f"{what}, by {one} and what is below"))
        break  # what is above follows from it
    return _grouped(found)


def _rms(A: np.ndarray) -> float:
    largest = float(np.abs(A).max(initial=0))
    return largest * float(np.sqrt(np.mean((A / largest) ** 2))) if largest else 0.0


def _examples_first(activations: Array) -> Iterator[tuple[str, np.ndarray]]:
    """Yield activations as (examples, ..., units), in float64."""
    if hasattr(activations, "Z") and hasattr(activations, "A"):  # a Trace, with examples as columns
        for l, A in enumerate(activations.A):
            values = np.asarray(to_numpy(A), dtype=float)
            yield f"A[{l}]", np.moveaxis(values, -1, 0)
        return
    for name, array in _named("report", activations):
        values = np.asarray(to_numpy(array), dtype=float)
        if values.size and values.ndim > 1:
            pytorch = type(array).__module__.startswith("torch") and values.ndim > 3  # (examples, channels, y, x)
            yield name, np.moveaxis(values, 1, -1) if pytorch else values


def _silent(name: str, A: np.ndarray) -> list[Problem]:
    """Say whether a layer's units are dead, or most of them saturated."""
    units = A.reshape(-1, A.shape[-1])
    dead = float((units == 0).all(axis=0).mean())
    # in a deep sound network all examples are alike, and half of its ReLU units are off for all of them
    if dead > min(0.5 + ERRORS * 0.5 / sqrt(units.shape[1]), 0.999) and len(units) > 1:
        return [("dead", [name], f"{dead:.0%} of its units are 0 for all examples")]
    low, high = float(A.min()), float(A.max())
    shares = np.allclose(A.sum(axis=-1), 1, atol=1e-3)  # a softmax is none of the two
    tanh = -1.0001 < low < -0.5 and 0.5 < high < 1.0001
    sigmoid = 0 < low < 0.5 < high < 1.0001 and not shares
    if not (tanh or sigmoid):
        return []
    beyond = float((np.abs(A if tanh else 2 * A - 1) > 0.97).mean())
    if beyond < SATURATED:
        return []
    return [("saturated", [name], f"{beyond:.0%} of its activations are beyond 0.97, where the curve is flat")]


def _first_loss(loss: object, targets: Array) -> list[Problem]:
    """Compare the first loss with that of the best constant output."""
    value = to_numpy(loss)
    require(value.ndim == 0 and value.dtype.kind in "fiu", "report: loss must be a number", loss, TypeError)
    first = float(value)
    if not isfinite(first):
        return [("loss", ["loss"], f"the first loss is {first}")]
    if targets is None:
        return []
    honest, equal, what = _honest(targets)
    rare = honest * TIMES < equal
    if first <= honest + WORSE and not (rare and first > TIMES * honest):
        return []
    mend = "the last bias can start there"
    return [("loss", ["loss"], f"the first loss is {first:.4g}, and {honest:.4g} by the best constant{what}: {mend}")]


def _honest(targets: Array) -> tuple[float, float, str]:
    """Return the loss of the best constant output, that of equal shares, and what the first is."""
    Y = floats("report", "targets", to_numpy(targets))
    require(Y.size and np.isfinite(Y).all(), "report: targets must be finite, and not empty", targets)
    whole, classes = bool((np.round(Y) == Y).all() and Y.min() >= 0), ", the entropy of the classes"
    if whole and (Y.ndim == 1 or 1 in Y.shape[-2:]) and Y.max() < max(2, Y.size):
        p = np.bincount(Y.ravel().astype(int), minlength=2) / Y.size
        return _entropy(p), log(len(p)), classes
    if Y.ndim == 2 and Y.min() >= 0:
        for axis in (1, 0):  # rows, as frameworks have them, or columns
            if np.allclose(Y.sum(axis=axis), 1) and Y.shape[axis] > 1:
                return _entropy(Y.mean(axis=1 - axis)), log(Y.shape[axis]), classes
    if whole and Y.max() <= 1:  # independent outputs, in rows: their losses add up
        p = Y.reshape(len(Y), -1).mean(axis=0)
        return _entropy(p) + _entropy(1 - p), len(p) * log(2), ", the entropy of the outputs"
    # of numbers: squared error, without the half and summed over outputs, whichever axis they lie on
    spread = max(float(Y.reshape(len(Y), -1).var(axis=axis).sum()) for axis in (0, 1))
    return spread, np.inf, ", the mean"


def _entropy(p: np.ndarray) -> float:
    p = p[p > 0]
    return float(-(p * np.log(p)).sum())
