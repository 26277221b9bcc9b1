"""The arithmetic of windows: which calendar day or ISO week a moment falls into.

Law: pure functions of a moment. Days and weeks are UTC; a week starts on Monday.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from mockserver.clock import Clock

WindowKind = Literal["day", "week"]
KINDS: tuple[WindowKind, ...] = ("day", "week")


@dataclass(frozen=True, slots=True)
class Window:
    """From `start` up to but not including `end`, in seconds since the epoch."""

    kind: WindowKind
    key: str
    start: float
    end: float


def window_at(kind: WindowKind, moment: float) -> Window:
    """The window of a kind that contains a moment: `2026-05-15` or `2026-W20`."""
    midnight = datetime.fromtimestamp(moment, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if kind == "day":
        start, days, key = midnight, 1, midnight.strftime("%Y-%m-%d")
    else:
        year, week, weekday = midnight.isocalendar()
        start, days, key = midnight - timedelta(days=weekday - 1), 7, f"{year:04d}-W{week:02d}"
    return Window(kind, key, start.timestamp(), (start + timedelta(days=days)).timestamp())


class CurrentWindows:
    """The windows of the clock's present moment, worked out again only when one is over."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._current = {kind: window_at(kind, clock.now()) for kind in KINDS}

    def current(self, kind: WindowKind) -> Window:
        window = self._current[kind]
        now = self._clock.now()
        if not window.start <= now < window.end:
            window = self._current[kind] = window_at(kind, now)
        return window
