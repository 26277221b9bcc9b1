"""What happens is told while it happens."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from weakref import WeakSet

import httpx2
import pytest
from lightning_mock.clock import Clock
from lightning_mock.control import snapshot
from lightning_mock.control.entries import entry
from lightning_mock.control.routes import events
from lightning_mock.journal.event_hub import STATE_CHANGED, EventHub, ExchangeEvent
from lightning_mock.journal.journal import Journal
from lightning_mock.journal.recording import Recording

from tests.support.guard import HANGS

from .conftest import Control


@contextmanager
def listening(control: Any) -> Iterator[Any]:
    """A function that waits for the next event: its name and its data."""
    with httpx2.stream("GET", f"{control.base_url}/__mock__/events", timeout=HANGS) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        blocks = _blocks(response.iter_lines())
        assert next(blocks) == {}

        def following() -> tuple[str, Any]:
            block: dict[str, str] = {}
            while not block:
                block = next(blocks)
            return block["event"], json.loads(block["data"])

        yield following


def _blocks(lines: Iterator[str]) -> Iterator[dict[str, str]]:
    fields: dict[str, str] = {}
    for line in lines:
        if not line:
            yield fields
            fields = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(": ")
            fields[name] = value


def test_every_call_is_told_as_its_entry(own: Control) -> None:
    user = own.user()
    with listening(own) as following:
        user.chat()
        name, data = following()
    assert name == "exchange"
    assert data == user.entry()


def test_a_call_is_put_into_words_once_for_all_listeners(
    own: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []

    def noted(kept: Recording) -> dict[str, Any]:
        written.append(kept.id)
        return entry(kept)

    monkeypatch.setattr(events, "entry", noted)
    user = own.user()
    with listening(own) as first, listening(own) as second:
        user.chat()
        assert first() == second()
    assert len(written) == 1


CHANGES: list[tuple[str, str, Any]] = [
    ("POST", "/clock", {"advance": {"hours": 1}}),
    ("POST", "/users", {"plan": "core"}),
    ("PATCH", "/users/{id}", {"plan": "light"}),
    ("POST", "/users/{id}/keys", {}),
    ("DELETE", "/users/{id}/keys/{key}", None),
    ("PUT", "/identities/user:{id}/usage/imagesDaily", {"used": 2}),
    ("POST", "/identities/user:{id}/exhaust", {"metric": "imagesDaily"}),
    ("PUT", "/plans/free/limits", {"imagesDaily": 1}),
    ("POST", "/faults", {"kind": "latency", "seconds": 0}),
    ("DELETE", "/faults", None),
    ("POST", "/scenarios/broken-stream", {}),
    ("DELETE", "/scenarios", None),
    ("DELETE", "/journal", None),
    ("DELETE", "/users/{id}", None),
    ("POST", "/reset", {}),
]


def test_every_change_of_state_is_told(own: Control) -> None:
    user = own.user()
    [key] = user.made["keys"]
    with listening(own) as following:
        for method, path, body in CHANGES:
            own(method, path.format(id=user.id, key=key["id"]), body or None)
            assert following() == ("state", {}), path


def test_a_refused_change_is_not_told(own: Control) -> None:
    with listening(own) as following:
        own.refuse("POST", "/clock", {"set": "never"})
        own("POST", "/clock", {"frozen": True})
        own.user().call("GET", "/usage")
        told = [following()[0] for _ in range(3)]
    assert told == ["state", "state", "exchange"]


def test_a_listener_that_leaves_is_forgotten(start: Callable[..., Any]) -> None:
    with start() as (mock, control):
        with listening(control):
            assert len(mock.state.event_hub.listeners) == 1
        user = control.user()
        done = threading.Event()
        for _ in range(50):
            user.call("GET", "/usage")
            if not mock.state.event_hub.listeners:
                done.set()
                break
        assert done.is_set()


def test_a_mock_stops_at_once_with_listeners(start: Callable[..., Any]) -> None:
    with start() as (_, control):
        stream = httpx2.stream("GET", f"{control.base_url}/__mock__/events", timeout=HANGS)
        response = stream.__enter__()
    with pytest.raises(httpx2.TransportError):
        for _ in response.iter_lines():
            pass
    stream.__exit__(None, None, None)


def broken(_: Any) -> Any:
    raise RuntimeError


def test_a_stream_that_fails_midway_ends_without_another_answer_in_it(
    own: Control, wire: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = wire(own.base_url)
    listener.send("GET", "/__mock__/events")
    received = listener.socket.recv(1000)
    monkeypatch.setattr(events, "entry", broken)
    own.user().call("GET", "/usage")
    rest, ending = listener.read()
    assert ending == "closed"
    assert (received + rest).count(b"HTTP/1.1 ") == 1
    assert not rest.endswith(b"0\r\n\r\n")


def test_a_snapshot_that_cannot_be_taken_is_a_refusal(
    own: Control, wire: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "_small_parts", broken)
    caller = wire(own.base_url)
    caller.send("GET", "/__mock__/snapshot", Connection="close")
    head, _, body = caller.read()[0].partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 500")
    assert json.loads(body) == {"detail": "The control call failed in the mock."}


async def test_what_the_journal_forgets_waits_for_no_listener() -> None:
    hub = EventHub()
    journal = Journal(Clock(), hub, "free", 10)
    with hub.listening() as events:
        hub.publish(ExchangeEvent(object.__new__(Recording)))
        hub.publish(STATE_CHANGED)
        hub.publish(ExchangeEvent(object.__new__(Recording)))
        journal.forget()
        assert await events.next() == [STATE_CHANGED]


async def test_listeners_that_fall_behind_keep_one_backlog_between_them() -> None:
    hub, alive = EventHub(), WeakSet[Any]()

    class Numbered(ExchangeEvent):
        """One that can be counted for as long as somebody keeps it."""

        def __init__(self, number: int) -> None:
            super().__init__(object.__new__(Recording))
            self.number = number

    with ExitStack() as listening_on:
        for _ in range(20):
            late = listening_on.enter_context(hub.listening())
            for number in range(500):
                told = Numbered(number)
                alive.add(told)
                hub.publish(told)
        assert len(alive) == 1000
        first = (await late.next())[0]
        assert isinstance(first, Numbered)
        assert first.number == 0
    assert len(alive) <= 2
