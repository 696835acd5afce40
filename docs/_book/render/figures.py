"""Figures are put into the page as SVG, in the page's colours."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from markdown import Markdown
from markdown.treeprocessors import Treeprocessor

from _book.render import colours, paths

if TYPE_CHECKING:
    from _book.render.extension import BookExtension

# What `![...](name.svg){ data-explore="symmetry" }` can name.
EXPLORABLES = Path(__file__).parents[1] / "browser" / "js" / "explore"


class Figures(Treeprocessor):
    """Put each figure that a block of the page drew into the page, linked to the file it can be seen large in."""

    def __init__(self, md: Markdown, book: BookExtension) -> None:
        super().__init__(md)
        self.book = book

    def run(self, root: ElementTree.Element) -> None:
        for parent in list(root.iter()):
            for image in [child for child in parent if child.tag == "img"]:
                self._replace(parent, image)

    def _replace(self, parent: ElementTree.Element, image: ElementTree.Element) -> None:
        context = self.book.context
        name, alt = image.get("src", ""), " ".join(image.get("alt", "").split())
        if not name.endswith(".svg") or "/" in name:
            return
        if not alt:
            self.book.problem(f"]({name}", f"{name} needs alt text that says what one sees: ![...]({name})")
        if name not in context.figures:
            self.book.problem(f"]({name}", f'no block draws {name}: end one with fig.savefig("{name}")')
            return
        caption = image.get("title")
        explorable, plays = image.get("data-explore"), image.get("data-play")
        if explorable and not (EXPLORABLES / f"{explorable}.js").exists():
            message = f"no explorable {explorable}: write browser/js/explore/{explorable}.js"
            self.book.problem(f'data-explore="{explorable}"', message)
        tail = image.tail
        image.clear()
        image.tail = tail
        image.tag = "figure" if self._alone(parent, image) else "span"
        image.set("class", "figure explorable" if explorable else "figure")
        if explorable:
            image.set("data-explore", explorable)
            if plays is not None:
                image.set("data-play", "")
        link = ElementTree.SubElement(image, "a", {"href": f"{context.folder}{name}", "class": "figure__open"})
        svg = paths.light(colours.inline(context.figures[name].decode(), name, alt))
        link.text = self.md.htmlStash.store(svg)
        if caption:
            ElementTree.SubElement(image, "figcaption").text = caption
        # A paragraph cannot hold a figure.
        if image.tag == "figure" and parent.tag == "p":
            parent.tag = "div"
            parent.set("class", "figures")

    @staticmethod
    def _alone(parent: ElementTree.Element, image: ElementTree.Element) -> bool:
        """True where nothing but figures stands in the paragraph."""
        inside = [parent.text, *(child.tail for child in parent)]
        tags = {child.tag for child in parent if child is not image}
        return tags <= {"img", "figure"} and not any(text and text.strip() for text in inside)
