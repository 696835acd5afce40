"""Say how what was printed differs from what is shown: the one comparison of tests, build and browser.

Text is equal once white space is folded. A float is within half a unit of the last place that is shown (`1.` counts
as `1.0`); anything else, integers, True, nan, is exact.
"""

from __future__ import annotations

import re
from decimal import Decimal
from itertools import zip_longest

# A number that is no part of a word or of a version such as 3.11.2.
NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?!\w|\.\d)")


def difference(expected: str, got: str) -> str | None:
    """Say how two printed texts differ, or return None where the reader would call them equal."""
    if _agree(expected, got):
        return None
    pairs = list(zip_longest(expected.strip().splitlines(), got.strip().splitlines()))
    for shown, printed in pairs if expected.strip() and got.strip() else []:
        if not _agree(shown or "", printed or ""):
            return f"expected {quote(shown)}, got {quote(printed)}"
    return f"expected {quote(expected)}, got {quote(got)}"


def first(expected: str, got: str) -> int:
    """Return the first line, from 0, at which two texts differ; 0 where fewer lines were printed than are shown."""
    shown, printed = expected.splitlines(), got.splitlines()
    pairs = zip(shown, printed, strict=False) if len(printed) >= len(shown) else ()
    return next((number for number, pair in enumerate(pairs) if not _agree(*pair)), 0)


def rounded(expected: str, got: str) -> str:
    """Give each printed float the places that the page showed, where all else is the same."""
    folded, printed = " ".join(expected.split()), " ".join(got.split())
    if NUMBER.split(folded) != NUMBER.split(printed):
        return got
    shown = iter(NUMBER.findall(folded))

    def rewrite(match: re.Match[str]) -> str:
        number, old = match.group(), next(shown)
        plain = "." in number and "." in old and not re.search(r"[eE]|\.$", number + " " + old)
        return f"{Decimal(number):.{len(old.partition('.')[2])}f}" if plain else number

    return NUMBER.sub(rewrite, got)


def quote(text: str | None) -> str:
    """Quote a text in a message of one line."""
    if text is None or not text.strip():
        return "nothing"
    folded = " ".join(text.split())
    return repr(folded if len(folded) <= 200 else folded[:200] + "...")


def _agree(expected: str, got: str) -> bool:
    expected, got = (" ".join(text.replace("<BLANKLINE>", "").split()) for text in (expected, got))
    if NUMBER.split(expected) != NUMBER.split(got):
        return False
    return all(map(_close, NUMBER.findall(expected), NUMBER.findall(got)))


def _close(shown: str, printed: str) -> bool:
    if not (_is_float(shown) and _is_float(printed)):
        return shown == printed
    mantissa, _, exponent = shown.lower().partition("e")
    places = max(len(mantissa.partition(".")[2]), 1 if "." in mantissa else 0)
    unit = Decimal(10) ** (int(exponent or 0) - places)
    return abs(Decimal(shown) - Decimal(printed)) <= unit / 2


def _is_float(number: str) -> bool:
    return not number.lstrip("+-").isdigit()
