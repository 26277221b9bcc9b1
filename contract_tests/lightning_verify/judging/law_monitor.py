"""Checks every exchange of a run against every law that applies to it, no matter which test sent it.

A test looks at its own answers only. What is wrong in one answer of many, or for one kind of caller, shows up
among all the others, and is reported with its rate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lightning_verify.facts import OWNER_OF
from lightning_verify.judging.evidence import Recorder
from lightning_verify.judging.failures_as_success import FailuresAsSuccess
from lightning_verify.judging.ledger import is_ours
from lightning_verify.judging.tally import Tally, finding
from lightning_verify.judging.verdicts import Finding
from lightning_verify.laws.table import check_laws
from lightning_verify.laws.witnesses import shows_something
from lightning_verify.reading.tokens import has_expired
from lightning_verify.requests.credentials import ADMITTED_BY
from lightning_verify.transport.exchange import BLAMES_THE_REQUEST, Exchange

# What a finding of the monitor gives in place of a test's name.
NAME = "a look at every answer"
# Larger requests are not kept to be compared.
_COMPARED = 50_000


@dataclass(slots=True)
class Admission:
    """Whether a kind of caller was let in: `shut_out` counts those refused with 401 between two that were let
    in. A caller who is refused from some moment on may have lost the right."""

    shut_out: Tally = field(default_factory=Tally)
    _let_in: bool = False
    _waiting: list[Exchange] = field(default_factory=list)

    def add(self, exchange: Exchange) -> None:
        if not exchange.served:
            if self._let_in:
                self._waiting.append(exchange)
            return
        self._let_in = True
        for refused in self._waiting:
            self.shut_out.add(refused, [f"{refused.caller} was refused, and let in before and after"])
        self._waiting.clear()
        self.shut_out.add(exchange, [], witness=False)


_Request = tuple[frozenset[tuple[str, str]], str, str, bytes | int | None]


def _alike(exchange: Exchange) -> frozenset[tuple[str, str]]:
    """The headers of a request, in which callers that differ by identities of our own making are alike."""
    headers = exchange.request_headers.items()
    return frozenset((name, "ours" if is_ours(value) else value) for name, value in headers)


def _request(exchange: Exchange) -> _Request:
    """What makes two requests the same. Of a large body only a fingerprint is kept."""
    body = exchange.request_body
    told = body if body is None or len(body) <= _COMPARED else hash(body)
    return _alike(exchange), exchange.method, exchange.path, told


class LawMonitor:
    """Collects what each law says about the exchanges of a run."""

    def __init__(self, recorder: Recorder, credentials: Mapping[str, str] | None = None) -> None:
        self._recorder = recorder
        # Who has to be let in, by token: the statement that says so, and how it went.
        self._admitted_by = {
            token: ADMITTED_BY[name] for name, token in (credentials or {}).items() if name in ADMITTED_BY
        }
        # By that statement and the token: one that is stale says nothing about another.
        self._admissions: dict[tuple[str, str], Admission] = {}
        self._tallies: dict[str, Tally] = {}
        self._repeats: dict[_Request, Tally] = {}
        self._failures_as_success = FailuresAsSuccess()
        self._at_rest = True

    def observe(self, exchange: Exchange) -> None:
        """Check one exchange against the laws."""
        if exchange.changes_target:
            self._at_rest = False
        if exchange.operation is None:
            return
        request = _request(exchange)
        if not shows_something(exchange):
            self._failures_as_success.failed(request, exchange)
            return
        self._failures_as_success.answered(request, exchange)
        if exchange.served or exchange.status in BLAMES_THE_REQUEST:
            self._count_repeat(request, exchange)
        if exchange.served or exchange.status == 401:
            self._count_admission(exchange)
        for requirement, wrong in check_laws(exchange, at_rest=self._at_rest).items():
            self._tallies.setdefault(requirement, Tally()).add(exchange, wrong)

    def _count_admission(self, exchange: Exchange) -> None:
        """Count whether a caller who has to be let in was let in. A public route is not about callers."""
        operation = exchange.operation
        if operation is None or operation.auth == "none":
            return
        token = exchange.request_headers.get("Authorization")
        if token is None:
            token, requirement = "", "" if operation.auth == "required" else "ID-4"
        else:
            token = token.removeprefix("Bearer ")
            requirement = "" if has_expired(token) else self._admitted_by.get(token, "")
        if requirement:
            self._admissions.setdefault((requirement, token), Admission()).add(exchange)

    def _count_repeat(self, request: _Request, exchange: Exchange) -> None:
        """Count whether a repeated request was served or refused. Requests about files at addresses are left
        out: such files come and go."""
        operation, body = exchange.operation, exchange.request_body
        if operation is None or operation.id not in OWNER_OF or operation.id == "getAsset":
            return
        if body is not None and (len(body) > _COMPARED or b"://" in body):
            return
        wrong = [] if exchange.served else ["a request that was served before or after was refused"]
        self._repeats.setdefault(request, Tally()).add(exchange, wrong, witness=False)

    def findings(self) -> list[Finding]:
        """What was found about each law that an answer could have broken, and about requests that were served
        at one time and refused at another, or refused with the status of a success."""
        found = [
            finding(self._recorder, requirement, NAME, tally) for requirement, tally in self._tallies.items()
        ]
        for (requirement, _), admission in self._admissions.items():
            if admission.shut_out.broken:
                found.append(finding(self._recorder, requirement, NAME, admission.shut_out))
        for requirement, tally, of in self._failures_as_success.tallies():
            found.append(finding(self._recorder, requirement, NAME, tally, of))
        for tally in self._repeats.values():
            operation = tally.shown[0].operation if tally.shown else None
            if operation is not None and tally.broken < tally.seen:
                owner = OWNER_OF[operation.id]
                found.append(finding(self._recorder, owner, NAME, tally, "answers to the same request"))
        return found
