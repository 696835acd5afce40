"""Every block of a page, unedited, in the reader's browser: it prints there what the page shows.

The same comparison as in the tests of the pages, in WebAssembly: "Run all", and every cell ends `ok`.
"""

import re
import time
from functools import cache

import pytest
import served
from playwright.sync_api import expect
from test_live import SOLUTION, becomes, press, says, write

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


def pytest_generate_tests(metafunc):
    if "alive_page" in metafunc.fixturenames:
        metafunc.parametrize("alive_page", alive(), ids=[name or "index" for name in alive()])


@pytest.fixture
def page(browser, server):
    context = browser.new_context()
    yield context.new_page()
    context.close()


def test_every_block_runs_as_printed_and_every_solution_passes(alive_page, page, server, measured):
    page.goto(server.url + alive_page)
    start = time.monotonic()

    page.locator(".tools [data-action=run]").click()
    # "all 16 blocks ran, as printed", or "block 3: Stopped by an error".
    end = re.compile(r"blocks? ran|: ")
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


def test_the_whole_book_is_alive():
    """A page that lost its cells would not be missed by the test above."""
    assert set(served.chapters()) <= set(alive())
    assert {"choosing/", "frameworks/", "labs/symmetry/", "reference/datasets/"} <= set(alive())
    assert not [name for name in alive() if served.runs_elsewhere(name)]
    assert not [name for name in alive() if "language-source" in name]
