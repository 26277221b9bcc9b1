"""Politeness towards hosts that are not ours: a steady rate, and waiting when the host asks for it."""

from __future__ import annotations

import asyncio
import time

# The seconds between two requests to a host that limits bursts, at first and at most.
FIRST_GAP, MAX_GAP = 0.01, 0.25
# Seconds of waiting that tell a limit by the minute from one by the second.
_LONG = 5.0


class Pace:
    """At most `rate` requests a second (None: as fast as the host answers, until it limits bursts)."""

    def __init__(self, rate: float | None) -> None:
        self._gap = 1.0 / rate if rate else 0.0
        self._next = 0.0
        self._slowed = float("-inf")
        # Since when, and how many slots were taken since then.
        self._since, self._slots = time.monotonic(), 0

    async def next_slot(self) -> None:
        """Wait for the next free slot."""
        now = time.monotonic()
        slot = max(now, self._next)
        self._next = slot + self._gap
        self._slots += 1
        if slot > now:
            await asyncio.sleep(slot - now)

    def pause(self, seconds: float) -> float:
        """Send nothing for so many seconds. Returns by how many that is longer than what was asked for
        before."""
        now = time.monotonic()
        before, self._next = max(self._next, now), max(self._next, now + seconds)
        return self._next - before

    def slow_down(self, sent: float, waited: float) -> None:
        """Double the gap, once for all requests `sent` at the old rate, or take as much as the host has let
        through if it had to be waited for. Without a gap, all that waited would go out at once and be
        refused again."""
        if sent <= self._slowed or self._gap >= MAX_GAP:
            return
        now = time.monotonic()
        let_through = (now - self._since) / self._slots if waited > _LONG and self._slots else 0.0
        self._gap = min(max(2 * self._gap, FIRST_GAP, let_through), MAX_GAP)
        self._slowed = self._since = now
        self._slots = 0
