"""What the tests of the mock share: one mock for all, fresh callers, and a client that checks what it gets.

Law: every response that passes `Client` is held against the spec and against the judge's laws, whatever the
test is about.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx2
import jsonschema_rs
import pytest
import requests
from lightning_mock.background import RunningMock
from lightning_spec.loader import Operation, load_spec
from lightning_verify.laws.table import check_laws
from lightning_verify.transport.exchange import Exchange

from tests.support.guard import HANGS

SPEC = load_spec()
VALIDATORS = jsonschema_rs.validator_map_for(SPEC.document)
CHAT: dict[str, Any] = {"messages": [{"role": "user", "content": "Name three rivers."}]}


class Client:
    """One caller of one mock: remembers headers, checks responses."""

    def __init__(self, base_url: str, headers: Mapping[str, str]) -> None:
        self.base_url = base_url
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers.update(headers)

    def request(self, method: str, path: str, **more: Any) -> requests.Response:
        response = self.session.request(
            method, self.base_url + path, allow_redirects=False, timeout=HANGS, **more
        )
        check_response(response, streamed=more.get("stream", False))
        if not more.get("stream", False):
            assert broken_laws(response) == {}
        return response

    def get(self, path: str, **more: Any) -> requests.Response:
        return self.request("GET", path, **more)

    def head(self, path: str, **more: Any) -> requests.Response:
        return self.request("HEAD", path, **more)

    def post(self, path: str, json: Any = None, **more: Any) -> requests.Response:
        return self.request("POST", path, json=json, **more)

    def post_raw(self, path: str, body: Any, content_type: str = "application/json") -> requests.Response:
        return self.request("POST", path, data=body, headers={"Content-Type": content_type})

    def used(self) -> dict[str, int]:
        """Units used by metric, as /usage tells them."""
        return used(self)


def chat(client: Any, content: Any = "Hello there", **fields: Any) -> Any:
    """The answer to a chat of one message, by any client that knows the address."""
    body = {"messages": [{"role": "user", "content": content}], **fields}
    return client.post("/gen/chat/completions", json=body)


def used(client: Any) -> dict[str, int]:
    """The same for any client that knows the address."""
    usage = client.get("/usage").json()["usage"]
    return {metric: row["used"] for metric, row in usage.items()}


def operation_of(method: str, path: str) -> Operation | None:
    """The operation that a raw path belongs to, found without the mock's own router."""
    prefix = path.rpartition("/")[0]
    for operation in SPEC.operations.values():
        if operation.method == method and path in (operation.path, operation.path + "/"):
            return operation
    for operation in SPEC.operations.values():
        same_prefix = "{" in operation.path and operation.path.rpartition("/")[0] == prefix
        if operation.method == method and same_prefix and not path.endswith("/"):
            return operation
    return None


def check_response(response: requests.Response, streamed: bool = False) -> None:
    """Fail when a response of an operation is not one that the spec describes."""
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.request.method
    assert response.request.url
    path = response.request.url.partition("?")[0].split("/", 3)[3]
    operation = operation_of(response.request.method, "/" + path)
    media_type = response.headers.get("Content-Type", "").partition(";")[0]
    if response.status_code >= 400 and response.request.method != "HEAD":
        body = response.json()
        assert isinstance(body["detail"], str)
        assert body["error"]["message"] == body["detail"]
        assert body["detail"].endswith((".", "?"))
        assert set(body["error"]) == {"message", "type", "param", "code"}
        assert "Traceback" not in response.text
    if operation is None or response.status_code == 405:
        return
    described = operation.responses.get(str(response.status_code))
    assert described is not None, f"{operation.id} does not describe {response.status_code}"
    if not described or streamed:
        return
    fitting = [kind for kind in described if _covers(kind, media_type)]
    assert fitting, f"{operation.id} {response.status_code} does not describe {media_type}"
    pointer = described[fitting[0]]
    if media_type == "application/json" and pointer is not None and response.content:
        VALIDATORS[pointer].validate(response.json())
    if media_type == "text/event-stream":
        assert operation.event_pointer is not None
        for event in events_of(response.text):
            VALIDATORS[operation.event_pointer].validate(event)


def broken_laws(response: requests.Response) -> dict[str, list[str]]:
    """What is wrong with a whole response by the laws that the judge holds every host to."""
    request = response.request
    assert request.method
    assert request.url
    path = "/" + request.url.split("/", 3)[3]
    body = request.body.encode() if isinstance(request.body, str) else request.body
    exchange = Exchange(
        request.method,
        path,
        {name: str(value) for name, value in request.headers.items()},
        body if isinstance(body, bytes) else None,
        operation_of(request.method, path.partition("?")[0]),
        "a test",
        response.status_code,
        list(response.headers.items()),
        response.content,
    )
    return {requirement: wrong for requirement, wrong in check_laws(exchange, at_rest=False).items() if wrong}


def events_of(text: str) -> list[dict[str, str]]:
    """The events of a stream that uses nothing but data lines."""
    return [{"data": block.removeprefix("data: ")} for block in text.split("\n\n") if block]


def chunks_of(text: str) -> list[dict[str, Any]]:
    """The JSON chunks of a stream."""
    return [json.loads(event["data"]) for event in events_of(text) if event["data"] != "[DONE]"]


def _covers(described: str, media_type: str) -> bool:
    return described in (media_type, "*/*", media_type.partition("/")[0] + "/*")


@pytest.fixture(scope="session")
def connect() -> Callable[..., Client]:
    """Make a client of any mock with exactly these headers."""

    def make(running_mock: RunningMock, headers: Mapping[str, str]) -> Client:
        return Client(running_mock.base_url, headers)

    return make


@pytest.fixture
def make_client(mock: RunningMock) -> Callable[..., Client]:
    """Make a client of the shared mock with exactly these headers."""

    def make(**headers: str) -> Client:
        return Client(mock.base_url, {name.replace("_", "-"): value for name, value in headers.items()})

    return make


@pytest.fixture
def caller(make_client: Callable[..., Client]) -> Client:
    """A fresh signed-out caller."""
    return make_client(X_Client_ID=f"test-{uuid.uuid4()}")


@pytest.fixture
def client(mock: RunningMock) -> Iterator[httpx2.Client]:
    """A fresh signed-out caller over plain HTTP, whose answers the test alone looks at."""
    headers = {"X-Client-ID": f"test-{uuid.uuid4()}"}
    with httpx2.Client(base_url=mock.base_url, headers=headers) as opened:
        yield opened


@pytest.fixture
def new_user(mock: RunningMock) -> Callable[..., Any]:
    """Sign up a fresh user; gives its credentials."""
    from lightning_mock.callers.accounts import Account

    def make(plan: str = "free") -> dict[str, str]:
        state, user_id = mock.state, str(uuid.uuid4())
        now = state.clock.now()
        user = state.accounts.add(Account(user_id, f"{user_id}@example.com", now, plan))
        return {
            "id": user.id,
            "jwt": state.tokens.mint(user.id, user.email, now, now + 3600),
            "api_key": state.keys.issue(user.id, "test", now)[1],
        }

    return make
