"""What `training.train` does, sooner: the loop of `training.by_hand`, into arrays that it keeps.

Nothing here is needed to understand training, and the tests hold that in float64 its losses agree with the clear
loop's to twelve digits, its parameters to eleven. Four things pay. Fresh memory costs more than the arithmetic on it,
so for tanh, sigmoid and ReLU each array is made once and written again at every step. All parameters lie in one
vector, so one update moves them all. The slope of an activation is taken from its value, without a second exponential.
And of a small network, whose calls cost more than their arithmetic, the losses of many steps are taken at once.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from math import prod

import numpy as np

from shallownet._checks import Array
from shallownet.activations import Activation, relu, sigmoid, tanh
from shallownet.losses import Loss, binary_cross_entropy, softmax_cross_entropy
from shallownet.network import Layer, Trace, in_columns, sum_to

__all__ = ["descend"]

Shape = tuple[int, ...]
Parts = Sequence[tuple[Array, ...]]
Passes = tuple[Callable[..., Trace], Callable[..., Parts]]
Rate = float | np.ndarray
Halves = tuple[Callable[[int, np.ndarray, np.ndarray, Rate], np.ndarray], Callable[[int, np.ndarray], np.ndarray]]
Room = tuple[Callable[[np.ndarray], Trace], Callable[[Trace, np.ndarray], None], *Halves, int]


def descend(
    params: Parts,
    X: np.ndarray,
    Y: np.ndarray,
    orders: Iterable[np.ndarray | None],
    rates: Sequence[Rate],
    *,
    steps: int,
    activation: Activation,
    loss: Loss,
    optimizer: str,
    record: Mapping[str, Callable[..., object]],
    model: Passes | None,
) -> tuple[list[Array], np.ndarray, dict[str, list[object]]]:
    """Train as `training.by_hand` does; what arrives was checked by `training.prepare`.

    Args:
        params: Layers `(W, b)`, with any leading ensemble axes, or what a model is made of; left as they are.
        X: `(..., n_0, m)`, in the parameters' dtype; or, for a model, integers.
        Y: `(..., n_L, m)`, in the parameters' dtype; of a model that answers each example `T` times `(..., n_L, T, m)`.
        orders: For each of `steps + 1` steps the examples of its batch, or None for all.
        rates: One a layer: a number, or an array that broadcasts with its parameters.
        steps: Number of updates.
        activation: Of the hidden layers.
        loss: On the logits.
        optimizer: Its name.
        record: `{"name": f}`.
        model: Its two passes; None for a stack of layers, which has faster ones here.

    Returns:
        The moved parameters, the losses of shape `(steps + 1, ...)`, and what each record returned at each step.
    """
    P, parts = _flat(params)
    G, grads = _flat(params)
    early, late = _factors(rates, parts, optimizer)
    move = _mover(P, G, late, optimizer)
    batches = _Batches(X, Y)
    rooms: dict[int, Room] = {}  # by the number of examples, for an epoch's last batch may be smaller
    losses: list[np.ndarray] = []
    history: dict[str, list[object]] = {name: [] for name in record}
    for t, order in enumerate(orders):
        X_t, Y_t = (X, Y) if order is None else batches.take(order)
        if (m := X_t.shape[-1]) not in rooms:
            passes: _Stack | _Model
            if model is None:
                passes = _Stack(parts, grads, X_t, activation, bool(record))
            else:
                passes = _Model(model, parts, G, X_t, activation)
            # only if all steps have the same targets can their losses wait for each other
            count = max(1, LOGITS // prod(passes.shape)) if order is None else 1
            halves = _HALVES.get(loss, _any)(loss, passes.shape, P.dtype, count)
            rooms[m] = passes.forward, passes.backward, *halves, count
        ahead, back, gradient, losses_of, count = rooms[m]
        trace, k = ahead(X_t), t % count
        if model is not None:
            Y_t = in_columns(Y_t, trace.A[-1].shape[-1])
        dZ = gradient(k, trace.A[-1], Y_t, early)
        if k + 1 == count or t == steps:
            losses.append(losses_of(k + 1, Y_t))
        if record:  # they may keep what they get, or write to it
            seen = deepcopy((parts, trace))
            for name, f in record.items():
                history[name].append(f(*seen))
        if t < steps:
            back(trace, dZ)
            move(t + 1)
    return parts, np.concatenate(losses), history


class _Batches:
    """The data, with examples as rows: to pick some of them is then to copy a few whole stretches of memory."""

    def __init__(self, X: np.ndarray, Y: np.ndarray) -> None:
        self.data = X, Y
        self.rows: list[np.ndarray] = []

    def take(self, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.rows = self.rows or [np.ascontiguousarray(array.mT) for array in self.data]
        X, Y = (rows.take(order, axis=-2).mT for rows in self.rows)
        return X, Y


def _flat(parts: Parts) -> tuple[np.ndarray, list[Array]]:
    """Return a copy of all parameters in one vector, and the parts as views of it: one update moves them all."""
    arrays = [array for part in parts for array in part]
    vector = np.concatenate([array.ravel() for array in arrays])
    pieces = iter(np.split(vector, np.cumsum([array.size for array in arrays])[:-1]))
    return vector, [type(part)(*(next(pieces).reshape(array.shape) for array in part)) for part in parts]


class _Model:
    """The passes of a network that is no stack of layers, with the interface of `_Stack`."""

    def __init__(self, model: Passes, parts: Parts, G: np.ndarray, X: np.ndarray, activation: Activation) -> None:
        self.passes, self.parts, self.G, self.activation = model, parts, G, activation
        self.shape: Shape = self.forward(X).A[-1].shape  # of the logits

    def forward(self, X: np.ndarray) -> Trace:
        return self.passes[0](self.parts, X, activation=self.activation)

    def backward(self, trace: Trace, dZ: np.ndarray) -> None:
        grads = self.passes[1](self.parts, trace, dZ, activation=self.activation)
        np.concatenate([found.ravel() for part in grads for found in part], out=self.G)


class _Stack:
    """The passes of `network`, for one size of batch, into arrays that every step writes again.

    There is one array a layer, Z and then A and then the slope, and two for the gradients on their way back; Z is kept
    apart where someone asks for it.
    """

    def __init__(
        self, layers: list[Layer], grads: list[Layer], X: np.ndarray, activation: Activation, keep: bool
    ) -> None:
        self.layers, self.grads, self.activation = layers, grads, activation
        self.into: Callable[[np.ndarray, np.ndarray], None] | None
        self.slope: Callable[[np.ndarray], np.ndarray] | None
        self.into, self.slope = _IN_PLACE.get(activation, (None, None))
        m, dtype, lead = X.shape[-1], layers[0].W.dtype, X.shape[:-2]
        self.ones = np.ones((m, 1), dtype)
        self.Z: list[np.ndarray] = []
        for W, b in layers:
            lead = np.broadcast_shapes(lead, W.shape[:-2], b.shape[:-2])
            self.Z.append(np.empty((*lead, W.shape[-2], m), dtype))
        self.shape = self.Z[-1].shape  # of the logits
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
                self.into(Z, self.H[l])
                A.append(self.H[l])
        return Trace([None, *self.Z], A)

    def backward(self, trace: Trace, dZ: np.ndarray) -> None:
        for l in range(len(self.layers), 0, -1):
            (W, b), (dW, db), A = self.layers[l - 1], self.grads[l - 1], trace.A[l - 1]
            if self.own[l - 1]:
                _product(dZ, A.mT, dW)
                np.matmul(dZ, self.ones, out=db)  # BLAS sums along rows faster than NumPy
            else:  # parameters that networks share
                dW[...], db[...] = sum_to(dZ @ A.mT, W.shape), sum_to(dZ.sum(axis=-1, keepdims=True), b.shape)
            if l > 1:  # nobody asks for the gradient in X
                dZ = _product(W.mT, dZ, self.D[l - 2])
                dZ *= self.activation.df(trace.Z[l - 1]) if self.slope is None else self.slope(A)


def _product(A: np.ndarray, B: np.ndarray, out: np.ndarray) -> np.ndarray:
    # A stack of matrices stays a stack: as one tall product, a network's last digits would depend on its neighbours.
    (np.multiply if A.shape[-1] == 1 else np.matmul)(A, B, out=out)
    return out


# The activation of Z into an array, and over A = g(Z) the slope at Z, without a second exponential. `activation.df` is
# exact in the far tails too, where these round to 0; in float64 the difference is below 1e-15.


def _tanh_into(Z: np.ndarray, A: np.ndarray) -> None:
    np.tanh(Z, out=A)


def _tanh_slope(A: np.ndarray) -> np.ndarray:
    np.subtract(1, np.multiply(A, A, out=A), out=A)
    return A


def _sigmoid_into(Z: np.ndarray, A: np.ndarray) -> None:
    A[...] = sigmoid.f(Z)


def _sigmoid_slope(A: np.ndarray) -> np.ndarray:
    A *= 1 - A
    return A


def _relu_into(Z: np.ndarray, A: np.ndarray) -> None:
    np.maximum(Z, np.zeros_like(Z[..., :1, :]), out=A)  # takes half the time that it takes with the number 0


def _relu_slope(A: np.ndarray) -> np.ndarray:
    np.greater(A, 0, out=A)
    return A


_IN_PLACE: dict[Activation, tuple[Callable[[np.ndarray, np.ndarray], None], Callable[[np.ndarray], np.ndarray]]] = {
    tanh: (_tanh_into, _tanh_slope),
    sigmoid: (_sigmoid_into, _sigmoid_slope),
    relu: (_relu_into, _relu_slope),
}


# A loss in two halves, for logits of one shape and targets that were checked before the first step: at every step
# `gradient(k, Z, Y, rate) -> D`, written again by the next call, and after n of them `losses(n, Y)`, of all n at once.
# Where a call costs more than its arithmetic, that is most of what a loss costs.

LOGITS = 2**13  # how many may wait for their losses


def _binary(loss: Loss, shape: Shape, dtype: np.dtype, count: int) -> Halves:
    (logits, P), D, m = np.empty((2, count, *shape), dtype), np.empty(shape, dtype), shape[-1]
    # the sum of logs as the log of products: a log costs as much as ten of them, and 8 numbers of at least 1/2 fit
    few = next(k for k in (8, 7, 6, 5, 4, 3, 2, 1) if m % k == 0)

    def gradient(k: int, Z: np.ndarray, Y: np.ndarray, rate: Rate) -> np.ndarray:
        nonlocal D
        logits[k] = Z
        np.add(np.exp(np.negative(Z, out=D), out=D), 1, out=D)
        np.subtract(np.divide(1, D, out=P[k]), Y, out=D)  # where exp overflows, P is 0
        D *= rate / m
        return D

    def losses(n: int, Y: np.ndarray) -> np.ndarray:
        Z, Q = logits[:n], P[:n]  # softplus(Z) = max(Z, 0) - log Q, with Q = max(P, 1 - P)
        np.add(np.abs(np.subtract(Q, 0.5, out=Q), out=Q), 0.5, out=Q)
        logs = np.log(np.multiply.reduce(Q.reshape(n, *shape[:-1], few, m // few), axis=-2))
        np.add(np.abs(Z, out=Q), np.multiply(1 - 2 * Y, Z, out=Z), out=Z)  # twice max(Z, 0) - YZ
        return np.asarray((np.add.reduce(Z, axis=(-2, -1)) / 2 - np.add.reduce(logs, axis=(-2, -1))) / m)

    return gradient, losses


def _softmax(loss: Loss, shape: Shape, dtype: np.dtype, count: int) -> Halves:
    T, D = np.empty((count, *shape), dtype), np.empty(shape, dtype)
    S, m = T[..., :1, :].copy(), shape[-1]

    def gradient(k: int, Z: np.ndarray, Y: np.ndarray, rate: Rate) -> np.ndarray:
        nonlocal D
        t, s = T[k], S[k]
        np.subtract(Z, np.maximum.reduce(Z, axis=-2, keepdims=True, out=s), out=t)
        np.add.reduce(np.exp(t, out=D), axis=-2, keepdims=True, out=s)
        np.subtract(np.divide(D, s, out=D), Y, out=D)
        D *= rate / m
        return D

    def losses(n: int, Y: np.ndarray) -> np.ndarray:
        t, s = np.multiply(T[:n], Y, out=T[:n]), np.log(S[:n], out=S[:n])
        return np.asarray((np.add.reduce(s, axis=(-2, -1)) - np.add.reduce(t, axis=(-2, -1))) / m)

    return gradient, losses


def _any(loss: Loss, shape: Shape, dtype: np.dtype, count: int) -> Halves:
    found: list[np.ndarray] = [np.empty(0)] * count

    def gradient(k: int, Z: np.ndarray, Y: np.ndarray, rate: Rate) -> np.ndarray:
        found[k] = loss.f(Z := Z.copy(), Y)  # a reader's own loss may keep it
        return np.asarray(loss.df(Z, Y) * rate, dtype=dtype)

    def losses(n: int, Y: np.ndarray) -> np.ndarray:
        return np.stack(found[:n])

    return gradient, losses


_HALVES: dict[Loss, Callable[[Loss, Shape, np.dtype, int], Halves]] = {
    binary_cross_entropy: _binary,
    softmax_cross_entropy: _softmax,
}


# The optimizers of `training`, in place: a gradient G becomes a direction. The memory is in the rows of `state`, zeros
# at first, and G may be written over.


def _sgd(G: np.ndarray, state: np.ndarray, t: int) -> np.ndarray:
    return G


def _momentum(G: np.ndarray, state: np.ndarray, t: int, beta: float = 0.9) -> np.ndarray:
    V: np.ndarray = state[0]
    V *= beta
    V += G
    return V


def _adam(
    G: np.ndarray, state: np.ndarray, t: int, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8
) -> np.ndarray:
    M, V, S = state
    M *= beta1
    M += np.multiply(1 - beta1, G, out=S)
    V *= beta2
    np.multiply(1 - beta2, G, out=S)
    V += np.multiply(S, G, out=S)
    np.sqrt(np.divide(V, 1 - beta2**t, out=S), out=S)
    S += eps
    np.divide(M, 1 - beta1**t, out=G)
    G /= S
    return G


# each with the rows of its state
_OPTIMIZERS: dict[str, tuple[Callable[[np.ndarray, np.ndarray, int], np.ndarray], int]] = {
    "sgd": (_sgd, 0),
    "momentum": (_momentum, 1),
    "adam": (_adam, 3),
}
BLOCK = 2**15  # parameters that are updated at a time: with their state they stay in a core's cache


def _mover(P: np.ndarray, G: np.ndarray, rate: np.ndarray | None, optimizer: str) -> Callable[[int], None]:
    """Return the function that takes step t: it moves the parameters P by G, the gradient or the rate times it.

    `training.OPTIMIZERS` says the same in the clear: a new optimizer stands in both.
    """
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


def _factors(rates: Sequence[Rate], parts: Parts, optimizer: str) -> tuple[Rate, np.ndarray | None]:
    """Return a factor of the gradient in the logits, and one of all parameters' directions, or None for 1.

    Where the direction is linear in the gradient, the first does for all layers alike, at next to no cost.
    """
    if optimizer != "adam" and all(np.array_equal(rate, rates[0]) for rate in rates):
        return rates[0], None
    pairs = [(rate, P) for rate, part in zip(rates, parts, strict=True) for P in part]
    each = [np.broadcast_to(rate, P.shape).ravel() for rate, P in pairs]
    return 1.0, np.concatenate(each, dtype=parts[0][0].dtype)
