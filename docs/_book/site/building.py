"""What one build of the site knows, and what it makes of the pages; there is one for each build.

Nothing here knows MkDocs. A generator hands over its sources, adds to them the files that are made of them, asks
before it renders a page for its Markdown, and has the folder that it wrote finished.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urljoin

from _book import board, cache, inert
from _book.browser import build as live
from _book.page import Page
from _book.render import colours
from _book.render.board import Score
from _book.render.extension import BookExtension, Context
from _book.run import BookError, Result
from _book.site import draw, export, lab, printing, tasks, terms

log = logging.getLogger("mkdocs.plugins.book")


@dataclass(frozen=True)
class Source:
    """A page or a lab as it is written."""

    name: str  # below docs/, such as "chapters/symmetry.md"
    path: Path
    url: str  # where it will be, below the site's root, such as "chapters/symmetry/"

    @property
    def folder(self) -> str:
        """Where its files go, below the site's root: their names are unique within a page, not within the book."""
        return self.name.rpartition(".")[0] + "/"

    @property
    def notebook(self) -> str:
        """What it is called when it is opened in Jupyter."""
        return self.path.stem + ".ipynb"


@dataclass(frozen=True)
class Leaf:
    """A page of the finished site."""

    source: str  # below docs/, also for a page that is made and not written
    file: str  # below the site's folder
    url: str
    title: str = ""  # as the navigation calls it; else it is its heading


@dataclass
class Building:
    """One build: what it is told, and then what it finds."""

    root: Path  # of the repository
    name: str = ""
    description: str = ""
    address: str = ""  # where the site is published
    serving: bool = False  # shown to its writer, by a server that adds a script of its own to each page

    extension: BookExtension = field(default_factory=BookExtension)
    pages: dict[str, Page] = field(default_factory=dict)  # as they were read, once, by the names of their sources
    figures: dict[str, dict[str, bytes]] = field(default_factory=dict)  # likewise
    scores: dict[str, Score] = field(default_factory=dict)
    glossary: list[terms.Term] = field(default_factory=list)
    live: dict[str, bytes] = field(default_factory=dict)  # the files of the live parts
    notebooks: dict[str, str] = field(default_factory=dict)  # what pages open as in Jupyter, by their sources
    leaves: list[Leaf] = field(default_factory=list)  # the pages in the order of the navigation

    @property
    def cache(self) -> Path:
        """Where things are kept from one build to the next."""
        return cache.within(self.root)

    def inert(self, page: Page, result: Result) -> Result:
        """Return what came of a page without the figures that could run something, each of which fails the build."""
        faults = {name: inert.drawing(svg) for name, svg in result.figures.items()}
        for name in [name for name, fault in faults.items() if fault]:
            log.error("%s: the figure %s %s: it is not published", page.path, name, faults[name])
        return replace(result, figures={name: svg for name, svg in result.figures.items() if not faults[name]})

    def files(self, sources: Sequence[Source]) -> dict[str, str | bytes]:
        """Read and run all pages; return what is made of them, by its place below docs/ or below the site's root."""
        self.pages = {source.name: Page.read(source.path) for source in sources}
        for page in self.pages.values():
            if page.unread:  # a generator would read it too, and stop with a traceback
                problem = page.faults[0]
                raise BookError(problem.path, problem.line, problem.message)
        made: dict[str, str | bytes] = {}
        for source, result in zip(sources, draw.drawn(list(self.pages.values())), strict=True):
            if isinstance(result, str):
                log.error("%s", result)
                result = Result()
            result = self.inert(self.pages[source.name], result)
            self.figures[source.name] = result.figures
            self.scores |= _scores(source.name, self.pages[source.name], result)
            made |= {source.folder + name: colours.standalone(svg.decode()) for name, svg in result.figures.items()}
        made |= self._notebooks(sources)
        if glossary := self.pages.get(terms.SOURCE):
            self.glossary = terms.parse(glossary.text)
            made[terms.INDEX] = terms.index(self.glossary)
        if any(tasks.found(self.pages)):
            made[tasks.INDEX] = tasks.index(self.pages)
        if scoreboard := self.pages.get(board.BOARD):
            marks = [mark for page in self.pages.values() for mark in page.marks]
            for problem in board.book_problems(scoreboard, marks):
                log.warning("%s", problem)
        made[printing.SOURCE] = printing.title_page(self.name, self.description, self.address)
        return made | self._live_parts()

    def _notebooks(self, sources: Sequence[Source]) -> dict[str, str | bytes]:
        """Return the pages that can be opened in Jupyter, each on its own and all in one archive."""
        made: dict[str, str | bytes] = {}
        archived = {}
        for source in sources:
            page = self.pages[source.name]
            if export.belongs(source.name):
                text = archived[source.notebook] = export.notebook(page, source.name, urljoin(self.address, source.url))
                made[source.folder + source.notebook] = text
                self.notebooks[source.name] = source.notebook
            if page.lab:
                made[source.folder + source.notebook] = archived[source.name] = page.text
        return {**made, export.ARCHIVE: export.archive(archived)}

    def _live_parts(self) -> dict[str, str | bytes]:
        """Return what runs in the reader's browser."""
        self.live = live.build(self.cache)
        made: dict[str, str | bytes] = {live.FOLDER + name: content for name, content in self.live.items()}
        if worker := live.find(self.live, "sw.js"):
            # At the root: a service worker serves what lies beside it and below.
            made["sw.js"] = made[worker]
        return made

    def markdown(self, name: str) -> str | None:
        """Return the Markdown of a source that is written in another way."""
        page = self.pages.get(name)
        return lab.markdown(page, Path(name).stem) if page and page.lab else None

    def start(self, name: str, markdown: str, scoreboard: str = "") -> str:
        """Tell the extension what page is rendered next, and return the Markdown that it is to render.

        A page that the build has made is read now. `scoreboard` leads from the page to the scoreboard, if there is one.
        """
        page = self.pages.get(name) or Page.parse(markdown, name)
        context = Context(
            figures=self.figures.get(name, {}),
            folder=Path(name).stem + "/",
            glossary={} if name in (terms.SOURCE, terms.INDEX) else terms.tips(self.glossary),
            terms=name == terms.SOURCE,
            board=scoreboard,
            scores=self.scores if name == board.BOARD else None,
        )
        self.extension.start(page, context)
        # The blocks of a lab are numbered where its Markdown is made.
        return markdown if page.lab else page.numbered

    def anchors(self, name: str) -> set[str]:
        """Return the marks of the scoreboard on a page: its code, in which they are, is put in after all else."""
        here = (score.href.partition("#") for score in self.scores.values())
        return {anchor for source, _, anchor in here if source == name}


def _scores(name: str, page: Page, drawn: Result) -> dict[str, Score]:
    """What the scoreboard shows of a page."""
    found = {}
    for mark in page.marks if drawn.scores else ():
        href, place = f"{name}#score-{mark.id}", board.place(page.prose, mark.line)
        found[mark.id] = Score(**drawn.scores[mark.id], differs=mark.differs, href=href, place=place)
    return found
