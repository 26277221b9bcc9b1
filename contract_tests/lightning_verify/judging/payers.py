"""Who asks for what costs a unit: a fresh caller of our own, or an account where the plan of such callers has
none of it.

Law: an account is asked for a share of what it has left, since others may need it. Its answers show what is
served; what a call costs is measured with callers that nobody else can spend as.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol, TypeVar

from lightning_verify.judging.snapshot import Snapshot, Unreadable, parse_usage
from lightning_verify.requests.callers import Caller, anonymous
from lightning_verify.target import Spend
from lightning_verify.transport.client import BudgetExhausted, Client
from lightning_verify.transport.exchange import Exchange

# Of what an account has left, a run takes no more than one unit of so many, or one for each credential.
SHARE = {Spend.NONE: 5, Spend.SAMPLE: 5, Spend.EXHAUST: 2}


T = TypeVar("T")


class Once(Protocol):
    """Makes something once in a run, under a name."""

    def __call__(self, name: str, make: Callable[[], T]) -> T: ...


@dataclass(frozen=True, slots=True)
class Payers:
    """The callers of a run: `guest` is the usage of those without a bearer, and `accounts` are others who may
    have more, with theirs. One unit in `share` is taken of what those have left."""

    client: Client
    once: Once
    guest: Callable[[], Exchange]
    accounts: Callable[[], Iterable[tuple[Caller, Exchange]]]
    share: int

    def newcomer(self, metric: str | None) -> Caller:
        """Whoever may be served a call that costs a unit of `metric`. Raises BudgetExhausted when it takes an
        account that has too few to spare."""
        account = self.stand_in(metric)
        if metric is None or account is None:
            return anonymous()
        self.take(metric, parse_usage(self.client.send("GET", "/usage", account, follow=True)))
        return account

    def unpaid(self, metric: str | None) -> Caller:
        """Whoever may ask for what costs nothing, since it is refused. An account only where a caller of our
        own has been seen to be at its limit from the outset: to find that out would take a request."""
        known: dict[str, Caller | None] = self.once("accounts that stand in", dict)
        return known.get(metric or "") or anonymous()

    def stand_in(self, metric: str | None) -> Caller | None:
        """The account that asks for units of `metric` in place of callers without a bearer; None where those
        have some, or no account has."""
        if metric is None or not self.guests_have_none(metric):
            return None
        known: dict[str, Caller | None] = self.once("accounts that stand in", dict)
        if metric not in known:
            known[metric] = self.once(f"account with {metric}", lambda: self._account_with(metric))
        return known[metric]

    def guests_have_none(self, metric: str) -> bool:
        """Whether the plan of callers without a bearer gives them no unit of `metric` at all."""
        try:
            return parse_usage(self.guest()).limit[metric] == 0
        except Unreadable:
            return False

    def _account_with(self, metric: str) -> Caller | None:
        for account, look in self.accounts():
            with suppress(Unreadable):
                if parse_usage(look).has_units(metric):
                    return account
        return None

    def take(self, metric: str, before: Snapshot) -> None:
        """Book a unit of an account that others may need, with these counters. Each credential may take one,
        unless it is the last. Raises BudgetExhausted when the account has too few to spare."""
        limit = before.limit[metric]
        if limit is None:
            return
        left = limit - before.used[metric]
        taken: Counter[str] = self.once("units of the account", Counter)
        # What is under way is taken, and not used yet: the lowest sum is right.
        had: dict[str, int] = self.once("units that the account had", dict)
        had[metric] = min(had.get(metric, limit), left + taken[metric])
        asking: set[tuple[str, str]] = self.once("who has taken units of the account", set)
        first = (before.exchange.caller, metric) not in asking and left > 1
        if not first and (taken[metric] + 1) * self.share > had[metric]:
            raise BudgetExhausted(f"needs an account with more than {left} units of {metric} left")
        asking.add((before.exchange.caller, metric))
        taken[metric] += 1
