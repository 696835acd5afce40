r"""Gradient descent, for one network or an ensemble of them, to be read from top to bottom.

`step` is one step, and `by_hand` takes many: it is the loop, written out. `train` is what one calls: it asks first
whether its arguments fit, and has a faster loop do the same.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from itertools import chain
from typing import NamedTuple

import numpy as np

from shallownet import _fast
from shallownet._checks import (
    Array,
    chained,
    common,
    finite,
    generator,
    instance,
    is_integer,
    namespace,
    one_hot,
    require,
    whole,
)
from shallownet.activations import Activation, tanh
from shallownet.losses import Loss, binary_cross_entropy, softmax_cross_entropy
from shallownet.network import Layer, Trace, backward, forward, in_columns

__all__ = ["Job", "Run", "by_hand", "descend", "prepare", "step", "train"]

Parts = Sequence[tuple[Array, ...]]  # layers; with a `model`, what that is made of
Rate = float | np.ndarray
Record = Callable[..., Array]  # f(params, trace)
Passes = tuple[Callable[..., Trace], Callable[..., list[tuple[Array, ...]]]]


class Run(NamedTuple):
    """The trained parameters and what was recorded on the way."""

    params: list[Array]  # layers; with a `model`, what that is made of
    history: dict[str, np.ndarray]  # each array's first axis is the step, 0..steps


def step(
    params: Sequence[tuple[Array, Array]],
    X: Array,
    Y: Array,
    *,
    lr: Array,
    activation: Activation = tanh,
    loss: Loss = binary_cross_entropy,
) -> tuple[list[Layer], Array]:
    r"""Take one step of gradient descent, in the clear: what `train` does many times, faster.

    Arrays of NumPy, JAX or PyTorch give arrays of the same library. `jax.jit(partial(step, lr=0.5))` is one compiled
    step, and its gradient is the one written out in `backward`.

    Args:
        params: Layers `(W, b)`, with any leading ensemble axes.
        X: `(..., n_0, m)`, examples as columns.
        Y: `(..., n_L, m)`; for `softmax_cross_entropy` also integer labels.
        lr: Learning rate, a number or an array that broadcasts with every `W` and `b`.
        activation: Of the hidden layers.
        loss: On the logits.

    Returns:
        The moved layers, and the loss before the step, of the ensemble's shape `(...)`.

    Raises:
        ValueError: If shapes do not fit, or in NumPy an array is not finite or `lr` not positive.
        TypeError: If an argument is of the wrong kind.

    Examples:
        >>> import numpy as np
        >>> import shallownet as sn
        >>> from shallownet.training import step
        >>> rng = np.random.default_rng(0)
        >>> X, Y = sn.datasets.circles(200, rng)
        >>> params = sn.init_params([2, 8, 1], sn.initializers.glorot, rng)
        >>> run = sn.train(params, X, Y, steps=3, lr=0.5)
        >>> for t in range(3):
        ...     params, J = step(params, X, Y, lr=0.5)
        ...     assert abs(J - run.history["loss"][t]) < 1e-12
    """
    trace = forward(params, X, activation)
    _check_rate(lr, params)
    grads = backward(params, trace, loss.df(trace.A[-1], Y), activation)
    moved = [Layer(W - lr * dW, b - lr * db) for (W, b), (dW, db) in zip(params, grads, strict=True)]
    return moved, loss.f(trace.A[-1], Y)


# An optimizer turns a gradient G into a direction D, and P moves to P - lr * D. It is handed what it remembers of this
# parameter from the steps before, and returns it with the direction; t = 1, 2, ... counts the steps.


def _sgd(G: Array, nothing: Array, t: int) -> tuple[Array, Array]:
    return G, nothing


def _momentum(G: Array, V: Array, t: int, beta: float = 0.9) -> tuple[Array, Array]:
    # Polyak's heavy ball, as in PyTorch: V sums gradients, it does not average them
    V = beta * V + G
    return V, V


def _adam(
    G: Array, means: Array, t: int, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8
) -> tuple[Array, Array]:
    # Kingma & Ba (2015), algorithm 1: M and V are running means of G and of its square
    M, V = means
    M = beta1 * M + (1 - beta1) * G
    V = beta2 * V + (1 - beta2) * G * G
    # both began at 0, and are too small by these factors
    return (M / (1 - beta1**t)) / (np.sqrt(V / (1 - beta2**t)) + eps), (M, V)


# each with what it remembers at first
OPTIMIZERS: dict[str, tuple[Callable[..., tuple[Array, Array]], Array]] = {
    "sgd": (_sgd, None),
    "momentum": (_momentum, 0.0),
    "adam": (_adam, (0.0, 0.0)),
}


class Job(NamedTuple):
    """What `by_hand` and `descend` are to do: the arguments of `train`, as `prepare` left them.

    Arrays are NumPy's, of one dtype, and were found to fit; there is one rate for each layer. Of a model that answers
    each example `T` times, as one does that reads sequences, `Y` is `(..., n_L, T, m)`.
    """

    params: list[Array]
    X: np.ndarray
    Y: np.ndarray
    steps: int
    rates: list[Rate]
    activation: Activation
    loss: Loss
    optimizer: str
    batch_size: int | None
    rng: np.random.Generator | None
    record: Mapping[str, Record]
    progress: bool
    model: Passes | None

    def orders(self) -> Iterator[np.ndarray | None]:
        """Yield which examples each step is to see, None for all: `steps + 1` times, for the last is only measured."""
        ticks: Iterator[int] = iter(range(self.steps + 1))
        if self.progress:
            from tqdm import tqdm  # imported where it is used: the library itself needs NumPy alone

            ticks = chain(tqdm(range(self.steps), desc="train", unit="step"), [self.steps])
        if self.batch_size is None or self.rng is None:
            yield from (None for _ in ticks)
            return
        left = np.empty(0, int)
        for _ in ticks:
            if not len(left):
                left = self.rng.permutation(self.X.shape[-1])
            yield left[: self.batch_size]
            left = left[self.batch_size :]


def by_hand(job: Job) -> Run:
    """Descend by the loop that this book is about, with the passes of `network` and nothing hidden.

    Args:
        job: From `prepare`; its `params` have `W` of shape `(..., n_out, n_in)`, and are left as they were.

    Returns:
        `Run(params, history)`, as from `train`.

    Raises:
        ValueError: If a network diverges, which `forward` does not take; `descend` goes on, and keeps the history.

    Examples:
        >>> import numpy as np
        >>> import shallownet as sn
        >>> from shallownet.training import by_hand, prepare
        >>> rng = np.random.default_rng(0)
        >>> X, Y = sn.datasets.circles(200, rng)
        >>> params = sn.init_params([2, 8, 1], sn.initializers.glorot, rng)
        >>> clear = by_hand(prepare(params, X, Y, steps=30, lr=0.5))
        >>> quick = sn.train(params, X, Y, steps=30, lr=0.5)
        >>> bool(np.allclose(clear.history["loss"], quick.history["loss"], rtol=1e-12))
        True
    """
    ahead, back = job.model or (forward, backward)
    direction, at_first = OPTIMIZERS[job.optimizer]
    params = list(job.params)
    memory = [[at_first for _ in part] for part in params]
    history: dict[str, list[Array]] = {name: [] for name in ("loss", *job.record)}
    for t, order in enumerate(job.orders()):
        X, Y = (job.X, job.Y) if order is None else (job.X[..., order], job.Y[..., order])
        trace = ahead(params, X, activation=job.activation)
        Y = in_columns(Y, trace.A[-1].shape[-1])
        history["loss"].append(job.loss.f(trace.A[-1], Y))
        if job.record:
            shown = deepcopy((params, trace))  # they may keep what they get, or write to it
            for name, f in job.record.items():
                history[name].append(f(*shown))
        if t < job.steps:
            grads = back(params, trace, job.loss.df(trace.A[-1], Y), activation=job.activation)
            for l, grad in enumerate(grads):
                moved = []
                for i, (P, G) in enumerate(zip(params[l], grad, strict=True)):
                    D, memory[l][i] = direction(G, memory[l][i], t + 1)
                    moved.append(P - job.rates[l] * D)
                params[l] = type(params[l])(*moved)
    return Run(params, {name: _stacked(name, values) for name, values in history.items()})


def descend(job: Job) -> Run:
    """Do as `by_hand` does, sooner: the same numbers to twelve digits, and a network that diverges gives NaN.

    It does not warn of that, as `train` does: whoever trains many networks may want to say it once for all.

    Args:
        job: From `prepare`; its `params` have `W` of shape `(..., n_out, n_in)`, and are left as they were.

    Returns:
        `Run(params, history)`, as from `train`.
    """
    # an overflow is reported once, by name and step, and not by NumPy from inside a matmul
    with np.errstate(over="ignore", invalid="ignore"):
        params, losses, records = _fast.descend(
            job.params,
            job.X,
            job.Y,
            job.orders(),
            job.rates,
            steps=job.steps,
            activation=job.activation,
            loss=job.loss,
            optimizer=job.optimizer,
            record=job.record,
            model=job.model,
        )
        return Run(params, {"loss": losses, **{name: _stacked(name, values) for name, values in records.items()}})


def train(
    params: Parts,
    X: Array,
    Y: Array,
    *,
    steps: int,
    lr: Array,
    activation: Activation = tanh,
    loss: Loss = binary_cross_entropy,
    optimizer: str = "sgd",
    batch_size: int | None = None,
    rng: np.random.Generator | None = None,
    record: Mapping[str, Record] | None = None,
    progress: bool = False,
    model: Passes | None = None,
) -> Run:
    r"""Train by gradient descent, full batch or mini-batch; `params` is left as it was.

    Args:
        params: Layers `(W, b)` as from `init_params`, with any leading ensemble axes.
        X: `(..., n_0, m)`, examples as columns.
        Y: `(..., n_L, m)`, in the range that `loss` asks for; for `softmax_cross_entropy` also integer labels.
        steps: Number of updates, at least 0.
        lr: Learning rate, above 0; or an array with the ensemble's shape, one for each network; or a
            list of `L` of these, one a layer, as from `initializers.mup_rates`.
        activation: Of the hidden layers.
        loss: On the logits.
        optimizer: `"sgd"`, `"momentum"` (0.9) or `"adam"` (0.9, 0.999, 1e-8).
        batch_size: Examples a step, drawn without replacement until all had their turn;
            all of them if None. An ensemble's networks see the same batches.
        rng: Orders the batches; needed with `batch_size` only. Advanced in place.
        record: `{"name": f}` with `f(params, trace)` called at every step on that step's batch.
        progress: Show a bar (needs tqdm).
        model: `(forward, backward)`, called like `sn.forward` and `sn.backward`, for networks that are not
            stacks of layers, such as `residual.model()` or `transformer.model()`; `params` is then a list of named
            tuples of arrays. Both must let NaN through, or one network that diverges ends the run of all. Integers
            in `X` reach them as integers: tokens. If an example has `T` columns of logits, not one, those of all `m`
            examples are `(..., n_L, T * m)`, column `t * m + i` being answer `t` to example `i`; `Y` is then
            `(..., n_L, T, m)`, or integer labels `(..., T, m)`, and the loss is the mean over all columns.

    Returns:
        `Run(params, history)`: `history["loss"]` has shape `(steps + 1, ...)`; entry `k` is measured
        after `k` updates, on the batch that update `k + 1` would use.

    Raises:
        ValueError: If a shape, range, count or name does not fit.
        TypeError: If an argument is of the wrong kind.

    Warns:
        RuntimeWarning: If the loss stops being finite, naming the first such step. The history is
            kept: it shows where it went wrong.

    Examples:
        >>> import numpy as np
        >>> import shallownet as sn
        >>> rng = np.random.default_rng(0)
        >>> X, Y = sn.datasets.circles(200, rng)
        >>> params = sn.init_params([2, 8, 1], sn.initializers.glorot, rng)
        >>> params, history = sn.train(params, X, Y, steps=300, lr=0.5, optimizer="momentum")
        >>> history["loss"].shape, bool(history["loss"][-1] < 0.1)
        ((301,), True)
    """
    job = prepare(
        params,
        X,
        Y,
        steps=steps,
        lr=lr,
        activation=activation,
        loss=loss,
        optimizer=optimizer,
        batch_size=batch_size,
        rng=rng,
        record=record,
        progress=progress,
        model=model,
    )
    run = descend(job)
    _warn_of(run.history["loss"])
    return run


def prepare(
    params: Parts,
    X: Array,
    Y: Array,
    *,
    steps: int,
    lr: Array,
    activation: Activation = tanh,
    loss: Loss = binary_cross_entropy,
    optimizer: str = "sgd",
    batch_size: int | None = None,
    rng: np.random.Generator | None = None,
    record: Mapping[str, Record] | None = None,
    progress: bool = False,
    model: Passes | None = None,
) -> Job:
    """Ask whether the arguments of `train` fit each other, and return them as one thing.

    Args:
        params: As for `train`, `W` of shape `(..., n_out, n_in)`, and so all others.
        X: As for `train`.
        Y: As for `train`.
        steps: As for `train`.
        lr: As for `train`.
        activation: As for `train`.
        loss: As for `train`.
        optimizer: As for `train`.
        batch_size: As for `train`.
        rng: As for `train`.
        record: As for `train`.
        progress: As for `train`.
        model: As for `train`.

    Raises:
        ValueError: If a shape, range, count or name does not fit.
        TypeError: If an argument is of the wrong kind.
    """
    record = {} if record is None else record
    _check_settings(steps, loss, optimizer, record, rng, model)
    instance("train", "activation", activation, Activation)
    if model is None:
        pairs, X = chained("train", params, X)
        dtype = np.result_type(*(array.dtype for pair in pairs for array in pair))
        parts: list[Array] = [Layer(W.astype(dtype, copy=False), b.astype(dtype, copy=False)) for W, b in pairs]
        X = X.astype(dtype, copy=False)
    else:
        parts, X = _named_parts(params), _data(X)
    ahead = forward if model is None else model[0]
    with np.errstate(over="ignore", invalid="ignore"):
        logits = ahead(parts, X[..., :1], activation=activation).A[-1]
        Y, losses = _targets(logits, X.shape[-1], Y, loss)
    rates = _rates(lr, parts, losses)
    fits = batch_size is None or (is_integer(batch_size, 1) and batch_size <= X.shape[-1])
    require(fits, f"train: batch_size must be an integer in 1..{X.shape[-1]}", batch_size)
    require(batch_size is None or rng, "train: batch_size needs rng, a numpy Generator", rng, TypeError)
    return Job(parts, X, Y, steps, rates, activation, loss, optimizer, batch_size, rng, record, progress, model)


def _check_settings(steps: object, loss: object, optimizer: object, record: object, rng: object, model: object) -> None:
    require(is_integer(steps), "train: steps must be an integer of at least 0", steps)
    require(optimizer in list(OPTIMIZERS), f"train: optimizer must be one of {', '.join(OPTIMIZERS)}", optimizer)
    instance("train", "loss", loss, Loss)
    functions = isinstance(record, Mapping) and all(map(callable, record.values()))
    require(functions, "train: record must map names to functions", record, TypeError)
    named = isinstance(record, Mapping) and "loss" not in record
    require(named, "train: record must not be named 'loss', which is always there", "loss")
    if rng is not None:
        generator("train", rng)
    fits = model is None or (isinstance(model, tuple | list) and len(model) == 2 and all(map(callable, model)))
    require(fits, "train: model must be two functions (forward, backward)", model, TypeError)


def _named_parts(params: Parts) -> list[Array]:
    """Return a model's parameters as named tuples of finite arrays; what shapes they need, the model knows."""
    fits = isinstance(params, list | tuple) and all(hasattr(part, "_make") for part in params)
    require(fits, "train: params must be a list of named tuples of arrays", params, TypeError)
    found = []
    for l, part in enumerate(params, start=1):
        names: tuple[str, ...] = getattr(part, "_fields", ())
        arrays = (finite("train", f"{name}[{l}]", array) for name, array in zip(names, part, strict=True))
        found.append(type(part)(*arrays))
    return found


def _data(X: Array) -> np.ndarray:
    """Return a model's examples: integers as they are, for they may be tokens, and other numbers as floats."""
    X = X if namespace(X) is not np else np.asarray(X)
    fits = X.ndim >= 2 and X.shape[-1] >= 1
    require(fits, "train: X must be (..., n_0, m) with m >= 1", X.shape)
    return np.asarray(X if whole(X) else finite("train", "X", X))


def _targets(logits: np.ndarray, m: int, Y: Array, loss: Loss) -> tuple[np.ndarray, np.ndarray]:
    """Return the targets of `m` examples in the dtype of one's logits, and zeros of the shape of their losses."""
    *lead, n, T = logits.shape
    Y = np.asarray(Y)
    labels = loss is softmax_cross_entropy and (whole(Y) if T > 1 else Y.shape[-2:] != (n, m))
    if T > 1:
        fits = Y.ndim >= 2 and Y.shape[-2:] == (T, m) and (labels or (Y.ndim > 2 and Y.shape[-3] == n))
        if not fits:
            expected = (
                f"(..., {n}, {T}, {m}), as an example has {T} columns of logits, or integer labels (..., {T}, {m})"
            )
            raise ValueError(f"train: Y must be {expected}, got {Y.dtype} of shape {Y.shape}")
        Y = Y.reshape(*Y.shape[:-2], *[1] * labels, T * m)
    # what fits logits of this shape fits those of every step
    losses = loss.f(np.broadcast_to(np.zeros_like(logits[..., :1]), (*lead, n, T * m)), Y)
    Y = (one_hot("train", Y, n) if labels else Y).astype(logits.dtype, copy=False)
    return Y.reshape(*Y.shape[:-1], T, m) if T > 1 else Y, losses


def _rates(lr: Array, parts: list[Array], losses: Array) -> list[Rate]:
    """Return a learning rate for each layer."""
    given = lr if isinstance(lr, list) else [lr] * len(parts)
    fits = len(given) == len(parts)
    require(fits, f"train: lr as a list must hold one rate for each of the {len(parts)} layers", lr)
    return [_rate(each, parts, losses) for each in given]


def _rate(lr: Array, parts: list[Array], losses: Array) -> Rate:
    """Return a layer's learning rate as a factor of W and of b: with two more axes if there is one a network."""
    rate = np.asarray(lr)
    # not only the losses' shape: an update must not stretch a layer that the ensemble shares
    shapes = (losses.shape, *(array.shape[:-2] for part in parts for array in part))
    fits = _is_positive(rate) and all(common(rate.shape, shape) == shape for shape in shapes)
    require(fits, f"train: lr must be positive, a number or of the ensemble's shape {losses.shape}", lr)
    return rate[..., None, None].astype(losses.dtype) if rate.ndim else float(rate)


def _is_positive(rate: np.ndarray) -> bool:
    return rate.dtype.kind in "fiu" and bool(np.isfinite(rate).all() and (rate > 0).all())


def _check_rate(lr: Array, params: Parts) -> None:
    """Require of a rate in NumPy that it is positive and stretches no parameter."""
    if namespace(lr) is not np:  # under `jax.jit` there are no values yet to look at
        return
    shapes = [np.shape(array) for part in params for array in part]
    fits = _is_positive(np.asarray(lr)) and all(common(np.shape(lr), shape) == shape for shape in shapes)
    require(fits, "step: lr must be positive, and broadcast with every W and b", lr)


def _stacked(name: str, values: list[Array]) -> np.ndarray:
    shapes = list(dict.fromkeys(map(np.shape, values)))
    require(len(shapes) == 1, f"train: record {name!r} must return one shape at every step", shapes[:2])
    return np.stack(values)


def _warn_of(losses: np.ndarray) -> None:
    lost = ~np.isfinite(losses)
    if not lost.any():
        return
    step = int(lost.reshape(len(lost), -1).any(axis=1).argmax())
    count, total = int(lost[step].sum()), int(lost[step].size)
    which = f" in {count} of {total} networks" if total > 1 else ""
    what = f"train: the loss stopped being finite at step {step}{which}; the history is kept"
    warnings.warn(f"{what}; a smaller lr or smaller weights may help", RuntimeWarning, stacklevel=3)
