"""The server: one handler that routes by the spec, and nothing between it and the pipeline.

Law: every operation of the spec has a handler, or the mock does not start. The low-level server of aiohttp is
used because its router would reject braces and line breaks in a prompt and answer 404 and 405 in plain text.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from aiohttp import web
from lightning_spec.loader import Spec
from yarl import URL

from lightning_mock.basis import Basis, Outdated
from lightning_mock.control.contract import PREFIX
from lightning_mock.control.plane import ControlPlane
from lightning_mock.errors import ApiError, NotFound, StoreLost
from lightning_mock.handlers import HANDLERS, PREPARATIONS
from lightning_mock.http import delivery
from lightning_mock.http.connection import MAX_HEADER, MAX_HEADERS, MAX_REQUEST_LINE, Connection
from lightning_mock.http.expectation import ExpectingRequest, expects_something
from lightning_mock.http.routing import Router
from lightning_mock.http.validation import BodyValidator, ParameterValidator, compile_schemas
from lightning_mock.journal.exchange import Exchange
from lightning_mock.pipeline import (
    Answering,
    Endpoint,
    answer,
    answer_instead,
    answer_unknown,
    body_reader,
    parameter_reader,
)
from lightning_mock.real_time import stopwatch
from lightning_mock.scripting.parse import DEFAULT_ROUTE
from lightning_mock.settings import SettingsError
from lightning_mock.state import State

if TYPE_CHECKING:
    from lightning_mock.storage.sharing import Sharing


_ADDED_BY_SDKS = "/chat/completions"
"""What OpenAI's SDKs add to their base URL."""
_BASE_OF_SDKS = DEFAULT_ROUTE.partition(" ")[2].removesuffix(_ADDED_BY_SDKS)


class Server(web.Server):
    """The server of aiohttp, whose connections are ours."""

    leaving = False
    """Whether each answer closes its connection, because this process is about to end."""

    def __call__(self) -> web.RequestHandler:
        return Connection(self, loop=self._loop, **self._kwargs)


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


def make_server(state: State, sharing: Sharing | None = None, instead: Answering | None = None) -> Server:
    """The server of one mock, to be given to a runner inside a running event loop."""
    spec = state.spec
    router: Router[Endpoint] = Router()
    for endpoint in endpoints(spec).values():
        operation = endpoint.operation
        for path in (operation.path, *operation.aliases):
            router.add(operation.method.upper(), path, endpoint)
    control = ControlPlane(state) if sharing is None else ControlPlane(state, sharing.perform)
    journal, max_excerpt = state.journal, state.settings.journal_bodies
    loop = asyncio.get_running_loop()

    async def handle(request: web.BaseRequest, basis: Basis | None = None) -> web.StreamResponse:
        # `isinstance` would take its time: requests are mappings, which anything may be registered as.
        if type(request) is ExpectingRequest and (refusal := request.refusal) is not None:
            return refusal
        path = request.rel_url.raw_path
        if path.startswith(PREFIX):
            return await control.answer(request, path)
        exchange = Exchange(stopwatch(), max_excerpt)
        if basis is not None:
            exchange.basis = basis
        method = request.method
        response: web.StreamResponse
        if method == "OPTIONS" and _is_preflight(request):
            if basis is not None:
                await basis.confirm()
            response = delivery.preflight(request, exchange)
        elif instead is not None:
            with suppress(ApiError):
                exchange.operation = router.find(method, path).target.operation
            response = await answer_instead(request, instead, exchange)
        else:
            try:
                match = router.find(method, path)
            except ApiError as error:
                response = await answer_unknown(request, state, exchange, hint_at_chats(error, path))
            else:
                response = await answer(request, match, state, exchange)
        if basis is not None:
            # It holds the body, which may be large, and the journal keeps the exchange.
            exchange.basis = None
        if journal.on:
            journal.record(exchange, request)
        return response

    async def handle_shared(request: web.BaseRequest) -> web.StreamResponse:
        """Answer from the newest state; control calls fetch that themselves."""
        if sharing is None or request.rel_url.raw_path.startswith(PREFIX):
            return await handle(request)
        try:
            basis = await sharing.basis(sure=instead is not None)
            try:
                return await handle(request, basis)
            except Outdated:
                await sharing.fresh()
                return await handle(request, basis)
        except StoreLost as error:
            return delivery.as_response(delivery.refusal(error))

    def make_request(message, payload, protocol, writer, task) -> web.BaseRequest:  # type: ignore[no-untyped-def]
        if server.leaving:
            message = message._replace(should_close=True)
        if message.url.absolute:
            # The absolute form (RFC 9112, 3.2.2) is for proxies, and aiohttp fails on some of the hosts in
            # it. A CONNECT has no path, and what it asks for stays as it was sent.
            path = message.path if message.method == "CONNECT" else message.url.raw_path_qs
            message = message._replace(url=URL(path if path[:1] == "/" else "", encoded=True), path=path)
        kind = ExpectingRequest if expects_something(message) else web.BaseRequest
        return kind(message, payload, protocol, writer, task, loop, client_max_size=spec.body_limit_bytes)

    server = Server(
        handle if sharing is None else handle_shared,
        request_factory=make_request,
        access_log=None,
        auto_decompress=False,
        max_line_size=MAX_REQUEST_LINE,
        max_field_size=MAX_HEADER,
        max_headers=MAX_HEADERS,
    )
    return server


def hint_at_chats(error: ApiError, path: str) -> ApiError:
    """The refusal of a path; that of one which an SDK makes from a wrong base URL says which is right."""
    if not isinstance(error, NotFound) or not path.endswith(_ADDED_BY_SDKS):
        return error
    said = error.message.rstrip(".")
    return NotFound(f"{said}; the base URL for OpenAI's SDKs is the mock's address and {_BASE_OF_SDKS}.")


def _is_preflight(request: web.BaseRequest) -> bool:
    return "Origin" in request.headers and "Access-Control-Request-Method" in request.headers
