"""Refusals and failures that come with the status of a success.

A success that reports a failure is mostly an upstream's bad moment. Not if it says in the same words what the
same request was refused with at another time: then it is the host's own refusal, told by the wrong status.
And a host that reports failures of a generation like that again and again means it: they are to be 500.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator

from lightning_verify.facts import OWNER_OF
from lightning_verify.judging.tally import Tally
from lightning_verify.reading.failures import failure_in_text
from lightning_verify.reading.json_text import parsed
from lightning_verify.transport.exchange import Exchange

# The statuses of refusals, and the requirements that say so.
_STATED_BY = {400: "FAIL-1", 413: "FAIL-2", 429: "RATE-4"}
# How many such failures may be a bad moment, requests that are sent again included.
_BAD_MOMENT = 3
_FIGURES = re.compile(r"[0-9a-f]*\d[0-9a-f-]*")


class FailuresAsSuccess:
    """What each request was refused with, and the successes that say that they failed."""

    def __init__(self) -> None:
        self._words: defaultdict[Hashable, dict[str, int]] = defaultdict(dict)
        self._failures: defaultdict[Hashable, list[tuple[str, Exchange]]] = defaultdict(list)
        self._refused: Counter[int] = Counter()
        # When each operation was served.
        self._served: defaultdict[str, list[float]] = defaultdict(list)
        # How requests that are to be refused are answered: for them this is no failure of an upstream.
        self._refusing = set[str]()

    def answered(self, request: Hashable, exchange: Exchange) -> None:
        """Note an answer that was served or refused. `request` is the same for whoever asks the same."""
        if exchange.served and exchange.operation is not None:
            self._served[exchange.operation.id].append(exchange.sent)
        if exchange.status in _STATED_BY:
            self._refused[exchange.status] += 1
            if words := failure_in_text(exchange.text):
                self._words[request][_plain(words)] = exchange.status

    def failed(self, request: Hashable, exchange: Exchange) -> None:
        """Note an answer that may be no answer, if it is a success that reports a failure."""
        if (failure := exchange.failure) and exchange.stand_in is None:
            words = _plain(failure)
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
                elif words not in self._refusing and (operation := _failed_generation(exchange)):
                    generations[OWNER_OF[operation]].append(exchange)
        yield from ((requirement, tally, "refusals") for requirement, tally in refusals.items())
        for requirement, exchanges in generations.items():
            served = [at for id, owner in OWNER_OF.items() if owner == requirement for at in self._served[id]]
            if len(exchanges) > _BAD_MOMENT and _are_no_moment([one.sent for one in exchanges], served):
                tally = Tally(len(served))
                for exchange in exchanges:
                    tally.add(exchange, [f"a success that tells of a failure: {exchange.failure}"])
                yield requirement, tally, "answers"


def _plain(words: str) -> str:
    """The words without what differs from one answer to the next, such as numbers and ids."""
    return _FIGURES.sub("#", words.lower())


def _failed_generation(exchange: Exchange) -> str | None:
    """The operation, if something was asked for that costs a unit, and the answer is nothing but an error.
    What has more to say, such as a code or a detail, may be an answer."""
    operation = exchange.operation
    if operation is None or operation.metric is None or exchange.repeatable:
        return None
    told = parsed(exchange.text)
    tells = isinstance(told, dict) and (
        told.get("error") or told.get("errors") or told.get("success") is False
    )
    return operation.id if tells else None


def _are_no_moment(failed: list[float], served: list[float]) -> bool:
    """Whether it failed and was served in turn, or was never served: all else may have been an outage."""
    return not served or any(min(failed) < at < max(failed) for at in served)
