"""Generated faults: fields of an answer that are missing or have another value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lab.faults.fault import FaultSet
from lab.proofs import Proof
from lab.seams import at, drop, edit, put


def fields(  # noqa: PLR0917 a table row reads better without keywords
    faults: FaultSet,
    prefix: str,
    requirement: str,
    operation: str,
    proof: Proof,
    drops: str,
    retypes: dict[str, Any] | None = None,
    *,
    spend: str = "none",
    credentials: str = "",
) -> None:
    """Add one fault for each dropped path and each path that gets another value."""
    group = faults.mechanical(requirement, proof, spend, credentials)

    def add(kind: str, path: str, operator: Callable[[Any, Any], None], words: str) -> None:
        slug = path.replace("*.", "").replace("0.", "").replace(".", "-")
        label = f"{prefix}-{kind}-{slug}: {words} in the answer of {operation}"
        group.add(label, edit(operation, at(path, operator)))

    for path in drops.split():
        add("drop", path, drop, f"{path} is missing")
    for path, value in (retypes or {}).items():
        add("retype", path, put(value), f"{path} has the value {value!r}")
