"""The judge's accounts for callers that are not its own: bounded, and without anybody's credentials."""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import replace

from lightning_verify.facts import SPEC
from lightning_verify.judging.evidence import Recorder
from lightning_verify.judging.ledger import Ledger
from lightning_verify.judging.redaction import Redactor
from lightning_verify.judging.verdicts import Finding
from lightning_verify.laws.witnesses import shows_something
from lightning_verify.proxy.exchanges import PassingRecorder, Pseudonyms, bearer_of
from lightning_verify.requests.callers import agent_of_one
from lightning_verify.transport.exchange import Exchange

# When there are more, the books begin anew.
_MAX_CALLS = 5_000
_MAX_CALLERS = 2_000
_MAX_SHOWN = 2_000
# Client ids that hosts can be expected to take for one; the second kind is drawn at random by its client.
_CLIENT_ID = re.compile(SPEC.client_id_pattern)
_OF_ONE_CLIENT = re.compile(r"ipc-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class TrafficLedger:
    """Reconciles usage documents that pass with what was seen to be served. An account may also be used past
    this proxy, so its counters may rightly show more, and only too little is a breach; with `all_traffic`
    nothing goes past it. A client id that was drawn at random belongs to one client, which passes here."""

    def __init__(self, recorder: PassingRecorder, settle: float, *, all_traffic: bool) -> None:
        self._passing = recorder
        self._settle = settle
        self._all_traffic = all_traffic
        self._pseudonyms = Pseudonyms(secrets.token_bytes(32))
        self._earlier: dict[tuple[str, str], Finding] = {}
        self._ledger = self._new()

    def _new(self) -> Ledger:
        self._calls = 0
        self._callers = set[str]()
        self._since = time.monotonic()
        return Ledger(Recorder(self._passing.base_url, Redactor({})), self._settle, from_nothing=False)

    @property
    def callers(self) -> int:
        """How many callers there are accounts for."""
        return len(self._callers)

    def observe(self, exchange: Exchange, *, alone: bool) -> None:
        """Record a call, or reconcile a usage document. `alone` says that no call of the same caller was
        under way, whose price nobody can know yet."""
        operation = exchange.operation
        if operation is None or not (operation.metric or operation.id == "getUsage"):
            return
        name, headers = self._identity(exchange)
        if not name:
            return
        ours = "X-Client-ID" in headers or self._all_traffic
        # What was called before we began may be counted after we first look.
        early = ours and exchange.sent < self._since + self._settle
        if operation.metric is None and (early or not alone):
            return
        self._calls += 1
        self._callers.add(name)
        if self._calls > _MAX_CALLS or len(self._callers) > _MAX_CALLERS:
            self.begin_anew()
            return
        self._ledger.observe(self._without_secrets(exchange, headers))

    def begin_anew(self) -> None:
        """Forget the callers and keep the findings."""
        for finding in self._ledger.findings():
            self._keep(finding)
        self._ledger = self._new()

    def findings(self) -> list[Finding]:
        """What the accounts show about the price of each operation."""
        return [*self._earlier.values(), *self._ledger.findings()]

    def _keep(self, finding: Finding) -> None:
        kind = finding.requirement, finding.verdict
        earlier = self._earlier.get(kind, replace(finding, witnesses=0))
        self._earlier[kind] = replace(earlier, witnesses=earlier.witnesses + finding.witnesses)

    def _identity(self, exchange: Exchange) -> tuple[str, dict[str, str]]:
        """A name for who is charged, and headers that say the same under pseudonyms. No name if only the
        address distinguishes callers, or if it is not clear who pays."""
        headers = exchange.request_headers
        client_id = headers.get("X-Client-ID", "").strip()
        if token := bearer_of(headers):
            name = self._pseudonyms.bearer(token)
            # The books take such a name for one that nobody else spends as.
            shown = agent_of_one(name) if self._all_traffic else name
            return name, {"Authorization": f"Bearer {shown}"}
        if "Authorization" in headers or not _CLIENT_ID.fullmatch(client_id):
            return "", {}
        name = self._pseudonyms.client_id(client_id)
        if _OF_ONE_CLIENT.fullmatch(client_id) is None:
            name = name.removeprefix("ipc-")
        return name, {"X-Client-ID": name}

    def _without_secrets(self, exchange: Exchange, headers: dict[str, str]) -> Exchange:
        """The exchange as far as the accounts need it and a report may show it."""
        redactor = self._passing.redactor
        shows = shows_something(exchange)
        metered = exchange.operation is not None and exchange.operation.metric is not None
        # Without its type, a body shown in a report would be sent as something else.
        kind = exchange.request_headers.get("Content-Type")
        typed = {"Content-Type": redactor.text(kind)} if kind else {}
        request = (exchange.request_body or b"")[:_MAX_SHOWN].decode("utf-8", "replace")
        return replace(
            exchange,
            path=redactor.text(exchange.path[:_MAX_SHOWN]),
            request_headers={**headers, **typed},
            request_body=redactor.text(request).encode() if request else None,
            # What somebody said in the host's place leaves open what the call has cost.
            status=exchange.status if shows else None,
            headers=redactor.headers(exchange.headers),
            body=b"" if metered else redactor.text(exchange.text).encode(),
            arrivals=[],
        )
