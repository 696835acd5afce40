"""Make every block a test: pages, README, labs and docstrings as sybil documents."""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from sybil import Document, Region, Sybil
from sybil.example import Example

from _book import blocks, board, cache, labs, rules, scores
from _book.blocks import Block, Problem
from _book.page import Page, below, shown, split, starts
from _book.run import BookError, Result, Session
from _book.update import update

# The weekly labs, which take minutes, are collected only when named: pyproject.toml keeps `pytest` out of their folder.
LABS = ("docs/labs/*.ipynb", "docs/labs/weekly/*.ipynb")
PAGES = ("README.md", "docs/*.md", "docs/*/*.md", "docs/*/*/*.md", *LABS)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--update-docs`; and refuse to test anything where an assert is not looked at."""
    if cache.ASSERTS_OFF:
        raise pytest.UsageError(f"nothing is tested: {cache.ASSERTS_OFF}")
    parser.addoption("--update-docs", action="store_true", help="rewrite the outputs that pages show")


def collector(root: Path) -> Callable[[Path, Any], Any]:
    """Return the `pytest_collect_file` hook for the book below `root`."""
    pages = Book(root)
    collect = (pages + Docstrings(root)).pytest()

    def pytest_collect_file(file_path: Path, parent: Any) -> Any:
        pages.updating = parent.config.getoption("--update-docs")
        if pages.updating and hasattr(parent.config, "workerinput"):
            raise pytest.UsageError("--update-docs: one process writes the pages, run without -n")
        return collect(file_path, parent)

    return pytest_collect_file


class Book(Sybil):
    """The pages below a folder, each read once."""

    def __init__(self, root: Path) -> None:
        super().__init__([], patterns=PAGES, exclude="docs/_book/*", path=str(root))
        self.updating = False
        self.pages: dict[Path, Page] = {}

    def parse(self, path: Path) -> Document:
        """Make the tests of a page: one a block, and one for the page as a whole."""
        text = path.read_text(encoding="utf-8")
        # As Jupyter writes it, a lab has no cells that the book could name.
        with contextlib.suppress(ValueError, KeyError, TypeError):
            text = labs.normal(text) if self.updating and path.suffix == ".ipynb" else text
        page = self.pages[path] = Page.parse(text, path)
        return PageTests(page, self)

    def identify(self, example: Example) -> str:
        """Name a test within its page: `docs/chapters/symmetry.md::line:57`, or `::page` for the page as a whole."""
        return example.parsed.name if isinstance(example.parsed, Block) else str(example.parsed)

    def page(self, path: Path) -> Page:
        """Return a page as it was collected, or read it."""
        if path not in self.pages:
            self.pages[path] = Page.read(path)
        return self.pages[path]

    def problems(self, page: Page) -> list[Problem]:
        """What is wrong with a page or a lab, each with the page's own line."""
        found = rules.problems(page)
        # Only this needs MkDocs, and only once the page is sound does it say something new.
        if not found and not page.lab:
            from _book.render import check

            found = check.problems(page)
        path = Path(page.file)
        if path.name == board.BOARD:
            marks = [mark for file in below(path.parent) for mark in self.page(file).marks]
            found += board.book_problems(page, marks)
        return sorted(found, key=lambda problem: (problem.path != page.path, problem.line))


class PageTests(Document):
    """The tests of one page; its session runs the blocks above a block before the block itself."""

    def __init__(self, page: Page, book: Book) -> None:
        super().__init__(page.text, page.file)
        self.page, self.book = page, book
        self.updating = book.updating
        self.restart()
        self.add(Region(0, 0, "page", self.check))
        offsets = starts(split(page.text))
        for block in page.runs:
            self.add(Region(offsets[block.line - 1], block.end, block, self.run))

    def restart(self) -> None:
        """Forget all that ran."""
        self.session: Session | None = None
        self.done = 0
        self.passed = 0
        self.broken = 0

    def check(self, example: Example) -> None:
        """Report everything that is wrong with the page before it runs."""
        self.refresh()
        if found := self.book.problems(self.page):
            pytest.fail("\n".join(map(str, found)), pytrace=False)

    def run(self, example: Example) -> None:
        """Run a block after those above it, each once."""
        self.refresh()
        with _reported():
            self.run_block(example.parsed.number)

    def refresh(self) -> None:
        """Rewrite the outputs of the page, if that was asked for: before the first of its tests."""
        if self.updating:
            self.updating = False
            file = Path(self.page.file)
            new = update(self.page)
            if new != file.read_text(encoding="utf-8"):
                file.write_text(new, encoding="utf-8", newline="\n")
            self.page = self.book.pages[file] = Page.parse(new, file)

    def run_block(self, number: int) -> None:
        """Run a block by its number on the page; raise BookError where it fails."""
        block = self.page.blocks[number]
        index = self.page.runs.index(block)
        if self.session is None or self.done > index:
            self.restart()
            self.session = Session(self.page, scores.Recorder())
        for earlier in self.page.runs[self.done : index]:
            # Its own test reports it; here it only stops the blocks below.
            with contextlib.suppress(BookError):
                self._run(self.session, earlier, check=False)
        self._run(self.session, block, check=True)

    def _run(self, session: Session, block: Block, check: bool) -> None:
        self.done += 1
        if self.broken and not block.standalone:
            message = f"not run, because the block at line {self.broken} fails"
            raise BookError(session.path, block.line, message)
        try:
            outputs = session.run(block, check=False)
        except BookError:
            if not block.standalone:  # which leaves no names that those below could miss
                self.broken = self.broken or block.line
            raise
        if check:
            for shown in outputs:
                session.check(shown)
            self.passed += 1
        if self.passed == len(self.page.runs) and Path(self.page.file).is_relative_to(cache.ROOT):
            # So the build need not run the page again. What is wrong with a mark, if anything is, the build says.
            with contextlib.suppress(BookError):
                cache.keep(self.page, Result(session.figures, session.scores()))


@contextlib.contextmanager
def _reported() -> Iterator[None]:
    """Turn a failing block into a failing test that says the one line first."""
    message = ""
    try:
        yield
    except BookError as error:
        message = f"{error}\n\n{error.detail}".rstrip()
    if message:
        pytest.fail(message, pytrace=False)


class Docstring(Block):
    """The examples of a docstring, with the prose between them left alone."""

    @cached_property
    def examples(self) -> list[blocks.Example]:
        """The prompts of the docstring."""
        return blocks.session(self.code, strict=False)[0]


class Docstrings(Sybil):
    """The docstrings of the library; each starts from no names at all, as a reader who pastes it does."""

    def __init__(self, root: Path) -> None:
        super().__init__([], pattern="shallownet/*.py", path=str(root))

    def parse(self, path: Path) -> Document:
        """Make the tests of a module: one a docstring."""
        text = path.read_text(encoding="utf-8")
        document = Document(text, str(path))
        for docstring in _docstrings(text, str(path)):
            document.add(Region(docstring.start, docstring.end, docstring, _check_docstring))
        return document

    def identify(self, example: Example) -> str:
        """Name a test by the line on which its docstring starts."""
        return f"line:{example.line}"


def _docstrings(text: str, path: str) -> Iterator[Docstring]:
    offsets = starts(split(text))
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if not ast.get_docstring(node):
            continue
        literal = node.body[0]
        assert isinstance(literal, ast.Expr)
        assert isinstance(literal.value, ast.Constant)
        code = str(literal.value.value)
        start, end = offsets[literal.lineno - 1] + literal.col_offset, offsets[(literal.end_lineno or 0) - 1]
        # The docstring's first line is line 0 of the block, which opens one line above.
        docstring = Docstring(path, literal.lineno - 1, "pycon", code, start, end)
        if docstring.examples:
            yield docstring


def _check_docstring(example: Example) -> None:
    """Run the examples of one docstring in a session of their own."""
    docstring = example.parsed
    page = Page(example.document.text, example.path, shown(example.path))
    if "doctest:" in docstring.code:
        pytest.fail(f"{page.path}:{example.line}: no doctest directives, nothing is skipped", pytrace=False)
    with _reported():
        Session(page).run(docstring)
