"""Valid requests of many kinds at once: what they are made of, which are drawn, and how they are put
together.

A kind is one thing that a valid request may have beyond the plainest one: a message of a certain role, an
option, letters of another script. A request is drawn as a set of about half of all kinds, so that a few
requests cover every kind and most pairs. What a host cannot do is then found by leaving kinds out, which
takes few more requests.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import quote, urlencode

from hypothesis import strategies as st

from lightning_verify.requests.invalid import sample
from lightning_verify.requests.valid import CALLS, Call

# How many values are drawn for a kind; they are used in turn.
VALUES = 6

Fields = dict[str, Any]
# The kinds of one request, by name, each with what was drawn for it.
Chosen = Mapping[str, Any]


def put_in(name: str) -> Callable[[Fields, Any], None]:
    """The `put` of a kind whose value is that of one field."""
    return lambda fields, value: fields.__setitem__(name, value)


@dataclass(frozen=True, slots=True)
class Kind:
    """What a valid request may have, and the requirement that allows it. `put` adds a value of `values` to
    the fields of a request. Kinds of one `slot` exclude each other; one that `needs` a slot makes no sense
    without a kind of that slot. A `doubtful` one may be refused, but no host may fail at it, and it is drawn
    less often."""

    name: str
    requirement: str
    values: st.SearchStrategy[Any]
    put: Callable[[Fields, Any], None]
    slot: str = ""
    needs: str | None = None
    doubtful: bool = False

    @property
    def place(self) -> str:
        """Its slot; a kind without one has a slot of its own."""
        return self.slot or self.name


@dataclass(frozen=True, slots=True)
class Subject:
    """An operation and the kinds of request that it takes. It gets a `share` of the run's examples."""

    operation: str
    kinds: Mapping[str, Kind]
    share: float = 1.0

    @classmethod
    def of(cls, operation: str, kinds: Iterable[Kind], share: float = 1.0) -> Subject:
        """The subject with these kinds, in the order in which they are put into a request."""
        return cls(operation, {kind.name: kind for kind in kinds}, share)

    @property
    def requirements(self) -> tuple[str, ...]:
        """The requirements of its kinds."""
        return tuple(dict.fromkeys(kind.requirement for kind in self.kinds.values()))

    def count(self, examples: int) -> int:
        """How many requests are sent in a run of so many examples per property."""
        return max(2, round(examples * self.share))

    def closed(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those of the names whose needs are met by the others, in order."""
        wanted = set(names)
        left = [name for name in self.kinds if name in wanted]
        places = {self.kinds[name].place for name in left}
        return tuple(name for name in left if (need := self.kinds[name].needs) is None or need in places)

    def knows(self, names: Iterable[str]) -> bool:
        """Whether these are kinds of its own that go together."""
        return set(names) <= self.kinds.keys() and len(self.closed(names)) == len(set(names))

    def beyond_doubt(self, chosen: Chosen) -> Chosen:
        """The kinds of a request that no host may refuse."""
        kept = self.closed(name for name in chosen if not self.kinds[name].doubtful)
        return {name: chosen[name] for name in kept}

    def telling(self, names: Iterable[str]) -> list[str]:
        """The names that say most: not those that are only there because others need them."""
        needed = {self.kinds[name].needs for name in names}
        return [name for name in names if self.kinds[name].place not in needed]

    def request(self, chosen: Chosen) -> Call:
        """The request that has these kinds."""
        plain = CALLS[self.operation]
        fields: Fields = copy.deepcopy(dict(_PLAIN.get(self.operation) or {"prompt": "a lighthouse at dusk"}))
        for name, kind in self.kinds.items():
            if name in chosen:
                kind.put(fields, copy.deepcopy(chosen[name]))
        if plain.method == "POST":
            if self.operation == "analyzePrompt":
                fields["prompt"] = fields.pop("messages")
            return Call(self.operation, "POST", plain.path, fields)
        path, query = plain.path.rpartition("/")[0], dict(fields)
        path += f"/{quote(query.pop('prompt'), safe='')}"
        return Call(self.operation, "GET", f"{path}?{urlencode(query)}" if query else path, None)

    def seed_of(self, name: str, seed: int) -> int:
        """The seed with which the values of a kind are drawn."""
        return seed + list(self.kinds).index(name)

    def drawn(self, count: int, seed: int) -> list[dict[str, Any]]:
        """`count` requests, the same ones for the same seed. Each slot goes through its kinds, and through
        having none, in random order, so that few requests cover all of them."""
        # Drawing takes longer than asking, so only for the kinds that are met.
        values: dict[str, tuple[Any, ...]] = {}
        slots: dict[str, list[str | None]] = {}
        for kind in self.kinds.values():
            slots.setdefault(kind.place, [None]).extend(
                [None, None, kind.name] if kind.doubtful else [kind.name]
            )
        dice = random.Random(f"{self.operation} {seed}")  # noqa: S311 - examples, not secrets
        decks: dict[str, list[str | None]] = {slot: [] for slot in slots}
        requests = []
        for turn in range(count):
            names = set()
            for slot, options in slots.items():
                decks[slot] = decks[slot] or dice.sample(options, len(options))
                names.add(decks[slot].pop())
            names |= {self._first_of(kind.needs, names) for kind in self.kinds.values() if kind.name in names}
            chosen = self.closed(name for name in names if name)
            for name in chosen:
                if name not in values:
                    values[name] = _values(self.kinds[name], self.seed_of(name, seed))
            requests.append({name: values[name][turn % len(values[name])] for name in chosen})
        return requests

    def _first_of(self, slot: str | None, names: set[str | None]) -> str | None:
        """A kind that fills a slot that is needed; None when that is filled already."""
        members = [kind.name for kind in self.kinds.values() if kind.place == slot]
        return None if slot is None or names.intersection(members) else members[0]


@cache
def _values(kind: Kind, seed: int) -> tuple[Any, ...]:
    return tuple(sample(kind.values, VALUES, seed))


_PLAIN: dict[str, Fields] = {
    name: {"messages": [{"role": "user", "content": "Say hello."}]}
    for name in ("createChatCompletion", "analyzePrompt")
}


def shown(call: Call) -> str:
    """A request on one line, with every invisible character spelt out."""
    return call.path if call.body is None else json.dumps(call.body)
