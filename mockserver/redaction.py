"""What must not be shown of a request: credentials, wherever somebody has put them.

Law: redaction happens when something is recorded. What is kept is bounded and clean already, so no reader of
the journal can forget to clean it.
"""

from __future__ import annotations

import re

from mockserver.credentials import KEY_PREFIX

MOST_TARGET = 300
MOST_EXCERPT = 512
_LAST = 4
_SHORT_TARGET = 24
"""Nothing this short has room for a credential, as long as it has no query."""

_CREDENTIALS = re.compile(
    rb"(?:" + re.escape(KEY_PREFIX.encode()) + rb"[\w-]*|eyJ[\w-]{4,}(?:\.[\w-]*)*|\bsk-[\w-]{8,})"
    rb"|(bearer(?:\s|%20|\+)+)[^\s\"'&]+"
    rb"|((?:token|secret|password|passwd|api_?-?key|authorization|[?&]key)"
    rb"(?:\\?[\"'])?(?:\s|%20)*(?:[=:]|%3[ad])(?:\s|%20)*(?:\\?[\"'])?)[^\s\"'&,}\\]+",
    re.IGNORECASE,
)
_SUSPICIONS = (b"eyj", b"ipa_live", b"sk-", b"bearer", b"token", b"secret", b"passw", b"key", b"author")
"""Cheap to look for. Without any of these the pattern need not be tried."""


def excerpt(content: bytes | None) -> bytes:
    """The beginning of a body, without credentials."""
    if not content:
        return b""
    beginning = content[:MOST_EXCERPT]
    lowered = beginning.lower()
    for suspicion in _SUSPICIONS:
        if suspicion in lowered:
            return _CREDENTIALS.sub(_hide, beginning)
    return beginning


def target(path: str) -> str:
    """The request target, bounded and without credentials."""
    if len(path) <= _SHORT_TARGET and "?" not in path:
        return path
    shown = path if len(path) <= MOST_TARGET else path[:MOST_TARGET] + "…"
    return clean(shown)


def clean(text: str) -> str:
    """Text without credentials."""
    return _CREDENTIALS.sub(_hide, text.encode("utf-8", "replace")).decode("utf-8", "replace")


def last_of(authorization: str | None) -> str:
    """The last characters of a credential, or nothing when they would be much of it."""
    return authorization[-_LAST:] if authorization is not None and len(authorization) > 32 else ""


def _hide(match: re.Match[bytes]) -> bytes:
    return (match[1] or match[2] or b"") + b"[redacted]"
