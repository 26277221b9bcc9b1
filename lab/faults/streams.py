"""Faults: streamed completions."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from lab import seams
from lab.client import Client
from lab.faults.fault import FaultSet
from lab.prompts import WEATHER
from lab.proofs import TOOL, chat, streamed
from lab.server.lab import Call, Json, Lab, Reply, Stream

FAULTS = FaultSet()


def _one_event(lab: Lab) -> None:
    inner = lab.handlers["createChatCompletion"]

    async def handler(lab_: Lab, called: Call) -> Reply:
        wanted = called.arguments.get("stream")
        called.arguments["stream"] = False
        whole = await inner(lab_, called)
        assert isinstance(whole, Json)
        return Stream([whole.payload]) if wanted else whole

    lab.handlers["createChatCompletion"] = handler


FAULTS.handwritten("CHAT-4 CHAT-6", streamed(), spend="sample").add(
    "chat-stream-of-one: a streamed chat is one whole completion in one event", _one_event
)

FAULTS.handwritten("CHAT-4 CHAT-3", streamed(), spend="sample").add(
    "stream-400: a chat that asks for a stream is 400",
    seams.refuse_when("createChatCompletion", lambda c: c.arguments.get("stream") is True),
)


def _streams_typed(content_type: str) -> seams.Apply:
    def other(_: Lab, __: Call, reply: Reply) -> Reply:
        if isinstance(reply, Stream):
            reply.content_type = content_type
        return reply

    return seams.change(other)


FAULTS.mechanical("CHAT-4", streamed(), spend="sample").add(
    "stream-as-json: a streamed chat is sent as application/json", _streams_typed("application/json")
)

FAULTS.mechanical("CHAT-4 CHAT-5 CHAT-6 CHAT-7", chat(stream=True), spend="sample").add(
    "stream-ignored: a chat is never streamed",
    seams.check("createChatCompletion", lambda _l, c: c.arguments.__setitem__("stream", False)),
)

FAULTS.handwritten("CHAT-5", streamed(), spend="sample").add(
    "metadata-as-text: the metadata chunk is a bare name",
    seams.events(lambda items: ['"Lab Swift 8B"', *items[1:]]),
).add(
    "metadata-without-router: model_name stands alone, without router_metadata",
    seams.events(lambda items: [items[0]["router_metadata"], *items[1:]]),
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
    FAULTS.handwritten(_requirement, streamed(**WEATHER), spend="sample").add(
        f"tool-stream-without-{_name}: a stream that calls a tool {_does}", _when_calling(_function)
    )


def _half(item: Any) -> bytes:
    return ("data: " + repr(item)[:40] + "\n\n").encode()


def _metadata(value: Any) -> Callable[[list[Any]], list[Any]]:
    return lambda items: [value, *items[1:]]


def _no_delta(item: Any) -> Any:
    if isinstance(item, dict):
        for choice in item.get("choices", []):
            del choice["delta"]
    return item


def _renamed(item: Any) -> Any:
    if isinstance(item, dict) and "choices" in item:
        item["results"] = item.pop("choices")
    return item


def _after_words(items: list[Any]) -> list[Any]:
    return [*items[1:3], items[0], *items[3:]]


def _without_first(items: list[Any]) -> list[Any]:
    return items[1:]


for _name, _requirement, _does, _function in (
    ("metadata-dropped", "CHAT-5", "the metadata chunk is missing", _without_first),
    ("metadata-late", "CHAT-5", "the metadata chunk comes after the first words", _after_words),
    (
        "metadata-renamed",
        "CHAT-5",
        "model_name is called model",
        _metadata({"router_metadata": {"model": "Lab Swift 8B"}}),
    ),
    ("metadata-empty", "CHAT-5", "model_name is empty", _metadata({"router_metadata": {"model_name": ""}})),
    ("metadata-null", "CHAT-5", "router_metadata is null", _metadata({"router_metadata": None})),
    (
        "metadata-number",
        "CHAT-5",
        "model_name is a number",
        _metadata({"router_metadata": {"model_name": 8}}),
    ),
    ("done-dropped", "CHAT-7", "[DONE] is missing", lambda i: i[:-1]),
    ("done-twice", "CHAT-7", "[DONE] comes twice", lambda i: [*i, "[DONE]"]),
    ("done-early", "CHAT-7", "[DONE] comes before the finish reason", lambda i: [*i[:-2], i[-1], i[-2]]),
    (
        "finish-dropped",
        "CHAT-7",
        "no chunk has a finish reason",
        lambda i: [
            x
            for x in i
            if not (isinstance(x, dict) and x.get("choices") and x["choices"][0]["finish_reason"])
        ],
    ),
    ("stream-truncated", "CHAT-7", "the second half of the stream is missing", lambda i: i[: len(i) // 2]),
    ("delta-dropped", "CHAT-6", "the chunks have no delta", lambda i: [_no_delta(x) for x in i]),
    ("choices-renamed", "CHAT-6", "choices is called results", lambda i: [_renamed(x) for x in i]),
    (
        "events-truncated",
        "CHAT-6",
        "every chunk is cut in the middle of its JSON",
        lambda i: [i[0], *(_half(x) for x in i[1:-1]), i[-1]],
    ),
):
    FAULTS.mechanical(_requirement, streamed(), spend="sample").add(
        f"{_name}: {_does}", seams.events(_function)
    )


def _encode(lab: Lab, function: Callable[[bytes], bytes]) -> None:
    plain = lab.encode_event
    lab.encode_event = lambda event: function(plain(event))


def _raw_stream(c: Any) -> Any:
    body = c.chat(stream=True).body
    return body[:14], body.count(b"\n\n"), body.count(b"data: "), b'\xe9\x9b"' in body


FAULTS.reported("CHAT-5 CHAT-6 CHAT-7", _raw_stream, spend="sample").add(
    "sse-without-data: events are bare JSON lines without `data:`",
    lambda lab: _encode(lab, lambda block: block.removeprefix(b"data: ")),
)


def _role(item: Any) -> Any:
    if isinstance(item, dict) and item.get("choices") and "role" in item["choices"][0]["delta"]:
        item["choices"][0]["delta"]["role"] = "user"
    return item


FAULTS.handwritten("CHAT-6", streamed(), spend="sample").add(
    "stream-speaks-as-user: the deltas of a stream have the role user",
    seams.events(lambda items: [_role(i) for i in items]),
)


def _chunks(function: Callable[[dict[str, Any]], Any]) -> Callable[[list[Any]], list[Any]]:
    """Change every chunk that has choices."""
    return lambda items: [function(i) if isinstance(i, dict) and i.get("choices") else i for i in items]


def _no_role(chunk: dict[str, Any]) -> Any:
    chunk["choices"][0]["delta"].pop("role", None)
    return chunk


def _parts(chunk: dict[str, Any]) -> Any:
    delta = chunk["choices"][0]["delta"]
    if delta.get("content"):
        delta["content"] = [{"type": "text", "text": delta["content"]}]
    return chunk


FAULTS.reported("CHAT-6", streamed(), spend="sample").add(
    # agentgateway/agentgateway#3005, diegosouzapw/OmniRoute#3911: streams whose deltas never say who speaks.
    "role-never: no delta has a role",
    seams.events(_chunks(_no_role)),
).add("content-in-parts: the content of a delta is a list of parts", seams.events(_chunks(_parts)))


def _without_index(chunk: dict[str, Any]) -> Any:
    del chunk["choices"][0]["index"]
    return chunk


FAULTS.handwritten("CHAT-6", streamed(), spend="sample").add(
    "index-never: no choice of a stream has its index", seams.events(_chunks(_without_index))
)


def _labelled(**labels: Any) -> Callable[[list[Any]], list[Any]]:
    """The labels of every chunk changed; None leaves one out."""

    def change(chunk: dict[str, Any]) -> Any:
        return {name: value for name, value in {**chunk, **labels}.items() if value is not None}

    return _chunks(change)


FAULTS.handwritten("OBS-6", streamed(), spend="sample").add(
    "chunks-without-id: the chunks of a stream have no id", seams.events(_labelled(id=None))
).add("chunks-without-model: the chunks of a stream name no model", seams.events(_labelled(model=None))).add(
    "chunks-created-as-text: created is a text in the chunks of a stream",
    seams.events(_labelled(created="today")),
).add(
    "chunks-called-completions: the chunks of a stream call themselves chat.completion",
    seams.events(_labelled(object="chat.completion")),
)


def _an_id_each(items: list[Any]) -> list[Any]:
    """A gateway that makes an object of its own of each chunk."""
    return [
        {**item, "id": f"chatcmpl-{turn}"} if isinstance(item, dict) and "choices" in item else item
        for turn, item in enumerate(items)
    ]


def _number_of_ids(c: Client) -> int:
    chunks = (json.loads(event) for event in c.chat(stream=True).events if event.startswith("{"))
    return len({chunk["id"] for chunk in chunks if "id" in chunk})


FAULTS.reported("OBS-6", _number_of_ids, spend="sample").add(
    # ggml-org/llama.cpp#5876, BerriAI/litellm#1571, microsoft/foundry-local#144.
    "chunks-with-an-id-each: each chunk of a stream has another id",
    seams.events(_an_id_each),
)


def _last_without_labels(items: list[Any]) -> list[Any]:
    """The chunk that finishes is put together elsewhere."""
    return [
        {"choices": item["choices"]} if isinstance(item, dict) and _finishes(item) else item for item in items
    ]


def _finishes(chunk: dict[str, Any]) -> bool:
    return any(choice["finish_reason"] for choice in chunk.get("choices", []))


FAULTS.reported("OBS-6", streamed(), spend="sample").add(
    "last-chunk-without-labels: the chunk with the finish reason has its choices and nothing else",
    seams.events(_last_without_labels),
)

FAULTS.reported("CHAT-6 CHAT-7", _raw_stream, spend="sample").add(
    "sse-without-blank-lines: events are not parted by an empty line",
    lambda lab: _encode(lab, lambda block: block.replace(b"\n\n", b"\n")),
)

FAULTS.reported("CHAT-6 CHAT-5", _raw_stream, spend="sample").add(
    "sse-data-twice: a proxy puts `data:` before what already has it",
    lambda lab: _encode(lab, lambda block: b"data: " + block),
)

FAULTS.reported("CHAT-6", _raw_stream, spend="sample").add(
    "sse-broken-utf8: characters are cut in the middle of their bytes",
    lambda lab: _encode(lab, lambda block: block.replace("雪".encode(), b"\xe9\x9b")),
)

FAULTS.handwritten("CHAT-7 CHAT-6", streamed(), spend="sample").add(
    "finish-before-content: the finish reason comes before the content",
    seams.events(lambda i: [*i[:2], i[-2], *i[2:-2], i[-1]]),
)

FAULTS.handwritten("CHAT-7", streamed(), spend="sample").add(
    "chunks-after-done: content follows [DONE]", seams.events(lambda i: [*i[:-3], i[-2], i[-1], i[-3]])
)


def _finish(value: Any, between: bool) -> Callable[[dict[str, Any]], Any]:
    def function(chunk: dict[str, Any]) -> Any:
        choice = chunk["choices"][0]
        if between or choice["finish_reason"] is not None:
            choice["finish_reason"] = value
        return chunk

    return function


FAULTS.reported("CHAT-7", streamed(), spend="sample").add(
    # sgl-project/sglang#3912, ollama/ollama#4357, qualcomm/GenieX#1243: a text where null belongs.
    "finish-empty-text: finish_reason is an empty string in every chunk",
    seams.events(_chunks(_finish("", True))),
).add(
    "finish-in-every-chunk: every chunk has the finish reason stop",
    seams.events(_chunks(_finish("stop", True))),
)

FAULTS.reported("CHAT-7 CHAT-6", streamed(), spend="sample").add(
    "error-inside-stream: half-way through, a stream of 200 turns into an error and ends",
    seams.events(
        lambda items: [*items[:5], {"error": {"message": "upstream reset", "type": "server_error"}}]
    ),
)


def _cut_before(*reasons: str) -> seams.Apply:
    """Break the connection where a stream would finish for one of these reasons."""

    def apply(lab: Lab) -> None:
        plain = lab.encode_event

        def encode(event: Any) -> bytes:
            if (
                isinstance(event, dict)
                and event.get("choices")
                and event["choices"][0]["finish_reason"] in reasons
            ):
                raise ConnectionResetError("the upstream went away")
            return plain(event)

        lab.encode_event = encode

    return apply


FAULTS.reported("CHAT-7", lambda c: c.chat(stream=True).body.endswith(b"<cut>"), spend="sample").add(
    # A connection that is reset before the last chunk of the transfer coding.
    "stream-connection-cut: the connection breaks before the stream is finished",
    _cut_before("stop", "tool_calls"),
)

FAULTS.reported(
    "CHAT-8 CHAT-9",
    lambda c: c.chat(stream=True, tools=[TOOL], tool_choice="required").body.endswith(b"<cut>"),
    spend="sample",
).add(
    "tool-stream-connection-cut: the connection breaks before a stream that calls a tool is finished",
    _cut_before("tool_calls"),
)
