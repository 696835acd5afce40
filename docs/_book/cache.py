"""How figures and the live parts are made once and kept: what every step of it needs."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path


class MissingError(Exception):
    """Something that the live parts are made of cannot be had; its text is one line that says what."""


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
