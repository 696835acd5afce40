"""The form of a lab: a notebook as Jupyter's own writer gives it, so that every line of a cell is a line of the file.

Here is what is read out of such a file and written back to it; what a page makes of it, pages do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePath
from typing import Any

SOURCE = re.compile(r'^   "source": \[', re.M)
STORED = re.compile(r'^ +"text(?:/plain)?": \[', re.M)
# Labs in this folder take minutes: they run when they are named and once a week, not at each commit or build.
WEEKLY = "weekly"


@dataclass(frozen=True)
class Cell:
    """One cell of a notebook."""

    number: int  # among all cells, from 1
    kind: str  # code, markdown, raw
    lines: list[str]  # of its source
    line: int  # of the file, from 1, on which its source opens: its own lines follow
    outputs: list[dict[str, Any]]
    count: int | None  # the number that Jupyter gave to its last run
    stored: int  # the line on which the first stored text opens, or that of the source

    @property
    def source(self) -> str:
        """Its text, without line ends behind it."""
        return "".join(self.lines).rstrip("\n")

    @cached_property
    def printed(self) -> str:
        """The text that it stores as printed or shown."""
        texts = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in self.outputs]
        return "\n".join("".join(text).rstrip("\n") for text in texts) + ("\n" if texts else "")

    def foreign(self) -> Iterator[str]:
        """Name what it stores beside plain printed text."""
        for output in self.outputs:
            kind = output["output_type"]
            if kind == "error":
                yield f"a stored error ({output['ename']})"
            elif kind == "stream" and output["name"] != "stdout":
                yield "a stored warning"
            elif kind == "display_data" or set(output.get("data", ())) - {"text/plain"}:
                yield "a stored picture or table"


def cells(text: str) -> list[Cell]:
    """Return the cells of a notebook; ValueError, KeyError or TypeError say that it is none.

    In another form no line of the file is a line of a cell: then there are none, and `normal` differs.
    """
    found = json.loads(text)["cells"]
    opened = [match.start() for match in SOURCE.finditer(text)]
    if len(opened) != len(found):
        return []
    made, line, last = [], 1, 0
    for number, (cell, start) in enumerate(zip(found, opened, strict=True), start=1):
        stored = STORED.search(text, last, start)
        at = line + text.count("\n", last, stored.start()) if stored else 0
        line += text.count("\n", last, start)
        last = start
        outputs, count = cell.get("outputs", []), cell.get("execution_count")
        made.append(Cell(number, cell["cell_type"], cell["source"], line, outputs, count, at or line))
    return made


def weekly(path: str | PurePath) -> bool:
    """True for a lab that takes minutes, whose stored outputs stand for it wherever it would have to run."""
    path = PurePath(path)
    return path.suffix == ".ipynb" and path.parent.name == WEEKLY


def normal(text: str) -> str:
    """Return a notebook in the book's form, its outputs as they are."""
    return written(json.loads(text)["cells"])


def rewritten(text: str, printed: Sequence[str | None]) -> str:
    """Return a notebook in the book's form; where a text is given for a code cell, that is its output."""
    notebook = json.loads(text)["cells"]
    code = [cell for cell in notebook if cell["cell_type"] == "code"]
    for cell, new in zip(code, printed, strict=False):
        if new is not None:
            stream = {"name": "stdout", "output_type": "stream", "text": new}
            cell["outputs"] = [stream] if new.strip() else []
    return written(notebook)


def written(cells: Sequence[dict[str, Any]]) -> str:
    """Write cells as a notebook, with everything that changes from one Jupyter to the next set the same."""
    made, count = [], 0
    for number, cell in enumerate(cells, start=1):
        new: dict[str, Any] = {
            "cell_type": cell["cell_type"],
            "id": f"cell-{number:02}",
            "metadata": {},
            "source": "".join(cell["source"]).splitlines(keepends=True),
        }
        if cell["cell_type"] == "code":
            count += 1
            outputs = [
                {**output, "execution_count": count} if output["output_type"] == "execute_result" else output
                for output in cell.get("outputs", [])
            ]
            new |= {"execution_count": count, "outputs": [_split(output) for output in outputs]}
        made.append(new)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    notebook = {"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def _split(output: dict[str, Any]) -> dict[str, Any]:
    """Return an output with its text as a list of lines."""
    output = dict(output)
    if "text" in output:
        output["text"] = "".join(output["text"]).splitlines(keepends=True)
    if "text/plain" in output.get("data", {}):
        plain = "".join(output["data"]["text/plain"]).splitlines(keepends=True)
        output |= {"data": {**output["data"], "text/plain": plain}, "metadata": {}}
    return output
