r"""Initializers: every scheme of the book as `(shape, rng, *, ..., dtype) -> W`.

`shape` is `(..., n_out, n_in)`; leading axes are independent networks and never change the variance.
So a convolution's `(64, 64, 3, 3)` would be 4096 networks of three units: `fans` reads such kernels, and
the scaled initializers take what it finds as `fans=`. `rng` is advanced in place, `dtype` is `float` or
`np.float32`; for fewer bits draw in float32 and cast. Other parameters are bound with
`functools.partial(normal, std=0.1)`. All but `zeros`, `constant` and `identity` have mean zero; what
tells them apart is the variance, and that is what the tests test. `lsuv` alone looks at data: it takes
layers and returns new ones.

Each raises `ValueError` if `shape` or a parameter does not fit, `TypeError` if `rng` is no Generator or `dtype`
neither float64 nor float32.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import pairwise
from math import ceil, prod, sqrt
from numbers import Real
from types import EllipsisType
from typing import cast

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from shallownet import activations
from shallownet._checks import (
    Curve,
    axes,
    fan_counts,
    float_dtype,
    generator,
    instance,
    matrix_shape,
    positive_integers,
    require,
    unnamed,
)
from shallownet.activations import Activation

__all__ = [
    "constant",
    "delta_orthogonal",
    "fans",
    "gain",
    "glorot",
    "he",
    "identity",
    "lecun",
    "lsuv",
    "mup",
    "mup_rates",
    "normal",
    "orthogonal",
    "sparse",
    "truncated_normal",
    "uniform",
    "variance_scaling",
    "zeros",
]

Shape = tuple[int, ...]
Generator = np.random.Generator
Fans = tuple[float, float] | None
Pair = tuple[np.ndarray, np.ndarray]  # or a named one: a layer (W, b)

# Standard deviation of N(0, 1) cut off at -2 and 2; dividing by it restores the variance.
TRUNCATED_STD = 0.87962566103423978


def fans(
    shape: Shape,
    layout: str = "oi",
    *,
    groups: int = 1,
    stride: int | Sequence[int] = 1,
    transposed: bool = False,
) -> tuple[float, float]:
    r"""Return `(fan_in, fan_out)`: how many weights one output hears, and how many outputs one input feeds.

    A shape alone does not say which axis is which: each framework stores its kernels in an order of its own.

    | Kernel | Layout |
    | --- | --- |
    | this book, PyTorch `Linear` | `oi` |
    | Keras and Flax `Dense` | `io` |
    | PyTorch `Conv2d` | `oikk` |
    | PyTorch `ConvTranspose2d` | `iokk` |
    | Keras `Conv2D`, Flax `Conv` and `ConvTranspose` | `kkio` |
    | Keras `Conv2DTranspose` | `kkoi` |
    | Keras `DepthwiseConv2D` | `kkno` |
    | attention, (model, heads, head size) | `ioo` |
    | attention, (heads, head size, model) | `iio` |
    | stacked experts, (k, in, out) | `nio` |
    | a look-up, (vocabulary, features) | `no` |

    Args:
        shape: `(..., n_out, n_in)`, or with the axes that `layout` names. Axes before them are independent networks.
        layout: A letter for each of the last axes: `o` outputs, `i` inputs, `k` kernel, `n` independent copies. Letters
            of a kind multiply; without an `i` each output hears one input, without an `o` each input feeds one output.
        groups: Of a grouped convolution. The frameworks' shapes hold the inputs of one group and the outputs of all,
            transposed the outputs of one group and the inputs of all; what they hold of all is divided here.
        stride: Of a convolution, one number or one for each `k`. Both fans are averages over positions, borders apart:
            a kernel axis of 4 at stride 2 counts 2 in `fan_out`, or, if transposed, in `fan_in`.
        transposed: Whether the convolution is transposed; its layout says in which order it is stored.

    Returns:
        Two numbers, integers where they are whole.

    Raises:
        ValueError: If `layout` has other letters, neither `o` nor `i`, or more letters than `shape` has axes; if an
            axis is empty; if `groups` does not divide, or a stride has no kernel axis.

    Examples:
        >>> from shallownet.initializers import fans
        >>> fans((200, 4, 2))  # 200 networks
        (2, 4)
        >>> fans((64, 8, 3, 3), "oikk", groups=8)  # each output hears 8 of 64 channels
        (72, 72)
        >>> fans((64, 128, 4, 4), "iokk", stride=2, transposed=True)
        (256, 2048)
        >>> fans((768, 12, 64), "ioo")
        (768, 768)

    Source:
        He et al. (2015), "Delving Deep into Rectifiers", section 2.2, for a convolution's; the others by counting.
    """
    return fan_counts("fans", shape, layout, groups, stride, transposed)


def zeros(shape: Shape, rng: Generator, *, dtype: DTypeLike = float) -> np.ndarray:
    """Return zeros. Right for biases and for a model with one layer; chapter 1 says why not elsewhere."""
    return np.zeros(_checked("zeros", shape, rng, dtype), dtype)


def constant(shape: Shape, rng: Generator, *, value: float, dtype: DTypeLike = float) -> np.ndarray:
    """Return an array of `value`. It ties all units of a layer, whatever the value.

    Args:
        value: A finite number.
    """
    shape = _checked("constant", shape, rng, dtype)
    return np.full(shape, _number("constant", "value", value, (), dtype), dtype)


def identity(shape: Shape, rng: Generator, *, dtype: DTypeLike = float) -> np.ndarray:
    """Return ones on the diagonal: a square layer passes its input on, a wide one adds zeros, a narrow one cuts it."""
    shape = _checked("identity", shape, rng, dtype)
    n_out, n_in = shape[-2:]
    return np.broadcast_to(np.eye(n_out, n_in, dtype=dtype), shape).copy()


def normal(shape: Shape, rng: Generator, *, std: ArrayLike, dtype: DTypeLike = float) -> np.ndarray:
    """Draw from N(0, `std**2`).

    Args:
        std: Standard deviation, at least 0; an array broadcasts against `shape`, so that
            `np.array(scales)[:, None, None]` gives each network of an ensemble its own.

    Examples:
        >>> import numpy as np
        >>> from shallownet.initializers import normal
        >>> W = normal((400, 100), np.random.default_rng(0), std=0.01)
        >>> bool(abs(W.std() / 0.01 - 1) < 0.02)  # the sampling error is about 0.004
        True
    """
    shape = _checked("normal", shape, rng, dtype)
    std = _nonnegative("normal", "std", std, shape, dtype)
    W: np.ndarray = _gaussian(shape, rng, dtype) * std
    return W


def uniform(shape: Shape, rng: Generator, *, limit: ArrayLike, dtype: DTypeLike = float) -> np.ndarray:
    """Draw from the interval `[-limit, limit)`; the variance is `limit**2 / 3`.

    Args:
        limit: Half-width, at least 0; an array broadcasts against `shape`.
    """
    shape = _checked("uniform", shape, rng, dtype)
    limit = _nonnegative("uniform", "limit", limit, shape, dtype)
    W: np.ndarray = (2 * _uniform(shape, rng, dtype) - 1) * limit
    return W


def truncated_normal(shape: Shape, rng: Generator, *, std: ArrayLike, dtype: DTypeLike = float) -> np.ndarray:
    """Draw from a normal distribution cut off at two of its own deviations, rescaled to `std`.

    `std` is the standard deviation of what comes out, as in the variance scaling of Keras and JAX. Their
    plain truncated normals do not rescale, and PyTorch's `trunc_normal_` does not even cut relative to `std`.

    Args:
        std: Standard deviation, at least 0; an array broadcasts against `shape`.
    """
    shape = _checked("truncated_normal", shape, rng, dtype)
    std = _nonnegative("truncated_normal", "std", std, shape, dtype)
    W: np.ndarray = _gaussian(shape, rng, dtype)
    while (outside := np.abs(W) > 2).any():  # about 4.6 % at the first pass
        W[outside] = _gaussian((int(outside.sum()),), rng, dtype)
    W *= std / TRUNCATED_STD
    return W


def variance_scaling(
    shape: Shape,
    rng: Generator,
    *,
    scale: float = 1.0,
    mode: str = "fan_in",
    distribution: str = "normal",
    fans: Fans = None,
    dtype: DTypeLike = float,
) -> np.ndarray:
    r"""Draw zero-mean weights with variance `scale / n`; `lecun`, `glorot` and `he` are special cases.

    Args:
        scale: At least 0.
        mode: What `n` is: `"fan_in"`, `"fan_out"`, `"fan_avg"` (arithmetic mean) or
            `"fan_geo_avg"` (geometric mean).
        distribution: `"normal"`, `"uniform"` or `"truncated_normal"`; the variance is the same.
        fans: `(fan_in, fan_out)` in place of what `shape` says, as the function `fans` returns it.
    """
    return _scaled("variance_scaling", shape, rng, scale, mode, distribution, fans, dtype)


def lecun(
    shape: Shape,
    rng: Generator,
    *,
    distribution: str = "normal",
    gain: float = 1.0,
    fans: Fans = None,
    dtype: DTypeLike = float,
) -> np.ndarray:
    r"""Draw zero-mean weights with variance `gain**2` / fan-in.

    A unit whose inputs have mean square $q$ gets a pre-activation of mean square `gain**2` $q$, averaged over $W$.

    Args:
        distribution: `"normal"`, `"uniform"` or `"truncated_normal"`; the variance is the same.
        gain: At least 0.
        fans: `(fan_in, fan_out)` in place of what `shape` says, as the function `fans` returns it.

    Source:
        LeCun, Bottou, Orr & Müller (1998), "Efficient BackProp", section 4.6.
    """
    return _scaled("lecun", shape, rng, _square("lecun", gain), "fan_in", distribution, fans, dtype)


def glorot(
    shape: Shape,
    rng: Generator,
    *,
    distribution: str = "normal",
    gain: float = 1.0,
    fans: Fans = None,
    dtype: DTypeLike = float,
) -> np.ndarray:
    r"""Draw zero-mean weights with variance `gain**2` times 2 / (fan-in + fan-out).

    The compromise between keeping activations (1 / fan-in) and gradients (1 / fan-out).

    Args:
        distribution: `"normal"`, `"uniform"` or `"truncated_normal"`; the variance is the same.
        gain: At least 0.
        fans: `(fan_in, fan_out)` in place of what `shape` says, as the function `fans` returns it.

    Source:
        Glorot & Bengio (2010), "Understanding the difficulty of training deep feedforward neural
        networks", eq. 12 (the variance) and eq. 16 (as a uniform distribution).
    """
    return _scaled("glorot", shape, rng, _square("glorot", gain), "fan_avg", distribution, fans, dtype)


def he(
    shape: Shape,
    rng: Generator,
    *,
    distribution: str = "normal",
    gain: float = 2**0.5,
    mode: str = "fan_in",
    fans: Fans = None,
    dtype: DTypeLike = float,
) -> np.ndarray:
    r"""Draw zero-mean weights with variance `gain**2` / fan-in.

    The default gain repays what ReLU discards: a layer whose inputs have mean square $q$ has
    outputs of mean square $q$, averaged over $W$.

    Args:
        shape: `(..., n_out, n_in)`. Leading axes are independent networks and do not change
            the variance.
        rng: Advanced in place; reseeding it per layer would correlate the layers.
        distribution: `"normal"`, `"uniform"` or `"truncated_normal"`.
        gain: At least 0; for another activation that is straight on each side of 0, what the function `gain` returns.
        mode: `"fan_in"` keeps activations, `"fan_out"` gradients.
        fans: `(fan_in, fan_out)` in place of what `shape` says, as the function `fans` returns it. A kernel of a
            convolution needs it: of `(64, 64, 3, 3)` the last two axes are no outputs and inputs.
        dtype: `float` or `np.float32`.

    Returns:
        Array of the given `shape` and `dtype`.

    Raises:
        ValueError: If `shape` has fewer than two axes or no inputs, or a parameter does not fit.
        TypeError: If `rng` is no Generator, or `dtype` neither float64 nor float32.

    Examples:
        >>> import numpy as np
        >>> from shallownet.initializers import he
        >>> W = he((400, 100), np.random.default_rng(0))
        >>> bool(abs(W.var() * 100 - 2) < 0.1)  # the sampling error is about 0.014
        True
        >>> from shallownet.initializers import fans
        >>> shape = 64, 32, 3, 3  # of PyTorch's Conv2d(32, 64, 3)
        >>> W = he(shape, np.random.default_rng(0), fans=fans(shape, "oikk"))
        >>> bool(abs(W.var() * 32 * 9 - 2) < 0.1)
        True

    Source:
        He et al. (2015), "Delving Deep into Rectifiers", eq. 10 (forward) and eq. 14 (backward).
    """
    return _scaled("he", shape, rng, _square("he", gain), mode, distribution, fans, dtype)


def orthogonal(shape: Shape, rng: Generator, *, gain: float = 1.0, dtype: DTypeLike = float) -> np.ndarray:
    r"""Draw `gain` times a matrix with orthonormal rows (or columns, if there are more rows).

    Uniform over all such matrices: without the sign correction, the factor $Q$ of a Gaussian
    matrix's QR decomposition is not.

    Args:
        gain: At least 0; every singular value of `W` equals it.

    Source:
        Saxe, McClelland & Ganguli (2013), "Exact solutions to the nonlinear dynamics of learning in
        deep linear neural networks"; Mezzadri (2007) for the sign correction.
    """
    shape = _checked("orthogonal", shape, rng, dtype)
    *ensemble, n_out, n_in = shape
    gain = float(_nonnegative("orthogonal", "gain", gain, (), dtype))
    tall = (*ensemble, max(n_out, n_in), min(n_out, n_in))
    Q, R = np.linalg.qr(_gaussian(tall, rng, dtype))
    Q = gain * Q * np.where(np.diagonal(R, axis1=-2, axis2=-1) < 0, -1, 1)[..., None, :].astype(dtype)
    W: np.ndarray = Q if n_out >= n_in else Q.mT
    return W


def delta_orthogonal(
    shape: Shape, rng: Generator, *, gain: float = 1.0, layout: str = "oikk", dtype: DTypeLike = float
) -> np.ndarray:
    r"""Draw a convolution's kernel that is `gain` times an orthogonal matrix at its centre, and 0 elsewhere.

    At stride 1 and with borders that wrap around, the convolution then multiplies the length of every image by `gain`,
    if it has at least as many outputs as inputs. An orthogonal draw of the flattened kernel does not do that.

    Args:
        shape: `(..., n_out, n_in, k, k)`, or with the axes that `layout` names; axes before them are independent
            networks. A kernel axis of even size has its centre at the entry before the middle.
        gain: At least 0; every singular value of the matrix at the centre equals it.
        layout: As for `fans`, for example `"kkio"` for Keras and Flax; it needs an `o`, an `i` and a `k`.

    Raises:
        ValueError: If `layout` does not fit, or a parameter is out of range.
        TypeError: If `rng` is no Generator, or `dtype` neither float64 nor float32.

    Examples:
        >>> import numpy as np
        >>> from shallownet.initializers import delta_orthogonal
        >>> W = delta_orthogonal((8, 8, 3, 3), np.random.default_rng(0))
        >>> bool(np.allclose(W[:, :, 1, 1] @ W[:, :, 1, 1].T, np.eye(8))), int((W != 0).sum())
        (True, 64)

    Source:
        Xiao et al. (2018), "Dynamical Isometry and a Mean Field Theory of CNNs".
    """
    generator("delta_orthogonal", rng)
    float_dtype("delta_orthogonal", dtype)
    sizes = axes("delta_orthogonal", shape, layout)
    fits = all(letter in layout for letter in "oik")
    require(fits, "delta_orthogonal: layout must have the letters o, i and k", layout)
    gain = float(_nonnegative("delta_orthogonal", "gain", gain, (), dtype))
    leading = tuple(int(n) for n in shape)[: len(shape) - len(layout)]
    n_out, n_in = prod(sizes["o"]), prod(sizes["i"])
    Q = orthogonal((*leading, *sizes["n"], n_out, n_in), rng, gain=gain, dtype=dtype)
    W = np.zeros((*leading, *sizes["n"], *sizes["o"], *sizes["i"], *sizes["k"]), dtype)
    centre: tuple[EllipsisType | int, ...] = (..., *((k - 1) // 2 for k in sizes["k"]))
    W[centre] = Q.reshape(W.shape[: W.ndim - len(sizes["k"])])
    # W has the letters in the order n, o, i, k, and wants them in that of the layout
    order = sorted(range(len(layout)), key=lambda axis: "noik".index(layout[axis]))
    places = [len(leading) + axis for axis in order]
    return np.ascontiguousarray(np.moveaxis(W, range(len(leading), W.ndim), places))


def sparse(
    shape: Shape, rng: Generator, *, sparsity: float, std: ArrayLike = 0.01, dtype: DTypeLike = float
) -> np.ndarray:
    """Draw from N(0, `std**2`) and set `ceil(sparsity * n_out)` weights of every column to 0.

    Args:
        sparsity: Share of zeros, in [0, 1].
        std: Standard deviation of the others.

    Source:
        Martens (2010), "Deep learning via Hessian-free optimization"; the rule per column is PyTorch's.
    """
    shape = _checked("sparse", shape, rng, dtype)
    require(isinstance(sparsity, Real) and 0 <= sparsity <= 1, "sparse: sparsity must lie in [0, 1]", sparsity)
    std = _nonnegative("sparse", "std", std, shape, dtype)
    W: np.ndarray = _gaussian(shape, rng, dtype) * std
    ranks = rng.random(shape).argsort(axis=-2)  # a random order of each column's rows
    W[ranks < ceil(sparsity * shape[-2])] = 0
    return W


def lsuv(
    params: Iterable[tuple[np.ndarray, np.ndarray]],
    X: ArrayLike,
    activation: Curve,
    rng: Generator,
    tolerance: float = 0.1,
) -> list[tuple[np.ndarray, np.ndarray]]:
    r"""Draw orthogonal weights, then scale layer after layer until its output has variance 1 on `X`.

    Each network of an ensemble is measured by itself. $Z = WA$ is linear in $W$, so one division by the
    standard deviation of $Z$ makes it 1, and nothing has to be measured twice; chapter 9 says where it has.

    Args:
        params: Layers `(W, b)`; their shapes, dtypes and type stay, their values do not. Biases become 0.
        X: `(n_0, m)`, the batch to measure on, or `(..., n_0, m)`, one for each network.
        activation: Of the hidden layers; only its `f` is used.
        rng: Advanced in place.
        tolerance: In [0, 1). A layer whose variance over units and examples is closer to 1 than this keeps its draw.

    Returns:
        New layers; those handed in are not changed.

    Raises:
        ValueError: If shapes or `tolerance` do not fit, `X` is not finite, or what a layer puts out does not vary.
        TypeError: If `params`, `rng` or `activation` is none.

    Source:
        Mishkin & Matas (2015), "All you need is a good init", abstract; the authors' LSUVinit for the loop.
    """
    unnamed("lsuv", "params", params)
    require(callable(getattr(activation, "f", None)), "lsuv: activation must be an Activation", activation, TypeError)
    require(isinstance(tolerance, Real) and 0 <= tolerance < 1, "lsuv: tolerance must lie in [0, 1)", tolerance)
    pairs = []
    with suppress(TypeError, ValueError):
        pairs = [(layer, np.asarray(W), np.asarray(b)) for layer in params for W, b in [layer]]
    floats = pairs and all(W.dtype.kind == "f" for _, W, _ in pairs)
    require(floats, "lsuv: params must be a list of layers (W, b) of floats", params, TypeError)
    A, layers = _number("lsuv", "X", X, np.shape(X), pairs[0][1].dtype), []
    for l, (layer, W, b) in enumerate(pairs, start=1):
        *_, n_out, n_in = _checked("lsuv", W.shape, rng, W.dtype)
        fits = A.shape[-2:-1] == (n_in,) and A.shape[:-2] in ((), W.shape[:-2]) and b.shape[-2:] == (n_out, 1)
        if not fits or 0 in A.shape:
            raise ValueError(f"lsuv: W, b of layer {l} must fit inputs {A.shape}, got {W.shape}, {b.shape}")
        W = orthogonal(W.shape, rng, dtype=W.dtype)
        with np.errstate(over="ignore", invalid="ignore"):  # told below
            Z = W @ A
            variance, largest = Z.var(axis=(-2, -1), keepdims=True), np.abs(Z).max(axis=(-2, -1), keepdims=True)
        # what is left of equal numbers is rounding, which must not be blown up to 1
        varies = (np.sqrt(variance) > 100 * np.finfo(W.dtype).eps * largest) & (variance < np.inf)
        if not varies.all():
            raise ValueError(f"lsuv: the output of layer {l} must vary, got variance {variance[~varies][0]:.2g}")
        s = np.where(np.abs(variance - 1) < tolerance, 1, np.sqrt(variance)).astype(W.dtype)
        make = cast(Callable[[Pair], Pair], getattr(layer, "_make", type(layer)))
        layers.append(make((W / s, np.zeros(b.shape, W.dtype))))
        A = activation.f(Z / s)
    return layers


def mup(
    shape: Shape, rng: Generator, *, role: str, base_width: float = 1.0, gain: float = 1.0, dtype: DTypeLike = float
) -> np.ndarray:
    r"""Draw normal weights for the maximal-update parametrisation (muP); `mup_rates` is its other half.

    Args:
        role: `"input"`, `"hidden"`: variance `gain**2` / fan-in; `"output"`: `base_width` / fan-in of that.
        base_width: The fan-in at which all three start as `lecun`'s with the same gain.
        gain: At least 0.

    Source:
        Yang & Hu (2021), in the form of Yang et al. (2022), "Tensor programs V", table 3.
    """
    n_in = _checked("mup", shape, rng, dtype)[-1]
    require(role in ("input", "hidden", "output"), "mup: role must be input, hidden or output", role)
    share = float(_positive("mup", "base_width", base_width)) / n_in
    scale = _square("mup", gain) * (share if role == "output" else 1)
    return _scaled("mup", shape, rng, scale, "fan_in", "normal", None, dtype)


def mup_rates(
    sizes: Sequence[int], lr: ArrayLike, optimizer: str = "adam", *, base_width: float = 1.0
) -> list[float | np.ndarray]:
    r"""Return muP's learning rates, one a layer (its bias shares it), for `sn.train(..., lr=...)`.

    Args:
        sizes: `[n_0, n_1, ..., n_L]`, as for `init_params`; only the hidden layers widen.
        lr: The rate of every layer at `base_width`, above 0; or an array with the ensemble's shape.
        optimizer: `"adam"`, `"sgd"` or `"momentum"`.
        base_width: Width of the hidden layers at which `lr` was tuned.

    Examples:
        >>> from shallownet.initializers import mup_rates
        >>> mup_rates([64, 128, 128, 10], 0.01, base_width=32)
        [0.01, 0.0025, 0.0025]

    Source:
        Yang et al. (2022), table 3; for unequal widths as in their package `mup`.
    """
    sizes = positive_integers("mup_rates", "sizes", sizes, at_least=2)
    require(optimizer in ("adam", "sgd", "momentum"), "mup_rates: optimizer must be adam, sgd or momentum", optimizer)
    base = float(_positive("mup_rates", "base_width", base_width))
    rate = _positive("mup_rates", "lr", lr, np.shape(lr))
    wide = [1.0, *(n / base for n in sizes[1:-1]), 1.0]  # data and targets do not widen
    factors = [(1 if optimizer == "adam" else n_out) / n_in for n_in, n_out in pairwise(wide)]
    return [rate * factor if rate.ndim else float(rate) * factor for factor in factors]


# Conventions, not theorems: only identity, relu and leaky_relu keep the mean square exactly. The table
# is PyTorch's calculate_gain; chapter 7 says where each comes from and what it does.
_GAINS = {
    activations.identity: 1.0,
    activations.sigmoid: 1.0,
    activations.tanh: 5 / 3,
    activations.relu: sqrt(2),
    activations.leaky_relu: sqrt(2 / (1 + 0.01**2)),
    activations.selu: 3 / 4,
}


def gain(activation: Activation) -> float:
    r"""Return a factor for the weights before an activation: the customary one, or what the function asks for.

    Of the library's own `identity`, `sigmoid`, `tanh`, `relu`, `leaky_relu` and `selu`, the number in PyTorch's table.
    Of any other, what the function does; its name does not count. If it is straight on each side of 0, with slopes
    $s_-$ and $s_+$, then $\sqrt{2 / (s_-^2 + s_+^2)}$ keeps the mean square of every signal from layer to layer.
    If it bends, no gain does that for all lengths: chapter 7 says what there is to choose, `meanfield` computes it.

    Args:
        activation: One of `shallownet.activations` or your own; `f` is called with an array of shape `(n,)`.

    Raises:
        ValueError: If `activation` is not in the table and bends, jumps, or is 0 everywhere.
        TypeError: If `activation` is no Activation.

    Examples:
        >>> import numpy as np
        >>> import shallownet as sn
        >>> round(sn.initializers.gain(sn.activations.tanh), 4)
        1.6667
        >>> f, df = lambda Z: np.maximum(Z, 0.2 * Z), lambda Z: np.where(Z > 0, 1, 0.2)
        >>> own = sn.activations.Activation("leaky_relu", f, df)
        >>> round(sn.initializers.gain(own), 4), round((2 / (1 + 0.2**2)) ** 0.5, 4)
        (1.3868, 1.3868)

    Source:
        PyTorch's `calculate_gain` for the table; He et al. (2015), "Delving Deep into Rectifiers", for slopes.
    """
    instance("gain", "activation", activation, Activation)
    if activation in _GAINS:
        return _GAINS[activation]
    z = np.geomspace(1e-6, 1e6, 97)
    right, left = np.asarray(activation.f(z)) / z, np.asarray(activation.f(-z)) / z  # slopes, if they are all alike
    size = max(abs(right[0]), abs(left[0]))
    straight = size > 0 and all(np.allclose(side, side[0], rtol=0, atol=1e-9 * size) for side in (right, left))
    expected = "one of the table or straight on each side of 0; for one that bends see chapter 7 and meanfield"
    require(straight, f"gain: activation must be {expected}", activation.name)
    return float(sqrt(2 / (right[0] ** 2 + left[0] ** 2)))


_FANS: dict[str, Callable[[float, float], float]] = {
    "fan_in": lambda n_in, n_out: n_in,
    "fan_out": lambda n_in, n_out: n_out,
    "fan_avg": lambda n_in, n_out: (n_in + n_out) / 2,
    "fan_geo_avg": lambda n_in, n_out: sqrt(n_in * n_out),
}


def _scaled(
    name: str, shape: Shape, rng: Generator, scale: float, mode: str, distribution: str, fans: Fans, dtype: DTypeLike
) -> np.ndarray:
    *_, n_out, n_in = _checked(name, shape, rng, dtype)
    scale = float(_nonnegative(name, "scale", scale, ()))
    require(mode in list(_FANS), f"{name}: mode must be one of {', '.join(_FANS)}", mode)
    std = sqrt(scale / _FANS[mode](*((n_in, n_out) if fans is None else _pair(name, fans))))
    draws: dict[str, Callable[..., np.ndarray]] = {
        "normal": normal,
        "uniform": uniform,
        "truncated_normal": truncated_normal,
    }
    require(distribution in list(draws), f"{name}: distribution must be one of {', '.join(draws)}", distribution)
    spread = {"limit": sqrt(3) * std} if distribution == "uniform" else {"std": std}
    W: np.ndarray = draws[distribution](shape, rng, **spread, dtype=dtype)
    return W


def _pair(name: str, fans: object) -> tuple[float, float]:
    found = np.asarray(fans if isinstance(fans, tuple | list | np.ndarray) else None)
    fits = found.shape == (2,) and found.dtype.kind in "fiu" and bool(np.isfinite(found).all() and (found > 0).all())
    require(fits, f"{name}: fans must be two positive numbers (fan_in, fan_out)", fans)
    return float(found[0]), float(found[1])


def _gaussian(shape: Shape, rng: Generator, dtype: DTypeLike) -> np.ndarray:
    return rng.standard_normal(shape, np.float32) if np.dtype(dtype) == np.float32 else rng.standard_normal(shape)


def _uniform(shape: Shape, rng: Generator, dtype: DTypeLike) -> np.ndarray:
    return rng.random(shape, np.float32) if np.dtype(dtype) == np.float32 else rng.random(shape)


def _checked(name: str, shape: object, rng: object, dtype: object) -> Shape:
    generator(name, rng)
    float_dtype(name, dtype)
    return matrix_shape(name, shape)


def _number(name: str, argument: str, value: ArrayLike, shape: Shape, dtype: DTypeLike = float) -> np.ndarray:
    """Return `value` as an array of `dtype`, or say why it cannot scale weights of `shape`."""
    number = np.asarray(value)
    finite = number.dtype.kind in "fiu" and np.isfinite(number).all()
    require(finite, f"{name}: {argument} must be finite", value)
    if np.abs(number).max(initial=0) > np.finfo(dtype).max:
        require(False, f"{name}: {argument} must be finite as {np.dtype(dtype)}", value)
    try:
        fits = np.broadcast_shapes(number.shape, shape) == shape
    except ValueError:
        fits = False
    if not fits:
        expected = f"broadcast against {shape}" if shape else "be a number"
        raise ValueError(f"{name}: {argument} must {expected}, got shape {number.shape}")
    return number.astype(dtype)


def _nonnegative(name: str, argument: str, value: ArrayLike, shape: Shape, dtype: DTypeLike = float) -> np.ndarray:
    number = _number(name, argument, value, shape, dtype)
    require((number >= 0).all(), f"{name}: {argument} must be at least 0", value)
    return number


def _positive(name: str, argument: str, value: ArrayLike, shape: Shape = ()) -> np.ndarray:
    number = _number(name, argument, value, shape)
    require((number > 0).all(), f"{name}: {argument} must be above 0", value)
    return number


def _square(name: str, gain: ArrayLike) -> float:
    return float(_nonnegative(name, "gain", gain, ())) ** 2
