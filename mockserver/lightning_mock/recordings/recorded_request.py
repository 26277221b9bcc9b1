"""A request in the form in which recordings compare it: without credentials, and JSON by its value."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, zip_longest
from typing import Any, NamedTuple

import orjson

from lightning_mock.callers.credential_forms import without_credentials

_NOTHING = object()
_MAX_PLACES = 20


class RecordedRequest(NamedTuple):
    """Method, target (path and query) and body: the value of a JSON body, otherwise its text."""

    method: str
    target: str
    body: Any

    @property
    def key(self) -> bytes:
        """The same for requests that are the same."""
        return orjson.dumps([self.method, self.target, self.body], option=orjson.OPT_SORT_KEYS)

    def misses(self, other: RecordedRequest) -> list[str]:
        """What another request would have to be like to be this one, a clause each."""
        missed = []
        if self.method != other.method:
            missed.append(f"method: expected {self.method}")
        if self.target != other.target:
            missed.append(f"target: expected {self.target}")
        places = islice(_differing(self.body, other.body), _MAX_PLACES)
        return missed + [f"body{place}: expected another value" for place in places]


def request_of(method: str, target: str, content: bytes) -> RecordedRequest:
    """The request with that body."""
    text = without_credentials(content.decode("utf-8", "replace"))
    target = without_credentials(target)
    if text[:1] in ("{", "["):
        try:
            value = RecordedRequest(method, target, orjson.loads(text))
            # What is nested too deeply to be encoded with sorted keys is compared as text.
            _ = value.key
        except (orjson.JSONDecodeError, orjson.JSONEncodeError):
            pass
        else:
            return value
    return RecordedRequest(method, target, text)


def _differing(one: Any, other: Any, place: str = "") -> Iterator[str]:
    """The places at which two values differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name in dict.fromkeys((*one, *other)):
            yield from _differing(one.get(name, _NOTHING), other.get(name, _NOTHING), f"{place}.{name}")
    elif isinstance(one, list) and isinstance(other, list):
        for number, (ours, theirs) in enumerate(zip_longest(one, other, fillvalue=_NOTHING)):
            yield from _differing(ours, theirs, f"{place}.{number}")
    elif one is not other and one != other:
        yield place
