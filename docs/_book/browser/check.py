"""What is checked of the scripts without a browser: `python -m _book.browser.check`.

Biome says how they are formatted and what looks wrong, TypeScript whether their types hold, and Node's own runner tests
what needs no page: against numbers of NumPy and of the library, which test/expected.py prints for it. With `--write`,
Biome mends what it can, and nothing else is done.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from _book.browser import build, pyodide
from _book.cache import CACHE

HERE = Path(__file__).parent


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
        with (made / "numbers.json").open("w") as file:
            subprocess.run([sys.executable, HERE / "test" / "expected.py"], stdout=file, check=True)
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


if __name__ == "__main__":
    try:
        sys.exit(write() if sys.argv[1:] == ["--write"] else check())
    except build.FAULTS as error:
        sys.exit(f"the scripts of the browser cannot be checked: {build.reason(error)}")
