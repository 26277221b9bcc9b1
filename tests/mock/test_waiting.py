"""A wait for an answer ends when its client leaves, and with it all that its request holds."""

from __future__ import annotations

import gc
import json
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from lightning_mock.background import RunningMock, running
from lightning_mock.client import Lightning

from tests.support.guard import HANGS

CHAT = "/gen/chat/completions"
HOUR = 3600
SAID = {"messages": [{"role": "user", "content": "Hi"}], "stream": True}


def held_requests() -> int:
    """How many chat requests there are in this process, without garbage."""
    gc.collect()
    found = [thing for thing in gc.get_objects() if isinstance(thing, web.BaseRequest)]
    return sum(1 for request in found if request.raw_path == CHAT)


def wait_until_held(count: int) -> None:
    end = time.monotonic() + 20
    while held_requests() != count and time.monotonic() < end:
        time.sleep(0.02)
    assert held_requests() == count


def ask_and_leave(mock: RunningMock, body: Mapping[str, Any], wait: Callable[[], object] = int) -> None:
    """Send a request, and leave while it waits for its answer."""
    content, address = json.dumps(body).encode(), urlsplit(mock.base_url)
    head = f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    with socket.create_connection((address.hostname, address.port)) as raw:
        raw.sendall(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
        wait_until_held(1)
        wait()
    wait_until_held(0)


@pytest.mark.parametrize("answer", [{"text": "x", "delay": HOUR}, {"events": ["a", "b"], "rate": 1 / HOUR}])
def test_the_wait_for_a_scripted_reply(answer: Mapping[str, Any]) -> None:
    with running() as mock, Lightning(mock.base_url) as lightning:
        lightning.reply(**answer)
        ask_and_leave(mock, SAID)


def test_the_wait_of_a_fault() -> None:
    with running() as mock, Lightning(mock.base_url) as lightning:
        lightning.fault("latency", seconds=HOUR)
        ask_and_leave(mock, SAID)


@pytest.mark.parametrize("pace", [{"first_token_delay": HOUR}, {"token_rate": 1 / HOUR}])
def test_the_wait_for_a_token(pace: Mapping[str, float]) -> None:
    with running(**pace) as mock:
        ask_and_leave(mock, SAID)


@pytest.mark.parametrize(
    "response",
    [
        {"after": HOUR, "json": {}},
        {"after": 0, "stream": [{"after": 0, "text": "a"}, {"after": HOUR, "text": "b"}]},
    ],
)
def test_the_wait_for_a_recorded_answer(tmp_path: Path, response: Mapping[str, Any]) -> None:
    at = "2026-06-13T12:00:00Z"
    request = {"method": "POST", "target": CHAT, "headers": {}, "json": SAID}
    exchange = {"at": at, "request": request, "response": {"status": 200, "headers": {}, **response}}
    about = {"format": "lightning-recording", "version": 1, "recorded_at": at, "upstream": "http://a"}
    file = tmp_path / "recording.json"
    file.write_text(json.dumps({**about, "exchanges": [exchange]}))
    with running(replay=file) as mock:
        ask_and_leave(mock, SAID)


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n12"])
def test_the_wait_for_a_host_that_is_recorded(tmp_path: Path, begun: bytes) -> None:
    file = tmp_path / "host.yaml"
    with socket.create_server(("127.0.0.1", 0)) as host:
        url = f"http://127.0.0.1:{host.getsockname()[1]}"
        with running(record=url, recording=file) as mock:
            asked: list[socket.socket] = []

            def begin() -> None:
                asked.append(host.accept()[0])
                asked[0].sendall(begun)

            ask_and_leave(mock, SAID, begin)
            asked[0].settimeout(HANGS)
            # Nor does the host go on working for nobody.
            while asked[0].recv(65_536):
                pass
            asked[0].close()
    assert not file.exists()
