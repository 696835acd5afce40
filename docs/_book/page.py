"""Find, check and describe every fenced block of a page: the one parser of the book.

Tests, figures, copy buttons, live cells and the updating of outputs all ask `parse`.
The rules are those of `pymdownx.superfences`, which renders the pages;
`rendering.py` holds the two together.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import PurePath

RUNNING = ("python", "pycon")
PASSIVE = (
    *("text", "bash", "console", "yaml", "toml", "json", "ini"),
    *("html", "css", "markdown", "diff"),
)
OPTIONS = ("title", "hl_lines", "standalone")


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a page, in one line that says how to mend it."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


@dataclass(frozen=True)
class Example:
    """One prompt of a session: its source, and the text the page shows below it."""

    source: str
    want: str
    line: int  # of the first prompt, counted from 0 within the block
    indent: int = 0

    @property
    def want_line(self) -> int:
        """Where the shown text starts, counted from 0 within the block."""
        return self.line + len(self.source.splitlines())

    @property
    def exception(self) -> str | None:
        """The last lines of a shown traceback, or None where none is shown."""
        header, _, rest = self.want.partition("\n")
        if not header.startswith("Traceback (most recent call last):"):
            return None
        lines = rest.splitlines()
        while lines and (not lines[0].strip() or lines[0][0].isspace()):
            del lines[0]
        return "\n".join(lines)


@dataclass(frozen=True)
class Block:
    """One fenced block of a page, as the reader sees it."""

    path: str
    line: int  # of the opening fence, on the page, from 1
    language: str
    code: str  # dedented, with its closing newline
    start: int  # offsets of the body in the page's text, prefixes included
    end: int
    prefix: str = ""  # what each line of the block starts with: spaces, or `> `
    options: dict[str, str] = field(default_factory=dict, compare=False)
    output: Block | None = None

    @property
    def indent(self) -> int:
        """How far the block is indented."""
        return len(self.prefix)

    @property
    def runs(self) -> bool:
        """True for the languages that are run."""
        return self.language in RUNNING

    @property
    def standalone(self) -> bool:
        """True for a block that runs in a namespace of its own."""
        return "standalone" in self.options

    @cached_property
    def examples(self) -> list[Example]:
        """The prompts of a `pycon` block; none for other languages."""
        return session(self.code)[0] if self.language == "pycon" else []

    @cached_property
    def source(self) -> str:
        """What a reader pastes into an interpreter: no prompts, no outputs, ready to be read line by line."""
        if self.language == "pycon":
            return "".join(pasteable(example.source) for example in self.examples)
        return pasteable(self.code) if self.runs else self.code

    @property
    def figures(self) -> list[str]:
        """Names of the files that the block saves, in order."""
        return SAVES.findall(self.source) if self.runs else []


@dataclass(frozen=True)
class Image:
    """One image of a page."""

    line: int
    alt: str
    target: str


FENCE = re.compile(r"^(?P<prefix>[ \t>]*)(?P<fence>`{3,}|~{3,})(?P<info>.*)$")
INFO = re.compile(r"""(?P<language>[\w+#.-]*)(?P<rest>(?:\s+[a-zA-Z_]\w*=(?:"[^"]*"|'[^']*'))*)$""")
BRACES = re.compile(
    r"""\{\s*\.(?P<language>[\w+#-]+)(?P<rest>(?:\s+(?:\.[\w-]+|[a-zA-Z_]\w*=(?:"[^"]*"|'[^']*')))*)\s*\}$"""
)
OPTION = re.compile(r"""(?P<key>[a-zA-Z_]\w*)=(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)')|\.(?P<name>[\w-]+)""")
# A number that is no part of a word or of a version such as 3.11.2.
NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?!\w|\.\d)")
CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`)(?:.*?[^`])?\1(?!`)")
FRONT_MATTER = re.compile(r"\A---\n(?P<body>.*?)^---[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
IMAGE = re.compile(r"!\[(?P<alt>[^\]]*)\]\((?P<target>[^)\s]+)(?:\s+\"[^\"]*\")?\)")
SAVES = re.compile(r"""\.savefig\(\s*["']([^"']+)["']""")
RAW = {
    re.compile(r"<pre\b", re.I): "raw <pre> is never run: write a fenced block",
    re.compile(r"<(script|template|style)\b", re.I): "raw <script>, <style> or <template>: pages hold none",
    re.compile(r"<[a-z][^>]*(\shidden\b|display:\s*none)", re.I): "hidden HTML: show it or delete it",
    re.compile(r"<img\b", re.I): "write the image as ![what one sees](name.svg)",
    re.compile(r"!\[[^\]]*\]\["): "write the image's file in round brackets: ![what one sees](name.svg)",
    re.compile(r"^[ \t]*>>>(?: |$)", re.M): "a prompt outside a fence is never run: put it in a ```pycon block",
    re.compile(r"```"): "a fence stands alone on its own line, below the list item or text it belongs to",
    re.compile(r"^[ \t>]*(?:[-*+]|\d+[.)])[ \t]+~~~", re.M): "start the fence on a line of its own",
}


@dataclass
class _Page:
    blocks: list[Block] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    prose: str = ""  # the text with front matter, blocks, comments and code spans blanked, same length


def parse(text: str, path: str | PurePath = "page.md") -> list[Block]:
    """Return all fenced blocks in order, wherever they stand: in lists, tabs, quotes, admonitions."""
    return _scan(text, str(path)).blocks


def figures(text: str) -> list[Image]:
    """Return the images of a page in order."""
    return _images(_scan(text, "").prose)


def problems(text: str, path: str | PurePath = "page.md") -> list[Problem]:
    """Return what is wrong with a page, without running it, ordered by line."""
    page, path = _scan(text, str(path)), str(path)
    found = list(page.problems)
    for block in page.blocks:
        found += [Problem(path, *each) for each in _block_problems(block)]
    attached = {block.output.line for block in page.blocks if block.output}
    found += [
        Problem(path, block.line, "an `output` block stands directly below the `python` block that prints it")
        for block in page.blocks
        if block.language == "output" and block.line not in attached
    ]
    found += [Problem(path, *each) for each in _count_problems(text, path, page.blocks)]
    found += prose_problems(page.prose, path, page.blocks)
    return sorted(found, key=lambda problem: problem.line)


def listing(text: str) -> list[str]:
    """Return the lines that tracebacks quote: the page's own."""
    return text.splitlines(keepends=True)


def prose(text: str) -> str:
    """Return a page with its front matter, blocks, comments and code spans blanked, line for line."""
    return _scan(text, "").prose


def prose_problems(prose: str, path: str, blocks: list[Block]) -> list[Problem]:
    """Return what is wrong between the blocks: raw HTML, stray prompts, images."""
    found = [
        Problem(path, _line(prose, match.start()), message)
        for pattern, message in RAW.items()
        for match in pattern.finditer(prose)
    ]
    return found + [Problem(path, *each) for each in _image_problems(prose, blocks)]


def session(code: str, strict: bool = True) -> tuple[list[Example], list[tuple[int, str]]]:
    """Split the text of a session into its prompts, and name what would be dropped (line from 0, message).

    Not `strict` is for docstrings, where prose stands around indented prompts.
    """
    examples: list[Example] = []
    dropped: list[tuple[int, str]] = []
    lines = code.splitlines()
    at = 0
    while at < len(lines):
        line, indent = lines[at], len(lines[at]) - len(lines[at].lstrip(" "))
        if not line[indent:].startswith(">>>"):
            if line.strip() and strict:
                dropped.append((at, "this text is never run: start it with >>>, or close the blank line above it"))
            at += 1
            continue
        first = at
        source, want = [], []
        while at < len(lines) and lines[at][indent : indent + 3] == (">>>" if at == first else "..."):
            prompt = lines[at][indent:]
            if prompt[3:] and prompt[3] != " ":
                dropped.append((at, "one space follows a prompt"))
            source.append(prompt[4:])
            at += 1
        while at < len(lines) and lines[at].strip() and not lines[at].lstrip(" ").startswith(">>>"):
            want.append(lines[at][indent:])
            at += 1
        if strict and indent:
            dropped.append((first, "start the prompt at the margin of the block"))
        examples.append(Example("\n".join(source) + "\n", "\n".join(want), first, indent))
    return examples, dropped


def _scan(text: str, path: str) -> _Page:
    """Read a page line by line."""
    page = _Page()
    prose: list[str] = []
    comment = False
    lines = text.splitlines(keepends=True)
    offsets = [0]
    for line in lines:
        offsets.append(offsets[-1] + len(line))
    front = FRONT_MATTER.match(text)
    at = front.group().count("\n") if front else 0
    prose += [_blank(line) for line in lines[:at]]
    while at < len(lines):
        opening = FENCE.match(lines[at].rstrip("\n"))
        # A backtick in the info string makes it a code span, in Markdown and here.
        if not opening or "`" in opening["info"]:
            shown, comment = _uncomment(lines[at], comment)
            prose.append(CODE_SPAN.sub(lambda m: _blank(m.group()), shown))
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
            page.problems.append(Problem(path, at + 1, message))
            prose.append(_blank(lines[at]))
            at += 1
            continue
        if comment:
            page.problems.append(Problem(path, at + 1, "a hidden block: take it out of the HTML comment"))
        if "\t" in prefix:
            page.problems.append(Problem(path, at + 1, "indent the block with spaces, not tabs"))
        language, options, wrong = _info(opening["info"].strip())
        page.problems += [Problem(path, at + 1, message) for message in wrong]
        code = "".join(line[len(prefix) :] or "\n" for line in lines[at + 1 : close])
        block = Block(path, at + 1, language, code, offsets[at + 1], offsets[close], prefix, options)
        _append(page.blocks, block, "".join(prose))
        prose += [_blank(line) for line in lines[at : close + 1]]
        at = close + 1
    page.prose = "".join(prose)
    return page


def _append(blocks: list[Block], block: Block, prose: str) -> None:
    """Add a block, or hang it on the `python` block whose printed output it shows."""
    if block.language == "output" and blocks:
        last = blocks[-1]
        between = prose[last.end :].strip(" >\n")
        if last.language == "python" and last.prefix == block.prefix and not between:
            blocks[-1] = replace(last, output=block)
    blocks.append(block)


def _info(info: str) -> tuple[str, dict[str, str], list[str]]:
    """Read what stands behind an opening fence: language, options, and what is wrong with it."""
    match = BRACES.match(info) or INFO.match(info)
    if not match:
        return (
            info.split()[0].strip("{.}"),
            {},
            [f'cannot read {info!r}: write the language, then title="..."'],
        )
    options: dict[str, str] = {}
    for option in OPTION.finditer(match["rest"]):
        options[option["key"] or option["name"]] = option["double"] or option["single"] or ""
    language, wrong = match["language"], []
    if not language:
        wrong.append("a block needs a language: ```python or ```pycon if it runs, ```text if not")
    elif language not in (*RUNNING, *PASSIVE, "output"):
        known = ", ".join((*RUNNING, "output", *PASSIVE))
        wrong.append(f"unknown language {language!r}, it would never run: use one of {known}")
    for name in options:
        if name == "linenums":
            wrong.append("no linenums: they are copied with the code; use hl_lines")
        elif name not in OPTIONS:
            wrong.append(f"unknown option {name!r}: use one of {', '.join(OPTIONS)}")
    return language, options, wrong


def _block_problems(block: Block) -> Iterator[tuple[int, str]]:
    """What is wrong inside one block."""
    body = block.line + 1
    if block.language == "python":
        for number, line in enumerate(block.code.splitlines()):
            if line.lstrip().startswith(">>>"):
                yield body + number, "a prompt in a `python` block: make the block ```pycon"
    if block.language == "pycon":
        examples, dropped = session(block.code)
        if not examples:
            yield block.line, "a `pycon` block without a prompt: start its statements with >>>"
        else:
            yield from ((body + line, message) for line, message in dropped)
    if block.runs:
        for number, line in enumerate(block.code.splitlines()):
            if re.search(r"#\s*doctest:", line):
                yield body + number, "no doctest directives, nothing is skipped: show what the code prints"


def _count_problems(text: str, path: str, blocks: list[Block]) -> Iterator[tuple[int, str]]:
    """A page says how many blocks it runs, so that a lost one is noticed."""
    count = sum(block.runs for block in blocks)
    readme = PurePath(path).name == "README.md"
    front = FRONT_MATTER.match(text)
    place = text if readme else front["body"] if front else ""
    pattern = r"<!-- blocks: (\d+) -->" if readme else r"^blocks: *(\d+) *$"
    stated = re.search(pattern, place, re.M)
    if not stated:
        where = f"<!-- blocks: {count} -->" if readme else f"`blocks: {count}` in the front matter"
        yield 1, f"say how many blocks run: add {where}"
    elif int(stated[1]) != count:
        offset = stated.start() + (0 if readme else front.start("body") if front else 0)
        yield (
            _line(text, offset),
            f"the page says {stated[1]} blocks and has {count}: mend the number, or find the lost block",
        )


def _image_problems(prose: str, blocks: list[Block]) -> Iterator[tuple[int, str]]:
    """Every figure is drawn by a block above it, shown once, and described."""
    saved: dict[str, int] = {}
    for block in blocks:
        for name in block.figures:
            if not name.endswith(".svg") or "/" in name:
                yield block.line, f"save the figure as a plain .svg name, not {name!r}"
            elif name in saved:
                yield block.line, f"{name} is saved twice: names are unique within a page"
            saved.setdefault(name, block.line)
    shown = set()
    for image in _images(prose):
        shown.add(image.target)
        if len(image.alt.split()) < 3:
            yield image.line, f"{image.target} needs alt text that says what one sees: ![...]({image.target})"
        if "//" in image.target:
            yield image.line, "no pictures from other sites: draw the figure in a block"
        elif image.target.endswith(".svg") and "/" not in image.target:
            if image.target not in saved:
                yield image.line, f'no block saves {image.target}: end one with fig.savefig("{image.target}")'
            elif saved[image.target] > image.line:
                yield image.line, f"show {image.target} below the block that saves it"
    for name, line in saved.items():
        if name not in shown:
            yield line, f"{name} is saved and never shown: add ![what one sees]({name}) below the block"


def _images(prose: str) -> list[Image]:
    return [
        Image(_line(prose, match.start()), " ".join(match["alt"].split()), match["target"])
        for match in IMAGE.finditer(prose)
    ]


def _uncomment(line: str, comment: bool) -> tuple[str, bool]:
    """Blank the HTML comments of a line; return it and whether one is still open."""
    shown, at = "", 0
    masked = CODE_SPAN.sub(lambda m: _blank(m.group()), line)
    while at < len(line):
        mark = "-->" if comment else "<!--"
        found = masked.find(mark, at)
        end = len(line) if found < 0 else found + (len(mark) if comment else 0)
        shown += _blank(line[at:end]) if comment else line[at:end]
        if found >= 0:
            comment = not comment
        at = end
    return shown, comment


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)


def _line(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1


def pasteable(code: str) -> str:
    """Return code that an interpreter takes line by line: no blank line inside a suite, one after it."""
    try:
        body = ast.parse(code).body
        blank = {
            token.start[0]
            for token in tokenize.generate_tokens(io.StringIO(code).readline)
            if token.type == tokenize.NL and not token.line.strip()  # one in a text belongs to the text
        }
    except (SyntaxError, tokenize.TokenError):
        return code
    lines = code.splitlines()
    suites = [
        (min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))]), node.end_lineno or 0)
        for node in body
        if hasattr(node, "body") or hasattr(node, "cases")
    ]
    kept = []
    for number, line in enumerate(lines, start=1):
        if number in blank and any(first < number <= last for first, last in suites):
            continue
        kept.append(line)
        if any(number == last for _, last in suites) and (number == len(lines) or lines[number].strip()):
            kept.append("")
    return "\n".join(kept) + "\n"
