"""A request in the form in which recordings compare it: without credentials, and JSON by its value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain, islice, zip_longest
from typing import Any, NamedTuple

import orjson

from lightning_mock.callers.credential_forms import without_credentials
from lightning_mock.errors import InvalidRequest, TooLarge
from lightning_mock.http.decoding import decode_json

_NOTHING = object()
_MAX_PLACES = 20
_MAX_NAME = 64
"""Characters of a name in a place that is shown."""


class RecordedRequest(NamedTuple):
    """Method, target (path and query) and body: the value of a JSON body, otherwise its text."""

    method: str
    target: str
    body: Any

    @property
    def key(self) -> bytes:
        """The same for requests that are the same."""
        return orjson.dumps([self.method, self.target, self.body], option=orjson.OPT_SORT_KEYS)

    @classmethod
    def of_key(cls, key: bytes) -> RecordedRequest:
        """The request with that key."""
        return cls(*orjson.loads(key))

    def distance(self, other: RecordedRequest) -> int:
        """How much `misses` has to tell. It costs no more than to walk through the smaller of both bodies."""
        at_top = (self.method != other.method) + (self.target != other.target)
        return at_top + _count_differing(self.body, other.body)

    def misses(self, other: RecordedRequest) -> list[str]:
        """What another request would have to be like to be this one, a clause each."""
        missed = []
        if self.method != other.method:
            missed.append(f"method: expected {self.method}")
        if self.target != other.target:
            missed.append(f"target: expected {self.target}")
        places = islice(_differing(self.body, other.body), _MAX_PLACES)
        return missed + [f"{'.'.join(['body', *place])}: expected another value" for place in places]


def request_of(method: str, target: str, content: bytes) -> RecordedRequest:
    """The request with that body."""
    text = without_credentials(content.decode("utf-8", "replace"))
    target = without_credentials(target)
    if text[:1] in ("{", "["):
        # What no call may have as its body is compared as text.
        with suppress(InvalidRequest, TooLarge):
            return RecordedRequest(method, target, decode_json(text.encode()))
    return RecordedRequest(method, target, text)


def _count_differing(one: Any, other: Any) -> int:
    """How many places `_differing` finds, at most `_MAX_PLACES`."""
    count, pairs = 0, [(one, other)]
    while pairs and count < _MAX_PLACES:
        ours, theirs = pairs.pop()
        if isinstance(ours, dict) and isinstance(theirs, dict):
            common = [(value, theirs[name]) for name, value in ours.items() if name in theirs]
            count += len(ours) + len(theirs) - 2 * len(common)
            pairs += common
        elif isinstance(ours, list) and isinstance(theirs, list):
            count += abs(len(ours) - len(theirs))
            pairs += zip(ours, theirs, strict=False)
        else:
            count += ours != theirs
    return min(count, _MAX_PLACES)


def _differing(one: Any, other: Any) -> Iterator[tuple[str, ...]]:
    """The places at which two values differ: the names and numbers that lead there, shortened."""
    pairs: Iterable[tuple[str | int, Any, Any]]
    if isinstance(one, dict) and isinstance(other, dict):
        ours = ((name, value, other.get(name, _NOTHING)) for name, value in one.items())
        pairs = chain(ours, ((name, _NOTHING, value) for name, value in other.items() if name not in one))
    elif isinstance(one, list) and isinstance(other, list):
        both = zip_longest(one, other, fillvalue=_NOTHING)
        pairs = ((number, ours, theirs) for number, (ours, theirs) in enumerate(both))
    else:
        if one is not other and one != other:
            yield ()
        return
    for name, ours, theirs in pairs:
        for place in _differing(ours, theirs):
            yield (str(name)[:_MAX_NAME], *place)
