"""Everything that happens, as it happens: a stream of server-sent events.

Law: a slow or disconnected listener costs the mock nothing; simultaneous changes are reported once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator

import orjson
from aiohttp import web

from lightning_mock.control.entries import entry
from lightning_mock.control.request import ControlRequest
from lightning_mock.journal.event_hub import END, Event, ExchangeEvent, StateChanged
from lightning_mock.journal.recording import Recording
from lightning_mock.state import State

_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
    "X-Content-Type-Options": "nosniff",
}
_HEARTBEAT = 10.0
_MAX_UNREAD = 16 * 1024
"""Bytes that wait for a listener to read, before it is told no more."""
_STATE = b"event: state\ndata: {}\n\n"


async def stream_events(request: ControlRequest, state: State) -> web.StreamResponse:
    """Until the listener leaves, or the process does."""
    response = web.StreamResponse(headers=_HEADERS)
    with state.event_hub.listening() as events:
        try:
            await response.prepare(request.http)
            if request.http.transport is not None:
                request.http.transport.set_write_buffer_limits(_MAX_UNREAD)
            await response.write(b": listening\n\n")
            while True:
                try:
                    async with asyncio.timeout(_HEARTBEAT):
                        heard = await events.next()
                except TimeoutError:
                    await response.write(b": still here\n\n")
                    continue
                written, ended = b"".join(_written(heard)), END in heard
                # Whoever does not read holds up this line, and must not keep what others have forgotten.
                heard.clear()
                await response.write(written)
                if ended:
                    return response
        except ConnectionError:
            return response


def _encoded(kept: Recording) -> bytes:
    return b"event: exchange\nid: %d\ndata: %s\n\n" % (kept.id, orjson.dumps(entry(kept)))


def _written(events: Iterable[Event]) -> Iterator[bytes]:
    state_changed = False
    for event in events:
        if isinstance(event, StateChanged):
            state_changed = True
        elif isinstance(event, ExchangeEvent):
            if event.encoded is None:
                event.encoded = _encoded(event.recording)
            yield event.encoded
    if state_changed:
        yield _STATE
