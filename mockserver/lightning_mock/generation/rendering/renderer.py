"""Renders in threads, once for equal jobs, and keeps what was rendered within a bound of bytes.

The event loop only looks up and waits, and what is rendered does not wait for what is decoded. Jobs are equal
when they would give the same bytes.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Protocol, TypeVar

T = TypeVar("T")

MOST_BYTES = 32 * 1024 * 1024
WORKERS = 2


class Job(Hashable, Protocol):
    """Something that can be rendered, whatever it is."""

    def render(self) -> bytes: ...


class Renderer:
    """The threads and the cache of one mock. Used from one event loop; `close` when the mock ends."""

    def __init__(self, most_bytes: int = MOST_BYTES, workers: int = WORKERS) -> None:
        self._most_bytes = most_bytes
        self._kept: OrderedDict[Job, bytes] = OrderedDict()
        self._kept_bytes = 0
        self._pending: dict[Job, asyncio.Future[bytes]] = {}
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="render")
        self._decoding = ThreadPoolExecutor(workers, thread_name_prefix="decode")

    @property
    def kept_bytes(self) -> int:
        """The bytes of all replies that are kept."""
        return self._kept_bytes

    async def render(self, job: Job) -> bytes:
        """The job's bytes. A caller that leaves does not take them from others who wait for the same."""
        kept = self._kept.get(job)
        if kept is not None:
            self._kept.move_to_end(job)
            return kept
        pending = self._pending.get(job)
        if pending is None:
            pending = asyncio.get_running_loop().run_in_executor(self._pool, job.render)
            self._pending[job] = pending
            pending.add_done_callback(partial(self._finish, job))
        return await asyncio.shield(pending)

    async def run(self, work: Callable[[], T]) -> T:
        """Work on the images of others, which may take long; not cached."""
        return await asyncio.get_running_loop().run_in_executor(self._decoding, work)

    def close(self) -> None:
        for pool in (self._pool, self._decoding):
            pool.shutdown(wait=False, cancel_futures=True)

    def _finish(self, job: Job, done: asyncio.Future[bytes]) -> None:
        del self._pending[job]
        # Asking for the exception also tells asyncio that somebody has seen it, if all callers have left.
        if done.cancelled() or done.exception() is not None:
            return
        content = done.result()
        if len(content) > self._most_bytes:
            return
        self._kept[job] = content
        self._kept_bytes += len(content)
        while self._kept_bytes > self._most_bytes:
            _, dropped = self._kept.popitem(last=False)
            self._kept_bytes -= len(dropped)
