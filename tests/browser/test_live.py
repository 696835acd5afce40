"""Live cells as a reader meets them: run, edit, stop, check, come back; by keyboard, on a phone, offline."""

import gzip
import re
from urllib.parse import urlsplit

import pytest
import served
from cells import (
    OUTPUT,
    PAGE,
    SLOW,
    SOLUTION,
    afresh,
    announced,
    asked,
    becomes,
    block,
    idle,
    opened,
    press,
    ran,
    says,
    shown,
    states,
    write,
)
from fixtures import coloured
from playwright.sync_api import expect

LIMIT = 5_000
AXE = "options => axe.run(options).then(found => found.violations)"
SMALL = """() => [...document.querySelectorAll("[data-action]")]
    .filter(e => e.checkVisibility())
    .map(e => [e.outerHTML.slice(0, 80), e.getBoundingClientRect()])
    .filter(([, box]) => box.width < 24 || box.height < 24)
    .map(([html]) => html)"""
WIDE = """() => [...document.querySelectorAll("[data-cell] *")]
    .filter(e => e.checkVisibility() && !e.closest("pre, .cell__editor, svg"))
    .filter(e => e.getBoundingClientRect().right > innerWidth + 1)
    .map(e => e.outerHTML.slice(0, 100))"""
TWICE = """() => {
    const ids = [...document.querySelectorAll("[id]")].map(e => e.id)
    return ids.filter((id, at) => ids.indexOf(id) != at)
}"""
# Before the first run: the service worker says when it has kept all, and the page when it is in its hands.
WATCH = """() => {
    const told = new Promise(done => navigator.serviceWorker.addEventListener(
        "message", ({data}) => data.type == "kept" && done()))
    const taken = new Promise(done => navigator.serviceWorker.addEventListener("controllerchange", done))
    window.kept = Promise.all([told, taken])
}"""
KEPT = """wait => Promise.race([
    kept.then(async () => (await (await caches.open("shallownet")).keys()).map(({url}) => url)),
    new Promise(done => setTimeout(done, wait, [])),
])"""


@pytest.fixture(scope="module")
def context(browser):
    """One reader for all tests that are not about a first visit: what was fetched once is in the browser's cache.

    Without the service worker, which would start Python on each page before it is asked for.
    """
    context = browser.new_context(service_workers="block")
    yield context
    context.close()


@pytest.fixture
def first_visit(browser):
    """A reader who has nothing yet."""
    context = browser.new_context()
    yield context
    context.close()


@pytest.fixture(scope="module")
def shared():
    """The page that tests hand on; empty before the first."""
    return []


@pytest.fixture
def page(context, server, shared):
    """A page where nothing has run, though Python may be there from the test before."""
    if not shared or not afresh(shared[0], server.url + PAGE):
        while shared:
            shared.pop().close()
        shared.append(opened(context, server))
    (page,) = shared
    yield page
    page.evaluate("localStorage.clear()")  # which all tabs share
    assert page.problems == []


@pytest.fixture
def another(context, server):
    """`another()` is a tab beside `page`, of the same reader."""
    tabs = []

    def open_():
        tabs.append(opened(context, server))
        return tabs[-1]

    yield open_
    assert [tab.problems for tab in tabs if tab.problems] == []
    for tab in tabs:
        tab.close()


@pytest.fixture
def alone(context, server):
    """A tab of its own, without Python, where requests may fail."""
    tab = opened(context, server)
    yield tab
    tab.close()


# Before the first touch


def test_nothing_is_downloaded_before_the_first_touch_but_a_small_script(first_visit, server, measured):
    page = first_visit.new_page()
    addresses = asked(page)
    page.goto(server.url + PAGE, wait_until="networkidle")
    idle(page)  # what waits for that would be asked for by now

    scripts = {urlsplit(address).path for address in addresses if "/assets/live/" in address}
    live = [name for name in scripts if "/live-" in name]
    total = sum(
        len(gzip.compress((served.site() / name.removeprefix(served.base())).read_bytes(), 6)) for name in scripts
    )
    measured(f"{total / 1000:6.2f} kB of our scripts before the first touch, in {len(scripts)} files")
    assert len(live) == 1
    assert all(name.endswith(".js") for name in scripts)
    assert total <= LIMIT
    assert page.locator("html").get_attribute("data-runtime") == "off"
    assert set(page.locator("[data-cell]").evaluate_all("all => all.map(e => e.dataset.state)")) == {"idle"}


def test_without_javascript_the_page_is_whole(browser, server):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(server.url + PAGE)

    assert page.locator("[data-action]").count() == 0
    assert page.locator("[data-cell] code").first.is_visible()
    assert page.locator(".language-output").first.is_visible()
    assert page.locator(".tools a").is_visible()
    context.close()


# Run


def test_a_block_runs_after_those_above_it(first_visit, server):
    """They are run first, and it is said and shown, on a first visit too."""
    page = opened(first_visit, server)
    sixth = block(page, 6)
    heard = page.evaluate_handle("""() => {
        const heard = []
        new MutationObserver(() => heard.push(document.querySelector(".cell__live").textContent))
            .observe(document.querySelector(".cell__live"), {childList: true, characterData: true, subtree: true})
        return heard
    }""")

    press(sixth, "run")

    becomes(sixth, "loading", "running")
    expect(sixth.locator("[data-action=run]")).to_have_attribute("aria-disabled", "true")
    becomes(sixth, "ok")
    assert states(page)[:7] == ["ok"] * 6 + ["idle"]
    assert says(sixth).startswith("As printed")
    assert "constant" in sixth.locator(OUTPUT).inner_text()
    # What is printed is not shown twice.
    assert sixth.locator("xpath=following-sibling::*[1]").is_hidden()
    assert page.locator("html").get_attribute("data-runtime") == "ready"
    expect(announced(page)).to_have_text(re.compile("^block 6: As printed"))
    assert "First, 5 blocks above that have not run yet" in heard.json_value()

    ran(sixth)
    assert says(sixth).startswith("As printed")  # also when it is run again, with the same random numbers
    assert page.problems == []


def test_a_block_that_runs_again_finds_what_it_found_first(page):
    """Or an edit in the middle of a page would meet the names that the blocks below have left."""
    first, second, third = (block(page, number) for number in (1, 2, 3))
    write(page, first, "x = [1]")
    write(page, second, "x = x + [2]\nx")
    write(page, third, "x")
    ran(third)
    assert third.locator(OUTPUT).inner_text() == "[1, 2]"

    press(second, "run")
    expect(announced(page)).to_have_text(re.compile("^block 2"), timeout=SLOW)
    assert second.locator(OUTPUT).inner_text() == "[1, 2]"
    write(page, second, "x = x + [3]\nx")
    ran(third)
    assert third.locator(OUTPUT).inner_text() == "[1, 3]"


def test_stop_ends_a_loop_and_the_page_recovers(page):
    first, second = block(page, 1), block(page, 2)
    ran(first)
    write(page, second, "while True: pass")
    press(second, "run")
    becomes(second, "running")
    # The page lives meanwhile.
    page.locator("article .tools").scroll_into_view_if_needed()
    press(second, "stop")

    becomes(second, "stopped")
    press(second, "reset")
    becomes(second, "idle")
    ran(second)
    assert states(page)[:3] == ["ok", "ok", "idle"]
    assert says(second).startswith("As printed")


def test_stop_while_python_is_loading(alone):
    first = block(alone, 1)
    press(first, "run")
    becomes(first, "loading")
    press(first, "stop")

    becomes(first, "stopped")
    ran(first)
    assert alone.problems == []


def test_an_error_is_shown_with_its_traceback(page):
    second = block(page, 2)
    write(page, second, "def f(x):\n    return x / 0\n\nprint('before')\nf(<b>1</b>)".replace("<b>1</b>", "1"))
    ran(second, "error")

    traceback = second.locator(".cell__traceback").inner_text()
    assert second.locator(OUTPUT).inner_text() == "before"
    assert re.search(r'File "block 2", line 5, in <module>\s+f\(1\)', traceback)
    assert re.search(r'File "block 2", line 2, in f', traceback)
    assert traceback.rstrip().endswith("ZeroDivisionError: division by zero")
    # Those below do not run on what is not there.
    third = block(page, 3)
    press(third, "run")
    expect(third.locator(".cell__says")).to_have_text("Not run: block 2 above failed", timeout=SLOW)


def test_what_is_printed_is_text(page):
    """Whatever a block prints, it adds no markup to the page."""
    second = block(page, 2)
    write(page, second, "print('<img src=x onerror=alert(1)><b>bold</b>')")
    ran(second, "differs")

    assert second.locator(OUTPUT).inner_text() == "<img src=x onerror=alert(1)><b>bold</b>"
    assert second.locator(f"{OUTPUT} b, {OUTPUT} img").count() == 0


def test_what_differs_is_said(page):
    """An edited block that prints something else than the book."""
    second = block(page, 2)
    press(second, "edit")
    second.locator(".cm-content").click()
    text = page.evaluate("[...document.querySelectorAll('.cm-line')].map(line => line.textContent).join('\\n')")
    write(page, second, text.replace("lr=0.5", "lr=0.1"))
    ran(second, "differs")

    assert says(second) == "Not as printed"
    assert "expected '[[0.59, 0.45]" in second.locator(".cell__message").inner_text()
    assert second.get_attribute("data-edited") is not None


def test_a_figure_is_drawn_under_its_block(page):
    """By the page's own code; its ids are its own, and it says what the book's figure says."""
    drawing = page.locator("[data-cell]", has_text="paths.svg")
    ran(drawing)

    figure = drawing.locator(".cell__figure svg")
    assert figure.get_attribute("aria-label") == page.locator("figure:has([href$='paths.svg']) svg").get_attribute(
        "aria-label"
    )
    assert figure.locator("path").count() > 20
    assert page.evaluate(TWICE) == []
    assert figure.bounding_box()["width"] > 300


# Edit


def test_an_edit_is_kept_said_and_reset(page, another):
    first = block(page, 1)
    code = first.locator("code").inner_text()
    press(first, "edit")
    first.locator(".cm-content").wait_for()
    expect(first.locator(".cm-content")).to_be_focused(timeout=SLOW)
    assert first.locator(".cm-content").inner_text().strip().startswith("from functools")
    write(page, first, "answer = 42\nanswer")
    page.keyboard.press("Shift+Enter")
    becomes(first, "ok")
    assert first.locator(OUTPUT).inner_text() == "42"

    page.reload()
    shown(page)
    assert first.locator("code").inner_text() == "answer = 42\nanswer"
    assert says(first) == "Edited"
    assert first.get_attribute("data-copy") == "answer = 42\nanswer"
    ran(first)
    assert first.locator(OUTPUT).inner_text() == "42"

    press(first, "reset")
    assert first.locator("code").inner_text() == code
    assert first.get_attribute("data-edited") is None
    assert page.evaluate("localStorage.length") == 0 or not page.evaluate(
        "Object.keys(localStorage).filter(key => key.startsWith(location.pathname))"
    )
    assert block(another(), 1).locator("code").inner_text() == code


def test_an_edit_of_a_block_that_the_book_has_changed_is_not_shown(page, another):
    """Its key holds the block's own text."""
    write(page, block(page, 1), "x = 1")
    moved = page.evaluate("""() => {
        const [key] = Object.keys(localStorage).filter(key => key.startsWith(location.pathname))
        localStorage.setItem(key + "x", localStorage.getItem(key))
        localStorage.removeItem(key)
        return localStorage.getItem(key + "x")
    }""")
    assert moved == "x = 1"

    first = block(another(), 1)
    assert first.get_attribute("data-edited") is None
    assert first.locator("code").inner_text().startswith("from functools")


def test_a_session_is_edited_without_its_prompts(page):
    second = block(page, 2)
    press(second, "edit")
    expect(second.locator(".cm-content")).to_be_focused(timeout=SLOW)

    lines = second.locator(".cm-line").all_inner_texts()
    assert lines[0] == "start = sn.init_params([2, 4, 1], half, rng)"
    assert not [line for line in lines if line.startswith((">>>", "[["))]
    assert second.get_attribute("data-edited") is None
    press(second, "edit")
    assert second.locator(".cm-content").count() == 0
    assert second.locator("code").inner_text().startswith(">>> start")


def test_an_edit_makes_the_block_run_again_before_those_below(page):
    first, second = block(page, 1), block(page, 2)
    ran(second)
    write(page, first, "print('edited')")
    becomes(first, "idle")
    press(second, "run")
    becomes(first, "ok", "differs")
    assert first.locator(OUTPUT).inner_text() == "edited"


def test_a_keyboard_does_all(page):
    """Tab, Enter, Escape and Tab; the focus is never lost."""
    first = block(page, 1)
    first.locator("[data-action=run]").focus()
    page.keyboard.press("Enter")
    becomes(first, "ok")
    expect(first.locator("[data-action=run]")).to_be_focused()
    page.keyboard.press("Tab")
    expect(first.locator("[data-action=edit]")).to_be_focused()
    page.keyboard.press("Enter")
    editor = first.locator(".cm-content")
    expect(editor).to_be_focused(timeout=SLOW)
    assert "Escape, then Tab" in editor.get_attribute("aria-description")
    page.keyboard.press("ControlOrMeta+Home")
    page.keyboard.press("Tab")
    expect(editor).to_be_focused()  # it indents
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    expect(editor).not_to_be_focused()
    expect(first.locator("[data-action]:focus")).to_have_count(1)


# Exercises


def test_an_answer_is_checked_by_the_solutions_own_assertions(page, another):
    """No answer and a wrong one fail, with the assertion shown; the solution passes; none of it touches the page."""
    answer = page.locator(".answer")
    press(answer, "check")
    becomes(answer, "error", "differs")
    assert answer.locator(".cell__failed").inner_text().startswith("assert np.abs(G).max() > 1e-3")
    assert "name 'G' is not defined" in answer.locator(".cell__result").inner_text()
    assert says(answer) == "Not yet"

    write(page, answer, "G = np.zeros((4, 2))")
    press(answer, "check")
    becomes(answer, "differs", "error")
    assert answer.locator(".cell__failed").inner_text().startswith("assert np.abs(G).max() > 1e-3")

    write(page, answer, "G = 1 /")
    press(answer, "check")
    expect(answer.locator(".cell__traceback")).to_contain_text("SyntaxError", timeout=SLOW)

    write(page, answer, page.locator(f"{SOLUTION} code").inner_text())
    page.keyboard.press("Shift+Enter")
    becomes(answer, "ok")
    assert says(answer).startswith("Right")
    first = block(page, 1)
    write(page, first, "'G' in globals()")
    ran(first)
    assert first.locator(OUTPUT).inner_text() == "False"

    answer = another().locator(".answer")
    assert "def network(W)" in answer.locator("code").inner_text()
    press(answer, "reset")
    expect(answer.locator("code")).to_have_text("")  # what the button does is loaded when it is pressed


# The visit


def test_python_outlives_the_page(page):
    """The theme changes pages without loading them: the next page runs at once, and coming back finds it all."""
    page.wait_for_load_state("networkidle")  # the theme asks for the sitemap, which says where it may go
    page.evaluate("window.stays = true")
    ran(block(page, 2))

    page.locator("nav a[href*='small-random/']").first.click()
    page.wait_for_selector("h1:has-text('Small random')")
    first = block(page, 1)
    becomes(first, "idle")
    assert page.locator("html").get_attribute("data-runtime") == "ready"
    press(first, "run")
    becomes(first, "ok", timeout=5_000)

    page.go_back()
    page.wait_for_selector("h1:has-text('Symmetry')")
    second = block(page, 2)
    becomes(second, "ok")
    assert "[[0.59, 0.45]" in second.locator(OUTPUT).inner_text()
    third = block(page, 3)
    shown(page)
    press(third, "run")
    becomes(third, "ok")
    page.go_forward()
    page.wait_for_selector("h1:has-text('Small random')")
    becomes(block(page, 1), "ok")
    assert page.evaluate("window.stays")


def test_two_tabs_do_not_mind_each_other(page, another):
    """Each has names of its own; what is edited in one is there when the other is loaded anew."""
    one, two = page, another()
    write(one, block(one, 1), "mine = 1\nmine")
    ran(block(one, 1))
    write(two, block(two, 2), "'mine' in globals()")
    press(block(two, 2), "run")
    becomes(block(two, 2), "ok", "differs")
    assert block(two, 2).locator(OUTPUT).inner_text() == "False"

    two.reload()
    assert block(two, 1).locator("code").inner_text() == "mine = 1\nmine"


def test_a_file_that_fails_to_load_is_said_and_can_be_tried_again(alone):
    page = alone
    page.route("**/runtime/numpy*", lambda route: route.abort())
    first = block(page, 1)
    ran(first, "error")

    assert "numpy.zip.gz could not be fetched" in says(first)
    assert page.locator("html").get_attribute("data-runtime") == "failed"
    assert first.locator("[data-action=run]").inner_text() == "Retry"
    page.unroute_all()
    ran(first)
    assert first.locator("[data-action=run]").inner_text() == "Run"


def test_a_script_that_fails_to_load_is_said(alone):
    """The part that is loaded at the first touch."""
    alone.route("**/assets/live/chunk-*", lambda route: route.abort())
    first = block(alone, 1)
    press(first, "run")
    expect(first.locator(".cell__says")).to_have_text("This could not be loaded. Try again")


@pytest.fixture(scope="module")
def kept(browser):
    """A page of a reader who has run something, once the service worker has kept what it takes."""
    context = browser.new_context()
    with served.serving(served.Forgotten) as server:
        page = opened(context, server)
        page.evaluate(WATCH)
        ran(block(page, 1))
        found = page.evaluate(KEPT, SLOW)
        assert [url for url in found if "wasm" in url], "the service worker has kept nothing"
        page.server = server
        yield page
        context.close()


def test_after_the_first_visit_it_runs_offline(kept):
    kept.context.set_offline(True)
    try:
        kept.reload()
        shown(kept)
        ran(block(kept, 2))
        assert says(block(kept, 2)).startswith("As printed")
    finally:
        kept.context.set_offline(False)


def test_after_the_first_run_a_block_can_be_edited_offline(kept):
    """Though the editor was never opened while there was a network."""
    kept.context.set_offline(True)
    try:
        kept.reload()
        shown(kept)
        write(kept, block(kept, 1), "40 + 2")
        ran(block(kept, 1))
        assert block(kept, 1).locator(OUTPUT).inner_text() == "42"
        kept.evaluate("localStorage.clear()")
    finally:
        kept.context.set_offline(False)


def test_the_next_visit_starts_python_while_nobody_waits(kept):
    """All of it is kept, so nothing has to be fetched for it."""
    page = opened(kept.context, kept.server, "chapters/small-random/")
    expect(page.locator("html")).to_have_attribute("data-runtime", "ready", timeout=SLOW)
    page.close()


# How it looks


@pytest.fixture(scope="module")
def every_state(context, server):
    """A phone with a cell in every state: as printed, an error, a difference, an editor, a figure, an answer."""
    page = opened(context, server)
    page.set_viewport_size({"width": 360, "height": 740})
    ran(block(page, 5))
    write(page, block(page, 2), "[1.5] * 3\n" + "x = 'a long line that no phone can show in one piece ' * 2")
    ran(block(page, 2), "differs")
    write(page, block(page, 3), "1 / 0")
    ran(block(page, 3), "error")
    press(page.locator(".answer"), "check")
    becomes(page.locator(".answer"), "idle", "error", "differs")
    page.evaluate("localStorage.clear()")
    yield page
    page.close()


@pytest.fixture(params=["light", "dark"])
def busy(every_state, request):
    """In both schemes: the page follows the system's."""
    coloured(every_state, request.param)
    return every_state


def test_cells_fit_a_phone(busy):
    assert busy.evaluate(WIDE) == []
    assert busy.evaluate("document.documentElement.scrollWidth") <= 360
    assert busy.evaluate(SMALL) == []


def test_cells_are_accessible(busy):
    busy.add_style_tag(content="* { transition: none !important }")  # each colour at once what it is going to be
    busy.evaluate((served.node_module("axe-core") / "axe.min.js").read_text(encoding="utf-8"))
    violations = busy.evaluate(AXE, {"resultTypes": ["violations"]})

    assert [f"{v['id']}: {n['html'][:150]} {n['failureSummary']}" for v in violations for n in v["nodes"]] == []
    names = busy.locator("[data-action]").evaluate_all("all => all.map(e => e.ariaLabel)")
    assert len(names) == len(set(names))
    assert "Run block 1" in names
    assert "Check your answer" in names


def test_run_all_is_at_the_top_and_says_how_far_it_is(page):
    top = page.locator(".tools")
    press(top, "run")
    expect(top.locator(".cell__says")).to_have_text(re.compile(r"^\d+ of \d+ blocks$"), timeout=SLOW)
    press(top, "stop")
    expect(top.locator(".cell__says")).to_have_text(re.compile("Stopped$"), timeout=SLOW)
    assert set(states(page)) <= {"ok", "stopped", "idle"}
