"""Applies the faults that a call has matched, at each point where something can go wrong.

Law: a fault fires, and counts, only where it can be seen: one that damages streams is not used up by a call
that is not streamed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import cast

from aiohttp.web import BaseRequest
from lightning_spec.loader import Operation

from lightning_mock.callers.identity import Identity
from lightning_mock.clock import Clock
from lightning_mock.faults import effects
from lightning_mock.faults.book import FaultBook
from lightning_mock.faults.fault import Fault
from lightning_mock.faults.kinds import KINDS, Alteration, FaultKind, Interruption, Point
from lightning_mock.http.replies import EventStream, Reply
from lightning_mock.http.waiting import has_left, pause


class Interrupted(Exception):
    """A fault answers in place of the server. `wait` is how many seconds it lasts, if known."""

    def __init__(self, reply: Reply, wait: float | None = None) -> None:
        super().__init__(reply.status)
        self.reply = reply
        self.wait = wait


def injector_for(
    book: FaultBook,
    request: BaseRequest,
    operation: Operation,
    identify: Callable[[BaseRequest], Identity],
    clock: Clock,
) -> FaultInjector | None:
    """The injector for the faults that a call has matched, if any."""
    faults = book.matching(request, operation, identify)
    return FaultInjector(faults, book, request, clock) if faults else None


class FaultInjector:
    """The faults that one call has met. `fired` names those that did something, as (id, kind), and
    `asked_headers` the headers that these asked for."""

    def __init__(self, faults: list[Fault], book: FaultBook, request: BaseRequest, clock: Clock) -> None:
        self._faults = faults
        self._book = book
        self._request = request
        self._clock = clock
        self.fired: list[tuple[str, str]] = []
        self.asked_headers: list[str] = []

    async def interrupt(self, point: Point) -> None:
        """Let faults take effect on `arrival`, `before_charge` or `after_charge`. Raises Interrupted when one
        of them answers."""
        for kind in KINDS.values():
            fault = await self._take(kind, point)
            if fault is not None:
                interrupt = cast(Interruption, kind.early or kind.effect)
                reply = await interrupt(fault, partial(pause, self._request))
                if reply is not None:
                    wait = None if fault.until is None else fault.until - self._clock.now()
                    raise Interrupted(reply, wait)

    async def alter(self, reply: Reply) -> Reply:
        """The reply as the caller will get it."""
        points: list[Point] = ["reply"]
        if isinstance(reply, EventStream):
            points += ["content", "events", "bytes"]
        elif reply.content and self._request.method != "HEAD":
            points += ["content", "bytes"]
        for kind in KINDS.values():
            fault = await self._take(kind, *points)
            if fault is not None:
                reply = cast(Alteration, kind.effect)(reply, fault, self._still_held_by(fault))
        return reply

    async def _take(self, kind: FaultKind, *points: Point) -> Fault | None:
        for fault in self._faults:
            if fault.kind != kind.name or kind.takes_effect(fault.parameters) not in points:
                continue
            if await self._book.take(fault):
                self.fired.append((fault.id, fault.kind))
                self.asked_headers += fault.match.header or ()
                return fault
        return None

    def _still_held_by(self, fault: Fault) -> effects.Held:
        return lambda: not fault.removed and not has_left(self._request)
