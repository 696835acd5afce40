"""The book in Firefox: its console, its places, a phone, a chapter run, explorables, offline, and without storage.

One window for all of it, and one visit of a page for all that is asked of it: what takes time is to load pages.
"""

import os
import time

import bidi
import pytest
import served
from cells import PAGE, cost, grows
from driven import (
    BROKEN,
    FIRST,
    FIRST_IS,
    KEPT,
    SAYS,
    UNFOLDED,
    all_runs,
    explorable_moves,
    first_is_written,
    first_runs,
    found_by_search,
    places_found,
    turns_dark,
)
from explorables import AT_REST
from fixtures import BLANK, HEARS, STILL, places

if bidi.program() is None and os.environ.get("CI") != "true":
    pytest.skip("no Firefox: install Debian's `firefox-esr`, or name one in $FIREFOX", allow_module_level=True)

# Firefox looks at formulas while the page is still coming, and then complains of those that are not there as a whole.
HALF = "Incorrect number of children"
WHOLE = """() => [...document.querySelectorAll("msub, msup, mfrac, mroot, munder, mover, msubsup, munderover")]
    .every(each => each.children.length == 2 + /subsup|underover/.test(each.localName))"""


@pytest.fixture(scope="module")
def firefox():
    assert bidi.program(), "no Firefox: install Debian's `firefox-esr`, or name one in $FIREFOX"
    with bidi.firefox() as firefox:
        yield firefox


def heard(firefox):
    """What is complained of since the last look, but for formulas that have become whole."""
    complaints = firefox.complaints()
    return [each for each in complaints if HALF not in each] if firefox.evaluate(WHOLE) else complaints


@pytest.fixture
def fox(firefox):
    """Firefox with a clean console, which is still clean when the test has done."""
    firefox.complaints()
    yield firefox
    assert heard(firefox) == []


@pytest.fixture(scope="module")
def leaving():
    """A server that the tests may stop; what is there without it is not in the browser's own cache."""
    with served.serving(served.Forgotten) as server:
        yield server


def test_what_is_complained_of_is_heard(firefox, server):
    """All other tests rest on this: an error, a rejected promise, a refusal of the policy."""
    firefox.go(server.url + PAGE)
    assert firefox.complaints() == []

    firefox.evaluate("""async () => {
        document.body.append(Object.assign(document.createElement("script"), {textContent: "window.injected = 1"}))
        Promise.reject(new Error("rejected"))
        console.error("said")
        await new Promise(done => setTimeout(done, 100))
    }""")

    heard = " ".join(firefox.complaints())
    assert "rejected" in heard
    assert "said" in heard
    assert "Content-Security-Policy" in heard
    assert firefox.evaluate("() => window.injected ?? 0") == 0


@pytest.mark.parametrize("page", served.pages(), ids=lambda page: f"page {page or 'index'}")
def test_a_page_is_quiet_its_places_are_found_and_it_fits_a_phone(page, firefox, server):
    """Of each page the last place, and of a chapter one in its middle too. No formula in a line is broken.

    The page of all chapters is for paper: on a phone it is no other than they are.
    """
    found = places(page)
    middle = found[len(found) // 2 :][:1] if page in served.chapters() else []
    if found:
        places_found(firefox, server.url + page, dict.fromkeys([*middle, found[-1]]))
    else:
        firefox.go(server.url + page)

    assert firefox.evaluate(BROKEN) == []
    if page != served.PRINT:
        with firefox.narrow(390):
            assert firefox.evaluate(BROKEN) == []
            assert firefox.evaluate(BLANK) == []
            assert firefox.evaluate("() => document.documentElement.scrollWidth") <= 390
    assert heard(firefox) == []


def test_the_first_page_has_cards_a_search_and_a_dark_switch(fox, server):
    fox.go(server.url)
    tops = fox.evaluate("() => [...document.querySelectorAll('.cards > li')].map(e => e.getBoundingClientRect().top)")
    assert len(tops) >= 11
    assert tops[0] == tops[1]

    turns_dark(fox)

    assert "chapters/saturation" in found_by_search(fox, "saturation")
    fox.evaluate("() => localStorage.clear()")


def test_an_explorable_follows_keys_and_the_mouse(fox, server):
    """One that computes in WebAssembly."""
    fox.go(server.url + "chapters/deep-scaling/")

    explorable_moves(fox)


# Where an explorable stands below the header.
BELOW = """() => document.querySelector(".explorable--open").getBoundingClientRect().top
    - document.querySelector(".md-header").getBoundingClientRect().bottom"""


def test_a_link_with_settings_shows_the_explorable_and_it_says_each_step_that_it_plays(fox, server):
    """On a phone, and with a place in the address too, as the theme may have written it there."""
    with fox.narrow(390):
        fox.go(f"{server.url}{PAGE}?symmetry=start:zero")
        assert fox.evaluate(AT_REST, 30_000)
        fox.evaluate(STILL)
        assert 0 <= fox.evaluate(BELOW) < 100
    fox.go(f"{server.url}{PAGE}?symmetry=start:zero#sources")
    assert fox.evaluate(AT_REST, 30_000)
    fox.evaluate(STILL)
    assert 0 <= fox.evaluate(BELOW) < 100
    fox.evaluate(HEARS, ".explorable__says")

    fox.click(".explorable__play")
    fox.until("() => document.querySelector('[data-explore]').dataset.state == 'moving'", within=20)
    assert fox.evaluate(AT_REST, 30_000)

    said = fox.evaluate("() => said")
    assert len({text for text, live in said if live == "off"}) > 5
    assert said[-1][1] == "polite"


def test_no_mark_of_the_scoreboard_is_printed(fox, server):
    """On paper the small link would be a word that means nothing, on a line of its own."""
    fox.go(server.url + PAGE)
    boxes = "() => [...document.querySelectorAll('.score')].map(mark => mark.getClientRects().length)"
    assert sum(fox.evaluate(boxes)) > 5

    with fox.on_paper():
        assert set(fox.evaluate(boxes)) == {0}


# What follows is one visit, from the first run to the last without a network.


def test_a_chapter_says_what_python_costs_and_prints_what_the_book_prints(fox, leaving):
    fox.go(leaving.url + PAGE)
    assert fox.evaluate(SAYS, ".tools .cell__says") == cost()
    fox.evaluate(HEARS, f"{FIRST} .cell__says")

    all_runs(fox)

    grows(fox.evaluate("() => said"))


# Goes to a chapter as a reader does, without loading it anew.
GOES = """async name => {
    const before = document.querySelector("article")
    const link = [...document.querySelectorAll("nav a")].find(link => link.href.endsWith(`/${name}/`))
    link.click()
    while (before == document.querySelector("article")) await new Promise(requestAnimationFrame)
}"""
# Holds all elements of the page as weakly as can be; how many of them are still there.
LEFT = "() => { window.left = [...document.querySelectorAll('article *')].map(each => new WeakRef(each)) }"
HELD = "() => left.filter(each => each.deref()).length"


def test_a_page_that_was_left_is_let_go_also_by_python(fox, leaving):
    """What a browser gave to Python it never gets back: after a page that took much, Python starts anew."""
    first_is_written(fox, "import numpy as np; large = np.ones((200, 1 << 17)); large.nbytes >> 20")
    fox.click(f"{FIRST} [data-action=run]")
    fox.until(f"() => document.querySelector('{FIRST} .cell__output')?.textContent.trim() == '200'")
    assert fox.evaluate("() => shallownetPython.heap") > 200 << 20

    fox.evaluate(GOES, "small-random")
    first_runs(fox)

    assert fox.evaluate("() => shallownetPython.heap") < 100 << 20
    fox.evaluate(GOES, "saturation")
    fox.evaluate(LEFT)
    assert fox.evaluate(HELD) > 1000
    fox.evaluate(GOES, "residual")
    ends = time.monotonic() + 30
    while (held := fox.evaluate(HELD)) and time.monotonic() < ends:
        fox.forget()
        time.sleep(0.5)  # who looks at something while it is collected holds it
    assert held == 0


def test_stop_by_keyboard_keeps_the_focus(fox, leaving):
    """The button goes when nothing runs any more."""
    fox.evaluate(UNFOLDED)
    first_is_written(fox, "while True: pass")
    fox.click(f"{FIRST} [data-action=run]")
    fox.until(FIRST_IS, "running")
    fox.evaluate("selector => document.querySelector(selector).focus()", f"{FIRST} [data-action=stop]")

    fox.press("Enter")

    fox.until(FIRST_IS, "stopped")
    fox.until(f"() => document.activeElement == document.querySelector('{FIRST} [data-action=run]')", within=5)


def test_what_was_read_is_there_without_a_network(firefox, leaving):
    """After the first run: the page, and Python; of a page that nobody has read, which ones are there."""
    firefox.until(KEPT)
    firefox.evaluate("() => localStorage.clear()")  # of the loop without end that was written above
    leaving.shutdown()
    leaving.server_close()

    firefox.go(leaving.url + "labs/repairs/")
    assert firefox.evaluate(SAYS, "h1") == "There is no network, and this page is not kept"
    assert leaving.url + PAGE in firefox.evaluate("() => [...document.querySelectorAll('li a')].map(link => link.href)")
    firefox.go(leaving.url + PAGE)
    first_runs(firefox)

    assert firefox.evaluate(SAYS, "h1").startswith("1. Symmetry")
    firefox.complaints()  # of what is not there


class Deployed(served.Handler):
    """A server on which the book may be published anew: its scripts and its manifest have other names from then on."""

    def do_GET(self):
        if not self.server.anew:
            return super().do_GET()
        page = self.path.endswith("/")
        body = b'<meta name="live" content="../../assets/live/manifest-anew.json">' if page else b""
        self.send_response(200 if page else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def test_an_open_page_says_that_the_book_was_published_anew(firefox):
    """Otherwise it would ask for ever for files that are gone."""
    with served.serving(Deployed, anew=False) as server:
        firefox.go(server.url + PAGE)
        firefox.evaluate("() => { window.old = true }")
        server.anew = True
        firefox.click(f"{FIRST} [data-action=run]")
        firefox.until("() => document.querySelector('.edition')?.checkVisibility()", within=20)
        server.anew = False
        firefox.click(".edition button")

        firefox.until("() => !window.old && document.readyState == 'complete'", within=20)
        assert firefox.evaluate("() => document.querySelector('.edition') === null")
    firefox.complaints()  # of what was gone


def test_a_reader_who_forbids_storage_reads_searches_and_runs(firefox):
    """Firefox then throws where a page so much as names its storage."""
    with firefox.preferring("network.cookie.cookieBehavior", 2), served.serving() as server:
        firefox.go(server.url + PAGE)
        assert firefox.evaluate("() => navigator.cookieEnabled") is False
        first_runs(firefox)
        turns_dark(firefox)
        assert "chapters/saturation" in found_by_search(firefox, "saturation")

        # That it may not be kept for later is Firefox's to say.
        assert [each for each in firefox.complaints() if "register/update a ServiceWorker" not in each] == []
