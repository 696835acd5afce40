"""TeX becomes MathML, and numbered equations can be linked to."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from markdown import Markdown
from markdown.blockprocessors import BlockProcessor
from markdown.inlinepatterns import InlineProcessor
from math_core import LatexError, LatexToMathML

if TYPE_CHECKING:
    from _book.render.extension import BookExtension

INLINE_MATH = r"(?<![\\$])\$(?![\s$])((?:\\.|[^\\$])+?)(?<!\s)\$(?![\d$])"
DISPLAY_MATH = re.compile(r"(?:^|\n)[ ]{0,3}\$\$(.*?)\$\$[ ]*(?=\n|$)", re.DOTALL)
TAG = re.compile(r"\\tag\{([^}]*)\}")


def mathml(book: BookExtension, tex: str, *, display: bool) -> str:
    """Convert TeX; report what cannot be converted, and show it as it is written."""
    source = tex.strip()
    if display:
        tex = TAG.sub("", tex)
    try:
        return LatexToMathML(fancy_error=False).convert_with_local_state(tex.strip(), displaystyle=display)
    except LatexError as error:
        said = " ".join(str(error).split())
        book.problem(source, f"cannot read this TeX: {said}")
        return f"<code>{html.escape(source)}</code>"


class InlineMath(InlineProcessor):
    def __init__(self, pattern: str, md: Markdown, book: BookExtension) -> None:
        super().__init__(pattern, md)
        self.book = book

    def handleMatch(self, m: re.Match[str], data: str) -> tuple[str, int, int]:
        found = mathml(self.book, m[1], display=False)
        return self.md.htmlStash.store(found), m.start(0), m.end(0)


class DisplayMath(BlockProcessor):
    """`$$` at the start of a line to `$$` at the end of one; numbered equations can be linked to as #eq-1.1."""

    def __init__(self, parser: object, book: BookExtension) -> None:
        super().__init__(parser)
        self.book = book

    def test(self, parent: ElementTree.Element, block: str) -> bool:
        return re.search(r"(^|\n)[ ]{0,3}\$\$", block) is not None

    def run(self, parent: ElementTree.Element, blocks: list[str]) -> bool | None:
        match = DISPLAY_MATH.search(blocks[0])
        if not match:
            self.book.problem(blocks[0].strip(), "this $$ is never closed: no blank line inside an equation")
            return False
        block = blocks.pop(0)
        before, after = block[: match.start()], block[match.end() :]
        if before.strip():
            self.parser.parseBlocks(parent, [before])
        box = ElementTree.SubElement(parent, "div", {"class": "math"})
        # A box of its own, so that a long equation scrolls and the page does not.
        scroll = ElementTree.SubElement(box, "div", {"class": "math__scroll", "tabindex": "0"})
        scroll.text = self.parser.md.htmlStash.store(mathml(self.book, match[1], display=True))
        tags = TAG.findall(match[1])
        if len(tags) > 1:
            self.book.problem(match[1].strip(), "one \\tag an equation")
        if tags:
            box.set("id", f"eq-{tags[0]}")
            link = ElementTree.SubElement(box, "a", {"class": "math__tag", "href": f"#eq-{tags[0]}"})
            link.text = f"({tags[0]})"
        if after.strip():
            blocks.insert(0, after.lstrip("\n"))
        return None
