"""The book in Firefox: its console, its places, a chapter run, an explorable, offline, and without storage."""

import os

import bidi
import pytest
import served
from cells import PAGE
from explorables import AT_REST
from fixtures import STILL, places

if bidi.program() is None and os.environ.get("CI") != "true":
    pytest.skip("no Firefox: install Debian's `firefox-esr`, or name one in $FIREFOX", allow_module_level=True)

# Where a place stands: below the header, near the top of the screen, unless the page ends before.
STANDS = """id => {
    const {bottom} = document.querySelector(".md-header").getBoundingClientRect()
    const {top} = document.getElementById(id).getBoundingClientRect()
    const end = Math.ceil(scrollY + innerHeight) >= document.documentElement.scrollHeight
    return {header: bottom, top, screen: innerHeight, end}
}"""
# Formulas of a line that are broken over two.
BROKEN = """() => [...document.querySelectorAll("article math:not([display=block])")]
    .filter(math => new Set([...math.getClientRects()].map(box => Math.round(box.top))).size > 1)
    .map(math => math.textContent)"""
# Firefox looks at formulas while the page is still coming, and then complains of those that are not there as a whole.
HALF = "Incorrect number of children"
WHOLE = """() => [...document.querySelectorAll("msub, msup, mfrac, mroot, munder, mover, msubsup, munderover")]
    .every(each => each.children.length == 2 + /subsup|underover/.test(each.localName))"""
STATES = "() => [...document.querySelectorAll('[data-cell]:not(.answer)')].map(cell => cell.dataset.state)"
SAYS = "selector => document.querySelector(selector).textContent"
DONE = "() => /blocks ran/.test(document.querySelector('.tools .cell__says').textContent)"
FIRST = "[data-cell]:not(.answer)"
FIRST_IS = f"state => document.querySelector('{FIRST}').dataset.state == state"
SHOWN = """() => ({
    numbers: document.querySelector("[data-explore]").dataset.numbers,
    says: document.querySelector(".explorable__says").textContent,
    picture: document.querySelector(".explorable__drawing").innerHTML,
})"""
SLIDER = ".explorable__controls input[name=depth]"
# What the service worker keeps is there, and the page is in its hands.
KEPT = """async () => {
    const kept = (await (await caches.open("shallownet")).keys()).map(({url}) => url).join()
    return navigator.serviceWorker.controller
        && ["python.wasm", "numpy.zip", "book.zip", "manifest", "symmetry/"].every(name => kept.includes(name))
}"""


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


def dark(fox):
    for scheme in ("light", "dark"):  # from the system's
        fox.click(f".md-header label[title='Switch to {scheme} mode']:not([hidden])")
    return fox.until("() => document.body.dataset.mdColorScheme == 'slate'", within=5)


def found_by_search(fox, words):
    fox.press("/")
    fox.until("() => document.activeElement.matches('.md-search__input')", within=10)
    fox.press(*words)
    return fox.until("() => [...document.querySelectorAll('.md-search-result__link')].map(a => a.href).join(' ')")


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
    """A link leads below the header, also to the last place and to one in the middle, past all that is not laid out."""
    found = places(page)
    wanted = [*dict.fromkeys([*found[-1:], *(found[len(found) // 2 :][:1] if page in served.chapters() else [])])]
    for place in wanted or [""]:
        firefox.go(f"{server.url}{page}#{place}".removesuffix("#"))
        firefox.evaluate(STILL)
        if place:
            stands = firefox.evaluate(STANDS, place)
            assert stands["header"] <= stands["top"], (place, stands)
            assert stands["top"] < (stands["screen"] if stands["end"] else 160), (place, stands)

    assert firefox.evaluate(BROKEN) == []
    complaints = firefox.complaints()
    if firefox.evaluate(WHOLE):
        complaints = [each for each in complaints if HALF not in each]
    assert complaints == []


def test_a_chapter_prints_what_the_book_prints(fox, leaving):
    """The comparison is the engine's own, as in the tests."""
    fox.go(leaving.url + PAGE)
    fox.evaluate("() => document.querySelectorAll('details').forEach(each => { each.open = true })")
    fox.click(".tools [data-action=run]")

    fox.until(DONE)

    states = fox.evaluate(STATES)
    assert len(states) > 10
    assert set(states) == {"ok"}
    assert fox.evaluate(SAYS, ".tools .cell__says") == f"all {len(states)} blocks ran, as printed"
    assert fox.evaluate("() => document.querySelectorAll('.cell__figure svg path').length") > 20


def test_what_was_read_is_there_without_a_network(firefox, leaving):
    """After the first run: the page, and Python."""
    firefox.until(KEPT)
    leaving.shutdown()
    leaving.server_close()

    firefox.go(leaving.url + PAGE)
    firefox.click(f"{FIRST} [data-action=run]")
    firefox.until(FIRST_IS, "ok")

    assert firefox.evaluate(SAYS, "h1").startswith("1. Symmetry")
    assert firefox.evaluate(SAYS, f"{FIRST} .cell__says") == "Ran"
    firefox.complaints()  # of what is not there


def test_an_explorable_follows_keys_and_the_mouse(fox, server):
    """One that computes in WebAssembly."""
    fox.go(server.url + "chapters/deep-scaling/")
    fox.click(".explorable__open")
    assert fox.evaluate(AT_REST, 30_000)
    seen = [fox.evaluate(SHOWN)]

    fox.evaluate("selector => document.querySelector(selector).focus()", SLIDER)
    fox.press("ArrowRight", "ArrowRight")
    fox.until("seen => document.querySelector('[data-explore]').dataset.numbers != seen", seen[0]["numbers"], within=10)
    assert fox.evaluate(AT_REST, 30_000)
    seen.append(fox.evaluate(SHOWN))
    fox.drag(SLIDER, 60)
    fox.until("seen => document.querySelector('[data-explore]').dataset.numbers != seen", seen[1]["numbers"], within=10)
    assert fox.evaluate(AT_REST, 30_000)
    seen.append(fox.evaluate(SHOWN))

    for what in ("numbers", "says", "picture"):
        assert len({each[what] for each in seen}) == 3, what


def test_the_search_and_the_dark_switch(fox, server):
    fox.go(server.url)
    assert dark(fox)
    assert "chapters/saturation" in found_by_search(fox, "saturation")
    fox.evaluate("() => localStorage.clear()")


class Deployed(served.Handler):
    """A server on which the book may be published anew: what is loaded later has another name by then."""

    def do_GET(self):
        if self.server.anew and "/assets/live/" in self.path:
            self.path = served.base() + "gone"
        super().do_GET()


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
        firefox.evaluate("() => document.querySelector('.edition') === null")
    firefox.complaints()  # of what was gone


def test_a_reader_who_forbids_storage_reads_searches_and_runs(server):
    """Firefox then throws where a page so much as names its storage."""
    with bidi.firefox(network_cookie_cookieBehavior=2) as fox:
        fox.go(server.url + PAGE)
        assert dark(fox)
        assert "chapters/saturation" in found_by_search(fox, "saturation")
        fox.press("Escape")
        fox.click(f"{FIRST} [data-action=run]")
        fox.until(FIRST_IS, "ok")

        assert fox.complaints() == []
