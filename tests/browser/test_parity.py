"""Every block of a page, unedited, in the reader's browser: it prints there what the page shows.

The same comparison as in the tests of the pages, in WebAssembly: "Run all", and every cell ends `ok`.

A page that has passed is not run again until its blocks change, or the library, the engine, the runtime, the browser or
this file do: what passed is kept for this user, by the hash of all of these. SHALLOWNET_PARITY=all runs every page.
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
from cells import SOLUTION, becomes, press, says, write
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


@pytest.fixture(scope="session")
def reader(browser):
    """Who fetches Python once, and starts it anew on each page: what a page needs is not there from the one before."""
    context = browser.new_context(service_workers="block")
    yield context
    context.close()


def test_every_block_runs_as_printed_and_every_solution_passes(alive_page, browser, reader, server, measured):
    passed = kept.shared() / "parity" / key(alive_page, browser.version)
    if os.environ.get("SHALLOWNET_PARITY") != "all" and (found := kept.recalled(passed)):
        measured(f"   kept  /{alive_page}: {found['passed'].decode()}")
        return

    with reader.new_page() as page:
        took, cells = run_all(alive_page, page, server, measured)

    kept.put(passed, {"passed": f"{cells} cells as printed, in {took:.1f} s".encode()})


def run_all(alive_page, page, server, measured):
    """Run a page and check its solutions; how long its blocks took, and how many there are."""
    page.goto(server.url + alive_page)
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
