"""The book in WebKitGTK, Safari's sister: its console, its places, a chapter run, an explorable, marks, offline.

Once a week: it takes a minute, and a screen that nobody sees.
"""

import os

import pytest
import served
import webkit
from cells import PAGE
from driven import KEPT, SAYS, all_runs, explorable_moves, first_runs, found_by_search, places_found, turns_dark
from fixtures import places

MISSING = "no WebKitGTK: install Debian's `webkit2gtk-driver` and `xvfb`"
if webkit.program() is None and os.environ.get("CI") != "true":
    pytest.skip(MISSING, allow_module_level=True)

# How the terms that explain themselves are marked.
MARKED = """() => [...document.querySelectorAll("article abbr[title]")].map(term => {
    const style = getComputedStyle(term)
    return [style.textDecorationLine, style.textDecorationStyle, style.webkitTextDecorationStyle]
})"""
# Of each fraction within a line, how large its parts are beside it; of each accent, how far above its letter it begins.
PARTS = """() => [...document.querySelectorAll("article math:not([display=block]) mfrac")].flatMap(fraction =>
    [...fraction.children].map(part => parseFloat(getComputedStyle(part).fontSize)
        / parseFloat(getComputedStyle(fraction).fontSize)))"""
ACCENTS = """() => [...document.querySelectorAll("article mover[accent=true]")].map(over => {
    const [letter, accent] = [...over.children].map(each => each.getBoundingClientRect().top)
    return (letter - accent) / parseFloat(getComputedStyle(over).fontSize)
})"""


@pytest.fixture(scope="module")
def server():
    with served.serving(webkit.Heard) as server:
        yield server


@pytest.fixture(scope="module")
def kit():
    assert webkit.program(), MISSING
    with webkit.webkit() as kit:
        yield kit


def test_what_is_complained_of_is_heard(kit, server):
    """All other tests rest on this: an error, a rejected promise, a refusal of the policy."""
    kit.go(server.url + PAGE)
    assert kit.complaints() == []

    kit.evaluate("""async () => {
        document.body.append(Object.assign(document.createElement("script"), {textContent: "window.injected = 1"}))
        Promise.reject(new Error("rejected"))
        console.error("said")
    }""")

    heard = " ".join(kit.complaints())
    assert "rejected" in heard
    assert "said" in heard
    assert "Content-Security-Policy" in heard
    assert kit.evaluate("() => window.injected ?? 0") == 0


@pytest.mark.parametrize("page", served.pages(), ids=lambda page: f"page {page or 'index'}")
def test_a_page_is_quiet_and_its_places_are_found(page, kit, server):
    """Of each page the last place, and of a chapter one in its middle too."""
    found = places(page)
    middle = found[len(found) // 2 :][:1] if page in served.chapters() else []
    if found:
        places_found(kit, server.url + page, dict.fromkeys([*middle, found[-1]]))
    else:
        kit.go(server.url + page)

    assert kit.complaints() == []


def test_the_terms_of_the_glossary_are_marked(kit, server):
    """WebKit draws no mark from the shorthand that others read."""
    kit.go(server.url + PAGE)

    marks = kit.evaluate(MARKED)

    assert marks
    assert {(line, style or old) for line, style, old in marks} == {("underline", "dotted")}


def test_fractions_in_a_line_are_small_and_dots_stand_on_their_letters(kit, server):
    """WebKit knows neither how deep in a formula a part is nor how high a letter: book.css says it, as others do it."""
    kit.go(server.url + "chapters/isometry/")

    parts, accents = kit.evaluate(PARTS), kit.evaluate(ACCENTS)

    assert len(parts) > 10
    assert {round(part, 2) for part in parts} == {0.7}
    assert len(accents) > 5
    assert all(0.1 < above < 0.25 for above in accents), accents


def test_a_chapter_prints_what_the_book_prints_and_is_there_without_a_network(kit):
    with served.serving(webkit.Heard) as leaving:
        kit.go(leaving.url + PAGE)
        all_runs(kit)
        assert kit.complaints() == []
        kit.until(KEPT)

    kit.go(leaving.url + PAGE)
    first_runs(kit)
    assert kit.evaluate(SAYS, "h1").startswith("1. Symmetry")


def test_an_explorable_follows_keys_and_the_mouse(kit, server):
    """One that computes in WebAssembly."""
    kit.go(server.url + "chapters/deep-scaling/")

    explorable_moves(kit)

    assert kit.complaints() == []


def test_the_search_and_the_dark_switch_which_is_kept(kit, server):
    kit.go(server.url)
    turns_dark(kit)
    assert "chapters/saturation" in found_by_search(kit, "saturation")
    assert kit.complaints() == []

    kit.go(server.url + PAGE)

    assert kit.evaluate("() => document.body.dataset.mdColorScheme") == "slate"
    kit.evaluate("() => localStorage.clear()")
