"""Python for the reader's browser: Pyodide, NumPy, Matplotlib and this commit's own library, packed small.

Pyodide's npm package brings the interpreter and pyodide-lock.json, which has the sha256 of every wheel of that release:
the root of trust. A wheel that is not the lock's is refused, wherever it came from. What no block needs is left out,
the rest compiled by Pyodide's own interpreter: compiling is most of what a start in the browser would do.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import tempfile
import zipfile
from pathlib import Path

from _book.browser.wheels import wheel
from _book.cache import kept, key, run, shared, versions

HERE = Path(__file__).parent
BOOK = HERE.parent
ROOT = BOOK.parents[1]
FOLDER = "runtime/"  # below the live parts
# What a figure needs, in the lock's names. pytz is asked for by no import of Matplotlib.
DRAWING = (
    "matplotlib",
    "contourpy",
    "cycler",
    "kiwisolver",
    "packaging",
    "pillow",
    "pyparsing",
    "python-dateutil",
    "six",
)
# The engine's modules that run a block in the browser, as in a test.
ENGINE = (
    *("__init__", "blocks", "board", "chance", "compare", "exercises", "interpreter", "labs", "page", "pictures"),
    *("run", "scores"),
    *("render/__init__", "render/colours", "browser/__init__", "browser/cell"),
)

# What a browser's worker cannot use, or no block would: processes, sockets, mail, windows, tools for developers.
STDLIB = re.compile(
    r"(ensurepip|http|idlelib|lib2to3|multiprocessing|pydoc_data|site-packages|tkinter|turtledemo|wsgiref|xml|xmlrpc"
    r"|zoneinfo)/|(asyncio/(proactor_events|windows_\w+)|concurrent/futures/process|logging/(config|handlers)"
    r"|urllib/(request|robotparser)|_pyio|aifc|antigravity|bdb|cProfile|cgi|cgitb|chunk|compileall"
    r"|crypt|doctest|ftplib|imaplib|imghdr|mailbox|mailcap|modulefinder|netrc|nntplib|optparse|pdb|pickletools|pipes"
    r"|plistlib|poplib|profile|pstats|pty|py_compile|pyclbr|smtplib|sndhdr|socketserver|sunau|tabnanny|telnetlib|this"
    r"|trace|tty|turtle|uu|wave|webbrowser|xdrlib|zipapp)\.py"
    r"|encodings/(?!(__init__|aliases|ascii|cp437|cp1252|idna|latin_1|mac_roman|punycode|\w*unicode_escape|utf_\w+)\.py)"
)
NUMPY = re.compile(
    r"[^/]*\.dist-info/|.*/(tests|include|lib/pkgconfig)/|.*\.(pyi|pxd|a|h|ini|typed|c|cpp|f|f90|pyf|src)$"
    r"|numpy/(f2py|distutils|_pyinstaller|doc)/|numpy/(conftest|_configtool)\.py|numpy/testing/print_coercion"
    r"|numpy/_core/_(simd|(?!multiarray)\w+_tests)\.cpython|numpy/linalg/lapack_lite"
)
KEPT_FONTS = "DejaVuSans(-Oblique|Display|Mono)?|cm(ex|mi|r|sy)10"
PLOTS = re.compile(
    r"[^/]*\.(dist-info|data)/|.*/tests/|.*\.(pyi|typed|orig)$|mpl_toolkits/|matplotlib/testing/"
    rf"|matplotlib/mpl-data/(?!matplotlibrc$|fonts/ttf/({KEPT_FONTS})\.ttf$|stylelib/[a-z]\w*\.mplstyle$)"
    r"|matplotlib/backends/(web_backend|qt_editor|_backend_(gtk|tk)|_tkagg|backend_(?!agg|svg|mixed)|qt_compat)"
    r"|matplotlib/(_qhull|_tri\.cpython|_ttconv|_type1font|sphinxext|backends/_backend_pdf)"
    r"|PIL/(?!__init__|_version|_util|_deprecate|_binary|_imaging\.|_typing|Exif|Tiff|Png|Image(|Chops|Color|File|Mode"
    r"|Palette|Sequence)\.py|GimpGradient|GimpPalette|PaletteFile)|dateutil/(zoneinfo|tzwin|easter)|packaging/licenses/"
)

Tree = dict[str, bytes]  # what lies below a folder


def build(modules: Path, cache: Path) -> dict[str, bytes]:
    """Return the files of the runtime by name: `NAME.gz` hold what the worker puts together, one script loads it."""
    pyodide = modules / "pyodide"
    lock = pyodide / "pyodide-lock.json"
    recipe = [Path(__file__), HERE / "pack.mjs", lock]
    stock = kept(shared() / f"runtime-{key(files=recipe)}", lambda: _stock(pyodide))
    ours = {f"shallownet/{file.name}": file for file in (ROOT / "shallownet").glob("*.py")}
    ours |= {f"_book/{name}.py": BOOK / f"{name}.py" for name in ENGINE}

    def own() -> dict[str, bytes]:
        trees = {"book": {name: file.read_bytes() for name, file in ours.items()}, "digits": digits()}
        return {f"{name}.zip.gz": _gzip(zipped(tree)) for name, tree in compiled(pyodide, trees).items()}

    sources = [*recipe, HERE / "digits.py", *(ours[name] for name in sorted(ours))]
    return stock | kept(cache / f"runtime-{key(versions('scikit-learn'), files=sources)}", own)


def _stock(pyodide: Path) -> dict[str, bytes]:
    """Make what does not change with the book."""
    packages = json.loads((pyodide / "pyodide-lock.json").read_text())["packages"]
    library = zipfile.ZipFile(pyodide / "python_stdlib.zip")
    trees: dict[str, Tree] = {"numpy": trimmed(wheel(packages["numpy"], pyodide), NUMPY), "matplotlib": {}}
    for name in DRAWING:
        trees["matplotlib"] |= trimmed(wheel(packages[name], pyodide), PLOTS)
    # Docstrings are dropped from the standard library only: NumPy needs its own.
    done = compiled(pyodide, {"python": trimmed(library, STDLIB)}, optimize=2) | compiled(pyodide, trees)
    files = {f"{name}.zip.gz": _gzip(zipped(tree)) for name, tree in done.items()}
    files["python.wasm.gz"] = _gzip((pyodide / "pyodide.asm.wasm").read_bytes())
    # Not compressed: a browser loads it as a script, and keeps what it made of it.
    return files | {"python.js": (pyodide / "pyodide.asm.js").read_bytes()}


def trimmed(archive: zipfile.ZipFile, dropped: re.Pattern[str]) -> Tree:
    """Return what is left of an archive without the files whose names start as `dropped` says."""
    names = [name for name in archive.namelist() if not name.endswith("/") and not dropped.match(name)]
    return {name: archive.read(name) for name in names}


def compiled(pyodide: Path, trees: dict[str, Tree], optimize: int = 0) -> dict[str, Tree]:
    """Return trees of files with each module compiled, by the interpreter that is going to run it."""
    with tempfile.TemporaryDirectory() as folder:
        for name, tree in trees.items():
            for file, data in tree.items():
                path = Path(folder, name, file)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
        run(["node", str(HERE / "pack.mjs"), str(pyodide), folder, str(optimize)], HERE)
        return {
            name: {
                path.relative_to(Path(folder, name)).as_posix(): path.read_bytes()
                for path in sorted(Path(folder, name).rglob("*"))
                if path.is_file() and path.suffix != ".py"
            }
            for name in trees
        }


def zipped(tree: Tree) -> bytes:
    """Return an archive that depends on nothing but what is in it; stored, because it is compressed as a whole."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(tree):
            archive.writestr(zipfile.ZipInfo(name), tree[name])
    return file.getvalue()


def digits() -> Tree:
    """Return a module that has scikit-learn's `load_digits` and its data, of the scikit-learn that the build has."""
    import numpy as np
    from sklearn.datasets import load_digits

    bunch = load_digits()
    data, target = io.BytesIO(), io.BytesIO()
    np.save(data, bunch.data.astype(np.uint8))
    np.save(target, bunch.target.astype(np.uint8))
    assert (bunch.data == bunch.data.astype(np.uint8)).all()
    return {
        "sklearn/__init__.py": b"",
        "sklearn/datasets.py": (HERE / "digits.py").read_bytes(),
        "sklearn/data.npy": data.getvalue(),
        "sklearn/target.npy": target.getvalue(),
    }


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, 9, mtime=0)
