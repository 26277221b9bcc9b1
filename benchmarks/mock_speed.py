"""How fast the mock is beside bare aiohttp that returns the same bytes.

`python -m benchmarks.mock_speed` prints a Markdown report, `--write` also puts it into mock_speed.md, and
`--quick` takes seconds and shows only that everything still runs.

Law: the floor and the mock take turns within one run, on the same core, with the same requests. No prompt but
that of the cached image comes twice, so that nothing the mock might remember of one can count.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from lightning_spec.loader import load_spec

from benchmarks.circumstances import made, pinned
from benchmarks.floor import save
from benchmarks.load import Job
from benchmarks.processes import ROOT, cores, load, server
from benchmarks.publishing import Say, publish
from benchmarks.scenarios import CHAT, NUMBER, SCENARIOS, Scenario, record
from benchmarks.turns import Pair, Servers, cpu_ratios

REPORT = Path(__file__).with_suffix(".md")
PLENTY = 1_000_000_000
JOURNAL_FULL = 2_000


@dataclass(frozen=True, slots=True)
class Size:
    """How long a run takes: turns for each scenario, seconds for each turn, identities to grow to."""

    turns: int
    seconds: float
    warm_up: float
    starts: int
    identities: tuple[int, ...]


USUAL = Size(turns=9, seconds=1.0, warm_up=0.2, starts=5, identities=(1, 100, 1_000, 10_000, 100_000))
QUICK = Size(turns=1, seconds=0.1, warm_up=0.0, starts=1, identities=(1, 100))


@contextmanager
def servers(folder: Path, loop: str = "asyncio") -> Iterator[Servers]:
    """Both servers, on the same kind of loop. Nobody's quota can end: the mock keeps its limits, and they are
    large."""
    plans, credentials = folder / "plans.json", folder / "credentials.json"
    plans.write_text(json.dumps(generous_plans()), encoding="utf-8")
    arguments = mock_arguments("--plans", str(plans), "--credentials", str(credentials), "--loop", loop)
    with server(arguments, "/usage") as mock:
        key = json.loads(credentials.read_text(encoding="utf-8"))["LIGHTNING_API_KEY"]
        replies = folder / "replies.json"
        save([record(mock.port, scenario, key) for scenario in SCENARIOS], replies)
        with server(floor_arguments(folder, loop), "/usage") as floor:
            yield Servers(floor, mock, key)


def floor_arguments(folder: Path, loop: str = "asyncio") -> tuple[str, ...]:
    return ("benchmarks.floor", str(folder / "replies.json"), loop)


def mock_arguments(*more: str) -> tuple[str, ...]:
    return ("lightning_mock", "--port", "0", *more)


def generous_plans() -> dict[str, Any]:
    spec = load_spec()
    limits = dict.fromkeys(spec.metrics, PLENTY)
    plans = [
        {"key": p.key, "name": p.name, "url": p.url, "price": p.price, "order": p.order, "limits": limits}
        for p in spec.plans
    ]
    return {"default": spec.default_plan, "plans": plans}


def job(scenario: Scenario, headers: Mapping[str, str], size: Size, different: int = PLENTY) -> Job:
    """The load of a scenario, with so many different numbers in it."""
    return Job(
        port=0,
        request=scenario.request(headers),
        connections=scenario.connections,
        seconds=size.seconds,
        warm_up=size.warm_up,
        different=different,
        spin=bool(cores().load),
    )


# ------------------------------------------------------------------------------------------ what is measured


def measure_speed(both: Servers, size: Size, say: Say) -> list[str]:
    """One row for each scenario."""
    rows = []
    for scenario in SCENARIOS:
        say(f"{scenario.name} ")
        bearer = {"Authorization": f"Bearer {both.key}"}
        rows.append(_speed_row(scenario, both.take_turns(job(scenario, bearer, size), size.turns, say)))
        say("\n")
    return rows


def _speed_row(scenario: Scenario, pairs: Sequence[Pair]) -> str:
    floors, mocks = [pair.floor.load for pair in pairs], [pair.mock.load for pair in pairs]
    return row(
        scenario.name,
        f"{median(x.per_second for x in floors):,.0f}",
        f"{median(x.per_second for x in mocks):,.0f} {scenario.unit}/s",
        spread([pair.ratio for pair in pairs]),
        spread(cpu_ratios(pairs)),
        f"{scenario.goal}",
        f"{median(x.median for x in floors):.2f} / {median(x.p99 for x in floors):.1f}",
        f"{median(x.median for x in mocks):.2f} / {median(x.p99 for x in mocks):.1f}",
        f"{max(median(x.busy for x in floors), median(x.busy for x in mocks)):.0%}",
    )


def measure_starts(folder: Path, loaded: Sequence[int | None], size: Size, say: Say) -> list[str]:
    """Start time and memory of fresh processes, taking turns, beside the memory of `loaded` ones."""
    commands = (floor_arguments(folder), mock_arguments())
    starts: tuple[list[float], list[float]] = ([], [])
    memory: tuple[list[int], list[int]] = ([], [])
    say("start ")
    for _ in range(size.starts):
        for which, arguments in enumerate(commands):
            with server(arguments, "/usage") as started:
                starts[which].append(started.start)
                memory[which].append(started.resident_bytes() or 0)
        say(".")
    say("\n")
    return [
        row(name, f"{median(starts[which]):.2f} s", mib(median(memory[which])), mib(loaded[which] or 0))
        for which, name in enumerate(("floor", "mock"))
    ]


@dataclass(frozen=True, slots=True)
class Growth:
    """The mock after so many identities have used one metric."""

    identities: int
    pairs: list[Pair]
    resident: int | None


def measure_growth(both: Servers, size: Size, say: Say) -> list[Growth]:
    """Speed and memory while more and more signed-out callers use the mock, all of them in turn."""
    say("identities ")
    headers = {"X-Client-ID": f"benchmark-{NUMBER}"}
    # With the journal and the caches full, what grows from here on are the identities.
    _send(both, job(CHAT, {"Authorization": f"Bearer {both.key}"}, size), JOURNAL_FULL)
    known = 0
    grown = []
    for count in size.identities:
        filling = job(CHAT, headers, size, different=count)
        _send(both, filling, count - known, first=known)
        known = count
        resident = both.mock.resident_bytes()
        grown.append(Growth(count, both.take_turns(filling, size.turns, say), resident))
    say("\n")
    return grown


def _send(both: Servers, like: Job, requests: int, first: int = 0) -> None:
    """A fixed number of requests to the mock, untimed."""
    load(
        Job(
            port=both.mock.port,
            request=like.request,
            connections=min(like.connections, requests),
            seconds=0.0,
            requests=requests,
            first=first,
        )
    )


def bytes_an_identity(grown: Sequence[Growth]) -> float | None:
    """Resident bytes that each identity between the first and the last reading has cost, for one metric."""
    first, last = grown[0], grown[-1]
    if first.resident is None or last.resident is None:
        return None
    return (last.resident - first.resident) / (last.identities - first.identities)


# ------------------------------------------------------------------------------------------ what is said


def report(size: Size, say: Say, loop: str = "asyncio") -> str:
    """Measure everything and say it in Markdown."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with servers(folder, loop) as both:
            speed = measure_speed(both, size, say)
            loaded = (both.floor.resident_bytes(), both.mock.resident_bytes())
        starts = measure_starts(folder, loaded, size, say)
        with servers(folder, loop) as both:
            grown = measure_growth(both, size, say)
    each = bytes_an_identity(grown)
    return "\n".join(
        [
            "# How fast the mock is compared with bare aiohttp",
            "",
            circumstances(size, loop),
            "",
            row("", "floor", "mock", "ratio", "ratio by CPU", "goal", "floor ms", "mock ms", "client busy"),
            rule(9),
            *speed,
            "",
            row("", "start to first answer", "memory at start", "after the loads above"),
            rule(4),
            *starts,
            "",
            row("identities", "chat requests/s", "ratio", "ratio by CPU", "memory"),
            rule(5),
            *(growth_row(step) for step in grown),
            "",
            f"Memory for each identity and metric: {'unknown' if each is None else f'{each:.0f} bytes'} "
            "(goal: under 400).",
            "",
        ]
    )


def growth_row(step: Growth) -> str:
    return row(
        f"{step.identities:,}",
        f"{median(pair.mock.load.per_second for pair in step.pairs):,.0f}",
        spread([pair.ratio for pair in step.pairs]),
        spread(cpu_ratios(step.pairs)),
        mib(step.resident or 0),
    )


def circumstances(size: Size, loop: str) -> str:
    """When, where, with what, and how to read the tables."""
    names = ("aiohttp", "orjson", "jsonschema-rs", *(("uvloop",) if loop == "uvloop" else ()))
    packages = (f"{name} {version(name)}" for name in names)
    return f"""\
{made(*packages)}; {pinned("server and client each on their own core")}. \
{size.turns} pairs of turns of {size.seconds} s each, median (lowest to highest). \
Made by `python -m benchmarks.mock_speed --write`.

*Floor*: an aiohttp application that reads the request, decodes its JSON and returns the same bytes and \
headers as the mock, streams event by event. *Ratio*: mock over floor, answers per second of the same pair. \
*Ratio by CPU*: the same per second of CPU time that the server used, which other load affects less. *ms*: \
median / 99th percentile of the time to a complete answer under this load (32 connections; 8 for streams and \
images). *Client busy*: near 100 % the client would be the limit. The mock runs with its defaults, journal \
included. Only the cached image's prompt is sent twice."""


def row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def rule(columns: int) -> str:
    return "|" + "---|" * columns


def spread(values: Sequence[float]) -> str:
    if not values:
        return "–"
    return f"**{median(values):.2f}** ({min(values):.2f}–{max(values):.2f})"


def mib(size: float) -> str:
    return f"{size / 2**20:.0f} MiB" if size else "–"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and give its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.mock_speed", description="How fast the mock is beside bare aiohttp."
    )
    parser.add_argument("--quick", action="store_true", help="seconds, not minutes; figures mean nothing")
    parser.add_argument("--write", action="store_true", help=f"also write {REPORT.relative_to(ROOT)}")
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio", help="what both run on")
    chosen = parser.parse_args(arguments)

    publish(
        lambda say: report(QUICK if chosen.quick else USUAL, say, chosen.loop),
        REPORT if chosen.write else None,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
