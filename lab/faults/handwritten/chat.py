"""Handwritten faults: completions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lab.faults import seams
from lab.faults.fault import Book
from lab.faults.inputs import EASY, SEEN, WEATHER, Run, before_checks, listed
from lab.faults.seams import at, edit, put
from lab.proofs import TOOL, charged, chat, post, streamed
from lab.server import router
from lab.server.lab import Call, Json, Lab, Refusal, Reply, Stream

BOOK = Book("handwritten")

BOOK.add(
    "messages-may-be-text",
    "CHAT-1 FAIL-1",
    "a chat whose messages are one string is served",
    lambda lab: before_checks(lab, "createChatCompletion", "messages", listed),
    post("/gen/chat/completions", {"messages": "hello"}),
)

BOOK.add(
    "messages-prompt-instead",
    "CHAT-1",
    "a chat with prompt in place of messages is served",
    lambda lab: before_checks(lab, "createChatCompletion", "messages", lambda v: v or EASY),
    post("/gen/chat/completions", {"prompt": "hello"}),
)


def _refuse_in_stream(lab: Lab, check: str) -> None:
    """A host that sends its headers before it looks at the request."""
    fails = lab.checks["createChatCompletion"]

    async def step(inner: Lab, called: Call, run: Run) -> None:
        if called.operation.id == "createChatCompletion" and called.arguments.get("stream") is True:
            try:
                fails[check](inner, called)
            except Refusal as refusal:
                called.arguments = {"refused": refusal.detail}
                return
        await run()

    seams.around("validate", step)(lab)
    seams.around("size", _unless_refused)(lab)
    seams.around("charge", _unless_refused)(lab)
    plain = lab.handlers["createChatCompletion"]

    async def handler(inner: Lab, called: Call) -> Reply:
        if detail := called.arguments.get("refused"):
            return Stream([{"error": {"message": detail, "type": "invalid_request_error"}}, "[DONE]"])
        return await plain(inner, called)

    lab.handlers["createChatCompletion"] = handler


async def _unless_refused(_: Lab, called: Call, run: Run) -> None:
    if "refused" not in called.arguments:
        await run()


BOOK.add(
    "messages-refused-in-stream",
    "CHAT-1",
    "a streamed chat whose messages are no array is 200 with an error event",
    lambda lab: _refuse_in_stream(lab, "messages"),
    streamed(messages={"role": "user", "content": "hello"}),
)

BOOK.add(
    "tools-refused-in-stream",
    "CHAT-8",
    "a streamed chat whose tools are no list is 200 with an error event",
    lambda lab: _refuse_in_stream(lab, "tools"),
    streamed(tools="get_weather"),
)

BOOK.add(
    "chat-answers-bare-text",
    "CHAT-2",
    "a plain chat is the text and nothing else",
    edit("createChatCompletion", lambda v: v["choices"][0]["message"]["content"]),
    chat(),
    "sample",
)

BOOK.add(
    "chat-speaks-as-user",
    "CHAT-2",
    "the message of a completion has the role user",
    edit("createChatCompletion", at("choices.0.message.role", put("user"))),
    chat(),
    "sample",
)


def _one_event(lab: Lab) -> None:
    inner = lab.handlers["createChatCompletion"]

    async def handler(lab_: Lab, called: Call) -> Reply:
        wanted = called.arguments.get("stream")
        called.arguments["stream"] = False
        whole = await inner(lab_, called)
        assert isinstance(whole, Json)
        return Stream([whole.payload]) if wanted else whole

    lab.handlers["createChatCompletion"] = handler


BOOK.add(
    "chat-stream-of-one",
    "CHAT-4 CHAT-6",
    "a streamed chat is one whole completion in one event",
    _one_event,
    streamed(),
    "sample",
)

BOOK.add(
    "stream-400",
    "CHAT-4 CHAT-3",
    "a chat that asks for a stream is 400",
    seams.refuse_when("createChatCompletion", lambda c: c.arguments.get("stream") is True),
    streamed(),
    "sample",
)

BOOK.add(
    "metadata-as-text",
    "CHAT-5",
    "the metadata chunk is a bare name",
    seams.events(lambda items: ['"Lab Swift 8B"', *items[1:]]),
    streamed(),
    "sample",
)

BOOK.add(
    "metadata-without-router",
    "CHAT-5",
    "model_name stands alone, without router_metadata",
    seams.events(lambda items: [items[0]["router_metadata"], *items[1:]]),
    streamed(),
    "sample",
)

BOOK.add(
    "stream-of-plain-text",
    "CHAT-6",
    "the events of a stream are words instead of chunks",
    seams.events(lambda items: [items[0], "Hello", "there", "[DONE]"]),
    streamed(),
    "sample",
)

BOOK.add(
    "stream-python-repr",
    "CHAT-6",
    "chunks are printed with single quotes and None",
    seams.events(lambda items: [items[0], *(repr(i) if isinstance(i, dict) else i for i in items[1:])]),
    streamed(),
    "sample",
)


def _role(item: Any) -> Any:
    if isinstance(item, dict) and item.get("choices") and "role" in item["choices"][0]["delta"]:
        item["choices"][0]["delta"]["role"] = "user"
    return item


BOOK.add(
    "stream-speaks-as-user",
    "CHAT-6",
    "the deltas of a stream have the role user",
    seams.events(lambda items: [_role(i) for i in items]),
    streamed(),
    "sample",
)

BOOK.add(
    "finish-before-content",
    "CHAT-7 CHAT-6",
    "the finish reason comes before the content",
    seams.events(lambda i: [*i[:2], i[-2], *i[2:-2], i[-1]]),
    streamed(),
    "sample",
)

BOOK.add(
    "done-in-json",
    "CHAT-7",
    'the end of a stream is {"done": true} instead of [DONE]',
    seams.events(lambda i: [*i[:-1], {"done": True}]),
    streamed(),
    "sample",
)

BOOK.add(
    "chunks-after-done",
    "CHAT-7",
    "content follows [DONE]",
    seams.events(lambda i: [*i[:-3], i[-2], i[-1], i[-3]]),
    streamed(),
    "sample",
)


def _in_content(value: Any) -> Any:
    message = value["choices"][0]["message"]
    if calls := message.pop("tool_calls", None):
        message["content"] = str(calls)
    return value


BOOK.add(
    "tools-in-content",
    "CHAT-8 CHAT-9",
    "a required tool call is written into the content",
    edit("createChatCompletion", _in_content),
    chat(tools=[TOOL], tool_choice="required"),
    "sample",
)


def _named_tool(value: Any) -> Any:
    for one in value["choices"][0]["message"].get("tool_calls", []):
        one["function"]["name"] = "tool"
    return value


BOOK.add(
    "tool-call-hits-no-tool",
    "CHAT-8",
    "every tool call names `tool` and nothing given",
    edit("createChatCompletion", _named_tool),
    chat(tools=[TOOL], tool_choice="required"),
    "sample",
)

BOOK.add(
    "named-tool-400",
    "CHAT-9",
    "a tool_choice that names a tool is 400",
    seams.refuse_when("createChatCompletion", lambda c: isinstance(c.arguments.get("tool_choice"), dict)),
    chat(tools=[TOOL], tool_choice={"type": "function", "function": {"name": "get_weather"}}),
    "sample",
)


def _fields(operation: Callable[[dict[str, Any]], Any]) -> seams.Apply:
    """Change what a streamed chat with tools is asked for, before it is answered."""

    def check(_: Lab, called: Call) -> None:
        if called.arguments.get("stream") is True and called.arguments.get("tools"):
            operation(called.arguments)

    return seams.check("createChatCompletion", check, "fault")


BOOK.add(
    "tool-choice-ignored-when-streaming",
    "CHAT-9",
    "a streamed chat calls no tool, whatever tool_choice says",
    _fields(lambda fields: fields.pop("tool_choice", None)),
    streamed(**WEATHER),
    "sample",
)

BOOK.add(
    "tool-result-400",
    "CHAT-8",
    "a conversation with a message of the role tool is 400",
    seams.refuse_when(
        "createChatCompletion", lambda c: any(m.get("role") == "tool" for m in c.arguments["messages"])
    ),
    chat(messages=[*EASY, {"role": "tool", "tool_call_id": "call_1", "content": "clear"}]),
    "sample",
)

BOOK.add(
    "tool-calls-in-messages-400",
    "CHAT-8",
    "a message that has tool calls in place of content is 400",
    seams.refuse_when(
        "createChatCompletion", lambda c: any(m.get("content") is None for m in c.arguments["messages"])
    ),
    chat(messages=[*EASY, {"role": "assistant", "content": None, "tool_calls": []}, *EASY]),
    "sample",
)


def _when_calling(function: Callable[[list[Any]], list[Any]]) -> seams.Apply:
    """Change the events of streams that call a tool."""

    def change(items: list[Any]) -> list[Any]:
        return function(items) if "tool_calls" in str(items) else items

    return seams.events(change)


for _name, _requirement, _does, _function in (
    ("done", "CHAT-7", "has no [DONE]", lambda items: items[:-1]),
    ("finish", "CHAT-7", "has no finish reason", lambda items: [*items[:-2], items[-1]]),
    ("metadata", "CHAT-5", "has no metadata", lambda items: items[1:]),
    ("role", "CHAT-6", "has no role", lambda items: [items[0], *items[2:]]),
):
    BOOK.add(
        f"tool-stream-without-{_name}",
        _requirement,
        f"a stream that calls a tool {_does}",
        _when_calling(_function),
        streamed(**WEATHER),
        "sample",
    )

BOOK.add(
    "image-parts-400",
    "CHAT-10",
    "a message with parts is 400",
    seams.refuse_when("createChatCompletion", lambda c: router.has_image(c.arguments["messages"])),
    chat(messages=SEEN),
    "sample",
)

BOOK.add(
    "image-data-uri-400",
    "CHAT-10",
    "an image part as data URI is 400",
    seams.refuse_when("createChatCompletion", lambda c: "data:image" in str(c.arguments["messages"])),
    chat(messages=SEEN),
    "sample",
)


def _free_streams(lab: Lab) -> None:
    async def step(_: Lab, called: Call, run: Run) -> None:
        if called.arguments.get("stream") is not True:
            await run()

    seams.around("charge", step)(lab)


BOOK.add(
    "chat-stream-not-charged",
    "CHAT-11",
    "a streamed chat consumes nothing",
    _free_streams,
    charged("createChatCompletion", stream=True),
    "sample",
)


def _free_when(lab: Lab, condition: Callable[[Call], bool]) -> None:
    async def step(_: Lab, called: Call, run: Run) -> None:
        if not condition(called):
            await run()

    seams.around("charge", step)(lab)


BOOK.add(
    "chat-with-tools-not-charged",
    "CHAT-11",
    "a chat with tools consumes nothing",
    lambda lab: _free_when(lab, lambda c: bool(c.arguments.get("tools"))),
    charged("createChatCompletion", tools=[TOOL]),
    "sample",
)
