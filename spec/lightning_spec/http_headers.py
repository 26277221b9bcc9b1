"""Headers by what they are for, and their text as it can be kept."""

from __future__ import annotations

import re
from collections.abc import Iterable

HOP_BY_HOP = frozenset(
    (
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
"""In lower case, those that concern one connection and not the way from client to host (RFC 9110, section
7.6.1)."""
SECRET_NAMES = r"token|secret|password|passwd|api[_-]?key|authorization"
"""A pattern for the end of a name, in either case, whose value is a credential."""
_SECRET_HEADER = re.compile(rf"(?:set-)?cookie|.*(?:{SECRET_NAMES})", re.IGNORECASE | re.ASCII)
_SURROGATE = re.compile("[\ud800-\udfff]")


def each_once(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Each header once, with all its values: repeated ones become a list, as the standard has it."""
    names: dict[str, str] = {}
    found: dict[str, list[str]] = {}
    for name, value in headers:
        # Plain text: names may be a subclass of str (`multidict.istr`).
        found.setdefault(names.setdefault(name.lower(), str(name)), []).append(value)
    return {name: ", ".join(values) for name, values in found.items()}


def is_secret(name: str) -> bool:
    """Whether the whole value of the header is a credential, whatever it looks like."""
    return _SECRET_HEADER.fullmatch(name) is not None


def encodable(text: str) -> str:
    """Text of a head as it can be written down: bytes that are not UTF-8, which come as surrogates, are read
    as Latin-1."""
    if text.isascii():
        return text
    return _SURROGATE.sub(lambda found: chr(0x80 | ord(found[0]) & 0x7F), text)
