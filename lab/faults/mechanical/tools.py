"""Mechanical faults: tool calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lab.faults import seams
from lab.faults.fault import Book
from lab.faults.inputs import WEATHER
from lab.faults.seams import at, drop, edit, put
from lab.proofs import OTHER_TOOL, TOOL, chat

BOOK = Book("mechanical")


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
    BOOK.add(_name, "CHAT-8", _does, _apply, chat(**WEATHER), "sample")

BOOK.add(
    "tool-choice-ignored",
    "CHAT-9",
    "tool_choice has no effect: text comes back",
    seams.check("createChatCompletion", lambda _l, c: c.arguments.pop("tool_choice", None), "tool_choice"),
    chat(**WEATHER),
    "sample",
)

BOOK.add(
    "tool-choice-first-tool",
    "CHAT-9",
    "a named tool is not called, the first one is",
    seams.check(
        "createChatCompletion",
        lambda _l, c: (
            c.arguments.__setitem__("tool_choice", "required")
            if isinstance(c.arguments.get("tool_choice"), dict)
            else None
        ),
        "fault",
    ),
    chat(tools=[TOOL, OTHER_TOOL], tool_choice={"type": "function", "function": {"name": "set_alarm"}}),
    "sample",
)

BOOK.add(
    "tool-choice-none-calls",
    "CHAT-9",
    "a tool is called although tool_choice is none",
    seams.check(
        "createChatCompletion",
        lambda _l, c: (
            c.arguments.__setitem__("tool_choice", "required")
            if c.arguments.get("tool_choice") == "none"
            else None
        ),
        "fault",
    ),
    chat(tools=[TOOL], tool_choice="none"),
    "sample",
)

BOOK.add(
    "tools-refused",
    "CHAT-8",
    "a list of tools is 400",
    seams.refuse_when("createChatCompletion", lambda c: bool(c.arguments.get("tools"))),
    chat(tools=[TOOL]),
    "sample",
)
