"""A sweep is a loop over its cells, whatever cuts it into pieces: chunks, workers, an interruption, a lost machine."""

import multiprocessing
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
import warnings
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import pytest

import shallownet as sn
from shallownet import residual
from shallownet.sweep import Results, sweep

X, Y = sn.datasets.xor(40, np.random.default_rng(0))
GRID = {
    "initializer": [sn.initializers.normal, sn.initializers.truncated_normal],
    "std": [0.1, 1.0],
    "depth": [1, 2],
    "activation": [sn.activations.tanh, sn.activations.relu],
    "seed": range(3),
}


def make(rng, initializer, std, depth, activation):
    """What a reader writes: one network and how to train it. At the top level, so that processes find it."""
    params = sn.init_params([2, *[4] * depth, 1], partial(initializer, std=std), rng)
    return {"params": params, "X": X, "Y": Y, "steps": 20, "lr": 0.5, "activation": activation}


def slow(rng, initializer, std, depth, activation):
    """The same, with time to be interrupted in."""
    time.sleep(0.02)
    return make(rng, initializer, std, depth, activation)


def same(found, expected):
    assert list(found) == list(expected)
    assert list(found.axes) == list(expected.axes)
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array)
    for name, labels in expected.axes.items():
        assert found.axes[name].tolist() == labels.tolist()
    return True


@pytest.fixture(scope="module")
def whole():
    return sweep(make, GRID, keep=[0, 20])


def test_a_sweep_is_a_loop_over_its_cells(whole):
    """Each cell is `sn.train` of what `make` returns, given the child of a child of one seed sequence."""
    assert whole["loss"].shape == (2, 2, 2, 2, 3, 2)
    first = np.random.SeedSequence(0).spawn(2)
    for place in product(*map(range, (2, 2, 2, 2, 3))):
        sequence = first[place[0]]
        for i in place[1:]:
            sequence = sequence.spawn(i + 1)[i] if not sequence.n_children_spawned else children(sequence, i)
        cell = {name: GRID[name][i] for name, i in zip(GRID, place, strict=True) if name != "seed"}
        settings = make(np.random.default_rng(sequence), **cell)
        losses = sn.train(**settings).history["loss"]
        np.testing.assert_allclose(whole["loss"][place], losses[[0, 20]], rtol=1e-12)


def children(sequence, i):
    """The i-th child of a sequence that has spawned before: a fresh copy counts from 0."""
    return np.random.SeedSequence(sequence.entropy, spawn_key=sequence.spawn_key).spawn(i + 1)[i]


def test_no_two_cells_start_alike(whole):
    """Were draws shared, an ensemble would be an anecdote told many times."""
    starts = whole.at(step=0)["loss"].ravel()

    assert len(np.unique(starts)) == starts.size


@pytest.mark.parametrize("chunk", [1, 2, 5, 12, 1000])
def test_chunks_change_nothing(whole, chunk):
    """Bit for bit: how a machine's cache cuts the work is no part of the result."""
    assert same(sweep(make, GRID, keep=[0, 20], chunk=chunk), whole)


@pytest.mark.parametrize("workers", [1, 3])
def test_threads_change_nothing(whole, workers):
    """Whoever finishes first."""
    with ThreadPoolExecutor(workers) as executor:
        assert same(sweep(make, GRID, keep=[0, 20], executor=executor), whole)


def test_processes_change_nothing(whole):
    """What travels is `make` and its arguments, and arrays come back."""
    # Not forked: other tests have left threads here, JAX's among them.
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as executor:
        assert same(sweep(make, GRID, keep=[0, 20], executor=executor, chunk=4), whole)


def test_a_cell_keeps_its_numbers_when_the_grid_grows(whole):
    """More values at the end of an axis must not redraw what is known."""
    grown = sweep(make, GRID | {"std": [0.1, 1.0, 3.0], "seed": range(5)}, keep=[0, 20])

    np.testing.assert_array_equal(grown["loss"][:, :2, :, :, :3], whole["loss"])


def test_seeds_are_numbers_and_not_places():
    """Seeds 3 to 5 are other networks than seeds 0 to 2."""
    six, late = (sweep(make, GRID | {"seed": seeds})["loss"] for seeds in (range(6), range(3, 6)))

    np.testing.assert_array_equal(six[..., 3:], late)
    assert len(np.unique(six)) == six.size


@pytest.mark.parametrize("chunk", [1, 4, None])
def test_data_rates_batches_and_precision_of_a_cell_s_own(chunk):
    """Cells with their own data or rate still share an ensemble; batches are the same for all."""

    def own(rng, lr, width, dtype):
        X, Y = sn.datasets.moons(30, rng)
        params = sn.init_params([2, width, 1], sn.initializers.glorot, rng, dtype=dtype)
        lr = [lr, 0.1] if width == 5 else lr
        return {"params": params, "X": X, "Y": Y, "steps": 6, "lr": lr, "batch_size": 8, "optimizer": "adam"}

    grid = {"lr": [0.01, 0.1], "width": [3, 5], "dtype": [np.float32, np.float64], "seed": range(3)}
    found = sweep(own, grid, chunk=chunk, record={"rms": lambda params, trace: sn.diagnostics.rms(trace.A[1])})

    assert found.axes["dtype"].tolist() == ["float32", "float64"]
    for i, j, k, seed in product(range(2), range(2), range(2), range(3)):
        rng = np.random.default_rng(np.random.SeedSequence(0, spawn_key=(i, j, k, seed)))
        settings = own(rng, grid["lr"][i], grid["width"][j], grid["dtype"][k])
        run = sn.train(**settings, rng=np.random.default_rng(np.random.SeedSequence(0)))
        tolerance = 1e-5 if k == 0 else 1e-12
        np.testing.assert_allclose(found["loss"][i, j, k, seed], run.history["loss"][-1], rtol=tolerance)
    assert found["rms"].shape == (2, 2, 2, 3)


def test_networks_that_are_no_stacks_of_layers_can_be_swept():
    """Residual nets: the model is made once, outside."""
    model = residual.model(residual.layer_norm)

    def make(rng, blocks):
        params = residual.init_residual([2, 6, 1], blocks, sn.initializers.he, rng)
        relu = sn.activations.relu
        return {"params": params, "X": X, "Y": Y, "steps": 5, "lr": 0.1, "activation": relu, "model": model}

    found = sweep(make, {"blocks": [1, 3], "seed": range(4)})

    assert same(sweep(make, {"blocks": [1, 3], "seed": range(4)}, chunk=1), found)
    assert (found["loss"] < 2).all()


def test_labels_find_cells(whole):
    """By what was asked for, and not by counting; a function or its name."""
    part = whole.at(activation=sn.activations.relu, std=1.0, step=20)

    assert list(part.axes) == ["initializer", "depth", "seed"]
    np.testing.assert_array_equal(part["loss"], whole["loss"][:, 1, :, 1, :, 1])
    np.testing.assert_array_equal(whole.at(activation="relu", std=1.0, step=20)["loss"], part["loss"])


def test_anything_can_be_given_a_label():
    """Partials and lists have no name of their own."""
    starts = {"small": partial(sn.initializers.normal, std=0.01), "he": sn.initializers.he}

    def make(rng, start, sizes):
        return {"params": sn.init_params(sizes, start, rng), "X": X, "Y": Y, "steps": 0, "lr": 1}

    found = sweep(make, {"start": starts, "sizes": {"thin": [2, 3, 1], "wide": [2, 30, 1]}})

    assert found.axes["start"].tolist() == ["small", "he"]
    assert found.at(sizes="wide")["loss"].shape == (2,)


def test_columns_are_rows_of_cells(whole):
    """Long form: one row a cell and step, plain Python inside."""
    columns = whole.to_dict()

    assert list(columns) == [*GRID, "step", "loss"]
    assert {len(column) for column in columns.values()} == {whole["loss"].size}
    row = {name: column[-1] for name, column in columns.items()}
    last = {"initializer": "truncated_normal", "std": 1.0, "depth": 2, "activation": "relu", "seed": 2, "step": 20}
    assert row == last | {"loss": float(whole["loss"].ravel()[-1])}
    assert {type(value) for value in row.values()} == {str, float, int}


def test_the_two_lines_for_pandas_do_what_they_say(whole):
    """Read from the docstring that shows them, and run."""
    lines = re.search(r"( +import pandas.*\n.*)\n", Results.to_dict.__doc__)[1]
    names = {"results": whole}
    pytest.importorskip("pandas")

    exec(textwrap.dedent(lines), names)

    medians = names["table"].query("step == 20").groupby("std")["loss"].median()
    assert medians[1.0] == pytest.approx(np.median(whole.at(std=1.0, step=20)["loss"]))


def test_saved_results_come_back(whole, tmp_path):
    """Without pickle: what a stranger sends is data and runs nothing."""
    whole.save(tmp_path / "table.npz")

    assert same(Results.load(tmp_path / "table.npz"), whole)
    with np.load(tmp_path / "table.npz", allow_pickle=False) as stored:
        assert all(stored[name].dtype != object for name in stored.files)
    assert os.listdir(tmp_path) == ["table.npz"]


class PowerCutError(Exception):
    pass


def failing(calls, after):
    """`make`, until it has been called so many times: a power cut, as seen from inside."""

    def make_or_fail(**cell):
        calls.append(cell["rng"].bit_generator.seed_seq.spawn_key)
        if len(calls) > after:
            raise PowerCutError
        return make(**cell)

    return make_or_fail


@pytest.mark.parametrize("after", [48, 49, 60, 77])
def test_an_interrupted_sweep_goes_on_where_it_stopped(whole, tmp_path, after):
    """Nothing is lost: what the file has is not trained again. Nothing is doubled: the table is the same."""
    file, calls, again = tmp_path / "table.npz", [], []

    with pytest.raises(PowerCutError):
        sweep(failing(calls, after), GRID, keep=[0, 20], file=file, chunk=4)
    finished = (after - 48) // 4 * 4
    with np.load(file) as stored:
        assert stored["done"].sum() == finished
    found = sweep(failing(again, 10**6), GRID, keep=[0, 20], file=file, chunk=5)

    assert same(found, whole)
    assert same(Results.load(file), whole)
    # each cell is set up once to plan; then only what was missing, to be trained
    trained = again[48:]
    assert len(trained) == len(set(trained)) == 48 - finished
    assert set(trained).isdisjoint(calls[48 : 48 + finished])


def test_a_finished_file_is_read_and_nothing_is_trained(whole, tmp_path):
    """The second run of a script costs no time."""
    calls = []
    sweep(make, GRID, keep=[0, 20], file=tmp_path / "table.npz")

    assert same(sweep(failing(calls, 48), GRID, keep=[0, 20], file=tmp_path / "table.npz"), whole)


def test_a_killed_process_leaves_a_file_to_go_on_from(whole, tmp_path):
    """SIGKILL asks nobody: what is there must be whole at every moment."""
    file = tmp_path / "table.npz"
    code = "from tests.library import test_sweep as t; t.sweep(t.slow, t.GRID, keep=[0, 20], file={!r}, chunk=2)"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    process = subprocess.Popen([sys.executable, "-c", code.format(str(file))], env=environment)

    deadline = time.monotonic() + 60
    while not file.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
    process.wait()

    with np.load(file) as stored:
        assert 0 < stored["done"].sum() < 48
    assert same(sweep(make, GRID, keep=[0, 20], file=file), whole)


def test_half_a_table_is_not_taken_for_a_whole_one(tmp_path):
    """Zeros where nothing was trained would be believed."""
    with pytest.raises(PowerCutError):
        sweep(failing([], 60), GRID, file=tmp_path / "table.npz", chunk=4)

    with pytest.raises(ValueError, match=r"^load: .*table.npz must be of a finished sweep, got '12 of 48 cells'$"):
        Results.load(tmp_path / "table.npz")


def test_a_lost_worker_of_a_cluster_loses_nothing(whole):
    """A real cluster of two worker processes, one of them killed in the middle."""
    distributed = pytest.importorskip("distributed")
    settings = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with (
        warnings.catch_warnings(),
        distributed.LocalCluster(**settings) as cluster,
        distributed.Client(cluster) as client,
    ):
        warnings.simplefilter("ignore")
        killed = []

        def tick(count):
            if not killed:
                (pid, *_) = client.run(os.getpid).values()
                os.kill(pid, signal.SIGTERM)
                killed.append(pid)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("shallownet.sweep._ticker", lambda progress, done: tick)
            found = sweep(slow, GRID, keep=[0, 20], executor=client.get_executor(), chunk=2)

    assert killed
    assert same(found, whole)


def test_divergence_is_told_once_with_its_number():
    """Of a large grid some cells always diverge: one line for all, and the cells show where."""

    def wild(rng, lr):
        params = sn.init_params([2, 1], sn.initializers.he, rng)
        return {"params": params, "X": 10 * X, "Y": Y, "steps": 300, "lr": lr, "loss": sn.losses.squared_error}

    with pytest.warns(RuntimeWarning) as caught:
        found = sweep(wild, {"lr": [1e-3, 9.0], "seed": range(4)}, chunk=3)

    assert [str(w.message)[:55] for w in caught] == ["sweep: 4 of 8 networks end with a loss that is not fini"]
    assert caught[0].filename == __file__
    assert np.isfinite(found.at(lr=1e-3)["loss"]).all()
    assert not np.isfinite(found.at(lr=9.0)["loss"]).any()


def test_a_progress_bar_counts_networks(capsys):
    """On request only."""
    grid = GRID | {"seed": range(1)}

    sweep(make, grid)
    silence = capsys.readouterr()
    sweep(make, grid, progress=True, chunk=3)

    assert silence.err == ""
    assert "16/16" in capsys.readouterr().err


def returns(**other):
    good = {"params": sn.init_params([2, 1], sn.initializers.he, np.random.default_rng(0)), "X": X, "Y": Y}
    good |= {"steps": 1, "lr": 1.0}
    return lambda rng, **cell: {name: v for name, v in (good | other).items() if v is not None}


OK = returns()
two = returns(params=sn.init_params([2, 1], sn.initializers.he, np.random.default_rng(0), ensemble=2))
BAD = [
    (lambda: sweep("make", {"a": [1]}), TypeError, r"make must be a function, got 'make'"),
    (lambda: sweep(OK, {}), TypeError, r"grid must map names to their values, got {}"),
    (lambda: sweep(OK, [1]), TypeError, r"grid .*got \[1\]"),
    (lambda: sweep(OK, {"rng": [1]}), ValueError, r"grid must have keys other than rng, .*got 'rng'"),
    (lambda: sweep(OK, {"step": [1]}), ValueError, r"grid .*got 'step'"),
    (lambda: sweep(OK, {1: [1]}), ValueError, r"grid .*got 1"),
    (lambda: sweep(OK, {"rms": [1]}, record={"rms": len}), ValueError, r"grid .*got 'rms'"),
    (lambda: sweep(OK, {"a": []}), ValueError, r"a must have values, .*got \[\]"),
    (lambda: sweep(OK, {"a": [1, 1]}), ValueError, r"a must have values, each with a label of its own, got \[1, 1\]"),
    (lambda: sweep(OK, {"a": "abc"}), TypeError, r"a must be a list of values, got 'abc'"),
    (lambda: sweep(OK, {"a": 3}), TypeError, r"a must be a list of values, got 3"),
    (lambda: sweep(OK, {"a": [partial(len)]}), TypeError, r"a must be numbers, strings, functions or .*got \[func"),
    (lambda: sweep(OK, {"seed": [0.5]}), ValueError, r"seed must be integers of at least 0, got \[0.5\]"),
    (lambda: sweep(OK, {"seed": [-1]}), ValueError, r"seed .*got \[-1\]"),
    (lambda: sweep(OK, {"a": [1]}, chunk=0), ValueError, r"chunk must be a positive integer, got 0"),
    (lambda: sweep(OK, {"a": [1]}, keep=5), ValueError, r"keep must be a list of steps, got 5"),
    (lambda: sweep(OK, {"a": [1]}, keep=[]), ValueError, r"keep .*got \[\]"),
    (lambda: sweep(OK, {"a": [1]}, keep=[-1]), ValueError, r"keep .*got \[-1\]"),
    (lambda: sweep(OK, {"a": [1]}, keep=[2]), ValueError, r"keep must be steps of at most 1, got \[2\]"),
    (lambda: sweep(OK, {"a": [1]}, record=len), TypeError, r"record must map names to functions, got <built-in"),
    (lambda: sweep(lambda rng, a: None, {"a": [1]}), TypeError, r"make must return a dict of params, X.*got None"),
    (lambda: sweep(returns(lr=None), {"a": [1]}), TypeError, r"make must return a dict .*got {'params'"),
    (lambda: sweep(returns(rate=2), {"a": [1]}), TypeError, r"make must return a dict .*got {'params'"),
    (lambda: sweep(two, {"a": [1]}), ValueError, r"make must return one network, of matrices, got \[\(2, 1, 2\)"),
    (
        lambda: sweep(OK, {"a": [1, 2, 3]}, record={"r": lambda p, t: 1.0}),
        ValueError,
        r"record 'r' must return numbers, 3 rows for as many networks, got array",
    ),
]


@pytest.mark.parametrize(("call", "kind", "message"), BAD, ids=range(len(BAD)))
def test_bad_input_is_answered_in_one_line(call, kind, message):
    """As everywhere: where, what was wanted, what came."""
    with pytest.raises(kind) as caught:
        call()

    said = str(caught.value)
    assert re.search(f"^sweep: {message}", said), said
    assert "\n" not in said
    assert len(said) < 250


def test_a_record_of_one_shape_in_all_networks():
    """Weights of several widths do not make an array."""
    with pytest.raises(ValueError, match=r"^sweep: record 'W' must have one shape in all networks, got \(\(4, 2\), "):
        sweep(
            lambda rng, width: (
                make(rng, sn.initializers.normal, 1.0, 1, sn.activations.tanh)
                | {"params": sn.init_params([2, width, 1], sn.initializers.he, rng)}
            ),
            {"width": [4, 5]},
            record={"W": lambda params, trace: params[0].W},
        )


def test_files_of_another_kind_are_refused(tmp_path, whole):
    """Neither overwritten nor believed."""
    (tmp_path / "text.npz").write_text("hello")
    np.savez(tmp_path / "other.npz", a=np.ones(3))
    whole.save(tmp_path / "table.npz")

    for name in ("text.npz", "other.npz"):
        with pytest.raises(ValueError, match=rf"^load: file must be one that a sweep has written, got .*{name}$"):
            Results.load(tmp_path / name)
    for changed in (GRID | {"std": [0.1, 2.0]}, {"std": [0.1], **GRID}):
        with pytest.raises(ValueError, match=r"^sweep: file must be of the same grid, record and keep, or new, got"):
            sweep(make, changed, keep=[0, 20], file=tmp_path / "table.npz")
    with pytest.raises(ValueError, match=r"^sweep: file must be of the same grid"):
        sweep(make, GRID, keep=[0, 20], file=tmp_path / "table.npz", record={"x": len})
    assert same(Results.load(tmp_path / "table.npz"), whole)


def test_an_unknown_label_is_told_with_those_there_are(whole):
    """A typing error should not cost a search."""
    with pytest.raises(ValueError, match=r"^at: std must be one of the labels .*'std': \[0.1, 1.0\].*, got 0.2$"):
        whole.at(std=0.2)
    with pytest.raises(ValueError, match=r"^at: width must be one of the labels .*, got 4$"):
        whole.at(width=4)
