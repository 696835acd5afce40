"""A lab as the Markdown of a page, so that all that holds for a page holds for a lab."""

from __future__ import annotations

import json
import re

from _book.page import Page
from _book.site import terms


def markdown(page: Page, name: str) -> str:
    """Return a notebook as the Markdown of a page: what it stores as its outputs, and its blocks numbered."""
    download = f"[Download this lab]({name}/{name}.ipynb){{ download={name}.ipynb }} and run it in Jupyter."
    if page.weekly:
        download += "\nIt takes minutes, so it is not run at each change of the book but once a week."
    title = re.sub(r"^#\s*", "", page.cells[0].source.partition("\n")[0])
    parts = [f"---\ndescription: {json.dumps(terms.plain(title))}\n---\n"]
    numbers = {block.cell: block.number for block in page.blocks}
    for cell in page.cells:
        source = cell.source.strip("\n")
        if cell.kind == "markdown":
            if cell.number == 1:
                head, _, rest = source.partition("\n")
                source = f"{head}\n\n{download}\n{rest}"
                sentence = next((line for line in rest.splitlines() if line.strip()), title)
                parts[0] = f"---\ndescription: {json.dumps(terms.plain(sentence))}\n---\n"
            parts.append(source)
            continue
        fence = _fence(source)
        parts.append(f'{fence}{{.python data-block="{numbers[cell.number]}"}}\n{source}\n{fence}')
        if shown := cell.printed.rstrip("\n"):
            parts.append(f"{_fence(shown)}{{.text .output}}\n{shown}\n{_fence(shown)}")
    return "\n\n".join(parts) + "\n"


def _fence(text: str) -> str:
    """Return a fence that no line of a text can close."""
    return "`" * max(3, *(1 + len(line) for line in re.findall(r"^ *(`+) *$", text, re.M)), 3)
