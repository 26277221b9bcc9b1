"""The last exchanges, for whoever wants to know why.

Law: recording is a tuple and an append, and nothing unbounded is kept. The bearer is cut to its last
characters at once. Whatever else a caller wrote is cleaned of credentials before anybody can read it, and
within two seconds even if nobody does: cleaning each call at once would cost a good part of answering it, and
most of a busy second is overwritten unread.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile

from aiohttp.web import BaseRequest

from lightning_mock.clock import Clock
from lightning_mock.journal.event_hub import EventHub, ExchangeEvent
from lightning_mock.journal.exchange import Exchange
from lightning_mock.journal.recording import Raw, Recording, head_of, recording
from lightning_mock.real_time import stopwatch

_SWEEP = 1.0
_TIME_SLICE = 0.02


@dataclass(frozen=True, slots=True)
class Filter:
    """Which exchanges are meant; None means all. `fault` is the kind or the id of one that fired; of `since`,
    an id, only later exchanges are meant."""

    operations: frozenset[str] | None = None
    identity: str | None = None
    user: str | None = None
    status: int | None = None
    fault: str | None = None
    since: int = 0

    def __contains__(self, kept: object) -> bool:
        if not isinstance(kept, Recording) or kept.id <= self.since:
            return False
        identity, operation = kept.exchange.identity, kept.exchange.operation
        if self.status is not None and kept.status != self.status:
            return False
        if self.fault is not None and not any(self.fault in fired for fired in kept.exchange.faults):
            return False
        if self.operations is not None and (operation is None or operation.id not in self.operations):
            return False
        if self.identity is not None and (identity is None or identity.key != self.identity):
            return False
        return self.user is None or (identity is not None and identity.key == f"user:{self.user}")


class Journal:
    """A ring of exchanges, the oldest dropped first. With a size of 0 nothing is recorded."""

    def __init__(self, clock: Clock, event_hub: EventHub, default_plan: str, size: int) -> None:
        self._clock = clock
        self._event_hub = event_hub
        self._default_plan = default_plan
        self._ring: deque[Raw | Recording] = deque(maxlen=size)
        self._count = 0
        self._sweep: asyncio.TimerHandle | None = None
        self._due = 0
        """The last call that the next sweep cleans: one that was there at the sweep before it."""
        self.on = size > 0
        self.size = size
        self.number: Callable[[Raw], int] | None = None
        """Gives recordings their ids, where those of one process alone would not do."""

    def __len__(self) -> int:
        return len(self._ring)

    def record(self, exchange: Exchange, request: BaseRequest) -> None:
        """Keep what is worth knowing of a call that has been answered."""
        if exchange.received is None and not request.body_exists:
            exchange.received = 0
        self._count = number = self._count + 1
        self._ring.append((number, self._clock.now(), stopwatch(), exchange, head_of(request)))
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(_SWEEP, self._sweep_on)
        if self._event_hub.listeners:
            self._event_hub.publish(ExchangeEvent(self._clean()[-1]))

    def get(self, number: int) -> Recording | None:
        """The exchange of an id, if it is still there."""
        ring = self._clean()
        # Ids are in order, with gaps where a user's were forgotten.
        place = bisect_left(ring, number, key=lambda kept: kept.id)
        return ring[place] if place < len(ring) and ring[place].id == number else None

    async def settle(self) -> None:
        """Clean every entry, with other tasks in between."""
        while not self._sweep_some(self._count):  # noqa: ASYNC110 - each round cleans some
            await asyncio.sleep(0)

    def all(self) -> list[Recording]:
        """Every exchange, the newest last."""
        return list(self._clean())

    def find(self, wanted: Filter) -> list[Recording]:
        """The exchanges that are meant, the newest last."""
        return [kept for kept in self._clean() if kept in wanted]

    def identities(self) -> Iterator[str]:
        """The ledger keys of all callers that are in the journal."""
        for kept in self._clean():
            identity = kept.exchange.identity
            if identity is not None and identity.key:
                yield identity.key

    def users_since(self, moment: float) -> set[str]:
        """The ids of the users who have called since a moment of the mock's clock."""
        found = set()
        for kept in reversed(self._clean()):
            if kept.at < moment:
                break
            identity = kept.exchange.identity
            if identity is not None and identity.account is not None:
                found.add(identity.account.id)
        return found

    def hold(self, recordings: Iterable[Recording]) -> None:
        """Replace all entries by these, the newest last."""
        self._clean()
        self._ring.clear()
        self._ring.extend(recordings)

    def forget(self, user: str | None = None) -> None:
        """Drop everything, or everything of one user. Ids are not used again."""
        ring = self._clean()
        kept = [] if user is None else [entry for entry in ring if entry not in Filter(user=user)]
        self._ring.clear()
        self._ring.extend(kept)
        if user is None:
            self._event_hub.forget()

    def _clean(self) -> deque[Recording]:
        """The ring, once everything in it is clean."""
        while not self._sweep_some(self._count):
            pass
        clean: deque[Recording] = self._ring  # type: ignore[assignment]
        return clean

    def _sweep_on(self) -> None:
        self._sweep = None
        if not self._sweep_some(self._due):
            wait = 0.0
        elif self._ring and not isinstance(self._ring[-1], Recording):
            wait, self._due = _SWEEP, self._count
        else:
            return
        self._sweep = asyncio.get_running_loop().call_later(wait, self._sweep_on)

    def _sweep_some(self, last: int) -> bool:
        """Clean entries up to the id `last`, the oldest first, for at most `_TIME_SLICE` seconds; True once
        all of them are clean."""
        ring = self._ring
        end = stopwatch() + _TIME_SLICE
        unclean = sum(1 for _ in takewhile(lambda kept: not isinstance(kept, Recording), reversed(ring)))
        for position in range(len(ring) - unclean, len(ring)):
            kept = ring[position]
            assert not isinstance(kept, Recording)
            if kept[0] > last:
                return True
            if stopwatch() > end:
                return False
            made = recording(kept, self._default_plan)
            if self.number is not None:
                made.id = self.number(kept)
            ring[position] = made
        return True
