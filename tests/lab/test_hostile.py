"""Each hostile host misbehaves as its name says, and can be stopped at any time."""

from __future__ import annotations

import http.client
import socket
import time
from urllib.parse import urlsplit

import pytest

from lab.client import Client
from lab.hostile import HOSTS, HUGE, LIFE
from lab.running import Handle, running
from tests.support.guard import HANGS


def client_of(lab: Handle, timeout: float = 10.0) -> Client:
    return Client(lab.base_url, lab.credentials, timeout)


@pytest.mark.parametrize("name", HOSTS)
def test_a_hostile_host_stops_at_once_even_while_it_talks(name: str) -> None:
    with running(hostile=name) as lab:
        address = urlsplit(lab.base_url)
        if name == "unplugged":
            return
        with socket.create_connection((address.hostname, address.port or 0), timeout=HANGS) as connection:
            connection.sendall(b"GET /usage HTTP/1.1\r\nHost: x\r\n\r\n")
            time.sleep(0.05)
            started = time.monotonic()
            lab.lab.stop()
    # Some of them would talk for ever.
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("status", [429, 500, 503, 401, 400, 404])
def test_one_status_for_everything(status: int) -> None:
    with running(hostile=f"all-{status}") as lab:
        client = client_of(lab)
        assert {client.get("/usage").status, client.chat().status, client.get("/").status} == {status}


def test_a_captive_portal_answers_a_page_to_everything() -> None:
    with running(hostile="captive-portal") as lab:
        answer = client_of(lab).post("/gen/image", {})
        assert (answer.status, answer.type) == (200, "text/html")


@pytest.mark.parametrize("name", ["hangs", "hangs-in-body", "endless-headers", "resets", "no-http"])
def test_no_answer_comes_in_time(name: str) -> None:
    with running(hostile=name) as lab:
        answer = client_of(lab, 0.5).get("/usage")
        assert answer.status == 0
        assert len(lab.requests) == 1


def test_slow_headers_have_not_arrived_after_a_while() -> None:
    with running(hostile="slow-headers") as lab:
        address = urlsplit(lab.base_url)
        with socket.create_connection((address.hostname, address.port or 0), timeout=HANGS) as connection:
            connection.sendall(b"GET /usage HTTP/1.1\r\nHost: x\r\n\r\n")
            time.sleep(0.5)
            found = connection.recv(65_536)
    assert found.startswith(b"HTTP/1.1 200 OK")
    assert b"\r\n\r\n" not in found


def test_a_slow_body_has_not_arrived_after_a_while() -> None:
    with running(hostile="slow-body") as lab:
        assert len(first_bytes(lab, "GET", "/usage", 0.7)) < 20


def first_bytes(
    lab: Handle, method: str, path: str, seconds: float, *, body: str | None = None, events: int = 1_000_000
) -> bytes:
    """What has come of a body by then, or of a stream once so many events have come."""
    address = urlsplit(lab.base_url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=HANGS)
    connection.request(method, path, body)
    response = connection.getresponse()
    found, deadline = b"", time.monotonic() + seconds
    while time.monotonic() < deadline and found.count(b"data: ") <= events:
        piece = response.read1(65_536)
        found += piece
        if not piece:
            break
    connection.close()
    return found


def test_a_stream_does_not_end() -> None:
    with running(hostile="endless-stream") as lab:
        text = '{"messages": [{"role": "user", "content": "Hi"}], "stream": true}'
        found = first_bytes(lab, "POST", "/gen/chat/completions", 20, body=text, events=50)
        assert found.count(b"data: ") > 50
        assert b"[DONE]" not in found


def test_a_body_is_as_huge_as_it_says() -> None:
    with running(hostile="huge-body") as lab:
        address = urlsplit(lab.base_url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=HANGS)
        connection.request("GET", "/usage")
        response = connection.getresponse()
        assert response.getheader("content-length") == str(HUGE)
        assert sum(len(response.read(1_000_000)) for _ in range(20)) == 20_000_000
        connection.close()


def test_an_unplugged_host_refuses_connections() -> None:
    with running(hostile="unplugged") as lab:
        assert client_of(lab).get("/usage").status == 0


def test_a_host_dies_half_way() -> None:
    with running(hostile="dies-half-way") as lab:
        client = client_of(lab)
        statuses = [client.get("/usage").status for _ in range(LIFE + 5)]
        assert statuses == [200] * LIFE + [0] * 5


def test_a_host_starves_half_way() -> None:
    with running(hostile="starved-half-way") as lab:
        statuses = [client_of(lab).get("/usage").status for _ in range(LIFE + 5)]
        assert statuses == [200] * LIFE + [429] * 5


def test_free_routes_redirect_to_a_charged_one() -> None:
    with running(hostile="redirects-to-charged") as lab:
        client = client_of(lab)
        answer = client.get("/usage")
        assert (answer.status, answer.header("location")) == (307, "/gen/image/trap")
        assert client.post("/gen/image", {}).status == 303
        assert lab.charged() == 0
        assert client.get("/gen/image/trap").status == 200
        assert lab.charged("imagesDaily") == 1


def test_posts_are_sent_on_with_their_body() -> None:
    with running(hostile="redirects-posts") as lab:
        answer = client_of(lab).post("/gen/image", {})
        assert (answer.status, answer.header("location")) == (308, "/gen/tts")


def test_limits_of_zero_are_shown_and_kept() -> None:
    with running(hostile="zero-limits") as lab:
        client = client_of(lab)
        assert {row["limit"] for row in client.usage().values()} == {0}
        assert client.chat().status == 429


def test_counters_lie_and_the_ledger_does_not() -> None:
    with running(hostile="counters-stand-still") as lab:
        client = client_of(lab)
        assert [client.generate("sfx").status for _ in range(3)] == [200] * 3
        assert client.used()["audioWeekly"] == 0
        assert lab.charged("audioWeekly") == 3
    with running(hostile="counters-tenfold") as lab:
        client = client_of(lab)
        client.generate("image")
        assert client.used()["imagesDaily"] == 1
        assert lab.charged("imagesDaily") == 10
    with running(hostile="charges-everything") as lab:
        client_of(lab).get("/usage")
        assert lab.charged() == 4
