"""What a call costs, whom it costs, and what happens at the limit: relations between answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from contract_tests.callers import Caller
from contract_tests.credentials import FREE_JWT
from contract_tests.exchange import Exchange
from contract_tests.judge import Judge, NotRun
from contract_tests.marks import judges, needs
from contract_tests.observations import (
    CHAT,
    METRIC_OF,
    PUBLISHED_LIMITS,
    STREAM,
    operation_observed,
    stream_observed,
)
from contract_tests.prompts import IMAGE, TOOLS
from contract_tests.requests import CALLS, OVERSIZED, Call, oversized, picture_data_uri, say
from contract_tests.target import Spend
from contract_tests.usage import (
    METRICS,
    Observation,
    Snapshot,
    Unreadable,
    moved,
    observe,
    parse_usage,
    read_usage,
    rolled_over,
)

# The requirement behind the price of each metered operation.
PRICED = {
    "createChatCompletion": "CHAT-11",
    "createImage": "IMG-6",
    "getImage": "IMG-6",
    "createVideo": "VID-7",
    "getVideo": "VID-7",
    "createAirforceVideo": "AIR-3",
    "getAirforceVideo": "AIR-3",
    "createSfx": "SFX-3",
    "getSfx": "SFX-3",
    "createTts": "TTS-3",
    "getTts": "TTS-3",
}
# How far a free-tier caller is driven at most; a host with higher limits is not emptied for a test.
FARTHEST = {"cloudChatDaily": 60, "imagesDaily": 30, "videosDaily": 12, "audioWeekly": 6}


def _costs_one(judge: Judge, requirement: str, observation: Observation) -> None:
    change = observation.consumed(judge, requirement)
    metric = observation.metric
    shown = (observation.before, observation.call, observation.after)
    units = change.pop(metric, 0)
    judge.check(requirement, units == 1, f"the call moved {metric} by {units}, not by 1", *shown)
    judge.check(requirement, not change, f"the call also moved {change}", *shown)


@pytest.mark.parametrize(
    ("requirement", "operation"),
    [
        pytest.param(
            requirement, operation, id=operation, marks=judges(requirement, shares=[operation], requests=3)
        )
        for operation, requirement in PRICED.items()
    ],
)
def test_an_answered_call_costs_one_unit_of_its_metric(
    judge: Judge, requirement: str, operation: str
) -> None:
    _costs_one(judge, requirement, operation_observed(judge, operation))


@judges("CHAT-11", shares=["stream"], requests=3)
def test_a_streamed_chat_costs_one_unit_as_well(judge: Judge) -> None:
    _costs_one(judge, "CHAT-11", stream_observed(judge))


@pytest.mark.parametrize(
    ("requirement", "operation", "more"),
    [
        pytest.param(
            requirement,
            operation,
            more,
            id=f"{operation}-{next(iter(more))}",
            marks=judges(requirement, units={METRIC_OF[operation]: 1}, requests=3),
        )
        for requirement, operation, more in (
            ("CHAT-11", "createChatCompletion", {"tools": TOOLS, "tool_choice": "required"}),
            ("CHAT-11", "createChatCompletion", {"messages": IMAGE[1]}),
            ("IMG-6", "createImage", {"mode": "realistic", "image_urls": [picture_data_uri()]}),
            ("VID-7", "createVideo", {"duration": 10, "ratio": "1:1", "mode": "fun"}),
        )
    ],
)
def test_options_do_not_change_the_price(
    judge: Judge, requirement: str, operation: str, more: dict[str, Any]
) -> None:
    caller, call, metric = judge.caller(), CALLS[operation], METRIC_OF[operation]
    body = {**(call.body or {}), **more}
    _costs_one(
        judge, requirement, observe(judge, caller, metric, lambda: judge.post(call.path, body, caller))
    )


@pytest.mark.parametrize(
    "operation",
    [pytest.param(operation, marks=judges("RATE-4", shares=[operation], requests=3)) for operation in PRICED],
)
def test_a_caller_with_units_left_is_not_429(judge: Judge, operation: str) -> None:
    seen = operation_observed(judge, operation)
    metric = METRIC_OF[operation]
    try:
        before = parse_usage(judge.served("RATE-4", seen.before))
    except Unreadable as problem:
        raise judge.undecided("RATE-4", str(problem), seen.before) from None
    limit = before.limit[metric]
    if seen.call.status == 429 and (limit is None or before.used[metric] < limit):
        message = f"{seen.call.title} with {before.used[metric]} of {limit} {metric} used"
        raise judge.violation("RATE-4", message, seen.before, seen.call)
    judge.witness("RATE-4", judge.served("RATE-4", seen.call))


@judges("CHAT-11", units={"cloudChatDaily": 2}, requests=4)
def test_the_same_prompt_twice_costs_two_units(judge: Judge) -> None:
    caller = judge.caller()
    before = read_usage(judge, "CHAT-11", caller)
    for _ in range(2):
        exchange = judge.served("CHAT-11", judge.post(CHAT, say("Say hello."), caller))
    after = _settled(judge, "CHAT-11", caller, "cloudChatDaily", before.used["cloudChatDaily"] + 2)
    change = moved(before, after)
    judge.check(
        "CHAT-11", change == {"cloudChatDaily": 2}, f"two chats moved {change}", exchange, after.exchange
    )


@pytest.mark.parametrize(
    "operation",
    [
        pytest.param(operation, marks=judges("RATE-1", shares=[operation], requests=4))
        for operation in ("createChatCompletion", "createImage", "createVideo", "createSfx")
    ],
)
def test_what_one_caller_spends_is_not_counted_for_another(judge: Judge, operation: str) -> None:
    spent = operation_observed(judge, operation)
    judge.served("RATE-1", spent.call)
    other = read_usage(judge, "RATE-1", judge.caller())
    counted = {metric: used for metric, used in other.used.items() if used}
    judge.check("RATE-1", not counted, f"a new caller already has {counted}", spent.call, other.exchange)


@pytest.mark.parametrize(
    "operation",
    [
        pytest.param(operation, marks=judges("RATE-7", shares=[operation], requests=6))
        for operation in ("createChatCompletion", "createImage", "createVideo", "createSfx")
    ],
)
def test_what_is_counted_stays_counted(judge: Judge, operation: str) -> None:
    spent = operation_observed(judge, operation)
    change = spent.consumed(judge, "RATE-7")
    if not change:
        raise judge.undecided("RATE-7", "nothing was counted that could be forgotten", spent.after)
    read_usage(judge, "RATE-7", judge.caller())  # Another caller, as there are on any host.
    for moment in ("at once", "after a while"):
        if moment == "after a while":
            judge.once("a while", lambda: time.sleep(A_WHILE))
        later = read_usage(judge, "RATE-7", spent.caller)
        if later.window != parse_usage(spent.after).window:
            raise judge.undecided(
                "RATE-7", "a window of the counters ended during the measurement", later.exchange
            )
        kept = later.used[spent.metric] >= change.get(spent.metric, 0)
        message = f"{spent.metric} fell to {later.used[spent.metric]} within its window"
        judge.check("RATE-7", kept, message, spent.after, later.exchange)


# --- what costs nothing ---------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", [name for name in PRICED if CALLS[name].method == "POST"])
@judges("RATE-2", requests=6)
def test_a_refused_call_costs_nothing(judge: Judge, operation: str) -> None:
    caller, call = judge.caller(), CALLS[operation]
    before = read_usage(judge, "RATE-2", caller)
    bad_bearer = judge.forged("garbled", "not-a-token-at-all").also(**dict(caller.headers))
    bad_bearer = bad_bearer.also(Authorization="Bearer not-a-token-at-all")
    refusals = [
        judge.post(call.path, {"nothing": "asked"}, caller, lane="free"),
        judge.client.send("POST", call.path, caller, body=b"{broken", lane="free"),
        judge.post(call.path, call.body, bad_bearer, lane="free"),
        judge.post(call.path, oversized(operation, OVERSIZED[0]), caller, lane="free"),
    ]
    if any(exchange.status is None or exchange.served for exchange in refusals):
        raise judge.undecided(
            "RATE-2", "a request that should be refused was not (see FAIL-1, FAIL-2 and AUTH-4)", *refusals
        )
    _stands_still(judge, caller, before, refusals)


def _stands_still(judge: Judge, caller: Caller, before: Snapshot, calls: list[Exchange]) -> None:
    """The counters of `caller` have not moved, and will not once they have settled."""
    # A host whose counters lag gets the time that it took before.
    time.sleep(min(judge.settle, judge.shared.get("lag", 0.0) * 1.5))
    after = read_usage(judge, "RATE-2", caller)
    if rolled_over(before, after):
        raise judge.undecided(
            "RATE-2", "a window of the counters ended during the measurement", after.exchange
        )
    change = moved(before, after)
    judge.check("RATE-2", not change, f"refused calls moved {change}", *calls[-1:], after.exchange)


@judges("RATE-3", requests=12)
def test_reading_costs_nothing(judge: Judge) -> None:
    caller = judge.caller()
    before = read_usage(judge, "RATE-3", caller)
    for path in (
        "/usage",
        "/tier-config",
        "/tiers",
        "/models",
        "/status",
        "/subscription",
        "/asset-cdn/assets/none",
    ):
        judge.get(path, caller)
    for capability in ("image", "video", "sfx", "text"):
        judge.client.send("HEAD", f"/status/{capability}", caller)
    after = read_usage(judge, "RATE-3", caller)
    if rolled_over(before, after):
        raise judge.undecided(
            "RATE-3", "a window of the counters ended during the measurement", after.exchange
        )
    change = moved(before, after)
    judge.check("RATE-3", not change, f"reading moved {change}", before.exchange, after.exchange)


@judges("RATE-3", requests=8)
@needs(FREE_JWT)
def test_reading_an_account_costs_nothing(judge: Judge) -> None:
    account = judge.credential(FREE_JWT)

    def read() -> None:
        for path in ("/subscription", "/usage", "/tier-config", "/tiers", "/models", "/status"):
            judge.served("RATE-3", judge.get(path, account))

    _leaves_alone(judge, "RATE-3", account, read, "reading")


@judges("RATE-1", units={"cloudChatDaily": 3}, requests=9)
@needs(FREE_JWT)
def test_what_a_guest_spends_is_not_counted_for_an_account(judge: Judge) -> None:
    def spend() -> None:
        judge.served("RATE-1", judge.post(CHAT, say("Say hello."), judge.caller()))

    _leaves_alone(judge, "RATE-1", judge.credential(FREE_JWT), spend, "a guest's chat")


def _leaves_alone(
    judge: Judge, requirement: str, account: Caller, action: Callable[[], None], what: str
) -> None:
    """`action` does not move the counters of an account. Others may spend there at the same moment, so only
    a movement that comes with every one of three actions is held against the host."""
    for _ in range(3):
        before = read_usage(judge, requirement, account)
        action()
        after = read_usage(judge, requirement, account)
        if rolled_over(before, after):
            raise judge.undecided(requirement, "a window of the counters ended meanwhile", after.exchange)
        change = moved(before, after)
        if not change:
            judge.witness(requirement, after.exchange)
            return
    raise judge.violation(requirement, f"{what} moved {change} of an account, three times", after.exchange)


@judges("ASM-5", requests=3)
def test_prompt_analysis_costs_nothing(judge: Judge) -> None:
    caller = judge.caller()
    before = read_usage(judge, "ASM-5", caller)
    call = CALLS["analyzePrompt"]
    exchange = judge.served("ASM-5", judge.post(call.path, call.body, caller))
    after = read_usage(judge, "ASM-5", caller)
    change = moved(before, after)
    judge.check("ASM-5", not change, f"an analysis moved {change}", exchange, after.exchange)


# --- at the limit ---------------------------------------------------------------------------------------


def _settled(judge: Judge, requirement: str, caller: Caller, metric: str, used: int) -> Snapshot:
    """The counters once `used` units of `metric` are counted, or when their time to settle is over."""
    deadline = time.monotonic() + judge.settle
    while True:
        after = read_usage(judge, requirement, caller)
        if after.used[metric] >= used or time.monotonic() > deadline:
            return after
        time.sleep(0.25)


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
    for number in range(limit):
        exchange = _patiently(judge, calls[number % len(calls)], caller)
        if exchange.status == 429:
            raise judge.violation(
                "RATE-4", f"{exchange.title}: refused at call {number + 1} of {limit}", exchange
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
        judge.answered("RATE-4", exchange)
        if exchange.status == 500:
            raise judge.undecided("RATE-4", f"{exchange.title}: the host says that it failed", exchange)
        judge.check(
            "RATE-4", exchange.status == 429, f"{exchange.title}: expected 429 beyond the limit", exchange
        )
    return caller


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


A_WHILE = 1.2
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
    after = _settled(judge, "RATE-2", caller, metric, limit)
    exact = after.used[metric] == limit
    judge.check(
        "RATE-2", exact, f"{metric}: used is {after.used[metric]} at a limit of {limit}", after.exchange
    )


@_every_metric("RATE-7")
def test_refusals_at_the_limit_do_not_empty_the_counter(judge: Judge, metric: str) -> None:
    caller = _stop_for(judge, "RATE-7", metric)
    snapshot = read_usage(judge, "RATE-7", caller)
    limit = snapshot.limit[metric] or 0
    after = _settled(judge, "RATE-7", caller, metric, limit)
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
    after = _settled(judge, "RATE-6", caller, metric, before.used[metric] + len(served))
    counted = moved(before, after).get(metric, 0)
    judge.check(
        "RATE-6",
        counted == len(served),
        f"{len(served)} calls were served, {counted} counted",
        after.exchange,
    )
