"""Every exchange of a run, held against every law that applies to it, whoever asked for it.

A test looks at the answers that it asked for. What is wrong in one answer of many, or for one kind of caller
only, shows in the others as well, and is told with its rate.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from lightning_verify.judging.evidence import Recorder
from lightning_verify.judging.verdicts import Finding
from lightning_verify.laws.table import LAWS
from lightning_verify.reading.failing import says_it_failed
from lightning_verify.transport.exchange import Exchange

# What a finding of the watch gives in place of a test's name.
NAME = "every answer"
_SHOWN = 3


@dataclass(slots=True)
class Tally:
    """The answers that one law was held against: how many, how many broke it, and some to show."""

    seen: int = 0
    broken: int = 0
    problems: list[str] = field(default_factory=list)
    shown: list[Exchange] = field(default_factory=list)

    def add(self, exchange: Exchange, wrong: list[str]) -> None:
        """Count one answer."""
        self.seen += 1
        if wrong:
            if not self.broken:
                self.shown.clear()
            self.broken += 1
            self.problems += wrong[:1]
        if len(self.shown) < (_SHOWN if self.broken else 1) and bool(wrong) == bool(self.broken):
            self.shown.append(exchange)

    @property
    def reason(self) -> str:
        """The breach with its rate, in words; empty when there is none."""
        if not self.broken:
            return ""
        rate = f"in {self.broken} of {self.seen} answers" if self.broken < self.seen else "in every answer"
        kinds = list(dict.fromkeys(self.problems))
        return f"{self.shown[0].title}: {'; '.join(kinds[:2])} ({rate})"


class Watch:
    """The laws' side of a run."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._tallies: dict[str, Tally] = {}

    def see(self, exchange: Exchange) -> None:
        """Hold one exchange against the laws."""
        if exchange.operation is None:
            return
        for requirement, law in LAWS.items():
            wrong = law.wrong(exchange)
            if wrong is None or (wrong and says_it_failed(exchange)):
                continue
            self._tallies.setdefault(requirement, Tally()).add(exchange, wrong)

    def findings(self) -> list[Finding]:
        """What was found about each law that any answer could have broken."""
        return [
            Finding(
                requirement,
                "fail" if tally.broken else "pass",
                NAME,
                self._recorder.redactor.text(tally.reason),
                tally.seen - tally.broken,
                tuple(self._recorder.record(exchange) for exchange in tally.shown),
            )
            for requirement, tally in self._tallies.items()
        ]
