"""Handwritten faults: the account and its usage."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from lab.faults import seams
from lab.faults.fault import Book
from lab.faults.inputs import FREE, KEY, PAID
from lab.faults.seams import at, edit, put
from lab.proofs import all_of, read
from lab.server.lab import Call, Json, Lab, Reply

BOOK = Book("handwritten")

BOOK.add(
    "models-as-html",
    "HDR-1 STAT-2",
    "/models passes the scraped page through",
    seams.instead("listModels", lambda c: seams.html()),
    read("/models"),
)

BOOK.add(
    "free-user-has-row",
    "SUB-2",
    "a free user's subscription is a list with a row of the free plan",
    edit(
        "getSubscription",
        at(
            "subscription",
            put(lambda rows: [{"status": "active", "plan_key": "free"}] if rows is None else rows),
        ),
    ),
    read("/subscription", FREE),
    credentials=FREE,
)

BOOK.add(
    "paid-subscription-is-text",
    "SUB-3",
    "a paid user's subscription is a sentence",
    edit("getSubscription", at("subscription", put(lambda rows: "AI Light until 2027" if rows else rows))),
    read("/subscription", PAID),
    credentials=PAID,
)

BOOK.add(
    "auth-type-swapped",
    "SUB-4",
    "auth_type says api_key for a token and jwt for a key",
    edit("getSubscription", at("auth_type", put(lambda kind: "jwt" if kind == "api_key" else "api_key"))),
    all_of(read("/subscription", PAID), read("/subscription", KEY)),
    credentials=f"{PAID} {KEY}",
)

BOOK.add(
    "subscription-shows-default-plan",
    "SUB-5",
    "the subscription view always says free",
    edit("getSubscription", lambda v: {**v, "plan_key": "free", "plan_name": "Free"}),
    read("/subscription", PAID),
    credentials=PAID,
)

BOOK.add(
    "subscription-plan-of-old",
    "SUB-5",
    "the subscription view has a plan key that is in no catalogue",
    edit("getSubscription", at("plan_key", put("pro"))),
    read("/subscription", PAID),
    credentials=PAID,
)

BOOK.add(
    "usage-is-a-list",
    "USE-2",
    "usage is a list of rows with a name",
    edit("getUsage", at("usage", put(lambda rows: [{"metric": k, **v} for k, v in rows.items()]))),
    read("/usage"),
)

BOOK.add(
    "usage-without-audio-until-used",
    "USE-2",
    "a metric that was not used is left out",
    edit("getUsage", at("usage", put(lambda rows: {k: v for k, v in rows.items() if v["used"]}))),
    read("/usage"),
)

BOOK.add(
    "usage-rows-are-numbers",
    "USE-3",
    "each metric is just the number of units left",
    edit("getUsage", at("usage", put(lambda rows: {k: v["remaining"] for k, v in rows.items()}))),
    read("/usage"),
)

BOOK.add(
    "remaining-is-the-limit",
    "USE-4",
    "remaining does not go down",
    edit("getUsage", at("usage.*", put(lambda row: {**row, "remaining": row["limit"]}))),
    lambda c: (c.make("image").status, c.usage()["imagesDaily"]["remaining"]),
    "sample",
)


def _limits(value: Any) -> Any:
    for row, limit in zip(value["usage"].values(), (50, 10, 3, 1), strict=True):
        row["limit"], row["remaining"] = limit, max(0, limit - row["used"])
    return value


BOOK.add(
    "usage-shows-free-limits-to-all",
    "USE-5",
    "/usage shows the limits of the free plan to a paid user",
    edit("getUsage", _limits),
    read("/usage", PAID),
    credentials=PAID,
)

BOOK.add(
    "usage-unlimited-for-all",
    "USE-5",
    "/usage shows no limits",
    edit("getUsage", at("usage.*", put(lambda row: {**row, "limit": None, "remaining": None}))),
    read("/usage"),
)

BOOK.add(
    "generated-at-of-start",
    "USE-6",
    "generated_at is the time of the server's build",
    edit("getUsage", at("generated_at", put("2026-01-01T00:00:00Z"))),
    lambda c: c.get("/usage").json["generated_at"][:10] == "2026-01-01",
)


def _is_now(text: str) -> bool:
    return abs(datetime.fromisoformat(text) - datetime.now(UTC)) < timedelta(hours=1)


def _shifted(lab: Lab) -> None:
    def change(inner: Lab, called: Call, reply: Reply) -> Reply:
        if isinstance(reply, Json) and called.operation.id == "getUsage" and reply.refused is None:
            reply.payload["generated_at"] = (
                (inner.clock() - timedelta(hours=9)).isoformat().replace("+00:00", "Z")
            )
        return reply

    lab.changes.append(change)


BOOK.add(
    "generated-at-in-local-time",
    "USE-6",
    "generated_at is hours away, in the zone of the host",
    _shifted,
    lambda c: _is_now(c.get("/usage").json["generated_at"]),
)

BOOK.add(
    "usage-plan-is-unknown",
    "USE-7",
    "the snapshot's plan is `unknown`",
    edit("getUsage", lambda v: {**v, "plan_key": "unknown", "plan_name": "Unknown"}),
    read("/usage"),
)

BOOK.add(
    "usage-all-monthly",
    "USE-8",
    "every metric has the period monthly",
    edit("getUsage", at("usage.*.period", put("monthly"))),
    read("/usage"),
)
