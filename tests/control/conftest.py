"""A mock with its control plane, and a client that holds every answer against the control plane's own
OpenAPI file."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import httpx2
import jsonschema_rs
import pytest
from lightning_mock.background import RunningMock, running
from lightning_mock.control.contract import control_contract

from tests.support.guard import HANGS

CONTRACT = control_contract()
VALIDATORS = jsonschema_rs.validator_map_for(CONTRACT.document)
HELLO = {"messages": [{"role": "user", "content": "Name three rivers."}]}


class Control:
    """Calls of the control plane of one mock."""

    def __init__(self, base_url: str, **headers: str) -> None:
        self.base_url = base_url
        self._client = httpx2.Client(base_url=base_url + "/__mock__", headers=headers, timeout=HANGS)

    def ask(self, method: str, path: str, body: Any = None, **more: Any) -> httpx2.Response:
        """The response, whatever it is, once it has been held against the file."""
        if body is not None:
            more["json"] = body
        response = self._client.request(method, path, **more)
        assert "access-control-allow-origin" not in response.headers
        check(method, "/__mock__" + path.partition("?")[0], response)
        return response

    def __call__(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """The JSON of a call that must succeed."""
        response = self.ask(method, path, body, **more)
        assert response.is_success, response.text
        return response.json()

    def refuse(self, method: str, path: str, body: Any = None, status: int = 400, **more: Any) -> str:
        """The detail of a call that must be refused."""
        response = self.ask(method, path, body, **more)
        assert response.status_code == status, response.text
        detail = response.json()["detail"]
        assert isinstance(detail, str)
        return detail

    def user(self, plan: str = "free", **fields: Any) -> User:
        return User(self, self("POST", "/users", {"plan": plan, **fields}))

    def fault(self, kind: str, **fields: Any) -> dict[str, Any]:
        made: dict[str, Any] = self("POST", "/faults", {"kind": kind, **fields})
        return made

    def advance(self, **amounts: float) -> Any:
        return self("POST", "/clock", {"advance": amounts})

    def close(self) -> None:
        self._client.close()


class User:
    """A user of one test, and calls of the API with the user's key."""

    def __init__(self, control: Control, made: dict[str, Any]) -> None:
        self.control = control
        self.made = made
        self.id = made["id"]
        self.identity = f"user:{made['id']}"
        self.jwt = made["jwt"]
        self.key = made["api_key"]["secret"]

    def call(self, method: str, path: str, body: Any = None, bearer: str | None = None, **more: Any) -> Any:
        headers = {"Authorization": f"Bearer {bearer or self.key}", **more.pop("headers", {})}
        if body is not None:
            more["json"] = body
        return httpx2.request(method, self.control.base_url + path, headers=headers, timeout=HANGS, **more)

    def chat(self, **fields: Any) -> Any:
        return self.call("POST", "/gen/chat/completions", {**HELLO, **fields})

    def used(self) -> dict[str, int]:
        usage = self.call("GET", "/usage").json()["usage"]
        return {metric: row["used"] for metric, row in usage.items()}

    def entry(self) -> Any:
        """The latest entry of the journal about this user."""
        return self.control("GET", f"/journal?user={self.id}")["entries"][-1]


def check(method: str, path: str, response: httpx2.Response) -> None:
    """Fail when a response of the control plane is not one that its file describes."""
    try:
        route, _ = CONTRACT.find(method, path)
    except Exception:
        assert set(response.json()) == {"detail"}
        return
    assert response.headers["content-type"] == "application/json"
    _validator(method.lower(), route.id, response.status_code).validate(response.json())


@cache
def _validator(method: str, operation: str, status: int) -> jsonschema_rs.Validator:
    """What an answer of a route must be."""
    item = next(
        item
        for item in CONTRACT.document["paths"].values()
        if item.get(method, {}).get("operationId") == operation
    )
    described = item[method]["responses"]
    found = described.get(str(status))
    if found is None:
        assert status >= 400
        found = described["default"]
    while "$ref" in found:
        found = CONTRACT.document["components"]["responses"][found["$ref"].rpartition("/")[2]]
    schema = {**found["content"]["application/json"]["schema"], "components": CONTRACT.document["components"]}
    return jsonschema_rs.validator_for(schema)


@contextmanager
def controlled(**settings: Any) -> Iterator[tuple[RunningMock, Control]]:
    """A mock of its own with its control plane."""
    with running(**settings) as mock:
        control = Control(mock.base_url)
        try:
            yield mock, control
        finally:
            control.close()


@pytest.fixture(scope="session")
def shared(mock: RunningMock) -> Iterator[Control]:
    """The control plane of a mock that many tests use at once: touch your own users only."""
    control = Control(mock.base_url)
    yield control
    control.close()


@pytest.fixture
def own(start: Callable[..., Any]) -> Iterator[Control]:
    """The control plane of a mock of one's own."""
    with start() as (_, control):
        yield control


@pytest.fixture
def start() -> Callable[..., Any]:
    """Start a mock with settings; a context manager that gives its control."""
    return controlled


@pytest.fixture
def user(shared: Control) -> User:
    """A fresh user on the free plan."""
    return shared.user()


class Wire:
    """One raw connection: what the server writes, byte by byte."""

    def __init__(self, base_url: str) -> None:
        where = urlsplit(base_url)
        assert where.hostname
        assert where.port
        self.host = where.netloc
        self.socket = socket.create_connection((where.hostname, where.port), timeout=HANGS)

    def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> None:
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.host}", f"Content-Length: {len(body)}"]
        if body:
            lines.append("Content-Type: application/json")
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode() + body)

    def read(self) -> tuple[bytes, str]:
        """Everything until the end, and how it ended: `closed`, `reset` or `silent`."""
        received = b""
        while True:
            try:
                piece = self.socket.recv(65536)
            except ConnectionResetError:
                return received, "reset"
            except TimeoutError:
                return received, "silent"
            if not piece:
                return received, "closed"
            received += piece

    def close(self) -> None:
        self.socket.close()


def chunks_of(response: bytes) -> tuple[list[bytes], bool]:
    """The chunks of a chunked body, and whether it ended as it should."""
    body = response.partition(b"\r\n\r\n")[2]
    found: list[bytes] = []
    while match := re.match(rb"([0-9a-fA-F]+)\r\n", body):
        size = int(match[1], 16)
        if size == 0:
            return found, True
        start = match.end()
        found.append(body[start : start + size])
        body = body[start + size + 2 :]
    return found, False


@pytest.fixture
def wire() -> Iterator[Callable[[str], Wire]]:
    opened: list[Wire] = []

    def connect(base_url: str) -> Wire:
        opened.append(Wire(base_url))
        return opened[-1]

    yield connect
    for connection in opened:
        connection.close()


@pytest.fixture
def chunks() -> Callable[[bytes], tuple[list[bytes], bool]]:
    return chunks_of
