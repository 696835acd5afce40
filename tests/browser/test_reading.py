"""The ways of reading: by search, keyboard, page after page, on paper, and without JavaScript."""

import re
from urllib.parse import urljoin

import pytest
import served
from fixtures import OPEN, STANDS, places, still


def test_search_finds_saturation(tab):
    """From the home page, as typed."""
    page = tab("")
    page.keyboard.press("/")
    page.keyboard.type("saturation", delay=20)

    page.wait_for_selector(".md-search-result__link", timeout=10_000)

    links = page.locator(".md-search-result__link").evaluate_all("all => all.map(a => a.href)")
    assert any("chapters/saturation" in link for link in links), links


def test_slash_opens_the_search(tab):
    """A reader at a keyboard needs no mouse to find something."""
    page = tab(served.chapters()[0])

    page.keyboard.press("/")

    page.wait_for_selector("input:focus")


def test_first_tab_offers_to_skip_to_the_content(tab):
    """Otherwise a keyboard reader passes the whole navigation on every page."""
    page = tab(served.chapters()[0])

    page.keyboard.press("Tab")

    assert page.evaluate("document.activeElement.matches('a.md-skip')")
    page.keyboard.press("Enter")
    page.wait_for_url("**#*")
    assert page.evaluate("document.getElementById(decodeURI(location.hash.slice(1))).closest('article') !== null")


def test_a_link_to_a_place_shows_that_place(name, visit, tab):
    """Also the last ones of a long page, though what lies above them is laid out only when it is scrolled to."""
    visited = visit(name)
    there = [(visited.place, *visited.stands)]
    # The visit has been by a link to the last one; in the middle of a chapter there is as much to lay out below.
    found = visited.page.evaluate("[...document.querySelectorAll('article :is(h2, .score, .math)[id]')].map(e => e.id)")
    assert found == places(name)
    for place in found[len(found) // 2 :][:1] if name in served.chapters() else []:
        page = tab(f"{name}#{place}", scrolled=False)

        still(page)
        there.append((place, *page.evaluate(STANDS, place)))
    assert [(place, top) for place, top, height in there if not -5 < top < height] == []


# Where a heading stands, the lower edge of the header, and whether the page can be scrolled no further.
LANDS = """id => [
    document.getElementById(id).getBoundingClientRect().top,
    document.querySelector(".md-header").getBoundingClientRect().bottom,
    scrollY + innerHeight > document.documentElement.scrollHeight - 2,
]"""


@pytest.mark.parametrize("width", [390, 1280])
def test_a_link_to_a_heading_puts_it_below_the_header(width, browser, server):
    """From outside: once it stood hundreds of pixels off, or under the header, for a quarter of the headings.

    Some of each page, other ones on a phone: all of them take minutes.
    """
    context = browser.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()
    wrong, tried = [], 0
    for name in [*served.chapters(), "glossary/", "frameworks/"]:
        found = [place for place in headings(name) if place]
        for place in found[width % 8 :: 8]:
            page.goto("about:blank")
            page.goto(f"{server.url}{name}#{place}", wait_until="load")
            still(page)
            top, header, end = page.evaluate(LANDS, place)
            tried += 1
            if not (header <= top < 160 or (end and top > 0)):
                wrong.append((name, place, top))
    context.close()

    assert tried > 10
    assert wrong == []


def headings(name):
    text = (served.site() / name / "index.html").read_text(encoding="utf-8")
    return re.findall(r'<h[23] id="([^"]+)"', text)


def test_the_chapters_are_cards(visit):
    """The theme has a word to say of each list, which once made a plain list of them."""
    page = visit("").seen()

    tops = page.evaluate("[...document.querySelectorAll('.cards > li')].map(e => e.getBoundingClientRect().top)")
    assert len(tops) >= 11
    assert tops[0] == tops[1]


def test_next_leads_through_the_book_and_previous_back():
    """Reading on is the one link that every page needs; it is in the page itself, and needs no script."""

    def follow(name, kind):
        for _ in served.pages():
            yield name
            html = (served.site() / name / "index.html").read_text(encoding="utf-8")
            link = re.search(rf'<a href="([^"]*)" class="md-footer__link md-footer__link--{kind}"', html)
            if not link:
                return
            name = urljoin(f"/{name}", link[1]).removeprefix("/")
        raise AssertionError(f"{kind} leads in a circle")

    forward = list(follow("", "next"))

    assert list(follow(forward[-1], "prev")) == forward[::-1]
    assert set(served.chapters()) <= set(forward)


# Counts how often each style sheet was read, from now on.
SHEETS = """
    window.read = {}
    document.addEventListener("load", ({target}) => {
        if (target.rel === "stylesheet") window.read[target.href] = (window.read[target.href] ?? 0) + 1
    }, true)
"""


def test_a_style_sheet_is_read_once(browser, server):
    """On the page, and on those that the theme puts in its place: each time, all of it is styled and laid out anew."""
    context = browser.new_context()
    page = context.new_page()
    page.add_init_script(SHEETS)
    here = f"{server.url}{served.chapters()[0]}"
    page.goto(here, wait_until="networkidle")
    first = page.evaluate("window.read")
    page.evaluate("window.same = true")
    page.locator(".md-footer__link--next").click()
    page.wait_for_url(lambda url: url != here)
    page.wait_for_load_state("networkidle")
    then, same = page.evaluate("[window.read, window.same]")
    context.close()

    assert len(first) >= 3
    assert set(first.values()) == {1}
    assert (then, same) == (first, True)


def test_print_opens_the_solutions(name, visit):
    """Paper cannot be clicked."""
    page = visit(name).seen(media="print")
    page.evaluate("document.querySelectorAll('article details').forEach(d => d.open = false)")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")

    try:
        # Not wait_for_function, here and elsewhere: where it has to wait it needs eval, which the policy forbids.
        still(page)
        assert page.evaluate(
            """() => [...document.querySelectorAll("article details > :not(summary)")]
                .every(e => e.checkVisibility() && e.getBoundingClientRect().height > 0)"""
        )
    finally:
        page.evaluate(OPEN)


def test_reads_without_javascript(name, tab):
    """Text, math, figures and solutions are in the page itself."""
    page = tab(name, java_script_enabled=False)

    assert page.locator("article h1").first.is_visible()
    # What could be explored is the figure that it is in the book.
    assert page.locator("[data-explore] svg.drawing").count() == page.locator("[data-explore]").count()
    assert page.locator(".explorable__open").count() == 0
    if name in served.chapters():
        assert page.locator("article math").count() > 0
        assert page.locator("article svg[role=img]").count() > 0
        for kind in ("math", "svg[role=img]"):
            shown = page.locator(f"article {kind}:visible").first.bounding_box()
            assert shown["width"] > 1
            assert shown["height"] > 1
        details = page.locator("article details").first
        details.locator("summary").first.click()
        assert details.locator("> :not(summary)").first.is_visible()


SMALL = {"java_script_enabled": False, "viewport": {"width": 360, "height": 740}}


@pytest.mark.parametrize("options", [{}, SMALL], ids=["desk", "phone without scripts"])
def test_the_chooser_opens_by_keys(tab, options):
    """What a reader comes for is one key away from the name of the network."""
    page = tab("choosing/", **options)
    boxes = page.locator("article details.info").filter(has=page.locator("li"))  # the others fold code
    box = boxes.filter(has_text="Residual, with L blocks")
    answers = box.locator("li")

    assert boxes.count() == 32
    assert not answers.first.is_visible()
    box.locator("summary").focus()
    page.keyboard.press("Enter")

    assert [each.split(":")[0] for each in answers.all_inner_texts()] == [
        "Weights",
        "Biases",
        "Output layer",
        "Learning rate",
        "Why",
    ]
    assert answers.first.is_visible()
    assert all(0 <= each.bounding_box()["x"] < page.viewport_size["width"] - 100 for each in answers.all())
