"""Reading and setting what callers have used, and what plans allow."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from lightning_mock.background import RunningMock
from lightning_mock.client import Lightning
from lightning_spec.loader import load_spec

from tests.support.guard import HANGS

from .conftest import Control, User


def test_an_exhausted_metric_refuses_the_next_call_and_usage_agrees(user: User, shared: Control) -> None:
    view = shared("POST", f"/identities/{user.identity}/exhaust", {"metric": "imagesDaily"})
    assert view["usage"]["imagesDaily"]["remaining"] == 0
    answer = user.call("GET", "/gen/image/x")
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "quota_exhausted")
    assert user.used() == {**dict.fromkeys(load_spec().metrics, 0), "imagesDaily": 10}
    assert user.chat().status_code == 200


def test_what_is_used_can_be_set_and_the_next_call_counts_from_there(user: User, shared: Control) -> None:
    path = f"/identities/{user.identity}/usage/imagesDaily"
    shared("PUT", path, {"used": 9})
    assert [user.call("GET", "/gen/image/x").status_code for _ in range(2)] == [200, 429]
    assert shared("PUT", path, {"used": 0})["usage"]["imagesDaily"]["used"] == 0
    assert user.call("GET", "/gen/image/x").status_code == 200


def test_a_view_agrees_with_usage_and_says_when_the_window_ends(user: User, shared: Control) -> None:
    user.call("GET", "/gen/image/x")
    view = shared("GET", f"/identities/{user.identity}")
    told = user.call("GET", "/usage").json()["usage"]
    assert {
        name: {k: v for k, v in row.items() if k != "resets_at"} for name, row in view["usage"].items()
    } == told
    day = view["usage"]["imagesDaily"]
    assert day["resets_at"] > shared("GET", "/clock")["now"]
    assert day["resets_at"].endswith("T00:00:00Z")
    assert (view["kind"], view["user"], view["label"]) == ("user", user.id, user.made["email"])


def test_signed_out_callers_are_seen_and_can_be_exhausted_before_they_call(
    shared: Control, mock: RunningMock
) -> None:
    name = f"device-{uuid.uuid4()}"
    shared("POST", f"/identities/client:{name}/exhaust", {"metric": "imagesDaily"})
    headers = {"X-Client-ID": name}
    assert httpx2.get(f"{mock.base_url}/gen/image/x", headers=headers).status_code == 429
    rows = {row["identity"]: row for row in shared("GET", "/identities")["identities"]}
    assert rows[f"client:{name}"]["label"] == name
    assert rows[f"client:{name}"]["plan_key"] == "free"


def test_a_guest_whose_name_is_a_credential_is_the_caller_of_that_name(own: Control) -> None:
    client, key = Lightning(own.base_url), own.user().key
    guest = client.guest(key)

    def call() -> int:
        return httpx2.get(f"{own.base_url}/gen/sfx/rain", headers=guest.headers(), timeout=HANGS).status_code

    limit = guest.usage()["audioWeekly"].limit
    assert limit is not None
    guest.set_used("audioWeekly", limit - 1)
    assert [call(), call()] == [200, 429]
    guest.set_used("audioWeekly", 0)
    own.fault("status", status=503, times=1, match={"identity": guest.identity})
    client.reply(status=418, route="GET /gen/sfx/*", identity=guest.identity, times=1)
    assert [call(), call(), call()] == [503, 418, 200]
    assert len(guest.journal()) == 5
    for path in ("state", "identities", "faults", "replies", "journal", "snapshot"):
        assert key not in httpx2.get(f"{own.base_url}/__mock__/{path}").text


def test_an_address_can_be_exhausted_as_it_is_shown(shared: Control, mock: RunningMock) -> None:
    agent = {"User-Agent": str(uuid.uuid4())}
    before = {row["identity"] for row in shared("GET", "/identities")["identities"]}
    assert httpx2.get(f"{mock.base_url}/gen/image/x", headers=agent).status_code == 200
    rows = shared("GET", "/identities")["identities"]
    [identity] = [row["identity"] for row in rows if row["identity"] not in before]
    assert identity.startswith("address:127.0.0.1:")
    shared("POST", f"/identities/{quote(identity, safe='')}/exhaust", {"metric": "imagesDaily"})
    assert httpx2.get(f"{mock.base_url}/gen/image/x", headers=agent).status_code == 429


def test_a_metric_without_a_limit_cannot_be_exhausted_until_it_has_one(own: Control) -> None:
    user = own.user("light")
    path = f"/identities/{user.identity}/exhaust"
    assert "imagesDaily, videosDaily, audioWeekly" in own.refuse("POST", path, {"metric": "cloudChatDaily"})
    own("PUT", "/plans/light/limits", {"cloudChatDaily": 3})
    own("POST", path, {"metric": "cloudChatDaily"})
    assert user.chat().status_code == 429


def test_limits_of_a_plan_change_for_everybody_on_it_at_once(own: Control) -> None:
    user = own.user("free")
    plan = own("PUT", "/plans/free/limits", {"imagesDaily": 1, "videosDaily": None})
    assert plan["limits"] == {**load_spec().plans[0].limits, "imagesDaily": 1, "videosDaily": None}
    assert [user.call("GET", "/gen/image/x").status_code for _ in range(2)] == [200, 429]
    assert user.call("GET", "/usage").json()["usage"]["videosDaily"]["limit"] is None
    tiers = httpx2.get(f"{own.base_url}/tier-config").json()
    assert tiers["plans"][0]["limits"]["imagesDaily"] == 1
    assert own("GET", "/plans")["plans"][0] == plan


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "allowed"),
    [
        ("PUT", "/plans/gold/limits", {"imagesDaily": 1}, 404, "free, light"),
        ("PUT", "/plans/free/limits", {"imagesdaily": 1}, 400, "cloudChatDaily, imagesDaily"),
        ("PUT", "/plans/free/limits", {"imagesDaily": -1}, 400, "at least 0"),
        ("PUT", "/plans/free/limits", {"imagesDaily": 1.5}, 400, "an integer or null"),
        ("PUT", "/plans/free/limits", {}, 400, "at least 1 field"),
        ("PUT", "/identities/client:a-client-of-tests/usage/images", {"used": 1}, 400, "imagesDaily"),
        ("PUT", "/identities/client:a-client-of-tests/usage/imagesDaily", {}, 400, "required"),
        ("PUT", "/identities/client:a-client-of-tests/usage/imagesDaily", {"used": -1}, 400, "at least 0"),
        ("POST", "/identities/client:a-client-of-tests/exhaust", {"metric": "x"}, 400, "imagesDaily"),
        ("GET", "/identities/client:short", None, 400, "X-Client-ID"),
        ("GET", "/identities/anybody", None, 400, "user:ID, client:ID"),
        ("GET", "/identities/user:nobody", None, 404, "GET /__mock__/users"),
    ],
)
def test_what_cannot_be_counted_is_refused(  # noqa: PLR0917
    shared: Control, method: Any, path: Any, body: Any, status: Any, allowed: Any
) -> None:
    assert allowed in shared.refuse(method, path, body, status=status)


def test_users_of_parallel_tests_do_not_meet(shared: Control) -> None:
    first, second = shared.user("free"), shared.user("free")
    shared("POST", f"/identities/{first.identity}/exhaust", {"metric": "imagesDaily"})
    shared.fault("status", status=500, match={"user": first.id, "operation": "getUsage"})
    assert first.call("GET", "/gen/image/x").status_code == 429
    assert first.call("GET", "/usage").status_code == 500
    assert second.call("GET", "/gen/image/x").status_code == 200
    assert second.used()["imagesDaily"] == 1
    assert shared("GET", f"/journal/count?user={second.id}") == {"count": 2}
    assert shared("GET", f"/identities?user={second.id}")["identities"][0]["identity"] == second.identity
