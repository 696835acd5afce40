"""Each page is run twice, in two processes: it draws the same bytes, prints the same text and meets the same numbers.

What a page may not draw from is refused whenever it runs; what only shows when it runs again, such as the order of a
set or a clock, shows here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from _book.page import below

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *(path for path in below(ROOT / "docs") if path.parent.name != "weekly")]
RUN = """
import base64, json, sys
from _book.page import Page
from _book.run import Session
from _book.scores import Recorder

page = Page.read(sys.argv[1])
session = Session(page, Recorder())
printed = [[shown.step.line, shown.got] for block in page.runs for shown in session.run(block)]
figures = {name: svg.decode() for name, svg in session.figures.items()}
json.dump({"printed": printed, "figures": figures, "scores": session.scores()}, sys.stdout)
"""


def came(path: Path, seed: str) -> dict[str, object]:
    """All that comes of a page, in a process whose sets have an order of their own."""
    paths = os.pathsep.join([str(ROOT / "docs"), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": paths, "PYTHONHASHSEED": seed}
    command = [sys.executable, "-c", RUN, str(path)]
    done = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", timeout=600, check=True)
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_is_the_same_when_it_is_run_again(path: Path) -> None:
    """Or the book would change with each build, and a reader's figure would not be the one in the text."""
    assert came(path, "1") == came(path, "2")


@pytest.mark.parametrize(
    "drawn",
    ["[len(x) for x in {'a', 'bb', 'ccc', 'dddd', 'eeeee'}]", "[__import__('time').perf_counter_ns() % 1000, 1]"],
    ids=["set", "clock"],
)
def test_a_page_that_is_another_one_each_time_is_seen(drawn: str, tmp_path: Path) -> None:
    """The guard, seen to fail."""
    path = tmp_path / "a.md"
    code = f"import matplotlib.pyplot as plt\n\nfig, ax = plt.subplots()\nax.plot({drawn})\nfig.savefig('a.svg')\n"
    path.write_text(f"```python\n{code}```\n\n![A line](a.svg)\n", encoding="utf-8")

    one, other = came(path, "1"), came(path, "2")

    assert one != other
    assert one | {"figures": {}} == other | {"figures": {}}
