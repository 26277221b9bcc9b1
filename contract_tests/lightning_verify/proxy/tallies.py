"""How often what has passed kept and broke each law, with evidence that is redacted when it is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from lightning_verify.judging.law_monitor import NAME
from lightning_verify.judging.verdicts import Finding, Rate
from lightning_verify.laws.table import check_laws
from lightning_verify.proxy.exchanges import PassingRecorder
from lightning_verify.transport.exchange import Exchange

_SHOWN = 3
_TOLD = 2


@dataclass(slots=True)
class _Tally:
    """The answers checked against one law. `first` names the first one that broke it, `latest` is what was
    wrong with the last one that did."""

    seen: int = 0
    broken: int = 0
    first: str = ""
    latest: str = ""
    problems: list[str] = field(default_factory=list)
    evidence: list[Mapping[str, Any]] = field(default_factory=list)

    def add(self, exchange: Exchange, wrong: list[str], recorder: PassingRecorder) -> None:
        self.seen += 1
        if wrong:
            title, *told = (recorder.redactor.text(text) for text in (exchange.title, *wrong[:_TOLD]))
            self.latest = f"{title}: {'; '.join(told)}"
            if not self.broken:
                self.first = title
                self.evidence.clear()
            self.broken += 1
            if len(self.problems) < _TOLD and told[0] not in self.problems:
                self.problems.append(told[0])
        if bool(wrong) == bool(self.broken) and len(self.evidence) < (_SHOWN if self.broken else 1):
            self.evidence.append(recorder.record(exchange))

    def finding(self, requirement: str) -> Finding:
        reason = f"{self.first}: {'; '.join(self.problems)}" if self.broken else ""
        return Finding(
            requirement,
            "fail" if self.broken else "pass",
            NAME,
            reason,
            self.seen - self.broken,
            tuple(self.evidence),
            Rate(self.broken, self.seen),
        )


class Tallies:
    """A tally for each law that something which passed could have broken."""

    def __init__(self, recorder: PassingRecorder) -> None:
        self._recorder = recorder
        self._by_requirement: dict[str, _Tally] = {}

    def observe(self, exchange: Exchange) -> list[Finding]:
        """Check one exchange against the laws; returns those that it broke, each with what is wrong with
        this one."""
        broken = []
        for requirement, wrong in check_laws(exchange).items():
            tally = self._by_requirement.setdefault(requirement, _Tally())
            tally.add(exchange, wrong, self._recorder)
            if wrong:
                broken.append(replace(tally.finding(requirement), reason=tally.latest))
        return broken

    def findings(self) -> list[Finding]:
        """The finding for each law."""
        return [tally.finding(requirement) for requirement, tally in self._by_requirement.items()]

    def latest(self) -> list[Finding]:
        """The same, each with what was wrong with the last answer that broke it."""
        return [
            replace(tally.finding(requirement), reason=tally.latest)
            for requirement, tally in self._by_requirement.items()
        ]
