"""Faults: plans, models, status, capability checks and content types."""

from __future__ import annotations

from dataclasses import replace

from lab import seams
from lab.faults.callers import PAID
from lab.faults.fault import FaultSet
from lab.faults.fields import fields
from lab.proofs import chat, read
from lab.seams import at, edit, put
from lab.server import facts
from lab.server.lab import Call, Data, Json, Lab, Reply

FAULTS = FaultSet()

FAULTS.handwritten("HDR-1 STAT-2", read("/models")).add(
    "models-as-html: /models passes the scraped page through",
    seams.instead("listModels", lambda c: seams.html()),
)


def _plain_text(_: Call, reply: Reply) -> Reply:
    reply.content_type = "text/plain"
    return reply


FAULTS.handwritten("HDR-1", read("/subscription", PAID), credentials=PAID).add(
    "subscription-as-text: /subscription is sent as text/plain", seams.success("getSubscription", _plain_text)
)


def _no_json(_: Lab, called: Call, reply: Reply) -> Reply:
    wanted = called.request.headers.get("accept", "")
    if isinstance(reply, Json) and reply.status == 200 and wanted.startswith("application/json"):
        return Json({"detail": "Not acceptable"}, 406, refused="accept")
    return reply


FAULTS.handwritten(
    "HDR-1", lambda c: c.send("GET", "/tiers", None, {"Accept": "application/json"}).status
).add("json-not-acceptable: a client that accepts JSON is answered with 406", seams.change(_no_json))


def _typed(operations: str, content_type: str) -> seams.Apply:
    def other(_: Call, reply: Reply) -> Reply:
        reply.content_type = content_type
        return reply

    return seams.success(operations, other)


for _operation, _path, _type in (
    ("getUsage", "/usage", "text/plain"),
    ("getTierConfig", "/tier-config", "application/octet-stream"),
    ("listTiers", "/tiers", "text/html; charset=utf-8"),
    ("getStatus", "/status", ""),
):
    FAULTS.mechanical("HDR-1", read(_path)).add(
        f"{_operation}-of-another-type: {_path} is sent as {_type or 'no type at all'}",
        _typed(_operation, _type),
    )

FAULTS.reported("HDR-1 CHAT-3", chat(), spend="sample").add(
    "plain-chat-as-event-stream: a plain completion is sent as text/event-stream",
    seams.success(
        "createChatCompletion",
        lambda _c, r: replace(r, content_type="text/event-stream") if isinstance(r, Json) else r,
    ),
)

FAULTS.handwritten("STAT-1", read("/")).add(
    "site-serves-a-page: the root is a page instead of a redirect",
    seams.instead("getSite", lambda c: seams.html()),
)

FAULTS.handwritten("STAT-1", lambda c: "127.0.0.1" in str(c.get("/").header("location"))).add(
    "site-redirects-to-itself: the root redirects to its own host",
    seams.instead("getSite", lambda c: Data(b"", "text/html", 308, [("Location", str(c.request.base_url))])),
)

FAULTS.mechanical("STAT-1", read("/")).add(
    "site-redirect-302: the root redirects for now only, with 302",
    seams.data("getSite", lambda _, reply: replace(reply, status=302)),
)

FAULTS.mechanical("STAT-1", lambda c: c.get("/").header("location")).add(
    "site-without-location: the permanent redirect of the root names no target",
    seams.data("getSite", lambda _c, reply: replace(reply, headers=[])),
)

FAULTS.handwritten("STAT-2", read("/models")).add(
    "models-nameless-object: /models answers counts instead of models",
    edit("listModels", lambda rows: {"count": len(rows), "pages": 1}),
).add(
    "models-needs-a-bearer: /models is 401 without a bearer",
    seams.instead("listModels", lambda c: Json({"detail": "Sign in"}, 401)),
)

fields(FAULTS, "models", "STAT-2", "listModels", read("/models"), "*.name", {"1.name": 7})

FAULTS.reported("STAT-2", read("/models")).add(
    "scrape-failure-200: when the library page cannot be read /models is 200 with an error",
    edit("listModels", lambda _: {"error": "scrape failed"}),
)

FAULTS.handwritten("STAT-3", read("/status")).add(
    "status-is-ok: /status is the word ok", seams.instead("getStatus", lambda c: Data(b"ok", "text/plain"))
).add(
    "status-not-found: /status is 404",
    seams.instead("getStatus", lambda c: Json({"detail": "Not Found"}, 404)),
)

fields(
    FAULTS,
    "status",
    "STAT-3",
    "getStatus",
    read("/status"),
    "state services notifications latest",
    {"state": None},
)

FAULTS.reported("STAT-3", read("/status")).add(
    "status-503: /status is 503 as soon as one service is degraded",
    seams.success("getStatus", lambda _c, r: replace(r, status=503) if isinstance(r, Json) else r),
)

FAULTS.handwritten("STAT-4", read("/status/video", method="HEAD")).add(
    "head-needs-a-bearer: the capability checks are 401 without a bearer",
    seams.instead(
        "headStatusImage headStatusVideo headStatusSfx headStatusText",
        lambda c: Json({"detail": "Sign in"}, 401),
    ),
)

FAULTS.mechanical("STAT-4", read("/status/image", method="HEAD")).add(
    "head-without-content-type: the capability checks have no content type",
    _typed(" ".join(facts.HEAD_TYPES), ""),
)

for _operation, _path, _status in (
    ("headStatusVideo", "video", 405),
    ("headStatusSfx", "sfx", 404),
    ("headStatusText", "text", 500),
):
    FAULTS.mechanical("STAT-4", read(f"/status/{_path}", method="HEAD")).add(
        f"head-{_path}-{_status}: HEAD /status/{_path} answers {_status}",
        seams.instead(_operation, seams.plain_refusal(_status)),
    )


def _head_type(operation: str, content_type: str) -> seams.Apply:
    return lambda lab: lab.head_types.update({operation: content_type})


for _operation, _medium, _type in (
    ("headStatusImage", "image", "video/mp4"),
    ("headStatusVideo", "video", "image/jpeg"),
    ("headStatusSfx", "sound", "video/mp4"),
    ("headStatusText", "text", "image/png"),
):
    FAULTS.mechanical("STAT-5", read("/status/" + {"sound": "sfx"}.get(_medium, _medium), method="HEAD")).add(
        f"head-{_medium}-as-{_type.replace('/', '-')}: the capability check of {_medium} says {_type}",
        _head_type(_operation, _type),
    )

FAULTS.handwritten("TIER-1", read("/tier-config")).add(
    "default-plan-not-in-catalogue: defaultPlanKey names a plan that is not there",
    edit("getTierConfig", at("defaultPlanKey", put("starter"))),
)

fields(
    FAULTS,
    "tier-config",
    "TIER-1",
    "getTierConfig",
    read("/tier-config"),
    "defaultPlanKey",
    {"defaultPlanKey": None},
)

FAULTS.handwritten("TIER-2", read("/tier-config")).add(
    "plan-keys-repeat: two plans have the same key", edit("getTierConfig", at("plans.2.key", put("light")))
)

fields(
    FAULTS,
    "tier-config",
    "TIER-2",
    "getTierConfig",
    read("/tier-config"),
    "plans.*.key plans.*.name plans.*.url plans.*.price plans.*.limits plans.*.order",
)

FAULTS.reported("TIER-2", read("/tier-config")).add(
    "plans-by-key: plans is an object by key",
    edit("getTierConfig", at("plans", put(lambda rows: {row["key"]: row for row in rows}))),
)

FAULTS.mechanical("TIER-3", read("/tier-config")).add(
    "tier-limit-boolean: an unlimited metric is true in the catalogue",
    edit("getTierConfig", at("plans.*.limits.*", put(lambda limit: True if limit is None else limit))),
)

fields(
    FAULTS,
    "tier-config",
    "TIER-3",
    "getTierConfig",
    read("/tier-config"),
    "plans.*.limits.audioWeekly",
    {"plans.1.limits.videosDaily": "10", "plans.0.limits": [50, 10, 3, 1]},
)

FAULTS.mechanical("TIERS-1", read("/tiers")).add(
    "tiers-filter-off: /tiers does not filter and shows every plan",
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
)

FAULTS.mechanical("TIERS-1 TIERS-2", read("/tiers")).add(
    "tiers-filter-inverted: /tiers shows the free plan and none of the paid ones",
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
)

FAULTS.reported("TIERS-1", read("/tiers")).add(
    "tiers-default-by-name: the default plan is left out by a name that changed, so it shows",
    edit(
        "listTiers",
        lambda rows: [
            {"key": "free", "name": "Free Tier", "url": "", "price": "0.00", "limits": {}, "order": 0},
            *rows,
        ],
    ),
)

FAULTS.handwritten("TIERS-2", read("/tiers")).add(
    "tiers-other-prices: /tiers shows other prices than the catalogue",
    edit("listTiers", at("*.price", put("4.99"))),
).add(
    "tiers-other-names: /tiers has names of its own",
    edit("listTiers", at("*.name", put(lambda name: f"Upgrade to {name}"))),
)

FAULTS.mechanical("TIERS-2", read("/tiers")).add(
    "tiers-empty: /tiers is an empty list", edit("listTiers", lambda _: [])
)

fields(FAULTS, "tiers", "TIERS-2", "listTiers", read("/tiers"), "0")

FAULTS.reported("TIERS-2", read("/tiers")).add(
    "tiers-hidden-plan: /tiers has a plan that the catalogue hides",
    edit("listTiers", lambda rows: [*rows, {**rows[-1], "key": "enterprise", "name": "Enterprise"}]),
)
