"""A reader copies the blocks of a page in order into a plain Python session, and all of them run."""

import json
import os
import subprocess
import sys

import served

# A stand-in for the reader's terminal: what it is given arrives line by line, as a paste does.
SESSION = """
import code, json, sys

class Session(code.InteractiveConsole):
    problem = None
    def showtraceback(self):
        self.problem = "".join(__import__("traceback").format_exception(*sys.exc_info()))
    def showsyntaxerror(self, *args, **options):
        self.showtraceback()

session = None
for number, (text, alone) in enumerate(json.load(sys.stdin), start=1):
    if session is None or alone:
        session = Session()
    for line in text.splitlines():
        session.push(line)
    session.push("")  # the reader presses Enter
    if session.problem:
        print(f"block {number}:\\n{text}\\n{session.problem}", file=sys.stderr)
        sys.exit(1)
"""

# Python blocks by what marks them as such, with the ones that start from nothing told apart.
BLOCKS = """() => [...document.querySelectorAll("article pre:not(.answer > *) > code")].map(code => {
    const box = code.closest("[class*=language-], .highlight") || code.parentElement
    return {
        classes: box.className,
        alone: box.closest(".standalone") !== null,
        text: code.innerText.slice(0, 80),
    }
})"""


def copied(page, most):
    """What each copy button of a Python block puts on the clipboard, and whether it runs alone."""
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    blocks = page.locator("article pre:not(.answer > *):has(> code)")
    found = []
    for index, block in enumerate(page.evaluate(BLOCKS)[:most]):
        if not {"language-python", "language-pycon"} & set(block["classes"].split()):
            continue
        page.evaluate("navigator.clipboard.writeText('nothing was copied')")
        button = blocks.nth(index).locator("xpath=..").locator("button[data-md-type=copy], .md-clipboard")
        button.first.click(timeout=5_000)
        found.append((page.evaluate("navigator.clipboard.readText()"), block["alone"]))
    return found


def test_what_is_copied_runs(name, tab, tmp_path):
    """In a session with nothing but shallownet installed, in an empty folder."""
    page = tab(name, viewport={"width": 1280, "height": 800})
    # The page of all chapters has some 300, of which the chapters' own pages have tried each.
    blocks = copied(page, most=20 if name == served.PRINT else None)
    for text, _ in blocks:
        compile(text, name, "exec")

    done = subprocess.run(
        [sys.executable, "-c", SESSION],
        input=json.dumps([] if served.runs_elsewhere(name) else blocks),
        cwd=tmp_path,
        env=os.environ | {"MPLBACKEND": "Agg"},
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )

    # A change of the theme's classes must not leave this test nothing to do.
    assert len(blocks) >= 5 or name not in served.chapters()
    assert done.returncode == 0, done.stderr[-3000:]
    assert "nothing was copied" not in [text for text, _ in blocks]
    assert not [text for text, _ in blocks if text.lstrip().startswith(">>>")]
