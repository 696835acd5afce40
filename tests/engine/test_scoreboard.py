"""The scoreboard: each row shows what its assert compared, no more; the guards are planted in test_book.py."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from _book import board as marks
from _book import cache, scores
from _book.page import Page, below
from _book.run import BookError, run_page

ROOT = Path(__file__).resolve().parents[2]
BOARD = ROOT / "docs" / "scoreboard.md"
START = "import numpy as np\n\nx = 0.38196601 * np.ones(3)[0]\n"


def recorded(code: str, language: str = "python") -> dict[str, dict[str, str]]:
    """Run a page of one block as the build does, and return what the scoreboard would show."""
    text = f"# Page\n\n```{language}\n{code}\n```\n"
    page = Page.parse(text)
    assert marks.problems(page) == []
    return run_page(page, record=True).scores


FORMS = [
    ("assert abs(x - 0.382) < 0.0005", "0.382", "0.382 ± 0.0005"),
    ("assert abs(0.382 - x) < 5 * 1e-4", "0.382", "0.382 ± 0.0005"),
    ("assert abs(x / 0.35 - 1) < 0.1", "0.35", "0.38 ± 10%"),
    ("assert np.abs(x - 0.4) <= 0.02", "0.4", "0.38 ± 0.02"),
    ("assert abs(np.array([x, 0.4]) - 0.4).max() < 0.02", "0.4", "0.38 to 0.40 ± 0.02"),
    ("assert np.all(abs(np.array([x, 0.4]) - 0.4) < 0.02)", "0.4", "0.38 to 0.40 ± 0.02"),
    ("assert (abs(np.array([x, 0.4]) - 0.4) < 0.02).all()", "0.4", "0.38 to 0.40 ± 0.02"),
    ("assert bool(abs(x - 0.382) < 0.0005)", "0.382", "0.382 ± 0.0005"),
    ("assert abs(x - 4 / (3 * np.pi)) < 0.05", "0.4244", "0.38 ± 0.05"),
    ("assert np.allclose([x, 2 * x], [0.382, 0.760], rtol=0.01)", "0.382, 0.760", "0.382, 0.764 ± 1%"),
    ("assert np.allclose([x, 2 * x], [0.382, 0.760], rtol=0, atol=0.005)", "0.382, 0.760", "0.382, 0.764 ± 0.005"),
    ("assert np.allclose(np.full((2, 2), x), [[0.38, 0.4]], atol=0.03)", "0.38, 0.4", "0.38, 0.38 ± 0.03"),
    ("assert np.allclose(x * 1e-7, 3.8196601e-8, rtol=1e-6, atol=0)", "3.8196601e-8", "3.8196601e-8 ± 3.8e-14"),
    ("assert np.allclose(x * 1e-7, 3.8e-8, rtol=1e-6)", "3.8e-8", "3.8e-8 ± 1e-8"),  # NumPy's own atol
    ("assert np.allclose(x, 0.382, atol=1e-9, rtol=0.001)", "0.382", "0.3820 ± 0.1%"),
    ("assert np.allclose(1000 * x, 381.966, atol=1e-7)", "381.966", "381.966 ± 0.0038"),  # NumPy's own rtol
    ("assert np.allclose(0 * x, 0)", "0", "0 ± 1e-8"),
    ("assert round(x, 3) == 0.382", "0.382", "0.382 ± 0.0005"),
    ("assert round(float(x * 100)) == 38", "38", "38 ± 0.5"),
    ("assert np.round([x, 1.0], 2).tolist() == [0.38, 1.00]", "0.38, 1.00", "0.38, 1.00 ± 0.005"),
    ("assert [round(x, 3), round(x**0.5, 2)] == [0.382, 0.62]", "0.382; 0.62", "0.382 ± 0.0005; 0.62 ± 0.005"),
    ("assert [round(v, 2) for v in (x, 1.0)] == [0.38, 1.00]", "0.38, 1.00", "0.38, 1.00 ± 0.005"),
    ("assert len([x, x]) == 2", "2", "2 exactly"),
    ("assert ['db2'] * len([x]) == ['db2']", "db2", "db2"),
    ("assert 0.25 < x < 0.5", "0.25 to 0.5", "0.38 in 0.25 to 0.5"),
    ("assert 0.5 > x > 0.25", "0.25 to 0.5", "0.38 in 0.25 to 0.5"),
    ("assert x < 0.5", "below 0.5", "0.382 (below 0.5)"),
    ("assert 0.25 < x", "above 0.25", "0.382 (above 0.25)"),
    ("assert 0.5 < x / 0.4 < 2", "0.4", "0.38 (0.5 to 2 times)"),
    ("assert 0.5 < x * 6e-7 / 2.4e-7 < 2", "2.4e-7", "2.3e-7 (0.5 to 2 times)"),
    ("assert abs(x - 0.4) < 0.1 and 1 < 3 * x < 2", "0.4; 1 to 2", "0.38 ± 0.1; 1.1 in 1 to 2"),
    ("assert all(abs(v - p) < 0.05 for v, p in zip([x, 2 * x], [0.4, 0.8]))", "0.4, 0.8", "0.38, 0.76 ± 0.05"),
    ("assert abs(0.5**22 / 2.4e-7 - 1) < 0.01", "2.4e-7", "2.38e-7 ± 1%"),
    ("assert abs(x - {3: 0.4, 2: 1.900}[3]) < 0.02", "0.4", "0.38 ± 0.02"),
    ("assert abs(-x - -0.382) < 0.0005", "-0.382", "-0.382 ± 0.0005"),
]
DIFFERS = [
    ("assert abs(x - 0.5) > 0.1", "0.5", "0.382 (more than 0.1 off)"),
    ("assert abs(x / 0.5 - 1) > 0.1", "0.5", "0.382 (more than 10% off)"),
    ("assert not np.allclose(x, 0.5, rtol=0.1)", "0.5", "0.382 (more than 10% off)"),
    ("assert round(x, 2) != 0.5", "0.5", "0.38 (more than 0.005 off)"),
    ("assert len([x]) != 2", "2", "1 (not equal)"),
    ("assert 0.3 < x < 0.4 < 0.5", "0.5", "0.38 in 0.3 to 0.4"),
    ("assert 0.2 < 0.3 < x < 0.4", "0.2", "0.38 in 0.3 to 0.4"),
    ("assert x > 0.25", "0.25", "0.382 (above 0.25)"),
    ("assert x < 0.5", "0.5", "0.382 (below 0.5)"),
]


@pytest.mark.parametrize(("code", "published", "ours"), FORMS)
def test_a_row_shows_what_its_assert_compares(code: str, published: str, ours: str) -> None:
    """The published number as it is written, ours down to the place that the tolerance reaches."""
    assert recorded(f"{START}{code}  # score: a") == {"a": {"published": published, "ours": ours}}


@pytest.mark.parametrize(("code", "published", "ours"), DIFFERS)
def test_a_row_shows_what_differs(code: str, published: str, ours: str) -> None:
    """What does not reproduce stays, with what we saw and how far off it is."""
    assert recorded(f"{START}{code}  # score: a differs") == {"a": {"published": published, "ours": ours}}


def test_a_loop_gives_one_number_for_each_published_one() -> None:
    """Each with the smallest and the largest that it met; the tolerance is the widest."""
    code = """
for n in (1, 2):
    for seed, published in enumerate([0.4, 0.78]):
        found = x * (1 + seed) + n / 100
        assert abs(found - published) < 0.01 * n + 0.005  # score: loop
""".strip()

    assert recorded(START + code)["loop"] == {"published": "0.4, 0.78", "ours": "0.39 to 0.40, 0.77 to 0.78 ± 0.025"}


def test_a_long_loop_is_cut_short() -> None:
    """Nobody compares a thousand numbers on a page."""
    code = "for l in range(1, 11):\n    assert 0.8 < (2 + x / 100) ** l / 2**l < 1.25  # score: loop"

    found = recorded(START + code)["loop"]

    assert found == {"published": "2, 4, 8, …, 1024", "ours": "2.0, 4.0, 8.0, …, 1000 (0.8 to 1.25 times)"}


def test_a_name_stands_for_the_numbers_beside_it() -> None:
    """If it is written in the same block, and nothing else is done with it."""
    code = "published = [0.382, 0.76]\nassert np.allclose([x, 2 * x], published, rtol=0.01)  # score: named"

    assert recorded(START + code)["named"]["published"] == "0.382, 0.76"


@pytest.mark.parametrize(
    "code",
    [
        "c = 0.3\nfor _ in range(2):\n    assert abs(x - c) < 1  # score: a\n    c = c * x",
        "c = 0.3\nc += x\nassert abs(x - c) < 1  # score: a",
        "c = 0.3\ndef f(c):\n    assert abs(x - c) < 1  # score: a\nf(x)",
        "c = [0.3]\nc.append(x)\nassert np.allclose([x, x], c, atol=1)  # score: a",
        "c = [0.3]\nc[0] = x\nassert np.allclose([x], c, atol=1)  # score: a",
        "for c in (0.3, x):\n    assert abs(x - c) < 1  # score: a",
        "for c, in [(0.3,), (x,)]:\n    assert abs(x - c) < 1  # score: a",
        "with np.errstate() as c:\n    c = x\nassert abs(x - c) < 1  # score: a",
    ],
)
def test_a_name_that_is_computed_is_not_published(code: str) -> None:
    """Or a page could compare its own result with itself, and call that reproduced."""
    block = f"```python\n{START}{code}\n```\n"

    (problem,) = marks.problems(Page.parse(block))

    assert "written out" in problem.message


@pytest.mark.parametrize(
    ("session", "published", "ours"),
    [
        (">>> round(x, 3)  # score: a\n0.382", "0.382", "0.382 ± 0.0005"),
        (">>> x  # score: a\n0.38", "0.38", "0.38 ± 0.005"),
        (">>> round(x, 5), 2 * 1  # score: a\n(0.38197, 2)", "0.38197, 2", "0.38197 ± 5e-6, 2 exactly"),
        (">>> [round(v, 2) for v in (x, 1.0)]  # score: a\n[0.38, 1.0]", "0.38, 1.0", "0.38, 1.00 ± 0.005"),
        (">>> bool(abs(x - 0.4) < 0.02)  # score: a\nTrue", "0.4", "0.38 ± 0.02"),
        (">>> assert abs(x - 0.4) < 0.02  # score: a", "0.4", "0.38 ± 0.02"),
    ],
)
def test_a_prompt_shows_the_published_number(session: str, published: str, ours: str) -> None:
    """What the page shows below it is compared by the engine; what is rounded is known better than it is shown."""
    found = recorded(f">>> x = 0.38196601 * len([1])\n{session}", "pycon")

    assert found["a"]["published"].replace("; ", ", ") == published
    assert found["a"]["ours"].replace("; ", ", ") == ours


def test_recording_changes_no_value() -> None:
    """The build runs what the tests ran: each part once, in the same order."""
    code = """
calls = []
def f(value):
    calls.append(value)
    return value

assert abs(
    f(2) - 2
) < f(0.5) and 1 < f(1.5) < f(2)  # no mark
assert abs(f(2) - 2) < f(0.5) and 1 < f(1.5) < f(2)  # score: twice
assert calls == [2, 0.5, 1.5, 2] * 2
"""

    assert recorded(code.strip())["twice"]["ours"] == "2 ± 0.5; 1.5 in 1 to 2"


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

    assert first.scores == {"a": {"published": "1.0", "ours": "1 ± 0.5"}}
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
        recorded('x = f"{len([1])}" or "# score: none"\nassert abs(int(x) - 1.0) < 1  # score: a')["a"]["published"]
        == "1.0"
    )
