"""The whole comparison of two revisions: shapes and meaning, in one order."""

from __future__ import annotations

from lightning_spec.diff.change import Change, Comparison
from lightning_spec.diff.meaning import compare_meaning
from lightning_spec.diff.operations import compare_operations
from lightning_spec.diff.source import Revision, SourceError, read_revision


def compare(old: str, new: str) -> Comparison:
    """Every difference between two revisions, each a file, a folder or `REV:path`. Raises SourceError."""
    return compare_revisions(read_revision(old), read_revision(new))


def _check(side: Revision) -> None:
    """Raise SourceError for anything but a description in an edition of OpenAPI that is understood."""
    name, data = side.description.name, side.description.data
    if not isinstance(data, dict):
        raise SourceError(f"{name} holds no description")
    version = data.get("openapi")
    if data.get("swagger") is not None or (isinstance(version, str) and not version.startswith("3.")):
        raise SourceError(
            f"{name} is of {version or data.get('swagger')!r}; only OpenAPI 3.0 to 3.2 is compared"
        )
    if side.requirements is None and not data.keys() & {"openapi", "paths", "webhooks", "components"}:
        raise SourceError(f"{name} holds no description of OpenAPI")


def compare_revisions(old: Revision, new: Revision) -> Comparison:
    """Every difference between two revisions that were read already."""
    for side in (old, new):
        _check(side)
    found = compare_operations(old.description, new.description) + compare_meaning(old, new)
    # One change reached in two ways is one change.
    once: dict[str, Change] = {}
    for change in found:
        known = once.get(change.fingerprint)
        if known is None or change.severity > known.severity:
            once[change.fingerprint] = change
    ordered = sorted(once.values(), key=lambda change: (change.operation, -change.severity, change.subject))
    return Comparison(tuple(ordered), tuple(dict.fromkeys(old.unread + new.unread)))
