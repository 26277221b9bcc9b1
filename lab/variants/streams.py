"""Streams and completions that say the same in other events."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from lab import seams
from lab.prompts import WEATHER
from lab.proofs import TOOL, chat, post, streamed
from lab.seams import at, edit, put
from lab.server.lab import Call, Lab, Reply, Stream
from lab.variants.variant import VariantSet

VARIANTS = VariantSet()

_STREAM = streamed()

NAMED: dict[str, Any] = {
    "tools": [TOOL],
    "tool_choice": {"type": "function", "function": {"name": "get_weather"}},
}


def _blocks(function: Callable[[bytes], bytes]) -> seams.Apply:
    """Change the bytes of every event."""

    def apply(lab: Lab) -> None:
        plain = lab.encode_event
        lab.encode_event = lambda event: function(plain(event))

    return apply


def _raw(c: Any) -> Any:
    body = c.chat(stream=True).body
    return (
        body[:7],
        body.count(b"\r\n") > 1,
        body.count(b"\n:"),
        body.count(b"\nid:"),
        body.count(b"\ndata:") > 30,
    )


VARIANTS.group("line-ends", _raw).add(
    "sse-crlf: lines end with CRLF", _blocks(lambda b: b.replace(b"\n", b"\r\n"))
)

VARIANTS.group("", _raw).add(
    "sse-comments: comments stand between the events", _blocks(lambda b: b": keep-alive\n\n" + b + b":\n\n")
).add("sse-event-names: every event has a name", _blocks(lambda b: b"event: chunk\n" + b))


def _numbered(lab: Lab) -> None:
    plain, count = lab.encode_event, [0]

    def encode(event: Any) -> bytes:
        count[0] += 1
        return f"id: {count[0]}\nretry: 3000\n".encode() + plain(event)

    lab.encode_event = encode


VARIANTS.group("", _raw).add("sse-ids: events have ids and a retry time", _numbered)

VARIANTS.group("data", _raw).add(
    "sse-no-space: no space follows `data:`", _blocks(lambda b: b.replace(b"data: ", b"data:"))
)


def _many_lines(block: bytes) -> bytes:
    """JSON over several `data:` lines, as the format of event streams allows."""
    head, _, text = block.partition(b"data: ")
    try:
        value = json.loads(text)
    except ValueError:
        return block
    lines = json.dumps(value, indent=1, ensure_ascii=False).encode().split(b"\n")
    return head + b"".join(b"data: " + line + b"\n" for line in lines) + b"\n"


VARIANTS.group("data", _raw).add(
    "sse-many-lines: one event goes over several data lines", _blocks(_many_lines)
)


def _pieces(c: Any) -> Any:
    """How many pieces the stream came in: more than its events when the bytes come one by one."""
    import http.client

    connection = http.client.HTTPConnection(c.host, c.port, timeout=10)
    body = json.dumps({"messages": [{"role": "user", "content": "Hi"}], "stream": True})
    connection.request("POST", "/gen/chat/completions", body, {"X-Client-ID": c.client_id})
    response = connection.getresponse()
    sizes = []
    while chunk := response.read1(65_536):
        sizes.append(len(chunk))
    connection.close()
    return sizes.count(1) > 50, len(sizes) > 1


VARIANTS.group("writes", _pieces).add(
    "sse-single-bytes: every byte is written on its own",
    lambda lab: setattr(lab, "split", lambda block: [block[i : i + 1] for i in range(len(block))]),
)


def _pace(lab: Lab, seconds: float) -> None:
    def change(_: Lab, __: Call, reply: Reply) -> Reply:
        if isinstance(reply, Stream):
            reply.pause = seconds
        return reply

    lab.changes.append(change)


def _slow(c: Any) -> Any:
    return c.chat(stream=True).seconds > 0.25


VARIANTS.group("pace", _slow).add(
    "stream-slowly: thirty milliseconds lie between the events", lambda lab: _pace(lab, 0.03)
)


def _fast(c: Any) -> Any:
    return min(c.chat(stream=True).seconds for _ in range(3)) < 0.02


VARIANTS.group("pace", _fast).add(
    "stream-at-once: nothing lies between the events", lambda lab: _pace(lab, 0.0)
)


def _first(function: Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]) -> seams.Apply:
    """Change the metadata chunk; the function gets it and the chunk that follows."""
    return seams.events(lambda items: [function(items[0], items[1]), *items[1:]])


def _with_choices(head: dict[str, Any], follow: dict[str, Any]) -> dict[str, Any]:
    choice = {"index": 0, "delta": {}, "finish_reason": None}
    return {**{k: v for k, v in follow.items() if k != "choices"}, "choices": [choice], **head}


VARIANTS.group("metadata", _STREAM).add(
    "metadata-with-choices: the metadata chunk has an empty delta", _first(_with_choices)
).add(
    "metadata-with-no-choices: the metadata chunk has an empty list of choices and the fields of a chunk",
    _first(lambda head, follow: {**follow, "choices": [], **head}),
).add(
    "metadata-says-more: router_metadata has more fields",
    _first(lambda head, _: {"router_metadata": {**head["router_metadata"], "reason": "short", "score": 0.2}}),
).add(
    "metadata-with-role: the metadata chunk is also the first chunk of the message",
    seams.events(lambda items: [{**items[1], **items[0]}, *items[2:]]),
)


def _empty_chunk(follow: dict[str, Any]) -> dict[str, Any]:
    return {**follow, "choices": [{"index": 0, "delta": {}, "finish_reason": None}]}


def _insert(make: Callable[[dict[str, Any]], dict[str, Any]], place: int) -> seams.Apply:
    return seams.events(lambda items: [*items[:place], make(items[1]), *items[place:]])


VARIANTS.group("", _STREAM).add(
    "empty-deltas: chunks with nothing in them stand in between", _insert(_empty_chunk, 3)
)


def _usage_chunk(follow: dict[str, Any]) -> dict[str, Any]:
    counts = {"prompt_tokens": 2, "completion_tokens": 9, "total_tokens": 11}
    return {**{k: v for k, v in follow.items() if k != "router_metadata"}, "choices": [], "usage": counts}


VARIANTS.group("", _STREAM).add("usage-always: a usage chunk ends every stream", _insert(_usage_chunk, -1))


def _merge_finish(items: list[Any]) -> list[Any]:
    """The finish reason in the last chunk with content."""
    for place in range(len(items) - 1, 0, -1):
        item = items[place]
        if isinstance(item, dict) and item.get("choices") and item["choices"][0]["finish_reason"]:
            before = items[place - 1]
            if isinstance(before, dict) and before.get("choices"):
                before["choices"][0]["finish_reason"] = item["choices"][0]["finish_reason"]
                return [*items[:place], *items[place + 1 :]]
    return items


VARIANTS.group("", _STREAM).add(
    "finish-with-content: the last content has the finish reason", seams.events(_merge_finish)
)


def _choices(function: Callable[[dict[str, Any]], None]) -> seams.Apply:
    def change(items: list[Any]) -> list[Any]:
        for item in items:
            for choice in item.get("choices", []) if isinstance(item, dict) else []:
                function(choice)
        return items

    return seams.events(change)


VARIANTS.group("", _STREAM).add(
    "openai-extras: chunks have logprobs, a fingerprint and padding",
    seams.both(
        _choices(lambda choice: choice.update(logprobs=None)),
        seams.events(
            lambda i: [
                {**x, "system_fingerprint": "fp", "obfuscation": "xx"} if isinstance(x, dict) else x
                for x in i
            ]
        ),
    ),
).add(
    "content-null-with-role: the delta with the role has null content",
    _choices(
        lambda choice: choice["delta"].update(content=None) if choice["delta"].get("content") == "" else None
    ),
)


def _whole_call(items: list[Any]) -> list[Any]:
    """All fragments of a tool call in the first one."""
    kept: list[Any] = []
    opening: Any = None
    for item in items:
        calls = (
            item["choices"][0]["delta"].get("tool_calls")
            if isinstance(item, dict) and item.get("choices")
            else None
        )
        if calls and opening is not None:
            opening["function"]["arguments"] += calls[0]["function"]["arguments"]
            continue
        if calls:
            opening = calls[0]
        kept.append(item)
    return kept


VARIANTS.group("", streamed(**WEATHER)).add(
    "tool-call-in-one-piece: a streamed tool call comes in one chunk", seams.events(_whole_call)
)


def _on_fragments(function: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], None]:
    def change(choice: dict[str, Any]) -> None:
        for fragment in choice["delta"].get("tool_calls") or []:
            function(fragment)

    return change


VARIANTS.group("", streamed(**WEATHER)).add(
    "tool-index-null: the fragments of a tool call have a null index",
    _choices(_on_fragments(lambda fragment: fragment.update(index=None))),
)

VARIANTS.group("", _STREAM).add(
    "role-in-every-delta: every delta has the role",
    _choices(lambda choice: choice["delta"].update(role="assistant")),
)


def _thought(follow: dict[str, Any]) -> dict[str, Any]:
    delta = {"role": "assistant", "content": None, "reasoning": "Hm. ", "reasoning_content": "Hm. "}
    return {**follow, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}


VARIANTS.group("", _STREAM).add("reasoning-first: reasoning comes before the words", _insert(_thought, 1))


def _repeated_finish(items: list[Any]) -> list[Any]:
    """The usage in a chunk that repeats the role and the finish reason, as some gateways send it."""
    reasons = [choice["finish_reason"] for item in items[1:-1] for choice in item.get("choices", [])]
    choice = {
        "index": 0,
        "delta": {"role": "assistant", "content": ""},
        "finish_reason": next(r for r in reasons if r),
    }
    return [*items[:-1], {**_usage_chunk(items[1]), "choices": [choice]}, items[-1]]


VARIANTS.group("", _STREAM).add(
    "usage-repeats-finish: the usage chunk repeats the finish reason", seams.events(_repeated_finish)
)

VARIANTS.group("metadata", _STREAM).add(
    "metadata-with-a-name: the metadata chunk is an object of its own kind with no choices",
    _first(lambda head, _: {"object": "router.metadata", "choices": [], **head}),
)


def _filtered(items: list[Any]) -> list[Any]:
    """The result of a content filter, before the message and in it."""
    labels = {"id": "", "object": "", "created": 0, "model": ""}
    before = {**labels, "choices": [], "prompt_filter_results": [{"prompt_index": 0}]}
    found = {"index": 0, "finish_reason": None, "content_filter_results": {"hate": {"filtered": False}}}
    within = {**labels, "choices": [found]}
    return [before, *items[:3], within, *items[3:]]


def _role_first(items: list[Any]) -> list[Any]:
    return [items[1], items[0], *items[2:]]


VARIANTS.group("metadata", _STREAM).add(
    "metadata-after-role: the chunk with the role comes before the metadata", seams.events(_role_first)
)

VARIANTS.group("", _STREAM).add(
    "content-filter: chunks of a content filter come first and in between", seams.events(_filtered)
)


def _whim(lab: Lab) -> None:
    """A model that calls a tool unasked, once."""
    seen: list[bool] = []

    def check(_: Lab, call: Call) -> None:
        if call.arguments.get("tool_choice") == "none" and call.arguments.get("tools") and not seen:
            seen.append(True)
            call.arguments["tool_choice"] = "required"

    seams.check("createChatCompletion", check, "whim")(lab)


VARIANTS.group(
    "", lambda c: [c.chat(tools=[TOOL], tool_choice="none").json["choices"][0]["finish_reason"] for _ in "ab"]
).add("tool-whim: a tool that was not to be called is called once, and never again", _whim)

# --- Plain completions --------------------------------------------------------------------------------------
_MESSAGE = at(
    "choices.0.message", put(lambda m: {**m, "refusal": None, "annotations": [], "reasoning": None})
)

VARIANTS.group("", chat()).add(
    "message-says-more: the message has refusal, annotations and reasoning",
    edit("createChatCompletion", _MESSAGE),
).add(
    "plain-with-metadata: a plain completion has router_metadata as well",
    edit("createChatCompletion", lambda v: {**v, "router_metadata": {"model_name": v["model"]}}),
).add(
    "no-token-counts: a plain completion has no usage",
    edit("createChatCompletion", lambda v: {k: x for k, x in v.items() if k != "usage"}),
).add(
    "finish-length: the answer ends because it is long enough",
    edit(
        "createChatCompletion", at("choices.0.finish_reason", put(lambda r: "length" if r == "stop" else r))
    ),
)

VARIANTS.group("", chat(**NAMED)).add(
    "named-tool-stops: a named tool call has the finish reason stop, as OpenAI's has",
    edit("createChatCompletion", at("choices.0.finish_reason", put("stop"))),
)

VARIANTS.group("", chat(**WEATHER)).add(
    "content-empty-beside-calls: content is an empty text beside tool calls",
    edit("createChatCompletion", at("choices.0.message.content", put(lambda text: text or ""))),
)


def _names(lab: Lab) -> None:
    plain = lab.choose
    lab.choose = lambda messages, tools: plain(messages, tools).lower().replace(" ", "/") + ":latest"


VARIANTS.group("", post("/gen/prompt_analyze", {"prompt": [{"role": "user", "content": "Hi"}]})).add(
    "other-upstream-names: the router's models have other names", _names
)

# --- Prompt analysis ----------------------------------------------------------------------------------------
for _name, _does, _form in (
    ("text", "prompt analysis answers a bare JSON text", lambda v: v[0]),
    ("object", "prompt analysis answers an object", lambda v: {"model": v[0]}),
    (
        "objects",
        "prompt analysis answers a list of objects",
        lambda v: [{"display_name": v[0], "score": 0.9}],
    ),
    (
        "report",
        "prompt analysis answers an object with reasons",
        lambda v: {"router_metadata": {"model_name": v[0]}, "signals": ["length"]},
    ),
    (
        "nested",
        "prompt analysis answers what the router says, with a display name far inside",
        lambda v: {"result": {"router": {"display": v[0], "tier": 2}}, "tokens": 4},
    ),
):
    VARIANTS.group(
        "analysis", post("/gen/prompt_analyze", {"prompt": [{"role": "user", "content": "Hi"}]})
    ).add(f"analysis-{_name}: {_does}", edit("analyzePrompt", _form))
