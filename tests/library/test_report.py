"""The report: what it must find, and where it must be silent, which is the harder half."""

import json
import os
import re
import subprocess
import sys
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import shallownet as sn
from shallownet import initializers as init
from shallownet.report import ALIKE, DEVIATES, ERRORS, FEW, LINKS, OUTLIER, Report, Row

ROOT = Path(__file__).parents[2]
SIZES = [(300, 200), (200, 200), (200, 200), (200, 100), (100, 20)]


def rng(seed=0):
    return np.random.default_rng(seed)


def mlp(draw, seed=0, sizes=SIZES, **biases):
    """Named as PyTorch names a stack of linear layers."""
    r, state = rng(seed), {}
    for l, (n_in, n_out) in enumerate(sizes):
        state[f"{2 * l}.weight"] = draw((n_out, n_in), r)
        state[f"{2 * l}.bias"] = np.zeros(n_out)
    return state


def swap(state, name, array):
    return {**state, name: array}


def cnn(seed=0, mode="fan_in", fc=init.lecun):
    r = rng(seed)
    shapes = [(32, 1, 5, 5), (64, 32, 3, 3), (64, 64, 3, 3), (128, 64, 3, 3)]
    state = {f"conv{i}.weight": init.he(s, r, fans=init.fans(s, "oikk"), mode=mode) for i, s in enumerate(shapes)}
    return {**state, "bn.weight": np.ones(128), "bn.running_var": np.ones(128), "fc.weight": fc((10, 2048), r)}


def gpt(seed=0, d=96, blocks=4, scaled=True, words=0.02, separate=False):
    """GPT-2's start: 0.02 everywhere, and what writes to the stream divided by the root of its branches."""
    r = rng(seed)
    small = 0.02 / np.sqrt(2 * blocks) if scaled else 0.02
    state = {"wte.weight": words * r.standard_normal((500, d)), "wpe.weight": 0.02 * r.standard_normal((64, d))}
    for l in range(blocks):
        reads = {"q": d, "k": d, "v": d} if separate else {"c_attn": 3 * d}
        for name, n in reads.items():
            state[f"h.{l}.attn.{name}.weight"] = 0.02 * r.standard_normal((n, d))
        state[f"h.{l}.attn.c_proj.weight"] = small * r.standard_normal((d, d))
        state[f"h.{l}.mlp.c_fc.weight"] = 0.02 * r.standard_normal((4 * d, d))
        state[f"h.{l}.mlp.c_proj.weight"] = small * r.standard_normal((d, 4 * d))
        state[f"h.{l}.ln.weight"] = np.ones(d)
    return {**state, "lm_head.weight": state["wte.weight"]}


def pytorch(shape, r):
    return init.uniform(shape, r, limit=shape[-1] ** -0.5)


def keras(seed=0):
    r, state = rng(seed), {}
    for l, (n_in, n_out) in enumerate(SIZES):
        state[f"dense_{l}"] = {"kernel": init.glorot((n_in, n_out), r, distribution="uniform"), "bias": np.zeros(n_out)}
    return state


def lstm(seed=0):
    r, h = rng(seed), 64
    rows = [(4 * h, 32), (4 * h, h), (4 * h, h), (4 * h, h)]
    names = ["weight_ih_l0", "weight_hh_l0", "weight_ih_l1", "weight_hh_l1"]
    state = {f"lstm.{n}": init.uniform(s, r, limit=h**-0.5) for n, s in zip(names, rows, strict=True)}
    return {"emb.weight": r.standard_normal((200, 32)), **state, "out.weight": pytorch((200, h), r)}


def lsuv(seed=0):
    r = rng(seed)
    params = sn.init_params([64, 80, 80, 80, 10], init.zeros, r)
    return init.lsuv(params, 16 * r.random((64, 200)), sn.activations.relu, r)


def siren(seed=0):
    def draw(shape, r):
        n = shape[-1]
        return init.uniform(shape, r, limit=1 / n if n == 30 else (6 / n) ** 0.5 / 30)

    return mlp(draw, seed, [(30, 200), (200, 200), (200, 200), (200, 3)])


def mup(seed=0):
    roles = ["input", "hidden", "hidden", "output"]
    draws = [partial(init.mup, role=role) for role in roles]
    return sn.init_params([300, 200, 200, 200, 10], draws, rng(seed))


def policy(seed=0):
    r, state = rng(seed), {}
    for head, last in (("actor", 0.01), ("critic", 1.0)):
        for l, (n_in, n_out, g) in enumerate([(17, 64, 2**0.5), (64, 64, 2**0.5), (64, 6, last)]):
            state[f"{head}.{2 * l}.weight"] = init.orthogonal((n_out, n_in), r, gain=g)
    return state


def delta(seed=0):
    shapes = [(32, 16, 3, 3), (64, 32, 3, 3), (64, 64, 3, 3), (64, 64, 3, 3)]
    r = rng(seed)
    return {f"conv{i}.weight": init.delta_orthogonal(s, r) for i, s in enumerate(shapes)}


def residual(seed=0, blocks=8):
    """Each branch's last layer smaller by the root of the number of branches."""
    r, state = rng(seed), {}
    for l in range(blocks):
        state[f"blocks.{l}.first.weight"] = init.he((64, 64), r)
        state[f"blocks.{l}.second.weight"] = init.he((64, 64), r) / blocks
    return {**state, "head.weight": init.lecun((10, 64), r)}


def flax_transformer(seed=0):
    r = rng(seed)
    state = {"embed": {"embedding": init.lecun((300, 96), r)}}
    for l in range(2):
        kernels = {n: init.lecun((96, 4, 24), r, fans=(96, 96)) for n in ("query", "key", "value")}
        out = {"kernel": init.lecun((4, 24, 96), r, fans=(96, 96))}
        mlp = {"up": init.lecun((96, 384), r, fans=(96, 384)), "down": init.lecun((384, 96), r, fans=(384, 96))}
        state[f"block_{l}"] = {
            "attention": {**{n: {"kernel": k} for n, k in kernels.items()}, "out": out},
            "mlp": {n: {"kernel": k} for n, k in mlp.items()},
        }
    return state


def experts(seed=0):
    r = rng(seed)
    return {f"experts_{i}": {"kernel": init.lecun((8, 64, 96), r, fans=(64, 96))} for i in range(3)}


def half(state, dtype):
    return {name: array.astype(np.float32).astype(dtype) for name, array in state.items()}


DISTRIBUTIONS = ["normal", "uniform", "truncated_normal"]


def vision_transformer(seed=0):
    """0.02 everywhere, truncated, and no table of words: its norms come first, and nobody scales its projections."""
    r, draw, state = rng(seed), partial(init.truncated_normal, std=0.02), {}
    for l in range(3):
        for name, shape in {"attn.qkv": (288, 96), "attn.proj": (96, 96), "fc1": (384, 96), "fc2": (96, 384)}.items():
            state[f"blocks.{l}.{name}.weight"] = draw(shape, r)
    return {"pos_embed": draw((1, 50, 96), r), "cls_token": np.zeros((1, 1, 96)), **state}


SOUND = {
    "vision transformer": vision_transformer,
    **{
        f"{scheme.__name__} {d}": partial(mlp, partial(scheme, distribution=d))
        for scheme in (init.lecun, init.glorot, init.he)
        for d in DISTRIBUTIONS
    },
    "he by fan-out": partial(mlp, partial(init.he, mode="fan_out")),
    "orthogonal": partial(mlp, init.orthogonal),
    "orthogonal, gain": partial(mlp, partial(init.orthogonal, gain=1.4)),
    "std 0.01": partial(mlp, partial(init.normal, std=0.01)),
    "sparse": partial(mlp, partial(init.sparse, sparsity=0.9, std=1.0)),
    "pytorch": partial(mlp, pytorch),
    "pytorch of one input": partial(mlp, pytorch, sizes=[(1, 400), (400, 400), (400, 1)]),
    "keras": keras,
    "lstm": lstm,
    "identity": lambda seed: swap(mlp(init.he, seed), "rnn.weight_hh", np.eye(100)),
    "lsuv": lsuv,
    "sine units": siren,
    "mup": mup,
    "a small policy head": policy,
    "delta-orthogonal": delta,
    "convolutions": cnn,
    "convolutions by fan-out": partial(cnn, mode="fan_out"),
    "vgg": partial(cnn, mode="fan_out", fc=partial(init.normal, std=0.01)),
    "residual": residual,
    "gpt-2": gpt,
    "gpt-2 with separate matrices": partial(gpt, separate=True, blocks=12, d=48),
    "flax transformer": flax_transformer,
    "experts": experts,
    "an ensemble": lambda seed: sn.init_params([20, 50, 50, 50, 3], init.he, rng(seed), ensemble=(30,)),
    "few units": lambda seed: sn.init_params([2, 4, 1], init.glorot, rng(seed)),
    "float16": lambda seed: half(mlp(init.he, seed), np.float16),
    "masks and counters": lambda seed: {
        **mlp(init.he, seed),
        "mask": np.where(np.tri(32) > 0, 0, -np.inf),
        "steps": np.array(0),
        "keep": np.ones((32, 32), bool),
    },
}


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_start_is_silent(name):
    """A report that cries wolf is not read: every scheme of the book and of the frameworks, in four draws."""
    for seed in range(4):
        found = sn.report(SOUND[name](seed)).problems

        assert found == [], (name, seed)


def uninitialised(shape, seed):
    """Memory as it is found: mostly zeros, some of it anything."""
    W = np.zeros(shape, np.float32)
    W.flat[rng(seed).choice(W.size, W.size // 9)] = rng(seed).standard_normal(W.size // 9) * 1e-12
    W.flat[::777] = 1e30
    return W


def bfloat16_truncated(seed):
    """PyTorch's trunc_normal_ until 2026, of uniform numbers with 512 values, of which the lowest is exactly -1."""
    Z = 0.02 * rng(seed).standard_normal((400, 400))
    Z[rng(seed).random(Z.shape) < 1 / 512] = -2
    return Z


def tied(W, count=2):
    W = W.copy()
    W[-count:] = W[0]
    return W


def depthwise(read, seed):
    """A depthwise kernel among others, with the variance of what an initializer reads."""
    state = {"a.weight": init.he((64, 32, 1, 1), rng(seed), fans=(32, 64))}
    return {**state, "b.weight": init.glorot((64, 1, 3, 3), rng(seed + 1), fans=read)}


GROUPED = {"*": {"layout": "oikk", "groups": 8}}
# name: parameters, what else the report is handed, which parameter and which words the first problem has
BROKEN = {
    "a layer that was left at its default": (
        lambda seed: swap(mlp(init.he, seed), "4.weight", pytorch((200, 200), rng(seed + 9))),
        {},
        r"^4.weight: its std is 0\.4",
    ),
    "a layer ten times too large": (
        lambda seed: swap(mlp(init.glorot, seed), "6.weight", 10 * init.glorot((100, 200), rng(seed + 9))),
        {},
        r"^6.weight: its std is 10 times",
    ),
    "a last layer ten times too large": (
        lambda seed: swap(mlp(init.he, seed), "8.weight", 10 * init.he((20, 100), rng(seed + 9))),
        {},
        r"^8.weight: its std is",
    ),
    "a first layer drawn with std 1": (
        lambda seed: swap(mlp(init.lecun, seed), "0.weight", rng(seed + 9).standard_normal((200, 300))),
        {},
        r"^0.weight: its std is 17 times",
    ),
    "gpt-2's projections, unscaled": (
        partial(gpt, scaled=False),
        {},
        r"c_proj.weight.*divides what writes to the stream by the root of its 8 branches, 2\.83",
    ),
    "gpt-2's look-up at pytorch's default": (partial(gpt, words=1.0), {}, r"^wte.weight: its std is 1 where"),
    "NaN": (lambda seed: swap(mlp(init.he, seed), "2.bias", np.full(200, np.nan)), {}, r"^2.bias: 200 of 200 .*NaN"),
    "infinity in one entry": (
        lambda seed: swap(mlp(init.he, seed), "2.weight", np.where(np.eye(200) * np.tri(200, k=0)[0], np.inf, 0.1)),
        {},
        r"^2.weight: 1 of 40000 entries are NaN or infinite",
    ),
    "memory that nobody initialised": (
        lambda seed: swap(mlp(init.he, seed), "2.weight", uninitialised((200, 200), seed)),
        {},
        r"^2.weight: an entry of size 1e\+30",
    ),
    "a huge bias": (
        lambda seed: swap(mlp(init.he, seed), "2.bias", np.full(200, 3e7)),
        {},
        r"^2.bias: an entry of size",
    ),
    "bfloat16's artefact": (
        lambda seed: swap(mlp(init.he, seed), "2.weight", bfloat16_truncated(seed)),
        {},
        r"^2.weight: \d+ of 160000 entries are up to 1\d\d times as large as the median: a draw in half precision",
    ),
    "rand in place of randn": (
        lambda seed: swap(mlp(init.he, seed), "2.weight", rng(seed).random((200, 200)) * 0.1),
        {},
        r"^2.weight: its mean is 0\.0(5|49|50)",
    ),
    "two layers from one seed": (
        lambda seed: swap(s := mlp(init.he, seed), "4.weight", s["2.weight"].copy()),
        {},
        r"^2.weight, 4.weight: equal to each other",
    ),
    "one key for kernels of two shapes": (
        lambda seed: swap(s := mlp(init.he, seed), "6.weight", 1.5 * s["0.weight"].reshape(100, 600)),
        {},
        r"^0.weight, 6.weight: a multiple",
    ),
    "one seed for each layer, whatever its shape": (
        lambda seed: {f"{l}.weight": init.he((n, 40 + l), rng(seed)) for l, n in enumerate((60, 50, 60))},
        {},
        r"^0.weight, 1.weight, 2.weight: begin with the same numbers",
    ),
    "a stack of layers from one key": (
        lambda seed: {"blocks/kernel": np.stack([init.lecun((40, 40), rng(seed))] * 3)},
        {},
        r"^blocks/kernel: its 3 slices along the first axis are equal",
    ),
    "every copy of a layer alike": (
        lambda seed: {f"layers.{l}.weight": init.he((40, 40), rng(seed)) for l in range(6)},
        {},
        r"^layers.0.weight, layers.1.weight, layers.2.weight and 3 more: equal",
    ),
    "two units tied": (
        lambda seed: swap(s := mlp(init.he, seed), "2.weight", tied(s["2.weight"])),
        {},
        r"^2.weight: 3 of its 200 units equal another one",
    ),
    "two units tied up to rounding": (
        lambda seed: swap(s := mlp(init.he, seed), "2.weight", tied(s["2.weight"]) * (1 + 1e-9 * rng().random(200))),
        {},
        r"^2.weight: 3 of its 200 units",
    ),
    "all units tied": (
        lambda seed: swap(mlp(init.he, seed), "2.weight", np.tile(rng(seed).standard_normal(200) * 0.1, (200, 1))),
        {},
        r"^2.weight: 200 of its 200 units",
    ),
    "units tied in keras": (
        lambda seed: swap(keras(seed), "dense_1", {"kernel": tied(init.glorot((200, 200), rng(seed))).T}),
        {},
        r"^dense_1/kernel: 3 of its 200 units",
    ),
    "filters tied": (
        lambda seed: swap(s := cnn(seed), "conv1.weight", tied(s["conv1.weight"])),
        {},
        r"^conv1.weight: 3 of its 64 units",
    ),
    "units tied in one network of an ensemble": (
        lambda seed: [(np.stack([init.he((9, 9), rng(seed)), tied(init.he((9, 9), rng(seed + 1)))]), np.zeros((9, 1)))],
        {},
        r"^1/W: 3 of its 9 units",
    ),
    "experts that are copies": (
        lambda seed: {"experts/kernel": np.stack([init.lecun((64, 32), rng(seed))] * 4)},
        {},
        r"^experts/kernel: 128 of its 128 units",
    ),
    "a constant weight": (
        lambda seed: swap(mlp(init.he, seed), "2.weight", np.full((200, 200), 0.05)),
        {},
        r"^2.weight: all its entries are 0.05, so its units are tied",
    ),
    "zeros in the middle": (
        lambda seed: swap(mlp(init.he, seed), "2.weight", np.zeros((200, 200))),
        {},
        r"^2.weight: all its entries are 0, so its units are tied",
    ),
    "packed queries, keys and values": (
        lambda seed: {"attn.in_proj_weight": init.glorot((288, 96), rng(seed), distribution="uniform")},
        {},
        r"in_proj_weight: its variance is Glorot's of fans \(96, 288\); packed .* 96 and 96 each",
    ),
    "a kernel of attention, read as a convolution's": (
        lambda seed: {"attention/query/kernel": init.glorot((96, 4, 24), rng(seed), fans=(96 * 4, 96 * 24))},
        {},
        r"query/kernel: its variance is Glorot's of fans \(384, 2304\); one output hears 96",
    ),
    "the way out of attention, read as a convolution's": (
        lambda seed: {"attention/out/kernel": init.lecun((4, 24, 96), rng(seed), fans=(4 * 24, 4 * 96), gain=1)},
        {"layouts": {"*": "ioo"}},
        r"out/kernel: its variance is LeCun's of fans \(96, 384\); one output hears 4 ",
    ),
    "a grouped kernel by the fan-out of all groups": (
        lambda seed: {"conv.weight": init.he((64, 8, 3, 3), rng(seed), fans=(72, 576), mode="fan_out")},
        {"layouts": GROUPED},
        r"^conv.weight: its variance is He's by fan-out of fans \(72, 576\); one output hears 72 .* 72 outputs",
    ),
    "glorot's for a grouped kernel": (
        lambda seed: {"conv.weight": init.glorot((64, 8, 3, 3), rng(seed), fans=(72, 576))},
        {"layouts": GROUPED},
        r"^conv.weight: its variance is Glorot's of fans \(72, 576\)",
    ),
    "a depthwise kernel by glorot's": (
        partial(depthwise, (9, 576)),
        {},
        r"^b.weight: its variance is Glorot's of fans \(9, 576\); one output hears 9",
    ),
    "a transposed kernel, read as if it were not": (
        lambda seed: {"up.weight": init.he((64, 96, 3, 3), rng(seed), fans=(864, 576))},
        {"layouts": {"up*": "iokk"}},
        r"^up.weight: its variance is He's of fans \(864, 576\); one output hears 576",
    ),
    "a transposed kernel that forgets its stride": (
        lambda seed: {"up.weight": init.he((64, 128, 4, 4), rng(seed), fans=(2048, 1024))},
        {"layouts": {"up*": {"layout": "iokk", "stride": 2}}},
        r"^up.weight: its variance is He's of fans \(2048, 1024\); one output hears 256",
    ),
    "experts whose number is taken for a fan": (
        lambda seed: {"moe/kernel": init.lecun((8, 64, 96), rng(seed), fans=(8 * 64, 8 * 96))},
        {},
        r"^moe/kernel: its variance is LeCun's of fans \(512, 768\); one output hears 64",
    ),
    "a look-up divided by its vocabulary": (
        lambda seed: {"embed.weight": init.lecun((500, 60), rng(seed), fans=(500, 60))},
        {},
        r"^embed.weight: its variance is LeCun's of fans \(500, 60\); a look-up has one active input",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_start_is_found(name):
    """In three draws each; the line names the parameter first, and the section last."""
    make, handed, expected = BROKEN[name]
    for seed in range(3):
        found = sn.report(make(seed), **handed).problems

        assert any(re.search(expected, line) for line in found), (seed, found)
        assert len(found) == 1, found
        assert re.search(r"; see [\w/-]+\.md#[\w-]+$", found[0])


def slug(heading):
    return re.sub(r"[\s]+", "-", re.sub(r"[^\w\s-]", "", heading.replace("`", "")).strip().lower())


@pytest.mark.parametrize("kind", LINKS)
def test_the_sections_that_explain_are_there(kind):
    """A problem without its explanation is half an answer."""
    page, anchor = LINKS[kind].split("#")
    headings = re.findall(r"^#+ (.+)$", (ROOT / "docs" / page).read_text("utf-8"), flags=re.M)

    assert anchor in [slug(heading) for heading in headings]


def deep(g, gain, seed=0, depth=20, ensemble=()):
    r = rng(seed)
    params = sn.init_params([50, *[100] * depth, 10], partial(init.lecun, gain=gain), r, ensemble=ensemble)
    X = r.standard_normal((50, 40))
    trace = sn.forward(params, X, g)
    return params, trace, sn.backward(params, trace, r.standard_normal((10, 40)) / 40, g)


relu, tanh = sn.activations.relu, sn.activations.tanh


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("g", "gain", "depth"), [(relu, 2**0.5, 20), (tanh, 1.0, 20), (tanh, 5 / 3, 10), (relu, 0.577, 4)]
)
def test_signals_of_sound_networks_are_silent(g, gain, depth, seed):
    """He's thirty layers, Glorot's and PyTorch's tanh, and PyTorch's default in the few layers where it does."""
    params, trace, grads = deep(g, gain, seed, depth)

    assert sn.report(params, activations=trace, grads=grads).problems == []


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("g", "gain", "signal", "gradient"),
    [
        (relu, 0.577, r"^A\[\d+\]: its signal has vanished", r"^1/W: gradients vanish|^.*gradients"),
        (relu, 3.0, r"^A\[\d+\]: its signal has exploded", r"gradients"),
    ],
)
def test_signals_that_fade_or_grow_are_found(g, gain, signal, gradient, seed):
    """PyTorch's default in twenty layers of ReLU, and weights twice too large."""
    _, trace, _ = deep(g, gain, seed)

    found = sn.report({"fc.weight": np.ones((1, 1))}, activations=trace).problems

    assert len(found) == 1
    assert re.search(signal, found[0])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("gain", "word"), [(0.3, "vanish"), (4.0, "explode")])
def test_gradients_that_vanish_or_explode_are_found(gain, word, seed):
    """Sigmoid-like slopes: of tanh with weights too small all gradients but the last layers' are lost."""
    params, _, grads = deep(tanh if gain < 1 else sn.activations.identity, gain, seed)
    if gain > 1:
        grads = [g._replace(W=g.W * 4.0 ** (2 * (len(grads) - l))) for l, g in enumerate(grads)]

    (found,) = sn.report(params, grads=grads).problems

    assert f"gradients {word} on their way down" in found


def test_saturated_and_dead_layers_are_found():
    """Tanh with weights of std 1, a sigmoid likewise, and ReLU with a bias that nobody gets over."""
    r = rng()
    Z = 10 * r.standard_normal((40, 100))
    layers = {
        "ok": np.tanh(Z / 20),
        "tanh": np.tanh(Z),
        "sigmoid": 1 / (1 + np.exp(-Z)),
        "relu": np.maximum(Z - 100, 0),
        "half": np.maximum(np.tile(Z[:1], (40, 1)), 0),
    }

    found = sn.report({"fc.weight": np.ones((1, 1))}, activations=layers).problems

    assert [line.split(":")[0] for line in found] == ["tanh", "sigmoid", "relu"]
    assert re.search(r"8\d% of its activations are beyond 0.97", found[0])
    assert "100% of its units are 0 for all examples" in found[2]


@pytest.mark.parametrize("seed", range(3))
def test_a_signal_that_is_the_same_for_all_examples_is_found(seed):
    """PyTorch's default with its biases: they keep the size up, and what is left of the inputs is lost."""
    r = rng(seed)
    params = sn.init_params([64] * 32, lambda shape, r, dtype: pytorch(shape, r), r)
    params = [layer._replace(b=init.uniform(layer.b.shape, r, limit=1 / 8)) for layer in params]
    trace = sn.forward(params, r.standard_normal((64, 40)), relu)

    (found,) = sn.report(params, activations=trace).problems

    assert re.search(
        r"^A\[\d+\]: its activations are the same for all examples, but for 0.00(1|0\d+) of their size", found
    )
    table = {"wpe": np.tile(r.standard_normal((1, 7, 9)), (5, 1, 1))}  # of positions, the same for all by its nature
    assert sn.report(params, activations=table).problems == []


def test_a_branch_that_starts_at_zero_is_not_dead():
    """Zero gamma, zero projections: nothing comes out, by intention."""
    silent = {"branch": np.zeros((20, 30)), "stream": rng().standard_normal((20, 30))}
    params = {"conv.weight": init.he((40, 30), rng()), "bn.weight": np.zeros(40), "bn.bias": np.zeros(40)}

    assert sn.report(params, activations=silent).problems == []
    assert "0 for all examples" in sn.report({**params, "bn.weight": np.ones(40)}, activations=silent).problems[0]


def test_a_softmax_and_pixels_are_not_saturated():
    """Shares of a thousand classes lie near 0 by nature, and black pixels are black."""
    r = rng()
    shares = r.dirichlet(np.ones(1000), size=20)
    pixels = (r.random((20, 784)) > 0.8).astype(float)

    assert sn.report({"fc.weight": np.ones((1, 1))}, activations={"x": pixels, "p": shares}).problems == []


def test_no_gradient_is_a_problem_and_zero_branches_are_not():
    """LoRA's B, Fixup's last layers: zeros, and behind them nothing arrives in the first step."""
    r = rng()
    A, B, W = init.he((4, 50), r), np.zeros((50, 4)), init.he((50, 50), r)
    params = {"A.weight": A, "B.weight": B, "W.weight": W}
    slopes = {"A.weight": 0 * A, "B.weight": r.standard_normal(B.shape), "W.weight": r.standard_normal(W.shape)}
    both = {**slopes, "B.weight": 0 * B}

    assert sn.report(params, grads=slopes).problems == []
    assert sn.report(params).problems[0].startswith("B.weight: all its entries are 0")
    assert (
        sn.report({**params, "A.weight": 0 * A}, grads=both).problems[0].startswith("A.weight: all its entries are 0")
    )
    dead = sn.report({**params, "B.weight": r.random(B.shape) - 0.5}, grads=both).problems
    assert [line.split(":")[0] for line in dead] == ["A.weight", "B.weight"]
    assert "its gradient is 0" in dead[0]
    (lost,) = sn.report(params, grads={**slopes, "W.weight": np.full(W.shape, np.nan)}).problems
    assert lost.startswith("W.weight: its gradient has NaN")


RARE = (np.arange(1000) < 10).astype(int)
TEN = np.arange(1000) % 10


@pytest.mark.parametrize(
    ("loss", "targets", "honest"),
    [
        (np.log(2), RARE, 0.056),
        (np.log(2), RARE[None].astype(float), 0.056),
        (np.log(2), np.stack([RARE, 1 - RARE]), 0.056),
        (np.log(2), np.stack([RARE, 1 - RARE], axis=1), 0.056),
        (np.log(2), (np.arange(1000) < 100), 0.3251),
        (4.6, TEN, 2.303),
        (110.0, rng().integers(0, 30000, 60000), 10.0),
        (693.1, np.eye(1000)[rng().integers(0, 1000, 3000)][:, :999], 7.7),
        (1250.7, 50 + rng().standard_normal(200), 0.9),
        (np.inf, TEN, ""),
    ],
)
def test_a_dishonest_first_loss_is_found(loss, targets, honest):
    """Rare positives, a vocabulary under logits of std 14, a thousand sigmoids at zero, numbers around 50."""
    (found,) = sn.report({"w": np.ones((1, 1))}, loss=loss, targets=targets).problems

    assert found.startswith("loss: the first loss is")
    assert str(honest) in found


@pytest.mark.parametrize(
    ("loss", "targets"),
    [
        (np.log(10), TEN),
        (np.log(10) + 1, TEN),
        (0.056, RARE),
        (0.1, RARE),
        (1.1, RARE[:20]),
        (10.98, rng().integers(0, 50257, 10**6)),
        (0.52, 50 + rng().standard_normal(200)),
        (np.log(2) + 0.25, np.arange(200) % 2),
        (3.0, None),
    ],
)
def test_an_honest_first_loss_is_silent(loss, targets):
    """Also that of He's last layer, whose logits have a variance of 2."""
    if targets is not None and len(targets) == 20:
        targets = np.arange(20) % 2
    assert sn.report({"w": np.ones((1, 1))}, loss=loss, targets=targets).problems == []


@pytest.mark.parametrize("seed", range(20))
def test_first_losses_of_sound_networks_are_honest(seed):
    """He everywhere, the last layer too, ten classes and two."""
    r = rng(seed)
    for classes in (2, 10):
        params = sn.init_params([50, 100, 100, classes], init.he, r)
        labels = r.integers(0, classes, 200)
        loss = sn.losses.softmax_cross_entropy.f(sn.forward(params, r.standard_normal((50, 200)), relu).A[-1], labels)

        assert sn.report(params, loss=loss, targets=labels).problems == []


@pytest.mark.parametrize(
    ("name", "scheme"),
    [
        ("lecun normal", "LeCun, normal"),
        ("he uniform", "He, uniform"),
        ("glorot truncated_normal", "Glorot, truncated normal"),
        ("pytorch", "PyTorch's default, uniform"),
        ("std 0.01", "std 0.01, normal"),
        ("orthogonal", "orthogonal"),
        ("orthogonal, gain", "orthogonal, gain 1.4"),
        ("sparse", "sparse, 90% zeros"),
        ("he by fan-out", "He by fan-out, normal"),
        ("delta-orthogonal", "delta-orthogonal"),
    ],
)
def test_the_nearest_scheme_is_the_one_that_was_drawn(name, scheme):
    """Of layers that are not square, where two schemes would be one."""
    for seed in range(4):
        row = sn.report(SOUND[name](seed)).rows[0]

        assert row.scheme == scheme, seed


def test_a_row_says_what_the_parameter_is():
    """Shape, layout, fans, moments: the record of the contract."""
    W = init.he((64, 32, 3, 3), rng(), fans=(288, 576), dtype=np.float32)

    (row,) = sn.report({"net": {"conv": {"weight": W}}}, layouts={"net/*": "oikk"}).rows
    (guess,) = sn.report({"conv.weight": W}).rows

    assert isinstance(row, Row)
    assert row[:5] == ("net/conv/weight", (64, 32, 3, 3), "oikk", 288, 576)
    assert row.mean == W.mean(dtype=float)
    assert row.std == pytest.approx(W.std(dtype=float), rel=1e-12)
    assert row.n_var == pytest.approx(288 * W.var(dtype=float), rel=1e-12)
    assert (row.scheme, row.dtype, row.guessed, guess.guessed) == ("He, normal", "float32", False, True)


def test_a_report_is_a_table_and_ready_for_json():
    """Read by people, kept by programs; a guess is marked as one."""
    state = {**mlp(init.he), "2.bias": np.full(200, np.nan)}

    found = sn.report(state)
    text, data = str(found), json.loads(json.dumps(found.to_dict(), allow_nan=False))

    assert isinstance(found, Report)
    assert text.splitlines()[0].split()[:3] == ["name", "shape", "layout"]
    assert re.search(r"^0.weight +200 x 300 +oi\? +300, 200 +\S+ +0.08\d* ", text, flags=re.M)
    assert "? a guess from name and shape" in text
    assert text.endswith(f"1 problem:\n{found.problems[0]}")
    assert str(sn.report(mlp(init.he))).endswith("no problems")
    assert [row["name"] for row in data["rows"]] == list(state)
    assert data["rows"][3]["mean"] is None
    assert data["problems"] == found.problems


@pytest.mark.parametrize(
    ("name", "shape", "layout"),
    [
        ("fc.weight", (9, 8), "oi"),
        ("conv.weight", (9, 8, 3), "oik"),
        ("conv.weight", (9, 8, 3, 3), "oikk"),
        ("conv.weight", (9, 8, 3, 3, 3), "oikkk"),
        ("dense/kernel", (8, 9), "io"),
        ("conv/kernel", (3, 8, 9), "kio"),
        ("conv/kernel", (3, 3, 8, 9), "kkio"),
        ("depthwise_conv2d/kernel", (3, 3, 8, 1), "kkno"),
        ("conv_dw_1/kernel", (3, 3, 8, 1), "kkno"),
        ("conv2d_transpose/kernel", (3, 3, 8, 9), "kkoi"),
        ("ConvTranspose_0/kernel", (3, 3, 8, 9), "kkio"),
        ("deconv.weight", (8, 9, 3, 3), "iokk"),
        ("blocks.0.attn.proj.weight", (9, 8), "oi"),
        ("pos_embed", (1, 7, 8), "no"),
        ("attn/query/kernel", (24, 4, 6), "ioo"),
        ("attn/out/kernel", (4, 6, 24), "iio"),
        ("experts/kernel", (8, 9, 7), "nio"),
        ("experts.weight", (8, 9, 7), "noi"),
        ("embed/embedding", (50, 8), "no"),
        ("tok_emb.weight", (50, 8), "no"),
        ("lstm.weight_ih_l0", (32, 8), "oi"),
        ("W", (5, 9, 8), "oi"),
        ("norm.weight", (9,), ""),
        ("attn/query/bias", (4, 6), ""),
        ("layer_scale", (9, 1, 1), ""),
    ],
)
def test_layouts_are_guessed_from_names_and_axes(name, shape, layout):
    """What is no weight has no layout."""
    (row,) = sn.report({name: rng().standard_normal(shape)}).rows

    assert row.layout == layout
    assert row.guessed == bool(layout)


def test_memory_that_is_shared_is_no_second_draw():
    """A head tied to its look-up, one module used twice, a file that holds both."""
    state, W = gpt(), init.he((90, 90), rng())

    assert sn.report({"a.weight": W, "b.weight": W}).problems == []
    assert len(sn.report({"a.weight": W, "b.weight": W.copy()}).problems) == 1
    assert sn.report({**state, "lm_head.weight": state["wte.weight"].copy()}).problems == []


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: sn.report({}), ValueError, r"params must hold at least one array, got \{\}"),
        (lambda: sn.report("model.pt"), TypeError, r"parameters must be arrays by name, got 'model.pt'"),
        (lambda: sn.report({"a": {"b": "c"}}), TypeError, r"arrays by name, got 'c' as 'a/b'"),
        (
            lambda: sn.report({"a": np.ones((3, 3)) * 1j}),
            TypeError,
            r"a must hold real numbers, got dtype\('complex128",
        ),
        (lambda: sn.report({"a": np.ones((3, 3))}, layouts={"b": "oi"}), ValueError, r"layouts must fit .*got 'b'"),
        (lambda: sn.report({"a": np.ones((3, 3))}, layouts={"a": 3}), ValueError, r"layouts\['a'\] must be a layout"),
        (
            lambda: sn.report({"a": np.ones((3, 3))}, layouts={"a": "xy"}),
            ValueError,
            r"layout must be made of .*got 'xy'",
        ),
        (
            lambda: sn.report({"a": np.ones((3, 3))}, layouts={"a": "oikk"}),
            ValueError,
            r"shape must .*'oikk', got \(3, 3\)",
        ),
        (
            lambda: sn.report({"a": np.ones((3, 3))}, layouts={"a": {"groups": 2}}),
            ValueError,
            r"layouts\['a'\] must be",
        ),
        (
            lambda: sn.report({"a": np.ones((3, 3))}, layouts={"a": {"layout": 3}}),
            ValueError,
            r"layouts\['a'\] must be",
        ),
        (lambda: sn.report({"a": np.ones((3, 3))}, layouts="oi"), TypeError, r"layouts must map names .*got 'oi'"),
        (lambda: sn.report({"a": np.ones((3, 3))}, loss="low"), TypeError, r"loss must be a number, got 'low'"),
        (
            lambda: sn.report({"a": np.ones((3, 3))}, loss=1.0, targets=[]),
            ValueError,
            r"targets must be finite.*got \[\]",
        ),
        (lambda: sn.report({"a": np.ones((3, 3))}, grads={"b": np.ones(3)}), ValueError, r"grads must .*got \['b'\]"),
    ],
)
def test_bad_input_is_answered_in_one_line(call, kind, message):
    """Which function, what was expected, what arrived."""
    with pytest.raises(kind) as caught:
        call()

    assert re.match(r"report: ", str(caught.value))
    assert re.search(message, str(caught.value))
    assert "\n" not in str(caught.value)


def run(*arguments, cwd):
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "shallownet", *arguments], cwd=cwd, env=env, capture_output=True, text=True
    )


@pytest.mark.parametrize("suffix", ["npz", "safetensors"])
def test_a_file_is_reported_and_problems_are_an_exit_code(suffix, tmp_path):
    """For a script that is to stop before an hour of training is lost."""
    save = np.savez
    if suffix == "safetensors":
        from safetensors.numpy import save_file

        def save(path, **arrays):
            save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, path)

    sound = mlp(init.he)
    save(tmp_path / f"sound.{suffix}", **sound)
    save(tmp_path / f"broken.{suffix}", **swap(sound, "2.weight", np.full((200, 200), 0.1)))

    good, bad = (run(f"{name}.{suffix}", cwd=tmp_path) for name in ("sound", "broken"))

    assert (good.returncode, bad.returncode) == (0, 1), good.stderr
    assert good.stdout.endswith("no problems\n")
    assert "2.weight: all its entries are 0.1" in bad.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["no.npz"],
        ["a", "b"],
        ["--help"],
        ["model.pt"],
        ["text.npz"],
        ["zip.npz"],
        ["text.safetensors"],
        ["pickled.npz"],
    ],
)
def test_what_is_no_file_of_arrays_is_told_in_one_line(arguments, tmp_path):
    """Exit code 2, and no traceback."""
    for name in ("text.npz", "text.safetensors"):
        (tmp_path / name).write_text("no arrays")
    (tmp_path / "zip.npz").write_bytes(b"PK\x03\x04 and no more")
    np.savez(tmp_path / "pickled.npz", a=np.array([None, {}], dtype=object))

    found = run(*arguments, cwd=tmp_path)

    assert found.returncode == 2
    assert len(found.stderr.splitlines()) == 1
    assert found.stdout == ""


def test_the_thresholds_follow_from_the_sampling_error():
    """The constants' comments, computed."""
    from scipy import stats

    error = np.sqrt(2 / FEW)
    medians = OUTLIER * stats.norm.ppf(0.75)

    assert ERRORS * error < 0.36  # of the variance, of the fewest entries
    assert 1 + ERRORS * error / 2 < ALIKE
    assert (1.5**0.5) < ALIKE < DEVIATES
    assert 2.21 < DEVIATES < 6**0.5
    assert 1e9 * 2 * stats.norm.sf(medians) < 1e-10


def test_the_inputs_stay_as_they_were():
    """A report looks."""
    state = mlp(init.he)
    kept = {name: array.copy() for name, array in state.items()}
    for array in state.values():
        array.flags.writeable = False

    sn.report(state, grads=state, loss=1.0, targets=[0, 1])

    assert all(np.array_equal(state[name], kept[name]) for name in state)
    assert list(pairwise(state)) == list(pairwise(kept))
