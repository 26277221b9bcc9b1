"""Waits between two steps of an answer.

Law: a wait ends with its connection. Whoever went on waiting for a client that has left would keep its
request, body and all, for as long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

Pause = Callable[[float], Awaitable[None]]
"""Waits for so many real seconds, or until the client has left."""


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


def has_left(request: web.BaseRequest) -> bool:
    """Whether the client has left."""
    transport = request.transport
    return transport is None or transport.is_closing()
