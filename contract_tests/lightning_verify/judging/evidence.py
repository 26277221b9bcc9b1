"""Evidence: an exchange as it goes into a report, without secrets and within bounds.

Redaction happens here, when something is recorded, so that no later step can forget it.
"""

from __future__ import annotations

import shlex
from typing import Any

from lightning_verify.judging.redaction import Redactor
from lightning_verify.transport.exchange import Exchange

# Characters shown of an answer and of a request, which can be sent again by hand; bytes looked at.
_EXCERPT = 600
_COMMAND = 4_000
_LONGEST = 20_000


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
                "path": self.redactor.text(exchange.path[:_EXCERPT]),
                "curl": self._curl(exchange),
            },
            "response": {
                "status": exchange.status,
                "headers": dict(self.redactor.headers(exchange.headers)),
                "body": self._excerpt(exchange.body, exchange.media_type),
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
        parts.append(shlex.quote(self.redactor.text(self.base_url + exchange.path[:_EXCERPT])))
        for name, value in self.redactor.headers(exchange.request_headers.items()):
            parts += ["-H", shlex.quote(f"{name}: {value}")]
        if exchange.request_body is not None:
            parts += ["-d", shlex.quote(self._excerpt(exchange.request_body, "application/json", _COMMAND))]
        return " ".join(parts)

    def _excerpt(self, body: bytes, media_type: str, length: int = _EXCERPT) -> str:
        if not body:
            return ""
        binary = media_type.startswith(("image/", "video/", "audio/")) or b"\0" in body[:64]
        if binary:
            return f"<{len(body)} bytes, first {body[:12].hex(' ')}>"
        # Redact before cutting: half a token would not be recognised.
        text = self.redactor.text(body[:_LONGEST].decode("utf-8", "replace"))
        return text if len(text) <= length else f"{text[:length]}... ({len(body)} bytes)"
