"""The engine of the book: every fault that a page can have is planted here and seen to be caught.

A guard that was never seen to fail is a hope. All planted pages stand in one temporary tree, with the
repository's own conftest.py and pyproject.toml, and pytest runs on it as a contributor runs it.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from _book.page import Page
from planted import SOUND, Fault, outcome, page, plant, pytest_on

FAULTS = {
    # What a block prints.
    "wrong-digit": Fault("0.334", "expected '0.334', got '0.333", "```pycon\n>>> 1 / 3\n0.334\n```\n"),
    "true-for-false": Fault("True", "expected 'True', got 'False'", "```pycon\n>>> 1 > 2\nTrue\n```\n"),
    "wrong-integer": Fault("2001", "expected '2001', got '2000'", "```pycon\n>>> 2 * 1000\n2001\n```\n"),
    "wrong-second-line": Fault(
        "7 8", "expected '7 8', got '8 8'", "```pycon\n>>> for i in (6, 8):\n...     print(i, 8)\n6 8\n7 8\n```\n"
    ),
    "nothing-shown": Fault(">>> 1 + 1", "expected nothing, got '2'", "```pycon\n>>> 1 + 1\n>>> x = 1\n```\n"),
    "nothing-printed": Fault("\n5\n", "expected '5', got nothing", "```pycon\n>>> x = 5\n5\n```\n"),
    "wrong-print": Fault("\n3\n", "expected '3', got '4'", "```python\nprint(4)\n```\n\n```output\n3\n```\n"),
    "print-unshown": Fault("```python", "```output block below", "```python\nprint(4)\n```\n"),
    "wrong-exception": Fault(
        "ZeroDivisionError: no",
        "expected 'ZeroDivisionError: no', got 'ZeroDivisionError: division by zero'",
        "```pycon\n>>> 1 / 0\nTraceback (most recent call last):\n  ...\nZeroDivisionError: no\n```\n",
    ),
    "no-exception": Fault(
        "Traceback",
        "nothing was raised",
        "```pycon\n>>> x = 1\nTraceback (most recent call last):\n  ...\nValueError: x\n```\n",
    ),
    # What a block does.
    "raises": Fault("1 / 0", "ZeroDivisionError: division by zero", "```python\nx = 1\nx = 1 / 0\n```\n"),
    "raises-inside": Fault("return 1 / 0", "ZeroDivisionError", "```python\ndef f():\n    return 1 / 0\n\nf()\n```\n"),
    "false-claim": Fault("assert 2", "AssertionError at `assert 2 < 1`", "```python\nassert 2 < 1\n```\n"),
    "syntax": Fault("x = = 1", "SyntaxError: invalid syntax", "```python\nx = 1\nx = = 1\n```\n"),
    "exits": Fault("SystemExit", "SystemExit", "```python\nraise SystemExit\n```\n"),
    "skips": Fault("pytest.skip", "Skipped", "```python\nimport pytest\npytest.skip('later')\n```\n"),
    "warns": Fault("warn(", "UserWarning: look", "```python\nfrom warnings import warn\nwarn('look')\n```\n"),
    "name-from-below": Fault("\nx\n", "NameError", "```python\nx\n```\n\n```python\nx = 1\n```\n"),
    "standalone-is-alone": Fault(
        "y = x", "NameError", "```python\nx = 1\n```\n\n```{.python .standalone}\ny = x\n```\n"
    ),
    # Where a block stands.
    "hidden-tab": Fault(
        "1 / 0",
        "ZeroDivisionError",
        '=== "Seen"\n\n    Text.\n\n=== "Hidden"\n\n    ```python\n    1 / 0\n    ```\n',
    ),
    "collapsed-solution": Fault(
        "6",
        "expected '6', got '5'",
        '??? success "Solution"\n    Text.\n\n    ```pycon\n    >>> 2 + 3\n    6\n    ```\n',
    ),
    "nested-list": Fault(
        "1 / 0", "ZeroDivisionError", "- one\n\n    - two\n\n        ```python\n        1 / 0\n        ```\n"
    ),
    "quote": Fault("> 6", "expected '6', got '5'", "> Text.\n>\n> ```pycon\n> >>> 2 + 3\n> 6\n> ```\n"),
    "comment": Fault("```python", "a hidden block", "<!--\n```python\nx = 1\n```\n-->\n"),
    "hidden-html": Fault("<div", "raw <div>", "<div hidden markdown>\n\n```python\nx = 1\n```\n\n</div>\n"),
    # How a block is fenced.
    "unknown-fence": Fault("```py\n", "unknown language 'py'", "```py\n1 / 0\n```\n"),
    "unknown-fence-case": Fault("```Python", "unknown language 'Python'", "```Python\n1 / 0\n```\n"),
    "no-language": Fault("```\n", "a block needs a language", "```\n1 / 0\n```\n"),
    "unclosed": Fault("```python", "never closed", "```python\n1 / 0\n"),
    "unclosed-by-indent": Fault("    ```python", "never closed", "- x\n\n    ```python\n    1 / 0\n```\n"),
    "tilde-unknown": Fault("~~~py", "unknown language 'py'", "~~~py\n1 / 0\n~~~\n"),
    "unknown-option": Fault("startinline", "unknown option 'startinline'", '```python startinline="x"\nx = 1\n```\n'),
    "unknown-class": Fault("annotate", "unknown option 'annotate'", "```{.python .annotate}\nx = 1\n```\n"),
    "bare-word": Fault("```python no", "cannot read 'python no", "```python noqa\nx = 1\n```\n"),
    "linenums": Fault("linenums", "no linenums", '```python linenums="1"\nx = 1\n```\n'),
    "fence-in-item": Fault("- ```python", "stands alone", "- ```python\n  1 / 0\n  ```\n"),
    "fence-after-text": Fault("Text ```python", "stands alone", "Text ```python\n1 / 0\n```text\n```\n"),
    # Code that nothing would run.
    "indented-code": Fault("    x = 1", "this code is shown and never run", "Text.\n\n    x = 1\n"),
    "indented-session": Fault("    >>> 1", "a prompt outside a fence", "Text.\n\n    >>> 1 + 1\n    3\n"),
    "bare-prompt": Fault(">>> 1 + 1", "a prompt outside a fence", ">>> 1 + 1\n3\n"),
    "raw-pre": Fault("<pre>", "raw <pre>", "<pre><code>1 / 0</code></pre>\n"),
    "prompt-in-python": Fault(">>> x", "a prompt in a `python` block", "```python\n>>> x = 1\n```\n"),
    "no-prompt-in-pycon": Fault("```pycon", "without a prompt", "```pycon\nx = 1\n```\n"),
    "dropped-text": Fault("assert False", "this text is never run", "```pycon\n>>> 1 + 1\n2\n\nassert False\n```\n"),
    "dropped-start": Fault("x = 1", "this text is never run", "```pycon\nx = 1\n>>> 2\n2\n```\n"),
    "dropped-comment": Fault("\n6\n", "expected '6', got nothing", "```pycon\n>>> # five\n6\n>>> 2\n2\n```\n"),
    "skipped-doctest": Fault("+SKIP", "no doctest directives", "```pycon\n>>> 1 / 0  # doctest: +SKIP\n```\n"),
    "loose-doctest": Fault(
        "+ELLIPSIS", "no doctest directives", "```pycon\n>>> 'abc'  # doctest: +ELLIPSIS\n'...c'\n```\n"
    ),
    "shifted-block": Fault("```python", "other code than what runs", "Text.\n\n    ```python\n    x = 1\n    ```\n"),
    "lost-output": Fault("```output", "directly below", "```python\nx = 1\n```\n\nText.\n\n```output\n3\n```\n"),
    "lost-example": Fault("blocks: 2", "says 2 blocks and has 1", "```python\nx = 1\n```\n", count=2),
    "bad-tex": Fault("$\\frac{1}", "cannot read this TeX", "Text.\n\nSo $\\frac{1}$ is.\n"),
    "open-equation": Fault("$$", "never closed", "Text.\n\n$$\nx = 1\n\nText.\n"),
    # Figures.
    "missing-figure": Fault("![A line", "no block saves a.svg", "![A line going up](a.svg)\n"),
    "missing-alt": Fault(
        "![]", "needs alt text", "```python\nopen('a.svg', 'w').close()  # .savefig('a.svg')\n```\n\n![](a.svg)\n"
    ),
    "empty-alt": Fault("![figure]", "needs alt text", "![figure](../assets/a.png)\n"),
    "unshown-figure": Fault(
        "```python",
        "saved and never shown",
        "```python\nimport matplotlib.pyplot as plt\nplt.figure().savefig('a.svg')\n```\n",
    ),
    "unshown-by-stealth": Fault(
        "```python", "saved and never shown", "```python\nopen('b' + '.svg', 'w').close()\n```\n"
    ),
    "undrawn-figure": Fault(
        "```python",
        "was not drawn",
        "```python\nif False:\n    fig.savefig('a.svg')\n```\n\n![A line going up](a.svg)\n",
    ),
    "figure-too-early": Fault(
        "![A line",
        "below the block that saves it",
        "![A line going up](a.svg)\n\n```python\nopen('a.svg', 'w').close()  # .savefig('a.svg')\n```\n",
    ),
    "figure-too-early-in-a-section": Fault(
        "![A line",
        "below the block that saves it",
        "## One\n\n![A line going up](a.svg)\n\n```python\nopen('a.svg', 'w').close()  # .savefig('a.svg')\n```\n",
    ),
    "figure-as-png": Fault(
        "```python", "plain .svg name", "```python\nx.savefig('a.png')\n```\n\n![A line going up](a.png)\n"
    ),
    "figure-by-html": Fault("<img", "write the image as", '<img src="a.svg" alt="A line going up">\n'),
    # Marks of the scoreboard.
    "mark-in-capitals": Fault("# Score", "cannot read this mark", "```python\nassert 2 * 1 == 2  # Score: a\n```\n"),
    "mark-underscored": Fault("a_b", "cannot read this mark", "```python\nassert abs(2.0) == 2  # score: a_b\n```\n"),
    "mark-with-a-remark": Fault(
        "a (4 errors)", "nothing behind it", "```python\nassert abs(2.0) == 2  # score: a (4 errors)\n```\n"
    ),
    "mark-on-the-last-line": Fault(
        "2)  #", "a mark stands on the first line", "```python\nassert (abs(2.0) ==\n2)  # score: a\n```\n"
    ),
    "mark-behind-no-assert": Fault("x = 1", "a mark stands on the first line", "```python\nx = 1  # score: a\n```\n"),
    "mark-on-truth": Fault(
        "assert x", "the scoreboard cannot read this", "```python\nx = abs(1)\nassert x  # score: a\n```\n"
    ),
    "mark-on-a-choice": Fault(
        "assert x", "split the assert", "```python\nx = abs(1)\nassert x < 2 or x > 3  # score: a\n```\n"
    ),
    "mark-on-part-of-an-and": Fault(
        "assert x", "split the assert", "```python\nx = abs(1)\nassert x < 2 and x  # score: a\n```\n"
    ),
    "nothing-computed": Fault(
        "assert abs",
        "what is computed stands first, and this is written out",
        "```python\nx = 1\nassert abs(x - 1) < 2  # score: a\n```\n",
    ),
    "published-first": Fault(
        "assert np",
        "what is computed stands first",
        "```python\nimport numpy as np\nx = np.ones(2)\nassert np.allclose([1, 1], x)  # score: a\n```\n",
    ),
    "bound-that-is-computed": Fault(
        "assert x",
        "a bound is a number, written out, beside what is computed",
        "```python\nx, y = abs(1), abs(2)\nassert x < y  # score: a\n```\n",
    ),
    "chain-of-bounds": Fault(
        "assert 0", "a bound is a number", "```python\nassert 0 < abs(1) < 2 < 3  # score: a\n```\n"
    ),
    "rounded-and-equal": Fault(
        "assert round", "== is for what is counted", "```python\nassert round(2 / 3) == 1  # score: a\n```\n"
    ),
    "rounded-in-a-list": Fault(
        "assert [round",
        "== is for what is counted",
        "```python\nassert [round(n / 3, 2) for n in (1, 2)] == [0.33, 0.67]  # score: a\n```\n",
    ),
    "mark-on-a-prompt": Fault(
        ">>> abs", "a mark stands on the first line of the assert", "```pycon\n>>> abs(5)  # score: a\n5\n```\n"
    ),
    "differs-and-reproduces": Fault(
        "assert abs",
        "says that the number reproduces",
        "```python\nassert abs(abs(1) - 1) < 2  # score: a differs\n```\n",
    ),
    "differs-from-nothing": Fault(
        "assert 0",
        "or one bound",
        "```python\nassert 0 < abs(1) < 2  # score: a differs\n```\n",
    ),
    "differs-unsaid": Fault(
        "assert abs",
        "says that the number does not reproduce",
        "```python\nassert abs(abs(1) - 4) > 2  # score: a\n```\n",
    ),
    "mark-twice": Fault(
        "assert abs(3.0)",
        "the mark a is taken, by docs/faults/mark-twice.md:9: choose another id",
        "```python\nassert abs(2.0) == 2  # score: a\nassert abs(3.0) == 3  # score: a\n```\n",
    ),
    "false-mark": Fault(
        "assert abs", "AssertionError at `assert abs(3.0) == 2", "```python\nassert abs(3.0) == 2  # score: a\n```\n"
    ),
    "figure-from-afar": Fault("![A line", "from other sites", "![A line going up](https://example.org/a.png)\n"),
}


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """All planted pages, and what pytest says of them in one run."""
    faults = {f"docs/faults/{name}.md": page(fault.body, fault.count) for name, fault in FAULTS.items()}
    sound = {f"docs/sound/{name}.md": page(body) for name, body in SOUND.items()}
    root = plant(tmp_path_factory.mktemp("planted"), faults | sound)
    return root, pytest_on(root, "docs", "-rA").stdout


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_caught_with_its_line(planted: tuple[Path, str], name: str) -> None:
    """The contributor reads one line: the page, the page's own line, what is wrong."""
    root, said = planted
    path, fault = f"docs/faults/{name}.md", FAULTS[name]
    text = (root / path).read_text(encoding="utf-8")
    line = text.count("\n", 0, text.index(fault.at)) + 1 + (fault.at[0] == "\n")

    messages = re.findall(rf"^{re.escape(path)}:.*$", said, re.M)

    assert any(m.startswith(f"{path}:{line}: ") and fault.says in m for m in messages), messages
    assert f"FAILED {path}::" in said


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_page_passes(planted: tuple[Path, str], name: str) -> None:
    """Guards that cry wolf are switched off by the first person in a hurry."""
    root, said = planted
    path = f"docs/sound/{name}.md"
    runs = Page.read(root / path).runs

    assert f"FAILED {path}" not in said
    assert len(re.findall(rf"^PASSED {re.escape(path)}::", said, re.M)) == len(runs) + 1


def test_one_block_alone_runs_those_above_it(planted: tuple[Path, str]) -> None:
    """A node id of one block is how one mends one block."""
    root, _ = planted
    last = Page.read(root / "docs/sound/everything.md").runs[-1]

    assert outcome(root, f"docs/sound/everything.md::line:{last.line}") == "1 passed"


def test_workers_may_share_a_page(planted: tuple[Path, str]) -> None:
    """A page is one namespace, however its blocks are dealt out."""
    root, _ = planted

    sound = [Page.read(path) for path in (root / "docs/sound").glob("*.md")]
    count = sum(1 + len(page.runs) for page in sound)  # a test of the page, and one of each block

    assert outcome(root, "docs/sound", "-n", "2", "--dist", "load") == f"{count} passed"
