"""Losses on logits: the naive formula where it can be trusted, and finite where it cannot."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shallownet import losses

ALL = [losses.binary_cross_entropy, losses.softmax_cross_entropy, losses.squared_error]


def targets(loss, rng, shape):
    """Targets that `loss` accepts: probabilities, distributions or numbers."""
    if loss is losses.softmax_cross_entropy:
        return np.moveaxis(rng.dirichlet(np.ones(shape[-2]), size=(*shape[:-2], shape[-1])), -1, -2)
    return rng.random(shape) if loss is losses.binary_cross_entropy else rng.standard_normal(shape)


def naive(loss, logits, Y):
    """Each definition, example by example, in long double precision."""
    Z, Y = np.asarray(logits, np.longdouble), np.asarray(Y, np.longdouble)
    total = np.longdouble(0)
    for i in range(Z.shape[-1]):
        z, y = Z[:, i], Y[:, i]
        if loss is losses.binary_cross_entropy:
            # Both probabilities by their own formula: 1 - p would have lost its digits where p is almost 1.
            p, q = 1 / (1 + np.exp(-z)), 1 / (1 + np.exp(z))
            total += -(y * np.log(p) + (1 - y) * np.log(q)).sum()
        elif loss is losses.softmax_cross_entropy:
            total += -(y * np.log(np.exp(z) / np.exp(z).sum())).sum()
        else:
            total += ((z - y) ** 2).sum() / 2
    return float(total / Z.shape[-1])


@pytest.mark.parametrize("loss", ALL, ids=repr)
@given(seed=st.integers(0, 2**32), n=st.integers(1, 5), m=st.integers(1, 6), scale=st.floats(0.01, 10))
@settings(max_examples=25, deadline=None)
def test_f_is_the_mean_of_the_naive_formula(loss, seed, n, m, scale):
    """A sum instead of a mean would tie the learning rate to the number of examples."""
    rng = np.random.default_rng(seed)
    logits, Y = scale * rng.standard_normal((n, m)), targets(loss, rng, (n, m))

    found = loss.f(logits, Y)

    assert np.shape(found) == ()
    assert found == pytest.approx(naive(loss, logits, Y), rel=1e-11, abs=1e-13)


@pytest.mark.parametrize("loss", ALL, ids=repr)
@given(seed=st.integers(0, 2**32), n=st.integers(1, 4), m=st.integers(1, 5), scale=st.sampled_from([0.1, 1, 20]))
@settings(max_examples=20, deadline=None)
def test_df_is_the_gradient_of_f_in_random_directions(loss, seed, n, m, scale):
    """With the factor 1/m: a `df` without it trains, only m times as fast, and nobody sees why."""
    rng = np.random.default_rng(seed)
    logits, Y = scale * rng.standard_normal((n, m)), targets(loss, rng, (n, m))
    V = rng.standard_normal((n, m))
    h = 1e-5

    slope = (loss.f(logits + h * V, Y) - loss.f(logits - h * V, Y)) / (2 * h)

    size = max(1.0, float(np.abs(loss.f(logits, Y))))
    assert (loss.df(logits, Y) * V).sum() == pytest.approx(slope, abs=1e-8 * size)


@pytest.mark.parametrize("loss", ALL, ids=repr)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shared", [True, False])
def test_an_ensemble_is_a_loop_over_its_members(loss, dtype, shared):
    """The book's laws are medians over ensembles: a mean over the wrong axis would fake them."""
    rng = np.random.default_rng(1)
    logits = rng.standard_normal((2, 3, 4, 5)).astype(dtype)
    Y = targets(loss, rng, (4, 5) if shared else (2, 3, 4, 5))
    kept = logits.copy(), Y.copy()

    f, df = loss.f(logits, Y), loss.df(logits, Y)

    assert (f.shape, df.shape) == ((2, 3), logits.shape)
    assert f.dtype == df.dtype == dtype
    for i, j in np.ndindex(2, 3):
        y = Y if shared else Y[i, j]
        np.testing.assert_allclose(f[i, j], loss.f(logits[i, j], y), rtol=1e-6)
        np.testing.assert_allclose(df[i, j], loss.df(logits[i, j], y), rtol=1e-6)
    np.testing.assert_array_equal(logits, kept[0])
    np.testing.assert_array_equal(Y, kept[1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extreme_logits_cost_what_they_are_wrong_by(dtype):
    """A saturated output that is wrong costs its logit, not infinity; one that is right costs nothing."""
    logits = np.array([[-800.0, 800.0, -800.0, 800.0]], dtype)
    Y = np.array([[0.0, 1.0, 1.0, 0.0]])
    both = np.concatenate([logits, -logits])

    with np.errstate(all="raise", under="ignore"):
        binary = [float(losses.binary_cross_entropy.f(logits[:, i : i + 1], Y[:, i : i + 1])) for i in range(4)]
        softmax = losses.softmax_cross_entropy.f(both, np.concatenate([Y, 1 - Y]))
        slopes = (
            losses.binary_cross_entropy.df(logits, Y),
            losses.softmax_cross_entropy.df(both, [[1] * 4, [0] * 4]),
        )

    assert binary == [0, 0, 800, 800]
    assert softmax == 800  # two of four are wrong, by 1600
    assert all(np.isfinite(slope).all() for slope in slopes)


def test_softmax_of_two_classes_is_binary_cross_entropy():
    """The logistic unit is a softmax of (z, 0)."""
    rng = np.random.default_rng(0)
    z, y = 3 * rng.standard_normal((1, 20)), rng.integers(2, size=(1, 20)).astype(float)

    two = losses.softmax_cross_entropy.f(np.concatenate([z, 0 * z]), np.concatenate([y, 1 - y]))

    assert two == pytest.approx(losses.binary_cross_entropy.f(z, y), rel=1e-13)


@pytest.mark.parametrize("loss", ALL, ids=repr)
def test_a_batch_is_the_mean_of_its_parts(loss):
    """Mini-batches of equal size average to the full gradient."""
    rng = np.random.default_rng(3)
    logits, Y = rng.standard_normal((3, 8)), targets(loss, rng, (3, 8))

    halves = [loss.f(logits[:, s], Y[:, s]) for s in (slice(4), slice(4, 8))]

    assert np.mean(halves) == pytest.approx(loss.f(logits, Y), rel=1e-13)


def test_integer_and_boolean_targets_are_labels():
    """Labels come as 0 and 1, True and False."""
    logits = np.array([[0.3, -2.0, 1.0]])

    f = losses.binary_cross_entropy.f

    assert f(logits, np.array([[0, 1, 1]])) == f(logits, [[False, True, True]]) == f(logits, [[0.0, 1.0, 1.0]])


@pytest.mark.parametrize("loss", ALL, ids=repr)
def test_diverged_logits_give_no_finite_loss(loss):
    """Training tells of divergence by the loss: it must not come out finite."""
    logits = np.full((2, 3), np.nan)

    assert np.isnan(loss.f(logits, np.full((2, 3), 0.5)))


def test_a_loss_is_three_fields_and_prints_its_name():
    """Readers build their own: `Loss(name, f, df)`."""
    assert losses.Loss._fields == ("name", "f", "df")
    assert [repr(loss) for loss in ALL] == [f"Loss({loss.name})" for loss in ALL]


def minimiser(loss, Y):
    """The best constant logits by plain descent: slow, and independent of any formula."""
    logits = np.zeros((*Y.shape[:-1], 1))
    for _ in range(4000):
        slope = loss.df(np.broadcast_to(logits, Y.shape), Y).sum(axis=-1, keepdims=True)
        logits = logits - slope
    return logits


@pytest.mark.parametrize("loss", ALL, ids=repr)
@pytest.mark.parametrize("shape", [(3, 40), (1, 40), (2, 4, 3, 30)])
def test_best_constant_is_where_the_slope_is_zero(loss, shape):
    """And nowhere near it is the loss lower: a last bias from it makes the first loss an honest one."""
    rng = np.random.default_rng(0)
    Y = targets(loss, rng, shape)

    best = loss.best_constant(Y)
    slope = loss.df(np.broadcast_to(best, Y.shape), Y).sum(axis=-1)

    assert best.shape == (*shape[:-1], 1)
    np.testing.assert_allclose(slope, 0, atol=1e-12)
    at_best = loss.f(np.broadcast_to(best, Y.shape), Y)
    for _ in range(200):
        other = best + rng.choice([0.01, 1.0]) * rng.standard_normal(best.shape)
        assert (loss.f(np.broadcast_to(other, Y.shape), Y) >= at_best).all()
    found = minimiser(loss, Y)
    if loss is losses.softmax_cross_entropy:  # any shift of all classes is as good
        np.testing.assert_allclose(best.sum(axis=-2), 0, atol=1e-12)
    np.testing.assert_allclose(best, found, atol=1e-6)


def test_best_constants_of_the_catalogue():
    """One positive in a hundred, one in ten; the first loss of ten unequal classes is their entropy; a mean of 50."""
    binary, softmax, squared = ALL
    rare = np.arange(100) < np.array([[1], [10]])
    labels = np.repeat(np.arange(10), np.arange(1, 11))
    shares = np.arange(1, 11) / 55
    numbers = 50 + np.array([[-1.0, 1.0]])

    logits = softmax.best_constant(labels)

    np.testing.assert_allclose(binary.best_constant(rare), [[-4.59512], [-2.19722]], atol=1e-5)
    np.testing.assert_allclose(np.exp(logits - logits[:1])[:, 0], shares / shares[0], rtol=1e-12)
    entropy = -(shares * np.log(shares)).sum()
    assert softmax.f(logits + np.zeros(55), labels) == pytest.approx(entropy, rel=1e-12)
    assert squared.best_constant(numbers).tolist() == [[50.0]]
    assert squared.f(np.zeros((1, 2)), numbers) == pytest.approx(1250.5)
    assert squared.f(np.full((1, 2), 50.0), numbers) == pytest.approx(0.5)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, bool, int, np.uint8])
def test_best_constant_measures_in_float64(dtype):
    """Half precision has no 1e-8, and a sum of 5,000 ones in it is wrong."""
    Y = (np.arange(5000) < 1).astype(dtype)[None]

    assert losses.binary_cross_entropy.best_constant(Y) == pytest.approx(np.log(1 / 4999), rel=1e-12)
    assert losses.squared_error.best_constant(Y) == pytest.approx(1 / 5000, rel=1e-12)


def test_only_the_book_s_losses_know_their_best_constant():
    """A reader's own says so, and not that None cannot be called."""
    own = losses.Loss("own", lambda logits, Y: 0, lambda logits, Y: 0)

    with pytest.raises(ValueError, match=r"best_constant: the loss must be one of .*squared_error, got Loss\(own\)"):
        own.best_constant(np.eye(2))


@pytest.mark.parametrize("labels", [[2, 0, 1, 2], np.array([2, 0, 1, 2], np.uint8), np.array([[2, 0, 1, 2]])])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_softmax_takes_integer_labels(labels, dtype):
    """As most data sets have them; they were an error about shapes."""
    rng = np.random.default_rng(0)
    loss, Y = losses.softmax_cross_entropy, np.eye(3)[:, [2, 0, 1, 2]]
    logits = rng.standard_normal((5, 3, 4)).astype(dtype)

    np.testing.assert_array_equal(loss.f(logits, labels), loss.f(logits, Y))
    np.testing.assert_array_equal(loss.df(logits, labels), loss.df(logits, Y))
    assert loss.df(logits, labels).dtype == dtype
    np.testing.assert_array_equal(loss.best_constant(labels), loss.best_constant(Y))


def test_integer_labels_of_an_ensemble():
    """Each network its own, as (..., 1, m): a shape without that axis could be one hot."""
    rng = np.random.default_rng(0)
    loss, logits, labels = losses.softmax_cross_entropy, rng.standard_normal((5, 3, 4)), rng.integers(0, 3, (5, 1, 4))

    found = loss.f(logits, labels)

    np.testing.assert_allclose(found, [loss.f(z, y[0]) for z, y in zip(logits, labels, strict=True)], rtol=1e-15)
    one_hot = np.eye(4, dtype=int)  # integers, and one hot all the same
    assert loss.f(np.zeros((4, 4)), one_hot) == pytest.approx(np.log(4))
