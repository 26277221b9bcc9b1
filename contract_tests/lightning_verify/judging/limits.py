"""Calls up to a limit and beyond it, judged by what the caller has left."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from lightning_verify.facts import METRIC_OF, METRICS, PRICE_OF, PUBLISHED_LIMITS
from lightning_verify.judging.judge import Judge
from lightning_verify.judging.observations import OFTEN, STREAM
from lightning_verify.judging.outcomes import Disturbed, NotRun, Violation
from lightning_verify.judging.snapshot import Snapshot
from lightning_verify.judging.usage import moved, not_a_copy, not_exhausted, read_usage, settled
from lightning_verify.requests.callers import Caller
from lightning_verify.requests.situations import FORMED, Situation
from lightning_verify.requests.valid import CALLS, Call
from lightning_verify.transport.client import BudgetExhausted
from lightning_verify.transport.exchange import BLAMES_THE_REQUEST, Exchange

# Seconds to wait before a call that was refused within the limit is tried again.
PAUSES = (1.0, 5.0)
# Seconds after which a host that counts requests by the minute has forgotten them.
A_MINUTE = 55.0
# Seconds between two calls at a pace that no limit of bursts minds: that of a run against a host of others.
CALM = 0.5
# How many calls of one caller are made at the same time.
AT_ONCE = 6
# How many calls on the way to a limit may come to nothing. The host may have charged for them or not.
MAX_LOST = 6
# How far a free-tier caller is driven at most; a host with higher limits is not emptied for a test.
FARTHEST = {metric: limit + 10 for metric, limit in PUBLISHED_LIMITS.items()}


def is_passing(exchange: Exchange) -> bool:
    """Whether an answer is a bad moment's: it was lost on the way, or an upstream failed."""
    return exchange.is_lost or (exchange.status or 0) >= 500


def ask_for_unit(judge: Judge, call: Call, caller: Caller, *, served: bool) -> Exchange:
    """The answer to a call that is to be `served`, or to be refused because nothing is left for it."""
    # Beyond the limit 429 is the answer, and not a reason to ask again.
    ask = partial(
        judge.client.send,
        call.method,
        call.path,
        caller,
        json_body=call.body,
        lane="paid" if served else "free",
    )
    exchange = ask(retry=served)
    # What seems to be no answer of the host's own is its own when it comes each time.
    return ask() if (exchange.doubt or exchange.is_lost) and not served else exchange


def calls_on(metric: str) -> list[Call]:
    """The plain calls that cost a unit of a metric, one for each way to ask for it."""
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
        then the caller has units again; and when they are a copy of earlier ones."""
        after = settled(judge, requirement, self.caller, self.metric, self.limit)
        moved(judge, requirement, self.before, after)
        not_a_copy(judge, requirement, self.before, after)
        return after

    def served_too_much(self, judge: Judge, exchange: Exchange) -> Exception:
        """The verdict on a call served beyond the limit. If the counter has not reached the limit either, the
        price of a call is wrong, and the limit may hold."""
        judge.answered("RATE-4", exchange)
        used = self.counters(judge, "RATE-4").used[self.metric]
        message = f"{exchange.title}: served beyond the limit of {self.limit} {self.metric}"
        if used < self.limit:
            prices = dict.fromkeys(PRICE_OF[name] for name, of in METRIC_OF.items() if of == self.metric)
            message = f"{message}, of which /usage counts {used} (see {', '.join(prices)})"
            return judge.undecided("RATE-4", message, exchange)
        return judge.violation("RATE-4", message, exchange)


def serves_what_is_left(judge: Judge, exchange: Exchange, call: Call, caller: Caller) -> None:
    """Raises a violation when a call for the remaining units is refused or fails every time, while others are
    served."""
    second = judge.probes.second_look(
        exchange,
        again=lambda: ask_for_unit(judge, call, caller, served=True),
        plain=lambda: ask_for_unit(judge, call, judge.caller(), served=True),
    )
    if second.stands_out:
        message = f"{exchange.title} for {caller.label} with units left, each time, while others are served"
        raise judge.violation("RATE-4", message, *second.shown)


def call_within_limit(judge: Judge, call: Call, caller: Caller) -> Exchange:
    """The answer to a call within the limit. A host that limits bursts without saying for how long is given
    some time before its 429 counts. Once it has seemed to limit bursts, later calls are slow: if it then
    refuses a caller with units left, it limits no bursts."""
    calm = judge.learned.refuses_at_first
    time.sleep(CALM if calm else 0)
    exchange = ask_for_unit(judge, call, caller, served=True)
    own_words = exchange.stand_in is None and exchange.doubt is None
    if calm and exchange.status == 429 and own_words and exchange.header("retry-after") is None:
        has_units_left(judge, exchange, caller, METRIC_OF[call.operation])
    if exchange.status in BLAMES_THE_REQUEST:
        exchange = ask_for_unit(judge, call, caller, served=True)
    for pause in PAUSES:
        if exchange.status != 429:
            break
        time.sleep(pause)
        with judge.client.second_look():
            exchange = ask_for_unit(judge, call, caller, served=True)
        if exchange.served:
            judge.learned.refuses_at_first = True
    return exchange


def ask_beyond(judge: Judge, call: Call, caller: Caller) -> Exchange:
    """The answer to a call beyond the limit. A failure that persists right there, while another caller is
    served, is how this host refuses. Raises Undecided for any other failure: it shows nothing."""
    exchange = ask_for_unit(judge, call, caller, served=False)
    if (exchange.status or 0) < 500:
        return exchange
    again = ask_for_unit(judge, call, caller, served=False)
    other = ask_for_unit(judge, call, judge.caller(), served=True)
    if again.status != exchange.status or not other.served:
        raise judge.undecided("RATE-4", f"{exchange.title}: the host says that it failed", exchange, other)
    return again


def is_refused_to_anybody(judge: Judge, exchange: Exchange, call: Call) -> bool:
    """Whether a call beyond the limit asks for more than a plain one, and is refused for that, as it would be
    with units left."""
    if exchange.status not in BLAMES_THE_REQUEST or call not in OTHERWISE[METRIC_OF[call.operation]]:
        return False
    name = f"with units left, {call.method} {call.path} {call.body!r}"
    return not judge.once(name, lambda: ask_for_unit(judge, call, judge.caller(), served=True)).served


def refuse_beyond(judge: Judge, spent: Spent, call: Call) -> None:
    """A call beyond the limit is 429, unless it is refused to anybody."""
    exchange = ask_beyond(judge, call, spent.caller)
    if is_refused_to_anybody(judge, exchange, call):
        return
    if exchange.served:
        raise spent.served_too_much(judge, exchange)
    what = f"a call beyond the limit of {spent.limit} {spent.metric}"
    if (exchange.status or 0) >= 500:
        raise judge.violation("RATE-4", f"{exchange.title}: {what} must be 429", exchange)
    judge.refused("RATE-4", exchange, 429, what)


def has_units_left(judge: Judge, exchange: Exchange, caller: Caller, metric: str) -> None:
    """Raises a violation when a caller that only we can spend as was refused although it has units left."""
    judge.answered("RATE-4", exchange)
    look = read_usage(judge, "RATE-4", caller)
    limit = look.limit[metric]
    if limit is not None and look.used[metric] < limit:
        message = f"{exchange.title} for {caller.label} with {look.used[metric]} of {limit} {metric} used"
        raise judge.violation("RATE-4", message, exchange, look.exchange)


# --- who has used up a metric -----------------------------------------------------------------------------


def _brought_to_limit(judge: Judge, metric: str) -> Spent:
    """A caller that has just used up `metric`, or is refused more of it. Each call up to the limit must be
    served. Raises Unmet with whom a host refuses before that."""
    caller = judge.caller()
    before = read_usage(judge, "RATE-4", caller)
    limit = before.limit[metric]
    if limit is None or limit < 0:
        raise NotRun(f"needs a limit: {metric} is unlimited on the free tier")
    if limit == 0:
        raise NotRun(f"needs a free tier with units of {metric}")
    if limit > FARTHEST[metric]:
        raise NotRun(f"needs a lower limit: {limit} units of {metric} are more than a test should use")
    not_exhausted(judge, "RATE-4", before)
    calls = calls_on(metric)
    turn = lost = 0
    while turn < limit:
        if 0 < turn == limit - 1:
            judge.get("/usage", caller)  # For the laws: nobody else looks at counters that are nearly full.
        exchange = call_within_limit(judge, calls[turn % len(calls)], caller)
        if is_passing(exchange) and lost < MAX_LOST:
            lost += 1
            continue
        if exchange.status == 429 and turn + lost >= limit:
            break
        try:
            # What this caller was served before is valid, whatever it is called now.
            if turn == limit - 1 or (turn >= len(calls) and exchange.status in BLAMES_THE_REQUEST):
                serves_what_is_left(judge, exchange, calls[turn % len(calls)], caller)
            if exchange.status == 429:
                judge.answered("RATE-4", exchange)
                message = f"{exchange.title}: refused at call {turn + 1} of {limit}"
                raise judge.violation("RATE-4", message, exchange)
        except Violation as problem:
            if exchange.status != 429:
                raise
            raise Unmet(problem, Spent(caller, metric, turn, before)) from problem
        # A route that refuses its first call is others' matter, and so is a request that is called invalid.
        owner = turn >= len(calls) and exchange.status not in BLAMES_THE_REQUEST
        judge.witness("RATE-4", judge.served("RATE-4", exchange, owner=owner))
        turn += 1
    return Spent(caller, metric, limit, before)


class Unmet(Exception):
    """Calls at a limit were not answered as they have to be: the problem, and whose calls they were."""

    def __init__(self, problem: Exception, spent: Spent) -> None:
        super().__init__(str(problem))
        self.problem = problem
        self.spent = spent


def _limit_holds(judge: Judge, metric: str) -> Spent:
    """Every call beyond the limit is 429, on every route of the metric, and stays so. Raises Unmet when one
    is not."""
    spent = _brought_to_limit(judge, metric)
    try:
        _refuses_beyond(judge, spent)
    except Exception as problem:
        raise Unmet(problem, spent) from problem
    return spent


def _refuses_beyond(judge: Judge, spent: Spent) -> None:
    metric = spent.metric
    calls = [*calls_on(metric), *OTHERWISE[metric], calls_on(metric)[0]]
    # A host of one's own may be asked until what it does now and then has been seen.
    often = OFTEN if judge.target.may_be_asked_often(judge.spend) else len(calls)
    for turn in range(max(often, len(calls))):
        call = calls[turn % len(calls)]
        exchange = ask_beyond(judge, call, spent.caller)
        if is_refused_to_anybody(judge, exchange, call):
            continue
        if (exchange.status or 0) < 500 and not exchange.served:
            judge.answered("RATE-4", exchange)
        if exchange.status in {401, 404, 405}:
            raise judge.undecided("RATE-4", f"{exchange.title}: refused for another reason", exchange)
        if exchange.served:
            raise spent.served_too_much(judge, exchange)
        judge.check(
            "RATE-4", exchange.status == 429, f"{exchange.title}: expected 429 beyond the limit", exchange
        )


def at_limit(judge: Judge, metric: str) -> Spent:
    """The caller at its limit, shared by the tests that look at it. Raises Unmet, or what kept it from its
    limit."""
    made = judge.once(f"caller without {metric}", lambda: _attempt(lambda: _limit_holds(judge, metric)))
    if isinstance(made, Exception):
        raise made
    return made


def _attempt(work: Callable[[], Spent]) -> Spent | Exception:
    try:
        return work()
    except Exception as problem:
        return problem


def used_up(judge: Judge, requirement: str, metric: str) -> Spent:
    """The caller that has used up a metric, for a test of something else. How it is refused more of it is
    for RATE-4 to say. Raises Undecided when it was not served so much."""
    try:
        return at_limit(judge, metric)
    except Unmet as unmet:
        return unmet.spent
    except (NotRun, BudgetExhausted, Disturbed):
        raise
    except Exception as problem:
        raise judge.undecided(
            requirement, _in_short(f"no caller has used up its {metric}", problem)
        ) from None


def refused_at_limit(judge: Judge, requirement: str, metric: str) -> Spent:
    """The same, where it counts that this caller was refused more. Raises NotRun when it was not."""
    used_up(judge, requirement, metric)
    try:
        return at_limit(judge, metric)
    except Unmet as unmet:
        if isinstance(unmet.problem, NotRun | BudgetExhausted):
            raise unmet.problem from unmet
        what = f"the refusals of a caller at its limit of {metric}"
        message = _in_short(f"{what} were not as they have to be", unmet.problem)
        raise NotRun(message) from None


def _in_short(what: str, problem: Exception) -> str:
    """What is missing, and where to look for the reason."""
    words = str(problem).removeprefix("RATE-4: ")
    return f"{what}: {words}" if words.endswith(")") else f"{what}: {words} (see RATE-4)"


def lets_more_pass(judge: Judge, metric: str) -> bool:
    """Whether one call after the other passes the limit as well."""
    try:
        at_limit(judge, metric)
    except Unmet as unmet:
        return isinstance(unmet.problem, Violation)
    except Exception:
        return False  # Nobody knows.
    return False
