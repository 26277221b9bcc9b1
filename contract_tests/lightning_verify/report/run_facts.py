"""What a report says about the run itself, whoever made it."""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from importlib.metadata import version
from typing import Any

ByMetric = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Units:
    """Units by metric: the most that the plan could cost, what was set aside before requests left, what was
    served, what the host's counters say of the run's own callers, and what they say beyond that (None where
    nobody looked); and what was served, by who paid."""

    planned: ByMetric = field(default_factory=dict)
    booked: ByMetric = field(default_factory=dict)
    served: ByMetric = field(default_factory=dict)
    observed: ByMetric | None = None
    unexplained: ByMetric | None = None
    paid_by: Mapping[str, ByMetric] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """One run: against what, with what result, and at what cost. `started` and `finished` are seconds since
    1970; `libraries` are the packages whose versions matter. A proxy has `watched` others' traffic."""

    target: str
    revision: str
    verdict: str
    exit_code: int
    strict: bool
    aborted: str | None
    started: float
    finished: float
    requests_planned: int
    requests_sent: int
    units: Units
    spend: str = "none"
    credentials: Sequence[str] = ()
    interrupted: str | None = None
    watched: bool = False
    generated: Mapping[str, Any] | None = None
    libraries: Sequence[str] = ()

    def as_json(self) -> dict[str, Any]:
        """The content of `run` in report.json, which report.schema.json describes."""
        versions = {name: version(name) for name in ("lightning-contract", *self.libraries)}
        return {
            "target": self.target,
            "revision": self.revision,
            "verdict": self.verdict,
            "exit_code": self.exit_code,
            **({"watched": True} if self.watched else {}),
            "interrupted": self.interrupted,
            "spend": self.spend,
            "credentials": list(self.credentials),
            "strict": self.strict,
            "aborted": self.aborted,
            "started": _timestamp(self.started),
            "finished": _timestamp(self.finished),
            "seconds": round(self.finished - self.started, 2),
            "requests": {"planned": self.requests_planned, "sent": self.requests_sent},
            "units": {one.name: getattr(self.units, one.name) for one in fields(self.units)},
            "generated": self.generated,
            "versions": {**versions, "python": platform.python_version()},
        }


def _timestamp(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
