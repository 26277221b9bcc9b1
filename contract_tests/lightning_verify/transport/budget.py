"""The breaker: the most units a run may cause, by metric, booked before a request leaves.

The books are kept in a file under a lock, since the workers of one run share one budget. Two bounds:
a *paid* request is booked in full against the metric's cap, whatever comes of it; a request in the *free
lane* (one that a conforming host refuses) books nothing, but a host that serves it anyway has surprised us,
and after a few surprises on an operation the lane is closed.
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


class BudgetExhausted(Exception):
    """Sending would break a cap; nothing was sent."""


class Budget:
    """Caps and books of a run. `caps` maps a metric to its cap; a metric without one is not capped."""

    def __init__(self, books: Path, caps: Mapping[str, int]) -> None:
        self._books = books
        self.caps = dict(caps)

    @contextmanager
    def _open(self) -> Iterator[dict[str, Any]]:
        with self._books.open("a+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            content = file.read()
            books: dict[str, Any] = (
                json.loads(content)
                if content
                else {"booked": {}, "served": {}, "served privately": {}, "surprises": {}, "requests": 0}
            )
            yield books
            file.seek(0)
            file.truncate()
            json.dump(books, file)

    def book(self, metric: str) -> None:
        """Book one unit of `metric`. Raises BudgetExhausted when its cap is reached."""
        with self._open() as books:
            booked = books["booked"].get(metric, 0)
            cap = self.caps.get(metric)
            if cap is not None and booked >= cap:
                raise BudgetExhausted(f"the run may cause {cap} units of {metric} and has booked them all")
            books["booked"][metric] = booked + 1
            books["requests"] += 1

    def enter_free_lane(self, operation: str) -> None:
        """Allow a request that should be refused. Raises BudgetExhausted when the lane is closed."""
        with self._open() as books:
            if books["surprises"].get(operation, 0) >= SURPRISES_ALLOWED:
                raise BudgetExhausted(
                    f"{operation} served {SURPRISES_ALLOWED} requests that it should have refused; "
                    "no more are sent, since each may cost a unit"
                )
            books["requests"] += 1

    def count(self) -> None:
        """Count a request that no metric is concerned with."""
        with self._open() as books:
            books["requests"] += 1

    def served(self, operation: str, metric: str, *, paid: bool, private: bool) -> None:
        """Note that a request on a metered operation was answered with success. `private` tells that it was
        made by a caller that nobody else can spend as."""
        with self._open() as books:
            books["served"][metric] = books["served"].get(metric, 0) + 1
            if private:
                books["served privately"][metric] = books["served privately"].get(metric, 0) + 1
            if not paid:
                books["surprises"][operation] = books["surprises"].get(operation, 0) + 1

    def bill(self) -> dict[str, Any]:
        """The books: {booked, served, served privately, surprises: by name, requests}."""
        with self._open() as books:
            return dict(books)
