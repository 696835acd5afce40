"""What every chapter has, and what a chapter lacks: one line each, with the page's own line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from _book.blocks import Problem
from _book.page import Page, shown

FOLDER = "chapters"
BLOCK = 20
KINDS = ("predict", "code", "open")  # a chapter has one of each at least
MORE = ("choose", "paper")  # and as many of these as serve
CLOSING = ("Readers asked", "What went wrong in the field", "The numbers of this chapter", "Summary", "Sources")
EXERCISE = re.compile(
    r"^\*\*Exercise (?P<chapter>\d+)\.(?P<number>\d+)(?P<marks> ●{1,3})? \((?P<kind>\w+)\)\.?\*\*", re.M
)
SOLUTION = re.compile(r'^\?\?\? success ".*[Ss]olution.*"$', re.M)
CHOICE = re.compile(r"^- \[x\] ", re.M)
HEADING = re.compile(r"^(#{1,2}) (.+)$", re.M)
TITLE = re.compile(r"^# (?:(\d+)\. )?.+$", re.M)
HEADER = re.compile(r"^\| Result \| Published \| Ours \| Source \|\n\|[-| :]+\|\n\|.+\|$", re.M)
TAG = re.compile(r"\\tag\{(\d+)\.\d+\}")

Fault = tuple[int, str]  # the line on the page, and what is wrong there


def problems(page: Page) -> list[Problem]:
    """Return what a chapter lacks; nothing for a page that is none, or that could not be read."""
    if Path(page.file).parent.name != FOLDER or page.lab or page.unread:
        return []
    return [Problem(page.path, line, message) for line, message in lacks(page)]


def lacks(page: Page) -> Iterator[Fault]:
    """Yield what a chapter lacks."""
    text, prose = page.text, page.prose
    end = text.count("\n") + 1
    headings = list(HEADING.finditer(prose))
    title = re.fullmatch(r"(\d+)\. .+", headings[0][2]) if headings else None
    number = title[1] if title else "0"
    if title:
        yield from ((page.line(headings[0].start()), message) for message in _number(page, int(number)))
    else:
        yield 1, "start with the title: # 1. Name of the chapter"
    if '!!! abstract "You will be able to"' not in prose:
        yield 1, 'say what the reader will be able to do: !!! abstract "You will be able to"'
    sections = [heading for heading in headings if re.match(r"\d+\.\d+ ", heading[2])]
    for expected, heading in enumerate(sections, start=1):
        if not heading[2].startswith(f"{number}.{expected} "):
            yield page.line(heading.start()), f"number this section {number}.{expected}"
    for tag in TAG.finditer(prose):
        if tag[1] != number:
            yield page.line(tag.start()), f"number this equation {number}.N"
    names = [heading[2] for heading in headings]
    if [name for name in names if name in CLOSING] != list(CLOSING):
        yield end, f"a chapter ends with the sections {', '.join(CLOSING)}, in this order"
    if not HEADER.search(text):
        yield end, "list the numbers reproduced: | Result | Published | Ours | Source |"
    for lab in labs(Path(page.file)):
        if f"](../labs/{lab}" not in prose:
            yield end, f"link the chapter's lab: [Lab](../labs/{lab})"
    if not page.images:
        yield 1, "a chapter has at least one figure"
    yield from ((page.line(offset), message) for offset, message in _exercises(page, number))
    for block in page.runs:
        if block.code.count("\n") > BLOCK:
            yield block.line, f"{block.code.count(chr(10))} lines of code: a block has at most {BLOCK}; split it"


def labs(path: Path) -> list[str]:
    """The labs of a chapter, below docs/labs: those that have its name."""
    folder = path.parents[1] / "labs"
    return sorted(lab.relative_to(folder).as_posix() for lab in folder.glob(f"**/{path.stem}.ipynb"))


def numbers(docs: Path) -> dict[Path, int]:
    """The numbers of all chapters, by their titles; the last may stand beside the folder, as a page of its own."""
    found = {}
    for file in (*sorted(docs.glob("*.md")), *sorted(docs.glob(f"{FOLDER}/*.md"))):
        # Their own tests say which of them are not UTF-8.
        title = TITLE.search(file.read_text(encoding="utf-8", errors="replace"))
        if title and title[1]:
            found[file] = int(title[1])
    return found


def _number(page: Page, number: int) -> Iterator[str]:
    """What is wrong with the number of a chapter, beside those of the others."""
    others = numbers(Path(page.file).parents[1])
    others.pop(Path(page.file), None)
    free = next(n for n in range(min(others.values(), default=number), 10_000) if n not in others.values())
    for file, taken in others.items():
        if taken == number:
            yield f"chapter {number} is {shown(file)} already: the next number is {free}"
    if others and number > min(others.values()) and number - 1 not in others.values():
        yield f"there is no chapter {number - 1}: the next number is {free}"


def _exercises(page: Page, chapter: str) -> Iterator[tuple[int, str]]:
    """Yield what is wrong with the exercises: (offset, message)."""
    prose = page.prose
    found = list(EXERCISE.finditer(prose))
    missing = [kind for kind in KINDS if kind not in {match["kind"] for match in found}]
    if missing or len(found) < len(KINDS):
        kind = (missing or KINDS)[0]
        yield 0, f"at least three exercises, one of each kind: **Exercise {chapter}.1 ● ({kind}).** ..."
    ran = [block for block in page.runs if block.indent]
    stops = [match.start() for match in (*found, *HEADING.finditer(prose))] + [len(prose)]
    for expected, match in enumerate(found, start=1):
        if (match["chapter"], match["number"]) != (chapter, str(expected)):
            yield match.start(), f"number this exercise {chapter}.{expected}"
        if match["kind"] not in KINDS + MORE:
            yield match.start(), f"an exercise is one to {', '.join(KINDS + MORE)}, not {match['kind']!r}"
        if not match["marks"]:
            start = f"**Exercise {chapter}.{expected} ● ({match['kind']}).**"
            yield match.start(), f"say how hard it is, from ● to ●●●: {start}"
        stop = min(stop for stop in stops if stop > match.start())
        if match["kind"] == "choose":
            if not CHOICE.search(prose, match.start(), stop):
                yield match.start(), "answers to choose from follow: - [x] the right one, - [ ] each other"
            continue
        solution = SOLUTION.search(prose, match.start(), stop)
        if not solution:
            yield match.start(), 'a solution follows, collapsed: ??? success "Solution"'
        elif not any(solution.end() < block.start < stop for block in ran):
            yield solution.start(), "a solution holds a block that runs"
