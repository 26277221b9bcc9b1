"""report.md: the run as a CI job summary, within the size limit of such summaries.

Everything from the host stands in fences or is escaped, so that it cannot become markup, links or mentions.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from typing import Any

from lightning_verify.judging.harmless import one_line, shortened
from lightning_verify.report.outcome import Outcome
from lightning_verify.report.sections import (
    WORDS,
    Case,
    Entry,
    Group,
    Sections,
    Tone,
    UnitRow,
    bill_words,
    request_line,
    sections,
)

MAX_BYTES = 60_000
# Failures may not crowd out the rest.
_BYTES_FOR_FAILURES = 38_000
_BYTES_FOR_GROUPS = 54_000
_BYTES_FOR_ALL = MAX_BYTES - 500

_SIGNS: dict[Tone, str] = {
    "danger": "🚨",
    "pass": "✅",
    "fail": "❌",
    "advice": "💡",
    "inconclusive": "❔",
    "not_run": "➖",
    "known_difference": "≠",
}
_SHOWN_IN_GROUP = 12


class _Page:
    """Blocks of Markdown, as many as fit."""

    def __init__(self) -> None:
        self._blocks: list[str] = []
        self._bytes = 0
        self._left_out = 0

    def add(self, block: str, short: str = "", *, until: int = _BYTES_FOR_ALL) -> None:
        """Append `block`, or `short` if the page would grow beyond `until` bytes; if neither fits, only count
        it."""
        for text in (block, short):
            size = len(text.encode()) + 2
            if text and self._bytes + size <= until:
                self._blocks.append(text)
                self._bytes += size
                return
        self._left_out += 1

    def text(self) -> str:
        """The page."""
        blocks = self._blocks
        if self._left_out:
            blocks = [*blocks, f"_{self._left_out} more entries did not fit; see report.html._"]
        return "\n\n".join(blocks) + "\n"


def render_markdown(outcome: Outcome) -> str:
    """The report as Markdown of less than `MAX_BYTES` bytes."""
    parts = sections(outcome)
    page = _Page()
    page.add(f"## {_SIGNS[parts.tone]} {_prose(outcome.headline, 900)}")
    _add_entries(page, "Danger to callers", parts.danger, _BYTES_FOR_FAILURES)
    page.add(_facts(outcome.run))
    page.add(_areas(parts))
    if parts.units:
        page.add(_units(parts.units, bill_words(outcome.run), outcome.run["units"].get("paid_by", {})))
    if outcome.comparison is not None:
        changes = [f"- {_prose(line, 900)}" for line in outcome.comparison.lines()]
        page.add("\n".join(["### Since the earlier report", "", *changes]))
    _add_entries(page, "What is broken", parts.broken, _BYTES_FOR_FAILURES)
    _add_groups(page, "What could not be decided", parts.undecided)
    _add_groups(
        page, "What no answer could show" if outcome.run.get("watched") else "What was not run", parts.not_run
    )
    _add_entries(page, "Advice, which does not fail the run", parts.advice, _BYTES_FOR_ALL)
    _add_entries(page, "Known differences", parts.differences, _BYTES_FOR_ALL)
    return page.text()


def _facts(run: Mapping[str, Any]) -> str:
    credentials = ", ".join(run["credentials"]) or "none"
    facts = [
        f"Target {_code(run['target'], 300)}",
        f"spend {_code(run['spend'], 40)}" + (", strict" if run["strict"] else ""),
        f"credentials {_code(credentials, 300)}",
        f"{run['requests']['sent']} requests in {run['seconds']:g} s from {run['started']}",
        f"exit code {run['exit_code']}",
    ]
    if run.get("watched"):
        passed = f"{run['requests']['sent']} client exchanges"
        facts[1:4] = [f"{passed} watched for {run['seconds']:g} s from {run['started']}"]
        facts[1] += ", strict" if run["strict"] else ""
    if drawn := run["generated"]:
        facts[3] += f", generated with --seed {drawn['seed']} and --examples {drawn['examples']}"
    return "; ".join(facts) + "."


def _areas(parts: Sections) -> str:
    tones = [tone for tone, count in parts.counts.items() if count]
    rows = [["Area", *(f"{_SIGNS[tone]} {WORDS[tone]}" for tone in tones)]]
    rows += [
        [_prose(area.name, 60), *(str(area.counts[tone] or "") for tone in tones)] for area in parts.areas
    ]
    rows.append(["**all**", *(f"**{parts.counts[tone]}**" for tone in tones)])
    return _table(rows)


def _units(
    units: tuple[UnitRow, ...], columns: Mapping[str, str], paid_by: Mapping[str, Mapping[str, int]]
) -> str:
    rows = [["Units", *columns]]
    for unit in units:
        amounts = ("?" if amount is None else str(amount) for amount in unit.amounts.values())
        rows.append([_prose(unit.metric, 60), *amounts])
    words = "; ".join(f"{column} is {meaning}" for column, meaning in columns.items())
    paid = [
        f"Paid by {_code(payer, 60)}: {', '.join(f'{count} {_prose(m, 60)}' for m, count in counts.items())}."
        for payer, counts in paid_by.items()
    ]
    return "\n\n".join([_table(rows), *paid, f"<sub>{words}.</sub>"])


def _table(rows: list[list[str]]) -> str:
    head, *body = rows
    rule = ["---", *("--:" for _ in head[1:])]
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, rule, *body])


def _add_entries(page: _Page, title: str, entries: Iterable[Entry], until: int) -> None:
    for number, entry in enumerate(entries):
        if number == 0:
            page.add(f"### {title}")
        page.add(_entry(entry), _entry_in_short(entry), until=until)


def _entry_in_short(entry: Entry) -> str:
    requirement = entry.ruling.requirement
    return f"- **{requirement.id}** ({requirement.level}): {_prose(entry.ruling.reason, 200)}"


def _entry(entry: Entry) -> str:
    requirement = entry.ruling.requirement
    title = f"{_SIGNS[entry.tone]} <b>{requirement.id}</b> {html.escape(requirement.statement)}"
    blocks = [
        f"<details><summary>{title}</summary>",
        f"The document, {entry.place}; level {requirement.level}.",
    ]
    if requirement.why_advice:
        blocks.append(_prose(requirement.why_advice, 300))
    if entry.tone == "known_difference":
        blocks.append(_prose(entry.ruling.reason, 600))
    for case in entry.cases[:3]:
        blocks += _case(case)
    if len(entry.cases) > 3:
        blocks.append(f"{len(entry.cases) - 3} more reasons in report.html.")
    return "\n\n".join([*blocks, "</details>"])


def _case(case: Case) -> Iterable[str]:
    if case.reason:
        yield f"**{_prose(case.reason, 600)}**"
    for item in case.evidence[:2]:
        yield _code(request_line(item), 200)
        yield _fenced(item["request"]["curl"], 1500, "sh")
        yield _fenced(_answer(item["response"]), 2500, "http")
    tests = ", ".join(_code(test, 120) for test in case.tests[:4])
    yield f"Found by {tests}{' and others' if len(case.tests) > 4 else ''}."


def _answer(response: Mapping[str, Any]) -> str:
    status = "no answer" if response["status"] is None else response["status"]
    lines = [f"{status} after {response['seconds']} s"]
    if response["problem"]:
        lines.append(shortened(response["problem"], 300))
    headers = list(response["headers"].items())[:12]
    lines += [f"{one_line(name, 80)}: {one_line(value, 200)}" for name, value in headers]
    if response["body"]:
        lines += ["", shortened(response["body"], 700)]
    return "\n".join(lines)


def _add_groups(page: _Page, title: str, groups: Iterable[Group]) -> None:
    for number, group in enumerate(groups):
        if number == 0:
            page.add(f"### {title}")
        ids = ", ".join(entry.ruling.requirement.id for entry in group.entries)
        page.add(_group(group), f"- {_prose(group.reason, 200)}: {ids}", until=_BYTES_FOR_GROUPS)


def _group(group: Group) -> str:
    count = len(group.entries)
    lines = [f"- **{_prose(group.reason, 400)}** ({count} requirement{'s' if count != 1 else ''})"]
    lines += [f"  - `{name}` is {meaning}" for name, meaning in group.missing]
    for entry in group.entries[:_SHOWN_IN_GROUP]:
        requirement = entry.ruling.requirement
        level = "" if requirement.level == "documented" else f" ({requirement.level})"
        lines.append(f"  - {requirement.id}{level}: {_prose(requirement.statement, 300)}")
    if count > _SHOWN_IN_GROUP:
        rest = ", ".join(entry.ruling.requirement.id for entry in group.entries[_SHOWN_IN_GROUP:])
        lines.append(f"  - and {rest}")
    return "\n".join(lines)


def _prose(text: object, limit: int) -> str:
    """Text in a line or a table cell, escaped: no markup, no links, no mentions."""
    escaped = re.sub(r"([\\`*_\[\]#|~$])", r"\\\1", one_line(text, limit))
    escaped = html.escape(escaped, quote=False)
    # Unescaped, GitHub makes links of bare addresses and notifies who is mentioned.
    escaped = escaped.replace("://", ":\\//").replace("@", "@<!-- -->")
    return re.sub(r"(?i)\bwww\.", "www\\.", escaped)


def _code(text: object, limit: int) -> str:
    """An inline code span, whatever backticks it contains."""
    content = one_line(text, limit).replace("|", "¦")
    ticks = _longer_than_any_run(content, 1)
    return f"{ticks} {content} {ticks}" if "`" in content else f"{ticks}{content}{ticks}"


def _fenced(text: object, limit: int, language: str) -> str:
    content = shortened(text, limit)
    fence = _longer_than_any_run(content, 3)
    return f"{fence}{language}\n{content}\n{fence}"


def _longer_than_any_run(content: str, least: int) -> str:
    runs = re.findall(r"`+", content)
    return "`" * max(least, 1 + max(map(len, runs), default=0))
