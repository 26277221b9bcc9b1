"""The claims of an access token, written and read."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

AUDIENCE = "authenticated"
# Ten years: a test that moves the clock by days must not find its users signed out. A test of expiry asks for
# a lifetime.
TOKEN_LIFETIME_SECONDS = 315_360_000.0
GENERATION = "lightning_generation"
"""A claim: how often all tokens of the user had been expired when this one was minted."""
LASTING = "lightning_lasting"
"""A claim: the token does not expire, wherever the clock is moved, since nobody asked for a lifetime."""
_YEAR_10000 = 253_402_300_800


class InvalidTokenError(Exception):
    """An access token that cannot be trusted. The message says why, without the token."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What we read of a verified token. `expires_at` in seconds since the epoch."""

    subject: str
    email: str
    expires_at: float
    issued_at: float | None
    generation: int = 0
    """The claim `GENERATION`, 0 without it."""


def token_payload(subject: str, email: str, issued_at: float, expires_at: float) -> dict[str, Any]:
    """The claims of a regular access token."""
    return {
        "sub": subject,
        "aud": AUDIENCE,
        "role": AUDIENCE,
        "email": email,
        "iat": int(issued_at),
        "exp": int(expires_at),
    }


def read_claims(payload: Mapping[str, Any], now_of: Callable[[str], float]) -> Claims:
    """The claims of a token whose signature has been verified, checked against `now_of` its subject. Raises
    InvalidTokenError when it has expired, is not valid yet, or a claim is malformed."""
    subject, expires_at = payload["sub"], payload["exp"]
    if not isinstance(subject, str) or not subject or not _is_text(subject):
        raise InvalidTokenError("its sub claim names nobody")
    if not _is_time(expires_at):
        raise InvalidTokenError("its exp claim is not a time")
    now = now_of(subject)
    if payload.get(LASTING) is True:
        expires_at = math.inf
    if expires_at <= now:
        raise InvalidTokenError("it has expired")
    starts_at = payload.get("nbf")
    if starts_at is not None and not (_is_time(starts_at) and starts_at <= now):
        raise InvalidTokenError("it is not valid yet")
    email, issued_at = payload.get("email"), payload.get("iat")
    generation = payload.get(GENERATION)
    return Claims(
        subject=subject,
        email=email if isinstance(email, str) and _is_text(email) else "",
        expires_at=float(expires_at),
        issued_at=float(issued_at) if _is_time(issued_at) else None,
        generation=generation if isinstance(generation, int) else 0,
    )


def _is_time(value: object) -> TypeGuard[int | float]:
    """A moment that the calendar has."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _YEAR_10000


def _is_text(value: str) -> bool:
    """Text without lone surrogates: JSON can hold one, and no reply could repeat it."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
