"""Counters of faults and scripted replies that happen a limited number of times."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Turn(NamedTuple):
    """What came of asking for a turn, with the counts as they are now: `met` of the calls that fit, `used` of
    those that got something. `over` means that no turn was left."""

    taken: bool
    met: int
    used: int
    over: bool = False


class Turns(Protocol):
    """Counters that several processes share. `of` is the id of a fault or scripted reply."""

    async def take(
        self,
        of: str,
        *,
        meet: bool = True,
        use: bool = True,
        times: int | None = None,
        nth: int | None = None,
    ) -> Turn:
        """Count a call, if a turn is left: as met, as used, or both."""
