"""The mock as a context manager in somebody else's tests."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from asyncio.selector_events import BaseSelectorEventLoop
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import urlsplit

import lightning_mock
import pytest
import requests
from lightning_mock.background import RunningMock, running
from lightning_mock.serving import serving
from lightning_mock.settings import Settings, SettingsError

from tests.support.guard import HANGS

from .conftest import Client


def test_the_package_itself_offers_to_run_a_mock() -> None:
    with lightning_mock.running(seed=7) as mock:
        assert mock.base_url.startswith("http://127.0.0.1:")


def test_it_listens_on_a_free_loopback_port_and_frees_it() -> None:
    before = threading.active_count()
    with running() as mock:
        address = urlsplit(mock.base_url)
        assert address.hostname == "127.0.0.1"
        assert requests.get(mock.base_url + "/status", timeout=HANGS).status_code == 200
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((address.hostname, address.port), timeout=1)
    assert threading.active_count() == before


def test_two_mocks_share_nothing() -> None:
    with running() as one, running() as other:
        assert one.base_url != other.base_url
        headers = {"X-Client-ID": "shared-client-id-1"}
        requests.get(one.base_url + "/gen/image/x", headers=headers, timeout=HANGS)
        usage = requests.get(other.base_url + "/usage", headers=headers, timeout=HANGS).json()["usage"]
        assert usage["imagesDaily"]["used"] == 0
        foreign = {"Authorization": "Bearer " + one.credentials["LIGHTNING_API_KEY"]}
        assert requests.get(other.base_url + "/usage", headers=foreign, timeout=HANGS).status_code == 401


def test_a_seed_makes_the_credentials_the_same_every_time() -> None:
    with running(seed=7) as one, running(seed=7) as same, running(seed=8) as other, running() as random:
        assert one.credentials == same.credentials
        assert one.plans == same.plans
        for different in (other, random):
            assert not set(one.credentials.values()) & set(different.credentials.values())
        bearer = {"Authorization": "Bearer " + one.credentials["LIGHTNING_JWT"]}
        assert requests.get(same.base_url + "/usage", headers=bearer, timeout=HANGS).status_code == 200


def test_every_credential_is_what_its_name_says(mock: RunningMock, connect: Callable[..., Client]) -> None:
    def ask(name: Any) -> Any:
        client = connect(mock, {"Authorization": "Bearer " + mock.credentials[name]})
        return client.get("/subscription")

    assert set(mock.credentials) == {
        "LIGHTNING_JWT", "LIGHTNING_API_KEY", "LIGHTNING_FREE_JWT",
        "LIGHTNING_EXPIRED_JWT", "LIGHTNING_EXPIRED_API_KEY", "LIGHTNING_REVOKED_API_KEY",
    }  # fmt: skip
    by_token, by_key = ask("LIGHTNING_JWT").json(), ask("LIGHTNING_API_KEY").json()
    assert by_token["email"] == by_key["email"]
    assert by_token["plan_key"] == by_key["plan_key"] != "free"
    assert ask("LIGHTNING_FREE_JWT").json()["plan_key"] == "free"
    for name, word in [
        ("LIGHTNING_EXPIRED_JWT", "expired"),
        ("LIGHTNING_EXPIRED_API_KEY", "expired"),
        ("LIGHTNING_REVOKED_API_KEY", "revoked"),
    ]:
        refused = ask(name)
        assert refused.status_code == 401
        assert word in refused.json()["detail"]


def test_there_is_a_user_for_every_plan(mock: RunningMock, connect: Callable[..., Client]) -> None:
    for key, credentials in mock.plans.items():
        for bearer in (credentials.jwt, credentials.api_key):
            client = connect(mock, {"Authorization": f"Bearer {bearer}"})
            assert client.get("/subscription").json()["plan_key"] == key
    assert list(mock.plans) == ["free", "light", "core", "creator", "professional"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"port": 70_000}, "port"),
        ({"ports": 1}, "^ports: there is no such setting; did you mean port\\?$"),
        ({"xyz": 1}, "^xyz: there is no such setting$"),
        ({"token_rate": -1.0}, "token_rate"),
        ({"first_token_delay": float("nan")}, "first_token_delay"),
        ({"metadata_form": "yaml"}, "metadata_form"),
        ({"retry_advice": "soon"}, "retry_advice"),
        ({"jwt_secret": "short"}, "jwt_secret"),
        ({"host": "256.0.0.1"}, "cannot listen"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(settings: Any, message: Any) -> None:
    with pytest.raises(SettingsError, match=message), running(**settings):
        pass


async def test_who_is_being_accepted_while_a_worker_leaves_is_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """asyncio accepts a connection, and makes its transport at the next turn of the loop or later."""
    accepted, complete = asyncio.Event(), BaseSelectorEventLoop._accept_connection2  # type: ignore[attr-defined]

    async def accept_slowly(loop: asyncio.AbstractEventLoop, *arguments: Any) -> None:
        accepted.set()
        await asyncio.sleep(0)
        await complete(loop, *arguments)

    monkeypatch.setattr(BaseSelectorEventLoop, "_accept_connection2", accept_slowly)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        leaving = AsyncExitStack()
        base_url, _ = await leaving.enter_async_context(serving(Settings(), listener))
        address = urlsplit(base_url)
        with socket.create_connection((address.hostname, address.port), timeout=HANGS) as client:
            client.sendall(b"GET /models HTTP/1.1\r\nHost: x\r\n\r\n")
            await accepted.wait()
            await leaving.aclose()
            answer = client.recv(100)
    assert answer.startswith(b"HTTP/1.1 200")


def test_it_ends_at_once_while_a_stream_is_open() -> None:
    body: dict[str, Any] = {
        "messages": [{"role": "user", "content": "Tell me a long story."}],
        "stream": True,
    }
    # The stream would take hours.
    with running(token_rate=0.01) as mock:
        response = requests.post(
            mock.base_url + "/gen/chat/completions", json=body, stream=True, timeout=HANGS
        )
        assert next(response.iter_lines()).startswith(b"data:")
        began = time.monotonic()
    assert time.monotonic() - began < 20
    response.close()
