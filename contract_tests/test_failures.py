"""How requests fail: invalid ones, oversized ones, and what an error looks like."""

from __future__ import annotations

import json
from typing import Any

import pytest

from contract_tests.exchange import Exchange, NotJson
from contract_tests.judge import Judge
from contract_tests.marks import judges
from contract_tests.observations import CHAT, METRIC_OF, operation_observed
from contract_tests.requests import CALLS, OVERSIZED, oversized, say
from contract_tests.strategies import broken_json, sample

POSTS = [name for name, call in CALLS.items() if call.method == "POST"]


@pytest.mark.parametrize("operation", POSTS)
@judges("FAIL-1", requests=14)
def test_a_body_that_is_no_json_object_is_400(judge: Judge, operation: str) -> None:
    call = CALLS[operation]
    for body in sample(broken_json(call.body or {}), judge.examples, len(operation)):
        exchange = judge.client.send("POST", call.path, judge.caller(), body=body, lane="free")
        judge.refused("FAIL-1", exchange, 400, f"the body {body[:60]!r}")


@pytest.mark.parametrize("operation", POSTS)
@judges("FAIL-2", requests=2)
def test_an_oversized_prompt_is_413(judge: Judge, operation: str) -> None:
    call = CALLS[operation]
    for size in OVERSIZED:
        exchange = judge.post(call.path, oversized(operation, size), lane="free")
        if not exchange.served:
            break  # A host may be configured to take the first size, not the second.
    judge.refused("FAIL-2", exchange, 413, f"a prompt of {size:,} characters")


@judges("OBS-3", requests=8)
@pytest.mark.parametrize("operation", POSTS)
def test_the_published_sizes_are_the_limits(judge: Judge, operation: str) -> None:
    size = 32_769 if operation in {"createChatCompletion", "analyzePrompt"} else 2_049
    exchange = judge.post(CALLS[operation].path, oversized(operation, size), lane="free")
    judge.refused("OBS-3", exchange, 413, f"a prompt of {size:,} characters")


# Values that one host may serve and another refuse; none of them is a reason to fall over.
ODD: dict[str, list[dict[str, Any]]] = {
    "createChatCompletion": [say("Say hello.", stream="true"), {"messages": []}, say("")],
    "createImage": [{"prompt": 5}, {"prompt": "x", "image_urls": "text"}, {"prompt": "x", "mode": 7}],
    "createVideo": [{"prompt": 5}, {"prompt": "x", "image_urls": "text"}, {"prompt": "x", "duration": "5"}],
    "createAirforceVideo": [{"prompt": 5}],
    "createSfx": [{"prompt": 5}],
    "createTts": [{"prompt": 5}],
    "analyzePrompt": [{"prompt": []}],
}


@pytest.mark.parametrize(
    "operation",
    [
        pytest.param(
            name,
            marks=judges(
                "FAIL-1",
                units={METRIC_OF[name]: len(bodies)} if name in METRIC_OF else {},
                requests=2 * len(bodies),
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
        if exchange.status == 500:
            plain = judge.post(call.path, {"nothing": "asked"}, lane="free")
            if plain.status == 500:
                raise judge.undecided("FAIL-1", f"{plain.title}: the host fails at anything", plain)
        broken = exchange.status == 500
        judge.check(
            "FAIL-1", not broken, f"{exchange.title}: {json.dumps(body)[:80]} broke the server", exchange
        )


# --- JSON in, JSON out ----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/usage", "/tier-config", "/tiers", "/models", "/status"])
@judges("HDR-1", requests=2)
def test_a_json_endpoint_says_that_it_is_json(judge: Judge, path: str) -> None:
    _says_json(judge, judge.get(path))


@judges("HDR-1", requests=1)
def test_prompt_analysis_says_that_it_is_json(judge: Judge) -> None:
    call = CALLS["analyzePrompt"]
    _says_json(judge, judge.once("plain analysis", lambda: judge.post(call.path, call.body)))


@judges("HDR-1", shares=["createChatCompletion"], requests=3)
def test_a_plain_completion_says_that_it_is_json(judge: Judge) -> None:
    _says_json(judge, operation_observed(judge, "createChatCompletion").call)


def _says_json(judge: Judge, exchange: Exchange) -> None:
    judge.served("HDR-1", exchange)
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
            judge.post(CALLS["createImage"].path, oversized("createImage", OVERSIZED[0]), lane="free"),
        ]

    return judge.once("refusals", make)


@judges("OBS-2", requests=5)
def test_a_refusal_can_be_read_by_clients(judge: Judge) -> None:
    for exchange in _refusals(judge):
        judge.answered("OBS-2", exchange)
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
        for leak in ("Traceback (most recent call last)", 'File "/', "not-a-token-whatsoever"):
            judge.check(
                "ASM-12", leak not in exchange.text, f"{exchange.title}: the answer shows {leak!r}", exchange
            )


@judges("ASM-13", requests=2)
def test_unknown_paths_and_methods_are_refused_in_json(judge: Judge) -> None:
    missing = judge.client.send("GET", "/no-such-path", judge.caller())
    judge.check(
        "ASM-13", missing.status == 404 and missing.media_type == "application/json", missing.title, missing
    )
    wrong = judge.client.send("DELETE", "/usage", judge.caller())
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
    allowed = (preflight.header("access-control-allow-headers") or "").lower()
    fine = preflight.served and (allowed == "*" or "x-client-id" in allowed)
    judge.check("OBS-11", fine, f"{preflight.title}: allows {allowed!r}", preflight)
    answer = judge.get("/usage", headers={"Origin": "null"})
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
