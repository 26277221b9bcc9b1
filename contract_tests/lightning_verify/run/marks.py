"""How a test says what it judges, what it may cost and what it needs.

@judges("IMG-3", units={"imagesDaily": 1}, requests=3)
@needs(JWT)
def test_an_image_is_an_image(judge): ...
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest

from lightning_verify.run.costs import COST_OF, Means, Requests, request_count
from lightning_verify.target import Spend

# As pytest shows them with --markers.
MARKS = {
    "judges(charge)": "the requirements a contract test judges, and its cost",
    "needs(*credentials)": "the credentials a contract test requires",
    "may_use(*credentials)": "the credentials a contract test uses if available",
    "needs_own_host": "a contract test that sends very many requests",
    "uses_up_accounts": "a contract test that waits for all others: an account is at its limits after it",
    "looks_back": "a contract test that waits for all those before it, and looks at what they left behind",
    "needs_control": "a contract test that moves time or fails upstreams",
}


@dataclass(frozen=True, slots=True)
class Charge:
    """What a test judges and costs: requirement ids, worst-case units by metric of its own, names of the
    observations it shares with other tests (`costs.COST_OF`), requests beside those, and the least
    spending mode that allows it. With `each_on` each of its own requests costs a unit of that metric."""

    requirements: tuple[str, ...]
    units: Mapping[str, int] = field(default_factory=dict)
    shares: tuple[str, ...] = ()
    requests: Requests = 0
    spend: Spend = Spend.NONE
    each_on: str | None = None

    def costs(self, means: Means) -> Counter[str]:
        """The most units of its own, by metric."""
        units = Counter(self.units)
        if self.each_on is not None:
            units[self.each_on] += self.asks(means)
        return units

    @property
    def costs_units(self) -> bool:
        """Whether the test spends units of its own, or of an observation that it shares."""
        return bool(self.units or self.each_on or any(COST_OF[name].units for name in self.shares))

    def asks(self, means: Means) -> int:
        """How many requests of its own the test sends to a conforming host."""
        return request_count(self.requests, means)


def judges(
    *requirements: str,
    units: Mapping[str, int] | None = None,
    shares: Sequence[str] = (),
    requests: Requests = 0,
    spend: Spend | None = None,
    each_on: str | None = None,
) -> pytest.MarkDecorator:
    """Mark a test with the requirements it judges; one that costs units needs `--spend sample` at least."""
    charge = Charge(requirements, units or {}, tuple(shares), requests, Spend.NONE, each_on)
    mode = spend if spend is not None else (Spend.SAMPLE if charge.costs_units else Spend.NONE)
    return pytest.mark.judges(replace(charge, spend=mode))


def needs(*credentials: str) -> pytest.MarkDecorator:
    """Mark a test that cannot run without these credentials."""
    return pytest.mark.needs(*credentials)


def may_use(*credentials: str) -> pytest.MarkDecorator:
    """Mark a test that uses these credentials where the run was given them."""
    return pytest.mark.may_use(*credentials)


needs_own_host = pytest.mark.needs_own_host
uses_up_accounts = pytest.mark.uses_up_accounts
looks_back = pytest.mark.looks_back
needs_control = pytest.mark.needs_control


def charge_of(item: pytest.Item) -> Charge | None:
    """The charge of a collected test; None for a test that judges nothing."""
    marker = item.get_closest_marker("judges")
    return marker.args[0] if marker else None
