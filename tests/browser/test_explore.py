"""Explorables: a figure until it is touched; then every control by keyboard, and numbers that Python confirms."""

import base64
import gzip
import json
import re
from functools import cache

import numpy as np
import pytest
import served
from explorables import explored, moved, name, pages, put, replayed, settled, state
from fixtures import COLOURS, frames, still
from playwright.sync_api import TimeoutError as NotYet
from playwright.sync_api import expect

VISIBLE = ".explorable__controls :is(input, select):visible"
RANDOM = served.ROOT / "docs" / "_book" / "browser" / "js" / "explore" / "_random.js"
# Draws everything that is asked for, in one go, from the seeds that are; as bytes, since each number of JSON is a call.
DRAWS = """async ([source, seeds]) => {
    const { generator } = await import("data:text/javascript;charset=utf-8," + encodeURIComponent(source))
    return seeds.map(seed => {
        const rng = generator(seed)
        const found = [rng.normals(100000), rng.permutation([...Array(100).keys()]), rng.randoms(100)]
        const all = [...found, rng.permutation([...Array(7).keys()]), rng.normals(100)]
        return all.map(draws => [...new Uint8Array(Float64Array.from(draws).buffer)]
            .map(byte => String.fromCharCode(byte)).join("")).map(btoa)
    })
}"""
AXE = """([where, how]) => axe.run(where, {resultTypes: ["violations"], ...how}).then(found => found.violations)"""
FITS = """() => [...document.querySelectorAll("[data-explore] *")]
    .filter(e => e.checkVisibility() && !e.closest("pre, svg") && e.getBoundingClientRect().right > innerWidth - 5)
    .map(e => e.outerHTML.slice(0, 100))"""
SMALL = """() => [...document.querySelectorAll("[data-explore] :is(button, input, select, summary)")]
    .filter(e => e.checkVisibility())
    .map(e => [e.outerHTML.slice(0, 80), e.getBoundingClientRect()])
    .filter(([, box]) => box.width < 24 || box.height < 24)
    .map(([html]) => html)"""


def pytest_generate_tests(metafunc):
    if "chapter" in metafunc.fixturenames:
        metafunc.parametrize("chapter", pages(), ids=name)


def variants(page, chapter):
    """Links to settings that use every control: each choice, and both ends and a middle of each slider with it."""
    controls = page.locator(".explorable__controls [name]").evaluate_all(
        """all => all.map(e => ({name: e.name, options: e.options && [...e.options].map(o => o.value),
            min: e.min, max: e.max, step: e.step}))"""
    )
    found = []
    for control in controls:
        if control["options"]:
            found += [f"{control['name']}:{value}" for value in control["options"]]
        else:
            low, high, step = (float(control[key] or 1) for key in ("min", "max", "step"))
            middle = low + step * round((high - low) / step * 0.4)
            found += [f"{control['name']}:{value:g}" for value in (low, middle, high)]
    if name(chapter) == "symmetry":
        found += ["start:random,seed:7,step:300", "start:constant,step:40"]
    if name(chapter) == "saturation":
        found += ["activation:sigmoid,inputs:300"]
    if name(chapter) == "isometry":
        found += ["weights:orthogonal,activation:tanh,signal:-1,depth:20"]
    if name(chapter) == "chaos":
        found += ["start:edge,sigma_b:0.5,layer:12"]
    if name(chapter) == "activations":
        found += ["activation:gelu,gain:he,layer:8"]
    if name(chapter) == "network":
        # Each family, with what only it can choose; small, so that each takes no seconds in Python.
        found = [f"{settings},width:64" if "width" not in settings else settings for settings in found]
        found += ["family:plain,start:orthogonal,activation:tanh,depth:5", "family:plain,start:own,sigma:1.5"]
        found += ["precision:float16,start:small,depth:30", "precision:bfloat16,family:convolution,depth:3"]
        found += ["precision:float16,family:recurrent,activation:tanh", "start:own,sigma:0,depth:4"]
        found += ["family:residual,norm:layer,branch:root", "family:residual,branch:zero,blocks:3"]
        found += ["family:convolution,start:orthogonal,activation:tanh", "family:convolution,start:small,depth:3"]
        found += ["family:recurrent,start:orthogonal,activation:tanh,depth:20", "family:recurrent,depth:1"]
        found += [f"family:pre,{s},width:64,blocks:3" for s in ("branch:root,draw:small", "branch:zero,head:tied")]
        found += [f"family:pre,attention:{s},width:64,blocks:2" for s in ("one", "inverse", "qk")]
        found += ["family:pre,embedding:unit,head:tied,width:32", "family:pre,draw:own,sigma:0.5,width:32,blocks:12"]
        found += [f"family:post,post:{s},width:64,embedding:root" for s in ("deepnet", "zero", "drawn")]
        found += ["family:post,post:deepnet,draw:he,width:32", "family:post,post:deepnet,draw:glorot,width:32"]
        found += ["family:post,post:deepnet,draw:own,sigma:2,width:32"]
    if name(chapter) == "deep-scaling":  # few units, so that each takes no seconds
        sizes = ("width", 64), ("examples", 16)
        found = [s + "".join(f",{size}:{n}" for size, n in sizes if not s.startswith(size)) for s in found]
    return found


@pytest.mark.parametrize("seeds", [[0, 7, 12345678901]])
def test_random_numbers_are_numpys(browser, seeds):
    """What is drawn on the screen is what the reader draws: the same stream, in any order of asking."""
    page = browser.new_page()
    found = page.evaluate(DRAWS, [RANDOM.read_text(encoding="utf-8"), seeds])
    page.close()

    for seed, draws in zip(seeds, found, strict=True):
        rng = np.random.default_rng(seed)
        expected = [rng.standard_normal(100_000), rng.permutation(np.arange(100)), rng.random(100)]
        expected += [rng.permutation(np.arange(7)), rng.standard_normal(100)]
        for mine, theirs in zip(draws, expected, strict=True):
            numbers = np.frombuffer(base64.b64decode(mine), float)
            assert numbers.shape == theirs.shape
            assert np.allclose(numbers, theirs, rtol=1e-13, atol=1e-14)


def test_the_script_that_every_reader_gets_is_small():
    """All of it is for later: at most 2 kB before the first touch."""
    page = served.site() / pages()[0] / "index.html"
    (script,) = re.findall(r'src="([^"]*/live/explore-\w+\.js)"', page.read_text(encoding="utf-8"))

    assert len(gzip.compress((page.parent / script).read_bytes())) <= 2000


def test_the_figure_stands_until_it_is_touched(chapter, visit):
    """Nobody waits for what they did not ask for; how it is without JavaScript, test_reading asks of every page."""
    visited = visit(chapter)

    assert visited.page.locator("[data-explore] svg.drawing").count() == 1
    expect(visited.page.locator(".explorable__open")).to_have_count(1)
    assert not [address for address in visited.sent if "/live/explore/" in address]
    assert 0 < sum(sent for address, sent in visited.sent.items() if "/live/" in address) < 5000


def test_opens_and_moves_by_keyboard(chapter, exploring):
    """Every control, with the arrow keys alone; each move changes the picture and the words for it."""
    page = exploring(chapter)  # which was opened by keyboard

    assert page.locator("[data-explore] svg.drawing").count() == 0
    for at in range(page.locator(VISIBLE).count()):
        before = state(page)
        drawn = page.locator(".explorable__drawing").inner_html()
        control = page.locator(VISIBLE).nth(at)
        control.focus()
        last = control.evaluate("e => e.value == (e.max || e.options[e.options.length - 1].value)")
        for _ in range(3):
            page.keyboard.press("ArrowLeft" if last else "ArrowRight")
        moved(page, lambda: None)
        after = state(page)

        assert after["values"] != before["values"]
        assert after["numbers"] != before["numbers"], before["values"]
        assert after["code"] != before["code"]
        assert page.locator(".explorable__drawing").inner_html() != drawn
        moved(page, lambda: page.get_by_role("button", name="Reset").press("Enter"))


@pytest.fixture(scope="session")
def seen(exploring):
    """`seen(chapter)`: what the reader sees at every choice and along every slider, by the settings of such a link."""

    @cache
    def look(chapter):
        page = exploring(chapter)
        links = ["", *variants(page, chapter)]
        found = {settings: state(put(page, settings)) for settings in links}
        for settings, there in found.items():
            for control, value in (part.split(":") for part in settings.split(",") if part):
                assert there["values"].get(control, value) == value, settings
        return found

    return look


def test_the_words_follow_the_picture(chapter, exploring, seen):
    """Who cannot see the picture hears of each change, when it has come to rest."""
    page = exploring(chapter)
    assert page.locator(".explorable__says").get_attribute("aria-live") == "polite"
    assert page.locator(".explorable__drawing").get_attribute("role") == "img"

    said = {found["says"] for found in seen(chapter).values()}

    assert len(said) > 3, said
    assert all(sentence.endswith(".") for sentence in said)


def test_a_link_restores_the_settings(chapter, tab, exploring, seen):
    """Of each control; also when the theme has written the section into the address, and back to the defaults."""
    found = seen(chapter)
    first = found[""]
    # Of each control what is first not its default, and all of these in one link.
    apart = {}
    for settings in found:
        control, value = settings.partition(",")[0].split(":") if settings else ("", "")
        if first["values"].get(control, value) != value:
            apart.setdefault(control, f"{control}:{value}")
    assert len(apart) >= len(first["values"]) > 0
    every = ",".join(apart.values())
    there = state(page := explored(tab, chapter, every))
    assert there == state(put(exploring(chapter), every))

    for at in range(20):  # it leaves the first move alone, and waits for the end of each
        page.evaluate("part => window.scrollTo(0, part * document.body.scrollHeight)", 0.5 + 0.2 * (at % 2))
        still(page)
        try:
            page.wait_for_url("**#*", timeout=400)
            break
        except NotYet:
            continue
    address = page.url
    assert f"?{name(chapter)}=" in address
    assert "#" in address
    page.goto("about:blank")
    page.goto(address)
    settled(page)

    assert state(page) == there
    assert there["values"] != first["values"]
    moved(page, lambda: page.get_by_role("button", name="Reset").click())
    assert state(page) == first
    assert f"{name(chapter)}=" not in page.url


def test_a_link_that_makes_no_sense_is_ignored(chapter, tab, exploring):
    """Addresses get mangled; the picture then is the usual one."""
    usual = state(exploring(chapter))

    mangled = state(explored(tab, chapter, "none:1,scale:x,step:,seed:NaN,start:constructor,:,"))

    assert mangled == usual


def test_the_code_gives_the_numbers_of_the_picture(chapter, seen, tmp_path):
    """Pasted into a plain session, at every choice and along every slider."""
    cases = [(link, found["code"], json.loads(found["numbers"])) for link, found in seen(chapter).items()]
    runner = """
import json, sys
import numpy as np
for settings, code, numbers in json.load(sys.stdin):
    names = {"__name__": "__main__"}
    exec(code, names)
    assert numbers, settings
    for name, value in numbers.items():
        theirs, mine = np.asarray(names[name], float), np.asarray(value, float)
        assert theirs.shape == mine.shape, (settings, name, theirs.shape, mine.shape)
        assert np.allclose(mine, theirs, rtol=1e-6, atol=1e-9), (settings, name, np.abs(mine - theirs).max())
"""
    done = replayed(runner, cases, tmp_path)

    assert len(cases) > 5
    assert done.returncode == 0, done.stderr[-2000:]


def test_the_code_can_be_copied(chapter, exploring):
    """By its button, as text that ends in a line of its own."""
    page = exploring(chapter)
    page.get_by_text("Show the code").press("Enter")
    page.get_by_role("button", name="Copy", exact=True).press("Enter")

    page.wait_for_selector("text=Copied")
    assert page.evaluate("navigator.clipboard.readText()") == state(page)["code"]


# Resolves with a slider's value once it has moved on from its beginning.
UNDERWAY = """slider => new Promise(done => {
    const look = () => slider.value > 0 && slider.value < 1000 ? done(slider.value) : requestAnimationFrame(look)
    look()
})"""


@pytest.mark.parametrize("player", ["chapters/symmetry/"], ids=["symmetry"])
def test_plays_and_pauses(player, exploring):
    """From the beginning, frame by frame; a second press holds it."""
    page = exploring(player)
    slider = page.get_by_label("Step")
    page.get_by_role("button", name="Play").click()
    slider.evaluate(UNDERWAY)
    page.get_by_role("button", name="Pause").click()
    settled(page)
    held = int(slider.input_value())

    assert 0 < held < 1000
    frames(page, 10)  # in each of which it would move
    assert int(slider.input_value()) == held
    assert f"After {held} steps" in state(page)["says"]


def test_nothing_moves_by_itself_for_who_asked_for_that(chapter, tab, exploring):
    """The end of the way is shown, and a slider leads along it."""
    page = explored(tab, chapter, reduced_motion="reduce")
    before = page.locator(".explorable__drawing").inner_html()
    frames(page, 10)

    assert page.locator(".explorable__play:visible").count() == 0
    assert page.locator(".explorable__drawing").inner_html() == before
    assert state(page)["numbers"] == state(exploring(chapter))["numbers"]


def test_survives_the_themes_way_of_changing_pages(chapter, tab):
    """From a page without any, by a link, and back, and forward again to the same settings.

    What cannot be loaded at first leaves the figure as it is, says so, and can be tried again.
    """
    page = tab("notation/", scrolled=False, reduced_motion="no-preference")
    problems = []

    def broken(error):
        problems.append(str(error))

    page.on("pageerror", broken)
    page.wait_for_load_state("networkidle")
    page.evaluate("window.kept = true")
    page.route("**/live/explore/**", lambda route: route.abort())
    page.locator(f".md-nav--primary a[href*='{chapter}']").first.evaluate("a => a.click()")
    page.locator(".explorable__open").click(timeout=10_000)

    page.wait_for_selector("text=Try again")
    assert page.locator("[data-explore] svg.drawing").count() == 1
    assert page.locator(".explorable__open").is_enabled()
    page.unroute_all()
    page.locator(".explorable__open").click()
    settled(page)
    page.locator(VISIBLE).first.focus()
    at_end = page.locator(VISIBLE).first.evaluate("e => e.value == e.max")
    moved(page, lambda: page.keyboard.press("ArrowLeft" if at_end else "ArrowRight"))
    there = state(page)
    page.evaluate("document.querySelector(\".md-nav--primary a[href*='notation/']\").click()")
    page.wait_for_selector("[data-explore]", state="detached")
    page.go_back()
    settled(page)

    assert page.evaluate("window.kept")  # the page was never loaded anew
    assert state(page) == there
    assert problems == []
    page.remove_listener("pageerror", broken)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_is_accessible_when_open(chapter, scheme, exploring):
    """axe-core finds nothing to report, with the code open."""
    page = exploring(chapter, scheme)
    page.get_by_text("Show the code").click()
    page.evaluate((served.node_module("axe-core") / "axe.min.js").read_text(encoding="utf-8"))

    # The rest of the page is looked at in test_pages; and the scheme changes colours only.
    how = {"runOnly": {"type": "rule", "values": COLOURS}} if scheme == "dark" else {}
    violations = page.evaluate(AXE, ["[data-explore]", how])

    assert [f"{v['id']}: {n['html'][:150]}" for v in violations for n in v["nodes"]] == []


def test_fits_a_phone_when_open(chapter, exploring):
    """360 px wide, nothing sideways, and everything to touch is at least 24 px."""
    page = exploring(chapter, phone=True)
    page.get_by_text("Show the code").click()

    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.evaluate(FITS) == []
    assert page.evaluate(SMALL) == []
