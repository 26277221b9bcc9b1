"""What a run learns about its host that its later tests need."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lightning_verify.judging.examples import Examples


@dataclass(slots=True)
class Learned:
    """One for all tests of a run."""

    observations: dict[str, Any] = field(default_factory=dict)
    """What is made once, by name: it need not be paid for twice."""
    examples: Examples = field(default_factory=Examples)
    """Generated requests that an earlier run, or this one, has found to fail."""
    unusable: dict[str, str] = field(default_factory=dict)
    """Why a credential shows nothing about this host, by its name: it is let in nowhere, for example."""
    lost: set[str] = field(default_factory=set)
    """Credentials that were let in at first, and nowhere later."""
    waited: float = 0.0
    """How many seconds outages of the host were waited for."""
    excused: set[tuple[str, str]] = field(default_factory=set)
    """Operations that failed once for a caller as if in an outage, which nobody has seen end."""
    bad_moments: dict[str, float] = field(default_factory=dict)
    """When a request that costs nothing first failed, by operation."""
    lag: float | None = None
    """The longest time in seconds that a counter was seen to take."""
    stood_still: set[str] = field(default_factory=set)
    """Counters that have been given all of their time once, and did not move."""
    refuses_at_first: bool = False
    """Whether a call within a limit was refused, and served a moment later."""
    time_moved: bool = False
    """Whether a test has moved the target's clock."""
    disturbed: list[str] = field(default_factory=list)
    """The tests that were repeated, since something other than the host came between."""
