"""Hosts that no run may trust: exhausted, lying, hanging, endless, redirecting to charges, dying half-way."""

from __future__ import annotations

import asyncio
import gzip
import io
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from lab import seams
from lab.server import facts
from lab.server.lab import Call, Json, Lab, Reply, Stream

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
HUGE = 300 * 1024 * 1024
LIFE = 25


@dataclass(frozen=True, slots=True)
class Host:
    """A change of the plain server, or a conversation on a bare connection; with neither, a closed port."""

    name: str
    does: str
    apply: Callable[[Lab], None] | None = None
    talk: Talk | None = None


# --- Changes of the plain server -------------------------------------------------------------------------
def always(status: int, body: bytes, kind: str = "application/json") -> Callable[[Lab], None]:
    """One answer to everything, HEAD included."""

    def wrap(_: ASGIApp) -> ASGIApp:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            length = str(len(body)).encode()
            headers = [(b"content-type", kind.encode()), (b"content-length", length)]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

        return app

    return lambda lab: lab.middleware.append(wrap)


def _redirect_to_charged(lab: Lab) -> None:
    """Free routes and refusals redirect to generation; a client that follows is charged."""

    def change(_: Lab, call: Call, reply: Reply) -> Reply:
        generates = call.operation.metric is not None
        if not generates or (isinstance(reply, Json) and reply.refused not in {None, "exhausted"}):
            target = "/gen/image/trap" if not generates else "/gen/video/trap"
            status = 307 if call.operation.method in {"GET", "HEAD"} else 303
            return Json({"detail": "Over there"}, status, [("Location", target)])
        return reply

    lab.changes.append(change)


def _redirect_posts(lab: Lab) -> None:
    """Every POST under /gen is redirected to speech with its body, by 308."""

    def change(_: Lab, call: Call, reply: Reply) -> Reply:
        if call.operation.method == "POST" and call.operation.id != "createTts":
            return Json({"detail": "Over there"}, 308, [("Location", "/gen/tts")])
        return reply

    lab.changes.append(change)


def _loop(lab: Lab) -> None:
    def change(_: Lab, call: Call, reply: Reply) -> Reply:
        return Json({}, 307, [("Location", str(call.request.url.path))])

    lab.changes.append(change)


def _zero(lab: Lab) -> None:
    nothing = dict.fromkeys(facts.METRICS, 0)
    lab.plans = {key: replace(plan, limits=nothing) for key, plan in lab.plans.items()}


def _still(lab: Lab) -> None:
    """Counters never move, and nothing is ever refused."""
    lab.used_of = lambda who, metric: 0


def _tenfold(lab: Lab) -> None:
    """Ten units are charged for each one that is shown."""
    plain = lab.used_of
    lab.used_of = lambda who, metric: plain(who, metric) // 10
    seams.charge_more(
        lambda _, c: [(c.identity.key, str(c.operation.metric))] * 9 if c.operation.metric else []
    )(lab)


def _jumping(lab: Lab) -> None:
    count = [0]

    def used(who: Any, metric: str) -> int:
        count[0] += 7
        return count[0] % 97

    lab.used_of = used


def _charge_all(lab: Lab) -> None:
    """Every request costs a unit of every metric, and /usage does not show it."""
    lab.used_of = lambda who, metric: 0

    def change(inner: Lab, call: Call, reply: Reply) -> Reply:
        for metric in facts.METRICS:
            seams.count(inner, call.identity.key, metric)
        return reply

    lab.changes.append(change)


def _dying(after: int) -> Callable[[Lab], None]:
    """The plain server for so many requests, then a closed port."""

    def wrap_for(lab: Lab) -> Callable[[ASGIApp], ASGIApp]:
        def wrap(app: ASGIApp) -> ASGIApp:
            async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
                if len(lab.requests) > after:
                    lab.stop()
                    # Nothing is said: the connection is cut when the server has stopped.
                    await asyncio.sleep(60)
                await app(scope, receive, send)

            return wrapped

        return wrap

    return lambda lab: lab.middleware.append(wrap_for(lab))


def _starving(after: int) -> Callable[[Lab], None]:
    """The plain server for so many requests, then 429 for everything."""

    def change(lab: Lab, _: Call, reply: Reply) -> Reply:
        return Json({"detail": "Slow down"}, 429) if len(lab.requests) > after else reply

    return lambda lab: lab.changes.append(change)


class _Endless(list[Any]):
    """An endless stream of events."""

    def __iter__(self) -> Any:
        head, *rest = list.__iter__(self)
        yield head
        while True:
            yield from rest[:-2]


def _endless(lab: Lab) -> None:
    def change(_: Lab, __: Call, reply: Reply) -> Reply:
        if isinstance(reply, Stream):
            reply.events, reply.pause = _Endless(reply.events), 0.0005
        return reply

    lab.changes.append(change)


def _stalling(lab: Lab) -> None:
    """A stream that stops after three events and stays open."""

    def change(_: Lab, __: Call, reply: Reply) -> Reply:
        if isinstance(reply, Stream):
            reply.events, reply.pause = reply.events[:3], 3600.0
        return reply

    lab.changes.append(change)


# --- Ways to talk on a bare connection -------------------------------------------------------------------
OK = b"HTTP/1.1 200 OK\r\n"


async def _silent(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    await asyncio.sleep(3600)


async def _half(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(OK + b'Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"plan_key": ')
    await asyncio.sleep(3600)


async def _drip_headers(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(OK)
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.2)


async def _drip_body(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(OK + b"Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n{")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.2)


async def _flood(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(OK + f"Content-Type: application/json\r\nContent-Length: {HUGE}\r\n\r\n".encode())
    block = b" " * 65_536
    for _block in range(HUGE // len(block)):
        writer.write(block)
        await writer.drain()


async def _chunks(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(OK + b"Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"c\r\ndata: {}\n\n\n\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.0005)


async def _many_headers(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(OK)
    while True:
        writer.write(b"X-More: " + b"y" * 4000 + b"\r\n")
        await writer.drain()


async def _reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    transport: Any = writer.transport
    transport.abort()


async def _no_http(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH_9.6\r\n\x00\xff\xfe garbage\r\n\r\n")


@lru_cache(maxsize=1)
def _bomb() -> bytes:
    """300 MB of spaces, compressed to about a megabyte."""
    packed, block = io.BytesIO(), b" " * 1_048_576
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1) as file:
        # In pieces, so that only who unpacks it needs the room.
        for _ in range(HUGE // len(block)):
            file.write(block)
    return packed.getvalue()


async def _zip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    body = await asyncio.to_thread(_bomb)
    kind = b"Content-Type: application/json\r\nContent-Encoding: gzip\r\n"
    writer.write(OK + kind + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
    await writer.drain()


def _spoken(talk: Talk) -> Talk:
    """Read the request before answering."""

    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await talk(reader, writer)

    return conversation


_PORTAL = (
    b"<!doctype html><html><head><title>Welcome</title></head><body>Please accept our terms.</body></html>"
)
_LIMITED = b'{"detail": "Rate limit exceeded"}'

HOSTS: dict[str, Host] = {
    host.name: host
    for host in (
        Host("all-429", "everything is 429", always(429, _LIMITED)),
        Host("all-500", "everything is 500", always(500, b"Internal Server Error", "text/plain")),
        Host("all-503", "everything is 503, for good", always(503, _PORTAL, "text/html")),
        Host("all-401", "everything is 401", always(401, b'{"detail": "Unauthorized"}')),
        Host("all-400", "everything is 400", always(400, b'{"detail": "Bad request"}')),
        Host("all-404", "everything is 404", always(404, b'{"detail": "Not Found"}')),
        Host("all-empty", "everything is 200 and an empty object", always(200, b"{}")),
        Host("captive-portal", "everything is 200 and a page", always(200, _PORTAL, "text/html")),
        Host("zero-limits", "every limit is zero", _zero),
        Host("starved-half-way", f"everything is 429 after {LIFE} requests", _starving(LIFE)),
        Host("dies-half-way", f"the port is closed after {LIFE} requests", _dying(LIFE)),
        Host("redirects-to-charged", "free routes and refusals redirect to generation", _redirect_to_charged),
        Host("redirects-posts", "every POST is sent on to a charged route", _redirect_posts),
        Host("redirect-loop", "every route redirects to itself", _loop),
        Host("counters-stand-still", "/usage shows nothing and nothing is refused", _still),
        Host("counters-tenfold", "ten units are charged for each that is shown", _tenfold),
        Host("counters-jump", "/usage shows other numbers each time", _jumping),
        Host("charges-everything", "every request is charged, in secret", _charge_all),
        Host("endless-stream", "streams never end", _endless),
        Host("stalled-stream", "streams stop half-way and stay open", _stalling),
        Host("hangs", "connections are accepted and nothing is said", talk=_silent),
        Host("hangs-in-body", "the body stops after its first bytes", talk=_spoken(_half)),
        Host("slow-headers", "headers come five bytes a second", talk=_spoken(_drip_headers)),
        Host("slow-body", "bodies come five bytes a second", talk=_spoken(_drip_body)),
        Host("huge-body", "every body has 300 MB", talk=_spoken(_flood)),
        Host("zip-bomb", "every body grows to 300 MB when unpacked", talk=_spoken(_zip)),
        Host("endless-events", "every answer is a stream of empty events", talk=_spoken(_chunks)),
        Host("endless-headers", "headers never end", talk=_spoken(_many_headers)),
        Host("resets", "connections are reset", talk=_spoken(_reset)),
        Host("no-http", "the port speaks another protocol", talk=_spoken(_no_http)),
        Host("unplugged", "nobody listens"),
    )
}
