"""Whether a host cannot do what it was asked for, or only has a bad moment.

A request that is answered badly is sent again, in turns with one that the host is known to do. Only when
the first is answered badly each time and the other well each time is it the request that the host cannot do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from lightning_verify.laws.witnesses import tells_failure
from lightning_verify.transport.client import BudgetExhausted
from lightning_verify.transport.exchange import Exchange

Trouble = Literal["refused", "failed"]
Ask = Callable[[], Exchange]

# Who asks next: the request in question (True) or the plain one. No failure that comes every second, third...
# or sixth time falls in with the longer order, and one that comes by chance, with whatever odds, does so once
# in 256 times at most. What is refused was looked at, and is looked at alike the next time.
_ORDER: dict[Trouble, tuple[bool, ...]] = {
    "failed": (False, False, True, True, False, True, False, True),
    "refused": (False, True),
}
# Statuses that say nothing of what was asked: not now, not so often.
_NOT_NOW = {408, 425, 429}


def trouble(exchange: Exchange) -> Trouble | None:
    """How the host does not do what a valid request asks for; None when it does, or says nothing of it."""
    status = exchange.status or 0
    if status >= 500:
        return "failed"
    if 400 <= status < 500 and status not in _NOT_NOW and exchange.astray is None:
        return "refused"
    # What fails after it has said success has failed all the same.
    return "failed" if exchange.served and (exchange.cut_off or tells_failure(exchange)) else None


@dataclass(frozen=True, slots=True)
class SecondLook:
    """What came of asking again. `shown` has what accuses the host, and nothing when it does not."""

    shown: tuple[Exchange, ...] = ()

    @property
    def stands_out(self) -> bool:
        """Whether it is this request that the host cannot do."""
        return bool(self.shown)


def look_again(first: Exchange, again: Ask, plain: Ask, *, rounds: int = 1) -> SecondLook:
    """Ask `again` for what `first` was answered badly, in turns with a `plain` request that should be served.

    It ends with the first answer that speaks for the host. More `rounds` are for a host that is known to fail
    now and then; without units for them, what an earlier one has shown stands.
    """
    kind, look = trouble(first), SecondLook()
    if kind is None:
        return look
    for _ in range(rounds if kind == "failed" else 1):
        try:
            look = _one_round(first, kind, again, plain)
        except BudgetExhausted:
            break
        if not look.stands_out:
            break
    return look


def _one_round(first: Exchange, kind: Trouble, again: Ask, plain: Ask) -> SecondLook:
    failed, served = first, first
    for in_question in _ORDER[kind]:
        exchange = again() if in_question else plain()
        if in_question and trouble(exchange) == kind:
            failed = exchange
        elif not in_question and exchange.served and trouble(exchange) is None:
            served = exchange
        else:
            return SecondLook()
    return SecondLook((first, failed, served))
