"""Who is told when something happens.

Law: nobody who tells waits for anybody who listens. A listener that falls behind misses what does not fit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from lightning_mock.journal.recording import Recording


class Told:
    """An exchange. `words` are how it is written to listeners, once the first of them has needed it: they are
    the same for all."""

    __slots__ = ("recording", "words")

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.words: bytes | None = None


class StateChanged:
    """Something that the control plane shows is not what it was."""


class End:
    """Nothing more is told."""


STATE_CHANGED: Final = StateChanged()
END: Final = End()
Event = Told | StateChanged | End
_BACKLOG = 1000


class EventHub:
    """The listeners of one mock."""

    def __init__(self) -> None:
        self.listeners: set[asyncio.Queue[Event]] = set()

    def publish(self, event: Event) -> None:
        """Give event to every listener that has room."""
        for queue in self.listeners:
            if not queue.full():
                queue.put_nowait(event)

    def forget(self) -> None:
        """Drop the calls that listeners have not come to yet. One that never reads would keep them."""
        for queue in self.listeners:
            waiting = [queue.get_nowait() for _ in range(queue.qsize())]
            for event in waiting:
                if not isinstance(event, Told):
                    queue.put_nowait(event)

    def end(self) -> None:
        """Let every listener go."""
        self.publish(END)

    @contextmanager
    def listening(self) -> Iterator[asyncio.Queue[Event]]:
        """Hear everything that is told until the block ends."""
        queue: asyncio.Queue[Event] = asyncio.Queue(_BACKLOG)
        self.listeners.add(queue)
        try:
            yield queue
        finally:
            self.listeners.discard(queue)
