"""What a request must look like. Every rule is one named check, so that a fault can leave out exactly one."""

from __future__ import annotations

import base64
import binascii
import io
import json
import re
from typing import Any

from PIL import Image

from lab.server import facts
from lab.server.lab import Call, Check, Lab, Refusal

ROLES = {"system", "developer", "user", "assistant", "tool", "function"}
IMAGE_MODES = {None, "auto", "fantasy", "realistic"}
VIDEO_MODES = {None, "auto", "normal", "fun"}
RATIOS = {None, "3:2", "2:3", "1:1"}
INTEGER = re.compile(r"-?[0-9]{1,18}")


def invalid(detail: str) -> Refusal:
    return Refusal("invalid", detail)


async def read(_: Lab, call: Call) -> None:
    """Decode the body, or the path and the query of a media GET, into `call.arguments`."""
    request = call.request
    if call.operation.method == "POST":
        body = bytearray()  # Bytes would be copied whole with every piece.
        async for piece in request.stream():
            body += piece
            if len(body) > facts.BODY_LIMIT:
                raise Refusal("oversize", "The request body is too large")
        call.raw = bytes(body)
        try:
            value = json.loads(call.raw)
        except (ValueError, RecursionError):
            raise invalid("The body is not valid JSON") from None
        if not isinstance(value, dict):
            raise invalid("The body must be a JSON object")
        call.arguments = value
    elif "prompt" in request.path_params:
        query = request.query_params
        call.arguments = {name: query[name] for name in ("mode", "ratio", "duration") if name in query}
        if urls := query.getlist("image_urls"):
            call.arguments["image_urls"] = urls
        if INTEGER.fullmatch(str(call.arguments.get("duration", ""))):
            call.arguments["duration"] = int(call.arguments["duration"])
        call.arguments["prompt"] = request.path_params["prompt"]
    else:
        call.arguments = dict(request.path_params)


async def validate(lab: Lab, call: Call) -> None:
    for check in lab.checks.get(call.operation.id, {}).values():
        check(lab, call)


def _part(part: Any) -> None:
    if not isinstance(part, dict) or not isinstance(part.get("type"), str):
        raise invalid("A content part needs a type")
    if part["type"] == "text" and not isinstance(part.get("text"), str):
        raise invalid("A text part needs a text")
    if part["type"] == "image_url":
        image = part.get("image_url")
        if not isinstance(image, dict) or not isinstance(image.get("url"), str):
            raise invalid("An image part needs image_url.url")


def check_messages(field: str) -> Check:
    def messages(_: Lab, call: Call) -> None:
        value = call.arguments.get(field)
        if not isinstance(value, list) or not value:
            raise invalid(f"{field} must be a non-empty array")
        if not all(isinstance(item, dict) for item in value):
            raise invalid(f"{field} must hold objects")

    return messages


def check_items(field: str) -> Check:
    def items(_: Lab, call: Call) -> None:
        value = call.arguments.get(field)
        for item in value if isinstance(value, list) else []:
            if not isinstance(item, dict):
                continue
            role = item.get("role")
            if not isinstance(role, str) or role not in ROLES:
                raise invalid("A message needs a known role")
            content = item.get("content")
            if isinstance(content, list):
                for part in content:
                    _part(part)
            elif content is None and role in {"assistant", "function"}:
                continue
            elif not isinstance(content, str):
                raise invalid("A message needs content")

    return items


def stream(_: Lab, call: Call) -> None:
    if not isinstance(call.arguments.get("stream"), bool | None):
        raise invalid("stream must be a boolean")


def tools(_: Lab, call: Call) -> None:
    value = call.arguments.get("tools")
    if value is None:
        return
    if not isinstance(value, list):
        raise invalid("tools must be a list")
    for tool in value:
        function = tool.get("function") if isinstance(tool, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise invalid("A tool needs function.name")


def tool_choice(_: Lab, call: Call) -> None:
    value = call.arguments.get("tool_choice")
    if value is None or value in ("none", "auto", "required"):
        return
    function = value.get("function") if isinstance(value, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise invalid("tool_choice is not a known choice")


def prompt(_: Lab, call: Call) -> None:
    value = call.arguments.get("prompt")
    if not isinstance(value, str) or not value.strip():
        raise invalid("prompt is required")


def one_of(field: str, allowed: set[str | None]) -> Check:
    def choice(_: Lab, call: Call) -> None:
        value = call.arguments.get(field)
        if not isinstance(value, str | None) or value not in allowed:
            raise invalid(f"{field} has an unknown value")

    return choice


def duration(_: Lab, call: Call) -> None:
    """Any integer is clamped to 1..10; anything else is refused."""
    value = call.arguments.get("duration")
    if value is None:
        value = 5
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
        raise invalid("duration must be an integer")
    call.arguments["duration"] = int(min(10, max(1, value)))


def image_urls(_: Lab, call: Call) -> None:
    """At most two; a web address is left alone, base64 becomes a stored PNG."""
    value = call.arguments.get("image_urls")
    if value is None:
        return
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise invalid("image_urls must be a list of strings")
    if len(value) > 2:
        raise invalid("image_urls takes up to two entries")
    call.images = [to_png(item) for item in value if not item.startswith(("http://", "https://"))]


def to_png(text: str) -> bytes:
    """The PNG form of a base64 image, bare or as a data URI."""
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        raw = base64.b64decode(text.strip(), validate=True)
        picture = Image.open(io.BytesIO(raw)).convert("RGBA")
    except (binascii.Error, ValueError, OSError, SyntaxError, Image.DecompressionBombError):
        raise invalid("image_urls holds something that is no image") from None
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def all_checks() -> dict[str, dict[str, Check]]:
    """The checks of every operation, by operation id and name, in the order they run."""
    image: dict[str, Check] = {
        "prompt": prompt,
        "mode": one_of("mode", IMAGE_MODES),
        "image_urls": image_urls,
    }
    video: dict[str, Check] = {
        "prompt": prompt,
        "ratio": one_of("ratio", RATIOS),
        "mode": one_of("mode", VIDEO_MODES),
        "duration": duration,
        "image_urls": image_urls,
    }
    audio: dict[str, Check] = {"prompt": prompt}
    chat: dict[str, Check] = {
        "messages": check_messages("messages"),
        "items": check_items("messages"),
        "stream": stream,
        "tools": tools,
        "tool_choice": tool_choice,
    }
    analyze: dict[str, Check] = {"messages": check_messages("prompt"), "items": check_items("prompt")}
    kinds = {"imagesDaily": image, "videosDaily": video}
    media = (operation for operation in facts.OPERATIONS if operation.text == "media")
    table = {operation.id: dict(kinds.get(operation.metric or "", audio)) for operation in media}
    return {**table, "createChatCompletion": chat, "analyzePrompt": analyze}


def text_of(messages: Any) -> str:
    """The text of all messages; images do not count."""
    found: list[str] = []
    for message in messages if isinstance(messages, list) else []:
        content = message.get("content") if isinstance(message, dict) else None
        if isinstance(content, str):
            found.append(content)
        elif isinstance(content, list):
            found += [
                str(p["text"]) for p in content if isinstance(p, dict) and isinstance(p.get("text"), str)
            ]
    return "\n".join(found)


async def size(lab: Lab, call: Call) -> None:
    kind = call.operation.text
    if kind is None:
        return
    text = call.arguments.get("messages", call.arguments.get("prompt"))
    length = len(text) if isinstance(text, str) else len(text_of(text))
    if length > lab.text_limits[kind]:
        raise Refusal("oversize", f"The prompt is longer than {lab.text_limits[kind]} characters")
