"""The contributors' page: a newcomer who follows it gets where it says, and it names what a fence may have."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from _book import blocks
from _book.page import Page
from planted import ROOT, cell, outcome, page, plant, pytest_on


def commands(text: str) -> list[str]:
    """The commands of a page, line by line."""
    return [line for b in Page.parse(text).blocks if b.language == "bash" for line in b.code.splitlines()]


def test_a_newcomer_follows_the_contributors_page(tmp_path: Path) -> None:
    """The template and the commands of docs/contributing.md work as they stand, in the order they stand."""
    text = (ROOT / "docs" / "contributing.md").read_text("utf-8")
    (template,) = [b.code for b in Page.parse(text).blocks if b.options.get("title") == "docs/chapters/NAME.md"]
    lines = [line.removeprefix("pytest ") for line in commands(text) if "NAME" in line]
    unset = template.replace(">>> 1 / 400**0.5\n    0.05\n", ">>> 1 / 400**0.5\n")
    files = {"docs/chapters/sums.md": unset.replace("NAME", "sums"), "docs/labs/sums.ipynb": "{}"}
    root = plant(tmp_path, files)
    (root / "docs/labs/sums.ipynb").write_text(json.dumps({"cells": [cell("print(1 / 4)")]}))
    (root / "tests" / "engine").mkdir(parents=True)
    shutil.copy(ROOT / "tests" / "engine" / "test_chapters.py", root / "tests" / "engine")

    first, update, lab_update = [line.replace("NAME", "sums").split() for line in lines]

    assert unset != template
    (root / "docs/labs/sums.ipynb").rename(root / "sums")
    assert re.search(
        r"^docs/chapters/sums.md:\d+: ../labs/sums.ipynb is not there", pytest_on(root, *first).stdout, re.M
    )
    (root / "sums").rename(root / "docs/labs/sums.ipynb")
    (one,) = re.findall(r"`pytest (docs/chapters/NAME.md::line:\d+)`", text)
    assert outcome(root, one.replace("NAME", "sums")) == "1 passed"
    assert outcome(root, *first) == "1 failed, 6 passed"
    assert outcome(root, *update) == "7 passed"
    assert (root / "docs/chapters/sums.md").read_text("utf-8") == template.replace("NAME", "sums")
    assert outcome(root, *lab_update) == "2 passed"
    complete = pytest_on(root, "tests/engine/test_chapters.py", "-k", "test_a_chapter_is_complete")
    said = re.findall(r"^E +docs/chapters/sums.md:\d+: (.*)", complete.stdout, re.M)
    assert len(said) == 1
    assert said[0].endswith("say more")
    assert "pytest tests/engine/test_chapters.py" in commands(text)


def test_a_newcomer_adds_a_section(tmp_path: Path) -> None:
    """The first steps of docs/contributing.md: what pytest says of the section is what the page says that it says."""
    blocks = Page.parse((ROOT / "docs" / "contributing.md").read_text("utf-8")).blocks
    (section,) = [b.code for b in blocks if b.options.get("title") == "a section for docs/primer.md"]
    (messages,) = [b.code for b in blocks if b.language == "text" and "docs/primer.md" in b.code]
    told = [re.sub(r"\d+(?!\.)", "N", line) for line in messages.splitlines()]
    imports = "```python\nimport matplotlib.pyplot as plt\nimport numpy as np\n```\n"
    assert imports in (ROOT / "docs" / "primer.md").read_text("utf-8")
    root = plant(tmp_path, {"docs/primer.md": page(f"{imports}\n{section}\n## Summary\n", count=1)})

    said = pytest_on(root, "docs/primer.md", "--tb=short").stdout
    wrong = dict.fromkeys(re.findall(r"^(?:E +)?(docs/primer.md:\d+: .*)", said, re.M))
    updated = outcome(root, "--update-docs", "docs/primer.md")

    assert [re.sub(r"\d+(?!\.)", "N", line) for line in wrong] == told
    assert updated == "1 failed, 2 passed"  # the number of blocks is the writer's to mend
    path = root / "docs" / "primer.md"
    text = path.read_text("utf-8")
    assert ">>> round(float(stray), 1)\n3.0\n" in text
    path.write_text(text.replace("blocks: 1\n", "blocks: 2\n"), "utf-8")
    assert outcome(root, "docs/primer.md") == "3 passed"


@pytest.mark.parametrize("rule", ["python", "pycon", *blocks.PASSIVE, *blocks.OPTIONS])
def test_the_contributors_page_names_every_language_and_option(rule: str) -> None:
    """What may stand behind a fence is said in one place for people and in one place for the parser."""
    text = (ROOT / "docs" / "contributing.md").read_text("utf-8")

    assert re.search(rf"`[^`]*\b{rule}\b[^`]*`", text)
