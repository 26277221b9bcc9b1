"""Headers that concern one connection and not the way from client to host (RFC 9110, section 7.6.1), and
headers that are repeated (section 5.3)."""

from __future__ import annotations

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
"""In lower case."""


def each_once(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Each header once, with all its values: repeated ones become a list, as the standard has it."""
    names: dict[str, str] = {}
    found: dict[str, list[str]] = {}
    for name, value in headers:
        found.setdefault(names.setdefault(name.lower(), name), []).append(value)
    return {name: ", ".join(values) for name, values in found.items()}
