"""Waits between two steps of an answer.

Law: a wait ends with its connection. Whoever went on waiting for a client that has left would keep its
request, body and all, for as long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from aiohttp import web

T = TypeVar("T")

Pause = Callable[[float], Awaitable[None]]
"""Waits for so many real seconds, or until the client has left."""


class ClientLeft(Exception):
    """The client left before it had its answer."""


class Waiting:
    """What a connection adds to be waited on: one wait at a time, as one request is answered at a time."""

    _over: asyncio.Future[None] | None = None

    async def wait(self, seconds: float) -> None:
        """Wait for so many seconds, or until `stop_waiting`."""
        loop = asyncio.get_running_loop()
        self._over = loop.create_future()
        timer = loop.call_later(seconds, self.stop_waiting)
        try:
            await self._over
        finally:
            timer.cancel()
            self._over = None

    async def wait_for(self, work: asyncio.Task[Any]) -> None:
        """Wait until work is done, or until `stop_waiting`."""
        self._over = asyncio.get_running_loop().create_future()
        try:
            await asyncio.wait((work, self._over), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._over = None

    def stop_waiting(self) -> None:
        """End the wait, if there is one."""
        if self._over is not None and not self._over.done():
            self._over.set_result(None)


async def pause(request: web.BaseRequest, seconds: float) -> None:
    """Wait for so many real seconds, or until the client has left. In any case others have their turn."""
    connection = request.protocol
    if seconds > 0 and isinstance(connection, Waiting) and not has_left(request):
        await connection.wait(seconds)
    else:
        await asyncio.sleep(0)


async def unless_left(request: web.BaseRequest, work: Coroutine[Any, Any, T]) -> T:
    """What comes of work that nobody but the client wants. When the client leaves, the work is cancelled, and
    ClientLeft raised."""
    connection, task = request.protocol, asyncio.ensure_future(work)
    try:
        if isinstance(connection, Waiting) and not has_left(request):
            await connection.wait_for(task)
        if task.done():
            return task.result()
    finally:
        task.cancel()
    raise ClientLeft


def has_left(request: web.BaseRequest) -> bool:
    """Whether the client has left."""
    transport = request.transport
    return transport is None or transport.is_closing()
