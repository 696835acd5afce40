"""The engine of the book: every fault that a page can have is planted here and seen to be caught.

A guard that was never seen to fail is a hope. All planted pages stand in one temporary tree, with the
repository's own conftest.py and pyproject.toml, and pytest runs on it as a contributor runs it.
"""

from __future__ import annotations

import code
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from types import CodeType

import markdown
import nbformat
import pytest
from _book import blocks, cache, labs
from _book.board import HEADER
from _book.collect import Book, PageTests
from _book.compare import difference
from _book.page import Page
from _book.render import check, extension
from _book.render.board import Score
from _book.run import BookError, Result, run_page

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]


def page(body: str, count: int | None = None) -> str:
    """Return a page with its front matter; the count is right unless one is given."""
    body = textwrap.dedent(body).lstrip("\n")
    if count is None:
        count = len(Page.parse(body).runs)
    return f"---\ndescription: A planted page.\nblocks: {count}\n---\n\n# Planted\n\n{body}"


def plant(root: Path, files: dict[str, str]) -> Path:
    """Make a tree that pytest treats as it treats the book."""
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / name, root)
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


def pytest_on(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run pytest in a tree, in a process of its own."""
    path = os.pathsep.join([str(ROOT / "docs"), str(ROOT)])
    return subprocess.run(
        [sys.executable, "-m", "pytest", *arguments],
        cwd=root,
        env={**os.environ, "PYTHONPATH": path, "PYTEST_ADDOPTS": "", "PYTHONUTF8": "1"},
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )


def outcome(root: Path, *arguments: str) -> str:
    """Return pytest's closing line without its time: `1 failed, 2 passed`."""
    done = pytest_on(root, *arguments)
    found = re.findall(r"^=+ (.*) in [\d.]+s", done.stdout, re.M)
    return found[-1] if found else done.stdout + done.stderr


@dataclass
class Fault:
    """A page with one thing wrong: the line it is on, by what stands there, and what is said of it."""

    at: str
    says: str
    body: str
    count: int | None = None


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

SOUND = {
    "figure-first": """
![A line going up](line.svg)

## How it is drawn

```python
import matplotlib.pyplot as plt

fig, ax = plt.subplots()
ax.plot([0, 1])
fig.savefig("line.svg")
```
""",
    "everything": """
        ```python
        import matplotlib.pyplot as plt
        import numpy as np

        x = 3
        ```

        ```pycon title="A session"
        >>> x, 1 / 3
        (3, 0.3333)
        >>> for i in range(2):
        ...     print(i)
        0
        1
        >>> print("a\\n\\nb")
        a
        <BLANKLINE>
        b
        >>> np.array([1.0, 0.254])
        array([1.  , 0.25])
        >>> 1 / 0
        Traceback (most recent call last):
          ...
        ZeroDivisionError: division by zero
        ```

        1. A list, with a block

            ```python hl_lines="1"
            y = x + 1
            print("y is", y)

            print(2.5)
            ```

            ```output
            y is 4
            2.5
            ```

        !!! note
            === "First"

                ```{.python .standalone}
                assert "x" not in globals()
                ```

            === "Second"

                ~~~python
                z = 1  # ```
                ~~~

        > A quote.
        >
        > ```pycon
        > >>> x
        > 3
        > ```

        ```python
        fig, ax = plt.subplots()
        ax.plot([1, 2], [x, z])
        fig.savefig("a.svg")
        ```

        ![A line going down from three to one,
        and nothing else](a.svg)

        What `>>> 1`{ .not-run } means, and `` ```py `` and `<pre>`, is said in code spans.
        <!-- A comment. -->

        ```{.text .not-run}
        >>> not run
        ```
        """,
    "shown-only": """
        A block that is quoted as Markdown is not run:

        ````markdown
        ```python
        1 / 0
        ```

        ![](x.svg) <!-- blocks: 9 -->
        ````
        """,
    "marks": """
        ```python
        import numpy as np

        x = 1 / np.arange(2, 5, 2)
        assert np.allclose(x, [0.5, 0.25])  # within a rounding error  # score: sound-close
        for n, expected in [(2, 0.5), (4, 0.25)]:
            assert abs(1 / n - expected) < 1e-9  # score: sound-loop
        score = "# score: no mark"  # the score is no mark either
        ```

        ```pycon
        >>> assert abs(x[0] / 3 - 0.167) < 5e-4 and len(x) == 2  # score: sound-prompt
        >>> assert abs(x[0] - 1) > 0.4  # score: sound-differs differs
        ```
        """,
    "no-blocks": "Only prose.\n",
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


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("0.333", "0.3333333"),
        ("0.3", "0.35"),
        ("1.", "1.0"),
        ("1e-05", "1.4e-05"),
        ("2.50e3", "2504.9"),
        ("[1.  , 0.25]", "[1.    , 0.2512]"),
        ("-0.0", "-0.04"),
        ("1e3", "1400.0"),
        ("a  b \n\n  c\n", "a  b\n\n  c   \n\n"),
        ("{'loss': 0.25}", "{'loss': 0.2514}"),
        ("the network's 0.5, it's", "the network's 0.52, it's"),
        ("[1.   0.25]", "[1.     0.2512]"),
        ("[[ nan, 0.25],\n [0.5 , 1.  ]]", "[[   nan, 0.2512],\n [0.5   , 1.    ]]"),
        ("nan inf", "nan inf"),
        ("numpy 2.4.6", "numpy 2.4.6"),
        ("the loss is 0.25.", "the loss is 0.2514."),
        ("x = 12.5%", "x = 12.49%"),
    ],
)
def test_outputs_a_reader_calls_equal(shown: str, printed: str) -> None:
    """A platform's last bit must not break a page."""
    assert difference(shown, printed) is None


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("0.333", "0.3336"),
        ("[1., 1.]", "[1.6, 0.4]"),
        ("[1., 0.]", "[1.4, 0.4]"),
        ("1.0", "1"),
        ("1", "1.0"),
        ("100", "101"),
        ("True", "False"),
        ("True", "1"),
        ("nan", "0.0"),
        ("inf", "-inf"),
        ("1e-05", "1.6e-05"),
        ("0.5", "-0.5"),
        ("1.5 2.5", "1.5"),
        ("numpy 2.4.6", "numpy 2.4.7"),
        ("float32", "float64"),
        ("W1", "W2"),
        ("", "2"),
        ("2", ""),
        ("1.5", "1.5e1"),
        ("ab", "a b"),
        ("a b", "a  b"),
        ("a b", "a\nb"),
        ("  a", "a"),
        ("a\n\nb", "a\nb"),
        ("a\nb", "a"),
        ("0.0", "-0.04"),
        ("0.0", "-0.0"),
        ("-0.0", "0.0"),
        ("+0.5", "0.5"),
        ("1e3", "1600.0"),
        ("1.0e3", "1400.0"),
        ("'0.5'", "'0.52'"),
        ("['0.5', 0.5]", "['0.52', 0.52]"),
        ("1.0  2.0", "1.0   2.0"),
        ("[1,  2]", "[1, 2]"),
        ("[ 0.5]", "[0.5]"),
        ("[1.0]\n1.0  2", "[1.0]\n1.0 2"),
        ("<BLANKLINE>", ""),
    ],
)
def test_outputs_a_reader_calls_different(shown: str, printed: str) -> None:
    """Strict to the digits shown: half a unit of the last place, and no more."""
    assert difference(shown, printed)


class Interpreter(code.InteractiveConsole):
    """Reads line by line as Python does at its prompt, runs if asked to, and keeps its complaints."""

    def __init__(self, *, runs: bool) -> None:
        super().__init__()
        self.runs, self.complaints = runs, ""

    def runcode(self, code: CodeType) -> None:
        if self.runs:
            super().runcode(code)

    def write(self, data: str) -> None:
        self.complaints += data

    def paste(self, source: str) -> None:
        for line in source.splitlines():
            self.push(line)
        if self.buffer:
            self.complaints += "a statement is still open"


SUITES = """
    ```python
    def f(x):
        text = \'\'\'a

        b\'\'\'

        return text
    y = f(1)
    if y:
        z = 1

    else:
        z = 2
    @staticmethod
    def g():
        pass
    for i in range(2):
        match i:
            case 0:
                w = z
    assert y == \'a\\n\\n    b\', y
    ```

    ```pycon
    >>> for i in range(2):
    ...     w = i
    >>> (w,
    ...  z)
    (1, 1)
    >>> with open(\'a\', \'w\') as file:
    ...     n = file.write(\'x\')
    ```
    """


def test_pasted_blocks_run_line_by_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the copy button gives must survive an interpreter that takes a blank line for the end of a suite."""
    monkeypatch.chdir(tmp_path)
    interpreter = Interpreter(runs=True)

    for block in Page.parse(page(SUITES)).blocks:
        interpreter.paste(block.source)

    assert interpreter.complaints == ""


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_page_can_be_pasted(path: Path) -> None:
    """The same, for each page of the book, without running it a second time."""
    interpreter = Interpreter(runs=False)

    for block in Page.read(path).runs:
        interpreter.paste(block.source)

    assert interpreter.complaints == ""


def test_a_block_is_what_the_reader_sees() -> None:
    """Offsets and prefixes are what updating and copying stand on."""
    text = page(SOUND["everything"])
    made = Page.parse(text)

    for block in made.blocks:
        lines = text[block.start : block.end].splitlines()
        assert [line[block.indent :] for line in lines] == block.code.splitlines()
        assert text.splitlines()[block.line - 1].lstrip(" >")[:3] in ("```", "~~~")
    assert {b.number: b.code.strip("\n") for b in made.blocks} == check.shown(check.rendered(made)[0])


def test_a_block_that_stands_alone_fails_alone(tmp_path: Path) -> None:
    """It leaves no names that the blocks below it could miss."""
    body = "```{.python .standalone}\n1 / 0\n```\n\n```python\nx = 1\n```\n\n```python\nassert x == 1\n```\n"
    root = plant(tmp_path, {"docs/alone.md": page(body)})

    assert outcome(root, "docs/alone.md") == "1 failed, 3 passed"


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


def test_last_failed_runs_only_the_failures(tmp_path: Path) -> None:
    """`--lf` needs names that stay the same from run to run."""
    body = "```python\nx = 1\n```\n\n```pycon\n>>> x\n2\n```\n"
    root = plant(tmp_path, {"docs/a.md": page(body)})

    assert outcome(root, "docs") == "1 failed, 2 passed"
    assert outcome(root, "docs", "--lf") == "1 failed"


STALE = """
    ```python
    x = 3
    print(f"x is {x}")
    ```

    ```output
    ```

    Text stays.

    ??? success "Solution"
        ```pycon
        >>> x / 7
        0.43
        >>> x
        >>> print("a\\n\\nb")
        lost
        lost
        lost
        lost
        >>> x == 3
        True
        >>> int("a")
        Traceback (most recent call last):
          ...
        ValueError: no
        ```

    > ```pycon
    > >>> 0.123456, 0.7
    > (0.1235, 0.6)
    > ```
    """


def test_update_docs_rewrites_what_is_stale(tmp_path: Path) -> None:
    """Updating leaves what is right, keeps the places shown, and is done after one run."""
    root = plant(tmp_path, {"docs/a.md": page(STALE)})
    expected = page(STALE)
    for old, new in [
        ("```output\n```", "```output\nx is 3\n```"),
        (">>> x\n", ">>> x\n    3\n"),
        ("    lost\n    lost\n    lost\n    lost\n", "    a\n    <BLANKLINE>\n    b\n"),
        ("ValueError: no", "ValueError: invalid literal for int() with base 10: 'a'"),
        ("(0.1235, 0.6)", "(0.1235, 0.7)"),
    ]:
        assert expected.count(old) == 1
        expected = expected.replace(old, new)

    assert outcome(root, "docs", "--update-docs") == "4 passed"
    assert (root / "docs/a.md").read_text("utf-8") == expected
    assert outcome(root, "docs") == "4 passed"


def test_update_docs_hides_no_error(tmp_path: Path) -> None:
    """A block that raises is mended by a person; the outputs above it are still brought up to date."""
    body = "```pycon\n>>> 1 + 1\n3\n```\n\n```pycon\n>>> 1 / 0\n3\n```\n\n```pycon\n>>> 2\n3\n```\n"
    root = plant(tmp_path, {"docs/a.md": page(body)})

    assert outcome(root, "docs", "--update-docs") == "2 failed, 2 passed"
    assert (root / "docs/a.md").read_text("utf-8") == page(body.replace("1 + 1\n3", "1 + 1\n2"))


def test_update_docs_writes_from_one_process(tmp_path: Path) -> None:
    """Two workers that write one page would tear it."""
    root = plant(tmp_path, {"docs/a.md": page(STALE)})

    done = pytest_on(root, "docs", "--update-docs", "-n", "2")

    assert done.returncode != 0
    assert "run without -n" in done.stdout + done.stderr
    assert (root / "docs/a.md").read_text("utf-8") == page(STALE)


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


def cell(source: str, *outputs: dict[str, object], kind: str = "code", **metadata: object) -> dict[str, object]:
    """A cell as Jupyter keeps it in memory."""
    made: dict[str, object] = {"cell_type": kind, "metadata": metadata, "source": source}
    return made | ({"outputs": list(outputs), "execution_count": None} if kind == "code" else {})


def lab(*cells: dict[str, object]) -> str:
    """A lab in the book's form."""
    return labs.normal(json.dumps({"cells": list(cells)}))


def printed(text: str) -> dict[str, object]:
    return {"output_type": "stream", "name": "stdout", "text": text}


def value(**data: str) -> dict[str, object]:
    data = {key.replace("_", "/"): text for key, text in data.items()}
    return {"output_type": "execute_result", "data": data, "metadata": {}, "execution_count": 1}


TITLE = cell("# Lab\n\nText.", kind="markdown")
DRAWS = cell("import matplotlib.pyplot as plt\n\nfig, ax = plt.subplots()\nax.plot([1, 2])\nfig.savefig('a.svg')")
SHOWS = cell("What one sees:\n\n![A line going up](a.svg)", kind="markdown")
ERROR = {"output_type": "error", "ename": "ValueError", "evalue": "x", "traceback": []}

LABS = {
    "sound": (
        lab(TITLE, cell("x = 1 / 3\nprint('a')\nx", printed("a\n"), value(text_plain="0.333")), DRAWS, SHOWS),
        "",
    ),
    "wrong-digit": (lab(TITLE, cell("print(1 / 3)", printed("0.334\n"))), "expected '0.334', got '0.333"),
    "lost-output": (lab(TITLE, cell("print(5)")), "expected nothing, got '5'"),
    "raises": (lab(TITLE, cell("x = 1\ny = 1 / 0")), "ZeroDivisionError"),
    "names-in-order": (lab(cell("x"), cell("x = 1")), "NameError"),
    "stored-error": (lab(cell("x = 1", ERROR)), "a stored error (ValueError)"),
    "stored-picture": (lab(cell("x = 1", value(text_plain="x", image_png="="))), "a stored picture"),
    "stored-warning": (lab(cell("x = 1", printed("w\n") | {"name": "stderr"})), "a stored warning"),
    "raw-cell": (lab(cell("1 / 0", kind="raw")), "a raw cell never runs"),
    "code-in-text": (lab(cell("```python\n1 / 0\n```", kind="markdown")), "code in a text cell never runs"),
    "magic": (lab(cell("%matplotlib inline")), "no magics"),
    "empty": (lab(cell("")), "an empty cell"),
    "math": (lab(cell("So $x$ is.", kind="markdown")), "labs hold no math"),
    "missing-figure": (lab(SHOWS), "no block saves a.svg"),
    "unshown-figure": (lab(DRAWS), "a.svg is saved and never shown"),
    "other-form": (json.dumps(json.loads(lab(TITLE, cell("x = 1")))), "not in the book's form"),
    "run-twice": (
        lab(cell("x = 1")).replace('"execution_count": 1', '"execution_count": 2'),
        "not run in order",
    ),
    "tagged": (
        lab(cell("x = 1")).replace('"metadata": {},', '"metadata": {"tags": ["skip"]},', 1),
        "not in the book's form",
    ),
}


@pytest.fixture(scope="module")
def planted_labs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """All planted labs, and what pytest says of them in one run."""
    made = {f"docs/labs/{name}.ipynb": text for name, (text, _) in LABS.items()}
    root = plant(tmp_path_factory.mktemp("labs"), made)
    return root, pytest_on(root, "docs", "-rA").stdout


@pytest.mark.parametrize("name", LABS)
def test_a_lab_is_tested_like_a_page(planted_labs: tuple[Path, str], name: str) -> None:
    """A stale notebook is worse than none: it looks as if it ran."""
    _, said = planted_labs
    path, says = f"docs/labs/{name}.ipynb", LABS[name][1]

    if says:
        assert re.search(rf"^{re.escape(path)}:\d+: .*{re.escape(says)}", said, re.M)
        assert f"FAILED {path}" in said
    else:
        assert f"FAILED {path}" not in said
        assert f"PASSED {path}::cell:3" in said


def test_a_lab_names_the_line_of_its_file(planted_labs: tuple[Path, str]) -> None:
    """Each line of a cell is a line of the file, so a message can point at it."""
    root, said = planted_labs
    lines = (root / "docs/labs/raises.ipynb").read_text("utf-8").splitlines()
    line = next(n for n, text in enumerate(lines, start=1) if "1 / 0" in text)

    assert f"docs/labs/raises.ipynb:{line}: ZeroDivisionError" in said


def test_update_docs_writes_a_valid_lab(tmp_path: Path) -> None:
    """A lab straight from Jupyter, pictures and all, becomes one in the book's form."""
    messy = json.loads(lab(TITLE, cell("print(1 / 4)\n7", value(text_plain="x", image_png="=")), DRAWS, SHOWS))
    messy["cells"][1] |= {"execution_count": 12, "metadata": {"tags": ["a"]}, "source": "print(1 / 4)\n7"}
    root = plant(tmp_path, {"docs/labs/a.ipynb": json.dumps(messy)})

    assert outcome(root, "docs", "--update-docs") == "3 passed"
    text = (root / "docs/labs/a.ipynb").read_text("utf-8")
    nbformat.validate(nbformat.reads(text, as_version=4))
    assert json.loads(text)["cells"][1]["outputs"] == [printed("") | {"text": ["0.25\n", "7\n"]}]
    assert outcome(root, "docs") == "3 passed"


ROWS = {
    "docs/scoreboard.md": """
        3 rows: 1 printed, 1 predicted, 1 our own; 0 differ.

        | Score | Claim | Source |
        | --- | --- | --- |
        | `fine` | Two is two. | Printed: a table |
        | `lost` | Nothing shows this. | Our own: known |
        | `fine` | Once more. | Our own: known |
        | `short` | No source. |
        | bare | No ticks. | Our own: known |
        | `kindless` | No kind. | A table |
        | `computed` | Two is what we say. | Printed: a table |

        | `loose` | Six is six. | Our own: known |
        """,
    "docs/own.md": "```python\nx = abs(2.0)\nassert abs(x - x**2 / 2) < 1  # score: computed\n```\n",
    "docs/one.md": "```python\nassert abs(2.0) == 2  # score: fine\nassert abs(3.0) == 3  # score: both\n```\n",
    "docs/sub/two.md": "```python\nassert abs(4.0) == 4  # score: both\nassert abs(5.0) == 5  # score: new\n"
    "assert abs(6.0) == 6  # score: loose\n```\n",
}
WRONG_ROWS = [
    (
        "docs/scoreboard.md",
        "3 rows: 1",
        "say how many rows there are, or find the lost one: 2 rows: 2 printed, 0 predicted, 0 our own; 0 differ",
    ),
    ("docs/scoreboard.md", "| `lost`", "no assert is marked `# score: lost`"),
    ("docs/scoreboard.md", "| `fine` | Once more", "fine has a row at line 12: keep one"),
    ("docs/scoreboard.md", "| `short`", "a row of the scoreboard is | `some-id` |"),
    ("docs/scoreboard.md", "| bare", "a row of the scoreboard is | `some-id` |"),
    ("docs/scoreboard.md", "| `kindless`", "Printed: source |, or Predicted: or Our own:"),
    ("docs/scoreboard.md", "| `computed`", "what a source prints is written out in the assert, and docs/own.md:10"),
    ("docs/sub/two.md", "abs(4.0)", "the mark both is taken, by docs/one.md:10"),
    (
        "docs/one.md",
        "abs(3.0)",
        "both is in no table of docs/scoreboard.md: add | `both` | claim | Our own: source | to its chapter's, below |",
    ),
    ("docs/sub/two.md", "abs(5.0)", "new is in no table of docs/scoreboard.md"),
    ("docs/sub/two.md", "abs(6.0)", "loose is in no table of docs/scoreboard.md"),
]


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A planted scoreboard with all that can be wrong between it and the pages, and what pytest says of it."""
    root = plant(tmp_path_factory.mktemp("board"), {path: page(body) for path, body in ROWS.items()})
    return root, pytest_on(root, "docs/scoreboard.md").stdout


@pytest.mark.parametrize(("path", "at", "says"), WRONG_ROWS, ids=[says[:30] for _, _, says in WRONG_ROWS])
def test_a_scoreboard_that_does_not_fit_is_caught(board: tuple[Path, str], path: str, at: str, says: str) -> None:
    """A row without a block would be a promise; a mark without a row would be a proof that nobody finds."""
    root, said = board
    text = (root / path).read_text("utf-8")
    line = text.count("\n", 0, text.index(at)) + 1

    assert re.search(rf"^{re.escape(path)}:{line}: .*{re.escape(says)}", said, re.M), said


def test_a_scoreboard_says_how_many_rows_it_has(board: tuple[Path, str], tmp_path: Path) -> None:
    """Or nobody would notice that one is gone; the message can be copied."""
    rows = page(ROWS["docs/scoreboard.md"]).replace("3 rows: 1 printed, 1 predicted, 1 our own; 0 differ.", "Rows.")
    root = plant(tmp_path, {"docs/scoreboard.md": rows})

    assert (
        "docs/scoreboard.md:1: say how many rows there are, or find the lost one: 0 rows: 0 printed"
        in pytest_on(root, "docs").stdout
    )


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


def commands(text: str) -> list[str]:
    """The commands of a page, line by line."""
    return [line for b in Page.parse(text).blocks if b.language == "bash" for line in b.code.splitlines()]


def test_a_newcomer_follows_the_contributors_page(tmp_path: Path) -> None:
    """The template and the commands of docs/contributing.md work as they stand, in the order they stand."""
    text = (ROOT / "docs" / "contributing.md").read_text("utf-8")
    (template,) = [b.code for b in Page.parse(text).blocks if b.options.get("title") == "docs/chapters/NAME.md"]
    lines = [line.removeprefix("pytest ") for line in commands(text) if "NAME" in line]
    unset = template.replace(">>> 1 / 400**0.5\n    0.05\n", ">>> 1 / 400**0.5\n")
    files = {"docs/chapters/sums.md": unset.replace("NAME", "sums"), "docs/labs/sums.ipynb": "{}"}
    root = plant(tmp_path, files)
    (root / "docs/labs/sums.ipynb").write_text(json.dumps({"cells": [cell("print(1 / 4)")]}))
    (root / "tests" / "engine").mkdir(parents=True)
    shutil.copy(ROOT / "tests" / "engine" / "test_chapters.py", root / "tests" / "engine")

    first, update, lab_update = [line.replace("NAME", "sums").split() for line in lines]

    assert unset != template
    (root / "docs/labs/sums.ipynb").rename(root / "sums")
    assert re.search(
        r"^docs/chapters/sums.md:\d+: ../labs/sums.ipynb is not there", pytest_on(root, *first).stdout, re.M
    )
    (root / "sums").rename(root / "docs/labs/sums.ipynb")
    (one,) = re.findall(r"`pytest (docs/chapters/NAME.md::line:\d+)`", text)
    assert outcome(root, one.replace("NAME", "sums")) == "1 passed"
    assert outcome(root, *first) == "1 failed, 6 passed"
    assert outcome(root, *update) == "7 passed"
    assert (root / "docs/chapters/sums.md").read_text("utf-8") == template.replace("NAME", "sums")
    assert outcome(root, *lab_update) == "2 passed"
    complete = pytest_on(root, "tests/engine/test_chapters.py", "-k", "test_a_chapter_is_complete")
    said = re.findall(r"^E +docs/chapters/sums.md:\d+: (.*)", complete.stdout, re.M)
    assert len(said) == 1
    assert said[0].endswith("say more")
    assert "pytest tests/engine/test_chapters.py" in commands(text)


def test_a_newcomer_adds_a_section(tmp_path: Path) -> None:
    """The first steps of docs/contributing.md: what pytest says of the section is what the page says that it says."""
    blocks = Page.parse((ROOT / "docs" / "contributing.md").read_text("utf-8")).blocks
    (section,) = [b.code for b in blocks if b.options.get("title") == "a section for docs/primer.md"]
    (messages,) = [b.code for b in blocks if b.language == "text" and "docs/primer.md" in b.code]
    told = [re.sub(r"\d+(?!\.)", "N", line) for line in messages.splitlines()]
    imports = "```python\nimport matplotlib.pyplot as plt\nimport numpy as np\n```\n"
    assert imports in (ROOT / "docs" / "primer.md").read_text("utf-8")
    root = plant(tmp_path, {"docs/primer.md": page(f"{imports}\n{section}\n## Summary\n", count=1)})

    said = pytest_on(root, "docs/primer.md", "--tb=short").stdout
    wrong = dict.fromkeys(re.findall(r"^(?:E +)?(docs/primer.md:\d+: .*)", said, re.M))
    updated = outcome(root, "--update-docs", "docs/primer.md")

    assert [re.sub(r"\d+(?!\.)", "N", line) for line in wrong] == told
    assert updated == "1 failed, 2 passed"  # the number of blocks is the writer's to mend
    path = root / "docs" / "primer.md"
    text = path.read_text("utf-8")
    assert ">>> round(float(stray), 1)\n3.0\n" in text
    path.write_text(text.replace("blocks: 1\n", "blocks: 2\n"), "utf-8")
    assert outcome(root, "docs/primer.md") == "3 passed"


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


# What only the build can say, which notes the numbers: (block, line of the page, message).
UNRECORDED = {
    "never-runs": (
        "def f():\n    assert abs(2.0) == 2  # score: a",
        10,
        "the assert marked a never ran, so nothing is known of it",
    ),
    "no-number": (
        "class A:\n    def __lt__(self, other):\n        return True\nassert A() < 2  # score: a",
        12,
        "TypeError: the scoreboard compares numbers, not A",
    ),
    "unpaired": (
        "import numpy as np\nx = np.ones(1)\nassert np.allclose(x, [1, 1])  # score: a",
        11,
        "the scoreboard met 1 numbers for 2 expected ones",
    ),
}


@pytest.mark.parametrize("name", UNRECORDED)
def test_the_build_misses_what_a_mark_never_met(name: str) -> None:
    """A row without a number would be a row without a proof."""
    code, line, says = UNRECORDED[name]

    with pytest.raises(BookError, match=re.escape(f"a.md:{line}: {says}")):
        run_page(Page.parse(page(f"```python\n{code}\n```\n"), "a.md"), record=True)


def test_a_row_that_no_build_completes_is_named() -> None:
    """It would stand there as it is written: the page failed, or is a lab that only its own week runs."""
    text = f"{HEADER}\n| --- | --- | --- |\n| `weekly` | Once a week. | Our own: known |\n"
    known = {"other": Score("1", "1", False, "a.md", "section 1.1")}
    found: list[blocks.Problem] = []
    book = extension.BookExtension(found.append)
    book.start(Page.parse(text, "docs/scoreboard.md"), extension.Context(scores=known))

    markdown.markdown(text, extensions=["tables", book])

    (problem,) = found
    assert str(problem).startswith("docs/scoreboard.md:3: nothing is known of weekly: ")


@pytest.mark.parametrize("rule", ["python", "pycon", *blocks.PASSIVE, *blocks.OPTIONS])
def test_the_contributors_page_names_every_language_and_option(rule: str) -> None:
    """What may stand behind a fence is said in one place for people and in one place for the parser."""
    text = (ROOT / "docs" / "contributing.md").read_text("utf-8")

    assert re.search(rf"`[^`]*\b{rule}\b[^`]*`", text)


@pytest.mark.parametrize("name", ["README.md", "docs/chapters/saturation.md", "docs/labs/symmetry.ipynb"])
def test_a_page_can_be_handed_to_another_process(name: str) -> None:
    """So that the build, which draws pages side by side, reads each once."""
    page = Page.read(ROOT / name)
    before = page.runs, page.images, page.exercises, page.marks, page.front

    again = pickle.loads(pickle.dumps(page))

    assert before == (again.runs, again.images, again.exercises, again.marks, again.front)


def test_an_error_can_be_handed_to_another_process() -> None:
    """With its line and its traceback."""
    error = BookError("a.md", 3, "wrong", "detail")

    again = pickle.loads(pickle.dumps(error))

    assert str(again) == str(error) == "a.md:3: wrong"
    assert (again.path, again.line, again.message, again.detail) == ("a.md", 3, "wrong", "detail")
