"""Trackers faults: streamed completions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lab.faults import seams
from lab.faults.fault import Book
from lab.faults.seams import at, edit, put
from lab.proofs import chat, streamed
from lab.server.lab import Lab

BOOK = Book("trackers")

# A reasoning model whose answer never leaves the reasoning field.
BOOK.add(
    "content-null",
    "CHAT-2",
    "the content of a completion is null, the text stands under reasoning",
    edit(
        "createChatCompletion",
        at(
            "choices.0.message",
            put(lambda m: {"role": "assistant", "content": None, "reasoning": m.get("content")}),
        ),
    ),
    chat(),
    "sample",
)

BOOK.add(
    "choices-object",
    "CHAT-2",
    "choices is an object by index",
    edit("createChatCompletion", at("choices", put(lambda rows: {"0": rows[0]}))),
    chat(),
    "sample",
)


def _chunks(function: Callable[[dict[str, Any]], Any]) -> Callable[[list[Any]], list[Any]]:
    """Change every chunk that has choices."""
    return lambda items: [function(i) if isinstance(i, dict) and i.get("choices") else i for i in items]


def _finish(value: Any, between: bool) -> Callable[[dict[str, Any]], Any]:
    def function(chunk: dict[str, Any]) -> Any:
        choice = chunk["choices"][0]
        if between or choice["finish_reason"] is not None:
            choice["finish_reason"] = value
        return chunk

    return function


# sgl-project/sglang#3912, ollama/ollama#4357, qualcomm/GenieX#1243: a text where null belongs.
BOOK.add(
    "finish-empty-text",
    "CHAT-7",
    "finish_reason is an empty string in every chunk",
    seams.events(_chunks(_finish("", True))),
    streamed(),
    "sample",
)

# Proxies that give null throughout: earendil-works/pi#4558 models one.
BOOK.add(
    "finish-null",
    "CHAT-7",
    "finish_reason is null to the end",
    seams.events(_chunks(_finish(None, False))),
    streamed(),
    "sample",
)

BOOK.add(
    "finish-in-every-chunk",
    "CHAT-7",
    "every chunk has the finish reason stop",
    seams.events(_chunks(_finish("stop", True))),
    streamed(),
    "sample",
)


def _no_role(chunk: dict[str, Any]) -> Any:
    chunk["choices"][0]["delta"].pop("role", None)
    return chunk


# agentgateway/agentgateway#3005, diegosouzapw/OmniRoute#3911: streams whose deltas never say who speaks.
BOOK.add("role-never", "CHAT-6", "no delta has a role", seams.events(_chunks(_no_role)), streamed(), "sample")

BOOK.add(
    "delta-null",
    "CHAT-6",
    "delta is null",
    seams.events(_chunks(lambda chunk: {**chunk, "choices": [{**chunk["choices"][0], "delta": None}]})),
    streamed(),
    "sample",
)


def _parts(chunk: dict[str, Any]) -> Any:
    delta = chunk["choices"][0]["delta"]
    if delta.get("content"):
        delta["content"] = [{"type": "text", "text": delta["content"]}]
    return chunk


BOOK.add(
    "content-in-parts",
    "CHAT-6",
    "the content of a delta is a list of parts",
    seams.events(_chunks(_parts)),
    streamed(),
    "sample",
)

BOOK.add(
    "error-inside-stream",
    "CHAT-7 CHAT-6",
    "half-way through, a stream of 200 turns into an error and ends",
    seams.events(
        lambda items: [*items[:5], {"error": {"message": "upstream reset", "type": "server_error"}}]
    ),
    streamed(),
    "sample",
)


def _encode(lab: Lab, function: Callable[[bytes], bytes]) -> None:
    plain = lab.encode_event
    lab.encode_event = lambda event: function(plain(event))


def _raw_stream(c: Any) -> Any:
    body = c.chat(stream=True).body
    return body[:14], body.count(b"\n\n"), body.count(b"data: "), b'\xe9\x9b"' in body


BOOK.add(
    "sse-without-blank-lines",
    "CHAT-6 CHAT-7",
    "events are not parted by an empty line",
    lambda lab: _encode(lab, lambda block: block.replace(b"\n\n", b"\n")),
    _raw_stream,
    "sample",
)

BOOK.add(
    "sse-without-data",
    "CHAT-5 CHAT-6 CHAT-7",
    "events are bare JSON lines without `data:`",
    lambda lab: _encode(lab, lambda block: block.removeprefix(b"data: ")),
    _raw_stream,
    "sample",
)

BOOK.add(
    "sse-data-twice",
    "CHAT-6 CHAT-5",
    "a proxy puts `data:` before what already has it",
    lambda lab: _encode(lab, lambda block: b"data: " + block),
    _raw_stream,
    "sample",
)

BOOK.add(
    "sse-broken-utf8",
    "CHAT-6",
    "characters are cut in the middle of their bytes",
    lambda lab: _encode(lab, lambda block: block.replace("雪".encode(), b"\xe9\x9b")),
    _raw_stream,
    "sample",
)


def _cut(lab: Lab) -> None:
    plain = lab.encode_event

    def encode(event: Any) -> bytes:
        if isinstance(event, dict) and event.get("choices") and event["choices"][0]["finish_reason"]:
            raise ConnectionResetError("the upstream went away")
        return plain(event)

    lab.encode_event = encode


# A connection that is reset before the last chunk of the transfer coding.
BOOK.add(
    "stream-connection-cut",
    "CHAT-7",
    "the connection breaks before the stream is finished",
    _cut,
    lambda c: c.chat(stream=True).body.endswith(b"<cut>"),
    "sample",
)
