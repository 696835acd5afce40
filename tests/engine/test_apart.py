"""Pages run apart: however a page ends its process, whatever it prints, breaks or touches, its block is named."""

from __future__ import annotations

import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from _book import apart
from _book.apart import Apart, run_page
from _book.page import Page
from _book.run import BookError
from planted import ROOT, Fault, outcome, page, plant, pytest_on


def block(code: str, below: str = "x = 1") -> str:
    """A block, with another above it, so that lines count, and one below it."""
    made = [f"```python\n{textwrap.dedent(each).strip()}\n```\n" for each in ("y = 1", code, below)]
    return "\n".join(made)


TRACEBACK = "Traceback (most recent call last):\n  ...\nValueError: invalid literal for int() with base 10: 'a'\n"
# The opening fence of the second block, which `block` makes of the code under test.
FENCE = "```\n\n```python\n"

FAULTS = {
    # How a process can end.
    "exits": Fault("import os", "with exit code 0", block("import os\nos._exit(0)")),
    "replaced": Fault(
        "import os", "with exit code 0", block("import os, sys\nos.execv(sys.executable, ['python', '-c', ''])")
    ),
    "replaced-for-long": Fault(
        "import os", "made it run something else", block("import os\nos.execvp('sleep', ['sleep', '60'])")
    ),
    "killed": Fault("import os", "by SIGKILL", block("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")),
    "crashes": Fault("import ctypes", "by SIGSEGV", block("import ctypes\nctypes.string_at(0)")),
    "memory": Fault("bytearray", "MemoryError", block("x = bytearray(10**16)")),
    "interrupted": Fault("raise Key", "KeyboardInterrupt", block("raise KeyboardInterrupt")),
    "cut-off": Fault(
        "import os", "cut the page's process off", block("import os, time\nos.closerange(3, 100)\ntime.sleep(60)")
    ),
    "timer-in-time": Fault(
        "import os",
        "with exit code 4",
        block("import os, threading, time\nthreading.Timer(0.1, os._exit, [4]).start()\ntime.sleep(9)"),
    ),
    "timer-for-later": Fault(
        "import os", "a timer still runs", block("import os, threading\nthreading.Timer(60, os._exit, [0]).start()")
    ),
    "exits-when-ended": Fault(
        "x = 1",
        "with exit code 5",
        block(
            """
            import os, threading, time
            def later():
                time.sleep(0.5)
                os._exit(5)
            threading.Thread(target=later).start()
            """
        ),
    ),
    "held-by-another": Fault(
        "import os",
        "with exit code 0",
        block("import os, time\nif not os.fork():\n    os.setsid()\n    time.sleep(3)\nos._exit(0)"),
    ),
    # What is printed anywhere.
    "standard-error": Fault(
        "print(",
        "printed to standard error, which the page does not show: 'no'",
        block("import sys\nprint('no', file=sys.stderr)"),
    ),
    "logging": Fault("logging.warn", "standard error, which", block("import logging\nlogging.warning('no')")),
    "warning-by-hand": Fault(
        "warnings.show",
        "UserWarning: no'",
        block("import warnings\nwarnings.showwarning('no', UserWarning, 'a.py', 1)"),
    ),
    "descriptor-2": Fault("import os", "standard error, which", block("import os\nos.write(2, b'no')")),
    "descriptor-1": Fault(FENCE, "got '4'", block("import os\nn = os.write(1, b'4')")),
    "first-stdout": Fault(FENCE, "got '4'", block("import sys\nn = sys.__stdout__.write('4')")),
    "kept-stdout": Fault("```python\nprint", "got '4'", block("import sys\nx = sys.stdout", "print(4, file=x)")),
    "child": Fault(
        FENCE, "got '4'", block("import subprocess, sys\nn = subprocess.run([sys.executable, '-c', 'print(4)'])")
    ),
    "child-error": Fault(
        "import sub",
        "standard error, which the page does not show: 'no'",
        block("import subprocess, sys\nn = subprocess.run([sys.executable, '-c', 'import os; os.write(2, b\"no\")'])"),
    ),
    "printed-in-c": Fault(FENCE, "got '4'", block("import ctypes\nn = ctypes.CDLL(None).puts(b'4')")),
    "printed-before-raise": Fault(
        ">>> print",
        "expected nothing, got '4'",
        f"```pycon\n>>> print(4) or int('a')\n{TRACEBACK}```\n",
    ),
    "printed-otherwise-before-raise": Fault(
        "\n5\n",
        "expected '5', got '4'",
        f"```pycon\n>>> print(4) or int('a')\n5\n{TRACEBACK}```\n",
    ),
    "printed-when-ended": Fault(
        "```python\nx = 1", "prints when it has ended: 'bye'", block("import atexit\nx = atexit.register(print, 'bye')")
    ),
    # What Python can only report.
    "never-awaited": Fault("f()\n```", "was never awaited", block("async def f():\n    pass\n\nf()")),
    "left-open": Fault("open(", "unclosed file", block("import os\nopen(os.devnull).read()")),
    "fails-when-deleted": Fault(
        "raise Val", "ValueError: no", block("class A:\n    def __del__(self):\n        raise ValueError('no')\n\nA()")
    ),
    "fails-when-ended": Fault(
        "raise Val",
        "ValueError: no",
        block("class A:\n    def __del__(self):\n        raise ValueError('no')\n\na = A()"),
    ),
    "fails-in-a-ring": Fault(
        "raise Val",
        "ValueError: no",
        block("class A:\n    def __del__(self):\n        raise ValueError('no')\n\na = A()\na.a = a\ndel a"),
    ),
    "fails-in-a-thread": Fault(
        "raise Val",
        "ValueError: no (in a thread)",
        block(
            """
            import threading
            def f():
                raise ValueError('no')
            t = threading.Thread(target=f)
            t.start()
            t.join()
            """
        ),
    ),
    # Lines of what does not compile.
    "return": Fault("return 5", "SyntaxError: 'return' outside function", block("x = 1\nreturn 5")),
    "await": Fault("await x", "SyntaxError: 'await' outside", block("x = 1\nawait x")),
    "assert-a-pair": Fault("assert (", "assertion is always true", block('x = 1\nassert (x, "no")')),
    "is-a-number": Fault("assert x is", '"is" with', block("x = 5\nassert x is 5")),
    "unparsable": Fault("x = = 1", "SyntaxError: invalid syntax", block("x = 1\nx = = 1")),
    "bad-escape": Fault(r"'\d'", "invalid escape", block("x = 1\nx = '\\d'")),
    # What a page touches.
    "writes-into-the-library": Fault(
        "path.write",
        "writes outside its folder",
        block(
            """
            import pathlib, shallownet
            path = pathlib.Path(shallownet.__file__).with_name('x.txt')
            path.write_text('x')
            """
        ),
    ),
    "writes-into-the-home": Fault(
        "path.write",
        "writes outside its folder",
        block("import pathlib\npath = pathlib.Path.home() / 'x.txt'\npath.write_text('x')"),
    ),
    "writes-and-says-nothing": Fault(
        "os.mkdir",
        "writes outside its folder",
        block("import os\ntry:\n    os.mkdir('../../x')\nexcept OSError:\n    pass"),
    ),
}

CHANGES = """
    import logging, os, sys, warnings
    import numpy as np
    import shallownet
    np.random.seed(0)
    first = np.random.random()
    np.seterr(all="ignore")
    np.set_printoptions(1)
    os.environ["BOOK_X"] = "x"
    np.allclose = lambda *a, **k: True
    shallownet.forward = None
    sys.path.insert(0, "x")
    logging.disable()
    warnings.simplefilter("ignore")
    """
UNCHANGED = """
    import logging, os, sys
    import numpy as np
    import shallownet
    assert np.geterr()["divide"] == "warn" and np.get_printoptions()["precision"] == 8
    assert "BOOK_X" not in os.environ and sys.path[0] != "x"
    assert not np.allclose(1, 2) and shallownet.forward
    assert logging.getLogger().isEnabledFor(50)
    assert np.random.get_state()[1][0] != 0  # what seed(0) leaves there
    assert __debug__ and os.listdir() == []
    """
SOUND = {
    "a": block(CHANGES),
    "b": block(UNCHANGED),
    "c": block(UNCHANGED),
    "shown": """
        ```python
        import subprocess, sys

        print(1)
        n = subprocess.run([sys.executable, "-c", "print(2)"])
        print(3)
        out = sys.stdout
        ```

        ```output
        1
        2
        3
        ```

        ```pycon
        >>> print(4, file=out)
        4
        >>> print(5) or int("a")
        5
        Traceback (most recent call last):
          ...
        ValueError: invalid literal for int() with base 10: 'a'
        ```
        """,
    "quiet": """
        ```python
        import asyncio, contextlib, io, os, tempfile, threading
        from concurrent.futures import ThreadPoolExecutor
        from pathlib import Path

        async def f():
            return 3

        assert asyncio.run(f()) == 3
        pool = ThreadPoolExecutor(2)
        assert list(pool.map(abs, [-1, -2])) == [1, 2]
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "a").write_text("a")
        Path("b").write_text("b")
        os.remove("b")
        with contextlib.redirect_stderr(io.StringIO()) as heard:
            print("no", file=__import__("sys").stderr)
        assert heard.getvalue() == "no\\n"
        ```

        ```python
        assert list(pool.map(abs, [-3])) == [3]
        thread = threading.Timer(0.01, list)
        thread.start()
        thread.join()
        ```
        """,
}


def said(made: Page) -> list[str]:
    """All that is said of a page that runs to its end."""
    running, found = Apart(made, record=True), []

    def hear(work: Callable[[], object]) -> None:
        try:
            work()
        except BookError as error:
            found.append(str(error))

    for index in range(len(made.runs)):
        hear(lambda index=index: [output.check(made.path) for output in running.run(index)])
    if not found:
        hear(running.finish)
    running.close()
    return found


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_its_blocks_own(name: str) -> None:
    """One line names the block, and nothing above it; what ends a page ends no test."""
    fault = FAULTS[name]
    text = page(fault.body)
    at = text.index(fault.at) + (fault.at.rindex("```python") if fault.at == FENCE else 0)
    line = text.count("\n", 0, at) + 1 + (fault.at[0] == "\n")
    # Where a process ended is known to the block: its fence is named, above the line looked for.
    line -= any(word in fault.says for word in ("exit code", "by SIG", "made it", "cut the", "a timer"))

    first, *below = said(Page.parse(text, "a.md"))

    assert first.startswith(f"a.md:{line}: ")
    assert fault.says in first
    assert all(": not run, because the block at line 12 " in each for each in below), below


@pytest.mark.parametrize("name", SOUND)
def test_what_a_page_may_do_is_no_fault(name: str) -> None:
    """Guards that cry wolf are switched off by the first person in a hurry."""
    assert said(Page.parse(page(SOUND[name]), "a.md")) == []


def test_a_block_that_stands_alone_keeps_its_faults() -> None:
    """What was heard of it is not held against the next."""
    noisy = "import os, sys\nprint('no', file=sys.stderr)\ntry:\n    os.mkdir('../../x')\nfinally:\n    print(4)"
    text = f"```{{.python .standalone}}\n{noisy}\n```\n\n```python\nx = 1\n```\n"

    (only,) = said(Page.parse(text, "a.md"))

    assert only.startswith("a.md:5: PermissionError: the page writes outside its folder: ../../x")


def test_pytest_goes_on_to_its_last_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No page sees what another did, no folder is left, and the closing line says how many failed."""
    pages = {f"docs/{name}.md": page(FAULTS[name].body) for name in ("exits", "killed", "replaced-for-long")}
    pages |= {f"docs/{name}.md": page(body) for name, body in SOUND.items()}
    root = plant(tmp_path, pages)
    (root / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(root / "tmp"))

    lines = pytest_on(root, "docs").stdout.splitlines()

    for name in ("exits", "killed", "replaced-for-long"):
        assert f"docs/{name}.md:17: not run, because the block at line 12 ended the page's process" in lines
    assert re.search(r"^=+ 6 failed, 24 passed in ", lines[-1])
    assert list((root / "tmp").iterdir()) == []


def test_a_page_has_a_limit_of_time(tmp_path: Path) -> None:
    """A page that hangs is named, with the block, and so is what to do if it was meant."""
    root = plant(tmp_path, {"docs/a.md": page(block("while True: pass")), "docs/b.md": page(block("x = 2"))})

    said = pytest_on(root, "docs", "--page-limit", "2").stdout

    assert "docs/a.md:13: still running when the 2 s of its page were over (--page-limit)" in said
    assert "docs/a.md:16: not run, because the block at line 12" in said
    assert "2 failed, 6 passed" in said


def test_the_limit_holds_whatever_the_page_started(tmp_path: Path) -> None:
    """Its children end with it; those that have left its group are not waited for."""
    code = """
        import os, signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if not os.fork():
            time.sleep(60)
        time.sleep(60)
        """
    running = Apart(Page.parse(block(code), tmp_path / "a.md"), limit=1)
    start = time.monotonic()

    with pytest.raises(BookError, match=r"a\.md:10: still running when the 1 s"):
        running.run(1)

    assert time.monotonic() - start < 10


@pytest.mark.parametrize("forks", [True, False], ids=["forked", "spawned"])
def test_a_process_starts_with_and_without_fork(forks: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no fork, each page starts an interpreter, and says the same."""
    monkeypatch.setattr(apart, "FORKS", forks and apart.FORKS)
    drawn = "import matplotlib.pyplot as plt\nplt.plot([0, 1])\nplt.savefig('a.svg')\nprint(4)"
    good = Page.parse(f"```python\n{drawn}\n```\n\n```output\n4\n```\n\n![a a](a.svg)\n", "a.md")

    assert list(run_page(good).figures) == ["a.svg"]
    with pytest.raises(BookError, match=r"a\.md:5: the block ended the page's process, with exit code 3"):
        run_page(Page.parse(block("import os\nos._exit(3)"), "a.md"))
    running = Apart(Page.parse(block("while True: pass"), "a.md"))
    running.run(0)
    running.left = 0.5  # much sooner than the page itself knows
    with pytest.raises(BookError, match=r"a\.md:5: still running"):
        running.run(1)


def test_a_page_ends_with_the_tests_that_asked_for_it(tmp_path: Path) -> None:
    """A run that is killed leaves neither a page that runs for ever nor its folder."""
    code = f"import os, time\nopen({str(tmp_path / 'fifo')!r}).close()\nwhile True: time.sleep(1)"
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "tmp").mkdir()
    script = f"from _book.apart import run_page; from _book.page import Page; run_page(Page.parse({block(code)!r}))"
    path = os.pathsep.join([str(ROOT / "docs"), str(ROOT)])
    environment = os.environ | {"PYTHONPATH": path, "TMPDIR": str(tmp_path / "tmp")}
    with subprocess.Popen([sys.executable, "-c", script], env=environment) as process:
        os.close(os.open(tmp_path / "fifo", os.O_WRONLY))  # once the page reads
        assert list((tmp_path / "tmp").iterdir())

        process.send_signal(signal.SIGKILL)

    until = time.monotonic() + 20
    while list((tmp_path / "tmp").iterdir()) and time.monotonic() < until:
        time.sleep(0.05)
    assert list((tmp_path / "tmp").iterdir()) == []


def test_neither_asserts_nor_warnings_can_be_switched_off() -> None:
    """Or a build under -O would publish a page that is false, and the cache would keep it."""
    pages = [block("assert y == 2"), block("import warnings\nwarnings.warn('no')"), block("assert __debug__")]
    script = f"""
from _book.apart import run_page
from _book.page import Page
from _book.run import BookError

for text in {pages!r}:
    try:
        print(run_page(Page.parse(text, "a.md")))
    except BookError as error:
        print(error)
"""
    path = os.pathsep.join([str(ROOT / "docs"), str(ROOT)])
    environment = os.environ | {"PYTHONPATH": path, "PYTHONOPTIMIZE": "2", "PYTHONWARNINGS": "ignore"}

    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)

    assert done.stdout.splitlines() == [
        "a.md:6: AssertionError at `assert y == 2`",
        "a.md:7: UserWarning: no",
        "Result(figures={}, scores={})",
    ]


# What a program that a page starts does in a copy of the book, {}, and the line and the file that are named for it.
PROGRAMS = {
    "import os, subprocess\nn = subprocess.run(['sh', '-c', 'echo x > {}/shallownet/a.txt'])": (7, "shallownet/a.txt"),
    "import os\nn = 1\nn = os.system('echo x > {}/docs/b.txt')": (8, "docs/b.txt"),
    "import os\nn = os.system('echo >> {}/shallownet/losses.py')": (7, "shallownet/losses.py"),
    "import os\nn = os.system('rm {}/docs/b.txt')": (7, "docs/b.txt"),
    "import os\nif not os.fork():\n    os.execvp('touch', ['touch', '{}/tests/c'])\nn = os.wait()": (7, "tests/c"),
    "import subprocess\np = subprocess.Popen(['sh', '-c', 'sleep 0.5; echo x > {}/docs/d.txt'])": (7, "docs/d.txt"),
    "import os\nn = os.system('echo x > a; rm a; mkdir -p {0}/docs/.cache; echo x > {0}/docs/.cache/a')": None,
}


def test_what_a_program_writes_among_the_books_files_is_caught(tmp_path: Path) -> None:
    """Python tells of no file that another program opens: the folders are looked at before and after."""
    for name in ("docs/_book", "shallownet"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
    (tmp_path / "tests").mkdir()
    pages = [block(code.format(tmp_path), "x = globals().get('p') and p.wait()") for code in PROGRAMS]
    script = f"""
from _book.apart import run_page
from _book.page import Page
from _book.run import BookError

for text in {pages!r}:
    try:
        run_page(Page.parse(text, "a.md"))
        print()
    except BookError as error:
        print(error)
"""
    path = os.pathsep.join([str(tmp_path / "docs"), str(tmp_path)])
    environment = os.environ | {"PYTHONPATH": path}

    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)

    says = "a.md:{}: a program that the page starts writes outside its folder: {}"
    assert done.stdout.splitlines() == [says.format(*named) if named else "" for named in PROGRAMS.values()]


def test_a_page_of_the_next_test_runs_ahead(tmp_path: Path) -> None:
    """One that never gets its turn is no reason to wait, and none to fail."""
    root = plant(tmp_path, {"docs/a.md": page(block("1 / 0")), "docs/b.md": page(block("while True: pass"))})

    assert outcome(root, "docs", "-x") == "1 failed, 2 passed"


def test_the_folder_is_the_pages_own() -> None:
    """It is empty, and the home folder is another one."""
    code = "import os\nprint(os.listdir(), os.listdir(os.path.expanduser('~')), os.path.expanduser('~') == os.getcwd())"

    run_page(Page.parse(f"```python\n{code}\n```\n\n```output\n[] [] False\n```\n", "a.md"))


@pytest.mark.parametrize("name", ["README.md", "docs/chapters/saturation.md", "docs/labs/symmetry.ipynb"])
def test_a_page_can_be_handed_to_another_process(name: str) -> None:
    """So that the build, which draws pages side by side, reads each once."""
    page = Page.read(ROOT / name)
    before = page.runs, page.images, page.exercises, page.marks, page.front

    again = pickle.loads(pickle.dumps(page))

    assert before == (again.runs, again.images, again.exercises, again.marks, again.front)


def test_an_error_can_be_handed_to_another_process() -> None:
    """With its line and its traceback."""
    error = BookError("a.md", 3, "wrong", "detail")

    again = pickle.loads(pickle.dumps(error))

    assert str(again) == str(error) == "a.md:3: wrong"
    assert (again.path, again.line, again.message, again.detail) == ("a.md", 3, "wrong", "detail")
