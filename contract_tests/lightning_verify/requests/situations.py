"""Who asks for what in which form: few calls that have every two of these together.

Throwaway callers with a client id do most of a run's work. What is wrong for another kind of caller only
shows when that kind asks, so each kind meets each operation and each form, and each operation all its forms.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any
from urllib.parse import urlencode

from lightning_verify.requests.prompts import IMAGE, TOOLS
from lightning_verify.requests.valid import CALLS, CONVERSATION, Call, picture_base64, picture_data_uri, say

KINDS = ("access token", "API key", "address")
# Longer than a sentence, and shorter than any limit that is known of.
_LONG = "A lighthouse at dusk, with waves that break on the rocks below, seen from a boat far out. " * 8
_QUESTION = "What is the weather in Paris?"
_WITH_TOOLS = say(_QUESTION, tools=TOOLS, tool_choice="required")
_PICTURE = {"image_urls": [picture_base64(), picture_data_uri()]}

# What makes each form, by operation: fields of a body, or of a query for GET.
_FORMS: dict[str, dict[str, Mapping[str, Any]]] = {
    "createChatCompletion": {
        "plain": {},
        "streamed": say("Say hello.", stream=True),
        "tools": _WITH_TOOLS,
        "streamed tools": {**_WITH_TOOLS, "stream": True},
        "picture": {"messages": IMAGE[1]},
        "streamed picture": {"messages": IMAGE[1], "stream": True},
        "long": {"messages": [*CONVERSATION, {"role": "user", "content": f"Say more about this. {_LONG}"}]},
    },
    "createImage": {
        "plain": {},
        "options": {"mode": "fantasy"},
        "picture": _PICTURE,
        "long": {"prompt": _LONG},
    },
    "createVideo": {
        "plain": {},
        "options": {"mode": "fun", "ratio": "3:2", "duration": 3},
        "picture": _PICTURE,
        "long": {"prompt": _LONG},
    },
    "getImage": {"plain": {}, "options": {"mode": "realistic"}},
    "getVideo": {"plain": {}, "options": {"mode": "normal", "ratio": "2:3", "duration": 2}},
    **{
        name: {"plain": {}, "long": {"prompt": _LONG}}
        for name in ("createAirforceVideo", "createSfx", "createTts")
    },
    **{name: {"plain": {}} for name in ("getAirforceVideo", "getSfx", "getTts")},
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


@dataclass(frozen=True, slots=True)
class Situation:
    """A kind of caller that asks for an operation in a form."""

    kind: str
    operation: str
    form: str

    @property
    def call(self) -> Call:
        """The request."""
        plain, fields = CALLS[self.operation], _FORMS[self.operation][self.form]
        if plain.method == "GET":
            query = f"?{urlencode(fields)}" if fields else ""
            return Call(plain.operation, "GET", f"{plain.path}{query}", None)
        return Call(plain.operation, "POST", plain.path, {**(plain.body or {}), **fields})

    @property
    def pairs(self) -> set[tuple[str, str]]:
        """Every two that meet here."""
        return set(combinations((self.kind, self.operation, self.form), 2))


def cover() -> Iterator[Situation]:
    """Situations that have every possible pair between them; those that bring most come first."""
    left = [
        Situation(kind, operation, form)
        for kind, (operation, forms) in product(KINDS, _FORMS.items())
        for form in forms
        if operation in CALLS
    ]
    missing = set().union(*(situation.pairs for situation in left))
    while missing:
        best = max(left, key=lambda situation: len(situation.pairs & missing))
        left.remove(best)
        missing -= best.pairs
        yield best
