"""Tables too wide for a phone: a card for each row there, and each cell says what column it is of."""

from __future__ import annotations

from xml.etree import ElementTree

from markdown.treeprocessors import Treeprocessor

WIDE = 6  # columns, from which on a phone has no room


class Wide(Treeprocessor):
    """Mark wide tables for the style sheet, which lays them out as cards on a phone."""

    def run(self, root: ElementTree.Element) -> None:
        for table in root.iter("table"):
            titles = ["".join(cell.itertext()) for cell in table.iter("th")]
            if len(titles) >= WIDE and not table.get("class"):
                table.set("class", "wide")
                self._say(table, titles)

    @staticmethod
    def _say(table: ElementTree.Element, titles: list[str]) -> None:
        # A browser forgets that it is a table when it is not laid out as one: so it is said.
        table.set("role", "table")
        for part in table:
            part.set("role", "rowgroup")
            for row in part:
                row.set("role", "row")
        for cell in table.iter("th"):
            cell.set("role", "columnheader")
        for row in table[1]:
            for title, cell in zip(titles, row, strict=True):
                # In one piece: beside its label, each of its parts would be a column of its own.
                whole = ElementTree.Element("span")
                whole.text = cell.text
                whole.extend(list(cell))
                cell.clear()
                cell.attrib = {"role": "cell", "data-label": title}
                cell.append(whole)
