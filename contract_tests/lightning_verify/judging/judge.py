"""The judge of one test: assesses the answers that it asked for, by what a requirement says of them.

Assessing an answer has three outcomes. It is a *witness* when it could have shown a violation and did not;
a `Violation` when it shows one; `Undecided` when it shows neither, because the host was unwell, exhausted
or out of reach. Only witnesses make a pass.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from lightning_verify.facts import OWNER_OF
from lightning_verify.judging.concluding import Concluding
from lightning_verify.judging.contrast import Ask, trouble
from lightning_verify.judging.outcomes import NotRun
from lightning_verify.judging.sizes import may_be_too_long
from lightning_verify.laws.law import request_json
from lightning_verify.laws.relations import RELATIONS
from lightning_verify.laws.table import LAWS
from lightning_verify.requests.credentials import ADMITTED_BY, MEANING
from lightning_verify.transport.exchange import NOT_OFFERED, Exchange, NotJson
from lightning_verify.transport.timeline import has_bearer


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


@dataclass(slots=True, kw_only=True)
class Judge(Concluding):
    """Holds an answer against a requirement: a witness, or an exception that ends the test."""

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
        if may_be_too_long(exchange):
            raise self.undecided(
                requirement, f"{exchange.title}: it is for the host to say how long a text may be", exchange
            )
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

    def _may_have_some(self, exchange: Exchange) -> None:
        """Raises NotRun for a 429 to a caller whose plan has no unit of the metric at all, or to the account
        that asks in its place."""
        metric = exchange.operation.metric if exchange.operation is not None else None
        if metric is not None and self.payers.guests_have_none(metric):
            who = "an account with more" if has_bearer(exchange) else "a free tier with"
            raise NotRun(f"needs {who} units of {metric}")

    def _why_not_now(self, exchange: Exchange) -> str:
        metered = exchange.operation is not None and exchange.operation.metric is not None
        if metered and not self.client.limits_bursts(exchange):
            return "out of quota, so nothing could be seen (see RATE-4)"
        return "somebody limits how often the host may be asked; ask more slowly, with --rate"
