"""Concurrent calls for the last units that a caller has."""

from __future__ import annotations

import time

import pytest

from lightning_verify.facts import METRIC_OF, METRICS, PRICE_OF, PUBLISHED_LIMITS
from lightning_verify.judging.judge import Judge
from lightning_verify.judging.limits import (
    AT_ONCE,
    FARTHEST,
    MAX_LOST,
    OTHERWISE,
    PAUSES,
    Spent,
    call_within_limit,
    calls_on,
    has_units_left,
    is_passing,
    lets_more_pass,
    refuse_beyond,
    serves_what_is_left,
)
from lightning_verify.judging.observations import CHAT, STREAM, call_observed
from lightning_verify.judging.outcomes import NotRun
from lightning_verify.judging.usage import moved, read_usage, settled
from lightning_verify.requests import callers
from lightning_verify.requests.callers import Caller
from lightning_verify.requests.situations import Situation, at_length
from lightning_verify.requests.valid import CALLS, CONVERSATION, Call
from lightning_verify.run.marks import judges, needs_own_host
from lightning_verify.target import Spend


def _calls(operations: str, form: str | None = None) -> list[Call]:
    """Plain calls of some operations, followed by the first one in a form."""
    names = operations.split()
    return [*(CALLS[name] for name in names), *([Situation("", names[0], form).call] if form else [])]


# By name, who races for what. With client ids limits are looked at elsewhere, so that most callers here have
# none. Of what there is one unit only, the first call of another kind would end the race of all others.
RACES: dict[str, list[Call]] = {
    "videos": _calls("createVideo getVideo", "inputs of a video"),
    "alternate videos": _calls("createAirforceVideo getAirforceVideo", at_length("createAirforceVideo")),
    "images": _calls("createImage getImage", "inputs of an image"),
    "chats": [
        CALLS["createChatCompletion"],
        Call("createChatCompletion", "POST", CHAT, {"messages": CONVERSATION}),
        STREAM,
    ],
    **{
        f"{name}{how}": [call]
        for name, post, get in (("sounds", "createSfx", "getSfx"), ("speech", "createTts", "getTts"))
        for how, call in zip(("", " by GET", ", long"), _calls(f"{post} {get}", at_length(post)), strict=True)
    },
}
BY_CLIENT_ID = {"videos", "sounds", "speech by GET"}


def _raced_for(race: str) -> str:
    return METRIC_OF[RACES[race][0].operation]


# A metric without a race in the table is raced for by its plain calls.
RACES |= {metric: calls_on(metric) for metric in METRICS if metric not in {*map(_raced_for, RACES)}}


def _judges_race(race: str, *, units: int, requests: int) -> pytest.MarkDecorator:
    return judges(
        "RATE-6",
        units={_raced_for(race): units},
        shares=sorted({call.operation for call in RACES[race]}),
        requests=requests,
        spend=Spend.EXHAUST,
    )


@pytest.mark.parametrize(
    "race",
    [
        pytest.param(
            race,
            marks=_judges_race(
                race,
                units=limit + AT_ONCE + 1,
                requests=max(limit - AT_ONCE // 2, 0) + AT_ONCE + 3,
            ),
        )
        for race in RACES
        for limit in [PUBLISHED_LIMITS[_raced_for(race)]]
    ],
)
def test_calls_at_the_same_time_do_not_pass_the_limit(judge: Judge, race: str) -> None:
    caller = judge.caller() if race in BY_CLIENT_ID else callers.by_user_agent()
    race_for(judge, caller, _raced_for(race), RACES[race], AT_ONCE)


# How often a crowd races for all that there is, so that a slip of one call in ten is met.
CROWDS = {"images": 2, "videos": 4}


@pytest.mark.parametrize(
    "race",
    [
        pytest.param(
            race,
            marks=_judges_race(race, units=3 * times * limit, requests=times * (2 * limit + 3)),
        )
        for race, times in CROWDS.items()
        for limit in [PUBLISHED_LIMITS[_raced_for(race)]]
    ],
)
@needs_own_host
def test_a_crowd_does_not_pass_the_limit(judge: Judge, race: str) -> None:
    metric = _raced_for(race)
    for turn in range(CROWDS[race]):
        caller = judge.caller() if turn % 2 else callers.by_user_agent()
        race_for(judge, caller, metric, RACES[race], 2 * PUBLISHED_LIMITS[metric])


# Who says what a call costs.
_PRICES = "(see ID-3, CHAT-11, IMG-6, VID-7, AIR-3, SFX-3 and TTS-3)"


def race_for(judge: Judge, caller: Caller, metric: str, calls: list[Call], at_once: int) -> None:
    """Concurrent calls, with units left for half of them, or for fewer if the limit is lower."""
    plain = calls[0]
    fresh = read_usage(judge, "RATE-6", caller)
    limit = fresh.limit[metric]
    if limit is None or not 0 < limit <= FARTHEST[metric]:
        raise NotRun(f"needs a limit of 1 to {FARTHEST[metric]} units of {metric}, not {limit}")
    left = min(limit, at_once // 2)
    turn = lost = 0
    while turn < limit - left:
        exchange = call_within_limit(judge, plain, caller)
        if is_passing(exchange) and lost < MAX_LOST:
            lost += 1
            continue
        if exchange.status == 429:
            has_units_left(judge, exchange, caller, metric)
        judge.served("RATE-6", exchange, owner=False)
        turn += 1
    before = settled(judge, "RATE-6", caller, metric, limit - left)
    spent = moved(judge, "RATE-6", fresh, before).get(metric, 0)
    charged_too = spent - turn
    if not 0 <= charged_too <= min(lost, left - 1):
        message = f"{turn} calls moved {metric} by {spent}"
        raise judge.undecided("RATE-6", f"{message} {_PRICES}", before.exchange)
    left -= charged_too
    racing = [calls[turn % len(calls)] for turn in range(at_once)]
    for pause in (0.0, *PAUSES):
        time.sleep(pause)
        answers = judge.client.send_together([(c.method, c.path, caller, c.body) for c in racing])
        served = [exchange for exchange in answers if exchange.served and not exchange.failure]
        # A host that limits bursts is asked again when it has calmed down.
        if served or any(exchange.status != 429 for exchange in answers):
            break
    if not served:
        message = f"none of {at_once} calls at the same time was served"
        if at_once > AT_ONCE or any(call in OTHERWISE[metric] for call in calls):
            raise NotRun(f"needs a host that does so many, or this form, at the same time: {message}")
        raise judge.undecided("RATE-6", message, answers[0])
    after = settled(judge, "RATE-6", caller, metric, before.used[metric] + len(served))
    counted = moved(judge, "RATE-6", before, after).get(metric, 0)
    # What an upstream has failed at may be counted or not.
    failed = sum(
        exchange.status is None or exchange.status >= 500 or bool(exchange.failure) for exchange in answers
    )
    if not len(served) <= counted <= len(served) + failed:
        for call in calls:
            alone = call_observed(judge, call)
            price = alone.consumed(judge, "RATE-6").get(metric, 0)
            if alone.call.served and price != 1:
                message = f"{call.operation} costs {price} units by itself (see {PRICE_OF[call.operation]})"
                raise judge.undecided("RATE-6", message, alone.call, after.exchange)
    if not counted:
        message = f"{len(served)} calls moved nothing {_PRICES}"
        raise judge.undecided("RATE-6", message, *served[:1], after.exchange)
    beyond = Spent(caller, metric, limit, before)
    if len(served) > left:
        # A limit that does not stop one call by itself either is not lost by the race.
        refuse_beyond(judge, beyond, plain)
    message = f"{len(served)} of {at_once} calls were served with {left} units left"
    if len(served) > left and lets_more_pass(judge, metric):
        raise judge.undecided("RATE-6", f"{message}, and too many one by one (see RATE-4)", *served)
    judge.check("RATE-6", len(served) <= left, message, *served)
    judge.check(
        "RATE-6",
        len(served) <= counted <= len(served) + failed,
        f"{len(served)} calls were served, {counted} counted",
        after.exchange,
    )
    if after.used[metric] >= limit:
        refuse_beyond(judge, beyond, plain)
    else:
        last = call_within_limit(judge, plain, caller)
        if last.status == 429:
            has_units_left(judge, last, caller, metric)
        serves_what_is_left(judge, last, plain, caller)
