"""Which tools are called with which arguments.

- `none`: no tool. `required`: at least one. Named: that one.
- `auto`, or nothing said: the tools the prompt speaks of, and none in the turn that brings tool results back.

A prompt speaks of a tool, from the plainest to the faintest, when it

1. holds the tool's name: all tools so named are called together, unless `parallel_tool_calls` is false;
2. holds every meaningful word of the name: "weather" for `get_weather`;
3. has an intent that the tool serves, in everyday words: "draw me a cat", "read https://...", "search for"
   (`intents.py`);
4. holds two meaningful words of its description.

Of 2 to 4 the best match alone is called, the first listed of equals. The same prompt and tools call the same.

Tools and choices of OpenAI's other types (`custom`, `allowed_tools`) are refused: the document promises a
tool list and a tool selection and no more, and the mock must not let a client rely on more.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

from lightning_mock.errors import InvalidRequest
from lightning_mock.generation.completions.intents import Intent, intents_of, served_by
from lightning_mock.generation.conversation import Conversation
from lightning_mock.generation.sampling.json_text import json_text
from lightning_mock.generation.sampling.prompt_hints import Hints, hints_from
from lightning_mock.generation.sampling.schema_cost import Budget, UnusableSchemaError
from lightning_mock.generation.sampling.schema_sampler import (
    compile_schema,
    sample,
)

Mode = Literal["none", "auto", "required", "named"]

MAX_TOOLS = 512
_MAX_NAME_LENGTH = 256
_MAX_DESCRIPTION_LENGTH = 4096
"""Characters of a description that are compared with the prompt."""
MAX_CALLS = 64

_WORD = re.compile(r"[a-z0-9]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NAMED, _INTENDED = 2_000_000, 1_000_000
_FILLERS = """
a an and any api as at by call can current do fetch find for from function get given has have how in
is it its list make me my new of on one or out run set some that the this to tool use used user what
when which will with you your
"""
_MEANINGLESS = frozenset(_FILLERS.split())


@dataclass(frozen=True, slots=True)
class Tool:
    """A function a client offers. `parameters` is its JSON Schema; absent parameters are an empty object.
    `place` is where it stands in the request."""

    place: str
    name: str
    description: str
    parameters: Any


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call: `arguments` is JSON text, as on the wire."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolRequest:
    """What a request says about tools, checked."""

    tools: tuple[Tool, ...]
    mode: Mode
    named: str
    parallel: bool


NO_TOOLS = ToolRequest((), "none", "", False)


def read_tools(arguments: Mapping[str, Any], budget: Budget) -> ToolRequest:
    """The tools of a chat request. Raises InvalidRequest for an invalid schema and a choice that cannot be
    met."""
    listed = arguments.get("tools") or ()
    choice = arguments.get("tool_choice")
    if not listed and choice in (None, "auto", "none"):
        return NO_TOOLS
    if len(listed) > MAX_TOOLS:
        raise InvalidRequest(f"tools: expected at most {MAX_TOOLS} tools, got {len(listed)}.", "tools")
    tools = tuple(_read_tool(tool, index, budget) for index, tool in enumerate(listed))
    mode, named = _read_choice(choice)
    if mode == "required" and not tools:
        raise InvalidRequest(
            "tool_choice: expected tools to choose from, but `tools` is empty.", "tool_choice"
        )
    if mode == "named" and named not in [tool.name for tool in tools]:
        raise InvalidRequest(
            f"tool_choice: expected the name of one of `tools`, got {shortened(named)!r}.", "tool_choice"
        )
    return ToolRequest(tools, mode, named, arguments.get("parallel_tool_calls") is not False)


def _read_tool(tool: Any, index: int, budget: Budget) -> Tool:
    place = f"tools[{index}].function"
    function = tool.get("function") if isinstance(tool, Mapping) else None
    name = function.get("name") if isinstance(function, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(name, str):
        raise InvalidRequest(f"{place}: expected an object with a name.", place)
    if len(name) > _MAX_NAME_LENGTH:
        raise InvalidRequest(
            f"{place}.name: expected at most {_MAX_NAME_LENGTH} characters, got {len(name)}.", f"{place}.name"
        )
    description = function.get("description")
    parameters = function.get("parameters")
    if parameters is None:
        parameters = {"type": "object", "properties": {}}
    place += ".parameters"
    try:
        compile_schema(parameters, budget)
    except UnusableSchemaError as error:
        raise unusable(place, error) from error
    shown = description[:_MAX_DESCRIPTION_LENGTH] if isinstance(description, str) else ""
    return Tool(place, name, shown, parameters)


def unusable(place: str, error: UnusableSchemaError) -> InvalidRequest:
    """The refusal of a schema that cannot be used."""
    return InvalidRequest(f"{place}: expected a valid JSON Schema of moderate size; {error}.", place)


def _read_choice(choice: Any) -> tuple[Mode, str]:
    match choice:
        case None | "auto":
            return "auto", ""
        case "none":
            return "none", ""
        case "required":
            return "required", ""
        case {"function": {"name": str(name)}} | {"name": str(name)}:
            return "named", name
        case _:
            raise InvalidRequest(
                'tool_choice: expected "auto", "none", "required" or a named function.', "tool_choice"
            )


def choose_calls(
    request: ToolRequest, conversation: Conversation, random: Random, budget: Budget
) -> tuple[ToolCall, ...]:
    """The calls to make; empty when the answer is text. Raises InvalidRequest when arguments cost too
    much."""
    chosen = _chosen(request, conversation)
    if not chosen:
        return ()
    hints = hints_from(conversation.prompt)
    return tuple(_call(tool, hints, random, budget) for tool in chosen[:MAX_CALLS])


def _chosen(request: ToolRequest, conversation: Conversation) -> Sequence[Tool]:
    if request.mode == "none":
        return ()
    if request.mode == "named":
        return [next(tool for tool in request.tools if tool.name == request.named)]
    if request.mode == "auto" and conversation.results:
        return ()
    wanted = _spoken_of(request, conversation.prompt)
    if request.mode == "required" and not wanted:
        return request.tools[:1]
    return wanted


def _spoken_of(request: ToolRequest, prompt: str) -> Sequence[Tool]:
    text = prompt.casefold()
    words = frozenset(_WORD.findall(text))
    outright = [tool for tool in request.tools if _is_named(tool, text)]
    if outright:
        return outright if request.parallel else outright[:1]
    intents = intents_of(prompt)
    scored = [(_score(tool, words, intents), tool) for tool in request.tools]
    best = max((score for score, _ in scored), default=0)
    return [next(tool for score, tool in scored if score == best)] if best else ()


def _is_named(tool: Tool, text: str) -> bool:
    name = tool.name.casefold()
    # The substring test first: an expression would be compiled for each of many names.
    return name in text and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None


def _score(tool: Tool, words: frozenset[str], intents: Sequence[Intent]) -> int:
    """0 when the prompt does not speak of the tool."""
    spaced = _CAMEL.sub(" ", tool.name)
    name = _meaningful(spaced)
    if name and all(_said(word, words) for word in name):
        return _NAMED + len(name)
    if intents and not served_by(_WORD.findall(spaced.casefold()), tool.description).isdisjoint(intents):
        return _INTENDED
    shared = sum(1 for word in _meaningful(tool.description) if _said(word, words))
    return shared if shared >= 2 else 0


def _meaningful(text: str) -> frozenset[str]:
    return frozenset(word for word in _WORD.findall(text.casefold()) if len(word) > 2) - _MEANINGLESS


def _said(word: str, words: frozenset[str]) -> bool:
    return word in words or f"{word}s" in words or (word.endswith("s") and word[:-1] in words)


def _call(tool: Tool, hints: Hints, random: Random, budget: Budget) -> ToolCall:
    try:
        value = sample(tool.parameters, hints, random.getrandbits(32), root_type="object", budget=budget)
    except UnusableSchemaError as error:
        raise unusable(tool.place, error) from error
    return ToolCall(f"call_{random.getrandbits(96):024x}", tool.name, json_text(value))


def shortened(text: str, characters: int = 80) -> str:
    return text if len(text) <= characters else text[: characters - 1] + "…"
