"""What gateways write beside a message breaks no rule; what resembles it and misleads a client does."""

from __future__ import annotations

from typing import Any

import pytest
from lightning_verify.reading.sse import transcribe

from tests.judge.chat_streams import DONE, Script, chunk, plainly

METADATA = {"router_metadata": {"model_name": "m"}}
ROLE = chunk({"role": "assistant", "content": ""})
WORDS = chunk({"content": "hi"})
STOP = chunk({}, "stop")
USAGE = {"total_tokens": 3}


def stream(**parts: Any) -> Script:
    """A plain stream with other events in front, between the words, or at its end."""
    return [
        *parts.get("first", [METADATA, ROLE]),
        WORDS,
        *parts.get("within", []),
        WORDS,
        STOP,
        *parts.get("last", []),
        DONE,
    ]


FILTER: dict[str, Any] = {"index": 0, "finish_reason": None, "content_filter_results": {}}
CALL = {"index": None, "id": "c", "function": {"name": "f", "arguments": "{}"}}


@pytest.mark.parametrize(
    "script",
    [
        stream(first=[ROLE, METADATA]),
        stream(first=[{"object": "router.metadata", "choices": [], **METADATA}, ROLE]),
        stream(first=[{"object": "", "choices": [], "prompt_filter_results": []}, METADATA, ROLE]),
        stream(first=[METADATA, {"object": "", "choices": [FILTER]}, ROLE]),
        stream(within=[{"object": "ping", "choices": []}]),
        stream(within=[chunk({"role": "assistant", "content": None, "reasoning": "hm"})]),
        stream(within=[chunk({"role": "assistant", "content": None, "tool_calls": [CALL]})]),
        stream(last=[chunk({"role": "assistant", "content": ""}, "stop", usage=USAGE)]),
    ],
)
def test_what_a_gateway_adds_breaks_no_rule(script: Script) -> None:
    assert transcribe(plainly(script)).problems == {}


@pytest.mark.parametrize(
    ("script", "rule"),
    [
        (stream(first=[ROLE, WORDS, METADATA]), "metadata"),
        (stream(first=[METADATA, chunk({"content": "hi"}), ROLE]), "chunk"),
        (stream(first=[METADATA, {**ROLE, "object": ""}]), "label"),
        (stream(within=[{"choices": [{**FILTER, "finish_reason": "stop"}]}]), "chunk"),
        (stream(within=[{"choices": [{"index": 0, "message": {"content": "hi"}}]}]), "chunk"),
        (stream(last=[STOP]), "end"),
        (stream(last=[chunk({}, "length", usage=USAGE)]), "end"),
        (stream(last=[chunk({"content": "more"}, "stop", usage=USAGE)]), "end"),
        (stream(last=[DONE]), "end"),
        (stream(within=[chunk({}, "")]), "end"),
    ],
)
def test_what_only_resembles_it_does(script: Script, rule: str) -> None:
    assert rule in transcribe(plainly(script)).problems


def test_fragments_without_an_index_count_by_their_place() -> None:
    other = {**CALL, "id": "d", "function": {"name": "g", "arguments": "[]"}}
    calls = transcribe(plainly(stream(within=[chunk({"tool_calls": [CALL, other]})]))).tool_calls
    assert {at: (call.name, call.arguments) for at, call in calls.items()} == {0: ("f", "{}"), 1: ("g", "[]")}


FAILED = {"index": 0, "delta": {}, "finish_reason": "error", "error": {"message": "the provider hung up"}}


@pytest.mark.parametrize(
    "event",
    [
        {"choices": [FAILED]},
        {"object": "error", "message": "gone", "code": 504},
        {"detail": "gone"},
        {"error": "gone"},
        b"event: error\ndata: gone\n\n",
        b'{"error": {"message": "gone"}}\n\n',
    ],
)
def test_a_failure_inside_a_stream_is_the_upstreams(event: Any) -> None:
    events = plainly([METADATA, ROLE, WORDS])
    told = event if isinstance(event, bytes) else plainly([event])
    transcript = transcribe(events + told)
    assert transcript.upstream_error
    assert "chunk" not in transcript.problems


def test_a_choice_without_a_delta_is_told_once() -> None:
    silent = {**STOP, "choices": [{"index": 0, "delta": None, "finish_reason": "stop"}]}
    script = [METADATA, ROLE, WORDS, silent, DONE]
    assert list(transcribe(plainly(script)).problems) == ["chunk"]


def test_two_tool_calls_under_one_id_are_none() -> None:
    calls = [{**CALL, "index": 0}, {**CALL, "index": 1}]
    script = stream(within=[chunk({"tool_calls": calls})])
    assert transcribe(plainly(script)).problems["tools"] == ["several tool calls have the id 'c'"]
