"""A scripted answer as a reply: in the form of the operation that was asked, plain or streamed as asked.

Law: what the script does not say is as the mock would have said it: the model, the counts of tokens, the form
of a refusal.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from secrets import token_hex
from typing import Any

import orjson

from lightning_mock.choices import MetadataForm
from lightning_mock.errors import refusal_with
from lightning_mock.generation.completions.completion import Choice, Completion
from lightning_mock.generation.completions.tokens import count_prompt_tokens, count_tokens
from lightning_mock.generation.completions.tools import ToolCall
from lightning_mock.generation.completions.wire import completion_body, completion_events
from lightning_mock.generation.conversation import read_conversation
from lightning_mock.generation.model_router import choose_for
from lightning_mock.http.replies import JSON, Body, EventStream, Ready, Reply, json_body
from lightning_mock.http.waiting import Pause

_NO_CONTENT = (204, 304)


def scripted_reply(
    answer: Mapping[str, Any],
    arguments: Mapping[str, Any] | None,
    now: float,
    form: MetadataForm,
    pause: Pause,
) -> Reply:
    """The reply, without its delay. `arguments` are those of a chat completion, None for any other call;
    `pause` waits between two events."""
    headers = dict(answer.get("headers", {}))
    content_type = answer.get("content_type")
    for name in answer.get("headers", {}):
        if name.lower() == "content-type":
            # What is sent is also what the journal knows of it.
            content_type = headers.pop(name)
    reply = _reply(answer, headers, arguments, now, form)
    if isinstance(reply, EventStream) and "rate" in answer:
        reply.events = _at_rate(reply.events, 1 / answer["rate"], pause)
    return reply if content_type is None else replace(reply, content_type=content_type)


def _reply(
    answer: Mapping[str, Any],
    headers: Mapping[str, str],
    arguments: Mapping[str, Any] | None,
    now: float,
    form: MetadataForm,
) -> Reply:
    """The reply with the type of content that it usually has."""
    status = answer.get("status", 200)
    if "json" in answer:
        return Body(orjson.dumps(answer["json"]), JSON, status, headers)
    if "bytes" in answer:
        return Body(base64.b64decode(answer["bytes"]), "application/octet-stream", status, headers)
    if "events" in answer:
        # There may be very many: each is made when it is sent.
        events = map(_event, answer["events"])
        return EventStream(Ready(events), status=status, headers=headers)
    if status >= 400:
        refusal = refusal_with(status)(answer.get("text") or f"A script answers with {status}.")
        return json_body(refusal.body(), status, {**refusal.headers, **headers})
    if status in _NO_CONTENT:
        return Body(b"", JSON, status, headers)
    if arguments is None:
        return Body(answer.get("text", "").encode(), "text/plain; charset=utf-8", status, headers)
    completion = _completion(answer, arguments, int(now))
    if arguments.get("stream"):
        options = arguments.get("stream_options") or {}
        chunks = completion_events(completion, form, bool(options.get("include_usage")))
        return EventStream(Ready(chunks), status=status, headers=headers)
    return Body(completion_body(completion), status=status, headers=headers)


def _completion(answer: Mapping[str, Any], arguments: Mapping[str, Any], created: int) -> Completion:
    conversation = read_conversation(arguments["messages"])
    calls = tuple(
        ToolCall(
            call.get("id") or f"call_{token_hex(12)}",
            call["name"],
            orjson.dumps(call.get("arguments", {})).decode(),
        )
        for call in answer.get("tool_calls", ())
    )
    text = "" if calls else answer.get("text", "")
    tokens = count_tokens(len(text)) + sum(
        count_tokens(len(call.name) + len(call.arguments)) for call in calls
    )
    return Completion(
        id=f"chatcmpl-{token_hex(12)}",
        created=created,
        model=choose_for(conversation, bool(arguments.get("tools"))),
        choices=(Choice(0, text, calls, "tool_calls" if calls else "stop", tokens),),
        prompt_tokens=count_prompt_tokens(conversation),
    )


def _event(event: Any) -> bytes:
    data = event.encode() if isinstance(event, str) else orjson.dumps(event)
    return b"data: " + data.replace(b"\n", b"\ndata: ") + b"\n\n"


async def _at_rate(events: AsyncIterator[bytes], seconds: float, pause: Pause) -> AsyncIterator[bytes]:
    position = 0
    async for event in events:
        if position:
            await pause(seconds)
        yield event
        position += 1
