"""The scoreboard: each row shows what its assert compared, no more; and what does not fit is planted and caught."""

from __future__ import annotations

import re
from pathlib import Path

import markdown
import pytest
from _book import blocks, cache, scores
from _book import board as marks
from _book.board import HEADER
from _book.page import Page, below
from _book.render import extension
from _book.render.board import Score
from _book.run import BookError, run_page
from planted import page, plant, pytest_on

ROOT = Path(__file__).resolve().parents[2]
BOARD = ROOT / "docs" / "scoreboard.md"
START = "import numpy as np\n\nx = 0.38196601 * np.ones(3)[0]\n"


def recorded(code: str, language: str = "python") -> dict[str, dict[str, str]]:
    """Run a page of one block as the build does, and return what the scoreboard would show."""
    text = f"# Page\n\n```{language}\n{code}\n```\n"
    page = Page.parse(text)
    assert marks.problems(page) == []
    return run_page(page, record=True).scores


# Each form once, and what its row says: (assert, expected, ours).
FORMS = [
    ("assert abs(x - 0.382) < 0.0005", "0.382", "0.38197 \u00b1 0.0005"),
    ("assert 0.5 > np.abs(-x - -0.382)", "-0.382", "-0.38 \u00b1 0.5"),
    ("assert abs(x - 4 / (3 * np.pi)) <= 0.05", "0.4244", "0.382 \u00b1 0.05"),
    ("assert abs(1e-9 * x) < 1e-6", "0", "0 \u00b1 1e-6"),
    ("assert abs(x * 6e-7 / 2.4e-7 - 1) < 0.1", "2.4e-7", "2.29e-7 \u00b1 10%"),
    ("assert abs(x / 0.38196601 - 1) < 1e-6", "0.38196601", "0.38196601 \u00b1 3.8e-7"),
    ("assert np.allclose([x, 2 * x], [0.382, 0.760], rtol=0.01)", "0.382, 0.760", "0.382, 0.7639 \u00b1 1%"),
    ("assert np.allclose([x, 2 * x], 0.5, rtol=0, atol=0.5)", "0.5", "0.38 to 0.76 \u00b1 0.5"),
    ("assert np.allclose(x * 1e-7, 3.8e-8, rtol=1e-6)", "3.8e-8", "3.8e-8 \u00b1 1e-8"),  # NumPy's own atol
    ("assert np.allclose(1000 * x, 381.966, atol=1e-7)", "381.966", "381.966 \u00b1 0.0038"),  # NumPy's own rtol
    ("assert [len([x]), len([x, x])] == [1, 2]", "1, 2", "1, 2 exactly"),
    ("assert ['db2'] * len([x]) == ['db2']", "db2", "db2"),
    ("assert 0.25 < x < 0.5", "0.25 to 0.5", "0.38"),
    ("assert x < 0.5", "below 0.5", "0.382"),
    ("assert 0.25 < abs(x)", "above 0.25", "0.382"),
    ("assert abs(x - 0.4) < 0.1 and 1 < 3 * x < 2", "0.4; 1 to 2", "0.38 \u00b1 0.1; 1.1"),
]
DIFFERS = [
    ("assert abs(x - 0.5) > 0.1", "0.5", "0.382 (more than 0.1 off)"),
    ("assert abs(x / 0.5 - 1) > 0.1", "0.5", "0.382 (more than 10% off)"),
    ("assert x > 0.25", "below 0.25", "0.382"),
    ("assert x < 0.5", "above 0.5", "0.382"),
]


@pytest.mark.parametrize(("code", "expected", "ours"), FORMS)
def test_a_row_shows_what_its_assert_compares(code: str, expected: str, ours: str) -> None:
    """The expected number as it is written, ours to the place below the tolerance, and the tolerance."""
    assert recorded(f"{START}{code}  # score: a") == {"a": {"expected": expected, "ours": ours}}


@pytest.mark.parametrize(("code", "expected", "ours"), DIFFERS)
def test_a_row_shows_what_differs(code: str, expected: str, ours: str) -> None:
    """What does not reproduce stays, with what we saw; a bound was expected on its other side."""
    assert recorded(f"{START}{code}  # score: a differs") == {"a": {"expected": expected, "ours": ours}}


def test_a_loop_gives_one_number_for_each_expected_one() -> None:
    """Each with the smallest and the largest that it met; the tolerance is the widest."""
    code = """
for n in (1, 2):
    for seed, expected in enumerate([0.4, 0.78]):
        found = x * (1 + seed) + n / 100
        assert abs(found - expected) < 0.01 * n + 0.005  # score: loop
""".strip()

    assert recorded(START + code)["loop"] == {
        "expected": "0.4, 0.78",
        "ours": "0.392 to 0.402, 0.774 to 0.784 \u00b1 0.025",
    }


def test_a_long_loop_is_cut_short() -> None:
    """Nobody compares a thousand numbers on a page."""
    code = "for l in range(1, 11):\n    assert abs((2 + x / 100) ** l / 2**l - 1) < 0.25  # score: loop"

    found = recorded(START + code)["loop"]

    assert found == {"expected": "2, 4, 8, \u2026, 1024", "ours": "2, 4, 8, \u2026, 1040 \u00b1 25%"}


@pytest.mark.parametrize(
    ("code", "written"),
    [
        ("assert abs(x - 0.4) < x", True),
        ("c = 0.4\nassert abs(x - c) < 1", True),
        ("assert np.allclose([x, x], [0.4, 2 / 5, -(2**-1.0)], atol=1)", True),
        ("assert abs(x) < 1 and 0 < x < 1", True),
        ("assert abs(x - np.mean([0.4])) < 1", False),
        ("c = 0.3\nfor _ in range(2):\n    assert abs(x - c) < 1\n    c = c * x", False),
        ("c = 0.3\nc += x\nassert abs(x - c) < 1", False),
        ("c = 0.3\ndef f(c):\n    assert abs(x - c) < 1\nf(x)", False),
        ("c = [0.3]\nc[0] = x\nassert np.allclose([x], c, atol=1)", False),
        ("for c in (0.3, x):\n    assert abs(x - c) < 1", False),
        ("assert abs(x - 0.4) < 1 and x == x**1", False),
    ],
)
def test_what_is_computed_is_not_written_out(code: str, written: bool) -> None:
    """Or a page could compare its own result with itself, and call that a number that a source prints."""
    head, _, rest = code.rpartition("assert")
    first, *others = rest.splitlines()
    marked = "\n".join([f"{START}{head}assert{first}  # score: a", *others])
    page = Page.parse(f"```python\n{marked}\n```\n")

    assert marks.problems(page) == []
    assert [mark.written for mark in page.marks] == [written]


def test_recording_changes_no_value() -> None:
    """The build runs what the tests ran: each part once, in the same order."""
    code = """
calls = []
def f(value):
    calls.append(value)
    return value

assert abs(
    f(2) - 2
) < f(0.5) and 1 < f(1.5) < 2  # no mark
assert abs(f(2) - 2) < f(0.5) and 1 < f(1.5) < 2  # score: twice
assert calls == [2, 0.5, 1.5] * 2
"""

    assert recorded(code.strip())["twice"]["ours"] == "2 ± 0.5; 1.5"


FAILS = """x = len([1])
assert abs(x - 1.0) < 1  # score: holds
assert abs(  # score: fails
    x
    - 9.0
) < 1
"""


@pytest.mark.parametrize("record", [False, True])
def test_a_claim_that_fails_is_quoted_as_it_stands(tmp_path: Path, record: bool) -> None:
    """Whether the numbers are noted or not."""
    with pytest.raises(BookError) as error:
        run_page(Page.parse(f"```python\n{FAILS}```\n", tmp_path / "a.md"), record=record)

    assert (error.value.line, error.value.message) == (4, "AssertionError at `assert abs(  # score: fails`")
    assert scores.RECORDER not in error.value.detail


def test_tests_run_the_plain_code(tmp_path: Path) -> None:
    """What a reader pastes is what is tested; the recorder is the build's."""
    text = f"```python\nassert abs(len([1]) - 1.0) < 1  # score: a\nassert '{scores.RECORDER}' not in globals()\n```\n"

    assert run_page(Page.parse(text, tmp_path / "a.md")).scores == {}


def test_what_was_met_is_kept_with_the_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rebuild that runs nothing shows the same rows."""
    monkeypatch.setattr(cache, "CACHE", tmp_path / "cache")
    made = tmp_path / "a.md"
    made.write_text("```python\nassert abs(len([1]) - 1.0) < 0.5  # score: a\n```\n", encoding="utf-8")

    first = cache.draw(Page.read(made))
    monkeypatch.setattr(cache, "run_page", None)

    assert first.scores == {"a": {"expected": "1.0", "ours": "1 ± 0.5"}}
    assert cache.draw(Page.read(made)) == first


def test_a_lab_is_marked_like_a_page(tmp_path: Path) -> None:
    """With the line of its file, and the cells as blocks."""
    page = Page.read(ROOT / "docs" / "labs" / "saturation.ipynb")

    assert page.marks
    assert all(f"# score: {mark.id}" in page.text.splitlines()[mark.line - 1] for mark in page.marks)


def test_a_place_has_the_name_of_its_section() -> None:
    """Where a row leads, in two words."""
    prose = "# 4. Nets\n\nOpening.\n\n## 4.1 One\n\nText.\n\n### 4.2 Two\n\nText.\n\n## Summary\n\nText.\n"

    places = [marks.place(prose, line) for line in (3, 7, 11, 15)]

    assert places == ["chapter 4", "section 4.1", "section 4.2", "chapter 4"]
    assert marks.place("# Lab 3. Digits\n\n## 2. Starts\n\nText.\n", 5) == "lab 3"
    assert marks.place("# Reference\n\nText.\n", 3) == "Reference"


def test_the_book_has_a_scoreboard_of_forty_rows() -> None:
    """Each row has one mark, each mark a row: the page's own check, here without pytest's collection."""
    page = Page.read(BOARD)
    listed = marks.rows(page)
    found = [mark for file in below(BOARD.parent) for mark in Page.read(file).marks]

    assert marks.book_problems(page, found) == []
    assert len(listed) >= 40
    assert sorted(listed) == sorted(mark.id for mark in found)


def test_every_claim_is_a_sentence() -> None:
    """It is read alone, on a phone as a card."""
    claims = [match["claim"] for line in BOARD.read_text("utf-8").splitlines() if (match := marks.ROW.match(line))]

    assert claims
    assert [claim for claim in claims if not re.fullmatch(r"[A-Z].*\.", claim)] == []


def test_a_mark_is_a_comment_and_no_text() -> None:
    """Also beside f-strings, which from Python 3.12 on are many tokens."""
    assert (
        recorded('x = f"{len([1])}" or "# score: none"\nassert abs(int(x) - 1.0) < 1  # score: a')["a"]["expected"]
        == "1.0"
    )


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
