"""Where the units are counted.

Law: `spend` decides and counts in one step; nobody can come between. Per metric there is one shelf with
one window's counts, so a window that is over costs neither memory nor time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from lightning_mock.quota.windows import Window

Count = tuple[str, str, str, int]
"""Identity, metric, key of the window, and the units used in it."""


class Store(Protocol):
    """What a ledger asks of the place where its units are counted. Each method is one step for everybody who
    shares that place."""

    async def spend(self, identity: str, metric: str, window: Window, limit: int | None) -> tuple[bool, int]:
        """Count one unit unless the limit is reached. Gives (counted, units used before)."""

    async def used(self, identity: str, windows: Mapping[str, Window]) -> dict[str, tuple[Window, int]]:
        """The units used of several metrics, each in its window."""

    async def give_back(self, identity: str, metric: str, window: Window) -> None:
        """Take one unit off again, if its window is still the current one."""

    async def put(self, identity: str, metric: str, window: str, used: int) -> None:
        """Set what has been used in the window of that key."""

    async def begin(self, identity: str, counts: Iterable[tuple[str, str, int]]) -> None:
        """Set counts, as (metric, key of the window, used), of an identity that has not begun yet."""

    async def begun(self) -> list[str]:
        """The identities that have begun."""

    async def clear(self, identity: str | None = None) -> None:
        """Forget everything, or every count of one identity."""

    async def rows(self) -> list[Count]:
        """Every count."""

    async def identities(self, windows: Mapping[str, Window]) -> list[Mapping[str, int]]:
        """Who has a count in these windows: a mapping for each metric, in the order in which they came."""


class MemoryStore:
    """Counts in this process: for each metric the current window and a plain number for each identity.

    The methods are coroutines that never wait, so that one event loop sees each as one step.
    """

    def __init__(self) -> None:
        self._shelves: dict[str, tuple[str, dict[str, int]]] = {}
        self._begun: set[str] = set()

    async def spend(self, identity: str, metric: str, window: Window, limit: int | None) -> tuple[bool, int]:
        counts = self._counts(metric, window.key)
        used = counts.get(identity, 0)
        if limit is not None and used >= limit:
            return False, used
        counts[identity] = used + 1
        return True, used

    async def used(self, identity: str, windows: Mapping[str, Window]) -> dict[str, tuple[Window, int]]:
        found = {}
        for metric, window in windows.items():
            shelf = self._shelves.get(metric)
            counted = shelf is not None and shelf[0] == window.key
            found[metric] = (window, shelf[1].get(identity, 0) if shelf and counted else 0)
        return found

    async def give_back(self, identity: str, metric: str, window: Window) -> None:
        counts = self._peek(metric, window.key)
        used = counts.get(identity, 0)
        if used > 1:
            counts[identity] = used - 1
        elif used == 1:
            del counts[identity]

    async def put(self, identity: str, metric: str, window: str, used: int) -> None:
        counts = self._counts(metric, window)
        if used:
            counts[identity] = used
        else:
            counts.pop(identity, None)

    async def begin(self, identity: str, counts: Iterable[tuple[str, str, int]]) -> None:
        if identity not in self._begun:
            self._begun.add(identity)
            for metric, window, used in counts:
                await self.put(identity, metric, window, used)

    async def begun(self) -> list[str]:
        return list(self._begun)

    async def clear(self, identity: str | None = None) -> None:
        if identity is None:
            self._shelves.clear()
            self._begun.clear()
        for _, counts in self._shelves.values():
            counts.pop(identity or "", None)

    async def rows(self) -> list[Count]:
        return [
            (identity, metric, window, used)
            for metric, (window, counts) in self._shelves.items()
            for identity, used in counts.items()
        ]

    async def identities(self, windows: Mapping[str, Window]) -> list[Mapping[str, int]]:
        return [counts for metric, (window, counts) in self._shelves.items() if window == windows[metric].key]

    def _counts(self, metric: str, window: str) -> dict[str, int]:
        shelf = self._shelves.get(metric)
        if shelf is None or shelf[0] != window:
            shelf = self._shelves[metric] = (window, {})
        return shelf[1]

    def _peek(self, metric: str, window: str) -> dict[str, int]:
        shelf = self._shelves.get(metric)
        return shelf[1] if shelf is not None and shelf[0] == window else {}
