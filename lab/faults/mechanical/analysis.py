"""Mechanical faults: prompt analysis."""

from __future__ import annotations

from typing import Any

from lab.faults import seams
from lab.faults.fault import Book
from lab.proofs import post

BOOK = Book("mechanical")

_ANALYZE = post("/gen/prompt_analyze", {"prompt": [{"role": "user", "content": "Hi"}]})

_EMPTY: tuple[tuple[str, Any], ...] = (
    ("empty-list", []),
    ("null", None),
    ("empty-object", {}),
    ("number", 70),
    ("empty-name", [""]),
)

for _name, _answer in _EMPTY:
    BOOK.add(
        f"analyze-{_name}",
        "ANA-1",
        f"prompt analysis answers {_answer!r}",
        seams.instead("analyzePrompt", seams.json_answer(_answer)),
        _ANALYZE,
    )
