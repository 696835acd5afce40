"""Questions that a reader answers by a choice: the page says whether it was the right one, and why.

A list whose items start with a box is one: `- [x]` is right, `- [ ]` is not; below each, indented, stands the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _book.page import Page

OPTION = re.compile(r"^(?P<indent> *)[-*+] +\[(?P<box>[ xX]?)\](?P<text>.*)$")


@dataclass
class Option:
    """One answer of a question."""

    line: int  # on the page
    right: bool
    reason: bool = False  # whether anything stands below it


def find(page: Page) -> Iterator[list[Option]]:
    """Yield the answers of each question of a page, in order."""
    options: list[Option] = []
    indent = 0
    for number, line in enumerate(page.prose.splitlines(), start=1):
        option = OPTION.match(line)
        inside = len(line) - len(line.lstrip()) > indent
        if options and line.strip() and not inside and (not option or len(option["indent"]) != indent):
            yield options
            options = []
        if option and not (options and inside):
            indent = len(option["indent"])
            options.append(Option(number, option["box"] in "xX" and bool(option["box"])))
        elif options and line.strip():
            options[-1].reason = True
    if options:
        yield options


def problems(page: Page) -> Iterator[tuple[int, str]]:
    """Yield what keeps a question from being answered: the line, and how to mend it."""
    for options in find(page):
        right = [option for option in options if option.right]
        if len(options) < 2:
            yield options[0].line, "one answer is no choice: add another, - [ ] ..."
        if len(right) != 1:
            yield options[0].line, f"{len(right)} right answers: mark one with - [x], all others with - [ ]"
        for option in options:
            if not option.reason:
                yield option.line, "say why this answer is right or wrong: a paragraph below it, indented by four"
