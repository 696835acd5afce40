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
# What np.allclose allows when it is not told.
ALLCLOSE = {"rtol": 1e-5, "atol": 1e-8}


class Recorder:
    """Notes what marked asserts compare: put it into the namespace of a page under the name `RECORDER`."""

    def __init__(self) -> None:
        self._terms: list[tuple[str, Term]] = []
        self._open: dict[int, dict[str, Any]] = {}
        self._met: dict[str, list[tuple[int, dict[str, Any]]]] = {}
        self.lines: dict[str, int] = {}  # of the marks in all that was wired

    def wire(self, tree: ast.Module, source: str, line: int, shown: str | None = None) -> None:
        """Wrap what marked asserts compare. The tree counts its lines from 1, the page from `line`.

        Raises UnreadableError, with the line as a second argument, where a mark cannot be read.
        """
        roles: dict[int, tuple[int, str]] = {}
        for marked in read(tree, source, shown):
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
        """Return for each mark what was published and what was met, as the scoreboard shows it.

        Raises UnreadableError, with the line as a second argument, where the two do not pair.
        """
        found = {}
        for score, met in self._met.items():
            try:
                found[score] = self._shown(met)
            except (TypeError, ValueError) as error:
                raise UnreadableError(str(error), self.lines[score]) from error
        return found

    def _shown(self, met: list[tuple[int, dict[str, Any]]]) -> dict[str, str]:
        """Put together all that one mark met; a number published twice is one number."""
        cells: dict[tuple[int, int, str], _Cell] = {}
        for number, parts in met:
            for at, cell in enumerate(_cells(self._terms[number][1], parts)):
                key = (number, at, cell.published)
                cells[key] = cells[key].joined(cell) if key in cells else cell
        found = list(cells.values())
        tails, between = [cell.tail() for cell in found], ", "
        # One tolerance for all is said once.
        if len(set(tails)) == 1:
            ours = _listed([cell.ours() for cell in found]) + tails[0]
        else:
            between = "; "
            ours = _listed([cell.ours() + tail for cell, tail in zip(found, tails, strict=True)], between)
        return {"published": _listed([cell.published for cell in found], between), "ours": ours}


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
    """One published number and all that was met for it."""

    kind: str
    published: str
    met: list[Any]
    distance: float = 0.0  # the tolerance, as a number
    tolerance: float = 0.0  # the same, as it is written: it may be a share
    low: float | None = None
    high: float | None = None
    differs: bool = False

    def joined(self, other: _Cell) -> _Cell:
        """Return both as one: the widest tolerance counts."""
        self.met = [*self.met, *other.met]
        self.tolerance = max(self.tolerance, other.tolerance)
        self.distance = max(self.distance, other.distance)
        return self

    def ours(self) -> str:
        """Return the numbers met: one, or the smallest and the largest."""
        if self.kind == "equal" and not self.differs:
            return self.published
        if any(isinstance(value, str) for value in self.met):
            return _listed(list(dict.fromkeys(map(str, self.met))))
        low, high = min(self.met), max(self.met)
        unit = self._unit(max(abs(low), abs(high)))
        first, last = _number(low, unit), _number(high, unit)
        return first if first == last else f"{first} to {last}"

    def tail(self) -> str:
        """Return how near that is: what would have failed the test."""
        if self.kind == "equal":
            return " (not equal)" if self.differs else "" if isinstance(self.met[0], str) else " exactly"
        if self.kind == "times":
            return f" ({_between(self.low, self.high)} times)"
        if self.kind == "range":
            between = _between(self.low, self.high)
            return f" ({between})" if None in (self.low, self.high) else f" in {between}"
        # A share of a thousandth says something; one of a million millionth is easier read as a distance.
        share = self.kind == "relative" and self.tolerance >= 1e-3
        far = f"{_rough(100 * self.tolerance)}%" if share else _rough(self.distance or self.tolerance)
        return f" (more than {far} off)" if self.differs else f" \u00b1 {far}"

    def _unit(self, size: float) -> int:
        """Return the power of ten of the last place worth showing."""
        places = _places(self.published)
        written = len(re.sub(r"[eE].*|\D", "", self.published).lstrip("0")) if places is not None else 0
        if self.kind == "rounded":
            unit = _leading(2 * self.tolerance)
        elif self.kind in ("within", "relative") and not self.differs:
            leading = _leading(self.distance) if self.distance else -12
            # Where that is nearly as fine, as many places as were published: 0.382 within 0.0005.
            coarse = leading + (written >= 3 and self.distance >= 4.9 * 10.0**leading)
            unit = -places if places is not None and leading - 1 <= -places <= coarse else leading
            # 12.6, not 13, where 12 is allowed to be off by 1.8.
            unit -= unit == leading and self.distance < 2 * 10.0**leading
        elif self.kind == "range" and self.low is not None and self.high is not None and self.high > self.low:
            unit = _leading(self.high - self.low) - 1
        else:
            unit = _leading(size) - (1 if self.kind == "times" else 2) if size else 0
        digits = max(6, written)
        return max(unit, _leading(size) - digits + 1) if size else max(unit, -digits)


def _cells(term: Term, parts: dict[str, Any]) -> Iterator[_Cell]:
    """Yield what one run of one comparison says: a cell for each published number."""
    x, differs = parts["x"], bool(term.differs)
    if term.kind == "shown":
        for text, value in zip(term.texts, _spread(x, len(term.texts)), strict=True):
            whole = _places(text) == 0 and "e" not in text.lower() and "." not in text
            half = 0.0 if whole else 10.0 ** -(_places(text) or 0) / 2
            yield _Cell("equal" if whole else "rounded", text, value, half, half)
        return
    low, high = (max(parts[side], default=None) if side in parts else None for side in ("low", "high"))
    if term.kind == "range":
        published = _between(low, high)
        if differs:
            (number,) = parts.get("p") or [high if low is None else low]
            published = term.texts[0] if term.texts else _plain(number)
        yield _Cell("range", published, x, 0.0, 0.0, low, high, differs)
        return
    numbers = parts.get("p") or [float(text) for text in term.texts]
    texts = term.texts if len(term.texts) == len(numbers) else [""] * len(numbers)
    tolerances = _tolerances(term, parts, numbers)
    values = _spread(x, len(numbers))
    for number, text, value, (kind, tolerance) in zip(numbers, texts, values, tolerances, strict=True):
        distance = tolerance * abs(number) if kind == "relative" else tolerance
        text = text or _plain(number, _leading(distance) if distance else None)
        yield _Cell(kind, text, value, distance, tolerance, low, high, differs)


def _tolerances(term: Term, parts: dict[str, Any], numbers: list[Any]) -> Iterator[tuple[str, float]]:
    """Yield for each published number how far from it would have failed: absolutely, or as a share."""
    for at, number in enumerate(numbers):
        if term.kind == "rounded":
            yield "rounded", 10.0 ** -parts.get("k", [0])[0] / 2
        elif term.kind == "close":
            rtol, atol = (_at(parts[name], at) if name in parts else usual for name, usual in ALLCLOSE.items())
            share = rtol * abs(number)
            # Both count, also the one that was not asked for.
            yield ("relative", rtol) if atol <= share / 50 else ("within", atol + share)
        elif term.kind in ("within", "relative"):
            yield term.kind, _at(parts["t"], at)
        else:
            yield term.kind, 0.0


def _at(values: list[Any], at: int) -> float:
    return float(values[at] if at < len(values) else max(values))


def _flat(value: Any) -> list[Any]:
    """Return the numbers in a value: of an array, a list, a tuple, a dict."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple | set | frozenset):
        return [number for each in value for number in _flat(each)]
    if isinstance(value, bool):
        return [str(value)]
    if not isinstance(value, int | float | str):
        raise TypeError(f"the scoreboard compares numbers, not {type(value).__name__}")
    return [value]


def _spread(values: list[Any], count: int) -> list[list[Any]]:
    """Give each of `count` published numbers its own: as NumPy broadcasts along the last axis."""
    if not values or len(values) % count:
        raise TypeError(f"the scoreboard met {len(values)} numbers for {count} published ones")
    return [values[at::count] for at in range(count)]


def _listed(texts: list[str], between: str = ", ") -> str:
    return between.join(texts if len(texts) <= 8 else [*texts[:3], "\u2026", texts[-1]])


def _between(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return f"below {_plain(high)}" if low is None else f"above {_plain(low)}"
    return f"{_plain(low)} to {_plain(high)}"


def _rough(value: float) -> str:
    """Write a tolerance with one digit, or two where one would be far off."""
    unit = _leading(value)
    return _number(value, unit if abs(round(value, -unit) - value) <= 0.02 * value else unit - 1)


def _plain(value: Any, unit: int | None = None) -> str:
    """Write a number that has no text of its own: four digits, more if a power of ten asks for them, all if few."""
    if isinstance(value, float):
        short = _exponent(repr(value)).removesuffix(".0")
        fourth = _leading(value) - 3
        return short if len(short) <= 8 else _number(value, fourth if unit is None else min(unit, fourth))
    return str(value)


def _number(value: float, unit: int) -> str:
    """Write a number down to a power of ten."""
    if not math.isfinite(value):
        return str(value)
    rounded = round(value, -unit) + 0.0
    if rounded and not 1e-4 <= abs(rounded) < 1e7:
        return _exponent(f"{rounded:.{max(0, _leading(rounded) - unit)}e}")
    text = f"{rounded:.{max(0, -unit)}f}"
    # So far out a zero says nothing.
    return text.rstrip("0").rstrip(".") if unit <= -6 or (isinstance(value, int) and unit < 0) else text


def _exponent(text: str) -> str:
    """Write 2.4e-7 for 2.4e-07."""
    return re.sub(r"e([-+]?)0*(\d)", lambda m: f"e{m[1].replace('+', '')}{m[2]}", text)


def _leading(value: float) -> int:
    """Return the power of ten of a number's first digit, as one would write it with one digit."""
    if not value or not math.isfinite(value):
        return 0
    power = math.floor(math.log10(abs(value)))
    return power + (round(abs(value) / 10.0**power, 6) >= 10)


def _places(text: str) -> int | None:
    """Return how many decimals a written number has; None for what is no number."""
    if not re.fullmatch(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?", text):
        return None
    mantissa, _, exponent = text.lower().partition("e")
    return len(mantissa.partition(".")[2]) - int(exponent or 0)
