"""What the trials show together: which faults were killed and by what, false alarms, hollow passes, flips.

Law: reads the cache and runs nothing. What was not tried counts neither for nor against the judge.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from lightning_spec.loader import load_requirements

from lab.faults import FAULTS
from lab.hostile import HOSTS
from lab.matrix import pairs, plan, proofs
from lab.matrix.baseline import CLEAN_SEEDS, Baseline, BaselineTask
from lab.matrix.cache import Cache
from lab.matrix.mock_faults import MOCK_FAULTS
from lab.matrix.pairs import Pair
from lab.matrix.trial import DIED, Task, Trial
from lab.triggers import TRIGGERS

Verdict = Literal["attributed", "secondary", "unattributed", "survived", "lost", "untried"]
KILLED: frozenset[Verdict] = frozenset({"attributed", "secondary", "unattributed"})
MOCK_ORIGIN = "mock, by its control plane"

# Hosts that never give a true answer: whatever passes there passed without being seen.
STARVED = frozenset(
    {
        "all-429",
        "all-500",
        "all-503",
        "all-401",
        "all-400",
        "all-404",
        "all-empty",
        "captive-portal",
        "redirect-loop",
        "hangs",
        "hangs-in-body",
        "slow-headers",
        "slow-body",
        "huge-body",
        "zip-bomb",
        "endless-events",
        "endless-headers",
        "resets",
        "no-http",
        "unplugged",
    }
)
# Where nothing wrong can be seen from outside with this spending, so that a verdict of kept is the truth.
UNSEEN: Mapping[str, frozenset[str]] = {
    "zero-limits": frozenset({"none"}),
    "counters-stand-still": frozenset({"none"}),
    "charges-everything": frozenset({"none"}),
    "endless-stream": frozenset({"none"}),
    "stalled-stream": frozenset({"none"}),
    # Limits and counters agree with each other; only the operator's own ledger is ten times higher.
    "counters-tenfold": frozenset({"none", "sample"}),
}


@dataclass(frozen=True, slots=True)
class FaultResult:
    """One fault and everything that was tried on it. `price` is the units the whole judge spends until it is
    killed."""

    name: str
    origin: str
    requirements: tuple[str, ...]
    does: str
    proven: bool | None
    narrowed: Trial | None
    unnarrowed: Trial | None = None
    unpaid: Trial | None = None
    baseline_killed: bool | None = None
    baseline: Baseline | None = None
    price: int | None = None

    @property
    def verdict(self) -> Verdict:
        """Killed by the requirement it was made to break, by another that it names, by any, or not."""
        if self.narrowed is None:
            return "untried"
        for trial in filter(None, (self.narrowed, self.unnarrowed)):
            if self.requirements[0] in trial.failed:
                return "attributed"
        if self.narrowed.failed & set(self.requirements[1:]):
            return "secondary"
        if self.unnarrowed is not None and self.unnarrowed.failed:
            return "unattributed"
        return "lost" if DIED in {t.exit_code for t in (self.narrowed, self.unnarrowed) if t} else "survived"

    @property
    def killed(self) -> bool:
        return self.verdict in KILLED

    @property
    def killed_unpaid(self) -> bool:
        """Whether the run without spending killed it."""
        return self.unpaid is not None and bool(self.unpaid.failed)

    @property
    def broken(self) -> list[str]:
        """The documented requirements that failed."""
        return sorted(set().union(*(trial.failed for trial in (self.narrowed, self.unnarrowed) if trial)))


@dataclass(frozen=True, slots=True)
class TriggeredResult:
    """A fault that only shows sometimes, and how the whole judge did on it."""

    pair: Pair
    trial: Trial

    @property
    def fixed(self) -> bool:
        """Whether it shows for every request of some kind, rather than for some of all requests."""
        return TRIGGERS[self.pair.trigger].fixed

    @property
    def killed(self) -> bool:
        return bool(self.trial.failed)

    @property
    def named(self) -> bool:
        """Whether it was reported under a requirement that the fault breaks."""
        return bool(self.trial.failed & set(FAULTS[self.pair.fault].requirements))


@dataclass(frozen=True, slots=True)
class FalseAlarm:
    """A conforming server that was accused, and of what."""

    name: str
    headline: str
    reasons: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class HostileResult:
    """A trial on a hostile host, and what the judge did wrong there."""

    host: str
    spend: str
    trial: Trial
    hollow: tuple[str, ...]
    fooled: bool
    cap_passed: bool


@dataclass(frozen=True, slots=True)
class SeedResult:
    """One server under several seeds: the requirements with more than one verdict."""

    name: str
    seeds: int
    flipped: Mapping[str, tuple[str, ...]]


class Results:
    """Everything that the table and the picture show."""

    def __init__(self, cache: Cache) -> None:
        self.cache = cache

    @cached_property
    def plain(self) -> dict[str, Trial]:
        """The whole judge on the plain server, by spending mode."""
        return {task.spend: trial for task in plan.plain() if (trial := self.cache.trial(task))}

    @cached_property
    def prices(self) -> dict[str, int]:
        """Units spent by the whole judge on the plain server up to the end of each test."""
        trial = self.cache.trial(plan.in_order())
        return {step.test: step.units for step in trial.steps} if trial else {}

    @cached_property
    def clean_baseline(self) -> list[Baseline]:
        """Runs of schemathesis on the clean server."""
        tasks = (BaselineTask(None, seed) for seed in CLEAN_SEEDS)
        return [found for task in tasks if (found := self.cache.baseline(task))]

    @cached_property
    def clean_failures(self) -> set[tuple[str, str]]:
        """What schemathesis reports without any fault, or with nearly every one: no fault is on all routes,
        so a failure in most runs belongs to none."""
        found = {failure for run in self.clean_baseline for failure in run.failures}
        runs = [run for fault in plan.faults() if (run := self.cache.baseline(BaselineTask(fault.name)))]
        counted = Counter(failure for run in runs for failure in set(run.failures))
        return found | {failure for failure, times in counted.items() if times > max(2, len(runs) / 3)}

    @cached_property
    def faults(self) -> list[FaultResult]:
        """All faults, those of the lab and those of the mock."""
        found = []
        for fault in plan.faults():
            narrowed = self.cache.trial(plan.narrowed(fault))
            unnarrowed = self.cache.trial(plan.unnarrowed(fault))
            proof = self.cache.proof(proofs.Switch("fault", fault.name))
            run = self.cache.baseline(BaselineTask(fault.name))
            found.append(
                FaultResult(
                    fault.name,
                    fault.origin,
                    fault.requirements,
                    fault.does,
                    proof.proven if proof else None,
                    narrowed,
                    unnarrowed,
                    self.cache.trial(plan.unpaid(fault)),
                    bool(set(run.failures) - self.clean_failures) if run and self.clean_baseline else None,
                    run,
                    self._price(narrowed, unnarrowed),
                )
            )
        for fault_of_mock in MOCK_FAULTS.values():
            trial = self.cache.trial(plan.on_mock(fault_of_mock.name))
            found.append(
                FaultResult(
                    fault_of_mock.name,
                    MOCK_ORIGIN,
                    (fault_of_mock.requirement,),
                    fault_of_mock.does,
                    None,
                    trial,
                    price=self._price(trial),
                )
            )
        return found

    @cached_property
    def triggered(self) -> list[TriggeredResult]:
        """Every trial of a fault that only shows sometimes."""
        return [
            TriggeredResult(pair, trial)
            for pair in pairs.all_pairs()
            if (trial := self.cache.trial(plan.triggered(pair))) and trial.exit_code != DIED
        ]

    def _price(self, *trials: Trial | None) -> int | None:
        tests = {test for trial in trials if trial for test in trial.failed_tests}
        if not tests or not self.prices:
            return None
        # A test that needs a control plane is not run on the plain server; it comes after all others.
        last = max(self.prices.values())
        return min(self.prices.get(test, last) for test in tests)

    def alarms(self, tasks: Iterable[Task]) -> tuple[list[Trial], list[FalseAlarm]]:
        """The trials of conforming servers, and those among them that were not found to conform."""
        trials = [trial for task in tasks if (trial := self.cache.trial(task))]
        accused = [trial for trial in trials if trial.exit_code != 0]
        return trials, [
            FalseAlarm(
                trial.task.name,
                trial.headline,
                {
                    name: trial.reasons[name]
                    for name in sorted(trial.failed | trial.documented("inconclusive"))
                },
            )
            for trial in accused
        ]

    @cached_property
    def hosts(self) -> list[HostileResult]:
        """Every trial on a hostile host."""
        found = []
        for task in plan.hostile():
            trial, host = self.cache.trial(task), str(task.hostile)
            if trial is None:
                continue
            hollow = tuple(sorted(trial.documented("pass"))) if host in STARVED else ()
            seen = task.spend not in UNSEEN.get(host, ())
            found.append(
                HostileResult(
                    host, task.spend, trial, hollow, trial.exit_code == 0 and seen, passed_cap(trial)
                )
            )
        return sorted(found, key=lambda hosted: (list(HOSTS).index(hosted.host), hosted.spend))

    @cached_property
    def flips(self) -> list[SeedResult]:
        """Servers whose verdicts depend on the seed, and those whose verdicts do not."""
        by_name = defaultdict[str, list[Trial]](list)
        for task in plan.stability():
            if trial := self.cache.trial(task):
                by_name[task.name].append(trial)
        found = []
        for name, trials in by_name.items():
            verdicts = {
                requirement: tuple(sorted({trial.verdicts.get(requirement, "none") for trial in trials}))
                for requirement in load_requirements().requirements
            }
            flipped = {requirement: seen for requirement, seen in verdicts.items() if len(seen) > 1}
            found.append(SeedResult(name, len(trials), flipped))
        return found

    @cached_property
    def unpaid_leaks(self) -> list[Trial]:
        """Runs with `--spend none` that sent what a conforming server would have charged."""
        return [fault.unpaid for fault in self.faults if fault.unpaid and passed_cap(fault.unpaid)]


def passed_cap(trial: Trial) -> bool:
    """Whether more was spent than booked, or more was booked than allowed."""
    caps = {name: int(units) for name, _, units in (cap.partition("=") for cap in trial.task.caps)}
    if trial.task.spend == "none":
        caps = dict.fromkeys(plan.CAPS, 0)
    booked, due = trial.booked, trial.due or {}
    return any(
        due.get(name, 0) > booked.get(name, 0) or booked.get(name, 0) > cap for name, cap in caps.items()
    )
