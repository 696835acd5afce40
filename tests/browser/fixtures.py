"""What the browser tests and the timed ones share: one Chromium, one server, and the book's pages in them."""

from html.parser import HTMLParser

import pytest
import served


def pytest_configure(config):
    # Before collection, which needs the list of pages, and once: xdist's workers inherit the result.
    if not hasattr(config, "workerinput"):
        served.site()


def pytest_terminal_summary(terminalreporter):
    reports = [r for group in ("passed", "failed") for r in terminalreporter.getreports(group)]
    lines = sorted(value for r in reports for key, value in r.user_properties if key == "measured")
    if lines:
        terminalreporter.section("measured")
        terminalreporter.write("\n".join(lines) + "\n")


# Milliseconds that YARD takes where the budgets of the timed tests were set, and on any machine.
YARDSTICK = 13.5
YARD = """() => {
  const times = []
  for (let at = 0; at < 20; at++) {
    const begun = performance.now()
    const fresh = new Float64Array(1 << 20)
    for (let i = 0; i < fresh.length; i++) fresh[i] = Math.sin(i)
    times.push(performance.now() - begun)
  }
  return times.sort((a, b) => a - b)[10]
}"""
# All laid out, also what is off the screen, and each colour at once what it is going to be.
LAID_OUT = "* { content-visibility: visible !important; transition: none !important }"
OPEN = "document.querySelectorAll('article details').forEach(d => d.open = true)"
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True}
# Rules of axe that a scheme can change the verdict of.
COLOURS = ["color-contrast", "link-in-text-block"]
# Imports are folded: opens those of a cell, so that its buttons can be pressed.
UNFOLD = "cell => cell.closest('details')?.setAttribute('open', '')"
# Resolves once the page has stood still for three frames.
STILL = """() => new Promise(done => {
  let seen = "", times = 0
  const look = () => {
    const now = `${scrollX} ${scrollY} ${document.documentElement.scrollHeight}`
    times = now === seen ? times + 1 : 0
    seen = now
    times < 3 ? requestAnimationFrame(look) : done()
  }
  look()
})"""


# Of each heading: its last line, if no word stands on it.
BLANK = """() => [...document.querySelectorAll("article :is(h1, h2, h3, h4)")].filter(heading => {
    const text = document.createRange()
    const words = [...heading.childNodes].filter(e => !e.matches?.(".headerlink") && e.textContent.trim())
    if (!words.length || !heading.checkVisibility()) return false
    text.setStart(words[0], 0)
    text.setEndAfter(words.at(-1))
    const style = getComputedStyle(heading)
    const bottom = heading.getBoundingClientRect().bottom - parseFloat(style.paddingBottom)
    return bottom - text.getBoundingClientRect().bottom > .6 * parseFloat(style.lineHeight)
}).map(e => e.textContent)"""


# Keeps in `said` all that an element says from now on, and whether a screen reader says it too.
HEARS = """selector => {
    const says = document.querySelector(selector)
    window.said = []
    new MutationObserver(() => window.said.push([says.textContent, says.ariaLive])).observe(says, {childList: true})
}"""


# Resolves once each block of code has its copy button. The reader's own answers, which live.js makes, have none.
FURNISHED = """() => new Promise(done => {
  const bare = () => document.querySelector("article pre:not(.answer > *, :has(> .md-code__nav)) > code")
  const look = () => (bare() ? setTimeout(look, 20) : done())
  look()
})"""


def furnished(page):
    """Wait until each block of code has its copy button, also one that nobody has scrolled to: soon after a page is
    there, a few at a time (theme.js)."""
    page.evaluate(FURNISHED)


def still(page):
    """Wait until nothing scrolls and nothing is laid out any more."""
    page.evaluate(STILL)


def coloured(page, scheme):
    """Have the page follow a system that is light or dark."""
    page.emulate_media(color_scheme=scheme)
    shown = "slate" if scheme == "dark" else "default"
    page.locator(f"body[data-md-color-scheme={shown}]").wait_for(state="attached")


def frames(page, count=2):
    """Let the page draw as many frames."""
    page.evaluate(
        """async count => {
            for (let at = 0; at < count; at++) await new Promise(requestAnimationFrame)
        }""",
        count,
    )


class Places(HTMLParser):
    """The places of an article that links lead to: its sections, equations and measured claims."""

    def __init__(self):
        super().__init__()
        self.found, self.inside = [], False

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.inside = self.inside or tag == "article"
        named = tag == "h2" or {"score", "math"} & set((values.get("class") or "").split())
        if self.inside and named and values.get("id"):
            self.found.append(values["id"])


def places(name):
    file = served.site() / name
    found = Places()
    found.feed((file / "index.html" if file.is_dir() else file).read_text(encoding="utf-8"))
    return found.found


# How far below the top of the screen an element stands, and how high the screen is.
STANDS = "place => [document.getElementById(place).getBoundingClientRect().top, innerHeight]"


class Visit:
    """A reader's first visit of a page, with an empty cache, by a link to the last of its places and then to its end.

    The page then stays open to be looked at; `stands` is where that place stood on the screen.
    """

    def __init__(self, browser, server, name):
        self.name, self.problems, self.foreign = name, [], []
        self.context = browser.new_context()
        self.context.grant_permissions(["clipboard-read", "clipboard-write"])
        self.page = self.context.new_page()
        self.page.on("console", lambda m: m.type == "error" and self.problems.append(m.text))
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("requestfailed", lambda r: self.problems.append(f"failed: {r.url} ({r.failure})"))
        self.page.on("response", lambda r: r.status >= 400 and self.problems.append(f"{r.status}: {r.url}"))
        ours = (server.url, "data:", "blob:")
        self.page.on("request", lambda r: r.url.startswith(ours) or self.foreign.append(r.url))
        server.sent.clear()
        self.place = next(reversed(places(name)), "")
        self.page.goto(f"{server.url}{name}#{self.place}".removesuffix("#"), wait_until="load")
        still(self.page)  # the boxes on the screen are laid out, and the place is kept
        self.stands = self.page.evaluate(STANDS, self.place) if self.place else [0, 1]
        self.page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
        self.page.wait_for_load_state("networkidle")
        furnished(self.page)
        self.sent = dict(server.sent)
        self.page.add_style_tag(content=LAID_OUT)
        self.page.evaluate(OPEN)

    def seen(self, width=1280, height=800, scheme="light", media="screen"):
        """The page on a screen of this size, with every solution open."""
        self.page.set_viewport_size({"width": width, "height": height})
        self.page.emulate_media(media=media)
        coloured(self.page, scheme)
        return self.page


@pytest.fixture
def measured(request):
    """`measured(line)` shows a line below the results, whichever worker measured it."""
    # Not record_property, which warns that it does not fit CI's JUnit report, and a warning is an error.
    return lambda line: request.node.user_properties.append(("measured", line))


@pytest.fixture(scope="session")
def server():
    with served.serving() as server:
        yield server


@pytest.fixture(scope="session")
def browser():
    with served.browsing() as browser:
        yield browser


@pytest.fixture(scope="session")
def slowness(browser):
    """How many times slower than where the budgets were set Chromium is here: at least 1, 1 where it is faster."""
    page = browser.new_page()
    took = page.evaluate(YARD)
    page.close()
    return max(1.0, took / YARDSTICK)


@pytest.fixture(scope="session")
def visit(browser, server):
    """`visit(name)` is the one visit of a page that all tests which only look share; the last page stays open."""
    last = []

    def visit_(name):
        if not last or last[0].name != name:
            while last:
                last.pop().context.close()
            last.append(Visit(browser, server, name))
        return last[0]

    yield visit_
    for visited in last:
        visited.context.close()


@pytest.fixture(scope="session")
def tab(browser, server):
    """`tab(name, **options)` is a page of the book; tabs with equal options are one, reused.

    It is loaded anew, and then as after scrolling to its end, all laid out; not so with `scrolled=False`. Who only
    looks asks for a `visit` instead.
    """
    tabs = {}

    def open_(name, scrolled=True, **options):
        key = repr(sorted(options.items()))
        if key not in tabs:
            context = browser.new_context(**options)
            context.grant_permissions(["clipboard-read", "clipboard-write"])
            tabs[key] = context.new_page()
        page = tabs[key]
        # Through a blank page: an address that differs by its #anchor only would not be loaded.
        page.goto("about:blank")
        page.goto(server.url + name, wait_until="load")
        if scrolled and options.get("java_script_enabled", True):
            page.add_style_tag(content=LAID_OUT)
        return page

    yield open_
    for page in tabs.values():
        page.context.close()
