"""Hold the parser to what a reader sees: render a page and compare its code with the parser's.

This is what notices an indented block, a raw <pre>, a fence that the site's own extensions refuse, and bad TeX.
"""

from __future__ import annotations

import functools
import html
import re
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

import markdown
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.utils import yaml_load

from _book.page import FRONT_MATTER, Problem, figures, parse
from _book.render import extension

ROOT = Path(__file__).resolve().parents[3]
CODE = re.compile(r"<pre\b[^>]*>(.*?)</pre>", re.DOTALL)
TAG = re.compile(r"<[^>]*>")
# Stands for the figures, which are not drawn here.
BLANK = b'<svg viewBox="0 0 1 1"></svg>'


@dataclass
class _Page(extension.Page):
    """Collects what the extension reports, where the build would log it."""

    found: list[Problem] = field(default_factory=list)

    def problem(self, text: str, message: str) -> None:
        self.found.append(Problem(self.path, self.line(text), message))


def problems(text: str, path: str) -> list[Problem]:
    """Return what only rendering shows: code that differs from the blocks that run, and bad TeX."""
    seen, found = shown(text, path)
    expected = [(block.line, block.code.strip("\n")) for block in parse(text, path)]
    for block, code in zip_longest(expected, seen):
        if block is None:
            message = "this code is shown and never run: put it in a fence"
            return [*found, Problem(path, _find(text, code), message)]
        if code != block[1]:
            # Code between two fences shifts all that follow: name it, not the fence below it.
            stray = code is not None and code not in [code for _, code in expected]
            line = min(block[0], _find(text, code)) if stray else block[0]
            message = "the reader sees other code than what runs: indent the block like the text it belongs to"
            return [*found, Problem(path, line, message)]
    return found


def shown(text: str, path: str = "page.md") -> tuple[list[str], list[Problem]]:
    """Return the code of every block on the rendered page, in order, and what the extension reports."""
    names, configs = _extensions()
    book = extension.BookExtension()
    page = _Page(path, text, {image.target: BLANK for image in figures(text)})
    book.page = page
    front = FRONT_MATTER.match(text)
    body = text[front.end() :] if front else text
    rendered = markdown.markdown(body, extensions=[*names, book], extension_configs=configs)
    return [html.unescape(TAG.sub("", code)).strip("\n") for code in CODE.findall(rendered)], page.found


@functools.cache
def _extensions() -> tuple[list[Any], dict[str, dict[str, Any]]]:
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
