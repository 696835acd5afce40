"""What makes a block a cell, and what a reader's answer to an exercise is checked by."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from _book import exercises as cells
from _book import page as blocks
from _book import run as running
from _book.render import check as rendering
from _book.site import hooks

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(path for path in (ROOT / "docs").rglob("*.md") if "_book" not in path.parts)
CHAPTERS = sorted((ROOT / "docs" / "chapters").glob("*.md"))

EXERCISE = """---
description: A page.
blocks: 2
---

# 1. Page

```python
x = 2
```

**Exercise 1.1 (code).** What is twice that? Call it `twice`, and write `square(x)`.

??? success "Solution"
    Four, both.

    ```python
    def square(x):
        return x**2


    twice = 2 * x
    assert twice == square(x) and all(y > 3 for y in [twice])
    assert (
        square(3) == 9
    )
    assert x == 2
    ```
"""


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_every_exercise_in_code_can_be_checked(path: Path) -> None:
    """Its text names what the assertions of its solution need, and the page has given none of it before."""
    text = path.read_text("utf-8")
    shown = f"docs/chapters/{path.name}"

    assert len(list(cells.checks(text))) == len(re.findall(r"^\*\*Exercise .*\(code\)", text, re.M)) >= 1
    assert [str(problem) for problem in cells.problems(text, shown)] == []


def test_a_check_is_the_solutions_own_assertions() -> None:
    """The lines of those that need something of the reader, and what that is."""
    (check,) = cells.checks(EXERCISE)

    assert check.line == 12
    assert cells.attribute(check) == "6-6 7-9 twice square"
    assert EXERCISE.splitlines()[check.line - 1].startswith("**Exercise 1.1")
    assert ast.parse("\n".join(check.code.splitlines()[6:9]))
    assert cells.problems(EXERCISE, "a.md") == []


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("Call it `twice`", "Call it twice", "name `twice` in the exercise"),
        ("`square(x)`", "`squares(x)`", "name `square` in the exercise"),
        ("x = 2\n```", "x = twice = 2\n```", "the page has a `twice` above, so an empty answer could pass"),
        (
            "    twice = 2 * x\n    assert twice == square(x) and all(y > 3 for y in [twice])\n"
            "    assert (\n        square(3) == 9\n    )\n",
            "",
            "nothing to check: the solution asserts something of what it defines",
        ),
        ("    ```python\n    def", "    ```text\n    def", "nothing to check"),
    ],
)
def test_an_exercise_that_cannot_be_checked_is_named(old: str, new: str, says: str) -> None:
    """In one line, with the line of the exercise."""
    assert EXERCISE.count(old) == 1

    (problem,) = cells.problems(EXERCISE.replace(old, new), "docs/a.md")

    assert str(problem).startswith("docs/a.md:12: ")
    assert says in str(problem)


def test_the_solution_of_an_exercise_passes_its_own_check() -> None:
    """As the reader's answer would: its code, then the assertions of the check; and no answer fails the first."""
    for path in [ROOT / "docs" / "chapters" / "saturation.md"]:
        text = path.read_text("utf-8")
        for check in cells.checks(text):
            session = running.Session(text, path)
            for block in blocks.parse(text, path):
                if block.runs and block.code == check.code:
                    break
                if block.runs:
                    session.run(block)
            lines = check.code.splitlines()
            asserted = ["\n".join(lines[first - 1 : last]) for first, last in check.assertions]
            empty, answered = dict(session.namespace), dict(session.namespace)
            exec("\n".join(lines[: check.assertions[0][0] - 1]), answered)

            for each in asserted:
                exec(each, answered)
            with pytest.raises(NameError):
                exec(asserted[0], empty)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_block_is_a_cell(path: Path) -> None:
    """What runs in the tests runs in the page: no block more, and none less."""
    text = path.read_text("utf-8")

    html = rendered(text)

    assert html.count(" data-cell") == sum(block.runs for block in blocks.parse(text))
    assert html.count(" data-check=") == len(list(cells.checks(text)))


def rendered(text: str) -> str:
    """The HTML of a page, as the site has it."""
    import markdown
    from _book.render import extension

    names, configs = rendering._extensions()
    book = extension.BookExtension()
    page = rendering._Page("page.md", text, {image.target: rendering.BLANK for image in blocks.figures(text)})
    book.page = page
    front = blocks.FRONT_MATTER.match(text)
    body = text[front.end() :] if front else text
    return markdown.markdown(body, extensions=[*names, book], extension_configs=configs)


def test_where_nothing_runs_there_are_no_cells() -> None:
    """On paper, in a listing of source, in a book built without the runtime: no mark is left behind."""
    html = rendered(EXERCISE)
    marked = html.count(" data-cell")

    bare = hooks.CELL.sub(r"\1", html)

    assert marked == 2
    assert " data-c" not in bare.replace(" data-copy=", "")
    assert bare.count(" data-copy=") == 2


def test_a_light_style_sheet_is_the_same_style_sheet() -> None:
    """Every reader loads it; comments and white space are for us."""
    css = (ROOT / "docs" / "assets" / "book.css").read_text("utf-8")

    light = hooks.squeezed(css)

    assert "/*" not in light
    assert len(light) < 0.9 * len(css)
    assert light.count("{") == css.count("{")
    assert re.sub(r"[\s;]", "", light) == re.sub(r"/\*.*?\*/|[\s;]", "", css, flags=re.S)


def test_what_a_figure_depends_on_is_what_running_imports() -> None:
    """Or the cache would show a figure that an old engine drew."""
    folder = ROOT / "docs" / "_book"
    needed, seen = {"run"}, set()
    while needed - seen:
        name = (needed - seen).pop()
        seen.add(name)
        for node in ast.walk(ast.parse((folder / f"{name}.py").read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("_book"):
                package = node.module == "_book"
                needed |= {alias.name for alias in node.names} if package else {str(node.module).removeprefix("_book.")}

    assert sorted(needed) == sorted(running.ENGINE)
