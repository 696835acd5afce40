"""Lighthouse's four marks for each chapter, on its simulated slow phone."""

import json
import os
import statistics
import subprocess

import pytest
import served

CATEGORIES = ["performance", "accessibility", "best-practices", "seo"]
LIMIT = 95
# The slow phone is this machine slowed down fourfold: where this machine is slow itself, a chapter may keep the browser
# busy for this many times what a page of the theme without any content of ours does (2.0 to 2.9 when this was set).
BARE, BUSY = "404.html", 3.5


def marks(url, folder):
    report = folder / "report.json"
    subprocess.run(
        [
            "node",
            served.node_module("lighthouse") / "cli" / "index.js",
            url,
            "--quiet",
            "--no-enable-error-reporting",
            f"--only-categories={','.join(CATEGORIES)}",
            f"--chrome-flags=--headless=new {' '.join(served.FLAGS)}",
            "--output=json",
            f"--output-path={report}",
            "--disable-full-page-screenshot",  # nobody looks at it, and it takes seconds
        ],
        check=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
        env=os.environ | {"CHROME_PATH": served.chromium()},
    )
    result = json.loads(report.read_text(encoding="utf-8"))
    weak = sorted(
        f"{name}: {result['audits'][ref['id']]['title']}"
        for name, category in result["categories"].items()
        for ref in category["auditRefs"]
        if ref["weight"] and (result["audits"][ref["id"]]["score"] or 0) < 0.9
    )
    work = sum(item["duration"] for item in result["audits"]["mainthread-work-breakdown"]["details"]["items"])
    return {c: round(100 * (result["categories"][c]["score"] or 0)) for c in CATEGORIES}, weak, work


@pytest.fixture(scope="module")
def bare(server, tmp_path_factory):
    """Milliseconds for which the theme alone keeps the browser busy."""
    folder = tmp_path_factory.mktemp("bare")
    return statistics.median(marks(server.url + BARE, folder)[2] for _ in range(3))


@pytest.mark.parametrize("name", served.chapters())
def test_lighthouse_marks(name, server, bare, slowness, tmp_path, measured):
    """At least 95 in each. A busy machine only ever lowers the marks: up to four tries.

    Also that for accessibility: it measures what off the screen is not laid out yet.
    """
    for again in range(4):
        if again:  # beside each other: the machine's neighbours come and go
            bare = marks(server.url + BARE, tmp_path)[2]
        scores, weak, work = marks(server.url + name, tmp_path)
        fast = scores["performance"] >= LIMIT or (slowness > 1.2 and work <= BUSY * bare)
        others = min(scores[c] for c in CATEGORIES[1:])
        if fast and others >= LIMIT:
            break
    measured(f"Lighthouse {list(scores.values())}, {work / bare:.2f} times as busy as the theme alone  /{name}")

    assert fast, (scores, weak, work / bare)
    assert others >= LIMIT, (scores, weak)
