"""What a fault is: one documented promise broken by one switch, and a proof that it takes effect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from lab.proofs import Proof
from lab.server.lab import Lab

SPEND = ("none", "sample", "exhaust")
Origin = Literal["handwritten", "mechanical", "reported"]


@dataclass(frozen=True, slots=True)
class Fault:
    """`requirements` lists the one that it was made to break first, then others that it breaks as well.

    `origin` says whether it was written by hand from the document, made by an operator (dropped, retyped,
    swapped, skipped, off by one), or modelled on a bug reported for another server. `spend` is the lowest
    spending mode that can show it, `credentials` what a run needs to see it at all, and `prove` an
    observation that differs from the clean server's.
    """

    name: str
    origin: Origin
    requirements: tuple[str, ...]
    does: str
    apply: Callable[[Lab], None]
    prove: Proof
    spend: str = "none"
    credentials: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FaultGroup:
    """Faults of one origin that break the same requirements and show in the same observation."""

    origin: Origin
    requirements: str
    prove: Proof
    spend: str
    credentials: str
    faults: list[Fault]

    def add(self, label: str, apply: Callable[[Lab], None]) -> FaultGroup:
        """Add a fault: `name: what it does`, and the change of the server that does it."""
        name, _, does = label.partition(": ")
        broken, needed = tuple(self.requirements.split()), tuple(self.credentials.split())
        self.faults.append(Fault(name, self.origin, broken, does, apply, self.prove, self.spend, needed))
        return self


class FaultSet:
    """The faults of one subject, in the order in which they were written."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.handwritten = partial(self._group, "handwritten")
        self.mechanical = partial(self._group, "mechanical")
        self.reported = partial(self._group, "reported")

    def _group(
        self, origin: Origin, requirements: str, prove: Proof, spend: str = "none", credentials: str = ""
    ) -> FaultGroup:
        """A new group of faults of this origin; requirements and credentials are separated by spaces."""
        assert spend in SPEND, spend
        return FaultGroup(origin, requirements, prove, spend, credentials, self.faults)
