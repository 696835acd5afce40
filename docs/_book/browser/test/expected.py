"""Print what the tests under Node compare with: a program of the tests, for the engine imports the library nowhere."""

from __future__ import annotations

import json
from contextlib import suppress

import numpy as np

import shallownet as sn

KERNEL = ("identity", "tanh", "sigmoid", "relu", "leaky_relu", "scaled_tanh", "selu")  # what the kernel has
OTHERS = ("elu", "gelu", "silu", "softplus")  # what is there in plain JavaScript alone
STARTS = ((1.0, 0.0), (2**0.5, 0.0), (5 / 3, 0.0), (3 / 4, 0.0), (1.4, 0.2), (2.9, 0.5))  # sigma_w, sigma_b
SEEDS = (0, 1, 42, 123_456_789_012)


def numbers() -> dict[str, object]:
    """Return what the tests under Node compare with: NumPy's draws, the library's activations and its training."""
    z = np.concatenate([np.linspace(-8, 8, 255), [1e-9, -1e-9, 0.0, 30.0, -30.0]])
    rng = np.random.default_rng(3)
    X, Y = rng.standard_normal((2, 20)), rng.integers(0, 2, (1, 20)).astype(float)
    params = sn.init_params([2, 3, 1], sn.initializers.lecun, rng)
    losses = sn.train(params, X, Y, steps=50, lr=0.5).history["loss"]
    return {
        "draws": {seed: _draws(seed) for seed in SEEDS},
        "adam": _moved(),
        "z": z.tolist(),
        "activations": {
            name: {"f": g.f(z).tolist(), "df": g.df(z).tolist()}
            for name in KERNEL + OTHERS
            for g in [getattr(sn.activations, name)]
        },
        "kernel": KERNEL,
        "rests": {name: [_rest(getattr(sn.activations, name), *start) for start in STARTS] for name in KERNEL + OTHERS},
        "training": {
            "x": X.ravel().tolist(),
            "y": Y.ravel().tolist(),
            "w": params[0].W.ravel().tolist(),
            "v": params[1].W.ravel().tolist(),
            "lr": 0.5,
            "losses": np.ravel(losses).tolist(),
        },
    }


def _rest(g: sn.activations.Activation, sigma_w: float, sigma_b: float) -> dict[str, object]:
    """Return where lengths settle, or None if they grow for ever, and the gradient's factor there."""
    found: dict[str, object] = {"w": sigma_w, "b": sigma_b, "rest": None, "chi": None}
    with suppress(ValueError):
        found["rest"] = sn.meanfield.q_star(g, sigma_w, sigma_b)
        found["chi"] = sn.meanfield.chi(g, sigma_w, sigma_b)
    return found


def _draws(seed: int) -> dict[str, object]:
    """Return draws of one generator after the other, each from the start."""

    def rng() -> np.random.Generator:
        return np.random.default_rng(seed)

    return {
        "integers": [str(number) for number in rng().bit_generator.random_raw(20).tolist()],  # beyond a double
        "randoms": rng().random(100).tolist(),
        "normals": rng().standard_normal(5000).tolist(),
        "permutation": rng().permutation(50).tolist(),
    }


def _moved() -> dict[str, object]:
    """Return slopes, a row a step, and where Adam brings weights that start at 0 along them."""
    rng = np.random.default_rng(4)
    slopes = rng.standard_normal((3, 6)) * 10.0 ** np.arange(-9, -3)  # some below the number that Adam adds
    rows = iter(slopes)

    def backward(*_: object, **__: object) -> list[tuple[np.ndarray, ...]]:
        return [sn.Layer(next(rows)[None], np.zeros((1, 1)))]

    params = sn.init_params([6, 1], sn.initializers.zeros, rng)
    X, Y, model = np.ones((6, 1)), np.ones((1, 1)), (sn.forward, backward)
    run = sn.train(params, X, Y, steps=len(slopes), lr=0.1, optimizer="adam", model=model)
    return {"slopes": slopes.tolist(), "moved": run.params[0].W[0].tolist(), "lr": 0.1}


if __name__ == "__main__":
    print(json.dumps(numbers()))
