"""The bytes to Redis and back: a batch goes out in one write, its answers are read as they come.

Law: redis-py opens the connection, with everything that an address can ask for: a password, TLS, a socket in
the file system. Then the socket is read straight into the parser. Through a stream of asyncio and a coroutine
for each answer, a round trip took three times the processor time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, cast

from hiredis import Reader, pack_command
from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import InvalidResponse, NoScriptError, ResponseError

Argument = str | bytes | int | float
Then = Callable[[list[Any] | Exception], None]
"""Is given the answers to a batch, or why there are none."""

_pack = cast(Callable[[Sequence[Argument]], bytes], pack_command)
_MORE = object()
"""Stands for an answer that has not come yet."""


class Wire(asyncio.Protocol):
    """One connection, on which one batch is under way at a time."""

    def __init__(self, connection: AbstractConnection) -> None:
        self._connection = connection
        self._transport: asyncio.Transport = connection._writer.transport  # type: ignore[union-attr,assignment]
        self._opener = self._transport.get_protocol()
        self._parser = Reader(
            protocolError=InvalidResponse, replyError=_error, notEnoughData=cast(Any, _MORE)
        )
        self._answers: list[Any] = []
        self._wanted = 0
        self._then: Then | None = None
        self._heard = self._seconds = 0.0
        self._watch: asyncio.TimerHandle | None = None
        self.lost = False
        self._transport.set_protocol(self)

    def send(self, commands: Sequence[bytes], seconds: float, then: Then) -> None:
        """Send commands, and give `then` their answers, where one failed its error; TimeoutError when nothing
        comes for so many `seconds`. Raises RedisError."""
        if self.lost:
            raise RedisConnectionError("the connection is closed")
        self._transport.write(b"".join(commands))
        self._answers, self._wanted, self._then = [], len(commands), then
        loop = asyncio.get_running_loop()
        self._heard, self._seconds = loop.time(), seconds
        if self._watch is None:
            self._watch = loop.call_later(seconds, self._look)

    async def exchange(self, commands: Sequence[bytes], seconds: float) -> list[Any]:
        """The same answers, awaited. Raises RedisError and TimeoutError."""
        answered: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self.send(commands, seconds, partial(_settle, answered))
        return await answered

    def _look(self) -> None:
        """Whether what is waited for takes too long. One timer looks after many batches."""
        self._watch = None
        if self._then is None:
            return
        loop = asyncio.get_running_loop()
        left = self._heard + self._seconds - loop.time()
        if left <= 0:
            self._end(TimeoutError())
        else:
            self._watch = loop.call_later(left, self._look)

    def data_received(self, data: bytes) -> None:
        parser, answers = self._parser, self._answers
        try:
            parser.feed(data)
            while (answer := parser.gets()) is not _MORE:
                answers.append(answer)
        except InvalidResponse as error:
            self._end(error)
            return
        if len(answers) == self._wanted:
            self._end(answers)
        elif len(answers) > self._wanted:
            self._end(InvalidResponse("more answers than commands"))
        else:
            self._heard = asyncio.get_running_loop().time()

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        self._end(RedisConnectionError(f"the connection is closed: {error or 'by Redis'}"))
        # redis-py waits for this when it closes the connection.
        self._opener.connection_lost(error)

    async def close(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
        await self._connection.disconnect()

    def _end(self, answers: list[Any] | Exception) -> None:
        then, self._then = self._then, None
        if then is not None:
            then(answers)


def _error(message: str) -> ResponseError:
    kind = NoScriptError if message.startswith("NOSCRIPT") else ResponseError
    return kind(message)


def _settle(future: asyncio.Future[list[Any]], answers: list[Any] | Exception) -> None:
    if future.done():
        return
    if isinstance(answers, Exception):
        future.set_exception(answers)
    else:
        future.set_result(answers)


def packed(*words: Argument) -> bytes:
    """A command."""
    return _pack(words)


def part(words: Sequence[Argument]) -> bytes:
    """Some of the words of a command, without how many there are in all."""
    return _pack(words).partition(b"\n")[2]


def opener(url: str, seconds: float) -> Callable[[], Awaitable[Wire]]:
    """What opens a connection to the Redis at a URL. It raises RedisError or OSError."""
    pool = ConnectionPool.from_url(
        url,
        socket_timeout=None,
        socket_connect_timeout=seconds,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )

    async def opened() -> Wire:
        connection = cast(AbstractConnection, pool.make_connection())  # type: ignore[no-untyped-call]
        await connection.connect()  # type: ignore[no-untyped-call]
        return Wire(connection)

    return opened
