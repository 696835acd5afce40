"""What the engine's tests plant: pages, labs, and a tree that pytest treats as it treats the book."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

from _book import labs
from _book.page import Page

ROOT = Path(__file__).resolve().parents[2]
# For a pytest within a test: its plugin imports all of Hypothesis, which no planted page needs, half the time of a run.
OPTIONS = "-p no:hypothesispytest"


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
        env={**os.environ, "PYTHONPATH": path, "PYTEST_ADDOPTS": OPTIONS, "PYTHONUTF8": "1"},
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
