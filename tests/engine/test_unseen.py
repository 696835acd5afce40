"""What looks like code runs or is marked, and what a page holds is seen: each way round that is planted, and caught.

The pages stand in one tree, and one run of pytest says what is wrong with each.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import markdown
import pytest
from _book.page import SUFFIXES, below
from _book.prose import telling
from _book.render import vocabulary
from mkdocs.config import load_config
from mkdocs.structure.files import get_files
from mkdocs.utils import markdown_extensions
from planted import OPTIONS, Fault, cell, lab, page, plant, pytest_on

ROOT = Path(__file__).resolve().parents[2]
LOOKS, PROMPT, HIDDEN = "looks like code and never runs", "a prompt outside a fence", "hidden HTML"
TWO = "```python\nx = 1\ny = 2\n```\n"

FAULTS = {
    # Code that never runs.
    "prompt-in-text": Fault(">>> 1", LOOKS, "```text\nSo\n>>> 1 + 1\n3\n```\n"),
    "prompt-in-console": Fault(">>> 1", LOOKS, "```console\n$ python\n>>> 1 + 1\n3\n```\n"),
    "prompt-in-bash": Fault(">>> 1", LOOKS, "```bash\npython\n>>> 1 + 1\n```\n"),
    "prompt-in-html": Fault(">>> 1", LOOKS, "```html\n<b>\n>>> 1 + 1\n```\n"),
    "prompt-in-diff": Fault("+>>> 1", LOOKS, "```diff\n+>>> 1 + 1\n+3\n```\n"),
    "prompt-in-markdown": Fault(">>> 1", LOOKS, "```markdown\nText.\n\n>>> 1 + 1\n```\n"),
    "prompt-of-jupyter": Fault("In [1]", LOOKS, "```text\nIn [1]: 1 + 1\nOut[1]: 3\n```\n"),
    "import-in-text": Fault("import", LOOKS, "```text\nimport numpy as np\n```\n"),
    "value-in-text": Fault("x = np", LOOKS, "```text\nWe write\nx = np.zeros(3)\n```\n"),
    "call-in-text": Fault("plt.show", LOOKS, "```text\nplt.show()\n```\n"),
    "function-in-console": Fault("def f", LOOKS, "```console\ndef f(x):\n    return x\n```\n"),
    "assert-in-yaml": Fault("assert", LOOKS, "```yaml\nassert 1 < 2\n```\n"),
    "import-in-toml": Fault("import", LOOKS, "```toml\nimport numpy\n```\n"),
    "import-in-json": Fault("import", LOOKS, "```json\nimport numpy\n```\n"),
    "many-lines-in-text": Fault("```text", LOOKS, "```text\nx = {\n    1: 2,\n}\n```\n"),
    "fence-in-text": Fault("```python", LOOKS, "````text\n```python\n1 / 0\n```\n````\n"),
    "prompt-in-a-title": Fault("```{", PROMPT, '```{.text title=">>> 1 + 1"}\nx\n```\n'),
    "prompt-in-code-span": Fault("`>>> 1", PROMPT, "So `>>> 1 + 1` is 3.\n"),
    "prompt-in-table": Fault("`>>> 1", PROMPT, "| a | b |\n| --- | --- |\n| `>>> 1 + 1` | 3 |\n"),
    "prompt-in-list": Fault("- >>>", PROMPT, "Text.\n\n- >>> 1 + 1\n"),
    "prompt-in-quote": Fault("> >>> 1", PROMPT, "> >>> 1 + 1\n> 3\n"),
    "prompt-in-heading": Fault("## `>>>", PROMPT, "## `>>> 1 + 1` is 3\n"),
    "prompt-in-entities": Fault("&gt;&gt;", PROMPT, "&gt;&gt;&gt; 1 + 1\n"),
    "prompt-in-numbers": Fault("&#62;", PROMPT, "So &#62;&#x3e;&gt; 1 + 1\n"),
    "prompt-in-pieces": Fault("<span", PROMPT, 'So <span id="a">></span>>> 1 + 1 is 3.\n'),
    "prompt-with-other-mark": Fault("`>>>", PROMPT, "So `>>> 1 + 1`{ .lead } is 3.\n"),
    "python-in-table": Fault("| `import", LOOKS, "| a | b |\n| --- | --- |\n| `import numpy` | 3 |\n"),
    "python-in-list": Fault("- `x = ", LOOKS, "Text.\n\n- `x = np.zeros(3)`\n- `y`\n"),
    "python-in-quote": Fault("> import", LOOKS, "> import numpy as np\n> print(np.pi)\n"),
    "python-in-code-span": Fault("`assert", LOOKS, "Text.\n\n`assert abs(x) < 1`\n"),
    "call-in-code-span": Fault("`plt", LOOKS, "Text.\n\n`plt.show()`\n"),
    "python-in-entity": Fault("x &#61; ", LOOKS, "x &#61; f(2)\n"),
    "xmp": Fault("<xmp>", "code in HTML never runs", "<xmp>\n1 / 0\n</xmp>\n"),
    "textarea": Fault("<textarea", "code in HTML never runs", "<textarea rows=3>1 / 0</textarea>\n"),
    "p-code": Fault("<p><code", "code in HTML never runs", "<p><code>1 / 0</code></p>\n"),
    "listing": Fault("<listing", "code in HTML never runs", "<listing>1 / 0</listing>\n"),
    "fence-behind-no-break-space": Fault(
        "\xa0~~~python", "a character that no editor shows, U+00A0", "\xa0~~~python\n1 / 0\n\xa0~~~\n"
    ),
    "fence-behind-zero-width": Fault("\u200b```py", "no editor shows, U+200B", "\u200b```python\n1 / 0\n\u200b```\n"),
    "fence-behind-a-mark": Fault("\ufeff~~~py", "no editor shows, U+FEFF", "\ufeff~~~python\n1 / 0\n\ufeff~~~\n"),
    "unseen-in-a-block": Fault("x = 1", "no editor shows, U+2060", "```python\nx = 1  # \u2060\n```\n"),
    "code-marked-and-run": Fault("```{", "held to what runs", "```{.python .not-run}\nx = 1\n```\n"),
    # Hidden.
    "visibility": Fault("<p", f"{HIDDEN}, or HTML that could be: drop style", '<p style="visibility:hidden">x</p>\n'),
    "display-with-a-space": Fault("<p", HIDDEN, '<p style="display :none">x</p>\n'),
    "opacity": Fault("<span", HIDDEN, 'Text <span style="opacity:0">x</span>.\n'),
    "hidden-attribute": Fault("<p", "drop hidden", "<p hidden>x</p>\n"),
    "hidden-attribute-in-capitals": Fault("<P", "drop HIDDEN", "<P HIDDEN>x</P>\n"),
    "hidden-over-two-lines": Fault("<p", "drop hidden", "<p\nhidden>x</p>\n"),
    "aria-hidden": Fault("<p", "drop aria-hidden", '<p aria-hidden="true">x</p>\n'),
    "class-of-no-height": Fault("<p", "drop .flat", '<p class="lead flat">x</p>\n'),
    "inert": Fault("<p", "drop inert", "<p inert>x</p>\n"),
    "list-hidden": Fault("{: hidden", "drop hidden", "Text.\n{: hidden }\n"),
    "list-style": Fault("{ .lead", "drop style", 'Some **bold**{ .lead style="display:none" } text.\n'),
    "list-class": Fault("{ .flat", "drop .flat", "Some **bold**{ .flat } text.\n"),
    "list-on-a-heading": Fault("## Two", "drop style", '## Two { style="opacity:0" }\n'),
    "list-in-a-table": Fault("| **b**", "drop hidden", "| a | b |\n| --- | --- |\n| **b**{: hidden } | c |\n"),
    "class-of-a-note": Fault("!!! note", "drop .flat", '!!! note flat "Title"\n    Text.\n'),
    "list-in-capitals": Fault("{ HIDDEN", "drop hidden", "Some **bold**{ HIDDEN=1 } text.\n"),
    "phantom": Fault("So $", "hides or colours", "So $\\phantom{x} = 1$ is.\n"),
    "second-of-two-lists": Fault("*c*{", "drop .flat", "A *b*{ .lead } and\n*c*{ .flat }.\n"),
    "open-comment": Fault("<!-- Text", "never closed, and hides the rest", "Text.\n\n<!-- Text.\n\nMore.\n"),
    "instruction": Fault("<?php", "no reader sees", "<?php 1 ?>\n"),
    "cdata": Fault("<![CDATA", "no reader sees", "Text.\n\n<![CDATA[ 1 ]]>\n"),
    # What else a page may hold.
    "iframe": Fault("<iframe", "raw <iframe>", '<iframe src="https://example.org"></iframe>\n'),
    "object": Fault("<object", "raw <object>", '<object data="a.svg"></object>\n'),
    "embed": Fault("<embed", "raw <embed>", 'Text <embed src="a.svg"> text.\n'),
    "script": Fault("<script", "raw <script>", "<script>1</script>\n"),
    "style": Fault("<style", "raw <style>", "<style>p { height: 0 }</style>\n"),
    "svg": Fault("<svg", "raw <svg>", "<svg></svg>\n"),
    "video": Fault("<video", "raw <video>", '<video src="a.mp4"></video>\n'),
    "details": Fault("<details", "raw <details>", "<details><p>x</p></details>\n"),
    "onclick": Fault("<p", "drop onclick", '<p onclick="x()">x</p>\n'),
    "onclick-in-a-list": Fault("{ onclick", "drop onclick", 'Some **bold**{ onclick="x()" } text.\n'),
    "script-in-a-link": Fault("[Press]", "runs a script", "[Press](javascript:x())\n"),
    "two-ids": Fault('<span id="a">y', "the id a is taken", '<span id="a">x</span>\n\n<span id="a">y</span>\n'),
    "two-ids-in-lists": Fault("## Two", "the id a is taken", "## One { #a }\n\nText.\n\n## Two { #a }\n"),
    "id-of-a-heading": Fault('<span id="one">', "the id one is taken", '## One\n\n<span id="one">x</span>\n'),
    "undefined-footnote": Fault("Text[^1]", "the footnote 1 is defined nowhere", "Text[^1].\n"),
    "unused-footnote": Fault("[^2]: More", "the footnote 2 is referred to nowhere", "Text.\n\n[^2]: More.\n"),
    "colon-behind-a-footnote": Fault("Text[^3]", "the footnote 3 is defined nowhere", "Text[^3]: more.\n"),
    "undefined-link": Fault("[text][no", "leads nowhere: write the address", "Some [text][nowhere] here.\n"),
    "undefined-short-link": Fault("[text][]", "leads nowhere: write the address", "Some [text][] here.\n"),
    "lost-link": Fault("[there]", "a/b.md is not there", "Text.\n\nSee [there](a/b.md#c), [here](lost-link.md).\n"),
    "snippet": Fault("--8<--", "no snippets", 'Text.\n\n--8<-- "a.md"\n'),
    "snippet-in-a-block": Fault("--8<--", "no snippets", '```text\n--8<-- "a.py"\n```\n'),
    "variable": Fault("{{ version", "no variables", "This is {{ version }}.\n"),
    "statement": Fault("{% if", "no variables", "Text.\n\n{% if x %}\n"),
    "annotation": Fault("# (1)!", "no annotations", "```python\nx = 1  # (1)!\n```\n\n1. Text.\n"),
    "annotation-in-yaml": Fault("# (1)", "no annotations", "```yaml\nx: 1  # (1)\n```\n\n1. Text.\n"),
    "lines-out-of-range": Fault("```{", "the block has lines 1 to 2", TWO.replace("python", '{.python hl_lines="3"}')),
    "line-zero": Fault("```{", "the block has lines 1 to 2", TWO.replace("python", '{.python hl_lines="0-1"}')),
    "no-lines": Fault("```{", "name the lines", TWO.replace("python", '{.python hl_lines=""}')),
    "lines-in-words": Fault("```{", "write them as", TWO.replace("python", '{.python hl_lines="all"}')),
    "image-by-reference": Fault("![A line", "in round brackets", "![A line going up][a]\n\n[a]: a.svg\n"),
}

FRONT = {
    "twice": ("blocks: 0\nblocks: 0\ndescription: D.\n", 3, "'blocks' stands at line 2 already: keep one"),
    "unknown": ("blocks: 0\ndescription: D.\ntemplate: x.html\n", 4, "nothing reads 'template' here"),
    "misspelt": ("block: 0\ndescription: D.\n", 2, "nothing reads 'block' here"),
    "no-description": ("blocks: 0\n", 1, "add a `description:`"),
    "open-quote": ('blocks: 0\ndescription: "D.\n', 3, "YAML cannot read this"),
    "colon": ("blocks: 0\ndescription: D: d.\n", 3, "YAML cannot read this"),
    "comment": ("blocks: 0\ndescription: D # d.\n", 3, "put it in quotes"),
    "dots": ("blocks: 0\ndescription: D.\n...\n", 4, "cannot read this line"),
}

LABS = {
    "indented": ("Text.\n\n    x = 1", "    x = 1", "this code is shown and never run"),
    "indented-prompt": ("Text.\n\n    >>> 1", ">>> 1", PROMPT),
    "prompt": ("So `>>> 1` is 2.", ">>> 1", PROMPT),
    "hidden": ('<p style="opacity:0">x</p>', "opacity", HIDDEN),
    "list": ("Text.\n{: hidden }", "{: hidden", "drop hidden"),
    "script": ("<script>1</script>", "<script>", "raw <script>"),
    "footnote": ("Text[^1].", "[^1]", "the footnote 1 is defined nowhere"),
    "unseen": ("No\u200btes.", "No\u200btes", "U+200B"),
    "python": ("`x = f(3)`", "x = f", LOOKS),
}

SOUND = {
    "marked": """
        The prompt `>>> 1`{ .not-run } is only meant; so is `` >>> ` ``{: .not-run }.

        ```{.text .not-run}
        >>> 1 + 1
        3
        import numpy
        ```

        - `x = 1`{ .not-run }
        """,
    "quoted": """
        ````markdown
        ```python
        x = 1 / 0
        ```

        ```pycon
        >>> x
        ```

        --8<-- "a.md"
        ````

        Not `{{ x }}`, `--8<--`, `[^1]`, `[a][b]` nor `<script>`.
        """,
    "plain": """
        ## One { #first }

        Some <span id="a">text</span>, a note[^1], a [link][there], an [index](#first)
        and an address, <https://example.org>; $a < b$ and $\\{\\{x\\}\\} = [2][1]$ too.
        With $x$ = 3 and `#!python x = f(2)` all is well: a call of `f(x)` and `lr = 0.5` in a sentence.

        | `f(x)` | right |
        | --- | ---: |
        | `train(params, lr=0.5)` | 1 |

        === "First"

            Text.

        === "Second"

            Text.

        ??? note "Why"
            Text.

        ```python
        import numpy as np
        ```

        - [x] It is.

            So it is.

        - [ ] It is not.

            It is.

        [^1]: The note.
        [there]: https://example.org

        ```python hl_lines="1 3-4"
        x = 1


        y = 2
        ```

        ```toml
        a = 1
        ```

        ```bash
        export A=1
        python -c "print(1)"
        ```

        ```text
        a -> b
        loss: 0.3 after 10 steps
        (3, 4)
        ```

        ```console
        $ pytest --lf
        3 passed
        ```
        """,
}


def line_of(text: str, at: str) -> int:
    """The line, from 1, on which some text stands."""
    return text.count("\n", 0, text.index(at)) + 1


def front(text: str) -> str:
    """A page with a front matter as it is given."""
    return f"---\n{text}---\n\n# Planted\n\nText.\n"


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """All planted pages and labs, and what pytest says of them in one run."""
    made = {f"docs/faults/{name}.md": page(fault.body, fault.count) for name, fault in FAULTS.items()}
    made |= {f"docs/front/{name}.md": front(text) for name, (text, _, _) in FRONT.items()}
    made |= {
        f"docs/labs/{name}.ipynb": lab(cell(f"# Lab\n\n{text}", kind="markdown")) for name, (text, *_) in LABS.items()
    }
    made |= {f"docs/sound/{name}.md": page(body) for name, body in SOUND.items()}
    made |= {f"docs/deep/er/and/deeper/x{suffix}": page("`>>> 1`\n") for suffix in SUFFIXES}
    made |= {"docs/deep/er/and/deeper/y.ipynb": lab(cell("1 / 0"))}
    root = plant(tmp_path_factory.mktemp("unseen"), made)
    (root / "docs/bytes.md").write_bytes(page("Caf\xe9.\n").encode("latin-1"))
    (root / "docs/bytes.ipynb").write_bytes(lab(cell("# Caf\xe9", kind="markdown")).encode("latin-1"))
    return root, pytest_on(root, "docs", "-rA").stdout


@pytest.mark.parametrize("name", FAULTS)
def test_what_a_reader_would_not_notice_is_a_fault(planted: tuple[Path, str], name: str) -> None:
    """Each is named with the page's own line."""
    root, said = planted
    path, fault = f"docs/faults/{name}.md", FAULTS[name]
    line = line_of((root / path).read_text("utf-8"), fault.at)

    messages = dict.fromkeys(re.findall(rf"^{re.escape(path)}:.*$", said, re.M))

    assert any(m.startswith(f"{path}:{line}: ") and fault.says in m for m in messages), list(messages)
    assert f"FAILED {path}::page" in said


@pytest.mark.parametrize("name", FRONT)
def test_the_front_matter_is_read_to_the_letter(planted: tuple[Path, str], name: str) -> None:
    """What MkDocs reads otherwise than its writer is a fault, and so is what nothing reads."""
    _, line, says = FRONT[name]

    assert re.search(rf"^docs/front/{name}.md:{line}: .*{re.escape(says)}", planted[1], re.M)


@pytest.mark.parametrize("name", LABS)
def test_the_text_of_a_lab_is_held_to_the_rules_of_a_page(planted: tuple[Path, str], name: str) -> None:
    """With the line of its file."""
    root, said = planted
    path, (_, at, says) = f"docs/labs/{name}.ipynb", LABS[name]
    line = line_of((root / path).read_text("utf-8"), at)

    assert re.search(rf"^{re.escape(path)}:{line}: .*{re.escape(says)}", said, re.M)


@pytest.mark.parametrize("name", SOUND)
def test_what_is_marked_or_no_code_passes(planted: tuple[Path, str], name: str) -> None:
    """A rule that cries wolf would be marked away without a look."""
    messages = re.findall(rf"^docs/sound/{name}.md:.*$", planted[1], re.M)

    assert messages == []
    assert f"PASSED docs/sound/{name}.md::page" in planted[1]


def test_a_file_that_is_not_utf8_is_one_line(planted: tuple[Path, str]) -> None:
    """It names the byte; nothing of the engine shows."""
    root, said = planted

    for name in ("docs/bytes.md", "docs/bytes.ipynb"):
        at = (root / name).read_bytes().index(b"\xe9")
        line = (root / name).read_bytes().count(b"\n", 0, at) + 1
        assert set(re.findall(rf"^{name}:.*$", said, re.M)) == {
            f"{name}:{line}: not UTF-8: byte {at} at line {line} is 0xe9: save it as UTF-8"
        }
    assert "UnicodeDecodeError" not in said


def test_updating_leaves_what_it_cannot_read(tmp_path: Path) -> None:
    """Or a page in an old encoding would be gone."""
    root = plant(tmp_path, {"docs/a.md": ""})
    data = page("Caf\xe9.\n").encode("latin-1")
    (root / "docs/a.md").write_bytes(data)

    said = pytest_on(root, "docs", "--update-docs").stdout

    assert "docs/a.md:8: not UTF-8" in said
    assert (root / "docs/a.md").read_bytes() == data


def test_every_page_that_mkdocs_takes_is_collected(planted: tuple[Path, str]) -> None:
    """However deep it lies, and whatever its suffix; MkDocs itself says what it takes."""
    _, said = planted

    assert set(SUFFIXES) == set(markdown_extensions)
    for suffix in SUFFIXES:
        assert f"FAILED docs/deep/er/and/deeper/x{suffix}::page" in said
    for suffix in SUFFIXES[1:]:
        assert f"docs/deep/er/and/deeper/x{suffix}:1: MkDocs takes this for a page" in said
    assert "FAILED docs/deep/er/and/deeper/y.ipynb::cell:1" in said


def published() -> set[str]:
    """The files below docs/ that MkDocs publishes, by our configuration."""
    config = load_config(str(ROOT / "mkdocs.yml"))
    files = [file for file in get_files(config) if file.inclusion.is_included()]
    assert set(config.plugins["mkdocs-jupyter"].config["include"]) == {"labs/*.ipynb", "labs/weekly/*.ipynb"}
    return {f"docs/{file.src_uri}" for file in files}


def test_whatever_mkdocs_publishes_is_collected() -> None:
    """A page that no test collects could say anything; all that is no page lies in assets."""
    environment = {**os.environ, "PYTEST_ADDOPTS": OPTIONS}
    collected = set()
    for folder in ("docs", "docs/labs/weekly"):  # which `pytest` leaves to its own week
        command = [sys.executable, "-m", "pytest", "--collect-only", "-q", folder]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, encoding="utf-8", check=True)
        collected |= {line.partition("::")[0] for line in done.stdout.splitlines() if "::" in line}

    assert {name for name in published() if not name.startswith("docs/assets/")} == collected
    assert {file.relative_to(ROOT).as_posix() for file in below(ROOT / "docs")} == collected


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("import numpy as np", True),
        ("for x in y:", True),
        ("x[0] = 3", True),
        ("x += 3", True),
        ("print(x)", True),
        ("from here to there", False),
        ("for all of them:", False),
        ("x == 3", False),
        ("a, b", False),
        ("lr=0.5", False),
        ("np.zeros(3)", False),
        ("So x = 3 it is", False),
    ],
)
def test_a_line_that_tells(line: str, says: bool) -> None:
    """A statement tells; a name, a number or a call in passing does not."""
    assert telling(line) is says


def test_what_markdown_makes_is_held_to_a_list_too() -> None:
    """Where the source hides it from our reading of it: code for us, HTML for Markdown."""
    told = "Text.\n\n\\`<b hidden>x</b>\\` text.\n"

    found = list(vocabulary.problems(told, markdown.markdown(told)))

    assert [line for line, _ in found] == [3, 3]
    assert "raw <b>" in found[0][1]
    assert "drop hidden" in found[1][1]


def test_a_notebook_that_is_none_is_one_line(tmp_path: Path) -> None:
    """Of whatever kind."""
    root = plant(tmp_path, {"docs/labs/a.ipynb": "x", "docs/labs/b.ipynb": json.dumps({"cells": 3})})

    said = pytest_on(root, "docs").stdout

    assert "docs/labs/a.ipynb:1: cannot read this notebook" in said
    assert "docs/labs/b.ipynb:1: cannot read this notebook" in said
    assert "Traceback" not in said


def built(root: Path, files: dict[str, bytes]) -> subprocess.CompletedProcess[str]:
    """Build a small book as a contributor may: quietly."""
    skipped = shutil.ignore_patterns("__pycache__")
    for name in ("docs/_book", "docs/assets", "shallownet"):
        shutil.copytree(ROOT / name, root / name, ignore=skipped)
    settings = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    (root / "mkdocs.yml").write_text(re.sub(r"^nav:\n(?: .*\n)+", "", settings, flags=re.M), encoding="utf-8")
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    path = os.pathsep.join([str(root / "docs"), str(root)])
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "-q", "--strict", "--site-dir", str(root / "site")],
        cwd=root,
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": path, "SHALLOWNET_LIVE": "off"},
    )


def test_a_build_names_what_no_test_reads_quiet_or_not(tmp_path: Path) -> None:
    """`mkdocs build -q --strict` once failed without a word; a page of HTML is published as it is."""
    text = page("Text.\n").encode()
    files = {"docs/index.md": text, "docs/a/x.mkd": text, "docs/a/y.html": b"<p>1</p>", "docs/assets/z.txt": b""}

    done = built(tmp_path, files)

    assert done.returncode != 0
    assert "docs/a/x.mkd:1: MkDocs takes this for a page" in done.stderr
    assert "docs/a/y.html:1: published, and no test reads it" in done.stderr
    assert "z.txt" not in done.stderr
    assert "Aborted with 2 warnings in strict mode!" in done.stdout + done.stderr
    assert not (tmp_path / "site/a/y.html").exists()


def test_a_build_says_in_one_line_what_is_not_utf8(tmp_path: Path) -> None:
    """Where a traceback would tell of the engine."""
    done = built(tmp_path, {"docs/index.md": page("Caf\xe9.\n").encode("latin-1")})

    assert done.returncode != 0
    assert "docs/index.md:8: not UTF-8: byte 62 at line 8 is 0xe9" in done.stderr
    assert "Traceback" not in done.stderr
