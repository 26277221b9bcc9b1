"""Streams: the order of their events, their forms, and clients that leave early."""

from __future__ import annotations

import asyncio
import gc
import json
import time
from typing import Any

import httpx2
import pytest
from lightning_mock.background import running
from lightning_mock.http.replies import Ready

TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["city", "days"],
        },
    },
}


def body(content: Any = "Name three rivers.", **fields: Any) -> Any:
    return {"messages": [{"role": "user", "content": content}], "stream": True, **fields}


def events(client: Any, **fields: Any) -> Any:
    response = client.post("/gen/chat/completions", json=body(**fields))
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("text/event-stream")
    lines = [line.removeprefix("data: ") for line in response.text.split("\n\n") if line]
    assert lines.pop() == "[DONE]"
    return [json.loads(line) for line in lines]


def deltas(found: Any, index: Any = 0) -> Any:
    return [c["delta"] for e in found for c in e.get("choices", []) if c["index"] == index]


def test_the_metadata_comes_first_and_has_no_choices(client: Any) -> None:
    first, *rest = events(client)
    assert list(first) == ["router_metadata"]
    assert first["router_metadata"]["model_name"]
    assert not any("router_metadata" in event for event in rest)


def test_the_metadata_can_have_choices_for_clients_that_need_them() -> None:
    with running(metadata_form="choices") as mock, httpx2.Client(base_url=mock.base_url) as client:
        first, second, *_ = events(client)
    assert first["router_metadata"]["model_name"]
    role = {"role": "assistant", "content": ""}
    assert first["choices"] == [{"index": 0, "delta": role, "finish_reason": None}]
    assert (first["object"], first["id"]) == ("chat.completion.chunk", second["id"])


def test_a_stream_is_role_then_content_then_finish(client: Any) -> None:
    _, role, *contents, finish = events(client)
    assert role["choices"][0]["delta"]["role"] == "assistant"
    assert all(set(event["choices"][0]["delta"]) == {"content"} for event in contents)
    assert finish["choices"][0] == {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}
    finishes = [event["choices"][0]["finish_reason"] for event in [role, *contents]]
    assert set(finishes) == {None}
    assert len({event["id"] for event in [role, *contents, finish]}) == 1


def test_a_stream_says_what_the_plain_reply_says(client: Any) -> None:
    plain = client.post("/gen/chat/completions", json=body(stream=False)).json()
    streamed = "".join(delta.get("content", "") for delta in deltas(events(client)))
    assert streamed == plain["choices"][0]["message"]["content"]


def test_usage_comes_last_when_asked_for(client: Any) -> None:
    *rest, last = events(client, stream_options={"include_usage": True})
    assert last["choices"] == []
    usage = last["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert all(event.get("usage") is None for event in rest)


def test_usage_does_not_come_unasked(client: Any) -> None:
    assert not any("usage" in event for event in events(client))
    assert not any("usage" in event for event in events(client, stream_options={"include_usage": False}))


def test_a_cut_stream_finishes_with_length(client: Any) -> None:
    assert events(client, max_tokens=2)[-1]["choices"][0]["finish_reason"] == "length"


def test_tool_calls_arrive_in_fragments_that_make_json(client: Any) -> None:
    found = events(client, content="Weather for 3 days in Oslo", tools=[TOOL], tool_choice="required")
    assert found[-1]["choices"][0]["finish_reason"] == "tool_calls"
    calls = [call for delta in deltas(found) for call in delta.get("tool_calls", [])]
    assert len([call for call in calls if "id" in call]) == 1
    assert len([call for call in calls if "name" in call["function"]]) == 1
    assert calls[0]["function"]["name"] == "get_weather"
    fragments = [call["function"]["arguments"] for call in calls]
    assert len(fragments) > 2
    assert json.loads("".join(fragments)) == {"city": "Oslo", "days": 3}


def test_several_choices_share_a_stream(client: Any) -> None:
    found = events(client, n=2)
    texts = ["".join(delta.get("content", "") for delta in deltas(found, index)) for index in (0, 1)]
    assert all(texts)
    assert texts[0] != texts[1]


def test_a_stream_costs_one_unit(client: Any) -> None:
    events(client, n=2)
    assert client.get("/usage").json()["usage"]["cloudChatDaily"]["used"] == 1


def test_events_arrive_over_time_when_a_rate_is_set() -> None:
    with running(token_rate=50) as mock, httpx2.Client(base_url=mock.base_url) as client:
        times: list[float] = []
        with client.stream("POST", "/gen/chat/completions", json=body(max_tokens=6)) as response:
            times.extend(time.monotonic() for line in response.iter_lines() if line)
    assert times[-1] - times[0] > 0.08
    assert len(set(times)) > 5


def test_a_client_that_leaves_leaves_nothing_behind(caplog: pytest.LogCaptureFixture) -> None:
    with running(token_rate=20) as mock, httpx2.Client(base_url=mock.base_url) as client:
        with client.stream("POST", "/gen/chat/completions", json=body()) as response:
            # The client leaves with the iterator.
            lines = response.iter_lines()
            next(lines)
            assert open_streams() == 1
        deadline = time.monotonic() + 5
        while open_streams() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert open_streams() == 0
        assert client.get("/usage").status_code == 200
    assert not [record for record in caplog.records if record.exc_info]


def open_streams() -> Any:
    """How many streams are still being sent in this process."""
    return sum(1 for thing in gc.get_objects() if isinstance(thing, Ready))


def test_many_streams_run_side_by_side(mock: Any) -> None:
    async def read(client: Any) -> Any:
        async with client.stream("POST", "/gen/chat/completions", json=body()) as response:
            return [line async for line in response.aiter_lines() if line][-1]

    async def all_of_them() -> Any:
        headers = {"Authorization": f"Bearer {mock.plans['professional'].jwt}"}
        async with httpx2.AsyncClient(base_url=mock.base_url, headers=headers) as client:
            return await asyncio.gather(*[read(client) for _ in range(30)])

    assert asyncio.run(all_of_them()) == ["data: [DONE]"] * 30
