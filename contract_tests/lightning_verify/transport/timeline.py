"""Which requests of a run the host itself has answered, and which failed, in the order in which they left.

One failure among answers is the host's; many in a row, whatever was asked for, are an outage.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from lightning_verify.transport.exchange import Exchange

# How many exchanges are kept.
_KEPT = 10_000
# So many failures in a row, of so many operations, are an outage.
_OUTAGE, _OF_OPERATIONS = 8, 3
# Seconds between two requests that met the same moment of a host.
MOMENT = 3.0


def generates(exchange: Exchange) -> bool:
    """Whether it is a request to whatever generates."""
    return exchange.path.startswith("/gen/")


def has_bearer(exchange: Exchange) -> bool:
    """Whether the host has to know accounts to answer."""
    return "Authorization" in exchange.request_headers


def fails(exchange: Exchange) -> bool:
    """Whether the host failed, or whoever stands before it."""
    return exchange.has_failed or exchange.is_lost


def _route(exchange: Exchange) -> str:
    """What both methods of an operation have in common."""
    operation = exchange.operation
    return operation.path.partition("/{")[0] if operation is not None else exchange.path


@dataclass(frozen=True, slots=True)
class Moment:
    """One exchange, and whether it was a valid request."""

    sent: float
    operation: str
    route: str
    generates: bool
    has_bearer: bool
    valid: bool
    failed: bool
    status: int

    def like(self, exchange: Exchange) -> bool:
        """Whether a host needs the same for both: whatever generates, and whatever knows accounts."""
        return self.generates == generates(exchange) and self.has_bearer == has_bearer(exchange)


class Timeline:
    """The exchanges of a client."""

    def __init__(self) -> None:
        self._moments: deque[Moment] = deque(maxlen=_KEPT)

    def note(self, exchange: Exchange, *, valid: bool) -> None:
        """Keep an exchange that is over."""
        if exchange.operation is None:
            return
        self._moments.append(
            Moment(
                exchange.sent,
                exchange.operation.id,
                _route(exchange),
                generates(exchange),
                has_bearer(exchange),
                valid,
                fails(exchange),
                exchange.status or 0,
            )
        )

    def _in_order(self, chosen: Callable[[Moment], bool]) -> list[Moment]:
        return sorted(filter(chosen, tuple(self._moments)), key=lambda moment: moment.sent)

    def failures_around(self, exchange: Exchange, *, of_route: bool = False) -> tuple[list[Moment], bool]:
        """The failures, this one included, between which nothing like it was answered, or nothing of its
        route; and whether something was answered later. Empty where nothing was answered before them."""

        route = _route(exchange)

        def chosen(moment: Moment) -> bool:
            return moment.route == route if of_route else moment.like(exchange)

        around, answered = list[Moment](), False
        for moment in self._in_order(chosen):
            if moment.failed:
                around.append(moment)
            elif moment.sent > exchange.sent:
                return around if answered else [], True
            else:
                answered = True
                around.clear()
        return around if answered else [], False

    def in_outage(self, exchange: Exchange) -> bool:
        """Whether so many failed in a row, whatever was asked for, that nobody could have been answered."""
        around, _ = self.failures_around(exchange)
        return len(around) >= _OUTAGE and len({each.operation for each in around}) >= _OF_OPERATIONS

    def valid_beside(self, exchange: Exchange) -> set[int]:
        """The statuses of valid requests that went out at the same time. Bearers are compared with bearers: a
        host may be unable to check any."""
        return {
            each.status
            for each in tuple(self._moments)
            if each.valid
            and each.has_bearer == has_bearer(exchange)
            and abs(each.sent - exchange.sent) < MOMENT
            and (each.status >= 500 or 200 <= each.status < 300)
        }
