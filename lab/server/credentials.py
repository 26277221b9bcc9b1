"""The credentials a target knows, named as in the environment. No other string is accepted."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping

NAMES = (
    "LIGHTNING_JWT",
    "LIGHTNING_API_KEY",
    "LIGHTNING_FREE_JWT",
    "LIGHTNING_EXPIRED_JWT",
    "LIGHTNING_EXPIRED_API_KEY",
    "LIGHTNING_REVOKED_API_KEY",
)


def _segment(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def token(subject: str, expires: int) -> str:
    header = {"alg": "HS256", "typ": "JWT"}
    payload = {"sub": subject, "email": f"{subject}@example.com", "aud": "authenticated", "exp": expires}
    return ".".join((_segment(header), _segment(payload), _segment((subject * 32)[:32].encode())))


def _key(letters: str) -> str:
    return "ipa_live_" + (letters * 32)[:32]


DEFAULTS: Mapping[str, str] = {
    "LIGHTNING_JWT": token("lab-paid", 4_102_444_800),
    "LIGHTNING_API_KEY": _key("LabPaid-"),
    "LIGHTNING_FREE_JWT": token("lab-free", 4_102_444_800),
    "LIGHTNING_EXPIRED_JWT": token("lab-paid", 1_600_000_000),
    "LIGHTNING_EXPIRED_API_KEY": _key("LabStale"),
    "LIGHTNING_REVOKED_API_KEY": _key("LabGone_"),
}


def from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The credentials that are set, by name; an empty value counts as not set."""
    return {name: environment[name] for name in NAMES if environment.get(name)}
