"""Numbers as hosts write them: JSON numbers, texts that spell one, and what only looks like one."""

from __future__ import annotations

import math
import sys
from typing import Any

# Longer texts spell no amount that anybody means, and Python refuses to read them as integers.
_MAX_LENGTH = 400
# Ten thousand calls a second for a day.
_ENDLESS = 10**9 - 1


def number(value: Any) -> float | None:
    """`value` as a finite number if it is one, or a text that spells one; None otherwise."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value if abs(value) <= sys.float_info.max else None
    if isinstance(value, str) and len(value) <= _MAX_LENGTH:
        try:
            spelt = float(value)
        except ValueError:
            return None
        return spelt if math.isfinite(spelt) else None
    return None


def whole_number(value: Any) -> int | None:
    """`value` as an integer, its fraction cut off; None when it is no number."""
    amount = number(value)
    return None if amount is None else int(amount)


def is_amount(value: Any) -> bool:
    """Whether `value` is a finite JSON number."""
    return not isinstance(value, str) and number(value) is not None


def integer(value: Any) -> int | None:
    """`value` if it is an integer as JSON Schema defines it: 5 and 5.0, but not `true`; None otherwise."""
    return int(value) if is_amount(value) and value == value // 1 else None


def says_unlimited(value: Any) -> bool:
    """Whether `value` is another way than null to say that there is no limit: a word, -1, or a number that
    nobody could use up, such as the largest that a column holds."""
    if isinstance(value, str):
        return number(value) is None
    return isinstance(value, int | float) and (value == -1 or value >= _ENDLESS)
