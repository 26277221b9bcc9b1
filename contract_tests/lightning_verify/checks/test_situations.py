"""Every kind of caller, operation and form together: what laws and books then look at by themselves.

Here is only brought about what no other test asks for. What an answer must be is said by the laws, what it
may cost by the judge's own books; whether a kind of caller is served at all is judged here.
"""

from __future__ import annotations

from collections import Counter

import pytest

from lightning_verify.facts import METRIC_OF, OWNER_OF, PRICE_OF
from lightning_verify.judging.judge import Judge, NotRun
from lightning_verify.judging.snapshot import Snapshot
from lightning_verify.judging.usage import Observation, counters, observe
from lightning_verify.requests import callers
from lightning_verify.requests.callers import Caller
from lightning_verify.requests.credentials import API_KEY, JWT
from lightning_verify.requests.situations import Situation, cover
from lightning_verify.run.marks import judges, needs, needs_own_host
from lightning_verify.target import Spend
from lightning_verify.transport.exchange import Exchange

CREDENTIAL = {"access token": JWT, "API key": API_KEY}
SERVES = {"access token": "AUTH-1", "API key": "AUTH-2", "address": "ID-4"}
# Of what an account has left, these situations take no more than one unit of so many.
SHARE = {Spend.SAMPLE: 10, Spend.EXHAUST: 2}

# Units that counters which lag may hide.
PLENTY = 5


def _caller(judge: Judge, kind: str) -> Caller:
    if kind == "address":
        return callers.by_user_agent()
    account = judge.credential(CREDENTIAL[kind])
    # The desktop application sends its client id beside the token.
    return account.also(X_Client_ID=callers.client_id()) if kind == "access token" else account


def _needs(kind: str) -> list[pytest.MarkDecorator]:
    return [needs(CREDENTIAL[kind])] if kind in CREDENTIAL else []


def _judged(situation: Situation) -> tuple[str, ...]:
    """That this kind is served; and that it pays, where only this look at the counters can show it."""
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
                # Two more units, where it is refused: once more, and by somebody else.
                judges(
                    *_judged(situation),
                    units={METRIC_OF[situation.operation]: 3},
                    requests=3 + (situation.kind in CREDENTIAL),
                ),
            ],
        )
        for situation in cover()
    ],
)
def test_every_kind_of_caller_is_served_in_every_form(judge: Judge, situation: Situation) -> None:
    requirement, call = SERVES[situation.kind], situation.call
    metric = METRIC_OF[situation.operation]
    caller = _caller(judge, situation.kind)
    before = counters(judge, requirement, judge.get("/usage", caller))
    _take_a_share(judge, situation.kind, metric, before)

    def ask(who: Caller) -> Exchange:
        return judge.client.send(call.method, call.path, who, json_body=call.body)

    if situation.kind == "address":
        # Nobody else spends here: the books need no look that waits.
        seen = Observation(caller, metric, before.exchange, ask(caller), judge.get("/usage", caller))
    else:
        seen = observe(judge, caller, metric, lambda: ask(caller))
    exchange = seen.call
    if exchange.served:
        judge.witness(requirement, exchange)
        if situation.kind == "address":
            return
        # Others may spend from an account, and so may we by its other credential: the books would not see it.
        owed = not seen.consumed(judge, PRICE_OF[situation.operation]).get(metric)
        if owed:
            message = f"{exchange.title} for {caller.label} did not move its {metric}"
            shown = (seen.before, exchange, seen.after)
            raise judge.violation(PRICE_OF[situation.operation], message, *shown)
        judge.witness(PRICE_OF[situation.operation], seen.before, exchange, seen.after)
        return
    if exchange.status == 429:
        if _has_units(judge, metric, before, seen.after):
            message = f"{exchange.title} for {caller.label} with units of {metric} left"
            raise judge.violation("RATE-4", message, before.exchange, exchange, seen.after)
        raise NotRun(f"needs an account with units of {metric} left")
    # A host that refuses or fails each time here, and serves another kind of caller the same request, does
    # not serve this kind. Otherwise it is for others to tell.
    second = judge.second_look(exchange, again=lambda: ask(caller), plain=lambda: ask(judge.caller()))
    if not second.stands_out:
        raise judge.undecided(requirement, f"{exchange.title}, which is not for this kind alone", exchange)
    message = f"{exchange.title} for {exchange.caller}, each time, while others are served"
    raise judge.violation(requirement, message, *second.shown)


def _take_a_share(judge: Judge, kind: str, metric: str, before: Snapshot) -> None:
    """Book a unit of an account that others may need. Raises NotRun when it has too few to spare."""
    limit = before.limit[metric]
    if kind == "address" or limit is None:
        return
    left = limit - before.used[metric]
    taken: Counter[str] = judge.once("units of the account", Counter)
    # On a host of one's own nobody else needs them.
    share = 1 if judge.target.is_loopback and judge.spend is Spend.EXHAUST else SHARE[judge.spend]
    if (taken[metric] + 1) * share > left + taken[metric]:
        raise NotRun(f"needs an account with more than {left} units of {metric} left")
    taken[metric] += 1


def _has_units(judge: Judge, metric: str, before: Snapshot, after: Exchange) -> bool:
    """Whether an account has so many units left, before a call and after it, that neither others nor a
    counter that lags can be the reason for a refusal."""
    for look in (before, counters(judge, "RATE-4", after)):
        limit = look.limit[metric]
        if limit is not None and look.used[metric] > limit // 2 - PLENTY:
            return False
    return True


READS = {
    "getTierConfig": "/tier-config",
    "listTiers": "/tiers",
    "listModels": "/models",
    "getStatus": "/status",
}


@pytest.mark.parametrize("operation", READS)
@pytest.mark.parametrize(
    "kind", [pytest.param(kind, id=kind.replace(" ", "_"), marks=_needs(kind)) for kind in SERVES]
)
@judges("HDR-1", requests=1)
def test_what_anybody_may_read_is_shown_to_every_kind_of_caller(
    judge: Judge, operation: str, kind: str
) -> None:
    exchange = judge.get(READS[operation], _caller(judge, kind))
    judge.served(OWNER_OF[operation], exchange)
    judge.keeps("HDR-1", exchange)


# Enough to meet what is wrong once in ten times, nine times of ten.
OFTEN = 22
CHECKS = ("/status/image", "/status/video", "/status/sfx", "/status/text")


@needs_own_host
@judges("HDR-1", requests=OFTEN * (len(READS) + len(CHECKS) + 1))
def test_what_anybody_may_read_is_good_each_time(judge: Judge) -> None:
    _ask_often(judge, judge.caller(), [*(("GET", path) for path in ("/", *READS.values()))])
    _ask_often(judge, judge.caller(), [("HEAD", path) for path in CHECKS])


@pytest.mark.parametrize("credential", [pytest.param(name, marks=needs(name)) for name in (JWT, API_KEY)])
@needs_own_host
@judges("HDR-1", requests=2 * OFTEN)
def test_an_account_is_shown_well_each_time(judge: Judge, credential: str) -> None:
    _ask_often(judge, judge.credential(credential), [("GET", "/subscription"), ("GET", "/usage")])


def _ask_often(judge: Judge, caller: Caller, reads: list[tuple[str, str]]) -> None:
    """Let the laws see many answers, on a host that it is no burden to."""
    answers = judge.client.send_together([(*read, caller, None) for read in reads * OFTEN])
    for exchange in answers:
        if exchange.served and exchange.method == "GET":
            judge.witness("HDR-1", exchange)
