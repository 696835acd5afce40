"""The book's Python-Markdown extension: all that happens to a page and does not need the site around it.

Each topic has a module beside this one, which registers them and holds what they share. Faults are logged with the
page and the line; a strict build fails on them, and shows all of them at once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from xml.etree import ElementTree

from markdown import Markdown
from markdown.extensions import Extension
from markdown.treeprocessors import Treeprocessor

from _book.blocks import Problem
from _book.page import Page
from _book.render.board import Score, Scoreboard
from _book.render.choices import Choices
from _book.render.code import Cells, Depth, Numbers
from _book.render.figures import Figures
from _book.render.glossary import FirstUse, Glossary, Terms
from _book.render.math import INLINE_MATH, DisplayMath, InlineMath
from _book.render.tables import Wide
from _book.render.tasks import Tasks

# Below "mkdocs", so that its strict mode counts what is logged here.
log = logging.getLogger("mkdocs.plugins.book")


@dataclass
class Context:
    """What the extension cannot read off the page it is given."""

    figures: dict[str, bytes] = field(default_factory=dict)
    folder: str = ""  # where the figures lie as files, relative to the page's source
    glossary: dict[str, str] = field(default_factory=dict)
    terms: bool = False  # whether it is the glossary, whose terms can be linked to
    board: str = ""  # where the scoreboard is, relative to the page, if the book has one
    scores: dict[str, Score] | None = None  # for the scoreboard itself


def _log(problem: Problem) -> None:
    log.warning("%s", problem)


class BookExtension(Extension):
    """Give one instance to every page of a build, and tell it with `start` what page comes next."""

    def __init__(self, report: Callable[[Problem], object] = _log) -> None:
        super().__init__()
        self.report = report
        self.start(None)

    def start(self, page: Page | None, context: Context | None = None) -> None:
        """Say what page is rendered next; its text is `page.numbered`. Without one, pages are read as they come."""
        self.given = page
        self.page = page or Page("", "page.md", "page.md")
        self.context = context or Context()
        self.depth = 0  # how deep in renderings we are: a docstring is rendered within its page

    def problem(self, text: str, message: str) -> None:
        """Report a fault at the line of the page that holds some text, or at its first line."""
        page = self.page
        at = page.text.find(text)
        if at < 0:
            first = next((line.strip() for line in text.splitlines() if line.strip()), text)
            at = max(page.text.find(first), 0)
        self.report(Problem(page.path, page.text.count("\n", 0, at) + 1, message))

    def extendMarkdown(self, md: Markdown) -> None:  # the name is Python-Markdown's
        md.ESCAPED_CHARS.append("$")
        # Before anything changes the text.
        md.preprocessors.register(Numbers(md, self), "book_numbers", 100)
        # Before `abbr` reads its definitions, after `fenced_code_block` has put the code away.
        md.preprocessors.register(Glossary(md, self), "book_glossary", 5)
        # Before headings and tables, after lists, admonitions and quotes have taken their indentation off.
        md.parser.blockprocessors.register(DisplayMath(md.parser, self), "book_display_math", 79.9)
        # After code spans, before the backslash escapes.
        md.inlinePatterns.register(InlineMath(INLINE_MATH, md, self), "book_inline_math", 185)
        # Before inline patterns take a box for a link.
        md.treeprocessors.register(Choices(md), "book_choices", 25)
        # Before MkDocs takes down what can be linked to.
        md.treeprocessors.register(Terms(md, self), "book_terms", 6)
        md.treeprocessors.register(Tasks(md), "book_tasks", 6)
        # Before MkDocs resolves links.
        md.treeprocessors.register(Scoreboard(self), "book_scoreboard", 5)
        md.treeprocessors.register(Wide(), "book_wide", 4.5)
        md.treeprocessors.register(Figures(md, self), "book_figures", 4)
        md.treeprocessors.register(FirstUse(md), "book_first_use", 3)
        md.treeprocessors.register(External(md), "book_external", 2)
        md.treeprocessors.register(Depth(md, self), "book_depth", -100)
        # After `raw_html` has put the code back.
        md.postprocessors.register(Cells(md, self), "book_cells", 5)


class External(Treeprocessor):
    """Mark the links that leave the book: on paper their addresses are written out."""

    def run(self, root: ElementTree.Element) -> None:
        for link in root.iter("a"):
            if link.get("href", "").startswith("http"):
                link.set("class", "external")


def makeExtension() -> BookExtension:  # the name is Python-Markdown's
    """For those who render a page without MkDocs."""
    return BookExtension()
