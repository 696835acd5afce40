"""Make the math font of the site: the characters that the book's math uses, cut out of STIX Two Math.

The font (SIL Open Font License 1.1, no reserved name) comes with the package ziamath;
nothing of it is kept in the repository.
"""

from __future__ import annotations

import io
import unicodedata
from importlib import util
from pathlib import Path

from fontTools import subset as subsetter
from fontTools.ttLib import TTFont

from _book import cache

NAME = "STIXTwoMath-Regular.ttf"
FILE = "math.woff2"  # in the cache


def subset(characters: set[str], folder: Path) -> bytes:
    """Return a WOFF2 with the characters, as they are and as a formula shows single letters: slanted."""
    characters = characters | {
        "√"
    }  # what <msqrt> draws stands in no text, and without the glyph there is no root sign at all
    wanted = sorted({ord(c) for c in characters if c.isprintable()} | {ord(c) for c in map(_italic, characters) if c})
    key = cache.key(wanted, cache.versions("ziamath", "fonttools", "brotli"), files=[Path(__file__)])
    return cache.kept(folder / f"font-{key}", lambda: {FILE: _cut(wanted)})[FILE]


def _cut(wanted: list[int]) -> bytes:
    # Without its time stamp, the same characters give the same bytes.
    font = TTFont(_path(), recalcTimestamp=False)
    # Without the extra shapes for scripts (ssty), which would double the file for a hairline's difference.
    options = subsetter.Options(flavor="woff2", layout_features=[], hinting=False, name_IDs=[0, 1, 2, 13, 14])
    options.drop_tables += ["DSIG"]
    cutter = subsetter.Subsetter(options)
    cutter.populate(unicodes=wanted)
    cutter.subset(font)
    _narrow_roots(font)
    out = io.BytesIO()
    subsetter.save_font(font, out, options)
    return out.getvalue()


def _narrow_roots(font: TTFont) -> None:
    """Make the tall root signs as wide as the plain one.

    Chromium keeps room for the widest of them behind every root, a gap of half a letter behind the plain one.
    """
    variants, root = font["MATH"].table.MathVariants, font.getBestCmap()[ord("√")]
    tall = variants.VertGlyphConstruction[variants.VertGlyphCoverage.glyphs.index(root)]
    names = {record.VariantGlyph for record in tall.MathGlyphVariantRecord}
    names |= {part.glyph for part in tall.GlyphAssembly.PartRecords} if tall.GlyphAssembly else set()
    glyphs, sizes = font["glyf"], font["hmtx"]
    for name in names - {root}:
        factor = sizes[root][0] / sizes[name][0]
        glyphs[name].coordinates.scale((factor, 1))
        glyphs[name].coordinates.toInt()
        glyphs[name].recalcBounds(glyphs)
        sizes[name] = (sizes[root][0], glyphs[name].xMin)


def _path() -> Path:
    """Where ziamath keeps the font; found without importing it, which would read the whole font."""
    spec = util.find_spec("ziamath")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError('the math font comes with ziamath: pip install -c constraints.txt -e ".[docs]"')
    return Path(spec.submodule_search_locations[0]) / "fonts" / NAME


def _italic(character: str) -> str:
    """The slanted form that a browser shows for a single letter, or nothing."""
    if character == "h":
        return "\u210e"  # the Planck constant's sign keeps this place in the alphabet
    try:
        if character.isascii() and character.isalpha():
            case = "CAPITAL" if character.isupper() else "SMALL"
            return unicodedata.lookup(f"MATHEMATICAL ITALIC {case} {character.upper()}")
        name = unicodedata.name(character, "")
        if name.startswith("GREEK "):
            words = name.removeprefix("GREEK ").replace("LETTER ", "")
            return unicodedata.lookup(f"MATHEMATICAL ITALIC {words}")
    except KeyError:
        pass
    return ""
