"""Refusals in other words, other forms and another order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from lab import seams
from lab.proofs import UNKNOWN_ASSET, all_of, bad_bearer, exhaust, generated, post, read
from lab.server import payloads
from lab.server.identity import bearer
from lab.server.lab import Call, Data, Json, Lab, Refusal, Reply
from lab.variants.variant import VariantSet

VARIANTS = VariantSet()

KINDS = "invalid credential missing oversize exhausted upstream"

_REFUSED = all_of(post("/gen/image", {}), read("/usage", "bad"))


def _body(function: Callable[[Json], Any]) -> seams.Apply:
    def change(_: Call, reply: Json) -> Reply:
        reply.payload = function(reply)
        return reply

    return seams.refusal(KINDS, change)


VARIANTS.group("error", _REFUSED).add(
    "error-as-text: errors are {error: text}", _body(lambda r: {"error": "No."})
).add(
    "error-as-object: errors are {error: {message, type, param, code}}",
    _body(lambda r: {"error": {"message": "No.", "type": "refused", "param": None, "code": r.status}}),
).add(
    "error-both: errors have detail and error",
    _body(lambda r: {"detail": "No.", "error": {"message": "No.", "type": "refused", "code": r.refused}}),
).add(
    "error-as-list: detail is the framework's list of places and messages",
    _body(lambda r: {"detail": [{"loc": ["body"], "msg": "No.", "type": "value_error"}]}),
)


def _as_problem(reply: Json) -> Reply:
    reply.content_type = "application/problem+json"
    return reply


VARIANTS.group("error", _REFUSED).add(
    "problem-json: errors are problem documents with title and status",
    seams.both(
        _body(lambda r: {"type": "about:blank", "title": "No.", "status": r.status, "detail": "No."}),
        seams.refusal(KINDS, lambda _, reply: _as_problem(reply)),
    ),
)


def _bytes(content: bytes, content_type: str) -> seams.Apply:
    return seams.refusal(KINDS, lambda _, reply: Data(content, content_type, reply.status, reply.headers))


VARIANTS.group("error", _REFUSED).add(
    "error-as-plain-text: a refusal is a line of text", _bytes(b"No.\n", "text/plain")
).add(
    "error-as-page: a refusal is a small page", _bytes(b"<html><body><h1>No.</h1></body></html>", "text/html")
).add("error-empty: a refusal has no body", _bytes(b"", "application/octet-stream"))


def _order(text: str) -> seams.Apply:
    return lambda lab: setattr(lab, "order", text.split())


VARIANTS.group("order", post("/gen/image", {}, "bad")).add(
    "payload-before-credential: 400 and 413 come before 401", _order("read validate size identify charge")
)

VARIANTS.group("order", generated("createVideo", prompt="x" * 9_000, ratio="9:9")).add(
    "size-before-payload: 413 comes before 400", _order("identify read size validate charge")
)


def _exhausted_first(lab: Lab) -> None:
    lab.steps["peek"] = seams.look
    lab.order = ["identify", "peek", "read", "validate", "size", "charge"]


VARIANTS.group("order", exhaust("createSfx", 1, lambda c: c.post("/gen/sfx", {}).status)).add(
    "exhausted-before-payload: 429 comes before 400 and 413", _exhausted_first
)


def _held_meanwhile(lab: Lab) -> None:
    async def hold(_: Lab, __: Call) -> None:
        await asyncio.sleep(0.02)

    def give_back(inner: Lab, call: Call, reply: Reply) -> Reply:
        metric = inner.metric_of[call.operation.id]
        if isinstance(reply, Json) and reply.refused and metric is not None and call.charged:
            inner.ledger.add(call.identity.key, metric, inner.window_of(metric, inner.clock()), -call.charged)
            call.charged = 0
        return reply

    lab.steps["hold"] = hold
    lab.order = ["identify", "charge", "hold", "read", "validate", "size"]
    # Before a refusal takes another form.
    lab.changes.insert(0, give_back)


VARIANTS.group("order", exhaust("createSfx", 1, lambda c: c.post("/gen/sfx", {}).status)).add(
    "unit-held-meanwhile: a unit is taken before the body is looked at, and given back with a refusal",
    _held_meanwhile,
)


def _headers(kinds: str, *headers: tuple[str, str]) -> seams.Apply:
    def change(_: Call, reply: Json) -> Reply:
        reply.headers += headers
        return reply

    return seams.refusal(kinds, change)


VARIANTS.group("", exhaust("createSfx", 1, lambda c: c.generate("sfx").header("retry-after"))).add(
    "retry-after: 429 says when to come back",
    _headers("exhausted", ("Retry-After", "3600"), ("X-RateLimit-Remaining", "0")),
)

VARIANTS.group("", lambda c: c.get("/usage", "bad").header("www-authenticate")).add(
    "www-authenticate: 401 names the scheme",
    _headers("credential", ("WWW-Authenticate", 'Bearer error="invalid_token"')),
)

VARIANTS.group("missing", UNKNOWN_ASSET).add(
    "gone-assets: an unknown asset is 410", seams.refused_with("missing", 410)
).add("forbidden-assets: an unknown asset is 403", seams.refused_with("missing", 403))


def _signed_out_403(lab: Lab) -> None:
    def change(_: Lab, call: Call, reply: Reply) -> Reply:
        if call.operation.id == "getSubscription" and reply.status == 401 and bearer(call.request) is None:
            reply.status = 403
        return reply

    lab.changes.append(change)


VARIANTS.group("", read("/subscription")).add(
    "signed-out-403: /subscription without a bearer is 403", _signed_out_403
)


def _strict_scheme(lab: Lab) -> None:
    async def step(_: Lab, call: Call, run: Callable[[], Any]) -> None:
        if (
            call.operation.auth != "none"
            and "authorization" in call.request.headers
            and bearer(call.request) is None
        ):
            raise Refusal("credential", "This is no bearer")
        await run()

    seams.around("identify", step)(lab)


VARIANTS.group("", bad_bearer("getUsage", "public")).add(
    "public-bearer-401: the bearer `public`, an empty bearer and other schemes are 401", _strict_scheme
)

VARIANTS.group("sizes", generated("createTts", prompt="x" * 3_000)).add(
    "larger-sizes: 413 begins at 100,000 characters of chat and 20,000 of a media prompt",
    lambda lab: lab.text_limits.update(chat=100_000, media=20_000),
)

VARIANTS.group("sizes", generated("createTts", prompt="x" * 1_500)).add(
    "smaller-sizes: 413 begins at 20,000 characters of chat and 1,000 of a media prompt",
    lambda lab: lab.text_limits.update(chat=20_000, media=1_000),
)


VARIANTS.group("sizes", generated("createTts", prompt="x" * 310_000)).add(
    "largest-sizes: 413 begins beyond 400,000 characters",
    lambda lab: lab.text_limits.update(chat=400_000, media=400_000),
).add(
    "huge-sizes: 413 begins beyond 5,000,000 characters",
    lambda lab: lab.text_limits.update(chat=5_000_000, media=5_000_000),
)


def _small_sizes_first(lab: Lab) -> None:
    lab.text_limits.update(chat=6_000, media=1_000)
    _order("read size validate identify charge")(lab)


VARIANTS.group("sizes order", generated("createTts", prompt="x" * 1_500)).add(
    "smaller-sizes-first: 413 begins at 6,000 characters of chat, and comes before 400 and 401",
    _small_sizes_first,
)


async def _by_plan(lab: Lab, call: Call, run: Callable[[], Any]) -> None:
    if call.identity.plan == "free" or len(call.raw) > 1_000_000:
        await run()


VARIANTS.group("sizes", generated("createTts", auth="LIGHTNING_JWT", prompt="x" * 3_000)).add(
    "sizes-by-plan: 413 begins at a million bytes for whoever pays", seams.around("size", _by_plan)
)


async def _bytes_too(lab: Lab, call: Call, run: Callable[[], Any]) -> None:
    kind = call.operation.text
    text = call.arguments.get("messages", call.arguments.get("prompt"))
    size = len((text if isinstance(text, str) else payloads.text_of(text)).encode(errors="replace"))
    if kind and size > 2 * lab.text_limits[kind]:
        raise Refusal("oversize", "Too many bytes")
    await run()


VARIANTS.group("", generated("createTts", prompt="雪" * 1_900)).add(
    "sizes-in-bytes: 413 counts bytes as well", seams.around("size", _bytes_too)
)
