"""The Content-Security-Policy of the site: what a page may load and run, said in the page itself.

A static host sends no headers, so each page says it in a <meta>. The theme writes a few scripts into its pages;
their hashes are listed, all of the site's on every page, since instant navigation keeps the first page's policy.
"""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

SCRIPT = re.compile(r"<script(?P<attributes>[^>]*)>(?P<text>.*?)</script>", re.DOTALL)
# The encoding has to be among the first bytes of a page, and what comes before the policy is not subject to it.
FIRST = re.compile(r'<meta charset="utf-8"\s*/?>')


def scripts(page: str) -> set[str]:
    """Return the hashes of the scripts written into a page."""
    found = (match for match in SCRIPT.finditer(page) if not re.search(r"\bsrc=|application/", match["attributes"]))
    return {base64.b64encode(hashlib.sha256(match["text"].encode()).digest()).decode() for match in found}


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


def apply(site: Path) -> None:
    """Write the policy into every page of a built site."""
    pages = {path: path.read_text(encoding="utf-8") for path in sorted(site.rglob("*.html"))}
    content = policy(set().union(*map(scripts, pages.values())))
    meta = f'<meta http-equiv="Content-Security-Policy" content="{content}">'
    for path, page in pages.items():
        path.write_text(FIRST.sub(lambda m: m[0] + meta, page, count=1), encoding="utf-8")
