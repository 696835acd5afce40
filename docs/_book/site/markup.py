"""Finished HTML: the marks that we leave in it, and its tags, as a parser finds them.

A build that renders only what changed finds the pages of an earlier one in its folder, finished. So whatever is
added to a page stands between two marks, and can be taken out again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from itertools import accumulate

# Around what was rendered of a page's own text; the theme is outside.
CONTENT, END = "<!--page-->", "<!--/page-->"
# Around what was added to a finished page.
ADDED, DONE = "<!--+-->", "<!--/+-->"
# How the extension marks a block that runs.
CELL = re.compile(r'\sdata-cell(?:="[^"]*")?')
# Elements without content, and so without an end.
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


@dataclass(frozen=True)
class Tag:
    """The start of an element."""

    name: str
    attributes: dict[str, str]
    raw: str  # as it is written

    @property
    def classes(self) -> list[str]:
        """Its classes, in order."""
        return self.attributes.get("class", "").split()


def framed(content: str) -> str:
    """Return what was rendered of a page, so that `content` finds it in the finished page."""
    return CONTENT + content + END


def content(page: str) -> str:
    """Return what was rendered of a page's own text, or nothing if no text of ours is in it."""
    start, end = page.find(CONTENT), page.rfind(END)
    return page[start + len(CONTENT) : end] if 0 <= start < end else ""


def added(html: str) -> str:
    """Return a piece of HTML that `bare` takes out again."""
    return ADDED + html + DONE if html else ""


def bare(page: str) -> str:
    """Return a page without what was added to it."""
    return re.sub(f"{re.escape(ADDED)}.*?{re.escape(DONE)}", "", page, flags=re.DOTALL)


def before(page: str, mark: str, html: str) -> str:
    """Add HTML before a mark or an end tag, where it stands first."""
    return page.replace(_found(mark, page), added(html) + mark, 1)


def after(page: str, mark: str, html: str) -> str:
    """Add HTML after a mark or a tag, where it stands first."""
    return page.replace(_found(mark, page), mark + added(html), 1)


def _found(mark: str, page: str) -> str:
    """Return a mark that is in a page: without it the policy, or the math font, would be left out without a word."""
    if mark not in page:
        raise LookupError(f"markup: no {mark} in the page that begins {page[:60]!r}: the theme writes it otherwise")
    return mark


def has(page: str, attribute: str) -> bool:
    """True where a tag has the attribute, and not only the text speaks of it: that has no `<` before it, but a `>`."""
    found = (match.start() for match in re.finditer(rf"\s{attribute}\b", page))
    return any(page.rfind("<", 0, at) > page.rfind(">", 0, at) for at in found)


def still(tag: str) -> str:
    """Return a tag, as it is written, without the mark of a block that runs."""
    return CELL.sub("", tag)


def edited(html: str, change: Callable[[Tag, Sequence[Tag]], str]) -> str:
    """Return HTML with each start tag as `change` gives it back, of the tag and the elements that are open around it.

    All else stays as it is written, to the letter.
    """
    tags = _Tags(html)
    pieces, at = [], 0
    for start, tag, around in tags.found:
        pieces += [html[at:start], change(tag, around)]
        at = start + len(tag.raw)
    return "".join([*pieces, html[at:]])


class _Tags(HTMLParser):
    """Finds the start tags of some HTML, and where they stand."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[int, Tag, tuple[Tag, ...]]] = []
        self.open: tuple[Tag, ...] = ()
        self.lines = list(accumulate((len(line) for line in html.split("\n")), lambda at, n: at + n + 1, initial=0))
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open = (*self.open, self.found[-1][1])

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        line, column = self.getpos()
        found = Tag(tag, {name: value or "" for name, value in attrs}, self.get_starttag_text() or "")
        self.found.append((self.lines[line - 1] + column, found, self.open))

    def handle_endtag(self, tag: str) -> None:
        names = [each.name for each in self.open]
        if tag in names:
            self.open = self.open[: len(names) - 1 - names[::-1].index(tag)]
