"""The steps of the matrix: each runs what the cache has not yet, and keeps every result at once."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Iterator

from lab.matrix import baseline, pairs, plan, proofs
from lab.matrix.baseline import Baseline, BaselineTask
from lab.matrix.cache import Cache, Result
from lab.matrix.plan import Selected
from lab.matrix.proofs import Proof
from lab.matrix.results import STARVED
from lab.matrix.trial import Task, run_all

TIMEOUT = 900.0
WAITERS = 8
"""How many trials run side by side that do little but wait."""


class Runner:
    """The steps, over one cache."""

    def __init__(self, cache: Cache, options: argparse.Namespace) -> None:
        self._cache = cache
        self._workers: int = options.workers
        self._again: bool = options.again
        self._sample: int = options.baseline_faults
        self._pairs = pairs.sampled(options.pairs, options.seed)
        self._selected: Selected = plan.selected_by(options.select)

    def prove(self) -> None:
        """Prove each switch once."""
        switches = [switch for switch in proofs.switches() if self._selected(switch.name)]
        wanted = [switch for switch in switches if self._again or not self._cache.proof(switch)]
        self._keep("prove", len(wanted), proofs.prove_all(wanted, self._workers))

    def plain(self) -> None:
        """Measure what a run costs."""
        self._try("plain", [*plan.plain(), plan.in_order()])

    def faults(self) -> None:
        """Judge each fault: with the checks of what it breaks first, and survivors with the whole judge."""
        chosen = [fault for fault in plan.faults() if self._selected(fault.name)]
        self._try("faults", map(plan.narrowed, chosen))
        survivors = []
        for fault in chosen:
            trial = self._cache.trial(plan.narrowed(fault))
            if trial and not trial.failed:
                survivors.append(plan.unnarrowed(fault))
        self._try("faults, survivors", survivors)

    def pairs(self) -> None:
        """Faults that only show sometimes."""
        self._try("pairs", map(plan.triggered, self._pairs))

    def mock(self) -> None:
        """Faults that only a control plane shows."""
        self._try("mock", plan.mock_faults())

    def none(self) -> None:
        """What can be seen for free."""
        self._try("none", map(plan.unpaid, plan.faults()))

    def variants(self) -> None:
        """Look for false alarms: all variants, some to a server, and each alone where one of those is
        accused."""
        self._try("variants", plan.variants())
        accused = [task for task in plan.variants() if (trial := self._cache.trial(task)) and trial.exit_code]
        self._try("variants, alone", [one for task in accused for one in plan.alone(task)])

    def hostile(self) -> None:
        """Look for hollow passes and exceeded caps."""
        talking = [task for task in plan.hostile() if task.hostile not in STARVED]
        silent = [task for task in plan.hostile() if task.hostile in STARVED]
        self._try("hostile", talking)
        self._try("hostile, silent", silent, max(self._workers, WAITERS))

    def seeds(self) -> None:
        """Look for verdicts that depend on the seed."""
        self._try("seeds", plan.stability())

    def baseline(self) -> None:
        """What schemathesis finds."""
        sample = [fault for fault in plan.sampled(plan.faults(), self._sample) if self._selected(fault.name)]
        tasks = [
            *(BaselineTask(None, seed) for seed in baseline.CLEAN_SEEDS),
            *(BaselineTask(fault.name) for fault in sample),
        ]
        wanted = [task for task in tasks if self._again or not self._cache.baseline(task)]
        self._keep("baseline", len(wanted), baseline.run_all(wanted, self._workers))

    def _try(self, step: str, tasks: Iterable[Task], workers: int = 0) -> None:
        chosen = [task for task in tasks if any(map(self._selected, (task.name, *task.variants)))]
        wanted = [task for task in chosen if self._again or not self._cache.trial(task)]
        self._keep(step, len(wanted), run_all(wanted, workers or self._workers, TIMEOUT))

    def _keep(self, step: str, count: int, results: Iterator[Result]) -> None:
        if not count:
            print(f"{step}: nothing to do", flush=True)
            return
        started = time.monotonic()
        for done, result in enumerate(results, 1):
            self._cache.keep(result)
            left = (time.monotonic() - started) / done * (count - done)
            print(f"{step} {done}/{count}, {_minutes(left)} left: {described(result)}", flush=True)


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def described(result: Result) -> str:
    """One finished piece of work in one line."""
    if isinstance(result, Proof):
        return f"{result.switch.name} {'takes effect' if result.proven else 'SHOWS NOTHING ' + result.why}"
    if isinstance(result, Baseline):
        summary = result.why or f"{len(result.failures)} failures, {result.charged} units"
        return f"{result.task.fault or 'clean server'}: {summary}, {result.seconds:.0f} s"
    broken = " ".join(sorted(result.failed))
    summary = f"broken {broken}" if broken else result.headline or "no verdict"
    return (
        f"{result.task.name}: exit {result.exit_code}, {summary}, "
        f"{result.charged} units, {result.seconds:.1f} s"
    )


STEPS: dict[str, Callable[[Runner], None]] = {
    "prove": Runner.prove,
    "plain": Runner.plain,
    "faults": Runner.faults,
    "pairs": Runner.pairs,
    "mock": Runner.mock,
    "none": Runner.none,
    "variants": Runner.variants,
    "hostile": Runner.hostile,
    "seeds": Runner.seeds,
    "baseline": Runner.baseline,
}
