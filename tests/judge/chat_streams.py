"""Generated chat streams: legal ones in every legal dress, and ones that break one rule.

A script is a list of events, each a JSON value or bare text; `dressed` writes one as bytes.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

Script = list[Any]
DONE = "[DONE]"
_words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
_names = st.from_regex(r"[A-Za-z][A-Za-z0-9 ._-]{0,11}", fullmatch=True)


@dataclass(frozen=True, slots=True)
class Said:
    """What a legal script says, as a reader must understand it."""

    script: Script
    model: str
    content: str
    tools: dict[int, tuple[str, str]]
    finish: str


LABELS = {"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    """One event with one choice."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {**LABELS, "choices": [choice], **more}


@st.composite
def scripts(draw: st.DrawFn, *, words: bool | None = None, tools: bool | None = None) -> Said:
    """Legal scripts: of words, of tool calls, or of both."""
    with_tools = draw(st.booleans()) if tools is None else tools
    with_words = (not with_tools or draw(st.booleans())) if words is None else words
    model = draw(_names.filter(str.strip))
    more = {"model": model}
    remarks: list[dict[str, Any]] = [{}, {"reason": None, "score": 1.5}]
    metadata = {"model_name": model, **draw(st.sampled_from(remarks))}
    pieces = draw(st.lists(_words, min_size=1, max_size=5)) if with_words else []
    script: Script = []
    role_apart = draw(st.booleans())
    match draw(st.sampled_from(["bare", "empty choice", "in the first delta"])):
        case "bare":
            script.append({"router_metadata": metadata})
        case "empty choice":
            script.append(chunk({}, router_metadata=metadata))
        case _:
            role_apart = True
            script.append(chunk({"role": "assistant"}, **more, router_metadata=metadata))
    deltas: list[dict[str, Any]] = [{"content": piece} for piece in pieces]
    called: dict[int, tuple[str, str]] = {}
    if with_tools:
        for index in range(draw(st.integers(1, 2))):
            fragments, called[index] = _tool_call(draw, index)
            deltas += fragments
    if not role_apart:
        deltas[0] = {"role": "assistant", **deltas[0]}
    elif "choices" not in script[-1] or script[-1]["choices"][0]["delta"] == {}:
        forms: list[dict[str, Any]] = [
            {},
            {"content": ""},
            {"refusal": None},
            {"content": "", "refusal": None},
        ]
        script.append(chunk({"role": "assistant", **draw(st.sampled_from(forms))}, **more))
    script += [chunk(delta, **more) for delta in deltas]
    finish = "tool_calls" if with_tools else draw(st.sampled_from(["stop", "length"]))
    if draw(st.booleans()):
        script[-1]["choices"][0]["finish_reason"] = finish
    else:
        script.append(chunk(draw(st.sampled_from([{}, {"content": ""}, {"content": None}])), finish, **more))
    if draw(st.booleans()):
        script.append({"choices": [], "usage": {"total_tokens": 3}, **more})
    return Said([*script, DONE], model, "".join(pieces), called, finish)


def _tool_call(draw: st.DrawFn, index: int) -> tuple[list[dict[str, Any]], tuple[str, str]]:
    name = draw(_names)
    arguments = json.dumps(draw(st.dictionaries(_names, st.integers() | _words, max_size=2)))
    cuts = sorted(draw(st.sets(st.integers(1, len(arguments) - 1), max_size=3)))
    spans = zip([0, *cuts], [*cuts, len(arguments)], strict=True)
    head: dict[str, Any] = {
        "id": f"call-{index}",
        "type": "function",
        "function": {"name": name, "arguments": ""},
    }
    fragments: list[dict[str, Any]] = [head, *({"function": {"arguments": arguments[a:b]}} for a, b in spans)]
    return [{"tool_calls": [{"index": index, **part}]} for part in fragments], (name, arguments)


# --- as bytes ---------------------------------------------------------------------------------------------

PLAIN_LINES = [": ping", ":", "retry: 3000", "id: 7", "id", "unknown: field", "retry: soon"]
# Whole events of the host's own, which no client takes for the message.
NOTICES = [
    ["event: ping", 'data: {"at": 1}'],
    ["event: notice", "data: still thinking"],
    ["event: ping", "data"],
]


@st.composite
def dressed(draw: st.DrawFn, script: Script) -> bytes:
    """The script as any server may write it: line endings, comments, fields, spaces, a mark at the start."""
    # A lone CR before a LF would be one line ending instead of two.
    endings = draw(st.sampled_from([["\n"], ["\r\n"], ["\r"], ["\n", "\r\n"]]))
    noise = st.lists(st.sampled_from(PLAIN_LINES), max_size=2)
    blocks: list[list[str]] = []
    for number, event in enumerate(script):
        text = (
            event
            if isinstance(event, str)
            else json.dumps(event, indent=draw(st.sampled_from([None, 1])), ensure_ascii=draw(st.booleans()))
        )
        space = draw(st.sampled_from(["", " "]))
        lines = [f"data:{space}{line}" for line in text.split("\n")]
        if draw(st.booleans()):
            lines.insert(
                draw(st.integers(0, len(lines))), draw(st.sampled_from(["event: message", "event:"]))
            )
        blocks.append([*draw(noise), *lines, *draw(noise)])
        if number < len(script) - 1 and draw(st.integers(0, 3)) == 0:
            blocks.append(draw(st.sampled_from([*NOTICES, [": a comment of its own"], ["data"][:0]])))
    written = "\ufeff" if draw(st.booleans()) else ""
    for block in blocks:
        written += "".join(line + draw(st.sampled_from(endings)) for line in [*block, ""])
    if draw(st.booleans()):  # A last blank line that is missing.
        written = written.rstrip("\r\n") + draw(st.sampled_from(["", endings[0]]))
    return written.encode()


def plainly(script: Script) -> bytes:
    """The script without any noise."""
    texts = (event if isinstance(event, str) else json.dumps(event) for event in script)
    return "".join(f"data: {text}\n\n" for text in texts).encode()


# --- broken -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Mutation:
    """A change that makes a script illegal, and the rule of the grammar that it breaks."""

    name: str
    rule: str
    change: Callable[[Script], Script]
    tools: bool = False


def _spoken(event: Any) -> bool:
    """Whether an event has a delta that says something."""
    return any(
        choice["delta"].get("content") or choice["delta"].get("tool_calls")
        for choice in (event.get("choices") or [] if isinstance(event, dict) else [])
    )


def _first(script: Script) -> int:
    return next(at for at, event in enumerate(script) if _spoken(event))


def _finish(script: Script) -> int:
    return next(at for at, e in enumerate(script) if isinstance(e, dict) and _finished(e))


def _finished(event: dict[str, Any]) -> bool:
    return any(choice["finish_reason"] for choice in event.get("choices") or [])


def _each_choice(change: Callable[[dict[str, Any]], None]) -> Callable[[Script], Script]:
    def apply(script: Script) -> Script:
        for event in script:
            for choice in event.get("choices") or [] if isinstance(event, dict) else []:
                change(choice)
        return script

    return apply


def _metadata(value: Any) -> Callable[[Script], Script]:
    def apply(script: Script) -> Script:
        script[0]["router_metadata"] = value
        return script

    return apply


def _late_metadata(script: Script) -> Script:
    metadata = {"router_metadata": script[0].pop("router_metadata")}
    script.insert(_first(script) + 1, metadata)
    return script


def _without_metadata(script: Script) -> Script:
    del script[0]["router_metadata"]
    return script


def _late_role(script: Script) -> Script:
    script = _each_choice(lambda choice: choice["delta"].pop("role", None))(script)
    script.insert(_first(script) + 1, chunk({"role": "assistant"}))
    return script


def _insert(event: Any) -> Callable[[Script], Script]:
    return lambda script: [*script[: _first(script)], event, *script[_first(script) :]]


def _delta_of_first(**more: Any) -> Callable[[Script], Script]:
    def apply(script: Script) -> Script:
        script[_first(script)]["choices"][0]["delta"] |= more
        return script

    return apply


def _choice_of_first(**more: Any) -> Callable[[Script], Script]:
    def apply(script: Script) -> Script:
        script[_first(script)]["choices"][0] |= more
        return script

    return apply


def _after_finish(event: Any) -> Callable[[Script], Script]:
    return lambda script: [*script[: _finish(script) + 1], event, *script[_finish(script) + 1 :]]


def _silent(script: Script) -> Script:
    return [event for event in script if not _spoken(event) or _finished(event)]


def _say_nothing(choice: dict[str, Any]) -> None:
    choice["delta"] = {key: value for key, value in choice["delta"].items() if key == "role"}


def _arguments_as_object(script: Script) -> Script:
    at = next(n for n, e in enumerate(script) if _spoken(e) and e["choices"][0]["delta"].get("tool_calls"))
    script[at]["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"] = {"city": "Paris"}
    return script


def _tool_calls(value: Any) -> Callable[[Script], Script]:
    return _insert(chunk({"tool_calls": value}))


MUTATIONS = {
    mutation.name: mutation
    for mutation in (
        Mutation("no metadata", "metadata", _without_metadata),
        Mutation("metadata after the first words", "metadata", _late_metadata),
        Mutation("metadata without a name", "metadata", _metadata({"model": "m"})),
        Mutation("metadata with an empty name", "metadata", _metadata({"model_name": " "})),
        Mutation("metadata with a number for a name", "metadata", _metadata({"model_name": 4})),
        Mutation("metadata that is text", "metadata", _metadata("m")),
        Mutation("no role", "chunk", _each_choice(lambda choice: choice["delta"].pop("role", None))),
        Mutation("the role after the first words", "chunk", _late_role),
        Mutation("another role", "chunk", _insert(chunk({"role": "user"}))),
        Mutation("an event that is no JSON", "chunk", _insert("{broken")),
        Mutation("an event that is a list", "chunk", _insert([])),
        Mutation("choices that are no list", "chunk", _insert({"choices": {"delta": {}}})),
        Mutation("a choice without a delta", "chunk", _insert({"choices": [{"message": {"content": "x"}}]})),
        Mutation("a choice that is text", "chunk", _insert({"choices": ["x"]})),
        Mutation("another kind of object", "label", _insert(chunk({}, object="chat.completion"))),
        Mutation("no id", "label", _insert(chunk({}, id=None))),
        Mutation("created as text", "label", _insert(chunk({}, created="1"))),
        Mutation("no labels", "label", _insert({"choices": chunk({})["choices"]})),
        Mutation("an index that is text", "chunk", _choice_of_first(index="0")),
        Mutation("content that is a number", "chunk", _insert(chunk({"content": 5}))),
        Mutation("content that is false", "chunk", _insert(chunk({"content": False}))),
        Mutation("nothing said", "chunk", _each_choice(_say_nothing)),
        Mutation("no finish reason", "end", _each_choice(lambda choice: choice.update(finish_reason=None))),
        Mutation("a finish reason that is empty", "end", _each_choice(lambda c: c.update(finish_reason=""))),
        Mutation("a finish reason that is true", "end", _insert(chunk({}, finish=True))),  # type: ignore[arg-type]
        Mutation("two finish reasons", "end", _after_finish(chunk({}, "stop"))),
        Mutation("words after the finish reason", "end", _after_finish(chunk({"content": "more"}))),
        Mutation("no [DONE]", "end", lambda script: script[:-1]),
        Mutation("an event after [DONE]", "end", lambda script: [*script, {"choices": []}]),
        Mutation("two [DONE]", "end", lambda script: [*script, DONE]),
        Mutation("[DONE] before the end", "end", lambda script: [*script[:1], DONE, *script[1:-1]]),
        Mutation("tool arguments that are an object", "tools", _arguments_as_object, tools=True),
        Mutation("a tool call with an index that is a list", "tools", _tool_calls([{"index": []}])),
        Mutation("tool calls that are an object", "tools", _tool_calls({"name": "f"})),
        Mutation("a tool call that is text", "tools", _tool_calls(["f"])),
    )
}


def broken(script: Script, mutation: Mutation) -> Script:
    """A copy of the script with the mutation."""
    return mutation.change(copy.deepcopy(script))
