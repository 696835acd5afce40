"""What keeps the engine easy to take over: a page is read once, each module has its floor and its line on the map."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from _book import cache
from _book.browser import pyodide
from planted import SOUND, lab, page, plant, pytest_on
from planted import cell as code_cell

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "docs" / "_book"
MODULES = sorted(file.relative_to(BOOK).with_suffix("").as_posix() for file in BOOK.rglob("*.py"))
MODULES = [name for name in MODULES if not name.endswith("__init__")]

# Writes down each page that is scanned, in whatever process.
COUNT = """
import os
from _book import page

parse = page.Page.parse.__func__

def counted(cls, text, path="page.md"):
    with open(os.environ["SCANS"], "a") as file:
        file.write(f"{path}\\n")
    return parse(cls, text, path)

page.Page.parse = classmethod(counted)
"""
PAGES = {
    "docs/index.md": page(SOUND["everything"]),
    "docs/some/marks.md": page(SOUND["marks"]),
    "docs/labs/lab.ipynb": lab(code_cell("# Lab\n\nText.", kind="markdown"), code_cell("x = 1")),
}


def scans(log: Path) -> list[str]:
    """The pages that were scanned, by their names."""
    return sorted(Path(line).name for line in log.read_text(encoding="utf-8").splitlines())


def test_a_page_is_scanned_once_for_its_tests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For its rules, its rendering, its blocks, its exercises and its key in the cache."""
    monkeypatch.setenv("SCANS", str(tmp_path / "scans"))
    root = plant(tmp_path, PAGES)
    (root / "conftest.py").write_text(COUNT + (root / "conftest.py").read_text("utf-8"), encoding="utf-8")

    done = pytest_on(root, "docs")

    assert "13 passed" in done.stdout
    assert scans(tmp_path / "scans") == ["index.md", "lab.ipynb", "marks.md"]


def test_a_page_is_scanned_once_for_a_build(tmp_path: Path) -> None:
    """For its figures, drawn in another process, its scores, its HTML and its notebook."""
    skipped = shutil.ignore_patterns("__pycache__")
    shutil.copytree(BOOK, tmp_path / "docs" / "_book", ignore=skipped)
    shutil.copytree(ROOT / "shallownet", tmp_path / "shallownet", ignore=skipped)
    shutil.copytree(ROOT / "docs" / "assets", tmp_path / "docs" / "assets")
    settings = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    (tmp_path / "mkdocs.yml").write_text(re.sub(r"^nav:\n(?: .*\n)+", "", settings, flags=re.M), encoding="utf-8")
    for name, text in PAGES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    # A process that draws imports `_book.cache` and nothing of the site.
    engine = tmp_path / "docs" / "_book" / "run.py"
    text = engine.read_text(encoding="utf-8").replace("\nfrom _book import", COUNT + "\nfrom _book import", 1)
    engine.write_text(text, encoding="utf-8")
    path = os.pathsep.join([str(tmp_path / "docs"), str(tmp_path)])
    environment = {"PYTHONPATH": path, "SCANS": str(tmp_path / "scans"), "SHALLOWNET_LIVE": "off"}

    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--no-strict", "--site-dir", str(tmp_path / "site")],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        env=os.environ | environment,
    )

    assert done.returncode == 0, done.stderr
    assert b"<svg" in (tmp_path / "site" / "index.html").read_bytes()
    assert [name for name in scans(tmp_path / "scans") if name in {Path(page).name for page in PAGES}] == [
        *("index.md", "lab.ipynb", "marks.md")
    ]


def test_collecting_writes_nothing(tmp_path: Path) -> None:
    """What `--update-docs` rewrites, it rewrites when the page's tests run."""
    stale = page("```pycon\n>>> 1 + 1\n3\n```\n")
    root = plant(tmp_path, {"docs/a.md": stale})

    done = pytest_on(root, "docs", "--update-docs", "--collect-only", "-q")

    assert "docs/a.md::line:8" in done.stdout
    assert (root / "docs/a.md").read_text("utf-8") == stale


@pytest.mark.parametrize("name", MODULES)
def test_the_map_has_a_line_for_every_module(name: str) -> None:
    """docs/_book/README.md is where one finds what does what."""
    text = (BOOK / "README.md").read_text(encoding="utf-8")

    lines = re.findall(rf"^- `{re.escape(name)}\.py`: .+", text, re.M)

    assert len(lines) == 1


def test_the_map_names_nothing_that_is_gone() -> None:
    """Or it would send its reader to a file that is not there."""
    named = re.findall(r"^- `([\w/]+)\.py`", (BOOK / "README.md").read_text(encoding="utf-8"), re.M)

    assert sorted(named) == sorted(MODULES)
    assert "docs/_book/README.md" in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def imported(name: str) -> set[str]:
    """The engine's modules that a module imports when it is imported."""
    found = set()
    for node in ast.parse((BOOK / f"{name}.py").read_text("utf-8")).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "_book":
            folder = str(node.module).removeprefix("_book").removeprefix(".").replace(".", "/")
            inside = [f"{folder}/{alias.name}".removeprefix("/") for alias in node.names]
            found |= {each for each in (folder, *inside) if each in MODULES}
    return found


def needed(name: str) -> set[str]:
    """A module, and all that it imports, directly or not."""
    found, waiting = set(), {name}
    while waiting:
        found |= waiting
        waiting = set().union(*map(imported, waiting)) - found
    return found


def test_no_two_modules_import_each_other() -> None:
    """Each stands on others, and none on itself."""
    assert [name for name in MODULES if any(name in needed(other) for other in imported(name))] == []


@pytest.mark.parametrize("name", [name for name in MODULES if not name.startswith(("site/", "browser/"))])
def test_a_page_renders_without_the_site_around_it(name: str) -> None:
    """What parses, runs and renders a page knows nothing of the book that is built of it."""
    assert [other for other in imported(name) if other.startswith("site/")] == []


def test_what_a_figure_depends_on_is_what_drawing_it_imports() -> None:
    """Or the cache would show a figure that an old engine drew."""
    assert sorted(needed("cache")) == sorted(cache.ENGINE)


def test_the_browser_gets_what_a_cell_needs_and_no_more() -> None:
    """Each module costs a start; one that is missing breaks it."""
    assert sorted(needed("browser/cell")) == sorted(name for name in pyodide.ENGINE if not name.endswith("__init__"))


@pytest.mark.parametrize("name", MODULES)
def test_no_private_name_crosses_a_module(name: str) -> None:
    """What others use has a name for others."""
    tree = ast.parse((BOOK / f"{name}.py").read_text("utf-8"))
    modules, private = set(), []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "_book":
            modules |= {alias.asname or alias.name for alias in node.names}
            private += [alias.name for alias in node.names if alias.name.startswith("_")]
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            private += [node.attr] if re.match(r"_[a-z]", node.attr) else []

    assert private == []


@pytest.mark.parametrize("own", [None, "2"])
def test_one_thread_is_set_before_numpy_comes(own: str | None) -> None:
    """OpenBLAS reads it once, when it is loaded; who has set a number of their own keeps it."""
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    code = "import os, sys, _book; print('numpy' in sys.modules, os.environ['OPENBLAS_NUM_THREADS'])"

    told = subprocess.run(
        [sys.executable, "-c", code],
        env=environment | ({"OPENBLAS_NUM_THREADS": own} if own else {}),
        check=True,
        capture_output=True,
        text=True,
    )

    assert told.stdout.split() == ["False", own or "1"]
