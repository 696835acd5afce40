"""A rendered page, section by section: its headings, its text, and what it stresses."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

from _book.site.markup import VOID

HEADINGS = ("h1", "h2", "h3")


@dataclass
class Section:
    """What stands below one heading; the first, without an anchor, is what stands below the title of the page."""

    anchor: str = ""
    level: int = 1
    title: str = ""
    text: str = ""  # its title and its prose
    stressed: list[str] = field(default_factory=list)


def sections(content: str) -> list[Section]:
    """Return the sections of a rendered page; their text has no code, no figures and no word on what is to come."""
    reader = _Reader()
    reader.feed(content)
    for section in reader.sections:
        section.title, section.text = (" ".join(text.split()) for text in (section.title, section.text))
    return reader.sections


class _Reader(HTMLParser):
    """Splits a rendered page at its headings."""

    SILENT = ("pre", "code", "svg", "script", "style")
    INLINE = ("a", "abbr", "b", "em", "i", "span", "strong", "sub", "sup")

    def __init__(self) -> None:
        super().__init__()
        self.sections = [Section()]
        # Each element around; whether its text is no prose; whether it is not even part of a title.
        self.open: list[tuple[str, bool, bool]] = []
        self.stress = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in VOID:
            return
        given = dict(attrs)
        classes = (given.get("class") or "").split()
        beside = "headerlink" in classes or {"admonition", "abstract"} <= set(classes)
        self.open.append((tag, beside or tag in self.SILENT, beside))
        if tag in HEADINGS[1:]:
            self.sections.append(Section(given.get("id") or "", int(tag[1])))
        if tag in ("em", "strong"):
            self.stress = ""

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element without content holds no text."""

    def handle_endtag(self, tag: str) -> None:
        if tag in ("em", "strong") and not self._silent():
            self.sections[-1].stressed.append(" ".join(self.stress.split()).strip('.:,;?!"'))
        if tag not in self.INLINE:
            self.sections[-1].text += " "
        if tag in [name for name, *_ in self.open]:
            while self.open.pop()[0] != tag:
                pass

    def handle_data(self, data: str) -> None:
        section = self.sections[-1]
        if any(tag in HEADINGS for tag, *_ in self.open) and not any(beside for *_, beside in self.open):
            section.title += data
        if self._silent():
            return
        section.text += data
        self.stress += data

    def _silent(self) -> bool:
        return any(silent for _, silent, _ in self.open)
