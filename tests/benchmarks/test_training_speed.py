"""`train` against its clear path, side by side in one run, as a ratio. Not run by default."""

import time

import numpy as np
import pytest

import shallownet as sn
from shallownet.network import Layer


def clear(params, X, Y, steps, lr):
    """The loop of the book's first pages."""
    loss = sn.losses.binary_cross_entropy
    for _ in range(steps):
        trace = sn.forward(params, X)
        loss.f(trace.A[-1], Y)
        grads = sn.backward(params, trace, loss.df(trace.A[-1], Y))
        params = [Layer(W - lr * dW, b - lr * db) for (W, b), (dW, db) in zip(params, grads, strict=True)]
    return params


@pytest.mark.parametrize(("sizes", "networks"), [([2, 4, 1], 200), ([2, 4, 1], 1), ([2, 64, 64, 1], 4)])
def test_train_is_no_slower_than_its_clear_path(sizes, networks, capsys):
    """The best of five alternating runs each; the same numbers, sooner."""
    rng = np.random.default_rng(0)
    X, Y = sn.datasets.xor(200, rng)
    params = sn.init_params(sizes, sn.initializers.glorot, rng, ensemble=(networks,))
    seconds = {"train": [], "clear": []}

    for _ in range(5):
        start = time.perf_counter()
        fast = sn.train(params, X, Y, steps=50, lr=0.5).params
        middle = time.perf_counter()
        slow = clear(params, X, Y, 50, 0.5)
        seconds["train"].append(middle - start)
        seconds["clear"].append(time.perf_counter() - middle)

    ratio = min(seconds["train"]) / min(seconds["clear"])
    with capsys.disabled():
        print(
            f"\n{networks} x {sizes}: train {min(seconds['train']) * 20:.2f} ms a step, {ratio:.2f} of the clear path"
        )
    np.testing.assert_allclose(fast[0].W, slow[0].W, rtol=1e-11, atol=1e-12)
    assert ratio < 1.1
