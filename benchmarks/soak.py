"""Does the mock stay well for as long as it runs? Honest and hostile callers at once, and everything counted.

`python -m benchmarks.soak --minutes 10` prints a Markdown table and exits with 1 when a goal is missed;
`--write` puts it into soak.md, `--quick` takes seconds and shows only that everything still runs.

Law: every unit that was served is found in `/usage` at the end, and no other. Who asks and who polls is a
process of its own, so that a wait is the mock's.
"""

from __future__ import annotations

import argparse
import http.client
import json
import math
import multiprocessing
import os
import queue
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from lightning_mock.client import Lightning
from lightning_spec.loader import load_spec

from benchmarks.circumstances import commit
from benchmarks.hostile_requests import MIB, HostileRequest, hostile_requests, send
from benchmarks.processes import ROOT, Server, server

MAX_KEPT = 30
"""MiB that may stay once the journal has been cleared."""
MAX_WAIT = 250
"""Milliseconds that somebody may wait for `/usage` on a machine that has nothing else to do."""
HONEST, HOSTILE = 2, 2
_TIMEOUT = 120.0
_BETWEEN_POLLS = 0.01
_TIMES = 3
# Seconds from which on a request may be what others wait for.
_LONG = 0.05
_BREATH = 2.0
_PAGE = ROOT / "benchmarks" / "soak.md"
_SAID = {"messages": [{"role": "user", "content": "Name three rivers."}]}
_HONEST_CALLS: Sequence[tuple[str, str, Any]] = (
    ("POST", "/gen/chat/completions", _SAID),
    ("POST", "/gen/chat/completions", {**_SAID, "stream": True}),
    ("POST", "/gen/image", {"prompt": "A harbour"}),
    ("POST", "/gen/sfx", {"prompt": "Rain"}),
    ("GET", "/tiers", None),
    ("POST", "/gen/chat/completions", {"messages": "none"}),
)


@dataclass
class Tally:
    """What one caller was answered: statuses, and the units that it was served."""

    key: str
    statuses: Counter[str] = field(default_factory=Counter)
    served: Counter[str] = field(default_factory=Counter)
    slow: list[tuple[float, float, str]] = field(default_factory=list)
    """When requests that took long began and ended, by the machine's clock, and what they were."""


def metrics() -> dict[tuple[str, str], str]:
    """What a call of method and path costs, where it costs something."""
    operations = load_spec().operations.values()
    return {(each.method, each.path): each.metric for each in operations if each.metric is not None}


def ask(
    port: int, key: str, request: HostileRequest, tally: Tally, costs: dict[tuple[str, str], str]
) -> None:
    """Send one request and note what came of it."""
    try:
        status, _ = send(request, port, key, _TIMEOUT)
    except (OSError, http.client.HTTPException) as error:
        tally.statuses[type(error).__name__] += 1
        return
    tally.statuses[str(status)] += 1
    path = request.path.partition("?")[0]
    named = path if (request.method, path) in costs else f"{path.rpartition('/')[0]}/{{prompt}}"
    if status == 200 and (metric := costs.get((request.method, named))):
        tally.served[metric] += 1


def honest_requests() -> list[tuple[str, HostileRequest]]:
    """What clients ask, each with a name."""
    kind = {"Content-Type": "application/json"}
    return [
        (f"{method} {path}", HostileRequest(method, path, kind, json.dumps(body).encode))
        for method, path, body in _HONEST_CALLS
    ]


def be_honest(port: int, key: str, seconds: float, results: Any) -> None:
    """Ask what clients ask, again and again."""
    _be(cycle(honest_requests()), port, key, seconds, results)


def be_hostile(port: int, key: str, seconds: float, part: int, results: Any) -> None:
    """Ask what no client asks; each of several begins elsewhere."""
    requests = [*hostile_requests()]
    start = part * len(requests) // HOSTILE
    _be(cycle(requests[start:] + requests[:start]), port, key, seconds, results)


def be_hostile_alone(port: int, key: str, results: Any) -> None:
    """Ask each of these things some times, one after the other, with nobody else there."""
    requests = (each for each in hostile_requests() for _ in range(_TIMES))
    _be(requests, port, key, math.inf, results)


def _be(
    requests: Iterable[tuple[str, HostileRequest]], port: int, key: str, seconds: float, results: Any
) -> None:
    tally, costs, end = Tally(key), metrics(), time.monotonic() + seconds
    for name, request in requests:
        began = time.monotonic()
        if began > end:
            break
        ask(port, key, request, tally, costs)
        if (ended := time.monotonic()) - began > _LONG:
            tally.slow.append((began, ended, name))
    results.put(tally)


@dataclass(frozen=True, slots=True)
class Wait:
    """A look at `/usage`: when it began, by the machine's clock, and how long it took, in milliseconds."""

    began: float
    milliseconds: float

    def meanwhile(self, tallies: Sequence[Tally]) -> list[str]:
        """What else took long meanwhile."""
        ended = self.began + self.milliseconds / 1000
        slow = (each for tally in tallies for each in tally.slow)
        return sorted({name for begun, done, name in slow if begun < ended and done > self.began})


def polled(port: int, is_over: Callable[[], bool]) -> list[Wait]:
    """Looks at `/usage`, one after the other, until it is over."""
    waits = []
    while not is_over():
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT)
        began = time.monotonic()
        connection.request("GET", "/usage")
        connection.getresponse().read()
        waits.append(Wait(began, (time.monotonic() - began) * 1000))
        connection.close()
        time.sleep(_BETWEEN_POLLS)
    return waits


@dataclass(frozen=True, slots=True)
class Watched:
    """What was seen while callers asked: the looks at `/usage`, and what the callers were answered."""

    waits: list[Wait]
    tallies: list[Tally]

    @property
    def asked(self) -> int:
        """How many requests had an answer or lost it."""
        return sum(tally.statuses.total() for tally in self.tallies)

    @property
    def longest(self) -> float:
        """The longest look, in milliseconds."""
        return self._longest.milliseconds

    @property
    def told(self) -> str:
        """How long the polls took, and alongside what the longest one did."""
        waits = [wait.milliseconds for wait in self.waits]
        beside = self._longest.meanwhile(self.tallies)
        return (
            f"median {percentile(waits, 0.5):.1f} ms, p99 {percentile(waits, 0.99):.0f} ms, "
            f"longest {self.longest:.0f} ms" + f", alongside {' and '.join(beside)}" * bool(beside)
        )

    @property
    def _longest(self) -> Wait:
        return max(self.waits, key=lambda wait: wait.milliseconds)


def asking_alone(port: int, key: str) -> Watched:
    """Each hostile request some times, one after the other."""
    return _watched(port, [(be_hostile_alone, (port, key))])


def asking(port: int, keys: Sequence[str], seconds: float) -> Watched:
    """All callers at once, each a process."""
    return _watched(
        port,
        [
            *((be_honest, (port, key, seconds)) for key in keys[:HONEST]),
            *((be_hostile, (port, key, seconds, part)) for part, key in enumerate(keys[HONEST:])),
        ],
    )


def _watched(port: int, callers: Sequence[tuple[Callable[..., None], tuple[Any, ...]]]) -> Watched:
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    processes = [context.Process(target=caller, args=(*what, results)) for caller, what in callers]
    tallies: list[Tally] = []

    def all_are_done() -> bool:
        # A process ends only once what it leaves has been taken.
        with suppress(queue.Empty):
            tallies.append(results.get_nowait())
        return len(tallies) == len(processes) or not any(process.is_alive() for process in processes)

    for process in processes:
        process.start()
    try:
        waits = polled(port, all_are_done)
        return Watched(waits, tallies + [results.get(timeout=_TIMEOUT) for _ in processes[len(tallies) :]])
    finally:
        for process in processes:
            process.join(_TIMEOUT)


def differences(tallies: Sequence[Tally], usage: Any) -> list[str]:
    """Where what a caller was served is not what the mock has counted. `usage` gives the counts of a key."""
    found = []
    for number, tally in enumerate(tallies):
        counted = usage(tally.key)
        for metric in counted.keys() | tally.served.keys():
            served, used = tally.served[metric], counted.get(metric, 0)
            if served != used:
                found.append(f"caller {number}: {served} {metric} served, {used} counted")
    return sorted(found)


def used_by(port: int, key: str) -> dict[str, int]:
    """The counts of a key, from `/usage`."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT)
    connection.request("GET", "/usage", headers={"Authorization": f"Bearer {key}"})
    usage = json.loads(connection.getresponse().read())["usage"]
    connection.close()
    return {metric: row["used"] for metric, row in usage.items()}


def percentile(values: Sequence[float], share: float) -> float:
    """The value that so large a share of them does not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def soak(minutes: float) -> tuple[str, bool]:
    """Ask for so long. A table, and whether every goal was reached."""
    with server(("lightning_mock", "--port", "0"), "/usage") as mock:
        control = Lightning(f"http://127.0.0.1:{mock.port}")
        keys = [control.user(plan="professional").api_key for _ in range(HONEST + HOSTILE)]
        idle = _idle(mock.port)
        # What is made at first use stays.
        _warm_up(mock.port)
        before = _resident(mock)
        alone = asking_alone(mock.port, control.user(plan="professional").api_key)
        storm = asking(mock.port, keys, minutes * 60)
        after = _resident(mock)
        tallies = [*alone.tallies, *storm.tallies]
        wrong = differences(tallies, lambda key: used_by(mock.port, key))
        control.clear_journal()
        time.sleep(_BREATH)
        cleared = _resident(mock)
    statuses: Counter[str] = sum((tally.statuses for tally in tallies), Counter())
    failed = sum(count for status, count in statuses.items() if not "200" <= status < "500")
    told = ", ".join(f"{count:,} × {status}" for status, count in sorted(statuses.items()))
    rows = [
        ("answers", f"{statuses.total():,}: {told}", "no 5xx, none lost", failed == 0),
        ("counts", "; ".join(wrong) or f"all of {len(tallies)} callers agree", "exact", not wrong),
        (
            f"`/usage`, {len(alone.waits):,} times alongside {alone.asked} hostile requests, one at a time",
            alone.told,
            f"under {MAX_WAIT} ms",
            alone.longest < MAX_WAIT,
        ),
        (
            f"`/usage`, {len(storm.waits):,} times alongside all callers at once",
            f"{storm.told} (idle: {idle:.0f} ms)",
            f"under {MAX_WAIT} ms",
            storm.longest < MAX_WAIT,
        ),
        (
            "memory",
            f"{before} MiB before, {after} after, {cleared} once the journal is cleared",
            f"at most {MAX_KEPT} more",
            cleared - before <= MAX_KEPT,
        ),
    ]
    lines = ["| what | seen | goal | reached |", "| --- | --- | --- | --- |"]
    lines += [
        f"| {what} | {seen} | {goal} | {'yes' if reached else 'no'} |" for what, seen, goal, reached in rows
    ]
    return "\n".join(lines), all(reached for *_, reached in rows)


def _idle(port: int) -> float:
    end = time.monotonic() + _BREATH
    return max(wait.milliseconds for wait in polled(port, lambda: time.monotonic() > end))


def _warm_up(port: int) -> None:
    tally, costs = Tally("public"), metrics()
    for _, request in (*honest_requests(), *islice(hostile_requests(), 3)):
        ask(port, "public", request, tally, costs)


def _resident(mock: Server) -> int:
    return (mock.resident_bytes() or 0) // MIB


def _page(table: str, minutes: float) -> str:
    load, kinds = os.getloadavg()[1], sum(1 for _ in hostile_requests())
    return (
        "# How the mock handles honest and hostile callers at once\n\n"
        f"`python -m benchmarks.soak --minutes {minutes:g} --write`, {datetime.now(UTC):%Y-%m-%d}, commit "
        f"{commit()}, {os.cpu_count()} cores, load average {load:.1f} at the end: {HONEST} honest callers, "
        f"{HOSTILE} that send each of {kinds} hostile requests in turn, and one that polls `/usage`; before "
        f"that each hostile request {_TIMES} times on its own.\n\n"
        f"{table}\n"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Soak, and print; 0 when every goal was reached."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--quick", action="store_true", help="a few seconds")
    parser.add_argument("--write", action="store_true", help=f"write {_PAGE.name}")
    options = parser.parse_args(arguments)
    minutes = 0.05 if options.quick else options.minutes
    table, reached = soak(minutes)
    print(table)
    if options.write:
        Path(_PAGE).write_text(_page(table, minutes), encoding="utf-8")
    return 0 if reached or options.quick else 1


if __name__ == "__main__":
    sys.exit(main())
