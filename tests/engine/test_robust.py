"""Machines that fail, and a cache that lies: a line says so, and nothing in the book is wrong afterwards."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import logging
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from _book import cache, inert
from _book.browser import pyodide, wheels
from _book.page import Page
from _book.run import Result
from _book.site.building import Building
from planted import OPTIONS, page, plant
from test_site import DRAWN as DRAWN_BY
from test_site import PAGE, environment
from test_site import small as small  # its fixture: a book of its own

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path id="a" d="M 0 0 L 9 9"/></svg>'
DRAWN = Result({"line.svg": SVG}, {"one": {"expected": "1", "ours": "1"}})
PNG = b'xlink:href="data:image/png;base64,iVBORw0KGgo="'
Said = Callable[[], list[str]]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own, of the book and of the user."""
    monkeypatch.setattr(cache, "CACHE", tmp_path / "cache" / "book")
    monkeypatch.setattr(cache, "_said", set())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    return cache.CACHE


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Said:
    """What the cache has said so far."""
    return lambda: [record.message for record in caplog.records if record.name == "book"]


@pytest.fixture
def kept(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Page, Path]:
    """A page that was drawn, and the folder in which its figures and scores are kept."""
    made = Page.parse("# Page\n\n```python\nx = 1\n```\n", tmp_path / "page.md")
    monkeypatch.setattr(cache, "run_page", lambda *_, **__: DRAWN)
    assert cache.draw(made) == DRAWN
    (folder,) = place.iterdir()
    return made, folder


# What is kept


def relisted(folder: Path) -> None:
    """Make the list of a folder's files anew: what is wrong with them is then found in them."""
    sums = {name: cache._sum(data) for name, data in cache._files(folder)}
    (folder / cache.SUMS).write_bytes(cache._listed(folder, sums))


def instead(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("a file")


def scripted(folder: Path) -> None:
    (folder / "line.svg").write_bytes(SVG.replace(b"</svg>", b"<script>planted()</script></svg>"))
    relisted(folder)


def emptied(folder: Path) -> None:
    (folder / "scores.json").write_bytes(b"")
    relisted(folder)


def of_another(folder: Path) -> None:
    """What was kept of another page, under this one's name: whole in itself."""
    other = folder.with_name("0" * 24)
    cache.put(other, {"line.svg": SVG.replace(b"9 9", b"5 5"), "scores.json": b"{}"})
    shutil.rmtree(folder)
    other.rename(folder)


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "edited": (
        lambda f: (f / "line.svg").write_bytes(SVG.replace(b"9 9", b"5 5")),
        "has a file that was changed, line.svg",
    ),
    "cut off": (lambda f: os.truncate(f / "line.svg", 30), "has a file that was changed, line.svg"),
    "missing": (lambda f: (f / "line.svg").unlink(), "lacks a file, line.svg"),
    "one too many": (lambda f: (f / "other.svg").write_bytes(SVG), "has a file too many, other.svg"),
    "no scores": (lambda f: (f / "scores.json").unlink(), "lacks a file, scores.json"),
    "empty scores": (lambda f: (f / "scores.json").write_bytes(b""), "has a file that was changed, scores.json"),
    "empty scores, listed": (emptied, "has no scores.json that can be read"),
    "no list": (lambda f: (f / cache.SUMS).unlink(), "has no list of its files"),
    "empty list": (lambda f: (f / cache.SUMS).write_bytes(b""), "has a list of its files that was changed"),
    "another's": (of_another, "has a list of its files that was changed"),
    "a folder for a file": (
        lambda f: ((f / "line.svg").unlink(), (f / "line.svg").mkdir()),
        "lacks a file, line.svg",
    ),
    "a link": (
        lambda f: ((f / "line.svg").rename(f.parent / "l"), (f / "line.svg").symlink_to(f.parent / "l")),
        "has a file that was changed, line.svg",
    ),
    "a file for the folder": (instead, "is no folder"),
    "a script, listed": (scripted, "has a figure that has a <script>: line.svg"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_does_not_fit_is_said_and_drawn_again(damage: str, kept: tuple[Page, Path], said: Said) -> None:
    """Whatever happened to the folder; and then it is whole again."""
    made, folder = kept
    DAMAGES[damage][0](folder)

    assert cache.recall(made) is None
    assert cache.draw(made) == DRAWN
    assert said() == [f"{folder} in the cache {DAMAGES[damage][1]}: it is made again"]
    assert cache.recall(made) == DRAWN
    assert [each.name for each in folder.parent.iterdir() if each.name.startswith("new-")] == []


def test_what_fits_is_recalled_without_a_word(kept: tuple[Page, Path], said: Said) -> None:
    """Guards the test above."""
    assert cache.recall(kept[0]) == DRAWN
    assert said() == []


def test_what_cannot_be_read_is_drawn_again(
    kept: tuple[Page, Path], said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broken disk, or a file of another user."""
    made, folder = kept
    read = Path.read_bytes

    def fail(self: Path) -> bytes:
        if self == folder / "line.svg":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return read(self)

    monkeypatch.setattr(Path, "read_bytes", fail)

    assert cache.draw(made) == DRAWN
    assert said() == [f"{folder} in the cache cannot be read (Input/output error): it is made again"]


def test_a_program_that_is_not_as_it_was_kept_is_fetched_again(place: Path, said: Said) -> None:
    """One changed byte of a package is a program of somebody else."""

    def install(fresh: Path) -> None:
        (fresh / "bin").mkdir()
        (fresh / "tool").write_text("run me")
        (fresh / "bin" / "tool").symlink_to("../tool")

    folder = cache.made(cache.shared() / "npm" / "abc", install)
    (folder / "bin" / "tool").unlink()
    (folder / "bin" / "tool").symlink_to("/somewhere/else")

    again = cache.made(cache.shared() / "npm" / "abc", install)

    assert again == folder
    assert (again / "bin" / "tool").read_text() == "run me"
    assert said() == [f"{folder} in the cache has a file that was changed, bin/tool: it is made again"]


def test_what_fails_while_it_is_made_leaves_nothing(place: Path) -> None:
    """Or each try without a network would leave some hundred megabytes."""

    def fail(fresh: Path) -> None:
        (fresh / "half").write_text("half")
        raise cache.MissingError("no network")

    with pytest.raises(cache.MissingError):
        cache.made(place / "abc", fail)

    assert list(place.iterdir()) == []


def test_two_builds_make_a_program_once(place: Path) -> None:
    """The second waits for the first, and takes what that has made."""
    script = (
        "import sys, time; from pathlib import Path; from _book import cache\n"
        "cache.CACHE = Path(sys.argv[1])\n"
        "def make(fresh): time.sleep(0.5); (fresh / 'made').write_text(''); print('made')\n"
        "assert (cache.made(cache.CACHE / 'abc', make) / 'made').exists()\n"
    )
    command = [sys.executable, "-c", script, str(place)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8") for _ in range(2)]

    assert sorted(each.communicate()[0] for each in running) == ["", "made\n"]
    assert [each.returncode for each in running] == [0, 0]


@pytest.mark.parametrize(("full", "where"), [("book", "is kept in {home}"), ("", "is not kept")])
def test_a_full_disk_costs_the_next_build_its_time(
    full: str, where: str, place: Path, said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was made is used, the user's cache is the second place, and nothing is left that fills the disk."""
    write = Path.write_bytes

    def fail(self: Path, data: bytes) -> int:
        if full in self.parts or not full:
            write(self, data[:10])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(self, data)

    monkeypatch.setattr(Path, "write_bytes", fail)
    folders = [place / ("a" * 24), place / ("b" * 24)]

    for folder in folders:
        assert cache.kept(folder, lambda: {"font": b"bytes of a font"}) == {"font": b"bytes of a font"}

    home = cache._places(folders[0])[1].parent
    assert said() == [f"{place} cannot be written to (No space left on device): what is made {where.format(home=home)}"]
    assert list(place.iterdir()) == []
    assert [cache.recalled(folder) for folder in folders] == [{"font": b"bytes of a font"} if full else None] * 2


@pytest.mark.parametrize("named", ["", "relative", "/dev/null"])
def test_without_a_home_this_checkout_keeps_what_is_fetched(
    named: str, place: Path, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No home, a home that is none, and a place that is ignored since it is not absolute."""
    monkeypatch.setenv("XDG_CACHE_HOME", named)
    if named:
        monkeypatch.setenv("HOME", "/dev/null")
    else:
        monkeypatch.setattr(Path, "home", lambda: Path("~nobody-of-this-name").expanduser())

    assert cache.kept(cache.shared() / "runtime-abc", lambda: {"a": b"1"}) == {"a": b"1"}
    assert cache.recalled(cache.shared() / "runtime-abc") == {"a": b"1"}
    assert (place / "shared" / "runtime-abc" / "a").exists()
    assert len(said()) == bool(named)


def test_a_wheel_that_cannot_be_kept_is_used(
    place: Path, said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And one that was cut off is fetched again, in a line."""
    good = pyodide.zipped({"a.py": b"x = 1"})
    lock = {"file_name": "some-1.0.whl", "sha256": hashlib.sha256(good).hexdigest()}
    monkeypatch.setitem(wheels.SOURCES, "published", lambda *_: good)
    (tmp_path / "home").write_text("a file")

    assert wheels.wheel(lock, tmp_path).read("a.py") == b"x = 1"
    assert said() == [f"{cache.shared() / 'pyodide'} cannot be written to (Not a directory): what is made is not kept"]
    (tmp_path / "home").unlink()
    (cache.shared() / "pyodide").mkdir(parents=True)
    (cache.shared() / "pyodide" / "some-1.0.whl").write_bytes(good[:-9])
    assert wheels.wheel(lock, tmp_path).read("a.py") == b"x = 1"
    assert said()[1:] == ["some-1.0.whl in the cache is not the one of Pyodide's lock: it is fetched again"]
    assert (cache.shared() / "pyodide" / "some-1.0.whl").read_bytes() == good


def test_what_nobody_uses_goes(place: Path) -> None:
    """After a month; what a killed build left, after a day; what is used stays, whenever it was made."""
    names = (
        "a" * 24,
        f"runtime-{'b' * 24}",
        f"{'c' * 16}-tools",
        f"{'d' * 24}.woff2",
        "npm",
        "new-killed",
        "new-young",
    )
    for name in names:
        cache.put(place / name, {"a": b"1"})
    used = time.time() - 29 * cache.DAY
    for name in names:
        os.utime(place / name, (0, used if name == names[0] else used - 2 * cache.DAY))
    os.utime(place / "new-young")
    os.utime(place / "new-killed", (0, time.time() - 2 * cache.DAY))

    assert cache.recalled(place / names[0])  # which makes it young
    cache.put(place / ("e" * 24), {"a": b"1"})

    assert sorted(each.name for each in place.iterdir()) == sorted([names[0], "npm", "new-young", "e" * 24])
    assert time.time() - (place / names[0]).stat().st_mtime < cache.DAY


# What runs


RUNS = [
    (b"<script>x()</script>", "has a <script>"),
    (b'<s:script xmlns:s="http://www.w3.org/2000/svg" href="#a"/>', "has a <script>"),
    (b"<style><![CDATA[</style><script>x()</script>]]></style>", "has a <script>"),
    (b'<g onload="x()"/>', "has onload= on <g>"),
    (b'<a xlink:href="&#106;avascript:x()"/>', "leads to 'javascript:x()'"),
    (b'<image xlink:href="https://example.org/a.png"/>', "leads to 'https://example.org/a.png'"),
    (b"<foreignObject><b/></foreignObject>", "has a <foreignobject>"),
    (b'<set attributeName="onclick" to="x()"/>', "has a <set>"),
    (b"<g>", "is no SVG: mismatched tag: line 1, column 136"),
]


@pytest.mark.parametrize(("planted", "says"), RUNS)
def test_a_figure_that_could_run_something_is_none(planted: bytes, says: str) -> None:
    """As a file of its own it would run at our address, and there no policy stops it."""
    xlink = SVG.replace(b"<svg ", b'<svg xmlns:xlink="http://www.w3.org/1999/xlink" ')

    assert inert.drawing(xlink.replace(b"</svg>", planted + b"</svg>")) == says


def test_what_matplotlib_draws_is_a_figure() -> None:
    """Guards the test above: parts, pictures, and what a label says."""
    harmless = b"<text>onload = 1 &lt;script&gt;</text><use xlink:href='#a'/><image %s/>" % PNG
    xlink = SVG.replace(b"<svg ", b'<svg xmlns:xlink="http://www.w3.org/1999/xlink" ')

    assert inert.drawing(xlink.replace(b"</svg>", harmless + b"</svg>")) is None


@pytest.mark.parametrize(
    ("html", "says"),
    [
        ("<p>a<SCRIPT src=x></SCRIPT>", "has a <script>"),
        ("<p title='>'\nonclick = 'x()'>a</p>", "has onclick= on <p>"),
        ("<a href='java\nscript:x()'>a</a>", "leads to 'javascript:x()'"),
        ("<iframe srcdoc='a'></iframe>", "has srcdoc= on <iframe>"),
        ("<p title='onclick=1'>condition = 1, once = 2, a script: &lt;script></p>", None),
    ],
)
def test_nothing_of_a_page_s_own_text_runs(html: str, says: str | None) -> None:
    assert inert.text(html) == says


def test_a_figure_that_could_run_something_is_not_published(
    place: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor kept; and the error fails a build, strict or not, since its page then has no figure."""
    made = Page.parse("# Page\n", tmp_path / "page.md")
    bad = Result({"bad.svg": SVG.replace(b"<path ", b'<path onclick="x()" '), "good.svg": SVG}, {})

    with caplog.at_level(logging.ERROR, "mkdocs.plugins.book"):
        shown = Building(tmp_path).inert(made, bad)
    cache.keep(made, bad)

    assert shown.figures == {"good.svg": SVG}
    assert [record.message for record in caplog.records] == [
        f"{made.path}: the figure bad.svg has onclick= on <path>: it is not published"
    ]
    assert not place.exists()


# Builds


TEXT = DRAWN_BY + "![a line that rises](line.svg)\n\nAnd $x$."
# What a block might do to its figure, and a writer to a page.
PLANT = """from pathlib import Path

drawn = Path("line.svg").read_text()
Path("line.svg").write_text(drawn.replace("</svg>", "<script>drawn()</script></svg>"))
```
"""


@pytest.fixture(scope="module")
def book(small: Path) -> Iterator[Path]:
    """The small book, with a page that draws."""
    file = small / "docs" / "index.md"
    file.write_text(PAGE.format(blocks=1, text=TEXT), encoding="utf-8")
    yield small
    file.unlink()


def command(site: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(site), *options]


def build(book: Path, site: Path, **options: object) -> subprocess.CompletedProcess[str]:
    settings = {"env": environment(book), **options}
    return subprocess.run(command(site), cwd=book, capture_output=True, encoding="utf-8", **settings)  # type: ignore[call-overload, no-any-return]


def contents(site: Path) -> dict[str, bytes]:
    """The pages and figures of a site; its sitemap has the day."""
    return {
        str(f.relative_to(site)): f.read_bytes() for f in site.rglob("*") if f.suffix in (".html", ".svg", ".woff2")
    }


@pytest.fixture(scope="module")
def right(book: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What the site is."""
    site = tmp_path_factory.mktemp("right")
    done = build(book, site)
    assert done.returncode == 0, done.stderr
    found = contents(site)
    assert b'role="img"' in found["index.html"]
    return found


def test_a_build_with_a_damaged_cache_is_the_same_site(book: Path, right: dict[str, bytes], tmp_path: Path) -> None:
    """A strict build says what was wrong, and does not fail of it."""
    folders = sorted((book / ".cache" / "book").iterdir())
    for folder in folders:
        file = next(file for file in folder.iterdir() if file.suffix in (".svg", ".woff2"))
        file.write_bytes(file.read_bytes()[:-20] + b"<script>planted()</script></svg>")

    done = build(book, tmp_path)

    assert done.returncode == 0, done.stderr
    assert contents(tmp_path) == right
    said = [line for line in done.stderr.splitlines() if "in the cache" in line]
    assert sorted(said) == [
        f".cache/book/{f.name} in the cache has a file that was changed, "
        f"{'math.woff2' if f.name.startswith('font') else 'line.svg'}: it is made again"
        for f in folders
    ]


def test_a_page_with_a_script_fails_the_build(book: Path, right: dict[str, bytes], tmp_path: Path) -> None:
    """Drawn by a block or written by hand, in its text or in what the theme shows of it."""
    file = book / "docs" / "planted.md"
    drawn = TEXT.replace("```\n", PLANT, 1)
    text = PAGE.format(blocks=1, text=drawn + "\n\n<div><script>written()</script></div>")
    file.write_text(text.replace("A page.", "'A\"><script>described()</script>page.'"), encoding="utf-8")
    try:
        done = build(book, tmp_path)
    finally:
        file.unlink()

    assert done.returncode == 1
    errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
    assert any(
        "docs/planted.md" in line and "line.svg has more than a drawing in it (<script>)" in line for line in errors
    ), done.stderr
    assert any("planted.md: the page has a <script>" in line for line in errors), done.stderr
    assert any("planted/index.html: a script that is neither" in line for line in errors), done.stderr
    site = contents(tmp_path)
    for name in ("index.html", "planted/index.html"):
        allowed = [re.findall(r"script-src ([^;]*)", each.decode()) for each in (site[name], right["index.html"])]
        assert allowed[0] == allowed[1] != [], name
    assert not list(tmp_path.rglob("planted/*.svg"))


def killed(book: Path, site: Path, moment: str) -> None:
    """Kill a build as it says something; none of its processes is left."""
    with subprocess.Popen(
        command(site), cwd=book, stderr=subprocess.PIPE, encoding="utf-8", env=environment(book), start_new_session=True
    ) as building:
        assert building.stderr
        for line in building.stderr:
            if moment in line:
                break
        else:
            pytest.fail(f"the build does not say {moment!r}")
        building.kill()
        building.stderr.close()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            os.killpg(building.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    os.killpg(building.pid, signal.SIGKILL)
    pytest.fail("a process of the killed build lives on")


def test_after_builds_that_were_killed_the_next_is_right(book: Path, right: dict[str, bytes], tmp_path: Path) -> None:
    """Whatever they have left, of the site and of the cache: killed while a page is drawn, and when it has been."""
    shutil.rmtree(book / ".cache")
    killed(book, tmp_path, "drawing the figures")
    killed(book, tmp_path, "to go")

    done = build(book, tmp_path)

    assert done.returncode == 0, done.stderr
    assert contents(tmp_path) == right


def test_two_builds_and_the_tests_at_once(book: Path, right: dict[str, bytes], tmp_path: Path) -> None:
    """Into one folder, of one checkout, with nothing kept: one of them waits, and says so."""
    shutil.rmtree(book / ".cache", ignore_errors=True)
    plant(book, {})
    at_once = [
        *(command(tmp_path), command(tmp_path)),
        [sys.executable, "-m", "pytest", "docs/index.md", "-p", "no:cacheprovider"],
    ]
    running = [
        subprocess.Popen(
            each,
            cwd=book,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            env={**environment(book), "PYTEST_ADDOPTS": OPTIONS},
        )
        for each in at_once
    ]
    said = [each.communicate()[0] for each in running]

    assert [each.returncode for each in running] == [0, 0, 0], said
    assert sum(f"another build writes to {tmp_path}: waiting for it" in each for each in said) == 1, said
    assert contents(tmp_path) == right
    assert not list((book / ".cache" / "book").glob("new-*"))


def test_a_site_that_does_not_fit_on_the_disk_is_named(book: Path, right: dict[str, bytes], tmp_path: Path) -> None:
    """A limit of the size of files stands for a disk that is full."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, 5_000))

    done = build(book, tmp_path, preexec_fn=limit)

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stdout.strip() == f"the site in {tmp_path} is not whole: File too large", done.stderr


def powerless() -> None:
    """Take from root what lets it write where nobody may: a plain user has not got it."""
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
            if libc.prctl(24, capability, 0, 0, 0):  # PR_CAPBSET_DROP
                raise OSError(ctypes.get_errno(), "prctl")


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Take away all rights to write below a folder."""
    folders = [folder, *(each for each in folder.rglob("*") if each.is_dir())]
    for each in folders:
        each.chmod(0o555)
    try:
        yield
    finally:
        for each in folders:
            each.chmod(0o755)


def test_a_checkout_that_is_read_only_builds_elsewhere(book: Path, right: dict[str, bytes], tmp_path: Path) -> None:
    """With a home the figures are kept there, and without one not at all; a line says so."""
    shutil.rmtree(book / ".cache", ignore_errors=True)
    home, nobody = tmp_path / "home", tmp_path / "nobody"
    home.mkdir()
    nobody.mkdir()
    said, given = [], environment(book)
    with read_only(book), read_only(nobody):
        for place in (home, nobody):
            env = {key: value for key, value in given.items() if key != "XDG_CACHE_HOME"}
            env |= {"HOME": str(place), "PYTHONDONTWRITEBYTECODE": "1", "MPLCONFIGDIR": str(tmp_path)}
            done = build(book, tmp_path / "site", preexec_fn=powerless, env=env)
            assert done.returncode == 0, done.stderr
            assert contents(tmp_path / "site") == right
            said.append([line for line in done.stderr.splitlines() if "cannot be written" in line])
        with pytest.raises(subprocess.CalledProcessError):
            subprocess.run(["touch", str(book / "file")], preexec_fn=powerless, check=True, stderr=subprocess.DEVNULL)

    kept = next((home / ".cache" / "shallownet" / "books").iterdir())
    why = ".cache/book cannot be written to (Permission denied)"
    assert said == [[f"{why}: what is made is kept in {kept}"], [f"{why}: what is made is not kept"]]
    assert not (book / ".cache").exists()


def test_a_checkout_that_is_read_only_can_be_tested(tmp_path: Path) -> None:
    """pytest cannot keep what failed, and says so; nothing else is different."""
    root = tmp_path / "book"
    root.mkdir()
    plant(root, {"docs/a.md": page("```pycon\n>>> 1 + 1\n2\n```\n")})
    script = "import sys, pytest; sys.exit(pytest.main(['docs']))"
    path = os.pathsep.join([str(cache.ROOT / "docs"), str(cache.ROOT)])
    with read_only(root):
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=root,
            capture_output=True,
            encoding="utf-8",
            env={**os.environ, "PYTHONPATH": path, "PYTEST_ADDOPTS": OPTIONS, "PYTHONDONTWRITEBYTECODE": "1"},
            preexec_fn=powerless,
        )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
    assert "could not create cache path" in done.stdout


def test_asserts_cannot_be_switched_off(book: Path, tmp_path: Path) -> None:
    """A false one would pass, and be kept as true for the builds that follow."""
    root = plant(tmp_path, {"docs/a.md": page("```python\nassert 1 + 1 == 3\n```\n")})
    env = environment(book) | {"PYTEST_ADDOPTS": OPTIONS}
    site = ["-m", "mkdocs", "build", "--site-dir", str(tmp_path / "site")]
    said = []
    for program, here, given in (
        (["-O", *site], book, env),
        (["-m", "pytest", "docs"], root, env | {"PYTHONOPTIMIZE": "1"}),
    ):
        done = subprocess.run([sys.executable, *program], cwd=here, capture_output=True, encoding="utf-8", env=given)
        assert done.returncode != 0
        said.append((done.stdout + done.stderr).strip())

    assert said == [
        "the book is not built: asserts are switched off: run it without -O, and without PYTHONOPTIMIZE",
        "ERROR: nothing is tested: asserts are switched off: run it without -O, and without PYTHONOPTIMIZE",
    ]
    assert not (tmp_path / "site" / "index.html").exists()
