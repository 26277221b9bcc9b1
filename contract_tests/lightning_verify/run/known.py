"""The file of known differences: what is accepted for now, why, by whom and until when."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from lightning_spec.strict import parse_yaml
from lightning_spec.text_formats import cannot_be

from lightning_verify.facts import REQUIREMENTS
from lightning_verify.judging.harmless import one_line
from lightning_verify.judging.verdicts import Known, Ruling

EXPECTED = "expected lines such as `CHAT-7: why this is accepted`, or reason, owner and expires below the id"
_HEAD = """\
# Differences that are known, written by lightning-verify --write-known: hand the file to --known.
# Give each a reason of yours, an owner and a date (`expires: 2030-01-31`) after which it fails again.
"""
_MAX_REASON_LENGTH = 300


class KnownError(ValueError):
    """The file cannot be used; the message says why."""


def read_known(file: Path) -> dict[str, Known]:
    """The entries by requirement id. Raises KnownError."""
    try:
        content = parse_yaml(file.read_bytes())
    except OSError as problem:
        raise KnownError(cannot_be("read", problem)) from problem
    except ValueError as problem:
        raise KnownError(one_line(problem, 300)) from problem
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise KnownError(EXPECTED)
    unknown = [str(name) for name in content if name not in REQUIREMENTS.requirements]
    if unknown:
        raise KnownError(f"no requirement is called {', '.join(unknown)}")
    return {name: _entry(name, value) for name, value in content.items()}


def _entry(name: str, value: Any) -> Known:
    fields = {"reason": value} if isinstance(value, str) else value
    if not isinstance(fields, dict) or not fields.keys() <= {"reason", "owner", "expires"}:
        raise KnownError(f"{name}: {EXPECTED}")
    reason, owner, expires = (fields.get(field) for field in ("reason", "owner", "expires"))
    if not isinstance(reason, str) or not reason.strip():
        raise KnownError(f"{name}: {EXPECTED}")
    if owner is not None and not isinstance(owner, str):
        raise KnownError(f"{name}: the owner must be a name")
    return Known(reason.strip(), owner, None if expires is None else _date(name, expires))


def _date(name: str, written: Any) -> datetime.date:
    try:
        return datetime.date.fromisoformat(written)
    except (TypeError, ValueError):
        raise KnownError(f"{name}: expires must be a date such as 2030-01-31") from None


def known_file(rulings: Iterable[Ruling], before: Mapping[str, Known], *, strict: bool) -> str:
    """A file that makes these failures known. Entries from `before` keep their words, and stay until their
    requirement is seen to hold: a run that did not judge it removes nothing."""
    entries = dict(before)
    for ruling in rulings:
        name = ruling.requirement.id
        counts = strict or ruling.requirement.level == "documented"
        if ruling.broken and counts:
            entries.setdefault(name, Known(one_line(ruling.reason, _MAX_REASON_LENGTH)))
        elif not ruling.broken and ruling.verdict in {"pass", "fail"}:
            entries.pop(name, None)
    listed = {name: _fields(known) for name, known in entries.items()}
    return _HEAD + (yaml.safe_dump(listed, sort_keys=False, allow_unicode=False) if listed else "")


def _fields(known: Known) -> dict[str, Any]:
    fields = {"reason": known.reason, "owner": known.owner, "expires": known.expires}
    return {name: value for name, value in fields.items() if value is not None}
