"""Faults: one kind of valid request is refused, fails or is answered badly, and all others are served."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from lab import seams
from lab.faults.fault import FaultSet
from lab.prompts import EASY, SEEN
from lab.proofs import OTHER_TOOL, TOOL, chat, generated, picture, post, streamed
from lab.server.lab import Call, Json, Lab, Reply

FAULTS = FaultSet()

CHAT = "createChatCompletion"
Holds = Callable[[Call], bool]


def _messages(call: Call) -> list[dict[str, Any]]:
    value = call.arguments.get("messages") or call.arguments.get("prompt")
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _any(test: Callable[[dict[str, Any]], bool]) -> Holds:
    """Whether the test holds for a message."""
    return lambda call: any(map(test, _messages(call)))


def _text(call: Call) -> str:
    """All text in a request, schemas included."""
    return json.dumps(call.arguments, ensure_ascii=False)


def _has(low: int, high: int) -> Holds:
    return lambda call: any(low <= ord(sign) <= high for sign in _text(call))


def _roles(call: Call) -> list[str]:
    return [str(message.get("role")) for message in _messages(call)]


def _parts(message: dict[str, Any]) -> list[Any]:
    content = message.get("content")
    return content if isinstance(content, list) else []


def _kinds_of_parts(message: dict[str, Any]) -> list[Any]:
    return [part.get("type") for part in _parts(message) if isinstance(part, dict)]


def _schemas(test: Callable[[str], bool]) -> Holds:
    """Whether the test holds for the schema of a tool, as text."""

    def holds(call: Call) -> bool:
        functions = [each.get("function", {}) for each in call.arguments.get("tools") or []]
        return any(test(json.dumps(function.get("parameters"))) for function in functions)

    return holds


def _asked(text: Any, *before: dict[str, Any]) -> list[dict[str, Any]]:
    return [*before, {"role": "user", "content": text}]


def _calls(count: int, **message: Any) -> list[dict[str, Any]]:
    """A history with tool calls."""
    ids = [f"call_{number}" for number in range(count)]
    function = {"name": "get_weather", "arguments": "{}"}
    made = [{"id": each, "type": "function", "function": function} for each in ids]
    answers = [{"role": "tool", "tool_call_id": each, "content": "clear"} for each in ids]
    return [*EASY, {"role": "assistant", **message, "tool_calls": made}, *answers]


def _with_schema(**parameters: Any) -> list[dict[str, Any]]:
    function = {"name": "plan_trip", "parameters": {"type": "object", **parameters}}
    return [{"type": "function", "function": function}]


_NESTED = {"type": "object", "properties": {"a": {"type": "object", "properties": {"b": {"type": "object"}}}}}

for _requirement, _label, _holds, _asks in (
    (
        "CHAT-2",
        "developer-role: a developer message",
        _any(lambda m: m.get("role") == "developer"),
        {"messages": _asked("Hi", {"role": "developer", "content": "Be brief."})},
    ),
    (
        "CHAT-2",
        "names-of-speakers: a name beside the role",
        _any(lambda m: "name" in m),
        {"messages": [{"role": "user", "name": "kim", "content": "Hi"}]},
    ),
    (
        "CHAT-2",
        "roles-in-a-row: two messages of the same role in a row",
        lambda c: any(one == other != "tool" for one, other in zip(_roles(c), _roles(c)[1:], strict=False)),
        {"messages": EASY * 2},
    ),
    (
        "CHAT-2",
        "assistant-first: a conversation that the assistant begins",
        lambda c: [*(r for r in _roles(c) if r not in ("system", "developer")), "user"][0] == "assistant",
        {"messages": _asked("Hi", {"role": "assistant", "content": "Hello."})},
    ),
    (
        "CHAT-2",
        "many-messages: more than fifteen messages",
        lambda c: len(_messages(c)) > 15,
        {"messages": EASY * 16},
    ),
    (
        "CHAT-2",
        "text-in-parts: text in parts",
        _any(lambda m: "text" in _kinds_of_parts(m)),
        {"messages": _asked([{"type": "text", "text": "Hi"}])},
    ),
    (
        "CHAT-2",
        "astral-characters: characters beyond the basic plane",
        _has(0x10000, 0x10FFFF),
        {"messages": _asked("\U0001f3dd")},
    ),
    ("CHAT-2", "right-to-left: right-to-left letters", _has(0x590, 0x6FF), {"messages": _asked("منارة")}),
    (
        "CHAT-2",
        "zero-width: characters without a width",
        _has(0x200B, 0x200F),
        {"messages": _asked("a\u200bb")},
    ),
    ("CHAT-2", "combining-marks: combining marks", _has(0x300, 0x36F), {"messages": _asked("e\u0301")}),
    (
        "CHAT-2",
        "unknown-model: a model of another name than its own",
        lambda c: c.arguments.get("model") not in (None, "gpt-4o"),
        {"model": "lightning"},
    ),
    (
        "CHAT-8",
        "nested-schema: a tool with objects in objects",
        _schemas(lambda s: s.count('"properties"') > 2),
        {"tools": _with_schema(properties={"x": _NESTED})},
    ),
    (
        "CHAT-8",
        "arrays-in-schema: a tool with an array",
        _schemas(lambda s: '"array"' in s),
        {"tools": _with_schema(properties={"x": {"type": "array", "items": {"type": "string"}}})},
    ),
    (
        "CHAT-8",
        "references-in-schema: a tool with $ref",
        _schemas(lambda s: "$ref" in s),
        {"tools": _with_schema(properties={"x": {"$ref": "#/$defs/a"}}, **{"$defs": {"a": {}}})},
    ),
    (
        "CHAT-8",
        "either-in-schema: a tool with anyOf",
        _schemas(lambda s: "anyOf" in s),
        {"tools": _with_schema(properties={"x": {"anyOf": [{"type": "string"}]}})},
    ),
    (
        "CHAT-8",
        "no-parameters: a tool without parameters",
        _schemas(lambda s: s == "null"),
        {"tools": [{"type": "function", "function": {"name": "now"}}]},
    ),
    (
        "CHAT-8",
        "many-tools: more than ten tools",
        lambda c: len(c.arguments.get("tools") or []) > 10,
        {"tools": [TOOL] * 11},
    ),
    (
        "CHAT-8",
        "calls-at-once: two tool calls at once",
        _any(lambda m: len(m.get("tool_calls") or []) > 1),
        {"messages": _calls(2, content=None), "tools": [TOOL, OTHER_TOOL]},
    ),
    (
        "CHAT-8",
        "calls-beside-text: a tool call beside a text",
        _any(lambda m: bool(m.get("tool_calls")) and bool(m.get("content"))),
        {"messages": _calls(1, content="Let me see."), "tools": [TOOL]},
    ),
    (
        "CHAT-8",
        "answers-in-parts: a tool's answer in parts",
        _any(lambda m: m.get("role") == "tool" and isinstance(m.get("content"), list)),
        {"messages": [*_calls(1), {"role": "tool", "tool_call_id": "call_0", "content": []}]},
    ),
    (
        "CHAT-10",
        "images-in-history: an image in an earlier message",
        lambda c: any("image_url" in _kinds_of_parts(m) for m in _messages(c)[:-1]),
        {"messages": [*SEEN, *EASY]},
    ),
    (
        "CHAT-10",
        "several-images: two images",
        _any(lambda m: _kinds_of_parts(m).count("image_url") > 1),
        {"messages": [{"role": "user", "content": [*SEEN[0]["content"], SEEN[0]["content"][-1]]}]},
    ),
    (
        "CHAT-10",
        "image-detail: an image with its detail",
        lambda c: '"detail"' in _text(c),
        {"messages": _asked([{"type": "image_url", "image_url": {"url": picture(), "detail": "low"}}])},
    ),
):
    _name, _, _what = _label.partition(": ")
    # Half of them are refused, half are failed at.
    _status, _seam = ((400, seams.refuse_when), (500, seams.crash_when))[len(_name) % 2]
    FAULTS.handwritten(_requirement, chat(**_asks), spend="exhaust").add(
        f"{_name}-{_status}: in a chat, {_what} is {_status}", _seam(CHAT, _holds)
    )

for _operation, _requirement, _label, _holds, _fields in (
    (
        "createImage",
        "IMG-2",
        "image-prompt-astral-500: an emoji in a prompt of an image",
        _has(0x1F000, 0x1FFFF),
        {"prompt": "\U0001f3dd"},
    ),
    (
        "getImage",
        "IMG-2",
        "image-path-rtl-500: right-to-left letters in the address of an image",
        _has(0x590, 0x6FF),
        {"prompt": "منارة"},
    ),
    (
        "createSfx",
        "SFX-1",
        "sound-line-break-500: a line break in a prompt for a sound",
        lambda c: "\n" in str(c.arguments.get("prompt")),
        {"prompt": "a\nb"},
    ),
    (
        "getTts",
        "TTS-1",
        "speech-path-quotes-500: quotation marks in the address of speech",
        lambda c: '"' in str(c.arguments.get("prompt")),
        {"prompt": '"a"'},
    ),
    (
        "createAirforceVideo",
        "AIR-1",
        "airforce-long-500: a prompt of more than hundred letters",
        lambda c: len(str(c.arguments.get("prompt"))) > 100,
        {"prompt": "a " * 60},
    ),
    (
        "createImage",
        "IMG-3",
        "image-mode-with-input-500: a mode together with an image",
        lambda c: bool(c.arguments.get("mode") and c.arguments.get("image_urls")),
        {"mode": "fantasy", "image_urls": [picture()]},
    ),
    (
        "createVideo",
        "VID-3",
        "square-and-fun-500: the ratio 1:1 together with the mode fun",
        lambda c: (c.arguments.get("ratio"), c.arguments.get("mode")) == ("1:1", "fun"),
        {"ratio": "1:1", "mode": "fun"},
    ),
    (
        "getVideo",
        "VID-3",
        "tall-and-short-500: the ratio 2:3 with a duration in an address",
        lambda c: c.arguments.get("ratio") == "2:3" and "duration" in c.arguments,
        {"ratio": "2:3", "duration": 2},
    ),
    (
        "createVideo",
        "VID-6",
        "film-of-two-images-500: two images for a video with a duration",
        lambda c: len(c.arguments.get("image_urls") or []) > 1 and "duration" in c.arguments,
        {"image_urls": [picture()] * 2, "duration": 2},
    ),
):
    FAULTS.handwritten(_requirement, generated(_operation, None, **_fields), spend="exhaust").add(
        f"{_label} is 500", seams.crash_when(_operation, _holds)
    )

for _name, _what, _holds, _said in (
    ("history", "a tool's answer", _any(lambda m: m.get("role") == "tool"), _calls(1, content=None)),
    ("images", "an image", _any(lambda m: "image_url" in _kinds_of_parts(m)), SEEN),
    ("astral", "an emoji", _has(0x1F000, 0x1FFFF), _asked("\U0001f3dd")),
):
    FAULTS.handwritten("ANA-2", post("/gen/prompt_analyze", {"prompt": _said})).add(
        f"analysis-of-{_name}-500: {_what} in a prompt to analyse is 500",
        seams.crash_when("analyzePrompt", _holds),
    )


def _badly(holds: Holds, function: Callable[[Any], Any]) -> seams.Apply:
    """Change the JSON of chats for which the condition holds."""

    def change(_: Lab, call: Call, reply: Reply) -> Reply:
        if isinstance(reply, Json) and reply.refused is None and call.operation.id == CHAT and holds(call):
            return replace(reply, payload=function(copy.deepcopy(reply.payload)))
        return reply

    return seams.change(change)


FAULTS.handwritten(
    "CHAT-2", chat(messages=_asked("Hi", {"role": "developer", "content": "Be brief."})), spend="exhaust"
).add(
    "developer-answers-unfinished: with a developer message a chat has no finish reason",
    _badly(
        _any(lambda m: m.get("role") == "developer"),
        seams.at("choices.0.finish_reason", seams.put(None)),
    ),
)


def _cut(call: Call, items: list[Any]) -> list[Any]:
    return items[:-1] if any(role == "tool" for role in _roles(call)) else items


FAULTS.handwritten("CHAT-7", streamed(messages=_calls(1, content=None)), spend="exhaust").add(
    "history-streams-without-end: a stream after a tool's answer has no end mark",
    lambda lab: lab.events.append(_cut),
)
