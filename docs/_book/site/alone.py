"""The extension for a generator that runs Python-Markdown and none of our hooks, such as Zensical.

What the build would tell it, it finds out itself: what page it is on, and what that draws.

    markdown_extensions: [_book.site.alone]

It also marks where a page's own text begins and ends, so that `finish` can finish the folder which the generator wrote.
"""

from __future__ import annotations

import logging
from pathlib import Path

from markdown import Markdown
from markdown.postprocessors import Postprocessor
from markdown.preprocessors import Preprocessor

from _book import cache
from _book.page import Page
from _book.render.extension import BookExtension
from _book.run import BookError
from _book.site import markup, terms
from _book.site.building import Building

log = logging.getLogger("mkdocs.plugins.book")


class Alone(BookExtension):
    """Renders one page: a generator makes an extension for each."""

    def __init__(self, docs: str = "docs") -> None:
        super().__init__()
        self.docs = Path(docs).absolute()

    def extendMarkdown(self, md: Markdown) -> None:  # the name is Python-Markdown's
        super().extendMarkdown(md)
        name = _name(md)
        if not name:
            return
        page = Page.read(self.docs / name)
        if cache.ASSERTS_OFF:
            log.error("%s", cache.ASSERTS_OFF)
        book = Building(self.docs.parent, extension=self, pages={name: page})
        try:
            book.figures = {name: book.inert(page, cache.draw(page)).figures}
        except BookError as error:
            log.error("%s", error)
        glossary = self.docs / terms.SOURCE
        book.glossary = terms.parse(glossary.read_text(encoding="utf-8")) if glossary.exists() else []
        # Before anything else sees the text; and after all else has.
        md.preprocessors.register(_Numbered(md, book.start(name, page.body)), "book_numbered", 1000)
        md.postprocessors.register(_Framed(md), "book_framed", -1000)


class _Numbered(Preprocessor):
    """Takes the page as it was read, its blocks numbered, instead of what the generator hands over."""

    def __init__(self, md: Markdown, text: str) -> None:
        super().__init__(md)
        self.text = text

    def run(self, lines: list[str]) -> list[str]:
        return self.text.split("\n")


class _Framed(Postprocessor):
    """Marks what was rendered of a page. Postprocessors are also run on each of its headings, as inline text."""

    def run(self, text: str) -> str:
        return markup.framed(text) if "<h1" in text else text


def _name(md: Markdown) -> str:
    """Return the page's name below docs/, which Zensical leaves with one of its own preprocessors."""
    pages = (getattr(each, "page", None) for each in md.preprocessors)
    return next((path for page in pages if isinstance(path := getattr(page, "path", None), str)), "")


def makeExtension(**options: str) -> Alone:  # the name is Python-Markdown's
    """Return the extension; `docs` is the folder of the sources, from where the command was given."""
    return Alone(**options)
