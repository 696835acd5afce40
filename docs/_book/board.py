"""Read the marks of the scoreboard, the comparisons that they mark, and the rows that list them.

`# score: some-id` behind an assert says: this sets a computed number beside one that was expected. What is compared
is read from the assert itself, so that a row of docs/scoreboard.md cannot say more than a block proves.
"""

from __future__ import annotations

import ast
import contextlib
import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from _book.blocks import Block, Problem

if TYPE_CHECKING:
    from _book.page import Page

Run = dict[str, list[Any]]  # what one run of a comparison met, by the parts of it

BOARD = "scoreboard.md"
HEADER = "| Score | Claim | Source |"
# Where an expected number comes from: a source prints it, a formula of a source predicts it, or it is of our own.
KINDS = ("Printed", "Predicted", "Our own")

COMMENT = re.compile(r"#\s*score\s*:.*", re.I)
MARK = re.compile(r"# score: (?P<id>[a-z0-9]+(?:-[a-z0-9]+)*)(?P<differs> differs)?\s*$")
ROW = re.compile(rf"^\| `(?P<id>[^`|]+)` \| (?P<claim>[^|]*\S) \| (?P<kind>{'|'.join(KINDS)}): (?P<source>[^|]*\S) \|$")
COUNT = re.compile(r"\d+ rows: \d+ printed, \d+ predicted, \d+ our own; \d+ differ\b")

# What a reader can see: numbers, arithmetic, lists of them.
WRITTEN = (ast.Constant, ast.UnaryOp, ast.BinOp, ast.List, ast.Tuple, ast.operator, ast.unaryop, ast.expr_context)

FORMS = (
    "write abs(X - expected) < tolerance, abs(X / expected - 1) < tolerance, np.allclose(X, expected, rtol=...), "
    "X == expected, low < X < high, or some of these joined by `and`"
)
FORM = "| `some-id` | claim in one sentence | Printed: source |, or Predicted: or Our own:"
ID = "`# score: some-id`, words of small letters and digits joined by hyphens, and nothing behind it but ` differs`"
DIFFERS = "` differs` behind the id goes with a distance, abs(X - expected) > tolerance, or one bound"


@dataclass
class Comparison:
    """A computed number beside the expected one, or between bounds."""

    kind: str  # near, exact, bounds
    parts: dict[str, ast.expr] = field(compare=False)  # what is noted of it: x, expected, rtol, atol, low, high
    usual: tuple[float, float] = (0, 0)  # rtol and atol, where the assert does not say
    differs: bool | None = False  # None: the comparison itself does not say
    # Of a page that runs: expected numbers as they are written, "" for one that is worked out, and what was met.
    texts: list[str] = field(default_factory=list)
    met: list[Run] = field(default_factory=list)


@dataclass
class Mark:
    """One mark of a page, and what its assert compares, or what is wrong with it."""

    path: str
    line: int
    id: str = ""
    differs: bool = False
    comparisons: list[Comparison] = field(default_factory=list)
    written: bool = False  # the assert itself writes out what it expects, as a number that a source prints has to be
    problem: str = ""


class UnreadableError(ValueError):
    """A marked comparison has none of the forms, or nothing is known of it; its text says how to mend it."""


def marks(block: Block) -> Iterator[Mark]:
    """Yield the marks of a block."""
    with contextlib.suppress(SyntaxError):  # running the block says it
        yield from read(ast.parse(block.placed), block.placed, block.line + 1, block.path)


def read(tree: ast.Module, source: str, line: int, path: str = "") -> Iterator[Mark]:
    """Yield the marks in a piece of source, which starts at a line of a page."""
    if not COMMENT.search(source):
        return
    asserts = {node.lineno: node.test for node in ast.walk(tree) if isinstance(node, ast.Assert)}
    constants = _constants(tree)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        comment = COMMENT.search(token.string) if token.type == tokenize.COMMENT else None
        if not comment:
            continue
        mark = Mark(path, line + token.start[0] - 1)
        try:
            _read(mark, comment[0], asserts.get(token.start[0]), constants)
        except UnreadableError as error:
            mark.problem = str(error)
        yield mark


def problems(page: Page) -> list[Problem]:
    """Return what is wrong with the marks of a page, as far as the page alone says it."""
    known: dict[str, Mark] = {}
    found = [(mark, mark.problem or _taken(mark, known)) for mark in page.marks]
    return [Problem(page.path, mark.line, message) for mark, message in found if message]


def rows(page: Page) -> list[str]:
    """Return the ids of the scoreboard's rows, in order; an empty one for what cannot be read."""
    return [row["id"] if row else "" for _, row in _rows(page)]


def book_problems(page: Page, marks: Iterable[Mark]) -> list[Problem]:
    """Return what does not fit between the scoreboard's page and the marks of all pages."""
    found: list[Problem] = []
    known: dict[str, Mark] = {}
    for mark in marks:
        if not mark.problem and (message := _taken(mark, known)):
            found.append(Problem(mark.path, mark.line, message))
    listed: dict[str, tuple[int, str]] = {}  # the line of a row, and its kind
    for line, row in _rows(page):
        if message := _misfit(row, known, listed):
            found.append(Problem(page.path, line, message))
        if row:
            listed.setdefault(row["id"], (line, row["kind"]))
    for score, mark in known.items():
        if score not in listed:
            message = f"{score} is in no table of {page.path}: add | `{score}` | claim | Our own: source |"
            found.append(Problem(mark.path, mark.line, f"{message} to its chapter's, below {HEADER}"))
    kinds = Counter(kind for score, (_, kind) in listed.items() if score in known)
    counts = ", ".join(f"{kinds[kind]} {kind.lower()}" for kind in KINDS)
    right = f"{kinds.total()} rows: {counts}; {sum(known[score].differs for score in listed if score in known)} differ"
    stated = COUNT.search(page.prose)
    if not stated or stated[0] != right:
        line = page.line(stated.start()) if stated else 1
        found.append(Problem(page.path, line, f"say how many rows there are, or find the lost one: {right}"))
    return found


def place(prose: str, line: int) -> str:
    """Name the part of a page in which a line stands: `section 4.3`, `chapter 4`, `lab 4`, or the page's title."""
    lines = prose.splitlines()
    for text in reversed(lines[:line]):
        if section := re.match(r"#{2,3} ([\dA-Z]+\.\d+) ", text):
            return f"section {section[1]}"
        if text.startswith("## "):
            break
    title = next((text[2:].strip() for text in lines if text.startswith("# ")), "page")
    if number := re.match(r"(Lab )?(\d+)\. ", title):
        return f"{'lab' if number[1] else 'chapter'} {number[2]}"
    return title


def _taken(mark: Mark, known: dict[str, Mark]) -> str:
    """Note a mark; say who has its id, if somebody does."""
    first = known.setdefault(mark.id, mark)
    return "" if first is mark else f"the mark {mark.id} is taken, by {first.path}:{first.line}: choose another id"


def _rows(page: Page) -> Iterator[tuple[int, re.Match[str] | None]]:
    """Yield the rows of the scoreboard's tables, and None for a line that should be one."""
    inside = False
    lines = zip(page.text.splitlines(), page.prose.splitlines(), strict=True)
    for number, (line, prose) in enumerate(lines, start=1):
        if line.strip() == HEADER:
            inside = True
        elif not prose.lstrip().startswith("|"):
            inside = False
        elif inside and not re.fullmatch(r"\|[-:| ]+\|", line.strip()):
            yield number, ROW.match(line.strip())


def _misfit(row: re.Match[str] | None, known: dict[str, Mark], listed: dict[str, tuple[int, str]]) -> str:
    """Say what is wrong with a row, beside the marks that are known and the rows above it."""
    if not row:
        return f"a row of the scoreboard is {FORM}"
    if above := listed.get(row["id"]):
        return f"{row['id']} has a row at line {above[0]}: keep one"
    mark = known.get(row["id"])
    if not mark:
        return f"no assert is marked `# score: {row['id']}`: mark the one that shows it, or drop the row"
    if row["kind"] == "Printed" and not mark.written:
        message = f"what a source prints is written out in the assert, and {mark.path}:{mark.line} computes it"
        return f"{message}: write it there, or say Predicted: or Our own:"
    return ""


def _read(mark: Mark, comment: str, test: ast.expr | None, constants: set[str]) -> None:
    """Read a mark and the condition of its assert; raise UnreadableError where they are not one of the forms."""
    match = MARK.match(comment)
    if not match:
        raise UnreadableError(f"cannot read this mark: write {ID} where the number does not reproduce")
    if not test:
        raise UnreadableError("a mark stands on the first line of the assert that it belongs to")
    mark.id, mark.differs = match["id"], bool(match["differs"])
    comparisons = list(_comparisons(test))
    if any(_written(comparison.parts["x"], constants) for comparison in comparisons):
        raise UnreadableError(f"what is computed stands first, and this is written out: {FORMS}")
    if any(comparison.differs not in (None, mark.differs) for comparison in comparisons):
        verdict = "reproduces" if mark.differs else "does not reproduce"
        raise UnreadableError(f"this assert says that the number {verdict}: {DIFFERS}")
    expected = [comparison.parts["expected"] for comparison in comparisons if "expected" in comparison.parts]
    mark.comparisons, mark.written = comparisons, all(_written(each, constants) for each in expected)


def _comparisons(test: ast.expr) -> Iterator[Comparison]:
    """Yield what a condition compares."""
    match test:
        case ast.BoolOp(op=ast.And(), values=values):
            for value in values:
                yield from _comparisons(value)
        case ast.Call(func=ast.Attribute(attr="allclose"), args=[x, expected], keywords=options):
            tolerances = {each.arg: each.value for each in options if each.arg in ("rtol", "atol")}
            yield Comparison("near", {"x": x, "expected": expected, **tolerances}, usual=(1e-5, 1e-8))  # NumPy's own
        case ast.Compare(ops=[ast.Eq()], left=x, comparators=[expected]):
            rounded = isinstance(x, ast.Call) and ast.unparse(x.func).endswith("round")
            if rounded or any(isinstance(getattr(part, "value", 0), float) for part in ast.walk(expected)):
                raise UnreadableError("== is for what is counted: write abs(X - expected) < tolerance")
            yield Comparison("exact", {"x": x, "expected": expected})
        case ast.Compare(ops=ops, left=left, comparators=right) if {type(op) for op in ops} <= {ast.Lt, ast.LtE}:
            yield _ordered([left, *right])
        case ast.Compare(ops=ops, left=left, comparators=right) if {type(op) for op in ops} <= {ast.Gt, ast.GtE}:
            yield _ordered([*reversed(right), left])
        case _:
            raise UnreadableError(f"the scoreboard cannot read this: {FORMS}; else split the assert")


def _ordered(operands: list[ast.expr]) -> Comparison:
    """Read a chain of comparisons, smallest operand first."""
    match operands:
        case [ast.Call(func=size, args=[inner]), tolerance] if _is_size(size):
            return _distance(inner, tolerance)
        case [tolerance, ast.Call(func=size, args=[ast.BinOp(op=ast.Sub()) as inner])] if _is_size(size):
            return replace(_distance(inner, tolerance), differs=True)
    for roles in (("low", "x", "high"), ("low", "x"), ("x", "high")):
        if [role == "x" for role in roles] == [not _written(operand) for operand in operands]:
            return Comparison(
                "bounds", dict(zip(roles, operands, strict=True)), differs=None if len(roles) == 2 else False
            )
    raise UnreadableError(f"a bound is a number, written out, beside what is computed: {FORMS}")


def _distance(inner: ast.expr, tolerance: ast.expr) -> Comparison:
    """Read `X - expected`, `X / expected - 1`, and `X`, of which 0 is expected."""
    match inner:
        case ast.BinOp(ast.BinOp(x, ast.Div(), expected), ast.Sub(), ast.Constant(value=1)):
            return Comparison("near", {"x": x, "expected": expected, "rtol": tolerance})
        case ast.BinOp(x, ast.Sub(), expected):
            return Comparison("near", {"x": x, "expected": expected, "atol": tolerance})
    return Comparison("near", {"x": inner, "atol": tolerance})


def _is_size(function: ast.expr) -> bool:
    return ast.unparse(function) in ("abs", "np.abs")


def _constants(tree: ast.Module) -> set[str]:
    """Return the names that stand for one written number all through a piece of source."""
    nodes = list(ast.walk(tree))
    given = Counter(node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    given += Counter(node.arg for node in nodes if isinstance(node, ast.arg))
    found = set()
    for node in nodes:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant() | ast.UnaryOp() | ast.BinOp() as value):
                if given[name] == 1 and _written(value):
                    found.add(name)
    return found


def _written(node: ast.expr, constants: Iterable[str] = ()) -> bool:
    """True for numbers that the reader can see: written out, not computed by the page."""
    parts = ast.walk(node)
    return all(part.id in constants if isinstance(part, ast.Name) else isinstance(part, WRITTEN) for part in parts)
