"""The page on speed shows what the benchmark script found, and nothing else."""

import importlib.util
import json
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def compare():
    """The benchmark script; it imports its peers where it needs them, so it can be read without them."""
    spec = importlib.util.spec_from_file_location("compare", TESTS / "benchmarks" / "compare.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def results():
    return json.loads((TESTS / "benchmarks" / "results.json").read_text(encoding="utf-8"))


def test_the_page_shows_the_results_of_the_file(compare, results, tmp_path):
    """Mend with `python tests/benchmarks/compare.py --page`, never by hand."""
    text = compare.PAGE.read_text(encoding="utf-8")
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")

    compare.update(page, results)

    assert page.read_text(encoding="utf-8") == text


def test_the_results_name_machine_versions_and_date(results):
    """A ratio without them is hearsay."""
    about = results["about"]

    assert about["machine"]
    assert {"numpy", "torch", "jax", "scikit-learn", "python"} <= set(about["versions"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", about["date"])
    assert len(about["load"]) == 2


def test_every_workload_met_every_peer(compare, results):
    """A row that is left out would be the one that we lose."""
    there = {(row["workload"], row["peer"]) for row in results["rows"]}

    assert {(name, peer) for name in compare.WORKLOADS for peer in compare.PEERS} <= there
    assert {(row["what"], row["size"]) for row in results["scale"]} == {
        (what, size) for what, sizes in compare.SCALES.items() for size in sizes
    }


def test_the_page_is_updated_in_place(compare, results, tmp_path):
    """What is around the blocks stays as it was, and a page without them is refused."""
    page, old = tmp_path / "page.md", {mark: f"```python\n{mark}old = 1\n```\n" for mark in compare.BLOCKS}
    page.write_text("Before.\n\n" + "\nBetween.\n\n".join(old.values()) + "\nAfter.\n", encoding="utf-8")

    compare.update(page, results)

    new = [f"```python\n{mark}{block(results)}```\n" for mark, block in compare.BLOCKS.items()]
    assert page.read_text(encoding="utf-8") == "Before.\n\n" + "\nBetween.\n\n".join(new) + "\nAfter.\n"
    with pytest.raises(ValueError, match="unpack"):
        compare.update(TESTS / "library" / "test_datasets.py", results)
