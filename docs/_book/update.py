"""Write what the blocks of a page print into the page: `pytest --update-docs`."""

from __future__ import annotations

import contextlib
from pathlib import Path

from _book import compare, labs
from _book.apart import Apart
from _book.page import Page, split
from _book.run import BookError, Shown


def update(page: Page, limit: float | None = None) -> str:
    """Return a page with every shown output that no longer agrees replaced by what was printed.

    The first block that raises ends it: what stands below cannot be known, and its test says why.
    """
    if page.lab:
        page = Page.parse(labs.normal(page.text), Path(page.file))
    running = Apart(page, limit=limit)
    outputs: list[Shown] = []
    with contextlib.suppress(BookError), contextlib.closing(running):
        for index in range(len(page.runs)):
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
        if expected and shown.difference:
            at = expected.line - 1
            text = compare.rounded(expected.text, shown.got).rstrip("\n")
            got = text.split("\n") if text.strip() else []
            new = [(expected.prefix + (line or expected.blank)).rstrip() + "\n" for line in got]
            lines[at : at + expected.lines] = new
    return "".join(lines)
