"""WebKitGTK as Debian has it, driven by its own WebDriver, on a screen that nobody sees."""

import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import served
from driven import Driven, RefusedError

START, ANSWER = 60, 120  # seconds
# Where Debian puts the small browser that WebKitGTK brings; the newest.
BROWSERS = "usr/lib/*/webkit2gtk-4.*/MiniBrowser"
CALL = """const done = arguments[arguments.length - 1]
;(async () => JSON.stringify(await (FUNCTION)(...JSON.parse(arguments[0]))) ?? null)()
    .then(value => done({value}), error => done({error: String(error)}))"""
# Its driver hands out no console: a script before all others, and before the page's policy, listens instead.
LISTENS = """<script>{
    const heard = window.complaints = []
    const { error } = console
    console.error = (...said) => { heard.push(`console: ${said.join(" ")}`); error.apply(console, said) }
    addEventListener("error", ({ message, target }) => heard.push(`error: ${message ?? target.outerHTML}`), true)
    addEventListener("unhandledrejection", ({ reason }) => heard.push(`rejected: ${reason}`))
    addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
        heard.push(`Content-Security-Policy: ${violatedDirective} ${blockedURI}`))
}</script>"""


class Heard(served.Handler):
    """Serves the book with a listener in each page."""

    def do_GET(self):
        name = urlsplit(self.path).path
        if not name.endswith(("/", ".html")):
            return super().do_GET()
        file = served.site() / name.removeprefix(served.base())
        page = (file / "index.html" if file.is_dir() else file).read_text(encoding="utf-8")
        body = page.replace("<head>", f"<head>{LISTENS}", 1).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class WebKit(Driven):
    """One window with one tab."""

    def __init__(self, address, options):
        self.address = address
        wanted = {"browserName": "MiniBrowser", "webkitgtk:browserOptions": options}
        self.address += "/session/" + self.ask("/session", capabilities={"alwaysMatch": wanted})["sessionId"]
        self.ask("/timeouts", script=1000 * ANSWER, pageLoad=1000 * ANSWER)

    def ask(self, command, method="POST", **given):
        """Send a command; return what it answers."""
        data = json.dumps(given).encode() if method == "POST" else None
        request = urllib.request.Request(self.address + command, data, {"Content-Type": "application/json"})
        request.method = method
        try:
            with urllib.request.urlopen(request, timeout=ANSWER + 10) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            told = json.load(error)["value"]
            raise RefusedError(f"{command}: {told['error']}: {told['message']}") from None

    def evaluate(self, function, *given):
        script = CALL.replace("FUNCTION", function)
        told = self.ask("/execute/async", script=script, args=[json.dumps(given)])
        if "error" in told:
            raise RefusedError(told["error"])
        return json.loads(told["value"] or "null")

    def perform(self, source):
        self.ask("/actions", actions=[source])

    def go(self, address):
        """Load a page, also one that differs by its #anchor only; return when it is complete."""
        self.ask("/url", url="about:blank")
        self.ask("/url", url=address)

    def complaints(self):
        """Return what the page has complained of since the last look, also while it was loading."""
        return self.evaluate("() => new Promise(done => setTimeout(() => done(complaints.splice(0)), 100))")


def program():
    """The driver, the browser and the screen; None where one of them is missing."""
    browsers = sorted(Path("/").glob(BROWSERS))
    found = [shutil.which("WebKitWebDriver"), str(browsers[-1]) if browsers else None, shutil.which("Xvfb")]
    return found if all(found) else None


def free():
    """A port that nobody uses."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def answers(port):
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def webkit():
    """Run WebKitGTK with nothing kept from before."""
    driver, browser, screen = program()
    with ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory(prefix="webkit-", ignore_cleanup_errors=True))

        def started(command, told, **options):
            """Start a program and return what it tells when it is ready."""
            log = Path(home, Path(command[0]).name + ".log")
            with log.open("w") as file:
                process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, **options)
            stack.callback(process.wait)
            stack.callback(process.terminate)
            ends = time.monotonic() + START
            while not (found := told(log)):
                if process.poll() is not None or time.monotonic() > ends:
                    raise RuntimeError(f"{command[0]} does not start: {log.read_text()}")
                time.sleep(0.05)
            return found

        # It takes a number that is free, and says which.
        command = [screen, "-displayfd", "1", "-screen", "0", "1400x1000x24", "-nolisten", "tcp"]
        display = started(command, lambda log: re.search(r"^(\d+)$", log.read_text(), re.M))
        folders = dict.fromkeys(("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"), home)
        # A screen that nobody sees has no graphics card; and no accessibility bus, for which it would wait.
        more = {"DISPLAY": f":{display[1]}", "LIBGL_ALWAYS_SOFTWARE": "1", "NO_AT_BRIDGE": "1"}
        port = free()
        command = [driver, f"--port={port}"]
        started(command, lambda log: answers(port), env=os.environ | folders | more)
        yield WebKit(f"http://127.0.0.1:{port}", {"binary": browser, "args": ["--automation"]})
