"""What "Your network here" gives for PyTorch, JAX and Keras: their own draws have the sizes that the picture shows."""

import json
import subprocess
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from _book.browser import build
from _book.cache import CACHE

EXPLORE = Path(build.__file__).parent / "js" / "explore"
SEEDS, DRAWS = 3, 30  # of a framework's code, and of the picture
BOUND = 4.5  # sampling errors, of the some 1,000 means that are compared
DEFAULTS = {
    **{"family": "plain", "activation": "relu", "width": 64, "depth": 4, "blocks": 2, "start": "he", "draw": "lecun"},
    **{"sigma": 1, "norm": "none", "branch": "drawn", "post": "drawn", "attention": "root", "embedding": "small"},
    **{"head": "own", "precision": "full", "seed": 0},
}
CASES = [
    {},
    {"start": "own", "sigma": 1.3, "activation": "selu"},
    {"start": "glorot", "activation": "leaky_relu"},
    {"start": "orthogonal", "activation": "tanh"},
    {"start": "small", "activation": "identity"},
    {"start": "lecun", "activation": "sigmoid", "width": 96},
    {"family": "convolution"},
    {"family": "convolution", "start": "orthogonal", "activation": "tanh"},
    {"family": "convolution", "start": "own", "sigma": 1.3, "activation": "sigmoid"},
    {"family": "convolution", "start": "glorot"},
    {"family": "recurrent", "activation": "tanh", "start": "orthogonal"},
    {"family": "recurrent", "start": "small"},
    {"precision": "float16"},
    {"family": "convolution", "precision": "bfloat16", "start": "own"},
    {"family": "recurrent", "precision": "bfloat16"},
    {"family": "residual"},
    {"family": "residual", "norm": "layer", "branch": "root", "draw": "he"},
    {"family": "residual", "norm": "layer", "branch": "zero"},
    {"family": "pre"},
    {"family": "pre", "branch": "root", "head": "tied", "draw": "small"},
    {"family": "pre", "attention": "qk", "branch": "zero", "embedding": "unit"},
    {"family": "post", "attention": "one", "activation": "selu", "embedding": "root"},
    {"family": "post", "post": "zero", "draw": "own", "sigma": 2},
    {"family": "post", "post": "deepnet", "attention": "inverse", "draw": "glorot"},
]


@cache
def written(framework, folder):
    """What Node prints, for all cases of a framework at once."""
    kernel = folder / "kernel.wasm"
    kernel.write_bytes(build.kernel(build.packages(), CACHE))
    settings = json.dumps([DEFAULTS | case for case in CASES])
    script = Path(__file__).with_name("network.mjs")
    command = ["node", script, EXPLORE, kernel, settings, str(DRAWS), framework, str(SEEDS)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("network")


# JAX and Keras share all but their initialisers and layers: both run the plain cases, and the others in turn.
PAIRS = [
    pytest.param(framework, at, id="-".join([framework, *map(str, case.values())]))
    for at, case in enumerate(CASES)
    for framework in ("PyTorch", "JAX", "Keras")
    if framework == "PyTorch" or len(case) < 2 or framework == ("JAX", "Keras")[at % 2]
]


@pytest.mark.parametrize(("framework", "case"), PAIRS)
def test_a_frameworks_code_has_the_sizes_of_the_picture(framework, case, folder, capsys):
    """Signal and gradient of each layer, keys, first loss: means over seeds, within the sampling error."""
    found = written(framework, folder)[case]
    sessions = []
    for code in found["codes"]:
        sessions.append(session := {"__name__": "__main__"})
        exec(code, session)

    assert len(sessions) == SEEDS
    names = {"up": "up", "down": "down", "loss": "first"} | ({"keys": "keys"} if found["numbers"][0]["keys"] else {})
    for ours, theirs in names.items():
        picture = np.log(np.array([numbers[ours] for numbers in found["numbers"]]))
        framed = np.log(np.array([session[theirs] for session in sessions]))
        assert picture.shape[1:] == framed.shape[1:], ours
        error = picture.std(axis=0, ddof=1) * (1 / DRAWS + 1 / SEEDS) ** 0.5
        # float32 has six digits; what is the same for all draws, as an untouched norm's output is, strays by no more.
        assert (abs(framed.mean(axis=0) - picture.mean(axis=0)) < BOUND * error + 1e-4).all(), ours
    assert capsys.readouterr().out.count("\n") == SEEDS
