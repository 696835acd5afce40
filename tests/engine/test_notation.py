"""Every letter of the book's formulas stands in docs/notation.md, with the page on which it is born."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from _book.page import Page

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
NOTATION = DOCS / "notation.md"
PAGES = sorted(path for path in DOCS.rglob("*.md") if "_book" not in path.parts and path != NOTATION)

# What counts as a letter: a Latin one, a Greek one, and one set in a face of its own. A letter below it that is no
# index is a part of it, and so is a star above it: `\sigma_w` and `q^*` are letters, `W_{ij}`, `p_0` and `x^2` are not.
# Words count for nothing: `\text{...}`, `\operatorname{...}`, `n_{\text{in}}`.
GREEK = (
    "alpha beta gamma delta varepsilon epsilon zeta eta theta vartheta iota kappa lambda mu nu xi rho varrho sigma tau "
    "upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega ell"
)
INDICES = "ijklL"
WORD = r"\\(?:text|operatorname|mathrm|tag|begin|end)\s*\{(?!.\})[^{}]*\}"
FACE = r"\\math(?:bf|bb|cal|rm)\s*(?:\{[A-Za-z]\}|[A-Za-z](?![A-Za-z]))"
BASE = rf"{FACE}|\\(?:{GREEK.replace(' ', '|')})(?![A-Za-z])|[A-Za-z]"
MARKS = re.compile(r"'*(?:\^(?P<above>\{[^{}]*\}|\S)|_(?P<below>\{(?:[^{}]|\{[^{}]*\})*\}|\S))")
TOKEN = re.compile(rf"(?P<base>{BASE})|\\[A-Za-z]+|\\.")
FORMULA = re.compile(r"\$\$(.+?)\$\$|(?<![\\$])\$(?!\$)([^$]+?)\$", re.S)
# Constants, and the d of a derivative, would be letters nowhere.
CONSTANTS = {"e", r"\pi"}


def letters(tex: str) -> Iterator[tuple[int, str]]:
    """Yield the letters of a formula, each with its offset."""
    tex = re.sub(WORD, lambda word: " " * len(word[0]), tex)
    taken = set()
    for match in TOKEN.finditer(tex):
        if match["base"] and match.start() not in taken:
            name = re.sub(r"[\s{}]", "", match["base"])
            marks, at = _marks(tex, match.end())
            taken.add(at)
            yield match.start(), re.sub(r"^(\\math..)(.)", r"\1 \2", name) + marks


def _marks(tex: str, at: int) -> tuple[str, int]:
    """What belongs to the letter in front, `_w` or `^*` or nothing, and where the letter of it stands."""
    below, above, taken = "", "", -1
    while match := MARKS.match(tex, at):
        at = match.end()
        if match["above"]:
            above = "^*" if match["above"].strip("{} ") == "*" else above
        elif (letter := re.match(r"\{?([A-Za-z])", match["below"])) and letter[1] not in INDICES:
            below, taken = f"_{letter[1]}", match.start("below") + letter.start(1)
    return below + above, taken


def used(text: str) -> Iterator[tuple[int, str]]:
    """Yield each letter of a page's formulas, with its line."""
    prose = Page.parse(text).prose
    for formula in FORMULA.finditer(prose):
        start = formula.start(1) if formula[1] else formula.start(2)
        for offset, letter in letters(formula[1] or formula[2]):
            yield prose.count("\n", 0, start + offset) + 1, letter


def listed(text: str) -> Iterator[tuple[int, list[str], str]]:
    """Yield the rows of the notation's tables: line, letters of the first cell, page on which they are born."""
    for number, line in enumerate(text.splitlines(), start=1):
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        found = [next(letters(formula[2]))[1] for formula in FORMULA.finditer(cells[0])] if len(cells) > 1 else []
        if found:
            page = re.search(r"\((?:\.\./)?([\w/-]+\.md)", cells[-1])
            yield number, found, page[1] if page else "notation.md"


def order(name: str, text: str) -> tuple[int, str]:
    """Where a page stands in the book: the notation first, chapters by number, then all others."""
    title = re.search(r"^# (\d+)\. ", text, re.M)
    return (0 if name == "notation.md" else int(title[1]) if title else 99, name)


def problems(pages: dict[str, str], notation: str) -> list[str]:
    """Return what the notation lacks, has too early or too late, and has for nothing; a letter once a page."""
    rows = list(listed(notation))
    born: dict[str, list[str]] = {}
    found, met = [], set()
    for line, names, page in rows:
        for name in names:
            if page in born.setdefault(name, []):
                found.append(f"docs/notation.md:{line}: {name} has two meanings on {page}")
            born[name].append(page)
    places = {name: order(name, text) for name, text in {**pages, "notation.md": notation}.items()}
    for page in sorted(pages, key=lambda name: places[name]):
        for line, letter in used(pages[page]):
            if (page, letter) in met or letter in CONSTANTS:
                continue
            met.add((page, letter))
            if letter not in born:
                found.append(f"docs/{page}:{line}: {letter} is a letter that docs/notation.md does not list")
            elif all(places.get(birth, (0, "")) > places[page] for birth in born[letter]):
                found.append(f"docs/{page}:{line}: {letter} is used before {born[letter][0]}, where it is born")
    for line, names, page in rows:
        for name in names:
            if page != "notation.md" and (page, name) not in met:
                found.append(f"docs/notation.md:{line}: {name} is said to be born on {page}, which does not use it")
    return found


def test_every_letter_is_listed_where_it_is_born() -> None:
    """A reader who meets a letter finds what it means in one place."""
    pages = {path.relative_to(DOCS).as_posix(): path.read_text("utf-8") for path in PAGES}

    found = problems(pages, NOTATION.read_text("utf-8"))

    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("tex", "found"),
    [
        ("W^{[l]}", ["W", "l"]),
        (r"\sigma_w^2 / \sqrt{n}", [r"\sigma_w", "n"]),
        (r"q^{*} + q^* + q^2", ["q^*", "q^*", "q"]),
        (r"\chi_{c^*} \chi_1", [r"\chi_c", r"\chi"]),
        (r"n_{\text{in}} + n_l + n_L", ["n", "n", "l", "n", "L"]),
        (r"\mathbf{J}\, \mathbb{E}\, \mathbf 1 \mathrm i", [r"\mathbf J", r"\mathbb E", r"\mathrm i"]),
        (r"\operatorname{sigmoid}(z) \tag{3.1}", ["z"]),
        (r"\begin{aligned} \frac{\partial J}{\partial v_i} \end{aligned}", ["J", "v", "i"]),
        (r"\dot w \leq \bar y, g'(z)", ["w", "y", "g", "z"]),
        (r"s_{\max} s_- s_+ W_{ij}", ["s", "s", "s", "W", "i", "j"]),
    ],
)
def test_letters_are_told_from_words_and_indices(tex: str, found: list[str]) -> None:
    """A rule that asked for every word would be switched off, and one that saw no decoration would say nothing."""
    assert [letter for _, letter in letters(tex)] == found


TABLE = """# Notation

| Symbol | Meaning | Born in |
| --- | --- | --- |
| $W$ | weights | here |
| $\\sigma_w$, $s$ | size | [2](chapters/two.md) |
"""
TWO = "# 2. Two\n\nSo $W$ has $\\sigma_w$ and $s$.\n"


@pytest.mark.parametrize(
    ("pages", "found"),
    [
        ({"chapters/two.md": TWO}, []),
        (
            {"chapters/two.md": TWO + "\n```python\nx = 1\n```\n\nAnd\n\n$$\nW \\mapsto\n\\zeta W.\n$$\n"},
            [r"docs/chapters/two.md:13: \zeta is a letter that docs/notation.md does not list"],
        ),
        (
            {"chapters/two.md": TWO, "chapters/one.md": "# 1. One\n\nIs $\\sigma_w$ known?\n"},
            [
                r"docs/chapters/one.md:3: \sigma_w is used before chapters/two.md, where it is born",
            ],
        ),
        (
            {"chapters/two.md": "# 2. Two\n\nOnly $W$ and $s$.\n"},
            [r"docs/notation.md:6: \sigma_w is said to be born on chapters/two.md, which does not use it"],
        ),
    ],
)
def test_a_planted_letter_is_named_with_its_line(pages: dict[str, str], found: list[str]) -> None:
    """The guard fails for a letter that nobody lists, that comes too early, and that is listed for nothing."""
    assert problems(pages, TABLE) == found


def test_one_letter_has_one_meaning_on_a_page() -> None:
    """Two rows for the same letter and page would be two meanings."""
    twice = TABLE + "| $s$ | width | [2](chapters/two.md) |\n"

    assert problems({"chapters/two.md": TWO}, twice) == ["docs/notation.md:7: s has two meanings on chapters/two.md"]
