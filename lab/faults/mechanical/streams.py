"""Mechanical faults: streamed completions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lab.faults import seams
from lab.faults.fault import Book
from lab.proofs import chat, streamed

BOOK = Book("mechanical")


def _content(item: Any, function: Callable[[str], Any]) -> Any:
    if isinstance(item, dict):
        for choice in item.get("choices", []):
            if choice["delta"].get("content"):
                choice["delta"]["content"] = function(choice["delta"]["content"])
    return item


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
        "metadata-last",
        "CHAT-5",
        "the metadata chunk comes last before [DONE]",
        lambda i: [*i[1:-1], i[0], i[-1]],
    ),
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
    ("finish-twice", "CHAT-7", "two chunks have a finish reason", lambda i: [*i[:-1], i[-2], i[-1]]),
    ("stream-truncated", "CHAT-7", "the second half of the stream is missing", lambda i: i[: len(i) // 2]),
    ("delta-dropped", "CHAT-6", "the chunks have no delta", lambda i: [_no_delta(x) for x in i]),
    ("choices-renamed", "CHAT-6", "choices is called results", lambda i: [_renamed(x) for x in i]),
    ("delta-number", "CHAT-6", "content is a number", lambda i: [_content(x, lambda _: 7) for x in i]),
    (
        "events-truncated",
        "CHAT-6",
        "every chunk is cut in the middle of its JSON",
        lambda i: [i[0], *(_half(x) for x in i[1:-1]), i[-1]],
    ),
):
    BOOK.add(_name, _requirement, _does, seams.events(_function), streamed(), "sample")

BOOK.add(
    "stream-by-default",
    "CHAT-3 CHAT-2",
    "a chat is streamed when stream is left out",
    seams.check("createChatCompletion", lambda _l, c: c.arguments.setdefault("stream", True)),
    chat(),
    "sample",
)

BOOK.add(
    "stream-false-streams",
    "CHAT-3",
    "a chat is streamed when stream is false",
    seams.check(
        "createChatCompletion", lambda _l, c: c.arguments.__setitem__("stream", "stream" in c.arguments)
    ),
    chat(stream=False),
    "sample",
)

BOOK.add(
    "stream-ignored",
    "CHAT-4 CHAT-5 CHAT-6 CHAT-7",
    "a chat is never streamed",
    seams.check("createChatCompletion", lambda _l, c: c.arguments.__setitem__("stream", False)),
    chat(stream=True),
    "sample",
)
