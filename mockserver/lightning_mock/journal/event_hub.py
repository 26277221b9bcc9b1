"""Publishes events to whoever listens.

Law: a publisher never waits for a listener, and one that falls behind costs no memory: it misses the oldest
events.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Final

from lightning_mock.journal.recording import Recording


class ExchangeEvent:
    """An exchange has been recorded. `encoded` is its server-sent event, made when the first listener needs
    it and shared by all."""

    __slots__ = ("encoded", "recording")

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.encoded: bytes | None = None


class StateChanged:
    """Something that the control plane shows has changed."""


class End:
    """The mock ends: no event follows."""


STATE_CHANGED: Final = StateChanged()
END: Final = End()
Event = ExchangeEvent | StateChanged | End
_BACKLOG = 1000
_AT_ONCE = 10


class EventHub:
    """The listeners of one mock, and the events that not all of them have heard: kept once for all."""

    def __init__(self) -> None:
        self.listeners: set[Listener] = set()
        self._events: deque[Event] = deque(maxlen=_BACKLOG)
        self._count = 0

    def publish(self, event: Event) -> None:
        """Tell every listener."""
        if not self.listeners:
            return
        self._events.append(event)
        self._count += 1
        for listener in self.listeners:
            listener.news.set()

    def forget(self) -> None:
        """Drop the calls that listeners have not read yet: one that never reads would keep them in memory."""
        kept = [event for event in self._events if not isinstance(event, ExchangeEvent)]
        self._events.clear()
        self._events.extend(kept)

    def end(self) -> None:
        """Let every listener go."""
        self.publish(END)

    def since(self, number: int) -> tuple[list[Event], int]:
        """The next few events after the first `number`, and the number to ask with next time."""
        first = self._count - len(self._events)
        start = max(number, first)
        events = list(islice(self._events, start - first, start - first + _AT_ONCE))
        return events, start + len(events)

    @contextmanager
    def listening(self) -> Iterator[Listener]:
        """Subscribe to every event until the block ends."""
        listener = Listener(self, self._count)
        self.listeners.add(listener)
        try:
            yield listener
        finally:
            self.listeners.discard(listener)
            if not self.listeners:
                self._events.clear()


class Listener:
    """A subscriber. Events that it has not read yet are kept by the hub."""

    def __init__(self, hub: EventHub, heard: int) -> None:
        self._hub = hub
        self._heard = heard
        self.news = asyncio.Event()

    async def next(self) -> list[Event]:
        """The next few events, as soon as there is one."""
        while True:
            self.news.clear()
            events, self._heard = self._hub.since(self._heard)
            if events:
                return events
            await self.news.wait()
