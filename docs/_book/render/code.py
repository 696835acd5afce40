"""Blocks of Python become cells, and say what a reader pastes."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from markdown import Markdown
from markdown.postprocessors import Postprocessor

from _book import exercises as cells
from _book import page as blocks

if TYPE_CHECKING:
    from _book.render.extension import BookExtension

CODE = re.compile(
    r'<div class="(?P<classes>[^"]*\blanguage-(?P<language>python|pycon)\b[^"]*)"(?P<rest>[^>]*)>'
    r"(?P<body>.*?<code>(?P<code>.*?)</code>)",
    re.DOTALL,
)
MARKUP = re.compile(r"<[^>]*>")
# A mark of the scoreboard, at the end of a comment.
SCORE = re.compile(r"# score: (?P<id>[a-z0-9-]+)(?: differs)?(?=\s*</span>)")


class Cells(Postprocessor):
    """Make each block of Python a cell, and say what the reader pastes: no prompts, no outputs, suites closed."""

    def __init__(self, md: Markdown, book: BookExtension) -> None:
        super().__init__(md)
        self.book = book

    def run(self, text: str) -> str:
        return CODE.sub(self._block, text)

    def _block(self, match: re.Match[str]) -> str:
        if "data-copy" in match["rest"]:  # from a docstring, rendered before the page around it
            return match[0]
        code = html.unescape(MARKUP.sub("", match["code"])).strip("\n") + "\n"
        pasted = blocks.Block("", 1, match["language"], code, 0, 0).source
        attribute = html.escape(pasted).replace("\n", "&#10;")
        check = self.book.page.solutions.get(code.strip("\n"))
        # Which lines of a solution are its assertions, and the names that they need.
        checked = f' data-check="{cells.attribute(check)}"' if check else ""
        body = SCORE.sub(self._mark, match["body"])
        return f'<div class="{match["classes"]}"{match["rest"]} data-copy="{attribute}" data-cell{checked}>{body}'

    def _mark(self, match: re.Match[str]) -> str:
        """Let a mark be linked to, and link to its row of the scoreboard."""
        board = self.book.page.board
        link = f'<a href="{board}#{match["id"]}">{match[0]}</a>' if board else match[0]
        # Not on the link: the theme hides what has an id and is a link in code.
        return f'<span class="score" id="score-{match["id"]}">{link}</span>'
