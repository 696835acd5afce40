"""Blocks that need a framework: they run where it is, are missed in so many words where it is not, and never a build's.

The frameworks of these tests are two modules of one line each; the real ones are asked by the book's own pages, which
`.ci/run` tests with `pytest --frameworks`.
"""

from __future__ import annotations

import html
import json
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from _book import apart, blocks, cache, rules
from _book.page import Page
from _book.render import check
from _book.run import Result
from _book.site import draw, export
from planted import Fault, cell, lab, outcome, page, plant, pytest_on

MIXED = """
    ```python
    import numpy as np

    x = np.arange(3)
    ```

    ```{.python .needs-torch}
    import torch

    print(torch.double(int(x[2])))
    ```

    ```output
    4
    ```

    ```{.pycon .needs-torch .needs-keras}
    >>> import keras
    >>> torch.double(keras.one)
    2
    ```

    ```pycon
    >>> x.sum().item()
    3
    ```
    """


@pytest.fixture
def having(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """Have packages of these names installed, and no others."""
    folder = tmp_path_factory.mktemp("packages")

    def have(*names: str) -> None:
        for name in names:
            (folder / f"{name}.py").write_text("one = 1\ndef double(x):\n    return 2 * x\n", encoding="utf-8")
        found = {name: folder / f"{name}.py" for name in names}
        monkeypatch.syspath_prepend(folder)
        monkeypatch.setattr(apart, "_installed", found.__contains__)

    return have


def installed(root: Path, *names: str) -> Path:
    """Make packages of these names that pages of a planted tree find, and hide all others."""
    (root / "conftest.py").write_text(
        f"import sys\nsys.path.insert(0, {str(root / 'packages')!r})\n"
        f"from _book import apart\napart._installed = {set(names)!r}.__contains__\n"
        + (root / "conftest.py").read_text(encoding="utf-8"),
        encoding="utf-8",
    )
    for name in names:
        (root / "packages").mkdir(exist_ok=True)
        (root / "packages" / f"{name}.py").write_text("one = 1\ndef double(x):\n    return 2 * x\n", encoding="utf-8")
    return root


FAULTS = {
    "unmarked-import": Fault("import torch", "mark it as {.python .needs-torch}", "```python\nimport torch\n```\n"),
    "unmarked-prompt": Fault(
        ">>> from flax", "mark it as {.pycon .needs-flax}", "```pycon\n>>> x = 1\n>>> from flax import nnx\n```\n"
    ),
    "half-marked-import": Fault(
        "    import jax.numpy",
        "imports jax runs only where",
        "```{.python .needs-torch}\ndef f():\n    import jax.numpy as jnp\n```\n",
    ),
    "unmarked-use": Fault(
        "    return y",
        "`y` is there only with torch, from the block at line 8: mark this one .needs-torch as well",
        "```{.python .needs-torch}\ny = 1\n```\n\n```python\nx = 2\ndef f():\n    return y + x\n```\n",
    ),
    "value-of-a-marked-block": Fault(
        ">>> z",
        "`z` is there only with keras and jax, from the block at line 12: mark this one .needs-keras as well",
        "```python\nz = 1\n```\n\n```{.python .needs-keras}\nz = 2\n```\n\n```{.pycon .needs-torch}\n>>> z\n2\n```\n",
    ),
    "figure": Fault(
        "```{.python",
        "no build runs what needs a framework",
        '```{.python .needs-jax}\nfig.savefig("a.svg")\n```\n\n![What one sees](a.svg)\n',
    ),
    "score": Fault(
        "assert abs(len",
        "no build runs what needs a framework",
        '```{.python .needs-jax}\nx = "ab"\nassert abs(len(x) - 2) < 0.1  # score: planted-one\n```\n',
    ),
    "shown-only": Fault("```{.text", "so it needs nothing: drop .needs-jax", "```{.text .needs-jax}\nx\n```\n"),
    "unknown": Fault("```{.python", "unknown option 'needs-jacks'", "```{.python .needs-jacks}\nx = 1\n```\n"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_would_make_a_page_depend_on_a_framework_is_a_fault(name: str) -> None:
    """Seen without running anything, on any machine."""
    fault = FAULTS[name]
    text = page(fault.body)
    line = text.count("\n", 0, text.index(fault.at)) + 1

    found = [str(problem) for problem in rules.problems(Page.parse(text, "a.md"))]

    assert [each for each in found if each.startswith(f"a.md:{line}: ") and fault.says in each], found


def test_a_lab_needs_no_framework() -> None:
    """Its cells have no marks, and all of them run."""
    text = lab(cell("# Lab\n\nText.", kind="markdown"), cell("import torch"))

    found = [str(problem) for problem in rules.problems(Page.parse(text, "a.ipynb"))]

    assert [each for each in found if "imports torch" in each and each.endswith("make it a page")], found


def test_what_stands_without_a_framework_is_no_fault() -> None:
    """An import with something else to do without it; a name that is given anew, or is another's own."""
    body = """
        ```python
        try:
            import jax
        except ImportError:
            jax = None
        ```

        ```{.python .needs-torch}
        import torch

        y, z = 1, 2
        ```

        ```{.python .standalone}
        y = 2
        ```

        ```python
        y = 3
        assert [z for z in (y,)] == [3]


        def f(z):
            return z, jax
        ```

        ```{.python .needs-torch .needs-flax}
        import jax
        assert z == 2
        ```
        """

    assert rules.problems(Page.parse(page(body), "a.md")) == []


def test_all_that_a_mark_stands_for_is_needed() -> None:
    """Flax brings JAX, and Keras runs on it."""
    page = Page.parse("```{.python .needs-keras .needs-flax}\n```\n\n```python\n```\n")

    assert [block.needs for block in page.blocks] == [("keras", "jax", "flax"), ()]
    assert {mark: packages[0] for mark, packages in blocks.NEEDS.items()} == {
        f"needs-{name}": name for name in ("torch", "jax", "flax", "keras")
    }


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "workers"])
def test_blocks_that_wait_are_no_tests_and_are_counted(tmp_path: Path, workers: tuple[str, ...]) -> None:
    """A plain `pytest` is green, skips nothing, and says in one line what it did not run."""
    root = installed(plant(tmp_path, {"docs/a.md": page(MIXED), "docs/b.md": page(MIXED)}), "keras", "jax")

    said = pytest_on(root, "docs", *workers).stdout

    assert re.search(r"^=+ 6 passed in ", said, re.M), said  # a page, and its two plain blocks
    assert re.findall(r"^blocks that wait.*", said, re.M) == [
        'blocks that wait for a package: 4 for torch (pip install -c constraints.txt -e ".[frameworks]")'
    ]


def test_where_all_is_installed_all_runs(tmp_path: Path) -> None:
    """In the page's own session, between its other blocks, and nothing waits."""
    root = installed(plant(tmp_path, {"docs/a.md": page(MIXED)}), "torch", "keras", "jax")
    wrong = page(MIXED.replace("    2\n", "    3\n"))
    line = wrong.count("\n", 0, wrong.index("3\n```")) + 1
    (root / "docs/wrong.md").write_text(wrong, encoding="utf-8")

    said = pytest_on(root, "docs").stdout

    assert re.search(r"^=+ 1 failed, 9 passed in ", said, re.M), said
    assert f"docs/wrong.md:{line}: expected '3', got '2'" in said
    assert "wait" not in said


def test_frameworks_tests_what_needs_them_and_nothing_else(tmp_path: Path) -> None:
    """Which is a step of CI; the blocks above them run too, as they have to."""
    files = {"docs/a.md": page(MIXED), "docs/b.md": page("```python\nx = 1\n```\n")}
    files["shallownet/a.py"] = '"""A.\n\n>>> 1\n1\n"""\n'
    root = installed(plant(tmp_path, files), "torch", "keras", "jax")

    assert outcome(root, "--frameworks", "docs", "shallownet") == "2 passed"


def test_frameworks_misses_what_is_missing(tmp_path: Path) -> None:
    """There nothing waits: a step that installs them and lacks one is broken."""
    root = installed(plant(tmp_path, {"docs/a.md": page(MIXED)}), "torch", "jax")
    line = page(MIXED).count("\n", 0, page(MIXED).index("```{.pycon")) + 1

    said = pytest_on(root, "--frameworks", "docs").stdout

    assert re.search(r"^=+ 1 failed, 1 passed in ", said, re.M), said
    assert f"docs/a.md:{line}: needs keras, which cannot be imported here: pip install" in said


def test_a_block_that_is_asked_for_says_what_it_needs(tmp_path: Path) -> None:
    """Instead of nothing, which pytest would say was found."""
    root = installed(plant(tmp_path, {"docs/a.md": page(MIXED)}), "torch")
    lines = [block.line for block in Page.parse(page(MIXED)).runs if block.needs]

    assert outcome(root, f"docs/a.md::line:{lines[0]}") == "1 passed"
    done = pytest_on(root, f"docs/a.md::line:{lines[1]}")
    assert f"docs/a.md::line:{lines[1]} needs keras and jax, which cannot be imported here" in done.stderr


def test_update_docs_leaves_what_waits(tmp_path: Path) -> None:
    """What cannot run here keeps the output that another machine printed."""
    stale = page(MIXED).replace("```output\n4", "```output\n5").replace("2\n```", "7\n```").replace("\n3\n", "\n8\n")
    root = installed(plant(tmp_path, {"docs/a.md": stale}), "torch", "jax")

    pytest_on(root, "--update-docs", "docs")

    found = (root / "docs/a.md").read_text(encoding="utf-8")
    assert found == page(MIXED).replace("2\n```", "7\n```")


def test_no_build_runs_them_and_nothing_that_is_kept_depends_on_them(having, tmp_path, monkeypatch) -> None:
    """Installed or not, the figures are drawn by the same blocks, and have the same key."""
    drawing = (
        '\n```python\nimport matplotlib.pyplot as plt\n\nfig, ax = plt.subplots()\nax.plot([1, 2], label=str("x" in '
        'globals()))\nax.legend()\nfig.savefig("a.svg")\n```\n\n![What one sees](a.svg)\n'
    )
    text = page("```{.python .needs-torch}\nx = 1 / 0\n```\n" + drawing)
    monkeypatch.setattr(cache, "CACHE", tmp_path / "cache")
    found, keys = [], set()
    for names in ((), ("torch",)):
        having(*names)
        made = Page.parse(text, "a.md")

        (result,) = draw.drawn([made])
        assert isinstance(result, Result), result
        found.append(result.figures["a.svg"])
        keys.add(cache._folder(made))

    assert len(keys) == 1
    assert found[0] == found[1]
    assert b">False<" in found[0]


def test_in_the_browser_they_are_no_cells(tmp_path: Path) -> None:
    """They are read and copied; a note says once, for each framework, what they need and that it is not here."""
    made = Page.parse(page(textwrap.dedent(MIXED) + "\n```{.python .needs-torch}\nprint(torch)\n```\n"), "a.md")

    content, problems = check.rendered(made)

    assert problems == []
    assert check.problems(made) == []
    cells = [json.loads(html.unescape(text)) for text in re.findall(r' data-cell="([^"]*)"', content)]
    assert [cell["number"] for cell in cells] == [1, 2]
    assert [cell["shown"] for cell in cells] == [None, "3"]
    assert 'data-copy="import keras&#10;torch.double(keras.one)&#10;"' in content
    notes = re.findall(r'<p class="needs">(.*?)</p>\s*<div class="language-(\w+)', content)
    assert [(re.findall(r"need (.*?) \(<code>(.*?)</code>", note), language) for note, language in notes] == [
        ([("PyTorch", "pip install torch")], "python"),
        ([("PyTorch and Keras on JAX", "pip install torch keras jax")], "pycon"),
    ]


def test_a_notebook_quotes_them() -> None:
    """All cells of one run, up to the last, whatever is installed."""
    made = json.loads(export.notebook(Page.parse(page(MIXED), "choosing.md"), "choosing.md", "https://a.example/"))

    kinds = [(cell["cell_type"], "".join(cell["source"])) for cell in made["cells"][2:]]

    assert [kind for kind, _ in kinds] == ["code", "markdown", "markdown", "code"]
    assert kinds[1][1] == "```python\nimport torch\n\nprint(torch.double(int(x[2])))\n```\n\n```text\n4\n```"
    assert kinds[2][1] == "```pycon\n>>> import keras\n>>> torch.double(keras.one)\n2\n```"


def test_what_keras_writes_when_it_is_imported_is_no_fault() -> None:
    """Its settings, into a folder of its own; and something on the way opens a file that has no name."""
    code = "import os\nimport tempfile\n\nos.makedirs(os.environ['KERAS_HOME'])\ntempfile.TemporaryFile().close()"

    apart.run_page(Page.parse(f"```python\n{code}\n```\n", "a.md"))


def test_ci_runs_them() -> None:
    """The step that installs the frameworks asks for their tests, and for all blocks of the book that need them."""
    root = Path(__file__).resolve().parents[2]
    steps = (root / ".ci" / "run").read_text(encoding="utf-8")

    assert re.search(
        r'pip install .*-e "\.\[frameworks\]"\ntests foreign pytest .*--frameworks.*\btests/foreign\b', steps
    )
    asked = re.search(r"^tests foreign (pytest .*)", steps, re.M)[1].replace("tests/foreign ", "").split()
    listed = subprocess.run(
        [sys.executable, "-m", *asked, "--collect-only", "-q"], cwd=root, capture_output=True, text=True
    ).stdout
    wanted = [
        f"{block.path}::{block.name}"
        for file in (root / "README.md", *sorted((root / "docs").rglob("*.md")))
        for block in Page.read(file).runs
        if block.needs
    ]
    assert sorted(line for line in listed.splitlines() if "::" in line) == sorted(wanted)
