"""Photograph every page, for people to look at: `python tests/browser/screenshots.py FOLDER [PAGE...]`.

Phone and desk, light and dark, the whole page with its solutions open. SHALLOWNET_SITE names a built
site; without it the book is built first.
"""

import sys
from itertools import product
from pathlib import Path

from fixtures import LAID_OUT
from served import browsing, pages, serving


def main(folder: Path, wanted: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with serving() as server, browsing() as browser:
        for width, scheme in product((360, 1280), ("light", "dark")):
            context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
            page = context.new_page()
            for name in wanted or pages():
                page.goto(server.url + name, wait_until="networkidle")
                page.add_style_tag(content=LAID_OUT)
                page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
                stem = name.strip("/").replace("/", "-").removesuffix(".html") or "index"
                path = folder / f"{stem}-{width}-{scheme}.png"
                page.screenshot(path=path, full_page=True)
                print(path)
            context.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
