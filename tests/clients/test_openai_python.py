"""The official OpenAI client for Python, through its public API alone, against the mock."""

import base64
import json
from collections.abc import Iterator
from io import BytesIO

import openai
import pytest
from lightning_mock.background import RunningMock, running
from openai import AsyncOpenAI, OpenAI
from PIL import Image
from pydantic import BaseModel

QUESTION = [{"role": "user", "content": "Name three rivers, please."}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Current weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
            "required": ["city", "days"],
        },
    },
}


class River(BaseModel):
    name: str
    length_km: int


def connect(mock: RunningMock, key: str, client_id: str = "", retries: int = 0) -> OpenAI:
    headers = {"X-Client-ID": client_id} if client_id else None
    return OpenAI(base_url=f"{mock.base_url}/gen", api_key=key, default_headers=headers, max_retries=retries)


@pytest.fixture(params=["public", "jwt", "key"])
def client(request: pytest.FixtureRequest, mock: RunningMock, client_id: str) -> Iterator[OpenAI]:
    user = mock.plans["professional"]
    key = {"public": "public", "jwt": user.jwt, "key": user.api_key}[request.param]
    with connect(mock, key, client_id) as opened:
        yield opened


def test_a_plain_completion(client):
    reply = client.chat.completions.create(model="lightning", messages=QUESTION)
    assert "Name three rivers" in reply.choices[0].message.content
    assert reply.choices[0].finish_reason == "stop"
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens
    assert reply.router_metadata["model_name"]


def test_a_streamed_completion_with_usage(client):
    stream = client.chat.completions.create(
        model="lightning", messages=QUESTION, stream=True, stream_options={"include_usage": True}
    )
    metadata, *chunks = list(stream)
    assert metadata.router_metadata["model_name"]
    assert not metadata.choices
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert "Name three rivers" in text
    assert chunks[-1].usage.total_tokens > 0
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"


def test_a_tool_round_trip(client):
    messages = [{"role": "user", "content": 'Weather in "Oslo" for 3 days?'}]
    first = client.chat.completions.create(model="lightning", messages=messages, tools=[WEATHER])
    assert first.choices[0].finish_reason == "tool_calls"
    [call] = first.choices[0].message.tool_calls
    assert json.loads(call.function.arguments) == {"city": "Oslo", "days": 3}
    messages += [first.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "Snow"}]
    second = client.chat.completions.create(model="lightning", messages=messages, tools=[WEATHER])
    assert "Snow" in second.choices[0].message.content


def test_streamed_tool_calls(client):
    stream = client.chat.completions.create(
        model="lightning", messages=QUESTION, tools=[WEATHER], tool_choice="required", stream=True
    )
    fragments = [
        call
        for chunk in stream
        if chunk.choices
        for call in chunk.choices[0].delta.tool_calls or []
    ]  # fmt: skip
    assert [call.function.name for call in fragments if call.function.name] == ["get_weather"]
    assert {"city", "days"} == set(json.loads("".join(call.function.arguments for call in fragments)))


def test_structured_output_is_parsed(client):
    reply = client.chat.completions.parse(
        model="lightning",
        messages=[{"role": "user", "content": 'The "Rhine" is 1230 km long.'}],
        response_format=River,
    )
    assert reply.choices[0].message.parsed == River(name="Rhine", length_km=1230)


def test_a_json_object(client):
    reply = client.chat.completions.create(
        model="lightning", messages=QUESTION, response_format={"type": "json_object"}
    )
    assert json.loads(reply.choices[0].message.content)


def test_an_image_part(client):
    out = BytesIO()
    Image.new("RGB", (4, 4)).save(out, "PNG")
    url = f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"
    parts = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": url}}]
    reply = client.chat.completions.create(model="x", messages=[{"role": "user", "content": parts}])
    assert "image" in reply.choices[0].message.content


def test_the_stream_helper(friendly_mock, client_id):
    with (
        connect(friendly_mock, "public", client_id) as client,
        client.chat.completions.stream(model="lightning", messages=QUESTION) as stream,
    ):
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    assert {"chunk", "content.delta", "content.done"} <= kinds
    assert "Name three rivers" in final.choices[0].message.content


async def test_the_async_client(mock, client_id):
    async with AsyncOpenAI(
        base_url=f"{mock.base_url}/gen", api_key="public", default_headers={"X-Client-ID": client_id}
    ) as client:
        reply = await client.chat.completions.create(model="lightning", messages=QUESTION)
        assert "Name three rivers" in reply.choices[0].message.content
        text = ""
        async for chunk in await client.chat.completions.create(
            model="lightning", messages=QUESTION, stream=True
        ):
            if chunk.choices:
                text += chunk.choices[0].delta.content or ""
        assert "Name three rivers" in text


@pytest.mark.parametrize(
    "name", ["LIGHTNING_EXPIRED_JWT", "LIGHTNING_EXPIRED_API_KEY", "LIGHTNING_REVOKED_API_KEY"]
)
def test_a_bad_credential_is_an_authentication_error_with_our_message(mock, name):
    with connect(mock, mock.credentials[name]) as client, pytest.raises(openai.AuthenticationError) as caught:
        client.chat.completions.create(model="lightning", messages=QUESTION)
    assert caught.value.body["message"] in str(caught.value)
    assert caught.value.body["message"]
    assert mock.credentials[name] not in str(caught.value)


def test_a_bad_payload_is_a_bad_request_error_that_names_the_field(mock, client_id):
    with connect(mock, "public", client_id) as client, pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="lightning", messages=[])
    assert "messages" in caught.value.message


def test_a_prompt_that_is_too_long_is_a_413(mock, client_id):
    with connect(mock, "public", client_id) as client, pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(model="x", messages=[{"role": "user", "content": "x" * 40_000}])
    assert caught.value.status_code == 413
    assert "32768" in caught.value.message


def used(mock: RunningMock, client_id: str) -> int:
    with connect(mock, "public", client_id) as client:
        usage = client.with_options(base_url=mock.base_url).get("/usage", cast_to=object)
    return usage["usage"]["cloudChatDaily"]["used"]


@pytest.mark.parametrize(
    ("advice", "waits"),
    [
        ("none", lambda pauses: len(pauses) == 2 and max(pauses) < 10),
        ("seconds", lambda pauses: pauses == [10, 10]),
        ("x-should-retry-false", lambda pauses: pauses == []),
    ],
)
def test_automatic_retries_of_an_exhausted_quota_cost_nothing(client_id, monkeypatch, advice, waits):
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    with (
        running(retry_advice=advice) as mock,
        connect(mock, "public", client_id, retries=2) as client,
    ):
        clock = mock.state.clock
        clock.freeze()
        # Ten seconds before the window ends: longer waits the SDK does not even begin.
        clock.advance(-clock.now() % 86_400 - 10)
        for _ in range(50):
            client.chat.completions.create(model="lightning", messages=QUESTION)
        with pytest.raises(openai.RateLimitError) as caught:
            client.chat.completions.create(model="lightning", messages=QUESTION)
        assert waits(pauses), pauses
        assert used(mock, client_id) == 50
        assert "50" in caught.value.message
        assert caught.value.code == "quota_exhausted"
        clock.advance(10)
        assert client.chat.completions.create(model="lightning", messages=QUESTION).choices
        assert used(mock, client_id) == 1
