"""The kinds of valid chats and prompt analyses: roles, parts, histories, tools, choices and options."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from lightning_verify.requests.kinds import Fields, Kind, Subject, put_in
from lightning_verify.requests.prompts import CLOCK, WEATHER
from lightning_verify.requests.texts import anywhere, text_kinds, words
from lightning_verify.requests.valid import picture_base64, picture_data_uri

Message = dict[str, Any]
Put = Callable[[Fields, Any], None]

_IMAGES = [picture_data_uri(), f"data:image/png;base64,{picture_base64()}"]
sentences = st.lists(words, min_size=2, max_size=6).map(lambda found: f"{' '.join(found)}.".capitalize())


# --- what is added, and where ---------------------------------------------------------------------------


def _question(fields: Fields) -> Message:
    """The last message of the user."""
    message: Message = next(each for each in reversed(fields["messages"]) if each["role"] == "user")
    return message


def _say_more(fields: Fields, text: str) -> None:
    _question(fields)["content"] += f" {text}"


def _first(*roles: str) -> Put:
    """Messages of these roles before all others."""

    def put(fields: Fields, texts: list[str]) -> None:
        said = [{"role": role, "content": text} for role, text in zip(roles, texts, strict=True)]
        fields["messages"][:0] = said

    return put


def _before(fields: Fields, messages: list[Message]) -> None:
    """Messages right before the question."""
    at = fields["messages"].index(_question(fields))
    fields["messages"][at:at] = messages


def _turns(*roles: str) -> st.SearchStrategy[list[Message]]:
    return st.tuples(*(sentences for _ in roles)).map(
        lambda texts: [{"role": role, "content": text} for role, text in zip(roles, texts, strict=True)]
    )


def _texts(count: int, of: st.SearchStrategy[str] = sentences) -> st.SearchStrategy[list[str]]:
    return st.lists(of, min_size=count, max_size=count)


# --- content --------------------------------------------------------------------------------------------


def _parts(fields: Fields, more: list[dict[str, Any]]) -> None:
    question = _question(fields)
    question["content"] = [{"type": "text", "text": question["content"]}, *more]


def _image(detail: str | None = None) -> st.SearchStrategy[dict[str, Any]]:
    more = {} if detail is None else {"detail": detail}
    return st.sampled_from(_IMAGES).map(lambda url: {"type": "image_url", "image_url": {"url": url, **more}})


_TEXT_PART = sentences.map(lambda text: {"type": "text", "text": text})
_SEEN_BEFORE = st.tuples(sentences, _image(), sentences).map(
    lambda seen: [
        {"role": "user", "content": [{"type": "text", "text": seen[0]}, seen[1]]},
        {"role": "assistant", "content": seen[2]},
    ]
)

# --- tools and what came of them ------------------------------------------------------------------------


def _history(
    calls: int = 1,
    rounds: int = 1,
    content: Any = None,
    answer: Callable[[str], Any] = lambda text: text,
    texts: st.SearchStrategy[str] = sentences,
) -> st.SearchStrategy[list[Message]]:
    """A question, tool calls with their results, and what the assistant made of them. Without any `content`,
    the messages with the calls lack that field."""

    def conversation(said: list[str]) -> list[Message]:
        messages: list[Message] = [{"role": "user", "content": "What is the weather in Paris and in Oslo?"}]
        for turn in range(rounds):
            ids = [f"call_{turn}{number}a1b2c3d4" for number in range(calls)]
            function = {"name": "get_weather", "arguments": '{"city": "Paris"}'}
            made = [{"id": each, "type": "function", "function": function} for each in ids]
            said_beside = {} if content is ... else {"content": content}
            messages.append({"role": "assistant", **said_beside, "tool_calls": made})
            messages += [
                {"role": "tool", "tool_call_id": each, "content": answer(said[number])}
                for number, each in enumerate(ids)
            ]
        return [*messages, {"role": "assistant", "content": "It is clear there."}]

    return _texts(calls, texts).map(conversation)


def _ending(fields: Fields, history: list[Message]) -> None:
    fields["messages"] += history[:-1]


def _tool(parameters: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
    function = {"name": "plan_trip", "description": "Plans a trip.", **more}
    return {
        "type": "function",
        "function": function if parameters is None else {**function, "parameters": parameters},
    }


def _object(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


_TEXT = {"type": "string"}
_PLACE = _object(city=_TEXT, country=_TEXT)
_leaf = st.sampled_from([_TEXT, {"type": "integer"}, {"type": "boolean"}, {"type": "number"}])
_nested = st.recursive(
    _leaf,
    lambda inner: st.one_of(
        inner.map(lambda schema: _object(inner=schema)),
        inner.map(lambda schema: {"type": "array", "items": schema}),
    ),
    max_leaves=4,
)
_REFERRING = {
    **_object(start={"$ref": "#/$defs/place"}, end={"$ref": "#/$defs/place"}),
    "$defs": {"place": _PLACE},
}
_LIMITED = _object(
    class_={"type": "string", "enum": ["first", "second"]},
    people={"type": "integer", "minimum": 1, "maximum": 9},
    code={"type": "string", "minLength": 2, "maxLength": 8},
    days={"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 3},
)
_EITHER = _object(where={"anyOf": [_TEXT, _PLACE]}, when={"type": ["string", "null"]})


def _and_this(fields: Fields, tools: list[dict[str, Any]]) -> None:
    fields["tools"] = tools


def _tools(name: str, tools: st.SearchStrategy[Any]) -> Kind:
    return Kind(name, "CHAT-8", tools, _and_this, slot="tools")


def _with(parameters: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return parameters.map(lambda schema: [_tool(schema), CLOCK])


_MANY = [
    {"type": "function", "function": {"name": f"tool_{n}", "parameters": _object(text=_TEXT)}}
    for n in range(20)
]

TOOLS = [
    _tools("tools", st.just([WEATHER, CLOCK])),
    _tools("a tool without parameters", st.just([_tool(None), WEATHER])),
    _tools(
        "a tool with nested parameters", _with(_nested.map(lambda schema: _object(trip=_object(step=schema))))
    ),
    _tools("a tool with arrays", _with(_nested.map(lambda s: _object(steps={"type": "array", "items": s})))),
    _tools("a tool with $ref", _with(st.just(_REFERRING))),
    _tools("a tool with anyOf", _with(st.just(_EITHER))),
    _tools("a tool with enums and limits", _with(st.just(_LIMITED))),
    _tools("a strict tool", st.just([_tool(_PLACE, strict=True), CLOCK])),
    _tools(
        "a tool that is described beyond ASCII", anywhere.map(lambda text: [_tool(_PLACE, description=text)])
    ),
    _tools("twenty tools", st.just(_MANY)),
]


def _choose_first(fields: Fields, _: Any) -> None:
    name = fields["tools"][0]["function"]["name"]
    fields["tool_choice"] = {"type": "function", "function": {"name": name}}


CHOICES = [
    *(
        Kind(
            f"tool_choice {choice}", "CHAT-9", st.just(choice), put_in("tool_choice"), "tool_choice", "tools"
        )
        for choice in ("auto", "none", "required")
    ),
    Kind("a tool_choice that names a tool", "CHAT-9", st.none(), _choose_first, "tool_choice", "tools"),
]


# --- all together ---------------------------------------------------------------------------------------


def _conversations(said: str, seen: str, tools: str, needs: str | None) -> list[Kind]:
    """What messages may be. The requirements are those about text, pictures and tools."""
    histories: list[tuple[str, st.SearchStrategy[list[Message]]]] = [
        ("a tool call and its answer", _history()),
        ("two tool calls at once", _history(calls=2)),
        ("several rounds of tool calls", _history(rounds=3)),
        ("a tool call beside a text", _history(content="Let me see.")),
        ("a tool call without content", _history(content=...)),
        ("a tool's answer in parts", _history(answer=lambda text: [{"type": "text", "text": text}])),
        ("a tool's answer beyond ASCII", _history(texts=anywhere)),
        (
            "a tool's answer in JSON",
            _history(answer=lambda text: f'{{"sky": "{text}", "celsius": [21, 3.5]}}'),
        ),
    ]
    return [
        *text_kinds(said, _say_more),
        Kind("a name beside the role", said, words, lambda f, name: _question(f).update(name=name)),
        Kind("text in parts", said, st.lists(_TEXT_PART, max_size=0), _parts, "content"),
        Kind("text in several parts", said, st.lists(_TEXT_PART, min_size=1, max_size=3), _parts, "content"),
        Kind("an image", seen, st.lists(_image(), min_size=1, max_size=1), _parts, "content"),
        Kind("several images", seen, st.lists(_image(), min_size=2, max_size=3), _parts, "content"),
        Kind(
            "an image with its detail",
            seen,
            st.lists(_image("low"), min_size=1, max_size=1),
            _parts,
            "content",
        ),
        Kind("an earlier answer", said, _turns("user", "assistant"), _before, "earlier"),
        Kind("two questions in a row", said, _turns("user"), _before, "earlier"),
        Kind("an assistant that speaks first", said, _turns("assistant"), _before, "earlier"),
        Kind("a long conversation", said, _turns(*("user", "assistant") * 10), _before, "earlier"),
        Kind("an image in an earlier message", seen, _SEEN_BEFORE, _before, "earlier"),
        *(Kind(name, tools, history, _before, "history", needs) for name, history in histories),
        Kind("a tool's answer at the end", tools, _history(), _ending, needs=needs),
        Kind("a system message", said, _texts(1), _first("system"), "first"),
        Kind("a system message beyond ASCII", said, _texts(1, anywhere), _first("system"), "first"),
        Kind("a developer message", said, _texts(1), _first("developer"), "first"),
        Kind("several system messages", said, _texts(2), _first("system", "system"), "first"),
    ]


_SCHEMA = {"name": "greeting", "schema": _object(words=_TEXT)}


def _format(value: dict[str, Any]) -> Put:
    def put(fields: Fields, _: Any) -> None:
        fields["response_format"] = value
        # Without the word, the reference refuses to answer in JSON.
        fields["messages"].insert(0, {"role": "system", "content": "Answer in JSON."})

    return put


def _option(name: str, values: st.SearchStrategy[Any], needs: str | None = None) -> Kind:
    return Kind(name, "OBS-5", values, put_in(name), needs=needs)


OPTIONS = [
    Kind("a model", "CHAT-2", st.sampled_from(["lightning", "gpt-4o-mini"]), put_in("model")),
    Kind("a stream", "CHAT-4", st.just(True), put_in("stream"), "stream"),
    _option("stream_options", st.just({"include_usage": True}), needs="stream"),
    _option("parallel_tool_calls", st.booleans(), needs="tools"),
    _option("temperature", st.sampled_from([0, 0.7, 1, 2])),
    _option("top_p", st.sampled_from([1, 0.5, 0.1])),
    _option("max_tokens", st.integers(100, 500)),
    _option("max_completion_tokens", st.integers(100, 500)),
    _option("presence_penalty", st.sampled_from([0, 0.5, -1])),
    _option("frequency_penalty", st.sampled_from([0, 0.5, -1])),
    _option("stop", st.sampled_from(["###", ["###", "END OF TEXT"]])),
    _option("seed", st.integers(0, 9)),
    _option("user", words),
    _option("n", st.just(1)),
    *(
        Kind(f"response_format {each['type']}", "OBS-5", st.none(), _format(each), "response_format")
        for each in (
            {"type": "text"},
            {"type": "json_object"},
            {"type": "json_schema", "json_schema": _SCHEMA},
        )
    ),
]

CHAT = Subject.of(
    "createChatCompletion",
    [*TOOLS, *CHOICES, *_conversations("CHAT-2", "CHAT-10", "CHAT-8", "tools"), *OPTIONS],
)
ANALYSIS = Subject.of("analyzePrompt", _conversations("ANA-2", "ANA-2", "ANA-2", None), 0.5)
