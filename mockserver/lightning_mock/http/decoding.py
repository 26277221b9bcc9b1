"""From bytes to a JSON value, or a refusal that says what is wrong with the bytes.

Law: what comes out is plain JSON: finite numbers, no lone surrogates, bounded depth and number of values.
Nothing of the body is repeated in a message.
"""

from __future__ import annotations

import json
from typing import Any

import orjson
from lightning_spec.nesting import is_deeper

from lightning_mock.errors import InvalidRequest, TooLarge

MAX_DEPTH = 128
"""Deeper than any honest request, and shallow enough for every recursive reader behind us."""
MAX_VALUES = 200_000
"""More than any honest request has, and few enough to be made, checked and walked in a blink."""

_MAX_DIGITS = 18
_HUGE_INTEGER: int = 10**_MAX_DIGITS
_HUGE_NUMBER = 1.7976931348623157e308
_GIVEN_UP = ("depth limit", "failed to allocate")
"""How orjson's message begins when a value is nested too deeply for it."""
_TOO_DEEP = f"The body is nested too deeply; expected at most {MAX_DEPTH} levels."


def decode_json(body: bytes, max_values: int = MAX_VALUES) -> Any:
    """The JSON value of a body. Raises InvalidRequest, or TooLarge for too many values.

    Integers that no float can hold become a huge integer of the same sign: the schema still sees an
    integer, and what is clamped is clamped.
    """
    if not body:
        raise InvalidRequest("The body is empty; expected a JSON object.")
    brackets = _brackets(body) if len(body) <= MAX_VALUES else _brackets_of_large(body, max_values)
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if brackets > MAX_DEPTH and error.msg.startswith(_GIVEN_UP):
            raise InvalidRequest(_TOO_DEEP) from None
        if "infinity" not in error.msg:
            raise InvalidRequest(
                f"The body is not valid JSON (line {error.lineno}, column {error.colno}); expected a JSON "
                "object in UTF-8."
            ) from None
        value = _decode_huge_numbers(body)
    if brackets > MAX_DEPTH and is_deeper(value, MAX_DEPTH):
        raise InvalidRequest(_TOO_DEEP)
    return value


def _brackets(body: bytes) -> int:
    """How many opening brackets there are."""
    # `replace` is vectorised; `count` looks at one byte after the other.
    return len(body) - len(body.replace(b"{", b"").replace(b"[", b""))


def _brackets_of_large(body: bytes, max_values: int) -> int:
    """The same for a large body. Raises TooLarge for too many values.

    Every value but the first follows a comma or a bracket. Those in texts count too: telling them apart would
    cost more than the bound saves. Where there are too many the first pieces say so, and between two pieces
    other threads have their turn.
    """
    brackets = commas = 0
    for start in range(0, len(body), MAX_VALUES):
        piece = body[start : start + MAX_VALUES]
        brackets += _brackets(piece)
        commas += piece.count(b",")
        if brackets + commas > max_values:
            raise TooLarge(
                f"The body holds too many values: expected at most {max_values} commas and opening brackets."
            )
    return brackets


def _decode_huge_numbers(body: bytes) -> Any:
    """Decode what orjson refuses for its numbers alone, under the same rules."""
    try:
        value = json.loads(
            body.decode(), parse_int=_integer, parse_float=_number, parse_constant=_no_constant
        )
        if is_deeper(value, MAX_DEPTH):
            # The encoder gives up on this as well, and its message does not tell why.
            raise InvalidRequest(_TOO_DEEP)
        # The standard decoder lets lone surrogates through; the encoder does not.
        orjson.dumps(value)
    except RecursionError:
        raise InvalidRequest(_TOO_DEEP) from None
    except (ValueError, TypeError):
        raise InvalidRequest("The body is not valid JSON; expected a JSON object in UTF-8.") from None
    return value


def _integer(digits: str) -> int:
    if len(digits.lstrip("-")) <= _MAX_DIGITS:
        return int(digits)
    return -_HUGE_INTEGER if digits.startswith("-") else _HUGE_INTEGER


def _number(digits: str) -> float:
    return max(-_HUGE_NUMBER, min(_HUGE_NUMBER, float(digits)))


def _no_constant(name: str) -> float:
    raise ValueError(name)
