"""Reading /usage, and measuring what a call consumes.

A fresh caller is ours alone, so every movement of its counters is ours. Counters may lag, windows may roll
over while we look, and a shared account may be used by others: each of these makes a measurement undecided,
and none is held against the host.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import SystemRandom

from lightning_verify.judging.judge import Judge
from lightning_verify.judging.ledger import identities
from lightning_verify.judging.snapshot import (
    Snapshot,
    Unreadable,
    difference,
    is_the_same,
    parse_usage,
    rolled_over,
)
from lightning_verify.requests.callers import Caller
from lightning_verify.transport.exchange import Exchange

# As many looks without a call as an action has requests, and some more: they tell an account where somebody
# else spends.
IDLE_LOOKS = 10
# How often the counters of an account are looked at while other tests ask for it, to find it at rest.
# And how many seconds lie between two of these looks.
_CALM_LOOKS, _BREAK = 4, 0.2
# Seconds between two looks at a counter that is about to move, and how many looks there are in the time that
# it takes: a host whose counters lag is not asked thousands of times.
_SOON, _LOOKS = 0.25, 6
# How many times as long as a measurement took an account is looked at afterwards.
_PAUSE = 3.0, 8.0
# Seconds that any counter is given.
SHORTEST_SETTLE = 1.0


def read_usage(judge: Judge, requirement: str, caller: Caller) -> Snapshot:
    """The snapshot of `caller`. Raises Undecided when it cannot be read: USE-1 to USE-4 judge that."""
    return counters(judge, requirement, judge.get("/usage", caller))


def counters(judge: Judge, requirement: str, exchange: Exchange) -> Snapshot:
    """The snapshot in an answer of /usage. Raises Undecided when it cannot be read."""
    judge.served(requirement, exchange, owner=False)
    try:
        return parse_usage(exchange)
    except Unreadable as problem:
        message = f"{problem} (see USE-1, USE-2 and USE-3)"
        raise judge.undecided(requirement, message, exchange) from None


def moved(judge: Judge, requirement: str, before: Snapshot, after: Snapshot) -> dict[str, int]:
    """How much each counter changed between two readings; unchanged ones are left out. Every comparison of
    two readings goes through here. Raises MidnightPassed when a window may have ended between them, since the
    two may then be of different days."""
    if rolled_over(before, after):
        raise judge.midnight(requirement, before.exchange, after.exchange)
    return difference(before, after)


def not_a_copy(judge: Judge, requirement: str, before: Snapshot, after: Snapshot) -> None:
    """Raises Undecided when what should have moved between two readings was read from a copy of the first."""
    if is_the_same(before, after):
        message = f"/usage is a copy, made at {after.generated_at}; --settle says how long copies are kept"
        raise judge.undecided(requirement, message, before.exchange, after.exchange)


def not_exhausted(judge: Judge, requirement: str, fresh: Snapshot) -> None:
    """Raises Undecided when a brand-new caller has nothing left: then the whole host is at its limits, and
    nothing can be said of one caller."""
    limited = {m: limit for m, limit in fresh.limit.items() if limit is not None and limit > 0}
    if limited and all(fresh.used[metric] >= limit for metric, limit in limited.items()):
        raise judge.undecided(requirement, "every caller is at its limits on this host", fresh.exchange)


@dataclass(frozen=True, slots=True)
class Observation:
    """One call of a fresh caller between two looks at its counters."""

    caller: Caller
    metric: str
    before: Exchange
    call: Exchange
    after: Exchange

    def consumed(self, judge: Judge, requirement: str) -> dict[str, int]:
        """How far each counter moved. Raises Undecided when the call was not served, a counter cannot be
        read or a window ended meanwhile."""
        judge.served(requirement, self.call, owner=False)
        looks = self.before, self.after
        try:
            before, after = (parse_usage(judge.served(requirement, look, owner=False)) for look in looks)
        except Unreadable as problem:
            raise judge.undecided(requirement, str(problem), self.after) from None
        change = moved(judge, requirement, before, after)
        if self.metric not in change:
            not_a_copy(judge, requirement, before, after)
        if self.metric not in change and _held(self.before, self.metric, self.caller):
            raise judge.disturbed(
                requirement, "the first look may have counted a unit held for others", *looks
            )
        return change


def observe(
    judge: Judge,
    caller: Caller,
    metric: str,
    call: Callable[[], Exchange],
    before: Exchange | None = None,
) -> Observation:
    """Read the counters unless `before` is a reading already, call, and read again until `metric` has moved
    or the counters have had time to settle. The longest delay seen is kept as the host's lag; a counter that
    stood still for all of its time once is given twice that lag from then on."""
    before = before or judge.get("/usage", caller)
    for _ in range(_CALM_LOOKS):
        if not _held(before, metric, caller):
            break
        time.sleep(_BREAK)
        before = judge.get("/usage", caller)
    exchange = call()
    called = time.monotonic()
    after = judge.get("/usage", caller)
    if exchange.served and before.served:
        learned, counter = judge.learned, f"{metric} of {caller.payer}"
        settle = judge.settle
        if counter in learned.stood_still and learned.lag is not None:
            settle = min(settle, max(SHORTEST_SETTLE, 2 * learned.lag))
        while not _moved(before, after, metric) and time.monotonic() < called + settle:
            _pause(judge, called)
            after = judge.get("/usage", caller)
        if _moved(before, after, metric):
            learned.lag = max(learned.lag or 0.0, time.monotonic() - called)
        else:
            learned.stood_still.add(counter)
    return Observation(caller, metric, before, exchange, after)


def others_spend(judge: Judge, requirement: str, seen: Observation) -> bool:
    """Whether the counters of an account move while we ask for nothing. They are looked at for a time that
    chance decides: another run of this judge does the same as we do, at the same pace."""
    last = counters(judge, requirement, seen.after)
    while_measured = seen.after.sent - seen.before.sent
    end = time.monotonic() + while_measured * SystemRandom().uniform(*_PAUSE)
    looks = 0
    while looks < IDLE_LOOKS or time.monotonic() < end:
        time.sleep(min(_SOON, while_measured / IDLE_LOOKS))
        look = read_usage(judge, requirement, seen.caller)
        if moved(judge, requirement, last, look):
            return True
        looks += 1
    return False


def _pause(judge: Judge, since: float) -> None:
    """Wait before the next look at a counter: longer the longer it has taken already, or took before."""
    taken = max(time.monotonic() - since, judge.learned.lag or 0.0)
    time.sleep(max(min(_SOON, judge.settle / 10), taken / _LOOKS))


def _held(look: Exchange, metric: str, caller: Caller) -> bool:
    """Whether a look may have counted a unit of this caller that is given back once a request is refused.
    Bearers may be of one account."""

    def payer(headers: Mapping[str, str]) -> str:
        name = next(iter(identities(headers)), "")
        return "an account" if name.startswith("bearer ") else name

    return any(of == metric and payer(headers) == payer(caller.headers) for of, headers in look.under_way)


def _moved(before: Exchange, after: Exchange, metric: str) -> bool:
    try:
        return metric in difference(parse_usage(before), parse_usage(after))
    except Unreadable:
        # Nothing to wait for: it will not become readable.
        return True


def settled(judge: Judge, requirement: str, caller: Caller, metric: str, used: int) -> Snapshot:
    """The counters once `used` units of `metric` are counted, or when their time to settle is over."""
    begun = time.monotonic()
    while True:
        after = read_usage(judge, requirement, caller)
        if after.used[metric] >= used or time.monotonic() > begun + judge.settle:
            return after
        _pause(judge, begun)
