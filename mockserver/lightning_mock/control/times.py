"""Moments that callers write, as ISO 8601."""

from __future__ import annotations

from datetime import UTC, datetime

from lightning_mock.control.request import ControlError


def moment_of(text: str, field: str) -> float:
    """Seconds since the epoch; without an offset it is UTC. Raises ControlError 400."""
    try:
        read = datetime.fromisoformat(text)
        return (read if read.tzinfo is not None else read.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        expected = "an ISO 8601 moment such as 2026-06-13T12:00:00Z"
        raise ControlError(400, f"{field}: expected {expected}.") from None
