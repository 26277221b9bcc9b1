"""`lightning-verify` as a user starts it: in a process and a directory of its own, with no credential around.

Law: what runs here is the command itself. It is forked from a process that has imported everything, since
a test-suite cannot wait dozens of times for imports; `fresh` starts an interpreter of its own instead.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from lightning_verify.command import main
from lightning_verify.requests.credentials import MEANING

from tests.support.guard import HANGS


@dataclass(frozen=True, slots=True)
class Finished:
    """A run that is over. `report` is report.json, or empty when none was written into `reports`; `memory`
    is the peak in megabytes, 0 where nobody measured it."""

    code: int
    out: str
    error: str
    report: dict[str, Any]
    directory: Path
    seconds: float
    memory: int = 0

    @property
    def verdicts(self) -> dict[str, str]:
        """Verdicts by requirement id."""
        return {entry["id"]: entry["verdict"] for entry in self.report["requirements"]}

    def documented(self, verdict: str) -> set[str]:
        """Documented requirements with this verdict."""
        entries = self.report["requirements"]
        return {e["id"] for e in entries if e["verdict"] == verdict and e["level"] == "documented"}


def command(
    *arguments: str,
    directory: Path,
    credentials: Mapping[str, str] | None = None,
    program: str = "lightning_verify",
    fresh: bool = False,
    plugins: Sequence[str] = (),
) -> Finished:
    """Run the command, or `pytest` as `program`, to its end in `directory`, with these credentials in the
    environment. `plugins` watch the command from within, unless it is `fresh`."""
    # A surrounding pytest says how it runs in variables that the one inside would believe.
    outside = {k: v for k, v in os.environ.items() if k not in MEANING and not k.startswith("PYTEST_")}
    job = _Job(program, arguments, directory, {**outside, **(credentials or {})}, tuple(plugins))
    started = time.monotonic()
    code, out, error, memory = _interpreted(job) if fresh else _forked(job)
    seconds = time.monotonic() - started
    written = directory / "reports" / "report.json"
    report = json.loads(written.read_text(encoding="utf-8")) if written.exists() else {}
    return Finished(code, out, error, report, directory, seconds, memory)


@dataclass(frozen=True, slots=True)
class _Job:
    program: str
    arguments: tuple[str, ...]
    directory: Path
    environment: Mapping[str, str]
    plugins: tuple[str, ...]


_Result = tuple[int, str, str, int]


def _interpreted(job: _Job) -> _Result:
    run = subprocess.run(
        [sys.executable, "-m", job.program, *job.arguments],
        cwd=job.directory,
        env=job.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=HANGS,
    )
    return run.returncode, run.stdout, run.stderr, 0


def _forked(job: _Job) -> _Result:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.judge.preloaded"])
    receiver, sender = context.Pipe(duplex=False)
    printed = [job.directory.parent / f"{job.directory.name}.{name}" for name in ("out", "err")]
    process = context.Process(target=_work, args=(sender, job, printed))
    process.start()
    sender.close()
    try:
        if not receiver.poll(HANGS):
            raise TimeoutError(f"{job.arguments} is not done after {HANGS:g} s")
        code, memory = receiver.recv()
    except EOFError:
        code, memory = -1, 0
    finally:
        process.kill()
        process.join()
        receiver.close()
    out, error = (file.read_text(encoding="utf-8", errors="replace") for file in printed)
    for file in printed:
        file.unlink()
    return code, out, error, memory


def _work(sender: Any, job: _Job, printed: list[Path]) -> None:
    for number, file in enumerate(printed, 1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    os.environ.clear()
    os.environ.update(job.environment)
    os.chdir(job.directory)
    arguments = list(job.arguments)
    try:
        code = (
            main(arguments, job.plugins) if job.program == "lightning_verify" else int(pytest.main(arguments))
        )
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 1
    sys.stdout.flush()
    sys.stderr.flush()
    sender.send((code, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024))
    sender.close()
