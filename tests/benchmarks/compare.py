"""Ours against its peers, side by side in one run, as ratios: `python tests/benchmarks/compare.py`.

Needs `pip install -c constraints.txt -e ".[peers]"` and a quiet machine, and takes about ten minutes. Every contestant
takes the same number of steps on the same data from the same start, in float32. In each round all of them run, one
after the other; a ratio pairs two times of one round, and the result is the median of these, with their quartiles.
On one core it is the process's time on the processor that counts, all threads together, which a neighbour disturbs
less; elsewhere it is time on the wall. What is compiled is compiled before, and timed apart. Losses are compared first
(scikit-learn draws its own start).

The result, with machine, versions and date, goes into `tests/benchmarks/results.json`, and from there into two
blocks of `docs/performance.md`; `--page` does only that.
"""

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
import resource
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from pathlib import Path

for library in ("OPENBLAS", "OMP", "MKL"):
    os.environ[f"{library}_NUM_THREADS"] = "1"  # before NumPy starts its threads

import numpy as np  # noqa: E402

import shallownet as sn  # noqa: E402

HERE = Path(__file__).parent
# sizes, examples a step, activation, steps a round, learning rate
WORKLOADS = {
    "a: 2-4-1, m 400": ([2, 4, 1], 400, "tanh", 3000, 0.5),
    "b: 784-128-10, m 64": ([784, 128, 10], 64, "relu", 400, 0.05),
    "b: 784-128-10, m 512": ([784, 128, 10], 512, "relu", 80, 0.05),
    "c: 784-1024-1024-10, m 256": ([784, 1024, 1024, 10], 256, "relu", 8, 0.02),
    "d: 50 x 256, m 256": ([256] * 51 + [10], 256, "tanh", 6, 0.01),
}
COPIES, COPY_STEPS = 1000, 400
FRESH = (1000, 5000, 20000)
WIDTH, SIGMAS, EXAMPLES, SCALE_STEPS = 500, 50, 2, 20
CHUNK = 125  # what `sweep` chooses for these on two workers
SCALES = {"layers": (1, 10, 100, 1000), "copies at once": (100, 1000, 10_000, 100_000)}
SCALES["copies in chunks"] = SCALES["copies at once"]
PAGE = HERE.parents[1] / "docs" / "performance.md"
MARK = "# what compare.py found\n"


def problem(sizes, m):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((sizes[0], m)).astype(np.float32)
    if sizes[-1] == 1:
        Y = (X[:1] * X[1:] > 0).astype(np.float32)
    else:
        Y = np.eye(sizes[-1], dtype=np.float32)[rng.integers(0, sizes[-1], m)].T
    params = sn.init_params(sizes, sn.initializers.glorot, rng, dtype=np.float32)
    return params, X, Y


def loss_of(sizes):
    return sn.losses.binary_cross_entropy if sizes[-1] == 1 else sn.losses.softmax_cross_entropy


# Each contestant is `(params, X, Y, activation, steps, lr) -> run`, and `run()` trains and returns the losses that
# were measured before each update. Whatever a peer needs only once happens before `run`.


def ours(params, X, Y, activation, steps, lr):
    how = {"activation": getattr(sn.activations, activation), "loss": loss_of([W.shape[0] for W, _ in params])}
    return lambda: sn.train(params, X, Y, steps=steps, lr=lr, **how).history["loss"][:steps]


def torch_parts(params, X, Y, activation):
    import torch

    torch.set_num_threads(1)
    layers = []
    for W, b in params:
        linear = torch.nn.Linear(W.shape[1], W.shape[0])
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(W.copy()))
            linear.bias.copy_(torch.from_numpy(b[:, 0].copy()))
        layers += [linear, torch.nn.Tanh() if activation == "tanh" else torch.nn.ReLU()]
    net = torch.nn.Sequential(*layers[:-1])
    loss = torch.nn.BCEWithLogitsLoss() if len(Y) == 1 else torch.nn.CrossEntropyLoss()
    rows = torch.from_numpy(np.ascontiguousarray(X.T)), torch.from_numpy(np.ascontiguousarray(Y.T))
    return torch, net, loss, rows


def torch_eager(params, X, Y, activation, steps, lr, compiled=False):
    torch, net, loss, (x, y) = torch_parts(params, X, Y, activation)
    start = {name: value.clone() for name, value in net.state_dict().items()}
    forward = torch.compile(lambda x, y: loss(net(x), y)) if compiled else lambda x, y: loss(net(x), y)
    sgd = torch.optim.SGD(net.parameters(), lr=lr)

    def run():
        net.load_state_dict(start)
        losses = []
        for _ in range(steps):
            sgd.zero_grad()
            value = forward(x, y)
            losses.append(value.detach())
            value.backward()
            sgd.step()
        return torch.stack(losses).numpy()

    return run


def jax_step(activation, lr, outputs):
    import jax
    import jax.numpy as jnp

    g = jnp.tanh if activation == "tanh" else lambda z: jnp.maximum(z, 0)

    def value(params, X, Y):
        A = X
        for W, b in params[:-1]:
            A = g(W @ A + b)
        W, b = params[-1]
        Z = W @ A + b
        if outputs == 1:
            return (jnp.maximum(Z, 0) - Y * Z + jnp.log1p(jnp.exp(-jnp.abs(Z)))).mean()
        return -(Y * jax.nn.log_softmax(Z, axis=0)).sum(axis=0).mean()

    def step(params, X, Y):
        J, grads = jax.value_and_grad(value)(params, X, Y)
        return jax.tree.map(lambda p, g: p - lr * g, params, grads), J

    return jax, step


def plain(params):
    return [(W.copy(), b.copy()) for W, b in params]


def jax_loop(params, X, Y, activation, steps, lr):
    jax, step = jax_step(activation, lr, len(Y))
    step = jax.jit(step)
    start, X, Y = jax.device_put((plain(params), X, Y))

    def run():
        P, losses = start, []
        for _ in range(steps):
            P, J = step(P, X, Y)
            losses.append(J)
        return np.array(jax.device_get(losses))

    return run


def jax_scan(params, X, Y, activation, steps, lr):
    jax, step = jax_step(activation, lr, len(Y))
    whole = jax.jit(lambda P, X, Y: jax.lax.scan(lambda P, _: step(P, X, Y), P, length=steps))
    start, X, Y = jax.device_put((plain(params), X, Y))
    return lambda: np.asarray(whole(start, X, Y)[1])


def jax_ours(params, X, Y, activation, steps, lr):
    """The clear step of this library, compiled: automatic differentiation has no part in it."""
    import jax

    from shallownet.training import step

    how = {"lr": lr, "activation": getattr(sn.activations, activation), "loss": loss_of([len(b) for _, b in params])}
    scan = partial(jax.lax.scan, length=steps)
    whole = jax.jit(lambda P, X, Y: scan(lambda P, _: step(P, X, Y, **how), P))
    start, X, Y = jax.device_put((plain(params), X, Y))
    start = [type(layer)(*pair) for layer, pair in zip(params, start, strict=True)]
    return lambda: np.asarray(whole(start, X, Y)[1])


def scikit_learn(params, X, Y, activation, steps, lr):
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    hidden = [W.shape[0] for W, _ in params[:-1]]
    rows, y = np.ascontiguousarray(X.T), Y[0].astype(int) if len(Y) == 1 else Y.argmax(axis=0)
    how = {"solver": "sgd", "momentum": 0, "alpha": 0, "batch_size": len(y), "shuffle": False, "tol": 0}
    how |= {"learning_rate_init": lr, "n_iter_no_change": steps + 1, "max_iter": steps, "random_state": 0}

    def run():
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return np.array(MLPClassifier(hidden, activation, **how).fit(rows, y).loss_curve_)

    return run


PEERS = {
    "torch eager": torch_eager,
    "torch.compile": partial(torch_eager, compiled=True),
    "JAX jit step": jax_loop,
    "JAX jit + scan": jax_scan,
    "our step, JAX jit + scan": jax_ours,
    "scikit-learn fit": scikit_learn,
}


def gemm_bound(sizes, m, steps):
    """The matrix products of training and nothing else: no code on this BLAS can be faster."""
    rng = np.random.default_rng(0)
    A = [rng.standard_normal((n, m)).astype(np.float32) for n in sizes]
    W = [rng.standard_normal((n, k)).astype(np.float32) for k, n in pairwise(sizes)]
    dW, D = [np.empty_like(w) for w in W], [np.empty_like(a) for a in A]

    def run():
        for _ in range(steps):
            for l, w in enumerate(W):
                np.matmul(w, A[l], out=D[l + 1])
            for l in reversed(range(len(W))):
                np.matmul(D[l + 1], A[l].T, out=dW[l])
                if l:
                    np.matmul(W[l].T, A[l + 1], out=D[l])

    return run


def copies_ours(steps):
    """As `sweep` does it: chunks that fit a core's cache, all steps of one before the next, a thread a chunk."""
    _, X, Y = problem([2, 4, 1], 400)
    layers = starts()

    def train(first):
        params = [tuple(array[first : first + CHUNK] for array in layer) for layer in layers]
        return sn.train(params, X, Y, steps=steps, lr=0.5).history["loss"][:steps]

    def run():
        with ThreadPoolExecutor(2) as executor:
            return np.concatenate(list(executor.map(train, range(0, COPIES, CHUNK))), axis=1)

    return run


def starts():
    seeds = (np.random.SeedSequence(0, spawn_key=(i,)) for i in range(COPIES))
    nets = [
        sn.init_params([2, 4, 1], sn.initializers.glorot, np.random.default_rng(seed), dtype=np.float32)
        for seed in seeds
    ]
    return [tuple(map(np.stack, zip(*layer, strict=True))) for layer in zip(*nets, strict=True)]


def copies_jax(steps):
    """As a JAX user would write it."""
    _, X, Y = problem([2, 4, 1], 400)
    jax, step = jax_step("tanh", 0.5, 1)
    many = jax.vmap(step, in_axes=(0, None, None))
    whole = jax.jit(lambda P, X, Y: jax.lax.scan(lambda P, _: many(P, X, Y), P, length=steps))
    P, X, Y = jax.device_put((starts(), X, Y))
    return lambda: np.asarray(whole(P, X, Y)[1])


def copies_jax_by_hand(steps, chunk=50):
    """Our own formulas under JAX, in chunks of the size that suits it best: the strongest peer that we know of."""
    import jax
    import jax.numpy as jnp

    _, X, Y = problem([2, 4, 1], 400)
    m = X.shape[1]

    def step(P, X, Y):
        (W1, b1), (W2, b2) = P
        A = jnp.tanh(W1 @ X + b1)
        Z = W2 @ A + b2
        E = jnp.exp(-jnp.abs(Z))
        J = (jnp.maximum(Z, 0) - Y * Z + jnp.log1p(E)).sum(axis=(-2, -1)) / m
        dZ = (jnp.where(Z >= 0, 1, E) / (1 + E) - Y) * (0.5 / m)
        dA = W2.mT * dZ * (1 - A * A)
        new1 = W1 - dA @ X.T, b1 - dA.sum(axis=-1, keepdims=True)
        return [new1, (W2 - dZ @ A.mT, b2 - dZ.sum(axis=-1, keepdims=True))], J

    def chunked(P, X, Y):
        parts = jax.tree.map(lambda p: p.reshape(-1, chunk, *p.shape[1:]), P)
        return jax.lax.map(lambda p: jax.lax.scan(lambda p, _: step(p, X, Y), p, length=steps)[1], parts)

    whole = jax.jit(chunked)
    P, X, Y = jax.device_put((starts(), X, Y))
    return lambda: np.moveaxis(np.asarray(whole(P, X, Y)), 1, 0).reshape(steps, -1)


def rounds(name, runs, count, steps, alike, clock):
    """Warm up, compare losses, then time all contestants in turn; rows of ours / peer."""
    first, once, rows = {}, {}, []
    for peer in list(runs):
        start = time.perf_counter()
        try:
            first[peer] = runs[peer]()
        except Exception as error:  # a peer that cannot run here is reported, and costs no other row
            rows.append({"workload": name, "peer": peer, "failed": f"{type(error).__name__}: {str(error)[:150]}"})
            del runs[peer]
            continue
        once[peer] = time.perf_counter() - start
    for peer in set(alike) & set(first):
        pair = first[peer][:20], first["ours"][:20]
        np.testing.assert_allclose(*pair, rtol=2e-4, atol=2e-5, err_msg=f"{name}, {peer}")
    seconds = {peer: [] for peer in runs}
    for k in range(count):
        for peer in sorted(runs, key=lambda peer: (list(runs).index(peer) + k) % len(runs)):
            start = clock()
            runs[peer]()
            seconds[peer].append(clock() - start)
    mine = np.array(seconds["ours"])
    for peer in (peer for peer in runs if peer != "ours"):
        low, middle, high = np.quantile(mine / np.array(seconds[peer]), [0.25, 0.5, 0.75])
        row = {"workload": name, "peer": peer, "ratio": round(middle, 3), "quartiles": [round(low, 3), round(high, 3)]}
        row |= {"ours_us": round(np.median(mine) / steps * 1e6, 2)}
        row |= {"peer_us": round(np.median(seconds[peer]) / steps * 1e6, 2), "first_run_s": round(once[peer], 2)}
        row |= {"losses": "equal" if peer in alike else "its own start" if peer in PEERS else "none"}
        rows.append(row)
        print(f"{name:30s} ours / {peer:32s} {middle:.3f} ({low:.3f} to {high:.3f})", file=sys.stderr, flush=True)
    return rows


def on_one_core(count, only):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    rows = []
    for name, (sizes, m, activation, steps, lr) in WORKLOADS.items():
        if not name.startswith(only):
            continue
        params, X, Y = problem(sizes, m)
        contestants = {"ours": ours} | PEERS
        runs = {peer: make(params, X, Y, activation, steps, lr) for peer, make in contestants.items()}
        if sizes[0] > 2:
            runs["matrix products alone"] = gemm_bound(sizes, m, steps)
        alike = [peer for peer in PEERS if peer != "scikit-learn fit"]
        rows += rounds(name, runs, count, steps, alike, time.process_time)
    return rows


def on_two_cores(count):
    runs = {"ours": copies_ours, "JAX vmap(grad) + jit + scan": copies_jax}
    runs |= {"our formulas under JAX, in chunks": copies_jax_by_hand}
    name = f"{COPIES} copies of a, two threads"
    made = {peer: make(COPY_STEPS) for peer, make in runs.items()}
    return rounds(name, made, count, COPY_STEPS, [peer for peer in runs if peer != "ours"], time.perf_counter)


def fresh(which, steps):
    """A whole process, as who types a command waits for it: imports, compilation and all."""
    params, X, Y = problem([2, 4, 1], 400)
    {"ours": ours, "JAX jit + scan": jax_scan}[which](params, X, Y, "tanh", steps, 0.5)()


def in_fresh_processes(count):
    rows = []
    for steps in FRESH:
        seconds = {"ours": [], "JAX jit + scan": []}
        for _ in range(count):
            for peer, found in seconds.items():
                start = time.perf_counter()
                subprocess.run([sys.executable, __file__, "--fresh", peer, str(steps)], check=True)
                found.append(time.perf_counter() - start)
        ratios = np.quantile(np.divide(*seconds.values()), [0.25, 0.5, 0.75]).round(3).tolist()
        row = {"workload": f"a, {steps} steps in a fresh process", "peer": "JAX jit + scan", "ratio": ratios[1]}
        row |= {"quartiles": ratios[::2], "ours_us": round(np.median(seconds["ours"]) / steps * 1e6, 2)}
        rows.append(row | {"peer_us": round(np.median(seconds["JAX jit + scan"]) / steps * 1e6, 2)})
        print(row, file=sys.stderr, flush=True)
    return rows


def scale(what, size):
    """Print what one size costs: the process's time, its whole memory, and what its dearest operation alone takes."""
    rng = np.random.default_rng(0)
    if what == "layers":
        X = rng.standard_normal((WIDTH, EXAMPLES))
        G, A = rng.standard_normal((WIDTH, WIDTH)), rng.standard_normal((WIDTH, SIGMAS * EXAMPLES))
        sigmas = np.linspace(0.5, 2.5, SIGMAS)
        run = partial(sn.meanfield.simulate, sn.activations.tanh, sigmas, 0.3, X, size, rng)
        limit = size * least(lambda: G @ A)
    else:
        _, X, Y = problem([2, 4, 1], 400)
        start = partial(sn.init_params, [2, 4, 1], sn.initializers.glorot, dtype=np.float32)
        how = {"X": X, "Y": Y, "steps": SCALE_STEPS, "lr": 0.5}
        chunk = size if what == "copies at once" else min(size, CHUNK)

        def run():
            for _ in range(size // chunk):
                sn.train(start(rng, ensemble=chunk), **how)

        Z = rng.standard_normal((50, 4, 400)).astype(np.float32)
        out = np.empty_like(Z)
        limit = size / 50 * (SCALE_STEPS + 1) * least(lambda: np.tanh(Z, out=out))
    begin = time.process_time()
    run()
    row = {"what": what, "size": size, "seconds": round(time.process_time() - begin, 4), "limit_s": round(limit, 5)}
    print(json.dumps(row | {"memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}))


def least(f, count=30):
    seconds = []
    for _ in range(count):
        begin = time.process_time()
        f()
        seconds.append(time.process_time() - begin)
    return min(seconds)


def at_scale():
    rows = []
    for what, sizes in SCALES.items():
        for size in sizes:
            command = [sys.executable, __file__, "--scale", what, str(size)]
            rows.append(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout))
            print(rows[-1], file=sys.stderr, flush=True)
    return rows


def machine():
    model, flags = platform.processor() or platform.machine(), []
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        flags = " ".join(line for line in lines if line.startswith("flags")).split()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    packages = ("numpy", "torch", "jax", "scikit-learn")
    versions = {name: importlib.metadata.version(name) for name in packages} | {"python": platform.python_version()}
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20
    found = {"machine": model, "cores": os.cpu_count(), "memory_mb": memory, "system": platform.system()}
    found |= {"simd": [name for name in ("avx2", "avx512f") if name in flags], "versions": versions}
    return found | {"date": datetime.date.today().isoformat(), "load": [round(os.getloadavg()[0], 1)]}


def as_block(results):
    """What ran where, what a step took, and the table of ratios: text and data at once."""
    about = results["about"]
    found = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    simd = " and ".join(about["simd"]).upper() or "unknown instructions"
    where = f"{about['machine']}, {about['cores']} cores with {simd}, {about['system']}"
    took = {row["workload"]: row["ours_us"] for row in reversed(done(results))}
    steps = ", ".join(f'"{short(name)}": {took[name]:.0f}' if name in took else "" for name in WORKLOADS)
    return "\n".join(
        [
            f'machine = "{where}, {about["date"]}, load {about["load"][0]} to {about["load"][-1]}"',
            f'versions = "{found}"',
            f"took = {{{steps}}}  # microseconds of ours",
            'ratios = """',
            *by_workload(results, lambda row: f"{row['ratio']:.2f}", 6),
            '"""',
            "",
        ]
    )


def as_spread(results):
    """The quartiles of the same ratios over the rounds."""
    return "\n".join(['quartiles = """', *by_workload(results, between, 10), '"""', ""])


def as_others(results):
    """What is measured once and not of each workload: copies, and fresh processes."""
    lines = [f"{'workload':33s} | {'peer':33s} | ratio | quartiles"]
    for row in done(results):
        if row["workload"] not in WORKLOADS:
            lines.append(f"{row['workload']:33s} | {row['peer']:33s} | {row['ratio']:5.2f} | {between(row)}")
    return "\n".join(['others = """', *lines, '"""', ""])


def done(results):
    """The rows of those that did not fail."""
    return [row for row in results["rows"] if "failed" not in row]


def by_workload(results, cell, width):
    """A line for each peer, a column for each workload."""
    rows = {(row["workload"], row["peer"]): row for row in done(results) if row["workload"] in WORKLOADS}
    lines = [["ours / peer", *map(short, WORKLOADS)]]
    for peer in dict.fromkeys(peer for _, peer in rows):
        found = [rows.get((name, peer)) for name in WORKLOADS]
        lines.append([peer, *(cell(row) if row else "" for row in found)])
    return [" | ".join([f"{first:25s}", *(f"{text:{width}s}" for text in rest)]).rstrip() for first, *rest in lines]


def short(workload):
    """The name of a workload in the table's head: its letter, and how many examples a step."""
    letter, _, rest = workload.partition(":")
    return f"{letter}, {rest.rpartition(' ')[2]}"


def between(row):
    """The quartiles of a ratio."""
    return "{:.2f}-{:.2f}".format(*row["quartiles"])


def as_scales(results):
    """Time and memory against size."""
    lines = [f"memory = {results['about']['memory_mb']}  # MB", 'scales = """']
    lines.append("what             |   size | seconds | limit s | MB")
    for row in results["scale"]:
        cells = [f"{row['what']:16s}", f"{row['size']:6d}", f"{row['seconds']:7.3f}", f"{row['limit_s']:7.4f}"]
        lines.append(" | ".join([*cells, str(row["memory_mb"])]))
    return "\n".join([*lines, '"""', ""])


BLOCKS = {
    MARK: as_block,
    "# what compare.py found of the spread\n": as_spread,
    "# what compare.py found of copies and fresh processes\n": as_others,
    "# what compare.py found of time and memory\n": as_scales,
}


def update(page, results):
    text = page.read_text(encoding="utf-8")
    for mark, block in BLOCKS.items():
        head, rest = text.split(mark)
        indent = head[head.rindex("\n") + 1 :]  # of a block in a fold
        text = head + (mark + textwrap.indent(block(results), indent)) + indent + rest[rest.index("```") :]
    page.write_text(text, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", default="", help="with --part one: workloads that begin so")
    parser.add_argument("--output", type=Path, default=HERE / "results.json")
    parser.add_argument("--page", action="store_true", help="only put what was found before into the page")
    parser.add_argument("--part", choices=["one", "two"])
    parser.add_argument("--fresh", nargs=2)
    parser.add_argument("--scale", nargs=2)
    options = parser.parse_args()
    if options.fresh:
        fresh(options.fresh[0], int(options.fresh[1]))
    elif options.scale:
        scale(options.scale[0], int(options.scale[1]))
    elif options.part:
        part = partial(on_one_core, only=options.only) if options.part == "one" else on_two_cores
        print(json.dumps(part(options.rounds)))
    elif not options.page:
        found, rows = machine(), []
        for part in ("one", "two"):  # in processes of their own: how many threads a library starts is decided once
            command = [sys.executable, __file__, "--part", part, "--rounds", str(options.rounds)]
            rows += json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
        rows += in_fresh_processes(max(3, options.rounds // 3))
        sizes = at_scale()
        found["load"].append(round(os.getloadavg()[0], 1))
        results = {"about": found, "rounds": options.rounds, "rows": rows, "scale": sizes}
        parts = [f'"about": {json.dumps(found)}', f'"rounds": {options.rounds}']
        for name in ("rows", "scale"):
            lines = ",\n".join(f"  {json.dumps(row)}" for row in results[name])
            parts.append(f'"{name}": [\n{lines}\n ]')
        options.output.write_text("{" + ",\n ".join(parts) + "}\n", encoding="utf-8")
    if options.page or not (options.part or options.fresh or options.scale):
        update(PAGE, json.loads(options.output.read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
