"""Asks which of two JSON schemas admits more. The one module that knows the engine that answers."""

from __future__ import annotations

import json
from enum import Enum
from functools import lru_cache
from typing import Any

import jsonschema_rs


class Answer(Enum):
    """Whether one schema admits every value of another. Only YES proves anything."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


def covers(wide: Any, narrow: Any) -> Answer:
    """Whether `wide` admits every value that `narrow` admits."""
    return _covers(json.dumps(wide, sort_keys=True), json.dumps(narrow, sort_keys=True))


def disjoint(one: Any, other: Any) -> bool:
    """Whether it is proven that no value fits both."""
    try:
        both = _canonical(json.dumps(one), "one").intersect(_canonical(json.dumps(other), "other"))
        return _answer(both.satisfiability()) is Answer.NO
    except Exception:  # the engine's errors have no common base of their own
        return False


@lru_cache(maxsize=4096)
def _covers(wide: str, narrow: str) -> Answer:
    if wide == narrow:
        return Answer.YES
    try:
        return _answer(_canonical(wide, "wide").covers(_canonical(narrow, "narrow")))
    except Exception:  # the engine's errors have no common base of their own
        return Answer.UNKNOWN


def _canonical(text: str, name: str) -> Any:
    # Two names, so that a reference of one side is never taken for one of the other.
    return jsonschema_rs.canonicalize(
        json.loads(text), draft=jsonschema_rs.Draft202012, base_uri=f"json-schema:///{name}"
    )


def _answer(value: Any) -> Answer:
    return {"yes": Answer.YES, "no": Answer.NO}.get(str(value), Answer.UNKNOWN)
