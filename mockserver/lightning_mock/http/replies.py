"""What a handler returns.

Law: a handler decides what is said and never touches a socket; only `delivery.py` writes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

JSON = "application/json"
EVENT_STREAM = "text/event-stream; charset=utf-8"

Split = Callable[[bytes], Iterable[bytes]]
"""How one item is cut for the wire."""


class ConnectionResetOnPurpose(Exception):
    """Raised by a stream that wants its connection reset instead of an end."""


@dataclass(slots=True)
class Body:
    """A whole reply: bytes of one media type."""

    content: bytes
    content_type: str = JSON
    status: int = 200
    headers: Mapping[str, str] | None = None


class Ready:
    """Events that are all made, as an asynchronous iterator that never waits.

    Whoever has no need to wait either takes them from `events`, which costs much less for each of them.
    """

    __slots__ = ("events",)

    def __init__(self, events: Iterable[bytes]) -> None:
        self.events = iter(events)

    def __aiter__(self) -> Ready:
        return self

    async def __anext__(self) -> bytes:
        for event in self.events:
            return event
        raise StopAsyncIteration


@dataclass(slots=True)
class EventStream:
    """A reply that is sent piece by piece. Each item is one complete server-sent event, `data: ...` and a
    blank line, unless a fault has made something else of it.

    `length` is announced as the size of the whole; `split` cuts each item once more.
    """

    events: AsyncIterator[bytes]
    content_type: str = EVENT_STREAM
    status: int = 200
    headers: Mapping[str, str] | None = None
    length: int | None = None
    split: Split | None = None


Reply = Body | EventStream


def json_body(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Body:
    """A JSON reply."""
    return Body(orjson.dumps(value), JSON, status, headers)
