"""Records what passes for the mock to replay: decoded, with its timing, without credentials."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from lightning_spec.http_headers import each_once
from lightning_spec.recording import (
    Piece,
    RecordedExchange,
    RecordedRequest,
    RecordedResponse,
    RecordingError,
    RecordingWriter,
)

from lightning_verify.proxy.captured_exchange import CapturedExchange
from lightning_verify.proxy.exchanges import PassingRecorder
from lightning_verify.transport.exchange import Exchange

__all__ = ["RecordingError", "Tape"]


class Tape:
    """Adds each exchange to a new file. Raises RecordingError when there can be none."""

    def __init__(self, path: Path, upstream: str, started: float) -> None:
        self._recorder = PassingRecorder(upstream)
        self._writer = RecordingWriter(path, upstream, started, self._clean)
        self.left_out = 0

    def _clean(self, text: str) -> str:
        return self._recorder.redactor.text(text)

    def add(self, captured: CapturedExchange, exchange: Exchange) -> None:
        """Record one exchange. It cannot be replayed without an answer, if it was too large to keep, or in
        what a recording cannot hold. Raises OSError."""
        if exchange.status is None or exchange.truncated or not 200 <= exchange.status < 600:
            self.left_out += 1
            return
        self._recorder.turn_to(exchange)
        recorded = RecordedExchange(
            captured.at,
            RecordedRequest(
                exchange.method,
                exchange.path,
                each_once(exchange.request_headers.items()),
                exchange.request_body or b"",
            ),
            RecordedResponse(
                exchange.status,
                each_once(exchange.headers),
                captured.first,
                _pieces(captured, exchange.body),
                cut=exchange.problem is not None,
            ),
        )
        try:
            self._writer.add(recorded)
        except RecordingError:
            self.left_out += 1

    def close(self) -> None:
        """Finish the recording."""
        self._writer.close()


def _pieces(captured: CapturedExchange, body: bytes) -> list[Piece]:
    """The body in its pieces; in one piece if it was compressed, since its parts are then not content."""
    times = [captured.first, *(moment for moment, _ in captured.arrivals)]
    sizes = [size for _, size in captured.arrivals]
    if sum(sizes) != len(body):
        return [Piece(times[-1] - times[0], body)] if body else []
    waits = [max(0.0, later - earlier) for earlier, later in pairwise(times)]
    pieces, begun = [], 0
    for wait, size in zip(waits, sizes, strict=True):
        pieces.append(Piece(wait, body[begun : begun + size]))
        begun += size
    return pieces
