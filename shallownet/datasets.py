r"""Small problems, generated: nothing is downloaded. Two classes in the plane, and sequences of tokens.

Each takes the number of examples `m`, at least 2, and an `rng` to draw from. Those in the plane take in `noise` the
standard deviation of what is added to the points, and return `X` of shape `(2, m)` and `Y` of shape `(1, m)` with
values 0 and 1, examples as columns in random order; classes differ in size by at most one.

`copying` and `grammar` return tokens, integers from 0, of shape `(T, m)` both: one sequence a column, and in `Y` for
each position of `X` the token that should be read there. Frameworks, which keep batches in rows, take `X.T`.
"""

from math import log
from numbers import Real

import numpy as np

from shallownet._checks import generator, is_integer, require

__all__ = ["WORDS", "circles", "copying", "flower", "grammar", "grammar_entropy", "moons", "spirals", "xor"]

Dataset = tuple[np.ndarray, np.ndarray]


def xor(m: int, rng: np.random.Generator, *, noise: float = 0.0) -> Dataset:
    """Points of the square [-1, 1] x [-1, 1]; class 1 where exactly one coordinate is positive.

    No line separates the classes, so a network without hidden units fails.

    Examples:
        >>> import numpy as np
        >>> from shallownet.datasets import xor
        >>> X, Y = xor(200, np.random.default_rng(0))
        >>> X.shape, Y.shape, float(Y.mean())
        ((2, 200), (1, 200), 0.5)
    """
    Y = _labels("xor", m, rng, noise)
    size = 1 - rng.random((2, m))  # in (0, 1]: no point lies on an axis
    sign = np.where(rng.random(m) < 0.5, -1, 1)
    return _noisy(size * np.stack([sign, np.where(Y[0] == 1, -sign, sign)]), Y, noise, rng)


def moons(m: int, rng: np.random.Generator, *, noise: float = 0.1) -> Dataset:
    """Two half circles of radius 1 that reach into each other."""
    Y = _labels("moons", m, rng, noise)
    t = np.pi * rng.random(m)
    upper = np.stack([np.cos(t), np.sin(t)])
    lower = np.stack([1 - np.cos(t), 0.5 - np.sin(t)])
    return _noisy(np.where(Y == 1, lower, upper), Y, noise, rng)


def circles(m: int, rng: np.random.Generator, *, noise: float = 0.1, factor: float = 0.5) -> Dataset:
    """A circle of radius `factor` (class 1) inside a circle of radius 1 (class 0).

    Args:
        factor: Radius of the inner circle, between 0 and 1.
    """
    Y = _labels("circles", m, rng, noise)
    require(isinstance(factor, Real) and 0 < factor < 1, "circles: factor must lie between 0 and 1", factor)
    t = 2 * np.pi * rng.random(m)
    return _noisy(np.where(Y == 1, factor, 1) * np.stack([np.cos(t), np.sin(t)]), Y, noise, rng)


def spirals(m: int, rng: np.random.Generator, *, noise: float = 0.02, turns: float = 1.5) -> Dataset:
    """Two arms of a spiral, each half a turn from the other.

    Args:
        turns: Full turns of an arm, above 0.
    """
    Y = _labels("spirals", m, rng, noise)
    require(isinstance(turns, Real) and 0 < turns < np.inf, "spirals: turns must be positive", turns)
    radius = np.sqrt(rng.random(m))  # the root spreads points evenly along the arm
    t = 2 * np.pi * turns * radius + np.pi * Y[0]
    return _noisy(radius * np.stack([np.cos(t), np.sin(t)]), Y, noise, rng)


def flower(m: int, rng: np.random.Generator, *, noise: float = 0.05) -> Dataset:
    """Eight petals in alternating classes, in the spirit of the planar data of Ng's course."""
    Y = _labels("flower", m, rng, noise)
    petal = 2 * rng.integers(4, size=m) + Y[0]
    t = (petal + rng.random(m)) * np.pi / 4
    radius = np.abs(np.sin(4 * t)) * np.sqrt(rng.random(m))
    return _noisy(radius * np.stack([np.cos(t), np.sin(t)]), Y, noise, rng)


def copying(m: int, rng: np.random.Generator, *, length: int = 8, symbols: int = 8, delay: int = 0) -> Dataset:
    r"""Return sequences to remember: `length` symbols, then blanks, while which the symbols are to be said again.

    Token 0 is the blank, 1 to `symbols` are the symbols, so a vocabulary has `symbols + 1` tokens. Before the symbols
    are asked for, the blank is. Who remembers nothing pays `length / T` times $\ln(\text{symbols})$ a position.

    Args:
        length: Symbols of a sequence, at least 1.
        symbols: Kinds of them, at least 2.
        delay: Blanks between a sequence and its copy, at least 0.

    Returns:
        `X` and `Y`, integers of shape `(T, m)` with `T = 2 * length + delay`.

    Examples:
        >>> import numpy as np
        >>> from shallownet.datasets import copying
        >>> X, Y = copying(5, np.random.default_rng(0), length=2, symbols=4, delay=1)
        >>> X.T[0].tolist(), Y.T[0].tolist()
        ([4, 1, 0, 0, 0], [0, 0, 0, 4, 1])
    """
    _counted("copying", m, rng)
    for name, value, least in (("length", length, 1), ("symbols", symbols, 2), ("delay", delay, 0)):
        require(is_integer(value, least), f"copying: {name} must be an integer of at least {least}", value)
    said = rng.integers(1, symbols + 1, (length, m))
    blanks = np.zeros((length + delay, m), said.dtype)
    return np.concatenate([said, blanks]), np.concatenate([blanks, said])


# The words of the small grammar: token v is WORDS[v].
WORDS = (".", "the", "dog", "dogs", "cat", "cats", "near", "sleeps", "sleep", "sees", "see")

# From each state the words that may come, each with its probability and the state behind it. "verb 0" and "verb 1" know
# whether the sentence's first noun, on which its verb depends, is one or many; what stands near it may be otherwise.
_NOUNS = ("dog", "dogs", "cat", "cats")
_RULES: dict[str, dict[str, tuple[float, str]]] = {
    "start": {"the": (1, "subject")},
    "subject": {"dog": (0.25, "verb 0"), "dogs": (0.25, "verb 1"), "cat": (0.25, "verb 0"), "cats": (0.25, "verb 1")},
    "verb 0": {"near": (0.4, "near 0"), "sleeps": (0.3, "stop"), "sees": (0.3, "seen")},
    "verb 1": {"near": (0.4, "near 1"), "sleep": (0.3, "stop"), "see": (0.3, "seen")},
    "near 0": {"the": (1, "neighbour 0")},
    "near 1": {"the": (1, "neighbour 1")},
    "neighbour 0": dict.fromkeys(_NOUNS, (0.25, "verb 0")),
    "neighbour 1": dict.fromkeys(_NOUNS, (0.25, "verb 1")),
    "seen": {"the": (1, "object")},
    "object": dict.fromkeys(_NOUNS, (0.25, "stop")),
    "stop": {".": (1, "start")},
}
_STATES = list(_RULES)


def _chain() -> tuple[np.ndarray, np.ndarray]:
    """Return the grammar as a chain: from each state the probability of each word, and the state behind it."""
    chances, behind = np.zeros((len(_STATES), len(WORDS))), np.zeros((len(_STATES), len(WORDS)), int)
    for state, words in _RULES.items():
        for word, (chance, after) in words.items():
            place = _STATES.index(state), WORDS.index(word)
            chances[place], behind[place] = chance, _STATES.index(after)
    return chances, behind


def grammar(m: int, rng: np.random.Generator, *, length: int = 16) -> Dataset:
    """Return sentences of a small grammar, as in "the dogs near the cat sleep .", and what comes next at each word.

    The verb agrees with the first noun of its sentence, not with the nearest: whoever looks at the last word only
    cannot know it. A sequence begins behind a full stop and is cut off after `length` words.

    Args:
        length: Positions of a sequence, at least 1.

    Returns:
        `X` and `Y`, integers of shape `(length, m)`; `Y[t]` is `X[t + 1]`, and token `v` is `WORDS[v]`.

    Examples:
        >>> import numpy as np
        >>> from shallownet.datasets import WORDS, grammar
        >>> X, Y = grammar(2, np.random.default_rng(19), length=9)
        >>> " ".join(WORDS[v] for v in X[:, 0])
        '. the dogs near the dogs see the cat'
    """
    _counted("grammar", m, rng)
    require(is_integer(length, 1), "grammar: length must be an integer of at least 1", length)
    chances, behind = _chain()
    words, state = np.zeros((length + 1, m), int), np.full(m, _STATES.index("start"))  # word 0 is the full stop
    for t in range(1, length + 1):
        words[t] = (rng.random((m, 1)) >= chances[state].cumsum(axis=-1)[:, :-1]).sum(axis=-1)
        state = behind[state, words[t]]
    return words[:-1], words[1:]


def grammar_entropy(length: int = 16) -> np.ndarray:
    """Return the loss of the best possible reader of `grammar` at each position: what no network gets below.

    Args:
        length: Positions of a sequence.

    Returns:
        Shape `(length,)`, in nats; its mean is the floor of the loss over whole sequences.

    Examples:
        >>> from shallownet.datasets import grammar_entropy
        >>> grammar_entropy(3).round(4).tolist()  # "the" is sure, then one of four nouns, then one of three words
        [0.0, 1.3863, 1.0889]
    """
    require(is_integer(length, 1), "grammar_entropy: length must be an integer of at least 1", length)
    chances, behind = _chain()
    own = np.array([-sum(p * log(p) for p in row if p) for row in chances])
    moves = (chances[:, :, None] * (behind[:, :, None] == np.arange(len(_STATES)))).sum(axis=1)
    share, found = np.eye(len(_STATES))[_STATES.index("start")], []
    for _ in range(length):
        found.append(share @ own)
        share = share @ moves
    return np.array(found)


def _counted(name: str, m: int, rng: np.random.Generator) -> None:
    require(is_integer(m, 2), f"{name}: m must be an integer of at least 2", m)
    generator(name, rng)


def _labels(name: str, m: int, rng: np.random.Generator, noise: float) -> np.ndarray:
    _counted(name, m, rng)
    require(isinstance(noise, Real) and 0 <= float(noise) < np.inf, f"{name}: noise must be at least 0", noise)
    Y: np.ndarray = rng.permutation(np.arange(m) % 2).astype(float)[None]
    return Y


def _noisy(X: np.ndarray, Y: np.ndarray, noise: float, rng: np.random.Generator) -> Dataset:
    return X + noise * rng.standard_normal(X.shape), Y
