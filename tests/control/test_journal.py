"""The journal: every exchange, why it was answered as it was, and no secrets."""

from __future__ import annotations

import json
import re
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest
from aiohttp.test_utils import make_mocked_request
from lightning_mock.clock import Clock
from lightning_mock.journal import journal as journal_module
from lightning_mock.journal.event_hub import EventHub
from lightning_mock.journal.exchange import Exchange
from lightning_mock.journal.journal import Filter, Journal
from lightning_mock.journal.recording import Recording

from .conftest import Control, User

CANARY = "ipa_live_CANARYcanaryCANARYcanary0001"
JWT_CANARY = "eyJjYW5hcnkiOiJjYW5hcnkifQ.eyJzdWIiOiJDQU5BUlkifQ.CANARYsignatureCANARY"


def test_an_answered_call_is_explained(user: User, shared: Control) -> None:
    answer = user.chat()
    entry = user.entry()
    assert (entry["method"], entry["path"], entry["operation"]) == (
        "POST", "/gen/chat/completions", "createChatCompletion",
    )  # fmt: skip
    assert (entry["status"], entry["metric"], entry["plan_key"]) == (200, "cloudChatDaily", "free")
    assert entry["caller"] == {
        "identity": user.identity, "kind": "api_key", "why": "a valid API key", "user": user.id,
    }  # fmt: skip
    assert entry["units"] == {"before": 0, "after": 1, "limit": 50}
    assert entry["refused_by"] is None
    assert entry["response"]["bytes"] == len(answer.content)
    assert answer.text.startswith(entry["response"]["excerpt"])
    assert "Name three rivers" in entry["request"]["body"]
    assert 0 < entry["milliseconds"] < 5000
    for word in (user.made["email"], "free plan", "one unit of cloudChatDaily", "1 used of 50"):
        assert word in entry["explanation"]


def test_a_streamed_call_is_explained_with_its_first_words(user: User) -> None:
    answer = user.chat(stream=True)
    response = user.entry()["response"]
    assert response["bytes"] == len(answer.content)
    assert response["content_type"].startswith("text/event-stream")
    assert response["excerpt"].startswith('data: {"router_metadata"')
    assert len(response["excerpt"]) <= 600


def test_a_picture_is_counted_and_not_shown(user: User) -> None:
    answer = user.call("GET", "/gen/image/a%20harbour")
    entry = user.entry()
    assert entry["path"] == "/gen/image/a%20harbour"
    shown = {name: entry["response"][name] for name in ("content_type", "bytes", "excerpt")}
    assert shown == {"content_type": "image/jpeg", "bytes": len(answer.content), "excerpt": ""}


REFUSALS = [
    ("identity", 401, lambda user: user.call("GET", "/usage", bearer="nonsense")),
    ("validation", 400, lambda user: user.call("POST", "/gen/image", {"prompt": 5})),
    ("size", 413, lambda user: user.call("POST", "/gen/image", {"prompt": "x" * 5000})),
    ("routing", 404, lambda user: user.call("GET", f"/nothing/{user.id}")),
    ("routing", 405, lambda user: user.call("DELETE", "/usage")),
]


@pytest.mark.parametrize(("rule", "status", "call"), REFUSALS)
def test_a_refusal_names_the_rule_behind_it(own: Control, rule: Any, status: Any, call: Any) -> None:
    user = own.user()
    answer = call(user)
    [entry] = own("GET", "/journal")["entries"]
    assert (answer.status_code, entry["status"], entry["refused_by"]) == (status, status, rule)
    assert answer.json()["detail"].rstrip(".") in entry["explanation"]
    assert entry["units"] is None


def test_a_reached_limit_is_explained_with_its_units(user: User, shared: Control) -> None:
    shared("POST", f"/identities/{user.identity}/exhaust", {"metric": "imagesDaily"})
    user.call("GET", "/gen/image/x")
    entry = user.entry()
    assert (entry["refused_by"], entry["metric"]) == ("quota", "imagesDaily")
    assert entry["units"] == {"before": 10, "after": 10, "limit": 10}
    assert "limit of the plan" in entry["explanation"]


def test_a_unit_that_was_given_back_is_not_counted(user: User, shared: Control) -> None:
    shared.fault("status", status=500, when="after_charge", times=1, match={"user": user.id})
    user.chat()
    entry = user.entry()
    assert entry["units"] == {"before": 0, "after": 0, "limit": 50}
    assert entry["fault"]["kind"] == "status"
    assert "refunded" in entry["explanation"]
    assert "fault" in entry["explanation"]


@pytest.mark.parametrize(
    ("headers", "kind", "why"),
    [
        ({"X-Client-ID": "a-client-in-the-journal"}, "client_id", "X-Client-ID"),
        ({}, "address", "no X-Client-ID"),
        ({"Authorization": "Bearer public"}, "address", "`public`"),
        ({"Authorization": "Basic abc"}, "address", "a scheme other than Bearer"),
        ({"X-Client-ID": "short"}, "address", "malformed X-Client-ID"),
    ],
)
def test_a_signed_out_caller_is_explained(own: Control, headers: Any, kind: Any, why: Any) -> None:
    httpx2.get(f"{own.base_url}/usage", headers=headers)
    [entry] = own("GET", "/journal")["entries"]
    assert entry["caller"]["kind"] == kind
    assert why in entry["caller"]["why"]
    assert entry["caller"]["user"] is None


def test_the_journal_is_searched_counted_and_paged(own: Control) -> None:
    first, second = own.user(), own.user()
    first.chat()
    first.call("GET", "/usage")
    second.call("GET", "/usage")
    second.call("POST", "/gen/image", {"prompt": 5})
    entries = own("GET", "/journal")["entries"]
    assert [entry["id"] for entry in entries] == sorted(entry["id"] for entry in entries)
    queries = {
        "": 4, "operation=getUsage": 2, "operation=GET /usage": 2, "operation=/gen/*": 2, "status=400": 1,
        f"user={first.id}": 2, f"identity={second.identity}": 2, f"user={second.id}&status=200": 1,
        f"since={entries[1]['id']}": 2, "status=418": 0, "limit=1": 4,
    }  # fmt: skip
    for query, count in queries.items():
        found = own("GET", f"/journal?{query}")
        assert found["total"] == count, query
        if "limit" not in query:
            assert len(found["entries"]) == count
            assert own("GET", f"/journal/count?{query}")["count"] == count
    assert own("GET", "/journal?limit=1")["entries"] == entries[-1:]
    own("DELETE", "/journal")
    assert own("GET", "/journal/count") == {"count": 0}


@pytest.mark.parametrize(
    ("query", "allowed"),
    [
        ("status=ok", "an integer"), ("status=99", "at least 100"), ("limit=0", "at least 1"),
        ("operation=nothing", "POST /gen/image"), ("method=GET", "operation, since, status, user"),
        ("since=-1", "at least 0"),
        ("status=200&" * 101, "more than 100 fields"),
    ],
)  # fmt: skip
def test_a_search_that_means_nothing_is_refused(shared: Control, query: Any, allowed: Any) -> None:
    assert allowed in shared.refuse("GET", f"/journal?{query}")


def test_waiting_ends_with_the_call_that_was_waited_for(shared: Control, user: User) -> None:
    timer = threading.Timer(0.2, user.chat)
    timer.start()
    began = time.perf_counter()
    found = shared("GET", f"/journal/wait?user={user.id}&status=200&timeout=10")
    assert 0.15 < time.perf_counter() - began < 8
    assert found["entries"][0]["operation"] == "createChatCompletion"
    timer.join()
    assert shared("GET", f"/journal/wait?user={user.id}&timeout=0")["entries"]


def test_who_waits_searches_only_once_there_may_be_enough(
    shared: Control, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    searches, find = [], Journal.find

    def noted(journal: Journal, wanted: Filter) -> list[Recording]:
        searches.append(wanted)
        return find(journal, wanted)

    monkeypatch.setattr(Journal, "find", noted)
    with ThreadPoolExecutor(1) as thread:
        waiting = thread.submit(shared, "GET", f"/journal/wait?user={user.id}&count=5&timeout=10")
        while not searches:
            time.sleep(0.001)
        for _ in range(5):
            user.chat()
        assert len(waiting.result()["entries"]) == 5
    assert len(searches) == 2


def test_waiting_in_vain_is_a_408(shared: Control, user: User) -> None:
    user.chat()
    detail = shared.refuse("GET", f"/journal/wait?user={user.id}&count=2&timeout=0.1", status=408)
    assert "1 such" in detail
    assert "expected 2" in detail


def test_the_journal_keeps_the_latest_and_no_more(start: Callable[..., Any]) -> None:
    with start(journal=3) as (_, control):
        user = control.user()
        for _ in range(5):
            user.call("GET", "/usage")
        entries = control("GET", "/journal")["entries"]
        assert [entry["id"] for entry in entries] == [3, 4, 5]


def test_a_mock_without_a_journal_answers_and_remembers_nothing(start: Callable[..., Any]) -> None:
    with start(journal=0) as (_, control):
        user = control.user()
        assert user.chat().status_code == 200
        assert control("GET", "/journal")["entries"] == []
        assert "--journal" in control.refuse("GET", "/journal/wait?timeout=0")


def leaks(control: Control, *secrets: str) -> list[str]:
    """The doors of the control plane behind which one of the secrets shows."""
    doors = ["/state", "/journal?limit=10000", "/snapshot", "/identities", "/users", "/faults"]
    return [
        f"{door}: {secret}" for door in doors for secret in secrets if secret in control.ask("GET", door).text
    ]


def test_no_credential_shows_up_anywhere(own: Control) -> None:
    user = own.user("light")
    key = own("POST", f"/users/{user.id}/keys", {})["secret"]
    url = own.base_url
    for bearer in (user.jwt, user.key, key, CANARY, JWT_CANARY, "opaque-CANARY-token-of-somebody-else"):
        user.call("GET", "/usage", bearer=bearer)
        user.call("GET", "/usage", headers={"Authorization": f"Basic {bearer}"})
        user.call("GET", f"/usage?token={bearer}&x=1")
        user.call("GET", f"/gen/image/my%20key%20is%20{bearer}")
        user.call("GET", f"/no/such/{bearer}/route")
        user.call("POST", "/gen/image", {"prompt": f"draw Bearer {bearer}"})
        user.call("POST", "/gen/chat/completions", {
            "messages": [{"role": "user", "content": f"token: {bearer}"}], "api_key": bearer, "stream": True,
        })  # fmt: skip
        user.call("POST", "/gen/chat/completions", {
            "messages": [{"role": "user", "content": "x" * 400 + f" password={bearer}"}],
        })  # fmt: skip
        httpx2.get(f"{url}/usage", headers={"User-Agent": f"agent {bearer}", "Cookie": f"session={bearer}"})
        httpx2.get(
            f"{url}/usage", headers={"X-Api-Key": bearer, "Api-Key": bearer, "X-Client-ID": "a-quiet-client"}
        )
    named = [user.jwt, user.key, key, CANARY, JWT_CANARY]
    assert leaks(own, *named) == []
    parts = [part for secret in named for part in (secret[9:], secret.rpartition(".")[2]) if len(part) > 12]
    assert leaks(own, *parts) == []
    for row in own("GET", "/journal?limit=10000")["entries"]:
        shown = row["request"]["headers"].get("Authorization", "")
        assert len(shown.rpartition("…")[2]) <= 4


def test_a_credential_that_is_streamed_in_pieces_is_not_put_together_again(start: Callable[..., Any]) -> None:
    def words(text: str) -> str:
        return "".join(re.findall(r'"content":"([^"]*)"', text.replace("\\", "")))

    with start(journal_bodies=20_000) as (_, control):
        user = control.user()
        said = [{"role": "user", "content": f"my key is {CANARY} ok"}]
        assert CANARY in words(user.chat(messages=said, stream=True).text)
        entry = user.entry()
        for path in (f"/journal/{entry['id']}", "/journal/har", "/journal/recording"):
            shown = words(json.dumps(control("GET", path)))
            assert "my key is [redacted] ok" in shown
            assert "CANARY" not in shown


def test_a_short_bearer_is_not_half_shown(own: Control) -> None:
    httpx2.get(f"{own.base_url}/usage", headers={"Authorization": "Bearer hunter2hunter2"})
    [entry] = own("GET", "/journal")["entries"]
    assert entry["request"]["headers"]["Authorization"] == "refused …"


def test_what_is_kept_is_bounded(own: Control) -> None:
    user = own.user()
    user.call("GET", "/gen/image/" + "x" * 5000)
    user.call("POST", "/gen/image", {"prompt": "y" * 100_000}, headers={"User-Agent": "z" * 5000})
    for entry in own("GET", "/journal")["entries"]:
        assert len(json.dumps(entry)) < 4000


def test_a_recording_is_clean_within_two_seconds_though_nobody_reads(start: Callable[..., Any]) -> None:
    with start() as (mock, _):
        httpx2.post(f"{mock.base_url}/gen/image", json={"prompt": CANARY})
        deadline = time.monotonic() + 5
        ring = mock.state.journal._ring
        while not (ring and isinstance(ring[-1], Recording)) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert isinstance(ring[-1], Recording)
        assert CANARY not in repr(ring[-1])


async def test_what_a_busy_second_overwrites_is_not_cleaned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "_SWEEP", 3600.0)
    journal = Journal(Clock(), EventHub(), "free", 2)
    request = make_mocked_request("GET", "/usage")

    def kinds() -> list[type]:
        return [type(kept) for kept in journal._ring]

    journal.record(Exchange(0.0), request)
    journal.record(Exchange(0.0), request)
    journal._sweep_on()
    assert kinds() == [tuple, tuple]
    journal.record(Exchange(0.0), request)
    journal._sweep_on()
    assert kinds() == [Recording, tuple]
    journal._sweep_on()
    assert kinds() == [Recording, Recording]


def test_a_preflight_is_in_the_journal_as_what_it_is(own: Control) -> None:
    headers = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "POST"}
    assert httpx2.options(f"{own.base_url}/gen/image", headers=headers).status_code == 204
    [entry] = own("GET", "/journal")["entries"]
    assert (entry["operation"], entry["refused_by"]) == (None, None)
    assert "browser" in entry["explanation"]


def test_the_users_of_two_tests_have_two_journals(shared: Control) -> None:
    first, second = shared.user(id=f"one-{uuid.uuid4()}"), shared.user(id=f"two-{uuid.uuid4()}")
    first.call("GET", "/usage")
    second.chat()
    assert [entry["operation"] for entry in shared("GET", f"/journal?user={first.id}")["entries"]] == [
        "getUsage"
    ]


HOST = "Host: 127.0.0.1"
BEARER = "Authorization: Bearer " + "a" * 40
PREFLIGHT = "Origin: http://a\r\nAccess-Control-Request-Method: GET"


@pytest.mark.parametrize(
    "lines",
    [
        f"GET /usage HTTP/1.1\r\n{HOST}\r\nUser-Agent: M\xfcller",
        f"GET /usage HTTP/1.1\r\n{HOST}\r\nAccept: M\xfcller",
        f"GET /usage HTTP/1.1\r\n{HOST}\r\nOrigin: M\xfcller",
        f"GET /usage HTTP/1.1\r\n{HOST}\r\nX-Client-ID: M\xfcller",
        f"POST /gen/video HTTP/1.1\r\n{HOST}\r\nContent-Length: 0\r\nContent-Type: text/plain; a=M\xfcller",
        f"GET /usage HTTP/1.1\r\n{HOST}\r\n{BEARER}M\xfcr",
        f"OPTIONS /usage HTTP/1.1\r\n{HOST}\r\n{PREFLIGHT}M\xfcller",
        f"OPTIONS /usage HTTP/1.1\r\n{HOST}\r\n{PREFLIGHT}\r\nAccess-Control-Request-Headers: M\xfcller",
    ],
)
def test_a_head_that_is_not_utf_8_stands_in_the_journal_as_latin_1(
    own: Control, wire: Any, lines: str
) -> None:
    listener, caller = wire(own.base_url), wire(own.base_url)
    listener.send("GET", "/__mock__/events")
    assert listener.socket.recv(1000).startswith(b"HTTP/1.1 200")
    caller.socket.sendall(f"{lines}\r\nConnection: close\r\n\r\n".encode("latin-1"))
    assert caller.read()[0].startswith(b"HTTP/1.1 ")
    [entry] = own("GET", "/journal/wait?count=1")["entries"]
    assert "M\xfc" in json.dumps(entry, ensure_ascii=False)
    for path in (
        "/journal/har",
        "/journal/recording",
        f"/journal/{entry['id']}",
        f"/journal/{entry['id']}/curl",
    ):
        own("GET", path)
    told = b""
    while b"event: exchange" not in told:
        told += listener.socket.recv(65536)
    assert b"HTTP/1.1" not in told


def test_a_host_that_is_not_utf_8_is_no_obstacle(own: Control, wire: Any) -> None:
    for path in ("state", "journal/har"):
        caller = wire(own.base_url)
        lines = f"GET /__mock__/{path} HTTP/1.1\r\n{HOST}:\xff\r\nConnection: close\r\n\r\n"
        caller.socket.sendall(lines.encode("latin-1"))
        assert caller.read()[0].startswith(b"HTTP/1.1 200")
