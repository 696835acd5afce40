"""A figure in the page draws what its file draws, in fewer bytes."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from _book.render import paths
from fontTools.pens.recordingPen import RecordingPen
from fontTools.svgLib.path import parse_path


def drawn(path: str) -> list[tuple[str, list[float]]]:
    """Return what an independent reader of SVG makes of a path."""
    pen = RecordingPen()
    parse_path(path, pen)
    return [(name, [round(number, 1) + 0.0 for point in points for number in point]) for name, points in pen.value]


def random_path(rng: np.random.Generator) -> str:
    """Return a path of every command that Matplotlib writes, one decimal a number, small steps and large ones."""
    parts = ["M 3 -4.5"]
    for command in rng.choice(["L", "L", "L", "Q", "C", "z M"], size=40):
        numbers = rng.choice([1, 1000]) * rng.uniform(-1, 1, size=paths.TAKES[command[-1]])
        parts.append(" ".join([command, *(f"{number:.1f}".removesuffix(".0") for number in numbers)]))
    return " ".join(parts)


@pytest.mark.parametrize("seed", range(20))
def test_a_path_by_its_steps_is_the_same_path(seed: int) -> None:
    """A thousand steps must not add up to an error that one sees."""
    path = random_path(np.random.default_rng(seed))
    light = re.search(' d="(.*?)"', paths.light(f'<path d="{path}"/>'))

    assert light
    assert drawn(light[1]) == drawn(path)
    assert len(light[1]) < len(path)


@pytest.mark.parametrize("path", ["M 0 0 A 1 1 0 0 0 2 2", "m 1 2 l 3 4", "M 0 0 H 3"])
def test_a_path_with_other_commands_is_left_alone(path: str) -> None:
    """Written by hand, or by a new Matplotlib: heavier, and right."""
    assert paths.light(f'<path d="{path}"/>') == f'<path d="{path}"/>'


def test_only_ids_that_something_names_stay() -> None:
    """An id that a clip, a marker or a link needs is no ballast."""
    svg = '<svg><g id="axes_1"><path id="m1" d="z"/><clipPath id="p1"/><use href="#m1" clip-path="url(#p1)"/></g></svg>'

    ids = {element.get("id") for element in ElementTree.fromstring(paths.light(svg)).iter()} - {None}

    assert ids == {"m1", "p1"}
