"""The runtime in real Chromium: what it computes, and what becomes of it when something fails.

Through the client that the pages use, on a page that shows nothing of it. How fast it starts: test_startup.py.
"""

import gzip
import json

import pytest
import served
from cells import PAGE, asked, client, idle
from cells import payload as cell

RUN = "([space, cell]) => client.python.run(space, cell)"
WASM = "**/runtime/python.wasm-*"


def run(page, code, space="a", **more):
    return page.evaluate(RUN, [space, cell(code, **more)])


def visited(context, server):
    page = context.new_page()
    page.goto(server.url + PAGE)
    return client(page)


@pytest.fixture(scope="module")
def context(browser):
    """One reader for all tests, without the service worker: what was fetched once is in the browser's cache."""
    context = browser.new_context(service_workers="block")
    yield context
    context.close()


@pytest.fixture
def fresh(context, server):
    """A page where nothing is loaded, and the client."""
    page = visited(context, server)
    yield page
    page.close()


@pytest.fixture(scope="module")
def python(context, server):
    """A page where Python runs already."""
    page = visited(context, server)
    page.evaluate("client.python.start()")
    return page


def state(page):
    return page.locator("html").get_attribute("data-runtime")


# What it computes


def test_an_outcome_is_that_of_the_engine(python):
    found = run(python, "x = 1 / 3\nprint(x)\n", language="python", output="0.333\n")
    assert (found["state"], found["output"], found["message"]) == ("ok", "0.3333333333333333\n", None)

    found = run(python, ">>> x\n0.334\n", language="pycon")
    assert (found["state"], found["message"]) == ("differs", "expected '0.334', got '0.3333333333333333'")

    found = run(python, "def f():\n    return 1 / 0\n\nf()\n")
    assert (found["state"], found["line"], found["message"]) == ("error", 2, "ZeroDivisionError: division by zero")
    assert [line for line in found["traceback"].splitlines() if line.startswith("  File")] == [
        '  File "edited block of line 7", line 4, in <module>',
        '  File "edited block of line 7", line 2, in f',
    ]


MATMUL = """
import itertools
import numpy as np

rng = np.random.default_rng(0)
views = {
    "plain": lambda A: A,
    "transposed": lambda A: A.mT.copy().mT,
    "reversed": lambda A: A[..., ::-1, ::-1].copy()[..., ::-1, ::-1],
    "every other": lambda A: np.repeat(np.repeat(A, 2, axis=-1), 3, axis=-2)[..., ::3, ::2],
}
sizes = [(1, 1, 1), (2, 3, 1), (1, 5, 9), (4, 8, 8), (7, 0, 5), (0, 3, 2), (9, 4, 3), (33, 17, 3)]
sizes += [(5, 2050, 12), (24, 24, 16)]
tried = 0
for (m, n, p), dtype, ensemble in itertools.product(sizes, (np.float32, np.float64), ((), (3,), (2, 1))):
    A, B = rng.standard_normal((*ensemble, m, n)).astype(dtype), rng.standard_normal((n, p)).astype(dtype)
    C = np.einsum("...ij,jk->...ik", A.astype(float), B.astype(float))
    for a, b, c in itertools.product(views.values(), repeat=3):
        out = c(np.full((*ensemble, m, p), np.nan, dtype))
        np.matmul(a(A), b(B), out=out)
        assert np.allclose(out, C, rtol=0, atol=n * 4 * np.finfo(dtype).eps), (m, n, p, dtype, ensemble)
        assert out.dtype == dtype
        tried += 1
v = rng.standard_normal(7)
assert np.allclose(v @ np.eye(7), v) and np.allclose(np.eye(7) @ v, v) and abs(v @ v - (v * v).sum()) < 1e-14
assert (np.arange(6).reshape(2, 3) @ np.arange(3)).tolist() == [5, 14]  # integers keep NumPy's own loop
same = rng.standard_normal((9, 9))
apart = same.copy()
assert np.allclose(np.matmul(same, same, out=same), apart @ apart)  # in place
print(tried)
"""


def test_matmul_is_matmul(python):
    """For any strides, sizes and ensembles: the loops that replace NumPy's give its results."""
    found = run(python, MATMUL, space="matmul", language="python", output="3840\n")
    assert (found["output"], found["message"]) == ("3840\n", None)


TANH = """
import math
import numpy as np

rng = np.random.default_rng(0)
tried = 0
for dtype in np.float32, np.float64:
    last = np.finfo(dtype)
    for scale in 1e-300, 1e-40, 1e-9, 1e-4, 0.1, 0.17, 0.18, 0.5, 1, 3, 9, 11, 21, 1e10:
        with np.errstate(under="ignore"):
            x = (scale * rng.standard_normal(999)).astype(dtype)
        t = np.array([math.tanh(v) for v in x.tolist()])
        assert np.all(np.abs(np.tanh(x) - t) <= 3 * last.eps * np.abs(t) + last.smallest_subnormal), (dtype, scale)
        assert np.all(np.signbit(np.tanh(x)) == np.signbit(x))
        tried += 1
    x = rng.standard_normal((13, 24)).astype(dtype)
    t = np.tanh(x)
    assert t.dtype == dtype
    for view in x.T, x[::-1, ::-2], x[:, 5], x[1:, 3:7], np.broadcast_to(x[:1], x.shape):
        assert np.all(np.tanh(view) == np.tanh(view.copy()))
    assert np.all(np.tanh(x, out=x) == t)  # in place
    edges = np.array([0, -0.0, np.inf, -np.inf, np.nan], dtype)
    assert str(np.tanh(edges)) == "[ 0. -0.  1. -1. nan]"
assert np.tanh(1j) == 1j * math.tan(1) and np.tanh(np.float16(0)) == 0  # these keep NumPy's own loop
print(tried)
"""


def test_tanh_is_tanh(python):
    """To three of its last bits, which is NumPy's own promise, and for any strides."""
    found = run(python, TANH, space="tanh", language="python", output="28\n")
    assert (found["output"], found["message"]) == ("28\n", None)


def test_two_spaces_do_not_see_each_other_s_names(python):
    run(python, "mine = 1\n", space="b")

    assert run(python, "mine\n", space="b", output="1\n")["state"] == "ok"
    assert run(python, "mine\n", space="c")["message"] == "NameError: name 'mine' is not defined"
    python.evaluate("client.python.forget('b')")
    assert run(python, "mine\n", space="b")["state"] == "error"


def test_a_check_works_on_a_copy(python):
    run(python, "kept = [1]\n", space="d")
    exercise = {"code": "kept.append(2)\n", "assertions": ["assert kept == [1, 2]", "assert kept == []"]}

    found = python.evaluate("exercise => client.python.check('d', exercise)", exercise)

    assert (found["state"], found["failed"]) == ("differs", "assert kept == []")
    assert run(python, "kept\n", space="d", output="[1]\n")["state"] == "ok"


def test_a_figure_is_drawn_by_the_page_s_own_code(python):
    """A block that only imports Matplotlib does not fetch it."""
    before = loaded(python)
    run(python, "import matplotlib.pyplot as plt\nfrom shallownet import plotting\n", space="e")
    assert loaded(python) == before

    code = "fig, ax = plt.subplots()\nplotting.lines(ax, [0, 1], [[1, 2]], ['a $x^2$'])\nfig.savefig('a.svg')\n"
    found = run(python, code, space="e", language="python", figures={"a.svg": "a line"})

    assert found["message"] is None
    (figure,) = found["figures"]
    assert 'aria-label="a line"' in figure["svg"]
    assert "var(--c0)" in figure["svg"]


def loaded(page):
    """Which archives of the runtime the worker has."""
    code = "import pathlib\nsorted(path.name for path in pathlib.Path('/lib/python3.12/site-packages').iterdir())\n"
    return run(page, code)["output"]


def test_the_digits_are_there(python):
    code = "from sklearn.datasets import load_digits\nX, y = load_digits(return_X_y=True)\nfloat(X.sum()), y.dtype\n"

    assert run(python, code, output="(561718.0, dtype('int64'))\n")["state"] == "ok"


NUMBERS = """
import json
import numpy as np
import shallownet as sn
rng = np.random.default_rng(7)
draws = [rng.normal(size=50), rng.uniform(size=50), rng.standard_exponential(50), rng.gamma(2.5, size=50),
    rng.integers(0, 10**9, size=50, dtype=np.int64), rng.permutation(50)]
x = np.linspace(-9, 9, 200)
A = rng.normal(size=(30, 20))
Q, R = np.linalg.qr(A)
def losses(dtype):
    rng = np.random.default_rng(0)
    X, Y = sn.datasets.xor(200, rng)
    params = sn.init_params([2, 4, 1], sn.initializers.glorot, rng, dtype=dtype)
    return sn.train(params, X.astype(dtype), Y.astype(dtype), steps=2000, lr=0.5).history["loss"]
print(json.dumps({"draws": [d.tolist() for d in draws], "tanh": np.tanh(x).tolist(), "exp": np.exp(x).tolist(),
    "qr": (Q @ R).tolist(), "r": np.abs(R).tolist(), "svd": np.linalg.svd(A)[1].tolist(),
    "double": losses(np.float64).tolist(), "single": losses(np.float32).tolist()}))
"""


def test_numbers_are_those_of_native_numpy(python):
    """Draws to the bit, functions to the last place, 2,000 steps of training to 12 digits, or to 6 in float32."""
    import contextlib
    import io

    import numpy as np

    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(NUMBERS, {"__name__": "numbers"})
    native = json.loads(printed.getvalue())
    found = run(python, NUMBERS, space="numbers")
    assert found["message"] is None
    there = json.loads(found["output"])

    assert there["draws"] == native["draws"]
    for name, tolerance in {"tanh": 5e-16, "exp": 5e-16, "qr": 1e-11, "r": 1e-11, "svd": 1e-11}.items():
        np.testing.assert_allclose(there[name], native[name], rtol=tolerance, atol=1e-15, err_msg=name)
    np.testing.assert_allclose(there["double"], native["double"], rtol=1e-12)
    np.testing.assert_allclose(there["single"], native["single"], rtol=1e-6)


# When something fails


def test_nothing_is_fetched_before_the_first_run(fresh):
    addresses = asked(fresh)
    idle(fresh)

    assert addresses  # the one that `idle` itself asks for
    assert [address for address in addresses if "runtime" in address or "worker" in address] == []
    assert fresh.evaluate("client.python.state") == "off"


def test_a_file_that_does_not_come_is_named_and_can_be_asked_for_again(fresh):
    """One after the other; where one of them could not be asked for again, the last run would fail."""
    for file in ["python.wasm", "python-", "python.zip", "numpy", "book"]:
        pattern = f"**/runtime/{file}*"
        fresh.route(pattern, lambda route: route.abort())

        found = run(fresh, "1 + 1\n")

        assert found["state"] == "failed"
        assert found["message"].startswith(f"runtime/{file.rstrip('-')}")
        assert found["message"].endswith("could not be fetched")
        assert "\n" not in found["message"]
        assert state(fresh) == "failed"
        fresh.unroute(pattern)
    assert run(fresh, "1 + 1\n", output="2\n")["state"] == "ok"  # as Retry does
    assert state(fresh) == "ready"


def test_what_comes_before_the_files_may_fail_too(fresh):
    for pattern, said in [
        ("**/manifest-*", "the list of the runtime's files could not be fetched"),
        ("**/worker-*", "Python's worker could not be fetched or fell over"),
    ]:
        fresh.route(pattern, lambda route: route.abort())

        assert run(fresh, "1\n")["message"] == said
        fresh.unroute(pattern)
    assert run(fresh, "1 + 1\n", output="2\n")["state"] == "ok"


def test_a_file_that_is_gone_is_named(fresh):
    fresh.route(WASM, lambda route: route.fulfill(status=404, body="gone"))

    message = fresh.evaluate("client.python.start().catch(error => error.message)")

    assert message == "runtime/python.wasm.gz could not be fetched: the server says 404"


def test_a_file_that_was_cut_short_is_no_riddle(fresh):
    fresh.route("**/runtime/numpy*", lambda route: route.fulfill(status=200, body=b"\x1f\x8b"))

    found = run(fresh, "1\n")

    assert found["state"] == "failed"
    assert "\n" not in found["message"]


@pytest.mark.parametrize("body", [b"\x1f\x8b", gzip.compress(b"no code")], ids=["cut short", "no code"])
def test_an_interpreter_that_cannot_be_compiled_is_said_and_can_be_asked_for_again(fresh, body):
    """Pyodide itself then waits for ever."""
    fresh.route(WASM, lambda route: route.fulfill(status=200, body=body))

    found = run(fresh, "1\n")

    assert found["state"] == "failed"
    assert found["message"].startswith("Python did not start: ")
    assert "\n" not in found["message"]
    fresh.unroute(WASM)
    assert run(fresh, "1 + 1\n", output="2\n")["state"] == "ok"


def test_what_is_told_while_it_loads(fresh):
    fresh.evaluate("() => { window.told = []; client.python.subscribe(told => window.told.push(told)) }")
    fresh.evaluate("client.python.start()")

    told = fresh.evaluate("told")
    assert told[0]["state"] == "loading"
    assert told[-1]["state"] == "ready"
    assert told[-1]["done"] == told[-1]["total"] > 7e6


# Says that it has begun, as news of what is being loaded.
ENDLESS = """
import js
js.postMessage(js.JSON.parse('{"progress": {"message": "in the loop"}}'))
while True:
    pass
"""


def test_stop_ends_a_loop_and_the_next_run_starts_anew(python):
    run(python, "kept = 1\n")
    python.evaluate(
        """cells => new Promise(begun => {
            const leave = client.python.subscribe(({message}) => message == "in the loop" && (leave(), begun()))
            window.answers = cells.map(cell => client.python.run("a", cell))
        })""",
        [cell(ENDLESS), cell("kept\n")],
    )
    python.evaluate("client.python.stop()")

    assert [answer["state"] for answer in python.evaluate("Promise.all(answers)")] == ["stopped", "stopped"]
    assert run(python, "kept\n")["message"] == "NameError: name 'kept' is not defined"  # all spaces are forgotten
    assert run(python, "1\n", output="1\n")["state"] == "ok"


def test_a_worker_that_runs_out_of_memory_answers_and_the_next_run_works(fresh):
    found = run(fresh, "x = [bytearray(2**28) for _ in range(64)]\n")

    assert found["state"] in ("error", "failed")
    assert run(fresh, "1\n", output="1\n")["state"] == "ok"


def test_one_runtime_for_the_visit(python):
    """The theme may run a script again when it changes pages: what is loaded stays."""
    run(python, "kept = 1\n")
    python.evaluate("window.first = client.python")
    address = python.evaluate(
        "performance.getEntriesByType('resource').map(e => e.name).find(n => /live.python-/.test(n))"
    )
    python.evaluate("async address => { window.again = (await import(address + '?again')).python }", address)

    assert python.evaluate("again === first")


# Without a network


@pytest.fixture(scope="module")
def kept(browser, server):
    """A page of a reader who has run something and keeps it, beside what an older version has kept."""
    context = browser.new_context()
    page = visited(context, server)
    assert run(page, "1\n", output="1\n")["state"] == "ok"
    page.evaluate("async old => (await caches.open('shallownet')).put(old, new Response('old'))", old())
    page.evaluate("client.keep()")
    yield page
    context.close()


def old():
    return served.base() + "assets/live/runtime/numpy.zip-0123456789.gz"


def test_what_an_older_version_kept_goes(kept):
    assert kept.evaluate("async old => !(await caches.match(old))", old())
    assert kept.evaluate("async () => (await (await caches.open('shallownet')).keys()).length") > 8


def test_the_first_visit_can_be_read_and_run_offline(kept):
    kept.context.set_offline(True)
    try:
        kept.reload()
        client(kept)

        assert kept.locator("h1").is_visible()
        assert kept.evaluate("client.isKept()")
        assert run(kept, "import shallownet as sn\n2 + 2\n", output="4\n")["state"] == "ok"
    finally:
        kept.context.set_offline(False)
