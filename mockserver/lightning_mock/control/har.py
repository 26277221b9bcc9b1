"""Exchanges of the journal as an HTTP Archive (HAR 1.2), which browser tools and proxies read.

Law: it shows what the journal keeps, which holds no credential.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from importlib.metadata import version
from typing import Any
from urllib.parse import parse_qsl

from lightning_mock.callers.credential_forms import without_credentials
from lightning_mock.journal.explanation import explain
from lightning_mock.journal.recording import Recording

_UNKNOWN = -1


def archive(exchanges: Iterable[Recording], base_url: str) -> dict[str, Any]:
    """The HAR document."""
    return {
        "log": {
            "version": "1.2",
            "creator": {"name": "lightning-mock", "version": version("lightning-contract")},
            "entries": [_entry(kept, base_url) for kept in exchanges],
        }
    }


def _entry(kept: Recording, base_url: str) -> dict[str, Any]:
    began = datetime.fromtimestamp(kept.at - kept.milliseconds / 1000, UTC)
    return {
        "startedDateTime": began.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "time": round(kept.milliseconds, 3),
        "request": _request(kept, base_url),
        "response": _response(kept),
        "cache": {},
        "timings": {"send": 0, "wait": round(kept.milliseconds, 3), "receive": 0},
        "comment": without_credentials(explain(kept)),
    }


def _request(kept: Recording, base_url: str) -> dict[str, Any]:
    query = kept.target.partition("?")[2]
    request: dict[str, Any] = {
        "method": kept.method,
        "url": f"{base_url}/{kept.target.removeprefix('/')}",
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _headers(kept.headers),
        "queryString": [
            {"name": name, "value": value} for name, value in parse_qsl(query, keep_blank_values=True)
        ],
        "headersSize": _UNKNOWN,
        "bodySize": _UNKNOWN if kept.exchange.received is None else kept.exchange.received,
    }
    if kept.body:
        request["postData"] = {"mimeType": kept.headers.get("Content-Type", ""), "text": kept.body}
        if not kept.whole:
            request["postData"]["comment"] = "Not all of the body was kept."
    elif kept.exchange.received is None:
        request["comment"] = "The body was not read."
    return request


def _response(kept: Recording) -> dict[str, Any]:
    content: dict[str, Any] = {"size": kept.size, "mimeType": kept.content_type}
    if kept.text:
        content["text"] = kept.text
    elif kept.answered_whole and kept.exchange.excerpt:
        content["text"], content["encoding"] = b64encode(kept.exchange.excerpt).decode(), "base64"
    if not kept.answered_whole:
        content["comment"] = "Not all of the body was kept."
    return {
        "status": kept.status,
        "statusText": _reason(kept.status),
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _headers(kept.response_headers),
        "content": content,
        "redirectURL": kept.response_headers.get("Location", ""),
        "headersSize": _UNKNOWN,
        "bodySize": kept.size,
    }


def _headers(headers: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in headers.items()]


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
