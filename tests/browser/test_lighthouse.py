"""Lighthouse's four marks for each chapter, on its simulated slow phone."""

import json
import os
import subprocess

import pytest
import served

pytestmark = pytest.mark.timed
CATEGORIES = ["performance", "accessibility", "best-practices", "seo"]
LIMIT = 95


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
    return {c: round(100 * (result["categories"][c]["score"] or 0)) for c in CATEGORIES}, weak


def test_lighthouse_marks(name, server, tmp_path, measured):
    """At least 95 in each. A busy machine only ever lowers the mark for performance: up to four tries."""
    for _ in range(4):
        scores, weak = marks(server.url + name, tmp_path)
        if scores["performance"] >= LIMIT:
            break
    measured(f"Lighthouse {list(scores.values())}  /{name}")

    assert min(scores.values()) >= LIMIT, (scores, weak)
