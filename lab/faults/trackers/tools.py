"""Trackers faults: tool calls."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from lab.faults import seams
from lab.faults.fault import Book
from lab.faults.inputs import WEATHER, crash_when
from lab.faults.seams import edit
from lab.proofs import TOOL, chat, streamed

BOOK = Book("trackers")


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


# ggml-org/llama.cpp#20198: an object where a JSON text belongs.
BOOK.add(
    "tool-arguments-object",
    "CHAT-8",
    "the arguments of a tool call are an object",
    _calls(_arguments(json.loads)),
    chat(**WEATHER),
    "sample",
)

BOOK.add(
    "tool-arguments-encoded-twice",
    "CHAT-8",
    "the arguments of a tool call are JSON in JSON",
    _calls(_arguments(json.dumps)),
    chat(**WEATHER),
    "sample",
)

BOOK.add(
    "tool-arguments-python",
    "CHAT-8",
    "the arguments of a tool call have single quotes",
    _calls(_arguments(lambda text: str(json.loads(text)))),
    chat(**WEATHER),
    "sample",
)


def _old_form(value: Any) -> Any:
    message = value["choices"][0]["message"]
    if calls := message.pop("tool_calls", None):
        message["function_call"] = calls[0]["function"]
    return value


BOOK.add(
    "tool-call-in-old-form",
    "CHAT-8 CHAT-9",
    "a tool call comes as function_call",
    edit("createChatCompletion", _old_form),
    chat(**WEATHER),
    "sample",
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


# jjang-ai/vmlx#244: the opening fragment has no name yet, clients keep the empty one.
BOOK.add(
    "tool-fragments-without-name",
    "CHAT-8",
    "no fragment of a streamed tool call has the function's name",
    seams.events(_fragments(lambda one, _: one["function"].pop("name", None))),
    streamed(**WEATHER),
    "sample",
)


def _wrong_start(one: dict[str, Any], number: int) -> None:
    if number:
        one["index"] = number


# openai/openai-python#3201 and its duplicates: fragments that cannot be put together by their index.
BOOK.add(
    "tool-fragments-counted",
    "CHAT-8",
    "each fragment of a tool call has an index of its own",
    seams.events(_fragments(_wrong_start)),
    streamed(**WEATHER),
    "sample",
)

BOOK.add(
    "tool-fragment-lost",
    "CHAT-8 CHAT-6",
    "the second fragment of the arguments is lost",
    seams.events(_fragments(lambda one, n: one["function"].__setitem__("arguments", "") if n == 2 else None)),
    streamed(**WEATHER),
    "sample",
)

BOOK.add(
    "tool-required-500",
    "CHAT-9",
    "tool_choice required is 500",
    crash_when("createChatCompletion", lambda c: c.arguments.get("tool_choice") == "required"),
    chat(**WEATHER),
    "sample",
)

BOOK.add(
    "tools-500-when-streaming",
    "CHAT-8",
    "a streamed chat with tools is 500",
    crash_when(
        "createChatCompletion", lambda c: bool(c.arguments.get("tools")) and c.arguments.get("stream") is True
    ),
    streamed(tools=[TOOL]),
    "sample",
)
