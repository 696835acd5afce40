"""Make every block a test: pages, README, labs and docstrings as sybil documents."""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sybil import Document, Region, Sybil
from sybil.example import Example

from _book import board as marks
from _book import exercises as cells
from _book import page as blocks
from _book import run as running
from _book import scores
from _book.page import Block, Problem
from _book.run import BookError, Session

# The weekly labs, which take minutes, are collected only when named: pyproject.toml keeps `pytest` out of their folder.
LABS = ("docs/labs/*.ipynb", "docs/labs/weekly/*.ipynb")
PAGES = ("README.md", "docs/*.md", "docs/*/*.md", "docs/*/*/*.md", *LABS)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--update-docs`."""
    parser.addoption("--update-docs", action="store_true", help="rewrite the outputs that pages show")


def collector(root: Path) -> Callable[[Path, Any], Any]:
    """Return the `pytest_collect_file` hook for the book below `root`."""
    pages = Book(
        [_page_regions],
        patterns=PAGES,
        exclude="docs/_book/*",
        path=str(root),
        document_types={None: Page},
    )
    docstrings = Book(
        [_docstring_regions],
        pattern="shallownet/*.py",
        path=str(root),
        document_types={".py": Document},
    )
    collect = (pages + docstrings).pytest()

    def pytest_collect_file(file_path: Path, parent: Any) -> Any:
        Page.updating = parent.config.getoption("--update-docs")
        if Page.updating and hasattr(parent.config, "workerinput"):
            raise pytest.UsageError("--update-docs: one process writes the pages, run without -n")
        return collect(file_path, parent)

    return pytest_collect_file


class Book(Sybil):
    """Names a test by the line of its block: `docs/chapters/symmetry.md::line:57`, or by its cell."""

    def identify(self, example: Example) -> str:
        """Return the name of a test within its page."""
        if not isinstance(example.parsed, Block):
            return "page"
        cell = example.parsed.options.get("cell")
        return f"cell:{cell}" if cell else f"line:{example.line}"


class Page(Document):
    """A page; its session runs the blocks above a block before the block itself."""

    updating = False

    @classmethod
    def parse(cls, path: str, *parsers: Any, encoding: str = "utf-8") -> Document:
        """Read a page, after rewriting its outputs if that was asked for."""
        if cls.updating:
            text = Path(path).read_text(encoding=encoding)
            new = running.update(text, path)
            if new != text:
                Path(path).write_text(new, encoding=encoding, newline="\n")
        return super().parse(path, *parsers, encoding=encoding)

    def __init__(self, text: str, path: str) -> None:
        super().__init__(text, path)
        self.blocks = [block for block in running.reader(path).parse(text, path) if block.runs]
        self.restart()

    def restart(self) -> None:
        """Forget all that ran."""
        self.session: Session | None = None
        self.done = 0
        self.passed = 0
        self.broken = 0

    def run(self, block: Block) -> None:
        """Run a block after those above it, each once."""
        index = self.blocks.index(block)
        if self.session is None or self.done > index:
            self.restart()
            self.session = Session(self.text, self.path, scores.Recorder())
        for earlier in self.blocks[self.done : index]:
            # Its own test reports it; here it only stops the blocks below.
            with contextlib.suppress(BookError):
                self._run(earlier, check=False)
        self._run(block, check=True)

    def _run(self, block: Block, check: bool) -> None:
        assert self.session is not None
        self.done += 1
        if self.broken and not block.standalone:
            message = f"not run, because the block at line {self.broken} fails"
            raise BookError(self.session.path, block.line, message)
        try:
            outputs = self.session.run(block, check=False)
        except BookError:
            self.broken = self.broken or block.line
            raise
        if check:
            for shown in outputs:
                self.session.check(shown)
            self.passed += 1
        if self.passed == len(self.blocks) and Path(self.path).is_relative_to(running.ROOT):
            # So the build need not run the page again. What is wrong with a mark, if anything is, the build says.
            with contextlib.suppress(BookError):
                running.keep(self.text, self.path, running.Result(self.session.figures, scores=self.session.scores()))


def _page_regions(document: Document) -> Iterator[Region]:
    """One test a block, and one for the page as a whole."""
    assert isinstance(document, Page)
    yield Region(0, 0, document, _check_page)
    starts = [0]
    for line in document.text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for block in document.blocks:
        yield Region(starts[block.line - 1], block.end, block, _check_block)


def _check_page(example: Example) -> None:
    """Report everything that is wrong with a page before it runs."""
    found = page_problems(example.document.text, example.path)
    if found:
        pytest.fail("\n".join(map(str, found)), pytrace=False)


def page_problems(text: str, path: str) -> list[Problem]:
    """What is wrong with a page or a lab, each with the page's own line."""
    name = running.display(path)
    reader = running.reader(path)
    found: list[Problem] = reader.problems(text, name)
    if not found:
        found = marks.problems(reader.parse(text, name), name)
        found += cells.problems(text, name) if reader is blocks else []
    # Only this needs MkDocs, and only once the page is sound does it say something new.
    if not found and Path(path).suffix == ".md":
        from _book.render import check as rendering

        found = rendering.problems(text, name)
    if Path(path).name == marks.BOARD:
        found += running.board_problems(Path(path))
    return sorted(found, key=lambda problem: (problem.path != name, problem.line))


def _check_block(example: Example) -> None:
    """Run one block of a page."""
    page = example.document
    assert isinstance(page, Page)
    _report(lambda: page.run(example.parsed))


def _report(run: Callable[[], object]) -> None:
    """Turn a failing block into a failing test that says the one line first."""
    message = ""
    try:
        run()
    except BookError as error:
        message = f"{error}\n\n{error.detail}".rstrip()
    if message:
        pytest.fail(message, pytrace=False)


def _docstring_regions(document: Document) -> Iterator[Region]:
    """One test a docstring; it starts from no names at all, as a reader who pastes it does."""
    starts = [0]
    for line in document.text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for node in ast.walk(ast.parse(document.text)):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if not ast.get_docstring(node):
            continue
        literal = node.body[0]
        assert isinstance(literal, ast.Expr)
        assert isinstance(literal.value, ast.Constant)
        text = str(literal.value.value)
        examples, _ = blocks.session(text, strict=False)
        if examples:
            start, end = starts[literal.lineno - 1], starts[(literal.end_lineno or 0) - 1]
            # The docstring's first line is line 0 of the block, which opens one line above.
            block = Docstring(document.path, literal.lineno - 1, "pycon", text, start, end)
            yield Region(start + literal.col_offset, end, block, _check_docstring)


class Docstring(Block):
    """The examples of a docstring, with the prose between them left alone."""

    @property
    def examples(self) -> list[blocks.Example]:
        """The prompts of the docstring."""
        return blocks.session(self.code, strict=False)[0]


def _check_docstring(example: Example) -> None:
    """Run the examples of one docstring in a session of their own."""
    block = example.parsed
    session = Session(example.document.text, example.path)
    if "doctest:" in block.code:
        pytest.fail(f"{session.path}:{example.line}: no doctest directives, nothing is skipped", pytrace=False)
    _report(lambda: session.run(block))
