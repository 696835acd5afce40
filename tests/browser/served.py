"""The built book, a server on loopback that counts what it sends, and one Chromium."""

import functools
import gzip
import mimetypes
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parent.parent.parent
# Nothing may leave the machine: a host that is not loopback does not resolve.
OFFLINE = "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# The whole book on one page.
PRINT = "print/"
TEXT = {".html", ".css", ".js", ".json", ".svg", ".xml", ".txt", ".map"}


@functools.cache
def site() -> Path:
    """The built site: the one that SHALLOWNET_SITE names, or a new strict build."""
    if "SHALLOWNET_SITE" not in os.environ:
        folder = tempfile.mkdtemp(prefix="shallownet-site-")
        subprocess.run(
            [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
            cwd=ROOT,
            check=True,
            env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        )
        # pytest-xdist's workers inherit it and build nothing.
        os.environ["SHALLOWNET_SITE"] = folder
    return Path(os.environ["SHALLOWNET_SITE"]).resolve()


@functools.cache
def pages() -> list[str]:
    """Every page of the site, as its address below the site's root; the home page is ""."""
    found = (path.relative_to(site()).as_posix() for path in site().rglob("*.html"))
    return sorted(name.removesuffix("index.html") for name in found)


@functools.cache
def address() -> str:
    """Where the site will be published, from its own sitemap."""
    tree = ElementTree.parse(site() / "sitemap.xml")
    return min((node.text or "" for node in tree.iter() if node.tag.endswith("loc")), key=len)


def base() -> str:
    """The path that the site expects to live under: "/" or "/name/"."""
    return urlsplit(address()).path


def chapters() -> list[str]:
    return [page for page in pages() if page.startswith("chapters/") and page != "chapters/"]


def runs_elsewhere(page: str) -> bool:
    """True for the labs that take minutes, and for the page that holds all chapters, which run on their own pages."""
    return page.startswith("labs/weekly/") or page == PRINT


def chromium() -> str:
    # Without a window first: with one, Chromium runs pages of its own beside ours, which take a third of the time.
    path = os.environ.get("CHROMIUM") or shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if not path:
        raise RuntimeError("no Chromium: install Debian's `chromium-headless-shell`, or name one in $CHROMIUM")
    return path


def node_module(name: str) -> Path:
    modules = Path(os.environ.get("SHALLOWNET_NODE_MODULES") or Path(__file__).parent / "node_modules")
    if not (modules / name).exists():
        raise RuntimeError(f"no {name}: run `npm ci` in tests/browser, or set SHALLOWNET_NODE_MODULES")
    return modules / name


class Handler(BaseHTTPRequestHandler):
    """Serve the site as Pages does: below its base path, compressed, the 404 page for the rest."""

    protocol_version = "HTTP/1.1"
    keep = "max-age=600"  # how long a browser may

    def do_GET(self) -> None:
        name = unquote(urlsplit(self.path).path)
        path = site() / name.removeprefix(base()).lstrip("/")
        if path.is_dir():
            path = path / "index.html"
        status = 200
        if not name.startswith(base()) or not path.is_file():
            status, path = 404, site() / "404.html"
        body, compressed = packed(path)
        if path.name == "sitemap.xml":
            # As if published here: the theme goes to other pages within this one only where the sitemap lists them.
            body = gzip.compress(path.read_bytes().replace(address().encode(), self.server.url.encode()), 6)
        self.send_response(status)
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        self.send_header("Content-Type", f"{kind}; charset=utf-8" if path.suffix in TEXT else kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", self.keep)
        if compressed:
            self.send_header("Content-Encoding", "gzip")
        # The headers wait in this buffer until end_headers: what is there is what is sent.
        head = sum(map(len, self._headers_buffer))
        self.end_headers()
        self.wfile.write(body)
        with self.server.lock:
            self.server.sent[name] = self.server.sent.get(name, 0) + head + len(body)

    def log_message(self, *args) -> None:
        pass


@functools.cache
def packed(path: Path) -> tuple[bytes, bool]:
    body = path.read_bytes()
    return (gzip.compress(body, 6), True) if path.suffix in TEXT else (body, False)


class Forgotten(Handler):
    """As ten minutes later: what the browser's own cache had is gone."""

    keep = "no-store"


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.lock = threading.Lock()
        self.sent: dict[str, int] = {}  # bytes of each address since the last clear()
        self.url = f"http://127.0.0.1:{self.server_port}{base()}"
        self.lines: set[socket.socket] = set()  # that are open

    def process_request(self, request, client_address) -> None:
        self.lines.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request) -> None:
        self.lines.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """Be gone: on the connections that a browser has, it would be answered by a server that takes no new ones."""
        super().server_close()
        for line in list(self.lines):
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request, client_address) -> None:
        """A page that is closed while it loads breaks its connections; that is no fault."""


@contextmanager
def serving(handler=Handler, **more):
    """Serve while it lasts; `more` is what the handler finds on its server."""
    server = Server(handler)
    vars(server).update(more)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def browsing():
    with sync_playwright() as playwright:
        browser = launched(playwright.chromium)
        try:
            yield browser
        finally:
            browser.close()


def launched(kind):
    """A browser beside those that there are; `kind` is `browser.browser_type` of one of them."""
    return kind.launch(executable_path=chromium(), args=[*FLAGS, OFFLINE])
