"""The clock: everything that knows a time moves with it, and it does not go back by accident."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import pytest

from .conftest import Control

SATURDAY_NIGHT = "2026-06-13T23:59:59Z"
SUNDAY_NIGHT = "2026-06-14T23:59:59Z"


@pytest.fixture
def frozen(own: Control) -> Any:
    own("POST", "/clock", {"set": SATURDAY_NIGHT, "force": True, "frozen": True})
    return own


def test_the_clock_runs_with_the_wall_unless_somebody_moves_it(own: Control) -> None:
    clock = own("GET", "/clock")
    assert abs(clock["epoch"] - time.time()) < 5
    assert clock["frozen"] is False


def test_a_frozen_clock_stands_still_and_a_resumed_one_goes_on_from_there(frozen: Any) -> None:
    assert frozen("GET", "/clock") == {
        "now": SATURDAY_NIGHT,
        "epoch": datetime(2026, 6, 13, 23, 59, 59, tzinfo=UTC).timestamp(),
        "frozen": True,
    }
    resumed = frozen("POST", "/clock", {"frozen": False})
    assert resumed["frozen"] is False
    assert resumed["now"].startswith("2026-06-1")
    assert frozen("GET", "/clock")["epoch"] > resumed["epoch"]


@pytest.mark.parametrize(
    ("move", "now"),
    [
        ({"advance": {"seconds": 1}}, "2026-06-14T00:00:00Z"),
        ({"advance": {"days": 1, "hours": 2, "minutes": 3, "seconds": 4}}, "2026-06-15T02:03:03Z"),
        ({"advance": {"hours": 0.5}}, "2026-06-14T00:29:59Z"),
        ({"set": "2027-01-01T00:00:00Z"}, "2027-01-01T00:00:00Z"),
        ({"set": "2027-01-01T02:00:00+02:00"}, "2027-01-01T00:00:00Z"),
        ({"set": "2027-01-01"}, "2027-01-01T00:00:00Z"),
        ({"to": "next_day"}, "2026-06-14T00:00:00Z"),
        ({"to": "next_week"}, "2026-06-15T00:00:00Z"),
        ({"set": "2020-01-01", "force": True}, "2020-01-01T00:00:00Z"),
        ({"advance": {"days": -1}, "force": True}, "2026-06-12T23:59:59Z"),
    ],
)
def test_the_clock_moves_as_asked(frozen: Any, move: Any, now: Any) -> None:
    assert frozen("POST", "/clock", move)["now"] == now
    assert frozen("GET", "/clock")["now"] == now


@pytest.mark.parametrize(
    ("body", "allowed"),
    [
        ({"set": "2020-01-01"}, "force"),
        ({"advance": {"days": -1}}, "force"),
        ({"advance": {"days": 1}, "to": "next_day"}, "one of advance, set, to"),
        ({"advance": {"weeks": 1}}, "days, hours, minutes, seconds"),
        ({"advance": {}}, "advance: expected at least one of days, hours, minutes, seconds."),
        ({"advance": {"days": "1"}}, "a number"),
        ({"advance": {"days": 999_999_999}}, "1970 to 9000"),
        ({"set": "tomorrow"}, "ISO 8601"),
        ({"set": "0001-01-01T00:00:00+14:00", "force": True}, "1970 to 9000"),
        ({"set": "1969-12-31", "force": True}, "1970 to 9000"),
        ({"to": "next_year"}, "next_day, next_week"),
        ({"freeze": True}, "advance, set, to, frozen, force"),
        ({}, "body: expected at least one of advance, set, to, frozen, force."),
        ([], "an object"),
    ],
)
def test_a_move_that_means_nothing_is_refused_and_moves_nothing(frozen: Any, body: Any, allowed: Any) -> None:
    assert allowed in frozen.refuse("POST", "/clock", body)
    assert frozen("GET", "/clock")["now"] == SATURDAY_NIGHT


@pytest.mark.parametrize("place", ["/clock", "/identities/client:a-client-of-one-test/clock"])
@pytest.mark.parametrize("body", [{"set": "9999-12-31"}, {"set": "1969-12-31"}, {"advance": {"days": 10**9}}])
def test_force_is_not_advised_where_it_does_not_help(own: Control, place: str, body: Any) -> None:
    assert own.refuse("POST", place, body) == "the moment lies outside 1970 to 9000."
    assert "force" in own.refuse("POST", place, {"set": "1971-01-01"})


def test_an_exhausted_day_is_over_at_midnight_and_a_week_on_monday(own: Control) -> None:
    own("POST", "/clock", {"set": SUNDAY_NIGHT, "force": True, "frozen": True})
    user = own.user("free")
    for metric in ("imagesDaily", "audioWeekly"):
        own("POST", f"/identities/{user.identity}/exhaust", {"metric": metric})
    own("POST", "/clock", {"set": "2026-06-13T23:59:59Z", "force": True})
    for metric in ("imagesDaily", "audioWeekly"):
        own("POST", f"/identities/{user.identity}/exhaust", {"metric": metric})
    assert user.call("GET", "/gen/image/x").status_code == 429
    assert user.call("GET", "/gen/sfx/x").status_code == 429
    own.advance(seconds=1)
    assert user.call("GET", "/gen/image/x").status_code == 200
    assert user.call("GET", "/gen/sfx/x").status_code == 429
    own("POST", "/clock", {"to": "next_week"})
    assert user.call("GET", "/gen/sfx/x").status_code == 200
    assert user.call("GET", "/usage").json()["generated_at"] == "2026-06-15T00:00:00Z"


def test_tokens_keys_and_assets_expire_with_the_clock(frozen: Any) -> None:
    user = frozen.user("light")
    token = frozen("POST", f"/users/{user.id}/tokens", {"lifetime_seconds": 60})
    key = frozen("POST", f"/users/{user.id}/keys", {"expires_at": "2026-06-14T00:00:59Z"})
    assert token["expires_at"] == "2026-06-14T00:00:59Z" == key["expires_at"]
    pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    made = user.call("POST", "/gen/image", {"prompt": "x", "image_urls": [pixel]})
    asset = made.headers["link"].partition(">")[0][1:]
    for bearer in (token["token"], key["secret"]):
        assert user.call("GET", "/subscription", bearer=bearer).status_code == 200
    assert user.call("GET", asset).status_code == 200
    frozen.advance(seconds=59)
    assert user.call("GET", "/subscription", bearer=token["token"]).status_code == 200
    frozen.advance(seconds=1)
    for bearer in (token["token"], key["secret"]):
        assert user.call("GET", "/subscription", bearer=bearer).status_code == 401
    assert user.call("GET", "/subscription").status_code == 200
    frozen.advance(days=30)
    assert user.call("GET", asset).status_code == 404


def test_the_present_moment_is_not_in_the_past(own: Control) -> None:
    """A running clock is a little further by the time it is moved."""
    for _ in range(200):
        own.advance(seconds=0)


def test_a_clock_that_has_run_on_past_its_last_moment_can_be_restored(own: Control) -> None:
    own("POST", "/clock", {"set": "8999-12-31T23:59:59Z"})
    time.sleep(1.1)
    own("POST", "/restore", own("GET", "/snapshot"))
    assert own("GET", "/clock")["now"].startswith("9000-01-01")
