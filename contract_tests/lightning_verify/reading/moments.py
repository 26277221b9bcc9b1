"""Points in time, however they are written."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from lightning_verify.reading.usage import number


def moment(value: object) -> datetime | None:
    """A point in time from a text as in ISO 8601 or in mails, or from seconds or milliseconds since 1970;
    None if it is none of these."""
    amount = number(value)
    try:
        if amount is not None:
            return datetime.fromtimestamp(amount / 1000 if amount > 1e11 else amount, UTC)
        if isinstance(value, str):
            point = _dated(value.strip())
            return point if point.tzinfo else point.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def _dated(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return parsedate_to_datetime(text)
