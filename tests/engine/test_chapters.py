"""Every chapter has what a chapter has, and each thing that may be missing is taken away here and missed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from _book import chapter
from _book.page import Page

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = sorted((ROOT / "docs" / "chapters").glob("*.md"))
LEAST = 150


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_is_complete(path: Path) -> None:
    """A reader who has read one chapter knows where to find things in the next.

    The page's own test says the same, but for its length: it grows while one writes.
    """
    page = Page.read(path)
    # No upper limit: a chapter is as long as it takes to be clear. Nobody reads the front matter.
    lines = sum(bool(line.strip()) for line in page.body.splitlines())
    short = f"docs/chapters/{path.name}:1: {lines} lines: a chapter has at least {LEAST}; say more"

    missing = [*map(str, chapter.problems(page)), *([short] if lines < LEAST else [])]

    assert not missing, "\n" + "\n".join(missing)


def test_the_book_has_its_four_core_chapters_each_with_a_lab() -> None:
    """No chapter found would mean that none is checked."""
    core = {"symmetry", "small-random", "saturation", "deep-scaling"}

    assert core <= {path.stem for path in CHAPTERS if chapter.labs(path)}


def test_chapters_are_numbered_in_the_order_of_the_navigation() -> None:
    """The last one is a page of its own, beside the folder."""
    found = chapter.numbers(ROOT / "docs")
    names = re.findall(
        r"^ {6}(?: {4})?- (?:[^\n]*: )?((?:chapters/)?[\w-]+\.md)$", (ROOT / "mkdocs.yml").read_text("utf-8"), re.M
    )
    order = [ROOT / "docs" / name for name in names if ROOT / "docs" / name in found]

    missing = [path.relative_to(ROOT).as_posix() for path in found if path not in order]
    assert not missing, f"name {', '.join(missing)} under nav in mkdocs.yml"
    listed = [found[path] for path in order]
    assert listed == list(range(1, len(CHAPTERS) + 2)), "list the chapters under nav in the order of their numbers"


def template() -> str:
    """Return the template of the contributors' page."""
    text = (ROOT / "docs" / "contributing.md").read_text("utf-8")
    (block,) = [b for b in Page.parse(text).blocks if b.options.get("title") == "docs/chapters/NAME.md"]
    return block.code


def lacking(text: str, folder: Path) -> list[str]:
    """What is said of a chapter, beside a lab of its name."""
    for name in ("chapters", "labs"):
        (folder / "docs" / name).mkdir(parents=True, exist_ok=True)
    (folder / "docs" / "labs" / "NAME.ipynb").touch()
    return [str(problem) for problem in chapter.problems(Page.parse(text, folder / "docs" / "chapters" / "NAME.md"))]


def test_the_template_is_complete(tmp_path: Path) -> None:
    """The template is what a newcomer takes for right."""
    assert lacking(template(), tmp_path) == []


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("# 99. Sums", "# Sums", "start with the title"),
        ("!!! abstract", "!!! note", "what the reader will be able to do"),
        ("## 99.1 ", "## 99.2 ", "number this section 99.1"),
        ("\\tag{99.1}", "\\tag{9.1}", "number this equation 99.N"),
        ("## Readers asked\n", "## Readers said\n", "a chapter ends with"),
        ("## Summary\n", "## Sum\n", "a chapter ends with"),
        ("## Sources\n", "### Sources\n", "a chapter ends with"),
        ("| Result | Published |", "| Result | Printed |", "list the numbers"),
        ("| Stray of 100 terms | 10 | 10 within 3% | (99.1) |\n", "", "list the numbers"),
        ("../labs/NAME.ipynb", "../labs/other.ipynb", "link the chapter's lab"),
        ("![Ten dots", "[Ten dots", "at least one figure"),
        ("(open).**", "(code).**", "one of each kind: **Exercise 99.1 ● (open)"),
        ("(open).**", "(hard).**", "an exercise is one to predict, code, open, choose, paper"),
        ("Exercise 99.3", "Exercise 99.4", "number this exercise 99.3"),
        ("99.3 ●●● (open)", "99.3 (open)", "say how hard it is, from ● to ●●●: **Exercise 99.3 ● (open).**"),
        ("**Exercise 99.3 ●●● (open).**", "**Exercise 99.3 ●●● (choose).**", "answers to choose from follow"),
        ("**Exercise 99.3 ●●● (open).**", "Think:", "at least three exercises"),
        ('??? success "Solution"\n    Coin', '!!! success "Solution"\n    Coin', "a solution follows, collapsed"),
        ("    ```pycon\n    >>> 1 / 400**0.5\n    0.05\n    ```\n", "", "a solution holds a block that runs"),
        ("counts = [2", "x = 1\n" * 16 + "counts = [2", "a block has at most 20"),
    ],
)
def test_what_is_taken_from_a_chapter_is_missed(old: str, new: str, says: str, tmp_path: Path) -> None:
    """A guard that was never seen to fail is a hope."""
    assert template().count(old) == 1

    found = lacking(template().replace(old, new), tmp_path)

    assert any(says in message for message in found), found
    assert all(re.match(r".*/docs/chapters/NAME\.md:\d+: ", message) for message in found)


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (1, "chapter 1 is docs/chapters/one.md already: the next number is 4"),
        (3, "chapter 3 is docs/three.md already: the next number is 4"),
        (5, "there is no chapter 4: the next number is 4"),
        (99, "there is no chapter 98: the next number is 4"),
        (4, ""),
    ],
)
def test_a_chapter_has_the_next_number(number: int, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two chapters with one number, or a gap, would be seen by the reader first."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs" / "chapters").mkdir(parents=True)
    for name, text in {
        "chapters/one": "# 1. One",
        "chapters/two": "# 2. Two",
        "three": "# 3. Three",
        "no": "# No\n\n# 7. Quoted",
    }.items():
        (tmp_path / "docs" / f"{name}.md").write_text(f"---\nblocks: 0\n---\n\n{text}\n", encoding="utf-8")

    found = lacking(template().replace("99", str(number)), tmp_path)

    assert [message.partition(": ")[2] for message in found] == ([says] if says else [])
