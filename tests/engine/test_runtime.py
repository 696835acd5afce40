"""Python for the browser, as far as it can be looked at without one: what is let in, what is left out, what is made."""

import gzip
import hashlib
import importlib.util
import io
import json
import logging
import os
import re
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from _book import cache
from _book.browser import build as live
from _book.browser import pyodide as runtime
from _book.browser import wheels
from _book.compare import difference
from _book.render import colours
from sklearn.datasets import load_digits

SOURCES = ("kept", "published", "mirrored")


def archive(**files):
    return runtime.zipped({name.replace("__", "."): text.encode() for name, text in files.items()})


@pytest.fixture(scope="module")
def modules():
    """The packages of npm; where they cannot be had, only CI must have them."""
    try:
        return live.packages()
    except (cache.MissingError, OSError, subprocess.SubprocessError) as error:
        if os.environ.get("SHALLOWNET_LIVE") == "required":
            raise
        pytest.skip(f"no packages of npm here: {error}")


@pytest.fixture
def sources(monkeypatch, tmp_path):
    """`sources(kept=..., published=...)` says what each source of wheels has; the others have nothing."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def give(**given):
        for name in SOURCES:

            def source(file, pyodide, name=name):
                if given.get(name) is None:
                    raise OSError("unreachable")
                return given[name]

            monkeypatch.setitem(wheels.SOURCES, name, source)

    return give


def package(data):
    return {"file_name": "some-1.0.whl", "sha256": hashlib.sha256(data).hexdigest()}


# What is let in


@pytest.mark.parametrize("source", SOURCES)
def test_a_wheel_that_is_not_the_lock_s_is_refused_wherever_it_comes_from(source, sources, tmp_path):
    sources(**{source: archive(a__py="import evil")})

    with pytest.raises(cache.MissingError, match=f"some-1.0.whl cannot be had .*{source}: refused, its sha256 is"):
        wheels.wheel(package(archive(a__py="import good")), tmp_path)


def test_a_wheel_that_spoiled_in_the_cache_is_replaced(sources, tmp_path):
    good = archive(a__py="import good")
    sources(kept=good[:-1], mirrored=good)

    assert wheels.wheel(package(good), tmp_path).read("a.py") == b"import good"
    assert (cache.shared() / "pyodide" / "some-1.0.whl").read_bytes() == good


def test_a_planted_file_in_the_user_s_cache_is_refused(monkeypatch, tmp_path):
    """The one test that looks into the real cache's place, not at a stand-in for it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for name in ("published", "mirrored"):
        monkeypatch.setitem(wheels.SOURCES, name, wheels.SOURCES["kept"])
    planted = cache.shared() / "pyodide" / "some-1.0.whl"
    planted.parent.mkdir(parents=True)
    planted.write_bytes(archive(a__py="import evil"))

    with pytest.raises(cache.MissingError, match="refused"):
        wheels.wheel(package(archive(a__py="import good")), tmp_path)


def test_what_no_source_has_is_named_in_one_line(sources, tmp_path):
    sources()

    with pytest.raises(cache.MissingError) as error:
        wheels.wheel(package(b""), tmp_path)
    assert str(error.value) == "some-1.0.whl cannot be had (kept: OSError; published: OSError; mirrored: OSError)"


@pytest.mark.parametrize(("required", "level"), [("", logging.INFO), ("required", logging.ERROR)])
def test_without_the_runtime_the_explorables_are_there(required, level, monkeypatch, caplog, tmp_path):
    """A strict build fails on what is logged above information: in CI only."""
    monkeypatch.setenv("SHALLOWNET_LIVE", required)
    bundled = {"explore-A.js": b"", "chunk-B.js": b""}
    monkeypatch.setattr(live, "packages", lambda: tmp_path)
    monkeypatch.setattr(live, "_bundle", lambda *_: (bundled, {"explore.js": "explore-A.js"}))
    monkeypatch.setattr(live, "_compiled", lambda *_: b"")

    def build(modules, kept):
        raise cache.MissingError("numpy.whl cannot be had")

    monkeypatch.setattr(runtime, "build", build)
    with caplog.at_level(logging.INFO, logger="mkdocs.plugins.book"):
        files = live.build(tmp_path)

    assert bundled.keys() < files.keys()
    (manifest,) = [name for name in files if name.startswith("manifest-")]
    # All that there is: what is listed nowhere would be kept nowhere when the book is published anew.
    assert {*json.loads(files[manifest]).values(), manifest} == files.keys()
    assert not [name for name in files if name.startswith(runtime.FOLDER)]
    assert [(record.levelno, record.message) for record in caplog.records] == [
        (level, "the book is built without its live cells: numpy.whl cannot be had")
    ]


# What is made


def test_the_scripts_pass_their_own_checks(modules):
    """Format, lint, types, and the tests under Node: what `python -m _book.browser.check` says."""
    command = [sys.executable, "-m", "_book.browser.check"]
    found = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, cwd=runtime.ROOT)

    assert found.returncode == 0, found.stdout + found.stderr
    assert re.search(r"^\S+ tests [1-9]", found.stdout, re.MULTILINE)


def test_an_archive_depends_on_its_content_alone():
    one = runtime.zipped({"a": b"1", "b/c": b"2"})

    assert runtime.zipped({"b/c": b"2", "a": b"1"}) == one
    assert runtime._gzip(one)[4:8] == bytes(4)  # no time of day
    assert {info.compress_type for info in zipfile.ZipFile(io.BytesIO(one)).infolist()} == {zipfile.ZIP_STORED}


def test_compiling_twice_gives_the_same_bytes(modules):
    trees = {"book": {f"_book/{name}.py": (runtime.BOOK / f"{name}.py").read_bytes() for name in runtime.ENGINE}}

    one, other = (runtime.compiled(modules / "pyodide", trees) for _ in range(2))

    assert one == other
    assert set(one["book"]) == {f"_book/{name}.pyc" for name in runtime.ENGINE}


@pytest.fixture(scope="module")
def built(modules, tmp_path_factory):
    cache = tmp_path_factory.mktemp("cache")
    return cache, runtime.build(modules, cache)


def test_the_second_build_costs_nothing(modules, built, monkeypatch):
    cache, files = built
    monkeypatch.setattr(runtime, "compiled", None)

    assert runtime.build(modules, cache) == files
    assert set(files) == {
        *("python.js", "python.wasm.gz", "python.zip.gz", "numpy.zip.gz"),
        *("book.zip.gz", "matplotlib.zip.gz", "digits.zip.gz"),
    }


def test_the_browser_gets_the_library_of_this_very_commit(built):
    packed = zipfile.ZipFile(io.BytesIO(gzip.decompress(built[1]["book.zip.gz"])))

    names = {name for name in packed.namelist() if name.startswith("shallownet/")}
    assert names == {f"shallownet/{file.stem}.pyc" for file in (runtime.ROOT / "shallownet").glob("*.py")}


def test_nothing_that_is_left_needs_what_was_left_out(modules):
    """Imports at the top of a module, of what a block can reach: the rest is imported when it is asked for."""
    pyodide = modules / "pyodide"
    library = runtime.trimmed(zipfile.ZipFile(pyodide / "python_stdlib.zip"), runtime.STDLIB)
    whole = set(zipfile.ZipFile(pyodide / "python_stdlib.zip").namelist())
    ours = {f"shallownet/{file.name}": file.read_bytes() for file in (runtime.ROOT / "shallownet").glob("*.py")}
    ours |= {f"_book/{name}.py": (runtime.BOOK / f"{name}.py").read_bytes() for name in runtime.ENGINE}
    packages = json.loads((pyodide / "pyodide-lock.json").read_text())["packages"]
    trees = {"numpy": runtime.trimmed(wheels.wheel(packages["numpy"], pyodide), runtime.NUMPY)}
    missing = set()
    for file, source in {**library, **ours, **trees["numpy"]}.items():
        for name in imported(file, source):
            path = name.replace(".", "/")
            dropped = {f"{path}.py", f"{path}/__init__.py"} & whole - set(library)
            missing |= {(file, name) for _ in dropped}

    reached = {(file, name) for file, name in missing if not file.startswith(UNREACHED)}
    assert reached == set()


# Kept for the reader who imports them and finds that they stop there, or only run as a program.
UNREACHED = ("unittest/__main__", "zipfile/__main__", "json/tool")


def imported(file, source):
    """Yield the modules that a module imports whenever it is imported. By its text: its Python is not always ours."""
    for line in source.decode().splitlines() if file.endswith(".py") else ():
        if found := re.match(r"import ([\w., ]+)", line):
            yield from (name.split(" as ")[0].strip() for name in found[1].split(","))
        elif found := re.match(r"from ([\w.]+) import", line):
            yield found[1]


def test_the_digits_are_scikit_learn_s(tmp_path):
    for name, data in runtime.digits().items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    spec = importlib.util.spec_from_file_location("small_datasets", tmp_path / "sklearn" / "datasets.py")
    small = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(small)

    for options in ({}, {"n_class": 3}):
        bunch, expected = small.load_digits(**options), load_digits(**options)
        for name in ("data", "target", "images", "target_names"):
            assert getattr(bunch, name).dtype == expected[name].dtype
            np.testing.assert_array_equal(bunch[name], expected[name])
        X, y = small.load_digits(return_X_y=True, **options)
        np.testing.assert_array_equal(X, expected.data)
        np.testing.assert_array_equal(y, expected.target)
    assert bunch.feature_names == expected.feature_names


# What runs a cell, here in the Python that runs this test


@pytest.fixture(scope="module")
def cell():
    spec = importlib.util.spec_from_file_location("_book.browser.cell", runtime.BOOK / "browser" / "cell.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["_book.browser.cell"] = module
    spec.loader.exec_module(module)
    module.loaded = lambda: set(module.LATER)  # natively, all of it is here
    yield module
    sys.meta_path.remove(module._Finder)
    del sys.modules["_book.browser.cell"]


@pytest.fixture
def run(cell, request):
    def run_(code, output=None, language="python", **more):
        given = {"code": code, "output": output, "language": language, "path": "docs/page.md", "line": 7, **more}
        return json.loads(cell.run(request.node.name, json.dumps(given)))

    yield run_
    cell.forget(request.node.name)


def test_a_cell_is_judged_as_the_tests_judge_it(run):
    assert run("x = 1 / 3\nprint(x)\n", "0.333\n")["state"] == "ok"
    found = run("print(x)\n", "0.334\n")

    assert found["state"] == "differs"
    assert found["output"] == "0.3333333333333333\n"
    assert found["message"] == difference("0.334\n", "0.3333333333333333\n")


def test_what_is_printed_and_not_shown_differs(run):
    assert run("print(1)\n")["message"] == "expected nothing, got '1'"


def test_a_session_goes_on_below_a_difference(run):
    found = run(
        ">>> 1\n2\n>>> int('x')\nTraceback (most recent call last):\nValueError: other\n>>> 3\n3\n", None, "pycon"
    )

    assert found["state"] == "differs"
    assert found["message"] == "expected '2', got '1'"
    assert found["output"] == "1\nValueError: invalid literal for int() with base 10: 'x'\n3\n"


def test_an_edited_block_is_a_session_without_prompts(run):
    assert run("2 + 2\nNone\n'a'\n", "4\n'a'\n", "edited")["state"] == "ok"
    assert run("2 + 3\n", "4\n", "edited")["message"] == "expected '4', got '5'"
    assert run("2 + 3\n", None, "edited")["state"] == "ok"  # nothing to compare it with


def test_cells_are_a_plain_session(run):
    """As in the tests of the page: `_`, `from __future__`, sources, and one statement a prompt."""
    run("from __future__ import annotations\nimport inspect\ndef f(x: missing):\n    return x\n", number=1)
    asked = """
>>> inspect.getsource(f)
'def f(x: missing):\\n    return x\\n'
>>> def g(y: missing):
...     return _ + y
>>> 5
5
>>> g(1)
6
>>> print(inspect.getsource(g))
def g(y: missing):
    return _ + y
"""

    assert run(asked.lstrip("\n"), None, "pycon", line=20, number=2)["message"] is None
    assert run("_\ndef h(z: missing): return z\n", "6\n", "edited", line=40, number=3)["message"] is None
    assert run("_\n", "6\n", "edited", line=40, number=3)["state"] == "ok"  # it runs again: from what it found first
    assert run(">>> 1\n... 2\n2\n", None, "pycon")["message"].startswith("SyntaxError: multiple statements")


def test_a_rounded_zero_keeps_its_sign(run):
    assert run("print(-0.04)\n", "-0.0\n")["state"] == "ok"
    assert run("print(-0.04)\n", "0.0\n")["message"] == "expected '0.0', got '-0.04'"


def test_an_error_shows_the_reader_s_own_lines_and_what_came_before_it(run):
    run("def broken(a):\n    return json.loads(a)\n")
    found = run("import json\nprint('before')\nbroken('{')\n", line=20)

    assert found["state"] == "error"
    assert found["output"] == "before\n"
    assert found["message"].startswith("JSONDecodeError: Expecting property name")
    assert found["line"] == 9  # in `broken`: the last line of the page that it passed
    lines = found["traceback"].splitlines()
    assert [line for line in lines if line.startswith("  File")] == [
        '  File "docs/page.md", line 23, in <module>',
        '  File "docs/page.md", line 9, in broken',
    ]
    assert "    return json.loads(a)" in lines


@pytest.mark.parametrize("code", ["raise SystemExit(2)", "raise KeyboardInterrupt", "x ="])
@pytest.mark.parametrize("language", ["python", "edited"])
def test_nothing_that_a_cell_does_ends_the_worker(code, language, run):
    assert run(code, None, language)["state"] == "error"


def test_a_standalone_block_leaves_nothing_behind(run):
    assert run("alone = 1\n", standalone=True)["state"] == "ok"
    assert run("alone\n", None, "edited")["message"] == "NameError: name 'alone' is not defined"


def test_two_spaces_do_not_see_each_other_s_names(cell, run):
    run("mine = 1\n")
    given = json.dumps({"code": "mine\n", "language": "edited", "path": "docs/other.md"})

    assert json.loads(cell.run("other", given))["message"] == "NameError: name 'mine' is not defined"


def test_a_figure_comes_as_the_page_would_show_it(run):
    run("import matplotlib.pyplot as plt\n")
    found = run("fig, ax = plt.subplots()\nax.plot([1, 2])\nfig.savefig('a.svg')\n", figures={"a.svg": "two points"})

    (figure,) = found["figures"]
    assert figure["name"] == "a.svg"
    assert 'aria-label="two points"' in figure["svg"]
    assert colours.COLOURS["#1f77b4"] in figure["svg"]
    assert run("1\n", None, "edited")["figures"] == []


def test_a_lab_shows_the_last_value_of_a_cell(run, cell):
    given = {"code": "1\n2\n", "language": "python", "output": "2\n", "path": "docs/labs/lab.ipynb", "line": 3}

    assert json.loads(cell.run("lab", json.dumps(given)))["state"] == "ok"


def test_a_check_names_the_assertion_that_fails_and_touches_no_name(cell, run, request):
    run("import numpy as np\nrng = np.random.default_rng(0)\nkept = [1]\n")
    given = {
        "code": "kept.append(2)\nanswer = rng.normal()\n",
        "assertions": ["assert kept == [1, 2]", "assert answer > 9"],
    }

    found = json.loads(cell.check(request.node.name, json.dumps(given)))

    assert (found["state"], found["failed"]) == ("differs", "assert answer > 9")
    assert run("kept\nrng.normal()\n", "[1]\n0.12573022\n", "edited")["state"] == "ok"
    given["assertions"].pop()
    assert json.loads(cell.check(request.node.name, json.dumps(given)))["state"] == "ok"


def test_a_check_of_a_name_that_is_missing_says_so(cell, run, request):
    given = {"code": "pass\n", "assertions": ["assert answer > 0"]}

    found = json.loads(cell.check(request.node.name, json.dumps(given)))

    assert (found["state"], found["failed"]) == ("error", "assert answer > 0")
    assert found["message"] == "NameError: name 'answer' is not defined"


@pytest.mark.parametrize(
    ("code", "needed"),
    [
        ("import matplotlib.pyplot as plt\nimport numpy as np\n", []),
        ("from matplotlib import pyplot\n", []),
        ("import matplotlib.pyplot as plt\nplt.plot([1])\n", ["matplotlib"]),
        (">>> import matplotlib as mpl\n>>> mpl.__version__\n'3'\n", ["matplotlib"]),
        ("from matplotlib.figure import Figure\n", ["matplotlib"]),
        ("def later():\n    from sklearn.datasets import load_digits\n", ["digits"]),
        ("import sklearn.datasets\n", ["digits"]),
        ("plt.plot([1])\n", []),  # a name that nothing stands for
        ("x =", []),
    ],
)
def test_a_block_fetches_what_it_uses_and_not_what_it_only_imports(code, needed, cell, monkeypatch):
    monkeypatch.setattr(cell, "loaded", set)

    assert cell.needs("nowhere", code) == needed
