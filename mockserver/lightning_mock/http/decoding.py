"""From bytes to a JSON value, or a refusal that says what is wrong with the bytes.

Law: what comes out is plain JSON: finite numbers, whole characters, bounded depth. Nothing of the body is
repeated in a message.
"""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

from lightning_mock.errors import InvalidRequest

MAX_DEPTH = 128
"""Deeper than any honest request, and shallow enough for every recursive reader behind us."""

_LONGEST_INTEGER = 18
_HUGE_INTEGER: int = 10**_LONGEST_INTEGER
_HUGE_NUMBER = 1.7976931348623157e308
_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)


def decode_json(body: bytes) -> Any:
    """The JSON value of a body. Raises InvalidRequest.

    Integers that no float can hold become a huge integer of the same sign: the schema still sees an
    integer, and what is clamped is clamped.
    """
    if not body:
        raise InvalidRequest("The body is empty; expected a JSON object.")
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH and _depth(body) > MAX_DEPTH:
        raise InvalidRequest(f"The body is nested too deeply; expected at most {MAX_DEPTH} levels.")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if "infinity" in error.msg:
            return _decode_huge_numbers(body)
        raise InvalidRequest(
            f"The body is not valid JSON (line {error.lineno}, column {error.colno}); expected a JSON object "
            "in UTF-8."
        ) from None


def _depth(body: bytes) -> int:
    deepest = depth = 0
    for match in _BRACKETS.finditer(body):
        token = match[0]
        if token in b"[{":
            depth += 1
            deepest = max(deepest, depth)
            if deepest > MAX_DEPTH:
                break
        elif token in b"]}":
            depth -= 1
    return deepest


def _decode_huge_numbers(body: bytes) -> Any:
    """Decode what orjson refuses for its numbers alone, under the same rules."""
    try:
        value = json.loads(
            body.decode(), parse_int=_integer, parse_float=_number, parse_constant=_no_constant
        )
        # The standard decoder lets lone surrogates through; the encoder does not.
        orjson.dumps(value)
    except (ValueError, TypeError, RecursionError):
        raise InvalidRequest("The body is not valid JSON; expected a JSON object in UTF-8.") from None
    return value


def _integer(digits: str) -> int:
    if len(digits.lstrip("-")) <= _LONGEST_INTEGER:
        return int(digits)
    return -_HUGE_INTEGER if digits.startswith("-") else _HUGE_INTEGER


def _number(digits: str) -> float:
    return max(-_HUGE_NUMBER, min(_HUGE_NUMBER, float(digits)))


def _no_constant(name: str) -> float:
    raise ValueError(name)
