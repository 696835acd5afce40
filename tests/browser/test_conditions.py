"""Readers' conditions: a book published anew, storage forbidden, no network, a phone, a tab that stays open."""

import re
import time

import pytest
import served
from cells import OUTPUT, PAGE, SLOW, becomes, block, cost, grows, opened, press, ran, write
from explorables import settled
from fixtures import BLANK, HEARS, still
from playwright.sync_api import expect

EXPLORED = "chapters/symmetry/"
OTHER = "chapters/small-random/"
EDITION = ".edition"


@pytest.fixture
def context(browser):
    context = browser.new_context(service_workers="block")
    yield context
    context.close()


# A book that was published anew


def publish(context, old_files=404):
    """As if the book had been published anew: its pages name other files, which are there; the old ones are gone."""

    def page(route):
        answer = route.fetch()
        text = re.sub(r"(assets/live/[a-z]+-)(\w+\.)", r"\1NEW\2", answer.text())
        route.fulfill(response=answer, body=text)

    def file(route):
        folder, _, name = route.request.url.rpartition("/")
        if "-NEW" in name:
            route.fulfill(response=route.fetch(url=f"{folder}/{name.replace('-NEW', '-')}"))
        elif old_files == 404:
            route.fulfill(status=404, body="")
        else:
            route.continue_()

    context.route(re.compile(r"/(chapters/[^.]*)?(\?.*)?$"), page)
    context.route("**/assets/live/**", file)


def test_run_says_that_the_book_has_changed_and_offers_to_load_it_anew(context, server):
    """Its scripts are gone from the server, and trying again would ask for them in vain; what was edited is kept."""
    page = opened(context, server)
    publish(context)

    press(block(page, 1), "run")

    notice = page.locator(EDITION)
    expect(notice).to_contain_text("The book has changed since you opened it. What you have edited is kept.")
    expect(block(page, 1).locator(".cell__says")).to_have_text("The book has changed")
    colours = "e => getComputedStyle(e).color"
    assert notice.locator("button").evaluate(colours) == notice.evaluate(colours)
    page.evaluate("window.old = true")
    context.unroute_all()
    notice.locator("button").click()
    page.wait_for_load_state("load")
    assert page.evaluate("window.old") is None
    assert page.locator(EDITION).count() == 0
    ran(block(page, 1))


def test_an_explorable_and_an_editor_say_so_too(context, server):
    page = opened(context, server)
    press(block(page, 1), "run")
    becomes(block(page, 1), "ok")
    publish(context)

    page.locator(".explorable__open").click()
    expect(page.locator(".explorable__open")).to_have_text("The book has changed")
    page.evaluate("document.querySelector('.edition').remove()")
    press(block(page, 2), "edit")
    expect(page.locator(EDITION)).to_be_visible()


def test_a_start_of_python_that_fails_says_so(context, server):
    """The buttons' script is there already, and what it asks for is not."""
    page = opened(context, server)
    press(block(page, 1), "edit")
    page.locator(".cm-content").wait_for()
    page.evaluate("window.shallownetPython.stop()")
    publish(context)
    page.evaluate("window.shallownetPython.stop()")

    press(block(page, 1), "run")

    expect(page.locator(EDITION)).to_be_visible(timeout=SLOW)


def test_the_next_page_of_another_edition_is_not_run_by_the_old_scripts(context, server):
    """The theme changes pages without loading them: old scripts and new ones would both put their buttons there."""
    page = opened(context, server)
    page.wait_for_load_state("networkidle")
    publish(context, old_files=200)

    page.locator(f"nav a[href*='{OTHER.split('/')[1]}/']").first.click()
    page.wait_for_selector("h1:has-text('Small random')")

    expect(page.locator(EDITION)).to_be_visible()
    assert page.locator(EDITION).count() == 1
    assert page.locator("[data-action]").count() == 0
    page.locator(f"{EDITION} button").click()
    expect(page.locator("[data-action='run']").first).to_be_visible()
    assert page.locator(EDITION).count() == 0
    assert page.problems == []


def test_a_script_that_is_late_is_no_other_edition(context, server):
    """Where the page is as it was, the reader may try again."""
    page = opened(context, server)
    context.route("**/assets/live/chunk-*", lambda route: route.abort())

    press(block(page, 1), "run")

    expect(block(page, 1).locator(".cell__says")).to_have_text("This could not be loaded. Try again")
    assert page.locator(EDITION).count() == 0


# Storage that is forbidden

FORBID = """
for (const name of ["localStorage", "sessionStorage", "indexedDB", "caches"])
    Object.defineProperty(window, name, {get() { throw new DOMException("forbidden", "SecurityError") }})
"""


def test_where_storage_is_forbidden_all_works_until_the_page_is_left(context, server):
    """Search, the dark switch, an edit, a run."""
    context.add_init_script(FORBID)
    page = opened(context, server)

    before = page.locator("body").get_attribute("data-md-color-scheme")
    for _ in range(3):
        page.locator("form[data-md-component=palette] label:not([hidden])").click()
        if page.locator("body").get_attribute("data-md-color-scheme") != before:
            break
    assert page.locator("body").get_attribute("data-md-color-scheme") != before
    first = block(page, 1)
    write(page, first, "40 + 2")
    press(first, "edit")
    assert first.locator("code").inner_text() == "40 + 2"
    ran(first)
    assert first.locator(OUTPUT).inner_text() == "42"
    page.keyboard.press("/")
    page.keyboard.type("saturation")
    page.wait_for_selector(".md-search-result__link", timeout=SLOW)
    assert page.problems == []


def test_a_reader_whose_edits_are_not_kept_is_warned(context, server):
    context.add_init_script(FORBID)
    page = opened(context, server)
    publish(context)

    press(block(page, 1), "run")

    expect(page.locator(EDITION)).to_contain_text("Copy what you have edited first")


# A link to an explorable, and to a heading


@pytest.mark.parametrize("more", ["", "#sources"])
@pytest.mark.parametrize("width", [390, 1280])
def test_a_link_with_settings_shows_the_explorable(tab, width, more):
    """Also where the theme has written a place into the address as the sender scrolled."""
    page = tab(f"{EXPLORED}?symmetry=start:zero{more}", scrolled=False, viewport={"width": width, "height": 800})
    settled(page)
    still(page)

    header = page.evaluate("document.querySelector('.md-header').getBoundingClientRect().bottom")
    top = page.locator(".explorable--open").bounding_box()["y"]
    assert header <= top < 160


def test_the_page_of_all_chapters_loads_quickly_at_a_place_in_it(browser, server, slowness, measured):
    """It is never laid out at once, which takes half a minute."""
    page = browser.new_page()
    took = []
    for place in ("", "#performance--the-clear-step"):
        page.goto("about:blank")
        page.goto(f"{server.url}{served.PRINT}{place}", wait_until="load")
        still(page)
        took.append(page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd"))
    top = page.evaluate("document.getElementById('performance--the-clear-step').getBoundingClientRect().top")
    page.close()

    measured(f"{took[0] / 1000:5.1f} s for {served.PRINT}, {took[1] / 1000:.1f} s at a place in it")
    assert 40 <= top < 160
    assert took[1] < 2 * took[0] + 1000 * slowness


# A phone


def test_no_heading_ends_with_an_empty_line_on_a_phone(name, visit):
    """The mark that links to a heading once stood alone on one."""
    page = visit(name).seen(width=390, height=844)

    assert page.evaluate("document.querySelectorAll('article h1').length") >= 1
    assert page.evaluate(BLANK) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


# A tab that stays open


def test_a_page_that_was_left_is_let_go(context, server):
    """By our scripts and by the theme, whose listeners would keep each page of the visit, some ten thousand nodes."""
    page = context.new_page()
    devtools = context.new_cdp_session(page)
    page.goto(server.url + PAGE, wait_until="networkidle")

    def visited(chapter):
        name = chapter.split("/")[1]
        page.evaluate(
            "name => [...document.querySelectorAll('nav a')].find(a => a.href.endsWith(name)).click()", f"{name}/"
        )
        page.wait_for_url(f"**/{name}/")
        # Not wait_for_selector, whose handle would itself hold on to the page.
        page.locator("article [data-cell][data-state]").first.wait_for(state="attached")

    def counted():
        devtools.send("HeapProfiler.collectGarbage")
        return devtools.send("Memory.getDOMCounters")

    for chapter in (OTHER, PAGE):
        visited(chapter)
    first = counted()
    for _ in range(3):
        for chapter in (OTHER, PAGE):
            visited(chapter)

    # A page is let go when its last timers and requests have ended, on a busy machine seconds later. One that is
    # kept stays above the limit for ever.
    ends = time.monotonic() + 30
    while (last := counted())["nodes"] >= first["nodes"] + 6 * 1500 and time.monotonic() < ends:
        time.sleep(0.5)

    assert last["documents"] <= first["documents"] + 1
    assert last["nodes"] < first["nodes"] + 6 * 1500


def test_python_forgets_the_page_that_was_left(context, server):
    """What a browser gave to Python it never gets back: after a page that took much, Python starts anew."""
    page = opened(context, server)
    page.wait_for_load_state("networkidle")
    first = block(page, 1)
    write(page, first, "import numpy as np\nlarge = np.ones((200, 1 << 17))\nlarge.nbytes >> 20")
    ran(first)
    assert first.locator(OUTPUT).inner_text() == "200"
    assert page.evaluate("window.shallownetPython.heap") > 200 << 20

    page.locator(f"nav a[href*='{OTHER.split('/')[1]}/']").first.click()
    page.wait_for_selector("h1:has-text('Small random')")
    write(page, block(page, 1), "'large' in globals()")
    ran(block(page, 1))

    assert block(page, 1).locator(OUTPUT).inner_text() == "False"
    assert page.evaluate("window.shallownetPython.heap") < 100 << 20
    page.go_back()
    page.wait_for_selector("h1:has-text('Symmetry')")
    becomes(block(page, 1), "ok")  # what came of it is still shown
    write(page, block(page, 2), "large.shape")
    ran(block(page, 2), "differs")
    assert block(page, 2).locator(OUTPUT).inner_text() == "(200, 131072)"


def test_a_block_whose_names_took_too_much_runs_again_after_those_above(context, server):
    """The names that each block found are kept for it, up to a limit."""
    page = opened(context, server)
    page.wait_for_load_state("networkidle")
    code = "large = np.full((1 << 20, 8), {}.0)\nseen = seen + [{}]\nseen"
    write(page, block(page, 1), "import numpy as np\nseen = []")
    for number in (2, 3, 4):
        write(page, block(page, number), code.format(number, number))
    ran(block(page, 4))
    assert block(page, 4).locator(OUTPUT).inner_text() == "[2, 3, 4]"

    write(page, block(page, 3), "int(large[0, 0]), seen")
    ran(block(page, 3))

    assert block(page, 3).locator(OUTPUT).inner_text() == "(2, [2])"


# The first run, and what comes with it


def test_the_first_run_says_what_it_costs_and_how_much_has_come(context, server):
    """Nobody is to be surprised by megabytes, nor to look at 0 % for long."""
    page = opened(context, server)
    top = page.locator(".tools .cell__says")
    assert top.inner_text() == cost()
    page.evaluate(HEARS, ".cell__bar .cell__says")

    ran(block(page, 1))

    grows(page.evaluate("said"))
    page.wait_for_load_state("networkidle")
    page.locator(f"nav a[href*='{OTHER.split('/')[1]}/']").first.click()
    page.wait_for_selector("h1:has-text('Small random')")
    expect(page.locator(".tools [data-action=run]")).to_be_visible()
    assert top.inner_text() == ""


def test_stop_by_keyboard_keeps_the_focus(context, server):
    """The button goes when nothing runs any more."""
    page = opened(context, server)
    first = block(page, 1)
    write(page, first, "while True: pass")
    press(first, "run")
    becomes(first, "running")
    first.locator("[data-action=stop]").focus()
    page.keyboard.press("Enter")
    becomes(first, "stopped")
    expect(first.locator("[data-action=run]")).to_be_focused()

    top = page.locator(".tools")
    press(top, "run")
    becomes(first, "running")
    top.locator("[data-action=stop]").focus()
    page.keyboard.press("Enter")
    becomes(first, "stopped")
    expect(top.locator("[data-action=run]")).to_be_focused()


def test_what_ends_while_the_focus_is_on_stop_keeps_it(context, server):
    page = opened(context, server)
    first = block(page, 1)
    press(first, "run")
    becomes(first, "loading", "running")
    first.locator("[data-action=stop]").focus()

    becomes(first, "ok")

    expect(first.locator("[data-action=run]")).to_be_focused()


def test_while_it_plays_the_sentence_is_the_steps_own(tab):
    """For eyes; to a screen reader it is said when it has come to rest."""
    page = tab(EXPLORED, reduced_motion="no-preference")
    page.locator(".explorable__open").click()
    settled(page)
    page.evaluate(HEARS, ".explorable__says")

    page.locator(".explorable__play").click()
    page.wait_for_selector("[data-explore][data-state=moving]")
    page.wait_for_selector("[data-explore][data-state=ready]", timeout=30_000)

    said = page.evaluate("said")
    playing = {text for text, live in said if live == "off"}
    assert len(playing) > 5
    assert said[-1][1] == "polite"
    assert page.locator(".explorable__play").inner_text() == "Play"


# No network


def test_an_offline_page_that_was_never_visited_says_which_are_there(browser, server):
    """Instead of the browser's own error."""
    context = browser.new_context()
    page = opened(context, server)
    page.evaluate("""() => { window.kept = new Promise(done => navigator.serviceWorker.addEventListener(
        "message", ({data}) => data.type == "kept" && done())) }""")
    ran(block(page, 1))
    page.evaluate("kept")
    context.set_offline(True)
    try:
        page.goto(server.url + OTHER)
        assert page.locator("h1").inner_text() == "There is no network, and this page is not kept"
        links = page.locator("li a")
        assert [link.partition(server.url)[2] for link in links.evaluate_all("all => all.map(a => a.href)")] == [PAGE]
        assert "Symmetry" in links.first.inner_text()
        links.first.click()
        page.wait_for_selector("h1:has-text('Symmetry')")
    finally:
        context.close()
