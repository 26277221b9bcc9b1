"""Generated answers that break off before their end, again and again.

One may be the network's; and whether the host or the way to it breaks so many, nobody can tell from outside.
But a requirement about whole answers has not passed where every fifth of them is none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from lightning_verify.facts import OWNER_OF
from lightning_verify.judging.evidence import Recorder
from lightning_verify.judging.failures import EXCUSED_SHARE, Answers
from lightning_verify.judging.verdicts import Finding
from lightning_verify.transport.exchange import Exchange

# What a finding about them gives in place of a test's name.
NAME = "answers that break off"
# In how many moments they may do so.
_EXCUSED = 1
# The requirement that says how a stream ends.
_STREAMS = "CHAT-7"


class BrokenOff:
    """The answers of a run that were cut, beside those of their kind that were whole."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        # By the requirement that the kind of answer is about.
        self._answers: defaultdict[str, Answers] = defaultdict(Answers)

    def observe(self, exchange: Exchange) -> None:
        """Keep what came of one request."""
        operation = exchange.operation
        if operation is None or operation.metric is None or not exchange.served:
            return
        streamed = exchange.media_type == "text/event-stream"
        answers = self._answers[_STREAMS if streamed else OWNER_OF[operation.id]]
        if exchange.cut_off:
            answers.failed.append(exchange)
        elif exchange.problem is None:
            answers.served.append(exchange.sent)

    def findings(self) -> Iterator[Finding]:
        """A finding for each kind of answer that breaks off too often to be a bad moment."""
        for requirement, answers in self._answers.items():
            cut, seen = len(answers.failed), len(answers.failed) + len(answers.served)
            if answers.moments(answers.failed) <= max(_EXCUSED, EXCUSED_SHARE * seen):
                continue
            reason = f"{cut} of {seen} answers broke off before their end: is it the host, or the way to it?"
            shown = tuple(self._recorder.record(exchange) for exchange in answers.failed[:2])
            yield Finding(requirement, "inconclusive", NAME, reason, 0, shown)
