"""Pages, the README and docstrings as tests of pytest: what is run, alone or again, and what it is called."""

from __future__ import annotations

import textwrap
from pathlib import Path

from planted import outcome, page, plant, pytest_on


def test_a_block_that_stands_alone_fails_alone(tmp_path: Path) -> None:
    """It leaves no names that the blocks below it could miss."""
    body = "```{.python .standalone}\n1 / 0\n```\n\n```python\nx = 1\n```\n\n```python\nassert x == 1\n```\n"
    root = plant(tmp_path, {"docs/alone.md": page(body)})

    assert outcome(root, "docs/alone.md") == "1 failed, 3 passed"


def test_last_failed_runs_only_the_failures(tmp_path: Path) -> None:
    """`--lf` needs names that stay the same from run to run."""
    body = "```python\nx = 1\n```\n\n```pycon\n>>> x\n2\n```\n"
    root = plant(tmp_path, {"docs/a.md": page(body)})

    assert outcome(root, "docs") == "1 failed, 2 passed"
    assert outcome(root, "docs", "--lf") == "1 failed"


def test_readme_states_its_count_in_a_comment(tmp_path: Path) -> None:
    """GitHub shows a README's front matter as a table, so the count stands in a comment."""
    root = plant(tmp_path, {"README.md": "# R\n\n<!-- blocks: 2 -->\n\n```python\nx = 1\n```\n"})

    done = pytest_on(root, "README.md")

    assert "README.md:3: the page says 2 blocks and has 1" in done.stdout


def test_docstrings_start_from_no_names(tmp_path: Path) -> None:
    """An example that needs the module's own names fails for the reader who pastes it."""
    source = '''
        """A module.

        >>> 1 + 1
        2
        """
        import math


        def f():
            """Do.

            Examples:
                Prose.

                >>> math.pi
                3.14159

                More prose.
            """


        def g():
            r"""Do.

            >>> x = [1,
            ...      2]
            >>> x
            [1, 3]
            """
    '''
    root = plant(tmp_path, {"shallownet/made.py": textwrap.dedent(source).lstrip("\n")})

    done = pytest_on(root, "shallownet")

    assert "shallownet/made.py:15: NameError: name 'math' is not defined" in done.stdout
    assert "shallownet/made.py:28: expected '[1, 3]', got '[1, 2]'" in done.stdout
    assert "2 failed, 1 passed" in done.stdout


def test_a_line_on_which_no_block_opens_lists_those_of_the_page(tmp_path: Path) -> None:
    """One counts badly; pytest alone would say that nothing was found."""
    root = plant(
        tmp_path, {"docs/a.md": page("```python\nx = 1\n```\n\n```python\ny = 1\n```\n"), "docs/b.md": page("")}
    )

    assert "docs/a.md has no block line:9: it has page, line:8, line:12" in pytest_on(root, "docs/a.md::line:9").stderr
    assert (
        "docs/b.md has no block line:9: it has page, and none that runs" in pytest_on(root, "docs/b.md::line:9").stderr
    )
    assert outcome(root, "docs/a.md::line:12") == "1 passed"
