"""Every kind of caller, operation and form together: the laws and the ledger then judge the exchanges.

These checks only bring about what no other test does. What an answer must be is for the laws, and what it may
cost for the ledger; whether a kind of caller is served at all is judged here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from lightning_verify.facts import METRIC_OF, OWNER_OF, PRICE_OF
from lightning_verify.judging import observations
from lightning_verify.judging.assets import revealed_assets
from lightning_verify.judging.contrast import trouble
from lightning_verify.judging.judge import Judge
from lightning_verify.judging.observations import (
    ANALYZE,
    OFTEN,
    is_gone,
    loses_inputs_of_images,
    name_two_emails,
    refused_size,
)
from lightning_verify.judging.outcomes import NotRun
from lightning_verify.judging.sizes import may_be_too_long
from lightning_verify.judging.snapshot import Snapshot
from lightning_verify.judging.usage import Observation, counters, moved, observe, others_spend, read_usage
from lightning_verify.laws.generation import chosen_otherwise
from lightning_verify.requests import callers
from lightning_verify.requests.callers import Caller
from lightning_verify.requests.credentials import API_KEY, FREE_JWT, JWT, invalid_bearers
from lightning_verify.requests.invalid import NOTHING_ASKED
from lightning_verify.requests.refusals import (
    BEARERS,
    KINDS,
    TOO_LARGE,
    Refusal,
    forms_of,
    more_refusals,
    refusals,
)
from lightning_verify.requests.situations import OWN, Situation, beside_a_client_id, cover
from lightning_verify.requests.valid import BEYOND_REASON, CALLS, OVERSIZED, PLACES, POSTS, Call
from lightning_verify.run.marks import judges, looks_back, may_use, needs, needs_own_host
from lightning_verify.target import Spend
from lightning_verify.transport.client import Lane
from lightning_verify.transport.exchange import NOT_OFFERED, Exchange

SITUATIONS = tuple(cover())
CREDENTIAL = {"access token": JWT, "API key": API_KEY}
SERVES = {"access token": "AUTH-1", "API key": "AUTH-2", "client id": "ID-4", "address": "ID-4"}
# The name of what accounts were asked with a client id beside their bearer.
BESIDE_ACCOUNTS = "asked by accounts beside a client id"
# How often an account that seems to pay wrongly is looked at once more.
_TURNS = 2
# Units that counters which lag may hide.
PLENTY = 5


def _caller(judge: Judge, kind: str, operation: str = "", form: str = "plain") -> Caller:
    if kind in OWN:
        return judge.caller() if kind == "client id" else callers.by_user_agent()
    account = judge.credential(CREDENTIAL[kind])
    beside = beside_a_client_id(kind, operation, form)
    return account.beside_a_client_id() if beside else account


def _needs(kind: str) -> list[pytest.MarkDecorator]:
    return [needs(CREDENTIAL[kind])] if kind in CREDENTIAL else []


def _inputs(situation: Situation) -> int:
    """How many assets an answer may mention."""
    return len(situation.fields.get("image_urls", ()))


def _comes_refused(situation: Situation) -> bool:
    """Whether the caller was refused just before: what goes wrong then shows nowhere else."""
    return (situation.kind, situation.form) == ("address", "plain")


def _judged(situation: Situation) -> tuple[str, ...]:
    """That this kind is served; and that it pays, if only this look at the counters can show it."""
    served = SERVES[situation.kind]
    return (served, PRICE_OF[situation.operation]) if situation.kind in CREDENTIAL else (served,)


@pytest.mark.parametrize(
    "situation",
    [
        pytest.param(
            situation,
            id=f"{situation.kind}-{situation.operation}-{situation.form}".replace(" ", "_"),
            marks=[
                *_needs(situation.kind),
                # Two more units, where it is refused: without a field, and by somebody else.
                judges(
                    *_judged(situation),
                    units={METRIC_OF[situation.operation]: 3},
                    requests=(3 if situation.kind in CREDENTIAL else 2)
                    + _inputs(situation)
                    + bool(situation.analysed)
                    + _comes_refused(situation),
                ),
            ],
        )
        for situation in SITUATIONS
    ],
)
def test_every_kind_of_caller_is_served_in_every_form(judge: Judge, situation: Situation) -> None:
    requirement = SERVES[situation.kind]
    metric, price = METRIC_OF[situation.operation], PRICE_OF[situation.operation]
    caller = _newcomer(judge, situation)

    def ask(call: Call = situation.call, who: Caller = caller) -> Exchange:
        return judge.ask(call, who)

    def again(call: Call = situation.call) -> Exchange:
        """As the same kind of caller; as a new one if possible, since one has few units."""
        return ask(call, _newcomer(judge, situation) if situation.kind in OWN else caller)

    if situation.kind in OWN:
        exchange = ask()
        if exchange.status == 429 and _comes_refused(situation):
            # A limit of bursts counts what it refuses, too.
            caller = _caller(judge, situation.kind)
            exchange = ask(who=caller)
        # For the books: nobody else spends here, so that they need no look that waits. On this machine all
        # callers are looked at in the end.
        seen_later = judge.target.is_loopback and exchange.status != 429
        after = exchange if seen_later else judge.get("/usage", caller)
    else:
        before = read_usage(judge, requirement, caller)
        judge.payers.take(metric, before)
        seen = observe(judge, caller, metric, ask, before.exchange)
        if (seen.call.status or 0) >= 500:  # Perhaps a bad moment; what it costs shows in another one.
            seen = observe(judge, caller, metric, ask)
        exchange, after = seen.call, seen.after
    if exchange.served and exchange.failure is None:
        judge.witness(requirement, exchange)
        looks = [lambda: _keeps_inputs(judge, exchange, caller)]
        if prompt := situation.analysed:
            looks.append(lambda: _is_analysed(judge, prompt, caller))
        if otherwise := chosen_otherwise(exchange):
            looks.append(lambda: _once_more(judge, exchange, again(), otherwise))
        if situation.kind not in OWN:
            looks.append(lambda: pays_once(judge, price, seen, ask))
        judge.look_at_all(*looks)
        return
    if exchange.status == 429:
        if situation.kind in OWN:
            _refused_before(judge, metric, exchange, after)
        elif _has_units(judge, metric, before, after):
            message = f"{exchange.title} for {caller.label} with units of {metric} left"
            raise judge.violation("RATE-4", message, before.exchange, exchange, after)
        else:
            _refused_at_rest(judge, metric, caller, ask, after)
        raise NotRun(f"needs an account with units of {metric} left")
    _is_not_too_long(exchange)
    other = "address" if situation.kind == "client id" else "client id"
    _tell_why(judge, situation, exchange, again, plain=lambda: ask(who=_caller(judge, other)))
    if situation.kind not in OWN:
        judge.leave((price,), "its call had a bad moment, so that what it costs was not seen")


def _is_analysed(judge: Judge, prompt: list[dict[str, Any]], caller: Caller) -> None:
    """The same caller's analysis of the same messages, which has to agree with the stream, and which whoever
    is served elsewhere is served as well."""

    def ask(who: Caller = caller) -> Exchange:
        return judge.post(ANALYZE, {"prompt": prompt}, who)

    exchange = ask()
    if exchange.served or exchange.status == 429 or exchange.problem is not None:
        return
    second = judge.probes.second_look(exchange, again=ask, plain=lambda: ask(judge.caller()))
    if second.stands_out:
        message = f"{exchange.title} for {caller.label}, each time, while others are served"
        raise judge.violation("ANA-1", message, *second.shown)


def _newcomer(judge: Judge, situation: Situation) -> Caller:
    caller = _caller(judge, situation.kind, situation.operation, situation.form)
    if _comes_refused(situation):
        metric = METRIC_OF[situation.operation]
        path = next(CALLS[name].path for name in POSTS if METRIC_OF.get(name) == metric)
        judge.post(path, NOTHING_ASKED, caller, lane="free")
    return caller


def _is_not_too_long(exchange: Exchange) -> None:
    if may_be_too_long(exchange):
        raise NotRun("needs a host whose prompts may be as long as published")


def _keeps_inputs(judge: Judge, exchange: Exchange, caller: Caller) -> None:
    """The inputs that an answer mentions are there for the caller that sent them; that they are pictures is
    for a law. One odd answer may be a bad moment, and another host's files are not ours to judge."""
    for asset in () if exchange.lost_file else revealed_assets(exchange):
        looks = [judge.get(asset.path, caller)]
        if is_gone(looks[0]) and not asset.guessed:
            looks.append(judge.get(asset.path, caller))
            gone = all(map(is_gone, looks))
            message = f"{looks[0].title}: an input of {exchange.caller} is not kept"
            of_an_image = exchange.path.startswith("/gen/image")
            owner = "IMG-5" if of_an_image or (gone and loses_inputs_of_images(judge)) else "CDN-1"
            judge.check(owner, not gone, message, exchange, *looks)


def _once_more(judge: Judge, exchange: Exchange, again: Exchange, otherwise: str) -> None:
    """One answer may go against a choice of tools; two in a row do not by chance."""
    judge.served("CHAT-9", again, owner=False)
    obeyed = chosen_otherwise(again) is None
    judge.check("CHAT-9", obeyed, f"{otherwise}, twice, for {exchange.caller}", exchange, again)


def _refused_before(judge: Judge, metric: str, exchange: Exchange, after: Exchange) -> None:
    """A caller that nobody has seen before is at no limit, unless nothing is left for anybody."""
    judge.answered("RATE-4", exchange)
    look = counters(judge, "RATE-4", after)
    limit = look.limit[metric]
    if limit == 0:
        raise NotRun(f"needs a free tier with units of {metric}")
    if look.used[metric] == 0 and (limit is None or limit > 0) and exchange.header("retry-after") is None:
        again = judge.client.send(
            exchange.method, exchange.path, callers.anonymous(), body=exchange.request_body
        )
        if again.served:
            message = f"{exchange.title} for a {exchange.caller} that has spent nothing"
            raise judge.violation("RATE-4", message, exchange, after, again)
    raise judge.undecided("RATE-4", f"{exchange.title}: the host refuses whoever asks", exchange, after)


def pays_once(judge: Judge, price: str, seen: Observation, ask: Callable[[], Exchange]) -> None:
    """An account pays one unit, and nothing on another metric. Others may spend from it, so only what happens
    three times, and not without a call, counts against the host."""
    metric, shown = seen.metric, (seen.before, seen.call, seen.after)
    change = seen.consumed(judge, price)
    has_client_id = "X-Client-ID" in seen.caller.headers
    if has_client_id:
        judge.once(BESIDE_ACCOUNTS, list[Observation]).append(seen)
    if not change.get(metric):
        message = f"{seen.call.title} for {seen.caller.label} did not move its {metric}"
        if has_client_id:
            _paid_nothing_beside(judge, seen, read_usage(judge, price, _client_id_beside(seen)))
            _shows_its_counters(judge, price, seen.caller, metric)
        _shows_what_its_account_has_used(judge, price, seen.caller, metric)
        raise judge.violation(price, message, *shown)
    last = seen
    for _ in range(_TURNS):
        if change == {metric: 1} or others_spend(judge, price, last):
            break
        last = observe(judge, seen.caller, metric, ask)
        if not last.call.served or last.consumed(judge, price) != change:
            break
    else:
        message = f"{seen.call.title} for {seen.caller.label} moved {change}, three times"
        raise judge.violation(price, message, *shown)
    # It has paid; whether for itself only cannot be seen where others spend.
    judge.witness(price, *shown)


def _client_id_beside(seen: Observation) -> Caller:
    """The client id that was sent beside a bearer, as a caller without one."""
    return callers.anonymous().also(X_Client_ID=seen.caller.headers["X-Client-ID"])


def _paid_nothing_beside(judge: Judge, seen: Observation, guest: Snapshot) -> None:
    metric = seen.metric
    # Where whoever is new has used something, callers are not told apart: that is for others to say.
    paid = guest.used[metric] and not read_usage(judge, "ID-5", judge.caller()).used[metric]
    message = f"{seen.call.title} for {seen.caller.label} moved {metric} of the client id beside it"
    judge.check("ID-5", not paid, message, seen.before, seen.call, seen.after, guest.exchange)


@needs(JWT)
@looks_back
@judges(
    "ID-5",
    requests=sum(beside_a_client_id(each.kind, each.operation, each.form) for each in SITUATIONS),
    spend=Spend.SAMPLE,
)
def test_a_client_id_beside_an_account_has_paid_nothing(judge: Judge) -> None:
    asked = judge.once(BESIDE_ACCOUNTS, list[Observation])
    if not asked:
        raise NotRun("needs an account that was served")
    reads = [("GET", "/usage", _client_id_beside(seen), None) for seen in asked]
    for seen, look in zip(asked, judge.client.send_together(reads, retry=True, follow=True), strict=True):
        _paid_nothing_beside(judge, seen, counters(judge, "ID-5", look))


def _shows_its_counters(judge: Judge, price: str, beside: Caller, metric: str) -> None:
    """An account has the same counters when a client id is sent too. They only grow, no matter who spends:
    what was used without one must be included when read later with one."""
    bare, there = (read_usage(judge, price, who) for who in (beside.without("X-Client-ID"), beside))
    message = (
        f"{beside.label} has used {bare.used[metric]} {metric}, and {there.used[metric]} beside a client id"
    )
    judge.check("ID-5", there.used[metric] >= bare.used[metric], message, bare.exchange, there.exchange)


def _shows_what_its_account_has_used(judge: Judge, price: str, account: Caller, metric: str) -> None:
    """An account has the same counters by its token and by its key: what is shown to one of them must be
    included in what the other is shown a while later."""
    others = [each for each in judge.usable(JWT, API_KEY) if each.payer != account.payer]
    for other in [] if name_two_emails(judge, JWT, API_KEY) else others:
        there = read_usage(judge, price, other)
        time.sleep(judge.settle)
        here = read_usage(judge, price, account)
        known, shown = there.used[metric], here.used[metric]
        message = f"{other.label} shows {known} {metric}, and {account.label} {shown}"
        judge.check("AUTH-3", shown >= known, message, there.exchange, here.exchange)


def _has_units(judge: Judge, metric: str, before: Snapshot, after: Exchange) -> bool:
    """Whether an account has so many units left, before and after a call, that neither other users nor a
    lagging counter can explain a refusal."""
    for look in (before, counters(judge, "RATE-4", after)):
        limit = look.limit[metric]
        if limit is not None and look.used[metric] > limit // 2 - PLENTY:
            return False
    return True


def _refused_at_rest(
    judge: Judge, metric: str, account: Caller, ask: Callable[[], Exchange], look: Exchange
) -> None:
    """Raises a violation when an account that only we use, and that has units left at a `look`, is refused
    again once its counters have had their time and while nothing else is asked for."""
    has_units = counters(judge, "RATE-4", look).has_units(metric)
    if not has_units or not judge.target.may_be_asked_often(judge.spend):
        return
    time.sleep(judge.settle)
    with judge.client.exclusively():
        before = judge.get("/usage", account)
        exchange = ask()
        after = judge.get("/usage", account)
    judge.answered("RATE-4", exchange)
    looks = [counters(judge, "RATE-4", each) for each in (before, after)]
    moved(judge, "RATE-4", *looks)
    has_units = all(each.has_units(metric) for each in looks)
    if exchange.status == 429 and exchange.header("retry-after") is None and has_units:
        message = f"{exchange.title} for {account.label} with units of {metric} left, though nobody else asks"
        raise judge.violation("RATE-4", message, before, exchange, after)


def _tell_why(
    judge: Judge,
    situation: Situation,
    exchange: Exchange,
    again: Callable[..., Exchange],
    plain: Callable[[], Exchange],
) -> None:
    """A host that fails, and serves the very same request the next time or finds it too long, had a bad
    moment. One that refuses or fails every time here, but never without one field of the form, cannot do that
    field; one that serves another kind of caller every time does not serve this kind. Anything else is for
    other checks to judge. A 401 is about the caller, not about a field."""
    judge.past_outages(SERVES[situation.kind], exchange)
    if exchange.is_lost or trouble(exchange) == "failed":
        later = again()
        if later.served and later.failure is None:
            judge.witness(SERVES[situation.kind], later)
            return
        _is_not_too_long(later)
    fields = () if exchange.status == 401 else situation.fields
    # What is said comes last, but a picture first: where a stream cannot have one, it is about pictures.
    said = {"messages", "prompt"} if not situation.form.endswith("picture") else set[str]()
    for field in sorted(fields, key=lambda name: (name in said, name)):
        reduced = situation.without(field)
        if (without := again(reduced)).served:
            second = judge.probes.second_look(
                exchange,
                again,
                plain=lambda reduced=reduced: again(reduced),  # type: ignore[misc]
                beside=f"without {field}",
            )
            if second.stands_out:
                # The caller is not what the host minds.
                judge.witness(SERVES[situation.kind], without)
                judge.leave((SERVES[situation.kind],), "")
                message = f"{exchange.title} for {exchange.caller}, each time, and served {_reduced(field)}"
                raise judge.violation(situation.owner(field), message, *second.shown)
    second = judge.probes.second_look(exchange, again, plain)
    if not second.stands_out:
        message = f"{exchange.title}, which is not for this kind of caller or form alone"
        raise judge.undecided(SERVES[situation.kind], message, exchange)
    message = f"{exchange.title} for {exchange.caller}, each time, while others are served"
    missing = exchange.status in NOT_OFFERED
    owner = OWNER_OF[situation.operation] if missing else SERVES[situation.kind]
    raise judge.violation(owner, message, *second.shown)


def _reduced(field: str) -> str:
    """How a request goes without a field of its form: a chat has messages in any case."""
    return {"messages": "with plain messages", "prompt": "with a plain prompt"}.get(field, f"without {field}")


# --- what is refused --------------------------------------------------------------------------------------


def _asker(judge: Judge, kind: str) -> Caller:
    """The caller of this kind that all refusals are tried with, so that one look shows whether they cost."""
    return judge.once(f"{kind} that is refused", lambda: _refused_kind(judge, kind))


def _refused_kind(judge: Judge, kind: str) -> Caller:
    if kind == "access token" and FREE_JWT in judge.target.credentials:
        # A host that charges for it nonetheless must not charge the paid account.
        return judge.credential(FREE_JWT)
    return judge.credential(CREDENTIAL[kind]) if kind in CREDENTIAL else _caller(judge, kind)


def _shared(refusal: Refusal) -> list[str]:
    """How much is too much for callers of our own was seen before. Whoever pays may be allowed more."""
    known = refusal.flaw == TOO_LARGE and refusal.kind in OWN
    return [observations.refusal(refusal.operation, TOO_LARGE)] if known else []


def _named(refusal: Refusal, spend: Spend) -> Any:
    return pytest.param(
        refusal,
        id="-".join((refusal.kind, refusal.operation, refusal.flaw, refusal.form)).replace(" ", "_"),
        marks=[
            *_needs(refusal.kind),
            *[may_use(FREE_JWT)] * (refusal.kind == "access token"),
            judges(refusal.requirement, shares=_shared(refusal), requests=1, spend=spend),
        ],
    )


@pytest.mark.parametrize("refusal", [_named(refusal, Spend.SAMPLE) for refusal in refusals()])
def test_every_kind_of_caller_is_refused_alike(judge: Judge, refusal: Refusal) -> None:
    _is_refused(judge, refusal)


# What is wrong for one kind of caller, on one operation, with one flaw only: where asking costs no patience.
@pytest.mark.parametrize("refusal", [_named(refusal, Spend.EXHAUST) for refusal in more_refusals()])
@needs_own_host
def test_every_flaw_is_refused_on_every_operation(judge: Judge, refusal: Refusal) -> None:
    _is_refused(judge, refusal)


def _is_refused(judge: Judge, refusal: Refusal) -> None:
    asker = _asker(judge, refusal.kind)
    if refusal.flaw in BEARERS:
        token = invalid_bearers({})[refusal.flaw]
        asker = judge.forged(refusal.flaw, token).also(
            **{**asker.headers, "Authorization": f"Bearer {token}"}
        )
    size = refused_size(judge, refusal.operation) if _shared(refusal) else OVERSIZED[1]
    body = refusal.body(size)
    sent = None if body is not None else refusal.raw
    exchange = _ask_to_be_refused(judge, refusal, asker, json_body=body, body=sent)
    if refusal.flaw != TOO_LARGE:
        _is_not_too_long(exchange)
    elif exchange.served and refusal.kind in CREDENTIAL:
        exchange = _beyond_reason(judge, refusal, asker, exchange)
    if exchange.status == 429 and refusal.kind in CREDENTIAL:
        raise NotRun(f"needs an account with units of {METRIC_OF.get(refusal.operation)} left")
    judge.refused(refusal.requirement, exchange, refusal.status, f"{refusal.words} ({refusal.form})")


def _beyond_reason(
    judge: Judge, refusal: Refusal, asker: Caller, exchange: Exchange, place: str = "in one message"
) -> Exchange:
    """The answer to a longer prompt of an account that was served a long one: whoever pays may be allowed so
    much. Raises Undecided on a host of others, which is not sent more."""
    if not judge.target.is_loopback:
        message = f"{exchange.title} for {exchange.caller}, whose limit may be larger"
        raise judge.undecided("FAIL-2", message, exchange)
    with judge.client.second_look():
        body = refusal.body(BEYOND_REASON, place)
        return _ask_to_be_refused(judge, refusal, asker, lane="paid", json_body=body)


def _ask_to_be_refused(
    judge: Judge, refusal: Refusal, asker: Caller, *, lane: Lane = "free", **content: Any
) -> Exchange:
    path, kind = CALLS[refusal.operation].path, refusal.kind
    exchange = judge.client.send("POST", path, asker, lane=lane, **content)
    if exchange.status == 429 and kind in CREDENTIAL and judge.target.may_be_asked_often(judge.spend):
        # At its limit a caller may be refused for that; there is another account, and nobody else needs it.
        payer = judge.credential(CREDENTIAL[kind])
        exchange = judge.client.send("POST", path, payer, lane=lane, **content)
    return exchange


@pytest.mark.parametrize("kind", OWN)
@looks_back
@judges("RATE-2", requests=1, spend=Spend.SAMPLE)
def test_what_was_refused_has_cost_nothing(judge: Judge, kind: str) -> None:
    asker = _asker(judge, kind)
    # By now the books know what this caller was served, if anything was.
    judge.witness("RATE-2", judge.served("RATE-2", judge.get("/usage", asker), owner=False))


# --- what anybody may read --------------------------------------------------------------------------------

READS = {
    "getTierConfig": "/tier-config",
    "listTiers": "/tiers",
    "listModels": "/models",
    "getStatus": "/status",
}


CHECKS = ("/status/image", "/status/video", "/status/sfx", "/status/text")


# With a client id they are read by other tests.
_kinds = pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, id=kind.replace(" ", "_"), marks=_needs(kind))
        for kind in SERVES
        if kind != "client id"
    ],
)


@pytest.mark.parametrize("operation", READS)
@_kinds
@judges("HDR-1", requests=1)
def test_what_anybody_may_read_is_shown_to_every_kind_of_caller(
    judge: Judge, operation: str, kind: str
) -> None:
    exchange = judge.get(READS[operation], _caller(judge, kind, operation))
    judge.served(OWNER_OF[operation], exchange)
    judge.keeps("HDR-1", exchange)


@_kinds
@judges("STAT-4", requests=len(CHECKS), spend=Spend.SAMPLE)
def test_every_kind_of_caller_may_check_what_there_is(judge: Judge, kind: str) -> None:
    caller = _caller(judge, kind)
    for path in CHECKS:
        exchange = judge.client.send("HEAD", path, caller)
        if exchange.served:
            judge.witness("STAT-4", exchange)
            continue
        second = judge.probes.second_look(
            exchange,
            again=lambda path=path: judge.client.send("HEAD", path, caller),  # type: ignore[misc]
            plain=lambda path=path: judge.client.send("HEAD", path, judge.caller()),  # type: ignore[misc]
        )
        if second.stands_out:
            message = f"{exchange.title} for {caller.label}, each time, while others are served"
            raise judge.violation("STAT-4", message, *second.shown)


# --- what is wrong now and then ---------------------------------------------------------------------------


@needs_own_host
@judges("HDR-1", requests=OFTEN * (len(READS) + len(CHECKS) + 1), spend=Spend.EXHAUST)
def test_what_anybody_may_read_is_good_each_time(judge: Judge) -> None:
    reads = [("GET", path) for path in ("/", *READS.values())] + [("HEAD", path) for path in CHECKS]
    asking = [judge.caller(), callers.by_user_agent(), *judge.usable(JWT, API_KEY, FREE_JWT)]
    # Less often what other tests have asked for.
    _ask_often(judge, asking, {read: OFTEN - judge.client.answered[read] for read in reads})


@needs_own_host
@judges("HDR-1", requests=3 * OFTEN, spend=Spend.EXHAUST)
def test_an_account_is_shown_well_each_time(judge: Judge) -> None:
    accounts = judge.usable(JWT, API_KEY, FREE_JWT)
    if not accounts:
        raise NotRun(f"needs {JWT} or {API_KEY}")
    # By every credential half as often: the other half has been asked before.
    times = max(OFTEN, len(accounts) * OFTEN // 2)
    _ask_often(judge, accounts, {("GET", path): times for path in ("/subscription", "/usage")})


def _ask_often(judge: Judge, asking: list[Caller], reads: Mapping[tuple[str, str], int]) -> None:
    """Give the laws many answers to judge, on a host that can bear it; all callers take turns."""
    turns = [
        (*read, asking[turn % len(asking)], None) for read, times in reads.items() for turn in range(times)
    ]
    answers = judge.client.send_together(turns)
    served = [exchange for exchange in answers if exchange.served and exchange.method == "GET"]
    if not served:
        raise NotRun("needs a host that answers so many at once")
    judge.witness("HDR-1", *served)


@pytest.mark.parametrize("operation", POSTS)
@needs_own_host
# Whoever pays may be allowed more than is tried, and is served then.
@may_use(JWT, API_KEY, FREE_JWT)
@judges("FAIL-2", requests=OFTEN + len(OWN) + 1, spend=Spend.EXHAUST)
def test_an_oversized_prompt_is_413_each_time(judge: Judge, operation: str) -> None:
    # By every kind of caller, in every form and place, in turns that meet in pairs.
    kinds = [kind for kind in KINDS if kind in OWN or judge.usable(CREDENTIAL[kind])]
    forms, places = forms_of(operation, TOO_LARGE), tuple(PLACES)
    # Whoever pays may be allowed more, and has few units: what nobody is allowed is tried first.
    smallest = refused_size(judge, operation)
    sizes = {kind: smallest if kind in OWN else OVERSIZED[1] for kind in kinds}
    refused, allowed_more = {*OWN}, set[str]()
    for turn in range(OFTEN):
        kind, place = kinds[turn % len(kinds)], places[turn % len(places)]
        size, refusal = sizes[kind], Refusal(kind, operation, TOO_LARGE, forms[turn % len(forms)])
        body = refusal.body(size, place)
        exchange = _ask_to_be_refused(judge, refusal, _asker(judge, kind), json_body=body)
        if not turn and exchange.status != 413:
            raise NotRun(f"needs a host that refuses {size:,} characters")
        if exchange.served and size < OVERSIZED[1] and kind not in refused:
            sizes[kind] = OVERSIZED[1]
            allowed_more.add(kind)
            continue
        if exchange.status == 413 and size < OVERSIZED[1]:
            refused.add(kind)
        elif exchange.status == 413 and kind not in allowed_more:
            sizes[kind] = smallest
        if exchange.served and kind not in refused:
            exchange = _beyond_reason(judge, refusal, _asker(judge, kind), exchange, place)
        # A host may hang up on a large body, and an account may be at its limit.
        if exchange.problem is None and exchange.status != 429:
            judge.refused(
                "FAIL-2", exchange, 413, f"a prompt of {size:,} characters {place} ({refusal.form})"
            )
    if len(forms) > 1:
        for kind in OWN:  # For the books: nobody else is refused in every form.
            judge.get("/usage", _asker(judge, kind))


# What few tests ask for.
_OFTEN_ASKED_FOR = {"createChatCompletion", "createImage", "createVideo"}
SELDOM = [name for name in METRIC_OF if name in CALLS and name not in _OFTEN_ASKED_FOR]


@pytest.mark.parametrize(
    "operation",
    [
        pytest.param(
            operation,
            marks=judges(
                OWNER_OF[operation],
                units={METRIC_OF[operation]: OFTEN} if operation in METRIC_OF else {},
                requests=OFTEN,
                spend=Spend.EXHAUST,
            ),
        )
        for operation in [*SELDOM, "analyzePrompt"]
        if operation in CALLS
    ],
)
@needs_own_host
def test_an_operation_is_good_each_time(judge: Judge, operation: str) -> None:
    # Asked for until laws and books have seen it often, by callers of our own.
    call, seen = CALLS[operation], judge.client.served[operation]
    asking = [judge.caller() if turn % 2 else callers.by_user_agent() for turn in range(OFTEN - seen)]
    answers = judge.client.send_together([(call.method, call.path, each, call.body) for each in asking])
    served = [exchange for exchange in answers if exchange.served]
    if not served:
        raise NotRun("has been asked often enough, or is not served")
    judge.witness(OWNER_OF[operation], *served)
