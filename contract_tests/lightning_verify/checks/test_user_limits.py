"""Signed-in users at their limits. What they have is used up then, so that nothing else is tried with them
after this: the file's name puts it behind the others."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from lightning_verify.checks.test_limits import (
    FARTHEST,
    OTHERWISE,
    Spent,
    calls_on,
    has_units_left,
    patiently,
    refuse_beyond,
    serves_the_last,
)
from lightning_verify.facts import METRICS, PUBLISHED_LIMITS
from lightning_verify.judging.judge import Judge, NotRun
from lightning_verify.judging.usage import read_usage
from lightning_verify.requests.credentials import API_KEY, FREE_JWT, JWT
from lightning_verify.run.marks import judges, needs, needs_own_host, uses_up_accounts
from lightning_verify.target import Spend

# The credentials of one account, which share its units.
ACCOUNTS: dict[str, tuple[str, ...]] = {"free": (FREE_JWT,), "paid": (JWT, API_KEY)}


def _beyond(metric: str, names: Sequence[str]) -> int:
    """How many calls are made beyond a limit."""
    return len(names) * (len(calls_on(metric)) + len(OTHERWISE[metric]))


@pytest.mark.parametrize(
    ("account", "metric"),
    [
        pytest.param(
            account,
            metric,
            id=f"{account}-{metric}",
            marks=[
                needs(*names),
                judges(
                    "RATE-4",
                    units={metric: PUBLISHED_LIMITS[metric] + _beyond(metric, names)},
                    requests=1 + PUBLISHED_LIMITS[metric] + _beyond(metric, names),
                    spend=Spend.EXHAUST,
                ),
            ],
        )
        for account, names in ACCOUNTS.items()
        for metric in METRICS
    ],
)
@needs_own_host
@uses_up_accounts
def test_an_account_is_served_up_to_its_limit(judge: Judge, account: str, metric: str) -> None:
    owners = [judge.credential(name) for name in ACCOUNTS[account]]
    before = read_usage(judge, "RATE-4", owners[0])
    limit, used = before.limit[metric], before.used[metric]
    if limit is None or limit - used > FARTHEST[metric]:
        raise NotRun(f"needs an account with {FARTHEST[metric]} units of {metric} left at most")
    # From the other end: its last unit is asked for by another call than a throwaway caller's.
    calls = calls_on(metric)[::-1]
    for turn in range(limit - used):
        exchange = patiently(judge, calls[turn % len(calls)], owners[turn % len(owners)])
        if exchange.status == 429:
            has_units_left(judge, exchange, owners[0], metric)
            break  # Somebody else has spent the rest.
        if turn == limit - used - 1:
            serves_the_last(judge, exchange, calls[turn % len(calls)], owners[turn % len(owners)])
        judge.witness("RATE-4", judge.served("RATE-4", exchange, owner=False))
    for owner in owners:
        spent = Spent(owner, metric, limit, before)
        for call in (*calls, *OTHERWISE[metric]):
            refuse_beyond(judge, spent, call)
