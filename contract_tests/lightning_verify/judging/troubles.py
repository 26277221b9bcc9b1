"""What may befall the host, or us, while a test is under way: an outage, or the loss of a credential.

Law: neither counts against the host. An outage is waited for, so that what it has disturbed can be tried
again; a credential that is let in nowhere any more is not used again.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from functools import partial

from lightning_verify.judging.admission import is_let_in
from lightning_verify.judging.contrast import Ask
from lightning_verify.judging.learned import Learned
from lightning_verify.reading.tokens import has_expired
from lightning_verify.requests.callers import Caller, anonymous, bearer
from lightning_verify.requests.credentials import GOOD
from lightning_verify.requests.invalid import NOTHING_ASKED
from lightning_verify.requests.valid import CALLS
from lightning_verify.target import Target
from lightning_verify.transport.client import BudgetExhausted, Client
from lightning_verify.transport.exchange import Exchange, encoded
from lightning_verify.transport.timeline import MOMENT, fails, generates, has_bearer

# Seconds between two looks whether an outage is over.
_BREAK = 1.0
# How often it is looked for where only refusals can show it: each look that fails may have cost a unit, so
# that many of them would close the lane of what costs nothing.
_LOOKS = 5
# So many failures in a row, of several operations, are more than one fault.
_MANY, _SEVERAL = 4, 2
# How often a request is sent again to see whether the host can do it now.
_TURNS = 3

# What is asked beside, by whether it generates; no host can charge for the first ones.
_BESIDE = {
    False: ("/usage", "/tier-config"),
    True: (CALLS["analyzePrompt"].path, CALLS["createChatCompletion"].path),
}


@dataclass(frozen=True, slots=True)
class Troubles:
    """Asks the host, for nobody's account, whether something has befallen it."""

    client: Client
    target: Target
    learned: Learned

    def lost_credential(self, exchange: Exchange) -> str | None:
        """Why the credential that was refused here is of no more use; None when it is, or was none of the
        good ones. What one route refuses, another may let in."""
        if exchange.status not in {401, 403}:
            return None
        token = exchange.request_headers.get("Authorization", "").removeprefix("Bearer ")
        name = next((each for each in GOOD if self.target.credentials.get(each) == token), None)
        if name is None:
            return None
        if name not in self.learned.unusable:
            if has_expired(token):
                self.learned.unusable[name] = f"{name} expired during the run; give a fresh one"
            elif not is_let_in(self.client, name, token):
                self.learned.unusable[name] = f"{name} was let in, and is refused everywhere now"
                self.learned.lost.add(name)
        return self.learned.unusable.get(name)

    def outlasted(self, exchange: Exchange) -> bool:
        """Whether `exchange` failed in an outage, which is over now. One that does not end is how the host
        is."""
        if not fails(exchange) or exchange.operation is None:
            return False
        return (
            self._all_were_out(exchange)
            or self._route_was_out(exchange)
            or self._was_a_moment(exchange)
            or self._refuses_later(exchange)
        )

    def _all_were_out(self, exchange: Exchange) -> bool:
        """Whether nothing of its kind was answered for a while, whatever was asked for."""
        around, answered_since = self.client.timeline.failures_around(exchange)
        if not around:
            return False
        several = len({each.operation for each in around}) >= _SEVERAL
        beside = partial(self._ask_beside, exchange)
        if answered_since or not fails(beside()) or self._is_well(partial(beside, 1)):
            return len(around) >= _MANY and several and self._is_answered_now(exchange)
        return self._wait(beside)

    def _route_was_out(self, exchange: Exchange) -> bool:
        """Whether a route answered nobody for a while, not even valid requests."""
        around, answered_since = self.client.timeline.failures_around(exchange, of_route=True)
        if len(around) < _MANY or not any(each.valid for each in around):
            return False
        if answered_since:
            return self._is_answered_now(exchange)
        operation = exchange.operation
        assert operation is not None
        if operation.metric is None:
            return False
        path = operation.path.partition("/{")[0]
        return self._wait(
            partial(self.client.send, "POST", path, anonymous(), json_body=NOTHING_ASKED, lane="free")
        )

    def _was_a_moment(self, exchange: Exchange) -> bool:
        """Whether a request that costs nothing failed in the one bad moment that an operation is allowed."""
        if not exchange.repeatable:
            return False
        assert exchange.operation is not None
        first = self.learned.bad_moments.setdefault(exchange.operation.id, exchange.sent)
        return abs(exchange.sent - first) <= MOMENT and self._is_answered_now(exchange)

    def _refuses_later(self, exchange: Exchange) -> bool:
        """Whether what costs nothing is answered once a route is well again that fails at whatever it has to
        refuse just now. Where nothing may be spent, no valid request would tell that from a fault."""
        operation = exchange.operation
        assert operation is not None
        if not (exchange.repeatable and exchange.method == "POST" and generates(exchange)):
            return False
        if not self.client.timeline.failures_around(exchange)[0]:
            return False  # Nothing has ever been answered.
        other = b"{" if exchange.is_of("POST", exchange.path, NOTHING_ASKED) else encoded(NOTHING_ASKED)
        ask = partial(self.client.send, "POST", exchange.path, anonymous(), body=other, lane="free")
        return fails(ask()) and self._wait(ask, _LOOKS) and self._is_answered_now(exchange)

    def _is_answered_now(self, exchange: Exchange) -> bool:
        """Whether a request that costs nothing is answered each time by now. One that costs units is left to
        whoever tries again, and what fails then in the same way was in no outage."""
        if not exchange.repeatable:
            assert exchange.operation is not None
            failing = exchange.operation.id, exchange.caller
            excused = failing not in self.learned.excused
            self.learned.excused.add(failing)
            return excused
        again = partial(
            self.client.send,
            exchange.method,
            exchange.path,
            Caller(exchange.caller, exchange.request_headers),
            body=exchange.request_body,
            lane="free",
        )
        return all(self._is_well(again) for _ in range(_TURNS))

    def _is_well(self, ask: Ask) -> bool:
        """Whether a request is answered; not where it may not be sent, since the host may charge for it."""
        try:
            return not fails(ask())
        except BudgetExhausted:
            return False

    def _ask_beside(self, exchange: Exchange, number: int = 0) -> Exchange:
        """The answer to another request that needs the same of the host."""
        caller = self._signed_in() if has_bearer(exchange) else anonymous()
        path = _BESIDE[generates(exchange)][number]
        if not generates(exchange):
            return self.client.send("GET", path, caller, retry=False)
        return self.client.send("POST", path, caller, json_body=NOTHING_ASKED, lane="free")

    def _signed_in(self) -> Caller:
        """Whoever has a bearer that is read, be it a good one."""
        for name in GOOD:
            if name in self.target.credentials and name not in self.learned.unusable:
                return bearer(name, self.target.credentials[name])
        return bearer("garbled", "not-a-token-in-an-outage")

    def _wait(self, ask: Ask, looks: float = math.inf) -> bool:
        """Whether a request is answered again before the time of the run for that, or so many `looks`, are
        over. Nobody else sends anything meanwhile: it would be lost."""
        with self.client.exclusively():
            while not self._is_well(ask):
                looks -= 1
                if self.learned.waited >= self.client.timeouts.outage or not looks:
                    return False
                self.learned.waited += _BREAK
                time.sleep(_BREAK)
        return True
