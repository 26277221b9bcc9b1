"""Everything that happens, as it happens: a stream of server-sent events.

Law: a listener that is slow or gone costs the mock nothing; changes that come together are told once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import orjson
from aiohttp import web

from lightning_mock.control.entries import entry
from lightning_mock.control.request import Asked
from lightning_mock.journal.event_hub import News, StateChanged
from lightning_mock.state import State

_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
    "X-Content-Type-Options": "nosniff",
}
_HEARTBEAT = 10.0
_STATE = b"event: state\ndata: {}\n\n"


async def stream_events(asked: Asked, state: State) -> web.StreamResponse:
    """Until the listener leaves."""
    response = web.StreamResponse(headers=_HEADERS)
    with state.watch.listening() as news:
        try:
            await response.prepare(asked.request)
            await response.write(b": listening\n\n")
            while True:
                try:
                    async with asyncio.timeout(_HEARTBEAT):
                        first = await news.get()
                except TimeoutError:
                    await response.write(b": still here\n\n")
                else:
                    await response.write(b"".join(_written(_together(first, news))))
        except ConnectionError:
            return response


def _together(first: News, news: asyncio.Queue[News]) -> Iterator[News]:
    yield first
    while not news.empty():
        yield news.get_nowait()


def _written(all_news: Iterator[News]) -> Iterator[bytes]:
    state_changed = False
    for item in all_news:
        if isinstance(item, StateChanged):
            state_changed = True
        else:
            yield b"event: exchange\nid: %d\ndata: %s\n\n" % (item.id, orjson.dumps(entry(item)))
    if state_changed:
        yield _STATE
