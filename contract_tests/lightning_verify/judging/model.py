"""The rules of identity and quota in plain Python, as the document gives them.

Written from the document, not from a server: what a caller may still do, and what /usage must say, after
any sequence of calls, days and weeks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from lightning_verify.facts import METRICS, WINDOW_OF


@dataclass(slots=True)
class QuotaModel:
    """Counters by (caller, metric) in the current windows, and the limits of the free tier."""

    today: date
    limits: dict[str, int]
    _used: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))

    def spend(self, caller: str, metric: str) -> bool:
        """Whether a call is served; it then costs one unit."""
        if self._used[caller, metric] >= self.limits[metric]:
            return False
        self._used[caller, metric] += 1
        return True

    def used(self, caller: str) -> dict[str, int]:
        """What /usage must report as used, by metric."""
        return {metric: self._used[caller, metric] for metric in METRICS}

    def next_day(self) -> None:
        """Midnight: daily counters begin again, and on Monday the weekly one as well."""
        self._move(self.today + timedelta(days=1))

    def next_week(self) -> None:
        """The next Monday."""
        self._move(self.today + timedelta(days=7 - self.today.weekday()))

    def set_limits(self, limits: Mapping[str, int]) -> None:
        """New limits count from the next call on; what is used stays used."""
        self.limits.update(limits)

    def _move(self, day: date) -> None:
        new_week = day.isocalendar()[:2] != self.today.isocalendar()[:2]
        self.today = day
        for key in list(self._used):
            if WINDOW_OF[key[1]] == "day" or new_week:
                del self._used[key]
