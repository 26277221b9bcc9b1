"""Which check judges which requirement, what it may spend and what it needs.

It belongs to the judge, not to `lightning-spec`: the specification knows nobody, least of all its checks.
Nothing is sent; the checks are collected, and their marks are read.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from lightning_spec.lint import lint
from lightning_spec.loader import Requirement, revision_folder

from lightning_verify.facts import REQUIREMENTS, REVISION
from lightning_verify.laws.table import LAWS
from lightning_verify.run.marks import charge_of

COLUMNS = ("requirement", "level", "judged by", "spend", "needs")
_NEEDS = {"needs_control": "a control plane", "needs_own_host": "your own host"}
_LAW = "the law of every answer"


@dataclass(frozen=True, slots=True)
class Check:
    """A test: its name without examples, the lowest `--spend` that runs it, and what it needs."""

    name: str
    requirements: tuple[str, ...]
    spend: str
    needs: tuple[str, ...]


@dataclass(slots=True)
class Collector:
    """A pytest plugin that keeps the marks of the collected checks."""

    checks: list[Check] = field(default_factory=list)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Keep every check of the session."""
        for item in session.items:
            charge = charge_of(item)
            if charge is None:
                continue
            needs = [name for marker in item.iter_markers("needs") for name in marker.args]
            needs += [words for mark, words in _NEEDS.items() if item.get_closest_marker(mark)]
            name = getattr(item, "originalname", None) or item.name
            spend = charge.spend.name.lower()
            self.checks.append(Check(f"{item.path.stem}::{name}", charge.requirements, spend, tuple(needs)))


@dataclass(frozen=True, slots=True)
class Row:
    """One requirement, and the checks of each way to judge it."""

    requirement: Requirement
    ways: tuple[tuple[str, str, str], ...]


def rows(checks: Iterable[Check]) -> list[Row]:
    """Every requirement of the revision, in order. A way to judge it is a check, its spend and its needs;
    examples of one check with the same needs are one way."""
    found: dict[str, dict[tuple[str, str, str], None]] = {name: {} for name in REQUIREMENTS.requirements}
    for name in LAWS:
        found[name][_LAW, "none", ""] = None
    for check in checks:
        for name in check.requirements:
            found[name][check.name, check.spend, ", ".join(check.needs)] = None
    return [Row(REQUIREMENTS.requirements[name], tuple(ways)) for name, ways in found.items()]


def problems(checks: Iterable[Check]) -> list[str]:
    """What is wrong with the revision's folder, including requirements that nothing judges."""
    judged = {name for check in checks for name in check.requirements} | set(LAWS)
    return lint(revision_folder(REVISION), judged)


def as_markdown(table: Iterable[Row]) -> str:
    """The table for a page or a pull request."""
    lines = [f"# What is judged, and how (revision {REVISION})", "", f"| {' | '.join(COLUMNS)} |"]
    lines.append(f"|{' --- |' * len(COLUMNS)}")
    lines += [
        f"| {' | '.join('<br>'.join(map(_cell, column)) for column in _columns(row))} |" for row in table
    ]
    return "\n".join(lines) + "\n"


def as_html(table: Iterable[Row]) -> str:
    """The same as a page that loads nothing."""
    title = f"What is judged, and how (revision {REVISION})"
    head = "".join(f"<th>{name}</th>" for name in COLUMNS)
    body = "".join(
        f"<tr>{''.join(f'<td>{_lines(column)}</td>' for column in _columns(row))}</tr>\n" for row in table
    )
    style = "body{font:15px sans-serif;margin:2em}td,th{text-align:left;vertical-align:top;padding:.3em .8em}"
    style += "tr{border-bottom:1px solid #ccc}table{border-collapse:collapse}"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{style}</style>'
        f"<h1>{title}</h1><table><tr>{head}</tr>\n{body}</table></html>\n"
    )


def write(file: Path, checks: Iterable[Check]) -> None:
    """Write the table, as HTML if the file's name says so."""
    render = as_html if file.suffix in {".html", ".htm"} else as_markdown
    file.write_text(render(rows(checks)), encoding="utf-8")


def _columns(row: Row) -> Iterator[list[str]]:
    yield [f"{row.requirement.id}: {row.requirement.statement}"]
    yield list(filter(None, [row.requirement.level, row.requirement.why_advice]))
    ways = row.ways or (("nobody", "", ""),)
    for index in range(3):
        yield [way[index] or "nothing" for way in ways]


def _cell(text: str) -> str:
    return html.escape(text, quote=False).replace("|", "\\|")


def _lines(texts: Iterable[str]) -> str:
    return "<br>".join(html.escape(text) for text in texts)
