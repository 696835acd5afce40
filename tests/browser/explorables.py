"""The explorables as the tests use them: opened, set to what a link would say, and read in numbers and words."""

import json
import subprocess
import sys
from functools import cache

import pytest
import served
from fixtures import LAID_OUT, PHONE, coloured, frames

# Resolves with true as soon as one is open and at rest; with false when that takes too long.
AT_REST = """wait => new Promise(done => {
    const end = found => { seen.disconnect(); clearTimeout(late); done(found) }
    const look = () => document.querySelector("[data-explore][data-state=ready]") && end(true)
    const seen = new MutationObserver(look)
    const late = setTimeout(() => end(false), wait)
    seen.observe(document, {subtree: true, childList: true, attributes: true, attributeFilter: ["data-state"]})
    look()
})"""
# From the defaults, as by hand: each control is told its value.
SET = """settings => {
    const frame = document.querySelector(".explorable__frame")
    for (const button of frame.querySelectorAll("button")) if (button.textContent == "Reset") button.click()
    for (const [name, value] of settings) {
        const control = frame.querySelector(`.explorable__controls [name="${name}"]`)
        control.value = value
        control.dispatchEvent(new Event("input", {bubbles: true}))
    }
}"""


@cache
def pages():
    """The chapters that hold one, and pages of their own; each is named as its page is."""
    places = [*served.chapters(), *(page for page in served.pages() if page.startswith("explore/"))]
    found = [page for page in places if "data-explore=" in (served.site() / page / "index.html").read_text()]
    assert {"chapters/symmetry/", "chapters/small-random/", "explore/network/"} <= set(found)
    return found


def name(chapter):
    return chapter.split("/")[1]


def explored(tab, chapter, settings="", **options):
    """The chapter loaded and its explorable opened, by a link with settings or by its button."""
    page = tab(chapter + (f"?{name(chapter)}={settings}" if settings else ""), **options)
    if not settings:
        page.locator(".explorable__open").click()
    return settled(page)


def settled(page):
    assert page.evaluate(AT_REST, 30_000), "no explorable is open and at rest"
    return page


def moved(page, act):
    """What `act` does, and all that follows from it."""
    act()
    frames(page)
    return settled(page)


def put(page, settings):
    """Set an open explorable to what a link with these settings says; the address then is such a link."""
    pairs = [part.split(":") for part in settings.split(",") if part]
    moved(page, lambda: page.evaluate(SET, pairs))
    kept = page.evaluate("[...new URLSearchParams(location.search).values()].join()")
    assert said(kept) <= said(settings), kept
    return page


def said(settings):
    """What a link says: 3.0 is 3."""
    pairs = [part.split(":") for part in settings.split(",") if part]
    return {(name, value if value.isidentifier() else float(value)) for name, value in pairs}


def state(page):
    """What the reader sees, in numbers and in words."""
    return page.evaluate("""() => ({
        numbers: document.querySelector("[data-explore]").dataset.numbers,
        says: document.querySelector(".explorable__says").textContent,
        code: document.querySelector(".explorable__code code").textContent,
        values: Object.fromEntries([...document.querySelectorAll(".explorable__controls [name]")]
            .filter(e => e.checkVisibility()).map(e => [e.name, e.value])),
    })""")


@pytest.fixture(scope="session")
def exploring(browser, server):
    """`exploring(chapter, scheme)` is a chapter with its explorable open, by keyboard, at its defaults; the last one
    stays open, and so does the last one on a phone."""
    tabs = {}

    def open_(chapter, scheme="light", phone=False):
        if phone not in tabs:
            context = browser.new_context(**(PHONE if phone else {}))
            context.grant_permissions(["clipboard-read", "clipboard-write"])
            tabs[phone] = context.new_page()
        page = tabs[phone]
        if page.url.partition("?")[0].partition("#")[0] != server.url + chapter:
            page.goto(server.url + chapter)
            page.add_style_tag(content=LAID_OUT)
            page.locator(".explorable__open").focus()
            page.keyboard.press("Enter")
            settled(page)
            assert page.evaluate("document.activeElement.matches('.explorable__controls [name]')")
        page.evaluate("document.querySelectorAll('.explorable__code').forEach(code => code.open = false)")
        coloured(page, scheme)
        return put(page, "")

    yield open_
    for page in tabs.values():
        page.context.close()


def replayed(runner, cases, folder):
    """Run a script that reads the cases, each a code and its numbers, in a Python that knows nothing of the tests."""
    return subprocess.run(
        [sys.executable, "-c", runner],
        input=json.dumps(cases),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
    )
