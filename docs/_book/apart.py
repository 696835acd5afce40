"""A page runs in a process of its own: this end asks for its blocks, and sees every way in which the process can end.

The other end is `child`. Where there is no fork, each page starts an interpreter of its own.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import importlib.util
import json
import os
import pickle
import queue
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from _book import child
from _book.blocks import Block
from _book.page import Page
from _book.run import BookError, Result, Shown

LIMIT = 120.0  # seconds for all blocks of a page
WEEKLY = 3600.0  # and of a lab that takes minutes
# On a Mac, what NumPy calculates with does not survive a fork.
FORKS = hasattr(os, "fork") and hasattr(socket, "send_fds") and sys.platform != "darwin"
# What of the environment would make a page another one: asserts off, warnings silent, a tool that watches.
DROPPED = ("PYTHONOPTIMIZE", "PYTHONWARNINGS", "PYTHONINSPECT", "PYTHONSTARTUP", "COV_CORE", "COVERAGE_PROCESS_START")


@functools.cache
def _installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def missing(block: Block) -> tuple[str, ...]:
    """The packages that a block needs and this interpreter, which is also that of the pages, does not have."""
    return tuple(package for package in block.needs if not _installed(package))


def here(page: Page) -> Page:
    """Return a page without the blocks that cannot run here."""
    return page.only(lambda block: not missing(block))


class Apart:
    """A page that runs in a process of its own, block by block, as far as it is asked to."""

    def __init__(self, page: Page, *, record: bool = False, limit: float | None = None) -> None:
        self.page, self.path = page, page.path
        self.limit = limit or (WEEKLY if page.weekly else LIMIT)
        self.left = self.limit
        self.asked = 0
        self.answers: list[list[Shown] | BookError] = []  # of the blocks that have run
        self.finished = False
        self.ended = 0  # the line of the block in which the process ended
        self._process = (_forked if FORKS else _spawned)(child.imports(page))
        self._process.send((page, record, self.limit))

    def ahead(self, count: int) -> None:
        """Ask for the first blocks, and do not wait for them."""
        for index in range(self.asked, count):
            self._process.send(index)
        self.asked = max(self.asked, count)

    def run(self, index: int) -> list[Shown]:
        """Return what a block shows and prints, once all above it have run; raise BookError where it fails."""
        self.ahead(index + 1)
        while len(self.answers) <= index:
            self.answers.append(self._answer(self.page.runs[len(self.answers)]))
        answer = self.answers[index]
        if isinstance(answer, BookError):
            raise answer
        return answer

    def finish(self) -> tuple[Result, BookError | None]:
        """Return what came of a page that has run, and what is wrong with a mark.

        Raises BookError where the page ends badly.
        """
        self.finished = True
        self._process.send(child.FINISH)
        answer: tuple[Result, BookError | None] | BookError = self._answer(self.page.runs[len(self.answers) - 1])
        self.close()
        if isinstance(answer, BookError):
            raise answer
        return answer

    def close(self) -> None:
        """End the process, whatever it does, and remove its folder."""
        self._process.close()

    def _answer(self, block: Block) -> Any:
        """Wait for the next answer; where none comes, say of the block how the process ended."""
        if self.ended:
            message = f"not run, because the block at line {self.ended} ended the page's process"
            return BookError(self.path, block.line, message)
        start = time.monotonic()
        try:
            return self._process.answer(self.left)
        except EndedError as error:
            self.ended = line = block.line
            said, stack = str(error), ""
            if not said:
                said = f"still running when the {self.limit:g} s of its page were over (--page-limit)"
                stack = self._process.stack().rpartition("Timeout (")[2]  # the last, if it was late before
                frames = list(
                    re.finditer(rf'^  File "{re.escape(self.page.file)}", line (\d+).*\n', stack, re.MULTILINE)
                )
                if frames:
                    line, stack = int(frames[0][1]), stack[: frames[-1].end()]
            return BookError(self.path, line, said, stack)
        finally:
            self.left = max(0.0, self.left - (time.monotonic() - start))
            if self.ended:
                self.close()


def run_page(page: Page, *, record: bool = False) -> Result:
    """Run all blocks of a page, apart; raise BookError at the first that fails.

    With `record`, note what marked asserts compare; each of them has to run.
    """
    if not page.runs:
        return Result()
    running = Apart(page, record=record)
    try:
        for index in range(len(page.runs)):
            for shown in running.run(index):
                shown.check(page.path)
        result, wrong = running.finish()
    finally:
        running.close()
    if wrong:
        raise wrong
    return result


class EndedError(Exception):
    """No answer will come: how the process ended, or nothing if its time is over."""


class _Process:
    """The process of a page: what is sent to it, and what comes back through two threads, so that nobody waits."""

    def __init__(self, folder: str, reader: Any, writer: Any, wait: Callable[[], int | None], kill: Any) -> None:
        self.folder, self.writer, self.kill = folder, writer, kill
        self.came: queue.Queue[tuple[str, Any]] = queue.Queue()
        self.code: int | None = None  # how it ended, once it has
        self.closed = self.over = self.ended = False
        self.threads = [
            threading.Thread(target=self._read, args=(reader,), daemon=True),
            threading.Thread(target=lambda: self.came.put(("over", wait())), daemon=True),
        ]
        for thread in self.threads:
            thread.start()

    def send(self, thing: object) -> None:
        """Send; where nobody reads any more, `answer` says why."""
        with contextlib.suppress(OSError, ValueError):
            pickle.dump(thing, self.writer)
            self.writer.flush()

    def answer(self, seconds: float) -> Any:
        """Return the next answer; raise EndedError if none comes."""
        until = time.monotonic() + seconds
        while not (self.closed and self.over):
            # What is left to come after one of the two has closed comes soon.
            patience = 1.0 if self.closed or self.over else until - time.monotonic()
            try:
                kind, value = self.came.get(timeout=max(0.0, patience))
            except queue.Empty:
                if not (self.closed or self.over):
                    raise EndedError from None
                break
            if kind == "answer":
                return value
            self._note(kind, value)
        if not self.over:
            self.close()
            # It was still there; or it had ended, and the server was slow to tell.
            self.code = None if self.code == -child.KILL else self.code
        raise EndedError(_how(self.code))

    def stack(self) -> str:
        """Return where the process hangs, which it writes down shortly before its time is over."""
        file, until = Path(self.folder, child.STACK), time.monotonic() + 1
        with contextlib.suppress(OSError):
            while time.monotonic() < until and not file.stat().st_size:
                time.sleep(0.02)
            return file.read_text(encoding="utf-8", errors="replace")
        return ""

    def close(self) -> None:
        """Kill the process and what it has started, and remove its folder."""
        if self.ended:
            return
        self.ended = True
        self.kill()
        until = time.monotonic() + 10
        while not self.over:
            try:
                self._note(*self.came.get(timeout=max(0.0, until - time.monotonic())))
            except queue.Empty:
                break
        with contextlib.suppress(OSError, ValueError):
            self.writer.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _note(self, kind: str, value: Any) -> None:
        if kind == "closed":
            self.closed = True
        elif kind == "over":
            self.code, self.over = value, True

    def _read(self, reader: Any) -> None:
        # Whatever cannot be read is the end of what can.
        with contextlib.suppress(Exception):
            while True:
                self.came.put(("answer", pickle.load(reader)))
        self.came.put(("closed", None))
        reader.close()


def _how(code: int | None) -> str:
    if code is None:
        return "the block cut the page's process off from the tests, or made it run something else"
    if code >= 0:
        return f"the block ended the page's process, with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"the block ended the page's process, by {name}"


class _Server:
    """The process that forks those of pages, one for this process; started with the first page."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.process: subprocess.Popen[bytes] | None = None
        self.control: socket.socket

    def open(self, names: Sequence[str], folder: str, link: socket.socket, status: socket.socket) -> None:
        """Start a process for a page, which has the other ends of two sockets."""
        with self.lock:
            if self.process is None or self.process.poll() is not None:
                self._start()
            message = json.dumps([names, folder])
            socket.send_fds(self.control, [message.encode()], [link.fileno(), status.fileno()])
            if not self.control.recv(1):
                raise OSError("the process that runs pages has ended; what it said stands above")

    def _start(self) -> None:
        if self.process is not None:
            self.close(self.process, self.control)
        self.control, theirs = socket.socketpair()
        self.control.settimeout(LIMIT)
        with theirs:
            self.process = _python(f"serve({theirs.fileno()})", pass_fds=(theirs.fileno(),), start_new_session=True)
        atexit.register(self.close, self.process, self.control)

    @staticmethod
    def close(process: subprocess.Popen[bytes], control: socket.socket) -> None:
        """End a server, and what it runs."""
        control.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)


_server = _Server()


def _forked(names: Sequence[str]) -> _Process:
    """Start the process of a page by forking the server."""
    folder = tempfile.mkdtemp(prefix="page-")
    ours, theirs = socket.socketpair()
    status, other = socket.socketpair()
    with theirs, other:
        _server.open(names, folder, theirs, other)

    def wait() -> int | None:
        with status, contextlib.suppress(OSError, ValueError):
            return int(status.recv(20))
        return None

    def kill() -> None:
        # The server sees the one; nobody waits for a process that has our end of the other.
        for each, how in ((status, socket.SHUT_WR), (ours, socket.SHUT_RDWR)):
            with contextlib.suppress(OSError):
                each.shutdown(how)

    process = _Process(folder, ours.makefile("rb"), ours.makefile("wb"), wait, kill)
    ours.close()  # once both files are
    return process


def _spawned(names: Sequence[str]) -> _Process:
    """Start the process of a page as an interpreter of its own."""
    folder = tempfile.mkdtemp(prefix="page-")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    process = _python(f"spawned({folder!r}, {names!r})", start_new_session=True, **pipes)
    kill = functools.partial(child.kill, process.pid) if os.name == "posix" else process.kill
    return _Process(folder, process.stdout, process.stdin, process.wait, kill)


def _python(call: str, **options: Any) -> subprocess.Popen[bytes]:
    """Start an interpreter that finds what this one finds, and call a function of `child` there."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(DROPPED)}
    environment["MPLBACKEND"] = "Agg"
    paths = [os.path.abspath(path) for path in sys.path]
    code = f"import sys; sys.path[:] = {paths!r}; from _book import child; child.{call}"
    pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL} | options
    return subprocess.Popen([sys.executable, "-c", code], env=environment, cwd=tempfile.gettempdir(), **pipes)
