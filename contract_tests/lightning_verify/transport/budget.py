"""The breaker: the most units a run may cause, by metric, booked before a request leaves.

The books are kept in a file under a lock, since the workers of one run share one budget. A *paid* request
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
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Enough to witness the fault and to look at it once more, too little to hurt an account.
SURPRISES_ALLOWED = 2
# Failures and silence in the free lane of an operation: enough to see a host through a bad moment.
DOUBTS_ALLOWED = 12


# By metric: units booked, held in the free lane, and served; by payer and metric: those served; by operation:
# surprises and doubts.
_PAGES = ("booked", "held", "served", "served by payer", "surprises", "doubts")


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

    @contextmanager
    def _open(self) -> Iterator[dict[str, Any]]:
        with self._books.open("a+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            content = file.read()
            books: dict[str, Any] = json.loads(content) if content else {name: {} for name in _PAGES}
            books.setdefault("requests", 0)
            yield books
            file.seek(0)
            file.truncate()
            # In one piece: written bit by bit it takes ten times as long, at every request.
            file.write(json.dumps(books))

    def book(self, metric: str, *, second_look: bool = False) -> None:
        """Book one unit of `metric`. Raises BudgetExhausted when its cap is reached, or when what is left of
        it is kept for a `second_look`."""
        with self._open() as books:
            booked = books["booked"].get(metric, 0)
            cap = self.caps.get(metric)
            if cap is not None and booked >= cap:
                raise BudgetExhausted(f"the run may cause {cap} units of {metric} and has booked them all")
            kept = 0 if second_look else self.kept.get(metric, 0)
            if cap is not None and booked >= cap - kept:
                raise BudgetExhausted(
                    f"the run may cause {cap} units of {metric}, and the last {kept} are kept to look again "
                    "at what is answered badly"
                )
            self._keep_below_the_ceiling(books, metric)
            books["booked"][metric] = booked + 1
            books["requests"] += 1

    def _keep_below_the_ceiling(self, books: dict[str, Any], metric: str) -> None:
        ceiling = self.ceilings.get(metric)
        if ceiling is not None and books["booked"].get(metric, 0) + books["held"].get(metric, 0) >= ceiling:
            raise BudgetExhausted(
                f"the run may cause {ceiling} units of {metric}, and one more request might pass that"
            )

    def enter_free_lane(self, operation: str, metric: str) -> None:
        """Allow a request that should be refused, and hold a unit until it is. Raises BudgetExhausted when
        the lane is closed."""
        with self._open() as books:
            if books["surprises"].get(operation, 0) >= SURPRISES_ALLOWED:
                raise BudgetExhausted(
                    f"{operation} served {SURPRISES_ALLOWED} requests that it should have refused; "
                    "no more are sent, since each may cost a unit"
                )
            if books["doubts"].get(operation, 0) >= DOUBTS_ALLOWED:
                raise BudgetExhausted(
                    f"{operation} failed {DOUBTS_ALLOWED} times at requests that it should have refused; "
                    "no more are sent, since each may cost a unit"
                )
            self._keep_below_the_ceiling(books, metric)
            books["held"][metric] = books["held"].get(metric, 0) + 1
            books["doubts"][operation] = books["doubts"].get(operation, 0) + 1
            books["requests"] += 1

    def refused(self, operation: str, metric: str) -> None:
        """Give back what a request of the free lane held, since the host has refused it."""
        with self._open() as books:
            books["held"][metric] -= 1
            books["doubts"][operation] -= 1

    def count(self) -> None:
        """Count a request that no metric is concerned with."""
        with self._open() as books:
            books["requests"] += 1

    def served(self, operation: str, metric: str, *, paid: bool, payer: str) -> None:
        """Note that a request on a metered operation was answered with success, and who it was made as."""
        with self._open() as books:
            for page in (books["served"], books["served by payer"].setdefault(payer, {})):
                page[metric] = page.get(metric, 0) + 1
            if not paid:
                books["surprises"][operation] = books["surprises"].get(operation, 0) + 1

    def bill(self) -> dict[str, Any]:
        """The totals: {booked, served, served by payer, surprises: by name, requests}."""
        with self._open() as books:
            return dict(books)
