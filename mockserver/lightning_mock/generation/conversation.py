"""What a message array says: one pass over it, for the model router and the replies.

Tolerant by law: validation has checked the shapes already; what is still odd here is skipped and never an
error.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

Message = Mapping[str, Any]

_INSTRUCTING_ROLES = ("system", "developer", "user")
_RESULT_ROLES = ("tool", "function")


class ToolResult(NamedTuple):
    """What a client's tool answered: the tool's name (empty when the call is not in the conversation) and
    its text.
    """

    name: str
    content: str


@dataclass(slots=True)
class Conversation:
    """The parts of a message array that decide the answer.

    `prompt` is the text of the last user message, `spoken` the text of all user messages, `text` that of
    all messages; `results` are the tool results after the last assistant turn.
    """

    messages: Sequence[Message]
    prompt: str
    spoken: str
    text: str
    images: int
    results: tuple[ToolResult, ...]

    @property
    def instructions(self) -> str:
        """The text of all messages but the model's and the tools'."""
        return "\n".join(
            _said(message) for message in self.messages if message.get("role") in _INSTRUCTING_ROLES
        )


def read_conversation(messages: Sequence[Message]) -> Conversation:
    """The parts of these messages. What nobody said is empty; content of an unknown form counts as none."""
    prompt = ""
    spoken: list[str] = []
    everything: list[str] = []
    images = 0
    for message in messages:
        said = message.get("content")
        if not isinstance(said, str):
            images += _images(said)
            said = "\n".join(_texts(said))
        everything.append(said)
        if message.get("role") == "user":
            spoken.append(said)
            prompt = said
    results = _open_results(messages) if messages and messages[-1].get("role") in _RESULT_ROLES else ()
    return Conversation(messages, prompt, "\n".join(spoken), "\n".join(everything), images, results)


def _said(message: Message) -> str:
    content = message.get("content")
    return content if isinstance(content, str) else "\n".join(_texts(content))


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
        name = message.get("name")
        if not isinstance(name, str):
            call_id = message.get("tool_call_id")
            name = names.get(call_id, "") if isinstance(call_id, str) else ""
        results.append(ToolResult(name, _said(message)))
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
