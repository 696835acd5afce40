"""What a run leaves: the same bytes each time, kept until a page may draw others, and the process as it was."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from _book import cache
from _book.collect import Book, PageTests
from _book.page import Page
from _book.run import BookError, Result, run_page
from planted import ROOT, SOUND, page


def test_figures_are_the_same_bytes_each_time(tmp_path: Path) -> None:
    """Hash seeds, dates and what was drawn before must not show in a figure."""
    made = tmp_path / "a.md"
    made.write_text(page(SOUND["everything"]), encoding="utf-8")
    script = (
        "import sys; from _book.page import Page; from _book.run import run_page; "
        "sys.stdout.buffer.write(run_page(Page.read(sys.argv[1])).figures['a.svg'])"
    )
    path = os.pathsep.join([str(ROOT / "docs"), str(ROOT)])

    drawn = [
        subprocess.run(
            [sys.executable, "-c", script, str(made)],
            env={**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    here = run_page(Page.read(made)).figures["a.svg"]

    assert drawn[0] == drawn[1] == here
    assert b"<svg" in here
    assert b"<metadata>" not in here
    assert b"<text" in here


def test_a_figure_is_drawn_again_only_when_it_may_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache answers for the page's blocks and the library; a rebuild is quick, and one of new prose, too."""
    monkeypatch.setattr(cache, "CACHE", tmp_path / "cache")
    made, runs = tmp_path / "a.md", []
    made.write_text(page(SOUND["everything"]), encoding="utf-8")
    monkeypatch.setattr(cache, "run_page", lambda *a, **k: runs.append(1) or run_page(*a, **k))

    first, again = cache.draw(Page.read(made)), cache.draw(Page.read(made))
    made.write_text(page(SOUND["everything"].replace("[1, 2]", "[1, 3]")), encoding="utf-8")
    changed = cache.draw(Page.read(made))
    made.write_text(made.read_text("utf-8").replace("# ", "# Another ", 1) + "\nMore prose.\n", encoding="utf-8")
    told = cache.draw(Page.read(made))

    assert first == again != changed == told
    assert len(runs) == 2


@pytest.mark.parametrize(
    ("body", "change"),
    [
        ("```pycon\n>>> 1.0\n1.0\n```", ("\n1.0\n", "\n1.5\n")),
        ("```python\nprint(1)\n```\n\n```output\n1\n```", ("output\n1", "output\n2")),
        ("```python\nx = 1\n```\n\n```python\nassert x == 1\n```", ("python\nassert", "{.python .standalone}\nassert")),
        (SOUND["everything"], ("(a.svg)", "(b.svg)")),
    ],
    ids=["session", "output", "standalone", "figure"],
)
def test_what_a_block_is_held_to_is_part_of_it(
    body: str, change: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that now shows something else must be run, and found wanting."""
    monkeypatch.setattr(cache, "CACHE", tmp_path / "cache")
    made = tmp_path / "a.md"
    made.write_text(page(body), encoding="utf-8")
    cache.draw(Page.read(made))
    made.write_text(made.read_text("utf-8").replace(*change), encoding="utf-8")

    with pytest.raises(BookError):
        cache.draw(Page.read(made))


def test_a_page_that_passed_its_tests_is_not_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests have drawn its figures and met its scores: the build recalls what running it again would give."""
    monkeypatch.setattr(cache, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(cache, "ROOT", tmp_path)
    text = page(SOUND["everything"])
    (tmp_path / "a.md").write_text(text, encoding="utf-8")
    made = Page.read(tmp_path / "a.md")
    again = run_page(made, record=True)
    tests = PageTests(made, Book(tmp_path))
    for block in made.runs:
        assert not (tmp_path / "cache").exists()  # not before the whole page has passed
        tests.run_block(block.number)
    monkeypatch.delattr(cache, "run_page")

    assert cache.draw(made) == again != Result()


def test_a_page_that_fails_a_test_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is one of which a block was run alone, after those above it went unchecked."""
    monkeypatch.setattr(cache, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(cache, "ROOT", tmp_path)
    text = page("```pycon\n>>> 1\n2\n```\n\n```pycon\n>>> 1\n1\n```\n")
    made = Page.parse(text, tmp_path / "a.md")
    tests = PageTests(made, Book(tmp_path))

    with pytest.raises(BookError):
        tests.run_block(made.runs[0].number)
    tests.run_block(made.runs[1].number)

    assert not (tmp_path / "cache").exists()


def test_a_failing_block_stops_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No page is published with a figure beside a claim that fails."""
    monkeypatch.setattr(cache, "CACHE", tmp_path / "cache")
    made = tmp_path / "a.md"
    made.write_text(page("```python\nx = 1\n```\n\n```python\nassert x == 2\n```\n"), encoding="utf-8")

    with pytest.raises(BookError, match=r"a\.md:13: AssertionError at `assert x == 2`"):
        cache.draw(Page.read(made))
    with pytest.raises(BookError):
        cache.draw(Page.read(made))


def test_a_page_leaves_the_process_as_it_was(tmp_path: Path) -> None:
    """The next page, and the rest of the test run, must not feel this one."""
    import matplotlib as mpl

    body = """
        ```python
        import matplotlib

        matplotlib.rcParams["font.size"] = 3
        print(__name__)
        ```

        ```output
        __main__
        ```

        ```pycon
        >>> matplotlib.rcParams["font.size"]
        3.0
        ```
        """
    before = os.getcwd(), sys.modules["__main__"], mpl.rcParams["font.size"]

    run_page(Page.parse(page(body), tmp_path / "a.md"))

    assert before == (os.getcwd(), sys.modules["__main__"], mpl.rcParams["font.size"])
