"""What the browsers that Playwright does not drive have in common: a hand, and what is looked at in them."""

import time

from explorables import AT_REST
from fixtures import STILL, UNFOLD

KEYS = {
    "Tab": "\ue004",
    "Enter": "\ue007",
    "Control": "\ue009",
    "Escape": "\ue00c",
    "ArrowLeft": "\ue012",
    "ArrowRight": "\ue014",
}
# Its middle, once it stands still: what comes into view is laid out only then.
CENTRE = """async selector => {
    const ends = performance.now() + 20_000
    let found
    while (!(found = document.querySelector(selector))?.checkVisibility()) {
        if (performance.now() > ends) throw new Error(`nothing to see of ${selector}`)
        await new Promise(requestAnimationFrame)
    }
    for (let last = [], here; ; last = here) {
        found.scrollIntoView({block: "center", behavior: "instant"})
        for (let at = 0; at < 3; at++) await new Promise(requestAnimationFrame)
        const box = found.getBoundingClientRect()
        here = [Math.round(box.left + box.width / 2), Math.round(box.top + box.height / 2)]
        if (here.join() == last.join()) return here
    }
}"""
# Where a place stands, and how far down it may: below the header, near the top of the screen, unless the page ends
# before. A measured claim is a line of code, which is shown with those above it.
STANDS = """id => {
    const place = document.getElementById(id)
    const {bottom} = document.querySelector(".md-header").getBoundingClientRect()
    // What is laid out late moves the end of a page by a pixel or two, and nobody scrolls again for that.
    const end = scrollY + innerHeight + 8 > document.documentElement.scrollHeight
    const most = end ? innerHeight : place.matches(".score") ? innerHeight / 2 : 160
    return [bottom, place.getBoundingClientRect().top, most]
}"""
# Formulas of a line that are broken over two.
BROKEN = """() => [...document.querySelectorAll("article math:not([display=block])")]
    .filter(math => new Set([...math.getClientRects()].map(box => Math.round(box.top))).size > 1)
    .map(math => math.textContent)"""
STATES = "() => [...document.querySelectorAll('[data-cell]:not(.answer)')].map(cell => cell.dataset.state)"
SAYS = "selector => document.querySelector(selector).textContent"
DONE = "() => /blocks ran/.test(document.querySelector('.tools .cell__says').textContent)"
FIRST = "[data-cell]:not(.answer)"
# What became of it, once it is neither loading nor running.
FIRST_ENDS = f"""() => {{
    const cell = document.querySelector("{FIRST}")
    const {{state}} = cell.dataset
    const result = cell.querySelector(".cell__result")
    return ["loading", "running", "idle"].includes(state) ? null
        : [state, cell.querySelector(".cell__says").textContent, result?.textContent ?? ""]
}}"""
FIRST_IS = f"state => document.querySelector('{FIRST}').dataset.state == state"
UNFOLDED = f"() => ({UNFOLD})(document.querySelector('{FIRST}'))"
SHOWN = """() => ({
    numbers: document.querySelector("[data-explore]").dataset.numbers,
    says: document.querySelector(".explorable__says").textContent,
    picture: document.querySelector(".explorable__drawing").innerHTML,
})"""
MOVED = "seen => document.querySelector('[data-explore]').dataset.numbers != seen"
SLIDER = ".explorable__controls input[name=depth]"
# What the service worker keeps is there, this page and all that Python is made of, and the page is in its hands.
KEPT = """async () => {
    const manifest = new URL(document.querySelector("meta[name=live]").content, location)
    const kept = (await (await caches.open("shallownet")).keys()).map(({url}) => url)
    if (!navigator.serviceWorker.controller || !kept.includes(manifest.href)) return false
    const files = Object.entries(await (await caches.match(manifest)).json())
    const python = files.filter(([name]) => /^(runtime\\/|worker\\.js)/.test(name))
    return [location.pathname, ...python.map(([, file]) => file)]
        .every(file => kept.includes(new URL(file, manifest).href))
}"""


class RefusedError(Exception):
    """The browser says no to a command, or a script in it throws."""


class Driven:
    """A window with one tab; which browser it is says how to `evaluate` in it and how to `perform` with a hand."""

    def evaluate(self, function, *given):
        """Call a function of JavaScript in the page, wait for what it promises, and return it."""
        raise NotImplementedError

    def perform(self, source):
        """Do what a keyboard or a mouse does, as WebDriver writes it."""
        raise NotImplementedError

    def press(self, *keys):
        """Press keys one after the other, by name or as written."""
        strokes = [{"type": kind, "value": KEYS.get(key, key)} for key in keys for kind in ("keyDown", "keyUp")]
        self.perform({"type": "key", "id": "keys", "actions": strokes})

    def chord(self, held, key):
        """Press a key while another is held."""
        strokes = [("keyDown", held), ("keyDown", key), ("keyUp", key), ("keyUp", held)]
        actions = [{"type": kind, "value": KEYS.get(each, each)} for kind, each in strokes]
        self.perform({"type": "key", "id": "keys", "actions": actions})

    def click(self, selector):
        """Click on the middle of the first such element, as a hand does."""
        self.drag(selector, 0)

    def drag(self, selector, by):
        """Drag the first such element by so many pixels to the right."""
        x, y = self.evaluate(CENTRE, selector)
        move = {"type": "pointerMove", "y": y, "origin": "viewport"}
        down, up = ({"type": kind, "button": 0} for kind in ("pointerDown", "pointerUp"))
        along = [move | {"x": x + by, "duration": 50}] if by else []
        actions = [move | {"x": x, "duration": 0}, down, *along, up]
        self.perform({"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": actions})

    def until(self, function, *given, within=90):
        """Wait until a function returns something true; return that."""
        ends = time.monotonic() + within
        while not (found := self.evaluate(function, *given)):
            assert time.monotonic() < ends, f"not within {within} s: {function} {given}"
            time.sleep(0.05)
        return found


# What is looked at in each of them, with a hand


def places_found(driven, address, wanted):
    """A link to a place, from outside, shows it below the header, past all that is not laid out."""
    for place in wanted:
        driven.go(f"{address}#{place}")
        driven.evaluate(STILL)
        header, top, most = driven.evaluate(STANDS, place)
        assert header <= top + 0.5, (place, header, top)
        assert top < most, (place, top, most)


def all_runs(driven):
    """Run all prints what the book prints: the comparison is the engine's own. It stays on the page."""
    driven.click(".tools [data-action=run]")
    driven.until(DONE)
    states = driven.evaluate(STATES)
    assert len(states) > 10
    assert set(states) == {"ok"}
    assert driven.evaluate(SAYS, ".tools .cell__says") == f"all {len(states)} blocks ran, as printed"
    assert driven.evaluate("() => document.querySelectorAll('.cell__figure svg path').length") > 20


def first_runs(driven):
    """The first block alone, which prints nothing."""
    driven.evaluate(UNFOLDED)
    driven.click(f"{FIRST} [data-action=run]")
    assert driven.until(FIRST_ENDS) == ["ok", "Ran", ""]


def first_is_written(driven, code):
    """Put a line of code in the place of the first block's own, by keyboard."""
    driven.click(f"{FIRST} [data-action=edit]")
    driven.click(f"{FIRST} .cm-content")
    driven.chord("Control", "a")
    driven.press(*code)


def explorable_moves(driven):
    """Opened by its button, an explorable follows the arrow keys and then the mouse."""
    driven.click(".explorable__open")
    assert driven.evaluate(AT_REST, 30_000)
    seen = [driven.evaluate(SHOWN)]
    for move in (lambda: driven.press("ArrowRight", "ArrowRight"), lambda: driven.drag(SLIDER, 60)):
        driven.evaluate("selector => document.querySelector(selector).focus()", SLIDER)
        move()
        driven.until(MOVED, seen[-1]["numbers"], within=20)
        assert driven.evaluate(AT_REST, 30_000)
        seen.append(driven.evaluate(SHOWN))
    for what in ("numbers", "says", "picture"):
        assert len({each[what] for each in seen}) == 3, what


def turns_dark(driven):
    """The switch at the top: from what the system wants to light, to dark."""
    for scheme in ("light", "dark"):
        driven.click(f".md-header label[title='Switch to {scheme} mode']:not([hidden])")
    driven.until("() => document.body.dataset.mdColorScheme == 'slate'", within=10)


def found_by_search(driven, words):
    """The addresses that the search finds, by keyboard."""
    driven.press("/")
    driven.until("() => document.activeElement.matches('.md-search__input')", within=10)
    driven.press(*words)
    links = "() => [...document.querySelectorAll('.md-search-result__link')].map(a => a.href).join(' ')"
    return driven.until(links, within=20)
