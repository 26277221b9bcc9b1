"""The control state that a call is decided on, where several processes share a mock and any may change it.

Law: a call is decided on the control state at hand. Whether that is the newest is checked together with its
first step in the store, which is refused otherwise, so that most calls cost one round trip. Nothing is
charged or sent before that is known.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from lightning_mock.errors import ApiError


class Outdated(Exception):
    """The state was not the newest. Nothing has been charged or sent: the call has to be decided again."""


class Basis:
    """The control state of one call. `version` is None once it has been checked, or handed to whoever checks
    it. `kept` is the body once it has been read, for a call that is decided again: it can be read only
    once."""

    __slots__ = ("_newest", "_refusal", "kept", "version")

    def __init__(self, version: int | None, newest: Callable[[], Awaitable[int]]) -> None:
        self.version = version
        self._newest = newest
        self.kept: bytes | None = None
        self._refusal: ApiError | None = None

    def take(self) -> int | None:
        """The version, for a caller that checks it in the same step in the store, and raises Outdated."""
        version, self.version = self.version, None
        return version

    async def confirm(self) -> None:
        """Check that the state is the newest, unless that has been done. Raises Outdated and StoreLost."""
        version = self.take()
        if version is not None and version != await self._newest():
            raise Outdated

    async def body(self, read: Callable[[], Awaitable[bytes]]) -> bytes:
        """The result of `read`, or the refusal that it raised; `read` itself is called only once."""
        if self._refusal is not None:
            raise self._refusal
        if self.kept is None:
            try:
                self.kept = await read()
            except ApiError as refusal:
                self._refusal = refusal
                raise
        return self.kept
