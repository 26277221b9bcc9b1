"""One chat completion, decided as a whole before anything of it is sent.

Pure: the same request, seed, id and time give the same completion. It may be refused (InvalidRequest) and is
decided before the charge.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from random import Random
from typing import Any, Literal

import orjson

from lightning_mock.errors import InvalidRequest
from lightning_mock.generation.completions.formats import (
    TEXT,
    ResponseFormat,
    json_object_text,
    json_schema_text,
    read_format,
)
from lightning_mock.generation.completions.prompted_json import mentions_json
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
from lightning_mock.generation.sampling.schema_cost import Budget

MAX_CHOICES = 8
MAX_STOPS = 64
MAX_CHARACTERS = 128 * 1024
"""Of all choices together. A stream cuts them into pieces of a few characters, each an event."""
_BYTES_OF_SCHEMA_PER_TOKEN = 4
_NOTHING_TO_SPEND = Budget(0)
_COSTLY = frozenset(("tools", "tool_choice", "response_format"))
"""Without any of these fields an answer is text, which costs next to nothing."""
_SHAPING = _COSTLY | {"n", "stop", "max_tokens", "max_completion_tokens"}
"""Without any of these fields a request asks for one whole text."""

FinishReason = Literal["stop", "length", "tool_calls"]


@dataclass(slots=True)
class Choice:
    """One answer: a text, or tool calls."""

    position: int
    text: str
    calls: tuple[ToolCall, ...]
    finish: FinishReason
    tokens: int


@dataclass(slots=True)
class Completion:
    """Everything that a reply needs, however it is sent. `created` is in whole seconds since the epoch."""

    id: str
    created: int
    model: str
    choices: Sequence[Choice]
    prompt_tokens: int

    @property
    def completion_tokens(self) -> int:
        tokens = 0
        for choice in self.choices:
            tokens += choice.tokens
        return tokens


@dataclass(slots=True)
class _Request:
    """A chat request understood, and what may still be spent on it."""

    arguments: Mapping[str, Any]
    conversation: Conversation
    tools: ToolRequest
    format: ResponseFormat
    choices: int
    limit: int | None
    stops: tuple[str, ...]
    budget: Budget


def complete_text(
    arguments: Mapping[str, Any], seed: int, completion_id: str, created: int
) -> Completion | None:
    """The answer to a chat request that asks for text alone; None when it may ask for more. Raises
    InvalidRequest for an `n` or `stop` out of bounds.
    """
    conversation = read_conversation(arguments["messages"])
    if not _COSTLY.isdisjoint(arguments) or mentions_json(conversation.text):
        return None
    if _SHAPING.isdisjoint(arguments):
        text = reply_text(conversation, seed)
        choices = [Choice(0, text, (), "stop", count_tokens(len(text)))]
    else:
        request = _parsed(arguments, conversation, NO_TOOLS, TEXT, _NOTHING_TO_SPEND)
        choices = [_plain(request, position, seed) for position in range(request.choices)]
    prompt_tokens = count_prompt_tokens(conversation)
    return Completion(completion_id, created, choose_for(conversation, False), choices, prompt_tokens)


def complete(arguments: Mapping[str, Any], seed: int, completion_id: str, created: int) -> Completion:
    """The answer to any chat request. Raises InvalidRequest when a tool, a choice, a format or a number
    cannot be met, and when the answer would be too long or cost too much.
    """
    text = complete_text(arguments, seed, completion_id, created)
    if text is not None:
        return text
    conversation = read_conversation(arguments["messages"])
    budget = Budget()
    tools = read_tools(arguments, budget)
    format = read_format(arguments.get("response_format"), conversation, budget)
    choices = _drawn(_parsed(arguments, conversation, tools, format, budget), seed)
    prompt_tokens = count_prompt_tokens(conversation)
    if tools.tools:
        prompt_tokens += len(orjson.dumps(arguments["tools"])) // _BYTES_OF_SCHEMA_PER_TOKEN
    model = choose_for(conversation, bool(tools.tools))
    return Completion(completion_id, created, model, choices, prompt_tokens)


def _parsed(
    arguments: Mapping[str, Any],
    conversation: Conversation,
    tools: ToolRequest,
    format: ResponseFormat,
    budget: Budget,
) -> _Request:
    limit = arguments.get("max_completion_tokens")
    if limit is None:
        limit = arguments.get("max_tokens")
    return _Request(
        arguments=arguments,
        conversation=conversation,
        tools=tools,
        format=format,
        choices=_read_choices(arguments.get("n")),
        limit=limit if isinstance(limit, int) and limit > 0 else None,
        stops=_read_stops(arguments.get("stop")),
        budget=budget,
    )


def _read_choices(n: Any) -> int:
    if n is None:
        return 1
    if not isinstance(n, int) or isinstance(n, bool) or not 1 <= n <= MAX_CHOICES:
        raise InvalidRequest(f"n: expected an integer from 1 to {MAX_CHOICES}.", "n")
    return n


def _read_stops(stop: Any) -> tuple[str, ...]:
    if isinstance(stop, str):
        stop = [stop]
    if not isinstance(stop, list):
        return ()
    if len(stop) > MAX_STOPS:
        raise InvalidRequest(f"stop: expected at most {MAX_STOPS} texts, got {len(stop)}.", "stop")
    return tuple(text for text in stop if isinstance(text, str) and text)


def _drawn(request: _Request, seed: int) -> list[Choice]:
    digest = request_digest(request.arguments, seed)
    try:
        choices = [_choose(request, position, seed, digest) for position in range(request.choices)]
        _check_length(choices, "tools" if request.tools.tools else "response_format")
    except InvalidRequest:
        if request.format.otherwise is None:
            raise
        return _drawn(replace(request, format=ResponseFormat(request.format.otherwise)), seed)
    return choices


def _check_length(choices: Sequence[Choice], place: str) -> None:
    length = sum(len(choice.text) + sum(len(call.arguments) for call in choice.calls) for choice in choices)
    if length > MAX_CHARACTERS:
        raise InvalidRequest(
            f"{place}: expected schemas whose values have at most {MAX_CHARACTERS} characters.", place
        )


def request_digest(arguments: Mapping[str, Any], seed: int) -> bytes:
    """16 bytes that name a request body under a seed, whatever the order of its keys."""
    body = orjson.dumps(arguments, option=orjson.OPT_SORT_KEYS)
    return blake2b(body, digest_size=16, salt=(seed & 0xFFFFFFFF).to_bytes(4, "big")).digest()


def _choose(request: _Request, position: int, seed: int, digest: bytes) -> Choice:
    random = Random(digest + bytes([position]))  # noqa: S311 - sample data, not secrets
    calls = choose_calls(request.tools, request.conversation, random, request.budget)
    if calls:
        # A truncated call would not be JSON, so `max_tokens` does not apply to calls.
        tokens = sum(count_tokens(len(call.name)) + count_tokens(len(call.arguments)) for call in calls)
        return Choice(position, "", calls, "tool_calls", tokens)
    if request.format.kind == "json_schema":
        drawn = random.getrandbits(32)
        return _cut(
            request, position, json_schema_text(request.format, request.conversation, drawn, request.budget)
        )
    return _plain(request, position, seed)


def _plain(request: _Request, position: int, seed: int) -> Choice:
    if request.format.kind == "json_object":
        text = json_object_text(request.conversation, seed, position)
    else:
        text = reply_text(request.conversation, seed, position)
    return _cut(request, position, text)


def _cut(request: _Request, position: int, text: str) -> Choice:
    for stop in request.stops:
        text = text.partition(stop)[0]
    tokens = count_tokens(len(text))
    if request.limit is not None and tokens > request.limit:
        return Choice(position, text[: request.limit * TOKEN_CHARACTERS], (), "length", request.limit)
    return Choice(position, text, (), "stop", tokens)
