"""Run the blocks of a page in order, in one session: what they print, the figures they save, what marks meet.

Tests, the build of the site and the reader's browser run pages through this one module.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import io
import linecache
import os
import re
import shutil
import sys
import tempfile
import traceback
import types
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from _book import compare, scores
from _book.blocks import Block, Example
from _book.board import UnreadableError
from _book.page import Page

# Fixed so that the same page gives the same bytes; text stays text, so that it can be read and searched.
STYLE = {"svg.hashsalt": "shallownet", "svg.fonttype": "none"}


class BookError(Exception):
    """A block of a page fails; its text is one line: path, line of the page, what is wrong.

    It may cross from one process to another.
    """

    def __init__(self, path: str, line: int, message: str, detail: str = "") -> None:
        super().__init__(path, line, message, detail)
        self.path, self.line, self.message, self.detail = path, line, message, detail

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


@dataclass(frozen=True)
class Expected:
    """What a page shows as printed, and where."""

    text: str
    line: int  # of the page: where it starts, or would start
    prefix: str = ""  # of its lines on the page
    blank: str = ""  # what stands for an empty line

    @property
    def lines(self) -> int:
        """How many lines of the page it takes."""
        return self.text.count("\n") + (bool(self.text) and not self.text.endswith("\n"))


@dataclass(frozen=True)
class Step:
    """What runs at once: a block, a cell, or one prompt of a session."""

    source: str
    line: int  # of the page
    values: Literal["none", "last", "all"]  # which values of expressions are shown
    example: Example | None = None  # the prompt of a session
    expected: Expected | None = None  # None where the page has no place for a text that is printed


@dataclass(frozen=True)
class Shown:
    """What a step printed, beside what the page shows."""

    step: Step
    expected: Expected | None
    got: str

    @property
    def difference(self) -> str | None:
        """How the two differ, or None."""
        return compare.difference(self.expected.text if self.expected else "", self.got)

    def check(self, path: str) -> None:
        """Raise BookError where the page of this path shows something that was not printed."""
        message = self.difference
        if message is None:
            return
        expected = self.expected
        if expected is None:
            # The page has no place for it: the opening fence is named.
            line, text = self.step.line - 1, ""
            message += ": show it in an ```output block below (--update-docs fills it)"
        else:
            text = expected.text
            line = expected.line + compare.first(text, self.got) - (not expected.lines)
        raise BookError(path, line, message, f"expected:\n{text}\ngot:\n{self.got}")


@dataclass
class Result:
    """What came of a page."""

    figures: dict[str, bytes] = field(default_factory=dict)
    scores: dict[str, dict[str, str]] = field(default_factory=dict)  # what marked asserts met


def steps(block: Block) -> Iterator[Step]:
    """Yield what runs at once, in order."""
    body = block.line + 1
    if block.language == "pycon":
        for example in block.examples:
            prefix = block.prefix + " " * example.indent
            expected = Expected(example.want, body + example.want_line, prefix, "<BLANKLINE>")
            yield Step(example.source, body + example.line, "all", example, expected)
    else:
        output = block.output
        place = Expected(output.code, output.line + 1, output.prefix) if output else None
        yield Step(block.code, body, "last" if block.cell else "none", expected=place)


def draws(page: Page) -> bool:
    """Say whether a page may draw, which takes Matplotlib."""
    return any(word in page.text for word in ("savefig", "matplotlib", "plotting"))


class Session:
    """A page being run: its names, its folder, the figures saved so far.

    Names live in a module called `__main__`, as they do for a reader who pastes the page.
    """

    def __init__(self, page: Page, recorder: scores.Recorder | None = None) -> None:
        self.recorder = recorder
        self.file, self.path = page.file, page.path
        self.draws = draws(page)
        self.shown = {image.target for image in page.images}
        self.figures: dict[str, bytes] = {}
        self.module = main()
        self._settings: Any = dict(STYLE)  # what the page has changed so far
        # Not a TemporaryDirectory: one that nobody closes warns, and the tests make warnings errors.
        self.folder = Path(tempfile.mkdtemp(prefix="book-"))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        # Tracebacks quote the page, also while its text is being rewritten.
        linecache.cache[self.file] = (len(page.text), None, page.listing, self.file)

    @property
    def namespace(self) -> dict[str, object]:
        """The names the page's blocks share."""
        return self.module.__dict__

    def run(self, block: Block, *, check: bool = True) -> list[Shown]:
        """Run one block and return what it shows against what it printed.

        Raises BookError where it raises or, if `check`, where it prints something else.
        """
        module = main() if block.standalone else self.module
        outputs = []
        with self.place(module):
            for step in steps(block):
                printed, error = self.execute(step, module.__dict__)
                shown = self.judge(step, printed, error)
                outputs.append(shown)
                if check:
                    shown.check(self.path)
            self.collect(block)
        return outputs

    def scores(self) -> dict[str, dict[str, str]]:
        """Return what marked asserts met, once all blocks have run; each of them has to."""
        if self.recorder is None:
            return {}
        for line, score in self.recorder.missing():
            raise BookError(self.path, line, f"the assert marked {score} never ran, so nothing is known of it")
        try:
            return self.recorder.scores()
        except UnreadableError as error:
            raise BookError(self.path, error.args[1], error.args[0]) from error

    @contextlib.contextmanager
    def printing(self) -> Iterator[Callable[[], str]]:
        """Catch what a step prints, and yield how to read it."""
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            yield printed.getvalue

    def execute(self, step: Step, names: dict[str, object]) -> tuple[str, BaseException | None]:
        """Run a step as if it stood alone at its line of the page; return what it printed and what it raised."""
        hook, sys.displayhook = sys.displayhook, _display
        with self.printing() as printed:
            try:
                tree = _parsed(step, self.file)
                if self.recorder is not None:
                    names[scores.RECORDER] = self.recorder
                    self.recorder.wire(tree, step.source, step.line)
                for code in _compiled(tree, self.file, step):
                    exec(code, names)
            except KeyboardInterrupt:
                raise
            except UnreadableError as error:
                raise BookError(self.path, error.args[1], error.args[0]) from error
            # SystemExit and pytest's own skip are no way out of a test either.
            except BaseException as error:
                return printed(), error
            finally:
                sys.displayhook = hook
            return printed(), None

    def judge(self, step: Step, printed: str, error: BaseException | None) -> Shown:
        """Set what was printed, or the last lines of the exception, beside what the page shows."""
        exception = step.example.exception if step.example else None
        if error is not None and exception is None:
            raise self.describe(error, step.line)
        expected = step.expected
        if exception is None or expected is None:
            return Shown(step, expected, printed)
        if error is None:
            message = f"expected {compare.quote(exception)}, but nothing was raised"
            raise BookError(self.path, expected.line, message)
        above = replace(expected, text=step.example.printed if step.example else "")
        before = Shown(step, above, printed)
        if before.difference:  # one at a time: what is wrong with the exception, if anything is, the next run says
            return before
        raised = "".join(traceback.format_exception_only(error)).rstrip("\n")
        line = expected.line + expected.lines - len(exception.splitlines())
        return Shown(step, Expected(exception, line, expected.prefix), raised)

    def describe(self, error: BaseException, line: int) -> BookError:
        """Describe an exception by the last line of the page that it passed."""
        stack = traceback.extract_tb(error.__traceback__)
        frames = [frame.lineno for frame in stack if frame.filename == self.file]
        if isinstance(error, SyntaxError) and error.filename == self.file:
            at = error.lineno or line
        else:
            at = frames[-1] if frames and frames[-1] else line
        # The traceback starts in the page; what the engine did before teaches nothing.
        tb = error.__traceback__
        while tb and tb.tb_frame.f_code.co_filename != self.file:
            tb = tb.tb_next
        detail = "".join(traceback.format_exception(type(error), error, tb))
        said = error.msg if isinstance(error, SyntaxError) else str(error)
        message = f"{type(error).__name__}: {said}".splitlines()[0].rstrip(": ")
        code = linecache.getline(self.file, at).strip(" >\n")
        if isinstance(error, AssertionError):
            message += f" at `{code}`"
        return BookError(self.path, at, message, detail)

    def collect(self, block: Block) -> None:
        """Take the figures that the block saved out of its folder."""
        for file in sorted(self.folder.iterdir()):
            if file.suffix != ".svg" or file.name not in self.shown:
                message = f"{file.name} is saved and never shown: add ![...]({file.name}) below"
                raise BookError(self.path, block.line, message)
            # Matplotlib's metadata hold the date.
            svg = re.sub(rb"\s*<metadata>.*?</metadata>", b"", file.read_bytes(), flags=re.DOTALL)
            self.figures[file.name] = svg
            file.unlink()
        for name in block.figures:
            if name not in self.figures:
                message = f"{name} was not drawn: the block's savefig did not run"
                raise BookError(self.path, block.line, message)

    @contextlib.contextmanager
    def place(self, module: types.ModuleType) -> Iterator[None]:
        """Be the reader's own session: its `__main__`, its folder, its plot settings."""
        here, before = os.getcwd(), sys.modules["__main__"]
        os.environ["MPLBACKEND"] = "Agg"
        # A test that failed earlier must not leave its folder or its settings behind.
        with contextlib.ExitStack() as stack:
            stack.callback(os.chdir, here)
            stack.callback(sys.modules.__setitem__, "__main__", before)
            if self.draws:
                stack.enter_context(self._plotting())
            os.chdir(self.folder)
            sys.modules["__main__"] = module
            yield

    @contextlib.contextmanager
    def _plotting(self) -> Iterator[None]:
        """Give Matplotlib the settings of this page, starting from the defaults and `STYLE`."""
        import matplotlib

        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            matplotlib.rcParams.update(self._settings)
            try:
                yield
            finally:
                plt = sys.modules.get("matplotlib.pyplot")
                if plt:
                    plt.close("all")
                now, default = dict.copy(matplotlib.rcParams), matplotlib.rcParamsDefault
                self._settings = {k: v for k, v in now.items() if k in default and v != default[k]}
                self._settings.pop("backend", None)


def run_page(page: Page, *, record: bool = False) -> Result:
    """Run all blocks of a page; raise BookError at the first that fails.

    With `record`, note what marked asserts compare; each of them has to run.
    """
    session = Session(page, scores.Recorder() if record else None)
    for block in page.runs:
        session.run(block)
    return Result(session.figures, session.scores())


def main() -> types.ModuleType:
    """Return a module for a page's names, as `__main__` is at a start of Python."""
    module = types.ModuleType("__main__")
    module.__dict__["__builtins__"] = builtins
    return module


def _parsed(step: Step, file: str) -> ast.Module:
    """Parse a step; what is wrong is named by the line of the page, as it is when the tree is compiled."""
    try:
        return ast.parse(step.source, file)
    except SyntaxError as error:
        error.lineno = (error.lineno or 1) + step.line - 1
        error.end_lineno = (error.end_lineno or 1) + step.line - 1
        raise


def _compiled(tree: ast.Module, file: str, step: Step) -> list[types.CodeType]:
    """Compile what stands at a line of a page."""
    ast.increment_lineno(tree, step.line - 1)
    shown: list[ast.stmt] = []
    if step.values == "all":
        tree.body, shown = [], tree.body
    elif step.values == "last" and tree.body and isinstance(tree.body[-1], ast.Expr):
        shown = [tree.body.pop()]
    # Not as this Python was started: no -O switches a page's asserts off.
    compiled = [compile(tree, file, "exec", dont_inherit=True, optimize=0)]
    # A prompt that holds only a comment compiles to nothing.
    single = [compile(ast.Interactive(shown), file, "single", dont_inherit=True, optimize=0)] if shown else []
    return compiled + single


def _display(value: object) -> None:
    if value is not None:
        print(repr(value))
