"""Signed-in users at their limits. This uses up their units, so nothing else is tried with them afterwards:
the marker `uses_up_accounts` puts these tests last."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle, islice, product

import pytest

from lightning_verify.facts import METRICS, PUBLISHED_LIMITS
from lightning_verify.judging.judge import Judge
from lightning_verify.judging.limits import (
    AT_ONCE,
    FARTHEST,
    MAX_LOST,
    OTHERWISE,
    Spent,
    call_within_limit,
    calls_on,
    has_units_left,
    is_passing,
    lets_more_pass,
    refuse_beyond,
    serves_what_is_left,
)
from lightning_verify.judging.observations import SUBSCRIPTION, name_two_emails, shown_to
from lightning_verify.judging.outcomes import NotRun
from lightning_verify.judging.usage import moved, read_usage, settled
from lightning_verify.requests.callers import Caller
from lightning_verify.requests.credentials import API_KEY, FREE_JWT, JWT
from lightning_verify.requests.valid import Call
from lightning_verify.run.marks import judges, may_use, needs, needs_own_host, uses_up_accounts
from lightning_verify.target import Spend

# Metrics whose last units an account races for; of the others it has too few.
RACED = {"cloudChatDaily", "imagesDaily"}
# The credentials of one account, which share its units. The first is needed.
ACCOUNTS: dict[str, tuple[str, ...]] = {"free": (FREE_JWT,), "paid": (JWT, API_KEY)}


def _beyond(metric: str, names: Sequence[str]) -> int:
    """How many calls are made beyond a limit."""
    racing = AT_ONCE // 2 if metric in RACED else 0
    return racing + len(names) * (len(calls_on(metric)) + len(OTHERWISE[metric]))


@pytest.mark.parametrize(
    ("account", "metric"),
    [
        pytest.param(
            account,
            metric,
            id=f"{account}-{metric}",
            marks=[
                needs(names[0]),
                may_use(*names[1:]),
                judges(
                    "RATE-4",
                    units={metric: PUBLISHED_LIMITS[metric] + _beyond(metric, names)},
                    shares=[shown_to(name, SUBSCRIPTION) for name in names if len(names) > 1],
                    requests=2 + PUBLISHED_LIMITS[metric] + _beyond(metric, names),
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
    owners = _owners(judge, *ACCOUNTS[account])
    before = read_usage(judge, "RATE-4", owners[0])
    limit, used = before.limit[metric], before.used[metric]
    if limit is None or limit - used > FARTHEST[metric]:
        raise NotRun(f"needs an account with {FARTHEST[metric]} units of {metric} left at most")
    # The last unit is for the first call of a metric, but where a throwaway caller has that one only.
    calls = calls_on(metric)[:: 1 if PUBLISHED_LIMITS[metric] > 1 else -1]
    turns = [*product(calls, owners)]
    turn, lost, raced = 0, 0, metric not in RACED
    while turn < limit - used:
        left = limit - used - turn
        if not raced and left == AT_ONCE // 2:
            # What it leaves, since a host may limit bursts, is asked for one by one.
            turn, raced = turn + _race_for_the_rest(judge, metric, turns, limit), True
            continue
        call, owner = turns[(left - 1) % len(turns)]
        exchange = call_within_limit(judge, call, owner)
        if is_passing(exchange) and lost < MAX_LOST:
            lost += 1
            continue
        if exchange.status == 429:
            has_units_left(judge, exchange, owners[0], metric)
            break  # Somebody else has spent the rest.
        if left == 1:
            serves_what_is_left(judge, exchange, call, owner)
        judge.witness("RATE-4", judge.served("RATE-4", exchange, owner=False))
        turn += 1
    for owner in owners:
        spent = Spent(owner, metric, limit, before)
        for call in (*calls, *OTHERWISE[metric]):
            refuse_beyond(judge, spent, call)


def _owners(judge: Judge, first: str, *others: str) -> list[Caller]:
    """The callers behind these credentials, as far as they are at hand and not of somebody else."""
    owner, more = judge.credential(first), judge.usable(*others)
    return [owner] if more and name_two_emails(judge, first, *others) else [owner, *more]


def _race_for_the_rest(judge: Judge, metric: str, turns: Sequence[tuple[Call, Caller]], limit: int) -> int:
    """Twice as many concurrent calls as an account has units left; returns how many were served."""
    left, (_, owner) = AT_ONCE // 2, turns[0]
    before = settled(judge, "RATE-6", owner, metric, limit - left)
    racing = islice(cycle(turns), AT_ONCE)
    answers = judge.client.send_together([(call.method, call.path, who, call.body) for call, who in racing])
    served = [exchange for exchange in answers if exchange.served]
    # Others may have spent from it, so that only too many show something; what costs nothing is no race.
    if len(served) > left and before.used[metric] >= limit - left:
        moved(judge, "RATE-6", before, read_usage(judge, "RATE-6", owner))
        message = f"{len(served)} of {AT_ONCE} calls as {owner.label} were served with {left} units left"
        if lets_more_pass(judge, metric):
            raise judge.undecided("RATE-6", f"{message}, and too many one by one (see RATE-4)", *served)
        raise judge.violation("RATE-6", message, *served)
    return len(served)
