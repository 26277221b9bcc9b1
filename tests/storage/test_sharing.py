"""Two processes of one mock: what one does, the other knows before its next answer."""

from __future__ import annotations

import asyncio
import base64
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx2
import pytest
import redis
from lightning_mock.background import RunningMock
from lightning_mock.settings import SettingsError
from lightning_mock.storage.sharing import _end
from lightning_mock.storage.wire import Wire
from PIL import Image

from tests.control.conftest import HELLO, Control
from tests.support.guard import HANGS

from .conftest import RedisServer

pytestmark = pytest.mark.redis


client = httpx2.Client(timeout=HANGS)


def get(control: Control, path: str, key: str, **headers: str) -> httpx2.Response:
    bearer = {"Authorization": f"Bearer {key}", **headers}
    return client.get(control.base_url + path, headers=bearer)


def post(control: Control, chat: object, key: str) -> Any:
    url = f"{control.base_url}/gen/chat/completions"
    return client.post(url, json=chat, headers={"Authorization": f"Bearer {key}"})


def used(control: Control, key: str, metric: str = "imagesDaily") -> Any:
    return get(control, "/usage", key).json()["usage"][metric]["used"]


def test_both_begin_with_the_same_credentials(process: Callable[..., Any]) -> None:
    with process() as (one, _), process() as (other, control):
        assert one.credentials == other.credentials
        assert one.plans == other.plans
        assert get(control, "/usage", one.plans["core"].jwt).json()["plan_key"] == "core"


async def test_what_loses_a_cancellation_ends_all_the_same() -> None:
    async def deaf_once() -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        await asyncio.sleep(60)

    task = asyncio.create_task(deaf_once())
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        await _end([task])
    assert task.cancelled()


def test_of_calls_to_both_at_once_exactly_those_with_a_unit_succeed(two: tuple[Control, Control]) -> None:
    user = two[0].user("free")
    with ThreadPoolExecutor(20) as pool:
        asked = [pool.submit(get, two[number % 2], "/gen/image/x", user.key) for number in range(40)]
        statuses = Counter(call.result().status_code for call in asked)
    assert statuses == {200: 10, 429: 30}
    assert [used(control, user.key) for control in two] == [10, 10]


def test_every_control_call_holds_for_both_when_it_returns(two: tuple[Control, Control]) -> None:
    one, other = two
    user = one.user("free", id="somebody")
    assert get(other, "/subscription", user.key).json()["plan_key"] == "free"
    other("PATCH", f"/users/{user.id}", {"plan": "core"})
    assert get(one, "/subscription", user.key).json()["plan_key"] == "core"
    one("PUT", "/plans/core/limits", {"imagesDaily": 1})
    assert [get(control, "/gen/image/x", user.key).status_code for control in two] == [200, 429]
    other("POST", "/clock", {"to": "next_day"})
    assert get(one, "/gen/image/x", user.key).status_code == 200
    one("POST", f"/identities/{user.identity}/clock", {"to": "next_day"})
    assert get(other, "/gen/image/x", user.key).status_code == 200
    other("PATCH", "/preferences", {"retry_advice": "x-should-retry-false"})
    assert get(one, "/gen/image/x", user.key).headers["x-should-retry"] == "false"
    [key] = one("GET", f"/users/{user.id}/keys")["keys"]
    assert key["last_used_at"] is not None
    one("DELETE", f"/users/{user.id}/keys/{key['id']}")
    assert get(other, "/usage", user.key).status_code == 401


def test_the_nth_call_is_counted_by_all_whoever_answers_the_others(two: tuple[Control, Control]) -> None:
    one, other = two
    user = one.user()
    one("POST", "/replies", {"match": {}, "reply": {"json": "older"}, "times": 2})
    other("POST", "/replies", {"match": {"nth": 3}, "reply": {"json": "third"}})
    asked = [post(control, HELLO, user.key) for control in (one, other) * 2]
    assert [answer.json() for answer in asked[:3]] == ["older", "older", "third"]
    assert "choices" in asked[3].json()


CALLS = (
    ("GET", "/gen/image/x", None, 200),
    ("POST", "/gen/chat/completions", HELLO, 200),
    ("POST", "/gen/chat/completions", {**HELLO, "stream": True}, 200),
    ("POST", "/gen/chat/completions", {"messages": 1}, 400),
    ("POST", "/gen/chat/completions", {"messages": [{"role": "user", "content": "x" * 70_000}]}, 413),
    ("GET", "/usage", None, 200),
    ("GET", "/subscription", None, 200),
    ("GET", "/tiers", None, 200),
    ("GET", "/nowhere", None, 404),
)


def test_a_call_costs_one_round_trip_and_is_decided_again_when_another_process_has_changed_the_state(
    two: tuple[Control, Control], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = two
    trips = 0
    send = Wire.send

    def counted(wire: Wire, commands: Any, seconds: float, then: Any) -> None:
        # What the journal and the last use of a key add goes out when it happens to be due.
        nonlocal trips
        trips += any(b"EVALSHA" in command or b"\nGET\r" in command for command in commands)
        send(wire, commands, seconds, then)

    monkeypatch.setattr(Wire, "send", counted)
    for method, path, body, status in CALLS:
        user = one.user("free")
        bearer, url = {"Authorization": f"Bearer {user.key}"}, other.base_url + path

        def status_of() -> int:
            return client.request(method, url, json=body, headers=bearer).status_code  # noqa: B023

        # The other has not heard of the user yet.
        assert status_of() == status
        trips = 0
        assert status_of() == status
        assert trips == 1
        counts = get(one, "/usage", user.key).json()["usage"].values()
        charged = status == 200 and path.startswith("/gen")
        assert sum(count["used"] for count in counts) == (2 if charged else 0)
        one("DELETE", f"/users/{user.id}")
        assert status_of() == (status if path in {"/tiers", "/nowhere"} else 401)


def test_faults_and_scripted_replies_take_their_turns_once_for_all(two: tuple[Control, Control]) -> None:
    one, other = two
    user = one.user("professional")
    one.fault("status", status=503, times=3, match={"user": user.id})
    assert [get(two[turn % 2], "/usage", user.key).status_code for turn in range(5)] == [503] * 3 + [200] * 2
    [fault] = other("GET", "/faults")["faults"]
    assert (fault["fired"], fault["left"]) == (3, 0)
    one("POST", "/replies", {"reply": {"text": "Once."}, "times": 1, "match": {"user": user.id}})

    def said(control: Control) -> Any:
        bearer = {"Authorization": f"Bearer {user.key}"}
        answer = client.post(control.base_url + "/gen/chat/completions", json=HELLO, headers=bearer)
        return answer.json()["choices"][0]["message"]["content"]

    assert [said(control) == "Once." for control in (other, one, other)] == [True, False, False]
    listed = one("GET", "/replies")
    assert listed["replies"][0]["left"] == 0
    assert [miss["near"][0]["missed"] for miss in listed["misses"]] == [["it is used up"]] * 2


def test_the_draws_of_a_fault_are_the_same_however_many_draw(
    two: tuple[Control, Control], own: Control
) -> None:
    drawn = []
    for controls in (two, (own, own)):
        key = controls[0].user("free").key
        controls[0].fault("status", status=503, probability=0.5, seed=7)
        drawn.append([get(controls[turn % 2], "/usage", key).status_code for turn in range(20)])
    assert drawn[0] == drawn[1]
    assert set(drawn[0]) == {200, 503}


def test_the_journal_is_of_both_in_order(two: tuple[Control, Control]) -> None:
    one, other = two
    user = one.user("free")
    for turn in range(6):
        get(two[turn % 2], f"/gen/image/{turn}", user.key)
    entries = other("GET", f"/journal?user={user.id}")["entries"]
    assert [entry["path"] for entry in entries] == [f"/gen/image/{turn}" for turn in range(6)]
    assert entries == one("GET", f"/journal?user={user.id}")["entries"]
    assert [entry["units"]["after"] for entry in entries] == [1, 2, 3, 4, 5, 6]
    newest = entries[-1]["id"]
    get(one, "/usage", user.key)
    [entry] = other("GET", f"/journal/wait?user={user.id}&since={newest}")["entries"]
    assert entry["path"] == "/usage"
    one("DELETE", "/journal")
    assert other("GET", f"/journal?user={user.id}")["total"] == 0


def test_calls_that_end_at_the_same_moment_have_entries_of_their_own(
    two: tuple[Control, Control], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = two
    user = one.user("free")
    monkeypatch.setattr("lightning_mock.journal.journal.stopwatch", lambda: 1.0)
    paths = [f"/gen/image/{turn}" for turn in range(4)]
    for turn, path in enumerate(paths):
        get(two[turn % 2], path, user.key)
    entries = other("GET", f"/journal?user={user.id}")["entries"]
    assert sorted(entry["path"] for entry in entries) == paths
    for entry in entries:
        assert one("GET", f"/journal/{entry['id']}")["path"] == entry["path"]


def test_listeners_hear_of_what_the_other_process_does(two: tuple[Control, Control]) -> None:
    one, other = two
    with httpx2.stream("GET", one.base_url + "/__mock__/events") as events:
        lines = events.iter_lines()
        next(lines)
        client.get(other.base_url + "/models")
        assert any("/models" in line for line in lines if line.startswith("data:"))


def test_an_asset_of_one_is_served_by_the_other_until_it_expires(two: tuple[Control, Control]) -> None:
    one, other = two
    out = BytesIO()
    Image.new("RGB", (4, 4), "red").save(out, "PNG")
    body = {"prompt": "x", "image_urls": [base64.b64encode(out.getvalue()).decode()]}
    bearer = {"Authorization": f"Bearer {one.user('core').key}"}
    made = client.post(one.base_url + "/gen/image", json=body, headers=bearer)
    path = made.headers["link"].partition(">")[0].strip("<")
    assert client.get(other.base_url + path).content.startswith(b"\x89PNG")
    other.advance(days=2)
    assert client.get(one.base_url + path).status_code == 404


def test_snapshot_restore_and_reset_are_of_the_whole(two: tuple[Control, Control]) -> None:
    one, other = two
    user = one.user("free", id="kept")
    get(one, "/gen/image/x", user.key)
    kept = other("GET", "/snapshot")
    one("POST", "/reset", {})
    assert get(other, "/usage", user.key).status_code == 401
    other("POST", "/restore", kept)
    again = one("GET", "/snapshot")
    assert {**again, "taken_at": None} == {**kept, "taken_at": None}
    assert used(one, user.key) == 1


def test_a_process_that_comes_later_goes_on_where_the_others_are(process: Callable[..., Any]) -> None:
    with process(scenario=("limit-reached",)) as (first, one):
        key = first.plans["free"].api_key
        one.advance(days=1)
        assert get(one, "/gen/image/x", key).status_code == 200
    with process(scenario=("limit-reached",)) as (second, other):
        assert second.plans["free"].api_key == key
        assert used(other, key) == 1
        other("POST", "/reset", {})
        assert get(other, "/gen/image/x", key).status_code == 429


def test_a_prefix_keeps_mocks_apart(two: tuple[Control, Control], own: Control) -> None:
    one, _ = two
    user = one.user("free", id="same-name")
    own.user("free", id="same-name")
    get(one, "/gen/image/x", user.key)
    assert get(own, "/usage", user.key).status_code == 401
    row = own("GET", f"/identities/{user.identity}")
    assert row["usage"]["imagesDaily"]["used"] == 0


def test_another_mock_cannot_take_the_name(process: Callable[..., Any]) -> None:
    one: dict[str, Any] = {"seed": 1}
    for other in (
        {"seed": 2},
        {"seed": 1, "metadata_form": "choices"},
        {"seed": 1, "scenario": ("new-day",)},
    ):
        with process(**one), pytest.raises(SettingsError, match="another revision or seed"), process(**other):
            pass


def test_replies_of_a_file_come_back_with_a_reset_by_any_process(
    process: Callable[..., Any], tmp_path: Path
) -> None:
    file = tmp_path / "replies.yaml"
    file.write_text("- {match: {route: GET /v1/me}, reply: {json: {credits: 12}}}\n")
    with process(replies=file) as (_, one), process(replies=file) as (_, other):
        one("DELETE", "/replies")
        assert client.get(other.base_url + "/v1/me").status_code == 404
        other("POST", "/reset", {})
        assert client.get(one.base_url + "/v1/me").json() == {"credits": 12}


def test_counts_go_with_their_window_and_stay_while_the_clock_stands(
    two: tuple[Control, Control], redis_server: RedisServer, prefix: str
) -> None:
    one, _ = two
    key = one.user("free").key
    get(one, "/gen/image/x", key)
    with redis.Redis.from_url(redis_server.url) as looking:
        [shelf] = looking.keys(f"{prefix}:used:imagesDaily:*")
        assert 0 < looking.ttl(shelf) <= 2 * 86_400
        one("POST", "/clock", {"frozen": True})
        assert looking.ttl(shelf) == -1
        one("POST", "/clock", {"frozen": False})
        assert 0 < looking.ttl(shelf) <= 8 * 86_400


def test_no_secret_of_a_key_is_in_redis(
    process: Callable[..., Any], redis_server: RedisServer, prefix: str
) -> None:
    with process() as (mock, control):
        started: RunningMock = mock
        key = control.user("free").key
        get(control, "/usage", key)
        control("GET", "/journal")
        with redis.Redis.from_url(redis_server.url) as looking:
            kept = b"".join(looking.dump(name) or b"" for name in looking.keys(f"{prefix}:*"))
        for secret in (key, started.credentials["LIGHTNING_API_KEY"]):
            assert secret.encode() not in kept
