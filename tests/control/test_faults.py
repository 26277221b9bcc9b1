"""Every fault, seen by a real client as what it claims to be: the openai SDK, or the bytes on a socket."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, cast

import httpx2
import openai
import pytest
from lightning_mock.background import RunningMock
from lightning_mock.faults.kinds import KINDS
from lightning_mock.faults.parse import MAX_TOTAL_BYTES

from .conftest import HELLO, Control, User, Wire, chunks_of

HELLO_STREAM = json.dumps({**HELLO, "stream": True}).encode()
CHAT = "/gen/chat/completions"


@pytest.fixture
def sdk(user: User, mock: RunningMock) -> Iterator[Any]:
    """An SDK client of the user, that tells rather than tries again."""
    with openai.OpenAI(base_url=f"{mock.base_url}/gen", api_key=user.key, max_retries=0) as client:
        yield client


@pytest.fixture
def arm(user: User, shared: Control) -> Any:
    """Arm a fault for the user of the test alone."""

    def armed(kind: Any, **fields: Any) -> Any:
        fields["match"] = {"user": user.id, **fields.get("match", {})}
        return shared.fault(kind, **fields)

    return armed


@pytest.fixture
def raw(wire: Callable[[str], Wire], mock: RunningMock, user: User) -> Any:
    """Send one streamed chat and read whatever comes back."""

    def ask(method: Any = "POST", path: Any = CHAT, body: Any = HELLO_STREAM) -> Any:
        connection = wire(mock.base_url)
        connection.send(method, path, body, Authorization=f"Bearer {user.key}")
        return connection

    return ask


def stream(client: Any) -> Any:
    return client.chat.completions.create(model="x", stream=True, **HELLO)


def ask(client: Any) -> Any:
    return client.chat.completions.create(model="x", **HELLO)


def events_of(response: bytes) -> list[str]:
    """The data of every event of a chunked response."""
    chunks, _ = chunks_of(response)
    blocks = b"".join(chunks).decode().split("\n\n")
    return [block.removeprefix("data: ") for block in blocks if block]


def words_of(chunks: Any) -> str:
    return "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)


ERRORS = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    413: openai.APIStatusError,
    429: openai.RateLimitError,
    500: openai.InternalServerError,
    502: openai.InternalServerError,
    503: openai.InternalServerError,
    504: openai.InternalServerError,
}


@pytest.mark.parametrize("status", ERRORS)
@pytest.mark.parametrize("when", ["before_charge", "after_charge"])
def test_a_failure_is_an_error_of_the_sdk_and_costs_nothing(
    arm: Any, sdk: Any, user: User, status: Any, when: Any
) -> None:
    fault = arm("status", status=status, when=when, message="So it is.", times=1)
    with pytest.raises(ERRORS[status]) as caught:
        ask(sdk)
    assert caught.value.status_code == status
    assert cast(Any, caught.value.body)["message"] == "So it is."
    assert user.used()["cloudChatDaily"] == 0
    entry = user.control("GET", f"/journal?user={user.id}&operation=POST {CHAT}")["entries"][-1]
    assert entry["fault"] == {"id": fault["id"], "kind": "status"}
    assert (entry["units"] is None) == (when == "before_charge")
    assert ask(sdk).choices[0].message.content
    assert user.used()["cloudChatDaily"] == 1


@pytest.mark.parametrize(("when", "status"), [("before_charge", 500), ("after_charge", 429)])
def test_a_failure_before_the_charge_hides_a_reached_limit_and_one_after_it_does_not(
    arm: Any, user: User, shared: Control, when: Any, status: Any
) -> None:
    shared("POST", f"/identities/{user.identity}/exhaust", {"metric": "cloudChatDaily"})
    arm("status", status=500, when=when)
    assert user.chat().status_code == status


def test_a_refused_call_does_not_use_up_a_failure(arm: Any, user: User, shared: Control) -> None:
    fault = arm("status", status=500, times=1)
    assert user.call("POST", CHAT, {"messages": "none"}).status_code == 400
    assert user.chat().status_code == 500
    assert user.chat().status_code == 200
    [seen] = [found for found in shared("GET", "/faults")["faults"] if found["id"] == fault["id"]]
    assert (seen["fired"], seen["left"]) == (1, 0)


def test_the_sdk_gets_through_two_failures_by_trying_again(arm: Any, user: User, mock: RunningMock) -> None:
    arm("status", status=500, times=2)
    with openai.OpenAI(base_url=f"{mock.base_url}/gen", api_key=user.key, max_retries=2) as client:
        assert ask(client).choices
    assert user.used()["cloudChatDaily"] == 1


def test_latency_makes_the_sdk_run_out_of_time(arm: Any, sdk: Any, user: User) -> None:
    arm("latency", seconds=0.6, times=1)
    with pytest.raises(openai.APITimeoutError):
        ask(sdk.with_options(timeout=0.1))
    arm("latency", seconds=0.2, times=1)
    began = time.perf_counter()
    assert ask(sdk).choices
    assert 0.2 <= time.perf_counter() - began < 5


def test_latency_meets_a_refused_bearer_too(shared: Control, mock: RunningMock) -> None:
    shared.fault("latency", seconds=0.2, times=1, match={"header": {"X-Test": "late"}})
    began = time.perf_counter()
    headers = {"Authorization": "Bearer nonsense", "x-test": "late"}
    assert httpx2.get(f"{mock.base_url}/usage", headers=headers).status_code == 401
    assert time.perf_counter() - began >= 0.2


def test_a_reset_before_the_first_byte_is_a_connection_error(arm: Any, sdk: Any, raw: Any) -> None:
    arm("reset", times=1)
    arm("reset", times=1, after_bytes=0)
    with pytest.raises(openai.APIConnectionError):
        ask(sdk)
    assert raw().read() == (b"", "reset")
    assert ask(sdk).choices


@pytest.mark.parametrize(("when", "cost"), [("before_charge", 0), ("after_charge", 1)])
def test_a_reset_comes_before_the_charge_or_after_it(
    arm: Any, raw: Any, user: User, when: str, cost: int
) -> None:
    arm("reset", when=when, times=2, match={"operation": f"POST {CHAT}"})
    for body in (HELLO_STREAM, json.dumps(HELLO).encode()):
        assert raw(body=body).read() == (b"", "reset")
    assert user.used()["cloudChatDaily"] == 2 * cost
    assert user.chat().status_code == 200


def test_a_reset_before_the_charge_hides_a_reached_limit_and_one_after_it_does_not(
    arm: Any, user: User, shared: Control
) -> None:
    shared("POST", f"/identities/{user.identity}/exhaust", {"metric": "cloudChatDaily"})
    arm("reset", times=1)
    assert user.chat().status_code == 429
    arm("reset", when="before_charge", times=1)
    with pytest.raises(httpx2.TransportError):
        user.chat()


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/status"), ("GET", "/status/"), *(("HEAD", f"/status/{name}") for name in ("image", "text"))],
)
def test_the_status_routes_can_fail(own: Any, wire: Any, method: str, path: str) -> None:
    for fault, expected in (
        ({"kind": "status", "status": 503}, b"HTTP/1.1 503"),
        ({"kind": "content_type", "content_type": "text/plain"}, b"HTTP/1.1 200"),
        ({"kind": "cold_start", "seconds": 60}, b"HTTP/1.1 503"),
    ):
        own("POST", "/faults", {**fault, "match": {"operation": "/status*"}})
        connection = wire(own.base_url)
        connection.send(method, path, Connection="close")
        received, end = connection.read()
        assert received.startswith(expected)
        assert (method == "HEAD") == received.endswith(b"\r\n\r\n")
        assert end == "closed"
        own("DELETE", "/faults")
    own.fault("reset", when="before_charge", match={"operation": "/status*"})
    connection = wire(own.base_url)
    connection.send(method, path)
    assert connection.read() == (b"", "reset")


@pytest.mark.parametrize("streamed", [False, True])
def test_a_reset_in_the_middle_comes_after_exactly_so_many_bytes(arm: Any, raw: Any, streamed: Any) -> None:
    arm("reset", after_bytes=100, times=1)
    body = json.dumps({**HELLO, "stream": streamed}).encode()
    received, end = raw(body=body).read()
    assert received.startswith(b"HTTP/1.1 200")
    assert end == "reset"
    chunks, complete = chunks_of(received)
    content = b"".join(chunks) if streamed else received.partition(b"\r\n\r\n")[2]
    assert len(content) == 100
    assert not complete


def test_a_reset_in_mid_stream_breaks_the_sdks_stream(arm: Any, sdk: Any) -> None:
    arm("reset", after_bytes=700, times=1)
    chunks = []
    with pytest.raises((openai.APIError, httpx2.TransportError)):
        chunks.extend(stream(sdk))
    assert words_of(stream(sdk))


def test_a_truncated_stream_ends_cleanly_without_done(arm: Any, raw: Any, sdk: Any) -> None:
    arm("truncate", after_events=4, times=2)
    received, _ = _until_end(raw())
    events = events_of(received)
    assert len(events) == 4
    assert "[DONE]" not in events
    chunks = list(stream(sdk))
    assert len(chunks) == 4
    assert not any(c.choices and c.choices[0].finish_reason for c in chunks)
    assert list(stream(sdk))[-1].choices[0].finish_reason == "stop"


def test_a_truncated_picture_is_shorter_than_announced(arm: Any, raw: Any) -> None:
    arm("truncate", times=1)
    received, end = raw("GET", "/gen/image/harbour", b"").read()
    head, _, content = received.partition(b"\r\n\r\n")
    announced = int(head.lower().partition(b"content-length: ")[2].split()[0])
    assert end == "closed"
    assert 0 < len(content) < announced


def test_reordered_events_are_the_same_events_in_another_order(arm: Any, raw: Any, sdk: Any) -> None:
    honest = words_of(stream(sdk))
    arm("reorder", times=2)
    mixed = words_of(stream(sdk))
    assert mixed != honest
    assert sorted(mixed) == sorted(honest)
    received, _ = _until_end(raw())
    events = events_of(received)
    assert "router_metadata" in events[0]
    assert events[-1] == "[DONE]"


def test_duplicated_events_say_everything_twice(arm: Any, sdk: Any) -> None:
    honest = [c.choices[0].delta.content for c in stream(sdk) if c.choices and c.choices[0].delta.content]
    arm("duplicate", times=1)
    doubled = [c.choices[0].delta.content for c in stream(sdk) if c.choices and c.choices[0].delta.content]
    assert doubled == [word for word in honest for _ in range(2)]


def test_a_malformed_event_cannot_be_read_and_the_others_can(arm: Any, raw: Any, sdk: Any) -> None:
    arm("malform", after_events=3, times=2)
    received, _ = _until_end(raw())
    readable = [_is_json(event) for event in events_of(received)[:-1]]
    assert readable.count(False) == 1
    assert readable[3] is False
    with pytest.raises((json.JSONDecodeError, openai.APIError)):
        list(stream(sdk))


def test_a_malformed_reply_is_half_of_it_under_an_honest_length(arm: Any, user: User) -> None:
    arm("malform", times=1)
    answer = user.chat()
    assert answer.status_code == 200
    assert not _is_json(answer.text)
    assert int(answer.headers["content-length"]) == len(answer.content)


def test_a_stalled_stream_goes_on_after_its_time(arm: Any, sdk: Any) -> None:
    arm("stall", after_events=3, seconds=0.3, times=1)
    times = [time.perf_counter() for _ in stream(sdk)]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert gaps.index(max(gaps)) == 2
    assert max(gaps) >= 0.25


def test_a_stalled_picture_waits_for_its_second_half(arm: Any, user: User) -> None:
    arm("stall", seconds=0.2, times=1)
    began = time.perf_counter()
    assert user.call("GET", "/gen/image/harbour").status_code == 200
    assert time.perf_counter() - began >= 0.2


def test_a_stall_without_end_makes_the_sdk_run_out_of_time(arm: Any, sdk: Any) -> None:
    arm("stall", after_events=2, times=1)
    with pytest.raises((openai.APITimeoutError, httpx2.ReadTimeout)):
        list(stream(sdk.with_options(timeout=0.3)))
    assert words_of(stream(sdk))


def test_a_stalled_stream_goes_on_when_the_fault_is_removed(arm: Any, shared: Control, sdk: Any) -> None:
    fault = arm("stall", after_events=2)
    timer = threading.Timer(0.3, lambda: shared.ask("DELETE", f"/faults/{fault['id']}"))
    timer.start()
    assert words_of(stream(sdk))
    timer.join()


def test_single_bytes_make_the_same_stream(arm: Any, raw: Any, sdk: Any) -> None:
    arm("refragment", split="byte", times=2)
    received, _ = _until_end(raw())
    chunks, complete = chunks_of(received)
    assert complete
    assert {len(chunk) for chunk in chunks} == {1}
    assert events_of(received)[-1] == "[DONE]"
    assert words_of(stream(sdk)) == words_of(stream(sdk))


def test_cuts_inside_characters_make_the_same_words(arm: Any, raw: Any, sdk: Any) -> None:
    arm("refragment", split="utf8", times=2)
    body = json.dumps({"messages": [{"role": "user", "content": "Grüße aus Łódź, 東京 🚢"}], "stream": True})
    received, _ = _until_end(raw(body=body.encode()))
    chunks, complete = chunks_of(received)
    assert complete
    assert sum(not _is_utf8(chunk) for chunk in chunks) > 3
    assert _is_utf8(b"".join(chunks))
    assert "Łódź" in words_of(
        sdk.chat.completions.create(
            model="x", stream=True, messages=[{"role": "user", "content": "Grüße aus Łódź, 東京 🚢"}]
        )
    )


def test_a_whole_reply_can_come_in_small_pieces(arm: Any, user: User) -> None:
    honest = user.call("GET", "/usage").json()
    arm("refragment", split=7, times=1, match={"operation": "getUsage"})
    answer = user.call("GET", "/usage")
    assert answer.json()["usage"] == honest["usage"]
    assert int(answer.headers["content-length"]) == len(answer.content)


def test_a_wrong_content_type_covers_the_right_bytes(arm: Any, user: User, sdk: Any) -> None:
    arm("content_type", content_type="text/html", times=2)
    answer = user.chat()
    assert answer.headers["content-type"] == "text/html"
    assert answer.json()["choices"]
    streamed = user.chat(stream=True)
    assert streamed.headers["content-type"] == "text/html"
    assert streamed.text.endswith("data: [DONE]\n\n")


def test_a_cold_start_is_a_page_until_the_clock_has_moved(own: Control) -> None:
    user = own.user("light")
    own("POST", "/clock", {"frozen": True})
    own.fault("cold_start", seconds=30)
    for answer in (user.chat(), httpx2.get(f"{own.base_url}/tiers"), user.call("GET", "/usage", bearer="x")):
        assert answer.status_code == 503
        assert answer.headers["content-type"] == "text/html"
        assert answer.headers["retry-after"] == "30"
        assert answer.text.startswith("<!doctype html>")
    with (
        openai.OpenAI(base_url=f"{own.base_url}/gen", api_key=user.key, max_retries=0) as client,
        pytest.raises(openai.InternalServerError),
    ):
        ask(client)
    own.advance(seconds=29)
    assert user.chat().status_code == 503
    own.advance(seconds=1)
    assert user.chat().status_code == 200
    assert user.used()["cloudChatDaily"] == 1


MAKE, SHOW, USAGE = ("POST", "/gen/image"), ("GET", "/gen/image/x"), ("GET", "/usage")


@pytest.mark.parametrize(
    ("match", "struck", "spared"),
    [
        ({"operation": "POST /gen/image"}, [MAKE], [SHOW, USAGE]),
        ({"operation": "getImage"}, [SHOW], [MAKE, USAGE]),
        ({"operation": "/gen/image*"}, [MAKE, SHOW], [USAGE]),
        ({"operation": "GET /gen/*"}, [SHOW], [MAKE, USAGE]),
        ({"header": {"X-Test": "yes"}}, [], [MAKE, SHOW, USAGE]),
        ({}, [MAKE, SHOW, USAGE], []),
    ],
)  # fmt: skip
def test_a_fault_meets_the_calls_that_match_and_no_others(
    arm: Any, user: User, match: Any, struck: Any, spared: Any
) -> None:
    arm("status", status=502, match=match)
    for method, path in struck:
        assert user.call(method, path, {"prompt": "x"} if method == "POST" else None).status_code == 502
    for method, path in spared:
        assert user.call(method, path, {"prompt": "x"} if method == "POST" else None).status_code == 200


def test_a_fault_meets_the_header_that_it_names(arm: Any, user: User) -> None:
    arm("status", status=502, match={"header": {"X-Test": "yes"}})
    assert user.call("GET", "/usage", headers={"x-test": "yes"}).status_code == 502
    assert user.call("GET", "/usage", headers={"x-test": "no"}).status_code == 200


def test_a_credential_that_a_fault_waits_for_is_shown_nowhere_and_matches(own: Control) -> None:
    user = own.user()
    bearer = {"Authorization": f"Bearer {user.key}"}
    made = own.fault("status", status=503, match={"header": bearer})
    shown = [made, own("GET", "/faults")["faults"][0], own("GET", "/state")["faults"][0]]
    assert [fault["match"]["header"] for fault in shown] == [{"authorization": "[redacted]"}] * 3
    own("POST", "/restore", own("GET", "/snapshot"))
    assert user.call("GET", "/usage").status_code == 503
    assert user.call("GET", "/usage", bearer=user.jwt).status_code == 200


def test_a_fault_of_a_signed_out_caller_meets_nobody_else(
    shared: Control, mock: RunningMock, user: User
) -> None:
    shared.fault("status", status=503, match={"identity": "client:a-client-of-one-test"})
    met = httpx2.get(f"{mock.base_url}/usage", headers={"X-Client-ID": "a-client-of-one-test"})
    spared = httpx2.get(f"{mock.base_url}/usage", headers={"X-Client-ID": "another-client-of-it"})
    assert (met.status_code, spared.status_code) == (503, 200)
    assert user.call("GET", "/usage").status_code == 200


def test_faults_of_one_kind_queue_and_kinds_act_together(arm: Any, user: User) -> None:
    arm("status", status=500, times=1)
    arm("status", status=503, times=1)
    arm("latency", seconds=0.1, times=1)
    began = time.perf_counter()
    assert user.chat().status_code == 500
    assert time.perf_counter() - began >= 0.1
    assert [fault["kind"] for fault in user.entry()["faults"]] == ["latency", "status"]
    assert [user.chat().status_code for _ in range(2)] == [503, 200]


def test_a_stream_fault_waits_for_a_stream(arm: Any, user: User, sdk: Any) -> None:
    arm("duplicate", times=1)
    assert user.chat().status_code == 200
    assert user.entry()["fault"] is None
    assert user.chat(stream=True).text.count('"role":"assistant"') == 2
    assert user.entry()["fault"]["kind"] == "duplicate"


def test_a_seeded_probability_fails_the_same_calls_again(arm: Any, shared: Control, user: User) -> None:
    def run() -> Any:
        fault = arm("status", status=503, probability=0.5, seed=7, match={"operation": "getUsage"})
        found = [user.call("GET", "/usage").status_code for _ in range(20)]
        shared("DELETE", f"/faults/{fault['id']}")
        return found

    first = run()
    assert {200, 503} == set(first)
    assert run() == first


def test_the_next_two_calls_of_many_at_once_are_struck_and_no_more(arm: Any, user: User) -> None:
    arm("status", status=500, times=2)
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(user.chat().status_code)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200] * 6 + [500] * 2
    assert user.used()["cloudChatDaily"] == 6


def test_removed_faults_do_nothing(own: Control) -> None:
    user = own.user("light")
    first = own.fault("status", status=500)
    own.fault("latency", seconds=60)
    assert own("DELETE", f"/faults/{first['id']}")["id"] == first["id"]
    own.refuse("DELETE", f"/faults/{first['id']}", status=404)
    assert len(own("DELETE", "/faults")["faults"]) == 1
    assert user.chat().status_code == 200
    assert own("GET", "/faults") == {"faults": []}


NAMES = ", ".join(KINDS)


@pytest.mark.parametrize(
    ("body", "allowed"),
    [
        ({}, NAMES),
        ({"kind": "fire"}, NAMES),
        ({"kind": ["status"]}, NAMES),
        ([], "an object"),
        ({"kind": "status"}, "status: this field is required"),
        ({"kind": "status", "status": 418}, "400, 401, 413, 429, 500, 502, 503, 504"),
        ({"kind": "status", "status": 500, "when": "later"}, "before_charge, after_charge"),
        ({"kind": "status", "status": 500, "seconds": 1}, "status, when, message"),
        ({"kind": "latency", "seconds": -1}, "at least 0"),
        ({"kind": "latency", "seconds": 1, "times": 0}, "at least 1"),
        ({"kind": "latency", "seconds": 1, "probability": 1.5}, "at most 1"),
        ({"kind": "reset", "after_bytes": -1}, "at least 0"),
        ({"kind": "refragment"}, "split: this field is required"),
        ({"kind": "refragment", "split": "word"}, "byte, utf8"),
        ({"kind": "content_type", "content_type": "text/html\r\nX: y"}, "match"),
        ({"kind": "content_type", "content_type": "html"}, "match"),
        ({"kind": "cold_start", "seconds": 0}, "more than 0"),
        ({"kind": "reset", "match": {"path": "/x"}}, "operation, identity, user, header"),
        ({"kind": "reset", "match": {"operation": "POST /nothing"}}, "POST /gen/image"),
        ({"kind": "reset", "match": {"operation": "*"}}, "POST /gen/image"),
        ({"kind": "reset", "match": {"user": "nobody"}}, "GET /__mock__/users"),
        ({"kind": "reset", "match": {"header": {"x": 1}}}, "a string"),
        ({"kind": "reset", "match": {"header": {}}}, "at least 1 field"),
    ],
)  # fmt: skip
def test_a_fault_that_means_nothing_is_refused(shared: Control, body: Any, allowed: Any) -> None:
    assert allowed in shared.refuse("POST", "/faults", body)


def _until_end(connection: Any) -> Any:
    """A response on a connection that stays open: everything until the last chunk."""
    received = b""
    while not received.endswith(b"\r\n0\r\n\r\n"):
        piece = connection.socket.recv(65536)
        assert piece, "the connection ended early"
        received += piece
    return received, "open"


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def test_all_faults_are_bounded_together(own: Control) -> None:
    """Every call looks at each of them."""
    one = {"kind": "status", "status": 500, "match": {"header": {"X-A": "b" * 900_000}}}
    for _ in range(9):
        own("POST", "/faults", one)
    said = own.refuse("POST", "/faults", one)
    assert said.startswith(f"all faults together take more than {MAX_TOTAL_BYTES} bytes; remove those")
    own("DELETE", "/faults")
    own("POST", "/faults", {"kind": "status", "status": 500})
    snapshot = own("GET", "/snapshot")
    snapshot["faults"] *= 9000
    assert "faults: all faults together" in own.refuse("POST", "/restore", snapshot)
