"""The kinds of fault, one row for each, which everything that deals with faults reads.

Law: whatever is particular to a kind is in its row: its name and words, its fields as JSON schemas, the point
at which it takes effect, and the effect. The control API checks descriptions against the fields, the control
page builds its form from them, and the injector goes through the rows from top to bottom.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from lightning_mock.errors import refusal_with
from lightning_mock.faults import effects
from lightning_mock.faults.fault import Fault
from lightning_mock.http.replies import Body, EventStream, Ready, Reply, json_body
from lightning_mock.http.waiting import Pause

Schema = Mapping[str, Any]
"""Of one field. `title` is its label on the page; `default` holds when it is left out; the first of
`examples` is what the page proposes."""

Point = Literal["arrival", "before_charge", "after_charge", "reply", "content", "events", "bytes"]
"""Where a fault takes effect: before anybody looks at the call; before or after its unit is counted; on any
reply; on a reply that has content; on a stream; on the bytes of any content, as a sequence of pieces."""

Interruption = Callable[[Fault, Pause], Awaitable[Reply | None]]
"""Takes effect before there is a reply. A reply that it returns is the answer; with None the call goes
on."""

Alteration = Callable[[Reply, Fault, effects.Held], Reply]
"""Changes the reply; `Held` says whether a stalled one must go on waiting."""


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One row. `says` tells in a few words what a fault with these parameters does."""

    name: str
    title: str
    description: str
    point: Point | None
    """None when the field `when` says it."""
    says: Callable[[Mapping[str, Any]], str]
    effect: Interruption | Alteration
    fields: Mapping[str, Schema] = field(default_factory=dict)
    required: Sequence[str] = ()
    early: Interruption | None = None
    """Its effect when the field `when` says `before_charge`, for a kind that otherwise takes effect later."""
    lasts: str | None = None
    """The field with the seconds of the mock's clock after which such a fault is over."""

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the parameters."""
        return {
            "type": "object",
            "required": list(self.required),
            "additionalProperties": False,
            "properties": {name: _published(field) for name, field in self.fields.items()},
        }

    def takes_effect(self, parameters: Mapping[str, Any]) -> Point:
        """The point at which a fault with these parameters takes effect."""
        if self.point is None or (self.early is not None and parameters["when"] == "before_charge"):
            when: Point = parameters["when"]
            return when
        return self.point

    def with_defaults(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters, with defaults for those that were not given."""
        defaults = {name: schema["default"] for name, schema in self.fields.items() if "default" in schema}
        return defaults | dict(parameters)


def _published(field: Schema) -> Schema:
    """A field with its default in words: type generators treat one that has a `default` as always present."""
    if "default" not in field:
        return field
    shown = {name: value for name, value in field.items() if name != "default"}
    return {**shown, "description": f"Default: {json.dumps(field['default'])}."}


async def _wait(fault: Fault, pause: Pause) -> None:
    await pause(fault.parameters["seconds"])


_COLD_START = b"""<!doctype html>
<html><head><title>Starting</title></head>
<body><h1>503</h1><p>This application is starting. Try again in a moment.</p></body></html>
"""


async def _cold_start(fault: Fault, pause: Pause) -> Body:
    return Body(_COLD_START, "text/html", 503)


async def _fail(fault: Fault, pause: Pause) -> Body:
    status = fault.parameters["status"]
    message = fault.parameters.get("message") or f"The fault {fault.id} answers with {status}."
    refusal = refusal_with(status)(message)
    return json_body(refusal.body(), status, refusal.headers)


async def _reset_early(fault: Fault, pause: Pause) -> EventStream:
    return EventStream(effects.reset_after(Ready(()), 0))


def _rename(reply: Reply, fault: Fault, held: effects.Held) -> Reply:
    return replace(reply, content_type=fault.parameters["content_type"])


def _malform(reply: Reply, fault: Fault, held: effects.Held) -> Reply:
    if isinstance(reply, Body):
        return replace(reply, content=reply.content[: len(reply.content) // 2])
    return replace(reply, events=effects.malformed(reply.events, fault.parameters["after_events"]))


def _stream(change: Callable[[EventStream, Fault, effects.Held], EventStream]) -> Alteration:
    """An effect on what is a stream by then, whatever the reply was."""

    def alter(reply: Reply, fault: Fault, held: effects.Held) -> Reply:
        return change(as_stream(reply), fault, held)

    return alter


def as_stream(reply: Reply) -> EventStream:
    """A reply as a sequence of pieces; one that is not streamed comes in two halves."""
    if isinstance(reply, EventStream):
        return reply
    content = reply.content
    return EventStream(effects.halves(content), reply.content_type, reply.status, reply.headers, len(content))


def _after(parameters: Mapping[str, Any], name: str, unit: str) -> str:
    count = parameters[name]
    return f" after {count:,} {unit}{'' if count == 1 else 's'}" if count else ""


def _events(default: int, proposed: int) -> Schema:
    return {
        "type": "integer",
        "minimum": 0,
        "maximum": 1_000_000,
        "title": "After events",
        "default": default,
        "examples": [proposed],
    }


_PIECES = {"byte": "single bytes", "utf8": "pieces that end inside characters"}
_ALL = (
    FaultKind(
        name="latency",
        title="Answer late",
        description="The call waits this many real seconds before it is processed.",
        point="arrival",
        fields={
            "seconds": {"type": "number", "minimum": 0, "maximum": 3600, "title": "Seconds", "examples": [2]}
        },
        required=("seconds",),
        says=lambda given: f"Waits {given['seconds']:g} s",
        effect=_wait,
    ),
    FaultKind(
        name="cold_start",
        title="Be asleep (503 page)",
        description="The host is asleep: 503 with an HTML page, until the mock's clock has moved this many "
        "seconds.",
        point="arrival",
        fields={
            "seconds": {
                "type": "number",
                "exclusiveMinimum": 0,
                "maximum": 315_360_000,
                "title": "Seconds of the mock's clock",
                "default": 60,
                "examples": [20],
            }
        },
        says=lambda given: f"Shows the 503 page of a host that is waking up, for {given['seconds']:g} s",
        lasts="seconds",
        effect=_cold_start,
    ),
    FaultKind(
        name="status",
        title="Answer with a failure",
        description="The call fails before its unit is counted, or after, with a refund: either way "
        "it costs nothing.",
        point=None,
        fields={
            "status": {
                "enum": [400, 401, 413, 429, 500, 502, 503, 504],
                "title": "Status",
                "examples": [500],
            },
            "when": {"enum": ["before_charge", "after_charge"], "title": "When", "default": "before_charge"},
            "message": {"type": "string", "minLength": 1, "maxLength": 1000, "title": "Message"},
        },
        required=("status",),
        says=lambda given: (
            f"Answers {given['status']}"
            + (" after the charge, and refunds the unit" if given["when"] == "after_charge" else "")
        ),
        effect=_fail,
    ),
    FaultKind(
        name="content_type",
        title="Claim another content type",
        description="The right bytes under a wrong name.",
        point="reply",
        fields={
            "content_type": {
                "type": "string",
                "pattern": "^[!-~]+/[ -~]+$",
                "maxLength": 100,
                "title": "Content type",
                "examples": ["text/plain"],
            }
        },
        required=("content_type",),
        says=lambda given: f"Claims to be {given['content_type']}",
        effect=_rename,
    ),
    FaultKind(
        name="reorder",
        title="Swap events of the stream",
        description="The events of a stream swap places in pairs, except the first one and the end.",
        point="events",
        says=lambda given: "Swaps events of the stream",
        effect=_stream(lambda stream, _, held: replace(stream, events=effects.reordered(stream.events))),
    ),
    FaultKind(
        name="duplicate",
        title="Send events twice",
        description="Every event of a stream is sent twice, except the first one and the end.",
        point="events",
        says=lambda given: "Sends events twice",
        effect=_stream(lambda stream, _, held: replace(stream, events=effects.duplicated(stream.events))),
    ),
    FaultKind(
        name="malform",
        title="Break an event of the stream",
        description="One event of a stream, the one after this many others, stops in the middle of its JSON. "
        "A reply that is not streamed loses its second half, and its length agrees with what is left.",
        point="content",
        fields={"after_events": _events(2, 2)},
        says=lambda given: "Sends JSON that stops in the middle" + _after(given, "after_events", "event"),
        effect=_malform,
    ),
    FaultKind(
        name="truncate",
        title="End the stream early",
        description="A stream ends after this many events, cleanly and without [DONE]. A reply that is not "
        "streamed counts as two events, its halves: after one of them the connection is closed, although all "
        "of it was announced.",
        point="bytes",
        fields={"after_events": _events(1, 1)},
        says=lambda given: "Ends the stream early" + _after(given, "after_events", "event"),
        effect=_stream(
            lambda stream, fault, held: replace(
                stream, events=effects.truncated(stream.events, fault.parameters["after_events"])
            )
        ),
    ),
    FaultKind(
        name="stall",
        title="Stall the stream",
        description="Silence after this many events, for this many real seconds, or until the client leaves "
        "or the fault is removed. A reply that is not streamed counts as two events, its halves.",
        point="bytes",
        fields={
            "after_events": _events(1, 1),
            "seconds": {
                "type": ["number", "null"],
                "minimum": 0,
                "maximum": 3600,
                "title": "Seconds (empty: for good)",
                "default": None,
                "examples": [5],
            },
        },
        says=lambda given: (
            "Stalls the stream " + ("for good" if given["seconds"] is None else f"for {given['seconds']:g} s")
        ),
        effect=_stream(
            lambda stream, fault, held: replace(
                stream,
                events=effects.stalled(
                    stream.events, fault.parameters["after_events"], fault.parameters["seconds"], held
                ),
            )
        ),
    ),
    FaultKind(
        name="refragment",
        title="Split the bytes differently",
        description="The same bytes in different pieces: single bytes, pieces that end inside every "
        "character of more than one byte, or pieces of this many bytes.",
        point="bytes",
        fields={
            "split": {
                "anyOf": [
                    {"enum": ["byte", "utf8"]},
                    {"type": "integer", "minimum": 1, "maximum": 1_000_000},
                ],
                "title": "Pieces",
                "examples": ["byte", "utf8", 7],
            }
        },
        required=("split",),
        says=lambda given: "Sends " + _PIECES.get(given["split"], f"pieces of {given['split']} bytes"),
        effect=_stream(
            lambda stream, fault, held: replace(stream, split=effects.splitter(fault.parameters["split"]))
        ),
    ),
    FaultKind(
        name="reset",
        title="Cut the connection",
        description="The connection is reset: before the call's unit is counted, so that it costs nothing; "
        "or after the charge, which stays, and after this many bytes of the body (with 0, before any byte of "
        "the response).",
        point="bytes",
        early=_reset_early,
        fields={
            "when": {"enum": ["before_charge", "after_charge"], "title": "When", "default": "after_charge"},
            "after_bytes": {
                "type": "integer",
                "minimum": 0,
                "maximum": 1_000_000_000,
                "title": "After bytes",
                "default": 0,
                "examples": [0],
            },
        },
        says=lambda given: (
            "Cuts the connection"
            + (
                " before the charge"
                if given["when"] == "before_charge"
                else _after(given, "after_bytes", "byte")
            )
        ),
        effect=_stream(
            lambda stream, fault, held: replace(
                stream, events=effects.reset_after(stream.events, fault.parameters["after_bytes"])
            )
        ),
    ),
)
KINDS: Mapping[str, FaultKind] = {kind.name: kind for kind in _ALL}
"""By name, in the order in which faults of several kinds act on one call."""
