"""Every exchange of a run, held against every law that applies to it, whoever asked for it.

A test looks at the answers that it asked for. What is wrong in one answer of many, or for one kind of caller
only, shows in the others as well, and is told with its rate.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from lightning_verify.facts import OWNER_OF
from lightning_verify.judging.evidence import Recorder
from lightning_verify.judging.verdicts import Finding, Verdict
from lightning_verify.laws.table import LAWS
from lightning_verify.reading.failing import says_it_failed
from lightning_verify.transport.exchange import Exchange

# What a finding of the watch gives in place of a test's name.
NAME = "every answer"
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
        self.seen += 1
        if wrong:
            if not self.broken:
                self.shown.clear()
            self.broken += 1
            self.problems += wrong[:1]
        telling = bool(wrong) if self.broken else witness
        if telling and len(self.shown) < (_SHOWN if self.broken else 1):
            self.shown.append(exchange)

    @property
    def reason(self) -> str:
        """The breach with its rate, in words; empty when there is none."""
        if not self.broken:
            return ""
        rate = f"in {self.broken} of {self.seen} answers" if self.broken < self.seen else "in every answer"
        kinds = list(dict.fromkeys(self.problems))
        return f"{self.shown[0].title}: {'; '.join(kinds[:2])} ({rate})"


# Refusals that blame the request itself.
_INVALID = {400, 404, 405, 413, 422}
_Request = tuple[str, str, str, bytes | None]


class Watch:
    """The laws' side of a run."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._tallies: dict[str, Tally] = {}
        self._fates: dict[_Request, Tally] = {}

    def see(self, exchange: Exchange) -> None:
        """Hold one exchange against the laws."""
        if exchange.operation is None:
            return
        if exchange.served or exchange.status in _INVALID:
            self._compare(exchange)
        for requirement, law in LAWS.items():
            wrong = law.wrong(exchange)
            if wrong is None or (wrong and says_it_failed(exchange)):
                continue
            self._tallies.setdefault(requirement, Tally()).add(exchange, wrong)

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
            self._finding(requirement, "fail" if tally.broken else "pass", tally)
            for requirement, tally in self._tallies.items()
        ]
        for tally in self._fates.values():
            operation = tally.shown[0].operation if tally.shown else None
            if operation is not None and tally.broken < tally.seen:
                found.append(self._finding(OWNER_OF[operation.id], "fail", tally))
        return found

    def _finding(self, requirement: str, verdict: Verdict, tally: Tally) -> Finding:
        return Finding(
            requirement,
            verdict,
            NAME,
            self._recorder.redactor.text(tally.reason),
            tally.seen - tally.broken,
            tuple(self._recorder.record(exchange) for exchange in tally.shown),
        )
