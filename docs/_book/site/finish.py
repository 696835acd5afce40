"""What is done to the finished site, page by page, whatever generator wrote it: steps on a folder of HTML.

Each step is a function of the folder and of what the build knows. It finds its way by the marks that our own
extension and `markup` leave in a page, or by the page's tags. What it adds can be taken out again, and what it takes
out is not missed the second time: a build that renders only what changed finds the other pages finished, and finishes
them anew. (A page that lost its cells gets them back when it is rendered.)
"""

from __future__ import annotations

import gzip
import html
import logging
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urljoin
from xml.etree import ElementTree

import rcssmin
import rjsmin

from _book import inert, labs
from _book.browser import build as live
from _book.site import cards, font, markup, policy, printing, terms
from _book.site.building import Building, Leaf
from _book.site.markup import Tag
from _book.site.sections import Section, sections

log = logging.getLogger("mkdocs.plugins.book")

FONT = "assets/stix-two-math.woff2"
SITEMAP = "sitemap.xml"
NEXT = re.compile(r'<link rel="next" href="[^"]*"\s*/?>')
REFERENCE = re.compile(r'<link rel="stylesheet" href="[^"]*_mkdocstrings\.css"\s*/?>')
MATH = re.compile(r"<math\b.*?</math>", re.DOTALL)
# Of a style sheet without comments: a rule, and the classes and the places among siblings that a selector names.
RULE = re.compile(r"(?P<selectors>[^{}@;]+)(?P<body>\{[^{}]*\})")
CLASS = re.compile(r"\.([a-zA-Z_-][\w-]*)")
NTH = re.compile(r":nth-child\((\d+)\)")
WORD = re.compile(r"[\w-]+")
TAB = re.compile(r'id="__tabbed_\d+_(\d+)"')
SCRIPT = Path(__file__).with_name("theme.js")


class Folder:
    """A site in a folder: its pages as they were before they were finished, and as they are now."""

    def __init__(self, path: Path, leaves: Sequence[Leaf]) -> None:
        self.path = path
        self.written = {file.relative_to(path).as_posix(): file.read_text("utf-8") for file in path.rglob("*.html")}
        self.pages = {name: markup.bare(page) for name, page in sorted(self.written.items())}
        self.leaves = [leaf for leaf in leaves if leaf.file in self.pages]
        self.read: dict[str, list[Section]] = {}

    def sections(self, leaf: Leaf) -> list[Section]:
        """Return the sections of a page; it is read once, before a step touches it."""
        if leaf.file not in self.read:
            self.read[leaf.file] = sections(markup.content(self.pages[leaf.file]))
        return self.read[leaf.file]

    def title(self, leaf: Leaf) -> str:
        """Return what the navigation calls a page, or else its heading."""
        return leaf.title or self.sections(leaf)[0].title

    def named(self, source: str) -> Leaf | None:
        """Return the page that is made of a source."""
        return next((leaf for leaf in self.leaves if leaf.source == source), None)

    def find(self, text: str) -> Iterator[tuple[str, str, str]]:
        """Yield the pages that have some text: their file, what leads from them to the root, and the page."""
        for file, page in list(self.pages.items()):
            if text in page:
                yield file, "../" * file.count("/"), page

    def save(self) -> None:
        """Write the pages that are not as they were found."""
        for name, page in self.pages.items():
            if page != self.written[name]:
                (self.path / name).write_text(page, encoding="utf-8", newline="\n")


def finish(path: Path, book: Building) -> None:
    """Finish a site, in place."""
    folder = Folder(path, book.leaves)
    for step in STEPS:
        step(folder, book)
    folder.save()


def index_of_terms(folder: Folder, book: Building) -> None:
    """Fill the index with links to where each term is explained or first used."""
    leaf = folder.named(terms.INDEX)
    if not leaf:
        return
    up = "../" * leaf.file.count("/")
    listed = [each for each in folder.leaves if printing.belongs(each.source) and each.source not in terms.UNLISTED]
    pages = [(up + each.url, folder.title(each), folder.sections(each)) for each in listed]
    links = terms.places(book.glossary, pages)
    page = folder.pages[leaf.file]
    folder.pages[leaf.file] = terms.PLACES.sub(lambda m: m[0] + markup.added(links[m[1]]), page)


def nothing_runs(folder: Folder, book: Building) -> None:
    """Refuse a page whose own text brings a script, or has something run when the reader does something."""
    for leaf in folder.leaves:
        if fault := inert.text(markup.content(folder.pages[leaf.file])):
            log.error("%s: the page %s, which will not run: nothing of a page's own text may", leaf.source, fault)


def whole_book(folder: Folder, book: Building) -> None:
    """Put the pages together to one, for paper; search engines should lead to the pages instead."""
    leaf = folder.named(printing.SOURCE)
    if not leaf:
        return
    # By their headings: the navigation has room for short titles only, and paper for whole ones.
    parts = [
        printing.Part(
            each.url,
            folder.sections(each)[0].title or folder.title(each),
            _plain(markup.content(folder.pages[each.file])),
            folder.sections(each),
        )
        for each in folder.leaves
        if printing.belongs(each.source)
    ]
    page = folder.pages[leaf.file]
    page = markup.before(page, markup.END, printing.contents(parts) + printing.together(parts, leaf.url))
    folder.pages[leaf.file] = markup.before(page, "</head>", '<meta name="robots" content="noindex">')
    _unlist(folder.path / SITEMAP, urljoin(book.address, leaf.url))


def cards_have_pictures(folder: Folder, book: Building) -> None:
    """Show on each card the first figure of the page that it leads to."""
    sources = {leaf.url: leaf.source for leaf in folder.leaves}

    def picture(url: str) -> str:
        source = sources.get(url, "")
        page = book.pages.get(source)
        svg = book.figures.get(source, {}).get(cards.figure(page) or "") if page else None
        if not svg:
            log.warning("%s: no figure stands on its card: let a block draw one", source or url)
            return ""
        file = f"{cards.FOLDER}{Path(source).stem}.svg"
        (folder.path / file).parent.mkdir(parents=True, exist_ok=True)
        (folder.path / file).write_text(cards.drawing(svg.decode()), encoding="utf-8", newline="\n")
        return file

    for leaf in folder.leaves:
        if f'class="{cards.CARDS}"' in folder.pages[leaf.file]:
            folder.pages[leaf.file] = cards.shown(folder.pages[leaf.file], leaf.url, picture)


def sources_stay_still(folder: Folder, book: Building) -> None:
    """Leave the source of the library's functions alone: it shows how they work, and is neither pasted nor run."""

    def change(tag: Tag, around: Sequence[Tag]) -> str:
        shows = "doc-signature" in tag.classes or any("mkdocstrings-source" in each.classes for each in around)
        if not (shows and "language-python" in tag.classes):
            return tag.raw
        return markup.still(tag.raw.replace("language-python", "language-source", 1))

    for file, _, page in folder.find("mkdocstrings-source"):
        folder.pages[file] = markup.edited(page, change)


def cells_stay_still(folder: Folder, book: Building) -> None:
    """Mark no block as a cell where none can run: in a lab that takes minutes, or without the live parts."""
    weekly = {leaf.file for leaf in folder.leaves if labs.weekly(leaf.source)}
    for file, _, page in folder.find(" data-cell"):
        if file in weekly or not live.find(book.live, "live.js"):
            folder.pages[file] = markup.edited(page, lambda tag, _: markup.still(tag.raw))


def tools(folder: Folder, book: Building) -> None:
    """Give a page a place for what is done with the whole of it, and a link to it as a notebook.

    The place is below its title, if the page does not hold one itself.
    """
    for leaf in folder.leaves:
        page = folder.pages[leaf.file]
        name = book.notebooks.get(leaf.source)
        link = f'<a href="{name}" download>Open as a notebook</a>' if name else ""
        if (link or markup.has(page, "data-cell")) and '<p class="tools"></p>' not in page:
            folder.pages[leaf.file] = markup.after(page, "</h1>", f'<p class="tools">{link}</p>')


def live_parts(folder: Folder, book: Building) -> None:
    """Give a page the scripts of its live parts, and the manifest of their files."""
    manifest = live.find(book.live, f"{live.MANIFEST}.json")
    for leaf in folder.leaves if manifest else ():
        page, up = folder.pages[leaf.file], "../" * leaf.file.count("/")
        parts = {
            "explore.js": leaf.source != printing.SOURCE and markup.has(page, "data-explore"),
            "live.js": markup.has(page, "data-cell"),
        }
        scripts = [script for name, has in parts.items() if has and (script := live.find(book.live, name))]
        if not scripts:
            continue
        tags = "".join(f'<script type="module" src="{up}{script}"></script>' for script in scripts)
        # In the article: when the theme changes pages without loading them anew, it runs no scripts of the head.
        page = markup.after(page, markup.END, tags)
        meta = f'<meta name="live" content="{up}{manifest}" data-megabytes="{live.megabytes(book.live)}">'
        folder.pages[leaf.file] = markup.before(page, "</head>", meta)


def math_font(folder: Folder, book: Building) -> None:
    """Make the font that holds just the characters of the book's math, and ask for it early."""
    characters: set[str] = set()
    for file, up, page in folder.find("<math"):
        preload = f'<link rel="preload" href="{up}{FONT}" as="font" type="font/woff2" crossorigin>'
        folder.pages[file] = markup.before(page, "</head>", preload)
        for formula in MATH.findall(page):
            characters.update(html.unescape(re.sub(r"<[^>]*>", "", formula)))
    if characters:
        (folder.path / FONT).parent.mkdir(parents=True, exist_ok=True)
        (folder.path / FONT).write_bytes(font.subset(characters, book.cache))


def theme(folder: Folder, book: Building) -> None:
    """Mend what the theme leaves undone: it names no search dialog; the rest is said in the script.

    Its `<link rel="next">` goes: Firefox fetches that page ahead, which the policy forbids, and says so on every page.
    """
    script = rjsmin.jsmin(SCRIPT.read_text(encoding="utf-8"))
    dialog = 'data-md-component="search" role="dialog"'
    for file, page in folder.pages.items():
        page = page.replace(f"{dialog}>", f'{dialog} aria-label="Search">', 1)
        page = NEXT.sub("", page, count=1)
        folder.pages[file] = markup.before(page, "</head>", f"<script>{script}</script>")


def styles_of_the_reference(folder: Folder, book: Building) -> None:
    """Ask for the styles of rendered docstrings where there are some: they are on each page, and few pages use them."""
    for file, page in folder.pages.items():
        if 'class="doc ' not in page:
            folder.pages[file] = REFERENCE.sub("", page, count=1)


def light_styles(folder: Folder, book: Building) -> None:
    """Take out of our style sheets what is there for us: every reader loads them."""
    for file in (folder.path / "assets").glob("*.css"):
        file.write_text(rcssmin.cssmin(file.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")


def theme_styles(folder: Folder, book: Building) -> None:
    """Take out of the theme's style sheet what it has for classes that no page and no script names, and for more tabs
    than any page has: a fifth of it, which each reader loads and each element of a page is tried with."""
    said = {word for page in folder.pages.values() for word in WORD.findall(page)}
    said.update(word for file in folder.path.rglob("*.js") for word in WORD.findall(file.read_text(encoding="utf-8")))
    most = max((int(tab) for page in folder.pages.values() for tab in TAB.findall(page)), default=0)

    def applies(selector: str) -> bool:
        if any(alternatives in selector for alternatives in (":is(", ":not(", ":where(", ":has(")):
            return True
        # A script writes `control--${side}`.
        named = all(name in said or f"{name.partition('--')[0]}--" in said for name in CLASS.findall(selector))
        return named and not ("tabbed" in selector and any(int(n) > most for n in NTH.findall(selector)))

    def change(rule: re.Match[str]) -> str:
        selectors = [each for each in rule["selectors"].split(",") if applies(each)]
        return ",".join(selectors) + rule["body"] if selectors else ""

    for file in (folder.path / "assets" / "stylesheets").glob("main.*.css"):
        file.write_text(RULE.sub(change, file.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")


def content_security(folder: Folder, book: Building) -> None:
    """Say in every page what it may load and run. Not to a server that adds scripts of its own."""
    hashes, others = policy.listed(folder.pages)
    for file, script in others.items():
        log.error("%s: a script that is neither the theme's nor ours, and will not run: %.60r", file, script)
    if book.serving:
        return
    allowed = policy.policy(hashes)
    meta = f'<meta http-equiv="Content-Security-Policy" content="{allowed}">'
    for file, page in folder.pages.items():
        # The encoding has to be among the first bytes of a page, and what stands before is not subject to the policy.
        folder.pages[file] = markup.after(page, '<meta charset="utf-8">', meta)


# In this order: the index is part of the whole book, and the policy lists all scripts.
STEPS = (
    nothing_runs,
    index_of_terms,
    whole_book,
    cards_have_pictures,
    sources_stay_still,
    cells_stay_still,
    tools,
    live_parts,
    math_font,
    theme,
    styles_of_the_reference,
    light_styles,
    theme_styles,
    content_security,
)


def _plain(content: str) -> str:
    """Make what was added to a page part of it, for a page that takes it over."""
    return content.replace(markup.ADDED, "").replace(markup.DONE, "")


def _unlist(sitemap: Path, address: str) -> None:
    """Take a page out of the sitemap, and out of its compressed copy."""
    if not sitemap.exists():
        return
    tree = ElementTree.parse(sitemap)
    top = tree.getroot()
    space = top.tag.rpartition("}")[0] + "}"
    for entry in [each for each in top if each.findtext(f"{space}loc", "").strip() == address]:
        top.remove(entry)
    ElementTree.register_namespace("", space[1:-1])
    data = ElementTree.tostring(top, encoding="utf-8", xml_declaration=True)
    sitemap.write_bytes(data)
    copy = sitemap.with_name(f"{sitemap.name}.gz")
    if copy.exists():
        copy.write_bytes(gzip.compress(data, mtime=0))
