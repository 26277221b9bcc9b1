"""A completion as bytes: the JSON body, or the events of a stream.

The order of a stream: the router's metadata; per choice the role, the content or the calls, the finish; the
usage when asked for; `[DONE]`. Both forms are written from fixed byte strings around the parts that differ:
building objects and encoding them would be most of what a completion costs.
"""

from collections.abc import Iterable, Iterator
from functools import cache
from itertools import chain
from typing import Any

import orjson

from lightning_mock.generation.completions.completion import Choice, Completion
from lightning_mock.generation.completions.tokens import split_tokens
from lightning_mock.generation.completions.tools import ToolCall
from lightning_mock.settings import MetadataForm

DONE = b"data: [DONE]\n\n"

_USAGE = b'{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d}'
_BODY = (
    b'{"id":"%b","object":"chat.completion","created":%d,"model":%b,"choices":[%b],"usage":'
    + _USAGE
    + b',"router_metadata":{"model_name":%b}}'
)
_CHOICE = (
    b'{"index":%d,"message":{"role":"assistant","content":%b,"refusal":null%b},"logprobs":null,'
    b'"finish_reason":"%b"}'
)
_CALLS = b',"tool_calls":%b'
_CHUNK = b'data: {"id":"%b","object":"chat.completion.chunk","created":%d,"model":%b'
_OPENING = b',"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]'
_METADATA = b',"router_metadata":{"model_name":%b}}\n\n'

# Never escaped in JSON and one byte long: what stands between pieces that are encoded together.
_BETWEEN = "\x7f"
_AT_ONCE = 32 * 1024
"""Characters of a text that are cut and encoded at once. A scripted answer can have millions."""


def completion_body(completion: Completion) -> bytes:
    """The `chat.completion` object of a reply that is not streamed."""
    model = _encoded(completion.model)
    choices = b",".join(map(_choice_of_body, completion.choices))
    identifier, created = completion.id.encode(), completion.created
    prompt, answer = completion.prompt_tokens, completion.completion_tokens
    return _BODY % (identifier, created, model, choices, prompt, answer, prompt + answer, model)


def _choice_of_body(choice: Choice) -> bytes:
    content, calls = b"null", b""
    if choice.calls:
        calls = _CALLS % orjson.dumps([_call_object(call) for call in choice.calls])
    else:
        content = orjson.dumps(choice.text)
    return _CHOICE % (choice.position, content, calls, choice.finish.encode())


@cache
def _encoded(model: str) -> bytes:
    return orjson.dumps(model)


def _usage(completion: Completion) -> bytes:
    prompt, answer = completion.prompt_tokens, completion.completion_tokens
    return _USAGE % (prompt, answer, prompt + answer)


def _call_object(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def completion_events(completion: Completion, form: MetadataForm, with_usage: bool) -> Iterable[bytes]:
    """All events in order; each item is one complete server-sent event. Those of a long text are made as they
    are sent."""
    return chain.from_iterable(_events(completion, form, with_usage))


def _events(completion: Completion, form: MetadataForm, with_usage: bool) -> Iterator[list[bytes]]:
    model = _encoded(completion.model)
    head = _CHUNK % (completion.id.encode(), completion.created, model)
    metadata = _METADATA % model
    yield [b"data: {" + metadata[1:] if form == "bare" else head + _OPENING + metadata]
    for choice in completion.choices:
        yield from _chunks(head, choice, b',"usage":null' if with_usage else b"")
    if with_usage:
        yield [head + b',"choices":[],"usage":' + _usage(completion) + b"}\n\n"]
    yield [DONE]


def _chunks(head: bytes, choice: Choice, usage_field: bytes) -> Iterator[list[bytes]]:
    before = head + b',"choices":[{"index":%d,"delta":{' % choice.position
    after = b'},"logprobs":null,"finish_reason":null}]' + usage_field + b"}\n\n"
    content = b"null" if choice.calls else b'""'
    chunks = [before + b'"role":"assistant","content":' + content + after]
    opened, closed = before + b'"content":"', b'"' + after
    yield chunks
    for start in range(0, len(choice.text), _AT_ONCE):
        text = choice.text[start : start + _AT_ONCE]
        yield [opened + piece + closed for piece in _encoded_pieces(text)]
    chunks = []
    for index, call in enumerate(choice.calls):
        for delta in _call_deltas(index, call):
            chunks.append(before + b'"tool_calls":[' + orjson.dumps(delta) + b"]" + after)
    finish = b'},"logprobs":null,"finish_reason":"%b"}]%b}\n\n' % (choice.finish.encode(), usage_field)
    chunks.append(before + finish)
    yield chunks


def _encoded_pieces(text: str) -> list[bytes]:
    """The tokens of a text as JSON strings without their quotes."""
    pieces = split_tokens(text)
    if not pieces or _BETWEEN in text:
        return [orjson.dumps(piece)[1:-1] for piece in pieces]
    return orjson.dumps(_BETWEEN.join(pieces))[1:-1].split(_BETWEEN.encode())


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
