"""What lightning-proxy adds to an exchange: the mock asked directly, and through the proxy.

`python -m benchmarks.proxy_speed` prints a Markdown table, `--quick` takes seconds and shows only that
everything still runs.

Law: both take turns within one run, with the same requests, one at a time as a single client sends them.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

from benchmarks.load import Job
from benchmarks.mock_speed import QUICK, USUAL, servers
from benchmarks.processes import load, server
from benchmarks.scenarios import SCENARIOS, Scenario
from benchmarks.turns import Servers

GOAL = 2.0
"""Milliseconds at the median that a request may take longer."""


def measure(both: Servers, port: int, scenario: Scenario, *, turns: int, seconds: float) -> str:
    """A row: the medians, directly and through the proxy, and what lies between, in milliseconds."""
    job = Job(
        port=both.mock.port,
        request=scenario.request({"Authorization": f"Bearer {both.key}"}),
        connections=1,
        seconds=seconds,
        warm_up=seconds / 5,
        different=1 if scenario.name == "cached image" else 1_000_000_000,
    )
    pairs = []
    for turn in range(turns):
        ports = (both.mock.port, port) if turn % 2 == 0 else (port, both.mock.port)
        took = {one: load(replace(job, port=one, first=turn * 1_000_000)).median for one in ports}
        pairs.append((took[both.mock.port], took[port]))
    direct, proxied = (median(column) for column in zip(*pairs, strict=True))
    added = sorted(through - without for without, through in pairs)
    spread = f"{added[0]:.2f} to {added[-1]:.2f}"
    return (
        f"| {scenario.name} | {direct:.2f} | {proxied:.2f} | **{median(added):.2f}** ({spread}) | {GOAL:g} |"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.proxy_speed", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="seconds instead of a minute")
    size = QUICK if parser.parse_args(arguments).quick else USUAL
    print("| milliseconds at the median | direct | through the proxy | added | goal |")
    print("| --- | --- | --- | --- | --- |", flush=True)
    with tempfile.TemporaryDirectory() as folder, servers(Path(folder)) as both:
        upstream = f"http://127.0.0.1:{both.mock.port}"
        command = ("lightning_verify.proxy.command", "--upstream", upstream, "--port", "0", "--no-page")
        with server(command, "/status") as proxy:
            for scenario in SCENARIOS:
                row = measure(both, proxy.port, scenario, turns=size.turns, seconds=size.seconds)
                print(row, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
