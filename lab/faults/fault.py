"""What a fault is: one documented promise broken by one switch, and a proof that it takes effect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lab.proofs import Proof
from lab.server.lab import Lab

SPEND = ("none", "sample", "exhaust")


@dataclass(frozen=True, slots=True)
class Fault:
    """`requirements` has the one it was made to break first, then others that it breaks as well.

    `spend` is the least spending that can show it, `credentials` what a run needs to see it at all, and
    `prove` an observation that differs from the clean server's.
    """

    name: str
    origin: str
    requirements: tuple[str, ...]
    does: str
    apply: Callable[[Lab], None]
    prove: Proof
    spend: str = "none"
    credentials: tuple[str, ...] = ()


class Book:
    """The faults of one origin, in the order they were written."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.faults: list[Fault] = []

    def add(  # noqa: PLR0917 a table row reads better without keywords
        self,
        name: str,
        requirements: str,
        does: str,
        apply: Callable[[Lab], None],
        prove: Proof,
        spend: str = "none",
        credentials: str = "",
    ) -> None:
        """Write one down; `requirements` and `credentials` are separated by spaces."""
        assert spend in SPEND, name
        self.faults.append(
            Fault(
                name,
                self.origin,
                tuple(requirements.split()),
                does,
                apply,
                prove,
                spend,
                tuple(credentials.split()),
            )
        )
