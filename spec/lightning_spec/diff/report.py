"""The result of a comparison in six formats, for people and for builds."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable
from itertools import groupby
from typing import Any

from lightning_spec.diff.approvals import Outcome
from lightning_spec.diff.change import Change, Severity, Unread
from lightning_spec.diff.rules import RULES

_GROUPS = (Severity.BREAKING, Severity.RISKY, Severity.SAFE)
_WHOLE = "The whole description"
# Characters that XML cannot carry, and that a terminal would obey.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def harmless(words: str) -> str:
    """Words from a description, on one line and without control characters."""
    return " ".join(_CONTROL.sub("\N{REPLACEMENT CHARACTER}", words).split())


def as_text(outcome: Outcome, unread: tuple[Unread, ...]) -> str:
    """For a terminal, grouped by operation."""
    lines: list[str] = []
    for operation, changes in _by_operation(outcome.open):
        lines += [operation, *(f"  {_line(change)}" for change in changes), ""]
    lines += [f"cannot be read: {entry.place}: {harmless(entry.problem)}" for entry in unread]
    lines += [f"approvals: {problem}" for problem in outcome.problems]
    return "\n".join([*lines, _summary(outcome)]) + "\n"


def as_json(outcome: Outcome, unread: tuple[Unread, ...]) -> str:
    """For programs; `report.schema.json` beside this module describes it."""
    report = {
        "version": 1,
        "summary": _counts(outcome.open),
        "changes": [_entry(change) for change in outcome.open],
        "approved": [_entry(change) for change in outcome.approved],
        "approval_problems": list(outcome.problems),
        "unread": [
            {"file": entry.place.file, "line": entry.place.line, "problem": entry.problem} for entry in unread
        ],
    }
    return json.dumps(report, indent=2, ensure_ascii=False) + "\n"


def as_markdown(outcome: Outcome, unread: tuple[Unread, ...]) -> str:
    """For a pull request."""
    lines = ["# Changes of the API", "", _summary(outcome), ""]
    for operation, changes in _by_operation(outcome.open):
        lines += [f"## {_cell(operation)}", "", "| | rule | change | place |", "| --- | --- | --- | --- |"]
        lines += [
            f"| {change.severity.word} | `{change.rule}` "
            f"| {_cell(change.sentence)} | {_cell(str(change.place))} |"
            for change in changes
        ]
        lines.append("")
    lines += [f"- cannot be read: {_cell(str(entry.place))}: {_cell(entry.problem)}" for entry in unread]
    lines += [f"- approvals: {_cell(problem)}" for problem in outcome.problems]
    return "\n".join(lines).rstrip() + "\n"


def as_github(outcome: Outcome, unread: tuple[Unread, ...]) -> str:
    """Workflow commands that mark the lines of a pull request."""
    words = {Severity.BREAKING: "error", Severity.RISKY: "warning", Severity.SAFE: "notice"}
    lines = [
        f"::{words[change.severity]} file={_property(change.place.file)},line={change.place.line},"
        f"title={_property(change.rule)}::{_message(f'{change.operation}: ' if change.operation else '')}"
        f"{_message(change.sentence)} [{change.fingerprint}]"
        for change in outcome.open
    ]
    lines += [
        f"::warning file={_property(entry.place.file)},line={entry.place.line}::{_message(entry.problem)}"
        for entry in unread
    ]
    lines += [f"::error title=approvals::{_message(problem)}" for problem in outcome.problems]
    return "".join(f"{line}\n" for line in lines)


def as_sarif(outcome: Outcome, unread: tuple[Unread, ...]) -> str:
    """For code scanning, in SARIF 2.1.0."""
    levels = {Severity.BREAKING: "error", Severity.RISKY: "warning", Severity.SAFE: "note"}
    rules = sorted({change.rule for change in outcome.open})
    report = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "lightning-spec",
                        "rules": [
                            {"id": rule, "shortDescription": {"text": RULES[rule].summary}} for rule in rules
                        ],
                    }
                },
                "results": [
                    {
                        "ruleId": change.rule,
                        "level": levels[change.severity],
                        "message": {"text": f"{change.operation} {change.sentence}".strip()},
                        "partialFingerprints": {"change/v1": change.fingerprint},
                        "locations": [
                            {
                                "physicalLocation": {
                                    "artifactLocation": {"uri": change.place.file},
                                    "region": {"startLine": change.place.line},
                                }
                            }
                        ],
                    }
                    for change in outcome.open
                ],
                "invocations": [
                    {
                        "executionSuccessful": True,
                        "toolExecutionNotifications": [
                            {"level": "warning", "message": {"text": f"{entry.place}: {entry.problem}"}}
                            for entry in unread
                        ],
                    }
                ],
            }
        ],
    }
    return json.dumps(report, indent=2, ensure_ascii=False) + "\n"


def as_junit(outcome: Outcome, unread: tuple[Unread, ...]) -> str:
    """For test dashboards: each change is a case, and a breaking one fails."""
    breaking = sum(change.severity is Severity.BREAKING for change in outcome.open)
    count = len(outcome.open) + len(outcome.problems)
    failures = str(breaking + len(outcome.problems))
    suite = ET.Element("testsuite", name="lightning-spec diff", tests=str(count), failures=failures)
    for change in outcome.open:
        name = harmless(f"{change.rule} {change.fingerprint}")
        case = ET.SubElement(
            suite,
            "testcase",
            classname=harmless(change.operation or _WHOLE),
            name=name,
            file=change.place.file,
            line=str(change.place.line),
        )
        sentence = harmless(change.sentence)
        if change.severity is Severity.BREAKING:
            ET.SubElement(case, "failure", message=sentence).text = str(change.place)
        else:
            ET.SubElement(case, "system-out").text = f"{change.severity.word}: {sentence}"
    for problem in outcome.problems:
        case = ET.SubElement(suite, "testcase", classname="approvals", name=harmless(problem))
        ET.SubElement(case, "failure", message=harmless(problem))
    if unread:
        ET.SubElement(suite, "system-err").text = "\n".join(
            harmless(f"{entry.place}: {entry.problem}") for entry in unread
        )
    return ET.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


FORMATS: dict[str, Callable[[Outcome, tuple[Unread, ...]], str]] = {
    "text": as_text,
    "json": as_json,
    "markdown": as_markdown,
    "github": as_github,
    "sarif": as_sarif,
    "junit": as_junit,
}


def _by_operation(changes: Iterable[Change]) -> list[tuple[str, list[Change]]]:
    groups = groupby(changes, key=lambda change: change.operation)
    return [(harmless(operation) or _WHOLE, list(group)) for operation, group in groups]


def _line(change: Change) -> str:
    words = f"{change.severity.word:8}  {change.rule}  {change.place}  [{change.fingerprint}]"
    return f"{harmless(words)}\n            {harmless(change.sentence)}"


def _counts(changes: tuple[Change, ...]) -> dict[str, int]:
    return {severity.word: sum(change.severity is severity for change in changes) for severity in _GROUPS}


def _summary(outcome: Outcome) -> str:
    if not outcome.open and not outcome.approved:
        return "No difference."
    counts = ", ".join(f"{count} {word}" for word, count in _counts(outcome.open).items())
    return f"{counts}{f', {len(outcome.approved)} approved' if outcome.approved else ''}."


def _entry(change: Change) -> dict[str, Any]:
    return {
        "fingerprint": change.fingerprint,
        "rule": change.rule,
        "severity": change.severity.word,
        "operation": change.operation,
        "subject": change.subject,
        "old": change.old,
        "new": change.new,
        "sentence": change.sentence,
        "reason": change.reason,
        "place": {"file": change.place.file, "line": change.place.line, "pointer": change.place.pointer},
    }


def _cell(words: str) -> str:
    """Words as they stand in a table: no markup of their own."""
    return (
        re.sub(r"([\\`*_{}\[\]<>|#@])", r"\\\1", harmless(words))
        .replace("\\<", "&lt;")
        .replace("\\>", "&gt;")
    )


def _message(words: str) -> str:
    cleaned = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", words)
    return cleaned.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(words: str) -> str:
    return _message(words).replace(":", "%3A").replace(",", "%2C")
