"""From a reply to bytes on the wire.

Law: nothing else in this package writes to a socket. Every response carries the CORS headers; a stream is
paced here, and a client that leaves ends it quietly.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping

import orjson
from aiohttp import web
from multidict import CIMultiDict

from mockserver.errors import ApiError
from mockserver.replies import JSON, Body, EventStream
from mockserver.settings import Settings

logger = logging.getLogger(__name__)

EVENTS_BETWEEN_YIELDS = 8
"""An unpaced stream lets others run this often: without it one stream's writes hold up everybody."""

_CORS = {
    # `*` also suits the origin `null` of pages that were opened from a file.
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Link, Retry-After",
}
_STREAM_HEADERS = CIMultiDict(
    {
        **_CORS,
        "Content-Type": "text/event-stream; charset=utf-8",
        "Cache-Control": "no-cache",
        "X-Accel-Buffering": "no",
    }
)
_headers_by_type: dict[str, CIMultiDict[str]] = {}


def whole(reply: Body) -> web.Response:
    """A whole reply as a response."""
    headers = _headers(reply.content_type, reply.headers)
    return web.Response(body=reply.content, status=reply.status, headers=headers)


def refused(error: ApiError, statuses: Mapping[str, int]) -> web.Response:
    """A refusal as a response, with the status that the spec gives its kind."""
    return web.Response(
        body=orjson.dumps(error.body()), status=statuses[error.kind], headers=_headers(JSON, error.headers)
    )


def preflight(request: web.BaseRequest) -> web.Response:
    """The answer to a browser that asks what it may send: anything, from anywhere."""
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
    return web.Response(status=204, headers=headers)


async def streamed(request: web.BaseRequest, reply: EventStream, settings: Settings) -> web.StreamResponse:
    """Write a stream event by event. An error before its first event is the caller's to answer."""
    events = reply.events
    first = await anext(events, None)
    response = web.StreamResponse(headers=_STREAM_HEADERS)
    try:
        await response.prepare(request)
        if first is not None:
            await response.write(first)
            await _write_rest(response, events, settings)
        await response.write_eof()
    except ConnectionError:
        logger.debug("the client left in mid-stream")
    except Exception:
        # The status is on the wire already: all that is left is to break off, so that the client can tell.
        logger.exception("a stream broke off")
        _hang_up(request)
    finally:
        await _close(events)
    return response


async def _write_rest(response: web.StreamResponse, events: AsyncIterator[bytes], settings: Settings) -> None:
    pause = 1.0 / settings.token_rate if settings.token_rate else 0.0
    write = response.write
    count = 0
    async for event in events:
        count += 1
        if count == 1 and settings.first_token_delay:
            await asyncio.sleep(settings.first_token_delay)
        elif pause:
            await asyncio.sleep(pause)
        elif count % EVENTS_BETWEEN_YIELDS == 0:
            await asyncio.sleep(0)
        await write(event)


def _hang_up(request: web.BaseRequest) -> None:
    if request.transport is not None:
        request.transport.close()


async def _close(events: AsyncIterator[bytes]) -> None:
    close = getattr(events, "aclose", None)
    if close is not None:
        await close()


def _headers(content_type: str, extra: Mapping[str, str] | None) -> CIMultiDict[str]:
    headers = _headers_by_type.get(content_type)
    if headers is None:
        headers = _headers_by_type[content_type] = CIMultiDict({**_CORS, "Content-Type": content_type})
    if extra:
        headers = headers.copy()
        headers.update(extra)
    return headers
