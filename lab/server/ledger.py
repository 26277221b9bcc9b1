"""The one place where units are counted. `charged` is the truth, whatever callers are told."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from lab.server.facts import WEEKLY


def window_of(metric: str, now: datetime) -> str:
    """The current window's key: a calendar day, or an ISO week."""
    if metric in WEEKLY:
        year, week, _ = now.isocalendar()
        return f"{year}-W{week:02d}"
    return now.date().isoformat()


class Ledger:
    """Units by (identity, metric, window)."""

    def __init__(self) -> None:
        self._units: Counter[tuple[str, str, str]] = Counter()

    def used(self, identity: str, metric: str, window: str) -> int:
        return self._units[identity, metric, window]

    def add(self, identity: str, metric: str, window: str, units: int = 1) -> None:
        self._units[identity, metric, window] += units

    def charged(self, metric: str | None = None, identity: str | None = None) -> int:
        """All units charged so far, of one metric and of one identity when these are given."""
        return sum(
            units
            for (who, which, _), units in self._now().items()
            if metric in {None, which} and identity in {None, who}
        )

    def _now(self) -> dict[tuple[str, str, str], int]:
        """A copy: the server goes on counting, in a thread of its own."""
        return dict.copy(self._units)

    def by_identity(self) -> dict[tuple[str, str], int]:
        """Units by (identity, metric), all windows together."""
        total: Counter[tuple[str, str]] = Counter()
        for (who, which, _), units in self._now().items():
            total[who, which] += units
        return dict(total)
