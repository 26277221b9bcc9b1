"""What the control API answers, as values.

Law: fields have the names of the control API. Those that a newer mock adds are ignored, so that an older
client keeps working.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, Self


class View:
    """Made from a JSON object of the control API."""

    __slots__ = ()

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """The view of an object; fields that it does not know are ignored."""
        known = {field.name for field in fields(cls)}  # type: ignore[arg-type] # each view is a dataclass
        return cls(**{name: value for name, value in document.items() if name in known})


@dataclass(frozen=True, slots=True)
class Clock(View):
    """The mock's time: ISO 8601 in UTC and seconds since 1970."""

    now: str
    epoch: float
    frozen: bool


@dataclass(frozen=True, slots=True)
class CallerClock(View):
    """One caller's time, and how many seconds it is ahead of the shared clock."""

    now: str
    epoch: float
    frozen: bool
    ahead_seconds: float


@dataclass(frozen=True, slots=True)
class Metric(View):
    """One caller's use of one metric. `limit` and `remaining` are None when the plan does not limit it."""

    limit: int | None
    used: int
    remaining: int | None
    window: str
    period: str
    resets_at: str


@dataclass(frozen=True, slots=True)
class Key(View):
    """An API key. Its `secret` is known only when the key was created."""

    id: str
    label: str
    prefix: str
    created_at: str
    expires_at: str | None = None
    last_used_at: str | None = None
    revoked_at: str | None = None
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Fault(View):
    """A fault. `times` is how many calls it affects, `left` how many of them are left (None: no limit);
    `fired` is how often it fired."""

    id: str
    kind: str
    match: Mapping[str, Any]
    times: int | None
    left: int | None
    fired: int


@dataclass(frozen=True, slots=True)
class ScriptedReply(View):
    """A scripted reply. `used` is how often it has answered, `left` how often it still will (None:
    always)."""

    id: str
    match: Mapping[str, Any]
    times: int | None
    used: int
    left: int | None


@dataclass(frozen=True, slots=True)
class Replay(View):
    """The recording being replayed. `old` says that the host may answer differently now; `unused` is how
    many of its exchanges have not been replayed yet."""

    recorded_at: str
    upstream: str
    age_days: float
    old: bool
    exchanges: int
    unused: int


@dataclass(frozen=True, slots=True)
class NearMiss(View):
    """A call that matched no scripted reply, or no recorded request. `near` has the nearest ones by `id`,
    each with what it `missed`."""

    method: str
    path: str
    near: list[Mapping[str, Any]]

    def __str__(self) -> str:
        reasons = "; ".join(f"{reply['id']}: {', '.join(reply['missed'])}" for reply in self.near)
        return f"{self.method} {self.path} matched no scripted reply: {reasons}"


@dataclass(frozen=True, slots=True)
class JournalEntry(View):
    """One call to the mock and why it was answered as it was.

    `explanation` is a sentence. `refused_by` names the rule that refused it: identity, validation, size,
    quota, upstream or routing. `response["cut"]` says that the connection was cut, after `response["bytes"]`
    of the body; `status` is 0 if that was before a byte of the answer. `units` has `before`, `after` and
    `limit` when the call was metered.
    """

    id: int
    at: str
    method: str
    path: str
    operation: str | None
    status: int
    milliseconds: float
    caller: Mapping[str, Any]
    plan_key: str | None
    metric: str | None
    units: Mapping[str, int | None] | None
    refused_by: str | None
    fault: Mapping[str, Any] | None
    explanation: str
    request: Mapping[str, Any]
    response: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.method} {self.path} -> {self.status}: {self.explanation}"


def moment(value: datetime | str) -> str:
    """A moment as the control API reads it. A datetime without a zone counts as UTC."""
    if isinstance(value, str):
        return value
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()
