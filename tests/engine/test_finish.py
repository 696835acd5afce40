"""What is done to a finished site: steps on a folder, whatever generator wrote it, and as often as one likes."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from _book.page import Page
from _book.site import cards, finish, markup, printing, terms
from _book.site.building import Building, Leaf

FRAME = """<!doctype html>
<html><head><meta charset="utf-8"><title>{title}</title></head><body>
<div class="md-search" data-md-component="search" role="dialog"></div>
<article>{content}</article><script>theme()</script></body></html>
"""
CELL = '<div class="language-python highlight" data-copy="x = 1" data-cell="{&quot;a&quot;: 1}"><pre>x = 1</pre></div>'
PAGES = {
    "index.md": "<h1>Home</h1><p>No link, no math.</p>",
    "chapters/one.md": f'<h1 id="one">1. One</h1><h2 id="11-gain">1.1 Gain</h2><p>A <math><mi>x</mi></math>.</p>{CELL}',
    "chapters/two.md": '<h1>2. Two</h1><p>The gain, <a href="../one/#11-gain">again</a>; data-explore="line".</p>',
    "labs/weekly/slow.ipynb": f"<h1>Slow</h1>{CELL}",
    "reference/net.md": f"""<h1>Net</h1>{CELL}
        <div class="doc-signature highlight language-python" data-copy="f()" data-cell><pre>f()</pre></div>
        <details class="mkdocstrings-source"><div class="language-python highlight" data-cell></div></details>
        <div class="language-python" data-cell></div>""",
    terms.INDEX: '<h1>Index</h1><ul><li>Gain <span class="places" data-term="gain"></span></li></ul>',
    printing.SOURCE: "<h1>Book</h1>",
}
NOTEBOOKS = {"chapters/one.md": "one.ipynb", "chapters/two.md": "two.ipynb"}
LIVE = {"live-abc.js": b"", "explore-abc.js": b"", "manifest-abc.json": b"{}"}
SITEMAP = """<?xml version="1.0" encoding="UTF-8"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
    <url><loc>https://example.org/book/print/</loc></url>
    <url><loc>https://example.org/book/chapters/one/</loc></url>
</urlset>
"""
Made = tuple[Path, Building]


def address(name: str) -> str:
    return "" if name == "index.md" else name.rpartition(".")[0] + "/"


def write(folder: Path, name: str) -> None:
    """What a generator writes: its frame around what was rendered of a page."""
    file = folder / address(name) / "index.html"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(FRAME.format(title=name, content=markup.framed(PAGES[name])), "utf-8")


def read(folder: Path, name: str) -> str:
    return (folder / address(name) / "index.html").read_text("utf-8")


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """A site as a generator leaves it, and what its build knows."""
    folder = tmp_path / "site"
    for name in PAGES:
        write(folder, name)
    (folder / "404.html").write_text(FRAME.format(title="404", content="<h1>Nothing here</h1>"), "utf-8")
    (folder / "assets").mkdir()
    (folder / "assets" / "book.css").write_text(
        "/* for us */\na > b { color: red;\n  margin: calc(1px + 2px) }\n", "utf-8"
    )
    (folder / "sitemap.xml").write_text(SITEMAP, "utf-8")
    (folder / "sitemap.xml.gz").write_bytes(gzip.compress(SITEMAP.encode()))
    book = Building(tmp_path, address="https://example.org/book/", live=LIVE, notebooks=NOTEBOOKS)
    book.glossary = terms.parse("Gain\n:   What a layer is scaled by.\n")
    book.leaves = [Leaf(name, f"{address(name)}index.html", address(name)) for name in PAGES]
    return folder, book


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def test_finishing_twice_is_finishing_once(made: Made) -> None:
    """A build of what changed finds the rest finished already."""
    folder, book = made
    finish.finish(folder, book)
    once = contents(folder)

    finish.finish(folder, book)

    assert contents(folder) == once


def test_a_page_that_is_built_again_is_finished_among_the_others(made: Made) -> None:
    """The index, the page for paper, the font and the policy are those of the whole book, whatever was rendered."""
    folder, book = made
    finish.finish(folder, book)
    once = contents(folder)

    for name in ("chapters/two.md", terms.INDEX, printing.SOURCE):
        write(folder, name)
    finish.finish(folder, book)

    assert contents(folder) == once


def test_every_page_lists_the_scripts_of_all_and_names_its_dialog(made: Made) -> None:
    """The page for a wrong address as well; the policy stands before all that it is about."""
    folder, book = made
    way = '<script>scope=new URL("{}",location)</script></body>'
    for file in folder.rglob("*.html"):
        up = "/book/" if file.name == "404.html" else "../" * len(file.relative_to(folder).parent.parts) or "."
        file.write_text(file.read_text("utf-8").replace("</body>", way.format(up)), "utf-8")

    finish.finish(folder, book)

    for file in folder.rglob("*.html"):
        page = file.read_text("utf-8")
        for script in ("theme()", *(f'scope=new URL("{up}",location)' for up in ("/book/", ".", "../", "../../"))):
            assert base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() in page, file
        assert page.index("charset") < page.index("Content-Security-Policy") < page.index("<title>")
        assert page.count("Content-Security-Policy") == 1
        assert 'role="dialog" aria-label="Search"' in page


def test_a_server_that_adds_a_script_gets_no_policy(made: Made) -> None:
    """Nor does it keep one of an earlier build; all else is as it will be published."""
    folder, book = made
    finish.finish(folder, book)
    published = read(folder, "chapters/one.md")

    book.serving = True
    finish.finish(folder, book)

    served = read(folder, "chapters/one.md")
    assert "Content-Security-Policy" not in served
    assert re.sub(r"<!--\+--><meta http-equiv.*?<!--/\+-->", "", published) == served


def test_style_sheets_are_light(made: Made) -> None:
    """Comments and white space are for us; what is around a plus sign is not white space only."""
    folder, book = made

    finish.finish(folder, book)

    assert (folder / "assets" / "book.css").read_text("utf-8") == "a>b{color:red;margin:calc(1px + 2px)}"


def scripts(page: str) -> list[str]:
    return re.findall(r'<script type="module" src="([^"]*)">', page)


def test_the_themes_styles_are_those_of_what_there_is(made: Made) -> None:
    """A fifth of its rules are for what this book has not; who changes a page with it has them at the next build."""
    path, book = made
    sheet = path / "assets" / "stylesheets" / "main.0a1b.min.css"
    sheet.parent.mkdir(parents=True)
    tab = ".tabbed-set>input:nth-child({0}):checked~.tabbed-labels>:nth-child({0}){{color:red}}"
    kept = (
        "a.highlight,p{margin:0}@media print{.highlight:not(.away){color:#000}}@font-face{src:url(a.woff2)}"
        "@keyframes turn{0%{top:.5em}to{top:1.5em}}.made-by-a-script,.control--next{top:0}" + tab.format(2)
    )
    lost = ".md-path,.md-post:hover{top:0}" + tab.format(3)
    sheet.write_text(lost + kept.replace("a.highlight,", "a.highlight,.md-path a,"), "utf-8")
    (path / "assets" / "theme.js").write_text("e.className = `made-by-a-script control--${side}`", "utf-8")
    page = path / "index.html"
    tabs = (
        '<div class="tabbed-set"><input id="__tabbed_1_1"><input id="__tabbed_1_2"><p class="tabbed-labels"></p></div>'
    )
    page.write_text(page.read_text("utf-8").replace("<article>", f"<article>{tabs}"), "utf-8")

    finish.finish(path, book)

    assert sheet.read_text("utf-8") == kept


def test_live_parts_are_where_something_lives(made: Made) -> None:
    """In the article, with what leads from there to the root; not where only the text speaks of them, nor on paper."""
    folder, book = made

    finish.finish(folder, book)

    assert scripts(read(folder, "chapters/one.md")) == ["../../assets/live/live-abc.js"]
    meta = '<meta name="live" content="../../assets/live/manifest-abc.json" data-megabytes="0">'
    assert meta in read(folder, "chapters/one.md")
    assert read(folder, "chapters/one.md").index("live-abc.js") < read(folder, "chapters/one.md").index("</article>")
    for name in ("index.md", "chapters/two.md", "labs/weekly/slow.ipynb", printing.SOURCE):
        assert not scripts(read(folder, name)), name
        assert not markup.has(read(folder, name), "data-cell"), name


def test_a_page_says_how_much_its_first_run_fetches(made: Made) -> None:
    """Of what runs Python: a reader has the scripts already."""
    folder, book = made
    book.live |= {"runtime/a.gz": bytes(3_000_000), "runtime/b.wasm": bytes(600_000), "kernel.wasm": bytes(2_000_000)}

    finish.finish(folder, book)

    assert ' data-megabytes="4">' in read(folder, "chapters/one.md")


def test_without_live_parts_no_block_is_a_cell(made: Made) -> None:
    """It would offer to run, and could not."""
    folder, book = made
    book.live = {}

    finish.finish(folder, book)

    for name in PAGES:
        assert " data-cell" not in read(folder, name)
        assert not scripts(read(folder, name))
    assert 'data-copy="x = 1"' in read(folder, "chapters/one.md")


def test_sources_of_functions_are_no_cells(made: Made) -> None:
    """Neither a signature nor a source, but the example below them, and what follows."""
    folder, book = made

    finish.finish(folder, book)

    blocks = re.findall(r'<div class="([^"]*language-[^"]*)"([^>]*)>', read(folder, "reference/net.md"))
    assert [("language-source" in classes, "data-cell" in rest) for classes, rest in blocks] == [
        (False, True),
        (True, False),
        (True, False),
        (False, True),
    ]


def test_chapters_can_be_opened_as_notebooks(made: Made) -> None:
    """Beside their title, where the buttons for the whole page come as well."""
    folder, book = made

    finish.finish(folder, book)

    link = '</h1><p class="tools"><a href="{}" download>Open as a notebook</a></p>'
    plain = {name: read(folder, name).replace(markup.ADDED, "").replace(markup.DONE, "") for name in PAGES}
    assert link.format("two.ipynb") in plain["chapters/two.md"]
    assert '</h1><p class="tools"></p>' in plain["reference/net.md"]
    assert 'class="tools"' not in plain["index.md"]


def test_the_index_and_the_page_for_paper_hold_the_book(made: Made) -> None:
    """The links of the index are part of it on paper, too, and turned inwards."""
    folder, book = made

    finish.finish(folder, book)

    index, paper = read(folder, terms.INDEX), read(folder, printing.SOURCE)
    assert re.findall(r'<a href="(.*?)">(.*?)</a>', index) == [
        ("../chapters/one/#11-gain", "1.1 Gain"),
        ("../chapters/two/", "2. Two"),
    ]
    assert re.findall(r'<section class="part"><span id="(.*?)">', paper) == [
        "chapters-one",
        "chapters-two",
        "index-of-terms",
    ]
    assert '<a href="#chapters-one--11-gain">1.1 Gain</a>' in paper.partition('id="index-of-terms"')[2]
    assert '<meta name="robots" content="noindex">' in paper
    for sitemap in ((folder / "sitemap.xml").read_bytes(), gzip.decompress((folder / "sitemap.xml.gz").read_bytes())):
        assert re.findall(rb"<loc>(.*?)</loc>", sitemap) == [b"https://example.org/book/chapters/one/"]
        assert sitemap.startswith(b"<?xml")
        assert b"<urlset xmlns=" in sitemap


def test_the_next_page_is_not_fetched_ahead(made: Made) -> None:
    """Firefox would, the policy forbids it, and every page would begin with a complaint."""
    folder, book = made
    (folder / "404.html").write_text(FRAME.replace("<title>", '<link rel="next" href="../b/"><title>'), "utf-8")

    finish.finish(folder, book)

    assert 'rel="next"' not in (folder / "404.html").read_text("utf-8")


@pytest.mark.parametrize("add", [markup.before, markup.after])
def test_a_place_that_the_theme_no_longer_has_is_named(add: Callable[[str, str, str], str]) -> None:
    """Or the policy would be missing without a word."""
    with pytest.raises(LookupError, match=r"^markup: no </head> in the page that begins '<html>'"):
        add("<html>", "</head>", "<meta>")


def test_the_font_is_asked_for_where_there_is_math(made: Made) -> None:
    """And made of what stands in all pages."""
    folder, book = made

    finish.finish(folder, book)

    assert f'<link rel="preload" href="../../{finish.FONT}"' in read(folder, "chapters/one.md")
    assert finish.FONT not in read(folder, "chapters/two.md")
    assert (folder / finish.FONT).stat().st_size > 500


@pytest.mark.parametrize(
    "html",
    [
        "<p>a &lt; b &amp;copy; &#955; &\n<br/><img alt='>' src=x>\n<svg viewBox='0 0 1 1'><use/></svg>",
        '<script>if (a < b) "</p>"</script><!-- <b> --><?php x ?><p\n  class="a  b"\n>text',
        "<p>\u03b1\r\n<b>\u2028<i>x</i></b></p>\n\n</div><em>",
    ],
)
def test_what_is_not_edited_stays_as_it_is_written(html: str) -> None:
    """To the letter, whatever it is."""
    seen: list[str] = []

    assert markup.edited(html, lambda tag, _: seen.append(tag.name) or tag.raw) == html
    assert seen


def test_a_tag_knows_what_it_is_in() -> None:
    """Elements without an end, and ends that are missing, do not confuse it."""
    html = '<div class="a b"><br><img src=x><p><b>1</b></div><i></i>'
    seen: dict[str, list[str]] = {}

    def change(tag: markup.Tag, around: Sequence[markup.Tag]) -> str:
        seen[tag.name] = [each.name for each in around]
        return f"<{tag.name}!>"

    changed = markup.edited(html, change)

    assert seen == {"div": [], "br": ["div"], "img": ["div"], "p": ["div"], "b": ["div", "p"], "i": []}
    assert changed == "<div!><br!><img!><p!><b!>1</b></div><i!></i>"


DRAWN = """<?xml version="1.0"?>
<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="200pt" viewBox="0 0 200 100">
 <g id="figure_1">{axes}
  <path d="M 40.26 80.4 L 60.7 20.2" style="fill: none; stroke: #1f77b4"/>
  <g id="text_9"><text x="3" y="4">Words</text></g>
 </g>
</svg>
"""
AXES = """<g id="axes_1"><g id="patch_2"><path d="M 40 90 L 190 90 L 190 10 L 40 10 z" style="fill: #ffffff"/></g>
 <g id="xtick_1"><use x="40" y="90"/><g id="text_1"><text x="40" y="99">0</text></g></g></g>"""


def test_a_card_shows_the_first_figure_small(made: Made) -> None:
    """Its axes and what is in them, in the colours that it needs; where there are no axes, the words say all."""
    axes, words = cards.drawing(DRAWN.format(axes=AXES)), cards.drawing(DRAWN.format(axes=""))

    assert 'viewBox="36 6 158 88"' in axes
    assert "text" not in axes.replace('type="text/css"', "")
    assert "m40 80l21-60" in axes
    assert re.findall(r"--(c\d):", axes) == ["c0", "c0"]  # light, dark
    assert "prefers-color-scheme:dark" in axes
    assert 'viewBox="0 0 200 100"' in words
    assert ">Words</text>" in words


def test_cards_have_pictures_that_wait_until_they_are_seen(made: Made, caplog: pytest.LogCaptureFixture) -> None:
    """In the link of the title, which says what it is; and a page without a figure is named."""
    folder, book = made
    links = ("chapters/one/", "chapters/two/")
    cells = "".join(
        f'<li>\n<p><strong><a href="{link}">Read</a></strong></p><a href="{link}">on</a></li>' for link in links
    )
    home = FRAME.format(title="Home", content=markup.framed(f'<h1>Home</h1><ul class="cards">{cells}</ul>'))
    (folder / "index.html").write_text(home, "utf-8")
    book.pages = {
        f"chapters/{name}.md": Page.parse(text) for name, text in (("one", "![Dots](dots.svg)"), ("two", "No."))
    }
    book.figures = {"chapters/one.md": {"dots.svg": DRAWN.format(axes=AXES).encode()}}

    finish.finish(folder, book)
    finish.finish(folder, book)

    page = (folder / "index.html").read_text("utf-8")
    picture = '<a href="chapters/one/"><!--+--><img src="assets/cards/one.svg" alt="" loading="lazy"><!--/+-->Read</a>'
    assert page.count("<img") == page.count(picture) == 1
    assert (folder / "assets" / "cards" / "one.svg").read_text("utf-8").startswith("<svg")
    assert "chapters/two.md: no figure stands on its card: let a block draw one" in caplog.text


def test_the_styles_of_docstrings_are_asked_for_where_there_are_some(made: Made) -> None:
    """They weigh as much as a figure, and would be on each page."""
    folder, book = made
    link = '<link rel="stylesheet" href="../assets/_mkdocstrings.css">'
    for name, content in (("index.md", "<h1>Home</h1>"), ("chapters/two.md", '<h1>f</h1><div class="doc ">f</div>')):
        page = FRAME.format(title=name, content=markup.framed(content)).replace("</head>", f"{link}</head>")
        (folder / address(name) / "index.html").write_text(page, "utf-8")

    finish.finish(folder, book)

    assert link not in read(folder, "index.md")
    assert link in read(folder, "chapters/two.md")
