"""The matrix as Markdown for people and as compact JSON for machines."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable, Sequence
from datetime import date
from importlib.metadata import version
from math import floor
from statistics import mean
from typing import Any

from lightning_spec.loader import load_requirements

from lab.faults import FAULTS
from lab.matrix import pairs, plan, proofs
from lab.matrix.origin import Origin
from lab.matrix.picture import Mark, curve, picture
from lab.matrix.plan import TOGETHER
from lab.matrix.reasons import WHY
from lab.matrix.results import MOCK_ORIGIN, FalseAlarm, FaultResult, Results, TriggeredResult
from lab.matrix.trial import Task, Trial
from lab.triggers import TRIGGERS
from lab.variants import VARIANTS

PACKAGES = ("lightning-contract", "schemathesis", "hypothesis", "pytest", "aiohttp", "starlette", "uvicorn")
_NUMBER = re.compile(r"\d|–$|not tried$")
TITLE = "Faults killed by the contract tests, against units spent"


def percent(part: int, total: int) -> str:
    """A share that is never rounded up."""
    return f"{floor(1000 * part / total) / 10:g} %" if total else "–"


def share(part: int, total: int) -> str:
    return f"{part} of {total} ({percent(part, total)})" if total else "not tried"


def versions() -> dict[str, str]:
    """The versions that the matrix was made with."""
    found = {name: version(name) for name in PACKAGES}
    return {"python": platform.python_version(), **found}


def machine() -> str:
    """The machine, described without naming it."""
    return f"{os.cpu_count()} cores, {platform.system()} on {platform.machine()}"


def markdown(results: Results, made_from: Origin) -> str:
    """The short report that is published."""
    lines = [
        "# Kill matrix: who judges the judge",
        "",
        "Every fault, variant and hostile host of `lab/` in front of the contract tests. "
        "Made by one command; see the end.",
        "",
        f"- Commit: {made_from}",
        f"- Date: {date.today().isoformat()}",
        f"- Machine: {machine()}",
        f"- Versions: {', '.join(f'{name} {number}' for name, number in versions().items())}",
    ]
    if results.cache.stale:
        lines.append(f"- {results.cache.stale} of the results were made with other code than this.")
    sections = (
        summary(results),
        _origins(results),
        _prices(results),
        _survivors(results.faults),
        triggers(results),
        _conforming(results),
        _again(),
    )
    for section in sections:
        lines += ["", *section]
    return "\n".join(lines) + "\n"


def _rows(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    texts = [[str(cell).replace("|", "/") for cell in row] for row in rows]
    numeric = [all(_NUMBER.match(row[column]) for row in texts) for column in range(len(head))]
    lines = [f"| {' | '.join(row)} |" for row in (head, *texts)]
    lines.insert(1, "".join("| --: " if right else "| :-- " for right in numeric) + "|")
    return lines


def _tried(faults: Iterable[FaultResult]) -> list[FaultResult]:
    return [fault for fault in faults if fault.narrowed is not None]


def in_readme(text: str, results: Results, made_from: Origin) -> str:
    """The README with these figures between its marks."""
    before, begin, rest = text.partition("<!-- matrix -->\n")
    _, end, after = rest.partition("<!-- end matrix -->")
    if not begin or not end:
        raise ValueError("README.md has no place for the figures of the matrix")
    lines = [
        "A second server, on another stack and written from the document alone, has one switch for each way",
        f"to break it; the judge is run against each. **These figures are for commit {made_from}**",
        f"({date.today().isoformat()}; [lab/kill_matrix.md](lab/kill_matrix.md) has the rest):",
        "",
        *_figures(results),
        "",
        "![Share of faults killed against units spent](lab/kill_matrix.svg)",
    ]
    return before + begin + "\n".join(lines) + f"\n{end}{after}"


def summary(results: Results) -> list[str]:
    """The main figures, beside their goals."""
    spent = [f for f in _tried(results.faults) if f.origin != MOCK_ORIGIN]
    return [
        "## Summary",
        "",
        *_figures(results),
        "",
        "![Share of faults killed against units spent](kill_matrix.svg)",
        "",
        f"A fault costs {_mean(f.narrowed.charged for f in spent if f.narrowed)} units, "
        f"{_mean(f.narrowed.requests for f in spent if f.narrowed)} requests and "
        f"{_mean(f.narrowed.seconds for f in spent if f.narrowed)} seconds on average, the judge narrowed to "
        "the requirements that the fault breaks.",
    ]


def _figures(results: Results) -> list[str]:
    tried = _tried(results.faults)
    known = [proof for switch in proofs.switches() if (proof := results.cache.proof(switch))]
    unpaid = [fault for fault in results.faults if fault.unpaid]
    # By the word of whoever wrote the fault; the rest shows only in what is generated or counted.
    visible = [fault for fault in unpaid if FAULTS[fault.name].spend == "none"]
    conforming, alarms = results.alarms(plan.variants())
    undecided = sum(trial.undecided for trial in conforming)
    sometimes = _by_kind(results.triggered)
    hosts = results.hosts
    passed = sum(hosted.cap_passed for hosted in hosts) + len(results.unpaid_leaks)
    rows = [
        ("switches proven to take effect", share(sum(p.proven for p in known), len(known)), "all"),
        ("faults killed", share(sum(f.killed for f in tried), len(tried)), "98 %"),
        (
            "killed by the requirement that was broken",
            share(sum(f.verdict == "attributed" for f in tried), len(tried)),
            "95 %",
        ),
        (
            "killed with `--spend none`, for 0 units",
            share(sum(f.killed_unpaid for f in unpaid), len(unpaid)),
            "60 %",
        ),
        (
            "the same, of the faults that can be seen for 0 units at all",
            share(sum(f.killed_unpaid for f in visible), len(visible)),
            "98 %",
        ),
        *(
            (f"faults killed that show {name}", share(sum(t.killed for t in of), len(of)), goal)
            for (name, of), goal in zip(sometimes.items(), ("95 %", "90 %"), strict=True)
        ),
        (
            f"conforming servers accused, {TOGETHER} of {len(VARIANTS)} variants each",
            _count(len(alarms) - undecided, len(conforming), "servers"),
            "0",
        ),
        (
            "conforming servers with a requirement left undecided",
            _count(undecided, len(conforming), "servers"),
            "0",
        ),
        ("hollow passes on starved hosts", _count(sum(len(h.hollow) for h in hosts), len(hosts)), "0"),
        ("hostile hosts taken for conforming", _count(sum(h.fooled for h in hosts), len(hosts)), "0"),
        ("runs past a cap", _count(passed, len(hosts) + len(unpaid)), "0"),
        (
            "servers with a verdict that depends on the seed",
            _count(sum(bool(f.flipped) for f in results.flips), len(results.flips), "servers"),
            "0",
        ),
    ]
    return _rows(("What", "Found", "Goal"), rows)


def _by_kind(tried: Sequence[TriggeredResult]) -> dict[str, list[TriggeredResult]]:
    kinds = {"for one kind of request, or late": True, "now and then": False}
    return {name: [t for t in tried if t.fixed is fixed] for name, fixed in kinds.items()}


def _count(bad: int, tried: int, what: str = "runs") -> str:
    return f"{bad} in {tried} {what}" if tried else "not tried"


def _mean(values: Iterable[float]) -> str:
    numbers = list(values)
    if not numbers:
        return "–"
    return f"{mean(numbers):.{1 if mean(numbers) < 100 else 0}f}"


def _origins(results: Results) -> list[str]:
    origins = list(dict.fromkeys(fault.origin for fault in results.faults))
    groups = {origin: [f for f in results.faults if f.origin == origin] for origin in origins}
    head = (
        *("Origin", "faults", "proven", "killed", "right requirement", "by `--spend none`"),
        *("units each", "requests each", "seconds each", "schemathesis kills"),
    )
    sampled = [fault for fault in results.faults if fault.baseline_killed is not None]
    lines = ["## By origin of the fault", "", *_rows(head, [_origin(*item) for item in groups.items()])]
    if len(groups) > 1:
        lines.append(_rows(head, [_origin("**all**", results.faults)])[-1])
    if not sampled:
        return [*lines, "", "Schemathesis has not been run as a baseline."]
    runs = [fault.baseline for fault in sampled if fault.baseline]
    clean = results.clean_baseline
    ours = sum(fault.killed for fault in sampled)
    theirs = sum(bool(fault.baseline_killed) for fault in sampled)
    return [
        *lines,
        "",
        "The last column is the baseline: `schemathesis run spec/openapi.yaml` with its default settings and "
        "the hooks of this repository, as the owner of an account without limits, on a sample of "
        f"{len(sampled)} faults that keeps the proportions of the origins. It kills a fault when it reports "
        f"a failure (operation and kind) that none of {len(clean)} runs on the clean server reports. There "
        f"it reports {len(results.clean_failures)}, which are no faults: the spec is stricter than the "
        f"document. On the same sample the contract tests kill {share(ours, len(sampled))}, schemathesis "
        f"{share(theirs, len(sampled))}; one run of it takes {_mean(run.charged for run in runs)} units, "
        f"{_mean(run.requests for run in runs)} requests and {_mean(run.seconds for run in runs)} seconds.",
    ]


def _origin(origin: str, faults: list[FaultResult]) -> tuple[object, ...]:
    tried, unpaid = _tried(faults), [fault for fault in faults if fault.unpaid]
    trials = [fault.narrowed for fault in tried if fault.narrowed and fault.origin != MOCK_ORIGIN]
    sampled = [fault for fault in faults if fault.baseline_killed is not None]
    known = [fault for fault in faults if fault.proven is not None]
    return (
        origin,
        len(faults),
        sum(bool(fault.proven) for fault in known) if known else "–",
        _short(sum(fault.killed for fault in tried), len(tried)),
        _short(sum(fault.verdict == "attributed" for fault in tried), len(tried)),
        _short(sum(fault.killed_unpaid for fault in unpaid), len(unpaid)),
        _mean(trial.charged for trial in trials),
        _mean(trial.requests for trial in trials),
        _mean(trial.seconds for trial in trials),
        f"{sum(bool(f.baseline_killed) for f in sampled)} of {len(sampled)}" if sampled else "–",
    )


def _short(part: int, total: int) -> str:
    return f"{part} ({percent(part, total)})" if total else "–"


def _prices(results: Results) -> list[str]:
    documented = sum(r.level == "documented" for r in load_requirements().requirements.values())
    rows = [
        (
            f"`--spend {spend}`",
            f"{len(trial.documented('pass'))} of {documented}",
            trial.requests,
            trial.charged,
            f"{trial.seconds:.0f}",
        )
        for spend, trial in results.plain.items()
    ]
    head = ("All of the judge on the plain server", "requirements judged", "requests", "units", "seconds")
    return ["## What a run costs", "", *_rows(head, rows)]


def _survivors(faults: Iterable[FaultResult]) -> list[str]:
    rows = [
        (f"`{fault.name}`", fault.requirements[0], fault.does, _ending(fault), WHY.get(fault.name, ""))
        for fault in faults
        if fault.verdict in {"survived", "lost"}
    ]
    head = ("Fault", "breaks", "what it does", "all of the judge says", "why it survives")
    return ["## Survivors", "", *(_rows(head, rows) if rows else ["None."])]


def triggers(results: Results) -> list[str]:
    """Faults that only show sometimes, by trigger and by area; survivors by name."""
    tried = results.triggered
    lines = ["## Faults that show only sometimes", ""]
    if not tried:
        return [*lines, "Not tried."]

    def row(name: str, of: list[TriggeredResult]) -> tuple[object, ...]:
        killed, named = sum(t.killed for t in of), sum(t.named for t in of)
        return name, len(of), _short(killed, len(of)), _short(named, len(of))

    def table(title: str, groups: dict[str, list[TriggeredResult]]) -> list[str]:
        rows = [row(name, of) for name, of in groups.items()]
        return ["", *_rows((title, "tried", "killed", "right requirement"), rows)]

    by_trigger = {name: [t for t in tried if t.pair.trigger == name] for name in TRIGGERS}
    areas = sorted({t.pair.area for t in tried})
    by_area = {area: [t for t in tried if t.pair.area == area] for area in areas}
    alive = [f"`{t.pair.fault}` with `{t.pair.trigger}`" for t in tried if not t.killed]
    return [
        *lines,
        f"{len(tried)} of {len(pairs.all_pairs())} pairs of a fault and a trigger, each proven to show when "
        "the trigger holds and not when it does not, under all of the judge.",
        *table("When it shows", _by_kind(tried)),
        *table("Trigger", by_trigger),
        *table("Area", by_area),
        "",
        f"Survivors: {', '.join(alive) or 'none'}.",
    ]


def _ending(fault: FaultResult) -> str:
    trial = fault.unnarrowed or fault.narrowed
    return {0: "kept", 3: "inconclusive"}.get(trial.exit_code, trial.headline) if trial else ""


def _conforming(results: Results) -> list[str]:
    lines = ["## False alarms", ""]
    found: list[FalseAlarm] = []
    tried = 0
    for tasks in (plan.variants(), _each_alone()):
        trials, alarms = results.alarms(tasks)
        tried += len(trials)
        found += alarms
    if not found:
        return [*lines, "None." if tried else "Not tried."]
    for alarm in found:
        lines.append(f"- `{alarm.name}`: {alarm.headline}")
        lines += [f"  - {name}: {reason}" for name, reason in alarm.reasons.items()]
    return lines


def _each_alone() -> list[Task]:
    # Tried only where several together are accused.
    return [one for task in plan.variants() for one in plan.alone(task)]


def _again() -> list[str]:
    return [
        "## How to make this again",
        "",
        "`python -m lab.matrix --write` runs what has not been run with the present code, and writes this "
        "file, the picture, and the table in the README. Each fault, variant and host has its row in "
        "`kill_matrix.json`, written to `lab/.cache/` or where `--output` says.",
    ]


def figure(results: Results) -> str:
    """The picture."""
    tried = _tried(results.faults)
    prices = [fault.price for fault in tried if fault.killed and fault.price is not None]
    points = curve(prices, len(tried)) if tried else []
    marks = []
    for spend, trial in results.plain.items():
        reached = [up for units, up in points if units <= trial.charged]
        if reached:
            words = f"{floor(1000 * reached[-1]) / 10:g} %, {trial.charged} units"
            marks.append(
                Mark(trial.charged, reached[-1], (f"--spend {spend}", words), last=spend == "exhaust")
            )
    sampled = [fault for fault in results.faults if fault.baseline_killed is not None]
    if sampled:
        killed = sum(bool(fault.baseline_killed) for fault in sampled) / len(sampled)
        units = mean(run.charged for run in results.clean_baseline)
        words = f"{100 * killed:.0f} %, {units:.0f} units"
        marks.append(Mark(units, killed, ("default schemathesis", words), ours=False))
    return picture(points, marks, TITLE)


def data(results: Results, made_from: Origin) -> dict[str, Any]:
    """All results: one row for each fault, variant and host."""
    columns = (
        *("name", "origin", "breaks", "verdict", "failed", "killed_unpaid", "price", "units", "requests"),
        *("seconds", "proven", "schemathesis_kills"),
    )
    return {
        "made": date.today().isoformat(),
        "commit": str(made_from),
        "results_of_other_code": results.cache.stale,
        "machine": machine(),
        "versions": versions(),
        "fault_columns": columns,
        "faults": [_row(fault) for fault in results.faults],
        "plain": {spend: _cost(trial) for spend, trial in results.plain.items()},
        "conforming": {
            trial.task.name: trial.exit_code
            for tasks in (plan.variants(), _each_alone())
            for trial in results.alarms(tasks)[0]
        },
        "hosts": [
            [h.host, h.spend, h.trial.exit_code, list(h.hollow), h.cap_passed, *_cost(h.trial).values()]
            for h in results.hosts
        ],
        "triggered": [
            [t.pair.fault, t.pair.trigger, t.pair.area, " ".join(sorted(t.trial.failed)), t.named]
            for t in results.triggered
        ],
        "flips": {flip.name: dict(flip.flipped) for flip in results.flips},
        "schemathesis_on_the_clean_server": sorted(results.clean_failures),
    }


def _row(fault: FaultResult) -> list[object]:
    trial = fault.narrowed
    return [
        fault.name,
        fault.origin,
        " ".join(fault.requirements),
        fault.verdict,
        " ".join(fault.broken),
        fault.killed_unpaid,
        fault.price,
        *((trial.charged, trial.requests, trial.seconds) if trial else (None, None, None)),
        fault.proven,
        fault.baseline_killed,
    ]


def _cost(trial: Trial) -> dict[str, float]:
    return {
        "units": trial.charged,
        "requests": trial.requests,
        "seconds": trial.seconds,
        "memory": trial.memory,
    }
