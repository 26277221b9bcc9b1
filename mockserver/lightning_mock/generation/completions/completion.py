"""One chat completion, decided as a whole before anything of it is sent.

Pure: the same request, seed, id and time give the same completion. `plan_completion` does what may be refused
(InvalidRequest) and is run before the charge.
"""

from collections.abc import Mapping
from hashlib import blake2b
from random import Random
from typing import Any, Literal, NamedTuple

import orjson

from lightning_mock.errors import InvalidRequest
from lightning_mock.generation.completions.formats import (
    ResponseFormat,
    json_object_text,
    json_schema_text,
    read_format,
)
from lightning_mock.generation.completions.reply_text import reply_text
from lightning_mock.generation.completions.tokens import TOKEN_CHARACTERS, count_prompt_tokens, count_tokens
from lightning_mock.generation.completions.tools import (
    NO_TOOLS,
    ToolCall,
    ToolRequest,
    choose_calls,
    read_tools,
)
from lightning_mock.generation.conversation import Conversation, read_conversation
from lightning_mock.generation.model_router import choose_for

MOST_CHOICES = 8
_BYTES_OF_SCHEMA_PER_TOKEN = 4
_SHAPING = frozenset(
    ("tools", "tool_choice", "response_format", "n", "stop", "max_tokens", "max_completion_tokens")
)
"""Without any of these fields a request asks for one whole text."""

FinishReason = Literal["stop", "length", "tool_calls"]


class Choice(NamedTuple):
    """One answer: a text, or tool calls."""

    position: int
    text: str
    calls: tuple[ToolCall, ...]
    finish: FinishReason
    tokens: int


class Completion(NamedTuple):
    """All that a reply needs, whichever way it is sent. `created` is in whole seconds since the epoch."""

    id: str
    created: int
    model: str
    choices: tuple[Choice, ...]
    prompt_tokens: int

    @property
    def completion_tokens(self) -> int:
        tokens = 0
        for choice in self.choices:
            tokens += choice.tokens
        return tokens


class Plan(NamedTuple):
    """A chat request understood: nothing in it can be refused any more."""

    arguments: Mapping[str, Any]
    conversation: Conversation
    tools: ToolRequest
    format: ResponseFormat
    choices: int
    limit: int | None
    stops: tuple[str, ...]


def plan_completion(arguments: Mapping[str, Any]) -> Plan:
    """Reads a chat request. InvalidRequest when a tool, a choice, a format or a number cannot be met."""
    conversation = read_conversation(arguments["messages"])
    if _SHAPING.isdisjoint(arguments):
        return Plan(arguments, conversation, NO_TOOLS, read_format(None, conversation), 1, None, ())
    limit = arguments.get("max_completion_tokens")
    if limit is None:
        limit = arguments.get("max_tokens")
    return Plan(
        arguments=arguments,
        conversation=conversation,
        tools=read_tools(arguments),
        format=read_format(arguments.get("response_format"), conversation),
        choices=_read_choices(arguments.get("n")),
        limit=limit if isinstance(limit, int) and limit > 0 else None,
        stops=_read_stops(arguments.get("stop")),
    )


def _read_choices(n: Any) -> int:
    if n is None:
        return 1
    if not isinstance(n, int) or isinstance(n, bool) or not 1 <= n <= MOST_CHOICES:
        raise InvalidRequest(f"n: expected an integer from 1 to {MOST_CHOICES}", "n")
    return n


def _read_stops(stop: Any) -> tuple[str, ...]:
    if isinstance(stop, str):
        stop = [stop]
    if not isinstance(stop, list):
        return ()
    return tuple(text for text in stop if isinstance(text, str) and text)


def complete(plan: Plan, seed: int, completion_id: str, created: int) -> Completion:
    """The answer to a planned request."""
    # Plain answers are the hot path: the random source is only built where something is drawn from it.
    drawing = plan.tools is not NO_TOOLS or plan.format.kind == "json_schema"
    if drawing:
        digest = request_digest(plan.arguments, seed)
        choices = [_choose(plan, position, seed, digest) for position in range(plan.choices)]
    else:
        choices = [_plain(plan, position, seed) for position in range(plan.choices)]
    prompt_tokens = count_prompt_tokens(plan.conversation)
    if plan.tools.tools:
        prompt_tokens += len(orjson.dumps(plan.arguments["tools"])) // _BYTES_OF_SCHEMA_PER_TOKEN
    model = choose_for(plan.conversation, bool(plan.tools.tools))
    return Completion(completion_id, created, model, tuple(choices), prompt_tokens)


def request_digest(arguments: Mapping[str, Any], seed: int) -> bytes:
    """16 bytes that name a request body under a seed, whatever the order of its keys."""
    body = orjson.dumps(arguments, option=orjson.OPT_SORT_KEYS)
    return blake2b(body, digest_size=16, salt=(seed & 0xFFFFFFFF).to_bytes(4, "big")).digest()


def _choose(plan: Plan, position: int, seed: int, digest: bytes) -> Choice:
    random = Random(digest + bytes([position]))  # noqa: S311 - sample data, not secrets
    calls = choose_calls(plan.tools, plan.conversation, random)
    if calls:
        # A cut call would not be JSON any more, so `max_tokens` leaves calls whole.
        tokens = sum(count_tokens(len(call.name)) + count_tokens(len(call.arguments)) for call in calls)
        return Choice(position, "", calls, "tool_calls", tokens)
    if plan.format.kind == "json_schema":
        text = json_schema_text(plan.format, plan.conversation, random.getrandbits(32))
        return _cut(plan, position, text)
    return _plain(plan, position, seed)


def _plain(plan: Plan, position: int, seed: int) -> Choice:
    if plan.format.kind == "json_object":
        text = json_object_text(plan.conversation, seed, position)
    else:
        text = reply_text(plan.conversation, seed, position)
    return _cut(plan, position, text)


def _cut(plan: Plan, position: int, text: str) -> Choice:
    for stop in plan.stops:
        text = text.partition(stop)[0]
    tokens = count_tokens(len(text))
    if plan.limit is not None and tokens > plan.limit:
        return Choice(position, text[: plan.limit * TOKEN_CHARACTERS], (), "length", plan.limit)
    return Choice(position, text, (), "stop", tokens)
