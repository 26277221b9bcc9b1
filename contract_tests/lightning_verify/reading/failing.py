"""Answers that say, under a good status, that something failed on their way."""

from __future__ import annotations

from lightning_verify.reading.sse import transcribe
from lightning_verify.transport.exchange import Exchange, NotJson


def says_it_failed(exchange: Exchange) -> bool:
    """Whether there is an error in place of what was asked for, an error in a stream, or a page of whatever
    stands before the host."""
    kind = exchange.media_type
    if kind == "text/html":
        return exchange.body.lstrip()[:1] == b"<"
    if kind == "text/event-stream":
        return b'"error"' in exchange.body and transcribe(exchange.body).upstream_error is not None
    if "json" not in kind:
        return False
    try:
        value = exchange.json()
    except NotJson:
        return False
    return isinstance(value, dict) and bool(value.get("error"))
