"""A recording as scripted replies, in the form in which the control plane takes them.

Law: identity, validation and quota stay the mock's own; what was recorded for the same prompt is given in
turn.
"""

from __future__ import annotations

import base64
import re
from typing import Any
from urllib.parse import unquote

import orjson
from lightning_spec.recording import RecordedExchange, RecordedResponse, Recording

from lightning_mock.callers.credential_forms import HIDDEN
from lightning_mock.http.connection import MAX_REQUEST_LINE
from lightning_mock.scripting.calls import prompt_of

_MAX_PATTERN_LENGTH = 500
_MAX_PROMPT_LENGTH = 2000
_OF_THE_MOCK = ("content-type", "server", "vary", "www-authenticate")


def replies_of(recording: Recording) -> list[dict[str, Any]]:
    """Their descriptions."""
    by_match: dict[bytes, dict[str, Any]] = {}
    for exchange in recording.exchanges:
        match = _match(exchange)
        # A reply ends properly: of an answer that was cut it would make a whole one.
        if match is None or exchange.response.cut:
            continue
        description = by_match.setdefault(orjson.dumps(match), {"match": match, "replies": []})
        description["replies"].append(_answer(exchange.response))
    return list(by_match.values())


def _match(exchange: RecordedExchange) -> dict[str, str] | None:
    """Which calls such an answer suits; None if that cannot be told from the others of the route, as with a
    refusal of what has no prompt."""
    request = exchange.request
    match = {"route": f"{request.method} {unquote(request.target.partition('?')[0])}"}
    if len(match["route"]) > MAX_REQUEST_LINE:
        return None
    if not request.content:
        return match
    try:
        body = orjson.loads(request.content)
    except orjson.JSONDecodeError:
        return None
    prompt = prompt_of(body) if isinstance(body, dict) else ""
    if not prompt and exchange.response.status >= 400:
        return None
    if prompt:
        pattern = f"^{re.escape(prompt)}$"
        if len(pattern) <= _MAX_PATTERN_LENGTH:
            match["pattern"] = pattern
        else:
            match["prompt"] = _beginning(prompt)
    return match


def _beginning(prompt: str) -> str:
    """As much of a prompt as is compared, without half a mark of what was hidden."""
    cut = prompt[:_MAX_PROMPT_LENGTH]
    begins = cut.rfind(HIDDEN[0])
    return cut[:begins] if begins > 0 and HIDDEN.startswith(cut[begins:]) and cut[begins:] != HIDDEN else cut


def _answer(response: RecordedResponse) -> dict[str, Any]:
    headers = {
        name: value
        for name, value in response.headers.items()
        if name.lower() not in _OF_THE_MOCK and not name.lower().startswith("access-control-")
    }
    content_type = next(
        (value for name, value in response.headers.items() if name.lower() == "content-type"), ""
    )
    answer: dict[str, Any] = {"status": response.status, "headers": headers}
    if response.after >= 0.001:
        answer["delay"] = min(response.after, 3600.0)
    if content_type.startswith("text/event-stream"):
        events = [_data(event) for event in response.content.decode("utf-8", "replace").split("\n\n")]
        taken = sum(piece.after for piece in response.pieces)
        answer["events"] = [event for event in events if event] or [""]
        if taken >= 0.001 and len(answer["events"]) > 1:
            answer["rate"] = min(100_000.0, (len(answer["events"]) - 1) / taken)
        return answer
    if response.content:
        answer["bytes"] = base64.b64encode(response.content).decode()
    if content_type:
        answer["content_type"] = content_type
    return answer


def _data(event: str) -> str:
    """The data of one event, its lines put together."""
    lines = event.replace("\r", "").split("\n")
    return "\n".join(line[5:].removeprefix(" ") for line in lines if line.startswith("data:"))
