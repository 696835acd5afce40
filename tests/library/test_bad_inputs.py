"""Bad input of every kind gets one line that names the function and says what arrived.

Silence is the enemy here: a wrong shape that broadcasts or a NaN that spreads costs a reader an evening.
"""

import re
from functools import partial

import numpy as np
import pytest

import shallownet as sn
from shallownet.activations import relu, tanh
from shallownet.training import step

init, acts, losses, diag, data = sn.initializers, sn.activations, sn.losses, sn.diagnostics, sn.datasets
bce, ce, se = losses.binary_cross_entropy, losses.softmax_cross_entropy, losses.squared_error


def rng():
    return np.random.default_rng(0)


def net(*ensemble):
    return sn.init_params([2, 4, 1], init.glorot, rng(), ensemble=ensemble)


def broken(l, **arrays):
    """A 2-4-1 network in which layer `l` has other arrays."""
    params = net()
    return [layer._replace(**arrays) if i == l else layer for i, layer in enumerate(params, start=1)]


def train(params=None, X=None, Y=None, **keywords):
    settings = {"steps": 2, "lr": 0.1, **keywords}
    return sn.train(net() if params is None else params, XS if X is None else X, YS if Y is None else Y, **settings)


def with_nan(array, value=np.nan):
    array = np.array(array, dtype=float)
    array[..., -1] = value
    return array


XS, YS = data.xor(8, rng())
ONE_HOT = np.eye(3)
LOGITS = np.zeros((3, 3))
TRACE = sn.forward(net(), XS)
RAGGED = np.array([[1.0, None], [2.0, 3.0]], dtype=object)
TEXT = np.array([["1", "2"], ["3", "4"]])

INIT_PARAMS = [
    (
        lambda: sn.init_params([2, 0, 1], init.he, rng()),
        ValueError,
        r"sizes must be at least two .*got \[2, 0, 1\]",
    ),
    (lambda: sn.init_params([2, -4, 1], init.he, rng()), ValueError, r"sizes .*got \[2, -4, 1\]"),
    (lambda: sn.init_params([2], init.he, rng()), ValueError, r"sizes .*got \[2\]"),
    (lambda: sn.init_params(5, init.he, rng()), ValueError, r"sizes .*got 5"),
    (lambda: sn.init_params([], init.he, rng()), ValueError, r"sizes .*got \[\]"),
    (lambda: sn.init_params(None, init.he, rng()), ValueError, r"sizes .*got None"),
    (lambda: sn.init_params("241", init.he, rng()), ValueError, r"sizes .*got '241'"),
    (lambda: sn.init_params([2, 4.0, 1], init.he, rng()), ValueError, r"sizes .*got \[2, 4.0, 1\]"),
    (lambda: sn.init_params([2, np.nan, 1], init.he, rng()), ValueError, r"sizes .*got \[2, nan, 1\]"),
    (lambda: sn.init_params([2, True, 1], init.he, rng()), ValueError, r"sizes .*got \[2, True, 1\]"),
    (lambda: sn.init_params(np.ones((40, 40)), init.he, rng()), ValueError, r"sizes .*got array"),
    (lambda: sn.init_params([2, 4, 1], init.he, 0), TypeError, r"rng must be a numpy Generator, got 0"),
    (lambda: sn.init_params([2, 4, 1], init.he, np.ones((9, 9))), TypeError, r"rng .*got array"),
    (
        lambda: sn.init_params([2, 4, 1], init.he, np.random.RandomState(0)),
        TypeError,
        r"rng .*got RandomState",
    ),
    (lambda: sn.init_params([2, 4, 1], init.he, rng(), ensemble=(0,)), ValueError, r"ensemble .*got \(0,\)"),
    (lambda: sn.init_params([2, 4, 1], init.he, rng(), ensemble=-3), ValueError, r"ensemble .*got -3"),
    (lambda: sn.init_params([2, 4, 1], init.he, rng(), ensemble=2.5), ValueError, r"ensemble .*got 2.5"),
    (lambda: sn.init_params([2, 4, 1], init.he, rng(), dtype=int), TypeError, r"dtype .*got <class 'int'>"),
    (lambda: sn.init_params([2, 4, 1], init.he, rng(), dtype=complex), TypeError, r"dtype .*complex"),
    (lambda: sn.init_params([2, 4, 1], init.he, rng(), dtype="nonsense"), TypeError, r"dtype .*'nonsense'"),
    (
        lambda: sn.init_params([2, 4, 1], [init.he], rng()),
        ValueError,
        r"initializer .*a list of 2, got \[<func",
    ),
    (lambda: sn.init_params([2, 4, 1], "he", rng()), ValueError, r"initializer .*got 'he'"),
    (lambda: sn.init_params([2, 4, 1], None, rng()), ValueError, r"initializer .*got None"),
    (lambda: sn.init_params([2, 4, 1], XS, rng()), ValueError, r"initializer .*got array"),
    (
        lambda: sn.init_params([2, 4, 1], lambda s, r, dtype: np.zeros(3), rng()),
        ValueError,
        r"layer 1 .*\(3,\)",
    ),
    (
        lambda: sn.init_params([2, 4, 1], lambda s, r, dtype: np.zeros(s, int), rng()),
        ValueError,
        r"layer 1 .*int",
    ),
    (
        lambda: sn.init_params([2, 4, 1], lambda s, r, dtype: np.full(s, np.nan), rng()),
        ValueError,
        r"layer 1 .*NaN",
    ),
]

INIT_PARAMS += [
    (lambda: sn.init_params([2, 4, 1], init.he, rng(), biases=[0]), ValueError, r"biases .*a list of 2.*got \[0\]"),
    (lambda: sn.init_params([2, 4, 1], init.he, rng(), biases="ab"), ValueError, r"biases .*got 'ab'"),
    (lambda: sn.init_params([2, 4, 1], init.he, rng(), biases=True), ValueError, r"biases .*got True"),
    (lambda: sn.init_params([2, 4, 1], init.he, rng(), biases=np.nan), ValueError, r"bias 1 must be finite, got NaN"),
    (lambda: sn.init_params([2, 4, 1], init.he, rng(), biases=[0, "a"]), TypeError, r"bias 2 must hold numbers, got"),
    (lambda: sn.init_params([2, 4, 1], init.he, rng(), biases=[0, None]), TypeError, r"bias 2 must hold numbers, got"),
    (
        lambda: sn.init_params([2, 4, 1], init.he, rng(), biases=[np.zeros(4), 0]),
        ValueError,
        r"bias 1 must be a number or \(4, 1\), or broadcast to it as \(..., 4, 1\), got array",
    ),
    (
        lambda: sn.init_params([2, 4, 1], init.he, rng(), biases=[np.zeros((1, 4)), 0]),
        ValueError,
        r"bias 1 .*got array",
    ),
    (
        lambda: sn.init_params([2, 4, 1], init.he, rng(), ensemble=(3,), biases=[0, np.zeros((2, 1, 1))]),
        ValueError,
        r"bias 2 must be a number or \(3, 1, 1\).*got array",
    ),
    (
        lambda: sn.init_params([2, 1], init.he, rng(), dtype=np.float32, biases=1e60),
        ValueError,
        r"bias 1 must be finite, got",
    ),
]
NAMED_ARRAYS = {"fc1.weight": np.ones((4, 2)), "fc1.bias": np.ones(4)}

FORWARD = [
    (lambda: sn.forward(NAMED_ARRAYS, XS), TypeError, r"arrays by name, which sn.report takes, got dict of 'fc1.w"),
    (lambda: sn.forward({}, XS), TypeError, r"arrays by name, which sn.report takes, got dict of nothing"),
    (lambda: sn.forward(net(), XS, "linear"), TypeError, r"got 'linear', which is activations.identity here"),
    (lambda: sn.forward(net(), with_nan(XS)), ValueError, r"X must be finite, got NaN"),
    (lambda: sn.forward(net(), with_nan(XS, np.inf)), ValueError, r"X must be finite, got .*inf"),
    (lambda: sn.forward(net(), XS[0]), ValueError, r"X must be .*got \(8,\)"),
    (lambda: sn.forward(net(), 1.0), ValueError, r"X must be .*got \(\)"),
    (lambda: sn.forward(net(), XS.T), ValueError, r"W\[1\] must be \(..., n_1, 8\), got \(4, 2\)"),
    (lambda: sn.forward(net(), XS[:, :0]), ValueError, r"X must be .*m >= 1, got \(2, 0\)"),
    (lambda: sn.forward(net(), XS.astype(complex)), TypeError, r"X must hold numbers, got dtype complex128"),
    (lambda: sn.forward(net(), XS.astype(object)), TypeError, r"X must hold numbers, got dtype object"),
    (lambda: sn.forward(net(), XS.astype(str)), TypeError, r"X must hold numbers, got dtype <U"),
    (lambda: sn.forward([], XS), ValueError, r"params must hold at least one layer, got none"),
    (lambda: sn.forward(None, XS), TypeError, r"params must be .*layers \(W, b\), got None"),
    (lambda: sn.forward(net()[0], XS), TypeError, r"params must be .*layers \(W, b\), got Layer"),
    (lambda: sn.forward([(*net()[0], 1)], XS), TypeError, r"params must be .*layers \(W, b\)"),
    (
        lambda: sn.forward(broken(1, b=np.zeros(4)), XS),
        ValueError,
        r"b\[1\] must be \(..., 4, 1\), got \(4,\)",
    ),
    (lambda: sn.forward(broken(1, b=np.zeros((1, 4))), XS), ValueError, r"b\[1\] must be .*got \(1, 4\)"),
    (lambda: sn.forward(broken(2, b=np.zeros(())), XS), ValueError, r"b\[2\] must be .*got \(\)"),
    (
        lambda: sn.forward(broken(2, W=np.zeros((1, 5))), XS),
        ValueError,
        r"W\[2\] must be .*4\), got \(1, 5\)",
    ),
    (lambda: sn.forward(broken(2, W=np.zeros(4)), XS), ValueError, r"W\[2\] must be .*got \(4,\)"),
    (
        lambda: sn.forward(broken(1, W=np.ones((4, 2)) * 1j), XS),
        TypeError,
        r"W\[1\] must hold numbers.*complex",
    ),
    (lambda: sn.forward(broken(1, W=np.full((4, 2), "1")), XS), TypeError, r"W\[1\] must hold numbers.*<U1"),
    (
        lambda: sn.forward(broken(2, b=np.full((1, 1), None)), XS),
        TypeError,
        r"b\[2\] must hold numbers.*object",
    ),
    (
        lambda: sn.forward(broken(2, b=np.full((1, 1), np.nan)), XS),
        ValueError,
        r"b\[2\] must be finite, got NaN",
    ),
    (lambda: sn.forward(broken(1, W=np.full((4, 2), np.inf)), XS), ValueError, r"W\[1\] must be finite, got"),
    (lambda: sn.forward(net(3), np.ones((2, 2, 8))), ValueError, r"ensemble axes must broadcast, got"),
    (lambda: sn.forward(net(), XS, "tanh"), TypeError, r"activation must be an Activation, got 'tanh'"),
    (lambda: sn.forward(net(), XS, np.tanh), TypeError, r"activation must be an Activation, got <ufunc"),
    (
        lambda: sn.forward(sn.init_params([2, 1], init.he, rng(), dtype=np.float32), 1e300 * XS),
        ValueError,
        r"X must be finite, got",
    ),
]

BACKWARD = [
    (lambda: sn.backward(net()[:1], TRACE, YS), ValueError, r"trace must come from these 1 layers, got 2"),
    (lambda: sn.backward(net(), TRACE, YS[:, :3]), ValueError, r"dZ must have .*\(1, 8\), got \(1, 3\)"),
    (lambda: sn.backward(net(3), TRACE, YS), ValueError, r"trace must have the ensemble axes of params, got"),
    (lambda: sn.backward(net(3), sn.forward(net(2), XS), np.stack([YS] * 2)), ValueError, r"trace .*ensemble axes"),
    (lambda: sn.backward(net(), TRACE, YS[0]), ValueError, r"dZ must have .*got \(8,\)"),
    (lambda: sn.backward(net(), TRACE, YS.astype(complex)), TypeError, r"dZ must hold numbers.*complex"),
    (lambda: sn.backward(net(), TRACE, with_nan(YS)), ValueError, r"dZ must be finite, got NaN"),
    (lambda: sn.backward(net(), TRACE.A, YS), TypeError, r"trace must be a Trace, got \[array"),
    (lambda: sn.backward(net(), TRACE, YS, "tanh"), TypeError, r"activation must be .*got 'tanh'"),
    (
        lambda: sn.backward(sn.init_params([2, 3, 1], init.he, rng()), TRACE, YS),
        ValueError,
        r"trace must come from .*\[2, 3, 1\], got .*\[2, 4, 1\]",
    ),
]

TRAIN = [
    (lambda: train(NAMED_ARRAYS), TypeError, r"params must be .*sn.report takes, got dict"),
    (lambda: train(loss="mse"), TypeError, r"loss must be a Loss, got 'mse', which is losses.squared_error here"),
    (lambda: train(X=with_nan(XS)), ValueError, r"X must be finite"),
    (lambda: train(X=XS.T), ValueError, r"W\[1\] must be"),
    (lambda: train(X=XS[:, :5]), ValueError, r"logits .*got \(1, 5\) and \(1, 8\)"),
    (lambda: train(Y=YS[0]), ValueError, r"logits .*got \(1, 8\) and \(8,\)"),
    (lambda: train(Y=YS.T), ValueError, r"got \(1, 8\) and \(8, 1\)"),
    (lambda: train(Y=2 * YS), ValueError, r"Y must lie in \[0, 1\], got values from 0 to 2"),
    (lambda: train(Y=2 * YS - 1), ValueError, r"Y must lie in \[0, 1\], got values from -1 to 1"),
    (lambda: train(Y=with_nan(YS)), ValueError, r"Y must be finite, got NaN"),
    (lambda: train(steps=-1), ValueError, r"steps .*got -1"),
    (lambda: train(steps=2.0), ValueError, r"steps .*got 2.0"),
    (lambda: train(steps=True), ValueError, r"steps .*got True"),
    (lambda: train(steps=None), ValueError, r"steps .*got None"),
    (lambda: train(lr=0), ValueError, r"lr must be positive.*got 0"),
    (lambda: train(lr=-0.1), ValueError, r"lr must be positive.*got -0.1"),
    (lambda: train(lr=np.nan), ValueError, r"lr must be positive.*got nan"),
    (lambda: train(lr=np.inf), ValueError, r"lr must be positive.*got inf"),
    (lambda: train(lr="0.1"), ValueError, r"lr must be positive.*got '0.1'"),
    (lambda: train(lr=None), ValueError, r"lr must be positive.*got None"),
    (lambda: train(lr=1j), ValueError, r"lr must be positive.*got 1j"),
    (lambda: train(lr=np.array([0.1, 0.2])), ValueError, r"lr .*got array\(\[0.1, 0.2\]\)"),
    (lambda: train(net(3), lr=(0.1, 0.2)), ValueError, r"lr .*\(3,\), got \(0.1, 0.2\)"),
    (lambda: train(lr=[0.1]), ValueError, r"lr as a list .*each of the 2 layers, got \[0.1\]"),
    (lambda: train(lr=[]), ValueError, r"lr as a list .*2 layers, got \[\]"),
    (lambda: train(net(3), lr=[0.1, 0.2, 0.3]), ValueError, r"lr as a list .*got \[0.1, 0.2, 0.3\]"),
    (lambda: train(lr=[0.1, -0.2]), ValueError, r"lr must be positive.*got -0.2"),
    (lambda: train(lr=[0.1, 0]), ValueError, r"lr must be positive.*got 0"),
    (lambda: train(lr=[np.nan, 0.1]), ValueError, r"lr must be positive.*got nan"),
    (lambda: train(lr=[0.1, np.inf]), ValueError, r"lr must be positive.*got inf"),
    (lambda: train(lr=[0.1, None]), ValueError, r"lr must be positive.*got None"),
    (lambda: train(net(3), lr=[0.1, np.ones(2)]), ValueError, r"lr .*\(3,\), got array"),
    (lambda: train(net(3), lr=-np.ones((3, 1))), ValueError, r"lr .*\(3,\), got array"),
    (
        lambda: train(X=np.stack([XS] * 3), Y=YS, lr=np.array([0.1, 0.2, 0.3])),
        ValueError,
        r"lr .*got array\(\[0.1, 0.2, 0.3\]\)",
    ),
    (lambda: train(activation="tanh"), TypeError, r"activation must be an Activation, got 'tanh'"),
    (lambda: train(loss="mse"), TypeError, r"loss must be a Loss, got 'mse'"),
    (lambda: train(loss=bce.f), TypeError, r"loss must be a Loss, got <function"),
    (lambda: train(optimizer="sdg"), ValueError, r"optimizer must be one of sgd, momentum, adam, got 'sdg'"),
    (lambda: train(optimizer=["adam"]), ValueError, r"optimizer .*got \['adam'\]"),
    (lambda: train(batch_size=0, rng=rng()), ValueError, r"batch_size .*1..8, got 0"),
    (lambda: train(batch_size=9, rng=rng()), ValueError, r"batch_size .*1..8, got 9"),
    (lambda: train(batch_size=2.0, rng=rng()), ValueError, r"batch_size .*got 2.0"),
    (lambda: train(batch_size=4), TypeError, r"rng, a numpy Generator, got None"),
    (lambda: train(batch_size=4, rng=0), TypeError, r"rng.* a numpy Generator.*got 0"),
    (lambda: train(rng=0), TypeError, r"rng.* a numpy Generator.*got 0"),
    (lambda: train(record=len), TypeError, r"record must map names to functions, got <built-in"),
    (lambda: train(record=["rms"]), TypeError, r"record must map names to functions, got \['rms'\]"),
    (lambda: train(record={"rms": 1.0}), TypeError, r"record must map names to functions, got {'rms': 1.0}"),
    (lambda: train(record={"loss": lambda p, t: 0}), ValueError, r"record .*got 'loss'"),
    (
        lambda: train(batch_size=3, rng=rng(), record={"Z": lambda p, t: t.Z[1]}, steps=3),
        ValueError,
        r"record 'Z' must return one shape at every step, got \[\(4, 3\), \(4, 2\)\]",
    ),
    (lambda: train(broken(1, W=np.full((4, 2), np.nan))), ValueError, r"W\[1\] must be finite, got NaN"),
    (lambda: train(broken(1, b=np.zeros(4))), ValueError, r"b\[1\] must be"),
    (lambda: train(params=[]), ValueError, r"params must hold at least one layer"),
]

STEP = [
    (lambda: step(net(), XS, YS, lr=np.nan), ValueError, r"lr must be positive.*got nan"),
    (lambda: step(net(), XS, YS, lr=-0.1), ValueError, r"lr must be positive.*got -0.1"),
    (lambda: step(net(), XS, YS, lr="0.1"), ValueError, r"lr must be positive.*got '0.1'"),
    (lambda: step(net(), XS, YS, lr=np.ones((3, 1, 1))), ValueError, r"lr .*broadcast with every W and b, got array"),
    (lambda: step(net(3), XS, YS, lr=np.ones(3)), ValueError, r"lr .*broadcast with every W and b, got array"),
]

SCHEMES = {
    "zeros": init.zeros,
    "constant": partial(init.constant, value=1.0),
    "identity": init.identity,
    "normal": partial(init.normal, std=1.0),
    "uniform": partial(init.uniform, limit=1.0),
    "truncated_normal": partial(init.truncated_normal, std=1.0),
    "variance_scaling": init.variance_scaling,
    "lecun": init.lecun,
    "glorot": init.glorot,
    "he": init.he,
    "orthogonal": init.orthogonal,
    "sparse": partial(init.sparse, sparsity=0.5),
    "mup": partial(init.mup, role="output"),
}
BAD_SHAPES = [(3,), (), 3, None, "ab", (0, 3), (3, 0), (-1, -2), (2.5, 2), (2, np.inf), (2, True), (2.0, 3.0)]

INITIALIZERS = [
    (lambda: init.mup((3, 2), rng(), role="last"), ValueError, r"mup: role must be input, .*got 'last'"),
    (lambda: init.mup((3, 2), rng(), role=None), ValueError, r"mup: role .*got None"),
    (lambda: init.mup((3, 2), rng(), role="output", base_width=0), ValueError, r"mup: base_width .*above 0, got 0"),
    (lambda: init.mup((3, 2), rng(), role="output", base_width=[8, 8]), ValueError, r"mup: base_width .*\(2,\)"),
    (lambda: init.mup((3, 2), rng(), role="hidden", base_width=-1), ValueError, r"mup: base_width .*got -1"),
    (lambda: init.mup((3, 2), rng(), role="input", gain=-1), ValueError, r"mup: gain .*got -1"),
    (lambda: init.mup_rates([2], 0.1), ValueError, r"mup_rates: sizes must be at least two .*got \[2\]"),
    (lambda: init.mup_rates([2, 0, 1], 0.1), ValueError, r"mup_rates: sizes .*got \[2, 0, 1\]"),
    (lambda: init.mup_rates([2, 4.0, 1], 0.1), ValueError, r"mup_rates: sizes .*got \[2, 4.0, 1\]"),
    (lambda: init.mup_rates(None, 0.1), ValueError, r"mup_rates: sizes .*got None"),
    (lambda: init.mup_rates("241", 0.1), ValueError, r"mup_rates: sizes .*got '241'"),
    (lambda: init.mup_rates([2, 4, 1], 0), ValueError, r"mup_rates: lr must be above 0, got 0"),
    (lambda: init.mup_rates([2, 4, 1], np.array([0.1, -1])), ValueError, r"mup_rates: lr .*got array"),
    (lambda: init.mup_rates([2, 4, 1], np.nan), ValueError, r"mup_rates: lr must be finite, got nan"),
    (lambda: init.mup_rates([2, 4, 1], "0.1"), ValueError, r"mup_rates: lr .*got '0.1'"),
    (lambda: init.mup_rates([2, 4, 1], 0.1, "lbfgs"), ValueError, r"mup_rates: optimizer .*got 'lbfgs'"),
    (lambda: init.mup_rates([2, 4, 1], 0.1, base_width=0), ValueError, r"mup_rates: base_width .*got 0"),
    (lambda: init.normal((3, 2), rng(), std=-1), ValueError, r"normal: std must be at least 0, got -1"),
    (lambda: init.normal((3, 2), rng(), std=np.nan), ValueError, r"normal: std .*got nan"),
    (lambda: init.normal((3, 2), rng(), std="0.1"), ValueError, r"normal: std .*got '0.1'"),
    (lambda: init.normal((3, 2), rng(), std=None), ValueError, r"normal: std .*got None"),
    (lambda: init.normal((3, 2), rng(), std=1j), ValueError, r"normal: std .*got 1j"),
    (lambda: init.normal((3, 2), rng(), std=np.ones(5)), ValueError, r"normal: std must broadcast .*\(5,\)"),
    (lambda: init.normal((3, 2), rng(), std=np.ones((9, 3, 2))), ValueError, r"normal: std .*\(9, 3, 2\)"),
    (lambda: init.normal((9, 3, 2), rng(), std=-np.ones((9, 1, 1))), ValueError, r"normal: std .*got array"),
    (lambda: init.normal((3, 2), rng(), std=1e60, dtype=np.float32), ValueError, r"normal: std .*float32"),
    (lambda: init.uniform((3, 2), rng(), limit=-1), ValueError, r"uniform: limit must be at least 0, got -1"),
    (lambda: init.uniform((3, 2), rng(), limit=np.inf), ValueError, r"uniform: limit .*got inf"),
    (lambda: init.truncated_normal((3, 2), rng(), std=-1), ValueError, r"truncated_normal: std .*got -1"),
    (lambda: init.constant((3, 2), rng(), value=np.nan), ValueError, r"constant: value .*got nan"),
    (lambda: init.constant((3, 2), rng(), value="a"), ValueError, r"constant: value .*got 'a'"),
    (lambda: init.constant((3, 2), rng(), value=[1, 2, 3]), ValueError, r"constant: value .*\(3,\)"),
    (lambda: init.variance_scaling((3, 2), rng(), scale=-1), ValueError, r"variance_scaling: scale .*got -1"),
    (
        lambda: init.variance_scaling((3, 2), rng(), mode="in"),
        ValueError,
        r"variance_scaling: mode .*got 'in'",
    ),
    (lambda: init.variance_scaling((3, 2), rng(), mode=[]), ValueError, r"variance_scaling: mode .*got \[\]"),
    (lambda: init.glorot((3, 2), rng(), distribution="gauss"), ValueError, r"glorot: distribution .*'gauss'"),
    (lambda: init.lecun((3, 2), rng(), gain=-1), ValueError, r"lecun: gain must be at least 0, got -1"),
    (
        lambda: init.lecun((3, 2), rng(), gain=[1, 2]),
        ValueError,
        r"lecun: gain must be a number, got shape \(2,\)",
    ),
    (lambda: init.he((3, 2), rng(), gain=np.nan), ValueError, r"he: gain .*got nan"),
    (lambda: init.he((3, 2), rng(), mode="fan"), ValueError, r"he: mode .*got 'fan'"),
    (lambda: init.orthogonal((3, 2), rng(), gain=-1), ValueError, r"orthogonal: gain .*got -1"),
    (lambda: init.sparse((3, 2), rng(), sparsity=1.5), ValueError, r"sparse: sparsity .*got 1.5"),
    (lambda: init.sparse((3, 2), rng(), sparsity=np.nan), ValueError, r"sparse: sparsity .*got nan"),
    (lambda: init.sparse((3, 2), rng(), sparsity="half"), ValueError, r"sparse: sparsity .*got 'half'"),
    (lambda: init.sparse((3, 2), rng(), sparsity=0.5, std=-1), ValueError, r"sparse: std .*got -1"),
    (lambda: init.gain(acts.gelu), ValueError, r"gain: activation .*chapter 7 and meanfield, got 'gelu'"),
    (lambda: init.gain(acts.Activation("tanh", np.sin, np.cos)), ValueError, r"gain: .*meanfield, got 'tanh'"),
    (lambda: init.gain(acts.Activation("off", np.zeros_like, np.zeros_like)), ValueError, r"gain: .*got 'off'"),
    (lambda: init.gain("relu"), TypeError, r"gain: activation must be an Activation, got 'relu'"),
    (lambda: init.gain(3), TypeError, r"gain: activation .*got 3"),
    (lambda: init.gain("linear"), TypeError, r"gain: .*got 'linear', which is activations.identity here"),
    (lambda: init.fans((3,)), ValueError, r"fans: shape .*got \(3,\)"),
    (lambda: init.fans((3, 4), "oikk"), ValueError, r"fans: shape .*each letter of 'oikk', got \(3, 4\)"),
    (lambda: init.fans((3, 4, 0, 3), "oikk"), ValueError, r"fans: shape .*got \(3, 4, 0, 3\)"),
    (lambda: init.fans((3, 4, 3.0, 3), "oikk"), ValueError, r"fans: shape .*got \(3, 4, 3.0, 3\)"),
    (lambda: init.fans((3, 4), "OI"), ValueError, r"fans: layout .*got 'OI'"),
    (lambda: init.fans((3, 4), "kk"), ValueError, r"fans: layout .*with an o or an i, got 'kk'"),
    (lambda: init.fans((3, 4), ""), ValueError, r"fans: layout .*got ''"),
    (lambda: init.fans((3, 4), None), ValueError, r"fans: layout .*got None"),
    (lambda: init.fans((8, 6, 3, 3), "oikk", groups=3), ValueError, r"fans: groups must divide the 8 outputs, got 3"),
    (
        lambda: init.fans((6, 8, 3, 3), "iokk", groups=4, transposed=True),
        ValueError,
        r"fans: groups must divide the 6 inputs, got 4",
    ),
    (lambda: init.fans((8, 6, 3, 3), "oikk", groups=0), ValueError, r"fans: groups .*got 0"),
    (lambda: init.fans((8, 6, 3, 3), "oikk", groups=2.0), ValueError, r"fans: groups .*got 2.0"),
    (lambda: init.fans((8, 6, 3, 3), "oikk", stride=0), ValueError, r"fans: stride .*got 0"),
    (lambda: init.fans((8, 6, 3, 3), "oikk", stride=(2, 2, 2)), ValueError, r"fans: stride .*2 kernel axes, got \(2,"),
    (lambda: init.fans((8, 6), stride=2), ValueError, r"fans: stride .*0 kernel axes, got 2"),
    (lambda: init.fans((8, 6), transposed="yes"), ValueError, r"fans: transposed .*got 'yes'"),
    *[
        (lambda f=f, fans=fans: f((3, 2), rng(), fans=fans), ValueError, r"fans must be two positive numbers .*got")
        for f in (init.lecun, init.glorot, init.he, init.variance_scaling)
        for fans in (3, (3,), (3, 0), (3, -1), (np.nan, 1), (np.inf, 1), "ab", {3, 4}, (1, 2, 3), (None, 3), ("3", 4))
    ],
    (lambda: init.delta_orthogonal((3, 3), rng()), ValueError, r"delta_orthogonal: shape .*got \(3, 3\)"),
    (lambda: init.delta_orthogonal(None, rng()), ValueError, r"delta_orthogonal: shape .*got None"),
    (lambda: init.delta_orthogonal((3, 3, 3), rng(), layout="oi"), ValueError, r"layout .*o, i and k, got 'oi'"),
    (lambda: init.delta_orthogonal((3, 3), rng(), layout="ok"), ValueError, r"layout .*o, i and k, got 'ok'"),
    (lambda: init.delta_orthogonal((3, 3, 3, 3), rng(), layout="abcd"), ValueError, r"layout .*got 'abcd'"),
    (lambda: init.delta_orthogonal((3, 3, 3, 3), rng(), gain=-1), ValueError, r"delta_orthogonal: gain .*got -1"),
    (lambda: init.delta_orthogonal((3, 3, 3, 3), 0), TypeError, r"delta_orthogonal: rng .*got 0"),
    (lambda: init.delta_orthogonal((3, 3, 3, 3), rng(), dtype=int), TypeError, r"delta_orthogonal: dtype .*int"),
    *[
        (
            lambda f=f, few=few: f((3, 2), rng(), dtype=few),
            TypeError,
            r"got .*; for fewer bits draw in float32 and cast",
        )
        for f in (init.he, init.orthogonal)
        for few in (np.float16, "float16", "bfloat16", "torch.bfloat16")
    ],
]


def lsuv(params=None, X=None, activation=tanh, generator=None, **keywords):
    params, X = net() if params is None else params, XS if X is None else X
    return init.lsuv(params, X, activation, rng() if generator is None else generator, **keywords)


LSUV = [
    (lambda: lsuv(NAMED_ARRAYS), TypeError, r"params must be .*sn.report takes, got dict of 'fc1.weight', 'fc1.bias'"),
    (lambda: lsuv(X=with_nan(XS)), ValueError, r"X must be finite, got"),
    (lambda: lsuv(X=XS.T), ValueError, r"layer 1 must fit inputs \(8, 2\), got \(4, 2\), \(4, 1\)"),
    (lambda: lsuv(X=XS[:1]), ValueError, r"layer 1 must fit inputs \(1, 8\), got"),
    (lambda: lsuv(X=XS[0]), ValueError, r"layer 1 must fit inputs \(8,\), got"),
    (lambda: lsuv(X=1.0), ValueError, r"layer 1 must fit inputs \(\), got"),
    (lambda: lsuv(X=XS[:, :0]), ValueError, r"layer 1 must fit inputs \(2, 0\), got"),
    (lambda: lsuv(X=np.stack([XS] * 3)), ValueError, r"layer 1 must fit inputs \(3, 2, 8\), got \(4, 2\)"),
    (lambda: lsuv(X=XS.astype(str)), ValueError, r"X must be finite, got"),
    (lambda: lsuv(X=RAGGED), ValueError, r"X must be finite, got"),
    (lambda: lsuv(broken(2, W=np.zeros((1, 5)))), ValueError, r"layer 2 must fit inputs \(4, 8\), got \(1, 5\)"),
    (lambda: lsuv(broken(1, W=np.zeros(4))), ValueError, r"shape must be .*got \(4,\)"),
    (lambda: lsuv(broken(1, b=np.zeros(4))), ValueError, r"layer 1 must fit .*got \(4, 2\), \(4,\)"),
    (lambda: lsuv(broken(1, W=np.ones((4, 2), int))), TypeError, r"params must be .* of floats, got \[Layer"),
    (lambda: lsuv(broken(1, W=np.ones((4, 2), np.float16))), TypeError, r"dtype must be .*got"),
    (lambda: lsuv([]), TypeError, r"params must be .*got \[\]"),
    (lambda: lsuv(3), TypeError, r"params must be .*got 3"),
    (lambda: lsuv([np.ones((4, 2))]), TypeError, r"params must be .*got \[array"),
    (lambda: lsuv(activation="tanh"), TypeError, r"activation must be an Activation, got 'tanh'"),
    (lambda: lsuv(generator=0), TypeError, r"rng must be a numpy Generator, got 0"),
    (lambda: lsuv(tolerance=-0.1), ValueError, r"tolerance must lie in \[0, 1\), got -0.1"),
    (lambda: lsuv(tolerance=1), ValueError, r"tolerance .*got 1"),
    (lambda: lsuv(tolerance=np.nan), ValueError, r"tolerance .*got nan"),
    (lambda: lsuv(tolerance="a"), ValueError, r"tolerance .*got 'a'"),
    (lambda: lsuv(X=0 * XS), ValueError, r"the output of layer 1 must vary, got variance 0"),
    (lambda: lsuv(X=1e200 * XS), ValueError, r"the output of layer 1 must vary, got variance inf"),
    (
        lambda: lsuv(activation=acts.Activation("off", lambda Z: 0 * Z, np.zeros_like)),
        ValueError,
        r"the output of layer 2 must vary, got variance 0",
    ),
]

LOSSES = [
    (lambda: bce.f(np.zeros((1, 3)), np.zeros((3, 1))), ValueError, r"binary_.*got \(1, 3\) and \(3, 1\)"),
    (lambda: bce.f(np.zeros(3), np.zeros(3)), ValueError, r"binary_.*got \(3,\) and \(3,\)"),
    (lambda: bce.df(np.zeros((1, 3)), np.full((1, 3), 1.1)), ValueError, r"binary_.*values from 0 to 1.1"),
    (lambda: bce.f(np.zeros((1, 3)), np.array([["a", "b", "c"]])), TypeError, r"binary_.*Y .*dtype <U1"),
    (lambda: bce.f(np.full((1, 3), "1"), np.zeros((1, 3))), TypeError, r"binary_.*logits .*dtype <U1"),
    (lambda: bce.f(np.ones((1, 3)) * 1j, np.zeros((1, 3))), TypeError, r"binary_.*logits .*dtype complex"),
    (lambda: bce.f(np.zeros((1, 0)), np.zeros((1, 0))), ValueError, r"binary_.*got \(1, 0\) and \(1, 0\)"),
    (
        lambda: bce.f(np.zeros((1, 3)), np.zeros((7, 1, 3))),
        ValueError,
        r"binary_.*got \(1, 3\) and \(7, 1, 3\)",
    ),
    (lambda: ce.f(LOGITS, np.zeros((3, 3))), ValueError, r"softmax_.*sum to 1, got sums from 0 to 0"),
    (lambda: ce.df(LOGITS, 2 * ONE_HOT), ValueError, r"softmax_.*Y must lie in \[0, 1\].*to 2"),
    (lambda: ce.f(LOGITS, np.array([[0, 3, 1]])), ValueError, r"softmax_.*labels must lie in 0..2, got .* 0 to 3"),
    (lambda: ce.f(LOGITS, [-1, 1, 1]), ValueError, r"softmax_.*labels must lie in 0..2, got .* -1 to 1"),
    (lambda: ce.f(LOGITS, [0.0, 2.0, 1.0]), TypeError, r"softmax_.*labels must be integers, got dtype float64"),
    (lambda: ce.f(LOGITS, ["a", "b", "c"]), TypeError, r"softmax_.*labels must be integers, got dtype <U1"),
    (lambda: ce.df(LOGITS, [0, 1]), ValueError, r"softmax_.*got \(3, 3\) and \(3, 2\)"),
    (lambda: ce.f(LOGITS, []), ValueError, r"softmax_.*labels must be \(m,\) or .*got \(0,\)"),
    (lambda: ce.f(np.zeros(3), [0, 1, 1]), ValueError, r"softmax_.*got \(3,\) and \(3,\)"),
    (lambda: ce.f(LOGITS, np.zeros((2, 3), int)), ValueError, r"softmax_.*got \(3, 3\) and \(2, 3\)"),
    (
        lambda: bce.best_constant([[0, 0]]),
        ValueError,
        r"best_constant: .*always 0 or always 1, got 0 throughout in output 0",
    ),
    (lambda: bce.best_constant([[0, 1], [1, 1]]), ValueError, r"best_constant: .*got 1 throughout in output 1"),
    (lambda: bce.best_constant([[0, 2]]), ValueError, r"best_constant: .*lie in \[0, 1\], got values from 0 to 2"),
    (
        lambda: bce.best_constant([0, 1]),
        ValueError,
        r"best_constant: .*Y must be \(..., n, m\), not empty, got shape \(2,\)",
    ),
    (lambda: bce.best_constant(with_nan(YS)), ValueError, r"best_constant: .*finite, got NaN"),
    (lambda: bce.best_constant(TEXT), TypeError, r"best_constant: .*dtype <U1"),
    (
        lambda: ce.best_constant([0, 2, 2]),
        ValueError,
        r"best_constant: .*each class must occur, got no example of class 1",
    ),
    (lambda: ce.best_constant(np.eye(3)[:, :2]), ValueError, r"best_constant: .*got no example of class 2"),
    (
        lambda: ce.best_constant([-1, 2]),
        ValueError,
        r"best_constant: .*labels must lie in 0..2, got values from -1 to 2",
    ),
    (lambda: ce.best_constant([0.0, 1.0]), TypeError, r"best_constant: .*labels must be integers, got dtype float64"),
    (lambda: ce.best_constant(2 * ONE_HOT), ValueError, r"best_constant: .*\[0, 1\].*got values from 0 to 2"),
    (lambda: ce.best_constant(0.5 * ONE_HOT), ValueError, r"best_constant: .*sum to 1, got sums from 0.5 to 0.5"),
    (lambda: se.best_constant(np.zeros((2, 0))), ValueError, r"best_constant: .*not empty, got shape \(2, 0\)"),
    (lambda: se.best_constant(with_nan(ONE_HOT)), ValueError, r"best_constant: .*finite, got NaN"),
    (lambda: ce.f(LOGITS, with_nan(ONE_HOT)), ValueError, r"softmax_.*finite, got NaN"),
    (lambda: se.f(LOGITS, with_nan(ONE_HOT, np.inf)), ValueError, r"squared_error: .*finite"),
    (lambda: se.df(LOGITS, RAGGED), TypeError, r"squared_error: .*dtype object"),
    (lambda: se.f(LOGITS, ONE_HOT[:2]), ValueError, r"squared_error: .*\(2, 3\)"),
]

DIAGNOSTICS = [
    (lambda: diag.grad_norms(NAMED_ARRAYS), TypeError, r"grad_norms: grads must be .*sn.report takes, got dict"),
    (lambda: diag.update_ratio(net(), NAMED_ARRAYS), TypeError, r"update_ratio: after must be .*sn.report takes, got"),
    (
        lambda: diag.jacobian_singular_values(NAMED_ARRAYS, XS, tanh),
        TypeError,
        r"jacobian_singular_values: params must be .*sn.report takes, got dict",
    ),
    (
        lambda: diag.check_gradients(NAMED_ARRAYS, XS, YS, tanh, bce),
        TypeError,
        r"check_gradients: params must be .*sn.report takes, got dict",
    ),
    (lambda: diag.unit_spread(np.zeros(3)), ValueError, r"unit_spread: W .*shape \(3,\)"),
    (lambda: diag.unit_spread(RAGGED), ValueError, r"unit_spread: W .*object"),
    (lambda: diag.unit_distance(np.zeros(3)), ValueError, r"unit_distance: W .*shape \(3,\)"),
    (lambda: diag.unit_distance(np.zeros((5, 1, 3))), ValueError, r"unit_distance: W .*two units.*got \(5, 1, 3\)"),
    (lambda: diag.unit_distance(TEXT), ValueError, r"unit_distance: W .*<U1"),
    (lambda: diag.unit_rank(np.zeros((0, 2))), ValueError, r"unit_rank: W .*\(0, 2\)"),
    (lambda: diag.unit_rank(with_nan(np.eye(2))), ValueError, r"unit_rank: W must be finite"),
    (lambda: diag.unit_rank(np.eye(2), tolerance=-1), ValueError, r"unit_rank: tolerance .*got -1"),
    (lambda: diag.unit_rank(np.eye(2), tolerance="a"), ValueError, r"unit_rank: tolerance .*got 'a'"),
    (lambda: diag.saturation(XS, threshold=1.0), ValueError, r"saturation: threshold .*got 1.0"),
    (lambda: diag.saturation(XS, threshold=None), ValueError, r"saturation: threshold .*got None"),
    (lambda: diag.saturation(TEXT), ValueError, r"saturation: A .*<U1"),
    (lambda: diag.dead_units(1.0), ValueError, r"dead_units: A .*shape \(\)"),
    (lambda: diag.rms(np.zeros((2, 2), complex)), ValueError, r"rms: A .*complex"),
    (lambda: diag.rms([]), ValueError, r"rms: A .*\(0,\)"),
    (lambda: diag.angles(np.zeros(4)), ValueError, r"angles: A .*\(4,\)"),
    (lambda: diag.correlations(np.zeros(4)), ValueError, r"correlations: A .*\(4,\)"),
    (lambda: diag.correlations(TEXT), ValueError, r"correlations: A .*<U1"),
    (lambda: diag.lengths(np.zeros(4)), ValueError, r"lengths: A .*\(4,\)"),
    (lambda: diag.lengths(np.zeros((0, 3))), ValueError, r"lengths: A .*\(0, 3\)"),
    (lambda: diag.grad_norms([]), ValueError, r"grad_norms: grads .*got none"),
    (lambda: diag.grad_norms(np.zeros(3)), TypeError, r"grad_norms: grads must be .*layers \(W, b\), got array"),
    (lambda: diag.grad_norms([np.zeros((3, 3))]), TypeError, r"grad_norms: grads must be .*\(W, b\), got \[array"),
    (lambda: diag.update_ratio(net(), 3), TypeError, r"update_ratio: after must be .*layers \(W, b\), got 3"),
    (lambda: diag.grad_norms([(np.zeros(3), 0)]), ValueError, r"grad_norms: dW .*\(3,\)"),
    (lambda: diag.coordinate_change(TRACE.Z, TRACE), TypeError, r"coordinate_change: before must be a Trace, got \["),
    (lambda: diag.coordinate_change(TRACE, None), TypeError, r"coordinate_change: after must be a Trace, got None"),
    (
        lambda: diag.coordinate_change(TRACE, sn.forward(net()[:1], XS)),
        ValueError,
        r"coordinate_change: before and after must have as many layers, got 2 and 1",
    ),
    (
        lambda: diag.coordinate_change(TRACE, sn.forward(net(), XS[:, :3])),
        ValueError,
        r"coordinate_change: Z\[1\] must fit before and after, got \(4, 8\) and \(4, 3\)",
    ),
    (
        lambda: diag.coordinate_change(sn.forward(net(2), XS), sn.forward(net(3), XS)),
        ValueError,
        r"coordinate_change: Z\[1\] must fit before and after, got \(2, 4, 8\) and \(3, 4, 8\)",
    ),
    (lambda: diag.update_ratio(net(), net()[:1]), ValueError, r"update_ratio: .*got 2 and 1"),
    (lambda: diag.update_ratio(net(), net(3)), ValueError, r"update_ratio: .*\(4, 2\) and \(3, 4, 2\)"),
    (
        lambda: diag.jacobian_singular_values(broken(1, b=np.zeros(4)), XS[:, :4], tanh),
        ValueError,
        r"jacobian_singular_values: b\[1\] .*got \(4,\)",
    ),
    (
        lambda: diag.jacobian_singular_values(net(), with_nan(XS), tanh),
        ValueError,
        r"jacobian_singular_values: X must be finite",
    ),
    (
        lambda: diag.jacobian_singular_values(net(), XS.T, tanh),
        ValueError,
        r"jacobian_singular_values: W\[1\] .*got \(4, 2\)",
    ),
    (
        lambda: diag.jacobian_singular_values(net(), XS, "tanh"),
        TypeError,
        r"jacobian_singular_values: activation .*got 'tanh'",
    ),
    (
        lambda: diag.check_gradients(net(), XS, YS, relu, "bce"),
        TypeError,
        r"check_gradients: loss .*got 'bce'",
    ),
    (
        lambda: diag.check_gradients(net(), XS, YS, relu, bce, directions=0),
        ValueError,
        r"check_gradients: dir.*0",
    ),
    (
        lambda: diag.check_gradients(net(), XS, YS, relu, bce, step=0),
        ValueError,
        r"check_gradients: step .*got 0",
    ),
    (
        lambda: diag.check_gradients(net(), XS, YS, tanh, bce, grads=net()[:1]),
        ValueError,
        r"check_gradients: grads .*got 1",
    ),
]

DATASETS = [
    (lambda: data.xor(1, rng()), ValueError, r"xor: m .*got 1"),
    (lambda: data.xor(10.0, rng()), ValueError, r"xor: m .*got 10.0"),
    (lambda: data.xor(True, rng()), ValueError, r"xor: m .*got True"),
    (lambda: data.moons(10, 0), TypeError, r"moons: rng .*got 0"),
    (lambda: data.moons(10, rng(), noise=-1), ValueError, r"moons: noise .*got -1"),
    (lambda: data.moons(10, rng(), noise=np.nan), ValueError, r"moons: noise .*got nan"),
    (lambda: data.flower(10, rng(), noise="a"), ValueError, r"flower: noise .*got 'a'"),
    (lambda: data.circles(10, rng(), factor=1.0), ValueError, r"circles: factor .*got 1.0"),
    (lambda: data.circles(10, rng(), factor="a"), ValueError, r"circles: factor .*got 'a'"),
    (lambda: data.spirals(10, rng(), turns=0), ValueError, r"spirals: turns .*got 0"),
    (lambda: data.spirals(10, rng(), turns=None), ValueError, r"spirals: turns .*got None"),
]

ACTIVATIONS = [
    (
        lambda a=a, part=part, Z=Z: getattr(a, part)(Z),
        TypeError,
        rf"{a.name}: Z must hold numbers, got dtype {kind}",
    )
    for a in (acts.tanh, acts.relu, acts.gelu)
    for part in ("f", "df")
    for Z, kind in ((TEXT, "<U1"), (RAGGED, "object"), (np.ones((2, 2)) * 1j, "complex128"))
]

NAMED = [
    *[("init_params", case) for case in INIT_PARAMS],
    *[("forward", case) for case in FORWARD],
    *[("backward", case) for case in BACKWARD],
    *[("train|binary_cross_entropy", case) for case in TRAIN],
    *[("step", case) for case in STEP],
    *[("lsuv", case) for case in LSUV],
    *[("", case) for case in (*INITIALIZERS, *LOSSES, *DIAGNOSTICS, *DATASETS, *ACTIVATIONS)],
    *[
        (name, (partial(f, s, rng()), ValueError, rf"shape must be .*got {re.escape(repr(s))}"))
        for name, f in SCHEMES.items()
        for s in BAD_SHAPES
    ],
    *[
        (name, (partial(f, (3, 2), r), TypeError, r"rng must be a numpy Generator, got"))
        for name, f in SCHEMES.items()
        for r in (0, None, np.random, np.ones((30, 30)))
    ],
    *[
        (name, (partial(f, (3, 2), rng(), dtype=d), TypeError, r"dtype must be float64 or float32, got"))
        for name, f in SCHEMES.items()
        for d in (int, complex, np.float16, "nonsense", object)
    ],
]


@pytest.mark.parametrize(
    ("function", "call", "kind", "message"),
    [(function, *case) for function, case in NAMED],
    ids=[f"{i}-{function.split('|')[0]}-{case[2][:40]}" for i, (function, case) in enumerate(NAMED)],
)
def test_bad_input_is_answered_in_one_line(function, call, kind, message):
    """A reader who mistypes should be told where, what was wanted and what came, and no more."""
    with pytest.raises(kind) as caught:
        call()

    said = str(caught.value)
    assert type(caught.value) is kind
    assert re.search(message, said), said
    assert re.match(rf"(?:{function or '[a-z_]+'}): ", said), said
    assert "got " in said
    assert "\n" not in said
    assert len(said) < 250, said
