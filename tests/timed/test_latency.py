"""How long a reader waits for what Run prints, and for the picture after a slider has moved."""

import os

import numpy as np
import pytest
from cells import block, opened, ran
from explorables import explored, name, pages

# How long from a slider's move to the picture, in milliseconds: to the frame after the one that drew it.
MOVES = """async name => {
    const slider = document.querySelector(`.explorable__controls input[name="${name}"]`)
    const [low, high, step] = [+slider.min, +slider.max, +slider.step]
    const picture = () => new Promise(done => requestAnimationFrame(() => {
        const channel = new MessageChannel()
        channel.port1.onmessage = () => done(performance.now())
        channel.port2.postMessage(0)
    }))
    const times = []
    for (let at = 0; at < 40; at++) {
        slider.value = low + step * Math.round((high - low) / step * ((at * 0.37) % 1))
        const begun = performance.now()
        slider.dispatchEvent(new Event("input", {bubbles: true}))
        times.push(await picture() - begun)
    }
    return times
}"""
LISTEN = """() => {
  window.times = []
  // From the key, by the browser's own clock, until the frame that it changes is done.
  document.querySelector("[data-explore] input[name=sigma]").addEventListener("input", event => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => times.push(performance.now() - event.timeStamp)
    requestAnimationFrame(() => port2.postMessage(0))
  }, true)
}"""
FRAMES = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))"


def test_a_later_run_costs_little_over_the_computation(browser, server, slowness, measured):
    context = browser.new_context()
    page = opened(context, server)
    ran(block(page, 1))
    took = page.evaluate("""async () => {
        const cell = document.querySelector("[data-cell]")
        const times = []
        for (let at = 0; at < 10; at++) {
            const begun = performance.now()
            cell.querySelector("[data-action=run]").click()
            await new Promise(done => new MutationObserver((_, seen) =>
                cell.dataset.state == "ok" && (seen.disconnect(), done())).observe(cell, {attributes: true}))
            times.push(performance.now() - begun)
        }
        return times.sort((a, b) => a - b)[2]
    }""")
    assert page.problems == []
    context.close()

    measured(f"{took:6.1f} ms from Run to ok of a block that imports and draws 100 points")
    assert took < 150 * slowness


@pytest.mark.parametrize("chapter", pages(), ids=name)
def test_follows_a_slider(chapter, tab, slowness, measured):
    """A picture that lags behind the hand does not explain anything: each slider, from one place to another."""
    page = explored(tab, chapter)
    sliders = page.locator(".explorable__controls input[type=range]:visible")
    names = sliders.evaluate_all("all => all.map(slider => slider.name)")

    found = {slider: sorted(page.evaluate(MOVES, slider)) for slider in names}

    assert found
    for slider, times in found.items():
        middle, late = np.median(times), times[37]
        measured(f"{middle:6.1f} ms at the median, {late:.1f} at the 95th percentile: {slider} to picture, {chapter}")
    assert max(np.median(times) for times in found.values()) <= 50 * slowness, found


DEEP = "activation:tanh,scheme:own,sigma:1,depth:10,width:256,examples:256"
NETWORK = "width:256,blocks:10,depth:10,{},start:own,draw:own,sigma:1"
SETTINGS = [
    pytest.param("chapters/deep-scaling/", DEEP, id="10 layers of 256 units and 256 examples, to their histograms"),
    *(
        pytest.param("explore/network/", NETWORK.format(f"family:{family}"), id=f"your network, {family}, 10 x 256")
        for family in ("plain", "residual", "convolution", "recurrent", "pre", "post")
    ),
]


@pytest.mark.parametrize(("chapter", "settings"), SETTINGS)
def test_from_slider_to_picture(chapter, settings, request, tab, slowness, measured):
    """Of ten layers or blocks of width 256, their scale: 33 ms at the median, and 50 nearly always."""
    page = explored(tab, chapter, settings)
    host = page.locator("[data-explore]")
    what = request.node.callspec.id
    devtools = page.context.new_cdp_session(page)
    # What the page's thread computes, scripts, layout and painting, however many tests share this machine.
    devtools.send("Performance.enable", {"timeDomain": "threadTicks"})

    def spent():
        found = {m["name"]: 1000 * m["value"] for m in devtools.send("Performance.getMetrics")["metrics"]}
        return found["TaskDuration"]

    page.evaluate(LISTEN)
    host.locator("input[name=sigma]").focus()
    busy = []
    for i in range(60):
        before = spent()
        page.keyboard.press("ArrowRight" if i % 20 < 10 else "ArrowLeft")
        page.evaluate(FRAMES)
        busy.append(spent() - before)
    devtools.detach()

    clock = page.evaluate("times")
    lines = [(busy, "of computing"), (clock, "by the clock")]
    for times, kind in lines:
        middle, most = np.quantile(times, [0.5, 0.95])
        measured(f"slider to picture, {what}, {kind}: median {middle:.0f} ms, 95th percentile {most:.0f} ms")
    measured(f"this machine is {slowness:.2f} times slower than that of the budgets")
    quiet = os.getloadavg()[0] < os.cpu_count()
    for times, _ in lines[: 1 + quiet]:
        assert len(times) == 60
        assert np.median(times) <= 33 * slowness
        assert np.quantile(times, 0.95) <= 50 * slowness
