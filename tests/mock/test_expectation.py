"""Clients that wait for `100 Continue` before they send a body (RFC 9110, 10.1.1)."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from lightning_mock.background import RunningMock, running

from tests.support.guard import HANGS

CHAT = "/gen/chat/completions"
BODY = json.dumps({"messages": [{"role": "user", "content": "Hi"}]}).encode()
GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"


def head(path: str = CHAT, *lines: str, expects: str = "100-continue", version: str = "1.1") -> bytes:
    about = ["Host: 127.0.0.1", "Content-Type: application/json", f"Content-Length: {len(BODY)}"]
    return "\r\n".join([f"POST {path} HTTP/{version}", *about, f"Expect: {expects}", *lines, "", ""]).encode()


@contextmanager
def connection(mock: RunningMock) -> Iterator[socket.socket]:
    address = urlsplit(mock.base_url)
    with socket.create_connection((address.hostname, address.port), timeout=HANGS) as raw:
        yield raw


def answer(raw: socket.socket) -> tuple[int, bool]:
    """The status of one answer, which is read to its end, and whether the connection ends after it."""
    status = int(raw.recv(12, socket.MSG_PEEK | socket.MSG_WAITALL)[9:])
    response = http.client.HTTPResponse(raw)
    response.begin()
    response.read()
    return status, response.will_close


def test_whoever_waits_for_leave_gets_it_once_and_the_connection_stays(mock: RunningMock) -> None:
    with connection(mock) as raw:
        for _ in range(2):
            raw.sendall(head())
            assert raw.recv(1000) == GO_ON
            raw.sendall(BODY)
            assert answer(raw) == (200, False)


def test_whoever_does_not_wait_needs_no_leave(mock: RunningMock) -> None:
    for version in ("1.1", "1.0"):
        with connection(mock) as raw:
            raw.sendall(head(version=version) + BODY)
            assert answer(raw)[0] == 200


@pytest.mark.parametrize(
    ("start", "status"),
    [
        (head(CHAT, "Authorization: Bearer nobody-has-this"), 401),
        (head("/nowhere"), 404),
        (head("/__mock__/nowhere"), 404),
        (head("/gen/image").replace(f": {len(BODY)}".encode(), b": 900000000000"), 413),
        (head(expects="wonders"), 417),
    ],
)
def test_whoever_is_refused_sends_nothing(mock: RunningMock, start: bytes, status: int) -> None:
    with connection(mock) as raw:
        raw.sendall(start)
        # What the client sends next could be the body, or another request.
        assert answer(raw) == (status, True)


def test_an_expectation_is_met_by_the_mock_and_not_passed_on(mock: Any, tmp_path: Path) -> None:
    file = tmp_path / "recording.yaml"
    for settings in ({"record": mock.base_url, "recording": file}, {"replay": file}):
        with running(**settings) as other, connection(other) as raw:
            raw.sendall(head())
            assert raw.recv(1000) == GO_ON
            raw.sendall(BODY)
            assert answer(raw)[0] == 200
