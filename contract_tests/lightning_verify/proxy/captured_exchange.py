"""What is kept of one exchange while it passes, within a bound that all of them share."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from lightning_spec.loader import Operation

# What keeping one piece costs beside its bytes.
_OVERHEAD = 200


class MemoryBudget:
    """How many bytes may be kept at once, by all exchanges that pass or wait to be judged."""

    def __init__(self, most: int) -> None:
        self._left = most
        self._lock = threading.Lock()

    def take(self, size: int) -> bool:
        """Reserve so much, if there is so much."""
        with self._lock:
            if size > self._left:
                return False
            self._left -= size
            return True

    def give_back(self, size: int) -> None:
        """Release so much."""
        with self._lock:
            self._left += size


class BoundedBody:
    """A body that is kept whole, or not at all (then it is `lost`)."""

    def __init__(self, memory: MemoryBudget, most: int) -> None:
        self._memory, self._most = memory, most
        self._pieces: list[bytes] = []
        self._taken = 0
        self.size = 0
        self.lost = False

    def add(self, pieces: list[bytes]) -> None:
        """Keep these pieces as well."""
        for piece in pieces:
            self.size += len(piece)
            if self.lost:
                continue
            cost = len(piece) + _OVERHEAD
            if self.size > self._most or not self._memory.take(cost):
                self.drop()
                self.lost = True
            else:
                self._taken += cost
                self._pieces.append(piece)

    def bytes(self) -> bytes:
        """The bytes that are kept."""
        if len(self._pieces) > 1:
            self._pieces = [b"".join(self._pieces)]
        return self._pieces[0] if self._pieces else b""

    def drop(self) -> None:
        """Keep nothing of it any more."""
        self._memory.give_back(self._taken)
        self._pieces, self._taken = [], 0


@dataclass(slots=True)
class CapturedExchange:
    """One exchange on its way. `began` is on the monotonic clock, `at` in seconds since 1970; `arrivals` has
    (seconds since it began, bytes) for each piece of the answer. `alone` says that no metered call of the
    same caller was under way when it ended."""

    method: str
    target: str
    operation: Operation | None
    request_headers: list[tuple[str, str]]
    request: BoundedBody
    response: BoundedBody
    began: float = field(default_factory=time.monotonic)
    at: float = field(default_factory=time.time)
    status: int | None = None
    headers: list[tuple[str, str]] = field(default_factory=list)
    first: float = 0.0
    arrivals: list[tuple[float, int]] = field(default_factory=list)
    seconds: float = 0.0
    problem: str | None = None
    alone: bool = True

    def head_came(self, status: int, headers: list[tuple[str, str]]) -> None:
        """The answer begins."""
        self.status, self.headers = status, headers
        self.first = time.monotonic() - self.began

    def came(self, pieces: list[bytes]) -> None:
        """A part of the answer has passed."""
        self.response.add(pieces)
        if self.response.lost:
            self.arrivals.clear()
            return
        now = time.monotonic() - self.began
        self.arrivals += [(now, len(piece)) for piece in pieces]

    def drop(self) -> None:
        """Keep no bodies any more."""
        for content in (self.request, self.response):
            content.drop()
