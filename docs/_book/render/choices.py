"""The answers of a question: each opens, and says whether it is right, and why. No script is needed for it."""

from __future__ import annotations

from xml.etree import ElementTree

from markdown.treeprocessors import Treeprocessor

from _book import choices


class Choices(Treeprocessor):
    """Make of a list of boxes a list of answers that open; before what stands in them is read as inline text."""

    def run(self, root: ElementTree.Element) -> None:
        for answers in list(root.iter("ul")):
            options = [choices.OPTION.match("- " + (self._first(item).text or "").lstrip()) for item in answers]
            if not all(options):
                continue
            answers.set("class", "choices")
            for item, option in zip(answers, options, strict=True):
                assert option
                self._open(item, right=bool(option["box"].strip()), text=option["text"].strip())

    @staticmethod
    def _first(item: ElementTree.Element) -> ElementTree.Element:
        """The element that holds the item's first words."""
        return item[0] if len(item) and item[0].tag == "p" and not (item.text or "").strip() else item

    def _open(self, item: ElementTree.Element, *, right: bool, text: str) -> None:
        first = self._first(item)
        reason = [child for child in item if child is not first]
        shown = list(first) if first is not item else []
        item.clear()
        details = ElementTree.SubElement(item, "details", {"class": f"choice choice--{'right' if right else 'wrong'}"})
        summary = ElementTree.SubElement(details, "summary")
        summary.text = text
        summary.extend(shown)
        details.extend(reason)
        if reason and reason[0].tag == "p":
            verdict = ElementTree.Element("strong")
            verdict.text, verdict.tail = "Yes." if right else "No.", " " + (reason[0].text or "")
            reason[0].text = ""
            reason[0].insert(0, verdict)
