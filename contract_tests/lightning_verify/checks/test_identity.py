"""Who is calling: bearers, client ids, and the fallback to IP address and user agent."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from lightning_verify.facts import METRIC_OF, METRICS, PRICE_OF
from lightning_verify.judging.catalogue import catalogue
from lightning_verify.judging.judge import Judge
from lightning_verify.judging.observations import (
    BAD_BEARER,
    CATALOGUE,
    CHAT,
    NOTHING,
    REFUSED,
    STREAM,
    SUBSCRIPTION,
    THOROUGH,
    USAGE,
    asked_by,
    bad_bearers,
    bearers_tried_on,
    name_two_emails,
    nothing_asked_by,
    operation_observed,
    otherwise_with_bad_credential,
    refusal,
    refused_call,
    shown,
    shown_to,
    used_on,
    with_bad_bearer,
    with_bad_credential,
)
from lightning_verify.judging.outcomes import NotRun
from lightning_verify.judging.snapshot import parse_usage
from lightning_verify.judging.usage import Observation, counters, moved, not_exhausted, observe, read_usage
from lightning_verify.laws.law import filled
from lightning_verify.reading.plans import free_plan_keys
from lightning_verify.requests import callers
from lightning_verify.requests.callers import Caller
from lightning_verify.requests.credentials import (
    API_KEY,
    BAD,
    EXPIRED_API_KEY,
    EXPIRED_JWT,
    FREE_JWT,
    JWT,
    REVOKED_API_KEY,
    invalid_bearers,
)
from lightning_verify.requests.situations import FORMED, Situation
from lightning_verify.requests.valid import CALLS, POSTS, say
from lightning_verify.run.costs import Means, where_thorough
from lightning_verify.run.marks import judges, looks_back, needs
from lightning_verify.target import Spend
from lightning_verify.transport.exchange import BLAMES_THE_REQUEST, Exchange

RESOLVING = list(CALLS)


def _let_in(judge: Judge, requirement: str, exchange: Exchange) -> None:
    """A good bearer must not be refused as a bad one."""
    judge.answered(requirement, exchange)
    if exchange.status in {401, 403}:
        raise judge.violation(requirement, f"{exchange.title}: {exchange.caller} was refused", exchange)


def _account_of(credential: str) -> list[str]:
    return [*(shown_to(credential, path) for path in (USAGE, SUBSCRIPTION)), CATALOGUE]


@pytest.mark.parametrize(
    "credential",
    [
        pytest.param(name, marks=[needs(name), judges("AUTH-1", shares=_account_of(name))])
        for name in (JWT, FREE_JWT)
    ],
)
def test_an_access_token_opens_the_account(judge: Judge, credential: str) -> None:
    _opens_the_account(judge, "AUTH-1", credential)


@judges("AUTH-2", shares=_account_of(API_KEY))
@needs(API_KEY)
def test_an_api_key_opens_the_account(judge: Judge) -> None:
    _opens_the_account(judge, "AUTH-2", API_KEY)


def _opens_the_account(judge: Judge, requirement: str, credential: str) -> None:
    """Both account routes let the caller in, and name the same plan."""
    plans = []
    for path in (USAGE, SUBSCRIPTION):
        exchange = shown(judge, path, credential)
        _let_in(judge, requirement, exchange)
        if (exchange.status or 0) >= 500:
            _not_for_this_bearer_only(judge, requirement, path, judge.credential(credential))
        document = judge.document(requirement, exchange, owner=False)
        plans.append(document.get("plan_key") if isinstance(document, dict) else None)
        judge.witness(requirement, exchange)
    # Where one of them tells no plan, USE-1 or SUB-1 says so.
    if _same_name(*plans) or None in plans:
        return
    message = f"/usage is of the plan {plans[0]!r}, /subscription of {plans[1]!r}"
    # That of a caller without a bearer, for a user who pays: nobody has looked up whose it is.
    if credential == FREE_JWT or plans[0] not in free_plan_keys(catalogue(judge, requirement)):
        raise judge.undecided(requirement, f"{message} (see SUB-5)", exchange)
    raise judge.violation(requirement, message, exchange)


def _plan_of(judge: Judge, requirement: str, exchange: Exchange) -> str:
    """The plan of a usage document. Raises Undecided where it names none, which USE-1 says."""
    key = judge.object(requirement, exchange, "USE-1").get("plan_key")
    if not filled(key):
        raise judge.undecided(requirement, f"{exchange.title}: no plan_key (see USE-1)", exchange)
    return str(key)


def _same_name(one: Any, other: Any) -> bool:
    """Whether two names are of one thing, whatever their case: another spelling of a plan is for SUB-5."""
    return str(one).casefold() == str(other).casefold()


def _not_for_this_bearer_only(judge: Judge, requirement: str, path: str, caller: Caller) -> None:
    """A host that fails again with this bearer, but serves callers without one, cannot read the bearer."""
    again, other = judge.get(path, caller), judge.get("/usage")
    if (again.status or 0) >= 500 and other.served:
        raise judge.violation(requirement, f"{again.title} for {caller.label} only", again, other)


@pytest.mark.parametrize(
    ("requirement", "credential"),
    [
        pytest.param(
            requirement, name, marks=[needs(name), judges(requirement, units={"imagesDaily": 1}, requests=1)]
        )
        for requirement, name in (("AUTH-1", JWT), ("AUTH-2", API_KEY))
    ],
)
def test_a_generation_by_get_takes_a_good_bearer(judge: Judge, requirement: str, credential: str) -> None:
    call = CALLS["getImage"]
    exchange = judge.ask(call, judge.credential(credential))
    _let_in(judge, requirement, exchange)
    if exchange.status == 429:
        raise NotRun(f"needs a {credential} whose account has a unit of imagesDaily left")
    judge.witness(requirement, judge.served(requirement, exchange, owner=False))


@pytest.mark.parametrize(
    ("requirement", "credential", "operation"),
    [
        pytest.param(
            requirement,
            name,
            operation,
            id=f"{name}-{operation}",
            marks=[needs(name), judges(requirement, shares=[asked_by(name, operation)])],
        )
        for requirement, name in (("AUTH-1", JWT), ("AUTH-2", API_KEY))
        for operation in POSTS
    ],
)
def test_a_generation_route_does_not_refuse_a_good_bearer(
    judge: Judge, requirement: str, credential: str, operation: str
) -> None:
    # The payload is invalid, so nothing is generated; what counts is that the bearer is not refused.
    exchange = nothing_asked_by(judge, operation, credential)
    _let_in(judge, requirement, exchange)
    judge.witness(requirement, exchange)


@judges("AUTH-3", shares=[shown_to(name, SUBSCRIPTION) for name in (JWT, API_KEY)], requests=3)
@needs(JWT, API_KEY)
def test_a_token_and_a_key_of_one_account_show_the_same_account(judge: Judge) -> None:
    by_token, by_key = judge.credential(JWT), callers.elsewhere(judge.credential(API_KEY))
    if name_two_emails(judge, JWT, API_KEY):
        # The host's mistake or ours; where something may be spent, the counters tell.
        raise judge.undecided("AUTH-3", f"needs {JWT} and {API_KEY} of one account: their emails differ")
    one, other = (shown(judge, SUBSCRIPTION, name) for name in (JWT, API_KEY))
    views = [judge.object("AUTH-3", exchange, "SUB-1") for exchange in (one, other)]
    emails = [view.get("email") for view in views]
    # A token brings its email along; a host need not know one for a key.
    for field in (*["email"] * all(emails), "plan_key", "plan_name"):
        same = _same_name(views[0].get(field), views[1].get(field))
        judge.check("AUTH-3", same, f"{field} differs between the token and the key", one, other)
    _same_counters(judge, by_token, by_key)


def _same_counters(judge: Judge, by_token: Caller, by_key: Caller) -> None:
    """The key's counters lie between two readings of the token's; others may spend meanwhile, so read
    again."""
    for attempt in range(5):
        before, between, after = (read_usage(judge, "AUTH-3", c) for c in (by_token, by_key, by_token))
        if before.limit == between.limit and all(
            before.used[m] <= between.used[m] <= after.used[m] for m in METRICS
        ):
            judge.witness("AUTH-3", between.exchange)
            return
        time.sleep(0.2 * attempt)
    moved(judge, "AUTH-3", before, after)  # Unless they are of two days.
    raise judge.violation(
        "AUTH-3",
        "the token, and the key with another user agent, see different counters",
        before.exchange,
        between.exchange,
    )


@judges(
    "AUTH-3",
    units={"cloudChatDaily": 1},
    shares=[shown_to(name, SUBSCRIPTION) for name in (JWT, API_KEY)],
    requests=6,
)
@needs(JWT, API_KEY)
def test_a_chat_by_token_is_seen_by_the_key(judge: Judge) -> None:
    by_token, by_key = judge.credential(JWT), callers.elsewhere(judge.credential(API_KEY))
    before = read_usage(judge, "AUTH-3", by_token)
    seen = observe(judge, by_key, "cloudChatDaily", lambda: judge.post(CHAT, say("Say hello."), by_token))
    change = seen.consumed(judge, "AUTH-3").get("cloudChatDaily", 0)
    differ = name_two_emails(judge, JWT, API_KEY)
    if change < 1 and differ:
        raise judge.undecided("AUTH-3", f"needs {JWT} and {API_KEY} of one account: their emails differ")
    if change < 1 and not moved(judge, "AUTH-3", before, read_usage(judge, "AUTH-3", by_token)):
        raise judge.undecided("AUTH-3", "a chat of the token costs nothing (see CHAT-11)", seen.call)
    judge.check(
        "AUTH-3",
        change >= 1,
        "a chat paid by the token did not move the counter that the key shows to another user agent",
        seen.call,
        seen.after,
    )
    judge.check("AUTH-3", not differ, "one account has another email for its key", seen.call)
    _same_counters(judge, by_token, by_key)


def _beside_a_client_id(judge: Judge, operation: str) -> Exchange:
    if operation in REFUSED:
        return refused_call(judge, operation, BAD_BEARER)
    caller = judge.forged("garbled", "not-a-token-either").beside_a_client_id()
    return judge.get(CALLS[operation].path, caller, lane="free")


def _asks_beside_a_client_id(operation: str, means: Means) -> int:
    """Whether this test makes a request of its own, which no other test shares."""
    return operation not in REFUSED and means.examples >= THOROUGH


@pytest.mark.parametrize(
    "operation",
    [
        pytest.param(
            operation,
            marks=judges(
                "AUTH-4",
                shares=[
                    bearers_tried_on(operation),
                    *[refusal(operation, BAD_BEARER)] * (operation in REFUSED),
                ],
                requests=partial(_asks_beside_a_client_id, operation),
            ),
        )
        for operation in RESOLVING
    ],
)
def test_an_invalid_bearer_is_401(judge: Judge, operation: str) -> None:
    _refuses_bad_bearers(judge, "AUTH-4", operation)
    if operation in POSTS or judge.examples >= THOROUGH:
        beside = _beside_a_client_id(judge, operation)
        judge.refused("AUTH-4", beside, 401, "garbled, beside a client id, as a bearer,")


def _refuses_bad_bearers(judge: Judge, requirement: str, operation: str) -> None:
    for kind, token in bad_bearers(judge, operation).items():
        exchange = with_bad_bearer(judge, operation, kind, token)
        judge.refused(requirement, exchange, 401, f"{kind}, as a bearer,")


def _not_for_any_bearer(judge: Judge, requirement: str, operation: str, served: Exchange) -> None:
    """Raises Undecided where bearers that never were good are served as well: that is for AUTH-4 to say."""
    others = [with_bad_bearer(judge, operation, *each) for each in bad_bearers(judge, operation).items()]
    for other in (*others, _beside_a_client_id(judge, operation)):
        if other.served:
            message = f"{other.title} for {other.caller} as well (see AUTH-4)"
            raise judge.undecided(requirement, message, served, other)


def _as_a_bearer(exchange: Exchange) -> str:
    beside = ", beside a client id" if "X-Client-ID" in exchange.request_headers else ""
    return f"{exchange.caller}{beside}, as a bearer,"


# What was good once, and the requirement that says that it is refused.
ONCE_GOOD = ((EXPIRED_JWT, "AUTH-5"), (EXPIRED_API_KEY, "AUTH-5"), (REVOKED_API_KEY, "AUTH-6"))


@pytest.mark.parametrize(
    ("requirement", "credential"),
    [
        pytest.param("AUTH-4", None, marks=judges("AUTH-4", requests=1)),
        *(
            pytest.param(requirement, name, marks=[needs(name), judges(requirement, requests=1)])
            for name, requirement in ONCE_GOOD
        ),
    ],
)
def test_a_bad_bearer_is_401_where_a_stream_is_asked_for(
    judge: Judge, requirement: str, credential: str | None
) -> None:
    caller = judge.credential(credential) if credential else judge.forged("garbled", "not-a-token-again")
    exchange = judge.post(CHAT, STREAM.body, caller, lane="free")
    if credential and exchange.served:
        _not_for_any_bearer(judge, requirement, STREAM.operation, exchange)
    judge.refused(requirement, exchange, 401, f"{caller.label} where a stream is asked for")


@pytest.mark.parametrize(
    ("requirement", "credential", "operation"),
    [
        pytest.param(
            requirement,
            name,
            operation,
            id=f"{name}-{operation}",
            marks=[
                needs(name),
                judges(requirement, shares=[used_on(operation, name)], requests=where_thorough),
            ],
        )
        for name, requirement in ONCE_GOOD
        for operation in RESOLVING
    ],
)
def test_a_bearer_that_was_good_once_is_401(
    judge: Judge, requirement: str, credential: str, operation: str
) -> None:
    answers = [with_bad_credential(judge, operation, credential)]
    if judge.examples >= THOROUGH:
        answers.append(otherwise_with_bad_credential(judge, operation, credential))
    for exchange in answers:
        if exchange.served:
            _not_for_any_bearer(judge, requirement, operation, exchange)
        judge.refused(requirement, exchange, 401, _as_a_bearer(exchange))


_OF_CHATS = [each for each in FORMED if each[0] == "createChatCompletion"]
_OF_MEDIA = [each for each in FORMED if each not in _OF_CHATS]


def _forms_tried_with(credential: str) -> list[tuple[str, str]]:
    """Every form of a chat, and for each other operation the forms that are its turn."""
    turn = [name for name, _ in ONCE_GOOD].index(credential)
    return [*_OF_CHATS, *_OF_MEDIA[turn :: len(ONCE_GOOD)]]


@pytest.mark.parametrize(
    ("credential", "requirement"),
    [
        pytest.param(
            name,
            requirement,
            marks=[
                needs(name),
                judges(requirement, requests=len(_forms_tried_with(name)), spend=Spend.SAMPLE),
            ],
        )
        for name, requirement in ONCE_GOOD
    ],
)
def test_a_bearer_that_was_good_once_is_401_in_every_form(
    judge: Judge, credential: str, requirement: str
) -> None:
    alone = judge.credential(credential)
    for turn, (operation, form) in enumerate(_forms_tried_with(credential)):
        call = Situation("", operation, form).call
        caller = alone.beside_a_client_id() if turn % 2 else alone
        exchange = judge.ask(call, caller, lane="free")
        if exchange.served:
            _not_for_any_bearer(judge, requirement, operation, exchange)
        judge.refused(requirement, exchange, 401, f"{_as_a_bearer(exchange)} ({form})")


@judges("AUTH-4", requests=2 * len(FORMED), spend=Spend.SAMPLE)
def test_a_bearer_that_never_was_good_is_401_in_every_form(judge: Judge) -> None:
    every = invalid_bearers(judge.target.credentials)
    made_up = [kind for kind in every if kind in invalid_bearers({})]
    altered = [kind for kind in every if kind not in made_up]
    for turn, (operation, form) in enumerate(FORMED):
        call = Situation("", operation, form).call
        # In turns: a host that takes a kind of them in one form mostly takes others there as well.
        for kind in [kinds[turn % len(kinds)] for kinds in (made_up, altered) if kinds]:
            caller = judge.forged(kind, every[kind])
            exchange = judge.ask(call, caller, lane="free")
            judge.refused("AUTH-4", exchange, 401, f"{kind}, as a bearer ({form}),")


AIRFORCE, OTHER_VIDEOS = ("createAirforceVideo", "getAirforceVideo"), ("createVideo", "getVideo")


@judges("AIR-2", shares=[bearers_tried_on(operation) for operation in AIRFORCE])
def test_the_alternate_video_route_refuses_bad_bearers_as_well(judge: Judge) -> None:
    for operation, other in zip(AIRFORCE, OTHER_VIDEOS, strict=True):
        for kind, token in bad_bearers(judge, operation).items():
            exchange = with_bad_bearer(judge, operation, kind, token)
            _unlike_the_others(judge, exchange, partial(with_bad_bearer, judge, other, kind, token), "AUTH-4")
            judge.refused("AIR-2", exchange, 401, f"{kind}, as a bearer,")


@pytest.mark.parametrize(
    "credential",
    [
        pytest.param(
            name,
            marks=[needs(name), judges("AIR-2", shares=[used_on(operation, name) for operation in AIRFORCE])],
        )
        for name in BAD
    ],
)
def test_the_alternate_video_route_refuses_what_was_good_once(judge: Judge, credential: str) -> None:
    for operation, other in zip(AIRFORCE, OTHER_VIDEOS, strict=True):
        exchange = with_bad_credential(judge, operation, credential)
        told_by = dict(ONCE_GOOD)[credential]
        _unlike_the_others(judge, exchange, partial(with_bad_credential, judge, other, credential), told_by)
        judge.refused("AIR-2", exchange, 401, f"{credential}, as a bearer,")


def _unlike_the_others(judge: Judge, exchange: Exchange, ask: Callable[[], Exchange], told_by: str) -> None:
    """Raises Undecided for a bad bearer that gets the same answer on the other video route, or is out of
    quota there: this route is like the others then, and what is wrong with all has a statement of its own."""
    if exchange.status not in {401, 429} and (other := ask()).status in {exchange.status, 429}:
        message = f"{other.title} for {other.caller} as well (see {told_by})"
        raise judge.undecided("AIR-2", message, exchange, other)


@pytest.mark.parametrize(
    "credential",
    [
        pytest.param(None, marks=judges("AIR-2", shares=[refusal("createAirforceVideo", NOTHING)])),
        *(
            pytest.param(
                name, marks=[needs(name), judges("AIR-2", shares=[asked_by(name, "createAirforceVideo")])]
            )
            for name in (JWT, API_KEY)
        ),
    ],
)
def test_the_alternate_video_route_lets_good_callers_in(judge: Judge, credential: str | None) -> None:
    operation = "createAirforceVideo"
    if credential is None:
        exchange = refused_call(judge, operation, NOTHING)
    else:
        exchange = nothing_asked_by(judge, operation, credential)
    _let_in(judge, "AIR-2", exchange)
    judge.witness("AIR-2", exchange)


# --- without a bearer -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "way",
    [
        pytest.param("client id", marks=judges("ID-4", shares=[USAGE, CATALOGUE])),
        pytest.param("user agent", marks=judges("ID-4", shares=[CATALOGUE], requests=1)),
    ],
)
def test_a_caller_without_a_bearer_is_on_the_free_tier(judge: Judge, way: str) -> None:
    by_client_id = way == "client id"
    exchange = shown(judge, USAGE) if by_client_id else judge.get(USAGE, callers.by_user_agent())
    _let_in(judge, "ID-4", exchange)
    key = _plan_of(judge, "ID-4", exchange)
    free = free_plan_keys(catalogue(judge, "ID-4"))
    judge.check(
        "ID-4", key in free, f"the plan is {key!r}, not the free one ({', '.join(sorted(free))})", exchange
    )


@pytest.mark.parametrize(
    "operation",
    [pytest.param(name, marks=judges("ID-4", shares=[refusal(name, NOTHING)])) for name in POSTS],
)
def test_a_generation_route_does_not_ask_for_a_bearer(judge: Judge, operation: str) -> None:
    exchange = refused_call(judge, operation, NOTHING)
    _let_in(judge, "ID-4", exchange)
    judge.witness("ID-4", exchange)


@pytest.mark.parametrize(
    "operation",
    [pytest.param(operation, marks=judges("ID-4", shares=[operation])) for operation in METRIC_OF],
)
def test_a_generation_without_a_bearer_is_served(judge: Judge, operation: str) -> None:
    exchange = operation_observed(judge, operation).call
    _let_in(judge, "ID-4", exchange)
    judge.witness("ID-4", judge.served("ID-4", exchange, owner=False))


@pytest.mark.parametrize(
    "operation",
    [
        pytest.param(operation, marks=judges("ID-1", shares=[operation], requests=1))
        for operation in ("createChatCompletion", "createImage", "getVideo", "createSfx")
    ],
)
def test_a_client_id_keeps_its_counters_under_another_user_agent(judge: Judge, operation: str) -> None:
    seen = operation_observed(judge, operation)
    change = seen.consumed(judge, "ID-1").get(seen.metric, 0)
    if change < 1:
        message = "a call did not move the counters of its client id (see CHAT-11, IMG-6, VID-7, SFX-3)"
        raise judge.undecided("ID-1", message, seen.call, seen.after)
    there = read_usage(judge, "ID-1", seen.caller.also(**ANOTHER_WINDOW))
    since = moved(judge, "ID-1", parse_usage(seen.before), there).get(seen.metric, 0)
    kept = since >= change
    message = "the same client id under another user agent and language has other counters"
    judge.check("ID-1", kept, message, seen.after, there.exchange)


# The same caller elsewhere: whatever else a request says of it changes nothing.
ANOTHER_WINDOW = {"User_Agent": f"{callers.NAMED} (another window)", "Accept_Language": "de-DE,de;q=0.9"}
_OTHER_LETTERS = str.maketrans("abcdef", "bcdefa")
_OTHER_DIGITS = str.maketrans("0123456789", "1234567890")
# How a client id becomes another one that is like it but for a part: a host that looks at the rest is seen.
NEIGHBOURS: dict[str, Callable[[str], str]] = {
    "with another last sign": lambda name: name[:-1] + ("0" if name[-1] != "0" else "1"),
    "with other letters": lambda name: name.translate(_OTHER_LETTERS),
    "with other digits": lambda name: name.translate(_OTHER_DIGITS),
    "with one sign before it": lambda name: f"x{name}",
    "with other signs between": lambda name: name.replace("-", "."),
}


@judges("ID-2", units={"cloudChatDaily": 1}, requests=3 + 2 * len(NEIGHBOURS))
def test_another_client_id_has_its_own_counters(judge: Judge) -> None:
    one = judge.caller()
    name = one.headers["X-Client-ID"]
    others = {what: one.also(X_Client_ID=alter(name)) for what, alter in NEIGHBOURS.items()}
    looks = {what: judge.get(USAGE, other) for what, other in others.items()}
    # Which form an id may have is left open: one that is refused has no counters.
    before = {
        what: counters(judge, "ID-2", look)
        for what, look in looks.items()
        if look.status not in BLAMES_THE_REQUEST
    }
    seen = observe(judge, one, "cloudChatDaily", lambda: judge.post(CHAT, say("Say hello."), one))
    judge.served("ID-2", seen.call, owner=False)
    for what, earlier in before.items():
        after = read_usage(judge, "ID-2", others[what])
        judge.check(
            "ID-2",
            not moved(judge, "ID-2", earlier, after),
            f"what one client id spent moved the counters of the same {what}",
            seen.call,
            after.exchange,
        )


@judges("ID-2", shares=[USAGE], requests=1)
def test_a_fresh_client_id_has_spent_nothing(judge: Judge) -> None:
    for look in (shown(judge, USAGE), judge.get(USAGE)):
        fresh = counters(judge, "ID-2", look)
        not_exhausted(judge, "ID-2", fresh)
        spent = {metric: used for metric, used in fresh.used.items() if used}
        judge.check("ID-2", not spent, f"a client id never seen before has spent {spent}", fresh.exchange)


@judges("ID-3", units={"cloudChatDaily": 1}, requests=5)
def test_without_a_client_id_the_user_agent_tells_callers_apart(judge: Judge) -> None:
    one, other = callers.by_user_agent(), callers.by_user_agent()
    before = read_usage(judge, "ID-3", other)
    seen = observe(judge, one, "cloudChatDaily", lambda: judge.post(CHAT, say("Say hello."), one))
    change = seen.consumed(judge, "ID-3").get("cloudChatDaily", 0)
    if change < 1:
        _costs_something(judge, "createChatCompletion", seen)
    judge.check(
        "ID-3", change >= 1, "a chat did not move the counters of its IP address and user agent", seen.after
    )
    after = read_usage(judge, "ID-3", other)
    judge.check(
        "ID-3",
        not moved(judge, "ID-3", before, after),
        "another user agent at this address shares the counters",
        after.exchange,
    )


@judges("ID-3", units={"imagesDaily": 1}, requests=3)
def test_an_image_without_a_client_id_is_counted_as_well(judge: Judge) -> None:
    caller, call = callers.by_user_agent(), CALLS["createImage"]
    seen = observe(judge, caller, "imagesDaily", lambda: judge.post(call.path, call.body, caller))
    judge.answered("ID-3", seen.call)
    if seen.call.status in {400, 401, 403, 422}:
        if operation_observed(judge, "createImage").call.served:
            raise judge.violation("ID-3", f"{seen.call.title} without a client id only", seen.call)
        raise judge.undecided("ID-3", f"{seen.call.title} with a client id as well (see ID-4)", seen.call)
    change = seen.consumed(judge, "ID-3").get("imagesDaily", 0)
    if change < 1:
        _costs_something(judge, "createImage", seen)
    message = "an image did not move the counters of its IP address and user agent"
    judge.check("ID-3", change >= 1, message, seen.call, seen.after)


def _costs_something(judge: Judge, operation: str, free: Observation) -> None:
    """Raises Undecided when an operation costs nothing with a client id either, or costs another address a
    unit: then its price is wrong."""
    price = PRICE_OF[operation]
    named = operation_observed(judge, operation)
    if named.metric not in named.consumed(judge, "ID-3"):
        message = f"{named.call.title} costs nothing at all (see {price})"
        raise judge.undecided("ID-3", message, named.call, named.after)
    another, call = callers.by_user_agent(), CALLS[operation]
    with judge.client.second_look():
        again = observe(judge, another, free.metric, lambda: judge.ask(call, another))
    if again.metric in again.consumed(judge, "ID-3"):
        message = f"{again.call.title} costs another address a unit (see {price})"
        raise judge.undecided("ID-3", message, free.after, again.call, again.after)


@judges("ID-3", requests=1)
def test_a_fresh_user_agent_has_spent_nothing(judge: Judge) -> None:
    look = judge.get(USAGE, callers.by_user_agent())
    if (look.status or 0) in {400, 403, 422} and judge.get("/usage").served:
        raise judge.violation("ID-3", f"{look.title} without a client id only", look)
    fresh = counters(judge, "ID-3", look)
    not_exhausted(judge, "ID-3", fresh)
    spent = {metric: used for metric, used in fresh.used.items() if used}
    judge.check("ID-3", not spent, f"a user agent never seen before has spent {spent}", fresh.exchange)


@pytest.mark.parametrize(
    "credential",
    [
        pytest.param(
            name,
            marks=[needs(name), judges("ID-5", shares=[shown_to(name, USAGE), CATALOGUE], requests=1)],
        )
        for name in (JWT, API_KEY)
    ],
)
def test_a_client_id_beside_a_bearer_does_not_change_the_plan(judge: Judge, credential: str) -> None:
    account = judge.credential(credential)
    alone = shown(judge, USAGE, credential)
    beside = judge.get("/usage", account.beside_a_client_id())
    for exchange in (alone, beside):
        _let_in(judge, "ID-5", exchange)
    if alone.served and (beside.status or 0) in {400, 403, 422}:
        raise judge.violation("ID-5", f"{beside.title} with a client id beside the bearer", alone, beside)
    plans = [_plan_of(judge, "ID-5", each) for each in (alone, beside)]
    if plans[0] in free_plan_keys(catalogue(judge, "ID-5")):
        raise NotRun(f"needs a {credential} of an account on a paid plan")
    judge.check(
        "ID-5", plans[0] == plans[1], f"the plan turned from {plans[0]!r} to {plans[1]!r}", alone, beside
    )


@pytest.mark.parametrize(
    "credential",
    [
        pytest.param(
            name, marks=[needs(name), judges("ID-5", units={"cloudChatDaily": 2}, requests=5, spend=spend)]
        )
        for name, spend in ((JWT, None), (API_KEY, Spend.EXHAUST))
    ],
)
def test_a_client_id_beside_a_bearer_is_not_charged(judge: Judge, credential: str) -> None:
    account, guest = judge.credential(credential), judge.caller()
    both = account.also(X_Client_ID=guest.headers["X-Client-ID"])
    before = read_usage(judge, "ID-5", guest)
    seen = observe(judge, account, "cloudChatDaily", lambda: judge.post(CHAT, say("Say hello."), both))
    change = seen.consumed(judge, "ID-5").get("cloudChatDaily", 0)
    after = read_usage(judge, "ID-5", guest)
    charged = moved(judge, "ID-5", before, after)
    judge.check("ID-5", not charged, "the client id was charged beside a bearer", after.exchange)
    if change < 1:
        alone = observe(
            judge, account, "cloudChatDaily", lambda: judge.post(CHAT, say("Say hello."), account)
        )
        message = "the account is charged for its chat, and not with a client id beside its bearer"
        judge.check("ID-5", not alone.consumed(judge, "ID-5"), message, seen.call, seen.after, alone.after)
        raise judge.undecided("ID-5", "the account was not charged for its chat (see CHAT-11)", seen.call)


@pytest.mark.parametrize(
    ("requirement", "user_agent"),
    [
        pytest.param(requirement, agent, id=whose, marks=judges(requirement, requests=1, spend=Spend.SAMPLE))
        for requirement, agent, whose in (
            ("ID-5", callers.SIGNED_IN, "accounts"),
            ("ID-1", callers.NAMED, "client ids"),
        )
    ],
)
@looks_back
def test_the_address_of_those_that_name_themselves_has_paid_nothing(
    judge: Judge, requirement: str, user_agent: str
) -> None:
    address = read_usage(judge, requirement, callers.at_address_of(user_agent))
    paid = {metric: used for metric, used in address.used.items() if used}
    if paid:
        # Where whoever is new has used something, callers are not told apart: that is for others to say.
        fresh = read_usage(judge, requirement, callers.by_user_agent())
        paid = {metric: used for metric, used in paid.items() if not fresh.used[metric]}
    message = f"the address and user agent of callers that name themselves have paid {paid}"
    judge.check(requirement, not paid, message, address.exchange)


# --- what clients rely on -------------------------------------------------------------------------------


@judges("OBS-1", requests=1)
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


@judges("ASM-2", units={"cloudChatDaily": 1}, requests=4)
def test_a_malformed_client_id_is_ignored(judge: Judge) -> None:
    agent = callers.by_user_agent()
    short = agent.also(X_Client_ID="short")
    seen = observe(judge, short, "cloudChatDaily", lambda: judge.post(CHAT, say("Say hello."), short))
    change = seen.consumed(judge, "ASM-2").get("cloudChatDaily", 0)
    same = read_usage(judge, "ASM-2", agent)
    moved(judge, "ASM-2", parse_usage(seen.before), same)
    ignored = change == same.used["cloudChatDaily"] == 1
    judge.check(
        "ASM-2", ignored, "a malformed client id was an identity of its own", seen.call, same.exchange
    )


@judges("OBS-17", shares=[shown_to(API_KEY, SUBSCRIPTION)])
@needs(API_KEY)
def test_an_api_key_has_the_known_prefix(judge: Judge) -> None:
    exchange = shown(judge, SUBSCRIPTION, API_KEY)
    judge.served("OBS-17", exchange)
    known = judge.target.credentials[API_KEY].startswith("ipa_live_")
    judge.check("OBS-17", known, "the API key does not begin with ipa_live_", exchange)


@judges("ASM-3", requests=1)
def test_an_unsigned_token_is_never_accepted(judge: Judge) -> None:
    kinds = invalid_bearers({})
    caller = judge.forged("unsigned token", kinds["unsigned token"])
    judge.refused("ASM-3", judge.get("/subscription", caller, lane="free"), 401, "an unsigned token")


@judges("ASM-4", shares=[SUBSCRIPTION])
def test_there_is_no_subscription_without_a_bearer(judge: Judge) -> None:
    exchange = shown(judge, SUBSCRIPTION)
    judge.able("ASM-4", exchange)
    judge.check("ASM-4", exchange.status == 401, f"{exchange.title}: expected 401", exchange)
