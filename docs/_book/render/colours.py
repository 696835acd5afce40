"""Figures as a page shows them: what Matplotlib wrote, in the page's colours. The build and the browser use it."""

from __future__ import annotations

import functools
import html
import re
from pathlib import Path

# Matplotlib's colours C0 to C9, black and white: the style sheet gives each a light and a dark value.
COLOURS = {
    "#1f77b4": "var(--c0)",
    "#ff7f0e": "var(--c1)",
    "#2ca02c": "var(--c2)",
    "#d62728": "var(--c3)",
    "#9467bd": "var(--c4)",
    "#8c564b": "var(--c5)",
    "#e377c2": "var(--c6)",
    "#7f7f7f": "var(--c7)",
    "#bcbd22": "var(--c8)",
    "#17becf": "var(--c9)",
    "#808080": "var(--gray)",
    "#b0b0b0": "var(--grid)",
    "#cccccc": "var(--grid)",
    "#000000": "currentColor",
    "#ffffff": "var(--paper)",
}
# Of the theme, which the style sheet names only: what a figure lies on, in light and in dark.
PAPER = ("#ffffff", "#1e2129")
STYLES = Path(__file__).parents[2] / "assets" / "book.css"


@functools.cache
def schemes() -> tuple[dict[str, str], dict[str, str]]:
    """Return the values of those names in light and in dark, as the style sheet has them."""
    light, dark = STYLES.read_text(encoding="utf-8").split('[data-md-color-scheme="slate"]', 1)
    values = [dict(re.findall(r"--(c\d|gray|grid): (#[0-9a-f]{6});", text)) for text in (light, dark)]
    return values[0] | {"paper": PAPER[0]}, values[1] | {"paper": PAPER[1]}


def inline(svg: str, name: str, alt: str) -> str:
    """Return a figure as it stands in a page: named, in the page's colours, its ids unlike other figures'."""
    svg = _bare(svg)
    # The style sheet sets the font.
    svg = re.sub(r' font-family: [^;"]*;?', "", svg)
    suffix = "-" + re.sub(r"\W+", "-", name.removesuffix(".svg"))
    svg = re.sub(r'\bid="([^"]+)"', rf'id="\1{suffix}"', svg)
    svg = re.sub(r"url\(#([^)]+)\)", rf"url(#\1{suffix})", svg)
    # Kept as xlink:href: the theme's instant navigation chokes on an SVG's plain href.
    svg = re.sub(r'\bxlink:href="#([^"]+)"', rf'xlink:href="#\1{suffix}"', svg)
    opening = f'<svg role="img" aria-label="{html.escape(alt)}" class="drawing" fill="currentColor"'
    return _opened(svg, opening)


def standalone(svg: str) -> str:
    """Return a figure as a file of its own, readable in light and in dark."""

    light, dark = schemes()

    def values(names: dict[str, str]) -> str:
        return ";".join(f"--{name}:{value}" for name, value in names.items())

    style = (
        f"<style>:root{{color-scheme:light dark;color:#111;background:#fff;{values(light)}}}"
        f"@media(prefers-color-scheme:dark){{:root{{color:#eee;background:{dark['paper']};{values(dark)}}}}}</style>"
    )
    names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    svg = _opened(_bare(svg), f'<svg {names} fill="currentColor" width="100%" height="100%"')
    at = svg.index(">") + 1
    return svg[:at] + style + svg[at:] + "\n"


def _bare(svg: str) -> str:
    """Drop what a page has no use for, and name the colours."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r">\s+<", "><", svg).strip()
    # A tenth of a point is finer than most screens; six decimals would double a page.
    svg = re.sub(r'\b(?:d|x|y|transform|points)="[^"]*"', lambda m: _rounded(m[0]), svg)
    return re.sub(r"#[0-9a-f]{6}\b", lambda m: COLOURS.get(m[0], m[0]), svg)


def _rounded(attribute: str) -> str:
    short = re.sub(r"-?\d+\.\d+", lambda m: f"{float(m[0]):.1f}".rstrip("0").rstrip("."), attribute)
    return re.sub(r"\s+", " ", short).replace('" ', '"').replace(' "', '"')


def _opened(svg: str, opening: str) -> str:
    """Replace the opening tag, keeping its view box."""
    view = re.search(r'viewBox="([^"]*)"', svg)
    assert view, "Matplotlib writes a view box"
    width = float(view[1].split()[2])
    # In pixels, and the height left to the view box: Material collapses a figure that has none.
    size = "" if " width=" in opening else f' width="{width * 4 / 3:.0f}"'
    return re.sub(r"<svg\b[^>]*>", f'{opening} viewBox="{view[1]}"{size}>', svg, count=1)
