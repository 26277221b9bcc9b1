"""Who is told when something happens.

Law: nobody who tells waits for anybody who listens. A listener that falls behind misses what does not fit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from lightning_mock.journal.recording import Recording


class StateChanged:
    """Something that the control plane shows is not what it was."""


STATE_CHANGED: Final = StateChanged()
News = Recording | StateChanged
_BACKLOG = 1000


class Watch:
    """The listeners of one mock."""

    def __init__(self) -> None:
        self.listeners: set[asyncio.Queue[News]] = set()

    def tell(self, news: News) -> None:
        """Give news to every listener that has room."""
        for queue in self.listeners:
            if not queue.full():
                queue.put_nowait(news)

    @contextmanager
    def listening(self) -> Iterator[asyncio.Queue[News]]:
        """Hear everything that is told until the block ends."""
        queue: asyncio.Queue[News] = asyncio.Queue(_BACKLOG)
        self.listeners.add(queue)
        try:
            yield queue
        finally:
            self.listeners.discard(queue)
