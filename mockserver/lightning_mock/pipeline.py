"""The life of one call, top to bottom.

Law: the order of 401, 400, 413, 429 and 500 is the order of the lines of `answer`. A unit is spent after
everything that could refuse the call, and given back when what comes after fails.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from aiohttp import web
from aiohttp.hdrs import CONTENT_TYPE
from lightning_spec.loader import Operation, TextLimit

from lightning_mock.basis import Outdated
from lightning_mock.callers.identity import NOBODY, Identity, key_of_caller
from lightning_mock.errors import (
    ApiError,
    InvalidRequest,
    QuotaExhausted,
    Unauthorized,
    UpstreamFailure,
)
from lightning_mock.faults.injector import FaultInjector, Interrupted, injector_for
from lightning_mock.handlers import Handler, Preparation
from lightning_mock.http import delivery
from lightning_mock.http.call import Call
from lightning_mock.http.decoding import decode_json
from lightning_mock.http.reading import LARGE, body_at_hand, in_turn, read_body
from lightning_mock.http.replies import JSON, Body, EventStream, Reply
from lightning_mock.http.routing import RouteMatch, decode_segment
from lightning_mock.http.validation import BodyValidator, ParameterValidator, check_text_size
from lightning_mock.journal.exchange import Exchange
from lightning_mock.journal.redaction import MAX_KEPT_BODY
from lightning_mock.preferences import retry_headers
from lightning_mock.quota.ledger import Charge
from lightning_mock.scripting.calls import reply_from
from lightning_mock.state import State

logger = logging.getLogger(__name__)

Answering = Callable[[web.BaseRequest, Exchange], Awaitable[web.StreamResponse]]
"""What answers calls in place of the mock: a recording, or a host that is being recorded."""
ReadArguments = Callable[[web.BaseRequest, "RouteMatch[Endpoint]", Exchange], Awaitable[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One operation with all that is needed to answer it."""

    operation: Operation
    handler: Handler
    prepare: Preparation | None
    read: ReadArguments | None


async def answer(
    request: web.BaseRequest, match: RouteMatch[Endpoint], state: State, exchange: Exchange
) -> web.StreamResponse:
    """Identify, validate, measure, charge, handle and deliver; note it all in the exchange. Raises nothing
    but CancelledError and, where the exchange has a basis, Outdated or StoreLost before anything is sent."""
    endpoint = match.target
    operation = exchange.operation = endpoint.operation
    charge: Charge | None = None
    injector: FaultInjector | None = None
    identity = NOBODY
    reply: Reply
    failed = False
    try:
        if state.scripts.armed:
            caller = key_of_caller(request, operation, state.identities.resolve)
            unchecked = await _scripted(request, exchange, state, caller, operation=operation)
            if unchecked is not None:
                return await _deliver(request, unchecked, exchange, state)
        if state.faults.armed:
            injector = injector_for(state.faults, request, operation, state.identities.resolve, state.clock)
        if injector is not None:
            exchange.faults, exchange.fault_headers = injector.fired, injector.asked_headers
            await injector.interrupt("arrival")

        if operation.auth != "none":
            identity = state.identities.resolve(request)
            if operation.auth == "required" and identity.account is None:
                raise Unauthorized
        exchange.identity = identity

        arguments = await endpoint.read(request, match, exchange) if endpoint.read is not None else {}
        basis = exchange.basis
        call = Call(operation, request, identity, arguments, exchange.received or 0, basis)
        if endpoint.prepare is not None:
            await endpoint.prepare(call, state)

        if injector is not None:
            await injector.interrupt("before_charge")
        if operation.metric is not None:
            plan = state.accounts.plan_of(identity.account)
            limit = plan.limits[operation.metric]
            charge = await state.ledger.spend(identity.key, operation.metric, limit, basis)
            exchange.charge = charge
            if not charge.granted:
                raise _exhausted(charge, plan.name, state)

        if injector is not None:
            await injector.interrupt("after_charge")

        scripted = None
        if state.scripts.armed:
            scripted = await _scripted(
                request,
                exchange,
                state,
                identity.key,
                operation=operation,
                arguments=arguments,
                prepared=call.prepared,
            )
        reply = scripted or await endpoint.handler(call, state)
        # A scripted failure costs nothing, as a real one does.
        failed = reply.status >= 400
        if injector is not None:
            reply = await injector.alter(reply)
        if basis is not None and basis.version is not None:
            await basis.confirm()
        if isinstance(reply, EventStream):
            if failed and charge is not None:
                await _give_back(charge, exchange, state)
            return await delivery.streamed(request, reply, state.settings, exchange)
    except Outdated:
        raise
    except Interrupted as interruption:
        reply, failed = _advised(interruption, operation, identity, state), True
    except ApiError as error:
        exchange.refusal = error.refusal
        reply, failed = delivery.refusal(error), True
    except Exception:
        if request.transport is not None:  # otherwise the client has disconnected, which is no failure
            logger.exception("%s failed", operation.id)
        failure = UpstreamFailure()
        exchange.refusal = failure.refusal
        reply, failed = delivery.refusal(failure), True
    if failed:
        if exchange.basis is not None:
            await exchange.basis.confirm()
        if charge is not None:
            await _give_back(charge, exchange, state)
    if isinstance(reply, Body):
        return delivery.respond(request, reply, exchange)
    return await delivery.streamed(request, reply, state.settings, exchange)


async def _give_back(charge: Charge, exchange: Exchange, state: State) -> None:
    await state.ledger.refund(charge)
    exchange.refunded = charge.granted


async def answer_unknown(
    request: web.BaseRequest, state: State, exchange: Exchange, error: ApiError
) -> web.StreamResponse:
    """Answer a path or method that the spec does not have: by a script that matches it, or with the refusal
    `error`. While there are scripts, a bad bearer is a 401 unless an unchecked script answers first."""
    reply: Reply | None = None
    refused = error.refusal, delivery.refusal(error)
    if state.scripts.armed:
        try:
            reply = await _scripted(
                request, exchange, state, key_of_caller(request, None, state.identities.resolve)
            )
            if reply is None:
                exchange.identity = state.identities.resolve(request)
                arguments = await _arguments_of_any(request, state, exchange)
                reply = await _scripted(request, exchange, state, exchange.identity.key, arguments=arguments)
        except ApiError as other:
            # An exception that a variable holds holds this call and its body until garbage is collected.
            refused = other.refusal, delivery.refusal(other)
    if reply is None:
        exchange.refusal, reply = refused
    if exchange.basis is not None:
        await exchange.basis.confirm()
    return await _deliver(request, reply, exchange, state)


async def answer_instead(
    request: web.BaseRequest,
    instead: Answering,
    exchange: Exchange,
) -> web.StreamResponse:
    """Answer by `instead`, a replay or a recorder; what fails midway is cut off. Raises nothing but
    CancelledError."""
    try:
        return await instead(request, exchange)
    except ApiError as error:
        refusal, reply = error.refusal, delivery.refusal(error)
    except Exception:
        if request.transport is not None:
            logger.exception("%s %s failed", request.method, request.rel_url.raw_path)
        failure = UpstreamFailure()
        refusal, reply = failure.refusal, delivery.refusal(failure)
    if (cut := delivery.cut_off(request)) is not None:
        return cut
    exchange.refusal = refusal
    return delivery.respond(request, reply, exchange)


async def _arguments_of_any(request: web.BaseRequest, state: State, exchange: Exchange) -> dict[str, Any]:
    """The members of the body if that is a JSON object, otherwise none. Raises TooLarge."""
    try:
        content = await read_body(request, state.spec.body_limit_bytes, exchange.basis)
        exchange.body, exchange.received = content[:MAX_KEPT_BODY], len(content)
        body = decode_json(content) if len(content) <= LARGE else await in_turn(decode_json, content)
    except InvalidRequest:
        return {}
    return body if isinstance(body, dict) else {}


async def _scripted(
    request: web.BaseRequest,
    exchange: Exchange,
    state: State,
    caller: str,
    *,
    operation: Operation | None = None,
    arguments: Mapping[str, Any] | None = None,
    prepared: object = None,
) -> Reply | None:
    reply = await reply_from(
        state.scripts,
        state.renderer,
        request,
        exchange,
        caller,
        now=state.clock.now_of(caller),
        form=state.preferences.of(caller).metadata_form,
        read=partial(_arguments_of_any, request, state, exchange),
        operation=operation,
        arguments=arguments,
        prepared=prepared,
    )
    return None if reply is None else _with_advice(reply, operation, caller, state)


async def _deliver(
    request: web.BaseRequest, reply: Reply, exchange: Exchange, state: State
) -> web.StreamResponse:
    if isinstance(reply, EventStream):
        return await delivery.streamed(request, reply, state.settings, exchange)
    return delivery.respond(request, reply, exchange)


def body_reader(validator: BodyValidator, limit: int, text_limit: TextLimit | None) -> ReadArguments:
    """Arguments from a JSON body of at most `limit` bytes, in which a prompt has its own limit."""
    # JSON takes at least a byte for each byte of text, so most bodies are too short to exceed the limit.
    harmless = limit if text_limit is None else min(text_limit.characters, text_limit.bytes)

    async def read(
        request: web.BaseRequest, match: RouteMatch[Endpoint], exchange: Exchange
    ) -> dict[str, Any]:
        content_type = request.headers.get(CONTENT_TYPE)
        if content_type != JSON and content_type is not None and not _is_json(content_type):
            raise InvalidRequest(
                f"Content-Type: expected application/json, got {content_type[:64]!a}.", "Content-Type"
            )
        basis = exchange.basis
        body = body_at_hand(request, limit) if basis is None or basis.kept is None else None
        if body is None:
            body = await read_body(request, limit, basis)
        elif basis is not None:
            basis.kept = body
        exchange.body, exchange.received = body[:MAX_KEPT_BODY], len(body)
        return check(body) if len(body) <= LARGE else await in_turn(check, body)

    def check(body: bytes) -> dict[str, Any]:
        arguments = validator.check(decode_json(body))
        if text_limit is not None and len(body) > harmless:
            check_text_size(arguments, text_limit, validator.text_fields)
        return arguments

    return read


def parameter_reader(validator: ParameterValidator, text_limit: TextLimit | None) -> ReadArguments:
    """Arguments from path and query, in which a prompt has a limit."""

    async def read(
        request: web.BaseRequest, match: RouteMatch[Endpoint], exchange: Exchange
    ) -> dict[str, Any]:
        segments = {name: decode_segment(raw, name) for name, raw in match.segments.items()}
        arguments = validator.read(segments, request.rel_url.raw_query_string)
        if text_limit is not None:
            check_text_size(arguments, text_limit, segments)
        return arguments

    return read


def _is_json(content_type: str) -> bool:
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type == "application/json" or (
        media_type.startswith("application/") and media_type.endswith("+json")
    )


def _advised(interruption: Interrupted, operation: Operation, identity: Identity, state: State) -> Reply:
    """What a fault answers, with its advice on retrying. A 429 gives the advice of a real one; a cold start
    says how long it still lasts, as Retry-After in seconds unless another form is preferred."""
    reply, advice = interruption.reply, state.preferences.of(identity.key).retry_advice
    if isinstance(reply, EventStream):
        return reply
    if interruption.wait is not None:
        return _with(reply, retry_headers("seconds" if advice == "none" else advice, interruption.wait))
    return _with_advice(reply, operation, identity.key, state)


def _with_advice(reply: Reply, operation: Operation | None, caller: str, state: State) -> Reply:
    """A reply that is no real 429 but looks like one, with the advice on retrying that a real one gives."""
    if reply.status != QuotaExhausted.row.status:
        return reply
    metric = operation.metric if operation is not None else None
    window = state.ledger.window(metric or next(iter(state.spec.metrics)), caller)
    advice = state.preferences.of(caller).retry_advice
    return _with(reply, retry_headers(advice, state.ledger.seconds_left(window, caller)))


def _with(reply: Reply, headers: Mapping[str, str]) -> Reply:
    """What the reply says itself is left as it is."""
    given = reply.headers or {}
    own = {name.lower() for name in given}
    added = {name: value for name, value in headers.items() if name.lower() not in own}
    return replace(reply, headers={**added, **given})


def _exhausted(charge: Charge, plan_name: str, state: State) -> QuotaExhausted:
    units = "unit" if charge.limit == 1 else "units"
    return QuotaExhausted(
        f"The limit of the plan {plan_name} is reached: {charge.limit} {charge.metric} {units} until the "
        f"window {charge.window.key} ends.",
        headers=retry_headers(
            state.preferences.of(charge.identity).retry_advice,
            state.ledger.seconds_left(charge.window, charge.identity),
        ),
    )
