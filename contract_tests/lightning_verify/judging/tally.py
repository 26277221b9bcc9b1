"""Counts answers for and against a requirement, and turns the counts into a finding."""

from __future__ import annotations

from dataclasses import dataclass, field

from lightning_verify.judging.evidence import Recorder
from lightning_verify.judging.verdicts import Finding, Rate
from lightning_verify.transport.exchange import Exchange

# Answers kept as evidence of a breach.
_SHOWN = 3


@dataclass(slots=True)
class Tally:
    """The answers checked against one requirement: how many, how many broke it, and some to show."""

    seen: int = 0
    broken: int = 0
    problems: list[str] = field(default_factory=list)
    shown: list[Exchange] = field(default_factory=list)

    def add(self, exchange: Exchange, wrong: list[str], *, witness: bool = True) -> None:
        """Count one answer. What breaks the law is kept to show; so is the first `witness` that keeps it."""
        self.count(wrong, 1, *([exchange] if wrong or witness else []))

    def count(self, wrong: list[str] | None, times: int, *shown: Exchange) -> None:
        """Count an answer that was given so many times, with the exchanges to show. None says that it shows
        nothing."""
        if wrong is None:
            return
        self.seen += times
        if wrong:
            if not self.broken:
                self.shown.clear()
            self.broken += times
            self.problems += wrong[:1]
        if bool(wrong) == bool(self.broken):
            room = (_SHOWN if self.broken else 1) - len(self.shown)
            self.shown += shown[: max(0, room)]

    @property
    def reason(self) -> str:
        """The breach in words; empty when there is none."""
        kinds = list(dict.fromkeys(self.problems))
        return f"{self.shown[0].title}: {'; '.join(kinds[:2])}" if self.broken else ""


def finding(recorder: Recorder, requirement: str, name: str, tally: Tally, of: str = "answers") -> Finding:
    """The finding about a requirement that a tally amounts to."""
    return Finding(
        requirement,
        "fail" if tally.broken else "pass",
        name,
        recorder.redactor.text(tally.reason),
        tally.seen - tally.broken,
        tuple(recorder.record(exchange) for exchange in tally.shown),
        Rate(tally.broken, tally.seen, of),
    )
