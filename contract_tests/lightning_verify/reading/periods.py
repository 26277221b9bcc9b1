"""What a text says about a period: a day, a week, an interval, or nothing."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from lightning_verify.reading.numbers import whole_number
from lightning_verify.reading.times import moment

# Words for a period, by their length in days. Hours are left open: five of them may be what is left.
_DAYS = (
    dict.fromkeys(("d", "day", "days", "daily", "today"), 1)
    | dict.fromkeys(("w", "wk", "week", "weeks", "weekly"), 7)
    | dict.fromkeys(("mo", "month", "months", "monthly"), 30)
    | dict.fromkeys(("y", "yr", "year", "years", "yearly", "annual", "annually"), 365)
    | dict.fromkeys(("minute", "minutely", "hour", "hourly"), 0)
)
_LENGTHS = {("24", "h"): 1, ("24", "hour"): 1, ("24", "hours"): 1, ("168", "h"): 7, ("168", "hours"): 7}
_UNITS = {word for word in _DAYS if not word.endswith("ly")} - {"today"}
_RHYTHMS = {word for word in _DAYS if word.endswith("ly")}
# What may stand around such a word without changing it; the letters are those of ISO 8601.
_AROUND = {"p", "pt", "a", "an", "the", "per", "each", "every", "one", "this", "current", "last", "past"}
_AROUND |= {"utc", "calendar", "rolling", "sliding", "fixed", "window", "period"}
_DAY_KEY = re.compile(r"^\d{4}-\d{2}-\d{2}$")
_WEEK_KEY = re.compile(r"^\d{4}-?W\d{2}$", re.IGNORECASE)

# Between the two ends of an interval, in a text.
_BETWEEN = re.compile(r"\s*(?:/|\.{2,3}|…|\s(?:-|–|—|to|until)\s)\s*")
# What the fields of an interval are called.
_BEGINNING, _END = (
    re.compile(r"start|begin|from|since", re.IGNORECASE),
    re.compile(r"(?<!cal)end|until|^to$", re.IGNORECASE),
)


def suits(name: str, field: str, text: str) -> bool:
    """Whether a `period` or `window` fits the name of its metric, daily or weekly, or at least does not
    contradict it."""
    weekly = name.endswith("Weekly")
    days = _days(text)
    if field == "period" and days is None:
        # In a sentence, only what names a rhythm is one.
        rhythms = _RHYTHMS.intersection(_words(text))
        return not rhythms or ("weekly" if weekly else "daily") in rhythms
    return days in (None, 7 if weekly else 1)


def too_long(name: str, value: Any) -> float | None:
    """The days of an interval that is longer than a metric of this name counts over; None for what is no
    interval, or no longer. One that is shorter may be the rest of a day or week, and ends may be included."""
    begin, end = _ends(value)
    if begin is None or end is None:
        return None
    days = (end - begin).total_seconds() / 86_400
    return days if days > (7 if name.endswith("Weekly") else 1) + 1 else None


def _ends(value: Any) -> tuple[datetime | None, datetime | None]:
    if isinstance(value, dict):
        begin, end = (
            next((moment(told) for field, told in value.items() if named.search(str(field))), None)
            for named in (_BEGINNING, _END)
        )
        return begin, end
    parts = _BETWEEN.split(value.strip()) if isinstance(value, str) else []
    return (moment(parts[0]), moment(parts[1])) if len(parts) == 2 else (None, None)


def counted_in(*texts: str) -> str | None:
    """`7 days` for a number and the unit that it counts in, told apart; None for anything else."""
    counts = [text for text in texts if (whole_number(text) or 0) > 0]
    units = [text for text in texts if text.strip().lower() in _UNITS]
    return f"{counts[0]} {units[0]}" if len(counts) == len(units) == 1 else None


def is_day(window: str) -> bool:
    """Whether a window is the key of a day, such as 2026-05-15."""
    return _DAY_KEY.match(window) is not None


def is_week(window: str) -> bool:
    """Whether a window is the key of a week, such as 2026-W20."""
    return _WEEK_KEY.match(window) is not None


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z]+|\d+", text.lower())


def _days(text: str) -> int | None:
    """The days in a text that names a period and nothing else, such as `weekly`, `24-hour` or `P7D`."""
    words = tuple(word for word in _words(text) if word not in _AROUND)
    if len(words) == 1:
        return _DAYS.get(words[0])
    if len(words) == 2 and (days := _DAYS.get(words[1])) and (count := whole_number(words[0])) is not None:
        return count * days
    return _LENGTHS.get(words) if len(words) == 2 else None
