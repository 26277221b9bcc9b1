"""A real host behind the mock: every call goes there, and what comes back goes to the caller and into a file.

Law: nothing is changed on the way but what belongs to one connection. The file holds no credential.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path

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
from lightning_mock.http.reading import read_body
from lightning_mock.journal.exchange import Exchange
from lightning_mock.journal.redaction import MAX_KEPT_BODY, MAX_TARGET
from lightning_mock.real_time import stopwatch, wall_time

logger = logging.getLogger(__name__)

# Bodies are passed on unpacked and framed anew, and at once.
_NOT_PASSED_ON = HOP_BY_HOP | {"accept-encoding", "content-encoding", "content-length", "expect", "host"}
_TIMEOUT = ClientTimeout(total=None, sock_connect=30)


class _CallerLeft(Exception):
    """The caller disconnected: what was passed on until then is not the host's whole answer."""


class Recorder:
    """Passes calls on to one host. Raises RecordingError when the file cannot be a new recording."""

    def __init__(self, upstream: str, path: Path, body_limit: int) -> None:
        self._upstream = upstream.rstrip("/")
        self._body_limit = body_limit
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
        headers = _passing(request.headers)
        headers["Accept-Encoding"] = "identity"
        at, began = wall_time(), stopwatch()
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
            await response.prepare(request)
            try:
                pieces, cut = await self._pass_on(answering.content, response, exchange)
            except _CallerLeft:
                exchange.left = True
                self._leave_out(request, "the caller left before its end")
                return response
        recorded = RecordedExchange(
            at,
            RecordedRequest(request.method, request.raw_path, each_once(request.headers.items()), body),
            RecordedResponse(answering.status, exchange.headers, after, pieces or (), cut),
        )
        if pieces is None:
            self._leave_out(request, f"it is larger than {self._body_limit} bytes")
        else:
            await self._keep(request, recorded)
        exchange.cut = cut
        if cut and request.transport is not None:
            request.transport.abort()
        return response

    async def _pass_on(
        self, content: object, response: web.StreamResponse, exchange: Exchange
    ) -> tuple[list[Piece] | None, bool]:
        """Pass an answer on as it arrives. Returns its pieces, None when they are too large to keep, and
        whether the host broke off. Raises _CallerLeft."""
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
                if len(exchange.head) < exchange.max_head:
                    exchange.head = (exchange.head + chunk)[: exchange.max_head]
                try:
                    await response.write(chunk)
                except ConnectionError:
                    raise _CallerLeft from None
        except (ClientPayloadError, ClientError, OSError):
            return pieces, True
        await response.write_eof()
        return pieces, False

    def _leave_out(self, request: web.BaseRequest, why: str) -> None:
        self.left_out += 1
        target = without_credentials(request.raw_path[:MAX_TARGET])
        logger.warning("the answer to %s %s is not recorded: %s", request.method, target, why)

    async def _keep(self, request: web.BaseRequest, recorded: RecordedExchange) -> None:
        """Add to the file. The caller has the answer already, whether or not that can be done."""
        try:
            async with self._writing:
                await asyncio.to_thread(self._writer.add, recorded)
        except (OSError, ValueError) as error:
            self._leave_out(request, str(error))
        else:
            self.kept += 1


def _passing(headers: Mapping[str, str]) -> CIMultiDict[str]:
    # Bytes that are not UTF-8 cannot be passed on as they came: the library would write others.
    return CIMultiDict(
        (encodable(name), encodable(value))
        for name, value in headers.items()
        if name.lower() not in _NOT_PASSED_ON
    )
