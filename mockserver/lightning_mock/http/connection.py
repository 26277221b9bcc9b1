"""One connection: what is answered where no request can be read, and how a request that can be read begins.

It extends aiohttp's request handler and uses private names of it, which is why aiohttp is pinned.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Coroutine
from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus
from typing import Any, cast

from aiohttp import web
from aiohttp.http import RawRequestMessage
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong

from lightning_mock.errors import InvalidRequest, TooLarge
from lightning_mock.http import delivery
from lightning_mock.http.replies import Body
from lightning_mock.http.waiting import Waiting

# Prompts travel in paths, percent-encoded, and tokens in headers: the usual 8 KiB would refuse honest ones.
MAX_REQUEST_LINE = 256 * 1024
MAX_HEADER = 64 * 1024
MAX_HEADERS = 128
_MAX_AT_ONCE = 32 * 1024
"""Bytes of one connection that are parsed before the others have their turn. A chunk of a body can be a
single byte, and costs as much as a large one.
"""
_LINGER_SECONDS = 5.0
"""Seconds for which input is still read and dropped after the answer to something that is not HTTP: closing
with unread input would reset the connection, and the client could lose the answer (RFC 9112, 9.6)."""


class _LoopOfConnection:
    """The event loop as the library uses it for one connection, where a request needs no task of its own.

    Before Python 3.12 a new task waits for its first turn, a tenth of what an answer cost; from then
    on the library begins each at once by itself. Who sends the next request before the answer to this one
    waits all the same, so that others have their turn.
    """

    __slots__ = ("_connection", "_loop", "call_at", "create_future", "time")

    def __init__(self, loop: asyncio.AbstractEventLoop, connection: web.RequestHandler) -> None:
        self._loop = loop
        self._connection = connection
        self.call_at, self.create_future, self.time = loop.call_at, loop.create_future, loop.time

    def create_task(self, answering: Coroutine[Any, Any, Any]) -> Awaitable[Any]:
        return self._loop.create_task(answering) if self._connection._messages else answering


class _Lingering:
    """The transport of a connection that received something other than HTTP. `close` closes the sending side;
    input is then dropped until the client closes its side, or for `_LINGER_SECONDS` seconds (RFC 9112,
    9.6)."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._end: asyncio.TimerHandle | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def close(self) -> None:
        if self._end is not None or self._transport.is_closing():
            self.left()
            self._transport.close()
            return
        self._end = asyncio.get_running_loop().call_later(_LINGER_SECONDS, self._transport.close)
        with suppress(OSError):  # from a client that has left already
            self._transport.write_eof()
        self._transport.resume_reading()

    def left(self) -> None:
        """There is nothing left to wait for."""
        if self._end is not None:
            self._end.cancel()


class Connection(Waiting, web.RequestHandler):
    """Answers what is not even HTTP in the API's own form, without repeating any of it."""

    async def start(self) -> None:
        if sys.version_info < (3, 12):
            self._loop = cast(asyncio.AbstractEventLoop, _LoopOfConnection(self._loop, self))
        await super().start()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if hasattr(transport, "max_size"):
            transport.max_size = _MAX_AT_ONCE

    def connection_lost(self, exc: BaseException | None) -> None:
        if isinstance(self.transport, _Lingering):
            self.transport.left()
        self.stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if isinstance(self.transport, _Lingering):
            return
        super().data_received(data)
        if self._messages and not isinstance(self._messages[-1][0], RawRequestMessage):
            self._lingering_time = 0
            self.transport = cast(asyncio.Transport, _Lingering(cast(asyncio.Transport, self.transport)))
            self._give_up_bodies()

    def resume_reading(self, resume_parser: bool = True) -> None:
        # Whoever has read a body asks for it, whether or not anything was held back.
        if self.transport is None or not self.transport.is_reading():
            super().resume_reading(resume_parser)

    def _give_up_bodies(self) -> None:
        """Fail whoever waits for the rest of a body, after input that is not HTTP: aiohttp queues its error
        behind them, and they would wait for ever."""
        bodies = [body for _, body in self._messages]
        if self._current_request is not None:
            bodies.append(self._current_request.content)
        for body in bodies:
            if not body.is_eof():
                body.set_exception(web.RequestPayloadError("the body is broken"))

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if request.writer.output_size > 0:
            raise ConnectionError("the response has begun already")
        response = delivery.as_response(_refusal_of_head(exc))
        response.force_close()
        return response


def _refusal_of_head(error: BaseException | None) -> Body:
    """The answer to a head that is too large, or malformed. The library says which in its exception."""
    if isinstance(error, LineTooLong):
        if f"more than {MAX_REQUEST_LINE} " in error.message:
            return delivery.refusal(TooLarge(f"The request line is longer than {MAX_REQUEST_LINE} bytes."))
        problem = TooLarge(f"A header field is longer than {MAX_HEADER} bytes.")
    elif isinstance(error, HttpProcessingError) and "Too many headers" in error.message:
        problem = TooLarge(f"There are more than {MAX_HEADERS} header fields.")
    else:
        return delivery.refusal(InvalidRequest("This is not a well-formed HTTP request."))
    return replace(delivery.refusal(problem), status=HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
