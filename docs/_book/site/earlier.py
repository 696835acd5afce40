"""Keep the last edition's live parts beside those of a new one, for who has a page of it open while it is published.

Files are named by their content, so that both can lie there: an open page finds what it asks for, and what is the same
in both is fetched once. One edition is kept, that on the server, and nothing older: its manifest lists its own files.

`python3 docs/_book/site/earlier.py SITE` does that to a built site, once what is published has been tested. It needs
nothing but Python: CI runs it where nothing else is installed any more.
"""

from __future__ import annotations

import json
import re
import sys
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urljoin

FOLDER = "assets/live/"
META = re.compile(r'<meta name="live" content="([^"]+)"')
LOC = re.compile(r"<loc>([^<]+)</loc>")
# A file of the live parts, named by its content; no way out of their folder.
NAMED = re.compile(r"(?:[a-z]+/)?[a-z.-]+-[0-9A-Za-z]{8,10}(?:\.[a-z]+)+")
WAIT = 60  # seconds


def keep(site: Path) -> list[str]:
    """Add the files of the published edition that a site lacks; return their addresses below its root.

    Raises:
        OSError: The server cannot be reached, or a file that its manifest lists is not there.
        ValueError: The manifest is none of ours.
    """
    home = min(LOC.findall((site / "sitemap.xml").read_text(encoding="utf-8")), key=len)
    try:
        page = _get(home).decode()
    except urllib.error.HTTPError as error:
        if error.code != 404:
            raise
        return []  # nothing is published yet
    if not (found := META.search(page)):
        return []  # the published book has no live parts
    manifest = _named(found[1].removeprefix(FOLDER))
    names = [manifest, *map(_named, json.loads(_get(urljoin(home, FOLDER + manifest))).values())]
    wanted = sorted(FOLDER + name for name in names if not (site / FOLDER / name).exists())
    # All of them are there before the first is written: half an edition would be worse than none.
    for name, data in [(name, _get(urljoin(home, name))) for name in wanted]:
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_bytes(data)
    return wanted


def _named(name: str) -> str:
    if not NAMED.fullmatch(name):
        raise ValueError(f"the published manifest names what is no file of the live parts: {name!r}")
    return name


def _get(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=WAIT) as answer:
        return bytes(answer.read())


def main(site: str) -> None:
    """Keep them, and say what came of it."""
    try:
        added = keep(Path(site))
    except (OSError, ValueError) as error:
        sys.exit(f"the last edition's files are not kept, and a page that is open will ask to be loaded anew: {error}")
    size = sum((Path(site) / name).stat().st_size for name in added)
    print(f"{len(added)} files of the last edition are kept, {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main(*sys.argv[1:])
