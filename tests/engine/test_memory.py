"""What a page holds in the browser for the sake of cells that run again, and what it lets go."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from _book.browser import cell

SPACE = "/page/"
ROOM = 4 * cell.PAST // 5  # of two such arrays, the past has room for one


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Leave no names behind."""
    yield
    cell.forget(SPACE)


def run(number: int, code: str) -> dict[str, Any]:
    """Run a cell as the worker does."""
    given = {"code": code, "language": "edited", "number": number, "name": f"block {number}"}
    outcome = json.loads(cell.run(SPACE, json.dumps(given)))
    assert outcome["state"] == "ok", outcome
    return dict(outcome)


def test_names_that_took_too_much_are_let_go_the_oldest_first() -> None:
    """The client is told which cells cannot run again by themselves; the first always can."""
    made = f"large = [np.ones({ROOM}, np.uint8)]"
    run(1, "import numpy as np")
    assert [run(number, made)["lost"] for number in (2, 3, 4, 5)] == [[], [], [2, 3], [2, 3, 4]]
    assert sorted(cell.spaces[SPACE].before) == [1, 5]

    assert run(1, "import numpy as np\nlarge = 1")["lost"] == []
    assert run(2, "large")["output"] == "1\n"


def test_names_that_are_still_in_use_cost_nothing() -> None:
    """Nor does a view of them: only what the past alone holds counts."""
    run(1, f"import numpy as np\nlarge = np.ones({3 * cell.PAST}, np.uint8)\nview = large[1:]")
    run(2, "view = view[1:]")
    assert run(3, "part = view[5:7]")["lost"] == []
    assert cell.spaces[SPACE].past() == 0


def test_arrays_are_found_wherever_names_lead_to_them() -> None:
    """In layers, mappings and objects; what is reached twice, or holds itself, is counted once."""
    array = np.ones(1000)
    knot: list[object] = [array, (array[:10], {"a": np.zeros(3)}), 1.5]
    knot.append(knot)

    class Own:
        def __init__(self) -> None:
            self.inner = {"W": np.ones((2, 2))}

    assert sorted(size for _, size in cell._arrays([knot, Own()])) == [24, 32, 8000]


def test_what_a_page_held_is_gone_when_it_is_forgotten() -> None:
    """Also what its functions hold, which hold one another."""
    run(1, "import weakref\nclass Thing: pass\nthing = Thing()\ndef f(): return thing")
    gone: list[int] = []
    thing = cell.spaces[SPACE].namespace["thing"]
    import weakref

    weakref.finalize(thing, gone.append, 1)
    del thing

    cell.forget(SPACE)

    assert gone == [1]
