"""What is made once and kept, and the one way to name it: by all that it depends on."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from importlib import metadata
from pathlib import Path

from _book.page import Page
from _book.run import BookError, Result, run_page

ROOT = Path(__file__).resolve().parents[2]


def within(root: Path) -> Path:
    """Where a repository keeps what is made once, from one build to the next."""
    return root / ".cache" / "book"


CACHE = within(ROOT)
SCORES = "scores.json"  # beside a page's figures
# What a figure depends on: a test compares the imports.
ENGINE = ("blocks", "board", "cache", "compare", "exercises", "labs", "page", "run", "scores")
DRAWING = ("numpy", "matplotlib", "scikit-learn", "scipy")  # the packages that a figure depends on


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
    """Where downloads are kept, for all checkouts of this user."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "shallownet"


def made(folder: Path, make: Callable[[Path], None]) -> Path:
    """Return a folder of the cache, made the first time; renamed when it is whole, so that nobody sees half of it."""
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=folder.parent, prefix="new-"))
        make(fresh)
        try:
            fresh.rename(folder)
        except OSError:  # another build was faster
            shutil.rmtree(fresh, ignore_errors=True)
    return folder


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
    """Draw a page, for a process that does nothing else; a page that fails is its message."""
    try:
        return draw(page)
    except BookError as error:
        return str(error)


def draw(page: Page) -> Result:
    """Run a page, or recall it, and return its figures and what its marked asserts met."""
    found = recall(page)
    if found is None:
        found = run_page(page, record=True)
        keep(page, found)
    return found


def recall(page: Page) -> Result | None:
    """Return what `keep` kept of a page, if its blocks are as they were, and so are the engine and the library."""
    folder = _folder(page)
    if not folder.is_dir():
        return None
    figures = {file.name: file.read_bytes() for file in sorted(folder.glob("*.svg"))}
    return Result(figures, json.loads((folder / SCORES).read_text(encoding="utf-8")))


def keep(page: Page, found: Result) -> None:
    """Let `recall` return what came of a page that ran from its first block to its last."""

    def write(fresh: Path) -> None:
        for name, svg in found.figures.items():
            (fresh / name).write_bytes(svg)
        (fresh / SCORES).write_text(json.dumps(found.scores), encoding="utf-8")

    made(_folder(page), write)


def _folder(page: Page) -> Path:
    """Name everything that a figure depends on; not the prose, which its writer changes most."""
    runs = [(b.language, b.options, b.code, b.output and b.output.code) for b in page.runs]
    images = [image.target for image in page.images]
    engine = [Path(__file__).with_name(f"{name}.py") for name in ENGINE]
    files = sorted([*(ROOT / "shallownet").glob("**/*.py"), *engine])
    name = Path(page.file).name
    return CACHE / key(name, page.lab, runs, images, sys.version, versions(*DRAWING), files=files)
