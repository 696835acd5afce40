"""Figures that weigh less and look the same: each point of a path by its step from the last, no id that nothing names.

Steps repeat where coordinates do not, so a page of figures loses up to a third of its compressed weight. A text that is
not turned says so with its place once more, and each text names its size: together another 500 bytes a page and more.
Only the build needs all that: a figure drawn in the browser has come as far as it goes.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import islice

# How many numbers a command of a path takes; Matplotlib writes no others.
TAKES = {"M": 2, "L": 2, "Q": 4, "C": 6, "z": 0}


def light(svg: str) -> str:
    """Return an SVG that draws the same, from one whose coordinates have one decimal."""
    named = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', svg))
    svg = re.sub(r' id="([^"]+)"', lambda m: m[0] if m[1] in named else "", svg)
    svg = re.sub(r"(<g[^>]*)>((?:<use [^>]*/>)+)</g>", _marked, svg)
    svg = re.sub(r' transform="rotate\(-?0 [^)]*\)"', "", svg)
    return re.sub(r' d="([^"]*)"', lambda m: f' d="{_stepwise(m[1])}"', _lettered(svg))


def _marked(group: re.Match[str]) -> str:
    """Say the style of equal marks once, at their group, which has none of its own."""
    styles = re.findall(r' style="[^"]*"', group[2])
    if " style=" in group[1] or len(styles) < group[2].count("<use ") or len(set(styles)) > 1:
        return group[0]
    return f"{group[1]}{styles[0]}>{group[2].replace(styles[0], '')}</g>"


def _lettered(svg: str) -> str:
    """Say at the root the size that most texts have: they inherit it, and the others keep their own."""
    texts = re.findall(r"<text\b[^>]*>", svg)
    sizes = [re.findall(r'[" ]font-size: ([^;"]*)', text) for text in texts]
    if not texts or not all(sizes):  # one would inherit what it does not have
        return svg
    ((most, _),) = Counter(size for (size,) in sizes).most_common(1)
    svg = re.sub(rf'(<text\b[^>]*[" ])font-size: {re.escape(most)}(?:; ?|(?="))', r"\1", svg)
    return svg.replace("<svg", f'<svg style="font-size: {most}"', 1).replace(' style=""', "")


def _stepwise(path: str) -> str:
    """Write the commands of a path in small letters: relative to the point where the command starts."""
    found = iter(re.findall(r"[A-Za-z]|[^\sA-Za-z]+", path))
    written, before = [], ""
    here = start = (0, 0)  # in tenths: whole numbers, so that a thousand steps add up to no error
    for command in found:
        if command not in TAKES:
            return path
        points = [round(float(number) * 10) for number in islice(found, TAKES[command])]
        steps = [number - here[i % 2] for i, number in enumerate(points)]
        numbers = "".join(_tenths(step, first=i == 0) for i, step in enumerate(steps))
        name = command.lower()
        if name == before == "l":  # said once for all that follow
            name = "" if numbers.startswith("-") else " "
        written.append(name + numbers)
        before = command.lower()
        here = start if command == "z" else (points[-2], points[-1])
        if command == "M":
            start = here
    return "".join(written)


def _tenths(number: int, *, first: bool) -> str:
    """Write tenths in as few letters as SVG reads: -3 as `-.3`, with a blank before what would run into the last."""
    whole, tenth = divmod(abs(number), 10)
    text = ("-" if number < 0 else "") + (f"{whole}" if whole or not tenth else "") + (f".{tenth}" if tenth else "")
    return text if first or number < 0 else " " + text
