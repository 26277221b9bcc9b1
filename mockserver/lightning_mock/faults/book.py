"""All faults of one mock.

Law: a call meets at most one fault of each kind: the oldest that matches and is not used up, so faults of
one kind queue, and different kinds act together.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from itertools import chain

from aiohttp.web import BaseRequest
from lightning_spec.loader import Operation

from lightning_mock.callers.identity import Identity, key_of_caller
from lightning_mock.clock import Clock
from lightning_mock.faults.fault import Fault
from lightning_mock.turns import Turns

_REMEMBERED = 100


class FaultBook:
    """The faults in the order in which they were made. `armed` says whether there is any to look for."""

    def __init__(self, clock: Clock, turns: Turns | None = None) -> None:
        self._clock = clock
        self._turns = turns
        self._live: dict[str, Fault] = {}
        self._over: deque[Fault] = deque(maxlen=_REMEMBERED)
        self.made = 0
        self.armed = False

    def new_id(self) -> str:
        self.made += 1
        return f"fault-{self.made}"

    def add(self, fault: Fault) -> Fault:
        self._live[fault.id] = fault
        self.armed = True
        return fault

    def live(self) -> list[Fault]:
        """The faults that can still fire."""
        self._retire()
        return list(self._live.values())

    def all(self) -> list[Fault]:
        """Every fault, with the latest of those that are over."""
        self._retire()
        return [*self._over, *self._live.values()]

    def remove(self, unwanted: Callable[[Fault], bool]) -> list[Fault]:
        """Take faults away; what they hold up goes on."""
        gone = [fault for fault in chain(self._over, self._live.values()) if unwanted(fault)]
        for fault in gone:
            fault.removed = True
            self._live.pop(fault.id, None)
        self._over = deque((fault for fault in self._over if not fault.removed), maxlen=_REMEMBERED)
        self.armed = bool(self._live)
        return gone

    def restore(self, faults: Iterable[Fault], made: int) -> None:
        """Replace all faults by these."""
        self.remove(lambda fault: True)
        for fault in faults:
            self.add(fault)
        self.made = made

    def adopt(self, faults: Iterable[Fault], made: int) -> None:
        """Take over the faults of another process. What one of them already holds up here stays held up."""
        here = {fault.id: fault for fault in chain(self._over, self._live.values())}
        self._live = {}
        self._over.clear()
        for fault in faults:
            self._live[fault.id] = kept = here.get(fault.id, fault)
            if kept.description() != fault.description():
                self._live[fault.id] = fault
        for fault in here.values():
            fault.removed = self._live.get(fault.id) is not fault
        self.made, self.armed = made, bool(self._live)

    def matching(
        self, request: BaseRequest, operation: Operation, identify: Callable[[BaseRequest], Identity]
    ) -> list[Fault]:
        """The live faults that a call matches, the oldest first. The caller is identified only if that
        matters."""
        self._retire()
        found = []
        caller: str | None = None
        for fault in self._live.values():
            match = fault.match
            if match.operations is not None and operation.id not in match.operations:
                continue
            if match.header is not None and any(
                request.headers.get(name) != value for name, value in match.header.items()
            ):
                continue
            if match.caller is not None:
                if caller is None:
                    caller = key_of_caller(request, operation, identify)
                if caller != match.caller:
                    continue
            found.append(fault)
        return found

    async def take(self, fault: Fault) -> bool:
        """Let a fault fire, if it still can and its random draw says so."""
        if fault.is_over(self._clock.now()):
            return False
        fired = fault.fires() if self._turns is None else await _fires(fault, self._turns)
        if fired and fault.left == 0:
            self._retire()
        return fired

    def _retire(self) -> None:
        now = self._clock.now()
        for fault in [fault for fault in self._live.values() if fault.is_over(now)]:
            self._over.append(self._live.pop(fault.id))
        self.armed = bool(self._live)


async def _fires(fault: Fault, turns: Turns) -> bool:
    """Like `Fault.fires`, with the counts that all processes share."""
    if fault.probability < 1:
        draw = await turns.take(fault.id, use=False, times=fault.times)
        fault.drawn = draw.met
        if not (draw.taken and fault.wins(draw.met)):
            return False
    turn = await turns.take(fault.id, meet=False, times=fault.times)
    fault.fired = turn.used
    return turn.taken
