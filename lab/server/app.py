"""The life of one call, and the routes. The order of the steps is `lab.order`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from lab.server import catalogue, chat, facts, identity, media, payloads, router
from lab.server.lab import Call, Handler, Json, Lab, Refusal, Reply, Stream


async def charge(lab: Lab, call: Call) -> None:
    """Take one unit, or refuse. Nothing awaits in between, so no other call can slip in."""
    metric = lab.metric_of[call.operation.id]
    if metric is None:
        return
    limit = lab.limit_of(call.identity, metric)
    if limit is not None and lab.used_of(call.identity, metric) >= limit:
        raise Refusal("exhausted", f"The limit of {metric} is reached")
    call.charged += 1
    lab.ledger.add(call.identity.key, metric, lab.window_of(metric, lab.clock()))


def handlers() -> dict[str, Handler]:
    """The handler of each operation, by its id."""
    return {**catalogue.HANDLERS, **chat.HANDLERS, **media.HANDLERS}


def plain_lab(credentials: Mapping[str, str]) -> Lab:
    """A server that keeps every documented promise."""
    lab = Lab(credentials)
    lab.accounts = identity.accounts(lab.credentials)
    lab.checks = payloads.all_checks()
    lab.choose = router.choose
    lab.handlers = handlers()
    lab.steps = {
        "identify": identity.identify,
        "read": payloads.read,
        "validate": payloads.validate,
        "size": payloads.size,
        "charge": charge,
    }
    return lab


async def answer(lab: Lab, call: Call) -> Reply:
    """Run the steps and the handler; a refusal becomes its answer; then the changes, in order."""
    reply: Reply
    try:
        for step in lab.order:
            await lab.steps[step](lab, call)
        reply = await lab.handlers[call.operation.id](lab, call)
    except Refusal as refusal:
        status = lab.status_of[refusal.kind]
        reply = Json({"detail": refusal.detail}, status, refused=refusal.kind)
    for change in lab.changes:
        reply = change(lab, call, reply)
    return reply


def respond(lab: Lab, call: Call, reply: Reply) -> Response:
    response: Response
    if isinstance(reply, Stream):
        events = reply.events
        for change in lab.events:
            events = change(call, events)
        response = StreamingResponse(_blocks(lab, events, reply.pause), reply.status)
    elif isinstance(reply, Json):
        body = reply.payload if isinstance(reply.payload, bytes) else json.dumps(reply.payload).encode()
        response = Response(body, reply.status)
    else:
        response = Response(reply.content, reply.status)
    if reply.content_type:
        response.headers["content-type"] = reply.content_type
    for name, value in reply.headers:
        response.headers.append(name, value)
    return response


async def _blocks(lab: Lab, events: list[object], pause: float) -> AsyncIterator[bytes]:
    for event in events:
        for piece in lab.split(lab.encode_event(event)):
            yield piece
        await asyncio.sleep(pause)


def routes(lab: Lab) -> list[Route]:
    found = []
    for operation in facts.OPERATIONS:

        async def endpoint(request: Request, operation: facts.Operation = operation) -> Response:
            call = Call(operation, request)
            return respond(lab, call, await answer(lab, call))

        route = Route(operation.path, endpoint, methods=[operation.method])
        # Starlette would answer HEAD wherever GET is allowed, and a HEAD could then be charged.
        route.methods = {operation.method}
        found.append(route)
    return found


async def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"detail": error.detail}, error.status_code, error.headers)


def build(lab: Lab) -> ASGIApp:
    """The ASGI application of this lab, with its middleware and a log of requests."""
    app: ASGIApp = Starlette(routes=routes(lab), exception_handlers={HTTPException: _http_error})
    for wrap in lab.middleware:
        app = wrap(app)
    inner = app

    async def logged(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        entry = len(lab.requests)
        lab.requests.append((scope["method"], scope["path"], 0))

        async def note(message: dict[str, object]) -> None:
            if message["type"] == "http.response.start":
                lab.requests[entry] = (scope["method"], scope["path"], int(str(message["status"])))
            await send(message)

        await inner(scope, receive, note)  # type: ignore[arg-type]

    return logged
