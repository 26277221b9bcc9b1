"""How many instructions an answer of the mock takes, beside bare aiohttp that returns the same bytes.

`python -m benchmarks.instructions` prints a Markdown table. It needs valgrind and takes a minute. A busy
machine hardly changes the figures: what a change costs shows here where a stopwatch shows noise. What the
kernel does is not counted.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

from benchmarks.mock_speed import USUAL, floor_arguments, job, mock_arguments, row, rule, servers
from benchmarks.processes import Server, load, server
from benchmarks.scenarios import SCENARIOS, Scenario

ANSWERS = 400
_STREAMS = 100
_WARM_UP = 40
_SMALL_JOURNAL = 1
"""The journal cleans what it keeps once a second. Slowed down so much it would clean all that it ever has."""
_TOTAL = re.compile(r"^(?:summary|totals): (\d+)", re.MULTILINE)


class Counted:
    """A server under valgrind, and where its counts are written."""

    def __init__(self, running: Server, folder: Path) -> None:
        self._running = running
        self._folder = folder

    def instructions(self, scenario: Scenario, headers: Mapping[str, str], answers: int) -> float:
        """Instructions for each answer, once the first answers have been given."""
        self._send(scenario, headers, _WARM_UP, first=0)
        self._control("--instr=on")
        self._control("--zero")
        self._send(scenario, headers, answers, first=_WARM_UP)
        before = set(self._folder.iterdir())
        self._control("--dump")
        self._control("--instr=off")
        (written,) = set(self._folder.iterdir()) - before
        total = _TOTAL.search(written.read_text())
        if total is None:
            raise RuntimeError("valgrind wrote no total")
        return int(total[1]) / answers

    def _send(self, scenario: Scenario, headers: Mapping[str, str], requests: int, first: int) -> None:
        sent = job(scenario, headers, USUAL)
        load(
            type(sent)(
                port=self._running.port,
                request=sent.request,
                connections=min(scenario.connections, 8),
                seconds=0.0,
                requests=requests,
                first=first,
            )
        )

    def _control(self, order: str) -> None:
        subprocess.run(
            ["callgrind_control", order, str(self._running.pid)], check=True, capture_output=True, timeout=60
        )


@contextmanager
def counted(arguments: Sequence[str], folder: Path) -> Iterator[Counted]:
    """Run a server of which every instruction can be counted."""
    folder.mkdir()
    under = (
        "valgrind",
        "--quiet",
        "--tool=callgrind",
        "--instr-atstart=no",
        f"--callgrind-out-file={folder}/count",
    )
    with server(arguments, "/usage", under) as running:
        yield Counted(running, folder)


def table(answers: int, streams: int, loop: str = "asyncio", store: str | None = None) -> str:
    """A row for each scenario. With a store the mock shares its state there."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with servers(folder):
            # Writes the replies that the floor gives back, and the files that the mock starts with.
            pass
        (folder / "credentials.json").unlink()
        mine = ["--plans", str(folder / "plans.json"), "--credentials", str(folder / "credentials.json")]
        if store is not None:
            mine += ["--store", store, "--store-prefix", token_hex(8)]
        found: list[list[float]] = []
        starts = (
            ("mock", mock_arguments(*mine, "--journal", str(_SMALL_JOURNAL), "--loop", loop)),
            ("floor", floor_arguments(folder, loop)),
        )
        for which, arguments in starts:
            with counted(arguments, folder / which) as one:
                key = _key(folder)
                bearer = {"Authorization": f"Bearer {key}"}
                found.append(
                    [
                        one.instructions(scenario, bearer, streams if scenario.streamed else answers)
                        for scenario in SCENARIOS
                    ]
                )
    rows = [
        row(scenario.name, f"{floor:,.0f}", f"{mock:,.0f}", f"**{floor / mock:.2f}**")
        for scenario, mock, floor in zip(SCENARIOS, *found, strict=True)
    ]
    return "\n".join([row("instructions for an answer", "floor", "mock", "ratio"), rule(4), *rows])


def _key(folder: Path) -> str:
    found = re.search(r'"LIGHTNING_API_KEY": "([^"]+)"', (folder / "credentials.json").read_text())
    if found is None:
        raise RuntimeError("the mock wrote no API key")
    return found[1]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and give its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.instructions",
        description="How many instructions an answer takes, beside bare aiohttp. Needs valgrind.",
    )
    parser.add_argument("--quick", action="store_true", help="few answers; figures mean little")
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio", help="what both run on")
    parser.add_argument("--store", metavar="URL", help="a Redis in which the mock shares its state")
    chosen = parser.parse_args(arguments)
    if shutil.which("callgrind_control") is None:
        parser.error("valgrind is not installed")
    print(table(*((20, 5) if chosen.quick else (ANSWERS, _STREAMS)), chosen.loop, chosen.store))
    return 0


if __name__ == "__main__":
    sys.exit(main())
