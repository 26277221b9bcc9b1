"""Serializes a completion: as one JSON body, or as the events of a stream.

The order of a stream: the router's metadata; for each choice its role, its text or tool calls, and its finish
reason; the usage if it was asked for; `[DONE]`. Both are filled into templates of bytes: building objects and
encoding them would be most of what a completion costs.
"""

from collections.abc import Iterable, Iterator
from functools import cache
from itertools import chain
from typing import Any

import orjson

from lightning_mock.choices import MetadataForm
from lightning_mock.generation.completions.completion import Choice, Completion
from lightning_mock.generation.completions.tokens import split_tokens
from lightning_mock.generation.completions.tools import ToolCall

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
_TOOL_CALLS = b',"tool_calls":%b'
_CHUNK = b'data: {"id":"%b","object":"chat.completion.chunk","created":%d,"model":%b'
# For clients that need a choice in every event, the first one has a choice with a role and no text.
_ROLE_ONLY = b',"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]'
_METADATA = b',"router_metadata":{"model_name":%b}}\n\n'

# Stands between tokens that are encoded in one call: one byte long, and never escaped in JSON.
_SEPARATOR = "\x7f"
_BATCH = 32 * 1024
"""Characters of a text that are encoded at a time: a scripted answer can have millions."""


def completion_body(completion: Completion) -> bytes:
    """The `chat.completion` object of a reply that is not streamed."""
    model = _model_json(completion.model)
    choices = b",".join(map(_message_choice, completion.choices))
    identifier, created = completion.id.encode(), completion.created
    prompt, answer = completion.prompt_tokens, completion.completion_tokens
    return _BODY % (identifier, created, model, choices, prompt, answer, prompt + answer, model)


def _message_choice(choice: Choice) -> bytes:
    content, calls = b"null", b""
    if choice.calls:
        calls = _TOOL_CALLS % orjson.dumps([_tool_call(call) for call in choice.calls])
    else:
        content = orjson.dumps(choice.text)
    return _CHOICE % (choice.position, content, calls, choice.finish.encode())


@cache
def _model_json(model: str) -> bytes:
    # There are only as many as the spec names.
    return orjson.dumps(model)


def _usage(completion: Completion) -> bytes:
    prompt, answer = completion.prompt_tokens, completion.completion_tokens
    return _USAGE % (prompt, answer, prompt + answer)


def _tool_call(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def completion_events(completion: Completion, form: MetadataForm, with_usage: bool) -> Iterable[bytes]:
    """All events in order, each of them one complete server-sent event. Long texts and arguments are encoded
    while they are sent."""
    # From lists, since resuming a generator for each event costs more than the event.
    return chain.from_iterable(_events(completion, form, with_usage))


def _events(completion: Completion, form: MetadataForm, with_usage: bool) -> Iterator[list[bytes]]:
    model = _model_json(completion.model)
    head = _CHUNK % (completion.id.encode(), completion.created, model)
    metadata = _METADATA % model
    yield [b"data: {" + metadata[1:] if form == "bare" else head + _ROLE_ONLY + metadata]
    for choice in completion.choices:
        yield from _chunks(head, choice, b',"usage":null' if with_usage else b"")
    if with_usage:
        yield [head + b',"choices":[],"usage":' + _usage(completion) + b"}\n\n"]
    yield [DONE]


def _chunks(head: bytes, choice: Choice, usage_field: bytes) -> Iterator[list[bytes]]:
    before = head + b',"choices":[{"index":%d,"delta":{' % choice.position
    after = b'},"logprobs":null,"finish_reason":null}]' + usage_field + b"}\n\n"
    content = b"null" if choice.calls else b'""'
    yield [before + b'"role":"assistant","content":' + content + after]
    before_text, after_text = before + b'"content":"', b'"' + after
    for start in range(0, len(choice.text), _BATCH):
        text = choice.text[start : start + _BATCH]
        yield [before_text + token + after_text for token in _encoded_tokens(text)]
    for index, call in enumerate(choice.calls):
        yield from (
            [before + b'"tool_calls":[' + orjson.dumps(delta) + b"]" + after for delta in deltas]
            for deltas in _tool_call_deltas(index, call)
        )
    yield [
        before + b'},"logprobs":null,"finish_reason":"%b"}]%b}\n\n' % (choice.finish.encode(), usage_field)
    ]


def _encoded_tokens(text: str) -> list[bytes]:
    """The tokens of a text as JSON strings without their quotes."""
    tokens = split_tokens(text)
    if not tokens or _SEPARATOR in text:
        return [orjson.dumps(token)[1:-1] for token in tokens]
    return orjson.dumps(_SEPARATOR.join(tokens))[1:-1].split(_SEPARATOR.encode())


def _tool_call_deltas(index: int, call: ToolCall) -> Iterator[list[dict[str, Any]]]:
    """The id and the name once, then the arguments token by token."""
    function = {"name": call.name, "arguments": ""}
    yield [{"index": index, "id": call.id, "type": "function", "function": function}]
    for start in range(0, len(call.arguments), _BATCH):
        tokens = split_tokens(call.arguments[start : start + _BATCH])
        yield [{"index": index, "function": {"arguments": token}} for token in tokens]
