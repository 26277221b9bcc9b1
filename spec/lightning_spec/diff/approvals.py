"""The file in which a team approves intended changes: which, why, and until when.

Each entry names a fingerprint, or a rule and the operation that it applies to, gives a reason, and expires.
One that matches nothing any more is stale. Stale and expired entries fail, so that the file never outlives
what it excuses.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightning_spec.diff.change import Change
from lightning_spec.model import SpecError
from lightning_spec.strict import describe, keys, mapping, read_yaml, sequence, text


@dataclass(frozen=True, slots=True)
class Approval:
    """One entry: a fingerprint, or a rule with an operation (and perhaps a subject)."""

    fingerprint: str | None
    rule: str | None
    operation: str | None
    subject: str | None
    reason: str
    expires: datetime.date

    def fits(self, change: Change) -> bool:
        """Whether the entry approves a change."""
        if self.fingerprint is not None:
            return change.fingerprint == self.fingerprint
        same_subject = self.subject is None or change.subject == self.subject
        return change.rule == self.rule and change.operation == self.operation and same_subject

    def __str__(self) -> str:
        return self.fingerprint or f"{self.rule} at {self.operation or 'the whole description'}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The changes that nobody approved, those that somebody did, and what is wrong with the file."""

    open: tuple[Change, ...]
    approved: tuple[Change, ...]
    problems: tuple[str, ...]


def read_approvals(path: Path) -> tuple[Approval, ...]:
    """The entries of a file. Raises SpecError for anything unknown or missing."""
    data = keys(read_yaml(path), path.name, required=("approvals",))
    return tuple(
        _entry(entry, f"{path.name}, entry {number}")
        for number, entry in enumerate(sequence(data["approvals"], path.name), 1)
    )


def apply_approvals(
    changes: tuple[Change, ...], approvals: tuple[Approval, ...], today: datetime.date
) -> Outcome:
    """Which changes stay open. An expired entry approves nothing."""
    problems: list[str] = []
    approved: list[Change] = []
    for approval in approvals:
        fitting = [change for change in changes if approval.fits(change)]
        if not fitting:
            problems.append(f"{approval}: stale, no such change is left; take the entry out")
        elif approval.expires < today:
            problems.append(f"{approval}: expired on {approval.expires.isoformat()}")
        else:
            approved += fitting
    still = tuple(change for change in changes if change not in approved)
    return Outcome(still, tuple(dict.fromkeys(approved)), tuple(problems))


def _entry(value: Any, place: str) -> Approval:
    data = mapping(value, place)
    optional = ("fingerprint", "rule", "operation", "subject")
    keys(data, place, required=("reason", "expires"), optional=optional)
    named = {
        key: text(data[key], f"{place}.{key}", empty=key == "operation") for key in optional if key in data
    }
    if ("fingerprint" in named) == ("rule" in named) or ("rule" in named and "operation" not in named):
        raise SpecError(place, "name a fingerprint, or a rule and its operation")
    if "fingerprint" in named and len(named) > 1:
        raise SpecError(place, "an entry with a fingerprint must not name a rule, an operation or a subject")
    try:
        expires = datetime.date.fromisoformat(text(data["expires"], f"{place}.expires"))
    except ValueError:
        raise SpecError(f"{place}.expires", f"expected a date, got {describe(data['expires'])}") from None
    return Approval(
        named.get("fingerprint"),
        named.get("rule"),
        named.get("operation"),
        named.get("subject"),
        text(data["reason"], f"{place}.reason"),
        expires,
    )
