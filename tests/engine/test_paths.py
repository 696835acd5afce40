"""A figure in the page draws what its file draws, in fewer bytes."""

from __future__ import annotations

import io
import re
from xml.etree import ElementTree

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from _book.render import colours, paths
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


TEXTS = (
    """<svg viewBox="0 0 1 1">"""
    """<text style="font-size: 10px; text-anchor: end" transform="rotate(-0 1 2)">1</text>"""
    """<text style="font-size: 12px" transform="rotate(-90 3 4)">2<tspan style="font-size: 10px">3</tspan></text>"""
    """<text style="font-size: 10px">4</text></svg>"""
)


def looks(
    element: ElementTree.Element, inherited: dict[str, str] | None = None
) -> list[tuple[str | None, dict[str, str]]]:
    """Return each text with what it looks like, inherited or its own."""
    own = dict(part.split(": ") for part in element.get("style", "").split("; ") if part)
    style = {**(inherited or {}), **own}
    found = [(element.text, style)] if element.text else []
    return found + [look for child in element for look in looks(child, style)]


def test_texts_look_the_same_and_say_less() -> None:
    """The size that most have stands once, at the root; no text is turned by nothing."""
    light = paths.light(TEXTS)

    assert looks(ElementTree.fromstring(light)) == looks(ElementTree.fromstring(TEXTS))
    assert light.count("10px") == 2
    assert "rotate(-0" not in light
    assert "rotate(-90" in light
    assert 'style=""' not in light


def test_a_text_without_a_size_inherits_none() -> None:
    """It had the page's size, and keeps it."""
    svg = TEXTS.replace('<text style="font-size: 10px">4', "<text>4")

    light = paths.light(svg)

    assert looks(ElementTree.fromstring(light)) == looks(ElementTree.fromstring(svg))
    assert light.count("10px") == 2


@pytest.mark.parametrize("styles", [("fill: red", "fill: red"), ("fill: red", "fill: blue"), ("fill: red", "")])
def test_marks_look_the_same_and_say_it_once(styles: tuple[str, str]) -> None:
    """The dots of a curve have one style, which their group says for them; dots of two styles keep theirs."""
    marks = "".join(f'<use href="#m" x="{x}" style="{style}"/>' for x, style in enumerate(styles))
    svg = f'<svg><g clip-path="url(#p)">{marks}</g></svg>'.replace(' style=""', "")

    light = paths.light(svg)

    seen = []
    for text in (svg, light):
        (group,) = ElementTree.fromstring(text)
        seen.append([use.get("style") or group.get("style") for use in group])
    assert seen[0] == seen[1]
    assert light.count("style=") == len(set(styles) - {""})


def test_a_text_in_the_page_leaves_the_font_to_the_style_sheet() -> None:
    """Which overrules the font of each label."""
    fig, ax = plt.subplots()
    ax.set(xlabel="level", ylabel="upright")
    written = io.BytesIO()
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        fig.savefig(written, format="svg")
    plt.close(fig)

    shown = colours.inline(written.getvalue().decode(), "x.svg", "a frame")

    assert "font-family" in written.getvalue().decode()
    assert "font-family" not in shown
    (level,) = re.findall(r"<text([^>]*)>level<", shown)
    assert "font-size: 10px" in level
    assert "text-anchor: middle" in level
    ElementTree.fromstring(shown.replace("xlink:href", "href"))
