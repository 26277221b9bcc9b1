"""Prices, periods and points in time are read in any form that says what they are."""

from __future__ import annotations

from typing import Any

import pytest
from lightning_verify.reading.periods import _days, counted_in, too_long
from lightning_verify.reading.plans import costs, free_plan_keys, listed, paid_plans
from lightning_verify.reading.times import moment


@pytest.mark.parametrize("price", [0, "0.00", "$0", "0,00 €", "Free", {"amount": 0, "decimals": 2}])
def test_what_costs_nothing(price: Any) -> None:
    assert costs(price) is False


@pytest.mark.parametrize("price", [9.99, "9,99 €", "1,299.00 USD / month", {"monthly": 9, "yearly": 90}])
def test_what_costs_something(price: Any) -> None:
    assert costs(price) is True


@pytest.mark.parametrize("price", [None, "on request", "price_1", True, {}, {"currency": "USD"}, [9]])
def test_what_does_not_tell_its_cost(price: Any) -> None:
    assert costs(price) is None


def test_a_known_price_wins_over_the_default() -> None:
    plans = [{"key": "starter", "price": 0}, {"key": "core", "price": "9.99"}, {"key": "team", "price": None}]
    document = {"defaultPlanKey": "core", "plans": plans}
    assert free_plan_keys(document) == {"starter", "free"}
    assert paid_plans(document) == [plans[1]]


def test_the_list_that_was_asked_for_is_preferred() -> None:
    assert listed({"families": [], "models": [1]}, "models") == [1]
    assert listed({"families": [], "data": [1]}, "models") == [1]
    assert listed({"families": [], "groups": [1]}, "models") is None
    assert listed({"rows": [1]}) == [1]


def test_a_list_in_an_envelope_and_a_map_beside_other_facts_are_found() -> None:
    plans = {"light": {"price": 9}, "core": {"price": 15}}
    assert listed({"success": True, "result": {"items": [1], "page": 1}}, "models") == [1]
    assert listed({"data": {"models": [1]}, "meta": {"page": 1}}, "models") == [1]
    assert listed({"request_id": "r-1", **plans}, "tiers") == [{"name": n, **p} for n, p in plans.items()]
    assert listed({"error": {"message": "No"}}, "tiers") is None
    assert listed({}) is None
    # What wraps no list is another document.
    assert (
        listed({"plan_key": "free", "usage": {"imagesDaily": {"used": 0}, "videosDaily": {"used": 0}}})
        is None
    )
    nested: Any = [1]
    for _ in range(9):
        nested = {"data": nested}
    assert listed(nested) is None


@pytest.mark.parametrize(
    ("text", "days"),
    [
        *((text, 1) for text in ("daily", "24-hour", "24h", "rolling_24_hours", "P1D", "PT24H", "per day")),
        *((text, 7) for text in ("weekly", "7-day", "P7D", "P1W", "calendar week", "1 week")),
        *(
            (text, None)
            for text in ("resets in 5 hours", "since Monday", "2026-11-23", "2026-W48", "5 hours")
        ),
        ("monthly", 30),
        ("hourly", 0),
    ],
)
def test_a_period_is_read_only_where_nothing_else_is_said(text: str, days: int | None) -> None:
    assert _days(text) == days


@pytest.mark.parametrize(
    ("name", "value", "days"),
    [
        ("audioWeekly", "2026-05-11/2026-06-10", 30),
        ("audioWeekly", "2026-05-11T00:00:00Z - 2026-06-10T00:00:00Z", 30),
        ("audioWeekly", {"start": "2026-05-11T00:00:00Z", "end": "2026-06-10T00:00:00Z"}, 30),
        ("imagesDaily", {"from": 1_779_000_000, "to": 1_779_604_800}, 7),
        ("imagesDaily", "2026-05-15..2026-05-18", 3),
        # Ends may be included, and what is left of a week is shorter.
        ("imagesDaily", "2026-05-15/2026-05-16", None),
        ("imagesDaily", {"startsAt": "2026-05-15T10:00:00Z", "endsAt": "2026-05-16T11:00:00Z"}, None),
        ("audioWeekly", "2026-05-11T00:00:00Z/2026-05-18T00:00:00Z", None),
        ("audioWeekly", "2026-05-15/2026-05-17", None),
        *(
            ("audioWeekly", other, None)
            for other in ("weekly", "P7D", "2026/05/11", "a/b", None, 7, {}, {"end": 3})
        ),
    ],
)
def test_an_interval_may_be_no_longer_than_what_it_is_of(name: str, value: Any, days: int | None) -> None:
    assert too_long(name, value) == days


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        (("days", "7"), "7 days"),
        (("1", "day"), "1 day"),
        (("weekly", "7"), None),
        (("daily", "today"), None),
        (("days", "0"), None),
        (("7", "1"), None),
    ],
)
def test_a_number_and_its_unit_may_be_told_apart(texts: tuple[str, str], told: str | None) -> None:
    assert counted_in(*texts) == told


@pytest.mark.parametrize(
    "value",
    [
        *("2026-11-25T23:29:53Z", "2026-11-25T23:29:53.000+00:00", "2026-11-26T04:59:53+05:30"),
        *("Wed, 25 Nov 2026 23:29:53 GMT", 1795649393, 1795649393000, "1795649393"),
        *(1795649393000000, 1795649393000000000, "2026-11-25 23:29:53 UTC", "2026/11/25 23:29:53"),
        *("2026-11-26T00:29:53.63164332+01:00[Europe/Berlin]", "2026-11-25 23:29:53.6 +0000 UTC m=+0.01"),
        "2026-11-25t23:29:53.6z",
    ],
)
def test_a_point_in_time_has_many_forms(value: Any) -> None:
    told = moment(value)
    assert told is not None
    assert int(told.timestamp()) == 1795649393


@pytest.mark.parametrize("value", ["just now", "", None, True, {}, [], 1e300, "2026-13-25 23:29:53 UTC"])
def test_other_things_are_no_point_in_time(value: Any) -> None:
    assert moment(value) is None
