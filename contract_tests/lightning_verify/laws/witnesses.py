"""Which answers show anything: those of the host itself that do not report a failure of their own."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from lightning_verify.reading.sse import Transcript, transcribe
from lightning_verify.transport.exchange import Exchange

transcript: Callable[[bytes], Transcript] = lru_cache(maxsize=4)(transcribe)


def shows_something(exchange: Exchange) -> bool:
    """Whether an answer can count for or against the host: no gateway has answered in its place, and neither
    a document nor a stream reports its own failure. A host that gives such an answer each time means it."""
    if exchange.stand_in is not None or (exchange.doubt is not None and not exchange.is_deliberate):
        return False
    return not tells_failure(exchange)


def tells_failure(exchange: Exchange) -> bool:
    """Whether a stream reports a failure after a status that said success."""
    return exchange.media_type == "text/event-stream" and transcript(exchange.body).upstream_error is not None
