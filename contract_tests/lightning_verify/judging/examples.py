"""Requests that exposed a fault: stored beside the report, and tried first in the next run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lightning_verify.requests.kinds import Chosen, Subject

FILE = "examples.json"
Row = dict[str, Any]


@dataclass(slots=True)
class Examples:
    """Rows of {operation, kinds, requirement, request}: those of an `earlier` run, and those `found` in this
    one. Earlier rows of an operation in `tried` no longer count, because it has been tried again."""

    earlier: list[Row] = field(default_factory=list)
    found: list[Row] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)

    def first(self, subject: Subject) -> list[Chosen]:
        """What to try first on this operation: what was found before, as far as its kinds still exist."""
        self.tried.append(subject.operation)
        return [
            row["kinds"]
            for row in self.earlier
            if row["operation"] == subject.operation and subject.knows(row["kinds"])
        ]

    def keep(self, subject: Subject, chosen: Chosen, requirement: str) -> None:
        """Keep the kinds that show a breach, with the request for readers."""
        call = subject.request(chosen)
        request = {"method": call.method, "path": call.path, "body": call.body}
        row = {
            "operation": subject.operation,
            "kinds": dict(chosen),
            "requirement": requirement,
            "request": request,
        }
        self.found.append(row)


def read_examples(folder: Path | None) -> Examples:
    """The examples that an earlier run left in its report folder; none if there is nothing readable."""
    try:
        rows = json.loads((folder / FILE).read_text(encoding="utf-8")) if folder is not None else []
    except (OSError, ValueError, RecursionError):
        rows = []
    rows = rows if isinstance(rows, list) else []
    return Examples(
        [
            row
            for row in rows
            if isinstance(row, dict) and isinstance(row.get("kinds"), dict) and "operation" in row
        ]
    )


def write_examples(folder: Path, seen: Mapping[str, Any]) -> None:
    """Write what the workers of a run found, from the facts that they noted. Without any, no file is
    written."""
    parts: list[Row] = [part for name, part in seen.items() if name.startswith("examples ")]
    tried = {operation for part in parts for operation in part["tried"]}
    rows = [row for row in read_examples(folder).earlier if row["operation"] not in tried]
    rows += [row for part in parts for row in part["found"]]
    if rows:
        (folder / FILE).write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    else:
        (folder / FILE).unlink(missing_ok=True)
