"""A page of the book, read once: its blocks, its prose, its images, exercises and marks.

Collecting, running, rendering, exporting, the board and the cells are all handed this one object, whether the file is
Markdown or a lab. The rules for fences are those of `pymdownx.superfences`, which renders the pages; `render.check`
holds the two together.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import accumulate
from pathlib import Path, PurePath

from _book import board, exercises, labs
from _book.blocks import NEEDS, NOT_RUN, OPTIONS, PASSIVE, RUNNING, Block, Image, Problem

FENCE = re.compile(r"^(?P<prefix>[ \t>]*)(?P<fence>`{3,}|~{3,})(?P<info>.*)$")
INFO = re.compile(r"""(?P<language>[\w+#.-]*)(?P<rest>(?:\s+[a-zA-Z_]\w*=(?:"[^"]*"|'[^']*'))*)$""")
BRACES = re.compile(
    r"""\{\s*\.(?P<language>[\w+#-]+)(?P<rest>(?:\s+(?:\.[\w-]+|[a-zA-Z_]\w*=(?:"[^"]*"|'[^']*')))*)\s*\}$"""
)
OPTION = re.compile(r"""(?P<key>[a-zA-Z_]\w*)=(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)')|\.(?P<name>[\w-]+)""")
CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`)(?:.*?[^`])?\1(?!`)")
FRONT_MATTER = re.compile(r"\A---\n.*?^---[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
# What MkDocs takes for a page. The book's own end in the first, and `rules` refuses the others.
SUFFIXES = (".md", ".markdown", ".mdown", ".mkdn", ".mkd")
IMAGE = re.compile(r"!\[(?P<alt>[^\]]*)\]\((?P<target>[^)\s]+)(?:\s+\"[^\"]*\")?\)")


@dataclass(eq=False)
class Page:
    """A page of Markdown or a lab; `parse` and `read` make one."""

    text: str
    file: str  # its whole path, which tracebacks show
    path: str  # the same as messages show it
    blocks: list[Block] = field(default_factory=list)
    # Its text, line for line and letter for letter, with front matter, blocks, comments and code spans blanked.
    prose: str = ""
    told: str = ""  # the same, with its code spans
    unread: bool = False  # no text: the file is not UTF-8
    faults: list[Problem] = field(default_factory=list)  # what kept it from being read
    cells: list[labs.Cell] = field(default_factory=list)  # of a lab

    @classmethod
    def read(cls, path: str | PurePath) -> Page:
        """Read a page from its file; one that is not UTF-8 has no text, and that as its fault."""
        try:
            return cls.parse(Path(path).read_text(encoding="utf-8"), path)
        except UnicodeDecodeError as error:
            data, at = error.object, error.start
            line = data.count(b"\n", 0, at) + 1
            page = cls("", os.path.abspath(path), shown(path), unread=True)
            message = f"not UTF-8: byte {at} at line {line} is 0x{data[at]:02x}: save it as UTF-8"
            page.faults.append(Problem(page.path, line, message))
            return page

    @classmethod
    def parse(cls, text: str, path: str | PurePath = "page.md") -> Page:
        """Read a page from its text; the path says what it is, and where messages find it."""
        page = cls(text, os.path.abspath(path), shown(path))
        if page.lab:
            _scan_lab(page)
        else:
            _scan(page, text)
        page.blocks = [replace(block, number=number) for number, block in enumerate(page.blocks)]
        return page

    @property
    def lab(self) -> bool:
        """True for a notebook."""
        return self.file.endswith(".ipynb")

    @property
    def weekly(self) -> bool:
        """True for a lab that runs once a week, and at no commit or build."""
        return labs.weekly(self.file)

    @cached_property
    def runs(self) -> list[Block]:
        """The blocks that run, in order."""
        return [block for block in self.blocks if block.runs]

    def only(self, wanted: Callable[[Block], bool]) -> Page:
        """The same page with fewer blocks, to be run; itself, if none is missing."""
        left = [block for block in self.blocks if not block.runs or wanted(block)]
        return self if len(left) == len(self.blocks) else replace(self, blocks=left)

    @property
    def bare(self) -> Page:
        """The page without the blocks that need a framework: what a build runs, and a browser."""
        return self.only(lambda block: not block.needs)

    @cached_property
    def images(self) -> list[Image]:
        """Its images, in order."""
        return [
            Image(self.line(match.start()), " ".join(match["alt"].split()), match["target"])
            for match in IMAGE.finditer(self.prose)
        ]

    @cached_property
    def exercises(self) -> list[exercises.Exercise]:
        """Its exercises that a reader solves in code, in order."""
        return [] if self.lab else list(exercises.find(self.text, self.prose, self.runs))

    @cached_property
    def marks(self) -> list[board.Mark]:
        """Its marks of the scoreboard, in order."""
        return [mark for block in self.runs for mark in board.marks(block)]

    @cached_property
    def front(self) -> str:
        """Its front matter, dashes included, if it has any."""
        found = None if self.lab else FRONT_MATTER.match(self.text)
        return found.group() if found else ""

    @property
    def body(self) -> str:
        """Its text without the front matter."""
        return self.text[len(self.front) :]

    @property
    def numbered(self) -> str:
        """Its body, each fence with the number of its block: `data-block="3"` is then in the HTML."""
        lines = split(self.text)
        for block in self.blocks:
            opening = FENCE.match(lines[block.line - 1].rstrip("\n"))
            assert opening, "a block starts with a fence"
            info = opening["info"].strip()
            found = BRACES.match(info) or INFO.match(info)
            if found and found["language"]:
                attributes = f'{{.{found["language"]}{found["rest"]} data-block="{block.number}"}}'
                lines[block.line - 1] = f"{opening['prefix']}{opening['fence']}{attributes}\n"
        return "".join(lines[self.front.count("\n") :])

    @property
    def listing(self) -> list[str]:
        """The lines that tracebacks quote, before anything has run: of a module the file's own, of a page none yet."""
        lines = split(self.text)
        return lines if self.file.endswith(".py") else ["\n"] * len(lines)

    def line(self, offset: int) -> int:
        """The line, from 1, of an offset in its prose."""
        return self.prose.count("\n", 0, offset) + 1


def shown(path: str | PurePath) -> str:
    """Return a path as messages show it: from where the command was given, if it lies below."""
    file, here = Path(os.path.abspath(path)), Path.cwd()
    return (file.relative_to(here) if file.is_relative_to(here) else file).as_posix()


def split(text: str) -> list[str]:
    """Return the lines of a text with their ends; an editor counts the same ones, and `str.splitlines` does not."""
    lines = [line + "\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def starts(lines: Iterable[str]) -> list[int]:
    """Return where each line starts in the text that they make, and where that ends."""
    return list(accumulate(map(len, lines), initial=0))


def below(folder: Path) -> list[Path]:
    """Return the files of all pages and labs below a folder, in order."""
    found = [file for suffix in (*SUFFIXES, ".ipynb") for file in sorted(folder.rglob(f"*{suffix}"))]
    return [file for file in found if "_book" not in file.relative_to(folder).parts]


def _scan(page: Page, text: str) -> None:
    """Find the fenced blocks of a text, wherever they stand: in lists, tabs, quotes, admonitions."""
    prose: list[str] = []
    told: dict[int, str] = {}  # by the index of their lines, what stands beside the blocks
    comment, opened = False, 0
    lines = split(text)
    offsets = starts(lines)
    at = page.front.count("\n")
    prose += [_blank(line) for line in lines[:at]]
    while at < len(lines):
        opening = FENCE.match(lines[at].rstrip("\n"))
        # A backtick in the info string makes it a code span, in Markdown and here.
        if not opening or "`" in opening["info"]:
            opened = opened if comment else at + 1
            left, comment = _uncomment(lines[at], comment)
            told[at] = left
            prose.append(CODE_SPAN.sub(lambda m: _blank(m.group()), left))
            at += 1
            continue
        prefix, fence = opening["prefix"], opening["fence"]
        close = at + 1
        while close < len(lines) and lines[close].rstrip() != prefix + fence:
            if lines[close].strip() and not lines[close].startswith(prefix.rstrip(" ") if ">" in prefix else prefix):
                close = len(lines)
            close += 1
        if close >= len(lines):
            message = f"this fence is never closed: end it with {fence} at the same indentation"
            page.faults.append(Problem(page.path, at + 1, message))
            prose.append(_blank(lines[at]))
            at += 1
            continue
        if comment:
            page.faults.append(Problem(page.path, at + 1, "a hidden block: take it out of the HTML comment"))
        if "\t" in prefix:
            page.faults.append(Problem(page.path, at + 1, "indent the block with spaces, not tabs"))
        language, options, wrong = _info(opening["info"].strip())
        page.faults += [Problem(page.path, at + 1, message) for message in wrong]
        code = "".join(line[len(prefix) :] or "\n" for line in lines[at + 1 : close])
        block = Block(page.path, at + 1, language, code, offsets[at + 1], offsets[close], prefix, fence, options)
        _append(page.blocks, block, prose)
        prose += [_blank(line) for line in lines[at : close + 1]]
        at = close + 1
    if comment:
        message = "this comment is never closed, and hides the rest of the page: end it with -->"
        page.faults.append(Problem(page.path, opened, message))
    page.prose = "".join(prose)
    page.told = "".join(told.get(number, line) for number, line in enumerate(prose))


def _scan_lab(page: Page) -> None:
    """Make blocks of the code cells of a lab, and prose of its text cells, each on its own lines of the file."""
    try:
        page.cells = labs.cells(page.text)
    except (ValueError, KeyError, TypeError) as error:
        message = f"cannot read this notebook ({error}): save it from Jupyter again"
        page.faults.append(Problem(page.path, 1, message))
        return
    lines = ["\n"] * len(split(page.text))
    for cell in page.cells:
        if cell.kind == "markdown":
            lines[cell.line : cell.line + len(cell.lines)] = [line.rstrip("\n") + "\n" for line in cell.lines]
    text = Page("", page.file, page.path)
    _scan(text, "".join(lines))
    page.prose, page.told = text.prose, text.told
    page.faults += text.faults
    message = "code in a text cell never runs: make it a code cell"
    page.faults += [Problem(page.path, block.line, message) for block in text.blocks]
    offsets = starts(split(page.text))
    for cell in page.cells:
        if cell.kind == "code":
            start, end = offsets[cell.line], offsets[cell.line + len(cell.lines)]
            output = Block(page.path, cell.stored, "output", cell.printed, start, start)
            code = cell.source + "\n"
            page.blocks.append(Block(page.path, cell.line, "python", code, start, end, output=output, cell=cell.number))


def _append(blocks: list[Block], block: Block, prose: list[str]) -> None:
    """Add a block; if it is an `output` block, hang it on the `python` block that prints it as well."""
    if block.language == "output" and blocks:
        last = blocks[-1]
        between = "".join(prose)[last.end :].strip(" >\n")
        if last.language == "python" and last.prefix == block.prefix and not between:
            blocks[-1] = replace(last, output=block)
    blocks.append(block)


def _info(info: str) -> tuple[str, dict[str, str], list[str]]:
    """Read what stands behind an opening fence: language, options, and what is wrong with it."""
    match = BRACES.match(info) or INFO.match(info)
    if not match:
        return info.split()[0].strip("{.}"), {}, [f'cannot read {info!r}: write the language, then title="..."']
    options: dict[str, str] = {}
    for option in OPTION.finditer(match["rest"]):
        options[option["key"] or option["name"]] = option["double"] or option["single"] or ""
    return match["language"], options, list(_info_problems(match["language"], options))


def _info_problems(language: str, options: dict[str, str]) -> Iterator[str]:
    if not language:
        yield "a block needs a language: ```python or ```pycon if it runs, ```text if not"
    elif language not in (*RUNNING, *PASSIVE, "output"):
        known = ", ".join((*RUNNING, "output", *PASSIVE))
        yield f"unknown language {language!r}, it would never run: use one of {known}"
    for name in options:
        if name == "linenums":
            yield "no linenums: they are copied with the code; use hl_lines"
        elif name == NOT_RUN and language not in PASSIVE:
            yield f"a `{language}` block is held to what runs: drop .{NOT_RUN}, or make it {{.text .{NOT_RUN}}}"
        elif name in NEEDS and language not in RUNNING:
            yield f"a `{language}` block runs nothing, so it needs nothing: drop .{name}"
        elif name not in OPTIONS:
            yield f"unknown option {name!r}: use one of {', '.join(OPTIONS)}"


def _uncomment(line: str, comment: bool) -> tuple[str, bool]:
    """Blank the HTML comments of a line; return it and whether one is still open."""
    left, at = "", 0
    masked = CODE_SPAN.sub(lambda m: _blank(m.group()), line)
    while at < len(line):
        mark = "-->" if comment else "<!--"
        found = masked.find(mark, at)
        end = len(line) if found < 0 else found + (len(mark) if comment else 0)
        left += _blank(line[at:end]) if comment else line[at:end]
        if found >= 0:
            comment = not comment
        at = end
    return left, comment


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)
