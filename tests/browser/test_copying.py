"""A reader copies the blocks of a page in order into a plain Python session; what runs there is what the page shows.

That the code of every block runs is what the tests of the pages assert, natively and in the browser.
"""

import ast
import code
import os
import re
import subprocess
import sys

import pytest
import served
from fixtures import PHONE, furnished

# A block of code that is not the reader's own answer, and its copy button.
BLOCK = "article pre:not(.answer > *):has(> code)"
BUTTON = "button[data-md-type=copy], .md-clipboard"
# Python blocks by what marks them as such.
BLOCKS = """selector => [...document.querySelectorAll(`${selector} > code`)].map(code => ({
    classes: (code.closest("[class*=language-], .highlight") || code.parentElement).className,
    text: code.textContent,
}))"""


class Session(code.InteractiveConsole):
    """A stand-in for the reader's terminal: text arrives line by line, as a paste does; it notes what would run."""

    def __init__(self):
        super().__init__()
        self.statements = []

    def runsource(self, source, *args):
        compiled = self.compile(source, *args)  # raises where a session would show a SyntaxError
        if compiled is not None:
            self.statements += ast.parse(source).body
        return compiled is None


def pasted(text):
    """What a session runs when this is pasted into it, as one dump."""
    session = Session()
    for line in text.splitlines():
        session.push(line)
    session.push("")  # the reader presses Enter
    return ast.dump(ast.Module(session.statements, []))


def shown(text):
    """What the code of a block says, without its prompts and what they show."""
    if ">>>" in text:
        # A docstring's examples have prose between them.
        lines = [re.match(r" *(?:>>>|\.\.\.)(?: |$)(.*)", line) for line in text.splitlines()]
        text = "\n".join(line[1] for line in lines if line)
    return ast.dump(ast.Module(ast.parse(text).body, []))


# What its copy button puts on the clipboard for each of the given blocks, by their places; as fast as the page does it.
COPY = """async ([selector, button, places]) => {
    const blocks = [...document.querySelectorAll(selector)]
    const texts = []
    for (const place of places) {
        await navigator.clipboard.writeText("nothing was copied")
        blocks[place].parentElement.querySelector(button).click()
        let text
        for (let tries = 0; tries < 100; tries++) {
            text = await navigator.clipboard.readText()
            if (text != "nothing was copied") break
            await new Promise(done => setTimeout(done, 10))
        }
        texts.push(text)
    }
    return texts
}"""


def copied(page, most=None, bare=False):
    """What each copy button of a Python block puts on the clipboard, and the code that stands there.

    `bare` leaves out the blocks that need a framework.
    """
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    found = [
        (place, block["text"])
        for place, block in enumerate(page.evaluate(BLOCKS, BLOCK)[:most])
        if {"language-python", "language-pycon"} & set(block["classes"].split())
        and not (bare and " needs-" in block["classes"])
    ]
    texts = page.evaluate(COPY, [BLOCK, BUTTON, [place for place, _ in found]])
    return list(zip(texts, [text for _, text in found], strict=True))


@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
def test_every_copy_button_can_be_pressed(phone, tab):
    """With a pointer or a finger: nothing lies over it."""
    size = PHONE if phone else {}
    page = tab("chapters/symmetry/", **size)
    furnished(page)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    buttons = page.locator(BLOCK).locator("xpath=..").locator(BUTTON)
    assert buttons.count() >= 5
    for button in buttons.all():
        page.evaluate("navigator.clipboard.writeText('nothing was copied')")
        button.tap() if phone else button.click()
        assert page.evaluate("navigator.clipboard.readText()") != "nothing was copied"


def test_copy_buttons_do_not_wait_to_be_seen(tab):
    """Who goes on by the keyboard gets to one below the screen; and what scrolls there is a place of its own."""
    page = tab("chapters/symmetry/", scrolled=False)
    furnished(page)
    last = page.locator(BLOCK).last

    assert page.evaluate("scrollY") == 0
    assert last.evaluate("e => e.getBoundingClientRect().top > innerHeight")
    assert page.locator(BLOCK).locator(BUTTON).count() == page.locator(BLOCK).count()
    assert (
        page.evaluate(
            """selector => [...document.querySelectorAll(`${selector} > code`)]
        .some(e => e.scrollWidth > e.clientWidth && e.tabIndex < 0)""",
            BLOCK,
        )
        is False
    )


def test_what_is_copied_is_what_is_shown(name, visit):
    """Pasted line by line, with no prompt, no output, and no suite left open, it is the very code of the block."""
    page = visit(name).seen()
    # The page of all chapters has some 300, of which the chapters' own pages have tried each.
    blocks = copied(page, most=20 if name == served.PRINT else None)

    # A change of the theme's classes must not leave this test nothing to do.
    assert len(blocks) >= 5 or name not in served.chapters()
    for text, code_shown in blocks:
        assert pasted(text) == shown(code_shown), text


@pytest.mark.parametrize("page", ["", "reference/network/"])
def test_what_is_copied_runs(page, visit, tmp_path):
    """In a plain session, in an empty folder: a whole page, and the examples of docstrings."""
    blocks = copied(visit(page).seen(), bare=True)
    assert blocks
    script = "import code, sys; code.interact(banner='', exitmsg='', local={'__name__': '__main__'})"

    done = subprocess.run(
        [sys.executable, "-c", script],
        input="\n\n".join(text for text, _ in blocks) + "\nprint('to the end')\n",
        cwd=tmp_path,
        env=os.environ | {"MPLBACKEND": "Agg"},
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )

    assert "to the end" in done.stdout
    assert "Error" not in done.stderr, done.stderr[-3000:]
