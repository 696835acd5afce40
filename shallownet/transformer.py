r"""A transformer: blocks of attention and of two layers, which add to a stream, for sequences of tokens.

A transformer is still a list, `[Embedding, Block, ..., Block, Layer head]`; without the `Layer` the head is tied, and
reads the logits with the embeddings. A token $v$ at position $t$ enters the stream as $x = E_{\cdot v} + P_{\cdot t}$.
Each of the $N$ blocks has two branches $G$, and each branch adds to the stream. With $\mathrm{LN}$ for `layer_norm`,

$$
\begin{aligned}
\text{pre} &: \; x \leftarrow \alpha x + G(\mathrm{LN}(x)), &
\text{post} &: \; x \leftarrow \mathrm{LN}(\alpha x + G(x)), \\
G_1(x) &= W_O\, V\, \mathrm{softmax}\big(\tfrac{1}{\sqrt k} K^{\top} Q\big), & Q, K, V &= W_Q x,\; W_K x,\; W_V x, \\
G_2(x) &= W_2\, g(W_1 x + b_1) + b_2, & \text{logits} &= W\, \mathrm{LN}(x) + b \;\text{ or }\; E^{\top} \mathrm{LN}(x).
\end{aligned}
$$

Each of $H$ heads has $k = d/H$ rows of $Q$, $K$ and $V$; each column of the softmax is a query, and its shares add up
to 1. The norm in front of the head belongs to `norm="pre"`. Norms have no parameters of their own.

Sequences are columns, as examples are everywhere: tokens are integers `(T, m)`, from 0. In the stream, each position of
each sequence is a column of its own: column `t * m + i` is position `t` of sequence `i`, so that
`A.reshape(*A.shape[:-1], T, m)` has one axis for each.

Import it by name (`from shallownet import transformer`), and train with `sn.train(..., model=transformer.model())`.
A network that diverged gives NaN, which `sn.train` reports.

Source:
    Vaswani et al. (2017), "Attention is all you need", section 3, for the block and its norm behind the addition;
    Xiong et al. (2020), "On layer normalization in the transformer architecture", for the two places of the norm.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import isfinite
from numbers import Real
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from shallownet._checks import (
    Array,
    common,
    drawn,
    float_dtype,
    generator,
    instance,
    is_integer,
    positive_integers,
    require,
)
from shallownet.activations import Activation, relu
from shallownet.network import Initializer, Layer, sum_to
from shallownet.residual import layer_norm

__all__ = [
    "Block",
    "Embedding",
    "Settings",
    "StreamTrace",
    "backward",
    "deepnet",
    "forward",
    "init_transformer",
    "model",
]


class Embedding(NamedTuple):
    """What a token and its place add to the stream, or the gradients with respect to it."""

    E: np.ndarray  # (..., d, V): a column for each token
    P: np.ndarray  # (..., d, T): a column for each position


class Block(NamedTuple):
    """The parameters of one block, or the gradients with respect to them; attention has no biases."""

    W_Q: np.ndarray  # (..., d, d), and so the next three; head i has rows i * k to (i + 1) * k of the first three
    W_K: np.ndarray
    W_V: np.ndarray
    W_O: np.ndarray
    W1: np.ndarray  # (..., h, d)
    b1: np.ndarray  # (..., h, 1)
    W2: np.ndarray  # (..., d, h)
    b2: np.ndarray  # (..., d, 1)


class Settings(NamedTuple):
    """How the blocks are put together: the keyword arguments of `forward`."""

    heads: int
    norm: str | None
    alpha: float
    qk_norm: bool
    causal: bool
    scale: float


class StreamTrace(NamedTuple):
    """What a forward pass leaves behind."""

    A: list[Array]  # A[0] the tokens, A[1] the embedded ones, then the stream after each branch, A[-1] the logits
    attention: list[Array]  # attention[l] of block l: (..., m, heads, T, T), keys in rows; attention[0] is None
    N: list[Array]  # N[i] what went into the branch, or head, behind A[i]
    S: list[Array]  # S[i] what that branch and the stream added up to, before a norm
    inner: list[tuple[Array, ...]]  # inner[i] what that branch computed on the way
    settings: Settings


Parts = Sequence[Embedding | Block | Layer]
Saved = tuple[Array, ...]
Backward = Callable[..., list[Embedding | Block | Layer]]
Initializers = Initializer | Mapping[str, Initializer]


def init_transformer(
    sizes: Sequence[int],
    depth: int,
    initializers: Initializers,
    rng: np.random.Generator,
    *,
    tied: bool = True,
    projection: float = 1.0,
    ensemble: int | tuple[int, ...] = (),
    dtype: DTypeLike = float,
) -> list[Embedding | Block | Layer]:
    r"""Draw the weights of a transformer and set its biases to zero.

    Args:
        sizes: `[V, T, d, h]`: tokens of the vocabulary, positions, width of the stream, units of the second branch.
        depth: Number of blocks, at least 0; each has two branches.
        initializers: One `(shape, rng, dtype=...) -> W`, or one for each matrix by its name: `E`, `P`, `W_Q`, `W_K`,
            `W_V`, `W_O`, `W1`, `W2`, and `W` of a head of its own. A token hears one column of `E`, `(d, V)`: its fan
            is 1, and not what `lecun` reads off that shape.
        rng: Advanced in place.
        tied: Whether the head reads the logits with `E`, or has a `Layer` `(V, d)` of its own.
        projection: The factor of `W_O` and `W2`, with which a branch ends: 1 leaves them as they are drawn, 0 starts
            every branch at zero, and `(2 * depth) ** -0.5` is the scaled start of GPT-2.
        ensemble: Leading axes of independent networks, for example `(200,)`.
        dtype: `float` (64 bits) or `np.float32`.

    Returns:
        `[Embedding, Block, ..., Block]`, and a `Layer` unless `tied`; weights have shape `(*ensemble, n_out, n_in)`.

    Raises:
        ValueError: If `sizes`, `depth`, `projection`, `ensemble`, a name or a drawn shape is wrong.
        TypeError: If `rng` is no Generator, or `dtype` neither float64 nor float32.

    Examples:
        >>> from functools import partial
        >>> import numpy as np
        >>> from shallownet import initializers, transformer
        >>> small = partial(initializers.normal, std=0.02)
        >>> rng = np.random.default_rng(0)
        >>> params = transformer.init_transformer([10, 16, 8, 32], 3, small, rng, projection=6**-0.5)
        >>> [type(part).__name__ for part in params], params[1].W2.shape
        (['Embedding', 'Block', 'Block', 'Block'], (8, 32))

    Source:
        Radford et al. (2019), "Language models are unsupervised multitask learners": a factor of one over the root of
        the number of residual layers, of which a block has two.
    """
    function = "init_transformer"
    four = positive_integers(function, "sizes", sizes, at_least=2)
    require(len(four) == 4, f"{function}: sizes must be four positive integers [V, T, d, h]", sizes)
    require(is_integer(depth), f"{function}: depth must be an integer of at least 0", depth)
    require(_is_number(projection), f"{function}: projection must be a finite number", projection)
    ensemble = positive_integers(function, "ensemble", ensemble)
    generator(function, rng)
    dtype = float_dtype(function, dtype)
    V, T, d, h = four
    shapes = {"E": (d, V), "P": (d, T), **dict.fromkeys(("W_Q", "W_K", "W_V", "W_O"), (d, d)), "W1": (h, d)}
    shapes |= {"W2": (d, h)} | ({} if tied else {"W": (V, d)})
    draws = dict.fromkeys(shapes, initializers) if callable(initializers) else initializers
    fits = isinstance(draws, Mapping) and set(draws) == set(shapes) and all(map(callable, draws.values()))
    require(fits, f"{function}: initializers must be one function, or one for each of {', '.join(shapes)}", draws)

    def draw(name: str, l: int) -> np.ndarray:
        shape = (*ensemble, *shapes[name])
        W = drawn(function, l, draws[name](shape, rng, dtype=dtype), shape, dtype)
        return np.asarray(W * projection, dtype) if name in ("W_O", "W2") else W

    def zeros(n: int) -> np.ndarray:
        return np.zeros((*ensemble, n, 1), dtype)

    parts: list[Embedding | Block | Layer] = [Embedding(draw("E", 1), draw("P", 1))]
    for l in range(2, depth + 2):
        W_Q, W_K, W_V, W_O, W1, W2 = (draw(name, l) for name in ("W_Q", "W_K", "W_V", "W_O", "W1", "W2"))
        parts.append(Block(W_Q, W_K, W_V, W_O, W1, zeros(h), W2, zeros(d)))
    return parts if tied else [*parts, Layer(draw("W", depth + 2), zeros(V))]


def deepnet(depth: int) -> tuple[float, float]:
    r"""Return `(alpha, beta)` of DeepNet for a stack that only encodes or only decodes.

    `alpha` is the stream's factor in `norm="post"`, and `beta` the gain with which `W_V`, `W_O`, `W1` and `W2` are
    drawn; `W_Q` and `W_K` keep a gain of 1. A gain multiplies weights: a variance takes its square.

    Args:
        depth: The number $N$ of blocks, whatever their shapes; at least 1.

    Returns:
        $(2N)^{1/4}$ and $(8N)^{-1/4}$.

    Raises:
        ValueError: If `depth` is no such number.

    Examples:
        >>> from shallownet import transformer
        >>> [round(factor, 3) for factor in transformer.deepnet(12)]
        [2.213, 0.319]

    Source:
        Wang et al. (2022), "DeepNet: scaling transformers to 1,000 layers".
    """
    require(is_integer(depth, 1), "deepnet: depth must be an integer of at least 1", depth)
    return float((2 * depth) ** 0.25), float((8 * depth) ** -0.25)


def forward(
    params: Parts,
    X: np.ndarray,
    activation: Activation = relu,
    *,
    heads: int = 1,
    norm: str | None = "pre",
    alpha: float = 1.0,
    qk_norm: bool = False,
    causal: bool = True,
    scale: float | None = None,
) -> StreamTrace:
    r"""Compute the stream after every branch, the attention of every block, and the logits.

    Args:
        params: From `init_transformer`.
        X: Tokens `(..., T, m)`, integers from 0, one sequence a column; not more positions than `P` has.
        activation: Of the second branch of each block.
        heads: Number of heads $H$, a divisor of $d$.
        norm: `"pre"`, `"post"`, or None for a stream without norms.
        alpha: The factor of the stream where a branch adds to it; DeepNet's is above 1.
        qk_norm: Whether each head's queries and keys are normalised before they meet.
        causal: Whether a position hears only itself and those before it.
        scale: Of the products of queries and keys; $1/\sqrt k$ if None.

    Returns:
        `StreamTrace`: `A[1 + 2 * l]` is the stream `(..., d, T * m)` after block `l`, `A[-1]` the logits
        `(..., V, T * m)`, `attention[l]` the shares `(..., m, H, T, T)`: how much of each key, in rows, each query, in
        columns, takes.

    Raises:
        ValueError: If shapes do not chain, a token is not in the vocabulary, or a setting is out of range.
        TypeError: If `params` is no transformer, or `X` holds no integers.

    Examples:
        >>> import numpy as np
        >>> from shallownet import initializers, transformer
        >>> rng = np.random.default_rng(0)
        >>> params = transformer.init_transformer([5, 4, 6, 12], 2, initializers.lecun, rng)
        >>> trace = transformer.forward(params, rng.integers(0, 5, (4, 3)), heads=2)
        >>> [A.shape for A in trace.A]
        [(4, 3), (6, 12), (6, 12), (6, 12), (6, 12), (6, 12), (5, 12)]
        >>> trace.attention[1].shape, bool(np.allclose(trace.attention[1].sum(axis=-2), 1))
        ((3, 2, 4, 4), True)

    Source:
        Vaswani et al. (2017), section 3.2; QK-norm after Henry et al. (2020), "Query-key normalization for
        transformers", with a layer norm in place of theirs.
    """
    embedding, blocks, head = _checked("transformer.forward", params)
    instance("transformer.forward", "activation", activation, Activation)
    how = _settings(embedding.E.shape[-2], heads, norm, alpha, qk_norm, causal, scale)
    X = _tokens(embedding, X)
    ensembles = {array.shape[:-2] for part in params for array in part} | {X.shape[:-2]}
    require(common(*ensembles) is not None, "transformer.forward: ensemble axes must broadcast", sorted(ensembles))
    x = _apart(_columns(embedding.E, X), *X.shape[-2:]) + embedding.P[..., : X.shape[-2], None]
    x = x.reshape(*x.shape[:-2], -1)
    trace = StreamTrace([X, x], [None], [None], [None], [()], how)
    for block in blocks:
        for branch in (_attend, _two_layers):
            N = layer_norm.f(x) if how.norm == "pre" else x
            G, inner = branch(block, N, X.shape[-2], activation, how)
            S = how.alpha * x + G
            x = layer_norm.f(S) if how.norm == "post" else S
            trace.N.append(N)
            trace.S.append(S)
            trace.inner.append(inner)
            trace.A.append(x)
        trace.attention.append(trace.inner[-2][-1])
    trace.N.append(layer_norm.f(x) if how.norm == "pre" else x)
    trace.A.append(embedding.E.mT @ trace.N[-1] if head is None else head.W @ trace.N[-1] + head.b)
    return trace


def backward(
    params: Parts, trace: StreamTrace, dZ: np.ndarray, activation: Activation = relu
) -> list[Embedding | Block | Layer]:
    r"""Compute the gradient of a loss in every parameter, from the head through branches and stream to the embedding.

    With $p$ a column of the softmax and $\delta$ the gradient in it, the one in what it was taken of is
    $p \odot (\delta - p^{\top} \delta)$.

    Args:
        params: The parts that made `trace`.
        trace: From `forward`; it knows the settings.
        dZ: `(..., V, T * m)`, the loss's gradient in the logits: `loss.df(trace.A[-1], Y)`.
        activation: The one that made `trace`.

    Returns:
        A list of `Embedding`, `Block` and perhaps `Layer`, shaped like `params`.

    Raises:
        ValueError: If `trace` or `dZ` does not fit `params`.
        TypeError: If an argument is of the wrong kind.
    """
    function = "transformer.backward"
    embedding, blocks, head = _checked(function, params)
    instance(function, "activation", activation, Activation)
    dZ = _fitting(embedding, blocks, trace, dZ)
    how, N, x = trace.settings, trace.N[-1], trace.A[-2]
    dN = (embedding.E if head is None else head.W.mT) @ dZ
    dx = layer_norm.df(x, dN) if how.norm == "pre" else dN
    found: list[Saved] = [] if head is None else [(dZ @ N.mT, dZ.sum(axis=-1, keepdims=True))]
    for l in range(len(blocks), 0, -1):
        grads: Saved = ()
        for i, branch in ((2 * l, _two_layers_back), (2 * l - 1, _attend_back)):
            dS = layer_norm.df(trace.S[i], dx) if how.norm == "post" else dx
            dN, own = branch(blocks[l - 1], trace.N[i], trace.inner[i], dS, activation, how)
            dx = how.alpha * dS + (layer_norm.df(trace.A[i], dN) if how.norm == "pre" else dN)
            grads = own + grads
        found.append(grads)
    T, m = trace.A[0].shape[-2:]
    one_hot = (trace.A[0].reshape(*trace.A[0].shape[:-2], 1, -1) == np.arange(embedding.E.shape[-1])[:, None]) + 0.0
    dE = dx @ one_hot.mT.astype(dx.dtype) + (0 if head is not None else N @ dZ.mT)
    dP = np.zeros((*dx.shape[:-1], embedding.P.shape[-1]), dx.dtype)
    dP[..., :T] = _apart(dx, T, m).sum(axis=-1)
    shaped = zip(params, [(dE, dP), *found[::-1]] if head is None else [(dE, dP), *found[:0:-1], found[0]], strict=True)
    return [type(part)(*(sum_to(G, P.shape) for G, P in zip(grads, part, strict=True))) for part, grads in shaped]


# Branches: each returns what it adds to the stream, with what its way back needs.


def _attend(block: Block, N: Array, T: int, activation: Activation, how: Settings) -> tuple[Array, Saved]:
    q, k, V = (_split(W @ N, T, how.heads) for W in block[:3])
    Q, K = (layer_norm.f(q), layer_norm.f(k)) if how.qk_norm else (q, k)
    S = how.scale * K.mT @ Q
    if how.causal:
        S = np.where(np.triu(np.ones((T, T), bool)), S, -np.inf)  # a key in row i, a query in column j >= i
    E = np.exp(S - S.max(axis=-2, keepdims=True))
    P = E / E.sum(axis=-2, keepdims=True)
    O = _joined(V @ P)
    return block.W_O @ O, (q, k, Q, K, V, O, P)


def _attend_back(
    block: Block, N: Array, inner: Saved, dG: Array, activation: Activation, how: Settings
) -> tuple[Array, Saved]:
    q, k, Q, K, V, O, P = inner
    dO = _split(block.W_O.mT @ dG, P.shape[-1], how.heads)
    dP = V.mT @ dO
    dS = how.scale * P * (dP - (P * dP).sum(axis=-2, keepdims=True))
    dQ, dK, dV = K @ dS, Q @ dS.mT, dO @ P.mT
    if how.qk_norm:
        dQ, dK = layer_norm.df(q, dQ), layer_norm.df(k, dK)
    three = [_joined(d) for d in (dQ, dK, dV)]
    dN = sum(W.mT @ d for W, d in zip(block[:3], three, strict=True))
    return dN, (*(d @ N.mT for d in three), dG @ O.mT)


def _two_layers(block: Block, N: Array, T: int, activation: Activation, how: Settings) -> tuple[Array, Saved]:
    Z = block.W1 @ N + block.b1
    return block.W2 @ activation.f(Z) + block.b2, (Z,)


def _two_layers_back(
    block: Block, N: Array, inner: Saved, dG: Array, activation: Activation, how: Settings
) -> tuple[Array, Saved]:
    (Z,) = inner
    dZ = block.W2.mT @ dG * activation.df(Z)
    grads = dZ @ N.mT, dZ.sum(axis=-1, keepdims=True), dG @ activation.f(Z).mT, dG.sum(axis=-1, keepdims=True)
    return block.W1.mT @ dZ, grads


def model(
    *,
    heads: int = 1,
    norm: str | None = "pre",
    alpha: float = 1.0,
    qk_norm: bool = False,
    causal: bool = True,
    scale: float | None = None,
) -> tuple[Callable[..., StreamTrace], Backward]:
    r"""Return `(forward, backward)` with these settings, for `sn.train(..., model=...)`.

    Args:
        heads: Number of heads, a divisor of the width $d$ of the stream `(..., d, T * m)`.
        norm: `"pre"`, `"post"` or None.
        alpha: The factor of the stream where a branch adds to it.
        qk_norm: Whether queries and keys are normalised.
        causal: Whether a position hears only itself and those before it.
        scale: Of the products of queries and keys; $1/\sqrt k$ if None.

    Examples:
        >>> import numpy as np
        >>> import shallownet as sn
        >>> from shallownet import transformer
        >>> rng = np.random.default_rng(0)
        >>> X, Y = sn.datasets.copying(200, rng, length=3, symbols=4)
        >>> params = transformer.init_transformer([5, 6, 16, 32], 1, sn.initializers.lecun, rng)
        >>> how = {"loss": sn.losses.softmax_cross_entropy, "optimizer": "adam", "model": transformer.model(heads=2)}
        >>> run = sn.train(params, X, Y, steps=150, lr=0.01, **how)
        >>> bool(run.history["loss"][0] > 1 and run.history["loss"][-1] < 0.1)
        True
    """
    settings = {"heads": heads, "norm": norm, "alpha": alpha, "qk_norm": qk_norm, "causal": causal, "scale": scale}
    return partial(forward, **settings), backward  # type: ignore[arg-type]


# Columns of the stream, position by position, as one matrix for each head of each sequence, and back.


def _apart(x: Array, T: int, m: int) -> Array:
    return x.reshape(*x.shape[:-1], T, m)


def _split(x: Array, T: int, heads: int) -> Array:
    *lead, d, c = x.shape
    return np.moveaxis(x.reshape(*lead, heads, d // heads, T, c // T), -1, -4)  # (..., m, heads, k, T)


def _joined(x: Array) -> Array:
    *lead, m, heads, k, T = x.shape
    return np.moveaxis(x, -4, -1).reshape(*lead, heads * k, T * m)


def _columns(E: Array, X: Array) -> Array:
    """Return a column of `E`, `(..., d, V)`, for each token: the product with columns that have a single 1, sooner."""
    if X.ndim == 2:
        return E[..., X.ravel()]
    lead = np.broadcast_shapes(E.shape[:-2], X.shape[:-2])
    E, X = np.broadcast_to(E, (*lead, *E.shape[-2:])), np.broadcast_to(X, (*lead, *X.shape[-2:]))
    return np.take_along_axis(E, X.reshape(*lead, 1, -1), axis=-1)


# What the functions ask of their arguments.


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and isfinite(value)


def _settings(
    d: int, heads: int, norm: str | None, alpha: float, qk_norm: bool, causal: bool, scale: float | None
) -> Settings:
    function = "transformer.forward"
    fits = is_integer(heads, 1) and d % heads == 0
    require(fits, f"{function}: heads must be a positive integer that divides the width {d}", heads)
    require(norm in ("pre", "post", None), f"{function}: norm must be 'pre', 'post' or None", norm)
    require(_is_number(alpha), f"{function}: alpha must be a finite number", alpha)
    for name, value in (("qk_norm", qk_norm), ("causal", causal)):
        require(isinstance(value, bool | np.bool_), f"{function}: {name} must be True or False", value, TypeError)
    require(scale is None or _is_number(scale), f"{function}: scale must be a finite number or None", scale)
    # Python's floats: NumPy's own would turn a stream of 32 bits into one of 64
    how_far = float((d // heads) ** -0.5 if scale is None else scale)
    return Settings(int(heads), norm, float(alpha), bool(qk_norm), bool(causal), how_far)


def _tokens(embedding: Embedding, X: Array) -> np.ndarray:
    """Return tokens as integers, or say what they are instead."""
    V, T, X = embedding.E.shape[-1], embedding.P.shape[-1], np.asarray(X)
    require(X.dtype.kind in "iu", "transformer.forward: X must hold integers", X.dtype, TypeError)
    fits = X.ndim >= 2 and 1 <= X.shape[-2] <= T and X.shape[-1] >= 1
    require(fits, f"transformer.forward: X must be (..., T, m) with 1 <= T <= {T} and m >= 1", X.shape)
    least, most = int(X.min()), int(X.max())
    require(least >= 0 and most < V, f"transformer.forward: tokens of X must lie in 0..{V - 1}", [least, most])
    return np.asarray(X)


def _checked(function: str, params: Parts) -> tuple[Embedding, list[Block], Layer | None]:
    """Return `params` as embedding, blocks and head, or say which of them does not fit."""
    given = list(params) if isinstance(params, list | tuple) else []
    tied = not (given and isinstance(given[-1], Layer))
    kinds: list[Array] = [Embedding, *[Block] * (len(given) - 2 + tied), *[Layer] * (not tied)]
    fits = len(given) == len(kinds) and all(map(isinstance, given, kinds))
    expected = "[Embedding, Block, ..., Block] with or without a Layer"
    require(fits, f"{function}: params must be {expected}", params, TypeError)
    parts: list[Array] = [kind(*map(np.asarray, part)) for kind, part in zip(kinds, given, strict=True)]
    (d, V), (_, T) = _last_two(parts[0].E), _last_two(parts[0].P)
    for l, part in enumerate(parts, start=1):
        h = _last_two(part.W1)[0] if isinstance(part, Block) else 0
        shapes = {
            Embedding: [(d, V), (d, T)],
            Block: [*[(d, d)] * 4, (h, d), (h, 1), (d, h), (d, 1)],
            Layer: [(V, d), (V, 1)],
        }
        for name, array, shape in zip(part._fields, part, shapes[type(part)], strict=True):
            if array.dtype.kind != "f" or array.ndim < 2 or array.shape[-2:] != shape:
                wanted = f"floats of shape (..., {shape[0]}, {shape[1]})"
                raise ValueError(f"{function}: {name}[{l}] must be {wanted}, got {array.dtype} {array.shape}")
    return parts[0], parts[1:] if tied else parts[1:-1], None if tied else parts[-1]


def _last_two(array: np.ndarray) -> tuple[int, int]:
    rows, columns = (0, 0, *array.shape)[-2:]
    return rows, columns


def _fitting(embedding: Embedding, blocks: list[Block], trace: StreamTrace, dZ: Array) -> np.ndarray:
    """Return the gradient in the logits in their dtype, or say that it, or the trace, does not fit."""
    function = "transformer.backward"
    instance(function, "trace", trace, StreamTrace)
    depth = len(trace.attention) - 1
    require(depth == len(blocks), f"{function}: trace must come from these {len(blocks)} blocks", depth)
    x, Z = trace.A[1], trace.A[-1]
    sizes = (*embedding.E.shape[-2:], *(block.W1.shape[-2] for block in blocks))
    found = (x.shape[-2], Z.shape[-2], *(inner[0].shape[-2] for inner in trace.inner[2::2]))
    require(found == sizes, f"{function}: trace must come from parts of sizes {sizes}", found)
    leads = {array.shape[:-2] for part in (embedding, *blocks) for array in part}
    fits = all(common(lead, Z.shape[:-2]) == Z.shape[:-2] for lead in leads)
    require(fits, f"{function}: trace must have the ensemble axes of params", Z.shape)
    dZ = np.asarray(dZ)
    if dZ.shape != Z.shape or dZ.dtype.kind not in "fiub":
        expected = f"numbers of the logits' shape {Z.shape}"
        raise ValueError(f"{function}: dZ must be {expected}, got {dZ.dtype} of shape {dZ.shape}")
    return np.asarray(dZ, Z.dtype)
