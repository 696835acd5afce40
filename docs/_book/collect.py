"""Make every block a test: pages, README, labs and docstrings as sybil documents."""

from __future__ import annotations

import ast
import contextlib
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sybil import Document, Region, Sybil
from sybil.example import Example

from _book import blocks, board, cache, chapter, labs, rules
from _book.apart import LIMIT, Apart, here, missing
from _book.blocks import Block, Problem
from _book.page import SUFFIXES, Page, below, shown, split, starts
from _book.run import BookError
from _book.update import save, update

INSTALL = 'pip install -c constraints.txt -e ".[frameworks]"'


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--update-docs` and `--page-limit`; and refuse to test anything where an assert is not looked at."""
    if cache.ASSERTS_OFF:
        raise pytest.UsageError(f"nothing is tested: {cache.ASSERTS_OFF}")
    parser.addoption("--update-docs", action="store_true", help="rewrite the outputs that pages show")
    said = f"how long the blocks of one page may take in all (default: {LIMIT:g}; a weekly lab, an hour)"
    parser.addoption("--page-limit", type=float, metavar="SECONDS", help=said)
    said = "of the pages, test the blocks that need a framework, and no others; a package that is missing is an error"
    parser.addoption("--frameworks", action="store_true", help=said)


def pytest_configure(config: pytest.Config) -> None:
    """Say what blocks a page has, if one is asked for that it has not, or that cannot run here."""
    config.pluginmanager.register(Waiting(), WAITING)
    for argument in config.args if not hasattr(config, "workerinput") else ():
        file, _, name = argument.partition("::")
        path = config.invocation_params.dir / file
        if re.fullmatch(r"(line|cell):\d+", name) and path.suffix in (*SUFFIXES, ".ipynb") and path.is_file():
            found = {block.name: block for block in Page.read(path).runs}
            if name not in found:
                raise pytest.UsageError(
                    f"{file} has no block {name}: it has page, {', '.join(found) or 'and none that runs'}"
                )
            if lacking := missing(found[name]):
                raise pytest.UsageError(f"{file}::{name} {_lacks(lacking)}")


def collector(root: Path) -> Callable[[Path, Any], Any]:
    """Return the `pytest_collect_file` hook for the book below `root`."""
    pages, docstrings = Book(root), Docstrings(root)
    collect = (pages + docstrings).pytest()

    def pytest_collect_file(file_path: Path, parent: Any) -> Any:
        pages.updating = parent.config.getoption("--update-docs")
        pages.limit = docstrings.limit = parent.config.getoption("--page-limit")
        pages.foreign = docstrings.foreign = parent.config.getoption("--frameworks")
        pages.waiting = parent.config.pluginmanager.get_plugin(WAITING).blocks
        # A worker of -n has no core to spare; and what is rewritten first does not run before.
        alone = not pages.updating and not hasattr(parent.config, "workerinput") and (os.cpu_count() or 1) > 1
        if alone and not parent.config.pluginmanager.has_plugin("book-ahead"):
            parent.config.pluginmanager.register(Ahead(), "book-ahead")
        if pages.updating and hasattr(parent.config, "workerinput"):
            raise pytest.UsageError("--update-docs: one process writes the pages, run without -n")
        return collect(file_path, parent)

    return pytest_collect_file


WAITING = "book-waiting"


class Waiting:
    """Counts the blocks that wait for packages, and says so at the end: they are no tests, so none is skipped."""

    def __init__(self) -> None:
        self.blocks: Counter[tuple[str, ...]] = Counter()  # by what is missing

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Hand the numbers over, from a worker of -n, each of which has collected everything."""
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput[WAITING] = list(self.blocks.items())

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take them."""
        self.blocks |= Counter({tuple(names): n for names, n in getattr(node, "workeroutput", {}).get(WAITING, ())})

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Say it in one line."""
        if self.blocks:
            counts = [f"{count} for {' and '.join(names)}" for names, count in sorted(self.blocks.items())]
            terminalreporter.write_line(f"blocks that wait for a package: {', '.join(counts)} ({INSTALL})")


def _lacks(packages: tuple[str, ...]) -> str:
    """Say of a block why it cannot run."""
    return f"needs {' and '.join(packages)}, which cannot be imported here: {INSTALL}"


class Ahead:
    """Lets a document run while the one before it is tested: the order is known once all tests are collected."""

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Tell each document how much of it is going to be tested, and which comes next."""
        found: dict[Running, None] = {}
        for item in session.items:
            example = getattr(item, "example", None)
            if isinstance(example, Example) and isinstance(example.parsed, Block):
                document = example.document
                assert isinstance(document, Running)
                document.wanted = max(document.wanted, document.place(example.parsed.number) + 1)
                found[document] = None
        for document, following in pairwise(found):
            document.next = following


class Running(Document):
    """A document whose blocks run in a process of their own, which ends with its last test."""

    def __init__(self, page: Page, limit: float | None, *, record: bool) -> None:
        super().__init__(page.text, page.file)
        self.page, self.limit, self.record = page, limit, record
        self.able = here(page)  # what of it runs
        self.process: Apart | None = None
        self.next: Running | None = None  # which runs ahead
        self.wanted = 0  # how many of its blocks are going to be asked for, if that is known
        self.passed: set[int] = set()
        self.namespace["close"] = self.close  # what sybil hands to `teardown`

    def open(self) -> Apart:
        """Start the process, if it does not run."""
        if self.process is None:
            self.process = Apart(self.able, record=self.record, limit=self.limit)
            self.process.ahead(self.wanted)
        return self.process

    def close(self) -> None:
        """End the process; what is asked for then runs anew."""
        if self.process is not None:
            self.process.close()
        self.process = None
        self.passed.clear()

    def place(self, number: int) -> int:
        """The place among the blocks that run, from 0, of a block by its number on the page; past the last, if none."""
        return sum(block.number < number for block in self.able.runs)

    def run_block(self, number: int) -> None:
        """Run a block by its number on the page, after those above it; raise BookError where it fails."""
        index = self.place(number)
        process = self.open()
        if self.next:
            self.next.open()
        for output in process.run(index):
            output.check(self.page.path)
        self.passed.add(index)
        if index == len(self.able.runs) - 1 and not process.finished:
            result, wrong = process.finish()
            # So the build need not run the page again. What is wrong with a mark, if anything is, the build says.
            kept = self.record and not wrong and Path(self.page.file).is_relative_to(cache.ROOT)
            # What the build does not run has to have left no trace.
            bare = not any(block.needs for block in self.able.runs)
            if kept and bare and len(self.passed) == len(self.able.runs):
                cache.keep(self.page, result)


def _close(namespace: dict[str, Any]) -> None:
    """End the process of a document whose tests are over."""
    namespace["close"]()


class Book(Sybil):
    """The pages below a folder, each read once.

    The weekly labs, which take minutes, are collected only when named: pyproject.toml keeps `pytest` out of there.
    """

    def __init__(self, root: Path) -> None:
        super().__init__([], path=str(root), teardown=_close)
        self.updating = False
        self.foreign = False  # whether only the blocks are tested that need a framework
        self.limit: float | None = None
        self.waiting: Counter[tuple[str, ...]] = Counter()  # the blocks that are not tested, by what is missing
        self.pages: dict[Path, Page] = {}

    def should_parse(self, path: Path) -> bool:
        """True for the README and for whatever MkDocs publishes as a page, at any depth."""
        if not path.is_relative_to(self.path) or path.suffix not in (*SUFFIXES, ".ipynb"):
            return False
        top, *rest = path.relative_to(self.path).parts
        return (top == "docs" and rest[0] != "_book") or (top == "README.md" and not rest)

    def parse(self, path: Path) -> Document:
        """Make the tests of a page: one a block, and one for the page as a whole."""
        page = Page.read(path)
        if self.updating and page.lab:
            # As Jupyter writes it, a lab has no cells that the book could name.
            with contextlib.suppress(ValueError, KeyError, TypeError):
                page = Page.parse(labs.normal(page.text), path)
        self.pages[path] = page
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
        if not found:
            from _book.render import check

            found = check.problems(page)
        found += chapter.problems(page)
        path = Path(page.file)
        if path.name == board.BOARD:
            marks = [mark for file in below(path.parent) for mark in self.page(file).marks]
            found += board.book_problems(page, marks)
        return sorted(found, key=lambda problem: (problem.path != page.path, problem.line))


class PageTests(Running):
    """The tests of one page; the blocks above a block run before the block itself."""

    def __init__(self, page: Page, book: Book) -> None:
        super().__init__(page, book.limit, record=True)
        self.book = book
        self.updating = book.updating
        if not book.foreign:
            self.add(Region(0, 0, "page", self.check))
        offsets = starts(split(page.text))
        for block in page.runs:
            if book.foreign and not block.needs:
                continue
            if not book.foreign and (lacking := missing(block)):
                book.waiting[lacking] += 1
                continue
            self.add(Region(offsets[block.line - 1], block.end, block, self.run))

    def check(self, example: Example) -> None:
        """Report everything that is wrong with the page before it runs."""
        self.refresh()
        if found := self.book.problems(self.page):
            pytest.fail("\n".join(map(str, found)), pytrace=False)

    def run(self, example: Example) -> None:
        """Run a block after those above it, each once."""
        self.refresh()
        block = example.parsed
        if lacking := missing(block):
            pytest.fail(f"{self.page.path}:{block.line}: {_lacks(lacking)}", pytrace=False)
        with _reported():
            self.run_block(block.number)

    def refresh(self) -> None:
        """Rewrite the outputs of the page, if that was asked for: before the first of its tests."""
        if self.updating and not self.page.unread:
            self.updating = False
            file = Path(self.page.file)
            new = update(self.page, self.limit)
            save(file, new)
            self.page = self.book.pages[file] = Page.parse(new, file)
            self.able = here(self.page)


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
        super().__init__([], pattern="shallownet/*.py", path=str(root), teardown=_close)
        self.limit: float | None = None
        self.foreign = False

    def should_parse(self, path: Path) -> bool:
        """True for the modules of the library, which need no framework."""
        return not self.foreign and super().should_parse(path)

    def parse(self, path: Path) -> Document:
        """Make the tests of a module: one a docstring; they run in one process."""
        text = path.read_text(encoding="utf-8")
        page = Page(text, str(path), shown(path))
        page.blocks = list(_docstrings(text, page.path))
        document = Running(page, self.limit, record=False)
        for docstring in page.blocks:
            document.add(Region(docstring.start, docstring.end, docstring, _check_docstring))
        return document

    def identify(self, example: Example) -> str:
        """Name a test by the line on which its docstring starts."""
        return f"line:{example.line}"


def _docstrings(text: str, path: str) -> Iterator[Docstring]:
    offsets = starts(split(text))
    number = 0
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
        options = {"standalone": ""}
        docstring = Docstring(path, literal.lineno - 1, "pycon", code, start, end, options=options, number=number)
        if docstring.examples:
            number += 1
            yield docstring


def _check_docstring(example: Example) -> None:
    """Run the examples of one docstring, which have no names but their own."""
    docstring, document = example.parsed, example.document
    assert isinstance(document, Running)
    if "doctest:" in docstring.code:
        message = f"{document.page.path}:{example.line}: no doctest directives, nothing is skipped"
        pytest.fail(message, pytrace=False)
    with _reported():
        document.run_block(docstring.number)
