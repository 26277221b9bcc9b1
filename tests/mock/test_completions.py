"""The words of an answer and their way onto the wire, without a server."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import orjson
import pytest
from lightning_mock.generation.completions import wire
from lightning_mock.generation.completions.completion import complete
from lightning_mock.generation.completions.tokens import count_tokens, split_tokens
from lightning_mock.generation.completions.tools import ToolCall
from lightning_mock.generation.completions.wire import completion_body, completion_events
from lightning_mock.generation.conversation import read_conversation


def asked(prompt: Any = "Name three rivers.", **fields: Any) -> Any:
    return {"messages": [{"role": "user", "content": prompt}], **fields}


def answered(arguments: Any, seed: Any = 0) -> Any:
    return complete(arguments, seed, "chatcmpl-1", 1_000)


def plain(completion: Any) -> Any:
    return orjson.loads(completion_body(completion))


def chunks(completion: Any, form: Any = "bare", with_usage: Any = False) -> Any:
    events = [event.decode() for event in completion_events(completion, form, with_usage)]
    assert all(event.startswith("data: ") and event.endswith("\n\n") for event in events)
    assert events[-1] == "data: [DONE]\n\n"
    return [orjson.loads(event[6:]) for event in events[:-1]]


def test_the_same_request_and_seed_give_the_same_answer() -> None:
    arguments = asked(n=2)
    assert completion_body(answered(arguments)) == completion_body(answered(arguments))


def test_another_seed_can_give_another_answer() -> None:
    texts = {plain(answered(asked(), seed))["choices"][0]["message"]["content"] for seed in range(9)}
    assert len(texts) > 1


def test_the_pieces_of_a_stream_are_the_text_of_the_plain_answer() -> None:
    completion = answered(asked("naïve café, 東京, 👩‍💻!"))
    text = plain(completion)["choices"][0]["message"]["content"]
    deltas = [choice["delta"] for chunk in chunks(completion) for choice in chunk.get("choices", [])]
    assert "".join(delta.get("content") or "" for delta in deltas) == text
    assert "東京" in text


@pytest.mark.parametrize("kind", ["text", "arguments"])
def test_the_events_of_a_long_text_are_made_as_they_are_taken(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    cut: list[str] = []

    def noted(text: str) -> list[str]:
        cut.append(text)
        return split_tokens(text)

    monkeypatch.setattr(wire, "split_tokens", noted)
    completion = answered(asked())
    text = "word " * 100_000
    said = {"text": text} if kind == "text" else {"text": "", "calls": (ToolCall("call_1", "write", text),)}
    completion = replace(completion, choices=(replace(completion.choices[0], **said),))
    events = iter(completion_events(completion, "bare", False))
    assert b"router_metadata" in next(events)
    assert b"role" in next(events)
    if kind == "arguments":
        assert b'"id":"call_1"' in next(events)
    assert b"word" in next(events)
    assert len("".join(cut)) < len(text) / 2
    assert sum(1 for _ in events) > 100_000
    assert "".join(cut) == text


@pytest.mark.parametrize(
    "text", ['"quoted", twice"","', "back\\slash \\u007f", "line\nbreak\ttab\0", '\x7f\x7f, "\x7f"', "é…"]
)
def test_what_json_escapes_survives_being_cut_into_pieces(text: Any) -> None:
    completion = answered(asked(text * 3))
    deltas = [choice["delta"] for chunk in chunks(completion) for choice in chunk.get("choices", [])]
    pieces = [delta["content"] for delta in deltas if delta.get("content")]
    assert pieces == split_tokens(completion.choices[0].text)
    assert plain(completion)["choices"][0]["message"]["content"] == completion.choices[0].text


def test_there_are_as_many_content_deltas_as_completion_tokens() -> None:
    completion = answered(asked())
    usage = plain(completion)["usage"]
    contents = [
        choice["delta"]["content"]
        for chunk in chunks(completion)
        for choice in chunk.get("choices", [])
        if choice["delta"].get("content")
    ]
    assert len(contents) == usage["completion_tokens"]


def test_tokens_cover_the_text() -> None:
    for text in ("", "a", "abcd", "abcde", "x" * 1001):
        assert "".join(split_tokens(text)) == text
        assert len(split_tokens(text)) == count_tokens(len(text))


def test_a_longer_prompt_costs_more_prompt_tokens() -> None:
    short = answered(asked("Hi")).prompt_tokens
    assert short < answered(asked("Hi " * 50)).prompt_tokens
    parts = [{"type": "text", "text": "Hi"}, {"type": "image_url", "image_url": {"url": "data:,"}}]
    assert short < answered(asked(parts)).prompt_tokens


def test_a_very_long_prompt_is_quoted_in_part() -> None:
    text = plain(answered(asked("word " * 5000)))["choices"][0]["message"]["content"]
    assert len(text) < 1000
    assert "word word" in text


def test_a_conversation_knows_the_tool_results_that_wait_for_an_answer() -> None:
    call: dict[str, Any] = {"id": "c1", "type": "function", "function": {"name": "lookup", "arguments": "{}"}}
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": "Look it up"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "42"},
        {"role": "tool", "tool_call_id": "other", "content": [{"type": "text", "text": "43"}]},
    ]
    results = read_conversation(messages).results
    assert [(result.name, result.content) for result in results] == [("lookup", "42"), ("", "43")]
    assert read_conversation([*messages, {"role": "user", "content": "And now?"}]).results == ()


@pytest.mark.parametrize("bound", ["minimum", "exclusiveMinimum"])
@pytest.mark.parametrize("number", [2**64, 2**70, 10**30])
def test_integers_beyond_64_bits_are_given_as_they_are(caller: Any, bound: str, number: int) -> None:
    value = {"type": "integer", bound: number}
    schema = {"type": "object", "required": ["a"], "properties": {"a": value}}
    asked = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    tools = [{"type": "function", "function": {"name": "b", "parameters": schema}}]
    for fields in ({"response_format": asked}, {"tools": tools, "tool_choice": "required"}):
        body = json.dumps({"messages": [{"role": "user", "content": "x"}], **fields})
        answer = caller.post_raw("/gen/chat/completions", body)
        assert answer.status_code == 200, answer.text
        message = answer.json()["choices"][0]["message"]
        text = message["content"] or message["tool_calls"][0]["function"]["arguments"]
        given = json.loads(text)["a"]
        assert isinstance(given, int)
        assert given >= number
