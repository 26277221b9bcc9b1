"""The workers of one mock: started when there is work, ended after a while without any.

Law: a job is answered whatever becomes of a worker. One that is lost while it works is replaced once.
"""

from __future__ import annotations

from threading import BoundedSemaphore, Lock

from lightning_mock.generation.rendering.errors import HeavyPictureError, TooMuchWorkError
from lightning_mock.generation.rendering.jobs import Decoding, Job, parts
from lightning_mock.generation.rendering.worker import Worker, WorkerLostError

WORKERS = 2
_SMALL_FILE = 64 * 1024


class WorkerPool:
    """Used from several threads; `close` when the mock ends."""

    def __init__(self, most: int = WORKERS) -> None:
        self._free = BoundedSemaphore(most)
        self._lock = Lock()
        self._idle: list[Worker] = []
        self._busy: set[Worker] = set()
        self._closed = False

    def do(self, job: Job) -> bytes:
        """The job's bytes, from the next worker that is free. Raises as `Worker.do` does."""
        with self._free:
            try:
                return self._do(job, self._take())
            except WorkerLostError:
                return self._do(job, self._begin())

    def decode(self, content: bytes, max_pixels: int) -> tuple[bytes, bytes]:
        """An input image as PNG, and its thumbnail. Raises TooManyPixelsError, TooMuchWorkError, and
        JobFailedError for what is no image.

        A decoder can be made to use time and memory out of all proportion to the file: by thousands of scans,
        empty blocks, or pieces that it joins one by one. What is not small in every respect gets a worker of
        its own with limits, which holds nobody else up.
        """
        try:
            if len(content) <= _SMALL_FILE:
                try:
                    return parts(self.do(Decoding(content, max_pixels, only_small=True)))
                except HeavyPictureError:
                    pass
            return parts(
                self._do(Decoding(content, max_pixels), self._begin(for_one_picture=True), keep=False)
            )
        except WorkerLostError:
            raise TooMuchWorkError from None

    @property
    def pids(self) -> list[int]:
        """The running processes."""
        with self._lock:
            return [worker.pid for worker in (*self._idle, *self._busy)]

    def end_idle(self) -> None:
        """End the workers that have nothing to do; the next job starts another."""
        with self._lock:
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.end()

    def close(self) -> None:
        """End every worker. A job that has begun is lost."""
        with self._lock:
            self._closed = True
            busy = list(self._busy)
        self.end_idle()
        for worker in busy:
            worker.kill()

    def _take(self) -> Worker:
        with self._lock:
            while self._idle:
                worker = self._idle.pop()
                if worker.is_alive:
                    self._busy.add(worker)
                    return worker
                worker.end()
        return self._begin()

    def _begin(self, *, for_one_picture: bool = False) -> Worker:
        with self._lock:
            if self._closed:
                raise WorkerLostError
            worker = Worker(for_one_picture=for_one_picture)
            self._busy.add(worker)
            return worker

    def _do(self, job: Job, worker: Worker, *, keep: bool = True) -> bytes:
        try:
            return worker.do(job)
        finally:
            with self._lock:
                self._busy.discard(worker)
                keep = keep and worker.is_alive and not self._closed
                if keep:
                    self._idle.append(worker)
            if not keep:
                worker.end()
