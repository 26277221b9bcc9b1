"""Free documents and checks that a host serves most of the time and fails at, or refuses, now and then.

They need no upstream, so that one failure may be a bad moment, and more of them are how the host is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby

from lightning_verify.facts import OWNER_OF
from lightning_verify.judging.evidence import Recorder
from lightning_verify.judging.ledger import kind_of_caller
from lightning_verify.judging.tally import Tally, finding
from lightning_verify.judging.verdicts import Finding
from lightning_verify.transport.exchange import Exchange
from lightning_verify.transport.timeline import MOMENT, Timeline

# What a finding about such failures gives in place of a test's name.
NAME = "failures of free routes"
# How often one route may give such an answer in a run, and in which share of all. A 405 is no bad moment, but
# one may be somebody else's.
_EXCUSED = {405: 1, 500: 2}
EXCUSED_SHARE = 0.05
# The requirement that capability checks are there.
_CHECKS = "STAT-4"


@dataclass(slots=True)
class Answers:
    """Answers of one kind: when a good one was asked for, and those that were none."""

    served: list[float] = field(default_factory=list)
    failed: list[Exchange] = field(default_factory=list)

    def moments(self, failed: list[Exchange]) -> int:
        """How many bad moments some failures are: those between two answers are one, if it was short."""
        number = 0
        in_order = sorted(failed, key=lambda exchange: exchange.sent)
        for answered, streak in groupby(
            in_order, lambda exchange: sum(t < exchange.sent for t in self.served)
        ):
            failures = list(streak)
            short = failures[-1].sent - failures[0].sent <= MOMENT
            number += 1 if short and 0 < answered < len(self.served) else len(failures)
        return number


class Failures:
    """The failures of a run at what needs no upstream, for callers that are served it otherwise."""

    def __init__(self, recorder: Recorder, timeline: Timeline) -> None:
        self._recorder, self._timeline = recorder, timeline
        # By operation, then by kind of caller.
        self._answers: dict[str, dict[str, Answers]] = defaultdict(lambda: defaultdict(Answers))

    def observe(self, exchange: Exchange) -> None:
        """Keep what came of one request."""
        operation = exchange.operation
        if operation is None or operation.upstream or operation.metric is not None:
            return
        if operation.id not in OWNER_OF and operation.method != "HEAD":
            return
        answers = self._answers[operation.id][kind_of_caller(exchange.request_headers)]
        if exchange.served:
            answers.served.append(exchange.sent)
        elif exchange.doubt is None and exchange.status in _EXCUSED:
            answers.failed.append(exchange)

    def findings(self) -> Iterator[Finding]:
        """A finding for each route that fails too often."""
        for operation, by_caller in self._answers.items():
            # Who is never served may be refused for good reason.
            mixed = [answers for answers in by_caller.values() if answers.served]
            failed, moments = list[Exchange](), 0
            for answers in mixed:
                own = [each for each in answers.failed if not self._timeline.in_outage(each)]
                failed += own
                moments += answers.moments(own)
            seen = len(failed) + sum(len(answers.served) for answers in mixed)
            excused = min((_EXCUSED[exchange.status or 0] for exchange in failed), default=0)
            if moments <= max(excused, EXCUSED_SHARE * seen):
                continue
            tally = Tally()
            tally.count([], seen - len(failed))
            for exchange in failed:
                tally.add(exchange, ["served otherwise, and it needs no upstream"])
            yield finding(self._recorder, OWNER_OF.get(operation, _CHECKS), NAME, tally)
