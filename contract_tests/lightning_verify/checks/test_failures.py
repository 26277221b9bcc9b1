"""How requests fail: invalid ones, oversized ones, and what an error looks like."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from lightning_verify.facts import METRIC_OF, OWNER_OF, SPEC
from lightning_verify.judging.judge import Judge
from lightning_verify.judging.observations import (
    BAD_BEARER,
    BROKEN,
    CATALOGUE,
    CHAT,
    MODELS,
    NOT_A_TOKEN,
    NOTHING,
    STATUS,
    SUBSCRIPTION,
    TIERS,
    USAGE,
    answer_to,
    bad_bearers,
    bearers_tried_on,
    enough,
    refusal,
    refusals_made,
    refused_call,
    shown,
    shown_to,
    size_to_refuse,
    with_bad_bearer,
)
from lightning_verify.judging.outcomes import NotRun
from lightning_verify.judging.probes import ask_past_losses
from lightning_verify.laws.every_answer import TRACES
from lightning_verify.laws.table import LAWS
from lightning_verify.requests import callers
from lightning_verify.requests.callers import Caller
from lightning_verify.requests.credentials import JWT
from lightning_verify.requests.invalid import NO_OBJECT, broken_json
from lightning_verify.requests.refusals import TOO_LARGE
from lightning_verify.requests.valid import CALLS, POSTS, oversized, picture_data_uri, say
from lightning_verify.run.marks import judges, needs, needs_own_host
from lightning_verify.target import Spend
from lightning_verify.transport.exchange import NOT_OFFERED, Exchange

# Where examples are few, an operation meets so many broken bodies beside the one that all tests share.
FEW = 2


def _number_of_broken_bodies(examples: int) -> int:
    return enough(examples, max(FEW, examples // 2))


def _broken_bodies(judge: Judge, operation: str) -> list[bytes]:
    count = _number_of_broken_bodies(judge.examples)
    if count > FEW:
        return judge.drawn(broken_json(CALLS[operation].body or {}), count, len(operation))
    # Few for each operation, and every kind in all.
    turn = judge.seed + POSTS.index(operation) * FEW
    return [NO_OBJECT[(turn + each) % len(NO_OBJECT)] for each in range(FEW)]


@pytest.mark.parametrize(
    "operation",
    [
        pytest.param(
            name,
            marks=judges(
                "FAIL-1",
                shares=[refusal(name, BROKEN)],
                requests=lambda means: _number_of_broken_bodies(means.examples),
            ),
        )
        for name in POSTS
    ],
)
def test_a_body_that_is_no_json_object_is_400(judge: Judge, operation: str) -> None:
    call = CALLS[operation]
    judge.refused("FAIL-1", refused_call(judge, operation, BROKEN), 400, "broken JSON")
    for body in _broken_bodies(judge, operation):
        exchange = judge.client.send("POST", call.path, judge.caller(), body=body, lane="free")
        judge.refused("FAIL-1", exchange, 400, f"the body {body[:60]!r}")


@pytest.mark.parametrize(
    "operation",
    [pytest.param(name, marks=judges("FAIL-2", shares=[refusal(name, TOO_LARGE)])) for name in POSTS],
)
def test_an_oversized_prompt_is_413(judge: Judge, operation: str) -> None:
    size = size_to_refuse(judge, operation)
    exchange = refused_call(judge, operation, TOO_LARGE)
    judge.refused("FAIL-2", exchange, 413, f"a prompt of {size:,} characters")


@pytest.mark.parametrize("operation", [name for name in POSTS if name in METRIC_OF])
@judges("FAIL-2", requests=1)
def test_what_is_beyond_reason_is_413_where_nothing_may_be_spent(judge: Judge, operation: str) -> None:
    if judge.spend is not Spend.NONE:
        raise NotRun("needs a free run; others look for the size that is refused")
    test_an_oversized_prompt_is_413(judge, operation)


@judges("FAIL-2", shares=[refusal("createChatCompletion", TOO_LARGE)], requests=1, spend=Spend.SAMPLE)
@pytest.mark.parametrize(
    ("place", "stream"),
    # A host that measures no stream is seen by any of them; one that measures the last message alone, by one.
    [("in many messages", False), ("in parts", False), ("in many messages", True)],
)
# Named as a parameter, so that tests that run at once know which operation this may surprise.
@pytest.mark.parametrize("path", [CHAT])
def test_an_oversized_chat_is_413_however_it_is_said(
    judge: Judge, path: str, place: str, stream: bool
) -> None:
    size = size_to_refuse(judge, "createChatCompletion")
    body = {**oversized("createChatCompletion", size, place), "stream": stream}
    exchange = judge.post(path, body, lane="free")
    judge.refused("FAIL-2", exchange, 413, f"{size:,} characters {place}{', streamed' * stream}")


@pytest.mark.parametrize(
    "operation",
    [
        pytest.param(
            name, marks=judges("OBS-3", units={METRIC_OF[name]: 1} if name in METRIC_OF else {}, requests=1)
        )
        for name in POSTS
    ],
)
def test_the_published_sizes_are_the_limits(judge: Judge, operation: str) -> None:
    # The document leaves the sizes to configuration: a host with other ones serves this, and charges for it.
    limit = SPEC.operations[operation].text_limit
    assert limit is not None, f"{operation} has a limit"
    size = limit.characters + 1
    exchange = judge.post(CALLS[operation].path, oversized(operation, size))
    judge.refused("OBS-3", exchange, 413, f"a prompt of {size:,} characters")


# Values of a wrong kind that one host may serve and another refuse; none of them is a reason to fall over.
# What is of the right kind and only empty is not here: a host may leave that to its upstream, which may fail.
ODD: dict[str, list[dict[str, Any]]] = {
    **{name: [dict.fromkeys(CALLS[name].body or {}, 5)] for name in POSTS},
    "createChatCompletion": [say("Say hello.", stream="true"), {"messages": [5]}],
    "createImage": [
        {"prompt": 5},
        {"prompt": 5, "image_urls": [picture_data_uri()]},
        {"prompt": "x", "image_urls": "text"},
        {"prompt": "x", "mode": 7},
    ],
    "createVideo": [
        {"prompt": 5},
        {"prompt": 5, "image_urls": [picture_data_uri()]},
        {"prompt": "x", "image_urls": "text"},
        {"prompt": "x", "duration": "5"},
    ],
    "analyzePrompt": [{"prompt": [5]}],
    "createImages": [{"prompt": 5}, {"prompt": "x", "n": "two"}, {"prompt": "x", "response_format": 7}],
    "createVideos": [{"prompt": 5}, {"prompt": "x", "duration": "5"}],
}


def _odd(spend: Spend | None = None) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "operation",
        [
            pytest.param(
                name,
                marks=judges(
                    "FAIL-1",
                    units={METRIC_OF[name]: len(bodies)} if name in METRIC_OF else {},
                    requests=len(bodies),
                    spend=spend,
                ),
            )
            for name, bodies in ODD.items()
            if name in CALLS
        ],
    )


@_odd()
def test_an_odd_value_does_not_break_the_server(judge: Judge, operation: str) -> None:
    _bears_what_is_odd(judge, operation, judge.caller)


@_odd(Spend.EXHAUST)
@needs_own_host
def test_an_odd_value_from_an_address_does_not_break_the_server(judge: Judge, operation: str) -> None:
    _bears_what_is_odd(judge, operation, callers.by_user_agent)


def _bears_what_is_odd(judge: Judge, operation: str, caller: Callable[[], Caller]) -> None:
    call = CALLS[operation]

    def ask(body: Any) -> Exchange:
        return judge.post(call.path, body, caller())

    for body in ODD[operation]:
        again, plain = partial(ask, body), partial(ask, call.body)
        judge.survives("FAIL-1", ask_past_losses(again), again, plain, json.dumps(body)[:80])


@pytest.mark.parametrize(
    "operation",
    [
        pytest.param(
            operation,
            marks=judges(
                OWNER_OF[operation],
                shares=[refusal(operation, NOTHING) if operation in POSTS else bearers_tried_on(operation)],
            ),
        )
        for operation in [*METRIC_OF, "analyzePrompt"]
    ],
)
def test_a_documented_route_is_there(judge: Judge, operation: str) -> None:
    # Asked for in a way that has to be refused, so that it costs nothing to know.
    requirement = OWNER_OF[operation]
    if operation in POSTS:
        exchange = refused_call(judge, operation, NOTHING)
    else:
        exchange = _refused_bearer(judge, operation)
    judge.answered(requirement, exchange)
    if exchange.status in NOT_OFFERED:
        raise judge.violation(requirement, f"{exchange.title}: documented but not offered", exchange)
    # That it is there is no witness for what it gives.
    raise NotRun("needs --spend sample: this shows only that the route is there")


def _refused_bearer(judge: Judge, operation: str) -> Exchange:
    kind, token = next(iter(bad_bearers(judge, operation).items()))
    return with_bad_bearer(judge, operation, kind, token)


# --- JSON in, JSON out ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=judges("HDR-1", shares=[path]))
        for path in (USAGE, CATALOGUE, TIERS, MODELS, STATUS)
    ],
)
def test_a_json_endpoint_says_that_it_is_json(judge: Judge, path: str) -> None:
    _says_json(judge, shown(judge, path))


@judges("HDR-1", shares=[shown_to(JWT, SUBSCRIPTION)])
@needs(JWT)
def test_the_subscription_view_says_that_it_is_json(judge: Judge) -> None:
    exchange = shown(judge, SUBSCRIPTION, JWT)
    if exchange.served:
        _says_json(judge, exchange)
    else:
        judge.served("HDR-1", exchange, owner=False)


@judges("HDR-1", shares=["createChatCompletion"])
def test_a_plain_completion_says_that_it_is_json(judge: Judge) -> None:
    _says_json(judge, answer_to(judge, CALLS["createChatCompletion"]))


def _says_json(judge: Judge, exchange: Exchange) -> None:
    if exchange.status == 406:
        raise judge.violation("HDR-1", f"{exchange.title} to a client that accepts JSON", exchange)
    judge.served("HDR-1", exchange, owner=False)
    judge.keeps("HDR-1", exchange)
    judge.document("HDR-1", exchange)


# --- what clients rely on, and what we assume -----------------------------------------------------------


REFUSALS = (
    *(("createChatCompletion", kind) for kind in (NOTHING, BAD_BEARER)),
    ("createImage", NOTHING),
    ("analyzePrompt", TOO_LARGE),
)
SHARED_REFUSALS = [*(refusal(*each) for each in REFUSALS), bearers_tried_on("getUsage")]


def _refusals(judge: Judge) -> list[Exchange]:
    """One refusal of each kind that costs nothing."""
    made = [each for each in REFUSALS if each[1] in refusals_made(judge, each[0])]
    return [*(refused_call(judge, *each) for each in made), _refused_bearer(judge, "getUsage")]


@judges("OBS-2", shares=SHARED_REFUSALS)
def test_a_refusal_can_be_read_by_clients(judge: Judge) -> None:
    for exchange in _refusals(judge):
        judge.able("OBS-2", exchange)
        if LAWS["OBS-2"].wrong(exchange) is not None:
            judge.keeps("OBS-2", exchange)


@judges("ASM-12", shares=SHARED_REFUSALS)
def test_a_refusal_leaks_nothing(judge: Judge) -> None:
    for exchange in _refusals(judge):
        judge.answered("ASM-12", exchange)
        for leak in (*TRACES, NOT_A_TOKEN):
            judge.check(
                "ASM-12", leak not in exchange.text, f"{exchange.title}: the answer shows {leak!r}", exchange
            )


@judges("ASM-13", requests=2)
def test_unknown_paths_and_methods_are_refused_in_json(judge: Judge) -> None:
    missing = judge.client.send("GET", "/no-such-path", judge.caller())
    judge.able("ASM-13", missing)
    judge.check(
        "ASM-13", missing.status == 404 and missing.media_type == "application/json", missing.title, missing
    )
    wrong = judge.client.send("DELETE", "/usage", judge.caller())
    judge.able("ASM-13", wrong)
    good = wrong.status == 405 and wrong.media_type == "application/json" and bool(wrong.header("allow"))
    judge.check("ASM-13", good, wrong.title, wrong)


@judges("OBS-11", requests=2)
def test_browsers_of_any_origin_may_call(judge: Judge) -> None:
    asked = {
        "Origin": "null",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,x-client-id",
    }
    preflight = judge.client.send("OPTIONS", CHAT, judge.caller(), headers=asked)
    judge.able("OBS-11", preflight)
    allowed = (preflight.header("access-control-allow-headers") or "").lower()
    fine = preflight.served and (allowed == "*" or "x-client-id" in allowed)
    judge.check("OBS-11", fine, f"{preflight.title}: allows {allowed!r}", preflight)
    answer = judge.get("/usage", headers={"Origin": "null"})
    judge.able("OBS-11", answer)
    judge.check(
        "OBS-11", bool(answer.header("access-control-allow-origin")), f"{answer.title}: no CORS", answer
    )


@judges("ASM-16", requests=1)
def test_a_body_beyond_32_mib_is_413(judge: Judge) -> None:
    if not judge.target.is_loopback:
        raise judge.undecided("ASM-16", "a body this large is not sent to a remote host")
    body = b'{"prompt": "' + b"x" * (33 * 1024 * 1024) + b'"}'
    exchange = judge.client.send("POST", CALLS["createImage"].path, judge.caller(), body=body, lane="free")
    judge.refused("ASM-16", exchange, 413, "a body of 33 MiB")
