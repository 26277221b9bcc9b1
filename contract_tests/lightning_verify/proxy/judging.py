"""Judges what has passed, in a thread of its own, so that no traffic waits for it.

What is kept is bounded: bodies by memory that all share, waiting exchanges by their number, callers by the
accounts, evidence by the laws. What finds no room passes all the same, and is reported as not judged.
"""

from __future__ import annotations

import queue
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from lightning_spec.loader import Operation, RequirementSet, Spec

from lightning_verify.judging.harmless import one_line
from lightning_verify.judging.verdicts import Finding, Rate, apart
from lightning_verify.laws.witnesses import shows_something
from lightning_verify.proxy.captured_exchange import BoundedBody, CapturedExchange, MemoryBudget
from lightning_verify.proxy.exchanges import PassingRecorder, exchange_of
from lightning_verify.proxy.tallies import Tallies
from lightning_verify.proxy.traffic_ledger import TrafficLedger
from lightning_verify.transport.exchange import Exchange, leads_away
from lightning_verify.transport.operations import OperationFinder

# Bytes of one body, and of all bodies that pass or wait at a time.
MAX_BODY = 16 * 1024 * 1024
MAX_HELD = 96 * 1024 * 1024
# Passages that may wait with their bodies, and at all.
_WAITING_WHOLE = 1_000
_WAITING = 20_000
# Characters of a line, and of the reason in it: a statement is never cut.
_MAX_LINE_LENGTH, _MAX_REASON_LENGTH = 480, 230
# The first breaches of a requirement are all told, later ones each time their number has doubled.
_TOLD = 10

Say = Callable[[str], None]
# Who else wants to see what was judged; it may not keep what it is given.
Witness = Callable[[CapturedExchange, Exchange], None]


@dataclass(frozen=True, slots=True)
class Breach:
    """What is known of one broken requirement."""

    requirement: str
    statement: str
    level: str
    reason: str
    rate: Rate | None

    @property
    def line(self) -> str:
        """One line that is safe to print."""
        word = "breach" if self.level == "documented" else f"advice ({self.level})"
        often = f" in {self.rate.broken} of {self.rate.seen} {self.rate.of}" if self.rate else ""
        line = (
            f"{word} {self.requirement}{often}: {self.statement} {one_line(self.reason, _MAX_REASON_LENGTH)}"
        )
        return one_line(line, _MAX_LINE_LENGTH)


@dataclass(frozen=True, slots=True)
class View:
    """What the page can show at one moment."""

    passed: int
    judged: int
    not_judged: dict[str, int]
    answers: dict[str, int]
    under_way: int
    waiting: int
    callers: int
    kept: int
    breaches: list[Breach]

    def as_json(self) -> dict[str, Any]:
        """The same for the page."""
        fields = {name: getattr(self, name) for name in self.__slots__ if name != "breaches"}
        shown = [
            {"id": one.requirement, "level": one.level, "statement": one.statement, "line": one.line}
            for one in self.breaches
        ]
        return {**fields, "breaches": shown}


class TrafficJudge:
    """Sees every exchange begin and end, and checks it against the laws and the accounts."""

    def __init__(
        self,
        base_url: str,
        spec: Spec,
        requirements: RequirementSet,
        say: Say,
        *,
        settle: float,
        all_traffic: bool = False,
        witnesses: tuple[Witness, ...] = (),
    ) -> None:
        self._finder = OperationFinder(spec)
        self._requirements = requirements.requirements
        self._say = say
        self._witnesses = witnesses
        self._recorder = PassingRecorder(base_url)
        self._tallies = Tallies(self._recorder)
        self._ledger = TrafficLedger(self._recorder, settle, all_traffic=all_traffic)
        self._memory = MemoryBudget(MAX_HELD)
        self._under_way: dict[int, CapturedExchange] = {}
        self._queue: queue.SimpleQueue[CapturedExchange | threading.Event | None] = queue.SimpleQueue()
        self._missed = False
        # What the books have shown, by requirement and reason.
        self._logged: set[tuple[str, str]] = set()
        self._sites: set[str] = set()
        self._lock = threading.Lock()
        self.passed = self._judged = 0
        self.served: Counter[str] = Counter()
        self._answers: Counter[str] = Counter()
        self._not_judged: Counter[str] = Counter()
        self._thread = threading.Thread(target=self._work, name="traffic-judge", daemon=True)
        self._thread.start()

    # --- while it passes: called in the loop --------------------------------------------------------------

    def begin(self, method: str, target: str, headers: list[tuple[str, str]]) -> CapturedExchange:
        """A request has arrived."""
        operation = self._finder.find(method, target)
        most = MAX_BODY if operation is not None or self._witnesses else 0
        request, response = BoundedBody(self._memory, most), BoundedBody(self._memory, most)
        captured = CapturedExchange(method, target, operation, headers, request, response)
        self._under_way[id(captured)] = captured
        return captured

    def end(self, captured: CapturedExchange) -> None:
        """Its answer is complete."""
        del self._under_way[id(captured)]
        self.passed += 1
        waiting = self._queue.qsize()
        if waiting >= _WAITING:
            self._missed = True
            captured.drop()
            return
        if waiting >= _WAITING_WHOLE:
            captured.drop()
            captured.response.lost = True
        if _reads_usage(captured.operation):
            captured.alone = not any(
                other.operation is not None and other.operation.metric and _may_be_one(other, captured)
                for other in self._under_way.values()
            )
        self._queue.put(captured)

    def catch_up(self, timeout: float) -> None:
        """Wait, for at most so many seconds, until everything that passed before this call is judged."""
        here = threading.Event()
        if self._thread.is_alive():
            self._queue.put(here)
            here.wait(timeout)

    def close(self, timeout: float) -> None:
        """Judge what is waiting, for at most so many seconds."""
        self._queue.put(None)
        self._thread.join(timeout)

    # --- afterwards: in the thread ------------------------------------------------------------------------

    def _work(self) -> None:
        while (captured := self._queue.get()) is not None:
            if isinstance(captured, threading.Event):
                captured.set()
                continue
            try:
                self._judge(captured)
            except Exception as problem:  # Whatever it was, the next one is judged.
                with self._lock:
                    self._not_judged["the judge itself failed"] += 1
                self._say(one_line(f"the judge itself failed: {problem!r}", _MAX_LINE_LENGTH))
            finally:
                captured.drop()

    def _judge(self, captured: CapturedExchange) -> None:
        exchange = exchange_of(captured, MAX_BODY)
        exchange.leads_away = leads_away(exchange, self._recorder.base_url, self._sites)
        with self._lock:
            self._recorder.turn_to(exchange)
            self._answers[f"{exchange.status // 100}xx" if exchange.status else "no answer"] += 1
            operation = exchange.operation
            if operation is not None and operation.metric is not None and exchange.served:
                self.served[operation.metric] += 1
            reason = _why_not_judged(exchange)
            told = list[Finding]()
            if reason is None:
                self._judged += 1
                told += filter(_worth_a_line, self._tallies.observe(exchange))
            else:
                self._not_judged[reason] += 1
            if self._missed:
                self._missed = False
                self._ledger.begin_anew()
            self._ledger.observe(exchange, alone=captured.alone)
            if _reads_usage(operation):
                told += self._new_in_the_books()
            for finding in _by_requirement(told):
                self._say(self._breach(finding).line)
        for witness in self._witnesses:
            witness(captured, exchange)

    def _new_in_the_books(self) -> list[Finding]:
        """What the accounts show and was not told yet."""
        found = [one for one in self._ledger.findings() if one.verdict == "fail"]
        new = [one for one in found if (one.requirement, one.reason) not in self._logged]
        self._logged.update((one.requirement, one.reason) for one in new)
        return new

    def _breach(self, finding: Finding) -> Breach:
        of = self._requirements[finding.requirement]
        return Breach(of.id, of.statement, of.level, finding.reason, finding.rate)

    # --- what came of it ----------------------------------------------------------------------------------

    def findings(self) -> list[Finding]:
        """What has been found so far."""
        with self._lock:
            return [*self._tallies.findings(), *self._ledger.findings()]

    def view(self) -> View:
        """What there is to show now."""
        with self._lock:
            findings = [*self._tallies.latest(), *self._ledger.findings()]
            failed = _by_requirement(one for one in findings if one.verdict == "fail")
            broken = [self._breach(one) for one in failed]
            kept = {one.requirement for one in findings} - {one.requirement for one in broken}
            return View(
                self.passed,
                self._judged,
                dict(self._not_judged),
                dict(sorted(self._answers.items())),
                len(self._under_way),
                self._queue.qsize(),
                self._ledger.callers,
                len(kept),
                broken,
            )


def _worth_a_line(finding: Finding) -> bool:
    """Whether to say that a law was broken once more. Not each of many breaches needs a line."""
    count = finding.rate.broken if finding.rate else 1
    return count <= _TOLD or count & (count - 1) == 0


def _by_requirement(findings: Iterable[Finding]) -> list[Finding]:
    """One finding for each requirement, with all reasons; rates of different things are not added."""
    found = dict[str, Finding]()
    for one in findings:
        same = found.get(one.requirement)
        if same is not None:
            rate = same.rate
            if rate and one.rate and rate.of == one.rate.of:
                rate += one.rate
            reason = "; ".join(apart((same.reason, one.reason)))
            found[one.requirement] = replace(same, reason=reason, rate=rate)
        else:
            found[one.requirement] = one
    return list(found.values())


def _why_not_judged(exchange: Exchange) -> str | None:
    if exchange.operation is None:
        return "no documented operation"
    if exchange.problem is not None:
        return "cut off" if exchange.status is not None else "no answer from the host"
    if exchange.truncated:
        return "too large to keep, or in an unknown encoding"
    return None if shows_something(exchange) else "a gateway's answer, or one that says it failed"


def _reads_usage(operation: Operation | None) -> bool:
    return operation is not None and operation.id == "getUsage"


_IDENTITY = {"authorization", "x-client-id"}


def _may_be_one(one: CapturedExchange, other: CapturedExchange) -> bool:
    """Whether two requests may be charged to the same caller."""
    named = [
        {value for name, value in captured.request_headers if name.lower() in _IDENTITY}
        for captured in (one, other)
    ]
    return bool(named[0] & named[1])
