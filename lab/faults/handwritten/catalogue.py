"""Handwritten faults: plans, models and status."""

from __future__ import annotations

from lab.faults import seams
from lab.faults.fault import Book
from lab.faults.seams import at, edit, put
from lab.proofs import read
from lab.server.lab import Data, Json

BOOK = Book("handwritten")

BOOK.add(
    "default-plan-not-in-catalogue",
    "TIER-1",
    "defaultPlanKey names a plan that is not there",
    edit("getTierConfig", at("defaultPlanKey", put("starter"))),
    read("/tier-config"),
)

BOOK.add(
    "plan-keys-repeat",
    "TIER-2",
    "two plans have the same key",
    edit("getTierConfig", at("plans.2.key", put("light"))),
    read("/tier-config"),
)

BOOK.add(
    "plan-limits-without-audio",
    "TIER-3",
    "only the limits of the day are in the catalogue",
    edit(
        "getTierConfig",
        at("plans.*.limits", put(lambda limits: {k: v for k, v in limits.items() if "Daily" in k})),
    ),
    read("/tier-config"),
)

BOOK.add(
    "tiers-with-free-plan-last",
    "TIERS-1",
    "the free plan stands at the end of /tiers",
    edit(
        "listTiers",
        lambda rows: [
            *rows,
            {"key": "free", "name": "Free", "url": "", "price": "0.00", "limits": {}, "order": 9},
        ],
    ),
    read("/tiers"),
)

BOOK.add(
    "tiers-other-prices",
    "TIERS-2",
    "/tiers shows other prices than the catalogue",
    edit("listTiers", at("*.price", put("4.99"))),
    read("/tiers"),
)

BOOK.add(
    "tiers-other-names",
    "TIERS-2",
    "/tiers has names of its own",
    edit("listTiers", at("*.name", put(lambda name: f"Upgrade to {name}"))),
    read("/tiers"),
)

BOOK.add(
    "site-serves-a-page",
    "STAT-1",
    "the root is a page instead of a redirect",
    seams.instead("getSite", lambda c: seams.html()),
    read("/"),
)

BOOK.add(
    "site-redirects-to-itself",
    "STAT-1",
    "the root redirects to its own host",
    seams.instead("getSite", lambda c: Data(b"", "text/html", 308, [("Location", str(c.request.base_url))])),
    lambda c: "127.0.0.1" in str(c.get("/").header("location")),
)

BOOK.add(
    "models-nameless-object",
    "STAT-2",
    "/models answers counts instead of models",
    edit("listModels", lambda rows: {"count": len(rows), "pages": 1}),
    read("/models"),
)

BOOK.add(
    "models-needs-a-bearer",
    "STAT-2",
    "/models is 401 without a bearer",
    seams.instead("listModels", lambda c: Json({"detail": "Sign in"}, 401)),
    read("/models"),
)

BOOK.add(
    "status-is-ok",
    "STAT-3",
    "/status is the word ok",
    seams.instead("getStatus", lambda c: Data(b"ok", "text/plain")),
    read("/status"),
)

BOOK.add(
    "status-not-found",
    "STAT-3",
    "/status is 404",
    seams.instead("getStatus", lambda c: Json({"detail": "Not Found"}, 404)),
    read("/status"),
)

BOOK.add(
    "head-needs-a-bearer",
    "STAT-4",
    "the capability checks are 401 without a bearer",
    seams.instead(
        "headStatusImage headStatusVideo headStatusSfx headStatusText",
        lambda c: Json({"detail": "Sign in"}, 401),
    ),
    read("/status/video", method="HEAD"),
)

BOOK.add(
    "head-types-rotated",
    "STAT-5",
    "the capability checks answer for one another",
    lambda lab: lab.head_types.update(
        headStatusImage="video/mp4", headStatusVideo="audio/mpeg", headStatusSfx="image/jpeg"
    ),
    read("/status/image", method="HEAD"),
)

BOOK.add(
    "head-all-images",
    "STAT-5",
    "every capability check says image/png",
    lambda lab: lab.head_types.update(dict.fromkeys(lab.head_types, "image/png")),
    read("/status/sfx", method="HEAD"),
)
