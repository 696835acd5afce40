"""Read the labs: executed notebooks, whose cells run like the blocks of a page.

A notebook is kept in the one form that Jupyter's own writer gives it, so that every line of a cell
is a line of the file, and messages can name it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from _book import page as blocks
from _book.page import Block, Image, Problem

if TYPE_CHECKING:
    from _book.run import Shown

SOURCE = re.compile(r'^   "source": \[', re.M)
STORED = re.compile(r'^ +"text(?:/plain)?": \[', re.M)
MEND = "run pytest --update-docs"
# Labs in this folder take minutes: they run when they are named and once a week, not at each commit or build.
WEEKLY = "weekly"


def parse(text: str, path: str | PurePath) -> list[Block]:
    """Return the code cells as blocks; the stored text of a cell is its output."""
    found = []
    end = 0
    for number, (cell, line) in enumerate(_cells(text), start=1):
        if cell["cell_type"] != "code":
            continue
        start = _offset(text, line)
        stored = STORED.search(text, end, start)
        at = text.count("\n", 0, stored.start()) + 1 if stored else line
        output = Block(str(path), at, "output", _stored(cell), start, start)
        code = "".join(cell["source"]).rstrip("\n") + "\n"
        end = _offset(text, line + len(cell["source"]))
        options = {"cell": str(number)}
        found.append(Block(str(path), line, "python", code, start, end, "", options, output))
    return found


def weekly(path: str | PurePath) -> bool:
    """True for a lab that takes minutes, whose stored outputs stand for it wherever it would have to run."""
    path = PurePath(path)
    return path.suffix == ".ipynb" and path.parent.name == WEEKLY


def figures(text: str) -> list[Image]:
    """Return the images of a lab."""
    return blocks.figures(_prose(text))


def problems(text: str, path: str | PurePath) -> list[Problem]:
    """Return what is wrong with a lab, without running it."""
    path = str(path)
    try:
        cells = _cells(text)
    except (ValueError, KeyError, TypeError) as error:
        return [Problem(path, 1, f"cannot read this notebook ({error}): save it from Jupyter again")]
    found = []
    if text != normal(text):
        found.append(Problem(path, 1, f"not in the book's form: {MEND}"))
    prose = _prose(text)
    for block in blocks.parse(prose, path):
        if block.runs or block.language == "output":
            found.append(Problem(path, block.line, "code in a text cell never runs: make it a code cell"))
    count = 0
    for cell, line in cells:
        if cell["cell_type"] == "code":
            count += 1
            found += [Problem(path, line, message) for message in _cell_problems(cell, count)]
        elif cell["cell_type"] == "raw":
            found.append(Problem(path, line, "a raw cell never runs: make it a code or a text cell"))
    found += [
        Problem(path, number, "labs hold no math: write it in the chapter, or in words")
        for number, line in enumerate(blocks.prose(prose).splitlines(), start=1)
        if "$" in line
    ]
    found += blocks.prose_problems(prose, path, parse(text, path))
    if weekly(path):
        found += [problem for block in parse(text, path) for problem in _weekly_problems(block)]
    return sorted(found, key=lambda problem: problem.line)


def normal(text: str) -> str:
    """Return the notebook in the book's form, its outputs as they are."""
    return _written(_normal(json.loads(text)))


def rewrite(text: str, outputs: list[Shown]) -> str:
    """Return the notebook in the book's form, with the outputs that were printed."""
    from _book.run import difference

    notebook = _normal(json.loads(text))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    for cell, shown in zip(cells, outputs, strict=False):
        if difference(shown.expected, shown.got) or any(_forbidden(cell)):
            lines = shown.got.splitlines(keepends=True)
            stream = {"name": "stdout", "output_type": "stream", "text": lines}
            cell["outputs"] = [stream] if shown.got.strip() else []
    return _written(notebook)


def listing(text: str) -> list[str]:
    """Return the lines of the file with those of code cells as plain Python, for tracebacks."""
    lines = text.splitlines(keepends=True)
    for cell, line in _cells(text):
        for number, source in enumerate(cell["source"]):
            lines[line + number] = source.rstrip("\n") + "\n"
    return lines


def _cells(text: str) -> list[tuple[dict[str, Any], int]]:
    """Return each cell with the line, from 1, on which its source opens."""
    cells = json.loads(text)["cells"]
    lines = [text.count("\n", 0, match.start()) + 1 for match in SOURCE.finditer(text)]
    # In another form no line of the file is a line of a cell: `problems` says so, nothing runs.
    return list(zip(cells, lines, strict=True)) if len(lines) == len(cells) else []


def _cell_problems(cell: dict[str, Any], count: int) -> Iterator[str]:
    """What is wrong with one code cell."""
    source = "".join(cell["source"])
    if not source.strip():
        yield "an empty cell: delete it"
    if re.search(r"^\s*[%!]", source, re.M):
        yield "no magics: a lab is plain Python"
    if cell["execution_count"] != count:
        yield f"not run in order: {MEND}"
    yield from _forbidden(cell)


def _weekly_problems(block: Block) -> Iterator[Problem]:
    """What can be said of a cell that is not going to run: whether it is Python, and what could not be shown."""
    try:
        compile(block.code, block.path, "exec", dont_inherit=True)
    except SyntaxError as error:
        yield Problem(block.path, block.line + (error.lineno or 1), f"SyntaxError: {error.msg}")
    if block.figures:
        message = "a weekly lab draws no figure, for no build runs it: print the numbers, and draw them in the chapter"
        yield Problem(block.path, block.line + 1, message)


def _forbidden(cell: dict[str, Any]) -> Iterator[str]:
    """What a cell stores beside plain printed text."""
    for output in cell["outputs"]:
        kind = output["output_type"]
        if kind == "error":
            yield f"a stored error ({output['ename']}): mend the cell and {MEND}"
        elif kind == "stream" and output["name"] != "stdout":
            yield f"a stored warning: mend the cell and {MEND}"
        elif kind == "display_data" or set(output.get("data", ())) - {"text/plain"}:
            yield f"a stored picture or table: save figures as .svg, print numbers, and {MEND}"


def _stored(cell: dict[str, Any]) -> str:
    """Return the text that a cell stores as printed or shown."""
    texts = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell["outputs"]]
    return "\n".join("".join(text).rstrip("\n") for text in texts) + ("\n" if texts else "")


def _normal(notebook: dict[str, Any]) -> dict[str, Any]:
    """Return the notebook with everything that changes from one Jupyter to the next set the same."""
    cells, count = [], 0
    for number, cell in enumerate(notebook["cells"], start=1):
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
        cells.append(new)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def _split(output: dict[str, Any]) -> dict[str, Any]:
    """Return an output with its text as a list of lines."""
    output = dict(output)
    if "text" in output:
        output["text"] = "".join(output["text"]).splitlines(keepends=True)
    if "text/plain" in output.get("data", {}):
        plain = "".join(output["data"]["text/plain"]).splitlines(keepends=True)
        output |= {"data": {**output["data"], "text/plain": plain}, "metadata": {}}
    return output


def _written(notebook: dict[str, Any]) -> str:
    """Write a notebook as Jupyter does."""
    return json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def _prose(text: str) -> str:
    """Return a page with the text cells on their own lines of the file, and nothing else."""
    lines = ["\n"] * len(text.splitlines())
    for cell, line in _cells(text):
        if cell["cell_type"] == "markdown":
            for number, source in enumerate(cell["source"]):
                lines[line + number] = source.rstrip("\n") + "\n"
    return "".join(lines)


def _offset(text: str, line: int) -> int:
    """Return where a line, counted from 1, starts."""
    at = 0
    for _ in range(line - 1):
        at = text.index("\n", at) + 1
    return at
