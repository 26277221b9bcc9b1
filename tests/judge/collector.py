"""A pytest plugin that writes down what the checks say about themselves.

`-p tests.judge.collector` with a file named in LIGHTNING_COLLECTED.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
from lightning_verify.requests.credentials import MEANING
from lightning_verify.run.costs import COST_OF, Means, request_count
from lightning_verify.run.marks import charge_of
from lightning_verify.target import Spend

VARIABLE = "LIGHTNING_COLLECTED"


@dataclass(frozen=True, slots=True)
class Check:
    """A collected test. `spend` is the name of the least mode that runs it, None when it judges nothing;
    `requests` are those of the most thorough run, with what it shares."""

    test: str
    function: str
    documentation: str | None
    requirements: tuple[str, ...]
    units: dict[str, int]
    shares: tuple[str, ...]
    requests: int
    spend: str | None
    needs: tuple[str, ...]


def collected(file: Path) -> list[Check]:
    """What was written down."""
    rows: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
    for row in rows:
        for name in ("requirements", "shares", "needs"):
            row[name] = tuple(row[name])
    return [Check(**row) for row in rows]


def pytest_collection_finish(session: pytest.Session) -> None:
    """Write every test of the session."""
    checks, means = [], Means(Spend.EXHAUST, 100, MEANING.keys())
    for item in session.items:
        charge = charge_of(item)
        function: Any = getattr(item, "function", None)
        checks.append(
            Check(
                item.nodeid,
                function.__name__,
                function.__doc__,
                charge.requirements if charge else (),
                dict(charge.units) if charge else {},
                charge.shares if charge else (),
                charge.asks(means)
                + sum(request_count(COST_OF[name].requests, means) for name in charge.shares)
                if charge
                else 0,
                charge.spend.name if charge else None,
                tuple(name for marker in item.iter_markers("needs") for name in marker.args),
            )
        )
    Path(os.environ[VARIABLE]).write_text(json.dumps([asdict(check) for check in checks]), encoding="utf-8")
