"""What is made once and kept, and the one way to name it: by all that it depends on."""

from __future__ import annotations

import atexit
import contextlib
import errno
import functools
import hashlib
import json
import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from importlib import metadata
from pathlib import Path

from _book import inert
from _book.apart import run_page
from _book.page import Page
from _book.run import BookError, Result

ROOT = Path(__file__).resolve().parents[2]


def within(root: Path) -> Path:
    """Where a repository keeps what is made once, from one build to the next."""
    return root / ".cache" / "book"


CACHE = within(ROOT)
SCORES = "scores.json"  # beside a page's figures
# What a figure depends on: a test compares the imports.
ENGINE = (
    *("apart", "blocks", "board", "cache", "chance", "child", "compare", "exercises", "inert", "interpreter", "labs"),
    *("page", "pictures", "run", "scores"),
)
DRAWING = ("numpy", "matplotlib", "scikit-learn", "scipy")  # the packages that a figure depends on
SUMS = ".sums"  # the list of a folder's files
FRESH = "new-"  # what is being made
# What `key` names; wheels, and what has passed in a browser, are kept under names of their own.
ENTRY = re.compile(r"([a-z]+-)?[0-9a-f]{16,32}(-tools|\.woff2)?|.+\.whl")
# What the machine refuses, whoever asks: a full disk, a file too large, a disk that is read-only or broken.
MACHINE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO}
OCCUPIED = {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR}  # by what is damaged and cannot be removed
DAY = 86_400
UNUSED = 30 * DAY
# Without asserts a page claims nothing, and the library checks less than its tests think.
ASSERTS_OFF = None if __debug__ else "asserts are switched off: run it without -O, and without PYTHONOPTIMIZE"

# Not below MkDocs' own, whose warnings fail a strict build. Without a handler, a warning goes to standard error.
log = logging.getLogger("book")
_said: set[str] = set()


class MissingError(Exception):
    """Something that the live parts are made of cannot be had; its text is one line that says what."""


def key(*parts: object, files: Iterable[Path] = ()) -> str:
    """Name something by what it is made of: values by their `repr`, files by their names and their bytes."""
    found = hashlib.sha256(repr(parts).encode())
    for file in files:
        data = file.read_bytes()
        found.update(f"\0{file.name}\0{len(data)}\0".encode() + data)
    return found.hexdigest()[:24]


@functools.cache
def versions(*names: str) -> tuple[str, ...]:
    """Return the versions of installed packages; finding them takes longer than all else about a page that is kept."""
    found = []
    for name in names:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found.append(f"{name}=={metadata.version(name)}")
    return tuple(found)


def shared() -> Path:
    """Where downloads are kept, for all checkouts of this user; where no home is known, in this one."""
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    with contextlib.suppress(RuntimeError):  # a user who is in no list of users
        # One that is not absolute is to be ignored, says the standard that named it.
        return (named if named.is_absolute() else Path.home() / ".cache") / "shallownet"
    return CACHE / "shared"


# A folder of the cache. Its files are listed in it by their hashes, and the list by its own. What does not fit is told
# and made again; what cannot be kept is told and used.


class DamagedError(Exception):
    """A folder of the cache is not as it was kept; its text says what is wrong with it."""


def kept(folder: Path, make: Callable[[], dict[str, bytes]]) -> dict[str, bytes]:
    """Return the files of a folder of the cache by their names; made if it is not there, or not as it was kept."""
    found = recalled(folder)
    if found is None:
        found = make()
        put(folder, found)
    return found


def recalled(folder: Path, fault: Callable[[dict[str, bytes]], str | None] = lambda _: None) -> dict[str, bytes] | None:
    """Return the files of a folder of the cache by their names, or None; `fault` says what else is wrong with them."""
    for place in _places(folder):
        if os.path.lexists(place):
            try:
                found = dict(_read(place))
                if wrong := fault(found):
                    raise DamagedError(wrong)
            except DamagedError as error:
                _discard(place, str(error))
            else:
                _touch(place)
                return found
    return None


def put(folder: Path, files: dict[str, bytes]) -> None:
    """Keep files, or say why they are not kept: what was made of them is no worse for it."""

    def fill(fresh: Path) -> None:
        for name, data in files.items():
            (fresh / name).parent.mkdir(parents=True, exist_ok=True)
            (fresh / name).write_bytes(data)

    _put(folder, fill)


def made(folder: Path, make: Callable[[Path], None]) -> Path:
    """Return a folder of the cache that programs work in; one build makes it, and the others wait.

    Where it cannot be kept, it lasts as long as this process.
    """
    with contextlib.suppress(OSError):
        folder.parent.mkdir(parents=True, exist_ok=True)
    with alone(folder.parent, f"another build makes {_shown(folder)}: waiting for it"):
        for place in _places(folder):
            if os.path.lexists(place):
                if fault := _damage(place):
                    _discard(place, fault)
                else:
                    _touch(place)
                    return place
        if fresh := _put(folder, make):
            return fresh
    lasting = Path(tempfile.mkdtemp(prefix="book-"))
    atexit.register(shutil.rmtree, lasting, ignore_errors=True)
    make(lasting)
    return lasting


def write(file: Path, data: bytes) -> None:
    """Write a file whole, or say why it is not kept."""
    fresh = None
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=file.parent, prefix=FRESH, delete=False) as opened:
            fresh = Path(opened.name)
            opened.write(data)
        fresh.replace(file)
    except OSError as error:
        say(f"{_shown(file.parent)} cannot be written to ({error.strerror}): what is made is not kept")
        if fresh:
            _remove(fresh)
    sweep(file.parent)


def sweep(folder: Path) -> None:
    """Take out of a folder of the cache what nobody has used for a month, and what builds that were killed left."""
    now = time.time()
    with contextlib.suppress(OSError):
        for entry in list(os.scandir(folder)):
            fresh = entry.name.startswith(FRESH)
            if fresh or ENTRY.fullmatch(entry.name):
                age = now - entry.stat(follow_symlinks=False).st_mtime
                if age > (DAY if fresh else UNUSED):
                    _remove(Path(entry.path))


def say(message: str) -> None:
    """Say something about this machine, once: it is no fault of the book, so no strict build fails of it."""
    if message not in _said:
        _said.add(message)
        log.warning("%s", message)


@contextlib.contextmanager
def alone(folder: Path, waiting: str = "") -> Iterator[None]:
    """Let one process at a time work in a folder, where that can be found out; the end of a process ends it, too."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError, ImportError):
            import fcntl  # which Windows has not

            opened = os.open(folder, os.O_RDONLY)
            stack.callback(os.close, opened)
            try:
                fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if waiting:
                    say(waiting)
                fcntl.flock(opened, fcntl.LOCK_EX)
        yield


def _places(folder: Path) -> list[Path]:
    """Where a folder of the cache is looked for and put, in this order: its own place may be read-only."""
    ours = shared()
    if folder.is_relative_to(ours):
        return [folder, CACHE / "shared" / folder.relative_to(ours)]
    return [folder, ours / "books" / key(str(folder.parent)) / folder.name]


def _discard(place: Path, reason: str) -> None:
    """Take a folder out of the cache, whatever it is; another build sees all of it or nothing."""
    say(f"{_shown(place)} in the cache {reason}: it is made again")
    with contextlib.suppress(OSError):
        dead = Path(tempfile.mkdtemp(dir=place.parent, prefix=FRESH))
        try:
            place.rename(dead / "damaged")
        finally:
            _remove(dead)


def _put(folder: Path, make: Callable[[Path], None]) -> Path | None:
    """Fill a folder of the cache, and return it; renamed when it is whole, so that nobody sees half of it."""
    first = ""
    for place in _places(folder):
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            fresh = Path(tempfile.mkdtemp(dir=place.parent, prefix=FRESH))
        except OSError as error:
            first = first or f"{_shown(folder.parent)} cannot be written to ({error.strerror})"
            continue
        try:
            make(fresh)
            (fresh / SUMS).write_bytes(_listed(place, {name: _sum(data) for name, data in _files(fresh)}))
            if _damage(place):  # else another build was faster
                fresh.rename(place)
        except OSError as error:
            if not _damage(place):  # in the same moment
                return place
            if error.errno not in MACHINE | OCCUPIED:
                raise
            first = first or f"{_shown(folder.parent)} cannot be written to ({error.strerror})"
            continue
        finally:
            if fresh.exists():
                _remove(fresh)
        sweep(place.parent)
        if first:
            say(f"{first}: what is made is kept in {_shown(place.parent)}")
        return place
    say(f"{first}: what is made is not kept")
    return None


def _read(place: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a folder with their names; raise DamagedError where they are not those that were kept."""
    if not place.is_dir():
        raise DamagedError("is no folder")
    try:
        written = (place / SUMS).read_bytes()
    except FileNotFoundError:
        raise DamagedError("has no list of its files") from None
    except OSError as error:
        raise DamagedError(f"cannot be read ({error.strerror})") from None
    lines = written.decode("utf-8", "replace").split("\n")[1:-1]
    listed = {name: found for found, _, name in (line.partition("  ") for line in lines)}
    if written != _listed(place, listed):
        raise DamagedError("has a list of its files that was changed")
    try:
        for name, data in _files(place):
            if name not in listed:
                raise DamagedError(f"has a file too many, {name}")
            if _sum(data) != listed.pop(name):
                raise DamagedError(f"has a file that was changed, {name}")
            yield name, data
    except OSError as error:
        raise DamagedError(f"cannot be read ({error.strerror})") from None
    if listed:
        raise DamagedError(f"lacks a file, {min(listed)}")


def _damage(place: Path) -> str | None:
    """Say what is wrong with a folder of the cache; that it is not there counts."""
    try:
        for _ in _read(place):
            pass
    except DamagedError as error:
        return str(error)
    return None


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield what lies in a folder, in order; of a link, where it leads."""

    def fail(error: OSError) -> None:
        raise error

    for here, folders, files in os.walk(folder, onerror=fail):
        folders.sort()
        links = [name for name in folders if Path(here, name).is_symlink()]
        for name in sorted([*files, *links]):
            file = Path(here, name)
            if file != folder / SUMS:
                data = os.fsencode(os.readlink(file)) if file.is_symlink() else file.read_bytes()
                yield file.relative_to(folder).as_posix(), data


def _sum(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _listed(place: Path, sums: dict[str, str]) -> bytes:
    """Return the list of a folder's files; its first line is the hash of the rest, and of the folder's name."""
    lines = "".join(f"{found}  {name}\n" for name, found in sorted(sums.items()))
    return f"{_sum((place.name + lines).encode())}\n{lines}".encode()


def _touch(place: Path) -> None:
    """Note that a folder is in use."""
    with contextlib.suppress(OSError):
        if time.time() - place.stat().st_mtime > DAY:
            os.utime(place)


def _remove(place: Path) -> None:
    """Remove a file or a folder, as far as that is possible."""
    with contextlib.suppress(OSError):
        if place.is_symlink() or not place.is_dir():
            place.unlink()
            return
        # A folder that cannot be read cannot be emptied.
        place.chmod(0o700)
        for each in place.iterdir():
            if each.is_dir() and not each.is_symlink():
                each.chmod(0o700)
    shutil.rmtree(place, ignore_errors=True)


def _shown(place: Path) -> str:
    """Name a place as a reader of this repository would."""
    return place.relative_to(ROOT).as_posix() if place.is_relative_to(ROOT) else str(place)


def run(command: list[str], folder: Path, **environment: str) -> None:
    """Run a program in a folder; what it says is kept for the message if it fails."""
    subprocess.run(
        command,
        cwd=folder,
        env=os.environ | environment,
        check=True,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )


# What comes of a page


def drawn(page: Page) -> Result | str:
    """Run a page; one that fails is its message. Who asked for it keeps it."""
    try:
        return run_page(page.bare, record=True)
    except BookError as error:
        return str(error)


def draw(page: Page) -> Result:
    """Run a page, or recall it, and return its figures and what its marked asserts met."""
    found = recall(page)
    if found is None:
        found = run_page(page.bare, record=True)
        keep(page, found)
    return found


def recall(page: Page) -> Result | None:
    """Return what `keep` kept of a page, if its blocks are as they were, and so are the engine and the library."""
    figures = recalled(_folder(page), _fault)
    return None if figures is None else Result(figures, json.loads(figures.pop(SCORES)))


def keep(page: Page, found: Result) -> None:
    """Let `recall` return what came of a page that ran from its first block to its last."""
    if not any(map(inert.drawing, found.figures.values())):  # else the build refuses it
        put(_folder(page), {**found.figures, SCORES: json.dumps(found.scores).encode()})


def _fault(files: dict[str, bytes]) -> str | None:
    """Say what is wrong with what was kept of a page, although it was kept like this."""
    try:
        if not isinstance(json.loads(files[SCORES]), dict):
            return f"has {SCORES} that cannot be read"
    except (KeyError, ValueError):
        return f"has no {SCORES} that can be read"
    faults = {name: inert.drawing(data) for name, data in files.items() if name != SCORES}
    return next((f"has a figure that {fault}: {name}" for name, fault in faults.items() if fault), None)


def _folder(page: Page) -> Path:
    """Name everything that a figure depends on; not the prose, which its writer changes most."""
    # A build runs no block that needs a framework.
    runs = [(b.language, b.options, b.code, b.output and b.output.code) for b in page.bare.runs]
    images = [image.target for image in page.images]
    engine = [Path(__file__).with_name(f"{name}.py") for name in ENGINE]
    files = sorted([*(ROOT / "shallownet").glob("**/*.py"), *engine])
    name = Path(page.file).name
    return CACHE / key(name, page.lab, runs, images, sys.version, sys.flags.optimize, versions(*DRAWING), files=files)
