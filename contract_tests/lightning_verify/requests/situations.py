"""Which caller requests which operation in which form.

Throwaway callers with a client id do most of a run's work, and what is wrong for another kind of caller only
shows when that kind asks. Callers of our own try every operation in every form; accounts, whose units others
may need, try every operation and every form, but not every combination.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any
from urllib.parse import urlencode

from lightning_verify.facts import METRIC_OF, OWNER_OF, SPEC
from lightning_verify.requests.prompts import IMAGE, TOOLS
from lightning_verify.requests.valid import (
    CALLS,
    LONG_CONVERSATION,
    PATH_PROMPT,
    PROMPTED,
    Call,
    in_path,
    picture_base64,
    picture_data_uri,
    say,
)

_EVERY_OTHER = list(CALLS)[::2]
ACCOUNTS = ("access token", "API key")
OWN = ("client id", "address")
_SENTENCE = "A lighthouse at dusk, with waves that break on the rocks below, seen from a boat far out. "
# Nearly as long as any limit allows that is known of: of a medium's prompt, and what a chat may well be.
_LONG = _SENTENCE * 21
_LONG_MESSAGE = f"Say more about this. {_SENTENCE * 100}"
# Letters of several scripts, and one beyond the basic plane.
_UNICODE = "Ein Café in Malmö – 灯台と海, маяк 🗼"
_AT_LENGTH = {"prompt": f"{_LONG} {_UNICODE}"}
_WITH_TOOLS = say("What is the weather in Paris?", tools=TOOLS, tool_choice="required")
_PICTURE = {"image_urls": [picture_base64(), picture_data_uri()]}

# A tool whose arguments are nested, and told of in letters beyond ASCII: they are there, whatever is wrong
# with a request.
TRIP: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "plan_trip",
        "description": f"Plans a trip with several stops. {_UNICODE}",
        "parameters": {
            "type": "object",
            "properties": {
                "stops": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "object",
                        "properties": {"city": {"type": "string"}, "nights": {"type": "integer"}},
                        "required": ["city"],
                    },
                },
                "pace": {"enum": ["slow", "fast"]},
            },
            "required": ["stops"],
        },
    },
}
# Every role, parts, other scripts, and a tool that was called and has answered.
_HISTORY: list[dict[str, Any]] = [
    {"role": "system", "content": f"You plan trips. {_UNICODE}"},
    {"role": "user", "content": [{"type": "text", "text": "What is the weather in Malmö?"}]},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": "call_weather_1",
                "type": "function",
                "function": {"name": "get_weather", "arguments": '{"city": "Malm\\u00f6"}'},
            }
        ],
    },
    {"role": "tool", "tool_call_id": "call_weather_1", "content": '{"sky": "clear", "note": "灯台"}'},
    {"role": "assistant", "content": "It is clear in Malmö."},
    {
        "role": "user",
        "content": f"Plan a trip to Malmö and Oslo, and say why each stop is worth it. {_UNICODE}",
    },
]
_EVERYTHING: dict[str, Any] = {"messages": _HISTORY, "tools": [*TOOLS, TRIP]}
_NAMED = {"type": "function", "function": {"name": "plan_trip"}}


def at_length(operation: str) -> str:
    """The form in which an operation without options is asked for more than a few words. Each has a name of
    its own, so that accounts try it on every operation, in the place of a plain call."""
    return f"{operation} at length"


# What makes each form, by operation: fields of a body, or of a query for GET. What comes together in one form
# shows what is wrong with each of it. Forms of one name are one form to the choice of situations.
FORMS: dict[str, dict[str, Mapping[str, Any]]] = {
    "createChatCompletion": {
        "plain": {},
        "streamed": say("Say hello.", stream=True),
        "tools": _WITH_TOOLS,
        "streamed tools": {**_WITH_TOOLS, "stream": True},
        "picture": {"messages": IMAGE[1]},
        "streamed picture": {"messages": IMAGE[1], "stream": True},
        "long": {"messages": [*LONG_CONVERSATION, {"role": "user", "content": _LONG_MESSAGE}]},
        "everything": {"tool_choice": _NAMED, **_EVERYTHING},
        "streamed everything": {"tool_choice": _NAMED, **_EVERYTHING, "stream": True},
        "streamed, without a call": {"tool_choice": "none", **_EVERYTHING, "stream": True},
        "without a call": {"tool_choice": "none", **_EVERYTHING, "stream": False},
    },
    "createImage": {
        "plain": {},
        "options": {"mode": "fantasy", **_AT_LENGTH},
        "inputs of an image": {**_PICTURE, "mode": "realistic"},
    },
    "createVideo": {
        "plain": {},
        "options of a video": {
            "mode": "fun",
            "ratio": "3:2",
            "duration": SPEC.duration.maximum,
            **_AT_LENGTH,
        },
        "more options of a video": {"mode": "normal", "ratio": "1:1", "duration": 30},
        "inputs of a video": {**_PICTURE, "ratio": "2:3", "duration": SPEC.duration.minimum},
    },
    "getImage": {
        "plain": {},
        "options": {"mode": "realistic"},
        "other options": {"mode": "fantasy", **_AT_LENGTH},
    },
    "getVideo": {
        "plain": {},
        "options": {"mode": "normal", "ratio": "2:3", "duration": -2},
        "other options": {"mode": "fun", "ratio": "3:2", "duration": 30, **_AT_LENGTH},
    },
    "createImages": {
        "plain": {},
        "options": {"mode": "fantasy", "response_format": "url"},
        "picture": _PICTURE,
        "long": {"prompt": _LONG},
    },
    "createVideos": {
        "plain": {},
        "options": {"mode": "fun", "duration": 3, "response_format": "url"},
        "picture": _PICTURE,
        "long": {"prompt": _LONG},
    },
    **{name: {"plain": {}, "long": {"input": _LONG}} for name in ("createSpeech", "createAudio")},
}
# Of the others that take a prompt.
FORMS |= {name: {"plain": {}, at_length(name): _AT_LENGTH} for name in PROMPTED if name not in FORMS}
_PLAIN: dict[str, Mapping[str, Any]] = {"plain": {}}
# What can be asked for in this revision: operation and form; and of these what is more than a plain call.
ASKED = [(operation, form) for operation in METRIC_OF for form in FORMS.get(operation, _PLAIN)]
FORMED = [(operation, form) for operation, form in ASKED if form != "plain"]


_OWNERS = {
    "tool_choice": "CHAT-9",
    "tools": "CHAT-8",
    "stream": "CHAT-4",
    "mode": "IMG-3",
    "image_urls": "IMG-4",
}
_OWNERS_OF_VIDEO = {"mode": "VID-4", "ratio": "VID-3", "duration": "VID-5", "image_urls": "VID-6"}


@dataclass(frozen=True, slots=True)
class Situation:
    """A kind of caller that requests an operation in a form."""

    kind: str
    operation: str
    form: str

    @property
    def fields(self) -> Mapping[str, Any]:
        """The fields that make up the form."""
        return FORMS.get(self.operation, _PLAIN)[self.form]

    @property
    def call(self) -> Call:
        """The request."""
        return self._call(self.fields)

    @property
    def analysed(self) -> list[dict[str, Any]]:
        """The messages of a stream that nothing but these decides the model of; empty for other calls."""
        fields = self.fields
        return fields["messages"] if fields.keys() == {"messages", "stream"} and fields["stream"] else []

    def without(self, field: str) -> Call:
        """The same without one field and whatever depends on it."""
        gone = {field, "tool_choice"} if field == "tools" else {field}
        return self._call({name: value for name, value in self.fields.items() if name not in gone})

    def owner(self, field: str) -> str:
        """The requirement that says that a field of this form may have its value."""
        if field == "messages" and self.form.endswith("picture"):
            return "CHAT-10"
        if field == "stream" and not self.fields[field]:
            return "CHAT-3"
        video = self.operation in {"createVideo", "getVideo"}
        return (_OWNERS_OF_VIDEO if video else _OWNERS).get(field, OWNER_OF[self.operation])

    def _call(self, fields: Mapping[str, Any]) -> Call:
        plain = CALLS[self.operation]
        if plain.method == "GET":
            options = {name: value for name, value in fields.items() if name != "prompt"}
            query = f"?{urlencode(options)}" if options else ""
            path = plain.path
            if "prompt" in fields:
                path = path.replace(in_path(PATH_PROMPT), in_path(fields["prompt"]))
            return Call(plain.operation, "GET", f"{path}{query}", None)
        return Call(plain.operation, "POST", plain.path, {**(plain.body or {}), **fields})

    @property
    def pairs(self) -> set[tuple[str, str]]:
        """What this combines, two by two."""
        return set(combinations((self.kind, self.operation, self.form), 2))


def beside_a_client_id(kind: str, operation: str, form: str) -> bool:
    """Whether an account sends a client id as well, as the desktop application does beside a token. A key
    does so in the plain calls of every other operation, and in the other forms of the rest."""
    return kind == "access token" or (kind == "API key" and (form == "plain") == (operation in _EVERY_OTHER))


def cover() -> Iterator[Situation]:
    """Situations in which callers of our own try everything, and accounts all that they can in few calls:
    every operation first, for as long as they have units, and then what covers most."""
    for kind, (operation, form) in product(OWN, ASKED):
        # A plain call with a client id is what most tests make.
        if (kind, form) != ("client id", "plain"):
            yield Situation(kind, operation, form)
    left = [Situation(kind, *each) for kind, each in product(ACCOUNTS, ASKED)]
    missing = {pair for situation in left for pair in situation.pairs if pair[0] in ACCOUNTS}
    chosen = list[Situation]()
    while missing:
        best = max(left, key=lambda situation: len(situation.pairs & missing))
        left.remove(best)
        missing -= best.pairs
        chosen.append(best)
    first = {(each.kind, each.operation): each for each in reversed(chosen)}
    # Both may have the units of one account: what one begins with, the other ends with.
    one, other = ([each for each in first.values() if each.kind == kind] for kind in ACCOUNTS)
    yield from (*one, *reversed(other), *(each for each in chosen if each not in first.values()))
