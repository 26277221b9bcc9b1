"""Situations by name: each is what it says, for one user or for everybody, and from the command line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from lightning_mock.background import running
from lightning_mock.command import parse
from lightning_mock.control.contract import control_contract
from lightning_mock.control.plane import ANSWERS
from lightning_mock.control.request import ControlError
from lightning_mock.settings import Settings, SettingsError

from tests.support.guard import HANGS

from .conftest import Control, User

NAMES = {
    "limit-reached", "key-revoked", "token-expired", "upstream-down", "flaky-upstream", "slow-network",
    "broken-stream", "cold-start", "new-day", "new-week",
}  # fmt: skip


def play(control: Any, name: Any, user: Any = None) -> Any:
    return control("POST", f"/scenarios/{name}", {"user": user.id} if user else {})["did"]


def active(control: Any) -> Any:
    return {row["name"] for row in control("GET", "/scenarios")["scenarios"] if row["active"]}


def test_every_scenario_has_a_name_and_a_description(shared: Control) -> None:
    rows = shared("GET", "/scenarios")["scenarios"]
    assert {row["name"] for row in rows} >= NAMES
    assert all(row["description"].endswith(".") for row in rows)


def test_a_scenario_is_active_after_its_start_if_it_is_lasting(own: Control) -> None:
    for row in own("GET", "/scenarios")["scenarios"]:
        play(own, row["name"])
        assert (row["name"] in active(own)) == row["lasting"], row["name"]


def test_one_users_limit_is_reached_and_nobody_elses(shared: Control, user: User) -> None:
    [sentence] = play(shared, "limit-reached", user)
    assert user.made["email"] in sentence
    for path in ("/gen/image/x", "/gen/video/x", "/gen/sfx/x"):
        assert user.call("GET", path).status_code == 429
    assert user.chat().status_code == 429
    assert shared.user().call("GET", "/gen/image/x").status_code == 200


def test_everybodys_limit_is_reached(own: Control) -> None:
    user = own.user("professional")
    headers = {"X-Client-ID": "somebody-seen-before"}
    assert httpx2.get(f"{own.base_url}/usage", headers=headers).status_code == 200
    play(own, "limit-reached")
    assert user.call("GET", "/gen/sfx/x").status_code == 429
    assert user.call("GET", "/gen/image/x").status_code == 200
    assert httpx2.get(f"{own.base_url}/gen/image/x", headers=headers).status_code == 429
    newcomer = {"X-Client-ID": "somebody-never-seen-before"}
    usage = httpx2.get(f"{own.base_url}/usage", headers=newcomer).json()["usage"]
    assert {row["remaining"] for row in usage.values()} == {0}
    assert httpx2.get(f"{own.base_url}/gen/image/x", headers=newcomer).status_code == 429
    assert own.user().call("GET", "/gen/image/x").status_code == 200
    own("PUT", "/identities/client:somebody-never-seen-before/usage/imagesDaily", {"used": 0})
    assert httpx2.get(f"{own.base_url}/gen/image/x", headers=newcomer).status_code == 200
    own("POST", "/clock", {"to": "next_week"})
    for name in ("somebody-never-seen-before", "yet-another-newcomer"):
        usage = httpx2.get(f"{own.base_url}/usage", headers={"X-Client-ID": name}).json()["usage"]
        assert {row["used"] for row in usage.values()} == {0}


def test_revoked_keys_are_refused_and_tokens_still_work(shared: Control, user: User) -> None:
    play(shared, "key-revoked", user)
    assert user.call("GET", "/usage").status_code == 401
    assert user.call("GET", "/usage", bearer=user.jwt).status_code == 200
    assert shared.user().call("GET", "/usage").status_code == 200


def test_expired_tokens_are_refused_and_a_new_one_works_at_once(shared: Control, user: User) -> None:
    assert user.call("GET", "/usage", bearer=user.jwt).status_code == 200
    play(shared, "token-expired", user)
    answer = user.call("GET", "/usage", bearer=user.jwt)
    assert answer.status_code == 401
    assert "expired" in answer.json()["detail"]
    assert user.call("GET", "/usage").status_code == 200
    fresh = shared("POST", f"/users/{user.id}/tokens", {})["token"]
    assert user.call("GET", "/usage", bearer=fresh).status_code == 200


def test_nothing_is_generated_while_the_upstream_is_down_and_nothing_is_charged(
    shared: Control, user: User
) -> None:
    play(shared, "upstream-down", user)
    assert user.chat().status_code == 500
    assert user.call("GET", "/gen/image/x").status_code == 500
    assert set(user.used().values()) == {0}


def test_a_flaky_upstream_fails_now_and_then(shared: Control, user: User) -> None:
    play(shared, "flaky-upstream", user)
    found = [user.chat().status_code for _ in range(30)]
    assert set(found) == {200, 500}
    assert found.count(500) < found.count(200)
    assert user.used()["cloudChatDaily"] == found.count(200)


def test_a_slow_network_is_slow(own: Control) -> None:
    user = own.user()
    play(own, "slow-network")
    assert user.call("GET", "/usage").elapsed.total_seconds() >= 1.5
    assert active(own) == {"slow-network"}


def test_a_broken_stream_stops_early(shared: Control, user: User) -> None:
    play(shared, "broken-stream", user)
    assert "[DONE]" not in user.chat(stream=True).text
    assert user.chat().status_code == 200


def test_a_cold_host_wakes_up_with_the_clock(own: Control) -> None:
    user = own.user()
    play(own, "cold-start")
    assert user.call("GET", "/usage").status_code == 503
    own.advance(seconds=60)
    assert user.call("GET", "/usage").status_code == 200
    assert active(own) == set()


@pytest.mark.parametrize(("name", "metric"), [("new-day", "imagesDaily"), ("new-week", "audioWeekly")])
def test_a_new_window_begins(own: Control, name: Any, metric: Any) -> None:
    user = own.user()
    own("POST", f"/identities/{user.identity}/exhaust", {"metric": metric})
    play(own, name)
    assert user.used()[metric] == 0
    assert own("GET", "/clock")["now"].endswith(("T00:00:00Z", "T00:00:01Z", "T00:00:02Z"))


def test_ending_scenarios_removes_their_faults_and_no_others(own: Control) -> None:
    user = own.user()
    own.fault("status", status=502, match={"operation": "getUsage"})
    play(own, "upstream-down")
    play(own, "broken-stream")
    assert active(own) == {"upstream-down", "broken-stream"}
    own("DELETE", "/scenarios")
    assert active(own) == set()
    assert user.chat().status_code == 200
    assert user.call("GET", "/usage").status_code == 502


def test_a_scenario_started_twice_is_in_force_once(own: Control) -> None:
    play(own, "upstream-down")
    play(own, "upstream-down")
    assert len(own("GET", "/state")["faults"]) == 1


def test_a_scenario_that_is_not_there_is_refused_with_those_that_are(shared: Control) -> None:
    detail = shared.refuse("POST", "/scenarios/world-peace", {}, status=404)
    assert all(name in detail for name in NAMES)
    assert "GET /__mock__/users" in shared.refuse("POST", "/scenarios/new-day", {"user": "nobody"})


def test_a_mock_can_start_in_scenarios_and_a_reset_goes_back_there(start: Callable[..., Any]) -> None:
    with start(scenario=("limit-reached", "broken-stream")) as (mock, control):
        bearer = {"Authorization": f"Bearer {mock.credentials['LIGHTNING_JWT']}"}

        def image() -> Any:
            return httpx2.get(f"{mock.base_url}/gen/image/x", headers=bearer).status_code

        assert image() == 429
        assert active(control) == {"broken-stream"}
        control("POST", "/clock", {"to": "next_day"})
        control("DELETE", "/scenarios")
        assert image() == 200
        control("POST", "/reset", {})
        assert image() == 429
        assert active(control) == {"broken-stream"}


def test_an_unknown_scenario_stops_the_start() -> None:
    with pytest.raises(SettingsError, match="limit-reached"), running(scenario=("world-peace",)):
        pass
    result = subprocess.run(
        [sys.executable, "-m", "lightning_mock", "--port", "0", "--scenario", "world-peace"],
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
    )
    assert result.returncode == 2
    assert "limit-reached" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_command_reads_scenarios_token_and_journal() -> None:
    options = [
        "--scenario",
        "new-day",
        "--scenario",
        "cold-start",
        "--control-token",
        "x" * 8,
        "--journal",
        "5",
    ]
    variables = {
        "LIGHTNING_MOCK_SCENARIO": "new-day, cold-start",
        "LIGHTNING_MOCK_CONTROL_TOKEN": "x" * 8,
        "LIGHTNING_MOCK_JOURNAL": "5",
    }
    wanted = Settings(scenario=("new-day", "cold-start"), control_token="x" * 8, journal=5)
    assert parse(options, {})[0] == wanted == parse([], variables)[0]
    for wrong in ({"control_token": "short"}, {"journal": -1}):
        with pytest.raises(SettingsError):
            Settings(**wrong)


def test_every_operation_of_the_control_file_is_answered_and_nothing_else() -> None:
    contract = control_contract()
    paths = contract.document["paths"].values()
    assert {operation["operationId"] for path in paths for operation in path.values()} == set(ANSWERS)
    with pytest.raises(ControlError):
        contract.find("GET", "/__mock__/nothing")
