"""Where used units are counted.

Law: `spend` checks the limit and counts in one atomic step. For each metric only the counts of one window are
kept, so that a window that is over costs neither memory nor time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from lightning_mock.basis import Basis
from lightning_mock.quota.windows import Window

WindowCounts = tuple[str, dict[str, int]]
"""The key of a window, and the units that each identity has used in it."""

Count = tuple[str, str, str, int]
"""Identity, metric, key of the window, and the units used in it."""

_NO_COUNTS: WindowCounts = ("", {})

_BATCH = 10_000
"""Rows that are built before other tasks run."""


class Store(Protocol):
    """What a ledger asks of the place where its units are counted. Each method is one atomic step for every
    process that shares that place. With a basis it raises Outdated, in that same step, where that is not the
    newest."""

    async def spend(
        self, identity: str, metric: str, window: Window, limit: int | None, basis: Basis | None = None
    ) -> tuple[bool, int]:
        """Count one unit unless the limit is reached. Returns (counted, units used before)."""

    async def used(
        self, identity: str, windows: Mapping[str, Window], basis: Basis | None = None
    ) -> dict[str, tuple[Window, int]]:
        """The units used of several metrics, each in its window."""

    async def refund(self, identity: str, metric: str, window: Window) -> None:
        """Subtract one unit, if the counts of its window are still kept."""

    async def put(self, identity: str, metric: str, window: str, used: int) -> None:
        """Set what has been used in the window of that key."""

    async def add_prior_use(self, identity: str, counts: Iterable[tuple[str, str, int]]) -> None:
        """Set the counts, as (metric, key of the window, used), of an identity that is seen for the first
        time; does nothing for any other."""

    async def seen(self) -> list[str]:
        """The identities for which `add_prior_use` has been called."""

    async def clear(self, identity: str | None = None) -> None:
        """Forget everything, or every count of one identity."""

    async def replace(self, counts: Sequence[Count], seen: Sequence[str], isolated: Collection[str]) -> None:
        """Forget everything and keep this instead, with counts of their own for the `isolated` identities:
        whoever looks sees what was there before, or all of this."""

    async def rows(self) -> list[Count]:
        """Every count."""

    async def identities(self, windows: Mapping[str, Window]) -> list[Mapping[str, int]]:
        """Who has a count in these windows: a mapping for each metric, in the order in which they came, and
        one with the isolated identities."""

    async def isolate(self, identity: str, windows: Mapping[str, Window]) -> None:
        """Count for an identity by itself from now on, beginning with what it has used in these windows: its
        clock is its own, so its windows are, too."""

    async def rejoin(self, identity: str, windows: Mapping[str, Window]) -> None:
        """Count for an isolated identity with the others again, and keep what it has used in these windows
        only."""


class MemoryStore:
    """Counts in this process. Identities with a clock of their own are in other windows than everybody else,
    so each of them has counts of its own.

    The coroutines never wait, so each is one atomic step for the event loop; only `rows` lets other tasks run
    once it has copied the counts, and `replace` before it puts them in their place, which is its last step.
    """

    def __init__(self) -> None:
        self._shared: dict[str, WindowCounts] = {}
        self._isolated: dict[str, dict[str, WindowCounts]] = {}
        self._seen: dict[str, None] = {}

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
        by_metric = self._by_metric(identity)
        for metric, window in windows.items():
            key, counts = by_metric.get(metric, _NO_COUNTS)
            found[metric] = (window, counts.get(identity, 0) if key == window.key else 0)
        return found

    async def refund(self, identity: str, metric: str, window: Window) -> None:
        key, counts = self._by_metric(identity).get(metric, _NO_COUNTS)
        used = counts.get(identity, 0) if key == window.key else 0
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

    async def add_prior_use(self, identity: str, counts: Iterable[tuple[str, str, int]]) -> None:
        if identity not in self._seen:
            self._seen[identity] = None
            for metric, window, used in counts:
                await self.put(identity, metric, window, used)

    async def seen(self) -> list[str]:
        return list(self._seen)

    async def clear(self, identity: str | None = None) -> None:
        if identity is None:
            self._shared.clear()
            self._isolated.clear()
            self._seen.clear()
        else:
            for _, counts in self._by_metric(identity).values():
                counts.pop(identity, None)

    async def isolate(self, identity: str, windows: Mapping[str, Window]) -> None:
        if identity not in self._isolated:
            counted = await self.used(identity, windows)
            await self.clear(identity)
            self._isolated[identity] = {}
            for metric, (window, used) in counted.items():
                await self.put(identity, metric, window.key, used)

    async def rejoin(self, identity: str, windows: Mapping[str, Window]) -> None:
        if identity in self._isolated:
            counted = await self.used(identity, windows)
            del self._isolated[identity]
            for metric, (window, used) in counted.items():
                await self.put(identity, metric, window.key, used)

    async def replace(self, counts: Sequence[Count], seen: Sequence[str], isolated: Collection[str]) -> None:
        made = MemoryStore()
        made._isolated = {identity: {} for identity in isolated}
        for start in range(0, len(counts), _BATCH):
            for count in counts[start : start + _BATCH]:
                await made.put(*count)
            await asyncio.sleep(0)
        made._seen = dict.fromkeys(seen)
        self._shared, self._isolated, self._seen = made._shared, made._isolated, made._seen

    async def rows(self) -> list[Count]:
        # Copied at one moment, so that what other tasks count meanwhile is not half in it.
        copied = [
            (metric, window, list(counts), list(counts.values()))
            for by_metric in (self._shared, *self._isolated.values())
            for metric, (window, counts) in by_metric.items()
        ]
        rows: list[Count] = []
        for metric, window, identities, counts in copied:
            for start in range(0, len(counts), _BATCH):
                batch = slice(start, start + _BATCH)
                pairs = zip(identities[batch], counts[batch], strict=True)
                rows += [(identity, metric, window, used) for identity, used in pairs]
                await asyncio.sleep(0)
        return rows

    async def identities(self, windows: Mapping[str, Window]) -> list[Mapping[str, int]]:
        listed: list[Mapping[str, int]] = [
            counts for metric, (window, counts) in self._shared.items() if window == windows[metric].key
        ]
        if self._isolated:
            listed.append(dict.fromkeys(self._isolated, 0))
        return listed

    def _by_metric(self, identity: str) -> dict[str, WindowCounts]:
        """The counts among which those of an identity are, by metric."""
        return self._isolated.get(identity, self._shared) if self._isolated else self._shared

    def _counts(self, identity: str, metric: str, window: str) -> dict[str, int]:
        """The counts of a window, to be changed; they replace those of another window."""
        by_metric = self._by_metric(identity)
        found = by_metric.get(metric)
        if found is None or found[0] != window:
            found = by_metric[metric] = (window, {})
        return found[1]
