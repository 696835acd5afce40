"""The teachers' page says how long a lab takes, in yardsticks that a reader can measure; here is the measurement."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from _book.page import Page

DOCS = Path(__file__).resolve().parents[2] / "docs"
TEACHING = (DOCS / "teaching.md").read_text("utf-8")
COMMAND = re.compile(r'^python -m timeit (.*) -s "(.*)" "(.*)"$', re.M)
ROW = re.compile(r"^\| \[[^\]]+\]\((labs/[\w-]+\.ipynb)\) \|.*\| (\d+) \|$", re.M)
ROWS = dict(ROW.findall(TEACHING))
SPENT = "\nimport time\nprint(time.process_time())\n"
# OpenBLAS has one thread since the engine was imported.
ALONE = {**os.environ, "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"}
UNITS = {"usec": 1e-6, "msec": 1e-3, "sec": 1.0}


def run(*arguments: str, folder: Path) -> str:
    """Return what Python prints, with one thread."""
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, env=ALONE, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def yardstick(tmp_path_factory: pytest.TempPathFactory) -> float:
    """Seconds of the page's own command."""
    match = COMMAND.search(TEACHING)
    assert match
    printed = run("-m", "timeit", *match[1].split(), "-s", match[2], match[3], folder=tmp_path_factory.mktemp("yard"))
    best = re.search(r"best of \d+: ([\d.]+) (\w+) per loop", printed)
    assert best, printed
    return float(best[1]) * UNITS[best[2]]


def test_each_lab_has_a_row() -> None:
    """But those that take minutes."""
    assert set(ROWS) == {path.relative_to(DOCS).as_posix() for path in (DOCS / "labs").glob("*.ipynb")}


@pytest.mark.parametrize("lab", ROWS)
def test_a_lab_takes_as_many_yardsticks_as_the_page_says(lab: str, yardstick: float, tmp_path: Path) -> None:
    """Within a factor of two: machines differ in how they share the work between products and the rest."""
    (tmp_path / "lab.py").write_text("\n".join(block.code for block in Page.read(DOCS / lab).runs) + SPENT, "utf-8")

    spent = float(run("lab.py", folder=tmp_path).splitlines()[-1])

    print(f"{lab}: {spent:.1f} s, {spent / yardstick:.0f} yardsticks of {yardstick:.3f} s")
    assert 0.5 < spent / yardstick / int(ROWS[lab]) < 2
