"""The glossary has what the chapters define, and the index leads to where they do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from _book.page import Page
from _book.site import terms
from _book.site.sections import sections

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = sorted((ROOT / "docs" / "chapters").glob("*.md"))
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text("utf-8")

# How the chapters define: "what we call the *gain*", "these are the *logits*", "each is a *mode*", "a first layer, the
# *stem*, brings the inputs to a *stream*", "$c < 1$, **order**: differences shrink".
# Emphasis anywhere else is stress, and so are these words.
STRESS = {"same", "only", "first", "last", "whole", "other", "one", "two", "opposite", "product", "ratio", "variance"}
STRESS |= {"column", "row", "worst", "best", "sum", "doubling"}
DEFINED = re.compile(
    r"(?:\b(?:calls?|called|names?|named|known as)(?:\s+[\w'-]+){0,3}?\s+|\b(?:is|are)\s+(?:the|an?)\s+|[$],\s+(?=\S+:)"
    r"|,\s+the\s+(?=\S+,)|\bto\s+an?\s+)"
    r"(?P<mark>\*{1,2})(?P<term>[a-z][a-z-]*(?:\s[a-z-]+){0,2})(?P=mark)(?=[\s.,:;)])"
)


def defined(text: str) -> Iterator[tuple[int, str]]:
    """Yield each term that a page defines, with its line."""
    # A formula is one word, so that `call $q$ the *mean square*` is read like `call it the *mean square*`.
    prose = re.sub(r"\$[^$\n]+\$", lambda math: "x" * (len(math[0]) - 1) + "$", Page.parse(text).prose)
    prose = re.sub(r"x+\$(?!,\s+\*)", lambda math: "x" * len(math[0]), prose)
    for match in DEFINED.finditer(prose):
        if match["term"].split()[0] not in STRESS:
            yield text.count("\n", 0, match.start("term")) + 1, " ".join(match["term"].split())


def missing(text: str, glossary: str, name: str = "page.md") -> list[str]:
    """Return what a page defines and the glossary lacks."""
    known = terms.parse(glossary)
    return [
        f"docs/{name}:{line}: {term!r} is defined here and missing in docs/glossary.md"
        for line, term in defined(text)
        if not any(each.pattern.fullmatch(term) for each in known)
    ]


PAGES = [*CHAPTERS, ROOT / "docs" / "notation.md", ROOT / "docs" / "choosing.md"]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_what_a_chapter_defines_is_in_the_glossary(path: Path) -> None:
    """A reader who opens a later chapter first finds the word explained where words are explained."""
    found = missing(path.read_text("utf-8"), GLOSSARY, path.relative_to(ROOT / "docs").as_posix())

    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Frameworks call $g$ the *gain*.", ["gain"]),
        ("What we call *fan-in* is a length.", ["fan-in"]),
        ("This is called a **depth\nscale** by some.", ["depth scale"]),
        ("The outputs $A$ are the *logits*, and the loss", ["logits"]),
        ("- $\\chi_1 < 1$, **order**: differences shrink", ["order"]),
        ("a network known as *residual*.", ["residual"]),
        ("Each triple is a *mode*: a strength", ["mode"]),
        ("A first layer, the *stem*, brings the inputs to a *stream* $x$.", ["stem", "stream"]),
        # Stress, and headings in bold, are no definitions.
        ("It moves *faster*, and the *large* network has the *largest* gradient.", []),
        ("They are the *same* number, and this is the *only* one; it is the *first step*, and", []),
        ("An example is a *column*, a unit is a *row*.", []),
        ("**Angles.** ReLU pulls them together: **too large is flat**.", []),
        ("$W = 0$, **$b$ random.** Nothing. The *top* one falls.", []),
        ("Such is the *mean square*d", []),
        ("```text\nthis is the *trap*.\n```", []),
    ],
)
def test_a_definition_is_told_from_stress(text: str, found: list[str]) -> None:
    """A rule that cried wolf at every stressed word would be switched off."""
    assert [term for _, term in defined(text)] == found


def test_a_missing_term_is_named_with_its_line() -> None:
    """So that it is found, and added."""
    text = "# Page\n\nTwo.\nIts name is called the *wobble* of a net, which has *logits*; these are the *logits*.\n"

    assert missing(text, "Logit\n:   The output.\n") == [
        "docs/page.md:4: 'wobble' is defined here and missing in docs/glossary.md"
    ]


def unused(glossary: str, pages: list[str]) -> list[str]:
    """Return the terms of the glossary that no page uses; of an everyday word only its stress counts."""
    proses = [Page.parse(text).prose for text in pages]
    found = []
    for term in terms.parse(glossary):
        stressed = rf"\*(?:{term.pattern.pattern})\*|^#+ .*(?:{term.pattern.pattern})"
        pattern = re.compile(stressed, re.I | re.M) if term.everyday else term.pattern
        if not any(pattern.search(prose) for prose in proses):
            line = glossary[: glossary.index(f"\n{term.name}\n:")].count("\n") + 2
            found.append(f"docs/glossary.md:{line}: {term.name!r} is used on no page")
    return found


def test_every_term_is_used_on_a_page() -> None:
    """The glossary explains the words of the book, not of the field; words that only lists use are not the book's."""
    pages = [path for path in (ROOT / "docs").rglob("*.md") if "_book" not in path.parts]

    found = unused(GLOSSARY, [path.read_text("utf-8") for path in pages if path.name not in terms.UNLISTED])

    assert not found, "\n" + "\n".join(found)


def test_an_unused_term_is_named_with_its_line() -> None:
    """Code does not use a word, and an everyday word is not used by being there."""
    glossary = "# G\n\nMode (of a task)\n:   One.\n\nRank\n:   Two.\n\nStem (of a net)\n:   Three.\n\nUnit\n:   Four.\n"
    page = "A mode, and *the* first *stem*, of units.\n\n```python\nrank = 1\n```\n"

    assert unused(glossary, [page]) == [
        "docs/glossary.md:3: 'Mode (of a task)' is used on no page",
        "docs/glossary.md:6: 'Rank' is used on no page",
    ]


def test_the_glossary_is_in_form() -> None:
    """In the order of the alphabet, each term once, each explained in sentences."""
    entries = [(match["name"], " ".join(match["meaning"].split())) for match in terms.ENTRY.finditer(GLOSSARY)]
    names = [name for name, _ in entries]

    assert len(names) > 40
    assert names == sorted(names, key=str.lower)
    assert len({terms.anchor(name) for name in names}) == len(names)
    assert [name for name, meaning in entries if not re.fullmatch(r"[A-Z].*[.]", terms.plain(meaning))] == []
    # Each line that opens an entry was read as one.
    assert len(re.findall(r"^:", GLOSSARY, re.M)) == len(names)


PAGE = sections(
    """<h1 id="one">1. One: a chapter<a class="headerlink" href="#one">&para;</a></h1>
    <div class="admonition abstract"><p class="admonition-title">You</p><ul><li>say what a gain is<br></li></ul></div>
    <p>A unit's <abbr title="Inputs.">fan-in</abbr>, in order. <code>spread</code> <math><mi>rank</mi></math></p>
    <h2 id="11-a">1.1 Hidden units &amp; more<a class="headerlink" href="#11-a">&para;</a></h2>
    <p>The fan-in again; a gain; symmetries; a <em>hidden
    unit</em>.<input type="radio"/></p>
    <h2 id="12-b">1.2 B</h2><p>Call it the <strong>gain</strong>, of <em>order.</em> A spread.</p>
    <h2 id="numbers">The numbers of this chapter</h2><p>The base rate.</p>
    <h2 id="summary">Summary</h2><p>Saturation, gains.</p>""",
)


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("Fan-in", ""),
        ("Hidden unit", "11-a"),
        ("Gain", "12-b"),
        ("Symmetry", "11-a"),
        ("Spread", "12-b"),
        ("Saturation", "summary"),
        ("Order (phase)", "12-b"),
        ("Units (many)", "11-a"),
        ("Spread (of units)", None),
        ("Base rate", None),
        ("Paragraph", None),
        ("Unit", "11-a"),
    ],
)
def test_a_term_leads_to_the_section_that_explains_it(name: str, where: str | None) -> None:
    """By its heading, by its stress, or by its first use; not by an abstract, a table of results or code."""
    found = terms.place(terms.Term(name, "Text."), PAGE)

    assert (found and found.anchor) == where


def test_the_index_names_page_and_section() -> None:
    """A numbered section says its chapter; others say it in front."""
    known = [terms.Term(name, "Text.") for name in ("Saturation", "Fan-in", "Gain", "Nowhere")]
    made = terms.index(known)

    assert re.findall(r"^## (.)\n\n- \*\*\[(.*?)\]\(glossary.md#(.*?)\)", made, re.M) == [
        ("F", "Fan-in", "fan-in"),
        ("G", "Gain", "gain"),
        ("N", "Nowhere", "nowhere"),
        ("S", "Saturation", "saturation"),
    ]
    links = terms.places(known, [("../chapters/one/", "1. One: a chapter", PAGE)])
    assert sorted(links) == sorted(terms.PLACES.findall(made))
    assert [link for name in sorted(links) for link in re.findall(r'href="(.*?)">(.*?)</a>', links[name])] == [
        ("../chapters/one/", "1. One"),
        ("../chapters/one/#12-b", "1.2 B"),
        ("../chapters/one/#summary", "1. One: Summary"),
    ]


def test_everyday_words_explain_themselves_nowhere() -> None:
    """ "In order to" has nothing to do with the ordered phase."""
    known = terms.parse("Order (phase)\n:   Where all shrinks.\n\nRank\n:   Of a *matrix*. More.\n\nQ\n:   So $q$.\n")

    assert terms.tips(known) == dict.fromkeys(("Rank", "Ranks", "rank", "ranks"), "Of a matrix.")
