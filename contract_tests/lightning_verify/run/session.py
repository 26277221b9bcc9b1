"""One run of the judge: its target, its tools, and its findings on disk.

Findings go to files in a directory that all workers of a run share, one file each, so that parallel runs, and
runs that die half-way, still have a report.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from lightning_spec.loader import RequirementSet, Spec

from lightning_verify.facts import REQUIREMENTS, SPEC
from lightning_verify.judging.agreement import Agreement
from lightning_verify.judging.broken_off import BrokenOff
from lightning_verify.judging.comparisons import Comparisons
from lightning_verify.judging.concluding import MAX_REASON_LENGTH
from lightning_verify.judging.durations import Durations
from lightning_verify.judging.evidence import Recorder
from lightning_verify.judging.failures import Failures
from lightning_verify.judging.harmless import one_line
from lightning_verify.judging.law_monitor import LawMonitor
from lightning_verify.judging.learned import Learned
from lightning_verify.judging.ledger import Ledger
from lightning_verify.judging.redaction import Redactor
from lightning_verify.judging.verdicts import NOT_PART, Finding, Known, Ruling, rule, together
from lightning_verify.target import Spend, Target
from lightning_verify.transport.budget import Budget
from lightning_verify.transport.client import Client, Timeouts
from lightning_verify.transport.control import Control
from lightning_verify.transport.exchange import Exchange


@dataclass(slots=True)
class Settings:
    """What was asked of the run. `rate` is requests a second, None for no pacing; `wake` is how many seconds
    a host that sleeps is given, and with `may_be_starting` also one that refuses connections; `examples` is
    how many generated requests each property gets, `seed` selects them; `jobs` is how many tests run at the
    same time."""

    spend: Spend
    max_units: dict[str, int]
    rate: float | None
    strict: bool
    known: Mapping[str, Known]
    wake: float
    settle: float
    timeout: float
    examples: int
    seed: int
    jobs: int
    may_be_starting: bool = False


class Observer(Protocol):
    """Who looks at every exchange of a run, and says at its end what that showed."""

    def observe(self, exchange: Exchange) -> None:
        """Look at an exchange."""

    def findings(self) -> Iterable[Finding]:
        """What was found."""


@dataclass(slots=True)
class Run:
    """The state of a run in one process."""

    settings: Settings
    spec: Spec
    requirements: RequirementSet
    target: Target
    books: Path
    worker: str
    budget: Budget
    client: Client
    recorder: Recorder
    agreement: Agreement
    ledger: Ledger
    observers: tuple[Observer, ...]
    started: float = field(default_factory=time.time)
    aborted: str | None = None
    learned: Learned = field(default_factory=Learned)

    @classmethod
    def open(cls, settings: Settings, target: Target, books: Path, worker: str) -> Run:
        """Connect the parts for `target`; nothing is sent yet."""
        caps = dict(settings.max_units)
        if settings.spend is Spend.NONE:
            caps = dict.fromkeys(SPEC.metrics, 0)
        budget = Budget(books / "budget.json", caps, ceilings=settings.max_units)
        timeouts = Timeouts.within(settings.timeout, settings.wake)
        client = Client(target.base_url, SPEC, budget, rate=settings.rate, timeouts=timeouts)
        recorder = Recorder(target.base_url, Redactor(target.credentials))
        agreement, ledger = Agreement(recorder), Ledger(recorder, settings.settle)
        observers: tuple[Observer, ...] = (
            LawMonitor(recorder, target.credentials),
            Comparisons(recorder),
            Durations(recorder),
            agreement,
            Failures(recorder, client.timeline),
            BrokenOff(recorder),
        )
        client.observers += [observer.observe for observer in (*observers, ledger)]
        return cls(
            settings,
            SPEC,
            REQUIREMENTS,
            target,
            books,
            worker,
            budget,
            client,
            recorder,
            agreement,
            ledger,
            observers,
        )

    def reset_clock(self) -> float | None:
        """Undo, through the control plane, what was done to the target's clock before or during the run. That
        is not judged. Returns by how many seconds the clock was ahead; None when it was right."""
        if self.target.control is None:
            return None
        observers, self.client.observers = self.client.observers, []
        try:
            return Control(self.client, self.target.control).reset_clock()
        finally:
            self.client.observers = observers

    def monitor_findings(self) -> list[Finding]:
        """The findings of those who observe every exchange."""
        broken = {each.requirement for each in read_findings(self.books) if each.verdict == "fail"}
        found = [finding for observer in self.observers for finding in observer.findings()]
        return found + self.ledger.findings(broken)

    def keep(self, findings: Iterable[Finding]) -> None:
        """Write findings to disk at once."""
        with (self.books / f"findings-{self.worker}.jsonl").open("a", encoding="utf-8") as file:
            for finding in findings:
                file.write(json.dumps(finding.as_json()) + "\n")

    def safe_line(self, text: str) -> str:
        """Text that may come from the host, as one line that shows no secret and is no command to a CI
        system."""
        return one_line(self.recorder.redactor.text(text), MAX_REASON_LENGTH)

    def note(self, **facts: Any) -> None:
        """Write facts about the run for the report; those of all workers are merged, and the last one
        wins."""
        with (self.books / f"facts-{self.worker}.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(facts) + "\n")


def read_facts(books: Path) -> dict[str, Any]:
    """The facts that `Run.note` wrote."""
    facts: dict[str, Any] = {}
    for file in sorted(books.glob("facts-*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            facts.update(json.loads(line))
    return facts


def read_findings(books: Path) -> list[Finding]:
    """The findings of all workers of a run, with their rates added up."""
    return together(
        Finding.from_json(json.loads(line))
        for file in sorted(books.glob("findings-*.jsonl"))
        for line in file.read_text(encoding="utf-8").splitlines()
    )


def rulings(
    requirements: RequirementSet,
    findings: list[Finding],
    only: tuple[str, ...],
    unreached: str = NOT_PART,
) -> list[Ruling]:
    """The verdict on each requirement that `only` selects, in the order of the document. `unreached` is the
    reason given for those without a finding."""
    # A limit in the wrong place keeps requests from being answered; other faults of counters keep none: who
    # leaves something to them has seen what may be wrong.
    counted = {each.id for each in requirements.requirements.values() if each.area == _QUOTA} - {_LIMIT}
    broken = {finding.requirement for finding in findings if finding.verdict == "fail"} - counted
    return [
        rule(
            requirement,
            _asking_least([finding for finding in findings if finding.requirement == requirement.id]),
            unreached,
            # Counters that show whatever they like show the right price now and then.
            set() if requirement.price else broken,
        )
        for requirement in requirements.requirements.values()
        if not only or requirement.id in only or requirement.area in only
    ]


_QUOTA, _LIMIT = "quota", "RATE-4"
_NEEDS = re.compile(r"needs --spend (\w+)")


def _asking_least(findings: list[Finding]) -> list[Finding]:
    """The same, where checks that were not run for want of units all name the least with which one of them
    can be: that decides the requirement, and to ask for more beside it would only confuse."""
    short = [
        (Spend[found[1].upper()], len(finding.reason), finding.reason)
        for finding in findings
        if finding.verdict == "not_run" and (found := _NEEDS.match(finding.reason))
    ]
    if not short:
        return findings
    reason = min(short)[2]
    lacking = {one for *_, one in short}
    return [
        replace(one, reason=reason) if one.verdict == "not_run" and one.reason in lacking else one
        for one in findings
    ]
