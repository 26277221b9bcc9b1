"""Compares the documents of a run with each other: an account's documents, the plans, the catalogue.

A test compares two answers of its own. Here every answer is compared with what most of the other document's
answers say, so that one odd answer of many is reported as the odd one, whichever document it belongs to.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from lightning_verify.facts import METRICS
from lightning_verify.judging.evidence import Recorder
from lightning_verify.judging.ledger import identities
from lightning_verify.judging.tally import Tally, finding
from lightning_verify.judging.verdicts import Finding
from lightning_verify.laws.law import answer_json
from lightning_verify.laws.relations import RELATIONS, Relation
from lightning_verify.laws.witnesses import shows_something
from lightning_verify.transport.exchange import Exchange

# What a finding of a comparison gives in place of a test's name.
NAME = "answers beside each other"
_COMPARED = {name for each in RELATIONS.values() for name in (each.operation, each.beside)}
_PERSONAL = {"getUsage", "getSubscription"}


@dataclass(slots=True)
class _Said:
    """One version of an operation's document: how often it was given, and the first answer that held it."""

    exchange: Exchange
    times: int = 0


@dataclass(slots=True)
class _Answers:
    """The versions of a document that an operation gave to one caller, or to anybody."""

    said: dict[str, _Said] = field(default_factory=dict)

    def add(self, exchange: Exchange) -> None:
        self.said.setdefault(_content(exchange), _Said(exchange)).times += 1

    @property
    def usual(self) -> Exchange:
        """The version that was given most often."""
        return max(self.said.values(), key=lambda said: said.times).exchange


def _content(exchange: Exchange) -> str:
    """What an answer says, apart from what changes by itself: counters and times."""
    value = answer_json(exchange)
    if isinstance(value, dict) and exchange.operation is not None and exchange.operation.id == "getUsage":
        usage = value.get("usage")
        rows = usage if isinstance(usage, dict) else {}
        limits = [row.get("limit") if isinstance(row := rows.get(name), dict) else row for name in METRICS]
        value = [value.get("plan_key"), value.get("plan_name"), limits]
    return json.dumps(value, sort_keys=True)


class Comparisons:
    """The documents of a run that say something about each other."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._answers: dict[tuple[str, str], _Answers] = {}
        self._at_rest = True

    def observe(self, exchange: Exchange) -> None:
        """Keep an answer for comparison."""
        # From then on its limits and plans are what the control plane has made of them.
        if exchange.changes_target:
            self._at_rest = False
        operation = exchange.operation
        if operation is None or operation.id not in _COMPARED or not self._at_rest:
            return
        if not exchange.served or not shows_something(exchange):
            return
        caller = ""
        if operation.id in _PERSONAL:
            named = identities(exchange.request_headers)
            # All who come without a credential are on the same plan.
            caller = named[0] if named and named[0].startswith(("bearer ", "?")) else "anybody"
        if caller != "?":
            self._answers.setdefault((operation.id, caller), _Answers()).add(exchange)

    def findings(self) -> list[Finding]:
        """What each relation between the answers has shown."""
        found = []
        for requirement, relation in RELATIONS.items():
            tally = Tally()
            for answers, beside in self._beside(relation):
                _compare(relation, answers, beside, tally)
            if tally.seen:
                found.append(finding(self._recorder, requirement, NAME, tally))
        return found

    def _beside(self, relation: Relation) -> Iterator[tuple[_Answers, _Answers]]:
        for (operation, caller), answers in self._answers.items():
            other = self._answers.get((relation.beside, caller if relation.personal else ""))
            if operation == relation.operation and other is not None:
                yield answers, other


def _compare(relation: Relation, answers: _Answers, beside: _Answers, tally: Tally) -> None:
    """Compare each version of one document with the usual version of the other."""
    usual, other = answers.usual, beside.usual
    for said in answers.said.values():
        tally.count(relation.wrong(said.exchange, other), said.times, said.exchange, other)
    if relation.wrong(usual, other):
        return  # Then what is odd on the other side shows nothing.
    for said in beside.said.values():
        if said.exchange is not other:
            tally.count(relation.wrong(usual, said.exchange), said.times, usual, said.exchange)
