"""The calls of the desktop client, header by header and body by body, as they were seen on the wire."""

import base64
import json
from io import BytesIO

import httpx2
import pytest
from lightning_mock.background import RunningMock
from PIL import Image

from tests.support.guard import HANGS


def data_uri() -> str:
    out = BytesIO()
    Image.new("RGB", (8, 8), "blue").save(out, "PNG")
    return f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"


@pytest.fixture(params=["signed out", "signed in"])
def caller(request, mock: RunningMock, client_id):
    """The chat credential and the media headers: only chat sends a bearer when signed out."""
    headers = {"X-Client-ID": client_id}
    if request.param == "signed out":
        return "public", headers
    token = mock.plans["professional"].jwt
    return token, {**headers, "Authorization": f"Bearer {token}"}


@pytest.fixture
def http(mock: RunningMock):
    with httpx2.Client(base_url=mock.base_url, timeout=HANGS) as client:
        yield client


def chat_headers(token, client_id):
    return {
        "Authorization": f"Bearer {token}",
        "X-Client-ID": client_id,
        "Content-Type": "application/json",
        "Accept": "application/json",
        "User-Agent": "OpenAI/JS 7.3.0",
        "x-stainless-lang": "js",
        "x-stainless-retry-count": "0",
    }


def deltas(response):
    assert response.status_code == 200, response.text
    lines = [line[6:] for line in response.text.splitlines() if line.startswith("data: ")]
    assert lines.pop() == "[DONE]"
    for line in lines:
        choices = json.loads(line).get("choices")
        if choices:
            yield choices[0]["delta"]


def test_a_chat_with_no_tool_enabled(http, caller, client_id):
    token, _ = caller
    body = {
        "model": "lightning",
        "stream": True,
        "tools": [],
        "messages": [
            {"role": "system", "content": "You are a helpful assistant."},
            {"role": "user", "content": "Good morning"},
        ],
    }
    response = http.post("/gen/chat/completions", json=body, headers=chat_headers(token, client_id))
    assert "Good morning" in "".join(delta.get("content") or "" for delta in deltas(response))


def test_a_chat_with_an_image(http, caller, client_id):
    token, _ = caller
    content = [
        {"type": "text", "text": "What is on it?"},
        {"type": "image_url", "image_url": {"url": data_uri()}},
    ]
    body = {"model": "lightning", "stream": True, "messages": [{"role": "user", "content": content}]}
    response = http.post("/gen/chat/completions", json=body, headers=chat_headers(token, client_id))
    assert "one image" in "".join(delta.get("content") or "" for delta in deltas(response))


def test_the_title_of_a_new_chat(http, caller, client_id):
    token, _ = caller
    body = {
        "model": "lightning",
        "max_tokens": 20,
        "messages": [{"role": "user", "content": "Write a short title for: Good morning"}],
    }
    reply = http.post("/gen/chat/completions", json=body, headers=chat_headers(token, client_id)).json()
    assert reply["choices"][0]["message"]["content"]
    assert reply["usage"]["completion_tokens"] <= 20


def test_a_tool_turn_and_its_follow_up(http, caller, client_id):
    token, _ = caller
    search = {
        "type": "function",
        "function": {
            "name": "duckduckgo_search",
            "description": "Search the web",
            "parameters": {
                "type": "object",
                "properties": {"query": {"type": "string"}},
                "required": ["query"],
            },
        },
    }
    user = {"role": "user", "content": "Search the web for ferry times"}
    first = http.post(
        "/gen/chat/completions",
        json={"model": "lightning", "stream": True, "messages": [user], "tools": [search]},
        headers=chat_headers(token, client_id),
    )
    calls: dict[int, dict[str, str]] = {}
    for delta in deltas(first):
        for call in delta.get("tool_calls") or []:
            known = calls.setdefault(call["index"], {"id": "", "name": "", "arguments": ""})
            known["id"] = call.get("id") or known["id"]
            known["name"] = call["function"].get("name") or known["name"]
            known["arguments"] += call["function"].get("arguments") or ""
    assert calls[0]["name"] == "duckduckgo_search"
    assert json.loads(calls[0]["arguments"])["query"]

    function = {"name": calls[0]["name"], "arguments": calls[0]["arguments"]}
    follow_up = [
        user,
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": calls[0]["id"], "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": calls[0]["id"], "content": "Every hour on the hour"},
    ]
    second = http.post(
        "/gen/chat/completions",
        json={"model": "lightning", "stream": True, "messages": follow_up},
        headers=chat_headers(token, client_id),
    )
    text = "".join(delta.get("content") or "" for delta in deltas(second))
    assert "Every hour on the hour" in text


@pytest.mark.parametrize(
    ("path", "body", "media_type"),
    [
        ("/gen/image", {"prompt": "a bay", "mode": "auto"}, "image/"),
        ("/gen/image", {"prompt": "a bay", "mode": "fantasy", "image_urls": [data_uri()]}, "image/"),
        ("/gen/video", {"prompt": "a bay", "ratio": "3:2", "mode": "normal", "duration": 30}, "video/mp4"),
        ("/gen/sfx", {"prompt": "a bay"}, "audio/mpeg"),
    ],
)
def test_media(http, caller, path, body, media_type):
    _, headers = caller
    response = http.post(path, json=body, headers=headers)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith(media_type)
    assert response.content


def test_usage_is_polled_and_a_stale_token_falls_back_to_none(http, mock, caller):
    _, headers = caller
    fresh = http.get("/usage", headers={"Accept": "application/json", **headers})
    assert fresh.status_code == 200
    for metric in fresh.json()["usage"].values():
        assert metric["limit"] is None or metric["limit"] >= 0
        assert isinstance(metric["window"], str)
    stale = {"X-Client-ID": headers["X-Client-ID"]}
    expired = {**stale, "Authorization": f"Bearer {mock.credentials['LIGHTNING_EXPIRED_JWT']}"}
    assert http.get("/usage", headers=expired).status_code in (401, 403)
    assert http.get("/usage", headers=stale).json()["plan_key"] == "free"


def test_what_is_asked_at_start(http):
    status = http.get("/status/").json()
    assert isinstance(status["notifications"], str)
    assert len(status["latest"].split(".")) == 3
    assert all(service["state"] for service in status["services"].values())
    assert http.get("/models").json()[0]["name"]
    config = http.get("/tier-config", headers={"Accept": "application/json"}).json()
    assert config["defaultPlanKey"] == "free"
    assert all(isinstance(plan["price"], str) for plan in config["plans"])
    tiers = http.get("/tiers", headers={"Accept": "application/json"}).json()
    assert [tier["key"] for tier in tiers] == [
        plan["key"] for plan in config["plans"] if plan["key"] != "free"
    ]


def test_the_subscription_of_a_signed_in_user(http, mock):
    headers = {"Authorization": f"Bearer {mock.plans['light'].jwt}", "Accept": "application/json"}
    rows = http.get("/subscription", headers=headers).json()["subscription"]
    assert {row["status"] for row in rows} & {"active", "trialing"}


def test_a_page_opened_from_a_file_may_call(http):
    preflight = http.options(
        "/gen/chat/completions",
        headers={
            "Origin": "null",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type,x-client-id,x-stainless-lang",
        },
    )
    assert preflight.is_success
    assert preflight.headers["access-control-allow-origin"] in ("*", "null")
    assert "x-client-id" in preflight.headers["access-control-allow-headers"].lower()
