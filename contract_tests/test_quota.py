"""What a call costs, and whom: relations between an answer and the counters before and after it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from contract_tests.callers import Caller
from contract_tests.credentials import FREE_JWT
from contract_tests.exchange import Exchange
from contract_tests.judge import Judge
from contract_tests.marks import judges, needs
from contract_tests.observations import (
    CHAT,
    METRIC_OF,
    operation_observed,
    stream_observed,
)
from contract_tests.prompts import IMAGE, TOOLS
from contract_tests.requests import CALLS, OVERSIZED, oversized, picture_base64, picture_data_uri, say
from contract_tests.usage import (
    Observation,
    Snapshot,
    Unreadable,
    moved,
    observe,
    parse_usage,
    read_usage,
    rolled_over,
    settled,
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

# Seconds in which a counter that forgets would have forgotten.
A_WHILE = 1.2


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
            ("VID-7", "createVideo", {"image_urls": [picture_base64()]}),
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
    after = settled(judge, "CHAT-11", caller, "cloudChatDaily", before.used["cloudChatDaily"] + 2)
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


@judges("RATE-3", requests=16)
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
