"""The whole book on one page, and on paper."""

import re
import unicodedata
from urllib.parse import urlsplit

import paper
import pytest
import served
from fixtures import LAID_OUT
from pypdf import PdfReader

# A4 without the margins of book.css, in CSS pixels.
WIDTH = round((210 - 2 * 16) / 25.4 * 96)


@pytest.fixture(scope="module")
def pdf(browser, tmp_path_factory):
    path = tmp_path_factory.mktemp("pdf") / "book.pdf"
    paper.pdf(browser, path)
    return PdfReader(path)


@pytest.fixture(scope="module")
def book(browser, server):
    """The page of the whole book, as wide as paper: opened once."""
    context = browser.new_context(viewport={"width": WIDTH, "height": 950})
    page = context.new_page()
    page.goto(server.url + served.PRINT, wait_until="load")
    page.add_style_tag(content=LAID_OUT)
    yield page
    context.close()


# The title of each chapter, as its own page has it.
TITLES = """names => Promise.all(names.map(async name => {
    const source = await (await fetch(`../${name}`)).text()
    const page = new DOMParser().parseFromString(source, "text/html")
    return page.querySelector("article h1").firstChild.textContent.trim()
}))"""


def flat(outline):
    """The entries of an outline, whatever lies below what."""
    return [entry for part in outline for entry in (flat(part) if isinstance(part, list) else [part])]


def folded(text):
    """Text without white space, and with ligatures taken apart: a PDF keeps neither as they were written."""
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", text))


def test_the_book_fills_a_plausible_number_of_pages(pdf, book):
    """A chapter takes six to twenty-six, folds open: fewer, and something is cut off; more, and something has spilled.

    What stands around them, such as the scoreboard, takes no more than they do.
    """
    parts = [entry for entry in pdf.outline if not isinstance(entry, list)]
    starts = [pdf.get_destination_page_number(entry) for entry in parts]
    ends = [*starts[1:], len(pdf.pages)]
    takes = {folded(entry.title): end - start for entry, start, end in zip(parts, starts, ends, strict=True)}
    chapters = [takes[folded(title)] for title in book.evaluate(TITLES, served.chapters())]

    assert 6 <= min(chapters) <= max(chapters) <= 26, takes
    assert 0 < len(pdf.pages) - sum(chapters) <= sum(chapters)
    assert {tuple(round(float(side)) for side in page.mediabox[2:]) for page in pdf.pages} == {(596, 843)}


def test_every_chapter_is_on_paper(pdf, book):
    """Each opens a sheet of its own and is listed in the contents, on the title page and in the reader's outline."""
    # The scoreboard has a part for each chapter, of the same title: the first is the chapter.
    entries = reversed(flat(pdf.outline))
    outline = {folded(entry.title): pdf.get_destination_page_number(entry) for entry in entries}
    first = "".join(folded(page.extract_text()) for page in pdf.pages[:3])

    for title in map(folded, book.evaluate(TITLES, served.chapters())):
        assert title in first
        # The number of the page may come first, though it stands last.
        text = re.sub(r"^\d+\n", "", pdf.pages[outline[title]].extract_text())
        assert folded(text).startswith(title)
        assert outline[title] > 0


def test_links_on_paper_lead_to_the_public_site(pdf):
    """A PDF is read anywhere: an address of the machine that made it leads nowhere."""
    notes = [note.get_object() for page in pdf.pages for note in page.get("/Annots", [])]
    addresses = {note["/A"]["/URI"] for note in notes if "/URI" in note.get("/A", {})}

    assert any(address.startswith(served.address()) for address in addresses)
    hosts = {address: urlsplit(address).hostname or "" for address in addresses}
    assert [address for address, host in hosts.items() if "." not in host or host[0].isdigit()] == []


# What reaches past the edge of its page. Chromium would shrink the whole book until it fits.
CUT = """() => {
    const edge = document.querySelector("article").getBoundingClientRect().right + 1
    const wide = [...document.querySelectorAll("article :is(table, pre, figure, .drawing, .contents li)")]
        .filter(e => e.getBoundingClientRect().right > edge)
    const math = [...document.querySelectorAll("article math")].filter(e => {
        const box = e.closest(".math__scroll")
        return e.getBoundingClientRect().right > (box ? box.getBoundingClientRect().right + 1 : edge)
    })
    return [...wide, ...math].map(e => `${e.closest("section")?.id}: ${e.outerHTML.slice(0, 200)}`)
}"""


def test_nothing_is_cut_off_by_the_edge_of_the_paper(book):
    """An equation too long for a phone scrolls; paper does not. Break such a one with `aligned`."""
    page = book
    page.emulate_media(media="print")
    first = page.locator("article .math math").first
    drawn = first.inner_html()

    try:
        assert page.evaluate("document.querySelectorAll('article .math').length") > 10
        assert page.evaluate(CUT) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= WIDTH
        first.evaluate("math => math.innerHTML = '<mspace width=\"60em\"/>'")
        assert "60em" in "".join(page.evaluate(CUT))
    finally:
        first.evaluate("(math, drawn) => math.innerHTML = drawn", drawn)
        page.emulate_media(media="screen")


def test_no_mark_of_the_scoreboard_is_printed(book):
    """On the screen it is a small link; on paper it would be a word that means nothing."""
    book.emulate_media(media="print")
    try:
        lines = book.locator(".score").evaluate_all("all => all.map(e => [e.id, e.getClientRects().length])")
    finally:
        book.emulate_media(media="screen")

    assert len(lines) > 50
    assert [mark for mark, count in lines if count] == []


def test_links_within_the_book_stay_on_the_page(book):
    """From chapter to chapter, to an equation, to a reference: all without leaving the page."""
    page = book
    links = page.evaluate("[...document.querySelectorAll('article .part a')].map(a => a.href)")

    inside = [link.partition("#")[2] for link in links if link.startswith(page.url.partition("#")[0] + "#")]
    assert len(inside) > 50
    assert page.evaluate("names => names.filter(name => !document.getElementById(decodeURI(name)))", inside) == []
    chapters = "|".join(map(re.escape, served.chapters()))
    assert [link for link in links if re.search(rf"/({chapters}|glossary/|notation/|references/)(#|$)", link)] == []


def test_solutions_are_open_and_search_engines_are_not_sent_here(book):
    """On paper nothing opens; and who searches wants the chapter, not the whole book."""
    page = book

    assert page.evaluate("document.querySelectorAll('article details').length") >= 3 * len(served.chapters())
    assert page.evaluate("document.querySelectorAll('article details:not([open])').length") == 0
    assert page.evaluate("document.querySelector('meta[name=robots]').content") == "noindex"
    assert served.PRINT not in (served.site() / "sitemap.xml").read_text(encoding="utf-8")
    assert '"location":"print' not in (served.site() / "search" / "search_index.json").read_text(encoding="utf-8")
