"""What only MkDocs can do: run the pages, hand their figures to the extension, and finish the site."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import re
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files
from mkdocs.structure.nav import Navigation
from mkdocs.structure.pages import Page

from _book import board as marks, cache, labs as notebooks
from _book.browser import build as live
from _book.page import Page as Source
from _book.render import board, colours, extension
from _book.run import Result
from _book.site import export as exporting, font, policy, printing, terms

log = logging.getLogger("mkdocs.plugins.book")

FONT = "assets/stix-two-math.woff2"
# Comments are for us, and every page carries this.
SCRIPT = re.sub(r"^\s*(//.*)?\n|^ +", "", Path(__file__).with_name("theme.js").read_text(encoding="utf-8"), flags=re.M)
# A block as the extension marks it, for pages on which it cannot be run.
CELL = re.compile(r'(<div class="[^"]*"[^>]*?) data-cell="[^"]*"(?: data-check="[^"]*")?(?=>)')
# A function's source shows how it works and is neither for pasting nor for running.
SOURCE = re.compile(
    r'(<details class="mkdocstrings-source">(?:(?!</details>).)*?<div class=")language-python', re.DOTALL
)
book = extension.BookExtension()
sources: dict[str, Source] = {}  # the pages as they were read, once
figures: dict[str, dict[str, bytes]] = {}
glossary: list[terms.Term] = []
order: list[Page] = []  # the pages as the navigation lists them
scored: dict[str, board.Score] = {}
published = True
partly = False
alive: dict[str, bytes] = {}  # the files of the live parts


def on_startup(command: str, dirty: bool) -> None:
    """Remember whether pages are built to be published or served to their writer, and whether only what changed is."""
    global published, partly
    published = command != "serve" and not dirty
    partly = dirty


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the book's extension: one instance, which is told before each page where it is."""
    if book not in config.markdown_extensions:
        config.markdown_extensions.append(book)
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Run every page, and let the figures it draws join the site."""
    sources.clear()
    figures.clear()
    scored.clear()
    glossary.clear()
    if not partly:
        book.characters.clear()
    pages = [file for file in files if file.abs_src_path and file.src_uri.endswith((".md", ".ipynb"))]
    pages = [file for file in pages if not file.src_uri.startswith("_book/")]
    archived: dict[str, str] = {}
    sources.update({file.src_uri: Source.read(file.abs_src_path or "") for file in pages})
    for file, drawn in zip(pages, _draw(list(sources.values())), strict=True):
        source = sources[file.src_uri]
        if isinstance(drawn, str):
            log.error("%s", drawn)
            drawn = Result()
        figures[file.src_uri] = drawn.figures
        scored.update(_scores(file.src_uri, source, drawn))
        for name, svg in drawn.figures.items():
            content = colours.standalone(svg.decode())
            files.append(File.generated(config, _folder(file) + name, content=content))
        name = f"{file.name}.ipynb"
        if exporting.belongs(file.src_uri):
            archived[name] = exporting.notebook(source, file.src_uri, urljoin(config.site_url or "", file.url))
            files.append(File.generated(config, _folder(file) + name, content=archived[name]))
        if file.src_uri.endswith(".ipynb"):
            archived[file.src_uri] = source.text
            files.append(File.generated(config, _folder(file) + name, content=source.text))
        if file.src_uri == terms.SOURCE:
            glossary.extend(terms.parse(source.text))
            files.append(File.generated(config, terms.INDEX, content=terms.index(glossary)))
        if file.src_uri == marks.BOARD:
            for problem in marks.book_problems(source, [mark for each in sources.values() for mark in each.marks]):
                log.warning("%s", problem)
    files.append(File.generated(config, exporting.ARCHIVE, content=exporting.archive(archived)))
    alive.clear()
    alive.update(live.build(Path(config.docs_dir).parent / ".cache" / "book"))
    for name, data in alive.items():
        files.append(File.generated(config, live.FOLDER + name, content=data))
    if styles := files.get_file_from_path("assets/book.css"):
        styles.content_string = squeezed(styles.content_string)
    if worker := live.find(alive, "sw.js"):
        # At the root: a service worker serves what lies beside it and below.
        files.append(File.generated(config, "sw.js", content=alive[worker.removeprefix(live.FOLDER)]))
    title = printing.title_page(config.site_name, config.site_description or "", config.site_url or "")
    files.append(File.generated(config, printing.SOURCE, content=title))
    return files


def on_nav(nav: Navigation, config: MkDocsConfig, files: Files) -> None:
    """Remember the order of the pages."""
    order[:] = nav.pages


def on_pre_page(page: Page, config: MkDocsConfig, files: Files) -> Page:
    """Take a lab back from mkdocs-jupyter: its page would bring 600 KB of styles and no working links."""
    page.__dict__.pop("render", None)
    return page


def on_page_read_source(page: Page, config: MkDocsConfig) -> str | None:
    """Write a lab as Markdown, so that all that holds for a page holds for a lab."""
    if page.file.src_uri.endswith(".ipynb"):
        return lab(sources[page.file.src_uri], page.file.name)
    return None


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Tell the extension what page comes next."""
    if not page.meta.get("description"):
        log.warning("%s:1: add a `description:` of one sentence to the front matter", page.file.src_uri)
    source = sources.get(page.file.src_uri)
    if source is None:  # a page that is made by the build
        source = Source.parse(markdown, page.file.src_uri)
    found = files.get_file_from_path(marks.BOARD)
    context = extension.Context(
        figures=figures.get(page.file.src_uri, {}),
        folder=_folder(page.file).rpartition("/")[0].rpartition("/")[2] + "/",
        glossary={} if page.file.src_uri in (terms.SOURCE, terms.INDEX) else terms.tips(glossary),
        terms=page.file.src_uri == terms.SOURCE,
        board=found.url_relative_to(page.file) if found else "",
        scores=scored if page.file == found else None,
    )
    book.start(source, context)
    # A lab's blocks are numbered where its Markdown is made.
    return markdown if source.lab else source.numbered


def on_page_content(content: str, page: Page, config: MkDocsConfig, files: Files) -> None:
    """Tell MkDocs, which looks for the targets of links before code is put into the page, of the marks in it."""
    page.present_anchor_ids = (page.present_anchor_ids or set()) | set(re.findall(r'id="(score-[\w-]+)"', content))


@event_priority(-100)  # last: only now is every page all it will be
def on_env(env: Any, config: MkDocsConfig, files: Files) -> None:
    """Now that all pages are rendered, put them together; and make the font that holds just their math.

    With `--dirty`, only what changed is rendered, and only that is put together.
    """
    bound = [page for page in order if printing.belongs(page.file.src_uri) and page.content is not None]
    pages = {page.file.src_uri: page for page in order}
    if index := pages.get(terms.INDEX):
        listed = [_part(page) for page in bound if page.file.src_uri not in terms.UNLISTED]
        index.content = terms.filled(index.content or "", glossary, listed, "../" * index.url.count("/"))
    if book_page := pages.get(printing.SOURCE):
        parts = [_part(page) for page in bound]
        book_page.content = "".join(
            [book_page.content or "", printing.contents(parts), printing.together(parts, book_page.url)]
        )
    if book.characters:
        cache = Path(config.docs_dir).parent / ".cache" / "book"
        files.append(File.generated(config, FONT, content=font.subset(book.characters, cache)))


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Ask for the math font early, and mend what the theme leaves undone."""
    if "<math" in output:
        base = "../" * page.url.count("/")
        preload = f'<link rel="preload" href="{base}{FONT}" as="font" type="font/woff2" crossorigin>'
        output = output.replace("</head>", f"{preload}</head>", 1)
    if "robots" in page.meta:
        output = output.replace("</head>", f'<meta name="robots" content="{page.meta["robots"]}"></head>', 1)
    if page.file.src_uri.startswith("reference/"):
        output = SOURCE.sub(r"\1language-source", output.replace("language-python doc-sig", "language-source doc-sig"))
        output = CELL.sub(lambda m: m[1] if "language-source" in m[1] else m[0], output)
    return _mend(_enlivened(output, page))


def _enlivened(output: str, page: Page) -> str:
    """Give a page the scripts of its live parts, if there are any, and a place for what is done with the whole page."""
    source = page.file.src_uri
    # The page of all chapters is for paper, and a weekly lab takes minutes natively.
    still = source == printing.SOURCE or notebooks.weekly(source)
    if still or not live.find(alive, "live.js"):
        output = CELL.sub(r"\1", output)
    parts = {"explore.js": "data-explore" in output and not still, "live.js": " data-cell" in output}
    tools = f'<a href="{page.file.name}.ipynb" download>Open as a notebook</a>' if exporting.belongs(source) else ""
    if tools or parts["live.js"]:
        output = output.replace("</h1>", f'</h1><p class="tools">{tools}</p>', 1)
    base = "../" * page.url.count("/")
    scripts = [script for name, wanted in parts.items() if wanted and (script := live.find(alive, name))]
    if not scripts:
        return output
    manifest = f'<meta name="live" content="{base}{live.find(alive, f"{live.MANIFEST}.json")}">'
    tags = "".join(f'<script type="module" src="{base}{script}"></script>' for script in scripts)
    # In the article: when the theme changes pages without loading them anew, it runs no scripts of the head.
    output = output.replace("</article>", tags + "</article>", 1)
    return output.replace("</head>", manifest + "</head>", 1)


def on_post_template(output: str, template_name: str, config: MkDocsConfig) -> str:
    """Mend the page for a wrong address as well; name no page to search engines that they should leave alone."""
    for page in order:
        if "robots" in page.meta:
            entry = rf"\s*<url>\s*<loc>{re.escape(page.canonical_url or '')}</loc>.*?</url>"
            output = re.sub(entry, "", output, flags=re.DOTALL) if template_name == "sitemap.xml" else output
    return _mend(output) if template_name.endswith(".html") else output


def on_post_build(config: MkDocsConfig) -> None:
    """Say in every page what it may load. Not under `mkdocs serve`, which adds a script of its own to each."""
    if published:
        policy.apply(Path(config.site_dir))


def _mend(output: str) -> str:
    """Name the search dialog, which axe asks for; the rest is said in the script."""
    dialog = 'data-md-component="search" role="dialog"'
    output = output.replace(dialog, f'{dialog} aria-label="Search"', 1)
    return output.replace("</head>", f"<script>{SCRIPT}</script></head>", 1)


def squeezed(css: str) -> str:
    """Return a style sheet without what is there for us: every reader loads it."""
    css = re.sub(r"\s+", " ", re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL))
    return re.sub(r" ?([{};,>]) ?", r"\1", css).replace(": ", ":").replace(";}", "}").strip()


def lab(page: Source, name: str) -> str:
    """Return a notebook as the Markdown of a page, its blocks numbered."""
    download = f"[Download this lab]({name}/{name}.ipynb){{ download={name}.ipynb }} and run it in Jupyter."
    if page.weekly:
        download += "\nIt takes minutes, so it is not run at each change of the book but once a week."
    title = re.sub(r"^#\s*", "", page.cells[0].source.partition("\n")[0])
    parts = [f"---\ndescription: {json.dumps(terms.plain(title))}\n---\n"]
    numbers = {block.cell: block.number for block in page.blocks}
    for cell in page.cells:
        source = cell.source.strip("\n")
        if cell.kind == "markdown":
            if cell.number == 1:
                head, _, rest = source.partition("\n")
                source = f"{head}\n\n{download}\n{rest}"
                sentence = next((line for line in rest.splitlines() if line.strip()), title)
                parts[0] = f"---\ndescription: {json.dumps(terms.plain(sentence))}\n---\n"
            parts.append(source)
            continue
        parts.append(f'```{{.python data-block="{numbers[cell.number]}"}}\n{source}\n```')
        if shown := cell.printed.rstrip("\n"):
            parts.append(f"```{{.text .output}}\n{shown}\n```")
    return "\n\n".join(parts) + "\n"


def _part(page: Page) -> printing.Part:
    sections = [(link.id, link.title) for top in page.toc for link in top.children]
    return printing.Part(page.url, page.title or "", page.content or "", sections)


def _folder(file: File) -> str:
    """Where a page's figures go: names are unique within a page, not within the book."""
    return file.src_uri.rpartition(".")[0] + "/"


def _scores(address: str, page: Source, drawn: Result) -> dict[str, board.Score]:
    """What the scoreboard shows of a page."""
    found = {}
    for block in page.runs if drawn.scores else ():
        for mark in marks.marks(block):
            href, place = f"{address}#score-{mark.id}", marks.place(page.prose, block.line)
            found[mark.id] = board.Score(**drawn.scores[mark.id], differs=mark.differs, href=href, place=place)
    return found


def _draw(pages: list[Source]) -> list[Result | str]:
    """Recall pages, or run them side by side, each in a process of its own; a page that fails is its message."""
    found: list[Result | str] = [Result() for _ in pages]
    new = []
    for at, page in enumerate(pages):
        # A weekly lab would hold up every build by minutes: its page shows the outputs it stores, which its own
        # weekly run compares, and it draws no figures.
        if page.runs and not page.weekly:
            if recalled := cache.recall(page):
                found[at] = recalled
            else:
                new.append(at)
    if not new:
        return found
    workers = min(len(new), os.cpu_count() or 1)
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        for at, drawn in zip(new, pool.map(cache.drawn, [pages[at] for at in new]), strict=True):
            found[at] = drawn
    return found
