"""Mechanical faults: the account and its usage."""

from __future__ import annotations

from dataclasses import replace

from lab.faults import seams
from lab.faults.fault import Book
from lab.faults.inputs import PAID, SUBSCRIPTION, TIER_CONFIG, TIERS
from lab.faults.seams import at, edit, put
from lab.proofs import read
from lab.server import facts
from lab.server.lab import Json

BOOK = Book("mechanical")

BOOK.add(
    "subscription-null-for-paid",
    "SUB-3",
    "a paid user's subscription is null",
    edit("getSubscription", at("subscription", put(None))),
    SUBSCRIPTION,
    credentials=PAID,
)

BOOK.add(
    "subscription-single-object",
    "SUB-3",
    "a paid user's subscription is one object instead of a list",
    edit("getSubscription", at("subscription", put(lambda rows: rows[0] if rows else rows))),
    SUBSCRIPTION,
    credentials=PAID,
)

BOOK.add(
    "free-subscription-false",
    "SUB-2",
    "a free user's subscription is false",
    edit("getSubscription", at("subscription", put(lambda rows: False if rows is None else rows))),
    read("/subscription", "LIGHTNING_FREE_JWT"),
    credentials="LIGHTNING_FREE_JWT",
)

BOOK.add(
    "free-subscription-object",
    "SUB-2",
    "a free user's subscription is an object of the free plan",
    edit("getSubscription", at("subscription", put(lambda rows: {"plan": "free"} if rows is None else rows))),
    read("/subscription", "LIGHTNING_FREE_JWT"),
    credentials="LIGHTNING_FREE_JWT",
)

for _value in ("jwt", "api_key"):
    BOOK.add(
        f"auth-type-always-{_value.replace('_', '-')}",
        "SUB-4",
        f"auth_type is {_value} whatever the credential",
        edit("getSubscription", at("auth_type", put(_value))),
        lambda c: [c.get("/subscription", name).json for name in (PAID, "LIGHTNING_API_KEY")],
        credentials=f"{PAID} LIGHTNING_API_KEY",
    )

BOOK.add(
    "auth-type-null",
    "SUB-4",
    "auth_type is null",
    edit("getSubscription", at("auth_type", put(None))),
    SUBSCRIPTION,
    credentials=PAID,
)

BOOK.add(
    "subscription-other-plan-key",
    "SUB-5",
    "the subscription view names the next plan of the catalogue",
    edit("getSubscription", at("plan_key", put("core"))),
    SUBSCRIPTION,
    credentials=PAID,
)

BOOK.add(
    "subscription-other-plan-name",
    "SUB-5",
    "the subscription view has the name of another plan",
    edit("getSubscription", at("plan_name", put("AI Core"))),
    SUBSCRIPTION,
    credentials=PAID,
)

BOOK.add(
    "api-key-resolves-to-other-plan",
    "AUTH-3",
    "an API key gets the next plan of the catalogue",
    seams.resolve(lambda _l, _c, who: replace(who, plan="core") if who.auth_type == "api_key" else who),
    read("/usage", "LIGHTNING_API_KEY"),
    credentials=f"{PAID} LIGHTNING_API_KEY",
)

BOOK.add(
    "tiers-empty",
    "TIERS-2",
    "/tiers is an empty list",
    edit("listTiers", lambda _: []),
    TIERS,
)

BOOK.add(
    "tiers-filter-off",
    "TIERS-1",
    "/tiers does not filter and shows every plan",
    seams.instead(
        "listTiers",
        lambda c: Json(
            [
                {
                    "key": p.key,
                    "name": p.name,
                    "url": p.url,
                    "price": p.price,
                    "limits": dict(p.limits),
                    "order": n,
                }
                for n, p in enumerate(facts.PLANS)
            ]
        ),
    ),
    TIERS,
)

BOOK.add(
    "tiers-filter-inverted",
    "TIERS-1 TIERS-2",
    "/tiers shows the free plan and none of the paid ones",
    seams.instead(
        "listTiers",
        lambda c: Json(
            [
                {
                    "key": "free",
                    "name": "Free",
                    "url": "",
                    "price": "0.00",
                    "limits": dict(facts.PLANS[0].limits),
                    "order": 0,
                }
            ]
        ),
    ),
    TIERS,
)

BOOK.add(
    "tier-limit-boolean",
    "TIER-3",
    "an unlimited metric is true in the catalogue",
    edit("getTierConfig", at("plans.*.limits.*", put(lambda limit: True if limit is None else limit))),
    TIER_CONFIG,
)
