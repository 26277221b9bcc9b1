"""Server-sent events: read as the standard says, and checked against the grammar of a chat stream.

The reader follows the living HTML standard (any line ending, comments, named events, ids, retries). The
grammar is a state machine over the events: metadata, role, deltas, finish, [DONE]. What the document leaves
open (comments, extra chunks, named events, more fields) is ignored.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from lightning_verify.reading.completions import CALLS_TOOLS, mislabelled
from lightning_verify.reading.failures import failure_in_event, failure_in_text
from lightning_verify.reading.json_text import parsed
from lightning_verify.reading.numbers import integer

_NO_MESSAGE, _NO_WORDS = "no delta carries any part of a message", "the deltas add up to nothing"
SILENT = frozenset({_NO_MESSAGE, _NO_WORDS})
"""What a stream may rightly be that has nothing to say."""

_LINE_END = re.compile(r"\r\n|\n|\r")
# How many pieces, and how many characters of one, do not repeat each other by chance.
_FEW_PIECES, _LONG_PIECE = 3, 12


@dataclass(frozen=True, slots=True)
class Event:
    """One dispatched event: its name ("message" by default) and its data lines joined."""

    name: str
    data: str


def read_events(body: bytes) -> list[Event]:
    """The events of a whole stream. Data without a closing blank line at the end counts as well, since
    clients that read line by line see it too."""
    text = body.decode("utf-8", "replace").removeprefix("\ufeff")
    events: list[Event] = []
    name, data = "message", list[str]()
    for line in [*_LINE_END.split(text), ""]:
        if not line:
            if data:
                events.append(Event(name, "\n".join(data)))
            name, data = "message", []
            continue
        label, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if label == "data":
            data.append(value)
        elif label == "event":
            name = value or "message"
    return events


@dataclass(slots=True)
class ToolCall:
    """A tool call put together from its fragments."""

    id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass(slots=True)
class Transcript:
    """What a chat stream said.

    `problems` maps a rule of the grammar ("metadata", "chunk", "label", "tools", "end") to what broke it, in
    words; `places` has the events, counted from 1, that did.
    `upstream_error` holds an error event, which is a failure of the host and no breach of the grammar.
    """

    model_name: str | None = None
    metadata_has_choices: bool = False
    content: str = ""
    # The pieces of the content, as they came.
    pieces: list[str] = field(default_factory=list)
    tool_calls: dict[int, ToolCall] = field(default_factory=dict)
    finish_reasons: dict[int, str] = field(default_factory=dict)
    chunks: list[dict[str, Any]] = field(default_factory=list)
    # Those of the chunks that carry a part of the message.
    ids: set[str] = field(default_factory=set)
    done: bool = False
    # Whether an event could not be read, so that parts of the answer are missing here.
    has_gaps: bool = False
    upstream_error: str | None = None
    problems: dict[str, list[str]] = field(default_factory=dict)
    places: list[int] = field(default_factory=list)
    # The event that is being read; 0 before the first one and after the last one.
    at: int = 0

    def breaks(self, rule: str, problem: str) -> None:
        """Note that `rule` is broken, and where."""
        self.problems.setdefault(rule, []).append(problem)
        if self.at and self.at not in self.places[-1:]:
            self.places.append(self.at)


def transcribe(body: bytes) -> Transcript:
    """Read a chat stream by its grammar."""
    transcript = Transcript()
    begun: dict[int, bool] = {}
    spoken: set[int] = set()
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as problem:
        transcript.breaks("chunk", f"the stream is not UTF-8: {problem.reason} at byte {problem.start}")
    for transcript.at, event in enumerate(read_events(body), 1):
        failure = failure_in_event(event.name, event.data)
        if event.name != "message" and failure is None and not _speaks(event.data):
            continue  # A ping or a notice of the host's own.
        if transcript.done:
            transcript.breaks("end", f"an event follows [DONE]: {event.data[:80]!r}")
            continue
        if failure is not None:
            transcript.upstream_error = failure
            continue
        if event.data.strip() == "[DONE]":
            transcript.done = True
            continue
        chunk = _chunk(transcript, event.data)
        if chunk is not None:
            transcript.chunks.append(chunk)
            _metadata(transcript, chunk, spoken)
            _choices(transcript, chunk, begun, spoken)
    transcript.at = 0
    if not transcript.done:
        transcript.upstream_error = transcript.upstream_error or _bare_failure(body)
    _ending(transcript, begun)
    return transcript


def _bare_failure(body: bytes) -> str | None:
    """A failure in a line that is no event: frameworks write an error body where the stream breaks."""
    lines = _LINE_END.split(body.decode("utf-8", "replace"))
    return next((failure for line in lines if (failure := failure_in_text(line)) is not None), None)


def _speaks(data: str) -> bool:
    """Whether the data of a named event belongs to the conversation."""
    chunk = parsed(data)
    if not isinstance(chunk, dict):
        return data.strip() == "[DONE]"
    return bool({"choices", "router_metadata", "error"} & set(chunk))


def _chunk(transcript: Transcript, data: str) -> dict[str, Any] | None:
    try:
        chunk = json.loads(data)
    except (ValueError, RecursionError):
        transcript.breaks("chunk", f"an event is not JSON: {data[:80]!r}")
        transcript.has_gaps = True
        return None
    if not isinstance(chunk, dict):
        transcript.breaks("chunk", f"an event is not a JSON object: {data[:80]!r}")
        return None
    return chunk


def _metadata(transcript: Transcript, chunk: dict[str, Any], spoken: set[int]) -> None:
    """The document's "first streaming metadata chunk" is the first of its kind. A chunk that only announces
    who will speak may precede it; words may not, since clients that show them want to say whose they are."""
    if "router_metadata" not in chunk or transcript.model_name is not None:
        return
    metadata = chunk["router_metadata"]
    name = metadata.get("model_name") if isinstance(metadata, dict) else None
    if not isinstance(name, str) or not name.strip():
        transcript.breaks("metadata", f"router_metadata has no model_name: {str(metadata)[:80]!r}")
        transcript.model_name = ""
        return
    if spoken:
        transcript.breaks("metadata", "the metadata chunk comes after the message has begun")
    transcript.model_name = name
    transcript.metadata_has_choices = "choices" in chunk


def _choices(transcript: Transcript, chunk: dict[str, Any], begun: dict[int, bool], spoken: set[int]) -> None:
    choices = chunk.get("choices")
    if choices is None:
        return
    if not isinstance(choices, list):
        transcript.breaks("chunk", "choices is not a list")
        return
    # A chunk without a part of the message is of the host's own kind, whatever it calls itself.
    choices = [choice for choice in choices if not _only_annotates(choice)]
    # The document's own chunk says what it is in its own way.
    if choices and "router_metadata" not in chunk:
        for problem in mislabelled(chunk, "chat.completion.chunk"):
            transcript.breaks("label", f"a chunk's {problem}")
        if isinstance(id_ := chunk.get("id"), str) and id_:
            transcript.ids.add(id_)
    for choice in choices:
        if not isinstance(choice, dict):
            transcript.breaks("chunk", f"a choice is no object: {str(choice)[:80]!r}")
            continue
        # What is wrong with a part of a choice is told once; the rest of it counts all the same.
        index, delta = integer(choice.get("index")), choice.get("delta")
        if index is None:
            transcript.breaks("chunk", f"a choice has the index {str(choice.get('index'))[:80]!r}")
            index = 0
        if not isinstance(delta, dict):
            transcript.breaks("chunk", f"a choice has no delta object: {str(choice)[:80]!r}")
            delta = {}
        _delta(transcript, index, delta, begun, spoken)
        reason = choice.get("finish_reason")
        if reason is None:
            continue
        if not isinstance(reason, str) or not reason:
            transcript.breaks("end", f"finish_reason is {reason!r}")
        elif index not in transcript.finish_reasons:
            transcript.finish_reasons[index] = reason
        elif not _repeats(transcript, index, reason, chunk, delta):
            transcript.breaks("end", f"choice {index} finishes twice")


def _only_annotates(choice: Any) -> bool:
    """Whether a choice only carries the result of a content filter, as Azure's do beside the message."""
    return (
        isinstance(choice, dict)
        and choice.get("delta") is None
        and choice.get("finish_reason") is None
        and any(name.startswith("content_filter") for name in choice)
    )


def _repeats(
    transcript: Transcript, index: int, reason: str, chunk: dict[str, Any], delta: dict[str, Any]
) -> bool:
    """Whether a second finish reason is the first one again, in the chunk that only brings the usage."""
    says = delta.get("content") or delta.get("tool_calls")
    return transcript.finish_reasons[index] == reason and bool(chunk.get("usage")) and not says


def _delta(
    transcript: Transcript, index: int, delta: dict[str, Any], begun: dict[int, bool], spoken: set[int]
) -> None:
    """`begun[index]` exists once the choice said anything, and is True once its role is known. `spoken` has
    the choices that said more than their role."""
    role, content, calls = delta.get("role"), delta.get("content"), delta.get("tool_calls")
    if role is not None:
        if role != "assistant":
            transcript.breaks("chunk", f"the role is {role!r}")
        if begun.get(index) is False:
            transcript.breaks("chunk", "the role comes after the first words")
        begun[index] = True
    if not content and not calls:
        if content is not None and not isinstance(content, str):
            transcript.breaks("chunk", f"delta.content is {content!r}")
        return
    begun.setdefault(index, False)
    spoken.add(index)
    if index in transcript.finish_reasons:
        transcript.breaks("end", f"choice {index} goes on after its finish reason")
    if content:
        if not isinstance(content, str):
            transcript.breaks("chunk", f"delta.content is {type(content).__name__}")
        elif index == 0:
            transcript.content += content
            transcript.pieces.append(content)
    if calls:
        _tool_calls(transcript, calls)


def _tool_calls(transcript: Transcript, calls: Any) -> None:
    if not isinstance(calls, list):
        transcript.breaks("tools", "delta.tool_calls is not a list")
        return
    for position, fragment in enumerate(calls):
        if not isinstance(fragment, dict):
            transcript.breaks("tools", "a fragment of a tool call is not an object")
            continue
        if "index" not in fragment:
            # Clients put the fragments of a call together by it.
            transcript.breaks("tools", "a fragment of a tool call has no index")
        written = fragment.get("index")
        index = position if written is None else integer(written)
        if index is None:
            transcript.breaks("tools", f"a fragment of a tool call has the index {written!r}")
            continue
        call = transcript.tool_calls.setdefault(index, ToolCall())
        function = fragment.get("function")
        function = function if isinstance(function, dict) else {}
        named = str(fragment.get("id") or "")
        if call.id and named and named != call.id:
            transcript.breaks("tools", f"the call {call.id[:40]!r} goes on under the id {named[:40]!r}")
        call.id = call.id or named
        # Clients put a name together like all text; some hosts repeat it whole.
        name = str(function.get("name") or "")
        call.name += name if name != call.name else ""
        arguments = function.get("arguments")
        if arguments is not None and not isinstance(arguments, str):
            transcript.breaks("tools", f"arguments come as {type(arguments).__name__}, not as text")
        else:
            call.arguments += arguments or ""


def repeated(ids: Iterable[str]) -> list[str]:
    """The ids that more than one tool call has: a client runs each call, and answers to each id once."""
    return [name for name, count in Counter(ids).items() if name and count > 1]


def told_again(pieces: list[str]) -> bool:
    """Whether each piece of a text repeats the one before, extended or unchanged, or the last one repeats
    everything."""
    grown = all(later.startswith(earlier) for earlier, later in pairwise(pieces))
    doubled = pieces[::2] == pieces[1::2] and len(set(pieces)) >= _FEW_PIECES
    whole = "".join(pieces[:-1]) == pieces[-1] if pieces else False
    long = len(pieces) >= _FEW_PIECES and len(pieces[-1]) >= _LONG_PIECE and len(set(pieces)) > 1
    return doubled or (long and (grown or whole))


def _ending(transcript: Transcript, begun: dict[int, bool]) -> None:
    for name in repeated(call.id for call in transcript.tool_calls.values()):
        transcript.breaks("tools", f"several tool calls have the id {name[:80]!r}")
    if transcript.model_name is None:
        transcript.breaks("metadata", "no chunk carries router_metadata.model_name")
    if not begun:
        transcript.breaks("chunk", _NO_MESSAGE)
    for index, has_role in begun.items():
        if not has_role:
            transcript.breaks("chunk", f"choice {index} never says that it is the assistant's")
        if index not in transcript.finish_reasons:
            transcript.breaks("end", f"choice {index} has no finish reason")
    if len(transcript.ids) > 1:
        shown = " and ".join(repr(id_[:60]) for id_ in sorted(transcript.ids)[:2])
        transcript.breaks("label", f"the chunks have {len(transcript.ids)} ids, such as {shown}")
    if told_again(transcript.pieces):
        transcript.breaks("chunk", "the deltas say again what was said: they do not add up to the message")
    if begun and not transcript.content and not transcript.tool_calls:
        transcript.breaks("chunk", _NO_WORDS)
    # Calls in a form that is broken are told as that.
    sound = not transcript.problems.keys() & {"chunk", "tools"}
    if sound and CALLS_TOOLS in transcript.finish_reasons.values() and not transcript.tool_calls:
        transcript.breaks("end", f"the finish reason is {CALLS_TOOLS!r}, and there are none")
    if not transcript.done:
        transcript.breaks("end", "the stream does not end with [DONE]")
