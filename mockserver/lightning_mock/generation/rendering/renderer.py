"""Has jobs rendered, equal ones only once, and caches the results within a bound of bytes.

The event loop only looks up and waits, and rendering does not wait for slow decoding. Jobs are equal when
they would give the same bytes.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from lightning_mock.generation.rendering.errors import TooMuchWorkError
from lightning_mock.generation.rendering.jobs import Job
from lightning_mock.generation.rendering.worker import WorkerLostError
from lightning_mock.generation.rendering.worker_pool import WORKERS, WorkerPool

T = TypeVar("T")

MAX_BYTES = 32 * 1024 * 1024
_IDLE = 60.0
"""Seconds without work after which the workers end."""


class Renderer:
    """The workers of one mock, the threads that wait for them, and the cache. Used from one event loop;
    `close` when the mock ends."""

    def __init__(self, max_bytes: int = MAX_BYTES, do: Callable[[Job], bytes] | None = None) -> None:
        self.workers = WorkerPool()
        self._do = do or self.workers.do
        self._max_bytes = max_bytes
        self._kept: OrderedDict[Job, bytes] = OrderedDict()
        self._kept_bytes = 0
        self._pending: dict[Job, asyncio.Future[bytes]] = {}
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="render")
        self._decoding = ThreadPoolExecutor(WORKERS, thread_name_prefix="decode")
        self._idle: asyncio.TimerHandle | None = None

    @property
    def kept_bytes(self) -> int:
        """The bytes of all replies that are kept."""
        return self._kept_bytes

    async def render(self, job: Job) -> bytes:
        """The job's bytes. Cancelling one caller does not cancel the job for others that wait for it."""
        kept = self._kept.get(job)
        if kept is not None:
            self._kept.move_to_end(job)
            return kept
        pending = self._pending.get(job)
        if pending is None:
            pending = asyncio.get_running_loop().run_in_executor(self._pool, self._do, job)
            self._pending[job] = pending
            pending.add_done_callback(partial(self._finish, job))
        return await asyncio.shield(pending)

    def decode(self, content: bytes, max_pixels: int) -> tuple[bytes, bytes]:
        """Decode in a worker; blocks, so call it from what is passed to `run`."""
        return self.workers.decode(content, max_pixels)

    async def run(self, work: Callable[[], T]) -> T:
        """Run work on input images, which may take long, in a thread; nothing is cached."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._decoding, work)
        finally:
            self._rest()

    async def do_once(self, job: Job) -> bytes:
        """The bytes of a job that is not worth keeping. Raises TooMuchWorkError."""
        try:
            return await self.run(partial(self.workers.do, job))
        except WorkerLostError:
            raise TooMuchWorkError from None

    def forget(self) -> None:
        """Free what is kept for speed: the cache, and idle workers."""
        self._kept.clear()
        self._kept_bytes = 0
        self.workers.end_idle()

    def close(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        for pool in (self._pool, self._decoding):
            pool.shutdown(wait=False, cancel_futures=True)
        self.workers.close()

    def _rest(self) -> None:
        """End idle workers in a while, unless there is more work."""
        if self._idle is not None:
            self._idle.cancel()
        self._idle = asyncio.get_running_loop().call_later(_IDLE, self.workers.end_idle)

    def _finish(self, job: Job, done: asyncio.Future[bytes]) -> None:
        del self._pending[job]
        self._rest()
        # Asking for the exception also tells asyncio that somebody has seen it, if all callers have left.
        if done.cancelled() or done.exception() is not None:
            return
        content = done.result()
        if len(content) > self._max_bytes:
            return
        self._kept[job] = content
        self._kept_bytes += len(content)
        while self._kept_bytes > self._max_bytes:
            _, dropped = self._kept.popitem(last=False)
            self._kept_bytes -= len(dropped)
