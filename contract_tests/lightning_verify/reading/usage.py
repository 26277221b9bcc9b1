"""Reading the counters of /usage: amounts however they are written, snapshots, and what moved between two."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lightning_verify.facts import METRICS
from lightning_verify.transport.exchange import Exchange, NotJson


def number(value: Any) -> float | None:
    """`value` as a number if it is one, or a string that spells one; None otherwise."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return None
    return None


def is_amount(value: Any) -> bool:
    """Whether `value` is a JSON number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def says_unlimited(value: Any) -> bool:
    """Whether `value` is another way than null to say that there is no limit."""
    return value == -1 or (isinstance(value, str) and number(value) is None)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The counters of one identity: used, limit (None: unlimited) and window by metric."""

    used: Mapping[str, int]
    limit: Mapping[str, int | None]
    window: Mapping[str, str]
    exchange: Exchange


class Unreadable(ValueError):
    """An answer of /usage that tells no counters; USE-1 to USE-4 judge its form."""


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
        spent = number(entry.get("used")) if isinstance(entry, dict) else None
        if not isinstance(entry, dict) or spent is None:
            raise Unreadable(f"/usage does not tell how much of {metric} is used")
        most = number(entry.get("limit"))
        used[metric] = int(spent)
        limit[metric] = None if most is None else int(most)
        window[metric] = str(entry.get("window"))
    return Snapshot(used, limit, window, exchange)


def moved(before: Snapshot, after: Snapshot) -> dict[str, int]:
    """By how much each counter changed; counters that did not are left out."""
    return {m: after.used[m] - before.used[m] for m in METRICS if after.used[m] != before.used[m]}


_CALENDAR = re.compile(r"\d{4}-(?:W\d\d|\d\d-\d\d)")


def rolled_over(before: Snapshot, after: Snapshot) -> bool:
    """Whether a window ended between the two: another day or week is named. A window that counts down, or is
    named by the moment at which a rolling one ends, is another text at every look and tells nothing."""
    return any(_date(before.window[metric]) != _date(after.window[metric]) for metric in METRICS)


def _date(window: str) -> str:
    named = _CALENDAR.match(window)
    return named[0] if named else ""
