"""All faults, by name."""

from __future__ import annotations

from lab.faults import (
    account,
    assets,
    catalogue,
    charging,
    chat,
    failures,
    identity,
    media,
    options,
    quota,
    routing,
    streams,
    tools,
    usage,
    variety,
)
from lab.faults.fault import Fault

SUBJECTS = (
    identity,
    account,
    usage,
    catalogue,
    chat,
    streams,
    tools,
    routing,
    options,
    media,
    assets,
    charging,
    quota,
    failures,
    variety,
)


def _collect() -> dict[str, Fault]:
    found: dict[str, Fault] = {}
    for fault in (fault for subject in SUBJECTS for fault in subject.FAULTS.faults):
        if fault.name in found:
            raise ValueError(f"two faults are called {fault.name}")
        found[fault.name] = fault
    return found


FAULTS = _collect()
