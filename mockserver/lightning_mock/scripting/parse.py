"""Turns a description, as the control plane, the Python client and a file write it, into a script."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson
from lightning_spec.loader import Spec

from lightning_mock.callers.identity import key_of
from lightning_mock.callers.identity_keys import REFUSED, caller_meant
from lightning_mock.faults.parse import FaultError, operations_named
from lightning_mock.scripting.pattern import Pattern
from lightning_mock.scripting.script import MAX_TOTAL_BYTES, Condition, Room, Script

CHAT = "createChatCompletion"
DEFAULT_ROUTE = "POST /gen/chat/completions"
ALL_ROOM = Room()
_SIZE_OF_ANY = 1000
"""Bytes of memory that the shortest reply takes."""
_FRAMING = ("content-length", "transfer-encoding")
KINDS = ("text", "tool_calls", "json", "bytes", "events")


class ScriptError(ValueError):
    """A description that cannot be used. The message says what is allowed."""


def parse_script(script_id: str, description: Mapping[str, Any], spec: Spec, room: Room = ALL_ROOM) -> Script:
    """A script from a description whose fields have been checked, where others have left so much room. Raises
    ScriptError."""
    size = len(orjson.dumps(description)) + _SIZE_OF_ANY
    if size > room.size:
        raise ScriptError(
            f"reply: with all other replies it takes more than {MAX_TOTAL_BYTES} bytes; remove those that "
            "are not needed any more."
        )
    match = description.get("match", {})
    if "identity" in match:
        match = {**match, "identity": key_of(match["identity"])}
    listed = description["replies"] if "replies" in description else [description["reply"]]
    answers = tuple(_checked(answer) for answer in listed)
    checked = description.get("checked", True)
    if not checked and ("prompt" in match or "pattern" in match):
        raise ScriptError("checked: a prompt is known only once the call has been checked; expected true.")
    condition = _condition(match, spec, room.patterns)
    if checked and condition.caller == REFUSED:
        raise ScriptError(f"checked: `{REFUSED}` callers get a 401 from the check; expected false.")
    if any("tool_calls" in answer for answer in answers):
        if CHAT not in condition.operations:
            raise ScriptError(
                f"reply.tool_calls: only chat completions have them; expected {DEFAULT_ROUTE} as the route, "
                "or json."
            )
        # Whatever else the route reaches has no form for them.
        condition = replace(condition, operations=frozenset((CHAT,)), path="")
    return Script(
        id=script_id,
        condition=condition,
        answers=answers,
        description={"match": match, "replies": list(answers), "times": description.get("times")},
        size=size,
        times=description.get("times"),
        nth=match.get("nth"),
        checked=checked,
    )


def _checked(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    given = [kind for kind in KINDS if kind in answer]
    if len(given) > 1 and answer.get("json", ...) is None:
        # A body of null when it stands alone, left out beside another.
        return _checked({name: value for name, value in answer.items() if name != "json"})
    if len(given) > 1 or (not given and "status" not in answer):
        raise ScriptError(f"reply: expected one of {', '.join(KINDS)}, or a status alone.")
    for name in answer.get("headers", {}):
        if name.lower() in _FRAMING:
            raise ScriptError(f"reply.headers: the mock sets {' and '.join(_FRAMING)} itself.")
    if "bytes" in answer:
        try:
            base64.b64decode(answer["bytes"], validate=True)
        except binascii.Error:
            raise ScriptError("reply.bytes: expected base64.") from None
    return answer


def _condition(match: Mapping[str, Any], spec: Spec, room: int) -> Condition:
    route = match.get("route", DEFAULT_ROUTE)
    # A path may hold blanks, as a prompt does.
    method, _, path = ("", "", route) if route.startswith("/") else route.partition(" ")
    try:
        operations = operations_named(route, spec)
    except FaultError:
        operations = frozenset()
        if not path.startswith("/") or (method and not method.isalpha()):
            raise ScriptError(
                "match.route: expected a path, a method and path such as `GET /v1/me`, either with `*` at "
                "its end, or an operation id."
            ) from None
    pattern = match.get("pattern")
    try:
        compiled = None if pattern is None else Pattern(pattern, room)
    except ValueError as error:
        raise ScriptError(f"match.pattern: {error}.") from None
    try:
        caller = caller_meant(match, spec.client_id_pattern)
    except ValueError as error:
        raise ScriptError(f"match.{error}") from None
    header = match.get("header")
    return Condition(
        route=route,
        operations=operations,
        method=method.upper() or None,
        path=path,
        caller=caller,
        header=None if header is None else {name.lower(): value for name, value in header.items()},
        prompt=match.get("prompt"),
        pattern=compiled,
    )
