"""The Content-Security-Policy of the site: what a page may load and run, said in the page itself.

A static host sends no headers, so each page says it in a <meta>. The theme writes a few scripts into its pages;
their hashes are listed, all of the site's on every page, since instant navigation keeps the first page's policy.
"""

from __future__ import annotations

import base64
import hashlib
from html.parser import HTMLParser


def scripts(page: str) -> set[str]:
    """Return the hashes of the scripts written into a page."""
    reader = _Scripts()
    # Anywhere else, "<" is written as an entity; and reading all of a page takes long.
    for piece in page.split("<script")[1:]:
        reader.feed("<script" + piece.partition("</script>")[0] + "</script>")
    return {base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in reader.found}


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
