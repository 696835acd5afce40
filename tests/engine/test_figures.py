"""A figure is a drawing, with something to see in it, and the same one each time: what gets by is planted here."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import pytest
from _book import pictures, rules
from _book.page import Page
from _book.run import BookError, Session, run_page

IMPORTS = "import matplotlib.pyplot as plt\nimport numpy as np\n"
SAVE = 'fig.savefig("a.svg")\n'


def page(code: str) -> Page:
    """A page with one block, whose first line is the second of the page, and the figure that it saves."""
    code = textwrap.dedent(code).lstrip("\n")
    return Page.parse(f"```python\n{code}```\n\n![A line going up](a.svg)\n", "a.md")


def svg(inside: str = '<path d="M0 0L1 1"/>', attributes: str = "") -> str:
    names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 9 9"'
    return f'<?xml version="1.0"?>\n<svg {names} {attributes}>{inside}</svg>\n'


# What is wrong with a file, by what is said of it.
FILES = {
    "is an empty file: end the block with fig.savefig": b" \n",
    "is not UTF-8": svg("<title>\xe9</title>").encode("latin-1"),
    "is no XML (mismatched tag: ": svg("<g>").encode(),
    "is no XML (undefined entity": svg("<title>&what;</title>").encode(),
    "is no SVG but <html>": b"<html/>",
    "is no SVG but <svg>": b'<svg viewBox="0 0 9 9"/>',
    "(<script>)": svg("<g><script>alert(1)</script></g>").encode(),
    "(<foreignObject>)": svg("<foreignObject/>").encode(),
    "(<a>)": svg('<a xlink:href="#b"/>').encode(),
    "(<animate>)": svg("<animate/>").encode(),
    "(<{http://www.w3.org/1999/xhtml}script>)": svg('<h:script xmlns:h="http://www.w3.org/1999/xhtml"/>').encode(),
    "(onload=)": svg(attributes='onload="alert(1)"').encode(),
    "(OnClick=)": svg('<path OnClick="x"/>').encode(),
    "fetches something ('b.svg#c')": svg('<use xlink:href="b.svg#c"/>').encode(),
    "fetches something ('https://example.org/a.png')": svg('<image href="https://example.org/a.png"/>').encode(),
    "fetches something ('data:image/svg+xml,": svg('<image href="data:image/svg+xml,%3Csvg/%3E"/>').encode(),
    "fetches something ('fill: url(//example.org/#a)')": svg('<path style="fill: url(//example.org/#a)"/>').encode(),
    "fetches something (in its <style>)": svg("<style>@import 'a.css';</style>").encode(),
    "(an entity or an instruction)": b'<?xml version="1.0"?><?xml-stylesheet href="a.css"?>' + svg()[22:].encode(),
}


@pytest.mark.parametrize("says", FILES)
def test_a_file_that_is_more_or_less_than_a_drawing_is_caught(says: str) -> None:
    """It would stand in the page as it is, and whatever is in it would run there."""
    made = page(f'\nfrom pathlib import Path\nPath("a.svg").write_bytes({FILES[says]!r})  # .savefig("a.svg")\n')

    with pytest.raises(BookError) as caught:
        run_page(made)

    assert str(caught.value).startswith("a.md:3: a.svg ")
    assert says in str(caught.value)


# What is drawn by a block below `IMPORTS`, and saved by its last line.
BLANK = {
    "no-line": ("fig, ax = plt.subplots()", "nothing drawn in its axes 1 of 1"),
    "second-axes": ("fig, (one, two) = plt.subplots(2)\none.plot([1, 2])", "nothing drawn in its axes 2 of 2"),
    "labels-alone": ("fig, ax = plt.subplots()\nax.set_title('A')\nax.set_xlabel('x')", "nothing drawn in its axes 1"),
    "empty-line": ("fig, ax = plt.subplots()\nax.plot([], [])", "nothing drawn in its axes 1 of 1"),
    "not-a-number": ("fig, ax = plt.subplots()\nax.plot([1, 2], [np.nan, np.nan])", "nothing drawn in its axes 1 of 1"),
    "outside": ("fig, ax = plt.subplots()\nax.plot([1, 2])\nax.set_xlim(5, 6)", "nothing drawn in its axes 1 of 1"),
    "invisible": ("fig, ax = plt.subplots()\nax.plot([1, 2], visible=False)", "nothing drawn in its axes 1 of 1"),
    "see-through": ("fig, ax = plt.subplots()\nax.plot([1, 2], alpha=0)", "nothing drawn in its axes 1 of 1"),
    "no-dots": ("fig, ax = plt.subplots()\nax.scatter([], [])", "nothing drawn in its axes 1 of 1"),
    "dots-outside": (
        "fig, ax = plt.subplots()\nax.scatter([1], [1])\nax.set_xlim(5, 6)",
        "nothing drawn in its axes 1",
    ),
    "no-lines": ("fig, ax = plt.subplots()\nax.vlines([], 0, 1)", "nothing drawn in its axes 1 of 1"),
    "no-words": ("fig, ax = plt.subplots()\nax.text(0, 0, ' ')", "nothing drawn in its axes 1 of 1"),
    "no-axes": ("fig = plt.figure()", "nothing drawn in it"),
    "frameless": ("fig, ax = plt.subplots()\nax.axis('off')", "nothing drawn in it"),
    "cleared": ("fig, ax = plt.subplots()\nax.plot([1, 2])\nax.clear()", "nothing drawn in its axes 1 of 1"),
    "inset": ("fig, ax = plt.subplots()\nax.inset_axes([0, 0, 1, 1])", "nothing drawn in its axes 1 of 1"),
}


@pytest.mark.parametrize("name", BLANK)
def test_a_figure_in_which_nothing_is_seen_is_caught(name: str) -> None:
    """By what Matplotlib drew, at the line that saves it."""
    code, says = BLANK[name]
    made = page(f"{IMPORTS}{code}\n{SAVE}")

    with pytest.raises(BookError) as caught:
        run_page(made)

    assert str(caught.value).startswith(f"a.md:{2 + made.blocks[0].code.count(chr(10)) - 1}: a.svg has {says}")


SEEN = {
    "line": "fig, ax = plt.subplots()\nax.axhline(1)",
    "points": "fig, ax = plt.subplots()\nax.plot([1, np.nan, 3], '.')",
    "picture": "fig, ax = plt.subplots()\nax.imshow(np.eye(3))\nfig.colorbar(ax.images[0])",
    "bars": "fig, (a, b, c) = plt.subplots(3)\na.bar([1], [2])\nb.hist([1, 2])\nc.fill_between([1, 2], [1, 2])",
    "dots": "fig, (a, b) = plt.subplots(2)\na.scatter([1], [1])\nb.vlines([1, 2], 0, 1)",
    "shades": "fig, ax = plt.subplots()\nax.imshow(np.eye(2), alpha=np.eye(2))\nax.scatter([1, np.nan], [1, 1])",
    "log-dots": "fig, (a, b) = plt.subplots(2)\na.loglog()\na.scatter([1, 10], [1, 10])\nb.semilogy()\n"
    "b.fill_between([1, 2], [1, 2])",
    "span": "fig, (a, b) = plt.subplots(2)\na.axvspan(1, 2)\nb.pcolormesh(np.eye(3))",
    "words": "fig, ax = plt.subplots()\nax.axis('off')\nax.text(0.5, 0.5, 'Here.')",
    "contours": "fig, (a, b) = plt.subplots(2)\na.contourf(np.eye(3))\nb.quiver([1], [2], [1], [1])",
    "twins": "fig, ax = plt.subplots()\nax.plot([1, 2])\nax.twinx().set_ylabel('the same in other units')",
    "second-scale": "fig, ax = plt.subplots()\nax.plot([1, 2])\nax.secondary_xaxis('top')",
    "empty-corner": "fig, (a, b) = plt.subplots(2)\na.plot([1, 2])\nb.axis('off')",
    "legend": "fig, (a, b) = plt.subplots(2)\nlines = a.plot([1], label='a')\nb.axis('off')\nb.legend(handles=lines)",
    "inset": "fig, ax = plt.subplots()\nax.inset_axes([0.5, 0.5, 0.4, 0.4]).plot([1, 2])",
    "tight": "fig, ax = plt.subplots(layout='constrained')\nax.stem([1, 2], [3, 4])\nax.annotate('a', (1, 3))",
    "table": "fig, ax = plt.subplots()\nax.axis('off')\nax.table([['a', 'b']])",
    "log": "fig, ax = plt.subplots()\nax.loglog([1, 10], [1, 10])",
    "figure-alone": "fig = plt.figure()\nfig.text(0.5, 0.5, 'Here.')",
    "twice": "fig, ax = plt.subplots()\nfig.savefig('a.svg')\nax.plot([1, 2])",
}


@pytest.mark.parametrize("name", SEEN)
def test_a_figure_in_which_something_is_seen_passes(name: str) -> None:
    """A guard that cries wolf is switched off."""
    found = run_page(page(f"{IMPORTS}{SEEN[name]}\n{SAVE}"))

    assert pictures.problem(found.figures["a.svg"]) is None


@pytest.mark.parametrize(
    "show", ["plt.show()", "fig.show()", "plt.close(fig)\nplt.show()", "from matplotlib.pyplot import show\nshow()"]
)
def test_a_call_of_show_is_caught(show: str) -> None:
    """On a page it opens no window; a reader who pastes it would wait for one."""
    made = page(f"{IMPORTS}fig, ax = plt.subplots()\nax.plot([1, 2])\n{SAVE}{show}\n")

    with pytest.raises(
        BookError, match=r"RuntimeError: nothing can be shown in a window here: take show\(\) out"
    ) as caught:
        run_page(made)

    assert caught.value.line == 1 + made.blocks[0].code.count("\n")


def test_a_figure_shown_twice_is_caught() -> None:
    """The second has the ids of the first; and one of the two is out of date in the writer's mind."""
    made = page(f"{IMPORTS}fig, ax = plt.subplots()\nax.plot([1, 2])\n{SAVE}")
    again = Page.parse(f"{made.text}\nText.\n\n![The same line going up](a.svg)\n", "a.md")

    found = [str(problem) for problem in rules.problems(again)]

    assert "a.md:13: a.svg is shown at line 9 already: refer to it there" in found
    assert not [each for each in map(str, rules.problems(made)) if "already" in each]


@pytest.mark.parametrize(
    ("draw", "says"),
    [
        ("np.random.rand(3)", "draws from np.random's own generator"),
        ("np.random.default_rng().random(3)", "RuntimeError: this generator has no seed"),
        ("np.random.RandomState().rand(3)", "RuntimeError: this generator has no seed"),
        ("[__import__('random').random() for _ in range(3)]", "draws from random's own generator"),
    ],
)
def test_a_figure_that_differs_each_time_is_caught(draw: str, says: str) -> None:
    """Before it is drawn a second time: by where its numbers come from."""
    made = page(f"{IMPORTS}fig, ax = plt.subplots()\nax.plot({draw})\n{SAVE}")

    with pytest.raises(BookError) as caught:
        run_page(made)

    assert says in str(caught.value)
    assert caught.value.line in (2, 5)


def test_what_a_package_draws_while_it_is_imported_is_none_of_a_pages_business(tmp_path: Path) -> None:
    """SciPy's and JAX's own imports draw; the generators of the process then stand where they stood."""
    (tmp_path / "drawing_package.py").write_text(
        "import random\nimport numpy as np\nx = random.random() + np.random.rand() + np.random.default_rng().random()\n"
    )
    code = f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\nimport drawing_package\n"

    run_page(Page.parse(f"```python\n{code}```\n", "a.md"))

    assert sys.modules.pop("drawing_package").x
    sys.path.remove(str(tmp_path))


def test_a_page_leaves_what_it_watches_as_it_was() -> None:
    """Matplotlib and the generators, also after a block that fails."""
    import builtins
    import random

    import matplotlib.pyplot as plt
    import numpy as np
    from matplotlib.backend_bases import FigureManagerBase
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from numpy.random import bit_generator

    def now() -> list[object]:
        hooks = [builtins.__import__, random.seed, np.random.seed, bit_generator.randbits, sys.displayhook]
        return [*hooks, plt.show, FigureManagerBase.show, FigureCanvasSVG.print_svg]

    before = now()

    with pytest.raises(BookError):
        run_page(page(f"{IMPORTS}fig, ax = plt.subplots()\n{SAVE}1 / 0\n"))

    assert now() == before


def test_a_reader_may_draw_what_no_page_may() -> None:
    """The rules are for the book: a cell of the browser runs in `place` alone, where nothing is watched."""
    session = Session(page(f"{IMPORTS}fig, ax = plt.subplots()\n{SAVE}"))
    (block,) = session_blocks = Page.parse(
        "```python\nimport numpy as np\nx = np.random.default_rng().random()\n```\n"
    ).runs

    with session.place(session.module):
        exec(block.code, session.namespace)

    assert len(session_blocks) == 1
    assert 0 <= session.namespace["x"] < 1
