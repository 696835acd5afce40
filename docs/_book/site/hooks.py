"""MkDocs' events, translated: what a build knows is in `building`, and what is done to its pages in `finish`.

MkDocs loads this module once and builds many times under `mkdocs serve`; each build has a plugin object of its own.
"""

from __future__ import annotations

import contextlib
import html
import logging
from pathlib import Path
from urllib.parse import urlsplit

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import Abort, PluginError
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.nav import Navigation
from mkdocs.structure.pages import Page

from _book import board, cache, prose
from _book.run import BookError
from _book.site import markup
from _book.site.building import Building, Leaf, Source
from _book.site.finish import finish

log = logging.getLogger("mkdocs.plugins.book")
STRAY = "published, and no test reads it: pages end in .md, labs in .ipynb, and all else lies in docs/assets"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Let one object hear all other events of this build."""
    # `--quiet` would count no warning and show none: a strict build would pass with faults, or fail without a word.
    quiet = logging.getLogger("mkdocs")
    if config.strict and quiet.level > logging.WARNING:
        quiet.setLevel(logging.WARNING)
    if cache.ASSERTS_OFF:
        raise Abort(f"the book is not built: {cache.ASSERTS_OFF}")
    # As MkDocs does with a hook: it calls whatever is named like an event.
    config.plugins["book"] = Events(config)  # type: ignore[assignment]
    return config


class Events:
    """One build of the book: what MkDocs says while it is under way."""

    def __init__(self, config: MkDocsConfig) -> None:
        address = config.site_url or ""
        self.building = Building(
            root=Path(config.docs_dir).parent,
            name=config.site_name,
            description=config.site_description or "",
            address=address,
            # `mkdocs serve` makes the address of its server that of the site.
            serving=urlsplit(address).netloc == str(config.dev_addr),
        )
        self.pages: list[Page] = []
        self.folder = Path(config.site_dir)
        self.alone = contextlib.ExitStack()
        config.markdown_extensions.append(self.building.extension)

    def on_pre_build(self, config: MkDocsConfig) -> None:
        """Let builds into one folder wait for each other: MkDocs empties it first."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.alone.enter_context(cache.alone(self.folder, f"another build writes to {self.folder}: waiting for it"))

    def on_build_error(self, error: Exception) -> None:
        """Say in one line what the machine refuses: a traceback from inside MkDocs would help nobody."""
        self.alone.close()
        if isinstance(error, OSError) and error.errno in cache.MACHINE:
            file = error.filename2 or error.filename  # of a copy, the second is the one that was written
            where = f": {file}" if file else ""
            raise Abort(f"the site in {self.folder} is not whole: {error.strerror}{where}") from error

    def on_files(self, files: Files, config: MkDocsConfig) -> Files:
        """Run every page, and let what is made of it join the site."""
        sources = []
        for file in list(files):
            if file.src_dir != config.docs_dir or not file.abs_src_path or file.inclusion is InclusionLevel.EXCLUDED:
                continue  # the theme's, or not published
            if file.src_uri.endswith((".md", ".ipynb")):
                sources.append(Source(file.src_uri, Path(file.abs_src_path), file.url))
            elif not file.src_uri.startswith("assets/"):
                log.warning("docs/%s:1: %s", file.src_uri, prose.MISNAMED if file.is_documentation_page() else STRAY)
                files.remove(file)
        try:
            made = self.building.files(sources)
        except BookError as error:
            raise PluginError(str(error)) from error
        for name, content in made.items():
            files.append(File.generated(config, name, content=content))
        return files

    def on_nav(self, nav: Navigation, config: MkDocsConfig, files: Files) -> None:
        """Remember the order of the pages."""
        self.pages = nav.pages

    def on_pre_page(self, page: Page, config: MkDocsConfig, files: Files) -> Page:
        """Take a lab back from mkdocs-jupyter, which is here to let a notebook be a page, and serves it.

        Its own rendering, of which it makes an attribute of the page, would bring 600 KB of styles and dead links.
        """
        page.__dict__.pop("render", None)
        return page

    def on_page_read_source(self, page: Page, config: MkDocsConfig) -> str | None:
        """Hand out a lab as Markdown."""
        return self.building.markdown(page.file.src_uri)

    def on_page_markdown(self, markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
        """Tell the extension what page comes next."""
        name = page.file.src_uri
        if not page.meta.get("description"):
            log.warning("%s:1: add a `description:` of one sentence to the front matter", name)
        scores = files.get_file_from_path(board.BOARD)
        return self.building.start(name, markdown, scores.url_relative_to(page.file) if scores else "")

    def on_page_content(self, content: str, page: Page, config: MkDocsConfig, files: Files) -> str:
        """Mark what is ours, and tell MkDocs what can be linked to in code."""
        page.present_anchor_ids = (page.present_anchor_ids or set()) | self.building.anchors(page.file.src_uri)
        return markup.framed(content)

    def on_post_build(self, config: MkDocsConfig) -> None:
        """Finish the site."""
        self.building.leaves = [
            Leaf(page.file.src_uri, page.file.dest_uri, page.url, html.unescape(page.title or ""))
            for page in self.pages
        ]
        finish(self.folder, self.building)
        self.alone.close()
