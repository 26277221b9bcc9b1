"""The server: one handler that routes by the spec, and nothing between it and the pipeline.

Law: every operation of the spec has a handler, or the start stops. The
low-level server of aiohttp is used because its router would reject braces and line breaks in a prompt and
answer 404 and 405 in plain text.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from aiohttp import web
from aiohttp.http import RawRequestMessage
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong
from lightning_spec.loader import Spec
from lightning_spec.recording import RecordingError

from lightning_mock.basis import Basis, Outdated
from lightning_mock.control import snapshot
from lightning_mock.control.plane import CONTROL_PREFIX, ControlPlane
from lightning_mock.control.replies_file import start_with_file
from lightning_mock.control.scenarios import ScenarioError, play
from lightning_mock.control.state_file import kept_in_file, state_from_file
from lightning_mock.errors import ApiError, InvalidRequest, StoreLost, TooLarge
from lightning_mock.handlers import HANDLERS, PREPARATIONS
from lightning_mock.http import delivery
from lightning_mock.http.replies import Body
from lightning_mock.http.routing import Router
from lightning_mock.http.validation import BodyValidator, ParameterValidator, compile_schemas
from lightning_mock.journal.event_hub import EventHub
from lightning_mock.journal.exchange import Exchange
from lightning_mock.memory import return_large_blocks
from lightning_mock.pipeline import (
    Endpoint,
    answer,
    answer_instead,
    answer_unknown,
    body_reader,
    parameter_reader,
)
from lightning_mock.real_time import stopwatch
from lightning_mock.recordings.recorder import Recorder
from lightning_mock.settings import Settings, SettingsError
from lightning_mock.state import State, make_state

if TYPE_CHECKING:
    from lightning_mock.storage.sharing import Sharing

logger = logging.getLogger(__name__)

# Prompts travel in paths, percent-encoded, and tokens in headers: the usual 8 KiB would refuse honest ones.
MAX_REQUEST_LINE = 256 * 1024
MAX_HEADER = 64 * 1024
MAX_HEADERS = 128
QUEUE = 1024
"""Connections that wait to be accepted."""
_GRACE = 0.2
_MOST_AT_ONCE = 32 * 1024
"""Bytes that one connection may have parsed before the others have their turn. A chunk of a body can be a
byte, and costs as much as a large one.
"""
_GRACE_OF_MANY = 8.0
"""Seconds that a stream has to come to its end where another process serves on."""
_LAST_CALLS = 1.0
"""Seconds for which a connection is waited on for one more call."""
_LOOK = 0.02
_REST = 5.0
"""Seconds for which what still comes after something that is not HTTP is thrown away. With any of it unread,
closing would reset the connection, and the answer would be lost."""


class _LoopOfConnection:
    """The event loop as the library uses it for one connection, where a request needs no task of its own.

    Before Python 3.12 a new task waits for its first turn, a tenth of what an answer cost; from then
    on the library begins each at once by itself. Who sends the next request before the answer to this one
    waits all the same, so that others have their turn.
    """

    __slots__ = ("_connection", "_loop", "call_at", "create_future", "time")

    def __init__(self, loop: asyncio.AbstractEventLoop, connection: web.RequestHandler) -> None:
        self._loop = loop
        self._connection = connection
        self.call_at, self.create_future, self.time = loop.call_at, loop.create_future, loop.time

    def create_task(self, answering: Coroutine[Any, Any, Any]) -> Awaitable[Any]:
        return self._loop.create_task(answering) if self._connection._messages else answering


class _Lingering:
    """The transport of a connection on which something came that is not HTTP. To close it ends the answer;
    what the client still sends is then thrown away until it leaves, or its time is over."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._end: asyncio.TimerHandle | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def close(self) -> None:
        if self._end is not None or self._transport.is_closing():
            self.left()
            self._transport.close()
            return
        self._end = asyncio.get_running_loop().call_later(_REST, self._transport.close)
        with suppress(OSError):  # from a client that has left already
            self._transport.write_eof()
        self._transport.resume_reading()

    def left(self) -> None:
        """There is nothing to wait for any more."""
        if self._end is not None:
            self._end.cancel()


class _Protocol(web.RequestHandler):
    """Answers what is not even HTTP in the API's own form, without repeating any of it."""

    async def start(self) -> None:
        if sys.version_info < (3, 12):
            self._loop = cast(asyncio.AbstractEventLoop, _LoopOfConnection(self._loop, self))
        await super().start()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if hasattr(transport, "max_size"):
            transport.max_size = _MOST_AT_ONCE

    def connection_lost(self, exc: BaseException | None) -> None:
        if isinstance(self.transport, _Lingering):
            self.transport.left()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if isinstance(self.transport, _Lingering):
            return
        super().data_received(data)
        if self._messages and not isinstance(self._messages[-1][0], RawRequestMessage):
            self._lingering_time = 0
            self.transport = cast(asyncio.Transport, _Lingering(cast(asyncio.Transport, self.transport)))
            self._give_up_bodies()

    def resume_reading(self, resume_parser: bool = True) -> None:
        # Whoever has read a body asks for it, whether or not anything was held back.
        if self.transport is None or not self.transport.is_reading():
            super().resume_reading(resume_parser)

    def _give_up_bodies(self) -> None:
        """What came was not HTTP any more. Whoever waits for the rest of a body is told: the library queues
        its complaint behind them, and they would wait for ever."""
        bodies = [body for _, body in self._messages]
        if self._current_request is not None:
            bodies.append(self._current_request.content)
        for body in bodies:
            if not body.is_eof():
                body.set_exception(web.RequestPayloadError("the body is broken"))

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if request.writer.output_size > 0:
            raise ConnectionError("the response has begun already")
        response = delivery.response(_refusal_of_head(exc))
        response.force_close()
        return response


def _refusal_of_head(error: BaseException | None) -> Body:
    """What is answered to a head that is too large, or none. The library says which in its exception."""
    if isinstance(error, LineTooLong):
        if f"more than {MAX_REQUEST_LINE} " in error.message:
            return delivery.refusal(TooLarge(f"The request line is longer than {MAX_REQUEST_LINE} bytes."))
        told = TooLarge(f"A header field is longer than {MAX_HEADER} bytes.")
    elif isinstance(error, HttpProcessingError) and "Too many headers" in error.message:
        told = TooLarge(f"There are more than {MAX_HEADERS} header fields.")
    else:
        return delivery.refusal(InvalidRequest("This is not a well-formed HTTP request."))
    return replace(delivery.refusal(told), status=HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)


class _Server(web.Server):
    leaving = False
    """Whether each answer is to be the last one on its connection."""

    def __call__(self) -> web.RequestHandler:
        return _Protocol(self, loop=self._loop, **self._kwargs)


def endpoints(spec: Spec) -> dict[str, Endpoint]:
    """Every operation with its handler, by operation id. Raises SettingsError when one has none."""
    if missing := sorted(set(spec.operations) - set(HANDLERS)):
        complaints = "; ".join(f"no handler for {name}" for name in missing)
        raise SettingsError(f"the handlers do not fit the spec: {complaints}")
    validators = compile_schemas(spec)
    found = {}
    for name, operation in spec.operations.items():
        read = None
        if operation.body_pointer is not None:
            validator = BodyValidator(spec, validators, operation.body_pointer)
            read = body_reader(validator, spec.body_limit_bytes, operation.text_limit)
        elif any(parameter.location in ("path", "query") for parameter in operation.parameters):
            read = parameter_reader(ParameterValidator(spec, validators, operation), operation.text_limit)
        found[name] = Endpoint(operation, HANDLERS[name], PREPARATIONS.get(name), read)
    return found


Answering = Callable[[web.BaseRequest, Exchange], Awaitable[web.StreamResponse]]
"""What answers calls in place of the mock: a recording, or a host that is being recorded."""


def make_server(state: State, sharing: Sharing | None = None, instead: Answering | None = None) -> _Server:
    """The server of one mock, to be given to a runner inside a running event loop."""
    spec = state.spec
    router: Router[Endpoint] = Router()
    for endpoint in endpoints(spec).values():
        operation = endpoint.operation
        for path in (operation.path, *operation.aliases):
            router.add(operation.method.upper(), path, endpoint)
    control = ControlPlane(state) if sharing is None else ControlPlane(state, sharing.perform)
    journal, most_bytes = state.journal, state.settings.journal_bodies
    loop = asyncio.get_running_loop()

    async def handle(request: web.BaseRequest, basis: Basis | None = None) -> web.StreamResponse:
        path = request.rel_url.raw_path
        if path.startswith(CONTROL_PREFIX):
            return await control.answer(request, path)
        exchange = Exchange(stopwatch(), most_bytes)
        if basis is not None:
            exchange.basis = basis
        method = request.method
        response: web.StreamResponse
        if method == "OPTIONS" and _is_preflight(request):
            if basis is not None:
                await basis.confirm()
            response = delivery.preflight(request, exchange)
        else:
            try:
                match = router.find(method, path)
            except ApiError as error:
                if instead is not None:
                    response = await answer_instead(request, instead, exchange)
                else:
                    response = await answer_unknown(request, state, exchange, error)
            else:
                if instead is not None:
                    exchange.operation = match.target.operation
                    response = await answer_instead(request, instead, exchange)
                else:
                    response = await answer(request, match, state, exchange)
        if basis is not None:
            # It holds the body, which may be large.
            exchange.basis = None
        if journal.on:
            journal.record(exchange, request)
        return response

    async def handle_shared(request: web.BaseRequest) -> web.StreamResponse:
        """Everything but control calls is answered by what is the newest state now."""
        if sharing is None or request.rel_url.raw_path.startswith(CONTROL_PREFIX):
            return await handle(request)
        try:
            basis = await sharing.basis(sure=instead is not None)
            try:
                return await handle(request, basis)
            except Outdated:
                await sharing.fresh()
                return await handle(request, basis)
        except StoreLost as error:
            return delivery.response(delivery.refusal(error))

    def make_request(message, payload, protocol, writer, task) -> web.BaseRequest:  # type: ignore[no-untyped-def]
        if server.leaving:
            message = message._replace(should_close=True)
        if message.url.absolute:
            # What stands before the path is for proxies; the library trips over some of the names in it.
            url = message.url.relative()
            message = message._replace(url=url, path=url.raw_path_qs)
        return web.BaseRequest(
            message, payload, protocol, writer, task, loop, client_max_size=spec.body_limit_bytes
        )

    server = _Server(
        handle if sharing is None else handle_shared,
        request_factory=make_request,
        access_log=None,
        auto_decompress=False,
        max_line_size=MAX_REQUEST_LINE,
        max_field_size=MAX_HEADER,
        max_headers=MAX_HEADERS,
    )
    return server


def _is_preflight(request: web.BaseRequest) -> bool:
    return "Origin" in request.headers and "Access-Control-Request-Method" in request.headers


@asynccontextmanager
async def serving(
    settings: Settings, inherited: socket.socket | None = None
) -> AsyncIterator[tuple[str, State]]:
    """Serve until the block ends. Gives the base URL and the state. Raises SettingsError. On a socket that
    was `inherited`, other processes serve as well: at the end the callers are let go to them."""
    return_large_blocks()
    async with AsyncExitStack() as ending:
        state, sharing = await ending.enter_async_context(begun(settings))
        ending.callback(state.renderer.close)
        instead = state.replay.answer if state.replay is not None else None
        if settings.record is not None:
            recorder = _recorder(settings.record, settings.recording, state)
            ending.push_async_callback(recorder.close)
            instead = recorder.answer
        server = make_server(state, sharing, instead)
        runner = web.ServerRunner(server, shutdown_timeout=_GRACE if inherited is None else _GRACE_OF_MANY)
        await runner.setup()
        ending.push_async_callback(runner.cleanup)
        site: web.BaseSite
        if inherited is None:
            site = web.TCPSite(runner, settings.host, settings.port, backlog=QUEUE)
        else:
            backlog = 1 if settings.loop == "asyncio" else QUEUE
            site = web.SockSite(runner, _Shared(inherited), backlog=backlog)
            ending.push_async_callback(_let_go, server, site, state.event_hub)
        try:
            await site.start()
        except OSError as error:
            raise cannot_listen(settings, error) from error
        host, port = runner.addresses[0][:2]
        shown = f"[{host}]" if ":" in host else host
        yield f"http://{shown}:{port}", state


def cannot_listen(settings: Settings, error: OSError) -> SettingsError:
    """What is told where the address cannot be had."""
    if error.errno == errno.EADDRINUSE:
        why = "the port is in use; choose another with --port, or 0 for a free one"
    elif isinstance(error, socket.gaierror) or not error.errno:
        why = error.strerror or str(error)
    else:
        # asyncio tells the address again, in Python's own form.
        why = os.strerror(error.errno)
    return SettingsError(f"cannot listen on {settings.host}:{settings.port}: {why}")


class _Shared(socket.socket):
    """A socket that listens already, for other processes as well. To asyncio the length of its queue is also
    how many connections to accept at once: with a queue of one, nobody takes all that come together."""

    def __init__(self, inherited: socket.socket) -> None:
        super().__init__(fileno=os.dup(inherited.fileno()))

    def listen(self, backlog: int = 0, /) -> None:
        """The queue stays as long as it is."""


async def _let_go(server: _Server, site: web.BaseSite, event_hub: EventHub) -> None:
    """Accept nobody any more, and end each connection with its next answer, which says so: the caller
    connects to another process then. Closed between two calls, a connection could cost the second one."""
    server.leaving = True
    await site.stop()
    event_hub.end()
    until = stopwatch() + _LAST_CALLS
    while server.connections and stopwatch() < until:  # noqa: ASYNC110
        await asyncio.sleep(_LOOK)


@asynccontextmanager
async def begun(settings: Settings) -> AsyncIterator[tuple[State, Sharing | None]]:
    """The state as it is at the start, of this process alone or shared; kept until the last call has been
    answered."""
    if settings.store is None:
        state = await state_from_file(settings.state, settings) if settings.state else make_state(settings)
        _load_replies(state)
        await _begin(state)
        if settings.state is None:
            yield state, None
        else:
            async with kept_in_file(settings.state, state):
                yield state, None
        return
    try:
        # It brings the Redis client along, which is an extra.
        from lightning_mock.storage.opening import shared_state
    except ImportError as error:
        raise SettingsError(
            "store: the Redis client is not installed; pip install 'lightning-contract[redis]'"
        ) from error
    async with shared_state(settings.store, settings, _load_replies, _begin) as (state, sharing):
        yield state, sharing


def _load_replies(state: State) -> None:
    if state.settings.replies is not None:
        start_with_file(state.settings.replies, state)


async def _begin(state: State) -> None:
    """Play the scenarios that the settings ask for, and note the beginning to which a reset goes back."""
    for name in state.settings.scenario:
        try:
            await play(name, state)
        except ScenarioError as error:
            raise SettingsError(str(error)) from error
    if not state.start:
        state.start.update(await snapshot.take(state))


def _recorder(upstream: str, path: Path, state: State) -> Recorder:
    try:
        return Recorder(upstream, path, state.spec.body_limit_bytes)
    except RecordingError as error:
        raise SettingsError(str(error)) from error
