"""Snapshots of the counters in /usage, and the difference between two of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lightning_verify.facts import METRICS
from lightning_verify.reading.numbers import says_unlimited, whole_number
from lightning_verify.reading.times import moment
from lightning_verify.transport.exchange import Exchange, NotJson

# Of what names a window.
_MAX_NAME_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The counters of one identity: used, limit (None: unlimited) and window by metric."""

    used: Mapping[str, int]
    limit: Mapping[str, int | None]
    window: Mapping[str, str]
    exchange: Exchange
    # Which day it was: by the answer's own clock, and by `generated_at` in UTC and as it is written.
    days: tuple[str, ...] = ()

    def has_units(self, metric: str) -> bool:
        """Whether anything is left of a metric."""
        limit = self.limit[metric]
        return limit is None or self.used[metric] < limit


class Unreadable(ValueError):
    """An answer of /usage without readable counters; USE-1 to USE-4 judge its form."""


def parse_usage(exchange: Exchange) -> Snapshot:
    """The snapshot in a served answer. Raises Unreadable."""
    try:
        document = exchange.json()
    except NotJson as problem:
        raise Unreadable(str(problem)) from None
    usage = document.get("usage") if isinstance(document, dict) else None
    used, limit, window = dict[str, int](), dict[str, int | None](), dict[str, str]()
    for metric in METRICS:
        entry = usage.get(metric) if isinstance(usage, dict) else None
        spent = whole_number(entry.get("used")) if isinstance(entry, dict) else None
        # Nobody has used less than nothing: compared with it, every call would seem to cost too much.
        if not isinstance(entry, dict) or spent is None or spent < 0:
            raise Unreadable(f"/usage does not tell how much of {metric} is used")
        used[metric] = spent
        most = entry.get("limit")
        limit[metric] = None if says_unlimited(most) else whole_number(most)
        window[metric] = str(entry.get("window"))[:_MAX_NAME_LENGTH]
    return Snapshot(used, limit, window, exchange, _days(exchange, document.get("generated_at")))


def _days(exchange: Exchange, generated_at: Any) -> tuple[str, ...]:
    generated = moment(generated_at)
    # The day of the host's own zone, where it is written out.
    as_written = named(generated_at) if generated is not None and isinstance(generated_at, str) else ""
    return str(exchange.clock.date()), str(generated.date() if generated else ""), as_written


def difference(before: Snapshot, after: Snapshot) -> dict[str, int]:
    """How much each counter changed, for whatever reason; unchanged ones are left out."""
    return {m: after.used[m] - before.used[m] for m in METRICS if after.used[m] != before.used[m]}


_CALENDAR = re.compile(r"\d{4}-(?:W\d\d|\d\d-\d\d)")


def rolled_over(before: Snapshot, after: Snapshot) -> bool:
    """Whether a window may have ended between the two: the host names another day or week, or its clock has
    passed midnight. The name of a window that counts down, or that names the moment at which a rolling one
    ends, changes at every look and tells nothing."""
    renamed = any(named(before.window[metric]) != named(after.window[metric]) for metric in METRICS)
    return renamed or before.days != after.days


def named(window: str) -> str:
    """The day or the week that a window names; later ones are greater. Empty when it names none."""
    found = _CALENDAR.match(window)
    return found[0] if found else ""
