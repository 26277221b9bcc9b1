"""Snapshots of the counters in /usage, and the difference between two of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from lightning_verify.facts import METRICS
from lightning_verify.reading.numbers import number, says_unlimited, whole_number
from lightning_verify.reading.times import moment
from lightning_verify.transport.exchange import Exchange, NotJson

# Of what names a window, and how much of a document is searched for more of that.
_MAX_NAME_LENGTH = 200
_DEPTH, _MAX_FIELDS = 4, 40
# Seconds after which a clock that counts seconds has moved.
_CLOCK_MOVES = 2.0
# Not to be taken for dates, and the seconds since 1970 from which on a number may be one.
_COUNTERS = frozenset({"used", "limit", "remaining", "generated_at"})
_LONG_AGO = 1e9
_DIGIT = re.compile(r"\d")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The counters of one identity: used, limit (None: unlimited) and window by metric."""

    used: Mapping[str, int]
    limit: Mapping[str, int | None]
    window: Mapping[str, str]
    exchange: Exchange
    # Which day it was: by the answer's own clock, and by `generated_at` in UTC and as it is written.
    days: tuple[str, ...] = ()
    # Which quarter of an hour it was. Whatever the zone, days end with one.
    quarter: str = ""
    # The days and weeks that other fields of the document name, by where they stand.
    dates: Mapping[str, str] = field(default_factory=dict)
    # `generated_at` as it is written.
    generated_at: str = ""

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
    days = _days(exchange, document.get("generated_at"))
    generated_at = str(document.get("generated_at") or "")[:_MAX_NAME_LENGTH]
    quarter = _quarter(exchange.clock)
    return Snapshot(used, limit, window, exchange, days, quarter, dict(_dates(document)), generated_at)


def _days(exchange: Exchange, generated_at: Any) -> tuple[str, ...]:
    generated = moment(generated_at)
    # The day of the host's own zone, where it is written out.
    as_written = named(generated_at) if generated is not None and isinstance(generated_at, str) else ""
    return str(exchange.clock.date()), str(generated.date() if generated else ""), as_written


def _quarter(moment: datetime) -> str:
    """The quarter of an hour of a point in time."""
    return moment.replace(minute=moment.minute // 15 * 15).strftime("%Y-%m-%d %H:%M")


def _dates(value: Any, place: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """What names a day or a week in a document, such as `period`, or the moment when one begins or ends."""
    if isinstance(value, dict) and depth < _DEPTH:
        for name, part in list(value.items())[:_MAX_FIELDS]:
            if name not in _COUNTERS:
                yield from _dates(part, f"{place}.{name}", depth + 1)
        return
    if isinstance(value, str):
        value = value[:_MAX_NAME_LENGTH]
        day, may_be = named(value), _DIGIT.search(value) is not None
    else:
        day, may_be = "", (number(value) or 0) > _LONG_AGO
    if not day and may_be and (there := moment(value)):
        day = str(there.date())
    if day:
        yield place, day


def difference(before: Snapshot, after: Snapshot) -> dict[str, int]:
    """How much each counter changed, for whatever reason; unchanged ones are left out."""
    return {m: after.used[m] - before.used[m] for m in METRICS if after.used[m] != before.used[m]}


def may_be_the_same(before: Snapshot, after: Snapshot) -> bool:
    """Whether two looks may have got one snapshot: it was made at the same moment, and nothing in it has
    changed."""
    return before.generated_at == after.generated_at != "" and before.used == after.used


def is_the_same(before: Snapshot, after: Snapshot) -> bool:
    """Whether two looks got one snapshot, which somebody keeps: time has passed between them."""
    apart = after.exchange.sent - before.exchange.sent
    return may_be_the_same(before, after) and apart > _CLOCK_MOVES


def is_older(before: Snapshot, after: Snapshot, by: float = 0.0) -> bool:
    """Whether a later look got a snapshot that was made more than `by` seconds before that of an earlier
    one."""
    first, second = moment(before.generated_at), moment(after.generated_at)
    return first is not None and second is not None and (first - second).total_seconds() > by


def window_named(snapshot: Snapshot, metric: str) -> str:
    """The day or the week that the entry of a metric names as its window, or else as its period, of which it
    may give both ends; later ones are greater. Empty when it names none."""
    entry = f".usage.{metric}."
    ends = [
        day for place, day in snapshot.dates.items() if place.startswith((f"{entry}window", f"{entry}period"))
    ]
    return named(snapshot.window[metric]) or min(ends, default="")


_CALENDAR = re.compile(r"\d{4}-(?:W\d\d|\d\d-\d\d)")


def rolled_over(before: Snapshot, after: Snapshot) -> bool:
    """Whether a window may have ended between the two: the host names another day or week, its clock has
    passed midnight, or counters fell while it passed another moment at which days end somewhere. The name of
    a window that counts down, or that names the moment at which a rolling one ends, changes at every look and
    tells nothing."""
    renamed = any(named(before.window[metric]) != named(after.window[metric]) for metric in METRICS)
    if renamed or before.days != after.days:
        return True
    fell = any(after.used[metric] < before.used[metric] for metric in METRICS)
    if fell and before.quarter != after.quarter:
        return True
    return any(after.dates.get(place, day) != day for place, day in before.dates.items())


def named(window: str) -> str:
    """The day or the week that a window names; later ones are greater. Empty when it names none."""
    found = _CALENDAR.match(window)
    return found[0] if found else ""
