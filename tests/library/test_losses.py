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
