"""Figures as a page shows them: what Matplotlib wrote, in the page's colours. The build and the browser use it."""

from __future__ import annotations

import html
import re

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
LIGHT = {
    "c0": "#1f77b4",
    "c1": "#c65500",
    "c2": "#1f8a1f",
    "c3": "#d62728",
    "c4": "#8659b5",
    "c5": "#8c564b",
    "c6": "#c2459d",
    "c7": "#6f6f6f",
    "c8": "#7c7d00",
    "c9": "#0e8090",
    "gray": "#707070",
    "grid": "#8c8c8c",
    "paper": "#ffffff",
}
DARK = {
    "c0": "#6cb4ee",
    "c1": "#ff9f45",
    "c2": "#5cc85c",
    "c3": "#ff7b7b",
    "c4": "#c0a0e8",
    "c5": "#d0a090",
    "c6": "#f0a0d8",
    "c7": "#a8a8a8",
    "c8": "#d4d54a",
    "c9": "#4fd8e6",
    "gray": "#a0a0a0",
    "grid": "#8a8d98",
    "paper": "#1e2129",
}


def inline(svg: str, name: str, alt: str) -> str:
    """Return a figure as it stands in a page: named, in the page's colours, its ids unlike other figures'."""
    svg = _bare(svg)
    suffix = "-" + re.sub(r"\W+", "-", name.removesuffix(".svg"))
    svg = re.sub(r'\bid="([^"]+)"', rf'id="\1{suffix}"', svg)
    svg = re.sub(r"url\(#([^)]+)\)", rf"url(#\1{suffix})", svg)
    # Kept as xlink:href: the theme's instant navigation chokes on an SVG's plain href.
    svg = re.sub(r'\bxlink:href="#([^"]+)"', rf'xlink:href="#\1{suffix}"', svg)
    opening = f'<svg role="img" aria-label="{html.escape(alt)}" class="drawing" fill="currentColor"'
    return _opened(svg, opening)


def standalone(svg: str) -> str:
    """Return a figure as a file of its own, readable in light and in dark."""

    def values(names: dict[str, str]) -> str:
        return ";".join(f"--{name}:{value}" for name, value in names.items())

    style = (
        f"<style>:root{{color-scheme:light dark;color:#111;background:#fff;{values(LIGHT)}}}"
        f"@media(prefers-color-scheme:dark){{:root{{color:#eee;background:{DARK['paper']};{values(DARK)}}}}}</style>"
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
