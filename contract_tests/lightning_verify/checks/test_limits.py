"""At the limit: what is served up to it, refused beyond it, and left alone by it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pytest

from lightning_verify.facts import METRIC_OF, METRICS, PRICE_OF, PUBLISHED_LIMITS
from lightning_verify.judging.judge import Judge, MidnightPassed, NotRun
from lightning_verify.judging.observations import CHAT, OFTEN, STREAM, call_observed
from lightning_verify.judging.snapshot import Snapshot
from lightning_verify.judging.usage import moved, not_exhausted, read_usage, settled
from lightning_verify.reading.numbers import number
from lightning_verify.requests import callers
from lightning_verify.requests.callers import Caller
from lightning_verify.requests.credentials import API_KEY, FREE_JWT, JWT
from lightning_verify.requests.situations import FORMED, Situation
from lightning_verify.requests.valid import CALLS, CONVERSATION, Call
from lightning_verify.run.marks import judges, needs, needs_own_host
from lightning_verify.target import Spend
from lightning_verify.transport.exchange import BLAMES_THE_REQUEST, Exchange

# Seconds to wait before a call that was refused within the limit is tried again.
PAUSES = (1.0, 5.0)
# Seconds between two calls at a pace that no limit of bursts minds: that of a run against a host of others.
CALM = 0.5
_HASTY = "a call within a limit was refused at first"
# Forms stand in families; so far apart they are of different ones, and of sound each is another operation's.
_STRIDE = 2
# How far a free-tier caller is driven at most; a host with higher limits is not emptied for a test.
FARTHEST = {metric: limit + 10 for metric, limit in PUBLISHED_LIMITS.items()}


def _ask(judge: Judge, call: Call, caller: Caller, *, served: bool) -> Exchange:
    # Beyond the limit 429 is the answer, and not a reason to ask again.
    ask = partial(
        judge.client.send,
        call.method,
        call.path,
        caller,
        json_body=call.body,
        lane="paid" if served else "free",
    )
    exchange = ask(patient=served)
    # What seems to be no answer of the host's own is its own when it comes each time.
    return ask() if exchange.astray and not served else exchange


def calls_on(metric: str) -> list[Call]:
    calls = [CALLS[name] for name, its_metric in METRIC_OF.items() if its_metric == metric]
    return [*calls, STREAM] if metric == "cloudChatDaily" else calls


# Calls that ask for more than the plain ones, and are refused beyond the limit like them: every form.
OTHERWISE: dict[str, tuple[Call, ...]] = {
    metric: tuple(
        Situation("", operation, form).call for operation, form in FORMED if METRIC_OF[operation] == metric
    )
    for metric in METRICS
}


@dataclass(frozen=True, slots=True)
class Spent:
    """A caller that has used up a metric, and its counters before that."""

    caller: Caller
    metric: str
    limit: int
    before: Snapshot

    def counters(self, judge: Judge, requirement: str) -> Snapshot:
        """The counters once the limit has settled in them. Raises Undecided when the window has ended since:
        then the caller has units again."""
        after = settled(judge, requirement, self.caller, self.metric, self.limit)
        moved(judge, requirement, self.before, after)
        return after

    def served_too_much(self, judge: Judge, exchange: Exchange) -> Exception:
        """What it means that a call beyond the limit was served. Where the counter has not come to the limit
        either, it is the price of a call that is wrong, and the limit may hold."""
        judge.answered("RATE-4", exchange)
        used = self.counters(judge, "RATE-4").used[self.metric]
        message = f"{exchange.title}: served beyond the limit of {self.limit} {self.metric}"
        if used < self.limit:
            prices = dict.fromkeys(PRICE_OF[name] for name, of in METRIC_OF.items() if of == self.metric)
            told = f"{message}, of which /usage counts {used} (see {', '.join(prices)})"
            return judge.undecided("RATE-4", told, exchange)
        return judge.violation("RATE-4", message, exchange)


def _drive_to_limit(judge: Judge, metric: str) -> Spent:
    """A caller that has just used up `metric`. Each call up to the limit must be served."""
    caller = judge.caller()
    before = read_usage(judge, "RATE-4", caller)
    limit = before.limit[metric]
    if limit is None or limit < 0:
        raise NotRun(f"needs a limit: {metric} is unlimited on the free tier")
    if limit == 0:
        raise judge.undecided(
            "RATE-4", f"the limit of {metric} is zero, so nothing is ever served", before.exchange
        )
    if limit > FARTHEST[metric]:
        raise NotRun(f"needs a lower limit: {limit} units of {metric} are more than a test should use")
    not_exhausted(judge, "RATE-4", before)
    calls = calls_on(metric)
    for turn in range(limit):
        if 0 < turn == limit - 1:
            judge.get("/usage", caller)  # For the laws: nobody else looks at counters that are nearly full.
        exchange = patiently(judge, calls[turn % len(calls)], caller)
        # What this caller was served before is valid, whatever it is called now.
        if turn == limit - 1 or (turn >= len(calls) and exchange.status in BLAMES_THE_REQUEST):
            serves_what_is_left(judge, exchange, calls[turn % len(calls)], caller)
        if exchange.status == 429:
            judge.answered("RATE-4", exchange)
            raise judge.violation(
                "RATE-4", f"{exchange.title}: refused at call {turn + 1} of {limit}", exchange
            )
        # A route that refuses its first call is others' matter, and so is a request that is called invalid.
        owner = turn >= len(calls) and exchange.status not in BLAMES_THE_REQUEST
        judge.witness("RATE-4", judge.served("RATE-4", exchange, owner=owner))
    return Spent(caller, metric, limit, before)


def serves_what_is_left(judge: Judge, exchange: Exchange, call: Call, caller: Caller) -> None:
    """Raises a violation when the call for what is left is refused or fails each time, and not for others."""
    second = judge.probes.second_look(
        exchange,
        again=lambda: _ask(judge, call, caller, served=True),
        plain=lambda: _ask(judge, call, judge.caller(), served=True),
    )
    if second.stands_out:
        message = f"{exchange.title} for {caller.label} with units left, each time, while others are served"
        raise judge.violation("RATE-4", message, *second.shown)


def patiently(judge: Judge, call: Call, caller: Caller) -> Exchange:
    """The answer to a call within the limit. A host that limits bursts, and does not say for how long, is
    given some time before it is taken at its word. Once one has seemed to, it is asked calmly: who then
    refuses a caller with units left limits no bursts."""
    calm = _HASTY in judge.shared
    time.sleep(CALM if calm else 0)
    exchange = _ask(judge, call, caller, served=True)
    own_words = exchange.stand_in is None and exchange.astray is None
    if calm and exchange.status == 429 and own_words and exchange.header("retry-after") is None:
        has_units_left(judge, exchange, caller, METRIC_OF[call.operation])
    if exchange.status in BLAMES_THE_REQUEST:
        exchange = _ask(judge, call, caller, served=True)
    for pause in PAUSES:
        if exchange.status != 429:
            break
        time.sleep(pause)
        exchange = _ask(judge, call, caller, served=True)
        if exchange.served:
            judge.shared[_HASTY] = True
    return exchange


def _limit_holds(judge: Judge, metric: str) -> Spent:
    """Every call beyond the limit is 429, on every route of the metric, and stays so."""
    spent = _drive_to_limit(judge, metric)
    calls = [*calls_on(metric), *OTHERWISE[metric], calls_on(metric)[0]]
    # A host of one's own may be asked until what it does now and then has been seen.
    often = OFTEN if judge.target.is_loopback and judge.spend is Spend.EXHAUST else len(calls)
    for turn in range(max(often, len(calls))):
        call = calls[turn % len(calls)]
        exchange = _ask(judge, call, spent.caller, served=False)
        if exchange.status in BLAMES_THE_REQUEST and call in OTHERWISE[metric]:
            continue  # The form is refused, with a unit or without.
        if exchange.served:
            raise spent.served_too_much(judge, exchange)
        if (exchange.status or 0) >= 500:
            exchange = _once_more(judge, call, spent.caller, exchange)
        else:
            judge.answered("RATE-4", exchange)
        if exchange.status in {401, 404, 405}:
            raise judge.undecided("RATE-4", f"{exchange.title}: refused for another reason", exchange)
        if exchange.served:
            raise spent.served_too_much(judge, exchange)
        judge.check(
            "RATE-4", exchange.status == 429, f"{exchange.title}: expected 429 beyond the limit", exchange
        )
    return spent


def _once_more(judge: Judge, call: Call, caller: Caller, failed: Exchange) -> Exchange:
    """The answer to the same call again. A failure that stays, right where the limit is and while another
    caller is served, is how this host refuses; any other failure shows nothing."""
    again = _ask(judge, call, caller, served=False)
    other = _ask(judge, call, judge.caller(), served=True)
    if again.status != failed.status or not other.served:
        raise judge.undecided("RATE-4", f"{failed.title}: the host says that it failed", failed, other)
    return again


def _at_limit(judge: Judge, metric: str) -> Spent:
    """The caller at its limit, shared by the tests that look at it."""
    made = judge.once(f"caller without {metric}", lambda: _attempt(lambda: _limit_holds(judge, metric)))
    if isinstance(made, Exception):
        raise made
    return made


def _attempt(work: Callable[[], Spent]) -> Spent | Exception:
    try:
        return work()
    except Exception as problem:
        return problem


SPEND_FOR = {
    metric: Spend.SAMPLE if PUBLISHED_LIMITS.get(metric) == 1 else Spend.EXHAUST for metric in METRICS
}


def _every_metric(requirement: str, requests: int = 1, *, beside: bool = False) -> pytest.MarkDecorator:
    """One test for each metric. `beside` tells that it asks for a unit of every other one, too."""

    def cost(metric: str) -> dict[str, int]:
        return {other: 1 for other in METRICS if other != metric} if beside else {}

    return pytest.mark.parametrize(
        "metric",
        [
            pytest.param(
                metric,
                marks=judges(
                    requirement,
                    units=cost(metric),
                    shares=[f"limit of {metric}"],
                    requests=requests + len(cost(metric)),
                    spend=SPEND_FOR[metric],
                ),
            )
            for metric in METRICS
        ],
    )


@_every_metric("RATE-4", 0)
def test_beyond_the_limit_the_answer_is_429_and_stays_so(judge: Judge, metric: str) -> None:
    spent = _at_limit(judge, metric)
    if not judge.witnesses["RATE-4"]:  # Another test has driven the caller there.
        refuse_beyond(judge, spent, calls_on(metric)[0])


def refuse_beyond(judge: Judge, spent: Spent, call: Call) -> None:
    """A call beyond the limit is 429, unless it asks for more than a plain one and is refused for that."""
    exchange = _ask(judge, call, spent.caller, served=False)
    if exchange.status in BLAMES_THE_REQUEST and call in OTHERWISE[spent.metric]:
        return
    if exchange.served:
        raise spent.served_too_much(judge, exchange)
    judge.refused("RATE-4", exchange, 429, f"a call beyond the limit of {spent.limit} {spent.metric}")


@_every_metric("RATE-2")
def test_a_call_beyond_the_limit_costs_nothing(judge: Judge, metric: str) -> None:
    spent = _stop_for(judge, "RATE-2", metric)
    after = spent.counters(judge, "RATE-2")
    used = after.used[metric]
    judge.check(
        "RATE-2", used <= spent.limit, f"{metric}: used is {used} at a limit of {spent.limit}", after.exchange
    )
    if used < spent.limit:
        raise judge.undecided(
            "RATE-2", f"{metric}: used is {used} at a limit of {spent.limit} (see RATE-7)", after.exchange
        )


@_every_metric("USE-4")
def test_nothing_remains_at_the_limit_and_nothing_less(judge: Judge, metric: str) -> None:
    exchange = _stop_for(judge, "USE-4", metric).counters(judge, "USE-4").exchange
    entry = exchange.json()["usage"][metric]
    limit, used, remaining = (number(entry.get(field)) for field in ("limit", "used", "remaining"))
    if limit is None or used is None or remaining is None:
        raise judge.undecided("USE-4", f"/usage does not tell what remains of {metric}", exchange)
    left = max(0, limit - used)
    message = f"{metric}: limit {limit:g} and used {used:g} leave {left:g}, not {remaining:g}"
    judge.check("USE-4", remaining == left, message, exchange)


@_every_metric("RATE-7")
def test_refusals_at_the_limit_do_not_empty_the_counter(judge: Judge, metric: str) -> None:
    spent = _stop_for(judge, "RATE-7", metric)
    after = spent.counters(judge, "RATE-7")
    kept = after.used[metric] >= spent.limit
    judge.check("RATE-7", kept, f"{metric} fell to {after.used[metric]} of {spent.limit}", after.exchange)


@pytest.mark.parametrize(
    "metric",
    [
        pytest.param(
            metric,
            marks=judges(
                "RATE-1",
                units={metric: 1},
                shares=[f"limit of {metric}"],
                requests=1,
                spend=SPEND_FOR[metric],
            ),
        )
        for metric in METRICS
    ],
)
def test_one_caller_at_its_limit_does_not_stop_another(judge: Judge, metric: str) -> None:
    _stop_for(judge, "RATE-1", metric)
    exchange = _ask(judge, calls_on(metric)[0], judge.caller(), served=True)
    refused = exchange.status == 429
    judge.check("RATE-1", not refused, f"{exchange.title} for a caller that has spent nothing", exchange)
    judge.served("RATE-1", exchange, owner=False)


@_every_metric("RATE-5", beside=True)
def test_a_metric_that_is_used_up_does_not_stop_another(judge: Judge, metric: str) -> None:
    caller = _stop_for(judge, "RATE-5", metric).caller
    snapshot = read_usage(judge, "RATE-5", caller)
    # Of a metric that has no units to begin with nothing can be seen.
    left = {m: snapshot.limit[m] is None or snapshot.used[m] < (snapshot.limit[m] or 0) for m in METRICS}
    for other in METRICS:
        if other == metric or not left[other]:
            continue
        exchange = ask_beside(judge, metric, other, caller)
        refused = exchange.status == 429
        judge.check("RATE-5", not refused, f"{exchange.title}, although only {metric} is used up", exchange)
        judge.served("RATE-5", exchange, owner=False)


def ask_beside(judge: Judge, metric: str, other: str, caller: Caller) -> Exchange:
    """The answer to a call of another metric, in another form or by another road beside each used up one:
    what is refused in one of them only is seen too. A host that does not do that form is asked plainly."""
    plain, *roads = calls_on(other)
    turn, more = list(METRICS).index(metric), [*OTHERWISE[other], *roads]
    if turn and more:
        exchange = _ask(judge, more[_STRIDE * turn % len(more)], caller, served=True)
        if exchange.status not in BLAMES_THE_REQUEST:
            return exchange
    return _ask(judge, plain, caller, served=True)


def _stop_for(judge: Judge, requirement: str, metric: str) -> Spent:
    """The caller at its limit for a test of something else: trouble with the limit itself is RATE-4's."""
    made = judge.once(f"caller without {metric}", lambda: _attempt(lambda: _limit_holds(judge, metric)))
    if isinstance(made, NotRun | MidnightPassed):
        raise made
    if isinstance(made, Exception):
        raise judge.undecided(requirement, f"no caller could be brought to its limit: {made}")
    return made


AT_ONCE = 6


def _calls(operations: str, form: str | None = None) -> list[Call]:
    """Plain calls of some operations, and after them the first one in a form."""
    names = operations.split()
    return [*(CALLS[name] for name in names), *([Situation("", names[0], form).call] if form else [])]


# By name, who races for what. With client ids limits are looked at elsewhere, so that most callers here have
# none. Of what there is one unit only, the first call of another kind would end the race of all others.
RACES: dict[str, list[Call]] = {
    "videos": _calls("createVideo getVideo", "inputs of a video"),
    "alternate videos": _calls("createAirforceVideo getAirforceVideo", "long"),
    "images": _calls("createImage getImage", "inputs of an image"),
    "chats": [
        CALLS["createChatCompletion"],
        Call("createChatCompletion", "POST", CHAT, {"messages": CONVERSATION}),
        STREAM,
    ],
    **{
        f"{name}{how}": [call]
        for name, operations in (("sounds", "createSfx getSfx"), ("speech", "createTts getTts"))
        for how, call in zip(("", " by GET", ", long"), _calls(operations, "long"), strict=True)
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


def race_for(judge: Judge, caller: Caller, metric: str, calls: list[Call], at_once: int) -> None:
    """So many calls at the same time, with units left for half of them, or for fewer where the limit is."""
    plain = calls[0]
    fresh = read_usage(judge, "RATE-6", caller)
    limit = fresh.limit[metric]
    if limit is None or not 0 < limit <= FARTHEST[metric]:
        raise NotRun(f"needs a limit of 1 to {FARTHEST[metric]} units of {metric}, not {limit}")
    left = min(limit, at_once // 2)
    for _ in range(limit - left):
        exchange = patiently(judge, plain, caller)
        if exchange.status == 429:
            has_units_left(judge, exchange, caller, metric)
        judge.served("RATE-6", exchange, owner=False)
    before = settled(judge, "RATE-6", caller, metric, limit - left)
    spent = moved(judge, "RATE-6", fresh, before).get(metric, 0)
    if spent != limit - left:
        told = f"{limit - left} calls moved {metric} by {spent}"
        raise judge.undecided(
            "RATE-6", f"{told} (see ID-3, CHAT-11, IMG-6, VID-7, AIR-3, SFX-3 and TTS-3)", before.exchange
        )
    racing = [calls[turn % len(calls)] for turn in range(at_once)]
    for pause in (0.0, *PAUSES):
        time.sleep(pause)
        answers = judge.client.send_together([(c.method, c.path, caller, c.body) for c in racing])
        served = [exchange for exchange in answers if exchange.served and not exchange.failure]
        # A host that limits bursts is asked again when it has calmed down.
        if served or any(exchange.status != 429 for exchange in answers):
            break
    if not served:
        told = f"none of {at_once} calls at the same time was served"
        if at_once > AT_ONCE or any(call in OTHERWISE[metric] for call in calls):
            raise NotRun(f"needs a host that does so many, or this form, at the same time: {told}")
        raise judge.undecided("RATE-6", told, answers[0])
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
                told = f"{call.operation} costs {price} units by itself (see {PRICE_OF[call.operation]})"
                raise judge.undecided("RATE-6", told, alone.call, after.exchange)
    if not counted:
        told = f"{len(served)} calls moved nothing (see ID-3, CHAT-11, IMG-6, VID-7, AIR-3, SFX-3 and TTS-3)"
        raise judge.undecided("RATE-6", told, *served[:1], after.exchange)
    beyond = Spent(caller, metric, limit, before)
    if len(served) > left:
        # A limit that does not stop one call by itself either is not lost by the race.
        refuse_beyond(judge, beyond, plain)
    message = f"{len(served)} of {at_once} calls were served with {left} units left"
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
        last = patiently(judge, plain, caller)
        if last.status == 429:
            has_units_left(judge, last, caller, metric)
        serves_what_is_left(judge, last, plain, caller)


def has_units_left(judge: Judge, exchange: Exchange, caller: Caller, metric: str) -> None:
    """Raises a violation when a caller that only we can spend as was refused although it has units left."""
    judge.answered("RATE-4", exchange)
    look = read_usage(judge, "RATE-4", caller)
    limit = look.limit[metric]
    if limit is not None and look.used[metric] < limit:
        message = f"{exchange.title} for {caller.label} with {look.used[metric]} of {limit} {metric} used"
        raise judge.violation("RATE-4", message, exchange, look.exchange)


@judges("RATE-4", units={"audioWeekly": 2}, requests=3, spend=Spend.EXHAUST)
def test_a_caller_without_a_client_id_has_limits_as_well(judge: Judge) -> None:
    _one_sound_and_no_more(judge, callers.by_user_agent())


@pytest.mark.parametrize(
    "credential", [pytest.param(name, marks=needs(name)) for name in (FREE_JWT, JWT, API_KEY)]
)
@judges("RATE-4", units={"audioWeekly": 2}, requests=3, spend=Spend.EXHAUST)
def test_a_signed_in_user_has_limits_as_well(judge: Judge, credential: str) -> None:
    _one_sound_and_no_more(judge, judge.credential(credential))


def _one_sound_and_no_more(judge: Judge, caller: Caller) -> None:
    before = read_usage(judge, "RATE-4", caller)
    limit, used = before.limit["audioWeekly"], before.used["audioWeekly"]
    if limit is None or limit - used > 1:
        raise NotRun("needs a caller with one unit of audioWeekly left, or none")
    call = CALLS["createSfx"]
    if used < limit:
        judge.served("RATE-4", patiently(judge, call, caller), owner=False)
    refuse_beyond(judge, Spent(caller, "audioWeekly", limit, before), call)
