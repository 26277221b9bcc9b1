"""Small ways to change a lab, for faults and variants alike. Each returns a function that takes the lab."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from lab.proofs import LATE
from lab.server import facts
from lab.server.lab import Call, Data, Identity, Json, Lab, Refusal, Reply, Stream

Apply = Callable[[Lab], None]
Run = Callable[[], Awaitable[None]]
JSON_OPERATIONS = frozenset(
    {
        "getSubscription",
        "getUsage",
        "getTierConfig",
        "listTiers",
        "listModels",
        "getStatus",
        "createChatCompletion",
        "analyzePrompt",
    }
)
GENERATIONS = tuple(op.id for op in facts.OPERATIONS if op.metric)
MEDIA_GET = "getImage getVideo getAirforceVideo getSfx getTts"
VIDEOS = "createVideo getVideo createAirforceVideo getAirforceVideo"
RESOLVING = tuple(op.id for op in facts.OPERATIONS if op.auth != "none")


def ids(text: str) -> frozenset[str]:
    return frozenset(text.split())


def both(*parts: Apply) -> Apply:
    def apply(lab: Lab) -> None:
        for part in parts:
            part(lab)

    return apply


def change(function: Callable[[Lab, Call, Reply], Reply]) -> Apply:
    """Pass every reply through this function."""
    return lambda lab: lab.changes.append(function)


def edit(operations: str, function: Callable[[Any], Any]) -> Apply:
    """Change the JSON of successful answers of these operations."""
    chosen = ids(operations)

    def apply(_: Lab, call: Call, reply: Reply) -> Reply:
        if isinstance(reply, Json) and reply.refused is None and call.operation.id in chosen:
            reply.payload = function(copy.deepcopy(reply.payload))
        return reply

    return change(apply)


def data(operations: str, function: Callable[[Call, Data], Reply]) -> Apply:
    """Change the bytes of successful answers of these operations."""
    chosen = ids(operations)

    def apply(_: Lab, call: Call, reply: Reply) -> Reply:
        return function(call, reply) if isinstance(reply, Data) and call.operation.id in chosen else reply

    return change(apply)


def success(operations: str, function: Callable[[Call, Reply], Reply]) -> Apply:
    """Change any successful answer of these operations."""
    chosen = ids(operations)

    def apply(_: Lab, call: Call, reply: Reply) -> Reply:
        refused = isinstance(reply, Json) and reply.refused is not None
        return reply if refused or call.operation.id not in chosen else function(call, reply)

    return change(apply)


def refusal(kinds: str, function: Callable[[Call, Json], Reply], operations: str = "") -> Apply:
    """Change refusals of these kinds, of all operations unless some are named."""
    wanted, chosen = ids(kinds), ids(operations)

    def apply(_: Lab, call: Call, reply: Reply) -> Reply:
        if (
            isinstance(reply, Json)
            and reply.refused in wanted
            and (not chosen or call.operation.id in chosen)
        ):
            return function(call, reply)
        return reply

    return change(apply)


def refused_with(kinds: str, status: int) -> Apply:
    """Answer these refusals with another status."""

    def other(_: Call, reply: Json) -> Reply:
        reply.status = status
        return reply

    return refusal(kinds, other)


def events(function: Callable[[list[Any]], list[Any]]) -> Apply:
    """Change the events of every stream."""
    return lambda lab: lab.events.append(lambda call, items: function(copy.deepcopy(items)))


def instead(operations: str, make: Callable[[Call], Reply]) -> Apply:
    """Answer these operations with something else, after all steps."""

    def apply(lab: Lab) -> None:
        for name in ids(operations):

            async def handler(_: Lab, call: Call) -> Reply:
                return make(call)

            lab.handlers[name] = handler

    return apply


def around(step: str, function: Callable[[Lab, Call, Run], Awaitable[None]]) -> Apply:
    """Wrap a step of the pipeline; the function decides when and whether the step runs."""

    def apply(lab: Lab) -> None:
        inner = lab.steps[step]

        async def wrapped(lab: Lab, call: Call) -> None:
            await function(lab, call, lambda: inner(lab, call))

        lab.steps[step] = wrapped

    return apply


def skip(step: str, operations: str = "") -> Apply:
    """Leave out a step, for all operations unless some are named."""
    chosen = ids(operations)

    async def maybe(_: Lab, call: Call, run: Run) -> None:
        if chosen and call.operation.id not in chosen:
            await run()

    return around(step, maybe)


def without(check: str, operations: str) -> Apply:
    """Leave out one check of the payload."""

    def apply(lab: Lab) -> None:
        for name in ids(operations):
            lab.checks[name].pop(check)

    return apply


def check(operations: str, function: Callable[[Lab, Call], None], name: str = "fault") -> Apply:
    """Add a check, or replace the named one."""

    def apply(lab: Lab) -> None:
        for operation in ids(operations):
            lab.checks[operation][name] = function

    return apply


def refuse_when(operations: str, condition: Callable[[Call], bool], kind: str = "invalid") -> Apply:
    """Refuse what should be served, when the condition holds."""

    def fault(_: Lab, call: Call) -> None:
        if condition(call):
            raise Refusal(kind, "This is not possible")

    return check(operations, fault)


def resolve(function: Callable[[Lab, Call, Identity], Identity]) -> Apply:
    """Change who a resolved caller is."""

    async def other(lab: Lab, call: Call, run: Run) -> None:
        await run()
        if call.operation.auth != "none":
            call.identity = function(lab, call, call.identity)

    return around("identify", other)


def count(lab: Lab, key: str, metric: str) -> None:
    """Add a unit to the counter of the current window, whatever the limit."""
    lab.ledger.add(key, metric, lab.window_of(metric, lab.clock()))


def reset(lab: Lab, key: str, metric: str) -> None:
    """Set the counter of the current window to zero."""
    window = lab.window_of(metric, lab.clock())
    lab.ledger.add(key, metric, window, -lab.ledger.used(key, metric, window))


async def look(lab: Lab, called: Call) -> None:
    """Refuse a caller who has nothing left, and count nothing."""
    metric = lab.metric_of[called.operation.id]
    limit = lab.limit_of(called.identity, metric) if metric else None
    if metric and limit is not None and lab.used_of(called.identity, metric) >= limit:
        raise Refusal("exhausted", "Nothing left")


def charge_more(function: Callable[[Lab, Call], Iterable[tuple[str, str]]]) -> Apply:
    """After a successful charge, add one unit to each (identity key, metric) that the function names."""

    async def more(lab: Lab, call: Call, run: Run) -> None:
        await run()
        for key, metric in function(lab, call):
            count(lab, key, metric)

    return around("charge", more)


def at(path: str, operator: Callable[[Any, Any], None]) -> Callable[[Any], Any]:
    """Apply an operator to (container, key) at a dotted path; `*` is every element, `0` the first."""
    parts = path.split(".")

    def visit(node: Any, rest: list[str]) -> None:
        head, *tail = rest
        if head == "*":
            keys: list[Any] = list(node) if isinstance(node, dict) else list(range(len(node)))
        else:
            keys = [int(head) if isinstance(node, list) else head]
        for key in reversed(keys) if isinstance(node, list) else keys:
            if tail:
                visit(node[key], tail)
            else:
                operator(node, key)

    def function(payload: Any) -> Any:
        visit(payload, parts)
        return payload

    return function


def drop(node: Any, key: Any) -> None:
    del node[key]


def rename(name: str) -> Callable[[Any, Any], None]:
    def operator(node: Any, key: Any) -> None:
        node[name] = node.pop(key)

    return operator


def put(value: Any) -> Callable[[Any, Any], None]:
    def operator(node: Any, key: Any) -> None:
        node[key] = value(node[key]) if callable(value) else value

    return operator


def json_answer(payload: Any, status: int = 200) -> Callable[[Call], Reply]:
    """For `instead`: always this JSON."""
    return lambda _: Json(copy.deepcopy(payload), status)


def plain_refusal(status: int) -> Callable[[Call], Reply]:
    """For `instead`: always this status."""
    return json_answer({"detail": "No"}, status)


def html(status: int = 200) -> Data:
    page = b"<!doctype html><html><head><title>Oops</title></head><body><h1>Something else</h1></body></html>"
    return Data(page, "text/html; charset=utf-8", status)


def listed(value: Any) -> Any:
    return value if isinstance(value, list) else [{"role": "user", "content": str(value)}]


def before_checks(lab: Lab, operation: str, field: str, function: Callable[[Any], Any]) -> None:
    plain = lab.checks[operation]

    def first(_: Lab, called: Call) -> None:
        called.arguments[field] = function(called.arguments.get(field))

    lab.checks[operation] = {"fault": first, **plain}


def crash(status: int = 500) -> Callable[[Lab, Call], None]:
    """Fail as an unhandled exception would."""

    def function(lab: Lab, _: Call) -> None:
        lab.status_of["crash"] = status
        raise Refusal("crash", "Internal Server Error")

    return function


def crash_when(operations: str, condition: Callable[[Call], bool]) -> Apply:
    """Crash before any check, as an attribute access on the wrong type does."""

    def apply(lab: Lab) -> None:
        for operation in ids(operations):

            def first(inner: Lab, called: Call) -> None:
                if condition(called):
                    crash()(inner, called)

            lab.checks[operation] = {"fault": first, **lab.checks[operation]}

    return apply


def any_messages(field: str) -> Callable[[Lab, Call], None]:
    """For `check`: turn whatever the field holds into messages."""

    def function(_: Lab, called: Call) -> None:
        if not isinstance(called.arguments.get(field), list):
            called.arguments[field] = [{"role": "user", "content": "hi"}]

    return function


def refused_in_stream(kinds: str) -> Apply:
    """Refuse a streamed chat with a stream of one error event and status 200."""

    def streamed(called: Call, reply: Json) -> Reply:
        if b'"stream": true' not in called.raw and b'"stream":true' not in called.raw:
            return reply
        return Stream([{"error": {"message": "No"}}, "[DONE]"])

    return refusal(kinds, streamed, "createChatCompletion")


def read_body_first(apply: Apply) -> Apply:
    """Read the body before the caller is known, so that it can be looked at."""

    def first(lab: Lab) -> None:
        lab.order = ["read", *(step for step in lab.order if step != "read")]
        apply(lab)

    return first


def charge(lab: Lab, called: Call, key: str) -> None:
    """Charge this caller one more unit."""
    if metric := called.operation.metric:
        count(lab, key, metric)


def charge_later(lab: Lab, called: Call) -> None:
    """Charge this caller one more unit a moment after the answer."""
    asyncio.get_running_loop().call_later(LATE, charge, lab, called, called.identity.key)
