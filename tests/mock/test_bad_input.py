"""Bad input gets a clear JSON error, costs nothing, and never brings the server down."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import json
import logging
import socket
import time
from collections.abc import Callable
from typing import Any, NoReturn
from urllib.parse import urlsplit

import httpx2
import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st
from lightning_mock.background import RunningMock, running
from lightning_mock.errors import InvalidRequest, TooLarge
from lightning_mock.http import connection as http_connection
from lightning_mock.http import decoding, validation
from lightning_mock.http.decoding import MAX_DEPTH, decode_json
from lightning_mock.http.validation import BodyValidator, compile_schemas, first_violation
from lightning_spec.loader import load_spec

from tests.support.guard import HANGS

from .conftest import Client

USER = '{"role": "user", "content": "hello"}'
ONE = b'{"messages": [' + USER.encode() + b"], "
PART = b'{"messages": [{"role": "user", "content": ['
NO_JSON = "not valid JSON"
CHAT_PATH = "/gen/chat/completions"
MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("body", "param", "expected"),
    [
        (b"", None, "empty"),
        (b"   ", None, NO_JSON),
        (b"{", None, NO_JSON),
        (b"{'messages': []}", None, NO_JSON),
        (ONE + b"}", None, NO_JSON),
        (ONE + b'"temperature": NaN}', None, NO_JSON),
        (ONE + b'"temperature": -Infinity}', None, NO_JSON),
        (ONE + b'"x": 1' + b"0" * 400 + b', "y": NaN}', None, NO_JSON),
        (b'{"messages": [{"role": "user", "content": "\\ud800"}]}', None, NO_JSON),
        (b'{"messages": [{"role": "user", "content": "\\ud800"}], "x": 1e999}', None, NO_JSON),
        (b'{"messages": [{"role": "user", "content": "\xff\xfe"}]}', None, NO_JSON),
        (b"\xef\xbb\xbf{}", None, NO_JSON),
        (b"[" * 100_000, None, "nested too deeply"),
        (b"[" * 100_000 + b"]" * 100_000, None, "nested too deeply"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, None, "nested too deeply"),
        (b"[" * 400 + b"1e999" + b"]" * 400, None, "nested too deeply"),
        (b"null", None, "expected an object"),
        (b"[]", None, "expected an object"),
        (b'"messages"', None, "expected an object"),
        (b"{}", "messages", "required"),
        (b'{"messages": null}', "messages", "expected a list"),
        (b'{"messages": "hello"}', "messages", "expected a list"),
        (b'{"messages": []}', "messages", "at least 1 item"),
        (b'{"messages": ["hello"]}', "messages[0]", "expected an object"),
        (b'{"messages": [{"content": "hello"}]}', "messages[0].role", "required"),
        (b'{"messages": [{"role": "king", "content": "hello"}]}', "messages[0].role", "system"),
        (b'{"messages": [{"role": "user"}]}', "messages[0].content", "required"),
        (b'{"messages": [{"role": "user", "content": 5}]}', "messages[0].content", "a string"),
        (PART + b'{"type": "text"}]}]}', "messages[0].content[0].text", "required"),
        (ONE + b'"stream": "yes"}', "stream", "true or false"),
        (ONE + b'"tools": {}}', "tools", "expected a list"),
        (ONE + b'"tools": [{"type": "function"}]}', "tools[0].function", "required"),
        (ONE + b'"tool_choice": "always"}', "tool_choice", "auto"),
    ],
)  # fmt: skip
def test_a_bad_chat_body_is_a_400_that_names_the_field_and_what_was_expected(
    caller: Client, body: Any, param: Any, expected: Any
) -> None:
    response = caller.post_raw(CHAT_PATH, body)
    assert response.status_code == 400
    error = response.json()["error"]
    assert error["param"] == param
    assert expected in error["message"]
    if param is not None:
        assert error["message"].startswith(param)
    assert len(error["message"]) < 300
    assert set(caller.used().values()) == {0}


@pytest.mark.parametrize(
    ("body", "param", "expected"),
    [
        ("{}", "prompt", "required"),
        ('{"prompt": null}', "prompt", "a string"),
        ('{"prompt": ["x"]}', "prompt", "a string"),
        ('{"prompt": ""}', "prompt", "expected"),
        ('{"prompt": " \\n"}', "prompt", "white space"),
        ('{"prompt": "x", "mode": "epic"}', "mode", "normal"),
        ('{"prompt": "x", "ratio": "16:9"}', "ratio", "3:2"),
        ('{"prompt": "x", "duration": "5"}', "duration", "an integer"),
        ('{"prompt": "x", "duration": 2.5}', "duration", "an integer"),
        ('{"prompt": "x", "duration": true}', "duration", "an integer"),
        ('{"prompt": "x", "duration": [1]}', "duration", "an integer"),
        ('{"prompt": "x", "image_urls": "https://example.com"}', "image_urls", "a list"),
        ('{"prompt": "x", "image_urls": [5]}', "image_urls[0]", "a string"),
        ('{"prompt": "x", "image_urls": ["https://e.com", "https://e.com", "a"]}', "image_urls", "at most 2"),
    ],
)  # fmt: skip
def test_a_bad_video_body_is_a_400_that_names_the_field_and_what_was_expected(
    caller: Client, body: Any, param: Any, expected: Any
) -> None:
    response = caller.post_raw("/gen/video", body)
    assert response.status_code == 400
    assert response.json()["error"]["param"] == param
    assert expected in response.json()["detail"]
    assert set(caller.used().values()) == {0}


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [("1" + "0" * 400, 10), ("-1" + "0" * 400, 1), ("1" + "0" * 30, 10), ("0", 1), ("-5", 1), ("11", 10),
     ("3.0", 3), ("1e400", 10), ("1" + "0" * 5000, 10)],
)  # fmt: skip
def test_any_integer_is_a_duration(mock: RunningMock, duration: Any, seconds: Any) -> None:
    operation = mock.state.spec.operations["createVideo"]
    assert operation.body_pointer
    validator = BodyValidator(mock.state.spec, compile_schemas(mock.state.spec), operation.body_pointer)
    body = decode_json(b'{"prompt": "x", "duration": ' + duration.encode() + b"}")
    assert validator.check(body)["duration"] == seconds


def test_a_huge_duration_is_served_by_both_methods(caller: Client) -> None:
    caller_body = '{"prompt": "x", "duration": -1' + "0" * 400 + "}"
    assert caller.post_raw("/gen/video", caller_body).status_code == 200
    assert caller.get("/gen/video/x?duration=-1" + "0" * 400).status_code == 200


@pytest.mark.parametrize("duration", ["", "x", "1.5", "0x10", "1 2", "\u0663"])
def test_a_duration_in_the_query_that_is_no_integer_is_a_400(caller: Client, duration: Any) -> None:
    response = caller.get("/gen/video/x", params={"duration": duration})
    assert response.status_code == 400
    assert response.json()["error"]["param"] == "duration"


def test_unknown_fields_and_doubled_keys_do_no_harm(caller: Client) -> None:
    body = (
        '{"messages": [], "messages": [' + USER + '], "model": "gpt", "seed": 1, "x": {"y": []}, "tools": []}'
    )
    assert caller.post_raw(CHAT_PATH, body).status_code == 200


def test_a_field_of_another_route_is_an_unknown_field(caller: Client) -> None:
    assert caller.post("/gen/sfx", {"prompt": "x", "image_urls": True, "duration": "y"}).status_code == 200


def test_nesting_up_to_the_bound_is_read_and_brackets_in_text_are_not_nesting(caller: Client) -> None:
    deep = "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1)
    assert caller.post_raw(CHAT_PATH, f'{{"messages": [{USER}], "x": {deep}}}').status_code == 200
    text = "[{" * 10_000 + '\\"'
    body = f'{{"messages": [{{"role": "user", "content": "{text}"}}]}}'
    assert caller.post_raw(CHAT_PATH, body).status_code == 200


def test_a_long_flat_list_is_not_deep() -> None:
    assert len(decode_json(b"[" + b",".join([b"[]"] * 10_000) + b"]")) == 10_000


@given(st.binary(max_size=200))
def test_decoding_gives_a_value_or_a_refusal_for_any_bytes(body: Any) -> None:
    try:
        value = decode_json(body)
    except InvalidRequest:
        return
    json.dumps(value, allow_nan=False).encode()


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=20,
))  # fmt: skip
def test_whatever_json_can_say_is_decoded(value: Any) -> None:
    text = json.dumps(value)
    assert decode_json(text.encode()) is not None or value is None


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    ["messages", "prompt", "stream", "tools", "tool_choice", "response_format", "stream_options", "mode",
     "ratio", "duration", "image_urls", "max_tokens"]
)  # fmt: skip


@pytest.mark.parametrize("filler", [b"[", b"{", b",", b"[],"])
def test_what_has_too_many_values_is_not_read_to_its_end(
    filler: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at, count = [], decoding._brackets

    def noted(piece: bytes) -> int:
        looked_at.append(len(piece))
        return count(piece)

    monkeypatch.setattr(decoding, "_brackets", noted)
    with pytest.raises(TooLarge, match="too many values"):
        decode_json(filler * (8 * MIB // len(filler)))
    assert sum(looked_at) <= 3 * decoding.MAX_VALUES


VALIDATORS = compile_schemas(load_spec())
MANY = dict.fromkeys(map(str, range(100_000)), 0)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tool_choice", MANY),
        ("tool_choice", [0] * 100_000),
        ("tool_choice", " " * MIB + "x"),
        ("temperature", MANY),
        ("messages", [{"role": "king", "content": "a" * MIB}]),
        ("messages", [{"role": "user", "content": [{"type": "image_url", **MANY}]}]),
        ("messages", [{"role": "user", "content": MANY}]),
        (None, "a" * MIB),
    ],
)
def test_a_violation_is_told_from_little_and_in_the_words_that_all_of_it_would_have(
    field: Any, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = load_spec()
    operation = spec.operations["createChatCompletion"]
    assert operation.body_pointer is not None
    checked = BodyValidator(spec, VALIDATORS, operation.body_pointer)
    body = value if field is None else {"messages": [{"role": "user", "content": "a"}], field: value}
    told_from = []

    def noted(validator: Any, value: Any) -> Any:
        told_from.append(len(json.dumps(value)))
        return first_violation(validator, value)

    monkeypatch.setattr(validation, "first_violation", noted)
    with pytest.raises(InvalidRequest) as refused:
        checked.check(body)
    whole = validation.refusal(first_violation(VALIDATORS[operation.body_pointer], body))
    assert refused.value.message == whole.message
    assert max(told_from) < 100_000


@settings(max_examples=300, deadline=None)
@given(
    path=st.sampled_from([CHAT_PATH, "/gen/image", "/gen/prompt_analyze", "/gen/sfx"]),
    body=st.dictionaries(FIELDS, JSON_VALUES, max_size=5) | JSON_VALUES,
)
def test_no_body_at_all_gets_a_5xx(
    mock: RunningMock, connect: Callable[..., Client], path: Any, body: Any
) -> None:
    client = connect(mock, {"Authorization": "Bearer " + mock.plans["professional"].api_key})
    asked = client.post(path, body)
    assert asked.status_code in (200, 400, 413, 429)


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/xml", ";"],
)
def test_a_wrong_content_type_is_a_400(caller: Client, content_type: Any) -> None:
    response = caller.post_raw(CHAT_PATH, f'{{"messages": [{USER}]}}', content_type)
    assert response.status_code == 400
    assert response.json()["detail"] == f"Content-Type: expected application/json, got {content_type!r}."


def test_a_value_that_is_none_of_a_list_is_told_the_list(caller: Client) -> None:
    detail = caller.post("/gen/image", {"prompt": "a lake", "mode": "fun"}).json()["detail"]
    assert detail == "mode: expected one of fantasy, realistic, auto."


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/vnd.x+json", None]
)
def test_every_way_to_say_json_is_understood(caller: Client, content_type: Any) -> None:
    assert caller.post_raw(CHAT_PATH, f'{{"messages": [{USER}]}}', content_type).status_code == 200


def test_a_chunked_body_is_read(caller: Client) -> None:
    pieces = iter([b'{"messages": [', USER.encode(), b"]}"])
    assert caller.post_raw(CHAT_PATH, pieces).status_code == 200


def test_a_compressed_body_is_read_and_a_broken_one_is_a_400(caller: Client) -> None:
    body = f'{{"messages": [{USER}]}}'.encode()
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    assert caller.request("POST", CHAT_PATH, data=gzip.compress(body), headers=headers).status_code == 200
    assert caller.request("POST", CHAT_PATH, data=body, headers=headers).status_code == 400
    # Whoever says so in two lines has packed it twice.
    twice = [*headers.items(), ("Content-Encoding", "gzip")]
    url = caller.base_url + CHAT_PATH
    assert httpx2.post(url, content=gzip.compress(body), headers=twice).status_code == 400


def test_a_compression_bomb_is_a_413(caller: Client) -> None:
    bomb = gzip.compress(b" " * (40 * MIB))
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    assert caller.request("POST", CHAT_PATH, data=bomb, headers=headers).status_code == 413


def image_body(size: Any) -> Any:
    start = '{"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://e.com/'
    end = '"}}]}]}'
    return (start + "A" * (size - len(start) - len(end)) + end).encode()


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_of_exactly_32_mib_is_read_and_one_byte_more_is_a_413(caller: Client, chunked: Any) -> None:
    def send(body: Any) -> Any:
        pieces = (body[start : start + MIB] for start in range(0, len(body), MIB))
        return caller.post_raw(CHAT_PATH, pieces if chunked else body)

    assert send(image_body(32 * MIB)).status_code == 200
    refused = send(image_body(32 * MIB + 1))
    assert refused.status_code == 413
    assert str(32 * MIB) in refused.json()["detail"]
    assert caller.used()["cloudChatDaily"] == 1


def test_a_body_that_announces_too_much_is_refused_before_it_is_sent(mock: RunningMock) -> None:
    with connection(mock) as raw:
        raw.sendall(
            b"POST /gen/image HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: 900000000000\r\n\r\n"
        )
        assert raw.recv(100).split(b" ")[1] == b"413"


def test_an_unknown_bearer_is_refused_before_the_body_is_looked_at(
    make_client: Callable[..., Client],
) -> None:
    client = make_client(Authorization="Bearer nobody-has-this")
    assert client.post_raw(CHAT_PATH, b"{").status_code == 401
    assert client.post("/gen/image", {"prompt": "x" * 5000}).status_code == 401


@pytest.fixture
def raw_get(mock: RunningMock) -> Any:
    """GET a path exactly as it is written."""

    def get(path: Any, user_agent: Any = "raw") -> Any:
        connection = http.client.HTTPConnection(urlsplit(mock.base_url).netloc, timeout=HANGS)
        try:
            connection.request("GET", path, headers={"User-Agent": user_agent})
            response = connection.getresponse()
            return response.status, response.headers["Content-Type"], response.read()
        finally:
            connection.close()

    return get


@pytest.mark.parametrize(
    "prompt",
    ["a%2Fb", "%2F", "{x}", "%7Bprompt%7D", "}{", "a%0Ab", "%00", "a%00b", "%2e%2e", "..", ".", "a+b", "a;b",
     "%E4%BD%A0%E5%A5%BD", "%F0%9F%8C%8A", "a:b", "a@b", "~", "a%3Fb%23c", "%25", "%zz", "%", "a%20b",
     "'\"<>|\\^`"],
)  # fmt: skip
def test_any_segment_can_be_a_prompt(raw_get: Any, prompt: Any) -> None:
    status, content_type, body = raw_get(f"/gen/image/{prompt}", user_agent=f"segment {prompt!r}")
    assert (status, content_type) == (200, "image/jpeg")
    assert body


@pytest.mark.parametrize("prompt", ["%FF", "a%C3", "%ED%A0%80", "%20", "%0D%0A"])
def test_a_segment_that_is_not_text_or_blank_is_a_400(raw_get: Any, prompt: Any) -> None:
    status, _, body = raw_get(f"/gen/image/{prompt}")
    assert status == 400
    assert json.loads(body)["error"]["param"] == "prompt"


@pytest.mark.parametrize(
    "path", ["/gen/image/a/b", "/gen/image/", "/gen", "//usage", "/usage/x", "/gen/image//"]
)
def test_a_path_that_is_none_is_a_json_404(raw_get: Any, path: Any) -> None:
    status, content_type, body = raw_get(path)
    assert (status, content_type) == (404, "application/json")
    assert json.loads(body)["error"]["code"] == "not_found"


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("POST", "/usage", "GET"), ("DELETE", "/usage", "GET"), ("HEAD", "/usage", "GET"),
        ("PATCH", "/models", "GET"), ("GET", "/status/image", "HEAD"), ("HEAD", "/status", "GET"),
        ("GET", "/gen/chat/completions", "POST"), ("GET", "/gen/image", "POST"),
        ("POST", "/gen/image/x", "GET"), ("HEAD", "/gen/image/x", "GET"), ("OPTIONS", "/usage", "GET"),
        ("TRACE", "/usage", "GET"), ("PUT", "/gen/video/airforce", "POST"),
        ("POST", "/asset-cdn/assets/x", "GET"), ("POST", "/__mock__/docs", "GET"),
    ],
)  # fmt: skip
def test_a_method_that_is_not_served_is_a_json_405_with_allow(
    caller: Client, method: Any, path: Any, allow: Any
) -> None:
    response = caller.request(method, path)
    assert response.status_code == 405
    assert response.headers["Allow"] == allow
    assert response.headers["Content-Type"] == "application/json"


def test_the_word_airforce_is_a_prompt_of_the_first_video_route(caller: Client) -> None:
    assert caller.get("/gen/video/airforce?duration=1").status_code == 200


def test_a_query_that_is_not_text_is_a_400(raw_get: Any) -> None:
    assert raw_get("/gen/image/x?mode=%FF")[0] == 400
    assert raw_get("/gen/image/x?" + "a=1&" * 2000)[0] == 400


def test_image_urls_in_a_query_are_repeated_and_not_split_at_commas(raw_get: Any, caller: Client) -> None:
    assert (
        caller.get("/gen/image/x?image_urls=https://e.com/a,b&image_urls=https://e.com/c").status_code == 200
    )
    assert caller.get("/gen/image/x?" + "image_urls=https://e.com/a&" * 3).status_code == 400


def connection(mock: Any) -> Any:
    address = urlsplit(mock.base_url)
    raw = socket.create_connection((address.hostname, address.port), timeout=HANGS)
    raw.settimeout(HANGS)
    return raw


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00 this is TLS\r\n\r\n",
        b"GET /usage HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \x00sesame\r\n\r\n",
        b"GET /usage HTTP/1.1\r\nHost: x\r\nBad Header\r\n\r\n",
        b"GET / usage HTTP/1.1\r\n\r\n",
        b"BREW /usage HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /gen/image HTTP/1.1\r\nHost: x\r\nContent-Length: nine\r\n\r\n",
        b"POST /gen/image HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\nsesame\r\n\r\n",
    ],
)
def test_what_is_not_http_gets_a_json_400_without_an_echo(
    mock: RunningMock, request_bytes: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with connection(mock) as raw, caplog.at_level(logging.DEBUG):
        raw.sendall(request_bytes)
        answer = b""
        while piece := raw.recv(65_536):
            answer += piece
            if b"}}" in answer:
                break
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.split(b" ")[1] == b"400"
    assert b"Access-Control-Allow-Origin: *" in head
    assert json.loads(body)["error"]["code"] == "invalid_request"
    assert b"sesame" not in answer
    assert "sesame" not in caplog.text


CHUNKED = (
    f"POST {CHAT_PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n"
).encode()


@pytest.mark.parametrize(
    "rest",
    [b"zz\r\n", b"1\r\nbc", b"0\r\nX: " + b"a" * 100_000, b"0\r\nX\r\n\r\n"],
    ids=["no size", "no line break", "a long trailer", "no trailer"],
)
def test_a_body_that_breaks_in_a_later_packet_is_a_400_and_ends_the_connection(
    mock: RunningMock, rest: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with connection(mock) as raw:
        raw.sendall(CHUNKED)
        time.sleep(0.02)
        raw.sendall(rest)
        answer = b""
        while piece := raw.recv(65_536):
            answer += piece
        raw.sendall(
            b"a" * MIB
        )  # what is still under way would reset a closed connection, and lose the answer
    assert answer.count(b"HTTP/1.") == 1
    assert answer.split(b" ")[1] == b"400"
    assert caplog.text == ""


@pytest.mark.parametrize("host", ["elsewhere", "xn--a", "[v1.x]", "user:word@elsewhere:80"])
def test_the_host_of_an_absolute_target_does_not_matter(mock: RunningMock, host: Any) -> None:
    with connection(mock) as raw:
        raw.sendall(f"GET http://{host}/usage?a=%41 HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert raw.recv(100).split(b" ")[1] == b"200"


@pytest.mark.parametrize(
    ("line", "fields", "status", "words"),
    [
        (b"/gen/image/" + b"a" * MIB, b"", b"413", b"request line"),
        (b"/usage", b"X: " + b"a" * MIB + b"\r\n", b"431", b"65536 bytes"),
        (b"/usage", b"X: a\r\n" * 128, b"431", b"128 header fields"),
        (b"/usage", b"X: a\r\n" * 127, b"200", b"usage"),
    ],
    ids=["line", "field", "fields", "enough"],
)
def test_a_head_that_is_too_large_is_a_413_or_431(
    mock: RunningMock, line: bytes, fields: bytes, status: bytes, words: bytes
) -> None:
    with connection(mock) as raw:
        raw.sendall(b"GET " + line + b" HTTP/1.1\r\nHost: x\r\n" + fields + b"\r\n")
        answer = raw.recv(65_536)
        if status != b"200":
            while raw.recv(65_536):
                pass
            raw.sendall(b"a" * MIB)
    assert answer.split(b" ")[1] == status
    assert words in answer


def test_who_never_stops_sending_what_is_not_http_is_cut_off(
    mock: RunningMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_connection, "_LINGER_SECONDS", 0.01)
    with connection(mock) as raw:
        raw.sendall(b"hello\r\n\r\n")
        assert b" 400 " in raw.recv(65_536)
        with pytest.raises(ConnectionError):
            send_for_ever(raw)


def send_for_ever(raw: socket.socket) -> NoReturn:
    while True:
        raw.sendall(b"a" * 1000)


def test_a_client_that_leaves_in_the_middle_of_its_body_leaves_no_trace(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with running() as mock, caplog.at_level(logging.WARNING):
        with connection(mock) as raw:
            raw.sendall(
                b"POST /gen/image HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"Content-Length: 99\r\n\r\n{"
            )
            time.sleep(0.05)
        time.sleep(0.05)
        assert asyncio.run(mock.state.ledger.store.rows()) == []
    assert caplog.text == ""


def test_logs_and_answers_never_show_a_bearer(
    mock: RunningMock, caplog: pytest.LogCaptureFixture, capfd: Any, make_client: Callable[..., Client]
) -> None:
    canary = "ipa_live_canarycanarycanarycanary"
    client = make_client(Authorization=f"Bearer {canary}")
    with caplog.at_level(logging.DEBUG):
        for path in ("/usage", "/gen/image/x", "/nope"):
            assert canary not in client.get(path).text
        assert canary not in client.post_raw(CHAT_PATH, b"{").text
    out, err = capfd.readouterr()
    assert canary not in caplog.text + out + err


def test_a_connection_gives_way_to_others_every_few_kilobytes(
    mock: RunningMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A body in chunks of a byte costs five hundred times what its length says."""
    sizes: list[int] = []
    received = web.RequestHandler.data_received

    def counted(protocol: Any, data: bytes) -> None:
        sizes.append(len(data))
        received(protocol, data)

    monkeypatch.setattr(web.RequestHandler, "data_received", counted)
    chunks = b"1\r\n \r\n" * 200_000
    with connection(mock) as raw:
        head = f"POST {CHAT_PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        raw.sendall(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")
        assert raw.recv(100).split(b" ")[1] == b"400"
    assert sum(sizes) > len(chunks)
    assert max(sizes) <= 32 * 1024


@pytest.mark.parametrize("start", ["", "/v1", "/gen/v1"])
def test_a_wrong_base_url_of_an_sdk_is_told_the_right_one(caller: Client, start: str) -> None:
    response = caller.post_raw(f"{start}/chat/completions", b"{}")
    assert response.status_code == 404
    assert response.json()["error"]["message"] == (
        "There is nothing at this path; the base URL for OpenAI's SDKs is the mock's address and /gen."
    )
    assert "SDK" not in caller.post_raw("/v1/chat", b"{}").text


def test_amounts_of_one_are_told_in_the_singular(caller: Client) -> None:
    error = caller.post_raw(CHAT_PATH, b'{"messages": []}').json()["error"]
    assert error["message"] == "messages: expected at least 1 item."
