"""Nothing secret is ever recorded: every text passes here before it becomes evidence.

What counts as a secret is derived from the credentials themselves, not from a list of header names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_PATTERNS = (
    (re.compile(r"eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]*\.?[A-Za-z0-9_-]*"), "<token>"),
    (re.compile(r"ipa_live_[A-Za-z0-9_-]{6,}"), "<api key>"),
    # The look-behind keeps this linear on long runs of letters, such as base64.
    (re.compile(r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"), "<email>"),
    (re.compile(r"(?i)(bearer\s+)(?!public\b)[^\s\"',<]+"), r"\1<bearer>"),
)
_COOKIES = {"cookie", "set-cookie"}


class Redactor:
    """Replaces secrets by their names. `learn` adds one at any time, for example a forged token."""

    def __init__(self, credentials: Mapping[str, str]) -> None:
        self._names: dict[str, str] = {}
        for name, secret in credentials.items():
            self.learn(name, secret)

    def learn(self, name: str, secret: str) -> None:
        """From now on `secret`, and each long part of it, is shown as `name`."""
        parts = [secret, *(part for part in secret.split(".") if len(part) > 12)]
        for part in parts:
            if len(part) >= 6:
                self._names.setdefault(part, f"<{name}>")

    def text(self, text: str) -> str:
        """`text` without secrets."""
        # Longest first, so that a whole token is named before its parts.
        for secret in sorted(self._names, key=len, reverse=True):
            if secret in text:
                text = text.replace(secret, self._names[secret])
        for pattern, replacement in _PATTERNS:
            text = pattern.sub(replacement, text)
        return text

    def headers(self, headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """Header pairs without secrets; cookies are dropped to their names."""
        return [
            (name, value.split("=", 1)[0] + "=<cookie>" if name.lower() in _COOKIES else self.text(value))
            for name, value in headers
        ]
