"""What a call costs, and whom: relations between an answer and the counters before and after it."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from lightning_verify.facts import METRIC_OF, METRICS, PRICE_OF
from lightning_verify.judging.judge import Judge
from lightning_verify.judging.observations import (
    CAPABILITIES,
    CHAT,
    READABLE,
    STREAM,
    THOROUGH,
    call_observed,
    capability_check,
    operation_observed,
    refusal,
    refusals_made,
    refusals_of,
    refused_call,
    refused_caller,
    refused_calls,
    shown,
)
from lightning_verify.judging.outcomes import NotRun
from lightning_verify.judging.snapshot import Snapshot, Unreadable, parse_usage
from lightning_verify.judging.usage import (
    IDLE_LOOKS,
    Observation,
    counters,
    moved,
    not_a_copy,
    not_exhausted,
    observe,
    read_usage,
    settled,
)
from lightning_verify.requests.callers import Caller
from lightning_verify.requests.credentials import API_KEY, BAD, FREE_JWT, JWT
from lightning_verify.requests.invalid import NOTHING_ASKED
from lightning_verify.requests.prompts import IMAGE, TOOLS
from lightning_verify.requests.refusals import TOO_LARGE
from lightning_verify.requests.valid import (
    CALLS,
    OVERSIZED,
    POSTS,
    oversized,
    picture_base64,
    picture_data_uri,
    say,
)
from lightning_verify.run.marks import judges, needs, needs_own_host
from lightning_verify.target import Spend
from lightning_verify.transport.exchange import Exchange
from lightning_verify.transport.timeline import has_bearer

# Seconds in which a counter that forgets would have forgotten.
A_WHILE = 1.2


def _wait_after(exchange: Exchange, seconds: float) -> None:
    """Wait until so many seconds have passed since an answer came."""
    time.sleep(max(0.0, exchange.sent + exchange.seconds + seconds - time.monotonic()))


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
        pytest.param(requirement, operation, id=operation, marks=judges(requirement, shares=[operation]))
        for operation, requirement in PRICE_OF.items()
    ],
)
def test_an_answered_call_costs_one_unit_of_its_metric(
    judge: Judge, requirement: str, operation: str
) -> None:
    _costs_one(judge, requirement, operation_observed(judge, operation))


@pytest.mark.parametrize(
    ("requirement", "operation"),
    [
        pytest.param(
            requirement, operation, id=operation, marks=judges(requirement, shares=[operation], requests=1)
        )
        for operation, requirement in PRICE_OF.items()
    ],
)
def test_the_price_is_still_one_unit_a_moment_later(judge: Judge, requirement: str, operation: str) -> None:
    seen = operation_observed(judge, operation)
    if not seen.consumed(judge, requirement):
        raise judge.undecided(requirement, "nothing was counted at all", seen.after)
    _wait_after(seen.after, A_WHILE)
    before, later = parse_usage(seen.before), read_usage(judge, requirement, seen.caller)
    units = moved(judge, requirement, before, later).get(seen.metric, 0)
    message = f"{A_WHILE:g} s later the call has moved {seen.metric} by {units}"
    judge.check(requirement, units <= 1, message, seen.call, later.exchange)


@judges("CHAT-11", shares=["stream"])
def test_a_streamed_chat_costs_one_unit_as_well(judge: Judge) -> None:
    _costs_one(judge, "CHAT-11", call_observed(judge, STREAM))


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
    [pytest.param(operation, marks=judges("RATE-4", shares=[operation])) for operation in PRICE_OF],
)
def test_a_caller_with_units_left_is_not_429(judge: Judge, operation: str) -> None:
    seen = operation_observed(judge, operation)
    metric = METRIC_OF[operation]
    try:
        before = parse_usage(judge.served("RATE-4", seen.before, owner=False))
    except Unreadable as problem:
        raise judge.undecided("RATE-4", str(problem), seen.before) from None
    limit = before.limit[metric]
    if seen.call.status == 429 and (limit is None or before.used[metric] < limit):
        message = f"{seen.call.title} with {before.used[metric]} of {limit} {metric} used"
        raise judge.violation("RATE-4", message, seen.before, seen.call)
    judge.witness("RATE-4", judge.served("RATE-4", seen.call, owner=False))


@judges("CHAT-11", units={"cloudChatDaily": 2}, requests=4)
def test_the_same_prompt_twice_costs_two_units(judge: Judge) -> None:
    caller = judge.caller()
    before = read_usage(judge, "CHAT-11", caller)
    for _ in range(2):
        exchange = judge.served("CHAT-11", judge.post(CHAT, say("Say hello."), caller), owner=False)
    after = settled(judge, "CHAT-11", caller, "cloudChatDaily", before.used["cloudChatDaily"] + 2)
    change = moved(judge, "CHAT-11", before, after)
    not_a_copy(judge, "CHAT-11", before, after)
    judge.check(
        "CHAT-11", change == {"cloudChatDaily": 2}, f"two chats moved {change}", exchange, after.exchange
    )


@pytest.mark.parametrize(
    "operation",
    [
        pytest.param(operation, marks=judges("RATE-1", shares=[operation], requests=1))
        for operation in ("createChatCompletion", "createImage", "createVideo", "createSfx")
    ],
)
def test_what_one_caller_spends_is_not_counted_for_another(judge: Judge, operation: str) -> None:
    spent = operation_observed(judge, operation)
    judge.served("RATE-1", spent.call, owner=False)
    other = read_usage(judge, "RATE-1", judge.caller())
    not_exhausted(judge, "RATE-1", other)
    counted = {metric: used for metric, used in other.used.items() if used}
    judge.check("RATE-1", not counted, f"a new caller already has {counted}", spent.call, other.exchange)


@pytest.mark.parametrize(
    "operation",
    [
        pytest.param(operation, marks=judges("RATE-7", shares=[operation], requests=3))
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
            _wait_after(spent.after, A_WHILE)
        later = read_usage(judge, "RATE-7", spent.caller)
        since = moved(judge, "RATE-7", parse_usage(spent.before), later)
        kept = since.get(spent.metric, 0) >= change.get(spent.metric, 0)
        message = f"{spent.metric} fell to {later.used[spent.metric]} within its window"
        judge.check("RATE-7", kept, message, spent.after, later.exchange)


# --- what costs nothing ---------------------------------------------------------------------------------


def _refusals(judge: Judge, metric: str, *, size: bool) -> tuple[Caller, Snapshot, list[Exchange]]:
    """A caller whose calls of a metric were all refused, its counters before, and the refusals, for the
    `size` of a prompt or for all else. Raises Undecided when one was not refused."""
    caller, look = refused_caller(judge, metric)
    assert look is not None
    before = counters(judge, "RATE-2", look)
    # In a free run one caller is refused everything.
    free = judge.spend is Spend.NONE
    refusals = [
        refused_call(judge, operation, kind)
        for operation in _refusing(metric)
        if operation in POSTS or judge.examples >= THOROUGH
        for kind in (refusals_made(judge, operation) if size or free else refusals_of(operation))
        if free or (kind == TOO_LARGE) is size
    ]
    if not refusals:
        raise NotRun("needs a host that refuses some size (see FAIL-2)")
    # What a served GET costs is another's matter, unless a bad bearer was let in: then this caller may have
    # paid for it. The others are refusals all the same.
    refusals = [each for each in refusals if each.method != "GET" or not each.served or has_bearer(each)]
    for exchange in refusals:
        if exchange.status is None:
            judge.answered("RATE-2", exchange)
    if any(exchange.served for exchange in refusals):
        raise judge.undecided(
            "RATE-2", "a request that should be refused was not (see FAIL-1, FAIL-2 and AUTH-4)", *refusals
        )
    return caller, before, refusals


def _refusing(metric: str) -> list[str]:
    return [operation for operation, costs in METRIC_OF.items() if costs == metric]


def _every_refusal(*, size: bool) -> pytest.MarkDecorator:
    """One test for each metric, of what is refused for its size or of all else."""

    def made(metric: str) -> list[str]:
        kinds = [(name, kind) for name in _refusing(metric) for kind in refusals_of(name)]
        return [refusal(name, kind) for name, kind in kinds if (kind == TOO_LARGE) is size]

    return pytest.mark.parametrize(
        "metric",
        [
            pytest.param(
                metric, marks=judges("RATE-2", shares=[refused_calls(metric), *made(metric)], requests=1)
            )
            for metric in METRICS
        ],
    )


@_every_refusal(size=False)
def test_a_refused_call_costs_nothing(judge: Judge, metric: str) -> None:
    _stands_still(judge, *_refusals(judge, metric, size=False))


@_every_refusal(size=False)
def test_a_refused_call_costs_nothing_a_moment_later_either(judge: Judge, metric: str) -> None:
    _stands_still_later(judge, *_refusals(judge, metric, size=False))


@_every_refusal(size=True)
def test_what_is_refused_for_its_size_costs_nothing(judge: Judge, metric: str) -> None:
    _stands_still_later(judge, *_refusals(judge, metric, size=True))


def _lag(judge: Judge) -> float:
    """Seconds that the counters of this host may lag, judging by what was seen before."""
    return min(judge.settle, (judge.learned.lag or 0.0) * 1.5)


def _stands_still_later(judge: Judge, caller: Caller, before: Snapshot, calls: list[Exchange]) -> None:
    # Whatever is counted in the background has been counted by then.
    _wait_after(max(calls, key=lambda each: each.sent), max(A_WHILE, _lag(judge)))
    _stands_still(judge, caller, before, calls)


def _stands_still(judge: Judge, caller: Caller, before: Snapshot, calls: list[Exchange]) -> None:
    after = read_usage(judge, "RATE-2", caller)
    change = moved(judge, "RATE-2", before, after)
    judge.check("RATE-2", not change, f"refused calls moved {change}", *calls[-1:], after.exchange)


_METERED = [operation for operation in POSTS if operation in METRIC_OF]
# Large bodies take time, so that each credential of an account sends half of them.
TOO_LARGE_FOR = {JWT: _METERED[::2], API_KEY: _METERED[1::2]}


@pytest.mark.parametrize(
    ("credential", "operations", "too_large"),
    [
        pytest.param(
            name,
            operations,
            too_large,
            id=name,
            marks=[
                needs(name),
                judges("RATE-2", requests=len(operations) + len(too_large) + 2, spend=spend),
                *marks,
            ],
        )
        # The free account's: a host that charges for it nonetheless must not charge the paid one, unless
        # nobody else needs that.
        for name, operations, too_large, spend, marks in (
            (FREE_JWT, ["createChatCompletion", "createImage", "createVideo", "createSfx"], [], None, []),
            *(
                (name, _METERED, large, Spend.EXHAUST, [needs_own_host])
                for name, large in TOO_LARGE_FOR.items()
            ),
        )
    ],
)
def test_a_refused_call_costs_an_account_nothing(
    judge: Judge, credential: str, operations: list[str], too_large: list[str]
) -> None:
    account = judge.credential(credential)
    bodies: list[tuple[str, dict[str, Any]]] = [(operation, NOTHING_ASKED) for operation in operations]
    bodies += [(operation, oversized(operation, OVERSIZED[1])) for operation in too_large]

    def be_refused() -> None:
        for operation, body in bodies:
            exchange = judge.post(CALLS[operation].path, body, account, lane="free")
            # A host may hang up on a large body.
            silent = exchange.status is None and operation not in too_large
            if silent or exchange.served:
                raise judge.undecided("RATE-2", f"{exchange.title}: it was not refused", exchange)
        time.sleep(_lag(judge))

    _leaves_alone(judge, "RATE-2", account, be_refused, "refused calls")


# One operation of each metric. What a credential is refused on it is mostly refused on all.
_ONE_OF_EACH = list({METRIC_OF[operation]: operation for operation in reversed(_METERED)}.values())


@pytest.mark.parametrize("credential", [pytest.param(name, marks=needs(name)) for name in (JWT, FREE_JWT)])
@needs_own_host
@judges("RATE-2", requests=len(BAD) + 2, spend=Spend.EXHAUST)
def test_a_credential_that_was_good_once_costs_its_account_nothing(judge: Judge, credential: str) -> None:
    # Nobody says whose it was: each account is looked at.
    no_longer_good = [judge.credential(name) for name in BAD if name in judge.target.credentials]
    if not no_longer_good:
        raise NotRun(f"needs one of {', '.join(BAD)}")

    def be_refused() -> None:
        for caller, operation in zip(no_longer_good, _ONE_OF_EACH, strict=False):
            call = CALLS[operation]
            exchange = judge.ask(call, caller, lane="free")
            if exchange.status is None or exchange.served:
                raise judge.undecided(
                    "RATE-2", f"{exchange.title}: it was not refused (see AUTH-5, AUTH-6)", exchange
                )
        time.sleep(_lag(judge))

    _leaves_alone(judge, "RATE-2", judge.credential(credential), be_refused, "calls with a lost credential")


@judges("RATE-3", shares=[*READABLE, *(f"/status/{each}" for each in CAPABILITIES)], requests=1)
def test_reading_costs_nothing(judge: Judge) -> None:
    caller, look = judge.reader()
    before = counters(judge, "RATE-3", look)
    for path in READABLE:
        shown(judge, path)
    for capability in CAPABILITIES:
        capability_check(judge, capability)
    after = read_usage(judge, "RATE-3", caller)
    change = moved(judge, "RATE-3", before, after)
    judge.check("RATE-3", not change, f"reading moved {change}", before.exchange, after.exchange)


@pytest.mark.parametrize(
    "credential",
    [
        pytest.param(FREE_JWT, marks=[needs(FREE_JWT), judges("RATE-3", requests=8)]),
        *(
            pytest.param(name, marks=[needs(name), judges("RATE-3", requests=8, spend=Spend.SAMPLE)])
            for name in (JWT, API_KEY)
        ),
    ],
)
def test_reading_an_account_costs_nothing(judge: Judge, credential: str) -> None:
    account = judge.credential(credential)

    def read() -> None:
        for path in ("/subscription", "/usage", "/tier-config", "/tiers", "/models", "/status"):
            judge.served("RATE-3", judge.get(path, account), owner=False)

    _leaves_alone(judge, "RATE-3", account, read, "reading")


@pytest.mark.parametrize(
    ("requirement", "operation", "credential"),
    [
        pytest.param(
            requirement,
            operation,
            credential,
            id=f"{operation}-{credential}",
            marks=[
                needs(credential),
                judges(requirement, units={METRIC_OF[operation]: 1}, requests=3, spend=spend),
            ],
        )
        for requirement, operation, credential, spend in (
            # Few units are in a free account, and somebody may need them.
            ("VID-7", "createVideo", FREE_JWT, Spend.EXHAUST),
            ("CHAT-11", "createChatCompletion", FREE_JWT, None),
        )
    ],
)
def test_an_account_pays_for_what_it_asks(
    judge: Judge, requirement: str, operation: str, credential: str
) -> None:
    account, guest, call = judge.credential(credential), judge.caller(), CALLS[operation]
    metric = METRIC_OF[operation]
    before = read_usage(judge, requirement, account)
    limit = before.limit[metric]
    if limit is not None and before.used[metric] >= limit:
        raise NotRun(f"needs an account with units of {metric} left")
    # A client id beside the bearer, as the desktop application sends it, does not pay in its place.
    both = account.also(X_Client_ID=guest.headers["X-Client-ID"])
    seen = observe(
        judge,
        account,
        metric,
        lambda: judge.ask(call, both),
        before.exchange,
    )
    change = seen.consumed(judge, requirement).get(metric, 0)
    message = f"{call.path} asked for by {account.label} did not move its {metric}"
    judge.check(requirement, change >= 1, message, seen.before, seen.call, seen.after)


@pytest.mark.parametrize(
    ("spender", "other"), [(JWT, FREE_JWT), (FREE_JWT, JWT)], ids=["paid-beside-free", "free-beside-paid"]
)
@judges("RATE-1", units={"cloudChatDaily": 3}, requests=3)
@needs(FREE_JWT, JWT)
def test_what_one_account_spends_is_not_counted_for_another(judge: Judge, spender: str, other: str) -> None:
    def spend() -> None:
        exchange = judge.post(CHAT, say("Say hello."), judge.credential(spender))
        if exchange.status == 429:
            raise NotRun(f"needs a {spender} with chats left")
        judge.served("RATE-1", exchange, owner=False)

    _leaves_alone(judge, "RATE-1", judge.credential(other), spend, "the chat of another account")


@judges("RATE-1", units={"cloudChatDaily": 3}, requests=3)
@needs(FREE_JWT)
def test_what_a_guest_spends_is_not_counted_for_an_account(judge: Judge) -> None:
    def spend() -> None:
        judge.served("RATE-1", judge.post(CHAT, say("Say hello."), judge.caller()), owner=False)

    _leaves_alone(judge, "RATE-1", judge.credential(FREE_JWT), spend, "a guest's chat")


def _leaves_alone(
    judge: Judge, requirement: str, account: Caller, action: Callable[[], None], what: str
) -> None:
    """`action` does not move the counters of an account. Others may spend there at the same moment, so only a
    movement that comes with every one of three actions, and not without them, counts against the host. Our
    other calls wait meanwhile, since the host may count them there as well. What comes with every single look
    is the price of looking."""

    def tried() -> tuple[Snapshot, dict[str, int]]:
        before = read_usage(judge, requirement, account)
        action()
        after = read_usage(judge, requirement, account)
        return after, moved(judge, requirement, before, after)

    after, change = tried()
    if not change:
        judge.witness(requirement, after.exchange)
        return
    with judge.client.exclusively():
        began, answered = time.monotonic(), judge.client.answered.total()
        for _ in range(2):
            after, change = tried()
            if not change:
                judge.witness(requirement, after.exchange)
                return
        # For as many requests and for as long as the two actions: where others spend, it shows in that.
        seconds, requests = time.monotonic() - began, judge.client.answered.total() - answered
        looks, end = [after], time.monotonic() + seconds
        while len(looks) <= max(requests, IDLE_LOOKS) or time.monotonic() < end:
            looks.append(read_usage(judge, requirement, account))
        steps = [moved(judge, requirement, *two) for two in pairwise(looks)]
    if steps[0] and all(step == steps[0] for step in steps):
        message = f"each of {len(steps)} looks at the counters of an account moved them by {steps[0]}"
        raise judge.violation("RATE-3", message, *(look.exchange for look in looks[-2:]))
    if any(steps):
        raise NotRun("needs an account where nobody else spends meanwhile")
    raise judge.violation(requirement, f"{what} moved {change} of an account, three times", after.exchange)


@judges("ASM-5", requests=3)
def test_prompt_analysis_costs_nothing(judge: Judge) -> None:
    caller = judge.caller()
    before = read_usage(judge, "ASM-5", caller)
    call = CALLS["analyzePrompt"]
    exchange = judge.served("ASM-5", judge.post(call.path, call.body, caller))
    after = read_usage(judge, "ASM-5", caller)
    change = moved(judge, "ASM-5", before, after)
    judge.check("ASM-5", not change, f"an analysis moved {change}", exchange, after.exchange)
