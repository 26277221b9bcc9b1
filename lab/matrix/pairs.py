"""Faults that show only sometimes: the list of pairs fault x trigger, and the proof of each.

A pair is proven when the fault's own proof tells it from the clean server in requests for which its trigger
holds, and cannot where it holds for none.

    python -m lab.matrix.pairs > lab/matrix/pairs.txt    looks for such pairs anew, evenly over triggers
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from lightning_spec.loader import load_requirements

from lab.client import Answer, Client
from lab.faults import FAULTS
from lab.matrix.process_pool import in_processes
from lab.running import Handle, running
from lab.triggers import TRIGGERS, Holds, Request, Trigger, sometimes

LIST = Path(__file__).with_suffix(".txt")
# How often a proof is sent until a trigger that holds now and then has held.
MAX_REQUESTS = 45
# The clocks of some faults need seconds for each proof; they would make the list slow to prove.
SLOWEST = 20.0
EACH = 20


@dataclass(frozen=True, slots=True, order=True)
class Pair:
    """A fault and when it shows."""

    fault: str
    trigger: str

    @property
    def area(self) -> str:
        """The area of the requirement that the fault was made to break."""
        return load_requirements().requirements[FAULTS[self.fault].requirements[0]].area


@cache
def all_pairs() -> tuple[Pair, ...]:
    """The pairs of the list."""
    lines = LIST.read_text(encoding="utf-8").splitlines()
    return tuple(Pair(*line.split()) for line in lines)


def sampled(count: int, seed: int) -> list[Pair]:
    """`count` pairs, evenly over triggers and each with as many areas as possible; all when it is 0."""
    left = list(all_pairs())
    random.Random(seed).shuffle(left)
    if not count:
        return left
    chosen: list[Pair] = []
    triggers, areas = Counter[str](), Counter[str]()
    while left and len(chosen) < count:
        best = min(left, key=lambda pair: (triggers[pair.trigger], areas[pair.area]))
        left.remove(best)
        chosen.append(best)
        triggers[best.trigger] += 1
        areas[best.area] += 1
    return chosen


@contextmanager
def serving(pair: Pair, trigger: Trigger | None = None) -> Iterator[Handle]:
    """A server on which this fault shows when its trigger holds."""
    with running(prepare=sometimes(FAULTS[pair.fault], trigger or TRIGGERS[pair.trigger])) as server:
        yield server


def proven(pair: Pair) -> bool:
    """Whether the fault shows when its trigger holds, and does not when it does not."""
    held: list[None] = []
    trigger, fault = _noting(TRIGGERS[pair.trigger], held), FAULTS[pair.fault]
    with running() as clean, serving(pair, trigger) as faulty:

        def differs(way: str, fields: Mapping[str, Any]) -> bool:
            held.clear()
            clients = [ClientForTrigger(server.base_url, server.credentials) for server in (clean, faulty)]
            for client in clients:
                client.way, client.fields, client.paths = way, fields, trigger.paths
            seen = [fault.prove(client) for client in clients]
            return bool(seen[0] != seen[1])

        for wait in sorted({0, trigger.late}):
            for _ in range(wait):
                Client(faulty.base_url, {}).get("/status")
            for fields in ({}, trigger.fields) if trigger.fields else ({},):
                for way in ("jwt", "key", "address", ""):
                    for _ in range(1 if trigger.fixed else MAX_REQUESTS):
                        if differs(way, fields):
                            # What shows without its trigger is no pair.
                            return bool(held)
    return False


def _noting(trigger: Trigger, held: list[None]) -> Trigger:
    """The same trigger, recording each time that it holds."""

    def make() -> Holds:
        holds = trigger.make()

        def noted(request: Request) -> bool:
            if holds(request):
                held.append(None)
                return True
            return False

        return noted

    return replace(trigger, make=make)


class ClientForTrigger(Client):
    """Sends a proof so that a trigger holds: with the paid account's key in place of its token or of nothing,
    without a client id, or with more fields in a body."""

    way: str = ""
    fields: Mapping[str, Any] = {}
    paths: tuple[str, ...] = ()

    def headers(self, auth: str | None, client: str | None, agent: str | None) -> dict[str, str]:
        if self.way == "key" and auth in {None, "LIGHTNING_JWT"}:
            auth = "LIGHTNING_API_KEY"
        elif self.way == "jwt" and auth is None:
            auth = "LIGHTNING_JWT"
        return super().headers(auth, "" if self.way == "address" and client is None else client, agent)

    def send(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        value = Request(method, path, {}, body or b"").value
        if self.fields and value and path in self.paths:
            body = json.dumps({**value, **self.fields}).encode()
        return super().send(method, path, body, headers)


def found(candidates: list[Pair], each: int, workers: int = 2) -> Iterator[Pair]:
    """Proven pairs among these, at most `each` per trigger."""
    triggers = Counter[str]()
    for start in range(0, len(candidates), 50):
        batch = [pair for pair in candidates[start : start + 50] if triggers[pair.trigger] < each]
        for pair, shows in in_processes(proven, batch, workers, SLOWEST):
            if shows is True and triggers[pair.trigger] < each:
                triggers[pair.trigger] += 1
                yield pair


def main() -> None:
    dice = random.Random(1)
    # AUTH-5 and AUTH-6 need credentials that few runs have; their kinds are those of AUTH-4.
    names = [name for name, fault in FAULTS.items() if fault.requirements[0] not in {"AUTH-5", "AUTH-6"}]
    candidates = [Pair(fault, trigger) for fault in names for trigger in dice.sample(list(TRIGGERS), 8)]
    dice.shuffle(candidates)
    for pair in sorted(found(candidates, EACH)):
        print(pair.fault, pair.trigger)


if __name__ == "__main__":
    main()
