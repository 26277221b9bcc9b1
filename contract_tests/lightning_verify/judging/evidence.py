"""Evidence: an exchange as it goes into a report, without secrets and within bounds.

Redaction happens here, when something is recorded, so that no later step can forget it.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

from lightning_verify.judging.redaction import Redactor
from lightning_verify.laws.witnesses import transcript
from lightning_verify.reading.sse import read_events
from lightning_verify.transport.exchange import Exchange

# Characters shown of an answer and of a request, which can be sent again by hand; bytes looked at.
_EXCERPT = 1_500
_COMMAND = 4_000
_MAX_LENGTH = 20_000
# Of the end of a text, of one event of a stream; and how many events of a stream are shown.
_END = 400
_EVENT = 400
_EVENTS = 6


class Recorder:
    """Turns exchanges into JSON that may be shown to anybody."""

    def __init__(self, base_url: str, redactor: Redactor) -> None:
        self.base_url = base_url
        self.redactor = redactor

    def record(self, exchange: Exchange) -> dict[str, Any]:
        """`{caller, request: {method, path, curl}, response: {status, headers, body, seconds, problem}}`."""
        return {
            "caller": exchange.caller,
            "request": {
                "method": exchange.method,
                "path": self.redactor.text(exchange.path)[:_EXCERPT],
                "curl": self._curl(exchange),
            },
            "response": {
                "status": exchange.status,
                "headers": dict(self.redactor.headers(exchange.headers)),
                "body": self._answer(exchange),
                "bytes": len(exchange.body),
                "seconds": round(exchange.seconds, 3),
                "problem": self.redactor.text(exchange.problem) if exchange.problem else None,
            },
        }

    def _curl(self, exchange: Exchange) -> str:
        parts = ["curl", "-i"]
        if exchange.method == "HEAD":
            parts = ["curl", "-I"]
        elif exchange.method != "GET":
            parts += ["-X", exchange.method]
        if exchange.redirected:
            parts.append("-L")
        parts.append(shlex.quote(self.redactor.text(self.base_url + exchange.path)[:_COMMAND]))
        for name, value in self.redactor.headers(exchange.request_headers.items()):
            parts += ["-H", shlex.quote(f"{name}: {value}")]
        if exchange.request_body is not None:
            parts += ["-d", shlex.quote(self._beginning(exchange.request_body, _COMMAND))]
        return " ".join(parts)

    # Redact before cutting, always: half a token would not be recognised.

    def _plain(self, body: bytes) -> str:
        return self.redactor.text(body.decode("utf-8", "replace"))

    def _beginning(self, body: bytes, length: int) -> str:
        text = self._plain(body[:_MAX_LENGTH])
        return text if len(text) <= length else f"{text[:length]}... ({len(body)} bytes)"

    def _answer(self, exchange: Exchange) -> str:
        """The part of an answer that matters: the events that break a stream's grammar; the end of a body
        that does not end as it should; otherwise the beginning."""
        body, media_type = exchange.body, exchange.media_type
        if media_type.startswith(("image/", "video/", "audio/")) or b"\0" in body[:64]:
            last = f", last {body[-12:].hex(' ')}" if len(body) > 24 else ""
            return f"<{len(body)} bytes, first {body[:12].hex(' ')}{last}>" if body else ""
        streamed = media_type == "text/event-stream" or body.startswith((b"data:", b"event:", b":"))
        stream = transcript(body) if streamed else None
        breaks_off = exchange.problem is not None
        if stream is not None and not exchange.truncated:
            breaks_off |= not stream.done or "end" in stream.problems
        if stream is not None and stream.places:
            return "\n".join(self._events(body, stream.places, to_the_end=breaks_off))
        if breaks_off and len(body) > _EXCERPT:
            return f"({len(body)} bytes, which end with) ...{self._plain(body[-_MAX_LENGTH:])[-_END:]}"
        return self._beginning(body, _EXCERPT)

    def _events(self, body: bytes, places: list[int], *, to_the_end: bool) -> Iterator[str]:
        """The events at `places`, each with its number and the one before it, and the last one."""
        events = read_events(body)
        shown = sorted({near for place in places for near in (place - 1, place) if near})[:_EVENTS]
        if to_the_end and len(events) not in shown:
            shown.append(len(events))
        yield f"({len(events)} events, of which these matter)"
        for number in shown:
            mark = "  <- here" if number in places else ""
            yield f"[{number}]{mark} {self.redactor.text(events[number - 1].data[:_MAX_LENGTH])[:_EVENT]}"
