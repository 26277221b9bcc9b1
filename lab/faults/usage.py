"""Faults: the usage snapshot."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from lab import seams
from lab.faults.callers import PAID
from lab.faults.fault import FaultSet
from lab.faults.fields import fields
from lab.proofs import exhaust, read
from lab.seams import Run, at, edit, put
from lab.server.facts import METRICS
from lab.server.lab import Call, Json, Lab, Refusal, Reply

FAULTS = FaultSet()

fields(
    FAULTS,
    "usage",
    "USE-1",
    "getUsage",
    read("/usage"),
    "plan_key plan_name generated_at usage",
    {"plan_name": None},
)


async def _limited_as_well(lab: Lab, called: Call, run: Run) -> None:
    who, looks = called.identity, called.operation.id == "getUsage"
    limits = {metric: lab.limit_of(who, metric) for metric in METRICS}
    if looks and any(limit is not None and lab.used_of(who, m) >= limit for m, limit in limits.items()):
        raise Refusal("exhausted", "You have reached your limit")
    await run()


FAULTS.handwritten("USE-1", exhaust("createSfx", 1), spend="sample").add(
    # A limiter that was put in front of all routes.
    "usage-refused-at-the-limit: whoever has used up a metric may not look at the counters either",
    seams.around("charge", _limited_as_well),
)

FAULTS.handwritten("USE-2", read("/usage")).add(
    "usage-is-a-list: usage is a list of rows with a name",
    edit("getUsage", at("usage", put(lambda rows: [{"metric": k, **v} for k, v in rows.items()]))),
).add(
    "usage-without-audio-until-used: a metric that was not used is left out",
    edit("getUsage", at("usage", put(lambda rows: {k: v for k, v in rows.items() if v["used"]}))),
)

fields(
    FAULTS,
    "usage",
    "USE-2",
    "getUsage",
    read("/usage"),
    "usage.cloudChatDaily usage.imagesDaily usage.videosDaily usage.audioWeekly",
    {"usage": []},
)

FAULTS.handwritten("USE-3", read("/usage")).add(
    "usage-rows-are-numbers: each metric is just the number of units left",
    edit("getUsage", at("usage", put(lambda rows: {k: v["remaining"] for k, v in rows.items()}))),
)

fields(
    FAULTS,
    "usage",
    "USE-3",
    "getUsage",
    read("/usage"),
    "usage.imagesDaily.limit usage.*.used usage.videosDaily.remaining usage.audioWeekly.window "
    "usage.cloudChatDaily.period",
    {"usage.imagesDaily": 3, "usage.imagesDaily.used": "none", "usage.audioWeekly.window": None},
)

FAULTS.handwritten(
    "USE-4", lambda c: (c.generate("image").status, c.usage()["imagesDaily"]["remaining"]), spend="sample"
).add(
    "remaining-is-the-limit: remaining does not go down",
    edit("getUsage", at("usage.*", put(lambda row: {**row, "remaining": row["limit"]}))),
)


def _one_remains(payload: Any) -> Any:
    for entry in payload["usage"].values():
        if entry["remaining"] is not None:
            entry["remaining"] = max(1, entry["remaining"])
    return payload


FAULTS.handwritten("USE-4", exhaust("createSfx", 1, lambda c: c.usage()["audioWeekly"]), spend="sample").add(
    "one-always-remains: remaining never falls below one", seams.edit("getUsage", _one_remains)
)

for _name, _does, _operator, _field in (
    ("remaining-off-by-one", "remaining is one less than the limit leaves", lambda n: n - 1, "remaining"),
    ("used-minus-one", "used starts at -1", lambda n: n - 1, "used"),
    ("remaining-too-high", "remaining is one more than the limit leaves", lambda n: n + 1, "remaining"),
):
    FAULTS.mechanical("USE-4", read("/usage")).add(
        f"usage-{_name}: {_does}",
        edit("getUsage", at(f"usage.*.{_field}", put(lambda n, f=_operator: None if n is None else f(n)))),
    )


def _negative(lab: Lab) -> None:
    async def step(inner: Lab, called: Call, run: Run) -> None:
        try:
            await run()
        except Refusal:
            seams.count(inner, called.identity.key, str(inner.metric_of[called.operation.id]))
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


FAULTS.reported("USE-4 RATE-2", exhaust("createSfx", 3), spend="exhaust").add(
    # Negative remainders: jeremy/rack-ratelimit#3, alisaifee/flask-limiter#56.
    "remaining-negative: refused calls are counted and remaining goes below zero",
    _negative,
)


def _limits(value: Any) -> Any:
    for row, limit in zip(value["usage"].values(), (50, 10, 3, 1), strict=True):
        row["limit"], row["remaining"] = limit, max(0, limit - row["used"])
    return value


FAULTS.handwritten("USE-5", read("/usage", PAID), credentials=PAID).add(
    "usage-shows-free-limits-to-all: /usage shows the limits of the free plan to a paid user",
    edit("getUsage", _limits),
)

FAULTS.handwritten("USE-5", read("/usage")).add(
    "usage-unlimited-for-all: /usage shows no limits",
    edit("getUsage", at("usage.*", put(lambda row: {**row, "limit": None, "remaining": None}))),
)


def _shift_limit(value: Any, step: int) -> Any:
    for row in value["usage"].values():
        if row["limit"] is not None:
            row["limit"] += step
            row["remaining"] += step
    return value


def _swap(first: str, second: str, fields: str = "") -> Callable[[Any], Any]:
    def function(value: Any) -> Any:
        rows = value["usage"]
        if not fields:
            rows[first], rows[second] = rows[second], rows[first]
        for name in fields.split():
            rows[first][name], rows[second][name] = rows[second][name], rows[first][name]
        return value

    return function


FAULTS.mechanical("USE-5", read("/usage")).add(
    "usage-limit-plus-one: /usage reports one more than the plan's limit",
    edit("getUsage", lambda value: _shift_limit(value, 1)),
).add(
    "usage-limits-swapped: the limits of images and videos are swapped in /usage",
    edit("getUsage", _swap("imagesDaily", "videosDaily", "limit remaining")),
)

FAULTS.handwritten("USE-6", lambda c: c.get("/usage").json["generated_at"][:10] == "2026-01-01").add(
    "generated-at-of-start: generated_at is the time of the server's build",
    edit("getUsage", at("generated_at", put("2026-01-01T00:00:00Z"))),
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


FAULTS.handwritten("USE-6", lambda c: _is_now(c.get("/usage").json["generated_at"])).add(
    "generated-at-in-local-time: generated_at is hours away, in the zone of the host", _shifted
)

FAULTS.mechanical("USE-6", lambda c: c.get("/usage").json["generated_at"][:4]).add(
    "generated-at-tomorrow: generated_at is a day ahead",
    edit("getUsage", at("generated_at", put("2099-01-01T00:00:00Z"))),
)

FAULTS.mechanical("USE-6", read("/usage")).add(
    "generated-at-no-time: generated_at is not a point in time",
    edit("getUsage", at("generated_at", put("just now"))),
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


FAULTS.reported("USE-6", lambda c: (c.used(), c.generate("image").status, c.used()), spend="sample").add(
    "usage-cached: /usage is cached for five minutes, its counters and its time", _cache(300)
)

FAULTS.handwritten("USE-7", read("/usage")).add(
    "usage-plan-is-unknown: the snapshot's plan is `unknown`",
    edit("getUsage", lambda v: {**v, "plan_key": "unknown", "plan_name": "Unknown"}),
)

FAULTS.mechanical("USE-7", read("/usage")).add(
    "usage-plan-key-upper-case: plan_key is in upper case, as in no plan of the catalogue",
    edit("getUsage", at("plan_key", put(str.upper))),
).add(
    "usage-plan-name-swapped: plan_name is that of another plan",
    edit("getUsage", at("plan_name", put("AI Creator"))),
)

FAULTS.handwritten("USE-8", read("/usage")).add(
    "usage-all-monthly: every metric has the period monthly",
    edit("getUsage", at("usage.*.period", put("monthly"))),
).add(
    "usage-audio-over-a-month: the period of the weekly metric is an interval of a month",
    edit("getUsage", at("usage.audioWeekly.period", put("2026-05-01T00:00:00Z/2026-06-01T00:00:00Z"))),
)

FAULTS.mechanical("USE-8", read("/usage")).add(
    "usage-periods-swapped: videos are weekly and audio daily in /usage",
    edit("getUsage", _swap("videosDaily", "audioWeekly", "period window")),
).add(
    "usage-audio-period-daily: the weekly metric has the period daily",
    edit("getUsage", at("usage.audioWeekly.period", put("daily"))),
).add(
    "usage-chat-window-weekly: the daily chat metric has a week as its window and the period weekly",
    edit("getUsage", _swap("cloudChatDaily", "audioWeekly", "period window")),
)
