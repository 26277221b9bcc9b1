"""Every exchange of a run, held against every law that applies to it, whoever asked for it.

A test looks at the answers that it asked for. What is wrong in one answer of many, or for one kind of caller
only, shows in the others as well, and is told with its rate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lightning_verify.facts import OWNER_OF
from lightning_verify.judging.evidence import Recorder
from lightning_verify.judging.verdicts import Finding, Rate
from lightning_verify.laws.table import held
from lightning_verify.laws.witnesses import shows_something
from lightning_verify.reading.tokens import has_expired
from lightning_verify.requests.credentials import API_KEY, FREE_JWT, JWT
from lightning_verify.transport.exchange import BLAMES_THE_REQUEST, Exchange

# What a finding of the watch gives in place of a test's name.
NAME = "a look at every answer"
_SHOWN = 3
# Larger requests are not kept to be compared.
_COMPARED = 50_000


@dataclass(slots=True)
class Tally:
    """The answers that one law was held against: how many, how many broke it, and some to show."""

    seen: int = 0
    broken: int = 0
    problems: list[str] = field(default_factory=list)
    shown: list[Exchange] = field(default_factory=list)

    def add(self, exchange: Exchange, wrong: list[str], *, witness: bool = True) -> None:
        """Count one answer. What breaks the law is kept to show; so is the first `witness` that keeps it."""
        self.count(wrong, 1, *([exchange] if wrong or witness else []))

    def count(self, wrong: list[str] | None, times: int, *shown: Exchange) -> None:
        """Count an answer that came so many times, or that shows nothing (None), with what to show of it."""
        if wrong is None:
            return
        self.seen += times
        if wrong:
            if not self.broken:
                self.shown.clear()
            self.broken += times
            self.problems += wrong[:1]
        if bool(wrong) == bool(self.broken):
            room = (_SHOWN if self.broken else 1) - len(self.shown)
            self.shown += shown[: max(0, room)]

    @property
    def reason(self) -> str:
        """The breach in words; empty when there is none."""
        kinds = list(dict.fromkeys(self.problems))
        return f"{self.shown[0].title}: {'; '.join(kinds[:2])}" if self.broken else ""


def finding(recorder: Recorder, requirement: str, name: str, tally: Tally, of: str = "answers") -> Finding:
    """What a tally says about a requirement."""
    return Finding(
        requirement,
        "fail" if tally.broken else "pass",
        name,
        recorder.redactor.text(tally.reason),
        tally.seen - tally.broken,
        tuple(recorder.record(exchange) for exchange in tally.shown),
        Rate(tally.broken, tally.seen, of),
    )


def pulls_a_lever(exchange: Exchange) -> bool:
    """Whether this moved the target's time, limits or counters by its control plane."""
    return exchange.is_of_control and exchange.method != "GET"


# The statement that lets a good credential in.
LETS_IN = {JWT: "AUTH-1", FREE_JWT: "AUTH-1", API_KEY: "AUTH-2"}


@dataclass(slots=True)
class Entry:
    """How a kind of caller was received: `shut_out` has those that were refused as nobody between two that
    were let in. Whoever is refused from some moment on may have lost the right."""

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


_Request = tuple[str, str, str, bytes | None]


class Watch:
    """The laws' side of a run."""

    def __init__(self, recorder: Recorder, credentials: Mapping[str, str] | None = None) -> None:
        self._recorder = recorder
        # Who has to be let in, by token: the statement that says so, and how it went.
        self._good = {token: LETS_IN[name] for name, token in (credentials or {}).items() if name in LETS_IN}
        self._entries: dict[str, Entry] = {}
        self._tallies: dict[str, Tally] = {}
        self._fates: dict[_Request, Tally] = {}
        self._at_rest = True

    def see(self, exchange: Exchange) -> None:
        """Hold one exchange against the laws."""
        if pulls_a_lever(exchange):
            self._at_rest = False
        if exchange.operation is None or not shows_something(exchange):
            return
        if exchange.served or exchange.status in BLAMES_THE_REQUEST:
            self._compare(exchange)
        if exchange.served or exchange.status == 401:
            self._enter(exchange)
        for requirement, wrong in held(exchange, at_rest=self._at_rest).items():
            self._tallies.setdefault(requirement, Tally()).add(exchange, wrong)

    def _enter(self, exchange: Exchange) -> None:
        """Count how somebody who has to be let in was received."""
        operation = exchange.operation
        token = exchange.request_headers.get("Authorization")
        if token is None:
            who = "ID-4" if operation is not None and operation.auth != "required" else ""
        else:
            token = token.removeprefix("Bearer ")
            who = "" if has_expired(token) else self._good.get(token, "")
        if who:
            self._entries.setdefault(who, Entry()).add(exchange)

    def _compare(self, exchange: Exchange) -> None:
        """Count what became of one and the same request. Files at addresses come and go."""
        body = exchange.request_body
        if exchange.operation is None or exchange.operation.id not in OWNER_OF or b"://" in (body or b""):
            return
        if exchange.operation.id == "getAsset" or len(body or b"") > _COMPARED:
            return
        wrong = [] if exchange.served else ["a request that was served before or after was refused"]
        same = (exchange.caller, exchange.method, exchange.path, body)
        self._fates.setdefault(same, Tally()).add(exchange, wrong, witness=False)

    def findings(self) -> list[Finding]:
        """What was found about each law that any answer could have broken, and about requests that are valid
        at one time and not at another."""
        found = [
            finding(self._recorder, requirement, NAME, tally) for requirement, tally in self._tallies.items()
        ]
        for requirement, entry in self._entries.items():
            if entry.shut_out.broken:
                found.append(finding(self._recorder, requirement, NAME, entry.shut_out))
        for tally in self._fates.values():
            operation = tally.shown[0].operation if tally.shown else None
            if operation is not None and tally.broken < tally.seen:
                owner = OWNER_OF[operation.id]
                found.append(finding(self._recorder, owner, NAME, tally, "answers to the same request"))
        return found
