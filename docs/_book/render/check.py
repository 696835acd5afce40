"""Hold the parser to what a reader sees: render a page and compare its code with the parser's.

This is what notices an indented block, a raw <pre>, a fence that the site's own extensions refuse, and bad TeX; what
else is in the page, `vocabulary` holds to a list.
"""

from __future__ import annotations

import functools
import html
import re
from pathlib import Path
from typing import Any

import markdown
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.utils.yaml import yaml_load

from _book import prose
from _book.blocks import Problem
from _book.page import Page
from _book.render import vocabulary
from _book.render.extension import BookExtension, Context

ROOT = Path(__file__).resolve().parents[3]
CODE = re.compile(
    r'(?:<div\b[^>]*? data-block="(?P<number>\d+)"[^>]*>(?:<span class="filename">[^<]*</span>)?)?'
    r"<pre\b[^>]*>(?P<code>.*?)</pre>",
    re.DOTALL,
)
TAG = re.compile(r"<[^>]*>")
# Stands for the figures, which are not drawn here.
BLANK = b'<svg viewBox="0 0 1 1"></svg>'


def problems(page: Page) -> list[Problem]:
    """Return what only rendering shows: code that differs from the blocks that run, bad TeX, what hides or misleads."""
    content, found = rendered(page)
    seen = shown(content)
    for block in () if page.lab else page.blocks:
        if seen.get(block.number) != block.code.strip("\n"):
            message = "the reader sees other code than what runs: indent the block like the text it belongs to"
            return [*found, Problem(page.path, block.line, message)]
    if None in seen:
        message = "this code is shown and never run: put it in a fence"
        return [*found, Problem(page.path, _find(page.told if page.lab else page.text, seen[None]), message)]
    if found:
        return found
    faults = vocabulary.problems(page.told, content, page.text, prose.unrun(page))
    return [Problem(page.path, line, message) for line, message in faults]


def shown(content: str) -> dict[int | None, str]:
    """Return the code on a rendered page by the number of its block; at None the first that belongs to none."""
    code: dict[int | None, str] = {}
    for match in CODE.finditer(content):
        number = int(match["number"]) if match["number"] else None
        code.setdefault(number, html.unescape(TAG.sub("", match["code"])).strip("\n"))
    return code


def rendered(page: Page) -> tuple[str, list[Problem]]:
    """Return a page, or the text of a lab, as HTML with blank figures, and what the extension reports."""
    names, configs = extensions()
    found: list[Problem] = []
    book = BookExtension(found.append)
    book.start(page, Context(figures={image.target: BLANK for image in page.images}))
    # The text cells of a lab, on their lines of its file.
    text = page.told if page.lab else page.numbered
    return markdown.markdown(text, extensions=[*names, book], extension_configs=configs), found


@functools.cache
def extensions() -> tuple[list[Any], dict[str, dict[str, Any]]]:
    """Read the Markdown extensions of the site, through MkDocs itself, without the plugins that take a second."""
    written = yaml_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    config = MkDocsConfig(config_file_path=str(ROOT / "mkdocs.yml"))
    config.load_dict({key: written[key] for key in ("site_name", "markdown_extensions")})
    errors, _ = config.validate()
    assert not errors, errors
    return list(config.markdown_extensions), dict(config.mdx_configs)


def _find(text: str, code: str) -> int:
    """The line of the page that holds the first line of some code."""
    first = next((line.strip() for line in code.splitlines() if line.strip()), "")
    lines = text.splitlines()
    return next((n for n, line in enumerate(lines, start=1) if first and first in line), 1)
