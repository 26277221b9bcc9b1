"""Whether a host cannot do what it was asked for, or only had a bad moment.

A request with a bad answer is sent again, alternating with one that the host is known to serve. Only if the
first is answered badly every time, and the other well every time, is it the request that the host cannot do.
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
# Whether a plain request was answered as it has to be.
Well = Callable[[Exchange], bool]

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
    """How an answer fails a valid request; None if it does not, or shows nothing about it."""
    status = exchange.status or 0
    if exchange.has_failed:
        return "failed"
    # Who is led away from what others are served, to a login for example, is refused.
    if 300 <= status < 500 and status not in _NOT_NOW and exchange.doubt is None:
        return "refused"
    # What fails after it has said success has failed all the same.
    told = exchange.failure is not None or tells_failure(exchange)
    return "failed" if exchange.served and (exchange.cut_off or told) else None


@dataclass(frozen=True, slots=True)
class SecondLook:
    """The result of asking again. `shown` holds the evidence against the host, and is empty if there is
    none."""

    shown: tuple[Exchange, ...] = ()

    @property
    def stands_out(self) -> bool:
        """Whether it is this request that the host cannot do."""
        return bool(self.shown)


def is_served(exchange: Exchange) -> bool:
    """Whether a valid request was answered as it has to be."""
    return exchange.served and trouble(exchange) is None


def look_again(
    first: Exchange, again: Ask, plain: Ask, *, rounds: int = 1, well: Well = is_served
) -> SecondLook:
    """Repeat the request whose answer, `first`, was bad (`again`), alternating with a `plain` one that should
    be answered `well`, until an answer speaks for the host. More `rounds` are for a host that is known to
    fail now and then; if no units are left for them, the result of the earlier rounds stands."""
    kind, look = trouble(first), SecondLook()
    if kind is None:
        return look
    for _ in range(rounds if kind == "failed" else 1):
        try:
            look = _one_round(first, kind, again, plain, well)
        except BudgetExhausted:
            break
        if not look.stands_out:
            break
    return look


def _one_round(first: Exchange, kind: Trouble, again: Ask, plain: Ask, well: Well) -> SecondLook:
    failed, answered = first, first
    for in_question in _ORDER[kind]:
        exchange = again() if in_question else plain()
        if in_question and trouble(exchange) == kind:
            failed = exchange
        elif not in_question and well(exchange):
            answered = exchange
        else:
            return SecondLook()
    return SecondLook((first, failed, answered))
