"""What a handler gives back.

Law: a handler decides what is said and never touches a socket; `delivery.py` alone writes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

JSON = "application/json"


@dataclass(slots=True)
class Body:
    """A whole reply: bytes of one media type."""

    content: bytes
    content_type: str = JSON
    status: int = 200
    headers: Mapping[str, str] | None = None


@dataclass(slots=True)
class EventStream:
    """A stream of server-sent events. Each item is one complete event, `data: ...` and a blank line."""

    events: AsyncIterator[bytes]


Reply = Body | EventStream


def json_body(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Body:
    """A JSON reply."""
    return Body(orjson.dumps(value), JSON, status, headers)
