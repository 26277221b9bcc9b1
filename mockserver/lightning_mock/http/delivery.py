"""Writes replies to the network.

Law: nothing else in this package writes to a socket. Every response carries the CORS headers; a stream is
paced here, and ends quietly when its client leaves.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections.abc import AsyncIterator, Mapping
from itertools import islice

from aiohttp import HttpVersion11, web
from aiohttp.http import SERVER_SOFTWARE, StreamWriter
from multidict import CIMultiDict

from lightning_mock.clock import http_date
from lightning_mock.errors import ApiError
from lightning_mock.http.replies import Body, ConnectionResetOnPurpose, EventStream, Ready, Split, json_body
from lightning_mock.http.waiting import has_left, pause
from lightning_mock.journal.exchange import Exchange
from lightning_mock.settings import Settings

logger = logging.getLogger(__name__)

EVENTS_BETWEEN_YIELDS = 32
"""Events after which an unpaced stream yields: without that one stream would hold up everybody."""

_CORS = {
    # `*` also suits the origin `null` of pages that were opened from a file.
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Link, Retry-After, X-Should-Retry",
}
_STREAM_HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_MAX_AT_ONCE = 64 * 1024
_headers_by_type: dict[str, CIMultiDict[str]] = {}
_heads_by_type: dict[str, tuple[bytes | None, Mapping[str, str]]] = {}


class _Sent(web.StreamResponse):
    """What aiohttp is given for an answer that is on the wire already."""

    keep_alive = True

    async def prepare(self, request: web.BaseRequest) -> None:
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        return None


_SENT = _Sent()


def respond(request: web.BaseRequest, reply: Body, exchange: Exchange) -> web.StreamResponse:
    """Send a whole reply, or leave it to aiohttp to send, and note it.

    The plain success on a connection that stays open goes out in one write: building its headers one by one
    would cost as much as all that the server knows of quotas. Everything else is left to the library.
    """
    content = reply.content
    exchange.status, exchange.content_type = reply.status, reply.content_type
    exchange.sent, exchange.excerpt = len(content), content[: exchange.max_excerpt]
    transport = request.transport
    if (
        reply.status != 200
        or reply.headers
        or len(content) > _MAX_AT_ONCE
        or not request.keep_alive
        or request.version != HttpVersion11
        or request.method == "HEAD"
        or transport is None
        or transport.is_closing()
        # A client that sends faster than it reads has to wait: aiohttp handles back-pressure.
        or transport.get_write_buffer_size()
    ):
        return as_response(reply, exchange)
    head, exchange.headers = _head(reply.content_type)
    if head is None:
        return as_response(reply, exchange)
    transport.write(b"%b%d\r\nDate: %b\r\n\r\n%b" % (head, len(content), http_date(), content))
    return _SENT


def as_response(reply: Body, exchange: Exchange | None = None) -> web.Response:
    """A whole reply as a response that is still to be sent."""
    headers = _headers(reply.content_type, reply.headers)
    if exchange is not None:
        exchange.headers = headers
    return web.Response(body=reply.content, status=reply.status, headers=headers)


def refusal(error: ApiError) -> Body:
    """A refusal as a reply, with the status that the spec gives its kind."""
    return json_body(error.body(), error.row.status, error.headers)


def cut_off(request: web.BaseRequest) -> web.StreamResponse | None:
    """End the connection of an answer that failed after its head was sent; None before that. A second head
    would become a part of it."""
    if not request.writer.output_size:
        return None
    _hang_up(request)
    return _SENT


def nothing_more() -> web.StreamResponse:
    """What aiohttp is given for an answer that has been sent, or that nobody is there to read."""
    return _SENT


def preflight(request: web.BaseRequest, exchange: Exchange) -> web.Response:
    """The answer to a browser's preflight: anything is allowed, from anywhere."""
    asked = request.headers
    headers = {
        **_CORS,
        "Access-Control-Allow-Methods": asked["Access-Control-Request-Method"],
        "Access-Control-Max-Age": "600",
        "Vary": "Access-Control-Request-Method, Access-Control-Request-Headers",
    }
    if wanted := asked.get("Access-Control-Request-Headers"):
        headers["Access-Control-Allow-Headers"] = wanted
    if asked.get("Access-Control-Request-Private-Network") == "true":
        # A public page may talk to a mock on this machine.
        headers["Access-Control-Allow-Private-Network"] = "true"
    exchange.preflight, exchange.status, exchange.headers = True, 204, headers
    return web.Response(status=204, headers=headers)


async def streamed(
    request: web.BaseRequest, reply: EventStream, settings: Settings, exchange: Exchange
) -> web.StreamResponse:
    """Write a stream event by event. Raises what the stream raises before its first event, when nothing has
    been sent."""
    events = reply.events
    headers = _stream_headers(reply)
    response = web.StreamResponse(status=reply.status, headers=headers)
    try:
        first = await anext(events, None)
    except ConnectionResetOnPurpose:
        exchange.cut = True
        await _reset(request)
        return response
    exchange.status, exchange.headers, exchange.content_type = reply.status, headers, reply.content_type
    if reply.length is not None:
        # The body may be shorter than announced, and the next response must not be taken for its rest.
        response.force_close()
    try:
        await response.prepare(request)
        if first is not None:
            exchange.sent, exchange.excerpt = len(first), first[: exchange.max_excerpt]
            await _write(response, first, reply.split)
            await _write_rest(request, response, reply, settings, exchange)
        await response.write_eof()
        exchange.cut = reply.length is not None and exchange.sent < reply.length
    except ConnectionResetOnPurpose:
        exchange.cut = True
        await _reset(request)
    except ConnectionError:
        exchange.left = True
        logger.debug("the client disconnected in mid-stream")
    except Exception:
        # The status has been sent: closing before the end is all that can still show the failure.
        exchange.cut = True
        logger.exception("a stream was cut off")
        _hang_up(request)
    finally:
        await _close(events)
    return response


async def _write_rest(
    request: web.BaseRequest,
    response: web.StreamResponse,
    reply: EventStream,
    settings: Settings,
    exchange: Exchange,
) -> None:
    events, split = reply.events, reply.split
    if isinstance(events, Ready) and not split:
        await _write_ready(request, response, events, exchange, settings)
        return
    between = _between_events(settings)
    count = 0
    async for event in events:
        count += 1
        exchange.sent += len(event)
        if len(exchange.excerpt) < exchange.max_excerpt:
            exchange.excerpt = (exchange.excerpt + event)[: exchange.max_excerpt]
        if count == 1 and settings.first_token_delay:
            await pause(request, settings.first_token_delay)
        elif between:
            await pause(request, between)
        elif count % EVENTS_BETWEEN_YIELDS == 0:
            await asyncio.sleep(0)
        await _write(response, event, split)


async def _write_ready(
    request: web.BaseRequest,
    response: web.StreamResponse,
    ready: Ready,
    exchange: Exchange,
    settings: Settings,
) -> None:
    """Write events at the chosen pace, or as fast as the client reads. Each is a chunk of its own, but
    unpaced ones go out many to a write: one write for each would be most of the cost of a stream.
    """
    between = _between_events(settings)
    wait = settings.first_token_delay or between
    at_once = 1 if between else EVENTS_BETWEEN_YIELDS
    writer = request.writer
    chunked = isinstance(writer, StreamWriter) and writer.chunked
    while batch := list(islice(ready.events, at_once)):
        await pause(request, wait)
        wait = between
        if chunked:
            transport = request.transport
            if transport is None or has_left(request):
                raise ConnectionError("the client has left")
            transport.write(b"".join([b"%x\r\n%b\r\n" % (len(event), event) for event in batch]))
            await writer.drain()
        else:
            for event in batch:
                await response.write(event)
        exchange.sent += sum(map(len, batch))
        if len(exchange.excerpt) < exchange.max_excerpt:
            exchange.excerpt = (exchange.excerpt + b"".join(batch))[: exchange.max_excerpt]


def _between_events(settings: Settings) -> float:
    """Seconds between two events."""
    return 1.0 / settings.token_rate if settings.token_rate else 0.0


async def _write(response: web.StreamResponse, event: bytes, split: Split | None) -> None:
    if split is None:
        await response.write(event)
        return
    for piece in split(event):
        await response.write(piece)
        # One turn of the event loop for each piece, or they would reach the kernel together.
        await asyncio.sleep(0)


async def _reset(request: web.BaseRequest) -> None:
    """Drop the connection so that the client sees a reset, not an end."""
    transport = request.transport
    if transport is None:
        return
    # A transport signals when its buffer is no longer full, not when it is empty.
    while transport.get_write_buffer_size() and not transport.is_closing():  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    transport.abort()


def _hang_up(request: web.BaseRequest) -> None:
    if request.transport is not None:
        request.transport.close()


async def _close(events: AsyncIterator[bytes]) -> None:
    close = getattr(events, "aclose", None)
    if close is not None:
        await close()


def _stream_headers(reply: EventStream) -> CIMultiDict[str]:
    headers = _headers(reply.content_type, reply.headers).copy()
    headers.update(_STREAM_HEADERS)
    if reply.length is not None:
        headers["Content-Length"] = str(reply.length)
    return headers


def _headers(content_type: str, extra: Mapping[str, str] | None) -> CIMultiDict[str]:
    headers = _headers_by_type.get(content_type)
    if headers is None:
        headers = _headers_by_type[content_type] = CIMultiDict({**_CORS, "Content-Type": content_type})
    if extra:
        headers = headers.copy()
        headers.update(extra)
    return headers


def _head(content_type: str) -> tuple[bytes | None, Mapping[str, str]]:
    """The head of a success up to its length, and its headers; None for a type that the library has to look
    at first."""
    if content_type not in _heads_by_type:
        lines = {"Server": SERVER_SOFTWARE, **_headers(content_type, None)}
        fields = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        fine = content_type.isascii() and content_type.isprintable()
        head = f"HTTP/1.1 200 OK\r\n{fields}Content-Length: ".encode() if fine else None
        _heads_by_type[content_type] = head, lines
    return _heads_by_type[content_type]
