"""What is checked of the scripts without a browser: `python -m _book.browser.check`.

Biome says how they are formatted and what looks wrong, TypeScript whether their types hold, and Node's own runner tests
what needs no page: against numbers of NumPy and of the library, which are written down here for it. With `--write`,
Biome mends what it can, and nothing else is done.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import shallownet as sn
from _book.browser import build, pyodide
from _book.cache import CACHE

HERE = Path(__file__).parent
ACTIVATIONS = ("identity", "tanh", "sigmoid", "relu", "leaky_relu", "scaled_tanh", "selu")  # what the kernel has
SEEDS = (0, 1, 42, 123_456_789_012)


def check() -> int:
    """Run all of it on a copy, beside which its packages lie; return the exit status of the first that fails, or 0."""
    modules = build.packages(tools=True)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "browser")
        shutil.copytree(HERE, copy, ignore=shutil.ignore_patterns("*.py", "__pycache__", "node_modules"))
        shutil.copytree(
            HERE.parent / "site", Path(folder, "site"), ignore=shutil.ignore_patterns("*.py", "__pycache__")
        )
        Path(folder, "node_modules").symlink_to(modules)
        made = Path(folder, "made")
        made.mkdir()
        (made / "numbers.json").write_text(json.dumps(numbers()))
        (made / "kernel.wasm").write_bytes(build.kernel(modules, CACHE))
        (made / "numpy.wasm").write_bytes(build.loops(modules, CACHE))
        (made / "some.zip").write_bytes(
            pyodide.zipped({"a.py": b"x = 1\n", "b/c.bin": bytes(range(256)), "empty": b""})
        )
        return subprocess.run(["npm", "run", "--silent", "check"], cwd=copy, check=False).returncode


def write() -> int:
    """Let Biome format the sources and mend what it can safely mend."""
    biome = build.packages(tools=True) / ".bin" / "biome"
    return subprocess.run([biome, "check", "--write", ".", "../site/theme.js"], cwd=HERE, check=False).returncode


def numbers() -> dict[str, object]:
    """Return what the tests under Node compare with: NumPy's draws, the library's activations and its training."""
    z = np.concatenate([np.linspace(-8, 8, 255), [1e-9, -1e-9, 0.0, 30.0, -30.0]])
    rng = np.random.default_rng(3)
    X, Y = rng.standard_normal((2, 20)), rng.integers(0, 2, (1, 20)).astype(float)
    params = sn.init_params([2, 3, 1], sn.initializers.lecun, rng)
    losses = sn.train(params, X, Y, steps=50, lr=0.5).history["loss"]
    return {
        "draws": {seed: _draws(seed) for seed in SEEDS},
        "z": z.tolist(),
        "activations": {
            name: {"f": g.f(z).tolist(), "df": g.df(z).tolist()}
            for name in ACTIVATIONS
            for g in [getattr(sn.activations, name)]
        },
        "training": {
            "x": X.ravel().tolist(),
            "y": Y.ravel().tolist(),
            "w": params[0].W.ravel().tolist(),
            "v": params[1].W.ravel().tolist(),
            "lr": 0.5,
            "losses": np.ravel(losses).tolist(),
        },
    }


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


if __name__ == "__main__":
    try:
        sys.exit(write() if sys.argv[1:] == ["--write"] else check())
    except build.FAULTS as error:
        sys.exit(f"the scripts of the browser cannot be checked: {build.reason(error)}")
