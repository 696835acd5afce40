"""Another generator: two chapters by Zensical, which runs the extension and none of our hooks, and then `finish`.

Material for MkDocs ends in May 2027. What breaks here would have to be mended before we could move.
"""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from _book.page import Page
from _book.site import terms
from _book.site.building import Building, Leaf
from _book.site.finish import FONT, finish

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = ("symmetry", "small-random")
PAGES = ["index.md", *(f"chapters/{name}.md" for name in CHAPTERS), "glossary.md", "index-of-terms.md", "print.md"]
MADE = "---\ndescription: Made by the build.\n---\n\n# {}\n\n"
MADE += '- Symmetry <span class="places" data-term="symmetry"></span>\n'


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two chapters and the glossary, with the book's own list of extensions, built by Zensical."""
    folder = tmp_path_factory.mktemp("zensical")
    for name in ("index.md", "glossary.md", *(f"chapters/{name}.md" for name in CHAPTERS)):
        (folder / "docs" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "docs" / name, folder / "docs" / name)
    (folder / "docs" / "index-of-terms.md").write_text(MADE.format("Index of terms"), "utf-8")
    (folder / "docs" / "print.md").write_text(MADE.format("The whole book"), "utf-8")
    written = (ROOT / "mkdocs.yml").read_text("utf-8")
    extensions = written[written.index("\nmarkdown_extensions:") :].rstrip() + "\n  - _book.site.alone\n"
    settings = "site_name: Two chapters\nsite_url: https://example.org/book/\ntheme: {name: material, font: false}\n"
    (folder / "mkdocs.yml").write_text(settings + extensions, "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "zensical", "build"],
        cwd=folder,
        env=os.environ | {"NO_COLOR": "1"},
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return folder


def published(project: Path, name: str) -> str:
    return (project / "site" / name / "index.html").read_text("utf-8")


@pytest.mark.parametrize("name", CHAPTERS)
def test_the_extension_alone_renders_a_chapter(project: Path, name: str) -> None:
    """Formulas, figures, what the browser needs to run each block, and what is explained."""
    page, text = Page.read(ROOT / "docs" / "chapters" / f"{name}.md"), published(project, f"chapters/{name}")

    said = [json.loads(html.unescape(cell)) for cell in re.findall(r' data-cell="([^"]*)"', text)]
    assert [cell["language"] for cell in said] == [block.language for block in page.runs]
    assert sum("check" in cell for cell in said) == len(page.exercises)
    assert re.findall(r' data-block="(\d+)"', text) == [str(block.number) for block in page.blocks]
    assert re.findall(r'<div class="math" id="(eq-[\d.]+)"', text) == re.findall(r"eq-[\d.]+", equations(page))
    assert text.count("<math") >= 10
    assert not re.search(
        r"\\(?:frac|partial|sigma)\b", re.sub(r"data-\w+=\"[^\"]*\"|<pre.*?</pre>", "", text, flags=re.S)
    )
    figures = re.findall(r'<svg [^>]*aria-label="([^"]*)"', text)
    assert [html.unescape(alt) for alt in figures] == [image.alt for image in page.images]
    assert '<abbr title="' in text


def equations(page: Page) -> str:
    return " ".join(f"eq-{number}" for number in re.findall(r"\\tag\{([\d.]+)\}", page.prose))


def test_the_folder_that_it_wrote_can_be_finished(project: Path) -> None:
    """The index, the page for paper, the font, the sitemap and the policy, as MkDocs' folder gets them."""
    book = Building(ROOT, address="https://example.org/book/")
    addresses = {name: "" if name == "index.md" else name.removesuffix(".md") + "/" for name in PAGES}
    book.leaves = [Leaf(name, f"{address}index.html", address) for name, address in addresses.items()]
    book.glossary = terms.parse((ROOT / "docs" / "glossary.md").read_text("utf-8"))

    finish(project / "site", book)

    index, paper = published(project, "index-of-terms"), published(project, "print")
    assert re.search(r'data-term="symmetry"><!--\+--><a href="\.\./chapters/symmetry/(?:#[\w-]+)?">', index)
    assert re.findall(r'<section class="part"><span id="([\w-]+)">', paper) == [
        *(f"chapters-{name}" for name in CHAPTERS),
        "glossary",
        "index-of-terms",
    ]
    assert '<meta name="robots" content="noindex">' in paper
    assert "/print/" not in (project / "site" / "sitemap.xml").read_text("utf-8")
    assert (project / "site" / FONT).read_bytes().startswith(b"wOF2")
    for file in (project / "site").rglob("*.html"):
        assert file.read_text("utf-8").count("Content-Security-Policy") == 1, file
