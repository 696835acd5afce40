"""The first use of a glossary term on a page explains itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from markdown import Markdown
from markdown.preprocessors import Preprocessor
from markdown.treeprocessors import Treeprocessor

if TYPE_CHECKING:
    from _book.render.extension import BookExtension


class Glossary(Preprocessor):
    """Hand the glossary's terms to `abbr`, which knows where a word may be explained."""

    def __init__(self, md: Markdown, book: BookExtension) -> None:
        super().__init__(md)
        self.book = book

    def run(self, lines: list[str]) -> list[str]:
        text = "\n".join(lines)
        # A pattern alone, of each term on each text, would be a tenth of a build.
        here = [term for term in self.book.context.glossary if term in text]
        used = [term for term in here if re.search(rf"\b{re.escape(term)}\b", text)]
        return [*lines, "", *(f"*[{term}]: {self.book.context.glossary[term]}" for term in used)]


class Terms(Treeprocessor):
    """Give each term of the glossary an address: `glossary.md#fan-in`."""

    def __init__(self, md: Markdown, book: BookExtension) -> None:
        super().__init__(md)
        self.book = book

    def run(self, root: ElementTree.Element) -> None:
        for term in root.iter("dt") if self.book.context.terms else ():
            term.set("id", anchor("".join(term.itertext())))


class FirstUse(Treeprocessor):
    """Explain a term where it is first used in the text, and leave it alone after that, and in headings."""

    def run(self, root: ElementTree.Element) -> None:
        seen: set[str | None] = set()
        quiet = {id(e) for tag in ("h1", "h2", "h3", "h4", "a", "th") for top in root.iter(tag) for e in top.iter()}
        for parent in list(root.iter()):
            for child in [child for child in parent if child.tag == "abbr"]:
                # By what it says: one unit and several are one term.
                if child.get("title") in seen or id(child) in quiet:
                    _unwrap(parent, child)
                else:
                    seen.add(child.get("title"))


def anchor(name: str) -> str:
    """Return the id of a term."""
    return re.sub(r"\W+", "-", name.lower()).strip("-")


def _unwrap(parent: ElementTree.Element, child: ElementTree.Element) -> None:
    text = (child.text or "") + (child.tail or "")
    at = list(parent).index(child)
    if at:
        parent[at - 1].tail = (parent[at - 1].tail or "") + text
    else:
        parent.text = (parent.text or "") + text
    parent.remove(child)
