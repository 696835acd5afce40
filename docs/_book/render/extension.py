"""The book's Python-Markdown extension: all that happens to a page and does not need the site around it.

Each topic has a module beside this one, which registers them and holds what they share. Faults are logged with the
page and the line; a strict build fails on them, and shows all of them at once.
"""

from __future__ import annotations

import html
import logging
import re
from dataclasses import dataclass, field
from functools import cached_property
from xml.etree import ElementTree

from markdown import Markdown
from markdown.extensions import Extension
from markdown.treeprocessors import Treeprocessor
from math_core import LatexError, LatexToMathML

from _book import exercises as cells
from _book.render.board import Score, Scoreboard
from _book.render.code import Cells
from _book.render.figures import Figures
from _book.render.glossary import FirstUse, Glossary, Terms
from _book.render.math import INLINE_MATH, TAG, DisplayMath, InlineMath

# Below "mkdocs", so that its strict mode counts what is logged here.
log = logging.getLogger("mkdocs.plugins.book")

MARKUP = re.compile(r"<[^>]*>")


@dataclass
class Page:
    """What the extension cannot read off the text it is given."""

    path: str = "page.md"
    text: str = ""  # the file as it is, front matter included, for line numbers
    figures: dict[str, bytes] = field(default_factory=dict)
    folder: str = ""  # where the figures lie as files, relative to the page's source
    glossary: dict[str, str] = field(default_factory=dict)
    terms: bool = False  # whether it is the glossary, whose terms can be linked to
    board: str = ""  # where the scoreboard is, relative to the page, if the book has one
    scores: dict[str, Score] | None = None  # for the scoreboard itself

    @cached_property
    def solutions(self) -> dict[str, cells.Check]:
        """Its exercises by their solutions."""
        return {check.code.strip("\n"): check for check in cells.checks(self.text)}

    def line(self, text: str) -> int:
        """The line of the page that holds some text, or its first line."""
        at = self.text.find(text)
        if at < 0:
            first = next((line.strip() for line in text.splitlines() if line.strip()), text)
            at = max(self.text.find(first), 0)
        return self.text.count("\n", 0, at) + 1

    def problem(self, text: str, message: str) -> None:
        """Report a fault at the line that holds some text."""
        log.warning("%s:%d: %s", self.path, self.line(text), message)


class BookExtension(Extension):
    """Give one instance to every page of a build; set `page` before a page is rendered."""

    def __init__(self) -> None:
        super().__init__()
        self.page = Page()
        self.characters: set[str] = set()  # what the math of all pages is written with
        self.convert = LatexToMathML(fancy_error=False)

    def extendMarkdown(self, md: Markdown) -> None:  # the name is Python-Markdown's
        md.ESCAPED_CHARS.append("$")
        # Before `abbr` reads its definitions, after `fenced_code_block` has put the code away.
        md.preprocessors.register(Glossary(md, self), "book_glossary", 5)
        # Before headings and tables, after lists, admonitions and quotes have taken their indentation off.
        md.parser.blockprocessors.register(DisplayMath(md.parser, self), "book_display_math", 79.9)
        # After code spans, before the backslash escapes.
        md.inlinePatterns.register(InlineMath(INLINE_MATH, md, self), "book_inline_math", 185)
        # Before MkDocs takes down what can be linked to.
        md.treeprocessors.register(Terms(md, self), "book_terms", 6)
        # Before MkDocs resolves links.
        md.treeprocessors.register(Scoreboard(self), "book_scoreboard", 5)
        md.treeprocessors.register(Figures(md, self), "book_figures", 4)
        md.treeprocessors.register(FirstUse(md), "book_first_use", 3)
        md.treeprocessors.register(External(md), "book_external", 2)
        # After `raw_html` has put the code back.
        md.postprocessors.register(Cells(md, self), "book_copyable", 5)

    def mathml(self, tex: str, *, display: bool) -> str:
        """Convert TeX; report what cannot be converted, and show it as it is written."""
        source = tex.strip()
        if display:
            tex = TAG.sub("", tex)
        try:
            found = self.convert.convert_with_local_state(tex.strip(), displaystyle=display)
        except LatexError as error:
            said = " ".join(str(error).split())
            self.page.problem(source, f"cannot read this TeX: {said}")
            return f"<code>{html.escape(source)}</code>"
        self.characters.update(html.unescape(MARKUP.sub("", found)))
        if "<msqrt" in found or "<mroot" in found:
            self.characters.add("\u221a")  # no text, but without the glyph a browser draws no root sign at all
        return found


class External(Treeprocessor):
    """Mark the links that leave the book: on paper their addresses are written out."""

    def run(self, root: ElementTree.Element) -> None:
        for link in root.iter("a"):
            if link.get("href", "").startswith("http"):
                link.set("class", "external")


def makeExtension() -> BookExtension:  # the name is Python-Markdown's
    """For those who render a page without MkDocs."""
    return BookExtension()
