"""Reset, snapshot and restore: back to the start, and exactly to where one was."""

from __future__ import annotations

import asyncio
import base64
import copy
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lightning_mock.background import running
from lightning_mock.client import Lightning
from lightning_mock.control import snapshot
from lightning_mock.quota.store import MemoryStore
from lightning_mock.settings import Settings
from lightning_mock.state import State, make_state
from lightning_spec.loader import load_spec

from .conftest import Control


def calm(control: Any) -> None:
    """Let no second pass, so that two views can be compared."""
    control("POST", "/clock", {"frozen": True})


def test_the_state_shows_everything_at_a_glance(own: Control) -> None:
    user = own.user("core")
    user.chat()
    own.fault("latency", seconds=0)
    state = own("GET", "/state")
    assert state["base_url"] == own.base_url
    assert [plan["key"] for plan in state["plans"]] == ["free", "light", "core", "creator", "professional"]
    assert {row["id"] for row in state["users"]} >= {user.id}
    assert {row["identity"] for row in state["identities"]} >= {user.identity}
    assert state["journal"] == {"entries": 1}
    assert [fault["kind"] for fault in state["faults"]] == ["latency"]
    assert state["metrics"] == list(load_spec().metrics)


def test_a_reset_brings_back_the_start_and_the_printed_credentials(start: Callable[..., Any]) -> None:
    with start() as (mock, control):
        bearers = [mock.credentials["LIGHTNING_JWT"], mock.credentials["LIGHTNING_API_KEY"]]
        before = control("GET", "/snapshot")
        users = control("GET", "/users")["users"]

        def statuses() -> Any:
            return [
                httpx2.get(
                    f"{mock.base_url}/usage", headers={"Authorization": f"Bearer {bearer}"}
                ).status_code
                for bearer in bearers
            ]

        added = control.user("light")
        added.chat()
        for user in users:
            control("DELETE", f"/users/{user['id']}")
        control("PUT", "/plans/light/limits", {"imagesDaily": 0})
        control("POST", "/clock", {"advance": {"days": 400}, "frozen": True})
        control("POST", "/scenarios/upstream-down", {})
        assert statuses() == [401, 401]
        control("POST", "/reset", {})
        assert statuses() == [200, 200]
        assert added.call("GET", "/usage").status_code == 401
        after = control("GET", "/snapshot")
        for key in after["keys"]:
            key["last_used_at"] = None
        assert {**after, "taken_at": ""} == {**before, "taken_at": ""}
        assert control("GET", "/clock")["frozen"] is False
        assert {entry["status"] for entry in control("GET", "/journal")["entries"]} == {200, 401}


def test_a_reset_of_one_user_leaves_the_others_alone(own: Control) -> None:
    first, second = own.user("light"), own.user("light")
    for user in (first, second):
        user.call("GET", "/gen/image/x")
        own.fault("status", status=500, match={"user": user.id, "operation": "getUsage"})
    own("POST", "/reset", {"user": first.id})
    assert first.used()["imagesDaily"] == 0
    assert second.call("GET", "/usage").status_code == 500
    assert own("GET", f"/journal/count?user={first.id}") == {"count": 1}
    assert own("GET", f"/identities/{second.identity}")["usage"]["imagesDaily"]["used"] == 1


def test_a_reset_of_a_user_of_the_start_brings_back_plan_and_keys(start: Callable[..., Any]) -> None:
    with start() as (mock, control):
        bearer = {"Authorization": f"Bearer {mock.credentials['LIGHTNING_API_KEY']}"}
        user_id = next(u["id"] for u in control("GET", "/users")["users"] if u["plan_key"] == "light")
        control("PATCH", f"/users/{user_id}", {"plan": "creator", "email": "x@example.com"})
        control("POST", "/scenarios/key-revoked", {"user": user_id})
        control("POST", "/scenarios/token-expired", {"user": user_id})
        control("POST", "/reset", {"user": user_id})
        answer = httpx2.get(f"{mock.base_url}/subscription", headers=bearer).json()
        assert (answer["plan_key"], answer["email"]) == ("light", "light@example.com")
        bearer = {"Authorization": f"Bearer {mock.credentials['LIGHTNING_JWT']}"}
        assert httpx2.get(f"{mock.base_url}/subscription", headers=bearer).status_code == 200


def test_a_reset_of_nobody_is_refused(shared: Control) -> None:
    assert "GET /__mock__/users" in shared.refuse("POST", "/reset", {"user": "nobody"}, status=404)
    assert "expected user" in shared.refuse("POST", "/reset", {"users": []})


steps = st.lists(
    st.one_of(
        st.tuples(st.just("user"), st.sampled_from(["free", "light", "professional"])),
        st.tuples(st.just("delete"), st.none()),
        st.tuples(st.just("plan"), st.sampled_from(["free", "core"])),
        st.tuples(st.just("key"), st.sampled_from([None, "2030-01-01T00:00:00Z"])),
        st.tuples(st.just("revoke"), st.none()),
        st.tuples(st.just("used"), st.integers(0, 12)),
        st.tuples(st.just("limit"), st.sampled_from([None, 0, 7])),
        st.tuples(st.just("advance"), st.integers(0, 10 * 86_400)),
        st.tuples(st.just("frozen"), st.booleans()),
        st.tuples(st.just("call"), st.sampled_from(["/usage", "/gen/image/x"])),
        st.tuples(st.just("fault"), st.sampled_from(["getUsage", "/gen/*"])),
        st.tuples(
            st.just("scenario"),
            st.sampled_from(["token-expired", "broken-stream", "cold-start", "limit-reached"]),
        ),
    ),
    max_size=8,
)


def walk(control: Any, users: list[Any], path: list[tuple[str, Any]]) -> None:
    """Pull levers as the steps say, on the last user that is left."""
    for kind, value in path:
        user = users[-1] if users else None
        if kind == "user":
            users.append(control.user(value))
        elif kind == "limit":
            control("PUT", "/plans/free/limits", {"imagesDaily": value})
        elif kind == "advance":
            control.advance(seconds=value)
        elif kind == "frozen":
            control("POST", "/clock", {"frozen": value})
        elif kind == "scenario":
            control("POST", f"/scenarios/{value}", {})
        elif kind == "fault":
            control.fault("status", status=503, times=3, probability=0.5, match={"operation": value})
        elif user is None:
            continue
        elif kind == "delete":
            control("DELETE", f"/users/{user.id}")
            users.pop()
        elif kind == "plan":
            control("PATCH", f"/users/{user.id}", {"plan": value})
        elif kind == "key":
            control("POST", f"/users/{user.id}/keys", {"expires_at": value})
        elif kind == "revoke":
            [key, *_] = control("GET", f"/users/{user.id}/keys")["keys"]
            control("DELETE", f"/users/{user.id}/keys/{key['id']}")
        elif kind == "used":
            control("PUT", f"/identities/{user.identity}/usage/imagesDaily", {"used": value})
        elif kind == "call":
            user.call("GET", value)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=steps, after=steps)
def test_a_restored_snapshot_is_exactly_what_was_there(own: Control, before: Any, after: Any) -> None:
    own("POST", "/reset", {})
    users: list[Any] = []
    walk(own, users, before)
    kept = own("GET", "/snapshot")
    shown = own("GET", "/state")
    walk(own, users, after)
    own("POST", "/restore", json.loads(json.dumps(kept)))
    again = own("GET", "/snapshot")
    assert {**again, "taken_at": ""} == {**kept, "taken_at": ""}
    back = own("GET", "/state")
    for name in ("users", "plans", "scenarios"):
        assert back[name] == shown[name]


def test_what_was_restored_behaves_as_before(own: Control) -> None:
    user = own.user("free")
    own("POST", f"/identities/{user.identity}/exhaust", {"metric": "imagesDaily"})
    own.fault("status", status=503, match={"user": user.id, "operation": "getUsage"}, times=2)
    own("POST", "/clock", {"set": "2040-02-03T04:05:06Z", "frozen": True})
    own("POST", f"/identities/{user.identity}/exhaust", {"metric": "imagesDaily"})
    kept = own("GET", "/snapshot")
    own("POST", "/reset", {})
    assert user.call("GET", "/usage").status_code == 401
    own("POST", "/restore", kept)
    assert own("GET", "/clock")["now"] == "2040-02-03T04:05:06Z"
    assert user.call("GET", "/gen/image/x").status_code == 429
    assert [user.call("GET", "/usage").status_code for _ in range(3)] == [503, 503, 200]


def test_a_snapshot_moves_to_another_mock_with_its_keys(own: Control, start: Callable[..., Any]) -> None:
    user = own.user("core")
    user.call("GET", "/gen/image/x")
    kept = own("GET", "/snapshot")
    assert "asset files" in kept["not_held"]
    with start() as (mock, control):
        control("POST", "/restore", kept)
        answer = httpx2.get(f"{mock.base_url}/usage", headers={"Authorization": f"Bearer {user.key}"})
        assert answer.status_code == 200
        assert answer.json()["usage"]["imagesDaily"]["used"] == 1


def test_a_fault_that_could_not_be_made_cannot_be_restored(own: Control) -> None:
    own.fault("stall", seconds=1)
    before = own("GET", "/snapshot")
    for parameters, allowed in (({"seconds": "long"}, "a number"), ({"after": 1}, "after")):
        wrong = change(before, "faults", 0, "parameters", to=parameters)
        assert allowed in own.refuse("POST", "/restore", wrong)
    assert own("GET", "/snapshot")["faults"] == before["faults"]


USED = {"identity": "x", "metric": "imagesDaily", "window": "w", "used": 1}


def change(document: Any, *path: Any, to: Any) -> Any:
    changed = copy.deepcopy(document)
    node = changed
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = to
    return changed


@pytest.mark.parametrize(
    ("path", "to", "allowed"),
    [
        (["format"], "other", "lightning-mock-snapshot"),
        (["version"], 2, "expected 1"),
        (["extra"], 1, "format, version"),
        (["clock", "offset"], "now", "a number"),
        (["clock"], {"offset": -2e11, "frozen_at": None}, "outside 1970 to 9000"),
        (["clock"], {"offset": 0, "frozen_at": 5, "ahead": {"user:x": -10}}, "outside 1970 to 9000"),
        (["faults_made"], 10**30, "at most"),
        (["keys_issued"], 10**30, "at most"),
        (["limits", "gold"], {}, "core, creator, free"),
        (["limits", "free", "images"], 3, "imagesDaily"),
        (["users", 0, "plan_key"], "gold", "core, creator, free"),
        (["users", 0, "name"], "x", "plan_key"),
        (["keys", 0, "hash"], "xyz", "match"),
        (["keys", 0, "account_id"], "nobody", "a user of the document"),
        (["ledger"], [{"identity": "x", "metric": "images", "window": "w", "used": 1}], "imagesDaily"),
        (["ledger"], {}, "a list"),
        (["ledger"], [*[USED] * 2500, {**USED, "used": 0}], "ledger[2500].used"),
        (["ledger"], [*[USED] * 2500, {**USED, "u": 0}], "ledger.2500.u:"),
    ],
)
def test_a_document_that_does_not_fit_is_refused_and_changes_nothing(
    own: Control, path: Any, to: Any, allowed: Any
) -> None:
    calm(own)
    before = own("GET", "/snapshot")
    assert allowed in own.refuse("POST", "/restore", change(before, *path, to=to))
    assert own("GET", "/snapshot") == before
    own.refuse("POST", "/restore", {})


def let_call(state: State, callers: int) -> None:
    """As if so many had used two metrics; to spend each unit would take minutes."""
    ledger = state.ledger
    assert isinstance(ledger.store, MemoryStore)
    for metric in ("imagesDaily", "videosDaily"):
        counts = ledger.store._counts("", metric, ledger.window(metric, "").key)
        counts.update({f"client:client-number-{number:07}": 1 for number in range(callers)})


def test_very_many_callers_are_listed_page_by_page() -> None:
    with running() as mock:
        control = Control(mock.base_url)
        let_call(mock.state, 100_000)
        first = control("GET", "/state")
        assert len(first["identities"]) == 1000
        assert len(control("GET", "/identities?limit=7")["identities"]) == 7
        last = control("GET", f"/identities?cursor={len(first['users']) + 99_998}")
        assert [row["identity"] for row in last["identities"]] == [
            "client:client-number-0099998",
            "client:client-number-0099999",
        ]
        assert last["next_cursor"] is None


def test_the_client_lists_every_caller_once() -> None:
    with running() as mock:
        let_call(mock.state, 2500)
        listed = [row["identity"] for row in Lightning(mock.base_url).identities()]
        assert len(listed) == len(set(listed)) == 2500 + len(mock.plans)


async def turns_of_others(work: Awaitable[Any]) -> int:
    """How often others had their turn while something was done."""
    doing, turns = asyncio.ensure_future(work), 0
    while not doing.done():
        turns += 1
        await asyncio.sleep(0)
    await doing
    return turns


async def test_a_snapshot_of_many_callers_holds_nobody_up() -> None:
    state = make_state(Settings(port=0))
    let_call(state, 20_000)
    pieces: list[bytes] = []

    async def take() -> None:
        pieces.extend([piece async for piece in snapshot.pieces(state)])

    assert await turns_of_others(take()) >= 20
    # Made in one go, one of them would be most of it.
    assert sum(map(len, pieces)) > 10 * max(map(len, pieces)) > 0
    state.renderer.close()


async def test_a_large_snapshot_is_restored_with_others_turn_in_between() -> None:
    state = make_state(Settings(port=0))
    document = await snapshot.take(state)
    document["ledger"] = [
        {"identity": f"client:{number}", "metric": "imagesDaily", "window": "2026-11-27", "used": 1}
        for number in range(30_000)
    ]
    document["prior_use"]["seen"] = [f"client:{number}" for number in range(30_000)]
    document["clock"]["ahead"] = {f"client:{number}": 1.0 for number in range(2_000)}
    assert await turns_of_others(snapshot.restore(document, state)) >= 50
    assert len(await state.ledger.store.rows()) == 30_000
    state.renderer.close()


async def test_nobody_sees_a_restored_snapshot_in_part() -> None:
    state = make_state(Settings(port=0))
    let_call(state, 25_000)
    document = await snapshot.take(state)
    state.clock.advance(10)
    await state.ledger.store.clear()
    state.accounts.replace((), ())
    store = state.ledger.store
    assert isinstance(store, MemoryStore)

    def seen() -> tuple[int, int, bool]:
        counts = sum(len(counts) for _, counts in store._shared.values())
        return counts, len(state.accounts.all()), state.clock.shift()[0] == document["clock"]["offset"]

    restoring, found = asyncio.ensure_future(snapshot.restore(document, state)), {seen()}
    while not restoring.done():
        found.add(seen())
        await asyncio.sleep(0)
    await restoring
    assert found <= {(0, 0, False), (50_000, len(document["users"]), True)}
    assert seen() == (50_000, len(document["users"]), True)
    state.renderer.close()


def test_a_mock_takes_its_own_snapshot_of_very_many_callers() -> None:
    with running() as mock, Lightning(mock.base_url) as lightning:
        let_call(mock.state, 30_000)
        kept = lightning.snapshot()
        lightning.reset()
        lightning.restore(kept)
        assert lightning.snapshot()["ledger"] == kept["ledger"]


def test_a_control_call_has_no_body_of_many_megabytes(own: Control) -> None:
    assert "1048576 bytes" in own.refuse("POST", "/users", {"email": "a" * 1_100_000}, status=413)
    film = base64.b64encode(b"\0" * 2_000_000).decode()
    own("POST", "/replies", {"reply": {"bytes": film}})
