"""The theory against adaptive quadrature, closed forms, published numbers and wide random networks."""

import re
from itertools import pairwise
from math import asin, exp, inf, pi, sqrt

import numpy as np
import pytest
from scipy import integrate, special

import shallownet as sn
from shallownet import meanfield
from shallownet.activations import Activation, gelu, identity, relu, scaled_tanh, selu, sigmoid, silu, softplus, tanh

erf = Activation("erf", special.erf, lambda Z: 2 / sqrt(pi) * np.exp(-Z * Z))
ACTIVATIONS = [tanh, erf, sigmoid, relu, gelu, silu, selu]
ROOT = 0.05**0.5  # Schoenholz et al.'s sigma_b


def adaptive(f, kink=None):
    """E f(z), z standard normal, by an integrator that halves its steps until it is sure."""
    points = [-9.0, -1.0, 0.0, 1.0, 9.0]
    # where the integrand is steep or bends, an integrator must be told to look
    points += [p for p in (() if kink is None else (kink - 0.1, kink, kink + 0.1)) if -9 < p < 9]
    edges = sorted(points)
    return sum(
        integrate.quad(lambda z: float(f(z)) * exp(-z * z / 2) / sqrt(2 * pi), a, b, limit=200, epsabs=1e-8)[0]
        for a, b in pairwise(edges)
    )


def adaptive_pair(f, q, c):
    s = sqrt(1 - c * c)

    def given(x):
        return adaptive(lambda z: f(np.array(sqrt(q) * (c * x + s * z))), kink=-c * x / s)

    return integrate.quad(
        lambda x: f(np.array(sqrt(q) * x)) * given(x) * exp(-x * x / 2) / sqrt(2 * pi),
        *(-9, 9),
        points=[-1, -0.1, 0, 0.1, 1],
        epsabs=1e-6,
    )[0]


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda a: a.name)
@pytest.mark.parametrize("q", [1e-4, 0.3, 1.0, 20.0, 100.0])
def test_lengths_agree_with_adaptive_quadrature(activation, q):
    """The contract: 1e-4, up to lengths that sigma_w = 10 brings; we hold 1e-7 of the length."""
    expected = adaptive(lambda z: activation.f(np.array(sqrt(q) * z)) ** 2)
    slopes = adaptive(lambda z: activation.df(np.array(sqrt(q) * z)) ** 2)

    assert abs(meanfield.q_map(activation, 1.0, 0.0, q) - expected) < 1e-7 * max(1, q)
    assert abs(meanfield._mean(lambda u: activation.df(u) ** 2, q) - slopes) < 1e-7


@pytest.mark.parametrize("q", [1e3, 1e4, 1e5, 1e6])
@pytest.mark.parametrize("c", [-0.7, 0.0, 0.9, 0.999999, 1.0])
def test_of_enormous_lengths_three_digits_are_right(q, c):
    """erf's arc-sine kernel: a step, seen from so far, is where a rule with fixed nodes is worst."""
    assert meanfield._mean_of_pair(erf.f, q, c) == pytest.approx(2 / pi * asin(2 * q * c / (1 + 2 * q)), abs=1e-3)


@pytest.mark.parametrize(("q", "c"), [(1.0, 0.6), (30.0, 0.9)])
@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda a: a.name)
def test_pairs_agree_with_adaptive_quadrature(activation, q, c):
    """Two variables, with kinks along two lines: where Gauss-Hermite rules fail."""
    assert abs(meanfield._mean_of_pair(activation.f, q, c) - adaptive_pair(activation.f, q, c)) < 1e-5 * q
    assert abs(meanfield._mean_of_pair(activation.df, q, c) - adaptive_pair(activation.df, q, c)) < 1e-5


@pytest.mark.parametrize("q", [0.01, 1.0, 50.0, 100.0])
@pytest.mark.parametrize("c", [-1.0, -0.7, 0.0, 0.3, 0.9, 0.999999, 1.0])
def test_pairs_agree_with_closed_forms(q, c):
    """ReLU's arc-cosine kernel (Cho & Saul 2009) and erf's arc-sine kernel (Williams 1998), to ten digits."""
    angle = np.arccos(c)
    arc_cosine = q / (2 * pi) * (np.sin(angle) + (pi - angle) * c)
    arc_sine = 2 / pi * asin(2 * q * c / (1 + 2 * q))

    assert abs(meanfield._mean_of_pair(relu.f, q, c) - arc_cosine) < 1e-9 * q
    assert abs(meanfield._mean_of_pair(relu.df, q, c) - (pi - angle) / (2 * pi)) < 1e-9
    assert abs(meanfield._mean_of_pair(erf.f, q, c) - arc_sine) < 1e-7


@pytest.mark.parametrize(
    ("found", "published", "tolerance"),
    [
        (lambda: meanfield.q_star(tanh, 1.3, 0.3), 0.607, 5e-4),
        (lambda: meanfield.q_star(tanh, 2.5, 0.3), 4.079, 5e-4),
        (lambda: meanfield.c_star(tanh, 1.3, 0.3), 1.0, 0.0),
        (lambda: meanfield.c_star(tanh, 2.5, 0.3), 0.122, 5e-4),
        (lambda: meanfield.critical_sigma_w(tanh), 1.0, 1e-6),
        (lambda: meanfield.critical_sigma_w(tanh, 0.1), 1.1934, 1e-4),
        (lambda: meanfield.critical_sigma_w(tanh, ROOT) ** 2, 1.7610, 1e-4),
        (lambda: meanfield.critical_sigma_w(tanh, 0.3), 1.3956, 1e-4),
        (lambda: meanfield.depth_scale(tanh, 1.0, ROOT), 3.63, 5e-3),
        (lambda: meanfield.depth_scale(tanh, 1.5**0.5, ROOT), 15.8, 5e-2),
        (lambda: meanfield.depth_scale(tanh, 2**0.5, ROOT), 25.2, 5e-2),
        (lambda: meanfield.critical_sigma_w(sigmoid), 10.149, 5e-4),
        (lambda: meanfield.chi(sigmoid, 1.0, 0.0), 0.0557, 5e-5),
        (lambda: meanfield.q_star(scaled_tanh, 1.0, 0.0), 0.382, 5e-4),
        (lambda: meanfield.chi(scaled_tanh, 1.0, 0.0), 1.019, 5e-4),
        (lambda: meanfield.chi(tanh, 5 / 3, 0.0), 1.2098, 5e-5),
        (lambda: meanfield.chi(selu, 1.0, 0.0), 1.0716, 5e-5),
        (lambda: meanfield.critical_sigma_w(relu), 2**0.5, 1e-9),
        (lambda: meanfield.chi(relu, 1.0, 0.0), 0.5, 1e-9),
        (lambda: meanfield.q_star(relu, 1.0, 0.5), 0.5, 1e-9),
        (lambda: meanfield.depth_scale(tanh, 1.0, 0.0), inf, 0.0),
        (lambda: meanfield.depth_scale(tanh, 0.0, 0.5), 0.0, 0.0),
    ],
)
def test_published_and_exact_values(found, published, tolerance):
    """The catalogue's numbers, and those that can be worked out by hand."""
    value = found()

    assert value == published or abs(value - published) <= tolerance, value


def test_q_star_is_where_the_length_map_stands_still():
    """Whatever the activation, and also where the map is steep; at the edge tanh's length is 0."""
    for activation in [*ACTIVATIONS, scaled_tanh]:
        for sigma_w, sigma_b in [(0.5, 0.3), (1.0, 0.0), (1.2, 0.5)]:
            q = meanfield.q_star(activation, sigma_w, sigma_b)
            assert abs(meanfield.q_map(activation, sigma_w, sigma_b, q) - q) < 1e-8
    for sigma_w in (3.0, 10.0):
        q = meanfield.q_star(tanh, sigma_w, 0.2)
        assert abs(meanfield.q_map(tanh, sigma_w, 0.2, q) - q) < 1e-8
    assert meanfield.q_star(tanh, 1.0, 0.0) < 1e-9


def test_q_star_is_the_limit_of_the_map_from_length_one():
    """ReLU's critical map keeps every length, so it keeps this one."""
    q = 1.0
    for _ in range(200):
        q = meanfield.q_map(tanh, 1.3, 0.3, q)

    assert abs(meanfield.q_star(tanh, 1.3, 0.3) - q) < 1e-9
    assert abs(meanfield.q_star(relu, 2**0.5, 0.0) - 1) < 1e-9


def test_q_star_looks_ahead_where_the_length_creeps():
    """SiLU's critical pair, rounded as published: the drift never vanishes near 14.3, and does at 14.6."""
    sigma_w, sigma_b = sqrt(1.98800468), sqrt(0.55514317)

    q = meanfield.q_star(silu, sigma_w, sigma_b)

    assert 14.5 < q < 14.7
    assert abs(meanfield.q_map(silu, sigma_w, sigma_b, q) - q) < 1e-12
    assert meanfield._ahead(relu, 2.0, 0.01, 1.0) == inf
    assert meanfield._ahead(relu, 1.9, 0.0, 1.0) == 0.0
    assert abs(meanfield._ahead(tanh, 1.69, 0.09, 3.0) - meanfield.q_star(tanh, 1.3, 0.3)) < 1e-9


@pytest.mark.parametrize("sigma_w", [1.5, 2.5, 6.0])
@pytest.mark.parametrize("sigma_b", [0.0, 0.3])
def test_c_star_is_where_the_correlation_map_stands_still(sigma_w, sigma_b):
    """Below 1 in chaos, and attracting: chi at it is below 1."""
    c = meanfield.c_star(tanh, sigma_w, sigma_b)

    assert abs(meanfield.c_map(tanh, sigma_w, sigma_b, c) - c) < 1e-7
    assert (c < 0.99) == (meanfield.chi(tanh, sigma_w, sigma_b) > 1)
    assert meanfield.chi(tanh, sigma_w, sigma_b, c) < 1


@pytest.mark.parametrize("activation", [*ACTIVATIONS, identity], ids=lambda a: a.name)
@pytest.mark.parametrize("sigma_w", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("sigma_b", [0.0, 0.3])
def test_equal_inputs_stay_equal(activation, sigma_w, sigma_b):
    """Also where the length fades to 0, as it does without biases; with no weights and no biases nothing is left."""
    found = meanfield.c_map(activation, sigma_w, sigma_b, 1.0)

    assert found == pytest.approx(0.0 if sigma_w == sigma_b == 0 else 1.0, abs=1e-7)


def test_a_length_that_fades_keeps_its_angles():
    """Near 0 tanh is linear, and a linear layer keeps correlations; ReLU turns them as at any length."""
    c = np.array([-0.5, 0.0, 0.5])

    np.testing.assert_allclose(meanfield.c_map(tanh, 0.5, 0.0, c), c, atol=1e-7)
    np.testing.assert_allclose(meanfield.c_map(relu, 0.5, 0.0, c), meanfield.c_map(relu, 2**0.5, 0.0, c), atol=1e-7)


@pytest.mark.parametrize("activation", [tanh, erf, sigmoid, relu, selu, identity], ids=lambda a: a.name)
def test_chi_is_one_at_the_edge(activation):
    """Which is what the edge is."""
    assert abs(meanfield.chi(activation, meanfield.critical_sigma_w(activation), 0.0) - 1) < 1e-6


def test_chi_is_the_slope_of_the_correlation_map():
    """The derivative of the c-map at c is chi_c: a finite difference says so."""
    for c in (0.0, 0.5, 0.9):
        above, below = (meanfield.c_map(tanh, 1.8, 0.2, c + h) for h in (1e-4, -1e-4))
        assert abs((above - below) / 2e-4 - meanfield.chi(tanh, 1.8, 0.2, c)) < 1e-6


def test_wide_random_networks_obey():
    """Not only our quadrature agrees with itself: 40 networks of width 400, at layer 12."""
    rng = np.random.default_rng(0)
    A = rng.standard_normal((40, 400, 2))
    A[..., 1] = 0.8 * A[..., 0] + 0.6 * A[..., 1]
    for _ in range(12):
        W, b = (
            rng.standard_normal((40, 400, 400)) * 1.5 / 20,
            rng.standard_normal((40, 400, 1)) * 0.3,
        )
        Z = W @ A + b
        A = np.tanh(Z)
    q = (Z**2).mean(axis=(1, 2))
    c = (Z[..., 0] * Z[..., 1]).mean(axis=1) / np.sqrt(np.prod((Z**2).mean(axis=1), axis=-1))

    for sample, theory in ((q, meanfield.q_star(tanh, 1.5, 0.3)), (c, meanfield.c_star(tanh, 1.5, 0.3))):
        # 1/n corrections move the mean by less than its sampling error allows for
        assert abs(sample.mean() - theory) < 4 * sample.std() / sqrt(40) + 0.01


def test_everything_broadcasts_and_numbers_stay_numbers():
    """A grid of (sigma_w, sigma_b) is one call; a single pair gives a float."""
    sigma_w, sigma_b = np.array([0.8, 1.5, 2.5])[:, None], np.array([0.0, 0.3])
    for f in (meanfield.q_star, meanfield.c_star, meanfield.chi, meanfield.depth_scale):
        grid = f(tanh, sigma_w, sigma_b)
        assert grid.shape == (3, 2)
        assert grid[2, 1] == f(tanh, 2.5, 0.3)
        assert type(f(tanh, 2.5, 0.3)) is float
    assert meanfield.q_map(tanh, 1.0, 0.0, np.ones(4)).shape == (4,)
    assert meanfield.c_map(tanh, 1.5, 0.1, np.linspace(-1, 1, 5)).shape == (5,)
    assert meanfield.critical_sigma_w(tanh, np.array([0.0, 0.1])).shape == (2,)


BAD = [
    (lambda: meanfield.q_star(relu, 1.5, 0.1), ValueError, r"no fixed length at sigma_w 1.5, sigma_b 0.1 for relu"),
    (lambda: meanfield.chi(relu, 3.0, 0.0), ValueError, r"no fixed length"),
    (lambda: meanfield.critical_sigma_w(relu, 0.1), ValueError, r"no critical sigma_w at sigma_b 0.1 for relu"),
    (lambda: meanfield.critical_sigma_w(softplus), ValueError, r"no critical sigma_w"),
    (lambda: meanfield.q_star(np.tanh, 1.0, 0.1), TypeError, r"activation must be an Activation, got <ufunc"),
    (lambda: meanfield.q_star(tanh, -1.0, 0.1), ValueError, r"sigma_w must be finite and at least 0, got -1.0"),
    (lambda: meanfield.chi(tanh, 1.0, np.nan), ValueError, r"sigma_b .*got nan"),
    (lambda: meanfield.depth_scale(tanh, "1", 0.0), ValueError, r"sigma_w .*got '1'"),
    (lambda: meanfield.c_star(tanh, [1.0, inf], 0.0), ValueError, r"sigma_w .*got \[1.0, inf\]"),
    (lambda: meanfield.q_map(tanh, 1.0, 0.0, -0.5), ValueError, r"q must be finite and at least 0, got -0.5"),
    (lambda: meanfield.c_map(tanh, 1.0, 0.0, 1.5), ValueError, r"c must be in \[-1, 1\], got 1.5"),
    (lambda: meanfield.chi(tanh, [1.0, 2.0], [0.0, 0.1, 0.2]), ValueError, r"must broadcast, got shapes"),
]


@pytest.mark.parametrize(("call", "kind", "message"), BAD, ids=range(len(BAD)))
def test_bad_input_is_answered_in_one_line(call, kind, message):
    """Where no fixed point exists, and where an argument is none."""
    with pytest.raises(kind) as caught:
        call()

    said = str(caught.value)
    assert re.search(message, said), said
    assert re.match(r"(q_map|q_star|c_map|c_star|chi|critical_sigma_w|depth_scale): ", said), said
    assert "\n" not in said


def test_the_theory_is_at_the_top():
    """Contract: `sn.meanfield`."""
    assert sn.meanfield is meanfield


def test_a_simulated_network_does_what_the_theory_says():
    """Lengths and correlations of a finite network, order and chaos in one pass, against the maps of infinite width."""
    rng = np.random.default_rng(0)
    sigma_w, n = np.array([0.8, 1.3, 2.5]), 1000
    X = rng.standard_normal((n, 2))
    X[:, 1] = 0.6 * X[:, 0] + 0.8 * X[:, 1]

    found = meanfield.simulate(tanh, sigma_w, 0.3, X, 30, rng)

    assert found.shape == (31, 3, 2, 2)
    np.testing.assert_allclose(found[0], np.broadcast_to(X.T @ X / n, (3, 2, 2)), rtol=1e-12)
    q = found[0, :, 0, 0]
    for l in range(1, 4):  # layer after layer while little noise has piled up
        q = meanfield.q_map(tanh, sigma_w, 0.3, q)
        np.testing.assert_allclose(found[l, :, 0, 0], q, rtol=0.15)
    last = found[-10:].mean(axis=0)
    np.testing.assert_allclose(last[:, 0, 0], meanfield.q_star(tanh, sigma_w, 0.3), rtol=0.1)
    c = last[:, 0, 1] / np.sqrt(last[:, 0, 0] * last[:, 1, 1])
    np.testing.assert_allclose(c, meanfield.c_star(tanh, sigma_w, 0.3), atol=0.08)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_settings_of_a_simulation_share_their_draws(dtype):
    """One pass over many is many passes with the same generator: what differs is not noise."""
    X = np.random.default_rng(1).standard_normal((40, 3)).astype(dtype)
    sigma_w, sigma_b = np.array([[0.5, 1.0, 2.0]]), np.array([[0.0], [0.3]])

    found = meanfield.simulate(relu, sigma_w, sigma_b, X, 6, np.random.default_rng(2))

    assert found.shape == (7, 2, 3, 3, 3)
    assert found.dtype == dtype
    for i, j in np.ndindex(2, 3):
        alone = meanfield.simulate(relu, sigma_w[0, j], sigma_b[i, 0], X, 6, np.random.default_rng(2))
        np.testing.assert_allclose(found[:, i, j], alone, rtol=1e-12 if dtype is np.float64 else 1e-4)


def test_a_simulation_is_the_forward_pass():
    """Against `forward`, with the same weights written out as layers."""
    rng = np.random.default_rng(3)
    X, n = rng.standard_normal((20, 5)), 20

    found = meanfield.simulate(tanh, 1.5, 0.2, X, 4, np.random.default_rng(4))
    draws = np.random.default_rng(4)
    params = [(np.eye(n), np.zeros((n, 1)))]
    for _ in range(4):
        W = 1.5 / sqrt(n) * draws.standard_normal((n, n))
        params.append((W, 0.2 * draws.standard_normal((n, 1))))
    Z = sn.forward(params, X, tanh).Z

    np.testing.assert_allclose(found, [Z[l].T @ Z[l] / n for l in range(1, 6)], rtol=1e-10)


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"sigma_w": -1.0}, ValueError, "sigma_w must be finite and at least 0, got -1.0"),
        ({"sigma_b": [0.1, 0.2]}, ValueError, "sigma_w, sigma_b must broadcast"),
        ({"X": np.ones(3)}, ValueError, r"X must be finite floats \(n, m\), got array"),
        ({"X": [[1.0]]}, ValueError, "X must be finite floats"),
        ({"X": np.full((2, 2), np.nan)}, ValueError, "X must be finite floats"),
        ({"depth": -1}, ValueError, "depth must be an integer of at least 0, got -1"),
        ({"rng": 0}, TypeError, "rng must be a numpy Generator, got 0"),
        ({"activation": np.tanh}, TypeError, "activation must be an Activation"),
    ],
)
def test_a_simulation_says_what_does_not_fit(changes, kind, message):
    """Silence would be a thousand layers of NaN."""
    given = {"activation": tanh, "sigma_w": [1.0, 1.5, 2.0], "sigma_b": 0.1, "X": np.ones((4, 2)), "depth": 3}

    with pytest.raises(kind, match=f"^simulate: {message}"):
        meanfield.simulate(**{**given, "rng": np.random.default_rng(0), **changes})


@pytest.mark.parametrize("c", [-1.0, 1.0])
@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda a: a.name)
def test_a_correlation_can_be_mapped_again_and_again(activation, c):
    """Rounding once left 1 + 7e-15, which the next call refused."""
    for sigma_w in (0.7, 1.0, 1.3):
        for _ in range(5):
            c = meanfield.c_map(activation, sigma_w, 0.3, c)
            assert -1 <= c <= 1
