"""The cost of each test of the judge, by the server's own accounts: a pytest plugin for trials."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest


@dataclass(frozen=True, slots=True)
class Step:
    """One test: its outcome, and the run's units and requests up to its end."""

    test: str
    outcome: str
    units: int
    requests: int


@dataclass(slots=True)
class Meter:
    """Reads the accounts of one server after each test."""

    units: Callable[[], int]
    requests: Callable[[], int]
    steps: list[Step] = field(default_factory=list)


# pytest loads a plugin by its name, so there is one meter in a process.
_meters: list[Meter] = []


def install(meter: Meter) -> str:
    """Use this meter from now on; returns the plugin's name."""
    _meters[:] = [meter]
    return __name__


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Read the accounts."""
    if report.when == "call":
        for meter in _meters:
            meter.steps.append(Step(report.nodeid, report.outcome, meter.units(), meter.requests()))
