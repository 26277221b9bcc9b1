"""Whether a request may hold more text than a host takes: the document leaves the sizes to configuration."""

from __future__ import annotations

from lightning_verify.laws.law import request_json
from lightning_verify.transport.exchange import Exchange

# Characters that any host takes.
SHORT = 500


def may_be_too_long(exchange: Exchange) -> bool:
    """Whether an answer says that a request is too large, or its address, and the request is not short.
    Pictures are no text."""
    if exchange.status not in {413, 414}:
        return False
    asked = request_json(exchange)
    said = {name: value for name, value in asked.items() if name != "image_urls"}
    return max(_text_length(said), len(exchange.path)) > SHORT


def _text_length(value: object) -> int:
    if isinstance(value, str):
        return 0 if value.startswith("data:") else len(value)
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return sum(map(_text_length, parts))
