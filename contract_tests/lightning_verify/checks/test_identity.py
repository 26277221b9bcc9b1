"""Who is calling: bearers, client ids, and the fallback to IP address and user agent."""

from __future__ import annotations

import time

import pytest

from lightning_verify.facts import METRIC_OF, METRICS
from lightning_verify.judging.catalogue import catalogue
from lightning_verify.judging.judge import Judge, NotRun
from lightning_verify.judging.observations import CHAT, STREAM, operation_observed
from lightning_verify.judging.usage import observe, read_usage
from lightning_verify.reading.plans import free_plan_keys
from lightning_verify.reading.usage import moved
from lightning_verify.requests import callers
from lightning_verify.requests.callers import Caller
from lightning_verify.requests.credentials import (
    API_KEY,
    EXPIRED_API_KEY,
    EXPIRED_JWT,
    FREE_JWT,
    JWT,
    REVOKED_API_KEY,
    invalid_bearers,
    lifetime_over,
)
from lightning_verify.requests.valid import CALLS, say
from lightning_verify.run.marks import judges, needs
from lightning_verify.transport.exchange import Exchange

RESOLVING = list(CALLS)
PAID_POSTS = [name for name, call in CALLS.items() if call.method == "POST"]


def _let_in(judge: Judge, requirement: str, exchange: Exchange) -> None:
    """A good bearer must not be refused as one."""
    judge.answered(requirement, exchange)
    if exchange.status in {401, 403}:
        raise judge.violation(requirement, f"{exchange.title}: {exchange.caller} was refused", exchange)


def _good(judge: Judge, name: str) -> Caller:
    token = judge.target.credentials.get(name, "")
    if lifetime_over(token, time.time()):
        raise NotRun(f"{name} has expired; give a fresh one")
    return judge.credential(name)


@judges("AUTH-1", requests=2)
@pytest.mark.parametrize(
    "credential", [pytest.param(JWT, marks=needs(JWT)), pytest.param(FREE_JWT, marks=needs(FREE_JWT))]
)
def test_an_access_token_opens_the_account(judge: Judge, credential: str) -> None:
    _opens_the_account(judge, "AUTH-1", _good(judge, credential))


@judges("AUTH-2", requests=2)
@needs(API_KEY)
def test_an_api_key_opens_the_account(judge: Judge) -> None:
    _opens_the_account(judge, "AUTH-2", judge.credential(API_KEY))


def _opens_the_account(judge: Judge, requirement: str, caller: Caller) -> None:
    """Both account routes let the caller in and speak of the same plan."""
    plans = []
    for path in ("/usage", "/subscription"):
        exchange = judge.get(path, caller)
        _let_in(judge, requirement, exchange)
        if (exchange.status or 0) >= 500:
            _not_for_this_bearer_only(judge, requirement, path, caller)
        document = judge.document(requirement, exchange, owner=False)
        plans.append(document.get("plan_key") if isinstance(document, dict) else None)
        judge.witness(requirement, exchange)
    message = f"/usage is of the plan {plans[0]!r}, /subscription of {plans[1]!r}"
    # Where one of them tells no plan, USE-1 or SUB-1 says so.
    judge.check(requirement, plans[0] == plans[1] or None in plans, message, exchange)


def _not_for_this_bearer_only(judge: Judge, requirement: str, path: str, caller: Caller) -> None:
    """A host that fails again for this bearer, but serves callers without one, cannot read the bearer."""
    again, other = judge.get(path, caller), judge.get("/usage")
    if (again.status or 0) >= 500 and other.served:
        raise judge.violation(requirement, f"{again.title} for {caller.label} only", again, other)


@pytest.mark.parametrize(
    ("requirement", "credential"),
    [
        pytest.param("AUTH-1", JWT, marks=[needs(JWT), judges("AUTH-1", units={"imagesDaily": 1})]),
        pytest.param("AUTH-2", API_KEY, marks=[needs(API_KEY), judges("AUTH-2", units={"imagesDaily": 1})]),
    ],
)
def test_a_generation_by_get_takes_a_good_bearer(judge: Judge, requirement: str, credential: str) -> None:
    call = CALLS["getImage"]
    exchange = judge.client.send(call.method, call.path, _good(judge, credential))
    _let_in(judge, requirement, exchange)
    judge.witness(requirement, judge.served(requirement, exchange, owner=False))


@pytest.mark.parametrize("operation", PAID_POSTS)
@pytest.mark.parametrize(
    "credential",
    [
        pytest.param(JWT, marks=[needs(JWT), judges("AUTH-1", requests=1)]),
        pytest.param(API_KEY, marks=[needs(API_KEY), judges("AUTH-2", requests=1)]),
    ],
)
def test_a_generation_route_does_not_refuse_a_good_bearer(
    judge: Judge, operation: str, credential: str
) -> None:
    # The payload is invalid, so nothing is generated; what counts is that the bearer is not refused.
    requirement = "AUTH-1" if credential == JWT else "AUTH-2"
    call = CALLS[operation]
    exchange = judge.post(call.path, {"nothing": "asked"}, _good(judge, credential), lane="free")
    _let_in(judge, requirement, exchange)
    judge.witness(requirement, exchange)


@judges("AUTH-3", requests=6)
@needs(JWT, API_KEY)
def test_a_token_and_a_key_of_one_account_show_the_same_account(judge: Judge) -> None:
    by_token, by_key = _good(judge, JWT), judge.credential(API_KEY)
    one, other = (judge.get("/subscription", caller) for caller in (by_token, by_key))
    for field in ("email", "plan_key", "plan_name"):
        values = [judge.document("AUTH-3", exchange, owner=False).get(field) for exchange in (one, other)]
        judge.check(
            "AUTH-3", values[0] == values[1], f"{field} differs between the token and the key", one, other
        )
    _same_counters(judge, by_token, by_key)


def _same_counters(judge: Judge, by_token: Caller, by_key: Caller) -> None:
    """The key's counters lie between two looks at the token's; others may spend meanwhile, so look again."""
    for attempt in range(5):
        before, between, after = (read_usage(judge, "AUTH-3", c) for c in (by_token, by_key, by_token))
        if before.limit == between.limit and all(
            before.used[m] <= between.used[m] <= after.used[m] for m in METRICS
        ):
            judge.witness("AUTH-3", between.exchange)
            return
        time.sleep(0.2 * attempt)
    raise judge.violation(
        "AUTH-3", "the token and the key see different counters", before.exchange, between.exchange
    )


@judges("AUTH-3", units={"cloudChatDaily": 1}, requests=12)
@needs(JWT, API_KEY)
def test_a_chat_by_token_is_seen_by_the_key(judge: Judge) -> None:
    by_token, by_key = _good(judge, JWT), judge.credential(API_KEY)
    seen = observe(judge, by_key, "cloudChatDaily", lambda: judge.post(CHAT, say("Say hello."), by_token))
    change = seen.consumed(judge, "AUTH-3").get("cloudChatDaily", 0)
    judge.check(
        "AUTH-3",
        change >= 1,
        "a chat paid by the token did not move the key's counter",
        seen.call,
        seen.after,
    )
    _same_counters(judge, by_token, by_key)


@judges("AUTH-4", requests=11)
@pytest.mark.parametrize("operation", RESOLVING)
def test_an_invalid_bearer_is_401(judge: Judge, operation: str) -> None:
    for kind, token in invalid_bearers(judge.target.credentials).items():
        _refuse_bearer(judge, "AUTH-4", operation, judge.forged(kind, token), kind)
    caller = judge.forged("garbled", "not-a-token-either").also(X_Client_ID=callers.client_id())
    _refuse_bearer(judge, "AUTH-4", operation, caller, "garbled, beside a client id")


@pytest.mark.parametrize(
    ("requirement", "credential"),
    [
        pytest.param("AUTH-4", None, marks=judges("AUTH-4", requests=1)),
        *(
            pytest.param(requirement, name, marks=[needs(name), judges(requirement, requests=1)])
            for requirement, name in (
                ("AUTH-5", EXPIRED_JWT),
                ("AUTH-5", EXPIRED_API_KEY),
                ("AUTH-6", REVOKED_API_KEY),
            )
        ),
    ],
)
def test_a_bad_bearer_is_401_where_a_stream_is_asked_for(
    judge: Judge, requirement: str, credential: str | None
) -> None:
    caller = judge.credential(credential) if credential else judge.forged("garbled", "not-a-token-again")
    exchange = judge.post(CHAT, STREAM.body, caller, lane="free")
    judge.refused(requirement, exchange, 401, f"{caller.label} where a stream is asked for")


@judges("AUTH-5", requests=1)
@pytest.mark.parametrize("operation", RESOLVING)
@pytest.mark.parametrize(
    "credential",
    [
        pytest.param(EXPIRED_JWT, marks=needs(EXPIRED_JWT)),
        pytest.param(EXPIRED_API_KEY, marks=needs(EXPIRED_API_KEY)),
    ],
)
def test_an_expired_bearer_is_401(judge: Judge, operation: str, credential: str) -> None:
    _refuse_bearer(judge, "AUTH-5", operation, judge.credential(credential), "expired")


@judges("AUTH-6", requests=1)
@needs(REVOKED_API_KEY)
@pytest.mark.parametrize("operation", RESOLVING)
def test_a_revoked_key_is_401(judge: Judge, operation: str) -> None:
    _refuse_bearer(judge, "AUTH-6", operation, judge.credential(REVOKED_API_KEY), "revoked")


@judges("AIR-2", requests=28)
def test_the_alternate_video_route_refuses_bad_bearers_as_well(judge: Judge) -> None:
    for operation in ("createAirforceVideo", "getAirforceVideo"):
        for kind, token in invalid_bearers(judge.target.credentials).items():
            _refuse_bearer(judge, "AIR-2", operation, judge.forged(kind, token), kind)
        for name in (EXPIRED_JWT, EXPIRED_API_KEY, REVOKED_API_KEY):
            if name in judge.target.credentials:
                _refuse_bearer(judge, "AIR-2", operation, judge.credential(name), name)


@judges("AIR-2", requests=3)
def test_the_alternate_video_route_lets_good_callers_in(judge: Judge) -> None:
    good = [judge.credential(name) for name in (JWT, API_KEY) if name in judge.target.credentials]
    for caller in [judge.caller(), *good]:
        exchange = judge.post(CALLS["createAirforceVideo"].path, {"nothing": "asked"}, caller, lane="free")
        _let_in(judge, "AIR-2", exchange)
        judge.witness("AIR-2", exchange)


def _refuse_bearer(judge: Judge, requirement: str, operation: str, caller: Caller, kind: str) -> None:
    call = CALLS[operation]
    exchange = judge.client.send(call.method, call.path, caller, json_body=call.body, lane="free")
    judge.refused(requirement, exchange, 401, f"{kind}, as a bearer,")


# --- without a bearer -----------------------------------------------------------------------------------


@judges("ID-4", requests=4)
@pytest.mark.parametrize("way", ["client id", "user agent"])
def test_a_caller_without_a_bearer_is_on_the_free_tier(judge: Judge, way: str) -> None:
    caller = judge.caller() if way == "client id" else callers.by_user_agent()
    exchange = judge.get("/usage", caller)
    _let_in(judge, "ID-4", exchange)
    key = judge.document("ID-4", exchange, owner=False).get("plan_key")
    free = free_plan_keys(catalogue(judge, "ID-4"))
    judge.check(
        "ID-4", key in free, f"the plan is {key!r}, not the free one ({', '.join(sorted(free))})", exchange
    )


@judges("ID-4", requests=1)
@pytest.mark.parametrize("operation", PAID_POSTS)
def test_a_generation_route_does_not_ask_for_a_bearer(judge: Judge, operation: str) -> None:
    exchange = judge.post(CALLS[operation].path, {"nothing": "asked"}, lane="free")
    _let_in(judge, "ID-4", exchange)
    judge.witness("ID-4", exchange)


@pytest.mark.parametrize(
    "operation",
    [
        pytest.param(operation, marks=judges("ID-4", shares=[operation], requests=4))
        for operation in METRIC_OF
    ],
)
def test_a_generation_without_a_bearer_is_served(judge: Judge, operation: str) -> None:
    exchange = operation_observed(judge, operation).call
    _let_in(judge, "ID-4", exchange)
    judge.witness("ID-4", judge.served("ID-4", exchange, owner=False))


@pytest.mark.parametrize(
    "operation",
    [
        pytest.param(operation, marks=judges("ID-1", shares=[operation], requests=4))
        for operation in ("createChatCompletion", "createImage", "getVideo", "createSfx")
    ],
)
def test_a_client_id_keeps_its_counters_under_another_user_agent(judge: Judge, operation: str) -> None:
    seen = operation_observed(judge, operation)
    change = seen.consumed(judge, "ID-1").get(seen.metric, 0)
    judge.check(
        "ID-1", change >= 1, "a call did not move the counters of its client id", seen.call, seen.after
    )
    there = read_usage(judge, "ID-1", seen.caller.also(User_Agent=f"{callers.USER_AGENT} (another window)"))
    kept = there.used[seen.metric] >= change
    message = "the same client id under another user agent has other counters"
    judge.check("ID-1", kept, message, seen.after, there.exchange)


@judges("ID-2", units={"cloudChatDaily": 1}, requests=6)
def test_another_client_id_has_its_own_counters(judge: Judge) -> None:
    one = judge.caller()
    name = one.headers["X-Client-ID"]
    # Alike but for the last letter, so that a host that looks at a part only is seen.
    other = one.also(X_Client_ID=name[:-1] + ("0" if name[-1] != "0" else "1"))
    before = read_usage(judge, "ID-2", other)
    seen = observe(judge, one, "cloudChatDaily", lambda: judge.post(CHAT, say("Say hello."), one))
    judge.served("ID-2", seen.call, owner=False)
    after = read_usage(judge, "ID-2", other)
    judge.check(
        "ID-2",
        not moved(before, after),
        "what one client id spent moved the counters of another",
        seen.call,
        after.exchange,
    )


@judges("ID-2", requests=2)
def test_a_fresh_client_id_has_spent_nothing(judge: Judge) -> None:
    for _ in range(2):
        fresh = read_usage(judge, "ID-2", judge.caller())
        spent = {metric: used for metric, used in fresh.used.items() if used}
        judge.check("ID-2", not spent, f"a client id never seen before has spent {spent}", fresh.exchange)


@judges("ID-3", units={"cloudChatDaily": 1}, requests=8)
def test_without_a_client_id_the_user_agent_tells_callers_apart(judge: Judge) -> None:
    one, other = callers.by_user_agent(), callers.by_user_agent()
    before = read_usage(judge, "ID-3", other)
    seen = observe(judge, one, "cloudChatDaily", lambda: judge.post(CHAT, say("Say hello."), one))
    change = seen.consumed(judge, "ID-3").get("cloudChatDaily", 0)
    judge.check(
        "ID-3", change >= 1, "a chat did not move the counters of its IP address and user agent", seen.after
    )
    after = read_usage(judge, "ID-3", other)
    judge.check(
        "ID-3",
        not moved(before, after),
        "another user agent at this address shares the counters",
        after.exchange,
    )


@judges("ID-3", units={"imagesDaily": 1}, requests=8)
def test_an_image_without_a_client_id_is_counted_as_well(judge: Judge) -> None:
    caller, call = callers.by_user_agent(), CALLS["createImage"]
    seen = observe(judge, caller, "imagesDaily", lambda: judge.post(call.path, call.body, caller))
    _let_in(judge, "ID-3", seen.call)
    if (seen.call.status or 0) in {400, 422} and operation_observed(judge, "createImage").call.served:
        raise judge.violation("ID-3", f"{seen.call.title} without a client id only", seen.call)
    change = seen.consumed(judge, "ID-3").get("imagesDaily", 0)
    message = "an image did not move the counters of its IP address and user agent"
    judge.check("ID-3", change >= 1, message, seen.call, seen.after)


@judges("ID-3", requests=3)
def test_a_fresh_user_agent_has_spent_nothing(judge: Judge) -> None:
    caller = callers.by_user_agent()
    look = judge.get("/usage", caller)
    if (look.status or 0) in {400, 403, 422} and judge.get("/usage").served:
        raise judge.violation("ID-3", f"{look.title} without a client id only", look)
    fresh = read_usage(judge, "ID-3", caller)
    spent = {metric: used for metric, used in fresh.used.items() if used}
    judge.check("ID-3", not spent, f"a user agent never seen before has spent {spent}", fresh.exchange)


@judges("ID-5", requests=4)
@pytest.mark.parametrize(
    "credential", [pytest.param(JWT, marks=needs(JWT)), pytest.param(API_KEY, marks=needs(API_KEY))]
)
def test_a_client_id_beside_a_bearer_does_not_change_the_plan(judge: Judge, credential: str) -> None:
    account = _good(judge, credential)
    alone = judge.get("/usage", account)
    beside = judge.get("/usage", account.also(X_Client_ID=callers.client_id()))
    for exchange in (alone, beside):
        _let_in(judge, "ID-5", exchange)
    if alone.served and (beside.status or 0) in {400, 403, 422}:
        raise judge.violation("ID-5", f"{beside.title} with a client id beside the bearer", alone, beside)
    plans = [judge.document("ID-5", exchange, owner=False).get("plan_key") for exchange in (alone, beside)]
    if plans[0] in free_plan_keys(catalogue(judge, "ID-5")):
        raise NotRun(f"needs a {credential} of an account on a paid plan")
    judge.check(
        "ID-5", plans[0] == plans[1], f"the plan turned from {plans[0]!r} to {plans[1]!r}", alone, beside
    )


@judges("ID-5", units={"cloudChatDaily": 1}, requests=8)
@needs(JWT)
def test_a_client_id_beside_a_bearer_is_not_charged(judge: Judge) -> None:
    account, guest = _good(judge, JWT), judge.caller()
    both = account.also(X_Client_ID=guest.headers["X-Client-ID"])
    before = read_usage(judge, "ID-5", guest)
    seen = observe(judge, account, "cloudChatDaily", lambda: judge.post(CHAT, say("Say hello."), both))
    change = seen.consumed(judge, "ID-5").get("cloudChatDaily", 0)
    judge.check("ID-5", change >= 1, "the account was not charged for its chat", seen.call, seen.after)
    after = read_usage(judge, "ID-5", guest)
    judge.check("ID-5", not moved(before, after), "the client id was charged beside a bearer", after.exchange)


# --- what clients rely on -------------------------------------------------------------------------------


@judges("OBS-1", requests=2)
def test_the_bearer_public_counts_as_none(judge: Judge) -> None:
    caller = judge.caller().also(Authorization="Bearer public")
    exchange = judge.get("/usage", caller)
    _let_in(judge, "OBS-1", exchange)
    judge.witness("OBS-1", judge.served("OBS-1", exchange))


@judges("ASM-1", requests=3)
def test_an_empty_bearer_and_other_schemes_count_as_none(judge: Judge) -> None:
    for value in ("Bearer", "Bearer ", "Basic dXNlcjpwYXNz"):
        exchange = judge.get("/usage", judge.caller().also(Authorization=value))
        _let_in(judge, "ASM-1", exchange)
        judge.witness("ASM-1", judge.served("ASM-1", exchange))


@judges("ASM-2", units={"cloudChatDaily": 1}, requests=8)
def test_a_malformed_client_id_is_ignored(judge: Judge) -> None:
    agent = callers.by_user_agent()
    short = agent.also(X_Client_ID="short")
    seen = observe(judge, short, "cloudChatDaily", lambda: judge.post(CHAT, say("Say hello."), short))
    change = seen.consumed(judge, "ASM-2").get("cloudChatDaily", 0)
    same = read_usage(judge, "ASM-2", agent)
    ignored = change == same.used["cloudChatDaily"] == 1
    judge.check(
        "ASM-2", ignored, "a malformed client id was an identity of its own", seen.call, same.exchange
    )


@judges("OBS-17", requests=1)
@needs(API_KEY)
def test_an_api_key_has_the_known_prefix(judge: Judge) -> None:
    exchange = judge.get("/subscription", judge.credential(API_KEY))
    judge.served("OBS-17", exchange)
    known = judge.target.credentials[API_KEY].startswith("ipa_live_")
    judge.check("OBS-17", known, "the API key does not begin with ipa_live_", exchange)


@judges("ASM-3", requests=1)
def test_an_unsigned_token_is_never_accepted(judge: Judge) -> None:
    kinds = invalid_bearers({})
    caller = judge.forged("unsigned token", kinds["unsigned token"])
    judge.refused("ASM-3", judge.get("/subscription", caller, lane="free"), 401, "an unsigned token")


@judges("ASM-4", requests=1)
def test_there_is_no_subscription_without_a_bearer(judge: Judge) -> None:
    exchange = judge.get("/subscription")
    judge.answered("ASM-4", exchange)
    judge.check("ASM-4", exchange.status == 401, f"{exchange.title}: expected 401", exchange)
