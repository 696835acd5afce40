"""What passed unseen when each example of the list of traps was tried singly, and near ones beside it."""

from __future__ import annotations

from pathlib import Path

import pytest
from _book import apart, cache, rules
from _book.page import Page
from _book.render import check
from _book.run import Result
from _book.site import draw
from planted import Fault, page
from test_apart import CHANGES, UNCHANGED, block, said

DRAWN = 'import matplotlib.pyplot as plt\n\nfig, ax = plt.subplots()\nax.plot([1, 2])\nfig.savefig("a.svg")'
FIGURE = f"```python\n{DRAWN}\n```\n\n![A line going up](a.svg)"
LIST = "a figure takes no attribute but"
LOOKS = "looks like code and never runs"

KNOWN = """```python
import matplotlib.pyplot as plt


def f(x, y=0):
    return len([x for z in (x, y)])


for x in range(3):
    n = f(x, y=2)
```

"""

# What is seen without running anything.
READ = {
    "hidden-figure": Fault("![A line", LIST, f"{FIGURE}{{ hidden }}\n"),
    "styled-figure": Fault("![A line", LIST, f'{FIGURE}{{: style="display :none" }}\n'),
    "figure-of-no-width": Fault("![A line", LIST, f'{FIGURE}{{ data-explore="a" width=0 }}\n'),
    "list-below-a-figure": Fault("![A line", LIST, f"{FIGURE}\n{{: .flat }}\n"),
    "undefined-link-of-one-word": Fault("[nowhere]", "this link leads nowhere", "Text.\n\nSome [nowhere] here.\n"),
    "undefined-link-of-words": Fault("[No where]", "this link leads nowhere", "Text.\n\n[No where].\n"),
    "lines-backwards": Fault("```{", "the block has lines 1 to 2", '```{.python hl_lines="2-1"}\nx = 1\ny = 1\n```\n'),
    "import-in-a-footnote": Fault("[^1]: import", LOOKS, "Text[^1].\n\n[^1]: import numpy as np\n"),
    "value-in-a-footnote": Fault("[^1]: x", LOOKS, "Text[^1].\n\n[^1]: x = f(3)\n"),
    "print-in-a-footnote": Fault("[^1]: print", LOOKS, "Text[^1].\n\n[^1]: print(x)\n"),
    "import-in-a-title": Fault("## `import", LOOKS, "Text.\n\n## `import numpy`\n"),
    # A call alone that could run, and does not.
    "call-in-a-table": Fault("| `plt", LOOKS, f"{KNOWN}| a | b |\n| --- | --- |\n| `plt.show()` | 3 |\n"),
    "call-in-a-list": Fault("- `f(x)", LOOKS, f"{KNOWN}- `f(x)`\n- more\n"),
    "call-of-a-builtin": Fault("- `len", LOOKS, f"{KNOWN}- `len(str(x))`\n"),
    "call-in-a-title": Fault("## `f(3", LOOKS, f"{KNOWN}## `f(3, y=[x])`\n"),
    "call-in-a-definition": Fault(":   `f", LOOKS, f"{KNOWN}a\n:   `f(x)`\n"),
}


def read(text: str) -> list[str]:
    """What is said of a page that is not run."""
    made = Page.parse(text, "a.md")
    return [str(problem) for problem in rules.problems(made) or check.problems(made)]


@pytest.mark.parametrize("name", READ)
def test_what_a_reader_would_not_notice_is_a_fault(name: str) -> None:
    """With the page's own line."""
    fault = READ[name]
    text = page(fault.body)
    line = text.count("\n", 0, text.index(fault.at)) + 1

    found = read(text)

    assert [each for each in found if each.startswith(f"a.md:{line}: ") and fault.says in each], found


def test_what_looks_like_it_is_none() -> None:
    """A guard that cries wolf is switched off."""
    body = """
        Between [0, 1] and [2]; a [link], a [Link][], `x[n]`, x[n], \\[no link], $[a, b]$, and an address[^1].

        - [x] It is.

            So it is.

        - [ ] It is not.

            It is.

        ```{.python hl_lines="1-1 2"}
        x = 1
        y = 2
        ```

        [link]: https://example.org
        [^1]: The print of x.
        """
    text = page(body)

    assert read(text) == []
    assert read(page(f'{FIGURE}{{ data-explore="symmetry" }}\n')) == []


def test_a_call_alone_may_name_something() -> None:
    """A signature, whose names nobody has given to anything; what a block holds, and so has run; what is marked."""
    cells = ["f(gain)", "g(x)", "f(z)", "f(x, y=2)", "x.model(n, rng)", "x", "(n, 1)", "f (the second)", "3.41 (x)"]
    rows = "".join(f"| `{cell}` | a |\n" for cell in cells)
    text = f"{KNOWN}| a | b |\n| --- | --- |\n{rows}\n- `range(3)`\n- `f(n)`{{ .not-run }}\n- `f(x)`, of a number\n"

    assert read(page(text)) == []


# What is seen when the page runs.
RUN = {
    "still-open": Fault("f = open", "unclosed file", block("import os\nf = open(os.devnull)")),
    "still-to-be-awaited": Fault(
        "c = f()", "was never awaited", block("async def f():\n    pass\n\nc = f()", "c.close\nx = 1")
    ),
    "still-open-among-others": Fault("y, f = ", "unclosed file", block("import os\ny, f = 1, open(os.devnull)")),
    "drawn-by-numpy": Fault(
        "x = np.random",
        "draws from np.random's own",
        block("import numpy as np, random\nrandom.seed(0)\nx = np.random.rand()"),
    ),
    "drawn-by-python": Fault(
        "    x = random",
        "draws from random's own",
        block("import random\n\nfor _ in range(2):\n    x = random.random()"),
    ),
    "database-beside-the-library": Fault(
        "x = sqlite3",
        "writes outside its folder",
        block("import shallownet, sqlite3\nx = sqlite3.connect(shallownet.__file__ + '.db')"),
    ),
}


@pytest.mark.parametrize("name", RUN)
def test_the_line_is_that_of_the_cause(name: str) -> None:
    """Where it is found out only at the end of the block, or of the page, too."""
    fault = RUN[name]
    text = page(fault.body)
    line = text.count("\n", 0, text.index(fault.at)) + 1

    first, *_ = said(Page.parse(text, "a.md"))

    assert first.startswith(f"a.md:{line}: ")
    assert fault.says in first


def test_a_database_of_the_pages_own_is_none_of_it() -> None:
    """In its folder, or in memory."""
    code = "import os, sqlite3\nfor name in (':memory:', 'a.db'):\n    sqlite3.connect(name).close()\nos.remove('a.db')"

    assert said(Page.parse(page(block(code)), "a.md")) == []


def test_a_build_draws_each_page_as_if_it_were_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One page changes all that it can reach; the other's figure, score and asserts are the same beside it."""
    monkeypatch.setattr(cache, "CACHE", tmp_path / "book")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    below = f"{DRAWN}\nassert abs(2.0) == 2  # score: two"
    changing = page(block(CHANGES, "import matplotlib\nmatplotlib.rcParams['lines.linewidth'] = 9"))
    plain = page(f"{block(UNCHANGED, below)}\n![A line going up](a.svg)\n")
    pages = [Page.parse(text, tmp_path / f"{name}.md") for name, text in [("a", changing), ("b", plain), ("c", plain)]]

    (alone,) = draw.drawn(pages[2:])
    _, beside, _ = draw.drawn(pages)

    assert isinstance(alone, Result), alone
    assert beside == alone
    assert alone.scores == {"two": {"expected": "2", "ours": "2 exactly"}}
    assert b"<path" in alone.figures["a.svg"]


def test_jax_is_as_it_was_for_the_next_page() -> None:
    """Its settings are those of a process, as NumPy's are."""
    pytest.importorskip("jax")
    changed = Page.parse(page(block("import jax\njax.config.update('jax_enable_x64', True)")), "a.md")
    after = Page.parse(page(block("import jax\nassert not jax.config.jax_enable_x64")), "b.md")

    assert said(changed) == []
    apart.run_page(after)
