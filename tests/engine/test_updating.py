"""`pytest --update-docs` writes what blocks print into pages and labs, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
from planted import DRAWS, SHOWS, TITLE, cell, lab, outcome, page, plant, printed, pytest_on, value

STALE = """
    ```python
    x = 3
    print(f"x is {x}")
    ```

    ```output
    ```

    Text stays.

    ??? success "Solution"
        ```pycon
        >>> x / 7
        0.43
        >>> x
        >>> print("a\\n\\nb")
        lost
        lost
        lost
        lost
        >>> x == 3
        True
        >>> int("a")
        Traceback (most recent call last):
          ...
        ValueError: no
        ```

    > ```pycon
    > >>> 0.123456, 0.7
    > (0.1235, 0.6)
    > ```
    """


def test_update_docs_rewrites_what_is_stale(tmp_path: Path) -> None:
    """Updating leaves what is right, keeps the places shown, and is done after one run."""
    root = plant(tmp_path, {"docs/a.md": page(STALE)})
    expected = page(STALE)
    for old, new in [
        ("```output\n```", "```output\nx is 3\n```"),
        (">>> x\n", ">>> x\n    3\n"),
        ("    lost\n    lost\n    lost\n    lost\n", "    a\n    <BLANKLINE>\n    b\n"),
        ("ValueError: no", "ValueError: invalid literal for int() with base 10: 'a'"),
        ("(0.1235, 0.6)", "(0.1235, 0.7)"),
    ]:
        assert expected.count(old) == 1
        expected = expected.replace(old, new)

    assert outcome(root, "docs", "--update-docs") == "4 passed"
    assert (root / "docs/a.md").read_text("utf-8") == expected
    assert outcome(root, "docs") == "4 passed"


def test_update_docs_hides_no_error(tmp_path: Path) -> None:
    """A block that raises is mended by a person; the outputs above it are still brought up to date."""
    body = "```pycon\n>>> 1 + 1\n3\n```\n\n```pycon\n>>> 1 / 0\n3\n```\n\n```pycon\n>>> 2\n3\n```\n"
    root = plant(tmp_path, {"docs/a.md": page(body)})

    assert outcome(root, "docs", "--update-docs") == "2 failed, 2 passed"
    assert (root / "docs/a.md").read_text("utf-8") == page(body.replace("1 + 1\n3", "1 + 1\n2"))


def test_update_docs_writes_from_one_process(tmp_path: Path) -> None:
    """Two workers that write one page would tear it."""
    root = plant(tmp_path, {"docs/a.md": page(STALE)})

    done = pytest_on(root, "docs", "--update-docs", "-n", "2")

    assert done.returncode != 0
    assert "run without -n" in done.stdout + done.stderr
    assert (root / "docs/a.md").read_text("utf-8") == page(STALE)


def test_update_docs_writes_a_valid_lab(tmp_path: Path) -> None:
    """A lab straight from Jupyter, pictures and all, becomes one in the book's form."""
    messy = json.loads(lab(TITLE, cell("print(1 / 4)\n7", value(text_plain="x", image_png="=")), DRAWS, SHOWS))
    messy["cells"][1] |= {"execution_count": 12, "metadata": {"tags": ["a"]}, "source": "print(1 / 4)\n7"}
    root = plant(tmp_path, {"docs/labs/a.ipynb": json.dumps(messy)})

    assert outcome(root, "docs", "--update-docs") == "3 passed"
    text = (root / "docs/labs/a.ipynb").read_text("utf-8")
    nbformat.validate(nbformat.reads(text, as_version=4))
    assert json.loads(text)["cells"][1]["outputs"] == [printed("") | {"text": ["0.25\n", "7\n"]}]
    assert outcome(root, "docs") == "3 passed"
