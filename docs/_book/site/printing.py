"""The whole book as one page, put together from its pages as they were rendered.

A page brings its addresses with it: its ids get its name in front, and its links lead to the place within
the one page, or, where that page is not part of it, to where they led before.
"""

from __future__ import annotations

import html
import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urljoin, urlsplit

from _book.site.markup import Tag, edited, still
from _book.site.sections import Section

SOURCE = "print.md"
# What is looked up or run where it is, on a screen: the home page and the contributors' page speak of the site.
LEFT_OUT = ("index.md", "contributing.md", SOURCE, "reference/", "labs/", "frameworks/")
COMPARED = "frameworks/index.md"  # all frameworks in one place

# Attributes of a tag.
NAMES = re.compile(r'(\s(?:id|for|name|aria-labelledby|aria-describedby|aria-controls))="([^"]+)"')
LINKS = re.compile(r'(\s(?:xlink:href|href|src))="([^"]*)"')
SECTION = re.compile(r"[0-9]+[.][0-9]+ ")


@dataclass(frozen=True)
class Part:
    """One page of the book; its title is text, its content HTML."""

    url: str
    title: str
    content: str
    sections: Sequence[Section] = ()

    @property
    def name(self) -> str:
        """What stands in front of its ids, and is its own."""
        return self.url.strip("/").replace("/", "-") or "home"


def belongs(source: str) -> bool:
    """True for the pages that are part of the one page."""
    return source == COMPARED or not source.startswith(LEFT_OUT)


def title_page(name: str, description: str, address: str) -> str:
    """Return the Markdown of the page without its parts: what stands before the first of them."""
    site = f"[its site]({address})" if address else "its site"
    return (
        f"---\ntitle: The whole book\ndescription: {name}, the whole book on one page, to print it.\n"
        "hide: [toc]\nsearch: {exclude: true}\n---\n\n"
        f'# {name}\n\n<p class="lead" markdown>{description}</p>\n\n'
        "The whole book on one page, to print or to keep.\n"
        "The labs, the reference of the library and the pages of single frameworks "
        f"are on {site}, and links to them lead there.\n"
    )


def contents(parts: Sequence[Part]) -> str:
    """Return the table of contents: pages, and the numbered sections of chapters."""
    lines = ['<nav class="contents" aria-label="The whole book"><h2>Contents</h2><ul>']
    for part in parts:
        inner = "".join(
            f'<li><a href="#{part.name}--{section.anchor}">{html.escape(section.title, quote=False)}</a></li>'
            for section in part.sections
            if section.level == 2 and SECTION.match(section.title)
        )
        inner = f"<ul>{inner}</ul>" if inner else ""
        lines.append(f'<li><a href="#{part.name}">{html.escape(part.title, quote=False)}</a>{inner}</li>')
    return "\n".join([*lines, "</ul></nav>"])


def together(parts: Sequence[Part], url: str) -> str:
    """Return all parts as one piece of HTML that stands on the page at `url`."""
    names = {part.url: part.name for part in parts}
    # The id is not on the section: the theme would call all code inside by it, and copy the first block for all.
    return "\n".join(
        f'<section class="part"><span id="{part.name}"></span>\n{_moved(part, names, url)}\n</section>'
        for part in parts
    )


def _moved(part: Part, names: dict[str, str], url: str) -> str:
    def name(match: re.Match[str]) -> str:
        values = " ".join(f"{part.name}--{value}" for value in match[2].split())
        return f'{match[1]}="{values}"'

    def link(match: re.Match[str]) -> str:
        return f'{match[1]}="{html.escape(_target(html.unescape(match[2]), part.url, names, url))}"'

    def moved(tag: Tag, _: Sequence[Tag]) -> str:
        found = LINKS.sub(link, NAMES.sub(name, tag.raw))
        found = re.sub(r"url\(#([^)]+)\)", rf"url(#{part.name}--\1)", found)
        # Paper runs nothing, and cannot be clicked.
        if tag.name == "details" and "open" not in tag.attributes:
            found = found.replace("<details", "<details open", 1)
        return still(found)

    return edited(part.content, moved)


def _target(href: str, here: str, names: dict[str, str], url: str) -> str:
    """Where a link of the page at `here` leads from the page at `url` that holds the pages of `names`."""
    base = "http://book/"
    target = urlsplit(urljoin(base + here, href))
    if target.netloc != "book" or target.scheme != "http":
        return href
    path = unquote(target.path).lstrip("/")
    if path in names:
        return f"#{names[path]}" + (f"--{target.fragment}" if target.fragment else "")
    slash = "/" if path.endswith("/") else ""
    there = posixpath.relpath(path or ".", posixpath.dirname(url) or ".") + slash
    return there + (f"#{target.fragment}" if target.fragment else "")
