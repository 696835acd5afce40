"""Write what the blocks of a page print into the page: `pytest --update-docs`."""

from __future__ import annotations

import contextlib
import re
from difflib import SequenceMatcher
from pathlib import Path

from _book import compare, labs
from _book.apart import Apart, here
from _book.page import Page, split
from _book.run import BookError, Shown

ENDED = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


def update(page: Page, limit: float | None = None) -> str:
    """Return a page with every shown output that no longer agrees replaced by what was printed.

    The first block that raises ends it: what stands below cannot be known, and its test says why. What would not be
    read as an output is left as it is: its test says what to do.
    """
    if page.lab:
        page = Page.parse(labs.normal(page.text), Path(page.file))
    able = here(page)  # what waits for a framework keeps its outputs
    running = Apart(able, limit=limit)
    outputs: list[Shown] = []
    with contextlib.suppress(BookError), contextlib.closing(running):
        for index in range(len(able.runs)):
            outputs += running.run(index)
    if page.lab:
        code = [cell for cell in page.cells if cell.kind == "code"]
        stale = [shown.difference or any(cell.foreign()) for cell, shown in zip(code, outputs, strict=False)]
        return labs.rewritten(
            page.text, [shown.got if new else None for new, shown in zip(stale, outputs, strict=True)]
        )
    lines = split(page.text)
    for shown in reversed(outputs):
        expected = shown.expected
        if expected and shown.difference and not expected.refuses(shown.got):
            at = expected.line - 1
            lines[at : at + expected.lines] = expected.written(compare.rounded(expected.said, shown.got))
    return "".join(lines)


def save(file: Path, new: str) -> None:
    """Write the new text of a page; each line that stays ends as it did, and a new one as the first of the file."""
    old = ENDED.findall(file.read_bytes().decode())
    lines = split(new)
    end = "\r\n" if old and old[0].endswith("\r\n") else "\n"
    made = [line.replace("\n", end) for line in lines]
    bare = [line.rstrip("\r\n") for line in old]
    matcher = SequenceMatcher(None, bare, [line.rstrip("\n") for line in lines], autojunk=False)
    for match in matcher.get_matching_blocks():
        made[match.b : match.b + match.size] = old[match.a : match.a + match.size]
    text = "".join(made).encode()
    if text != "".join(old).encode():
        file.write_bytes(text)
