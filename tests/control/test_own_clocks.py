"""A clock for each caller: it moves that caller's windows, credentials and dates, and nobody else's."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from lightning_mock.background import running
from lightning_mock.client import Lightning, SharedClockWarning

from .conftest import Control

DAY = 86_400


@pytest.fixture
def noon(own: Control) -> Control:
    """A mock at noon on a Saturday, standing still."""
    own("POST", "/clock", {"set": "2026-06-13T12:00:00Z", "force": True, "frozen": True})
    return own


def move(control: Any, user: Any, **body: Any) -> Any:
    return control("POST", f"/identities/{user.identity}/clock", body)


def window(user: Any, metric: str = "imagesDaily") -> Any:
    return user.call("GET", "/usage").json()["usage"][metric]


def test_one_users_day_begins_and_nobody_elses(noon: Any) -> None:
    mover, other = noon.user(), noon.user()
    for user in (mover, other):
        noon("POST", f"/identities/{user.identity}/exhaust", {"metric": "imagesDaily"})
        noon("POST", f"/identities/{user.identity}/exhaust", {"metric": "audioWeekly"})
    moved = move(noon, mover, to="next_day")
    assert (moved["now"], moved["ahead_seconds"]) == ("2026-06-14T00:00:00Z", DAY / 2)
    assert mover.call("GET", "/gen/image/x").status_code == 200
    assert mover.call("GET", "/gen/sfx/x").status_code == 429
    assert other.call("GET", "/gen/image/x").status_code == 429
    assert (window(mover)["window"], window(other)["window"]) == ("2026-06-14", "2026-06-13")
    assert mover.call("GET", "/usage").json()["generated_at"] == "2026-06-14T00:00:00Z"
    assert other.call("GET", "/usage").json()["generated_at"] == "2026-06-13T12:00:00Z"
    assert mover.chat().json()["created"] - other.chat().json()["created"] == DAY / 2
    move(noon, mover, to="next_week")
    assert mover.call("GET", "/gen/sfx/x").status_code == 200
    assert noon("GET", "/clock")["now"] == "2026-06-13T12:00:00Z"


def test_counts_of_the_present_window_go_along_and_come_back(noon: Any) -> None:
    user = noon.user()
    user.call("GET", "/gen/image/x")
    move(noon, user, advance={"hours": 1})
    user.call("GET", "/gen/image/x")
    assert user.used()["imagesDaily"] == 2
    back = noon("DELETE", f"/identities/{user.identity}/clock")
    assert back["ahead_seconds"] == 0
    assert user.used()["imagesDaily"] == 2
    move(noon, user, advance={"days": 2})
    user.call("GET", "/gen/image/x")
    noon("DELETE", f"/identities/{user.identity}/clock")
    assert user.used()["imagesDaily"] == 0


def test_everybody_going_on_a_day_takes_those_ahead_along(noon: Any) -> None:
    user = noon.user()
    move(noon, user, advance={"hours": 1})
    noon.advance(days=1)
    assert noon("GET", f"/identities/{user.identity}/clock")["now"] == "2026-06-14T13:00:00Z"


def test_a_token_and_a_key_end_by_their_users_clock(noon: Any) -> None:
    mover, other = noon.user(), noon.user()
    tokens, keys = {}, {}
    for user in (mover, other):
        tokens[user] = noon("POST", f"/users/{user.id}/tokens", {"lifetime_seconds": 3600})["token"]
        expires = {"expires_at": "2026-06-13T13:00:00Z"}
        keys[user] = noon("POST", f"/users/{user.id}/keys", expires)["secret"]

    def statuses() -> Any:
        return [
            user.call("GET", "/usage", bearer=bearers[user]).status_code
            for user in (mover, other)
            for bearers in (tokens, keys)
        ]

    assert statuses() == [200] * 4
    move(noon, mover, advance={"hours": 2})
    assert statuses() == [401, 401, 200, 200]
    assert mover.call("GET", "/usage").status_code == 200
    late = noon("POST", f"/users/{mover.id}/tokens", {"lifetime_seconds": 3600})
    assert late["expires_at"] == "2026-06-13T15:00:00Z"
    assert mover.call("GET", "/usage", bearer=late["token"]).status_code == 200


def test_a_token_that_is_not_valid_yet_becomes_so_by_its_users_clock(noon: Any) -> None:
    user = noon.user()
    asked = {"broken": "not_yet_valid", "lifetime_seconds": 3600}
    token = noon("POST", f"/users/{user.id}/tokens", asked)["token"]
    assert user.call("GET", "/usage", bearer=token).status_code == 401
    move(noon, user, advance={"minutes": 45})
    assert user.call("GET", "/usage", bearer=token).status_code == 200


def test_a_guest_has_a_clock_too_and_advice_speaks_of_it(noon: Any) -> None:
    noon("PATCH", "/preferences", {"retry_advice": "seconds"})
    with Lightning(noon.base_url) as client:
        guest = client.guest()
        guest.advance(hours=11)
        guest.exhaust("imagesDaily")
        user = noon.user()
        refused = user.call("GET", "/gen/image/x", headers={"Authorization": "", **guest.headers()})
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "3600")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"advance": {"days": -1}}, "only goes forward"),
        ({"advance": {"days": 1_000_000_000}}, "outside 1970 to 9000"),
        ({"set": "2026-06-13T11:00:00Z"}, "force: true"),
        ({"advance": {"days": 1}, "to": "next_day"}, "expected one of advance, set, to"),
        ({"force": True}, "expected"),
    ],
)
def test_a_move_that_cannot_be_made_is_refused_and_changes_nothing(noon: Any, body: Any, said: str) -> None:
    user = noon.user()
    assert said in noon.refuse("POST", f"/identities/{user.identity}/clock", body)
    assert noon("GET", f"/identities/{user.identity}/clock")["ahead_seconds"] == 0


def test_nobody_ahead_can_be_carried_out_of_the_calendar(noon: Any) -> None:
    user = noon.user()
    move(noon, user, set="8999-01-01")
    said = "a caller with a clock of its own lies outside 1970 to 9000"
    assert said in noon.refuse("POST", "/clock", {"advance": {"days": 1000}})
    assert user.call("GET", "/usage").status_code == 200


def test_a_snapshot_holds_the_clocks_and_a_reset_ends_them(noon: Any) -> None:
    user = noon.user()
    move(noon, user, advance={"days": 1})
    user.call("GET", "/gen/image/x")
    kept = noon("GET", "/snapshot")
    assert kept["clock"]["ahead"] == {user.identity: DAY}
    noon("POST", "/reset", {"user": user.id})
    assert noon("GET", f"/identities/{user.identity}/clock")["ahead_seconds"] == 0
    noon("POST", "/restore", kept)
    assert (window(user)["window"], window(user)["used"]) == ("2026-06-14", 1)
    assert noon("GET", "/snapshot")["ledger"] == kept["ledger"]
    noon("POST", "/reset", {})
    assert noon("GET", "/snapshot")["clock"]["ahead"] == {}


def test_a_scenario_for_one_user_moves_that_users_time(noon: Any) -> None:
    user = noon.user()
    answer = noon("POST", "/scenarios/new-day", {"user": user.id})
    assert "moved_users" not in answer
    assert noon("GET", "/clock")["now"] == "2026-06-13T12:00:00Z"
    assert window(user)["window"] == "2026-06-14"


def test_tests_side_by_side_do_not_move_each_others_time() -> None:
    with running() as mock, Lightning(mock.base_url) as one, Lightning(mock.base_url) as other:
        mover, bystander = one.user(), other.user()
        before = bystander.usage()["imagesDaily"].window
        clock = mover.advance(days=1)
        assert clock.ahead_seconds == DAY
        assert datetime.fromisoformat(clock.now).tzinfo == UTC
        assert bystander.usage()["imagesDaily"].window == before < mover.usage()["imagesDaily"].window
        assert mover.rejoin_clock().ahead_seconds == 0


def test_who_moves_everybodys_time_is_told_of_others(recwarn: Any) -> None:
    with running() as mock, Lightning(mock.base_url) as one:
        one.user()
        one.fresh().user()
        one.advance(days=1)
        one.scenario("new-day")
        assert not recwarn.list
        with Lightning(mock.base_url) as other:
            other.user()
            for step in (lambda: one.advance(days=1), lambda: one.scenario("new-day")):
                other.user()
                with pytest.warns(SharedClockWarning, match=r"user\.advance") as caught:
                    step()
                assert caught[0].filename == __file__
        one.advance(days=1)
    with running() as mock, Lightning(mock.base_url, shared=True) as one, pytest.warns(SharedClockWarning):
        one.next_day()
