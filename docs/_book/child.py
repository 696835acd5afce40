"""The process in which a page runs, and the server that forks it: what a page finds there, and what is noticed of it.

The server has imported NumPy, Matplotlib and scikit-learn and nothing of a page, so that a page starts in milliseconds
and still finds what a fresh interpreter has. `apart` is the other end of both.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import faulthandler
import gc
import importlib
import io
import json
import os
import pickle
import re
import selectors
import shutil
import signal
import site
import socket
import sys
import tempfile
import threading
import time
import traceback
import types
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from _book import compare, scores
from _book.blocks import Block
from _book.page import Page
from _book.run import BookError, Result, Session, Shown, Step, draws

# Imported before the first page comes, or the first that draws, or that names scikit-learn: what is slow to import, and
# safe to share.
SHARED = ("numpy",)
DRAWING = ("matplotlib.pyplot", "matplotlib.backends.backend_svg", "matplotlib.backends.backend_agg")
LEARNING = ("sklearn.datasets",)
KILL = 9
STACK = "stack"  # the file that says where a page hangs
FINISH = -1  # asked for instead of a block: what came of the page

# What changes a file, as Python's audit events name it, and which of their arguments are its paths.
CHANGES = {
    "os.chmod": (0,),
    "os.link": (1,),
    "os.mkdir": (0,),
    "os.remove": (0,),
    "os.rename": (0, 1),
    "os.rmdir": (0,),
    "os.symlink": (1,),
    "os.truncate": (0,),
    "os.utime": (0,),
    "shutil.rmtree": (0,),
    "sqlite3.connect": (0,),
}
# What starts another program, whose writing nothing here hears of: so the folders of the book are looked at before and
# after. No other page pays for that, nor is blamed for what somebody writes there meanwhile.
STARTS = frozenset(
    ("os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.startfile", "os.system", "subprocess.Popen")
)
ROOT = Path(__file__).resolve().parents[2]
LOOKED_AT = tuple(str(ROOT / name) for name in ("shallownet", "docs", "tests"))
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

Answer = list[Shown] | tuple[Result, BookError | None] | BookError


class Caught:
    """A file that stands for standard output or standard error, whoever writes to it: Python, C, another process."""

    def __init__(self, fd: int, path: Path) -> None:
        # Appending: what is written after it was emptied starts at its start.
        self.file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0))
        os.dup2(self.file, fd)

    def take(self) -> str:
        """Return what was written since the last time."""
        size = os.fstat(self.file).st_size
        if not size:
            return ""
        os.lseek(self.file, 0, os.SEEK_SET)
        data = os.read(self.file, size)
        os.ftruncate(self.file, 0)
        return data.decode("utf-8", "backslashreplace")


class Alone(Session):
    """A session that has a process for itself: what the page prints anywhere, leaves open or breaks, is noticed."""

    def __init__(self, page: Page, recorder: scores.Recorder | None, base: Path, limit: float) -> None:
        super().__init__(page, recorder)
        self.page, self.left = page, limit
        self.stack = (base / STACK).open("wb")
        self.out, self.err = Caught(1, base / "stdout"), Caught(2, base / "stderr")
        self.faults: list[BookError] = []  # what could not be raised where it happened
        self.last = 0  # the line of the block that ran last
        self.step = 0  # the line of what runs
        self.noise = 0  # the line that wrote to standard error
        self.broken = 0  # the line of the block that failed
        self.dying = ""  # the name that goes, when the page has ended
        self.starts = False  # whether the block has started another program
        self.started = 0  # the line that started one last
        self.before: dict[str, tuple[int, int]] | None = None  # the book's files before the first such program
        sys.stdout = sys.__stdout__ = _stream(1)  # type: ignore[misc]
        sys.stderr = sys.__stderr__ = _stream(2, self._heard)  # type: ignore[misc]
        sys.unraisablehook = self._unraisable
        threading.excepthook = self._thread
        kept = os.path.realpath(self.folder.parent)
        watched = {"open", *CHANGES, *STARTS}
        sys.addaudithook(lambda event, arguments: self._audit(kept, event, arguments) if event in watched else None)

    def timed(self, index: int) -> Answer:
        """Answer, and shortly before the page's time is over write down where it is, for those who then end it."""
        start = time.monotonic()
        faulthandler.dump_traceback_later(max(0.01, 0.95 * self.left), file=self.stack)
        try:
            return self.answer(index)
        finally:
            faulthandler.cancel_dump_traceback_later()
            self.left -= time.monotonic() - start

    def answer(self, index: int) -> Answer:
        """Run a block by its place among those that run, or finish the page."""
        if index == FINISH:
            return self._guarded(self.finish, self.last)
        block = self.page.runs[index]
        if self.broken and not block.standalone:
            return BookError(self.path, block.line, f"not run, because the block at line {self.broken} fails")
        self.last, self.starts = block.line, False
        found = self._guarded(lambda: self.run(block, check=False), block.line)
        if isinstance(found, BookError):
            self._forget()
            if not block.standalone:  # which leaves no names that those below could miss
                self.broken = block.line
        return found

    def finish(self) -> tuple[Result, BookError | None]:
        """End as an interpreter does; return the figures and scores, and what is wrong with a mark."""
        self.step = self.last
        result, wrong = Result(self.figures), None
        try:
            result.scores = self.scores()
        except BookError as error:
            wrong = error
        with self.place(self.module):
            getattr(threading, "_shutdown")()  # noqa: B009 - waits for threads, and ends those of idle pools
            getattr(atexit, "_run_exitfuncs")()  # noqa: B009
            for name in [name for name in self.namespace if name != "__builtins__"]:
                self.dying = name
                self.namespace.pop(name, None)
            self.dying = ""
            self.namespace.clear()
            gc.collect()
            self._quiet(self.last)
        self._untouched()
        if left := self.out.take():
            raise BookError(self.path, self.last, f"the page prints when it has ended: {compare.quote(left)}")
        return result, wrong

    @contextlib.contextmanager
    def printing(self) -> Iterator[Callable[[], str]]:
        """Catch what a step prints to standard output, by whatever way."""
        yield self._printed

    @contextlib.contextmanager
    def place(self, module: types.ModuleType) -> Iterator[None]:
        """Be the reader's own session; a warning is an error, since the reader would see it."""
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for category in (DeprecationWarning, PendingDeprecationWarning):  # as Python shows them: ours, not others'
                warnings.filterwarnings("ignore", category=category)
            ours = rf"(__main__|shallownet)(\.|$)|{re.escape(self.file)}"  # the last where it is parsed
            warnings.filterwarnings("error", category=DeprecationWarning, module=ours)
            with super().place(module):
                yield

    def execute(self, step: Step, names: dict[str, object]) -> tuple[str, BaseException | None]:
        """Run a step, and remember where it stands."""
        self.step = step.line
        try:
            return super().execute(step, names)
        except KeyboardInterrupt as error:  # of the page itself: a terminal's does not come here
            return self._printed(), error

    def judge(self, step: Step, printed: str, error: BaseException | None) -> Shown:
        """Set what was printed beside what the page shows; whatever else was heard of it is a fault."""
        shown = super().judge(step, printed, error)
        self._quiet(step.line)
        return shown

    def collect(self, block: Block) -> None:
        """Take the figures, and look at what the block leaves behind."""
        gc.collect(1)  # what is new; all of it, once the page has ended: what it has imported is much
        self._quiet(block.line)
        if self.starts:
            self._untouched()
        if any(isinstance(thread, threading.Timer) for thread in threading.enumerate()):
            raise BookError(self.path, block.line, "a timer still runs when the block has ended: join or cancel it")
        super().collect(block)

    def _guarded(self, work: Callable[[], Answer], line: int) -> Answer:
        try:
            return work()
        except BookError as error:
            return error
        except BaseException as error:  # the engine's own, and what reaches it at a bad moment
            return self.describe(error, line)

    def _forget(self) -> None:
        """Drop what was heard of a block that has failed: the next answers for its own."""
        _flush()
        self.out.take()
        self.err.take()
        self.faults.clear()
        self.noise = 0
        self.before = None

    def _printed(self) -> str:
        _flush()
        return self.out.take()

    def _quiet(self, line: int) -> None:
        """Raise BookError for what was heard besides standard output."""
        _flush()
        text, line, self.noise = self.err.take(), self.noise or line, 0
        faults, self.faults = self.faults, []
        if faults:
            raise faults[0]
        if text:
            said = compare.quote(text.strip().splitlines()[0] if text.strip() else text)
            message = f"printed to standard error, which the page does not show: {said}"
            raise BookError(self.path, line, message, text)

    def _line(self) -> int:
        """The line of the page that runs, or 0 in what does not come from it."""
        frame: types.FrameType | None = sys._getframe(1)
        while frame and frame.f_code.co_filename != self.file:
            frame = frame.f_back
        return frame.f_lineno if frame else 0

    def _heard(self) -> None:
        self.noise = self.noise or self._line()

    def _fault(self, error: BaseException, where: str) -> None:
        found = self.describe(error, self._line() or self._given(self.dying) or self.step)
        self.faults.append(BookError(self.path, found.line, f"{found.message} ({where})", found.detail))

    def _given(self, name: str) -> int:
        """The line that gave a name its last value, as far as it can be read off the page; or 0."""
        wanted = re.compile(rf"^(?:>>> |\.\.\. )?\s*(?:[\w, ]*\b)?{re.escape(name)}\b[\w, ]*=(?!=)")
        lines = [
            block.line + 1 + number
            for block in self.page.runs
            for number, code in enumerate(block.code.split("\n"))
            if name and not block.standalone and wanted.match(code)
        ]
        return lines[-1] if lines else 0

    def _unraisable(self, unraisable: sys.UnraisableHookArgs) -> None:
        self._fault(unraisable.exc_value or unraisable.exc_type(), "where Python can only report it")

    def _thread(self, thread: threading.ExceptHookArgs) -> None:
        if thread.exc_type is not SystemExit:  # which ends a thread without a word
            self._fault(thread.exc_value or thread.exc_type(), "in a thread")

    def _untouched(self) -> None:
        """Raise BookError where a program that the page started has written among the book's files."""
        if self.before is None:
            return
        now = _files()
        if changed := sorted(file for file, _ in self.before.items() ^ now.items()):
            name = Path(changed[0]).relative_to(ROOT).as_posix()
            message = f"a program that the page starts writes outside its folder: {name}"
            raise BookError(self.path, self.started, message)

    def _audit(self, kept: str, event: str, arguments: tuple[Any, ...]) -> None:
        """Keep the page in its folder: it writes neither beside the library nor into anyone's home."""
        if event in STARTS:
            self.starts, self.started = True, self._line() or self.step
            self.before = _files() if self.before is None else self.before
            return
        if event == "open":
            paths = arguments[:1] if isinstance(arguments[2], int) and arguments[2] & WRITES else ()
        else:
            # Relative to an open folder, it is part of something that was looked at before.
            apart = event != "shutil.rmtree" and any(isinstance(each, int) and each > 2 for each in arguments[-1:])
            paths = () if apart else tuple(arguments[at] for at in CHANGES[event])
        for path in paths:
            if path is None or isinstance(path, int):
                continue
            file = os.path.realpath(os.fsdecode(path))
            # With a file that has no name, the folder itself is opened.
            if not (file + os.sep).startswith((kept + os.sep, "/dev/")) and "__pycache__" not in file:
                error = PermissionError(f"the page writes outside its folder: {os.fsdecode(path)}")
                self._fault(error, "a block writes into the current folder")
                raise error


def live(reader: BinaryIO, writer: BinaryIO, base: Path) -> None:
    """Run a page that comes through a pipe, block by block as it is asked to."""
    # What the page does to `pickle` is its own affair.
    load, dump = pickle.load, pickle.dump
    page, record, limit = load(reader)
    _settle(base)
    session = Alone(page, scores.Recorder() if record else None, base, limit)
    with contextlib.suppress(EOFError):
        while True:
            dump(session.timed(load(reader)), writer)
            writer.flush()


def serve(fd: int) -> None:
    """Fork a process for each page that is asked for through a socket; tell how each ends; end all when that closes.

    What comes is what the page finds imported, its folder, and the ends of two sockets: one for the page, one on which
    the server answers with the exit code. When the other end of that one closes, the page's process is killed, with all
    that it has started.
    """
    control = socket.socket(fileno=fd)
    _import(SHARED)
    woken, wake = socket.socketpair()
    woken.setblocking(False)
    wake.setblocking(False)
    signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    pages: dict[int, tuple[socket.socket, str]] = {}
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        selector.register(woken, selectors.EVENT_READ)
        while True:
            for event, _ in selector.select():
                if event.fileobj is control:
                    message, fds, _, _ = socket.recv_fds(control, 4096, 2)
                    if not message:
                        for pid, (_, folder) in pages.items():
                            kill(pid)
                            shutil.rmtree(folder, ignore_errors=True)
                        return
                    for each in fds:
                        os.set_inheritable(each, False)  # nothing that a page starts holds them
                    link, status = (socket.socket(fileno=each) for each in fds)
                    names, folder = json.loads(message)
                    _import(names)
                    pid = os.fork()
                    if not pid:
                        _child(link, folder, [control, woken, wake, status, *(s for s, _ in pages.values())])
                    link.close()
                    pages[pid] = status, folder
                    selector.register(status, selectors.EVENT_READ, pid)
                    control.sendall(b".")
                elif event.fileobj is woken:
                    with contextlib.suppress(BlockingIOError):
                        woken.recv(4096)
                    _reap(pages, selector)
                elif event.data in pages:
                    selector.unregister(event.fileobj)
                    kill(event.data)


def spawned(base: str, names: Sequence[str]) -> None:
    """Be the process of one page, where there is no fork: it comes through standard input."""
    reader, writer = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    _import(names)
    live(reader, writer, Path(base))
    os._exit(0)


def kill(pid: int) -> None:
    """Kill a page's process, which may not lead its group yet, and its group."""
    for send in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            send(pid, KILL)


def _child(link: socket.socket, base: str, others: list[socket.socket]) -> None:
    """Become the process of a page; there is no way back."""
    stderr = os.dup(2)
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        for each in others:
            each.close()
        live(link.makefile("rb"), link.makefile("wb"), Path(base))
        os._exit(0)
    except OSError:  # it was cut off, or its folder is gone
        os._exit(1)
    except BaseException:  # a fault of this module, which would be seen nowhere
        os.write(stderr, traceback.format_exc().encode())
    finally:
        os._exit(1)


def _reap(pages: dict[int, tuple[socket.socket, str]], selector: selectors.BaseSelector) -> None:
    """Clean up behind the processes that have ended, and say how they did."""
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            answers, folder = pages.pop(pid)
            kill(pid)  # what it has started
            shutil.rmtree(folder, ignore_errors=True)
            with contextlib.suppress(KeyError):
                selector.unregister(answers)
            with contextlib.suppress(OSError):
                answers.sendall(str(os.waitstatus_to_exitcode(status)).encode())
            answers.close()


def imports(page: Page) -> tuple[str, ...]:
    """What is imported before a page runs."""
    drawing, learning = DRAWING if draws(page) else (), LEARNING if "sklearn" in page.text else ()
    return SHARED + drawing + learning


def _import(names: Sequence[str]) -> None:
    if any(name not in sys.modules for name in names):
        for name in names:
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
        gc.collect()
        gc.freeze()  # a page's collections need not look at what was here before


def _files() -> dict[str, tuple[int, int]]:
    """The files of the book and the library: when each was written last, and how long it is."""
    found = {}
    for top in LOOKED_AT:
        for folder, folders, names in os.walk(top):
            folders[:] = [name for name in folders if name not in ("__pycache__", "node_modules") and name[0] != "."]
            for file in (os.path.join(folder, name) for name in names):
                with contextlib.suppress(FileNotFoundError):  # somebody's editor, just now
                    seen = os.stat(file)
                    found[file] = seen.st_mtime_ns, seen.st_size
    return found


def _settle(base: Path) -> None:
    """Let a page find a process without a home, with a folder of its own and a chance of its own."""
    home, temporary = base / "home", base / "tmp"
    for folder in (home, temporary):
        folder.mkdir(exist_ok=True)
    numpy, matplotlib = sys.modules.get("numpy"), sys.modules.get("matplotlib")
    # Where it knows its fonts: for what the page starts, too.
    os.environ["MPLCONFIGDIR"] = matplotlib.get_cachedir() if matplotlib else str(temporary)
    os.environ["PYTHONUSERBASE"] = site.getuserbase()
    for name in [name for name in os.environ if name.startswith("XDG_")]:
        del os.environ[name]
    os.environ["KERAS_HOME"] = str(temporary / "keras")  # where it writes its settings when it is imported
    os.environ |= {"HOME": str(home), "USERPROFILE": str(home), "TMPDIR": str(temporary), "TEMP": str(temporary)}
    tempfile.tempdir = str(temporary)
    if numpy:
        numpy.random.seed()  # or all pages would draw what the server would have drawn
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    sys.stdin = sys.__stdin__ = open(0, encoding="utf-8", closefd=False)  # type: ignore[misc] # noqa: SIM115


class _Stream(io.TextIOWrapper):
    """A stream that keeps nothing back, and tells when it is written to."""

    heard: Callable[[], None] | None = None

    def write(self, text: str) -> int:
        if self.heard:
            self.heard()
        return super().write(text)


def _stream(fd: int, heard: Callable[[], None] | None = None) -> _Stream:
    raw: Any = io.FileIO(fd, "w", closefd=False)
    stream = _Stream(raw, "utf-8", "backslashreplace", newline="\n", write_through=True)
    stream.heard = heard
    return stream


def _flush() -> None:
    """Bring to its file what C keeps back; Python's own streams keep nothing."""
    if os.name == "posix":
        ctypes.CDLL(None).fflush(None)
