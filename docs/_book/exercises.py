"""How a page checks what its reader writes for an exercise: by the assertions of the exercise's own solution.

The reader's code runs with the names of the page, and then the solution's assertions do, with the reader's names. So an
exercise has to say what it wants to be called how.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from _book.blocks import Block, Problem

if TYPE_CHECKING:
    from _book.page import Page

EXERCISE = re.compile(r"^\*\*Exercise [^*\n]*\(code\)\.?\*\*", re.M)
TITLE = re.compile(r"Exercise (?P<number>\w+\.\w+)(?: (?P<marks>●{1,3}))? \((?P<kind>\w+)\)")
ANY = re.compile(rf"^\*\*{TITLE.pattern}\.?\*\*(?P<said>[^\n]*(?:\n[^\n]+)*)", re.M)
SHORT, LEAST = 200, 15  # letters: what is shown whole, and what a sentence has to have
LINK = re.compile(r"\[([^\]]*)\]\([^)\s]*\)")
STOP = re.compile(r"(?<! al)[.?](?= [A-Z$`*]|$)")  # neither that of a number nor that of "et al."
END = re.compile(r"^(?:\*\*Exercise |#)", re.M)
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(frozen=True)
class Exercise:
    """An exercise that a reader solves in code, and what an answer has to meet."""

    line: int  # on the page
    text: str
    solution: int = -1  # the number of the block that solves it
    assertions: tuple[str, ...] = ()  # of the solution, those that ask something of the reader
    names: tuple[str, ...] = ()  # what they need of the reader
    taken: tuple[str, ...] = ()  # those of the names that the page has given to something else


@dataclass(frozen=True)
class Task:
    """An exercise of any kind, as a list of all of them names it."""

    number: str  # such as 4.1
    marks: str  # how hard it is, from ● to ●●●
    kind: str
    asks: str  # all of it if it is short, else its first sentence: Markdown without links


def anchor(number: str) -> str:
    """Where an exercise is on its page."""
    return "exercise-" + number.lower().replace(".", "-")


def tasks(text: str, prose: str) -> Iterator[Task]:
    """Yield the exercises of a page, in order; its prose is its text with all code blank."""
    for match in ANY.finditer(prose):
        said = LINK.sub(r"\1", " ".join(text[slice(*match.span("said"))].split()))
        yield Task(match["number"], match["marks"] or "", match["kind"], _first(said) if len(said) > SHORT else said)


def _first(said: str) -> str:
    """Return the first sentence that says something; a stop within a formula or code ends none."""
    ends = [stop.end() for stop in STOP.finditer(said)]
    whole = (end for end in ends if end >= LEAST and not said[:end].count("$") % 2 and not said[:end].count("`") % 2)
    return said[: next(whole, len(said))]


def find(text: str, prose: str, runs: Sequence[Block]) -> Iterator[Exercise]:
    """Yield the exercises of a page that are solved in code, in order."""
    for exercise in EXERCISE.finditer(prose):
        next_ = END.search(prose, exercise.end())
        stop = next_.start() if next_ else len(prose)
        line = text.count("\n", 0, exercise.start()) + 1
        inside = [b for b in runs if b.indent and exercise.start() < b.start < stop and b.language == "python"]
        if inside:
            above = [block for block in runs if block.start < inside[0].start and not block.standalone]
            said = text[exercise.start() : inside[0].start].partition("\n???")[0]
            yield _exercise(line, said, inside[-1], above)
        else:
            yield Exercise(line, "")


def _exercise(line: int, text: str, solution: Block, above: list[Block]) -> Exercise:
    body = _statements(solution.code)
    lines = solution.code.splitlines()
    given = set().union(*(defined(each) for each in body if not isinstance(each, ast.Assert)))
    assertions, names = [], []
    for each in body:
        if isinstance(each, ast.Assert) and (wanted := [name for name in _loaded(each) if name in given]):
            # One that asks nothing of the reader is a claim of the page.
            assertions.append("\n".join(lines[each.lineno - 1 : each.end_lineno]))
            names += wanted
    known = set().union(*(defined(each) for block in above for each in _statements(block.source)))
    taken = tuple(name for name in dict.fromkeys(names) if name in known)
    return Exercise(line, text, solution.number, tuple(assertions), tuple(dict.fromkeys(names)), taken)


def _statements(code: str) -> list[ast.stmt]:
    try:
        return ast.parse(code).body
    except SyntaxError:  # running the block says it
        return []


def problems(page: Page) -> list[Problem]:
    """Return what keeps an exercise from being checked."""
    found = []
    for exercise in page.exercises:
        if not exercise.assertions:
            message = "nothing to check: the solution asserts something of what it defines, at its margin"
            found.append(Problem(page.path, exercise.line, message))
        for name in exercise.names:
            if not re.search(rf"`{name}\b[^`]*`", exercise.text):
                message = f"name `{name}` in the exercise, as the reader has to: an assertion of its solution needs it"
                found.append(Problem(page.path, exercise.line, message))
        for name in exercise.taken:
            message = f"the page has a `{name}` above, so an empty answer could pass: call it something else"
            found.append(Problem(page.path, exercise.line, message))
    return found


def defined(node: ast.AST) -> set[str]:
    """The names that a statement of a module gives to it."""
    if isinstance(node, SCOPES):
        return {node.name} if hasattr(node, "name") else set()
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    if isinstance(node, ast.Name):
        return {node.id} if isinstance(node.ctx, ast.Store) else set()
    if isinstance(node, COMPREHENSIONS):
        return set()
    return set().union(*map(defined, ast.iter_child_nodes(node)))


def _loaded(node: ast.AST) -> list[str]:
    """The names that an expression needs, in order; not those that it gives to itself, as a comprehension does."""
    names = [each for each in ast.walk(node) if isinstance(each, ast.Name)]
    own = {each.id for each in names if isinstance(each.ctx, ast.Store)}
    own |= {each.arg for each in ast.walk(node) if isinstance(each, ast.arg)} | set(dir(builtins))
    return [each.id for each in names if each.id not in own]
