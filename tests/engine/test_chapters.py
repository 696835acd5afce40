"""Every chapter has what a chapter has, and each thing that may be missing is taken away here and missed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from _book.page import Page

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = sorted((ROOT / "docs" / "chapters").glob("*.md"))

LEAST = 150
BLOCK = 25
KINDS = ("predict", "code", "open")  # a chapter has one of each at least
MORE = ("choose", "paper")  # and as many of these as serve
CLOSING = ("What went wrong in the field", "The numbers of this chapter", "Summary", "Sources")
EXERCISE = re.compile(
    r"^\*\*Exercise (?P<chapter>\d+)\.(?P<number>\d+)(?P<marks> ●{1,3})? \((?P<kind>\w+)\)\.?\*\*", re.M
)
SOLUTION = re.compile(r'^\?\?\? success ".*[Ss]olution.*"$', re.M)
CHOICE = re.compile(r"^- \[x\] ", re.M)
HEADING = re.compile(r"^(#{1,2}) (.+)$", re.M)
HEADER = re.compile(r"^\| Result \| Published \| Ours \| Source \|\n\|[-| :]+\|\n\|.+\|$", re.M)


def lacks(page: Page, path: Path) -> Iterator[str]:
    """Yield what a chapter lacks: one line each, with the page's own line."""
    text, prose = page.text, page.prose

    def at(offset: int, message: str) -> str:
        return f"docs/chapters/{path.name}:{text.count(chr(10), 0, offset) + 1}: {message}"

    # No upper limit: a chapter is as long as it takes to be clear. Nobody reads the front matter.
    lines = sum(bool(line.strip()) for line in page.body.splitlines())
    if lines < LEAST:
        yield at(0, f"{lines} lines: a chapter has at least {LEAST}; say more")
    headings = list(HEADING.finditer(prose))
    title = re.fullmatch(r"(\d+)\. .+", headings[0][2]) if headings else None
    number = title[1] if title else "0"
    if not title:
        yield at(0, "start with the title: # 1. Name of the chapter")
    if '!!! abstract "You will be able to"' not in prose:
        yield at(0, 'say what the reader will be able to do: !!! abstract "You will be able to"')
    sections = [heading for heading in headings if re.match(r"\d+\.\d+ ", heading[2])]
    for expected, heading in enumerate(sections, start=1):
        if not heading[2].startswith(f"{number}.{expected} "):
            yield at(heading.start(), f"number this section {number}.{expected}")
    names = [heading[2] for heading in headings]
    if [name for name in names if name in CLOSING] != list(CLOSING):
        yield at(len(text), f"a chapter ends with the sections {', '.join(CLOSING)}, in this order")
    if not HEADER.search(text):
        yield at(len(text), "list the numbers reproduced: | Result | Published | Ours | Source |")
    for lab in labs(path):
        if f"](../labs/{lab}" not in prose:
            yield at(len(text), f"link the chapter's lab: [Lab](../labs/{lab})")
    if not page.images:
        yield at(0, "a chapter has at least one figure")
    yield from (at(offset, message) for offset, message in exercises(page, number))
    for block in page.runs:
        if block.code.count("\n") > BLOCK:
            yield at(block.start, f"{block.code.count(chr(10))} lines of code: a block has at most {BLOCK}; split it")


def labs(path: Path) -> list[str]:
    """The labs of a chapter: those that have its name, and the template's."""
    folder = ROOT / "docs" / "labs"
    found = [lab.relative_to(folder).as_posix() for lab in folder.glob(f"**/{path.stem}.ipynb")]
    return ["NAME.ipynb"] if path.stem == "NAME" else found


def exercises(page: Page, chapter: str) -> Iterator[tuple[int, str]]:
    """Yield what is wrong with the exercises: (offset, message)."""
    prose = page.prose
    found = list(EXERCISE.finditer(prose))
    missing = [kind for kind in KINDS if kind not in {match["kind"] for match in found}]
    if missing or len(found) < len(KINDS):
        yield (
            0,
            f"at least three exercises, one of each kind: **Exercise {chapter}.1 ● ({(missing or KINDS)[0]}).** ...",
        )
    ran = [block for block in page.runs if block.indent]
    stops = [match.start() for match in (*found, *HEADING.finditer(prose))] + [len(prose)]
    for expected, match in enumerate(found, start=1):
        if (match["chapter"], match["number"]) != (chapter, str(expected)):
            yield match.start(), f"number this exercise {chapter}.{expected}"
        if match["kind"] not in KINDS + MORE:
            yield match.start(), f"an exercise is one to {', '.join(KINDS + MORE)}, not {match['kind']!r}"
        if not match["marks"]:
            yield (
                match.start(),
                f"say how hard it is, from ● to ●●●: **Exercise {chapter}.{expected} ● ({match['kind']}).**",
            )
        stop = min(stop for stop in stops if stop > match.start())
        if match["kind"] == "choose":
            if not CHOICE.search(prose, match.start(), stop):
                yield match.start(), "answers to choose from follow: - [x] the right one, - [ ] each other"
            continue
        solution = SOLUTION.search(prose, match.start(), stop)
        if not solution:
            yield match.start(), 'a solution follows, collapsed: ??? success "Solution"'
        elif not any(solution.end() < block.start < stop for block in ran):
            yield solution.start(), "a solution holds a block that runs"


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_is_complete(path: Path) -> None:
    """A reader who has read one chapter knows where to find things in the next."""
    missing = list(lacks(Page.read(path), path))

    assert not missing, "\n" + "\n".join(missing)


def test_the_book_has_its_four_core_chapters_each_with_a_lab() -> None:
    """No chapter found would mean that none is checked."""
    core = {"symmetry", "small-random", "saturation", "deep-scaling"}

    assert core <= {path.stem for path in CHAPTERS if labs(path)}


def template() -> str:
    """Return the template of the contributors' page, long enough to be a chapter."""
    text = (ROOT / "docs" / "contributing.md").read_text("utf-8")
    (block,) = [b for b in Page.parse(text).blocks if b.options.get("title") == "docs/chapters/NAME.md"]
    return block.code + "More.\n" * LEAST


def test_the_template_is_complete() -> None:
    """The template is what a newcomer takes for right."""
    assert list(lacks(Page.parse(template()), Path("NAME.md"))) == []


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("# 9. Sums", "# Sums", "start with the title"),
        ("!!! abstract", "!!! note", "what the reader will be able to do"),
        ("## 9.1 ", "## 9.2 ", "number this section 9.1"),
        ("## Summary\n", "## Sum\n", "a chapter ends with"),
        ("## Sources\n", "### Sources\n", "a chapter ends with"),
        ("| Result | Published |", "| Result | Printed |", "list the numbers"),
        ("| Stray of 100 terms | 10 | 10 within 3% | (9.1) |\n", "", "list the numbers"),
        ("../labs/NAME.ipynb", "../labs/other.ipynb", "link the chapter's lab"),
        ("![Ten dots", "[Ten dots", "at least one figure"),
        ("(open).**", "(code).**", "one of each kind: **Exercise 9.1 ● (open)"),
        ("(open).**", "(hard).**", "an exercise is one to predict, code, open, choose, paper"),
        ("Exercise 9.3", "Exercise 9.4", "number this exercise 9.3"),
        ("9.3 ●●● (open)", "9.3 (open)", "say how hard it is, from ● to ●●●: **Exercise 9.3 ● (open).**"),
        ("**Exercise 9.3 ●●● (open).**", "**Exercise 9.3 ●●● (choose).**", "answers to choose from follow"),
        ("**Exercise 9.3 ●●● (open).**", "Think:", "at least three exercises"),
        ('??? success "Solution"\n    Coin', '!!! success "Solution"\n    Coin', "a solution follows, collapsed"),
        ("    ```pycon\n    >>> 1 / 400**0.5\n    0.05\n    ```\n", "", "a solution holds a block that runs"),
        ("counts = [2", "x = 1\n" * 16 + "counts = [2", "a block has at most 25"),
    ],
)
def test_what_is_taken_from_a_chapter_is_missed(old: str, new: str, says: str) -> None:
    """A guard that was never seen to fail is a hope."""
    assert template().count(old) == 1

    found = list(lacks(Page.parse(template().replace(old, new)), Path("NAME.md")))

    assert any(says in message for message in found), found
    assert all(re.match(r"docs/chapters/NAME\.md:\d+: ", message) for message in found)
