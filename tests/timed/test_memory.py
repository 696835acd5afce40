"""How much memory a reader's tab takes while Python runs in it: a phone has little."""

import re
import time
from pathlib import Path

import pytest
import served

ONE, TEN = 500, 700  # MB: at the most, while one chapter runs, and ten after each other
DONE = "() => /blocks ran/.test(document.querySelector('.tools .cell__says').textContent)"
SAYS = "() => document.querySelector('.tools .cell__says').textContent"


def numbers():
    """The chapters as the book has them: some leave more behind than others, and the order counts."""
    home = (served.site() / "index.html").read_text(encoding="utf-8")
    found = list(dict.fromkeys(re.findall(r'href="(chapters/[a-z-]+/)"', home)))
    assert sorted(found) == served.chapters()
    return found


class Tab:
    """A browser of its own with one tab, and what that takes."""

    def __init__(self, browser, server):
        self.devtools = browser.new_browser_cdp_session()
        self.page = browser.new_context().new_page()
        self.page.goto(server.url, wait_until="networkidle")  # the theme asks where it may go without loading anew
        self.page.evaluate("window.stays = true")

    def takes(self):
        """MB that are the tab's own, and its part of what it shares with other processes."""
        processes = self.devtools.send("SystemInfo.getProcessInfo")["processInfo"]
        rolled = [Path(f"/proc/{each['id']}/smaps_rollup") for each in processes if each["type"] == "renderer"]
        return sum(int(re.search(r"^Pss: +(\d+) kB", file.read_text(), re.M)[1]) for file in rolled) / 1000

    def runs(self, chapter):
        """Go to a chapter as a reader does, and run all of it; return the most that the tab takes meanwhile."""
        # The old page stays for a moment when the address is the new one's already. The link may stand in a part of the
        # page that is closed: a click by the page itself.
        self.page.evaluate("document.querySelectorAll('.tools').forEach(tools => tools.classList.add('old'))")
        self.page.locator(f"a[href$='/{chapter.split('/')[1]}/']").first.evaluate("link => link.click()")
        self.page.wait_for_url(f"**/{chapter}")
        button = self.page.locator(".tools:not(.old) [data-action=run]")
        button.wait_for()
        button.evaluate("button => button.click()")
        most, ends = 0, time.monotonic() + 180
        while not self.page.evaluate(DONE):
            assert time.monotonic() < ends, self.page.evaluate(SAYS)
            most = max(most, self.takes())
            self.page.wait_for_timeout(100)
        assert self.page.evaluate(SAYS).endswith("as printed")
        assert self.page.evaluate("window.stays"), "the page was loaded anew"
        return max(most, self.takes())


@pytest.fixture
def alone(browser, server):
    """A tab that has seen nothing yet, in a browser of its own: what is measured are all tabs of a browser."""
    other = served.launched(browser.browser_type)
    yield Tab(other, server)
    other.close()


@pytest.mark.parametrize("chapter", served.chapters(), ids=lambda chapter: chapter.split("/")[1])
def test_one_chapter(chapter, alone, measured):
    most = alone.runs(chapter)

    measured(f"memory, {chapter} alone: {most:.0f} MB")
    assert most <= ONE


def test_ten_chapters_in_one_tab(alone, measured):
    most = {chapter: alone.runs(chapter) for chapter in numbers()}

    for chapter, taken in most.items():
        measured(f"memory, one tab, chapter {numbers().index(chapter) + 1:2}: {taken:.0f} MB ({chapter})")
    assert len(most) >= 10
    assert max(most.values()) <= TEN
