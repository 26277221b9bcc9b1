"""The asset CDN: files under ids that cannot be guessed, until they expire or are evicted (document: asset
CDN).

All files live equally long, so the oldest is always the next to expire.
"""

import asyncio
from base64 import urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from tempfile import TemporaryFile
from threading import Lock
from typing import IO, Protocol, TypeVar
from weakref import finalize

from lightning_mock.clock import Clock

MAX_BYTES = 128 * 1024 * 1024
_ID_BYTES = 18
_LARGE = 1024 * 1024

T = TypeVar("T")

RandomBytes = Callable[[str, int], bytes]


@dataclass(frozen=True, slots=True)
class Asset:
    """One file. At `expires_at`, in seconds since the epoch, it is no longer served."""

    id: str
    content: bytes
    expires_at: float


class Assets(Protocol):
    """Where the files of one mock are kept."""

    async def put(self, content: bytes) -> Asset:
        """Store a file, evicting the oldest ones; one larger than the whole store is not kept."""

    async def get(self, asset_id: str) -> Asset | None:
        """The file, or None when the id was never issued, or its file has expired or been evicted."""

    async def clear(self) -> None:
        """Forget all files."""


def new_id(random: RandomBytes, purpose: str) -> str:
    """An id that cannot be guessed."""
    return urlsafe_b64encode(random(purpose, _ID_BYTES)).decode()


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a file lies in the ring."""

    start: int
    size: int
    expires_at: float


class AssetStore:
    """Files of this process, within a bound of bytes. They lie one after the other in a temporary file, and
    not in memory: they would stay there for an hour, whether or not somebody asks for them.

    The oldest is always the first to go, so what is free is one piece of the ring, or two at its ends. The
    ring is twice as long as the bound: then a file that does not fit before its end always fits at its start.
    """

    def __init__(
        self, clock: Clock, lifetime_seconds: float, random: RandomBytes, max_bytes: int = MAX_BYTES
    ) -> None:
        self._clock = clock
        self._lifetime = lifetime_seconds
        self._random = random
        self._max_bytes = max_bytes
        self._places: OrderedDict[str, _Place] = OrderedDict()
        self._bytes = 0
        self._count = 0
        self._end = 0
        self._ring: IO[bytes] | None = None
        self._using = Lock()

    @property
    def kept_bytes(self) -> int:
        """The bytes of all files that are kept."""
        return self._bytes

    async def put(self, content: bytes) -> Asset:
        self._count += 1
        asset = Asset(
            new_id(self._random, f"asset-{self._count}"), content, self._clock.now() + self._lifetime
        )
        size = len(content)
        if size <= self._max_bytes:
            self._make_room(size)
            start = self._end if self._end + size <= 2 * self._max_bytes else 0
            self._end = start + size
            self._places[asset.id] = _Place(start, size, asset.expires_at)
            self._bytes += size
            await _run(partial(self._write, start, content), size)
        return asset

    async def clear(self) -> None:
        self._places.clear()
        self._bytes = 0

    async def get(self, asset_id: str) -> Asset | None:
        place = self._places.get(asset_id)
        if place is None or place.expires_at <= self._clock.now():
            return None
        content = await _run(partial(self._read, place.start, place.size), place.size)
        # Others may have written over it in the meantime.
        return Asset(asset_id, content, place.expires_at) if asset_id in self._places else None

    def _make_room(self, size: int) -> None:
        now = self._clock.now()
        while self._places:
            oldest = next(iter(self._places.values()))
            if oldest.expires_at > now and self._bytes + size <= self._max_bytes:
                return
            self._places.popitem(last=False)
            self._bytes -= oldest.size

    def _write(self, start: int, content: bytes) -> None:
        with self._using:
            if self._ring is None:
                self._ring = _new_ring()
                finalize(self, self._ring.close)
            self._ring.seek(start)
            self._ring.write(content)

    def _read(self, start: int, size: int) -> bytes:
        with self._using:
            if self._ring is None:
                return b""
            self._ring.seek(start)
            return self._ring.read(size)


def _new_ring() -> IO[bytes]:
    try:
        return TemporaryFile()
    except OSError:
        # Some containers have no writable file system.
        return BytesIO()


async def _run(work: Callable[[], T], size: int) -> T:
    """Work on so many bytes, outside the event loop if they are many."""
    return work() if size <= _LARGE else await asyncio.to_thread(work)
