"""Points in time and delays as hosts write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from lightning_verify.reading.numbers import number

# The most seconds, milliseconds and microseconds since 1970; what is above counts the next smaller unit.
_UNIT_BOUNDS = (1e11, 1e14, 1e17)
# What languages write of their own: blanks or slashes in it, and the name of the zone behind it, as RFC 9557
# has it and Go, which adds a clock as well.
_ISO_AND_MORE = re.compile(
    r"(\d{4})[-/](\d\d)[-/](\d\d)[T ](\d\d:\d\d:\d\d(?:[.,]\d+)?)"
    r"(?: ?(?:UTC|GMT)| ?(Z|[+-]\d\d(?::?\d\d)?)(?: [A-Z]{2,5})?)?(?:\[[^\]]*\]| m=\S+)*",
    re.ASCII | re.IGNORECASE,
)
_SECONDS = re.compile(r"\d{1,9}(?:\.\d{1,9})?", re.ASCII)


def moment(value: Any) -> datetime | None:
    """A point in time from a text (ISO 8601 or as in mail headers), or from seconds, milliseconds,
    microseconds or nanoseconds since 1970; None for anything else. Without a time zone it is taken as UTC."""
    amount = number(value)
    try:
        if amount is not None:
            smaller = sum(amount > limit for limit in _UNIT_BOUNDS)
            return datetime.fromtimestamp(amount / 1000**smaller, UTC)
        if isinstance(value, str):
            parsed = _dated(value.strip())
            return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        pass
    return None


def _dated(text: str) -> datetime:
    if parts := _ISO_AND_MORE.fullmatch(text):
        year, month, day, time, zone = parts.groups()
        text = f"{year}-{month}-{day}T{time}{(zone or '').upper()}"
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return http_date(text) or datetime.fromisoformat("")


def http_date(text: str | None) -> datetime | None:
    """The point in time of a header such as Date, in any of its three forms; None when there is none."""
    try:
        parsed = parsedate_to_datetime(text or "")
        return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


# The longest wait in seconds that is worth it, which is that of a limit by the minute; a quota that returns
# tomorrow is not.
MAX_WAIT = 61.0


def wait_asked(retry_after: str | None, now: datetime) -> float | None:
    """How many seconds a Retry-After header asks to wait, given in seconds or as a date, with `now` by the
    host's own clock; None when it asks for nothing readable."""
    text = (retry_after or "").strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    # No number is a date: -5 and 2026 would be read as one by the generous reader of mails.
    until = http_date(text) if any(letter.isalpha() for letter in text) else None
    if until is None:
        return None
    # Dates have no fractions: the second that both have lost is waited for as well.
    seconds = (until - now).total_seconds()
    return seconds + 1 if seconds >= 0 else 0.0
