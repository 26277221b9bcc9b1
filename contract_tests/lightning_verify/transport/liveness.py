"""Whether the host still answers: one that hangs would cost hours."""

from __future__ import annotations

from lightning_verify.transport.causes import REFUSED
from lightning_verify.transport.exchange import LARGE_BODY, Exchange

# After so many unanswered requests in a row the host counts as gone, unless it answers a plain one.
MAX_UNANSWERED = 3
# The same for unanswered requests that are not in a row, in multiples of the longest deadline.
MAX_UNANSWERED_DEADLINES = 3


class HostGone(Exception):
    """The host stopped answering; nothing more is asked of it."""


class Liveness:
    """Counts requests without an answer. `longest` is the longest deadline of a request, and `outage` how
    long connections may be refused, both in seconds."""

    def __init__(self, longest: float, outage: float) -> None:
        self._longest, self._outage = longest, outage
        self._in_a_row = 0
        self._seconds = 0.0
        self._was_there = False
        self._refused = 0
        self._gone: str | None = None

    @property
    def is_doubtful(self) -> bool:
        """Whether so many requests in a row had no answer that a plain one should be tried."""
        return self._gone is None and self._in_a_row >= MAX_UNANSWERED

    def note(self, exchange: Exchange) -> None:
        """Count an exchange that is over."""
        if exchange.problem is None:
            self._was_there = True
            self._in_a_row = 0
            return
        self._seconds += exchange.seconds
        # A host may hang up on an oversized body; that is an answer of a kind.
        if len(exchange.request_body or b"") < LARGE_BODY:
            self._in_a_row += 1

    def tried(self, plain: Exchange) -> bool:
        """Take the answer to a plain request: with one the host, or a firewall in front of it, only objects
        to the others. Returns whether to try again in a second: a host that was there and refuses
        connections may be starting anew."""
        if plain.problem is None:
            self._in_a_row = 0
            return False
        self._refused += 1
        may_start = self._was_there and plain.problem.startswith(REFUSED)
        if may_start and self._refused < self._outage:
            return True
        self.give_up(f"the host left {MAX_UNANSWERED} requests in a row unanswered; no more were sent")
        return False

    def give_up(self, reason: str) -> None:
        """Count the host as gone."""
        self._gone = self._gone or reason

    def check(self) -> None:
        """Raise HostGone if nothing more is to be sent."""
        if self._seconds > MAX_UNANSWERED_DEADLINES * self._longest:
            self.give_up(f"the host left requests unanswered for {self._seconds:.0f} s; no more were sent")
        if self._gone is not None:
            raise HostGone(self._gone)
