"""Note the numbers that marked asserts meet while a page runs, and write them for the scoreboard.

What a marked assert compares is wrapped in calls to a `Recorder`, which change neither values nor lines.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from _book.board import Term, UnreadableError, read

# What a page's names do not contain, and a traceback does not show.
RECORDER = "__score__"


class Recorder:
    """Notes what marked asserts compare: put it into the namespace of a page under the name `RECORDER`."""

    def __init__(self) -> None:
        self._terms: list[tuple[str, Term]] = []
        self._open: dict[int, dict[str, list[Any]]] = {}
        self._met: dict[str, list[tuple[int, dict[str, list[Any]]]]] = {}
        self.lines: dict[str, int] = {}  # of the marks in all that was wired

    def wire(self, tree: ast.Module, source: str, line: int) -> None:
        """Wrap what marked asserts compare. The tree counts its lines from 1, the page from `line`.

        Raises UnreadableError, with the line as a second argument, where a mark cannot be read.
        """
        roles: dict[int, tuple[int, str]] = {}
        for marked in read(tree, source):
            if marked.problem:
                raise UnreadableError(marked.problem, line + marked.line - 1)
            self.lines[marked.id] = line + marked.line - 1
            for term in marked.terms:
                roles |= {id(node): (len(self._terms), role) for role, node in term.parts.items()}
                self._terms.append((marked.id, term))
        if roles:
            _Wire(roles).visit(tree)

    def __call__(self, number: int, role: str, value: Any) -> Any:
        """Note one part of one comparison, and hand it back."""
        score, term = self._terms[number]
        parts = self._open.setdefault(number, {})
        parts[role] = _flat(value)
        if len(parts) == len(term.parts):
            self._met.setdefault(score, []).append((number, self._open.pop(number)))
        return value

    def missing(self) -> list[tuple[int, str]]:
        """Return the marks whose asserts never ran: (line, id)."""
        return sorted((line, score) for score, line in self.lines.items() if score not in self._met)

    def scores(self) -> dict[str, dict[str, str]]:
        """Return for each mark what was expected and what was met, as the scoreboard shows it.

        Raises UnreadableError, with the line as a second argument, where the two do not pair.
        """
        found = {}
        for score, met in self._met.items():
            try:
                found[score] = self._shown(met)
            except (TypeError, ValueError) as error:
                raise UnreadableError(str(error), self.lines[score]) from error
        return found

    def _shown(self, met: list[tuple[int, dict[str, list[Any]]]]) -> dict[str, str]:
        """Put together all that one mark met; a number expected twice is one number."""
        cells: dict[tuple[int, int, str], _Cell] = {}
        for number, parts in met:
            for at, cell in enumerate(_cells(self._terms[number][1], parts)):
                same = cells.setdefault((number, at, cell.expected), cell)
                if same is not cell:
                    same.met += cell.met
                    same.tolerance = max(same.tolerance, cell.tolerance)
        tails = [cell.tail() for cell in cells.values()]
        once = tails[0] if len(set(tails)) == 1 else ""  # one tolerance for all is said once
        between = ", " if once or not any(tails) else "; "
        ours = [cell.ours() + ("" if once else cell.tail()) for cell in cells.values()]
        expected = [cell.expected for cell in cells.values()]
        return {"expected": _listed(expected, between), "ours": _listed(ours, between) + once}


class _Wire(ast.NodeTransformer):
    """Replace a node by a call that hands its value to the recorder and returns it."""

    def __init__(self, roles: dict[int, tuple[int, str]]) -> None:
        self.roles = roles

    def visit(self, node: ast.AST) -> Any:
        found = self.roles.get(id(node))
        node = self.generic_visit(node)
        if not found:
            return node
        assert isinstance(node, ast.expr)
        arguments: list[ast.expr] = [ast.Constant(found[0]), ast.Constant(found[1]), node]
        call = ast.Call(ast.Name(RECORDER, ast.Load()), arguments, [])
        return ast.fix_missing_locations(ast.copy_location(call, node))


@dataclass
class _Cell:
    """One expected number and all that was met for it."""

    kind: str
    expected: str
    met: list[Any]
    tolerance: float = 0.0  # of `relative`, a share of the size
    size: float = 1.0
    differs: bool = False

    def ours(self) -> str:
        """Return the numbers met: one, or the smallest and the largest."""
        if self.kind == "equal":
            return _listed(list(dict.fromkeys(map(str, self.met))))
        low, high = min(self.met), max(self.met)
        largest, distance = max(abs(low), abs(high)), self.tolerance * self.size
        # To the place below the tolerance's first digit; without one, four digits.
        digits = 4 if self.differs or not distance else _leading(largest) - _leading(distance) + 2
        digits = min(digits, max(6, len(re.sub(r"[eE].*|\D", "", self.expected).lstrip("0"))))
        shown = [_text(value, _leading(largest) - digits + 1) for value in (low, high)]
        return " to ".join(dict.fromkeys(shown))

    def tail(self) -> str:
        """Return how near that is: what would have failed the test."""
        if self.kind == "equal":
            return "" if isinstance(self.met[0], str) else " exactly"
        if self.kind == "range":
            return ""  # what is expected says it
        # A share of a thousandth says something; one of a million millionth is easier read as a distance.
        share = self.kind == "relative" and self.tolerance >= 1e-3
        far = 100 * self.tolerance if share else self.tolerance * self.size
        near = _text(far, _leading(far) - 1) + "%" * share
        return f" (more than {near} off)" if self.differs else f" \u00b1 {near}"


def _cells(term: Term, parts: dict[str, list[Any]]) -> Iterator[_Cell]:
    """Yield what one run of one comparison says: a cell for each expected number."""
    x, kind, differs = parts["x"], term.kind, bool(term.differs)
    if kind == "range":
        low, high = (_text(*parts[side]) if side in parts else "" for side in ("low", "high"))
        if low and high:
            yield _Cell(kind, f"{low} to {high}", x, parts["high"][0] - parts["low"][0])
        else:
            # What differs is on the other side of what was expected.
            yield _Cell(kind, f"{'below' if bool(high) != differs else 'above'} {low or high}", x, differs=differs)
        return
    expected = parts.get("expected", [0])
    texts = term.texts if len(term.texts) == len(expected) else [""] * len(expected)
    if not x or len(x) % len(expected):
        raise TypeError(f"the scoreboard met {len(x)} numbers for {len(expected)} expected ones")
    # Both of NumPy's tolerances count, also the one that was not asked for.
    rtol, atol = (parts.get(name, [usual])[0] for name, usual in (("rtol", 1e-5), ("atol", 1e-8)))
    for at, (number, text) in enumerate(zip(expected, texts, strict=True)):
        kind, tolerance = term.kind, parts.get("tolerance", [0.0])[0]
        if kind == "close":
            share = atol <= rtol * abs(number) / 50
            kind, tolerance = ("relative", rtol) if share else ("within", atol + rtol * abs(number))
        size = abs(number) if kind == "relative" else 1.0
        if not text:  # as many digits as are held to it
            text = _text(number, min(_leading(number) - 3, _leading(tolerance * size)))
        yield _Cell(kind, text, x[at :: len(expected)], tolerance, size, differs)


def _flat(value: Any) -> list[Any]:
    """Return the numbers in a value: of an array, a list, a tuple."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [number for each in value for number in _flat(each)]
    if not isinstance(value, int | float | str):
        raise TypeError(f"the scoreboard compares numbers, not {type(value).__name__}")
    return [value]


def _listed(texts: list[str], between: str = ", ") -> str:
    return between.join(texts if len(texts) <= 8 else [*texts[:3], "\u2026", texts[-1]])


def _text(value: Any, unit: int | None = None) -> str:
    """Write a number, down to a power of ten if one is given."""
    if not isinstance(value, float) or not math.isfinite(value):
        return str(value)
    text = repr(value if unit is None else round(value, -unit) + 0.0).removesuffix(".0")
    return re.sub(r"e([-+]?)0*(\d)", lambda m: f"e{m[1].replace('+', '')}{m[2]}", text)  # 2.4e-7 for 2.4e-07


def _leading(value: Any) -> int:
    """Return the power of ten of a number's first digit."""
    plain = isinstance(value, int | float) and value and math.isfinite(value)
    return math.floor(math.log10(abs(value)) + 1e-9) if plain else 0
