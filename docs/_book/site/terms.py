"""The glossary's terms: each explains itself where a page first uses it, and the index says where that is.

A term with a word in round brackets behind it, such as `Order (phase)`, is also an everyday word: it explains
itself nowhere, and the index lists only headings and places that stress it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from html.parser import HTMLParser
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _book.site.printing import Part

SOURCE = "glossary.md"
INDEX = "index-of-terms.md"
# Pages that list what other pages say.
UNLISTED = (SOURCE, INDEX, "references.md", "scoreboard.md")
# Sections that repeat what was said above.
REPEATED = ("The numbers of this chapter", "Sources")

ENTRY = re.compile(r"^(?P<name>\S.*)\n:[ ]+(?P<meaning>.+(?:\n[ ]{4}.+)*)", re.M)
MARKUP = re.compile(r"\[([^\]]*)\]\([^)]*\)|[*`]")
PLACES = re.compile(r'(<span class="places") data-term="([^"]*)">(?=</span>)')


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


def anchor(name: str) -> str:
    """Return the id of a term."""
    return re.sub(r"\W+", "-", name.lower()).strip("-")


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


def filled(content: str, terms: Iterable[Term], parts: Iterable[Part], up: str) -> str:
    """Return the rendered index with its links; `up` leads from it to the site's root."""
    pages = [(part, list(sections(part))) for part in parts]
    links: dict[str, str] = {}
    for term in terms:
        places = ((part, place(term, found)) for part, found in pages)
        links[term.anchor] = " · ".join(
            f'<a href="{up}{part.url}{"#" if there.anchor else ""}{there.anchor}">{escape(_label(part, there))}</a>'
            for part, there in places
            if there
        )
    return PLACES.sub(lambda match: f"{match[1]}>{links[match[2]]}", content)


def place(term: Term, found: Iterable[Section]) -> Section | None:
    """Return the section whose heading has the term, else the first that stresses it, else that first uses it."""
    found = list(found)
    ways: list[Callable[[Section], object]] = [
        lambda section: term.pattern.search(section.title),
        lambda section: any(term.pattern.fullmatch(text) for text in section.stressed),
        lambda section: not term.everyday and term.pattern.search(section.text),
    ]
    return next((section for way in ways for section in found if way(section)), None)


@dataclass
class Section:
    """What stands below one heading: empty anchor for what stands below the title."""

    anchor: str = ""
    title: str = ""
    text: str = ""
    stressed: list[str] = field(default_factory=list)


def sections(part: Part) -> Iterator[Section]:
    """Yield the sections of a rendered page that say something for the first time."""
    reader = _Reader()
    reader.feed(part.content)
    for section in reader.sections:
        section.title, section.text = (" ".join(text.split()) for text in (section.title, section.text))
        if section.title not in REPEATED:
            yield section


def _label(part: Part, section: Section) -> str:
    """A section by its number, which has that of its chapter, or behind the name of its page."""
    page = part.title.partition(":")[0]
    if not section.anchor:
        return page
    return section.title if re.match(r"\d", section.title) else f"{page}: {section.title}"


class _Reader(HTMLParser):
    """Splits a rendered page at its headings; what is no text, and what is said beforehand, is left out."""

    SILENT = ("pre", "code", "svg", "script", "style")
    INLINE = ("a", "abbr", "b", "em", "i", "span", "strong", "sub", "sup")
    VOID = ("br", "hr", "img", "input", "wbr", "col", "link", "meta")

    def __init__(self) -> None:
        super().__init__()
        self.sections = [Section()]
        self.open: list[tuple[str, bool]] = []  # each element around, and whether it is silent
        self.stress = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self.VOID:
            return
        given = dict(attrs)
        classes = (given.get("class") or "").split()
        silent = tag in self.SILENT or "headerlink" in classes or {"admonition", "abstract"} <= set(classes)
        self.open.append((tag, silent))
        if tag in ("h2", "h3"):
            self.sections.append(Section(given.get("id") or ""))
        if tag in ("em", "strong"):
            self.stress = ""

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element without content holds no text."""

    def handle_endtag(self, tag: str) -> None:
        if tag in ("em", "strong") and not self._silent():
            self.sections[-1].stressed.append(" ".join(self.stress.split()).strip('.:,;?!"'))
        if tag not in self.INLINE:
            self.sections[-1].text += " "
        if tag in [name for name, _ in self.open]:
            while self.open.pop()[0] != tag:
                pass

    def handle_data(self, data: str) -> None:
        if self._silent():
            return
        section, tags = self.sections[-1], [tag for tag, _ in self.open]
        if {"h1", "h2", "h3"} & set(tags):
            section.title += data
        section.text += data
        self.stress += data

    def _silent(self) -> bool:
        return any(silent for _, silent in self.open)
