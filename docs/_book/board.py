"""Read the marks of the scoreboard, the comparisons that they mark, and the rows that list them.

`# score: some-id` behind an assert says: this sets a computed number beside one that was expected. What is compared
is read from the assert itself, so that a row of docs/scoreboard.md cannot say more than a block proves.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from _book.blocks import Block, Problem

if TYPE_CHECKING:
    from _book.page import Page

BOARD = "scoreboard.md"
HEADER = "| Score | Claim | Source |"
# Where an expected number comes from: a source prints it, a formula of a source predicts it, or it is of our own.
KINDS = ("Printed", "Predicted", "Our own")

COMMENT = re.compile(r"#\s*score\s*:.*", re.I)
MARK = re.compile(r"# score: (?P<id>[a-z0-9]+(?:-[a-z0-9]+)*)(?P<differs> differs)?\s*$")
ROW = re.compile(rf"^\| `(?P<id>[^`|]+)` \| (?P<claim>[^|]*\S) \| (?P<kind>{'|'.join(KINDS)}): (?P<source>[^|]*\S) \|$")
COUNT = re.compile(r"\d+ rows: \d+ printed, \d+ predicted, \d+ our own; \d+ differ\b")

FORMS = (
    "write abs(X - expected) < tolerance, abs(X / expected - 1) < tolerance, np.allclose(X, expected, rtol=...), "
    "X == expected, low < X < high, or some of these joined by `and`"
)
FORM = "| `some-id` | claim in one sentence | Printed: source |, or Predicted: or Our own:"
ID = "`# score: some-id`, words of small letters and digits joined by hyphens, and nothing behind it but ` differs`"
DIFFERS = "this assert says that the number does not reproduce: write ` differs` behind the id"
REPRODUCES = (
    "this assert says that the number reproduces: drop `differs`, or assert a distance: abs(X - expected) > tolerance, "
    "or one bound"
)


@dataclass(frozen=True)
class Mark:
    """One mark of a page."""

    path: str
    line: int
    id: str
    differs: bool
    written: bool  # the assert itself writes out what it expects, as a number that a source prints has to be


@dataclass
class Term:
    """One comparison."""

    kind: str  # within, relative, close, equal, range
    parts: dict[str, ast.expr]  # what is recorded: x, expected, tolerance or rtol and atol, low, high
    # The expected numbers as they are written, "" for one that is computed.
    texts: list[str] = field(default_factory=list)
    written: bool = True
    differs: bool | None = False  # None: the comparison itself does not say


@dataclass
class Marked:
    """A mark in a piece of source, and what its assert compares, or what is wrong with it."""

    line: int  # within the source, from 1
    id: str = ""
    differs: bool = False
    terms: list[Term] = field(default_factory=list)
    problem: str = ""


class UnreadableError(Exception):
    """A marked comparison has none of the forms; its text says how to mend it."""


def marks(block: Block) -> Iterator[Mark]:
    """Yield the sound marks of a block."""
    for line, marked in _marked(block):
        if not marked.problem:
            written = all(term.written for term in marked.terms)
            yield Mark(block.path, line, marked.id, marked.differs, written)


def problems(page: Page) -> list[Problem]:
    """Return what is wrong with the marks of a page, as far as the page alone says it."""
    found: list[Problem] = []
    seen: dict[str, int] = {}
    for block in page.runs:
        for line, marked in _marked(block):
            if marked.problem:
                found.append(Problem(page.path, line, marked.problem))
            elif marked.id in seen:
                found.append(Problem(page.path, line, _taken(marked.id, page.path, seen[marked.id])))
            seen.setdefault(marked.id, line)
    return found


def rows(page: Page) -> list[str]:
    """Return the ids of the scoreboard's rows, in order; an empty one for what cannot be read."""
    return [match["id"] if match else "" for _, match in _rows(page)]


def book_problems(page: Page, marks: Iterable[Mark]) -> list[Problem]:
    """Return what does not fit between the scoreboard's page and the marks of all pages."""
    found, path = [], page.path
    marked: dict[str, Mark] = {}
    for mark in marks:
        first = marked.setdefault(mark.id, mark)
        if first.path != mark.path:  # within one page, the page's own check says it
            found.append(Problem(mark.path, mark.line, _taken(mark.id, first.path, first.line)))
    listed: dict[str, int] = {}
    known: list[tuple[str, bool]] = []
    for number, match in _rows(page):
        message = ""
        if not match:
            message = f"a row of the scoreboard is {FORM}"
        elif match["id"] in listed:
            message = f"{match['id']} has a row at line {listed[match['id']]}: keep one"
        elif match["id"] not in marked:
            message = f"no assert is marked `# score: {match['id']}`: mark the one that shows it, or drop the row"
        else:
            mark = marked[match["id"]]
            known.append((match["kind"], mark.differs))
            if match["kind"] == "Printed" and not mark.written:
                message = (
                    f"what a source prints is written out in the assert, and {mark.path}:{mark.line} computes it: "
                )
                message += "write it there, or say Predicted: or Our own:"
        if match:
            listed.setdefault(match["id"], number)
        if message:
            found.append(Problem(path, number, message))
    for score, mark in marked.items():
        if score not in listed:
            message = _unlisted(page, score)
            found.append(Problem(mark.path, mark.line, message))
    counts = ", ".join(f"{sum(kind == each for each, _ in known)} {kind.lower()}" for kind in KINDS)
    right = f"{len(known)} rows: {counts}; {sum(differs for _, differs in known)} differ"
    stated = COUNT.search(page.text)
    if not stated:
        found.append(Problem(path, 1, f"say how many rows there are: {right}"))
    elif stated[0] != right:
        line = page.text.count("\n", 0, stated.start()) + 1
        found.append(Problem(path, line, f"the page says {stated[0]}, and has {right}: mend it, or find the lost row"))
    return found


def place(prose: str, line: int) -> str:
    """Name the part of a page in which a line stands: `section 4.3`, `chapter 4`, `lab 4`, or the page's title."""
    lines = prose.splitlines()
    for text in reversed(lines[:line]):
        if section := re.match(r"#{2,3} ([\dA-Z]+\.\d+) ", text):
            return f"section {section[1]}"
        if re.match(r"## ", text):
            break
    title = next((text[2:].strip() for text in lines if text.startswith("# ")), "")
    if number := re.match(r"(Lab )?(\d+)\. ", title):
        return f"{'lab' if number[1] else 'chapter'} {number[2]}"
    return title or "page"


def read(tree: ast.Module, source: str) -> list[Marked]:
    """Return the marks in a piece of source."""
    if not COMMENT.search(source):
        return []
    found = []
    asserts = {node.lineno: node for node in ast.walk(tree) if isinstance(node, ast.Assert)}
    reader = _Reader(source, _constants(tree))
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        comment = COMMENT.search(token.string) if token.type == tokenize.COMMENT else None
        if not comment:
            continue
        marked = Marked(token.start[0])
        found.append(marked)
        match = MARK.match(comment[0])
        try:
            if not match:
                raise UnreadableError(f"cannot read this mark: write {ID} where the number does not reproduce")
            if marked.line not in asserts:
                raise UnreadableError("a mark stands on the first line of the assert that it belongs to")
            marked.id, marked.differs = match["id"], bool(match["differs"])
            marked.terms = reader.terms(asserts[marked.line].test)
            for term in marked.terms:
                if term.differs not in (None, marked.differs):
                    raise UnreadableError(REPRODUCES if marked.differs else DIFFERS)
                term.differs = marked.differs
        except UnreadableError as error:
            marked.problem = str(error)
    return found


def _marked(block: Block) -> Iterator[tuple[int, Marked]]:
    """Yield the marks of a block, each with its line on the page."""
    pieces = [(block.code, block.line + 1)]
    if block.language == "pycon":
        pieces = [(example.source, block.line + 1 + example.line) for example in block.examples]
    for source, line in pieces:
        try:
            tree = ast.parse(source)
        except SyntaxError:
            continue  # running the block says it
        yield from ((line + marked.line - 1, marked) for marked in read(tree, source))


def _rows(page: Page) -> Iterator[tuple[int, re.Match[str] | None]]:
    """Yield the rows of the scoreboard's tables, and None for a line that should be one."""
    inside = False
    shown = page.prose.splitlines()
    for number, line in enumerate(page.text.splitlines(), start=1):
        if line.strip() == HEADER:
            inside = True
        elif inside and not shown[number - 1].lstrip().startswith("|"):
            inside = False
        elif inside and not re.fullmatch(r"\|[-:| ]+\|", line.strip()):
            yield number, ROW.match(line.strip())


def _unlisted(page: Page, score: str) -> str:
    """Say what a mark lacks: its row, or the header of the table in which its row stands."""
    row = f"| `{score}` |"
    for number, line in enumerate(page.text.splitlines(), start=1):
        if line.lstrip().startswith(row):
            header = f"{HEADER} and | --- | --- | --- |"
            return f"{score} has a row, {page.path}:{number}, in no table of scores: put {header} above the first row"
    return (
        f"{score} is not on the scoreboard: add {row} claim | Our own: source | to {page.path}, "
        f"in its chapter's table, which starts with {HEADER}"
    )


def _taken(score: str, path: str, line: int) -> str:
    return f"the mark {score} is taken, by {path}:{line}: choose another id"


def _constants(tree: ast.Module) -> set[str]:
    """Return the names that stand for one written number all through a piece of source."""
    nodes = list(ast.walk(tree))
    stored = [node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    stored += [node.arg for node in nodes if isinstance(node, ast.arg)]
    given = [(node.targets[0], node.value) for node in nodes if isinstance(node, ast.Assign)]
    return {
        name.id
        for name, value in given
        if isinstance(name, ast.Name) and stored.count(name.id) == 1
        if not isinstance(value, ast.List | ast.Tuple) and _written(value, ())
    }


def _written(node: ast.expr, constants: Iterable[str]) -> bool:
    """True for numbers that the reader can see: written out, not computed by the page."""
    match node:
        case ast.Constant(value=value):
            return isinstance(value, int | float | str) and not isinstance(value, bool)
        case ast.Name(id=name):
            return name in constants
        case ast.UnaryOp(operand=inner):
            return _written(inner, constants)
        case ast.BinOp(left=left, right=right):
            return _written(left, constants) and _written(right, constants)
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            return bool(elements) and all(_written(element, constants) for element in elements)
    return False


def _is_size(function: ast.expr) -> bool:
    return ast.unparse(function) in ("abs", "np.abs")


class _Reader:
    """Reads the comparisons of one piece of source."""

    def __init__(self, source: str, constants: set[str]) -> None:
        self.source, self.constants = source, constants

    def terms(self, node: ast.expr) -> list[Term]:
        """Return what a condition compares; raise UnreadableError where that is not one of the forms."""
        match node:
            case ast.BoolOp(op=ast.And(), values=values):
                return [term for value in values for term in self.terms(value)]
            case ast.Call(func=ast.Attribute(attr="allclose"), args=[x, expected], keywords=options):
                tolerances = {each.arg: each.value for each in options if each.arg in ("rtol", "atol")}
                return [self.term("close", x, expected, **tolerances)]
            case ast.Compare(ops=[ast.Eq()], left=x, comparators=[expected]):
                term = self.term("equal", x, expected)
                rounded = isinstance(x, ast.Call) and ast.unparse(x.func).endswith("round")
                if rounded or any("." in text for text in term.texts):
                    raise UnreadableError("== is for what is counted: write abs(X - expected) < tolerance")
                return [term]
            case ast.Compare(ops=operators, left=left, comparators=right):
                operands = [left, *right]
                if all(isinstance(operator, ast.Gt | ast.GtE) for operator in operators):
                    return [self.ordered(operands[::-1])]
                if all(isinstance(operator, ast.Lt | ast.LtE) for operator in operators):
                    return [self.ordered(operands)]
        raise UnreadableError(f"the scoreboard cannot read this: {FORMS}; else split the assert")

    def ordered(self, operands: list[ast.expr]) -> Term:
        """Read a chain of comparisons, smallest operand first."""
        match operands:
            case [ast.Call(func=size, args=[inner]), tolerance] if _is_size(size):
                return self.distance(inner, tolerance)
            case [tolerance, ast.Call(func=size, args=[ast.BinOp(op=ast.Sub()) as inner])] if _is_size(size):
                term = self.distance(inner, tolerance)
                term.differs = True
                return term
            case [low, x, high] if not self.plain(x):
                return Term("range", {"low": low, "x": x, "high": high}, written=self.plain(low) and self.plain(high))
            case [low, x] if self.plain(low) and not self.plain(x):
                return Term("range", {"low": low, "x": x}, differs=None)
            case [x, high] if self.plain(high) and not self.plain(x):
                return Term("range", {"x": x, "high": high}, differs=None)
        raise UnreadableError(f"a bound is a number, written out, beside what is computed: {FORMS}")

    def distance(self, inner: ast.expr, tolerance: ast.expr) -> Term:
        """Read `X - expected`, `X / expected - 1`, and `X`, of which 0 is expected."""
        match inner:
            case ast.BinOp(ast.BinOp(x, ast.Div(), expected), ast.Sub(), ast.Constant(value=1)):
                return self.term("relative", x, expected, tolerance=tolerance)
            case ast.BinOp(x, ast.Sub(), expected):
                return self.term("within", x, expected, tolerance=tolerance)
        term = self.term("within", inner, ast.Constant(0), tolerance=tolerance)
        del term.parts["expected"]  # nobody writes it
        return term

    def term(self, kind: str, x: ast.expr, expected: ast.expr, **tolerances: ast.expr) -> Term:
        """Put a comparison together: what is computed stands first, what is expected second."""
        if self.plain(x):
            raise UnreadableError(f"what is computed stands first, and this is written out: {FORMS}")
        return Term(kind, {"x": x, "expected": expected, **tolerances}, self.texts(expected), self.plain(expected))

    def plain(self, node: ast.expr) -> bool:
        """True for numbers that are written out."""
        return _written(node, self.constants)

    def texts(self, node: ast.expr) -> list[str]:
        """Return the numbers of a literal as they are written; an empty text for one that has to be worked out."""
        if isinstance(node, ast.List | ast.Tuple):
            return [text for element in node.elts for text in self.texts(element)]
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return [node.value]
        if isinstance(node, ast.Constant) or (isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant)):
            return [(ast.get_source_segment(self.source, node) or "").replace("_", "")]
        return [""]
