"""What can be done with an exchange of the journal: its headers, a command, once more, and an archive."""

from __future__ import annotations

import base64
import http.client
import json
import os
import shutil
import socket
import subprocess
import time
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import httpx2
import pytest
from lightning_mock.client import Lightning, LightningError
from lightning_mock.journal.journal import Journal

from tests.support.guard import HANGS

from .conftest import HELLO, Control, User

CHAT = "/gen/chat/completions"
SECRET = "ipa_live_CANARYcanaryCANARYcanary0001"
AWKWARD = 'It\'s "odd": $HOME `id` \\ {a,b} [1-9] ü\n!'


def last(user: User) -> Any:
    return user.control("GET", f"/journal/{user.entry()['id']}")


def test_the_headers_of_every_kind_of_answer_are_kept(user: User) -> None:
    for send, expected in (
        (lambda: user.call("GET", "/usage"), {"Content-Type": "application/json"}),
        (lambda: user.chat(stream=True), {"Cache-Control": "no-cache"}),
        (lambda: user.call("GET", "/usage", bearer="nonsense"), {}),
        (lambda: user.call("GET", "/gen/image/x"), {"Content-Type": "image/jpeg"}),
    ):
        answer = cast(Any, send)()
        if answer.status_code == 200:
            shown = user.entry()["response"]["headers"]
            assert expected.items() <= shown.items()
            sent = {name.title(): value for name, value in answer.headers.items()}
            assert {name.title(): value for name, value in shown.items()}.items() <= sent.items()
            assert shown["Access-Control-Allow-Origin"] == "*"


def test_no_secret_stands_in_a_header_that_was_answered(shared: Control, user: User) -> None:
    by_name = ("Set-Cookie", "X-Api-Key", "X-Auth-Token", "Authorization")
    headers = {**dict.fromkeys(by_name, "a=CANARYvalue"), "X-Echo": SECRET, "X-Plain": "kept"}
    shared("POST", "/replies", {"match": {"user": user.id}, "reply": {"text": "x", "headers": headers}})
    assert user.chat().headers["X-Echo"] == SECRET
    shown = user.entry()["response"]["headers"]
    assert shown["X-Plain"] == "kept"
    assert {shown[name] for name in by_name} == {"[redacted]"}
    for view in (shown, shared("GET", f"/journal/har?user={user.id}"), last(user)):
        assert "CANARY" not in json.dumps(view)


def test_exchanges_are_found_by_the_fault_that_fired(shared: Control, user: User) -> None:
    match = {"user": user.id}
    slow = shared.fault("latency", seconds=0, times=2, match=match)
    broken = shared.fault("status", status=500, times=1, match=match)
    statuses = [user.call("GET", "/usage").status_code for _ in range(3)]
    assert statuses == [500, 200, 200]
    for fault, count in ((slow["id"], 2), (broken["id"], 1), ("latency", 2), ("reset", 0), ("fault-", 0)):
        assert shared("GET", f"/journal/count?user={user.id}&fault={fault}")["count"] == count
    with Lightning(shared.base_url) as client:
        assert [entry.status for entry in client.journal(user=user.id, fault="status")] == [500]


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
@pytest.mark.parametrize(
    ("send", "variable"),
    [
        (lambda user: user.chat(messages=[{"role": "user", "content": AWKWARD}]), "LIGHTNING_API_KEY"),
        (
            lambda user: user.call("GET", "/gen/image/%7Ba,b%7D%2F..%2F%5B1%5D%27?mode=fantasy"),
            "LIGHTNING_API_KEY",
        ),
        (lambda user: user.call("GET", "/usage", bearer=user.jwt), "LIGHTNING_JWT"),
        (lambda user: user.call("HEAD", "/status/image"), None),
        (lambda user: user.call("DELETE", "/usage"), None),
        (lambda user: user.call("POST", "/gen/image", {"prompt": 5}), "LIGHTNING_API_KEY"),
    ],
)
def test_a_command_asks_the_same_again(user: User, send: Any, variable: Any) -> None:
    since = user.control("GET", "/journal?limit=1")["entries"]
    answer = send(user)
    query = f"since={since[-1]['id']}" if since else ""
    before = user.control("GET", f"/journal?{query}")["entries"][-1]
    with Lightning(user.control.base_url) as client:
        command = client.curl(before["id"])
    assert user.key not in command
    if variable:
        assert f"${variable}" in command
    secrets = {"LIGHTNING_API_KEY": user.key, "LIGHTNING_JWT": user.jwt, "LIGHTNING_TOKEN": "x"}
    done = subprocess.run(
        ["/bin/sh", "-c", command], env=dict(os.environ) | secrets, capture_output=True, check=True
    )
    assert done.stdout.split(b" ")[1] == str(answer.status_code).encode()
    after = user.control("GET", f"/journal?since={before['id']}")["entries"][-1]
    same = ("method", "path", "operation", "status", "caller", "refused_by")
    assert {name: after[name] for name in same} == {name: before[name] for name in same}
    assert after["request"]["body"] == before["request"]["body"]
    assert after["request"]["headers"].get("User-Agent") == before["request"]["headers"].get("User-Agent")


@pytest.mark.parametrize(
    ("send", "status"),
    [
        (lambda user: user.chat(messages=[{"role": "user", "content": AWKWARD}]), 200),
        (lambda user: user.chat(stream=True), 200),
        (lambda user: user.call("GET", "/gen/image/%7B%2F..%2F%27?mode=fantasy"), 200),
        (lambda user: user.call("POST", "/gen/image", {"prompt": 5}), 400),
    ],
)
def test_a_call_is_sent_again_as_the_same_caller(
    user: User, send: Any, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(user)
    before = last(user)
    # To search it at every call of others would hold up all of them.
    monkeypatch.delattr(Journal, "find")
    with Lightning(user.control.base_url) as client:
        again = client.send_again(before["id"])
    assert again.id > before["id"]
    assert (again.status, again.caller["identity"]) == (status, user.identity)
    assert (again.path, again.request["body"]) == (before["path"], before["request"]["body"])
    if again.units is not None:
        assert again.units["before"] == before["units"]["after"]


def test_signed_out_and_refused_callers_stay_what_they_were(own: Control) -> None:
    client = Lightning(own.base_url)
    guest = client.guest()
    for headers, status in (
        (guest.headers(), 200),
        ({"Authorization": "Bearer public", **guest.headers()}, 200),
        ({"Authorization": "Bearer nonsense", **guest.headers()}, 401),
    ):
        httpx2.get(own.base_url + "/usage", headers=headers)
        [before] = client.journal(limit=1)
        again = client.send_again(before)
        assert (again.status, again.caller["identity"]) == (status, before.caller["identity"])
    user = own.user()
    user.call("GET", "/usage")
    [before] = client.journal(limit=1)
    own("DELETE", f"/users/{user.id}")
    assert client.send_again(before).status == 401


def test_a_caller_whose_name_was_hidden_is_the_same_or_nobody(own: Control) -> None:
    client = Lightning(own.base_url)
    httpx2.get(own.base_url + "/usage", headers={"X-Client-ID": SECRET})
    [before] = client.journal(limit=1)
    again = client.send_again(before)
    assert again.caller["identity"] == before.caller["identity"]
    assert again.caller["identity"].removeprefix("client:") in client.curl(before)
    for agent in (f"app {SECRET}", "a" * 300):
        httpx2.get(own.base_url + "/usage", headers={"User-Agent": agent})
        [before] = client.journal(limit=1)
        assert "User-Agent" in own.refuse("POST", f"/journal/{before.id}/send", status=409)


def test_a_call_that_is_cut_off_again_is_told_all_the_same(own: Control) -> None:
    user = own.user()
    own.fault("reset", when="before_charge", match={"user": user.id})
    with pytest.raises(httpx2.TransportError):
        user.chat()
    with Lightning(own.base_url) as client:
        [before] = client.journal(user=user.id, fault="reset")
        assert client.send_again(before).fault == before.fault


def test_what_was_not_kept_whole_cannot_be_sent(shared: Control, user: User) -> None:
    user.chat(messages=[{"role": "user", "content": "a" * 20_000}])
    entry = last(user)
    assert not entry["request"]["whole"]
    assert len(entry["request"]["body"]) == 16 * 1024
    assert "not all of the request" in shared.refuse("POST", f"/journal/{entry['id']}/send", status=409)
    assert "Not all" in shared("GET", f"/journal/{entry['id']}/curl")["command"]
    for number in ("0", "x", "9" * 30, "-1"):
        assert "GET /__mock__/journal" in shared.refuse("GET", f"/journal/{number}", status=404)


NO_JSON = {"Content-Type": "text/plain"}
BROKEN = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
TOO_LARGE = {"Content-Length": str(40_000_000)}


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("POST", CHAT, {"Authorization": "Bearer nonsense"}, 401),
        ("POST", "/v1/chat/completions", {}, 404),
        ("POST", "/usage", {}, 405),
        ("POST", CHAT, NO_JSON, 400),
        ("POST", CHAT, BROKEN, 400),
        ("POST", CHAT, TOO_LARGE, 413),
        ("POST", CHAT, {"X-Cold": "1"}, 503),
    ],
    ids=["401", "404", "405", "no JSON", "broken gzip", "413", "cold start"],
)
def test_a_body_that_nobody_read_was_not_kept(
    own: Control, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    own.fault("cold_start", match={"header": {"X-Cold": "1"}})
    connection = http.client.HTTPConnection(own.base_url.removeprefix("http://"), timeout=HANGS)
    connection.request(method, path, b'{"prompt": "x"}', headers)
    assert connection.getresponse().status == status
    connection.close()
    [entry] = own("GET", "/journal")["entries"]
    place = f"/journal/{entry['id']}"
    assert not own("GET", place)["request"]["whole"]
    assert not own("GET", f"{place}/curl")["whole"]
    assert "Not all of this request" in own("GET", f"{place}/curl")["command"]
    assert "not all of the request" in own.refuse("POST", f"{place}/send", status=409)
    assert own("GET", "/journal/har")["log"]["entries"][0]["request"]["bodySize"] == -1
    taken = own("GET", "/journal/recording")
    assert (taken["recording"]["exchanges"], taken["left_out"]) == ([], 1)


@pytest.mark.parametrize(("method", "path"), [("GET", "/usage"), ("DELETE", "/usage"), ("POST", "/nothing")])
def test_a_request_without_a_body_is_whole(user: User, method: str, path: str) -> None:
    user.call(method, path)
    entry = user.control("GET", "/journal?limit=1")["entries"][-1]
    assert user.control("GET", f"/journal/{entry['id']}")["request"]["whole"]


def test_a_body_that_a_script_looked_into_was_kept(own: Control) -> None:
    own("POST", "/replies", {"match": {"route": "POST /v1/*", "prompt": "x"}, "reply": {"text": "y"}})
    httpx2.post(own.base_url + "/v1/completions", json={"prompt": "x"})
    [entry] = own("GET", "/journal")["entries"]
    assert own("POST", f"/journal/{entry['id']}/send")["status"] == 200


def read_from(base_url: str, **body: Any) -> bytes:
    """What arrives of a chat's answer that is cut; nothing if not even its head does."""
    received = b""
    try:
        with httpx2.stream("POST", base_url + CHAT, json={**HELLO, **body}, timeout=HANGS) as answer:
            for piece in answer.iter_raw():
                received += piece
    except httpx2.TransportError:
        return received
    pytest.fail("the answer ended as if it were whole")


def test_a_connection_that_was_cut_before_the_answer_has_no_status(own: Control) -> None:
    own.fault("reset", times=1)
    read_from(own.base_url)
    [entry] = own("GET", "/journal?fault=reset")["entries"]
    assert (entry["status"], entry["response"]["cut"], entry["response"]["bytes"]) == (0, True, 0)
    assert entry["explanation"].startswith("The connection was cut before a byte of the answer; ")
    assert entry["units"]["after"] == 1
    assert own("GET", "/journal/har")["log"]["entries"][0]["response"]["status"] == 0
    taken = own("GET", "/journal/recording")
    assert (taken["recording"]["exchanges"], taken["left_out"]) == ([], 1)


@pytest.mark.parametrize(
    ("fault", "stream"),
    [
        ({"kind": "reset", "after_bytes": 250}, True),
        ({"kind": "reset", "after_bytes": 100}, False),
        ({"kind": "truncate"}, False),
    ],
)
def test_a_connection_that_was_cut_is_cut_again_in_a_replay(
    start: Any, tmp_path: Path, fault: dict[str, Any], stream: bool
) -> None:
    with start(journal_bodies=10_000) as (_, control):
        control.fault(**fault)
        before = read_from(control.base_url, stream=stream)
        [entry] = control("GET", "/journal")["entries"]
        said = f"The connection was cut after {len(before)} bytes of the body of a 200; "
        assert entry["explanation"].startswith(said)
        assert (entry["status"], entry["response"]["cut"]) == (200, True)
        taken = control("GET", "/journal/recording")
    assert taken["left_out"] == 0
    file = tmp_path / "cut.json"
    file.write_text(json.dumps(taken["recording"]))
    with start(replay=file) as (_, control):
        assert read_from(control.base_url, stream=stream) == before


def test_what_a_caller_who_left_did_not_get_is_in_no_recording(start: Any) -> None:
    with start(token_rate=20, journal_bodies=100_000) as (mock, control):
        body = json.dumps({**HELLO, "stream": True}).encode()
        connection = http.client.HTTPConnection(mock.base_url.removeprefix("http://"), timeout=HANGS)
        connection.request("POST", CHAT, body, {"Content-Type": "application/json"})
        connection.getresponse().readline()
        connection.close()
        [entry] = control("GET", "/journal/wait?timeout=30")["entries"]
        assert entry["explanation"].startswith("The caller left after ")
        assert control("GET", "/journal/recording")["left_out"] == 1


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_a_call_without_a_content_type_is_repeated_without_one(own: Control) -> None:
    with socket.create_connection(("127.0.0.1", int(own.base_url.rpartition(":")[2]))) as client:
        body = json.dumps(HELLO).encode()
        head = f"POST {CHAT} HTTP/1.0\r\nContent-Length: {len(body)}\r\n\r\n"
        client.sendall(head.encode() + body)
        assert client.makefile("rb").read().startswith(b"HTTP/1.0 200")
    [before] = own("GET", "/journal")["entries"]
    assert own("POST", f"/journal/{before['id']}/send")["status"] == 200
    command = own("GET", f"/journal/{before['id']}/curl")["command"]
    subprocess.run(["/bin/sh", "-c", command], capture_output=True, check=True)
    _, again, after = own("GET", "/journal")["entries"]
    assert after["status"] == 200
    for entry in (again, after):
        assert entry["request"]["headers"] == before["request"]["headers"]
        assert entry["caller"] == before["caller"]


def test_a_call_that_is_refused_unread_this_time_is_found_all_the_same(own: Control) -> None:
    user = own.user()
    user.chat()
    before = user.entry()
    own("DELETE", f"/users/{user.id}")
    assert own("POST", f"/journal/{before['id']}/send")["status"] == 401


@pytest.mark.parametrize("how", ["reply", "fault"])
def test_what_an_answer_depended_on_and_is_not_kept_is_named(own: Control, how: str) -> None:
    match = {"header": {"X-Test": "7", "Content-Type": "application/json"}}
    if how == "reply":
        own("POST", "/replies", {"match": match, "reply": {"text": "x"}})
    else:
        own.fault("status", status=503, when="before_charge", match=match)
    for headers, missing in (({}, []), ({"X-Test": "7"}, ["x-test"])):
        httpx2.post(own.base_url + CHAT, json=HELLO, headers=headers)
        place = f"/journal/{own('GET', '/journal?limit=1')['entries'][0]['id']}"
        request = own("GET", place)["request"]
        assert (request["whole"], request["missing_headers"]) == (not missing, missing)
    assert "not kept: x-test" in own.refuse("POST", f"{place}/send", status=409)
    command = own("GET", f"{place}/curl")
    assert not command["whole"]
    assert command["command"].endswith("not kept: x-test.")


def test_a_preflight_is_not_sent_again_without_what_made_it_one(own: Control) -> None:
    headers = {"Origin": "http://a", "Access-Control-Request-Method": "GET"}
    assert httpx2.options(own.base_url + "/usage", headers=headers).status_code == 204
    [entry] = own("GET", "/journal")["entries"]
    said = own.refuse("POST", f"/journal/{entry['id']}/send", status=409)
    assert said.endswith("not kept: access-control-request-method.")


def test_an_archive_has_what_har_1_2_wants(shared: Control, user: User) -> None:
    user.chat()
    user.chat(stream=True)
    user.call("GET", "/gen/image/a%20b?mode=fantasy")
    user.call("GET", "/usage", bearer="nonsense")
    with Lightning(shared.base_url) as client:
        log = client.har(user=user.id)["log"]
        assert log == json.loads(json.dumps(client.har(user=user.id)))["log"]
    assert log["version"] == "1.2"
    assert set(log["creator"]) == {"name", "version"}
    assert len(log["entries"]) == 3
    for entry in log["entries"]:
        began = datetime.fromisoformat(entry["startedDateTime"])
        assert abs(began.timestamp() - time.time()) < 600
        assert entry["time"] == sum(entry["timings"].values()) > 0
        assert {"send", "wait", "receive"} == set(entry["timings"])
        assert entry["cache"] == {}
        request, response = entry["request"], entry["response"]
        assert request.keys() >= {
            "method", "url", "httpVersion", "cookies", "headers", "queryString", "headersSize", "bodySize",
        }  # fmt: skip
        assert request["url"].startswith(shared.base_url)
        assert response.keys() >= {
            "status", "statusText", "httpVersion", "cookies", "headers", "content", "redirectURL",
            "headersSize", "bodySize",
        }  # fmt: skip
        assert response["content"].keys() >= {"size", "mimeType"}
        assert all(set(header) == {"name", "value"} for header in request["headers"] + response["headers"])
    chat, stream, picture = log["entries"]
    assert json.loads(chat["request"]["postData"]["text"])["messages"]
    assert chat["request"]["postData"]["mimeType"] == "application/json"
    assert stream["response"]["content"]["comment"]
    assert picture["request"]["queryString"] == [{"name": "mode", "value": "fantasy"}]
    assert user.key[-8:] not in json.dumps(log)


def test_bodies_are_kept_whole_where_that_is_asked_for(start: Any) -> None:
    with start(journal_bodies=100_000) as (_, control):
        user = control.user()
        answers = [user.chat(), user.chat(stream=True), user.chat(stream=True, n=2)]
        entries = control("GET", f"/journal?user={user.id}")["entries"]
        for entry, answer in zip(entries, answers, strict=True):
            whole = control("GET", f"/journal/{entry['id']}")["response"]
            assert whole["whole"]
            assert whole["excerpt"] == answer.text
            assert entry["response"]["excerpt"] == answer.text[:512]
        film = base64.b64encode(b"\0\xff" * 500).decode()
        reply = {"bytes": film, "headers": {"Content-Type": "video/mp4"}}
        control("POST", "/replies", {"match": {"route": "GET /film"}, "reply": reply})
        user.call("GET", "/film")
        exported = control("GET", "/journal/har")["log"]["entries"][-1]["response"]["content"]
        assert exported == {"size": 1000, "mimeType": "video/mp4", "text": film, "encoding": "base64"}


def test_the_client_names_an_entry_that_is_gone(shared: Control) -> None:
    with Lightning(shared.base_url) as client, pytest.raises(LightningError, match="no such entry"):
        client.entry(10**9)


def test_a_call_without_a_path_cannot_be_sent_again(own: Control) -> None:
    with socket.create_connection(("127.0.0.1", int(own.base_url.rpartition(":")[2]))) as client:
        client.sendall(b"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert client.makefile("rb").read().startswith(b"HTTP/1.1 404")
    [entry] = own("GET", "/journal")["entries"]
    assert "not a path" in own.refuse("POST", f"/journal/{entry['id']}/send", status=409)
