"""What a report tells, and in which order: the parts that report.md and report.html share."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import unquote

from lightning_verify.judging.verdicts import EXIT_BROKEN, EXIT_KEPT, Ruling, apart
from lightning_verify.report.outcome import Outcome
from lightning_verify.requests.credentials import MEANING

# A verdict as a reader meets it. "advice" is a failure that does not fail the run, and "danger" one that puts
# callers in danger all the same.
Tone = Literal["danger", "pass", "fail", "advice", "inconclusive", "not_run", "known_difference"]

# Never colour alone: each tone has a word and a symbol.
WORDS: dict[Tone, str] = {
    "danger": "danger",
    "pass": "pass",
    "fail": "fail",
    "advice": "advice",
    "inconclusive": "inconclusive",
    "not_run": "not run",
    "known_difference": "known difference",
}
SYMBOLS: dict[Tone, str] = {
    "danger": "‼",
    "pass": "✓",
    "fail": "✕",
    "advice": "!",
    "inconclusive": "?",
    "not_run": "–",
    "known_difference": "≠",
}

# What the words of the bill mean.
BILL_WORDS: dict[str, str] = {
    "planned": "the most the plan could cost",
    "booked": "reserved before requests were sent",
    "served": "successfully answered requests",
    "observed": "what the host's counters show for our throwaway callers",
    "unexplained": "what they show beyond what these callers were served",
}
# Of traffic that was watched, nothing else is known.
WATCHED_WORDS = {"served": "successfully answered client requests"}


def bill_words(run: Mapping[str, Any]) -> dict[str, str]:
    """The columns of the bill, with what they mean."""
    return WATCHED_WORDS if run.get("watched") else BILL_WORDS


def request_line(item: Mapping[str, Any]) -> str:
    """The request of a piece of evidence as a person would write it: `GET /gen/image/a red fox as ...`."""
    request = item["request"]
    return f"{request['method']} {unquote(request['path'])} as {item['caller']}"


def title(item: Mapping[str, Any]) -> str:
    """The beginning of reasons about this exchange: `GET /usage -> 200`."""
    request, response = item["request"], item["response"]
    came = response["problem"] if response["status"] is None else response["status"]
    return f"{request['method']} {unquote(request['path'])} -> {came}"


def seen(ruling: Ruling) -> str:
    """The reasons, each once, without the request they are about, which is shown beside them."""
    # What the list of known differences says of it stands before the reasons.
    reasons = [finding.reason for finding in ruling.deciding] if ruling.known is None else [ruling.reason]
    titles = {f"{title(item)}: " for item in ruling.evidence}
    return "; ".join(apart(_without(reason, titles) for reason in reasons))


def _without(reason: str, titles: Iterable[str]) -> str:
    for title in titles:
        reason = reason.replace(title, "")
    return reason


@dataclass(frozen=True, slots=True)
class Case:
    """One reason for a verdict, with the tests that gave it and the exchanges that show it."""

    reason: str
    tests: tuple[str, ...]
    evidence: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One requirement with its verdict; `cases` are those that decided."""

    ruling: Ruling
    tone: Tone
    cases: tuple[Case, ...]

    @property
    def lines(self) -> str:
        """The document's lines that say it: `line 247`, `lines 241 to 247`; empty if there are none."""
        spans = [
            str(first) if first == last else f"{first} to {last}"
            for first, last in self.ruling.requirement.lines
        ]
        word = "line" if len(spans) == 1 and spans[0].isdigit() else "lines"
        return f"{word} {', '.join(spans)}" if spans else ""

    @property
    def place(self) -> str:
        """Where the document says it: `section Failure modes, lines 241 to 247`."""
        return ", ".join(filter(None, [f"section {self.ruling.requirement.section}", self.lines]))

    @property
    def gist(self) -> str:
        """What the answer to which request was, in one line."""
        if self.tone == "known_difference" or not self.ruling.evidence:
            return self.ruling.reason
        return f"{request_line(self.ruling.evidence[0])}: {seen(self.ruling)}"


@dataclass(frozen=True, slots=True)
class Group:
    """Requirements that share a reason; `missing` explains the credentials it names."""

    reason: str
    missing: tuple[tuple[str, str], ...]
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Area:
    """All requirements of an area, in the order of the document."""

    name: str
    entries: tuple[Entry, ...]
    counts: Mapping[Tone, int]


@dataclass(frozen=True, slots=True)
class UnitRow:
    """A metric's units by the names in `bill_words`; None where they are unknown."""

    metric: str
    amounts: Mapping[str, int | None]


@dataclass(frozen=True, slots=True)
class Sections:
    """The whole report in reading order."""

    tone: Tone
    counts: Mapping[Tone, int]
    units: tuple[UnitRow, ...]
    danger: tuple[Entry, ...]
    broken: tuple[Entry, ...]
    undecided: tuple[Group, ...]
    not_run: tuple[Group, ...]
    advice: tuple[Entry, ...]
    differences: tuple[Entry, ...]
    areas: tuple[Area, ...]


def sections(outcome: Outcome) -> Sections:
    """Sort the rulings of `outcome` into the parts of a report."""
    entries = [_entry(ruling, strict=outcome.strict) for ruling in outcome.rulings]

    def of(tone: Tone) -> tuple[Entry, ...]:
        return tuple(entry for entry in entries if entry.tone == tone)

    return Sections(
        tone=_tone_of_run(outcome.exit_code),
        counts=_counts(entries),
        units=_units(outcome.run["units"], tuple(bill_words(outcome.run))),
        danger=of("danger"),
        broken=tuple(sorted(of("fail"), key=lambda entry: not entry.ruling.requirement.urgent)),
        undecided=_grouped(of("inconclusive")),
        not_run=_grouped(of("not_run")),
        advice=of("advice"),
        differences=of("known_difference"),
        areas=_areas(entries),
    )


def _tone_of_run(exit_code: int) -> Tone:
    if exit_code == EXIT_KEPT:
        return "pass"
    return "fail" if exit_code == EXIT_BROKEN else "inconclusive"


def _entry(ruling: Ruling, *, strict: bool) -> Entry:
    tone: Tone = ruling.verdict
    if ruling.verdict == "fail" and not strict and ruling.requirement.level != "documented":
        tone = "danger" if ruling.requirement.urgent else "advice"
    return Entry(ruling, tone, _cases(ruling))


def _cases(ruling: Ruling) -> tuple[Case, ...]:
    """The findings that decided, merged by reason."""
    merged: dict[str, tuple[list[str], list[Mapping[str, Any]]]] = {}
    said = apart(finding.reason for finding in ruling.deciding)
    for finding in ruling.deciding:
        reason = next((one for one in said if finding.reason in one), finding.reason)
        tests, evidence = merged.setdefault(reason, ([], []))
        if finding.test not in tests:
            tests.append(finding.test)
        evidence.extend(finding.evidence)
    return tuple(Case(reason, tuple(tests), tuple(shown)) for reason, (tests, shown) in merged.items())


def _grouped(entries: Iterable[Entry]) -> tuple[Group, ...]:
    """By reason, the largest group first."""
    by_reason: dict[str, list[Entry]] = {}
    for entry in entries:
        by_reason.setdefault(entry.ruling.reason or "no reason given", []).append(entry)
    groups = [Group(reason, _missing(reason), tuple(members)) for reason, members in by_reason.items()]
    return tuple(sorted(groups, key=lambda group: -len(group.entries)))


def _missing(reason: str) -> tuple[tuple[str, str], ...]:
    names = dict.fromkeys(re.findall(r"\bLIGHTNING_[A-Z_]+\b", reason))
    return tuple((name, MEANING[name]) for name in names if name in MEANING)


def _areas(entries: Iterable[Entry]) -> tuple[Area, ...]:
    by_name: dict[str, list[Entry]] = {}
    for entry in entries:
        by_name.setdefault(entry.ruling.requirement.area, []).append(entry)
    return tuple(Area(name, tuple(members), _counts(members)) for name, members in by_name.items())


def _counts(entries: Iterable[Entry]) -> dict[Tone, int]:
    found = Counter(entry.tone for entry in entries)
    return {tone: found[tone] for tone in WORDS}


def _units(units: Mapping[str, Mapping[str, int] | None], columns: tuple[str, ...]) -> tuple[UnitRow, ...]:
    metrics = sorted({metric for column in columns for metric in units.get(column) or {}})
    rows = []
    for metric in metrics:
        amounts: dict[str, int | None] = {}
        for column in columns:
            by_metric = units.get(column)
            amounts[column] = None if by_metric is None else by_metric.get(metric, 0)
        rows.append(UnitRow(metric, amounts))
    return tuple(rows)
