"""Reads the body of a request: how much of it, and how it is decompressed.

Law: no more is ever decompressed than may be read. The library decompresses nothing, so that an unneeded body
costs nothing, and broken compression is a refusal like any other.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from aiohttp import StreamReader, web
from aiohttp.hdrs import CONTENT_ENCODING
from aiohttp.http_exceptions import HttpProcessingError

from lightning_mock.basis import Basis
from lightning_mock.errors import InvalidRequest, TooLarge

LARGE = 64 * 1024
"""Bytes above which a body is decoded and checked in a thread, so as not to hold up the event loop."""

T = TypeVar("T")
_lane = ThreadPoolExecutor(max_workers=1, thread_name_prefix="large-bodies")

_GZIP, _ZLIB, _DEFLATE = 31, 15, -15
_WINDOW_BITS = {"gzip": _GZIP, "x-gzip": _GZIP, "deflate": _ZLIB}
_ZLIB_METHOD = 8


def body_at_hand(request: web.BaseRequest, limit: int) -> bytes | None:
    """The body if it has arrived and is not compressed, otherwise None; most are small and arrive with the
    head. Raises TooLarge or InvalidRequest."""
    content = request.content
    if CONTENT_ENCODING in request.headers or not content.is_eof():
        return None
    return _at_hand(content, limit)


async def in_turn(work: Callable[..., T], *arguments: Any) -> T:
    """Do this to a large body in a thread, one body after the other in all the process. To decode 32 MiB is
    one call that keeps the interpreter for a tenth of a second; the event loop would wait for each of several
    such threads, and none of them would be done any sooner."""
    return await asyncio.get_running_loop().run_in_executor(_lane, work, *arguments)


async def at_once(work: Callable[..., T], *arguments: Any) -> T:
    """Do this here and now, in the form of `in_turn`."""
    return work(*arguments)


async def read_body(request: web.BaseRequest, limit: int, basis: Basis | None = None) -> bytes:
    """The body, decompressed, of at most `limit` bytes. Raises TooLarge or InvalidRequest."""
    body = await (_arrived(request, limit) if basis is None else basis.body(lambda: _arrived(request, limit)))
    codings = request.headers.getall(CONTENT_ENCODING, ())
    if not codings or not body:
        return body
    coding = ", ".join(codings).strip().lower()
    return body if coding == "identity" else await asyncio.to_thread(decompressed, body, coding, limit)


def _at_hand(content: StreamReader, limit: int) -> bytes:
    if content.total_bytes > limit:
        raise _too_large(limit)
    try:
        return content.read_nowait()
    except (web.RequestPayloadError, HttpProcessingError):
        raise _broken() from None


async def _arrived(request: web.BaseRequest, limit: int) -> bytes:
    if request.content.is_eof():
        return _at_hand(request.content, limit)
    try:
        length = request.content_length
        if length is not None and length > limit:
            raise _too_large(limit)
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise _too_large(limit) from None
    except (web.RequestPayloadError, HttpProcessingError):
        raise _broken() from None


def decompressed(body: bytes, coding: str, limit: int) -> bytes:
    """The decompressed body. Raises TooLarge or InvalidRequest."""
    window = _WINDOW_BITS.get(coding)
    if window is None:
        expected = ", ".join((*_WINDOW_BITS, "identity"))
        raise InvalidRequest(f"Content-Encoding: expected one of {expected}.", "Content-Encoding")
    if window == _ZLIB and body[0] & 0xF != _ZLIB_METHOD:
        # Some clients send raw DEFLATE data without the zlib format (RFC 9110, 8.4.1.2).
        window = _DEFLATE
    decompressor = zlib.decompressobj(window)
    try:
        content = decompressor.decompress(body, limit + 1)
    except zlib.error:
        raise InvalidRequest(f"The body is not valid {coding} data.") from None
    if len(content) > limit:
        raise _too_large(limit)
    if not decompressor.eof or decompressor.unused_data:
        raise InvalidRequest(f"The body is not a single complete {coding} stream.")
    return content


def _broken() -> InvalidRequest:
    return InvalidRequest("The body does not match its headers, or was cut off.")


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The body is too large; expected at most {limit} bytes.")
