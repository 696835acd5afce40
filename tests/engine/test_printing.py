"""The whole book on one page: what a page's ids and links become there."""

import re
import shutil

import pytest
from _book.site import printing
from _book.site.sections import sections
from test_site import PAGE, ROOT, build

ONE = '<h1>1. One</h1><h2 id="11-a">1.1 A &lt; <code>B</code><a class="headerlink">&para;</a></h2><h3 id="x">1.2 C</h3>'
ONE = printing.Part("chapters/one/", "1. One & only", "", sections(f'{ONE}<h2 id="sources">Sources</h2>'))


def moved(content, url="chapters/one/"):
    """What becomes of a piece of the page at `url`, beside chapters one and two and the notation."""
    part = printing.Part(url, "", content)
    others = [printing.Part(each, "", "") for each in ("chapters/one/", "chapters/two/", "notation/") if each != url]
    found = printing.together([part, *others], "print/")
    return re.match(r'<section class="part"><span id="[\w-]+"></span>\n(.*?)\n</section>', found, flags=re.S)[1]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        # Within the page, to another that is here, to one that is not, and away.
        ('<a href="#eq-1.1">', '<a href="#chapters-one--eq-1.1">'),
        ('<a href="../two/">', '<a href="#chapters-two">'),
        ('<a class="x" href="../two/#21-b">', '<a class="x" href="#chapters-two--21-b">'),
        ('<a href="../../notation/#symbols">', '<a href="#notation--symbols">'),
        ('<a href="./">', '<a href="#chapters-one">'),
        ('<a href="../../labs/one/#part-2">', '<a href="../labs/one/#part-2">'),
        ('<a href="one/figure.svg">', '<a href="../chapters/one/one/figure.svg">'),
        ('<a href="../..">', '<a href="..">'),
        ('<a href="https://example.org/?a=1&amp;b=2#c">', '<a href="https://example.org/?a=1&amp;b=2#c">'),
        ('<a href="mailto:a@example.org">', '<a href="mailto:a@example.org">'),
        # Names, and what refers to them.
        ('<h2 id="11-a">', '<h2 id="chapters-one--11-a">'),
        ('<input id="t_1" name="t">', '<input id="chapters-one--t_1" name="chapters-one--t">'),
        ('<label for="t_1">', '<label for="chapters-one--t_1">'),
        ('<div aria-labelledby="a b">', '<div aria-labelledby="chapters-one--a chapters-one--b">'),
        ('<g clip-path="url(#p-x)">', '<g clip-path="url(#chapters-one--p-x)">'),
        ('<use xlink:href="#m-x" x="1"/>', '<use xlink:href="#chapters-one--m-x" x="1"/>'),
        # Solutions.
        ('<details class="success">', '<details open class="success">'),
        ('<details class="note" open>', '<details class="note" open>'),
        # Cells: paper runs nothing.
        ('<div class="x" data-copy="a" data-cell="{}">', '<div class="x" data-copy="a">'),
        # Text is text, in code and in what is copied as well.
        ("<code>a id=&quot;x&quot; url(#y)</code>", "<code>a id=&quot;x&quot; url(#y)</code>"),
        ('<p>if a &lt; b: see id="x"</p>', '<p>if a &lt; b: see id="x"</p>'),
    ],
)
def test_what_a_page_brings_along_is_moved(before, after):
    """Two chapters may both have a section called Summary, and a reader on paper wants to stay on it."""
    assert moved(before) == after


def test_contents_list_the_numbered_sections():
    """What every chapter has, a summary, sources, would only make the list longer."""
    assert re.findall(r'<a href="(.*?)">(.*?)</a>', printing.contents([ONE])) == [
        ("#chapters-one", "1. One &amp; only"),
        ("#chapters-one--11-a", "1.1 A &lt; B"),
    ]


def test_the_home_page_reference_and_labs_stay_where_they_are():
    """They are about the site, to be looked up there, or to be run."""
    pages = ["index.md", "notation.md", "chapters/one.md", "labs/one.ipynb", "reference/losses.md", "print.md"]
    pages += ["frameworks/index.md", "frameworks/pytorch.md"]

    assert list(filter(printing.belongs, pages)) == ["notation.md", "chapters/one.md", "frameworks/index.md"]


def test_pages_stand_in_the_order_of_the_navigation(tmp_path):
    """Not in that of their file names; each once, under its own name, with its links turned inwards."""
    shutil.copytree(ROOT / "docs" / "_book", tmp_path / "docs" / "_book")
    shutil.copytree(ROOT / "docs" / "assets", tmp_path / "docs" / "assets")
    settings = (ROOT / "mkdocs.yml").read_text("utf-8")
    nav = "nav: [index.md, b.md, Paper: print.md, a.md]\n"
    (tmp_path / "mkdocs.yml").write_text(re.sub(r"^nav:\n(?: .*\n)+", nav, settings, flags=re.M), "utf-8")
    (tmp_path / "shallownet").mkdir()
    for name, other in ("index", "a"), ("a", "b"), ("b", "a"):
        text = f"## Same\n\n$x$ and [there]({other}.md#same).\n\n??? success\n    Text."
        (tmp_path / "docs" / f"{name}.md").write_text(PAGE.format(blocks=0, text=text), "utf-8")

    done = build(tmp_path, tmp_path / "site")

    assert done.returncode == 0, done.stderr[-2000:]
    text = (tmp_path / "site" / "print" / "index.html").read_text("utf-8")
    assert re.findall(r'<section class="part"><span id="(.*?)">', text) == ["b", "a"]
    assert re.findall(r'<h2 id="(.*?)">', text) == ["b--same", "a--same"]
    assert re.findall(r'<a href="(#[^"]*)">there', text) == ["#a--same", "#b--same"]
    assert text.count("<math") == text.count("<details open") == 2
    assert text.count('<meta name="robots" content="noindex">') == 1
    assert "/print/" not in (tmp_path / "site" / "sitemap.xml").read_text("utf-8")
    assert "/a/" in (tmp_path / "site" / "sitemap.xml").read_text("utf-8")
    assert '"print/' not in (tmp_path / "site" / "search" / "search_index.json").read_text("utf-8")
    assert "noindex" not in (tmp_path / "site" / "a" / "index.html").read_text("utf-8")
