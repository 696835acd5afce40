"""Make the PDF of the whole book: `python tests/browser/paper.py book.pdf`.

SHALLOWNET_SITE names a built site; without it the book is built first.
"""

import mimetypes
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import served


def pdf(browser, path: Path) -> None:
    """Print /print/ on A4, as it lies at its public address, so that its links lead there from anywhere."""
    context = browser.new_context()
    context.route("**/*", _answer)
    page = context.new_page()
    page.goto(served.address().rstrip("/") + "/print/", wait_until="load")
    page.evaluate("document.fonts.ready")
    page.pdf(path=path, format="A4", prefer_css_page_size=True, print_background=True, outline=True, tagged=True)
    context.close()


def _answer(route) -> None:
    """Stand in for the public site: nothing is asked of the network."""
    file = served.site() / unquote(urlsplit(route.request.url).path).removeprefix(served.base()).lstrip("/")
    file = file / "index.html" if file.is_dir() else file
    if file.is_file():
        route.fulfill(path=file, content_type=mimetypes.guess_type(file.name)[0])
    else:
        route.abort()


if __name__ == "__main__":
    with served.browsing() as chromium:
        pdf(chromium, Path(sys.argv[1]))
