r"""Gradient descent: one loop for one network or an ensemble of them."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from shallownet.activations import Activation, relu, sigmoid, tanh
from shallownet.losses import Loss, binary_cross_entropy
from shallownet.network import Trace, _backward, _check_activation, _checked, _forward, _numbers, _shown

__all__ = ["Run", "train"]

Record = Callable[[list[Any], Trace], Any]
Passes = tuple[Callable[..., Trace], Callable[..., list[Any]]]


class Run(NamedTuple):
    """The trained parameters and what was recorded on the way."""

    params: list[Any]  # layers; with a `model`, what that is made of
    history: dict[str, np.ndarray]  # each array's first axis is the step, 0..steps


# An optimizer turns a gradient G into a direction D, W <- W - lr * D, and keeps a state of its own for
# each parameter: (G, state, t) -> (D, state), with t = 1, 2, ... and state None at first.


def _sgd(G: np.ndarray, state: Any, t: int) -> tuple[np.ndarray, Any]:
    return G, None


def _momentum(G: np.ndarray, state: Any, t: int, beta: float = 0.9) -> tuple[np.ndarray, Any]:
    # Polyak's heavy ball, as in PyTorch: V sums gradients, it does not average them
    V = G if state is None else beta * state + G
    return V, V


def _adam(
    G: np.ndarray, state: Any, t: int, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8
) -> tuple[np.ndarray, Any]:
    # Kingma & Ba (2015), algorithm 1
    M, V = (0.0, 0.0) if state is None else state
    M = beta1 * M + (1 - beta1) * G
    V = beta2 * V + (1 - beta2) * G * G
    D = M / (1 - beta1**t) / (np.sqrt(V / (1 - beta2**t)) + eps)
    return D, (M, V)


_OPTIMIZERS: dict[str, Callable[..., tuple[np.ndarray, Any]]] = {
    "sgd": _sgd,
    "momentum": _momentum,
    "adam": _adam,
}


def _dtanh(A: np.ndarray) -> Any:
    D = A * A
    np.subtract(1, D, out=D)  # in place: fresh memory costs more than the arithmetic
    return D


def _dsigmoid(A: np.ndarray) -> Any:
    D = 1 - A
    D *= A
    return D


# The slope at Z from A = g(Z), without a second exponential. `activation.df` is exact in the far tails
# too, where these round to 0; the difference is below 1e-15.
_SLOPES = {tanh: _dtanh, sigmoid: _dsigmoid, relu: relu.df}


def _slope(activation: Activation) -> Callable[[np.ndarray, np.ndarray], Any]:
    from_A = _SLOPES.get(activation)
    return (lambda Z, A: activation.df(Z)) if from_A is None else (lambda Z, A: from_A(A))


def _passes(model: Passes | None, activation: Activation) -> Passes:
    """Return forward `(params, X)` and backward `(params, trace, dZ)`."""
    if model is None:
        return partial(_forward, activation=activation), partial(_backward, slope=_slope(activation))
    return partial(model[0], activation=activation), partial(model[1], activation=activation)


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
    record = {} if record is None else record
    _check_settings(steps, loss, optimizer, record, rng)
    _check_activation("train", activation)
    _check_model(model)
    layers, X = _checked("train", params, X) if model is None else _checked_parts(params, X)
    forward, backward = _passes(model, activation)
    trace = forward(layers, X)
    losses, Y = loss.f(trace.A[-1], Y), np.asarray(Y)
    rates = [_rates(rate, layers, losses) for rate in _by_layer(lr, layers)]
    _check_batches(batch_size, rng, X.shape[-1])
    layers = [type(layer)(*(array.copy() for array in layer)) for layer in layers]
    update = _OPTIMIZERS[optimizer]
    states: list[Any] = [[None] * len(layer) for layer in layers]
    history: dict[str, list[Any]] = {name: [] for name in ("loss", *record)}
    diverged = False

    for t, columns in enumerate(_batches(X.shape[-1], batch_size, steps, rng, progress), start=1):
        # an overflow is reported once, by name and step, and not by NumPy from inside a matmul
        with np.errstate(over="ignore", invalid="ignore"):
            trace = forward(layers, X[..., columns])
            history["loss"].append(loss.f(trace.A[-1], Y[..., columns]))
            for name, f in record.items():
                history[name].append(f(layers, trace))
            if not diverged and not np.isfinite(history["loss"][-1]).all():
                diverged = True
                _warn_of(history["loss"][-1], t - 1)
            if t > steps:
                break
            dZ = loss.df(trace.A[-1], Y[..., columns])
            grads = backward(layers, trace, dZ)
            for l, (layer, grad) in enumerate(zip(layers, grads, strict=True)):
                moves = [update(G, state, t) for G, state in zip(grad, states[l], strict=True)]
                layers[l] = type(layer)(*(P - rates[l] * D for P, (D, _) in zip(layer, moves, strict=True)))
                states[l] = [state for _, state in moves]

    return Run(layers, {name: _stacked(name, values) for name, values in history.items()})


def _batches(
    m: int, batch_size: int | None, steps: int, rng: Any, progress: bool
) -> Iterator[slice | np.ndarray]:
    """Yield `steps + 1` choices of columns: the last one is only measured."""
    ticks: Any = range(steps + 1)
    if progress:
        from tqdm import tqdm  # imported where it is used: the library itself needs NumPy alone

        ticks = chain(tqdm(range(steps), desc="train", unit="step"), [steps])
    order = np.empty(0, int)
    for _ in ticks:
        if batch_size is None:
            yield slice(None)
        else:
            if not len(order):
                order = rng.permutation(m)
            yield order[:batch_size]
            order = order[batch_size:]


def _warn_of(losses: np.ndarray, step: int) -> None:
    count, total = int((~np.isfinite(losses)).sum()), int(np.size(losses))
    which = f" in {count} of {total} networks" if total > 1 else ""
    warnings.warn(
        f"train: the loss stopped being finite at step {step}{which}; "
        "the history is kept; a smaller lr or smaller weights may help",
        RuntimeWarning,
        stacklevel=3,
    )


def _stacked(name: str, values: list[Any]) -> np.ndarray:
    shapes = [np.shape(value) for value in values]
    other = next((shape for shape in shapes if shape != shapes[0]), None)
    if other is not None:
        raise ValueError(
            f"train: record {name!r} must return one shape at every step, got {shapes[0]} and {other}"
        )
    return np.stack(values)


def _check_settings(steps: Any, loss: Any, optimizer: Any, record: Any, rng: Any) -> None:
    if not _is_integer(steps) or steps < 0:
        raise ValueError(f"train: steps must be an integer of at least 0, got {_shown(steps)}")
    if optimizer not in list(_OPTIMIZERS):
        names = ", ".join(_OPTIMIZERS)
        raise ValueError(f"train: optimizer must be one of {names}, got {_shown(optimizer)}")
    if not isinstance(loss, Loss):
        raise TypeError(f"train: loss must be a Loss, got {_shown(loss)}")
    if not isinstance(record, Mapping) or not all(map(callable, record.values())):
        raise TypeError(f"train: record must map names to functions, got {_shown(record)}")
    if "loss" in record:
        raise ValueError("train: record must not be named 'loss', which is always there, got 'loss'")
    if rng is not None and not isinstance(rng, np.random.Generator):
        raise TypeError(f"train: rng must be a numpy Generator, got {_shown(rng)}")


def _check_model(model: Any) -> None:
    if model is not None and not (isinstance(model, (tuple, list)) and len(model) == 2 and all(map(callable, model))):
        raise TypeError(f"train: model must be two functions (forward, backward), got {_shown(model)}")


def _checked_parts(params: Any, X: Any) -> tuple[list[Any], np.ndarray]:
    """Return a model's parameters as named tuples of finite arrays; what shapes they need, the model knows."""
    if not isinstance(params, (list, tuple)) or not all(hasattr(part, "_make") for part in params):
        raise TypeError(f"train: params must be a list of named tuples of arrays, got {_shown(params)}")
    arrays = [zip(part._fields, part, strict=True) for part in params]
    numbers = [[_numbers("train", f"{name}[{l}]", a) for name, a in part] for l, part in enumerate(arrays, start=1)]
    return [type(part)(*found) for part, found in zip(params, numbers, strict=True)], _numbers("train", "X", X)


def _by_layer(lr: Any, layers: list[Any]) -> list[Any]:
    """Return one learning rate a layer: a list gives each layer its own, as `params` is a list of layers."""
    rates = lr if isinstance(lr, list) else [lr] * len(layers)
    if len(rates) != len(layers):
        raise ValueError(
            f"train: lr as a list must hold one rate for each of the {len(layers)} layers, got {_shown(lr)}"
        )
    return rates


def _rates(lr: Any, layers: list[Any], losses: np.ndarray) -> Any:
    """Return the learning rate as a factor of W and of b: with two more axes if there is one a network."""
    rates = np.asarray(lr)
    fits = rates.dtype.kind in "fiu" and bool(np.isfinite(rates).all() and (rates > 0).all())
    try:
        # not only the losses' shape: an update must not stretch a layer that the ensemble shares
        for shape in (losses.shape, *(array.shape[:-2] for layer in layers for array in layer)):
            fits = fits and np.broadcast_shapes(rates.shape, shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"train: lr must be positive, a number or of the ensemble's shape {losses.shape}, got {_shown(lr)}"
        )
    return rates[..., None, None].astype(losses.dtype) if rates.ndim else float(rates)


def _check_batches(batch_size: Any, rng: Any, m: int) -> None:
    if batch_size is None:
        return
    if not _is_integer(batch_size) or not 1 <= batch_size <= m:
        raise ValueError(f"train: batch_size must be an integer in 1..{m}, got {_shown(batch_size)}")
    if rng is None:
        raise TypeError("train: batch_size needs rng, a numpy Generator, got None")


def _is_integer(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)
