"""Labs that take minutes: no commit waits for them, and none of them rots for it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from _book import rules
from _book.page import Page
from _book.run import Result
from _book.site import draw
from _book.site import lab as labs
from planted import DRAWS, ERROR, SHOWS, TITLE, cell, lab, outcome, plant, printed, pytest_on

ROOT = Path(__file__).resolve().parents[2]
LABS = sorted((ROOT / "docs" / "labs" / "weekly").glob("*.ipynb"))
SOUND = lab(TITLE, cell("print(1 / 4)", printed("0.25\n")))
STALE = lab(TITLE, cell("print(1 / 4)", printed("0.5\n")))


def test_weekly_labs_are_in_form() -> None:
    """The cheap half of their tests, at each commit: running order, nothing but text stored, code that compiles."""
    found = [problem for path in LABS for problem in rules.problems(Page.read(path))]

    assert list(map(str, found)) == []


FAULTS = {
    "not-run-in-order": (SOUND.replace('"execution_count": 1', '"execution_count": 7'), "not run in order"),
    "stored-error": (lab(cell("x = 1", ERROR)), r"a stored error \(ValueError\)"),
    "syntax": (lab(TITLE, cell("x = 1\nx = = 1")), "SyntaxError: invalid syntax"),
    "figure": (lab(TITLE, DRAWS, SHOWS), "a weekly lab draws no figure"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_wrong_is_seen_without_running_it(name: str) -> None:
    """Otherwise it would be seen up to a week later."""
    text, says = FAULTS[name]

    found = [str(problem) for problem in rules.problems(Page.parse(text, f"docs/labs/weekly/{name}.ipynb"))]

    (message,) = [message for message in found if re.search(says, message)]
    assert re.match(rf"docs/labs/weekly/{name}\.ipynb:\d+: ", message)
    if name == "syntax":
        assert text.splitlines()[int(message.split(":")[1]) - 1].strip() == '"x = = 1"'


def test_a_weekly_lab_runs_only_when_named(tmp_path: Path) -> None:
    """A plain run passes it by; a run of its folder compares it like any lab, and may rewrite it."""
    root = plant(tmp_path, {"docs/labs/weekly/slow.ipynb": STALE, "docs/labs/quick.ipynb": SOUND})

    assert outcome(root) == "2 passed"
    assert outcome(root, "docs/labs") == "2 passed"
    done = pytest_on(root, "docs/labs/weekly")
    assert "expected '0.5', got '0.25'" in done.stdout
    assert "1 failed, 1 passed" in done.stdout
    assert outcome(root, "--update-docs", "docs/labs/weekly/slow.ipynb") == "2 passed"
    assert outcome(root, "docs/labs/weekly") == "2 passed"
    assert json.loads((root / "docs/labs/weekly/slow.ipynb").read_text("utf-8")) == json.loads(SOUND)


def test_the_build_shows_a_weekly_lab_and_does_not_run_it(tmp_path: Path) -> None:
    """Its page says so; what it shows is what is stored."""
    path = tmp_path / "weekly" / "slow.ipynb"
    path.parent.mkdir()
    path.write_text(lab(TITLE, cell("1 / 0", printed("0.25\n"))), encoding="utf-8")

    page = Page.read(path)

    assert draw.drawn([page]) == [Result()]
    assert page.weekly
    text = labs.markdown(page, "slow")
    assert "```{.text .output}\n0.25\n```" in text
    assert "once a week" in text
    assert "once a week" not in labs.markdown(Page.parse(page.text, tmp_path / "quick.ipynb"), "slow")
