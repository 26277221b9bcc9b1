"""The same faults judged by schemathesis, run on our spec as anybody would run it.

A kill is a failure (operation and kind) that no run on the clean server shows.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lab.matrix.origin import ROOT
from lab.matrix.process_pool import Lost, in_processes
from lab.running import running
from lab.server.lab import Lab

TIMEOUT = 1500.0
CLEAN_SEEDS = (1, 2)


@dataclass(frozen=True, slots=True)
class BaselineTask:
    """A fault, or None for the clean server, and the seed of the run."""

    fault: str | None
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a run reported as (operation, kind of failure), and its cost; `why` if it did not complete."""

    task: BaselineTask
    failures: tuple[tuple[str, str], ...] = ()
    charged: int = 0
    requests: int = 0
    seconds: float = 0.0
    why: str = ""


def _without_limits(lab: Lab) -> None:
    # Its thousands of requests would soon see nothing but 429.
    lab.plans = {
        key: plan if key == lab.default_plan else replace(plan, limits=dict.fromkeys(plan.limits))
        for key, plan in lab.plans.items()
    }


def run(task: BaselineTask) -> Baseline:
    """Run schemathesis once, in the project's folder, as the owner of an account without limits."""
    with (
        tempfile.TemporaryDirectory() as directory,
        running(fault=task.fault, prepare=_without_limits) as server,
    ):
        report, started = Path(directory) / "report.json", time.monotonic()
        subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "run", "spec/openapi.yaml"),
                *("--url", server.base_url, "--seed", str(task.seed)),
                *("--header", f"Authorization: Bearer {server.credentials['LIGHTNING_API_KEY']}"),
                *("--report-json-path", str(report)),
            ],
            cwd=ROOT,
            # What one run remembers would be told again by all that come after it.
            env={**os.environ, "HYPOTHESIS_STORAGE_DIRECTORY": directory},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        found: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
        return Baseline(
            task,
            failures_of(found),
            server.charged(),
            len(server.requests),
            round(time.monotonic() - started, 1),
            "" if found["complete"] else str(found["stop_reason"]),
        )


def failures_of(report: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """(operation, kind) of every failure in a JSON report of schemathesis; errors of a run count too."""
    failures = {
        (operation, entry["type"]) for entry in report["failures"] for operation in entry["operations"]
    }
    errors = {("run", entry["title"]) for entry in report["errors"]}
    return tuple(sorted(failures | errors))


def run_all(tasks: Iterable[BaselineTask], workers: int) -> Iterator[Baseline]:
    """Run these in parallel; yields results as they come."""
    for task, result in in_processes(run, tasks, workers, TIMEOUT):
        yield Baseline(task, why=result.why) if isinstance(result, Lost) else result
