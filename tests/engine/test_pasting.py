"""A block is what the reader sees, and can be pasted into an interpreter."""

from __future__ import annotations

import code
from pathlib import Path
from types import CodeType

import pytest
from _book.page import Page
from _book.render import check
from planted import ROOT, SOUND, page

PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]


class Interpreter(code.InteractiveConsole):
    """Reads line by line as Python does at its prompt, runs if asked to, and keeps its complaints."""

    def __init__(self, *, runs: bool) -> None:
        super().__init__()
        self.runs, self.complaints = runs, ""

    def runcode(self, code: CodeType) -> None:
        if self.runs:
            super().runcode(code)

    def write(self, data: str) -> None:
        self.complaints += data

    def paste(self, source: str) -> None:
        for line in source.splitlines():
            self.push(line)
        if self.buffer:
            self.complaints += "a statement is still open"


SUITES = """
    ```python
    def f(x):
        text = \'\'\'a

        b\'\'\'

        return text
    y = f(1)
    if y:
        z = 1

    else:
        z = 2
    @staticmethod
    def g():
        pass
    for i in range(2):
        match i:
            case 0:
                w = z
    assert y == \'a\\n\\n    b\', y
    ```

    ```pycon
    >>> for i in range(2):
    ...     w = i
    >>> (w,
    ...  z)
    (1, 1)
    >>> with open(\'a\', \'w\') as file:
    ...     n = file.write(\'x\')
    ```
    """


def test_pasted_blocks_run_line_by_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the copy button gives must survive an interpreter that takes a blank line for the end of a suite."""
    monkeypatch.chdir(tmp_path)
    interpreter = Interpreter(runs=True)

    for block in Page.parse(page(SUITES)).blocks:
        interpreter.paste(block.source)

    assert interpreter.complaints == ""


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_page_can_be_pasted(path: Path) -> None:
    """The same, for each page of the book, without running it a second time."""
    interpreter = Interpreter(runs=False)

    for block in Page.read(path).runs:
        interpreter.paste(block.source)

    assert interpreter.complaints == ""


def test_a_block_is_what_the_reader_sees() -> None:
    """Offsets and prefixes are what updating and copying stand on."""
    text = page(SOUND["everything"])
    made = Page.parse(text)

    for block in made.blocks:
        lines = text[block.start : block.end].splitlines()
        assert [line[block.indent :] for line in lines] == block.code.splitlines()
        assert text.splitlines()[block.line - 1].lstrip(" >")[:3] in ("```", "~~~")
    assert {b.number: b.code.strip("\n") for b in made.blocks} == check.shown(check.rendered(made)[0])
