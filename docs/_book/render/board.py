"""The rows of the scoreboard are completed with what their marked blocks prove."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from markdown.treeprocessors import Treeprocessor
from markdown.util import AtomicString

from _book.board import HEADER, rows

if TYPE_CHECKING:
    from _book.render.extension import BookExtension

# A hyphen in a number is a minus sign, at which no browser breaks the line.
MINUS = re.compile(r"(?<![\w.])-(?=[\d.])|(?<=\de)-(?=\d)")
SCORE_COLUMNS = ("Claim", "Kind", "Expected", "Ours", "Where", "Verdict")


@dataclass
class Score:
    """What completes a row of the scoreboard."""

    expected: str
    ours: str
    differs: bool
    href: str  # of the mark, as a link from the scoreboard's source
    place: str


class Scoreboard(Treeprocessor):
    """Complete the rows of the scoreboard: each becomes what its marked block proves, and a link to it."""

    def __init__(self, book: BookExtension) -> None:
        super().__init__()
        self.book = book

    def run(self, root: ElementTree.Element) -> None:
        known = self.book.context.scores
        if known is None:
            return
        # From the text: in the tree, the ids have been put away already.
        names = iter(rows(self.book.page))
        differ: list[tuple[str, str]] = []
        for table in list(root.iter("table")):
            titles = ["".join(cell.itertext()) for cell in table.iter("th")]
            if "| " + " | ".join(titles) + " |" == HEADER:
                differ += self._complete(table, names, known)
        if differ:
            self._first(root, differ)

    @staticmethod
    def _first(root: ElementTree.Element, differ: list[tuple[str, str]]) -> None:
        """List what differs above the first table's heading: it is what a reader looks for."""
        at = next((at for at, element in enumerate(root) if element.tag in ("h2", "table")), 0)
        heading = ElementTree.Element("p")
        ElementTree.SubElement(heading, "strong").text = "What differs"
        found = ElementTree.Element("ul", {"class": "scores__first"})
        for name, claim in differ:
            item = ElementTree.SubElement(found, "li")
            ElementTree.SubElement(item, "a", {"href": f"#{name}"}).text = AtomicString(claim)
        root.insert(at, heading)
        root.insert(at + 1, found)

    def _complete(
        self, table: ElementTree.Element, names: Iterator[str], known: dict[str, Score]
    ) -> Iterator[tuple[str, str]]:
        """Complete the rows of a table; yield the name and the claim of each that differs."""
        # Laid out as cards on a phone, which would make a browser forget that it is a table: so it is said.
        table.attrib = {"class": "scores", "role": "table"}
        for part in table:
            part.set("role", "rowgroup")
        (head,) = table.iter("thead")
        head[0].set("role", "row")
        head[0][:] = []
        for title in SCORE_COLUMNS:
            ElementTree.SubElement(head[0], "th", {"role": "columnheader", "scope": "col"}).text = title
        for row in table[1]:
            name = next(names, "")
            score = known.get(name)
            if not score:
                if name:
                    message = f"nothing is known of {name}: no build runs its page, or it fails"
                    self.book.problem(f"`{name}`", message)
                continue
            claim, source = row[1], row[2]
            if score.differs:
                yield name, "".join(row[1].itertext()).strip()
            row.attrib = {"id": name, "role": "row"}
            row[:] = [claim]
            claim.attrib = {"role": "cell"}
            source.tag, source.attrib = "div", {"class": "scores__source"}
            claim.append(source)
            # The first word of the source: one can run an eye down its column.
            kind, _, source.text = (source.text or "").partition(": ")
            verdict = "differs" if score.differs else "agrees"
            texts = (kind.lower(), score.expected, score.ours, "", verdict)
            for title, text in zip(SCORE_COLUMNS[1:], texts, strict=True):
                cell = ElementTree.SubElement(row, "td", {"role": "cell", "data-label": title})
                cell.text = AtomicString(MINUS.sub("\u2212", text))
            ElementTree.SubElement(row[4], "a", {"href": score.href}).text = score.place
            row[5].set("class", f"scores__{verdict}")
