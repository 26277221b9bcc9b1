"""Every answer is read within bounds of time and size, one host at a time and politely."""

from __future__ import annotations

import json
import socket
import threading
import time
from pathlib import Path

import pytest
from lightning_verify.judging.evidence import Recorder
from lightning_verify.judging.redaction import Redactor
from lightning_verify.requests.callers import USER_AGENT, anonymous, bearer, by_user_agent
from lightning_verify.requests.valid import CALLS
from lightning_verify.target import Target
from lightning_verify.transport import client as client_module
from lightning_verify.transport import pacing
from lightning_verify.transport.client import EXCERPT, Client, HostGone, Timeouts
from lightning_verify.transport.exchange import encoded
from lightning_verify.transport.liveness import MAX_UNANSWERED

from tests.judge.tiny_server import Answer, Asked, tiny
from tests.judge.tools import client_of

QUICK = Timeouts(reading=0.3, generating=0.6, idle=0.15)
CHAT = CALLS["createChatCompletion"]


def hanging(_: Asked) -> Answer:
    return Answer(pieces=(), hang=True)


def test_an_answer_that_does_not_come_is_given_up(tmp_path: Path) -> None:
    with tiny(hanging) as host, client_of(host.base_url, tmp_path, timeouts=QUICK) as (client, _):
        read = client.send("GET", "/usage", anonymous())
        made = client.send("POST", CHAT.path, anonymous(), json_body=CHAT.body)
    assert read.problem == "no complete answer within 0.3 s"
    assert made.problem == "no complete answer within 0.6 s"


def test_a_body_that_stops_is_given_up_before_the_deadline(tmp_path: Path) -> None:
    def stalled(_: Asked) -> Answer:
        return Answer(pieces=(b"data: 1\n\n",), hang=True)

    patient = Timeouts(reading=20, generating=20, idle=0.15)
    with tiny(stalled) as host, client_of(host.base_url, tmp_path, timeouts=patient) as (client, _):
        exchange = client.send("GET", "/usage", anonymous())
    assert exchange.problem == "nothing more was received for 0.15 s (after part of the body)"
    assert exchange.body == b"data: 1\n\n"
    assert exchange.seconds < 5


@pytest.mark.parametrize(("on_a_free_route", "asked"), [(True, 2), (False, 1)])
def test_a_429_that_says_nothing_is_asked_again_where_free_routes_get_one_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_a_free_route: bool, asked: int
) -> None:
    monkeypatch.setattr("lightning_verify.transport.retries.BURST_DELAYS", (0.01, 0.01, 0.01))
    first = [Answer(), Answer(429), Answer()] if on_a_free_route else [Answer()]
    answers = iter([*first, Answer(429), Answer()])
    with tiny(lambda _: next(answers)) as host, client_of(host.base_url, tmp_path) as (client, _):
        for _ in range(2 if on_a_free_route else 1):
            client.send("GET", "/status", anonymous())
        chat = client.send("POST", CHAT.path, anonymous(), json_body=CHAT.body)
    # Without the sign it is taken for a plan's limit.
    assert chat.served is on_a_free_route
    assert [one.path for one in host.asked].count(CHAT.path) == asked


def test_a_root_that_leads_to_its_site_for_a_moment_only_is_the_hosts_own(tmp_path: Path) -> None:
    statuses = iter([302, 301, 302])

    def leads(_: Asked) -> Answer:
        return Answer(next(statuses), {"Location": "https://example.com/"})

    with tiny(leads) as host, client_of(host.base_url, tmp_path) as (client, _):
        looks = [client.send("GET", "/", anonymous(), retry=False) for _ in range(3)]
    # Before the site is known, it may be a sign-in page that somebody else leads to.
    assert [look.leads_away for look in looks] == [True, False, False]


@pytest.mark.parametrize(
    ("method", "status", "location", "fetched"),
    [
        ("POST", 303, "/files/1", True),
        ("POST", 302, "/files/1", True),
        ("GET", 307, "/files/1", True),
        # It would send the request, and be charged, once more.
        ("POST", 307, "/files/1", False),
        ("POST", 303, "/gen/image/again", False),
        ("POST", 303, "https://example.com/login", False),
    ],
)
def test_what_a_generation_redirects_to_is_its_answer_if_it_is_free_and_the_hosts_own(
    tmp_path: Path, method: str, status: int, location: str, fetched: bool
) -> None:
    def redirect(asked: Asked) -> Answer:
        if asked.path == "/files/1":
            return Answer(200, {"Content-Type": "image/png"}, (b"picture",))
        return Answer(status, {"Location": location, "X-Asset-Url": "/asset-cdn/assets/1"})

    image = CALLS["createImage" if method == "POST" else "getImage"]
    with tiny(redirect) as host, client_of(host.base_url, tmp_path) as (client, _):
        exchange = client.send(method, image.path, anonymous(), json_body=image.body)
    assert exchange.served is fetched
    assert exchange.redirected is fetched
    assert exchange.header("X-Asset-Url") == "/asset-cdn/assets/1"
    assert (exchange.header("Location") is None) is fetched
    assert [asked.path for asked in host.asked] == [image.path, *["/files/1"] * fetched]
    curl = Recorder(host.base_url, Redactor({})).record(exchange)["request"]["curl"]
    assert (" -L " in curl) is fetched


def test_a_host_may_think_before_the_first_piece_and_talk_for_long(tmp_path: Path) -> None:
    def slowly(_: Asked) -> Answer:
        time.sleep(0.3)
        return Answer(pieces=(b"x" * 10,) * 3)

    patient = Timeouts(reading=20, generating=20, idle=0.15)
    with tiny(slowly) as host, client_of(host.base_url, tmp_path, timeouts=patient) as (client, _):
        exchange = client.send("GET", "/usage", anonymous())
    assert (exchange.problem, exchange.status, len(exchange.body)) == (None, 200, 30)


def test_a_host_that_leaves_requests_in_a_row_unanswered_is_not_asked_again(tmp_path: Path) -> None:
    with tiny(hanging) as host, client_of(host.base_url, tmp_path, timeouts=QUICK) as (client, _):
        for _attempt in range(MAX_UNANSWERED):
            client.send("GET", "/usage", anonymous())
        for _attempt in range(2):
            with pytest.raises(HostGone):
                client.send("GET", "/tiers", anonymous())
    # One plain question more, whether it was something about those requests, and never again.
    assert len(host.asked) == MAX_UNANSWERED + 1
    assert host.asked[-1].path == "/status"


def test_a_firewall_that_swallows_some_requests_is_not_the_end(tmp_path: Path) -> None:
    def firewall(asked: Asked) -> Answer:
        return Answer(drop=True) if b"{{" in asked.body else Answer()

    with tiny(firewall) as host, client_of(host.base_url, tmp_path) as (client, _):
        for _attempt in range(2 * MAX_UNANSWERED):
            swallowed = client.send("POST", CHAT.path, anonymous(), body=b"{{", lane="free")
        assert swallowed.problem
        assert client.send("GET", "/usage", anonymous()).served


WELL = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"220 mail.example ESMTP\r\n\r\n", "the host does not speak HTTP here; is it https://?"),
        (WELL + b"X y: 1\r\n\r\n", "the answer is no HTTP that can be read: Invalid header token"),
        (WELL + b"X: " + b"x" * 100_000 + b"\r\n\r\n", "the answer is no HTTP that can be read: Got more"),
        (WELL + b"Content-Encoding: zstd\r\n\r\n", "the body is in an encoding that was not offered"),
        (WELL + b"Content-Length: 9\r\n\r\nabc", "(received 3 of 9 bytes). (after part of the body)"),
        (WELL + b"Content-Encoding: gzip\r\n\r\nplain text", "or is not encoded as its headers say"),
    ],
)
def test_an_answer_that_cannot_be_read_says_why_and_shows_no_status_that_was_not_sent(
    answer: bytes, says: str, tmp_path: Path
) -> None:
    def talk(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            while b"\r\n\r\n" not in connection.recv(65_536):
                pass
            connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=talk, args=(server,), daemon=True).start()
        with client_of(f"http://127.0.0.1:{server.getsockname()[1]}", tmp_path) as (client, _):
            problem = client.send("GET", "/usage", anonymous()).problem or ""
    assert says in problem
    assert "400" not in problem


def ask_for_ever(client: Client) -> None:
    while True:
        client.send("GET", "/usage", anonymous())
        client.send("POST", CHAT.path, anonymous(), json_body=CHAT.body)


def test_a_host_that_answers_now_and_then_cannot_cost_a_day(tmp_path: Path) -> None:
    def now_and_then(asked: Asked) -> Answer:
        return Answer() if asked.path == "/usage" else hanging(asked)

    with tiny(now_and_then) as host, client_of(host.base_url, tmp_path, timeouts=QUICK) as (client, _):
        started = time.monotonic()
        with pytest.raises(HostGone, match="unanswered for 2 s"):
            ask_for_ever(client)
        assert time.monotonic() - started < 10


def test_an_answer_in_between_restores_patience(tmp_path: Path) -> None:
    def every_third(asked: Asked) -> Answer:
        return Answer() if asked.path == "/usage" else Answer(drop=True)

    with tiny(every_third) as host, client_of(host.base_url, tmp_path) as (client, _):
        for path in ["/tiers", "/usage"] * 4:
            client.send("GET", path, anonymous())
    # A document is asked for once more, where the connection broke.
    assert len(host.asked) == 12


def test_letters_beyond_ascii_are_sent_escaped_and_as_they_are() -> None:
    bodies = [{"prompt": f"café {number}"} for number in range(20)]
    sent = [encoded(body) for body in bodies]
    assert [json.loads(body) for body in sent] == bodies
    assert {body.isascii() for body in sent} == {True, False}
    assert sent == [encoded(body) for body in bodies]


@pytest.mark.parametrize("number", range(8))
def test_half_a_surrogate_pair_can_be_sent(number: int) -> None:
    assert encoded(["\ud800", number]) == json.dumps(["\ud800", number]).encode()


@pytest.mark.parametrize(("method", "path", "asked"), [("GET", "/usage", 2), ("POST", CHAT.path, 1)])
def test_what_is_free_is_asked_once_more_when_the_connection_breaks(
    tmp_path: Path, method: str, path: str, asked: int
) -> None:
    with (
        tiny(lambda _: Answer(drop=len(host.asked) == 1)) as host,
        client_of(host.base_url, tmp_path) as (client, _),
    ):
        exchange = client.send(method, path, anonymous(), json_body=CHAT.body if method == "POST" else None)
    # What may be charged is not sent twice.
    assert exchange.served is (asked == 2)
    assert len(host.asked) == asked


def test_a_host_may_hang_up_on_oversized_bodies(tmp_path: Path) -> None:
    with tiny(lambda _: Answer(drop=True)) as host, client_of(host.base_url, tmp_path) as (client, _):
        for _attempt in range(MAX_UNANSWERED + 2):
            client.send("POST", CHAT.path, anonymous(), body=b"x" * 300_000)
    assert len(host.asked) == MAX_UNANSWERED + 2


@pytest.mark.parametrize("media_type", ["text/event-stream", "application/json", "video/mp4"])
def test_a_body_is_read_to_its_bound_and_forgotten(
    media_type: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "TEXT_BOUND", 200_000)
    monkeypatch.setattr(client_module, "MEDIA_BOUND", 400_000)

    def long(_: Asked) -> Answer:
        return Answer(200, {"Content-Type": media_type}, (b"x" * 50_000,) * 40)

    with tiny(long) as host, client_of(host.base_url, tmp_path) as (client, _):
        exchange = client.send("GET", "/usage", anonymous())
    bound = 400_000 if media_type == "video/mp4" else 200_000
    assert exchange.truncated
    assert len(exchange.body) == EXCERPT
    assert bound < sum(size for _, size in exchange.arrivals) < bound + 300_000


def test_a_body_within_its_bound_is_kept_whole(tmp_path: Path) -> None:
    with (
        tiny(lambda _: Answer(pieces=(b"x" * 100_000,) * 3)) as host,
        client_of(host.base_url, tmp_path) as (client, _),
    ):
        exchange = client.send("GET", "/usage", anonymous())
    assert (exchange.truncated, len(exchange.body)) == (False, 300_000)


def test_what_is_sent_is_what_the_caller_is(tmp_path: Path) -> None:
    callers = [anonymous(), by_user_agent(), bearer("LIGHTNING_JWT", "a.b.c")]
    with (
        tiny(lambda _: Answer(200, {"Set-Cookie": "a=b"})) as host,
        client_of(host.base_url, tmp_path) as (client, _),
    ):
        for caller in callers:
            client.send("GET", "/usage", caller)
    for asked, caller in zip(host.asked, callers, strict=True):
        assert asked.headers["User-Agent"].startswith(USER_AGENT.partition("/")[0])
        assert asked.headers["Accept"] == "application/json"
        assert "Cookie" not in asked.headers
        sent = {name: asked.headers.get(name) for name in ("User-Agent", "X-Client-ID", "Authorization")}
        assert sent == {name: caller.headers.get(name) for name in sent}


def test_a_proxy_of_the_environment_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with tiny(lambda _: Answer()) as host, client_of(host.base_url, tmp_path) as (client, _):
        assert client.send("GET", "/usage", anonymous()).status == 200


@pytest.mark.parametrize(
    "path", ["/gen/image/%2e%2e%2Fusage", "/gen/image/a%20b%2Fc%25", "/gen/image/%E7%81%AF"]
)
def test_a_path_goes_out_as_it_is_given(path: str, tmp_path: Path) -> None:
    with tiny(lambda _: Answer()) as host, client_of(host.base_url, tmp_path) as (client, _):
        client.send("GET", path, anonymous())
    assert host.paths == [f"GET {path}"]


def test_requests_keep_their_distance_where_a_rate_is_asked_for(tmp_path: Path) -> None:
    with (
        tiny(lambda _: Answer()) as host,
        client_of(host.base_url, tmp_path, rate=20) as (client, _),
    ):
        exchanges = client.send_together([("GET", "/usage", anonymous(), None)] * 4)
    # When they left: on a busy machine the first may arrive late.
    left = sorted(exchange.sent for exchange in exchanges)
    assert left[-1] - left[0] >= 0.12


@pytest.mark.parametrize(
    ("retry_after", "waits"), [("1", True), ("3600", False), ("soon", False), ("-1", False)]
)
def test_a_host_that_asks_for_patience_gets_it_within_reason(
    retry_after: str, waits: bool, tmp_path: Path
) -> None:
    with (
        tiny(lambda _: Answer(429, {"Retry-After": retry_after})) as host,
        client_of(host.base_url, tmp_path, rate=1000) as (client, _),
    ):
        client.send("GET", "/usage", anonymous())
        started = time.monotonic()
        client.send("GET", "/usage", anonymous())
    assert (time.monotonic() - started > 0.9) is waits


def test_a_host_that_limits_bursts_is_asked_again_when_it_says_so(tmp_path: Path) -> None:
    def bursts(_: Asked) -> Answer:
        return Answer(429, {"Retry-After": "0"}) if len(host.asked) % 3 == 1 else Answer()

    with tiny(bursts) as host, client_of(host.base_url, tmp_path) as (client, books):
        assert client.send("POST", CHAT.path, anonymous(), json_body=CHAT.body).served
        assert len(host.asked) == 2
        assert books.bill()["booked"] == {"cloudChatDaily": 2}
        client.send("GET", "/usage", anonymous())
        impatient = client.send("POST", CHAT.path, anonymous(), json_body=CHAT.body, retry=False)
    assert impatient.status == 429
    assert len(host.asked) == 4


def test_a_host_that_limits_bursts_is_asked_more_slowly_from_then_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pacing, "FIRST_GAP", 0.1)
    answers = iter([Answer(429, {"Retry-After": "0"})])
    with tiny(lambda _: next(answers, Answer())) as host, client_of(host.base_url, tmp_path) as (client, _):
        client.send("GET", "/usage", anonymous())
        started = time.monotonic()
        for _ in range(3):
            client.send("GET", "/usage", anonymous())
        assert time.monotonic() - started >= 0.2


def test_sending_again_stops_at_the_cap(tmp_path: Path) -> None:
    with (
        tiny(lambda _: Answer(429, {"Retry-After": "0"})) as host,
        client_of(host.base_url, tmp_path, caps={"cloudChatDaily": 2}) as (client, _),
    ):
        assert client.send("POST", CHAT.path, anonymous(), json_body=CHAT.body).status == 429
    assert len(host.asked) == 2


def test_patience_that_leads_to_nothing_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lightning_verify.transport.retries.MAX_FRUITLESS_WAIT", 0.5)
    with (
        tiny(lambda _: Answer(429, {"Retry-After": "1"})) as host,
        client_of(host.base_url, tmp_path) as (client, _),
    ):
        for _attempt in range(3):
            client.send("GET", "/usage", anonymous())
    assert len(host.asked) == 3


def test_a_run_with_short_deadlines_waits_no_longer_than_they_are(tmp_path: Path) -> None:
    short = Timeouts.within(0.5)
    with (
        tiny(lambda _: Answer(429, {"Retry-After": "1"})) as host,
        client_of(host.base_url, tmp_path, timeouts=short) as (client, _),
    ):
        client.send("GET", "/usage", anonymous())
    assert len(host.asked) == 1


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("GET", "/usage", None, "application/json"),
        ("POST", CHAT.path, {"messages": []}, "application/json"),
        ("POST", CHAT.path, {"messages": [], "stream": True}, "text/event-stream, application/json"),
        ("POST", "/gen/image", {"prompt": "x"}, "*/*"),
        ("GET", "/gen/tts/hello", None, "*/*"),
        ("GET", "/asset-cdn/assets/one", None, "*/*"),
        ("HEAD", "/status/video", None, "*/*"),
    ],
)
def test_json_is_asked_for_where_the_document_promises_it(
    method: str, path: str, body: object, expected: str, tmp_path: Path
) -> None:
    with tiny(lambda _: Answer()) as host, client_of(host.base_url, tmp_path) as (client, _):
        client.send(method, path, anonymous(), json_body=body)
    assert host.asked[0].headers["Accept"] == expected


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("localhost", True),
        ("mock.localhost", True),
        ("127.0.0.9", True),
        ("[::1]", True),
        ("notlocalhost", False),
    ],
)
def test_a_name_of_this_machine_is_known(host: str, own: bool) -> None:
    assert Target(f"http://{host}:8000").is_loopback is own
