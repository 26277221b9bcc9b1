"""Whether a request is sent again: a gateway may have answered it, or the host limits bursts.

A host has its own way of refusing and of failing. What keeps coming, however often it is asked for, counts as
the host's.
"""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict, deque
from typing import NamedTuple

from lightning_verify.reading.times import MAX_WAIT, wait_asked
from lightning_verify.transport.exchange import NOT_JSON, Exchange
from lightning_verify.transport.pacing import Pace

# How often a request is sent again to a host that limits bursts, and for how many seconds of a run such
# waiting may lead to nothing.
MAX_RETRIES, MAX_FRUITLESS_WAIT = 3, 62.0
# Seconds before a request is sent again, each time, that a host which limits bursts has refused and does not
# say when: it may count by the second or by the minute.
BURST_DELAYS = 1.0, 5.0, 55.0
# How often a request is sent again whose answer may be a gateway's, before that counts as the host's own:
# where a gateway answers one request in seven, it does so for all of these once in 100,000 requests.
GATEWAY_RETRIES = 5
# Seconds before a free request is sent again whose answer may be a gateway's, or whose connection broke.
GATEWAY_RETRY_DELAY = 0.1
# A gateway that limits requests refuses what is too much, at least so many of the last ones; a host that is
# overloaded now and then refuses few, and to be asked slowly does not help it.
_LATELY, _LIMITED = 20, 0.25
# Once a host has insisted on refusals without JSON for so many statuses, that is how it refuses.
OWN_WORDS_AFTER = 2
MAX_TRIES = 1 + max(MAX_RETRIES, GATEWAY_RETRIES)

_NUMBERS = re.compile(rb"\d+")

_Kind = tuple[str, str, int | None]


class Wait(NamedTuple):
    """How many seconds a request waits before it is sent again, `alone` or with all others."""

    seconds: float
    alone: bool = False


class Retries:
    """What the answers so far have shown of how a host refuses; for all requests of a client. `longest` is
    the longest deadline of a request in seconds, and a bound for waiting in vain."""

    def __init__(self, pace: Pace, longest: float) -> None:
        self._pace = pace
        self._patience = min(MAX_FRUITLESS_WAIT, longest)
        # Seconds waited that have led to nothing, and whether a wait would have been too much.
        self._fruitless, self._gave_up = 0.0, False
        # The forms of a 429 that has come where no plan limits anything, from a host that serves others.
        self._burst_limits: set[tuple[str, bytes]] = set()
        # Of the last answers, which put a request off with 503.
        self._put_off: deque[bool] = deque(maxlen=_LATELY)
        # Kinds of answers that seemed to be a gateway's every time the request was sent again.
        self._always_gateway: set[_Kind] = set()
        # Statuses that the host has refused with in other words than JSON, and meant it.
        self._own_words: set[int | None] = set()
        self.asking_again: defaultdict[int | None, asyncio.Lock] = defaultdict(asyncio.Lock)
        """By status: held by whoever sends again what was refused in other words than JSON. Others wait for
        what comes of it, which holds for them as well."""

    @property
    def is_tired(self) -> bool:
        """Whether waiting has led to nothing for so long that no request is sent again."""
        return self._gave_up or self._fruitless > self._patience

    def note(self, exchange: Exchange, *, serves: bool) -> None:
        """Learn from an exchange that is over; `serves` says whether anybody was served yet."""
        operation = exchange.operation
        if exchange.status == 429 and serves and operation is not None and operation.metric is None:
            self._burst_limits.add(_form(exchange))
        if exchange.doubt is None:
            self._always_gateway.discard(_kind(exchange))
        self._put_off.append(exchange.status == 503)

    def limits_bursts(self, exchange: Exchange) -> bool:
        """Whether an answer is a limit of bursts: it says so, or is a generation's and looks like those where
        no plan limits anything. Those may themselves be wrong answers to whoever is at a limit."""
        operation = exchange.operation
        is_metered = operation is not None and operation.metric is not None
        alike = exchange.status == 429 and is_metered and _form(exchange) in self._burst_limits
        return exchange.limits_bursts or alike

    def delay(self, exchange: Exchange, tries: int) -> Wait | None:
        """The wait before the same request is sent again; None when its answer stands. It is fruitless until
        `rewarded`."""
        wait = self._delay(exchange, tries)
        self._fruitless += wait.seconds if wait is not None else 0.0
        return wait

    def _delay(self, exchange: Exchange, tries: int) -> Wait | None:
        if exchange.status in {429, 503} and tries < MAX_RETRIES:
            asked = self._wait_asked(exchange, tries)
            if asked is not None and asked <= MAX_WAIT:
                if self._fruitless + asked <= self._patience:
                    if self._is_limited(exchange):
                        return Wait(self._pace.pause(asked))
                    return Wait(asked, alone=True)
                self._gave_up = True
        if exchange.repeatable and exchange.doubt and not self._is_its_way(exchange):
            return Wait(self._pace.pause(GATEWAY_RETRY_DELAY))
        if exchange.repeatable and exchange.dropped and tries == 0:
            return Wait(self._pace.pause(GATEWAY_RETRY_DELAY))
        return None

    def _is_limited(self, refused: Exchange) -> bool:
        """Whether `refused` went out too early, and not to a host that was overloaded at that moment."""
        return refused.status != 503 or sum(self._put_off) >= _LIMITED * len(self._put_off)

    def _wait_asked(self, exchange: Exchange, tries: int = 0) -> float | None:
        """The seconds after which a host wants to be asked again; None when it does not say, and is not known
        to limit bursts."""
        told = exchange.header("retry-after")
        if told is None and exchange.status == 429 and (self._burst_limits or exchange.is_page):
            return BURST_DELAYS[tries]
        return wait_asked(told, exchange.clock)

    def in_vain(self, exchange: Exchange) -> None:
        """All tries had such an answer: it is the host's own."""
        self._always_gateway.add(_kind(exchange))
        if exchange.doubt == NOT_JSON:
            self._own_words.add(exchange.status)

    def rewarded(self, refused: Exchange, waited: float) -> None:
        """Waiting after `refused` has led to an answer: whoever limits bursts is asked more slowly now."""
        self._fruitless -= waited
        if self._wait_asked(refused) is not None and self._is_limited(refused):
            self._pace.slow_down(refused.sent, waited)

    def is_deliberate(self, exchange: Exchange) -> bool:
        """Whether the host is known to give such answers itself. After much fruitless waiting, what keeps
        coming for free requests counts as its own."""
        return self._is_its_way(exchange) or (exchange.repeatable and self.is_tired)

    def _is_its_way(self, exchange: Exchange) -> bool:
        insists = len(self._own_words) >= OWN_WORDS_AFTER and exchange.doubt == NOT_JSON
        return insists or _kind(exchange) in self._always_gateway


def _form(exchange: Exchange) -> tuple[str, bytes]:
    """What an answer looks like, with numbers left out."""
    return exchange.media_type, _NUMBERS.sub(b"", exchange.body[:1000])


def _kind(exchange: Exchange) -> _Kind:
    """What identifies a kind of answer: a host has one way of refusing and another of serving."""
    return exchange.method, exchange.operation.id if exchange.operation else exchange.path, exchange.status
