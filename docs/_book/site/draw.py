"""Run the pages of a build side by side, each in a process of its own, and say how far it is."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

from _book import cache
from _book.page import Page
from _book.run import Result

log = logging.getLogger("mkdocs.plugins.book")


def drawn(pages: Sequence[Page]) -> list[Result | str]:
    """Recall what pages drew, or run them; a page that fails is its message.

    A weekly lab draws nothing: it would hold up every build by minutes. Its page shows the outputs that it stores,
    which its own weekly run compares.
    """
    found: dict[str, Result | str] = {}
    new = []
    waiting = sum(bool(block.needs) for page in pages for block in page.runs)
    if waiting:
        log.info("%d blocks need a framework: no build runs them, `pytest --frameworks` does", waiting)
    for page in pages:
        if page.weekly or not page.bare.runs:
            found[page.file] = Result()
        elif (recalled := cache.recall(page)) is not None:
            found[page.file] = recalled
        else:
            new.append(page)
    if new:
        found |= _side_by_side(new)
    return [found[page.file] for page in pages]


def _side_by_side(pages: Sequence[Page]) -> dict[str, Result | str]:
    """Run pages, those with most code first, so that no long one is left alone at the end."""
    found: dict[str, Result | str] = {}
    workers = min(len(pages), os.cpu_count() or 1)
    log.info("drawing the figures of %d pages, %d at a time; they are kept for the next build", len(pages), workers)
    ordered = sorted(pages, key=lambda page: -sum(len(block.code) for block in page.bare.runs))
    # Threads that wait: each page runs in a process of its own.
    with ThreadPoolExecutor(workers) as pool:
        futures = {pool.submit(_timed, page): page for page in ordered}
        for future in as_completed(futures):
            page = futures[future]
            found[page.file], seconds = future.result()
            if isinstance(result := found[page.file], Result):
                cache.keep(page, result)  # here: what is wrong with the cache is said in order
            log.info("drawing %s: %.1f s, %d to go", page.path, seconds, len(pages) - len(found))
    return found


def _timed(page: Page) -> tuple[Result | str, float]:
    """Run a page; the seconds are those it took, not those it waited."""
    start = time.perf_counter()
    return cache.drawn(page), time.perf_counter() - start
