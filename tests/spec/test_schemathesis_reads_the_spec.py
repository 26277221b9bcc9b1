"""Schemathesis loads every operation and judges a stream event by event and as a whole."""

from __future__ import annotations

import copy
import datetime
import io
from collections.abc import Callable
from typing import Any

import pytest
import requests
import schemathesis
import urllib3
from lightning_spec.loader import load_spec
from requests.adapters import HTTPAdapter
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.openapi.checks import JsonSchemaError

DOCUMENT = load_spec().document
# With settings of its own it leaves schemathesis.toml, which is for runs of the command line, alone.
SCHEMA = schemathesis.openapi.from_dict(copy.deepcopy(DOCUMENT), config=schemathesis.Config.from_dict({}))
CHAT = DOCUMENT["paths"]["/gen/chat/completions"]["post"]
STREAM = CHAT["responses"]["200"]["content"]["text/event-stream"]
LEGAL: list[str] = [event["data"] for event in STREAM["examples"]["text"]["value"]]


def reply(content_type: str, body: bytes, *, method: str = "POST") -> requests.Response:
    raw = urllib3.HTTPResponse(
        body=io.BytesIO(body), headers={"Content-Type": content_type}, status=200, preload_content=False
    )
    response = HTTPAdapter().build_response(requests.Request(method, "http://127.0.0.1/").prepare(), raw)
    response.elapsed = datetime.timedelta()
    assert response.content == body
    return response


def stream(events: list[str]) -> requests.Response:
    return reply("text/event-stream", "".join(f"data: {event}\n\n" for event in events).encode())


def test_it_loads_all_operations() -> None:
    SCHEMA.validate()
    labels = [result.ok().label for result in SCHEMA.get_all_operations() if isinstance(result, Ok)]
    assert len(labels) == len(set(labels)) == len(load_spec().operations)


def test_it_accepts_a_legal_stream() -> None:
    SCHEMA["/gen/chat/completions"]["POST"].validate_response(stream(LEGAL))


def test_it_accepts_a_stream_whose_upstream_failed_midway() -> None:
    SCHEMA["/gen/chat/completions"]["POST"].validate_response(
        stream([*LEGAL[:3], '{"error": {"message": "The upstream provider failed."}}'])
    )


def test_it_accepts_events_of_kinds_that_nobody_named() -> None:
    SCHEMA["/gen/chat/completions"]["POST"].validate_response(stream([LEGAL[0], '{"note": 1}', *LEGAL[1:]]))


FAULTS: dict[str, Callable[[list[str]], list[str]]] = {
    "no end mark": lambda events: events[:-1],
    "two end marks": lambda events: [*events, events[-1]],
    "no metadata": lambda events: events[1:],
    "metadata without a name": lambda events: ['{"router_metadata": {}}', *events[1:]],
    "metadata with an empty name": lambda events: ['{"router_metadata": {"model_name": ""}}', *events[1:]],
    "no finish reason": lambda events: events[:3] + events[4:],
    "broken JSON": lambda events: [*events[:2], '{"choices": [', *events[2:]],
    "a chunk that is no object": lambda events: [*events[:2], "[1]", *events[2:]],
    "a choice without a delta": lambda events: [*events[:2], '{"choices": [{"index": 0}]}', *events[2:]],
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_it_sees_a_faulty_stream(fault: Callable[[list[str]], list[str]]) -> None:
    with pytest.raises(JsonSchemaError, match=r"SSE (event|stream) violates schema"):
        SCHEMA["/gen/chat/completions"]["POST"].validate_response(stream(fault(LEGAL)))


@pytest.mark.parametrize(
    ("path", "method", "content_type"),
    [
        ("/gen/image", "POST", "image/jpeg"),
        ("/gen/image", "POST", "image/webp"),
        ("/gen/video/{prompt}", "GET", "video/mp4"),
        ("/gen/sfx", "POST", "audio/wav"),
        ("/status/image", "HEAD", "image/png"),
        ("/status/text", "HEAD", "text/plain; charset=utf-8"),
    ],
)
def test_a_medium_may_come_in_any_format(path: str, method: str, content_type: str) -> None:
    case: Any = SCHEMA[path][method].Case(path_parameters={"prompt": "x"} if "{" in path else {})
    body = b"" if method == "HEAD" else b"\x00\x01"
    case.validate_response(
        reply(content_type, body, method=method), checks=[check("content_type_conformance")]
    )


def test_a_medium_may_not_come_as_another() -> None:
    case: Any = SCHEMA["/gen/image"]["POST"].Case()
    with pytest.raises(FailureGroup):
        case.validate_response(reply("text/html", b"<p>"), checks=[check("content_type_conformance")])


def check(name: str) -> Any:
    return schemathesis.checks.CHECKS.get_one(name)
