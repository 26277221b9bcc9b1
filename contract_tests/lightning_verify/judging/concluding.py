"""What a test has seen, and what it concludes: witnesses, findings, and how they stand when it ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lightning_verify.judging.asking import Asking
from lightning_verify.judging.harmless import one_line
from lightning_verify.judging.outcomes import Disturbed, MidnightPassed, NotRun, Undecided, Violation
from lightning_verify.judging.verdicts import Finding, Verdict
from lightning_verify.transport.client import BudgetExhausted
from lightning_verify.transport.exchange import Exchange
from lightning_verify.transport.timeline import fails

MAX_REASON_LENGTH = 2000
# How many answers a run shows of a requirement that is kept.
PASSES_SHOWN = 3


@dataclass(slots=True, kw_only=True)
class Concluding(Asking):
    """The findings of one test. What is found, the test raises, since nothing after it would count."""

    test: str
    findings: list[Finding] = field(default_factory=list)
    witnesses: Counter[str] = field(default_factory=Counter)
    seen: dict[str, list[Exchange]] = field(default_factory=dict)

    def witness(self, requirement: str, *exchanges: Exchange) -> None:
        """Note that these answers could have broken `requirement` and did not."""
        self.witnesses[requirement] += max(1, len(exchanges))
        self.seen.setdefault(requirement, []).extend(exchanges)

    def check(self, requirement: str, holds: bool, message: str, *exchanges: Exchange) -> None:
        """A witness when `holds`, else a violation."""
        if not holds:
            raise self.violation(requirement, message, *exchanges)
        self.witness(requirement, *exchanges)

    def violation(self, requirement: str, message: str, *exchanges: Exchange) -> Violation | Undecided:
        """Record a violation and return the exception that ends the test. What rests on a limit of bursts
        is none: it is left undecided. Raises NotRun for what rests on a credential that has been lost, and
        Disturbed for what happened in an outage."""
        if any(map(self.client.limits_bursts, exchanges)):
            return self.undecided(requirement, f"{message}, which limits bursts", *exchanges)
        for exchange in exchanges:
            self.still_let_in(exchange)
        if failed := [exchange for exchange in exchanges if fails(exchange)]:
            self.past_outages(requirement, failed[-1])
        self._find(requirement, "fail", message, exchanges)
        return Violation(requirement, message)

    def undecided(self, requirement: str, message: str, *exchanges: Exchange) -> Undecided:
        """Record that nothing was shown and return the exception that ends the test."""
        self._find(requirement, "inconclusive", message, exchanges)
        return Undecided(f"{requirement}: {message}")

    def disturbed(self, requirement: str, message: str, *exchanges: Exchange) -> Disturbed:
        """The same for what may well be answered next time, so that the test may be repeated."""
        return Disturbed(*self.undecided(requirement, message, *exchanges).args)

    def midnight(self, requirement: str, *exchanges: Exchange) -> MidnightPassed:
        """Record that a day or week ended meanwhile and return the exception that ends the test."""
        undecided = self.undecided(
            requirement, "a window of the counters ended during the measurement", *exchanges
        )
        return MidnightPassed(*undecided.args)

    def still_let_in(self, exchange: Exchange) -> None:
        """Raises NotRun when an answer refuses a credential that has expired or been revoked meanwhile."""
        if lost := self.troubles.lost_credential(exchange):
            raise NotRun(lost)

    def past_outages(self, requirement: str, exchange: Exchange) -> None:
        """Wait until an outage is over in which an answer failed, and raise Disturbed then."""
        if self.troubles.outlasted(exchange):
            message = f"{exchange.title}, as everything failed at that time"
            raise self.disturbed(requirement, message, exchange)

    def look_at_all(self, *looks: Callable[[], Any]) -> None:
        """Take each of these looks, whatever another one finds, and raise what was found then: a disturbance
        or a violation before anything else."""
        found = list[Exception]()
        for look in looks:
            try:
                look()
            except (Violation, Undecided, NotRun, BudgetExhausted) as problem:
                found.append(problem)
        ranks = (Disturbed, Violation, Exception)
        if found:
            raise min(found, key=lambda one: [isinstance(one, rank) for rank in ranks].index(True))

    def begin_anew(self) -> None:
        """Forget what was found so far, and what others measured before something disturbed this test."""
        self.findings.clear()
        self.witnesses.clear()
        self.seen.clear()
        self.repeats += 1

    def leave(self, requirements: tuple[str, ...], reason: str) -> None:
        """Pass the requirements that have a witness, and mark the others as not tried."""
        self.close(requirements, "not_run", reason, by_another=True)

    def close(
        self, requirements: tuple[str, ...], outcome: Verdict | None, reason: str, *, by_another: bool = False
    ) -> list[Finding]:
        """The findings of the test. `outcome` is None if it ran to its end; otherwise it is what stopped it,
        and holds for every requirement without a finding of its own. Where it was the breach of another
        one, what was witnessed before stands."""
        decided = {finding.requirement for finding in self.findings}
        for requirement in requirements:
            if requirement in decided:
                continue
            if outcome is not None and not (by_another and self.witnesses[requirement]):
                self._find(requirement, outcome, reason, ())
            elif self.witnesses[requirement]:
                self._find(requirement, "pass", "", self._example(requirement))
            else:
                self._find(requirement, "inconclusive", "no answer could have shown a violation", ())
        return self.findings

    def _example(self, requirement: str) -> tuple[Exchange, ...]:
        """An answer that could have shown a violation; nothing once the run has shown enough of them."""
        shown: Counter[str] = self.once("passes shown", Counter)
        found = tuple(self.seen.get(requirement, ())[: shown[requirement] < PASSES_SHOWN])
        shown[requirement] += len(found)
        return found

    def _find(self, requirement: str, verdict: Verdict, reason: str, exchanges: tuple[Exchange, ...]) -> None:
        self.findings.append(
            Finding(
                requirement,
                verdict,
                self.test,
                one_line(self.recorder.redactor.text(reason), MAX_REASON_LENGTH),
                self.witnesses[requirement],
                tuple(self.recorder.record(exchange) for exchange in exchanges[-3:]),
            )
        )
