"""Run as `pytest tests/browser` (plain `pytest` leaves it out): needs Chromium and `npm ci` here."""

import functools

import pytest
import served
from xdist.scheduler import LoadScopeScheduling

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


def pytest_configure(config):
    # Before collection, which needs the list of pages, and once: xdist's workers inherit the result.
    if not hasattr(config, "workerinput"):
        served.site()


def pytest_generate_tests(metafunc):
    if "name" in metafunc.fixturenames:
        names = served.chapters() if "lighthouse" in metafunc.function.__name__ else served.pages()
        assert names, f"{served.site()} has no pages"
        metafunc.parametrize("name", names, ids=[name or "index" for name in names])


@functools.cache
def pages_by_id():
    """The pages by what the ids of tests begin with: their addresses, or the names of chapters alone."""
    chapters = {page.split("/")[1]: page for page in served.chapters()}
    return {page or "index": page for page in served.pages()} | chapters


class ByPage(LoadScopeScheduling):
    """With -n, all that is asked of one page goes to one worker, which opens it less often; else a file is a group.

    xdist's own --dist=loadgroup writes to an attribute that pytest 9.2 no longer has.
    """

    def _split_scope(self, nodeid):
        file, _, parameters = nodeid.partition("[")
        name = max((name for name in pages_by_id() if parameters.startswith(name)), key=len, default=None)
        return file.partition("::")[0] if name is None else f"/{pages_by_id()[name]}"


def pytest_xdist_make_scheduler(config, log):
    return ByPage(config, log)


def pytest_terminal_summary(terminalreporter):
    reports = [r for group in ("passed", "failed") for r in terminalreporter.getreports(group)]
    lines = sorted(value for r in reports for key, value in r.user_properties if key == "measured")
    if lines:
        terminalreporter.section("measured")
        terminalreporter.write("\n".join(lines) + "\n")


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
def tab(browser, server):
    """`tab(name, **options)` is a page of the book; tabs with equal options are one, reused.

    It is as after scrolling to its end, all laid out; not so with `scrolled=False`. Who only looks may ask for
    `again=True`: where the tab shows the page already, it stays as another test has left it.
    """
    tabs = {}

    def open_(name, scrolled=True, again=False, **options):
        key = repr(sorted(options.items()))
        if again and key in tabs and tabs[key].url == server.url + name:
            return tabs[key]
        if key not in tabs:
            context = browser.new_context(**options)
            context.grant_permissions(["clipboard-read", "clipboard-write"])
            tabs[key] = context.new_page()
        page = tabs[key]
        # Through a blank page: an address that differs by its #anchor only would not be loaded.
        page.goto("about:blank")
        page.goto(server.url + name, wait_until="load")
        if scrolled and options.get("java_script_enabled", True):
            page.add_style_tag(content="* { content-visibility: visible !important }")
        return page

    yield open_
    for page in tabs.values():
        page.context.close()
