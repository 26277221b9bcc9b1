"""How far one process goes, what a shared store costs, and what more processes bring.

`python -m benchmarks.scale` prints a Markdown report, `--write` also puts it into scale.md, and `--quick`
takes seconds and shows only that everything still runs. It needs redis-server.

Law: what is compared took turns within one run, under the same load. Where the machine has too few cores to
show something, it is said from what was counted, and said that it is.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from lightning_mock.clock import Clock
from lightning_mock.quota.windows import window_at
from lightning_mock.storage.counts import SharedCounts
from lightning_mock.storage.link import Link
from redis import Redis

from benchmarks.circumstances import made, pinned
from benchmarks.mock_speed import (
    Size,
    bytes_an_identity,
    generous_plans,
    growth_row,
    job,
    measure_growth,
    mock_arguments,
    row,
    rule,
    servers,
    spread,
)
from benchmarks.peers import free_port
from benchmarks.processes import ROOT, Server, client, cores, load, server
from benchmarks.publishing import Say, publish
from benchmarks.scenarios import CHAT, IMAGE, STREAM, USAGE
from benchmarks.stream_load import StreamJob, Streams

REPORT = Path(__file__).with_suffix(".md")
_SHOWN = (USAGE, CHAT, IMAGE)
_GOAL_REQUESTS = 100_000
_GOAL_IDENTITIES = 100_000_000
_METRICS = 4
_AT_ONCE = 1_000
_BUCKETS = (1, 1_024)
_ENOUGH_CORES = 4
"""Two for two workers, one for Redis and one for the load."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How long a run takes."""

    size: Size
    streams: int
    paces: tuple[int, ...]
    repeats: int
    shared_identities: int


USUAL = Extent(Size(5, 1.0, 0.2, 1, (1, 1_000, 1_000_000)), 1000, (0, 10, 20), 3, 50_000)
QUICK = Extent(Size(1, 0.1, 0.0, 1, (1, 100)), 20, (0, 100), 1, 2_000)


# ------------------------------------------------------------------------------------------------ the servers


@contextmanager
def redis_server(folder: Path) -> Iterator[Redis]:
    """A Redis that keeps nothing, on the core of the load."""
    port = free_port()
    given = ("--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder))
    process = subprocess.Popen(["redis-server", *given], stdout=subprocess.DEVNULL)
    try:
        if cores().load:
            os.sched_setaffinity(process.pid, cores().load)
        client = Redis(port=port)
        while True:
            try:
                client.ping()
                break
            except OSError:
                time.sleep(0.01)
            except Exception:
                if process.poll() is not None:
                    raise
                time.sleep(0.01)
        with client:
            yield client
    finally:
        process.terminate()
        process.wait()


@dataclass(frozen=True, slots=True)
class Mock:
    """A running mock and a key to it."""

    server: Server
    key: str


@contextmanager
def mock(folder: Path, *more: str) -> Iterator[Mock]:
    """A mock with nobody's quota at its end."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        plans, credentials = Path(name) / "plans.json", Path(name) / "credentials.json"
        plans.write_text(json.dumps(generous_plans()), encoding="utf-8")
        arguments = mock_arguments("--plans", str(plans), "--credentials", str(credentials), *more)
        with server(arguments, "/usage") as started:
            yield Mock(started, json.loads(credentials.read_text(encoding="utf-8"))["LIGHTNING_API_KEY"])


def url_of(redis: Redis) -> str:
    return f"redis://127.0.0.1:{redis.connection_pool.connection_kwargs['port']}/0"


def shared(redis: Redis, prefix: str) -> tuple[str, ...]:
    return "--store", url_of(redis), "--store-prefix", prefix


# ----------------------------------------------------------------------------------------------- many streams


def measure_streams(folder: Path, extent: Extent, say: Say) -> list[str]:
    """Many streams at once in one process, at several paces."""
    say("streams ")
    rows = []
    for pace in extent.paces:
        with mock(folder, "--token-rate", str(pace)) as one:
            request = STREAM.request({"Authorization": f"Bearer {one.key}"})
            asked = StreamJob(one.server.port, request, extent.streams)
            found = []
            for _ in range(extent.repeats):
                found.append(read_streams(asked))
                say(".")
        usual = 1000 / pace if pace else 0.0
        late = median(streams.p99 for streams in found) - usual
        rows.append(
            row(
                f"{pace}/s" if pace else "as fast as they are read",
                f"{median(streams.events / streams.seconds for streams in found):,.0f}",
                f"{median(streams.median for streams in found):.0f} ms",
                f"{median(streams.p99 for streams in found):.0f} ms",
                f"{late:.0f} ms",
            )
        )
    say("\n")
    return rows


def read_streams(asked: StreamJob) -> Streams:
    return Streams(**client("benchmarks.stream_load", asdict(asked)))


# --------------------------------------------------------------------------------------------- a shared store


@dataclass(frozen=True, slots=True)
class Cost:
    """What one answer takes: seconds of a processor of the mock and of Redis, and commands of Redis."""

    mock: float
    redis: float
    commands: float


def measure_store(folder: Path, redis: Redis, extent: Extent, say: Say) -> tuple[list[str], dict[str, Cost]]:
    """The same calls with counts in the process and in Redis, in turns."""
    say("store ")
    rows, costs = [], {}
    with mock(folder) as alone, mock(folder, *shared(redis, "latency")) as sharing:
        for scenario in _SHOWN:
            ratios: list[tuple[float, float]] = []
            times: list[tuple[float, float]] = []
            spent: list[Cost] = []
            for turn in range(extent.size.turns):
                for connections in (1, scenario.connections):
                    found = {}
                    for which in (alone, sharing)[:: 1 if turn % 2 else -1]:
                        asked = job(scenario, {"Authorization": f"Bearer {which.key}"}, extent.size)
                        # A client that never sleeps would take Redis' core away from it.
                        asked = replace(asked, port=which.server.port, connections=connections, spin=False)
                        before = _usage(which.server, redis)
                        done = load(asked)
                        cost = _each(before, _usage(which.server, redis), done.answered)
                        found[which.server.pid] = done.median
                        if which is sharing and connections > 1:
                            spent.append(cost)
                    both = found[alone.server.pid], found[sharing.server.pid]
                    if connections == 1:
                        times.append(both)
                    else:
                        ratios.append(both)
                say(".")
            costs[scenario.name] = Cost(
                median(cost.mock for cost in spent),
                median(cost.redis for cost in spent),
                median(cost.commands for cost in spent),
            )
            cost = costs[scenario.name]
            rows.append(
                row(
                    scenario.name,
                    *(f"{median(pair[place] for pair in times):.2f}" for place in (0, 1)),
                    spread([theirs / own for own, theirs in times]),
                    spread([theirs / own for own, theirs in ratios]),
                    f"{cost.mock * 1e6:.0f}",
                    f"{cost.redis * 1e6:.0f}",
                    f"{cost.commands:.1f}",
                )
            )
    say("\n")
    return rows, costs


def _usage(one: Server, redis: Redis) -> tuple[float, float, int]:
    about: Any = redis.info()
    # Those commands that scripts give are counted as well: they are what Redis does.
    commands = sum(stats["calls"] for stats in dict(redis.info("commandstats")).values())
    return one.cpu_seconds() or 0.0, about["used_cpu_sys"] + about["used_cpu_user"], commands


def _each(before: tuple[float, ...], after: tuple[float, ...], answers: int) -> Cost:
    return Cost(*((now - then) / answers for then, now in zip(before, after, strict=True)))


@dataclass(frozen=True, slots=True)
class Kept:
    """What one Redis uses for the counts of many: processor seconds for a charge, bytes for an identity."""

    seconds: float
    identity: float


async def keep(redis: Redis, identities: int, buckets: int) -> Kept:
    """Charge every identity once. They lie in so many buckets, as they would in a cluster."""
    link = Link(url_of(redis), f"kept-{buckets}")
    counts = SharedCounts(link, Clock())
    window = window_at("day", time.time())
    names = [f"client:benchmark-{number:09d}" for number in range(identities)]
    for bucket in range(buckets):
        await counts.spend("first", f"bucket-{bucket}", window, None)
    before: Any = redis.info()
    for start in range(0, identities, _AT_ONCE):
        some = enumerate(names[start : start + _AT_ONCE])
        await asyncio.gather(
            *(counts.spend(name, f"bucket-{place % buckets}", window, None) for place, name in some)
        )
    after: Any = redis.info()
    await link.close()
    used = [about["used_cpu_sys"] + about["used_cpu_user"] for about in (before, after)]
    memory = after["used_memory"] - before["used_memory"]
    return Kept((used[1] - used[0]) / identities, memory / identities)


# ------------------------------------------------------------------------------------------------ two workers


@dataclass(frozen=True, slots=True)
class Both:
    """Two workers over one: answers a second, and answers for a second of one processor."""

    measured: list[float]
    by_cpu: list[float]


def measure_workers(folder: Path, redis: Redis, extent: Extent, say: Say) -> dict[str, Both]:
    """One and two workers in turns."""
    say("workers ")
    found = {}
    with ExitStack() as ending:
        one = ending.enter_context(mock(folder, *shared(redis, "one")))
        two = ending.enter_context(mock(folder, *shared(redis, "two"), "--workers", "2"))
        spread_out(two.server)
        for scenario in _SHOWN:
            measured, by_cpu = [], []
            for turn in range(extent.size.turns):
                rates, costs = {}, {}
                for which in (one, two)[:: 1 if turn % 2 else -1]:
                    asked = job(scenario, {"Authorization": f"Bearer {which.key}"}, extent.size)
                    before = which.server.cpu_seconds() or 0.0
                    done = load(replace(asked, port=which.server.port, spin=False, connections=32))
                    used = (which.server.cpu_seconds() or 0.0) - before
                    rates[which], costs[which] = done.per_second, used / done.answered
                measured.append(rates[two] / rates[one])
                if costs[two]:
                    by_cpu.append(2 * costs[one] / costs[two])
                say(".")
            found[scenario.name] = Both(measured, by_cpu)
    say("\n")
    return found


def spread_out(running: Server) -> None:
    """Give each worker a core of its own where there are enough, or else let all run where they can."""
    until = time.monotonic() + 10
    while len(running.workers()) < 2 and time.monotonic() < until:
        time.sleep(0.01)
    if not hasattr(os, "sched_getaffinity"):
        return
    usable = sorted(os.sched_getaffinity(0))
    for place, pid in enumerate(running.workers()):
        own = {usable[(0, 2, 3)[place]]} if len(usable) >= _ENOUGH_CORES else set(usable)
        os.sched_setaffinity(pid, own)


# ---------------------------------------------------------------------------------------------- what is said


def plan(cost: Cost, identity_bytes: float) -> list[str]:
    """The arithmetic beyond this machine."""
    workers = _GOAL_REQUESTS * cost.mock
    redis = _GOAL_REQUESTS * cost.redis
    memory = _GOAL_IDENTITIES * _METRICS * identity_bytes
    return [
        row(f"for {_GOAL_REQUESTS:,} chats a second", "cores"),
        rule(2),
        row("of the mock", f"{workers:.0f}"),
        row("of Redis, each a node of a cluster", f"{redis:.1f}"),
        row("chats a second that one Redis node carries", f"{1 / cost.redis:,.0f}"),
        "",
        f"For {_GOAL_IDENTITIES:,} identities that use all {_METRICS} metrics in one window: "
        f"{memory / 2**30:,.0f} GiB of Redis, {identity_bytes:.0f} bytes per identity and metric.",
    ]


def report(extent: Extent, say: Say) -> str:
    """Measure everything and say it in Markdown."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        streams = measure_streams(folder, extent, say)
        with servers(folder) as both:
            grown = measure_growth(both, extent.size, say)
        with redis_server(folder) as redis:
            store, costs = measure_store(folder, redis, extent, say)
            kept = {count: asyncio.run(keep(redis, extent.shared_identities, count)) for count in _BUCKETS}
            workers = measure_workers(folder, redis, extent, say)
    each = bytes_an_identity(grown)
    return "\n".join(
        [
            "# How far the mock goes",
            "",
            _circumstances(extent),
            "",
            f"**{extent.streams:,} streams of 64 chunks at once in one process**; goal: chunks come "
            "less than 50 ms behind their pace at the 99th percentile.",
            "",
            row("pace", "events/s", "median between chunks", "99th percentile", "behind its pace"),
            rule(5),
            *streams,
            "",
            "**Identities in one process**; goal: a million without slowing down.",
            "",
            row("identities", "chat requests/s", "ratio to bare aiohttp", "ratio by CPU", "memory"),
            rule(5),
            *(growth_row(step) for step in grown),
            "",
            f"Memory for each identity and metric: {'unknown' if each is None else f'{each:.0f} bytes'} in "
            f"the process, {kept[1].identity:.0f} bytes in Redis.",
            "",
            "**The store**: time to an answer with counts in Redis over that with counts in the process; "
            "goal: at most 3.",
            "",
            row(
                "",
                "process, ms",
                "Redis, ms",
                "ratio, one caller",
                "ratio under load",
                "mock CPU µs",
                "Redis CPU µs",
                "Redis commands",
            ),
            rule(8),
            *store,
            "",
            f"**Two workers over one**; goal: 1.8. {_pinning()}",
            "",
            row("", "answers per second", "by CPU"),
            rule(3),
            *(row(name, spread(both.measured), spread(both.by_cpu)) for name, both in workers.items()),
            "",
            f"**One Redis**, where {extent.shared_identities:,} identities are charged once each, calling "
            "only the script that refuses or charges:",
            "",
            row("hashes per metric and window", "Redis CPU µs per charge", "bytes per identity"),
            rule(3),
            *(
                row(f"{count:,}", f"{found.seconds * 1e6:.1f}", f"{found.identity:.0f}")
                for count, found in kept.items()
            ),
            "",
            *plan(costs[CHAT.name], kept[1].identity),
            "",
        ]
    )


def _pinning() -> str:
    if (os.cpu_count() or 1) >= _ENOUGH_CORES:
        return "Each worker, Redis and the load had its own core."
    return (
        "The machine has too few cores for two workers, Redis and the load to have one each: all shared "
        "them, so the measured ratio says little. *By CPU* is twice the CPU time one worker takes for an "
        "answer over what two take: what two would serve on cores of their own."
    )


def _circumstances(extent: Extent) -> str:
    return f"""\
{made()}; {pinned("servers on one core, load and Redis on another")}. {extent.size.turns} turns of \
{extent.size.seconds} s per figure, median (lowest to highest). Made by \
`python -m benchmarks.scale --write`."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and give its exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description="How far the mock goes.")
    parser.add_argument("--quick", action="store_true", help="seconds, not minutes; figures mean nothing")
    parser.add_argument("--write", action="store_true", help=f"also write {REPORT.relative_to(ROOT)}")
    chosen = parser.parse_args(arguments)
    if shutil.which("redis-server") is None:
        parser.error("redis-server is not installed")

    publish(lambda say: report(QUICK if chosen.quick else USUAL, say), REPORT if chosen.write else None)
    return 0


if __name__ == "__main__":
    sys.exit(main())
