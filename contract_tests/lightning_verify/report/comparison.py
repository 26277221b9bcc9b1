"""Two runs side by side: what has broken since an earlier report, what was fixed, and what is no longer
seen."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from lightning_spec.text_formats import cannot_be

from lightning_verify.judging.verdicts import Ruling

# Of the form of report.json; it changes when a reader of the old form would misread the new one.
SCHEMA_VERSION = 1
_SEEN = {"pass", "fail", "known_difference"}


class ComparisonError(ValueError):
    """The earlier report cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Ids of requirements, in the order of the document; `fresh` are failures that were not there before."""

    fresh: tuple[str, ...]
    fixed: tuple[str, ...]
    unseen: tuple[str, ...]
    advised: tuple[str, ...]

    def as_json(self) -> dict[str, list[str]]:
        """`{new, fixed, no_longer_observable, newly_advised}`."""
        return {_NAMES[name]: list(ids) for name, ids in asdict(self).items()}

    def lines(self) -> list[str]:
        """The changes, one line for each kind; one line when there are none."""
        changes = {_TITLES[name]: ids for name, ids in asdict(self).items() if ids}
        return [f"{title}: {', '.join(ids)}" for title, ids in changes.items()] or ["no change"]


_NAMES = {"fresh": "new", "fixed": "fixed", "unseen": "no_longer_observable", "advised": "newly_advised"}
_TITLES = {
    "fresh": "new failures",
    "fixed": "fixed",
    "unseen": "no longer observable",
    "advised": "new advice",
}


def read_report(file: Path) -> dict[str, str]:
    """Verdicts by requirement id of an earlier report.json. Raises ComparisonError."""
    try:
        report = json.loads(file.read_text(encoding="utf-8"))
        if report["schema_version"] != SCHEMA_VERSION:
            raise ComparisonError(
                f"has schema version {report['schema_version']!r}, expected {SCHEMA_VERSION}; "
                "regenerate it with this version of lightning-verify"
            )
        return {str(entry["id"]): _verdict(entry) for entry in report["requirements"]}
    except ComparisonError:
        raise
    except OSError as problem:
        raise ComparisonError(cannot_be("read", problem)) from problem
    except (ValueError, TypeError, KeyError, RecursionError) as problem:
        raise ComparisonError("expected a report.json that lightning-verify wrote") from problem


def _verdict(entry: Mapping[str, Any]) -> str:
    # One that failed its run only since it held again, though it was listed as known, had been fixed.
    held = entry["verdict"] == "fail" and entry.get("broken") is False
    return "pass" if held else str(entry["verdict"])


def compare(earlier: Mapping[str, str], rulings: Iterable[Ruling], *, strict: bool) -> Comparison:
    """What changed from `earlier` to `rulings`. A requirement that was not judged before counts as new when
    it is broken."""
    found: dict[str, list[str]] = {name: [] for name in _NAMES}
    for ruling in rulings:
        name, was = ruling.requirement.id, earlier.get(ruling.requirement.id, "not_run")
        counts = strict or ruling.requirement.level == "documented"
        if ruling.verdict == "fail" and ruling.broken and was not in {"fail", "known_difference"}:
            found["fresh" if counts else "advised"].append(name)
        # One that is listed as known and holds again fails the run, and is fixed all the same.
        elif was in {"fail", "known_difference"} and ruling.findings and not ruling.broken:
            kind = "unseen" if ruling.verdict in {"inconclusive", "not_run"} else "fixed"
            found[kind].append(name)
        elif was in _SEEN and ruling.verdict not in _SEEN:
            found["unseen"].append(name)
    return Comparison(**{name: tuple(ids) for name, ids in found.items()})


def tolerating(rulings: Iterable[Ruling], comparison: Comparison) -> list[Ruling]:
    """The rulings with old failures as known ones, for a run that is to fail only on new ones."""
    return [
        replace(one, verdict="known_difference")
        if one.verdict == "fail" and one.broken and one.requirement.id not in comparison.fresh
        else one
        for one in rulings
    ]
