"""Recordings: what is written can be read again, and holds no credential."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lightning_mock.callers.credential_forms import without_credentials
from lightning_spec.recording import (
    Piece,
    RecordedExchange,
    RecordedRequest,
    RecordedResponse,
    Recording,
    RecordingError,
    RecordingWriter,
    exchange_document,
    parse_recording,
    read_recording,
)
from lightning_spec.text_formats import yaml_or_json
from multidict import istr

SECRET = "ipa_live_CANARYcanaryCANARYcanary0001"
STREAM = {"Content-Type": "text/event-stream"}
LINES = {"Content-Type": "application/x-ndjson"}
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
PART = b'--b\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n--b--\r\n'


def exchange(
    content: bytes = b"", headers: Any = None, pieces: Any = (), response: Any = None, **more: Any
) -> RecordedExchange:
    return RecordedExchange(
        1_000_000.0,
        RecordedRequest("POST", "/gen/image?x=1", headers or {}, content),
        RecordedResponse(200, response or {}, 0.25, pieces, **more),
    )


def event(said: str, member: str = "content", index: int = 0) -> bytes:
    """One event of a chat."""
    row = {"id": "same", "choices": [{"index": index, "delta": {"role": "assistant", member: said}}]}
    return b"data: " + json.dumps(row).encode() + b"\n\n"


def text_of(recording: Recording) -> str:
    """As it is written into a file, without credentials."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "a.yaml"
        writer = RecordingWriter(file, recording.upstream, recording.recorded_at, without_credentials)
        for kept in recording.exchanges:
            writer.add(kept)
        writer.close()
        return file.read_text(encoding="utf-8")


def again(*exchanges: RecordedExchange) -> list[RecordedExchange]:
    recording = Recording(1_000_000.0, "http://127.0.0.1:1", exchanges)
    return list(parse_recording(text_of(recording)).exchanges)


def test_what_is_added_is_in_the_file_at_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    writer = RecordingWriter(file, "http://127.0.0.1:1", 1_000_000.0, without_credentials)
    assert read_recording(file).exchanges == []
    stream = exchange(
        pieces=[Piece(0.5, b"data: 1\n\n"), Piece(1.5, b"data: 2\n\n")], response=STREAM, cut=True
    )
    for count in (1, 2):
        writer.add(stream)
        assert list(read_recording(file).exchanges) == [stream] * count
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    writer.close()
    with pytest.raises(RecordingError, match="a file already"):
        RecordingWriter(file, "http://127.0.0.1:1", 1_000_000.0, without_credentials)


def test_what_holds_nothing_is_not_left_in_the_way(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    for _ in range(2):
        RecordingWriter(file, "http://127.0.0.1:1", 1_000_000.0, without_credentials).close()
    assert not file.exists()


@given(st.binary(max_size=60), st.sampled_from(["image/png", "text/plain", "application/json", ""]))
def test_bodies_come_back_as_they_were(content: bytes, kind: str) -> None:
    headers = {"Content-Type": kind} if kind else {}
    kept = exchange(content, headers, [Piece(0.0, content)] if content else [], headers)
    found = again(kept)[0]
    if kind != "application/json":
        assert (found.request.content, found.response.content) == (content, content)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=8,
    )
)
def test_json_comes_back_as_the_same_value(value: Any) -> None:
    try:
        body = json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return
    found = again(exchange(body, {"Content-Type": "application/json"}))[0]
    if without_credentials(body.decode()) == body.decode():
        assert json.loads(found.request.content) == value


@given(st.text(max_size=40), st.lists(st.integers(1, 5), max_size=10))
def test_a_stream_keeps_its_bytes_wherever_it_was_cut(text: str, cuts: list[int]) -> None:
    content = text.encode("utf-8", "replace")
    pieces = []
    for cut in [*cuts, 1000]:
        pieces.append(Piece(0.001, content[:cut]))
        content = content[cut:]
    found = again(exchange(pieces=pieces, response=STREAM))[0].response
    expected = without_credentials(text.encode("utf-8", "replace").decode())
    assert found.content.decode() == expected
    if expected == text:
        assert [piece.after for piece in found.pieces] == [0.001] * len(pieces)


@pytest.mark.parametrize(
    "kept",
    [
        exchange(headers={"authorization": f"Bearer {SECRET}"}),
        exchange(headers={"Authorization": "a-token-of-no-known-form-at-all"}),
        exchange(headers={"Cookie": "CANARY", "X-Own-Token": "CANARY"}),
        exchange(headers={"X-Client-ID": SECRET}, response={istr("X-Echo"): "kept"}),
        exchange(response={"Set-Cookie": "session=CANARY", "X-Echo": SECRET}),
        exchange(f'{{"a": "{SECRET}"}}'.encode(), {"Content-Type": "application/json"}),
        exchange(pieces=[Piece(0, SECRET[:12].encode()), Piece(0, SECRET[12:].encode())], response=STREAM),
        exchange(pieces=[Piece(0, SECRET.encode())], response={"Content-Type": "text/plain"}),
        exchange(pieces=[Piece(0, event(SECRET[at : at + 4])) for at in range(0, 40, 4)], response=STREAM),
        exchange(b"".join(event(SECRET[at : at + 4]) for at in range(0, 40, 4)), LINES),
        exchange(b"grant_type=password&password=CANARY&api_key=CANARY", FORM),
        exchange(b'{"a": 1}\n{"access_token": "CANARY"}\n', {"Content-Type": "application/x-ndjson"}),
        exchange(PART % (b"password", b"CANARY"), {"Content-Type": "multipart/form-data; boundary=b"}),
        exchange(PART % (b"file", b"\xff" + SECRET.encode()), {"Content-Type": "multipart/form-data"}),
        exchange(b'{"password": "CANARY"}\xe9', {"Content-Type": "application/json"}),
        exchange(SECRET.encode(), {"Content-Type": "application/octet-stream"}),
        exchange(SECRET.encode(), {"Content-Type": "image/png"}),
        exchange(response={"X-Api-Key": "CANARY", "X-Auth-Token": "CANARY", "authorization": "CANARY"}),
    ],
)
def test_no_credential_is_kept(kept: RecordedExchange) -> None:
    text = text_of(Recording(0.0, f"http://u:{SECRET}@host", [kept]))
    assert "CANARY" not in text
    assert "ARYc" not in text
    assert "no-known-form" not in text
    [found] = parse_recording(text).exchanges
    content = found.request.content + found.response.content
    assert b"CANARY" not in content
    assert b"ARYc" not in content


def test_a_form_is_kept_as_text_and_a_picture_as_it_is() -> None:
    text = text_of(Recording(0.0, "", [exchange(b"a=1&b=2", FORM)]))
    assert "text: a=1&b=2" in text
    picture = b"\x89PNG sk-0123456789abcdef"
    assert again(exchange(picture, {"Content-Type": "image/png"}))[0].request.content == picture


def test_what_the_events_of_a_stream_say_together_is_clean_and_the_rest_stays() -> None:
    said = f'{{"one 😀": "a{SECRET}"}}, "é'
    pieces = [said[at : at + 5] for at in range(0, len(said), 5)]
    stream = b"".join(event("fine") + event(piece, "arguments", 1) for piece in pieces)
    found = again(exchange(pieces=[Piece(0.5, stream)], response=STREAM))[0].response
    rows = [json.loads(row[6:]) for row in found.content.decode().split("\n\n") if row]
    deltas = [row["choices"][0]["delta"] for row in rows]
    assert [delta["content"] for delta in deltas[::2]] == ["fine"] * len(pieces)
    words = "".join(delta["arguments"] for delta in deltas[1::2])
    assert words == said.replace(SECRET, "[redacted]")
    assert found == again(exchange(pieces=found.pieces, response=STREAM))[0].response


def test_an_event_that_was_cut_off_keeps_no_end_of_a_credential() -> None:
    stream = b"".join(event(SECRET[at : at + 4]) for at in range(0, 40, 4))
    for end in range(stream.index(b"_CAN") + 5, len(stream)):
        found = again(exchange(pieces=[Piece(0.5, stream[:end])], response=STREAM))[0].response
        assert not {b"_CAN", b"ARYc", b"anar"} & {
            found.content[at : at + 4] for at in range(len(found.content))
        }


def test_a_head_that_is_not_utf_8_is_kept_as_latin_1() -> None:
    agent = b"M\xfcller".decode("utf-8", "surrogateescape")
    found = again(exchange(headers={"User-Agent": agent}, response={"Server": agent}))[0]
    assert (found.request.headers, found.response.headers) == (
        {"User-Agent": "M\xfcller"},
        {"Server": "M\xfcller"},
    )


@pytest.mark.parametrize(
    ("method", "target", "response", "said"),
    [
        ("CONNECT", "", RecordedResponse(200, {}), "request.target"),
        ("GET", "/", RecordedResponse(101, {}), "response.status"),
        ("GET", "/", RecordedResponse(200, {"a b": "c"}), "response.headers"),
        ("GET", "/", RecordedResponse(200, {"X": "a\0"}), "response.headers.X"),
        ("GET", "/", RecordedResponse(200, {}, 90_000.0), "response.after"),
    ],
)
def test_what_could_not_be_read_is_not_written(
    tmp_path: Path, method: str, target: str, response: RecordedResponse, said: str
) -> None:
    file = tmp_path / "a.yaml"
    writer = RecordingWriter(file, "http://127.0.0.1:1", 1_000_000.0, without_credentials)
    with pytest.raises(RecordingError, match=said):
        writer.add(RecordedExchange(0.0, RecordedRequest(method, target, {}), response))
    writer.add(exchange(b"x"))
    writer.close()
    assert [kept.request.content for kept in read_recording(file).exchanges] == [b"x"]


def test_a_body_of_very_many_values_is_kept_as_text() -> None:
    row = exchange_document(exchange(b"[" + b"0," * 200_000 + b"0]", JSON), without_credentials)
    assert len(row["request"]["text"]) == 400_003
    row = exchange_document(exchange(b"[" + b"0," * 90_000 + b"0]", JSON), without_credentials)
    assert len(row["request"]["json"]) == 90_001


@pytest.mark.parametrize("depth", [100, 300, 900, 20_000])
def test_a_body_may_be_nested_as_deeply_as_it_likes(depth: int) -> None:
    body = b"[" * depth + b"]" * depth
    found = again(exchange(body, {"Content-Type": "application/json"}))[0]
    assert found.request.content == body


def test_numbers_of_json_are_numbers() -> None:
    assert yaml_or_json('{"after": 7e-05}') == {"after": 0.00007}
    assert yaml_or_json("after: 0.5") == {"after": 0.5}


def test_a_recording_written_by_hand_in_json_is_read() -> None:
    found = parse_recording(
        '{"format": "lightning-recording", "version": 1, "recorded_at": "2026-06-13T12:00:00Z",'
        ' "upstream": "",'
        ' "exchanges": [{"at": "2026-06-13T12:00:00Z", "request": {"method": "GET", "target": "/usage"},'
        ' "response": {"status": 503}}]}'
    )
    assert found.exchanges[0].response.status == 503
    assert found.age(found.recorded_at + 2 * 86_400) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[", "expected YAML"),
        ("a: 1", "whose format is lightning-recording"),
        ("format: lightning-recording\nversion: 2", "expected version 1"),
        ("format: lightning-recording\nversion: 1", "required"),
        (
            "format: lightning-recording\nversion: 1\nrecorded_at: 'never'\nupstream: ''\nexchanges:",
            "never",
        ),
        (
            "format: lightning-recording\nversion: 1\nrecorded_at: '2026-01-01T00:00:00Z'\nupstream: ''\n"
            "exchanges: [{at: '2026-01-01T00:00:00Z', request: {method: GET, target: /}, response: {}}]",
            "exchanges.0.response",
        ),
    ],
)
def test_what_is_no_recording_is_refused_with_the_place(text: str, said: str) -> None:
    with pytest.raises(RecordingError, match=said):
        parse_recording(text)


def test_headers_of_a_connection_are_not_replayed() -> None:
    [found] = parse_recording(
        '{"format": "lightning-recording", "version": 1, "recorded_at": "2026-06-13T12:00:00Z",'
        ' "upstream": "",'
        ' "exchanges": [{"at": "2026-06-13T12:00:00Z", "request": {"method": "GET", "target": "/usage"},'
        ' "response": {"status": 200, "headers": {"Content-Length": "999", "transfer-encoding": "chunked",'
        ' "Connection": "upgrade", "Content-Encoding": "gzip", "X-Kept": "a"}, "text": "b"}}]}'
    ).exchanges
    assert found.response.headers == {"X-Kept": "a"}
