"""Refusals and failures that come with the status of a success.

A success that reports a failure is mostly an upstream's bad moment. Not if it says in the same words what the
same request was refused with at another time: then it is the host's own refusal, told by the wrong status.
And a host that reports failures of a generation like that again and again means it: they are to be 500.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator

from lightning_verify.facts import OWNER_OF
from lightning_verify.judging.tally import Tally
from lightning_verify.reading.failures import failure_in_text
from lightning_verify.transport.exchange import Exchange

# The statuses of refusals, and the requirements that say so.
_STATED_BY = {400: "FAIL-1", 413: "FAIL-2", 429: "RATE-4"}
# How many such failures of one operation may be a bad moment, its requests sent again included.
_BAD_MOMENT = 3


class ToldAsSuccess:
    """What each request was refused with, and the successes that say that they failed."""

    def __init__(self) -> None:
        self._words: defaultdict[Hashable, dict[str, int]] = defaultdict(dict)
        self._failures: defaultdict[Hashable, list[tuple[str, Exchange]]] = defaultdict(list)
        self._refused: Counter[int] = Counter()
        self._served: Counter[str] = Counter()
        # How requests that are to be refused are answered: for them this is no failure of an upstream.
        self._refusing = set[str]()

    def shows_something(self, request: Hashable, exchange: Exchange) -> None:
        """Note an answer that was served or refused. `request` is the same for whoever asks the same."""
        if exchange.served and exchange.operation is not None:
            self._served[exchange.operation.id] += 1
        if exchange.status in _STATED_BY:
            self._refused[exchange.status] += 1
            if words := failure_in_text(exchange.text):
                self._words[request][words] = exchange.status

    def failed(self, request: Hashable, exchange: Exchange) -> None:
        """Note an answer that may be no answer, if it is a success that reports a failure."""
        if words := exchange.failure:
            self._failures[request].append((words, exchange))
            if exchange.repeatable:
                self._refusing.add(words)

    def tallies(self) -> Iterator[tuple[str, Tally, str]]:
        """Requirements that are broken, each with how many answers of what kind were looked at, and those
        among them with the wrong status."""
        refusals: dict[str, Tally] = {}
        generations: defaultdict[str, list[Exchange]] = defaultdict(list)
        for request, failures in self._failures.items():
            for words, exchange in failures:
                status = self._words[request].get(words)
                if status is not None:
                    wrong = f"a refusal that is {status} at other times, in the same words"
                    tally = refusals.setdefault(_STATED_BY[status], Tally(self._refused[status]))
                    tally.add(exchange, [wrong])
                elif words not in self._refusing and (operation := _generation(exchange)):
                    generations[OWNER_OF[operation]].append(exchange)
        yield from ((requirement, tally, "refusals") for requirement, tally in refusals.items())
        for requirement, exchanges in generations.items():
            if len(exchanges) > _BAD_MOMENT:
                tally = Tally(sum(self._served[id] for id, owner in OWNER_OF.items() if owner == requirement))
                for exchange in exchanges:
                    tally.add(exchange, [f"a success that tells of a failure: {exchange.failure}"])
                yield requirement, tally, "answers"


def _generation(exchange: Exchange) -> str | None:
    """The operation, if something was asked for that costs a unit, so that a host may fail at it."""
    operation = exchange.operation
    return operation.id if operation and operation.metric is not None and not exchange.repeatable else None
