"""The first page: what it shows moves without a click, can be held, and stands still for who wants no motion."""

import json

import numpy as np
import pytest
from explorables import AT_REST, moved, replayed, settled, state
from fixtures import frames

# Resolves with the step as soon as the picture has left its beginning by itself.
UNDERWAY = """() => new Promise(done => {
    const look = () => {
        const slider = document.querySelector(".explorable__controls [name=step]")
        if (slider && +slider.value > 50 && +slider.value < 600) done(+slider.value)
        else requestAnimationFrame(look)
    }
    look()
})"""
# How far things have moved that nobody moved, by the browser's own measure.
SHIFTS = """() => new Promise(done => {
    let sum = 0
    new PerformanceObserver(list => { for (const entry of list.getEntries()) sum += entry.value })
        .observe({type: "layout-shift", buffered: true})
    setTimeout(() => done(sum), 500)
})"""
STARTS = ["zero", "tiny", "good", "huge"]


def test_it_plays_by_itself_and_can_be_held(tab):
    """The first screen answers before a reader has done anything; nobody is taken anywhere."""
    page = tab("")

    page.evaluate(UNDERWAY)
    assert page.evaluate("document.activeElement == document.body && scrollY == 0")
    page.get_by_role("button", name="Pause").click()
    settled(page)
    held = int(page.get_by_role("slider", name="Step").input_value())
    frames(page, 10)

    assert 0 < held < 600
    assert int(page.get_by_role("slider", name="Step").input_value()) == held
    assert f"After {held} steps the good start" in state(page)["says"]


@pytest.mark.parametrize(
    "options", [{"reduced_motion": "reduce"}, {"java_script_enabled": False}], ids=["still", "bare"]
)
def test_the_figure_stands_where_nothing_may_move(options, browser, server):
    """It is the figure that the page drew, with all four starts."""
    context = browser.new_context(**options)
    page = context.new_page()
    server.sent.clear()
    page.goto(server.url, wait_until="networkidle")
    frames(page, 10) if "reduced_motion" in options else None

    assert page.locator("[data-explore] svg.drawing").is_visible()
    assert page.locator(".explorable__frame").count() == 0
    assert not [address for address in server.sent if "/live/explore/" in address]
    context.close()


def test_nothing_jumps_when_it_opens(tab):
    """Room is kept for it: what stands below stays where it is."""
    page = tab("")
    page.evaluate(UNDERWAY)

    shift = page.evaluate(SHIFTS)

    assert shift < 0.1


def test_each_start_by_keyboard_and_as_python_has_it(browser, server, tmp_path):
    """A choice plays again; at its end, the code that stands below gives the numbers of the picture."""
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.goto(server.url)
    page.locator(".explorable__open").click()
    assert page.evaluate(AT_REST, 30_000)
    assert page.evaluate("document.activeElement.value") == "good"
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    cases = []
    for start in STARTS:
        settled(page)
        frames(page)
        moved(page, lambda: None)
        found = state(page)
        assert page.evaluate("document.querySelector('.explorable__side input:checked').value") == start
        assert f"the {start} start" in found["says"]
        cases.append((found["code"], json.loads(found["numbers"])))
        page.keyboard.press("ArrowRight")
    context.close()
    runner = """
import json, sys
import numpy as np
for code, numbers in json.load(sys.stdin):
    names = {"__name__": "__main__"}
    exec(code, names)
    assert set(numbers) == {"W1", "b1", "W2", "b2", "losses"}
    for name, value in numbers.items():
        assert np.allclose(np.asarray(names[name]), value, rtol=1e-5, atol=1e-8), name
"""

    done = replayed(runner, cases, tmp_path)

    assert done.returncode == 0, done.stderr[-2000:]
    assert len({np.asarray(numbers["W1"]).tobytes() for _, numbers in cases}) == 4
