"""At the limit: what is served up to it, refused beyond it, and left alone by it."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from contract_tests.callers import Caller
from contract_tests.exchange import Exchange
from contract_tests.judge import Judge, NotRun
from contract_tests.marks import judges
from contract_tests.observations import METRIC_OF, PUBLISHED_LIMITS, STREAM
from contract_tests.requests import CALLS, Call
from contract_tests.target import Spend
from contract_tests.usage import METRICS, moved, number, read_usage, settled

# How far a free-tier caller is driven at most; a host with higher limits is not emptied for a test.
FARTHEST = {"cloudChatDaily": 60, "imagesDaily": 30, "videosDaily": 12, "audioWeekly": 6}


def _ask(judge: Judge, call: Call, caller: Caller, *, served: bool) -> Exchange:
    return judge.client.send(
        call.method, call.path, caller, json_body=call.body, lane="paid" if served else "free"
    )


def _calls_on(metric: str) -> list[Call]:
    calls = [CALLS[name] for name, its_metric in METRIC_OF.items() if its_metric == metric]
    return [*calls, STREAM] if metric == "cloudChatDaily" else calls


def _drive_to_limit(judge: Judge, metric: str) -> tuple[Caller, int]:
    """A caller that has just used up `metric`, and its limit. Each call up to the limit must be served."""
    caller = judge.caller()
    before = read_usage(judge, "RATE-4", caller)
    limit = before.limit[metric]
    if limit is None or limit < 0:
        raise NotRun(f"needs a limit: {metric} is unlimited on the free tier")
    if limit == 0:
        raise judge.undecided(
            "RATE-4", f"the limit of {metric} is zero, so nothing is ever served", before.exchange
        )
    if limit > FARTHEST[metric]:
        raise NotRun(f"needs a lower limit: {limit} units of {metric} are more than a test should use")
    calls = _calls_on(metric)
    for turn in range(limit):
        exchange = _patiently(judge, calls[turn % len(calls)], caller)
        if exchange.status == 429:
            raise judge.violation(
                "RATE-4", f"{exchange.title}: refused at call {turn + 1} of {limit}", exchange
            )
        judge.witness("RATE-4", judge.served("RATE-4", exchange))
    return caller, limit


def _patiently(judge: Judge, call: Call, caller: Caller) -> Exchange:
    """The answer to a call within the limit; a host that asks for a little patience gets it once."""
    exchange = _ask(judge, call, caller, served=True)
    patience = exchange.header("retry-after") or ""
    if exchange.status == 429 and patience.isdigit() and 0 < int(patience) <= 5:
        time.sleep(int(patience))
        exchange = _ask(judge, call, caller, served=True)
    return exchange


def _limit_holds(judge: Judge, metric: str) -> Caller:
    """Every call beyond the limit is 429, on every route of the metric, and stays so."""
    caller, limit = _drive_to_limit(judge, metric)
    for call in [*_calls_on(metric), _calls_on(metric)[0]]:
        exchange = _ask(judge, call, caller, served=False)
        if exchange.served:
            raise judge.violation(
                "RATE-4", f"{exchange.title}: served beyond the limit of {limit} {metric}", exchange
            )
        if (exchange.status or 0) >= 500:
            exchange = _once_more(judge, call, caller, exchange)
        else:
            judge.answered("RATE-4", exchange)
        judge.check(
            "RATE-4", exchange.status == 429, f"{exchange.title}: expected 429 beyond the limit", exchange
        )
    return caller


def _once_more(judge: Judge, call: Call, caller: Caller, failed: Exchange) -> Exchange:
    """The answer to the same call again. A failure that stays, right where the limit is and while another
    caller is served, is how this host refuses; any other failure shows nothing."""
    again = _ask(judge, call, caller, served=False)
    other = _ask(judge, call, judge.caller(), served=True)
    if again.status != failed.status or not other.served:
        raise judge.undecided("RATE-4", f"{failed.title}: the host says that it failed", failed, other)
    return again


def _at_limit(judge: Judge, metric: str) -> Caller:
    """The caller at its limit, shared by the tests that look at it."""
    made = judge.once(f"caller without {metric}", lambda: _attempt(lambda: _limit_holds(judge, metric)))
    if isinstance(made, Exception):
        raise made
    return made


def _attempt(work: Callable[[], Caller]) -> Caller | Exception:
    try:
        return work()
    except Exception as problem:
        return problem


SPEND_FOR = {metric: Spend.SAMPLE if metric == "audioWeekly" else Spend.EXHAUST for metric in METRICS}


def _every_metric(requirement: str, *, beside: bool = False) -> pytest.MarkDecorator:
    """One test for each metric. `beside` tells that it costs a unit of every other metric, too."""

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
                    requests=PUBLISHED_LIMITS[metric] + 8,
                    spend=SPEND_FOR[metric],
                ),
            )
            for metric in METRICS
        ],
    )


@_every_metric("RATE-4")
def test_beyond_the_limit_the_answer_is_429_and_stays_so(judge: Judge, metric: str) -> None:
    _at_limit(judge, metric)
    if not judge.witnesses["RATE-4"]:  # Another test has driven the caller there.
        caller = _at_limit(judge, metric)
        judge.refused(
            "RATE-4", _ask(judge, _calls_on(metric)[0], caller, served=False), 429, "a call beyond the limit"
        )


@_every_metric("RATE-2")
def test_a_call_beyond_the_limit_costs_nothing(judge: Judge, metric: str) -> None:
    caller = _stop_for(judge, "RATE-2", metric)
    snapshot = read_usage(judge, "RATE-2", caller)
    limit = snapshot.limit[metric]
    assert limit is not None
    after = settled(judge, "RATE-2", caller, metric, limit)
    exact = after.used[metric] == limit
    judge.check(
        "RATE-2", exact, f"{metric}: used is {after.used[metric]} at a limit of {limit}", after.exchange
    )


@_every_metric("USE-4")
def test_nothing_remains_at_the_limit_and_nothing_less(judge: Judge, metric: str) -> None:
    exchange = judge.get("/usage", _stop_for(judge, "USE-4", metric))
    document = judge.document("USE-4", exchange)
    usage = document.get("usage") if isinstance(document, dict) else None
    entry = usage.get(metric) if isinstance(usage, dict) else None
    remaining = number(entry.get("remaining")) if isinstance(entry, dict) else None
    if remaining is None:
        raise judge.undecided("USE-4", f"/usage does not tell what remains of {metric}", exchange)
    judge.check("USE-4", remaining >= 0, f"{metric}.remaining is {remaining:g} at the limit", exchange)


@_every_metric("RATE-7")
def test_refusals_at_the_limit_do_not_empty_the_counter(judge: Judge, metric: str) -> None:
    caller = _stop_for(judge, "RATE-7", metric)
    snapshot = read_usage(judge, "RATE-7", caller)
    limit = snapshot.limit[metric] or 0
    after = settled(judge, "RATE-7", caller, metric, limit)
    kept = after.used[metric] >= limit
    judge.check("RATE-7", kept, f"{metric} fell to {after.used[metric]} of {limit}", after.exchange)


@pytest.mark.parametrize(
    "metric",
    [
        pytest.param(
            metric,
            marks=judges(
                "RATE-1",
                units={metric: 1},
                shares=[f"limit of {metric}"],
                requests=PUBLISHED_LIMITS[metric] + 8,
                spend=SPEND_FOR[metric],
            ),
        )
        for metric in METRICS
    ],
)
def test_one_caller_at_its_limit_does_not_stop_another(judge: Judge, metric: str) -> None:
    _stop_for(judge, "RATE-1", metric)
    exchange = _ask(judge, _calls_on(metric)[0], judge.caller(), served=True)
    refused = exchange.status == 429
    judge.check("RATE-1", not refused, f"{exchange.title} for a caller that has spent nothing", exchange)
    judge.served("RATE-1", exchange)


@_every_metric("RATE-5", beside=True)
def test_a_metric_that_is_used_up_does_not_stop_another(judge: Judge, metric: str) -> None:
    caller = _stop_for(judge, "RATE-5", metric)
    for other in METRICS:
        if other == metric:
            continue
        exchange = _ask(judge, _calls_on(other)[0], caller, served=True)
        refused = exchange.status == 429
        judge.check("RATE-5", not refused, f"{exchange.title}, although only {metric} is used up", exchange)
        judge.served("RATE-5", exchange)


def _stop_for(judge: Judge, requirement: str, metric: str) -> Caller:
    """The caller at its limit for a test of something else: trouble with the limit itself is RATE-4's."""
    made = judge.once(f"caller without {metric}", lambda: _attempt(lambda: _limit_holds(judge, metric)))
    if isinstance(made, NotRun):
        raise made
    if isinstance(made, Exception):
        raise judge.undecided(requirement, f"no caller could be brought to its limit: {made}")
    return made


@pytest.mark.parametrize(
    "operation",
    [
        pytest.param(
            operation,
            marks=judges("RATE-6", units={METRIC_OF[operation]: 6}, requests=9, spend=Spend.EXHAUST),
        )
        for operation in ("createVideo", "getVideo", "createSfx", "getTts")
    ],
)
def test_calls_at_the_same_time_do_not_pass_the_limit(judge: Judge, operation: str) -> None:
    caller, call = judge.caller(), CALLS[operation]
    metric = METRIC_OF[operation]
    before = read_usage(judge, "RATE-6", caller)
    limit = before.limit[metric]
    if limit is None or not 0 < limit < 6:
        raise NotRun(f"needs a limit of 1 to 5 units of {metric}, not {limit}")
    answers = judge.client.send_together([(call.method, call.path, caller, call.body)] * 6)
    served = [exchange for exchange in answers if exchange.served]
    if not served:
        raise judge.undecided("RATE-6", "none of six calls at the same time was served", answers[0])
    judge.check(
        "RATE-6", len(served) <= limit, f"{len(served)} of 6 calls were served, the limit is {limit}", *served
    )
    after = settled(judge, "RATE-6", caller, metric, before.used[metric] + len(served))
    counted = moved(before, after).get(metric, 0)
    judge.check(
        "RATE-6",
        counted == len(served),
        f"{len(served)} calls were served, {counted} counted",
        after.exchange,
    )
