"""From a client to the host and back: one connection to the host for each of a client's.

Whatever either side does to its connection is done to the other: half-closing, resetting, closing while idle.
So each side sees what it would see without the proxy.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import NoReturn
from urllib.parse import urlsplit

from lightning_verify.proxy.captured_exchange import CapturedExchange
from lightning_verify.proxy.framing import (
    Body,
    Head,
    Malformed,
    TooLong,
    UntilClosed,
    body_of_request,
    body_of_response,
    encoded,
    read_request,
    read_response,
)
from lightning_verify.proxy.peer import Peer

# Seconds in which the host must take a connection, and in which a client may read an answer that came
# before its request was over.
_CONNECTING = 15.0
_LINGERING = 2.0
OWN = "Lightning-Proxy"


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where the host is. `path` is put before every target."""

    host: str
    port: int
    authority: str
    path: str
    tls: ssl.SSLContext | None

    @classmethod
    def at(cls, url: str) -> Upstream:
        """The host at a valid address."""
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        host = parts.hostname or ""
        return cls(
            host,
            parts.port or (443 if secure else 80),
            parts.netloc.rpartition("@")[2],
            parts.path.rstrip("/"),
            ssl.create_default_context() if secure else None,
        )

    async def connect(self) -> Peer:
        """Open a new connection. Raises OSError, including TimeoutError."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(_CONNECTING):
            _, side = await loop.create_connection(Peer, self.host, self.port, ssl=self.tls)
        return side


def cause_of(problem: OSError) -> str:
    """Why a connection or an address is not to be had. asyncio's own words repeat the address, as a tuple."""
    if problem.errno and not isinstance(problem, socket.gaierror | ssl.SSLError):
        return os.strerror(problem.errno)
    return problem.strerror or str(problem) or type(problem).__name__


def _ignored(_reason: str) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Observer:
    """Observes traffic: `begin` is called with method, target and headers and returns where to keep the
    exchange, `end` gets that when the exchange is over, and `unreachable` is told why the host was not."""

    begin: Callable[[str, str, list[tuple[str, str]]], CapturedExchange]
    end: Callable[[CapturedExchange], None]
    unreachable: Callable[[str], None] = _ignored


class _Refused(Exception):
    """The proxy itself has to answer."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Pair(Peer):
    """A client's connection, with the connection to the host that belongs to it."""

    def __init__(self, upstream: Upstream, observer: Observer, pairs: set[Pair]) -> None:
        super().__init__()
        self._upstream, self._observer, self._pairs = upstream, observer, pairs
        self._host: Peer | None = None
        # Whether the host has answered on this connection, and whether all of a request has been sent.
        self._used = self._asked = False
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there."""
        super().connection_made(transport)
        self._pairs.add(self)
        self.at_end = self._client_ended
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """End both connections."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        try:
            while await self._exchange():
                pass
            await self._linger()
        except ConnectionError:
            self.abort()
        finally:
            if self._host is not None:
                self._host.abort()
            self.close()
            self._pairs.discard(self)

    async def _linger(self) -> None:
        """Let the client read the answer: closing a connection with unread data in it resets it, and what was
        sent last is lost."""
        if self._host is not None:
            self._host.abort()
        self.finish()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LINGERING):
                while not self.ended:
                    await self.more()

    def _client_ended(self) -> None:
        if self._host is None:
            return
        if self.lost:
            self._host.abort()
        elif self._asked and not self.holds:
            self._host.finish()

    # --- one exchange -------------------------------------------------------------------------------------

    async def _exchange(self) -> bool:
        """Pass one exchange on. False when the connection is over."""
        self._asked = False
        try:
            data = await self._next_request()
            if data is None:
                return False
            head, method, target = read_request(data)
            body = body_of_request(head)
            if method == "CONNECT":
                raise _Refused(405, "this proxy serves one host and opens no tunnels")
            target = _origin_form(target)
        except Malformed as problem:
            status = 431 if isinstance(problem, TooLong) else 400
            return await self._refuse(status, f"the request cannot be forwarded: {problem}")
        except _Refused as refusal:
            return await self._refuse(refusal.status, str(refusal))
        captured = self._observer.begin(method, target.decode("latin-1"), head.pairs)
        try:
            return await self._pass_on(head, target, body, captured)
        except Malformed as problem:
            captured.problem = f"the host's answer cannot be read: {problem}"
            if captured.status is not None:
                raise ConnectionResetError from problem
            return await self._refuse(502, captured.problem, method)
        except _Refused as refusal:
            captured.problem = str(refusal)
            return await self._refuse(refusal.status, str(refusal), method)
        except ConnectionError:
            captured.problem = captured.problem or "the client left"
            raise
        except asyncio.CancelledError:
            captured.problem = captured.problem or "the proxy was stopped"
            raise
        finally:
            captured.seconds = time.monotonic() - captured.began
            self._observer.end(captured)

    async def _next_request(self) -> bytes | None:
        host = self._host
        if host is None:
            return await self.head()
        # A host that ends an idle connection ends the client's.
        host.at_end = self.wake
        try:
            return None if host.ended else await self.head()
        finally:
            host.at_end = None

    async def _pass_on(self, head: Head, target: bytes, body: Body, captured: CapturedExchange) -> bool:
        host = await self._connected()
        prefix = b"" if target == b"*" else self._upstream.path.encode()
        first = b" ".join((head.first.split()[0], prefix + target, head.first.split()[2]))
        start = encoded(first, *self._for_the_host(head)) + self._part(body, self.take(), captured)
        # A host that is gone tells so by the answer that does not come.
        with suppress(ConnectionResetError):
            await host.send(start)
        pump = None
        if body.done:
            self._request_sent()
        else:
            pump = asyncio.get_running_loop().create_task(self._pump(host, body, captured))
        try:
            goes_on = await self._answer(host, head, captured)
            self._used = True
            if pump is not None:
                # An answer may come before the request is whole; the host decides whether it wants the rest.
                host.at_end = partial(_cancel, pump)
                await asyncio.wait({pump}, timeout=None if goes_on and not host.ended else 0)
                host.at_end = None
        finally:
            if pump is not None:
                pump.cancel()
        return goes_on and body.done and not host.ended

    async def _connected(self) -> Peer:
        if self._host is None:
            where = f"{self._upstream.host}:{self._upstream.port}"
            try:
                self._host = await self._upstream.connect()
            except OSError as problem:
                late = isinstance(problem, TimeoutError)
                why = (
                    f"{where} accepts no connections"
                    if late
                    else f"no connection to {where}: {cause_of(problem)}"
                )
                self._observer.unreachable(why)
                raise _Refused(504 if late else 502, why) from None
        return self._host

    def _for_the_host(self, head: Head) -> tuple[list[tuple[bytes, bytes]], *tuple[bytes, ...]]:
        """The lines of a request as the host gets them: its own name, and who sent it. There is no Via: some
        hosts answer proxies differently."""
        authority = b"Host: " + self._upstream.authority.encode()
        lines = [
            (name, authority if name == b"host" else line)
            for name, line in head.without((b"x-forwarded-for",))
        ]
        more = [] if head.values(b"host") else [authority]
        peer = self.transport.get_extra_info("peername") or ("unknown",)
        more.append(b"X-Forwarded-For: " + b", ".join([*head.values(b"x-forwarded-for"), peer[0].encode()]))
        given = {b"x-forwarded-host": head.values(b"host"), b"x-forwarded-proto": [b"http"]}
        more += [
            name.title() + b": " + value[0]
            for name, value in given.items()
            if value and not head.values(name)
        ]
        options = [b"close"] if head.closes and not head.is_old else []
        options += [b"keep-alive"] if head.is_old and not head.closes else []
        if b"trailers" in head.words(b"te"):
            options.append(b"TE")
            more.append(b"TE: trailers")
        if head.words(b"upgrade") == [b"websocket"]:
            options.append(b"Upgrade")
            more.append(b"Upgrade: websocket")
        if options:
            more.append(b"Connection: " + b", ".join(options))
        return lines, *more

    def _part(self, body: Body, data: bytes, captured: CapturedExchange) -> bytes:
        """The part of `data` that belongs to the current request."""
        used, pieces = body.feed(data) if data and not body.done else (0, [])
        self.give_back(data[used:])
        captured.request.add(pieces)
        return data[:used]

    async def _pump(self, host: Peer, body: Body, captured: CapturedExchange) -> None:
        """Send the rest of a request's body as it comes."""
        try:
            while not body.done and (data := await self.more()):
                await host.send(self._part(body, data, captured))
            self._request_sent()
        except ConnectionResetError:
            pass  # The answer, or that there is none, says the rest.
        except Malformed as problem:
            captured.problem = f"the request cannot be forwarded: {problem}"
            host.abort()

    def _request_sent(self) -> None:
        self._asked = True
        if self.ended:
            self._client_ended()

    # --- its answer ---------------------------------------------------------------------------------------

    async def _answer(self, host: Peer, asked: Head, captured: CapturedExchange) -> bool:
        """Pass the answer on. False when the connection is over after it."""
        while True:
            data = await host.head()
            if data is None:
                self._no_answer(captured)
            else:
                head, status = read_response(data)
                if status == 101:
                    return await self._tunnel(host, data, captured)
                if status >= 200:
                    break
                await self.send(encoded(head.first, head.without()))
        body = body_of_response(head, status, captured.method)
        captured.head_came(status, head.pairs)
        closes = asked.closes or head.closes or isinstance(body, UntilClosed)
        lines = head.without((b"content-length",) if head.values(b"transfer-encoding") else ())
        ours = [b"Connection: close"] if closes else [b"Connection: keep-alive"] * asked.is_old
        await self._answer_body(host, encoded(head.first, lines, *ours), body, captured)
        return not closes

    def _no_answer(self, captured: CapturedExchange) -> NoReturn:
        if captured.problem is not None:
            raise _Refused(400, captured.problem)
        if self.ended:
            raise ConnectionResetError
        captured.problem = "the host closed the connection without an answer"
        if self._used:
            # As an idle connection may be closed at any time; a client asks again on another one.
            raise ConnectionResetError
        raise _Refused(502, captured.problem)

    async def _answer_body(self, host: Peer, start: bytes, body: Body, captured: CapturedExchange) -> None:
        data = host.take()
        while True:
            used, pieces = body.feed(data) if not body.done else (0, [])
            host.give_back(data[used:])
            captured.came(pieces)
            await self.send(start + data[:used] if start else data[:used])
            start = b""
            if body.done:
                return
            data = await host.more()
            if not data:
                break
        if self.lost:
            raise ConnectionResetError
        if host.broken or not isinstance(body, UntilClosed):
            broke_off = "the host closed the connection in the middle of its answer"
            captured.problem = "the client left" if self.ended else broke_off
        if host.broken:
            raise ConnectionResetError

    async def _tunnel(self, host: Peer, head: bytes, captured: CapturedExchange) -> bool:
        """What follows is not HTTP, and goes through unchanged."""
        captured.problem = "the connection was handed to another protocol"
        await self.send(head)
        self._asked = False
        await asyncio.gather(_pour(self, host), _pour(host, self))
        return False

    async def _refuse(self, status: int, reason: str, method: str = "") -> bool:
        """Answer in the host's place, marked so that this can be seen."""
        error = {"message": reason, "type": "proxy_error", "code": status}
        body = json.dumps({"detail": reason, "error": error}).encode()
        head = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            f"{OWN}: this answer is the proxy's own",
            "Connection: close\r\n\r\n",
        )
        await self.send("\r\n".join(head).encode() + (b"" if method == "HEAD" else body))
        return False


def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()


async def _pour(source: Peer, sink: Peer) -> None:
    with suppress(ConnectionResetError):
        while data := await source.more():
            await sink.send(data)
    sink.finish()


def _origin_form(target: bytes) -> bytes:
    """A target in the form that hosts expect; clients that know of a proxy send whole addresses."""
    if target.startswith(b"/") or target == b"*":
        return target
    _, scheme, rest = target.partition(b"://")
    if not scheme:
        raise Malformed("the target is neither a path nor an address")
    return b"/" + rest.partition(b"/")[2]


class Relay:
    """Accepts clients' connections for as long as it is open."""

    def __init__(self, upstream: Upstream, observer: Observer) -> None:
        self._upstream, self._observer = upstream, observer
        self._pairs: set[Pair] = set()

    async def open(self, host: str, port: int) -> int:
        """Listen, and return the port. Raises OSError."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Pair(self._upstream, self._observer, self._pairs), host, port, backlog=512
        )
        number: int = self._server.sockets[0].getsockname()[1]
        return number

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._pairs)

    async def close(self) -> None:
        """Accept no more, and end all connections."""
        self._server.close()
        await asyncio.gather(*(pair.stop() for pair in list(self._pairs)))
