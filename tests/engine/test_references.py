"""Each entry of docs/references.md is cited by a page, and each citation of the book has an entry."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from _book.page import Page

ROOT = Path(__file__).resolve().parents[2]
REFERENCES = ROOT / "docs" / "references.md"
PAGES = [
    path
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "docs").rglob("*.ipynb")))
    if path != REFERENCES and "_book" not in path.parts
]
MODULES = sorted((ROOT / "shallownet").rglob("*.py"))

# An entry: `- <span id="glorot2010"></span>Glorot, X., and Bengio, Y. (2010).`, perhaps over two lines.
ENTRY = re.compile(r'^- <span id="(?P<key>\w+)"></span>(?P<first>[^,]+), .+?\((?P<year>\d{4})\)\.', re.M | re.S)
# A citation: "Glorot and Bengio (2010, section 3)", "He et al. 2015", "B. Hanin, D. Rolnick (2018)", "Yang's (2019)".
# Words that open a sentence, months and meetings stand before a year as well.
WORDS = (
    "This|Here|There|So|As|In|Since|By|From|Until|Before|After|The|And|Or|NeurIPS|NIPS|ICLR|ICML|ICCV|ECCV|UAI|AISTATS"
)
MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
NAME = rf"(?:[A-Z]\.[- ]?)*(?!(?:{WORDS}|{MONTHS})\b)[A-ZÀ-ÖØ-ÞŁŚŻ][\w-]+"
CITED = re.compile(
    rf"(?<![\w.])(?P<first>{NAME})(?:(?:,\s+|,?\s+(?:and|&)\s+){NAME})*(?:,?\s+(?:et\s+al\.|and\s+others))?"
    r"(?:'s?)?(?:\s+point)?,?\s+\(?(?P<year>(?:19|20)\d\d)(?!\d|\.\d)"
)
LINK = re.compile(r"\[(?P<text>[^\]]*)\]\((?:\.\./)*references\.md#(?P<key>[\w-]+)\)")


def key(first: str, year: str) -> str:
    """Return what an entry of this first author and year is called."""
    name = unicodedata.normalize("NFKD", re.sub(r"^(?:[A-Z]\.[- ]?)*", "", first))
    return re.sub(r"[^a-z]", "", name.encode("ascii", "ignore").decode().lower()) + year


def entries(text: str) -> dict[str, int]:
    """Return the entries, each with its line."""
    return {match["key"]: _line(text, match.start()) for match in ENTRY.finditer(text)}


def citations(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield what a text cites: line, key of the entry, and the words."""
    linked = {match.start("text"): match for match in LINK.finditer(text)}
    for match in linked.values():
        yield _line(text, match.start()), match["key"], match["text"]
    for match in CITED.finditer(text):
        yield _line(text, match.start()), key(match["first"], match["year"]), " ".join(match[0].split())


def problems(pages: dict[str, str], modules: dict[str, str], references: str) -> list[str]:
    """Return citations without an entry, links whose words name another entry, and entries that no page cites."""
    known, cited = entries(references), set()
    found = []
    for name, text in {**pages, **modules}.items():
        for line, entry, words in citations(text):
            if entry not in known:
                found.append(f"{name}:{line}: {words!r} is cited and has no entry {entry!r} in docs/references.md")
            elif name in pages:
                cited.add(entry)
        for link in LINK.finditer(text):
            if (named := CITED.search(link["text"])) and key(named["first"], named["year"]) != link["key"]:
                found.append(f"{name}:{_line(text, link.start())}: {link['text']!r} leads to {link['key']!r}")
    return found + [
        f"docs/references.md:{line}: {entry!r} is cited by no page: cite it where it belongs, or drop it"
        for entry, line in known.items()
        if entry not in cited
    ]


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def test_references_and_citations_are_complete() -> None:
    """A reader finds the paper behind each name, and each paper of the list says something on some page."""
    names = {path: path.relative_to(ROOT).as_posix() for path in [*PAGES, *MODULES]}
    texts = {path: path.read_text("utf-8") for path in names}
    pages = {names[path]: Page.parse(texts[path]).prose if path.suffix == ".md" else texts[path] for path in PAGES}

    found = problems(pages, {names[path]: texts[path] for path in MODULES}, REFERENCES.read_text("utf-8"))

    assert not found, "\n" + "\n".join(found)


def test_the_list_is_in_form() -> None:
    """Each entry is read as one, is called by its first author and its year, and says what the book takes from it."""
    text = REFERENCES.read_text("utf-8")
    found = list(ENTRY.finditer(text))

    assert len(found) == len(re.findall(r"^- ", text, re.M)) > 30
    assert [each["key"] for each in found] == [key(each["first"], each["year"]) for each in found]
    assert len(entries(text)) == len(found)
    assert len(re.findall(r"^    \*[^*\n]+\.\*$", text, re.M)) == len(found)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Glorot and Bengio (2010, section 3) name them.", ["glorot2010"]),
        ("as He et al. (2015) and LeCun and others 1998 say", ["he2015", "lecun1998"]),
        ("- B. Hanin, D. Rolnick (2018), [How](https://x.org)", ["hanin2018"]),
        ("(Stamatescu et al., 2020, remark)", ["stamatescu2020"]),
        ("PyTorch's and Maas et al.'s (2013) default", ["maas2013"]),
        ("Krähenbühl et al. (2015), K. A. Penson, K. Życzkowski (2011)", ["krahenbuhl2015", "penson2011"]),
        ("This is Hanin and Rolnick's point (2018).", ["hanin2018"]),
        ("He, Zhang, Ren & Sun (2016), Kingma & Ba (2015)", ["he2016", "kingma2015"]),
        ("[Yang et al. (2022)](../references.md#yang2022)", ["yang2022", "yang2022"]),
        ("In 2017, read in 2026; since March 2017; ICLR 2014; 1.2098; width 2000", []),
    ],
)
def test_citations_are_told_from_other_years(text: str, found: list[str]) -> None:
    """A rule that cried wolf at every year would be switched off."""
    assert [entry for _, entry, _ in citations(text)] == found


LIST = """# References

- <span id="one2001"></span>One, A., and
  Other, B. (2001).
  Title.

    *What we take.*

- <span id="two2002"></span>Two, B. (2002).
  Title.

    *What we take.*
"""


@pytest.mark.parametrize(
    ("page", "module", "found"),
    [
        ("One and Other (2001), and\nTwo 2002.\n", "", []),
        ("One (2001)\n[Two et al. 2002](references.md#two2002)\n", "", []),
        (
            "One (2001).\n\nTwo et al. (2003) say, and [Two 2002](x.md)\n",
            '"""Ours.\n\nSource: Three (2001).\n"""\n',
            [
                "docs/page.md:3: 'Two et al. (2003' is cited and has no entry 'two2003' in docs/references.md",
                "module.py:3: 'Three (2001' is cited and has no entry 'three2001' in docs/references.md",
            ],
        ),
        (
            "One (2001).\n",
            "# Two (2002)\n",
            ["docs/references.md:9: 'two2002' is cited by no page: cite it where it belongs, or drop it"],
        ),
        (
            "Two 2002\n[One 2001](references.md#two2002)\n[more](references.md#two2003)\n",
            "",
            [
                "docs/page.md:3: 'more' is cited and has no entry 'two2003' in docs/references.md",
                "docs/page.md:2: 'One 2001' leads to 'two2002'",
            ],
        ),
    ],
)
def test_what_is_missing_is_named_with_its_line(page: str, module: str, found: list[str]) -> None:
    """The guard fails for a citation without an entry, on a page and in a docstring, and for an entry without one."""
    assert problems({"docs/page.md": page}, {"module.py": module}, LIST) == found
