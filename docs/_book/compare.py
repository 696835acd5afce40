"""Say how what was printed differs from what is shown: the one comparison of tests, build and browser.

Text is compared to the letter: line by line, with its indentation, the blanks within a line and what stands in quotes.
Only blanks at the end of a line and of the whole count for nothing.

A float is within half a unit of the last place that is shown, and has the sign that is shown, a zero too. `1e3` shows
one digit, `1.` counts as `1.0`. Integers are exact. Within square brackets, the blanks that NumPy fills the places of a
float with, or puts before nan and inf, may be more or fewer: their number depends on digits that are not shown.
"""

from __future__ import annotations

import re
from decimal import Decimal
from itertools import zip_longest
from typing import NamedTuple

# A number that is no part of a word or of a version such as 3.11.2.
NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?!\w|\.\d)")
# What `repr` puts in quotes, and no apostrophe of a word.
QUOTED = re.compile(r"""(?<!\w)[bBfFrRuU]{0,2}(?P<quote>['"])(?:\\.|(?!(?P=quote)).)*(?P=quote)(?!\w)""")
TOKEN = re.compile(
    rf"(?P<text>{QUOTED.pattern})|(?P<number>{NUMBER.pattern})|(?P<bracket>[][])|(?P<word>(?<!\w)(?:nan|inf)(?!\w))"
)


class Line(NamedTuple):
    """One line that is printed or shown."""

    text: str  # as it stands, without blanks at its end
    letters: list[str]  # what stands before, between and behind its numbers
    numbers: list[str]


def difference(expected: str, got: str) -> str | None:
    """Say how two printed texts differ, or return None where the reader would call them equal."""
    shown, printed = read(expected), read(got)
    if bool(shown) != bool(printed):
        return f"expected {quote(expected if shown else None)}, got {quote(got if printed else None)}"
    for one, other in zip_longest(shown, printed):
        if not _agree(one, other):
            return f"expected {quote(one and one.text)}, got {quote(other and other.text)}"
    return None


def first(expected: str, got: str) -> int:
    """Return the first line, from 0, at which two texts differ; the last that is shown, where more was printed."""
    shown, printed = read(expected), read(got)
    differ = (number for number, pair in enumerate(zip_longest(shown, printed)) if not _agree(*pair))
    return max(min(next(differ, 0), len(shown) - 1), 0)


def rounded(expected: str, got: str) -> str:
    """Give each printed float the places that the page showed, where all else is the same."""
    shown, printed = read(expected), read(got)
    if [line.letters for line in shown] != [line.letters for line in printed]:
        return got
    old = iter([number for line in shown for number in line.numbers])

    def rewrite(match: re.Match[str]) -> str:
        if not match["number"]:
            return match[0]
        number, places = match["number"], next(old)
        plain = "." in number and "." in places and not re.search(r"[eE]|\.$", number + " " + places)
        return f"{Decimal(number):.{len(places.partition('.')[2])}f}" if plain else number

    text = "\n".join(TOKEN.sub(rewrite, line.text) for line in printed)
    return got if difference(text, got) else text


def quote(text: str | None) -> str:
    """Quote a text in a message of one line."""
    if text is None:
        return "nothing"
    text = "\n".join(line.text for line in read(text))
    return repr(text if len(text) <= 200 else text[:200] + "...") if text else "an empty line"


def read(text: str) -> list[Line]:
    """Read a text line by line; empty lines at its end are none."""
    lines, depth = [], 0
    for line in text.rstrip().split("\n") if text.strip() else ():
        line = line.rstrip()
        if not line.startswith(" "):  # NumPy indents all lines of an array but the first
            depth = 0
        letters, numbers, at = [""], [], 0
        for token in TOKEN.finditer(line):
            letters[-1] += line[at : token.start()]
            at = token.end()
            if token["number"]:
                numbers.append(token["number"])
                letters.append("")
                if depth and _is_float(token["number"]):  # the blanks behind it fill its places
                    behind = line[at:].lstrip(" ")
                    letters[-1] = "" if behind[:1] in ("", ",", "]") else " " * (line[at] == " ")
                    at = len(line) - len(behind)
                continue
            if token["word"] and depth:  # NumPy sets it to the right
                bare = letters[-1].rstrip(" ")
                letters[-1] = bare if bare.endswith("[") else bare + " " * (bare != letters[-1])
            if token["bracket"]:
                depth = max(depth + (1 if token[0] == "[" else -1), 0)
            letters[-1] += token[0]
        letters[-1] += line[at:]
        lines.append(Line(line, letters, numbers))
    return lines


def _agree(shown: Line | None, printed: Line | None) -> bool:
    if shown is None or printed is None or shown.letters != printed.letters:
        return False
    return all(map(_close, shown.numbers, printed.numbers))


def _close(shown: str, printed: str) -> bool:
    if not (_is_float(shown) and _is_float(printed)):
        return shown == printed
    if (shown[0] == "-") != (printed[0] == "-") or (shown[0] == "+") != (printed[0] == "+"):
        return False
    mantissa, _, exponent = shown.lower().partition("e")
    places = max(len(mantissa.partition(".")[2]), 1 if "." in mantissa else 0)
    unit = Decimal(10) ** (int(exponent or 0) - places)
    return abs(Decimal(shown) - Decimal(printed)) <= unit / 2


def _is_float(number: str) -> bool:
    return not number.lstrip("+-").isdigit()
