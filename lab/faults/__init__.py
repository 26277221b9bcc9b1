"""All faults, by name."""

from __future__ import annotations

from lab.faults import handwritten, mechanical, trackers
from lab.faults.fault import Fault


def _collect() -> dict[str, Fault]:
    found: dict[str, Fault] = {}
    for book in (*handwritten.BOOKS, *mechanical.BOOKS, *trackers.BOOKS):
        for fault in book.faults:
            if fault.name in found:
                raise ValueError(f"two faults are called {fault.name}")
            found[fault.name] = fault
    return found


FAULTS = _collect()
