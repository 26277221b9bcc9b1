"""A pytest plugin with a mistake in it: it raises where pytest does not expect it, once a check is over."""

from __future__ import annotations

import pytest


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Break the run off."""
    if report.when == "teardown":
        raise RuntimeError("a mistake of our own")
