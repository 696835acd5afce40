"""The built site: every link leads somewhere, nothing comes from elsewhere, every fault of a page fails the build."""

import contextlib
import gzip
import os
import re
import shutil
import socket
import subprocess
import sys
import urllib.request
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest
import weights
from _book import blocks
from _book.render import colours
from _book.site import font, terms

ROOT = Path(__file__).parents[2]
PAGE = "---\ndescription: A page.\nblocks: {blocks}\n---\n\n# Page\n\n{text}\n"


class Reader(HTMLParser):
    """What a page links to, what it loads, and what can be linked to on it."""

    def __init__(self, text):
        super().__init__()
        self.links, self.loaded, self.ids, self.images = [], [], set(), []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        if "id" in found:
            self.ids.add(found["id"])
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if tag in ("script", "img", "iframe", "source", "video") and "src" in found:
            self.loaded.append(found["src"])
        if tag == "link" and found.get("rel") in ("stylesheet", "preload", "icon", "preconnect"):
            self.loaded.append(found["href"])
        if tag == "svg" and found.get("role") == "img":
            self.images.append(found)


def environment(project):
    """Of a build: a small book has its own copy of the engine, and so of what that keeps, and no live parts."""
    if project == ROOT:
        return os.environ
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(project / "docs"), str(project)]), "SHALLOWNET_LIVE": "off"}


def build(project, site, *options):
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(site), *options],
        cwd=project,
        capture_output=True,
        encoding="utf-8",
        env=environment(project),
    )


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The whole book, built strictly once: in the folder that SHALLOWNET_SITE names, if it is not there already."""
    folder = Path(os.environ.get("SHALLOWNET_SITE") or tmp_path_factory.mktemp("site"))
    if not (folder / "index.html").exists():
        done = build(ROOT, folder)
        assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.fixture(scope="session")
def pages(site):
    """Every page by its address."""
    found = {}
    for file in sorted(site.rglob("*.html")):
        address = file.relative_to(site).as_posix().removesuffix("index.html")
        found[address] = Reader(file.read_text(encoding="utf-8"))
    return found


def file_of(site, address):
    file = site / unquote(address)
    return file / "index.html" if file.is_dir() else file


def test_every_link_leads_somewhere(site, pages):
    """Also those inside labs, and to a place within a page."""
    dead = []
    for address, page in pages.items():
        if address == "404.html":  # its addresses start from the site's root
            continue
        for link in [*page.links, *page.loaded]:
            target = urlsplit(urljoin(f"http://book/{address}", link))
            if target.scheme != "http" or target.netloc != "book":
                continue
            file = file_of(site, target.path.lstrip("/"))
            if not file.is_file():
                dead.append(f"{address}: {link}")
            elif target.fragment and file.suffix == ".html":
                name = file.relative_to(site).as_posix().removesuffix("index.html")
                if unquote(target.fragment) not in pages[name].ids:
                    dead.append(f"{address}: {link} (no such place)")

    assert dead == []


def test_nothing_is_loaded_from_elsewhere(site, pages):
    """No font, script or picture of another site: a reader's visit is nobody else's business."""
    foreign = [f"{address}: {url}" for address, page in pages.items() for url in page.loaded if "//" in url]
    foreign += [
        f"{file.name}: {url}"
        for file in site.rglob("*.css")
        for url in re.findall(r"(?:url\(|@import )[\"']?([^\"')]+)", file.read_text(encoding="utf-8"))
        if url.startswith(("http", "//"))
    ]

    assert foreign == []


def test_every_figure_is_described_and_unlike_the_others(site, pages):
    """One id twice on a page, and a figure would borrow the clipping of another."""
    for file in sorted(site.rglob("*.html")):
        text = file.read_text(encoding="utf-8")
        ids = re.findall(r'\sid="([^"]+)"', text)
        assert len(ids) == len(set(ids)), (file, sorted({i for i in ids if ids.count(i) > 1})[:5])
    figures = [(address, figure) for address, page in pages.items() for figure in page.images]
    assert len(figures) >= 10
    assert [address for address, figure in figures if len(figure.get("aria-label", "").split()) < 3] == []


def test_math_is_in_the_page(pages, site):
    """MathML, made when the book is built: no TeX is left over, no script needed."""
    for name in ("symmetry", "small-random", "saturation", "deep-scaling"):
        text = (site / "chapters" / name / "index.html").read_text(encoding="utf-8")
        prose = re.sub(r"<(pre|code|script|svg)\b.*?</\1>|data-copy=\"[^\"]*\"", "", text, flags=re.DOTALL)
        assert prose.count("<math") >= 10, name
        assert not re.findall(r"\$[^$\s][^$]*\$", prose), name


def test_pages_are_light(site, pages):
    """All that a first visit loads, compressed; the search, its index and its worker, wait until somebody searches."""
    shared = sum(
        len(gzip.compress(file.read_bytes()))
        for pattern in ("**/main.*.css", "**/palette.*.css", "**/bundle.*.js", "assets/*.css")
        for file in site.glob(f"assets/{pattern}" if "**" in pattern else pattern)
    )
    shared += (site / "assets" / "stix-two-math.woff2").stat().st_size
    assert shared > 60_000

    heavy = {}
    for address in pages:
        size = shared + len(gzip.compress(file_of(site, address).read_bytes()))
        if size >= weights.limit(address):
            heavy[address] = size
    assert heavy == {}


def test_files_of_figures_show_in_both_schemes(site):
    """The large view is a file of its own, with its own colours."""
    files = [*site.glob("chapters/*/*.svg"), *site.glob("labs/*/*.svg")]
    assert len(files) >= 10
    for file in files:
        text = file.read_text(encoding="utf-8")
        assert "prefers-color-scheme:dark" in text, file
        assert "<metadata" not in text, file
        assert "#000000" not in text, file


def luminance(colour):
    values = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    r, g, b = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


@pytest.mark.parametrize("scheme", colours.schemes(), ids=["light", "dark"])
def test_colours_of_figures_stand_out(scheme):
    """3 to 1 for lines, on the scheme's own paper; every name of a figure has a value."""
    assert set(scheme) == {name[6:-1] for name in colours.COLOURS.values() if name.startswith("var(--")}
    paper = luminance(scheme["paper"])
    for name, colour in scheme.items():
        if name != "paper":
            a, b = sorted([luminance(colour), paper])
            assert (b + 0.05) / (a + 0.05) >= 3, name


def test_font_is_the_same_each_time(tmp_path):
    """The same characters give the same bytes, so that an unchanged book is an unchanged site."""
    first = font.subset({"x", "√", "\u03b1"}, tmp_path / "one")
    second = font.subset({"x", "√", "\u03b1"}, tmp_path / "two")

    assert first == second
    assert len(first) < 10_000


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """A book of one page, with the real book's engine and settings."""
    folder = tmp_path_factory.mktemp("small")
    shutil.copytree(ROOT / "docs" / "_book", folder / "docs" / "_book", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "docs" / "assets", folder / "docs" / "assets")
    shutil.copytree(ROOT / "shallownet", folder / "shallownet", ignore=shutil.ignore_patterns("__pycache__"))
    settings = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    (folder / "mkdocs.yml").write_text(re.sub(r"^nav:\n(?: .*\n)+", "", settings, flags=re.M), encoding="utf-8")
    return folder


DRAWN = """```python
import matplotlib.pyplot as plt

fig, ax = plt.subplots()
ax.plot([0, 1])
fig.savefig("line.svg")
```

"""
FAULTS = {
    "dead-link": ("See [there](nowhere.md).", r"'dead-link\.md'.*nowhere\.md"),
    "dead-anchor": ("See [there](#nowhere).", r"'dead-anchor\.md'.*#nowhere.*no such anchor"),
    "bad-tex": ("One line.\n\nAnd $\\frac{1}{$ here.", r"docs/bad-tex\.md:10: cannot read this TeX"),
    "bad-display": ("$$\n\\nosuchthing x\n$$", r"docs/bad-display\.md:\d+: cannot read this TeX"),
    "open-equation": ("$$\nx\n\ny\n$$", r"docs/open-equation\.md:8: this \$\$ is never closed"),
    "missing-figure": ("![a line that rises](none.svg)", r"docs/missing-figure\.md:8: no block draws none\.svg"),
    "unknown-explorable": (
        DRAWN + '![a line that rises](line.svg){ data-explore="line" }',
        r"docs/unknown-explorable\.md:16: no explorable line: write browser/js/explore/line\.js",
    ),
    "no-alt-text": (DRAWN + "![](line.svg)", r"docs/no-alt-text\.md:16: line\.svg needs alt text"),
    "failing-block": ("```python\nassert 1 + 1 == 3\n```", r"docs/failing-block\.md:9: AssertionError"),
    "wrong-output": ("```pycon\n>>> 1 + 1\n3\n```", r"docs/wrong-output\.md:10: expected '3', got '2'"),
}


def planted(small, site, pages, *options):
    """Build the small book with these pages, and no others beside them; return what the build said."""
    files = [small / "docs" / f"{name}.md" for name in pages]
    try:
        for file, text in zip(files, pages.values(), strict=True):
            file.write_text(PAGE.format(blocks=text.count("```") // 2, text=text), encoding="utf-8")
        return build(small, site, *options)
    finally:
        for file in files:
            file.unlink()


def complaints(done):
    """What a strict build refuses."""
    return [line for line in done.stderr.splitlines() if line.startswith(("WARNING", "ERROR"))]


@pytest.fixture(scope="session")
def refused(small, tmp_path_factory):
    """What the build said of a book with all of these faults, each on a page of its own."""
    return planted(small, tmp_path_factory.mktemp("refused"), {name: text for name, (text, _) in FAULTS.items()})


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_fails_the_build(fault, refused):
    """With the page, the line where there is one, and what is wrong."""
    found = [line for line in complaints(refused) if re.search(FAULTS[fault][1], line)]

    assert refused.returncode != 0
    assert len(found) == 1, refused.stderr[-4000:]


def test_a_good_page_builds_twice_the_same(small, tmp_path):
    """Guards the test above: without a fault the small book builds; and figures are drawn the same each time."""
    text = (
        DRAWN
        + "![a line that rises](line.svg)\n\nNow $x$ and\n\n$$\n\\frac{a}{b} \\tag{1.1}\n$$\n\nsee [(1.1)](#eq-1.1)."
    )
    built = []
    for name in ("one", "two"):
        shutil.rmtree(small / ".cache", ignore_errors=True)
        done = planted(small, tmp_path / name, {"index": text})
        assert done.returncode == 0, done.stderr[-2000:]
        files = [*(tmp_path / name).rglob("*.svg"), *(tmp_path / name).rglob("*.html")]
        built.append({str(file.relative_to(tmp_path / name)): file.read_bytes() for file in files})

    assert built[0] == built[1]
    assert b'role="img"' in built[0]["index.html"]
    assert b'id="eq-1.1"' in built[0]["index.html"]


def test_a_page_that_changed_is_built_alone(small, tmp_path):
    """With --dirty: what a contributor sees of it while writing, and nothing else is touched."""
    page = small / "docs" / "index.md"
    other = small / "docs" / "other.md"
    other.write_text(PAGE.format(blocks=0, text="Another, with $x$."), encoding="utf-8")
    page.write_text(PAGE.format(blocks=1, text=DRAWN + "![a line that rises](line.svg)"), encoding="utf-8")
    try:
        assert build(small, tmp_path).returncode == 0
        was = (tmp_path / "other" / "index.html").stat().st_mtime_ns
        page.write_text(page.read_text(encoding="utf-8") + "\nNow $x$, too.\n", encoding="utf-8")
        done = build(small, tmp_path, "--dirty", "--no-strict")
    finally:
        page.unlink()
        other.unlink()

    assert done.returncode == 0, done.stderr[-2000:]
    html = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "too." in html
    assert 'role="img"' in html
    assert html.count("Content-Security-Policy") == 1
    assert (tmp_path / "other" / "index.html").stat().st_mtime_ns == was
    assert "Another, with" in (tmp_path / "print" / "index.html").read_text(encoding="utf-8")


def test_a_build_says_what_it_draws(small, tmp_path):
    """A line for each page with its seconds, and how many are left; not with -q, nor where nothing is drawn."""
    pages = dict.fromkeys(("index", "other"), DRAWN + "![a line that rises](line.svg)")
    shutil.rmtree(small / ".cache", ignore_errors=True)
    first = planted(small, tmp_path, pages)
    second = planted(small, tmp_path, pages)
    shutil.rmtree(small / ".cache")
    quiet = planted(small, tmp_path, pages, "--quiet")

    said = re.findall(r"^INFO +-  drawing docs/(\w+)\.md: \d+\.\d s, (\d) to go$", first.stderr, re.M)
    assert sorted(name for name, _ in said) == ["index", "other"]
    assert [left for _, left in said] == ["1", "0"]
    assert "drawing" not in second.stderr
    assert quiet.stderr == ""
    assert [done.returncode for done in (first, second, quiet)] == [0, 0, 0]


@contextlib.contextmanager
def served(project):
    """`mkdocs serve`, once it serves: its address, and what it said until then."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        at = f"127.0.0.1:{free.getsockname()[1]}"
    with subprocess.Popen(
        [sys.executable, "-m", "mkdocs", "serve", "--dev-addr", at],
        cwd=project,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env=environment(project),
    ) as server:
        said = []
        try:
            for line in server.stderr:
                said.append(line)
                if "Serving on" in line:
                    break
            yield said[-1].split()[-1], "".join(said)
        finally:
            server.terminate()


def test_a_page_that_is_served_is_finished(small):
    """Figures, formulas and their font, as published; but no policy, which would forbid the script that reloads it."""
    page = small / "docs" / "index.md"
    page.write_text(PAGE.format(blocks=1, text=DRAWN + "![a line that rises](line.svg)\n\nAnd $x$."), encoding="utf-8")
    shutil.rmtree(small / ".cache", ignore_errors=True)
    try:
        with served(small) as (address, said):
            html = urllib.request.urlopen(address).read().decode()
            font_file = urllib.request.urlopen(urljoin(address, "assets/stix-two-math.woff2")).read()
    finally:
        page.unlink()

    assert "drawing docs/index.md" in said
    assert "livereload(" in html
    assert 'role="img"' in html
    assert 'as="font"' in html
    assert font_file.startswith(b"wOF2")
    assert "Content-Security-Policy" not in html


BOARD = """{count}

| Score | Claim | Source |
| --- | --- | --- |
| `one` | That $x$ is one. | Printed: [Home](index.md) |
| `two` | That two is not three. | Our own: known |
"""
MARKED = """## 1.2 Section

```python
assert abs(len([1]) - 1.0) < 0.5  # enough  # score: one
```

```pycon
>>> assert abs(len([1, 1]) - 3) > 0.5  # score: two differs
```
"""


def test_rows_of_the_scoreboard_are_completed(small, tmp_path):
    """What was met, a link to the mark that proves it, and from there a link back."""
    board = BOARD.format(count="2 rows: 1 printed, 0 predicted, 1 our own; 1 differ")
    done = planted(small, tmp_path, {"index": MARKED, "scoreboard": board})
    assert done.returncode == 0, done.stderr[-2000:]
    rows = (tmp_path / "scoreboard" / "index.html").read_text(encoding="utf-8")
    page = (tmp_path / "index.html").read_text(encoding="utf-8")

    found = re.findall(r'<tr id="(\w+)" role="row">(.*?)</tr>', rows, re.DOTALL)
    cells = {name: re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL) for name, row in found}
    link = '<a href="../#score-{}">section 1.2</a>'
    assert cells["one"][1:] == ["printed", "1.0", "1 \u00b1 0.5", link.format("one"), "agrees"]
    assert cells["two"][1:] == ["our own", "3", "2 (more than 0.5 off)", link.format("two"), "differs"]
    assert '<div class="scores__source"><a href="../">Home</a></div>' in cells["one"][0]
    assert "<math" in cells["one"][0]
    back = '<span class="score" id="score-one"><a href="scoreboard/#one"># score: one</a></span>'
    assert f'<span class="c1"># enough  {back}</span>' in page
    assert "# score: two differs</a></span>" in page


# Marked asserts, each on a page of its own, and what the build says of them.
BOARD_FAULTS = {
    "wrong-count": (None, r"docs/scoreboard\.md:8: .*: 4 rows: 1 printed, 0 predicted, 3 our own; 1 differ"),
    "lost": (None, r"docs/scoreboard\.md:14: no assert is marked"),
    "new": ("assert abs(len([1]) - 1.0) < 0.5", r"docs/new\.md:9: new is in no table of docs/scoreboard\.md"),
    "never": ("if 0: assert abs(len([1]) - 1.0) < 0.5", r"docs/never\.md:9: .*never never ran"),
    "failing": ("assert abs(len([1]) - 5.0) < 0.5", r"docs/scoreboard\.md:16: nothing is known of failing"),
    "unreadable": ("assert abs(len([1]) - 1.0) in [0]", r"docs/unreadable\.md:9: the scoreboard cannot read this"),
    "verdict": ("assert abs(len([1, 1]) - 3) > 0.5", r"docs/verdict\.md:9: .*does not reproduce"),
}


@pytest.fixture(scope="session")
def refused_board(small, tmp_path_factory):
    """What the build said of a scoreboard with all of these faults."""
    asserts = {name: text for name, (text, _) in BOARD_FAULTS.items() if text}
    pages = {name: f"```python\n{text}  # score: {name}\n```" for name, text in asserts.items()}
    rows = "".join(f"| `{name}` | A row. | Our own: known |\n" for name in ("lost", *asserts) if name != "new")
    board = BOARD.format(count="3 rows: 3 printed, 0 predicted, 0 our own; 0 differ") + rows
    return planted(small, tmp_path_factory.mktemp("refused"), {"index": MARKED, "scoreboard": board, **pages})


@pytest.mark.parametrize("fault", BOARD_FAULTS)
def test_a_fault_of_the_scoreboard_fails_the_build(fault, refused_board):
    """No row is published that no block proves."""
    found = [line for line in complaints(refused_board) if re.search(BOARD_FAULTS[fault][1], line)]

    assert refused_board.returncode != 0
    assert len(found) == 1, refused_board.stderr[-4000:]


def test_the_scoreboard_is_complete(site):
    """Every row of the book's own: a kind, a number expected, one of ours, a place, and one of the two words."""
    text = (site / "scoreboard" / "index.html").read_text(encoding="utf-8")
    rows = re.findall(r'<tr id="([\w-]+)" role="row">(.*?)</tr>', text, re.DOTALL)
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL) for _, row in rows]
    kinds, verdicts = [row[1] for row in cells], [row[5] for row in cells]

    assert len(rows) >= 40
    assert all(len(row) == 6 and all(map(str.strip, row)) for row in cells)
    assert set(verdicts) == {"agrees", "differs"}
    counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in ("printed", "predicted", "our own"))
    assert f"{len(rows)} rows: {counts}; {verdicts.count('differs')} differ" in text


def test_every_term_is_found_somewhere(site):
    """The glossary explains the words of the book, not of the field; and the index has no dead entry."""
    text = (site / "index-of-terms" / "index.html").read_text(encoding="utf-8")
    glossary = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    entries = re.findall(r'<li><strong><a href="\.\./glossary/#([\w-]+)">.*?</a></strong>(.*?)</li>', text)

    assert [name for name, _ in entries] == sorted(term.anchor for term in terms.parse(glossary))
    assert [name for name, places in entries if '<a href="../' not in places] == []
    assert {name for name, _ in entries} <= Reader((site / "glossary" / "index.html").read_text(encoding="utf-8")).ids


PASTED = [
    ("x = 1\n", "x = 1\n"),
    ("def f():\n    a = 1\n\n    return a\nf()\n", "def f():\n    a = 1\n    return a\n\nf()\n"),
    ('text = """\n\nkept\n"""\n', 'text = """\n\nkept\n"""\n'),
    ("for i in []:\n    pass\n", "for i in []:\n    pass\n\n"),
    ("def f():\n    pass\n\n\ndef g():\n    pass\n", "def f():\n    pass\n\n\ndef g():\n    pass\n\n"),
    ("@f\n\n@g\ndef h():\n\n    pass\nh()\n", "@f\n@g\ndef h():\n    pass\n\nh()\n"),
    ("match x:\n    case 1:\n\n        pass\ny = 1\n", "match x:\n    case 1:\n        pass\n\ny = 1\n"),
    ("def f(x):\n    y = f'''{x}\n\nb'''\n\n    return y\n", "def f(x):\n    y = f'''{x}\n\nb'''\n    return y\n\n"),
    ("x = = 1\n", "x = = 1\n"),
]


@pytest.mark.parametrize(("code", "pasted"), PASTED)
def test_what_is_copied_can_be_pasted(code, pasted):
    """An interpreter ends a suite at a blank line, and runs it only after one."""
    assert blocks.pasteable(code) == pasted
