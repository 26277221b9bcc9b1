"""Faults: tools and tool calls."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from lab import seams
from lab.faults.fault import FaultSet
from lab.prompts import EASY, WEATHER
from lab.proofs import OTHER_TOOL, TOOL, chat, streamed
from lab.seams import at, drop, edit, put
from lab.server.lab import Call, Lab

FAULTS = FaultSet()


def _in_content(value: Any) -> Any:
    message = value["choices"][0]["message"]
    if calls := message.pop("tool_calls", None):
        message["content"] = str(calls)
    return value


FAULTS.handwritten("CHAT-8 CHAT-9", chat(tools=[TOOL], tool_choice="required"), spend="sample").add(
    "tools-in-content: a required tool call is written into the content",
    edit("createChatCompletion", _in_content),
)

FAULTS.handwritten(
    "CHAT-8",
    chat(messages=[*EASY, {"role": "tool", "tool_call_id": "call_1", "content": "clear"}]),
    spend="sample",
).add(
    "tool-result-400: a conversation with a message of the role tool is 400",
    seams.refuse_when(
        "createChatCompletion", lambda c: any(m.get("role") == "tool" for m in c.arguments["messages"])
    ),
)

FAULTS.handwritten(
    "CHAT-8",
    chat(messages=[*EASY, {"role": "assistant", "content": None, "tool_calls": []}, *EASY]),
    spend="sample",
).add(
    "tool-calls-in-messages-400: a message that has tool calls in place of content is 400",
    seams.refuse_when(
        "createChatCompletion", lambda c: any(m.get("content") is None for m in c.arguments["messages"])
    ),
)


def _without_ids(payload: Any) -> Any:
    for choice in payload["choices"]:
        for tool_call in choice["message"].get("tool_calls") or []:
            del tool_call["id"]
    return payload


FAULTS.handwritten("CHAT-8", chat(**WEATHER), spend="sample").add(
    "tool-calls-without-id: a tool call has no id", seams.edit("createChatCompletion", _without_ids)
)


def _untyped(payload: Any) -> Any:
    for choice in payload["choices"]:
        for tool_call in choice["message"].get("tool_calls") or []:
            del tool_call["type"]
    return payload


FAULTS.handwritten("CHAT-8", chat(**WEATHER), spend="sample").add(
    "tool-calls-without-type: a tool call has no type", seams.edit("createChatCompletion", _untyped)
)


def _streamed_without_ids(events: list[Any]) -> list[Any]:
    for event in events:
        for choice in event.get("choices", []) if isinstance(event, dict) else []:
            for fragment in choice["delta"].get("tool_calls") or []:
                fragment.pop("id", None)
    return events


FAULTS.handwritten("CHAT-8", streamed(**WEATHER), spend="sample").add(
    "streamed-tool-calls-without-id: a tool call in a stream has no id", seams.events(_streamed_without_ids)
)

FAULTS.mechanical("CHAT-8 FAIL-1", chat(tools="hammer")).add(
    "tools-unchecked: tools may be anything",
    seams.check(
        "createChatCompletion",
        lambda _l, c: c.arguments.__setitem__(
            "tools", c.arguments.get("tools") if isinstance(c.arguments.get("tools"), list) else None
        ),
        "tools",
    ),
)


def _tool_edit(path: str, operator: Callable[[Any, Any], None]) -> seams.Apply:
    def function(payload: Any) -> Any:
        calls = payload["choices"][0]["message"].get("tool_calls")
        if calls:
            at(path, operator)(calls[0])
        return payload

    return edit("createChatCompletion", function)


for _name, _does, _apply in (
    ("tool-name-dropped", "a tool call names no function", _tool_edit("function.name", drop)),
    (
        "tool-name-other",
        "a tool call names a function that was not given",
        _tool_edit("function.name", put("rm_rf")),
    ),
    ("tool-arguments-dropped", "a tool call has no arguments", _tool_edit("function.arguments", drop)),
    (
        "tool-arguments-truncated",
        "the arguments of a tool call are cut",
        _tool_edit("function.arguments", put(lambda text: text[:-3])),
    ),
):
    FAULTS.mechanical("CHAT-8", chat(**WEATHER), spend="sample").add(f"{_name}: {_does}", _apply)

FAULTS.mechanical("CHAT-8", chat(tools=[TOOL]), spend="sample").add(
    "tools-refused: a list of tools is 400",
    seams.refuse_when("createChatCompletion", lambda c: bool(c.arguments.get("tools"))),
)


def _arguments(function: Callable[[str], Any]) -> Callable[[dict[str, Any]], None]:
    def change(one: dict[str, Any]) -> None:
        one["function"]["arguments"] = function(one["function"]["arguments"])

    return change


def _calls(function: Callable[[dict[str, Any]], None]) -> seams.Apply:
    """Change the tool calls of a plain completion."""

    def change(payload: Any) -> Any:
        for one in payload["choices"][0]["message"].get("tool_calls") or []:
            function(one)
        return payload

    return edit("createChatCompletion", change)


FAULTS.reported("CHAT-8", chat(**WEATHER), spend="sample").add(
    # ggml-org/llama.cpp#20198: an object where a JSON text belongs.
    "tool-arguments-object: the arguments of a tool call are an object",
    _calls(_arguments(json.loads)),
).add(
    "tool-arguments-encoded-twice: the arguments of a tool call are JSON in JSON",
    _calls(_arguments(json.dumps)),
)


def _old_form(value: Any) -> Any:
    message = value["choices"][0]["message"]
    if calls := message.pop("tool_calls", None):
        message["function_call"] = calls[0]["function"]
    return value


FAULTS.reported("CHAT-8 CHAT-9", chat(**WEATHER), spend="sample").add(
    "tool-call-in-old-form: a tool call comes as function_call", edit("createChatCompletion", _old_form)
)


def _fragments(function: Callable[[dict[str, Any], int], None]) -> Callable[[list[Any]], list[Any]]:
    """Change the fragments of streamed tool calls, numbered from 0."""

    def change(items: list[Any]) -> list[Any]:
        number = 0
        for item in items:
            calls = (
                item["choices"][0]["delta"].get("tool_calls")
                if isinstance(item, dict) and item.get("choices")
                else None
            )
            for one in calls or []:
                function(one, number)
                number += 1
        return items

    return change


def _wrong_start(one: dict[str, Any], number: int) -> None:
    if number:
        one["index"] = number


FAULTS.reported("CHAT-8", streamed(**WEATHER), spend="sample").add(
    # jjang-ai/vmlx#244: the opening fragment has no name yet, clients keep the empty one.
    "tool-fragments-without-name: no fragment of a streamed tool call has the function's name",
    seams.events(_fragments(lambda one, _: one["function"].pop("name", None))),
).add(
    # openai/openai-python#3201 and its duplicates: fragments that cannot be put together by their index.
    "tool-fragments-counted: each fragment of a tool call has an index of its own",
    seams.events(_fragments(_wrong_start)),
)

FAULTS.reported("CHAT-8 CHAT-6", streamed(**WEATHER), spend="sample").add(
    "tool-fragment-lost: the second fragment of the arguments is lost",
    seams.events(_fragments(lambda one, n: one["function"].__setitem__("arguments", "") if n == 2 else None)),
)

FAULTS.reported("CHAT-8", streamed(tools=[TOOL]), spend="sample").add(
    "tools-500-when-streaming: a streamed chat with tools is 500",
    seams.crash_when(
        "createChatCompletion", lambda c: bool(c.arguments.get("tools")) and c.arguments.get("stream") is True
    ),
)

FAULTS.handwritten(
    "CHAT-9",
    chat(tools=[TOOL], tool_choice={"type": "function", "function": {"name": "get_weather"}}),
    spend="sample",
).add(
    "named-tool-400: a tool_choice that names a tool is 400",
    seams.refuse_when("createChatCompletion", lambda c: isinstance(c.arguments.get("tool_choice"), dict)),
)


def _fields(operation: Callable[[dict[str, Any]], Any]) -> seams.Apply:
    """Change what a streamed chat with tools is asked for, before it is answered."""

    def check(_: Lab, called: Call) -> None:
        if called.arguments.get("stream") is True and called.arguments.get("tools"):
            operation(called.arguments)

    return seams.check("createChatCompletion", check, "fault")


FAULTS.handwritten("CHAT-9", streamed(**WEATHER), spend="sample").add(
    "tool-choice-ignored-when-streaming: a streamed chat calls no tool, whatever tool_choice says",
    _fields(lambda fields: fields.pop("tool_choice", None)),
)

FAULTS.mechanical("CHAT-9", chat(**WEATHER), spend="sample").add(
    "tool-choice-ignored: tool_choice has no effect: text comes back",
    seams.check("createChatCompletion", lambda _l, c: c.arguments.pop("tool_choice", None), "tool_choice"),
)

FAULTS.mechanical(
    "CHAT-9",
    chat(tools=[TOOL, OTHER_TOOL], tool_choice={"type": "function", "function": {"name": "set_alarm"}}),
    spend="sample",
).add(
    "tool-choice-first-tool: a named tool is not called, the first one is",
    seams.check(
        "createChatCompletion",
        lambda _l, c: (
            c.arguments.__setitem__("tool_choice", "required")
            if isinstance(c.arguments.get("tool_choice"), dict)
            else None
        ),
        "fault",
    ),
)

FAULTS.mechanical("CHAT-9", chat(tools=[TOOL], tool_choice="none"), spend="sample").add(
    "tool-choice-none-calls: a tool is called although tool_choice is none",
    seams.check(
        "createChatCompletion",
        lambda _l, c: (
            c.arguments.__setitem__("tool_choice", "required")
            if c.arguments.get("tool_choice") == "none"
            else None
        ),
        "fault",
    ),
)

FAULTS.reported("CHAT-9", chat(**WEATHER), spend="sample").add(
    "tool-required-500: tool_choice required is 500",
    seams.crash_when("createChatCompletion", lambda c: c.arguments.get("tool_choice") == "required"),
)

FAULTS.handwritten("CHAT-9", chat(tools=[TOOL], tool_choice="none"), spend="sample").add(
    "tool-none-500: tool_choice none is 500",
    seams.crash_when("createChatCompletion", lambda c: c.arguments.get("tool_choice") == "none"),
)

FAULTS.handwritten(
    "CHAT-9",
    chat(tools=[TOOL], tool_choice={"type": "function", "function": {"name": "get_weather"}}),
    spend="sample",
).add(
    "named-tool-500: a tool_choice that names a tool is 500",
    seams.crash_when("createChatCompletion", lambda c: isinstance(c.arguments.get("tool_choice"), dict)),
)
