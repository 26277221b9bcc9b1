"""Files that may be YAML or JSON, whichever their writer likes better."""

from __future__ import annotations

import json
from typing import Any

import yaml

MOST_TIMES_WRITTEN = 10
"""How many values aliases may stand for, for each character of the text."""


def yaml_or_json(text: str, loader: Any = yaml.SafeLoader) -> Any:
    """The value of a text. Raises yaml.YAMLError, ValueError or RecursionError.

    JSON is read as JSON: YAML 1.1 takes its `7e-05` for text.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        value = yaml.load(text, loader)  # noqa: S506 - a safe loader
    if "*" in text:
        _check_aliases(value, MOST_TIMES_WRITTEN * (len(text) + 1000))
    return value


def _check_aliases(value: Any, most: int) -> None:
    """Raise ValueError where aliases of aliases stand for far more values than anybody wrote."""
    waiting = [value]
    while waiting:
        most -= 1
        if most < 0:
            raise ValueError("its aliases stand for too much, or for themselves")
        part = waiting.pop()
        if isinstance(part, dict | list):
            waiting.extend(part.values() if isinstance(part, dict) else part)
