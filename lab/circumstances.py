"""What befalls a conforming server while it is judged: outages, limits, lost credentials, the end of a day.

Each is told by the clock of the run, which begins with the first request.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lab.gateways import GATEWAYS, Gateway
from lab.seams import edit
from lab.server.lab import Lab

Prepare = Callable[[Lab], None]
# Whether a request is answered by the circumstance, given its scope and the seconds since the first one.
Concerns = Callable[[Scope, float], bool]


def said(status: int, detail: str, **headers: str) -> Gateway:
    """An answer in JSON, as the host itself gives it."""
    body = json.dumps({"detail": detail}).encode()
    return Gateway(status, {"content-type": "application/json", **headers}, body)


def answered(concerns: Concerns, answer: Callable[[Scope], Gateway]) -> Prepare:
    """The circumstance answers the requests that it concerns, and the server all others."""

    def wrap(app: ASGIApp) -> ASGIApp:
        begun: list[float] = []

        async def between(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            begun[:] = begun or [time.monotonic()]
            if not concerns(scope, time.monotonic() - begun[0]):
                await app(scope, receive, send)
                return
            await answer(scope).answer(scope, send)

        return between

    return lambda lab: lab.middleware.append(wrap)


def firewall(forbids: Callable[[bytes], bool], answer: Gateway = GATEWAYS["firewall"]) -> Prepare:
    """A firewall answers the requests whose body it forbids."""

    def wrap(app: ASGIApp) -> ASGIApp:
        async def between(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            read = [await receive()]
            while read[-1].get("more_body"):
                read.append(await receive())
            if forbids(b"".join(message.get("body", b"") for message in read)):
                await answer.answer(scope, send)
                return
            read.reverse()

            async def given() -> Message:
                return read.pop() if read else await receive()

            await app(scope, given, send)

        return between

    return lambda lab: lab.middleware.append(wrap)


_IDENTITY = (b"authorization", b"x-client-id", b"user-agent")


def bearer_of(scope: Scope) -> str:
    """The bearer of a request; empty without one."""
    sent: Mapping[bytes, bytes] = dict(scope["headers"])
    return sent.get(b"authorization", b"").decode().removeprefix("Bearer ")


def outage(begin: float, seconds: float, path: str = "/", status: int = 500) -> Prepare:
    """Everything at `path` fails for some seconds."""
    return answered(
        lambda scope, now: begin <= now < begin + seconds and scope["path"].startswith(path),
        lambda _: said(status, "Internal error"),
    )


def lost_credential(value: str, after: int) -> Prepare:
    """A credential is refused after so many requests with it: it has expired, or was revoked."""
    numbers = count()
    return answered(
        lambda scope, _: bearer_of(scope) == value and next(numbers) >= after,
        lambda _: said(401, "Unknown credential"),
    )


def limit(requests: int, seconds: float, answer: Gateway = GATEWAYS["nginx's limit"]) -> Prepare:
    """A gateway lets so many requests through in each window of so many seconds."""
    windows: dict[int, int] = {}

    def is_beyond(_: Scope, now: float) -> bool:
        window = int(now // seconds)
        windows[window] = windows.get(window, 0) + 1
        return windows[window] > requests

    return answered(is_beyond, lambda _: answer)


def moved_below(prefix: str) -> Prepare:
    """Everything has moved below another path, where the old addresses lead."""

    def wrap(app: ASGIApp) -> ASGIApp:
        async def between(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or not scope["path"].startswith(prefix):
                await app(scope, receive, send)
                return
            path = scope["path"].removeprefix(prefix) or "/"
            raw = scope["raw_path"].removeprefix(prefix.encode()) or b"/"
            await app({**scope, "path": path, "raw_path": raw, "moved": True}, receive, send)

        return between

    def redirect(scope: Scope) -> Gateway:
        query = b"?" * bool(scope["query_string"]) + scope["query_string"]
        there = prefix + (scope["raw_path"] + query).decode()
        return Gateway(308, {"location": there})

    def prepare(lab: Lab) -> None:
        answered(lambda scope, _: not scope.get("moved"), redirect)(lab)
        lab.middleware.append(wrap)

    return prepare


def usage_kept(seconds: float) -> Prepare:
    """Each caller's usage document is kept by somebody for some seconds."""
    kept: dict[tuple[tuple[bytes, bytes], ...], tuple[float, list[Message]]] = {}

    def wrap(app: ASGIApp) -> ASGIApp:
        async def between(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or scope["path"] != "/usage" or scope["method"] != "GET":
                await app(scope, receive, send)
                return
            who = tuple(pair for pair in scope["headers"] if pair[0] in _IDENTITY)
            made, messages = kept.get(who, (float("-inf"), []))
            if time.monotonic() - made > seconds:
                messages = []

                async def keep(message: Message) -> None:
                    messages.append(message)

                await app(scope, receive, keep)
                kept[who] = time.monotonic(), messages
            for message in messages:
                await send(message)

        return between

    return lambda lab: lab.middleware.append(wrap)


def day_ends(at: datetime) -> Prepare:
    """Days end, and weeks with them, at this moment; only `period` tells which day it is."""

    def prepare(lab: Lab) -> None:
        plain, utc = lab.window_of, at.astimezone(UTC)
        midnight = utc.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        lab.window_of = lambda metric, now: plain(metric, now + (midnight - utc))

        def words(value: dict[str, dict[str, dict[str, object]]]) -> object:
            for row in value["usage"].values():
                row["period"], row["window"] = row["window"], "calendar"
            return value

        edit("getUsage", words)(lab)

    return prepare
