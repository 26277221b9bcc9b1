"""Everything that happens, as it happens: a stream of server-sent events.

Law: a listener that is slow or gone costs the mock nothing; changes that come together are told once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator

import orjson
from aiohttp import web

from lightning_mock.control.entries import entry
from lightning_mock.control.request import ControlRequest
from lightning_mock.journal.event_hub import END, Event, StateChanged, Told
from lightning_mock.journal.recording import Recording
from lightning_mock.state import State

_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
    "X-Content-Type-Options": "nosniff",
}
_HEARTBEAT = 10.0
_STATE = b"event: state\ndata: {}\n\n"


async def stream_events(request: ControlRequest, state: State) -> web.StreamResponse:
    """Until the listener leaves, or the process does."""
    response = web.StreamResponse(headers=_HEADERS)
    with state.event_hub.listening() as events:
        try:
            await response.prepare(request.http)
            await response.write(b": listening\n\n")
            while True:
                try:
                    async with asyncio.timeout(_HEARTBEAT):
                        first = await events.get()
                except TimeoutError:
                    await response.write(b": still here\n\n")
                else:
                    heard = list(_coalesced(first, events))
                    await response.write(b"".join(_written(heard)))
                    if END in heard:
                        return response
        except ConnectionError:
            return response


def _coalesced(first: Event, events: asyncio.Queue[Event]) -> Iterator[Event]:
    yield first
    while not events.empty():
        yield events.get_nowait()


def _words(kept: Recording) -> bytes:
    return b"event: exchange\nid: %d\ndata: %s\n\n" % (kept.id, orjson.dumps(entry(kept)))


def _written(events: Iterable[Event]) -> Iterator[bytes]:
    state_changed = False
    for event in events:
        if isinstance(event, StateChanged):
            state_changed = True
        elif isinstance(event, Told):
            if event.words is None:
                event.words = _words(event.recording)
            yield event.words
    if state_changed:
        yield _STATE
