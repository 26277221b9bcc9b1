"""Where the units are counted.

Law: `spend` decides and counts in one step; nobody can come between. Per metric there is one shelf with
one window's counts, so a window that is over costs neither memory nor time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Protocol

from lightning_mock.basis import Basis
from lightning_mock.quota.windows import Window

Shelves = dict[str, tuple[str, dict[str, int]]]
"""For each metric a window's key and the units of each identity in it."""

Count = tuple[str, str, str, int]
"""Identity, metric, key of the window, and the units used in it."""


_AT_ONCE = 10_000


class Store(Protocol):
    """What a ledger asks of the place where its units are counted. Each method is one step for everybody who
    shares that place. With a basis it raises Outdated, in that same step, where that is not the newest."""

    async def spend(
        self, identity: str, metric: str, window: Window, limit: int | None, basis: Basis | None = None
    ) -> tuple[bool, int]:
        """Count one unit unless the limit is reached. Gives (counted, units used before)."""

    async def used(
        self, identity: str, windows: Mapping[str, Window], basis: Basis | None = None
    ) -> dict[str, tuple[Window, int]]:
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
        """Who has a count in these windows: a mapping for each metric, in the order in which they came;
        and who is kept apart."""

    async def keep_apart(self, identity: str, windows: Mapping[str, Window]) -> None:
        """Keep the counts of an identity, and those in these windows, apart from now on: its windows are not
        everybody's any more."""

    async def rejoin(self, identity: str, windows: Mapping[str, Window]) -> None:
        """Keep the counts of an identity among the others' again, but only those in these windows."""


class MemoryStore:
    """Counts in this process: for each metric the current window and a plain number for each identity. Those
    with a clock of their own have shelves of their own.

    The methods are coroutines that never wait, so that one event loop sees each as one step; only `rows` lets
    others run once it has looked.
    """

    def __init__(self) -> None:
        self._shelves: Shelves = {}
        self._apart: dict[str, Shelves] = {}
        self._begun: dict[str, None] = {}

    async def spend(
        self, identity: str, metric: str, window: Window, limit: int | None, basis: Basis | None = None
    ) -> tuple[bool, int]:
        counts = self._counts(identity, metric, window.key)
        used = counts.get(identity, 0)
        if limit is not None and used >= limit:
            return False, used
        counts[identity] = used + 1
        return True, used

    async def used(
        self, identity: str, windows: Mapping[str, Window], basis: Basis | None = None
    ) -> dict[str, tuple[Window, int]]:
        found = {}
        shelves = self._shelves_of(identity)
        for metric, window in windows.items():
            shelf = shelves.get(metric)
            counted = shelf is not None and shelf[0] == window.key
            found[metric] = (window, shelf[1].get(identity, 0) if shelf and counted else 0)
        return found

    async def give_back(self, identity: str, metric: str, window: Window) -> None:
        counts = self._peek(identity, metric, window.key)
        used = counts.get(identity, 0)
        if used > 1:
            counts[identity] = used - 1
        elif used == 1:
            del counts[identity]

    async def put(self, identity: str, metric: str, window: str, used: int) -> None:
        counts = self._counts(identity, metric, window)
        if used:
            counts[identity] = used
        else:
            counts.pop(identity, None)

    async def begin(self, identity: str, counts: Iterable[tuple[str, str, int]]) -> None:
        if identity not in self._begun:
            self._begun[identity] = None
            for metric, window, used in counts:
                await self.put(identity, metric, window, used)

    async def begun(self) -> list[str]:
        return list(self._begun)

    async def clear(self, identity: str | None = None) -> None:
        if identity is None:
            self._shelves.clear()
            self._apart.clear()
            self._begun.clear()
        for _, counts in self._shelves_of(identity or "").values():
            counts.pop(identity or "", None)

    async def keep_apart(self, identity: str, windows: Mapping[str, Window]) -> None:
        if identity not in self._apart:
            counted = await self.used(identity, windows)
            await self.clear(identity)
            self._apart[identity] = {}
            for metric, (window, used) in counted.items():
                await self.put(identity, metric, window.key, used)

    async def rejoin(self, identity: str, windows: Mapping[str, Window]) -> None:
        if identity in self._apart:
            counted = await self.used(identity, windows)
            del self._apart[identity]
            for metric, (window, used) in counted.items():
                await self.put(identity, metric, window.key, used)

    async def rows(self) -> list[Count]:
        # All at one moment; what is made of it afterwards lets others run.
        taken = [
            (metric, window, list(counts), list(counts.values()))
            for shelves in (self._shelves, *self._apart.values())
            for metric, (window, counts) in shelves.items()
        ]
        rows: list[Count] = []
        for metric, window, identities, counts in taken:
            for start in range(0, len(counts), _AT_ONCE):
                some = slice(start, start + _AT_ONCE)
                both = zip(identities[some], counts[some], strict=True)
                rows += [(identity, metric, window, used) for identity, used in both]
                await asyncio.sleep(0)
        return rows

    async def identities(self, windows: Mapping[str, Window]) -> list[Mapping[str, int]]:
        listed: list[Mapping[str, int]] = [
            counts for metric, (window, counts) in self._shelves.items() if window == windows[metric].key
        ]
        if self._apart:
            listed.append(dict.fromkeys(self._apart, 0))
        return listed

    def _shelves_of(self, identity: str) -> Shelves:
        return self._apart.get(identity, self._shelves) if self._apart else self._shelves

    def _counts(self, identity: str, metric: str, window: str) -> dict[str, int]:
        shelves = self._shelves_of(identity)
        shelf = shelves.get(metric)
        if shelf is None or shelf[0] != window:
            shelf = shelves[metric] = (window, {})
        return shelf[1]

    def _peek(self, identity: str, metric: str, window: str) -> dict[str, int]:
        shelf = self._shelves_of(identity).get(metric)
        return shelf[1] if shelf is not None and shelf[0] == window else {}
