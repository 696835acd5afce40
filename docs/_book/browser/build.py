"""What runs in the reader's browser: the scripts of js/, bundled from npm when the site is built, and the kernel.

Nothing of it is kept in the repository, and nothing comes from another site. Where it cannot be had, no Node or no
network, the book is built without it; with SHALLOWNET_LIVE=required, as in CI, the build fails instead. With
SHALLOWNET_LIVE=off it is left out, and the build is quicker.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from _book.browser import pyodide
from _book.cache import SUMS, MissingError, kept, key, made, run, shared

log = logging.getLogger("mkdocs.plugins.book")

HERE = Path(__file__).parent
FOLDER = "assets/live/"  # in the site
MANIFEST = "manifest"
RECIPE = (HERE / "package-lock.json", Path(__file__))  # what all that is made here depends on
FAULTS = (MissingError, OSError, subprocess.SubprocessError)


def build(cache: Path) -> dict[str, bytes]:
    """Return the files of the live parts by their names below `FOLDER`; none if they cannot be had.

    The script `name.js` becomes `name-HASH.js`. `manifest-HASH.json` maps each name to its file; what scripts share and
    import by itself, a chunk, stands for itself: all that is listed is all that there is.
    """
    if os.environ.get("SHALLOWNET_LIVE") == "off":
        return {}
    try:
        modules = packages()
        files, names = _bundle(modules, cache)
        found = {"kernel.wasm": kernel(modules, cache)}
    except FAULTS as error:
        _without("explorables and its live cells", error)
        return {}
    try:
        parts = {**pyodide.build(modules, cache), "numpy.wasm": loops(modules, cache)}
        found |= {pyodide.FOLDER + name: data for name, data in parts.items()}
    except FAULTS as error:
        _without("live cells", error)
    for name, data in found.items():
        names[name] = hashed(name, data)
        files[names[name]] = data
    names |= {file: file for file in files.keys() - set(names.values())}
    manifest = json.dumps(names, indent=1, sort_keys=True).encode()
    return files | {hashed(f"{MANIFEST}.json", manifest): manifest}


def reason(error: Exception) -> str:
    """Say in one line why something could not be made: the end of what a program said, or of the error's own text."""
    said = error.stderr if isinstance(error, subprocess.CalledProcessError) and error.stderr else str(error)
    return " ".join(said.split())[-300:]


def _without(parts: str, error: Exception) -> None:
    required = os.environ.get("SHALLOWNET_LIVE") == "required"
    # In a strict build a warning is a failure, so it is information where the live parts are optional.
    level = logging.ERROR if required else logging.INFO
    log.log(level, "the book is built without its %s: %s", parts, reason(error))


def hashed(name: str, data: bytes) -> str:
    """Name a file by its content, so that a browser may keep it for ever."""
    stem, dot, suffix = name.rpartition(".")
    return f"{stem}-{hashlib.sha256(data).hexdigest()[:10]}{dot}{suffix}"


def find(files: dict[str, bytes], name: str) -> str | None:
    """Return the address, from the root of the site, of the file that was called `name` before it was hashed."""
    stem, _, suffix = name.rpartition(".")
    found = [FOLDER + file for file in files if file.startswith(f"{stem}-") and file.endswith(f".{suffix}")]
    return found[0] if found else None


def megabytes(files: dict[str, bytes]) -> int:
    """Return how much a reader fetches until all of a chapter has run; 0 without Python."""
    return round(sum(len(data) for name, data in files.items() if name.startswith(pyodide.FOLDER)) / 1e6)


def packages(*, tools: bool = False) -> Path:
    """Install the packages of package-lock.json, once for each state of that file; `tools` are those of the check."""
    for program in ("node", "npm"):
        if not shutil.which(program):
            raise MissingError(f"{program} is not installed")
    lock = HERE / "package-lock.json"

    def install(fresh: Path) -> None:
        for file in (lock, HERE / "package.json"):
            shutil.copy(file, fresh)
        # No script of a package runs here: none of them needs one.
        quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        run(["npm", "ci", *quiet, *([] if tools else ["--omit=dev"])], fresh)

    return made(shared() / "npm" / (key(SUMS, files=[lock]) + ("-tools" if tools else "")), install) / "node_modules"


def _bundle(modules: Path, cache: Path) -> tuple[dict[str, bytes], dict[str, str]]:
    """Bundle and minify each script of js/; return the files, and the name of each script's file."""
    scripts = sorted((HERE / "js").rglob("*.js"))
    entries = [file for file in scripts if not file.name.startswith("_")]  # `_name.js` is only imported

    def bundle() -> dict[str, bytes]:
        with tempfile.TemporaryDirectory() as fresh:
            command = [
                *(str(modules / ".bin" / "esbuild"), *map(str, entries)),
                *("--bundle", "--minify", "--format=esm", "--splitting", "--target=es2022", "--charset=utf8"),
                *(f"--outbase={HERE / 'js'}", f"--outdir={fresh}", "--entry-names=[dir]/[name]-[hash]"),
                *("--chunk-names=chunk-[hash]", "--log-level=warning"),
                *("--external:node:*", "--external:ws"),  # what Pyodide would load under Node
            ]
            run(command, HERE, NODE_PATH=str(modules))
            return {file.relative_to(fresh).as_posix(): file.read_bytes() for file in Path(fresh).rglob("*.js")}

    files = kept(cache / f"live-{key(files=[*RECIPE, *scripts])}", bundle)
    stems = {file.relative_to(HERE / "js").with_suffix("").as_posix() for file in entries}
    names = {stem + ".js": file for file in files if (stem := file.rpartition("-")[0]) in stems}
    return files, names


def kernel(modules: Path, cache: Path) -> bytes:
    """Compile what the explorables compute with."""
    # The page's arrays lie above the kernel's own tables.
    return _compiled(HERE / "kernel" / "index.ts", modules, cache, "--memoryBase", "8192")


def loops(modules: Path, cache: Path) -> bytes:
    """Compile what NumPy lacks in the browser, which works in NumPy's own memory."""
    return _compiled(HERE / "numpy" / "index.ts", modules, cache, "--importMemory")


def _compiled(source: Path, modules: Path, cache: Path, *options: str) -> bytes:
    """Compile AssemblyScript, without its runtime: the page says what lies where."""
    sources = sorted(source.parent.glob("*.ts"))

    def compile_() -> dict[str, bytes]:
        with tempfile.TemporaryDirectory() as name:
            fresh = Path(name)
            for file in sources:
                # A decorator of a function is no TypeScript, so the sources have it as a comment.
                text = file.read_text(encoding="utf-8").replace("// @inline\n", "@inline\n")
                (fresh / file.name).write_text(text, encoding="utf-8")
            command = [
                *(str(modules / ".bin" / "asc"), source.name, "--outFile", wasm),
                *("--runtime", "stub", "--enable", "simd", "-O3", "--noAssert", *options),
            ]
            run(command, fresh)
            return {wasm: (fresh / wasm).read_bytes()}

    wasm = "made.wasm"
    return kept(cache / f"{source.parent.name}-{key(files=[*RECIPE, *sources])}", compile_)[wasm]
