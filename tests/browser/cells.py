"""The cells of a page as the tests use them: found by number, run, edited, and taken back to where they began."""

import re

import served
from fixtures import UNFOLD

PAGE = "chapters/symmetry/"
OUTPUT = ".cell__output"
SOLUTION = """[data-cell*='"check"']"""  # the block of an exercise's solution
SLOW = 90_000  # a start of Python on a machine that does other things as well
# Resolves with a cell's state as soon as it is one of these; with null when that takes too long.
BECOMES = """(cell, [states, timeout]) => new Promise(done => {
    const end = found => { seen.disconnect(); clearTimeout(late); done(found) }
    const look = () => states.includes(cell.dataset.state) && end(cell.dataset.state)
    const seen = new MutationObserver(look)
    const late = setTimeout(() => end(null), timeout)
    seen.observe(cell, {attributes: true, attributeFilter: ["data-state"]})
    look()
})"""
# As a reader resets one cell after the other; the names go as they do before "Run all".
AFRESH = """() => {
    localStorage.clear()
    for (const button of document.querySelectorAll("[data-cell] [data-action=reset]")) button.click()
    window.shallownetPython?.forget(location.pathname)
    document.activeElement?.blur()
    scrollTo(0, 0)
}"""
AS_NEW = """() => document.documentElement.dataset.cells !== "busy"
    && !document.querySelector(".cell__result, .cell__editor, [data-edited]")
    && [...document.querySelectorAll("[data-cell]")].every(e => e.dataset.state == "idle")
    && localStorage.length == 0"""
# Resolves when a script that waits for the browser to be idle has had its turn, and what it asked for has gone out.
IDLE = """async () => {
    for (let at = 0; at < 2; at++) await new Promise(done => requestIdleCallback(() => setTimeout(done)))
    await fetch(location.href, {cache: "no-store"})
}"""


def opened(context, server, name=PAGE):
    page = context.new_page()
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on("console", lambda message: message.type == "error" and page.problems.append(message.text))
    page.goto(server.url + name)
    shown(page)
    return page


def shown(page):
    """Solutions open, and all laid out."""
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    page.add_style_tag(content="* { content-visibility: visible !important }")


def afresh(page, address):
    """Take a page that was used back to where it began, with Python still running; False if it cannot be."""
    if (
        page.is_closed()
        or page.url.partition("#")[0] != address
        or page.evaluate("document.documentElement.dataset.cells")
    ):
        return False
    page.evaluate(AFRESH)
    page.problems.clear()
    # Only the first press of a button, which loads what the buttons do, is not done at once.
    for _ in range(100):
        if page.evaluate(AS_NEW):
            return True
        page.evaluate("new Promise(requestAnimationFrame)")
    return False


def asked(page):
    """The addresses that a page asks for from now on; `idle` waits until what it does by itself has begun."""
    addresses = []
    page.on("request", lambda request: addresses.append(request.url))
    return addresses


def idle(page):
    page.evaluate(IDLE)


def block(page, number):
    """By its number, as its buttons have it."""
    return page.locator(f"[data-cell]:has([aria-label='Stop block {number}'])")


def press(cell, action):
    cell.evaluate(UNFOLD)
    cell.locator(f"[data-action={action}]").click()


def becomes(cell, *states, timeout=SLOW):
    found = cell.evaluate(BECOMES, [states, timeout])
    assert found, (
        f"not {' or '.join(states)} within {timeout / 1000} s but {cell.get_attribute('data-state')}: {says(cell)}"
    )


def ran(cell, *states):
    press(cell, "run")
    becomes(cell, *(states or ["ok"]))


def write(page, cell, code):
    """Put code in the place of a cell's own."""
    if not cell.locator(".cm-content").count():
        press(cell, "edit")
    cell.locator(".cm-content").click()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.insert_text(code)


def cost():
    """What stands beside "Run all" before Python was ever fetched."""
    runtime = served.site() / "assets" / "live" / "runtime"
    return f"Run fetches Python: {sum(file.stat().st_size for file in runtime.iterdir()) / 1e6:.0f} MB, once"


def grows(said):
    """Of what was said while Python came, the megabytes: many numbers, none of which goes back."""
    shown = [re.fullmatch(r"Loading Python… (\d+\.\d) of (\d+\.\d) MB", text) for text, _ in said]
    come = [float(found[1]) for found in shown if found]
    assert len(set(come)) > 5, said
    assert come == sorted(come)


def states(page):
    return page.locator("[data-cell]:not(.answer)").evaluate_all("all => all.map(e => e.dataset.state)")


def says(cell):
    return cell.locator(".cell__says").inner_text()


def announced(page):
    return page.locator("[role=status].cell__live")


def client(page):
    """Give a page the client of the runtime."""
    manifest = page.locator("meta[name=live]").evaluate("meta => new URL(meta.content, location).href")
    names = page.evaluate("address => fetch(address).then(answer => answer.json())", manifest)
    address = manifest.rpartition("/")[0] + "/" + names["python.js"]
    page.evaluate("async address => { const client = await import(address); window.client = client }", address)
    return page


def payload(code, language="edited", output=None, **more):
    """A cell as the worker wants it."""
    return {"code": code, "language": language, "output": output, "path": "docs/page.md", "line": 7, **more}
