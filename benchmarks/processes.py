"""The processes of a benchmark: servers on one core, the load on another, and what they use.

Law: whatever is started here is ended here. Where the system cannot pin a process or tell what it uses,
the benchmark runs without, and says so.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from benchmarks.load import Job, Load

ROOT = Path(__file__).parent.parent
_ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)")
_GRACE = 10.0
_TIMEOUT = 60.0


@dataclass(frozen=True, slots=True)
class Cores:
    """The processors of the servers and of the load; both empty where there is no choice."""

    server: frozenset[int]
    load: frozenset[int]


def cores() -> Cores:
    """Two processors out of those that this process may use."""
    if not hasattr(os, "sched_getaffinity"):
        return Cores(frozenset(), frozenset())
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        return Cores(frozenset(), frozenset())
    return Cores(frozenset(usable[:1]), frozenset(usable[1:2]))


@dataclass(frozen=True, slots=True)
class Server:
    """A running server. `start` is the time from its first instruction to its first answer, in seconds."""

    pid: int
    port: int
    start: float

    def cpu_seconds(self) -> float | None:
        """What the process and its workers have used of their cores since they began; None where the system
        does not tell."""
        used = 0
        try:
            for pid in (self.pid, *self.workers()):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                used += int(fields[11]) + int(fields[12])
        except OSError:
            return None
        return used / os.sysconf("SC_CLK_TCK")

    def workers(self) -> list[int]:
        """The processes that it has started."""
        try:
            found = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        except OSError:
            return []
        return [int(pid) for pid in found]

    def resident_bytes(self) -> int | None:
        """The memory that the process has in use; None where the system does not tell."""
        try:
            pages = Path(f"/proc/{self.pid}/statm").read_text().split()[1]
        except OSError:
            return None
        return int(pages) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def server(arguments: Sequence[str], first_path: str, under: Sequence[str] = ()) -> Iterator[Server]:
    """Run `python -m ARGUMENTS`, which prints its address, until the block ends; `under` another program."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [*under, sys.executable, "-m", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=_environment(),
    )
    try:
        _pin(process.pid, cores().server)
        assert process.stdout is not None
        found = None
        for line in process.stdout:
            found = _ADDRESS.search(line)
            if found:
                break
        if found is None:
            raise RuntimeError(f"{arguments[0]} did not start")
        port = int(found[1])
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{first_path}", timeout=_GRACE) as answer:
            answer.read()
        yield Server(process.pid, port, time.perf_counter() - began)
    finally:
        _end(process)


@contextmanager
def program(command: Sequence[str], port: int, folder: Path) -> Iterator[Server]:
    """Run any program that is to listen on a port, until the block ends. It has started once it answers,
    whatever it answers."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder)
    try:
        _pin(process.pid, cores().server)
        while not _answers(port):
            if process.poll() is not None or time.perf_counter() - began > _TIMEOUT:
                raise RuntimeError(f"{' '.join(command)} did not start")
            time.sleep(0.005)
        yield Server(process.pid, port, time.perf_counter() - began)
    finally:
        _end(process)


@cache
def _bytecode() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory()


def _environment() -> dict[str, str]:
    """With the bytecode of all modules at hand from the second start on, as an installed package has it."""
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": _bytecode().name}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment


def _answers(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=_GRACE)
    try:
        connection.request("GET", "/usage")
        connection.getresponse().read()
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
    return True


def _end(process: subprocess.Popen[Any]) -> None:
    process.terminate()
    try:
        process.communicate(timeout=_GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def load(job: Job) -> Load:
    """Run the load client. Raises RuntimeError when an answer was not as it must be."""
    return Load(**client("benchmarks.load", asdict(job)))


def client(module: str, job: dict[str, Any]) -> dict[str, Any]:
    """What the module prints for the job, run in a process on the core of the load. Raises RuntimeError when
    it gives up."""
    process = subprocess.Popen(
        [sys.executable, "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    _pin(process.pid, cores().load)
    output, _ = process.communicate(json.dumps(job))
    if process.returncode:
        raise RuntimeError(f"{module} gave up")
    found: dict[str, Any] = json.loads(output)
    return found


def _pin(pid: int, processors: frozenset[int]) -> None:
    if processors:
        os.sched_setaffinity(pid, processors)
