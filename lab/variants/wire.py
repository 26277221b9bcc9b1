"""The same answers sent over the wire differently: headers, encodings, connections, order of fields,
timing."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lab import seams
from lab.proofs import read
from lab.server.lab import Call, Json, Lab, Reply, Stream
from lab.variants.variant import VariantSet

VARIANTS = VariantSet()

_CATALOGUE = read("/tier-config")

JSON = " ".join(sorted(seams.JSON_OPERATIONS))


def _typed(suffix: str, kind: str) -> seams.Apply:
    def change(_: Lab, __: Call, reply: Reply) -> Reply:
        if reply.content_type == kind:
            reply.content_type += suffix
        return reply

    return seams.change(change)


VARIANTS.group("json-type", lambda c: c.get("/usage").header("content-type")).add(
    "json-charset: the type of JSON names its charset", _typed("; charset=utf-8", "application/json")
).add(
    "json-charset-upper-case: the type of JSON is written in another way",
    _typed(";charset=UTF-8", "application/json"),
)

VARIANTS.group("", lambda c: c.chat(stream=True).header("content-type")).add(
    "stream-charset: the type of a stream names its charset", _typed("; charset=utf-8", "text/event-stream")
)

VARIANTS.group(
    "",
    lambda c: dict(c.send("GET", "/tiers", None, {"Accept-Encoding": "gzip"}).headers).get(
        "content-encoding"
    ),
).add(
    "gzip: answers are compressed for clients that take it",
    lambda lab: lab.middleware.append(lambda app: GZipMiddleware(app, minimum_size=1)),
)


def _start(function: Callable[[Message], None]) -> Callable[[Lab], None]:
    """Change the start of every response: its status and headers."""

    def wrap(app: ASGIApp) -> ASGIApp:
        async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
            async def changed(message: Message) -> None:
                if message["type"] == "http.response.start":
                    message["headers"] = list(message["headers"])
                    function(message)
                await send(message)

            await app(scope, receive, changed)

        return wrapped

    return lambda lab: lab.middleware.append(wrap)


def _headers(**headers: str) -> Callable[[Lab], None]:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return _start(lambda message: message["headers"].extend(pairs))


VARIANTS.group("", lambda c: c.get("/usage").header("set-cookie")).add(
    "cookies: a cookie is set with every answer", _headers(set_cookie="session=abc; Path=/; HttpOnly")
)

VARIANTS.group("", lambda c: c.get("/usage").header("access-control-allow-origin")).add(
    "cors: any origin may read", _headers(access_control_allow_origin="*", access_control_expose_headers="*")
)

VARIANTS.group("", lambda c: c.get("/usage").header("etag")).add(
    "cache-headers: answers have an ETag and cache headers",
    _headers(etag='W/"1"', cache_control="no-store", vary="Authorization, X-Client-ID, Accept-Encoding"),
)

VARIANTS.group("", lambda c: c.get("/usage").header("x-ratelimit-limit")).add(
    "limit-headers: answers count the rate in headers of their own",
    _headers(x_ratelimit_limit="120", x_ratelimit_remaining="119", ratelimit_policy='"burst";q=120;w=60'),
)

VARIANTS.group("", lambda c: c.get("/usage").header("via")).add(
    "security-headers: answers have the headers of a proxy",
    _headers(
        strict_transport_security="max-age=1",
        x_content_type_options="nosniff",
        via="1.1 edge",
        x_request_id="r-1",
    ),
)

VARIANTS.group("", lambda c: c.get("/usage").header("connection")).add(
    "connection-close: every answer closes its connection", _headers(connection="close")
)


def _unsized(message: Message) -> None:
    message["headers"] = [pair for pair in message["headers"] if pair[0] != b"content-length"]


VARIANTS.group("", lambda c: c.get("/usage").header("content-length")).add(
    "chunked: no answer says its length", _start(_unsized)
)


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in reversed(value)}
    return [_ordered(item) for item in value] if isinstance(value, list) else value


def _payloads(function: Callable[[Any], Any]) -> Callable[[Lab], None]:
    """Change the JSON of every answer, refusals included, and every event that is an object."""

    def apply(lab: Lab) -> None:
        def change(_: Lab, __: Call, reply: Reply) -> Reply:
            if isinstance(reply, Json) and not isinstance(reply.payload, bytes):
                reply.payload = function(reply.payload)
            elif isinstance(reply, Stream):
                reply.events = [function(e) if isinstance(e, dict) else e for e in reply.events]
            return reply

        lab.changes.append(change)

    return apply


VARIANTS.group("", lambda c: list(c.get("/usage").json)).add(
    "fields-in-reverse: fields stand in reverse order", _payloads(_ordered)
)


def _more(value: Any, parent: str = "") -> Any:
    """One more field in every object whose fields have fixed names."""
    if isinstance(value, list):
        return [_more(item) for item in value]
    if not isinstance(value, dict):
        return value
    found = {key: _more(item, key) for key, item in value.items()}
    named = parent not in {"usage", "limits", "services", "arguments", "parameters"}
    return {"x_revision": 7, **found, "_links": {"self": None}} if named else found


VARIANTS.group("", _CATALOGUE).add(
    "extra-fields: every object has fields that nobody asked for", _payloads(_more)
)


def _printed(lab: Lab) -> None:
    def change(_: Lab, __: Call, reply: Reply) -> Reply:
        if isinstance(reply, Json) and not isinstance(reply.payload, bytes):
            reply.payload = json.dumps(reply.payload, indent=2, ensure_ascii=True).encode() + b"\n"
        return reply

    lab.changes.append(change)


VARIANTS.group("", lambda c: c.get("/usage").body[:3]).add(
    "json-printed: JSON is indented and ends with a newline", _printed
)


def _slow(seconds: float) -> Callable[[Lab], None]:
    def wrap(app: ASGIApp) -> ASGIApp:
        async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
            await asyncio.sleep(seconds)
            await app(scope, receive, send)

        return wrapped

    return lambda lab: lab.middleware.append(wrap)


VARIANTS.group("", lambda c: c.get("/usage").seconds > 0.3).add(
    "slow-answers: every answer takes 300 ms", _slow(0.3)
)


def _cold(seconds: float) -> Callable[[Lab], None]:
    """503 pages while the host wakes up."""

    def wrap(app: ASGIApp) -> ASGIApp:
        started = time.monotonic()

        async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
            if time.monotonic() - started > seconds:
                await app(scope, receive, send)
                return
            page = b"<html><body>Your space is starting</body></html>"
            headers = [(b"content-type", b"text/html"), (b"content-length", str(len(page)).encode())]
            await send({"type": "http.response.start", "status": 503, "headers": headers})
            await send({"type": "http.response.body", "body": page})

        return wrapped

    return lambda lab: lab.middleware.append(wrap)


VARIANTS.group("", read("/usage")).add("cold-start: the first three seconds are 503 pages", _cold(3.0))


def _pages(message: Message) -> None:
    if message["status"] in {404, 405}:
        message["headers"] = [p for p in message["headers"] if p[0] != b"content-type"] + [
            (b"content-type", b"text/html")
        ]


VARIANTS.group("", read("/no/such/path")).add(
    "html-404: paths that do not exist are answered with a page", _start(_pages)
)
