"""Chat, plain: what must be in a request, and the shape of a completion."""

from __future__ import annotations

import json
from typing import Any

import pytest

from contract_tests.completion import completion
from contract_tests.exchange import Exchange
from contract_tests.judge import Judge
from contract_tests.marks import judges
from contract_tests.observations import CHAT, operation_observed
from contract_tests.prompts import TOOLS
from contract_tests.requests import picture_data_uri, say
from contract_tests.sse import transcribe
from contract_tests.strategies import sample, wrong_messages, wrong_stream, wrong_tools

ONE_CHAT = {"cloudChatDaily": 1}


def _refuse(judge: Judge, requirement: str, body: Any, what: str) -> None:
    exchange = judge.post(CHAT, body, lane="free")
    judge.refused(requirement, exchange, 400, what)


@judges("CHAT-1", requests=16)
def test_a_chat_without_an_array_of_messages_is_400(judge: Judge) -> None:
    _refuse(judge, "CHAT-1", {"stream": False}, "a chat without messages")
    for wrong in [
        None,
        "hello",
        {"role": "user", "content": "hello"},
        *sample(wrong_messages(), judge.examples),
    ]:
        _refuse(judge, "CHAT-1", {"messages": wrong}, f"messages={json.dumps(wrong)}")


@judges("CHAT-3", requests=8)
def test_a_stream_flag_that_is_no_boolean_is_400(judge: Judge) -> None:
    for wrong in sample(wrong_stream(), judge.examples // 2, 1):
        _refuse(judge, "CHAT-3", say("Say hello.", stream=wrong), f"stream={json.dumps(wrong)}")


@judges("CHAT-8", requests=8)
def test_tools_that_are_no_list_are_400(judge: Judge) -> None:
    for wrong in sample(wrong_tools(), judge.examples // 2, 2):
        _refuse(judge, "CHAT-8", say("Say hello.", tools=wrong), f"tools={json.dumps(wrong)}")


@judges("CHAT-2", shares=["createChatCompletion"], requests=3)
def test_a_plain_completion_has_the_shape_of_openai(judge: Judge) -> None:
    completion(judge, "CHAT-2", operation_observed(judge, "createChatCompletion").call)


@judges("CHAT-3", units=ONE_CHAT, shares=["createChatCompletion"], requests=4)
def test_without_streaming_there_is_one_json_answer(judge: Judge) -> None:
    absent = operation_observed(judge, "createChatCompletion").call
    explicit = judge.post(CHAT, say("Say hello.", stream=False))
    for exchange in (absent, explicit):
        judge.served("CHAT-3", exchange)
        judge.check(
            "CHAT-3",
            exchange.media_type != "text/event-stream",
            "a stream came without being asked for",
            exchange,
        )
        judge.document("CHAT-3", exchange)


@judges("CHAT-10", units=ONE_CHAT, shares=["createChatCompletion"], requests=5)
def test_an_image_part_is_accepted(judge: Judge) -> None:
    parts = [
        {"type": "text", "text": "What is in this picture?"},
        {"type": "image_url", "image_url": {"url": picture_data_uri()}},
    ]
    body = {"messages": [{"role": "user", "content": parts}]}
    exchange = judge.once("chat with an image", lambda: judge.post(CHAT, body))
    plain = operation_observed(judge, "createChatCompletion").call
    judge.served_as_well("CHAT-10", exchange, plain, lambda: judge.post(CHAT, body))
    completion(judge, "CHAT-10", exchange)


# --- tools ----------------------------------------------------------------------------------------------


def _plain_calls(judge: Judge, requirement: str, exchange: Exchange) -> list[tuple[str, str]]:
    """(name, arguments) of each tool call of a plain completion."""
    judge.served(requirement, exchange)
    calls = []
    for choice in completion(judge, requirement, exchange):
        for call in choice["message"].get("tool_calls") or []:
            function = call.get("function") if isinstance(call, dict) else None
            if not isinstance(function, dict) or not isinstance(function.get("name"), str):
                raise judge.violation(
                    requirement, f"a tool call has no function name: {str(call)[:100]}", exchange
                )
            if not isinstance(function.get("arguments"), str):
                raise judge.violation(
                    requirement, f"arguments are {function.get('arguments')!r}, not text", exchange
                )
            calls.append((function["name"], function["arguments"]))
    return calls


def _good_calls(judge: Judge, requirement: str, calls: list[tuple[str, str]], exchange: Exchange) -> None:
    """Each call names a tool that was given and carries a JSON object."""
    for name, arguments in calls:
        known = name in {"get_weather", "get_time"}
        judge.check(requirement, known, f"a tool was called that nobody gave: {name!r}", exchange)
        try:
            decoded = json.loads(arguments)
        except ValueError:
            raise judge.violation(
                requirement, f"arguments are not JSON: {arguments[:80]!r}", exchange
            ) from None
        judge.check(
            requirement,
            isinstance(decoded, dict),
            f"arguments are {arguments[:80]!r}, not an object",
            exchange,
        )


NAMED = {"type": "function", "function": {"name": "get_time"}}


def _tool_chat(judge: Judge, requirement: str, choice: Any, *, stream: bool = False) -> Exchange:
    """The served answer to a chat with tools, asked for once in a run."""
    body = say("What is the weather in Paris?", tools=TOOLS, tool_choice=choice, stream=stream)
    exchange = judge.once(f"tools {choice} {stream}", lambda: judge.post(CHAT, body))
    plain = operation_observed(judge, "createChatCompletion").call
    return judge.served_as_well(requirement, exchange, plain, lambda: judge.post(CHAT, body))


@judges("CHAT-8", units={"cloudChatDaily": 2}, shares=["createChatCompletion"], requests=2)
@pytest.mark.parametrize("choice", ["auto", "required"])
def test_tool_calls_of_a_plain_completion_are_well_formed(judge: Judge, choice: str) -> None:
    exchange = _tool_chat(judge, "CHAT-8", choice)
    _good_calls(judge, "CHAT-8", _plain_calls(judge, "CHAT-8", exchange), exchange)
    judge.witness("CHAT-8", exchange)


@judges("CHAT-8", units=ONE_CHAT, shares=["createChatCompletion"], requests=4)
def test_tool_calls_of_a_stream_add_up_to_json(judge: Judge) -> None:
    exchange = _tool_chat(judge, "CHAT-8", "required", stream=True)
    transcript = transcribe(exchange.body)
    if transcript.upstream_error:
        raise judge.undecided(
            "CHAT-8", f"the host failed in mid-stream: {transcript.upstream_error}", exchange
        )
    for problem in transcript.problems.get("tools", []):
        raise judge.violation("CHAT-8", problem, exchange)
    calls = [(call.name, call.arguments) for call in transcript.tool_calls.values()]
    _good_calls(judge, "CHAT-8", calls, exchange)
    judge.witness("CHAT-8", exchange)


@judges("CHAT-9", units={"cloudChatDaily": 2}, shares=["createChatCompletion"], requests=5)
def test_a_required_or_named_tool_is_called(judge: Judge) -> None:
    for choice in ("required", NAMED):
        exchange = _tool_chat(judge, "CHAT-9", choice)
        names = [name for name, _ in _plain_calls(judge, "CHAT-9", exchange)]
        judge.check("CHAT-9", bool(names), f"tool_choice {json.dumps(choice)} called no tool", exchange)
        if choice is NAMED:
            judge.check(
                "CHAT-9", set(names) == {"get_time"}, f"get_time was chosen, {names} called", exchange
            )


@judges("CHAT-9", units=ONE_CHAT, shares=["createChatCompletion"], requests=4)
def test_no_tool_is_called_when_none_is_chosen(judge: Judge) -> None:
    exchange = _tool_chat(judge, "CHAT-9", "none")
    names = [name for name, _ in _plain_calls(judge, "CHAT-9", exchange)]
    judge.check("CHAT-9", not names, f"tool_choice none called {names}", exchange)


# --- what clients rely on -------------------------------------------------------------------------------


@judges("OBS-5", units={"cloudChatDaily": 2}, requests=2)
def test_unknown_fields_and_no_tools_are_harmless(judge: Judge) -> None:
    bodies: list[dict[str, Any]] = [
        {"model": "lightning", "max_tokens": 20, "x_unknown": {"a": [1]}},
        {"tools": []},
    ]
    for more in bodies:
        judge.witness("OBS-5", judge.served("OBS-5", judge.post(CHAT, say("Say hello.", **more))))


@judges("OBS-6", shares=["createChatCompletion"], requests=3)
def test_a_completion_is_labelled(judge: Judge) -> None:
    exchange = operation_observed(judge, "createChatCompletion").call
    document = judge.document("OBS-6", exchange)
    for field, kind in (("id", str), ("object", str), ("created", int), ("model", str)):
        judge.check(
            "OBS-6", isinstance(document.get(field), kind), f"{field} is {document.get(field)!r}", exchange
        )


@judges("ASM-15", shares=["createChatCompletion"], requests=3)
def test_a_plain_completion_tells_its_model_as_well(judge: Judge) -> None:
    exchange = operation_observed(judge, "createChatCompletion").call
    metadata = judge.document("ASM-15", exchange).get("router_metadata")
    told = isinstance(metadata, dict) and bool(metadata.get("model_name"))
    judge.check("ASM-15", told, f"router_metadata is {metadata!r}", exchange)
