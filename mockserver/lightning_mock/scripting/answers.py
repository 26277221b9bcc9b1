"""A scripted answer as a reply: in the form of the operation that was asked, plain or streamed as asked.

Law: what the script does not say is as the mock would have said it: the model, the counts of tokens, the form
of a refusal.
"""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from secrets import token_hex
from typing import Any, NamedTuple

import orjson

from lightning_mock.choices import MetadataForm
from lightning_mock.errors import refusal_with
from lightning_mock.generation.completions.completion import MAX_CHOICES, Choice, Completion
from lightning_mock.generation.completions.tokens import count_prompt_tokens, count_tokens
from lightning_mock.generation.completions.tools import ToolCall
from lightning_mock.generation.completions.wire import completion_body, completion_events
from lightning_mock.generation.conversation import read_conversation
from lightning_mock.generation.model_router import choose_for
from lightning_mock.http.replies import JSON, Body, EventStream, Ready, Reply, json_body
from lightning_mock.http.waiting import Pause

_NO_CONTENT = (204, 304)
_WHOLE = frozenset(("json", "bytes", "events"))
_END_OF_LINE = re.compile(rb"\r\n|\r|\n")
"""Of an event stream."""


class Asked(NamedTuple):
    """A chat: the completion that the mock would give, and the arguments that say how it is sent."""

    completion: Completion
    arguments: Mapping[str, Any]


def unchecked(members: Mapping[str, Any], created: int) -> Asked:
    """A chat from the members of a body that nobody has checked, as far as they can be used."""
    messages, n, options = (members.get(name) for name in ("messages", "n", "stream_options"))
    said = [one for one in messages if isinstance(one, Mapping)] if isinstance(messages, list) else []
    conversation = read_conversation(said)
    number = n if isinstance(n, int) and 1 <= n <= MAX_CHOICES else 1
    completion = Completion(
        id=f"chatcmpl-{token_hex(12)}",
        created=created,
        model=choose_for(conversation, bool(members.get("tools"))),
        choices=[Choice(position, "", (), "stop", 0) for position in range(number)],
        prompt_tokens=count_prompt_tokens(conversation),
    )
    sent = {"stream": members.get("stream") is True}
    return Asked(completion, sent | {"stream_options": options} if isinstance(options, Mapping) else sent)


def is_said(answer: Mapping[str, Any]) -> bool:
    """Whether an answer is what a model says, and not a whole body, a stream or a refusal."""
    status = answer.get("status", 200)
    return not _WHOLE & answer.keys() and status < 400 and status not in _NO_CONTENT


def scripted_reply(answer: Mapping[str, Any], asked: Asked | None, form: MetadataForm, pause: Pause) -> Reply:
    """The reply, without its delay. `asked` is None for a call that is no chat; `pause` waits between two
    events."""
    headers = dict(answer.get("headers", {}))
    content_type = answer.get("content_type")
    for name in answer.get("headers", {}):
        if name.lower() == "content-type":
            # What is sent is also what the journal knows of it.
            content_type = headers.pop(name)
    reply = _reply(answer, headers, asked, form)
    if isinstance(reply, EventStream) and "rate" in answer:
        reply.events = _at_rate(reply.events, 1 / answer["rate"], pause)
    return reply if content_type is None else replace(reply, content_type=content_type)


def _reply(
    answer: Mapping[str, Any], headers: Mapping[str, str], asked: Asked | None, form: MetadataForm
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
    if asked is None:
        return Body(answer.get("text", "").encode(), "text/plain; charset=utf-8", status, headers)
    choices = [_choice(answer, choice.position) for choice in asked.completion.choices]
    completion = replace(asked.completion, choices=choices)
    if asked.arguments.get("stream"):
        options = asked.arguments.get("stream_options") or {}
        chunks = completion_events(completion, form, bool(options.get("include_usage")))
        return EventStream(Ready(chunks), status=status, headers=headers)
    return Body(completion_body(completion), status=status, headers=headers)


def _choice(answer: Mapping[str, Any], position: int) -> Choice:
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
    return Choice(position, text, calls, "tool_calls" if calls else "stop", tokens)


def _event(event: Any) -> bytes:
    data = event.encode() if isinstance(event, str) else orjson.dumps(event)
    lines = b"".join(b"data: " + line + b"\n" for line in _END_OF_LINE.split(data))
    return lines + b"\n"


async def _at_rate(events: AsyncIterator[bytes], seconds: float, pause: Pause) -> AsyncIterator[bytes]:
    position = 0
    async for event in events:
        if position:
            await pause(seconds)
        yield event
        position += 1
