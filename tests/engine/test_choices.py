"""Questions that are answered by a choice, and what keeps them from being answered."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from _book import rules
from _book.page import Page
from _book.render import check

PAGE = """---
description: A page.
blocks: 0
---

# Page

**Exercise 1.1 ● (choose).** What does the spread do?

- [ ] It *grows*.

    Nothing parts the units, see (1.1).

- [x] It stays at `0`.

    By (1.1).

    And for ever.

A list of other things:

- [one](#page) and
- two
"""


def problems(text: str) -> list[str]:
    """What is wrong with a page before it runs."""
    return [str(problem) for problem in rules.problems(Page.parse(text))]


def test_an_answer_opens_and_says_whether_it_is_right() -> None:
    """Without a script, on paper too; and other lists are left alone."""
    content, found = check.rendered(Page.parse(PAGE))

    page = ElementTree.fromstring(f"<body>{content.replace('&para;', '')}</body>")
    answers = page.findall("ul[@class='choices']/li/details")
    texts = [" ".join("".join(answer.itertext()).split()) for answer in answers]
    assert problems(PAGE) == []
    assert found == []
    assert texts == [
        "It grows. No. Nothing parts the units, see (1.1).",
        "It stays at 0. Yes. By (1.1). And for ever.",
    ]
    assert [answer.get("class") for answer in answers] == ["choice choice--wrong", "choice choice--right"]
    assert [answer.get("open") for answer in answers] == [None, None]
    assert len(page.findall("ul")) == 2
    assert page.find("ul/li/details/summary/em") is not None


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("- [x] It stays", "- [ ] It stays", "page.md:10: 0 right answers: mark one with - [x]"),
        ("- [ ] It *grows*", "- [x] It *grows*", "page.md:10: 2 right answers"),
        ("    Nothing parts the units, see (1.1).\n\n", "", "page.md:10: say why this answer is right or wrong"),
        ("    By (1.1).\n\n    And for ever.\n\n", "", "page.md:14: say why this answer is right or wrong"),
        ("- [ ] It *grows*.\n\n    Nothing parts the units, see (1.1).\n\n", "", "page.md:10: one answer is no choice"),
    ],
)
def test_a_question_that_cannot_be_answered_is_named(old: str, new: str, says: str) -> None:
    """In one line, with the line of the answer."""
    assert PAGE.count(old) == 1

    (problem,) = problems(PAGE.replace(old, new))

    assert problem.startswith(says)
