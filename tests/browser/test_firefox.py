"""The book in Firefox: its console, its places, a chapter run, an explorable, offline, and without storage."""

import os

import bidi
import pytest
import served
from cells import PAGE
from driven import (
    BROKEN,
    FIRST,
    KEPT,
    SAYS,
    all_runs,
    explorable_moves,
    first_runs,
    found_by_search,
    places_found,
    turns_dark,
)
from fixtures import places

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


@pytest.fixture
def fox(firefox):
    """Firefox with a clean console, which is still clean when the test has done."""
    firefox.complaints()
    yield firefox
    assert firefox.complaints() == []


@pytest.fixture(scope="module")
def leaving():
    """A server that the tests may stop."""
    with served.serving() as server:
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
def test_a_page_is_quiet_its_places_are_found_and_its_formulas_whole(page, firefox, server):
    """Of each page the last place, and of a chapter one in its middle too."""
    found = places(page)
    middle = found[len(found) // 2 :][:1] if page in served.chapters() else []
    if found:
        places_found(firefox, server.url + page, dict.fromkeys([*middle, found[-1]]))
    else:
        firefox.go(server.url + page)

    assert firefox.evaluate(BROKEN) == []
    complaints = firefox.complaints()
    if firefox.evaluate(WHOLE):
        complaints = [each for each in complaints if HALF not in each]
    assert complaints == []


def test_a_chapter_prints_what_the_book_prints(fox, leaving):
    fox.go(leaving.url + PAGE)

    all_runs(fox)


def test_what_was_read_is_there_without_a_network(firefox, leaving):
    """After the first run: the page, and Python."""
    firefox.until(KEPT)
    leaving.shutdown()
    leaving.server_close()

    firefox.go(leaving.url + PAGE)
    first_runs(firefox)

    assert firefox.evaluate(SAYS, "h1").startswith("1. Symmetry")
    firefox.complaints()  # of what is not there


def test_an_explorable_follows_keys_and_the_mouse(fox, server):
    """One that computes in WebAssembly."""
    fox.go(server.url + "chapters/deep-scaling/")

    explorable_moves(fox)


def test_the_search_and_the_dark_switch(fox, server):
    fox.go(server.url)

    turns_dark(fox)

    assert "chapters/saturation" in found_by_search(fox, "saturation")
    fox.evaluate("() => localStorage.clear()")


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


def test_a_reader_who_forbids_storage_reads_searches_and_runs(server):
    """Firefox then throws where a page so much as names its storage."""
    with bidi.firefox(network_cookie_cookieBehavior=2) as fox:
        fox.go(server.url + PAGE)
        first_runs(fox)
        turns_dark(fox)
        assert "chapters/saturation" in found_by_search(fox, "saturation")

        # That it may not be kept for later is Firefox's to say.
        assert [each for each in fox.complaints() if "register/update a ServiceWorker" not in each] == []
