"""What a message array says: one pass over it, read by the model router and by the replies.

Tolerant by law: validation has judged the shapes already, and what is still odd here is skipped, never an
error.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

Message = Mapping[str, Any]

_INSTRUCTING_ROLES = ("system", "developer")
_RESULT_ROLES = ("tool", "function")


class ToolResult(NamedTuple):
    """What a client's tool answered: the tool's name (empty when the call is not in the conversation) and
    its text.
    """

    name: str
    content: str


class Conversation(NamedTuple):
    """The parts of a message array that decide the answer.

    `prompt` is the text of the last user message, `spoken` the text of all user messages, `text` that of
    all messages, `instructions` that of all but the model's and the tools'; `results` are the tool results
    after the last assistant turn.
    """

    prompt: str
    spoken: str
    text: str
    instructions: str
    images: int
    turns: int
    results: tuple[ToolResult, ...]


def read_conversation(messages: Sequence[Message]) -> Conversation:
    prompt = ""
    spoken: list[str] = []
    everything: list[str] = []
    instructions: list[str] = []
    images = 0
    for message in messages:
        content = message.get("content")
        if isinstance(content, str):
            said = content
        else:
            said = "\n".join(_texts(content))
            images += _images(content)
        everything.append(said)
        role = message.get("role")
        if role == "user":
            spoken.append(said)
            instructions.append(said)
            prompt = said
        elif role in _INSTRUCTING_ROLES:
            instructions.append(said)
    results = _open_results(messages) if messages and messages[-1].get("role") in _RESULT_ROLES else ()
    return Conversation(
        prompt,
        "\n".join(spoken),
        "\n".join(everything),
        "\n".join(instructions),
        images,
        len(messages),
        results,
    )


def _parts(content: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(content, Sequence):
        for part in content:
            if isinstance(part, Mapping):
                yield part


def _texts(content: Any) -> Iterator[str]:
    for part in _parts(content):
        text = part.get("text")
        if isinstance(text, str):
            yield text


def _images(content: Any) -> int:
    return sum(1 for part in _parts(content) if part.get("type") in ("image_url", "input_image"))


def _open_results(messages: Sequence[Message]) -> tuple[ToolResult, ...]:
    trailing: list[Message] = []
    for message in reversed(messages):
        if message.get("role") not in _RESULT_ROLES:
            break
        trailing.append(message)
    names = _call_names(messages)
    results = []
    for message in reversed(trailing):
        content = message.get("content")
        said = content if isinstance(content, str) else "\n".join(_texts(content))
        name = message.get("name")
        if not isinstance(name, str):
            call_id = message.get("tool_call_id")
            name = names.get(call_id, "") if isinstance(call_id, str) else ""
        results.append(ToolResult(name, said))
    return tuple(results)


def _call_names(messages: Sequence[Message]) -> dict[str, str]:
    names: dict[str, str] = {}
    for message in messages:
        for call in _parts(message.get("tool_calls")):
            function = call.get("function")
            if isinstance(function, Mapping):
                call_id, name = call.get("id"), function.get("name")
                if isinstance(call_id, str) and isinstance(name, str):
                    names[call_id] = name
    return names
