r"""Gradient descent: one loop for one network or an ensemble of them."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from functools import partial
from itertools import chain
from math import prod
from typing import Any, NamedTuple

import numpy as np

from shallownet.activations import Activation, _common, relu, sigmoid, tanh
from shallownet.losses import Loss, binary_cross_entropy, softmax_cross_entropy
from shallownet.network import Layer, Trace, _check_activation, _checked, _numbers, _require, _sum_to, backward, forward

__all__ = ["Run", "step", "train"]

Record = Callable[[list[Any], Trace], Any]
Passes = tuple[Callable[..., Trace], Callable[..., list[Any]]]


class Run(NamedTuple):
    """The trained parameters and what was recorded on the way."""

    params: list[Any]  # layers; with a `model`, what that is made of
    history: dict[str, np.ndarray]  # each array's first axis is the step, 0..steps


def step(
    params: Sequence[tuple[Any, Any]],
    X: Any,
    Y: Any,
    *,
    lr: Any,
    activation: Activation = tanh,
    loss: Loss = binary_cross_entropy,
) -> tuple[list[Layer], Any]:
    r"""Take one step of gradient descent, in the clear: what `train` does many times, faster.

    Arrays of NumPy, JAX or PyTorch give arrays of the same library. `jax.jit(partial(step, lr=0.5))` is one compiled
    step, and its gradient is the one written out in `backward`.

    Args:
        params: Layers `(W, b)`, with any leading ensemble axes.
        X: `(..., n_0, m)`, examples as columns.
        Y: `(..., n_L, m)`.
        lr: Learning rate, a number or an array that broadcasts with every `W` and `b`.
        activation: Of the hidden layers.
        loss: On the logits.

    Returns:
        The moved layers, and the loss before the step, of the ensemble's shape `(...)`.

    Raises:
        ValueError: If shapes do not fit, or an array of NumPy is not finite.
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
    grads = backward(params, trace, loss.df(trace.A[-1], Y), activation)
    moved = [Layer(W - lr * dW, b - lr * db) for (W, b), (dW, db) in zip(params, grads, strict=True)]
    return moved, loss.f(trace.A[-1], Y)


# An optimizer turns a gradient G into a direction D, P <- P - lr * D, for all parameters P in one vector. It keeps
# its state in the rows of `state`, zeros at first, and may write over G; t = 1, 2, ... counts the steps.


def _momentum(G: np.ndarray, state: np.ndarray, t: int, beta: float = 0.9) -> Any:
    # Polyak's heavy ball, as in PyTorch: V sums gradients, it does not average them
    V = state[0]
    V *= beta
    V += G
    return V


def _adam(G: np.ndarray, state: np.ndarray, t: int, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8) -> Any:
    # Kingma & Ba (2015), algorithm 1: M and V are running means of G and of its square
    M, V, S = state
    M *= beta1
    M += np.multiply(1 - beta1, G, out=S)
    V *= beta2
    np.multiply(1 - beta2, G, out=S)
    V += np.multiply(S, G, out=S)
    np.sqrt(np.divide(V, 1 - beta2**t, out=S), out=S)
    S += eps
    np.divide(M, 1 - beta1**t, out=G)
    return np.divide(G, S, out=G)


# each with the rows of its state
_OPTIMIZERS: dict[str, Any] = {"sgd": (lambda G, state, t: G, 0), "momentum": (_momentum, 1), "adam": (_adam, 3)}
BLOCK = 2**15  # parameters that are updated at a time: with their state they stay in a core's cache


# The activation into an array, and over A = g(Z) the slope at Z, without a second exponential. `activation.df` is
# exact in the far tails too, where these round to 0; the difference is below 1e-15.
_IN_PLACE: dict[Activation, tuple[Any, Any]] = {
    tanh: (np.tanh, lambda A: np.subtract(1, np.multiply(A, A, out=A), out=A)),
    sigmoid: (lambda Z, out: np.copyto(out, sigmoid.f(Z)), lambda A: np.multiply(1 - A, A, out=A)),
    # with a row of zeros it takes half the time that it takes with the number
    relu: (lambda Z, out: np.maximum(Z, np.zeros_like(Z[..., :1, :]), out=out), lambda A: np.greater(A, 0, out=A)),
}


# A loss in two halves, for logits of one shape and targets that were checked before the first step: at every step
# `gradient(k, Z, Y, rate) -> D`, written again by the next call, and after n of them `losses(n, Y)`, of all n at once.
# Where a call costs more than its arithmetic, that is most of what a loss costs.

Halves = tuple[Callable[..., Any], Callable[..., Any]]
LOGITS = 2**13  # how many may wait for their losses


def _binary(loss: Loss, shape: tuple[int, ...], dtype: Any, count: int) -> Halves:
    (logits, P), D, m = np.empty((2, count, *shape), dtype), np.empty(shape, dtype), shape[-1]
    # the sum of logs as the log of products: a log costs as much as ten of them, and 8 numbers of at least 1/2 fit
    few = next(k for k in (8, 7, 6, 5, 4, 3, 2, 1) if m % k == 0)

    def gradient(k: int, Z: np.ndarray, Y: np.ndarray, rate: Any) -> Any:
        logits[k] = Z
        np.add(np.exp(np.negative(Z, out=D), out=D), 1, out=D)
        np.subtract(np.divide(1, D, out=P[k]), Y, out=D)  # where exp overflows, P is 0
        return np.multiply(D, rate / m, out=D)

    def losses(n: int, Y: np.ndarray) -> Any:
        Z, Q = logits[:n], P[:n]  # softplus(Z) = max(Z, 0) - log Q, with Q = max(P, 1 - P)
        np.add(np.abs(np.subtract(Q, 0.5, out=Q), out=Q), 0.5, out=Q)
        logs = np.log(np.multiply.reduce(Q.reshape(n, *shape[:-1], few, m // few), axis=-2))
        np.add(np.abs(Z, out=Q), np.multiply(1 - 2 * Y, Z, out=Z), out=Z)  # twice max(Z, 0) - YZ
        return (np.add.reduce(Z, axis=(-2, -1)) / 2 - np.add.reduce(logs, axis=(-2, -1))) / m

    return gradient, losses


def _softmax(loss: Loss, shape: tuple[int, ...], dtype: Any, count: int) -> Halves:
    T, D = np.empty((count, *shape), dtype), np.empty(shape, dtype)
    S, m = T[..., :1, :].copy(), shape[-1]

    def gradient(k: int, Z: np.ndarray, Y: np.ndarray, rate: Any) -> Any:
        t, s = T[k], S[k]
        np.subtract(Z, np.maximum.reduce(Z, axis=-2, keepdims=True, out=s), out=t)
        np.add.reduce(np.exp(t, out=D), axis=-2, keepdims=True, out=s)
        np.subtract(np.divide(D, s, out=D), Y, out=D)
        return np.multiply(D, rate / m, out=D)

    def losses(n: int, Y: np.ndarray) -> Any:
        t, s = np.multiply(T[:n], Y, out=T[:n]), np.log(S[:n], out=S[:n])
        return (np.add.reduce(s, axis=(-2, -1)) - np.add.reduce(t, axis=(-2, -1))) / m

    return gradient, losses


def _any(loss: Loss, shape: tuple[int, ...], dtype: Any, count: int) -> Halves:
    found: list[Any] = [None] * count

    def gradient(k: int, Z: np.ndarray, Y: np.ndarray, rate: Any) -> Any:
        found[k] = loss.f(Z := Z.copy(), Y)  # a reader's own loss may keep it
        return (loss.df(Z, Y) * rate).astype(dtype, copy=False)

    return gradient, lambda n, Y: found[:n]


_HALVES = {binary_cross_entropy: _binary, softmax_cross_entropy: _softmax}


class _Stack:
    """The passes of `network`, for one size of batch, into arrays that every step writes again.

    Fresh memory costs more than the arithmetic on it. There is one array a layer, Z and then A and then the slope,
    and two for the gradients on their way back; Z is kept apart where someone asks for it.
    """

    def __init__(self, layers: list[Any], grads: list[Any], X: np.ndarray, activation: Activation, keep: bool) -> None:
        self.layers, self.grads, self.activation = layers, grads, activation
        self.into, self.slope = _IN_PLACE.get(activation, (None, None))
        m, dtype, lead = X.shape[-1], layers[0].W.dtype, X.shape[:-2]
        self.Z, self.ones = [], np.ones((m, 1), dtype)
        for W, b in layers:
            lead = np.broadcast_shapes(lead, W.shape[:-2], b.shape[:-2])
            self.Z.append(np.empty((*lead, W.shape[-2], m), dtype))
        self.H = [np.empty_like(Z) if keep else Z for Z in self.Z[:-1]]
        self.own = [W.shape[:-2] == b.shape[:-2] == lead for W, b in layers]
        shapes = [(*lead, W.shape[-2], m) for W, _ in layers[:-1]]
        pair = np.empty((2, max(map(prod, shapes), default=0)), dtype)
        self.D = [pair[l % 2, : prod(shape)].reshape(shape) for l, shape in enumerate(shapes)]

    def forward(self, X: np.ndarray) -> Trace:
        A = [X]
        for l, (W, b) in enumerate(self.layers):
            Z = _product(W, A[l], self.Z[l])
            Z += b
            if l == len(self.layers) - 1:
                A.append(Z)
            elif self.into is None:
                A.append(self.activation.f(Z))
            else:
                self.into(Z, out=self.H[l])
                A.append(self.H[l])
        return Trace([None, *self.Z], A)

    def backward(self, trace: Trace, dZ: np.ndarray) -> None:
        for l in range(len(self.layers), 0, -1):
            (W, b), (dW, db), A = self.layers[l - 1], self.grads[l - 1], trace.A[l - 1]
            if self.own[l - 1]:
                _product(dZ, A.mT, dW)
                np.matmul(dZ, self.ones, out=db)  # BLAS sums along rows faster than NumPy
            else:  # parameters that networks share
                dW[...], db[...] = _sum_to(dZ @ A.mT, W.shape), _sum_to(dZ.sum(axis=-1, keepdims=True), b.shape)
            if l > 1:  # nobody asks for the gradient in X
                dZ = _product(W.mT, dZ, self.D[l - 2])
                dZ *= self.activation.df(trace.Z[l - 1]) if self.slope is None else self.slope(A)


def _product(A: np.ndarray, B: np.ndarray, out: np.ndarray) -> Any:
    # A stack of matrices stays a stack: as one tall product, a network's last digits would depend on its neighbours.
    return np.multiply(A, B, out=out) if A.shape[-1] == 1 else np.matmul(A, B, out=out)


def _passes_of(model: Passes, layers: list[Any], G: np.ndarray, activation: Activation) -> tuple[Any, Any]:
    """Return the passes of a network that is no stack of layers, with the interface of `_Stack`."""
    forward, chain_rule = (partial(f, layers, activation=activation) for f in model)

    def backward(trace: Trace, dZ: np.ndarray) -> Any:
        return np.concatenate([found.ravel() for part in chain_rule(trace, dZ) for found in part], out=G)

    return forward, backward


def _flat(parts: list[Any]) -> tuple[np.ndarray, list[Any]]:
    """Return a copy of all parameters in one vector, and the parts as views of it: one update moves them all."""
    arrays = [array for part in parts for array in part]
    vector = np.concatenate([array.ravel() for array in arrays])
    pieces = iter(np.split(vector, np.cumsum([array.size for array in arrays])[:-1]))
    return vector, [type(part)(*(next(pieces).reshape(array.shape) for array in part)) for part in parts]


def train(
    params: Sequence[tuple[np.ndarray, ...]],
    X: np.ndarray,
    Y: np.ndarray,
    *,
    steps: int,
    lr: Any,
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
        Y: `(..., n_L, m)`, in the range that `loss` asks for.
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
            stacks of layers, such as `residual.model()`; `params` is then a list of named tuples of arrays.
            Both must let NaN through, or one network that diverges ends the run of all.

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
    run = _run(**locals())  # every argument as it came
    _warn_of(run.history["loss"])
    return run


def _run(
    params: Any,
    X: Any,
    Y: Any,
    *,
    steps: int,
    lr: Any,
    activation: Activation = tanh,
    loss: Loss = binary_cross_entropy,
    optimizer: str = "sgd",
    batch_size: int | None = None,
    rng: Any = None,
    record: Any = None,
    progress: bool = False,
    model: Any = None,
) -> Run:
    """Do what `train` says, without its warning: whoever trains many networks gives one for all."""
    record = {} if record is None else record
    _check_settings(steps, loss, optimizer, record, rng, model)
    _check_activation("train", activation)
    layers, X = _checked("train", params, X) if model is None else _checked_parts(params, X)
    P, layers = _flat(layers)
    G, grads = _flat(layers)
    # an overflow is reported once, by name and step, and not by NumPy from inside a matmul
    with np.errstate(over="ignore", invalid="ignore"):
        logits = (forward if model is None else model[0])(layers, X[..., :1], activation=activation).A[-1]
        blank = np.broadcast_to(np.zeros_like(logits), (*logits.shape[:-1], X.shape[-1]))
        losses, Y = loss.f(blank, Y), np.asarray(Y).astype(logits.dtype, copy=False)  # what fits these fits all others
        early, late = _rates(lr, layers, losses, optimizer)
        fits = batch_size is None or (_is_integer(batch_size, 1) and batch_size <= X.shape[-1])
        _require(fits, f"train: batch_size must be an integer in 1..{X.shape[-1]}", batch_size)
        _require(batch_size is None or rng, "train: batch_size needs rng, a numpy Generator", rng, TypeError)
        move = _mover(P, G, late, optimizer)
        history: dict[str, Any] = {"loss": np.empty((steps + 1, *losses.shape), losses.dtype)}
        history |= {name: [] for name in record}
        passes: dict[int, Any] = {}
        for t, (X_t, Y_t) in enumerate(_batches(X, Y, batch_size, steps, rng, progress)):
            if (m := X_t.shape[-1]) not in passes:
                stack = _Stack(layers, grads, X_t, activation, bool(record)) if model is None else None
                pair = (stack.forward, stack.backward) if stack else _passes_of(model, layers, G, activation)
                shape = (*blank.shape[:-1], m)
                count = max(1, LOGITS // prod(shape)) if batch_size is None else 1
                passes[m] = *pair, *_HALVES.get(loss, _any)(loss, shape, blank.dtype, count)
            ahead, back, gradient, losses_of = passes[m]
            trace, k = ahead(X_t), t % count
            dZ = gradient(k, trace.A[-1], Y_t, early)
            if k + 1 == count or t == steps:
                history["loss"][t - k : t + 1] = losses_of(k + 1, Y_t)
            if record:  # they may keep what they get, or write to it
                seen = deepcopy((layers, trace))
                for name, f in record.items():
                    history[name].append(f(*seen))
            if t < steps:
                back(trace, dZ)
                move(t + 1)
    return Run(layers, history | {name: _stacked(name, history[name]) for name in record})


def _mover(P: np.ndarray, G: np.ndarray, rate: Any, optimizer: str) -> Callable[[int], None]:
    """Return the function that takes step t: it moves the parameters P by the gradient G."""
    direction, rows = _OPTIMIZERS[optimizer]
    state = np.zeros((rows, len(P)), P.dtype)
    size = BLOCK if rows else max(1, len(P))
    cuts = [slice(start, start + size) for start in range(0, len(P), size)]
    blocks = [(P[cut], G[cut], state[:, cut], None if rate is None else rate[cut]) for cut in cuts]

    def move(t: int) -> None:
        for P, G, state, rate in blocks:
            D = direction(G, state, t)
            P -= D if rate is None else np.multiply(D, rate, out=G)

    return move


def _rates(lr: Any, layers: list[Any], losses: np.ndarray, optimizer: str) -> tuple[Any, np.ndarray | None]:
    """Return a factor of the gradient in the logits, and one of all parameters' directions, or None for 1.

    Where the direction is linear in the gradient, the first does for all layers alike, at next to no cost.
    """
    given = lr if isinstance(lr, list) else [lr] * len(layers)
    fits = len(given) == len(layers)
    _require(fits, f"train: lr as a list must hold one rate for each of the {len(layers)} layers", lr)
    rates = [_rate(each, layers, losses) for each in given]
    if optimizer != "adam" and all(np.array_equal(rate, rates[0]) for rate in rates):
        return rates[0], None
    pairs = [(rate, P) for rate, layer in zip(rates, layers, strict=True) for P in layer]
    each = [np.broadcast_to(rate, P.shape).ravel() for rate, P in pairs]
    return 1.0, np.concatenate(each, dtype=layers[0][0].dtype)


def _rate(lr: Any, layers: list[Any], losses: np.ndarray) -> Any:
    """Return a layer's learning rate as a factor of W and of b: with two more axes if there is one a network."""
    rate = np.asarray(lr)
    # not only the losses' shape: an update must not stretch a layer that the ensemble shares
    shapes = (losses.shape, *(array.shape[:-2] for layer in layers for array in layer))
    positive = rate.dtype.kind in "fiu" and np.isfinite(rate).all() and (rate > 0).all()
    fits = positive and all(_common(rate.shape, shape) == shape for shape in shapes)
    _require(fits, f"train: lr must be positive, a number or of the ensemble's shape {losses.shape}", lr)
    return rate[..., None, None].astype(losses.dtype) if rate.ndim else float(rate)


def _batches(
    X: np.ndarray, Y: np.ndarray, batch_size: int | None, steps: int, rng: Any, progress: bool
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield `steps + 1` batches: the last one is only measured."""
    ticks: Any = range(steps + 1)
    if progress:
        from tqdm import tqdm  # imported where it is used: the library itself needs NumPy alone

        ticks = chain(tqdm(range(steps), desc="train", unit="step"), [steps])
    if batch_size is None:
        yield from ((X, Y) for _ in ticks)
        return
    # examples as rows: to pick some of them is then to copy a few whole stretches of memory
    rows, targets = (np.ascontiguousarray(array.mT) for array in (X, Y))
    order = np.empty(0, int)
    for _ in ticks:
        if not len(order):
            order = rng.permutation(X.shape[-1])
        yield rows.take(order[:batch_size], axis=-2).mT, targets.take(order[:batch_size], axis=-2).mT
        order = order[batch_size:]


def _warn_of(losses: np.ndarray) -> None:
    lost = ~np.isfinite(losses)
    if not lost.any():
        return
    step = int(lost.reshape(len(lost), -1).any(axis=1).argmax())
    count, total = int(lost[step].sum()), int(lost[step].size)
    which = f" in {count} of {total} networks" if total > 1 else ""
    what = f"train: the loss stopped being finite at step {step}{which}; the history is kept"
    warnings.warn(f"{what}; a smaller lr or smaller weights may help", RuntimeWarning, stacklevel=3)


def _stacked(name: str, values: list[Any]) -> np.ndarray:
    shapes = list(dict.fromkeys(map(np.shape, values)))
    _require(len(shapes) == 1, f"train: record {name!r} must return one shape at every step", shapes[:2])
    return np.stack(values)


def _check_settings(steps: Any, loss: Any, optimizer: Any, record: Any, rng: Any, model: Any) -> None:
    _require(_is_integer(steps), "train: steps must be an integer of at least 0", steps)
    _require(optimizer in list(_OPTIMIZERS), f"train: optimizer must be one of {', '.join(_OPTIMIZERS)}", optimizer)
    _require(isinstance(loss, Loss), "train: loss must be a Loss", loss, TypeError)
    functions = isinstance(record, Mapping) and all(map(callable, record.values()))
    _require(functions, "train: record must map names to functions", record, TypeError)
    _require("loss" not in record, "train: record must not be named 'loss', which is always there", "loss")
    fits = rng is None or isinstance(rng, np.random.Generator)
    _require(fits, "train: rng must be a numpy Generator", rng, TypeError)
    fits = model is None or (isinstance(model, (tuple, list)) and len(model) == 2 and all(map(callable, model)))
    _require(fits, "train: model must be two functions (forward, backward)", model, TypeError)


def _checked_parts(params: Any, X: Any) -> tuple[list[Any], np.ndarray]:
    """Return a model's parameters as named tuples of finite arrays; what shapes they need, the model knows."""
    fits = isinstance(params, (list, tuple)) and all(hasattr(part, "_make") for part in params)
    _require(fits, "train: params must be a list of named tuples of arrays", params, TypeError)
    arrays = [zip(part._fields, part, strict=True) for part in params]
    numbers = [[_numbers("train", f"{name}[{l}]", a) for name, a in part] for l, part in enumerate(arrays, start=1)]
    return [type(part)(*found) for part, found in zip(params, numbers, strict=True)], _numbers("train", "X", X)


def _is_integer(value: Any, least: int = 0) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and bool(value >= least)
