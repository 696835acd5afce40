"""Each exercise can be linked to: the words that open it have an id."""

from __future__ import annotations

from xml.etree import ElementTree

from markdown.treeprocessors import Treeprocessor

from _book import exercises


class Tasks(Treeprocessor):
    """Mark where an exercise begins."""

    def run(self, root: ElementTree.Element) -> None:
        for words in root.iter("strong"):
            if title := exercises.TITLE.match(words.text or ""):
                mark = ElementTree.Element("span", {"id": exercises.anchor(title["number"])})
                mark.tail, words.text = words.text, ""
                words.insert(0, mark)
