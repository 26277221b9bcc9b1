"""Faults: chat requests and plain completions."""

from __future__ import annotations

from lab import seams
from lab.faults.fault import FaultSet
from lab.faults.fields import fields
from lab.prompts import SEEN
from lab.proofs import chat, post, streamed
from lab.seams import Run, at, edit, put
from lab.server import router
from lab.server.lab import Call, Lab, Refusal

FAULTS = FaultSet()

FAULTS.handwritten("CHAT-1 FAIL-1", post("/gen/chat/completions", {"messages": "hello"})).add(
    "messages-may-be-text: a chat whose messages are one string is served",
    lambda lab: seams.before_checks(lab, "createChatCompletion", "messages", seams.listed),
)

FAULTS.handwritten("CHAT-1", streamed(messages={"role": "user", "content": "hello"})).add(
    "messages-refused-in-stream: a streamed chat whose messages are no array is 200 with an error event",
    seams.refused_in_stream("invalid"),
)

FAULTS.mechanical("CHAT-1 FAIL-1", post("/gen/chat/completions", {})).add(
    "messages-unchecked: a chat without messages is served",
    seams.check("createChatCompletion", seams.any_messages("messages"), "messages"),
)

FAULTS.mechanical("CHAT-1 FAIL-1", post("/gen/chat/completions", {"messages": ["hello", 7]})).add(
    "items-unchecked: messages that are no objects are served",
    seams.both(
        seams.check(
            "createChatCompletion",
            lambda _l, c: c.arguments.__setitem__("messages", c.arguments.get("messages") or [{}]),
            "messages",
        ),
        seams.without("items", "createChatCompletion"),
    ),
)

FAULTS.reported("CHAT-1 FAIL-1", post("/gen/chat/completions", {"stream": False})).add(
    "missing-messages-500: a chat without messages is 500",
    seams.crash_when("createChatCompletion", lambda c: "messages" not in c.arguments),
)

FAULTS.handwritten("CHAT-2", chat(), spend="sample").add(
    "chat-answers-bare-text: a plain chat is the text and nothing else",
    edit("createChatCompletion", lambda v: v["choices"][0]["message"]["content"]),
).add(
    "chat-speaks-as-user: the message of a completion has the role user",
    edit("createChatCompletion", at("choices.0.message.role", put("user"))),
)

FAULTS.handwritten(
    "CHAT-2", lambda c: c.chat(messages=[{"role": "system", "content": "Be brief."}]).status, spend="sample"
).add(
    "no-system-role: a system message is refused",
    seams.refuse_when(
        "createChatCompletion",
        lambda called: any(
            isinstance(item, dict) and item.get("role") == "system"
            for item in called.arguments.get("messages") or []
        ),
    ),
)

fields(
    FAULTS,
    "chat",
    "CHAT-2",
    "createChatCompletion",
    chat(),
    "choices choices.0.message choices.0.message.role choices.0.message.content choices.0.finish_reason",
    {"choices": [], "choices.0.finish_reason": None, "choices.0.message.content": ["Ship", "it"]},
    spend="sample",
)

fields(
    FAULTS,
    "completion",
    "CHAT-2",
    "createChatCompletion",
    chat(),
    "choices.0.index usage.completion_tokens",
    {"choices.0.index": "0", "usage.total_tokens": "many", "usage": []},
    spend="sample",
)

fields(
    FAULTS,
    "label",
    "OBS-6",
    "createChatCompletion",
    chat(),
    "id object created model",
    {"id": 17, "object": "text_completion", "created": "today", "model": None},
    spend="sample",
)

FAULTS.reported("OBS-6", chat(), spend="sample").add(
    "label-retype-created-fraction: created is the time with its fraction of a second",
    edit("createChatCompletion", at("created", put(17.25))),
)

FAULTS.reported("OBS-6", lambda c: c.chat().json["created"] > 10**11, spend="sample").add(
    "label-created-in-milliseconds: created is the time in milliseconds",
    edit("createChatCompletion", at("created", put(1_782_000_000_000))),
)

FAULTS.handwritten("CHAT-2", chat(), spend="sample").add(
    "index-from-one: the only choice of a completion has the index 1",
    edit("createChatCompletion", at("choices.0.index", put(1))),
)

FAULTS.reported("CHAT-2", chat(), spend="sample").add(
    # A reasoning model whose answer never leaves the reasoning field.
    "content-null: the content of a completion is null, the text stands under reasoning",
    edit(
        "createChatCompletion",
        at(
            "choices.0.message",
            put(lambda m: {"role": "assistant", "content": None, "reasoning": m.get("content")}),
        ),
    ),
).add(
    "choices-object: choices is an object by index",
    edit("createChatCompletion", at("choices", put(lambda rows: {"0": rows[0]}))),
)

FAULTS.handwritten("CHAT-4", streamed(), spend="sample").add(
    "streams-500: every streamed chat is 500",
    seams.crash_when("createChatCompletion", lambda c: c.arguments.get("stream") is True),
)

FAULTS.mechanical("CHAT-3 FAIL-1", chat(stream="yes")).add(
    "stream-unchecked: stream may be anything", seams.without("stream", "createChatCompletion")
)

FAULTS.mechanical("CHAT-3 CHAT-2", chat(), spend="sample").add(
    "stream-by-default: a chat is streamed when stream is left out",
    seams.check("createChatCompletion", lambda _l, c: c.arguments.setdefault("stream", True)),
)

FAULTS.mechanical("CHAT-3", chat(stream=False), spend="sample").add(
    "stream-false-streams: a chat is streamed when stream is false",
    seams.check(
        "createChatCompletion", lambda _l, c: c.arguments.__setitem__("stream", "stream" in c.arguments)
    ),
)

FAULTS.reported("CHAT-3 FAIL-1", chat(stream="false")).add(
    'text-false-streams: stream: "false" is taken for true',
    seams.check(
        "createChatCompletion",
        lambda _l, c: c.arguments.__setitem__("stream", bool(c.arguments.get("stream"))),
        "stream",
    ),
)

FAULTS.handwritten("CHAT-10", chat(messages=SEEN), spend="sample").add(
    "image-parts-400: a message with parts is 400",
    seams.refuse_when("createChatCompletion", lambda c: router.has_image(c.arguments["messages"])),
).add(
    "image-data-uri-400: an image part as data URI is 400",
    seams.refuse_when("createChatCompletion", lambda c: "data:image" in str(c.arguments["messages"])),
).add(
    "image-parts-500: a message with an image part is 500",
    seams.crash_when("createChatCompletion", lambda c: "data:image" in str(c.arguments.get("messages"))),
)


def _image_text(lab: Lab) -> None:
    async def step(_: Lab, called: Call, run: Run) -> None:
        if "data:image" in str(called.arguments.get("messages")):
            raise Refusal("oversize", "This prompt has 1,204,511 tokens")
        await run()

    seams.around("size", step)(lab)


FAULTS.reported("CHAT-10", chat(messages=SEEN), spend="sample").add(
    "image-parts-counted-as-text: the base64 of an image counts as text, a thousandfold: 413", _image_text
)
