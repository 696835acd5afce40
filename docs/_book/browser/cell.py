"""What the browser's worker calls: run a cell of a page, with the engine that tests the page.

One `Space` a page holds its names. Cells and outcomes cross the border as JSON.
"""

from __future__ import annotations

import ast
import contextlib
import copy
import gc
import importlib
import io
import json
import logging
import os
import sys
import time
import traceback
import types
import warnings
from collections.abc import Callable, Iterable, Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import numpy as np

from _book.blocks import Block, Example
from _book.compare import difference
from _book.page import Page
from _book.render import colours
from _book.run import BookError, Session, Step, main, steps

# What is fetched when a block first needs it, by the name it is imported as.
LATER = {"matplotlib": "matplotlib", "sklearn": "digits"}
# Bytes of arrays that a page may hold for the sake of blocks that run again: a phone has little memory, and what a
# browser once gave to Python never comes back.
PAST = 24 << 20

spaces: dict[str, Space] = {}


class Space(Session):
    """A page's names, as `run.Session` has them; nothing of the page but its cells is here."""

    def __init__(self, path: str) -> None:
        super().__init__(Page("", os.path.abspath(path), path))
        self.page = self.file
        self.pieces: list[str] = []  # what the cell being run has printed
        self.before: dict[int, Any] = {}  # by the number of a cell that has run: the names as it found them
        self.lost: set[int] = set()  # cells whose names took too much: to run again, they need those above anew

    def quote(self, file: str, line: int, code: str) -> None:
        """Let tracebacks quote a cell by the line it has on the page."""
        self.file = file
        self.listed(line + 1, code)

    def names(self) -> Any:
        """What the page's names stand for, where its random generators stand, and what its interpreter remembers."""
        generators = [value for value in self.namespace.values() if isinstance(value, np.random.Generator)]
        states = [(each, copy.deepcopy(each.bit_generator.state)) for each in generators]
        return dict(self.namespace), states, (self.interpreter.flags, self.interpreter.last)

    def restore(self, names: Any) -> None:
        """Take the names back to where they were."""
        self.namespace.clear()
        self.namespace.update(names[0])
        for generator, state in names[1]:
            generator.bit_generator.state = state
        self.interpreter.flags, self.interpreter.last = names[2]

    def rewind(self, number: int) -> None:
        """Let a cell that runs again find what it found first, so that what differs is what was edited."""
        if number in self.before:
            self.restore(self.before[number])
        # What has run is always the page down to some cell: those below have to run again.
        self.before = {each: names for each, names in self.before.items() if each < number} | {number: self.names()}
        self.lost = {each for each in self.lost if each < number}

    def thin(self) -> None:
        """Let go of the oldest names, but for the first cell's, until little is held for their sake alone."""
        numbers = sorted(self.before)[1:]
        while numbers and self.past() > PAST:
            number = numbers.pop(0)
            del self.before[number]
            self.lost.add(number)

    def past(self) -> int:
        """How many bytes of arrays are held by names as cells found them, and by none as they are now."""
        now, then = dict(_arrays([self.namespace])), dict(_arrays([names for names, *_ in self.before.values()]))
        return sum(size for array, size in then.items() if array not in now)

    def perform(self, block: Block) -> str | None:
        """Run a cell piece by piece, keep what it prints, and return the first difference to the page."""
        module = main() if block.standalone else self.module
        message = None
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.place(module))
            stack.callback(self.collect, block)
            for step in steps(block):
                printed, error = self.execute(step, module.__dict__)
                self.pieces.append(printed)
                shown = self.judge(step, printed, error)
                if error is not None:
                    self.pieces.append("".join(traceback.format_exception_only(error)))
                message = message or shown.difference
        return message

    def edited(self, code: str) -> None:
        """Run what the reader wrote like a session: the value of each expression is shown."""
        printed = io.StringIO()
        interpreter = self.interpreter
        try:
            with self.place(self.module), contextlib.redirect_stdout(printed), interpreter.showing(_display):
                tree = ast.Interactive(interpreter.parse(code, self.file, prompt=False).body)
                exec(interpreter.compile(tree, self.file), self.namespace)
        except BaseException as error:
            raise self.describe(error, 1) from None
        finally:
            self.pieces.append(printed.getvalue())
            self.collect(None)

    @contextlib.contextmanager
    def place(self, module: types.ModuleType) -> Iterator[None]:
        """Be the reader's own session, with Matplotlib if it has been fetched."""
        self.draws = "matplotlib" in loaded()
        if self.draws:
            _settle(self.namespace)
        with super().place(module):
            yield

    def collect(self, block: Block | None) -> None:
        """Take every picture that a cell saved; the reader may name them as they like."""
        for file in sorted(self.folder.glob("*.svg")):
            self.figures[file.name] = file.read_bytes()
            file.unlink()

    def describe(self, error: BaseException, line: int) -> BookError:
        """Describe an exception; of its traceback, what the reader wrote."""
        found = super().describe(error, line)
        own = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in self.lines]
        head = ["Traceback (most recent call last):\n", *traceback.StackSummary.from_list(own).format()] if own else []
        found.detail = "".join([*head, *traceback.format_exception_only(error)]).replace(self.page, self.path)
        return found


def needs(space: str, code: str) -> list[str]:
    """Return what has to be fetched before a cell can run; `import matplotlib.pyplot` alone needs nothing yet."""
    waiting = {name: archive for name, archive in LATER.items() if name not in loaded()}
    try:
        # Of a session, the prompts go; of what it shows, what still reads as Python does no harm.
        tree = ast.parse("".join(e.source for e in _examples(code)) or code)
    except SyntaxError:
        return []
    lazy = {name for name, value in _names(space).items() if isinstance(value, _Later)}
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                if top == "matplotlib":
                    lazy.add(alias.asname or top)
                found.add(top if top != "matplotlib" else "")
        elif isinstance(node, ast.ImportFrom):
            if node.module == "matplotlib" and [alias.name for alias in node.names] == ["pyplot"]:
                lazy.add(node.names[0].asname or "pyplot")
            else:
                found.add((node.module or "").partition(".")[0])
    if any(isinstance(node, ast.Name) and node.id in lazy for node in ast.walk(tree)):
        found.add("matplotlib")
    return [archive for name, archive in waiting.items() if name in found]


def run(space: str, given: str) -> str:
    """Run a cell; return its outcome."""
    cell = json.loads(given)
    page = spaces.setdefault(space, Space(cell.get("path") or "page.md"))
    line, code, wanted = cell.get("line", 0), cell["code"].rstrip("\n") + "\n", cell.get("output")
    name = cell.get("name")  # by which the reader knows the cell, whose lines then count from 1

    def go() -> str | None:
        if "number" in cell and not cell.get("standalone"):
            page.rewind(cell["number"])
        if cell["language"] == "edited":
            page.quote(name or f"edited block of line {line}", 0, code)
            page.edited(code)
            return None if wanted is None else difference(wanted, "".join(page.pieces))
        page.quote(name or page.page, line, code)
        output = None if wanted is None else Block(page.page, line, "output", wanted)
        options = {"standalone": ""} if cell.get("standalone") else {}
        number = int(page.page.endswith(".ipynb"))
        return page.perform(Block(page.page, line, cell["language"], code, options=options, output=output, cell=number))

    outcome = _outcome(page, go, dict(cell.get("figures") or {}))
    if page.figures:
        page.figures.clear()
        gc.collect()  # a figure is a knot of references
    page.thin()
    return json.dumps(outcome | {"lost": sorted(page.lost)})


def check(space: str, given: str) -> str:
    """Run the reader's answer on a copy of the page's names, then each assertion on what it left."""
    exercise = json.loads(given)
    # The page's own functions have its names, not the copies: for the while of the check, those above the exercise.
    page = spaces.setdefault(space, Space("page.md"))
    now = page.names()
    page.restore(page.before.get(exercise.get("number"), now))
    trial = Space("exercise")
    memo: dict[int, object] = {}
    for name, value in _names(space).items():
        try:
            trial.namespace[name] = copy.deepcopy(value, memo)
        except Exception:  # a module, a generator: nothing that an answer would change
            trial.namespace[name] = value
    for name in exercise.get("names", ()):
        trial.namespace.pop(name, None)  # the page's own solution may have run
    trial.interpreter.flags = page.interpreter.flags
    answer = exercise["code"].rstrip("\n") + "\n"
    trial.quote("your answer", 0, answer)
    failed: str | None = None

    def go() -> str | None:
        nonlocal failed
        trial.edited(exercise["code"])
        for source in exercise["assertions"]:
            with trial.place(trial.module):
                _, error = trial.execute(Step(source, answer.count("\n") + 1, "none"), trial.namespace)
            if error is not None:
                failed = source
            if isinstance(error, AssertionError):
                return str(error) or f"this does not hold: {source}"
            if error is not None:
                raise trial.describe(error, 1)
        return None

    outcome = _outcome(trial, go, {})
    page.restore(now)
    return json.dumps(outcome | {"failed": failed})


def forget(space: str) -> None:
    """Drop a page's names, and what they held."""
    spaces.pop(space, None)
    gc.collect()


def _outcome(page: Space, go: Callable[[], str | None], alt: dict[str, str]) -> dict[str, object]:
    """Run something on a page and say what came of it."""
    page.pieces, traced, line = [], None, None
    page.figures.clear()
    start = time.perf_counter()
    try:
        message = go()
        state = "differs" if message else "ok"
    except BookError as error:
        state, message, traced, line = "error", error.message, error.detail, error.line
    except BaseException as error:  # such as an interrupt, which the engine leaves to pytest
        state, message = "error", f"{type(error).__name__}: {error}".splitlines()[0]
    seconds = time.perf_counter() - start
    pictures = [
        {"name": name, "svg": colours.inline(svg.decode(), name, alt.get(name, name))}
        for name, svg in page.figures.items()
    ]
    output = "".join(page.pieces)
    found = {"state": state, "output": output, "message": message, "traceback": traced}
    return found | {"figures": pictures, "seconds": seconds, "line": line}


def loaded() -> set[str]:
    """Which of `LATER` are here."""
    return {name for name in LATER if Path(sys.path[-1], name).is_dir()}


def _arrays(values: Iterable[object]) -> Iterator[tuple[int, int]]:
    """Yield the arrays that are reached from some values, and how many bytes each takes."""
    seen: set[int] = set()
    waiting = list(values)
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, np.ndarray):
            if isinstance(value.base, np.ndarray):
                waiting.append(value.base)
            else:
                yield id(value), value.nbytes
        elif isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list | tuple | set):
            # Long lists are of numbers.
            waiting += [each for each in value if not isinstance(each, int | float | str)]
        elif not isinstance(value, types.ModuleType | type) and not type(value).__module__.startswith("matplotlib"):
            waiting += getattr(value, "__dict__", {}).values()


def _names(space: str) -> dict[str, object]:
    return spaces[space].namespace if space in spaces else {}


def _examples(code: str) -> list[Example]:
    return Block("", 1, "pycon", code).examples


def _display(value: object) -> None:
    """Show the value of an expression; a part of a figure says nothing as text."""
    first = value[0] if isinstance(value, list | tuple) and value else value
    if not type(first).__module__.startswith("matplotlib"):
        print(repr(value))


class _Later(types.ModuleType):
    """Stands for Matplotlib until a block draws: the first block of a page only imports it."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        message = f"{self.__name__} is not here yet: name it, or `import` it as a name, in the block that draws"
        raise ImportError(message)


class _Finder:
    """Finds Matplotlib where it has not been fetched."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name in ("matplotlib", "matplotlib.pyplot") and "matplotlib" not in loaded():
            loader: Any = _Finder
            return ModuleSpec(name, loader, is_package=True)
        return None

    @staticmethod
    def create_module(spec: ModuleSpec) -> types.ModuleType:
        return _Later(spec.name)

    @staticmethod
    def exec_module(module: types.ModuleType) -> None:
        pass


def _settle(names: dict[str, object]) -> None:
    """Put Matplotlib, now that it is here, where a page has what stood for it."""
    for name in ("matplotlib", "matplotlib.pyplot"):
        if isinstance(sys.modules.get(name), _Later):
            del sys.modules[name]
            importlib.invalidate_caches()
    # It misses its own 3D axes and most of its fonts, which no page draws with.
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, value in list(names.items()):
            if isinstance(value, _Later):
                names[name] = importlib.import_module(value.__name__)


sys.meta_path.append(_Finder)
