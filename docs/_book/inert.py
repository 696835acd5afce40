"""What a page shows and never runs: nothing of a figure, or of a page's own text, is a script.

A figure stands in a page, where the policy would stop what it brings, and is a file of its own, where nothing would.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from xml.etree import ElementTree

# Elements of SVG that run something, bring HTML or another page, or change an attribute later.
RUNNING = {
    *("script", "handler", "listener", "foreignobject", "iframe", "object", "embed"),
    *("set", "animate", "animatemotion", "animatetransform"),
}
# What Matplotlib refers to: a part of the same figure, and the picture that `imshow` writes.
HARMLESS = ("#", "data:image/png;base64,")
# In front of `<` stands no quote that could hide it: as text it is written as an entity.
SCRIPT = re.compile(r"<\s*(?:[\w-]+:)?script\b", re.IGNORECASE)
# Whether it is worth reading the tags of a page, which takes long.
SUSPECT = re.compile(r"""[\s"'/]on\w+\s*=|script\s*:|srcdoc""", re.IGNORECASE)


def drawing(svg: bytes) -> str | None:
    """Say what in an SVG could run, or that it is none."""
    try:
        root = ElementTree.fromstring(svg)
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        return f"is no SVG: {error}"
    for element in root.iter():
        name = _local(str(element.tag))
        if name in RUNNING:
            return f"has a <{name}>"
        for attribute, value in element.items():
            given = _local(attribute)
            if given.startswith("on"):
                return f"has {given}= on <{name}>"
            if given in ("href", "src") and not value.startswith(HARMLESS):
                return f"leads to {value[:40]!r}"
    # What is text for an XML parser may be none for a browser that reads it within a page.
    return "has a <script>" if SCRIPT.search(svg.decode("utf-8", "replace")) else None


def text(html: str) -> str | None:
    """Say what could run in what was rendered of a page's own text."""
    if SCRIPT.search(html):
        return "has a <script>"
    if not SUSPECT.search(html):
        return None
    reader = _Handlers()
    reader.feed(html)
    return reader.found


class _Handlers(HTMLParser):
    """Finds the first attribute that runs something."""

    found: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            address = re.sub(r"[\x00-\x20]", "", value or "").lower()
            if name.startswith("on") or name == "srcdoc":
                self.found = self.found or f"has {name}= on <{tag}>"
            elif address.startswith(("javascript:", "vbscript:")):
                self.found = self.found or f"leads to {address[:40]!r}"


def _local(name: str) -> str:
    """Return a name without its namespace."""
    return name.rpartition("}")[2].lower()
