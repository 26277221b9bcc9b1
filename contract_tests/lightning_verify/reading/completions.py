"""The labels of OpenAI's objects: what a completion and each chunk of one say about themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lightning_verify.reading.numbers import integer

# The year 5138 in seconds, or 1973 in milliseconds.
_NO_SECONDS = 100_000_000_000
# How a choice finishes that waits for what tools answer.
CALLS_TOOLS = "tool_calls"


def mislabelled(value: Mapping[str, Any], kind: str) -> list[str]:
    """What is wrong with the labels of an object of this kind."""
    return list(_mislabelled(value, kind))


def _mislabelled(value: Mapping[str, Any], kind: str) -> Iterator[str]:
    for field in ("id", "model"):
        if not isinstance(value.get(field), str):
            yield f"{field} is {str(value.get(field))[:80]!r}, not a text"
    if value.get("object") != kind:
        yield f"object is {str(value.get('object'))[:80]!r}, not {kind!r}"
    created = integer(value.get("created"))
    if created is None:
        yield f"created is {str(value.get('created'))[:80]!r}, not an integer"
    elif created > _NO_SECONDS:
        yield f"created is {created}, not a time in seconds"
