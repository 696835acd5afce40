"""A page draws the same numbers each time it runs: from generators that have a seed.

What draws from a generator of the whole process, or makes one without a seed, gives another figure with each build.
"""

from __future__ import annotations

import builtins
import contextlib
import importlib
import random
import sys
from collections.abc import Callable, Iterator
from typing import Any

UNSEEDED = "this generator has no seed, so it draws other numbers each time: np.random.default_rng(0)"


class Chance:
    """The generators of the process, while a page runs."""

    def __init__(self) -> None:
        self._seeded: set[str] = set()  # those that the page has given a seed
        self._states: dict[str, object] = {}
        self._importing = False

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Refuse generators without a seed, and note where those of the process stand."""
        numpy: Any = importlib.import_module("numpy.random")
        bits: Any = importlib.import_module("numpy.random.bit_generator")
        draw, load = bits.randbits, builtins.__import__

        def refuse(count: int) -> int:
            if not self._importing:
                raise RuntimeError(UNSEEDED)
            return int(draw(count))

        def importing(name: str, *given: Any, **named: Any) -> Any:
            """Import, and put back what a package draws while it is imported: that is none of the page's business."""
            if self._importing or name in sys.modules:
                return load(name, *given, **named)
            self._importing = True
            here = numpy.get_state(), random.getstate()
            try:
                return load(name, *given, **named)
            finally:
                numpy.set_state(here[0])
                random.setstate(here[1])
                self._importing = False

        with contextlib.ExitStack() as stack:
            for module, function, new in (
                (bits, "randbits", refuse),
                (builtins, "__import__", importing),
                (numpy, "seed", self._seeding("np.random", numpy.seed)),
                (random, "seed", self._seeding("random", random.seed)),
            ):
                stack.callback(setattr, module, function, getattr(module, function))
                setattr(module, function, new)
            self._states = self._read()
            yield

    def moved(self) -> str | None:
        """Say what was drawn from a generator of the process that the page gave no seed; call it while it watches."""
        before, self._states = self._states, self._read()
        for name, state in self._states.items():
            if state != before[name] and name not in self._seeded:
                return f"draws from {name}'s own generator, which differs each time: rng = np.random.default_rng(0)"
        return None

    def _seeding(self, name: str, seed: Callable[..., None]) -> Callable[..., None]:
        def seeding(*given: Any, **named: Any) -> None:
            seed(*given, **named)
            if any(value is not None for value in (*given[:1], *named.values())):
                self._seeded.add(name)

        return seeding

    @staticmethod
    def _read() -> dict[str, object]:
        numpy: Any = importlib.import_module("numpy.random")
        kind, key, *rest = numpy.get_state()
        return {"np.random": (kind, key.tobytes(), *rest), "random": random.getstate()}
