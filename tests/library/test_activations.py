"""Activations: exact slopes, safe tails, the dtype kept."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import special

import shallownet as sn
from shallownet import activations
from shallownet.activations import Activation

ALL = [getattr(activations, name) for name in activations.__all__ if name != "Activation"]
KINKED = {"relu", "leaky_relu", "selu"}

# Independent formulas in long double precision.
EXACT = {
    "tanh": np.tanh,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "relu": lambda z: (z + np.abs(z)) / 2,
    "leaky_relu": lambda z: np.maximum(z, 0.01 * z),
    "elu": lambda z: np.where(z > 0, z, np.exp(z) - 1),
    "selu": lambda z: 1.0507009873554805 * np.where(z > 0, z, 1.6732632423543772 * (np.exp(z) - 1)),
    "gelu": lambda z: z * special.ndtr(z.astype(float)),
    "silu": lambda z: z / (1 + np.exp(-z)),
    "softplus": lambda z: np.log(1 + np.exp(z)),
    "identity": lambda z: z,
    "scaled_tanh": lambda z: 1.7159 * np.tanh(2 * z / 3),
}


@pytest.mark.parametrize("activation", ALL, ids=repr)
def test_f_is_the_textbook_formula(activation):
    """Safe formulas must be the same functions, also where they branch."""
    assert activation.name in EXACT, f"{activation.name} is new: write its textbook formula into EXACT, above"
    z = np.linspace(-30, 30, 1201)

    found = activation.f(z)

    np.testing.assert_allclose(found, EXACT[activation.name](z.astype(np.longdouble)), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("activation", ALL, ids=repr)
def test_df_is_the_derivative(activation):
    """Everything the book says of gradients rests on these slopes."""
    h = 1e-5
    z = np.concatenate([np.linspace(-12, 12, 997), np.geomspace(1e-3, 30, 50), -np.geomspace(1e-3, 30, 50)])
    z = z[np.abs(z) > 2 * h]  # a kink has no derivative

    slope = (activation.f(z + h) - activation.f(z - h)) / (2 * h)

    np.testing.assert_allclose(activation.df(z), slope, atol=1e-8)


@pytest.mark.parametrize("activation", ALL, ids=repr)
def test_far_tails_are_finite_and_flat_or_straight(activation):
    """A saturated unit is the book's subject: it must not become NaN, nor warn of overflow."""
    z = np.array([-1e4, -800.0, -90.0, 90.0, 800.0, 1e4])

    with np.errstate(over="raise", invalid="raise", divide="raise"):
        values, slopes = activation.f(z), activation.df(z)

    assert np.isfinite(values).all()
    assert np.isfinite(slopes).all()
    np.testing.assert_allclose(slopes[[0, 1]], slopes[0], atol=1e-15)
    np.testing.assert_allclose(slopes[[-2, -1]], slopes[-1], atol=1e-15)


@pytest.mark.parametrize("name", ["tanh", "sigmoid"])
def test_slopes_of_saturated_units_are_small_and_not_zero(name):
    """`1 - tanh(z)**2` rounds to 0 from 19 on, and a gradient of exactly 0 looks like another disease."""
    activation = getattr(activations, name)

    slopes = activation.df(np.array([-40.0, -20.0, 20.0, 40.0]))

    assert (slopes > 0).all()
    np.testing.assert_allclose(slopes, slopes[::-1], rtol=1e-12)


def test_gelu_keeps_its_left_tail():
    """`1 + erf` would round it to 0 from -8.3 down."""
    z = np.array([-12.0, -9.0, -5.0])

    np.testing.assert_allclose(activations.gelu.f(z), z * special.ndtr(z), rtol=1e-12)


@pytest.mark.parametrize("name", sorted(KINKED | {"elu"}))
def test_kinks_take_the_left_slope(name):
    """`relu.df(0) == 0` is why a layer of zeros stays dead under ReLU."""
    left = {"relu": 0, "leaky_relu": 0.01, "selu": 1.0507009873554805 * 1.6732632423543772, "elu": 1}[name]

    assert getattr(activations, name).df(np.zeros(1))[0] == pytest.approx(left, abs=1e-15)


@pytest.mark.parametrize("activation", ALL, ids=repr)
@given(
    Z=hnp.arrays(
        st.sampled_from([np.float32, np.float64]),
        hnp.array_shapes(min_dims=0, max_dims=4, max_side=3),
        elements=st.floats(-50, 50, width=32),
    )
)
@settings(max_examples=15, deadline=None)
def test_entrywise_in_any_shape_and_dtype(activation, Z):
    """An ensemble is one more axis and float32 halves the memory: neither may get lost on the way."""
    before = Z.copy()

    for g in (activation.f, activation.df):
        found = np.asarray(g(Z))
        one_by_one = [g(np.array([z]))[0] for z in Z.ravel()]

        assert found.shape == Z.shape
        assert found.dtype == Z.dtype
        np.testing.assert_allclose(found.ravel(), one_by_one, rtol=1e-6)
    np.testing.assert_array_equal(Z, before)


@pytest.mark.parametrize("activation", ALL, ids=repr)
def test_integers_and_lists_become_floats(activation):
    """An integer result would be cut off to 0 or 1 further on."""
    for Z in ([-1, 0, 2], np.array([-1, 0, 2]), np.array([True, False])):
        assert activation.f(Z).dtype == float
        assert activation.df(Z).dtype == float


@pytest.mark.parametrize("activation", ALL, ids=repr)
def test_nan_stays_nan(activation):
    """A diverged network must show, not turn into zeros."""
    assert np.isnan(activation.f(np.array([np.nan]))[0])


def test_selu_keeps_mean_zero_and_variance_one():
    """Its two constants are the fixed point of Klambauer et al. (2017): quadrature, not sampling."""
    fine = np.linspace(-12, 12, 400_001)
    density = np.exp(-(fine**2) / 2) / np.sqrt(2 * np.pi) * (fine[1] - fine[0])
    A = activations.selu.f(fine)

    assert (A * density).sum() == pytest.approx(0, abs=1e-9)
    assert (A * A * density).sum() == pytest.approx(1, abs=1e-8)


def test_scaled_tanh_maps_one_to_one():
    """LeCun's constants are chosen for it."""
    assert activations.scaled_tanh.f(np.ones(1))[0] == pytest.approx(1, abs=1e-4)
    assert activations.scaled_tanh.f(-np.ones(1))[0] == pytest.approx(-1, abs=1e-4)


def test_an_activation_is_three_fields_and_prints_its_name():
    """Readers build their own: `Activation(name, f, df)`."""
    own = Activation("square", np.square, lambda Z: 2 * Z)

    assert own._fields == ("name", "f", "df")
    assert repr(own) == "Activation(square)"
    assert [a.name for a in ALL] == [name for name in activations.__all__ if name != "Activation"]


@pytest.mark.parametrize("activation", ALL, ids=repr)
def test_an_activation_travels_by_name(activation):
    """Work sent to another process must find the same object there, or it takes another path through `train`."""
    assert pickle.loads(pickle.dumps(activation)) is activation
    assert copy.deepcopy(activation) is activation


def test_a_reader_s_own_activation_travels_as_what_it_is():
    """Even if it has the name of one of ours."""
    own = Activation("tanh", np.sin, np.cos)

    assert pickle.loads(pickle.dumps(own)) == own != sn.activations.tanh


def test_an_activation_that_has_another_name_here_is_named():
    """Keras and Flax say linear, Flax and PyTorch's users swish; a name that nobody has gets no hint."""
    for theirs, ours in {"linear": "identity", "swish": "silu", "logistic": "sigmoid"}.items():
        with pytest.raises(AttributeError, match=f"'{theirs}'; it is {ours} here"):
            getattr(sn.activations, theirs)
    with pytest.raises(AttributeError, match=r"has no attribute 'mse'$"):
        _ = sn.activations.mse
