"""Faults: the subscription view."""

from __future__ import annotations

from lab import seams
from lab.faults.callers import FREE, PAID
from lab.faults.fault import FaultSet
from lab.faults.fields import fields
from lab.proofs import read
from lab.seams import at, edit, put
from lab.server.lab import Json

FAULTS = FaultSet()

fields(
    FAULTS,
    "subscription",
    "SUB-1",
    "getSubscription",
    read("/subscription", PAID),
    "email signed_up plan_key plan_name subscription auth_type",
    {"plan_key": 7, "auth_type": True},
    credentials=PAID,
)

FAULTS.handwritten("SUB-2", read("/subscription", FREE), credentials=FREE).add(
    "free-user-has-row: a free user's subscription is a list with a row of the free plan",
    edit(
        "getSubscription",
        at(
            "subscription",
            put(lambda rows: [{"status": "active", "plan_key": "free"}] if rows is None else rows),
        ),
    ),
)

FAULTS.mechanical("SUB-2", read("/subscription", "LIGHTNING_FREE_JWT"), credentials="LIGHTNING_FREE_JWT").add(
    "free-subscription-false: a free user's subscription is false",
    edit("getSubscription", at("subscription", put(lambda rows: False if rows is None else rows))),
)

FAULTS.reported("SUB-2", read("/subscription", FREE), credentials=FREE).add(
    "no-customer-404: /subscription is 404 for a user whom the payment provider does not know",
    seams.success(
        "getSubscription",
        lambda _c, r: (
            Json({"detail": "No such customer"}, 404)
            if isinstance(r, Json) and r.payload["subscription"] is None
            else r
        ),
    ),
)

FAULTS.handwritten("SUB-3", read("/subscription", PAID), credentials=PAID).add(
    "paid-subscription-is-text: a paid user's subscription is a sentence",
    edit("getSubscription", at("subscription", put(lambda rows: "AI Light until 2027" if rows else rows))),
)

FAULTS.mechanical("SUB-3", read("/subscription", PAID), credentials=PAID).add(
    "subscription-null-for-paid: a paid user's subscription is null",
    edit("getSubscription", at("subscription", put(None))),
).add(
    "subscription-single-object: a paid user's subscription is one object instead of a list",
    edit("getSubscription", at("subscription", put(lambda rows: rows[0] if rows else rows))),
)

for _value in ("jwt", "api_key"):
    FAULTS.mechanical(
        "SUB-4",
        lambda c: [c.get("/subscription", name).json for name in (PAID, "LIGHTNING_API_KEY")],
        credentials=f"{PAID} LIGHTNING_API_KEY",
    ).add(
        f"auth-type-always-{_value.replace('_', '-')}: auth_type is {_value} whatever the credential",
        edit("getSubscription", at("auth_type", put(_value))),
    )

FAULTS.reported("SUB-4", read("/subscription", PAID), credentials=PAID).add(
    "auth-type-camel-case: auth_type is JWT or apiKey",
    edit("getSubscription", at("auth_type", put(lambda kind: {"jwt": "JWT"}.get(kind, "apiKey")))),
)

FAULTS.handwritten("SUB-5", read("/subscription", PAID), credentials=PAID).add(
    "subscription-shows-default-plan: the subscription view always says free",
    edit("getSubscription", lambda v: {**v, "plan_key": "free", "plan_name": "Free"}),
).add(
    "subscription-plan-of-old: the subscription view has a plan key that is in no catalogue",
    edit("getSubscription", at("plan_key", put("pro"))),
)

FAULTS.mechanical("SUB-5", read("/subscription", PAID), credentials=PAID).add(
    "subscription-other-plan-name: the subscription view has the name of another plan",
    edit("getSubscription", at("plan_name", put("AI Core"))),
)
