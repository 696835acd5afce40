"""Chapters as notebooks: the same blocks in the same order, links that leave, and cells that run."""

import io
import json
import re
import textwrap
import zipfile
from pathlib import Path

import pytest
from _book import labs
from _book.page import Page
from _book.run import Session
from _book.site import export

DOCS = Path(__file__).parents[2] / "docs"
CHAPTERS = [path for path in sorted(DOCS.rglob("*.md")) if export.belongs(path.relative_to(DOCS).as_posix())]
HERE = "https://book.example/shallownet/chapters/one/"


# What is written around a prompt that shows an error, which would end the notebook's run.
CAUGHT = re.compile(r"^try:\n((?:    .*\n)+)except Exception as error:\n    print\(.*\)\n", re.M)


def cells(text, kind, path="chapters/one.md"):
    found = json.loads(export.notebook(Page.parse(text, path), path, HERE))["cells"]
    return ["".join(cell["source"]) for cell in found[1:] if cell["cell_type"] == kind]


def code(text):
    """Code without what layout adds: nothing is left but its statements."""
    return [line for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_notebook_holds_every_block_of_its_chapter_in_order(path):
    page = Page.read(path)
    made = export.notebook(page, path.relative_to(DOCS).as_posix(), HERE)

    wanted = ["".join(example.source for example in block.examples) or block.code for block in page.bare.runs]
    found = [CAUGHT.sub(lambda m: textwrap.dedent(m[1]), block.code) for block in Page.parse(made, "a.ipynb").runs]
    assert code("\n".join(found)) == code("\n".join(wanted))
    assert made == labs.normal(made)


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_no_markup_of_the_site_is_left_in_a_notebook(path):
    for cell in cells(path.read_text(encoding="utf-8"), "markdown"):
        # A fence that is only shown is Jupyter's as well; one with attributes is the site's.
        assert not [line for line in cell.splitlines() if re.match(r"\s*(!!!|\?\?\?|```\{|<div|<p)", line)]
        assert not re.search(r"\]\((?!https://)[^)]*\.md\)", cell)  # a page is linked to where it is published
        assert ".svg" not in cell


def test_a_notebook_runs_and_prints_what_it_stores(tmp_path):
    """The first chapter stands for all: the others' cells are their pages' blocks as well, and those run."""
    page = Page.read(DOCS / "chapters" / "symmetry.md")
    made = json.loads(export.notebook(page, "chapters/symmetry.md", HERE))
    shown = " ".join(f"![a picture of it]({image.target})" for image in page.images)
    made["cells"].append({"cell_type": "markdown", "source": shown})

    lab = Page.parse(labs.normal(json.dumps(made)), tmp_path / "symmetry.ipynb")
    session = Session(lab)
    outputs = [output for block in lab.runs for output in session.run(block)]

    assert len(session.figures) == len(page.images)
    printed = [block.output for block in page.runs if block.output]
    printed += [example for block in page.runs for example in block.examples if example.want]
    assert sum(bool(output.expected.text.strip()) for output in outputs) == len(printed) > 4


def test_a_session_becomes_a_cell_for_each_thing_it_shows():
    text = "```pycon\n>>> x = 1\n>>> x\n1\n>>> print('a')\na\n>>> x = 2\n```\n"

    assert cells(text, "code") == ["x = 1\nx", "print('a')", "x = 2"]


def test_an_exception_that_is_shown_does_not_end_the_run():
    text = "```pycon\n>>> 1 / 0\nTraceback (most recent call last):\nZeroDivisionError: division by zero\n```\n"
    (cell,) = cells(text, "code")

    exec(cell, {})

    assert "ZeroDivisionError" not in cell


def test_boxes_open_and_their_blocks_are_cells():
    text = '??? success "Solution"\n    Because.\n\n    ```python\n    x = 1\n    ```\n\n    So.\n\nAfter.\n'

    assert cells(text, "code") == ["x = 1"]
    assert cells(text, "markdown") == ["**Solution**\n\nBecause.", "So.\n\nAfter."]


def test_a_figure_is_described_and_its_attributes_stay_behind():
    assert cells('![Four paths.](paths.svg){ data-explore="symmetry" }\n', "markdown") == ["*Figure: Four paths.*"]


@pytest.mark.parametrize(
    ("target", "leads"),
    [
        ("two.md", "https://book.example/shallownet/chapters/two/"),
        ("../notation.md#symbols", "https://book.example/shallownet/notation/#symbols"),
        ("../labs/one.ipynb", "https://book.example/shallownet/labs/one/"),
        ("../index.md", "https://book.example/shallownet/"),
        ("#eq-1.1", "https://book.example/shallownet/chapters/one/#eq-1.1"),
        ("https://arxiv.org/abs/1", "https://arxiv.org/abs/1"),
    ],
)
def test_links_lead_to_the_published_book(target, leads):
    assert cells(f"See [this]({target}).\n", "markdown") == [f"See [this]({leads})."]


def test_the_archive_is_the_same_for_the_same_notebooks():
    files = {"b.ipynb": "2", "a.ipynb": "1"}

    packed = export.archive(files)

    assert packed == export.archive(dict(reversed(files.items())))
    with zipfile.ZipFile(io.BytesIO(packed)) as zipped:
        assert {name: zipped.read(name).decode() for name in zipped.namelist()} == files
