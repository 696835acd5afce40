"""What the published edition of the book leaves beside the next one, for pages that are open meanwhile."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml
from _book.site import earlier

ROOT = Path(__file__).resolve().parents[2]
LIVE = "assets/live/"


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder, and says nothing."""

    def log_message(self, *args: object) -> None:
        """Be quiet."""


@pytest.fixture
def published(tmp_path: Path) -> Iterator[str]:
    """The address of a folder that is served as the published book, below a path as on Pages."""
    (tmp_path / "server" / "book").mkdir(parents=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path / "server")))
    threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/book/"
    server.shutdown()
    server.server_close()


def edition(folder: Path, address: str, files: dict[str, str], manifest: str) -> None:
    """Write an edition: a home page that names its manifest, and the files which that lists."""
    for name, text in {**files, manifest: json.dumps({re.sub("-.*[.]", ".", name): name for name in files})}.items():
        (folder / LIVE / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / LIVE / name).write_text(text)
    (folder / "index.html").write_text(f'<meta name="live" content="{LIVE}{manifest}" data-megabytes="14">')
    (folder / "sitemap.xml").write_text(f"<loc>{address}chapters/</loc><loc>{address}</loc>")


OLD = {"live-AAAAAAAA.js": "old", "runtime/numpy.zip-1234567890.gz": "old", "explore/width-AAAAAAAA.js": "same"}
NEW = {"live-BBBBBBBB.js": "new", "runtime/numpy.zip-0987654321.gz": "new", "explore/width-AAAAAAAA.js": "SAME"}


def test_what_an_open_page_asks_for_is_there_beside_the_new(published: str, tmp_path: Path) -> None:
    """Of the edition before, nothing: what its manifest does not list would pile up."""
    site, server = tmp_path / "site", tmp_path / "server" / "book"
    edition(server, published, OLD, "manifest-aaaaaaaaaa.json")
    (server / LIVE / "live-00000000.js").write_text("older")
    edition(site, published, NEW, "manifest-bbbbbbbbbb.json")

    added = earlier.keep(site)

    assert added == [f"{LIVE}{name}" for name in ("live-AAAAAAAA.js", "manifest-aaaaaaaaaa.json", [*OLD][1])]
    files = {file.relative_to(site / LIVE).as_posix(): file for file in (site / LIVE).rglob("*") if file.is_file()}
    assert set(files) == {*OLD, *NEW, "manifest-aaaaaaaaaa.json", "manifest-bbbbbbbbbb.json"}
    assert files["live-AAAAAAAA.js"].read_text() == "old"
    assert files["explore/width-AAAAAAAA.js"].read_text() == "SAME"  # it was not fetched
    assert "bbbbbbbbbb" in (site / "index.html").read_text()
    assert earlier.keep(site) == []


def test_the_first_edition_has_none_before_it(published: str, tmp_path: Path) -> None:
    """Nor has one after a book without live parts."""
    edition(tmp_path / "site", f"{published}none/", NEW, "manifest-bbbbbbbbbb.json")
    assert earlier.keep(tmp_path / "site") == []

    edition(tmp_path / "site", published, NEW, "manifest-bbbbbbbbbb.json")
    (tmp_path / "server" / "book" / "index.html").write_text("<h1>No live parts</h1>")
    assert earlier.keep(tmp_path / "site") == []


@pytest.mark.parametrize("fault", ["gone", "outside", "nobody"])
def test_half_an_edition_is_none(fault: str, published: str, tmp_path: Path) -> None:
    """One line says why, and the site is as it was: publishing goes on, and open pages ask to be loaded anew."""
    site, server = tmp_path / "site", tmp_path / "server" / "book"
    edition(server, published, OLD, "manifest-aaaaaaaaaa.json")
    edition(site, published, NEW, "manifest-bbbbbbbbbb.json")
    if fault == "gone":
        (server / LIVE / "runtime/numpy.zip-1234567890.gz").unlink()
    elif fault == "outside":
        (server / LIVE / "manifest-aaaaaaaaaa.json").write_text('{"live.js": "../../index-AAAAAAAA.html"}')
    else:
        (site / "sitemap.xml").write_text("<loc>http://127.0.0.1:9/book/</loc>")
    before = sorted(site.rglob("*"))

    command = [sys.executable, "-S", ROOT / "docs/_book/site/earlier.py", site]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert re.fullmatch(r"the last edition's files are not kept, .* loaded anew: .+\n", done.stderr)
    assert sorted(site.rglob("*")) == before


def test_it_is_done_to_what_was_tested_before_that_is_published() -> None:
    """And only there: a fault of it does not keep the book from being published."""
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))["jobs"]
    steps = jobs["everything"]["steps"]
    order = [step.get("run") or step["uses"].partition("@")[0] for step in steps][-3:]

    assert order == [
        ".ci/run --site-dir site",
        "python3 docs/_book/site/earlier.py site",
        "actions/upload-pages-artifact",
    ]
    assert steps[-2]["if"] == steps[-1]["if"]
    assert steps[-2]["continue-on-error"] is True
