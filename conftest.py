"""Every block of every page, lab and docstring is a test; the work is in docs/_book."""

from pathlib import Path

from _book.collect import collector, pytest_addoption, pytest_configure

__all__ = ["pytest_addoption", "pytest_collect_file", "pytest_configure"]

pytest_collect_file = collector(Path(__file__).parent)
