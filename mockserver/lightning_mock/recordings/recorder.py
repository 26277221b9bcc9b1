"""A real host behind the mock: every call goes there, and what comes back goes to the caller and into a file.

Law: nothing is changed on the way but what belongs to one connection. The file holds no credential.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, web
from aiohttp.client_exceptions import ClientPayloadError
from lightning_spec.http_headers import HOP_BY_HOP, each_once, encodable
from lightning_spec.recording import (
    Piece,
    RecordedExchange,
    RecordedRequest,
    RecordedResponse,
    RecordingWriter,
)
from multidict import CIMultiDict
from yarl import URL

from lightning_mock.callers.credential_forms import without_credentials
from lightning_mock.errors import InvalidRequest, UpstreamFailure
from lightning_mock.generation.rendering.errors import TooMuchWorkError
from lightning_mock.generation.rendering.renderer import Renderer
from lightning_mock.http import delivery
from lightning_mock.http.reading import LARGE, read_body
from lightning_mock.http.waiting import ClientLeft, unless_left
from lightning_mock.journal.exchange import Exchange
from lightning_mock.journal.redaction import MAX_KEPT_BODY, MAX_TARGET
from lightning_mock.real_time import stopwatch, wall_time
from lightning_mock.recordings.jobs import Writing, text_of

logger = logging.getLogger(__name__)

T = TypeVar("T")

# Bodies are passed on unpacked and framed anew, and at once.
_NOT_PASSED_ON = HOP_BY_HOP | {"accept-encoding", "content-encoding", "content-length", "expect", "host"}
_TIMEOUT = ClientTimeout(total=None, sock_connect=30)


class Recorder:
    """Passes calls on to one host. Raises RecordingError when the file cannot be a new recording."""

    def __init__(self, upstream: str, path: Path, body_limit: int, renderer: Renderer) -> None:
        self._upstream = upstream.rstrip("/")
        self._body_limit = body_limit
        self._renderer = renderer
        self._writer = RecordingWriter(path, self._upstream, wall_time(), without_credentials)
        self._writing = asyncio.Lock()
        # Answers are recorded as they are read, so the host is asked not to compress them.
        self._session = ClientSession(
            cookie_jar=DummyCookieJar(), timeout=_TIMEOUT, skip_auto_headers=("User-Agent", "Content-Type")
        )
        self.kept = 0
        self.left_out = 0

    async def close(self) -> None:
        """Close the session and the file."""
        await self._session.close()
        async with self._writing:
            self._writer.close()

    async def answer(self, request: web.BaseRequest, exchange: Exchange) -> web.StreamResponse:
        """Ask the host, and answer as it does. Raises UpstreamFailure when it does not, and InvalidRequest
        for what is no request for a path: it would not even have to reach this host."""
        if not request.raw_path.startswith("/"):
            raise InvalidRequest(f"{request.method}: only requests for a path are passed on and recorded.")
        body = await read_body(request, self._body_limit)
        exchange.body, exchange.received = body[:MAX_KEPT_BODY], len(body)
        at = wall_time()
        try:
            response, after, pieces = await unless_left(request, self._passed_on(request, body, exchange))
        except ClientLeft:
            # What was passed on until then is not the host's whole answer.
            exchange.left = True
            self._leave_out(request, "the caller left before its end")
            return delivery.nothing_more()
        recorded = RecordedExchange(
            at,
            RecordedRequest(request.method, request.raw_path, each_once(request.headers.items()), body),
            RecordedResponse(exchange.status, exchange.headers or {}, after, pieces or (), exchange.cut),
        )
        if pieces is None:
            self._leave_out(request, f"it is larger than {self._body_limit} bytes")
        else:
            await self._keep(request, recorded)
        if exchange.cut and request.transport is not None:
            request.transport.abort()
        return response

    async def _passed_on(
        self, request: web.BaseRequest, body: bytes, exchange: Exchange
    ) -> tuple[web.StreamResponse, float, list[Piece] | None]:
        """Pass a request on, and the answer back. Returns that, how many seconds its head took, and its
        pieces, None when they are too large to keep. Raises UpstreamFailure, and ClientLeft."""
        headers = _passing(request.headers)
        headers["Accept-Encoding"] = "identity"
        began = stopwatch()
        try:
            answering = await self._session.request(
                request.method,
                URL(self._upstream + request.raw_path, encoded=True),
                headers=headers,
                data=body or None,
                allow_redirects=False,
            )
        except (ClientError, OSError, ValueError) as error:
            raise UpstreamFailure(
                f"{self._upstream}, which is being recorded, does not answer: "
                f"{str(error) or type(error).__name__}.",
                code="upstream_unreachable",
            ) from None
        async with answering:
            after = stopwatch() - began
            passed = _passing(answering.headers)
            exchange.status, exchange.headers = answering.status, each_once(passed.items())
            exchange.content_type = answering.headers.get("Content-Type", "")
            response = web.StreamResponse(status=answering.status, headers=passed)
            if request.method == "HEAD" or answering.status in (204, 304):
                response.content_length = None
            try:
                await response.prepare(request)
                pieces = await self._pass_back(answering.content, response, exchange)
            except ConnectionError:
                raise ClientLeft from None
            return response, after, pieces

    async def _pass_back(
        self, content: object, response: web.StreamResponse, exchange: Exchange
    ) -> list[Piece] | None:
        """Pass an answer on as it arrives, and note whether the host broke off. Returns its pieces. Raises
        ConnectionError when the caller left, and ClientLeft."""
        pieces: list[Piece] | None = []
        before, size = stopwatch(), 0
        try:
            async for chunk in content.iter_any():  # type: ignore[attr-defined]
                now = stopwatch()
                size += len(chunk)
                if pieces is not None:
                    pieces.append(Piece(now - before, chunk))
                    if size > self._body_limit:
                        pieces = None
                before = now
                exchange.sent = size
                if len(exchange.excerpt) < exchange.max_excerpt:
                    exchange.excerpt = (exchange.excerpt + chunk)[: exchange.max_excerpt]
                try:
                    await response.write(chunk)
                except ConnectionError:
                    raise ClientLeft from None
        except (ClientPayloadError, ClientError, OSError):
            exchange.cut = True
        else:
            await response.write_eof()
        return pieces

    def _leave_out(self, request: web.BaseRequest, why: str) -> None:
        self.left_out += 1
        target = without_credentials(request.raw_path[:MAX_TARGET])
        logger.warning("the answer to %s %s is not recorded: %s", request.method, target, why)

    async def _keep(self, request: web.BaseRequest, recorded: RecordedExchange) -> None:
        """Add to the file. The caller has the answer already, whether or not that can be done."""
        try:
            if _size(recorded) <= LARGE:
                await self._write(self._writer.add, recorded)
            else:
                written = await self._renderer.do_once(Writing(recorded))
                await self._write(self._writer.add_text, text_of(written))
        except TooMuchWorkError:
            self._leave_out(request, "to look for credentials in it takes too long")
        except (OSError, ValueError) as error:
            self._leave_out(request, str(error))
        else:
            self.kept += 1

    async def _write(self, add: Callable[[T], None], what: T) -> None:
        async with self._writing:
            await asyncio.to_thread(add, what)


def _size(recorded: RecordedExchange) -> int:
    """How many characters and bytes are looked through for credentials."""
    request, response = recorded.request, recorded.response
    named = (*request.headers.values(), *response.headers.values())
    pieces = sum(len(piece.content) for piece in response.pieces)
    return len(request.target) + sum(map(len, named)) + len(request.content) + pieces


def _passing(headers: Mapping[str, str]) -> CIMultiDict[str]:
    # Bytes that are not UTF-8 cannot be passed on as they came: the library would write others.
    return CIMultiDict(
        (encodable(name), encodable(value))
        for name, value in headers.items()
        if name.lower() not in _NOT_PASSED_ON
    )
