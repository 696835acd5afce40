"""Write a chapter as a notebook: the same text and blocks, for those who would rather read it in Jupyter.

It is made of the blocks that the page has, so no block is lost or changed. A session becomes one cell for each
prompt that shows something, since a cell shows its last value only. Nothing is run here: what the cells store
is what the page shows, which the tests of the page assert.
"""

from __future__ import annotations

import io
import re
import textwrap
import zipfile
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urljoin, urlsplit

from _book import labs
from _book.blocks import Block
from _book.page import IMAGE, Page

ARCHIVE = "notebooks.zip"  # all of them, and the labs
# A title that opens an indented part: `!!! abstract "You will be able to"`.
BOX = re.compile(r'^(?P<indent> *)(?:!!!|\?\?\?\+?) +\w+(?: +"(?P<title>[^"]*)")?[ ]*\n', re.M)
LINK = re.compile(r"(?<!!)(?P<text>\[[^\]]*\])\((?P<target>[^)\s]+)(?P<rest>[^)]*)\)")
# Attributes and raw boxes are for the site.
ATTRIBUTES = re.compile(r"\{ *(?:[.#:]|[\w-]+=)[^}\n]*\}")
HTML = re.compile(r"</?(?:div|p)\b[^>]*>\n?")


def belongs(path: str) -> bool:
    """True for the chapters, the pages that are read as a notebook."""
    return path == "choosing.md" or (path.startswith("chapters/") and path.endswith(".md"))


def notebook(page: Page, path: str, address: str) -> str:
    """Return a page as a notebook.

    `path` is that of the page's source below docs/, `address` that of the published page, where its links lead.
    """
    cells: list[dict[str, Any]] = [_text(_preface(address))]
    text = page.text
    at, inside = len(page.front), ""
    for block in page.blocks:
        # The fences around the body are lines of their own.
        opening = text.rfind("\n", 0, block.start - 1) + 1
        closing = text.find("\n", block.end) + 1 or len(text)
        # Others are part of the text. An output is shown below the cell that prints it.
        if block.runs or block.language == "output":
            cells += _prose(text[at:opening], inside, path, address)
            # What needs a framework would end the run of all who do not have it.
            cells += (_quoted(block) if block.needs else _code(block)) if block.runs else ()
            at, inside = closing, block.prefix
    cells += _prose(text[at:], inside, path, address)
    return labs.written(cells)


def archive(files: dict[str, str]) -> bytes:
    """Return a zip of notebooks by their names, the same bytes for the same notebooks."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, text in sorted(files.items()):
            zipped.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), text, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _preface(address: str) -> str:
    return f'Made from [this page]({address}). It needs `pip install "shallownet[plot]" scikit-learn`.'


def _prose(text: str, inside: str, path: str, address: str) -> Iterator[dict[str, Any]]:
    """Yield a cell for the text between two blocks, if there is any; it may go on `inside` an indented part."""
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(lines):
        if line.strip() and not line.startswith(inside):
            break
        lines[number] = line[len(inside) :] or "\n"
    text = "".join(lines)
    while match := BOX.search(text):
        # What is in the box comes out of it, under its title.
        indent = " " * (len(match["indent"]) + 4)
        end = match.end()
        for line in text[match.end() :].splitlines(keepends=True):
            if line.strip() and not line.startswith(indent):
                break
            end += len(line)
        title = f"{match['indent']}**{match['title']}**\n\n" if match["title"] else ""
        opened = "".join(line[4:] if line.strip() else line for line in text[match.end() : end].splitlines(True))
        text = text[: match.start()] + title + opened + text[end:]
    text = HTML.sub("", ATTRIBUTES.sub("", textwrap.dedent(text)))
    # The cell above the figure draws it.
    text = IMAGE.sub(lambda m: f"*Figure: {' '.join(m['alt'].split())}*" if m["alt"] else "", text)
    text = LINK.sub(lambda m: f"{m['text']}({_absolute(m['target'], path, address)}{m['rest']})", text)
    text = re.sub(r"\n{3,}", "\n\n", text).strip("\n")
    if text.strip():
        yield _text(text)


def _absolute(target: str, path: str, address: str) -> str:
    """Turn a link between sources into one between published pages."""
    if urlsplit(target).scheme:
        return target
    name, _, anchor = target.partition("#")
    if not name:
        return f"{address}#{anchor}"
    root = address.removesuffix(PurePosixPath(path).with_suffix("").as_posix() + "/")
    there = urljoin(path, name)
    page = re.sub(r"(^|/)index\.(md|ipynb)$", r"\1", there)
    page = re.sub(r"\.(md|ipynb)$", "/", page)
    return root + page + (f"#{anchor}" if anchor else "")


def _code(block: Block) -> Iterator[dict[str, Any]]:
    """Yield the cells of a block, with what the page shows as their outputs."""
    if block.language == "python":
        yield _cell(block.code, block.output.code if block.output else "")
        return
    pending = ""
    for example in block.examples:
        pending += example.source
        if example.want and example.exception is None:
            yield _cell(pending, example.want)
            pending = ""
        elif example.exception is not None:
            # A cell that raises would end "Run all": it catches what it is there to show.
            body = textwrap.indent(pending, "    ")
            shown = 'print(f"{type(error).__name__}: {error}")'
            yield _cell(f"try:\n{body}except Exception as error:\n    {shown}\n", example.exception)
            pending = ""
    if pending:
        yield _cell(pending, "")


def _quoted(block: Block) -> Iterator[dict[str, Any]]:
    """Yield a block, and what it prints, as a text that is read."""
    shown = f"\n\n```text\n{block.output.code}```" if block.output else ""
    yield _text(f"```{block.language}\n{block.code}```{shown}")


def _cell(source: str, shown: str) -> dict[str, Any]:
    text = shown.replace("<BLANKLINE>", "").rstrip("\n")
    outputs = [{"output_type": "stream", "name": "stdout", "text": text + "\n"}] if text else []
    return {"cell_type": "code", "source": source.rstrip("\n"), "outputs": outputs}


def _text(source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "source": source}
