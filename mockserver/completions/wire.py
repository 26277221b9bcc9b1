"""A completion as bytes: the JSON body, or the events of a stream.

The order of a stream: the router's metadata; per choice the role, the content or the calls, the finish; the
usage when asked for; `[DONE]`. Events are written from fixed byte strings around the one part that differs,
because a stream has many and each would otherwise encode the same id and model again.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Any, Literal

import orjson

from mockserver.completions.completion import Choice, Completion
from mockserver.completions.tokens import split_tokens
from mockserver.completions.tools import ToolCall

MetadataForm = Literal["bare", "choices"]

DONE = b"data: [DONE]\n\n"


def completion_body(completion: Completion) -> dict[str, Any]:
    """The `chat.completion` object of a reply that is not streamed."""
    return {
        "id": completion.id,
        "object": "chat.completion",
        "created": completion.created,
        "model": completion.model,
        "choices": [
            {"index": c.position, "message": _message(c), "logprobs": None, "finish_reason": c.finish}
            for c in completion.choices
        ],
        "usage": usage(completion),
        "router_metadata": {"model_name": completion.model},
    }


def usage(completion: Completion) -> dict[str, int]:
    prompt, answer = completion.prompt_tokens, completion.completion_tokens
    return {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}


def _message(choice: Choice) -> dict[str, Any]:
    if not choice.calls:
        return {"role": "assistant", "content": choice.text, "refusal": None}
    return {
        "role": "assistant",
        "content": None,
        "refusal": None,
        "tool_calls": [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in choice.calls
        ],
    }


async def completion_events(
    completion: Completion, form: MetadataForm, with_usage: bool
) -> AsyncIterator[bytes]:
    """Each item is one complete server-sent event."""
    for event in stream(completion, form, with_usage):
        yield event


def stream(completion: Completion, form: MetadataForm, with_usage: bool) -> Iterator[bytes]:
    head = _head(completion)
    yield _metadata(completion, form)
    for choice in completion.choices:
        yield from _choice(head, choice, b',"usage":null' if with_usage else b"")
    if with_usage:
        yield head + b',"choices":[],"usage":' + orjson.dumps(usage(completion)) + b"}\n\n"
    yield DONE


def _head(completion: Completion) -> bytes:
    """`data: ` and a chunk up to its choices, the closing brace left out."""
    opened = {
        "id": completion.id,
        "object": "chat.completion.chunk",
        "created": completion.created,
        "model": completion.model,
    }
    return b"data: " + orjson.dumps(opened)[:-1]


def _metadata(completion: Completion, form: MetadataForm) -> bytes:
    metadata = {"model_name": completion.model}
    if form == "bare":
        return b"data: " + orjson.dumps({"router_metadata": metadata}) + b"\n\n"
    choices = [{"index": 0, "delta": {}, "finish_reason": None}]
    return (
        _head(completion)
        + orjson.dumps({"choices": choices, "router_metadata": metadata}).replace(b"{", b",", 1)
        + b"\n\n"
    )


def _choice(head: bytes, choice: Choice, usage_field: bytes) -> Iterator[bytes]:
    before = head + b',"choices":[{"index":' + str(choice.position).encode() + b',"delta":'
    after = b',"logprobs":null,"finish_reason":null}]' + usage_field + b"}\n\n"
    content = b"null" if choice.calls else b'""'
    yield before + b'{"role":"assistant","content":' + content + b"}" + after
    for piece in split_tokens(choice.text):
        yield before + b'{"content":' + orjson.dumps(piece) + b"}" + after
    for index, call in enumerate(choice.calls):
        for delta in _call_deltas(index, call):
            yield before + orjson.dumps({"tool_calls": [delta]}) + after
    finish = b',"logprobs":null,"finish_reason":"' + choice.finish.encode() + b'"}]'
    yield before + b"{}" + finish + usage_field + b"}\n\n"


def _call_deltas(index: int, call: ToolCall) -> Iterator[dict[str, Any]]:
    """The id and the name once, then the arguments in fragments."""
    yield {
        "index": index,
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": ""},
    }
    for fragment in split_tokens(call.arguments):
        yield {"index": index, "function": {"arguments": fragment}}
