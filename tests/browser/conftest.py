"""Run as `pytest tests/browser` (plain `pytest` leaves it out): needs Chromium and `npm ci` here, one file Firefox."""

import functools
import math

import served
from explorables import exploring
from fixtures import browser, measured, pytest_configure, pytest_terminal_summary, server, slowness, tab, visit
from xdist.scheduler import LoadScopeScheduling

__all__ = [
    "browser",
    "exploring",
    "measured",
    "pytest_configure",
    "pytest_terminal_summary",
    "server",
    "slowness",
    "tab",
    "visit",
]


def pytest_generate_tests(metafunc):
    if "name" in metafunc.fixturenames:
        names = served.pages()
        assert names, f"{served.site()} has no pages"
        metafunc.parametrize("name", names, ids=[name or "index" for name in names])


def pytest_collection_modifyitems(items):
    """All that is asked of one page in a row: it is opened once. What takes longest first, so that no worker is left
    with it when the others have done: files, and then the longest pages, which have the most blocks too. And what
    looks at a page before what does something to it: a copy button leaves a note of the theme's for seconds. What looks
    at it in the dark comes last of these: each change of scheme has all of a page styled and laid out anew."""
    places = {}
    for item in items:
        places.setdefault(scope(item.nodeid), len(places))

    def place(item):
        where = scope(item.nodeid)
        return -length(where), places[where], "test_pages.py" not in item.nodeid, item.nodeid.endswith("-dark]")

    items.sort(key=place)


@functools.cache
def length(scope):
    """How many bytes a page has; a file of tests takes longer than any page."""
    if not scope.startswith("/"):
        return math.inf
    file = served.site() / scope[1:]
    return (file / "index.html" if file.is_dir() else file).stat().st_size


@functools.cache
def pages_by_id():
    """The pages by what the ids of tests begin with: their addresses, or the names of chapters alone."""
    chapters = {page.split("/")[1]: page for page in served.chapters()}
    return {page or "index": page for page in served.pages()} | chapters


def scope(nodeid):
    """What a test looks at: the page that its id names, or else its file."""
    file, _, parameters = nodeid.partition("[")
    name = max((name for name in pages_by_id() if parameters.startswith(name)), key=len, default=None)
    return file.partition("::")[0] if name is None else f"/{pages_by_id()[name]}"


class ByPage(LoadScopeScheduling):
    """With -n, all that is asked of one page goes to one worker, which opens it once; else a file is a group.

    xdist's own --dist=loadgroup writes to an attribute that pytest 9.2 no longer has.
    """

    def _split_scope(self, nodeid):
        return scope(nodeid)


def pytest_xdist_make_scheduler(config, log):
    return ByPage(config, log)
