"""A lab is tested like a page: every fault that only a notebook can have is planted here."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from planted import DRAWS, ERROR, SHOWS, TITLE, cell, lab, plant, printed, pytest_on, value

LABS = {
    "sound": (
        lab(TITLE, cell("x = 1 / 3\nprint('a')\nx", printed("a\n"), value(text_plain="0.333")), DRAWS, SHOWS),
        "",
    ),
    "wrong-digit": (lab(TITLE, cell("print(1 / 3)", printed("0.334\n"))), "expected '0.334', got '0.333"),
    "lost-output": (lab(TITLE, cell("print(5)")), "expected nothing, got '5'"),
    "raises": (lab(TITLE, cell("x = 1\ny = 1 / 0")), "ZeroDivisionError"),
    "names-in-order": (lab(cell("x"), cell("x = 1")), "NameError"),
    "stored-error": (lab(cell("x = 1", ERROR)), "a stored error (ValueError)"),
    "stored-picture": (lab(cell("x = 1", value(text_plain="x", image_png="="))), "a stored picture"),
    "stored-warning": (lab(cell("x = 1", printed("w\n") | {"name": "stderr"})), "a stored warning"),
    "raw-cell": (lab(cell("1 / 0", kind="raw")), "a raw cell never runs"),
    "code-in-text": (lab(cell("```python\n1 / 0\n```", kind="markdown")), "code in a text cell never runs"),
    "magic": (lab(cell("%matplotlib inline")), "no magics"),
    "empty": (lab(cell("")), "an empty cell"),
    "math": (lab(cell("So $x$ is.", kind="markdown")), "labs hold no math"),
    "missing-figure": (lab(SHOWS), "no block saves a.svg"),
    "unshown-figure": (lab(DRAWS), "a.svg is saved and never shown"),
    "other-form": (json.dumps(json.loads(lab(TITLE, cell("x = 1")))), "not in the book's form"),
    "run-twice": (
        lab(cell("x = 1")).replace('"execution_count": 1', '"execution_count": 2'),
        "not run in order",
    ),
    "tagged": (
        lab(cell("x = 1")).replace('"metadata": {},', '"metadata": {"tags": ["skip"]},', 1),
        "not in the book's form",
    ),
}


@pytest.fixture(scope="module")
def planted_labs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """All planted labs, and what pytest says of them in one run."""
    made = {f"docs/labs/{name}.ipynb": text for name, (text, _) in LABS.items()}
    root = plant(tmp_path_factory.mktemp("labs"), made)
    return root, pytest_on(root, "docs", "-rA").stdout


@pytest.mark.parametrize("name", LABS)
def test_a_lab_is_tested_like_a_page(planted_labs: tuple[Path, str], name: str) -> None:
    """A stale notebook is worse than none: it looks as if it ran."""
    _, said = planted_labs
    path, says = f"docs/labs/{name}.ipynb", LABS[name][1]

    if says:
        assert re.search(rf"^{re.escape(path)}:\d+: .*{re.escape(says)}", said, re.M)
        assert f"FAILED {path}" in said
    else:
        assert f"FAILED {path}" not in said
        assert f"PASSED {path}::cell:3" in said


def test_a_lab_names_the_line_of_its_file(planted_labs: tuple[Path, str]) -> None:
    """Each line of a cell is a line of the file, so a message can point at it."""
    root, said = planted_labs
    lines = (root / "docs/labs/raises.ipynb").read_text("utf-8").splitlines()
    line = next(n for n, text in enumerate(lines, start=1) if "1 / 0" in text)

    assert f"docs/labs/raises.ipynb:{line}: ZeroDivisionError" in said
