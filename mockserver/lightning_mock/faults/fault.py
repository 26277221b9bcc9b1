"""One fault: what it does, which calls it affects and how often.

Law: whether a fault fires depends on its fields alone: a random draw is a function of seed and position, so
that a run can be repeated and a snapshot is complete.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from lightning_mock.callers.credential_forms import headers_without_credentials


@dataclass(frozen=True, slots=True)
class Match:
    """Which calls a fault affects; None means any. `operation` is as it was written, `operations` what it
    stands for; `caller` is the ledger key of whom `identity` and `user` mean. Header names are lower case."""

    operation: str | None = None
    operations: frozenset[str] | None = None
    caller: str | None = None
    identity: str | None = None
    user: str | None = None
    header: Mapping[str, str] | None = None

    def view(self) -> dict[str, Any]:
        """What was asked for as the control plane shows it, without the credentials that it waits for."""
        asked = self.document()
        if self.header is not None:
            asked["header"] = headers_without_credentials(self.header.items())
        return asked

    def document(self) -> dict[str, Any]:
        """What was asked for, without what was not, for a snapshot."""
        asked = {
            "operation": self.operation,
            "identity": self.identity,
            "user": self.user,
            "header": dict(self.header) if self.header is not None else None,
        }
        return {name: value for name, value in asked.items() if value is not None}


@dataclass(slots=True)
class Fault:
    """A fault and its count. `times` None means every matching call; `until` is the moment of the mock's
    clock at which a cold start is over; `scenario` names the scenario that made it."""

    id: str
    kind: str
    match: Match
    parameters: Mapping[str, Any]
    seed: int
    times: int | None = None
    probability: float = 1.0
    until: float | None = None
    scenario: str | None = None
    fired: int = 0
    drawn: int = 0
    removed: bool = field(default=False, compare=False)

    @property
    def left(self) -> int | None:
        """How often it may still fire; None means without limit."""
        return None if self.times is None else max(0, self.times - self.fired)

    def description(self) -> tuple[object, ...]:
        """What was requested, without the counts of what has happened since."""
        return self.kind, self.match, self.parameters, self.seed, self.times, self.probability, self.until

    def is_over(self, now: float) -> bool:
        return self.removed or self.left == 0 or (self.until is not None and now >= self.until)

    def fires(self) -> bool:
        """Draw, and count when it fires."""
        if self.probability < 1:
            self.drawn += 1
            if not self.wins(self.drawn):
                return False
        self.fired += 1
        return True

    def wins(self, position: int) -> bool:
        """The result of the draw at a position; the first is 1."""
        drawn = blake2b(f"{self.seed}:{position}".encode(), digest_size=7).digest()
        return int.from_bytes(drawn, "big") / 2**56 < self.probability
