"""The judge of one test: sends requests, assesses answers, and keeps what was seen.

Assessing an answer has three outcomes. It is a *witness* when it could have shown a violation and did not;
a `Violation` when it shows one; `Undecided` when it shows neither, because the host was unwell, exhausted
or out of reach. Only witnesses make a pass.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from hypothesis.strategies import SearchStrategy
from lightning_spec.loader import Spec

from lightning_verify.facts import METRIC_OF, OWNER_OF
from lightning_verify.judging.contrast import Ask, trouble
from lightning_verify.judging.evidence import Recorder
from lightning_verify.judging.harmless import one_line
from lightning_verify.judging.learned import Learned
from lightning_verify.judging.payers import SHARE, Payers
from lightning_verify.judging.probes import Probes
from lightning_verify.judging.sizes import may_be_too_long
from lightning_verify.judging.troubles import Troubles
from lightning_verify.judging.verdicts import Finding, Verdict
from lightning_verify.laws.law import request_json
from lightning_verify.laws.relations import RELATIONS
from lightning_verify.laws.table import LAWS
from lightning_verify.reading.tokens import has_expired
from lightning_verify.requests import callers
from lightning_verify.requests.callers import Caller
from lightning_verify.requests.credentials import ADMITTED_BY, API_KEY, FREE_JWT, GOOD, JWT, MEANING
from lightning_verify.requests.invalid import sample
from lightning_verify.requests.valid import Call
from lightning_verify.target import Spend, Target
from lightning_verify.transport.client import BudgetExhausted, Client
from lightning_verify.transport.exchange import NOT_OFFERED, Exchange, NotJson
from lightning_verify.transport.timeline import fails, has_bearer

T = TypeVar("T")

MAX_REASON_LENGTH = 2000
# How many answers a run shows of a requirement that is kept.
PASSES_SHOWN = 3


# Tests may run side by side, and make one thing once all the same.
_NAMING = threading.Lock()


def _owner(exchange: Exchange) -> str | None:
    return OWNER_OF.get(exchange.operation.id) if exchange.operation is not None else None


def _admitted_by(exchange: Exchange) -> str | None:
    """The statement that lets a caller in; None for a bearer that is to be refused."""
    if not has_bearer(exchange):
        return "ID-4"
    return next((owner for name, owner in ADMITTED_BY.items() if MEANING[name] == exchange.caller), None)


def _left_to(exchange: Exchange, requirement: str) -> str:
    """Where to look for what is wrong with an answer; nothing where only `requirement` itself is about it."""
    owner = (exchange.status in {401, 403} and _admitted_by(exchange)) or _owner(exchange)
    return f" (see {owner})" if owner not in {None, requirement} else ""


def _apart(exchange: Exchange, plain: Exchange) -> str:
    """What a request asks for beyond a plain one, in short."""
    beyond = {
        name: value
        for name, value in request_json(exchange).items()
        if value != request_json(plain).get(name)
    }
    return json.dumps(beyond, ensure_ascii=False)[:200] if beyond else f"a {exchange.method}"


class Violation(AssertionError):
    """An answer that a requirement does not allow."""

    def __init__(self, requirement: str, message: str) -> None:
        super().__init__(f"{requirement}: {message}")
        self.requirement = requirement
        self.message = message


class Undecided(Exception):
    """An answer that shows nothing about the requirement."""


class Disturbed(Undecided):
    """Something other than the host came between, such as a gateway's answer. The test may be repeated."""


class MidnightPassed(Disturbed):
    """A window of the counters ended during a measurement."""


class NotRun(Exception):
    """The test cannot be tried with what the run was given."""


@dataclass(slots=True)
class Judge:
    """The tools of one test, and its findings."""

    test: str
    target: Target
    spec: Spec
    client: Client
    recorder: Recorder
    spend: Spend
    # Seconds that the counters of /usage may lag behind.
    settle: float
    learned: Learned
    # How many generated requests a property is tried with, and which ones.
    examples: int
    seed: int
    findings: list[Finding] = field(default_factory=list)
    witnesses: Counter[str] = field(default_factory=Counter)
    seen: dict[str, list[Exchange]] = field(default_factory=dict)
    # How often it has begun anew since something had disturbed it.
    repeats: int = 0

    @property
    def probes(self) -> Probes:
        """Further questions to the host, asked before an answer counts against it."""
        return Probes(self.client, self.once, self.payers)

    @property
    def payers(self) -> Payers:
        """Who asks for what costs a unit."""
        # On a host of one's own nobody else needs what an account has.
        share = 1 if self.target.may_be_asked_often(self.spend) else SHARE[self.spend]
        return Payers(self.client, self.once, lambda: self.reader()[1], self._accounts, share)

    def _accounts(self) -> Iterator[tuple[Caller, Exchange]]:
        """The accounts of the run and what their counters were at first."""
        for account in self.usable(JWT, API_KEY, FREE_JWT):
            look = partial(self.get, "/usage", account)
            yield account, self.once(f"/usage as {account.payer}", look)

    @property
    def troubles(self) -> Troubles:
        """What may have befallen the host meanwhile, asked before an answer counts against it."""
        return Troubles(self.client, self.target, self.learned)

    # --- requests -------------------------------------------------------------------------------------

    def caller(self) -> Caller:
        """A fresh free-tier caller with its own client id."""
        return callers.anonymous()

    def newcomer(self, operation: str) -> Caller:
        """The same, or an account where the free tier has no unit for this operation. Raises BudgetExhausted
        when that account has too few to spare."""
        return self.payers.newcomer(METRIC_OF.get(operation))

    def reader(self) -> tuple[Caller, Exchange]:
        """The throwaway caller who reads for all tests, and its counters before it has read anything else."""

        def begin() -> tuple[Caller, Exchange]:
            caller = self.caller()
            return caller, self.get("/usage", caller)

        return self.once("reader", begin)

    def credential(self, name: str) -> Caller:
        """The caller behind a credential. Raises NotRun when the run was not given it, or can do nothing with
        it."""
        token = self.target.credentials.get(name)
        if token is None:
            raise NotRun(f"needs {name}")
        if name in GOOD and has_expired(token):
            raise NotRun(f"{name} has expired; give a fresh one")
        if name in self.learned.unusable:
            raise NotRun(self.learned.unusable[name])
        return callers.bearer(name, token)

    def usable(self, *names: str) -> list[Caller]:
        """The callers behind those of these credentials that the run was given and that show something."""
        found = list[Caller]()
        for name in names:
            with suppress(NotRun):
                found.append(self.credential(name))
        return found

    def forged(self, kind: str, token: str) -> Caller:
        """A caller with a bearer made by the judge; its secret is never recorded."""
        self.recorder.redactor.learn(kind, token)
        return callers.bearer(kind, token)

    def get(self, path: str, caller: Caller | None = None, **options: Any) -> Exchange:
        """GET `path`, by default as a fresh caller. Redirects of free routes are followed on this host."""
        return self.client.send("GET", path, caller or self.caller(), follow=True, **options)

    def post(self, path: str, json_body: Any, caller: Caller | None = None, **options: Any) -> Exchange:
        """POST `json_body` to `path`, by default in the paid lane and as a newcomer who may be served; in the
        free lane as one who is not at a limit from the outset."""
        if caller is None:
            metric = self.client.metric_at(path)
            free = options.get("lane") == "free"
            caller = self.payers.unpaid(metric) if free else self.payers.newcomer(metric)
        return self.client.send("POST", path, caller, json_body=json_body, **options)

    def ask(self, call: Call, caller: Caller, **options: Any) -> Exchange:
        """Send a call as it stands, in the paid lane unless another is given."""
        return self.client.send(call.method, call.path, caller, json_body=call.body, **options)

    def once(self, name: str, make: Callable[[], T]) -> T:
        """The result of `make`, which is called once in a run and shared between tests under `name`. A test
        that begins anew shares only what was made by others that did."""
        name += ", once more" * self.repeats
        with _NAMING:
            making = self.learned.observations.setdefault(f"making {name}", threading.RLock())
        with making:  # Whoever else wants it meanwhile waits.
            if name not in self.learned.observations:
                self.learned.observations[name] = make()
        result: T = self.learned.observations[name]
        return result

    def drawn(self, strategy: SearchStrategy[Any], count: int, salt: int = 0) -> list[Any]:
        """`count` examples, at least one; others with another seed of the run, or another `salt`."""
        return sample(strategy, max(1, count), self.seed + salt)

    # --- assessment -----------------------------------------------------------------------------------

    def witness(self, requirement: str, *exchanges: Exchange) -> None:
        """Note that these answers could have broken `requirement` and did not."""
        self.witnesses[requirement] += max(1, len(exchanges))
        self.seen.setdefault(requirement, []).extend(exchanges)

    def violation(self, requirement: str, message: str, *exchanges: Exchange) -> Violation | Undecided:
        """Record a violation and return the exception that ends the test. What rests on a limit of bursts
        is none: it is left undecided. Raises NotRun for what rests on a credential that has been lost, and
        Disturbed for what happened in an outage."""
        if any(map(self.client.limits_bursts, exchanges)):
            return self.undecided(requirement, f"{message}, which limits bursts", *exchanges)
        for exchange in exchanges:
            self.still_let_in(exchange)
        if failed := [exchange for exchange in exchanges if fails(exchange)]:
            self.past_outages(requirement, failed[-1])
        self._find(requirement, "fail", message, exchanges)
        return Violation(requirement, message)

    def undecided(self, requirement: str, message: str, *exchanges: Exchange) -> Undecided:
        """Record that nothing was shown and return the exception that ends the test."""
        self._find(requirement, "inconclusive", message, exchanges)
        return Undecided(f"{requirement}: {message}")

    def disturbed(self, requirement: str, message: str, *exchanges: Exchange) -> Disturbed:
        """The same for what may well be answered next time, so that the test may be repeated."""
        return Disturbed(*self.undecided(requirement, message, *exchanges).args)

    def still_let_in(self, exchange: Exchange) -> None:
        """Raises NotRun when an answer refuses a credential that has expired or been revoked meanwhile."""
        if lost := self.troubles.lost_credential(exchange):
            raise NotRun(lost)

    def past_outages(self, requirement: str, exchange: Exchange) -> None:
        """Wait until an outage is over in which an answer failed, and raise Disturbed then."""
        if self.troubles.outlasted(exchange):
            message = f"{exchange.title}, as everything failed at that time"
            raise self.disturbed(requirement, message, exchange)

    def midnight(self, requirement: str, *exchanges: Exchange) -> MidnightPassed:
        """Record that a day or week ended meanwhile and return the exception that ends the test."""
        undecided = self.undecided(
            requirement, "a window of the counters ended during the measurement", *exchanges
        )
        return MidnightPassed(*undecided.args)

    def begin_anew(self) -> None:
        """Forget what was found so far, and what others measured before something disturbed this test."""
        self.findings.clear()
        self.witnesses.clear()
        self.seen.clear()
        self.repeats += 1

    def check(self, requirement: str, holds: bool, message: str, *exchanges: Exchange) -> None:
        """A witness when `holds`, else a violation."""
        if not holds:
            raise self.violation(requirement, message, *exchanges)
        self.witness(requirement, *exchanges)

    def keeps(self, requirement: str, exchange: Exchange, *, law: str | None = None) -> None:
        """Check a served answer against the law of `requirement`, or against the law of another one that it
        is about. Raises Undecided when the answer cannot show it."""
        wrong = LAWS[law or requirement].wrong(exchange)
        if wrong is None:
            raise self.undecided(requirement, f"{exchange.title}: nothing to see there", exchange)
        message = f"{exchange.title}: {'; '.join(wrong[:3])}"
        self.check(requirement, not wrong, message, exchange)

    def agrees(self, requirement: str, exchange: Exchange, beside: Exchange) -> None:
        """Check two served answers against each other by the relation of `requirement`. Raises Undecided when
        they cannot show it."""
        wrong = RELATIONS[requirement].wrong(exchange, beside)
        if wrong is None:
            raise self.undecided(requirement, f"{exchange.title}: nothing to compare", exchange, beside)
        self.check(requirement, not wrong, f"{exchange.title}: {'; '.join(wrong[:3])}", exchange, beside)

    def answered(self, requirement: str, exchange: Exchange) -> None:
        """Require a complete answer of the host's own, and none that failed in an outage. Raises Undecided
        otherwise: Disturbed, if the same request may well be answered next time."""
        self.past_outages(requirement, exchange)
        if exchange.problem is not None:
            tell = self.disturbed if exchange.is_lost else self.undecided
            # Where there is no status, the title has it.
            more = "" if exchange.status is None else f": {exchange.problem}"
            raise tell(requirement, f"{exchange.title}{more}", exchange)
        if exchange.truncated:
            raise self.undecided(
                requirement, f"{exchange.title}: the body did not end within bounds", exchange
            )
        if exchange.stand_in is not None or (exchange.doubt and not exchange.is_deliberate):
            tell = self.undecided if exchange.repeatable and not exchange.is_lost else self.disturbed
            raise tell(requirement, f"{exchange.title}: {exchange.doubt}", exchange)

    def able(self, requirement: str, exchange: Exchange) -> None:
        """Require a complete answer of the host's own that is neither busy nor an error. Raises Undecided
        otherwise."""
        self.answered(requirement, exchange)
        if exchange.status == 429 or (exchange.status or 0) >= 500:
            raise self.undecided(requirement, f"{exchange.title}: the host was not able to answer", exchange)

    def served(self, requirement: str, exchange: Exchange, *, owner: bool = True) -> Exchange:
        """A valid request, which must be answered with success. Returns the exchange for closer looks.

        Raises Undecided for what says nothing (429, 5xx, a redirect, a credential that is refused) and
        Violation when a valid request is refused as invalid, the route does not exist, or the host fails at
        this request each time and not at the plainest of its kind. `owner` False says
        that `requirement` is about something else, and only needs an answer to look at: that there is none
        is then for others to judge, and undecided here.
        """
        status = exchange.status or 0
        self.still_let_in(exchange)
        if not owner and status != 429 and (400 <= status < 500 or status in NOT_OFFERED):
            raise self.undecided(requirement, f"{exchange.title}{_left_to(exchange, requirement)}", exchange)
        missing = status in NOT_OFFERED
        if owner and not missing and trouble(exchange) == "failed":
            if self.probes.always_fails(exchange):
                raise self.violation(requirement, f"{exchange.title}: the route always fails", exchange)
            second = self.probes.fails_at(exchange)
            if second.stands_out:
                did = exchange.title + ", which breaks off," * exchange.cut_off
                failing = f"{did} for {_apart(exchange, second.shown[-1])}, each time"
                message = f"{failing}, while {second.shown[-1].title} without it"
                raise self.violation(requirement, message, *second.shown)
        if owner and exchange.is_page and not exchange.repeatable and exchange.stand_in is None:
            exchange.is_deliberate = self.probes.shows_a_page(exchange)
        self.answered(requirement, exchange)
        if exchange.served:
            return exchange
        if missing:
            raise self.violation(
                requirement, f"{exchange.title}: the route is documented but not offered", exchange
            )
        if status == 406:
            raise self.undecided(requirement, f"{exchange.title} (see HDR-1)", exchange)
        if status == 429:
            self._may_have_some(exchange)
            raise self.undecided(requirement, f"{exchange.title}: {self._why_not_now(exchange)}", exchange)
        if status >= 500:
            raise self.disturbed(requirement, f"{exchange.title}: the host says that it failed", exchange)
        if status in {401, 403}:
            if exchange.operation is not None and exchange.operation.auth == "none":
                raise self.violation(
                    requirement, f"{exchange.title}: a public route asks for a bearer", exchange
                )
            message = f"{exchange.title}: {exchange.caller} was not let in{_left_to(exchange, requirement)}"
            raise self.undecided(requirement, message, exchange)
        if 300 <= status < 400:
            raise self.undecided(
                requirement,
                f"{exchange.title}: redirected to {exchange.header('location')!r}, not followed",
                exchange,
            )
        raise self.violation(requirement, f"{exchange.title}: a valid request was refused", exchange)

    def _may_have_some(self, exchange: Exchange) -> None:
        """Raises NotRun for a 429 to a caller whose plan has no unit of the metric at all, or to the account
        that asks in its place."""
        metric = exchange.operation.metric if exchange.operation is not None else None
        if metric is not None and self.payers.guests_have_none(metric):
            who = "an account with more" if has_bearer(exchange) else "a free tier with"
            raise NotRun(f"needs {who} units of {metric}")

    def refused(self, requirement: str, exchange: Exchange, status: int, what: str) -> None:
        """A request that must be refused with `status`; `what` says what is wrong with it. A long one may be
        refused as too large instead, which shows nothing."""
        if status in {400, 413} and (second := self.probes.fails_at_refusing(exchange)).stands_out:
            failing = f"{exchange.title}: {what} must be {status}, and the host failed at it each time"
            message = f"{failing}, while {second.shown[-1].title} for another request"
            raise self.violation(requirement, message, *second.shown)
        self.answered(requirement, exchange)
        if exchange.status == 429 and status != 429:
            metric = exchange.operation.metric if exchange.operation is not None else None
            exchange = self.probes.ask_at_leisure(exchange, self.payers.stand_in(metric))
            self.answered(requirement, exchange)
        got = exchange.status or 0
        if got == status:
            self.witness(requirement, exchange)
            return
        if may_be_too_long(exchange):
            return  # That it is too large may be looked at first.
        if got == 429 and not self.probes.refuses_this_alone(exchange):
            self._may_have_some(exchange)
            raise self.undecided(
                requirement, f"{exchange.title}: out of quota before {what} was looked at", exchange
            )
        led_elsewhere = 300 <= got < 400
        if got == 403 and exchange.is_page and status != 401:
            message = f"{exchange.title}: a page forbids it, as firewalls do"
            raise self.undecided(requirement, message, exchange)
        if status != 401:
            self.still_let_in(exchange)
        if status != 401 and (got in {401, 403} or led_elsewhere) and not self.probes.lets_in(exchange):
            why = "redirected, not followed" if led_elsewhere else f"{exchange.caller} was not let in"
            raise self.undecided(requirement, f"{exchange.title}: {why}", exchange)
        if status == 401 and led_elsewhere and not self.probes.redirects_bad_bearers_alone(exchange):
            raise self.undecided(requirement, f"{exchange.title}: redirected, not followed", exchange)
        if got == 406:
            raise self.undecided(requirement, f"{exchange.title} (see HDR-1)", exchange)
        if requirement != _owner(exchange) and (
            (got in NOT_OFFERED and self.probes.is_missing(exchange))
            or (got >= 500 and self.probes.fails_anyway(exchange))
        ):
            raise self.undecided(requirement, f"{exchange.title}{_left_to(exchange, requirement)}", exchange)
        if got >= 500 and self.probes.fails_at_everything(exchange):
            message = f"{exchange.title}: valid requests failed in the same way at that time"
            raise self.undecided(requirement, message, exchange)
        owner = None if exchange.served else self.probes.owner_of_form(exchange)
        if owner not in {None, requirement}:
            message = f"{exchange.title}: valid ones in this form are answered alike (see {owner})"
            raise self.undecided(requirement, message, exchange)
        did = "served" if exchange.served else f"answered with {got}"
        raise self.violation(
            requirement, f"{exchange.title}: {what} must be {status}, but was {did}", exchange
        )

    def survives(self, requirement: str, exchange: Exchange, again: Ask, plain: Ask, what: str) -> None:
        """A request that a host may serve or refuse, but must not fail at each time while it serves a `plain`
        one. One failure may be an upstream's, to which a lenient host has sent it."""
        if exchange.has_failed:
            second = self.probes.second_look(exchange, again, plain)
            if second.stands_out:
                message = f"{exchange.title}: {what} broke the server"
                raise self.violation(requirement, message, *second.shown)
            if exchange.status == 500:
                return
        self.answered(requirement, exchange)
        self.witness(requirement, exchange)

    def document(self, requirement: str, exchange: Exchange, *, owner: bool = True) -> Any:
        """The JSON of a served answer. Raises Violation when it is something else, or Undecided when that is
        for others to judge (`owner` False)."""
        self.served(requirement, exchange, owner=owner)
        try:
            return exchange.json()
        except NotJson as problem:
            if owner:
                raise self.violation(requirement, f"{exchange.title}: {problem}", exchange) from None
            message = f"{exchange.title}: {problem}{_left_to(exchange, requirement)}"
            raise self.undecided(requirement, message, exchange) from None

    def object(self, requirement: str, exchange: Exchange, owner: str) -> dict[str, Any]:
        """The JSON object of a served answer. Anything else breaks `owner`, and leaves every other
        requirement undecided, so that one fault is reported under one name."""
        document = self.document(requirement, exchange, owner=requirement == owner)
        if isinstance(document, dict):
            return document
        if requirement == owner:
            raise self.violation(requirement, f"{exchange.title}: expected an object", exchange)
        raise self.undecided(requirement, f"{exchange.title}: no object (see {owner})", exchange)

    def _why_not_now(self, exchange: Exchange) -> str:
        metered = exchange.operation is not None and exchange.operation.metric is not None
        if metered and not self.client.limits_bursts(exchange):
            return "out of quota, so nothing could be seen (see RATE-4)"
        return "somebody limits how often the host may be asked; ask more slowly, with --rate"

    def look_at_all(self, *looks: Callable[[], Any]) -> None:
        """Take each of these looks, whatever another one finds, and raise what was found then: a disturbance
        or a violation before anything else."""
        found = list[Exception]()
        for look in looks:
            try:
                look()
            except (Violation, Undecided, NotRun, BudgetExhausted) as problem:
                found.append(problem)
        ranks = (Disturbed, Violation, Exception)
        if found:
            raise min(found, key=lambda one: [isinstance(one, rank) for rank in ranks].index(True))

    # --- closing --------------------------------------------------------------------------------------

    def _find(self, requirement: str, verdict: Verdict, reason: str, exchanges: tuple[Exchange, ...]) -> None:
        self.findings.append(
            Finding(
                requirement,
                verdict,
                self.test,
                one_line(self.recorder.redactor.text(reason), MAX_REASON_LENGTH),
                self.witnesses[requirement],
                tuple(self.recorder.record(exchange) for exchange in exchanges[-3:]),
            )
        )

    def leave(self, requirements: tuple[str, ...], reason: str) -> None:
        """Pass the requirements that have a witness, and mark the others as not tried."""
        decided = {finding.requirement for finding in self.findings}
        for requirement in requirements:
            if requirement not in decided:
                kept = bool(self.witnesses[requirement])
                shown = self._example(requirement) if kept else ()
                self._find(requirement, "pass" if kept else "not_run", "" if kept else reason, shown)

    def _example(self, requirement: str) -> tuple[Exchange, ...]:
        """An answer that could have shown a violation; nothing once the run has shown enough of them."""
        shown: Counter[str] = self.once("passes shown", Counter)
        found = tuple(self.seen.get(requirement, ())[: shown[requirement] < PASSES_SHOWN])
        shown[requirement] += len(found)
        return found

    def close(
        self, requirements: tuple[str, ...], outcome: Verdict | None, reason: str, *, by_another: bool = False
    ) -> list[Finding]:
        """The findings of the test. `outcome` is None if it ran to its end; otherwise it is what stopped it,
        and holds for every requirement without a finding of its own. Where it was the breach of another
        one, what was witnessed before stands."""
        decided = {finding.requirement for finding in self.findings}
        for requirement in requirements:
            if requirement in decided:
                continue
            if outcome is not None and not (by_another and self.witnesses[requirement]):
                self._find(requirement, outcome, reason, ())
            elif self.witnesses[requirement]:
                self._find(requirement, "pass", "", self._example(requirement))
            else:
                self._find(requirement, "inconclusive", "no answer could have shown a violation", ())
        return self.findings
