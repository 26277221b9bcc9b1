"""What a call is decided on, where several processes share a mock and another may just have changed it.

Law: a call is decided on the control state that is at hand, and whether that is the newest is asked together
with its first step in the store, which is then refused. So most calls cost one round trip. Nothing has been
charged or said until it is known.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from lightning_mock.errors import ApiError


class Outdated(Exception):
    """The state was not the newest. Nothing has happened yet: the call is to be decided again."""


class Basis:
    """The control state of one call. `version` is None as soon as nobody has to ask any more. `kept` is the
    body once it has been read, which can be done only once, for a call that is decided again."""

    __slots__ = ("_newest", "_refusal", "kept", "version")

    def __init__(self, version: int | None, newest: Callable[[], Awaitable[int]]) -> None:
        self.version = version
        self._newest = newest
        self.kept: bytes | None = None
        self._refusal: ApiError | None = None

    def take(self) -> int | None:
        """The version, for somebody who asks the store about it in the same step, and raises Outdated."""
        version, self.version = self.version, None
        return version

    async def confirm(self) -> None:
        """Ask, unless somebody has. Raises Outdated and StoreLost."""
        version = self.take()
        if version is not None and version != await self._newest():
            raise Outdated

    async def body(self, read: Callable[[], Awaitable[bytes]]) -> bytes:
        """What `read` gives or raises, and does again."""
        if self._refusal is not None:
            raise self._refusal
        if self.kept is None:
            try:
                self.kept = await read()
            except ApiError as refusal:
                self._refusal = refusal
                raise
        return self.kept
