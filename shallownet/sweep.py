r"""A grid of settings, one trained network for each of its cells, run as a few large ensembles.

You write one function that sets up *one* network, and name the values to try. `sweep` finds out which cells can
share an ensemble, cuts ensembles into chunks that stay in the processor's cache, and trains these one after another
or on the workers of an executor.

Examples:
    How do start, size and depth decide whether a small net learns? Fifty networks for each combination would be
    `"seed": range(50)`; three are enough to show the idea.

    >>> from functools import partial
    >>> import numpy as np
    >>> import shallownet as sn
    >>> X, Y = sn.datasets.xor(100, np.random.default_rng(0))
    >>> def make(rng, initializer, std, depth, width, activation):
    ...     sizes = [2, *[width] * depth, 1]
    ...     params = sn.init_params(sizes, partial(initializer, std=std), rng)
    ...     return {"params": params, "X": X, "Y": Y, "steps": 100, "lr": 0.5, "activation": activation}
    >>> grid = {
    ...     "initializer": [sn.initializers.normal, sn.initializers.truncated_normal],
    ...     "std": [0.01, 1.0],
    ...     "depth": [1, 2],
    ...     "width": [4, 8],
    ...     "activation": [sn.activations.tanh, sn.activations.relu],
    ...     "seed": range(3),
    ... }
    >>> results = sn.sweep.sweep(make, grid)
    >>> results["loss"].shape
    (2, 2, 2, 2, 2, 3)
    >>> results.axes["initializer"].tolist(), results.axes["std"].tolist()
    (['normal', 'truncated_normal'], [0.01, 1.0])
    >>> typical = np.median(results.at(activation="tanh", depth=2)["loss"], axis=(0, 2, 3))  # one for each std
    >>> bool(typical[0] > 0.69 > 0.5 > typical[1])  # 0.69 = log 2: it has learned nothing
    True
"""

import os
import time
import warnings
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, as_completed
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from numbers import Real

import numpy as np

from shallownet._checks import Array, is_integer, require, shown
from shallownet.network import Layer
from shallownet.training import Record, descend, prepare

__all__ = ["Results", "sweep"]

# What a chunk of networks computes on in one step should stay in the caches. Measured: 0.5 to 4 MB are alike on one
# thread; two threads wait less for each other, the fewer calls they make.
CACHE = 2**21
NEEDED, OPTIONAL = {"params", "X", "Y", "steps", "lr"}, {"activation", "loss", "optimizer", "batch_size", "model"}

Path = str | os.PathLike[str]
Make = Callable[..., Mapping[str, Array]]  # from a cell to the arguments of `train`, arrays and settings
Cell = tuple[tuple[int, ...], dict[str, object]]  # the spawn key of its generator, and what `make` is called with
Chunk = tuple[np.ndarray, bool]  # which cells, and whether all in their group have the same data
Train = Callable[[list[Cell], bool], dict[str, np.ndarray]]


class Results(dict[str, np.ndarray]):
    """Arrays by name, with one axis for each key of the grid; `axes[key]` are the labels along it, in order."""

    def __init__(self, arrays: Mapping[str, np.ndarray], axes: Mapping[str, np.ndarray]) -> None:
        super().__init__(arrays)
        self.axes = dict(axes)

    def at(self, **labels: object) -> "Results":
        """Return the cells with these labels, without the axes that they fix: `results.at(std=0.1, depth=2)`."""
        place: dict[str, slice | np.intp] = {name: slice(None) for name in self.axes}
        for name, label in labels.items():
            found = np.flatnonzero(self.axes[name] == _label(label)) if name in self.axes else np.empty(0)
            known = {key: values.tolist() for key, values in self.axes.items()}
            require(len(found) == 1, f"at: {name} must be one of the labels {shown(known)}", label)
            place[name] = found[0]
        left = {name: values for name, values in self.axes.items() if name not in labels}
        return Results({name: array[tuple(place.values())] for name, array in self.items()}, left)

    def to_dict(self) -> dict[str, list[object]]:
        """Return columns of equal length, a row for each cell: labels first, in plain Python numbers and strings.

        Two lines make it a table of pandas:

            import pandas as pd
            table = pd.DataFrame(results.to_dict())
        """
        rows = list(product(*(labels.tolist() for labels in self.axes.values())))
        columns = dict(zip(self.axes, map(list, zip(*rows, strict=True)), strict=True))
        ends = {name: array.shape[len(self.axes) :] for name, array in self.items()}
        return columns | {name: array.reshape(-1, *ends[name]).tolist() for name, array in self.items()}

    def save(self, path: Path) -> None:
        """Write everything to one `.npz` file, which `load` reads back."""
        count = len(next(iter(self.values())).ravel())
        _write(path, self.axes, self, np.ones(count, bool))

    @classmethod
    def load(cls, path: Path) -> "Results":
        """Read what `save` wrote, or the `file` of a sweep that came to its end."""
        axes, arrays, done = _read("load", path)
        require(done.all(), f"load: {path} must be of a finished sweep", f"{done.sum()} of {done.size} cells")
        return cls(arrays, axes)


def sweep(
    make: Make,
    grid: Mapping[str, Iterable[object]],
    *,
    record: Mapping[str, Record] | None = None,
    keep: Sequence[int] | None = None,
    file: Path | None = None,
    chunk: int | None = None,
    executor: Executor | None = None,
    progress: bool = False,
) -> Results:
    r"""Train one network for each cell of a grid.

    Args:
        make: Called as `make(rng=rng, **cell)`, with one value for each key of the grid but `seed`. Returns what
            `sn.train` is to be called with, for one network, `W` of shape `(n_out, n_in)`: `params`, `X`, `Y`,
            `steps`, `lr`, and where wanted `activation`, `loss`, `optimizer`, `batch_size`, `model`. Cells share an
            ensemble if shapes and settings are equal, so make data and `model` once, outside. It is called twice a
            cell, to plan and to train, and should depend on its arguments alone.
        grid: Keys and their values. Numbers and strings are their own labels, functions and activations are labelled
            by name; for anything else, `{label: value}`. The key `seed` takes integers: `make` is not told them,
            they decide `rng`, together with the cell's place on the other axes.
        record: `{"name": f}` as for `sn.train`; `f` sees an ensemble, one network a row of the first axis.
        keep: Steps to keep of every history, as an axis `step` after the grid's; by default the last one, without
            such an axis.
        file: Kept up to date while the sweep runs. If it exists already, only what it lacks is run.
        chunk: Networks trained at a time; by default as many as the caches hold. Changes nothing else.
        executor: Any `concurrent.futures.Executor`, such as a pool of threads or of processes, or a Dask cluster's
            `client.get_executor()`; by default all runs here. For processes, `make` must be importable there. Have
            BLAS use one thread (`OPENBLAS_NUM_THREADS=1`), or the workers get in each other's way.
        progress: Show a bar (needs tqdm).

    Returns:
        `Results`: `results["loss"]` of shape `(len(grid[key]) for each key)`, then the steps if `keep`, and
        one array for each name in `record`, with that record's own axes at the end.

    Raises:
        ValueError: If the grid, a label, the file or what `make` returns does not fit.
        TypeError: If an argument is of the wrong kind.

    Warns:
        RuntimeWarning: If networks end with a loss that is not finite, once, with their number.
    """
    record = {} if record is None else record
    axes, cells = _checked(make, grid, record, keep, chunk)
    shape = tuple(len(labels) for labels in axes.values())[: len(grid)]
    table, done = _resumed(file, axes, record, len(cells))
    tick = _ticker(progress, done)
    chunks = list(_chunks(make, cells, done, chunk, executor))
    saved = cost = 0.0
    try:
        for places, arrays in _finished(partial(_trained, make, record, keep), cells, chunks, executor):
            _fill(table, np.unravel_index(places, shape), arrays, shape)
            done[places] = True
            tick(len(places))
            # after every chunk, unless writing a large file would take more than a twentieth of the time
            if file is not None and (start := time.perf_counter()) - saved > 20 * cost:
                _write(file, axes, table, done)
                saved = time.perf_counter()
                cost = saved - start
    finally:  # interrupted or not: only what is under way is lost
        if file is not None:
            _write(file, axes, table, done)
    if lost := np.count_nonzero(~np.isfinite(table["loss"] if keep is None else table["loss"][..., -1])):
        message = f"sweep: {lost} of {len(cells)} networks end with a loss that is not finite; smaller lr may help"
        warnings.warn(message, RuntimeWarning, stacklevel=2)
    return Results(table, axes)


def _ticker(progress: bool, done: np.ndarray) -> Callable[[int], None]:
    if not progress:
        return lambda count: None
    from tqdm import tqdm  # imported where it is used: the library itself needs NumPy alone

    bar = tqdm(total=done.size, initial=int(done.sum()), desc="sweep", unit="network")

    def tick(count: int) -> None:
        bar.update(count)
        if bar.n >= bar.total:
            bar.close()

    return tick


def _label(value: object) -> object:
    return value if isinstance(value, str | Real) else getattr(value, "name", getattr(value, "__name__", None))


def _checked(
    make: Make,
    grid: Mapping[str, Iterable[object]],
    record: Mapping[str, Record],
    keep: Sequence[int] | None,
    chunk: int | None,
) -> tuple[dict[str, np.ndarray], list[Cell]]:
    """Return the labels along each axis of the results, and all cells, the last axis running fastest."""
    require(callable(make), "sweep: make must be a function", make, TypeError)
    require(isinstance(grid, Mapping) and grid, "sweep: grid must map names to their values", grid, TypeError)
    require(isinstance(record, Mapping), "sweep: record must map names to functions", record, TypeError)
    require(chunk is None or is_integer(chunk, 1), "sweep: chunk must be a positive integer", chunk)
    fits = keep is None or (np.ndim(keep) == 1 and len(keep) > 0 and all(is_integer(k) for k in keep))
    require(fits, "sweep: keep must be a list of steps", keep)
    axes, choices, keys = {}, [], []
    for name, given in grid.items():
        own = isinstance(name, str) and name not in ("rng", "step", "loss", *record)
        require(own, "sweep: grid must have keys other than rng, step, loss and the records", name)
        listed = np.iterable(given) and not isinstance(given, str)
        require(listed, f"sweep: {name} must be a list of values", given, TypeError)
        values = list(given.values() if isinstance(given, Mapping) else given)
        labels = list(given) if isinstance(given, Mapping) else [_label(value) for value in values]
        plain = all(isinstance(label, str | Real) for label in labels)
        require(plain, f"sweep: {name} must be numbers, strings, functions or {{label: value}}", given, TypeError)
        distinct = 0 < len(labels) == len(set(labels))
        require(distinct, f"sweep: {name} must have values, each with a label of its own", labels)
        counted = name != "seed" or all(is_integer(value) for value in values)
        require(counted, "sweep: seed must be integers of at least 0", given)
        axes[name] = np.array(labels)
        choices.append(values)
        keys.append(values if name == "seed" else range(len(values)))
    cells = [{n: v for n, v in zip(grid, cell, strict=True) if n != "seed"} for cell in product(*choices)]
    if keep is not None:
        axes["step"] = np.array(keep)
    return axes, list(zip(product(*keys), cells, strict=True))


def _made(make: Make, cell: Cell) -> dict[str, Array]:
    """Return what `make` makes of a cell: one network and its settings."""
    # The child of a child ... of one root, as if by `SeedSequence(0).spawn`, axis by axis: no two cells share their
    # draws, and a cell keeps its own when values are appended to the grid.
    made = make(rng=np.random.default_rng(np.random.SeedSequence(0, spawn_key=cell[0])), **cell[1])
    names = set(made) if isinstance(made, Mapping) else set()
    fits = NEEDED <= names <= NEEDED | OPTIONAL
    require(fits, "sweep: make must return a dict of params, X, Y, steps, lr and options", made, TypeError)
    params = [part if hasattr(part, "_make") else Layer(*part) for part in made["params"]]
    shapes = [np.shape(array) for part in params for array in part]
    require(all(len(shape) == 2 for shape in shapes), "sweep: make must return one network, of matrices", shapes)
    return {**made, "params": params}


@dataclass
class _Group:
    """Cells that can share an ensemble: their places, and whether all have the data of the first."""

    X: Array
    Y: Array
    work: int  # the bytes that one step of one network works on
    places: list[int] = field(default_factory=list)
    shared: bool = True


def _chunks(
    make: Make, cells: list[Cell], done: np.ndarray, chunk: int | None, executor: Executor | None
) -> Iterator[Chunk]:
    """Yield which cells to train together, and whether all of their group have the same data."""
    groups: dict[tuple[object, ...], _Group] = {}
    for place, cell in enumerate(cells):
        made = _made(make, cell)
        arrays = [np.asarray(array) for part in made["params"] for array in part]
        X, Y, lr = (made.pop(name) for name in ("X", "Y", "lr"))
        del made["params"]
        alike = [(a.shape, a.dtype) for a in arrays], np.shape(X), np.shape(Y), len(lr) if isinstance(lr, list) else 0
        key = (*map(str, alike), *sorted(made.items()))
        m = made.get("batch_size") or np.shape(X)[-1]
        # what one step of one network works on: parameters, and for each of them what it adds up for each example
        work = sum(a.nbytes + a.shape[-2] * m * a.itemsize for a in arrays)
        group = groups.setdefault(key, _Group(X, Y, work))
        group.places.append(place)
        group.shared &= X is group.X and Y is group.Y
    for group in groups.values():
        places = np.array([place for place in group.places if not done[place]], int)
        size = chunk or max(1, CACHE // group.work)
        if executor is not None and chunk is None:
            size = min(size, -(-len(places) // 8))  # a small ensemble, too, should keep several workers busy
        for start in range(0, len(places), size):
            yield places[start : start + size], group.shared


def _trained(
    make: Make, record: Mapping[str, Record], keep: Sequence[int] | None, cells: list[Cell], shared: bool
) -> dict[str, np.ndarray]:
    """Train these cells as one ensemble; return what is kept of their histories, a network a row."""
    all_made = [_made(make, cell) for cell in cells]
    settings = all_made[0]
    rates = [made["lr"] for made in all_made]
    parts = zip(*(made["params"] for made in all_made), strict=True)
    lr = [np.array(rate) for rate in zip(*rates, strict=True)] if isinstance(rates[0], list) else np.array(rates)
    params = [part[0]._make(np.stack(arrays) for arrays in zip(*part, strict=True)) for part in parts]
    # in one layout, whichever a process had them in: it decides the order of sums, and so the last digits
    pair = {name: [made[name] for made in all_made] for name in ("X", "Y")}
    data = {name: np.ascontiguousarray(each[0]) if shared else np.stack(each) for name, each in pair.items()}
    batches = np.random.default_rng(np.random.SeedSequence(0))  # the same for all networks, whatever their chunk
    job = prepare(**settings | data | {"params": params, "lr": lr, "rng": batches, "record": record})
    history = descend(job).history
    for name, values in history.items():
        fits = values.shape[1:2] == (len(cells),) and values.dtype.kind in "fiub"
        require(fits, f"sweep: record {name!r} must return numbers, {len(cells)} rows for as many networks", values)
    if keep is None:
        return {name: values[-1] for name, values in history.items()}
    require(max(keep) <= settings["steps"], f"sweep: keep must be steps of at most {settings['steps']}", keep)
    return {name: np.moveaxis(values[list(keep)], 0, 1) for name, values in history.items()}


def _finished(
    train: Train, cells: list[Cell], chunks: list[Chunk], executor: Executor | None
) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
    """Yield each chunk's places and arrays as they come."""
    if executor is None:
        for places, shared in chunks:
            yield places, train([cells[place] for place in places], shared)
        return
    futures = {executor.submit(train, [cells[i] for i in places], shared): places for places, shared in chunks}
    try:
        for future in as_completed(list(futures)):
            yield futures.pop(future), future.result()
    finally:  # after an error: what has not begun need not
        for future in futures:
            future.cancel()


def _fill(
    table: dict[str, np.ndarray],
    places: tuple[np.ndarray, ...],
    arrays: dict[str, np.ndarray],
    shape: tuple[int, ...],
) -> None:
    for name, array in arrays.items():
        whole = table.get(name, np.zeros((*shape, *array.shape[1:]), array.dtype))
        shapes = whole.shape[len(shape) :], array.shape[1:]
        require(shapes[0] == shapes[1], f"sweep: record {name!r} must have one shape in all networks", shapes)
        table[name] = whole.astype(np.result_type(whole, array), copy=False)
        table[name][places] = array


def _write(path: Path, axes: Mapping[str, np.ndarray], arrays: Mapping[str, np.ndarray], done: np.ndarray) -> None:
    named: dict[str, Array] = {f"axis {name}": labels for name, labels in axes.items()}
    named |= {f"array {name}": array for name, array in arrays.items()} | {"done": done}
    unfinished = f"{os.fspath(path)}.new"
    with open(unfinished, "wb") as stream:
        np.savez(stream, **named)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(unfinished, path)  # whole or not at all: there is never half a file under this name


def _read(function: str, path: Path) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as stored:
            found = {name: stored[name] for name in stored.files}
        done = found.pop("done")
    except (AttributeError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile):
        raise ValueError(f"{function}: file must be one that a sweep has written, got {path}") from None
    axes, arrays = ({n.partition(" ")[2]: a for n, a in found.items() if n.startswith(k)} for k in ("axis ", "array "))
    return axes, arrays, done


def _resumed(
    file: Path | None, axes: dict[str, np.ndarray], record: Mapping[str, Record], count: int
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return the table and which of its rows are known already."""
    if file is None or not os.path.exists(file):
        return {}, np.zeros(count, bool)
    found, table, done = _read("sweep", file)
    same = list(found) == list(axes) and all(np.array_equal(found[name], axes[name]) for name in axes)
    same = same and (not table or set(table) == {"loss", *record})
    require(same, "sweep: file must be of the same grid, record and keep, or new", os.fspath(file))
    return table, done
