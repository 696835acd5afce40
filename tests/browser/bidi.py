"""Firefox as Debian has it, driven over WebDriver BiDi: the few commands that the tests need.

Playwright drives a Firefox of its own make only; this one is what readers have.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from driven import Driven, RefusedError
from websockets.sync.client import connect

# System access: for the console of the whole browser, which hears more than a page does.
FLAGS = ["--headless", "--no-remote", "--remote-debugging-port", "0", "--remote-allow-system-access"]
START, ANSWER, SETS_OUT = 60, 120, 15  # seconds
# Nothing may leave the machine: what is not loopback goes to a proxy that is not there. The rest is Firefox's own list
# for automation.
SETTINGS = {
    "network.proxy.type": 1,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
    "focusmanager.testmode": True,
}
# What is complained of since the last look: also what no page can hear, such as a refusal of its policy.
COMPLAINTS = """() => {
    const found = Services.console.getMessageArray()
    Services.console.reset()
    return found.filter(each => each instanceof Ci.nsIScriptError)
        .map(each => [each.sourceName, each.category, each.errorMessage, !(each.flags & Ci.nsIScriptError.warningFlag)])
}"""
# A page is complete, whatever stands behind its path.
THERE = """address => document.readyState == "complete"
    && location.href.split(/[?#]/)[0] == address.split(/[?#]/)[0]"""
# The window is in front, as far as it knows: one that is not tells its pages nothing of what is focused.
FRONT = """async () => {
    const here = Services.wm.getMostRecentWindow("navigator:browser")
    here.focus()
    here.gBrowser.selectedBrowser.focus()
    for (let at = 0; at < 100 && Services.focus.activeWindow != here; at++)
        await new Promise(done => here.setTimeout(done, 50))
    return Services.focus.activeWindow == here
}"""

BROWSER = 'Services.wm.getMostRecentWindow("navigator:browser").gBrowser.selectedBrowser'
# As wide as a style says, or as the window.
WIDTH = f"""width => {{
    const browser = {BROWSER}
    browser.style.width = width
    browser.ownerDocument.synchronouslyUpdateRemoteBrowserDimensions(true)
}}"""

MEDIUM = f"medium => {{ {BROWSER}.browsingContext.mediumOverride = medium }}"


class Firefox(Driven):
    """One window with one tab."""

    def __init__(self, socket) -> None:
        self.socket, self.sent, self.address = socket, 0, ""
        self.answers: dict[int, dict] = {}  # that nobody has asked for yet
        self.ask("session.new", capabilities={})
        self.said: list[str] = []  # errors of the pages' consoles, since the last look
        self.ask("session.subscribe", events=["log.entryAdded"])
        (self.tab,) = (each["context"] for each in self.ask("browsingContext.getTree")["contexts"])
        chrome = self.ask("browsingContext.getTree", **{"moz:scope": "chrome"})
        self.chrome = chrome["contexts"][0]["context"]
        assert self.evaluate(FRONT, chrome=True), "Firefox's window does not come to the front"
        self.width = self.evaluate("() => innerWidth")

    def ask(self, method, **params):
        """Send a command; return its result. What the page says meanwhile is kept."""
        return self.answer(self.send(method, **params))

    def send(self, method, **params):
        """Send a command; `answer` with what this returns has its result."""
        self.sent += 1
        self.socket.send(json.dumps({"id": self.sent, "method": method, "params": params}))
        return self.sent

    def answer(self, wanted, within=ANSWER):
        """Wait for the answer to a command; raise TimeoutError if it does not come in so many seconds."""
        ends = time.monotonic() + within
        while wanted not in self.answers:
            told = json.loads(self.socket.recv(timeout=max(0, ends - time.monotonic())))
            if told.get("method") == "log.entryAdded":
                entry = told["params"]
                if entry["level"] == "error":
                    self.said.append(f"{entry['type']}: {entry['text']}")
            elif "id" in told:
                self.answers[told["id"]] = told
        told = self.answers.pop(wanted)
        if told["type"] == "error":
            raise RefusedError(f"{told['error']}: {told['message']}")
        return told["result"]

    def evaluate(self, function, *given, chrome=False):
        """Call a function of JavaScript in the page, wait for what it promises, and return it."""
        arguments = ", ".join(map(json.dumps, given))
        # An expression calls a function too: that of its value.
        script = f"(async () => JSON.stringify(await ({function})({arguments})) ?? null)()"
        context = self.chrome if chrome else self.tab
        told = self.ask("script.evaluate", expression=script, target={"context": context}, awaitPromise=True)
        if told["type"] == "exception":
            raise RefusedError(told["exceptionDetails"]["text"])
        return json.loads(told["result"].get("value", "null"))

    def go(self, address):
        """Load a page, also one that differs by its #anchor only; return when it is complete."""
        if re.split("[?#]", self.address)[0] == re.split("[?#]", address)[0]:
            self.load("about:blank")
        self.load(address)

    def load(self, address):
        """Go to an address that is another page's; return when that is complete.

        Once in some hundred times, after a page that was still being laid out, Firefox does not set out: it stays where
        it is, asks the server for nothing and gives no answer. So it is told again.
        """
        self.address = address
        for _ in range(4):
            sent = self.send("browsingContext.navigate", context=self.tab, url=address, wait="complete")
            with suppress(TimeoutError):
                self.answer(sent, SETS_OUT)
            # Nor is an answer enough: the end of the old page may pass for that of the new one.
            with suppress(RefusedError, AssertionError):
                return self.until(THERE, address, within=SETS_OUT)
        raise TimeoutError(f"Firefox does not set out for {address}")

    @contextmanager
    def narrow(self, width):
        """A window of so many pixels while it lasts.

        Not by browsingContext.setViewport, which waits in the page for an event that a page may have had already.
        """
        self._width(width, f"{width}px")
        yield
        self._width(self.width, "")

    def _width(self, pixels, style):
        self.evaluate(WIDTH, style, chrome=True)
        self.until("pixels => innerWidth == pixels", pixels, within=20)

    @contextmanager
    def on_paper(self):
        """The page as it would be printed, while it lasts."""
        self._medium("print")
        yield
        self._medium("")

    def _medium(self, name):
        self.evaluate(MEDIUM, name, chrome=True)
        self.until(f"() => matchMedia('print').matches == {'true' if name else 'false'}", within=20)

    @contextmanager
    def preferring(self, name, number):
        """A setting of Firefox's, while it lasts: of the pages that are loaded meanwhile."""
        self.evaluate("(name, number) => Services.prefs.setIntPref(name, number)", name, number, chrome=True)
        try:
            yield
        finally:
            self.evaluate("name => Services.prefs.clearUserPref(name)", name, chrome=True)

    def forget(self):
        """Have Firefox collect what nothing holds any more."""
        self.evaluate("() => Services.obs.notifyObservers(null, 'child-mmu-request')", chrome=True)

    def complaints(self):
        """Return what the console holds since the last look: the pages' errors, and what their policy refused."""
        said, self.said = self.said, []
        for source, category, message, error in self.evaluate(COMPLAINTS, chrome=True):
            policy = "Content-Security-Policy" in message or category == "CSP"
            if policy or (error and source.startswith("http")):
                said.append(f"{category}: {message}")
        return said

    def perform(self, source):
        self.ask("input.performActions", context=self.tab, actions=[source])


def program():
    """Debian's Firefox, or the one that $FIREFOX names; None where there is none."""
    return os.environ.get("FIREFOX") or shutil.which("firefox-esr") or shutil.which("firefox")


@contextmanager
def firefox(**settings):
    """Run Firefox with an empty profile; `settings` are added to it, by their names with `_` for the dot."""
    with ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory(prefix="firefox-", ignore_cleanup_errors=True))
        named = SETTINGS | {name.replace("_", "."): value for name, value in settings.items()}
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in named.items()]
        Path(home, "user.js").write_text("".join(lines))
        log = Path(home, "log")
        process = subprocess.Popen(
            [program(), *FLAGS, "--profile", home],
            # Root in the home of another user, as in a container of CI, is refused.
            env=os.environ | {"HOME": home, "MOZ_CRASHREPORTER_DISABLE": "1"},
            stdout=subprocess.DEVNULL,
            stderr=stack.enter_context(log.open("w")),
        )
        stack.callback(process.wait)
        stack.callback(process.terminate)
        ends = time.monotonic() + START
        while not (found := re.search(r"WebDriver BiDi listening on (ws://\S+)", log.read_text())):
            if process.poll() is not None or time.monotonic() > ends:
                raise RuntimeError(f"Firefox does not start: {log.read_text()}")
            time.sleep(0.05)
        socket = stack.enter_context(connect(f"{found[1]}/session", max_size=None, open_timeout=START))
        yield Firefox(socket)
