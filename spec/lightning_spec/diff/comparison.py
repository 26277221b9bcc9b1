"""The whole comparison of two revisions: shapes and meaning, in one order."""

from __future__ import annotations

from lightning_spec.diff.change import Change, Comparison
from lightning_spec.diff.meaning import compare_meaning
from lightning_spec.diff.operations import compare_operations
from lightning_spec.diff.source import Revision, SourceError, read_revision


def compare(old: str, new: str) -> Comparison:
    """Every difference between two revisions, each a file, a folder or `REV:path`. Raises SourceError."""
    return compare_revisions(read_revision(old), read_revision(new))


def compare_revisions(old: Revision, new: Revision) -> Comparison:
    """Every difference between two revisions that were read already."""
    for side in (old, new):
        if not isinstance(side.description.data, dict):
            raise SourceError(f"{side.description.name} holds no description")
    found = compare_operations(old.description, new.description) + compare_meaning(old, new)
    # One change reached in two ways is one change.
    once: dict[str, Change] = {}
    for change in found:
        known = once.get(change.fingerprint)
        if known is None or change.severity > known.severity:
            once[change.fingerprint] = change
    ordered = sorted(once.values(), key=lambda change: (change.operation, -change.severity, change.subject))
    return Comparison(tuple(ordered), tuple(dict.fromkeys(old.unread + new.unread)))
