"""How requests fail: invalid ones, oversized ones, and what an error looks like."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from lightning_verify.facts import METRIC_OF, OWNER_OF
from lightning_verify.judging.judge import Judge, NotRun
from lightning_verify.judging.observations import CHAT, operation_observed
from lightning_verify.requests.credentials import JWT
from lightning_verify.requests.invalid import broken_json
from lightning_verify.requests.valid import CALLS, OVERSIZED, oversized, say
from lightning_verify.run.marks import judges, needs
from lightning_verify.target import Spend
from lightning_verify.transport.exchange import Exchange, NotJson

POSTS = [name for name, call in CALLS.items() if call.method == "POST"]


@pytest.mark.parametrize("operation", POSTS)
@judges("FAIL-1", requests=14)
def test_a_body_that_is_no_json_object_is_400(judge: Judge, operation: str) -> None:
    call = CALLS[operation]
    for body in judge.drawn(broken_json(call.body or {}), judge.examples, len(operation)):
        exchange = judge.client.send("POST", call.path, judge.caller(), body=body, lane="free")
        judge.refused("FAIL-1", exchange, 400, f"the body {body[:60]!r}")


@pytest.mark.parametrize("operation", POSTS)
@judges("FAIL-2", requests=2)
def test_an_oversized_prompt_is_413(judge: Judge, operation: str) -> None:
    path = CALLS[operation].path
    size, exchange = _oversized(judge, path, lambda size: oversized(operation, size))
    judge.refused("FAIL-2", exchange, 413, f"a prompt of {size:,} characters")


def _oversized(judge: Judge, path: str, body: Callable[[int], dict[str, Any]]) -> tuple[int, Exchange]:
    """The answer to a prompt that is too large. A host may be configured to take the first size, and its
    upstream fail at it; nobody takes the second, and where nothing may be spent only that one is tried."""
    size, again = OVERSIZED
    if judge.spend is not Spend.NONE:
        exchange = judge.post(path, body(size), lane="free")
        if not exchange.served and (exchange.status or 0) < 500:
            return size, exchange
    return again, judge.post(path, body(again), lane="free")


def _in_messages(size: int) -> dict[str, Any]:
    turns = [{"role": role, "content": "word " * (size // 100)} for role in ("user", "assistant") * 10]
    return {"messages": [*turns, {"role": "user", "content": "Go on."}]}


def _in_parts(size: int) -> dict[str, Any]:
    parts = [{"type": "text", "text": "word " * (size // 25)} for _ in range(5)]
    return {"messages": [{"role": "user", "content": parts}]}


def _streamed(size: int) -> dict[str, Any]:
    return {**oversized("createChatCompletion", size), "stream": True}


@judges("FAIL-2", requests=2)
@pytest.mark.parametrize("body", [_in_messages, _in_parts, _streamed])
def test_an_oversized_chat_is_413_however_it_is_said(
    judge: Judge, body: Callable[[int], dict[str, Any]]
) -> None:
    size, exchange = _oversized(judge, CHAT, body)
    judge.refused("FAIL-2", exchange, 413, f"{size:,} characters{body.__name__.replace('_', ' ')}")


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
    size = 32_769 if operation in {"createChatCompletion", "analyzePrompt"} else 2_049
    exchange = judge.post(CALLS[operation].path, oversized(operation, size))
    judge.refused("OBS-3", exchange, 413, f"a prompt of {size:,} characters")


LOOKS = 2
# Values of a wrong kind that one host may serve and another refuse; none of them is a reason to fall over.
# What is of the right kind and only empty is not here: a host may leave that to its upstream, which may fail.
ODD: dict[str, list[dict[str, Any]]] = {
    "createChatCompletion": [say("Say hello.", stream="true"), {"messages": [5]}],
    "createImage": [{"prompt": 5}, {"prompt": "x", "image_urls": "text"}, {"prompt": "x", "mode": 7}],
    "createVideo": [{"prompt": 5}, {"prompt": "x", "image_urls": "text"}, {"prompt": "x", "duration": "5"}],
    "createAirforceVideo": [{"prompt": 5}],
    "createSfx": [{"prompt": 5}],
    "createTts": [{"prompt": 5}],
    "analyzePrompt": [{"prompt": [5]}],
}


@pytest.mark.parametrize(
    "operation",
    [
        pytest.param(
            name,
            marks=judges(
                "FAIL-1",
                units={METRIC_OF[name]: len(bodies) + LOOKS} if name in METRIC_OF else {},
                requests=len(bodies) + 2 * LOOKS,
            ),
        )
        for name, bodies in ODD.items()
    ],
)
def test_an_odd_value_does_not_break_the_server(judge: Judge, operation: str) -> None:
    call = CALLS[operation]
    for body in ODD[operation]:
        exchange = judge.post(call.path, body)
        judge.answered("FAIL-1", exchange)
        broken = exchange.status == 500 and _breaks(judge, operation, body)
        judge.check(
            "FAIL-1", not broken, f"{exchange.title}: {json.dumps(body)[:80]} broke the server", exchange
        )


def _breaks(judge: Judge, operation: str, body: dict[str, Any]) -> bool:
    """Whether it is this body that the host fails at: again and again, and not at the simplest refusal. One
    failure may be an upstream's, to which a lenient host has sent it."""
    call = CALLS[operation]
    for _ in range(LOOKS):
        plain = judge.post(call.path, {"nothing": "asked"}, lane="free")
        if plain.status == 500:
            raise judge.undecided("FAIL-1", f"{plain.title}: the host fails at anything", plain)
        if judge.post(call.path, body).status != 500:
            return False
    return True


@pytest.mark.parametrize(
    "operation",
    [
        pytest.param(operation, marks=judges(OWNER_OF[operation], requests=1))
        for operation in [*METRIC_OF, "analyzePrompt"]
    ],
)
def test_a_documented_route_is_there(judge: Judge, operation: str) -> None:
    # Asked for in a way that has to be refused, so that it costs nothing to know.
    call, requirement = CALLS[operation], OWNER_OF[operation]
    if call.method == "POST":
        exchange = judge.post(call.path, {"nothing": "asked"}, lane="free")
    else:
        bad = judge.forged("garbled", "not-a-token-for-this")
        exchange = judge.client.send("GET", call.path, bad, lane="free")
    judge.answered(requirement, exchange)
    if exchange.status in {404, 405}:
        raise judge.violation(requirement, f"{exchange.title}: documented but not offered", exchange)
    # That it is there is no witness for what it gives.
    raise NotRun("needs --spend sample: this shows only that the route is there")


# --- JSON in, JSON out ----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/usage", "/tier-config", "/tiers", "/models", "/status"])
@judges("HDR-1", requests=2)
def test_a_json_endpoint_says_that_it_is_json(judge: Judge, path: str) -> None:
    _says_json(judge, judge.get(path))


@judges("HDR-1", requests=1)
@needs(JWT)
def test_the_subscription_view_says_that_it_is_json(judge: Judge) -> None:
    exchange = judge.get("/subscription", judge.credential(JWT))
    if exchange.served:
        _says_json(judge, exchange)
    else:
        judge.served("HDR-1", exchange, owner=False)


@judges("HDR-1", shares=["createChatCompletion"], requests=3)
def test_a_plain_completion_says_that_it_is_json(judge: Judge) -> None:
    _says_json(judge, operation_observed(judge, "createChatCompletion").call)


def _says_json(judge: Judge, exchange: Exchange) -> None:
    if exchange.status == 406:
        raise judge.violation("HDR-1", f"{exchange.title} to a client that accepts JSON", exchange)
    judge.served("HDR-1", exchange, owner=False)
    kind = exchange.media_type
    is_json = kind == "application/json" or kind.endswith("+json")
    judge.check("HDR-1", is_json, f"{exchange.title}: the content type is {kind or 'missing'!r}", exchange)
    judge.document("HDR-1", exchange)


# --- what clients rely on, and what we assume -----------------------------------------------------------


def _refusals(judge: Judge) -> list[Exchange]:
    """One refusal of each kind that costs nothing."""

    def make() -> list[Exchange]:
        bad = judge.forged("garbled", "not-a-token-whatsoever")
        return [
            judge.post(CHAT, {"nothing": "asked"}, lane="free"),
            judge.post(CHAT, say("Say hello."), bad, lane="free"),
            judge.get("/usage", bad),
            judge.post(CALLS["createImage"].path, {}, lane="free"),
            judge.post(CALLS["createImage"].path, oversized("createImage", OVERSIZED[1]), lane="free"),
        ]

    return judge.once("refusals", make)


@judges("OBS-2", requests=5)
def test_a_refusal_can_be_read_by_clients(judge: Judge) -> None:
    for exchange in _refusals(judge):
        judge.able("OBS-2", exchange)
        try:
            body = exchange.json()
        except NotJson as problem:
            raise judge.violation("OBS-2", f"{exchange.title}: {problem}", exchange) from None
        error = body.get("error") if isinstance(body, dict) else None
        told = isinstance(body, dict) and (
            isinstance(body.get("detail"), str)
            or isinstance(error, str)
            or (isinstance(error, dict) and isinstance(error.get("message"), str))
        )
        judge.check("OBS-2", told, f"{exchange.title}: {json.dumps(body)[:120]}", exchange)


@judges("ASM-12", requests=5)
def test_a_refusal_leaks_nothing(judge: Judge) -> None:
    for exchange in _refusals(judge):
        judge.answered("ASM-12", exchange)
        # A path as a traceback has it, bare and as it stands in JSON.
        for leak in (
            "Traceback (most recent call last)",
            'File "/',
            r"File \"/",
            "not-a-token-whatsoever",
        ):
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


@judges("OBS-11", requests=3)
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
