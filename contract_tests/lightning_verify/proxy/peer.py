"""One end of a pair of connections: what came from it, and the way to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import cast

from lightning_verify.proxy.framing import end_of_head

# Of what nobody has taken yet, so many bytes are held before the other end has to wait.
_MAX_HELD = 256 * 1024


class Peer(asyncio.Protocol):
    """Reads and writes with backpressure in both directions. `ended` says that nothing more will come, `lost`
    that nothing can be sent, `broken` that the end was not orderly. `at_end` is called in each case."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.ended = self.lost = self.broken = False
        self.at_end: Callable[[], None] | None = None
        self._held = b""
        self._holding = False
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._full = False

    # --- what the loop calls ------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is open."""
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Data has arrived."""
        self._held = self._held + data if self._held else data
        if len(self._held) > _MAX_HELD and not self._holding:
            self._holding = True
            self.transport.pause_reading()
        self.wake()

    def eof_received(self) -> bool:
        """The other end sends nothing more. It may still be reading."""
        self._end()
        # TLS knows no half of a connection.
        return self.transport.can_write_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self.lost, self.broken = True, exc is not None
        self._end()
        if self._writer is not None and not self._writer.done():
            self._writer.set_result(None)

    def pause_writing(self) -> None:
        """The other end does not read fast enough."""
        self._full = True

    def resume_writing(self) -> None:
        """It reads again."""
        self._full = False
        if self._writer is not None and not self._writer.done():
            self._writer.set_result(None)

    def _end(self) -> None:
        self.ended = True
        self.wake()
        if self.at_end is not None:
            self.at_end()

    # --- what the relay calls -----------------------------------------------------------------------------

    def wake(self) -> None:
        """Whoever waits for more continues, with or without it."""
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    async def more(self) -> bytes:
        """Data that has arrived and was not taken; waits for some. Empty at the end, and when woken."""
        if not self._held and not self.ended:
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        return self.take()

    def take(self) -> bytes:
        """Data that has arrived and was not taken."""
        data, self._held = self._held, b""
        if self._holding and not self.lost:
            self._holding = False
            with suppress(RuntimeError):
                self.transport.resume_reading()
        return data

    def give_back(self, data: bytes) -> None:
        """Return data that belongs to the next message."""
        if data:
            self._held = data + self._held

    async def head(self) -> bytes | None:
        """The next head; None if it did not arrive completely. Raises Malformed."""
        data = b""
        while (piece := await self.more()) or (data and not self.ended):
            # Blank lines before a start line are passed over, as the standard asks for.
            data = data + piece if data else piece.lstrip(b"\r\n")
            end = end_of_head(data)
            if end is not None:
                self.give_back(data[end:])
                return data[:end]
        return None

    @property
    def holds(self) -> bool:
        """Whether there is data that nobody has taken."""
        return bool(self._held)

    async def send(self, data: bytes) -> None:
        """Send at the pace of the receiver. Raises ConnectionResetError when the connection is gone."""
        if self.lost or self.transport.is_closing():
            raise ConnectionResetError
        self.transport.write(data)
        if self._full:
            self._writer = asyncio.get_running_loop().create_future()
            try:
                await self._writer
            finally:
                self._writer = None
            if self.lost:
                raise ConnectionResetError

    def finish(self) -> None:
        """Tell the other end that nothing more will be sent, and keep receiving where that is possible."""
        if self.lost or self.transport.is_closing():
            return
        with suppress(OSError, RuntimeError):
            if self.transport.can_write_eof():
                self.transport.write_eof()
            else:
                self.transport.close()

    def close(self) -> None:
        """Send what is still pending, and end the connection."""
        if not self.lost:
            self.transport.close()

    def abort(self) -> None:
        """End the connection at once."""
        if not self.lost:
            self.transport.abort()
