"""What every host refuses, from whom and in which form: few requests that cover every pair of these."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

from lightning_verify.facts import REQUIRED_FIELD
from lightning_verify.requests.invalid import NOTHING_ASKED
from lightning_verify.requests.situations import ACCOUNTS, FORMS, OWN
from lightning_verify.requests.valid import CALLS, OVERSIZED, POSTS, oversized

KINDS = (*OWN, *ACCOUNTS)
_CHAT, _ANALYSIS = "createChatCompletion", "analyzePrompt"
# The requirements that say which requests are malformed, and which payloads are invalid or too large.
_MALFORMED, _OVERSIZED = "FAIL-1", "FAIL-2"
OPERATIONS = [name for name in POSTS if name in REQUIRED_FIELD]
# The one that says which payloads of an operation are invalid, where that has its own.
INVALID = {
    **dict.fromkeys(OPERATIONS, _MALFORMED),
    _CHAT: "CHAT-1",
    "createImage": "IMG-1",
    "createVideo": "VID-1",
    "createSfx": "SFX-2",
    "createTts": "TTS-2",
    _ANALYSIS: "ANA-2",
}
ABOUT_PAYLOADS = frozenset({*INVALID.values(), _MALFORMED, _OVERSIZED})
TOO_LARGE = "too large"
FLAWS = ("left out", "of another kind", "cut off", "no object", TOO_LARGE)
# Bearers that no host accepts, beside whoever asks.
BEARERS = ("unknown API key", "foreign signature", "garbled")
# Fields with a value of another kind: the operation that takes them, what is sent, and whose statement it is
# that they are refused.
OPTIONS: dict[str, tuple[str, Mapping[str, Any], str]] = {
    "with messages that are text": (_CHAT, {"messages": "Say hello."}, "CHAT-1"),
    "with a prompt that is text": (_ANALYSIS, {"prompt": "Say hello."}, "ANA-2"),
    "with a stream that is text": (_CHAT, {"stream": "sure"}, "CHAT-3"),
    "with tools that are text": (_CHAT, {"tools": "all"}, "CHAT-8"),
    "with an image that is no list": ("createImage", {"image_urls": {"url": 1}}, "IMG-4"),
    "with a film's image that is no list": ("createVideo", {"image_urls": {"url": 1}}, "VID-6"),
    "with a duration that is a list": ("createVideo", {"duration": [2]}, "VID-5"),
}
_PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A kind of caller that requests an operation with a flaw, in a form that would be served without it."""

    kind: str
    operation: str
    flaw: str
    form: str = _PLAIN

    @property
    def requirement(self) -> str:
        """The requirement by which this is refused."""
        if self.flaw in BEARERS:
            return "AUTH-4"
        if self.flaw in OPTIONS:
            return OPTIONS[self.flaw][2]
        if self.flaw == TOO_LARGE:
            return _OVERSIZED
        return _MALFORMED if self.flaw in {"cut off", "no object"} else INVALID[self.operation]

    @property
    def words(self) -> str:
        """What is wrong, in words."""
        if self.flaw in BEARERS:
            return f"{self.flaw}, as a bearer,"
        return f"{'a request' if self.flaw in OPTIONS else 'the prompt'} {self.flaw}"

    @property
    def status(self) -> int:
        """The status that it must be refused with."""
        return {"AUTH-4": 401, _OVERSIZED: 413}.get(self.requirement, 400)

    @property
    def fields(self) -> Mapping[str, Any]:
        """What the form adds to the body."""
        return FORMS.get(self.operation, {}).get(self.form, {})

    def body(self, size: int = OVERSIZED[1], place: str = "in one message") -> Mapping[str, Any] | None:
        """The JSON that is sent, with oversized text in a `place`; None if what is sent is no JSON object."""
        sound = {**(CALLS[self.operation].body or {}), **self.fields}
        if self.flaw in OPTIONS:
            return {**sound, **OPTIONS[self.flaw][1]}
        if self.flaw == TOO_LARGE:
            return {**sound, **oversized(self.operation, size, place)}
        required = REQUIRED_FIELD[self.operation]
        if self.flaw == "left out":
            return {name: value for name, value in sound.items() if name != required} or NOTHING_ASKED
        if self.flaw == "of another kind":
            # A list of what is no message, or no text: all of it, so that nothing is left to serve.
            return {
                **sound,
                required: [5] if self.operation in {_CHAT, _ANALYSIS} else {"text": "a fox"},
            }
        return sound if self.flaw in BEARERS else None

    @property
    def raw(self) -> bytes:
        """The bytes that are sent when there is no JSON object to send."""
        return b'["a fox"]' if self.flaw == "no object" else b'{"prompt": "a fox", "messages": [{"role": "us'

    @property
    def pairs(self) -> set[tuple[str, str]]:
        """What this combines, two by two; that each operation refuses each flaw is tried elsewhere."""
        met = {(self.kind, self.operation), (self.kind, self.flaw)}
        return met | ({(self.kind, self.form), (self.flaw, self.form)} if self.operation == _CHAT else set())

    @property
    def triples(self) -> set[tuple[str, str, str]]:
        """What this combines, three by three."""
        # Whichever bearer it is: in some form one of them may not be looked at.
        flaw = "a bearer" if self.flaw in BEARERS else self.flaw
        return {(self.kind, self.operation, self.flaw), (self.operation, flaw, self.form)}


@cache
def refusals() -> tuple[Refusal, ...]:
    """Refusals that cover every possible pair; those that cover most come first."""
    return tuple(_cover(_all(forms_of), lambda refusal: refusal.pairs))


@cache
def more_refusals() -> tuple[Refusal, ...]:
    """Refusals that cover, together with `refusals`, every caller with each flaw of each operation, and each
    flaw in every form. What is too large takes long to send: with accounts it is tried elsewhere."""
    possible = [
        refusal
        for refusal in _all(_more_forms)
        if refusal.kind in OWN or (refusal.flaw != TOO_LARGE and refusal.form == _PLAIN)
    ]
    return tuple(_cover(possible, lambda refusal: refusal.triples, refusals()))


def _all(forms: Callable[[str, str], Iterable[str]]) -> list[Refusal]:
    return [
        Refusal(kind, operation, flaw, form)
        for kind, operation in product(KINDS, OPERATIONS)
        for flaw in (*FLAWS, *(BEARERS if kind in OWN else ()), *_options(operation))
        for form in forms(operation, flaw)
    ]


def _cover(
    left: list[Refusal], met_by: Callable[[Refusal], set[Any]], chosen: Sequence[Refusal] = ()
) -> Iterator[Refusal]:
    """A selection that covers, together with the chosen ones, everything that all of them cover."""
    missing = set().union(*map(met_by, left)).difference(*map(met_by, chosen))
    while missing:
        best = max(left, key=lambda refusal: len(met_by(refusal) & missing))
        left.remove(best)
        missing -= met_by(best)
        yield best


def _options(operation: str) -> list[str]:
    return [flaw for flaw, (of, *_) in OPTIONS.items() if of == operation]


# What is no JSON object has no form.
_FORMLESS = {"cut off", "no object"}


def forms_of(operation: str, flaw: str) -> list[str]:
    """The forms of a chat in which a flaw is tried first; elsewhere the plain one."""
    if flaw in {*_FORMLESS, *OPTIONS} or operation != _CHAT:
        return [_PLAIN]
    return [_PLAIN, "streamed", "tools", "picture", "everything"]


def _more_forms(operation: str, flaw: str) -> list[str]:
    """Options are wrong in long chats too, and other operations have forms as well."""
    if flaw in _FORMLESS or (flaw in BEARERS and operation == _CHAT):
        return forms_of(operation, flaw)
    return [*forms_of(_CHAT, ""), "long"] if operation == _CHAT else list(FORMS.get(operation, [_PLAIN]))
