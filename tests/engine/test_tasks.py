"""All exercises stand on one list, by how hard they are, and each can be linked to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from _book import exercises
from _book.page import Page, below
from _book.render.extension import BookExtension
from _book.site import tasks
from markdown import Markdown

DOCS = Path(__file__).resolve().parents[2] / "docs"
LONG = "It is long. " * 20
PAGE = """# 2. Two

**Exercise 2.1 ●● (code).** Write `double(x)`, which
returns [2 x](one.md#section).

**Exercise 2.2 ● (predict).** """


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("Short. And whole?", "Short. And whole?"),
        (f"A start at 0.01 waits for what? {LONG}", "A start at 0.01 waits for what?"),
        (
            f"What do Krähenbühl et al. (2015) and Poole et al. Say? {LONG}",
            "What do Krähenbühl et al. (2015) and Poole et al. Say?",
        ),
        (
            f"Is the stop in $x = 1. A$ one, or in `x = 1. X`? {LONG}",
            "Is the stop in $x = 1. A$ one, or in `x = 1. X`?",
        ),
        (f"Is it six? Take ten layers. {LONG}", "Is it six? Take ten layers."),
    ],
)
def test_a_long_exercise_is_known_by_its_first_sentence(text: str, asks: str) -> None:
    """A list of whole exercises would be the book once more."""
    page = Page.parse(PAGE + text + "\n\nNot asked.\n")

    first, second = exercises.tasks(page.text, page.prose)

    assert (first.number, first.marks, first.kind) == ("2.1", "●●", "code")
    assert first.asks == "Write `double(x)`, which returns 2 x."
    assert (second.number, second.marks, second.kind) == ("2.2", "●", "predict")
    assert second.asks == asks


def test_the_list_goes_by_marks_and_then_by_chapters() -> None:
    """A reader with a minute looks for what takes a minute, in the order of the book."""
    exercise = "**Exercise {} {} (open).** Why is that so?\n\n"
    pages = {
        "chapters/b.md": Page.parse("# 10. B\n\n" + exercise.format("10.1", "●") + exercise.format("10.2", "●●●")),
        "chapters/a.md": Page.parse("# 9. A\n\n" + exercise.format("9.1", "●")),
        "primer.md": Page.parse("# Primer\n\n" + exercise.format("P.1", "●")),
    }

    made = tasks.index(pages)

    assert "All 4 of the book" in made
    assert "3 of ●, 0 of ●●, 1 of ●●●" in made
    assert re.findall(r"^(?:## (●+)|- \[(.+?)\]\((.+?)\))", made, re.M) == [
        ("●", "", ""),
        ("", "9.1", "chapters/a.md#exercise-9-1"),
        ("", "10.1", "chapters/b.md#exercise-10-1"),
        ("", "P.1", "primer.md#exercise-p-1"),
        ("●●", "", ""),
        ("●●●", "", ""),
        ("", "10.2", "chapters/b.md#exercise-10-2"),
    ]


def test_an_exercise_can_be_linked_to_and_other_stress_cannot() -> None:
    """The list leads to the exercise itself, not to the top of a long section."""
    html = Markdown(extensions=[BookExtension()]).convert(
        "**Exercise 2.1 ●● (code).** Why?\n\n**Not so.** And **Exercise** is a word.\n"
    )

    assert re.findall(r'<strong><span id="(.+?)"></span>(.+?)</strong>', html) == [
        ("exercise-2-1", "Exercise 2.1 ●● (code).")
    ]
    assert html.count("<span") == 1


def test_every_exercise_of_the_book_is_on_the_list() -> None:
    """Counted in another way, so that one that the list cannot read is missed."""
    pages = {path.relative_to(DOCS).as_posix(): Page.read(path) for path in below(DOCS) if path.suffix == ".md"}
    opened = sum(len(re.findall(r"^\*\*Exercise \S+ ", page.prose, re.M)) for page in pages.values())

    made = tasks.index(pages)

    assert len(re.findall(r"^- \[", made, re.M)) == opened > 30
