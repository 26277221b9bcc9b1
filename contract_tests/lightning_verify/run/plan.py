"""What a run will ask for, told before the first request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pytest

from lightning_verify.judging.observations import COST
from lightning_verify.requests.credentials import GOOD
from lightning_verify.run.bill import REFUSED_CALLERS
from lightning_verify.run.marks import charge_of
from lightning_verify.run.preflight import DOORS
from lightning_verify.target import Spend, Target

SECOND_LOOKS = 4


def obstacle(item: pytest.Item, spend: Spend, target: Target) -> str | None:
    """Why a test cannot be tried with what the run was given, or None."""
    charge = charge_of(item)
    if charge is None:
        return None
    if charge.spend > spend:
        return f"needs --spend {charge.spend.name.lower()}"
    for marker in item.iter_markers("needs"):
        missing = [name for name in marker.args if name not in target.credentials]
        if missing:
            return f"needs {' and '.join(missing)}"
    if item.get_closest_marker("needs_control") and target.control is None:
        return "needs a target whose control plane can move time and fail upstreams (--control)"
    return None


def estimate(items: Iterable[pytest.Item], spend: Spend, target: Target) -> tuple[int, Counter[str]]:
    """(requests, worst-case units by metric) of the tests that can run, with what comes before and after."""
    requests, units, shared = 0, Counter[str](), set[str]()
    for item in items:
        charge = charge_of(item)
        if charge is not None and obstacle(item, spend, target) is None:
            requests += charge.requests
            units.update(charge.units)
            shared.update(charge.shares)
    for name in shared:
        units.update(COST[name])
    # Whatever fails is looked at once more before it is held against a host.
    units.update(dict.fromkeys(units, SECOND_LOOKS))
    requests += len(DOORS) + sum(name in target.credentials for name in GOOD)
    if target.is_loopback:  # Only there is every caller asked for its bill.
        requests += REFUSED_CALLERS + units.total()
    return requests, units


def describe(requests: int, units: Counter[str]) -> str:
    """The plan in one line."""
    cost = ", ".join(f"{count} {metric}" for metric, count in sorted(units.items())) or "none"
    return f"about {requests} requests, at worst these units: {cost}"
