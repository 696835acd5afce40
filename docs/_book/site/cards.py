"""The cards of the first page: each shows the first figure of the page that it leads to, small.

It is the figure that the page's block drew, with less in it: words, ticks and tenths of a point are lost at this size.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from urllib.parse import urljoin
from xml.etree import ElementTree

from _book.page import Page
from _book.render import colours, paths
from _book.site import markup
from _book.site.markup import Tag

FOLDER = "assets/cards/"
CARDS = "cards"  # the class of the list
SITE = "https://site.invalid/"  # some root, for joining addresses
NAMESPACES = {"": "http://www.w3.org/2000/svg", "xlink": "http://www.w3.org/1999/xlink"}
# How Matplotlib calls what nobody can read at this size. A drawing without axes keeps its words: it is made of them.
WORDS = re.compile(r"(?:text|legend|[xy]tick)_\d+")
AXES = re.compile(r'<g id="axes_\d+">\s*<g id="patch_\d+">\s*<path d="([^"]*)"')
ROOM = 4  # points around the axes, for lines on their edge


def figure(page: Page) -> str | None:
    """Return the name of the figure that stands for a page: the first that it shows, if it shows one."""
    names = (image.target for image in page.images)
    return next((name for name in names if name.endswith(".svg") and "/" not in name), None)


def drawing(svg: str) -> str:
    """Return a figure as a card shows it, in light and in dark: its axes, and what is drawn in them."""
    for prefix, space in NAMESPACES.items():
        ElementTree.register_namespace(prefix, space)
    root = ElementTree.fromstring(svg)
    if corners := [tuple(map(float, pair)) for path in AXES.findall(svg) for pair in _pairs(path)]:
        (left, right), (top, bottom) = ((min(values), max(values)) for values in zip(*corners, strict=True))
        box = (left - ROOM, top - ROOM, right - left + 2 * ROOM, bottom - top + 2 * ROOM)
        root.set("viewBox", " ".join(f"{number:.0f}" for number in box))
        _without_words(root)
    for path in root.iter(f"{{{NAMESPACES['']}}}path"):
        if not path.get("id"):  # else it is a mark, of a few points
            path.set("d", re.sub(r"-?\d+\.\d+", lambda number: f"{float(number[0]):.0f}", path.get("d", "")))
    drawn = paths.light(colours.standalone(ElementTree.tostring(root, encoding="unicode")))
    return re.sub(r"--(\w+):[^;}]*;?", lambda name: name[0] if f"var(--{name[1]})" in drawn else "", drawn)


def _pairs(path: str) -> list[tuple[str, str]]:
    return re.findall(r"(-?[\d.]+) (-?[\d.]+)", path)


def _without_words(element: ElementTree.Element) -> None:
    for child in list(element):
        if WORDS.fullmatch(child.get("id", "")):
            element.remove(child)
        else:
            _without_words(child)


def shown(html: str, url: str, picture: Callable[[str], str]) -> str:
    """Return the page at a URL with the picture of each card in its link, which says in words where it leads.

    `picture` gives the file, below the site's root, for the URL of the page that a card leads to, or nothing.
    """
    up = "../" * url.count("/")

    def change(tag: Tag, around: Sequence[Tag]) -> str:
        title = tag.name == "a" and [each.name for each in around[-3:]] == ["li", "p", "strong"]
        if not title or not any(CARDS in each.classes for each in around):
            return tag.raw
        leads = urljoin(SITE + url, tag.attributes.get("href", "")).removeprefix(SITE).removesuffix("index.html")
        file = picture(leads)
        return tag.raw + markup.added(f'<img src="{up}{file}" alt="" loading="lazy">' if file else "")

    return markup.edited(html, change)
