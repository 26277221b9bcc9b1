"""Refusals that come with the status of a success now and then.

A success that reports a failure is mostly an upstream's bad moment. One that says in the same words what the
same request was refused with at another time is the host's own refusal, told by the wrong status.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable

from lightning_verify.judging.tally import Tally
from lightning_verify.reading.failures import failure_in_text
from lightning_verify.transport.exchange import Exchange

# The statuses of refusals, and the requirements that say so.
_STATED_BY = {400: "FAIL-1", 413: "FAIL-2", 429: "RATE-4"}


class RefusedAsSuccess:
    """What each request was refused with, and the successes that say that they failed."""

    def __init__(self) -> None:
        self._words: defaultdict[Hashable, dict[str, int]] = defaultdict(dict)
        self._failures: defaultdict[Hashable, list[tuple[str, Exchange]]] = defaultdict(list)
        self._refused: Counter[int] = Counter()

    def refused(self, request: Hashable, exchange: Exchange) -> None:
        """Note an answer, if it is a refusal. `request` is the same for whoever asks the same."""
        if exchange.status in _STATED_BY:
            self._refused[exchange.status] += 1
            if words := failure_in_text(exchange.text):
                self._words[request][words] = exchange.status

    def failed(self, request: Hashable, exchange: Exchange) -> None:
        """Note an answer that may be no answer, if it is a success that reports a failure."""
        if words := exchange.failure:
            self._failures[request].append((words, exchange))

    def tallies(self) -> dict[str, Tally]:
        """By requirement, how many refusals of a kind there were, and those among them with the wrong status;
        only where there are such."""
        found: dict[str, Tally] = {}
        for request, failures in self._failures.items():
            for words, exchange in failures:
                status = self._words[request].get(words)
                if status is None:
                    continue
                wrong = f"a refusal that is {status} at other times, in the same words"
                tally = found.setdefault(_STATED_BY[status], Tally(self._refused[status]))
                tally.add(exchange, [wrong])
        return found
