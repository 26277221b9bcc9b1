"""Laws of what is generated: completions, streams, tool calls, media, and the assets behind them."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from lightning_verify.laws.law import Law, Wrong, answer_json, filled, is_complete, law, request_json
from lightning_verify.laws.witnesses import tells_failure, transcript
from lightning_verify.reading.completions import CALLS_TOOLS, mislabelled
from lightning_verify.reading.json_text import parsed
from lightning_verify.reading.media import flaw, unknown
from lightning_verify.reading.numbers import integer
from lightning_verify.reading.sse import SILENT, Transcript
from lightning_verify.requests.prompts import model_name
from lightning_verify.requests.valid import NO_ASSETS
from lightning_verify.transport.exchange import Exchange

# --- chat -------------------------------------------------------------------------------------------------


def _is_plain(exchange: Exchange) -> bool:
    """Whether one JSON answer was requested. A `stream` that is no boolean requests nothing clear."""
    return is_complete(exchange) and request_json(exchange).get("stream", False) is False


def _is_streamed(exchange: Exchange) -> bool:
    return is_complete(exchange) and request_json(exchange).get("stream") is True


_WORDS = re.compile(r"[A-Za-z]{3,}\W+[A-Za-z]{3,}")


# What may leave an answer without words: the end it is to have, or another form than text.
_CURBS = ("stop", "modalities", "functions")
# How an answer ends that may have no words: those for thoughts were counted as well, or it was held back.
_ENDED_EARLY = {"length", "content_filter"}


def asks_for_words(exchange: Exchange) -> bool:
    """Whether the last message of a chat is a user's, with words, and no option limits the answer: other
    chats may rightly get an empty one."""
    payload = request_json(exchange)
    if any(payload.get(curb) for curb in _CURBS):
        return False
    messages = payload.get("messages")
    last = messages[-1] if isinstance(messages, list) and messages else None
    if not isinstance(last, dict) or last.get("role") != "user":
        return False
    return _WORDS.search(json.dumps(last.get("content"))) is not None


def _completion(exchange: Exchange) -> Wrong:
    if not is_complete(exchange) or exchange.media_type == "text/event-stream":
        return None
    value = answer_json(exchange)
    if value is None and _is_streamed(exchange):
        return None  # A stream of another type is for CHAT-4 to judge.
    choices = value.get("choices") if isinstance(value, dict) else None
    if not isinstance(choices, list) or not choices:
        return ["no choices"]
    wrong = list[str]()
    for choice in choices:
        wrong += _choice(choice, spoken=asks_for_words(exchange))
    places = [integer(choice.get("index")) for choice in choices if isinstance(choice, dict)]
    wrong += [
        f"{count} choices have the index {place}" for place, count in Counter(places).items() if count > 1
    ]
    if places and None not in places and 0 not in places:
        wrong.append(f"no choice has the index 0, but {places[0]}")
    return wrong + _token_counts(value.get("usage"))


# What a message may have instead of content.
_INSTEAD = ("tool_calls", "refusal", "reasoning", "reasoning_content")


def _choice(choice: Any, *, spoken: bool) -> Iterator[str]:
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(message, dict):
        yield f"a choice has no message: {str(choice)[:80]}"
        return
    if message.get("role") != "assistant":
        yield f"the role is {message.get('role')!r}"
    content = message.get("content")
    if not isinstance(content, str | None):
        yield f"content is {content!r}"
    elif (
        spoken
        and not filled(content)
        and choice.get("finish_reason") not in _ENDED_EARLY
        and not any(message.get(name) for name in _INSTEAD)
    ):
        yield "the message has neither content nor tool calls"
    if not filled(choice.get("finish_reason")):
        yield f"finish_reason is {choice.get('finish_reason')!r}"
    elif choice["finish_reason"] == CALLS_TOOLS and not message.get("tool_calls"):
        yield f"finish_reason is {CALLS_TOOLS!r}, and there are none"
    if integer(choice.get("index")) is None:
        yield f"index is {choice.get('index')!r}"


_COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")


def _token_counts(usage: Any) -> list[str]:
    """A usage may be left out; one that is there has three counts."""
    if usage is None:
        return []
    counts: list[Any] = [usage.get(name) for name in _COUNTS] if isinstance(usage, dict) else [None]
    fine = all(integer(count) is not None and count >= 0 for count in counts) and counts[2] >= max(counts[:2])
    return [] if fine else [f"usage is {usage}"]


def _no_stream(exchange: Exchange) -> Wrong:
    if not _is_plain(exchange):
        return None
    return ["a stream came without being asked for"] if exchange.media_type == "text/event-stream" else []


def _event_stream(exchange: Exchange) -> Wrong:
    if not _is_streamed(exchange):
        return None
    kind = exchange.header("content-type")
    return [] if exchange.media_type == "text/event-stream" else [f"the content type is {kind!r}"]


def _grammar(rule: str) -> Callable[[Exchange], Wrong]:
    """A rule of the stream's grammar."""

    def look(exchange: Exchange) -> Wrong:
        if not _is_streamed(exchange) or exchange.media_type in {"application/json", "text/html"}:
            return None
        stream = transcript(exchange.body)
        problems = stream.problems.get(rule, [])
        spoken = asks_for_words(exchange) and not _ENDED_EARLY & set(stream.finish_reasons.values())
        return problems if spoken else [p for p in problems if p not in SILENT]

    return look


_Call = tuple[Any, Any, Any]  # Its id, name and arguments.


def _calls(exchange: Exchange) -> tuple[list[_Call], list[str]] | None:
    """The tool calls in an answer, and what is wrong with their positions; None if the answer has no end, or
    not all of it could be read."""
    if not is_complete(exchange):
        return None
    if exchange.media_type == "text/event-stream":
        told = transcript(exchange.body)
        is_whole = told.done and not told.has_gaps
        return (calls_streamed(told), told.problems.get("tools", [])) if is_whole else None
    return calls_told(answer_json(exchange))


def calls_streamed(told: Transcript) -> list[_Call]:
    """The tool calls that the chunks of a stream add up to."""
    return [(call.id, call.name, call.arguments) for call in told.tool_calls.values()]


def calls_told(value: Any) -> tuple[list[_Call], list[str]]:
    """The tool calls in a plain completion, even if its form is otherwise broken, and what is wrong with
    where they stand."""
    choices = value.get("choices") if isinstance(value, dict) else None
    found, wrong = list[_Call](), list[str]()
    for choice in choices if isinstance(choices, list) else []:
        message = choice.get("message") if isinstance(choice, dict) else None
        calls = (message.get("tool_calls") if isinstance(message, dict) else None) or []
        if not isinstance(calls, list):
            wrong.append(f"tool_calls is {str(calls)[:80]!r}, not a list")
            continue
        for call in calls:
            function = _function(call)
            id_ = call.get("id") if isinstance(call, dict) else None
            found.append((id_, function.get("name"), function.get("arguments")))
            if isinstance(call, dict) and function and call.get("type") != "function":
                wrong.append(f"the call of {function.get('name')!r} has the type {call.get('type')!r}")
    return found, wrong


def _tool_calls(exchange: Exchange) -> Wrong:
    """Calls that come back name a tool that was given, have an id, and carry a JSON object."""
    tools, found = request_json(exchange).get("tools"), _calls(exchange)
    if found is None or not isinstance(tools, list) or not tools:
        return None
    given = {_function(tool).get("name") for tool in tools}
    return None if None in given else [*found[1], *_well_formed(found[0], given)]


def chosen_otherwise(exchange: Exchange) -> str | None:
    """How an answer disobeys its `tool_choice`; None when it does not. Models are free in what they say, so
    this is no law: one answer may differ. To a tool's answer a text is due, whatever was to be called."""
    asked = request_json(exchange)
    choice, found = asked.get("tool_choice"), _calls(exchange)
    if found is None or choice in (None, "auto") or tells_failure(exchange):
        return None
    if choice != "none" and _ends_with_a_tool(asked.get("messages")):
        return None
    return disobeyed(choice, {str(name) for _, name, _ in found[0]})


def disobeyed(choice: Any, names: set[str]) -> str | None:
    """What is wrong when the tools of these names are called after this `tool_choice`, which is not auto."""
    wanted = _function(choice).get("name")
    obeyed = not names if choice == "none" else names == {wanted} if wanted else bool(names)
    return None if obeyed else f"tool_choice {json.dumps(choice)} called {sorted(names) or 'no tool'}"


def _ends_with_a_tool(messages: Any) -> bool:
    last = messages[-1] if isinstance(messages, list) and messages else None
    return isinstance(last, dict) and last.get("role") == "tool"


def _function(holder: Any) -> dict[str, Any]:
    function = holder.get("function") if isinstance(holder, dict) else None
    return function if isinstance(function, dict) else {}


def _well_formed(calls: list[tuple[Any, Any, Any]], given: set[Any]) -> Iterator[str]:
    seen = set()
    for id_, name, arguments in calls:
        if not filled(name):
            yield f"a tool call has no function name, but {name!r}"
        elif name not in given:
            yield f"a tool was called that nobody gave: {name!r}"
        if not filled(id_):
            yield f"the call of {name!r} has no id to answer to"
        elif id_ in seen:
            yield f"two calls have the id {id_!r}"
        seen.add(str(id_))
        if not isinstance(arguments, str):
            yield f"arguments are {arguments!r}, not text"
        elif not isinstance(parsed(arguments), dict):
            yield f"arguments are no JSON object: {arguments[:80]!r}"


def _labels(exchange: Exchange) -> Wrong:
    """The labels of a completion, or of the chunks that carry a part of one."""
    if not is_complete(exchange):
        return None
    if exchange.media_type == "text/event-stream":
        stream = transcript(exchange.body)
        said = stream.content or stream.tool_calls or stream.finish_reasons
        return stream.problems.get("label", []) if said else None
    value = answer_json(exchange)
    return mislabelled(value, "chat.completion") if isinstance(value, dict) and "choices" in value else None


def _names_model(exchange: Exchange) -> Wrong:
    if not is_complete(exchange):
        return None
    said = exchange.text if exchange.media_type == "text/plain" else answer_json(exchange)
    return [] if model_name(said) is not None else ["names no model"]


# --- media ------------------------------------------------------------------------------------------------


def medium(family: str) -> Callable[[Exchange], Wrong]:
    """A complete file of `family`: "image", "video" or "audio". A host may tell the address of one instead.
    That of another host shows nothing, and neither does a format that only the host knows."""

    def look(exchange: Exchange) -> Wrong:
        if not is_complete(exchange):
            return None
        if exchange.lost_file is not None:
            return [f"what it says was made is not there: {exchange.lost_file}"]
        content = exchange.medium(family)
        if content.elsewhere is not None or unknown(content.data, family, content.media_type):
            return None
        problem = flaw(content.data, family, content.media_type)
        return [] if problem is None else [problem]

    return look


def _png(exchange: Exchange) -> Wrong:
    """What is served as a picture, or is one. A page in its place is for other laws to report, and so is a
    file that nobody has stored."""
    begins = exchange.body.startswith(b"\x89PNG\r\n\x1a\n")
    is_picture = begins or exchange.media_type.startswith("image/")
    if exchange.path in NO_ASSETS or not is_complete(exchange) or not is_picture:
        return None
    problem = flaw(exchange.body, "image", exchange.media_type)
    is_png = problem is None and begins and exchange.media_type in {"image/png", "image/x-png"}
    return [] if is_png else [problem or f"the content type is {exchange.media_type}"]


# The requirements that say what is generated, and the family of it.
MEDIA = {"IMG-2": "image", "VID-2": "video", "AIR-1": "video", "SFX-1": "audio", "TTS-1": "audio"}

GENERATION: tuple[Law, ...] = (
    law("CHAT-2", _completion),
    law("CHAT-3", _no_stream),
    law("CHAT-4", _event_stream),
    law("CHAT-5", _grammar("metadata")),
    law("CHAT-6", _grammar("chunk")),
    law("CHAT-7", _grammar("end")),
    law("CHAT-8", _tool_calls),
    law("OBS-6", _labels),
    law("ANA-1", _names_model),
    *(law(name, medium(family)) for name, family in MEDIA.items()),
    law("CDN-1", _png),
)
