"""What a page shows is what was printed, to the letter, in a session like a plain one: what gets by is planted here."""

from __future__ import annotations

import builtins
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from _book import chance
from _book.compare import difference, rounded
from _book.page import Page
from _book.render import check
from _book.run import BookError, run_page
from _book.update import save, update
from hypothesis import given, settings
from hypothesis import strategies as st

HEAD = "---\ndescription: A planted page.\nblocks: 1\n---\n\n# Planted\n\n"


def pycon(text: str) -> str:
    """A page with one session, whose first line is the ninth of the page."""
    return f"{HEAD}```pycon\n{textwrap.dedent(text).strip()}\n```\n"


# By what is wrong: the line, what is said of it, the session.
FAULTS = {
    "rounded-zero-without-its-sign": (10, "expected '0.0', got '-0.04'", ">>> -0.04\n0.0"),
    "zero-with-a-sign": (10, "expected '-0.0', got '0.0'", ">>> 0.0\n-0.0"),
    "sign-in-an-array": (
        11,
        "expected 'array([0.  , 0.25])'",
        ">>> import numpy as np\n>>> np.array([-0.004, 0.25])\narray([0.  , 0.25])",
    ),
    "more-than-one-digit": (10, "expected '1e3', got '1600.0'", ">>> 1600.0\n1e3"),
    "number-in-quotes": (10, "expected \"'0.5'\", got \"'0.52'\"", ">>> '0.52'\n'0.5'"),
    "two-spaces": (10, "expected \"'a b'\", got \"'a  b'\"", ">>> 'a  b'\n'a b'"),
    "two-lines": (10, "expected 'a b', got 'a'", ">>> print('a\\nb')\na b"),
    "one-line": (10, "expected 'a', got 'a b'", ">>> print('a b')\na\nb"),
    "indentation": (11, "expected 'b', got '  b'", ">>> print('a\\n  b')\na\nb"),
    "indentation-of-the-first-line": (10, "expected 'a', got '  a'", ">>> print('  a')\na"),
    "empty-line-unshown": (11, "expected 'b', got an empty line", ">>> print('a\\n\\nb')\na\nb"),
    "empty-line-unprinted": (
        11,
        "expected an empty line, got 'b'",
        ">>> print('a\\nb')\na\n<BLANKLINE>\nb",
    ),
    "empty-line-first": (10, "expected 'a', got an empty line", ">>> print('\\na')\na"),
    "more-lines": (11, "expected nothing, got 'c'", ">>> print('a\\nb\\nc')\na\nb"),
    "fewer-lines": (12, "expected 'c', got nothing", ">>> print('a\\nb')\na\nb\nc"),
    "column": (10, "expected '1.0  2.0', got '1.0   2.0'", ">>> print(1.0, '', 2.0)\n1.0  2.0".replace("''", "' '")),
    "exception-of-two-lines": (
        12,
        "expected 'b', got 'c'",
        ">>> raise ValueError('a\\nc')\nTraceback (most recent call last):\nValueError: a\nb",
    ),
    "two-statements": (9, "SyntaxError: multiple statements", ">>> 1\n... 2\n2"),
    "two-statements-silent": (9, "SyntaxError: multiple statements", ">>> x = 1\n... y = 2"),
    "unseeded": (
        11,
        "RuntimeError: " + chance.UNSEEDED,
        ">>> import numpy as np\n>>> x = 1\n>>> r = np.random.default_rng()",
    ),
    "unseeded-legacy": (10, "draws from np.random's own generator", ">>> import numpy as np\n>>> x = np.random.rand()"),
    "unseeded-python": (10, "draws from random's own generator", ">>> import random\n>>> x = random.random()"),
    "seeded-with-nothing": (
        11,
        "draws from random's own generator",
        ">>> import random\n>>> x = 1\n>>> random.seed(None)",
    ),
    "future-is-not-for-others": (10, "NameError", ">>> x = 1\n>>> def f(y: missing): pass"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_caught_with_its_line(name: str) -> None:
    """In one line, which quotes what differs as it stands."""
    line, says, body = FAULTS[name]

    with pytest.raises(BookError) as caught:
        run_page(Page.parse(pycon(body), "a.md"))

    assert f"a.md:{line}: " in str(caught.value)
    assert says in str(caught.value)


SOUND = {
    "last-value": """
        >>> 6 * 7
        42
        >>> _ + 1
        43
        >>> x = None
        >>> x
        >>> 'the last is', _
        ('the last is', 43)
        >>> for _ in range(3):
        ...     pass
        >>> _
        2
        """,
    "future": """
        >>> from __future__ import annotations
        >>> def f(x: not_here) -> nor_here:
        ...     return x
        >>> f.__annotations__
        {'x': 'not_here', 'return': 'nor_here'}
        """,
    "source": """
        >>> import inspect
        >>> def f(x):
        ...     if x:
        ...         return x
        ...
        ...     return 2
        >>> print(inspect.getsource(f))
        def f(x):
            if x:
                return x
        <BLANKLINE>
            return 2
        >>> inspect.getsourcelines(f)[1]
        10
        """,
    "one-statement": """
        >>> # nothing
        >>> x = 1; y = 2; x + y
        3
        >>> if x:
        ...     x = 3  # a remark
        ... # another
        >>> @staticmethod
        ... def f(): pass
        """,
    "exceptions": """
        >>> raise ValueError('a\\n\\n  b 0.123')
        Traceback (most recent call last):
          ...
        ValueError: a
        <BLANKLINE>
          b 0.12
        >>> compile('x = = 1', 'a', 'exec')
        Traceback (most recent call last):
        SyntaxError: invalid syntax
        """,
    "seeded": """
        >>> import random
        >>> import numpy as np
        >>> random.seed(1)
        >>> np.random.seed(1)
        >>> round(random.random(), 3), round(float(np.random.rand()), 3)
        (0.134, 0.417)
        >>> round(float(np.random.default_rng(0).random()), 3)
        0.637
        """,
    "rounded": """
        >>> -0.04, 1400.0, 2504.9
        (-0.0, 1e3, 2.50e3)
        >>> import numpy as np
        >>> np.array([[1, np.nan], [-0.25123, np.inf]])
        array([[ 1.  ,  nan],
               [-0.25,  inf]])
        """,
}


@pytest.mark.parametrize("name", SOUND)
def test_a_session_is_a_plain_session(name: str) -> None:
    """What a reader's own interpreter says is right."""
    run_page(Page.parse(pycon(SOUND[name]), "a.md"))


def test_a_session_goes_on_from_block_to_block(tmp_path: Path) -> None:
    """`_`, `__future__` and sources as well; a block that stands alone has none of it."""
    body = """
        ```python
        from __future__ import annotations
        import inspect


        def f(x: not_here):
            return x
        ```

        ```pycon
        >>> inspect.getsource(f)
        'def f(x: not_here):\\n    return x\\n'
        >>> 5
        5
        ```

        ```{.pycon .standalone}
        >>> _
        Traceback (most recent call last):
        NameError: name '_' is not defined
        >>> def f(x: not_here): pass
        Traceback (most recent call last):
        NameError: name 'not_here' is not defined
        >>> from __future__ import annotations
        >>> def f(x: not_here): pass
        ```

        > ```pycon
        > >>> def g(y: not_here):
        > ...     return _ + y
        > >>> g(1)
        > 6
        > >>> print(inspect.getsource(g))
        > def g(y: not_here):
        >     return _ + y
        > ```
        """
    session = Page.parse(textwrap.dedent(body), tmp_path / "a.md")

    before = getattr(builtins, "_", None)  # some package may have put its own there

    run_page(session)

    assert getattr(builtins, "_", None) is before


def test_the_plain_interpreter_agrees() -> None:
    """The promise of this file, held by Python's own: what passes here passes there, what fails there fails here."""
    for name, wrong in [("last-value", False), ("one-statement", False), ("future", False)]:
        page = Page.parse(pycon(SOUND[name]))
        pasted = "".join(block.source for block in page.runs)
        done = subprocess.run([sys.executable, "-qi"], input=pasted, capture_output=True, text=True, check=False)
        shown = "".join(example.want + "\n" for block in page.runs for example in block.examples if example.want)

        assert (done.stdout != shown) is wrong, name
    done = subprocess.run(
        [sys.executable, "-c", "compile('1\\n2\\n', 'a', 'single')"], capture_output=True, text=True, check=False
    )
    assert "SyntaxError: multiple statements" in done.stderr


@pytest.mark.parametrize(
    ("shown", "printed", "expected"),
    [
        ("0.12 0.3", "0.98765 0.55", "0.99 0.6"),  # ties to even, as format does; within half a unit
        ("0.00", "-0.001", "-0.00"),
        ("x 0.5", "y 0.52", "y 0.52"),
        ("'0.5'", "'0.52'", "'0.52'"),
        ("1.0  a", "1.234   a", "1.234   a"),
        ("[1.  , 0.25]", "[1.    , 0.3512]", "[1.    , 0.35]"),
        ("1e3", "2600.0", "2600.0"),
    ],
)
def test_shown_digits_stay_as_many_as_they_were(shown: str, printed: str, expected: str) -> None:
    """And what is written then agrees."""
    assert rounded(shown, printed) == expected
    assert difference(expected, printed) is None


# What a page cannot show in this place: the language of the block, what it prints, and what is said of it.
UNSHOWABLE = [
    ("pycon", ">>> 1", "prints '>>> 1', which would be read as something else: make it a `python` block"),
    ("pycon", "a\n  >>> 1", "prints '>>> 1', which would be read as something else"),
    ("pycon", "...", "prints '...' first, which would be read as something else"),
    ("pycon", "... and so on", "prints '... and so on' first"),
    ("pycon", "a\n<BLANKLINE>", "prints '<BLANKLINE>', which would be read as something else"),
    ("pycon", "Traceback (most recent call last):\nValueError: x", "prints 'Traceback (most recent call last):', wh"),
    ("pycon", "a\nTraceback (most recent call last):\nb", "prints 'Traceback (most recent call last):', which would"),
    ("pycon", "a\n```", "prints '```', which would end the block: open and close it with a longer fence"),
    ("output", "```\nx", "prints '```', which would end the block: open and close it with a longer fence"),
    ("output", "50%\r100%", r"prints '\r', which a page cannot show"),
    ("output", "\x1b[1mbold", r"prints '\x1b', which a page cannot show"),
    ("output", "a\tb", r"prints '\t', which a page cannot show: print blanks, or its repr"),
    ("output", "a\x0cb", r"prints '\x0c', which a page cannot show"),
    ("pycon", "a\u2028b", r"prints '\u2028', which a page cannot show"),
]


def printing(text: str, language: str, prefix: str = "") -> str:
    """A page that prints a text and shows nothing yet, below something that was already right."""
    code = f"print({text!r})"
    lines = {
        "pycon": ["```pycon", ">>> 1 / 3", "0.333", f">>> {code}", ">>> 'below'", "'below'", "```"],
        "output": ["```python", code, "```", "", "```output", "```"],
    }[language]
    return (
        HEAD + ("- A list\n\n" if prefix == "    " else "") + "".join((prefix + line).rstrip() + "\n" for line in lines)
    )


@pytest.mark.parametrize(("language", "text", "says"), UNSHOWABLE, ids=[repr(text) for _, text, _ in UNSHOWABLE])
@pytest.mark.parametrize("prefix", ["", "    ", "> "])
def test_update_docs_refuses_what_would_break_the_page(language: str, text: str, says: str, prefix: str) -> None:
    """The page stays as it is, and its test says at which line, why, and what to do."""
    before = printing(text, language, prefix)

    after = update(Page.parse(before, "a.md"))

    assert after == before
    with pytest.raises(BookError) as caught:
        run_page(Page.parse(after, "a.md"))
    assert says in str(caught.value)
    assert caught.value.line == (7 if prefix != "    " else 9) + {"pycon": 4, "output": 5}[language]


NASTY = [
    *(">>> 1", "...", "... a", "```", "````", "~~~", "<BLANKLINE>", "Traceback (most recent call last):"),
    *(
        "",
        " ",
        "  ",
        "\t",
        "a\tb",
        "-0.0",
        "1e3",
        "[1.  , nan]",
        "'0.5'",
        "{{ x }}",
        "<script>",
        "# (1)!",
        "--8<--",
        "---",
    ),
    *("$x$", "    code", "> quote", "- item", "--> ", "<!-- a", "é ≠ \u3000x", "\\", "`", "&lt;", "'", '"', "| a |"),
]
TEXTS = st.lists(st.one_of(st.sampled_from(NASTY), st.text("ab.'\"`>[] 0-1", max_size=8)), max_size=5).map("\n".join)


@given(text=TEXTS, language=st.sampled_from(["pycon", "output"]), prefix=st.sampled_from(["", "    ", "> "]))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_update_docs_is_done_after_one_run(text: str, language: str, prefix: str) -> None:
    """Whatever is printed: the page passes, its blocks are the same, a second run changes nothing; or it is left."""
    before = Page.parse(printing(text, language, prefix), "a.md")

    after = Page.parse(update(before), "a.md")

    assert update(after) == after.text
    assert after.prose.split() == before.prose.split()
    assert [block.source for block in after.runs] == [block.source for block in before.runs]
    if after.text != before.text or not text.strip():
        run_page(after)
        assert check.problems(after) == []
    else:
        with pytest.raises(BookError, match="prints '"):
            run_page(after)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_update_docs_keeps_the_ends_of_lines(end: str, tmp_path: Path) -> None:
    """A page from Windows stays one: a line that was not touched is not in the diff."""
    page = tmp_path / "a.md"
    text = pycon(">>> print('a\\n\\nb')\nold\n>>> 1\n1")
    page.write_bytes(text.replace("\n", end).encode())

    save(page, update(Page.read(page)))

    new = text.replace("old", "a\n<BLANKLINE>\nb")
    assert page.read_bytes() == new.replace("\n", end).encode()
    stamp = page.stat().st_mtime_ns
    save(page, update(Page.read(page)))
    assert page.stat().st_mtime_ns == stamp


def test_update_docs_keeps_each_end_of_a_mixed_page(tmp_path: Path) -> None:
    """Line by line, where an editor has mixed them."""
    page = tmp_path / "a.md"
    page.write_bytes(b"one\r\ntwo\nthree\r\nfour")

    save(page, "one\nTWO\n2\nthree\nfour")

    assert page.read_bytes() == b"one\r\nTWO\r\n2\r\nthree\r\nfour"
