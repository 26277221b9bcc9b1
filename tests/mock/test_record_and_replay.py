"""A host recorded through the mock, and the recording answered from: strictly, and as scripted replies."""

from __future__ import annotations

import errno
import json
import re
import socket
import stat
import threading
import time
import tracemalloc
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import openai
import pytest
import requests
import yaml
from lightning_mock import serving
from lightning_mock.background import RunningMock, running
from lightning_mock.callers.credential_forms import HIDDEN, without_credentials
from lightning_mock.client import Lightning, LightningError
from lightning_mock.command import greeting
from lightning_mock.generation.rendering import worker
from lightning_mock.http.decoding import MAX_VALUES
from lightning_mock.recordings import recorded_request, recorder
from lightning_mock.recordings.as_replies import replies_of
from lightning_mock.recordings.recorded_request import RecordedRequest as RecordedCall
from lightning_mock.recordings.recorded_request import request_of
from lightning_mock.recordings.recorder import Recorder
from lightning_mock.scripting import calls
from lightning_mock.settings import SettingsError
from lightning_spec.recording import (
    RecordedExchange,
    RecordedRequest,
    RecordedResponse,
    Recording,
    RecordingWriter,
    read_recording,
)

from tests.support.guard import HANGS

from .conftest import CHAT

HEADERS = {"User-Agent": "an app", "X-Client-ID": "recorded-client-0001"}
PICTURE = "/gen/image/a%20quiet%20%2Fharbour%3F?mode=fantasy"


@pytest.fixture(scope="module")
def host() -> Iterator[RunningMock]:
    """The host that is recorded: a mock with streams that take their time."""
    with running(token_rate=100) as mock:
        yield mock


def asked(base_url: str, key: str) -> list[tuple[int, str, bytes]]:
    """What a client sees of a day's calls."""
    bearer = {**HEADERS, "Authorization": f"Bearer {key}"}
    seen = []
    for method, path, body, headers in (
        ("POST", "/gen/chat/completions", CHAT, bearer),
        ("POST", "/gen/chat/completions", {**CHAT, "stream": True}, bearer),
        ("GET", PICTURE, None, HEADERS),
        ("GET", "/usage", None, bearer),
        ("GET", "/usage", None, bearer),
        ("POST", "/gen/image", {"prompt": 5}, HEADERS),
        ("GET", "/", None, HEADERS),
        ("HEAD", "/status/image", None, HEADERS),
        ("GET", "/no/such/route", None, HEADERS),
    ):
        answer = requests.request(
            method, base_url + path, json=body, headers=headers, timeout=HANGS, allow_redirects=False
        )
        seen.append((answer.status_code, answer.headers["Content-Type"], answer.content))
    return seen


@pytest.fixture(scope="module")
def recorded(host: RunningMock, tmp_path_factory: Any) -> Any:
    """The file of a recording, and what was seen while it was made."""
    file = tmp_path_factory.mktemp("recorded") / "host.yaml"
    with running(record=host.base_url, recording=file) as mock:
        seen = asked(mock.base_url, host.credentials["LIGHTNING_API_KEY"])
        with Lightning(mock.base_url) as client:
            # The caller has an answer a moment before its exchange is in file and journal.
            until = time.monotonic() + 20
            while len(client.journal()) < len(seen) and time.monotonic() < until:
                time.sleep(0.02)
            assert [entry.status for entry in client.journal()] == [status for status, _, _ in seen]
    return file, seen


def test_a_recording_is_private_readable_and_without_credentials(recorded: Any, host: RunningMock) -> None:
    file, seen = recorded
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    text = file.read_text()
    for secret in host.credentials.values():
        assert secret not in text
        assert secret[-12:] not in text
    document = yaml.safe_load(text)
    chat, stream = document["exchanges"][:2]
    assert chat["request"]["json"]["messages"][0]["content"] == CHAT["messages"][0]["content"]
    assert chat["response"]["json"]["object"] == "chat.completion"
    assert len(stream["response"]["stream"]) > 5
    assert sum(piece["after"] for piece in stream["response"]["stream"]) > 0.04
    assert [row["response"]["status"] for row in document["exchanges"]] == [status for status, _, _ in seen]


@pytest.mark.parametrize("pace", [0.0, 1.0])
def test_a_replay_answers_what_was_recorded_with_its_timing(recorded: Any, pace: float) -> None:
    file, seen = recorded
    with running(replay=file, replay_pace=pace) as mock, Lightning(mock.base_url) as client:
        assert client.replay().unused == len(seen)
        began = time.perf_counter()
        again = asked(mock.base_url, "ipa_live_somebody_elses")
        taken = time.perf_counter() - began
        assert [(status, kind) for status, kind, _ in again] == [(status, kind) for status, kind, _ in seen]
        for (_, kind, content), (_, _, before) in zip(again, seen, strict=True):
            is_json = kind == "application/json" and content
            assert json.loads(content) == json.loads(before) if is_json else content == before
        if pace:
            stream = read_recording(file).exchanges[1].response
            assert taken >= sum(piece.after for piece in stream.pieces)
        assert (client.replay().unused, client.replay().old) == (0, False)
        assert client.near_misses() == []


def test_the_same_request_gets_its_answers_in_turn_and_a_reset_begins_anew(recorded: Any) -> None:
    file, _ = recorded
    recording = yaml.safe_load(file.read_text())
    first, second = [row for row in recording["exchanges"] if row["request"]["target"] == "/usage"]
    first["response"]["json"]["plan_key"], second["response"]["json"]["plan_key"] = "one", "two"
    changed = file.parent / "changed.json"
    changed.write_text(json.dumps(recording))
    with running(replay=changed, replay_pace=0) as mock, Lightning(mock.base_url) as client:

        def plans() -> list[str]:
            return [
                requests.get(mock.base_url + "/usage", timeout=HANGS).json()["plan_key"] for _ in range(3)
            ]

        assert plans() == ["one", "two", "two"]
        client.reset()
        assert plans() == ["one", "two", "two"]


def test_what_is_not_recorded_is_refused_with_what_came_near(recorded: Any) -> None:
    file, _ = recorded
    other = {"messages": [{"role": "user", "content": "Something else, ipa_live_CANARYcanaryCANARY01"}]}
    with running(replay=file) as mock, Lightning(mock.base_url) as client:
        refused = requests.post(mock.base_url + "/gen/chat/completions", json=other, timeout=HANGS)
        assert (refused.status_code, refused.json()["error"]["code"]) == (404, "not_recorded")
        assert "exchange-1: body.messages.0.content: expected another value" in refused.json()["detail"]
        [miss] = client.near_misses()
        assert (miss.method, miss.path, miss.near[0]["id"]) == ("POST", "/gen/chat/completions", "exchange-1")
        assert "CANARY" not in refused.text
        for path in ("/usage?x=1", "/status"):
            assert requests.get(mock.base_url + path, timeout=HANGS).status_code == 404
        assert client.near_misses()[1].near[0]["missed"] == ["target: expected /usage"]
        assert client.journal(status=404)[-1].refused_by == "routing"
        deep = b'{"messages": ' + b"[" * 127 + b"]" * 127 + b"}"
        for body in (deep, b"{" * 500, b"\xff\x00", b'{"a": 1' + b"0" * 400 + b"}"):
            answer = requests.post(mock.base_url + "/gen/chat/completions", data=body, timeout=HANGS)
            assert answer.status_code == 404


def test_a_miss_costs_little_however_much_is_recorded_and_however_long_its_names_are() -> None:
    def asked(body: Any) -> Any:
        return request_of("POST", "/x", json.dumps(body).encode())

    name, length = "k" * 1_000_000, 1_000_000
    wanted = asked({name: {str(number): [number] for number in range(50)}})
    known = asked({name: {str(number): [-1 - number] for number in range(50)}, "a": 1})
    tracemalloc.start()
    distances = [known.distance(wanted) for _ in range(100)]
    words = known.misses(wanted)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < length / 10
    assert distances == [len(words)] * 100 == [20] * 100
    assert words[0] == f"body.{name[:64]}.0.0: expected another value"


@pytest.mark.parametrize(
    ("one", "other", "places"),
    [
        ({"a": 1, "b": [1, 2]}, {"b": [1, 3, 4], "c": {}}, ["a", "b.1", "b.2", "c"]),
        ([{"a": None}], [{"a": None}], []),
        ({"a": {"b": 1}}, {"a": [1]}, ["a"]),
        ("text", {"a": 1}, [""]),
    ],
)
def test_what_comes_near_is_told_by_the_places_that_differ(one: Any, other: Any, places: list[str]) -> None:
    recorded, wanted = RecordedCall("POST", "/x", one), RecordedCall("POST", "/y", other)
    missed = recorded.misses(wanted)
    found = [f"body.{place}".rstrip(".") + ": expected another value" for place in places]
    assert missed == ["target: expected /x", *found]
    assert recorded.distance(wanted) == len(missed)


def test_what_has_too_many_values_is_compared_as_text() -> None:
    body = b"[" + b"1," * MAX_VALUES + b"1]"
    assert request_of("POST", "/x", body).body == body.decode()


def test_what_comes_near_is_looked_for_in_a_thread(recorded: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = set()

    def noted(known: RecordedCall, wanted: RecordedCall) -> int:
        threads.add(threading.current_thread().name.partition("_")[0])
        return 1

    monkeypatch.setattr(RecordedCall, "distance", noted)
    with running(replay=recorded[0]) as mock:
        assert "exchange-1" in requests.get(mock.base_url + "/other", timeout=HANGS).text
    assert threads == {"large-bodies"}


def test_a_recording_is_scripted_replies_as_well(recorded: Any) -> None:
    file, seen = recorded
    said = json.loads(seen[0][2])["choices"][0]["message"]["content"]
    with running(replies=file) as mock, Lightning(mock.base_url) as client:
        user = client.user()
        with openai.OpenAI(base_url=mock.base_url + "/gen", api_key=user.api_key, max_retries=0) as sdk:
            answer = sdk.chat.completions.create(model="x", messages=CHAT["messages"])
            assert answer.id == json.loads(seen[0][2])["id"]
            assert answer.choices[0].message.content == said
            chunks = list(sdk.chat.completions.create(model="x", messages=CHAT["messages"], stream=True))
            words = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
            assert words == said
            other: Any = [{"role": "user", "content": "Somebody else's prompt."}]
            free = sdk.chat.completions.create(model="x", messages=other)
            assert free.id != answer.id
        picture = requests.get(mock.base_url + PICTURE, headers=user.headers(), timeout=HANGS)
        assert picture.content == seen[2][2]
        assert (user.usage()["cloudChatDaily"].used, user.usage()["imagesDaily"].used) == (3, 1)
        bad = {"Authorization": "Bearer nonsense"}
        assert requests.get(mock.base_url + PICTURE, headers=bad, timeout=HANGS).status_code == 401


@pytest.mark.parametrize(
    ("target", "content", "status"),
    [
        ("/gen/chat/completions", b"no json", 400),
        ("/gen/chat/completions", b"{}", 400),
        ("/gen/image/" + "a" * 300_000, b"", 200),
    ],
    ids=["no JSON", "no prompt", "a path that is too long for a request"],
)
def test_what_cannot_be_told_from_other_calls_answers_none(target: str, content: bytes, status: int) -> None:
    request, response = RecordedRequest("POST", target, {}, content), RecordedResponse(status, {}, 0.0, ())
    assert replies_of(Recording(0.0, "", [RecordedExchange(0.0, request, response)])) == []


def test_an_answer_that_was_cut_is_no_reply() -> None:
    response = RecordedResponse(200, {}, 0.0, (), cut=True)
    exchange = RecordedExchange(0.0, RecordedRequest("GET", "/usage", {}), response)
    assert replies_of(Recording(0.0, "", [exchange])) == []


KEY = "sk-0123456789abcdef"


def test_what_was_hidden_in_a_recording_answers_the_call_that_had_it(tmp_path: Path) -> None:
    prompts = (
        f"Is {KEY} a key?",
        'Then password: hunter2 and "token": x',
        "a" * 1990 + f" {KEY} at the end of what is compared",
        "b" * 3000 + f" {KEY}",
    )
    paths = ("/gen/image/a%20key:%20" + KEY, "/gen/image/" + "long%20" * 300)
    file = tmp_path / "host.yaml"

    def ask(base_url: str, prompt: str) -> requests.Response:
        body = {"messages": [{"role": "user", "content": prompt}]}
        return requests.post(base_url + "/gen/chat/completions", json=body, timeout=HANGS)

    with running() as host, running(record=host.base_url, recording=file) as mock:
        ids = [ask(mock.base_url, prompt).json()["id"] for prompt in prompts]
        pictures = [requests.get(mock.base_url + path, timeout=HANGS) for path in paths]
        with Lightning(mock.base_url) as client:
            until = time.monotonic() + 20
            while len(client.journal()) < len(prompts) + len(paths) and time.monotonic() < until:
                time.sleep(0.02)
    assert KEY not in file.read_text()
    with running(replies=file) as mock, Lightning(mock.base_url) as client:
        assert [ask(mock.base_url, prompt).json()["id"] for prompt in prompts] == ids
        assert ask(mock.base_url, "Is it a key?").json()["id"] not in ids
        for path, picture in zip(paths, pictures, strict=True):
            again = requests.get(mock.base_url + path, timeout=HANGS)
            assert (again.status_code, again.content) == (picture.status_code, picture.content)
        assert [reply.used for reply in client.replies()] == [1] * (len(prompts) + len(paths))


def test_a_large_text_is_looked_through_in_a_process_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process nothing else would run meanwhile, and that can be seconds."""
    file, scripted, lengths = tmp_path / "host.yaml", tmp_path / "replies.json", [0]

    def noted(text: str) -> str:
        lengths.append(len(text))
        return without_credentials(text)

    scripted.write_text(
        json.dumps([{"match": {"prompt": f"Hi {HIDDEN}"}, "reply": {"text": "said"}, "times": None}])
    )
    for module in (recorder, recorded_request, calls):
        monkeypatch.setattr(module, "without_credentials", noted)
    body: dict[str, Any] = {
        "messages": [{"role": "user", "content": f"Hi {KEY}"}],
        "unknown": "token " * 20_000,
    }

    def ask(base_url: str, **more: Any) -> requests.Response:
        return requests.post(base_url + "/gen/chat/completions", json={**body, **more}, timeout=HANGS)

    with running() as host, running(record=host.base_url, recording=file) as mock:
        said = ask(mock.base_url).json()
        with Lightning(mock.base_url) as client:
            until = time.monotonic() + 20
            while not client.journal() and time.monotonic() < until:
                time.sleep(0.02)
        assert max(lengths) < 2000
    assert KEY not in file.read_text()
    with running(replay=file) as mock:
        # What is recorded is looked through once, before anybody asks.
        lengths.clear()
        assert ask(mock.base_url).json()["id"] == said["id"]
        missed = ask(mock.base_url, seed=1).json()["detail"]
        assert missed.endswith("Nearest: exchange-1: body.seed: expected another value.")
        assert not lengths
    with running(replies=scripted) as mock:
        assert ask(mock.base_url).json()["choices"][0]["message"]["content"] == "said"
        assert not lengths


def test_what_is_too_much_work_to_look_through_is_left_out_and_named(
    host: RunningMock, recorded: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    file, body = tmp_path / "host.yaml", "token " * 20_000
    monkeypatch.setattr(worker, "_TIMEOUT", 0.001)
    with running(record=host.base_url, recording=file) as mock:
        assert requests.post(mock.base_url + "/gen/image", data=body, timeout=HANGS).status_code == 400
        while not caplog.records:
            time.sleep(0.01)
    assert [record.getMessage() for record in caplog.records] == [
        "the answer to POST /gen/image is not recorded: to look for credentials in it takes too long"
    ]
    assert not file.exists()
    with running(replay=recorded[0]) as mock:
        assert requests.post(mock.base_url + "/gen/image", data=body, timeout=HANGS).status_code == 413


def test_what_the_journal_kept_whole_can_be_replayed(tmp_path: Path) -> None:
    with running(journal_bodies=1_000_000) as mock, Lightning(mock.base_url) as client:
        seen = asked(mock.base_url, client.user().api_key)
        file = tmp_path / "journal.json"
        file.write_text(json.dumps(client.recording()))
        assert len(read_recording(file).exchanges) == len(seen)
    with running(replay=file, replay_pace=0) as mock:
        again = asked(mock.base_url, "x")
        assert [row[:2] for row in again] == [row[:2] for row in seen]
        assert [row[2] for row in again[1:3]] == [row[2] for row in seen[1:3]]
    with running() as mock, Lightning(mock.base_url) as client:
        asked(mock.base_url, client.user().api_key)
        answer = requests.get(mock.base_url + "/__mock__/journal/recording", timeout=HANGS).json()
        assert answer["left_out"] == len(seen) - len(answer["recording"]["exchanges"]) > 0


def test_a_connection_that_broke_off_breaks_off_again(host: RunningMock, tmp_path: Path) -> None:
    file = tmp_path / "cut.yaml"
    client_id = {"X-Client-ID": "cut-off-client-0001"}

    def read(base_url: str) -> bytes:
        received = b""
        body = {**CHAT, "stream": True}
        url = base_url + "/gen/chat/completions"
        with requests.post(url, json=body, headers=client_id, stream=True, timeout=HANGS) as answer:
            try:
                for piece in answer.iter_content(None):
                    received += piece
            except requests.RequestException:
                return received
        pytest.fail("the stream ended as if it were whole")

    with Lightning(host.base_url) as client, running(record=host.base_url, recording=file) as mock:
        client.fault("reset", "createChatCompletion", header=client_id, after_bytes=700)
        before = read(mock.base_url)
    [exchange] = read_recording(file).exchanges
    assert exchange.response.cut
    assert before == exchange.response.content
    with running(replay=file) as mock:
        assert read(mock.base_url) == before


class AnyHost(BaseHTTPRequestHandler):
    """Answers whatever it is asked with the status that the path names, and with a header twice."""

    protocol_version = "HTTP/1.1"

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline()
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status = int(self.path.strip("/").partition("?")[0] or 200)
        self.send_response(status)
        for target in "ab":
            self.send_header("Link", f"<{target}>; rel={target}")
        content = b"" if status in (101, 204, 304) or self.command == "HEAD" else b"said"
        if status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def any_host() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), AnyHost) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


REQUESTS = [
    *(
        "GET /",
        "GET /204",
        "GET /304",
        "GET /101",
        "GET /999",
        "HEAD /",
        "OPTIONS /",
        "PROPFIND /",
        "DELETE /",
    ),
    *("GET http://elsewhere.invalid/?q=1", "GET http://elsewhere.invalid", "OPTIONS *", "CONNECT evil:80"),
]


def test_whatever_is_sent_what_is_recorded_can_be_replayed(any_host: str, tmp_path: Path) -> None:
    file = tmp_path / "any.yaml"

    def ask(base_url: str, request: str) -> bytes:
        _, _, port = base_url.rpartition(":")
        with socket.create_connection(("127.0.0.1", int(port)), 20) as connection:
            connection.sendall(f"{request} HTTP/1.0\r\nAccept: a/a\r\nAccept: b/b\r\n\r\n".encode())
            head, _, body = connection.makefile("rb").read().partition(b"\r\n\r\n")
        links = b", ".join(re.findall(rb"(?m)^Link: ([^\r]*)", head))
        return b" ".join((head.split(b" ")[1], links, body))

    with running(record=any_host, recording=file) as mock:
        seen = {request: ask(mock.base_url, request) for request in REQUESTS}
    links = b"<a>; rel=a, <b>; rel=b"
    assert seen["GET /"] == b"200 " + links + b" said"
    assert seen["PROPFIND /"] == seen["GET http://elsewhere.invalid"] == seen["GET /"]
    assert [seen[request][:3] for request in REQUESTS[-2:]] == [b"400", b"400"]
    with running(replay=file) as mock:
        kept = [f"{row.request.method} {row.request.target}" for row in read_recording(file).exchanges]
        assert {"GET /204", "GET /304", "GET /999", "HEAD /", "GET /?q=1"} <= set(kept)
        for request in kept:
            expected = seen.get(request) or seen["GET http://elsewhere.invalid/?q=1"]
            assert ask(mock.base_url, request) == expected
    assert read_recording(file).exchanges[0].request.headers["Accept"] == "a/a, b/b"


def test_an_answer_that_cannot_be_kept_whole_is_left_out_and_named(
    host: RunningMock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What a caller saw who left in mid-stream is not what the host does."""
    file = tmp_path / "partly.yaml"
    monkeypatch.setattr(
        serving, "Recorder", lambda upstream, path, limit, *rest: Recorder(upstream, path, 500, *rest)
    )
    with running(record=host.base_url, recording=file) as mock:
        requests.get(mock.base_url + "/tiers?token=sesame", timeout=HANGS)
        body = {**CHAT, "stream": True}
        url = mock.base_url + "/gen/chat/completions"
        with requests.post(url, json=body, headers=HEADERS, stream=True, timeout=HANGS) as answer:
            next(answer.iter_content(None))
        while "caller left" not in caplog.text:
            time.sleep(0.01)
    assert [record.getMessage() for record in caplog.records] == [
        "the answer to GET /tiers?token=[redacted] is not recorded: it is larger than 500 bytes",
        "the answer to POST /gen/chat/completions is not recorded: the caller left before its end",
    ]
    assert not file.exists()


def test_what_cannot_be_written_down_is_left_out_and_harms_no_answer(
    host: RunningMock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with (
        requests.Session() as session,
        running(record=host.base_url, recording=tmp_path / "full.yaml") as mock,
    ):
        with monkeypatch.context() as broken:
            broken.setattr(RecordingWriter, "add", full)
            for number in (1, 2):
                assert session.get(mock.base_url + "/tiers", timeout=HANGS).status_code == 200
                # The answer is there before anything is written.
                while len(caplog.records) < number:
                    time.sleep(0.01)
        agent = {"User-Agent": b"M\xfcller"}
        assert session.get(mock.base_url + "/tiers", headers=agent, timeout=HANGS).status_code == 200
    with Lightning(host.base_url) as client:
        assert client.journal()[-1].request["headers"]["User-Agent"] == "M\xfcller"
    said = [record.getMessage() for record in caplog.records]
    assert said == ["the answer to GET /tiers is not recorded: [Errno 28] No space left on device"] * 2
    [kept] = read_recording(tmp_path / "full.yaml").exchanges
    assert kept.request.headers["User-Agent"] == "M\xfcller"


def test_a_host_that_does_not_answer_is_a_failure_that_says_so(tmp_path: Path) -> None:
    file = tmp_path / "nobody.yaml"
    with running(record="http://127.0.0.1:9", recording=file) as mock:
        answer = requests.get(mock.base_url + "/usage", timeout=HANGS)
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "upstream_unreachable")
    assert answer.json()["detail"].startswith(
        "http://127.0.0.1:9, which is being recorded, does not answer: "
    )
    assert not file.exists()


def test_no_credential_of_the_mock_is_offered_where_another_host_answers(
    host: RunningMock, recorded: Any, tmp_path: Path
) -> None:
    for chosen, advice in (
        ({"record": host.base_url, "recording": tmp_path / "new.yaml"}, "that host's credentials"),
        ({"replay": recorded[0]}, "any will do"),
    ):
        with running(**chosen) as mock:
            text = greeting(mock.base_url, mock.state)
        assert advice in text
        assert "ipa_live_" not in text


def test_an_old_recording_says_so(recorded: Any, tmp_path: Path) -> None:
    old = tmp_path / "old.yaml"
    document = yaml.safe_load(recorded[0].read_text())
    document["recorded_at"] = "2020-01-01T00:00:00Z"
    old.write_text(yaml.safe_dump(document))
    with running(replay=old) as mock, Lightning(mock.base_url) as client:
        assert client.replay().old
        assert client.replay().age_days > 365
        assert "older than 30 days" in greeting(mock.base_url, mock.state)
    with running(replay=old, replay_max_age=100_000) as mock:
        assert "older than" not in greeting(mock.base_url, mock.state)
    with (
        running() as mock,
        Lightning(mock.base_url) as client,
        pytest.raises(LightningError, match="--replay"),
    ):
        client.replay()


@pytest.mark.parametrize("mode", ["replay", "record"])
def test_a_control_call_that_can_have_no_effect_is_refused(
    recorded: Any, host: RunningMock, tmp_path: Path, mode: str
) -> None:
    chosen = {"replay": recorded[0]} if mode == "replay" else {"record": host.base_url}
    with running(recording=tmp_path / "new.yaml", **chosen) as mock, Lightning(mock.base_url) as client:
        snapshot = client.snapshot()
        user = client.user()
        for call in (
            lambda: client.fault("status", status=503),
            lambda: client.reply("x"),
            lambda: client.scenario("upstream-down"),
            lambda: client.prefer(metadata_form="choices"),
            lambda: user.prefer(retry_advice="date"),
            lambda: user.exhaust("imagesDaily"),
            lambda: user.advance(days=1),
            lambda: client.set_limits("free", imagesDaily=1),
            lambda: client.restore(snapshot),
        ):
            with pytest.raises(LightningError, match=f"no effect here: .* --{mode}"):
                call()
        assert (client.faults(), client.replies()) == ([], [])
        client.clear_faults()
        client.advance(days=1)
        client.reset()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"record": "example.com"}, "record: expected an address"),
        ({"record": "http://127.0.0.1:9", "replay": Path("x")}, "expected one of them"),
        ({"replay": Path("missing.yaml")}, "replay: recording missing.yaml"),
        ({"replay_pace": -1}, "replay_pace"),
    ],
)
def test_what_cannot_be_recorded_or_replayed_is_told_at_the_start(settings: Any, said: str) -> None:
    with pytest.raises(SettingsError, match=said), running(**settings):
        pass


def test_a_recording_that_is_there_is_not_written_over(recorded: Any, host: RunningMock) -> None:
    file, _ = recorded
    before = file.read_bytes()
    with pytest.raises(SettingsError, match="a file already"), running(record=host.base_url, recording=file):
        pass
    assert file.read_bytes() == before
