"""The asset CDN: files under ids that cannot be guessed, until they expire or make room.

All files live equally long, so the oldest is always the next to expire.
"""

from base64 import urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from lightning_mock.clock import Clock

MOST_BYTES = 128 * 1024 * 1024
_ID_BYTES = 18

RandomBytes = Callable[[str, int], bytes]


@dataclass(frozen=True, slots=True)
class Asset:
    """One file. `expires_at` is in seconds since the epoch, and no longer served at that moment."""

    id: str
    content: bytes
    expires_at: float


class Assets(Protocol):
    """Where the files of one mock are kept."""

    async def put(self, content: bytes) -> Asset:
        """Keeps a file. The oldest ones make room; one that is larger than all room is not kept."""

    async def get(self, asset_id: str) -> Asset | None:
        """The file, or None when the id was never given out, has expired or made room."""

    async def clear(self) -> None:
        """Forget all files."""


def new_id(random: RandomBytes, purpose: str) -> str:
    """An id that cannot be guessed."""
    return urlsafe_b64encode(random(purpose, _ID_BYTES)).decode()


class AssetStore:
    """Files in this process, within a bound of bytes."""

    def __init__(
        self, clock: Clock, lifetime_seconds: float, random: RandomBytes, most_bytes: int = MOST_BYTES
    ) -> None:
        self._clock = clock
        self._lifetime = lifetime_seconds
        self._random = random
        self._most_bytes = most_bytes
        self._assets: OrderedDict[str, Asset] = OrderedDict()
        self._bytes = 0
        self._count = 0

    @property
    def kept_bytes(self) -> int:
        """The bytes of all files that are kept."""
        return self._bytes

    async def put(self, content: bytes) -> Asset:
        self._count += 1
        asset = Asset(
            new_id(self._random, f"asset-{self._count}"), content, self._clock.now() + self._lifetime
        )
        self._assets[asset.id] = asset
        self._bytes += len(content)
        self._drop_expired()
        while self._bytes > self._most_bytes:
            self._drop(next(iter(self._assets)))
        return asset

    async def clear(self) -> None:
        self._assets.clear()
        self._bytes = 0

    async def get(self, asset_id: str) -> Asset | None:
        asset = self._assets.get(asset_id)
        if asset is None or asset.expires_at <= self._clock.now():
            return None
        return asset

    def _drop_expired(self) -> None:
        now = self._clock.now()
        while self._assets:
            oldest = next(iter(self._assets.values()))
            if oldest.expires_at > now:
                return
            self._drop(oldest.id)

    def _drop(self, asset_id: str) -> None:
        self._bytes -= len(self._assets.pop(asset_id).content)
