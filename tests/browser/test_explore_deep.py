"""The explorables of deep networks: their numbers are those of the code they show, and sliders move them."""

import json
import warnings
from functools import partial

import numpy as np
import pytest
from explorables import put, settled
from fixtures import frames
from sklearn.datasets import load_digits

import shallownet as sn

STATES = {
    "saturation": [
        "",
        "scale:0.35,inputs:990",
        "activation:sigmoid,scale:-0.5,inputs:340",
        "scale:-3,inputs:10",
    ],
    "residual": [
        "",
        "factor:own,alpha:1.5,depth:64",  # to 10^32
        "skip:without,norm:batch,depth:64,examples:8",
        "norm:layer,factor:root,depth:5,seed:3",
        "norm:batch,last:zero,depth:33",
        "skip:without,norm:layer,factor:zero,last:zero,depth:1",  # without skips the last two do not count
    ],
    "data-and-width": [
        "",
        "width:4,depth:50",  # in nearly all of them a layer is off
        "shape:funnel,width:100,depth:50,activation:identity",
        "shape:neck,neck:1,depth:1",
        "shape:neck,neck:20,width:10,depth:7",
    ],
    "width": [
        "",
        "rate:-1,steps:8,last:random,activation:relu",
        "optimizer:sgd,steps:1,width:8",
        "optimizer:sgd,rule:tangent,last:random,rate:-1,steps:8,width:0",
        "rule:divided,activation:relu,rate:-4,seed:99",
    ],
    "deep-scaling": [
        "",
        "activation:tanh,scheme:small,depth:50,width:24,examples:16",
        "activation:scaled_tanh,scheme:orthogonal,depth:12,seed:7",
        "activation:sigmoid,scheme:habit,depth:3,width:256",
        "activation:tanh,scheme:own,sigma:3,depth:50,examples:16",  # chaos, in which float32 would drown
        "activation:selu,scheme:lecun,depth:10,width:256,examples:256",
        "activation:leaky_relu,scheme:he,depth:20",
        "activation:identity,scheme:gain,depth:50,width:20",
    ],
    "isometry": [
        "",
        "weights:orthogonal,depth:32,seed:5",
        "activation:relu,depth:32,width:1,seed:2",  # a layer of two units is off: nothing gets through
        "activation:tanh,signal:-1,weights:orthogonal,depth:12,width:5",
        "activation:tanh,signal:0.5,depth:20,width:3",
        "activation:relu,weights:orthogonal,depth:7,width:6,seed:9",
    ],
    "chaos": [
        "",
        "sigma_w:1.3,correlation:-0.9,layer:17",
        "start:lecun,length:0.5",  # no length to rest at
        "start:edge,sigma_b:0.5,length:0",
        "sigma_w:2.8,sigma_b:0,correlation:0.95",  # a correlation of 0, from close to 1
        "start:linear,correlation:0.5,layer:3",
    ],
    "activations": [
        "",
        "activation:gelu,gain:he,layer:10",  # fades
        "activation:silu,sigma_w:3,layer:30",  # grows for ever
        "activation:elu,sigma_w:1.25,sigma_b:0.1",
        "activation:leaky_relu,gain:he,layer:0",
        "activation:softplus,gain:selu,sigma_b:1,layer:30",
        "activation:identity,gain:lecun",
    ],
}
# What may be off however small the value is: a singular value beside larger ones, a correlation on its way to 0.
ABSOLUTE = {"isometry": 1e-9, "chaos": 1e-9, "activations": 1e-12}


@pytest.fixture
def explored(exploring):
    """`explored(name, settings)` is a chapter whose explorable has these settings and is at rest."""

    def open_(name, settings="", **options):
        page = put(exploring(f"chapters/{name}/", **options), settings)
        return page, page.locator(f"[data-explore={name}]")

    return open_


def numbers(host):
    return json.loads(host.get_attribute("data-numbers"))


@pytest.mark.parametrize(("chapter", "settings"), [(c, s) for c, all_ in STATES.items() for s in all_])
def test_the_code_shown_gives_the_numbers_of_the_picture(explored, chapter, settings):
    """In a plain session, from the address on: the draws, the values and the bars."""
    _, host = explored(chapter, settings)
    session = {}

    exec(host.locator("pre code").text_content(), session)

    found = numbers(host)
    assert len(found) >= 5
    for name, value in found.items():
        expected = np.array(session[name])
        assert expected.shape == np.shape(value), name
        if name in ("z", "a", "up_counts", "down_counts"):
            # A value on an edge may round to either side.
            off = abs(expected - np.array(value)).sum(axis=-1).max()
            assert off <= 0.001 * expected.sum(axis=-1).max(), name
        else:
            absolute = 1e-12 if name == "slope" else ABSOLUTE.get(chapter, 0)
            assert np.allclose(value, expected, rtol=1e-6, atol=absolute), name


@pytest.mark.parametrize("chapter", STATES)
def test_every_state_says_what_it_shows(explored, chapter):
    """For those who cannot see it, and no two states alike."""
    said = []
    for settings in STATES[chapter][:3]:
        page, host = explored(chapter, settings)
        said.append(host.locator(".explorable__says").inner_text())
        assert host.locator("svg[role=img]").get_attribute("aria-label")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    assert len(set(said)) == len(said), said
    assert all("NaN" not in text and "undefined" not in text for text in said)


def test_half_a_layer_is_saturated_where_the_chapter_says(explored):
    """Exercise 3.1: at a standard deviation of 3.10."""
    _, host = explored("saturation", "scale:-1,inputs:960")

    found = numbers(host)

    assert abs(found["s"] - 3.10) < 0.05
    assert abs(found["saturated"] - 0.5) < 0.02


def test_orthogonal_layers_keep_the_circle_and_gaussian_ones_reach_the_edge(explored):
    """Section 5.3: a value of 1 each, however deep; and the largest of one wide Gaussian matrix near 2."""
    _, host = explored("isometry", "weights:orthogonal,depth:32")
    whole = numbers(host)
    assert np.allclose(whole["fan"], 1, rtol=0, atol=1e-9)
    assert whole["kept"] == 64

    largest = [numbers(explored("isometry", f"depth:1,seed:{seed}")[1])["longest"] for seed in (0, 20, 40)]

    assert abs(np.mean(largest) / 2 - 1) < 0.05  # one strays by 3 percent


@pytest.mark.parametrize(("sigma_w", "rest", "meet"), [(1.3, 0.607, 1.0), (2.5, 4.079, 0.122)])
def test_staircases_lead_where_the_chapter_says(explored, sigma_w, rest, meet):
    """Section 6.2, from the other end of both."""
    _, host = explored("chaos", f"sigma_w:{sigma_w},length:0.25,correlation:-0.5")

    found = numbers(host)

    assert abs(found["rest"] - rest) < 5e-4
    assert abs(found["meet"] - meet) < 5e-4
    assert abs(found["q"][-1] - rest) < 5e-4
    assert abs(found["edge"] - 1.3956) < 1e-4


@pytest.mark.parametrize(
    ("settings", "rms", "factor"),
    [("activation:tanh,gain:tanh", 0.6513, 1.2098), ("activation:selu,gain:selu", 0.2024, 1.0037)],
)
def test_a_gain_does_what_the_table_of_the_chapter_says(explored, settings, rms, factor):
    """Section 7.1: where activations rest, and what the gradient pays."""
    _, host = explored("activations", settings)
    (rest,), (found,) = numbers(host)["rest"], numbers(host)["factor"]
    w = 5 / 3 if "tanh" in settings else 3 / 4

    assert abs(rest**0.5 / w - rms) < 5e-5
    assert abs(found - factor) < 5e-5


def test_a_press_in_the_plane_is_a_start(explored):
    """And a mouse that is held down moves it; outside the plane neither does anything."""
    page, host = explored("chaos", "start:he")
    box = host.locator(".explorable__drawing").bounding_box()
    before = host.get_attribute("data-numbers")

    page.mouse.click(box["x"] + 0.95 * box["width"], box["y"] + 100)  # a staircase
    frames(page)
    settled(page)
    assert host.get_attribute("data-numbers") == before
    host.get_by_text("order", exact=True).hover()
    page.mouse.down()
    frames(page)
    settled(page)
    order = numbers(host)["chi_1"]
    host.get_by_text("chaos", exact=True).hover()
    page.mouse.up()
    frames(page)
    settled(page)

    assert order < 1 < numbers(host)["chi_1"]
    assert host.locator("[name=start]").input_value() == "own"
    assert "sigma_w:2." in page.url


def test_a_keyboard_deepens_the_network(explored):
    """Arrows on the slider, and the address follows."""
    page, host = explored("deep-scaling", "depth:10")

    host.locator("input[name=depth]").press("ArrowRight")

    frames(page)
    settled(page)
    assert len(numbers(host)["up"]) == 11
    assert "depth:11" in page.url


def test_a_network_too_faint_for_float32_is_measured_once_it_rests(explored):
    """While a slider moves, its last layers count as 0; at rest the numbers are there."""
    _, host = explored("deep-scaling", "activation:tanh,scheme:small,depth:50,width:24,examples:16")

    assert 0 < numbers(host)["up"][-1] < 1e-45


@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
@pytest.mark.parametrize("chapter", STATES)
def test_the_bars_fit_into_the_picture(explored, chapter, phone):
    """Nothing is drawn outside the drawing, whatever the width."""
    page, host = explored(chapter, STATES[chapter][1], phone=phone)
    outside = """all => {
      const box = all[0].closest("svg").getBoundingClientRect()
      const fits = b =>
        b.left > box.left - 2 && b.right < box.right + 2 && b.top > box.top - 2 && b.bottom < box.bottom + 2
      const drawn = all.map(e => [e.outerHTML, e.getBoundingClientRect()])
      return drawn.filter(([, b]) => b.width && !fits(b)).map(([text]) => text) }"""

    assert host.locator("svg.explorable__drawing :is(path, rect, text)").evaluate_all(outside) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize(
    ("activation", "sigma", "depth"),
    [
        *(("tanh", 0.7, 20), ("tanh", 1.0, 20), ("tanh", 1.65, 20), ("tanh", 3.0, 30), ("tanh", 0.7, 5)),
        *(("relu", 0.7, 20), ("relu", 1.4, 20), ("relu", 3.0, 20), ("relu", 1.0, 10)),
    ],
)
def test_the_map_tells_what_learns(explored, activation, sigma, depth):
    """Networks of 64 units on the digits of the chapter, at the best of three rates, on both sides of its line."""
    _, host = explored("deep-scaling", f"activation:{activation},scheme:own,sigma:{sigma},depth:{depth}")
    digits, labels = load_digits(return_X_y=True)
    digits = ((digits - digits.mean()) / digits.std()).T.astype(np.float32)
    targets = np.eye(10, dtype=np.float32)[:, labels]
    g, loss = getattr(sn.activations, activation), sn.losses.softmax_cross_entropy
    scheme = partial(sn.initializers.lecun, gain=sigma)
    sizes, rates = [64] * (depth + 1) + [10], np.array([0.0003, 0.003, 0.03])
    rng = np.random.default_rng(0)
    params = sn.init_params(sizes, scheme, rng, ensemble=(3,), dtype=np.float32)

    settings = {"steps": 200, "activation": g, "loss": loss, "optimizer": "momentum", "batch_size": 64, "rng": rng}
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some rates are too high for some networks
        params, _ = sn.train(params, digits, targets, lr=rates, **settings)
    final = []
    for i in range(3):
        layers = [(W[i], b[i]) for W, b in params]
        diverged = not all(np.isfinite(W).all() for W, _ in layers)
        final.append(np.inf if diverged else float(loss.f(sn.forward(layers, digits, g).A[-1], targets)))

    learned = min(final) < 1.9  # a coin of ten sides has 2.30
    assert learned == numbers(host)["learns"], final


def values(explored, chapter, settings):
    _, host = explored(chapter, settings)
    return numbers(host)


def test_a_stack_of_skips_doubles_block_by_block(explored):
    """Equation 8.2, over seeds; with 1 over the root of L it stays below e, and with a norm it grows by 1 a block."""
    grown = {"": [], "factor:root": [], "norm:layer": []}
    for settings, found in grown.items():
        for seed in range(8):
            stream = values(explored, "residual", f"{settings},seed:{seed}")["stream"]
            found.append(stream[-1] / stream[0])

    plain, scaled, normed = (np.mean(np.log(found)) for found in grown.values())
    assert abs(plain / 16 / np.log(2) - 1) < 0.1
    assert abs(scaled - 16 * np.log(1 + 1 / 16)) < 0.2
    assert abs(normed - np.log(17)) < 0.25


def test_two_zeros_in_a_branch_wait_for_each_other(explored):
    """One alone lets the other's gradient through."""
    both = values(explored, "residual", "factor:zero,last:zero")
    fixup, rezero = values(explored, "residual", "last:zero"), values(explored, "residual", "factor:zero")
    _, host = explored("residual", "factor:zero,last:zero")

    assert not np.any([both[name] for name in ("W1", "W2", "factors")])
    assert "each zero waits for the other" in host.locator(".explorable__says").inner_text()
    assert np.all(np.array(fixup["W2"]) > 0)
    assert np.all(np.array(rezero["factors"]) > 0)
    assert not np.any([fixup["W1"], fixup["factors"], rezero["W1"], rezero["W2"]])


def test_without_skips_controls_that_have_no_meaning_are_gone(explored):
    """And a link that sets them changes nothing."""
    _, host = explored("residual", "skip:without")
    plain = numbers(host)

    assert host.locator("[name=factor]:visible, [name=last]:visible").count() == 0
    assert values(explored, "residual", "skip:without,factor:zero,last:zero") == plain


def test_one_bottleneck_costs_what_nineteen_layers_cost(explored):
    """Exercise 9.2: 64 percent stay near the average, and 37 once one of ten layers of 100 is squeezed to 5."""
    shapes = "depth:10", "depth:10,shape:neck,neck:5", "depth:29"

    shares = [values(explored, "data-and-width", f"width:100,{shape}")["share"] for shape in shapes]

    assert np.allclose(shares, [0.64, 0.37, 0.37], atol=0.06)  # four sampling errors of a thousand networks


def test_layers_that_were_drawn_stay(explored):
    """The generator goes on where it stopped: whatever way the sliders went, the numbers are those of the seed."""
    _, host = explored("data-and-width", "seed:5,width:12,depth:8")
    fresh = numbers(host)

    for settings in ("seed:5,width:12,depth:30", "seed:5,width:12,depth:3", "seed:5,width:12,depth:9,shape:neck"):
        explored("data-and-width", settings)

    assert values(explored, "data-and-width", "seed:5,width:12,depth:8") == fresh


def test_the_coordinate_check_tells_the_standard_start_from_mup(explored):
    """Section 10.4, over seeds: the output runs away with a slope near 1, and is level under muP."""
    slopes = [values(explored, "width", f"seed:{seed}") for seed in range(4)]

    standard = np.mean([found["standard_slopes"] for found in slopes], axis=0)
    ruled = np.mean([found["ruled_slopes"] for found in slopes], axis=0)
    assert np.allclose(standard, [0, 0.5, 1], rtol=0, atol=0.25)
    assert np.all(np.abs(ruled) < 0.2)


def test_steps_play_to_their_end(explored):
    """A layer below an output of zeros waits for one step, and its line is not there before."""
    page, host = explored("width", "steps:1")
    before = host.locator("svg.explorable__drawing text").all_text_contents()

    host.get_by_role("button", name="Play").click()

    settled(page)
    after = host.locator("svg.explorable__drawing text").all_text_contents()
    assert [texts.count("hidden") for texts in (before, after)] == [1, 2]
    assert len(numbers(host)["ruled_logits"]) == 9
    assert "steps:8" in page.url
