"""What "Your network here" shows: its checks agree with chapter 11, its code comes for four libraries, and all fits."""

import ast
import json

import numpy as np
import pytest
from explorables import put, state

PAGE = "explore/network/"
LANGUAGES = ["NumPy", "PyTorch", "JAX", "Keras"]
VERDICTS = """() => [...document.querySelectorAll(".explorable__drawing text")]
    .map(e => e.textContent).filter(text => ["yes", "NO", "?"].includes(text)).join(" ")"""
OUTSIDE = """all => {
    const box = all[0].closest("svg").getBoundingClientRect()
    const within = (from, to, low, high) => from > low - 2 && to < high + 2
    const fits = b => within(b.left, b.right, box.left, box.right) && within(b.top, b.bottom, box.top, box.bottom)
    return all.map(e => [e.outerHTML, e.getBoundingClientRect()]).filter(([, b]) => b.width && !fits(b)).map(([e]) => e)
}"""
# Pairs of words of which one lies on the other.
TOUCHING = """all => {
    const boxes = all.map(e => [e.textContent, e.getBoundingClientRect()])
    const over = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 3 && b.top < a.bottom - 3
    const later = i => boxes.slice(i + 1)
    return boxes.flatMap(([text, a], i) => later(i).filter(([, b]) => over(a, b)).map(([other]) => [text, other]))
}"""


def numbers(page):
    return json.loads(state(page)["numbers"])


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("", "yes yes yes yes yes"),  # He
        ("start:orthogonal,activation:tanh,depth:5", "yes yes yes yes yes"),
        ("start:small", "yes NO yes NO yes"),
        ("start:glorot", "yes NO yes NO yes"),
        ("start:own,sigma:2.8", "yes NO yes NO NO"),  # twice He
        ("start:own,sigma:0", "NO NO NO ? yes"),
        ("start:small,precision:float16,depth:30", "yes NO NO NO yes"),  # nothing is left of the signal
        ("family:residual,branch:zero", "yes yes yes ? yes"),
        ("family:residual,draw:own,sigma:3,blocks:12", "yes NO yes NO NO"),  # it grows tenfold a block
        ("family:pre,embedding:unit,head:tied", "yes yes yes NO NO"),  # a token's logit for itself is the width
    ],
)
def test_the_checks_say_what_the_chapter_says(settings, expected, exploring):
    """The faults of section 11.4 are caught by the checks that catch them there, and sound starts pass."""
    page = put(exploring(PAGE), settings)

    assert page.evaluate(VERDICTS) == expected
    failed = [str(k) for k, verdict in enumerate(expected.split(), 1) if verdict == "NO"]
    said = state(page)["says"].split("It ")[-1]
    assert [k for k in "12345" if k in said.partition(";")[0]] == failed


def test_the_code_comes_in_four_languages(exploring):
    """Each is Python that can be read, and the button copies the one that is shown; by keyboard as well."""
    page = put(exploring(PAGE), "family:post,post:deepnet")
    page.get_by_text("Show the code", exact=True).click()
    seen = {}
    for name in LANGUAGES:
        page.get_by_role("radio", name=name, exact=True).focus()
        page.keyboard.press("Space")
        seen[name] = page.locator(".explorable__code code").text_content()
        page.get_by_role("button", name="Copy", exact=True).click()
        page.wait_for_selector("text=Copied")
        assert page.evaluate("navigator.clipboard.readText()") == seen[name]
        page.wait_for_selector("text=Copied", state="detached")

    assert len(set(seen.values())) == len(LANGUAGES)
    for name, code in seen.items():
        imported = {node.names[0].name for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Import)}
        assert {"NumPy": "shallownet", "PyTorch": "torch", "JAX": "jax", "Keras": "keras"}[name] in imported
    put(page, "family:pre")
    assert page.get_by_role("radio", name="Keras", exact=True).is_checked()
    assert page.locator(".explorable__code code").text_content() not in seen.values()
    page.get_by_role("radio", name="NumPy", exact=True).check()


def test_controls_that_have_no_meaning_are_gone(exploring):
    """A link that sets them changes nothing, either."""
    page = exploring(PAGE)
    plain = numbers(page)
    assert page.locator("[name=blocks]:visible, [name=attention]:visible, [name=norm]:visible").count() == 0

    others = "blocks:2,draw:small,sigma:2,norm:layer,branch:zero,post:zero,attention:one,embedding:unit,head:tied"

    assert numbers(put(page, others)) == plain
    assert "keys" not in plain
    assert "keys" in numbers(put(page, "family:pre"))


def test_what_a_slider_left_does_not_stay(exploring):
    """Draws are kept while sliders move: whatever way they went, the numbers are those of the settings."""
    page, last = exploring(PAGE), "family:convolution,width:96,start:orthogonal,activation:tanh"
    fresh = numbers(put(page, last))

    for settings in (
        "family:pre,width:256,blocks:3",
        f"{last},depth:20",
        f"{last},seed:3",
        "width:256,start:orthogonal",
    ):
        put(page, settings)

    assert numbers(put(page, last)) == fresh


def test_queries_without_a_scale_hear_few_keys(exploring):
    """Section 16.1: with the root they hear about half of all, without a scale next to one; over seeds."""
    heard = {}
    for attention in ("inverse", "root", "one"):
        settings = [f"family:pre,attention:{attention},blocks:1,draw:lecun,seed:{seed}" for seed in range(6)]
        heard[attention] = np.mean([numbers(put(exploring(PAGE), each))["keys"] for each in settings])

    assert heard["inverse"] > 15 > heard["root"] > 6 > 2.5 > heard["one"]


@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
def test_all_fits_into_the_picture(phone, exploring):
    """From the smallest numbers to the largest, nothing is drawn outside, and no word lies on another."""
    page = exploring(PAGE, phone=phone)
    for settings in ("start:small,depth:30", "start:own,sigma:3,depth:30", "family:pre,blocks:12", "family:recurrent"):
        put(page, settings)
        shapes = page.locator("svg.explorable__drawing :is(path, circle, text)")

        assert shapes.evaluate_all(OUTSIDE) == [], settings
        assert page.locator("svg.explorable__drawing text").evaluate_all(TOUCHING) == [], settings
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
