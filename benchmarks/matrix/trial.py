"""One trial: the judge, whole or in part, against one server of the conformance lab.

Each trial runs in a process of its own, forked from one that has everything imported, so that a trial
costs what the judge costs and no import.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from schemathesis import GenerationMode

from contract_tests.cli import main as verify
from contract_tests.credentials import MEANING
from contract_tests.generated import cases
from contract_tests.requests import CALLS
from contract_tests.test_schema import CASES, FREE, NONSENSE
from tests.conformance_lab.credentials import DEFAULTS
from tests.conformance_lab.running import running

PATIENCE = ("--wake=5", "--settle=4")


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be tried: the lab's switches, the spending mode, and what the run is narrowed to."""

    name: str
    faults: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    hostile: str | None = None
    spend: str = "exhaust"
    only: tuple[str, ...] = ()
    caps: tuple[str, ...] = ()
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of a task: the exit code, verdicts by requirement, and the price.

    `charged` is what the server's own ledger counted, by metric; `booked` what the judge booked.
    """

    task: Task
    exit_code: int
    verdicts: dict[str, str]
    reasons: dict[str, str]
    booked: dict[str, int]
    charged: int
    requests: int
    seconds: float
    memory: int = 0
    headline: str = ""
    levels: dict[str, str] = field(default_factory=dict)

    @property
    def failed(self) -> set[str]:
        """Requirements whose verdict is fail, of the level that counts."""
        return {
            name for name, v in self.verdicts.items() if v == "fail" and self.levels[name] == "documented"
        }


def run(task: Task) -> Trial:
    """Run one task in this process."""
    started = time.monotonic()
    for name in MEANING:
        os.environ.pop(name, None)
    os.environ.update(DEFAULTS)
    with (
        tempfile.TemporaryDirectory() as directory,
        running(fault=list(task.faults), variants=task.variants, hostile=task.hostile) as server,
    ):
        arguments = [
            f"--base-url={server.base_url}",
            f"--report-dir={directory}",
            f"--spend={task.spend}",
            *PATIENCE,
            *(f"--only={name}" for name in task.only),
            *(f"--max-units={cap}" for cap in task.caps),
        ]
        code = verify(arguments)
        report: dict[str, Any] = json.loads((Path(directory) / "report.json").read_text())
        requirements = report["requirements"]
        return Trial(
            task=task,
            exit_code=code,
            verdicts={entry["id"]: entry["verdict"] for entry in requirements},
            reasons={entry["id"]: entry["reason"] for entry in requirements if entry["verdict"] != "pass"},
            booked=report["run"]["units"]["booked"],
            charged=server.charged(),
            requests=len(server.requests),
            seconds=time.monotonic() - started,
            memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            headline=report["run"]["verdict"],
            levels={entry["id"]: entry["level"] for entry in requirements},
        )


def _quietly(task: Task) -> Trial:
    # pytest writes to both; a table of hundreds of runs needs neither.
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 1)
    os.dup2(sink, 2)
    return run(task)


def warm_up() -> None:
    """Draw the generated cases once, in the process that all trials are forked from."""
    for operation in (*FREE, "createChatCompletion"):
        cases(operation, GenerationMode.POSITIVE, CASES)
    for operation, call in CALLS.items():
        if call.method == "POST":
            cases(operation, GenerationMode.NEGATIVE, NONSENSE)


def run_all(tasks: Sequence[Task], workers: int = 2) -> Iterator[Trial]:
    """Run tasks side by side, each in a fresh fork; trials come as they are done."""
    warm_up()
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(workers, mp_context=context, max_tasks_per_child=None) as pool:
        futures = [pool.submit(_in_fork, task) for task in tasks]
        for future in as_completed(futures):
            yield future.result()


def _in_fork(task: Task) -> Trial:
    """A process of its own for each task: pytest and the judge leave state behind."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)

    def child() -> None:
        sender.send(_quietly(task))

    process = context.Process(target=child)
    process.start()
    sender.close()
    try:
        trial: Trial = receiver.recv()
    except EOFError:
        trial = Trial(task, -1, {}, {}, {}, 0, 0, 0.0, headline="the judge died")
    process.join()
    return trial
