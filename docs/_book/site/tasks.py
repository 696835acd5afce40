"""The list of all exercises, by how hard they are: a page that the build makes of the pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from _book.exercises import Task, anchor, tasks
from _book.page import Page

INDEX = "exercises.md"
MARKS = {"●": "a minute", "●●": "some work at the keyboard", "●●●": "an afternoon"}


def found(pages: Mapping[str, Page]) -> Iterator[tuple[str, Task]]:
    """Yield the exercises of all pages, each with the name of its page."""
    for name, page in pages.items():
        if not page.lab:
            yield from ((name, task) for task in tasks(page.text, page.prose))


def index(pages: Mapping[str, Page]) -> str:
    """Return the Markdown of the list, each exercise with its kind and its first sentence."""
    listed = sorted(found(pages), key=lambda each: _place(each[1].number))
    counts = ", ".join(f"{sum(task.marks == marks for _, task in listed)} of {marks}" for marks in MARKS)
    parts = [
        "---\ntitle: Exercises\ndescription: All exercises of the book, by how hard they are.\n"
        "search: {exclude: true}\n---\n\n# Exercises\n\n"
        f"All {len(listed)} of the book, by how hard they are: {counts}. "
        "Each leads to its place, where the solution is."
    ]
    for marks, means in MARKS.items():
        lines = [
            f"- [{task.number}]({name}#{anchor(task.number)}), *{task.kind}*: {task.asks}"
            for name, task in listed
            if task.marks == marks
        ]
        parts.append("\n".join([f"## {marks} {means}", "", *lines]))
    return "\n\n".join(parts) + "\n"


def _place(number: str) -> tuple[int, str, int]:
    """Numbered chapters in their order, then pages that are called by a letter."""
    chapter, _, own = number.partition(".")
    return (int(chapter) if chapter.isdigit() else 1000, chapter, int(own) if own.isdigit() else 0)
