"""Read the marks of the scoreboard, the comparisons that they mark, and the rows that list them.

`# score: some-id` behind an assert says: this compares a computed number with a published one. What is compared
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
from _book.compare import NUMBER

if TYPE_CHECKING:
    from _book.page import Page

BOARD = "scoreboard.md"
HEADER = "| Score | Claim | Source |"

COMMENT = re.compile(r"#\s*score\s*:.*", re.I)
MARK = re.compile(r"# score: (?P<id>[a-z0-9]+(?:-[a-z0-9]+)*)(?P<differs> differs)?\s*$")
ROW = re.compile(r"^\| `(?P<id>[^`|]+)` \| (?P<claim>[^|]*\S) \| (?P<source>[^|]*\S) \|$")
COUNT = re.compile(r"\d+ rows: \d+ reproduced, \d+ differ\b")

FORMS = (
    "write abs(X - published) < tolerance, abs(X / published - 1) < tolerance, "
    "np.allclose(X, published, rtol=...), round(X, k) == published, low < X < high, or some of these joined by `and`"
)
NO_PAIR = f"no number of this comparison is written out beside one that is computed: {FORMS}"
# What a published number may be written with, besides digits and arithmetic.
CONSTANTS = ("pi", "e")
FUNCTIONS = ("sqrt", "log", "log2", "log10", "exp", "array")
MODULES = ("np", "math")


@dataclass(frozen=True)
class Mark:
    """One mark of a page."""

    path: str
    line: int
    id: str
    differs: bool


@dataclass
class Term:
    """One comparison: the parts of it that are recorded, and the published numbers as they are written."""

    kind: str
    parts: dict[str, ast.expr]
    texts: list[str] = field(default_factory=list)
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
            yield Mark(block.path, line, marked.id, marked.differs)


def problems(page: Page) -> list[Problem]:
    """Return what is wrong with the marks of a page, as far as the page alone says it."""
    found: list[Problem] = []
    seen: dict[str, int] = {}
    for block in page.runs:
        for line, marked in _marked(block):
            if marked.problem:
                found.append(Problem(page.path, line, marked.problem))
            elif marked.id in seen:
                found.append(Problem(page.path, line, taken(marked.id, page.path, seen[marked.id])))
            seen.setdefault(marked.id, line)
    return found


def taken(score: str, path: str, line: int) -> str:
    """Say that a mark is not the first of its name."""
    return f"the mark {score} is taken, by {path}:{line}: choose another id"


def rows(page: Page) -> list[str]:
    """Return the ids of the scoreboard's rows, in order; an empty one for what cannot be read."""
    return [match["id"] if match else "" for _, match in _rows(page)]


def book_problems(page: Page, marks: Iterable[Mark]) -> list[Problem]:
    """Return what does not fit between the scoreboard's page and the marks of all pages."""
    found, text, path = [], page.text, page.path
    marked: dict[str, Mark] = {}
    for mark in marks:
        if mark.id in marked:
            first = marked[mark.id]
            if first.path != mark.path:  # within one page, the page's own check says it
                found.append(Problem(mark.path, mark.line, taken(mark.id, first.path, first.line)))
        marked.setdefault(mark.id, mark)
    listed: dict[str, int] = {}
    for number, match in _rows(page):
        if not match:
            message = "a row of the scoreboard is | `some-id` | claim in one sentence | source |"
            found.append(Problem(path, number, message))
        elif match["id"] in listed:
            found.append(Problem(path, number, f"{match['id']} has a row at line {listed[match['id']]}: keep one"))
        else:
            listed[match["id"]] = number
            if match["id"] not in marked:
                message = f"no assert is marked `# score: {match['id']}`: mark the one that shows it, or drop the row"
                found.append(Problem(path, number, message))
    for score, mark in marked.items():
        if score not in listed:
            message = f"{score} is not on the scoreboard: add | `{score}` | claim | source | to {path}"
            found.append(Problem(mark.path, mark.line, message))
    known = [marked[score].differs for score in listed if score in marked]
    right = f"{len(known)} rows: {known.count(False)} reproduced, {known.count(True)} differ"
    stated = COUNT.search(text)
    if not stated:
        found.append(Problem(path, 1, f"say how many rows there are: {right}"))
    elif stated[0] != right:
        line = text.count("\n", 0, stated.start()) + 1
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


# Reading marks


def _marked(block: Block) -> Iterator[tuple[int, Marked]]:
    """Yield the marks of a block, each with its line on the page."""
    pieces: list[tuple[str, int, str | None]] = [(block.code, block.line + 1, None)]
    if block.language == "pycon":
        pieces = [(example.source, block.line + 1 + example.line, example.want) for example in block.examples]
    for source, line, shown in pieces:
        try:
            tree = ast.parse(source)
        except SyntaxError:
            continue  # running the block says it
        yield from ((line + marked.line - 1, marked) for marked in read(tree, source, shown))


def read(tree: ast.Module, source: str, shown: str | None) -> list[Marked]:
    """Return the marks in a piece of source; `shown` is what a session shows below it."""
    comments = dict(_comments(source))
    if not comments:
        return []
    found = []
    filled = _filled(tree)
    statements = {node.lineno: (node, names - filled) for node, names in _statements(tree.body, frozenset())}
    for line, comment in comments.items():
        match = MARK.match(comment)
        if not match:
            message = "cannot read this mark: write `# score: some-id`, words of small letters and digits joined by "
            message += "hyphens, and nothing behind it but ` differs` where the number does not reproduce"
            found.append(Marked(line, problem=message))
            continue
        marked = Marked(line, match["id"], bool(match["differs"]))
        node, names = statements.get(line, (None, frozenset()))
        try:
            if isinstance(node, ast.Assert):
                marked.terms = _terms(node.test, names, source)
            elif isinstance(node, ast.Expr) and shown is not None:
                marked.terms = _shown_terms(node.value, names, source, shown)
            else:
                raise UnreadableError("a mark stands on the first line of the assert that it belongs to")
            _check_differs(marked)
        except UnreadableError as error:
            marked.problem = str(error)
        found.append(marked)
    return found


def _comments(source: str) -> Iterator[tuple[int, str]]:
    """Yield the comments that mean to be marks: (line, text)."""
    if not COMMENT.search(source):
        return
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and (found := COMMENT.search(token.string)):
            yield token.start[0], found[0]


def _check_differs(marked: Marked) -> None:
    for term in marked.terms:
        if marked.differs and term.differs is False:
            message = "this assert says that the number reproduces: drop `differs`, or assert a distance: "
            raise UnreadableError(message + "abs(X - published) > tolerance, low < X < high < published")
        if not marked.differs and term.differs:
            raise UnreadableError("this assert says that the number does not reproduce: write ` differs` behind the id")
        term.differs = marked.differs


def _statements(body: list[ast.stmt], names: frozenset[str]) -> Iterator[tuple[ast.stmt, frozenset[str]]]:
    """Yield each statement with the names that, there, stand for numbers written out in the same piece of source."""
    for node in body:
        yield node, names
        inner = names
        if isinstance(node, ast.Assign):
            names -= _stored(node)
            for target in node.targets:
                names |= _paired(target, node.value, names)
        elif isinstance(node, ast.For):
            inner -= _stored(node)
            inner |= _bound(node.target, node.iter, names) - _stored(*node.body)
            names -= _stored(node)
        else:
            inner -= _stored(node)
            names = inner
        for part in ("body", "orelse", "finalbody"):
            yield from _statements(getattr(node, part, []), inner)
        for part in ("handlers", "cases"):
            for each in getattr(node, part, []):
                yield from _statements(each.body, inner)


def _stored(*nodes: ast.AST) -> set[str]:
    """Return the names that are given values anywhere inside, those of parameters included."""
    found = set()
    for node in (inside for top in nodes for inside in ast.walk(top)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
    return found


def _filled(tree: ast.Module) -> set[str]:
    """Return the names of lists that are filled after they are written: with `.append` or by an index."""
    found = set()
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name))):
                found.add(name)
            case ast.Subscript(value=ast.Name(id=name), ctx=ast.Store()):
                found.add(name)
    return found


def _bound(target: ast.expr, source: ast.expr, names: frozenset[str]) -> set[str]:
    """Return the names in a loop's target that run through written numbers."""
    match source:
        case ast.List(elts=elements) | ast.Tuple(elts=elements) | ast.Set(elts=elements) if elements:
            return set.intersection(*(_paired(target, element, names) for element in elements))
        case ast.Call(func=ast.Name(id="zip"), args=columns) if isinstance(target, ast.Tuple):
            return {name for pair in zip(target.elts, columns, strict=False) for name in _bound(*pair, names)}
        case ast.Call(func=ast.Name(id="enumerate"), args=[inner, *_]) if isinstance(target, ast.Tuple):
            return _bound(target.elts[1], inner, names)
        case ast.Call(func=ast.Name(id="range"), args=limits) if isinstance(target, ast.Name):
            return {target.id} if all(_written(limit, names) for limit in limits) else set()
        case ast.Call(func=ast.Attribute(value=ast.Dict() as inner, attr="items")) if isinstance(target, ast.Tuple):
            items = [ast.List([key for key in inner.keys if key], ast.Load()), ast.List(inner.values, ast.Load())]
            return {name for pair in zip(target.elts, items, strict=False) for name in _bound(*pair, names)}
    return {target.id} if isinstance(target, ast.Name) and _written(source, names) else set()


def _paired(target: ast.expr, value: ast.expr, names: frozenset[str]) -> set[str]:
    """Return the names in a target that take written numbers from a value."""
    if isinstance(target, ast.Name):
        return {target.id} if _written(value, names) else set()
    elements = getattr(target, "elts", []), getattr(value, "elts", [])
    return {name for pair in zip(*elements, strict=False) for name in _paired(*pair, names)}


def _written(node: ast.expr, names: frozenset[str]) -> bool:
    """True for a number, or a list of numbers, that the reader can see: written out, not computed by the page."""
    match node:
        case ast.Constant(value=value):
            return isinstance(value, int | float | str) and not isinstance(value, bool)
        case ast.Name(id=name):
            return name in names
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=inner):
            return _written(inner, names)
        case ast.BinOp(left=left, right=right):
            return _written(left, names) and _written(right, names)
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            return bool(elements) and all(_written(element, names) for element in elements)
        case ast.Attribute(value=ast.Name(id=module), attr=attribute):
            return module in MODULES and attribute in CONSTANTS
        case ast.Call(func=ast.Attribute(value=ast.Name(id=module), attr=name), args=values, keywords=[]):
            return module in MODULES and name in FUNCTIONS and all(_written(value, names) for value in values)
        case ast.Dict(values=values):
            return bool(values) and all(_written(value, names) for value in values)
        case ast.Subscript(value=inner):
            return _written(inner, names)
    return False


def _texts(node: ast.expr, source: str) -> list[str]:
    """Return the numbers of a literal as they are written; none where they have to be worked out."""
    if isinstance(node, ast.List | ast.Tuple):
        inner = [_texts(element, source) for element in node.elts]
        return [text for texts in inner for text in texts] if all(inner) else []
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.Constant) or (isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant)):
        return [(ast.get_source_segment(source, node) or "").replace("_", "")]
    return []


# Reading comparisons


def _terms(node: ast.expr, names: frozenset[str], source: str) -> list[Term]:
    """Return what a condition compares; raise UnreadableError where that is not one of the forms."""
    match node:
        case ast.BoolOp(op=ast.And(), values=values):
            return [term for value in values for term in _terms(value, names, source)]
        case (
            ast.Call(func=ast.Name(id="bool" | "all"), args=[inner])
            | ast.Call(func=ast.Attribute(value=ast.Name(id="np"), attr="all"), args=[inner])
        ):
            if isinstance(inner, ast.GeneratorExp | ast.ListComp):
                for each in inner.generators:
                    names = (names - _stored(each.target)) | _bound(each.target, each.iter, names)
                inner = inner.elt
            return _terms(inner, names, source)
        case ast.Call(func=ast.Attribute(value=inner, attr="all"), args=[]):
            return _terms(inner, names, source)
        case ast.Call(func=ast.Attribute(attr="allclose")):
            return [_close(node, names, source)]
        case ast.UnaryOp(op=ast.Not(), operand=ast.Call(func=ast.Attribute(attr="allclose")) as inner):
            term = _close(inner, names, source)
            term.differs = True
            return [term]
        case ast.Compare(ops=[ast.Eq() | ast.NotEq() as operator], left=left, comparators=[right]):
            terms = _equal(left, right, names, source)
            for term in terms:
                term.differs = isinstance(operator, ast.NotEq)
            return terms
        case ast.Compare(ops=operators, left=left, comparators=right):
            operands = [left, *right]
            if all(isinstance(operator, ast.Gt | ast.GtE) for operator in operators):
                return [_ordered(operands[::-1], names, source)]
            if all(isinstance(operator, ast.Lt | ast.LtE) for operator in operators):
                return [_ordered(operands, names, source)]
    raise UnreadableError(f"the scoreboard cannot read this: {FORMS}; else split the assert")


def _ordered(operands: list[ast.expr], names: frozenset[str], source: str) -> Term:
    """Read a chain of comparisons, smallest operand first."""
    if len(operands) == 2:
        low, high = operands
        for inside, bound, differs in ((low, high, False), (high, low, True)):
            size = _size(inside)
            if isinstance(size, ast.BinOp) and isinstance(size.op, ast.Sub):
                return _distance(size, bound, differs, names, source)
            if size is not None and not differs and not _written(bound, names):
                return Term("within", {"x": size, "t": bound}, ["0"])
        x, bound = _pair(low, high, names)
        term = _range({"x": x, "low" if bound is low else "high": bound}, names, source)
        if term.kind == "range":  # with `differs`, the bound is the published number
            term.differs = None
            term.texts = _texts(bound, source)
        return term
    if len(operands) == 3 and _computed(operands[1], names):
        return _range(dict(zip(("low", "x", "high"), operands, strict=True)), names, source)
    if len(operands) == 4:
        at = 1 if _computed(operands[1], names) else 2
        published = operands[3 if at == 1 else 0]
        if _computed(operands[at], names) and _written(published, names):
            parts = dict(zip(("low", "x", "high"), operands[at - 1 : at + 2], strict=True))
            return Term("range", {**parts, "p": published}, _texts(published, source), True)
    raise UnreadableError(NO_PAIR)


def _pair(left: ast.expr, right: ast.expr, names: frozenset[str]) -> tuple[ast.expr, ast.expr]:
    """Return what is computed and what is published; raise UnreadableError where that is not plain to see."""
    for x, published in ((left, right), (right, left)):
        plain = _written(published, names) and not (_written(x, names) and _worked_out(published))
        if plain and _computed(x, names):
            return x, published
    raise UnreadableError(NO_PAIR)


def _computed(node: ast.expr, names: frozenset[str]) -> bool:
    """True for what the page works out, be it from written numbers alone."""
    return not _written(node, names) or _worked_out(node)


def _worked_out(node: ast.expr) -> bool:
    if isinstance(node, ast.List | ast.Tuple):
        return any(map(_worked_out, node.elts))
    return isinstance(node, ast.BinOp | ast.Call)


def _size(node: ast.expr) -> ast.expr | None:
    """Return what an absolute value is taken of, also inside a maximum."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="np"), attr="max"), args=[inner]):
            return _size(inner)
        case ast.Call(func=ast.Attribute(value=inner, attr="max"), args=[]):
            return _size(inner)
        case ast.Call(func=ast.Name(id="abs"), args=[inner]):
            return inner
        case ast.Call(func=ast.Attribute(value=ast.Name(id="np" | "math"), attr="abs" | "fabs"), args=[inner]):
            return inner
    return None


def _distance(size: ast.BinOp, bound: ast.expr, differs: bool, names: frozenset[str], source: str) -> Term:
    """Read `X - published`, `published - X` and `X / published - 1`."""
    left, right = size.left, size.right
    if (ratio := _ratio(left, names)) and isinstance(right, ast.Constant) and right.value == 1:
        return Term("relative", {**ratio, "t": bound}, _texts(ratio["p"], source), differs)
    x, published = _pair(left, right, names)
    return Term("within", {"x": x, "p": published, "t": bound}, _texts(published, source), differs)


def _range(parts: dict[str, ast.expr], names: frozenset[str], source: str) -> Term:
    """Read `low < X < high` and `low < X / published < high`."""
    if ratio := _ratio(parts["x"], names):
        return Term("times", parts | ratio, _texts(ratio["p"], source))
    return Term("range", parts)


def _ratio(node: ast.expr, names: frozenset[str]) -> dict[str, ast.expr]:
    """Read `X / published`."""
    match node:
        case ast.BinOp(left=x, op=ast.Div(), right=published) if _written(published, names) and _computed(x, names):
            return {"x": x, "p": published}
    return {}


def _close(node: ast.Call, names: frozenset[str], source: str) -> Term:
    """Read `np.allclose(X, published, rtol=..., atol=...)`."""
    if len(node.args) != 2 or not _computed(node.args[0], names) or not _written(node.args[1], names):
        message = "np.allclose takes what is computed, then what is published, written out, then rtol= or atol="
        raise UnreadableError(message)
    parts = {"x": node.args[0], "p": node.args[1]}
    parts |= {each.arg: each.value for each in node.keywords if each.arg in ("rtol", "atol")}
    return Term("close", parts, _texts(node.args[1], source))


def _equal(left: ast.expr, right: ast.expr, names: frozenset[str], source: str) -> list[Term]:
    """Read `X == published`, where X may be rounded, or a list of rounded numbers."""
    x, published = _pair(left, right, names)
    several = ast.List | ast.Tuple
    if isinstance(x, several) and isinstance(published, several) and len(x.elts) == len(published.elts):
        pairs = zip(x.elts, published.elts, strict=True)
        return [term for pair in pairs for term in _equal(*pair, names, source)]
    texts = _texts(published, source)
    if rounded := _rounded(x):
        inner, places = rounded
        parts = {"x": inner, "p": published} | ({"k": places} if places else {})
        return [Term("rounded", parts, texts)]
    return [Term("equal", {"x": x, "p": published}, texts)]


def _rounded(node: ast.expr) -> tuple[ast.expr, ast.expr | None] | None:
    """Return what is rounded, and to how many places."""
    match node:
        case ast.Call(func=ast.Attribute(value=inner, attr="tolist"), args=[]):
            return _rounded(inner)
        case ast.Call(func=ast.Name(id="int" | "float"), args=[inner]):
            return _rounded(inner)
        case ast.Call(func=ast.Name(id="round") | ast.Attribute(value=ast.Name(id="np"), attr="round"), args=[x, *k]):
            return x, k[0] if k else None
        case ast.Call(func=ast.Attribute(value=x, attr="round"), args=[*k]):
            return x, k[0] if k else None
        case ast.ListComp(elt=element) if found := _rounded(element):
            # The places must not depend on the loop, or they could not be asked for outside it.
            return (node, found[1]) if found[1] is None or isinstance(found[1], ast.Constant) else None
    return None


def _shown_terms(node: ast.expr, names: frozenset[str], source: str, shown: str) -> list[Term]:
    """Read a prompt: a comparison that shows True, or numbers that the page shows as they were published."""
    if shown.strip() == "True":
        return _terms(node, names, source)
    texts = NUMBER.findall(shown)
    if not texts or shown.startswith("Traceback") or _written(node, names):
        raise UnreadableError("a marked prompt shows the published numbers, or True below a comparison with them")
    elements = node.elts if isinstance(node, ast.List | ast.Tuple) else []
    several = zip(elements, ([text] for text in texts), strict=True) if len(elements) == len(texts) else [(node, texts)]
    return [_shown(*each) for each in several]


def _shown(node: ast.expr, texts: list[str]) -> Term:
    if rounded := _rounded(node):
        return Term("rounded", {"x": rounded[0]} | ({"k": rounded[1]} if rounded[1] else {}), texts)
    return Term("shown", {"x": node}, texts)


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
