"""One difference between two revisions, as a frozen value with a fingerprint that outlives line numbers."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import IntEnum
from typing import Any


class Severity(IntEnum):
    """What a change does to callers written for the old revision, the worst last."""

    SAFE = 0
    RISKY = 1
    BREAKING = 2

    @property
    def word(self) -> str:
        """The lower-case word that reports and options use."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands: a file, a line that counts from 1, and the JSON pointer within the file."""

    file: str
    line: int
    pointer: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Change:
    """A difference. `operation` is `GET /path` or empty, `subject` what in it; `old` and `new` are texts."""

    rule: str
    severity: Severity
    operation: str
    subject: str
    old: str
    new: str
    place: Place
    reason: str = ""

    @property
    def sentence(self) -> str:
        """The finding in one sentence."""
        text = f"{self.subject}: new expects {self.new}, old {self.old}"
        return f"{text} ({self.reason})" if self.reason else text

    @property
    def fingerprint(self) -> str:
        """The same for the same change, wherever it has moved in the file."""
        parts = "\0".join((self.rule, self.operation, self.subject, self.old, self.new))
        return hashlib.sha256(parts.encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Unread:
    """Something that could not be read. The rest was compared all the same."""

    place: Place
    problem: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """All changes, worst first within each operation, and what of either side could not be read."""

    changes: tuple[Change, ...]
    unread: tuple[Unread, ...] = ()

    @property
    def worst(self) -> Severity | None:
        """The highest severity of all changes; None where nothing differs."""
        return max((change.severity for change in self.changes), default=None)


def shown(value: Any) -> str:
    """A value as a reader sees it in a sentence: JSON, cut where it is long."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 120 else f"{text[:117]}..."
