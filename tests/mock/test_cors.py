"""Any page may talk to the mock, whatever the answer is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from .conftest import Client

CHAT = {"messages": [{"role": "user", "content": "hello"}]}
ORIGINS = ["https://inferenceport.ai", "http://localhost:52459", "null"]
STAINLESS = "authorization, content-type, x-client-id, x-stainless-os, x-stainless-retry-count"


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize(
    "exchange",
    [
        ("GET", "/usage", None, 200),
        ("GET", "/", None, 301),
        ("HEAD", "/status/text", None, 200),
        ("POST", "/gen/chat/completions", CHAT, 200),
        ("POST", "/gen/chat/completions", {**CHAT, "stream": True}, 200),
        ("GET", "/gen/image/x", None, 200),
        ("POST", "/gen/image", {}, 400),
        ("GET", "/subscription", None, 401),
        ("GET", "/nowhere", None, 404),
        ("DELETE", "/usage", None, 405),
        ("POST", "/gen/image", {"prompt": "x" * 5000}, 413),
        ("GET", "/__mock__/openapi.json", None, 200),
    ],
)
def test_every_answer_may_be_read_by_any_page(caller: Client, origin: Any, exchange: Any) -> None:
    method, path, body, status = exchange
    response = caller.request(method, path, json=body, headers={"Origin": origin})
    assert response.status_code == status
    assert response.headers["Access-Control-Allow-Origin"] in ("*", origin)
    exposed = {name.strip() for name in response.headers["Access-Control-Expose-Headers"].split(",")}
    assert {"Link", "Retry-After", "X-Should-Retry"} <= exposed


def test_an_exhausted_caller_may_read_the_refusal(caller: Client) -> None:
    caller.get("/gen/sfx/rain")
    refused = caller.get("/gen/sfx/rain", headers={"Origin": "null"})
    assert refused.status_code == 429
    assert refused.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/gen/chat/completions"), ("GET", "/usage"), ("GET", "/no")]
)
def test_a_preflight_allows_what_it_asks_for(caller: Client, origin: Any, method: Any, path: Any) -> None:
    response = caller.request(
        "OPTIONS",
        path,
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": STAINLESS,
        },
    )
    assert response.status_code in (200, 204)
    assert response.content == b""
    assert response.headers["Access-Control-Allow-Origin"] in ("*", origin)
    assert method in response.headers["Access-Control-Allow-Methods"]
    allowed = {name.strip() for name in response.headers["Access-Control-Allow-Headers"].split(",")}
    assert set(STAINLESS.split(", ")) <= allowed
    assert "Access-Control-Allow-Credentials" not in response.headers


def test_a_preflight_costs_nothing_and_needs_no_bearer(make_client: Callable[..., Client]) -> None:
    client = make_client(Authorization="Bearer nonsense", X_Client_ID="preflight-caller-1")
    headers = {"Origin": "null", "Access-Control-Request-Method": "POST"}
    assert client.request("OPTIONS", "/gen/image", headers=headers).status_code == 204


def test_a_public_page_may_reach_a_private_network(caller: Client) -> None:
    headers = {
        "Origin": "https://inferenceport.ai",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Private-Network": "true",
    }
    response = caller.request("OPTIONS", "/usage", headers=headers)
    assert response.headers["Access-Control-Allow-Private-Network"] == "true"
