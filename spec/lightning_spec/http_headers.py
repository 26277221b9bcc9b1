"""Headers that concern one connection and not the way from client to host (RFC 9110, section 7.6.1)."""

from __future__ import annotations

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
