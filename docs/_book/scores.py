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

from _book.board import Comparison, Mark, Run, UnreadableError, read

# What a page's names do not contain, and a traceback does not show.
RECORDER = "__score__"

NUMBER = re.compile(r"-?[\d.]+(?:[eE][-+]?\d+)?")


class Recorder:
    """Notes what marked asserts compare: put it into the namespace of a page under the name `RECORDER`."""

    def __init__(self) -> None:
        self._marks: list[Mark] = []  # in all that was wired
        self._comparisons: list[Comparison] = []

    def wire(self, tree: ast.Module, source: str, line: int) -> None:
        """Wrap what marked asserts compare. The tree counts its lines from 1, the page from `line`."""
        roles: dict[int, tuple[int, str]] = {}
        for mark in read(tree, source, line):
            self._marks.append(mark)
            for comparison in mark.comparisons:
                comparison.texts = _texts(comparison.parts.get("expected"), source)
                roles |= {id(node): (len(self._comparisons), role) for role, node in comparison.parts.items()}
                self._comparisons.append(comparison)
        if roles:
            _Wire(roles).visit(tree)

    def __call__(self, number: int, role: str, value: Any) -> Any:
        """Note one part of one comparison, and hand it back."""
        met = self._comparisons[number].met
        if not met or role in met[-1]:
            met.append({})
        met[-1][role] = _flat(value)
        return value

    def scores(self) -> dict[str, dict[str, str]]:
        """Return for each mark what was expected and what was met, as the scoreboard shows it.

        Raises UnreadableError, with the line as a second argument, for a mark of which that cannot be said.
        """
        found = {}
        for mark in self._marks:
            try:
                found[mark.id] = _shown(mark)
            except (TypeError, ValueError) as error:
                raise UnreadableError(str(error), mark.line) from error
        return found


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
    """One expected number, or one pair of bounds, and all that was met for it."""

    kind: str
    expected: str
    met: list[Any]
    differs: bool
    off: float = 0.0  # how far it may be off, or between the bounds
    share: float = 0.0  # the same as a share of what is expected, where that says more

    def ours(self) -> str:
        """Return the numbers met: one, or the smallest and the largest."""
        if self.kind == "exact":
            return _text(self.met[0])
        low, high = min(self.met), max(self.met)
        first = _leading(max(abs(low), abs(high)))
        # To the place below the tolerance's first digit; without one, four digits.
        digits = 4 if self.differs or not self.off else first - _leading(self.off) + 2
        digits = min(digits, max(6, len(re.sub(r"[eE].*|\D", "", self.expected).lstrip("0"))))
        return " to ".join(dict.fromkeys(_text(value, first - digits + 1) for value in (low, high)))

    def tail(self) -> str:
        """Return how near that is: what would have failed the test."""
        if self.kind == "bounds":
            return ""  # what is expected says it
        if self.kind == "exact":
            return "" if isinstance(self.met[0], str) else " exactly"
        far = 100 * self.share or self.off
        near = _text(far, _leading(far) - 1) + ("%" if self.share else "")
        return f" (more than {near} off)" if self.differs else f" \u00b1 {near}"


def _shown(mark: Mark) -> dict[str, str]:
    """Put together all that one mark met; a number expected twice is one number."""
    met = [(comparison, run) for comparison in mark.comparisons for run in comparison.met]
    if not met:
        raise UnreadableError(mark.problem or f"the assert marked {mark.id} never ran, so nothing is known of it")
    cells: dict[tuple[int, int, str], _Cell] = {}
    for comparison, run in met:
        for at, cell in enumerate(_cells(comparison, run, mark.differs)):
            same = cells.setdefault((id(comparison), at, cell.expected), cell)
            if same is not cell:
                same.met += cell.met
                same.off, same.share = max(same.off, cell.off), max(same.share, cell.share)
    tails = [cell.tail() for cell in cells.values()]
    once = tails[0] if len(set(tails)) == 1 else ""  # one tolerance for all is said once
    between = ", " if once or not any(tails) else "; "
    ours = [cell.ours() + ("" if once else cell.tail()) for cell in cells.values()]
    expected = [cell.expected for cell in cells.values()]
    return {"expected": _listed(expected, between), "ours": _listed(ours, between) + once}


def _cells(comparison: Comparison, run: Run, differs: bool) -> Iterator[_Cell]:
    """Yield what one run of one comparison says: a cell for each expected number."""
    x = run["x"]
    if comparison.kind == "bounds":
        low, high = (_text(*run[side]) if side in run else "" for side in ("low", "high"))
        if low and high:
            yield _Cell("bounds", f"{low} to {high}", x, differs, run["high"][0] - run["low"][0])
        else:  # what differs is on the other side of what was expected
            yield _Cell("bounds", f"{'below' if bool(high) != differs else 'above'} {low or high}", x, differs)
        return
    expected = run.get("expected", [0])
    if not x or len(x) % len(expected):
        raise TypeError(f"the scoreboard met {len(x)} numbers for {len(expected)} expected ones")
    texts = comparison.texts if len(comparison.texts) == len(expected) else [""] * len(expected)
    rtol, atol = (run.get(name, [usual])[0] for name, usual in zip(("rtol", "atol"), comparison.usual, strict=True))
    for at, (number, text) in enumerate(zip(expected, texts, strict=True)):
        off = atol + rtol * abs(number) if comparison.kind == "near" else 0
        # A share of a thousandth says something; one of a million millionth is easier read as a distance.
        share = rtol if rtol >= 1e-3 and atol <= off / 50 else 0
        # As many digits as are held to it.
        text = text or _text(number, min(_leading(number) - 3, _leading(off)))
        yield _Cell(comparison.kind, text, x[at :: len(expected)], differs, off, share)


def _texts(expected: ast.expr | None, source: str) -> list[str]:
    """Return expected numbers as they are written; an empty text for one that has to be worked out."""
    if isinstance(expected, ast.List | ast.Tuple):
        return [text for element in expected.elts for text in _texts(element, source)]
    text = (ast.get_source_segment(source, expected) or "").replace("_", "") if expected else ""
    return [text if NUMBER.fullmatch(text) else ""]


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
