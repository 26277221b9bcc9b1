"""How deeply a JSON value is nested."""

from __future__ import annotations

from typing import Any


def is_deeper(value: Any, depth: int) -> bool:
    """Whether containers are nested deeper than that. Level by level, so that no depth is too much."""
    level = [value]
    for _ in range(depth + 1):
        inner: list[Any] = []
        for container in level:
            if isinstance(container, dict):
                inner.extend(container.values())
            elif isinstance(container, list):
                inner.extend(container)
        level = [item for item in inner if isinstance(item, dict | list)]
        if not level:
            return False
    return True
