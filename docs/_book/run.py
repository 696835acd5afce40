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

from _book import compare, pictures, scores
from _book.blocks import HEADER, Block, Example, closing
from _book.board import UnreadableError
from _book.chance import Chance
from _book.interpreter import Interpreter
from _book.page import Page, split

# Fixed so that the same page gives the same bytes; text stays text, so that it can be read and searched.
# And the book's look, in one place: no frame but the two axes that are read.
STYLE = {
    "svg.hashsalt": "shallownet",
    "svg.fonttype": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}
# What stands for an empty line in a session, where one would end the output.
BLANK = "<BLANKLINE>"
# Characters that do not survive: reading a file or Markdown makes something else of them.
UNSHOWN = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]")
# Calls that draw, or seed with nothing; what makes a generator refuses by itself.
DRAWS = re.compile(r"\brandom\.(?!default_rng|Generator|RandomState|SeedSequence|[gs]et_?state|seed\(\d)\w+\(")


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
    fence: str = ""  # the line that would end its block; none in a lab
    session: bool = False  # below a prompt, where an empty line is written `BLANK`

    @property
    def said(self) -> str:
        """The text that it stands for."""
        if not self.session:
            return self.text
        return "\n".join("" if line.rstrip() == BLANK else line for line in self.text.split("\n"))

    def written(self, text: str) -> list[str]:
        """Return the lines of the page that show a text."""
        blank = BLANK if self.session else ""
        lines = text.rstrip().split("\n") if text.strip() else []
        return [(self.prefix + (line.rstrip() or blank)).rstrip() + "\n" for line in lines]

    def refuses(self, text: str) -> str | None:
        """Say why a text, shown here, would not be read as what was printed, and what to do; None where it would."""
        if not self.fence:  # a lab keeps any text
            return None
        lines = [line.rstrip() for line in text.rstrip().split("\n")]
        if found := UNSHOWN.search("\n".join(lines)):
            return f"prints {found[0]!r}, which a page cannot show: print blanks, or its repr"
        if self.fence in lines:
            return f"prints {self.fence!r}, which would end the block: open and close it with a longer fence"
        if not self.session:
            return None
        for line in lines:
            if line.lstrip(" ").startswith(">>>") or line.startswith(HEADER) or line == BLANK:
                return f"prints {line.strip()!r}, which would be read as something else: make it a `python` block"
        if lines[0].startswith("..."):
            return f"prints {lines[0]!r} first, which would be read as something else: make it a `python` block"
        return None

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
        return compare.difference(self.expected.said if self.expected else "", self.got)

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
            text = expected.said
            line = expected.line + compare.first(text, self.got) - (not expected.lines)
            message = expected.refuses(self.got) or message
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
            expected = Expected(example.want, body + example.want_line, prefix, block.fence, session=True)
            yield Step(example.source, body + example.line, "all", example, expected)
    else:
        output = block.output
        place = Expected(output.code, output.line + 1, output.prefix, output.fence) if output else None
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
        self.lines = {self.file: page.listing}  # of what has run
        self.interpreter, self._alone = Interpreter(), Interpreter()
        self._chance = Chance()
        self._blank: dict[str, str] = {}  # by the name of a figure's file: why nothing is to be seen in it

    @property
    def namespace(self) -> dict[str, object]:
        """The names the page's blocks share."""
        return self.module.__dict__

    def run(self, block: Block, *, check: bool = True) -> list[Shown]:
        """Run one block and return what it shows against what it printed.

        Raises BookError where it raises or, if `check`, where it prints something else.
        """
        module = self.module
        if block.standalone:
            module, self._alone = main(), Interpreter()
        outputs = []
        with self.place(module), self._watched():
            for step in steps(block):
                printed, error = self.execute(step, module.__dict__)
                shown = self.judge(step, printed, error)
                if moved := self._chance.moved():
                    raise BookError(self.path, _drawing(step), moved)
                outputs.append(shown)
                if check:
                    shown.check(self.path)
            self.collect(block)
        return outputs

    def scores(self) -> dict[str, dict[str, str]]:
        """Return what marked asserts met, once all blocks have run; each of them has to."""
        if self.recorder is None:
            return {}
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
        interpreter = self.interpreter if names is self.namespace else self._alone
        self.listed(step.line, step.source)
        with self.printing() as printed:
            try:
                with interpreter.showing():
                    tree = _parsed(interpreter, step, self.file)
                    if self.recorder is not None:
                        names[scores.RECORDER] = self.recorder
                        self.recorder.wire(tree, step.source, step.line)
                    for part in _parts(tree, step):
                        exec(interpreter.compile(part, self.file), names)
            except KeyboardInterrupt:
                raise
            # SystemExit and pytest's own skip are no way out of a test either.
            except BaseException as error:
                return printed(), error
            return printed(), None

    def listed(self, line: int, code: str) -> None:
        """Let tracebacks, and `inspect.getsource`, find code by the line that it has on the page."""
        lines = self.lines.setdefault(self.file, [])
        if not self.file.endswith(".py"):  # a docstring's: the module stays as it is
            new = split(code)
            lines += ["\n"] * (line - 1 + len(new) - len(lines))
            lines[line - 1 : line - 1 + len(new)] = new
        linecache.cache[self.file] = (1, None, lines, self.file)

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
        raised = closing("".join(traceback.format_exception_only(error)))
        line = expected.line + expected.lines - len(exception.splitlines())
        return Shown(step, replace(expected, text=exception, line=line), raised)

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
            file.unlink()
            if wrong := pictures.problem(svg) or self._blank.get(file.name):
                lines = enumerate(block.code.split("\n"), start=block.line + 1)
                line = next((number for number, code in lines if file.name in code), block.line)
                raise BookError(self.path, line, f"{file.name} {wrong}")
            self.figures[file.name] = svg
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
    def _watched(self) -> Iterator[None]:
        """Note what would make a page another one the next time, and which figures show nothing."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._chance.watched())
            if self.draws:
                stack.enter_context(pictures.watched(self._blank))
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


def _parsed(interpreter: Interpreter, step: Step, file: str) -> ast.Module:
    """Parse a step; what is wrong is named by the line of the page, as it is when the tree is compiled."""
    try:
        return interpreter.parse(step.source, file, prompt=step.values == "all")
    except SyntaxError as error:
        error.lineno = (error.lineno or 1) + step.line - 1
        error.end_lineno = (error.end_lineno or 1) + step.line - 1
        raise


def _drawing(step: Step) -> int:
    """The first line of a step that draws from a generator of the process, as far as it can be read off it."""
    lines = enumerate(step.source.split("\n"), start=step.line)
    return next((number for number, code in lines if DRAWS.search(code)), step.line)


def _parts(tree: ast.Module, step: Step) -> list[ast.Module | ast.Interactive]:
    """Split what stands at a line of a page into what runs silently and what shows its values."""
    ast.increment_lineno(tree, step.line - 1)
    shown: list[ast.stmt] = []
    if step.values == "all":
        tree.body, shown = [], tree.body
    elif step.values == "last" and tree.body and isinstance(tree.body[-1], ast.Expr):
        shown = [tree.body.pop()]
    # A prompt that holds only a comment compiles to nothing.
    return [tree, *([ast.Interactive(shown)] if shown else [])]
