"""What an access token says about itself, without verifying it."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

from lightning_verify.reading.json_text import parsed
from lightning_verify.reading.times import moment


def claims_of(token: str) -> dict[str, Any] | None:
    """The claims of a JSON Web Token; None when the text is not one."""
    parts = token.split(".")
    if len(parts) != 3 or _object(parts[0]) is None:
        return None
    return _object(parts[1])


def _object(segment: str) -> dict[str, Any] | None:
    try:
        value = parsed(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def is_of_a_session(token: str) -> bool:
    """Whether a token names a session, as Supabase's access tokens do. An API key may be a JSON Web Token as
    well, but is nobody's session."""
    return "session_id" in (claims_of(token) or {})


def expiry_of(token: str) -> datetime | None:
    """When a token says that it expires; None when it does not say."""
    return moment((claims_of(token) or {}).get("exp"))


def has_expired(token: str) -> bool:
    """Whether a token says that it has expired."""
    end = expiry_of(token)
    return end is not None and end <= datetime.now(UTC)
