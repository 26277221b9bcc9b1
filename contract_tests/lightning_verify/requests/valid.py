"""Valid requests: one for each generation operation, and pictures in base64."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import quote

from lightning_spec.loader import Operation
from PIL import Image

from lightning_verify.facts import METRIC_OF, SPEC

PROMPT = "a lighthouse at dusk"
# Space, letters beyond ASCII and characters with a meaning in addresses, and a dot, after which frameworks
# look for a format; no slash, which frameworks split at.
PATH_PROMPT = "café & 灯台 + sea at 50%, really? No. 7"
# Assets that nobody has stored, since the ids are made up.
NO_ASSETS = tuple(
    f"/asset-cdn/assets/{id_}" for id_ in ("00000000-0000-4000-8000-000000000000", f"{'z' * 32}.png")
)


@dataclass(frozen=True, slots=True)
class Call:
    """A valid request of one operation; `body` None for GET."""

    operation: str
    method: str
    path: str
    body: Mapping[str, Any] | None


def say(text: str, **more: Any) -> dict[str, Any]:
    """A chat body with one user message."""
    return {"messages": [{"role": "user", "content": text}], **more}


# Every role that a conversation may have without tools, and text beyond ASCII.
CONVERSATION: list[dict[str, Any]] = [
    {"role": "system", "content": "You answer in full sentences."},
    {"role": "user", "content": "Who are you?"},
    {"role": "assistant", "content": "A helpful assistant."},
    {"role": "user", "content": "Tell me three facts about lighthouses, with an é and a 灯."},
]
# The same after many turns, with nothing beside it that could curb an answer.
LONG_CONVERSATION = [*CONVERSATION[:1], *CONVERSATION[1:3] * 10, CONVERSATION[3]]


# What a valid body of an operation has where that is not a prompt.
_BODIES: dict[str, Mapping[str, Any]] = {
    "createChatCompletion": say("Say hello."),
    "analyzePrompt": {"prompt": say("Say hello.")["messages"]},
    **{name: {"input": PROMPT} for name in ("createSpeech", "createAudio")},
}
# What else knows who is calling.
_READS = ("getUsage", "getSubscription")


def in_path(prompt: str) -> str:
    """A prompt as it stands in an address."""
    return quote(prompt, safe="")


def _valid(operation: Operation) -> Call:
    path = operation.path.replace("{prompt}", in_path(PATH_PROMPT))
    body = _BODIES.get(operation.id, {"prompt": PROMPT}) if operation.method == "POST" else None
    return Call(operation.id, operation.method, path, body)


CALLS: dict[str, Call] = {
    name: _valid(operation)
    for name, operation in SPEC.operations.items()
    if operation.metric or name in _BODIES or name in _READS
}

POSTS = tuple(name for name, call in CALLS.items() if call.method == "POST")
# Those that cost something and take one text, under the name `prompt` or in their path.
PROMPTED = tuple(name for name in METRIC_OF if CALLS[name].body in (None, {"prompt": PROMPT}))


# Characters. The first is beyond what any documented or published limit allows. A host may be configured to
# take more, and even the second; the third, which a host of one's own alone is sent, is beyond reason.
OVERSIZED = (300_000, 4_000_000)
BEYOND_REASON = 16_000_000


def _words(size: int) -> str:
    return ("word café " * (size // 10 + 1))[:size]


# Characters that any published limit allows.
PIECE = 20_000


def _in_messages(size: int) -> list[dict[str, Any]]:
    """Everything before the last message, not too much in any one of them, and almost nothing from the
    user."""
    said = [{"role": "system", "content": _words(PIECE)}]
    for _ in range(size // PIECE - 1):
        said += [{"role": "user", "content": "Go on."}, {"role": "assistant", "content": _words(PIECE)}]
    return [*said, {"role": "user", "content": "Go on."}]


def _in_parts(size: int) -> list[dict[str, Any]]:
    """Everything in one message, not too much in any one of its parts."""
    parts = [{"type": "text", "text": _words(PIECE)} for _ in range(size // PIECE)]
    return [{"role": "user", "content": parts}]


# Where too much text stands in a conversation: whoever measures it has to add up what it finds.
PLACES: dict[str, Callable[[int], list[dict[str, Any]]]] = {
    "in one message": lambda size: [{"role": "user", "content": _words(size)}],
    "in many messages": _in_messages,
    "in parts": _in_parts,
}


def oversized(operation: str, size: int, place: str = "in one message") -> dict[str, Any]:
    """A body of `operation` whose prompt has `size` characters, for a conversation in one of the `PLACES`."""
    in_messages = operation in {"createChatCompletion", "analyzePrompt"}
    return dict.fromkeys(CALLS[operation].body or (), PLACES[place](size) if in_messages else _words(size))


@cache
def _picture(size: tuple[int, int], form: str) -> str:
    """A picture in base64, with a gradient so that it is no placeholder: of a size that generators accept,
    and yet of few bytes."""
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(buffer, form, optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()


def picture_base64(width: int = 256) -> str:
    """A PNG in bare base64."""
    return _picture((width, 256), "PNG")


def picture_data_uri() -> str:
    """Another picture, as a data URI. A JPEG: a host that passes it on as PNG unconverted is found out."""
    return "data:image/jpeg;base64," + _picture((240, 256), "JPEG")
