"""A pytest plugin that says at the end which checks were set up."""

from __future__ import annotations

import pytest

_names: list[str] = []


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Note it."""
    _names.append(item.name)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say so."""
    terminalreporter.write_line(f"set up: {' '.join(_names)}")
