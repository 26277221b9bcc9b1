"""Mechanical faults: numbers, windows and times of /usage."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lab.faults.fault import Book
from lab.faults.inputs import USAGE
from lab.faults.seams import at, edit, put

BOOK = Book("mechanical")

for _name, _does, _operator, _field in (
    ("remaining-off-by-one", "remaining is one less than the limit leaves", lambda n: n - 1, "remaining"),
    ("used-minus-one", "used starts at -1", lambda n: n - 1, "used"),
    ("remaining-too-high", "remaining is one more than the limit leaves", lambda n: n + 1, "remaining"),
):
    BOOK.add(
        f"usage-{_name}",
        "USE-4",
        _does,
        edit("getUsage", at(f"usage.*.{_field}", put(lambda n, f=_operator: None if n is None else f(n)))),
        USAGE,
    )


def _shift_limit(value: Any, step: int) -> Any:
    for row in value["usage"].values():
        if row["limit"] is not None:
            row["limit"] += step
            row["remaining"] += step
    return value


BOOK.add(
    "usage-limit-plus-one",
    "USE-5",
    "/usage reports one more than the plan's limit",
    edit("getUsage", lambda value: _shift_limit(value, 1)),
    USAGE,
)

BOOK.add(
    "usage-limit-minus-one",
    "USE-5",
    "/usage reports one less than the plan's limit",
    edit("getUsage", lambda value: _shift_limit(value, -1)),
    USAGE,
)


def _swap(first: str, second: str, fields: str = "") -> Callable[[Any], Any]:
    def function(value: Any) -> Any:
        rows = value["usage"]
        if not fields:
            rows[first], rows[second] = rows[second], rows[first]
        for name in fields.split():
            rows[first][name], rows[second][name] = rows[second][name], rows[first][name]
        return value

    return function


BOOK.add(
    "usage-limits-swapped",
    "USE-5",
    "the limits of images and videos are swapped in /usage",
    edit("getUsage", _swap("imagesDaily", "videosDaily", "limit remaining")),
    USAGE,
)

BOOK.add(
    "usage-periods-swapped",
    "USE-8",
    "videos are weekly and audio daily in /usage",
    edit("getUsage", _swap("videosDaily", "audioWeekly", "period window")),
    USAGE,
)

BOOK.add(
    "usage-audio-period-daily",
    "USE-8",
    "the weekly metric has the period daily",
    edit("getUsage", at("usage.audioWeekly.period", put("daily"))),
    USAGE,
)

BOOK.add(
    "usage-chat-window-weekly",
    "USE-8",
    "the daily chat metric has a week as its window and the period weekly",
    edit("getUsage", _swap("cloudChatDaily", "audioWeekly", "period window")),
    USAGE,
)

BOOK.add(
    "generated-at-tomorrow",
    "USE-6",
    "generated_at is a day ahead",
    edit("getUsage", at("generated_at", put("2099-01-01T00:00:00Z"))),
    lambda c: c.get("/usage").json["generated_at"][:4],
)

BOOK.add(
    "generated-at-no-time",
    "USE-6",
    "generated_at is not a point in time",
    edit("getUsage", at("generated_at", put("just now"))),
    USAGE,
)

BOOK.add(
    "usage-plan-key-upper-case",
    "USE-7",
    "plan_key is in upper case, as in no plan of the catalogue",
    edit("getUsage", at("plan_key", put(str.upper))),
    USAGE,
)

BOOK.add(
    "usage-plan-name-swapped",
    "USE-7",
    "plan_name is that of another plan",
    edit("getUsage", at("plan_name", put("AI Creator"))),
    USAGE,
)
