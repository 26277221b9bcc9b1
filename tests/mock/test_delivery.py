"""How answers reach the wire. The plain success is written by the mock itself, everything else by aiohttp:
nobody outside can tell which it was."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import socket
import time
from urllib.parse import urlsplit

import pytest
from lightning_mock.background import RunningMock, running
from lightning_mock.http import delivery
from lightning_mock.serving import serving
from lightning_mock.settings import Settings

from tests.mock.conftest import CHAT

TIMEOUT = 10.0


def talk(mock: RunningMock, request: bytes) -> bytes:
    """Everything that the mock sends until it closes the connection."""
    where = urlsplit(mock.base_url)
    with socket.create_connection((where.hostname, where.port), TIMEOUT) as connection:
        connection.sendall(request)
        received = b""
        while piece := connection.recv(65536):
            received += piece
    return received


def ask(mock: RunningMock, method: str, path: str, **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection(urlsplit(mock.base_url).netloc, timeout=TIMEOUT)
    try:
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


@pytest.mark.parametrize("path", ["/tier-config", "/gen/image/a%20quiet%20harbour"])
def test_a_kept_and_a_closed_connection_get_the_same_answer(mock: RunningMock, path: str) -> None:
    kept, body = ask(mock, "GET", path)
    closed, same = ask(mock, "GET", path, Connection="close")
    assert body == same
    fields = dict(kept.getheaders())
    assert fields["Content-Length"] == str(len(body))
    other = dict(closed.getheaders())
    assert other.pop("Connection") == "close"
    fields.pop("Date")
    other.pop("Date")
    assert fields == other


def test_requests_in_one_write_are_answered_in_their_order(mock: RunningMock) -> None:
    lines = b"GET %b HTTP/1.1\r\nHost: mock\r\n%b\r\n"
    received = talk(
        mock,
        lines % (b"/status", b"")
        + lines % (b"/nowhere", b"")
        + lines % (b"/tiers", b"Connection: close\r\n"),
    )
    assert re.findall(rb"HTTP/1.1 (\d+)", received) == [b"200", b"404", b"200"]
    assert received.index(b'"services"') < received.index(b'"not_found"') < received.index(b'"price"')


def test_whoever_asks_ahead_lets_others_have_their_turn_between_two_answers() -> None:
    asked = 20

    async def pieces_received() -> int:
        """The client in the same loop has a turn for each piece."""
        async with serving(Settings(port=0)) as (url, _):
            where = urlsplit(url)
            reader, writer = await asyncio.open_connection(where.hostname, where.port)
            line = b"GET /status HTTP/1.1\r\nHost: mock\r\n"
            writer.write((line + b"\r\n") * asked + line + b"Connection: close\r\n\r\n")
            pieces = 0
            while await reader.read(2**16):
                pieces += 1
            writer.close()
            return pieces

    assert asyncio.run(pieces_received()) > asked / 4


def test_large_bodies_in_one_write_are_read_to_the_end(mock: RunningMock) -> None:
    # More than the server reads at once: it pauses the connection, and has to go on.
    body = json.dumps({"prompt": [{"role": "user", "content": "hello"}], "unknown": "x" * 900_000}).encode()
    head = b"POST /gen/prompt_analyze HTTP/1.1\r\nHost: mock\r\nContent-Type: application/json\r\n"
    request = head + b"Content-Length: %d\r\n%b\r\n%b"
    received = talk(
        mock, request % (len(body), b"", body) * 3 + request % (len(body), b"Connection: close\r\n", body)
    )
    assert re.findall(rb"HTTP/1.1 (\d+)", received) == [b"200"] * 4


def test_a_client_of_http_1_0_gets_a_whole_answer_and_the_end(mock: RunningMock) -> None:
    head, _, body = talk(mock, b"GET /tiers HTTP/1.0\r\n\r\n").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 200")
    assert f"Content-Length: {len(body)}".encode() in head


def test_head_tells_the_type_and_sends_nothing_else(mock: RunningMock) -> None:
    response, body = ask(mock, "HEAD", "/status/image")
    assert response.headers["Content-Type"] == "image/jpeg"
    assert body == b""


def test_a_body_in_small_pieces_is_the_same_request(mock: RunningMock) -> None:
    content = json.dumps(CHAT).encode()
    head = (
        "POST /gen/chat/completions HTTP/1.1\r\nHost: mock\r\nContent-Type: application/json\r\n"
        f"Connection: close\r\nContent-Length: {len(content)}\r\n\r\n"
    ).encode()
    where = urlsplit(mock.base_url)
    with socket.create_connection((where.hostname, where.port), TIMEOUT) as connection:
        for piece in (head, content[:7], content[7:]):
            connection.sendall(piece)
            time.sleep(0.02)
        received = b""
        while piece := connection.recv(65536):
            received += piece
    assert b"Name three rivers." in received


def test_a_type_that_is_no_header_is_left_to_the_library() -> None:
    """A fault may name any content type; one with a line break must not become two headers."""
    assert delivery._head("application/json\r\nX-Evil: 1")[0] is None
    assert delivery._head("text/plain; charset=utf-8")[0] is not None


def test_a_client_that_does_not_read_is_not_answered_without_end() -> None:
    """Answers that nobody takes would pile up in memory."""
    asked = 12_000
    with running() as mock:
        where = urlsplit(mock.base_url)
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect((where.hostname, where.port))
            connection.settimeout(2 * TIMEOUT)
            connection.sendall(b"GET /tier-config HTTP/1.1\r\nHost: mock\r\n\r\n" * asked)
            seen, answered = -1, 0
            while answered != seen:
                time.sleep(0.3)
                _, body = ask(mock, "GET", "/__mock__/journal")
                seen, answered = answered, max(entry["id"] for entry in json.loads(body)["entries"])
    assert 0 < answered < asked / 2
