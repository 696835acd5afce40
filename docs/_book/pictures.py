"""What a figure has to be: a drawing and nothing else in its file, and something to see in each of its axes."""

from __future__ import annotations

import contextlib
import functools
import importlib
import math
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SVG = "{http://www.w3.org/2000/svg}"
# What Matplotlib draws with. Whatever else SVG has moves, runs or fetches something.
ELEMENTS = {
    *("svg", "g", "defs", "title", "desc", "style", "path", "use", "text", "tspan", "image", "clipPath", "mask"),
    *("rect", "circle", "ellipse", "line", "polyline", "polygon", "pattern", "marker", "filter"),
    *("linearGradient", "radialGradient", "stop", "feColorMatrix", "feComposite", "feGaussianBlur", "feOffset"),
}
INSIDE = re.compile(r"#|data:image/(?:png|jpeg);base64,")
FETCHED = re.compile(r"@import|url\(\s*[\"']?(?!#)|expression\(|javascript:", re.I)


def problem(svg: bytes) -> str | None:
    """Say what is wrong with the file of a figure, or return None."""
    from xml.etree import ElementTree  # which the browser has not

    if not svg.strip():
        return "is an empty file: end the block with fig.savefig"
    try:
        text = svg.decode()
        root = ElementTree.fromstring(svg)
    except UnicodeDecodeError:
        return "is not UTF-8: let Matplotlib write it"
    except ElementTree.ParseError as error:
        return f"is no XML ({error}): let Matplotlib write it"
    if root.tag != f"{SVG}svg":
        return f"is no SVG but <{root.tag}>: let Matplotlib write it"
    if "<!ENTITY" in text or re.search(r"<\?(?!xml\s)", text):
        return "has more than a drawing in it (an entity or an instruction): let Matplotlib write it"
    for element in root.iter():
        if element.tag.removeprefix(SVG) not in ELEMENTS:
            return f"has more than a drawing in it (<{element.tag.removeprefix(SVG)}>): let Matplotlib write it"
        for name, value in element.items():
            name = name.rpartition("}")[2]
            if name.lower().startswith("on"):
                return f"has more than a drawing in it ({name}=): let Matplotlib write it"
            if (name in ("href", "src") and not INSIDE.match(value)) or FETCHED.search(value):
                return f"fetches something ({value[:60]!r}): draw it in the block"
        if element.tag == f"{SVG}style" and FETCHED.search(element.text or ""):
            return "fetches something (in its <style>): draw it in the block"
    return None


@contextlib.contextmanager
def watched(blank: dict[str, str]) -> Iterator[None]:
    """While a block runs, note of each SVG that Matplotlib writes why nothing is seen in it; refuse `plt.show()`."""
    canvas: Any = importlib.import_module("matplotlib.backends.backend_svg").FigureCanvasSVG
    manager: Any = importlib.import_module("matplotlib.backend_bases").FigureManagerBase
    pyplot: Any = importlib.import_module("matplotlib.pyplot")
    write, before = canvas.print_svg, (manager.show, pyplot.show)

    @functools.wraps(write)  # whose signature Matplotlib reads
    def written(self: Any, filename: Any, *given: Any, **named: Any) -> Any:
        done = write(self, filename, *given, **named)
        if isinstance(filename, str | os.PathLike):
            name = Path(filename).name
            blank.pop(name, None)
            if why := unseen(self.figure):
                blank[name] = why
        return done

    canvas.print_svg = written
    manager.show = pyplot.show = _refuse
    try:
        yield
    finally:
        canvas.print_svg = write
        manager.show, pyplot.show = before


def unseen(figure: Any) -> str | None:
    """Say where nothing is to be seen in a figure that has just been drawn, or return None."""
    panels: dict[tuple[float, ...], list[Any]] = {}
    for axes in figure.axes:
        if axes.get_visible():  # twins, which lie on one another, are one panel
            panels.setdefault(tuple(round(x, 6) for x in axes.get_position().bounds), []).append(axes)
    empty = [number for number, twins in enumerate(panels.values(), start=1) if not any(map(_drawn, twins))]
    if framed := [n for n in empty if any(axes.axison for axes in list(panels.values())[n - 1])]:
        return f"has nothing drawn in its axes {framed[0]} of {len(panels)}: draw in it, or take it away"
    if len(empty) == len(panels) and not any(map(_seen, _artists(figure))):
        return "has nothing drawn in it: draw something, or do not save it"
    return None


def _drawn(axes: Any) -> bool:
    """True where something is to be seen inside a frame, or inside one that lies in it."""
    if axes.get_legend() is not None or any(_seen(artist, axes) for artist in axes._children):
        return True
    return any(_drawn(child) for child in axes.child_axes if type(child).__name__ != "SecondaryAxis")


def _artists(figure: Any) -> list[Any]:
    return [*figure.artists, *figure.lines, *figure.patches, *figure.texts, *figure.images, *figure.legends]


def _seen(artist: Any, axes: Any = None) -> bool:
    """True for what is drawn somewhere within its axes."""
    alpha = artist.get_alpha()  # a number, an array of them, or None
    if not artist.get_visible() or (isinstance(alpha, int | float) and alpha == 0):
        return False
    if isinstance(artist, importlib.import_module("matplotlib.text").Text):
        return bool(artist.get_text().strip())
    if axes is None or not hasattr(artist, "get_window_extent"):
        return True
    if isinstance(artist, importlib.import_module("matplotlib.collections").Collection):
        # Its extent in the window knows nothing of offsets, where the dots of a scatter and arrows stand.
        if artist.get_offset_transform().contains_branch(axes.transData):
            points = artist.get_offset_transform().transform(
                importlib.import_module("numpy").ma.filled(artist.get_offsets(), math.nan)
            )
            return any(axes.bbox.contains(*map(float, point)) for point in points)
        if not artist.get_transform().contains_branch(axes.transData):
            return bool(artist.get_paths())
        box = artist.get_datalim(axes.transData).transformed(axes.transData)
    else:
        box = artist.get_window_extent(axes.figure._get_renderer())
    return all(map(math.isfinite, box.extents)) and box.overlaps(axes.bbox)


def _refuse(*given: object, **named: object) -> None:
    raise RuntimeError("nothing can be shown in a window here: take show() out, and save the figure")
