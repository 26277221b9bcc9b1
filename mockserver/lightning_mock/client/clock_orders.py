"""What the control API is told when a clock is moved: everybody's or that of one caller."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from lightning_mock.client.views import moment

NEXT_DAY = {"to": "next_day"}
NEXT_WEEK = {"to": "next_week"}


def forward(**amounts: float) -> dict[str, Any]:
    """Move ahead by so many days, hours, minutes and seconds; what is 0 is left out."""
    return {"advance": {unit: amount for unit, amount in amounts.items() if amount}}


def exactly(to: datetime | str, force: bool) -> dict[str, Any]:
    """Move to a moment; into the past only with `force`."""
    return {"set": moment(to), "force": force}
