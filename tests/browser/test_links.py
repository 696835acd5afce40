"""Every link within the book leads somewhere, labs included, which MkDocs' own validation does not read."""

from functools import cache
from html.parser import HTMLParser
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import served


class Links(HTMLParser):
    """The addresses that a page refers to, and the anchors that it offers."""

    def __init__(self):
        super().__init__()
        self.targets, self.anchors = [], set()

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.anchors |= {values[key] for key in ("id", "name") if values.get(key)}
        if tag == "link" and "preconnect" in values.get("rel", ""):
            return
        self.targets += [(self.getpos()[0], values[key]) for key in ("href", "src") if values.get(key)]


@cache
def read(path):
    links = Links()
    links.feed(path.read_text(encoding="utf-8"))
    return links


def test_links_lead_somewhere(name):
    """To a file of the site and, where they name one, an anchor of that page."""
    path = served.site() / name
    page = read(path / "index.html" if path.is_dir() else path)
    here = "http://book" + served.base() + name
    # The site's own public address, as in canonical links, is the site too.
    public = served.address().rstrip("/") + "/"

    dead = []
    for line, target in page.targets:
        url, anchor = urldefrag(urljoin(here, target.replace(public, served.base())))
        if urlsplit(url).netloc != "book":
            continue
        there = served.site() / unquote(urlsplit(url).path).removeprefix(served.base())
        there = there / "index.html" if there.is_dir() else there
        if not there.is_file():
            dead.append(f"line {line}: {target}: no such file")
        elif anchor and there.suffix == ".html" and unquote(anchor) not in read(there).anchors | {"__search"}:
            dead.append(f"line {line}: {target}: no such anchor")

    assert dead == []
