"""What a handler gives back.

Law: a handler decides what is said and never touches a socket; `delivery.py` alone writes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from mockserver.errors import NO_HEADERS

JSON = "application/json"


@dataclass(slots=True)
class Body:
    """A whole reply: bytes of one media type."""

    content: bytes
    content_type: str = JSON
    status: int = 200
    headers: Mapping[str, str] = NO_HEADERS


@dataclass(slots=True)
class EventStream:
    """A stream of server-sent events. Each item is one complete event, `data: ...` and a blank line."""

    events: AsyncIterator[bytes]


Reply = Body | EventStream


def json_body(value: Any, status: int = 200, headers: Mapping[str, str] = NO_HEADERS) -> Body:
    """A JSON reply."""
    return Body(orjson.dumps(value), JSON, status, headers)
