"""At the limit: what is served up to it, refused beyond it, and unaffected by it."""

from __future__ import annotations

import time

import pytest

from lightning_verify.facts import METRICS, PUBLISHED_LIMITS
from lightning_verify.judging.judge import Judge
from lightning_verify.judging.limits import (
    A_MINUTE,
    OTHERWISE,
    PAUSES,
    Spent,
    Unmet,
    ask_for_unit,
    at_limit,
    call_within_limit,
    calls_on,
    refuse_beyond,
    refused_at_limit,
    used_up,
)
from lightning_verify.judging.outcomes import NotRun
from lightning_verify.judging.usage import read_usage
from lightning_verify.reading.numbers import number
from lightning_verify.requests import callers
from lightning_verify.requests.callers import Caller
from lightning_verify.requests.credentials import API_KEY, FREE_JWT, JWT
from lightning_verify.requests.valid import CALLS
from lightning_verify.run.marks import judges, needs
from lightning_verify.target import Spend
from lightning_verify.transport.exchange import Exchange

# Forms stand in families; so far apart they are of different ones, and of sound each is another operation's.
_STRIDE = 2


SPEND_FOR = {
    metric: Spend.SAMPLE if PUBLISHED_LIMITS.get(metric) == 1 else Spend.EXHAUST for metric in METRICS
}


def _every_metric(requirement: str, requests: int = 1, *, beside: bool = False) -> pytest.MarkDecorator:
    """One test for each metric. `beside` says that it requests a unit of every other one, too."""

    def cost(metric: str) -> dict[str, int]:
        return {other: 1 for other in METRICS if other != metric} if beside else {}

    return pytest.mark.parametrize(
        "metric",
        [
            pytest.param(
                metric,
                marks=judges(
                    requirement,
                    units=cost(metric),
                    shares=[f"limit of {metric}"],
                    requests=requests + len(cost(metric)),
                    spend=SPEND_FOR[metric],
                ),
            )
            for metric in METRICS
        ],
    )


@_every_metric("RATE-4", 0)
def test_beyond_the_limit_the_answer_is_429_and_stays_so(judge: Judge, metric: str) -> None:
    try:
        spent = at_limit(judge, metric)
    except Unmet as unmet:
        raise unmet.problem from unmet
    if not judge.witnesses["RATE-4"]:  # Another test has driven the caller there.
        refuse_beyond(judge, spent, calls_on(metric)[0])


@_every_metric("RATE-2")
def test_a_call_beyond_the_limit_costs_nothing(judge: Judge, metric: str) -> None:
    spent = refused_at_limit(judge, "RATE-2", metric)
    after = spent.counters(judge, "RATE-2")
    used = after.used[metric]
    judge.check(
        "RATE-2", used <= spent.limit, f"{metric}: used is {used} at a limit of {spent.limit}", after.exchange
    )
    if used < spent.limit:
        raise judge.undecided(
            "RATE-2", f"{metric}: used is {used} at a limit of {spent.limit} (see RATE-7)", after.exchange
        )


@_every_metric("USE-1")
def test_a_caller_at_its_limit_may_look_at_its_counters(judge: Judge, metric: str) -> None:
    caller = used_up(judge, "USE-1", metric).caller
    look = judge.get("/usage", caller)
    for pause in (*PAUSES, A_MINUTE):  # Whoever limits bursts relents.
        if look.status != 429:
            break
        time.sleep(pause)
        look = judge.get("/usage", caller)
    if look.status == 429 and (other := judge.get("/usage")).served:
        message = f"{look.title} for {caller.label} that has used up its {metric}, while others are served"
        raise judge.violation("USE-1", message, look, other)
    judge.witness("USE-1", judge.served("USE-1", look, owner=False))


@_every_metric("USE-4")
def test_nothing_remains_at_the_limit_and_nothing_less(judge: Judge, metric: str) -> None:
    exchange = used_up(judge, "USE-4", metric).counters(judge, "USE-4").exchange
    entry = exchange.json()["usage"][metric]
    limit, used, remaining = (number(entry.get(field)) for field in ("limit", "used", "remaining"))
    if limit is None or used is None or remaining is None:
        raise judge.undecided("USE-4", f"/usage does not tell what remains of {metric}", exchange)
    left = max(0, limit - used)
    message = f"{metric}: limit {limit:g} and used {used:g} leave {left:g}, not {remaining:g}"
    judge.check("USE-4", remaining == left, message, exchange)


@_every_metric("RATE-7")
def test_refusals_at_the_limit_do_not_empty_the_counter(judge: Judge, metric: str) -> None:
    spent = refused_at_limit(judge, "RATE-7", metric)
    after = spent.counters(judge, "RATE-7")
    kept = after.used[metric] >= spent.limit
    judge.check("RATE-7", kept, f"{metric} fell to {after.used[metric]} of {spent.limit}", after.exchange)


@pytest.mark.parametrize(
    "metric",
    [
        pytest.param(
            metric,
            marks=judges(
                "RATE-1",
                units={metric: 1},
                shares=[f"limit of {metric}"],
                requests=1,
                spend=SPEND_FOR[metric],
            ),
        )
        for metric in METRICS
    ],
)
def test_one_caller_at_its_limit_does_not_stop_another(judge: Judge, metric: str) -> None:
    spent = used_up(judge, "RATE-1", metric)
    if not spent.limit:
        raise NotRun(f"needs a caller that was served some {metric} (see RATE-4)")
    exchange = ask_for_unit(judge, calls_on(metric)[0], judge.caller(), served=True)
    refused = exchange.status == 429
    judge.check("RATE-1", not refused, f"{exchange.title} for a caller that has spent nothing", exchange)
    judge.served("RATE-1", exchange, owner=False)


@_every_metric("RATE-5", beside=True)
def test_a_metric_that_is_used_up_does_not_stop_another(judge: Judge, metric: str) -> None:
    caller = used_up(judge, "RATE-5", metric).caller
    snapshot = read_usage(judge, "RATE-5", caller)
    # Of a metric that has no units to begin with nothing can be seen.
    left = {m: snapshot.limit[m] is None or snapshot.used[m] < (snapshot.limit[m] or 0) for m in METRICS}
    for other in METRICS:
        if other == metric or not left[other]:
            continue
        exchange = ask_beside(judge, metric, other, caller)
        refused = exchange.status == 429
        if refused and not read_usage(judge, "RATE-5", caller).has_units(other):
            message = f"{exchange.title}: {other} was used up meanwhile, which the price of a call tells"
            raise judge.undecided("RATE-5", message, exchange)
        judge.check("RATE-5", not refused, f"{exchange.title}, although only {metric} is used up", exchange)
        judge.served("RATE-5", exchange, owner=False)


def ask_beside(judge: Judge, metric: str, other: str, caller: Caller) -> Exchange:
    """The answer to a call of another metric, in another form or by another route for each exhausted metric,
    so that a refusal in only one of them is seen too. A host that does not serve that form is asked
    plainly."""
    plain, *roads = calls_on(other)
    turn, more = list(METRICS).index(metric), [*OTHERWISE[other], *roads]
    if turn and more:
        exchange = ask_for_unit(judge, more[_STRIDE * turn % len(more)], caller, served=True)
        if exchange.served or exchange.status == 429:
            return exchange
    return ask_for_unit(judge, plain, caller, served=True)


@judges("RATE-4", units={"audioWeekly": 2}, requests=3, spend=Spend.EXHAUST)
def test_a_caller_without_a_client_id_has_limits_as_well(judge: Judge) -> None:
    _one_sound_and_no_more(judge, callers.by_user_agent())


@pytest.mark.parametrize(
    "credential", [pytest.param(name, marks=needs(name)) for name in (FREE_JWT, JWT, API_KEY)]
)
@judges("RATE-4", units={"audioWeekly": 2}, requests=3, spend=Spend.EXHAUST)
def test_a_signed_in_user_has_limits_as_well(judge: Judge, credential: str) -> None:
    _one_sound_and_no_more(judge, judge.credential(credential))


def _one_sound_and_no_more(judge: Judge, caller: Caller) -> None:
    before = read_usage(judge, "RATE-4", caller)
    limit, used = before.limit["audioWeekly"], before.used["audioWeekly"]
    if limit is None or limit - used > 1:
        raise NotRun("needs a caller with one unit of audioWeekly left, or none")
    call = CALLS["createSfx"]
    if used < limit:
        judge.served("RATE-4", call_within_limit(judge, call, caller), owner=False)
    refuse_beyond(judge, Spent(caller, "audioWeekly", limit, before), call)
