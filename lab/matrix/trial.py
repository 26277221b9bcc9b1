"""One trial: the judge, with all checks or some, against one server of the lab.

Each trial runs in a process of its own, forked from one that has everything imported, so that it costs what
the judge costs and no imports.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import resource
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from _pytest.config import default_plugins
from lightning_spec.loader import load_requirements
from lightning_verify.command import main as verify
from schemathesis import GenerationMode

from lab.faults import FAULTS
from lab.matrix import meter
from lab.matrix.meter import Meter, Step
from lab.matrix.mock_faults import running_mock
from lab.matrix.process_pool import TIMEOUT, Lost, in_processes
from lab.matrix.shadow import Shadow
from lab.running import running
from lab.server.credentials import DEFAULTS, NAMES
from lab.server.lab import Lab
from lab.triggers import TRIGGERS, sometimes

# Shorter than a host of others would need: the lab is awake and counts at once.
WAITING = ("--wake=5", "--settle=4")
DIED = -1
# What judge and server import once they run, beside what is imported here.
_IMPORTED_BY_A_RUN = (
    *(f"_pytest.{name}" for name in default_plugins),
    *("lightning_verify.run.plugin", "pytest_base_url.plugin", "pdb", "xml.etree.ElementTree"),
    *("uvicorn.protocols.http.h11_impl", "uvicorn.lifespan.off", "anyio._backends._asyncio"),
    *("pyrate_limiter", "multiprocessing.managers"),
)


@dataclass(frozen=True, slots=True)
class Task:
    """What to try: the lab's switches, the spending mode, and what the run is narrowed to.

    `mock_fault` stands for our mock with that fault and its control plane in place of the lab. `shadowed`
    asks for what a conforming server would have charged as well. With a `trigger` the faults only show when
    it holds. `in_order` runs one test after the other, so that the accounts after each tell what it and those
    before it cost.
    """

    name: str
    faults: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    hostile: str | None = None
    mock_fault: str | None = None
    spend: str = "exhaust"
    only: tuple[str, ...] = ()
    caps: tuple[str, ...] = ()
    seed: int | None = None
    shadowed: bool = False
    trigger: str | None = None
    in_order: bool = False


@dataclass(frozen=True, slots=True)
class Trial:
    """The result of a task: the exit code, verdicts by requirement, and the cost.

    `charged` is what the server's own ledger counted, `due` by metric what a conforming one would have, and
    `booked` what the judge booked; `steps` are the tests in order, `memory` the growth in megabytes. An exit
    code of -1 means that there is no verdict, and `headline` says why.
    """

    task: Task
    exit_code: int
    verdicts: Mapping[str, str] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    booked: Mapping[str, int] = field(default_factory=dict)
    charged: int = 0
    requests: int = 0
    seconds: float = 0.0
    memory: int = 0
    headline: str = ""
    due: Mapping[str, int] | None = None
    steps: tuple[Step, ...] = ()

    def documented(self, verdict: str) -> set[str]:
        """Documented requirements with this verdict."""
        known = load_requirements().requirements
        return {
            name for name, v in self.verdicts.items() if v == verdict and known[name].level == "documented"
        }

    @property
    def failed(self) -> set[str]:
        """Requirements whose verdict is fail, of the level that counts."""
        return self.documented("fail")

    @property
    def undecided(self) -> bool:
        """Whether nothing that counts is broken, and something could not be decided."""
        return not self.failed and bool(self.documented("inconclusive"))

    @property
    def failed_tests(self) -> set[str]:
        """The tests that failed."""
        return {step.test for step in self.steps if step.outcome == "failed"}


def run(task: Task) -> Trial:
    """Run one task in this process."""
    _set_environment()
    before, started = _memory(), time.monotonic()
    trial = _on_mock(task) if task.mock_fault is not None else _on_lab(task)
    return replace(trial, seconds=round(time.monotonic() - started, 2), memory=_memory() - before)


def _set_environment() -> None:
    # A surrounding pytest says how it runs in variables that the judge's own pytest would believe.
    for name in [*NAMES, *(name for name in os.environ if name.startswith("PYTEST_"))]:
        os.environ.pop(name, None)


def _memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _on_lab(task: Task) -> Trial:
    os.environ.update(DEFAULTS)
    shadow = Shadow(DEFAULTS) if task.shadowed else None
    prepare: Callable[[Lab], None] | None = shadow.follow if shadow else None
    faults = task.faults
    if task.trigger is not None:
        prepare, faults = sometimes(FAULTS[faults[0]], TRIGGERS[task.trigger]), ()
    with running(fault=faults, variants=task.variants, hostile=task.hostile, prepare=prepare) as server:
        reader = Meter(server.charged, lambda: len(server.requests))
        trial = _judged(task, reader, f"--base-url={server.base_url}")
        due = shadow.due() if shadow else None
        return replace(trial, charged=server.charged(), requests=len(server.requests), due=due)


def _on_mock(task: Task) -> Trial:
    assert task.mock_fault is not None
    with running_mock(task.mock_fault) as mock:
        os.environ.update(mock.credentials)
        reader = Meter(lambda: 0, lambda: 0)
        return _judged(task, reader, f"--base-url={mock.base_url}", f"--control={mock.base_url}/__mock__")


def _judged(task: Task, reader: Meter, *target: str) -> Trial:
    watching = [meter.install(reader)]
    with tempfile.TemporaryDirectory() as directory:
        code = verify(
            [
                *target,
                f"--report-dir={directory}",
                f"--spend={task.spend}",
                *WAITING,
                *(["--jobs=1"] if task.in_order else []),
                f"--seed={task.seed or 0}",
                *(f"--only={name}" for name in task.only),
                *(f"--max-units={cap}" for cap in task.caps),
            ],
            plugins=watching,
        )
        report: dict[str, Any] = json.loads((Path(directory) / "report.json").read_text(encoding="utf-8"))
    entries = report["requirements"]
    units = report["run"]["units"]
    return Trial(
        task=task,
        exit_code=code,
        verdicts={entry["id"]: entry["verdict"] for entry in entries},
        reasons={entry["id"]: entry["reason"][:300] for entry in entries if entry["verdict"] != "pass"},
        booked=units["booked"],
        charged=sum(units["served"].values()),
        requests=report["run"]["requests"]["sent"],
        headline=report["run"]["verdict"],
        steps=tuple(reader.steps),
    )


def warm_up(seed: int | None = None, *, nonsense: bool = True) -> None:
    """Import, compile and draw once what each trial needs, in the process that all are forked from. Drawing
    `nonsense` for generation takes a third of it, and only the most thorough runs send that."""
    # The lab runs the judge by its command and imports nothing else of it. Only here it reaches inside, by
    # name: what one process has drawn, all that are forked from it need not draw again.
    checks, variety, generated, valid, options, html = (
        importlib.import_module(f"lightning_verify.{name}")
        for name in (
            *("checks.test_schema", "checks.test_variety", "requests.generated", "requests.valid"),
            *("run.options", "report.html"),
        )
    )
    html.template()
    for name in _IMPORTED_BY_A_RUN:
        importlib.import_module(name)
    folder = importlib.import_module("lightning_verify.checks")
    for _, name, _ in pkgutil.iter_modules(folder.__path__, f"{folder.__name__}."):
        importlib.import_module(name)
    for operation in (*checks.FREE, "createChatCompletion"):
        generated.cases(operation, GenerationMode.POSITIVE, checks.CASES, seed or 0)
    for operation, call in valid.CALLS.items():
        if call.method == "POST" and (nonsense or operation not in checks.METRIC_OF):
            generated.cases(operation, GenerationMode.NEGATIVE, checks.NONSENSE, seed or 0)
    for subject in variety.SUBJECTS:
        subject.drawn(subject.count(options.MANY), seed or 0)
    # pytest collects garbage at its end: what is here already need not be looked through by each.
    gc.collect()
    gc.freeze()


def _sends_nonsense(task: Task) -> bool:
    chosen = not task.only or not {"FAIL-1", "failures"}.isdisjoint(task.only)
    return task.spend == "exhaust" and chosen


def run_all(tasks: Sequence[Task], workers: int = 2, timeout: float = TIMEOUT) -> Iterator[Trial]:
    """Run tasks in parallel, each in a process of its own; yields trials as they come."""
    for seed, found in groupby(sorted(tasks, key=lambda task: task.seed or 0), key=lambda task: task.seed):
        group = list(found)
        warm_up(seed, nonsense=any(map(_sends_nonsense, group)))
        for task, result in in_processes(run, group, workers, timeout):
            yield Trial(task, DIED, headline=result.why) if isinstance(result, Lost) else result
