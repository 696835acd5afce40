"""The glossary's terms: each explains itself where a page first uses it, and the index says where that is.

A term with a word in round brackets behind it, such as `Order (phase)`, is also an everyday word: it explains
itself nowhere, and the index lists only headings and places that stress it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from html import escape
from itertools import groupby

from _book.render.glossary import anchor
from _book.site import tasks
from _book.site.sections import Section

SOURCE = "glossary.md"
INDEX = "index-of-terms.md"
# Pages that list what other pages say.
UNLISTED = (SOURCE, INDEX, tasks.INDEX, "references.md", "scoreboard.md")
# Sections that repeat what was said above.
REPEATED = ("The numbers of this chapter", "Sources")

ENTRY = re.compile(r"^(?P<name>\S.*)\n:[ ]+(?P<meaning>.+(?:\n[ ]{4}.+)*)", re.M)
MARKUP = re.compile(r"\[([^\]]*)\]\([^)]*\)|[*`]")
# Where the index names the places of a term.
PLACES = re.compile(r'<span class="places" data-term="([^"]*)">')


@dataclass(frozen=True)
class Term:
    """One entry of the glossary: its name as it is written there, and the first sentence of its explanation."""

    name: str
    meaning: str

    @property
    def anchor(self) -> str:
        """Its place on the glossary's page."""
        return anchor(self.name)

    @property
    def everyday(self) -> bool:
        """True for a word that may stand on a page and mean something else."""
        return self.name.endswith(")")

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Finds it, or several of it, however it is capitalised."""
        word = self.name.partition(" (")[0]
        stem, ending = (word[:-1], "(?:y|ies)") if word.endswith("y") else (word, "(?:e?s)?")
        return re.compile(rf"(?<![\w-]){re.escape(stem)}{ending}(?![\w-])".replace(r"\ ", r"\s"), re.I)


def parse(text: str) -> list[Term]:
    """Return the terms of the glossary's page, in its order."""
    found = []
    for match in ENTRY.finditer(text):
        meaning = " ".join(match["meaning"].split())
        sentence = re.match(r".*?[.](?=\s|$)", meaning)
        found.append(Term(match["name"], plain(sentence[0] if sentence else meaning)))
    return found


def plain(text: str) -> str:
    """Return a line of Markdown without its markup."""
    return MARKUP.sub(r"\1", text).strip()


def tips(terms: Iterable[Term]) -> dict[str, str]:
    """Return what a page explains, in the forms in which it may stand there; a tip cannot show math."""
    found = {}
    for term in terms:
        if not term.everyday and "$" not in term.meaning:
            for form in (term.name, term.name[0].lower() + term.name[1:]):
                found[form] = found[f"{form}s"] = term.meaning
    return found


def index(terms: Iterable[Term]) -> str:
    """Return the Markdown of the index, with a place for the links of each term."""
    lines = [
        "---\ntitle: Index of terms\ndescription: Where each term of the glossary is explained or first used.\n"
        "search: {exclude: true}\n---\n\n# Index of terms\n\n"
        "Each term leads to the glossary; beside it stand the sections that explain it or, on each page, first use it."
    ]
    for letter, group in groupby(sorted(terms, key=lambda term: term.name.lower()), lambda term: term.name[0].upper()):
        entries = (
            f'- **[{term.name}]({SOURCE}#{term.anchor})** <span class="places" data-term="{term.anchor}"></span>'
            for term in group
        )
        lines.append("\n".join([f"## {letter}", "", *entries]))
    return "\n\n".join(lines) + "\n"


def places(terms: Iterable[Term], pages: Iterable[tuple[str, str, list[Section]]]) -> dict[str, str]:
    """Return the links of each term by its anchor, to the pages given by address, title and sections."""
    read = [(url, title.partition(":")[0], found) for url, title, found in pages]
    return {
        term.anchor: " · ".join(
            f'<a href="{url}{"#" if there.anchor else ""}{there.anchor}">{escape(_label(page, there))}</a>'
            for url, page, found in read
            if (there := place(term, found))
        )
        for term in terms
    }


def place(term: Term, found: list[Section]) -> Section | None:
    """Return the section whose heading has the term, else the first that stresses it, else that first uses it."""
    found = [section for section in found if section.title not in REPEATED]
    ways: list[Callable[[Section], object]] = [
        lambda section: term.pattern.search(section.title),
        lambda section: any(term.pattern.fullmatch(text) for text in section.stressed),
        lambda section: not term.everyday and term.pattern.search(section.text),
    ]
    return next((section for way in ways for section in found if way(section)), None)


def _label(page: str, section: Section) -> str:
    """A section by its number, which has that of its chapter, or behind the name of its page."""
    if not section.anchor:
        return page
    return section.title if re.match(r"\d", section.title) else f"{page}: {section.title}"
