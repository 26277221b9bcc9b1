"""The arithmetic of windows: which calendar day or ISO week a moment falls into.

Law: pure functions of a moment. Days and weeks are UTC; a week starts on Monday.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from lightning_spec import loader

from lightning_mock.clock import Clock

WindowKind = loader.Window


@dataclass(frozen=True, slots=True)
class Window:
    """From `start` up to but not including `end`, in seconds since the epoch."""

    kind: WindowKind
    key: str
    start: float
    end: float


def window_at(kind: WindowKind, moment: float) -> Window:
    """The window of a kind that contains a moment: `2026-05-15` or `2026-W20`."""
    # Whole seconds: a fraction just below midnight would be rounded up into the next day.
    midnight = datetime.fromtimestamp(int(moment), UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if kind == "day":
        start, days, key = midnight, 1, midnight.strftime("%Y-%m-%d")
    else:
        year, week, weekday = midnight.isocalendar()
        start, days, key = midnight - timedelta(days=weekday - 1), 7, f"{year:04d}-W{week:02d}"
    return Window(kind, key, start.timestamp(), (start + timedelta(days=days)).timestamp())


class CurrentWindows:
    """The window of each metric at the present moment, worked out again when the first of them is over; for
    a caller with a clock of their own each time."""

    def __init__(self, clock: Clock, kinds: Mapping[str, WindowKind]) -> None:
        self._clock = clock
        self._kinds = dict(kinds)
        self._windows: dict[str, Window] = {}
        self._since = self._until = 0.0

    def now(self) -> Mapping[str, Window]:
        """The present windows by metric."""
        moment = self._clock.now()
        if not self._since <= moment < self._until:
            self._windows = {metric: window_at(kind, moment) for metric, kind in self._kinds.items()}
            self._since = max(window.start for window in self._windows.values())
            self._until = min(window.end for window in self._windows.values())
        return self._windows

    def of(self, caller: str) -> Mapping[str, Window]:
        """The windows by metric at a caller's present moment."""
        if caller not in self._clock.ahead:
            return self.now()
        moment = self._clock.now_of(caller)
        return {metric: window_at(kind, moment) for metric, kind in self._kinds.items()}
