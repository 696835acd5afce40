"""The calls that the first page gives for PyTorch, Keras and JAX draw what it says: asked of these packages."""

import os
import re
from pathlib import Path

os.environ["KERAS_BACKEND"] = "jax"  # read when Keras is imported

import jax
import keras
import numpy as np
import pytest
import torch

PAGE = (Path(__file__).parents[2] / "docs" / "index.md").read_text(encoding="utf-8")
VARIANCES = {"tanh": 1 / 300, "ReLU": 2 / 300, "Biases": 0.0, "Last layer 0": 0.0, "Deep and plain": 1 / 300}


def calls(framework):
    """What a tab says, by its first column."""
    tab = re.search(rf'^=== "{framework}"\n\n((?: {{4}}.*\n|\n)+)', PAGE, re.M)
    return dict(re.findall(r"^    \| ([^|`]+) \| `([^`]+)`", tab[1], re.M))


def in_pytorch(call):
    torch.manual_seed(0)
    layer = torch.nn.Linear(300, 300)
    drawn = eval(call, {"init": torch.nn.init, "layer": layer, "last": layer})
    return drawn.detach().numpy()


def in_keras(call):
    keras.utils.set_random_seed(0)
    layer = keras.layers.Dense(300, **eval(f"dict({call})"))
    layer.build((None, 300))
    return np.asarray(layer.bias if "bias" in call else layer.kernel)


def in_jax(call):
    names = {"init": jax.nn.initializers, "key": jax.random.key(0), "n_in": 300, "n_out": 300}
    return np.asarray(eval(call, names))


@pytest.mark.parametrize("what", VARIANCES)
@pytest.mark.parametrize("framework", ["PyTorch", "Keras", "JAX"])
def test_the_call_draws_what_the_first_page_says(framework, what):
    """The very call that stands there, run."""
    W = {"PyTorch": in_pytorch, "Keras": in_keras, "JAX": in_jax}[framework](calls(framework)[what])

    assert abs(W.var() - VARIANCES[what]) <= 0.02 * VARIANCES[what]  # the sampling error is about 0.005
    if what == "Deep and plain":
        assert np.allclose(W @ W.T, np.eye(300), atol=1e-4)
