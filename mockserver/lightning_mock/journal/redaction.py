"""What must not be shown of a request: credentials, wherever somebody has put them.

Law: what is kept of a call is bounded. The bearer is cut to its last characters at once; everything else that
a caller wrote is cleaned by `clean`, which looks for nothing where nothing is suspicious.
"""

from __future__ import annotations

import re

from lightning_mock.callers.credentials import KEY_PREFIX

MOST_TARGET = 300
MOST_EXCERPT = 512
_LAST = 4

_CREDENTIALS = re.compile(
    r"(?:" + re.escape(KEY_PREFIX) + r"[\w-]*|eyJ[\w-]{4,}(?:\.[\w-]*)*|\bsk-[\w-]{8,})"
    r"|(bearer(?:\s|%20|\+)+)[^\s\"'&]{6,}"
    r"|((?:token|secret|password|passwd|api[_-]?key|authorization|[?&]key)"
    r"(?:\\?[\"'])?(?:\s|%20)*(?:[=:]|%3[ad])(?:\s|%20)*(?:\\?[\"'])?)[^\s\"'&,}\\]+",
    re.IGNORECASE | re.ASCII,
)
_SUSPICIONS = ("ipa_live", "eyj", "sk-", "bearer", "token", "secret", "passw", "key", "authorization")
"""In lower case, and cheap to look for: without any of them the pattern cannot match."""
_HARMLESS = ("_tokens", "plan_key")
"""Names of the API itself, in nearly every body, that would raise a suspicion."""


def clean(text: str) -> str:
    """Text without credentials."""
    lowered = text.lower()
    for name in _HARMLESS:
        lowered = lowered.replace(name, "")
    for suspicion in _SUSPICIONS:
        if suspicion in lowered:
            return _CREDENTIALS.sub(_hide, text)
    return text


def last_of(authorization: str) -> str:
    """The last characters of a credential, or nothing when they would be much of it."""
    return authorization[-_LAST:] if len(authorization) > 32 else ""


def _hide(match: re.Match[str]) -> str:
    return (match[1] or match[2] or "") + "[redacted]"
