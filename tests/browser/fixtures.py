"""What the browser tests and the timed ones share: one Chromium, one server, and the book's pages in them."""

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


def still(page):
    """Wait until nothing scrolls and nothing is laid out any more."""
    page.evaluate(STILL)


class Visit:
    """A reader's first visit of a page, with an empty cache, to its end; the page then stays open to be looked at."""

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
        self.page.goto(server.url + name, wait_until="load")
        self.page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
        self.page.wait_for_load_state("networkidle")
        self.sent = dict(server.sent)
        self.page.add_style_tag(content=LAID_OUT)
        self.page.evaluate(OPEN)

    def seen(self, width=1280, height=800, scheme="light", media="screen"):
        """The page on a screen of this size, with every solution open."""
        self.page.set_viewport_size({"width": width, "height": height})
        self.page.emulate_media(media=media, color_scheme=scheme)
        shown = "slate" if scheme == "dark" else "default"
        self.page.locator(f"body[data-md-color-scheme={shown}]").wait_for(state="attached")
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
