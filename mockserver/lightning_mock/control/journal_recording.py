"""Exchanges of the journal as a recording.

Law: only what was kept whole is included, and the number of the others is reported.
"""

from __future__ import annotations

from collections.abc import Iterable

from lightning_spec.recording import Piece, RecordedExchange, RecordedRequest, RecordedResponse

from lightning_mock.journal.recording import Recording

_KEPT_STATUS = range(200, 600)


def recorded_exchanges(kept: Iterable[Recording]) -> tuple[list[RecordedExchange], int]:
    """The exchanges, and how many were left out."""
    exchanges, left_out = [], 0
    for entry in kept:
        if entry.whole and entry.answered_whole and entry.status in _KEPT_STATUS:
            exchanges.append(_exchange(entry))
        else:
            left_out += not entry.exchange.preflight
    return exchanges, left_out


def _exchange(kept: Recording) -> RecordedExchange:
    headers = dict(kept.headers)
    if "Authorization" in headers:
        identity = kept.exchange.identity
        signed_out = identity is not None and identity.account is None
        headers["Authorization"] = "Bearer public" if signed_out else "Bearer kept-nowhere"
    content = kept.text.encode() if kept.text else kept.exchange.excerpt
    return RecordedExchange(
        at=kept.at - kept.milliseconds / 1000,
        request=RecordedRequest(kept.method, kept.target, headers, kept.body.encode()),
        response=RecordedResponse(
            kept.status,
            kept.response_headers,
            kept.milliseconds / 1000,
            _pieces(content, kept.content_type),
            kept.exchange.cut,
        ),
    )


def _pieces(content: bytes, content_type: str) -> list[Piece]:
    """A stream event by event, without their times, which are not kept."""
    if not content_type.startswith("text/event-stream"):
        return [Piece(0.0, content)] if content else []
    events = content.split(b"\n\n")
    last = [Piece(0.0, events[-1])] if events[-1] else []
    return [Piece(0.0, event + b"\n\n") for event in events[:-1]] + last
