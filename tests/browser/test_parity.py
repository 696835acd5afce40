"""Every block of a page, unedited, in the reader's browser: it prints there what the page shows.

The same comparison as in the tests of the pages, in WebAssembly: "Run all", and every cell ends `ok`.

Python stays from page to page, as it does for a reader who turns pages; what one page had it fetch is taken away before
the next, which therefore gets what its own blocks name, and nothing else. A start of Python and of Matplotlib on each
page took longer than most pages' blocks.

A page that has passed is not run again until its blocks change, or the library, the engine, the runtime, the browser or
this file do: what passed is kept for this user, by the hash of all of these. SHALLOWNET_PARITY=all, once a week, runs
every page, and starts Python and Matplotlib anew on each.
"""

import hashlib
import json
import os
import re
import time
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest
import served
from _book import cache as kept
from cells import SOLUTION, becomes, block, client, payload, press, ran, says, write
from playwright.sync_api import expect

# Seconds that a page may take, on two busy cores, and after which the test gives up.
PATIENCE, LONGEST = 120, 300
CELLS = """() => [...document.querySelectorAll("article [data-cell]")].map(cell => ({
    state: cell.dataset.state,
    says: cell.querySelector(".cell__says").textContent,
    result: cell.querySelector(".cell__result")?.textContent ?? "",
    name: cell.querySelector("[data-action]").ariaLabel,
    code: cell.querySelector("code").textContent,
    answer: cell.classList.contains("answer"),
}))"""

# Bytes of a Python that is let go, as the book does it at the next page if it is larger still (_cells.js).
LARGE = 120 << 20
# To another page without loading it anew; resolves with true once its buttons are there.
TURN = """async address => {
    const left = document.querySelector("article")
    const link = Object.assign(document.createElement("a"), {href: address})
    document.body.append(link)
    link.click()
    link.remove()
    const ends = performance.now() + 10_000
    while (left.isConnected || !document.querySelector("article .tools [data-action=run]")) {
        if (performance.now() > ends) return false
        await new Promise(done => setTimeout(done, 10))
    }
    return true
}"""
# Run before each page: what was fetched for the one before is put out of sight, its files and its modules. It comes
# back, without being fetched and imported again, when the book's own `needs` finds that a block names it.
SHELF = """
import importlib
import os
import shutil
import sys

from _book.browser import cell

SITE, PLACE = sys.path[-1], "/shelf"


def fetched():
    return [name for name in os.listdir(SITE) if name not in BARE]


def later():
    there = [(name, getattr(module, "__file__", None) or "") for name, module in sys.modules.items()]
    # Of NumPy, all is there from the start.
    new = [name for name, file in there if file.startswith(f"{SITE}/") and name not in FIRST]
    return [name for name in new if name.partition(".")[0] != "numpy"]


def put_away():
    for name in later():
        parent, _, child = name.rpartition(".")
        module = sys.modules.pop(name)
        if parent in FIRST:
            vars(sys.modules[parent]).pop(child, None)
        if name.partition(".")[0] not in BARE | {"sklearn"}:
            modules[name] = module
    for name in fetched():
        if name == "sklearn":  # small
            shutil.rmtree(f"{SITE}/{name}")
        else:
            os.rename(f"{SITE}/{name}", f"{PLACE}/{name}")
    importlib.invalidate_caches()


def back(space, code):
    wanted = needs(space, code)
    if "matplotlib" in wanted and modules:
        for name in os.listdir(PLACE):
            os.rename(f"{PLACE}/{name}", f"{SITE}/{name}")
        sys.modules.update(modules)
        modules.clear()
        importlib.invalidate_caches()
        wanted.remove("matplotlib")
    return wanted


if "needs" not in globals():
    assert not cell.loaded(), "this Python has run a page already"
    BARE, FIRST, modules = set(os.listdir(SITE)), set(sys.modules), {}
    needs, cell.needs = cell.needs, back
    os.mkdir(PLACE)
put_away()
"""


@cache
def alive():
    """The pages with blocks that run in the browser."""
    return [name for name in served.pages() if " data-cell" in html(name)]


def html(name):
    path = served.site() / name
    return (path / "index.html" if path.is_dir() else path).read_text(encoding="utf-8")


class Blocks(HTMLParser):
    """The blocks of a page, with all that their markup says of them, and nothing of its prose."""

    def __init__(self):
        super().__init__()
        self.found, self.depth = [], 0

    def handle_starttag(self, tag, attrs):
        if tag == "div":
            inside = self.depth or re.search(r"\blanguage-", dict(attrs).get("class") or "")
            self.depth += bool(inside)
        if self.depth:
            self.found.append([tag, *attrs])

    def handle_endtag(self, tag):
        self.depth -= bool(self.depth) and tag == "div"

    def handle_data(self, data):
        if self.depth:
            self.found.append(data)


@cache
def runtime():
    """What runs the blocks of every page: each file is named by the hash of what is in it, and of what it imports."""
    (manifest,) = served.site().glob("assets/live/manifest-*.json")
    names = json.loads(manifest.read_text(encoding="utf-8"))
    return sorted(file for name, file in names.items() if not name.startswith(("explore", "kernel", "chunk")))


def key(page, version):
    """Name all that parity of a page depends on."""
    blocks = Blocks()
    blocks.feed(html(page))
    tests = [Path(__file__).read_text(encoding="utf-8"), (Path(__file__).parent / "cells.py").read_text("utf-8")]
    return hashlib.sha256(json.dumps([page, blocks.found, runtime(), version, tests]).encode()).hexdigest()[:32]


def pytest_generate_tests(metafunc):
    if "alive_page" in metafunc.fixturenames:
        metafunc.parametrize("alive_page", alive(), ids=[name or "index" for name in alive()])


class Reader:
    """Who turns from page to page, with one Python, in which what a page before has fetched is not to be found."""

    def __init__(self, browser, server):
        self.context, self.server = browser.new_context(service_workers="block"), server
        self.page, self.passed = None, False

    def opens(self, name, anew=False):
        """A page of the book, by the theme's way of changing pages or else, `anew`, with a Python of its own.

        So is what comes after a page that has not passed: Python may still be busy with it.
        """
        heap = self.page.evaluate("window.shallownetPython.heap") if self.passed else 0
        self.passed = False
        if anew or not 0 < heap < LARGE or not self.page.evaluate(TURN, self.server.url + name):
            if self.page:
                self.page.close()
            self.page = self.context.new_page()
            self.page.goto(self.server.url + name)
            client(self.page).evaluate("client.python.start()")
        outcome = self.page.evaluate("cell => window.shallownetPython.run('shelf', cell)", payload(SHELF, "python"))
        assert outcome["state"] == "ok", outcome
        return self.page


@pytest.fixture(scope="session")
def reader(browser, server):
    reader = Reader(browser, server)
    yield reader
    reader.context.close()


def test_every_block_runs_as_printed_and_every_solution_passes(alive_page, browser, reader, measured):
    passed = kept.shared() / "parity" / key(alive_page, browser.version)
    every = os.environ.get("SHALLOWNET_PARITY") == "all"
    if not every and (found := kept.recalled(passed)):
        measured(f"   kept  /{alive_page}: {found['passed'].decode()}")
        return

    took, cells = run_all(alive_page, reader.opens(alive_page, anew=every), measured)

    reader.passed = True
    kept.put(passed, {"passed": f"{cells} cells as printed, in {took:.1f} s".encode()})


def run_all(alive_page, page, measured):
    """Run a page and check its solutions; how long its blocks took, and how many there are."""
    start = time.monotonic()

    page.locator(".tools [data-action=run]").click()
    # "all 16 blocks ran, as printed", or "block 3: Stopped by an error".
    end = re.compile(r"blocks? ran|block \d+: ")
    expect(page.locator(".tools .cell__says")).to_have_text(end, timeout=1000 * LONGEST)
    took = time.monotonic() - start

    cells = page.evaluate(CELLS)
    measured(f"{took:6.1f} s  {len(cells):3} cells  /{alive_page}")
    slow = [f"{cell['name']}: {cell['says']}" for cell in cells if ", " in cell["says"]]
    measured(f"{took:6.1f} s  /{alive_page}: " + "; ".join(slow))
    assert [cell for cell in cells if cell["state"] != "ok"] == []
    assert len(cells) == html(alive_page).count(" data-cell") + html(alive_page).count("&quot;check&quot;")
    assert took < PATIENCE
    for answer in page.locator(".answer").all():
        check(page, answer)
    return took, len(cells)


def check(page, answer):
    """An empty answer fails, and is told what; the solution itself passes."""
    press(answer, "check")
    becomes(answer, "error")
    assert answer.locator(".cell__failed").inner_text().startswith("assert ")
    solution = answer.locator("xpath=following-sibling::details[1]").locator(f"{SOLUTION} code")
    write(page, answer, solution.text_content())
    press(answer, "check")
    becomes(answer, "ok", "differs", "error", timeout=1000 * LONGEST)
    assert says(answer).startswith("Right"), answer.locator(".cell__result").text_content()


def test_what_is_kept_of_a_page_depends_on_its_blocks_alone(monkeypatch):
    """On its outputs too; not on its prose, which its writer changes most."""
    page = "chapters/symmetry/"
    source = html(page)
    keys = [key(page, "1")]
    shown = re.search(r'<span class="go">[^<]*\d', source)[0]
    for changed in (source.replace("</h1>", "!</h1>", 1), source.replace(shown, shown + "1", 1)):
        monkeypatch.setitem(globals(), "html", lambda _, changed=changed: changed)
        keys.append(key(page, "1"))
    monkeypatch.undo()

    assert keys[0] == keys[1] != keys[2]
    assert key(page, "2") != keys[0]
    assert len(runtime()) > 5


def test_the_whole_book_is_alive():
    """A page that lost its cells would not be missed by the test above."""
    assert set(served.chapters()) <= set(alive())
    assert {"choosing/", "frameworks/", "labs/symmetry/", "reference/datasets/"} <= set(alive())
    assert not [name for name in alive() if served.runs_elsewhere(name)]
    assert not [name for name in alive() if "language-source" in name]


def test_a_page_finds_nothing_that_another_had_fetched(browser, server):
    """Or a block that draws before it names Matplotlib would pass here, and fail for who comes to its page first."""
    reader = Reader(browser, server)  # who keeps what is edited here
    for name, anew in ("notation/", True), ("reference/losses/", False):
        page = reader.opens(name, anew)
        assert page.evaluate("window.turned ?? false") != anew
        page.evaluate("window.turned = true")
        first = block(page, 1)
        for module in ("matplotlib.pyplot", "matplotlib.figure", "sklearn", "PIL"):
            # What `needs` does not see.
            write(page, first, f"__import__('importlib').import_module({module!r}).figure()")
            ran(first, "error")
            said = first.locator(".cell__result").inner_text()
            assert "is not here yet" in said or "ModuleNotFoundError" in said, said
        write(page, first, "import matplotlib.pyplot as plt\nimport sklearn.datasets\nplt.plot([1]), sklearn.datasets")
        ran(first, "ok", "differs")  # than the book's own block
        reader.passed = True
    reader.context.close()
