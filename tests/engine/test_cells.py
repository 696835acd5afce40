"""What makes a block a cell, and what a reader's answer to an exercise is checked by."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import markdown
import pytest
from _book import exercises
from _book.page import Page
from _book.render import check
from _book.render.extension import BookExtension
from _book.run import Session
from _book.site import lab, markup

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
    page = Page.read(path)

    assert len(page.exercises) == len(re.findall(r"^\*\*Exercise .*\(code\)", page.text, re.M)) >= 1
    assert [str(problem) for problem in exercises.problems(page)] == []


def test_a_check_is_the_solutions_own_assertions() -> None:
    """Those that need something of the reader, and what that is."""
    page = Page.parse(EXERCISE)
    (exercise,) = page.exercises

    assert exercise.line == 12
    assert exercise.names == ("twice", "square")
    assert exercise.assertions == (
        "assert twice == square(x) and all(y > 3 for y in [twice])",
        "assert (\n    square(3) == 9\n)",
    )
    assert page.blocks[exercise.solution] is page.runs[1]
    assert EXERCISE.splitlines()[exercise.line - 1].startswith("**Exercise 1.1")
    assert exercises.problems(page) == []


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

    (problem,) = exercises.problems(Page.parse(EXERCISE.replace(old, new), "docs/a.md"))

    assert str(problem).startswith("docs/a.md:12: ")
    assert says in str(problem)


def test_the_solution_of_an_exercise_passes_its_own_check() -> None:
    """As the reader's answer would: its code, then the assertions of the check; and no answer fails the first."""
    page = Page.read(ROOT / "docs" / "chapters" / "saturation.md")
    (exercise,) = page.exercises
    session = Session(page)
    for block in page.runs:
        if block.number < exercise.solution:
            session.run(block)
    code = page.blocks[exercise.solution].code
    empty, answered = dict(session.namespace), dict(session.namespace)
    exec(code.partition(exercise.assertions[0])[0], answered)

    for each in exercise.assertions:
        exec(each, answered)
    with pytest.raises(NameError):
        exec(exercise.assertions[0], empty)


def cells(page: Page) -> list[dict[str, object]]:
    """What the HTML of a page says of each of its cells."""
    found = re.findall(r' data-cell="([^"]*)"', check.rendered(page)[0])
    return [json.loads(html.unescape(text)) for text in found]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_block_is_a_cell(path: Path) -> None:
    """What runs in the tests runs in the page, in its order: no block more or less, but what needs a framework."""
    page = Page.read(path)

    found = cells(page)

    assert [cell["number"] for cell in found] == list(range(1, len(page.bare.runs) + 1))
    assert [cell["language"] for cell in found] == [block.language for block in page.bare.runs]
    solved = [exercise for exercise in page.exercises if not page.blocks[exercise.solution].needs]
    assert sum("check" in cell for cell in found) == len(solved)


CELLS = """
```python
import matplotlib.pyplot as plt
plt.figure().savefig("a.svg")
print(2 / 3)
```

```output
0.667
```

![An "empty" <frame>](a.svg)

- A list

    ```{.pycon .standalone title="It's a <session>"}
    >>> x = [1,
    ...      2]
    >>> x
    [1, 2]
    >>> print("a\\n\\nb & c")
    a
    <BLANKLINE>
    b & c
    ```

```pycon
>>> 1 / 0
Traceback (most recent call last):
ZeroDivisionError: division by zero
>>> 1
1
```

```text
not a cell
```
"""


def test_the_html_says_what_a_cell_shows_and_saves() -> None:
    """So that the browser parses nothing again."""
    one, two, three = cells(Page.parse(CELLS))

    assert one == {
        **{"number": 1, "language": "python", "standalone": False, "lab": False, "shown": "0.667"},
        "saves": {"a.svg": 'An "empty" <frame>'},
    }
    assert (two["number"], two["language"], two["standalone"], two["saves"]) == (2, "pycon", True, {})
    assert two["shown"] == "[1, 2]\na\n<BLANKLINE>\nb & c"
    assert three["shown"] is None  # a traceback cannot be compared once its prompt is gone


def test_the_html_says_how_an_answer_is_checked() -> None:
    """By the source of the solution's own assertions."""
    page = Page.parse(EXERCISE)

    first, solution = cells(page)

    assert "check" not in first
    assert solution["check"] == {
        "assertions": list(page.exercises[0].assertions),
        "names": list(page.exercises[0].names),
    }


def test_two_blocks_of_the_same_text_are_two_blocks() -> None:
    """A block is known by its number, not by what it says."""
    twice = EXERCISE.replace("```python\nx = 2\n```", "```python\nx = 2\n```\n\n```python\nx = 2\n```\n")
    solution = EXERCISE[EXERCISE.index("    ```python") :]
    page = Page.parse(twice + "\n## More\n\n- The same again\n\n" + solution)

    assert ["check" in cell for cell in cells(page)] == [False, False, True, False]


def test_a_lab_says_that_its_cells_show_their_last_value() -> None:
    """As Jupyter does."""
    page = Page.read(ROOT / "docs" / "labs" / "symmetry.ipynb")
    names, configs = check.extensions()
    book = BookExtension()
    book.start(page)
    written = lab.markdown(page, "symmetry").partition("---\n\n")[2]
    content = markdown.markdown(written, extensions=[*names, book], extension_configs=configs)

    found = [json.loads(html.unescape(text)) for text in re.findall(r' data-cell="([^"]*)"', content)]

    assert [cell["lab"] for cell in found] == [True] * len(page.runs)
    assert [cell["shown"] or "" for cell in found] == [block.output.code.rstrip("\n") for block in page.runs]


def test_the_extension_alone_numbers_blocks_itself() -> None:
    """For those who render a page without MkDocs; one instance may render many."""
    names, configs = check.extensions()
    made = markdown.Markdown(extensions=[*names, BookExtension()], extension_configs=configs)

    one = made.convert("```python\nx\n```\n")
    two = made.reset().convert("```text\na\n```\n\n```pycon\n>>> y\n```\n")

    assert "&quot;language&quot;: &quot;python&quot;" in one
    assert 'data-copy="y&#10;"' in two


def test_where_nothing_runs_there_are_no_cells() -> None:
    """On paper, in a listing of source, in a book built without the runtime: no mark is left behind."""
    content, _ = check.rendered(Page.parse(EXERCISE))
    marked = content.count(" data-cell")

    bare = markup.edited(content, lambda tag, _: markup.still(tag.raw))

    assert marked == 2
    assert " data-c" not in bare.replace(" data-copy=", "")


def test_imports_are_folded_and_what_is_asserted_is_quieter() -> None:
    """Both are shown, and neither stands in the way of what the block does."""
    code = "x = 1\nassert (\n    x == 1\n), x  # score: page-x\ny = x\n"
    page = Page.parse(f"```python\nimport math\nfrom os import path\n```\n\n```python\n{code}```\n")

    content, found = check.rendered(page)

    assert found == []
    assert check.problems(page) == []
    folded, rest = content.split("</details>")
    assert folded.startswith('<details class="imports"><summary>Imports</summary><div class="language-python')
    assert folded.count("<div") == folded.count("</div>") == 1
    (claim,) = re.findall(r'<span class="claim">(.*)</span>\ny ', rest, re.DOTALL)
    assert html.unescape(re.sub("<[^>]*>", "", claim)) == code[6:-7]


def test_names_blanks_and_signs_weigh_nothing() -> None:
    """The theme colours them like all code, and they are most of what a page would mark."""
    content, found = check.rendered(Page.parse("```python\nfrom os import path\n\nx = (path.join, 1)\n```\n"))

    assert found == []
    assert 'class="kn"' in content
    assert not re.search('class="(?:n|w|p|o)"', content)
    assert 'x = (path.join, <span class="mi">1</span>)' in content


def test_a_string_is_one_piece() -> None:
    """Its letter, its marks, its braces have one colour; a name in the braces has that of all code."""
    content, found = check.rendered(Page.parse('```python\nn = 1\nprint(f"{n:2} of two")\n```\n'))

    assert found == []
    assert '<span class="s2">"{</span>n<span class="s2">:2} of two"</span>' in html.unescape(content)


def test_a_block_that_does_more_than_import_is_not_folded() -> None:
    """What the page does is seen."""
    content, _ = check.rendered(Page.parse("```python\nimport math\n\nx = math.pi\n```\n"))

    assert "<details" not in content
