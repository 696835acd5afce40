"""How a page checks what its reader writes for an exercise: by the assertions of the exercise's own solution.

The reader's code runs with the names of the page, and then the solution's assertions do, with the reader's names. So an
exercise has to say what it wants to be called how.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from dataclasses import dataclass

from _book import page as blocks
from _book.page import Block, Problem

EXERCISE = re.compile(r"^\*\*Exercise [^*\n]*\(code\)\.?\*\*", re.M)
END = re.compile(r"^(?:\*\*Exercise |#)", re.M)
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(frozen=True)
class Check:
    """An exercise that a reader solves in code, and what a solution has to meet."""

    line: int  # of the exercise, on the page
    text: str  # of the exercise
    code: str  # of the solution
    assertions: list[tuple[int, int]]  # first and last line of each, counted from 1 within the code
    names: list[str]  # what they need of the reader
    taken: list[str]  # those of the names that the page has given to something else


def checks(text: str) -> Iterator[Check]:
    """Yield the exercises of a page that are solved in code, in order."""
    prose, found = blocks.prose(text), [block for block in blocks.parse(text) if block.runs]
    for exercise in EXERCISE.finditer(prose):
        next_ = END.search(prose, exercise.end())
        stop = next_.start() if next_ else len(prose)
        line = text.count("\n", 0, exercise.start()) + 1
        inside = [b for b in found if b.indent and exercise.start() < b.start < stop and b.language == "python"]
        if inside:
            above = [block for block in found if block.start < inside[0].start and not block.standalone]
            yield _check(line, text[exercise.start() : inside[0].start], inside[-1], above)
        else:
            yield Check(line, "", "", [], [], [])


def _check(line: int, text: str, solution: Block, above: list[Block]) -> Check:
    body = ast.parse(solution.code).body
    given = set().union(*(_defined(each) for each in body if not isinstance(each, ast.Assert)))
    assertions, names = [], []
    for each in body:
        if isinstance(each, ast.Assert) and (wanted := [name for name in _loaded(each) if name in given]):
            # One that asks nothing of the reader is a claim of the page.
            assertions.append((each.lineno, each.end_lineno or each.lineno))
            names += wanted
    names = list(dict.fromkeys(names))
    known = set().union(*(_defined(each) for block in above for each in ast.parse(block.source).body))
    text = text.partition("\n???")[0]
    return Check(line, text, solution.code, assertions, names, [name for name in names if name in known])


def attribute(check: Check) -> str:
    """What the page says of a check beside the solution: `9-9 10-11 scale_for`."""
    return " ".join([*(f"{first}-{last}" for first, last in check.assertions), *check.names])


def problems(text: str, path: str) -> list[Problem]:
    """Return what keeps an exercise from being checked."""
    found = []
    for check in checks(text):
        if not check.assertions:
            message = "nothing to check: the solution asserts something of what it defines, at its margin"
            found.append(Problem(path, check.line, message))
        for name in check.names:
            if not re.search(rf"`{name}\b[^`]*`", check.text):
                message = f"name `{name}` in the exercise, as the reader has to: an assertion of its solution needs it"
                found.append(Problem(path, check.line, message))
        for name in check.taken:
            message = f"the page has a `{name}` above, so an empty answer could pass: call it something else"
            found.append(Problem(path, check.line, message))
    return found


def _defined(node: ast.AST) -> set[str]:
    """The names that a statement of a module gives to it."""
    if isinstance(node, SCOPES):
        return {node.name} if hasattr(node, "name") else set()
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    if isinstance(node, ast.Name):
        return {node.id} if isinstance(node.ctx, ast.Store) else set()
    if isinstance(node, COMPREHENSIONS):
        return set()
    return set().union(*map(_defined, ast.iter_child_nodes(node)))


def _loaded(node: ast.AST) -> list[str]:
    """The names that an expression needs, in order; not those that it gives to itself, as a comprehension does."""
    names = [each for each in ast.walk(node) if isinstance(each, ast.Name)]
    own = {each.id for each in names if isinstance(each.ctx, ast.Store)}
    own |= {each.arg for each in ast.walk(node) if isinstance(each, ast.arg)} | set(dir(builtins))
    return [each.id for each in names if each.id not in own]
