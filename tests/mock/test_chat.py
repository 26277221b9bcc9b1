"""Chat completions as a client sees them: what comes back, what it counts, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest
from lightning_mock.background import running

from tests.mock.conftest import chat, used


def message(response: Any) -> Any:
    assert response.status_code == 200, response.text
    return response.json()["choices"][0]["message"]


def refused(response: Any, param: Any) -> Any:
    assert response.status_code == 400, response.text
    error = response.json()["error"]
    assert error["param"] == param
    assert param in error["message"]
    return error["message"]


def test_a_reply_has_the_form_of_a_chat_completion(mock: Any, client: Any) -> None:
    mock.state.clock.freeze()
    reply = chat(client).json()
    mock.state.clock.resume()
    assert reply["id"].startswith("chatcmpl-")
    assert reply["object"] == "chat.completion"
    assert reply["created"] == pytest.approx(mock.state.clock.now(), abs=30)
    assert reply["model"] == reply["router_metadata"]["model_name"]
    assert reply["choices"][0]["finish_reason"] == "stop"
    assert reply["choices"][0]["message"]["role"] == "assistant"


def test_created_follows_the_clock_of_the_mock() -> None:
    with running() as mock, httpx2.Client(base_url=mock.base_url) as client:
        before = chat(client).json()["created"]
        mock.state.clock.advance(86_400)
        assert 86_400 <= chat(client).json()["created"] - before < 86_460


def test_the_developers_own_words_come_back(client: Any) -> None:
    assert "Zwölf Boxkämpfer, 東京 & 🦊" in message(chat(client, "Zwölf Boxkämpfer, 東京 & 🦊"))["content"]


def test_two_replies_have_two_ids(client: Any) -> None:
    assert chat(client).json()["id"] != chat(client).json()["id"]


def test_a_seeded_mock_repeats_itself_to_the_byte() -> None:
    replies = []
    for _ in range(2):
        with running(seed=5) as mock, httpx2.Client(base_url=mock.base_url) as client:
            mock.state.clock.freeze()
            mock.state.clock.set(4_000_000_000.0)
            replies.append(chat(client, tools=[TOOL], tool_choice="required").content)
    assert replies[0] == replies[1]


TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"x": {"type": "string", "pattern": "^[a-z]{9}$"}}},
    },
}


def test_usage_adds_up(client: Any) -> None:
    usage = chat(client).json()["usage"]
    assert usage["prompt_tokens"] > 0
    assert usage["completion_tokens"] > 0
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
def test_a_limit_of_tokens_cuts_the_answer(client: Any, field: Any) -> None:
    whole = message(chat(client))["content"]
    reply = chat(client, **{field: 3}).json()
    assert reply["choices"][0]["finish_reason"] == "length"
    assert reply["usage"]["completion_tokens"] == 3
    cut = reply["choices"][0]["message"]["content"]
    assert whole.startswith(cut)
    assert len(cut) < len(whole)


def test_a_limit_that_is_not_reached_changes_nothing(client: Any) -> None:
    assert chat(client, max_tokens=10_000).json()["choices"][0]["finish_reason"] == "stop"


def test_a_stop_sequence_ends_the_answer_before_it(client: Any) -> None:
    assert "rivers" not in message(chat(client, "three rivers", stop=["rivers"]))["content"]
    assert "rivers" not in message(chat(client, "three rivers", stop="rivers"))["content"]


def test_several_choices_differ(client: Any) -> None:
    choices = chat(client, n=3).json()["choices"]
    assert [choice["index"] for choice in choices] == [0, 1, 2]
    assert len({choice["message"]["content"] for choice in choices}) == 3


@pytest.mark.parametrize("n", [0, 9, -1, 1.5, "2", True, 10**30])
def test_a_number_of_choices_that_cannot_be_is_refused(client: Any, n: Any) -> None:
    refused(chat(client, n=n), "n")
    assert used(client)["cloudChatDaily"] == 0


def test_fields_we_do_not_know_are_no_fault(client: Any) -> None:
    reply = chat(client, model="lightning", temperature=0.2, tools=[], metadata={"a": 1}, top_p=None, seed=4)
    assert message(reply)["content"]


def test_an_image_is_seen(client: Any) -> None:
    content = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
    ]
    reply = chat(client, content)
    assert "What is this?" in message(reply)["content"]
    assert "one image" in message(reply)["content"]


def test_a_json_object_is_one(client: Any) -> None:
    content = message(chat(client, 'Say "hi"', response_format={"type": "json_object"}))["content"]
    assert json.loads(content)["prompt"] == 'Say "hi"'


def test_an_answer_fits_the_schema_asked_for(client: Any) -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "length_km": {"type": "integer", "minimum": 1}},
        "required": ["name", "length_km"],
        "additionalProperties": False,
    }
    asked = {"type": "json_schema", "json_schema": {"name": "river", "strict": True, "schema": schema}}
    content = message(chat(client, 'The "Rhine" is 1230 km long', response_format=asked))["content"]
    assert json.loads(content) == {"name": "Rhine", "length_km": 1230}


def test_a_response_schema_that_is_none_is_refused_and_costs_nothing(client: Any) -> None:
    asked = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "rabbit"}}}
    refused(chat(client, response_format=asked), "response_format.json_schema.schema")
    assert used(client)["cloudChatDaily"] == 0


def test_analyze_and_chat_name_the_same_model(client: Any) -> None:
    for content in ("Hi", "Write a Python class", "Compare and analyze " * 40):
        messages = [{"role": "user", "content": content}]
        analyzed = client.post("/gen/prompt_analyze", json={"prompt": messages}).json()
        assert analyzed == [chat(client, content).json()["router_metadata"]["model_name"]]


def test_analyzing_costs_nothing(client: Any) -> None:
    client.post("/gen/prompt_analyze", json={"prompt": [{"role": "user", "content": "Hi"}]})
    assert used(client)["cloudChatDaily"] == 0
