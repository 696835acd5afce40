"""Run the blocks of a page in order, compare what they print, keep the figures they save.

Tests and the build of the site run pages through this one module.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import functools
import hashlib
import io
import json
import linecache
import os
import re
import shutil
import sys
import tempfile
import traceback
import types
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import zip_longest
from pathlib import Path
from typing import Any

from _book import board as marks
from _book import labs as notebooks
from _book import page as blocks
from _book import scores
from _book.page import NUMBER, Block, Example

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "book"
SCORES = "scores.json"  # in the cache, beside the figures
# What a figure in the cache depends on: a test compares the imports.
ENGINE = ("board", "cache", "labs", "page", "run", "scores")
# Fixed so that the same page gives the same bytes; text stays text, so that it can be read and searched.
STYLE = {"svg.hashsalt": "shallownet", "svg.fonttype": "none"}


class BookError(Exception):
    """A block of a page fails; its text is one line: path, line of the page, what is wrong."""

    def __init__(self, path: str, line: int, message: str, detail: str = "") -> None:
        super().__init__(f"{path}:{line}: {message}")
        self.path, self.line, self.message, self.detail = path, line, message, detail


@dataclass(frozen=True)
class Shown:
    """What a page shows as printed, and what was printed."""

    line: int  # where the shown text starts on the page
    lines: int  # how many lines it takes
    expected: str
    got: str
    prefix: str = ""
    blank: str = ""  # what stands for an empty line


@dataclass
class Result:
    """What came of a page."""

    figures: dict[str, bytes] = field(default_factory=dict)
    outputs: list[Shown] = field(default_factory=list)
    scores: dict[str, dict[str, str]] = field(default_factory=dict)  # what marked asserts met


def difference(expected: str, got: str) -> str | None:
    """Say how two printed texts differ, or return None where the reader would call them equal.

    Text is equal once white space is folded. A float is within half a unit of the last place that is
    shown (`1.` counts as `1.0`); anything else, integers, True, nan, is exact.
    """
    if _agree(expected, got):
        return None
    pairs = list(zip_longest(expected.strip().splitlines(), got.strip().splitlines()))
    for shown, printed in pairs if expected.strip() and got.strip() else []:
        if not _agree(shown or "", printed or ""):
            return f"expected {_quote(shown)}, got {_quote(printed)}"
    return f"expected {_quote(expected)}, got {_quote(got)}"


def _agree(expected: str, got: str) -> bool:
    expected, got = (" ".join(text.replace("<BLANKLINE>", "").split()) for text in (expected, got))
    if NUMBER.split(expected) != NUMBER.split(got):
        return False
    return all(map(_close, NUMBER.findall(expected), NUMBER.findall(got)))


def _close(shown: str, printed: str) -> bool:
    if not (_is_float(shown) and _is_float(printed)):
        return shown == printed
    mantissa, _, exponent = shown.lower().partition("e")
    places = max(len(mantissa.partition(".")[2]), 1 if "." in mantissa else 0)
    unit = Decimal(10) ** (int(exponent or 0) - places)
    return abs(Decimal(shown) - Decimal(printed)) <= unit / 2


def _rounded(expected: str, got: str) -> str:
    """Give each printed float the places that the page showed, where all else is the same."""
    folded, printed = " ".join(expected.split()), " ".join(got.split())
    if NUMBER.split(folded) != NUMBER.split(printed):
        return got
    shown = iter(NUMBER.findall(folded))

    def rewrite(match: re.Match[str]) -> str:
        number, old = match.group(), next(shown)
        plain = "." in number and "." in old and not re.search(r"[eE]|\.$", number + " " + old)
        return f"{Decimal(number):.{len(old.partition('.')[2])}f}" if plain else number

    return NUMBER.sub(rewrite, got)


def _is_float(number: str) -> bool:
    return not number.lstrip("+-").isdigit()


def _quote(text: str | None) -> str:
    if text is None or not text.strip():
        return "nothing"
    folded = " ".join(text.split())
    return repr(folded if len(folded) <= 200 else folded[:200] + "...")


class Session:
    """A page being run: its names, its folder, the figures saved so far.

    Names live in a module called `__main__`, as they do for a reader who pastes the page.
    """

    def __init__(self, text: str, path: str | Path, recorder: scores.Recorder | None = None) -> None:
        self.recorder = recorder
        self.file = os.path.abspath(path)
        self.path = display(path)
        self.draws = any(word in text for word in ("savefig", "matplotlib", "plotting"))
        self.shown = {image.target for image in reader(path).figures(text)}
        self.figures: dict[str, bytes] = {}
        self.module = _main()
        self._settings: Any = dict(STYLE)  # what the page has changed so far
        # Not a TemporaryDirectory: one that nobody closes warns, and the tests make warnings errors.
        self._folder = tempfile.mkdtemp(prefix="book-")
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        # Tracebacks quote the page, also while its text is being rewritten.
        lines = reader(path).listing(text)
        linecache.cache[self.file] = (len(text), None, lines, self.file)

    @property
    def namespace(self) -> dict[str, object]:
        """The names the page's blocks share."""
        return self.module.__dict__

    def run(self, block: Block, *, check: bool = True) -> list[Shown]:
        """Run one block and return what it shows against what it printed.

        Raises BookError where it raises or, if `check`, where it prints something else.
        """
        module = _main() if block.standalone else self.module
        outputs = []
        with self._place(module):
            for source, line, mode, want in _steps(block):
                session = want.want if isinstance(want, Example) else None
                printed, error = self._execute(source, line, mode, module.__dict__, session)
                shown = self._judge(line, want, printed, error, block)
                outputs.append(shown)
                if check:
                    self.check(shown)
            self._collect(block)
        return outputs

    def scores(self) -> dict[str, dict[str, str]]:
        """Return what marked asserts met, once all blocks have run; each of them has to."""
        assert self.recorder is not None
        for line, score in self.recorder.missing():
            raise BookError(self.path, line, f"the assert marked {score} never ran, so nothing is known of it")
        try:
            return self.recorder.scores()
        except marks.UnreadableError as error:
            raise BookError(self.path, error.args[1], error.args[0]) from error

    def check(self, shown: Shown) -> None:
        """Raise BookError where the page shows something that was not printed."""
        message = difference(shown.expected, shown.got)
        if message is None:
            return
        line = shown.line
        pairs = list(zip(shown.expected.splitlines(), shown.got.splitlines(), strict=False))
        if len(pairs) == len(shown.expected.splitlines()):
            line += next((n for n, pair in enumerate(pairs) if not _agree(*pair)), 0)
        if not shown.expected.strip() and shown.lines == 0:
            line -= 1
        if shown.lines < 0:
            message += ": show it in an ```output block below (--update-docs fills it)"
        raise BookError(self.path, line, message, f"expected:\n{shown.expected}\ngot:\n{shown.got}")

    def _execute(
        self, source: str, line: int, mode: str, names: dict[str, object], session: str | None
    ) -> tuple[str, BaseException | None]:
        """Run one piece of source as if it stood alone at its line of the page; a session shows text below it."""
        printed = io.StringIO()
        hook, sys.displayhook = sys.displayhook, _display
        try:
            with contextlib.redirect_stdout(printed):
                tree = ast.parse(source, self.file)
                if self.recorder is not None:
                    names[scores.RECORDER] = self.recorder
                    self.recorder.wire(tree, source, line, session)
                for code in _compiled(tree, self.file, mode, line):
                    exec(code, names)
        except KeyboardInterrupt:
            raise
        except marks.UnreadableError as error:
            raise BookError(self.path, error.args[1], error.args[0]) from error
        # SystemExit and pytest's own skip are no way out of a test either.
        except BaseException as error:
            return printed.getvalue(), error
        finally:
            sys.displayhook = hook
        return printed.getvalue(), None

    def _judge(
        self,
        line: int,
        want: Example | Block | None,
        printed: str,
        error: BaseException | None,
        block: Block,
    ) -> Shown:
        """Set what was printed, or the last line of the exception, against what the page shows."""
        exception = want.exception if isinstance(want, Example) else None
        if error is not None and exception is None:
            raise self._error(error, line)
        if isinstance(want, Example):
            at = block.line + 1 + want.want_line
            lines = len(want.want.splitlines())
            prefix = block.prefix + " " * want.indent
            if exception is None:
                return Shown(at, lines, want.want, printed, prefix, "<BLANKLINE>")
            if error is None:
                raise BookError(self.path, at, f"expected {_quote(exception)}, but nothing was raised")
            raised = "".join(traceback.format_exception_only(error)).rstrip("\n")
            last = len(exception.splitlines())
            return Shown(at + lines - last, last, exception, raised, prefix)
        if want is None:
            return Shown(line - 1, -1, "", printed)
        return Shown(want.line + 1, want.code.count("\n"), want.code, printed, want.prefix)

    def _error(self, error: BaseException, line: int) -> BookError:
        """Describe an exception by the last line of the page that it passed."""
        stack = traceback.extract_tb(error.__traceback__)
        frames = [frame.lineno for frame in stack if frame.filename == self.file]
        if isinstance(error, SyntaxError) and error.filename == self.file:
            at = line + (error.lineno or 1) - 1
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

    def _collect(self, block: Block) -> None:
        """Take the figures that the block saved out of its folder."""
        for file in sorted(Path(self._folder).iterdir()):
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
    def _place(self, module: types.ModuleType) -> Iterator[None]:
        """Be the reader's own session: its `__main__`, its folder, its plot settings."""
        here, main = os.getcwd(), sys.modules["__main__"]
        os.environ["MPLBACKEND"] = "Agg"
        # A test that failed earlier must not leave its folder or its settings behind.
        with contextlib.ExitStack() as stack:
            stack.callback(os.chdir, here)
            stack.callback(sys.modules.__setitem__, "__main__", main)
            if self.draws:
                stack.enter_context(self._plotting())
            os.chdir(self._folder)
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


def display(path: str | Path) -> str:
    """Return a path as messages show it: from where the command was given, if it lies below."""
    file, here = Path(os.path.abspath(path)), Path.cwd()
    return (file.relative_to(here) if file.is_relative_to(here) else file).as_posix()


def reader(path: str | Path) -> types.ModuleType:
    """Return the module that reads this kind of page: `parse`, `problems`, `figures`, `listing`."""
    return notebooks if Path(path).suffix == ".ipynb" else blocks


def run_page(text: str, path: str | Path, *, check: bool = True, record: bool = False) -> Result:
    """Run all blocks of a page, or all cells of a lab; raise BookError at the first that fails.

    With `record`, note what marked asserts compare; each of them has to run.
    """
    session = Session(text, path, scores.Recorder() if record else None)
    outputs: list[Shown] = []
    for block in reader(path).parse(text, path):
        if block.runs:
            outputs += session.run(block, check=check)
    return Result(session.figures, outputs, session.scores() if record else {})


def update(text: str, path: str | Path) -> str:
    """Return the page with every shown output that no longer agrees replaced by what was printed.

    The first block that raises ends it: what stands below cannot be known, and its test says why.
    """
    if reader(path) is notebooks:
        text = notebooks.normal(text)
    session, outputs = Session(text, path), []
    with contextlib.suppress(BookError):
        for block in reader(path).parse(text, path):
            if block.runs:
                outputs += session.run(block, check=False)
    if reader(path) is notebooks:
        return notebooks.rewrite(text, outputs)
    lines = text.splitlines(keepends=True)
    for shown in reversed(outputs):
        if shown.lines >= 0 and difference(shown.expected, shown.got):
            first = shown.line - 1
            text = _rounded(shown.expected, shown.got).rstrip("\n")
            got = text.split("\n") if text.strip() else []
            new = [(shown.prefix + (line or shown.blank)).rstrip() + "\n" for line in got]
            lines[first : first + shown.lines] = new
    return "".join(lines)


def drawn(path: str) -> Result | str:
    """Draw a page in a process of its own; a page that fails is its message."""
    # A page that needs more than one core of a small machine would slow the one beside it.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        return draw(path)
    except BookError as error:
        return str(error)


def draw(path: str | Path) -> Result:
    """Run a page, or recall it, and return its figures and what its marked asserts met."""
    if found := recall(path):
        return found
    text = Path(path).read_text(encoding="utf-8")
    found = run_page(text, path, record=True)
    keep(text, path, found)
    return Result(found.figures, scores=found.scores)


def recall(path: str | Path) -> Result | None:
    """Return what `keep` kept of a page, if its blocks are as they were, and so are the engine and the library."""
    path = Path(path)
    folder = CACHE / _key(path.read_text(encoding="utf-8"), path)
    if not folder.is_dir():
        return None
    return Result(
        {file.name: file.read_bytes() for file in sorted(folder.glob("*.svg"))},
        scores=json.loads((folder / SCORES).read_text(encoding="utf-8")),
    )


def keep(text: str, path: str | Path, found: Result) -> None:
    """Let `recall` return what came of a page that ran from its first block to its last."""
    from _book import cache as making  # not above: a browser, which keeps nothing, would spend its start on it

    def write(fresh: Path) -> None:
        for name, svg in found.figures.items():
            (fresh / name).write_bytes(svg)
        (fresh / SCORES).write_text(json.dumps(found.scores), encoding="utf-8")

    making.made(CACHE / _key(text, Path(path)), write)


def book_marks(folder: Path) -> list[marks.Mark]:
    """Return the marks of all pages and labs below a folder."""
    pages = [file for pattern in ("*.md", "*.ipynb") for file in sorted(folder.rglob(pattern))]
    return [
        mark
        for file in pages
        if "_book" not in file.relative_to(folder).parts
        for block in reader(file).parse(file.read_text(encoding="utf-8"), display(file))
        if block.runs
        for mark in marks.marks(block)
    ]


def board_problems(board: Path) -> list[blocks.Problem]:
    """Return what does not fit between the scoreboard and the marks of the pages beside it."""
    return marks.book_problems(board.read_text(encoding="utf-8"), display(board), book_marks(board.parent))


def _key(text: str, path: Path) -> str:
    """Name everything that a figure depends on; not the prose, which its writer changes most."""
    page = reader(path)
    runs = [(b.language, b.options, b.code, b.output and b.output.code) for b in page.parse(text, path) if b.runs]
    shown = [image.target for image in page.figures(text)]
    key = hashlib.sha256(f"{path.name}\0{runs}\0{shown}\0{sys.version}".encode())
    engine = [Path(__file__).with_name(f"{name}.py") for name in ENGINE]
    for source in sorted([*(ROOT / "shallownet").glob("**/*.py"), *engine]):
        key.update(source.read_bytes())
    key.update(_versions().encode())
    return key.hexdigest()[:32]


@functools.cache
def _versions() -> str:
    """The versions of the packages that draw; finding them takes longer than all else about a page that is kept."""
    from importlib import metadata  # not above: a browser, which draws anew, would spend its start on it

    found = []
    for name in ("numpy", "matplotlib", "scikit-learn", "scipy"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found.append(f"{name}=={metadata.version(name)}")
    return " ".join(found)


def _steps(block: Block) -> Iterator[tuple[str, int, str, Example | Block | None]]:
    """What runs at once, a whole block or a prompt: (source, line, mode, what the page shows)."""
    if block.language == "pycon":
        for example in block.examples:
            yield example.source, block.line + 1 + example.line, "single", example
    else:
        yield block.code, block.line + 1, "cell" if "cell" in block.options else "exec", block.output


def _compiled(tree: ast.Module, file: str, mode: str, line: int) -> list[types.CodeType]:
    """Compile what stands at a line of a page; a cell shows its last expression."""
    ast.increment_lineno(tree, line - 1)
    shown = tree.body if mode == "single" else []
    if mode == "cell" and tree.body and isinstance(tree.body[-1], ast.Expr):
        shown = [tree.body.pop()]
    if mode == "single":
        tree.body = []
    compiled = [compile(tree, file, "exec", dont_inherit=True)]
    # A prompt that holds only a comment compiles to nothing.
    return compiled + ([compile(ast.Interactive(shown), file, "single", dont_inherit=True)] if shown else [])


def _main() -> types.ModuleType:
    module = types.ModuleType("__main__")
    module.__dict__["__builtins__"] = builtins
    return module


def _display(value: object) -> None:
    if value is not None:
        print(repr(value))
