"""Blocks of Python become cells: the HTML says all that the browser needs to run one, so that it parses nothing.

A block goes through Markdown with its number on the page (`Page.numbered`), which its `div` brings back as
`data-block`. Of the blocks that run, the div also gets:

- `data-copy`: what a reader pastes, where that is not what one sees: no prompts, no outputs, suites closed.
- `data-cell`: a JSON object.
    - `number`: its place among the cells of the rendered page, from 1; those of docstrings count.
    - `language`: `"python"`, or `"pycon"` for a session with prompts.
    - `standalone`: whether it runs in a namespace of its own.
    - `lab`: whether it is a cell of a lab, which shows the value of its last expression.
    - `shown`: all text that the page shows as printed; null where that is nothing, or a traceback among other lines,
      which cannot be compared once the prompts around it are gone; no line end at its end.
    - `saves`: the figures it saves, `{"name.svg": "what one sees"}`.
    - `check`: on the solution of an exercise only, `assertions`, the source of each, and the `names` that they need.

A block that needs a framework is no cell. It keeps `data-copy`, and the first of a page that needs the same has a note
above it, which says what.

A block that only imports is folded. What a block asserts is set quieter than what it does, since it repeats what the
page says; a mark of the scoreboard is a small link.

Blocks of a docstring, which mkdocstrings rendered, have no number: their text is read off the HTML.
"""

from __future__ import annotations

import ast
import html
import json
import re
from typing import TYPE_CHECKING, Any

from markdown import Markdown
from markdown.postprocessors import Postprocessor
from markdown.preprocessors import Preprocessor
from markdown.treeprocessors import Treeprocessor

from _book.blocks import NEEDS, Block
from _book.page import Page

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from _book.render.extension import BookExtension

CODE = re.compile(
    r'<div class="(?P<classes>[^"]*)"(?P<rest>(?:[^>]*? data-block="(?P<number>\d+)")?[^>]*)>'
    r"(?P<body>(?:<span class=\"filename\">[^<]*</span>)?<pre\b.*?<code>(?P<code>.*?)</code>)",
    re.DOTALL,
)
# What mkdocstrings shows of a function, and no example of it: its signature, its source.
LISTED = re.compile(r'<details class="mkdocstrings-source">.*?</details>|<div class="[^"]*\bdoc-signature\b', re.DOTALL)
LANGUAGE = re.compile(r"\blanguage-(python|pycon)\b")
MARKUP = re.compile(r"<[^>]*>")
# Names and blanks, which the theme colours like all code, and what stands between names: most spans of a page, and a
# fifteenth of its weight. The style sheet gives these the colour of all code too, for the editor.
PLAIN = re.compile(r'<span class="(?:n|w|p|o|ow)">([^<]*)</span>')
# The pieces of a string have one colour.
STRING = re.compile(r'(?:<span class="s[12i]">[^<]*</span>){2,}')
# What the marks stand for in a note: the name, and what is installed.
FRAMEWORKS = {
    "needs-torch": ("PyTorch", "torch"),
    "needs-jax": ("JAX", "jax"),
    "needs-flax": ("Flax", "flax"),
    "needs-keras": ("Keras on JAX", "keras jax"),
}
# What is folded, and where it ends.
FOLD = '<details class="imports"><summary>Imports</summary>'
FOLDED = re.compile(rf"({re.escape(FOLD)}.*?</pre></div>)", re.DOTALL)
# A mark of the scoreboard, at the end of a comment.
SCORE = re.compile(r"# score: (?P<id>[a-z0-9-]+)(?: differs)?(?=\s*</span>)")


class Numbers(Preprocessor):
    """Number the blocks of a page that nobody has numbered; count how deep in a docstring's own rendering we are."""

    def __init__(self, md: Markdown, book: BookExtension) -> None:
        super().__init__(md)
        self.book = book

    def run(self, lines: list[str]) -> list[str]:
        self.book.depth += 1
        if self.book.depth > 1 or self.book.given:
            return lines
        page = self.book.page = Page.parse("\n".join(lines))
        return (page.front + page.numbered).split("\n")


class Depth(Treeprocessor):
    """Count the way back; the postprocessors that follow are also run on each heading, and could not."""

    def __init__(self, md: Markdown, book: BookExtension) -> None:
        super().__init__(md)
        self.book = book

    def run(self, root: Element) -> None:
        self.book.depth -= 1


class Cells(Postprocessor):
    """Write the attributes of the cells of a page, those of its docstrings included."""

    def __init__(self, md: Markdown, book: BookExtension) -> None:
        super().__init__(md)
        self.book = book

    def run(self, text: str) -> str:
        # A docstring is rendered before the page around it: it is done with the page.
        if self.book.depth or "<pre" not in text:
            return text
        listed = [match.span() for match in LISTED.finditer(text)]
        count = 0
        noted: set[tuple[str, ...]] = set()

        def cell(match: re.Match[str]) -> str:
            nonlocal count
            block = self._block(match)
            if block is None:
                return match[0]
            if any(start <= match.start() < end for start, end in listed):
                return _opened(match, _copied(block)) + match["body"]
            if marks := tuple(mark for mark in block.options if mark in NEEDS):
                note = "" if marks in noted else _note(marks)
                noted.add(marks)
                return note + _opened(match, _copied(block)) + _quieted(match["body"], block)
            count += 1
            return self._cell(match, block, count)

        return FOLDED.sub(r"\1</details>", CODE.sub(cell, text))

    def _block(self, match: re.Match[str]) -> Block | None:
        """The block that is shown here, if it is one that runs."""
        if match["number"]:
            block = self.book.page.blocks[int(match["number"])]
            return block if block.runs else None
        if language := LANGUAGE.search(match["classes"]):
            code = html.unescape(MARKUP.sub("", match["code"])).strip("\n") + "\n"
            return Block("", 0, language[1], code, number=-1)
        return None

    def _cell(self, match: re.Match[str], block: Block, number: int) -> str:
        page = self.book.page
        said = json.dumps(described(block, page, number), ensure_ascii=False)
        attributes = _copied(block) | {"data-cell": said}
        opening, body = _opened(match, attributes), SCORE.sub(self._mark, _quieted(match["body"], block))
        if imports(block):
            return FOLD + opening + body
        return opening + body

    def _mark(self, match: re.Match[str]) -> str:
        """Let a mark be linked to, and link to its row of the scoreboard."""
        board = self.book.context.board
        link = f'<a href="{board}#{match["id"]}">{match[0]}</a>' if board else match[0]
        # Its text stays in the page, to be copied and read aloud; the style sheet draws a small mark in its place.
        # The id is not on the link: the theme hides what has an id and is a link in code.
        return f'<span class="score" id="score-{match["id"]}">{link}</span>'


def _note(marks: tuple[str, ...]) -> str:
    """Say what the blocks with these marks need, and where they run."""
    names = " and ".join(FRAMEWORKS[mark][0] for mark in marks)
    packages = " ".join(dict.fromkeys(" ".join(FRAMEWORKS[mark][1] for mark in marks).split()))
    return (
        f'<p class="needs">Blocks such as this one need {names} (<code>pip install {packages}</code>), so they run on '
        "your machine and not on this page. What they show was printed when they were tested.</p>"
    )


def imports(block: Block) -> bool:
    """True for a block that does nothing but import."""
    body = _statements(block)
    return bool(body) and all(isinstance(each, ast.Import | ast.ImportFrom) for each in body)


def _statements(block: Block) -> list[ast.stmt]:
    """The statements of a block of Python; none of a session's, nor where it is no Python, which running it says."""
    try:
        return ast.parse(block.code).body if block.language == "python" else []
    except SyntaxError:
        return []


def _quieted(body: str, block: Block) -> str:
    """Mark what a block asserts; no token reaches over the ends of a statement, so the spans nest."""
    body = PLAIN.sub(r"\1", body)
    body = STRING.sub(lambda pieces: f'<span class="s2">{MARKUP.sub("", pieces[0])}</span>', body)
    start = body.index("<code>") + len("<code>")
    end = body.rindex("</code>")
    lines = body[start:end].split("\n")
    for each in _statements(block):
        if isinstance(each, ast.Assert) and each.end_lineno and each.end_lineno <= len(lines):
            lines[each.lineno - 1] = '<span class="claim">' + lines[each.lineno - 1]
            lines[each.end_lineno - 1] += "</span>"
    return body[:start] + "\n".join(lines) + body[end:]


def described(block: Block, page: Page, number: int) -> dict[str, Any]:
    """Return what the browser is told of a block; `number` is its place among the cells of the rendered page."""
    if block.language == "pycon":
        raises = any(e.exception is not None for e in block.examples)
        shown = "" if raises else "\n".join(e.want for e in block.examples if e.want)
    else:
        shown = block.output.code.rstrip("\n") if block.output else ""
    alts = {image.target: image.alt for image in page.images}
    found = {
        "number": number,
        "language": block.language,
        "standalone": block.standalone,
        "lab": bool(block.cell),
        "shown": shown if shown.strip() else None,
        "saves": {name: alts.get(name, name) for name in block.figures},
    }
    for exercise in page.exercises:
        if exercise.solution == block.number and exercise.assertions:
            found["check"] = {"assertions": exercise.assertions, "names": exercise.names}
    return found


def _copied(block: Block) -> dict[str, str]:
    """What the copy button is told: nothing where one pastes the block as it stands, which spares a page kilobytes."""
    return {} if block.source.strip("\n") == block.code.strip("\n") else {"data-copy": block.source}


def _opened(match: re.Match[str], attributes: dict[str, str]) -> str:
    """Return the opening tag of a block with more attributes."""
    written = [f'{name}="{html.escape(value)}"'.replace("\n", "&#10;") for name, value in attributes.items()]
    return f'<div class="{match["classes"]}"{match["rest"]} {" ".join(written)}>'
