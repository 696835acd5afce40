"""The Content-Security-Policy of the site: what a page may load and run, said in the page itself.

A static host sends no headers, so each page says it in a <meta>. The theme writes a few scripts into its pages;
their hashes are listed, all of the site's on every page, since instant navigation keeps the first page's policy.
No other script is: what the theme and `finish` write stands outside a page's own text, and on every page alike.
"""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

from _book.site import markup

# What leads to the root of the site: all that differs from page to page in a script of the theme.
ROOT = re.compile(r'new URL\("[\w./~%-]*",location\)')


def scripts(page: str) -> list[str]:
    """Return the scripts written into a page, outside its own text."""
    own = markup.content(page)
    reader = _Scripts()
    # Anywhere else, "<" is written as an entity; and reading all of a page takes long.
    for piece in page.replace(own, "", 1).split("<script")[1:]:
        reader.feed("<script" + piece.partition("</script>")[0] + "</script>")
    return reader.found


def listed(pages: dict[str, str]) -> tuple[set[str], dict[str, str]]:
    """Return the hashes of the scripts that stand on every page alike, and by its file each page that has another."""
    found = {file: scripts(page) for file, page in pages.items()}
    # A page that is none of the theme's, such as one that is copied as it is, does not say what the theme writes.
    alike = [
        {ROOT.sub("", script) for script in found[file]}
        for file, page in pages.items()
        if file == "404.html" or markup.content(page)
    ]
    theirs = set.intersection(*alike) if alike else set()
    others = {file: script for file, all_ in found.items() for script in all_ if ROOT.sub("", script) not in theirs}
    ours = {script for all_ in found.values() for script in all_ if ROOT.sub("", script) in theirs}
    return {base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in ours}, others


def policy(hashes: set[str]) -> str:
    """Return the strictest policy under which the theme and WebAssembly work."""
    listed = " ".join(f"'sha256-{each}'" for each in sorted(hashes))
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src 'self' 'wasm-unsafe-eval' {listed}".rstrip(),
            # Attributes of the theme and of figures: they can colour a page and run nothing.
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            *(f"{kind} 'self'" for kind in ("font-src", "connect-src", "worker-src", "form-action")),
            "base-uri 'none'",
        ]
    )


class _Scripts(HTMLParser):
    """Finds the scripts that are written into a page, and are neither loaded nor data."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.inside = (
            tag == "script" and "src" not in given and not (given.get("type") or "").startswith("application/")
        )
        if self.inside:
            self.found.append("")

    def handle_endtag(self, tag: str) -> None:
        self.inside = False

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.found[-1] += data
