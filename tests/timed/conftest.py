"""Run as `pytest tests/timed`, on a quiet machine and with no other test beside it: what is measured is time."""

from fixtures import browser, measured, pytest_configure, pytest_terminal_summary, server, slowness, tab

__all__ = [
    "browser",
    "measured",
    "pytest_configure",
    "pytest_terminal_summary",
    "server",
    "slowness",
    "tab",
]
