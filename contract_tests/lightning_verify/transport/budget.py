"""The breaker: the most units a run may cause, by metric, booked before a request leaves.

The books are lines of a file under a lock, since the workers of one run share one budget: each adds what it
does at the end, and reads what others have added. A *paid* request
is booked in full against the metric's cap, whatever comes of it. A request in the *free lane* (one that a
conforming host refuses) costs nothing when it is refused. A host that serves it has surprised us, and one
that fails at it may have charged for it; after a few of either on an operation its lane is closed.

Where the user has named the most units of a metric, all of it counts against that number: paid requests,
surprises and doubts together. A request of the free lane holds a unit until it is refused, so that no host,
whatever it serves, can make the run pass the number.

Some units may be kept for second looks: a host that fails makes tests ask beyond what was planned for them,
and must not escape because nothing is left to look again with.
"""

from __future__ import annotations

import fcntl
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Enough to witness the fault and to look at it once more, too little to hurt an account.
SURPRISES_ALLOWED = 2
# Failures and silence in the free lane of an operation: enough to see a host through a bad moment, and one
# more for so many refusals, since a gateway may fail now and then in a long run.
DOUBTS_ALLOWED, REFUSALS_PER_DOUBT = 12, 10


# What is counted. By metric: units booked, held in the free lane, and served; by payer and metric: those
# served; by operation: surprises, doubts and refusals in the free lane; requests by nothing.
_BOOKED, _HELD, _SERVED, _BY_PAYER = "booked", "held", "served", "served by payer"
_SURPRISES, _DOUBTS, _REFUSALS, _REQUESTS = "surprises", "doubts", "refusals", "requests"
# A name of what is counted, and of which.
_Entry = tuple[str, ...]


class BudgetExhausted(Exception):
    """Sending would exceed a cap; nothing was sent."""


class Budget:
    """Caps and books of a run. `caps` maps a metric to the most paid requests, `ceilings` to the most units
    that may come to be charged by whatever road; a metric without one is not capped."""

    def __init__(
        self, books: Path, caps: Mapping[str, int], ceilings: Mapping[str, int] | None = None
    ) -> None:
        self._books = books
        self.caps = dict(caps)
        self.ceilings = dict(ceilings or {})
        # Units of each cap that only a second look may book.
        self.kept: dict[str, int] = {}
        self._counts = Counter[_Entry]()
        self._bytes_read = 0
        self._lock = threading.Lock()

    @contextmanager
    def _open(self) -> Iterator[Callable[..., None]]:
        """While the block lasts, nobody else counts. Gives what adds `by` to each of some entries."""
        with self._lock, self._books.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(self._bytes_read)
            for line in file:
                self._add(*json.loads(line))
            self._bytes_read = file.tell()

            def note(*entries: _Entry, by: int = 1) -> None:
                file.write(json.dumps([by, entries]).encode() + b"\n")
                self._bytes_read = file.tell()
                self._add(by, entries)

            yield note

    def _add(self, by: int, entries: Iterable[Iterable[str]]) -> None:
        for entry in entries:
            self._counts[tuple(entry)] += by

    def book(self, metric: str, *, second_look: bool = False) -> None:
        """Book one unit of `metric`. Raises BudgetExhausted when its cap is reached, or when what is left of
        it is kept for a `second_look`."""
        with self._open() as note:
            booked = self._counts[_BOOKED, metric]
            cap = self.caps.get(metric)
            if cap is not None and booked >= cap:
                raise BudgetExhausted(f"the run may cause {cap} units of {metric} and has booked them all")
            kept = 0 if second_look else self.kept.get(metric, 0)
            if cap is not None and booked >= cap - kept:
                raise BudgetExhausted(
                    f"the run may cause {cap} units of {metric}, and the last {kept} are kept to look again "
                    "at what is answered badly"
                )
            self._keep_below_the_ceiling(metric)
            note((_BOOKED, metric), (_REQUESTS,))

    def _keep_below_the_ceiling(self, metric: str) -> None:
        ceiling = self.ceilings.get(metric)
        if ceiling is not None and self._counts[_BOOKED, metric] + self._counts[_HELD, metric] >= ceiling:
            raise BudgetExhausted(
                f"the run may cause {ceiling} units of {metric}, and one more request might pass that"
            )

    def enter_free_lane(self, operation: str, metric: str) -> None:
        """Allow a request that should be refused, and hold a unit until it is. Raises BudgetExhausted when
        the lane is closed."""
        with self._open() as note:
            if self._counts[_SURPRISES, operation] >= SURPRISES_ALLOWED:
                raise BudgetExhausted(
                    f"{operation} served {SURPRISES_ALLOWED} requests that it should have refused; "
                    "no more are sent, since each may cost a unit"
                )
            doubts, refusals = self._counts[_DOUBTS, operation], self._counts[_REFUSALS, operation]
            if doubts >= DOUBTS_ALLOWED + refusals // REFUSALS_PER_DOUBT:
                raise BudgetExhausted(
                    f"{operation} failed {doubts} times at requests that it should have refused; "
                    "no more are sent, since each may cost a unit"
                )
            self._keep_below_the_ceiling(metric)
            note((_HELD, metric), (_DOUBTS, operation), (_REQUESTS,))

    def refused(self, operation: str, metric: str) -> None:
        """Give back what a request of the free lane held, since the host has refused it."""
        with self._open() as note:
            note((_HELD, metric), (_DOUBTS, operation), by=-1)
            note((_REFUSALS, operation))

    def count(self) -> None:
        """Count a request that no metric is concerned with."""
        with self._open() as note:
            note((_REQUESTS,))

    def served(self, operation: str, metric: str, *, paid: bool, payer: str) -> None:
        """Note that a request on a metered operation was answered with success, and who it was made as."""
        surprise = [] if paid else [(_SURPRISES, operation)]
        with self._open() as note:
            note((_SERVED, metric), (_BY_PAYER, payer, metric), *surprise)

    def bill(self) -> dict[str, Any]:
        """The totals: {booked, served, served by payer, surprises: by name, requests}."""
        with self._open():
            bill: dict[str, Any] = {_BOOKED: {}, _SERVED: {}, _BY_PAYER: {}, _SURPRISES: {}, _REQUESTS: 0}
            for (*within, last), count in self._counts.items():
                place = bill
                for name in within:
                    place = place.setdefault(name, {})
                place[last] = count
            return bill
