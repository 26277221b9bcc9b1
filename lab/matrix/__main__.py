"""`python -m lab.matrix`: judge the judge. A thin cover over `lab.matrix`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from lab.faults import FAULTS
from lab.matrix import baseline, plan, proofs, table
from lab.matrix.baseline import Baseline, BaselineTask
from lab.matrix.cache import Cache, Result
from lab.matrix.plan import Selected
from lab.matrix.proofs import Proof
from lab.matrix.results import Results
from lab.matrix.trial import Task, run_all

HERE = Path(__file__).parents[1]
CACHE = HERE / ".cache" / "kill_matrix.jsonl"
PATIENCE = 900.0

DESCRIPTION = """\
Puts the contract tests in front of every fault, conforming variant and hostile host of the conformance lab,
and says what they catch, what they accuse wrongly and what they cost.

steps, in this order unless some are named:
  prove         each switch once, to see that it takes effect
  plain         the whole judge on the plain server, once for each way to spend
  faults        each fault, the judge narrowed to what it breaks; survivors once more with the whole judge
  mock          faults that only a control plane shows, on the mock
  none          each fault with --spend none, and what a conforming server would have charged
  variants      each conforming variant under the whole judge
  combinations  50 random combinations of two to five variants
  hostile       each hostile host, with --spend none and sample
  seeds         eleven servers, ten seeds of the generated examples each
  baseline      default schemathesis on a sample of the faults
"""

EPILOG = """\
Each result is kept at once in the cache, so a run that was interrupted goes on where it was, and steps can be
run one by one. Results of other versions of the code do not count unless --trust-cache says so.

examples:
  python -m lab.matrix --write              all that is missing, then the table and the picture
  python -m lab.matrix faults none          two steps
  python -m lab.matrix faults --select 'stream-*' --again
                                                        these faults once more
  python -m lab.matrix table --write        nothing is run, the cache is summed up
"""


class Bench:
    """The steps, over one cache."""

    def __init__(self, cache: Cache, options: argparse.Namespace) -> None:
        self._cache = cache
        self._workers: int = options.workers
        self._again: bool = options.again
        self._sample: int = options.baseline_faults
        self._selected: Selected = plan.selected_by(options.select)

    def prove(self) -> None:
        """Each switch once."""
        switches = [switch for switch in proofs.switches() if self._selected(switch.name)]
        wanted = [switch for switch in switches if self._again or not self._cache.proof(switch)]
        self._keep("prove", len(wanted), proofs.prove_all(wanted, self._workers))

    def plain(self) -> None:
        """What a run costs."""
        self._try("plain", plan.plain())

    def faults(self) -> None:
        """Narrowed first, the survivors with the whole judge."""
        chosen = [fault for fault in plan.faults() if self._selected(fault.name)]
        self._try("faults", map(plan.narrowed, chosen))
        survivors = []
        for fault in chosen:
            trial = self._cache.trial(plan.narrowed(fault))
            if trial and not trial.failed:
                survivors.append(plan.whole(fault))
        self._try("faults, survivors", survivors)

    def mock(self) -> None:
        """What only a control plane shows."""
        self._try("mock", plan.mock_faults())

    def none(self) -> None:
        """What is seen for nothing."""
        self._try("none", map(plan.unpaid, plan.faults()))

    def variants(self) -> None:
        """False alarms."""
        self._try("variants", plan.variants())

    def combinations(self) -> None:
        """False alarms on several differences together."""
        self._try("combinations", plan.combinations())

    def hostile(self) -> None:
        """Hollow passes and caps."""
        self._try("hostile", plan.hostile())

    def seeds(self) -> None:
        """Verdicts that depend on the seed."""
        self._try("seeds", plan.stability())

    def baseline(self) -> None:
        """What others find."""
        sample = [fault for fault in plan.sampled(plan.faults(), self._sample) if self._selected(fault.name)]
        tasks = [
            *(BaselineTask(None, seed) for seed in baseline.CLEAN_SEEDS),
            *(BaselineTask(fault.name) for fault in sample),
        ]
        wanted = [task for task in tasks if self._again or not self._cache.baseline(task)]
        self._keep("baseline", len(wanted), baseline.run_all(wanted, self._workers))

    def _try(self, step: str, tasks: Iterable[Task]) -> None:
        chosen = [task for task in tasks if self._selected(task.name)]
        wanted = [task for task in chosen if self._again or not self._cache.trial(task)]
        self._keep(step, len(wanted), run_all(wanted, self._workers, PATIENCE))

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
        told = result.why or f"{len(result.failures)} failures, {result.charged} units"
        return f"{result.task.fault or 'clean server'}: {told}, {result.seconds:.0f} s"
    broken = " ".join(sorted(result.failed))
    told = f"broken {broken}" if broken else result.headline or "no verdict"
    return (
        f"{result.task.name}: exit {result.exit_code}, {told}, {result.charged} units, {result.seconds:.1f} s"
    )


STEPS: dict[str, Callable[[Bench], None]] = {
    "prove": Bench.prove,
    "plain": Bench.plain,
    "faults": Bench.faults,
    "mock": Bench.mock,
    "none": Bench.none,
    "variants": Bench.variants,
    "combinations": Bench.combinations,
    "hostile": Bench.hostile,
    "seeds": Bench.seeds,
    "baseline": Bench.baseline,
}


SUM_UP = "table"


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m lab.matrix",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "steps",
        nargs="*",
        metavar="STEP",
        help="what to run (default: all); `table` runs nothing",
    )
    parser.add_argument(
        "--write", action="store_true", help="write kill_matrix.md, .svg and .json beside this program"
    )
    parser.add_argument(
        "--cache", type=Path, default=CACHE, metavar="FILE", help="where results are kept (benchmarks/.cache)"
    )
    parser.add_argument(
        "--trust-cache", action="store_true", help="let results of other versions of the code count"
    )
    parser.add_argument(
        "--again", action="store_true", help="run what is selected even if it is in the cache"
    )
    parser.add_argument(
        "--select",
        action="append",
        default=[],
        metavar="PATTERN",
        help="only faults, variants and hosts whose name fits, for example 'stream-*'; may be repeated",
    )
    parser.add_argument(
        "--workers", type=int, default=2, metavar="N", help="how many trials run side by side (2)"
    )
    parser.add_argument(
        "--baseline-faults",
        type=int,
        default=60,
        metavar="N",
        help=f"size of the sample of the baseline, at most {len(FAULTS)} (60); each takes about a minute",
    )
    return parser


def write(results: Results, folder: Path) -> None:
    """Write the report, the picture and the data."""
    (folder / "kill_matrix.md").write_text(table.markdown(results), encoding="utf-8")
    (folder / "kill_matrix.svg").write_text(table.figure(results), encoding="utf-8")
    rows = json.dumps(table.data(results), separators=(",", ":")).replace("],[", "],\n[")
    (folder / "kill_matrix.json").write_text(rows + "\n", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the steps; 130 after an interruption, else 0."""
    command = parser()
    options = command.parse_args(arguments)
    if unknown := [step for step in options.steps if step not in STEPS and step != SUM_UP]:
        command.error(f"no step is called {unknown[0]}; there are {', '.join(STEPS)} and {SUM_UP}")
    cache = Cache(options.cache, trusting=options.trust_cache)
    bench = Bench(cache, options)
    try:
        for step in options.steps or STEPS:
            if step in STEPS:
                STEPS[step](bench)
    except KeyboardInterrupt:
        print("interrupted; what is done is kept", file=sys.stderr)
        return 130
    results = Results(cache)
    print("\n".join(table.summary(results)))
    if options.write:
        write(results, HERE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
