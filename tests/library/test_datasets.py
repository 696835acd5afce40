"""Generated data: balanced, repeatable, of the geometry it states."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shallownet as sn
from shallownet import datasets

ALL = [datasets.circles, datasets.flower, datasets.moons, datasets.spirals, datasets.xor]
SEQUENCES = [datasets.copying, datasets.grammar]
OTHERS = ["WORDS", "grammar_entropy"]


@pytest.mark.parametrize("make", ALL, ids=lambda f: f.__name__)
@given(
    m=st.integers(2, 60),
    seed=st.integers(0, 2**32),
    noise=st.sampled_from([0, 0.1, np.float32(0.2), np.int64(0)]),
)
@settings(max_examples=15, deadline=None)
def test_columns_are_examples_and_classes_balanced(make, m, seed, noise):
    """Balanced labels make the loss of the zero network ln 2 exactly."""
    legacy = np.random.get_state()[1].copy()

    X, Y = make(m, np.random.default_rng(seed), noise=noise)
    again = make(m, np.random.default_rng(seed), noise=noise)

    assert (X.shape, Y.shape) == ((2, m), (1, m))
    assert (X.dtype, Y.dtype) == (float, float)
    assert set(Y.ravel()) == {0.0, 1.0}
    assert abs(int(Y.sum()) - (m - int(Y.sum()))) <= 1
    assert np.isfinite(X).all()
    np.testing.assert_array_equal(X, again[0])
    np.testing.assert_array_equal(Y, again[1])
    np.testing.assert_array_equal(np.random.get_state()[1], legacy)


@pytest.mark.parametrize("make", ALL, ids=lambda f: f.__name__)
def test_examples_come_in_random_order(make):
    """Mini-batches of sorted data see one class at a time."""
    _, Y = make(400, np.random.default_rng(0))

    repeats = (Y[0, 1:] == Y[0, :-1]).mean()

    assert abs(repeats - 0.5) < 5 * 0.5 / np.sqrt(399)


@pytest.mark.parametrize("make", ALL, ids=lambda f: f.__name__)
def test_noise_has_the_stated_deviation(make):
    """The same generator gives the same points, moved by N(0, noise^2)."""
    clean, _ = make(2000, np.random.default_rng(0), noise=0)
    noisy, _ = make(2000, np.random.default_rng(0), noise=0.3)

    moved = (noisy - clean).ravel()

    assert abs(moved.std() / 0.3 - 1) < 5 / np.sqrt(2 * moved.size)
    assert abs(moved.mean()) < 5 * 0.3 / np.sqrt(moved.size)


def test_xor_is_the_sign_of_the_product():
    """Class 1 where exactly one coordinate is positive, and no point on an axis."""
    X, Y = datasets.xor(1000, np.random.default_rng(0))

    np.testing.assert_array_equal(Y[0] == 1, X[0] * X[1] < 0)
    assert (np.abs(X) <= 1).all()
    assert (X != 0).all()
    assert np.abs((X > 0).mean(axis=1) - 0.5).max() < 5 * 0.5 / np.sqrt(1000)


def test_moons_are_half_circles_that_interlock():
    """Radius 1 about (0, 0) and about (1, 1/2)."""
    X, Y = datasets.moons(1000, np.random.default_rng(0), noise=0)
    upper, lower = X[:, Y[0] == 0], X[:, Y[0] == 1]

    np.testing.assert_allclose(np.hypot(*upper), 1)
    np.testing.assert_allclose(np.hypot(lower[0] - 1, lower[1] - 0.5), 1)
    assert (upper[1] >= 0).all()
    assert (lower[1] <= 0.5).all()
    assert lower[0].min() < upper[0].max()


@pytest.mark.parametrize("factor", [0.2, 0.5, 0.9])
def test_circles_have_their_radii(factor):
    """Class 1 is the inner one."""
    X, Y = datasets.circles(500, np.random.default_rng(0), noise=0, factor=factor)

    np.testing.assert_allclose(np.hypot(*X), np.where(Y[0] == 1, factor, 1))


@pytest.mark.parametrize("turns", [0.5, 1.5, 3])
def test_spirals_are_each_other_s_mirror_image(turns):
    """An arm's angle grows with its radius; the other arm is half a turn on."""
    X, Y = datasets.spirals(500, np.random.default_rng(0), noise=0, turns=turns)
    radius, angle = np.hypot(*X), np.arctan2(X[1], X[0])

    expected = 2 * np.pi * turns * radius + np.pi * Y[0]

    np.testing.assert_allclose(np.exp(1j * angle), np.exp(1j * expected), atol=1e-9)
    assert radius.max() <= 1


def test_flower_has_eight_petals_in_turn():
    """An angle of a quarter of pi each."""
    X, Y = datasets.flower(4000, np.random.default_rng(0), noise=0)
    angle = np.arctan2(X[1], X[0]) % (2 * np.pi)
    petal = (angle // (np.pi / 4)).astype(int)

    np.testing.assert_array_equal(petal % 2, Y[0])
    assert len(set(petal)) == 8
    assert (np.hypot(*X) <= np.abs(np.sin(4 * angle)) + 1e-9).all()
    assert np.abs(np.bincount(petal) - 500).max() < 5 * np.sqrt(500)


@pytest.mark.parametrize(
    "make", [datasets.xor, datasets.circles, datasets.spirals, datasets.flower], ids=lambda f: f.__name__
)
def test_no_line_separates_them(make):
    """What makes a hidden layer necessary: the best line is hardly better than guessing."""
    X, Y = make(600, np.random.default_rng(0))
    params = sn.init_params([2, 1], sn.initializers.zeros, np.random.default_rng(0))

    run = sn.train(params, X, Y, steps=400, lr=1.0)

    right = ((sn.forward(run.params, X).A[-1] > 0) == Y).mean()
    assert right < 0.75


@pytest.mark.parametrize("make", ALL, ids=lambda f: f.__name__)
def test_a_hidden_layer_learns_what_a_line_cannot(make):
    """The problems are for networks of this size (spirals need more units than the rest)."""
    rng = np.random.default_rng(0)
    X, Y = make(200, rng, noise=0.0)
    params = sn.init_params([2, 24, 24, 1], sn.initializers.glorot, rng)

    run = sn.train(params, X, Y, steps=600, lr=0.02, optimizer="adam")

    assert ((sn.forward(run.params, X).A[-1] > 0) == Y).mean() > 0.93


def test_each_name_is_a_problem_of_one_of_both_kinds():
    """A new one belongs to a list above, whose tests it then has."""
    assert sorted([*(make.__name__ for make in ALL + SEQUENCES), *OTHERS]) == sorted(datasets.__all__)


@pytest.mark.parametrize("make", SEQUENCES, ids=lambda f: f.__name__)
@given(m=st.integers(2, 40), seed=st.integers(0, 2**32), length=st.integers(1, 12))
@settings(max_examples=15, deadline=None)
def test_sequences_are_columns_of_integers(make, m, seed, length):
    """Examples are columns here too; a seed gives the same ones again, and no global state is touched."""
    legacy = np.random.get_state()[1].copy()

    X, Y = make(m, np.random.default_rng(seed), length=length)
    again = make(m, np.random.default_rng(seed), length=length)

    assert X.shape == Y.shape == (2 * length if make is datasets.copying else length, m)
    assert X.dtype.kind == Y.dtype.kind == "i"
    assert min(X.min(), Y.min()) >= 0
    np.testing.assert_array_equal(X, again[0])
    np.testing.assert_array_equal(Y, again[1])
    np.testing.assert_array_equal(np.random.get_state()[1], legacy)


@pytest.mark.parametrize("delay", [0, 3])
def test_copying_asks_for_what_was_said(delay):
    """Symbols, silence, the same symbols; each kind as often as any other."""
    X, Y = datasets.copying(3000, np.random.default_rng(0), length=4, symbols=5, delay=delay)

    assert X.shape == (8 + delay, 3000)
    np.testing.assert_array_equal(X[:4], Y[-4:])
    assert (X[4:] == 0).all()
    assert (Y[:-4] == 0).all()
    counts = np.bincount(X[:4].ravel(), minlength=6)
    assert counts[0] == 0
    assert np.abs(counts[1:] - 2400).max() < 5 * np.sqrt(12000 * 0.16)


def test_sentences_follow_the_grammar():
    """Parsed apart from the library: the verb agrees with the first noun, whatever stands near it."""
    X, Y = datasets.grammar(300, np.random.default_rng(0), length=30)
    sentence = re.compile(r"the (\w+)( near the \w+)* (sleeps?|sees? the \w+)")

    np.testing.assert_array_equal(X[1:], Y[:-1])
    assert (X[0] == 0).all()
    lured = 0
    for column in X.T:
        words = [datasets.WORDS[v] for v in column]
        for said in " ".join(words[1:]).split(" .")[:-1]:
            found = sentence.fullmatch(said.strip())
            assert found, said
            noun, near, verb = found[1], said.split(found[3])[0].split()[-1], found[3].split()[0]
            assert noun.endswith("s") != verb.endswith("s"), said
            lured += near.endswith("s") == verb.endswith("s")
    assert lured > 100, "the nearest noun is often of the other number"


def test_the_entropy_of_the_grammar_is_what_its_best_reader_pays():
    """The chain's own probabilities against what was drawn: the mean of -ln p, position by position."""
    m, length = 4000, 14
    _, Y = datasets.grammar(m, np.random.default_rng(1), length=length)
    paid = np.zeros((length, m))
    for i in range(m):
        for t in range(length):
            word = datasets.WORDS[Y[t, i]]
            if word in ("dog", "dogs", "cat", "cats"):
                paid[t, i] = np.log(4)
            elif word == "near":
                paid[t, i] = -np.log(0.4)
            elif word.rstrip("s") in ("sleep", "see"):
                paid[t, i] = -np.log(0.3)
            else:
                assert word in ("the", "."), "these two are sure"

    expected = datasets.grammar_entropy(length)

    assert expected.shape == (length,)
    error = paid.std(axis=1) / np.sqrt(m)
    assert (np.abs(paid.mean(axis=1) - expected) <= 5 * error + 1e-12).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda rng: datasets.copying(1, rng), "copying: m must be an integer of at least 2, got 1"),
        (lambda rng: datasets.copying(5, rng, length=0), "copying: length must be an integer of at least 1, got 0"),
        (lambda rng: datasets.copying(5, rng, symbols=1), "copying: symbols must be an integer of at least 2, got 1"),
        (lambda rng: datasets.copying(5, rng, delay=-1), "copying: delay must be an integer of at least 0, got -1"),
        (lambda rng: datasets.grammar(5, rng, length=2.0), "grammar: length must be an integer of at least 1, got 2.0"),
        (lambda rng: datasets.grammar_entropy(0), "grammar_entropy: length must be an integer of at least 1, got 0"),
    ],
)
def test_sequences_that_cannot_be_are_refused(call, message):
    """In one line: the function, what it expected, what arrived."""
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        call(np.random.default_rng(0))


@pytest.mark.parametrize("make", SEQUENCES, ids=lambda f: f.__name__)
def test_a_seed_is_no_generator(make):
    """As everywhere."""
    with pytest.raises(TypeError, match=f"{make.__name__}: rng must be a numpy Generator, got 0"):
        make(5, 0)
