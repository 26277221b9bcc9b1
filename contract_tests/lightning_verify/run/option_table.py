"""Every option of the judge, one row each: `lightning-verify`, pytest and the help of both are built from
it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lightning_verify.target import LIVE, Spend
from lightning_verify.transport.client import Timeouts
from lightning_verify.transport.retries import MAX_FRUITLESS_WAIT

POLITE_RATE = 2.0
JOBS = 16
# Generated requests a property: many where requests cost neither units nor time, few elsewhere.
MANY, FEW = 24, 4
WAKE, _SETTLE, _USUAL = 120.0, 10.0, Timeouts()

TARGET, COST, CHOICE, REPORT = "target", "cost", "what is judged", "reports and timeouts"


@dataclass(frozen=True, slots=True)
class Option:
    """One option. `keywords` are those of `argparse.ArgumentParser.add_argument`, which pytest shares. pytest
    knows it as `--lightning-NAME`, which clashes with nothing, and as `--NAME` unless `short` is False;
    `owned` is the option that pytest, or another plugin, already has for it."""

    name: str
    group: str
    help: str
    keywords: Mapping[str, Any] = field(default_factory=dict)
    letter: str | None = None
    short: bool = True
    owned: str | None = None

    @property
    def destination(self) -> str:
        """The attribute of the parsed command line."""
        return self.name.replace("-", "_")

    def as_pytest(self, value: Any) -> list[str]:
        """The arguments that tell pytest the parsed `value`."""
        flag = self.owned or f"--lightning-{self.name}"
        if isinstance(value, bool):
            return [flag] * value
        values = value if isinstance(value, list) else [] if value is None else [value]
        return [f"{flag}={each}" for each in values]


_FLAG = {"action": "store_true"}
_LIST: dict[str, Any] = {"action": "append", "default": []}


def _seconds(default: float | None) -> dict[str, Any]:
    return {"type": float, "default": default, "metavar": "SECONDS"}


OPTIONS = (
    Option(
        "base-url",
        TARGET,
        "the host to judge, for example http://127.0.0.1:8787",
        {"metavar": "URL"},
        owned="--base-url",
    ),
    Option("live", TARGET, f"the documented host, {LIVE}", _FLAG),
    Option(
        "credentials",
        TARGET,
        "JSON file with LIGHTNING_JWT, LIGHTNING_API_KEY...; they may also come from the environment",
        {"type": Path, "metavar": "FILE"},
    ),
    Option(
        "control",
        TARGET,
        "the control plane of the target, if it is our mock, to move time and fail upstreams, for example "
        "http://127.0.0.1:8787/__mock__",
        {"metavar": "URL"},
    ),
    Option(
        "spend",
        COST,
        "none (the default): send nothing that a conforming host charges for, and stop once a host serves, "
        "or fails at, what it should refuse; sample: call each metered route, mostly as throwaway free-tier "
        "callers, for about 200 units on a conforming host (60 of them videos) and at most what the plan, "
        "which is printed first, says; exhaust: also drive such callers to their "
        "limits (the default of `pytest contract_tests` without a host, which starts its own mock)",
        {"choices": [mode.name.lower() for mode in Spend]},
    ),
    Option(
        "max-units",
        COST,
        "never use more than N units of a metric, for example imagesDaily=4; may be repeated. Each request "
        "to its routes counts, including retries, unless it is refused",
        {**_LIST, "metavar": "METRIC=N"},
    ),
    Option(
        "rate",
        COST,
        f"requests per second (default: {POLITE_RATE:g}; no limit on this machine)",
        {"type": float, "metavar": "N"},
    ),
    Option(
        "revision",
        CHOICE,
        "the revision of the API to judge by (default: $LIGHTNING_REVISION, else the first one); "
        "`lightning-spec revisions` lists them",
        {"metavar": "NAME"},
        short=False,  # pytest cannot choose one any more when it reads its options.
    ),
    Option(
        "jobs",
        COST,
        f"how many independent tests run at once (default: {JOBS}; one if the rate is limited, with "
        "--max-units, whose units go to the first tests, or with --fail-fast)",
        {"type": int, "metavar": "N"},
    ),
    Option(
        "only",
        CHOICE,
        "an area (account, assets, catalogue, chat, failures, identity, media, quota, status) or a "
        "requirement such as CHAT-5; may be repeated",
        {**_LIST, "metavar": "AREA|ID"},
    ),
    Option(
        "examples",
        CHOICE,
        f"generated requests per property (default: {MANY} on this machine with --spend exhaust, "
        f"{FEW} otherwise)",
        {"type": int, "metavar": "N"},
    ),
    Option(
        "seed",
        CHOICE,
        "generate other requests; the same number generates the same ones (default: "
        "$LIGHTNING_VERIFY_SEED, or 0)",
        {"type": int, "metavar": "N"},
    ),
    Option(
        "strict",
        CHOICE,
        "observed and assumed requirements fail the run too (default: they only advise)",
        _FLAG,
        short=False,  # pytest has one of its own.
    ),
    Option(
        "known",
        CHOICE,
        "YAML file of known differences (CHAT-7: reason), which do not fail the run, unless the requirement "
        "holds again or the entry has expired",
        {"type": Path, "metavar": "FILE"},
    ),
    Option(
        "write-known",
        CHOICE,
        "write what is broken now to a file for --known",
        {"type": Path, "metavar": "FILE"},
    ),
    Option(
        "compare",
        CHOICE,
        "an earlier report.json, its folder, or a folder kept by --history, which means its newest complete "
        "run: show what is newly broken, what was fixed and what is no longer seen",
        {"type": Path, "metavar": "FILE|DIR"},
    ),
    Option(
        "fail-on",
        CHOICE,
        "any (default): every broken requirement fails the run; new: only those that --compare shows as new",
        {"choices": ["any", "new"], "default": "any"},
    ),
    Option("fail-fast", CHOICE, "stop at the first broken requirement", _FLAG, owned="--exitfirst"),
    Option(
        "report-dir",
        REPORT,
        "write report.html, report.md, report.json and junit.xml",
        {"type": Path, "metavar": "DIR"},
    ),
    Option(
        "history",
        REPORT,
        "keep earlier reports: each run gets its own folder in --report-dir, named after the time, and "
        "`latest` points to the newest",
        _FLAG,
    ),
    Option(
        "no-annotations",
        REPORT,
        "in GitHub Actions, write neither a job summary nor annotations",
        _FLAG,
    ),
    Option(
        "wake",
        REPORT,
        f"how long a sleeping host may take to wake (default: {WAKE:g}). One that fails during the run may "
        f"take as long to come back, up to {_USUAL.outage:g}. If given, a host that refuses connections is "
        "waited for, too",
        _seconds(None),
    ),
    Option(
        "settle", REPORT, f"how long the counters of /usage may lag (default: {_SETTLE:g})", _seconds(_SETTLE)
    ),
    Option(
        "timeout",
        REPORT,
        f"how long a generation may take (default: {_USUAL.generating:g}); reading a document never gets "
        f"more than {_USUAL.reading:g}, and fruitless waits for a rate-limiting host end after "
        f"{MAX_FRUITLESS_WAIT:g}",
        _seconds(_USUAL.generating),
        short=False,  # pytest-timeout has one of its own.
    ),
    Option("verbose", REPORT, "name each test as it runs", _FLAG, letter="-v", owned="--verbose"),
)


def declare_to_pytest(parser: pytest.Parser) -> None:
    """Declare every option that nobody else owns, in a group of ours."""
    group = parser.getgroup("lightning", "Lightning contract: what is judged and what it may cost")
    for option in OPTIONS:
        if option.owned is None:
            names = [f"--lightning-{option.name}", *[f"--{option.name}"] * option.short]
            destination = f"lightning_{option.destination}"
            group.addoption(*names, dest=destination, help=option.help, **option.keywords)


def declare_to_command(parser: argparse.ArgumentParser) -> None:
    """Declare every option, in the groups of the help."""
    groups: dict[str, Any] = {}
    for option in OPTIONS:
        if option.group not in groups:
            groups[option.group] = parser.add_argument_group(option.group)
        names = [option.letter] if option.letter else []
        groups[option.group].add_argument(
            *names, f"--{option.name}", dest=option.destination, help=option.help, **option.keywords
        )


def as_pytest(given: argparse.Namespace) -> list[str]:
    """The parsed command line as pytest knows it."""
    return [
        argument for option in OPTIONS for argument in option.as_pytest(getattr(given, option.destination))
    ]
