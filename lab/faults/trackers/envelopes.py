"""Trackers faults: the shape of JSON answers."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from lab.faults import seams
from lab.faults.fault import Book
from lab.faults.inputs import FREE, PAID, Run
from lab.faults.seams import at, edit, put
from lab.proofs import chat, exhaust, read
from lab.server.lab import Call, Data, Json, Lab, Refusal, Reply

BOOK = Book("trackers")

# A response envelope that a new framework version added.
for _operation, _path, _requirement, _auth in (
    ("getSubscription", "/subscription", "SUB-1", PAID),
    ("getUsage", "/usage", "USE-1", ""),
    ("getTierConfig", "/tier-config", "TIER-1 TIER-2", ""),
    ("getStatus", "/status", "STAT-3", ""),
    ("createChatCompletion", "chat", "CHAT-2", ""),
):
    BOOK.add(
        f"{_path.strip('/')}-in-envelope",
        _requirement,
        f"the answer of {_operation} lies under `data`",
        edit(_operation, lambda v: {"data": v}),
        chat() if _path == "chat" else read(_path, _auth or None),
        "sample" if _path == "chat" else "none",
        _auth,
    )

BOOK.add(
    "no-customer-404",
    "SUB-2",
    "/subscription is 404 for a user whom the payment provider does not know",
    seams.success(
        "getSubscription",
        lambda _c, r: (
            Json({"detail": "No such customer"}, 404)
            if isinstance(r, Json) and r.payload["subscription"] is None
            else r
        ),
    ),
    read("/subscription", FREE),
    credentials=FREE,
)

BOOK.add(
    "stripe-list-object",
    "SUB-3",
    "a paid user's subscription is the provider's list object, not a list",
    edit("getSubscription", at("subscription", put(lambda rows: rows and {"object": "list", "data": rows}))),
    read("/subscription", PAID),
    credentials=PAID,
)

BOOK.add(
    "auth-type-camel-case",
    "SUB-4",
    "auth_type is JWT or apiKey",
    edit("getSubscription", at("auth_type", put(lambda kind: {"jwt": "JWT"}.get(kind, "apiKey")))),
    read("/subscription", PAID),
    credentials=PAID,
)

BOOK.add(
    "plain-chat-as-event-stream",
    "HDR-1 CHAT-3",
    "a plain completion is sent as text/event-stream",
    seams.success(
        "createChatCompletion",
        lambda _c, r: replace(r, content_type="text/event-stream") if isinstance(r, Json) else r,
    ),
    chat(),
    "sample",
)

BOOK.add(
    "plans-by-key",
    "TIER-2",
    "plans is an object by key",
    edit("getTierConfig", at("plans", put(lambda rows: {row["key"]: row for row in rows}))),
    read("/tier-config"),
)

BOOK.add(
    "tiers-hidden-plan",
    "TIERS-2",
    "/tiers has a plan that the catalogue hides",
    edit("listTiers", lambda rows: [*rows, {**rows[-1], "key": "enterprise", "name": "Enterprise"}]),
    read("/tiers"),
)

BOOK.add(
    "tiers-default-by-name",
    "TIERS-1",
    "the default plan is left out by a name that changed, so it shows",
    edit(
        "listTiers",
        lambda rows: [
            {"key": "free", "name": "Free Tier", "url": "", "price": "0.00", "limits": {}, "order": 0},
            *rows,
        ],
    ),
    read("/tiers"),
)

BOOK.add(
    "usage-plan-is-price-id",
    "USE-7 SUB-5",
    "plan_key is the payment provider's price",
    edit("getUsage", at("plan_key", put(lambda key: f"price_{key}"))),
    read("/usage"),
)


def _negative(lab: Lab) -> None:
    async def step(inner: Lab, called: Call, run: Run) -> None:
        try:
            await run()
        except Refusal:
            metric = str(inner.metric_of[called.operation.id])
            inner.ledger.add(called.identity.key, metric, inner.window_of(metric, inner.clock()))
            raise

    seams.around("charge", step)(lab)
    edit(
        "getUsage",
        at(
            "usage.*",
            put(
                lambda row: row if row["limit"] is None else {**row, "remaining": row["limit"] - row["used"]}
            ),
        ),
    )(lab)


# Negative remainders: jeremy/rack-ratelimit#3, alisaifee/flask-limiter#56.
BOOK.add(
    "remaining-negative",
    "USE-4 RATE-2",
    "refused calls are counted and remaining goes below zero",
    _negative,
    exhaust("createSfx", 3),
    "exhaust",
)


# A response cache in front of a route that changes with every call.
def _cache(seconds: float) -> seams.Apply:
    def apply(lab: Lab) -> None:
        kept: dict[str, tuple[float, Any]] = {}

        def change(_: Lab, called: Call, reply: Reply) -> Reply:
            if isinstance(reply, Json) and called.operation.id == "getUsage" and reply.refused is None:
                made, payload = kept.get(called.identity.key, (0.0, None))
                if time.monotonic() - made > seconds:
                    payload = reply.payload
                    kept[called.identity.key] = time.monotonic(), payload
                reply.payload = payload
            return reply

        lab.changes.append(change)

    return apply


BOOK.add(
    "usage-cached",
    "USE-6",
    "/usage is cached for five minutes, its counters and its time",
    _cache(300),
    lambda c: (c.used(), c.make("image").status, c.used()),
    "sample",
)

BOOK.add(
    "scrape-failure-200",
    "STAT-2",
    "when the library page cannot be read /models is 200 with an error",
    edit("listModels", lambda _: {"error": "scrape failed"}),
    read("/models"),
)

BOOK.add(
    "status-503",
    "STAT-3",
    "/status is 503 as soon as one service is degraded",
    seams.success("getStatus", lambda _c, r: replace(r, status=503) if isinstance(r, Json) else r),
    read("/status"),
)

BOOK.add(
    "site-by-script",
    "STAT-1",
    "the root is a page that forwards by script",
    seams.instead(
        "getSite",
        lambda c: Data(b'<html><script>location="https://example.com"</script></html>', "text/html"),
    ),
    read("/"),
)

# A framework that answers HEAD only where GET is declared, or the other way round.
BOOK.add(
    "head-405",
    "STAT-4",
    "HEAD is 405 on every capability check",
    seams.instead(
        "headStatusImage headStatusVideo headStatusSfx headStatusText",
        lambda c: Json({"detail": "Method Not Allowed"}, 405),
    ),
    read("/status/text", method="HEAD"),
)
