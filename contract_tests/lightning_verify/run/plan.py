"""What a run will send, known before the first request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import pytest

from lightning_verify.facts import METRIC_OF
from lightning_verify.judging.observations import USAGE, shown_to
from lightning_verify.judging.search import max_asked
from lightning_verify.requests.credentials import GOOD
from lightning_verify.requests.valid import POSTS
from lightning_verify.run.costs import COST_OF, Means, request_count
from lightning_verify.run.marks import charge_of
from lightning_verify.run.preflight import PROBED_PATHS
from lightning_verify.target import Spend, Target

# Units kept for second looks, of each metric: two whole ones, since what a host fails at is met by two
# tests as a rule, and only one of them may name the right requirement.
SECOND_LOOKS = 16


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
    if item.get_closest_marker("needs_own_host") and not target.may_be_asked_often(spend):
        return "needs --spend exhaust and your own host, because of its many requests"
    return None


def estimate(
    items: Iterable[pytest.Item],
    spend: Spend,
    target: Target,
    examples: int,
    max_units: Mapping[str, int],
) -> tuple[int, Counter[str]]:
    """(requests, worst-case units by metric) of the tests that can run, with what comes before and after
    them. The units are the most that any host can cause, and no more than the user's own `max_units` by
    metric; the requests are those that a conforming host gets, since whatever fails is sent again."""
    requests, spenders, units, shared, moves_time = 0, 0, Counter[str](), set[str](), False
    searched = set[str | None]()
    means = Means(spend, examples, target.credentials.keys())
    for item in items:
        charge = charge_of(item)
        if charge is not None and obstacle(item, spend, target) is None:
            requests += charge.asks(means)
            spenders += charge.asks(means) if charge.each_on else bool(charge.units)
            moves_time = moves_time or item.get_closest_marker("needs_control") is not None
            units.update(charge.costs(means))
            searched |= {charge.each_on} - {None}
            shared.update(charge.shares)
    before = {shown_to(name, USAGE) for name in GOOD if name in target.credentials}
    for name in shared - before:
        requests += request_count(COST_OF[name].requests, means)
        spenders += bool(COST_OF[name].units)
        units.update(COST_OF[name].units)
    # Whatever fails is looked at once more before it is held against a host.
    units.update(dict.fromkeys(units, SECOND_LOOKS))
    # What a generated request is refused or failed for is found with some more.
    units.update(dict.fromkeys((metric for metric in searched if metric), max_asked(target, spend)))
    requests += len(PROBED_PATHS) + len(before)
    # Only on this machine is every caller asked for its bill, and not after its time was moved.
    if target.is_loopback and not moves_time:
        requests += spenders + sum(name in METRIC_OF for name in POSTS)
    return requests, +Counter({metric: min(n, max_units.get(metric, n)) for metric, n in units.items()})


# Seconds of our own work for a request, and those that a run waits for clocks and counters.
WORK, WAITING = 0.006, 5.0


def duration(requests: int, rate: float | None, latency: float, jobs: int = 1) -> float:
    """Roughly how many seconds a run takes: limited by the rate, otherwise by the host's latency and our own
    work."""
    if rate is not None:
        return requests * max(1.0 / rate, latency / jobs)
    return requests * max(WORK, latency / jobs) + WAITING


def spoken(seconds: float) -> str:
    """`about 40 seconds`, `about 3 minutes`."""
    return f"about {seconds:.0f} seconds" if seconds < 90 else f"about {seconds / 60:.0f} minutes"


def describe(requests: int, units: Counter[str]) -> str:
    """The plan in one line."""
    cost = ", ".join(f"{count} {metric}" for metric, count in sorted(units.items())) or "none"
    return f"about {requests} requests, at most these units: {cost}"
