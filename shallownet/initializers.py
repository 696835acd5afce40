r"""Initializers: every scheme of the book as `(shape, rng, *, ..., dtype) -> W`.

`shape` is `(..., n_out, n_in)`; leading axes are independent networks and never change the variance.
`rng` is advanced in place, `dtype` is `float` or `np.float32`. Other parameters are bound with
`functools.partial(normal, std=0.1)`. All but `zeros`, `constant` and `identity` have mean zero; what
tells them apart is the variance, and that is what the tests test. `lsuv` alone looks at data: it takes
layers and returns new ones.

Each raises `ValueError` if `shape` or a parameter does not fit, `TypeError` if `rng` is no Generator or `dtype`
neither float64 nor float32.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import pairwise
from math import ceil, sqrt
from numbers import Real
from typing import cast

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from shallownet import activations
from shallownet._checks import Curve, float_dtype, generator, instance, integers, positive_integers, require, shown
from shallownet.activations import Activation

__all__ = [
    "constant",
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
Pair = tuple[np.ndarray, np.ndarray]  # or a named one: a layer (W, b)

# Standard deviation of N(0, 1) cut off at -2 and 2; dividing by it restores the variance.
TRUNCATED_STD = 0.87962566103423978


def fans(shape: Shape) -> tuple[int, int]:
    """Return `(fan_in, fan_out)`, the numbers of inputs and of outputs of one unit's layer.

    Args:
        shape: `(..., n_out, n_in)`.

    Raises:
        ValueError: If `shape` has fewer than two axes or an empty one.

    Examples:
        >>> from shallownet.initializers import fans
        >>> fans((200, 4, 2))
        (2, 4)
    """
    n_out, n_in = _shape("fans", shape)[-2:]
    return n_in, n_out


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
    dtype: DTypeLike = float,
) -> np.ndarray:
    r"""Draw zero-mean weights with variance `scale / n`; `lecun`, `glorot` and `he` are special cases.

    Args:
        scale: At least 0.
        mode: What `n` is: `"fan_in"`, `"fan_out"`, `"fan_avg"` (arithmetic mean) or
            `"fan_geo_avg"` (geometric mean).
        distribution: `"normal"`, `"uniform"` or `"truncated_normal"`; the variance is the same.
    """
    return _scaled("variance_scaling", shape, rng, scale, mode, distribution, dtype)


def lecun(
    shape: Shape, rng: Generator, *, distribution: str = "normal", gain: float = 1.0, dtype: DTypeLike = float
) -> np.ndarray:
    r"""Draw zero-mean weights with variance `gain**2` / fan-in.

    A unit whose inputs have mean square $q$ gets a pre-activation of mean square `gain**2` $q$, averaged over $W$.

    Args:
        distribution: `"normal"`, `"uniform"` or `"truncated_normal"`; the variance is the same.
        gain: At least 0.

    Source:
        LeCun, Bottou, Orr & Müller (1998), "Efficient BackProp", section 4.6.
    """
    return _scaled("lecun", shape, rng, _square("lecun", gain), "fan_in", distribution, dtype)


def glorot(
    shape: Shape, rng: Generator, *, distribution: str = "normal", gain: float = 1.0, dtype: DTypeLike = float
) -> np.ndarray:
    r"""Draw zero-mean weights with variance `gain**2` times 2 / (fan-in + fan-out).

    The compromise between keeping activations (1 / fan-in) and gradients (1 / fan-out).

    Args:
        distribution: `"normal"`, `"uniform"` or `"truncated_normal"`; the variance is the same.
        gain: At least 0.

    Source:
        Glorot & Bengio (2010), "Understanding the difficulty of training deep feedforward neural
        networks", eq. 12 (the variance) and eq. 16 (as a uniform distribution).
    """
    return _scaled("glorot", shape, rng, _square("glorot", gain), "fan_avg", distribution, dtype)


def he(
    shape: Shape,
    rng: Generator,
    *,
    distribution: str = "normal",
    gain: float = 2**0.5,
    mode: str = "fan_in",
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

    Source:
        He et al. (2015), "Delving Deep into Rectifiers", eq. 10 (forward) and eq. 14 (backward).
    """
    return _scaled("he", shape, rng, _square("he", gain), mode, distribution, dtype)


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
    return _scaled("mup", shape, rng, scale, "fan_in", "normal", dtype)


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


_FANS: dict[str, Callable[[int, int], float]] = {
    "fan_in": lambda n_in, n_out: n_in,
    "fan_out": lambda n_in, n_out: n_out,
    "fan_avg": lambda n_in, n_out: (n_in + n_out) / 2,
    "fan_geo_avg": lambda n_in, n_out: sqrt(n_in * n_out),
}


def _scaled(
    name: str, shape: Shape, rng: Generator, scale: float, mode: str, distribution: str, dtype: DTypeLike
) -> np.ndarray:
    *_, n_out, n_in = _checked(name, shape, rng, dtype)
    scale = float(_nonnegative(name, "scale", scale, ()))
    require(mode in list(_FANS), f"{name}: mode must be one of {', '.join(_FANS)}", mode)
    std = sqrt(scale / _FANS[mode](n_in, n_out))
    draws: dict[str, Callable[..., np.ndarray]] = {
        "normal": normal,
        "uniform": uniform,
        "truncated_normal": truncated_normal,
    }
    require(distribution in list(draws), f"{name}: distribution must be one of {', '.join(draws)}", distribution)
    spread = {"limit": sqrt(3) * std} if distribution == "uniform" else {"std": std}
    W: np.ndarray = draws[distribution](shape, rng, **spread, dtype=dtype)
    return W


def _gaussian(shape: Shape, rng: Generator, dtype: DTypeLike) -> np.ndarray:
    return rng.standard_normal(shape, np.float32) if np.dtype(dtype) == np.float32 else rng.standard_normal(shape)


def _uniform(shape: Shape, rng: Generator, dtype: DTypeLike) -> np.ndarray:
    return rng.random(shape, np.float32) if np.dtype(dtype) == np.float32 else rng.random(shape)


def _checked(name: str, shape: object, rng: object, dtype: object) -> Shape:
    generator(name, rng)
    float_dtype(name, dtype)
    return _shape(name, shape)


def _shape(name: str, shape: object) -> Shape:
    found = integers(shape)
    if found is None or len(found) < 2:
        raise ValueError(f"{name}: shape must be (..., n_out, n_in) with n_in >= 1, got {shown(shape)}")
    return found


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
