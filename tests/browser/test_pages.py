"""Each page, alone: it opens, is light, fits a phone, is accessible, and its figures show in both schemes."""

import pytest
import served
import weights
from fixtures import COLOURS

SCHEMES = ["light", "dark"]


def test_opens_without_a_complaint(name, visit):
    """No console error, no failed request: each is something the reader does not get."""
    assert visit(name).problems == []


def test_asks_nobody_else(name, visit):
    """A reader's visit is nobody's business but the reader's."""
    assert visit(name).foreign == []


def test_is_light(name, visit, measured):
    """All that a first visit transfers, compressed as Pages compresses it, fits a slow phone."""
    sent = visit(name).sent
    assert [address for address in sent if "search" in address] == []  # nobody searches yet
    total = sum(sent.values())
    measured(f"{total / 1000:6.1f} kB  /{name}")

    heaviest = sorted(sent.items(), key=lambda item: -item[1])[:8]
    assert total < weights.limit(name), heaviest


# Everything in the article that reaches past the screen and that no scrolling box of its own holds.
OVERFLOWING = """() => {
    const inside = element => {
        for (let box = element.parentElement; box && box.tagName != "ARTICLE"; box = box.parentElement)
            if (getComputedStyle(box).overflowX != "visible"
                    && box.getBoundingClientRect().right <= innerWidth + 1) return true
        return false
    }
    return [...document.querySelectorAll("article *, header *, footer *")]
        .filter(e => e.checkVisibility() && e.getBoundingClientRect().right > innerWidth + 1 && !inside(e))
        .filter(e => getComputedStyle(e).position != "fixed" && !e.closest("[hidden], .md-search, dialog"))
        .map(e => e.outerHTML.slice(0, 120))
}"""


def test_fits_a_phone(name, visit):
    """360 px wide and no sideways scrolling, with every solution open."""
    page = visit(name).seen(width=360, height=740)

    assert page.evaluate(OVERFLOWING) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize("scheme", SCHEMES)
def test_is_accessible(name, scheme, visit):
    """axe-core finds nothing to report, with every solution open."""
    page = visit(name).seen(scheme=scheme)
    page.evaluate((served.node_module("axe-core") / "axe.min.js").read_text(encoding="utf-8"))

    context, options = {"exclude": []}, {"resultTypes": ["violations"]}
    if scheme == "dark":
        # The scheme changes colours only: what else there is to find, the light page shows.
        options["runOnly"] = {"type": "rule", "values": COLOURS}
        # Of the page of all chapters, which alone has parts, two have the colours of all.
        context["exclude"] = [[".part ~ .part ~ .part"]]
    elif name == served.PRINT:
        options["rules"] = {rule: {"enabled": False} for rule in COLOURS}
    violations = page.evaluate("([where, how]) => axe.run(where, how).then(r => r.violations)", [context, options])

    assert [
        f"{v['id']}: {n['html'][:150]} {(n['any'] or n['all'] or n['none'])[0]['message']}"
        for v in violations
        for n in v["nodes"]
    ] == []


# Of each inlined figure: every painted part whose contrast with the page behind it is below 3.
FAINT = """() => {
    const canvas = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true})
    const rgba = (colour, behind) => {
        canvas.fillStyle = behind ? `rgb(${behind.slice(0, 3)})` : "white"
        canvas.fillRect(0, 0, 1, 1)
        canvas.fillStyle = colour
        canvas.fillRect(0, 0, 1, 1)
        return [...canvas.getImageData(0, 0, 1, 1).data]
    }
    const luminance = ([r, g, b]) => {
        const linear = v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4
        const [x, y, z] = [r, g, b].map(v => linear(v / 255))
        return .2126 * x + .7152 * y + .0722 * z
    }
    const background = element => {
        for (let e = element; e; e = e.parentElement) {
            const colour = getComputedStyle(e).backgroundColor
            if (!/^rgba\\(.*, 0\\)$|transparent/.test(colour)) return rgba(colour)
        }
        return [255, 255, 255]
    }
    const faint = []
    for (const figure of document.querySelectorAll("article svg[role=img]")) {
        const behind = background(figure.parentElement)
        const look = (element, paint, part) => {
            if (!paint || paint == "none" || paint.startsWith("url")) return
            const [a, b] = [luminance(rgba(paint, behind)), luminance(behind)].sort((x, y) => y - x)
            const ratio = (a + .05) / (b + .05)
            const name = figure.getAttribute("aria-label").slice(0, 30)
            if (ratio < 3) faint.push(`${name}: ${part} ${paint} ${ratio.toFixed(2)}`)
        }
        for (const e of figure.querySelectorAll("text"))
            look(e, getComputedStyle(e).fill, `text "${e.textContent}"`)
        for (const e of figure.querySelectorAll("[id^=xtick] *, [id^=ytick] *, [id^=patch] *")) {
            if (e.closest("text, defs") || !(e instanceof SVGGeometryElement || e.tagName == "use")) continue
            look(e, getComputedStyle(e).stroke, `line in ${e.closest("[id]").id}`)
        }
    }
    return faint
}"""


@pytest.mark.parametrize("scheme", SCHEMES)
def test_figures_are_readable(name, scheme, visit):
    """Text and axes stand out from the page, 3 to 1 or better, in the light and in the dark."""
    page = visit(name).seen(scheme=scheme)

    assert page.evaluate(FAINT) == []
