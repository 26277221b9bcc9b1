"""What the faults that a call has met do to it, at each of the points where something can go wrong.

Law: a fault fires, and counts, only where it can be seen: one that damages streams is not used up by a call
that is not streamed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from aiohttp.web import BaseRequest
from lightning_spec.loader import Operation

from lightning_mock.callers.identity import Identity
from lightning_mock.clock import Clock
from lightning_mock.errors import (
    ApiError,
    InvalidRequest,
    QuotaExhausted,
    TooLarge,
    Unauthorized,
    UpstreamFailure,
)
from lightning_mock.faults import effects
from lightning_mock.faults.book import FaultBook
from lightning_mock.faults.fault import Fault, Kind
from lightning_mock.http.replies import Body, EventStream, Reply, json_body

_REFUSALS: dict[int, type[ApiError]] = {
    400: InvalidRequest,
    401: Unauthorized,
    413: TooLarge,
    429: QuotaExhausted,
    500: UpstreamFailure,
}
_COLD_START = b"""<!doctype html>
<html><head><title>Starting</title></head>
<body><h1>503</h1><p>This application is starting. Try again in a moment.</p></body></html>
"""


class Interrupted(Exception):
    """A fault answers in place of the server. `wait` is how many seconds it lasts, where that is known."""

    def __init__(self, reply: Body, wait: float | None = None) -> None:
        super().__init__(reply.status)
        self.reply = reply
        self.wait = wait


def injector_for(
    book: FaultBook,
    request: BaseRequest,
    operation: Operation,
    identify: Callable[[BaseRequest], Identity],
    clock: Clock,
) -> FaultInjector | None:
    """What a call has met, if anything."""
    faults = book.matching(request, operation, identify)
    return FaultInjector(faults, book, request, clock) if faults else None


class FaultInjector:
    """The faults that one call has met. `fired` names those that did something, as (id, kind)."""

    def __init__(self, faults: list[Fault], book: FaultBook, request: BaseRequest, clock: Clock) -> None:
        self._faults = faults
        self._book = book
        self._request = request
        self._clock = clock
        self.fired: list[tuple[str, str]] = []

    async def on_arrival(self) -> None:
        """Before anybody looks at the call: it waits, or the host is still asleep."""
        if latency := self._take("latency"):
            await asyncio.sleep(latency.parameters["seconds"])
        if cold := self._take("cold_start"):
            raise Interrupted(Body(_COLD_START, "text/html", 503), (cold.until or 0) - self._clock.now())

    def before_charge(self) -> None:
        """The call is good, and nothing has been counted."""
        self._fail("before_charge")

    def after_charge(self) -> None:
        """The unit has been taken; it is given back."""
        self._fail("after_charge")

    def alter(self, reply: Reply) -> Reply:
        """The reply as the caller will get it."""
        if kind := self._take("content_type"):
            reply = replace(reply, content_type=kind.parameters["content_type"])
        if isinstance(reply, Body):
            if not reply.content or self._request.method == "HEAD":
                return reply
            return self._alter_body(reply)
        events = reply.events
        if self._take("reorder"):
            events = effects.reordered(events)
        if self._take("duplicate"):
            events = effects.duplicated(events)
        if fault := self._take("malform"):
            events = effects.malformed(events, fault.parameters.get("after_events", 2))
        return self._alter_stream(replace(reply, events=events))

    def _alter_body(self, body: Body) -> Reply:
        content = body.content
        if self._take("malform"):
            content = content[: len(content) // 2]
        stream = EventStream(
            effects.halves(content), body.content_type, body.status, body.headers, len(content)
        )
        altered = self._alter_stream(stream)
        return replace(body, content=content) if altered is stream else altered

    def _alter_stream(self, stream: EventStream) -> EventStream:
        """What can happen to any sequence of bytes. Gives the stream itself when nothing does."""
        if fault := self._take("truncate"):
            stream = replace(
                stream, events=effects.truncated(stream.events, fault.parameters.get("after_events", 1))
            )
        if fault := self._take("stall"):
            stream = replace(
                stream,
                events=effects.stalled(
                    stream.events,
                    fault.parameters.get("after_events", 1),
                    fault.parameters.get("seconds"),
                    self._still_held_by(fault),
                ),
            )
        if fault := self._take("refragment"):
            stream = replace(stream, split=effects.splitter(fault.parameters["split"]))
        if fault := self._take("reset"):
            stream = replace(
                stream, events=effects.reset_after(stream.events, fault.parameters.get("after_bytes", 0))
            )
        return stream

    def _take(self, kind: Kind, **wanted: Any) -> Fault | None:
        for fault in self._faults:
            fits = fault.kind == kind and all(
                fault.parameters.get(name) == value for name, value in wanted.items()
            )
            if fits and self._book.take(fault):
                self.fired.append((fault.id, fault.kind))
                return fault
        return None

    def _fail(self, when: str) -> None:
        fault = self._take("status", when=when)
        if fault is not None:
            raise Interrupted(self._failure(fault))

    def _failure(self, fault: Fault) -> Body:
        status = fault.parameters["status"]
        message = fault.parameters.get("message") or f"The fault {fault.id} answers with {status}."
        refusal = _REFUSALS.get(status, UpstreamFailure)(message)
        return json_body(refusal.body(), status, {"WWW-Authenticate": "Bearer"} if status == 401 else None)

    def _still_held_by(self, fault: Fault) -> effects.Held:
        request = self._request

        def held() -> bool:
            transport = request.transport
            return not fault.removed and transport is not None and not transport.is_closing()

        return held
