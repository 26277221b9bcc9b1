"""Whether an answer or a part of a stream says that it failed, inside a status that says success.

Upstreams fail after the headers have gone out, and frameworks report it differently: an `error` beside or
instead of the choices, an object called `error`, a `detail`, a finish reason, an event of that name.
"""

from __future__ import annotations

import json
from typing import Any

from lightning_verify.reading.json_text import parsed
from lightning_verify.reading.numbers import whole_number

_LENGTH = 200
# What stands in an answer that was made; beside it a `detail` is only more to read.
_MADE = ("choices", "router_metadata", "usage", "data", "plans", "models", "services", "plan_key")


def failure_in(document: Any) -> str | None:
    """The failure that a JSON value reports, or None."""
    if not isinstance(document, dict):
        return None
    for name in ("error", "errors"):
        if document.get(name):
            return _words(document[name])
    if "error" in (document.get("object"), document.get("type"), document.get("status")):
        return _words(document)
    if not any(name in document for name in _MADE):
        if document.get("detail"):
            return _words(document["detail"])
        codes = [
            whole_number(document.get(name)) or 0 for name in ("code", "status", "status_code", "statusCode")
        ]
        if document.get("success") is False or max(codes) >= 400:
            return _words(document)
    choices = document.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict) and (choice.get("error") or choice.get("finish_reason") == "error"):
            return _words(choice.get("error") or choice)
    return None


def failure_in_event(name: str, data: str) -> str | None:
    """The failure that an event of a stream reports, by its name or in its data; or None."""
    document = parsed(data)
    failure = failure_in(document)
    if failure is not None:
        return failure
    if name.lower().replace("-", "_").split("_")[-1] in {"error", "exception", "failure"}:
        return data[:_LENGTH] or name
    # Plain words instead of JSON, as some gateways write them.
    bare = data.strip().lower()
    return data[:_LENGTH] if document is None and bare.startswith(("[error]", "error:")) else None


def failure_in_text(text: str) -> str | None:
    """The failure that a body reports, if it is JSON; or None."""
    return failure_in(parsed(text)) if text.lstrip().startswith("{") else None


def _words(value: Any) -> str:
    if isinstance(value, dict) and isinstance(value.get("message"), str) and value["message"]:
        return str(value["message"])[:_LENGTH]
    try:
        return json.dumps(value, ensure_ascii=False)[:_LENGTH]
    except (ValueError, RecursionError):
        return "an error that cannot be shown"
