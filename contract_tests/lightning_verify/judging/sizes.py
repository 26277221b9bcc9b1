"""Whether a request may hold more text than a host takes: the document leaves the sizes to configuration."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from lightning_verify.laws.law import request_json
from lightning_verify.transport.exchange import Exchange

# Bytes of text that any host takes.
_SHORT = 100


def may_be_too_long(exchange: Exchange) -> bool:
    """Whether an answer says that a request is too large, or its address, and the text in it is not short.
    Pictures are no text."""
    if exchange.status not in {413, 414}:
        return False
    asked = request_json(exchange)
    said = {name: value for name, value in asked.items() if name != "image_urls"}
    in_address = unquote_to_bytes(exchange.path.partition("?")[0].rpartition("/")[2])
    return max(_size(said), len(in_address)) > _SHORT


def _size(value: object) -> int:
    """Bytes of text, in all fields together."""
    if isinstance(value, str):
        return 0 if value.startswith("data:") else len(value.encode(errors="replace"))
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return sum(map(_size, parts))
