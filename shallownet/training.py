r"""Gradient descent: one loop for one network or an ensemble of them."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from functools import partial
from itertools import chain
from math import prod
from typing import Any, NamedTuple

import numpy as np

from shallownet.activations import Activation, relu, sigmoid, tanh
from shallownet.losses import Loss, binary_cross_entropy, softmax_cross_entropy
from shallownet.network import Trace, _check_activation, _checked, _forward, _numbers, _require, _sum_to

__all__ = ["Run", "train"]

Record = Callable[[list[Any], Trace], Any]
Passes = tuple[Callable[..., Trace], Callable[..., list[Any]]]


class Run(NamedTuple):
    """The trained parameters and what was recorded on the way."""

    params: list[Any]  # layers; with a `model`, what that is made of
    history: dict[str, np.ndarray]  # each array's first axis is the step, 0..steps


# An optimizer turns a gradient G into a direction D, P <- P - lr * D, for all parameters P in one vector. It keeps
# its state in the rows of `state`, zeros at first, and may write over G; t = 1, 2, ... counts the steps.


def _sgd(G: np.ndarray, state: np.ndarray, t: int) -> np.ndarray:
    return G


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
_OPTIMIZERS: dict[str, tuple[Any, int]] = {"sgd": (_sgd, 0), "momentum": (_momentum, 1), "adam": (_adam, 3)}
BLOCK = 2**15  # parameters that are updated at a time: with their state they stay in a core's cache


# The activation into an array, and over A = g(Z) the slope at Z, without a second exponential. `activation.df` is
# exact in the far tails too, where these round to 0; the difference is below 1e-15.


def _dtanh(A: np.ndarray) -> Any:
    return np.subtract(1, np.multiply(A, A, out=A), out=A)


def _dsigmoid(A: np.ndarray) -> Any:
    return np.multiply(1 - A, A, out=A)


_IN_PLACE: dict[Activation, tuple[Any, Any]] = {
    tanh: (np.tanh, _dtanh),
    sigmoid: (lambda Z, out: np.copyto(out, sigmoid.f(Z)), _dsigmoid),
    # with a row of zeros it takes half the time that it takes with the number
    relu: (lambda Z, out: np.maximum(Z, np.zeros_like(Z[..., :1, :]), out=out), lambda A: np.greater(A, 0, out=A)),
}


# A loss and its gradient in one go, on targets that were checked before the first step.


def _binary(Z: np.ndarray, Y: np.ndarray) -> tuple[Any, np.ndarray]:
    E = np.exp(-np.abs(Z))
    losses = np.maximum(Z, 0) - Y * Z
    losses += np.log1p(E)
    D = np.maximum(E, Z >= 0)  # 1 where Z is not negative, else E
    D /= 1 + E
    D -= Y
    D /= Z.shape[-1]
    return np.add.reduce(losses, axis=(-2, -1)) / Z.shape[-1], D


def _softmax(Z: np.ndarray, Y: np.ndarray) -> tuple[Any, np.ndarray]:
    Z = Z - Z.max(axis=-2, keepdims=True)
    D = np.exp(Z)
    S = D.sum(axis=-2, keepdims=True)
    losses = np.log(S) - (Y * Z).sum(axis=-2, keepdims=True)
    D /= S
    D -= Y
    D /= Z.shape[-1]
    return np.add.reduce(losses, axis=(-2, -1)) / Z.shape[-1], D


def _one_by_one(loss: Loss, Z: np.ndarray, Y: np.ndarray) -> tuple[Any, np.ndarray]:
    Z = Z.copy()  # a reader's own loss may keep it
    return loss.f(Z, Y), loss.df(Z, Y).astype(Z.dtype, copy=False)


_AT_ONCE: dict[Loss, Any] = {binary_cross_entropy: _binary, softmax_cross_entropy: _softmax}


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


class _Model:
    """The passes of a network that is no stack of layers, with the interface of `_Stack`."""

    def __init__(self, layers: list[Any], grads: list[Any], model: Passes, activation: Activation) -> None:
        self.layers, self.grads = layers, grads
        self.forward = partial(model[0], layers, activation=activation)
        self.chain_rule = partial(model[1], layers, activation=activation)

    def backward(self, trace: Trace, dZ: np.ndarray) -> None:
        for part, found in zip(self.grads, self.chain_rule(trace, dZ), strict=True):
            for G, array in zip(part, found, strict=True):
                G[...] = array


def _flat(parts: list[Any]) -> tuple[np.ndarray, list[Any]]:
    """Return a copy of all parameters in one vector, and the parts as views of it: one update moves them all."""
    arrays = [array for part in parts for array in part]
    vector = np.concatenate([array.ravel() for array in arrays])
    pieces = iter(np.split(vector, np.cumsum([array.size for array in arrays])[:-1]))
    return vector, [type(part)(*(next(pieces).reshape(array.shape) for array in part)) for part in parts]


def train(
    params: Sequence[tuple[np.ndarray, ...]], X: np.ndarray, Y: np.ndarray, *, steps: int, lr: Any,
    activation: Activation = tanh, loss: Loss = binary_cross_entropy, optimizer: str = "sgd",
    batch_size: int | None = None, rng: np.random.Generator | None = None,
    record: Mapping[str, Record] | None = None, progress: bool = False, model: Passes | None = None,
) -> Run:  # fmt: skip
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
    params: Any, X: Any, Y: Any, *, steps: int, lr: Any, activation: Activation = tanh,
    loss: Loss = binary_cross_entropy, optimizer: str = "sgd", batch_size: int | None = None, rng: Any = None,
    record: Any = None, progress: bool = False, model: Any = None,
) -> Run:  # fmt: skip
    """Do what `train` says, without its warning: whoever trains many networks gives one for all."""
    record = {} if record is None else record
    _check_settings(steps, loss, optimizer, record, rng, model)
    _check_activation("train", activation)
    layers, X = _checked("train", params, X) if model is None else _checked_parts(params, X)
    P, layers = _flat(layers)
    G, grads = _flat(layers)
    # an overflow is reported once, by name and step, and not by NumPy from inside a matmul
    with np.errstate(over="ignore", invalid="ignore"):
        logits = (_forward if model is None else model[0])(layers, X[..., :1], activation=activation).A[-1]
        blank = np.broadcast_to(np.zeros_like(logits), (*logits.shape[:-1], X.shape[-1]))
        losses, Y = loss.f(blank, Y), np.asarray(Y).astype(logits.dtype, copy=False)  # what fits these fits all others
        rate = _rates(lr, layers, losses)
        fits = batch_size is None or (_is_integer(batch_size, 1) and batch_size <= X.shape[-1])
        _require(fits, f"train: batch_size must be an integer in 1..{X.shape[-1]}", batch_size)
        _require(batch_size is None or rng, "train: batch_size needs rng, a numpy Generator", rng, TypeError)
        move = _mover(P, G, rate, optimizer)
        history: dict[str, Any] = {"loss": np.empty((steps + 1, *losses.shape), losses.dtype)}
        history |= {name: [] for name in record}
        passes: dict[int, Any] = {}
        measure = _AT_ONCE.get(loss, partial(_one_by_one, loss))
        for t, (X_t, Y_t) in enumerate(_batches(X, Y, batch_size, steps, rng, progress)):
            if (m := X_t.shape[-1]) not in passes:
                stack = _Stack(layers, grads, X_t, activation, bool(record)) if model is None else None
                passes[m] = stack or _Model(layers, grads, model, activation)
            trace = passes[m].forward(X_t)
            history["loss"][t], dZ = measure(trace.A[-1], Y_t)
            if record:  # they may keep what they get, or write to it
                seen = deepcopy((layers, trace))
                for name, f in record.items():
                    history[name].append(f(*seen))
            if t < steps:
                passes[m].backward(trace, dZ)
                move(t + 1)
    return Run(layers, history | {name: _stacked(name, history[name]) for name in record})


def _mover(P: np.ndarray, G: np.ndarray, rate: Any, optimizer: str) -> Callable[[int], None]:
    """Return the function that takes step t: it moves the parameters P by the gradient G."""
    direction, rows = _OPTIMIZERS[optimizer]
    state = np.zeros((rows, len(P)), P.dtype)
    cuts = [slice(start, start + BLOCK) for start in range(0, len(P), BLOCK)]
    blocks = [(P[cut], G[cut], state[:, cut], rate[cut] if np.ndim(rate) else rate) for cut in cuts]

    def move(t: int) -> None:
        for P, G, state, rate in blocks:
            P -= np.multiply(direction(G, state, t), rate, out=G)

    return move


def _rates(lr: Any, layers: list[Any], losses: np.ndarray) -> Any:
    """Return one rate for all parameters, or one for each; a list has one a layer, as `params` is a list of layers."""
    given = lr if isinstance(lr, list) else [lr] * len(layers)
    fits = len(given) == len(layers)
    _require(fits, f"train: lr as a list must hold one rate for each of the {len(layers)} layers", lr)
    rates = [_rate(each, layers, losses) for each in given]
    if all(rate.ndim == 0 and rate == rates[0] for rate in rates):
        return float(rates[0])
    pairs = [(rate, P) for rate, layer in zip(rates, layers, strict=True) for P in layer]
    return np.concatenate([np.broadcast_to(rate, P.shape).ravel() for rate, P in pairs], dtype=layers[0][0].dtype)


def _rate(lr: Any, layers: list[Any], losses: np.ndarray) -> np.ndarray:
    """Return a layer's learning rate as a factor of W and of b: with two more axes if there is one a network."""
    rate = np.asarray(lr)
    fits = rate.dtype.kind in "fiu" and bool(np.isfinite(rate).all() and (rate > 0).all())
    try:
        # not only the losses' shape: an update must not stretch a layer that the ensemble shares
        for shape in (losses.shape, *(array.shape[:-2] for layer in layers for array in layer)):
            fits = fits and np.broadcast_shapes(rate.shape, shape) == shape
    except ValueError:
        fits = False
    _require(fits, f"train: lr must be positive, a number or of the ensemble's shape {losses.shape}", lr)
    return rate[..., None, None].astype(losses.dtype) if rate.ndim else rate.astype(float)


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
    shapes = [np.shape(value) for value in values]
    other = next((shape for shape in shapes if shape != shapes[0]), None)
    if other is not None:
        raise ValueError(f"train: record {name!r} must return one shape at every step, got {shapes[0]} and {other}")
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
